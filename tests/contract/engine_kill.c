/*
 * Aim: a process that dies at the worst moment loses nothing that was answered, and leaves nothing
 * half done.
 * Method: a child runs a shop and kills itself at a named place (server/base/fail.h); what it had
 * answered by then stands in shared memory. The parent opens what is left: it must start, hold
 * every answered message once.
 */
#include "support/shop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define SAID 400

/* Seen by both processes. */
struct seen {
    _Atomic uint64_t answered; /* messages of the bridge that were answered */
    _Atomic uint64_t sent;
    _Atomic uint64_t session;
};

static void note_answers(struct shop *shop, const struct xr_outcome *outcome)
{
    struct seen *seen = shop->context;
    const struct shop_seat *bridge = &shop->seats[2];
    for (size_t i = 0; i < outcome->effects.count; i++)
        if (outcome->effects.at[i].kind == XR_EFFECT_REPLY && seen->session != 0 &&
            outcome->effects.at[i].origin == bridge->origin)
            seen->answered++;
}

/* Never returns: the fail point ends it, or it says that it was not reached. */
static void run_child(struct shop *shop, struct seen *seen, const char *point)
{
    struct xr_session_id session;
    (void)setenv("XR_FAILPOINT", point, 1);
    shop->on_outcome = note_answers;
    shop->context = seen;
    shop_start(shop);
    struct shop_seat *boss = shop_login(shop, 1, "boss");
    (void)shop_account(shop, boss, "bridge", XR_role_BRIDGE);
    struct shop_seat *bridge = shop_login(shop, 2, "bridge");
    session = shop_session(shop, bridge, "buyer");
    seen->session = session.n;
    const uint64_t before = bridge->answered;
    for (uint64_t i = 1; i <= SAID; i++) {
        seen->sent = i;
        (void)shop_say(shop, bridge, session, XR_STR("在吗"));
        if (i % 7 == 0) /* batches of one and of several */
            shop_wait(shop, bridge, before + i);
    }
    shop_stop(shop);
    _exit(0);
}

static void expect_whole(struct shop *shop, const struct seen *seen)
{
    shop->on_outcome = shop_expect_index;
    shop->context = NULL;
    shop_start(shop);
    if (seen->session == 0)
        return;
    struct shop_seat *bridge = shop_login(shop, 2, "bridge");
    const struct xr_say say = {.session = {seen->session}, .text = XR_STR("still there")};
    const uint64_t stored = shop_done(shop, bridge, XR_TYPE_say, &say).number - 1;
    assert_true(stored >= seen->answered);
    assert_true(stored <= seen->sent);
}

static void print_broken_rule(void *context, const char *invariant, const char *text)
{
    (void)context;
    print_error("%s: %s\n", invariant, text);
}

static void expect_checked(struct shop *shop)
{
    struct xr_reader *reader = NULL;
    assert_int_equal(xr_reader_open(shop->store, &reader), XR_OK);
    assert_int_equal(xr_floor_check(xr_reader_tables(reader, 1), true, print_broken_rule, NULL), 0);
    xr_reader_close(reader);
}

/* One life and one after it. Returns false where the child ended before the point was reached. */
static bool kill_at(const char *point, unsigned nth)
{
    struct shop shop = {0};
    char text[64];
    int status = 0;
    struct seen *seen =
        mmap(NULL, sizeof *seen, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(seen != MAP_FAILED);
    (void)snprintf(text, sizeof text, "%s:%u", point, nth);
    shop_open(&shop);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        run_child(&shop, seen, text);
    assert_int_equal(waitpid(child, &status, 0), child);
    const bool was_killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    if (!was_killed)
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    if (was_killed) {
        expect_whole(&shop, seen);
        expect_checked(&shop);
    }
    shop_close(&shop);
    assert_int_equal(munmap(seen, sizeof *seen), 0);
    return was_killed;
}

static void kill_often(const char *point, const unsigned *nths, size_t count)
{
#ifndef XR_FAILPOINTS
    print_message("without -DXR_FAILPOINTS nothing dies at %s\n", point);
    (void)kill_at;
    (void)nths;
    (void)count;
    skip();
#else
    for (size_t i = 0; i < count; i++)
        assert_true(kill_at(point, nths[i]));
#endif
}

static const unsigned batches[] = {1, 2, 3, 5, 6, 7, 8, 9, 10, 20};
static const unsigned events[] = {1, 2, 5, 6, 7, 50, 200, 300};

static void killed_before_the_commit(void **state)
{
    (void)state;
    kill_often("before_commit", batches, sizeof batches / sizeof batches[0]);
}

static void killed_between_commit_and_effects(void **state)
{
    (void)state;
    kill_often("after_commit_before_effects", batches, sizeof batches / sizeof batches[0]);
}

static void killed_in_the_middle_of_a_batch(void **state)
{
    (void)state;
    kill_often("in_step", events, sizeof events / sizeof events[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(killed_before_the_commit),
        cmocka_unit_test(killed_between_commit_and_effects),
        cmocka_unit_test(killed_in_the_middle_of_a_batch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
