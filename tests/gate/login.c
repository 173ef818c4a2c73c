/*
 * Aim: who may come in comes in, nobody else does, and no secret is left behind.
 * Method: a real xiaoerd, raw sockets.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/served.h"

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

static struct xr_hello hello_with(const char *floor, const char *login, const char *password)
{
    return (struct xr_hello){
        .protocol = XR_PROTOCOL_VERSION,
        .floor = xr_str_of(floor),
        .login = xr_str_of(login),
        .password = xr_str_of(password),
    };
}

static const struct xr_error *refused_hello(struct guest *guest, const struct xr_hello *hello)
{
    assert_true(raw_frame_send(&guest->raw, XR_TYPE_hello, 5, hello));
    uint64_t ref;
    const struct xr_error *error = raw_expect(&guest->raw, XR_TYPE_error, &ref, guest->arena);
    assert_int_equal(ref, 5);
    return error;
}

static void the_owner_logs_in_and_returns_with_the_token(void **state)
{
    struct served *served = *state;
    struct guest first, second;
    served_start(served);
    guest_login(&first, served, "owner", SERVED_PASSWORD, false);
    assert_int_equal(first.welcome.agent.n, 1);
    assert_int_equal(first.welcome.role, XR_role_OWNER);
    assert_int_equal(first.welcome.protocol, XR_PROTOCOL_VERSION);
    assert_int_equal(first.welcome.commit, XR_commit_mode_SYNC);
    assert_int_equal(first.welcome.lease_ms, 15000);
    assert_true(first.welcome.device.n > 0);
    guest_return(&second, served, &first, false, NULL);
    assert_int_equal(second.welcome.device.n, first.welcome.device.n);
    /* the device is there now: the first connection is told, and closed */
    const struct xr_goodbye *goodbye = raw_expect(&first.raw, XR_TYPE_goodbye, NULL, first.arena);
    assert_int_equal(goodbye->code, XR_code_HELLO_NEEDED);
    assert_true(raw_is_closed(&first.raw));
    guest_close(&first);
    guest_close(&second);
}

static void every_wrong_way_is_denied_alike(void **state)
{
    struct served *served = *state;
    const struct xr_hello cases[] = {
        hello_with(SERVED_FLOOR, "owner", "wrong password"),
        hello_with(SERVED_FLOOR, "nobody", SERVED_PASSWORD),
        hello_with("elsewhere", "owner", SERVED_PASSWORD),
        hello_with(SERVED_FLOOR, "owner", ""),
    };
    served_start(served);
    for (size_t i = 0; i < 3; i++) {
        struct guest guest;
        guest_open(&guest, served, true);
        const struct xr_error *error = refused_hello(&guest, &cases[i]);
        assert_int_equal(error->code, XR_code_DENIED);
        assert_int_equal(error->field.size, 0);
        assert_int_equal(error->text.size, 0);
        guest_close(&guest);
    }
    struct guest guest;
    guest_open(&guest, served, true);
    assert_int_equal(refused_hello(&guest, &cases[3])->code, XR_code_MISSING);
    guest_close(&guest);
}

/* Events of one refused hello: as many take as long. */
static uint64_t count_events(struct served *served, const struct xr_hello *hello)
{
    struct guest guest;
    const uint64_t before = served_metric(served, "engine_events");
    guest_open(&guest, served, true);
    refused_hello(&guest, hello);
    guest_close(&guest);
    return served_metric(served, "engine_events") - before;
}

static void every_wrong_way_takes_the_same_steps(void **state)
{
    struct served *served = *state;
    const struct xr_hello cases[] = {
        hello_with(SERVED_FLOOR, "owner", "wrong password"),
        hello_with(SERVED_FLOOR, "nobody", SERVED_PASSWORD),
        hello_with("elsewhere", "owner", SERVED_PASSWORD),
    };
    const uint8_t token[XR_TOKEN_BYTES] = {1, 2, 3};
    struct xr_hello returning = {.protocol = XR_PROTOCOL_VERSION,
                                 .floor = xr_str_of(SERVED_FLOOR),
                                 .token = {token, sizeof(token)}};
    served_start(served);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(count_events(served, &cases[i]), 2);
    assert_int_equal(count_events(served, &returning), 1);
    returning.floor = xr_str_of("elsewhere");
    assert_int_equal(count_events(served, &returning), 1);
}

static void a_wrong_token_is_not_let_in(void **state)
{
    struct served *served = *state;
    struct guest guest;
    uint8_t token[XR_TOKEN_BYTES] = {1, 2, 3};
    struct xr_hello hello = {.protocol = XR_PROTOCOL_VERSION,
                             .floor = xr_str_of(SERVED_FLOOR),
                             .token = {token, sizeof(token)}};
    served_start(served);
    guest_open(&guest, served, true);
    assert_int_equal(refused_hello(&guest, &hello)->code, XR_code_UNKNOWN_DEVICE);
    hello.floor = xr_str_of("elsewhere"); /* which does not tell that there is no such floor */
    assert_int_equal(refused_hello(&guest, &hello)->code, XR_code_UNKNOWN_DEVICE);
    hello.token.size = 5;
    assert_int_equal(refused_hello(&guest, &hello)->code, XR_code_RANGE);
    hello.protocol = 2;
    assert_int_equal(refused_hello(&guest, &hello)->code, XR_code_VERSION);
    guest_close(&guest);
}

/* A refusal leaves the connection usable: the next hello may be right. */
static void after_a_refusal_one_may_try_again(void **state)
{
    struct served *served = *state;
    struct guest guest;
    const struct xr_hello wrong = hello_with(SERVED_FLOOR, "owner", "wrong password");
    const struct xr_hello right = hello_with(SERVED_FLOOR, "owner", SERVED_PASSWORD);
    served_start(served);
    guest_open(&guest, served, true);
    assert_int_equal(refused_hello(&guest, &wrong)->code, XR_code_DENIED);
    assert_int_equal(guest_hello(&guest, &right), XR_TYPE_welcome);
    assert_true(raw_frame_send(&guest.raw, XR_TYPE_hello, 6, &right));
    const struct xr_error *error = raw_expect(&guest.raw, XR_TYPE_error, NULL, guest.arena);
    assert_int_equal(error->code, XR_code_STATE);
    guest_close(&guest);
}

static void after_five_failures_even_the_right_password_must_wait(void **state)
{
    struct served *served = *state;
    const struct xr_hello wrong = hello_with(SERVED_FLOOR, "owner", "wrong password");
    const struct xr_hello right = hello_with(SERVED_FLOOR, "owner", SERVED_PASSWORD);
    struct guest guest;
    served_start(served);
    guest_open(&guest, served, true);
    for (int i = 0; i < 5; i++)
        assert_int_equal(refused_hello(&guest, &wrong)->code, XR_code_DENIED);
    const struct xr_error *error = refused_hello(&guest, &right);
    assert_int_equal(error->code, XR_code_BUSY);
    assert_true(error->retry_ms > 1000);
    assert_true(error->retry_ms <= 60000);
    guest_close(&guest);
    /* by account too: from another address */
    guest_open(&guest, served, false);
    assert_int_equal(refused_hello(&guest, &right)->code, XR_code_BUSY);
    guest_close(&guest);
    assert_int_equal(served_metric(served, "logins_limited"), 2);
}

/* Twenty failures from one address, whatever the accounts: it must wait, others need not, and
 * nobody is locked out whom a token lets in. */
static void an_address_that_fails_must_wait_but_tokens_still_open(void **state)
{
    struct served *served = *state;
    const struct xr_hello right = hello_with(SERVED_FLOOR, "owner", SERVED_PASSWORD);
    struct guest owner, guest, again;
    served_start(served);
    guest_login(&owner, served, "owner", SERVED_PASSWORD, false);
    guest_open(&guest, served, true);
    /* Twenty at once, and one more every three seconds: a slow machine may need a few more. */
    enum xr_code code = XR_code_DENIED;
    for (int i = 0; i < 200 && code != XR_code_BUSY; i++) {
        char login[32];
        snprintf(login, sizeof(login), "nobody%d", i);
        const struct xr_hello wrong = hello_with(SERVED_FLOOR, login, SERVED_PASSWORD);
        code = refused_hello(&guest, &wrong)->code;
        assert_true(code == XR_code_DENIED || (code == XR_code_BUSY && i >= 20));
    }
    assert_int_equal(refused_hello(&guest, &right)->code, XR_code_BUSY);
    guest_close(&guest);
    guest_return(&again, served, &owner, false, NULL); /* over TCP too */
    guest_close(&again);
    guest_close(&owner);
    guest_login(&owner, served, "owner", SERVED_PASSWORD, false); /* by the Unix socket */
    guest_close(&owner);
}

/* Tokens that are none are bounded too, but not at the expense of one that was let in. */
static void a_flood_of_false_tokens_does_not_keep_out_a_true_one(void **state)
{
    struct served *served = *state;
    struct guest owner, guest;
    int busy = 0;
    served->args[0] = "--login-tries=1";
    served_start(served);
    guest_login(&owner, served, "owner", SERVED_PASSWORD, false);
    struct guest first;
    guest_return(&first, served, &owner, false, NULL);
    guest_open(&guest, served, true);
    for (int i = 0; i < 80; i++) {
        uint8_t token[XR_TOKEN_BYTES] = {(uint8_t)i};
        const struct xr_hello hello = {.protocol = XR_PROTOCOL_VERSION,
                                       .floor = xr_str_of(SERVED_FLOOR),
                                       .token = {token, sizeof(token)}};
        busy += refused_hello(&guest, &hello)->code == XR_code_BUSY;
    }
    assert_true(busy >= 15);
    struct guest second;
    guest_return(&second, served, &owner, false, NULL);
    guest_close(&second);
    guest_close(&first);
    guest_close(&guest);
    guest_close(&owner);
}

static void those_who_are_right_are_not_limited(void **state)
{
    struct served *served = *state;
    struct guest guests[4];
    served_start(served);
    for (int round = 0; round < 4; round++) {
        guest_login(&guests[round], served, "owner", SERVED_PASSWORD, false);
        for (int i = 0; i < 3; i++) { /* the same device again and again */
            struct guest again;
            guest_return(&again, served, &guests[round], false, NULL);
            guest_close(&again);
        }
    }
    for (int round = 0; round < 4; round++)
        guest_close(&guests[round]);
}

static void what_comes_behind_hello_waits_for_the_welcome(void **state)
{
    struct served *served = *state;
    const struct xr_hello right = hello_with(SERVED_FLOOR, "owner", SERVED_PASSWORD);
    const struct xr_get_settings ask = {0};
    const struct xr_group_set set = {.name = xr_str_of("night")};
    struct guest guest;
    struct xr_buf out;
    served_start(served);
    guest_open(&guest, served, true);
    xr_buf_init(&out, 65536);
    xr_frame_encode(&out, XR_TYPE_hello, 1, &right);
    xr_frame_encode(&out, XR_TYPE_group_set, 1, &set);
    xr_frame_encode(&out, XR_TYPE_get_settings, 2, &ask);
    assert_true(raw_send(&guest.raw, out.at, out.size));
    raw_expect(&guest.raw, XR_TYPE_welcome, NULL, guest.arena);
    raw_expect(&guest.raw, XR_TYPE_done, NULL, guest.arena);
    raw_expect(&guest.raw, XR_TYPE_setting_page, NULL, guest.arena);
    xr_buf_fini(&out);
    guest_close(&guest);
}

/* A stranger gets no memory for what it announces or sends; behind a hello everything may come. */
static void before_the_hello_only_short_messages_are_read(void **state)
{
    struct served *served = *state;
    static char text[XR_TEXT_MAX * 3];
    const struct xr_hello right = hello_with(SERVED_FLOOR, "owner", SERVED_PASSWORD);
    const uint8_t head[12] = {0, 0, 0, 0, 0, 0, (XR_HELLO_BYTES_MAX + 5) >> 8, 5, 0x80};
    struct guest guest;
    served_start(served);
    guest_open(&guest, served, true);
    assert_true(raw_write(&guest.raw, head, sizeof(head)));
    assert_true(raw_is_closed(&guest.raw));
    guest_close(&guest);

    guest_open(&guest, served, true);
    for (size_t i = 0; i < sizeof(text); i += 3)
        memcpy(text + i, "长", 3);
    const struct xr_say say = {.session = {1}, .text = {text, sizeof(text)}};
    assert_true(raw_frame_send(&guest.raw, XR_TYPE_hello, 1, &right));
    assert_true(raw_frame_send(&guest.raw, XR_TYPE_say, 1, &say));
    raw_expect(&guest.raw, XR_TYPE_welcome, NULL, guest.arena);
    const struct xr_error *error = raw_expect(&guest.raw, XR_TYPE_error, NULL, guest.arena);
    assert_int_equal(error->code, XR_code_NOT_FOUND);
    guest_close(&guest);
}

static void who_does_not_log_in_is_closed(void **state)
{
    struct served *served = *state;
    struct guest guest;
    served->args[0] = "--login-ms=200";
    served_start(served);
    guest_open(&guest, served, true);
    const struct xr_beat beat = {0};
    assert_true(raw_frame_send(&guest.raw, XR_TYPE_beat, 9, &beat));
    const struct xr_error *error = raw_expect(&guest.raw, XR_TYPE_error, NULL, guest.arena);
    assert_int_equal(error->code, XR_code_HELLO_NEEDED);
    raw_expect(&guest.raw, XR_TYPE_goodbye, NULL, guest.arena);
    assert_true(raw_is_closed(&guest.raw));
    guest_close(&guest);
}

static void leaving_in_the_middle_of_a_log_in_is_harmless(void **state)
{
    struct served *served = *state;
    const struct xr_hello right = hello_with(SERVED_FLOOR, "owner", SERVED_PASSWORD);
    served->args[0] = "--login-tries=60000";
    served_start(served);
    for (int i = 0; i < 20; i++) {
        struct guest guest;
        guest_open(&guest, served, i % 2);
        assert_true(raw_frame_send(&guest.raw, XR_TYPE_hello, 1, &right));
        usleep((useconds_t)i * 2000); /* before, in and after each of its steps */
        guest_close(&guest);
    }
    struct guest guest;
    guest_login(&guest, served, "owner", SERVED_PASSWORD, false);
    const struct xr_get_devices ask = {0};
    assert_true(raw_frame_send(&guest.raw, XR_TYPE_get_devices, 1, &ask));
    const struct xr_device_page *page =
        raw_expect(&guest.raw, XR_TYPE_device_page, NULL, guest.arena);
    uint32_t alive = 0;
    for (uint32_t i = 0; i < page->devices.count; i++)
        alive += page->devices.at[i].alive;
    assert_int_equal(alive, 1); /* the leases of those who left have ended */
    guest_close(&guest);
}

static void an_account_is_made_with_a_password_that_then_opens(void **state)
{
    struct served *served = *state;
    struct guest owner, agent;
    served_start(served);
    guest_login(&owner, served, "owner", SERVED_PASSWORD, false);
    const struct xr_agent_id li = guest_hire(&owner, "li", XR_role_AGENT);
    guest_login(&agent, served, "li", SERVED_PASSWORD, false);
    assert_int_equal(agent.welcome.agent.n, li.n);
    assert_int_equal(agent.welcome.role, XR_role_AGENT);
    /* a new password: the old one is wrong from now on */
    const struct xr_account_set change = {.agent = li, .password = xr_str_of("another password")};
    guest_do(&owner, XR_TYPE_account_set, &change);
    struct guest late;
    const struct xr_hello old = hello_with(SERVED_FLOOR, "li", SERVED_PASSWORD);
    const struct xr_hello fresh = hello_with(SERVED_FLOOR, "li", "another password");
    guest_open(&late, served, true);
    assert_int_equal(refused_hello(&late, &old)->code, XR_code_DENIED);
    assert_int_equal(guest_hello(&late, &fresh), XR_TYPE_welcome);
    guest_close(&late);
    guest_close(&agent);
    guest_close(&owner);
}

static void passwords_too_short_and_ready_hashes_are_refused_by_the_desk(void **state)
{
    struct served *served = *state;
    struct guest owner;
    served_start(served);
    guest_login(&owner, served, "owner", SERVED_PASSWORD, false);
    struct xr_account_set set = {
        .login = xr_str_of("li"), .role = XR_role_AGENT, .password = xr_str_of("seven77")};
    assert_int_equal(guest_refused(&owner, XR_TYPE_account_set, &set), XR_code_RANGE);
    owner.counter--; /* the desk consumes no counter */
    set.password = xr_str_of("八个字八个字八个");
    set.hash = xr_str_of("$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaA");
    assert_int_equal(guest_refused(&owner, XR_TYPE_account_set, &set), XR_code_FORBIDDEN);
    owner.counter--;
    set.hash = (struct xr_str){NULL, 0};
    guest_do(&owner, XR_TYPE_account_set, &set);
    guest_close(&owner);
}

static void revoking_a_device_closes_it_at_once(void **state)
{
    struct served *served = *state;
    struct guest owner, agent;
    served_start(served);
    guest_login(&owner, served, "owner", SERVED_PASSWORD, false);
    guest_hire(&owner, "li", XR_role_AGENT);
    guest_login(&agent, served, "li", SERVED_PASSWORD, false);
    const struct xr_revoke revoke = {.device = agent.welcome.device};
    guest_do(&owner, XR_TYPE_revoke, &revoke);
    raw_expect(&agent.raw, XR_TYPE_goodbye, NULL, agent.arena);
    assert_true(raw_is_closed(&agent.raw));
    guest_close(&agent);
    struct guest again;
    struct xr_hello hello = {.protocol = XR_PROTOCOL_VERSION,
                             .floor = xr_str_of(SERVED_FLOOR),
                             .token = {agent.token, XR_TOKEN_BYTES}};
    guest_open(&again, served, true);
    assert_int_equal(refused_hello(&again, &hello)->code, XR_code_UNKNOWN_DEVICE);
    guest_close(&again);
    guest_close(&owner);
}

/* More log-ins than the pool has places for: each is answered, the late ones with BUSY at once. */
static void a_flood_of_log_ins_is_told_to_come_later(void **state)
{
    struct served *served = *state;
    struct guest guests[80];
    int denied = 0;
    int busy = 0;
    served->args[0] = "--login-tries=60000";
    served->args[1] = "--hash-threads=1";
    served_start(served);
    for (int i = 0; i < 80; i++) {
        char login[32];
        snprintf(login, sizeof(login), "nobody%d", i);
        const struct xr_hello hello = hello_with("elsewhere", login, SERVED_PASSWORD);
        guest_open(&guests[i], served, true);
        assert_true(raw_frame_send(&guests[i].raw, XR_TYPE_hello, 5, &hello));
    }
    for (int i = 0; i < 80; i++) {
        const struct xr_error *error =
            raw_expect(&guests[i].raw, XR_TYPE_error, NULL, guests[i].arena);
        denied += error->code == XR_code_DENIED;
        busy += error->code == XR_code_BUSY && error->retry_ms > 0;
        guest_close(&guests[i]);
    }
    assert_int_equal(denied + busy, 80);
    assert_true(denied >= 32);
    assert_true(busy >= 1);
}

/* Is the secret anywhere in the file? */
static bool is_in_file(const char *path, const void *secret, size_t size)
{
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    fseek(file, 0, SEEK_END);
    const size_t total = (size_t)ftell(file);
    char *bytes = malloc(total + 1);
    rewind(file);
    assert_int_equal(fread(bytes, 1, total, file), total);
    fclose(file);
    const bool found = memmem(bytes, total, secret, size) != NULL;
    free(bytes);
    return found;
}

static void no_secret_is_in_the_store_or_the_log(void **state)
{
    struct served *served = *state;
    struct guest owner, agent;
    char data[128], log[128];
    served_start(served);
    snprintf(data, sizeof(data), "%s/data/data.mdb", served->directory);
    snprintf(log, sizeof(log), "%s/log", served->directory);
    guest_login(&owner, served, "owner", SERVED_PASSWORD, false);
    guest_hire(&owner, "secretive", XR_role_AGENT);
    guest_login(&agent, served, "secretive", SERVED_PASSWORD, false);
    served_stop(served);
    assert_true(is_in_file(data, "secretive", 9)); /* the search itself works */
    assert_true(is_in_file(data, "$argon2id$", 10));
    assert_false(is_in_file(data, SERVED_PASSWORD, strlen(SERVED_PASSWORD)));
    assert_false(is_in_file(log, SERVED_PASSWORD, strlen(SERVED_PASSWORD)));
    assert_false(is_in_file(data, owner.token, XR_TOKEN_BYTES));
    assert_false(is_in_file(data, agent.token, XR_TOKEN_BYTES));
    guest_close(&owner);
    guest_close(&agent);
}

int main(void)
{
#define CLAIM(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest claims[] = {
        CLAIM(the_owner_logs_in_and_returns_with_the_token),
        CLAIM(every_wrong_way_is_denied_alike),
        CLAIM(every_wrong_way_takes_the_same_steps),
        CLAIM(a_wrong_token_is_not_let_in),
        CLAIM(after_a_refusal_one_may_try_again),
        CLAIM(after_five_failures_even_the_right_password_must_wait),
        CLAIM(an_address_that_fails_must_wait_but_tokens_still_open),
        CLAIM(a_flood_of_false_tokens_does_not_keep_out_a_true_one),
        CLAIM(those_who_are_right_are_not_limited),
        CLAIM(what_comes_behind_hello_waits_for_the_welcome),
        CLAIM(before_the_hello_only_short_messages_are_read),
        CLAIM(who_does_not_log_in_is_closed),
        CLAIM(leaving_in_the_middle_of_a_log_in_is_harmless),
        CLAIM(an_account_is_made_with_a_password_that_then_opens),
        CLAIM(passwords_too_short_and_ready_hashes_are_refused_by_the_desk),
        CLAIM(revoking_a_device_closes_it_at_once),
        CLAIM(a_flood_of_log_ins_is_told_to_come_later),
        CLAIM(no_secret_is_in_the_store_or_the_log),
    };
    return cmocka_run_group_tests(claims, NULL, NULL);
}
