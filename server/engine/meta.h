/*
 * The engine's row of the store: where the log and the tables stand. Written in the same
 * transaction as the batch that it tells of. A msgpack array of the members in this order, a
 * format number in front.
 */
#ifndef XR_ENGINE_META_H
#define XR_ENGINE_META_H

#include "engine/engine.h"

#define XR_META_FORMAT 1

struct xr_meta {
    uint32_t shard;
    uint64_t epoch;     /* of the last batch; each start takes the next */
    uint64_t owner;     /* drawn at the first start */
    uint64_t batch_no;  /* of the last batch; 0: none yet */
    uint8_t hash[32];   /* of the last batch: prev_hash of the next */
    int64_t floor_ms;   /* of the last batch */
    int64_t wall_ms;    /* of the last batch */
    uint64_t log_first; /* oldest batch that is kept */
    uint64_t log_bytes; /* of all that are kept */
};

void xr_meta_encode(struct xr_buf *out, const struct xr_meta *meta);
/* XR_OK, XR_CORRUPT. */
enum xr_status xr_meta_decode(struct xr_bin bytes, struct xr_meta *out) XR_MUST_USE;

/* BLAKE2b-256 of a whole batch. */
void xr_batch_hash(struct xr_bin batch, uint8_t out[32]);

#endif
