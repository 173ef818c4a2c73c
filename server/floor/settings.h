/*
 * Settings by name and by number: the table itself is settings.def, the rows are `xr_settings` of
 * floor.h. The floor keeps the values in force in an array that this enum indexes.
 */
#ifndef XR_FLOOR_SETTINGS_H
#define XR_FLOOR_SETTINGS_H

#include "floor/floor.h"

enum xr_setting_index {
#define XR_SETTING(name, standard, unit, min, max, help) XR_SETTING_##name,
#include "floor/settings.def"
#undef XR_SETTING
    XR_SETTING_COUNT
};

/* The setting of that name, NULL where there is none. `index`, which may be NULL, receives its
 * place in xr_settings; it is left alone where there is none. */
const struct xr_setting *xr_setting_named(struct xr_str name, size_t *index);

#endif
