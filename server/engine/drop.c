/* What happens where there is no room to write. shard.h has the order. */
#include "engine/shard.h"

#include "base/clock.h"
#include "base/log.h"
#include "store/store.h"

#include <time.h>

#define READER_TRIES 5000

/* What becomes of an event whose batch could not be stored. */
enum fate {
    FATE_ANSWER, /* somebody waits for an answer: it is `storage` */
    FATE_KEEP,   /* it happened, and nobody will say it again: it goes first next time */
    FATE_FORGET, /* the deadline that made it still stands */
    FATE_FAIL,   /* xr_engine_found waits */
};

static enum fate choose_fate(enum xr_type type)
{
    switch (type) {
    case XR_TYPE_came:
    case XR_TYPE_asked:
    case XR_TYPE_proved:
        return FATE_ANSWER;
    case XR_TYPE_tick:
        return FATE_FORGET;
    case XR_TYPE_founded:
        return FATE_FAIL;
    default:
        return xr_message_info(type)->kind == XR_KIND_COMMAND ? FATE_ANSWER : FATE_KEEP;
    }
}

static void meet_fate(struct xr_engine *engine, struct xr_outcome *outcome,
                      struct xr_submission *take)
{
    switch (choose_fate(take->type)) {
    case FATE_KEEP:
        xr_submissions_push(&engine->kept, take);
        return;
    case FATE_ANSWER:
        xr_outcome_refuse(outcome, take);
        break;
    case FATE_FAIL:
        xr_registry_settle(&engine->registry, take->floor, false);
        break;
    case FATE_FORGET:
        break;
    }
    xr_mem_free(take);
}

/* Others may hold every reader there is, for a moment. */
static struct xr_reader *open_reader(struct xr_engine *engine)
{
    struct xr_reader *reader = NULL;
    enum xr_status status = xr_reader_open(engine->options.store, &reader);
    for (int i = 0; i < READER_TRIES && status == XR_BUSY; i++) {
        const struct timespec while_ms = {.tv_nsec = 1000000};
        (void)nanosleep(&while_ms, NULL);
        status = xr_reader_open(engine->options.store, &reader);
    }
    if (status != XR_OK)
        xr_engine_die("the store could not be read again", status);
    return reader;
}

static void reload_floor(struct xr_shop *shop, struct xr_reader *reader, uint32_t number)
{
    const enum xr_status status = xr_floor_load(shop->floor, xr_reader_tables(reader, number));
    if (status != XR_OK)
        xr_engine_die("a floor could not be loaded again", status);
}

/* The indexes are ahead of the tables: build them anew. A floor that was not founded goes. */
static void reload_floors(struct xr_engine *engine)
{
    struct xr_turn *turn = &engine->turn;
    struct xr_reader *reader = open_reader(engine);
    for (uint32_t i = 0; i < turn->touched_count; i++) {
        struct xr_shop *shop = &engine->shops[turn->touched[i]];
        if (shop->is_new) {
            xr_floor_free(shop->floor);
            *shop = (struct xr_shop){.deadline = INT64_MAX};
            continue;
        }
        if (turn->is_stepped)
            reload_floor(shop, reader, turn->touched[i]);
        shop->deadline = xr_floor_deadline(shop->floor);
        shop->is_touched = false;
    }
    xr_reader_close(reader);
}

static void turn_read_only(struct xr_engine *engine)
{
    engine->retry_ns = xr_clock_mono_ns() + XR_RETRY_NS;
    if (engine->is_read_only)
        return;
    xr_log_line(XR_LOG_ERROR, "read_only", "batch=%llu",
                (unsigned long long)engine->turn.head.batch_no);
    xr_engine_say_read_only(engine, true);
}

/* Answers that stand for `events` counted submissions. */
static void send_refusals(struct xr_engine *engine, struct xr_outcome *outcome, uint32_t events)
{
    outcome->batch_no = engine->meta.batch_no;
    outcome->events = events;
    xr_inbox_done(&engine->inbox, events);
    if (outcome->effects.count == 0 && events == 0)
        xr_outcome_free(outcome);
    else
        engine->options.on_effects(engine->options.context, outcome);
}

void xr_turn_drop(struct xr_engine *engine)
{
    struct xr_turn *turn = &engine->turn;
    struct xr_submissions later = engine->kept; /* beyond this batch */
    struct xr_outcome *outcome = XR_MOVE(turn->outcome);
    xr_effects_reset(&outcome->effects);
    reload_floors(engine);
    engine->kept = (struct xr_submissions){0};
    for (uint32_t i = 0; i < turn->count; i++)
        meet_fate(engine, outcome, turn->at[i]);
    turn->count = 0;
    xr_submissions_move(&engine->kept, &later);
    turn_read_only(engine);
    send_refusals(engine, outcome, turn->counted);
}

void xr_turn_refuse_waiting(struct xr_engine *engine)
{
    struct xr_outcome *outcome = xr_outcome_take(engine->pool);
    struct xr_submission *next;
    uint32_t counted = 0;
    while ((next = xr_submissions_pop(&engine->pending)) != NULL) {
        counted += next->type != XR_TYPE_founded;
        meet_fate(engine, outcome, next);
    }
    send_refusals(engine, outcome, counted);
}
