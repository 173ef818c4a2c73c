/* One batch, from what waits to what is durable. shard.h has the order. */
#include "engine/shard.h"

#include "base/clock.h"
#include "base/entropy.h"
#include "base/fail.h"
#include "base/log.h"
#include "store/store.h"

#define EVENT_BYTES 96 /* of an event in a batch beside its body, at most */
#define HEAD_BYTES  128

/* ---- gather ---------------------------------------------------------------------------------- */

static void reset_turn(struct xr_engine *engine)
{
    struct xr_turn *turn = &engine->turn;
    turn->count = 0;
    turn->counted = 0;
    turn->touched_count = 0;
    turn->bytes = 0;
    turn->is_stepped = false;
    turn->meta = engine->meta;
    turn->retention = engine->retention;
    turn->step_ns = 0;
    turn->commit_ns = 0;
}

static void touch_floor(struct xr_engine *engine, uint32_t number, bool is_founding)
{
    struct xr_shop *shop = xr_engine_shop(engine, number);
    if (is_founding) {
        XR_ASSERT(shop->floor == NULL);
        shop->floor = xr_floor_new(&engine->options.floor);
        shop->is_new = true;
    }
    XR_ASSERT(shop->floor != NULL);
    if (shop->is_touched)
        return;
    shop->is_touched = true;
    engine->turn.touched[engine->turn.touched_count++] = number;
}

static void add_event(struct xr_engine *engine, struct xr_submission *take)
{
    touch_floor(engine, take->floor, take->type == XR_TYPE_founded);
    engine->turn.at[engine->turn.count++] = take;
    engine->turn.bytes += EVENT_BYTES + take->body_size;
}

/* The first fits always: a frame is smaller than a batch. */
static bool has_room(const struct xr_turn *turn, const struct xr_submission *next)
{
    if (turn->count == XR_BATCH_EVENTS_MAX)
        return false;
    return turn->count == 0 || turn->bytes + EVENT_BYTES + next->body_size <= XR_BATCH_BYTES_MAX;
}

static void gather_kept(struct xr_engine *engine)
{
    while (engine->kept.head != NULL && has_room(&engine->turn, engine->kept.head))
        add_event(engine, xr_submissions_pop(&engine->kept));
}

/* A tick comes behind the kept events, so that `started` re-arms before anything falls due, and
 * before the commands, which come later than the deadline did. */
static void gather_ticks(struct xr_engine *engine)
{
    const struct xr_tick tick = {0};
    struct xr_turn *turn = &engine->turn;
    for (uint32_t number = 1; number < engine->shop_count; number++) {
        const struct xr_shop *shop = &engine->shops[number];
        if (turn->count == XR_BATCH_EVENTS_MAX)
            return;
        if (shop->floor != NULL && shop->deadline <= turn->head.floor_ms)
            add_event(engine, xr_engine_make(number, XR_TYPE_tick, &tick));
    }
}

static void gather_pending(struct xr_engine *engine)
{
    while (engine->pending.head != NULL && has_room(&engine->turn, engine->pending.head)) {
        struct xr_submission *next = xr_submissions_pop(&engine->pending);
        add_event(engine, next);
        engine->turn.counted += next->type != XR_TYPE_founded;
    }
}

void xr_turn_gather(struct xr_engine *engine)
{
    struct xr_turn *turn = &engine->turn;
    reset_turn(engine);
    turn->head = (struct xr_batch_head){
        .format = XR_BATCH_FORMAT,
        .rules = XR_BATCH_RULES,
        .shard = engine->meta.shard,
        .epoch = engine->epoch,
        .owner = engine->meta.owner,
        .batch_no = engine->meta.batch_no + 1,
        .floor_ms = xr_engine_floor_ms(engine),
        .wall_ms = xr_clock_wall_ms(),
    };
    for (size_t i = 0; i < sizeof turn->head.prev_hash; i++)
        turn->head.prev_hash[i] = engine->meta.hash[i];
    gather_kept(engine);
    if (engine->kept.head == NULL) {
        gather_ticks(engine);
        gather_pending(engine);
    }
    turn->head.events = turn->count;
    xr_entropy_fill(turn->random, turn->count * sizeof turn->random[0]);
}

/* ---- carry out ------------------------------------------------------------------------------- */

static void encode_event(struct xr_turn *turn, uint32_t place)
{
    const struct xr_submission *from = turn->at[place];
    struct xr_batch_event event = {
        .floor = from->floor,
        .who = from->who,
        .device = from->device,
        .counter = from->counter,
        .origin = from->origin,
        .type = from->type,
        .body = {from->body, from->body_size},
    };
    for (size_t i = 0; i < sizeof event.random; i++)
        event.random[i] = turn->random[place][i];
    xr_batch_add(&turn->encoded, &event);
}

static void encode_batch(struct xr_turn *turn)
{
    xr_buf_reset(&turn->encoded);
    xr_batch_begin(&turn->encoded, &turn->head);
    for (uint32_t i = 0; i < turn->count; i++)
        encode_event(turn, i);
    xr_batch_end(&turn->encoded);
    XR_ASSERT(!turn->encoded.failed);
}

static struct xr_bin encoded_batch(const struct xr_turn *turn)
{
    return (struct xr_bin){turn->encoded.at, (uint32_t)turn->encoded.size};
}

static void step_event(struct xr_engine *engine, uint32_t place)
{
    struct xr_turn *turn = &engine->turn;
    const struct xr_submission *from = turn->at[place];
    struct xr_effects *effects = &turn->outcome->effects;
    const size_t before = effects->count;
    struct xr_event event = {
        .who = from->who,
        .device = from->device,
        .counter = from->counter,
        .origin = from->origin,
        .floor_ms = turn->head.floor_ms,
        .wall_ms = turn->head.wall_ms,
        .type = from->type,
    };
    struct xr_wire_error error = {0};
    for (size_t i = 0; i < sizeof event.random; i++)
        event.random[i] = turn->random[place][i];
    xr_arena_reset(turn->bodies);
    const enum xr_status status =
        xr_body_decode(from->type, (struct xr_bin){from->body, from->body_size}, turn->bodies,
                       &event.message, &error);
    XR_ASSERT(status == XR_OK); /* the submitter has validated it */
    xr_floor_step(engine->shops[from->floor].floor,
                  xr_store_tables(engine->options.store, from->floor), &event, effects);
    for (size_t i = before; i < effects->count; i++)
        effects->at[i].floor = from->floor;
}

static void step_all(struct xr_engine *engine)
{
    struct xr_turn *turn = &engine->turn;
    const uint64_t began_ns = xr_clock_mono_ns();
    turn->is_stepped = true;
    for (uint32_t i = 0; i < turn->count; i++) {
        step_event(engine, i);
        XR_FAIL_POINT(in_step);
        if (xr_store_failed(engine->options.store) != XR_OK)
            return; /* what the floor writes now is lost: it would not find it again */
    }
    for (uint32_t i = 0; i < turn->touched_count; i++)
        xr_floor_settle(engine->shops[turn->touched[i]].floor,
                        xr_store_tables(engine->options.store, turn->touched[i]));
    turn->step_ns = xr_clock_mono_ns() - began_ns;
}

/* What stays is at least the last batch: the next start compares it with meta. */
static bool is_due(const struct xr_engine *engine, const struct xr_retention *retention)
{
    const int64_t days_ms = (int64_t)engine->options.log_days * 24 * 3600 * 1000;
    if (retention->oldest == 0 || retention->oldest >= engine->meta.batch_no)
        return false;
    return retention->log_bytes > engine->options.log_bytes_max ||
           retention->wall_ms < engine->turn.head.wall_ms - days_ms;
}

/* A row that is damaged counts as old. One that cannot be read now is looked at later. */
static void look_at_oldest(struct xr_engine *engine, struct xr_retention *retention,
                           uint64_t number)
{
    struct xr_bin row = {0};
    struct xr_bin events = {0};
    struct xr_batch_head head = {0};
    const enum xr_status status = engine->log->ops->read(engine->log, number, &row);
    retention->oldest = status == XR_OK || status == XR_NONE ? number : 0;
    retention->bytes = row.size;
    retention->wall_ms = 0;
    if (status == XR_OK && xr_batch_open(row, &head, &events) == XR_OK)
        retention->wall_ms = head.wall_ms;
    else
        xr_log_line(XR_LOG_WARN, "log_row_not_read", "batch=%llu status=%s",
                    (unsigned long long)number, xr_status_name(status));
}

static void plan_retention(struct xr_engine *engine)
{
    struct xr_retention *retention = &engine->turn.retention;
    retention->forget = 0;
    if (retention->oldest == 0 && engine->meta.log_first != 0)
        look_at_oldest(engine, retention, engine->meta.log_first);
    for (int i = 0; i < XR_FORGET_PER_TURN && is_due(engine, retention); i++) {
        retention->forget = retention->oldest;
        retention->log_bytes -= retention->bytes;
        look_at_oldest(engine, retention, retention->oldest + 1);
    }
}

static void plan_meta(struct xr_turn *turn)
{
    struct xr_meta *meta = &turn->meta;
    meta->epoch = turn->head.epoch;
    meta->batch_no = turn->head.batch_no;
    meta->floor_ms = turn->head.floor_ms;
    meta->wall_ms = turn->head.wall_ms;
    xr_batch_hash(encoded_batch(turn), meta->hash);
    turn->retention.log_bytes += turn->encoded.size;
    meta->log_bytes = turn->retention.log_bytes;
    if (turn->retention.forget != 0)
        meta->log_first = turn->retention.forget + 1;
    else if (meta->log_first == 0)
        meta->log_first = meta->batch_no;
}

static enum xr_status write_log(struct xr_engine *engine)
{
    struct xr_turn *turn = &engine->turn;
    struct xr_log *log = engine->log;
    enum xr_status status = xr_store_failed(engine->options.store);
    if (status == XR_OK)
        status = log->ops->append(log, engine->meta.batch_no, encoded_batch(turn));
    if (status == XR_OK && turn->retention.forget != 0)
        status = log->ops->truncate(log, turn->retention.forget);
    if (status != XR_OK)
        return status;
    xr_buf_reset(&turn->row);
    xr_meta_encode(&turn->row, &turn->meta);
    XR_ASSERT(!turn->row.failed);
    xr_store_meta_put(engine->options.store,
                      (struct xr_bin){turn->row.at, (uint32_t)turn->row.size});
    return xr_store_failed(engine->options.store);
}

static enum xr_status commit_batch(struct xr_engine *engine)
{
    const uint64_t began_ns = xr_clock_mono_ns();
    XR_FAIL_POINT(before_commit);
    const enum xr_status status = xr_store_commit(engine->options.store);
    engine->turn.commit_ns = xr_clock_mono_ns() - began_ns;
    return status;
}

/* Inside the write transaction, which is over afterwards. */
static enum xr_status carry_out_open(struct xr_engine *engine)
{
    step_all(engine);
    enum xr_status status = write_log(engine);
    if (status == XR_OK)
        status = commit_batch(engine);
    else
        xr_store_abort(engine->options.store);
    xr_local_settle(&engine->local, status == XR_OK);
    return status;
}

enum xr_status xr_turn_carry_out(struct xr_engine *engine)
{
    struct xr_turn *turn = &engine->turn;
    turn->outcome = xr_outcome_take(engine->pool);
    encode_batch(turn);
    plan_retention(engine);
    plan_meta(turn);
    enum xr_status status = xr_store_begin(engine->options.store);
    if (status == XR_OK)
        status = carry_out_open(engine);
    if (status != XR_OK && status != XR_STORAGE)
        xr_engine_die("a batch could not be written", status);
    return status;
}

/* ---- deliver --------------------------------------------------------------------------------- */

static void leave_floors(struct xr_engine *engine)
{
    struct xr_turn *turn = &engine->turn;
    for (uint32_t i = 0; i < turn->touched_count; i++) {
        struct xr_shop *shop = &engine->shops[turn->touched[i]];
        shop->deadline = xr_floor_deadline(shop->floor);
        shop->is_touched = false;
        if (shop->is_new)
            xr_registry_settle(&engine->registry, turn->touched[i], true);
        shop->is_new = false;
    }
}

static void free_submissions(struct xr_turn *turn)
{
    for (uint32_t i = 0; i < turn->count; i++)
        xr_mem_free(turn->at[i]);
    turn->count = 0;
}

static void count_batch(struct xr_engine *engine)
{
    const struct xr_turn *turn = &engine->turn;
    struct xr_engine_figures *figures = &engine->figures;
    XR_ASSERT(pthread_mutex_lock(&engine->figures_lock) == 0);
    figures->batches++;
    figures->events += turn->count;
    figures->log_bytes = turn->meta.log_bytes;
    figures->commit_ns_sum += turn->commit_ns;
    figures->step_ns_sum += turn->step_ns;
    if (turn->commit_ns > figures->commit_ns_max)
        figures->commit_ns_max = turn->commit_ns;
    if (turn->count > figures->batch_events_max)
        figures->batch_events_max = turn->count;
    XR_ASSERT(pthread_mutex_unlock(&engine->figures_lock) == 0);
}

void xr_turn_deliver(struct xr_engine *engine)
{
    struct xr_turn *turn = &engine->turn;
    struct xr_outcome *outcome = XR_MOVE(turn->outcome);
    XR_FAIL_POINT(after_commit_before_effects);
    engine->meta = turn->meta;
    engine->retention = turn->retention;
    outcome->batch_no = turn->head.batch_no;
    outcome->events = turn->counted;
    count_batch(engine);
    leave_floors(engine);
    xr_inbox_done(&engine->inbox, turn->counted);
    engine->options.on_effects(engine->options.context, outcome);
    free_submissions(turn);
}
