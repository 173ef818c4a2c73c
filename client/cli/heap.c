#include "heap.h"

#include "proto/mem.h"

static bool is_before(const struct xr_heap_item *a, const struct xr_heap_item *b)
{
    if (a->at_ms != b->at_ms)
        return a->at_ms < b->at_ms;
    if (a->order != b->order)
        return a->order < b->order;
    return a->added < b->added;
}

static void swap(struct xr_heap *heap, size_t a, size_t b)
{
    struct xr_heap_item item = heap->items[a];
    heap->items[a] = heap->items[b];
    heap->items[b] = item;
}

static void sift_up(struct xr_heap *heap, size_t i)
{
    while (i > 0 && is_before(&heap->items[i], &heap->items[(i - 1) / 2])) {
        swap(heap, i, (i - 1) / 2);
        i = (i - 1) / 2;
    }
}

static void sift_down(struct xr_heap *heap, size_t i)
{
    for (;;) {
        size_t first = i;
        for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < heap->count; child++)
            if (is_before(&heap->items[child], &heap->items[first]))
                first = child;
        if (first == i)
            return;
        swap(heap, i, first);
        i = first;
    }
}

enum xr_status xr_heap_push(struct xr_heap *heap, int64_t at_ms, uint32_t order, size_t subject)
{
    if (heap->count == heap->room) {
        size_t room = heap->room == 0 ? 256 : heap->room * 2;
        struct xr_heap_item *items = xr_mem_grow(heap->items, room * sizeof *items);
        if (items == NULL)
            return XR_NOMEM;
        heap->items = items;
        heap->room = room;
    }
    heap->items[heap->count] = (struct xr_heap_item){at_ms, order, heap->added++, subject};
    sift_up(heap, heap->count++);
    return XR_OK;
}

bool xr_heap_pop(struct xr_heap *heap, struct xr_heap_item *out)
{
    if (heap->count == 0)
        return false;
    *out = heap->items[0];
    heap->items[0] = heap->items[--heap->count];
    sift_down(heap, 0);
    return true;
}

int64_t xr_heap_next_ms(const struct xr_heap *heap)
{
    return heap->count > 0 ? heap->items[0].at_ms : INT64_MAX;
}

void xr_heap_fini(struct xr_heap *heap)
{
    xr_mem_free(heap->items);
    *heap = (struct xr_heap){0};
}
