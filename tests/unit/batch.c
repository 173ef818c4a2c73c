/*
 * Aim: the bytes of a batch are frozen, and nothing but a whole batch is read as one.
 * Method: golden bytes written by hand from the description in engine.h; round trips; every
 * single-bit flip and every cut of a batch must be refused; fields of a wrong shape under a
 * checksum that fits must be refused too.
 */
#include "base/crc32c.h"
#include "engine/engine.h"
#include "engine/meta.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* ---- golden bytes ---- */

static const uint8_t golden[] = {
    0x9a,                                                 /* 10 fields */
    0x01,                                                 /* format */
    0x01,                                                 /* rules */
    0x00,                                                 /* shard */
    0x03,                                                 /* epoch */
    0xcd, 0x12, 0x34,                                     /* owner */
    0x07,                                                 /* batch_no */
    0xc4, 0x20,                                           /* prev_hash, 32 bytes */
    0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07,       /* */
    0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f,       /* */
    0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17,       /* */
    0x18, 0x19, 0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f,       /* */
    0xcd, 0x03, 0xe8,                                     /* floor_ms 1000 */
    0xcf, 0x00, 0x00, 0x01, 0x9b, 0x76, 0xda, 0xa8, 0x00, /* wall_ms 1767225600000 */
    0x91,                                                 /* one event */
    0x98,                                                 /* 8 fields */
    0x01,                                                 /* floor */
    0x2a,                                                 /* who 42 */
    0xcf, 0x00, 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, /* device 2^53 - 1 */
    0x05,                                                 /* counter */
    0xce, 0x00, 0x01, 0x00, 0x00,                         /* origin 65536 */
    0xc4, 0x10,                                           /* random, 16 bytes */
    0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7,       /* */
    0xa8, 0xa9, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf,       /* */
    0x11,                                                 /* say */
    0xc4, 0x07,                                           /* body: {2: 3, 3: "hi"} */
    0x82, 0x02, 0x03, 0x03, 0xa2, 0x68, 0x69,             /* */
    0xe6, 0x01, 0xe0, 0xd1,                               /* crc32c, little-endian */
};

static const uint8_t say_body[] = {0x82, 0x02, 0x03, 0x03, 0xa2, 0x68, 0x69};

static struct xr_batch_head make_head(uint32_t events)
{
    struct xr_batch_head head = {
        .format = XR_BATCH_FORMAT,
        .rules = XR_BATCH_RULES,
        .epoch = 3,
        .owner = 0x1234,
        .batch_no = 7,
        .floor_ms = 1000,
        .wall_ms = INT64_C(1767225600000),
        .events = events,
    };
    for (uint8_t i = 0; i < 32; i++)
        head.prev_hash[i] = i;
    return head;
}

static struct xr_batch_event make_event(void)
{
    struct xr_batch_event event = {
        .floor = 1,
        .who = {42},
        .device = {XR_NUMBER_MAX},
        .counter = 5,
        .origin = 65536,
        .type = XR_TYPE_say,
        .body = {say_body, sizeof say_body},
    };
    for (uint8_t i = 0; i < 16; i++)
        event.random[i] = (uint8_t)(0xa0 + i);
    return event;
}

static void encode(struct xr_buf *out, uint32_t events)
{
    const struct xr_batch_head head = make_head(events);
    struct xr_batch_event event = make_event();
    xr_buf_init(out, 1024 * 1024);
    xr_batch_begin(out, &head);
    for (uint32_t i = 0; i < events; i++) {
        event.counter = 5 + i;
        xr_batch_add(out, &event);
    }
    xr_batch_end(out);
    assert_false(out->failed);
}

static struct xr_bin bin_of(const struct xr_buf *buf)
{
    return (struct xr_bin){buf->at, (uint32_t)buf->size};
}

static void batch_has_the_golden_bytes(void **state)
{
    (void)state;
    struct xr_buf out;
    encode(&out, 1);
    assert_int_equal(out.size, sizeof golden);
    assert_memory_equal(out.at, golden, sizeof golden);
    xr_buf_fini(&out);
}

static void golden_bytes_are_read(void **state)
{
    (void)state;
    const struct xr_batch_head wanted = make_head(1);
    struct xr_batch_head head = {0};
    struct xr_bin events = {0};
    struct xr_batch_event event = {0};
    assert_int_equal(xr_batch_open((struct xr_bin){golden, sizeof golden}, &head, &events), XR_OK);
    assert_memory_equal(&head.prev_hash, &wanted.prev_hash, 32);
    assert_int_equal(head.epoch, 3);
    assert_int_equal(head.owner, 0x1234);
    assert_int_equal(head.batch_no, 7);
    assert_int_equal(head.floor_ms, 1000);
    assert_int_equal(head.wall_ms, wanted.wall_ms);
    assert_int_equal(head.events, 1);
    assert_int_equal(xr_batch_next(&events, &event), XR_OK);
    assert_int_equal(event.who.n, 42);
    assert_int_equal(event.device.n, XR_NUMBER_MAX);
    assert_int_equal(event.origin, 65536);
    assert_int_equal(event.type, XR_TYPE_say);
    assert_int_equal(event.random[15], 0xaf);
    assert_int_equal(event.body.size, sizeof say_body);
    assert_memory_equal(event.body.at, say_body, sizeof say_body);
    assert_int_equal(events.size, 0);
    assert_int_equal(xr_batch_next(&events, &event), XR_CORRUPT);
}

/* ---- round trips ---- */

static void all_events_come_back_in_order(void **state)
{
    (void)state;
    static const uint32_t counts[] = {0, 1, 15, 16, 17, XR_BATCH_EVENTS_MAX};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        struct xr_buf out;
        struct xr_batch_head head = {0};
        struct xr_bin events = {0};
        struct xr_batch_event event = {0};
        encode(&out, counts[i]);
        assert_int_equal(xr_batch_open(bin_of(&out), &head, &events), XR_OK);
        assert_int_equal(head.events, counts[i]);
        for (uint32_t n = 0; n < counts[i]; n++) {
            assert_int_equal(xr_batch_next(&events, &event), XR_OK);
            assert_int_equal(event.counter, 5 + n);
        }
        assert_int_equal(events.size, 0);
        xr_buf_fini(&out);
    }
}

static void largest_numbers_survive(void **state)
{
    (void)state;
    struct xr_buf out;
    struct xr_batch_head head = make_head(1);
    struct xr_batch_head read = {0};
    struct xr_batch_event event = make_event();
    struct xr_bin events = {0};
    head.epoch = head.owner = head.batch_no = UINT64_MAX;
    head.shard = UINT32_MAX;
    head.floor_ms = head.wall_ms = INT64_MAX;
    event.floor = UINT32_MAX;
    event.counter = event.origin = UINT64_MAX;
    xr_buf_init(&out, 4096);
    xr_batch_begin(&out, &head);
    xr_batch_add(&out, &event);
    xr_batch_end(&out);
    assert_int_equal(xr_batch_open(bin_of(&out), &read, &events), XR_OK);
    assert_true(read.epoch == UINT64_MAX);
    assert_true(read.batch_no == UINT64_MAX);
    assert_true(read.floor_ms == INT64_MAX);
    assert_int_equal(xr_batch_next(&events, &event), XR_OK);
    assert_int_equal(event.floor, UINT32_MAX);
    assert_true(event.origin == UINT64_MAX);
    xr_buf_fini(&out);
}

/* ---- refusals ---- */

static void expect_corrupt(struct xr_bin bytes)
{
    struct xr_batch_head head = {.batch_no = 99};
    struct xr_bin events = {NULL, 77};
    assert_int_equal(xr_batch_open(bytes, &head, &events), XR_CORRUPT);
    assert_int_equal(head.batch_no, 99);
    assert_int_equal(events.size, 77);
}

static void every_flipped_bit_is_found(void **state)
{
    (void)state;
    uint8_t bytes[sizeof golden];
    for (size_t bit = 0; bit < sizeof golden * 8; bit++) {
        memcpy(bytes, golden, sizeof golden);
        bytes[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        expect_corrupt((struct xr_bin){bytes, sizeof bytes});
    }
}

static void every_cut_is_found(void **state)
{
    (void)state;
    for (uint32_t size = 0; size < sizeof golden; size++)
        expect_corrupt((struct xr_bin){golden, size});
}

/* Put a checksum that fits behind bytes that do not. */
static void seal(struct xr_buf *buf)
{
    const uint32_t crc = xr_crc32c(buf->at, buf->size);
    const uint8_t tail[4] = {(uint8_t)crc, (uint8_t)(crc >> 8), (uint8_t)(crc >> 16),
                             (uint8_t)(crc >> 24)};
    xr_buf_add(buf, tail, sizeof tail);
}

/* Whatever one byte becomes, under a checksum that fits: read within bounds, or refused. */
static void no_byte_under_a_good_checksum_breaks_the_reader(void **state)
{
    (void)state;
    for (size_t place = 0; place < sizeof golden - 4; place++) {
        for (unsigned value = 0; value < 256; value++) {
            struct xr_buf buf;
            struct xr_batch_head head = {0};
            struct xr_bin events = {0};
            struct xr_batch_event event = {0};
            xr_buf_init(&buf, 4096);
            xr_buf_add(&buf, golden, sizeof golden - 4);
            buf.at[place] = (uint8_t)value;
            seal(&buf);
            if (xr_batch_open(bin_of(&buf), &head, &events) == XR_OK &&
                xr_batch_next(&events, &event) == XR_OK) {
                assert_true(event.body.at >= buf.at);
                assert_true(event.body.at + event.body.size <= buf.at + buf.size - 4);
            }
            xr_buf_fini(&buf);
        }
    }
}

static void another_format_is_refused(void **state)
{
    (void)state;
    struct xr_buf out;
    struct xr_batch_head head = make_head(0);
    head.format = XR_BATCH_FORMAT + 1;
    xr_buf_init(&out, 4096);
    xr_batch_begin(&out, &head);
    xr_batch_end(&out);
    expect_corrupt(bin_of(&out));
    xr_buf_fini(&out);
}

static void bytes_behind_an_empty_batch_are_refused(void **state)
{
    (void)state;
    struct xr_buf out;
    const struct xr_batch_head head = make_head(0);
    xr_buf_init(&out, 4096);
    xr_batch_begin(&out, &head);
    xr_pack_uint(&out, 1);
    xr_batch_end(&out);
    expect_corrupt(bin_of(&out));
    xr_buf_fini(&out);
}

static void a_batch_that_finds_no_memory_says_so(void **state)
{
    (void)state;
    struct xr_buf out;
    const struct xr_batch_head head = make_head(1);
    const struct xr_batch_event event = make_event();
    xr_buf_init(&out, 64);
    xr_batch_begin(&out, &head);
    xr_batch_add(&out, &event);
    xr_batch_end(&out);
    assert_true(out.failed);
    xr_buf_fini(&out);
}

/* ---- the engine's row ---- */

static void meta_comes_back_and_cuts_are_refused(void **state)
{
    (void)state;
    struct xr_buf out;
    struct xr_meta read = {0};
    struct xr_meta meta = {
        .shard = 1,
        .epoch = 2,
        .owner = 3,
        .batch_no = 4,
        .floor_ms = 5,
        .wall_ms = 6,
        .log_first = 7,
        .log_bytes = UINT64_MAX,
    };
    meta.hash[31] = 9;
    xr_buf_init(&out, 4096);
    xr_meta_encode(&out, &meta);
    assert_int_equal(xr_meta_decode(bin_of(&out), &read), XR_OK);
    assert_int_equal(read.shard, 1);
    assert_int_equal(read.epoch, 2);
    assert_int_equal(read.owner, 3);
    assert_int_equal(read.batch_no, 4);
    assert_int_equal(read.hash[31], 9);
    assert_int_equal(read.floor_ms, 5);
    assert_int_equal(read.wall_ms, 6);
    assert_int_equal(read.log_first, 7);
    assert_true(read.log_bytes == UINT64_MAX);
    for (uint32_t size = 0; size < out.size; size++)
        assert_int_equal(xr_meta_decode((struct xr_bin){out.at, size}, &read), XR_CORRUPT);
    xr_pack_uint(&out, 1);
    assert_int_equal(xr_meta_decode(bin_of(&out), &read), XR_CORRUPT);
    xr_buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batch_has_the_golden_bytes),
        cmocka_unit_test(golden_bytes_are_read),
        cmocka_unit_test(all_events_come_back_in_order),
        cmocka_unit_test(largest_numbers_survive),
        cmocka_unit_test(every_flipped_bit_is_found),
        cmocka_unit_test(every_cut_is_found),
        cmocka_unit_test(no_byte_under_a_good_checksum_breaks_the_reader),
        cmocka_unit_test(another_format_is_refused),
        cmocka_unit_test(bytes_behind_an_empty_batch_are_refused),
        cmocka_unit_test(a_batch_that_finds_no_memory_says_so),
        cmocka_unit_test(meta_comes_back_and_cuts_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
