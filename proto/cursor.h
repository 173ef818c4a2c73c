/* A bounded reader over msgpack bytes: one head at a time, never past the end. Private to proto. */
#ifndef XR_PROTO_CURSOR_H
#define XR_PROTO_CURSOR_H

#include "proto/wire.h"

enum xr_head_kind {
    XR_HEAD_NONE, /* past the end, or the byte c1 that means nothing */
    XR_HEAD_UINT, /* n */
    XR_HEAD_INT,  /* negative: n as two's complement */
    XR_HEAD_BOOL, /* n is 0 or 1 */
    XR_HEAD_NIL,
    XR_HEAD_STR,   /* n bytes follow, and are there */
    XR_HEAD_BIN,   /* n bytes follow, and are there */
    XR_HEAD_ARRAY, /* n values follow; each has a byte, so n is not more than the bytes left */
    XR_HEAD_MAP,   /* n pairs follow; likewise */
    XR_HEAD_OTHER, /* float or extension: read over whole */
};

struct xr_cursor {
    const uint8_t *at;
    const uint8_t *end;
};

struct xr_head {
    enum xr_head_kind kind;
    uint64_t n;
};

static inline size_t xr_cursor_left(const struct xr_cursor *cursor)
{
    return (size_t)(cursor->end - cursor->at);
}

static inline uint64_t xr_cursor_number(const uint8_t *at, size_t width)
{
    uint64_t n = 0;
    for (size_t i = 0; i < width; i++)
        n = n << 8 | at[i];
    return n;
}

/* The heads that are longer than their first byte; NONE where it is not all there. */
struct xr_head xr_cursor_long_head(struct xr_cursor *cursor, uint8_t first);

/* Read the next head; the bytes of a text, or the values of a list, come after it. NONE: the bytes
 * are not msgpack, or end too early; the cursor is then of no more use. */
static inline struct xr_head xr_cursor_head(struct xr_cursor *cursor)
{
    const struct xr_head none = {XR_HEAD_NONE, 0};
    if (cursor->at == cursor->end)
        return none;
    uint8_t first = *cursor->at++;
    if (first < 0x80)
        return (struct xr_head){XR_HEAD_UINT, first};
    if (first >= 0xe0)
        return (struct xr_head){XR_HEAD_INT, (uint64_t)(int64_t)(int8_t)first};
    if (first >= 0xc0)
        return xr_cursor_long_head(cursor, first);
    struct xr_head head = {XR_HEAD_STR, first & 0x1f};
    size_t needed = head.n;
    if (first < 0x90) {
        head = (struct xr_head){XR_HEAD_MAP, first & 0x0f};
        needed = (size_t)head.n * 2;
    } else if (first < 0xa0) {
        head = (struct xr_head){XR_HEAD_ARRAY, first & 0x0f};
        needed = (size_t)head.n;
    }
    return needed <= xr_cursor_left(cursor) ? head : none;
}

/* Read over one value, at most `depth` arrays and maps deep. */
bool xr_cursor_skip(struct xr_cursor *cursor, uint32_t depth);

#endif
