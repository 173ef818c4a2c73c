/*
 * Aim: libxiaoer over real nanomsg sockets against the real server: log-in by password and token,
 * commands once, the feed without a gap, over kill -9 of either side, a server that hangs, and
 * handles that end at any moment.
 * Method: handles driven by poll as a program would, in this one thread.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/wire.h"
#include "support/served.h"
#include <xiaoer/client.h>

#define ROUNDS       12
#define PER_ROUND    40
#define MESSAGES_MAX (ROUNDS * PER_ROUND + 16)

/* A handle and what it has seen. */
struct user {
    struct xr_client *client;
    enum xr_client_state state;
    enum xr_code refused;
    struct xr_welcome welcome;
    uint64_t answer_ref;
    uint32_t answer_type;
    enum xr_code answer_code;
    struct xr_done done;
    uint32_t answers;
    uint32_t answers_of[MESSAGES_MAX]; /* by ref */
    uint32_t refusals;
    uint32_t messages; /* updates message_added: must be 1, 2, 3… of one session */
    uint64_t session;
    uint64_t update_last;
    uint32_t changes;
};

static void on_message(struct user *user, const struct xr_message *message)
{
    if (user->session != 0 && message->session.n != user->session)
        return;
    assert_int_equal(message->number, user->messages + 1);
    user->messages++;
}

static void on_answer(struct user *user, const struct xr_client_event *event)
{
    user->answers++;
    if (event->ref < MESSAGES_MAX)
        user->answers_of[event->ref]++;
    user->answer_ref = event->ref;
    user->answer_type = event->type;
    if (event->type == XR_TYPE_done)
        user->done = *(const struct xr_done *)event->message;
    if (event->type == XR_TYPE_error) {
        user->refusals++;
        user->answer_code = ((const struct xr_error *)event->message)->code;
    }
}

static void on_event(struct user *user, const struct xr_client_event *event)
{
    switch (event->kind) {
    case XR_CLIENT_STATE:
        user->state = event->state;
        if (event->state == XR_CLIENT_READY)
            user->welcome = *(const struct xr_welcome *)event->message;
        if (event->state == XR_CLIENT_REFUSED)
            user->refused = ((const struct xr_error *)event->message)->code;
        break;
    case XR_CLIENT_ANSWER:
        on_answer(user, event);
        break;
    case XR_CLIENT_UPDATE:
        assert_true(event->seq > user->update_last);
        user->update_last = event->seq;
        user->changes += event->type == XR_TYPE_session_changed;
        if (event->type == XR_TYPE_message_added)
            on_message(user, &((const struct xr_message_added *)event->message)->message);
        break;
    case XR_CLIENT_RESYNC:
        fail_msg("resync");
    }
}

static void turn(struct user *user)
{
    struct xr_client_event event = {0};
    xr_client_turn(user->client);
    while (xr_client_next(user->client, &event))
        on_event(user, &event);
}

/* Wait for either, then turn both; `other` may be NULL. */
static void turn_both(struct user *user, struct user *other)
{
    struct pollfd polled[2] = {{xr_client_fd(user->client), POLLIN, 0}};
    int wait = xr_client_wait_ms(user->client);
    if (other != NULL) {
        polled[1] = (struct pollfd){xr_client_fd(other->client), POLLIN, 0};
        const int second = xr_client_wait_ms(other->client);
        wait = second < wait ? second : wait;
    }
    (void)poll(polled, other != NULL ? 2 : 1, wait);
    turn(user);
    if (other != NULL)
        turn(other);
}

/* A turn that does not wait long where there is nothing to wait for. */
static void turn_soon(struct user *user)
{
    struct pollfd polled = {xr_client_fd(user->client), POLLIN, 0};
    const int wait = xr_client_wait_ms(user->client);
    (void)poll(&polled, 1, wait < 5 ? wait : 5);
    turn(user);
}

static void open_options(struct user *user, const struct xr_client_options *options)
{
    *user = (struct user){0};
    assert_int_equal(xr_client_new(options, &user->client), XR_OK);
}

static struct xr_client_options options_of(const char *address, const char *login,
                                           const char *password, bool feed)
{
    return (struct xr_client_options){
        .size = sizeof(struct xr_client_options),
        .address = address,
        .floor = SERVED_FLOOR,
        .login = login,
        .password = password,
        .feed = feed,
        .client = "test/1",
        .retry_max_ms = 200,
    };
}

static void log_in(struct user *user, const struct xr_client_options *options)
{
    open_options(user, options);
    while (user->state == XR_CLIENT_CONNECTING)
        turn_both(user, NULL);
    assert_int_equal(user->state, XR_CLIENT_READY);
}

/* Send and wait for the answer. */
static void ask(struct user *user, uint32_t type, const void *message)
{
    uint64_t ref = 0;
    assert_int_equal(xr_client_send(user->client, type, message, &ref), XR_OK);
    while (user->answer_ref != ref)
        turn_both(user, NULL);
}

static void end(struct user *user)
{
    xr_client_close(user->client);
    while (user->state != XR_CLIENT_CLOSED)
        turn_both(user, NULL);
    xr_client_free(user->client);
}

/* An owner, a bridge, and an agent that is online with one open session of the bridge. */
struct scene {
    struct served served;
    struct user owner;
    struct user bridge;
    struct user agent;
};

static void hire(struct scene *scene, const char *login, enum xr_role role)
{
    const struct xr_account_set account = {
        .login = xr_str_of(login), .role = role, .password = xr_str_of(SERVED_PASSWORD)};
    ask(&scene->owner, XR_TYPE_account_set, &account);
    assert_int_equal(scene->owner.answer_type, XR_TYPE_done);
}

static void scene_init(struct scene *scene)
{
    *scene = (struct scene){0};
    served_init(&scene->served);
    /* Short leases and beats: a server that hangs is noticed soon. */
    scene->served.args[0] = "--beat-ms=100";
    scene->served.args[1] = "--lease-ms=60000";
    served_start(&scene->served);
    const char *address = scene->served.ipc;
    struct xr_client_options options = options_of(address, "owner", SERVED_PASSWORD, false);
    log_in(&scene->owner, &options);
    hire(scene, "mei", XR_role_AGENT);
    hire(scene, "shop", XR_role_BRIDGE);
    options = options_of(address, "mei", SERVED_PASSWORD, true);
    log_in(&scene->agent, &options);
    options = options_of(address, "shop", SERVED_PASSWORD, false);
    log_in(&scene->bridge, &options);
    const struct xr_be be = {.state = XR_presence_ONLINE};
    ask(&scene->agent, XR_TYPE_be, &be);
    assert_int_equal(scene->agent.answer_type, XR_TYPE_done);
    const struct xr_open open = {.channel = XR_STR("taobao"), .buyer = XR_STR("hong")};
    ask(&scene->bridge, XR_TYPE_open, &open);
    assert_int_equal(scene->bridge.answer_type, XR_TYPE_done);
    scene->agent.session = scene->bridge.done.session.n;
}

static void scene_fini(struct scene *scene)
{
    xr_client_free(scene->owner.client);
    xr_client_free(scene->bridge.client);
    xr_client_free(scene->agent.client);
    served_fini(&scene->served);
}

static void say(struct user *user, uint64_t session)
{
    const struct xr_say say = {.session = {session}, .text = XR_STR("还在吗？")};
    assert_int_equal(xr_client_send(user->client, XR_TYPE_say, &say, NULL), XR_OK);
}

/* ---- log-in ------------------------------------------------------------------------------------
 */

static void logs_in_by_password_then_by_token_over_both_transports(void **state)
{
    (void)state;
    struct served served = {0};
    struct user user = {0};
    uint8_t token[XR_TOKEN_BYTES] = {0};
    served_init(&served);
    served_start(&served);
    const char *const addresses[] = {served.ipc, served.tcp};
    for (size_t i = 0; i < 2; i++) {
        struct xr_client_options options =
            options_of(addresses[i], "owner", SERVED_PASSWORD, false);
        log_in(&user, &options);
        const uint64_t device = user.welcome.device.n;
        assert_true(xr_client_token(user.client, token));
        end(&user);
        options = options_of(addresses[i], NULL, NULL, false);
        options.token = token;
        log_in(&user, &options);
        assert_int_equal(user.welcome.device.n, device);
        assert_int_equal(xr_client_reconnects(user.client), 0);
        end(&user);
    }
    served_fini(&served);
}

static void wrong_password_and_wrong_token_are_refused_for_good(void **state)
{
    (void)state;
    struct served served = {0};
    struct user user = {0};
    const uint8_t token[XR_TOKEN_BYTES] = {1};
    served_init(&served);
    served_start(&served);
    struct xr_client_options options = options_of(served.ipc, "owner", "not this one", false);
    open_options(&user, &options);
    while (user.state == XR_CLIENT_CONNECTING)
        turn_both(&user, NULL);
    assert_int_equal(user.state, XR_CLIENT_REFUSED);
    assert_int_equal(user.refused, XR_code_DENIED);
    xr_client_free(user.client);
    options = options_of(served.ipc, NULL, NULL, false);
    options.token = token;
    open_options(&user, &options);
    while (user.state == XR_CLIENT_CONNECTING)
        turn_both(&user, NULL);
    assert_int_equal(user.state, XR_CLIENT_REFUSED);
    assert_int_equal(user.refused, XR_code_UNKNOWN_DEVICE);
    xr_client_free(user.client);
    served_fini(&served);
}

static void a_server_that_comes_later_is_found(void **state)
{
    (void)state;
    struct served served = {0};
    struct user user = {0};
    served_init(&served);
    served_start(&served);
    served_kill(&served);
    struct xr_client_options options = options_of(served.ipc, "owner", SERVED_PASSWORD, false);
    open_options(&user, &options);
    const struct xr_get_status status = {0};
    assert_int_equal(xr_client_send(user.client, XR_TYPE_get_status, &status, NULL), XR_OK);
    for (int i = 0; i < 20; i++)
        turn_both(&user, NULL);
    assert_int_equal(user.state, XR_CLIENT_CONNECTING);
    served_start(&served);
    while (user.answers == 0)
        turn_both(&user, NULL);
    assert_int_equal(user.answer_type, XR_TYPE_floor_status);
    xr_client_free(user.client);
    served_fini(&served);
}

static void a_revoked_device_is_refused(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene);
    const struct xr_revoke revoke = {.device = scene.agent.welcome.device};
    ask(&scene.owner, XR_TYPE_revoke, &revoke);
    assert_int_equal(scene.owner.answer_type, XR_TYPE_done);
    while (scene.agent.state != XR_CLIENT_REFUSED)
        turn_both(&scene.agent, NULL);
    assert_int_equal(scene.agent.refused, XR_code_UNKNOWN_DEVICE);
    scene_fini(&scene);
}

/* ---- commands and updates
 * ------------------------------------------------------------------------ */

static void a_full_window_of_commands_is_answered_in_order_and_pushed(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene);
    const uint32_t before = scene.bridge.answers;
    for (uint32_t i = 0; i < 400; i++)
        say(&scene.bridge, scene.agent.session);
    while (scene.bridge.answers - before < 400 || scene.agent.messages < 400)
        turn_both(&scene.bridge, &scene.agent);
    assert_int_equal(scene.bridge.refusals, 0);
    assert_int_equal(scene.bridge.done.number, 400);
    scene_fini(&scene);
}

static void a_refusal_is_an_answer_and_later_commands_go_on(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene);
    const struct xr_assign forbidden = {.session = {1}, .agent = {1}};
    const struct xr_close missing = {.session = {99999}};
    assert_int_equal(xr_client_send(scene.bridge.client, XR_TYPE_assign, &forbidden, NULL), XR_OK);
    say(&scene.bridge, scene.agent.session);
    say(&scene.bridge, 99999);
    say(&scene.bridge, scene.agent.session);
    while (scene.agent.messages < 2 || scene.bridge.answers < 5)
        turn_both(&scene.bridge, &scene.agent);
    assert_int_equal(scene.bridge.refusals, 2);
    ask(&scene.agent, XR_TYPE_close, &missing);
    assert_int_equal(scene.agent.answer_code, XR_code_NOT_FOUND);
    scene_fini(&scene);
}

static void a_paused_handle_takes_nothing_and_goes_on_afterwards(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene);
    xr_client_pause(scene.agent.client, true);
    for (uint32_t i = 0; i < 100; i++)
        say(&scene.bridge, scene.agent.session);
    while (scene.bridge.answers < 101)
        turn_both(&scene.bridge, &scene.agent);
    assert_int_equal(scene.agent.messages, 0);
    xr_client_pause(scene.agent.client, false);
    while (scene.agent.messages < 100)
        turn_both(&scene.bridge, &scene.agent);
    scene_fini(&scene);
}

/* ---- kill -9
 * --------------------------------------------------------------------------------------- */

static void nothing_is_lost_or_doubled_over_kills_of_the_server(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene);
    const uint32_t before = scene.bridge.answers;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        for (uint32_t i = 0; i < PER_ROUND; i++)
            say(&scene.bridge, scene.agent.session);
        /* Some turns, so that the kill falls before, between and behind the answers. */
        for (uint32_t i = 0; i < round * 2; i++)
            turn_both(&scene.bridge, &scene.agent);
        served_kill(&scene.served);
        turn_both(&scene.bridge, &scene.agent);
        served_start(&scene.served);
    }
    const uint32_t all = ROUNDS * PER_ROUND;
    while (scene.bridge.answers - before < all || scene.agent.messages < all)
        turn_both(&scene.bridge, &scene.agent);
    assert_int_equal(scene.bridge.refusals, 0);
    assert_int_equal(scene.bridge.done.number, all);
    for (uint32_t ref = 2; ref <= all + 1; ref++)
        assert_int_equal(scene.bridge.answers_of[ref], 1);
    assert_true(xr_client_reconnects(scene.agent.client) >= 1);
    scene_fini(&scene);
}

/* The handle is dropped without a word, with commands under way; another takes the token over. */
static void a_client_that_died_goes_on_where_it_was(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene);
    uint8_t bridge_token[XR_TOKEN_BYTES] = {0};
    uint8_t agent_token[XR_TOKEN_BYTES] = {0};
    assert_true(xr_client_token(scene.bridge.client, bridge_token));
    assert_true(xr_client_token(scene.agent.client, agent_token));
    struct xr_client_options bridge = options_of(scene.served.ipc, NULL, NULL, false);
    struct xr_client_options agent = options_of(scene.served.ipc, NULL, NULL, true);
    bridge.token = bridge_token;
    agent.token = agent_token;
    agent.resume = true;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        for (uint32_t i = 0; i < 20; i++)
            say(&scene.bridge, scene.agent.session);
        for (uint32_t i = 0; i < round; i++)
            turn_both(&scene.bridge, &scene.agent);
        xr_client_free(scene.bridge.client);
        xr_client_free(scene.agent.client);
        agent.cursor = scene.agent.update_last;
        log_in(&scene.bridge, &bridge);
        assert_int_equal(xr_client_new(&agent, &scene.agent.client), XR_OK);
    }
    /* The last word tells how many the server has: all of them must come, once. */
    say(&scene.bridge, scene.agent.session);
    while (scene.bridge.answers == 0 || scene.agent.messages < scene.bridge.done.number)
        turn_both(&scene.bridge, &scene.agent);
    assert_int_equal(scene.bridge.answer_type, XR_TYPE_done);
    scene_fini(&scene);
}

static void a_server_that_hangs_is_left_and_found_again(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene);
    assert_int_equal(kill(scene.served.pid, SIGSTOP), 0);
    say(&scene.bridge, scene.agent.session);
    while (scene.bridge.state == XR_CLIENT_READY || scene.agent.state == XR_CLIENT_READY)
        turn_both(&scene.bridge, &scene.agent);
    assert_int_equal(kill(scene.served.pid, SIGCONT), 0);
    while (scene.agent.messages < 1 || scene.bridge.answers < 2)
        turn_both(&scene.bridge, &scene.agent);
    assert_int_equal(scene.bridge.answer_type, XR_TYPE_done);
    assert_int_equal(scene.bridge.done.number, 1);
    scene_fini(&scene);
}

/* ---- ends
 * ------------------------------------------------------------------------------------------ */

static void a_handle_may_end_after_any_number_of_turns(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene);
    uint8_t token[XR_TOKEN_BYTES] = {0};
    assert_true(xr_client_token(scene.bridge.client, token));
    xr_client_free(scene.bridge.client);
    struct xr_client_options options = options_of(scene.served.ipc, NULL, NULL, true);
    options.token = token;
    for (int turns = 0; turns < 30; turns++) {
        open_options(&scene.bridge, &options);
        say(&scene.bridge, scene.agent.session);
        for (int i = 0; i < turns; i++)
            turn_soon(&scene.bridge);
        if (turns % 2 == 0)
            xr_client_close(scene.bridge.client);
        if (turns % 4 == 0)
            turn_soon(&scene.bridge);
        xr_client_free(scene.bridge.client);
    }
    log_in(&scene.bridge, &options);
    scene_fini(&scene);
}

static void bye_ends_the_lease_and_the_handle(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene);
    const uint32_t before = scene.bridge.answers;
    end(&scene.agent);
    const struct xr_get_agents get = {0};
    ask(&scene.owner, XR_TYPE_get_agents, &get);
    assert_int_equal(scene.owner.answer_type, XR_TYPE_agent_page);
    assert_int_equal(before, scene.bridge.answers);
    const struct xr_client_options options =
        options_of(scene.served.ipc, "mei", SERVED_PASSWORD, false);
    log_in(&scene.agent, &options);
    assert_int_equal(scene.agent.welcome.state, XR_presence_ONLINE); /* chosen; it stands */
    scene_fini(&scene);
}

static void what_is_no_address_is_told_at_once(void **state)
{
    (void)state;
    struct xr_client *client = NULL;
    struct xr_client_options options = options_of("nowhere", "owner", "password", false);
    assert_int_equal(xr_client_new(&options, &client), XR_IO);
    options.address = NULL;
    assert_int_equal(xr_client_new(&options, &client), XR_BAD);
    options = options_of("ipc:///tmp/x", "owner", NULL, false);
    assert_int_equal(xr_client_new(&options, &client), XR_BAD);
    options.size = 4;
    assert_int_equal(xr_client_new(&options, &client), XR_BAD);
    assert_null(client);
    xr_client_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logs_in_by_password_then_by_token_over_both_transports),
        cmocka_unit_test(wrong_password_and_wrong_token_are_refused_for_good),
        cmocka_unit_test(a_server_that_comes_later_is_found),
        cmocka_unit_test(a_revoked_device_is_refused),
        cmocka_unit_test(a_full_window_of_commands_is_answered_in_order_and_pushed),
        cmocka_unit_test(a_refusal_is_an_answer_and_later_commands_go_on),
        cmocka_unit_test(a_paused_handle_takes_nothing_and_goes_on_afterwards),
        cmocka_unit_test(nothing_is_lost_or_doubled_over_kills_of_the_server),
        cmocka_unit_test(a_client_that_died_goes_on_where_it_was),
        cmocka_unit_test(a_server_that_hangs_is_left_and_found_again),
        cmocka_unit_test(a_handle_may_end_after_any_number_of_turns),
        cmocka_unit_test(bye_ends_the_lease_and_the_handle),
        cmocka_unit_test(what_is_no_address_is_told_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
