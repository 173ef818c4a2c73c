#include "drive.h"

#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "floor/floor.h"
#include "heap.h"
#include "store/store.h"

#define NOBODY         SIZE_MAX
#define FLOOR_START_MS INT64_C(1000000000)   /* floor_ms of the plan's midnight */
#define WALL_START_MS  INT64_C(933465600000) /* 1999-08-01, any day would do */
#define CHANNEL        "phone"
#define TICKS_MAX      100000 /* at one time */

/* Of what is due at one time, this first: a place is freed before somebody leaves for want of it,
 * and who comes on duty is there for the buyer who comes. */
enum order {
    ORDER_REPLIES,
    ORDER_SERVICE_ENDS,
    ORDER_SPAN_BEGINS,
    ORDER_SPAN_ENDS,
    ORDER_ARRIVES,
    ORDER_GIVES_UP,
};

/* A client of the floor: what the gate would keep for its connection. */
struct client {
    struct xr_agent_id id;
    struct xr_device_id device;
    uint64_t counter;
    uint64_t origin;
};

struct worker {
    struct client client;
    size_t span;     /* present or next */
    bool is_on;      /* as last told to the floor */
    bool is_leaving; /* draining: signs off when the last session is closed */
    uint32_t holding;
};

struct drive {
    const struct xr_plan *plan;
    const struct xr_drive_options *options;
    struct xr_drive_result *out;
    struct xr_tables *tables;
    struct xr_floor *floor;
    struct xr_effects effects;
    struct xr_arena *arena; /* of one step */
    struct xr_heap heap;
    struct xr_dice dice;
    struct client owner;
    struct client bridge;
    struct worker *workers;
    uint32_t groups[XR_PLAN_GROUPS_MAX]; /* their ids on the floor */
    size_t *by_session;                  /* session id to number of the plan */
    size_t by_session_room;
    size_t opening; /* whose open is being stepped; NOBODY */
    crypto_generichash_state digest;
    int64_t now_ms;
    enum xr_status failed;
};

/* The answer to one step; lives until the next. */
struct answer {
    enum xr_type type;
    const void *message;
};

static void fail(struct drive *d, enum xr_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void fail(struct drive *d, enum xr_status status, const char *format, ...)
{
    va_list args;
    if (d->failed != XR_OK)
        return;
    d->failed = status;
    va_start(args, format);
    (void)vsnprintf(d->out->fault, sizeof d->out->fault, format, args);
    va_end(args);
}

/* ---- effects of a step ---------------------------------------------------------------------- */

/* Decode a whole frame. NULL: not one (failed). */
static const void *decode_frame(struct drive *d, struct xr_bin bytes, enum xr_type *type)
{
    struct xr_frame frame;
    struct xr_wire_error error;
    const void *message = NULL;
    size_t used;
    if (xr_frame_read(bytes, &frame, &used) != XR_OK || used != bytes.size) {
        fail(d, XR_BAD, "an effect that is no frame");
        return NULL;
    }
    *type = (enum xr_type)frame.type;
    enum xr_status status = xr_body_decode(*type, frame.body, d->arena, &message, &error);
    if (status != XR_OK)
        fail(d, status, "an effect of type %u that cannot be decoded: %s", frame.type, error.field);
    return status == XR_OK ? message : NULL;
}

/* The update in a PUSH, as a client would get it. */
static const void *decode_push(struct drive *d, const struct xr_effect *effect, enum xr_type *type)
{
    struct xr_journal_row row;
    uint8_t head[XR_PUSH_HEAD_MAX];
    if (xr_journal_decode(effect->bytes, &row) != XR_OK) {
        fail(d, XR_BAD, "a push that is no row of the journal");
        return NULL;
    }
    const size_t size = xr_journal_head(&row, effect->seq, effect->seq - 1, head);
    uint8_t *frame = xr_arena_take(d->arena, size + row.packed.size);
    if (frame == NULL) {
        fail(d, XR_NOMEM, "no memory");
        return NULL;
    }
    memcpy(frame, head, size);
    if (row.packed.size > 0)
        memcpy(frame + size, row.packed.at, row.packed.size);
    return decode_frame(d, (struct xr_bin){frame, (uint32_t)(size + row.packed.size)}, type);
}

static void add_to_digest(struct drive *d, enum xr_change what, size_t session, size_t agent)
{
    uint8_t bytes[8 + 4 + 8 + 8];
    xr_put_u64be(bytes, (uint64_t)d->now_ms);
    xr_put_u32be(bytes + 8, (uint32_t)what);
    xr_put_u64be(bytes + 12, session);
    xr_put_u64be(bytes + 20, agent == NOBODY ? UINT64_MAX : agent);
    (void)crypto_generichash_update(&d->digest, bytes, sizeof bytes);
}

static size_t worker_of(const struct drive *d, struct xr_agent_id id)
{
    for (size_t i = 0; i < d->plan->agent_count; i++)
        if (d->workers[i].client.id.n == id.n)
            return i;
    return NOBODY;
}

/* The session of the plan; that of a session just opened is the one that is being opened. */
static size_t number_of(struct drive *d, struct xr_session_id id)
{
    if (id.n >= d->by_session_room) {
        const size_t room = (size_t)id.n * 2 + 64;
        size_t *grown = xr_mem_grow(d->by_session, room * sizeof *grown);
        if (grown == NULL) {
            fail(d, XR_NOMEM, "no memory");
            return NOBODY;
        }
        for (size_t i = d->by_session_room; i < room; i++)
            grown[i] = NOBODY;
        d->by_session = grown;
        d->by_session_room = room;
    }
    if (d->by_session[id.n] == NOBODY)
        d->by_session[id.n] = d->opening;
    if (d->by_session[id.n] == NOBODY)
        fail(d, XR_BAD, "an update of session %llu that nobody opened", (unsigned long long)id.n);
    return d->by_session[id.n];
}

static void push_due(struct drive *d, int64_t at_ms, enum order order, size_t subject)
{
    if (xr_heap_push(&d->heap, at_ms, order, subject) != XR_OK)
        fail(d, XR_NOMEM, "no memory");
}

static void on_opened(struct drive *d, size_t session)
{
    const struct xr_plan_session *s = &d->plan->sessions[session];
    xr_books_arrive(&d->out->books, session, s->group, (uint32_t)s->klass, s->buyer, d->now_ms);
}

static void on_assigned(struct drive *d, size_t session, struct xr_agent_id id)
{
    struct xr_drive_session *r = &d->out->sessions[session];
    const struct xr_plan_session *s = &d->plan->sessions[session];
    const size_t agent = worker_of(d, id);
    if (agent == NOBODY) {
        fail(d, XR_BAD, "session %llu went to account %u, which is no agent",
             (unsigned long long)r->id, id.n);
        return;
    }
    const int64_t own_ms = d->plan->agents[agent].service_ms;
    xr_books_assign(&d->out->books, session, agent, d->now_ms);
    d->workers[agent].holding++;
    r->end = XR_DRIVE_SERVED;
    r->agent = agent;
    r->assignments++;
    r->sharing = d->out->books.sharing;
    r->wait_ms = d->now_ms - s->arrival_ms;
    d->out->decisions++;
    add_to_digest(d, XR_change_ASSIGNED, session, agent);
    push_due(d, d->now_ms, ORDER_REPLIES, session);
    push_due(d, d->now_ms + (own_ms > 0 ? own_ms : s->service_ms), ORDER_SERVICE_ENDS, session);
}

static void on_closed(struct drive *d, size_t session)
{
    struct xr_drive_session *r = &d->out->sessions[session];
    xr_books_end(&d->out->books, session, d->now_ms);
    r->is_over = true;
    if (r->agent != NOBODY)
        d->workers[r->agent].holding--;
    add_to_digest(d, XR_change_CLOSED, session, r->agent);
}

static void on_session(struct drive *d, const struct xr_session_changed *update)
{
    const size_t session = number_of(d, update->session.session);
    if (session == NOBODY)
        return;
    struct xr_drive_session *r = &d->out->sessions[session];
    if (r->id == 0) {
        r->id = update->session.session.n;
        on_opened(d, session);
    }
    switch (update->change) {
    case XR_change_ASSIGNED:
        on_assigned(d, session, update->session.agent);
        break;
    case XR_change_QUEUED:
        d->out->decisions++;
        r->end = XR_DRIVE_WAITING;
        add_to_digest(d, XR_change_QUEUED, session, NOBODY);
        break;
    case XR_change_CLOSED:
        on_closed(d, session);
        break;
    case XR_change_OPENED:
        break;
    default:
        fail(d, XR_BAD, "session %llu: %s, which nothing asked for",
             (unsigned long long)update->session.session.n,
             xr_choice_name("change", (uint32_t)update->change));
    }
}

static void on_effect(struct drive *d, const struct xr_effect *effect, struct client *client,
                      struct answer *answer)
{
    enum xr_type type = XR_TYPE_none;
    const void *message;
    switch (effect->kind) {
    case XR_EFFECT_REPLY:
        message = decode_frame(d, effect->bytes, &type);
        if (message != NULL)
            *answer = (struct answer){type, message};
        break;
    case XR_EFFECT_PUSH:
        message = decode_push(d, effect, &type);
        if (message != NULL && type == XR_TYPE_session_changed)
            on_session(d, message);
        break;
    case XR_EFFECT_ATTACH:
        XR_ASSERT(client != NULL); /* only who logs in is attached */
        client->id = effect->agent;
        client->device = effect->device;
        break;
    case XR_EFFECT_DETACH:
    case XR_EFFECT_VERIFY:
        fail(d, XR_BAD, "an effect of kind %d, which nothing asked for", (int)effect->kind);
        break;
    }
}

/* ---- one step ------------------------------------------------------------------------------- */

static void fill_random(struct drive *d, uint8_t out[16])
{
    xr_put_u64be(out, xr_dice_roll(&d->dice));
    xr_put_u64be(out + 8, xr_dice_roll(&d->dice));
}

/* Step an event at the present time and obey its effects. `client` is who sent it, or whose
 * connection it is about; NULL: the server. */
static struct answer step(struct drive *d, struct client *client, enum xr_type type,
                          const void *message)
{
    struct answer answer = {XR_TYPE_none, NULL};
    struct xr_event event = {
        .floor_ms = FLOOR_START_MS + d->now_ms,
        .wall_ms = WALL_START_MS + d->now_ms,
        .type = type,
        .message = message,
    };
    if (d->failed != XR_OK)
        return answer;
    if (client != NULL)
        event.origin = client->origin;
    if (client != NULL && xr_message_info(type)->kind == XR_KIND_COMMAND) {
        event.who = client->id;
        event.device = client->device;
        event.counter = ++client->counter;
    }
    fill_random(d, event.random);
    xr_arena_reset(d->arena);
    xr_effects_reset(&d->effects);
    xr_floor_step(d->floor, d->tables, &event, &d->effects);
    xr_floor_settle(d->floor, d->tables);
    d->out->events++;
    if (d->tables->failed != XR_OK)
        fail(d, d->tables->failed, "the tables failed");
    for (size_t i = 0; i < d->effects.count && d->failed == XR_OK; i++)
        on_effect(d, &d->effects.at[i], client, &answer);
    xr_books_settle(&d->out->books, d->now_ms);
    return answer;
}

/* Everything up to the last answer has been received. */
#define COMMAND(client) .has = 2, .done = (client)->counter

/* A step that must be answered `done`. NULL: it was not (failed). */
static const struct xr_done *must(struct drive *d, struct client *client, enum xr_type type,
                                  const void *message)
{
    const struct answer answer = step(d, client, type, message);
    if (answer.type == XR_TYPE_done)
        return answer.message;
    const struct xr_error *error = answer.type == XR_TYPE_error ? answer.message : NULL;
    fail(d, XR_BAD, "%s at %lld ms: %s %.*s", xr_message_info(type)->name, (long long)d->now_ms,
         error != NULL ? xr_choice_name("code", (uint32_t)error->code) : "no answer",
         error != NULL ? (int)error->field.size : 0, error != NULL ? error->field.at : "");
    return NULL;
}

/* ---- setting up ----------------------------------------------------------------------------- */

static void log_in(struct drive *d, struct client *client, uint64_t number, const char *login)
{
    uint8_t hash[32] = {0};
    xr_put_u64be(hash, number);
    client->origin = number;
    const struct xr_proved proved = {
        .login = xr_str_of(login),
        .ok = true,
        .token_hash = {hash, sizeof hash},
        .device = {number},
        .client = XR_STR("simulate"),
    };
    const struct answer answer = step(d, client, XR_TYPE_proved, &proved);
    if (answer.type != XR_TYPE_welcome || client->id.n == 0)
        fail(d, XR_BAD, "log-in of %s was refused", login);
}

static void found(struct drive *d)
{
    const struct xr_founded founded = {
        .name = XR_STR("day"), .login = XR_STR("owner"), .hash = XR_STR("none")};
    const struct xr_started started = {.lease_ms = 15000};
    (void)step(d, NULL, XR_TYPE_founded, &founded);
    (void)step(d, NULL, XR_TYPE_started, &started);
    log_in(d, &d->owner, 1, "owner");
}

static void set(struct drive *d, struct xr_str name, int64_t value)
{
    const struct xr_setting_set message = {COMMAND(&d->owner), .name = name, .value = value};
    (void)must(d, &d->owner, XR_TYPE_setting_set, &message);
}

static void set_all(struct drive *d)
{
    const struct xr_drive_options *o = d->options;
    /* The returning limit is never below the routed one, not even in between. */
    const bool is_up = o->limit_returning > 12;
    set(d, is_up ? XR_STR("limit_returning") : XR_STR("limit_routed"),
        is_up ? o->limit_returning : o->limit);
    set(d, is_up ? XR_STR("limit_routed") : XR_STR("limit_returning"),
        is_up ? o->limit : o->limit_returning);
    set(d, XR_STR("affinity"), (int64_t)o->affinity);
    set(d, XR_STR("policy"), o->policy);
    set(d, XR_STR("load_bands"), o->load_bands);
    /* A call ends when its service ends: not by silence, and it never counts as idle. The next
     * call of the same buyer is a session of its own. */
    set(d, XR_STR("close_s"), 0);
    set(d, XR_STR("idle_counts"), 1);
    set(d, XR_STR("reopen_s"), 0);
    for (size_t i = 0; i < o->setting_count; i++)
        set(d, o->settings[i].name, o->settings[i].value);
}

static void make_groups(struct drive *d)
{
    for (size_t i = 0; i < d->plan->group_count; i++) {
        const struct xr_group_set message = {COMMAND(&d->owner),
                                             .name = xr_str_of(d->plan->groups[i])};
        const struct xr_done *done = must(d, &d->owner, XR_TYPE_group_set, &message);
        if (done != NULL)
            d->groups[i] = done->group.n;
    }
}

static void make_account(struct drive *d, const char *login, const char *name, enum xr_role role,
                         uint32_t groups)
{
    uint32_t ids[XR_PLAN_GROUPS_MAX];
    uint32_t count = 0;
    for (size_t i = 0; i < d->plan->group_count; i++)
        if (((groups >> i) & 1) != 0)
            ids[count++] = d->groups[i];
    const struct xr_account_set message = {
        .has = UINT64_C(1) << 1 | 1 << 3 | 1 << 4 | 1 << 5 | 1 << 9 | 1 << 12,
        .done = d->owner.counter,
        .login = xr_str_of(login),
        .name = xr_str_of(name),
        .role = role,
        .groups = {ids, count},
        .hash = XR_STR("none"),
    };
    (void)must(d, &d->owner, XR_TYPE_account_set, &message);
}

static void make_accounts(struct drive *d)
{
    make_account(d, "bridge", "bridge", XR_role_BRIDGE, 0);
    log_in(d, &d->bridge, 2, "bridge");
    for (size_t i = 0; i < d->plan->agent_count; i++) {
        char login[32];
        (void)snprintf(login, sizeof login, "agent%zu", i + 1);
        make_account(d, login, d->plan->agents[i].name, XR_role_AGENT, d->plan->agents[i].groups);
        log_in(d, &d->workers[i].client, 3 + i, login);
    }
}

static void fill_heap(struct drive *d)
{
    for (size_t i = 0; i < d->plan->agent_count; i++)
        for (size_t n = 0; n < d->plan->agents[i].span_count; n++) {
            push_due(d, d->plan->agents[i].spans[n].from_ms, ORDER_SPAN_BEGINS, i);
            push_due(d, d->plan->agents[i].spans[n].to_ms, ORDER_SPAN_ENDS, i);
        }
    for (size_t i = 0; i < d->plan->session_count; i++)
        push_due(d, d->plan->sessions[i].arrival_ms, ORDER_ARRIVES, i);
}

/* ---- what happens --------------------------------------------------------------------------- */

static void be(struct drive *d, struct worker *worker, enum xr_presence state)
{
    const struct xr_be message = {COMMAND(&worker->client), .state = state};
    const size_t agent = (size_t)(worker - d->workers);
    worker->is_on = state == XR_presence_ONLINE;
    xr_books_online(&d->out->books, agent, d->now_ms, worker->is_on);
    (void)must(d, &worker->client, XR_TYPE_be, &message);
}

static void span_begins(struct drive *d, size_t agent)
{
    struct worker *worker = &d->workers[agent];
    worker->is_leaving = false;
    be(d, worker, XR_presence_ONLINE);
}

/* Between spans an agent who pauses keeps his sessions; else, and at the end of the day, he
 * finishes them and signs off. */
static void span_ends(struct drive *d, size_t agent)
{
    struct worker *worker = &d->workers[agent];
    const struct xr_plan_agent *a = &d->plan->agents[agent];
    worker->span++;
    if (a->pauses && worker->span < a->span_count) {
        be(d, worker, XR_presence_PAUSED);
        return;
    }
    worker->is_leaving = true;
    be(d, worker, worker->holding > 0 ? XR_presence_DRAINING : XR_presence_OFFLINE);
}

static void arrives(struct drive *d, size_t session)
{
    const struct xr_plan_session *s = &d->plan->sessions[session];
    struct xr_drive_session *r = &d->out->sessions[session];
    char buyer[24];
    (void)snprintf(buyer, sizeof buyer, "%llu", (unsigned long long)s->buyer);
    const struct xr_open message = {
        COMMAND(&d->bridge),       .channel = XR_STR(CHANNEL),
        .buyer = xr_str_of(buyer), .group = xr_str_of(d->plan->groups[s->group]),
        .klass = s->klass,         .text = XR_STR("hello"),
    };
    d->opening = session;
    const struct answer answer = step(d, &d->bridge, XR_TYPE_open, &message);
    d->opening = NOBODY;
    const struct xr_done *done = answer.type == XR_TYPE_done ? answer.message : NULL;
    if (done != NULL && done->joined) {
        r->end = XR_DRIVE_JOINED;
        return;
    }
    if (done == NULL) {
        r->end = XR_DRIVE_REFUSED;
        r->code = answer.type == XR_TYPE_error ? ((const struct xr_error *)answer.message)->code
                                               : XR_code_NONE;
        return;
    }
    if (r->id != done->session.n)
        fail(d, XR_BAD, "open was answered without an update of its session");
    if (r->end == XR_DRIVE_WAITING && s->patience_ms != INT64_MAX)
        push_due(d, d->now_ms + s->patience_ms, ORDER_GIVES_UP, session);
}

static void gives_up(struct drive *d, size_t session)
{
    struct xr_drive_session *r = &d->out->sessions[session];
    if (r->end != XR_DRIVE_WAITING)
        return;
    const struct xr_leave message = {COMMAND(&d->bridge), .session = {r->id}};
    (void)must(d, &d->bridge, XR_TYPE_leave, &message);
    r->end = XR_DRIVE_ABANDONED;
    r->wait_ms = d->now_ms - d->plan->sessions[session].arrival_ms;
}

static void service_ends(struct drive *d, size_t session)
{
    const struct xr_drive_session *r = &d->out->sessions[session];
    struct worker *worker = &d->workers[r->agent];
    const struct xr_close message = {COMMAND(&worker->client), .session = {r->id}};
    /* With the setting close_s the floor may have closed it before. */
    if (!r->is_over)
        (void)must(d, &worker->client, XR_TYPE_close, &message);
    if (worker->is_leaving && worker->holding == 0 && d->failed == XR_OK)
        be(d, worker, XR_presence_OFFLINE);
}

static void replies(struct drive *d, size_t session)
{
    const struct xr_drive_session *r = &d->out->sessions[session];
    struct client *client = &d->workers[r->agent].client;
    const struct xr_say message = {COMMAND(client), .session = {r->id},
                                   .text = XR_STR("how can I help?")};
    (void)must(d, client, XR_TYPE_say, &message);
}

static void happen(struct drive *d, const struct xr_heap_item *item)
{
    static void (*const handlers[])(struct drive *, size_t) = {
        [ORDER_REPLIES] = replies,         [ORDER_SERVICE_ENDS] = service_ends,
        [ORDER_SPAN_BEGINS] = span_begins, [ORDER_SPAN_ENDS] = span_ends,
        [ORDER_ARRIVES] = arrives,         [ORDER_GIVES_UP] = gives_up,
    };
    handlers[item->order](d, item->subject);
}

/* The floor's own deadlines before `until_ms`. One that is due and does not go away is a fault. */
static void tick_until(struct drive *d, int64_t until_ms)
{
    static const struct xr_tick tick = {0};
    int64_t due_ms = xr_floor_deadline(d->floor);
    int stays = 0;
    while (d->failed == XR_OK && due_ms != INT64_MAX && due_ms - FLOOR_START_MS <= until_ms) {
        if (due_ms - FLOOR_START_MS > d->now_ms)
            d->now_ms = due_ms - FLOOR_START_MS;
        (void)step(d, NULL, XR_TYPE_tick, &tick);
        const int64_t next_ms = xr_floor_deadline(d->floor);
        /* A tick does a part of what is due at one time. */
        stays = next_ms <= due_ms ? stays + 1 : 0;
        if (stays > TICKS_MAX)
            fail(d, XR_BAD, "a deadline at %lld ms stays after its tick", (long long)due_ms);
        due_ms = next_ms;
    }
}

static void play(struct drive *d)
{
    struct xr_heap_item item;
    size_t arrived = 0;
    while (d->failed == XR_OK && d->heap.count > 0) {
        tick_until(d, xr_heap_next_ms(&d->heap));
        if (d->failed != XR_OK || !xr_heap_pop(&d->heap, &item))
            return;
        d->now_ms = item.at_ms;
        happen(d, &item);
        arrived += item.order == ORDER_ARRIVES ? 1 : 0;
        if (d->options->on_progress != NULL)
            d->options->on_progress(d->options->context, arrived, d->plan->session_count);
    }
}

/* ---- what the floor says about it ------------------------------------------------------------ */

/* Why nobody could take it: from whom was skipped, and why. */
static enum xr_drive_why why_of(const struct xr_explanation *e)
{
    enum xr_drive_why why = XR_DRIVE_WHY_NOBODY;
    if (e->decision != XR_decision_QUEUED)
        return XR_DRIVE_WHY_UNKNOWN;
    for (uint32_t i = 0; i < e->skipped.count; i++)
        if (e->skipped.at[i].why == XR_skip_reason_AT_LIMIT)
            why = XR_DRIVE_WHY_FULL;
    return e->eligible > 0 ? XR_DRIVE_WHY_AFFINITY : why;
}

/* Read the explanations of one session as its supervisor would. */
static void check_explanations(struct drive *d, size_t session)
{
    struct xr_drive_session *r = &d->out->sessions[session];
    const struct xr_asker asker = {.agent = d->owner.id, .role = XR_role_OWNER};
    const struct xr_get_explanations get = {.session = {r->id}};
    enum xr_type type = XR_TYPE_none;
    const void *answer = NULL;
    xr_arena_reset(d->arena);
    xr_floor_query(d->tables, &asker, XR_TYPE_get_explanations, &get, d->arena, &type, &answer);
    if (type != XR_TYPE_explanation_page) {
        r->why = XR_DRIVE_WHY_UNKNOWN;
        return;
    }
    const struct xr_explanation_list *list =
        &((const struct xr_explanation_page *)answer)->explanations;
    d->out->explained += list->count;
    const struct xr_explanation *last = list->count > 0 ? &list->at[list->count - 1] : NULL;
    if (r->end != XR_DRIVE_SERVED) {
        r->why = last != NULL ? why_of(last) : XR_DRIVE_WHY_UNKNOWN;
        return;
    }
    const bool agrees = last != NULL && last->decision == XR_decision_ASSIGNED &&
                        worker_of(d, last->agent) == r->agent && last->sharing == r->sharing;
    d->out->explain_faults += agrees ? 0 : 1;
}

static void sum_up(struct drive *d)
{
    for (size_t i = 0; i < d->plan->session_count; i++) {
        struct xr_drive_session *r = &d->out->sessions[i];
        if (r->id != 0)
            check_explanations(d, i);
        d->out->ends[r->end]++;
        d->out->whys[r->why]++;
    }
    d->out->end_ms = d->now_ms;
    xr_books_finish(&d->out->books, d->now_ms);
    (void)crypto_generichash_final(&d->digest, d->out->digest, sizeof d->out->digest);
}

/* ---- life ----------------------------------------------------------------------------------- */

/* The value of a setting: as wanted, or the default. */
static int64_t setting_of(const struct drive *d, struct xr_str name)
{
    for (size_t i = d->options->setting_count; i-- > 0;)
        if (xr_str_equal(d->options->settings[i].name, name))
            return d->options->settings[i].value;
    for (size_t i = 0; i < xr_settings_count; i++)
        if (xr_str_equal(xr_str_of(xr_settings[i].name), name))
            return xr_settings[i].standard;
    return 0;
}

static enum xr_status make_books(struct drive *d)
{
    const struct xr_drive_options *o = d->options;
    struct xr_books_rules rules = {
        .limit = o->limit,
        .limit_returning = o->limit_returning,
        .load_bands = o->load_bands,
        .lift_ms = setting_of(d, XR_STR("lift_s")) * 1000,
        .affinity = o->affinity,
        .affinity_wait_ms = setting_of(d, XR_STR("affinity_wait_s")) * 1000,
    };
    enum xr_status status =
        xr_books_init(&d->out->books, &rules, d->plan->agent_count, d->plan->session_count);
    for (size_t i = 0; i < d->plan->agent_count && status == XR_OK; i++) {
        d->out->books.agents[i].groups = d->plan->agents[i].groups;
        d->out->books.agents[i].weight = 100;
    }
    return status;
}

static enum xr_status start(struct drive *d)
{
    static const struct xr_floor_options options = {
        .commit = XR_commit_mode_SYNC,
        .lease_ms = 15000,
        .beat_ms = 5000,
        .server = "simulate",
    };
    const size_t sessions = d->plan->session_count;
    d->out->sessions = xr_mem_zero(sessions + 1, sizeof *d->out->sessions);
    d->workers = xr_mem_zero(d->plan->agent_count + 1, sizeof *d->workers);
    d->tables = xr_memory_tables_new();
    d->floor = xr_floor_new(&options);
    d->arena = xr_arena_new(64 * 1024);
    if (d->out->sessions == NULL || d->workers == NULL || d->tables == NULL || d->floor == NULL ||
        d->arena == NULL)
        return XR_NOMEM;
    d->out->session_count = sessions;
    for (size_t i = 0; i < sessions; i++)
        d->out->sessions[i] = (struct xr_drive_session){.end = XR_DRIVE_WAITING, .agent = NOBODY};
    (void)crypto_generichash_init(&d->digest, NULL, 0, sizeof d->out->digest);
    enum xr_status status = make_books(d);
    return status == XR_OK ? xr_floor_load(d->floor, d->tables) : status;
}

static void stop(struct drive *d)
{
    xr_heap_fini(&d->heap);
    xr_effects_fini(&d->effects);
    xr_arena_free(d->arena);
    xr_floor_free(d->floor);
    xr_memory_tables_free(d->tables);
    xr_mem_free(d->workers);
    xr_mem_free(d->by_session);
}

enum xr_status xr_drive_run(const struct xr_plan *plan, const struct xr_drive_options *options,
                            struct xr_drive_result *out)
{
    struct drive d = {
        .plan = plan,
        .options = options,
        .out = out,
        .dice = {options->seed ^ UINT64_C(0x6576656e74730000)},
        .opening = NOBODY,
    };
    *out = (struct xr_drive_result){0};
    d.failed = start(&d);
    if (d.failed == XR_OK) {
        found(&d);
        set_all(&d);
        make_groups(&d);
        make_accounts(&d);
        fill_heap(&d);
        play(&d);
        sum_up(&d);
    }
    stop(&d);
    return d.failed;
}

void xr_drive_fini(struct xr_drive_result *result)
{
    xr_books_fini(&result->books);
    xr_mem_free(result->sessions);
    *result = (struct xr_drive_result){0};
}

void xr_drive_defaults(struct xr_drive_options *options)
{
    *options = (struct xr_drive_options){
        .affinity = XR_BOOKS_PREFER,
        .limit = 1,
        .limit_returning = 1,
        .load_bands = 2,
        .seed = 1,
    };
}
