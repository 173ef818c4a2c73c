/*
 * Aim: keys sort as the numbers in them, records come back, what is no record is told, positions
 * survive their packing. Tables in memory, the real ones.
 */
#include "floor/record.h"
#include "store/store.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void assert_bytes(struct xr_key key, const uint8_t *wanted, uint32_t size)
{
    assert_int_equal(key.size, size);
    assert_memory_equal(key.at, wanted, size);
}

static void keys_are_the_documented_bytes(void **state)
{
    (void)state;
    const uint8_t wanted[] = {0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 3, 0, 0, 0, 4};
    const uint8_t visit[] = {0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2};
    const struct xr_session_id session = {2};
    assert_bytes(xr_key_u32(0x01020304), (const uint8_t[]){1, 2, 3, 4}, 4);
    assert_bytes(xr_key_u64(0x0102), wanted, 8);
    assert_bytes(xr_key_note((struct xr_customer_id){0x0102}, 3, 4), wanted, 16);
    assert_bytes(xr_key_spill((struct xr_session_id){0x0102}, 3), wanted, 12);
    assert_bytes(xr_key_visit((struct xr_customer_id){1}, session), visit, 16);
    assert_bytes(xr_key_explanation((struct xr_session_id){1}, 2), visit, 16);
    assert_bytes(xr_key_str(XR_STR("li")), (const uint8_t *)"li", 2);
    assert_bytes(xr_key_str(XR_STR("")), NULL, 0);
    assert_int_equal(xr_key_none().size, 0);
}

static void keys_are_read_back(void **state)
{
    (void)state;
    const struct xr_key key = xr_key_note((struct xr_customer_id){1ULL << 40}, 3, UINT32_MAX);
    assert_int_equal(xr_key_read_u64(xr_key_of(&key), 0), 1ULL << 40);
    assert_int_equal(xr_key_read_u32(xr_key_of(&key), 8), 3);
    assert_int_equal(xr_key_read_u32(xr_key_of(&key), 12), UINT32_MAX);
}

static void a_channel_key_is_the_hash_of_both_with_a_zero_between(void **state)
{
    (void)state;
    uint8_t wanted[32];
    crypto_generichash(wanted, sizeof wanted, (const uint8_t *)"taobao\0b1", 9, NULL, 0);
    const struct xr_key key = xr_key_channel(XR_STR("taobao"), XR_STR("b1"));
    assert_bytes(key, wanted, 32);
    const struct xr_key moved = xr_key_channel(XR_STR("taobaob"), XR_STR("1"));
    assert_memory_not_equal(key.at, moved.at, 32);
}

static void a_record_comes_back_from_its_table(void **state)
{
    (void)state;
    struct xr_tables *tables = xr_memory_tables_new();
    struct xr_arena *arena = xr_arena_new(1024);
    struct xr_buf scratch;
    const void *out = NULL;
    const struct xr_group_record group = {.group = {4}, .name = XR_STR("售后")};
    const struct xr_key key = xr_key_u32(4);
    xr_buf_init(&scratch, 4096);

    xr_record_put(tables, XR_TABLE_group, xr_key_of(&key), XR_TYPE_group_record, &group, &scratch);
    assert_int_equal(scratch.at[0], XR_RECORD_FORMAT);
    assert_int_equal(
        xr_record_get(tables, XR_TABLE_group, xr_key_of(&key), XR_TYPE_group_record, arena, &out),
        XR_OK);
    const struct xr_group_record *back = out;
    assert_int_equal(back->group.n, 4);
    assert_true(xr_str_equal(back->name, XR_STR("售后")));

    /* The scratch is emptied: a second record does not stand behind the first. */
    const struct xr_setting_record setting = {.value = -5};
    const struct xr_key name = xr_key_str(XR_STR("grace_s"));
    xr_record_put(tables, XR_TABLE_setting, xr_key_of(&name), XR_TYPE_setting_record, &setting,
                  &scratch);
    assert_int_equal(xr_record_get(tables, XR_TABLE_setting, xr_key_of(&name),
                                   XR_TYPE_setting_record, arena, &out),
                     XR_OK);
    assert_int_equal(((const struct xr_setting_record *)out)->value, -5);
    xr_buf_fini(&scratch);
    xr_arena_free(arena);
    xr_memory_tables_free(tables);
}

static void what_is_not_there_or_no_record_is_told(void **state)
{
    (void)state;
    struct xr_tables *tables = xr_memory_tables_new();
    struct xr_arena *arena = xr_arena_new(1024);
    static const uint8_t other_format[] = {2, 0x81, 1, 5};
    static const uint8_t no_body[] = {1};
    static const uint8_t wrong_type[] = {1, 0x81, 1, 0xa1, 'x'};
    static const uint8_t missing[] = {1, 0x80};
    const struct {
        struct xr_bin value;
        enum xr_status status;
    } cases[] = {
        {{other_format, 4}, XR_CORRUPT}, {{no_body, 1}, XR_CORRUPT}, {{NULL, 0}, XR_CORRUPT},
        {{wrong_type, 5}, XR_CORRUPT},   {{missing, 2}, XR_CORRUPT},
    };
    const struct xr_key key = xr_key_str(XR_STR("grace_s"));
    const void *out = &key;

    assert_int_equal(xr_record_get(tables, XR_TABLE_setting, xr_key_of(&key),
                                   XR_TYPE_setting_record, arena, &out),
                     XR_NONE);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        xr_tables_put(tables, XR_TABLE_setting, xr_key_of(&key), cases[i].value);
        assert_int_equal(xr_record_get(tables, XR_TABLE_setting, xr_key_of(&key),
                                       XR_TYPE_setting_record, arena, &out),
                         cases[i].status);
    }
    assert_ptr_equal(out, &key);
    xr_arena_free(arena);
    xr_memory_tables_free(tables);
}

static void a_put_without_memory_fails_the_handle_and_writes_nothing(void **state)
{
    (void)state;
    struct xr_tables *tables = xr_memory_tables_new();
    const struct xr_group_record group = {.group = {4}, .name = XR_STR("a name too long for it")};
    const struct xr_key key = xr_key_u32(4);
    struct xr_bin value;
    struct xr_buf scratch;
    xr_buf_init(&scratch, 8);
    xr_record_put(tables, XR_TABLE_group, xr_key_of(&key), XR_TYPE_group_record, &group, &scratch);
    assert_int_equal(tables->failed, XR_NOMEM);
    assert_int_equal(xr_tables_get(tables, XR_TABLE_group, xr_key_of(&key), &value), XR_NONE);
    xr_buf_fini(&scratch);
    xr_memory_tables_free(tables);
}

static void positions_come_back_in_order(void **state)
{
    (void)state;
    static const uint64_t positions[] = {1,     2,          129,        130,          16514,
                                         16515, UINT32_MAX, 1ULL << 40, XR_NUMBER_MAX};
    const size_t count = sizeof positions / sizeof positions[0];
    uint8_t bytes[128];
    size_t size = 0;
    uint64_t last = 0;
    for (size_t i = 0; i < count; i++) {
        size += xr_position_put(bytes + size, last, positions[i]);
        last = positions[i];
    }
    struct xr_bin rest = {bytes, (uint32_t)size};
    last = 0;
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(xr_position_next(&rest, &last), XR_OK);
        assert_int_equal(last, positions[i]);
    }
    assert_int_equal(xr_position_next(&rest, &last), XR_NONE);
}

static void neighbours_take_one_byte(void **state)
{
    (void)state;
    uint8_t bytes[XR_POSITION_MAX];
    assert_int_equal(xr_position_put(bytes, 1000000, 1000001), 1);
    assert_int_equal(xr_position_put(bytes, 1000000, 1000127), 1);
    assert_int_equal(xr_position_put(bytes, 1000000, 1000128), 2);
    assert_int_equal(xr_position_put(bytes, 0, XR_NUMBER_MAX), 8);
}

static void damaged_positions_are_refused(void **state)
{
    (void)state;
    static const uint8_t cut[] = {0x80};
    static const uint8_t still[] = {0x00};
    static const uint8_t endless[] = {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01};
    static const uint8_t past[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f};
    const struct xr_bin cases[] = {{cut, 1}, {still, 1}, {endless, 9}, {past, 8}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct xr_bin rest = cases[i];
        uint64_t last = 5;
        assert_int_equal(xr_position_next(&rest, &last), XR_CORRUPT);
        assert_int_equal(last, 5);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_the_documented_bytes),
        cmocka_unit_test(keys_are_read_back),
        cmocka_unit_test(a_channel_key_is_the_hash_of_both_with_a_zero_between),
        cmocka_unit_test(a_record_comes_back_from_its_table),
        cmocka_unit_test(what_is_not_there_or_no_record_is_told),
        cmocka_unit_test(a_put_without_memory_fails_the_handle_and_writes_nothing),
        cmocka_unit_test(positions_come_back_in_order),
        cmocka_unit_test(neighbours_take_one_byte),
        cmocka_unit_test(damaged_positions_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
