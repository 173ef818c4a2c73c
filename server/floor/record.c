/* Keys and values of the tables. */
#include <sodium.h>

#include "floor/record.h"

struct xr_key xr_key_channel(struct xr_str channel, struct xr_str buyer)
{
    struct xr_key key;
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, XR_HASH_BYTES);
    crypto_generichash_update(&state, (const unsigned char *)channel.at, channel.size);
    crypto_generichash_update(&state, (const unsigned char *)"", 1);
    crypto_generichash_update(&state, (const unsigned char *)buyer.at, buyer.size);
    crypto_generichash_final(&state, key.at, XR_HASH_BYTES);
    key.size = XR_HASH_BYTES;
    return key;
}

enum xr_status xr_record_decode(struct xr_bin value, enum xr_type type, struct xr_arena *arena,
                                const void **out)
{
    if (value.size < 1 || value.at[0] != XR_RECORD_FORMAT)
        return XR_CORRUPT;
    const struct xr_bin body = {value.at + 1, value.size - 1};
    struct xr_wire_error error;
    const enum xr_status status = xr_body_decode(type, body, arena, out, &error);
    return status == XR_BAD ? XR_CORRUPT : status;
}

enum xr_status xr_record_get(struct xr_tables *tables, enum xr_table table, struct xr_bin key,
                             enum xr_type type, struct xr_arena *arena, const void **out)
{
    struct xr_bin value;
    const enum xr_status status = xr_tables_get(tables, table, key, &value);
    if (status != XR_OK)
        return status;
    return xr_record_decode(value, type, arena, out);
}

void xr_record_encode(struct xr_buf *out, enum xr_type type, const void *message)
{
    const uint8_t format = XR_RECORD_FORMAT;
    xr_buf_add(out, &format, 1);
    xr_body_encode(out, type, message);
}

void xr_record_put(struct xr_tables *tables, enum xr_table table, struct xr_bin key,
                   enum xr_type type, const void *message, struct xr_buf *scratch)
{
    xr_buf_reset(scratch);
    xr_record_encode(scratch, type, message);
    if (scratch->failed) {
        if (tables->failed == XR_OK)
            tables->failed = XR_NOMEM;
        return;
    }
    xr_tables_put(tables, table, key, (struct xr_bin){scratch->at, (uint32_t)scratch->size});
}

size_t xr_position_put(uint8_t out[XR_POSITION_MAX], uint64_t last, uint64_t position)
{
    XR_ASSERT(position > last);
    uint64_t rest = position - last;
    size_t size = 0;
    for (; rest > 0x7f; rest >>= 7)
        out[size++] = (uint8_t)(rest | 0x80);
    out[size++] = (uint8_t)rest;
    return size;
}

enum xr_status xr_position_next(struct xr_bin *bytes, uint64_t *position)
{
    if (bytes->size == 0)
        return XR_NONE;
    uint64_t difference = 0;
    for (uint32_t i = 0; i < bytes->size && i < 8; i++) {
        const uint8_t byte = bytes->at[i];
        difference |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte & 0x80)
            continue;
        if (difference == 0 || difference > XR_NUMBER_MAX - *position)
            return XR_CORRUPT;
        *position += difference;
        *bytes = (struct xr_bin){bytes->at + i + 1, bytes->size - i - 1};
        return XR_OK;
    }
    return XR_CORRUPT;
}
