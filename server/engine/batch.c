/* The bytes of a batch. Pure. Frozen: tests/unit/batch.c holds golden bytes. */
#include "base/crc32c.h"
#include "engine/engine.h"

#define HEAD_FIELDS  10
#define EVENT_FIELDS 8
#define CRC_BYTES    4

static void write_crc(uint8_t out[CRC_BYTES], uint32_t crc)
{
    for (size_t i = 0; i < CRC_BYTES; i++)
        out[i] = (uint8_t)(crc >> (8 * i));
}

static uint32_t read_crc(const uint8_t *at)
{
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

void xr_batch_begin(struct xr_buf *out, const struct xr_batch_head *head)
{
    xr_pack_array(out, HEAD_FIELDS);
    xr_pack_uint(out, head->format);
    xr_pack_uint(out, head->rules);
    xr_pack_uint(out, head->shard);
    xr_pack_uint(out, head->epoch);
    xr_pack_uint(out, head->owner);
    xr_pack_uint(out, head->batch_no);
    xr_pack_bin(out, head->prev_hash, sizeof head->prev_hash);
    xr_pack_int(out, head->floor_ms);
    xr_pack_int(out, head->wall_ms);
    xr_pack_array(out, head->events);
}

void xr_batch_add(struct xr_buf *out, const struct xr_batch_event *event)
{
    xr_pack_array(out, EVENT_FIELDS);
    xr_pack_uint(out, event->floor);
    xr_pack_uint(out, event->who.n);
    xr_pack_uint(out, event->device.n);
    xr_pack_uint(out, event->counter);
    xr_pack_uint(out, event->origin);
    xr_pack_bin(out, event->random, sizeof event->random);
    xr_pack_uint(out, (uint64_t)event->type);
    xr_pack_bin(out, event->body.at, event->body.size);
}

void xr_batch_end(struct xr_buf *out)
{
    uint8_t crc[CRC_BYTES];
    write_crc(crc, xr_crc32c(out->at, out->size));
    xr_buf_add(out, crc, sizeof crc);
}

/* Readers that give up for good at the first wrong byte: `ok` falls and stays. */
struct cursor {
    struct xr_bin rest;
    bool ok;
};

static uint64_t take_uint(struct cursor *from, uint64_t max)
{
    uint64_t n = 0;
    if (from->ok)
        from->ok = xr_unpack_uint(&from->rest, &n) == XR_OK && n <= max;
    return from->ok ? n : 0;
}

static int64_t take_int(struct cursor *from)
{
    int64_t n = 0;
    if (from->ok)
        from->ok = xr_unpack_int(&from->rest, &n) == XR_OK;
    return from->ok ? n : 0;
}

static void take_array(struct cursor *from, uint32_t *count)
{
    if (from->ok)
        from->ok = xr_unpack_array(&from->rest, count) == XR_OK;
}

static struct xr_bin take_bin(struct cursor *from)
{
    struct xr_bin bin = {0};
    if (from->ok)
        from->ok = xr_unpack_bin(&from->rest, &bin) == XR_OK;
    return from->ok ? bin : (struct xr_bin){0};
}

static void take_bytes(struct cursor *from, uint8_t *out, uint32_t size)
{
    const struct xr_bin bin = take_bin(from);
    from->ok = from->ok && bin.size == size;
    for (uint32_t i = 0; from->ok && i < size; i++)
        out[i] = bin.at[i];
}

static void take_fields(struct cursor *from, uint32_t wanted)
{
    uint32_t count = 0;
    take_array(from, &count);
    from->ok = from->ok && count == wanted;
}

enum xr_status xr_batch_open(struct xr_bin batch, struct xr_batch_head *head, struct xr_bin *events)
{
    struct xr_batch_head read = {0};
    if (batch.size < CRC_BYTES)
        return XR_CORRUPT;
    const uint32_t size = batch.size - CRC_BYTES;
    if (xr_crc32c(batch.at, size) != read_crc(batch.at + size))
        return XR_CORRUPT;

    struct cursor from = {.rest = {batch.at, size}, .ok = true};
    take_fields(&from, HEAD_FIELDS);
    read.format = (uint32_t)take_uint(&from, UINT32_MAX);
    read.rules = (uint32_t)take_uint(&from, UINT32_MAX);
    read.shard = (uint32_t)take_uint(&from, UINT32_MAX);
    read.epoch = take_uint(&from, UINT64_MAX);
    read.owner = take_uint(&from, UINT64_MAX);
    read.batch_no = take_uint(&from, UINT64_MAX);
    take_bytes(&from, read.prev_hash, sizeof read.prev_hash);
    read.floor_ms = take_int(&from);
    read.wall_ms = take_int(&from);
    take_array(&from, &read.events);
    if (!from.ok || read.format != XR_BATCH_FORMAT)
        return XR_CORRUPT;
    if (read.events == 0 && from.rest.size != 0)
        return XR_CORRUPT;
    *head = read;
    *events = from.rest;
    return XR_OK;
}

enum xr_status xr_batch_next(struct xr_bin *events, struct xr_batch_event *out)
{
    struct xr_batch_event read = {0};
    struct cursor from = {.rest = *events, .ok = true};
    take_fields(&from, EVENT_FIELDS);
    read.floor = (uint32_t)take_uint(&from, UINT32_MAX);
    read.who.n = (uint32_t)take_uint(&from, UINT32_MAX);
    read.device.n = take_uint(&from, UINT64_MAX);
    read.counter = take_uint(&from, UINT64_MAX);
    read.origin = take_uint(&from, UINT64_MAX);
    take_bytes(&from, read.random, sizeof read.random);
    read.type = (enum xr_type)take_uint(&from, INT32_MAX);
    read.body = take_bin(&from);
    if (!from.ok)
        return XR_CORRUPT;
    *out = read;
    *events = from.rest;
    return XR_OK;
}
