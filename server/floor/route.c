#include "floor/route.h"

static uint32_t band_of(const struct xr_candidate *c, uint32_t load_bands)
{
    return (uint32_t)((uint64_t)load_bands * c->active / c->limit);
}

/* Mark those who share: the lowest band, and the named taker. */
static void mark_sharing(uint32_t load_bands, size_t named, struct xr_candidate *candidates,
                         size_t count, struct xr_pick *out)
{
    out->band = UINT32_MAX;
    for (size_t i = 0; i < count; i++) {
        uint32_t band = band_of(&candidates[i], load_bands);
        if (band < out->band)
            out->band = band;
    }
    out->sharing = 0;
    for (size_t i = 0; i < count; i++) {
        candidates[i].sharing = i == named || band_of(&candidates[i], load_bands) == out->band;
        out->sharing += candidates[i].sharing ? 1 : 0;
    }
}

/* Hand out one share by weight; returns exactly what was handed out. */
static int64_t hand_out(struct xr_candidate *candidates, size_t count)
{
    int64_t weights = 0;
    for (size_t i = 0; i < count; i++)
        weights += candidates[i].sharing ? candidates[i].weight : 0;
    int64_t total = 0;
    for (size_t i = 0; i < count && weights > 0; i++) {
        if (!candidates[i].sharing)
            continue;
        int64_t part = XR_OWED_ONE * candidates[i].weight / weights;
        candidates[i].owed += part;
        total += part;
    }
    return total;
}

/* True where `a` goes before `b`; both share. Ids ascend, so that equal in all keeps `b`. */
static bool goes_before(enum xr_policy policy, const struct xr_candidate *a,
                        const struct xr_candidate *b, enum xr_decider *by)
{
    *by = XR_decider_POLICY;
    switch (policy) {
    case XR_POLICY_LONGEST_IDLE:
        if (a->idle_ms != b->idle_ms)
            return a->idle_ms < b->idle_ms;
        break;
    case XR_POLICY_LEAST_ACTIVE:
        if (a->active != b->active)
            return a->active < b->active;
        break;
    case XR_POLICY_ROUND_ROBIN:
        break;
    case XR_POLICY_OWED:
        *by = XR_decider_MOST_OWED;
        if (a->owed != b->owed)
            return a->owed > b->owed;
        *by = XR_decider_LONGEST_SINCE;
        break;
    }
    if (a->last_pick != b->last_pick)
        return a->last_pick < b->last_pick;
    if (policy == XR_POLICY_OWED)
        *by = XR_decider_LOWEST_ID;
    return false;
}

static size_t choose(enum xr_policy policy, const struct xr_candidate *candidates, size_t count,
                     enum xr_decider *decider)
{
    size_t best = SIZE_MAX;
    for (size_t i = 0; i < count; i++) {
        enum xr_decider by;
        if (!candidates[i].sharing)
            continue;
        if (best == SIZE_MAX || goes_before(policy, &candidates[i], &candidates[best], &by))
            best = i;
    }
    /* What decided is what set the taker apart from the nearest rival. */
    *decider = XR_decider_ONLY_ONE;
    for (size_t i = 0; i < count; i++) {
        enum xr_decider by;
        if (i == best || !candidates[i].sharing)
            continue;
        if (!goes_before(policy, &candidates[best], &candidates[i], &by))
            (void)goes_before(policy, &candidates[i], &candidates[best], &by);
        if (*decider == XR_decider_ONLY_ONE || by > *decider)
            *decider = by;
    }
    return best;
}

static bool has_room(const struct xr_candidate *c, int64_t bound, int64_t pool)
{
    return c->sharing && (pool > 0 ? c->owed < bound : c->owed > -bound);
}

/* One pass of spreading: equal parts to all with room, the remainder to the first. Returns what
 * found no room. */
static int64_t spread_once(struct xr_candidate *candidates, size_t count, int64_t bound,
                           int64_t pool)
{
    int64_t rooms = 0;
    for (size_t i = 0; i < count; i++)
        rooms += has_room(&candidates[i], bound, pool) ? 1 : 0;
    if (rooms == 0)
        return pool;
    const int64_t step = pool > 0 ? 1 : -1;
    int64_t part = pool / rooms;
    int64_t rest = pool % rooms;
    int64_t left = pool;
    for (size_t i = 0; i < count; i++) {
        struct xr_candidate *c = &candidates[i];
        if (!has_room(c, bound, pool))
            continue;
        int64_t give = part;
        if (rest != 0) {
            give += step;
            rest -= step;
        }
        int64_t room = pool > 0 ? bound - c->owed : -bound - c->owed;
        if (pool > 0 ? give > room : give < room)
            give = room;
        c->owed += give;
        left -= give;
    }
    return left;
}

bool xr_route_clamp(int64_t owed_max, size_t rest, struct xr_candidate *candidates, size_t count)
{
    const int64_t bound = owed_max * XR_OWED_ONE;
    int64_t pool = 0;
    bool clamped = false;
    for (size_t i = 0; i < count; i++) {
        struct xr_candidate *c = &candidates[i];
        if (!c->sharing || (c->owed <= bound && c->owed >= -bound))
            continue;
        int64_t cut = c->owed > bound ? c->owed - bound : c->owed + bound;
        c->owed -= cut;
        pool += cut;
        clamped = true;
    }
    /* Each pass places all of it, or fills at least one balance up to the bound. */
    for (size_t pass = 0; pass < count && pool != 0; pass++)
        pool = spread_once(candidates, count, bound, pool);
    candidates[rest].owed += pool;
    return clamped;
}

void xr_route_pick(enum xr_policy policy, uint32_t load_bands, int64_t owed_max, size_t named,
                   struct xr_candidate *candidates, size_t count, struct xr_pick *out)
{
    XR_ASSERT(count > 0);
    mark_sharing(load_bands, named, candidates, count, out);
    int64_t share = hand_out(candidates, count);
    if (named != SIZE_MAX) {
        out->taker = named;
        out->decider = XR_decider_NAMED;
    } else {
        out->taker = choose(policy, candidates, count, &out->decider);
    }
    out->owed_before = candidates[out->taker].owed;
    candidates[out->taker].owed -= share;
    out->clamped = xr_route_clamp(owed_max, out->taker, candidates, count);
}
