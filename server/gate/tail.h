/*
 * The newest rows of a floor's journal, in memory: who is a little behind catches up from here, and
 * a scan of the journal ends here without a gap. One thread.
 */
#ifndef XR_GATE_TAIL_H
#define XR_GATE_TAIL_H

#include "proto/mem.h"

struct xr_tail_row {
    uint64_t at; /* where in the ring, counted on without end */
    uint32_t size;
};

/* Rows `first` … `first + count - 1`, without a gap. */
struct xr_tail {
    uint8_t *bytes;
    size_t bytes_max;
    uint64_t end; /* where the next row begins */
    struct xr_tail_row *rows;
    size_t rows_max; /* a power of two */
    uint64_t first;  /* seq of the oldest row */
    size_t count;
};

/* XR_OK, XR_NOMEM. Room for `bytes_max` bytes, and a row for each 256 of them. */
enum xr_status xr_tail_init(struct xr_tail *tail, size_t bytes_max) XR_MUST_USE;
void xr_tail_fini(struct xr_tail *tail); /* zeroed is fine */

/* Add the next row; the oldest make room. One that does not follow the last begins anew. */
void xr_tail_add(struct xr_tail *tail, uint64_t seq, struct xr_bin row);

/* The row `seq`; false: not here. It lives until the next add. */
bool xr_tail_get(const struct xr_tail *tail, uint64_t seq, struct xr_bin *row);

#endif
