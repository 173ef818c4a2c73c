/*
 * In: a frame → desk → the engine's queue, or a reader, or carried out at once.
 * Out: a batch is committed → xr_gate_take on the floor's thread → one wake-up → its effects are
 * carried out in order on the loop → what was put for each connection leaves at the end of the
 * turn.
 */
#include "gate/gate.h"

#include <sodium.h>
#include <string.h>

#include "base/clock.h"
#include "base/entropy.h"
#include "base/log.h"
#include "gate/bus.h"
#include "gate/desk.h"
#include "gate/feed.h"
#include "gate/login.h"

#define XR_GATE_ORIGIN_SHIFT 22 /* connections in a second; seconds since 1970 above, 53 bits */
#define XR_GATE_ARENA_FIRST  (64 * 1024)

/* Failed log-ins a minute, as multiples of those for one account. */
#define XR_GATE_TRIES_ADDRESS 4  /* all who come from one address */
#define XR_GATE_TRIES_TOKEN   60 /* nobody guesses 256 bits: this only bounds what is logged */

/* ---- effects --------------------------------------------------------------------------------- */

static void reply(struct xr_gate *gate, const struct xr_effect *effect)
{
    struct xr_peer *peer = xr_map_get(&gate->by_origin, effect->origin);
    if (!peer)
        return;
    if (peer->login)
        xr_login_reply(peer, effect->bytes);
    else if (peer->state == XR_PEER_READY)
        xr_desk_reply(peer, effect->bytes);
}

static void push(struct xr_gate *gate, const struct xr_effect *effect)
{
    xr_feed_push(gate, effect);
    xr_bus_push(gate->bus, effect);
}

/* Who is gone by now has a lease that must end. */
static void attach(struct xr_gate *gate, const struct xr_effect *effect)
{
    struct xr_peer *peer = xr_map_get(&gate->by_origin, effect->origin);
    const struct xr_gone gone = {.device = effect->device, .why = XR_gone_reason_CLOSED};
    if (peer && peer->login)
        xr_peer_attach(peer, effect->floor, effect->agent, effect->role, effect->device);
    else
        xr_gate_tell(gate, effect->floor, effect->origin, XR_TYPE_gone, &gone);
}

static void detach(struct xr_gate *gate, const struct xr_effect *effect)
{
    struct xr_peer *peer = xr_map_get(&gate->by_device, effect->device.n);
    if (peer && peer->origin != effect->origin)
        xr_peer_leave(peer, XR_gone_reason_NONE, XR_code_HELLO_NEEDED,
                      "this device was revoked, or is connected elsewhere");
}

static void verify(struct xr_gate *gate, const struct xr_effect *effect)
{
    struct xr_peer *peer = xr_map_get(&gate->by_origin, effect->origin);
    if (peer)
        xr_login_verify(peer, effect->hash);
}

static void carry_out(struct xr_gate *gate, const struct xr_effects *effects)
{
    static void (*const table[])(struct xr_gate *, const struct xr_effect *) = {
        [XR_EFFECT_REPLY] = reply,   [XR_EFFECT_PUSH] = push,     [XR_EFFECT_ATTACH] = attach,
        [XR_EFFECT_DETACH] = detach, [XR_EFFECT_VERIFY] = verify,
    };
    for (size_t i = 0; i < effects->count; i++)
        table[effects->at[i].kind](gate, &effects->at[i]);
}

/* ---- outcomes -------------------------------------------------------------------------------- */

void xr_gate_take(void *context, struct xr_outcome *take)
{
    struct xr_gate *gate = context;
    take->next = NULL;
    uv_mutex_lock(&gate->mutex);
    *gate->outcomes_end = take;
    gate->outcomes_end = &take->next;
    uv_mutex_unlock(&gate->mutex);
    uv_async_send(&gate->async);
}

static struct xr_outcome *take_outcomes(struct xr_gate *gate)
{
    uv_mutex_lock(&gate->mutex);
    struct xr_outcome *first = gate->outcomes;
    gate->outcomes = NULL;
    gate->outcomes_end = &gate->outcomes;
    uv_mutex_unlock(&gate->mutex);
    return first;
}

/* Returns how many submissions the engine has room for again. */
static size_t carry_out_all(struct xr_gate *gate)
{
    size_t events = 0;
    for (struct xr_outcome *outcome = take_outcomes(gate); outcome;) {
        struct xr_outcome *next = outcome->next;
        carry_out(gate, &outcome->effects);
        events += outcome->events;
        gate->metrics.outcomes++;
        xr_outcome_free(outcome);
        outcome = next;
    }
    return events;
}

static void on_async(uv_async_t *async)
{
    struct xr_gate *gate = async->data;
    const size_t events = carry_out_all(gate);
    xr_gate_tell_kept(gate);
    xr_gate_resume_some(gate, events);
    xr_feed_serve_due(gate);
}

/* ---- life ------------------------------------------------------------------------------------ */

void xr_gate_defaults(struct xr_gate_options *out)
{
    *out = (struct xr_gate_options){
        .connections_max = 18000,
        .greeting_ms = 1000,
        .login_ms = 5000,
        .lease_ms = 15000,
        .stall_ms = 30000,
        .finish_ms = 1000,
        .login_tries = 5,
        .frames_per_second = 200,
        .bridge_frames_per_second = 50000,
        .queue_bytes = 256 * 1024,
        .queue_bytes_all = 256 * 1024 * 1024,
        .tail_bytes = 4 * 1024 * 1024,
        .behind_max = 200000,
        .hash_threads = 1,
        .hash_queue = 32,
        .reader_threads = 2,
        .reader_queue = 8192,
    };
}

static enum xr_status make_sp(struct xr_gate *gate)
{
    const struct xr_gate_options *options = &gate->options;
    const struct xr_sp_options sp = {
        .loop = options->loop,
        .metrics = &gate->metrics,
        .connections_max = options->connections_max,
        .greeting_ms = options->greeting_ms,
        .finish_ms = options->finish_ms,
        .queue_bytes = options->queue_bytes,
        .queue_bytes_all = (size_t)options->queue_bytes_all,
        /* what may come when it is full: all answers that are due, and one scan */
        .queue_bytes_max = options->queue_bytes + XR_PEER_IN_FLIGHT_MAX * 1024 +
                           (XR_PEER_QUERIES_MAX + 2) * XR_FRAME_BYTES_MAX,
        .context = gate,
        .on_open = xr_peer_open,
        .on_payload = xr_desk_take,
        .on_room = xr_peer_on_room,
        .on_alarm = xr_peer_on_alarm,
        .on_close = xr_peer_on_close,
    };
    return xr_sp_new(&sp, &gate->sp);
}

static void free_memory(struct xr_gate *gate)
{
    xr_feed_free_halls(gate);
    xr_map_fini(&gate->by_origin);
    xr_map_fini(&gate->by_device);
    xr_map_fini(&gate->by_account);
    xr_map_fini(&gate->known);
    xr_buf_fini(&gate->scratch);
    xr_buf_fini(&gate->body);
    xr_arena_free(gate->arena);
    xr_tries_free(gate->account_tries);
    xr_tries_free(gate->address_tries);
    xr_tries_free(gate->token_tries);
    while (gate->events) {
        struct xr_submission *next = gate->events->next;
        xr_mem_free(gate->events);
        gate->events = next;
    }
    uv_mutex_destroy(&gate->mutex);
    xr_mem_free(gate);
}

static void on_async_closed(uv_handle_t *handle)
{
    struct xr_gate *gate = handle->data;
    void (*on_stopped)(void *) = gate->on_stopped;
    void *context = gate->stopped_context;
    free_memory(gate);
    if (on_stopped)
        on_stopped(context);
}

static void on_bus_stopped(void *context)
{
    struct xr_gate *gate = context;
    uv_close((uv_handle_t *)&gate->async, on_async_closed);
}

static void on_sp_stopped(void *context)
{
    struct xr_gate *gate = context;
    xr_bus_stop(XR_MOVE(gate->bus), on_bus_stopped, gate);
}

static bool make_dummy_hash(struct xr_gate *gate)
{
    char nobody[16];
    xr_entropy_fill(nobody, sizeof(nobody));
    return xr_login_hash_password((struct xr_str){nobody, sizeof(nobody)}, gate->dummy_hash);
}

/* Everything that has no handle in the loop. */
static bool make_memory(struct xr_gate *gate)
{
    TAILQ_INIT(&gate->waiting);
    TAILQ_INIT(&gate->due);
    gate->outcomes_end = &gate->outcomes;
    gate->events_end = &gate->events;
    gate->origin_last = (uint64_t)(xr_clock_wall_ms() / 1000) << XR_GATE_ORIGIN_SHIFT;
    xr_buf_init(&gate->scratch, XR_FRAME_BYTES_MAX);
    xr_buf_init(&gate->body, XR_FRAME_BYTES_MAX);
    gate->arena = xr_arena_new(XR_GATE_ARENA_FIRST);
    const uint32_t tries = gate->options.login_tries;
    gate->account_tries = xr_tries_new(tries);
    gate->address_tries = xr_tries_new(tries * XR_GATE_TRIES_ADDRESS);
    gate->token_tries = xr_tries_new(tries * XR_GATE_TRIES_TOKEN);
    return gate->arena && gate->account_tries && gate->address_tries && gate->token_tries &&
           make_dummy_hash(gate);
}

static enum xr_status make_handles(struct xr_gate *gate)
{
    const struct xr_gate_options *options = &gate->options;
    enum xr_status status = make_sp(gate);
    if (status == XR_OK)
        status = xr_pool_start(options->loop, options->hash_threads, options->hash_queue,
                               &gate->hashers);
    if (status == XR_OK)
        status = xr_pool_start(options->loop, options->reader_threads, options->reader_queue,
                               &gate->readers);
    return status;
}

enum xr_status xr_gate_new(const struct xr_gate_options *options, struct xr_gate **out)
{
    struct xr_gate *gate = xr_mem_zero(1, sizeof(*gate));
    if (!gate)
        return XR_NOMEM;
    gate->options = *options;
    if (uv_mutex_init(&gate->mutex)) {
        xr_mem_free(gate);
        return XR_IO;
    }
    if (!make_memory(gate)) {
        free_memory(gate);
        return XR_NOMEM;
    }
    gate->async.data = gate;
    if (uv_async_init(options->loop, &gate->async, on_async)) {
        free_memory(gate);
        return XR_IO;
    }
    const enum xr_status status = make_handles(gate);
    if (status) {
        xr_gate_pause(gate);
        xr_gate_stop(gate, NULL, NULL);
        return status;
    }
    *out = gate;
    return XR_OK;
}

void xr_gate_open(struct xr_gate *gate, struct xr_engine *engine)
{
    gate->engine = engine;
}

enum xr_status xr_gate_listen(struct xr_gate *gate, const char *address,
                              char actual[XR_SP_ADDRESS_MAX], const char **why)
{
    return xr_sp_listen(gate->sp, address, actual, why);
}

void xr_gate_start_bus(struct xr_gate *gate)
{
    if (gate->options.bus_directory)
        gate->bus = xr_bus_start(gate);
}

void xr_gate_pause(struct xr_gate *gate)
{
    gate->is_paused = true;
    if (gate->sp)
        xr_sp_deaf(gate->sp);
    xr_pool_stop(XR_MOVE(gate->hashers));
    xr_pool_stop(XR_MOVE(gate->readers));
    gate->engine = NULL;
}

/* Behind the last answers. Nobody leaves the map while it is walked: connections close later. */
static void say_goodbye(struct xr_gate *gate)
{
    for (size_t i = 0; i < gate->by_origin.capacity; i++) {
        struct xr_peer *peer = gate->by_origin.slots[i].value;
        if (peer)
            xr_peer_leave(peer, XR_gone_reason_NONE, XR_code_BUSY, "the server stops");
    }
}

void xr_gate_stop(struct xr_gate *gate, void (*on_stopped)(void *context), void *context)
{
    XR_ASSERT(gate->is_paused);
    gate->on_stopped = on_stopped;
    gate->stopped_context = context;
    carry_out_all(gate);
    if (!gate->sp) {
        on_sp_stopped(gate);
        return;
    }
    say_goodbye(gate);
    xr_sp_stop(gate->sp, on_sp_stopped, gate);
}

const struct xr_metrics *xr_gate_metrics(const struct xr_gate *gate)
{
    return &gate->metrics;
}
