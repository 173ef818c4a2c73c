/*
 * Tables as the floor sees them: ordered keys and values of one floor, nothing else. The store
 * implements them on LMDB and in memory (server/store); one contract suite holds for both.
 *
 * A handle belongs to one batch on the floor's thread (writable), or to one reader (read-only);
 * one thread uses it. Keys are 1..XR_KEY_MAX bytes here (0 for the tables with one row).
 *
 * Pointers that get or a scan hand out live until the next write to the same handle, or until the
 * scan moves on; the memory implementation poisons them then. No write while a scan is open
 * (asserted).
 *
 * A write that finds no room does not return an error: the handle remembers it, every later write
 * does nothing, every later read finds nothing, and the engine, which asks `failed` after each
 * step, drops the whole batch. What a step reads after its own writes may be missing for that
 * reason alone: it goes on with something empty.
 */
#ifndef XR_FLOOR_TABLES_H
#define XR_FLOOR_TABLES_H

#include <xiaoer/status.h>

#define XR_KEY_MAX 480 /* bytes; with the store's prefix at most 511 */

enum xr_table {
#define XR_TABLE(name, number, shape, key, value, doc) XR_TABLE_##name = (number),
#include "floor/table.def"
#undef XR_TABLE
    XR_TABLE_COUNT
};

struct xr_tables;

/* An open scan: caller's memory, opaque. */
struct xr_scan {
    void *impl[8];
};

struct xr_tables_ops {
    enum xr_status (*get)(struct xr_tables *, enum xr_table, struct xr_bin key, struct xr_bin *out);
    void (*put)(struct xr_tables *, enum xr_table, struct xr_bin key, struct xr_bin value);
    void (*append)(struct xr_tables *, enum xr_table, struct xr_bin key, struct xr_bin value);
    void (*del)(struct xr_tables *, enum xr_table, struct xr_bin key);
    void (*scan_open)(struct xr_tables *, enum xr_table, struct xr_bin from, bool backwards,
                      struct xr_scan *);
    bool (*scan_next)(struct xr_tables *, struct xr_scan *, struct xr_bin *key, struct xr_bin *val);
    void (*scan_close)(struct xr_tables *, struct xr_scan *);
};

/* Implementations embed this as their first member. */
struct xr_tables {
    const struct xr_tables_ops *ops;
    enum xr_status failed; /* XR_OK, or why writes do nothing (XR_STORAGE, XR_IO) */
    bool read_only;        /* writes assert */
};

/* The value under `key`. XR_OK, or XR_NONE; `out` is left alone then. */
static inline XR_MUST_USE enum xr_status xr_tables_get(struct xr_tables *t, enum xr_table table,
                                                       struct xr_bin key, struct xr_bin *out)
{
    return t->ops->get(t, table, key, out);
}

/* Write or replace. Copies both. */
static inline void xr_tables_put(struct xr_tables *t, enum xr_table table, struct xr_bin key,
                                 struct xr_bin value)
{
    t->ops->put(t, table, key, value);
}

/* Write behind the last key of an APPEND table; `key` must be greater than all there (asserted). */
static inline void xr_tables_append(struct xr_tables *t, enum xr_table table, struct xr_bin key,
                                    struct xr_bin value)
{
    t->ops->append(t, table, key, value);
}

/* Delete; nothing where there is none. */
static inline void xr_tables_del(struct xr_tables *t, enum xr_table table, struct xr_bin key)
{
    t->ops->del(t, table, key);
}

/*
 * Walk a table in the order of its keys, from the first key >= `from` upwards, or, backwards, from
 * the last key <= `from` downwards (an empty `from`: from the very end).
 * Keys come without the store's prefix. Close every scan that was opened.
 */
static inline void xr_tables_scan_open(struct xr_tables *t, enum xr_table table, struct xr_bin from,
                                       bool backwards, struct xr_scan *scan)
{
    t->ops->scan_open(t, table, from, backwards, scan);
}

static inline bool xr_tables_scan_next(struct xr_tables *t, struct xr_scan *scan,
                                       struct xr_bin *key, struct xr_bin *value)
{
    return t->ops->scan_next(t, scan, key, value);
}

static inline void xr_tables_scan_close(struct xr_tables *t, struct xr_scan *scan)
{
    t->ops->scan_close(t, scan);
}

#endif
