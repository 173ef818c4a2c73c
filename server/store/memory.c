/*
 * Tables in memory, for tests and simulation: a skip list for each table.
 *
 * What get and scans hand out are copies in a scratch, filled with 0xa5 by the next write (a
 * scan's row also when it moves on), so that a pointer kept too long shows at once, although rows
 * here would stand still.
 *
 * Stands where a disk would: memory is taken with malloc, not under xr_mem's failure point, and
 * its lack ends the process. Heights come from a fixed generator: equal calls, equal lists.
 */
#include "store/store.h"
#include "store/table.h"

#include <stdlib.h>
#include <string.h>

#define HEIGHT_MAX         16 /* a quarter of the rows go up each time: 4^16 rows */
#define SCRATCH_BLOCK_SIZE (64u * 1024)
#define POISON             0xa5

struct row {
    uint8_t *value;
    uint32_t value_size;
    uint16_t key_size;
    uint8_t height;
    struct row *back;   /* the row before; NULL before the first */
    struct row *next[]; /* `height` of them, and the key behind them */
};

struct list {
    struct row *first[HEIGHT_MAX];
    struct row *last[HEIGHT_MAX]; /* of each height: appending looks for nothing */
};

struct block {
    struct block *next;
    size_t size;
    size_t used;
    uint8_t bytes[];
};

struct memory_tables {
    struct xr_tables tables; /* first */
    struct list lists[XR_TABLE_COUNT];
    struct block *scratch;
    uint64_t draw;
    int64_t writes_left; /* -1: any number */
    uint32_t scans;
};

static void *take_memory(size_t size)
{
    void *memory = malloc(size);
    XR_ASSERT(memory != NULL);
    return memory;
}

static struct memory_tables *of_handle(struct xr_tables *tables)
{
    return (struct memory_tables *)tables;
}

/* ---- rows and lists ------------------------------------------------------------------------- */

static uint8_t *row_key(struct row *row)
{
    return (uint8_t *)&row->next[row->height];
}

static int compare_row(struct row *row, struct xr_bin key)
{
    const size_t common = row->key_size < key.size ? row->key_size : key.size;
    const int order = common > 0 ? memcmp(row_key(row), key.at, common) : 0;
    if (order != 0)
        return order;
    return (row->key_size > key.size) - (row->key_size < key.size);
}

/* xorshift64*: a quarter of the rows are higher than 1, a sixteenth than 2, and so on. */
static uint8_t draw_height(struct memory_tables *memory)
{
    memory->draw ^= memory->draw >> 12;
    memory->draw ^= memory->draw << 25;
    memory->draw ^= memory->draw >> 27;
    uint64_t bits = memory->draw * UINT64_C(2685821657736338717);
    uint8_t height = 1;
    while (height < HEIGHT_MAX && bits >> 62 == 0) {
        bits <<= 2;
        height++;
    }
    return height;
}

static struct row *new_row(struct memory_tables *memory, struct xr_bin key)
{
    const uint8_t height = draw_height(memory);
    XR_ASSERT(height > 0);
    /* NOLINTNEXTLINE(bugprone-sizeof-expression): they are pointers */
    struct row *row = take_memory(sizeof *row + height * sizeof row->next[0] + key.size);
    row->value = NULL;
    row->value_size = 0;
    row->key_size = (uint16_t)key.size;
    row->height = height;
    if (key.size > 0)
        memcpy(row_key(row), key.at, key.size);
    return row;
}

static void set_value(struct row *row, struct xr_bin value)
{
    if (row->value == NULL || row->value_size != value.size) {
        free(row->value);
        row->value = take_memory(value.size > 0 ? value.size : 1);
    }
    if (value.size > 0)
        memcpy(row->value, value.at, value.size);
    row->value_size = value.size;
}

static void free_row(struct row *row)
{
    free(row->value);
    free(row);
}

static struct row *next_of(struct list *list, struct row *row, unsigned level)
{
    return row == NULL ? list->first[level] : row->next[level];
}

/* The last row before `key` at each height; NULL: the list's beginning. */
static void find_before(struct list *list, struct xr_bin key, struct row *before[HEIGHT_MAX])
{
    struct row *row = NULL;
    for (unsigned level = HEIGHT_MAX; level-- > 0;) {
        struct row *next = next_of(list, row, level);
        while (next != NULL && compare_row(next, key) < 0) {
            row = next;
            next = row->next[level];
        }
        before[level] = row;
    }
}

/* The first row >= key. */
static struct row *find_row(struct list *list, struct xr_bin key)
{
    struct row *before[HEIGHT_MAX];
    find_before(list, key, before);
    return next_of(list, before[0], 0);
}

static void link_row(struct list *list, struct row *row, struct row *before[HEIGHT_MAX])
{
    row->back = before[0];
    for (unsigned level = 0; level < row->height; level++) {
        row->next[level] = next_of(list, before[level], level);
        if (before[level] == NULL)
            list->first[level] = row;
        else
            before[level]->next[level] = row;
        if (row->next[level] == NULL)
            list->last[level] = row;
    }
    if (row->next[0] != NULL)
        row->next[0]->back = row;
}

static void unlink_row(struct list *list, struct row *row, struct row *before[HEIGHT_MAX])
{
    for (unsigned level = 0; level < row->height; level++) {
        if (before[level] == NULL)
            list->first[level] = row->next[level];
        else
            before[level]->next[level] = row->next[level];
        if (row->next[level] == NULL)
            list->last[level] = before[level];
    }
    if (row->next[0] != NULL)
        row->next[0]->back = row->back;
}

/* ---- the scratch ---------------------------------------------------------------------------- */

static uint8_t *take_scratch(struct memory_tables *memory, size_t size)
{
    struct block *block = memory->scratch;
    if (block == NULL || block->size - block->used < size) {
        const size_t room = size > SCRATCH_BLOCK_SIZE ? size : SCRATCH_BLOCK_SIZE;
        block = take_memory(sizeof *block + room);
        block->next = memory->scratch;
        block->size = room;
        block->used = 0;
        memory->scratch = block;
    }
    uint8_t *at = block->bytes + block->used;
    block->used += size;
    return at;
}

/* All that was handed out is over. One block is kept, with its poison. */
static void poison_scratch(struct memory_tables *memory)
{
    struct block *block = memory->scratch;
    if (block == NULL)
        return;
    while (block->next != NULL) {
        struct block *next = block->next;
        free(block);
        block = next;
    }
    memset(block->bytes, POISON, block->used);
    block->used = 0;
    memory->scratch = block;
}

static struct xr_bin copy_out(uint8_t *to, const uint8_t *bytes, size_t size)
{
    if (size > 0)
        memcpy(to, bytes, size);
    return (struct xr_bin){to, (uint32_t)size};
}

/* ---- reading -------------------------------------------------------------------------------- */

static struct list *find_list(struct memory_tables *memory, enum xr_table table)
{
    (void)xr_table_info(table);
    return &memory->lists[table];
}

static enum xr_status get_row(struct xr_tables *handle, enum xr_table table, struct xr_bin key,
                              struct xr_bin *out)
{
    struct memory_tables *memory = of_handle(handle);
    XR_ASSERT(key.size <= XR_KEY_MAX);
    if (handle->failed != XR_OK)
        return XR_NONE;
    struct row *row = find_row(find_list(memory, table), key);
    if (row == NULL || compare_row(row, key) != 0)
        return XR_NONE;
    *out = copy_out(take_scratch(memory, row->value_size), row->value, row->value_size);
    return XR_OK;
}

/* A scan's memory: the next row, where the last one's copy stands and how much room it has. */
struct memory_scan {
    struct row *next;
    uint8_t *copy;
    size_t room;
    bool backwards;
};

static void save_scan(struct xr_scan *scan, const struct memory_scan *now)
{
    scan->impl[0] = now->next;
    scan->impl[1] = now->copy;
    scan->impl[2] = (void *)(uintptr_t)now->room;
    scan->impl[3] = (void *)(uintptr_t)now->backwards;
}

static struct memory_scan load_scan(const struct xr_scan *scan)
{
    return (struct memory_scan){
        .next = scan->impl[0],
        .copy = scan->impl[1],
        .room = (size_t)(uintptr_t)scan->impl[2],
        .backwards = scan->impl[3] != NULL,
    };
}

static void open_scan(struct xr_tables *handle, enum xr_table table, struct xr_bin from,
                      bool backwards, struct xr_scan *scan)
{
    struct memory_tables *memory = of_handle(handle);
    struct list *list = find_list(memory, table);
    struct memory_scan now = {.backwards = backwards};
    XR_ASSERT(from.size <= XR_KEY_MAX);
    if (handle->failed != XR_OK) {
        now.next = NULL;
    } else if (!backwards) {
        now.next = find_row(list, from);
    } else if (from.size == 0) {
        now.next = list->last[0];
    } else {
        struct row *row = find_row(list, from);
        const bool is_exact = row != NULL && compare_row(row, from) == 0;
        now.next = is_exact ? row : row != NULL ? row->back : list->last[0];
    }
    memory->scans++;
    save_scan(scan, &now);
}

static bool next_row(struct xr_tables *handle, struct xr_scan *scan, struct xr_bin *key,
                     struct xr_bin *value)
{
    struct memory_tables *memory = of_handle(handle);
    struct memory_scan now = load_scan(scan);
    struct row *row = now.next;
    if (now.copy != NULL)
        memset(now.copy, POISON, now.room);
    if (row == NULL)
        return false;
    const size_t size = (size_t)row->key_size + row->value_size;
    if (size > now.room || now.copy == NULL) {
        now.room = size * 2 + 64;
        now.copy = take_scratch(memory, now.room);
    }
    *key = copy_out(now.copy, row_key(row), row->key_size);
    *value = copy_out(now.copy + row->key_size, row->value, row->value_size);
    now.next = now.backwards ? row->back : row->next[0];
    save_scan(scan, &now);
    return true;
}

static void close_scan(struct xr_tables *handle, struct xr_scan *scan)
{
    struct memory_tables *memory = of_handle(handle);
    XR_ASSERT(memory->scans > 0);
    memory->scans--;
    scan->impl[0] = NULL;
}

/* ---- writing -------------------------------------------------------------------------------- */

/* False: the handle has failed, now or before. */
static bool start_write(struct memory_tables *memory)
{
    XR_ASSERT(!memory->tables.read_only);
    XR_ASSERT(memory->scans == 0);
    poison_scratch(memory);
    if (memory->tables.failed != XR_OK)
        return false;
    if (memory->writes_left == 0) {
        memory->tables.failed = XR_STORAGE;
        return false;
    }
    if (memory->writes_left > 0)
        memory->writes_left--;
    return true;
}

static void put_row(struct xr_tables *handle, enum xr_table table, struct xr_bin key,
                    struct xr_bin value)
{
    struct memory_tables *memory = of_handle(handle);
    struct list *list = find_list(memory, table);
    struct row *before[HEIGHT_MAX];
    XR_ASSERT(key.size <= XR_KEY_MAX);
    if (!start_write(memory))
        return;
    find_before(list, key, before);
    struct row *row = next_of(list, before[0], 0);
    if (row == NULL || compare_row(row, key) != 0) {
        row = new_row(memory, key);
        link_row(list, row, before);
    }
    set_value(row, value);
}

static void append_row(struct xr_tables *handle, enum xr_table table, struct xr_bin key,
                       struct xr_bin value)
{
    struct memory_tables *memory = of_handle(handle);
    struct list *list = find_list(memory, table);
    struct row *before[HEIGHT_MAX];
    XR_ASSERT(xr_table_info(table)->is_append);
    XR_ASSERT(key.size >= 1);
    XR_ASSERT(key.size <= XR_KEY_MAX);
    if (!start_write(memory))
        return;
    memcpy(before, list->last, sizeof before);
    if (before[0] != NULL)
        XR_ASSERT(compare_row(before[0], key) < 0);
    struct row *row = new_row(memory, key);
    link_row(list, row, before);
    set_value(row, value);
}

static void delete_row(struct xr_tables *handle, enum xr_table table, struct xr_bin key)
{
    struct memory_tables *memory = of_handle(handle);
    struct list *list = find_list(memory, table);
    struct row *before[HEIGHT_MAX];
    XR_ASSERT(key.size <= XR_KEY_MAX);
    if (!start_write(memory))
        return;
    find_before(list, key, before);
    struct row *row = next_of(list, before[0], 0);
    if (row == NULL || compare_row(row, key) != 0)
        return;
    unlink_row(list, row, before);
    free_row(row);
}

static const struct xr_tables_ops memory_ops = {
    .get = get_row,
    .put = put_row,
    .append = append_row,
    .del = delete_row,
    .scan_open = open_scan,
    .scan_next = next_row,
    .scan_close = close_scan,
};

/* ---- the whole ------------------------------------------------------------------------------ */

struct xr_tables *xr_memory_tables_new(void)
{
    struct memory_tables *memory = calloc(1, sizeof *memory);
    XR_ASSERT(memory != NULL);
    memory->tables.ops = &memory_ops;
    memory->draw = UINT64_C(0x9e3779b97f4a7c15);
    memory->writes_left = -1;
    return &memory->tables;
}

void xr_memory_tables_free(struct xr_tables *tables)
{
    if (tables == NULL)
        return;
    struct memory_tables *memory = of_handle(tables);
    for (size_t table = 0; table < XR_TABLE_COUNT; table++) {
        struct row *row = memory->lists[table].first[0];
        while (row != NULL) {
            struct row *next = row->next[0];
            free_row(row);
            row = next;
        }
    }
    while (memory->scratch != NULL) {
        struct block *block = memory->scratch;
        memory->scratch = block->next;
        free(block);
    }
    free(memory);
}

void xr_memory_tables_fail_after(struct xr_tables *tables, int64_t writes)
{
    of_handle(tables)->writes_left = writes;
    if (writes < 0)
        tables->failed = XR_OK;
}
