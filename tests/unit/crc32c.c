/*
 * Aim: the checksum of batches is CRC-32C, the same from the processor's instruction and from the
 * table, in one piece and in many. Method: published values, then every split of drawn bytes.
 */
#include "base/crc32c.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static const uint8_t ascending[32] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10,
                                      11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
                                      22, 23, 24, 25, 26, 27, 28, 29, 30, 31};

static void values_are_those_of_rfc_3720(void **state)
{
    (void)state;
    uint8_t bytes[32];
    memset(bytes, 0, sizeof bytes);
    assert_int_equal(xr_crc32c(bytes, sizeof bytes), UINT32_C(0x8a9136aa));
    memset(bytes, 0xff, sizeof bytes);
    assert_int_equal(xr_crc32c(bytes, sizeof bytes), UINT32_C(0x62a8ab43));
    assert_int_equal(xr_crc32c(ascending, sizeof ascending), UINT32_C(0x46dd794e));
    assert_int_equal(xr_crc32c("123456789", 9), UINT32_C(0xe3069283));
    assert_int_equal(xr_crc32c("", 0), 0);
}

static void table_gives_the_same_values(void **state)
{
    (void)state;
    assert_int_equal(xr_crc32c_table(0, ascending, sizeof ascending), UINT32_C(0x46dd794e));
    assert_int_equal(xr_crc32c_table(0, "123456789", 9), UINT32_C(0xe3069283));
    assert_int_equal(xr_crc32c_table(0, "", 0), 0);
}

static void pieces_give_what_the_whole_gives(void **state)
{
    (void)state;
    uint8_t bytes[97];
    uint32_t x = 1;
    for (size_t i = 0; i < sizeof bytes; i++) {
        x = x * UINT32_C(1664525) + UINT32_C(1013904223);
        bytes[i] = (uint8_t)(x >> 24);
    }
    const uint32_t whole = xr_crc32c(bytes, sizeof bytes);
    for (size_t cut = 0; cut <= sizeof bytes; cut++) {
        const uint32_t head = xr_crc32c(bytes, cut);
        assert_int_equal(head, xr_crc32c_table(0, bytes, cut));
        assert_int_equal(xr_crc32c_more(head, bytes + cut, sizeof bytes - cut), whole);
        assert_int_equal(xr_crc32c_table(head, bytes + cut, sizeof bytes - cut), whole);
    }
}

static void one_flipped_bit_shows(void **state)
{
    (void)state;
    uint8_t bytes[32];
    memcpy(bytes, ascending, sizeof bytes);
    for (size_t bit = 0; bit < sizeof bytes * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_not_equal(xr_crc32c(bytes, sizeof bytes), UINT32_C(0x46dd794e));
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_those_of_rfc_3720),
        cmocka_unit_test(table_gives_the_same_values),
        cmocka_unit_test(pieces_give_what_the_whole_gives),
        cmocka_unit_test(one_flipped_bit_shows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
