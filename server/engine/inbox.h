/*
 * The way into the floor thread: a bounded list that many threads append to and one empties.
 *
 * The consumer takes all that waits at once; a producer wakes it only where it sleeps. What has
 * been taken still counts as queued until the consumer says that it is through, so that `max`
 * bounds all submissions under way.
 */
#ifndef XR_ENGINE_INBOX_H
#define XR_ENGINE_INBOX_H

#include "engine/engine.h"

#include <pthread.h>

/* A list of submissions in order; zeroed is empty. */
struct xr_submissions {
    struct xr_submission *head;
    struct xr_submission *last;
};

void xr_submissions_push(struct xr_submissions *list, struct xr_submission *take);
struct xr_submission *xr_submissions_pop(struct xr_submissions *list); /* NULL: empty */
/* Move all of `from` behind `list`. */
void xr_submissions_move(struct xr_submissions *list, struct xr_submissions *from);
/* Free what is in it. */
void xr_submissions_clear(struct xr_submissions *list);

struct xr_inbox {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct xr_submissions waiting;
    size_t count; /* waiting, or taken and not done */
    size_t max;
    bool is_asleep; /* the consumer */
    bool is_closed;
};

void xr_inbox_init(struct xr_inbox *inbox, size_t max);
void xr_inbox_fini(struct xr_inbox *inbox);

/* Any thread. XR_OK: taken. XR_BUSY: `max` are queued. XR_CLOSED. Otherwise it stays the caller's.
 */
enum xr_status xr_inbox_put(struct xr_inbox *inbox, struct xr_submission *take) XR_MUST_USE;

/* The same past the bound and without counting: the few submissions of the engine itself. */
enum xr_status xr_inbox_put_own(struct xr_inbox *inbox, struct xr_submission *take) XR_MUST_USE;

/*
 * The consumer: move all that waits behind `list`; where nothing does, wait for it.
 *
 * wait_ms  at most so long; 0: not at all
 * Returns false once the inbox is closed and nothing is left in it.
 */
bool xr_inbox_take(struct xr_inbox *inbox, int64_t wait_ms, struct xr_submissions *list);

/* The consumer is through with `count` counted submissions. */
void xr_inbox_done(struct xr_inbox *inbox, size_t count);

/* Any thread: nothing more comes in; the consumer wakes. */
void xr_inbox_close(struct xr_inbox *inbox);

size_t xr_inbox_count(struct xr_inbox *inbox);

#endif
