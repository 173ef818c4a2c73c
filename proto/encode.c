/*
 * Structs to bytes. The packer is msgpack-c's, instantiated from its own template on xr_buf, so
 * that an integer is written without a call through a pointer.
 */
#include "proto/fields.h"

static inline int append(struct xr_buf *out, const void *bytes, size_t size)
{
    if (__builtin_expect(out->capacity - out->size < size || out->failed, 0)) {
        xr_buf_add(out, bytes, size);
        return 0;
    }
    memcpy(out->at + out->size, bytes, size);
    out->size += size;
    return 0;
}

#include <msgpack/pack_define.h>
#define msgpack_pack_user                        struct xr_buf *
#define msgpack_pack_inline_func(name)           static inline int pack##name
#define msgpack_pack_inline_func_cint(name)      static inline int pack##name
#define msgpack_pack_inline_func_fixint(name)    static inline int pack_fix##name
#define msgpack_pack_append_buffer(out, at, len) return append(out, at, len)
#include <msgpack/timestamp.h>
#include <msgpack/pack_template.h>

/* ---- single values --------------------------------------------------------------------------- */

void xr_pack_uint(struct xr_buf *out, uint64_t n)
{
    pack_uint64(out, n);
}

void xr_pack_int(struct xr_buf *out, int64_t n)
{
    pack_int64(out, n);
}

void xr_pack_bin(struct xr_buf *out, const void *bytes, size_t size)
{
    pack_bin(out, size);
    if (size != 0)
        append(out, bytes, size);
}

void xr_pack_array(struct xr_buf *out, uint32_t count)
{
    pack_array(out, count);
}

void xr_pack_map(struct xr_buf *out, uint32_t count)
{
    pack_map(out, count);
}

void xr_pack_bool(struct xr_buf *out, bool is_true)
{
    if (is_true)
        pack_true(out);
    else
        pack_false(out);
}

void xr_pack_str(struct xr_buf *out, struct xr_str text)
{
    pack_str(out, text.size);
    if (text.size != 0)
        append(out, text.at, text.size);
}

/* ---- fields ---------------------------------------------------------------------------------- */

_Static_assert(sizeof(struct xr_list) == sizeof(struct xr_note_list), "lists are laid out alike");
_Static_assert(offsetof(struct xr_list, count) == offsetof(struct xr_note_list, count),
               "lists are laid out alike");
_Static_assert(sizeof(struct xr_list) == sizeof(struct xr_str), "and so are text and bytes");
_Static_assert(offsetof(struct xr_list, count) == offsetof(struct xr_str, size),
               "and so are text and bytes");
_Static_assert(sizeof(enum xr_code) == sizeof(uint32_t), "choices are read as uint32_t");

static bool is_empty(const struct xr_field_info *field, const void *place);

/* True where nothing is marked and nothing is not zero: an optional part that is not there. */
static bool is_part_empty(const struct xr_message_info *part, const void *message)
{
    if (xr_load_u64(message) != 0)
        return false;
    for (size_t i = 0; i < part->count; i++)
        if (!is_empty(&part->fields[i], (const char *)message + part->fields[i].offset))
            return false;
    return true;
}

static bool is_empty(const struct xr_field_info *field, const void *place)
{
    switch (field->type) {
    case XR_FIELD_bool:
        return !*(const bool *)place;
    case XR_FIELD_u32:
    case XR_FIELD_agent:
    case XR_FIELD_group:
    case XR_FIELD_choice:
        return xr_load_u32(place) == 0;
    case XR_FIELD_u64:
    case XR_FIELD_i64:
    case XR_FIELD_session:
    case XR_FIELD_customer:
    case XR_FIELD_device:
        return xr_load_u64(place) == 0;
    case XR_FIELD_str:
    case XR_FIELD_bin:
    case XR_FIELD_u32s:
    case XR_FIELD_u64s:
    case XR_FIELD_strs:
    case XR_FIELD_list:
        return xr_load_list(place).count == 0;
    case XR_FIELD_nested:
        return is_part_empty(field->part, place);
    }
    return true;
}

static void pack_message(struct xr_buf *out, const struct xr_message_info *info,
                         const void *message);

static void pack_u32s(struct xr_buf *out, const struct xr_u32s *list)
{
    pack_array(out, list->count);
    for (uint32_t i = 0; i < list->count; i++)
        pack_uint32(out, list->at[i]);
}

static void pack_u64s(struct xr_buf *out, const struct xr_u64s *list)
{
    pack_array(out, list->count);
    for (uint32_t i = 0; i < list->count; i++)
        pack_uint64(out, list->at[i]);
}

static void pack_strs(struct xr_buf *out, const struct xr_strs *list)
{
    pack_array(out, list->count);
    for (uint32_t i = 0; i < list->count; i++)
        xr_pack_str(out, list->at[i]);
}

static void pack_list(struct xr_buf *out, const struct xr_message_info *part, struct xr_list list)
{
    pack_array(out, list.count);
    for (uint32_t i = 0; i < list.count; i++)
        pack_message(out, part, (const char *)list.at + i * part->size);
}

static void pack_value(struct xr_buf *out, const struct xr_field_info *field, const void *place)
{
    switch (field->type) {
    case XR_FIELD_bool:
        xr_pack_bool(out, *(const bool *)place);
        return;
    case XR_FIELD_u32:
    case XR_FIELD_agent:
    case XR_FIELD_group:
    case XR_FIELD_choice:
        pack_uint32(out, xr_load_u32(place));
        return;
    case XR_FIELD_u64:
    case XR_FIELD_session:
    case XR_FIELD_customer:
    case XR_FIELD_device:
        pack_uint64(out, xr_load_u64(place));
        return;
    case XR_FIELD_i64:
        pack_int64(out, (int64_t)xr_load_u64(place));
        return;
    case XR_FIELD_str:
        xr_pack_str(out, *(const struct xr_str *)place);
        return;
    case XR_FIELD_bin:
        xr_pack_bin(out, ((const struct xr_bin *)place)->at, ((const struct xr_bin *)place)->size);
        return;
    case XR_FIELD_u32s:
        pack_u32s(out, place);
        return;
    case XR_FIELD_u64s:
        pack_u64s(out, place);
        return;
    case XR_FIELD_strs:
        pack_strs(out, place);
        return;
    case XR_FIELD_nested:
        pack_message(out, field->part, place);
        return;
    case XR_FIELD_list:
        pack_list(out, field->part, xr_load_list(place));
        return;
    }
}

uint64_t xr_fields_choose(const struct xr_message_info *info, const void *message, uint32_t from)
{
    uint64_t has = xr_load_u64(message);
    uint64_t chosen = 0;
    for (size_t i = 0; i < info->count; i++) {
        const struct xr_field_info *field = &info->fields[i];
        if (field->number < from)
            continue;
        if (field->required || ((has >> field->number) & 1) != 0 ||
            !is_empty(field, (const char *)message + field->offset))
            chosen |= (uint64_t)1 << i;
    }
    return chosen;
}

static void pack_fields(struct xr_buf *out, const struct xr_message_info *info, const void *message,
                        uint64_t chosen)
{
    for (; chosen != 0; chosen &= chosen - 1) {
        const struct xr_field_info *field = &info->fields[__builtin_ctzll(chosen)];
        pack_uint32(out, field->number);
        pack_value(out, field, (const char *)message + field->offset);
    }
}

/* Calls itself through parts only: as deep as schema.def, never as deep as data. */
static void pack_message(struct xr_buf *out, const struct xr_message_info *info,
                         const void *message)
{
    uint64_t chosen = xr_fields_choose(info, message, 0);
    pack_map(out, (size_t)__builtin_popcountll(chosen));
    pack_fields(out, info, message, chosen);
}

/* ---- frames ---------------------------------------------------------------------------------- */

void xr_body_encode(struct xr_buf *out, enum xr_type type, const void *message)
{
    const struct xr_message_info *info = xr_message_info(type);
    XR_ASSERT(info != NULL);
    pack_message(out, info, message);
}

void xr_frame_encode(struct xr_buf *out, enum xr_type type, uint64_t ref, const void *message)
{
    pack_array(out, 3);
    pack_uint32(out, (uint32_t)type);
    pack_uint64(out, ref);
    xr_body_encode(out, type, message);
}

uint32_t xr_fields_encode(struct xr_buf *out, enum xr_type type, const void *message, uint32_t from)
{
    const struct xr_message_info *info = xr_message_info(type);
    XR_ASSERT(info != NULL);
    uint64_t chosen = xr_fields_choose(info, message, from);
    pack_fields(out, info, message, chosen);
    return (uint32_t)__builtin_popcountll(chosen);
}
