/*
 * Aim: from its `welcome` on a device is on that connection alone: what an earlier connection of it
 * has sent and the server had not taken by then has no effect any more. Otherwise the counter that
 * `welcome` tells would be wrong, and the client's next command would be taken for one that was
 * sent before. Method: a bridge sends more than may be under way and is not waited for; the same
 * device comes again at once, and, when the first connection has been closed, once more: nothing
 * was accepted in between.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/served.h"

#define TRIES 10
#define SAID  3000

static int set_up(void **state)
{
    struct served *served = calloc(1, sizeof(*served));
    served_init(served);
    *state = served;
    return 0;
}

static int tear_down(void **state)
{
    served_fini(*state);
    free(*state);
    return 0;
}

static uint64_t open_session(struct guest *bridge)
{
    const struct xr_open open = {.channel = XR_STR("taobao"), .buyer = XR_STR("hong")};
    return guest_do(bridge, XR_TYPE_open, &open)->session.n;
}

/* All in one go, as a client does that is killed right after. */
static void say_all(struct guest *bridge, uint64_t session)
{
    for (uint32_t i = 0; i < SAID; i++) {
        const struct xr_say say = {
            .done = bridge->counter, .session = {session}, .text = XR_STR("还在吗？")};
        (void)guest_send(bridge, XR_TYPE_say, &say);
    }
}

static void read_to_the_end(struct guest *guest)
{
    struct xr_frame frame;
    while (raw_frame(&guest->raw, &frame))
        ;
}

static void nothing_of_the_earlier_connection_comes_behind_the_welcome(void **state)
{
    struct served *served = *state;
    struct guest owner, first, second, third;
    served_start(served);
    guest_login(&owner, served, "owner", SERVED_PASSWORD, false);
    guest_hire(&owner, "shop", XR_role_BRIDGE);
    guest_login(&first, served, "shop", SERVED_PASSWORD, false);
    const uint64_t session = open_session(&first);
    for (int i = 0; i < TRIES; i++) {
        say_all(&first, session);
        guest_return(&second, served, &first, false, NULL);
        read_to_the_end(&first);
        guest_return(&third, served, &first, false, NULL);
        assert_int_equal(third.welcome.counter, second.welcome.counter);
        guest_close(&first);
        guest_close(&second);
        first = third;
    }
    guest_close(&first);
    guest_close(&owner);
}

/* With the counter of the welcome a command is that command, and no other. */
static void the_next_command_is_not_taken_for_an_earlier_one(void **state)
{
    struct served *served = *state;
    struct guest owner, first, second;
    served_start(served);
    guest_login(&owner, served, "owner", SERVED_PASSWORD, false);
    guest_hire(&owner, "shop", XR_role_BRIDGE);
    guest_login(&first, served, "shop", SERVED_PASSWORD, false);
    const uint64_t session = open_session(&first);
    for (int i = 0; i < TRIES; i++) {
        const struct xr_open open = {.channel = XR_STR("taobao"), .buyer = XR_STR("ming")};
        say_all(&first, session);
        guest_return(&second, served, &first, false, NULL);
        /* a `say` of before would be answered with the other session */
        assert_int_not_equal(guest_do(&second, XR_TYPE_open, &open)->session.n, session);
        guest_close(&first);
        first = second;
    }
    guest_close(&first);
    guest_close(&owner);
}

int main(void)
{
#define CLAIM(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest claims[] = {
        CLAIM(nothing_of_the_earlier_connection_comes_behind_the_welcome),
        CLAIM(the_next_command_is_not_taken_for_an_earlier_one),
    };
    return cmocka_run_group_tests(claims, NULL, NULL);
}
