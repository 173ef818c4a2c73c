/* Rows of the journal: server/store/FORMAT.md, and struct xr_journal_row in floor.h. */
#include <string.h>

#include "floor/journal.h"

#define AGENTS_MAX (sizeof(((struct xr_audience *)0)->agents) / sizeof(uint32_t))
#define HEAD_MIN   5 /* format, roles, count of agents, type, count of fields */
#define HEAD_MAX   (HEAD_MIN + 4 * AGENTS_MAX)

/* The heads of msgpack that a frame begins with. */
#define PACK_ARRAY_3   0x93
#define PACK_FIXMAP    0x80
#define PACK_MAP_16    0xde
#define PACK_UINT_8    0xcc
#define PACK_UINT_16   0xcd
#define PACK_UINT_32   0xce
#define PACK_UINT_64   0xcf
#define PACK_FIXMAX    15
#define PACK_FIXINTMAX 127

bool xr_audience_has(const struct xr_audience *audience, struct xr_agent_id agent,
                     enum xr_role role)
{
    if ((audience->roles >> role) & 1U && role != XR_role_NONE)
        return true;
    for (size_t i = 0; i < AGENTS_MAX && audience->agents[i]; i++) {
        if (audience->agents[i] == agent.n)
            return true;
    }
    return false;
}

static size_t write_header(uint8_t *at, const struct xr_audience *audience, enum xr_type type)
{
    size_t size = 3;
    uint8_t count = 0;
    for (; count < AGENTS_MAX && audience->agents[count]; count++) {
        const uint32_t agent = audience->agents[count];
        at[size++] = (uint8_t)agent;
        at[size++] = (uint8_t)(agent >> 8);
        at[size++] = (uint8_t)(agent >> 16);
        at[size++] = (uint8_t)(agent >> 24);
    }
    at[0] = XR_JOURNAL_FORMAT;
    at[1] = (uint8_t)(audience->roles >> 1);
    at[2] = count;
    at[size++] = (uint8_t)type;
    at[size++] = 0; /* fields: known when they are written */
    return size;
}

void xr_journal_encode(struct xr_buf *out, const struct xr_audience *audience, enum xr_type type,
                       const void *update)
{
    XR_ASSERT((unsigned)type <= UINT8_MAX);
    XR_ASSERT(audience->roles >> 9 == 0);
    if (!xr_buf_reserve(out, HEAD_MAX))
        return;
    out->size += write_header(out->at + out->size, audience, type);
    const size_t count_at = out->size - 1;
    const uint32_t fields = xr_fields_encode(out, type, update, 3);
    XR_ASSERT(fields <= UINT8_MAX);
    if (!out->failed)
        out->at[count_at] = (uint8_t)fields;
}

enum xr_status xr_journal_decode(struct xr_bin bytes, struct xr_journal_row *out)
{
    if (bytes.size < HEAD_MIN || bytes.at[0] != XR_JOURNAL_FORMAT || bytes.at[2] > AGENTS_MAX)
        return XR_CORRUPT;
    const uint8_t agents = bytes.at[2];
    const uint32_t head = HEAD_MIN + 4U * agents;
    if (bytes.size < head)
        return XR_CORRUPT;
    *out = (struct xr_journal_row){.audience.roles = (uint32_t)bytes.at[1] << 1};
    const uint8_t *at = bytes.at + 3;
    for (uint8_t i = 0; i < agents; i++, at += 4) {
        out->audience.agents[i] =
            (uint32_t)at[3] << 24 | (uint32_t)at[2] << 16 | (uint32_t)at[1] << 8 | at[0];
    }
    out->type = (enum xr_type)at[0];
    out->fields = at[1];
    out->packed = (struct xr_bin){bytes.at + head, bytes.size - head};
    if (out->type == XR_TYPE_none || (out->fields == 0) != (out->packed.size == 0))
        return XR_CORRUPT;
    return XR_OK;
}

static uint8_t *put_uint(uint8_t *at, uint64_t n)
{
    if (n <= PACK_FIXINTMAX) {
        *at++ = (uint8_t)n;
    } else if (n <= UINT8_MAX) {
        *at++ = PACK_UINT_8;
        *at++ = (uint8_t)n;
    } else if (n <= UINT16_MAX) {
        *at++ = PACK_UINT_16;
        *at++ = (uint8_t)(n >> 8);
        *at++ = (uint8_t)n;
    } else if (n <= UINT32_MAX) {
        *at++ = PACK_UINT_32;
        xr_put_u32be(at, (uint32_t)n);
        at += 4;
    } else {
        *at++ = PACK_UINT_64;
        xr_put_u64be(at, n);
        at += 8;
    }
    return at;
}

static uint8_t *put_map(uint8_t *at, uint32_t count)
{
    if (count <= PACK_FIXMAX) {
        *at++ = (uint8_t)(PACK_FIXMAP | count);
    } else {
        *at++ = PACK_MAP_16;
        *at++ = (uint8_t)(count >> 8);
        *at++ = (uint8_t)count;
    }
    return at;
}

/* At most 1 + 2 + 1 + 3 + 10 + 10 bytes. */
size_t xr_journal_head(const struct xr_journal_row *row, uint64_t seq, uint64_t prev,
                       uint8_t out[XR_PUSH_HEAD_MAX])
{
    uint8_t *at = out;
    *at++ = PACK_ARRAY_3;
    at = put_uint(at, row->type);
    *at++ = 0; /* ref */
    at = put_map(at, row->fields + 2);
    *at++ = 1;
    at = put_uint(at, seq);
    *at++ = 2;
    at = put_uint(at, prev);
    return (size_t)(at - out);
}

/* The row as the body of an update: {1: seq, fields…}. */
static struct xr_bin build_body(const struct xr_journal_row *row, uint64_t seq,
                                struct xr_arena *arena)
{
    uint8_t *body = xr_arena_take(arena, XR_PUSH_HEAD_MAX + (size_t)row->packed.size);
    if (!body)
        return (struct xr_bin){NULL, 0};
    uint8_t *at = put_map(body, row->fields + 1);
    *at++ = 1;
    at = put_uint(at, seq);
    if (row->packed.size)
        memcpy(at, row->packed.at, row->packed.size);
    return (struct xr_bin){body, (uint32_t)(at - body) + row->packed.size};
}

enum xr_status xr_journal_message(const struct xr_journal_row *row, uint64_t seq,
                                  struct xr_arena *arena, const void **out)
{
    const struct xr_message_info *info = xr_message_info(row->type);
    if (!info || info->kind != XR_KIND_UPDATE)
        return XR_CORRUPT;
    const struct xr_bin body = build_body(row, seq, arena);
    if (!body.at)
        return XR_NOMEM;
    struct xr_wire_error error;
    const enum xr_status status = xr_body_decode(row->type, body, arena, out, &error);
    if (status == XR_OK && XR_HAS((const struct xr_audit_added *)*out, 2))
        return XR_CORRUPT; /* prev belongs to a connection: its frame would have it twice */
    return status == XR_BAD ? XR_CORRUPT : status;
}
