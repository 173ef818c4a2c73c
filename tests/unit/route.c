/*
 * Aim: the pick is fair whatever an adversary does, conserves the sum of balances, respects bands,
 * bounds and names. Method: the pure function over arrays, driven by chosen and by seeded cases.
 */
#include "floor/route.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#define AGENTS 32

struct hall {
    struct xr_candidate agents[AGENTS];
    size_t count;
    uint64_t picks;
};

static uint64_t next_random(uint64_t *state)
{
    /* splitmix64 */
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static struct hall hall_of(size_t count)
{
    struct hall hall = {.count = count};
    for (size_t i = 0; i < count; i++)
        hall.agents[i] =
            (struct xr_candidate){.agent = {(uint32_t)i + 1}, .weight = 1, .limit = 12};
    return hall;
}

/* One session for those whose bit is set. Returns the taker. */
static size_t serve(struct hall *hall, uint32_t eligible, int64_t owed_max, uint32_t bands,
                    struct xr_pick *pick)
{
    struct xr_candidate some[AGENTS];
    size_t places[AGENTS];
    size_t count = 0;
    for (size_t i = 0; i < hall->count; i++) {
        if (!(eligible >> i & 1))
            continue;
        places[count] = i;
        some[count++] = hall->agents[i];
    }
    xr_route_pick(XR_POLICY_OWED, bands, owed_max, SIZE_MAX, some, count, pick);
    for (size_t i = 0; i < count; i++)
        hall->agents[places[i]].owed = some[i].owed;
    hall->agents[places[pick->taker]].last_pick = ++hall->picks;
    return places[pick->taker];
}

static int64_t sum_of(const struct hall *hall)
{
    int64_t sum = 0;
    for (size_t i = 0; i < hall->count; i++)
        sum += hall->agents[i].owed;
    return sum;
}

static int64_t largest(const struct hall *hall)
{
    int64_t most = 0;
    for (size_t i = 0; i < hall->count; i++) {
        int64_t owed = hall->agents[i].owed;
        if (owed < 0)
            owed = -owed;
        most = owed > most ? owed : most;
    }
    return most;
}

/* The pair whose balances are nearest to each other drives them apart; at random now and then. */
static uint32_t adversary_pair(const struct hall *hall, uint64_t *random)
{
    size_t a = 0;
    size_t b = 1;
    int64_t nearest = INT64_MAX;
    size_t shift = (size_t)(next_random(random) % hall->count);
    for (size_t x = 0; x < hall->count; x++) {
        for (size_t y = 0; y < x; y++) {
            size_t i = (x + shift) % hall->count;
            size_t j = (y + shift) % hall->count;
            int64_t apart = hall->agents[i].owed - hall->agents[j].owed;
            /* Of equally near ones take the pair that stands furthest out. */
            apart = apart < 0 ? -apart : apart;
            int64_t out = hall->agents[i].owed < 0 ? -hall->agents[i].owed : hall->agents[i].owed;
            if (apart * 64 - out / 1024 < nearest) {
                nearest = apart * 64 - out / 1024;
                a = i;
                b = j;
            }
        }
    }
    return 1u << a | 1u << b;
}

static void pure_rule_stays_within_half_of_n_minus_one_against_the_pair_adversary(void **state)
{
    (void)state;
    for (size_t n = 2; n <= AGENTS; n = n * 3 / 2 + 1) {
        int64_t bound = (int64_t)(n - 1) * XR_OWED_ONE / 2;
        int64_t reached = 0;
        for (uint64_t seed = 1; seed <= 20; seed++) {
            struct hall hall = hall_of(n);
            uint64_t random = seed * 7919;
            for (int i = 0; i < 3000; i++) {
                struct xr_pick pick;
                uint32_t eligible = adversary_pair(&hall, &random);
                if (seed % 4 == 0 && next_random(&random) % 8 == 0)
                    eligible |= (uint32_t)next_random(&random) & ((1u << (n - 1)) - 1);
                serve(&hall, eligible, 1000000, 1, &pick);
                assert_true(largest(&hall) <= bound + 64);
                assert_int_equal(sum_of(&hall), 0);
                reached = largest(&hall) > reached ? largest(&hall) : reached;
            }
        }
        print_message("n=%zu: at most %.3f of %.1f sessions\n", n,
                      (double)reached / (double)XR_OWED_ONE, (double)(n - 1) / 2);
        if (n >= 5)
            assert_true(reached > XR_OWED_ONE); /* the adversary does push */
    }
}

static void share_is_exact_and_sum_stays_zero_with_unequal_weights(void **state)
{
    (void)state;
    struct hall hall = hall_of(7);
    uint64_t random = 42;
    uint64_t taken[7] = {0};
    uint64_t weights = 0;
    for (size_t i = 0; i < 7; i++) {
        hall.agents[i].weight = (uint32_t)(i * 13 % 10 + 1);
        weights += hall.agents[i].weight;
    }
    for (int i = 0; i < 70000; i++) {
        struct xr_pick pick;
        taken[serve(&hall, 0x7f, 4, 2, &pick)]++;
        assert_int_equal(sum_of(&hall), 0);
    }
    (void)next_random(&random);
    for (size_t i = 0; i < 7; i++) {
        int64_t expected = (int64_t)(70000u * hall.agents[i].weight / weights);
        int64_t apart = (int64_t)taken[i] - expected;
        assert_true(apart > -3);
        assert_true(apart < 3);
    }
}

static void balances_stay_within_their_bound_and_the_rest_is_spread(void **state)
{
    (void)state;
    struct hall hall = hall_of(4);
    struct xr_pick pick;
    /* Three share every session, and the same one of them is named each time. */
    for (int i = 0; i < 200; i++) {
        struct xr_candidate some[3] = {hall.agents[0], hall.agents[1], hall.agents[2]};
        xr_route_pick(XR_POLICY_OWED, 2, 4, 1, some, 3, &pick);
        memcpy(hall.agents, some, sizeof some);
        assert_int_equal(pick.taker, 1);
        assert_int_equal(pick.decider, XR_decider_NAMED);
        assert_int_equal(sum_of(&hall), 0);
        assert_true(largest(&hall) <= 4 * XR_OWED_ONE);
    }
    assert_true(hall.agents[1].owed < -3 * XR_OWED_ONE);
    assert_true(pick.clamped);
    /* The named one is not starved: it is owed again after a few shares. */
    int turns = 0;
    while (serve(&hall, 0x7, 4, 2, &pick) != 1)
        assert_true(++turns < 40);
}

static void lowest_load_band_shares_and_others_do_not(void **state)
{
    (void)state;
    struct hall hall = hall_of(3);
    struct xr_pick pick;
    hall.agents[0].active = 6; /* band 1 of 2 */
    hall.agents[1].active = 5; /* band 0 */
    hall.agents[2].active = 0; /* band 0 */
    hall.agents[0].owed = 3 * XR_OWED_ONE;
    hall.agents[1].owed = -3 * XR_OWED_ONE;
    assert_int_equal(serve(&hall, 0x7, 4, 2, &pick), 2);
    assert_int_equal(pick.sharing, 2);
    assert_int_equal(pick.band, 0);
    assert_int_equal(hall.agents[0].owed, 3 * XR_OWED_ONE);
}

static void ties_go_to_who_waited_longest_then_to_the_lowest_id(void **state)
{
    (void)state;
    struct hall hall = hall_of(3);
    struct xr_pick pick;
    hall.agents[0].last_pick = 9;
    hall.agents[1].last_pick = 4;
    hall.agents[2].last_pick = 7;
    assert_int_equal(serve(&hall, 0x7, 4, 2, &pick), 1);
    assert_int_equal(pick.decider, XR_decider_LONGEST_SINCE);
    hall = hall_of(3);
    assert_int_equal(serve(&hall, 0x6, 4, 2, &pick), 1);
    assert_int_equal(pick.decider, XR_decider_LOWEST_ID);
    assert_int_equal(serve(&hall, 0x1, 4, 2, &pick), 0);
    assert_int_equal(pick.decider, XR_decider_ONLY_ONE);
    assert_int_equal(hall.agents[0].owed, 0);
}

static void other_policies_choose_by_their_own_rule_and_charge_alike(void **state)
{
    (void)state;
    static const struct {
        enum xr_policy policy;
        size_t taker;
    } cases[] = {
        {XR_POLICY_LONGEST_IDLE, 2}, {XR_POLICY_LEAST_ACTIVE, 1}, {XR_POLICY_ROUND_ROBIN, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct hall hall = hall_of(3);
        struct xr_pick pick;
        hall.agents[0].idle_ms = 30;
        hall.agents[1].idle_ms = 20;
        hall.agents[2].idle_ms = 10;
        hall.agents[0].active = 3;
        hall.agents[1].active = 1;
        hall.agents[2].active = 2;
        hall.agents[0].last_pick = 1;
        hall.agents[1].last_pick = 2;
        hall.agents[2].last_pick = 3;
        xr_route_pick(cases[i].policy, 2, 4, SIZE_MAX, hall.agents, 3, &pick);
        assert_int_equal(pick.taker, cases[i].taker);
        assert_int_equal(pick.decider, XR_decider_POLICY);
        assert_int_equal(sum_of(&hall), 0);
        assert_true(hall.agents[cases[i].taker].owed < 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pure_rule_stays_within_half_of_n_minus_one_against_the_pair_adversary),
        cmocka_unit_test(share_is_exact_and_sum_stays_zero_with_unequal_weights),
        cmocka_unit_test(balances_stay_within_their_bound_and_the_rest_is_spread),
        cmocka_unit_test(lowest_load_band_shares_and_others_do_not),
        cmocka_unit_test(ties_go_to_who_waited_longest_then_to_the_lowest_id),
        cmocka_unit_test(other_policies_choose_by_their_own_rule_and_charge_alike),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
