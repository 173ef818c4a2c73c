/*
 * Aim: what a client sends is checked whole, refused by name, carried out once and in order; and no
 * way of sending it matters. Method: a real xiaoerd, raw sockets.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/served.h"

/* A server with an owner, an agent "li" and a bridge, all logged in. */
struct scene {
    struct served served;
    struct guest owner;
    struct guest agent;
    struct guest bridge;
};

static int raise_scene(void **state, const char *const *args)
{
    struct scene *scene = calloc(1, sizeof(*scene));
    served_init(&scene->served);
    for (size_t i = 0; args && args[i]; i++)
        scene->served.args[i] = args[i];
    served_start(&scene->served);
    guest_login(&scene->owner, &scene->served, "owner", SERVED_PASSWORD, false);
    guest_hire(&scene->owner, "li", XR_role_AGENT);
    guest_hire(&scene->owner, "shop", XR_role_BRIDGE);
    guest_login(&scene->agent, &scene->served, "li", SERVED_PASSWORD, false);
    guest_login(&scene->bridge, &scene->served, "shop", SERVED_PASSWORD, false);
    *state = scene;
    return 0;
}

static int set_up(void **state)
{
    return raise_scene(state, NULL);
}

static int set_up_narrow(void **state)
{
    static const char *const args[] = {"--frames-per-second=50", "--engine-queue=16",
                                       "--lease-ms=400", "--beat-ms=50", NULL};
    return raise_scene(state, args);
}

static int tear_down(void **state)
{
    struct scene *scene = *state;
    guest_close(&scene->owner);
    guest_close(&scene->agent);
    guest_close(&scene->bridge);
    served_fini(&scene->served);
    free(scene);
    return 0;
}

static struct xr_open open_of(const char *buyer, const char *text)
{
    return (struct xr_open){
        .channel = xr_str_of("web"), .buyer = xr_str_of(buyer), .text = xr_str_of(text)};
}

/* Open a session and return its id. */
static struct xr_session_id open_session(struct guest *bridge, const char *buyer)
{
    const struct xr_open open = open_of(buyer, "");
    return guest_do(bridge, XR_TYPE_open, &open)->session;
}

static const struct xr_error *expect_error(struct guest *guest, uint64_t ref, enum xr_code code)
{
    const void *answer;
    assert_int_equal(guest_answer(guest, ref, &answer), XR_TYPE_error);
    const struct xr_error *error = answer;
    assert_int_equal(error->code, code);
    return error;
}

/* Send a frame whose body is given as msgpack. */
static void send_raw_frame(struct guest *guest, uint8_t type, uint8_t ref, const char *body,
                           size_t size)
{
    uint8_t frame[256] = {0x93, 0xcc, type, ref};
    memcpy(frame + 4, body, size);
    assert_true(raw_send(&guest->raw, frame, size + 4));
}

/* ---- refusals ---------------------------------------------------------------------------------
 */

static void refusals_name_the_code_and_the_field(void **state)
{
    struct scene *scene = *state;
    struct guest *agent = &scene->agent;
    static const struct {
        uint8_t type;
        const char *body;
        size_t size;
        enum xr_code code;
        const char *field;
    } cases[] = {
        {200, "\x80", 1, XR_code_UNKNOWN_TYPE, ""},       /* a record */
        {163, "\x80", 1, XR_code_UNKNOWN_TYPE, ""},       /* an event */
        {9, "\x80", 1, XR_code_UNKNOWN_TYPE, ""},         /* an answer */
        {113, "\x80", 1, XR_code_UNKNOWN_TYPE, ""},       /* an update */
        {60, "\x80", 1, XR_code_UNKNOWN_TYPE, ""},        /* nothing */
        {17, "\x80", 1, XR_code_MISSING, "session"},      /* say */
        {17, "\x81\x02\x01", 3, XR_code_MISSING, "text"}, /* say */
        {17, "\x82\x02\xa1x\x03\xa1x", 7, XR_code_MALFORMED, "session"},
        {17, "\x82\x02\x01\x03\xa2\xc3\x28", 7, XR_code_RANGE, "text"}, /* not UTF-8 */
        {17, "\x83\x02\x01\x03\xa1x\x04\x63", 8, XR_code_RANGE, "kind"},
        {16, "\x80", 1, XR_code_FORBIDDEN, ""}, /* open, by an agent */
        {29, "\x80", 1, XR_code_FORBIDDEN, ""}, /* setting_set */
        {74, "\x80", 1, XR_code_FORBIDDEN, ""}, /* get_audit */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        send_raw_frame(agent, cases[i].type, 1, cases[i].body, cases[i].size);
        const struct xr_error *error = expect_error(agent, 1, cases[i].code);
        assert_int_equal(error->field.size, strlen(cases[i].field));
        assert_memory_equal(error->field.at, cases[i].field, strlen(cases[i].field));
    }
    /* none of them has consumed a counter */
    const struct xr_be be = {.state = XR_presence_ONLINE};
    assert_int_equal(guest_send(agent, XR_TYPE_be, &be), 1);
    const void *answer;
    assert_int_equal(guest_answer(agent, 1, &answer), XR_TYPE_done);
}

static void a_command_needs_a_counter(void **state)
{
    struct scene *scene = *state;
    const struct xr_be be = {.state = XR_presence_ONLINE};
    assert_true(raw_frame_send(&scene->agent.raw, XR_TYPE_be, 0, &be));
    expect_error(&scene->agent, 0, XR_code_RANGE);
}

static void unknown_fields_are_skipped(void **state)
{
    struct scene *scene = *state;
    send_raw_frame(&scene->agent, 22, 1, "\x82\x02\x02\x63\x93\x01\xa1x\xc0", 9); /* be online */
    const void *answer;
    assert_int_equal(guest_answer(&scene->agent, 1, &answer), XR_TYPE_done);
}

static void lost_framing_ends_with_goodbye(void **state)
{
    struct scene *scene = *state;
    static const struct {
        const char *bytes;
        size_t size;
    } cases[] = {{"\xc1", 1},
                 {"\x92\x01\x02", 3},
                 {"\x93\x02\x01\x80\xff", 5},
                 {"\x93\x02", 2},
                 {"\xdd\xff\xff\xff\xff", 5},
                 {"\x93\x02\x01\x91\x91\x91\x91\x91\x91\x91\x91\x90", 12}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct guest guest;
        guest_return(&guest, &scene->served, &scene->agent, false, NULL);
        assert_true(raw_send(&guest.raw, cases[i].bytes, cases[i].size));
        struct xr_frame frame;
        do {
            assert_true(raw_frame(&guest.raw, &frame));
        } while (frame.type == XR_TYPE_marker);
        assert_int_equal(frame.type, XR_TYPE_goodbye);
        const struct xr_goodbye *goodbye = raw_body(&frame, guest.arena);
        assert_int_equal(goodbye->code, XR_code_MALFORMED);
        assert_true(raw_is_closed(&guest.raw));
        guest_close(&guest);
    }
}

static void more_frames_than_a_message_may_hold_end_it(void **state)
{
    struct scene *scene = *state;
    struct xr_buf out;
    const struct xr_ack ack = {.seq = 0};
    xr_buf_init(&out, 1 << 20);
    for (int i = 0; i <= XR_FRAMES_PER_MESSAGE; i++)
        xr_frame_encode(&out, XR_TYPE_ack, 0, &ack);
    assert_true(raw_send(&scene->bridge.raw, out.at, out.size));
    raw_expect(&scene->bridge.raw, XR_TYPE_goodbye, NULL, scene->bridge.arena);
    xr_buf_fini(&out);
}

/* ---- once and in order -------------------------------------------------------------------------
 */

static void the_same_counter_again_gives_the_same_answer(void **state)
{
    struct scene *scene = *state;
    struct guest *bridge = &scene->bridge;
    const struct xr_open open = open_of("wang", "hello");
    const struct xr_done first = *guest_do(bridge, XR_TYPE_open, &open);
    const struct xr_open other = open_of("someone else", "hello");
    bridge->counter--; /* even with other contents */
    const struct xr_done again = *guest_do(bridge, XR_TYPE_open, &other);
    assert_int_equal(again.session.n, first.session.n);
    assert_int_equal(again.seq, first.seq);
    struct guest back; /* and on another connection */
    guest_return(&back, &scene->served, bridge, false, NULL);
    assert_int_equal(back.counter, 1);
    back.counter = 0;
    const struct xr_done later = *guest_do(&back, XR_TYPE_open, &open);
    assert_int_equal(later.session.n, first.session.n);
    guest_close(&back);
}

static void a_counter_left_out_is_told(void **state)
{
    struct scene *scene = *state;
    struct guest *bridge = &scene->bridge;
    const struct xr_open open = open_of("wang", "");
    guest_do(bridge, XR_TYPE_open, &open);
    assert_true(raw_frame_send(&bridge->raw, XR_TYPE_open, 3, &open));
    const struct xr_error *error = expect_error(bridge, 3, XR_code_GAP);
    assert_int_equal(error->counter, 1);
}

/* 3,000 commands at once: more than may be in flight. All are answered, in order. */
static void many_commands_at_once_are_answered_in_order(void **state)
{
    struct scene *scene = *state;
    struct guest *bridge = &scene->bridge;
    const struct xr_session_id session = open_session(bridge, "wang");
    struct xr_buf out;
    const int count = 3000;
    xr_buf_init(&out, 4 << 20);
    for (int sent = 0; sent < count;) {
        xr_buf_reset(&out);
        for (int i = 0; i < 1000; i++, sent++) {
            char text[32];
            snprintf(text, sizeof(text), "number %d", sent);
            const uint64_t before = bridge->counter > 900 ? bridge->counter - 900 : 0;
            const struct xr_say say = {.done = before, .session = session, .text = xr_str_of(text)};
            xr_frame_encode(&out, XR_TYPE_say, ++bridge->counter, &say);
        }
        assert_true(raw_send(&bridge->raw, out.at, out.size));
    }
    xr_buf_fini(&out);
    for (int i = 0; i < count; i++) {
        uint64_t ref;
        const struct xr_done *done = raw_expect(&bridge->raw, XR_TYPE_done, &ref, bridge->arena);
        assert_int_equal(ref, 2 + i);
        assert_int_equal(done->number, 1 + i);
    }
}

static void a_query_sees_what_was_written_before_it(void **state)
{
    struct scene *scene = *state;
    struct guest *bridge = &scene->bridge;
    const struct xr_session_id session = open_session(bridge, "wang");
    for (uint32_t round = 1; round <= 50; round++) {
        struct xr_buf out;
        const struct xr_say say = {.session = session, .text = xr_str_of("a line")};
        const struct xr_get_history ask = {.session = session, .from = round};
        xr_buf_init(&out, 65536);
        xr_frame_encode(&out, XR_TYPE_say, ++bridge->counter, &say);
        xr_frame_encode(&out, XR_TYPE_get_history, 900, &ask);
        assert_true(raw_send(&bridge->raw, out.at, out.size));
        raw_expect(&bridge->raw, XR_TYPE_done, NULL, bridge->arena);
        uint64_t ref;
        const struct xr_history *history =
            raw_expect(&bridge->raw, XR_TYPE_history, &ref, bridge->arena);
        assert_int_equal(ref, 900);
        assert_int_equal(history->number, round);
        assert_int_equal(history->messages.count, 1);
        xr_buf_fini(&out);
    }
}

static void many_queries_at_once_are_all_answered(void **state)
{
    struct scene *scene = *state;
    struct xr_buf out;
    const struct xr_get_agents ask = {0};
    bool seen[200] = {false};
    xr_buf_init(&out, 65536);
    for (uint64_t ref = 0; ref < 200; ref++)
        xr_frame_encode(&out, XR_TYPE_get_agents, ref, &ask);
    assert_true(raw_send(&scene->bridge.raw, out.at, 0)); /* an empty message is nothing */
    assert_true(raw_send(&scene->owner.raw, out.at, out.size));
    for (int i = 0; i < 200; i++) {
        uint64_t ref;
        raw_expect(&scene->owner.raw, XR_TYPE_agent_page, &ref, scene->owner.arena);
        assert_true(ref < 200);
        assert_false(seen[ref]);
        seen[ref] = true;
    }
    xr_buf_fini(&out);
}

/* ---- ways of sending ---------------------------------------------------------------------------
 */

static void bytes_may_come_one_by_one(void **state)
{
    struct scene *scene = *state;
    struct guest *bridge = &scene->bridge;
    struct xr_buf frames, bytes;
    xr_buf_init(&frames, 65536);
    xr_buf_init(&bytes, 65536);
    for (int i = 0; i < 3; i++) {
        const struct xr_open open = open_of("wang", "byte by byte");
        xr_frame_encode(&frames, XR_TYPE_open, ++bridge->counter, &open);
    }
    raw_message(&bridge->raw, &bytes, frames.at, frames.size);
    for (size_t i = 0; i < bytes.size; i++)
        assert_true(raw_write(&bridge->raw, bytes.at + i, 1));
    for (int i = 0; i < 3; i++)
        raw_expect(&bridge->raw, XR_TYPE_done, NULL, bridge->arena);
    xr_buf_fini(&frames);
    xr_buf_fini(&bytes);
}

/* A conversation cut at every 7th byte; what was acknowledged is there afterwards. */
static void leaving_at_any_byte_loses_nothing_acknowledged(void **state)
{
    struct scene *scene = *state;
    struct guest guest;
    uint64_t counter = 0;
    guest_return(&guest, &scene->served, &scene->bridge, false, NULL);
    for (size_t cut = 1;; cut += 7) {
        struct xr_buf frames, bytes;
        xr_buf_init(&frames, 65536);
        xr_buf_init(&bytes, 65536);
        const uint64_t before = guest.counter;
        for (int i = 0; i < 4; i++) {
            const struct xr_open open = open_of("wang", "cut");
            xr_frame_encode(&frames, XR_TYPE_open, ++guest.counter, &open);
        }
        raw_message(&guest.raw, &bytes, frames.at, frames.size);
        const bool is_whole = cut >= bytes.size;
        raw_write(&guest.raw, bytes.at, is_whole ? bytes.size : cut);
        xr_buf_fini(&frames);
        xr_buf_fini(&bytes);
        struct guest next;
        guest_return(&next, &scene->served, &guest, false, NULL);
        assert_true(next.counter >= counter);
        assert_true(next.counter - before <= 4);
        if (!is_whole)
            assert_int_equal(next.counter, before); /* a message counts whole or not at all */
        counter = next.counter;
        guest_close(&guest);
        guest = next;
        if (is_whole)
            break;
    }
    guest_close(&guest);
}

/* Good conversations with a few bytes changed, thousands of them: nobody but their sender notices.
 */
static void changed_bytes_harm_nobody(void **state)
{
    struct scene *scene = *state;
    const struct xr_session_id session = open_session(&scene->bridge, "wang");
    uint32_t seed = 20260202;
    for (int round = 0; round < 400; round++) {
        struct guest guest;
        struct xr_buf out;
        guest_return(&guest, &scene->served, round % 2 ? &scene->agent : &scene->owner, true, NULL);
        xr_buf_init(&out, 65536);
        const struct xr_say say = {.session = session, .text = xr_str_of("changed")};
        const struct xr_be be = {.state = XR_presence_ONLINE};
        const struct xr_get_history ask = {.session = session, .max = 50};
        const struct xr_customer_set set = {.customer = {1}, .language = xr_str_of("zh-CN")};
        const struct xr_ack ack = {.seq = 77};
        xr_frame_encode(&out, XR_TYPE_be, guest.counter + 1, &be);
        xr_frame_encode(&out, XR_TYPE_say, guest.counter + 2, &say);
        xr_frame_encode(&out, XR_TYPE_get_history, 5, &ask);
        xr_frame_encode(&out, XR_TYPE_customer_set, guest.counter + 3, &set);
        xr_frame_encode(&out, XR_TYPE_ack, 0, &ack);
        for (int change = 0; change <= round % 5; change++) {
            seed = seed * 1664525 + 1013904223;
            out.at[(seed >> 8) % out.size] = (uint8_t)(seed >> 24);
        }
        raw_send(&guest.raw, out.at, out.size);
        if (round % 4 == 0) { /* some wait for what comes of it */
            struct xr_frame frame;
            const struct xr_bye bye = {0};
            raw_frame_send(&guest.raw, XR_TYPE_bye, 0, &bye);
            while (raw_frame(&guest.raw, &frame))
                ;
        }
        xr_buf_fini(&out);
        guest_close(&guest);
    }
    const struct xr_say say = {.session = session, .text = xr_str_of("all is well")};
    guest_do(&scene->bridge, XR_TYPE_say, &say);
}

static void bye_ends_the_lease_at_once(void **state)
{
    struct scene *scene = *state;
    struct guest *agent = &scene->agent;
    const struct xr_be be = {.state = XR_presence_ONLINE};
    const struct xr_bye bye = {0};
    guest_do(agent, XR_TYPE_be, &be);
    const uint64_t cursor = 0;
    struct guest watcher;
    guest_return(&watcher, &scene->served, &scene->owner, true, &cursor);
    assert_true(raw_frame_send(&agent->raw, XR_TYPE_bye, 0, &bye));
    assert_true(raw_is_closed(&agent->raw));
    const struct xr_agent_changed *changed;
    do {
        changed = guest_update(&watcher, XR_TYPE_agent_changed);
    } while (changed->agent.state != XR_presence_LOST);
    assert_int_equal(changed->agent.agent.n, agent->welcome.agent.n);
    guest_close(&watcher);
}

/* ---- rates, leases, narrow queues ---------------------------------------------------------------
 */

static void silence_ends_the_lease_and_beats_keep_it(void **state)
{
    struct scene *scene = *state;
    const struct xr_beat beat = {0};
    struct guest *agent = &scene->agent;
    for (int i = 0; i < 12; i++) { /* longer than the lease */
        usleep(50000);
        assert_true(raw_frame_send(&agent->raw, XR_TYPE_beat, (uint64_t)i, &beat));
        uint64_t ref;
        raw_expect(&agent->raw, XR_TYPE_marker, &ref, agent->arena);
        assert_int_equal(ref, i);
    }
    const struct xr_goodbye *goodbye = raw_expect(&agent->raw, XR_TYPE_goodbye, NULL, agent->arena);
    assert_int_equal(goodbye->code, XR_code_HELLO_NEEDED);
    assert_true(raw_is_closed(&agent->raw));
    assert_true(served_metric(&scene->served, "silent") >= 1);
}

/* 150 frames at 50 a second take two seconds and more; none is refused. */
static void who_is_too_fast_is_read_more_slowly(void **state)
{
    struct scene *scene = *state;
    struct guest agent;
    struct xr_buf out;
    const struct xr_beat beat = {0};
    guest_return(&agent, &scene->served, &scene->agent, false, NULL);
    xr_buf_init(&out, 65536);
    for (uint64_t i = 0; i < 150; i++)
        xr_frame_encode(&out, XR_TYPE_beat, i, &beat);
    struct timespec began, ended;
    clock_gettime(CLOCK_MONOTONIC, &began);
    assert_true(raw_send(&agent.raw, out.at, out.size));
    for (uint64_t i = 0; i < 150; i++) {
        uint64_t ref;
        raw_expect(&agent.raw, XR_TYPE_marker, &ref, agent.arena);
        assert_int_equal(ref, i);
    }
    clock_gettime(CLOCK_MONOTONIC, &ended);
    const int64_t ms =
        (ended.tv_sec - began.tv_sec) * 1000 + (ended.tv_nsec - began.tv_nsec) / 1000000;
    assert_true(ms >= 1500);
    xr_buf_fini(&out);
    guest_close(&agent);
}

/* What acknowledges nothing is a frame like any other. */
static void acks_of_nothing_are_read_more_slowly(void **state)
{
    struct scene *scene = *state;
    struct guest owner;
    struct xr_buf out;
    const struct xr_ack nothing = {.seq = 0};
    const struct xr_beat beat = {0};
    const struct xr_group_set set = {.name = xr_str_of("night")};
    guest_return(&owner, &scene->served, &scene->owner, true, NULL);
    guest_do(&owner, XR_TYPE_group_set, &set);
    xr_buf_init(&out, 65536);
    for (int i = 0; i < 150; i++)
        xr_frame_encode(&out, XR_TYPE_ack, 0, &nothing);
    xr_frame_encode(&out, XR_TYPE_beat, 7, &beat);
    struct timespec began, ended;
    clock_gettime(CLOCK_MONOTONIC, &began);
    assert_true(raw_send(&owner.raw, out.at, out.size));
    guest_update(&owner, XR_TYPE_marker);
    clock_gettime(CLOCK_MONOTONIC, &ended);
    assert_true((ended.tv_sec - began.tv_sec) * 1000 + (ended.tv_nsec - began.tv_nsec) / 1000000 >=
                1500);
    xr_buf_fini(&out);
    guest_close(&owner);
}

/* An engine that takes 16 at a time: the rest waits at the door, in order, and nobody is refused.
 */
static void a_full_engine_holds_up_and_refuses_nothing(void **state)
{
    struct scene *scene = *state;
    struct guest bridge;
    guest_return(&bridge, &scene->served, &scene->bridge, false, NULL);
    const struct xr_session_id session = open_session(&bridge, "wang");
    struct xr_buf out;
    xr_buf_init(&out, 1 << 20);
    for (int i = 0; i < 1000; i++) {
        const struct xr_say say = {.session = session, .text = xr_str_of("narrow")};
        xr_frame_encode(&out, XR_TYPE_say, ++bridge.counter, &say);
    }
    assert_true(raw_send(&bridge.raw, out.at, out.size));
    for (uint32_t i = 1; i <= 1000; i++) {
        const struct xr_done *done = raw_expect(&bridge.raw, XR_TYPE_done, NULL, bridge.arena);
        assert_int_equal(done->number, i);
    }
    xr_buf_fini(&out);
    guest_close(&bridge);
    assert_true(served_metric(&scene->served, "engine_full") > 0);
}

int main(void)
{
#define CLAIM(name)  cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define NARROW(name) cmocka_unit_test_setup_teardown(name, set_up_narrow, tear_down)
    const struct CMUnitTest claims[] = {
        CLAIM(refusals_name_the_code_and_the_field),
        CLAIM(a_command_needs_a_counter),
        CLAIM(unknown_fields_are_skipped),
        CLAIM(lost_framing_ends_with_goodbye),
        CLAIM(more_frames_than_a_message_may_hold_end_it),
        CLAIM(the_same_counter_again_gives_the_same_answer),
        CLAIM(a_counter_left_out_is_told),
        CLAIM(many_commands_at_once_are_answered_in_order),
        CLAIM(a_query_sees_what_was_written_before_it),
        CLAIM(many_queries_at_once_are_all_answered),
        CLAIM(bytes_may_come_one_by_one),
        CLAIM(leaving_at_any_byte_loses_nothing_acknowledged),
        CLAIM(changed_bytes_harm_nobody),
        CLAIM(bye_ends_the_lease_at_once),
        NARROW(silence_ends_the_lease_and_beats_keep_it),
        NARROW(who_is_too_fast_is_read_more_slowly),
        NARROW(acks_of_nothing_are_read_more_slowly),
        NARROW(a_full_engine_holds_up_and_refuses_nothing),
    };
    return cmocka_run_group_tests(claims, NULL, NULL);
}
