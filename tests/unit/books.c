/*
 * The books beside a simulation must find each fault that they are there for.
 * Method: tell them a day of three agents by hand, once as it should be and once for each rule that
 * is broken.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/cli/books.h"

#define NORMAL 4
#define VIP    3

static const struct xr_books_rules rules = {
    .limit = 2,
    .limit_returning = 3,
    .load_bands = 2,
    .lift_ms = 60000,
    .affinity = XR_BOOKS_PREFER,
};

/* Agents 0 and 1 in group 0, agent 2 in group 1; all online from 0. */
static int set_up(void **state)
{
    static struct xr_books books;
    assert_int_equal(xr_books_init(&books, &rules, 3, 16), XR_OK);
    for (size_t i = 0; i < 3; i++) {
        books.agents[i].groups = i < 2 ? 1 : 2;
        books.agents[i].weight = 100;
        xr_books_online(&books, i, 0, true);
    }
    *state = &books;
    return 0;
}

static int tear_down(void **state)
{
    xr_books_fini(*state);
    return 0;
}

static void come(struct xr_books *books, size_t session, int64_t now_ms)
{
    xr_books_arrive(books, session, 0, NORMAL, 1000 + session, now_ms);
}

static void assert_clean(const struct xr_books *books)
{
    assert_int_equal(books->limit_overruns, 0);
    assert_int_equal(books->outsiders, 0);
    assert_int_equal(books->order_faults, 0);
    assert_int_equal(books->idle_faults, 0);
    assert_int_equal(books->affinity_faults, 0);
}

static void a_day_by_the_rules_has_no_fault(void **state)
{
    struct xr_books *books = *state;
    for (size_t i = 0; i < 4; i++) {
        come(books, i, 10);
        xr_books_assign(books, i, i % 2, 10);
        xr_books_settle(books, 10);
    }
    come(books, 4, 20);
    come(books, 5, 30);
    xr_books_settle(books, 30);
    xr_books_end(books, 0, 40);
    xr_books_assign(books, 4, 0, 40);
    xr_books_settle(books, 40);
    xr_books_end(books, 5, 50); /* gave up */
    xr_books_settle(books, 50);
    xr_books_finish(books, 100);
    assert_clean(books);
    assert_int_equal(books->waiting_count, 0);
    assert_int_equal(books->waiting_max, 2);
    assert_int_equal(books->agents[0].taken, 3);
    assert_int_equal(books->agents[0].online_ms, 100);
    assert_int_equal(books->agents[0].load_ms, 2 * 90);
    assert_int_equal(books->agents[1].load_max, 2);
}

static void shares_are_divided_among_those_who_could(void **state)
{
    struct xr_books *books = *state;
    come(books, 0, 0);
    xr_books_assign(books, 0, 0, 0);
    assert_int_equal(books->sharing, 2);
    assert_true(books->agents[0].expected == 0.5);
    assert_true(books->agents[1].expected == 0.5);
    assert_true(books->agents[2].expected == 0.0);
    assert_true(books->deviation_max == 0.5);
    /* Agent 0 is in the second band now: the share is agent 1's alone. */
    come(books, 1, 1);
    xr_books_assign(books, 1, 1, 1);
    assert_int_equal(books->sharing, 1);
    assert_true(books->agents[1].expected == 1.5);
    /* Agent 1 signs off: the rest is agent 0's. */
    xr_books_online(books, 1, 2, false);
    come(books, 2, 2);
    xr_books_assign(books, 2, 0, 2);
    assert_true(books->agents[0].expected == 1.5);
    assert_true(books->deviation_max == 0.5);
}

static void shares_go_by_weight(void **state)
{
    struct xr_books *books = *state;
    books->agents[1].weight = 50;
    come(books, 0, 0);
    xr_books_assign(books, 0, 0, 0);
    assert_true(books->agents[0].expected == 100.0 / 150.0);
    assert_true(books->agents[1].expected == 50.0 / 150.0);
}

static void the_taker_counts_among_those_who_could(void **state)
{
    struct xr_books *books = *state;
    come(books, 0, 0);
    xr_books_assign(books, 0, 0, 0);
    xr_books_arrive(books, 1, 0, NORMAL, 1000, 1); /* the same buyer again */
    xr_books_assign(books, 1, 0, 1);               /* agent 1 alone is in the lowest band */
    assert_int_equal(books->sharing, 2);
    assert_true(books->agents[0].expected == 1.0);
    assert_true(books->agents[1].expected == 1.0);
}

static void an_overrun_of_the_limit_is_counted(void **state)
{
    struct xr_books *books = *state;
    for (size_t i = 0; i < 3; i++) {
        come(books, i, 0);
        xr_books_assign(books, i, 0, 0);
    }
    assert_int_equal(books->limit_overruns, 1);
}

static void a_returning_buyer_has_the_returning_limit(void **state)
{
    struct xr_books *books = *state;
    for (size_t i = 0; i < 4; i++) {
        xr_books_arrive(books, i, 0, NORMAL, 77, 0);
        xr_books_assign(books, i, 0, 0);
        assert_int_equal(books->limit_overruns, i == 3 ? 1 : 0);
    }
}

static void an_outsider_is_counted(void **state)
{
    struct xr_books *books = *state;
    come(books, 0, 0);
    xr_books_assign(books, 0, 2, 0); /* not of the group */
    assert_int_equal(books->outsiders, 1);
    xr_books_online(books, 1, 1, false);
    come(books, 1, 1);
    xr_books_assign(books, 1, 1, 1); /* not online */
    assert_int_equal(books->outsiders, 2);
}

static void leaving_somebody_waiting_beside_a_free_agent_is_counted(void **state)
{
    struct xr_books *books = *state;
    come(books, 0, 0);
    xr_books_settle(books, 0);
    assert_int_equal(books->idle_faults, 1);
    xr_books_online(books, 0, 1, false);
    xr_books_online(books, 1, 1, false);
    xr_books_settle(books, 1); /* agent 2 is not of the group */
    assert_int_equal(books->idle_faults, 1);
}

static void fill(struct xr_books *books)
{
    for (size_t i = 0; i < 4; i++) {
        come(books, i, 0);
        xr_books_assign(books, i, i % 2, 0);
    }
}

static void the_older_goes_first(void **state)
{
    struct xr_books *books = *state;
    fill(books);
    come(books, 4, 10);
    come(books, 5, 11);
    xr_books_end(books, 0, 20);
    xr_books_assign(books, 5, 0, 20);
    assert_int_equal(books->order_faults, 1);
}

static void the_better_class_goes_first(void **state)
{
    struct xr_books *books = *state;
    fill(books);
    come(books, 4, 10);
    xr_books_arrive(books, 5, 0, VIP, 2000, 11);
    xr_books_end(books, 0, 20);
    xr_books_assign(books, 5, 0, 20);
    assert_int_equal(books->order_faults, 0);
}

static void waiting_lifts_to_a_better_class(void **state)
{
    struct xr_books *books = *state;
    fill(books);
    come(books, 4, 10);
    xr_books_arrive(books, 5, 0, VIP, 2000, 60000);
    xr_books_end(books, 0, 60020); /* both VIP now, and 4 is the older */
    xr_books_assign(books, 5, 0, 60020);
    assert_int_equal(books->order_faults, 1);
}

static void a_returning_buyer_sent_to_another_is_counted(void **state)
{
    struct xr_books *books = *state;
    xr_books_arrive(books, 0, 0, NORMAL, 77, 0);
    xr_books_assign(books, 0, 0, 0);
    xr_books_end(books, 0, 1);
    xr_books_arrive(books, 1, 0, NORMAL, 77, 2);
    xr_books_assign(books, 1, 1, 2);
    assert_int_equal(books->affinity_faults, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_day_by_the_rules_has_no_fault),
        TEST(shares_are_divided_among_those_who_could),
        TEST(shares_go_by_weight),
        TEST(the_taker_counts_among_those_who_could),
        TEST(an_overrun_of_the_limit_is_counted),
        TEST(a_returning_buyer_has_the_returning_limit),
        TEST(an_outsider_is_counted),
        TEST(leaving_somebody_waiting_beside_a_free_agent_is_counted),
        TEST(the_older_goes_first),
        TEST(the_better_class_goes_first),
        TEST(waiting_lifts_to_a_better_class),
        TEST(a_returning_buyer_sent_to_another_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
