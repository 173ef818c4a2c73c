/*
 * The gate: clients outside, the engine inside. It listens (sp.h), checks who and what comes in
 * (desk.h, login.h), hands commands to the engine and queries to readers, and carries the effects
 * of committed batches out: answers, and updates for their audience (feed.h).
 *
 * Everything runs on the loop's thread but xr_gate_take. The order of calls:
 *     new, xr_engine_start with xr_gate_take, open, listen, the loop runs, pause, xr_engine_stop,
 *     stop, the loop runs until on_stopped.
 */
#ifndef XR_GATE_GATE_H
#define XR_GATE_GATE_H

#include "engine/engine.h"
#include "gate/sp.h"

struct xr_store;
struct xr_gate;

/* Every number has its range in config.def. */
struct xr_gate_options {
    uv_loop_t *loop;
    struct xr_store *store;
    uint32_t connections_max;
    uint32_t greeting_ms; /* until the SP greeting */
    uint32_t login_ms;    /* from connecting until logged in */
    uint32_t lease_ms;    /* without a frame: the lease ends */
    uint32_t stall_ms;    /* with a full window or queue and no progress: closed */
    uint32_t finish_ms;   /* for a goodbye to arrive */
    uint32_t login_tries; /* failures a minute for each account; 4 times as many for each address */
    uint32_t frames_per_second; /* of one connection; more is read more slowly */
    uint32_t bridge_frames_per_second;
    uint32_t queue_bytes; /* written and not taken, one connection: stop putting */
    uint64_t queue_bytes_all;
    uint32_t tail_bytes; /* newest updates kept in memory, for each floor */
    uint32_t behind_max; /* updates; further behind, a feed begins anew */
    uint32_t hash_threads;
    uint32_t hash_queue; /* log-ins that wait for a thread */
    uint32_t reader_threads;
    uint32_t reader_queue;
    const char *bus_directory; /* DATA, in which the bus has its folder; NULL: no bus */
};

/* The defaults; loop and store are left NULL. */
void xr_gate_defaults(struct xr_gate_options *out);

/* XR_OK, XR_NOMEM, XR_IO. The options are copied. */
enum xr_status xr_gate_new(const struct xr_gate_options *options, struct xr_gate **out) XR_MUST_USE;

/* on_effects of the engine; `gate` is its context. The floor's thread. */
void xr_gate_take(void *gate, struct xr_outcome *take);

/* From now on there is an engine, which outlives pause. */
void xr_gate_open(struct xr_gate *gate, struct xr_engine *engine);

/* As xr_sp_listen. */
enum xr_status xr_gate_listen(struct xr_gate *gate, const char *address,
                              char actual[XR_SP_ADDRESS_MAX], const char **why) XR_MUST_USE;

/* Start the local bus (bus.h), where there is to be one. */
void xr_gate_start_bus(struct xr_gate *gate);

/* Read and accept nothing more, and use the engine and the store no more. */
void xr_gate_pause(struct xr_gate *gate);

/* Carry out what the engine has left, say goodbye, close. After pause; NULL calls at once. */
void xr_gate_stop(struct xr_gate *gate, void (*on_stopped)(void *context), void *context);

const struct xr_metrics *xr_gate_metrics(const struct xr_gate *gate);

#endif
