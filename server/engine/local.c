#include "engine/local.h"

#include "store/store.h"

static struct xr_local *as_local(struct xr_log *log)
{
    return (struct xr_local *)log;
}

static enum xr_status append_row(struct xr_log *log, uint64_t expected, struct xr_bin batch)
{
    struct xr_local *local = as_local(log);
    if (local->last_next != expected)
        return XR_EXISTS;
    xr_store_log_append(local->store, expected + 1, batch);
    const enum xr_status status = xr_store_failed(local->store);
    if (status != XR_OK)
        return status;
    local->last_next = expected + 1;
    if (local->first_next == 0)
        local->first_next = expected + 1;
    return XR_OK;
}

static enum xr_status read_row(struct xr_log *log, uint64_t number, struct xr_bin *batch)
{
    struct xr_local *local = as_local(log);
    struct xr_reader *reader = NULL;
    struct xr_bin row = {0};
    enum xr_status status = xr_reader_open(local->store, &reader);
    if (status != XR_OK)
        return status;
    status = xr_reader_log(reader, number, &row);
    if (status == XR_OK) {
        xr_buf_reset(&local->row);
        xr_buf_add(&local->row, row.at, row.size);
        if (local->row.failed)
            status = XR_NOMEM;
        else
            *batch = (struct xr_bin){local->row.at, (uint32_t)local->row.size};
    }
    xr_reader_close(reader);
    return status;
}

static enum xr_status delete_rows(struct xr_log *log, uint64_t number)
{
    struct xr_local *local = as_local(log);
    XR_ASSERT(number < local->last_next);
    for (; local->first_next <= number; local->first_next++)
        xr_store_log_delete(local->store, local->first_next);
    return xr_store_failed(local->store);
}

static void keep_still(struct xr_log *log)
{
    (void)log;
}

static const struct xr_log_ops local_ops = {
    .append = append_row,
    .read = read_row,
    .truncate = delete_rows,
    .beat = keep_still,
};

enum xr_status xr_local_init(struct xr_local *local, struct xr_store *store)
{
    struct xr_reader *reader = NULL;
    *local = (struct xr_local){.log = {&local_ops}, .store = store};
    xr_buf_init(&local->row, UINT32_MAX);
    const enum xr_status status = xr_reader_open(store, &reader);
    if (status != XR_OK)
        return status;
    xr_reader_log_span(reader, &local->first, &local->last);
    xr_reader_close(reader);
    xr_local_settle(local, false);
    return XR_OK;
}

void xr_local_fini(struct xr_local *local)
{
    xr_buf_fini(&local->row);
}

void xr_local_settle(struct xr_local *local, bool committed)
{
    if (committed) {
        local->first = local->first_next;
        local->last = local->last_next;
    }
    local->first_next = local->first;
    local->last_next = local->last;
}
