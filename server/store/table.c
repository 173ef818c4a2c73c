#include "store/table.h"

#include "proto/mem.h"

#define INFO_ROWS(table)   .is_append = false
#define INFO_APPEND(table) .is_append = true, .slot = XR_SLOT_##table
const struct xr_table_info xr_table_infos[XR_TABLE_COUNT] = {
#define XR_TABLE(table, number, shape, keys, values, text)                                         \
    [number] = {                                                                                   \
        .name = #table, .key = (keys), .value = (values), .doc = (text), INFO_##shape(table)},
#include "floor/table.def"
#undef XR_TABLE
};
#undef INFO_ROWS
#undef INFO_APPEND

const struct xr_table_info *xr_table_info(enum xr_table table)
{
    XR_ASSERT(table < XR_TABLE_COUNT);
    const struct xr_table_info *info = &xr_table_infos[table];
    XR_ASSERT(info->name != NULL);
    return info;
}

const struct xr_table_info *xr_table_of_slot(enum xr_table_slot slot)
{
    const struct xr_table_info *info = xr_table_infos;
    while (!info->is_append || info->slot != slot) {
        info++;
        XR_ASSERT(info < xr_table_infos + XR_TABLE_COUNT);
    }
    return info;
}
