/*
 * The insides of the store on LMDB, private to server/store.
 *
 *     lmdb.c         opening, the write transaction, failures, figures
 *     lmdb_tables.c  the table operations, of writer and readers alike
 *     lmdb_reader.c  read transactions
 *
 * Threads. The writer's part of `struct xr_store` belongs to whoever holds the write transaction.
 * What readers look at (the published trees, the pool of idle readers) stands below `mutex`.
 *
 * Trees of floors. LMDB gives a tree a number (a handle) inside the write transaction that makes
 * it; others may use that number once the transaction has been committed, in transactions begun
 * after that. So a new floor's handles stay with the writer until the commit, are then published
 * with a rising number, and a reader takes only what was published before it began. A commit that
 * makes trees holds the mutex until they are published, and a reader begins under it: otherwise a
 * reader that begins in between would see the rows of a floor and not its journal.
 */
#ifndef XR_STORE_LMDB_H
#define XR_STORE_LMDB_H

#include <lmdb.h>
#include <pthread.h>

#include "store/store.h"
#include "store/table.h"

#define XR_STORE_FORMAT      1
#define XR_STORE_TREES_MAX   1024 /* rows, log, meta, and the trees of floors */
#define XR_STORE_READERS_MAX 254
#define XR_STORE_PREFIX      5 /* bytes: floor u32 big-endian, table u8 */
#define XR_STORE_IDLE_MAX    16

/* The handles of the trees of one floor; 0: there is none. */
struct xr_trees {
    uint32_t floor;
    MDB_dbi dbi[XR_SLOT_COUNT];
    uint64_t born[XR_SLOT_COUNT]; /* publication before which no reader may use it; 0: none yet */
};

/* Tables of one floor in one transaction, read or write. */
struct xr_lmdb_tables {
    struct xr_tables tables; /* first */
    struct xr_store *store;
    MDB_txn *txn;
    struct xr_trees trees;
    MDB_cursor *tail[XR_SLOT_COUNT]; /* writer: kept open for appending */
    bool has_new;                    /* writer: trees were made in this transaction */
    uint32_t scans;                  /* open ones */
};

/* Handles by floor, ascending. */
struct xr_lmdb_floors {
    struct xr_lmdb_tables **at;
    size_t count;
    size_t capacity;
};

struct xr_reader {
    struct xr_store *store;
    struct xr_reader *next; /* idle */
    MDB_txn *txn;
    uint64_t born; /* publications up to here are this reader's */
    struct xr_lmdb_floors floors;
};

struct xr_store {
    MDB_env *env;
    MDB_dbi rows;
    MDB_dbi log;
    MDB_dbi meta;
    int owner; /* descriptor of the file that says who writes; -1 where read-only */
    uint64_t reserve_bytes;
    uint64_t map_pages;
    uint64_t reserve_pages;
    uint64_t page_bytes;
    char *directory;

    /* the writer's */
    MDB_txn *txn; /* NULL: none open */
    MDB_cursor *row;
    enum xr_status failed;
    struct xr_lmdb_floors floors;
    int64_t checked_s; /* when dead readers were last looked for */

    pthread_mutex_t mutex;
    struct xr_trees *trees; /* ascending */
    size_t trees_count;
    size_t trees_capacity;
    uint64_t born;
    struct xr_reader *idle;
    size_t idle_count;
    uint64_t readers; /* open ones */
};

/*
 * What became of a failed call of LMDB: XR_STORAGE where room was lacking; anything else ends the
 * process, with `what` and the reason on standard error.
 */
enum xr_status xr_lmdb_failure(struct xr_store *store, const char *what, int code);

/* Remember why the write transaction is lost; `tables` may be NULL. */
void xr_lmdb_fail(struct xr_store *store, struct xr_lmdb_tables *tables, const char *what,
                  int code);

/* The handle of a floor in a sorted list, made where there is none. NULL: no memory. */
struct xr_lmdb_tables *xr_lmdb_floor(struct xr_lmdb_floors *floors, struct xr_store *store,
                                     uint32_t floor);
void xr_lmdb_floors_fini(struct xr_lmdb_floors *floors);

/* The trees of a floor that were published up to `born`. */
struct xr_trees xr_lmdb_trees(struct xr_store *store, uint32_t floor, uint64_t born);

/* Publish the trees that a committed transaction has made. Under the mutex, or while opening. */
void xr_lmdb_publish(struct xr_store *store, const struct xr_trees *trees);

/* End what a handle holds open, before its transaction ends. Scans must be closed (asserted). */
void xr_lmdb_tables_end(struct xr_lmdb_tables *tables);

void xr_reader_free(struct xr_reader *reader);

static inline MDB_val xr_lmdb_val(struct xr_bin bytes)
{
    return (MDB_val){bytes.size, (void *)(uintptr_t)bytes.at};
}

static inline struct xr_bin xr_lmdb_bin(MDB_val val)
{
    return (struct xr_bin){val.mv_data, (uint32_t)val.mv_size};
}

#endif
