/*
 * The inside of talk.h; only talk.c (the connection, time, what is said) and talk_frames.c (what
 * comes) include this.
 */
#ifndef XR_CLIENT_TALK_INSIDE_H
#define XR_CLIENT_TALK_INSIDE_H

#include "client/lib/outbox.h"
#include "client/lib/talk.h"

enum xr_talk_phase {
    XR_TALK_WAITING,
    XR_TALK_DIALING,
    XR_TALK_GREETING,
    XR_TALK_READY,
    XR_TALK_LEAVING,
    XR_TALK_REFUSED,
    XR_TALK_OVER,
};

struct xr_talk {
    enum xr_talk_phase phase;
    int64_t due_ms;     /* WAITING: dial; DIALING, GREETING, LEAVING: give up */
    int64_t hello_ms;   /* GREETING: say hello then; INT64_MAX: it is said */
    bool bye_said;      /* LEAVING */
    uint32_t failures;  /* in a row: the bound of the next delay */
    uint64_t random;    /* state of the generator for the jitter */
    uint64_t control;   /* refs given to hello and beat */
    uint64_t hello_ref; /* of the hello that is under way */
    uint64_t welcomes;

    struct xr_client_options options; /* its pointers are not used */
    char floor[XR_NAME_MAX * 4 + 1];
    char login[XR_LOGIN_MAX * 4 + 1];
    char client[XR_NAME_MAX * 4 + 1];
    char *password; /* sodium_malloc; NULL: none, or no longer needed */
    uint8_t token[XR_TOKEN_BYTES];
    bool has_token;

    int64_t beat_every_ms;
    int64_t beat_ms;    /* the next one is due */
    int64_t unheard_ms; /* a beat was sent then, nothing has come since; 0: none */
    bool beat_now;

    uint64_t last;    /* the end of the chain: seq of the last update or marker */
    uint64_t taken;   /* the last update that the caller took */
    uint64_t ackable; /* the last that was taken before this turn */
    uint64_t acked;   /* what the last ack said */
    bool began;       /* the feed has a place to go on from */

    struct xr_outbox box;
    struct xr_arena *arena; /* of received frames */
    size_t turn_bytes;
    bool backlog; /* events of an earlier turn were not taken */
    struct xr_client_event *events;
    size_t event_count;
    size_t event_next;
    size_t event_capacity;
};

/* Tell the caller. false: no memory. What is not kept here comes again after a new connection. */
bool xr_talk_push(struct xr_talk *talk, struct xr_client_event event);

/* The caller learns of a change of state; a lost event of that kind is only news that is late. */
void xr_talk_change(struct xr_talk *talk, enum xr_talk_phase phase, enum xr_type type,
                    const void *message);

/* Give the connection up and make another after a while. */
void xr_talk_dial_again(struct xr_talk *talk, int64_t now_ms);

/* Say hello at that time, on the connection there is. */
void xr_talk_greet(struct xr_talk *talk, int64_t hello_ms);

/* REFUSED or OVER; `error` may be NULL. */
void xr_talk_end(struct xr_talk *talk, enum xr_talk_phase phase, const struct xr_error *error);

void xr_talk_forget_password(struct xr_talk *talk);

/* A random number, for jitter. */
uint64_t xr_talk_draw(struct xr_talk *talk);

#endif
