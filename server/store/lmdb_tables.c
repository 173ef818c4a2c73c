/* Tables on LMDB: the operations, for the writer's handles and the readers'. */
#include "store/lmdb.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* A key in the tree `rows`. */
struct row_key {
    uint8_t bytes[XR_STORE_PREFIX + XR_KEY_MAX];
    size_t size;
};

static void put_prefix(uint8_t *at, uint32_t floor, enum xr_table table)
{
    xr_put_u32be(at, floor);
    at[4] = (uint8_t)table;
}

static MDB_val make_row_key(struct row_key *row, uint32_t floor, enum xr_table table,
                            struct xr_bin key)
{
    XR_ASSERT(key.size <= XR_KEY_MAX);
    put_prefix(row->bytes, floor, table);
    if (key.size > 0)
        memcpy(row->bytes + XR_STORE_PREFIX, key.at, key.size);
    row->size = XR_STORE_PREFIX + key.size;
    return (MDB_val){row->size, row->bytes};
}

/* A table's tree, and a key in it. */
struct place {
    MDB_dbi dbi; /* 0: the tree is not there */
    MDB_val key;
    struct row_key row;
};

static void find_place(const struct xr_lmdb_tables *tables, enum xr_table table, struct xr_bin key,
                       struct place *place)
{
    const struct xr_table_info *info = xr_table_info(table);
    if (info->is_append) {
        XR_ASSERT(key.size <= XR_KEY_MAX);
        place->dbi = tables->trees.dbi[info->slot];
        place->key = xr_lmdb_val(key);
    } else {
        place->dbi = tables->store->rows;
        place->key = make_row_key(&place->row, tables->trees.floor, table, key);
    }
}

/* ---- reading -------------------------------------------------------------------------------- */

/* A read that fails: what was there to be read is not as it was written, or the write transaction
 * has failed before, and its reads find nothing. */
static void check_read(const struct xr_lmdb_tables *tables, int code)
{
    if (code == 0 || code == MDB_NOTFOUND || tables->store->failed != XR_OK)
        return;
    (void)xr_lmdb_failure(tables->store, "read", code);
}

static enum xr_status get_row(struct xr_tables *handle, enum xr_table table, struct xr_bin key,
                              struct xr_bin *out)
{
    struct xr_lmdb_tables *tables = (struct xr_lmdb_tables *)handle;
    XR_ASSERT(tables->txn != NULL);
    struct place place;
    MDB_val value;
    find_place(tables, table, key, &place);
    if (place.dbi == 0 || place.key.mv_size == 0)
        return XR_NONE;
    const int code = mdb_get(tables->txn, place.dbi, &place.key, &value);
    check_read(tables, code);
    if (code != 0)
        return XR_NONE;
    *out = xr_lmdb_bin(value);
    return XR_OK;
}

/* A scan's memory: the cursor (NULL: nothing to walk), the table, and what comes next. */
enum scan_step {
    SCAN_END,
    SCAN_HERE, /* the cursor stands on the next row */
    SCAN_UP,
    SCAN_DOWN,
};

struct lmdb_scan {
    MDB_cursor *cursor;
    enum xr_table table;
    enum scan_step here; /* SCAN_HERE, or that the end is reached */
    enum scan_step step; /* which way it goes */
};

static void save_scan(struct xr_scan *scan, const struct lmdb_scan *now)
{
    scan->impl[0] = now->cursor;
    scan->impl[1] = (void *)(uintptr_t)now->table;
    scan->impl[2] = (void *)(uintptr_t)now->here;
    scan->impl[3] = (void *)(uintptr_t)now->step;
}

static struct lmdb_scan load_scan(const struct xr_scan *scan)
{
    return (struct lmdb_scan){
        .cursor = scan->impl[0],
        .table = (enum xr_table)(uintptr_t)scan->impl[1],
        .here = (enum scan_step)(uintptr_t)scan->impl[2],
        .step = (enum scan_step)(uintptr_t)scan->impl[3],
    };
}

/* Stand on the last key <= `from`, or, where `is_below`, < `from`. */
static int seek_down(MDB_cursor *cursor, MDB_val from, bool is_below)
{
    MDB_val key = from;
    MDB_val value;
    const int code = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
    if (code == MDB_NOTFOUND)
        return mdb_cursor_get(cursor, &key, &value, MDB_LAST);
    if (code != 0)
        return code;
    if (!is_below && key.mv_size == from.mv_size &&
        memcmp(key.mv_data, from.mv_data, from.mv_size) == 0)
        return 0;
    return mdb_cursor_get(cursor, &key, &value, MDB_PREV);
}

/* The first row of the floor's next table: below it is this table's last. */
static int seek_table_end(MDB_cursor *cursor, uint32_t floor, enum xr_table table)
{
    uint8_t prefix[XR_STORE_PREFIX];
    put_prefix(prefix, floor, table + 1);
    return seek_down(cursor, (MDB_val){sizeof prefix, prefix}, true);
}

static int seek(const struct xr_lmdb_tables *tables, MDB_cursor *cursor, enum xr_table table,
                MDB_val from, bool backwards)
{
    MDB_val key = from;
    MDB_val value;
    const bool is_append = xr_table_info(table)->is_append;
    const bool is_all = from.mv_size == (is_append ? 0 : XR_STORE_PREFIX);
    if (!is_all && backwards)
        return seek_down(cursor, from, false);
    if (!is_append && backwards)
        return seek_table_end(cursor, tables->trees.floor, table);
    if (is_append && is_all)
        return mdb_cursor_get(cursor, &key, &value, backwards ? MDB_LAST : MDB_FIRST);
    return mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
}

static void open_scan(struct xr_tables *handle, enum xr_table table, struct xr_bin from,
                      bool backwards, struct xr_scan *scan)
{
    struct xr_lmdb_tables *tables = (struct xr_lmdb_tables *)handle;
    XR_ASSERT(tables->txn != NULL);
    struct lmdb_scan now = {NULL, table, SCAN_END, backwards ? SCAN_DOWN : SCAN_UP};
    struct place place;
    find_place(tables, table, from, &place);
    tables->scans++;
    if (place.dbi != 0) {
        int code = mdb_cursor_open(tables->txn, place.dbi, &now.cursor);
        if (code == 0)
            code = seek(tables, now.cursor, table, place.key, backwards);
        check_read(tables, code);
        now.here = code == 0 ? SCAN_HERE : SCAN_END;
    }
    save_scan(scan, &now);
}

static bool cut_prefix(const struct xr_lmdb_tables *tables, enum xr_table table, MDB_val *key)
{
    if (xr_table_info(table)->is_append)
        return true;
    uint8_t prefix[XR_STORE_PREFIX];
    put_prefix(prefix, tables->trees.floor, table);
    if (key->mv_size < XR_STORE_PREFIX || memcmp(key->mv_data, prefix, XR_STORE_PREFIX) != 0)
        return false;
    key->mv_size -= XR_STORE_PREFIX;
    key->mv_data = (uint8_t *)key->mv_data + XR_STORE_PREFIX;
    return true;
}

static bool next_row(struct xr_tables *handle, struct xr_scan *scan, struct xr_bin *key,
                     struct xr_bin *value)
{
    static const MDB_cursor_op moves[] = {
        [SCAN_HERE] = MDB_GET_CURRENT, [SCAN_UP] = MDB_NEXT, [SCAN_DOWN] = MDB_PREV};
    struct xr_lmdb_tables *tables = (struct xr_lmdb_tables *)handle;
    struct lmdb_scan now = load_scan(scan);
    MDB_val k;
    MDB_val v;
    if (now.here == SCAN_END)
        return false;
    const int code = mdb_cursor_get(now.cursor, &k, &v, moves[now.here]);
    check_read(tables, code);
    const bool is_row = code == 0 && cut_prefix(tables, now.table, &k);
    now.here = is_row ? now.step : SCAN_END;
    save_scan(scan, &now);
    if (!is_row)
        return false;
    *key = xr_lmdb_bin(k);
    *value = xr_lmdb_bin(v);
    return true;
}

static void close_scan(struct xr_tables *handle, struct xr_scan *scan)
{
    struct xr_lmdb_tables *tables = (struct xr_lmdb_tables *)handle;
    XR_ASSERT(tables->scans > 0);
    tables->scans--;
    if (scan->impl[0] != NULL)
        mdb_cursor_close(scan->impl[0]);
    scan->impl[0] = NULL;
}

/* ---- writing -------------------------------------------------------------------------------- */

/* The writer's handle, or NULL where the transaction has failed. */
static struct xr_lmdb_tables *start_write(struct xr_tables *handle)
{
    struct xr_lmdb_tables *tables = (struct xr_lmdb_tables *)handle;
    XR_ASSERT(!handle->read_only);
    XR_ASSERT(tables->txn != NULL);
    XR_ASSERT(tables->scans == 0);
    handle->failed = tables->store->failed;
    return handle->failed == XR_OK ? tables : NULL;
}

/* Make the tree of an APPEND table. Readers see it after the commit. */
static int make_tree(struct xr_lmdb_tables *tables, enum xr_table_slot slot)
{
    char name[64];
    (void)snprintf(name, sizeof name, "%s.%08x", xr_table_of_slot(slot)->name,
                   (unsigned)tables->trees.floor);
    const int code = mdb_dbi_open(tables->txn, name, MDB_CREATE, &tables->trees.dbi[slot]);
    if (code != 0)
        tables->trees.dbi[slot] = 0;
    else
        tables->has_new = true;
    return code;
}

/*
 * Cursors stay open over a batch: rows are written in the order of their keys, as settle does,
 * without a descent for each; and journal rows behind each other. They are closed before anything
 * else changes their tree, so that LMDB never has to repair them.
 */
static void close_tail(struct xr_lmdb_tables *tables, enum xr_table_slot slot)
{
    if (tables->tail[slot] != NULL)
        mdb_cursor_close(tables->tail[slot]);
    tables->tail[slot] = NULL;
}

static int put_to_rows(struct xr_lmdb_tables *tables, MDB_val *key, MDB_val *value)
{
    struct xr_store *store = tables->store;
    int code = 0;
    if (store->row == NULL)
        code = mdb_cursor_open(store->txn, store->rows, &store->row);
    if (code == 0)
        code = mdb_cursor_put(store->row, key, value, 0);
    return code;
}

static int put_to_tree(struct xr_lmdb_tables *tables, enum xr_table_slot slot, MDB_val *key,
                       MDB_val *value)
{
    close_tail(tables, slot);
    int code = tables->trees.dbi[slot] == 0 ? make_tree(tables, slot) : 0;
    if (code == 0)
        code = mdb_put(tables->txn, tables->trees.dbi[slot], key, value, 0);
    return code;
}

static void put_row(struct xr_tables *handle, enum xr_table table, struct xr_bin key,
                    struct xr_bin value)
{
    struct xr_lmdb_tables *tables = start_write(handle);
    if (tables == NULL)
        return;
    const struct xr_table_info *info = xr_table_info(table);
    struct place place;
    MDB_val bytes = xr_lmdb_val(value);
    find_place(tables, table, key, &place);
    const int code = info->is_append ? put_to_tree(tables, info->slot, &place.key, &bytes)
                                     : put_to_rows(tables, &place.key, &bytes);
    if (code != 0)
        xr_lmdb_fail(tables->store, tables, "put", code);
}

static void append_row(struct xr_tables *handle, enum xr_table table, struct xr_bin key,
                       struct xr_bin value)
{
    struct xr_lmdb_tables *tables = start_write(handle);
    if (tables == NULL)
        return;
    const struct xr_table_info *info = xr_table_info(table);
    XR_ASSERT(info->is_append);
    XR_ASSERT(key.size >= 1);
    XR_ASSERT(key.size <= XR_KEY_MAX);
    MDB_val k = xr_lmdb_val(key);
    MDB_val v = xr_lmdb_val(value);
    MDB_cursor **tail = &tables->tail[info->slot];
    int code = tables->trees.dbi[info->slot] == 0 ? make_tree(tables, info->slot) : 0;
    if (code == 0 && *tail == NULL)
        code = mdb_cursor_open(tables->txn, tables->trees.dbi[info->slot], tail);
    if (code == 0)
        code = mdb_cursor_put(*tail, &k, &v, MDB_APPEND);
    XR_ASSERT(code != MDB_KEYEXIST);
    if (code != 0)
        xr_lmdb_fail(tables->store, tables, "append", code);
}

static void delete_row(struct xr_tables *handle, enum xr_table table, struct xr_bin key)
{
    struct xr_lmdb_tables *tables = start_write(handle);
    if (tables == NULL)
        return;
    const struct xr_table_info *info = xr_table_info(table);
    struct place place;
    find_place(tables, table, key, &place);
    if (place.dbi == 0 || place.key.mv_size == 0)
        return;
    if (info->is_append) {
        close_tail(tables, info->slot);
    } else if (tables->store->row != NULL) {
        mdb_cursor_close(tables->store->row);
        tables->store->row = NULL;
    }
    const int code = mdb_del(tables->txn, place.dbi, &place.key, NULL);
    if (code != 0 && code != MDB_NOTFOUND)
        xr_lmdb_fail(tables->store, tables, "delete", code);
}

static const struct xr_tables_ops lmdb_ops = {
    .get = get_row,
    .put = put_row,
    .append = append_row,
    .del = delete_row,
    .scan_open = open_scan,
    .scan_next = next_row,
    .scan_close = close_scan,
};

/* ---- handles -------------------------------------------------------------------------------- */

void xr_lmdb_tables_end(struct xr_lmdb_tables *tables)
{
    XR_ASSERT(tables->scans == 0);
    for (enum xr_table_slot slot = 0; slot < XR_SLOT_COUNT; slot++)
        close_tail(tables, slot);
    tables->txn = NULL;
}

/* Where `floor` is or would be. */
static size_t find_floor(const struct xr_lmdb_floors *floors, uint32_t floor)
{
    size_t low = 0;
    size_t high = floors->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (floors->at[middle]->trees.floor < floor)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool has_room_for_one(void **list, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity)
        return true;
    const size_t wanted = *capacity == 0 ? 8 : *capacity * 2;
    void *grown = xr_mem_grow(*list, wanted * size);
    if (grown == NULL)
        return false;
    *list = grown;
    *capacity = wanted;
    return true;
}

struct xr_lmdb_tables *xr_lmdb_floor(struct xr_lmdb_floors *floors, struct xr_store *store,
                                     uint32_t floor)
{
    const size_t index = find_floor(floors, floor);
    if (index < floors->count && floors->at[index]->trees.floor == floor)
        return floors->at[index];
    void *list = floors->at;
    /* NOLINTNEXTLINE(bugprone-sizeof-expression): they are pointers */
    if (!has_room_for_one(&list, floors->count, &floors->capacity, sizeof *floors->at))
        return NULL;
    floors->at = list;
    struct xr_lmdb_tables *tables = xr_mem_zero(1, sizeof *tables);
    if (tables == NULL)
        return NULL;
    tables->tables.ops = &lmdb_ops;
    tables->store = store;
    tables->trees.floor = floor;
    memmove(&floors->at[index + 1], &floors->at[index],
            /* NOLINTNEXTLINE(bugprone-sizeof-expression): they are pointers */
            (floors->count - index) * sizeof *floors->at);
    floors->at[index] = tables;
    floors->count++;
    return tables;
}

void xr_lmdb_floors_fini(struct xr_lmdb_floors *floors)
{
    for (size_t i = 0; i < floors->count; i++)
        xr_mem_free(floors->at[i]);
    xr_mem_free(floors->at);
    *floors = (struct xr_lmdb_floors){NULL, 0, 0};
}

/* ---- published trees ------------------------------------------------------------------------ */

struct xr_trees xr_lmdb_trees(struct xr_store *store, uint32_t floor, uint64_t born)
{
    struct xr_trees found = {.floor = floor};
    (void)pthread_mutex_lock(&store->mutex);
    for (size_t i = 0; i < store->trees_count; i++) {
        if (store->trees[i].floor == floor)
            found = store->trees[i];
    }
    (void)pthread_mutex_unlock(&store->mutex);
    for (size_t slot = 0; slot < XR_SLOT_COUNT; slot++) {
        if (found.born[slot] > born)
            found.dbi[slot] = 0;
    }
    return found;
}

/* The published trees of a floor; a new entry where there is none. Under the mutex. */
static struct xr_trees *find_published(struct xr_store *store, uint32_t floor)
{
    for (size_t i = 0; i < store->trees_count; i++) {
        if (store->trees[i].floor == floor)
            return &store->trees[i];
    }
    void *list = store->trees;
    /* The trees are on disk: without memory to name them the process cannot go on. */
    XR_ASSERT(
        has_room_for_one(&list, store->trees_count, &store->trees_capacity, sizeof *store->trees));
    store->trees = list;
    struct xr_trees *added = &store->trees[store->trees_count++];
    *added = (struct xr_trees){.floor = floor};
    return added;
}

void xr_lmdb_publish(struct xr_store *store, const struct xr_trees *trees)
{
    struct xr_trees *published = find_published(store, trees->floor);
    store->born++;
    for (size_t slot = 0; slot < XR_SLOT_COUNT; slot++) {
        if (trees->dbi[slot] == 0 || published->dbi[slot] != 0)
            continue;
        published->dbi[slot] = trees->dbi[slot];
        published->born[slot] = store->born;
    }
}
