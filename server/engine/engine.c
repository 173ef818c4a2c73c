/* Start, loop, stop, and what other threads may ask. shard.h has the way of a batch. */
#include "engine/shard.h"

#include "base/clock.h"
#include "base/entropy.h"
#include "base/log.h"
#include "store/store.h"

#include <stdlib.h>
#include <string.h>

#define QUEUE_MAX     65536
#define LOG_BYTES_MAX (UINT64_C(4) << 30)
#define LOG_DAYS      7
#define BATCH_BYTES   (2 * 1024 * 1024) /* events, their heads, and one frame more */
#define META_BYTES    256
#define FORMAT_RECORD 1 /* first byte of a value of a table */

/* ---- helpers --------------------------------------------------------------------------------- */

void xr_engine_die(const char *what, enum xr_status status)
{
    xr_log_line(XR_LOG_ERROR, "engine_dies", "why=\"%s\" status=%s", what, xr_status_name(status));
    abort();
}

struct xr_submission *xr_engine_make(uint32_t floor, enum xr_type type, const void *message)
{
    struct xr_buf body;
    xr_buf_init(&body, XR_FRAME_BYTES_MAX);
    xr_body_encode(&body, type, message);
    XR_ASSERT(!body.failed);
    struct xr_submission *made = xr_mem_zero(1, sizeof *made + body.size);
    XR_ASSERT(made != NULL);
    made->floor = floor;
    made->type = type;
    made->body_size = (uint32_t)body.size;
    memcpy(made->body, body.at, body.size);
    xr_buf_fini(&body);
    return made;
}

void xr_engine_say_read_only(struct xr_engine *engine, bool read_only)
{
    engine->is_read_only = read_only;
    XR_ASSERT(pthread_mutex_lock(&engine->figures_lock) == 0);
    engine->figures.read_only = read_only;
    XR_ASSERT(pthread_mutex_unlock(&engine->figures_lock) == 0);
    if (engine->options.on_read_only != NULL)
        engine->options.on_read_only(engine->options.context, read_only);
}

int64_t xr_engine_floor_ms(const struct xr_engine *engine)
{
    const uint64_t gone_ns = xr_clock_mono_ns() - engine->base_mono_ns;
    const int64_t now = engine->base_floor_ms + (int64_t)(gone_ns / 1000000u);
    return now > engine->meta.floor_ms ? now : engine->meta.floor_ms;
}

struct xr_shop *xr_engine_shop(struct xr_engine *engine, uint32_t number)
{
    if (number >= engine->shop_count) {
        engine->shops = xr_mem_grow(engine->shops, (number + 1) * sizeof *engine->shops);
        XR_ASSERT(engine->shops != NULL);
        while (engine->shop_count <= number)
            engine->shops[engine->shop_count++] = (struct xr_shop){.deadline = INT64_MAX};
    }
    return &engine->shops[number];
}

/* ---- the floor thread ------------------------------------------------------------------------ */

static int64_t wait_for_retry_ms(const struct xr_engine *engine)
{
    const uint64_t now_ns = xr_clock_mono_ns();
    if (now_ns >= engine->retry_ns)
        return 0;
    return (int64_t)((engine->retry_ns - now_ns) / 1000000u) + 1;
}

static int64_t wait_for_deadline_ms(const struct xr_engine *engine)
{
    const int64_t now = xr_engine_floor_ms(engine);
    int64_t until = now + XR_SLEEP_MS_MAX;
    for (uint32_t i = 1; i < engine->shop_count; i++)
        if (engine->shops[i].floor != NULL && engine->shops[i].deadline < until)
            until = engine->shops[i].deadline;
    return until > now ? until - now : 0;
}

static int64_t wait_ms(const struct xr_engine *engine)
{
    if (engine->pending.head != NULL)
        return 0;
    if (engine->is_read_only)
        return wait_for_retry_ms(engine);
    if (engine->kept.head != NULL)
        return 0;
    return wait_for_deadline_ms(engine);
}

static void turn_writable(struct xr_engine *engine)
{
    if (!engine->is_read_only)
        return;
    xr_log_line(XR_LOG_INFO, "writable", "batch=%llu",
                (unsigned long long)engine->turn.head.batch_no);
    xr_engine_say_read_only(engine, false);
}

/* While read-only an empty batch is tried too: so the engine finds out by itself. */
static void try_batch(struct xr_engine *engine)
{
    xr_turn_gather(engine);
    if (engine->turn.count == 0 && !engine->is_read_only)
        return;
    if (xr_turn_carry_out(engine) != XR_OK) {
        xr_turn_drop(engine);
        return;
    }
    turn_writable(engine);
    xr_turn_deliver(engine);
}

/* Returns false when all is done that will be done. */
static bool take_turn(struct xr_engine *engine)
{
    const bool goes_on = xr_inbox_take(&engine->inbox, wait_ms(engine), &engine->pending);
    const bool is_idle =
        engine->pending.head == NULL && (engine->kept.head == NULL || engine->is_read_only);
    if (!goes_on && is_idle)
        return false;
    if (engine->is_read_only && wait_for_retry_ms(engine) > 0)
        xr_turn_refuse_waiting(engine);
    else
        try_batch(engine);
    return true;
}

static void *run_floor_thread(void *context)
{
    struct xr_engine *engine = context;
    while (take_turn(engine))
        ;
    return NULL;
}

/* ---- start ----------------------------------------------------------------------------------- */

/* The last batch must be the one that meta tells of. */
static enum xr_status verify_tip(struct xr_engine *engine)
{
    struct xr_bin row = {0};
    struct xr_bin events = {0};
    struct xr_batch_head head = {0};
    uint8_t hash[32];
    const struct xr_meta *meta = &engine->meta;
    if (engine->local.last != meta->batch_no || engine->local.first != meta->log_first)
        return XR_CORRUPT;
    if (meta->batch_no == 0)
        return XR_OK;
    const enum xr_status status = engine->log->ops->read(engine->log, meta->batch_no, &row);
    if (status != XR_OK)
        return status == XR_NONE ? XR_CORRUPT : status;
    if (xr_batch_open(row, &head, &events) != XR_OK)
        return XR_CORRUPT;
    xr_batch_hash(row, hash);
    if (head.batch_no != meta->batch_no || head.epoch != meta->epoch)
        return XR_CORRUPT;
    return memcmp(hash, meta->hash, sizeof hash) == 0 ? XR_OK : XR_CORRUPT;
}

static enum xr_status read_meta(struct xr_engine *engine, struct xr_reader *reader)
{
    struct xr_bin row = {0};
    const enum xr_status status = xr_reader_meta(reader, &row);
    if (status == XR_NONE) {
        engine->meta = (struct xr_meta){.owner = xr_entropy_number()};
        return XR_OK;
    }
    return status == XR_OK ? xr_meta_decode(row, &engine->meta) : status;
}

/*
 * Begin the floor's time. Over an outage it goes on by the wall clock's difference, within bounds.
 * At the very first start it is 1: records use 0 for "none".
 * Returns the length of the outage.
 */
static int64_t begin_time(struct xr_engine *engine)
{
    int64_t down_ms = 0;
    if (engine->meta.batch_no != 0)
        down_ms = xr_clock_wall_ms() - engine->meta.wall_ms;
    if (down_ms < 0)
        down_ms = 0;
    if (down_ms > XR_OUTAGE_MS_MAX)
        down_ms = XR_OUTAGE_MS_MAX;
    engine->base_floor_ms = engine->meta.floor_ms + down_ms;
    if (engine->base_floor_ms == 0)
        engine->base_floor_ms = 1;
    engine->base_mono_ns = xr_clock_mono_ns();
    return down_ms;
}

static enum xr_status register_floor(struct xr_engine *engine, uint32_t number,
                                     struct xr_tables *tables)
{
    struct xr_bin row = {0};
    struct xr_wire_error error = {0};
    const void *record = NULL;
    if (xr_tables_get(tables, XR_TABLE_floor, (struct xr_bin){0}, &row) != XR_OK)
        return XR_CORRUPT;
    if (row.size < 1 || row.at[0] != FORMAT_RECORD)
        return XR_CORRUPT;
    xr_arena_reset(engine->turn.bodies);
    enum xr_status status =
        xr_body_decode(XR_TYPE_floor_record, (struct xr_bin){row.at + 1, row.size - 1},
                       engine->turn.bodies, &record, &error);
    if (status != XR_OK)
        return status == XR_BAD ? XR_CORRUPT : status;
    status =
        xr_registry_add(&engine->registry, number, ((const struct xr_floor_record *)record)->name);
    return status == XR_EXISTS ? XR_CORRUPT : status;
}

static enum xr_status load_floor(struct xr_engine *engine, uint32_t number,
                                 struct xr_tables *tables)
{
    struct xr_shop *shop = xr_engine_shop(engine, number);
    shop->floor = xr_floor_new(&engine->options.floor);
    if (shop->floor == NULL)
        return XR_NOMEM;
    enum xr_status status = register_floor(engine, number, tables);
    if (status == XR_OK)
        status = xr_floor_load(shop->floor, tables);
    if (status == XR_OK)
        shop->deadline = xr_floor_deadline(shop->floor);
    return status;
}

static enum xr_status load_floors(struct xr_engine *engine, struct xr_reader *reader)
{
    enum xr_status status = XR_OK;
    const size_t count = xr_reader_floors(reader, NULL, 0);
    uint32_t *numbers = xr_mem_zero(count + 1, sizeof *numbers);
    if (numbers == NULL)
        return XR_NOMEM;
    XR_ASSERT(xr_reader_floors(reader, numbers, count) == count);
    for (size_t i = 0; i < count && status == XR_OK; i++)
        status = load_floor(engine, numbers[i], xr_reader_tables(reader, numbers[i]));
    xr_mem_free(numbers);
    return status;
}

static enum xr_status read_store(struct xr_engine *engine)
{
    struct xr_reader *reader = NULL;
    enum xr_status status = xr_reader_open(engine->options.store, &reader);
    if (status != XR_OK)
        return status;
    status = read_meta(engine, reader);
    if (status == XR_OK)
        status = load_floors(engine, reader);
    xr_reader_close(reader);
    return status == XR_OK ? verify_tip(engine) : status;
}

static void keep_started(struct xr_engine *engine, int64_t down_ms)
{
    const struct xr_started started = {
        .down_ms = (uint64_t)down_ms,
        .lease_ms = engine->options.floor.lease_ms,
    };
    for (uint32_t number = 1; number < engine->shop_count; number++)
        if (engine->shops[number].floor != NULL)
            xr_submissions_push(&engine->kept, xr_engine_make(number, XR_TYPE_started, &started));
}

static void set_defaults(struct xr_engine_options *options)
{
    XR_ASSERT(options->store != NULL);
    XR_ASSERT(options->on_effects != NULL);
    if (options->queue_max == 0)
        options->queue_max = QUEUE_MAX;
    if (options->log_bytes_max == 0)
        options->log_bytes_max = LOG_BYTES_MAX;
    if (options->log_days == 0)
        options->log_days = LOG_DAYS;
}

static void free_engine(struct xr_engine *engine)
{
    for (uint32_t i = 0; i < engine->shop_count; i++)
        xr_floor_free(engine->shops[i].floor);
    xr_mem_free(engine->shops);
    xr_submissions_clear(&engine->pending);
    xr_submissions_clear(&engine->kept);
    xr_buf_fini(&engine->turn.encoded);
    xr_buf_fini(&engine->turn.row);
    xr_arena_free(engine->turn.bodies);
    xr_outcome_pool_drop(engine->pool);
    xr_registry_fini(&engine->registry);
    xr_inbox_fini(&engine->inbox);
    xr_local_fini(&engine->local);
    (void)pthread_mutex_destroy(&engine->figures_lock);
    xr_mem_free(engine);
}

static struct xr_engine *new_engine(const struct xr_engine_options *options)
{
    struct xr_engine *engine = xr_mem_zero(1, sizeof *engine);
    if (engine == NULL)
        return NULL;
    engine->options = *options;
    set_defaults(&engine->options);
    XR_ASSERT(pthread_mutex_init(&engine->figures_lock, NULL) == 0);
    xr_inbox_init(&engine->inbox, engine->options.queue_max);
    xr_registry_init(&engine->registry);
    xr_buf_init(&engine->turn.encoded, BATCH_BYTES);
    xr_buf_init(&engine->turn.row, META_BYTES);
    engine->turn.bodies = xr_arena_new(64 * 1024);
    engine->pool = xr_outcome_pool_new();
    if (engine->turn.bodies == NULL || engine->pool == NULL) {
        free_engine(engine);
        return NULL;
    }
    return engine;
}

enum xr_status xr_engine_start(const struct xr_engine_options *options, struct xr_engine **out)
{
    xr_entropy_init();
    struct xr_engine *engine = new_engine(options);
    if (engine == NULL)
        return XR_NOMEM;
    enum xr_status status = xr_local_init(&engine->local, engine->options.store);
    engine->log = &engine->local.log;
    if (status == XR_OK)
        status = read_store(engine);
    if (status == XR_OK) {
        engine->epoch = engine->meta.epoch + 1;
        engine->retention.log_bytes = engine->meta.log_bytes;
        engine->figures.log_bytes = engine->meta.log_bytes;
        keep_started(engine, begin_time(engine));
        if (pthread_create(&engine->thread, NULL, run_floor_thread, engine) != 0)
            status = XR_IO;
    }
    if (status != XR_OK) {
        free_engine(engine);
        return status;
    }
    *out = engine;
    return XR_OK;
}

void xr_engine_stop(struct xr_engine *engine)
{
    if (engine == NULL)
        return;
    xr_inbox_close(&engine->inbox);
    XR_ASSERT(pthread_join(engine->thread, NULL) == 0);
    free_engine(engine);
}

/* ---- other threads --------------------------------------------------------------------------- */

enum xr_status xr_engine_submit(struct xr_engine *engine, struct xr_submission *take)
{
    XR_ASSERT(take->type != XR_TYPE_founded); /* xr_engine_found */
    return xr_inbox_put(&engine->inbox, take);
}

enum xr_status xr_engine_floor(struct xr_engine *engine, struct xr_str name, uint32_t *out)
{
    return xr_registry_find(&engine->registry, name, out);
}

enum xr_status xr_engine_floor_name(struct xr_engine *engine, uint32_t number, struct xr_str *out)
{
    return xr_registry_name(&engine->registry, number, out);
}

/* XR_OK, XR_BAD: a name or login that the wire would not carry either. */
static enum xr_status check_founded(const struct xr_submission *made)
{
    struct xr_wire_error error = {0};
    const void *message = NULL;
    struct xr_arena *arena = xr_arena_new(1024);
    if (arena == NULL)
        return XR_NOMEM;
    const enum xr_status status = xr_body_decode(
        made->type, (struct xr_bin){made->body, made->body_size}, arena, &message, &error);
    xr_arena_free(arena);
    return status;
}

enum xr_status xr_engine_found(struct xr_engine *engine, struct xr_str name, struct xr_str login,
                               struct xr_str hash, uint32_t *out)
{
    const struct xr_founded founded = {.name = name, .login = login, .hash = hash};
    struct xr_submission *made = xr_engine_make(0, XR_TYPE_founded, &founded);
    uint32_t number = 0;
    enum xr_status status = check_founded(made);
    if (status == XR_OK)
        status = xr_registry_reserve(&engine->registry, name, &number);
    if (status != XR_OK) {
        xr_mem_free(made);
        return status;
    }
    made->floor = number;
    if (xr_inbox_put_own(&engine->inbox, made) != XR_OK) {
        xr_mem_free(made);
        xr_registry_settle(&engine->registry, number, false);
    }
    status = xr_registry_wait(&engine->registry, number);
    if (status == XR_OK)
        *out = number;
    return status;
}

void xr_engine_figures(struct xr_engine *engine, struct xr_engine_figures *out)
{
    XR_ASSERT(pthread_mutex_lock(&engine->figures_lock) == 0);
    *out = engine->figures;
    XR_ASSERT(pthread_mutex_unlock(&engine->figures_lock) == 0);
    out->queued = (uint32_t)xr_inbox_count(&engine->inbox);
}
