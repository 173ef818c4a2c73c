/*
 * Threads for what must not hold up the loop: hashing passwords, reading the store.
 *
 * A job is handed over with its memory and comes back through `done`, on the loop's thread. Nothing
 * else is shared. Each pool has its own threads: libuv's are shared with the file system.
 */
#ifndef XR_GATE_POOL_H
#define XR_GATE_POOL_H

#include <uv.h>

#include "proto/mem.h"

struct xr_pool;

/* A job: the first member of the caller's struct. */
struct xr_job {
    struct xr_job *next;              /* the pool's */
    void (*work)(struct xr_job *job); /* on a thread of the pool */
    void (*done)(struct xr_job *job); /* on the loop's thread; frees the job */
    bool is_dropped;                  /* the pool was stopped before `work` was called */
};

/* XR_OK, XR_NOMEM, XR_IO. The loop must outlive the pool. */
enum xr_status xr_pool_start(uv_loop_t *loop, uint32_t threads, uint32_t queue_max,
                             struct xr_pool **out) XR_MUST_USE;

/* XR_OK: the pool's until `done`. XR_BUSY: queue_max jobs wait; it stays the caller's. */
enum xr_status xr_pool_submit(struct xr_pool *pool, struct xr_job *take) XR_MUST_USE;

/* Wait for the jobs under way, call `done` for all, end the threads. The rest is freed by the next
 * turns of the loop. NULL is fine. */
void xr_pool_stop(struct xr_pool *pool);

#endif
