/*
 * Read transactions. A closed reader keeps its slot in LMDB's table and its memory for the next
 * one, up to XR_STORE_IDLE_MAX of them.
 */
#include "store/lmdb.h"

#include <errno.h>
#include <string.h>

static struct xr_reader *take_idle(struct xr_store *store)
{
    (void)pthread_mutex_lock(&store->mutex);
    struct xr_reader *reader = store->idle;
    if (reader != NULL) {
        store->idle = reader->next;
        store->idle_count--;
    }
    (void)pthread_mutex_unlock(&store->mutex);
    return reader;
}

static enum xr_status begin_read(struct xr_reader *reader)
{
    const int code = reader->txn != NULL
                         ? mdb_txn_renew(reader->txn)
                         : mdb_txn_begin(reader->store->env, NULL, MDB_RDONLY, &reader->txn);
    switch (code) {
    case 0:
        return XR_OK;
    case MDB_READERS_FULL:
        return XR_BUSY;
    case ENOMEM:
        return XR_NOMEM;
    default:
        return xr_lmdb_failure(reader->store, "reader", code);
    }
}

enum xr_status xr_reader_open(struct xr_store *store, struct xr_reader **out)
{
    struct xr_reader *reader = take_idle(store);
    if (reader == NULL)
        reader = xr_mem_zero(1, sizeof *reader);
    if (reader == NULL)
        return XR_NOMEM;
    reader->store = store;
    /* Under the mutex: a commit that makes trees and their publication happen before, or after. */
    (void)pthread_mutex_lock(&store->mutex);
    const enum xr_status status = begin_read(reader);
    reader->born = store->born;
    store->readers += status == XR_OK;
    (void)pthread_mutex_unlock(&store->mutex);
    if (status != XR_OK) {
        xr_reader_free(reader);
        return status;
    }
    *out = reader;
    return XR_OK;
}

void xr_reader_free(struct xr_reader *reader)
{
    if (reader->txn != NULL)
        mdb_txn_abort(reader->txn);
    xr_lmdb_floors_fini(&reader->floors);
    xr_mem_free(reader);
}

void xr_reader_close(struct xr_reader *reader)
{
    if (reader == NULL)
        return;
    struct xr_store *store = reader->store;
    for (size_t i = 0; i < reader->floors.count; i++)
        xr_lmdb_tables_end(reader->floors.at[i]);
    mdb_txn_reset(reader->txn);
    (void)pthread_mutex_lock(&store->mutex);
    store->readers--;
    const bool is_kept = store->idle_count < XR_STORE_IDLE_MAX;
    if (is_kept) {
        reader->next = store->idle;
        store->idle = reader;
        store->idle_count++;
    }
    (void)pthread_mutex_unlock(&store->mutex);
    if (!is_kept)
        xr_reader_free(reader);
}

struct xr_tables *xr_reader_tables(struct xr_reader *reader, uint32_t floor)
{
    struct xr_lmdb_tables *tables = xr_lmdb_floor(&reader->floors, reader->store, floor);
    if (tables == NULL)
        (void)xr_lmdb_failure(reader->store, "reader", ENOMEM);
    XR_ASSERT(tables != NULL); /* that has ended the process */
    if (tables->txn == NULL) {
        tables->txn = reader->txn;
        tables->tables.read_only = true;
        tables->trees = xr_lmdb_trees(reader->store, floor, reader->born);
    }
    return &tables->tables;
}

/* ---- the rows of all floors, of the engine -------------------------------------------------- */

/* A failed read: the file is not as it was written. */
static bool is_found(struct xr_reader *reader, int code)
{
    if (code != 0 && code != MDB_NOTFOUND)
        (void)xr_lmdb_failure(reader->store, "read", code);
    return code == 0;
}

size_t xr_reader_floors(struct xr_reader *reader, uint32_t *out, size_t room)
{
    MDB_cursor *cursor;
    if (!is_found(reader, mdb_cursor_open(reader->txn, reader->store->rows, &cursor)))
        return 0;
    size_t count = 0;
    uint32_t floor = 0;
    for (;;) {
        uint8_t from[4];
        MDB_val key = {sizeof from, from};
        MDB_val value;
        xr_put_u32be(from, floor);
        if (!is_found(reader, mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE)))
            break;
        floor = xr_get_u32be(key.mv_data);
        if (count < room)
            out[count] = floor;
        count++;
        if (floor++ == UINT32_MAX)
            break;
    }
    mdb_cursor_close(cursor);
    return count;
}

enum xr_status xr_reader_meta(struct xr_reader *reader, struct xr_bin *out)
{
    static const char engine[] = "engine";
    MDB_val key = {strlen(engine), (void *)(uintptr_t)engine};
    MDB_val value;
    if (!is_found(reader, mdb_get(reader->txn, reader->store->meta, &key, &value)))
        return XR_NONE;
    *out = xr_lmdb_bin(value);
    return XR_OK;
}

static uint64_t read_end_of_log(struct xr_reader *reader, MDB_cursor *cursor, MDB_cursor_op end)
{
    MDB_val key;
    MDB_val value;
    return is_found(reader, mdb_cursor_get(cursor, &key, &value, end)) ? xr_get_u64be(key.mv_data)
                                                                       : 0;
}

void xr_reader_log_span(struct xr_reader *reader, uint64_t *first, uint64_t *last)
{
    MDB_cursor *cursor;
    *first = 0;
    *last = 0;
    if (!is_found(reader, mdb_cursor_open(reader->txn, reader->store->log, &cursor)))
        return;
    *first = read_end_of_log(reader, cursor, MDB_FIRST);
    *last = read_end_of_log(reader, cursor, MDB_LAST);
    mdb_cursor_close(cursor);
}

enum xr_status xr_reader_log(struct xr_reader *reader, uint64_t batch_no, struct xr_bin *out)
{
    uint8_t number[8];
    xr_put_u64be(number, batch_no);
    MDB_val key = {sizeof number, number};
    MDB_val value;
    if (!is_found(reader, mdb_get(reader->txn, reader->store->log, &key, &value)))
        return XR_NONE;
    *out = xr_lmdb_bin(value);
    return XR_OK;
}
