/*
 * Aim: what the engine promises the rest of the server: order, grouping, durability before
 * effects, numbers and hashes that go on over restarts, time that never goes back, and a log from
 * which everything can be had again.
 * Method: a real store and the real floor, seats without sockets (support/shop.h). Readers look at
 * the store from the floor thread at the moment when effects go out.
 */
#include "support/shop.h"

#include "engine/meta.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define WRITERS 4
#define EACH    2500

/* ---- helpers ---- */

/* A boss, a bridge and a session of it. */
struct cast {
    struct shop shop;
    struct shop_seat *boss;
    struct shop_seat *bridge;
    struct xr_session_id session;
};

static void begin(struct cast *cast)
{
    shop_open(&cast->shop);
    shop_start(&cast->shop);
    cast->boss = shop_login(&cast->shop, 1, "boss");
    (void)shop_account(&cast->shop, cast->boss, "bridge", XR_role_BRIDGE);
    cast->bridge = shop_login(&cast->shop, 2, "bridge");
    cast->session = shop_session(&cast->shop, cast->bridge, "buyer");
}

static void say_many(struct cast *cast, uint64_t count)
{
    const uint64_t before = cast->bridge->answered;
    for (uint64_t i = 0; i < count; i++)
        (void)shop_say(&cast->shop, cast->bridge, cast->session, XR_STR("你好"));
    shop_wait(&cast->shop, cast->bridge, before + count);
    assert_int_equal(cast->bridge->errors, 0);
}

static struct xr_meta read_meta(struct xr_store *store)
{
    struct xr_reader *reader = NULL;
    struct xr_bin row = {0};
    struct xr_meta meta = {0};
    assert_int_equal(xr_reader_open(store, &reader), XR_OK);
    assert_int_equal(xr_reader_meta(reader, &row), XR_OK);
    assert_int_equal(xr_meta_decode(row, &meta), XR_OK);
    xr_reader_close(reader);
    return meta;
}

/* Open the store alone, for looking into it or breaking it between two starts. */
static struct xr_store *open_store(const struct shop *shop)
{
    const struct xr_store_options options = {
        .directory = shop->directory,
        .map_bytes = UINT64_C(1) << 30,
        .reserve_bytes = 1024 * 1024,
    };
    struct xr_store *store = NULL;
    assert_int_equal(xr_store_open(&options, &store), XR_OK);
    return store;
}

static void put_meta(struct xr_store *store, const struct xr_meta *meta)
{
    struct xr_buf row;
    xr_buf_init(&row, 1024);
    xr_meta_encode(&row, meta);
    assert_int_equal(xr_store_begin(store), XR_OK);
    xr_store_meta_put(store, (struct xr_bin){row.at, (uint32_t)row.size});
    assert_int_equal(xr_store_commit(store), XR_OK);
    xr_buf_fini(&row);
}

/* ---- founding ---- */

static void a_founded_floor_is_durable_and_has_a_name(void **state)
{
    (void)state;
    struct shop shop = {0};
    uint32_t number = 0;
    shop_open(&shop);
    shop_start(&shop);
    assert_int_equal(shop.floor, 1);
    assert_int_equal(read_meta(shop.store).batch_no, 1);
    assert_int_equal(xr_engine_floor(shop.engine, XR_STR("other"), &number), XR_NONE);
    assert_int_equal(
        xr_engine_found(shop.engine, XR_STR("shop"), XR_STR("x"), XR_STR("h"), &number), XR_EXISTS);
    assert_int_equal(xr_engine_found(shop.engine, XR_STR(""), XR_STR("x"), XR_STR("h"), &number),
                     XR_BAD);
    assert_int_equal(
        xr_engine_found(shop.engine, XR_STR("other"), XR_STR("x"), XR_STR("h"), &number), XR_OK);
    assert_int_equal(number, 2);
    shop_stop(&shop);
    shop_start(&shop);
    assert_int_equal(xr_engine_floor(shop.engine, XR_STR("other"), &number), XR_OK);
    assert_int_equal(number, 2);
    shop_close(&shop);
}

/* ---- order, grouping, durability ---- */

struct writer {
    struct shop *shop;
    struct shop_seat *seat;
    struct xr_session_id session;
};

static void *write_messages(void *context)
{
    struct writer *self = context;
    for (int i = 0; i < EACH; i++)
        (void)shop_say(self->shop, self->seat, self->session, XR_STR("在吗"));
    return NULL;
}

/* On the floor thread: the batch whose effects go out must be readable by others already. */
static void expect_durable(struct shop *shop, const struct xr_outcome *outcome)
{
    XR_ASSERT(read_meta(shop->store).batch_no >= outcome->batch_no);
}

static void effects_follow_the_commit_in_each_senders_order(void **state)
{
    (void)state;
    struct cast cast = {.shop.on_outcome = expect_durable};
    struct writer writers[WRITERS];
    pthread_t threads[WRITERS];
    struct xr_engine_figures before;
    struct xr_engine_figures after;
    begin(&cast);
    for (uint32_t i = 0; i < WRITERS; i++)
        writers[i] = (struct writer){
            .shop = &cast.shop,
            .seat = i == 0 ? cast.bridge : shop_login(&cast.shop, 2 + i, "bridge"),
            .session = cast.session,
        };
    const uint64_t first = cast.bridge->answered;
    xr_engine_figures(cast.shop.engine, &before);
    for (size_t i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_messages, &writers[i]), 0);
    for (size_t i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (size_t i = 0; i < WRITERS; i++) {
        shop_wait(&cast.shop, writers[i].seat, (i == 0 ? first : 1) + EACH);
        assert_int_equal(writers[i].seat->errors, 0);
        assert_true(writers[i].seat->in_order);
        assert_int_equal(writers[i].seat->last_ref, writers[i].seat->counter);
    }
    xr_engine_figures(cast.shop.engine, &after);
    assert_int_equal(after.events - before.events, WRITERS * EACH);
    /* Grouped: many events to a batch, or every commit would have been one event's. */
    assert_true(after.batches - before.batches < WRITERS * EACH / 4);
    assert_true(after.batch_events_max > 4);
    assert_true(after.batch_events_max <= XR_BATCH_EVENTS_MAX);
    assert_int_equal(after.queued, 0);
    print_message("%d events in %llu batches\n", WRITERS * EACH,
                  (unsigned long long)(after.batches - before.batches));
    shop_close(&cast.shop);
}

static void stopping_carries_out_what_was_submitted(void **state)
{
    (void)state;
    struct cast cast = {0};
    begin(&cast);
    const uint64_t before = cast.bridge->answered;
    for (int i = 0; i < 500; i++)
        (void)shop_say(&cast.shop, cast.bridge, cast.session, XR_STR("bye"));
    shop_stop(&cast.shop);
    assert_int_equal(cast.bridge->answered - before, 500);
    assert_int_equal(cast.bridge->errors, 0);
    shop_close(&cast.shop);
}

/* ---- a full queue ---- */

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

static void wait_at_gate(struct shop *shop, const struct xr_outcome *outcome)
{
    (void)shop;
    (void)outcome;
    (void)pthread_mutex_lock(&gate);
    (void)pthread_mutex_unlock(&gate);
}

static void a_full_queue_refuses_and_takes_again(void **state)
{
    (void)state;
    struct cast cast = {.shop.queue_max = 8, .shop.on_outcome = wait_at_gate};
    uint64_t taken = 0;
    begin(&cast);
    const uint64_t before = cast.bridge->answered;
    const struct xr_say say = {.session = cast.session, .text = XR_STR("full")};
    (void)pthread_mutex_lock(&gate);
    while (shop_try_send(&cast.shop, cast.bridge, cast.bridge->counter + 1, XR_TYPE_say, &say) ==
           XR_OK) {
        cast.bridge->counter++;
        taken++;
    }
    /* One batch may be at the gate, its room given back; eight wait behind it. */
    assert_true(taken >= 8);
    assert_true(taken <= 16);
    (void)pthread_mutex_unlock(&gate);
    shop_wait(&cast.shop, cast.bridge, before + taken);
    (void)shop_say(&cast.shop, cast.bridge, cast.session, XR_STR("again"));
    shop_wait(&cast.shop, cast.bridge, before + taken + 1);
    assert_int_equal(cast.bridge->errors, 0);
    shop_close(&cast.shop);
}

/* ---- the log: chain, replay, index ---- */

struct walk {
    uint64_t batches;
    uint64_t events;
    uint64_t started; /* events of that kind */
    uint64_t ticks;
    uint64_t epoch_last;
    int64_t floor_ms_last;
    uint64_t down_ms_last;
};

static void replay_event(struct xr_floor *floor, struct xr_tables *tables,
                         const struct xr_batch_head *head, const struct xr_batch_event *from,
                         struct xr_effects *effects, struct walk *walk)
{
    struct xr_arena *arena = xr_arena_new(1024);
    struct xr_wire_error error;
    struct xr_event event = {
        .who = from->who,
        .device = from->device,
        .counter = from->counter,
        .origin = from->origin,
        .floor_ms = head->floor_ms,
        .wall_ms = head->wall_ms,
        .type = from->type,
    };
    memcpy(event.random, from->random, sizeof event.random);
    assert_int_equal(xr_body_decode(from->type, from->body, arena, &event.message, &error), XR_OK);
    if (from->type == XR_TYPE_started) {
        walk->started++;
        walk->down_ms_last = ((const struct xr_started *)event.message)->down_ms;
    }
    walk->ticks += from->type == XR_TYPE_tick;
    xr_floor_step(floor, tables, &event, effects);
    xr_arena_free(arena);
}

/* Walk the whole log: numbers without a gap, hashes that fit, time that does not go back; and
 * carry it out again on tables in memory. */
static void replay_log(struct xr_store *store, uint32_t number, struct xr_floor *floor,
                       struct xr_tables *tables, struct walk *walk)
{
    struct xr_reader *reader = NULL;
    struct xr_effects effects = {0};
    uint8_t hash[32] = {0};
    uint64_t first = 0;
    uint64_t last = 0;
    *walk = (struct walk){0};
    assert_int_equal(xr_reader_open(store, &reader), XR_OK);
    xr_reader_log_span(reader, &first, &last);
    assert_int_equal(first, 1);
    for (uint64_t n = first; n <= last; n++) {
        struct xr_bin row = {0};
        struct xr_bin events = {0};
        struct xr_batch_head head = {0};
        struct xr_batch_event event = {0};
        assert_int_equal(xr_reader_log(reader, n, &row), XR_OK);
        assert_int_equal(xr_batch_open(row, &head, &events), XR_OK);
        assert_int_equal(head.batch_no, n);
        assert_memory_equal(head.prev_hash, hash, sizeof hash);
        assert_true(head.floor_ms >= walk->floor_ms_last);
        assert_true(head.epoch >= walk->epoch_last);
        for (uint32_t i = 0; i < head.events; i++) {
            uint8_t random[16];
            memcpy(random, event.random, sizeof random);
            assert_int_equal(xr_batch_next(&events, &event), XR_OK);
            assert_memory_not_equal(event.random, random, sizeof random);
            if (event.floor == number)
                replay_event(floor, tables, &head, &event, &effects, walk);
        }
        assert_int_equal(events.size, 0);
        xr_floor_settle(floor, tables);
        xr_effects_reset(&effects);
        xr_batch_hash(row, hash);
        walk->batches++;
        walk->events += head.events;
        walk->epoch_last = head.epoch;
        walk->floor_ms_last = head.floor_ms;
    }
    assert_memory_equal(read_meta(store).hash, hash, sizeof hash);
    xr_effects_fini(&effects);
    xr_reader_close(reader);
}

/* Where two floors' tables first differ: for people who look for the reason. */
static void expect_same_rows(struct xr_tables *a, struct xr_tables *b, enum xr_table table)
{
    struct xr_scan scans[2];
    struct xr_bin keys[2];
    struct xr_bin values[2];
    bool more = true;
    xr_tables_scan_open(a, table, (struct xr_bin){0}, false, &scans[0]);
    xr_tables_scan_open(b, table, (struct xr_bin){0}, false, &scans[1]);
    for (size_t row = 0; more; row++) {
        more = xr_tables_scan_next(a, &scans[0], &keys[0], &values[0]);
        const bool other = xr_tables_scan_next(b, &scans[1], &keys[1], &values[1]);
        if (more != other ||
            (more && (!xr_bin_equal(keys[0], keys[1]) || !xr_bin_equal(values[0], values[1]))))
            fail_msg("table %d differs at row %zu", (int)table, row);
    }
    xr_tables_scan_close(a, &scans[0]);
    xr_tables_scan_close(b, &scans[1]);
}

/* The log, carried out again from nothing, gives the tables and the index that are there. */
static struct walk expect_replay_gives_the_same(struct xr_store *store, uint32_t number)
{
    const struct xr_floor_options options = {
        .commit = XR_commit_mode_SYNC, .lease_ms = 15000, .beat_ms = 5000, .server = "test"};
    struct xr_floor *again = xr_floor_new(&options);
    struct xr_floor *loaded = xr_floor_new(&options);
    struct xr_tables *tables = xr_memory_tables_new();
    struct xr_reader *reader = NULL;
    struct walk walk;
    uint8_t live[32];
    uint8_t replayed[32];
    replay_log(store, number, again, tables, &walk);
    assert_int_equal(xr_reader_open(store, &reader), XR_OK);
    for (enum xr_table table = XR_TABLE_floor; table < XR_TABLE_COUNT; table++)
        expect_same_rows(xr_reader_tables(reader, number), tables, table);
    xr_tables_digest(xr_reader_tables(reader, number), live);
    xr_tables_digest(tables, replayed);
    assert_memory_equal(live, replayed, sizeof live);
    assert_int_equal(xr_floor_load(loaded, xr_reader_tables(reader, number)), XR_OK);
    xr_floor_digest(loaded, live);
    xr_floor_digest(again, replayed);
    assert_memory_equal(live, replayed, sizeof live);
    xr_reader_close(reader);
    xr_floor_free(again);
    xr_floor_free(loaded);
    xr_memory_tables_free(tables);
    return walk;
}

/* A little of everything: sessions, notes, transfers, refusals, a lost agent, a second floor. */
static void do_business(struct cast *cast)
{
    struct shop *shop = &cast->shop;
    uint32_t number = 0;
    const struct xr_agent_id ann = shop_account(shop, cast->boss, "ann", XR_role_AGENT);
    const struct xr_agent_id ben = shop_account(shop, cast->boss, "ben", XR_role_AGENT);
    struct shop_seat *a = shop_login(shop, 10, "ann");
    struct shop_seat *b = shop_login(shop, 11, "ben");
    const struct xr_be online = {.state = XR_presence_ONLINE};
    (void)shop_done(shop, a, XR_TYPE_be, &online);
    (void)shop_done(shop, b, XR_TYPE_be, &online);
    for (int i = 0; i < 20; i++) {
        char buyer[32];
        (void)snprintf(buyer, sizeof buyer, "buyer-%d", i);
        (void)shop_say(shop, cast->bridge, shop_session(shop, cast->bridge, buyer),
                       XR_STR("这件有货吗？"));
    }
    const struct xr_transfer transfer = {
        .session = cast->session, .agent = ben, .note = XR_STR("请跟进")};
    const uint64_t answers = a->answered;
    (void)shop_send(shop, a, XR_TYPE_transfer, &transfer); /* done or refused: both are events */
    shop_wait(shop, a, answers + 1);
    const struct xr_assign assign = {.session = cast->session, .agent = ann};
    const uint64_t before = cast->boss->answered;
    (void)shop_send(shop, cast->boss, XR_TYPE_assign, &assign);
    shop_wait(shop, cast->boss, before + 1);
    const struct xr_gone gone = {.device = a->device, .why = XR_gone_reason_CLOSED};
    shop_tell(shop, a, XR_TYPE_gone, &gone);
    assert_int_equal(
        xr_engine_found(shop->engine, XR_STR("second"), XR_STR("boss"), XR_STR("h"), &number),
        XR_OK);
    say_many(cast, 50);
}

static void the_index_equals_the_tables_after_every_batch(void **state)
{
    (void)state;
    struct cast cast = {.shop.on_outcome = shop_expect_index};
    begin(&cast);
    do_business(&cast);
    shop_close(&cast.shop);
}

static void the_log_carried_out_again_gives_the_same_tables(void **state)
{
    (void)state;
    struct cast cast = {0};
    begin(&cast);
    do_business(&cast);
    shop_stop(&cast.shop);
    struct xr_store *store = open_store(&cast.shop);
    const struct walk walk = expect_replay_gives_the_same(store, 1);
    assert_true(walk.events > 100);
    assert_int_equal(walk.started, 0);
    (void)expect_replay_gives_the_same(store, 2);
    xr_store_close(store);
    shop_close(&cast.shop);
}

/* ---- restarts ---- */

static void a_restart_goes_on_with_numbers_hashes_and_time(void **state)
{
    (void)state;
    struct cast cast = {0};
    begin(&cast);
    do_business(&cast);
    shop_stop(&cast.shop);
    for (uint64_t start = 2; start <= 4; start++) {
        struct xr_store *store = open_store(&cast.shop);
        const struct xr_meta before = read_meta(store);
        xr_store_close(store);
        shop_start(&cast.shop);
        cast.boss = shop_login(&cast.shop, 1, "boss");
        const struct xr_meta after = read_meta(cast.shop.store);
        assert_int_equal(after.epoch, start);
        assert_int_equal(after.owner, before.owner);
        assert_true(after.batch_no > before.batch_no);
        assert_true(after.floor_ms >= before.floor_ms);
        shop_stop(&cast.shop);
    }
    struct xr_store *store = open_store(&cast.shop);
    const struct walk walk = expect_replay_gives_the_same(store, 1);
    assert_int_equal(walk.started, 3);
    assert_int_equal(walk.epoch_last, 4);
    xr_store_close(store);
    shop_close(&cast.shop);
}

static void starting_and_stopping_at_once_still_tells_the_floors(void **state)
{
    (void)state;
    struct cast cast = {0};
    begin(&cast);
    shop_stop(&cast.shop);
    shop_start(&cast.shop);
    shop_stop(&cast.shop);
    struct xr_store *store = open_store(&cast.shop);
    assert_int_equal(expect_replay_gives_the_same(store, 1).started, 1);
    xr_store_close(store);
    shop_close(&cast.shop);
}

/* Start again as if the last batch had been written `ago_ms` before now. Returns how far floor_ms
 * went on; `down_ms` receives what the floor was told. */
static int64_t restart_after(struct cast *cast, int64_t ago_ms, uint64_t *down_ms)
{
    struct xr_store *store = open_store(&cast->shop);
    struct xr_meta meta = read_meta(store);
    const int64_t before = meta.floor_ms;
    meta.wall_ms -= ago_ms;
    put_meta(store, &meta);
    xr_store_close(store);
    shop_start(&cast->shop);
    shop_stop(&cast->shop);
    store = open_store(&cast->shop);
    *down_ms = expect_replay_gives_the_same(store, 1).down_ms_last;
    meta = read_meta(store);
    xr_store_close(store);
    return meta.floor_ms - before;
}

static void an_outage_counts_by_the_wall_clock_within_bounds(void **state)
{
    (void)state;
    const int64_t hour = INT64_C(3600) * 1000;
    const int64_t week = 7 * 24 * hour;
    struct cast cast = {0};
    uint64_t down_ms = 0;
    begin(&cast);
    shop_stop(&cast.shop);
    int64_t on = restart_after(&cast, hour, &down_ms);
    assert_true(on >= hour);
    assert_true(on < 2 * hour);
    assert_true(down_ms >= (uint64_t)hour);
    /* A wall clock set back: time stands, it does not go back. */
    on = restart_after(&cast, -24 * hour, &down_ms);
    assert_true(on >= 0);
    assert_true(on < hour);
    assert_int_equal(down_ms, 0);
    /* A wall clock a year ahead: a week at most. */
    on = restart_after(&cast, 365 * 24 * hour, &down_ms);
    assert_true(on >= week);
    assert_true(on < week + hour);
    assert_int_equal(down_ms, week);
    shop_close(&cast.shop);
}

/* ---- deadlines ---- */

static bool has_pushed(const struct shop *shop, void *context)
{
    return shop->pushes >= *(const uint64_t *)context;
}

static void a_deadline_makes_a_tick(void **state)
{
    (void)state;
    struct cast cast = {0};
    begin(&cast);
    const struct xr_setting_set grace = {.name = XR_STR("grace_s"), .value = 1};
    (void)shop_done(&cast.shop, cast.boss, XR_TYPE_setting_set, &grace);
    (void)shop_account(&cast.shop, cast.boss, "ann", XR_role_AGENT);
    struct shop_seat *ann = shop_login(&cast.shop, 10, "ann");
    const struct xr_be online = {.state = XR_presence_ONLINE};
    (void)shop_done(&cast.shop, ann, XR_TYPE_be, &online);
    say_many(&cast, 1); /* ann owes an answer */
    const struct xr_gone gone = {.device = ann->device, .why = XR_gone_reason_CLOSED};
    uint64_t wanted = cast.shop.pushes + 2; /* she is lost; later her session is taken back */
    shop_tell(&cast.shop, ann, XR_TYPE_gone, &gone);
    shop_wait_for(&cast.shop, has_pushed, &wanted);
    shop_stop(&cast.shop);
    struct xr_store *store = open_store(&cast.shop);
    assert_true(expect_replay_gives_the_same(store, 1).ticks >= 1);
    xr_store_close(store);
    shop_close(&cast.shop);
}

/* ---- retention ---- */

static void the_log_forgets_its_oldest_and_keeps_its_last(void **state)
{
    (void)state;
    struct cast cast = {.shop.log_bytes_max = 16 * 1024};
    begin(&cast);
    for (int i = 0; i < 100; i++)
        say_many(&cast, 3);
    shop_stop(&cast.shop);
    for (int i = 0; i < 2; i++) {
        shop_start(&cast.shop);
        shop_stop(&cast.shop);
    }
    struct xr_store *store = open_store(&cast.shop);
    const struct xr_meta meta = read_meta(store);
    struct xr_reader *reader = NULL;
    uint64_t first = 0;
    uint64_t last = 0;
    uint64_t bytes = 0;
    assert_int_equal(xr_reader_open(store, &reader), XR_OK);
    xr_reader_log_span(reader, &first, &last);
    assert_true(first > 1);
    assert_int_equal(first, meta.log_first);
    assert_int_equal(last, meta.batch_no);
    for (uint64_t n = first; n <= last; n++) {
        struct xr_bin row = {0};
        assert_int_equal(xr_reader_log(reader, n, &row), XR_OK);
        bytes += row.size;
    }
    assert_int_equal(bytes, meta.log_bytes);
    assert_true(bytes < 32 * 1024);
    xr_reader_close(reader);
    xr_store_close(store);
    shop_close(&cast.shop);
}

/* ---- a store that does not hold together ---- */

static void expect_no_start(struct cast *cast)
{
    assert_int_equal(shop_try_start(&cast->shop), XR_CORRUPT);
    assert_null(cast->shop.engine);
}

static void a_log_that_disagrees_with_meta_is_not_started(void **state)
{
    (void)state;
    struct cast cast = {0};
    begin(&cast);
    shop_stop(&cast.shop);
    struct xr_store *store = open_store(&cast.shop);
    const struct xr_meta good = read_meta(store);
    struct xr_meta bad = good;
    bad.hash[0] ^= 1;
    put_meta(store, &bad);
    xr_store_close(store);
    expect_no_start(&cast);

    store = open_store(&cast.shop);
    bad = good;
    bad.batch_no--;
    put_meta(store, &bad);
    xr_store_close(store);
    expect_no_start(&cast);

    store = open_store(&cast.shop);
    assert_int_equal(xr_store_begin(store), XR_OK);
    xr_store_log_delete(store, good.batch_no);
    assert_int_equal(xr_store_commit(store), XR_OK);
    put_meta(store, &good);
    xr_store_close(store);
    expect_no_start(&cast);
    shop_close(&cast.shop);
}

static void a_healthy_store_is_started_after_the_same_handling(void **state)
{
    (void)state;
    struct cast cast = {0};
    begin(&cast);
    shop_stop(&cast.shop);
    struct xr_store *store = open_store(&cast.shop);
    const struct xr_meta good = read_meta(store);
    put_meta(store, &good);
    xr_store_close(store);
    assert_int_equal(shop_try_start(&cast.shop), XR_OK);
    shop_close(&cast.shop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_founded_floor_is_durable_and_has_a_name),
        cmocka_unit_test(effects_follow_the_commit_in_each_senders_order),
        cmocka_unit_test(stopping_carries_out_what_was_submitted),
        cmocka_unit_test(a_full_queue_refuses_and_takes_again),
        cmocka_unit_test(the_index_equals_the_tables_after_every_batch),
        cmocka_unit_test(the_log_carried_out_again_gives_the_same_tables),
        cmocka_unit_test(a_restart_goes_on_with_numbers_hashes_and_time),
        cmocka_unit_test(starting_and_stopping_at_once_still_tells_the_floors),
        cmocka_unit_test(an_outage_counts_by_the_wall_clock_within_bounds),
        cmocka_unit_test(a_deadline_makes_a_tick),
        cmocka_unit_test(the_log_forgets_its_oldest_and_keeps_its_last),
        cmocka_unit_test(a_log_that_disagrees_with_meta_is_not_started),
        cmocka_unit_test(a_healthy_store_is_started_after_the_same_handling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
