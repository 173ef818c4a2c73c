/*
 * Presence: the state that an agent has chosen, and whether a client of its is alive.
 *
 * A closed or silent connection ends that device's lease. While no device is alive the agent is
 * lost: it gets nothing new from that moment. After the grace the sessions that owe their buyer an
 * answer go back to routing; the others are reserved, and then routed too.
 */
#include "floor/index.h"

#define TAKEN_BACK_PER_STEP 8

bool xr_presence_available(const struct xr_agent_node *agent)
{
    return agent->account == XR_account_state_ACTIVE && agent->hot.state == XR_presence_ONLINE &&
           !agent->hot.lost;
}

enum xr_presence xr_presence_shown(const struct xr_agent_node *agent)
{
    return agent->hot.lost ? XR_presence_LOST : agent->hot.state;
}

void xr_presence_touch(struct xr_floor *floor, struct xr_agent_node *agent)
{
    (void)floor;
    agent->dirty = true;
}

void xr_agent_view_fill(const struct xr_step *step, const struct xr_agent_node *agent,
                        struct xr_agent_view *out)
{
    int64_t whole = agent->owed / XR_OWED_ONE;
    int64_t part = agent->owed % XR_OWED_ONE;
    *out = (struct xr_agent_view){
        .agent = agent->hot.agent,
        .state = xr_presence_shown(agent),
        .reason = agent->hot.reason,
        .since_ms = agent->hot.since_wall_ms,
        .active = agent->hot.active,
        .limit = xr_queue_limit(step->floor, agent, false),
        .owed_micro = whole * 1000000 + part * 1000000 / XR_OWED_ONE,
        .taken = agent->hot.taken,
        .weight = agent->weight,
        .groups = {agent->groups, agent->group_count},
        .role = agent->role,
        .account = agent->account,
        .available_ms = agent->hot.available_ms,
    };
}

static void tell(struct xr_step *step, const struct xr_agent_node *agent)
{
    struct xr_agent_changed update = {.by = step->event->who};
    struct xr_audience audience = {.roles = XR_SUPERVISORS, .agents = {agent->hot.agent.n}};
    xr_agent_view_fill(step, agent, &update.agent);
    xr_step_push(step, &audience, XR_TYPE_agent_changed, &update);
}

/* Close the interval that ended `ago` ms ago. Before every change of state. */
static void end_interval(struct xr_step *step, struct xr_agent_node *agent, int64_t ago)
{
    int64_t span = step->event->floor_ms - ago - agent->hot.since_ms;
    if (xr_presence_available(agent) && span > 0)
        agent->hot.available_ms += span;
    agent->hot.since_ms = step->event->floor_ms;
    agent->hot.since_wall_ms = step->event->wall_ms;
    xr_presence_touch(step->floor, agent);
}

int64_t xr_presence_deadline(const struct xr_agent_node *agent)
{
    if (agent->hot.grace_ms != 0)
        return agent->hot.grace_ms;
    return agent->hot.reserve_ms != 0 ? agent->hot.reserve_ms : INT64_MAX;
}

static void rearm(struct xr_step *step, struct xr_agent_node *agent)
{
    xr_index_due(step->floor, &agent->due, xr_presence_deadline(agent));
}

/* ---- leases ---- */

void xr_presence_device_came(struct xr_step *step, struct xr_device_node *device)
{
    struct xr_agent_node *agent = xr_index_agent(step->floor, device->hot.agent.n);
    if (device->hot.alive == 0)
        agent->devices_alive++;
    device->hot.alive = step->event->origin;
    xr_index_touch_device(step->floor, device);
    if (!agent->hot.lost)
        return;
    end_interval(step, agent, 0);
    agent->hot.lost = false;
    agent->hot.grace_ms = 0;
    agent->hot.reserve_ms = 0;
    rearm(step, agent);
    tell(step, agent);
    xr_queue_drain(step, agent);
}

void xr_presence_device_gone(struct xr_step *step, struct xr_device_node *device)
{
    struct xr_agent_node *agent = xr_index_agent(step->floor, device->hot.agent.n);
    if (device->hot.alive == 0)
        return;
    device->hot.alive = 0;
    xr_index_touch_device(step->floor, device);
    XR_ASSERT(agent->devices_alive > 0);
    agent->devices_alive--;
    if (agent->devices_alive > 0 || agent->hot.state == XR_presence_OFFLINE)
        return;
    end_interval(step, agent, 0);
    agent->hot.lost = true;
    agent->hot.grace_ms = step->event->floor_ms + 1000 * step->floor->settings[XR_SETTING_grace_s];
    rearm(step, agent);
    tell(step, agent);
}

/* Sessions of the agent go back to routing, the oldest first, at most so many; true: there are
 * more. */
static bool take_back(struct xr_step *step, struct xr_agent_node *agent, bool only_owing)
{
    int taken = 0;
    struct xr_session_node *next;
    for (struct xr_session_node *s = agent->sessions; s != NULL; s = next) {
        next = s->agent_next;
        if (only_owing && s->hot.waiting_ms == 0)
            continue;
        if (taken++ == TAKEN_BACK_PER_STEP)
            return true;
        xr_session_take_back(step, s, s->hot.waiting_ms != 0);
    }
    return false;
}

void xr_presence_due(struct xr_step *step, struct xr_agent_node *agent)
{
    int64_t now = step->event->floor_ms;
    if (agent->hot.state == XR_presence_OFFLINE) {
        if (!take_back(step, agent, false))
            agent->hot.grace_ms = 0;
    } else if (agent->hot.grace_ms != 0 && agent->hot.grace_ms <= now) {
        if (!take_back(step, agent, true)) {
            agent->hot.grace_ms = 0;
            agent->hot.reserve_ms = agent->sessions == NULL
                                        ? 0
                                        : now + 1000 * step->floor->settings[XR_SETTING_reserve_s];
            /* Lost since the server was down: that alone tells nobody, most are back in a moment.
             */
            if (agent->hot.since_ms == step->floor->head.started_ms)
                tell(step, agent);
        }
    } else if (agent->hot.reserve_ms != 0 && agent->hot.reserve_ms <= now) {
        if (!take_back(step, agent, false))
            agent->hot.reserve_ms = 0;
    }
    xr_presence_touch(step->floor, agent);
    rearm(step, agent);
}

void xr_presence_started(struct xr_step *step, const struct xr_started *started)
{
    struct xr_floor *floor = step->floor;
    int64_t now = step->event->floor_ms;
    floor->head.started_ms = now;
    floor->head_dirty = true;
    for (size_t i = 0; i < floor->device_slots; i++) {
        for (struct xr_device_node *d = floor->devices[i]; d != NULL; d = d->hash_next) {
            if (d->hot.alive == 0)
                continue;
            d->hot.alive = 0;
            xr_index_agent(floor, d->hot.agent.n)->devices_alive--;
            xr_index_touch_device(floor, d);
        }
    }
    /* Everybody who was signed on has a fresh lease, grace and reservation: nobody loses a session
     * because the server was down. */
    for (size_t i = 1; i < floor->agent_count; i++) {
        struct xr_agent_node *agent = floor->agents[i];
        if (agent == NULL || agent->hot.state == XR_presence_OFFLINE)
            continue;
        end_interval(step, agent, (int64_t)started->down_ms);
        agent->hot.lost = true;
        agent->hot.reserve_ms = 0;
        agent->hot.grace_ms = now + started->lease_ms + 1000 * floor->settings[XR_SETTING_grace_s];
        rearm(step, agent);
    }
}

/* ---- the chosen state ---- */

void xr_presence_end(struct xr_step *step, struct xr_agent_node *agent)
{
    if (agent->hot.state != XR_presence_OFFLINE) {
        end_interval(step, agent, 0);
        agent->hot.state = XR_presence_OFFLINE;
        agent->hot.reason = XR_pause_reason_NONE;
        agent->hot.lost = false;
        agent->hot.grace_ms = 0;
        agent->hot.reserve_ms = 0;
        rearm(step, agent);
        tell(step, agent);
    }
    if (take_back(step, agent, false)) {
        agent->hot.grace_ms = step->event->floor_ms;
        rearm(step, agent);
    }
}

static enum xr_code refuse_be(struct xr_step *step, const struct xr_be *be,
                              const struct xr_agent_node *agent)
{
    bool other = agent != step->who;
    if (be->state == XR_presence_LOST)
        return xr_step_refuse(step, XR_code_RANGE, "state");
    if (other && !xr_step_supervises(step))
        return xr_step_refuse(step, XR_code_FORBIDDEN, "agent");
    if (be->force && !xr_step_supervises(step))
        return xr_step_refuse(step, XR_code_FORBIDDEN, "force");
    if (agent->role == XR_role_BRIDGE || agent->account != XR_account_state_ACTIVE)
        return xr_step_refuse(step, XR_code_NOT_FOUND, "agent");
    if (be->state != XR_presence_OFFLINE && agent->devices_alive == 0) {
        step->error.presence = xr_presence_shown(agent);
        return xr_step_refuse(step, XR_code_UNAVAILABLE, "agent");
    }
    if (be->state == XR_presence_OFFLINE && agent->sessions != NULL && !be->force) {
        step->error.presence = xr_presence_shown(agent);
        return xr_step_refuse(step, XR_code_OPEN_SESSIONS, NULL);
    }
    return XR_code_NONE;
}

enum xr_code xr_presence_be(struct xr_step *step, const void *message)
{
    const struct xr_be *be = message;
    struct xr_agent_node *agent =
        be->agent.n == 0 ? step->who : xr_index_agent(step->floor, be->agent.n);
    if (agent == NULL)
        return xr_step_refuse(step, XR_code_NOT_FOUND, "agent");
    enum xr_code code = refuse_be(step, be, agent);
    if (code != XR_code_NONE)
        return code;

    enum xr_presence before = xr_presence_shown(agent);
    enum xr_pause_reason reason = XR_pause_reason_NONE;
    if (be->state == XR_presence_PAUSED)
        reason = be->reason == XR_pause_reason_NONE ? XR_pause_reason_OTHER : be->reason;
    step->done.agent = agent->hot.agent;
    if (agent->hot.state == be->state && agent->hot.reason == reason)
        return XR_code_NONE;
    if (agent != step->who || be->force)
        xr_step_audit(step, "be", xr_step_format(step, "agent %u", agent->hot.agent.n),
                      xr_str_of(xr_choice_name("presence", before)),
                      xr_str_of(xr_choice_name("presence", be->state)));
    if (be->state == XR_presence_OFFLINE) {
        xr_presence_end(step, agent);
        step->done = (struct xr_done){.agent = agent->hot.agent};
        return XR_code_NONE;
    }
    end_interval(step, agent, 0);
    if (be->state == XR_presence_ONLINE && before == XR_presence_OFFLINE)
        agent->hot.idle_ms = step->event->floor_ms;
    if (before == XR_presence_OFFLINE && agent->hot.grace_ms != 0) {
        agent->hot.grace_ms = 0; /* back before the last of its sessions had gone */
        rearm(step, agent);
    }
    agent->hot.state = be->state;
    agent->hot.reason = reason;
    tell(step, agent);
    xr_queue_drain(step, agent);
    step->done = (struct xr_done){.agent = agent->hot.agent};
    return XR_code_NONE;
}
