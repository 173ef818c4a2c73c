/*
 * Play a plan through a live server over real sockets: one connection for the bridge, one for each
 * agent, all in one thread. What replay.c (options, accounts, the report) and replay_play.c (the
 * play itself) share.
 */
#ifndef XR_CLIENT_CLI_REPLAY_H
#define XR_CLIENT_CLI_REPLAY_H

#include "crew.h"
#include "ledger.h"
#include "plan.h"

/* Figures in ns, to be sorted. */
struct xr_replay_times {
    uint64_t *at;
    size_t count;
    size_t room;
};

struct xr_replay {
    /* In. */
    const struct xr_cli *cli;
    const struct xr_plan *plan;
    struct xr_crew_member *members; /* 0 the bridge, 1 + n the agent n of the plan; logged in */
    int64_t speed;                  /* virtual seconds for one real second */
    int64_t exchanges;              /* messages of the buyer during a service, each answered */
    int64_t limit;                  /* sessions of an agent at a time that are no overrun; 0: any */
    char run[16];                   /* tells this run's buyers and messages from others' */

    /* Out. */
    struct xr_ledger ledger;
    struct xr_replay_times assigned; /* open sent → at the agent, of those that did not wait */
    struct xr_replay_times acknowledged; /* say sent → its answer */
    struct xr_replay_times pushed;       /* say sent → at the other side */
    size_t opened;
    size_t served;
    size_t abandoned;
    size_t joined;
    size_t refused;    /* opens that were refused */
    size_t unfinished; /* nothing more happened to them */
    uint64_t commands; /* sent */
    uint64_t errors;   /* commands refused that should not have been */
    uint64_t resyncs;  /* feeds that began anew */
    uint64_t limit_overruns;
    uint32_t load_max;
    uint64_t reconnects;
    double seconds;
    double behind_max_s; /* furthest behind the plan, in real seconds */
};

/*
 * Play it to the end, which is when every session is over and every acknowledged message has been
 * received, or nothing has moved for 30 s. Exit code; what was found is in `replay`.
 */
int xr_replay_play(struct xr_replay *replay);
void xr_replay_fini(struct xr_replay *replay); /* the out part */

#endif
