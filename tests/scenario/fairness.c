/*
 * Who gets how many sessions: the promises of the floor about fairness.
 * Method: plans made here, or recorded days, played on the real floor with a virtual clock
 * (client/cli/drive.h); what is asserted comes from books that are kept beside the floor. The pure
 * rule alone (server/floor/route.h) is tried against adversaries who choose who is eligible.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/cli/drive.h"
#include "floor/route.h"

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)

/* ---- plans ----------------------------------------------------------------------------------- */

static size_t add_agent(struct xr_plan *plan, const char *name, uint32_t groups)
{
    size_t index;
    assert_int_equal(xr_plan_add_agent(plan, xr_str_of(name), groups, &index), XR_OK);
    return index;
}

static void add_span(struct xr_plan *plan, size_t agent, int64_t from_ms, int64_t to_ms)
{
    assert_int_equal(xr_plan_add_span(&plan->agents[agent], from_ms, to_ms), XR_OK);
}

static size_t add_worker(struct xr_plan *plan, const char *name, int64_t from_ms, int64_t to_ms,
                         int64_t service_ms)
{
    const size_t agent = add_agent(plan, name, 1);
    add_span(plan, agent, from_ms, to_ms);
    plan->agents[agent].service_ms = service_ms;
    return agent;
}

static void add_group(struct xr_plan *plan, const char *name)
{
    uint32_t index;
    assert_int_equal(xr_plan_add_group(plan, xr_str_of(name), &index), XR_OK);
}

static void add_session(struct xr_plan *plan, int64_t arrival_ms, uint64_t buyer,
                        int64_t service_ms, uint32_t group)
{
    const struct xr_plan_session session = {
        .buyer = buyer != 0 ? buyer : 1000000 + plan->session_count,
        .arrival_ms = arrival_ms,
        .patience_ms = INT64_MAX,
        .service_ms = service_ms,
        .group = group,
        .klass = XR_queue_class_NORMAL,
        .real_agent = XR_PLAN_NONE,
    };
    assert_int_equal(xr_plan_add_session(plan, &session), XR_OK);
}

/* New buyers at a steady pace. */
static void add_stream(struct xr_plan *plan, int64_t from_ms, int64_t to_ms, int64_t pace_ms,
                       int64_t service_ms)
{
    for (int64_t at_ms = from_ms; at_ms < to_ms; at_ms += pace_ms)
        add_session(plan, at_ms, 0, service_ms, 0);
}

/* As floors are set when nobody sets them. */
static struct xr_drive_options chat_options(enum xr_books_affinity affinity)
{
    struct xr_drive_options options;
    xr_drive_defaults(&options);
    options.affinity = affinity;
    options.limit = 12;
    options.limit_returning = 15;
    return options;
}

static void run(const struct xr_plan *plan, const struct xr_drive_options *options,
                struct xr_drive_result *result)
{
    const enum xr_status status = xr_drive_run(plan, options, result);
    if (status != XR_OK)
        fail_msg("%s", result->fault);
    assert_int_equal(result->books.limit_overruns, 0);
    assert_int_equal(result->books.outsiders, 0);
    assert_int_equal(result->books.order_faults, 0);
    assert_int_equal(result->books.idle_faults, 0);
    assert_int_equal(result->books.affinity_faults, 0);
    assert_int_equal(result->explain_faults, 0);
    assert_int_equal(result->whys[XR_DRIVE_WHY_UNKNOWN], 0);
}

/* Sessions that an agent took in from..to. */
static size_t taken_in(const struct xr_plan *plan, const struct xr_drive_result *result,
                       size_t agent, int64_t from_ms, int64_t to_ms)
{
    size_t count = 0;
    for (size_t i = 0; i < result->session_count; i++) {
        const int64_t at_ms = plan->sessions[i].arrival_ms + result->sessions[i].wait_ms;
        count += result->sessions[i].agent == agent && at_ms >= from_ms && at_ms < to_ms;
    }
    return count;
}

/* ---- online time ----------------------------------------------------------------------------- */

/* Three hours with 20-minute sessions beside one hour with 5-minute ones, in a crew of four. */
static void assert_three_hours_beat_one(int64_t pace_ms, int64_t short_from_ms)
{
    struct xr_plan plan = {0};
    struct xr_drive_result result;
    const struct xr_drive_options options = chat_options(XR_BOOKS_OFF);
    add_group(&plan, "all");
    const size_t longer = add_worker(&plan, "long", 0, 3 * HOUR, 20 * MINUTE);
    const size_t shorter =
        add_worker(&plan, "short", short_from_ms, short_from_ms + HOUR, 5 * MINUTE);
    (void)add_worker(&plan, "third", 0, 3 * HOUR, 10 * MINUTE);
    (void)add_worker(&plan, "fourth", 0, 3 * HOUR, 10 * MINUTE);
    add_stream(&plan, 1, 3 * HOUR, pace_ms, 0);
    run(&plan, &options, &result);
    if (result.books.agents[longer].taken <= result.books.agents[shorter].taken)
        fail_msg("a session each %d s: three hours got %u, one hour got %u",
                 (int)(pace_ms / SECOND), (unsigned)result.books.agents[longer].taken,
                 (unsigned)result.books.agents[shorter].taken);
    assert_true(result.books.deviation_max < 3);
    xr_drive_fini(&result);
    xr_plan_fini(&plan);
}

static void three_hours_online_get_more_than_one(void **state)
{
    static const int64_t paces[] = {20 * SECOND, 45 * SECOND, 2 * MINUTE, 5 * MINUTE};
    (void)state;
    for (size_t i = 0; i < sizeof paces / sizeof *paces; i++)
        for (int64_t from_ms = 0; from_ms <= 2 * HOUR; from_ms += HOUR)
            assert_three_hours_beat_one(paces[i], from_ms);
}

/* The pair alone, at paces that the longer one can keep up with. */
static void three_hours_online_get_more_than_one_of_a_pair(void **state)
{
    (void)state;
    for (int64_t pace_ms = 2 * MINUTE; pace_ms <= 8 * MINUTE; pace_ms += MINUTE) {
        struct xr_plan plan = {0};
        struct xr_drive_result result;
        const struct xr_drive_options options = chat_options(XR_BOOKS_OFF);
        add_group(&plan, "all");
        const size_t longer = add_worker(&plan, "long", 0, 3 * HOUR, 20 * MINUTE);
        const size_t shorter = add_worker(&plan, "short", HOUR, 2 * HOUR, 5 * MINUTE);
        add_stream(&plan, 1, 3 * HOUR, pace_ms, 0);
        run(&plan, &options, &result);
        print_message("one each %d min: %u against %u\n", (int)(pace_ms / MINUTE),
                      (unsigned)result.books.agents[longer].taken,
                      (unsigned)result.books.agents[shorter].taken);
        assert_true(result.books.agents[longer].taken > result.books.agents[shorter].taken);
        if (pace_ms >= 4 * MINUTE) /* both in the lowest band: half of one hour against the rest */
            assert_true(result.books.agents[longer].taken >=
                        4 * result.books.agents[shorter].taken);
        xr_drive_fini(&result);
        xr_plan_fini(&plan);
    }
}

/* ---- coming and going ------------------------------------------------------------------------ */

/* Who comes back from a pause of an hour gets no more than his share and one, as long as the others
 * are in the lowest band of load too. */
static void nobody_is_flooded_on_coming_back(void **state)
{
    struct xr_plan plan = {0};
    struct xr_drive_result result;
    const struct xr_drive_options options = chat_options(XR_BOOKS_OFF);
    (void)state;
    add_group(&plan, "all");
    for (int i = 0; i < 4; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "%d", i);
        (void)add_worker(&plan, name, 0, 6 * HOUR, 0);
    }
    const size_t back = add_agent(&plan, "back", 1);
    plan.agents[back].pauses = true;
    add_span(&plan, back, 0, 2 * HOUR);
    add_span(&plan, back, 3 * HOUR, 6 * HOUR);
    add_stream(&plan, 1, 6 * HOUR, MINUTE, 10 * MINUTE);
    run(&plan, &options, &result);
    assert_int_equal(taken_in(&plan, &result, back, 2 * HOUR, 3 * HOUR), 0);
    for (int64_t minutes = 5; minutes <= 60; minutes += 5) {
        const size_t got = taken_in(&plan, &result, back, 3 * HOUR, 3 * HOUR + minutes * MINUTE);
        assert_in_range(got, minutes / 5 > 1 ? minutes / 5 - 1 : 0, minutes / 5 + 1);
    }
    assert_true(result.books.deviation_max < 3);
    xr_drive_fini(&result);
    xr_plan_fini(&plan);
}

/* While the others are in a higher band, load goes first: up to the lowest band, and no further. */
static void coming_back_to_a_busy_floor_fills_one_band_of_load(void **state)
{
    struct xr_plan plan = {0};
    struct xr_drive_result result;
    const struct xr_drive_options options = chat_options(XR_BOOKS_OFF);
    (void)state;
    add_group(&plan, "all");
    (void)add_worker(&plan, "one", 0, 6 * HOUR, 0);
    (void)add_worker(&plan, "two", 0, 6 * HOUR, 0);
    const size_t back = add_agent(&plan, "back", 1);
    plan.agents[back].pauses = true;
    add_span(&plan, back, 0, 2 * HOUR);
    add_span(&plan, back, 3 * HOUR, 6 * HOUR);
    add_stream(&plan, 1, 6 * HOUR, MINUTE, 20 * MINUTE); /* 10 each for two, of 12 */
    run(&plan, &options, &result);
    const size_t first = taken_in(&plan, &result, back, 3 * HOUR, 3 * HOUR + 6 * MINUTE);
    const size_t next =
        taken_in(&plan, &result, back, 3 * HOUR + 6 * MINUTE, 3 * HOUR + 12 * MINUTE);
    assert_in_range(first, 1, 6);
    assert_in_range(next, 1, 4);
    assert_true(result.books.deviation_max < 3);
    xr_drive_fini(&result);
    xr_plan_fini(&plan);
}

static void the_first_to_log_in_is_neither_flooded_nor_starved(void **state)
{
    struct xr_plan plan = {0};
    struct xr_drive_result result;
    const struct xr_drive_options options = chat_options(XR_BOOKS_OFF);
    size_t others[4];
    (void)state;
    add_group(&plan, "all");
    const size_t first = add_worker(&plan, "first", 0, 8 * HOUR, 0);
    for (size_t i = 0; i < 4; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "%zu", i);
        others[i] = add_worker(&plan, name, 30 * MINUTE, 8 * HOUR, 0);
    }
    add_stream(&plan, 1, 8 * HOUR, 2 * MINUTE, 10 * MINUTE);
    run(&plan, &options, &result);
    /* Alone: all 15. Then one of five: 5 of 25 in 50 minutes, for the first and for those who came
     * later, give or take one. */
    assert_int_equal(taken_in(&plan, &result, first, 0, 30 * MINUTE), 15);
    assert_in_range(taken_in(&plan, &result, first, 30 * MINUTE, 80 * MINUTE), 4, 6);
    for (size_t i = 0; i < 4; i++)
        assert_in_range(taken_in(&plan, &result, others[i], 30 * MINUTE, 80 * MINUTE), 4, 6);
    xr_drive_fini(&result);
    xr_plan_fini(&plan);
}

/* ---- returning buyers ------------------------------------------------------------------------ */

/*
 * `crew` agents; in the first two hours `star` is alone and gets 400 buyers. Then all are there but
 * a newcomer, who comes two hours later; 40 % of the buyers are those of the first hours.
 */
struct crew {
    struct xr_plan plan;
    size_t star;
    size_t newcomer;
    size_t colleagues[6];
    size_t colleague_count;
    int64_t newcomer_ms;
    int64_t end_ms;
};

static void make_crew(struct crew *crew, size_t colleagues, int64_t pace_ms, int64_t service_ms)
{
    struct xr_dice dice = {colleagues};
    *crew = (struct crew){.newcomer_ms = 4 * HOUR, .end_ms = 10 * HOUR};
    add_group(&crew->plan, "all");
    crew->star = add_worker(&crew->plan, "star", 0, crew->end_ms, 0);
    for (size_t i = 0; i < colleagues; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "colleague %zu", i);
        crew->colleagues[crew->colleague_count++] =
            add_worker(&crew->plan, name, 2 * HOUR, crew->end_ms, 0);
    }
    crew->newcomer = add_worker(&crew->plan, "newcomer", crew->newcomer_ms, crew->end_ms, 0);
    for (uint64_t i = 0; i < 400; i++)
        add_session(&crew->plan, 1 + (int64_t)i * 15 * SECOND, 1 + i, 60 * SECOND, 0);
    uint64_t next = 0;
    for (int64_t at_ms = 2 * HOUR; at_ms < crew->end_ms; at_ms += pace_ms) {
        const bool is_back = xr_dice_pick(&dice, 100) < 40;
        add_session(&crew->plan, at_ms, is_back ? 1 + next++ % 400 : 0, service_ms, 0);
    }
}

/*
 * What the regulars of one bring in is his; the newcomer gets what each colleague gets.
 * His share is that of all sessions since he came, unless the star's regulars alone are more than
 * an equal part: then the rest is divided among the others.
 */
static void assert_newcomer(size_t colleagues, int64_t pace_ms, int64_t service_ms)
{
    struct crew crew;
    struct xr_drive_result result;
    struct xr_drive_options options = chat_options(XR_BOOKS_PREFER);
    double others = 0;
    make_crew(&crew, colleagues, pace_ms, service_ms);
    run(&crew.plan, &options, &result);
    const double got =
        (double)taken_in(&crew.plan, &result, crew.newcomer, crew.newcomer_ms, crew.end_ms);
    const double star =
        (double)taken_in(&crew.plan, &result, crew.star, crew.newcomer_ms, crew.end_ms);
    for (size_t i = 0; i < colleagues; i++)
        others += (double)taken_in(&crew.plan, &result, crew.colleagues[i], crew.newcomer_ms,
                                   crew.end_ms);
    const double all = got + star + others;
    const double equal = all / (double)(colleagues + 2);
    const double share = star > equal ? (all - star) / (double)(colleagues + 1) : equal;
    if (fabs(got - share) > 0.15 * share)
        fail_msg("%zu colleagues, one each %d s: newcomer %.0f, share %.1f, star %.0f of %.0f",
                 colleagues, (int)(pace_ms / SECOND), got, share, star, all);
    print_message("%zu colleagues: newcomer %.0f, share %.1f, star %.0f of %.0f\n", colleagues, got,
                  share, star, all);
    assert_true(star >= 0.35 * all); /* else the buyers did not return */
    xr_drive_fini(&result);
    xr_plan_fini(&crew.plan);
}

static void a_newcomer_gets_his_share_beside_returning_buyers(void **state)
{
    (void)state;
    for (size_t colleagues = 0; colleagues <= 5; colleagues++) {
        assert_newcomer(colleagues, 60 * SECOND, 4 * MINUTE);
        assert_newcomer(colleagues, 30 * SECOND, 5 * MINUTE);
    }
}

/* ---- the pure rule against adversaries ---------------------------------------------------------
 */

#define AGENTS_MAX 8

struct ring {
    size_t count;
    struct xr_candidate agents[AGENTS_MAX];
    uint64_t picks;
    double worst; /* of |balance|, in sessions */
};

static void start_ring(struct ring *ring, size_t count)
{
    *ring = (struct ring){.count = count};
    for (size_t i = 0; i < count; i++)
        ring->agents[i] =
            (struct xr_candidate){.agent = {(uint32_t)i + 1}, .weight = 100, .limit = 12};
}

/* One session, which those of `mask` could take. */
static void pick(struct ring *ring, uint32_t mask)
{
    struct xr_candidate eligible[AGENTS_MAX];
    size_t from[AGENTS_MAX];
    size_t count = 0;
    struct xr_pick out;
    int64_t sum = 0;
    for (size_t i = 0; i < ring->count; i++)
        if (((mask >> i) & 1) != 0) {
            from[count] = i;
            eligible[count++] = ring->agents[i];
        }
    xr_route_pick(XR_POLICY_OWED, 2, 64, SIZE_MAX, eligible, count, &out);
    assert_int_equal(out.sharing, count);
    assert_false(out.clamped);
    for (size_t i = 0; i < count; i++)
        ring->agents[from[i]].owed = eligible[i].owed;
    ring->agents[from[out.taker]].last_pick = ++ring->picks;
    for (size_t i = 0; i < ring->count; i++) {
        const double owed = fabs((double)ring->agents[i].owed / (double)XR_OWED_ONE);
        sum += ring->agents[i].owed;
        ring->worst = owed > ring->worst ? owed : ring->worst;
    }
    assert_true(sum == 0);
}

static double sum_of_squares(const struct ring *ring)
{
    double sum = 0;
    for (size_t i = 0; i < ring->count; i++) {
        const double owed = (double)ring->agents[i].owed / (double)XR_OWED_ONE;
        sum += owed * owed;
    }
    return sum;
}

static size_t bits(uint32_t mask)
{
    return (size_t)__builtin_popcount(mask);
}

/* Looks one pick ahead at every pair (or every subset), and takes what spreads balances most. */
static uint32_t greediest(const struct ring *ring, bool only_pairs, struct xr_dice *dice)
{
    uint32_t best = 3;
    double most = -1;
    uint32_t ties = 0;
    for (uint32_t mask = 1; mask < UINT32_C(1) << ring->count; mask++) {
        struct ring ahead = *ring;
        if (bits(mask) < 2 || (only_pairs && bits(mask) != 2))
            continue;
        pick(&ahead, mask);
        const double spread = sum_of_squares(&ahead);
        if (spread < most - 1e-9)
            continue;
        ties = spread > most + 1e-9 ? 1 : ties + 1;
        if (ties == 1 || xr_dice_pick(dice, ties) == 0)
            best = mask;
        most = spread > most ? spread : most;
    }
    return best;
}

static void assert_bound(const struct ring *ring)
{
    const double bound = ((double)ring->count - 1) / 2;
    if (ring->worst > bound + 1e-3)
        fail_msg("%zu agents: a balance of %.4f, bound %.1f", ring->count, ring->worst, bound);
}

static void the_rule_holds_against_random_adversaries(void **state)
{
    struct xr_dice dice = {5};
    (void)state;
    for (size_t count = 2; count <= AGENTS_MAX; count++) {
        struct ring ring;
        start_ring(&ring, count);
        for (int i = 0; i < 200000; i++) {
            const uint32_t mask = (uint32_t)xr_dice_pick(&dice, UINT64_C(1) << count);
            if (mask != 0)
                pick(&ring, mask);
        }
        assert_bound(&ring);
    }
}

static void the_rule_holds_against_greedy_adversaries(void **state)
{
    struct xr_dice dice = {6};
    (void)state;
    for (size_t count = 2; count <= AGENTS_MAX; count++) {
        for (int only_pairs = 0; only_pairs <= 1; only_pairs++) {
            struct ring ring;
            start_ring(&ring, count);
            for (int i = 0; i < 4000; i++)
                pick(&ring, greediest(&ring, only_pairs != 0, &dice));
            assert_bound(&ring);
            /* An adversary worth the name: more than half of the bound is reached. */
            assert_true(ring.worst >= ((double)count - 1) / 4);
        }
    }
}

/* Every state that any sequence of pairs can lead to, up to the names of the agents. */
#define STATES_MAX 60000

struct seen {
    int64_t owed[STATES_MAX][AGENTS_MAX];
    size_t count;
};

static int by_owed(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a;
    const int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void add_state(struct seen *seen, const struct ring *ring)
{
    int64_t owed[AGENTS_MAX] = {0};
    for (size_t i = 0; i < ring->count; i++)
        owed[i] = ring->agents[i].owed;
    qsort(owed, ring->count, sizeof *owed, by_owed);
    for (size_t i = 0; i < seen->count; i++)
        if (memcmp(seen->owed[i], owed, sizeof owed) == 0)
            return;
    assert_true(seen->count < STATES_MAX);
    memcpy(seen->owed[seen->count++], owed, sizeof owed);
}

static void the_rule_holds_in_every_state_that_pairs_reach(void **state)
{
    struct seen *seen = malloc(sizeof *seen);
    (void)state;
    assert_non_null(seen);
    for (size_t count = 2; count <= 6; count++) {
        struct ring ring;
        double worst = 0;
        seen->count = 0;
        start_ring(&ring, count);
        add_state(seen, &ring);
        for (size_t s = 0; s < seen->count; s++) {
            for (uint32_t mask = 3; mask < UINT32_C(1) << count; mask++) {
                if (bits(mask) != 2)
                    continue;
                start_ring(&ring, count);
                for (size_t i = 0; i < count; i++)
                    ring.agents[i].owed = seen->owed[s][i];
                pick(&ring, mask);
                worst = ring.worst > worst ? ring.worst : worst;
                add_state(seen, &ring);
            }
        }
        ring.worst = worst;
        assert_bound(&ring);
    }
    free(seen);
}

/* ---- random days ----------------------------------------------------------------------------- */

static int64_t exponential_ms(struct xr_dice *dice, int64_t mean_ms)
{
    return (int64_t)(-log(1 - xr_dice_part(dice)) * (double)mean_ms);
}

/* 20 agents who come and go over 8 hours, each in one to three of three groups. */
static void make_random_day(struct xr_plan *plan, uint64_t seed)
{
    struct xr_dice dice = {seed};
    static const char *const groups[] = {"presale", "aftersale", "complaints"};
    *plan = (struct xr_plan){0};
    for (size_t i = 0; i < 3; i++)
        add_group(plan, groups[i]);
    for (size_t i = 0; i < 20; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "agent %zu", i);
        const size_t agent = add_agent(plan, name, 1 + (uint32_t)xr_dice_pick(&dice, 7));
        plan->agents[agent].pauses = xr_dice_pick(&dice, 2) == 0;
        int64_t at_ms = (int64_t)xr_dice_pick(&dice, 2 * HOUR);
        while (at_ms < 8 * HOUR) {
            const int64_t to_ms = at_ms + 5 * MINUTE + exponential_ms(&dice, 80 * MINUTE);
            add_span(plan, agent, at_ms, to_ms < 8 * HOUR ? to_ms : 8 * HOUR);
            at_ms = to_ms + MINUTE + exponential_ms(&dice, 30 * MINUTE);
        }
    }
    const int64_t pace_ms = 10 * SECOND + (int64_t)xr_dice_pick(&dice, 50 * SECOND);
    for (int64_t at_ms = 0; at_ms < 8 * HOUR; at_ms += 1 + exponential_ms(&dice, pace_ms))
        add_session(plan, at_ms, 0, MINUTE + exponential_ms(&dice, 9 * MINUTE),
                    (uint32_t)xr_dice_pick(&dice, 3));
}

static double run_random_day(uint64_t seed, uint32_t policy, uint32_t limit)
{
    struct xr_plan plan;
    struct xr_drive_result result;
    struct xr_drive_options options = chat_options(XR_BOOKS_OFF);
    options.seed = seed;
    options.policy = policy;
    options.limit = limit;
    options.limit_returning = limit;
    make_random_day(&plan, seed);
    run(&plan, &options, &result);
    const double deviation = result.books.deviation_max;
    xr_drive_fini(&result);
    xr_plan_fini(&plan);
    return deviation;
}

static void shares_hold_while_twenty_agents_come_and_go(void **state)
{
    static const uint32_t limits[] = {12, 3, 1};
    double worst = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        const double deviation = run_random_day(seed, 0, limits[seed % 3]);
        worst = deviation > worst ? deviation : worst;
        if (deviation >= 3)
            fail_msg("seed %u: deviation %.2f", (unsigned)seed, deviation);
    }
    print_message("largest deviation over 30 days: %.2f\n", worst);
}

/* The measure can tell a fair rule from another. */
static void shares_do_not_hold_with_round_robin(void **state)
{
    (void)state;
    assert_true(run_random_day(3, 3, 12) > 10);
}

/* ---- recorded days ----------------------------------------------------------------------------
 */

static void load_day(const char *path, uint64_t seed, struct xr_plan *plan)
{
    struct xr_day day;
    struct xr_day_error error;
    if (xr_day_read(path, &day, &error) != XR_OK)
        fail_msg("%s:%u:%u: %s", path, error.line, error.column, error.text);
    assert_int_equal(xr_plan_of_day(&day, &(struct xr_plan_options){.seed = seed}, plan, &error),
                     XR_OK);
    xr_day_fini(&day);
}

static void assert_all_accounted(const struct xr_drive_result *result)
{
    size_t assigned = 0;
    for (size_t i = 0; i < result->session_count; i++) {
        const struct xr_drive_session *s = &result->sessions[i];
        assigned += s->assignments;
        assert_int_not_equal(s->end, XR_DRIVE_REFUSED);
        assert_int_not_equal(s->end, XR_DRIVE_WAITING);
        assert_int_equal(s->end == XR_DRIVE_SERVED, s->agent != SIZE_MAX);
        assert_true(s->end == XR_DRIVE_SERVED || s->end == XR_DRIVE_JOINED ||
                    s->why != XR_DRIVE_WHY_NONE);
    }
    assert_int_equal(assigned, result->books.assignments);
    assert_int_equal(result->ends[XR_DRIVE_SERVED] + result->ends[XR_DRIVE_ABANDONED] +
                         result->ends[XR_DRIVE_JOINED],
                     result->session_count);
}

/* Twice: the second run must come to the same digest. */
static void assert_day(const char *path, const struct xr_drive_options *options)
{
    struct xr_plan plan;
    struct xr_drive_result results[2];
    load_day(path, options->seed, &plan);
    for (size_t i = 0; i < 2; i++) {
        run(&plan, options, &results[i]);
        assert_all_accounted(&results[i]);
        if (options->affinity == XR_BOOKS_OFF)
            assert_true(results[i].books.deviation_max < 3);
    }
    assert_memory_equal(results[0].digest, results[1].digest, sizeof results[0].digest);
    for (size_t i = 0; i < 2; i++)
        xr_drive_fini(&results[i]);
    xr_plan_fini(&plan);
}

static void assert_day_with_all_settings(const char *path)
{
    static const uint32_t limits[] = {1, 2, 5, 12};
    for (int affinity = 0; affinity <= 2; affinity++) {
        for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
            struct xr_drive_options options = chat_options((enum xr_books_affinity)affinity);
            options.limit = limits[i];
            options.limit_returning = limits[i];
            options.load_bands = 1 + (uint32_t)i;
            options.seed = 1 + i;
            assert_day(path, &options);
        }
    }
}

static void the_small_day_keeps_every_rule(void **state)
{
    (void)state;
    assert_day_with_all_settings(XR_TESTS_DIR "/vectors/day-small.csv");
}

static void the_real_day_keeps_every_rule(void **state)
{
    const char *path = XR_TESTS_DIR "/../../shared/data/calls-1999-08-01.csv";
    (void)state;
    if (access(path, R_OK) != 0)
        skip();
    assert_day_with_all_settings(path);
}

static void the_seed_changes_the_day_and_the_digest_tells(void **state)
{
    const struct xr_drive_options options = chat_options(XR_BOOKS_OFF);
    struct xr_plan plans[2];
    struct xr_drive_result results[2];
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        load_day(XR_TESTS_DIR "/vectors/day-small.csv", 1 + i, &plans[i]);
        run(&plans[i], &options, &results[i]);
    }
    assert_memory_not_equal(results[0].digest, results[1].digest, sizeof results[0].digest);
    for (size_t i = 0; i < 2; i++) {
        xr_drive_fini(&results[i]);
        xr_plan_fini(&plans[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(three_hours_online_get_more_than_one),
        cmocka_unit_test(three_hours_online_get_more_than_one_of_a_pair),
        cmocka_unit_test(nobody_is_flooded_on_coming_back),
        cmocka_unit_test(coming_back_to_a_busy_floor_fills_one_band_of_load),
        cmocka_unit_test(the_first_to_log_in_is_neither_flooded_nor_starved),
        cmocka_unit_test(a_newcomer_gets_his_share_beside_returning_buyers),
        cmocka_unit_test(the_rule_holds_against_random_adversaries),
        cmocka_unit_test(the_rule_holds_against_greedy_adversaries),
        cmocka_unit_test(the_rule_holds_in_every_state_that_pairs_reach),
        cmocka_unit_test(shares_hold_while_twenty_agents_come_and_go),
        cmocka_unit_test(shares_do_not_hold_with_round_robin),
        cmocka_unit_test(the_small_day_keeps_every_rule),
        cmocka_unit_test(the_real_day_keeps_every_rule),
        cmocka_unit_test(the_seed_changes_the_day_and_the_digest_tells),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
