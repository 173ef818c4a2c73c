/*
 * The ledger of a replay must tell what is lost, doubled or reordered, and nothing else.
 * Method: a session by hand: opened while nobody is there (message 1), assigned to agent 1, whose
 * reply (2) and the buyer's next message (3) follow; then each fault in turn.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/cli/ledger.h"

#define BRIDGE 0
#define AGENT  1
#define OTHER  2

static size_t write_one(struct xr_ledger *ledger, bool by_bridge)
{
    size_t id = SIZE_MAX;
    assert_int_equal(xr_ledger_send(ledger, 0, by_bridge, 1, &id), XR_OK);
    return id;
}

/* Journal: 1 opened, 2 queued, 3 message 1, 4 assigned, 5 message 2, 6 message 3. */
static int set_up(void **state)
{
    static struct xr_ledger ledger;
    assert_int_equal(xr_ledger_init(&ledger, 2), XR_OK);
    assert_int_equal(write_one(&ledger, true), 0);
    assert_int_equal(write_one(&ledger, false), 1);
    assert_int_equal(write_one(&ledger, true), 2);
    xr_ledger_owned(&ledger, 0, XR_LEDGER_NOBODY, 1);
    xr_ledger_owned(&ledger, 0, XR_LEDGER_NOBODY, 2);
    xr_ledger_acknowledged(&ledger, 0, 0, 1, 3);
    xr_ledger_owned(&ledger, 0, AGENT, 4);
    xr_ledger_acknowledged(&ledger, 1, 0, 2, 5);
    xr_ledger_acknowledged(&ledger, 2, 0, 3, 6);
    *state = &ledger;
    return 0;
}

static int tear_down(void **state)
{
    xr_ledger_fini(*state);
    return 0;
}

static struct xr_ledger_verdict judge(const struct xr_ledger *ledger)
{
    struct xr_ledger_verdict verdict;
    xr_ledger_judge(ledger, &verdict);
    return verdict;
}

static void receive_all(struct xr_ledger *ledger)
{
    xr_ledger_read(ledger, 0, 1, 0);
    assert_true(xr_ledger_received(ledger, AGENT, 0, 2, 1));
    assert_true(xr_ledger_received(ledger, AGENT, 0, 3, 2));
    assert_true(xr_ledger_received(ledger, BRIDGE, 0, 2, 1));
}

static void a_session_as_it_should_be_has_no_fault(void **state)
{
    receive_all(*state);
    const struct xr_ledger_verdict v = judge(*state);
    assert_int_equal(v.sent, 3);
    assert_int_equal(v.acknowledged, 3);
    assert_int_equal(v.unanswered, 0);
    assert_int_equal(v.lost, 0);
    assert_int_equal(v.doubled, 0);
    assert_int_equal(v.reordered, 0);
}

static void what_is_acknowledged_and_not_received_is_lost(void **state)
{
    struct xr_ledger *ledger = *state;
    assert_int_equal(judge(ledger).lost, 3);
    xr_ledger_read(ledger, 0, 1, 0); /* from before the agent owned it */
    assert_int_equal(judge(ledger).lost, 2);
    (void)xr_ledger_received(ledger, AGENT, 0, 2, 1); /* the writer has it, the bridge not */
    assert_int_equal(judge(ledger).lost, 2);
    (void)xr_ledger_received(ledger, BRIDGE, 0, 2, 1);
    assert_int_equal(judge(ledger).lost, 1);
    xr_ledger_read(ledger, 0, 3, 2); /* history does not stand in for the feed */
    assert_int_equal(judge(ledger).lost, 1);
    (void)xr_ledger_received(ledger, OTHER, 0, 3, 2); /* nor does another agent */
    assert_int_equal(judge(ledger).lost, 1);
}

static void what_nobody_owned_is_for_nobody(void **state)
{
    struct xr_ledger *ledger = *state;
    size_t id = SIZE_MAX;
    receive_all(ledger);
    assert_int_equal(xr_ledger_send(ledger, 1, true, 1, &id), XR_OK);
    xr_ledger_acknowledged(ledger, id, 1, 1, 9); /* session 1 was abandoned in the queue */
    assert_int_equal(judge(ledger).lost, 0);
}

static void what_has_no_answer_is_not_lost_but_told(void **state)
{
    struct xr_ledger *ledger = *state;
    receive_all(ledger);
    (void)write_one(ledger, true);
    xr_ledger_refused(ledger, write_one(ledger, true));
    assert_int_equal(judge(ledger).lost, 0);
    assert_int_equal(judge(ledger).unanswered, 1);
    assert_int_equal(judge(ledger).refused, 1);
}

static void what_comes_twice_is_doubled(void **state)
{
    receive_all(*state);
    assert_false(xr_ledger_received(*state, AGENT, 0, 3, 2));
    assert_int_equal(judge(*state).doubled, 1);
    assert_int_equal(judge(*state).reordered, 0);
}

static void what_is_stored_under_two_numbers_is_doubled(void **state)
{
    receive_all(*state);
    xr_ledger_read(*state, 0, 4, 2); /* 3 by the feed, 4 in the history */
    assert_int_equal(judge(*state).doubled, 1);
}

static void what_comes_behind_a_later_one_is_reordered(void **state)
{
    struct xr_ledger *ledger = *state;
    xr_ledger_read(ledger, 0, 1, 0);
    assert_true(xr_ledger_received(ledger, BRIDGE, 0, 2, 1));
    assert_true(xr_ledger_received(ledger, AGENT, 0, 3, 2));
    assert_true(xr_ledger_received(ledger, AGENT, 0, 2, 1));
    assert_int_equal(judge(ledger).reordered, 1);
    assert_int_equal(judge(ledger).lost, 0);
}

static void an_answer_with_another_number_is_told(void **state)
{
    struct xr_ledger *ledger = *state;
    const size_t id = write_one(ledger, true);
    (void)xr_ledger_received(ledger, AGENT, 0, 4, id);
    xr_ledger_acknowledged(ledger, id, 0, 5, 7);
    assert_int_equal(judge(ledger).reordered, 1);
}

static void the_owner_at_that_place_of_the_journal_counts(void **state)
{
    struct xr_ledger *ledger = *state;
    receive_all(ledger);
    xr_ledger_owned(ledger, 0, OTHER, 7);
    const size_t before = write_one(ledger, true);
    const size_t after = write_one(ledger, true);
    xr_ledger_acknowledged(ledger, before, 0, 4, 6);
    xr_ledger_acknowledged(ledger, after, 0, 5, 8);
    (void)xr_ledger_received(ledger, AGENT, 0, 4, before);
    assert_int_equal(judge(ledger).lost, 1);
    (void)xr_ledger_received(ledger, OTHER, 0, 5, after);
    assert_int_equal(judge(ledger).lost, 0);
}

static void strangers_are_counted(void **state)
{
    struct xr_ledger *ledger = *state;
    assert_false(xr_ledger_received(ledger, AGENT, 0, 1, 77));
    assert_int_equal(ledger->strangers, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_session_as_it_should_be_has_no_fault),
        TEST(what_is_acknowledged_and_not_received_is_lost),
        TEST(what_nobody_owned_is_for_nobody),
        TEST(what_has_no_answer_is_not_lost_but_told),
        TEST(what_comes_twice_is_doubled),
        TEST(what_is_stored_under_two_numbers_is_doubled),
        TEST(what_comes_behind_a_later_one_is_reordered),
        TEST(an_answer_with_another_number_is_told),
        TEST(the_owner_at_that_place_of_the_journal_counts),
        TEST(strangers_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
