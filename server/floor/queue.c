/*
 * Routing over the index: who is eligible, the pick, the charge, the queues, the explanation.
 *
 * A session is routed in one step, pick and place together, so that a limit cannot be overrun.
 * Queues are drained by event: whoever gains a free place takes the best class, then the oldest,
 * over all its groups.
 */
#include "floor/index.h"

#include <string.h>

#define SKIPS_LISTED  48
#define EXPLAIN_BYTES 1024 /* an explanation on disk */
#define DRAIN_LOOK    16   /* sessions of one queue that a freed agent looks at in vain */

/* ---- who could take it ------------------------------------------------------------------------
 */

uint32_t xr_queue_limit(const struct xr_floor *floor, const struct xr_agent_node *agent,
                        bool returning)
{
    int64_t routed = floor->settings[XR_SETTING_limit_routed];
    int64_t ceiling = floor->settings[XR_SETTING_limit_ceiling];
    int64_t limit = agent->limit != 0 ? (int64_t)agent->limit : routed;
    int64_t extra = floor->settings[XR_SETTING_limit_returning] - routed;
    if (returning && extra > 0)
        limit += extra;
    return (uint32_t)(limit < ceiling ? limit : ceiling);
}

static bool has_place(const struct xr_agent_node *agent, uint32_t limit)
{
    return agent->hot.active < limit;
}

/* Why `agent` cannot take any session; 0: it can. */
static enum xr_skip_reason why_none(const struct xr_floor *floor, const struct xr_agent_node *agent,
                                    bool returning)
{
    if (agent->account != XR_account_state_ACTIVE || agent->hot.state != XR_presence_ONLINE)
        return XR_skip_reason_NOT_ONLINE;
    if (agent->hot.lost)
        return XR_skip_reason_LOST;
    if (agent->weight == 0)
        return XR_skip_reason_NO_WEIGHT;
    if (!has_place(agent, xr_queue_limit(floor, agent, returning)))
        return XR_skip_reason_AT_LIMIT;
    return XR_skip_reason_NONE;
}

bool xr_queue_has_other(const struct xr_floor *floor, uint32_t group, struct xr_agent_id than)
{
    const struct xr_group_node *node = xr_index_group(floor, group);
    for (size_t i = 0; i < node->member_count; i++)
        if (node->members[i] != than.n &&
            why_none(floor, xr_index_agent(floor, node->members[i]), false) == XR_skip_reason_NONE)
            return true;
    return false;
}

/* Why `agent` cannot take the session; 0: it can. Who has given it back takes it again where nobody
 * else could. */
static enum xr_skip_reason why_not(const struct xr_floor *floor, const struct xr_agent_node *agent,
                                   const struct xr_session_node *session, bool returning)
{
    enum xr_skip_reason why = why_none(floor, agent, returning);
    if (why == XR_skip_reason_NONE && session->hot.refused.n == agent->hot.agent.n &&
        xr_queue_has_other(floor, session->hot.group.n, agent->hot.agent))
        return XR_skip_reason_REFUSED;
    return why;
}

static struct xr_candidate candidate_of(const struct xr_floor *floor,
                                        const struct xr_agent_node *agent)
{
    return (struct xr_candidate){
        .agent = agent->hot.agent,
        .weight = agent->weight,
        .active = agent->hot.active,
        .limit = xr_queue_limit(floor, agent, false), /* one yardstick for all loads */
        .last_pick = agent->hot.last_pick,
        .idle_ms = agent->hot.idle_ms,
        .owed = agent->owed,
    };
}

/* The eligible of the session's group, in order of id, and the named taker, who need not be of it.
 * Returns how many; `named` receives the taker's place. */
static size_t gather(struct xr_floor *floor, const struct xr_session_node *session,
                     struct xr_agent_id taker, size_t *named)
{
    const struct xr_group_node *group = xr_index_group(floor, session->hot.group.n);
    size_t count = 0;
    bool placed = taker.n == 0;

    *named = SIZE_MAX;
    for (size_t i = 0; i < group->member_count; i++) {
        const struct xr_agent_node *agent = xr_index_agent(floor, group->members[i]);
        if (!placed && agent->hot.agent.n >= taker.n) {
            *named = count;
            floor->candidates[count++] = candidate_of(floor, xr_index_agent(floor, taker.n));
            placed = true;
        }
        if (agent->hot.agent.n == taker.n ||
            why_not(floor, agent, session, false) != XR_skip_reason_NONE)
            continue;
        floor->candidates[count++] = candidate_of(floor, agent);
    }
    if (!placed) {
        *named = count;
        floor->candidates[count++] = candidate_of(floor, xr_index_agent(floor, taker.n));
    }
    return count;
}

/* ---- charging -----------------------------------------------------------------------------------
 */

static void put_le(uint8_t *at, uint64_t n, size_t size)
{
    for (size_t i = 0; i < size; i++)
        at[i] = (uint8_t)(n >> (8 * i));
}

static uint64_t get_le(const uint8_t *at, size_t size)
{
    uint64_t n = 0;
    for (size_t i = 0; i < size; i++)
        n |= (uint64_t)at[i] << (8 * i);
    return n;
}

/* Take the new balances over and keep what changed, until the taker's first reply. */
static void charge(struct xr_step *step, const struct xr_session_node *session, size_t count)
{
    struct xr_floor *floor = step->floor;
    uint8_t *deltas = xr_arena_take(floor->scratch, count * 12 + 1);
    uint32_t size = 0;
    XR_ASSERT(deltas != NULL);
    for (size_t i = 0; i < count; i++) {
        const struct xr_candidate *c = &floor->candidates[i];
        struct xr_agent_node *agent = xr_index_agent(floor, c->agent.n);
        int64_t delta = c->owed - agent->owed;
        if (delta == 0)
            continue;
        agent->owed = c->owed;
        put_le(deltas + size, c->agent.n, 4);
        put_le(deltas + size + 4, (uint64_t)delta, 8);
        size += 12;
    }
    if (size == 0)
        return;
    floor->balances_dirty = true;
    struct xr_charge_record record = {.deltas = {deltas, size}};
    struct xr_key key = xr_key_u64(session->hot.session.n);
    xr_record_put(step->tables, XR_TABLE_charge, xr_key_of(&key), XR_TYPE_charge_record, &record,
                  &floor->row);
}

/* True where a balance is past its bound. */
static bool is_past(const struct xr_floor *floor, const struct xr_candidate *c)
{
    const int64_t bound = floor->settings[XR_SETTING_owed_max] * XR_OWED_ONE;
    return c->owed > bound || c->owed < -bound;
}

/* Who is past the bound is cut, in a group or not; those in groups take what is cut off, and where
 * they have no room for it, everybody. */
void xr_queue_clamp(struct xr_floor *floor)
{
    const int64_t owed_max = floor->settings[XR_SETTING_owed_max];
    struct xr_candidate *all = floor->candidates;
    size_t count = 0;
    for (size_t i = 1; i < floor->agent_count; i++) {
        const struct xr_agent_node *agent = floor->agents[i];
        if (agent == NULL)
            continue;
        struct xr_candidate c = candidate_of(floor, agent);
        c.sharing = (agent->group_count > 0 && agent->account == XR_account_state_ACTIVE) ||
                    is_past(floor, &c);
        all[count++] = c;
    }
    xr_route_clamp(owed_max, 0, all, count);
    if (is_past(floor, &all[0])) {
        for (size_t i = 0; i < count; i++)
            all[i].sharing = true;
        xr_route_clamp(owed_max, 0, all, count);
    }
    for (size_t i = 0; i < count; i++)
        xr_index_agent(floor, floor->candidates[i].agent.n)->owed = floor->candidates[i].owed;
    floor->balances_dirty = true;
}

void xr_queue_reverse(struct xr_step *step, struct xr_session_node *session)
{
    struct xr_floor *floor = step->floor;
    struct xr_key key = xr_key_u64(session->hot.session.n);
    const void *row;
    if (xr_record_get(step->tables, XR_TABLE_charge, xr_key_of(&key), XR_TYPE_charge_record,
                      floor->scratch, &row) != XR_OK)
        return;
    const struct xr_charge_record *record = row;
    for (uint32_t i = 0; i + 12 <= record->deltas.size; i += 12) {
        uint32_t id = (uint32_t)get_le(record->deltas.at + i, 4);
        int64_t delta = (int64_t)get_le(record->deltas.at + i + 4, 8);
        xr_index_agent(floor, id)->owed -= delta;
    }
    for (uint32_t i = 0; i + 12 <= record->deltas.size; i += 12) {
        struct xr_agent_node *agent =
            xr_index_agent(floor, (uint32_t)get_le(record->deltas.at + i, 4));
        if (agent->account != XR_account_state_ACTIVE) /* locked or left since the pick */
            xr_queue_spread_balance(floor, agent);
    }
    xr_queue_clamp(floor);
}

void xr_queue_spread_balance(struct xr_floor *floor, struct xr_agent_node *agent)
{
    int64_t others = 0;
    for (size_t i = 1; i < floor->agent_count; i++) {
        const struct xr_agent_node *other = floor->agents[i];
        others += other != NULL && other != agent && other->group_count > 0 &&
                  other->account == XR_account_state_ACTIVE;
    }
    if (others == 0 || agent->owed == 0)
        return;
    int64_t part = agent->owed / others;
    int64_t rest = agent->owed % others;
    for (size_t i = 1; i < floor->agent_count; i++) {
        struct xr_agent_node *other = floor->agents[i];
        if (other == NULL || other == agent || other->group_count == 0 ||
            other->account != XR_account_state_ACTIVE)
            continue;
        int64_t one = rest > 0 ? 1 : rest < 0 ? -1 : 0;
        other->owed += part + one;
        rest -= one;
    }
    agent->owed = 0;
    xr_queue_clamp(floor);
}

/* ---- explaining
 * ----------------------------------------------------------------------------------- */

/* Millionths of a session, rounded toward zero. */
static int64_t micro(int64_t owed)
{
    return owed / XR_OWED_ONE * 1000000 + owed % XR_OWED_ONE * 1000000 / XR_OWED_ONE;
}

/* After the pick, and before the index has changed: owed in a skip is the balance after it. */
static void explain_skips(struct xr_step *step, const struct xr_session_node *session,
                          uint32_t taker, size_t candidates, struct xr_explanation *out)
{
    struct xr_floor *floor = step->floor;
    const struct xr_group_node *group = xr_index_group(floor, session->hot.group.n);
    struct xr_skip *skips = xr_arena_take(floor->scratch, SKIPS_LISTED * sizeof *skips);
    size_t next = 0;
    XR_ASSERT(skips != NULL);
    out->skipped.at = skips;
    for (size_t i = 0; i < group->member_count; i++) {
        const struct xr_agent_node *agent = xr_index_agent(floor, group->members[i]);
        while (next < candidates && floor->candidates[next].agent.n < agent->hot.agent.n)
            next++;
        const struct xr_candidate *c =
            next < candidates && floor->candidates[next].agent.n == agent->hot.agent.n
                ? &floor->candidates[next]
                : NULL;
        if (agent->hot.agent.n == taker)
            continue;
        /* Who is signed off, has left or is locked is no rival: counted, not listed. */
        if (out->skipped.count == SKIPS_LISTED ||
            (c == NULL && agent->hot.state == XR_presence_OFFLINE)) {
            out->skipped_more++;
            continue;
        }
        enum xr_skip_reason why = c == NULL    ? why_not(floor, agent, session, false)
                                  : c->sharing ? XR_skip_reason_OWED_LESS
                                               : XR_skip_reason_LOADED;
        if (why == XR_skip_reason_NONE)
            why = XR_skip_reason_NOT_AWAITED;
        skips[out->skipped.count++] = (struct xr_skip){
            .agent = agent->hot.agent,
            .why = why,
            .active = agent->hot.active,
            .owed_micro = micro(c != NULL ? c->owed : agent->owed),
        };
    }
}

static void store_explanation(struct xr_step *step, struct xr_explanation *explanation,
                              uint64_t seq)
{
    struct xr_floor *floor = step->floor;
    struct xr_explanation_record record;
    struct xr_key key = xr_key_explanation(explanation->session, seq);
    explanation->seq = seq;
    explanation->wall_ms = step->event->wall_ms;
    for (;;) {
        memset(&record, 0, sizeof record);
        record.explanation = *explanation;
        xr_buf_reset(&floor->row);
        xr_record_encode(&floor->row, XR_TYPE_explanation_record, &record);
        XR_ASSERT(!floor->row.failed);
        if (floor->row.size <= EXPLAIN_BYTES || explanation->skipped.count == 0)
            break;
        uint32_t left_out = explanation->skipped.count > 4 ? 4 : 1;
        explanation->skipped.count -= left_out;
        explanation->skipped_more += left_out;
    }
    xr_tables_put(step->tables, XR_TABLE_explanation, xr_key_of(&key),
                  (struct xr_bin){floor->row.at, (uint32_t)floor->row.size});
}

static uint32_t waited_s(const struct xr_step *step, const struct xr_session_node *session)
{
    if (session->hot.queued_ms == 0)
        return 0;
    return (uint32_t)((step->event->floor_ms - session->hot.queued_ms) / 1000);
}

/* ---- queues
 * --------------------------------------------------------------------------------------- */

/* True where `a` is taken before `b`, both of one class and group. */
static bool taken_before(const struct xr_session_node *a, const struct xr_session_node *b)
{
    if (a->hot.first != b->hot.first)
        return a->hot.first;
    return a->hot.arrival < b->hot.arrival;
}

void xr_queue_add(struct xr_floor *floor, struct xr_session_node *session)
{
    struct xr_group_node *group = xr_index_group(floor, session->hot.group.n);
    struct xr_queue *queue = &group->queues[session->hot.klass];
    struct xr_session_node *before = queue->tail;
    XR_ASSERT(!session->queued);
    while (before != NULL && taken_before(session, before))
        before = before->queue_prev;
    session->queue_prev = before;
    session->queue_next = before != NULL ? before->queue_next : queue->head;
    *(before != NULL ? &before->queue_next : &queue->head) = session;
    *(session->queue_next != NULL ? &session->queue_next->queue_prev : &queue->tail) = session;
    session->queued = true;
    group->queued++;
    floor->queued++;
}

void xr_queue_remove(struct xr_floor *floor, struct xr_session_node *session)
{
    struct xr_group_node *group = xr_index_group(floor, session->hot.group.n);
    struct xr_queue *queue = &group->queues[session->hot.klass];
    XR_ASSERT(session->queued);
    *(session->queue_prev != NULL ? &session->queue_prev->queue_next : &queue->head) =
        session->queue_next;
    *(session->queue_next != NULL ? &session->queue_next->queue_prev : &queue->tail) =
        session->queue_prev;
    session->queue_prev = NULL;
    session->queue_next = NULL;
    session->queued = false;
    group->queued--;
    floor->queued--;
}

/* The class that a session has after waiting: one up for each lift_s, never above escalated, never
 * for a left message. */
static uint32_t lifted_class(const struct xr_floor *floor, const struct xr_session_node *session,
                             int64_t floor_ms)
{
    if (session->hot.klass == XR_queue_class_LEFT_MESSAGE)
        return XR_queue_class_LEFT_MESSAGE;
    int64_t lifts =
        (floor_ms - session->hot.queued_ms) / (1000 * floor->settings[XR_SETTING_lift_s]);
    int64_t klass = (int64_t)session->hot.klass - lifts;
    return klass < XR_queue_class_ESCALATED ? XR_queue_class_ESCALATED : (uint32_t)klass;
}

/* Better class first, then what was taken back, then the oldest. */
static bool waits_better(const struct xr_floor *floor, int64_t now, const struct xr_session_node *a,
                         const struct xr_session_node *b)
{
    uint32_t class_a = lifted_class(floor, a, now);
    uint32_t class_b = lifted_class(floor, b, now);
    if (class_a != class_b)
        return class_a < class_b;
    return taken_before(a, b);
}

/* The session of one queue that the agent can take first. Those that wait for somebody are passed
 * over, however many; with affinity `wait` only. */
static struct xr_session_node *first_for(const struct xr_floor *floor, const struct xr_queue *queue,
                                         const struct xr_agent_node *agent)
{
    int looks = 0;
    for (struct xr_session_node *s = queue->head; s != NULL && looks < DRAIN_LOOK;
         s = s->queue_next) {
        bool wanted = s->hot.wanted.n == agent->hot.agent.n;
        if (s->hot.wanted.n != 0 && !wanted)
            continue;
        if (why_not(floor, agent, s, wanted) == XR_skip_reason_NONE)
            return s;
        looks++;
    }
    return NULL;
}

static struct xr_session_node *best_for(const struct xr_floor *floor,
                                        const struct xr_agent_node *agent, int64_t now)
{
    struct xr_session_node *best = NULL;
    for (uint32_t g = 0; g < agent->group_count; g++) {
        const struct xr_group_node *group = xr_index_group(floor, agent->groups[g]);
        if (group->queued == 0)
            continue;
        for (size_t c = 1; c < XR_CLASSES; c++) {
            struct xr_session_node *session = first_for(floor, &group->queues[c], agent);
            if (session != NULL && (best == NULL || waits_better(floor, now, session, best)))
                best = session;
        }
    }
    return best;
}

void xr_queue_drain(struct xr_step *step, struct xr_agent_node *agent)
{
    /* Each turn gives a session to somebody; the agent's places and the limits bound the turns. */
    for (int64_t turn = 0; turn < step->floor->settings[XR_SETTING_limit_ceiling]; turn++) {
        if (!xr_presence_available(agent) || step->floor->queued == 0 ||
            !has_place(agent, xr_queue_limit(step->floor, agent, true)))
            return;
        struct xr_session_node *session = best_for(step->floor, agent, step->event->floor_ms);
        if (session == NULL)
            return;
        struct xr_ask ask = {.cause = XR_cause_FREED,
                             .rule = "same",
                             .affinity = session->hot.wanted,
                             .change = XR_change_ASSIGNED};
        if (!xr_queue_route(step, session, &ask))
            return;
    }
}

void xr_queue_fill(struct xr_step *step)
{
    struct xr_floor *floor = step->floor;
    const uint64_t head = floor->head.head;
    uint32_t id = floor->head.fill_from.n;
    while (id < floor->agent_count && floor->queued > 0 &&
           floor->head.head - head < XR_UPDATES_PER_FILL) {
        struct xr_agent_node *agent = xr_index_agent(floor, id++);
        if (agent != NULL)
            xr_queue_drain(step, agent);
    }
    floor->head.fill_from.n = id < floor->agent_count && floor->queued > 0 ? id : 0;
    floor->head_dirty = true;
}

/* Place in the queue, 1 is next, by class and arrival. */
static uint32_t position_of(const struct xr_floor *floor, const struct xr_session_node *session)
{
    const struct xr_group_node *group = xr_index_group(floor, session->hot.group.n);
    uint32_t position = 1;
    for (size_t c = 1; c < session->hot.klass; c++)
        for (const struct xr_session_node *s = group->queues[c].head; s != NULL && position < 1000;
             s = s->queue_next)
            position++;
    for (const struct xr_session_node *s = session->queue_prev; s != NULL && position < 1000;
         s = s->queue_prev)
        position++;
    return position;
}

/* ---- routing
 * -------------------------------------------------------------------------------------- */

static void give(struct xr_step *step, struct xr_session_node *session, struct xr_agent_node *agent)
{
    struct xr_floor *floor = step->floor;
    XR_ASSERT(agent->hot.active < floor->settings[XR_SETTING_limit_ceiling]);
    if (session->queued)
        xr_queue_remove(floor, session);
    session->hot.state = XR_session_state_OPEN;
    session->hot.agent = agent->hot.agent;
    session->hot.owned_ms = step->event->floor_ms;
    session->hot.first = false;
    session->hot.answered = false;
    session->hot.idle = false;
    session->hot.queued_ms = 0;
    session->hot.queued_wall_ms = 0;
    session->hot.wanted.n = 0;
    session->hot.wait_until_ms = 0;
    session->hot.refused.n = 0;
    xr_index_own(agent, session);
    xr_index_touch_session(floor, session);
    agent->hot.active++;
    agent->hot.taken++;
    agent->hot.last_pick = ++floor->head.picks;
    floor->head_dirty = true;
    xr_presence_touch(floor, agent);
    xr_session_rearm(floor, session);
}

static void enqueue(struct xr_step *step, struct xr_session_node *session, const struct xr_ask *ask)
{
    struct xr_floor *floor = step->floor;
    session->hot.state = XR_session_state_QUEUED;
    session->hot.agent.n = 0;
    if (session->hot.queued_ms == 0) {
        session->hot.arrival = ++floor->head.arrivals;
        session->hot.queued_ms = step->event->floor_ms;
        session->hot.queued_wall_ms = step->event->wall_ms;
        floor->head_dirty = true;
    }
    if (ask->affinity.n != 0 && floor->settings[XR_SETTING_affinity] == 2 &&
        ask->cause == XR_cause_RETURNING) {
        session->hot.wanted = ask->affinity;
        session->hot.wait_until_ms =
            step->event->floor_ms + 1000 * floor->settings[XR_SETTING_affinity_wait_s];
    }
    if (!session->queued)
        xr_queue_add(floor, session);
    xr_index_touch_session(floor, session);
    xr_session_rearm(floor, session);
}

/* The preferred agent, where it can take the session now. */
static struct xr_agent_id preferred(const struct xr_floor *floor,
                                    const struct xr_session_node *session, const struct xr_ask *ask)
{
    struct xr_agent_id nobody = {0};
    const struct xr_agent_node *agent = xr_index_agent(floor, ask->affinity.n);
    if (ask->named.n != 0)
        return ask->named;
    /* The setting is about visits; a conversation that goes on does so with the same agent. */
    if (agent == NULL ||
        (floor->settings[XR_SETTING_affinity] == 0 && ask->cause != XR_cause_REOPENED))
        return nobody;
    bool in_group = false;
    for (uint32_t g = 0; g < agent->group_count; g++)
        in_group = in_group || agent->groups[g] == session->hot.group.n;
    if (!in_group || why_not(floor, agent, session, true) != XR_skip_reason_NONE)
        return nobody;
    return ask->affinity;
}

/* With affinity `wait` a session waits for its last agent as long as that one is of the floor and
 * has not signed off for good. */
static bool waits_for_one(const struct xr_floor *floor, const struct xr_ask *ask)
{
    const struct xr_agent_node *agent = xr_index_agent(floor, ask->affinity.n);
    return floor->settings[XR_SETTING_affinity] == 2 && ask->cause == XR_cause_RETURNING &&
           agent != NULL && agent->account == XR_account_state_ACTIVE &&
           agent->hot.state != XR_presence_OFFLINE;
}

bool xr_queue_route(struct xr_step *step, struct xr_session_node *session, const struct xr_ask *ask)
{
    struct xr_floor *floor = step->floor;
    struct xr_agent_id taker = preferred(floor, session, ask);
    struct xr_explanation explanation = {
        .session = session->hot.session,
        .decision = XR_decision_QUEUED,
        .cause = ask->cause,
        .decider = XR_decider_NOBODY,
        .group = session->hot.group,
        .klass = session->hot.klass,
        .rule = xr_str_of(ask->rule),
        .waited_s = waited_s(step, session),
    };
    size_t named = SIZE_MAX;
    size_t count = 0;
    bool wait = taker.n == 0 && waits_for_one(floor, ask);

    if (!wait)
        count = gather(floor, session, taker, &named);
    if (count == 0) {
        bool was_queued = session->queued;
        if (was_queued && !wait)
            return false; /* nothing has changed: no second entry in the books */
        if (wait)
            explanation.decider = XR_decider_AWAITED;
        explain_skips(step, session, 0, 0, &explanation);
        enqueue(step, session, ask);
        explanation.position = position_of(floor, session);
        struct xr_ask told = *ask;
        uint64_t seq = xr_session_tell(step, session, XR_change_QUEUED, &told);
        store_explanation(step, &explanation, seq);
        return false;
    }
    struct xr_pick pick;
    xr_route_pick((enum xr_policy)floor->settings[XR_SETTING_policy],
                  (uint32_t)floor->settings[XR_SETTING_load_bands],
                  floor->settings[XR_SETTING_owed_max], named, floor->candidates, count, &pick);
    const struct xr_candidate *c = &floor->candidates[pick.taker];
    struct xr_agent_node *agent = xr_index_agent(floor, c->agent.n);
    explanation.decision = XR_decision_ASSIGNED;
    explanation.decider = pick.decider;
    if (named != SIZE_MAX && ask->named.n == 0)
        explanation.decider = XR_decider_AFFINITY;
    explanation.agent = c->agent;
    explanation.eligible = (uint32_t)count;
    explanation.sharing = pick.sharing;
    explanation.band = pick.band;
    explanation.active = c->active;
    explanation.limit = xr_queue_limit(floor, agent, named != SIZE_MAX);
    explanation.owed_before_micro = micro(pick.owed_before);
    explanation.owed_after_micro = micro(c->owed);
    explanation.clamped = pick.clamped;
    explain_skips(step, session, c->agent.n, count, &explanation);
    charge(step, session, count);
    give(step, session, agent);
    uint64_t seq = xr_session_tell(step, session, ask->change, ask);
    store_explanation(step, &explanation, seq);
    return true;
}
