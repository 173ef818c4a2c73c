/*
 * Bytes to structs, in two passes: xr_frame_read looks at the outside of a frame without believing
 * anything, xr_body_decode reads and checks every value.
 *
 * msgpack-c packs (encode.c) and is the judge in tests/unit/wire.c: what we write it reads alike,
 * and the other way round. It does not unpack here. Measured (tests/bench/codec.c, gcc -O2, a
 * frame of `say` and of `message_added`, 80 and 120 bytes): msgpack-c's unpacker with its zone used
 * again takes 85 and 154 ns and leaves objects that must still be checked and copied into the
 * struct; xr_body_decode does all of it in 65 and 95 ns. The unpacker also takes 24 bytes of malloc
 * for each value, past our failure point: 6 MiB for a hostile frame of 256 KiB.
 */
#include "proto/cursor.h"

#include <string.h>

/* ---- frames ---------------------------------------------------------------------------------- */

enum xr_status xr_frame_read(struct xr_bin bytes, struct xr_frame *frame, size_t *used)
{
    size_t size = bytes.size < XR_FRAME_BYTES_MAX ? bytes.size : XR_FRAME_BYTES_MAX;
    if (size == 0)
        return XR_BAD;
    struct xr_cursor cursor = {bytes.at, bytes.at + size};
    struct xr_head array = xr_cursor_head(&cursor);
    if (array.kind != XR_HEAD_ARRAY || array.n != 3)
        return XR_BAD;
    struct xr_head type = xr_cursor_head(&cursor);
    if (type.kind != XR_HEAD_UINT || type.n > UINT32_MAX)
        return XR_BAD;
    struct xr_head ref = xr_cursor_head(&cursor);
    if (ref.kind != XR_HEAD_UINT || ref.n > XR_NUMBER_MAX)
        return XR_BAD;
    struct xr_cursor body = cursor;
    struct xr_cursor peek = cursor;
    if (xr_cursor_head(&peek).kind != XR_HEAD_MAP || !xr_cursor_skip(&cursor, XR_DEPTH_MAX - 1))
        return XR_BAD;
    *frame = (struct xr_frame){
        .type = (uint32_t)type.n,
        .ref = ref.n,
        .body = {body.at, (uint32_t)(cursor.at - body.at)},
        .all = {bytes.at, (uint32_t)(cursor.at - bytes.at)},
    };
    *used = frame->all.size;
    return XR_OK;
}

/* ---- values ---------------------------------------------------------------------------------- */

/* One decoding: what is read, where to, what went wrong. */
struct decoding {
    struct xr_cursor cursor;
    struct xr_arena *arena;
    struct xr_wire_error *error;
};

static enum xr_status refuse(struct decoding *d, enum xr_code code, const char *field)
{
    *d->error = (struct xr_wire_error){.code = code, .field = field};
    return XR_BAD;
}

static enum xr_status malformed(struct decoding *d, const struct xr_field_info *field)
{
    return refuse(d, XR_code_MALFORMED, field->name);
}

static enum xr_status out_of_range(struct decoding *d, const struct xr_field_info *field)
{
    return refuse(d, XR_code_RANGE, field->name);
}

static enum xr_status decode_bool(struct decoding *d, const struct xr_field_info *field,
                                  void *place)
{
    struct xr_head head = xr_cursor_head(&d->cursor);
    if (head.kind != XR_HEAD_BOOL)
        return malformed(d, field);
    *(bool *)place = head.n != 0;
    return XR_OK;
}

/* An integer in min..max, as 4 bytes or as 8. */
static enum xr_status decode_number(struct decoding *d, const struct xr_field_info *field,
                                    void *place, size_t width)
{
    struct xr_head head = xr_cursor_head(&d->cursor);
    if (head.kind != XR_HEAD_UINT && head.kind != XR_HEAD_INT)
        return malformed(d, field);
    if (head.kind == XR_HEAD_UINT && head.n > INT64_MAX)
        return out_of_range(d, field);
    int64_t n = (int64_t)head.n;
    if (n < field->min || n > field->max)
        return out_of_range(d, field);
    if (width == sizeof(uint32_t)) {
        uint32_t narrow = (uint32_t)n;
        memcpy(place, &narrow, sizeof(narrow));
    } else {
        memcpy(place, &n, sizeof(n));
    }
    return XR_OK;
}

static enum xr_status decode_choice(struct decoding *d, const struct xr_field_info *field,
                                    void *place)
{
    enum xr_status status = decode_number(d, field, place, sizeof(uint32_t));
    if (status != XR_OK)
        return status;
    uint32_t n;
    memcpy(&n, place, sizeof(n));
    if (n == 0 && !field->required)
        return XR_OK;
    return xr_enum_value(field->choice, n) != NULL ? XR_OK : out_of_range(d, field);
}

/* Text of min..max code points without U+0000. */
static enum xr_status decode_text(struct decoding *d, const struct xr_field_info *field,
                                  int64_t min, int64_t max, struct xr_str *out)
{
    struct xr_head head = xr_cursor_head(&d->cursor);
    if (head.kind != XR_HEAD_STR)
        return malformed(d, field);
    struct xr_str text = {(const char *)d->cursor.at, (uint32_t)head.n};
    d->cursor.at += head.n;
    uint32_t points;
    if (!xr_utf8_valid(text, &points) || points < min || points > max)
        return out_of_range(d, field);
    if (memchr(text.at, 0, text.size) != NULL)
        return out_of_range(d, field);
    *out = text.size != 0 ? text : (struct xr_str){NULL, 0};
    return XR_OK;
}

static enum xr_status decode_bin(struct decoding *d, const struct xr_field_info *field,
                                 struct xr_bin *out)
{
    struct xr_head head = xr_cursor_head(&d->cursor);
    if (head.kind != XR_HEAD_BIN)
        return malformed(d, field);
    if ((int64_t)head.n < field->min || (int64_t)head.n > field->max)
        return out_of_range(d, field);
    *out = (struct xr_bin){head.n != 0 ? d->cursor.at : NULL, (uint32_t)head.n};
    d->cursor.at += head.n;
    return XR_OK;
}

/* The head of a list, and room for its elements; *room is NULL where there are none. */
static enum xr_status decode_list_head(struct decoding *d, const struct xr_field_info *field,
                                       size_t element, void **room, uint32_t *count)
{
    struct xr_head head = xr_cursor_head(&d->cursor);
    if (head.kind != XR_HEAD_ARRAY)
        return malformed(d, field);
    if ((int64_t)head.n > field->max)
        return out_of_range(d, field);
    *count = (uint32_t)head.n;
    *room = NULL;
    if (head.n == 0)
        return XR_OK;
    *room = xr_arena_take(d->arena, (size_t)head.n * element);
    return *room != NULL ? XR_OK : XR_NOMEM;
}

static enum xr_status decode_u32s(struct decoding *d, const struct xr_field_info *field,
                                  struct xr_u32s *out)
{
    void *room;
    uint32_t count;
    enum xr_status status = decode_list_head(d, field, sizeof(*out->at), &room, &count);
    if (status != XR_OK)
        return status;
    uint32_t *at = room;
    XR_ASSERT(at != NULL || count == 0);
    for (uint32_t i = 0; i < count; i++) {
        struct xr_head head = xr_cursor_head(&d->cursor);
        if (head.kind != XR_HEAD_UINT)
            return head.kind == XR_HEAD_INT ? out_of_range(d, field) : malformed(d, field);
        if (head.n > UINT32_MAX)
            return out_of_range(d, field);
        at[i] = (uint32_t)head.n;
    }
    *out = (struct xr_u32s){at, count};
    return XR_OK;
}

static enum xr_status decode_u64s(struct decoding *d, const struct xr_field_info *field,
                                  struct xr_u64s *out)
{
    void *room;
    uint32_t count;
    enum xr_status status = decode_list_head(d, field, sizeof(*out->at), &room, &count);
    if (status != XR_OK)
        return status;
    uint64_t *at = room;
    XR_ASSERT(at != NULL || count == 0);
    for (uint32_t i = 0; i < count; i++) {
        struct xr_head head = xr_cursor_head(&d->cursor);
        if (head.kind != XR_HEAD_UINT)
            return head.kind == XR_HEAD_INT ? out_of_range(d, field) : malformed(d, field);
        if (head.n > XR_NUMBER_MAX)
            return out_of_range(d, field);
        at[i] = head.n;
    }
    *out = (struct xr_u64s){at, count};
    return XR_OK;
}

static enum xr_status decode_strs(struct decoding *d, const struct xr_field_info *field,
                                  struct xr_strs *out)
{
    void *room = NULL;
    uint32_t count;
    enum xr_status status = decode_list_head(d, field, sizeof(*out->at), &room, &count);
    struct xr_str *at = room;
    for (uint32_t i = 0; status == XR_OK && i < count; i++)
        status = decode_text(d, field, 0, XR_BUYER_MAX, &at[i]);
    if (status == XR_OK)
        *out = (struct xr_strs){at, count};
    return status;
}

/* ---- messages -------------------------------------------------------------------------------- */

static enum xr_status decode_message(struct decoding *d, const struct xr_message_info *info,
                                     const char *name, uint32_t depth, void *message);

static enum xr_status decode_list(struct decoding *d, const struct xr_field_info *field,
                                  uint32_t depth, void *place)
{
    void *room;
    uint32_t count;
    enum xr_status status = decode_list_head(d, field, field->part->size, &room, &count);
    for (uint32_t i = 0; status == XR_OK && i < count; i++)
        status = decode_message(d, field->part, field->name, depth + 1,
                                (char *)room + i * field->part->size);
    if (status == XR_OK)
        memcpy(place, &(struct xr_list){room, count}, sizeof(struct xr_list));
    return status;
}

static enum xr_status decode_value(struct decoding *d, const struct xr_field_info *field,
                                   uint32_t depth, void *place)
{
    switch (field->type) {
    case XR_FIELD_bool:
        return decode_bool(d, field, place);
    case XR_FIELD_u32:
    case XR_FIELD_agent:
    case XR_FIELD_group:
        return decode_number(d, field, place, sizeof(uint32_t));
    case XR_FIELD_u64:
    case XR_FIELD_i64:
    case XR_FIELD_session:
    case XR_FIELD_customer:
    case XR_FIELD_device:
        return decode_number(d, field, place, sizeof(uint64_t));
    case XR_FIELD_choice:
        return decode_choice(d, field, place);
    case XR_FIELD_str:
        return decode_text(d, field, field->min, field->max, place);
    case XR_FIELD_bin:
        return decode_bin(d, field, place);
    case XR_FIELD_u32s:
        return decode_u32s(d, field, place);
    case XR_FIELD_u64s:
        return decode_u64s(d, field, place);
    case XR_FIELD_strs:
        return decode_strs(d, field, place);
    case XR_FIELD_nested:
        return decode_message(d, field->part, field->name, depth, place);
    case XR_FIELD_list:
        return decode_list(d, field, depth, place);
    }
    return malformed(d, field);
}

/* The field of that number; `next` is the one that follows the last found, mostly the right one. */
static const struct xr_field_info *find_field(const struct xr_message_info *info, size_t *next,
                                              uint64_t number)
{
    if (*next < info->count && info->fields[*next].number == number)
        return &info->fields[(*next)++];
    for (size_t i = 0; i < info->count; i++) {
        if (info->fields[i].number == number) {
            *next = i + 1;
            return &info->fields[i];
        }
    }
    return NULL;
}

/*
 * Decode a map into a cleared struct. Calls itself through parts only: as deep as schema.def.
 *
 * name   what to call the map where it is no map
 * depth  arrays and maps around it, itself included
 */
static enum xr_status decode_message(struct decoding *d, const struct xr_message_info *info,
                                     const char *name, uint32_t depth, void *message)
{
    memset(message, 0, info->size);
    struct xr_head map = xr_cursor_head(&d->cursor);
    if (map.kind != XR_HEAD_MAP)
        return refuse(d, XR_code_MALFORMED, name);
    uint64_t has = 0;
    size_t next = 0;
    for (uint64_t i = 0; i < map.n; i++) {
        struct xr_head key = xr_cursor_head(&d->cursor);
        if (key.kind != XR_HEAD_UINT)
            return refuse(d, XR_code_MALFORMED, name);
        const struct xr_field_info *field = find_field(info, &next, key.n);
        if (field == NULL) {
            if (!xr_cursor_skip(&d->cursor, XR_DEPTH_MAX - depth))
                return refuse(d, XR_code_MALFORMED, name);
            continue;
        }
        uint64_t bit = (uint64_t)1 << field->number;
        if ((has & bit) != 0)
            return malformed(d, field);
        has |= bit;
        enum xr_status status = decode_value(d, field, depth + 1, (char *)message + field->offset);
        if (status != XR_OK)
            return status;
    }
    memcpy(message, &has, sizeof(has));
    for (size_t i = 0; i < info->count; i++)
        if (info->fields[i].required && ((has >> info->fields[i].number) & 1) == 0)
            return refuse(d, XR_code_MISSING, info->fields[i].name);
    return XR_OK;
}

enum xr_status xr_body_decode(enum xr_type type, struct xr_bin body, struct xr_arena *arena,
                              const void **out, struct xr_wire_error *error)
{
    struct decoding d = {.arena = arena, .error = error};
    const struct xr_message_info *info = xr_message_info(type);
    if (info == NULL)
        return refuse(&d, XR_code_UNKNOWN_TYPE, "");
    if (body.size == 0)
        return refuse(&d, XR_code_MALFORMED, "");
    void *message = xr_arena_take(arena, info->size);
    if (message == NULL)
        return XR_NOMEM;
    d.cursor = (struct xr_cursor){body.at, body.at + body.size};
    enum xr_status status = decode_message(&d, info, "", 2, message);
    if (status != XR_OK)
        return status;
    if (xr_cursor_left(&d.cursor) != 0)
        return refuse(&d, XR_code_MALFORMED, "");
    *out = message;
    return XR_OK;
}

/* ---- single values --------------------------------------------------------------------------- */

/* Read one head of the wanted kind; the bytes move on only where it is. */
static enum xr_status unpack_head(struct xr_bin *bytes, enum xr_head_kind kind, uint64_t *n)
{
    if (bytes->size == 0)
        return XR_BAD;
    struct xr_cursor cursor = {bytes->at, bytes->at + bytes->size};
    struct xr_head head = xr_cursor_head(&cursor);
    if (head.kind != kind)
        return XR_BAD;
    *n = head.n;
    *bytes = (struct xr_bin){cursor.at, (uint32_t)xr_cursor_left(&cursor)};
    return XR_OK;
}

enum xr_status xr_unpack_uint(struct xr_bin *bytes, uint64_t *n)
{
    return unpack_head(bytes, XR_HEAD_UINT, n);
}

enum xr_status xr_unpack_int(struct xr_bin *bytes, int64_t *n)
{
    uint64_t read;
    if (unpack_head(bytes, XR_HEAD_INT, &read) == XR_OK) {
        *n = (int64_t)read;
        return XR_OK;
    }
    struct xr_bin before = *bytes;
    if (unpack_head(bytes, XR_HEAD_UINT, &read) != XR_OK)
        return XR_BAD;
    if (read > INT64_MAX) {
        *bytes = before;
        return XR_BAD;
    }
    *n = (int64_t)read;
    return XR_OK;
}

enum xr_status xr_unpack_bin(struct xr_bin *bytes, struct xr_bin *out)
{
    uint64_t size;
    if (unpack_head(bytes, XR_HEAD_BIN, &size) != XR_OK)
        return XR_BAD;
    *out = (struct xr_bin){bytes->at, (uint32_t)size};
    *bytes = (struct xr_bin){bytes->at + size, bytes->size - (uint32_t)size};
    return XR_OK;
}

enum xr_status xr_unpack_array(struct xr_bin *bytes, uint32_t *count)
{
    uint64_t n;
    if (unpack_head(bytes, XR_HEAD_ARRAY, &n) != XR_OK)
        return XR_BAD;
    *count = (uint32_t)n;
    return XR_OK;
}
