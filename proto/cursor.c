#include "proto/cursor.h"

/* What the first bytes c0..df of the format stand for: how wide the number after it is, what that
 * number counts, and how many bytes each of these takes at least. */
struct shape {
    uint8_t kind;  /* enum xr_head_kind */
    uint8_t width; /* bytes of the number */
    uint8_t each;  /* least bytes for each one counted */
    uint8_t fixed; /* bytes that follow in any case: floats, extensions */
    bool is_signed;
};

static const struct shape shapes[32] = {
    [0x00] = {XR_HEAD_NIL, 0, 0, 0, false},    /* nil */
    [0x01] = {XR_HEAD_NONE, 0, 0, 0, false},   /* never used */
    [0x02] = {XR_HEAD_BOOL, 0, 0, 0, false},   /* false */
    [0x03] = {XR_HEAD_BOOL, 0, 0, 0, false},   /* true */
    [0x04] = {XR_HEAD_BIN, 1, 1, 0, false},    /* bin 8 */
    [0x05] = {XR_HEAD_BIN, 2, 1, 0, false},    /* bin 16 */
    [0x06] = {XR_HEAD_BIN, 4, 1, 0, false},    /* bin 32 */
    [0x07] = {XR_HEAD_OTHER, 1, 1, 1, false},  /* ext 8 */
    [0x08] = {XR_HEAD_OTHER, 2, 1, 1, false},  /* ext 16 */
    [0x09] = {XR_HEAD_OTHER, 4, 1, 1, false},  /* ext 32 */
    [0x0a] = {XR_HEAD_OTHER, 0, 0, 4, false},  /* float 32 */
    [0x0b] = {XR_HEAD_OTHER, 0, 0, 8, false},  /* float 64 */
    [0x0c] = {XR_HEAD_UINT, 1, 0, 0, false},   /* uint 8 */
    [0x0d] = {XR_HEAD_UINT, 2, 0, 0, false},   /* uint 16 */
    [0x0e] = {XR_HEAD_UINT, 4, 0, 0, false},   /* uint 32 */
    [0x0f] = {XR_HEAD_UINT, 8, 0, 0, false},   /* uint 64 */
    [0x10] = {XR_HEAD_INT, 1, 0, 0, true},     /* int 8 */
    [0x11] = {XR_HEAD_INT, 2, 0, 0, true},     /* int 16 */
    [0x12] = {XR_HEAD_INT, 4, 0, 0, true},     /* int 32 */
    [0x13] = {XR_HEAD_INT, 8, 0, 0, true},     /* int 64 */
    [0x14] = {XR_HEAD_OTHER, 0, 0, 2, false},  /* fixext 1 */
    [0x15] = {XR_HEAD_OTHER, 0, 0, 3, false},  /* fixext 2 */
    [0x16] = {XR_HEAD_OTHER, 0, 0, 5, false},  /* fixext 4 */
    [0x17] = {XR_HEAD_OTHER, 0, 0, 9, false},  /* fixext 8 */
    [0x18] = {XR_HEAD_OTHER, 0, 0, 17, false}, /* fixext 16 */
    [0x19] = {XR_HEAD_STR, 1, 1, 0, false},    /* str 8 */
    [0x1a] = {XR_HEAD_STR, 2, 1, 0, false},    /* str 16 */
    [0x1b] = {XR_HEAD_STR, 4, 1, 0, false},    /* str 32 */
    [0x1c] = {XR_HEAD_ARRAY, 2, 1, 0, false},  /* array 16 */
    [0x1d] = {XR_HEAD_ARRAY, 4, 1, 0, false},  /* array 32 */
    [0x1e] = {XR_HEAD_MAP, 2, 2, 0, false},    /* map 16 */
    [0x1f] = {XR_HEAD_MAP, 4, 2, 0, false},    /* map 32 */
};

struct xr_head xr_cursor_long_head(struct xr_cursor *cursor, uint8_t first)
{
    const struct shape *shape = &shapes[first & 0x1f];
    struct xr_head head = {(enum xr_head_kind)shape->kind, 0};
    size_t left = xr_cursor_left(cursor);
    if (left < shape->width)
        return (struct xr_head){XR_HEAD_NONE, 0};
    uint64_t n = xr_cursor_number(cursor->at, shape->width);
    cursor->at += shape->width;
    left -= shape->width;
    if (n * shape->each + shape->fixed > left)
        return (struct xr_head){XR_HEAD_NONE, 0};
    head.n = n;
    if (head.kind == XR_HEAD_OTHER) {
        cursor->at += n + shape->fixed;
    } else if (head.kind == XR_HEAD_BOOL) {
        head.n = first & 1;
    } else if (shape->is_signed) {
        XR_ASSERT(shape->width > 0);
        unsigned shift = 64 - 8u * shape->width;
        int64_t widened = (int64_t)(n << shift) >> shift;
        head.n = (uint64_t)widened;
        head.kind = widened >= 0 ? XR_HEAD_UINT : XR_HEAD_INT;
    }
    return head;
}

bool xr_cursor_skip(struct xr_cursor *cursor, uint32_t depth)
{
    uint64_t open[XR_DEPTH_MAX]; /* values still to come at each level */
    uint32_t level = 0;
    if (depth > XR_DEPTH_MAX)
        depth = XR_DEPTH_MAX;
    for (;;) {
        struct xr_head head = xr_cursor_head(cursor);
        uint64_t inside = 0;
        switch (head.kind) {
        case XR_HEAD_NONE:
            return false;
        case XR_HEAD_STR:
        case XR_HEAD_BIN:
            cursor->at += head.n;
            break;
        case XR_HEAD_MAP:
            inside = head.n * 2;
            break;
        case XR_HEAD_ARRAY:
            inside = head.n;
            break;
        default:
            break;
        }
        if (head.kind == XR_HEAD_MAP || head.kind == XR_HEAD_ARRAY) {
            if (level == depth)
                return false;
            open[level++] = inside;
        }
        /* A value is over; so are the arrays and maps that it was the last of. */
        if (inside != 0)
            continue;
        if (head.kind == XR_HEAD_MAP || head.kind == XR_HEAD_ARRAY)
            level--;
        while (level > 0 && --open[level - 1] == 0)
            level--;
        if (level == 0)
            return true;
    }
}
