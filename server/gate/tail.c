#include "gate/tail.h"

#include <string.h>

#define XR_TAIL_ROW_BYTES 256 /* an ordinary row */

enum xr_status xr_tail_init(struct xr_tail *tail, size_t bytes_max)
{
    *tail = (struct xr_tail){.bytes_max = bytes_max, .rows_max = 64};
    while (tail->rows_max * XR_TAIL_ROW_BYTES < bytes_max)
        tail->rows_max *= 2;
    tail->bytes = xr_mem_alloc(bytes_max);
    tail->rows = xr_mem_zero(tail->rows_max, sizeof(*tail->rows));
    if (tail->bytes && tail->rows)
        return XR_OK;
    xr_tail_fini(tail);
    return XR_NOMEM;
}

void xr_tail_fini(struct xr_tail *tail)
{
    xr_mem_free(tail->bytes);
    xr_mem_free(tail->rows);
    *tail = (struct xr_tail){0};
}

static struct xr_tail_row *row_of(const struct xr_tail *tail, uint64_t seq)
{
    return &tail->rows[seq & (tail->rows_max - 1)];
}

static void drop_oldest(struct xr_tail *tail)
{
    tail->first++;
    tail->count--;
}

void xr_tail_add(struct xr_tail *tail, uint64_t seq, struct xr_bin row)
{
    if (tail->count > 0 && seq != tail->first + tail->count)
        tail->count = 0;
    if (tail->count == 0)
        tail->first = seq;
    if (row.size > tail->bytes_max) {
        tail->count = 0;
        return;
    }
    const size_t place = (size_t)(tail->end % tail->bytes_max);
    if (place + row.size > tail->bytes_max)
        tail->end += tail->bytes_max - place; /* rows do not wrap */
    while (tail->count > 0 &&
           (tail->count == tail->rows_max ||
            tail->end + row.size - row_of(tail, tail->first)->at > tail->bytes_max))
        drop_oldest(tail);
    if (tail->count == 0)
        tail->first = seq;
    memcpy(tail->bytes + tail->end % tail->bytes_max, row.at, row.size);
    *row_of(tail, seq) = (struct xr_tail_row){tail->end, row.size};
    tail->end += row.size;
    tail->count++;
}

bool xr_tail_get(const struct xr_tail *tail, uint64_t seq, struct xr_bin *row)
{
    if (tail->count == 0 || seq < tail->first || seq - tail->first >= tail->count)
        return false;
    const struct xr_tail_row *found = row_of(tail, seq);
    *row = (struct xr_bin){tail->bytes + found->at % tail->bytes_max, found->size};
    return true;
}
