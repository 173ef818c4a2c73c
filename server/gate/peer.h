/*
 * The inside of the gate; only files of server/gate include this. One connection and what the gate
 * knows of it, and the gate itself. All of it belongs to the loop's thread.
 *
 * Jobs and effects name a connection by its origin, never by a pointer: it may be gone meanwhile.
 */
#ifndef XR_GATE_PEER_H
#define XR_GATE_PEER_H

#include <sys/queue.h>

#include "gate/gate.h"
#include "gate/map.h"
#include "gate/pool.h"
#include "gate/rate.h"
#include "gate/tail.h"

#define XR_PEER_IN_FLIGHT_MAX 1024 /* commands without an answer */
#define XR_PEER_QUERIES_MAX   4    /* queries under way */

enum xr_peer_state {
    XR_PEER_NEW,
    XR_PEER_LOGIN,
    XR_PEER_READY,
    XR_PEER_LEAVING, /* nothing it sends counts any more */
};

/* Why frames of this connection are not taken now, and so what makes them be taken again. */
enum xr_wait {
    XR_WAIT_NONE,
    XR_WAIT_LOGIN,   /* the log-in ends */
    XR_WAIT_RATE,    /* the alarm */
    XR_WAIT_OUTPUT,  /* the peer takes what is queued */
    XR_WAIT_FLIGHT,  /* an answer */
    XR_WAIT_ANSWERS, /* the last answer: a query sees what was written before it */
    XR_WAIT_QUERIES, /* a query of this peer is through */
    XR_WAIT_HASH,    /* its password is hashed */
    XR_WAIT_ROOM,    /* room in a queue that all share: on the gate's list */
};

/* An update sent and not acknowledged. */
struct xr_sent {
    uint64_t seq;
    uint32_t bytes;
};

/* What a connection has of the feed of its floor. */
struct xr_feed {
    bool is_on;
    bool is_live; /* else behind */
    bool has_job; /* a scan of the journal is under way */
    bool is_due;  /* on the gate's list of those to be served */
    uint64_t
        position; /* rows up to here are done with; live: those up to here are not sent again */
    uint64_t last_sent;   /* seq of the last update or marker */
    struct xr_sent *sent; /* a ring */
    uint32_t sent_max;    /* 0 or a power of two */
    uint32_t sent_first;
    uint32_t sent_count;
    uint64_t sent_bytes;
    uint64_t full_ms; /* loop time since when the window is full; 0: it is not */
};

struct xr_login;

struct xr_peer {
    struct xr_sp_conn *conn;
    struct xr_gate *gate;
    uint64_t origin;
    enum xr_peer_state state;
    enum xr_wait wait;
    TAILQ_ENTRY(xr_peer) waiting; /* while wait is ROOM */
    struct xr_login *login;       /* in state LOGIN */

    uint32_t floor; /* from attaching on */
    struct xr_agent_id agent;
    enum xr_role role;
    struct xr_device_id device; /* 0: no lease to end */

    uint64_t opened_ms; /* loop time */
    uint64_t heard_ms;  /* last frame */
    struct xr_rate rate;
    bool is_paid;       /* the frame at hand has passed the rate */
    uint32_t frames;    /* of the message at hand */
    uint32_t in_flight; /* commands without an answer */
    uint32_t queries;   /* under way */

    struct xr_feed feed;
    TAILQ_ENTRY(xr_peer) same_role;
    TAILQ_ENTRY(xr_peer) due;
    struct xr_peer *account_next; /* feeds of the same account; the first is in the map */
    struct xr_peer *account_prev;
};

TAILQ_HEAD(xr_peer_list, xr_peer);

#define XR_ROLES 5 /* enum xr_role, 0 included */

/* A floor, as far as feeds go. */
struct xr_hall {
    struct xr_hall *next;
    uint32_t floor;
    uint64_t live; /* position up to which updates have been handed on */
    struct xr_tail tail;
    struct xr_peer_list by_role[XR_ROLES];
};

struct xr_gate {
    struct xr_gate_options options;
    struct xr_metrics metrics;
    struct xr_engine *engine; /* NULL before open and after pause */
    struct xr_sp *sp;
    struct xr_pool *hashers;
    struct xr_pool *readers;
    struct xr_bus *bus;             /* NULL: off */
    struct xr_tries *account_tries; /* failed log-ins with a password, by floor and login */
    struct xr_tries *address_tries; /* the same by address */
    struct xr_tries *token_tries;   /* with a token that has not been seen here, by address */
    uv_async_t async;
    uv_mutex_t mutex; /* guards the outcomes */
    struct xr_outcome *outcomes;
    struct xr_outcome **outcomes_end;

    uint64_t origin_last;
    struct xr_map by_origin;  /* every peer */
    struct xr_map by_device;  /* who holds it */
    struct xr_map by_account; /* first feed of floor << 32 | agent */
    struct xr_map known;      /* tokens that were let in, by the first bytes of their hash */
    struct xr_map halls;      /* by floor */
    struct xr_hall *hall_list;
    struct xr_peer_list waiting; /* for room */
    struct xr_peer_list due;     /* feeds to be served with the next turn */

    struct xr_submission *events; /* our own, for which the engine had no room */
    struct xr_submission **events_end;

    struct xr_arena *arena; /* of one frame */
    struct xr_buf scratch;  /* one frame being encoded */
    struct xr_buf body;     /* one event being encoded */
    bool is_paused;
    char dummy_hash[128]; /* of nobody's password */
    void (*on_stopped)(void *context);
    void *stopped_context;
};

/* ---- peer.c ---- */

/* The handlers for sp.h; context is the gate. */
void *xr_peer_open(void *gate, struct xr_sp_conn *conn);
void xr_peer_on_room(void *peer);
void xr_peer_on_alarm(void *peer);
void xr_peer_on_close(void *peer);

/* Loop time in ms. */
uint64_t xr_gate_now(const struct xr_gate *gate);

/* Put one frame; dropped where the connection is closing. */
void xr_peer_send(struct xr_peer *peer, enum xr_type type, uint64_t ref, const void *message);
void xr_peer_send_bytes(struct xr_peer *peer, struct xr_bin frame);

/* An error for a frame. `field` is a static text or NULL. */
void xr_peer_refuse(struct xr_peer *peer, uint64_t ref, enum xr_code code, const char *field,
                    uint64_t retry_ms);

/* Stop taking frames until xr_peer_resume; ROOM joins the gate's list. */
void xr_peer_wait(struct xr_peer *peer, enum xr_wait wait);
void xr_peer_resume(struct xr_peer *peer);
/* Let up to `count` of those go on who wait for room. */
void xr_gate_resume_some(struct xr_gate *gate, size_t count);

/* It holds `device` from now on. */
void xr_peer_attach(struct xr_peer *peer, uint32_t floor, struct xr_agent_id agent,
                    enum xr_role role, struct xr_device_id device);

/*
 * End it: its lease, with an event, unless why is NONE (the floor knows), then the connection, with
 * a goodbye unless code is NONE.
 */
void xr_peer_leave(struct xr_peer *peer, enum xr_gone_reason why, enum xr_code code,
                   const char *text);

/* Hand an event of the gate's own to the engine; where there is no room, keep it until there is. */
void xr_gate_tell(struct xr_gate *gate, uint32_t floor, uint64_t origin, enum xr_type type,
                  const void *message);
/* Try again with those that are kept. */
void xr_gate_tell_kept(struct xr_gate *gate);
/* A submission with a copy of `body`. Ends the process where there is no memory. */
struct xr_submission *xr_gate_make(uint32_t floor, uint64_t origin, enum xr_type type,
                                   struct xr_bin body);

#endif
