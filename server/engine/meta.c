#include "engine/meta.h"

#include <sodium.h>
#include <string.h>

#define META_FIELDS 10

void xr_meta_encode(struct xr_buf *out, const struct xr_meta *meta)
{
    xr_pack_array(out, META_FIELDS);
    xr_pack_uint(out, XR_META_FORMAT);
    xr_pack_uint(out, meta->shard);
    xr_pack_uint(out, meta->epoch);
    xr_pack_uint(out, meta->owner);
    xr_pack_uint(out, meta->batch_no);
    xr_pack_bin(out, meta->hash, sizeof meta->hash);
    xr_pack_int(out, meta->floor_ms);
    xr_pack_int(out, meta->wall_ms);
    xr_pack_uint(out, meta->log_first);
    xr_pack_uint(out, meta->log_bytes);
}

/* A head of the right length and format. */
static bool read_format(struct xr_bin *from)
{
    uint32_t count = 0;
    uint64_t format = 0;
    return xr_unpack_array(from, &count) == XR_OK && count == META_FIELDS &&
           xr_unpack_uint(from, &format) == XR_OK && format == XR_META_FORMAT;
}

static bool read_owner(struct xr_bin *from, struct xr_meta *out)
{
    uint64_t shard = 0;
    if (xr_unpack_uint(from, &shard) != XR_OK || shard > UINT32_MAX)
        return false;
    out->shard = (uint32_t)shard;
    return xr_unpack_uint(from, &out->epoch) == XR_OK && xr_unpack_uint(from, &out->owner) == XR_OK;
}

static bool read_tip(struct xr_bin *from, struct xr_meta *out)
{
    struct xr_bin hash = {0};
    if (xr_unpack_uint(from, &out->batch_no) != XR_OK || xr_unpack_bin(from, &hash) != XR_OK)
        return false;
    if (hash.size != sizeof out->hash)
        return false;
    memcpy(out->hash, hash.at, sizeof out->hash);
    return true;
}

static bool read_rest(struct xr_bin *from, struct xr_meta *out)
{
    return xr_unpack_int(from, &out->floor_ms) == XR_OK &&
           xr_unpack_int(from, &out->wall_ms) == XR_OK &&
           xr_unpack_uint(from, &out->log_first) == XR_OK &&
           xr_unpack_uint(from, &out->log_bytes) == XR_OK && from->size == 0;
}

enum xr_status xr_meta_decode(struct xr_bin bytes, struct xr_meta *out)
{
    struct xr_meta read = {0};
    if (!read_format(&bytes) || !read_owner(&bytes, &read) || !read_tip(&bytes, &read) ||
        !read_rest(&bytes, &read))
        return XR_CORRUPT;
    *out = read;
    return XR_OK;
}

void xr_batch_hash(struct xr_bin batch, uint8_t out[32])
{
    XR_ASSERT(crypto_generichash(out, 32, batch.at, batch.size, NULL, 0) == 0);
}
