/* Sessions: opened, routed, handed over, closed, reopened. */
#include "floor/index.h"

#include <string.h>

#define NOTES_TOLD 16
#define DAY_MS     INT64_C(86400000)

/* ---- what follows from a session's state ------------------------------------------------------
 */

bool xr_session_counts_idle(const struct xr_floor *floor)
{
    return floor->settings[XR_SETTING_idle_counts] != 0;
}

bool xr_session_counts(const struct xr_floor *floor, const struct xr_session_node *session)
{
    return session->hot.state == XR_session_state_OPEN && session->hot.agent.n != 0 &&
           (!session->hot.idle || xr_session_counts_idle(floor));
}

/* Since when nothing has happened; an outage of the server counts against nobody. */
static int64_t quiet_since(const struct xr_floor *floor, const struct xr_session_node *session)
{
    return session->hot.active_ms > floor->head.started_ms ? session->hot.active_ms
                                                           : floor->head.started_ms;
}

static int64_t idle_at(const struct xr_floor *floor, const struct xr_session_node *session)
{
    if (session->hot.state != XR_session_state_OPEN || session->hot.waiting_ms != 0 ||
        session->hot.idle)
        return INT64_MAX;
    return quiet_since(floor, session) + 1000 * floor->settings[XR_SETTING_idle_s];
}

static int64_t close_at(const struct xr_floor *floor, const struct xr_session_node *session)
{
    if (session->hot.state != XR_session_state_OPEN || session->hot.waiting_ms != 0 ||
        floor->settings[XR_SETTING_close_s] == 0)
        return INT64_MAX;
    return quiet_since(floor, session) + 1000 * floor->settings[XR_SETTING_close_s];
}

static int64_t wait_at(const struct xr_session_node *session)
{
    bool waits = session->hot.state == XR_session_state_QUEUED && session->hot.wanted.n != 0;
    return waits ? session->hot.wait_until_ms : INT64_MAX;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t xr_session_deadline(const struct xr_floor *floor, const struct xr_session_node *session)
{
    return earlier(earlier(idle_at(floor, session), close_at(floor, session)), wait_at(session));
}

void xr_session_rearm(struct xr_floor *floor, struct xr_session_node *session)
{
    xr_index_due(floor, &session->due, xr_session_deadline(floor, session));
}

const struct xr_session_record *xr_session_stored(struct xr_step *step, uint64_t id)
{
    struct xr_key key = xr_key_u64(id);
    const void *record;
    enum xr_status status = xr_record_get(step->tables, XR_TABLE_session, xr_key_of(&key),
                                          XR_TYPE_session_record, step->floor->scratch, &record);
    XR_ASSERT(status == XR_OK || status == XR_NONE);
    return status == XR_OK ? record : NULL;
}

/* The session as a handler wants it: in the index, or closed and stored; NULL: none. */
static const struct xr_session_record *look(struct xr_step *step, uint64_t id,
                                            struct xr_session_node **node)
{
    *node = xr_index_session(step->floor, id);
    return *node != NULL ? &(*node)->hot : xr_session_stored(step, id);
}

/* ---- telling
 * ------------------------------------------------------------------------------------- */

static void view_fill(const struct xr_session_node *session, const struct xr_customer_card *card,
                      struct xr_session_view *out)
{
    const struct xr_session_record *hot = &session->hot;
    *out = (struct xr_session_view){
        .session = hot->session,
        .state = hot->state,
        .klass = hot->klass,
        .group = hot->group,
        .agent = hot->agent,
        .customer = hot->customer,
        .nick = card->nick,
        .channel = card->channel,
        .buyer = card->buyer,
        .opened_ms = hot->opened_wall_ms,
        .waiting_ms = hot->waiting_wall_ms,
        .number = hot->number,
        .reason = hot->reason,
        .returning = hot->returning,
        .bridge = hot->bridge,
    };
}

/* Notes are between colleagues: the bridge, where there are any, gets the update without them in a
 * row of its own, and is struck off the other's audience. */
static void tell_bridge(struct xr_step *step, const struct xr_session_changed *update,
                        struct xr_audience *audience)
{
    struct xr_session_changed plain = *update;
    struct xr_audience bridge = {.agents = {update->session.bridge.n}};
    if (update->notes.count == 0 && update->note.size == 0)
        return;
    plain.notes.count = 0;
    plain.note.size = 0;
    xr_step_push(step, &bridge, XR_TYPE_session_changed, &plain);
    memmove(audience->agents, audience->agents + 1, sizeof audience->agents - sizeof(uint32_t));
    audience->agents[sizeof audience->agents / sizeof(uint32_t) - 1] = 0;
}

uint64_t xr_session_tell(struct xr_step *step, struct xr_session_node *session,
                         enum xr_change change, const struct xr_ask *ask)
{
    const struct xr_customer_record *customer = xr_customer_get(step, session->hot.customer);
    struct xr_session_changed update = {.change = change, .by = step->event->who};
    struct xr_audience audience = {.roles = XR_SUPERVISORS, .agents = {session->hot.bridge.n}};

    XR_ASSERT(customer != NULL);
    view_fill(session, &customer->card, &update.session);
    if (session->hot.agent.n != 0)
        audience.agents[1] = session->hot.agent.n;
    if (ask != NULL) {
        update.from = ask->from;
        update.note = ask->note;
        audience.agents[audience.agents[1] != 0 ? 2 : 1] = ask->from.n;
    }
    if (change == XR_change_ASSIGNED || change == XR_change_TRANSFERRED ||
        change == XR_change_FORCED) {
        update.card = customer->card;
        update.has |= UINT64_C(1) << 7;
        update.notes =
            xr_customer_notes(step, session->hot.customer, customer->card.notes, NOTES_TOLD);
    }
    tell_bridge(step, &update, &audience);
    uint64_t seq = xr_step_push(step, &audience, XR_TYPE_session_changed, &update);
    step->done.session = session->hot.session;
    step->done.state = session->hot.state;
    step->done.seq = seq;
    return seq;
}

/* ---- taking from an owner
 * ------------------------------------------------------------------------ */

void xr_session_take(struct xr_step *step, struct xr_session_node *session)
{
    struct xr_agent_node *owner = xr_index_agent(step->floor, session->hot.agent.n);
    XR_ASSERT(owner != NULL);
    /* What the pick has charged stays where it fell: nothing to undo any more. */
    if (!session->hot.answered) {
        struct xr_key key = xr_key_u64(session->hot.session.n);
        xr_tables_del(step->tables, XR_TABLE_charge, xr_key_of(&key));
    }
    if (xr_session_counts(step->floor, session)) {
        XR_ASSERT(owner->hot.active > 0);
        owner->hot.active--;
    }
    owner->hot.idle_ms = step->event->floor_ms;
    xr_presence_touch(step->floor, owner);
    xr_index_disown(owner, session);
    session->hot.agent.n = 0;
    xr_index_touch_session(step->floor, session);
}

void xr_session_take_back(struct xr_step *step, struct xr_session_node *session, bool first)
{
    struct xr_ask ask = {.cause = first ? XR_cause_TAKEN_BACK : XR_cause_RETURNING,
                         .rule = "same",
                         .change = XR_change_ASSIGNED,
                         .from = session->hot.agent};
    if (!session->hot.answered)
        xr_queue_reverse(step, session);
    if (!first)
        ask.affinity = session->hot.agent;
    xr_session_take(step, session);
    session->hot.state = XR_session_state_QUEUED;
    session->hot.first = first;
    session->hot.idle = false;
    xr_session_tell(step, session, XR_change_TAKEN_BACK, &ask);
    xr_queue_route(step, session, &ask);
}

/* ---- closing
 * --------------------------------------------------------------------------------------- */

/* The customer's record follows: no open session, and who served last. */
static void note_served(struct xr_step *step, const struct xr_session_node *session,
                        struct xr_agent_id owner)
{
    const struct xr_customer_record *stored = xr_customer_get(step, session->hot.customer);
    XR_ASSERT(stored != NULL);
    struct xr_customer_record record = *stored;
    if (record.session.n == session->hot.session.n)
        record.session.n = 0;
    if (owner.n != 0) {
        record.card.last_agent = owner;
        record.served_ms = step->event->floor_ms;
    }
    record.card.last_ms = step->event->wall_ms;
    xr_customer_put(step, &record);
}

static void end_session(struct xr_step *step, struct xr_session_node *session,
                        enum xr_close_reason reason)
{
    struct xr_floor *floor = step->floor;
    struct xr_agent_id owner = session->hot.agent;
    struct xr_key key = xr_key_u64(session->hot.session.n);

    if (session->queued)
        xr_queue_remove(floor, session);
    if (owner.n != 0)
        xr_session_take(step, session);
    session->hot.agent = owner; /* of a closed session: the last */
    session->hot.state = XR_session_state_CLOSED;
    session->hot.reason = reason;
    session->hot.idle = false;
    session->hot.waiting_ms = 0;
    session->hot.waiting_wall_ms = 0;
    session->hot.queued_ms = 0;
    session->hot.queued_wall_ms = 0;
    session->hot.wanted.n = 0;
    session->hot.wait_until_ms = 0;
    session->hot.first = false;
    session->hot.refused.n = 0;
    session->hot.closed_ms = step->event->floor_ms;
    session->hot.closed_wall_ms = step->event->wall_ms;
    xr_tables_del(step->tables, XR_TABLE_open, xr_key_of(&key));
    note_served(step, session, owner);
    xr_index_touch_session(floor, session);
    xr_session_rearm(floor, session);
    xr_session_tell(step, session, XR_change_CLOSED, NULL);
    if (owner.n != 0)
        xr_queue_drain(step, xr_index_agent(floor, owner.n));
}

enum xr_code xr_session_close(struct xr_step *step, const void *message)
{
    const struct xr_close *close = message;
    struct xr_session_node *session;
    const struct xr_session_record *hot = look(step, close->session.n, &session);

    if (hot == NULL || (hot->agent.n != step->who->hot.agent.n && !xr_step_supervises(step)))
        return xr_step_refuse(step, XR_code_NOT_FOUND, "session");
    if (hot->state == XR_session_state_CLOSED) {
        step->error.state = hot->state;
        return xr_step_refuse(step, XR_code_STATE, "session");
    }
    if (close->reason > XR_close_reason_SPAM)
        return xr_step_refuse(step, XR_code_RANGE, "reason");
    end_session(step, session,
                close->reason == XR_close_reason_NONE ? XR_close_reason_RESOLVED : close->reason);
    step->done = (struct xr_done){
        .session = close->session, .seq = step->done.seq, .state = XR_session_state_CLOSED};
    return XR_code_NONE;
}

enum xr_code xr_session_leave(struct xr_step *step, const void *message)
{
    const struct xr_leave *leave = message;
    struct xr_session_node *session;
    const struct xr_session_record *hot = look(step, leave->session.n, &session);

    if (hot == NULL || hot->bridge.n != step->who->hot.agent.n)
        return xr_step_refuse(step, XR_code_NOT_FOUND, "session");
    if (hot->state == XR_session_state_CLOSED) {
        step->error.state = hot->state;
        return xr_step_refuse(step, XR_code_STATE, "session");
    }
    end_session(step, session,
                hot->state == XR_session_state_QUEUED ? XR_close_reason_ABANDONED
                                                      : XR_close_reason_BUYER_LEFT);
    step->done = (struct xr_done){
        .session = leave->session, .seq = step->done.seq, .state = XR_session_state_CLOSED};
    return XR_code_NONE;
}

/* ---- opening
 * --------------------------------------------------------------------------------------- */

static bool served_lately(const struct xr_step *step, const struct xr_customer_record *customer)
{
    int64_t span = DAY_MS * step->floor->settings[XR_SETTING_affinity_days];
    return customer->card.last_agent.n != 0 && step->event->floor_ms - customer->served_ms <= span;
}

/* The buyer has a session already: a double click joins it. */
static enum xr_code join(struct xr_step *step, const struct xr_open *open, uint64_t id)
{
    struct xr_session_node *session = xr_index_session(step->floor, id);
    XR_ASSERT(session != NULL);
    if (session->hot.bridge.n != step->who->hot.agent.n)
        return xr_step_refuse(step, XR_code_EXISTS, "buyer");
    if (open->text.size > 0)
        xr_message_from_buyer(step, session, XR_message_kind_TEXT, open->text);
    step->done.session = session->hot.session;
    step->done.customer = session->hot.customer;
    step->done.state = session->hot.state;
    step->done.joined = true;
    return XR_code_NONE;
}

/* A visit enters the customer's record. */
static void note_visit(struct xr_step *step, const struct xr_open *open,
                       struct xr_customer_record *customer, struct xr_session_id session)
{
    struct xr_key key = xr_key_visit(customer->card.customer, session);
    if (open->nick.size > 0)
        customer->card.nick = open->nick;
    else if (customer->card.nick.size == 0)
        customer->card.nick = open->buyer;
    if (customer->card.visits == 0)
        customer->card.first_ms = step->event->wall_ms;
    customer->card.last_ms = step->event->wall_ms;
    customer->card.visits++;
    customer->session = session;
    customer->last_session = session;
    xr_customer_put(step, customer);
    xr_tables_put(step->tables, XR_TABLE_visit, xr_key_of(&key), xr_key_none());
}

enum xr_code xr_session_open(struct xr_step *step, const void *message)
{
    const struct xr_open *open = message;
    struct xr_floor *floor = step->floor;
    struct xr_customer_record customer;
    struct xr_agent_id nobody = {0};
    bool is_new;

    xr_customer_find(step, open->channel, open->buyer, &customer, &is_new);
    if (customer.session.n != 0)
        return join(step, open, customer.session.n);
    if (floor->queued >= floor->settings[XR_SETTING_queue_max]) {
        step->error.retry_ms = 10000;
        return xr_step_refuse(step, XR_code_FULL, "queue_max");
    }
    struct xr_group_node *group = xr_index_group_named(floor, open->group);
    struct xr_session_node *session = xr_index_session_add(floor, ++floor->head.sessions);
    bool returning = !is_new && served_lately(step, &customer);
    struct xr_ask ask = {
        .cause = returning ? XR_cause_RETURNING : XR_cause_NEW,
        .rule = group != NULL ? "hint" : "default",
        .affinity = returning ? customer.card.last_agent : nobody,
        .change = XR_change_ASSIGNED,
    };
    if (is_new)
        customer.card.customer.n = ++floor->head.customers;
    floor->head_dirty = true;
    session->hot.customer = customer.card.customer;
    session->hot.state = XR_session_state_QUEUED;
    session->hot.klass = open->klass == XR_queue_class_NONE ? XR_queue_class_NORMAL : open->klass;
    session->hot.group.n = group != NULL ? group->id : 1;
    session->hot.bridge = step->who->hot.agent;
    session->hot.opened_wall_ms = step->event->wall_ms;
    session->hot.active_ms = step->event->floor_ms;
    session->hot.returning = returning;
    session->hot.chain = (struct xr_bin){session->chain, XR_HASH_BYTES};
    xr_index_touch_session(floor, session);

    struct xr_key key = xr_key_u64(session->hot.session.n);
    xr_tables_put(step->tables, XR_TABLE_open, xr_key_of(&key), xr_key_none());
    if (is_new) {
        struct xr_key channel = xr_key_channel(open->channel, open->buyer);
        struct xr_key id = xr_key_u64(customer.card.customer.n);
        xr_tables_put(step->tables, XR_TABLE_channel, xr_key_of(&channel), xr_key_of(&id));
    }
    note_visit(step, open, &customer, session->hot.session);
    xr_session_tell(step, session, XR_change_OPENED, NULL);
    xr_queue_route(step, session, &ask);
    if (open->text.size > 0)
        xr_message_add(step, session, XR_sender_BUYER, nobody, XR_message_kind_TEXT, open->text,
                       false);
    step->done.customer = session->hot.customer;
    step->done.state = session->hot.state;
    return XR_code_NONE;
}

struct xr_session_node *xr_session_reopen(struct xr_step *step, uint64_t id)
{
    struct xr_floor *floor = step->floor;
    struct xr_session_node *session;
    const struct xr_session_record *hot = look(step, id, &session);
    XR_ASSERT(hot != NULL);
    const struct xr_customer_record *stored = xr_customer_get(step, hot->customer);

    XR_ASSERT(stored != NULL);
    if (floor->settings[XR_SETTING_reopen_s] == 0 || stored->session.n != 0 ||
        step->event->floor_ms - hot->closed_ms > 1000 * floor->settings[XR_SETTING_reopen_s])
        return NULL;
    struct xr_customer_record customer = *stored;
    struct xr_ask ask = {.cause = XR_cause_REOPENED,
                         .rule = "same",
                         .affinity = hot->agent,
                         .change = XR_change_ASSIGNED};
    if (session == NULL) {
        session = xr_index_session_add(floor, id);
        xr_index_session_fill(session, hot);
    }
    session->hot.state = XR_session_state_QUEUED;
    session->hot.agent.n = 0;
    session->hot.reason = XR_close_reason_NONE;
    session->hot.closed_ms = 0;
    session->hot.closed_wall_ms = 0;
    session->hot.returning = true;
    session->hot.answered = false;
    session->hot.active_ms = step->event->floor_ms;
    xr_index_touch_session(floor, session);
    struct xr_key key = xr_key_u64(id);
    customer.session = session->hot.session;
    xr_customer_put(step, &customer);
    xr_tables_put(step->tables, XR_TABLE_open, xr_key_of(&key), xr_key_none());
    xr_session_tell(step, session, XR_change_REOPENED, NULL);
    xr_queue_route(step, session, &ask);
    return session;
}

/* ---- handing over
 * ---------------------------------------------------------------------------------- */

/* The owner's session in state OPEN, or a refusal. */
static enum xr_code find_owned(struct xr_step *step, uint64_t id, bool supervisor_may,
                               struct xr_session_node **out)
{
    const struct xr_session_record *hot = look(step, id, out);
    bool mine = hot != NULL && hot->agent.n == step->who->hot.agent.n;
    if (hot == NULL || (!mine && !xr_step_supervises(step)))
        return xr_step_refuse(step, XR_code_NOT_FOUND, "session");
    if (hot->state == XR_session_state_CLOSED || (!mine && !supervisor_may)) {
        step->error.state = hot->state;
        return xr_step_refuse(step, XR_code_STATE, "session");
    }
    return XR_code_NONE;
}

static enum xr_code refuse_target(struct xr_step *step, const struct xr_agent_node *agent)
{
    if (agent == NULL || agent->role == XR_role_BRIDGE)
        return xr_step_refuse(step, XR_code_NOT_FOUND, "agent");
    if (agent == step->who)
        return xr_step_refuse(step, XR_code_RANGE, "agent");
    if (!xr_presence_available(agent) ||
        agent->hot.active >= xr_queue_limit(step->floor, agent, true)) {
        step->error.presence = xr_presence_shown(agent);
        return xr_step_refuse(step, XR_code_UNAVAILABLE, "agent");
    }
    return XR_code_NONE;
}

/* To a group where only its owner could take it, a session is not handed over: it would come
 * back at once. */
static enum xr_code refuse_group(struct xr_step *step, struct xr_group_id id)
{
    const struct xr_agent_node *me = step->who;
    if (xr_index_group(step->floor, id.n) == NULL)
        return xr_step_refuse(step, XR_code_NOT_FOUND, "group");
    for (uint32_t i = 0; i < me->group_count; i++)
        if (me->groups[i] == id.n && me->weight > 0 && xr_presence_available(me) &&
            !xr_queue_has_other(step->floor, id.n, me->hot.agent))
            return xr_step_refuse(step, XR_code_UNAVAILABLE, "group");
    return XR_code_NONE;
}

enum xr_code xr_session_transfer(struct xr_step *step, const void *message)
{
    const struct xr_transfer *transfer = message;
    struct xr_session_node *session;
    enum xr_code code = find_owned(step, transfer->session.n, false, &session);

    if (code != XR_code_NONE)
        return code;
    if ((transfer->agent.n == 0) == (transfer->group.n == 0))
        return xr_step_refuse(step, XR_code_MISSING, "agent");
    if (transfer->agent.n != 0)
        code = refuse_target(step, xr_index_agent(step->floor, transfer->agent.n));
    else
        code = refuse_group(step, transfer->group);
    if (code != XR_code_NONE)
        return code;

    struct xr_ask ask = {.cause = XR_cause_TRANSFER,
                         .rule = "transfer",
                         .named = transfer->agent,
                         .change = XR_change_TRANSFERRED,
                         .from = session->hot.agent,
                         .note = transfer->note};
    struct xr_agent_node *from = step->who;
    xr_session_take(step, session);
    session->hot.idle = false;
    session->hot.refused = ask.from;
    if (transfer->group.n != 0)
        session->hot.group = transfer->group;
    xr_queue_route(step, session, &ask);
    xr_queue_drain(step, from);
    step->done = (struct xr_done){.session = transfer->session,
                                  .seq = step->done.seq,
                                  .agent = session->hot.agent,
                                  .state = session->hot.state};
    return XR_code_NONE;
}

static enum xr_code refuse_force(struct xr_step *step, const struct xr_agent_node *agent,
                                 const struct xr_session_node *session)
{
    if (agent == NULL || agent->role == XR_role_BRIDGE)
        return xr_step_refuse(step, XR_code_NOT_FOUND, "agent");
    if (agent->hot.state == XR_presence_OFFLINE || agent->hot.lost ||
        agent->account != XR_account_state_ACTIVE) {
        step->error.presence = xr_presence_shown(agent);
        return xr_step_refuse(step, XR_code_UNAVAILABLE, "agent");
    }
    if (session->hot.agent.n == agent->hot.agent.n) {
        step->error.state = session->hot.state;
        return xr_step_refuse(step, XR_code_STATE, "agent");
    }
    if (agent->hot.active >= step->floor->settings[XR_SETTING_limit_ceiling])
        return xr_step_refuse(step, XR_code_FULL, "limit_ceiling");
    return XR_code_NONE;
}

enum xr_code xr_session_assign(struct xr_step *step, const void *message)
{
    const struct xr_assign *assign = message;
    struct xr_agent_node *agent = xr_index_agent(step->floor, assign->agent.n);
    struct xr_session_node *session;
    enum xr_code code = find_owned(step, assign->session.n, true, &session);

    if (code == XR_code_NONE)
        code = refuse_force(step, agent, session);
    if (code != XR_code_NONE)
        return code;
    struct xr_agent_node *from = xr_index_agent(step->floor, session->hot.agent.n);
    struct xr_ask ask = {.cause = XR_cause_FORCED,
                         .rule = "same",
                         .named = agent->hot.agent,
                         .change = XR_change_FORCED,
                         .from = session->hot.agent,
                         .note = assign->note};
    struct xr_str before =
        from == NULL ? XR_STR("queued") : xr_step_format(step, "agent %u", from->hot.agent.n);
    xr_step_audit(step, "assign",
                  xr_step_format(step, "session %llu", (unsigned long long)assign->session.n),
                  before, xr_step_format(step, "agent %u", agent->hot.agent.n));
    if (from != NULL) {
        xr_session_take(step, session);
        session->hot.idle = false;
    }
    xr_queue_route(step, session, &ask);
    if (from != NULL)
        xr_queue_drain(step, from);
    step->done = (struct xr_done){.session = assign->session,
                                  .seq = step->done.seq,
                                  .agent = agent->hot.agent,
                                  .state = session->hot.state};
    return XR_code_NONE;
}

/* ---- deadlines
 * --------------------------------------------------------------------------------------- */

void xr_session_due(struct xr_step *step, struct xr_session_node *session)
{
    struct xr_floor *floor = step->floor;
    int64_t now = step->event->floor_ms;

    if (close_at(floor, session) <= now) {
        end_session(step, session, XR_close_reason_TIMEOUT);
        return;
    }
    if (idle_at(floor, session) <= now) {
        struct xr_agent_node *owner = xr_index_agent(floor, session->hot.agent.n);
        session->hot.idle = true;
        xr_index_touch_session(floor, session);
        if (!xr_session_counts_idle(floor)) {
            owner->hot.active--;
            xr_presence_touch(floor, owner);
            xr_queue_drain(step, owner);
        }
    }
    if (wait_at(session) <= now) {
        struct xr_ask ask = {.cause = XR_cause_NEW, .rule = "same", .change = XR_change_ASSIGNED};
        session->hot.wanted.n = 0;
        session->hot.wait_until_ms = 0;
        xr_index_touch_session(floor, session);
        xr_queue_route(step, session, &ask);
    }
    xr_session_rearm(floor, session);
}
