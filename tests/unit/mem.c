/*
 * Aim: memory that runs out is told and nothing is lost, arenas give aligned places that do not
 * overlap, buffers stop at their maximum. Method: small sizes around each bound, and the failure
 * point at each allocation in turn.
 */
#include "proto/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void the_armed_allocation_fails_once(void **state)
{
    (void)state;
    xr_mem_arm(2, false);
    void *first = xr_mem_alloc(1);
    void *second = xr_mem_zero(1, 1);
    void *third = xr_mem_grow(first, 100);
    xr_mem_arm(0, false);
    assert_non_null(first);
    assert_null(second);
    assert_non_null(third);
    xr_mem_free(third);
}

static void the_armed_allocation_fails_for_ever(void **state)
{
    (void)state;
    uint64_t before = xr_mem_count();
    xr_mem_arm(1, true);
    void *first = xr_mem_alloc(1);
    void *second = xr_mem_alloc(1);
    xr_mem_arm(0, true);
    void *third = xr_mem_alloc(1);
    assert_null(first);
    assert_null(second);
    assert_non_null(third);
    assert_int_equal(xr_mem_count(), before + 3);
    xr_mem_free(third);
}

static void nothing_can_be_asked_for(void **state)
{
    (void)state;
    void *one = xr_mem_alloc(0);
    void *other = xr_mem_zero(0, 0);
    assert_non_null(one);
    assert_non_null(other);
    assert_ptr_not_equal(one, other);
    xr_mem_free(one);
    xr_mem_free(other);
    xr_mem_free(NULL);
    assert_null(xr_mem_zero(SIZE_MAX, 2));
}

static void a_moved_pointer_leaves_null(void **state)
{
    (void)state;
    char *from = xr_mem_alloc(1);
    char *was = from;
    char *to = XR_MOVE(from);
    assert_null(from);
    assert_ptr_equal(to, was);
    xr_mem_free(to);
}

static void arena_gives_aligned_places_of_their_own(void **state)
{
    (void)state;
    struct xr_arena *arena = xr_arena_new(64);
    assert_non_null(arena);
    unsigned char *places[200];
    for (size_t i = 0; i < 200; i++) {
        places[i] = xr_arena_take(arena, i);
        assert_non_null(places[i]);
        assert_int_equal((uintptr_t)places[i] % 16, 0);
        memset(places[i], (int)i, i);
    }
    for (size_t i = 0; i < 200; i++)
        for (size_t byte = 0; byte < i; byte++)
            assert_int_equal(places[i][byte], i);
    xr_arena_free(arena);
    xr_arena_free(NULL);
}

static void a_reset_arena_uses_its_blocks_again(void **state)
{
    (void)state;
    struct xr_arena *arena = xr_arena_new(0);
    for (int round = 0; round < 2; round++) {
        uint64_t before = xr_mem_count();
        for (size_t i = 0; i < 100; i++)
            assert_non_null(xr_arena_take(arena, 100));
        if (round == 1)
            assert_int_equal(xr_mem_count(), before);
        xr_arena_reset(arena);
    }
    xr_arena_free(arena);
}

static void arena_takes_more_than_a_block_between_small_ones(void **state)
{
    (void)state;
    struct xr_arena *arena = xr_arena_new(256);
    for (size_t size = 1; size < 1 << 20; size *= 3) {
        char *large = xr_arena_take(arena, size);
        char *small = xr_arena_take(arena, 1);
        assert_non_null(large);
        assert_non_null(small);
        memset(large, 1, size);
        *small = 2;
        xr_arena_reset(arena);
    }
    assert_null(xr_arena_take(arena, SIZE_MAX));
    assert_null(xr_arena_take(arena, SIZE_MAX - 15));
    xr_arena_free(arena);
}

static void arena_says_where_there_is_no_memory(void **state)
{
    (void)state;
    for (uint64_t nth = 1; nth <= 2; nth++) {
        xr_mem_arm(nth, true);
        struct xr_arena *none = xr_arena_new(100);
        xr_mem_arm(0, false);
        assert_null(none);
    }
    struct xr_arena *arena = xr_arena_new(256);
    xr_mem_arm(1, true);
    void *large = xr_arena_take(arena, 10000);
    struct xr_str text = {(const char[10000]){0}, 10000};
    struct xr_str copy = xr_arena_str(arena, text);
    void *small = xr_arena_take(arena, 16);
    xr_mem_arm(0, false);
    assert_null(large);
    assert_null(copy.at);
    assert_int_equal(copy.size, 0);
    assert_non_null(small);
    xr_arena_free(arena);
}

static void arena_copies_text_and_bytes(void **state)
{
    (void)state;
    struct xr_arena *arena = xr_arena_new(256);
    char text[] = "words";
    struct xr_str copy = xr_arena_str(arena, xr_str_of(text));
    text[0] = 'x';
    assert_true(xr_str_equal(copy, XR_STR("words")));
    assert_null(xr_arena_str(arena, (struct xr_str){NULL, 0}).at);
    assert_null(xr_arena_bin(arena, NULL, 0).at);
    xr_arena_free(arena);
}

static void buffer_stops_at_its_maximum(void **state)
{
    (void)state;
    struct xr_buf buf;
    xr_buf_init(&buf, 10);
    xr_buf_add(&buf, "12345", 5);
    xr_buf_text(&buf, "67890");
    assert_false(buf.failed);
    xr_buf_add(&buf, "1", 1);
    assert_true(buf.failed);
    xr_buf_add(&buf, "", 0);
    assert_int_equal(buf.size, 10);
    assert_memory_equal(buf.at, "1234567890", 10);
    xr_buf_reset(&buf);
    assert_false(buf.failed);
    xr_buf_format(&buf, "%s", "1234567890");
    assert_false(buf.failed);
    assert_int_equal(buf.size, 10);
    xr_buf_format(&buf, "%d", 1);
    assert_true(buf.failed);
    assert_false(xr_buf_reserve(&buf, 0));
    xr_buf_fini(&buf);
    xr_buf_fini(&buf);
}

static void buffer_formats_short_and_long(void **state)
{
    (void)state;
    struct xr_buf buf;
    xr_buf_init(&buf, 100000);
    for (int width = 0; width < 600; width += 7) {
        xr_buf_reset(&buf);
        xr_buf_format(&buf, "%*s|", width, "");
        assert_int_equal(buf.size, width + 1);
        assert_int_equal(buf.at[width], '|');
    }
    xr_buf_fini(&buf);
}

static void buffer_says_where_there_is_no_memory(void **state)
{
    (void)state;
    struct xr_buf buf;
    xr_buf_init(&buf, 100000);
    xr_buf_text(&buf, "kept");
    for (int form = 0; form < 2; form++) {
        xr_mem_arm(1, true);
        if (form == 0)
            xr_buf_format(&buf, "%5000s", "");
        else
            xr_buf_add(&buf, (const char[5000]){0}, 5000);
        xr_mem_arm(0, false);
        assert_true(buf.failed);
        assert_int_equal(buf.size, 4);
        assert_memory_equal(buf.at, "kept", 4);
        buf.failed = false;
    }
    xr_buf_fini(&buf);
}

static void a_zeroed_buffer_takes_nothing(void **state)
{
    (void)state;
    struct xr_buf buf = {0};
    xr_buf_add(&buf, "1", 1);
    assert_true(buf.failed);
    xr_buf_fini(&buf);
}

static void empty_texts_are_equal_wherever_they_are(void **state)
{
    (void)state;
    assert_true(xr_str_equal(xr_str_of(NULL), xr_str_of("")));
    assert_false(xr_str_equal(XR_STR("a"), XR_STR("")));
    assert_false(xr_str_equal(XR_STR("a"), XR_STR("b")));
    assert_true(xr_bin_equal((struct xr_bin){NULL, 0}, (struct xr_bin){(const uint8_t *)"", 0}));
}

static void big_endian_numbers_come_back(void **state)
{
    (void)state;
    uint8_t at[8];
    xr_put_u64be(at, 0x0102030405060708);
    assert_memory_equal(at, "\1\2\3\4\5\6\7\10", 8);
    assert_int_equal(xr_get_u64be(at), 0x0102030405060708);
    xr_put_u32be(at, UINT32_MAX);
    assert_int_equal(xr_get_u32be(at), UINT32_MAX);
}

static void every_status_has_a_text_and_a_name(void **state)
{
    (void)state;
#define XR_STATUS(name, value, text)                                                               \
    assert_string_equal(xr_status_text(XR_##name), text);                                          \
    assert_string_equal(xr_status_name(XR_##name), #name);
#include <xiaoer/status.def>
#undef XR_STATUS
    assert_string_equal(xr_status_text((enum xr_status)77), "unknown status");
    assert_string_equal(xr_status_name((enum xr_status)77), "UNKNOWN");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_armed_allocation_fails_once),
        cmocka_unit_test(the_armed_allocation_fails_for_ever),
        cmocka_unit_test(nothing_can_be_asked_for),
        cmocka_unit_test(a_moved_pointer_leaves_null),
        cmocka_unit_test(arena_gives_aligned_places_of_their_own),
        cmocka_unit_test(a_reset_arena_uses_its_blocks_again),
        cmocka_unit_test(arena_takes_more_than_a_block_between_small_ones),
        cmocka_unit_test(arena_says_where_there_is_no_memory),
        cmocka_unit_test(arena_copies_text_and_bytes),
        cmocka_unit_test(buffer_stops_at_its_maximum),
        cmocka_unit_test(buffer_formats_short_and_long),
        cmocka_unit_test(buffer_says_where_there_is_no_memory),
        cmocka_unit_test(a_zeroed_buffer_takes_nothing),
        cmocka_unit_test(empty_texts_are_equal_wherever_they_are),
        cmocka_unit_test(big_endian_numbers_come_back),
        cmocka_unit_test(every_status_has_a_text_and_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
