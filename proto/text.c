#include "proto/text.h"

#include <inttypes.h>

#include "proto/fields.h"

/* What must not reach a terminal or break a line: C0, DEL, C1, the line and paragraph separators.
 */
static size_t measure_unsafe(const uint8_t *at, size_t left, uint32_t *point)
{
    if (at[0] < 0x20 || at[0] == 0x7f) {
        *point = at[0];
        return 1;
    }
    if (left >= 2 && at[0] == 0xc2 && at[1] >= 0x80 && at[1] <= 0x9f) {
        *point = at[1];
        return 2;
    }
    if (left >= 3 && at[0] == 0xe2 && at[1] == 0x80 && (at[2] == 0xa8 || at[2] == 0xa9)) {
        *point = 0x2000u + (at[2] & 0x3f);
        return 3;
    }
    return 0;
}

static void write_escape(struct xr_buf *out, uint32_t point)
{
    static const char *const shorts[32] = {
        ['\b'] = "\\b", ['\t'] = "\\t", ['\n'] = "\\n", ['\f'] = "\\f", ['\r'] = "\\r",
    };
    if (point < 32 && shorts[point] != NULL)
        xr_buf_text(out, shorts[point]);
    else
        xr_buf_format(out, "\\u%04" PRIx32, point);
}

static void write_quoted(struct xr_buf *out, struct xr_str text)
{
    const uint8_t *at = (const uint8_t *)text.at;
    size_t plain = 0; /* where the bytes begin that are still to be copied as they are */
    xr_buf_add(out, "\"", 1);
    for (size_t i = 0; i < text.size;) {
        uint32_t point = at[i];
        bool is_mark = at[i] == '"' || at[i] == '\\';
        size_t size = is_mark ? 1 : measure_unsafe(at + i, text.size - i, &point);
        if (size == 0) {
            i++;
            continue;
        }
        xr_buf_add(out, at + plain, i - plain);
        if (is_mark)
            xr_buf_format(out, "\\%c", at[i]);
        else
            write_escape(out, point);
        i += size;
        plain = i;
    }
    if (plain < text.size)
        xr_buf_add(out, at + plain, text.size - plain);
    xr_buf_add(out, "\"", 1);
}

static void write_hex(struct xr_buf *out, struct xr_bin bytes)
{
    static const char digits[] = "0123456789abcdef";
    for (uint32_t i = 0; i < bytes.size; i++) {
        char pair[2] = {digits[bytes.at[i] >> 4], digits[bytes.at[i] & 15]};
        xr_buf_add(out, pair, sizeof(pair));
    }
}

static void write_choice(struct xr_buf *out, const struct xr_enum_info *choice, uint32_t number)
{
    const struct xr_enum_value *value = xr_enum_value(choice, number);
    xr_buf_text(out, value != NULL ? value->name : number == 0 ? "none" : "?");
}

static void write_fields(struct xr_buf *out, const struct xr_message_info *info,
                         const void *message, const char *before);

static void write_part(struct xr_buf *out, const struct xr_message_info *part, const void *message)
{
    xr_buf_text(out, "{");
    write_fields(out, part, message, "");
    xr_buf_text(out, "}");
}

/* One element of a list of numbers, texts or parts. */
static void write_element(struct xr_buf *out, const struct xr_field_info *field, const void *at,
                          uint32_t i)
{
    switch (field->type) {
    case XR_FIELD_u32s:
        xr_buf_format(out, "%" PRIu32, ((const uint32_t *)at)[i]);
        return;
    case XR_FIELD_u64s:
        xr_buf_format(out, "%" PRIu64, ((const uint64_t *)at)[i]);
        return;
    case XR_FIELD_strs:
        write_quoted(out, ((const struct xr_str *)at)[i]);
        return;
    default:
        write_part(out, field->part, (const char *)at + i * field->part->size);
        return;
    }
}

static void write_list(struct xr_buf *out, const struct xr_field_info *field, struct xr_list list)
{
    xr_buf_text(out, "[");
    for (uint32_t i = 0; i < list.count; i++) {
        if (i != 0)
            xr_buf_text(out, " ");
        write_element(out, field, list.at, i);
    }
    xr_buf_text(out, "]");
}

static void write_value(struct xr_buf *out, const struct xr_field_info *field, const void *place)
{
    switch (field->type) {
    case XR_FIELD_bool:
        xr_buf_text(out, *(const bool *)place ? "true" : "false");
        return;
    case XR_FIELD_u32:
    case XR_FIELD_agent:
    case XR_FIELD_group:
        xr_buf_format(out, "%" PRIu32, xr_load_u32(place));
        return;
    case XR_FIELD_u64:
    case XR_FIELD_session:
    case XR_FIELD_customer:
    case XR_FIELD_device:
        xr_buf_format(out, "%" PRIu64, xr_load_u64(place));
        return;
    case XR_FIELD_i64:
        xr_buf_format(out, "%" PRId64, (int64_t)xr_load_u64(place));
        return;
    case XR_FIELD_choice:
        write_choice(out, field->choice, xr_load_u32(place));
        return;
    case XR_FIELD_str:
        write_quoted(out, *(const struct xr_str *)place);
        return;
    case XR_FIELD_bin:
        write_hex(out, *(const struct xr_bin *)place);
        return;
    case XR_FIELD_nested:
        write_part(out, field->part, place);
        return;
    case XR_FIELD_u32s:
    case XR_FIELD_u64s:
    case XR_FIELD_strs:
    case XR_FIELD_list:
        write_list(out, field, xr_load_list(place));
        return;
    }
}

/* `before` stands before the first field, a space before each other. */
static void write_fields(struct xr_buf *out, const struct xr_message_info *info,
                         const void *message, const char *before)
{
    uint64_t chosen = xr_fields_choose(info, message, 0);
    for (; chosen != 0; chosen &= chosen - 1) {
        const struct xr_field_info *field = &info->fields[__builtin_ctzll(chosen)];
        xr_buf_format(out, "%s%s=", before, field->name);
        write_value(out, field, (const char *)message + field->offset);
        before = " ";
    }
}

void xr_text_write(struct xr_buf *out, enum xr_type type, int64_t ref, const void *message)
{
    const struct xr_message_info *info = xr_message_info(type);
    XR_ASSERT(info != NULL);
    xr_buf_text(out, info->name);
    if (ref >= 0)
        xr_buf_format(out, " ref=%" PRId64, ref);
    write_fields(out, info, message, " ");
}
