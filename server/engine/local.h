/*
 * The log of one machine: batches are rows of the store, written in the transaction that carries
 * out their events. append and truncate need that transaction to be open; the engine tells how it
 * ended. Floor thread only.
 */
#ifndef XR_ENGINE_LOCAL_H
#define XR_ENGINE_LOCAL_H

#include "engine/engine.h"

struct xr_local {
    struct xr_log log; /* first: a struct xr_log * is a struct xr_local * */
    struct xr_store *store;
    uint64_t first; /* kept, committed; 0: the log is empty */
    uint64_t last;
    uint64_t first_next; /* as they will be once the open transaction has been committed */
    uint64_t last_next;
    struct xr_buf row; /* what read has handed out */
};

/* Look at what is there. XR_OK, XR_IO, XR_NOMEM. */
enum xr_status xr_local_init(struct xr_local *local, struct xr_store *store) XR_MUST_USE;
void xr_local_fini(struct xr_local *local);
/* The transaction was committed, or not. */
void xr_local_settle(struct xr_local *local, bool committed);

#endif
