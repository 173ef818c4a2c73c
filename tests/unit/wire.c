/*
 * Aim: every message there is comes back from its bytes, and msgpack-c reads and writes the same.
 * Method: structs are made from the schema's own tables (support/fill.h) at their bounds and drawn;
 * what is no message (single values, frames, UTF-8) has examples by hand.
 */
#include "support/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <msgpack.h>

/* ---- there and back -------------------------------------------------------------------------- */

static void round_trip(struct world *w, const struct xr_message_info *info, const void *message)
{
    xr_buf_reset(&w->buf);
    xr_body_encode(&w->buf, info->type, message);
    assert_false(w->buf.failed);
    const void *back = assert_decodes(w, info, bytes_of(&w->buf));
    assert_true(messages_equal(info, message, back, true));

    struct xr_buf again;
    xr_buf_init(&again, BUF_MAX);
    xr_body_encode(&again, info->type, back);
    assert_true(xr_bin_equal(bytes_of(&w->buf), bytes_of(&again)));
    xr_buf_fini(&again);
}

static void round_trip_fixed(struct world *w, const struct xr_message_info *info)
{
    round_trip(w, info, make(w, info, FILL_REQUIRED));
    round_trip(w, info, make(w, info, FILL_MIN));
    round_trip(w, info, make(w, info, FILL_MAX));
    round_trip(w, info, make(w, info, FILL_SAMPLE));
}

static void every_message_comes_back_from_its_bounds(void **state)
{
    each_message(*state, round_trip_fixed);
}

static void round_trip_drawn(struct world *w, const struct xr_message_info *info)
{
    struct fill fill = fill_how(w, FILL_DRAWN, 0x1234567 + (uint64_t)info->type);
    for (int i = 0; i < 50; i++) {
        xr_arena_reset(w->arena);
        xr_arena_reset(w->decoded);
        round_trip(w, info, fill_message(&fill, info));
    }
}

static void every_message_comes_back_from_drawn_values(void **state)
{
    each_message(*state, round_trip_drawn);
}

/* What is not zero is sent without a mark; a zero that is marked is sent, one that is not is not.
 */
static void marks_decide_about_zeros_only(void **state)
{
    struct world *w = *state;
    struct xr_customer_set set = {.customer = {7}, .level = 3};
    xr_body_encode(&w->buf, XR_TYPE_customer_set, &set);
    const struct xr_customer_set *back =
        assert_decodes(w, xr_message_info(XR_TYPE_customer_set), bytes_of(&w->buf));
    assert_true(XR_HAS(back, 4));
    assert_int_equal(back->level, 3);
    assert_false(XR_HAS(back, 6));
    assert_false(XR_HAS(back, 3));

    set.has = (uint64_t)1 << 6 | (uint64_t)1 << 3 | (uint64_t)1 << 9;
    xr_buf_reset(&w->buf);
    xr_body_encode(&w->buf, XR_TYPE_customer_set, &set);
    back = assert_decodes(w, xr_message_info(XR_TYPE_customer_set), bytes_of(&w->buf));
    assert_true(XR_HAS(back, 6));
    assert_true(XR_HAS(back, 3));
    assert_true(XR_HAS(back, 9));
    assert_int_equal(back->flag, 0);
    assert_int_equal(back->nick.size, 0);
    assert_int_equal(back->tags_remove.count, 0);
}

static void an_optional_part_is_there_where_something_in_it_is(void **state)
{
    struct world *w = *state;
    const struct xr_message_info *info = xr_message_info(XR_TYPE_session_changed);
    struct xr_session_changed changed = {
        .seq = 1,
        .change = XR_change_ASSIGNED,
        .session = {.session = {1}, .state = XR_session_state_OPEN},
    };
    xr_body_encode(&w->buf, info->type, &changed);
    const struct xr_session_changed *back = assert_decodes(w, info, bytes_of(&w->buf));
    assert_false(XR_HAS(back, 7));

    changed.card.customer.n = 9;
    xr_buf_reset(&w->buf);
    xr_body_encode(&w->buf, info->type, &changed);
    back = assert_decodes(w, info, bytes_of(&w->buf));
    assert_true(XR_HAS(back, 7));
    assert_int_equal(back->card.customer.n, 9);
}

static void the_tail_of_an_update_is_the_update_without_its_head(void **state)
{
    struct world *w = *state;
    struct xr_message_added *added = make(w, xr_message_info(XR_TYPE_message_added), FILL_SAMPLE);
    struct xr_buf tail;
    xr_buf_init(&tail, BUF_MAX);
    uint32_t fields = xr_fields_encode(&tail, XR_TYPE_message_added, added, 3);
    assert_int_equal(fields, 1);
    xr_pack_map(&w->buf, fields + 2);
    xr_pack_uint(&w->buf, 1);
    xr_pack_uint(&w->buf, added->seq);
    xr_pack_uint(&w->buf, 2);
    xr_pack_uint(&w->buf, added->prev);
    xr_buf_add(&w->buf, tail.at, tail.size);
    struct xr_buf whole;
    xr_buf_init(&whole, BUF_MAX);
    xr_body_encode(&whole, XR_TYPE_message_added, added);
    assert_true(xr_bin_equal(bytes_of(&whole), bytes_of(&w->buf)));
    xr_buf_fini(&tail);
    xr_buf_fini(&whole);
}

/* ---- msgpack-c as the judge ------------------------------------------------------------------ */

static void judge_fields(const struct xr_message_info *info, const void *message,
                         const msgpack_object *map);

static void judge_text(struct xr_str text, const msgpack_object *object)
{
    assert_int_equal(object->type, MSGPACK_OBJECT_STR);
    assert_int_equal(object->via.str.size, text.size);
    if (text.size != 0)
        assert_memory_equal(object->via.str.ptr, text.at, text.size);
}

static void judge_unsigned(uint64_t n, const msgpack_object *object)
{
    assert_int_equal(object->type, MSGPACK_OBJECT_POSITIVE_INTEGER);
    assert_int_equal(object->via.u64, n);
}

static void judge_list(const struct xr_field_info *field, struct xr_list list,
                       const msgpack_object *object)
{
    assert_int_equal(object->type, MSGPACK_OBJECT_ARRAY);
    assert_int_equal(object->via.array.size, list.count);
    for (uint32_t i = 0; i < list.count; i++) {
        const msgpack_object *element = &object->via.array.ptr[i];
        if (field->type == XR_FIELD_u32s)
            judge_unsigned(((const uint32_t *)list.at)[i], element);
        else if (field->type == XR_FIELD_u64s)
            judge_unsigned(((const uint64_t *)list.at)[i], element);
        else if (field->type == XR_FIELD_strs)
            judge_text(((const struct xr_str *)list.at)[i], element);
        else
            judge_fields(field->part, (const char *)list.at + i * field->part->size, element);
    }
}

static void judge_value(const struct xr_field_info *field, const void *place,
                        const msgpack_object *object)
{
    int64_t number;
    struct xr_bin bytes;
    switch (field->type) {
    case XR_FIELD_bool:
        assert_int_equal(object->type, MSGPACK_OBJECT_BOOLEAN);
        assert_int_equal(object->via.boolean, *(const bool *)place);
        return;
    case XR_FIELD_str:
        judge_text(*(const struct xr_str *)place, object);
        return;
    case XR_FIELD_bin:
        bytes = *(const struct xr_bin *)place;
        assert_int_equal(object->type, MSGPACK_OBJECT_BIN);
        assert_int_equal(object->via.bin.size, bytes.size);
        if (bytes.size != 0)
            assert_memory_equal(object->via.bin.ptr, bytes.at, bytes.size);
        return;
    case XR_FIELD_i64:
        number = (int64_t)xr_load_u64(place);
        assert_int_equal(object->type, number < 0 ? MSGPACK_OBJECT_NEGATIVE_INTEGER
                                                  : MSGPACK_OBJECT_POSITIVE_INTEGER);
        assert_int_equal(object->via.i64, number);
        return;
    case XR_FIELD_nested:
        judge_fields(field->part, place, object);
        return;
    case XR_FIELD_u32s:
    case XR_FIELD_u64s:
    case XR_FIELD_strs:
    case XR_FIELD_list:
        judge_list(field, xr_load_list(place), object);
        return;
    default:
        judge_unsigned(xr_field_is_u64(field) ? xr_load_u64(place) : xr_load_u32(place), object);
        return;
    }
}

static void judge_fields(const struct xr_message_info *info, const void *message,
                         const msgpack_object *map)
{
    assert_int_equal(map->type, MSGPACK_OBJECT_MAP);
    uint64_t chosen = xr_fields_choose(info, message, 0);
    uint32_t seen = 0;
    for (; chosen != 0; chosen &= chosen - 1) {
        const struct xr_field_info *field = &info->fields[__builtin_ctzll(chosen)];
        assert_true(seen < map->via.map.size);
        judge_unsigned(field->number, &map->via.map.ptr[seen].key);
        judge_value(field, (const char *)message + field->offset, &map->via.map.ptr[seen].val);
        seen++;
    }
    assert_int_equal(seen, map->via.map.size);
}

/* Another encoder, as a stranger may write it: every number as wide as can be, strings and lists
 * with 32-bit lengths, the fields backwards. */
static void pack_wide(struct xr_buf *out, const msgpack_object *object);

static void pack_wide_head(struct xr_buf *out, uint8_t first, uint32_t count)
{
    uint8_t head[5] = {first};
    xr_put_u32be(head + 1, count);
    xr_buf_add(out, head, sizeof(head));
}

static void pack_wide_map(struct xr_buf *out, const msgpack_object_map *map)
{
    pack_wide_head(out, 0xdf, map->size);
    for (uint32_t i = map->size; i > 0; i--) {
        pack_wide(out, &map->ptr[i - 1].key);
        pack_wide(out, &map->ptr[i - 1].val);
    }
}

static void pack_wide(struct xr_buf *out, const msgpack_object *object)
{
    uint8_t number[9] = {0xd3}; /* int 64, which holds all that we send */
    switch (object->type) {
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        xr_put_u64be(number + 1, object->via.u64);
        xr_buf_add(out, number, sizeof(number));
        return;
    case MSGPACK_OBJECT_STR:
        pack_wide_head(out, 0xdb, object->via.str.size);
        xr_buf_add(out, object->via.str.ptr, object->via.str.size);
        return;
    case MSGPACK_OBJECT_BIN:
        pack_wide_head(out, 0xc6, object->via.bin.size);
        xr_buf_add(out, object->via.bin.ptr, object->via.bin.size);
        return;
    case MSGPACK_OBJECT_ARRAY:
        pack_wide_head(out, 0xdd, object->via.array.size);
        for (uint32_t i = 0; i < object->via.array.size; i++)
            pack_wide(out, &object->via.array.ptr[i]);
        return;
    case MSGPACK_OBJECT_MAP:
        pack_wide_map(out, &object->via.map);
        return;
    default:
        xr_pack_bool(out, object->via.boolean);
        return;
    }
}

static void judge_message(struct world *w, const struct xr_message_info *info, const void *message)
{
    xr_buf_reset(&w->buf);
    xr_frame_encode(&w->buf, info->type, 77, message);
    msgpack_unpacked unpacked;
    msgpack_unpacked_init(&unpacked);
    size_t used = 0;
    assert_int_equal(msgpack_unpack_next(&unpacked, (const char *)w->buf.at, w->buf.size, &used),
                     MSGPACK_UNPACK_SUCCESS);
    assert_int_equal(used, w->buf.size);
    assert_int_equal(unpacked.data.type, MSGPACK_OBJECT_ARRAY);
    assert_int_equal(unpacked.data.via.array.size, 3);
    judge_unsigned((uint64_t)info->type, &unpacked.data.via.array.ptr[0]);
    judge_unsigned(77, &unpacked.data.via.array.ptr[1]);
    const msgpack_object *body = &unpacked.data.via.array.ptr[2];
    judge_fields(info, message, body);

    struct xr_buf theirs;
    xr_buf_init(&theirs, BUF_MAX);
    pack_wide(&theirs, body);
    assert_true(messages_equal(info, message, assert_decodes(w, info, bytes_of(&theirs)), true));
    xr_buf_fini(&theirs);

    msgpack_sbuffer packed;
    msgpack_sbuffer_init(&packed);
    msgpack_packer packer;
    msgpack_packer_init(&packer, &packed, msgpack_sbuffer_write);
    assert_int_equal(msgpack_pack_object(&packer, unpacked.data), 0);
    assert_int_equal(packed.size, w->buf.size);
    assert_memory_equal(packed.data, w->buf.at, packed.size);
    msgpack_sbuffer_destroy(&packed);
    msgpack_unpacked_destroy(&unpacked);
}

static void judge_all_fillings(struct world *w, const struct xr_message_info *info)
{
    judge_message(w, info, make(w, info, FILL_REQUIRED));
    judge_message(w, info, make(w, info, FILL_MIN));
    judge_message(w, info, make(w, info, FILL_MAX));
    struct fill fill = fill_how(w, FILL_DRAWN, 99 + (uint64_t)info->type);
    for (int i = 0; i < 20; i++)
        judge_message(w, info, fill_message(&fill, info));
}

static void msgpack_c_reads_and_writes_the_same(void **state)
{
    each_message(*state, judge_all_fillings);
}

/* ---- frames, values, text -------------------------------------------------------------------- */

static void frames_follow_each_other(void **state)
{
    struct world *w = *state;
    struct xr_say say = {.session = {1}, .text = XR_STR("hi")};
    struct xr_beat beat = {0};
    xr_frame_encode(&w->buf, XR_TYPE_say, 1, &say);
    xr_frame_encode(&w->buf, XR_TYPE_beat, XR_NUMBER_MAX, &beat);
    struct xr_bin rest = bytes_of(&w->buf);
    struct xr_frame frame;
    size_t used;
    assert_int_equal(xr_frame_read(rest, &frame, &used), XR_OK);
    assert_int_equal(frame.type, XR_TYPE_say);
    assert_int_equal(frame.ref, 1);
    assert_int_equal(frame.all.size, used);
    rest = (struct xr_bin){rest.at + used, rest.size - (uint32_t)used};
    assert_int_equal(xr_frame_read(rest, &frame, &used), XR_OK);
    assert_int_equal(frame.type, XR_TYPE_beat);
    assert_int_equal(frame.ref, XR_NUMBER_MAX);
    assert_int_equal(used, rest.size);
    assert_int_equal(frame.body.size, 1);
}

static void what_is_no_frame_is_refused(void **state)
{
    (void)state;
    static const struct xr_bin bad[] = {
        {(const uint8_t *)"", 0},
        {NULL, 0},
        {(const uint8_t *)"\x92\x01\x80", 3},                        /* two elements */
        {(const uint8_t *)"\x94\x01\x01\x80\x00", 5},                /* four */
        {(const uint8_t *)"\x83\x01\x01\x80", 4},                    /* a map */
        {(const uint8_t *)"\x93\xff\x01\x80", 4},                    /* a negative type */
        {(const uint8_t *)"\x93\xa0\x01\x80", 4},                    /* a text as type */
        {(const uint8_t *)"\x93\x01\xff\x80", 4},                    /* a negative ref */
        {(const uint8_t *)"\x93\x01\xc0\x80", 4},                    /* nil as ref */
        {(const uint8_t *)"\x93\x01\x01\x90", 4},                    /* a list as body */
        {(const uint8_t *)"\x93\x01\x01\xc0", 4},                    /* nil as body */
        {(const uint8_t *)"\x93\x01\xcf\0\x20\0\0\0\0\0\0\x80", 12}, /* ref 2^53 */
        {(const uint8_t *)"\x93\xcf\0\0\0\1\0\0\0\0\x01\x80", 12},   /* type 2^32 */
        {(const uint8_t *)"\xc1", 1},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct xr_frame frame;
        size_t used = 77;
        assert_int_equal(xr_frame_read(bad[i], &frame, &used), XR_BAD);
        assert_int_equal(used, 77);
    }
}

/* A frame of exactly `size` bytes, its unknown field 9 full of bytes. */
static void make_frame_of(struct xr_buf *out, size_t size)
{
    xr_buf_reset(out);
    xr_pack_array(out, 3);
    xr_pack_uint(out, XR_TYPE_beat);
    xr_pack_uint(out, 1);
    xr_pack_map(out, 1);
    xr_pack_uint(out, 9);
    uint8_t *zeros = calloc(1, size);
    xr_pack_bin(out, zeros, size - out->size - 5);
    free(zeros);
    assert_int_equal(out->size, size);
}

static void a_frame_may_be_so_large_and_no_larger(void **state)
{
    struct world *w = *state;
    struct xr_frame frame;
    size_t used;
    make_frame_of(&w->buf, XR_FRAME_BYTES_MAX);
    assert_int_equal(xr_frame_read(bytes_of(&w->buf), &frame, &used), XR_OK);
    assert_decodes(w, xr_message_info(XR_TYPE_beat), frame.body);
    make_frame_of(&w->buf, XR_FRAME_BYTES_MAX + 1);
    assert_int_equal(xr_frame_read(bytes_of(&w->buf), &frame, &used), XR_BAD);
}

static void an_unknown_type_is_still_a_frame(void **state)
{
    (void)state;
    struct xr_frame frame;
    size_t used;
    struct xr_bin bytes = {(const uint8_t *)"\x93\xce\xff\xff\xff\xff\x05\x80", 8};
    assert_int_equal(xr_frame_read(bytes, &frame, &used), XR_OK);
    assert_int_equal(frame.type, UINT32_MAX);
    assert_int_equal(frame.ref, 5);
}

static void single_values_come_back(void **state)
{
    struct world *w = *state;
    for (unsigned bit = 0; bit < 64; bit++) {
        for (int64_t off = -1; off <= 1; off++) {
            uint64_t n = ((uint64_t)1 << bit) + (uint64_t)off;
            int64_t signed_n = (int64_t)n;
            xr_buf_reset(&w->buf);
            xr_pack_uint(&w->buf, n);
            xr_pack_int(&w->buf, signed_n);
            xr_pack_int(&w->buf, signed_n == INT64_MIN ? signed_n : -signed_n);
            struct xr_bin rest = bytes_of(&w->buf);
            uint64_t read;
            int64_t plus;
            int64_t minus;
            assert_int_equal(xr_unpack_uint(&rest, &read), XR_OK);
            assert_int_equal(xr_unpack_int(&rest, &plus), XR_OK);
            assert_int_equal(xr_unpack_int(&rest, &minus), XR_OK);
            assert_int_equal(read, n);
            assert_int_equal(plus, signed_n);
            assert_int_equal(minus, signed_n == INT64_MIN ? signed_n : -signed_n);
            assert_int_equal(rest.size, 0);
        }
    }
}

static void a_value_of_another_kind_stays_where_it_is(void **state)
{
    struct world *w = *state;
    xr_pack_uint(&w->buf, UINT64_MAX);
    struct xr_bin rest = bytes_of(&w->buf);
    int64_t number;
    uint32_t count;
    struct xr_bin bytes;
    assert_int_equal(xr_unpack_int(&rest, &number), XR_BAD);
    assert_int_equal(xr_unpack_bin(&rest, &bytes), XR_BAD);
    assert_int_equal(xr_unpack_array(&rest, &count), XR_BAD);
    assert_int_equal(rest.size, w->buf.size);
    struct xr_bin none = {NULL, 0};
    uint64_t n;
    assert_int_equal(xr_unpack_uint(&none, &n), XR_BAD);
}

static void bytes_and_lists_come_back(void **state)
{
    struct world *w = *state;
    static const uint32_t sizes[] = {0, 1, 15, 16, 31, 255, 256, 65535, 65536};
    uint8_t *zeros = calloc(1, 65536);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        xr_buf_reset(&w->buf);
        xr_pack_bin(&w->buf, zeros, sizes[i]);
        xr_pack_array(&w->buf, sizes[i]);
        xr_buf_add(&w->buf, zeros, sizes[i]);
        struct xr_bin rest = bytes_of(&w->buf);
        struct xr_bin bytes;
        uint32_t count;
        assert_int_equal(xr_unpack_bin(&rest, &bytes), XR_OK);
        assert_int_equal(bytes.size, sizes[i]);
        assert_int_equal(xr_unpack_array(&rest, &count), XR_OK);
        assert_int_equal(count, sizes[i]);
        assert_int_equal(rest.size, sizes[i]);
    }
    free(zeros);
}

/* Every code point there is, alone; everything that is no code point; what Unicode's table 3-7
 * calls ill-formed. */
static void every_code_point_is_utf8(void **state)
{
    (void)state;
    for (uint32_t point = 0; point < 0x110000; point++) {
        uint8_t at[4];
        uint32_t size;
        if (point < 0x80) {
            at[0] = (uint8_t)point;
            size = 1;
        } else if (point < 0x800) {
            at[0] = (uint8_t)(0xc0 | point >> 6);
            at[1] = (uint8_t)(0x80 | (point & 63));
            size = 2;
        } else if (point < 0x10000) {
            at[0] = (uint8_t)(0xe0 | point >> 12);
            at[1] = (uint8_t)(0x80 | (point >> 6 & 63));
            at[2] = (uint8_t)(0x80 | (point & 63));
            size = 3;
        } else {
            at[0] = (uint8_t)(0xf0 | point >> 18);
            at[1] = (uint8_t)(0x80 | (point >> 12 & 63));
            at[2] = (uint8_t)(0x80 | (point >> 6 & 63));
            at[3] = (uint8_t)(0x80 | (point & 63));
            size = 4;
        }
        bool is_surrogate = point >= 0xd800 && point < 0xe000;
        uint32_t points = 0;
        assert_int_equal(xr_utf8_valid((struct xr_str){(char *)at, size}, &points), !is_surrogate);
        assert_int_equal(points, is_surrogate ? 0 : 1);
        assert_false(size > 1 && xr_utf8_valid((struct xr_str){(char *)at, size - 1}, NULL));
    }
}

static void what_is_ill_formed_is_no_utf8(void **state)
{
    (void)state;
    static const struct xr_str bad[] = {
        {"\x80", 1},
        {"\xbf", 1},
        {"\xc0\x80", 2},
        {"\xc1\xbf", 2},
        {"\xe0\x80\x80", 3},
        {"\xe0\x9f\xbf", 3},
        {"\xed\xa0\x80", 3},
        {"\xed\xbf\xbf", 3},
        {"\xf0\x80\x80\x80", 4},
        {"\xf0\x8f\xbf\xbf", 4},
        {"\xf4\x90\x80\x80", 4},
        {"\xf5\x80\x80\x80", 4},
        {"\xff", 1},
        {"\xc3(", 2},
        {"\xe4\xbd(", 3},
        {"\xe4(\xa0", 3},
        {"abcdefgh\x80", 9},
        {"abcdefg\xe4", 8},
        {"\xf0\x9f\x98(", 4},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(xr_utf8_valid(bad[i], NULL));
    uint32_t points = 7;
    assert_true(xr_utf8_valid((struct xr_str){NULL, 0}, &points));
    assert_int_equal(points, 0);
    assert_true(xr_utf8_valid(XR_STR("abcdefghijk\xe4\xbd\xa0xyzxyzxyz"), &points));
    assert_int_equal(points, 21);
}

/* ---- the tables ------------------------------------------------------------------------------ */

static void check_fields(const struct xr_message_info *info)
{
    uint32_t last = 0;
    for (size_t i = 0; i < info->count; i++) {
        const struct xr_field_info *field = &info->fields[i];
        assert_true(field->number > last);
        last = field->number;
        assert_true(field->min <= field->max);
        assert_true(field->offset < info->size);
        assert_int_equal(field->choice != NULL, field->type == XR_FIELD_choice);
        assert_int_equal(field->part != NULL,
                         field->type == XR_FIELD_nested || field->type == XR_FIELD_list);
        for (size_t other = 0; other < i; other++)
            assert_string_not_equal(field->name, info->fields[other].name);
        /* Taken by the text and the JSON form. */
        assert_false(info->type != 0 && strcmp(field->name, "type") == 0);
        assert_false(info->type != 0 && strcmp(field->name, "ref") == 0);
    }
}

static void check_head_fields(const struct xr_message_info *info)
{
    if (info->kind == XR_KIND_COMMAND)
        assert_string_equal(info->fields[0].name, "done");
    if (info->kind == XR_KIND_UPDATE) {
        assert_string_equal(info->fields[0].name, "seq");
        assert_string_equal(info->fields[1].name, "prev");
        assert_int_equal(info->fields[1].number, 2);
    }
}

static void messages_are_found_and_sound(void **state)
{
    (void)state;
    size_t count;
    const struct xr_message_info *const *all = xr_messages(&count);
    for (size_t i = 0; i < count; i++) {
        const struct xr_message_info *info = all[i];
        assert_ptr_equal(xr_message_named(xr_str_of(info->name)), info);
        assert_int_equal(info->type == 0, info->kind == XR_KIND_PART);
        if (info->type != 0)
            assert_ptr_equal(xr_message_info(info->type), info);
        assert_true(strlen(info->doc) > 0);
        assert_true(strlen(xr_kind_name(info->kind)) > 0);
        check_fields(info);
        check_head_fields(info);
    }
    assert_null(xr_message_named(XR_STR("nothing")));
    assert_null(xr_message_named(XR_STR("")));
}

static void enums_are_sound_and_named_in_lower_case(void **state)
{
    (void)state;
    size_t count;
    const struct xr_enum_info *const *all = xr_enums(&count);
    assert_true(count > 15);
    for (size_t i = 0; i < count; i++) {
        for (size_t v = 0; v < all[i]->count; v++) {
            const struct xr_enum_value *value = &all[i]->values[v];
            assert_true(value->number > 0);
            assert_ptr_equal(xr_enum_value(all[i], value->number), value);
            assert_string_equal(xr_choice_name(all[i]->name, value->number), value->name);
            for (const char *c = value->name; *c != '\0'; c++)
                assert_true((*c >= 'a' && *c <= 'z') || *c == '_');
        }
        assert_null(xr_enum_value(all[i], 0));
        assert_null(xr_enum_value(all[i], UINT32_MAX));
    }
    assert_string_equal(xr_choice_name("code", XR_code_UNKNOWN_DEVICE), "unknown_device");
    assert_string_equal(xr_choice_name("code", 0), "?");
    assert_string_equal(xr_choice_name("nothing", 1), "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_message_comes_back_from_its_bounds, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(every_message_comes_back_from_drawn_values, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(marks_decide_about_zeros_only, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_optional_part_is_there_where_something_in_it_is, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_tail_of_an_update_is_the_update_without_its_head,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(msgpack_c_reads_and_writes_the_same, set_up, tear_down),
        cmocka_unit_test_setup_teardown(frames_follow_each_other, set_up, tear_down),
        cmocka_unit_test(what_is_no_frame_is_refused),
        cmocka_unit_test_setup_teardown(a_frame_may_be_so_large_and_no_larger, set_up, tear_down),
        cmocka_unit_test(an_unknown_type_is_still_a_frame),
        cmocka_unit_test_setup_teardown(single_values_come_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_value_of_another_kind_stays_where_it_is, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(bytes_and_lists_come_back, set_up, tear_down),
        cmocka_unit_test(every_code_point_is_utf8),
        cmocka_unit_test(what_is_ill_formed_is_no_utf8),
        cmocka_unit_test(messages_are_found_and_sound),
        cmocka_unit_test(enums_are_sound_and_named_in_lower_case),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
