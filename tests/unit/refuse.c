/*
 * Aim: nothing but what the schema permits comes in, and the refusal names the field; hostile bytes
 * are refused without reading past them and without taking memory for what is not there. Method: a
 * body of every message is cut into pairs of field number and value, and one pair is replaced to
 * break one rule at a time; then every truncation, every flipped bit, and examples by hand.
 */
#include "support/world.h"
#include "proto/cursor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* ---- one rule broken at a time --------------------------------------------------------------- */

static void every_required_field_is_missed(struct world *w, const struct xr_message_info *info)
{
    struct pairs whole = make_pairs(w, info);
    assert_int_equal(whole.count, info->count);
    for (uint32_t i = 0; i < whole.count; i++) {
        struct pairs less = whole;
        memmove(&less.at[i], &less.at[i + 1], (less.count - i - 1) * sizeof(less.at[0]));
        less.count--;
        join(&w->buf, &less);
        if (info->fields[i].required)
            assert_refused(w, info, bytes_of(&w->buf), XR_code_MISSING, info->fields[i].name);
        else
            assert_decodes(w, info, bytes_of(&w->buf));
    }
}

static void a_missing_field_is_named(void **state)
{
    each_message(*state, every_required_field_is_missed);
}

static void every_field_twice_is_refused(struct world *w, const struct xr_message_info *info)
{
    struct pairs whole = make_pairs(w, info);
    for (uint32_t i = 0; i < whole.count; i++) {
        struct pairs more = whole;
        more.at[more.count++] = whole.at[i];
        join(&w->buf, &more);
        assert_refused(w, info, bytes_of(&w->buf), XR_code_MALFORMED, info->fields[i].name);
    }
}

static void a_field_that_is_there_twice_is_named(void **state)
{
    each_message(*state, every_field_twice_is_refused);
}

/* A value of each kind that msgpack has. */
static const struct {
    struct xr_bin bytes;
    enum xr_head_kind kind;
} samples[] = {
    {{(const uint8_t *)"\x01", 1}, XR_HEAD_UINT},
    {{(const uint8_t *)"\xff", 1}, XR_HEAD_INT},
    {{(const uint8_t *)"\xc3", 1}, XR_HEAD_BOOL},
    {{(const uint8_t *)"\xc0", 1}, XR_HEAD_NIL},
    {{(const uint8_t *)"\xa1"
                       "a",
      2},
     XR_HEAD_STR},
    {{(const uint8_t *)"\xc4\x01\x01", 3}, XR_HEAD_BIN},
    {{(const uint8_t *)"\x90", 1}, XR_HEAD_ARRAY},
    {{(const uint8_t *)"\x80", 1}, XR_HEAD_MAP},
    {{(const uint8_t *)"\xca\x3f\x80\x00\x00", 5}, XR_HEAD_OTHER},
    {{(const uint8_t *)"\xcb\x3f\xf0\x00\x00\x00\x00\x00\x00", 9}, XR_HEAD_OTHER},
    {{(const uint8_t *)"\xd4\x01\x02", 3}, XR_HEAD_OTHER},
    {{(const uint8_t *)"\xc7\x02\x01\x02\x03", 5}, XR_HEAD_OTHER},
    {{(const uint8_t *)"\xc1", 1}, XR_HEAD_NONE},
};

static bool may_be(const struct xr_field_info *field, enum xr_head_kind kind)
{
    switch (field->type) {
    case XR_FIELD_bool:
        return kind == XR_HEAD_BOOL;
    case XR_FIELD_str:
        return kind == XR_HEAD_STR;
    case XR_FIELD_bin:
        return kind == XR_HEAD_BIN;
    case XR_FIELD_nested:
        return kind == XR_HEAD_MAP;
    case XR_FIELD_u32s:
    case XR_FIELD_u64s:
    case XR_FIELD_strs:
    case XR_FIELD_list:
        return kind == XR_HEAD_ARRAY;
    default:
        return kind == XR_HEAD_UINT || kind == XR_HEAD_INT;
    }
}

static void every_field_is_of_each_wrong_kind(struct world *w, const struct xr_message_info *info)
{
    struct pairs whole = make_pairs(w, info);
    for (uint32_t i = 0; i < whole.count; i++) {
        for (size_t s = 0; s < sizeof(samples) / sizeof(samples[0]); s++) {
            if (may_be(&info->fields[i], samples[s].kind))
                continue;
            struct pairs wrong = whole;
            wrong.at[i].value = samples[s].bytes;
            join(&w->buf, &wrong);
            assert_refused(w, info, bytes_of(&w->buf), XR_code_MALFORMED, info->fields[i].name);
        }
    }
}

static void a_field_of_the_wrong_type_is_named(void **state)
{
    each_message(*state, every_field_is_of_each_wrong_kind);
}

static void number_is_kept_in_range(struct world *w, const struct xr_message_info *info,
                                    const struct pairs *pairs, uint32_t i)
{
    const struct xr_field_info *field = &info->fields[i];
    struct xr_buf value;
    xr_buf_init(&value, 64);
    int64_t out_of_range[] = {field->min - 1, field->max + 1, INT64_MIN, INT64_MAX};
    for (size_t k = 0; k < 4; k++) {
        xr_buf_reset(&value);
        xr_pack_int(&value, out_of_range[k]);
        assert_refused(w, info, with_value(w, pairs, i, bytes_of(&value)), XR_code_RANGE,
                       field->name);
    }
    xr_buf_reset(&value);
    xr_pack_uint(&value, UINT64_MAX);
    assert_refused(w, info, with_value(w, pairs, i, bytes_of(&value)), XR_code_RANGE, field->name);
    int64_t in_range[] = {field->min, field->max};
    for (size_t k = 0; k < 2; k++) {
        xr_buf_reset(&value);
        xr_pack_int(&value, in_range[k]);
        assert_decodes(w, info, with_value(w, pairs, i, bytes_of(&value)));
    }
    xr_buf_fini(&value);
}

static void choice_is_kept_to_its_enum(struct world *w, const struct xr_message_info *info,
                                       const struct pairs *pairs, uint32_t i)
{
    const struct xr_field_info *field = &info->fields[i];
    struct xr_buf value;
    xr_buf_init(&value, 64);
    for (uint32_t n = 0; n < 40; n++) {
        xr_buf_reset(&value);
        xr_pack_uint(&value, n);
        struct xr_bin body = with_value(w, pairs, i, bytes_of(&value));
        bool is_fine = n == 0 ? !field->required : xr_enum_value(field->choice, n) != NULL;
        if (is_fine)
            assert_decodes(w, info, body);
        else
            assert_refused(w, info, body, XR_code_RANGE, field->name);
    }
    xr_buf_reset(&value);
    xr_pack_uint(&value, (uint64_t)UINT32_MAX + 2);
    assert_refused(w, info, with_value(w, pairs, i, bytes_of(&value)), XR_code_RANGE, field->name);
    xr_buf_fini(&value);
}

/* Texts of exactly that many code points: Chinese, and of one byte. */
static void pack_points(struct xr_buf *out, int64_t points, const char *piece)
{
    size_t size = strlen(piece);
    char *text = malloc((size_t)points * size + 1);
    for (int64_t i = 0; i < points; i++)
        memcpy(text + (size_t)i * size, piece, size);
    xr_buf_reset(out);
    xr_pack_str(out, (struct xr_str){text, (uint32_t)((size_t)points * size)});
    free(text);
}

static void text_is_kept_in_range(struct world *w, const struct xr_message_info *info,
                                  const struct pairs *pairs, uint32_t i)
{
    const struct xr_field_info *field = &info->fields[i];
    struct xr_buf value;
    xr_buf_init(&value, BUF_MAX);
    static const char *const pieces[] = {"a", "\xe4\xbd\xa0", "\xf0\x9f\x98\x80"};
    for (size_t k = 0; k < 3; k++) {
        pack_points(&value, field->max, pieces[k]);
        assert_decodes(w, info, with_value(w, pairs, i, bytes_of(&value)));
        pack_points(&value, field->max + 1, pieces[k]);
        assert_refused(w, info, with_value(w, pairs, i, bytes_of(&value)), XR_code_RANGE,
                       field->name);
    }
    if (field->min > 0) {
        pack_points(&value, field->min - 1, "a");
        assert_refused(w, info, with_value(w, pairs, i, bytes_of(&value)), XR_code_RANGE,
                       field->name);
    }
    static const struct xr_str bad[] = {
        {"\xff", 1}, {"a\x00z", 3}, {"\xe4\xbd", 2}, {"\xed\xa0\x80", 3}, {"\xc0\x80", 2}};
    for (size_t k = 0; k < 5; k++) {
        xr_buf_reset(&value);
        xr_pack_str(&value, bad[k]);
        assert_refused(w, info, with_value(w, pairs, i, bytes_of(&value)), XR_code_RANGE,
                       field->name);
    }
    xr_buf_fini(&value);
}

static void bytes_are_kept_in_range(struct world *w, const struct xr_message_info *info,
                                    const struct pairs *pairs, uint32_t i)
{
    const struct xr_field_info *field = &info->fields[i];
    struct xr_buf value;
    xr_buf_init(&value, BUF_MAX);
    uint8_t *zeros = calloc(1, (size_t)field->max + 1);
    int64_t sizes[] = {field->min - 1, field->min, field->max, field->max + 1};
    for (size_t k = 0; k < 4; k++) {
        if (sizes[k] < 0)
            continue;
        xr_buf_reset(&value);
        xr_pack_bin(&value, zeros, (size_t)sizes[k]);
        struct xr_bin body = with_value(w, pairs, i, bytes_of(&value));
        if (sizes[k] >= field->min && sizes[k] <= field->max)
            assert_decodes(w, info, body);
        else
            assert_refused(w, info, body, XR_code_RANGE, field->name);
    }
    free(zeros);
    xr_buf_fini(&value);
}

/* A list as long as may be of the least elements there are, and one more. */
static void list_is_kept_in_range(struct world *w, const struct xr_message_info *info,
                                  const struct pairs *pairs, uint32_t i)
{
    const struct xr_field_info *field = &info->fields[i];
    struct xr_cursor cursor = {pairs->at[i].value.at,
                               pairs->at[i].value.at + pairs->at[i].value.size};
    assert_int_equal(xr_cursor_head(&cursor).kind, XR_HEAD_ARRAY);
    const uint8_t *element = cursor.at;
    assert_true(xr_cursor_skip(&cursor, XR_DEPTH_MAX));
    size_t size = (size_t)(cursor.at - element);
    struct xr_buf value;
    xr_buf_init(&value, BUF_MAX);
    for (int64_t more = 0; more < 2; more++) {
        xr_buf_reset(&value);
        xr_pack_array(&value, (uint32_t)(field->max + more));
        for (int64_t k = 0; k < field->max + more; k++)
            xr_buf_add(&value, element, size);
        struct xr_bin body = with_value(w, pairs, i, bytes_of(&value));
        if (more == 0)
            assert_decodes(w, info, body);
        else
            assert_refused(w, info, body, XR_code_RANGE, field->name);
    }
    xr_buf_fini(&value);
}

static void every_field_is_tried_at_its_bounds(struct world *w, const struct xr_message_info *info)
{
    struct pairs pairs = make_pairs(w, info);
    for (uint32_t i = 0; i < pairs.count; i++) {
        switch (info->fields[i].type) {
        case XR_FIELD_bool:
        case XR_FIELD_nested:
            break;
        case XR_FIELD_choice:
            choice_is_kept_to_its_enum(w, info, &pairs, i);
            break;
        case XR_FIELD_str:
            text_is_kept_in_range(w, info, &pairs, i);
            break;
        case XR_FIELD_bin:
            bytes_are_kept_in_range(w, info, &pairs, i);
            break;
        case XR_FIELD_u32s:
        case XR_FIELD_u64s:
        case XR_FIELD_strs:
        case XR_FIELD_list:
            list_is_kept_in_range(w, info, &pairs, i);
            break;
        default:
            number_is_kept_in_range(w, info, &pairs, i);
            break;
        }
    }
}

static void every_bound_holds_and_is_reached(void **state)
{
    each_message(*state, every_field_is_tried_at_its_bounds);
}

static void refuse_value(struct world *w, enum xr_type type, uint32_t i, const char *value,
                         uint32_t size, enum xr_code code, const char *field)
{
    const struct xr_message_info *info = xr_message_info(type);
    struct pairs pairs = make_pairs(w, info);
    struct xr_bin bytes = {(const uint8_t *)value, size};
    assert_refused(w, info, with_value(w, &pairs, i, bytes), code, field);
}

static void an_element_of_a_list_is_checked_too(void **state)
{
    struct world *w = *state;
    /* account_set.groups */
    refuse_value(w, XR_TYPE_account_set, 8, "\x91\xff", 2, XR_code_RANGE, "groups");
    refuse_value(w, XR_TYPE_account_set, 8, "\x91\xcf\0\0\0\1\0\0\0\0", 10, XR_code_RANGE,
                 "groups");
    refuse_value(w, XR_TYPE_account_set, 8, "\x91\xa1x", 3, XR_code_MALFORMED, "groups");
    /* customer.sessions */
    refuse_value(w, XR_TYPE_customer, 4, "\x91\xff", 2, XR_code_RANGE, "sessions");
    refuse_value(w, XR_TYPE_customer, 4, "\x91\xcf\0\x20\0\0\0\0\0\0", 10, XR_code_RANGE,
                 "sessions");
    refuse_value(w, XR_TYPE_customer, 4, "\x91\xc2", 2, XR_code_MALFORMED, "sessions");
    /* customer_set.tags_remove, tags_add */
    refuse_value(w, XR_TYPE_customer_set, 8, "\x91\xa1\xff", 3, XR_code_RANGE, "tags_remove");
    refuse_value(w, XR_TYPE_customer_set, 8, "\x91\x01", 2, XR_code_MALFORMED, "tags_remove");
    refuse_value(w, XR_TYPE_customer_set, 7, "\x91\x01", 2, XR_code_MALFORMED, "tags_add");
}

static void inside_a_part_the_inner_field_is_named(void **state)
{
    struct world *w = *state;
    /* customer_set.tags_add: a tag without a name, with a colour out of range, with two names */
    refuse_value(w, XR_TYPE_customer_set, 7, "\x91\x80", 2, XR_code_MISSING, "name");
    refuse_value(w, XR_TYPE_customer_set, 7, "\x91\x82\x01\xa1x\x02\xce\1\0\0\0", 11, XR_code_RANGE,
                 "colour");
    refuse_value(w, XR_TYPE_customer_set, 7, "\x91\x82\x01\xa1x\x01\xa1x", 8, XR_code_MALFORMED,
                 "name");
    /* message_added.message */
    refuse_value(w, XR_TYPE_message_added, 2, "\x81\x01\x05", 3, XR_code_MISSING, "number");
}

static void keys_are_unsigned_numbers(void **state)
{
    struct world *w = *state;
    const struct xr_message_info *info = xr_message_info(XR_TYPE_get_session);
    static const struct xr_bin keys[] = {
        {(const uint8_t *)"\x82\x01\x07\xff\x01", 5},     /* -1 */
        {(const uint8_t *)"\x82\x01\x07\xa1\x31\x01", 6}, /* "1" */
        {(const uint8_t *)"\x82\x01\x07\xc3\x01", 5},     /* true */
        {(const uint8_t *)"\x82\x01\x07\x90\x01", 5},     /* [] */
    };
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        assert_refused(w, info, keys[i], XR_code_MALFORMED, "");
}

static void a_body_is_one_map_and_nothing_behind_it(void **state)
{
    struct world *w = *state;
    const struct xr_message_info *info = xr_message_info(XR_TYPE_get_session);
    static const struct xr_bin bodies[] = {
        {(const uint8_t *)"", 0},
        {(const uint8_t *)"\x90", 1},
        {(const uint8_t *)"\x01", 1},
        {(const uint8_t *)"\xc0", 1},
        {(const uint8_t *)"\x81\x01\x07\x00", 4},
        {(const uint8_t *)"\x81\x01\x07\xc1", 4},
    };
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
        assert_refused(w, info, bodies[i], XR_code_MALFORMED, "");
}

static void an_unknown_type_is_told(void **state)
{
    struct world *w = *state;
    static const uint32_t types[] = {0, 5, 255, 256, 100000, UINT32_MAX};
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        const void *out;
        struct xr_wire_error error;
        assert_null(xr_message_info((enum xr_type)types[i]));
        assert_int_equal(xr_body_decode((enum xr_type)types[i],
                                        (struct xr_bin){(const uint8_t *)"\x80", 1}, w->arena, &out,
                                        &error),
                         XR_BAD);
        assert_int_equal(error.code, XR_code_UNKNOWN_TYPE);
        assert_string_equal(error.field, "");
    }
}

/* ---- what a later version may send ----------------------------------------------------------- */

/* Unknown fields with values of every kind, before, between and behind the known ones. */
static void every_message_takes_unknown_fields(struct world *w, const struct xr_message_info *info)
{
    const void *message = make(w, info, FILL_SAMPLE);
    struct pairs pairs = make_pairs(w, info);
    static const uint8_t numbers[][9] = {
        {63}, {0}, {0xcc, 64}, {0xcd, 0xff, 0xff}, {0xcf, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0}};
    static const uint32_t sizes[] = {1, 1, 2, 3, 9};
    for (size_t s = 0; s + 1 < sizeof(samples) / sizeof(samples[0]); s++) {
        struct pairs more = pairs;
        struct pair unknown = {{numbers[s % 5], sizes[s % 5]}, samples[s].bytes};
        uint32_t place = (uint32_t)s % (pairs.count + 1);
        memmove(&more.at[place + 1], &more.at[place], (more.count - place) * sizeof(more.at[0]));
        more.at[place] = unknown;
        more.count++;
        join(&w->buf, &more);
        assert_true(
            messages_equal(info, message, assert_decodes(w, info, bytes_of(&w->buf)), true));
    }
}

static void unknown_fields_are_skipped(void **state)
{
    each_message(*state, every_message_takes_unknown_fields);
}

static void every_message_takes_its_fields_backwards(struct world *w,
                                                     const struct xr_message_info *info)
{
    const void *message = make(w, info, FILL_SAMPLE);
    struct pairs pairs = make_pairs(w, info);
    struct pairs turned = pairs;
    for (uint32_t i = 0; i < pairs.count; i++)
        turned.at[i] = pairs.at[pairs.count - 1 - i];
    join(&w->buf, &turned);
    assert_true(messages_equal(info, message, assert_decodes(w, info, bytes_of(&w->buf)), true));
}

static void fields_come_in_any_order(void **state)
{
    each_message(*state, every_message_takes_its_fields_backwards);
}

/* ---- hostile bytes --------------------------------------------------------------------------- */

static struct xr_bin make_frame(struct world *w, const struct xr_message_info *info,
                                enum fill_how how)
{
    xr_buf_reset(&w->buf);
    xr_frame_encode(&w->buf, info->type, 7, make(w, info, how));
    assert_false(w->buf.failed);
    return xr_arena_bin(w->arena, w->buf.at, w->buf.size);
}

static void every_truncation_is_refused(struct world *w, const struct xr_message_info *info)
{
    struct xr_bin whole = make_frame(w, info, FILL_SAMPLE);
    struct xr_frame frame;
    size_t used;
    assert_int_equal(xr_frame_read(whole, &frame, &used), XR_OK);
    assert_int_equal(used, whole.size);
    assert_int_equal(frame.type, info->type);
    assert_int_equal(frame.ref, 7);
    for (uint32_t size = 0; size < whole.size; size++) {
        uint8_t *alone = malloc(size + 1u);
        memcpy(alone + 1, whole.at, size);
        struct xr_frame none;
        struct xr_bin part = {alone + 1, size};
        assert_int_equal(xr_frame_read(part, &none, &used), XR_BAD);
        free(alone);
    }
    for (uint32_t size = 0; size < frame.body.size; size++) {
        const void *out = NULL;
        struct xr_wire_error error;
        xr_arena_reset(w->decoded);
        struct xr_bin part = {frame.body.at, size};
        assert_int_equal(decode_exactly(w, info->type, part, &out, &error), XR_BAD);
        assert_null(out);
    }
}

static void every_message_cut_short_is_refused(void **state)
{
    each_message(*state, every_truncation_is_refused);
}

/* Whatever comes in despite a changed byte must go out and come in again as the same. */
static void try_changed(struct world *w, struct xr_bin bytes)
{
    struct xr_frame frame;
    size_t used;
    xr_arena_reset(w->decoded);
    if (xr_frame_read(bytes, &frame, &used) != XR_OK)
        return;
    const void *out = NULL;
    struct xr_wire_error error = {0};
    enum xr_status status = decode_exactly(w, (enum xr_type)frame.type, frame.body, &out, &error);
    if (status == XR_BAD) {
        assert_int_not_equal(error.code, 0);
        assert_non_null(error.field);
        assert_null(out);
        return;
    }
    assert_int_equal(status, XR_OK);
    const struct xr_message_info *info = xr_message_info((enum xr_type)frame.type);
    xr_buf_reset(&w->buf);
    xr_body_encode(&w->buf, info->type, out);
    assert_true(messages_equal(info, out, assert_decodes(w, info, bytes_of(&w->buf)), true));
}

static void every_bit_is_flipped(struct world *w, const struct xr_message_info *info)
{
    struct xr_bin whole = make_frame(w, info, FILL_SAMPLE);
    uint8_t *changed = malloc(whole.size);
    memcpy(changed, whole.at, whole.size);
    for (uint32_t bit = 0; bit < whole.size * 8; bit++) {
        changed[bit / 8] ^= (uint8_t)(1u << bit % 8);
        try_changed(w, (struct xr_bin){changed, whole.size});
        changed[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    free(changed);
}

static void flipped_bits_do_no_harm(void **state)
{
    each_message(*state, every_bit_is_flipped);
}

static void every_message_is_damaged_at_random(struct world *w, const struct xr_message_info *info)
{
    struct xr_bin whole = make_frame(w, info, FILL_SAMPLE);
    uint64_t seed = 4711 + (uint64_t)info->type;
    uint8_t *changed = malloc(whole.size);
    for (int round = 0; round < 300; round++) {
        memcpy(changed, whole.at, whole.size);
        for (uint64_t hits = draw(&seed) % 6 + 1; hits > 0; hits--)
            changed[draw(&seed) % whole.size] = (uint8_t)draw(&seed);
        try_changed(w, (struct xr_bin){changed, whole.size});
    }
    free(changed);
}

static void drawn_damage_does_no_harm(void **state)
{
    each_message(*state, every_message_is_damaged_at_random);
}

/* A frame of get_session whose unknown field 9 has `levels` arrays in each other. */
static struct xr_bin nested_frame(struct xr_buf *out, uint32_t levels)
{
    xr_buf_reset(out);
    xr_pack_array(out, 3);
    xr_pack_uint(out, XR_TYPE_get_session);
    xr_pack_uint(out, 1);
    xr_pack_map(out, 2);
    xr_pack_uint(out, 1);
    xr_pack_uint(out, 5);
    xr_pack_uint(out, 9);
    for (uint32_t i = 0; i < levels; i++)
        xr_pack_array(out, i + 1 < levels ? 1 : 0);
    return bytes_of(out);
}

static void frames_nest_to_a_depth_and_no_deeper(void **state)
{
    struct world *w = *state;
    struct xr_frame frame;
    size_t used;
    struct xr_bin deep = nested_frame(&w->buf, XR_DEPTH_MAX - 2);
    assert_int_equal(xr_frame_read(deep, &frame, &used), XR_OK);
    assert_decodes(w, xr_message_info(XR_TYPE_get_session), frame.body);
    for (uint32_t levels = XR_DEPTH_MAX - 1; levels < 100000; levels = levels * 3) {
        deep = nested_frame(&w->buf, levels);
        assert_int_equal(xr_frame_read(deep, &frame, &used), XR_BAD);
        /* A body alone is held to the same depth: the array around it is counted. */
        uint32_t head = 3;
        struct xr_bin body = {deep.at + head + 1, deep.size - head - 1};
        if (deep.at[head] == 0x82)
            body = (struct xr_bin){deep.at + head, deep.size - head};
        assert_refused(w, xr_message_info(XR_TYPE_get_session), body, XR_code_MALFORMED, "");
    }
}

static void announced_sizes_are_not_believed(void **state)
{
    struct world *w = *state;
    /* customer_set with tags_add, tags_remove and nick of 2^32 - 1; a map and an unknown field
     * likewise. The few bytes that follow must not be passed, nothing be allocated. */
    static const struct {
        struct xr_bin body;
        const char *field;
    } bodies[] = {
        {{(const uint8_t *)"\x82\x02\x01\x08\xdd\xff\xff\xff\xff\x80", 10}, "tags_add"},
        {{(const uint8_t *)"\x82\x02\x01\x09\xdd\xff\xff\xff\xff\xa0", 10}, "tags_remove"},
        {{(const uint8_t *)"\x82\x02\x01\x09\xdc\x00\x20\xa0", 8}, "tags_remove"},
        {{(const uint8_t *)"\x82\x02\x01\x03\xdb\xff\xff\xff\xff\x61", 10}, "nick"},
        {{(const uint8_t *)"\x82\x02\x01\x03\xda\xff\xff\x61", 8}, "nick"},
        {{(const uint8_t *)"\xdf\xff\xff\xff\xff\x02\x01", 7}, ""},
        {{(const uint8_t *)"\xde\xff\xff\x02\x01", 5}, ""},
        {{(const uint8_t *)"\x82\x02\x01\x1f\xdd\xff\xff\xff\xff\x80", 10}, ""},
        {{(const uint8_t *)"\x82\x02\x01\x1f\xdf\x80\x00\x00\x00\x80", 10}, ""},
        {{(const uint8_t *)"\x82\x02\x01\x1f\xc6\xff\xff\xff\xff\x80", 10}, ""},
        {{(const uint8_t *)"\x82\x02\x01\x1f\xc9\xff\xff\xff\xff\x80", 10}, ""},
    };
    const struct xr_message_info *info = xr_message_info(XR_TYPE_customer_set);
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        uint64_t before = xr_mem_count();
        assert_refused(w, info, bodies[i].body, XR_code_MALFORMED, bodies[i].field);
        assert_int_equal(xr_mem_count(), before);
    }
}

/* ---- no memory ------------------------------------------------------------------------------- */

static void every_allocation_fails_in_turn(struct world *w, const struct xr_message_info *info)
{
    struct xr_bin whole = make_frame(w, info, FILL_MAX);
    struct xr_frame frame = {0};
    size_t used;
    if (xr_frame_read(whole, &frame, &used) != XR_OK)
        return; /* larger than a frame may be */
    for (uint64_t nth = 1;; nth++) {
        struct xr_arena *small = xr_arena_new(0);
        const void *out = NULL;
        struct xr_wire_error error;
        xr_mem_arm(nth, nth % 2 == 0);
        enum xr_status status = xr_body_decode(info->type, frame.body, small, &out, &error);
        xr_mem_arm(0, false);
        if (status == XR_OK)
            assert_true(messages_equal(info, make(w, info, FILL_MAX), out, true));
        xr_arena_free(small);
        if (status == XR_OK)
            return;
        assert_int_equal(status, XR_NOMEM);
        assert_null(out);
    }
}

static void decoding_says_where_there_is_no_memory(void **state)
{
    each_message(*state, every_allocation_fails_in_turn);
}

static void encoding_says_where_there_is_no_memory(void **state)
{
    struct world *w = *state;
    const struct xr_message_info *info = xr_message_info(XR_TYPE_explanation_page);
    const void *message = make(w, info, FILL_MAX);
    xr_buf_reset(&w->buf);
    xr_frame_encode(&w->buf, info->type, 1, message);
    size_t size = w->buf.size;
    for (uint64_t nth = 1;; nth++) {
        struct xr_buf out;
        xr_buf_init(&out, BUF_MAX);
        xr_mem_arm(nth, false);
        xr_frame_encode(&out, info->type, 1, message);
        xr_mem_arm(0, false);
        bool failed = out.failed;
        xr_buf_fini(&out);
        if (!failed) {
            assert_true(nth > 1);
            break;
        }
    }
    for (size_t max = 0; max < size; max++) {
        struct xr_buf out;
        xr_buf_init(&out, max);
        xr_frame_encode(&out, info->type, 1, message);
        assert_true(out.failed);
        assert_true(out.size <= max);
        xr_buf_fini(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_missing_field_is_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_field_that_is_there_twice_is_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_field_of_the_wrong_type_is_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_bound_holds_and_is_reached, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_element_of_a_list_is_checked_too, set_up, tear_down),
        cmocka_unit_test_setup_teardown(inside_a_part_the_inner_field_is_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keys_are_unsigned_numbers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_body_is_one_map_and_nothing_behind_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_unknown_type_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(unknown_fields_are_skipped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(fields_come_in_any_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_message_cut_short_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(flipped_bits_do_no_harm, set_up, tear_down),
        cmocka_unit_test_setup_teardown(drawn_damage_does_no_harm, set_up, tear_down),
        cmocka_unit_test_setup_teardown(frames_nest_to_a_depth_and_no_deeper, set_up, tear_down),
        cmocka_unit_test_setup_teardown(announced_sizes_are_not_believed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(decoding_says_where_there_is_no_memory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(encoding_says_where_there_is_no_memory, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
