/*
 * Keys and values of the tables: keys are built, records are read and written here. A value is one
 * format byte and the record's msgpack map (server/store/FORMAT.md).
 *
 *     const struct xr_key key = xr_key_u64(session.n);
 *     status = xr_record_get(tables, XR_TABLE_session, xr_key_of(&key), XR_TYPE_session_record,
 *                            arena, &record);
 */
#ifndef XR_FLOOR_RECORD_H
#define XR_FLOOR_RECORD_H

#include <string.h>

#include "floor/tables.h"
#include "proto/wire.h"

#define XR_RECORD_FORMAT 1

/* ---- keys: numbers are big-endian ---- */

struct xr_key {
    uint8_t at[XR_KEY_MAX];
    uint32_t size;
};

/* The key's bytes; they live as long as `key` does. */
static inline struct xr_bin xr_key_of(const struct xr_key *key)
{
    return (struct xr_bin){key->at, key->size};
}

/* Of a table with one row. */
static inline struct xr_bin xr_key_none(void)
{
    return (struct xr_bin){NULL, 0};
}

static inline struct xr_key xr_key_u32(uint32_t n)
{
    struct xr_key key;
    xr_put_u32be(key.at, n);
    key.size = 4;
    return key;
}

static inline struct xr_key xr_key_u64(uint64_t n)
{
    struct xr_key key;
    xr_put_u64be(key.at, n);
    key.size = 8;
    return key;
}

static inline struct xr_key xr_key_pair(uint64_t first, uint64_t second)
{
    struct xr_key key;
    xr_put_u64be(key.at, first);
    xr_put_u64be(key.at + 8, second);
    key.size = 16;
    return key;
}

static inline struct xr_key xr_key_visit(struct xr_customer_id customer,
                                         struct xr_session_id session)
{
    return xr_key_pair(customer.n, session.n);
}

static inline struct xr_key xr_key_explanation(struct xr_session_id session, uint64_t seq)
{
    return xr_key_pair(session.n, seq);
}

static inline struct xr_key xr_key_note(struct xr_customer_id customer, uint32_t note,
                                        uint32_t revision)
{
    struct xr_key key;
    xr_put_u64be(key.at, customer.n);
    xr_put_u32be(key.at + 8, note);
    xr_put_u32be(key.at + 12, revision);
    key.size = 16;
    return key;
}

/* `first`: number of the first message whose position is in the chunk. */
static inline struct xr_key xr_key_spill(struct xr_session_id session, uint32_t first)
{
    struct xr_key key;
    xr_put_u64be(key.at, session.n);
    xr_put_u32be(key.at + 8, first);
    key.size = 12;
    return key;
}

/* At most XR_KEY_MAX bytes (asserted): names, log-in names, token hashes. */
static inline struct xr_key xr_key_bytes(const void *bytes, size_t size)
{
    struct xr_key key;
    XR_ASSERT(size <= XR_KEY_MAX);
    if (size)
        memcpy(key.at, bytes, size);
    key.size = (uint32_t)size;
    return key;
}

static inline struct xr_key xr_key_str(struct xr_str text)
{
    return xr_key_bytes(text.at, text.size);
}

/* BLAKE2b-256 of channel, a zero byte, buyer. */
struct xr_key xr_key_channel(struct xr_str channel, struct xr_str buyer);

/* Numbers at the front of a key of at least 8, or 4, bytes behind `offset` (asserted). */
static inline uint64_t xr_key_read_u64(struct xr_bin key, uint32_t offset)
{
    XR_ASSERT(key.size >= offset + 8);
    return xr_get_u64be(key.at + offset);
}
static inline uint32_t xr_key_read_u32(struct xr_bin key, uint32_t offset)
{
    XR_ASSERT(key.size >= offset + 4);
    return xr_get_u32be(key.at + offset);
}

/* ---- records ---- */

/*
 * Decode a value. The struct is in `arena`; text and bytes in it point into `value`, and lists into
 * the arena. XR_OK, XR_CORRUPT (format byte, or not such a record), XR_NOMEM.
 */
enum xr_status xr_record_decode(struct xr_bin value, enum xr_type type, struct xr_arena *arena,
                                const void **out) XR_MUST_USE;

/*
 * Read the record under `key`. Text and bytes in it point into the table: they live until the next
 * write to the handle. `out` is left alone unless XR_OK.
 *
 * XR_OK, XR_NONE, XR_CORRUPT, XR_NOMEM.
 */
enum xr_status xr_record_get(struct xr_tables *tables, enum xr_table table, struct xr_bin key,
                             enum xr_type type, struct xr_arena *arena,
                             const void **out) XR_MUST_USE;

/* Append format byte and record: the value that xr_record_put writes. */
void xr_record_encode(struct xr_buf *out, enum xr_type type, const void *message);

/*
 * Write `message` under `key`. `scratch` is emptied first and holds the value afterwards. Where it
 * finds no memory nothing is written and the handle has failed with XR_NOMEM.
 */
void xr_record_put(struct xr_tables *tables, enum xr_table table, struct xr_bin key,
                   enum xr_type type, const void *message, struct xr_buf *scratch);

/* ---- a session's journal positions ---- */

/* Bytes that one position takes at most. */
#define XR_POSITION_MAX 10

/*
 * Write `position`, which follows `last` (0 for the first of a head or chunk, which is so written
 * whole): LEB128 of the difference. Returns how many bytes.
 */
size_t xr_position_put(uint8_t out[XR_POSITION_MAX], uint64_t last, uint64_t position);

/* Read the next: *position holds the last one (0 before the first) and receives this one; `bytes`
 * moves on. XR_OK, XR_NONE (at the end), XR_CORRUPT (cut short, not ascending, past 2^53). */
enum xr_status xr_position_next(struct xr_bin *bytes, uint64_t *position) XR_MUST_USE;

#endif
