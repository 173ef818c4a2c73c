/*
 * SP on libuv: the server's side of request/reply in raw mode, over TCP and Unix sockets.
 *
 * It greets, cuts the stream into messages, checks their header, hands their payload on, and
 * gathers what is to be sent: everything put for one connection in one turn of the loop leaves in
 * one write, in as few SP messages as may be. It knows no frames.
 *
 * All calls come from the loop's thread, at any moment, in any callback. Closing is deferred: after
 * xr_sp_close or xr_sp_finish no callback but on_close comes, and on_close comes from the loop.
 */
#ifndef XR_GATE_SP_H
#define XR_GATE_SP_H

#include <uv.h>

#include "metrics.h"
#include "proto/limits.h"
#include "proto/mem.h"

#define XR_SP_ADDRESS_MAX 128 /* bytes of an address as text, terminated */

struct xr_sp;
struct xr_sp_conn;

struct xr_sp_options {
    uv_loop_t *loop;
    struct xr_metrics *metrics;
    uint32_t connections_max;
    uint32_t greeting_ms;   /* until the peer's greeting must be there */
    uint32_t finish_ms;     /* how long xr_sp_finish waits for the peer */
    size_t queue_bytes;     /* of one connection: xr_sp_is_full from here on */
    size_t queue_bytes_all; /* of all together: beyond, whoever has anything queued is full */
    size_t queue_bytes_max; /* beyond, the connection is closed: only a bug of ours gets there */
    void *context;

    /* A peer has greeted. Returns the owner's object for this connection; NULL: close. */
    void *(*on_open)(void *context, struct xr_sp_conn *conn);
    /*
     * The payload of a message, or what is left of it; may be written to (secrets are wiped).
     * is_first tells a new message. Returns how many bytes are done with: fewer than `size` stops
     * reading, and the rest comes again after xr_sp_resume.
     */
    size_t (*on_payload)(void *owner, uint8_t *bytes, size_t size, bool is_first);
    void (*on_room)(void *owner);  /* xr_sp_is_full was true, and there is room again */
    void (*on_alarm)(void *owner); /* xr_sp_alarm */
    void (*on_close)(void *owner); /* the last call: the connection is freed after it */
};

/* XR_OK, XR_NOMEM, XR_IO. The options are copied. */
enum xr_status xr_sp_new(const struct xr_sp_options *options, struct xr_sp **out) XR_MUST_USE;

/*
 * Listen on "tcp://127.0.0.1:7400" (loopback only; port 0: any) or "ipc:///path" (mode 0600).
 *
 * actual  receives the address with the real port, terminated
 * why     receives a static text where it fails
 *
 * XR_OK, or
 *   XR_BAD  not an address, or one that is not on this machine alone
 *   XR_IO   the system refused
 */
enum xr_status xr_sp_listen(struct xr_sp *sp, const char *address, char actual[XR_SP_ADDRESS_MAX],
                            const char **why) XR_MUST_USE;

/* Stop listening; connections stay. */
void xr_sp_deaf(struct xr_sp *sp);

/* Stop listening, finish every connection, close; then the object frees itself and calls
 * on_stopped, all from the loop. */
void xr_sp_stop(struct xr_sp *sp, void (*on_stopped)(void *context), void *context);

/* Send what has been put, now instead of at the end of the turn. */
void xr_sp_flush(struct xr_sp *sp);

/*
 * Room for one frame of `size` bytes, to be filled at once. NULL: the connection is closing, or was
 * closed just now because its queue is over the hard limit or there is no memory.
 */
uint8_t *xr_sp_put(struct xr_sp_conn *conn, size_t size) XR_MUST_USE;

/* Bytes put and not yet taken by the system. */
size_t xr_sp_queued(const struct xr_sp_conn *conn);
/* Stop putting what can wait: on_room comes when half of queue_bytes is left, or less. */
bool xr_sp_is_full(struct xr_sp_conn *conn);
/* Loop time of the last moment at which the queue was empty or the system took something. */
uint64_t xr_sp_moved_ms(const struct xr_sp_conn *conn);

/* A message that announces a longer payload closes; XR_SP_MESSAGE_BYTES_MAX until this is called.
 */
void xr_sp_allow(struct xr_sp_conn *conn, size_t message_bytes_max);
/* Go on after on_payload left a rest. Nothing is called from inside. */
void xr_sp_resume(struct xr_sp_conn *conn);
/* on_alarm after `ms`, once; replaces the last. */
void xr_sp_alarm(struct xr_sp_conn *conn, uint64_t ms);

/* Close now; what is queued is dropped. */
void xr_sp_close(struct xr_sp_conn *conn);
/* Send what is queued, then close: when the peer has closed too, or after finish_ms. */
void xr_sp_finish(struct xr_sp_conn *conn);
bool xr_sp_is_closing(const struct xr_sp_conn *conn);

/* Who it is, as far as the system knows: "127.0.0.1" or "unix". Lives as long as the connection. */
const char *xr_sp_peer(const struct xr_sp_conn *conn);

#endif
