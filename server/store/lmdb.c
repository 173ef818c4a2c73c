/*
 * The store on LMDB: opening, the write transaction, failures.
 *
 * Opening: make the directory, take the file `owner` (who writes), open the environment, make or
 * check the trees rows, log and meta, compare the format, compare the file's size with what its
 * newest meta page says, open the trees of all floors.
 *
 * A batch: begin (room is looked at), writes through the floors' tables and the log, commit, and
 * the trees of new floors are published. A write that finds no room makes the transaction fail
 * for good: later writes do nothing, commit drops it.
 *
 * What fails, and what is done:
 *     no room on the file system, or in the map, before a batch   begin says XR_STORAGE
 *     no room in the middle, or at the commit                     the batch is dropped, XR_STORAGE
 *     any other failed write or sync                              abort(): a sync is not tried
 * again
 *
 * A process opens a store once, also read-only, and does not fork with it open (LMDB's rules).
 */
#include "store/lmdb.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#define MAP_BYTES_DEFAULT     (UINT64_C(64) << 30)
#define RESERVE_BYTES_DEFAULT (UINT64_C(64) << 20)
#define LOW_BYTES             (UINT64_C(1) << 20) /* a failed write with less free: lack of room */
#define READERS_CHECK_S       10

static const char format_key[] = "format";
static const char engine_key[] = "engine";

static MDB_val text_val(const char *text)
{
    return (MDB_val){strlen(text), (void *)(uintptr_t)text};
}

/* ---- failures ------------------------------------------------------------------------------- */

static uint64_t count_free_bytes(const struct xr_store *store)
{
    struct statvfs fs;
    if (statvfs(store->directory, &fs) != 0)
        return UINT64_MAX; /* the write itself will tell */
    return (uint64_t)fs.f_bavail * fs.f_frsize;
}

static bool is_lack_of_room(const struct xr_store *store, int code)
{
    if (code == MDB_MAP_FULL || code == MDB_DBS_FULL || code == ENOSPC || code == EDQUOT)
        return true;
    if (code != EIO) /* LMDB's name for a short write */
        return false;
    const uint64_t low = store->reserve_bytes > LOW_BYTES ? store->reserve_bytes : LOW_BYTES;
    return count_free_bytes(store) < low;
}

enum xr_status xr_lmdb_failure(struct xr_store *store, const char *what, int code)
{
    if (is_lack_of_room(store, code))
        return XR_STORAGE;
    (void)fprintf(stderr, "event=store_failed what=%s code=%d reason=\"%s\" directory=\"%s\"\n",
                  what, code, mdb_strerror(code), store->directory);
    abort();
}

void xr_lmdb_fail(struct xr_store *store, struct xr_lmdb_tables *tables, const char *what, int code)
{
    const enum xr_status status = xr_lmdb_failure(store, what, code);
    if (store->failed == XR_OK)
        store->failed = status;
    if (tables != NULL)
        tables->tables.failed = status;
}

/* ---- opening -------------------------------------------------------------------------------- */

static enum xr_status status_of_open(int code)
{
    switch (code) {
    case 0:
        return XR_OK;
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INCOMPATIBLE:
    case MDB_NOTFOUND:
    case MDB_PANIC:
        return XR_CORRUPT;
    case ENOMEM:
        return XR_NOMEM;
    case MDB_MAP_FULL:
        errno = ENOSPC;
        return XR_IO;
    default:
        errno = code > 0 ? code : EIO;
        return XR_IO;
    }
}

static enum xr_status sync_directory(const char *path)
{
    const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return XR_IO;
    const int failed = fsync(fd);
    const int reason = errno;
    (void)close(fd);
    errno = reason;
    return failed == 0 ? XR_OK : XR_IO;
}

/* LMDB does not sync directories: without this a power cut may take the whole new store. */
static enum xr_status sync_names(const struct xr_store *store)
{
    char parent[4096];
    const int size = snprintf(parent, sizeof parent, "%s/..", store->directory);
    if (size < 0 || (size_t)size >= sizeof parent) {
        errno = ENAMETOOLONG;
        return XR_IO;
    }
    const enum xr_status status = sync_directory(store->directory);
    return status == XR_OK ? sync_directory(parent) : status;
}

/* Be the one process, and the one handle, that writes. */
static enum xr_status take_ownership(struct xr_store *store)
{
    if (mkdir(store->directory, 0700) != 0 && errno != EEXIST)
        return XR_IO;
    char path[4096];
    const int size = snprintf(path, sizeof path, "%s/owner", store->directory);
    if (size < 0 || (size_t)size >= sizeof path) {
        errno = ENAMETOOLONG;
        return XR_IO;
    }
    store->owner = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (store->owner < 0)
        return XR_IO;
    if (flock(store->owner, LOCK_EX | LOCK_NB) == 0)
        return XR_OK;
    return errno == EWOULDBLOCK ? XR_BUSY : XR_IO;
}

static enum xr_status open_environment(struct xr_store *store,
                                       const struct xr_store_options *options)
{
    /* A reader takes the map's size from the file, which a server may have opened with more. */
    const uint64_t least = options->read_only ? 0 : MAP_BYTES_DEFAULT;
    const uint64_t map = options->map_bytes > 0 ? options->map_bytes : least;
    const unsigned flags = MDB_NOTLS | (options->relaxed ? MDB_NOMETASYNC : 0u) |
                           (options->read_only ? MDB_RDONLY : 0u) |
                           (options->read_only && options->is_still ? MDB_NOLOCK : 0u);
    int code = mdb_env_create(&store->env);
    if (code == 0 && map > 0)
        code = mdb_env_set_mapsize(store->env, map);
    if (code == 0)
        code = mdb_env_set_maxdbs(store->env, XR_STORE_TREES_MAX);
    if (code == 0)
        code = mdb_env_set_maxreaders(store->env, XR_STORE_READERS_MAX);
    if (code == 0)
        code = mdb_env_open(store->env, store->directory, flags, 0600);
    return status_of_open(code);
}

/* A file shorter than its newest meta page says would kill the process when it is read. */
static enum xr_status check_file(struct xr_store *store)
{
    MDB_stat tree;
    MDB_envinfo info;
    struct stat file;
    mdb_filehandle_t fd;
    int code = mdb_env_stat(store->env, &tree);
    if (code == 0)
        code = mdb_env_info(store->env, &info);
    if (code == 0)
        code = mdb_env_get_fd(store->env, &fd);
    if (code != 0)
        return status_of_open(code);
    if (fstat(fd, &file) != 0)
        return XR_IO;
    store->page_bytes = tree.ms_psize;
    store->map_pages = info.me_mapsize / tree.ms_psize;
    if ((uint64_t)file.st_size < (info.me_last_pgno + 1) * store->page_bytes)
        return XR_CORRUPT;
    return XR_OK;
}

static int open_fixed_trees(struct xr_store *store, MDB_txn *txn, unsigned flags)
{
    int code = mdb_dbi_open(txn, "rows", flags, &store->rows);
    if (code == 0)
        code = mdb_dbi_open(txn, "log", flags, &store->log);
    if (code == 0)
        code = mdb_dbi_open(txn, "meta", flags, &store->meta);
    return code;
}

/* Open the tree of a floor by its name, "journal.0000002a"; other names are not ours. */
static int open_floor_tree(struct xr_store *store, MDB_txn *txn, const char *name)
{
    const char *dot = strrchr(name, '.');
    unsigned floor;
    int used = 0;
    if (dot == NULL || sscanf(dot + 1, "%8x%n", &floor, &used) != 1 || used != 8 || dot[9] != '\0')
        return MDB_INVALID;
    for (enum xr_table_slot slot = 0; slot < XR_SLOT_COUNT; slot++) {
        const char *table = xr_table_of_slot(slot)->name;
        if (strlen(table) != (size_t)(dot - name) || memcmp(table, name, strlen(table)) != 0)
            continue;
        struct xr_trees trees = xr_lmdb_trees(store, floor, UINT64_MAX);
        trees.floor = floor;
        const int code = mdb_dbi_open(txn, name, 0, &trees.dbi[slot]);
        if (code == 0)
            xr_lmdb_publish(store, &trees);
        return code;
    }
    return MDB_INVALID;
}

static bool is_fixed_name(const char *name)
{
    return strcmp(name, "rows") == 0 || strcmp(name, "log") == 0 || strcmp(name, "meta") == 0;
}

static int open_floor_trees(struct xr_store *store, MDB_txn *txn)
{
    MDB_dbi names;
    MDB_cursor *cursor;
    MDB_val key;
    int code = mdb_dbi_open(txn, NULL, 0, &names);
    if (code == 0)
        code = mdb_cursor_open(txn, names, &cursor);
    if (code != 0)
        return code;
    while ((code = mdb_cursor_get(cursor, &key, NULL, MDB_NEXT)) == 0) {
        char name[64];
        if (key.mv_size >= sizeof name) {
            code = MDB_INVALID;
            break;
        }
        memcpy(name, key.mv_data, key.mv_size);
        name[key.mv_size] = '\0';
        if (is_fixed_name(name))
            continue;
        code = open_floor_tree(store, txn, name);
        if (code != 0)
            break;
    }
    mdb_cursor_close(cursor);
    return code == MDB_NOTFOUND ? 0 : code;
}

static int put_format(struct xr_store *store, MDB_txn *txn)
{
    uint8_t bytes[4];
    MDB_val key = text_val(format_key);
    MDB_val value = {sizeof bytes, bytes};
    xr_put_u32be(bytes, XR_STORE_FORMAT);
    return mdb_put(txn, store->meta, &key, &value, 0);
}

static int check_format(struct xr_store *store, MDB_txn *txn)
{
    MDB_val key = text_val(format_key);
    MDB_val value;
    const int code = mdb_get(txn, store->meta, &key, &value);
    if (code != 0)
        return code;
    if (value.mv_size != 4 || xr_get_u32be(value.mv_data) != XR_STORE_FORMAT)
        return MDB_VERSION_MISMATCH;
    return 0;
}

static bool is_empty(struct xr_store *store)
{
    MDB_stat names;
    return mdb_env_stat(store->env, &names) == 0 && names.ms_entries == 0;
}

/* One transaction: all handles of trees are made here and become everybody's with its commit. */
static enum xr_status open_trees(struct xr_store *store, bool read_only)
{
    MDB_txn *txn;
    const bool is_new = !read_only && is_empty(store);
    int code = mdb_txn_begin(store->env, NULL, read_only ? MDB_RDONLY : 0, &txn);
    if (code != 0)
        return status_of_open(code);
    code = open_fixed_trees(store, txn, is_new ? MDB_CREATE : 0);
    if (code == 0 && is_new)
        code = put_format(store, txn);
    if (code == 0)
        code = check_format(store, txn);
    if (code == 0)
        code = open_floor_trees(store, txn);
    if (code != 0) {
        mdb_txn_abort(txn);
        return status_of_open(code);
    }
    const enum xr_status status = status_of_open(mdb_txn_commit(txn));
    if (status != XR_OK || !is_new)
        return status;
    return sync_names(store);
}

static enum xr_status open_store(struct xr_store *store, const struct xr_store_options *options)
{
    enum xr_status status = options->read_only ? XR_OK : take_ownership(store);
    if (status == XR_OK)
        status = open_environment(store, options);
    if (status == XR_OK)
        status = check_file(store);
    if (status == XR_OK)
        status = open_trees(store, options->read_only);
    return status;
}

enum xr_status xr_store_open(const struct xr_store_options *options, struct xr_store **out)
{
    struct xr_store *store = xr_mem_zero(1, sizeof *store);
    if (store == NULL)
        return XR_NOMEM;
    store->owner = -1;
    (void)pthread_mutex_init(&store->mutex, NULL);
    const size_t size = strlen(options->directory) + 1;
    store->directory = xr_mem_alloc(size);
    store->reserve_bytes =
        options->reserve_bytes > 0 ? options->reserve_bytes : RESERVE_BYTES_DEFAULT;
    enum xr_status status = XR_NOMEM;
    if (store->directory != NULL) {
        memcpy(store->directory, options->directory, size);
        status = open_store(store, options);
    }
    if (status != XR_OK) {
        const int reason = errno;
        xr_store_close(store);
        errno = reason;
        return status;
    }
    /* The map's own reserve; a small map (tests) keeps an eighth. */
    const uint64_t eighth = store->map_pages / 8;
    const uint64_t reserve = store->reserve_bytes / store->page_bytes;
    store->reserve_pages = reserve < eighth ? reserve : eighth;
    *out = store;
    return XR_OK;
}

void xr_store_close(struct xr_store *store)
{
    if (store == NULL)
        return;
    XR_ASSERT(store->readers == 0);
    if (store->txn != NULL)
        xr_store_abort(store);
    while (store->idle != NULL) {
        struct xr_reader *reader = store->idle;
        store->idle = reader->next;
        xr_reader_free(reader);
    }
    xr_lmdb_floors_fini(&store->floors);
    if (store->env != NULL)
        mdb_env_close(store->env);
    if (store->owner >= 0)
        (void)close(store->owner);
    (void)pthread_mutex_destroy(&store->mutex);
    xr_mem_free(store->trees);
    xr_mem_free(store->directory);
    xr_mem_free(store);
}

/* ---- the write transaction ------------------------------------------------------------------ */

/*
 * Pages of the file that nobody uses any more and the next batch may take: not those that the last
 * one gave back. LMDB shows their tree to read transactions only.
 */
static uint64_t count_reusable_pages(MDB_env *env)
{
    MDB_txn *txn;
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val value;
    uint64_t count = 0;
    const MDB_dbi free_pages = 0; /* LMDB's own tree: txn id to a counted list of pages */
    if (mdb_txn_begin(env, NULL, MDB_RDONLY, &txn) != 0)
        return 0;
    if (mdb_cursor_open(txn, free_pages, &cursor) != 0) {
        mdb_txn_abort(txn);
        return 0;
    }
    while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0) {
        size_t given_back_by;
        size_t pages;
        memcpy(&given_back_by, key.mv_data, sizeof given_back_by);
        memcpy(&pages, value.mv_data, sizeof pages);
        if (given_back_by < mdb_txn_id(txn))
            count += pages;
    }
    mdb_cursor_close(cursor);
    mdb_txn_abort(txn);
    return count;
}

/* True where the map has its reserve left, so that a batch will not run into its end. */
static bool has_map_room(struct xr_store *store)
{
    MDB_envinfo info;
    (void)mdb_env_info(store->env, &info);
    const uint64_t fresh = store->map_pages - (info.me_last_pgno + 1);
    if (fresh >= store->reserve_pages)
        return true;
    return fresh + count_reusable_pages(store->env) >= store->reserve_pages;
}

/* Give back the slots of readers whose process has died: `xiaoer check` killed in the middle. */
static void check_readers(struct xr_store *store)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    if (now.tv_sec - store->checked_s < READERS_CHECK_S)
        return;
    store->checked_s = now.tv_sec;
    int dead;
    (void)mdb_reader_check(store->env, &dead);
}

enum xr_status xr_store_begin(struct xr_store *store)
{
    XR_ASSERT(store->txn == NULL);
    XR_ASSERT(store->owner >= 0);
    if (count_free_bytes(store) < store->reserve_bytes)
        return XR_STORAGE;
    check_readers(store);
    const int code = mdb_txn_begin(store->env, NULL, 0, &store->txn);
    if (code != 0)
        return xr_lmdb_failure(store, "begin", code);
    store->failed = XR_OK;
    if (has_map_room(store))
        return XR_OK;
    xr_store_abort(store);
    return XR_STORAGE;
}

struct xr_tables *xr_store_tables(struct xr_store *store, uint32_t floor)
{
    XR_ASSERT(store->txn != NULL);
    struct xr_lmdb_tables *tables = xr_lmdb_floor(&store->floors, store, floor);
    if (tables == NULL)
        (void)xr_lmdb_failure(store, "tables", ENOMEM);
    XR_ASSERT(tables != NULL); /* that has ended the process */
    if (tables->txn == NULL) {
        tables->txn = store->txn;
        tables->trees = xr_lmdb_trees(store, floor, UINT64_MAX);
        tables->has_new = false;
        tables->tables.failed = store->failed;
    }
    return &tables->tables;
}

/* Close every cursor and forget the transaction in every handle. */
static void end_handles(struct xr_store *store)
{
    if (store->row != NULL)
        mdb_cursor_close(store->row);
    store->row = NULL;
    for (size_t i = 0; i < store->floors.count; i++)
        xr_lmdb_tables_end(store->floors.at[i]);
}

static bool has_new_trees(const struct xr_store *store)
{
    for (size_t i = 0; i < store->floors.count; i++) {
        if (store->floors.at[i]->has_new)
            return true;
    }
    return false;
}

static void publish_new_trees(struct xr_store *store)
{
    for (size_t i = 0; i < store->floors.count; i++) {
        struct xr_lmdb_tables *tables = store->floors.at[i];
        if (tables->has_new)
            xr_lmdb_publish(store, &tables->trees);
    }
}

static void forget_new_trees(struct xr_store *store)
{
    for (size_t i = 0; i < store->floors.count; i++)
        store->floors.at[i]->has_new = false;
}

/* Commit; with trees of new floors no reader begins before they are published. */
static int commit_and_publish(struct xr_store *store)
{
    if (!has_new_trees(store))
        return mdb_txn_commit(store->txn);
    (void)pthread_mutex_lock(&store->mutex);
    const int code = mdb_txn_commit(store->txn);
    if (code == 0)
        publish_new_trees(store);
    (void)pthread_mutex_unlock(&store->mutex);
    forget_new_trees(store);
    return code;
}

/* After a commit that failed for lack of room. Where the meta page could not be put back LMDB
 * refuses all further work: then nobody knows what is on disk, and the next start finds out. */
static void check_not_fatal(struct xr_store *store)
{
    MDB_txn *txn;
    const int code = mdb_txn_begin(store->env, NULL, MDB_RDONLY, &txn);
    if (code == MDB_PANIC)
        (void)xr_lmdb_failure(store, "commit", code);
    if (code == 0)
        mdb_txn_abort(txn);
}

enum xr_status xr_store_commit(struct xr_store *store)
{
    XR_ASSERT(store->txn != NULL);
    if (store->failed != XR_OK) {
        const enum xr_status failed = store->failed;
        xr_store_abort(store);
        return failed;
    }
    end_handles(store);
    const int code = commit_and_publish(store);
    store->txn = NULL;
    if (code == 0)
        return XR_OK;
    store->failed = xr_lmdb_failure(store, "commit", code);
    check_not_fatal(store);
    return store->failed;
}

void xr_store_abort(struct xr_store *store)
{
    XR_ASSERT(store->txn != NULL);
    end_handles(store);
    mdb_txn_abort(store->txn);
    store->txn = NULL;
    forget_new_trees(store);
}

enum xr_status xr_store_failed(struct xr_store *store)
{
    return store->failed;
}

/* ---- the engine's rows ---------------------------------------------------------------------- */

void xr_store_log_append(struct xr_store *store, uint64_t batch_no, struct xr_bin batch)
{
    XR_ASSERT(store->txn != NULL);
    if (store->failed != XR_OK)
        return;
    uint8_t number[8];
    xr_put_u64be(number, batch_no);
    MDB_val key = {sizeof number, number};
    MDB_val value = xr_lmdb_val(batch);
    const int code = mdb_put(store->txn, store->log, &key, &value, MDB_APPEND);
    XR_ASSERT(code != MDB_KEYEXIST);
    if (code != 0)
        xr_lmdb_fail(store, NULL, "log", code);
}

void xr_store_log_delete(struct xr_store *store, uint64_t batch_no)
{
    XR_ASSERT(store->txn != NULL);
    if (store->failed != XR_OK)
        return;
    uint8_t number[8];
    xr_put_u64be(number, batch_no);
    MDB_val key = {sizeof number, number};
    const int code = mdb_del(store->txn, store->log, &key, NULL);
    if (code != 0 && code != MDB_NOTFOUND)
        xr_lmdb_fail(store, NULL, "log", code);
}

void xr_store_meta_put(struct xr_store *store, struct xr_bin value)
{
    XR_ASSERT(store->txn != NULL);
    if (store->failed != XR_OK)
        return;
    MDB_val key = text_val(engine_key);
    MDB_val bytes = xr_lmdb_val(value);
    const int code = mdb_put(store->txn, store->meta, &key, &bytes, 0);
    if (code != 0)
        xr_lmdb_fail(store, NULL, "meta", code);
}

/* ---- figures -------------------------------------------------------------------------------- */

void xr_store_figures(struct xr_store *store, struct xr_store_figures *out)
{
    MDB_envinfo info;
    (void)mdb_env_info(store->env, &info);
    out->used_bytes = (info.me_last_pgno + 1) * store->page_bytes;
    out->map_bytes = info.me_mapsize;
    out->free_bytes = count_free_bytes(store);
    (void)pthread_mutex_lock(&store->mutex);
    out->readers = store->readers;
    (void)pthread_mutex_unlock(&store->mutex);
}
