/*
 * Aim: the evidence chain is what chain.h says, byte for byte, and every part of a message is bound
 * by it. Method: the formula is computed here a second time, with other calls of libsodium.
 */
#include "floor/chain.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static const uint8_t salt[XR_SALT_BYTES] = {9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 1, 2, 3, 4, 5, 6};

static struct xr_message message_of(uint32_t number, const char *text)
{
    return (struct xr_message){
        .session = {0x0102030405},
        .number = number,
        .sender = XR_sender_AGENT,
        .agent = {0x01020304},
        .kind = XR_message_kind_ORDER,
        .text = xr_str_of(text),
        .wall_ms = 1700000000123,
        .salt = {salt, sizeof salt},
    };
}

static void a_link_is_the_hash_of_the_documented_bytes(void **state)
{
    (void)state;
    const struct xr_message message = message_of(0x0a0b0c0d, "你好");
    const uint8_t scalars[26] = {0, 0, 0, 1, 2, 3, 4, 5,    0x0a, 0x0b, 0x0c, 0x0d, 2,
                                 1, 2, 3, 4, 3, 0, 0, 0x01, 0x8b, 0xcf, 0xe5, 0x68, 0x7b};
    uint8_t salted[sizeof salt + 6];
    uint8_t input[32 + 26 + 32];
    uint8_t wanted[32];
    uint8_t link[32];

    memcpy(salted, salt, sizeof salt);
    memcpy(salted + sizeof salt, "你好", 6);
    memset(input, 0x5a, 32);
    memcpy(input + 32, scalars, 26);
    crypto_generichash(input + 58, 32, salted, sizeof salted, NULL, 0);
    crypto_generichash(wanted, 32, input, sizeof input, NULL, 0);

    memset(link, 0x5a, 32);
    xr_chain_next(link, &message);
    assert_memory_equal(link, wanted, 32);
}

static void link_differs(const struct xr_message *changed)
{
    const struct xr_message message = message_of(1, "text");
    uint8_t one[32] = {0};
    uint8_t other[32] = {0};
    xr_chain_next(one, &message);
    xr_chain_next(other, changed);
    assert_memory_not_equal(one, other, 32);
}

static void every_part_of_a_message_is_bound(void **state)
{
    (void)state;
    static const uint8_t other_salt[XR_SALT_BYTES] = {1};
    struct xr_message changed = message_of(1, "text");
    changed.session.n++;
    link_differs(&changed);
    changed = message_of(2, "text");
    link_differs(&changed);
    changed = message_of(1, "Text");
    link_differs(&changed);
    changed = message_of(1, "text");
    changed.sender = XR_sender_BUYER;
    link_differs(&changed);
    changed = message_of(1, "text");
    changed.agent.n++;
    link_differs(&changed);
    changed = message_of(1, "text");
    changed.kind = XR_message_kind_TEXT;
    link_differs(&changed);
    changed = message_of(1, "text");
    changed.wall_ms++;
    link_differs(&changed);
    changed = message_of(1, "text");
    changed.salt.at = other_salt;
    link_differs(&changed);
}

static void a_link_binds_all_before_it(void **state)
{
    (void)state;
    const struct xr_message first = message_of(1, "a");
    const struct xr_message forged = message_of(1, "b");
    const struct xr_message second = message_of(2, "c");
    uint8_t one[32] = {0};
    uint8_t other[32] = {0};
    xr_chain_next(one, &first);
    xr_chain_next(one, &second);
    xr_chain_next(other, &forged);
    xr_chain_next(other, &second);
    assert_memory_not_equal(one, other, 32);
}

static void a_message_without_text_or_salt_has_a_link(void **state)
{
    (void)state;
    const struct xr_message message = {.session = {1}, .number = 1};
    const uint8_t zero[32] = {0};
    uint8_t link[32] = {0};
    xr_chain_next(link, &message);
    assert_memory_not_equal(link, zero, 32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_link_is_the_hash_of_the_documented_bytes),
        cmocka_unit_test(every_part_of_a_message_is_bound),
        cmocka_unit_test(a_link_binds_all_before_it),
        cmocka_unit_test(a_message_without_text_or_salt_has_a_link),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
