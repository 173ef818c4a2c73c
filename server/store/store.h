/*
 * The store: a floor's tables on LMDB, or in memory for tests and simulation. Layout: FORMAT.md.
 *
 * The LMDB store is one environment. One thread at a time holds the write transaction (the floor
 * thread); any number of reader threads hold short read transactions, one each.
 */
#ifndef XR_STORE_STORE_H
#define XR_STORE_STORE_H

#include "floor/tables.h"
#include "proto/mem.h"

struct xr_store;

struct xr_store_options {
    const char *directory;  /* made with mode 0700 where it is missing */
    uint64_t map_bytes;     /* address space, default 64 GiB; tests take little */
    uint64_t reserve_bytes; /* writes are refused below this much free room; default 64 MiB */
    bool relaxed;           /* MDB_NOMETASYNC */
    bool read_only;
    bool is_still; /* with read_only: nobody writes it, so no lock.mdb is made: for copies */
};

/* XR_OK, XR_IO (errno says why), XR_CORRUPT (not a store of ours, or another version), XR_BUSY
 * (another process has it open for writing), XR_NOMEM. */
enum xr_status xr_store_open(const struct xr_store_options *options,
                             struct xr_store **out) XR_MUST_USE;
void xr_store_close(struct xr_store *store); /* NULL is fine */

/* ---- writing: one batch, one transaction, one thread ---- */

/* XR_OK; XR_STORAGE: below the reserve. */
enum xr_status xr_store_begin(struct xr_store *store) XR_MUST_USE;
/* The tables of a floor inside the open write transaction; lives until commit or abort. */
struct xr_tables *xr_store_tables(struct xr_store *store, uint32_t floor);
/* XR_OK: on disk (relaxed: in the log of the file system). XR_STORAGE: no room, nothing written.
 * Any other failure of a write or sync aborts the process. */
enum xr_status xr_store_commit(struct xr_store *store) XR_MUST_USE;
void xr_store_abort(struct xr_store *store);
/* Sticky failure of any table handle or log write of this transaction; XR_OK. */
enum xr_status xr_store_failed(struct xr_store *store);

/* The engine's own rows, inside the write transaction (log and meta); sticky like tables. */
void xr_store_log_append(struct xr_store *store, uint64_t batch_no, struct xr_bin batch);
void xr_store_log_delete(struct xr_store *store, uint64_t batch_no);
void xr_store_meta_put(struct xr_store *store, struct xr_bin value);

/* ---- reading: any thread, one reader at a time each ---- */

struct xr_reader;
/* XR_OK; XR_BUSY: as many are open as there may be (254 over all processes); XR_NOMEM. */
enum xr_status xr_reader_open(struct xr_store *store, struct xr_reader **out) XR_MUST_USE;
struct xr_tables *xr_reader_tables(struct xr_reader *reader, uint32_t floor); /* read-only */
/* Numbers of the floors there are, ascending, up to `room`; returns how many there are. */
size_t xr_reader_floors(struct xr_reader *reader, uint32_t *out, size_t room);
enum xr_status xr_reader_meta(struct xr_reader *reader, struct xr_bin *out) XR_MUST_USE;
/* First and last batch number of the log, 0 and 0 where it is empty. */
void xr_reader_log_span(struct xr_reader *reader, uint64_t *first, uint64_t *last);
enum xr_status xr_reader_log(struct xr_reader *reader, uint64_t batch_no,
                             struct xr_bin *out) XR_MUST_USE;
void xr_reader_close(struct xr_reader *reader);

/* Figures. */
struct xr_store_figures {
    uint64_t used_bytes; /* of the file */
    uint64_t map_bytes;
    uint64_t free_bytes; /* of the file system */
    uint64_t readers;
};
void xr_store_figures(struct xr_store *store, struct xr_store_figures *out);

/* ---- in memory: one floor, no files, no threads ---- */

struct xr_tables *xr_memory_tables_new(void) XR_MUST_USE;
void xr_memory_tables_free(struct xr_tables *tables);
/* A digest of all rows in order: equal tables, equal digest. Works on any handle. */
void xr_tables_digest(struct xr_tables *tables, uint8_t out[32]);
/* Tests: after n more writes the handle fails with XR_STORAGE; -1: never, and it is well again. */
void xr_memory_tables_fail_after(struct xr_tables *tables, int64_t writes);

#endif
