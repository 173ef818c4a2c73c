/*
 * Aim: every update reaches every connection that may see it once, in order, without a gap, however
 * slowly it reads, however often it leaves and comes back. Method: a real xiaoerd, raw sockets, and
 * the chain of seq and prev.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/served.h"

struct scene {
    struct served served;
    struct guest owner;
    struct guest bridge;
    struct xr_session_id session; /* open, owned by "li", who is online */
    struct guest agent;
    bool is_journal; /* who is behind is served from the journal */
};

static int raise_scene(void **state, const char *const *args)
{
    struct scene *scene = calloc(1, sizeof(*scene));
    const struct xr_be be = {.state = XR_presence_ONLINE};
    const struct xr_open open = {.channel = xr_str_of("web"), .buyer = xr_str_of("wang")};
    served_init(&scene->served);
    for (size_t i = 0; args && args[i]; i++)
        scene->served.args[i] = args[i];
    served_start(&scene->served);
    guest_login(&scene->owner, &scene->served, "owner", SERVED_PASSWORD, false);
    guest_hire(&scene->owner, "li", XR_role_AGENT);
    guest_hire(&scene->owner, "shop", XR_role_BRIDGE);
    guest_login(&scene->agent, &scene->served, "li", SERVED_PASSWORD, false);
    guest_login(&scene->bridge, &scene->served, "shop", SERVED_PASSWORD, false);
    guest_do(&scene->agent, XR_TYPE_be, &be);
    scene->session = guest_do(&scene->bridge, XR_TYPE_open, &open)->session;
    *state = scene;
    return 0;
}

static int set_up(void **state)
{
    return raise_scene(state, NULL);
}

/* The newest rows in memory are few: who is behind is served from the journal. */
static int set_up_journal(void **state)
{
    static const char *const args[] = {"--tail-kib=1", "--queue-kib=64", NULL};
    raise_scene(state, args);
    ((struct scene *)*state)->is_journal = true;
    return 0;
}

static int set_up_impatient(void **state)
{
    static const char *const args[] = {"--behind-max=100", "--stall-ms=400", NULL};
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

/* ---- writing -----------------------------------------------------------------------------------
 */

/* `count` messages of `size` bytes, in batches, all acknowledged. */
static void say_many(struct guest *bridge, struct xr_session_id session, int count, size_t size)
{
    struct xr_buf out;
    char text[4000];
    memset(text, 'x', sizeof(text));
    xr_buf_init(&out, 4 << 20);
    while (count > 0) {
        const int batch = count < 50 ? count : 50;
        xr_buf_reset(&out);
        for (int i = 0; i < batch; i++) {
            const struct xr_say say = {.done = bridge->counter - (uint64_t)i,
                                       .session = session,
                                       .text = {text, (uint32_t)size}};
            xr_frame_encode(&out, XR_TYPE_say, ++bridge->counter, &say);
        }
        assert_true(raw_send(&bridge->raw, out.at, out.size));
        for (int i = 0; i < batch; i++)
            raw_expect(&bridge->raw, XR_TYPE_done, NULL, bridge->arena);
        count -= batch;
    }
    xr_buf_fini(&out);
}

/* ---- watching ----------------------------------------------------------------------------------
 */

struct watch {
    struct guest guest;
    uint64_t last; /* seq of the last update or marker: what the next must name as prev */
    uint64_t acked;
    uint64_t updates;  /* so far */
    uint64_t messages; /* of these, message_added */
    uint64_t markers;  /* so far */
    uint32_t number;   /* of the last message of the session */
};

static void take_numbers(struct watch *watch, const struct xr_frame *frame)
{
    /* field 1 and 2 of every update and of marker: read with the struct of marker */
    if (frame->type == XR_TYPE_marker) {
        const struct xr_marker *marker = raw_body(frame, watch->guest.arena);
        assert_int_equal(marker->prev, watch->last);
        assert_true(marker->seq >= watch->last);
        watch->last = marker->seq;
        watch->markers++;
        return;
    }
    const void *update = raw_body(frame, watch->guest.arena);
    const struct xr_message_added *any = update; /* has, seq, prev stand first in each */
    assert_int_equal(any->prev, watch->last);
    assert_true(any->seq > watch->last);
    watch->last = any->seq;
    watch->updates++;
    if (frame->type != XR_TYPE_message_added)
        return;
    watch->messages++;
    if (watch->number > 0) /* else the first that it sees */
        assert_int_equal(any->message.number, watch->number + 1);
    watch->number = any->message.number;
}

/* The next update or marker. */
static void watch_one(struct watch *watch)
{
    struct xr_frame frame;
    if (!raw_frame(&watch->guest.raw, &frame))
        fail_msg("closed after update %lu", (unsigned long)watch->last);
    const enum xr_kind kind = xr_message_info((enum xr_type)frame.type)->kind;
    if (frame.type == XR_TYPE_goodbye) {
        const struct xr_goodbye *goodbye = raw_body(&frame, watch->guest.arena);
        fail_msg("goodbye %.*s", (int)goodbye->text.size, goodbye->text.at);
    }
    assert_true(kind == XR_KIND_UPDATE || frame.type == XR_TYPE_marker);
    take_numbers(watch, &frame);
    xr_arena_reset(watch->guest.arena);
}

static void acknowledge(struct watch *watch)
{
    const struct xr_ack ack = {.seq = watch->last};
    assert_true(raw_frame_send(&watch->guest.raw, XR_TYPE_ack, 0, &ack));
    watch->acked = watch->updates;
}

static void watch_messages(struct watch *watch, uint64_t messages)
{
    while (watch->messages < messages) {
        watch_one(watch);
        if (watch->updates - watch->acked >= 200)
            acknowledge(watch);
    }
}

/* Begin after `cursor`; NULL: with what is new. */
static void watch_begin(struct watch *watch, const struct served *served,
                        const struct guest *account, const uint64_t *cursor)
{
    memset(watch, 0, sizeof(*watch));
    guest_return(&watch->guest, served, account, true, cursor);
    watch->last = watch->guest.welcome.cursor;
    if (cursor)
        assert_int_equal(watch->last, *cursor);
}

static void watch_end(struct watch *watch)
{
    guest_close(&watch->guest);
}

static const uint64_t from_the_beginning = 0;

/* ---- claims ------------------------------------------------------------------------------------
 */

static void a_live_feed_has_every_update_in_order(void **state)
{
    struct scene *scene = *state;
    struct watch watch;
    watch_begin(&watch, &scene->served, &scene->owner, NULL);
    assert_int_equal(watch.guest.welcome.cursor, watch.guest.welcome.head);
    say_many(&scene->bridge, scene->session, 900, 20);
    watch_messages(&watch, 900);
    watch_end(&watch);
    assert_true(served_metric(&scene->served, "pushed") >= 900);
}

static void the_whole_history_comes_with_cursor_0(void **state)
{
    struct scene *scene = *state;
    struct watch watch;
    say_many(&scene->bridge, scene->session, 2000, 20);
    watch_begin(&watch, &scene->served, &scene->owner, &from_the_beginning);
    watch_messages(&watch, 2000);
    watch_end(&watch);
}

/* Without acknowledgements exactly a window comes; then the rest, from memory or the journal. */
static void the_window_holds_and_what_is_behind_it_comes_later(void **state)
{
    struct scene *scene = *state;
    struct watch watch;
    watch_begin(&watch, &scene->served, &scene->owner, NULL);
    say_many(&scene->bridge, scene->session, 3000, 20);
    while (watch.updates < XR_WINDOW_UPDATES)
        watch_one(&watch);
    const struct xr_beat beat = {0};
    assert_true(raw_frame_send(&watch.guest.raw, XR_TYPE_beat, 1, &beat));
    watch_one(&watch); /* the marker: nothing but it is behind the window */
    assert_int_equal(watch.updates, XR_WINDOW_UPDATES);
    assert_int_equal(served_metric(&scene->served, "catching_up"), 1);
    acknowledge(&watch);
    watch_messages(&watch, 3000);
    say_many(&scene->bridge, scene->session, 10, 20); /* it is live again */
    watch_messages(&watch, 3010);
    assert_int_equal(served_metric(&scene->served, "catching_up"), 0);
    assert_int_equal(served_metric(&scene->served, "scans") > 0, scene->is_journal);
    watch_end(&watch);
}

static void the_window_is_bounded_in_bytes_too(void **state)
{
    struct scene *scene = *state;
    struct watch watch;
    const struct xr_beat beat = {0};
    watch_begin(&watch, &scene->served, &scene->owner, NULL);
    say_many(&scene->bridge, scene->session, 400, 4000);
    while (watch.updates < 250)
        watch_one(&watch);
    assert_true(raw_frame_send(&watch.guest.raw, XR_TYPE_beat, 1, &beat));
    while (watch.markers == 0)
        watch_one(&watch);
    assert_true(watch.updates * 4000 <= XR_WINDOW_BYTES);
    acknowledge(&watch);
    watch_messages(&watch, 400);
    watch_end(&watch);
}

/* It reads nothing while 8 MB are written for it; then it reads everything. */
static void who_reads_late_gets_everything(void **state)
{
    struct scene *scene = *state;
    struct watch watch;
    watch_begin(&watch, &scene->served, &scene->owner, NULL);
    say_many(&scene->bridge, scene->session, 4000, 2000);
    watch_messages(&watch, 4000);
    watch_end(&watch);
    assert_true(served_metric(&scene->served, "behind") >= 1);
    assert_int_equal(served_metric(&scene->served, "overflowed"), 0);
}

static void who_comes_back_gets_exactly_what_it_missed(void **state)
{
    struct scene *scene = *state;
    struct watch watch;
    watch_begin(&watch, &scene->served, &scene->owner, NULL);
    uint64_t cursor = watch.last;
    uint32_t number = 0;
    watch_end(&watch);
    for (int round = 0; round < 10; round++) {
        say_many(&scene->bridge, scene->session, 30, 20);
        watch_begin(&watch, &scene->served, &scene->owner, &cursor);
        watch.number = number;
        watch_messages(&watch, (uint64_t)round % 3 == 0 ? 7 : 29);
        cursor = watch.last; /* and the connection is left with updates on their way */
        number = watch.number;
        watch_end(&watch);
    }
    watch_begin(&watch, &scene->served, &scene->owner, &cursor);
    watch.number = number;
    while (watch.number < 300)
        watch_one(&watch);
    watch_end(&watch);
}

static void others_are_not_shown_what_is_not_for_them(void **state)
{
    struct scene *scene = *state;
    struct guest other;
    struct watch own, foreign;
    const struct xr_beat beat = {0};
    guest_hire(&scene->owner, "zhao", XR_role_AGENT);
    guest_login(&other, &scene->served, "zhao", SERVED_PASSWORD, false);
    watch_begin(&own, &scene->served, &scene->agent, NULL);
    watch_begin(&foreign, &scene->served, &other, NULL);
    say_many(&scene->bridge, scene->session, 100, 20);
    watch_messages(&own, 100);
    assert_true(raw_frame_send(&foreign.guest.raw, XR_TYPE_beat, 1, &beat));
    const uint64_t before = foreign.last;
    watch_one(&foreign); /* the marker moves its cursor over all of them */
    assert_int_equal(foreign.messages, 0);
    assert_int_equal(foreign.updates, 0);
    assert_true(foreign.last >= before + 100);
    watch_end(&own);
    watch_end(&foreign);
    guest_close(&other);
}

static void two_devices_of_one_account_both_get_it(void **state)
{
    struct scene *scene = *state;
    struct guest second;
    struct watch one, two;
    guest_login(&second, &scene->served, "li", SERVED_PASSWORD, false);
    watch_begin(&one, &scene->served, &scene->agent, NULL);
    watch_begin(&two, &scene->served, &second, NULL);
    say_many(&scene->bridge, scene->session, 50, 20);
    watch_messages(&one, 50);
    watch_messages(&two, 50);
    watch_end(&one);
    say_many(&scene->bridge, scene->session, 50, 20);
    watch_messages(&two, 100);
    watch_end(&two);
    guest_close(&second);
}

static void a_marker_is_part_of_the_chain(void **state)
{
    struct scene *scene = *state;
    struct watch watch;
    const struct xr_beat beat = {0};
    watch_begin(&watch, &scene->served, &scene->owner, NULL);
    for (uint64_t round = 1; round <= 20; round++) {
        assert_true(raw_frame_send(&watch.guest.raw, XR_TYPE_beat, round, &beat));
        say_many(&scene->bridge, scene->session, 5, 20);
        watch_messages(&watch, 5 * round);
    }
    watch_end(&watch);
}

/* Writers write while a watcher comes and goes at odd moments: no gap, no double, ever. */
static atomic_bool is_writing;

static void *write_on(void *context)
{
    struct scene *scene = context;
    while (atomic_load(&is_writing))
        say_many(&scene->bridge, scene->session, 50, 100);
    return NULL;
}

static void coming_and_going_under_load_leaves_no_gap(void **state)
{
    struct scene *scene = *state;
    struct watch watch;
    pthread_t writer;
    watch_begin(&watch, &scene->served, &scene->owner, NULL);
    uint64_t cursor = watch.last;
    uint32_t number = watch.number;
    atomic_store(&is_writing, true);
    pthread_create(&writer, NULL, write_on, scene);
    for (uint32_t round = 0; round < 60; round++) {
        const uint64_t wanted = 1 + round * 37 % 400;
        watch_messages(&watch, wanted);
        cursor = watch.last;
        number = watch.number;
        watch_end(&watch);
        watch_begin(&watch, &scene->served, &scene->owner, &cursor);
        watch.number = number;
    }
    atomic_store(&is_writing, false);
    pthread_join(writer, NULL);
    const struct xr_get_history ask = {.session = scene->session};
    assert_true(raw_frame_send(&scene->bridge.raw, XR_TYPE_get_history, 1, &ask));
    const struct xr_history *history =
        raw_expect(&scene->bridge.raw, XR_TYPE_history, NULL, scene->bridge.arena);
    while (watch.number < history->number)
        watch_messages(&watch, watch.messages + 1);
    watch_end(&watch);
}

static void leaving_while_being_pushed_to_is_harmless(void **state)
{
    struct scene *scene = *state;
    pthread_t writer;
    atomic_store(&is_writing, true);
    pthread_create(&writer, NULL, write_on, scene);
    for (int round = 0; round < 60; round++) {
        struct watch watch;
        watch_begin(&watch, &scene->served, &scene->owner, round % 2 ? &from_the_beginning : NULL);
        watch_one(&watch);
        if (round % 3 == 0)
            raw_reset(&watch.guest.raw);
        watch_end(&watch);
    }
    atomic_store(&is_writing, false);
    pthread_join(writer, NULL);
    assert_int_equal(served_metric(&scene->served, "overflowed"), 0);
}

static void who_is_too_far_behind_begins_anew(void **state)
{
    struct scene *scene = *state;
    struct watch watch;
    say_many(&scene->bridge, scene->session, 150, 20);
    memset(&watch, 0, sizeof(watch));
    guest_return(&watch.guest, &scene->served, &scene->owner, true, &from_the_beginning);
    assert_int_equal(watch.guest.welcome.cursor, watch.guest.welcome.head);
    const struct xr_resync *resync =
        raw_expect(&watch.guest.raw, XR_TYPE_resync, NULL, watch.guest.arena);
    watch.last = resync->seq;
    assert_int_equal(watch.last, watch.guest.welcome.head);
    say_many(&scene->bridge, scene->session, 10, 20);
    watch.number = 150;
    watch_messages(&watch, 10);
    const uint64_t future = watch.last + 1000;
    watch_end(&watch);
    guest_return(&watch.guest, &scene->served, &scene->owner, true, &future);
    raw_expect(&watch.guest.raw, XR_TYPE_resync, NULL, watch.guest.arena);
    watch_end(&watch);
}

/* It falls too far behind while it is connected. */
static void a_slow_one_is_told_to_begin_anew(void **state)
{
    struct scene *scene = *state;
    struct watch watch;
    struct xr_frame frame;
    watch_begin(&watch, &scene->served, &scene->owner, NULL);
    say_many(&scene->bridge, scene->session, XR_WINDOW_UPDATES + 500, 20);
    while (watch.updates < XR_WINDOW_UPDATES)
        watch_one(&watch);
    acknowledge(&watch);
    assert_true(raw_frame(&watch.guest.raw, &frame));
    assert_int_equal(frame.type, XR_TYPE_resync);
    const struct xr_resync *resync = raw_body(&frame, watch.guest.arena);
    watch.last = resync->seq;
    watch.number = XR_WINDOW_UPDATES + 500;
    say_many(&scene->bridge, scene->session, 10, 20);
    watch_messages(&watch, watch.messages + 10);
    watch_end(&watch);
}

static void who_acknowledges_nothing_is_closed(void **state)
{
    struct scene *scene = *state;
    struct watch watch;
    struct xr_frame frame;
    watch_begin(&watch, &scene->served, &scene->owner, NULL);
    say_many(&scene->bridge, scene->session, XR_WINDOW_UPDATES + 50, 20);
    do {
        assert_true(raw_frame(&watch.guest.raw, &frame));
    } while (frame.type != XR_TYPE_goodbye);
    const struct xr_goodbye *goodbye = raw_body(&frame, watch.guest.arena);
    assert_int_equal(goodbye->code, XR_code_FULL);
    assert_true(raw_is_closed(&watch.guest.raw));
    assert_int_equal(served_metric(&scene->served, "stalled"), 1);
    watch_end(&watch);
}

static void who_takes_nothing_is_closed(void **state)
{
    struct scene *scene = *state;
    struct watch watch;
    watch_begin(&watch, &scene->served, &scene->owner, NULL);
    say_many(&scene->bridge, scene->session, 300, 4000);
    while (served_metric(&scene->served, "stalled") == 0)
        usleep(20000);
    watch_end(&watch);
}

/* The server is killed; every acknowledged message is in the feed of who comes back. */
static void a_feed_goes_on_after_the_server_was_killed(void **state)
{
    struct scene *scene = *state;
    struct watch watch;
    struct guest bridge;
    watch_begin(&watch, &scene->served, &scene->owner, NULL);
    say_many(&scene->bridge, scene->session, 100, 20);
    watch_messages(&watch, 60);
    const uint64_t cursor = watch.last;
    watch_end(&watch);
    served_kill(&scene->served);
    served_start(&scene->served);
    watch_begin(&watch, &scene->served, &scene->owner, &cursor);
    watch.number = 60;
    guest_return(&bridge, &scene->served, &scene->bridge, false, NULL);
    assert_int_equal(bridge.counter, scene->bridge.counter);
    say_many(&bridge, scene->session, 100, 20);
    watch_messages(&watch, 140);
    guest_close(&bridge);
    watch_end(&watch);
}

/* Two floors in one server, with the same numbers for everything: nothing of one reaches the other.
 */
static void floors_do_not_see_each_other(void **state)
{
    struct scene *scene = *state;
    struct watch watch;
    struct guest other;
    const struct xr_beat beat = {0};
    const struct xr_hello hello = {.protocol = XR_PROTOCOL_VERSION,
                                   .floor = XR_STR("second"),
                                   .login = XR_STR("owner"),
                                   .password = XR_STR(SERVED_PASSWORD),
                                   .feed = true};
    served_stop(&scene->served);
    scene->served.args[0] = "--floor=second";
    served_start(&scene->served);
    guest_open(&other, &scene->served, true);
    assert_int_equal(guest_hello(&other, &hello), XR_TYPE_welcome);
    assert_int_equal(other.welcome.agent.n, scene->owner.welcome.agent.n);
    const struct xr_hello foreign = {.protocol = XR_PROTOCOL_VERSION,
                                     .floor = XR_STR("second"),
                                     .token = {scene->owner.token, XR_TOKEN_BYTES}};
    struct guest stranger; /* a token holds on its own floor only */
    guest_open(&stranger, &scene->served, true);
    assert_int_equal(guest_hello(&stranger, &foreign), XR_TYPE_error);
    guest_close(&stranger);
    watch_begin(&watch, &scene->served, &scene->owner, NULL);
    for (int i = 0; i < 20; i++) {
        char name[32];
        snprintf(name, sizeof(name), "group%d", i);
        const struct xr_group_set set = {.name = xr_str_of(name)};
        guest_do(&other, XR_TYPE_group_set, &set);
    }
    assert_true(raw_frame_send(&watch.guest.raw, XR_TYPE_beat, 1, &beat));
    while (watch.markers == 0)
        watch_one(&watch);
    assert_int_equal(watch.updates, 0);
    watch_end(&watch);
    guest_close(&other);
}

/* With an argument: only the tests of that name, which may hold a '*'. */
int main(int argc, char **argv)
{
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
#define CLAIM(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define JOURNAL(name)                                                                              \
    {                                                                                              \
#name "_from_the_journal", name, set_up_journal, tear_down, NULL                           \
    }
#define IMPATIENT(name) cmocka_unit_test_setup_teardown(name, set_up_impatient, tear_down)
    const struct CMUnitTest claims[] = {
        CLAIM(a_live_feed_has_every_update_in_order),
        CLAIM(the_whole_history_comes_with_cursor_0),
        CLAIM(the_window_holds_and_what_is_behind_it_comes_later),
        JOURNAL(the_window_holds_and_what_is_behind_it_comes_later),
        CLAIM(the_window_is_bounded_in_bytes_too),
        JOURNAL(the_window_is_bounded_in_bytes_too),
        CLAIM(who_reads_late_gets_everything),
        JOURNAL(who_reads_late_gets_everything),
        CLAIM(who_comes_back_gets_exactly_what_it_missed),
        JOURNAL(who_comes_back_gets_exactly_what_it_missed),
        CLAIM(others_are_not_shown_what_is_not_for_them),
        CLAIM(two_devices_of_one_account_both_get_it),
        CLAIM(a_marker_is_part_of_the_chain),
        CLAIM(coming_and_going_under_load_leaves_no_gap),
        JOURNAL(coming_and_going_under_load_leaves_no_gap),
        CLAIM(leaving_while_being_pushed_to_is_harmless),
        JOURNAL(leaving_while_being_pushed_to_is_harmless),
        IMPATIENT(who_is_too_far_behind_begins_anew),
        IMPATIENT(a_slow_one_is_told_to_begin_anew),
        IMPATIENT(who_acknowledges_nothing_is_closed),
        IMPATIENT(who_takes_nothing_is_closed),
        CLAIM(floors_do_not_see_each_other),
        CLAIM(a_feed_goes_on_after_the_server_was_killed),
    };
    return cmocka_run_group_tests(claims, NULL, NULL);
}
