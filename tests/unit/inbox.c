/*
 * Aim: nothing that was put in is lost, doubled or overtakes its own sender; the bound holds; the
 * consumer sleeps and wakes.
 * Method: four producers against one consumer with a small bound, under every sanitizer; the
 * counter of each submission tells its place in its sender's order.
 */
#include "engine/inbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define PRODUCERS 4
#define EACH      20000

static struct xr_submission *make(uint64_t origin, uint64_t counter)
{
    struct xr_submission *made = xr_mem_zero(1, sizeof *made);
    assert_non_null(made);
    made->origin = origin;
    made->counter = counter;
    return made;
}

struct producer {
    struct xr_inbox *inbox;
    uint64_t origin;
    uint64_t refused;
};

static void *produce(void *context)
{
    struct producer *self = context;
    for (uint64_t n = 1; n <= EACH; n++) {
        struct xr_submission *made = make(self->origin, n);
        while (xr_inbox_put(self->inbox, made) == XR_BUSY) {
            self->refused++;
            (void)sched_yield();
        }
    }
    return NULL;
}

static void order_of_each_sender_is_kept(void **state)
{
    (void)state;
    struct xr_inbox inbox;
    struct producer producers[PRODUCERS];
    pthread_t threads[PRODUCERS];
    uint64_t seen[PRODUCERS] = {0};
    uint64_t total = 0;
    xr_inbox_init(&inbox, 64);
    for (uint64_t i = 0; i < PRODUCERS; i++) {
        producers[i] = (struct producer){.inbox = &inbox, .origin = i};
        assert_int_equal(pthread_create(&threads[i], NULL, produce, &producers[i]), 0);
    }
    while (total < PRODUCERS * EACH) {
        struct xr_submissions list = {0};
        struct xr_submission *next;
        size_t taken = 0;
        assert_true(xr_inbox_take(&inbox, 60000, &list));
        while ((next = xr_submissions_pop(&list)) != NULL) {
            assert_int_equal(next->counter, seen[next->origin] + 1);
            seen[next->origin]++;
            xr_mem_free(next);
            taken++;
        }
        assert_true(taken <= 64);
        total += taken;
        xr_inbox_done(&inbox, taken);
    }
    for (size_t i = 0; i < PRODUCERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(xr_inbox_count(&inbox), 0);
    xr_inbox_fini(&inbox);
}

static void taken_ones_still_count_until_they_are_done(void **state)
{
    (void)state;
    struct xr_inbox inbox;
    struct xr_submissions list = {0};
    xr_inbox_init(&inbox, 2);
    struct xr_submission *third = make(0, 3);
    assert_int_equal(xr_inbox_put(&inbox, make(0, 1)), XR_OK);
    assert_int_equal(xr_inbox_put(&inbox, make(0, 2)), XR_OK);
    assert_int_equal(xr_inbox_put(&inbox, third), XR_BUSY);
    assert_true(xr_inbox_take(&inbox, 0, &list));
    assert_int_equal(xr_inbox_put(&inbox, third), XR_BUSY);
    assert_int_equal(xr_inbox_put_own(&inbox, make(0, 9)), XR_OK);
    xr_inbox_done(&inbox, 1);
    assert_int_equal(xr_inbox_put(&inbox, third), XR_OK);
    assert_int_equal(xr_inbox_count(&inbox), 2);
    xr_submissions_clear(&list);
    xr_inbox_fini(&inbox);
}

static void an_empty_take_returns_when_its_time_is_over(void **state)
{
    (void)state;
    struct xr_inbox inbox;
    struct xr_submissions list = {0};
    xr_inbox_init(&inbox, 2);
    assert_true(xr_inbox_take(&inbox, 0, &list));
    assert_true(xr_inbox_take(&inbox, 1, &list));
    assert_null(list.head);
    xr_inbox_fini(&inbox);
}

static void a_closed_inbox_gives_what_it_has_and_then_ends(void **state)
{
    (void)state;
    struct xr_inbox inbox;
    struct xr_submissions list = {0};
    struct xr_submission *late = make(0, 2);
    xr_inbox_init(&inbox, 8);
    assert_int_equal(xr_inbox_put(&inbox, make(0, 1)), XR_OK);
    xr_inbox_close(&inbox);
    assert_int_equal(xr_inbox_put(&inbox, late), XR_CLOSED);
    assert_true(xr_inbox_take(&inbox, 60000, &list));
    assert_non_null(list.head);
    assert_false(xr_inbox_take(&inbox, 60000, &list));
    xr_mem_free(late);
    xr_submissions_clear(&list);
    xr_inbox_fini(&inbox);
}

static void *close_it(void *context)
{
    xr_inbox_close(context);
    return NULL;
}

static void closing_wakes_the_sleeper(void **state)
{
    (void)state;
    struct xr_inbox inbox;
    struct xr_submissions list = {0};
    pthread_t thread;
    xr_inbox_init(&inbox, 8);
    assert_int_equal(pthread_create(&thread, NULL, close_it, &inbox), 0);
    while (xr_inbox_take(&inbox, INT32_MAX, &list))
        ;
    assert_int_equal(pthread_join(thread, NULL), 0);
    xr_inbox_fini(&inbox);
}

static void lists_join_in_order(void **state)
{
    (void)state;
    struct xr_submissions a = {0};
    struct xr_submissions b = {0};
    xr_submissions_move(&a, &b);
    assert_null(a.head);
    xr_submissions_push(&b, make(0, 1));
    xr_submissions_move(&a, &b);
    xr_submissions_push(&b, make(0, 2));
    xr_submissions_push(&b, make(0, 3));
    xr_submissions_move(&a, &b);
    assert_null(b.head);
    for (uint64_t n = 1; n <= 3; n++) {
        struct xr_submission *next = xr_submissions_pop(&a);
        assert_int_equal(next->counter, n);
        xr_mem_free(next);
    }
    assert_null(xr_submissions_pop(&a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_of_each_sender_is_kept),
        cmocka_unit_test(taken_ones_still_count_until_they_are_done),
        cmocka_unit_test(an_empty_take_returns_when_its_time_is_over),
        cmocka_unit_test(a_closed_inbox_gives_what_it_has_and_then_ends),
        cmocka_unit_test(closing_wakes_the_sleeper),
        cmocka_unit_test(lists_join_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
