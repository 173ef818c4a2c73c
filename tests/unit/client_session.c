/*
 * Aim: the client's side of the conversation (client/lib/talk.c) loses nothing, doubles nothing and
 * keeps the order, whatever the connection does, and always knows what to do next.
 * Method: the pure part alone. First single stories with frames written by hand; then a small
 * server (a counter, stored answers, a journal) behind a connection that a seeded generator cuts,
 * mutes and slows, with a bound on the number of steps in which all must be settled.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "client/lib/talk.h"

static const uint8_t token[XR_TOKEN_BYTES] = {1, 2, 3};

/* ---- frames by hand ----------------------------------------------------------------------------
 */

/* What the talk wrote, decoded. */
struct written {
    uint32_t count;
    struct {
        uint32_t type;
        uint64_t ref;
        const void *message;
    } at[XR_FRAMES_PER_MESSAGE];
    struct xr_buf bytes;
    struct xr_arena *arena;
};

struct rig {
    struct xr_talk *talk;
    int64_t now;
    struct written written;
};

static void decode_all(struct written *written)
{
    struct xr_bin rest = {written->bytes.at, (uint32_t)written->bytes.size};
    written->count = 0;
    while (rest.size > 0) {
        struct xr_frame frame = {0};
        struct xr_wire_error error = {0};
        size_t used = 0;
        assert_int_equal(xr_frame_read(rest, &frame, &used), XR_OK);
        rest.at += used;
        rest.size -= (uint32_t)used;
        const uint32_t i = written->count++;
        assert_true(i < XR_FRAMES_PER_MESSAGE);
        written->at[i].type = frame.type;
        written->at[i].ref = frame.ref;
        assert_int_equal(xr_body_decode((enum xr_type)frame.type, frame.body, written->arena,
                                        &written->at[i].message, &error),
                         XR_OK);
    }
}

/* Take the next SP message; false: there is none. */
static bool take(struct rig *rig)
{
    xr_buf_reset(&rig->written.bytes);
    xr_arena_reset(rig->written.arena);
    rig->written.count = 0;
    if (xr_talk_write(rig->talk, rig->now, &rig->written.bytes) != XR_OK)
        return false;
    decode_all(&rig->written);
    return true;
}

static void give(struct rig *rig, enum xr_type type, uint64_t ref, const void *message)
{
    struct xr_buf bytes = {0};
    xr_buf_init(&bytes, XR_FRAME_BYTES_MAX);
    xr_frame_encode(&bytes, type, ref, message);
    assert_false(bytes.failed);
    xr_talk_receive(rig->talk, rig->now, (struct xr_bin){bytes.at, (uint32_t)bytes.size});
    xr_buf_fini(&bytes);
}

static struct xr_client_options options_of(bool feed)
{
    return (struct xr_client_options){
        .size = sizeof(struct xr_client_options),
        .address = "ipc:///nowhere",
        .floor = "demo",
        .token = token,
        .feed = feed,
        .client = "test/1",
    };
}

static void rig_new(struct rig *rig, const struct xr_client_options *options)
{
    *rig = (struct rig){.now = 1000};
    xr_buf_init(&rig->written.bytes, XR_SP_MESSAGE_BYTES_MAX);
    rig->written.arena = xr_arena_new(4096);
    assert_non_null(rig->written.arena);
    assert_int_equal(xr_talk_new(options, 7, rig->now, &rig->talk), XR_OK);
}

static void rig_free(struct rig *rig)
{
    xr_talk_free(rig->talk);
    xr_buf_fini(&rig->written.bytes);
    xr_arena_free(rig->written.arena);
}

/* Dial at once or when the talk wants to, and take the hello. */
static uint64_t connect_rig(struct rig *rig)
{
    while (!xr_talk_wants_dial(rig->talk, rig->now)) {
        const int64_t due = xr_talk_deadline(rig->talk, rig->now);
        assert_true(due != INT64_MAX);
        rig->now = due > rig->now ? due : rig->now + 1;
        xr_talk_tick(rig->talk, rig->now, true);
    }
    assert_true(xr_talk_is_dialing(rig->talk));
    xr_talk_linked(rig->talk, rig->now);
    assert_true(take(rig));
    assert_int_equal(rig->written.count, 1);
    assert_int_equal(rig->written.at[0].type, XR_TYPE_hello);
    return rig->written.at[0].ref;
}

static struct xr_welcome welcome_of(uint64_t counter, uint64_t cursor)
{
    return (struct xr_welcome){
        .protocol = 1,
        .agent = {2},
        .role = XR_role_AGENT,
        .device = {9},
        .counter = counter,
        .cursor = cursor,
        .head = cursor,
        .commit = XR_commit_mode_SYNC,
        .beat_ms = 5000,
        .lease_ms = 15000,
    };
}

static void login(struct rig *rig, uint64_t counter, uint64_t cursor)
{
    const uint64_t ref = connect_rig(rig);
    const struct xr_welcome welcome = welcome_of(counter, cursor);
    give(rig, XR_TYPE_welcome, ref, &welcome);
    assert_int_equal(xr_talk_state(rig->talk), XR_CLIENT_READY);
}

static uint64_t say(struct rig *rig, const char *text)
{
    uint64_t ref = 0;
    const struct xr_say message = {.session = {3}, .text = xr_str_of(text)};
    assert_int_equal(xr_talk_send(rig->talk, XR_TYPE_say, &message, &ref), XR_OK);
    return ref;
}

static void expect_state(struct rig *rig, enum xr_client_state state)
{
    struct xr_client_event event = {0};
    assert_true(xr_talk_next(rig->talk, &event));
    assert_int_equal(event.kind, XR_CLIENT_STATE);
    assert_int_equal(event.state, state);
}

static void expect_none(struct rig *rig)
{
    struct xr_client_event event = {0};
    assert_false(xr_talk_next(rig->talk, &event));
}

static void expect_answer(struct rig *rig, uint64_t ref, uint32_t type)
{
    struct xr_client_event event = {0};
    assert_true(xr_talk_next(rig->talk, &event));
    assert_int_equal(event.kind, XR_CLIENT_ANSWER);
    assert_int_equal(event.ref, ref);
    assert_int_equal(event.type, type);
}

static void refuse(struct rig *rig, uint64_t ref, enum xr_code code, uint64_t counter)
{
    const struct xr_error error = {.code = code, .counter = counter, .retry_ms = 50};
    give(rig, XR_TYPE_error, ref, &error);
}

static void expect_commands(struct rig *rig, uint64_t first, uint64_t count, uint64_t done)
{
    assert_true(take(rig));
    assert_int_equal(rig->written.count, count);
    for (uint32_t i = 0; i < count; i++) {
        const struct xr_say *said = rig->written.at[i].message;
        assert_int_equal(rig->written.at[i].type, XR_TYPE_say);
        assert_int_equal(rig->written.at[i].ref, first + i);
        assert_int_equal(said->done, done);
    }
}

static void give_message(struct rig *rig, uint64_t seq, uint64_t prev)
{
    const struct xr_message_added added = {
        .seq = seq,
        .prev = prev,
        .message = {.session = {3},
                    .number = 1,
                    .sender = XR_sender_BUYER,
                    .kind = XR_message_kind_TEXT,
                    .text = XR_STR("hi"),
                    .wall_ms = 1},
    };
    give(rig, XR_TYPE_message_added, 0, &added);
}

static void expect_update(struct rig *rig, uint64_t seq)
{
    struct xr_client_event event = {0};
    assert_true(xr_talk_next(rig->talk, &event));
    assert_int_equal(event.kind, XR_CLIENT_UPDATE);
    assert_int_equal(event.seq, seq);
    assert_non_null(event.message);
}

/* ---- stories -----------------------------------------------------------------------------------
 */

static void options_that_miss_something_are_refused(void **state)
{
    (void)state;
    struct xr_talk *talk = NULL;
    struct xr_client_options options = options_of(false);
    options.token = NULL;
    assert_int_equal(xr_talk_new(&options, 1, 0, &talk), XR_BAD);
    options.login = "mei";
    assert_int_equal(xr_talk_new(&options, 1, 0, &talk), XR_BAD);
    options.password = "secret123";
    options.floor = "";
    assert_int_equal(xr_talk_new(&options, 1, 0, &talk), XR_BAD);
    options.floor = "\xff";
    assert_int_equal(xr_talk_new(&options, 1, 0, &talk), XR_BAD);
    assert_null(talk);
}

static void log_in_is_told_with_its_welcome(void **state)
{
    (void)state;
    struct rig rig;
    const struct xr_client_options options = options_of(true);
    rig_new(&rig, &options);
    login(&rig, 0, 17);
    struct xr_client_event event = {0};
    assert_true(xr_talk_next(rig.talk, &event));
    assert_int_equal(event.state, XR_CLIENT_READY);
    assert_int_equal(event.type, XR_TYPE_welcome);
    assert_int_equal(((const struct xr_welcome *)event.message)->cursor, 17);
    assert_int_equal(xr_talk_cursor(rig.talk), 17);
    expect_none(&rig);
    rig_free(&rig);
}

static void what_is_sent_before_the_log_in_follows_the_last_accepted_counter(void **state)
{
    (void)state;
    struct rig rig;
    const struct xr_client_options options = options_of(false);
    rig_new(&rig, &options);
    const uint64_t first = say(&rig, "one");
    const uint64_t second = say(&rig, "two");
    login(&rig, 40, 0);
    expect_commands(&rig, 41, 2, 40);
    give(&rig, XR_TYPE_done, 41, &(struct xr_done){.number = 1});
    give(&rig, XR_TYPE_done, 42, &(struct xr_done){.number = 2});
    expect_state(&rig, XR_CLIENT_READY);
    expect_answer(&rig, first, XR_TYPE_done);
    expect_answer(&rig, second, XR_TYPE_done);
    say(&rig, "three");
    expect_commands(&rig, 43, 1, 42);
    rig_free(&rig);
}

static void a_lost_answer_is_asked_for_again_with_the_same_counter(void **state)
{
    (void)state;
    struct rig rig;
    const struct xr_client_options options = options_of(false);
    rig_new(&rig, &options);
    login(&rig, 0, 0);
    const uint64_t first = say(&rig, "one");
    const uint64_t second = say(&rig, "two");
    expect_commands(&rig, 1, 2, 0);
    xr_talk_unlinked(rig.talk, rig.now);
    login(&rig, 1, 0); /* the server has carried out the first */
    expect_commands(&rig, 1, 2, 0);
    give(&rig, XR_TYPE_done, 1, &(struct xr_done){0});
    give(&rig, XR_TYPE_done, 1, &(struct xr_done){0}); /* twice: dropped */
    give(&rig, XR_TYPE_done, 2, &(struct xr_done){0});
    expect_state(&rig, XR_CLIENT_READY);
    expect_state(&rig, XR_CLIENT_CONNECTING);
    expect_state(&rig, XR_CLIENT_READY);
    expect_answer(&rig, first, XR_TYPE_done);
    expect_answer(&rig, second, XR_TYPE_done);
    expect_none(&rig);
    assert_int_equal(xr_talk_reconnects(rig.talk), 1);
    rig_free(&rig);
}

static void a_refusal_of_the_floor_is_an_answer(void **state)
{
    (void)state;
    struct rig rig;
    const struct xr_client_options options = options_of(false);
    rig_new(&rig, &options);
    login(&rig, 0, 0);
    const uint64_t ref = say(&rig, "one");
    expect_commands(&rig, 1, 1, 0);
    refuse(&rig, 1, XR_code_STATE, 0);
    expect_state(&rig, XR_CLIENT_READY);
    expect_answer(&rig, ref, XR_TYPE_error);
    say(&rig, "two");
    expect_commands(&rig, 2, 1, 1);
    rig_free(&rig);
}

static void busy_waits_and_goes_back(void **state)
{
    (void)state;
    struct rig rig;
    const struct xr_client_options options = options_of(false);
    rig_new(&rig, &options);
    login(&rig, 0, 0);
    const uint64_t refs[] = {say(&rig, "1"), say(&rig, "2"), say(&rig, "3")};
    expect_commands(&rig, 1, 3, 0);
    give(&rig, XR_TYPE_done, 1, &(struct xr_done){0});
    refuse(&rig, 2, XR_code_BUSY, 0);
    assert_false(take(&rig)); /* not before retry_ms */
    rig.now += 49;
    assert_false(take(&rig));
    rig.now += 1;
    expect_commands(&rig, 2, 2, 1);
    refuse(&rig, 3, XR_code_GAP, 1); /* of the first sending: stale by now */
    assert_false(take(&rig));
    give(&rig, XR_TYPE_done, 2, &(struct xr_done){0});
    give(&rig, XR_TYPE_done, 3, &(struct xr_done){0});
    expect_state(&rig, XR_CLIENT_READY);
    for (size_t i = 0; i < 3; i++)
        expect_answer(&rig, refs[i], XR_TYPE_done);
    assert_false(take(&rig));
    rig_free(&rig);
}

static void a_gap_gives_the_counters_out_anew(void **state)
{
    (void)state;
    struct rig rig;
    const struct xr_client_options options = options_of(false);
    rig_new(&rig, &options);
    login(&rig, 4, 0);
    const uint64_t refs[] = {say(&rig, "1"), say(&rig, "2"), say(&rig, "3")};
    expect_commands(&rig, 5, 3, 4);
    refuse(&rig, 5, XR_code_FORBIDDEN, 0); /* by the desk: its counter was not used */
    refuse(&rig, 6, XR_code_GAP, 4);
    refuse(&rig, 7, XR_code_GAP, 4);
    rig.now += 100;
    expect_commands(&rig, 5, 2, 4);
    give(&rig, XR_TYPE_done, 5, &(struct xr_done){0});
    give(&rig, XR_TYPE_done, 6, &(struct xr_done){0});
    expect_state(&rig, XR_CLIENT_READY);
    expect_answer(&rig, refs[0], XR_TYPE_error);
    expect_answer(&rig, refs[1], XR_TYPE_done);
    expect_answer(&rig, refs[2], XR_TYPE_done);
    rig_free(&rig);
}

static void a_gap_that_cannot_be_reuses_no_counter(void **state)
{
    (void)state;
    struct rig rig;
    const struct xr_client_options options = options_of(false);
    rig_new(&rig, &options);
    login(&rig, 0, 0);
    say(&rig, "1");
    say(&rig, "2");
    expect_commands(&rig, 1, 2, 0);
    give(&rig, XR_TYPE_done, 1, &(struct xr_done){0});
    refuse(&rig, 2, XR_code_GAP, 0); /* but 1 was accepted */
    rig.now += 100;
    expect_commands(&rig, 2, 1, 1);
    rig_free(&rig);
}

static void queries_are_asked_again_after_a_new_connection(void **state)
{
    (void)state;
    struct rig rig;
    const struct xr_client_options options = options_of(false);
    rig_new(&rig, &options);
    login(&rig, 0, 0);
    uint64_t ref = 0;
    assert_int_equal(xr_talk_send(rig.talk, XR_TYPE_get_groups, &(struct xr_get_groups){0}, &ref),
                     XR_OK);
    assert_true(take(&rig));
    const uint64_t wire_ref = rig.written.at[0].ref;
    xr_talk_unlinked(rig.talk, rig.now);
    login(&rig, 0, 0);
    assert_true(take(&rig));
    assert_int_equal(rig.written.at[0].type, XR_TYPE_get_groups);
    assert_int_equal(rig.written.at[0].ref, wire_ref);
    give(&rig, XR_TYPE_group_page, wire_ref, &(struct xr_group_page){0});
    struct xr_client_event event = {0};
    while (xr_talk_next(rig.talk, &event) && event.kind == XR_CLIENT_STATE)
        continue;
    assert_int_equal(event.kind, XR_CLIENT_ANSWER);
    assert_int_equal(event.ref, ref);
    rig_free(&rig);
}

static void no_more_commands_than_allowed_wait_for_answers(void **state)
{
    (void)state;
    struct rig rig;
    struct xr_client_options options = options_of(false);
    options.in_flight_max = 2;
    rig_new(&rig, &options);
    say(&rig, "1");
    say(&rig, "2");
    const struct xr_say third = {.session = {3}, .text = XR_STR("3")};
    assert_int_equal(xr_talk_send(rig.talk, XR_TYPE_say, &third, NULL), XR_FULL);
    assert_int_equal(xr_talk_in_flight(rig.talk), 2);
    login(&rig, 0, 0);
    expect_commands(&rig, 1, 2, 0);
    give(&rig, XR_TYPE_done, 1, &(struct xr_done){0});
    assert_int_equal(xr_talk_send(rig.talk, XR_TYPE_say, &third, NULL), XR_OK);
    rig_free(&rig);
}

static void what_may_not_be_sent_is_refused_at_once(void **state)
{
    (void)state;
    struct rig rig;
    const struct xr_client_options options = options_of(false);
    rig_new(&rig, &options);
    const struct xr_say no_session = {.text = XR_STR("x")};
    const struct xr_say no_utf8 = {.session = {1}, .text = XR_STR("\xff")};
    assert_int_equal(xr_talk_send(rig.talk, XR_TYPE_say, &no_session, NULL), XR_BAD);
    assert_int_equal(xr_talk_send(rig.talk, XR_TYPE_say, &no_utf8, NULL), XR_BAD);
    assert_int_equal(xr_talk_send(rig.talk, XR_TYPE_hello, &(struct xr_hello){0}, NULL), XR_BAD);
    assert_int_equal(xr_talk_send(rig.talk, XR_TYPE_tick, &(struct xr_tick){0}, NULL), XR_BAD);
    assert_int_equal(xr_talk_in_flight(rig.talk), 0);
    rig_free(&rig);
}

/* ---- the feed ----------------------------------------------------------------------------------
 */

static void updates_are_acknowledged_once_they_were_taken(void **state)
{
    (void)state;
    struct rig rig;
    const struct xr_client_options options = options_of(true);
    rig_new(&rig, &options);
    login(&rig, 0, 10);
    give_message(&rig, 12, 10);
    give_message(&rig, 15, 12);
    assert_false(take(&rig));
    expect_state(&rig, XR_CLIENT_READY);
    expect_update(&rig, 12);
    expect_update(&rig, 15);
    assert_false(take(&rig)); /* the caller may still be at it */
    assert_int_equal(xr_talk_deadline(rig.talk, rig.now), rig.now);
    xr_talk_begin(rig.talk);
    assert_true(take(&rig));
    assert_int_equal(rig.written.count, 1);
    assert_int_equal(rig.written.at[0].type, XR_TYPE_ack);
    assert_int_equal(((const struct xr_ack *)rig.written.at[0].message)->seq, 15);
    assert_false(take(&rig));
    assert_int_equal(xr_talk_cursor(rig.talk), 15);
    rig_free(&rig);
}

static void updates_that_were_not_taken_stay_and_hold_the_next_back(void **state)
{
    (void)state;
    struct rig rig;
    const struct xr_client_options options = options_of(true);
    rig_new(&rig, &options);
    login(&rig, 0, 10);
    give_message(&rig, 12, 10);
    give_message(&rig, 15, 12);
    expect_state(&rig, XR_CLIENT_READY);
    expect_update(&rig, 12);
    xr_talk_begin(rig.talk);
    assert_false(xr_talk_has_room(rig.talk));
    assert_true(take(&rig));
    assert_int_equal(((const struct xr_ack *)rig.written.at[0].message)->seq, 12);
    expect_update(&rig, 15);
    xr_talk_begin(rig.talk);
    assert_true(xr_talk_has_room(rig.talk));
    rig_free(&rig);
}

static void a_doubled_update_is_dropped(void **state)
{
    (void)state;
    struct rig rig;
    const struct xr_client_options options = options_of(true);
    rig_new(&rig, &options);
    login(&rig, 0, 10);
    give_message(&rig, 12, 10);
    give_message(&rig, 12, 10);
    give_message(&rig, 15, 12);
    expect_state(&rig, XR_CLIENT_READY);
    expect_update(&rig, 12);
    expect_update(&rig, 15);
    expect_none(&rig);
    rig_free(&rig);
}

static uint64_t cursor_of_hello(const struct rig *rig)
{
    const struct xr_hello *hello = rig->written.at[0].message;
    assert_true(XR_HAS(hello, 7));
    return hello->cursor;
}

static void a_broken_chain_comes_again_from_the_cursor(void **state)
{
    (void)state;
    struct rig rig;
    const struct xr_client_options options = options_of(true);
    rig_new(&rig, &options);
    login(&rig, 0, 10);
    give_message(&rig, 12, 10);
    give_message(&rig, 20, 15); /* 15 was lost */
    give_message(&rig, 21, 20); /* of a connection that is given up */
    assert_int_equal(xr_talk_state(rig.talk), XR_CLIENT_CONNECTING);
    const uint64_t ref = connect_rig(&rig);
    assert_int_equal(cursor_of_hello(&rig), 12);
    const struct xr_welcome welcome = welcome_of(0, 12);
    give(&rig, XR_TYPE_welcome, ref, &welcome);
    give_message(&rig, 15, 12);
    give_message(&rig, 20, 15);
    expect_state(&rig, XR_CLIENT_READY);
    expect_update(&rig, 12);
    expect_state(&rig, XR_CLIENT_CONNECTING);
    expect_state(&rig, XR_CLIENT_READY);
    expect_update(&rig, 15);
    expect_update(&rig, 20);
    expect_none(&rig);
    rig_free(&rig);
}

static void a_marker_moves_the_cursor_and_is_part_of_the_chain(void **state)
{
    (void)state;
    struct rig rig;
    const struct xr_client_options options = options_of(true);
    rig_new(&rig, &options);
    login(&rig, 0, 10);
    give(&rig, XR_TYPE_marker, 0, &(struct xr_marker){.seq = 30, .prev = 10});
    give_message(&rig, 31, 30);
    expect_state(&rig, XR_CLIENT_READY);
    expect_update(&rig, 31);
    give(&rig, XR_TYPE_marker, 0, &(struct xr_marker){.seq = 50, .prev = 40});
    expect_state(&rig, XR_CLIENT_CONNECTING);
    connect_rig(&rig);
    assert_int_equal(cursor_of_hello(&rig), 31);
    rig_free(&rig);
}

static void a_resumed_feed_says_its_cursor_even_0(void **state)
{
    (void)state;
    struct rig rig;
    struct xr_client_options options = options_of(true);
    rig_new(&rig, &options);
    connect_rig(&rig);
    assert_false(XR_HAS((const struct xr_hello *)rig.written.at[0].message, 7));
    rig_free(&rig);
    options.resume = true;
    rig_new(&rig, &options);
    connect_rig(&rig);
    assert_int_equal(cursor_of_hello(&rig), 0);
    rig_free(&rig);
}

static void resync_is_told_and_the_feed_goes_on_behind_it(void **state)
{
    (void)state;
    struct rig rig;
    const struct xr_client_options options = options_of(true);
    rig_new(&rig, &options);
    login(&rig, 0, 10);
    give(&rig, XR_TYPE_resync, 0, &(struct xr_resync){.seq = 900});
    give_message(&rig, 901, 900);
    expect_state(&rig, XR_CLIENT_READY);
    struct xr_client_event event = {0};
    assert_true(xr_talk_next(rig.talk, &event));
    assert_int_equal(event.kind, XR_CLIENT_RESYNC);
    assert_int_equal(event.seq, 900);
    expect_update(&rig, 901);
    rig_free(&rig);
}

static void a_link_that_breaks_before_the_resync_hides_no_gap(void **state)
{
    (void)state;
    struct rig rig;
    const struct xr_client_options options = options_of(true);
    rig_new(&rig, &options);
    login(&rig, 0, 10);
    give_message(&rig, 11, 10);
    xr_talk_unlinked(rig.talk, rig.now);
    login(&rig, 0, 900); /* too far behind: the server would say so next */
    xr_talk_unlinked(rig.talk, rig.now);
    connect_rig(&rig);
    assert_int_equal(cursor_of_hello(&rig), 11);
    rig_free(&rig);
}

static void an_update_of_an_unknown_type_counts_in_the_chain(void **state)
{
    (void)state;
    struct rig rig;
    const struct xr_client_options options = options_of(true);
    rig_new(&rig, &options);
    login(&rig, 0, 10);
    /* [150, 0, {1: 12, 2: 10, 3: "x"}] */
    const uint8_t bytes[] = {0x93, 0xcc, 150, 0, 0x83, 1, 12, 2, 10, 3, 0xa1, 'x'};
    xr_talk_receive(rig.talk, rig.now, (struct xr_bin){bytes, sizeof(bytes)});
    give_message(&rig, 15, 12);
    expect_state(&rig, XR_CLIENT_READY);
    struct xr_client_event event = {0};
    assert_true(xr_talk_next(rig.talk, &event));
    assert_int_equal(event.kind, XR_CLIENT_UPDATE);
    assert_int_equal(event.type, XR_TYPE_none);
    assert_null(event.message);
    expect_update(&rig, 15);
    rig_free(&rig);
}

/* ---- the connection ----------------------------------------------------------------------------
 */

static void a_silent_link_is_given_up_after_two_beats(void **state)
{
    (void)state;
    struct rig rig;
    const struct xr_client_options options = options_of(true);
    rig_new(&rig, &options);
    login(&rig, 0, 10);
    rig.now += 5000;
    xr_talk_tick(rig.talk, rig.now, true);
    assert_true(take(&rig));
    assert_int_equal(rig.written.at[0].type, XR_TYPE_beat);
    give(&rig, XR_TYPE_marker, rig.written.at[0].ref, &(struct xr_marker){.seq = 10, .prev = 10});
    rig.now += 5000;
    xr_talk_tick(rig.talk, rig.now, true);
    assert_true(take(&rig));
    rig.now += 9999;
    xr_talk_tick(rig.talk, rig.now, true);
    assert_int_equal(xr_talk_state(rig.talk), XR_CLIENT_READY);
    rig.now += 1;
    xr_talk_tick(rig.talk, rig.now, true);
    assert_int_equal(xr_talk_state(rig.talk), XR_CLIENT_CONNECTING);
    rig_free(&rig);
}

static void a_link_nobody_listens_to_is_not_called_dead(void **state)
{
    (void)state;
    struct rig rig;
    const struct xr_client_options options = options_of(true);
    rig_new(&rig, &options);
    login(&rig, 0, 10);
    for (int i = 0; i < 20; i++) {
        rig.now += 5000;
        xr_talk_tick(rig.talk, rig.now, false);
        assert_int_equal(xr_talk_state(rig.talk), XR_CLIENT_READY);
    }
    rig_free(&rig);
}

static void hello_needed_logs_in_again_on_the_same_connection(void **state)
{
    (void)state;
    struct rig rig;
    const struct xr_client_options options = options_of(false);
    rig_new(&rig, &options);
    login(&rig, 0, 0);
    const uint64_t said = say(&rig, "one");
    expect_commands(&rig, 1, 1, 0);
    refuse(&rig, 1, XR_code_HELLO_NEEDED, 0);
    assert_int_equal(xr_talk_state(rig.talk), XR_CLIENT_CONNECTING);
    assert_false(xr_talk_wants_dial(rig.talk, rig.now));
    assert_true(take(&rig));
    assert_int_equal(rig.written.at[0].type, XR_TYPE_hello);
    const struct xr_welcome welcome = welcome_of(0, 0);
    give(&rig, XR_TYPE_welcome, rig.written.at[0].ref, &welcome);
    expect_commands(&rig, 1, 1, 0);
    give(&rig, XR_TYPE_done, 1, &(struct xr_done){0});
    struct xr_client_event event = {0};
    while (xr_talk_next(rig.talk, &event) && event.kind == XR_CLIENT_STATE)
        continue;
    assert_int_equal(event.ref, said);
    rig_free(&rig);
}

static void a_denied_log_in_is_the_end(void **state)
{
    (void)state;
    struct rig rig;
    const struct xr_client_options options = options_of(false);
    rig_new(&rig, &options);
    refuse(&rig, connect_rig(&rig), XR_code_DENIED, 0);
    struct xr_client_event event = {0};
    assert_true(xr_talk_next(rig.talk, &event));
    assert_int_equal(event.state, XR_CLIENT_REFUSED);
    assert_int_equal(event.type, XR_TYPE_error);
    assert_int_equal(((const struct xr_error *)event.message)->code, XR_code_DENIED);
    assert_int_equal(xr_talk_deadline(rig.talk, rig.now), INT64_MAX);
    assert_false(take(&rig));
    assert_false(xr_talk_wants_dial(rig.talk, rig.now + 100000));
    const struct xr_say late = {.session = {1}, .text = XR_STR("x")};
    assert_int_equal(xr_talk_send(rig.talk, XR_TYPE_say, &late, NULL), XR_CLOSED);
    rig_free(&rig);
}

static void a_busy_log_in_is_tried_again_later(void **state)
{
    (void)state;
    struct rig rig;
    const struct xr_client_options options = options_of(false);
    rig_new(&rig, &options);
    refuse(&rig, connect_rig(&rig), XR_code_BUSY, 0);
    assert_false(take(&rig));
    const int64_t due = xr_talk_deadline(rig.talk, rig.now);
    assert_in_range(due, rig.now + 50, rig.now + 100);
    rig.now = due;
    xr_talk_tick(rig.talk, rig.now, true);
    assert_true(take(&rig));
    assert_int_equal(rig.written.at[0].type, XR_TYPE_hello);
    rig_free(&rig);
}

static void a_forgotten_device_is_replaced_where_the_password_is_known(void **state)
{
    (void)state;
    struct rig rig;
    struct xr_client_options options = options_of(false);
    options.login = "mei";
    options.password = "a good password";
    rig_new(&rig, &options);
    const uint64_t said = say(&rig, "one");
    refuse(&rig, connect_rig(&rig), XR_code_UNKNOWN_DEVICE, 0);
    assert_true(take(&rig));
    const struct xr_hello *hello = rig.written.at[0].message;
    assert_true(xr_str_equal(hello->password, XR_STR("a good password")));
    assert_int_equal(hello->token.size, 0);
    const uint8_t fresh[XR_TOKEN_BYTES] = {9};
    struct xr_welcome welcome = welcome_of(0, 0);
    welcome.token = (struct xr_bin){fresh, sizeof(fresh)};
    give(&rig, XR_TYPE_welcome, rig.written.at[0].ref, &welcome);
    uint8_t kept[XR_TOKEN_BYTES] = {0};
    assert_true(xr_talk_token(rig.talk, kept));
    assert_memory_equal(kept, fresh, sizeof(fresh));
    expect_commands(&rig, 1, 1, 0); /* never sent before: goes out now */
    give(&rig, XR_TYPE_done, 1, &(struct xr_done){0});
    expect_state(&rig, XR_CLIENT_READY);
    expect_answer(&rig, said, XR_TYPE_done);
    /* The password is gone now: the next time is the end. */
    xr_talk_unlinked(rig.talk, rig.now);
    refuse(&rig, connect_rig(&rig), XR_code_UNKNOWN_DEVICE, 0);
    assert_int_equal(xr_talk_state(rig.talk), XR_CLIENT_REFUSED);
    rig_free(&rig);
}

static void delays_grow_to_their_bound_and_start_again_after_a_beat(void **state)
{
    (void)state;
    struct rig rig;
    const struct xr_client_options options = options_of(false);
    rig_new(&rig, &options);
    int64_t longest = 0;
    for (int i = 0; i < 60; i++) {
        const int64_t bound = i < 7 ? INT64_C(100) << (i > 0 ? i - 1 : 0) : 10000;
        const int64_t wait = xr_talk_deadline(rig.talk, rig.now) - rig.now;
        assert_in_range(wait, 0, bound);
        longest = wait > longest ? wait : longest;
        rig.now += wait;
        assert_true(xr_talk_wants_dial(rig.talk, rig.now));
        xr_talk_unlinked(rig.talk, rig.now);
    }
    assert_true(longest > 5000);
    login(&rig, 0, 0);
    rig.now += 5000;
    xr_talk_tick(rig.talk, rig.now, true);
    assert_true(take(&rig));
    give(&rig, XR_TYPE_marker, rig.written.at[0].ref, &(struct xr_marker){0});
    struct xr_client_event event = {0};
    while (xr_talk_next(rig.talk, &event))
        continue;
    xr_talk_unlinked(rig.talk, rig.now);
    while (xr_talk_next(rig.talk, &event))
        continue;
    assert_in_range(xr_talk_deadline(rig.talk, rig.now), rig.now, rig.now + 100);
    rig_free(&rig);
}

static void goodbye_and_broken_framing_make_a_new_connection(void **state)
{
    (void)state;
    struct rig rig;
    const struct xr_client_options options = options_of(false);
    rig_new(&rig, &options);
    login(&rig, 0, 0);
    give(&rig, XR_TYPE_goodbye, 0, &(struct xr_goodbye){.code = XR_code_BUSY});
    assert_int_equal(xr_talk_state(rig.talk), XR_CLIENT_CONNECTING);
    login(&rig, 0, 0);
    const uint8_t noise[] = {0xc1, 0x00, 0xff};
    xr_talk_receive(rig.talk, rig.now, (struct xr_bin){noise, sizeof(noise)});
    assert_int_equal(xr_talk_state(rig.talk), XR_CLIENT_CONNECTING);
    rig_free(&rig);
}

static void dialing_and_greeting_do_not_last_for_ever(void **state)
{
    (void)state;
    struct rig rig;
    const struct xr_client_options options = options_of(false);
    rig_new(&rig, &options);
    assert_true(xr_talk_wants_dial(rig.talk, rig.now));
    rig.now = xr_talk_deadline(rig.talk, rig.now);
    xr_talk_tick(rig.talk, rig.now, true);
    assert_false(xr_talk_is_dialing(rig.talk));
    connect_rig(&rig);
    rig.now = xr_talk_deadline(rig.talk, rig.now);
    xr_talk_tick(rig.talk, rig.now, true);
    login(&rig, 0, 0); /* asserts that it dials again */
    rig_free(&rig);
}

/* Close at each stage: before the dial, while dialing, greeting, ready with something unsent. */
static void closing_works_at_each_stage(void **state)
{
    (void)state;
    for (int stage = 0; stage < 5; stage++) {
        struct rig rig;
        const struct xr_client_options options = options_of(true);
        rig_new(&rig, &options);
        if (stage == 1)
            assert_true(xr_talk_wants_dial(rig.talk, rig.now));
        if (stage == 2)
            connect_rig(&rig);
        if (stage >= 3)
            login(&rig, 0, 0);
        if (stage == 4)
            say(&rig, "last words");
        xr_talk_close(rig.talk, rig.now);
        if (stage >= 3) {
            assert_true(take(&rig));
            assert_int_equal(rig.written.count, stage == 4 ? 2 : 1);
            assert_int_equal(rig.written.at[stage == 4].type, XR_TYPE_bye);
            assert_false(take(&rig));
            if (stage == 4) {
                rig.now = xr_talk_deadline(rig.talk, rig.now); /* READY is still to be taken */
                struct xr_client_event event = {0};
                while (xr_talk_next(rig.talk, &event))
                    continue;
                rig.now = xr_talk_deadline(rig.talk, rig.now);
                xr_talk_tick(rig.talk, rig.now, true);
            } else {
                xr_talk_unlinked(rig.talk, rig.now);
            }
        }
        assert_int_equal(xr_talk_state(rig.talk), XR_CLIENT_CLOSED);
        assert_false(take(&rig));
        xr_talk_close(rig.talk, rig.now);
        rig_free(&rig);
    }
}

/* Each allocation fails once: the talk says so or settles, and nothing leaks or is lost silently.
 */
static void no_memory_is_survived_at_each_allocation(void **state)
{
    (void)state;
    const struct xr_client_options options = options_of(true);
    bool failed = true;
    for (uint64_t nth = 1; failed && nth < 200; nth++) {
        struct xr_talk *talk = NULL;
        const uint64_t before = xr_mem_count();
        xr_mem_arm(nth, false);
        const enum xr_status made = xr_talk_new(&options, 1, 0, &talk);
        if (made == XR_OK) {
            const struct xr_say message = {.session = {3}, .text = XR_STR("x")};
            const enum xr_status sent = xr_talk_send(talk, XR_TYPE_say, &message, NULL);
            assert_true(sent == XR_OK || sent == XR_NOMEM || sent == XR_BAD);
        } else {
            assert_int_equal(made, XR_NOMEM);
        }
        failed = xr_mem_count() - before >= nth;
        xr_mem_arm(0, false);
        xr_talk_free(talk);
    }
    assert_false(failed);
}

/* ---- a server behind a bad connection
 * ------------------------------------------------------------ */

#define WORLD_COMMANDS 300
#define WORLD_UPDATES  300
#define WORLD_QUEUE    4096
#define WORLD_STEPS    200000

struct packet {
    uint8_t *at;
    size_t size;
};

struct pipe {
    struct packet at[WORLD_QUEUE];
    size_t count;
};

/* What must survive on the server: the device and the journal. */
struct world {
    uint64_t random;
    struct rig rig;
    struct pipe up;
    struct pipe down;
    bool logged_in;
    bool up_mute;  /* frames vanish, and nobody is told */
    bool refusing; /* the faults are on */
    uint64_t counter;
    uint64_t done;
    uint32_t executed[WORLD_COMMANDS * 2]; /* by counter: which text */
    uint32_t executed_count;
    uint64_t journal[WORLD_UPDATES]; /* seqs */
    uint32_t journal_count;
    uint32_t journal_sent; /* on this connection */
    uint64_t chain;        /* last sent on this connection */
    uint64_t acked;
    /* the client's side */
    uint32_t given;                    /* commands handed to the talk */
    uint64_t ref_of[WORLD_COMMANDS];   /* by text */
    uint32_t answered[WORLD_COMMANDS]; /* by text: answers */
    uint32_t answers;
    uint32_t updates; /* received so far: the next must be journal[updates] */
    uint32_t queries_given;
    uint32_t queries_answered;
};

static uint64_t draw(struct world *world, uint64_t below)
{
    uint64_t z = (world->random += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (z ^ (z >> 31)) % below;
}

static bool strikes(struct world *world, uint64_t one_in)
{
    return world->refusing && draw(world, one_in) == 0;
}

static void pipe_push(struct pipe *pipe, const void *bytes, size_t size)
{
    assert_true(pipe->count < WORLD_QUEUE);
    struct packet packet = {malloc(size), size};
    memcpy(packet.at, bytes, size);
    pipe->at[pipe->count++] = packet;
}

static struct packet pipe_pull(struct pipe *pipe)
{
    const struct packet packet = pipe->at[0];
    memmove(&pipe->at[0], &pipe->at[1], --pipe->count * sizeof(packet));
    return packet;
}

static void pipe_clear(struct pipe *pipe)
{
    while (pipe->count > 0)
        free(pipe_pull(pipe).at);
}

static void reply(struct world *world, enum xr_type type, uint64_t ref, const void *message)
{
    struct xr_buf bytes = {0};
    xr_buf_init(&bytes, XR_FRAME_BYTES_MAX);
    xr_frame_encode(&bytes, type, ref, message);
    pipe_push(&world->down, bytes.at, bytes.size);
    xr_buf_fini(&bytes);
}

static void reply_error(struct world *world, uint64_t ref, enum xr_code code)
{
    const struct xr_error error = {.code = code, .counter = world->counter, .retry_ms = 20};
    reply(world, XR_TYPE_error, ref, &error);
}

static void serve_hello(struct world *world, uint64_t ref, const struct xr_hello *hello)
{
    if (strikes(world, 5)) {
        reply_error(world, ref, XR_code_BUSY);
        return;
    }
    const uint64_t head = world->journal_count > 0 ? world->journal[world->journal_count - 1] : 0;
    const uint64_t cursor = XR_HAS(hello, 7) ? hello->cursor : head;
    world->logged_in = true;
    world->chain = cursor;
    world->journal_sent = 0;
    while (world->journal_sent < world->journal_count &&
           world->journal[world->journal_sent] <= cursor)
        world->journal_sent++;
    const struct xr_welcome welcome = welcome_of(world->counter, cursor);
    reply(world, XR_TYPE_welcome, ref, &welcome);
}

static void serve_say(struct world *world, uint64_t counter, const struct xr_say *say)
{
    if (counter > world->counter + 1) {
        reply_error(world, counter, XR_code_GAP);
        return;
    }
    if (counter == world->counter + 1 && strikes(world, 15)) {
        reply_error(world, counter, draw(world, 2) ? XR_code_BUSY : XR_code_STORAGE);
        return;
    }
    if (counter == world->counter + 1) {
        char text[16] = {0};
        memcpy(text, say->text.at, say->text.size);
        world->counter++;
        world->executed[world->executed_count++] = (uint32_t)atoi(text);
    }
    assert_true(say->done <= world->counter);
    if (world->done < say->done)
        world->done = say->done;
    assert_true(counter > world->done); /* else its answer would be gone */
    const struct xr_done done = {.number = world->executed[counter - 1] + 1};
    reply(world, XR_TYPE_done, counter, &done);
}

static void serve(struct world *world, uint32_t type, uint64_t ref, const void *message)
{
    if (type == XR_TYPE_hello) {
        serve_hello(world, ref, message);
    } else if (!world->logged_in) {
        reply_error(world, ref, XR_code_HELLO_NEEDED);
    } else if (type == XR_TYPE_say) {
        serve_say(world, ref, message);
    } else if (type == XR_TYPE_get_groups) {
        if (strikes(world, 4))
            reply_error(world, ref, XR_code_BUSY);
        else
            reply(world, XR_TYPE_group_page, ref, &(struct xr_group_page){0});
    } else if (type == XR_TYPE_ack) {
        const uint64_t seq = ((const struct xr_ack *)message)->seq;
        assert_true(seq <= world->chain);
        assert_true(seq >= world->acked);
        world->acked = seq;
    } else if (type == XR_TYPE_beat) {
        const struct xr_marker marker = {.seq = world->chain, .prev = world->chain};
        reply(world, XR_TYPE_marker, ref, &marker);
    }
}

static void serve_next(struct world *world)
{
    struct written in = {.arena = xr_arena_new(4096)};
    const struct packet packet = pipe_pull(&world->up);
    xr_buf_init(&in.bytes, packet.size);
    xr_buf_add(&in.bytes, packet.at, packet.size);
    free(packet.at);
    decode_all(&in);
    for (uint32_t i = 0; i < in.count; i++)
        serve(world, in.at[i].type, in.at[i].ref, in.at[i].message);
    xr_buf_fini(&in.bytes);
    xr_arena_free(in.arena);
}

static void push_next(struct world *world)
{
    if (!world->logged_in || world->journal_sent == world->journal_count)
        return;
    const uint64_t seq = world->journal[world->journal_sent++];
    const struct xr_message_added added = {
        .seq = seq,
        .prev = world->chain,
        .message = {.session = {1},
                    .number = world->journal_sent,
                    .sender = XR_sender_BUYER,
                    .kind = XR_message_kind_TEXT,
                    .wall_ms = 1},
    };
    world->chain = seq;
    reply(world, XR_TYPE_message_added, 0, &added);
}

static void cut(struct world *world)
{
    pipe_clear(&world->up);
    pipe_clear(&world->down);
    world->logged_in = false;
    world->up_mute = false;
}

static void on_event(struct world *world, const struct xr_client_event *event)
{
    if (event->kind == XR_CLIENT_UPDATE) {
        assert_true(world->updates < world->journal_count);
        assert_int_equal(event->seq, world->journal[world->updates]);
        world->updates++;
    }
    if (event->kind != XR_CLIENT_ANSWER)
        return;
    if (event->type == XR_TYPE_group_page) {
        world->queries_answered++;
        return;
    }
    assert_int_equal(event->type, XR_TYPE_done);
    const uint32_t text = ((const struct xr_done *)event->message)->number - 1;
    assert_int_equal(world->ref_of[text], event->ref);
    assert_int_equal(world->answered[text]++, 0);
    world->answers++;
}

/* The client's turn, as nano.c has it. */
static void client_turn(struct world *world)
{
    struct rig *rig = &world->rig;
    struct xr_client_event event = {0};
    xr_talk_begin(rig->talk);
    if (xr_talk_wants_dial(rig->talk, rig->now)) {
        cut(world);
        if (strikes(world, 2))
            xr_talk_unlinked(rig->talk, rig->now);
        else
            xr_talk_linked(rig->talk, rig->now);
    }
    for (uint64_t i = draw(world, 8); i > 0 && world->down.count > 0; i--) {
        const struct packet packet = pipe_pull(&world->down);
        xr_talk_receive(rig->talk, rig->now, (struct xr_bin){packet.at, (uint32_t)packet.size});
        free(packet.at);
    }
    xr_talk_tick(rig->talk, rig->now, world->down.count == 0);
    while (world->up.count < WORLD_QUEUE / 4 && take(rig))
        if (!world->up_mute)
            pipe_push(&world->up, rig->written.bytes.at, rig->written.bytes.size);
    for (uint64_t i = draw(world, 20); i > 0 && xr_talk_next(rig->talk, &event); i--)
        on_event(world, &event);
}

static bool is_update(const struct packet *packet)
{
    return packet->at[1] == XR_TYPE_message_added;
}

static void world_step(struct world *world)
{
    struct rig *rig = &world->rig;
    rig->now += (int64_t)draw(world, 30);
    if (world->given < WORLD_COMMANDS && draw(world, 3) == 0) {
        char text[16];
        snprintf(text, sizeof(text), "%u", world->given);
        world->ref_of[world->given] = say(rig, text);
        world->given++;
    }
    if (draw(world, 20) == 0) {
        const struct xr_get_groups ask = {0};
        if (xr_talk_send(rig->talk, XR_TYPE_get_groups, &ask, NULL) == XR_OK)
            world->queries_given++;
    }
    /* The feed begins with what is new at the first log-in: nothing is written before. */
    if (world->journal_count < WORLD_UPDATES && xr_talk_reconnects(rig->talk) > 0 &&
        draw(world, 3) == 0) {
        const uint64_t before =
            world->journal_count > 0 ? world->journal[world->journal_count - 1] : 0;
        world->journal[world->journal_count++] = before + 1 + draw(world, 3);
    }
    client_turn(world);
    if (world->up.count > 0 && world->down.count < WORLD_QUEUE / 4 && draw(world, 2) == 0)
        serve_next(world);
    if (world->down.count < WORLD_QUEUE / 4 && draw(world, 2) == 0)
        push_next(world);
    if (strikes(world, 60)) {
        cut(world);
        xr_talk_unlinked(rig->talk, rig->now);
    } else if (strikes(world, 150)) {
        cut(world); /* a connection made anew behind the client's back */
    } else if (strikes(world, 300)) {
        pipe_clear(&world->up);
        world->up_mute = true; /* until the beats are missed */
    } else if (world->down.count > 0 && is_update(&world->down.at[0]) && strikes(world, 100)) {
        free(pipe_pull(&world->down).at); /* no stream loses one frame; a server's mistake may */
    }
}

static bool is_settled(const struct world *world)
{
    return world->given == WORLD_COMMANDS && world->answers == WORLD_COMMANDS &&
           world->journal_count == WORLD_UPDATES && world->updates == WORLD_UPDATES &&
           world->queries_given == world->queries_answered;
}

static void run_world(uint64_t seed)
{
    struct world *world = calloc(1, sizeof(*world));
    const struct xr_client_options options = options_of(true);
    rig_new(&world->rig, &options);
    world->random = seed;
    world->refusing = true;
    uint32_t steps = 0;
    while (!is_settled(world)) {
        world_step(world);
        steps++;
        if (steps > 20000)
            world->refusing = false; /* from now on it must settle */
        if (steps > WORLD_STEPS)
            fail_msg("seed %llu has not settled", (unsigned long long)seed);
    }
    for (uint32_t i = 0; i < WORLD_COMMANDS; i++) {
        assert_int_equal(world->executed[i], i); /* once, and in order */
        assert_int_equal(world->answered[i], 1);
    }
    assert_int_equal(world->executed_count, WORLD_COMMANDS);
    cut(world);
    rig_free(&world->rig);
    free(world);
}

static void nothing_is_lost_doubled_or_reordered_over_a_bad_connection(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++)
        run_world(seed);
}

int main(void)
{
    if (sodium_init() < 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_that_miss_something_are_refused),
        cmocka_unit_test(log_in_is_told_with_its_welcome),
        cmocka_unit_test(what_is_sent_before_the_log_in_follows_the_last_accepted_counter),
        cmocka_unit_test(a_lost_answer_is_asked_for_again_with_the_same_counter),
        cmocka_unit_test(a_refusal_of_the_floor_is_an_answer),
        cmocka_unit_test(busy_waits_and_goes_back),
        cmocka_unit_test(a_gap_gives_the_counters_out_anew),
        cmocka_unit_test(a_gap_that_cannot_be_reuses_no_counter),
        cmocka_unit_test(queries_are_asked_again_after_a_new_connection),
        cmocka_unit_test(no_more_commands_than_allowed_wait_for_answers),
        cmocka_unit_test(what_may_not_be_sent_is_refused_at_once),
        cmocka_unit_test(updates_are_acknowledged_once_they_were_taken),
        cmocka_unit_test(updates_that_were_not_taken_stay_and_hold_the_next_back),
        cmocka_unit_test(a_doubled_update_is_dropped),
        cmocka_unit_test(a_broken_chain_comes_again_from_the_cursor),
        cmocka_unit_test(a_marker_moves_the_cursor_and_is_part_of_the_chain),
        cmocka_unit_test(a_resumed_feed_says_its_cursor_even_0),
        cmocka_unit_test(resync_is_told_and_the_feed_goes_on_behind_it),
        cmocka_unit_test(a_link_that_breaks_before_the_resync_hides_no_gap),
        cmocka_unit_test(an_update_of_an_unknown_type_counts_in_the_chain),
        cmocka_unit_test(a_silent_link_is_given_up_after_two_beats),
        cmocka_unit_test(a_link_nobody_listens_to_is_not_called_dead),
        cmocka_unit_test(hello_needed_logs_in_again_on_the_same_connection),
        cmocka_unit_test(a_denied_log_in_is_the_end),
        cmocka_unit_test(a_busy_log_in_is_tried_again_later),
        cmocka_unit_test(a_forgotten_device_is_replaced_where_the_password_is_known),
        cmocka_unit_test(delays_grow_to_their_bound_and_start_again_after_a_beat),
        cmocka_unit_test(goodbye_and_broken_framing_make_a_new_connection),
        cmocka_unit_test(dialing_and_greeting_do_not_last_for_ever),
        cmocka_unit_test(closing_works_at_each_stage),
        cmocka_unit_test(no_memory_is_survived_at_each_allocation),
        cmocka_unit_test(nothing_is_lost_doubled_or_reordered_over_a_bad_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
