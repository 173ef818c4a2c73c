/*
 * The inside of the engine; only files of server/engine include this.
 *
 * Way of a batch, all on the floor thread:
 *     gather (turn.c)   kept events of the server, due ticks, what was submitted; stamped
 *     carry out         encode; begin; step each event; settle each floor; log row, meta; commit
 *     deliver           effects go out, submissions are freed, deadlines read anew
 * and where there was no room to carry it out:
 *     drop (drop.c)     abort; load the touched floors again; answer the commands with `storage`;
 *                       keep what the server itself has to say for the next try
 */
#ifndef XR_ENGINE_SHARD_H
#define XR_ENGINE_SHARD_H

#include "engine/inbox.h"
#include "engine/local.h"
#include "engine/meta.h"
#include "engine/outcome.h"
#include "engine/registry.h"

#define XR_RETRY_NS        UINT64_C(250000000) /* between two tries while read-only */
#define XR_OUTAGE_MS_MAX   (INT64_C(7) * 24 * 3600 * 1000)
#define XR_SLEEP_MS_MAX    10000 /* the sleep's clock stands still while the machine sleeps */
#define XR_FORGET_PER_TURN 4     /* rows of the log deleted with one batch */

/* A floor as the engine holds it; by number. */
struct xr_shop {
    struct xr_floor *floor; /* NULL: no floor of that number */
    int64_t deadline;       /* floor_ms, as of its last batch */
    bool is_touched;        /* by the batch at hand */
    bool is_new;            /* founded by the batch at hand */
};

/* The oldest row of the log, and how far it is to be forgotten with the batch at hand. */
struct xr_retention {
    uint64_t oldest;    /* batch number; 0: not looked at yet */
    int64_t wall_ms;    /* of it */
    uint64_t bytes;     /* of it */
    uint64_t log_bytes; /* of all that stay */
    uint64_t forget;    /* up to and with this one; 0: none */
};

/* The batch at hand. */
struct xr_turn {
    struct xr_submission *at[XR_BATCH_EVENTS_MAX];
    uint8_t random[XR_BATCH_EVENTS_MAX][16];
    uint32_t touched[XR_BATCH_EVENTS_MAX]; /* numbers of floors */
    uint32_t count;
    uint32_t counted; /* of these, counted by the inbox */
    uint32_t touched_count;
    size_t bytes;
    bool is_stepped; /* the indexes may be ahead of the tables */
    struct xr_batch_head head;
    struct xr_buf encoded;
    struct xr_buf row; /* meta */
    struct xr_arena *bodies;
    struct xr_meta meta; /* as it will be */
    struct xr_retention retention;
    struct xr_outcome *outcome;
    uint64_t step_ns;
    uint64_t commit_ns;
};

struct xr_engine {
    struct xr_engine_options options;
    struct xr_local local;
    struct xr_log *log;
    struct xr_inbox inbox;
    struct xr_registry registry;
    struct xr_outcome_pool *pool;
    pthread_t thread;

    /* the floor thread's */
    struct xr_meta meta; /* as committed */
    struct xr_retention retention;
    uint64_t epoch;
    int64_t base_floor_ms; /* floor_ms at base_mono_ns */
    uint64_t base_mono_ns;
    struct xr_shop *shops; /* by number; [0] is none */
    uint32_t shop_count;
    struct xr_submissions pending; /* taken from the inbox */
    struct xr_submissions kept;    /* the server's own, to go first */
    struct xr_turn turn;
    bool is_read_only;
    uint64_t retry_ns; /* when the next try is due, while read-only */

    pthread_mutex_t figures_lock;
    struct xr_engine_figures figures;
};

/* ---- engine.c ---- */

/* A submission of the engine itself. Ends the process where there is no memory. */
struct xr_submission *xr_engine_make(uint32_t floor, enum xr_type type, const void *message);
/* The world broke: say so and end the process; the next start verifies. */
_Noreturn void xr_engine_die(const char *what, enum xr_status status);
/* Turn read-only or writable, and tell. */
void xr_engine_say_read_only(struct xr_engine *engine, bool read_only);
/* The floor's time now. Never before that of the last batch. */
int64_t xr_engine_floor_ms(const struct xr_engine *engine);
/* Place for a floor of that number. */
struct xr_shop *xr_engine_shop(struct xr_engine *engine, uint32_t number);

/* ---- turn.c ---- */

/* Fill the turn with what is due and what waits, and stamp it. */
void xr_turn_gather(struct xr_engine *engine);
/* XR_OK: durable. XR_STORAGE: nothing has been written; drop it. */
enum xr_status xr_turn_carry_out(struct xr_engine *engine) XR_MUST_USE;
/* After XR_OK. */
void xr_turn_deliver(struct xr_engine *engine);

/* ---- drop.c ---- */

/* After XR_STORAGE: as if the batch had never been, but for the answers. */
void xr_turn_drop(struct xr_engine *engine);
/* Read-only, and no try is due: refuse what waits. */
void xr_turn_refuse_waiting(struct xr_engine *engine);

#endif
