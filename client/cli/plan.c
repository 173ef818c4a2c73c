#include "plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- drawing -------------------------------------------------------------------------------- */

uint64_t xr_dice_roll(struct xr_dice *dice)
{
    uint64_t z = dice->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

uint64_t xr_dice_pick(struct xr_dice *dice, uint64_t count)
{
    XR_ASSERT(count > 0);
    /* What is above the largest multiple of count would favour small numbers: roll again. */
    const uint64_t fair = UINT64_MAX - UINT64_MAX % count;
    uint64_t roll;
    do
        roll = xr_dice_roll(dice);
    while (roll >= fair);
    return roll % count;
}

double xr_dice_part(struct xr_dice *dice)
{
    return (double)(xr_dice_roll(dice) >> 11) * 0x1p-53;
}

/* ---- patience ------------------------------------------------------------------------------- */

static int by_wait(const void *a, const void *b)
{
    const struct xr_patience *x = a;
    const struct xr_patience *y = b;
    return (x->waited_s > y->waited_s) - (x->waited_s < y->waited_s);
}

enum xr_status xr_curve_init(struct xr_curve *curve, struct xr_patience *seen, size_t count)
{
    *curve = (struct xr_curve){0};
    if (count == 0)
        return XR_OK;
    qsort(seen, count, sizeof *seen, by_wait);
    curve->at_s = xr_mem_zero(count, sizeof *curve->at_s);
    curve->survival = xr_mem_zero(count, sizeof *curve->survival);
    if (curve->at_s == NULL || curve->survival == NULL) {
        xr_curve_fini(curve);
        return XR_NOMEM;
    }
    double survival = 1;
    for (size_t i = 0; i < count;) {
        size_t gave_up = 0;
        size_t next = i;
        for (; next < count && seen[next].waited_s == seen[i].waited_s; next++)
            gave_up += seen[next].gave_up ? 1 : 0;
        if (gave_up > 0) {
            survival *= 1 - (double)gave_up / (double)(count - i);
            curve->at_s[curve->count] = seen[i].waited_s;
            curve->survival[curve->count++] = survival;
        }
        i = next;
    }
    curve->last_s = seen[count - 1].waited_s;
    return XR_OK;
}

void xr_curve_fini(struct xr_curve *curve)
{
    xr_mem_free(curve->at_s);
    xr_mem_free(curve->survival);
    *curve = (struct xr_curve){0};
}

double xr_curve_at(const struct xr_curve *curve, int64_t t_s)
{
    double survival = 1;
    for (size_t i = 0; i < curve->count && curve->at_s[i] <= t_s; i++)
        survival = curve->survival[i];
    return survival;
}

int64_t xr_curve_draw(const struct xr_curve *curve, int64_t known_s, struct xr_dice *dice)
{
    const double still = xr_dice_part(dice) * xr_curve_at(curve, known_s);
    for (size_t i = 0; i < curve->count; i++)
        if (curve->at_s[i] > known_s && curve->survival[i] <= still)
            return curve->at_s[i];
    return curve->last_s > known_s ? curve->last_s : known_s;
}

/* ---- building ------------------------------------------------------------------------------- */

/* A list with room for one element more; NULL: no memory, the old one stays. */
static void *grow_list(void *list, size_t count, size_t *room, size_t size)
{
    if (count < *room)
        return list;
    const size_t more = *room == 0 ? 64 : *room * 2;
    void *grown = xr_mem_grow(list, more * size);
    if (grown != NULL)
        *room = more;
    return grown;
}

static char *copy_text(struct xr_str text)
{
    char *copy = xr_mem_alloc((size_t)text.size + 1);
    if (copy != NULL) {
        memcpy(copy, text.at, text.size);
        copy[text.size] = 0;
    }
    return copy;
}

static bool is_name(const char *name, struct xr_str text)
{
    return strlen(name) == text.size && memcmp(name, text.at, text.size) == 0;
}

static size_t find_group(const struct xr_plan *plan, struct xr_str name)
{
    for (size_t i = 0; i < plan->group_count; i++)
        if (is_name(plan->groups[i], name))
            return i;
    return XR_PLAN_NONE;
}

static size_t find_agent(const struct xr_plan *plan, struct xr_str name)
{
    for (size_t i = 0; i < plan->agent_count; i++)
        if (is_name(plan->agents[i].name, name))
            return i;
    return XR_PLAN_NONE;
}

enum xr_status xr_plan_add_group(struct xr_plan *plan, struct xr_str name, uint32_t *index)
{
    size_t found = find_group(plan, name);
    if (found == XR_PLAN_NONE) {
        if (plan->group_count == XR_PLAN_GROUPS_MAX)
            return XR_FULL;
        plan->groups[plan->group_count] = copy_text(name);
        if (plan->groups[plan->group_count] == NULL)
            return XR_NOMEM;
        found = plan->group_count++;
    }
    *index = (uint32_t)found;
    return XR_OK;
}

enum xr_status xr_plan_add_agent(struct xr_plan *plan, struct xr_str name, uint32_t groups,
                                 size_t *index)
{
    size_t found = find_agent(plan, name);
    if (found == XR_PLAN_NONE) {
        struct xr_plan_agent *agents =
            grow_list(plan->agents, plan->agent_count, &plan->agent_room, sizeof *agents);
        if (agents == NULL)
            return XR_NOMEM;
        plan->agents = agents;
        char *copy = copy_text(name);
        if (copy == NULL)
            return XR_NOMEM;
        plan->agents[plan->agent_count] = (struct xr_plan_agent){.name = copy};
        found = plan->agent_count++;
    }
    plan->agents[found].groups |= groups;
    *index = found;
    return XR_OK;
}

enum xr_status xr_plan_add_span(struct xr_plan_agent *agent, int64_t from_ms, int64_t to_ms)
{
    XR_ASSERT(from_ms <= to_ms);
    struct xr_plan_span *spans = xr_mem_grow(agent->spans, (agent->span_count + 1) * sizeof *spans);
    if (spans == NULL)
        return XR_NOMEM;
    spans[agent->span_count++] = (struct xr_plan_span){from_ms, to_ms};
    agent->spans = spans;
    return XR_OK;
}

enum xr_status xr_plan_add_session(struct xr_plan *plan, const struct xr_plan_session *session)
{
    struct xr_plan_session *sessions =
        grow_list(plan->sessions, plan->session_count, &plan->session_room, sizeof *sessions);
    if (sessions == NULL)
        return XR_NOMEM;
    plan->sessions = sessions;
    plan->sessions[plan->session_count++] = *session;
    return XR_OK;
}

void xr_plan_fini(struct xr_plan *plan)
{
    for (size_t i = 0; i < plan->group_count; i++)
        xr_mem_free(plan->groups[i]);
    for (size_t i = 0; i < plan->agent_count; i++) {
        xr_mem_free(plan->agents[i].name);
        xr_mem_free(plan->agents[i].spans);
    }
    xr_mem_free(plan->agents);
    xr_mem_free(plan->sessions);
    *plan = (struct xr_plan){0};
}

/* ---- the mapping: DAY.md -------------------------------------------------------------------- */

/* Real service times of the served rows, to draw from. */
struct services {
    int64_t *seconds;
    uint32_t *group;
    size_t count;
};

struct mapper {
    const struct xr_day *day;
    const struct xr_plan_options *options;
    struct xr_plan *plan;
    struct xr_day_error *error;
    struct xr_curve curve;
    struct services services;
    struct xr_dice patience_dice; /* two dice: one more draw of one kind moves none of the other */
    struct xr_dice service_dice;
};

/* A session of the floor is a row that reached the queue or an agent. */
static bool is_session(const struct mapper *m, const struct xr_day_row *row)
{
    if (row->outcome == XR_DAY_PHANTOM && m->options->skip_phantoms)
        return false;
    return row->queue.is_there || row->service.is_there || row->outcome == XR_DAY_AGENT;
}

/* Its service is known: somebody served it, and the times are there. */
static bool has_service(const struct xr_day_row *row)
{
    return row->outcome != XR_DAY_HANG && row->service.is_there;
}

static bool has_agent(const struct xr_day_row *row)
{
    const struct xr_str none = XR_STR(XR_DAY_NO_SERVER);
    return row->outcome == XR_DAY_AGENT && !xr_str_equal(row->server, none);
}

static int64_t waited_s(const struct xr_day_row *row)
{
    return row->queue.is_there ? row->queue.to_s - row->queue.from_s : 0;
}

/* The types of all sessions become groups, in the order in which they appear. */
static enum xr_status map_groups(struct mapper *m)
{
    for (size_t i = 0; i < m->day->count; i++) {
        const struct xr_day_row *row = &m->day->rows[i];
        uint32_t group;
        if (!is_session(m, row))
            continue;
        enum xr_status status = xr_plan_add_group(m->plan, row->type, &group);
        if (status == XR_FULL) {
            *m->error = (struct xr_day_error){.line = row->line};
            (void)snprintf(m->error->text, sizeof m->error->text,
                           "more than %d types: an agent cannot be in so many groups",
                           XR_PLAN_GROUPS_MAX);
        }
        if (status != XR_OK)
            return status;
    }
    return XR_OK;
}

/* Widen the one span of an agent to hold this service. */
static enum xr_status stretch_day(struct xr_plan_agent *agent, const struct xr_day_span *service)
{
    const int64_t from = service->from_s * 1000;
    const int64_t to = service->to_s * 1000;
    if (agent->span_count == 0)
        return xr_plan_add_span(agent, from, to);
    if (from < agent->spans[0].from_ms)
        agent->spans[0].from_ms = from;
    if (to > agent->spans[0].to_ms)
        agent->spans[0].to_ms = to;
    return XR_OK;
}

/* Names that served become agents: their groups are the types they served, their day goes from
 * the first service to the end of the last. */
static enum xr_status map_agents(struct mapper *m)
{
    for (size_t i = 0; i < m->day->count; i++) {
        const struct xr_day_row *row = &m->day->rows[i];
        size_t index;
        if (!has_agent(row))
            continue;
        const uint32_t group = (uint32_t)find_group(m->plan, row->type);
        XR_ASSERT(group < XR_PLAN_GROUPS_MAX); /* all types were made groups before */
        enum xr_status status =
            xr_plan_add_agent(m->plan, row->server, UINT32_C(1) << group, &index);
        if (status != XR_OK)
            return status;
        struct xr_plan_agent *agent = &m->plan->agents[index];
        agent->real_sessions++;
        if (!has_service(row))
            continue;
        agent->real_busy_ms += (row->service.to_s - row->service.from_s) * 1000;
        status = stretch_day(agent, &row->service);
        if (status != XR_OK)
            return status;
    }
    return XR_OK;
}

/* The day's own curve: who hung up in the queue gave up then; who was served, or ended otherwise,
 * had waited so long without giving up. */
static enum xr_status map_patience(struct mapper *m)
{
    struct xr_patience *seen = xr_mem_zero(m->day->count, sizeof *seen);
    size_t count = 0;
    if (seen == NULL)
        return XR_NOMEM;
    for (size_t i = 0; i < m->day->count; i++) {
        const struct xr_day_row *row = &m->day->rows[i];
        if (is_session(m, row) && row->queue.is_there)
            seen[count++] = (struct xr_patience){waited_s(row), row->outcome == XR_DAY_HANG};
    }
    enum xr_status status = xr_curve_init(&m->curve, seen, count);
    xr_mem_free(seen);
    return status;
}

static enum xr_status map_services(struct mapper *m)
{
    struct services *s = &m->services;
    s->seconds = xr_mem_zero(m->day->count, sizeof *s->seconds);
    s->group = xr_mem_zero(m->day->count, sizeof *s->group);
    if (s->seconds == NULL || s->group == NULL)
        return XR_NOMEM;
    for (size_t i = 0; i < m->day->count; i++) {
        const struct xr_day_row *row = &m->day->rows[i];
        if (row->outcome != XR_DAY_AGENT || !has_service(row))
            continue;
        s->seconds[s->count] = row->service.to_s - row->service.from_s;
        s->group[s->count++] = (uint32_t)find_group(m->plan, row->type);
    }
    return XR_OK;
}

/* One of the real service times of this group; of any group where nobody served this one. */
static int64_t draw_service_s(struct mapper *m, uint32_t group)
{
    const struct services *s = &m->services;
    size_t of_group = 0;
    if (s->count == 0)
        return 0;
    for (size_t i = 0; i < s->count; i++)
        of_group += s->group[i] == group ? 1 : 0;
    uint64_t nth = xr_dice_pick(&m->service_dice, of_group > 0 ? of_group : s->count);
    for (size_t i = 0; i < s->count; i++)
        if ((of_group == 0 || s->group[i] == group) && nth-- == 0)
            return s->seconds[i];
    return 0;
}

static void fill_patience(struct mapper *m, const struct xr_day_row *row, struct xr_plan_session *s)
{
    s->real_wait_ms = waited_s(row) * 1000;
    s->patience_drawn = row->outcome != XR_DAY_HANG;
    s->patience_ms = s->real_wait_ms;
    if (s->patience_drawn)
        s->patience_ms = xr_curve_draw(&m->curve, waited_s(row), &m->patience_dice) * 1000;
    /* Nobody was seen to wait at all: nothing is known of patience. */
    if (s->patience_drawn && m->curve.count == 0)
        s->patience_ms = INT64_MAX;
}

static void fill_service(struct mapper *m, const struct xr_day_row *row, struct xr_plan_session *s)
{
    s->service_drawn = !has_service(row);
    if (s->service_drawn)
        s->service_ms = draw_service_s(m, s->group) * 1000;
    else
        s->service_ms = (row->service.to_s - row->service.from_s) * 1000;
}

/* A customer's number, or for an unknown one a number that nobody has: those of the file have at
 * most 19 digits. */
static uint64_t buyer_of(const struct xr_day_row *row)
{
    return row->customer != 0 ? row->customer : UINT64_MAX - row->line;
}

static enum xr_status map_session(struct mapper *m, const struct xr_day_row *row)
{
    static const enum xr_plan_real reals[] = {
        [XR_DAY_AGENT] = XR_REAL_SERVED,
        [XR_DAY_HANG] = XR_REAL_ABANDONED,
        [XR_DAY_PHANTOM] = XR_REAL_PHANTOM,
    };
    struct xr_plan_session s = {
        .line = row->line,
        .call = row->call,
        .buyer = buyer_of(row),
        .arrival_ms = (row->queue.is_there ? row->queue.from_s : row->menu.to_s) * 1000,
        .group = (uint32_t)find_group(m->plan, row->type),
        .klass = row->priority == 2 ? XR_queue_class_VIP : XR_queue_class_NORMAL,
        .real = reals[row->outcome],
        .real_agent = has_agent(row) ? find_agent(m->plan, row->server) : XR_PLAN_NONE,
    };
    fill_patience(m, row, &s);
    fill_service(m, row, &s);
    return xr_plan_add_session(m->plan, &s);
}

static int by_arrival(const void *a, const void *b)
{
    const struct xr_plan_session *x = a;
    const struct xr_plan_session *y = b;
    if (x->arrival_ms != y->arrival_ms)
        return x->arrival_ms < y->arrival_ms ? -1 : 1;
    return (x->line > y->line) - (x->line < y->line);
}

static enum xr_status map_sessions(struct mapper *m)
{
    for (size_t i = 0; i < m->day->count; i++) {
        if (!is_session(m, &m->day->rows[i]))
            continue;
        enum xr_status status = map_session(m, &m->day->rows[i]);
        if (status != XR_OK)
            return status;
    }
    if (m->plan->session_count > 0)
        qsort(m->plan->sessions, m->plan->session_count, sizeof *m->plan->sessions, by_arrival);
    return XR_OK;
}

enum xr_status xr_plan_of_day(const struct xr_day *day, const struct xr_plan_options *options,
                              struct xr_plan *out, struct xr_day_error *error)
{
    static enum xr_status (*const steps[])(struct mapper *) = {
        map_groups, map_agents, map_patience, map_services, map_sessions,
    };
    struct mapper m = {
        .day = day,
        .options = options,
        .plan = out,
        .error = error,
        .patience_dice = {options->seed ^ UINT64_C(0x70617469656e6365)},
        .service_dice = {options->seed ^ UINT64_C(0x7365727669636573)},
    };
    enum xr_status status = XR_OK;

    *out = (struct xr_plan){.rows = (uint32_t)day->count};
    *error = (struct xr_day_error){.text = "no memory"};
    for (size_t i = 0; i < sizeof steps / sizeof *steps && status == XR_OK; i++)
        status = steps[i](&m);
    xr_curve_fini(&m.curve);
    xr_mem_free(m.services.seconds);
    xr_mem_free(m.services.group);
    if (status != XR_OK)
        xr_plan_fini(out);
    return status;
}
