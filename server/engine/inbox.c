#include "engine/inbox.h"

#include <errno.h>
#include <time.h>

void xr_submissions_push(struct xr_submissions *list, struct xr_submission *take)
{
    take->next = NULL;
    if (list->head == NULL)
        list->head = take;
    else
        list->last->next = take;
    list->last = take;
}

struct xr_submission *xr_submissions_pop(struct xr_submissions *list)
{
    struct xr_submission *first = list->head;
    if (first != NULL)
        list->head = first->next;
    return first;
}

void xr_submissions_move(struct xr_submissions *list, struct xr_submissions *from)
{
    if (from->head == NULL)
        return;
    if (list->head == NULL)
        list->head = from->head;
    else
        list->last->next = from->head;
    list->last = from->last;
    from->head = NULL;
}

void xr_submissions_clear(struct xr_submissions *list)
{
    struct xr_submission *each;
    while ((each = xr_submissions_pop(list)) != NULL)
        xr_mem_free(each);
}

void xr_inbox_init(struct xr_inbox *inbox, size_t max)
{
    pthread_condattr_t attributes;
    *inbox = (struct xr_inbox){.max = max};
    XR_ASSERT(pthread_mutex_init(&inbox->lock, NULL) == 0);
    XR_ASSERT(pthread_condattr_init(&attributes) == 0);
    XR_ASSERT(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
    XR_ASSERT(pthread_cond_init(&inbox->wake, &attributes) == 0);
    (void)pthread_condattr_destroy(&attributes);
}

void xr_inbox_fini(struct xr_inbox *inbox)
{
    xr_submissions_clear(&inbox->waiting);
    (void)pthread_cond_destroy(&inbox->wake);
    (void)pthread_mutex_destroy(&inbox->lock);
}

static void lock_inbox(struct xr_inbox *inbox)
{
    XR_ASSERT(pthread_mutex_lock(&inbox->lock) == 0);
}

static void unlock_inbox(struct xr_inbox *inbox)
{
    XR_ASSERT(pthread_mutex_unlock(&inbox->lock) == 0);
}

/* Under the lock. Clears the mark, so that one sleep costs one signal. */
static void wake_consumer(struct xr_inbox *inbox)
{
    if (!inbox->is_asleep)
        return;
    inbox->is_asleep = false;
    (void)pthread_cond_signal(&inbox->wake);
}

static enum xr_status put_in(struct xr_inbox *inbox, struct xr_submission *take, bool counted)
{
    enum xr_status status = XR_OK;
    lock_inbox(inbox);
    if (inbox->is_closed)
        status = XR_CLOSED;
    else if (counted && inbox->count >= inbox->max)
        status = XR_BUSY;
    else {
        inbox->count += counted;
        xr_submissions_push(&inbox->waiting, take);
        wake_consumer(inbox);
    }
    unlock_inbox(inbox);
    return status;
}

enum xr_status xr_inbox_put(struct xr_inbox *inbox, struct xr_submission *take)
{
    return put_in(inbox, take, true);
}

enum xr_status xr_inbox_put_own(struct xr_inbox *inbox, struct xr_submission *take)
{
    return put_in(inbox, take, false);
}

static struct timespec time_in(int64_t wait_ms)
{
    struct timespec until = {0};
    XR_ASSERT(clock_gettime(CLOCK_MONOTONIC, &until) == 0);
    until.tv_sec += (time_t)(wait_ms / 1000);
    until.tv_nsec += (long)(wait_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    return until;
}

/* Under the lock. */
static void wait_for_more(struct xr_inbox *inbox, int64_t wait_ms)
{
    const struct timespec until = time_in(wait_ms);
    int result = 0;
    while (inbox->waiting.head == NULL && !inbox->is_closed && result != ETIMEDOUT) {
        inbox->is_asleep = true;
        result = pthread_cond_timedwait(&inbox->wake, &inbox->lock, &until);
        XR_ASSERT(result == 0 || result == ETIMEDOUT);
    }
    inbox->is_asleep = false;
}

bool xr_inbox_take(struct xr_inbox *inbox, int64_t wait_ms, struct xr_submissions *list)
{
    lock_inbox(inbox);
    if (wait_ms > 0 && inbox->waiting.head == NULL && !inbox->is_closed)
        wait_for_more(inbox, wait_ms);
    const bool goes_on = inbox->waiting.head != NULL || !inbox->is_closed;
    xr_submissions_move(list, &inbox->waiting);
    unlock_inbox(inbox);
    return goes_on;
}

void xr_inbox_done(struct xr_inbox *inbox, size_t count)
{
    lock_inbox(inbox);
    XR_ASSERT(inbox->count >= count);
    inbox->count -= count;
    unlock_inbox(inbox);
}

void xr_inbox_close(struct xr_inbox *inbox)
{
    lock_inbox(inbox);
    inbox->is_closed = true;
    wake_consumer(inbox);
    unlock_inbox(inbox);
}

size_t xr_inbox_count(struct xr_inbox *inbox)
{
    lock_inbox(inbox);
    const size_t count = inbox->count;
    unlock_inbox(inbox);
    return count;
}
