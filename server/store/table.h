/*
 * What the stores need to know of table.def: which tables there are, and which have a tree of
 * their own (APPEND). Private to server/store.
 */
#ifndef XR_STORE_TABLE_H
#define XR_STORE_TABLE_H

#include "floor/tables.h"

/* A slot for each APPEND table, counted from 0. */
#define XR_SLOT_ROWS(name)
#define XR_SLOT_APPEND(name) XR_SLOT_##name,
enum xr_table_slot {
#define XR_TABLE(name, number, shape, key, value, doc) XR_SLOT_##shape(name)
#include "floor/table.def"
#undef XR_TABLE
    XR_SLOT_COUNT
};
#undef XR_SLOT_ROWS
#undef XR_SLOT_APPEND

struct xr_table_info {
    const char *name; /* NULL: no such table */
    const char *key;
    const char *value;
    const char *doc;
    bool is_append;
    enum xr_table_slot slot; /* where it is */
};

/* By number, XR_TABLE_COUNT of them; numbers that no table has are empty. */
extern const struct xr_table_info xr_table_infos[XR_TABLE_COUNT];

/* The entry of a table that there is; asserted. */
const struct xr_table_info *xr_table_info(enum xr_table table);

/* The entry of the APPEND table in a slot. */
const struct xr_table_info *xr_table_of_slot(enum xr_table_slot slot);

#endif
