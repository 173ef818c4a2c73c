/*
 * libxiaoer: a thin client of the floor server, over nanomsg.
 *
 * It connects, logs in, keeps the lease alive, sends commands exactly once (the same counter again
 * after a lost connection), and delivers the feed of updates without a gap, over reconnects and
 * restarts of the server. It does not draw, store or print anything, starts no thread of its own
 * (nanomsg has one I/O thread in the process) and has no global state.
 *
 * A handle belongs to one thread. All calls return at once. The caller polls xr_client_fd for
 * reading, for at most xr_client_wait_ms, and then calls xr_client_turn; then it takes events with
 * xr_client_next until there is none.
 *
 * Events that were not taken stay, and hold back what comes after them. (client/examples/minimal.c
 * is the whole program.)
 *
 *     while (running) {
 *         poll(&(struct pollfd){xr_client_fd(c), POLLIN, 0}, 1, xr_client_wait_ms(c));
 *         xr_client_turn(c);
 *         while (xr_client_next(c, &event))
 *             handle(&event);
 *     }
 *
 * Messages are the structs of proto/wire.h, named by their type.
 */
#ifndef XIAOER_CLIENT_H
#define XIAOER_CLIENT_H

#include <xiaoer/status.h>

struct xr_client;

struct xr_client_options {
    size_t size;          /* sizeof(struct xr_client_options) */
    const char *address;  /* "tcp://127.0.0.1:7400" or "ipc:///path/to/socket" */
    const char *floor;    /* name of the floor */
    const char *login;    /* with password; NULL with a token */
    const char *password; /* may be overwritten after xr_client_new returns */
    const uint8_t *token; /* 32 bytes; with login and password too: they are used where the token
                             is no longer known; NULL: none */
    bool feed;            /* receive updates */
    bool resume;          /* begin the feed after `cursor` instead of with what is new */
    uint64_t cursor;
    const char *client;     /* "program/version", shown to supervisors */
    uint32_t retry_min_ms;  /* reconnecting: first delay bound, default 100 */
    uint32_t retry_max_ms;  /* largest delay bound, full jitter, default 10,000 */
    uint32_t in_flight_max; /* commands without an answer, default and at most 1,024 */
};

enum xr_client_state {
    XR_CLIENT_CONNECTING, /* no answer to hello yet, or trying again */
    XR_CLIENT_READY,      /* logged in */
    XR_CLIENT_REFUSED,    /* log-in refused for good: see the error event; the handle stays dead */
    XR_CLIENT_CLOSED,     /* xr_client_close was called and is through */
};

enum xr_client_event_kind {
    XR_CLIENT_STATE,  /* `state` has changed; READY carries `message` = struct xr_welcome, REFUSED
                         struct xr_error */
    XR_CLIENT_ANSWER, /* to a command or query: `ref` as returned by send */
    XR_CLIENT_UPDATE, /* of the feed, in order, each once; `seq` is acknowledged by the next turn */
    XR_CLIENT_RESYNC, /* too far behind: ask for what you show; the feed goes on after `seq` */
};

/* What has happened. Pointers live until the next call of xr_client_turn. */
struct xr_client_event {
    enum xr_client_event_kind kind;
    enum xr_client_state state;
    uint64_t ref;        /* ANSWER */
    uint64_t seq;        /* UPDATE, RESYNC */
    uint32_t type;       /* enum xr_type of message; 0: none, or from a newer server */
    const void *message; /* its struct; NULL where type is 0 */
};

/*
 * Make a handle and begin to connect. Copies what the options point at; the password is kept in
 * locked memory until a token has been received, then wiped.
 *
 * XR_OK, XR_BAD (an option is missing or wrong), XR_NOMEM, XR_IO (nanomsg refused; errno).
 */
XR_API enum xr_status xr_client_new(const struct xr_client_options *options,
                                    struct xr_client **out) XR_MUST_USE;

/* End at once; what was not sent is not sent. NULL is fine. */
XR_API void xr_client_free(struct xr_client *client);

/* Say bye, so that the lease ends now; the state becomes CLOSED when it is sent. */
XR_API void xr_client_close(struct xr_client *client);

/* The descriptor to poll for reading. Never read from it, never close it. Valid until free. */
XR_API int xr_client_fd(const struct xr_client *client);

/* How long to poll at most: ms until the next heartbeat, retry or time-out; 0: now. */
XR_API int xr_client_wait_ms(const struct xr_client *client);

/* Receive, answer, retry, acknowledge: at most 256 messages, then return. */
XR_API void xr_client_turn(struct xr_client *client);

/* The next event; false: none left. */
XR_API bool xr_client_next(struct xr_client *client, struct xr_client_event *out);

/*
 * Send a command or a query. May be called in any state but REFUSED and CLOSED: before the log-in
 * it is kept and sent when it is through.
 *
 * type     enum xr_type of a COMMAND or a QUERY
 * message  its struct; copied. Field `done` is set by the library
 * ref      receives the number that the answer will carry; may be NULL
 *
 * XR_OK, or
 *   XR_FULL    in_flight_max commands have no answer yet
 *   XR_BAD     not a command or query, or a field out of its range
 *   XR_CLOSED  refused or closed
 *   XR_NOMEM
 *
 * Frames gather and are sent with the next turn, or when 64 KiB are together.
 */
XR_API enum xr_status xr_client_send(struct xr_client *client, uint32_t type, const void *message,
                                     uint64_t *ref) XR_MUST_USE;

/* Send what has gathered now instead of with the next turn. */
XR_API void xr_client_flush(struct xr_client *client);

/*
 * Pause the feed: nothing is taken from the socket and nothing acknowledged until resumed. Answers
 * wait with the updates; heartbeats go on. The server ends a connection on which nothing is
 * acknowledged for long (30 s): after resuming the handle connects again, with its cursor.
 */
XR_API void xr_client_pause(struct xr_client *client, bool paused);

XR_API enum xr_client_state xr_client_get_state(const struct xr_client *client);
/* The last update acknowledged: where a later handle can resume. */
XR_API uint64_t xr_client_cursor(const struct xr_client *client);
/* Copy the device's token; false: none yet. */
XR_API bool xr_client_token(const struct xr_client *client, uint8_t out[32]);
/* Commands without an answer. */
XR_API uint32_t xr_client_in_flight(const struct xr_client *client);
/* Times the connection was made anew. */
XR_API uint64_t xr_client_reconnects(const struct xr_client *client);

#endif
