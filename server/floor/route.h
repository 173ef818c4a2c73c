/*
 * The pick: which of the agents who could take a session gets it, and what that costs.
 * Pure arithmetic over an array; knows no tables.
 *
 * The session is one whole share, divided among those who could take it by weight: each balance
 * grows by weight / sum of weights, rounded down, whoever is owed most takes it and pays exactly
 * what was handed out, so that the sum of all balances stays zero. This is the greedy rule of the
 * carpool problem: Fagin and Williams, "A Fair Carpool Scheduling Algorithm", IBM J. R&D 27 (1983);
 * Ajtai et al., "Fairness in Scheduling", J. Algorithms 29 (1998).
 */
#ifndef XR_FLOOR_ROUTE_H
#define XR_FLOOR_ROUTE_H

#include "proto/wire.h"

#define XR_OWED_ONE (INT64_C(1) << 32) /* a balance of one whole session */

enum xr_policy {
    XR_POLICY_OWED,
    XR_POLICY_LONGEST_IDLE,
    XR_POLICY_LEAST_ACTIVE,
    XR_POLICY_ROUND_ROBIN,
};

/* An eligible agent. */
struct xr_candidate {
    struct xr_agent_id agent;
    uint32_t weight;    /* 1..100 */
    uint32_t active;    /* sessions that count */
    uint32_t limit;     /* routed limit, > 0: the yardstick of its load */
    uint64_t last_pick; /* number of its last assignment; 0: never */
    int64_t idle_ms;    /* floor_ms since when it has had nothing to do; longest_idle */
    int64_t owed;       /* in: balance; out: balance after the charge */
    bool sharing;       /* out: in the lowest load band (or the named taker): shares this session */
};

struct xr_pick {
    size_t taker;        /* index of who takes it */
    uint32_t sharing;    /* how many share it */
    uint32_t band;       /* lowest load band */
    int64_t owed_before; /* the taker's, its own part of the share included */
    enum xr_decider decider;
    bool clamped; /* some balance reached its bound */
};

/*
 * Pick one of `count` ≥ 1 candidates, in ascending order of id, and charge the share.
 *
 * load_bands  1..16: band of an agent = load_bands * active / limit; the lowest band shares
 * owed_max    balances stay within ±owed_max * XR_OWED_ONE; what is cut off is spread over those
 *             who share
 * named       index of the agent who takes it whatever the balances are (affinity, transfer,
 *             force), counted among those who could; SIZE_MAX: none
 */
void xr_route_pick(enum xr_policy policy, uint32_t load_bands, int64_t owed_max, size_t named,
                   struct xr_candidate *candidates, size_t count, struct xr_pick *out);

/*
 * Cut the balances of those who share to ±owed_max and spread what was cut off among them, in equal
 * parts, the remainder to the first; what fits nowhere goes to candidate `rest`, so that the sum
 * holds. True: something was cut.
 */
bool xr_route_clamp(int64_t owed_max, size_t rest, struct xr_candidate *candidates, size_t count);

#endif
