/*
 * What is to happen, by time: a binary heap of (time, order, what). Of two at the same time the
 * lower `order` comes first, then the one that was added first, so that a run repeats exactly.
 */
#ifndef XR_CLIENT_CLI_HEAP_H
#define XR_CLIENT_CLI_HEAP_H

#include <xiaoer/status.h>

struct xr_heap_item {
    int64_t at_ms;
    uint32_t order;
    uint64_t added; /* the heap's */
    size_t subject;
};

struct xr_heap {
    struct xr_heap_item *items;
    size_t count;
    size_t room;
    uint64_t added;
};

/* XR_OK, XR_NOMEM. */
enum xr_status xr_heap_push(struct xr_heap *heap, int64_t at_ms, uint32_t order,
                            size_t subject) XR_MUST_USE;
/* Take the first; false: empty. */
bool xr_heap_pop(struct xr_heap *heap, struct xr_heap_item *out);
/* Time of the first; INT64_MAX: empty. */
int64_t xr_heap_next_ms(const struct xr_heap *heap);
void xr_heap_fini(struct xr_heap *heap); /* zeroed is fine */

#endif
