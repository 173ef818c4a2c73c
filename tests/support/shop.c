#include "support/shop.h"

#include "base/entropy.h"
#include "engine/shard.h"

#include <dirent.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- directory ---- */

void shop_open(struct shop *shop)
{
    const char *parent = shop->at != NULL ? shop->at : "/tmp";
    (void)snprintf(shop->directory, sizeof shop->directory, "%s/xr-shop-XXXXXX", parent);
    XR_ASSERT(mkdtemp(shop->directory) != NULL);
    XR_ASSERT(pthread_mutex_init(&shop->lock, NULL) == 0);
    XR_ASSERT(pthread_cond_init(&shop->news, NULL) == 0);
}

static void remove_directory(const char *path)
{
    DIR *directory = opendir(path);
    const struct dirent *entry;
    XR_ASSERT(directory != NULL);
    while ((entry = readdir(directory)) != NULL)
        if (entry->d_name[0] != '.')
            (void)unlinkat(dirfd(directory), entry->d_name, 0);
    (void)closedir(directory);
    (void)rmdir(path);
}

void shop_close(struct shop *shop)
{
    if (shop->engine != NULL)
        shop_stop(shop);
    remove_directory(shop->directory);
    (void)pthread_cond_destroy(&shop->news);
    (void)pthread_mutex_destroy(&shop->lock);
}

/* ---- outcomes ---- */

static void take_reply(struct shop_seat *seat, struct xr_bin bytes)
{
    struct xr_frame frame;
    size_t used = 0;
    const void *message = NULL;
    struct xr_wire_error error;
    XR_ASSERT(xr_frame_read(bytes, &frame, &used) == XR_OK);
    XR_ASSERT(used == bytes.size);
    struct xr_arena *arena = xr_arena_new(1024);
    XR_ASSERT(xr_body_decode((enum xr_type)frame.type, frame.body, arena, &message, &error) ==
              XR_OK);
    if (frame.type == XR_TYPE_error) {
        seat->errors++;
        seat->last_code = ((const struct xr_error *)message)->code;
    } else if (frame.type == XR_TYPE_done) {
        seat->last = *(const struct xr_done *)message;
    }
    if (frame.ref != 0)
        seat->in_order = seat->in_order && frame.ref == seat->last_ref + 1;
    seat->last_ref = frame.ref;
    seat->answered++;
    xr_arena_free(arena);
}

static void take_effect(struct shop *shop, const struct xr_effect *effect)
{
    struct shop_seat *seat = &shop->seats[effect->origin % SHOP_SEATS];
    if (effect->kind == XR_EFFECT_PUSH)
        shop->pushes++;
    if (effect->kind == XR_EFFECT_PUSH || effect->kind == XR_EFFECT_DETACH ||
        seat->origin != effect->origin)
        return;
    if (effect->kind == XR_EFFECT_REPLY)
        take_reply(seat, effect->bytes);
    else if (effect->kind == XR_EFFECT_VERIFY)
        seat->verifies++;
    else {
        seat->welcomes++;
        seat->agent = effect->agent;
        seat->device = effect->device;
    }
}

static void on_effects(void *context, struct xr_outcome *take)
{
    struct shop *shop = context;
    if (shop->on_outcome != NULL)
        shop->on_outcome(shop, take);
    (void)pthread_mutex_lock(&shop->lock);
    for (size_t i = 0; i < take->effects.count; i++)
        take_effect(shop, &take->effects.at[i]);
    shop->outcomes++;
    shop->last_batch = take->batch_no;
    (void)pthread_cond_broadcast(&shop->news);
    (void)pthread_mutex_unlock(&shop->lock);
    xr_outcome_free(take);
}

static void on_read_only(void *context, bool read_only)
{
    struct shop *shop = context;
    (void)pthread_mutex_lock(&shop->lock);
    shop->is_read_only = read_only;
    shop->read_only_turns++;
    (void)pthread_cond_broadcast(&shop->news);
    (void)pthread_mutex_unlock(&shop->lock);
}

/* ---- start and stop ---- */

enum xr_status shop_try_start(struct shop *shop)
{
    const struct xr_store_options store = {
        .directory = shop->directory,
        .map_bytes = shop->map_bytes != 0 ? shop->map_bytes : UINT64_C(1) << 30,
        .reserve_bytes = shop->reserve_bytes != 0 ? shop->reserve_bytes : 1024 * 1024,
        .relaxed = shop->relaxed,
    };
    struct xr_engine_options options = {
        .floor = {.commit = XR_commit_mode_SYNC, .lease_ms = 15000, .beat_ms = 5000},
        .queue_max = shop->queue_max,
        .log_bytes_max = shop->log_bytes_max,
        .on_effects = on_effects,
        .on_read_only = on_read_only,
        .context = shop,
    };
    options.floor.server = "test";
    enum xr_status status = xr_store_open(&store, &shop->store);
    if (status != XR_OK)
        return status;
    options.store = shop->store;
    shop->starts++;
    struct xr_engine *engine = NULL;
    status = xr_engine_start(&options, &engine);
    if (status != XR_OK) {
        xr_store_close(XR_MOVE(shop->store));
        return status;
    }
    (void)pthread_mutex_lock(&shop->lock); /* outcomes may come in already */
    shop->engine = engine;
    (void)pthread_mutex_unlock(&shop->lock);
    return XR_OK;
}

void shop_start(struct shop *shop)
{
    XR_ASSERT(shop_try_start(shop) == XR_OK);
    if (xr_engine_floor(shop->engine, XR_STR("shop"), &shop->floor) == XR_OK)
        return;
    XR_ASSERT(xr_engine_found(shop->engine, XR_STR("shop"), XR_STR("boss"), XR_STR("hash"),
                              &shop->floor) == XR_OK);
}

void shop_stop(struct shop *shop)
{
    xr_engine_stop(shop->engine); /* outcomes still come in */
    shop->engine = NULL;
    xr_store_close(XR_MOVE(shop->store));
}

/* ---- events ---- */

static struct xr_submission *make_submission(const struct shop *shop, const struct shop_seat *seat,
                                             enum xr_type type, const void *message)
{
    struct xr_buf body;
    xr_buf_init(&body, XR_FRAME_BYTES_MAX);
    xr_body_encode(&body, type, message);
    XR_ASSERT(!body.failed);
    struct xr_submission *made = xr_mem_zero(1, sizeof *made + body.size);
    XR_ASSERT(made != NULL);
    made->floor = shop->floor;
    made->origin = seat != NULL ? seat->origin : 0;
    made->type = type;
    made->body_size = (uint32_t)body.size;
    memcpy(made->body, body.at, body.size);
    xr_buf_fini(&body);
    return made;
}

void shop_tell(struct shop *shop, const struct shop_seat *seat, enum xr_type type,
               const void *message)
{
    struct xr_submission *made = make_submission(shop, seat, type, message);
    while (xr_engine_submit(shop->engine, made) != XR_OK)
        (void)sched_yield();
}

enum xr_status shop_try_send(struct shop *shop, struct shop_seat *seat, uint64_t counter,
                             enum xr_type type, const void *message)
{
    struct xr_submission *made = make_submission(shop, seat, type, message);
    made->who = seat->agent;
    made->device = seat->device;
    made->counter = counter;
    const enum xr_status status = xr_engine_submit(shop->engine, made);
    if (status != XR_OK)
        xr_mem_free(made);
    return status;
}

uint64_t shop_send(struct shop *shop, struct shop_seat *seat, enum xr_type type,
                   const void *message)
{
    seat->counter++;
    while (shop_try_send(shop, seat, seat->counter, type, message) != XR_OK)
        (void)sched_yield();
    return seat->counter;
}

/* ---- waiting ---- */

void shop_wait_for(struct shop *shop, bool (*fact)(const struct shop *shop, void *context),
                   void *context)
{
    (void)pthread_mutex_lock(&shop->lock);
    while (!fact(shop, context))
        (void)pthread_cond_wait(&shop->news, &shop->lock);
    (void)pthread_mutex_unlock(&shop->lock);
}

void shop_wait(struct shop *shop, const struct shop_seat *seat, uint64_t answers)
{
    (void)pthread_mutex_lock(&shop->lock);
    while (seat->answered < answers)
        (void)pthread_cond_wait(&shop->news, &shop->lock);
    (void)pthread_mutex_unlock(&shop->lock);
}

struct xr_done shop_done(struct shop *shop, struct shop_seat *seat, enum xr_type type,
                         const void *message)
{
    const uint64_t before = seat->answered;
    const uint64_t errors = seat->errors;
    (void)shop_send(shop, seat, type, message);
    shop_wait(shop, seat, before + 1);
    if (seat->errors != errors)
        print_error("refused: %s\n", xr_choice_name("code", seat->last_code));
    assert_int_equal(seat->errors, errors);
    return seat->last;
}

static bool is_asked(const struct shop *shop, void *context)
{
    (void)shop;
    return ((const struct shop_seat *)context)->verifies > 0;
}

struct shop_seat *shop_login(struct shop *shop, uint32_t number, const char *login)
{
    struct shop_seat *seat = &shop->seats[number];
    uint8_t token_hash[32];
    const struct xr_asked asked = {.login = xr_str_of(login)};
    struct xr_proved proved = {
        .login = xr_str_of(login),
        .ok = true,
        .token_hash = {token_hash, sizeof token_hash},
    };
    XR_ASSERT(number < SHOP_SEATS);
    xr_entropy_fill(token_hash, sizeof token_hash);
    proved.device.n = xr_entropy_number();
    (void)pthread_mutex_lock(&shop->lock);
    *seat = (struct shop_seat){.number = number, .in_order = true};
    seat->origin = (shop->starts * 1000 + shop->outcomes) * SHOP_SEATS + number;
    (void)pthread_mutex_unlock(&shop->lock);
    shop_tell(shop, seat, XR_TYPE_asked, &asked);
    shop_wait_for(shop, is_asked, seat);
    shop_tell(shop, seat, XR_TYPE_proved, &proved);
    shop_wait(shop, seat, 1);
    assert_int_equal(seat->errors, 0);
    assert_int_equal(seat->welcomes, 1);
    return seat;
}

/* ---- a small business ---- */

struct xr_agent_id shop_account(struct shop *shop, struct shop_seat *boss, const char *login,
                                enum xr_role role)
{
    const struct xr_account_set set = {
        .login = xr_str_of(login),
        .name = xr_str_of(login),
        .role = role,
        .hash = XR_STR("hash"),
    };
    return shop_done(shop, boss, XR_TYPE_account_set, &set).agent;
}

struct xr_session_id shop_session(struct shop *shop, struct shop_seat *bridge, const char *buyer)
{
    const struct xr_open open = {.channel = XR_STR("taobao"), .buyer = xr_str_of(buyer)};
    return shop_done(shop, bridge, XR_TYPE_open, &open).session;
}

uint64_t shop_say(struct shop *shop, struct shop_seat *seat, struct xr_session_id session,
                  struct xr_str text)
{
    const struct xr_say say = {
        .done = seat->counter > XR_ANSWERS_KEPT / 2 ? seat->counter - XR_ANSWERS_KEPT / 2 : 0,
        .session = session,
        .text = text,
    };
    return shop_send(shop, seat, XR_TYPE_say, &say);
}

/* ---- checks ---- */

static void expect_fresh_index(struct xr_reader *reader, const struct xr_engine *engine,
                               uint32_t number)
{
    struct xr_floor *fresh = xr_floor_new(&engine->options.floor);
    uint8_t live[32];
    uint8_t loaded[32];
    XR_ASSERT(xr_floor_load(fresh, xr_reader_tables(reader, number)) == XR_OK);
    xr_floor_digest(engine->shops[number].floor, live);
    xr_floor_digest(fresh, loaded);
    XR_ASSERT(memcmp(live, loaded, sizeof live) == 0);
    xr_floor_free(fresh);
}

void shop_expect_index(struct shop *shop, const struct xr_outcome *outcome)
{
    struct xr_reader *reader = NULL;
    (void)outcome;
    (void)pthread_mutex_lock(&shop->lock);
    const struct xr_engine *engine = shop->engine;
    (void)pthread_mutex_unlock(&shop->lock);
    if (engine == NULL)
        return; /* the engine is still starting */
    XR_ASSERT(xr_reader_open(shop->store, &reader) == XR_OK);
    for (uint32_t number = 1; number < engine->shop_count; number++)
        if (engine->shops[number].floor != NULL)
            expect_fresh_index(reader, engine, number);
    xr_reader_close(reader);
}
