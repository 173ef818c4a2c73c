#include "books.h"

#include <math.h>

#include "proto/mem.h"

#define NOBODY     SIZE_MAX
#define KLASS_LAST 5 /* a left message: never lifted */

enum xr_status xr_books_init(struct xr_books *books, const struct xr_books_rules *rules,
                             size_t agents, size_t sessions)
{
    size_t room = 64;
    while (room < sessions * 2)
        room *= 2;
    *books = (struct xr_books){.rules = *rules};
    books->agents = xr_mem_zero(agents + 1, sizeof *books->agents);
    books->sessions = xr_mem_zero(sessions + 1, sizeof *books->sessions);
    books->waiting = xr_mem_zero(sessions + 1, sizeof *books->waiting);
    books->buyers = xr_mem_zero(room, sizeof *books->buyers);
    books->buyer_agent = xr_mem_zero(room, sizeof *books->buyer_agent);
    if (books->agents == NULL || books->sessions == NULL || books->waiting == NULL ||
        books->buyers == NULL || books->buyer_agent == NULL) {
        xr_books_fini(books);
        return XR_NOMEM;
    }
    books->agent_count = agents;
    books->session_count = sessions;
    books->buyer_room = room;
    return XR_OK;
}

void xr_books_fini(struct xr_books *books)
{
    xr_mem_free(books->agents);
    xr_mem_free(books->sessions);
    xr_mem_free(books->waiting);
    xr_mem_free(books->buyers);
    xr_mem_free(books->buyer_agent);
    *books = (struct xr_books){0};
}

/* ---- agents --------------------------------------------------------------------------------- */

static void bring_up(struct xr_books_agent *a, int64_t now_ms)
{
    const int64_t passed = now_ms - a->since_ms;
    XR_ASSERT(passed >= 0);
    a->since_ms = now_ms;
    if (!a->is_online)
        return;
    a->online_ms += passed;
    a->load_ms += passed * a->active;
    a->busy_ms += a->active > 0 ? passed : 0;
}

void xr_books_online(struct xr_books *books, size_t agent, int64_t now_ms, bool is_online)
{
    bring_up(&books->agents[agent], now_ms);
    books->agents[agent].is_online = is_online;
}

void xr_books_finish(struct xr_books *books, int64_t now_ms)
{
    for (size_t i = 0; i < books->agent_count; i++)
        bring_up(&books->agents[i], now_ms);
}

static bool may_serve(const struct xr_books_agent *a, uint32_t group)
{
    return a->is_online && ((a->groups >> group) & 1) != 0;
}

static bool has_room(const struct xr_books *books, const struct xr_books_agent *a, uint32_t group)
{
    return may_serve(a, group) && a->active < books->rules.limit;
}

/* By the routed limit, whatever limit holds for the session: one yardstick for all loads. */
static uint32_t band_of(const struct xr_books *books, const struct xr_books_agent *a)
{
    return books->rules.load_bands * a->active / books->rules.limit;
}

/* ---- buyers: who served them last ------------------------------------------------------------ */

static size_t buyer_slot(const struct xr_books *books, uint64_t buyer)
{
    size_t i = (size_t)((buyer * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & (books->buyer_room - 1);
    while (books->buyers[i] != 0 && books->buyers[i] != buyer)
        i = (i + 1) & (books->buyer_room - 1);
    return i;
}

/* ---- waiting -------------------------------------------------------------------------------- */

static void start_waiting(struct xr_books *books, size_t session)
{
    struct xr_books_session *s = &books->sessions[session];
    s->state = XR_BOOKS_WAITING;
    s->waiting_at = books->waiting_count;
    books->waiting[books->waiting_count++] = session;
    if (books->waiting_count > books->waiting_max)
        books->waiting_max = books->waiting_count;
}

static void stop_waiting(struct xr_books *books, size_t session)
{
    const size_t at = books->sessions[session].waiting_at;
    const size_t last = books->waiting[--books->waiting_count];
    books->waiting[at] = last;
    books->sessions[last].waiting_at = at;
}

/* The class after the waiting so far. */
static int64_t lifted_klass(const struct xr_books *books, const struct xr_books_session *s,
                            int64_t now_ms)
{
    if (s->klass >= KLASS_LAST || books->rules.lift_ms <= 0)
        return s->klass;
    const int64_t lifted = (int64_t)s->klass - (now_ms - s->since_ms) / books->rules.lift_ms;
    return lifted < 1 ? 1 : lifted;
}

static bool goes_before(const struct xr_books *books, const struct xr_books_session *a,
                        const struct xr_books_session *b, int64_t now_ms)
{
    const int64_t class_a = lifted_klass(books, a, now_ms);
    const int64_t class_b = lifted_klass(books, b, now_ms);
    return class_a != class_b ? class_a < class_b : a->place < b->place;
}

/* Waits for its last agent alone, and may. */
static bool waits_for_one(const struct xr_books *books, const struct xr_books_session *s,
                          int64_t now_ms)
{
    return books->rules.affinity == XR_BOOKS_WAIT && s->last_agent != NOBODY &&
           now_ms - s->since_ms < books->rules.affinity_wait_ms;
}

/* The limit that holds for an agent who takes this session. */
static uint32_t limit_for(const struct xr_books *books, const struct xr_books_session *s,
                          const struct xr_books_agent *a)
{
    const bool is_back = books->rules.affinity != XR_BOOKS_OFF && s->last_agent != NOBODY &&
                         a == &books->agents[s->last_agent];
    return is_back ? books->rules.limit_returning : books->rules.limit;
}

/* Somebody who waits, and whom this agent could take too, would have been before this session. */
static bool is_out_of_order(const struct xr_books *books, const struct xr_books_session *taken,
                            const struct xr_books_agent *agent, int64_t now_ms)
{
    if (waits_for_one(books, taken, now_ms))
        return false;
    for (size_t i = 0; i < books->waiting_count; i++) {
        const struct xr_books_session *other = &books->sessions[books->waiting[i]];
        if (other == taken || !may_serve(agent, other->group) ||
            agent->active >= limit_for(books, other, agent))
            continue;
        if (!waits_for_one(books, other, now_ms) && goes_before(books, other, taken, now_ms))
            return true;
    }
    return false;
}

/* ---- shares --------------------------------------------------------------------------------- */

/* Hand out a share, by weight, among those who could take it: those with room in the lowest band
 * of load, and the taker. */
static void divide_share(struct xr_books *books, uint32_t group, size_t taker)
{
    uint32_t lowest = band_of(books, &books->agents[taker]);
    uint32_t weights = 0;
    books->sharing = 0;
    for (size_t i = 0; i < books->agent_count; i++) {
        const struct xr_books_agent *a = &books->agents[i];
        const uint32_t band = band_of(books, a);
        if (i != taker && has_room(books, a, group) && band < lowest)
            lowest = band;
    }
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < books->agent_count; i++) {
            struct xr_books_agent *a = &books->agents[i];
            const bool could = has_room(books, a, group) && band_of(books, a) == lowest;
            if (!could && i != taker)
                continue;
            if (pass == 0)
                weights += a->weight;
            else
                a->expected += (double)a->weight / (double)weights;
            books->sharing += (uint32_t)pass;
        }
    }
}

static void note_deviations(struct xr_books *books)
{
    for (size_t i = 0; i < books->agent_count; i++) {
        struct xr_books_agent *a = &books->agents[i];
        const double deviation = fabs((double)a->taken - a->expected);
        if (deviation > a->deviation_max)
            a->deviation_max = deviation;
        if (deviation > books->deviation_max)
            books->deviation_max = deviation;
    }
}

/* ---- what happened -------------------------------------------------------------------------- */

void xr_books_arrive(struct xr_books *books, size_t session, uint32_t group, uint32_t klass,
                     uint64_t buyer, int64_t now_ms)
{
    struct xr_books_session *s = &books->sessions[session];
    XR_ASSERT(s->state == XR_BOOKS_UNBORN);
    XR_ASSERT(buyer != 0);
    const size_t slot = buyer_slot(books, buyer);
    *s = (struct xr_books_session){
        .group = group,
        .klass = klass,
        .buyer = buyer,
        .agent = NOBODY,
        .last_agent = books->buyers[slot] != 0 ? books->buyer_agent[slot] : NOBODY,
        .since_ms = now_ms,
        .place = books->places++,
    };
    start_waiting(books, session);
}

/* A buyer who has just come, and whose last agent could take him, went to another. */
static bool is_stranger(const struct xr_books *books, const struct xr_books_session *s,
                        size_t agent, int64_t now_ms)
{
    if (books->rules.affinity == XR_BOOKS_OFF || s->last_agent == NOBODY || s->since_ms != now_ms)
        return false;
    const struct xr_books_agent *last = &books->agents[s->last_agent];
    return s->last_agent != agent && may_serve(last, s->group) &&
           last->active < books->rules.limit_returning;
}

static void let_go(struct xr_books *books, size_t session, int64_t now_ms)
{
    struct xr_books_session *s = &books->sessions[session];
    if (s->state == XR_BOOKS_WAITING)
        stop_waiting(books, session);
    if (s->state == XR_BOOKS_HELD) {
        bring_up(&books->agents[s->agent], now_ms);
        books->agents[s->agent].active--;
    }
}

void xr_books_assign(struct xr_books *books, size_t session, size_t agent, int64_t now_ms)
{
    struct xr_books_session *s = &books->sessions[session];
    struct xr_books_agent *a = &books->agents[agent];
    const uint32_t limit = limit_for(books, s, a);

    books->assignments++;
    books->outsiders += may_serve(a, s->group) ? 0 : 1;
    books->affinity_faults += is_stranger(books, s, agent, now_ms) ? 1 : 0;
    books->order_faults += is_out_of_order(books, s, a, now_ms) ? 1 : 0;
    let_go(books, session, now_ms);
    bring_up(a, now_ms);
    divide_share(books, s->group, agent);
    a->active++;
    a->taken++;
    a->load_max = a->active > a->load_max ? a->active : a->load_max;
    books->limit_overruns += a->active > limit ? 1 : 0;
    note_deviations(books);
    s->state = XR_BOOKS_HELD;
    s->agent = agent;
    const size_t slot = buyer_slot(books, s->buyer);
    books->buyers[slot] = s->buyer;
    books->buyer_agent[slot] = agent;
}

void xr_books_end(struct xr_books *books, size_t session, int64_t now_ms)
{
    let_go(books, session, now_ms);
    books->sessions[session].state = XR_BOOKS_OVER;
}

void xr_books_settle(struct xr_books *books, int64_t now_ms)
{
    uint32_t open = 0; /* groups in which somebody has room */
    for (size_t i = 0; i < books->agent_count; i++) {
        const struct xr_books_agent *a = &books->agents[i];
        if (a->is_online && a->active < books->rules.limit)
            open |= a->groups;
    }
    if (open == 0)
        return;
    for (size_t i = 0; i < books->waiting_count; i++) {
        const struct xr_books_session *s = &books->sessions[books->waiting[i]];
        if (((open >> s->group) & 1) != 0 && !waits_for_one(books, s, now_ms))
            books->idle_faults++;
    }
}
