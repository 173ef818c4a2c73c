/*
 * Aim: a damaged row stops neither the check nor a query, and neither reads outside of it. Method:
 * every row of the floor of support/hand.h is cut short, has its format changed, and has bits
 * turned over, one damage at a time; then the whole floor is walked and everything is asked. What a
 * row says falsely must be told; a change inside a text that nothing vouches for may pass.
 */
#include "support/hand.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define BITS_PER_ROW 3
#define EVERY        7 /* of the 700 messages of session 5 */

struct world {
    struct xr_hand hand;
    struct xr_arena *arena;
    uint64_t draw;
    size_t damages;
    size_t told;
};

static uint32_t draw(struct world *w, uint32_t below)
{
    w->draw ^= w->draw << 13;
    w->draw ^= w->draw >> 7;
    w->draw ^= w->draw << 17;
    return (uint32_t)((w->draw * UINT64_C(2685821657736338717) >> 33) % below);
}

static void ask(struct world *w, enum xr_type type, const void *message)
{
    static const struct xr_asker askers[] = {
        {{2}, XR_role_SUPERVISOR, XR_HAND_WALL_MS},
        {{3}, XR_role_AGENT, XR_HAND_WALL_MS},
        {{5}, XR_role_BRIDGE, XR_HAND_WALL_MS},
    };
    for (size_t i = 0; i < sizeof askers / sizeof askers[0]; i++) {
        enum xr_type got = XR_TYPE_none;
        const void *answer = NULL;
        xr_arena_reset(w->arena);
        xr_floor_query(w->hand.tables, &askers[i], type, message, w->arena, &got, &answer);
        assert_non_null(answer);
        assert_int_equal(xr_message_info(got)->kind, XR_KIND_ANSWER);
    }
}

static void ask_for_all(struct world *w)
{
    static const uint64_t zeros[64];
    static const enum xr_type general[] = {
        XR_TYPE_get_status, XR_TYPE_get_agents,   XR_TYPE_get_sessions, XR_TYPE_get_groups,
        XR_TYPE_get_audit,  XR_TYPE_get_settings, XR_TYPE_get_devices,
    };
    for (size_t i = 0; i < sizeof general / sizeof general[0]; i++)
        ask(w, general[i], zeros);
    for (uint64_t id = 1; id <= XR_HAND_SESSIONS; id++) {
        const struct xr_get_session session = {.session = {id}};
        const struct xr_get_history history = {.session = {id}, .max = 20};
        const struct xr_get_explanations explain = {.session = {id}};
        ask(w, XR_TYPE_get_session, &session);
        ask(w, XR_TYPE_get_history, &history);
        ask(w, XR_TYPE_get_explanations, &explain);
    }
    const struct xr_get_customer customer = {.channel = XR_STR("taobao"), .buyer = XR_STR("b1")};
    const struct xr_get_note note = {.customer = {1}, .note = 1};
    ask(w, XR_TYPE_get_customer, &customer);
    ask(w, XR_TYPE_get_note, &note);
}

/* Put the damaged value, look at everything, put the whole one back. True: the check told. */
static bool try_damage(struct world *w, enum xr_table table, struct xr_bin key, struct xr_bin whole,
                       struct xr_bin damaged)
{
    xr_tables_put(w->hand.tables, table, key, damaged);
    const bool told = xr_floor_check(w->hand.tables, true, NULL, NULL) > 0;
    ask_for_all(w);
    xr_tables_put(w->hand.tables, table, key, whole);
    w->damages++;
    w->told += told;
    return told;
}

static void damage_row(struct world *w, enum xr_table table, struct xr_bin key, struct xr_bin whole)
{
    uint8_t *copy = malloc(whole.size + 1);
    memcpy(copy, whole.at, whole.size);
    struct xr_bin damaged = {copy, whole.size - 1};
    assert_true(try_damage(w, table, key, whole, damaged)); /* cut short */
    damaged.size = 0;
    assert_true(try_damage(w, table, key, whole, damaged)); /* emptied */
    damaged.size = whole.size;
    copy[0] ^= 0x40;
    assert_true(try_damage(w, table, key, whole, damaged)); /* format, or front of an index */
    copy[0] ^= 0x40;
    for (int i = 0; i < BITS_PER_ROW; i++) {
        const uint32_t bit = draw(w, 8 * whole.size);
        copy[bit / 8] ^= (uint8_t)(1U << bit % 8);
        try_damage(w, table, key, whole, damaged);
        copy[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    free(copy);
}

/* Key and value of row `index` of a table, copied; false: there are not so many. */
static bool find_row(struct world *w, enum xr_table table, uint32_t index, struct xr_bin *key,
                     struct xr_bin *value)
{
    struct xr_scan scan;
    bool found = true;
    xr_tables_scan_open(w->hand.tables, table, xr_key_none(), false, &scan);
    for (uint32_t i = 0; found && i <= index; i++)
        found = xr_tables_scan_next(w->hand.tables, &scan, key, value);
    if (found) {
        *key = xr_arena_bin(w->hand.arena, key->at, key->size);
        *value = xr_arena_bin(w->hand.arena, value->at, value->size);
    }
    xr_tables_scan_close(w->hand.tables, &scan);
    return found;
}

static void damage_table(struct world *w, enum xr_table table)
{
    const uint32_t step = table == XR_TABLE_journal || table == XR_TABLE_spill ? EVERY : 1;
    struct xr_bin key;
    struct xr_bin value;
    for (uint32_t i = 0; find_row(w, table, i, &key, &value); i += step) {
        if (value.size)
            damage_row(w, table, key, value);
        xr_arena_reset(w->hand.arena);
    }
}

static void damage_is_told_and_harms_nobody(void **state)
{
    (void)state;
    struct world w = {.draw = 88172645463325252ULL, .arena = xr_arena_new(4096)};
    xr_hand_init(&w.hand);
    for (int table = 1; table < XR_TABLE_COUNT; table++)
        damage_table(&w, (enum xr_table)table);
    assert_int_equal(xr_floor_check(w.hand.tables, true, NULL, NULL), 0); /* all was put back */
    print_message("%zu damages, %zu told by the check\n", w.damages, w.told);
    assert_true(w.told * 10 > w.damages * 8);
    xr_hand_fini(&w.hand);
    xr_arena_free(w.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(damage_is_told_and_harms_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
