/*
 * Buckets: how often something may happen. All times are the loop's, in ms.
 *
 * xr_rate is one bucket, kept where it belongs. xr_tries counts failures by a key (an account, an
 * address) in a fixed space: where it is full the bucket that has most left is forgotten. A try
 * that is under way holds its place, so that many at once do not pass; one that succeeds gives it
 * back.
 */
#ifndef XR_GATE_RATE_H
#define XR_GATE_RATE_H

#include "proto/mem.h"

struct xr_rate {
    uint64_t last_ms;
    uint64_t left_milli; /* thousandths of one */
};

/*
 * Take one where `per_second` (>= 1) are allowed, a second's worth at once. Returns 0, or after how
 * many ms to come again; nothing is taken then.
 */
uint64_t xr_rate_take(struct xr_rate *rate, uint64_t now_ms, uint32_t per_second);

struct xr_tries;

/* `per_minute` failures for each key. NULL where there is no memory. */
struct xr_tries *xr_tries_new(uint32_t per_minute) XR_MUST_USE;
void xr_tries_free(struct xr_tries *tries);

/* A place for one try. Returns 0, or after how many ms to come again; nothing is held then. */
uint64_t xr_tries_begin(struct xr_tries *tries, uint64_t now_ms, struct xr_bin key);
/* The try that began is over. */
void xr_tries_end(struct xr_tries *tries, uint64_t now_ms, struct xr_bin key, bool failed);

#endif
