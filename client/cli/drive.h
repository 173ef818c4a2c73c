/*
 * Play a plan on a real floor (server/floor, tables in memory) with a virtual clock: a
 * discrete-event simulation that makes the events and obeys the effects, and decides nothing.
 * Who gets which session is the floor's decision alone; books.h checks it.
 *
 * Steps: found the floor, make groups, accounts and settings, log everybody in; then take what is
 * next by time (a shift begins or ends, a buyer comes or gives up, a service ends, the floor's own
 * deadline) until nothing is left. At an assignment the agent replies and closes after the
 * service time; sessions of one agent run side by side.
 *
 * One thread, no clock, no random source but the plan's seed: equal plans and options, equal
 * digest.
 */
#ifndef XR_CLIENT_CLI_DRIVE_H
#define XR_CLIENT_CLI_DRIVE_H

#include "books.h"
#include "plan.h"

#define XR_DRIVE_SETTINGS_MAX 32

struct xr_drive_setting {
    struct xr_str name; /* of settings.def */
    int64_t value;
};

struct xr_drive_options {
    enum xr_books_affinity affinity;
    uint32_t limit;           /* routed, 1..30 */
    uint32_t limit_returning; /* for a buyer's last agent, 1..30 */
    uint32_t policy;          /* as setting `policy` */
    uint32_t load_bands;
    uint64_t seed;                                           /* of the random field of events */
    struct xr_drive_setting settings[XR_DRIVE_SETTINGS_MAX]; /* others, set last */
    size_t setting_count;
    /* Called now and then; may be NULL. */
    void (*on_progress)(void *context, size_t done, size_t total);
    void *context;
};

/* How a session of the plan ended. */
enum xr_drive_end {
    XR_DRIVE_SERVED,
    XR_DRIVE_ABANDONED, /* gave up in the queue */
    XR_DRIVE_JOINED,    /* the buyer had a session already: the floor joined them */
    XR_DRIVE_REFUSED,   /* the floor refused to open it: see `code` */
    XR_DRIVE_WAITING,   /* still in the queue when nothing was left to happen */
};

/* Why nobody took it, from the floor's last explanation. */
enum xr_drive_why {
    XR_DRIVE_WHY_NONE,     /* served */
    XR_DRIVE_WHY_NOBODY,   /* nobody of its group was online */
    XR_DRIVE_WHY_FULL,     /* those online were at their limit */
    XR_DRIVE_WHY_AFFINITY, /* waited for the buyer's last agent */
    XR_DRIVE_WHY_UNKNOWN,  /* not explained: a fault */
    XR_DRIVE_WHY_COUNT
};

struct xr_drive_session {
    enum xr_drive_end end;
    enum xr_drive_why why;
    enum xr_code code; /* of a refused one */
    uint64_t id;       /* on the floor; 0: never opened */
    size_t agent;      /* who took it; SIZE_MAX: nobody */
    int64_t wait_ms;   /* in the queue, until it was taken or given up */
    bool is_over;      /* closed */
    uint32_t assignments;
    uint32_t sharing; /* by the books: how many could take it when it was taken */
};

struct xr_drive_result {
    struct xr_books books;
    struct xr_drive_session *sessions; /* as in the plan */
    size_t session_count;
    size_t ends[5];                  /* by enum xr_drive_end */
    size_t whys[XR_DRIVE_WHY_COUNT]; /* of those not served */
    uint64_t decisions;              /* assignments and places in the queue */
    uint64_t events;                 /* steps of the floor */
    uint64_t explained;              /* decisions with a stored explanation */
    uint64_t explain_faults;         /* explanations that differ from the books */
    int64_t end_ms;                  /* virtual time of the last event */
    uint8_t digest[32];              /* BLAKE2b of all decisions in order */
    char fault[256];                 /* what went wrong where the status is XR_BAD */
};

/*
 * Run. XR_OK: `out` is the caller's, to be ended with xr_drive_fini.
 *   XR_BAD    the floor did what it must not (a refused set-up, a deadline that does not move):
 *             `out->fault` tells
 *   XR_NOMEM
 */
enum xr_status xr_drive_run(const struct xr_plan *plan, const struct xr_drive_options *options,
                            struct xr_drive_result *out) XR_MUST_USE;
void xr_drive_fini(struct xr_drive_result *result); /* zeroed is fine */

/* The defaults of the subcommand: a phone floor, one session at a time. */
void xr_drive_defaults(struct xr_drive_options *options);

#endif
