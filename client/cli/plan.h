/*
 * A plan: who works when, and which buyers come when. It is what simulate and replay play on a
 * floor. xr_plan_of_day makes it of a recorded day (the mapping is told in DAY.md); tests make
 * their own with the add functions.
 *
 * All times are ms since the midnight before the day. Whatever is drawn is drawn here, from the
 * seed and in the order of the rows, so that two runs under other rules play the same day.
 * A plan owns all that it points at.
 */
#ifndef XR_CLIENT_CLI_PLAN_H
#define XR_CLIENT_CLI_PLAN_H

#include "day.h"
#include "proto/wire.h"

#define XR_PLAN_GROUPS_MAX XR_GROUPS_PER_AGENT
#define XR_PLAN_NONE       SIZE_MAX /* no agent, no session */

/* ---- drawing -------------------------------------------------------------------------------- */

/* SplitMix64 (Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014):
 * small, and the same everywhere. */
struct xr_dice {
    uint64_t state;
};
uint64_t xr_dice_roll(struct xr_dice *dice);
/* 0 .. count - 1, each equally likely; count > 0. */
uint64_t xr_dice_pick(struct xr_dice *dice, uint64_t count);
/* At least 0, less than 1. */
double xr_dice_part(struct xr_dice *dice);

/* ---- patience ------------------------------------------------------------------------------- */

/* How long somebody was seen to wait. */
struct xr_patience {
    int64_t waited_s;
    bool gave_up; /* else: served then; would have waited longer */
};

/*
 * The Kaplan-Meier estimate of how many are still waiting after t (Kaplan and Meier,
 * "Nonparametric Estimation from Incomplete Observations", JASA 1958): a step at each time at
 * which somebody gave up, S(t) = product of (1 - gave up ÷ still there). Who is served at the same
 * second as another gives up counts as still there.
 */
struct xr_curve {
    int64_t *at_s;    /* ascending */
    double *survival; /* just after that time */
    size_t count;
    int64_t last_s; /* longest wait seen, whatever its end */
};

/* XR_OK, XR_NOMEM. Sorts `seen`. */
enum xr_status xr_curve_init(struct xr_curve *curve, struct xr_patience *seen,
                             size_t count) XR_MUST_USE;
void xr_curve_fini(struct xr_curve *curve);
/* The part that is still waiting after t. */
double xr_curve_at(const struct xr_curve *curve, int64_t t_s);
/*
 * Draw the patience of somebody who is known to have waited `known_s` without giving up: from the
 * curve beyond that time. Where the curve does not reach 0 (the longest wait ended in service) what
 * is left of it gives up at the longest wait seen (Efron's convention).
 */
int64_t xr_curve_draw(const struct xr_curve *curve, int64_t known_s, struct xr_dice *dice);

/* ---- the plan ------------------------------------------------------------------------------- */

struct xr_plan_span {
    int64_t from_ms;
    int64_t to_ms;
};

struct xr_plan_agent {
    char *name;
    uint32_t groups;            /* bit n: group n of the plan */
    struct xr_plan_span *spans; /* online, ascending, apart */
    size_t span_count;
    bool pauses;            /* between spans: paused; else signed off */
    int64_t service_ms;     /* each session takes it so long; 0: the session's own */
    uint32_t real_sessions; /* what really happened: sessions, and the time they took */
    int64_t real_busy_ms;
};

enum xr_plan_real {
    XR_REAL_SERVED,
    XR_REAL_ABANDONED,
    XR_REAL_PHANTOM,
};

struct xr_plan_session {
    uint32_t line; /* of the file */
    uint64_t call;
    uint64_t buyer; /* the same number: the same buyer */
    int64_t arrival_ms;
    int64_t patience_ms; /* waits so long in the queue; INT64_MAX: for ever */
    int64_t service_ms;
    uint32_t group; /* index */
    enum xr_queue_class klass;
    bool patience_drawn;
    bool service_drawn;
    enum xr_plan_real real;
    int64_t real_wait_ms;
    size_t real_agent; /* or XR_PLAN_NONE */
};

struct xr_plan {
    char *groups[XR_PLAN_GROUPS_MAX];
    size_t group_count;
    struct xr_plan_agent *agents;
    size_t agent_count;
    struct xr_plan_session *sessions; /* by arrival, then as in the file */
    size_t session_count;
    size_t agent_room; /* private */
    size_t session_room;
    uint32_t rows; /* of the day, those that reached nobody included */
};

struct xr_plan_options {
    uint64_t seed;
    bool skip_phantoms; /* leave out what was not a call */
};

/*
 * Map a day. XR_OK, XR_NOMEM, or XR_FULL: more types than a floor has groups for (`error` says
 * the line). `out` is zeroed unless XR_OK.
 */
enum xr_status xr_plan_of_day(const struct xr_day *day, const struct xr_plan_options *options,
                              struct xr_plan *out, struct xr_day_error *error) XR_MUST_USE;

/* For tests: build a plan by hand. Sessions must be added by arrival. XR_OK, XR_NOMEM, XR_FULL. */
enum xr_status xr_plan_add_group(struct xr_plan *plan, struct xr_str name,
                                 uint32_t *index) XR_MUST_USE;
enum xr_status xr_plan_add_agent(struct xr_plan *plan, struct xr_str name, uint32_t groups,
                                 size_t *index) XR_MUST_USE;
enum xr_status xr_plan_add_span(struct xr_plan_agent *agent, int64_t from_ms,
                                int64_t to_ms) XR_MUST_USE;
enum xr_status xr_plan_add_session(struct xr_plan *plan,
                                   const struct xr_plan_session *session) XR_MUST_USE;

void xr_plan_fini(struct xr_plan *plan); /* zeroed is fine */

#endif
