/* The table of settings, expanded from settings.def, and the look-up by name. */
#include "floor/settings.h"

const struct xr_setting xr_settings[] = {
#define XR_SETTING(name, standard, unit, min, max, help) {#name, unit, standard, min, max, help},
#include "floor/settings.def"
#undef XR_SETTING
};
const size_t xr_settings_count = sizeof(xr_settings) / sizeof(xr_settings[0]);

const struct xr_setting *xr_setting_named(struct xr_str name, size_t *index)
{
    for (size_t i = 0; i < xr_settings_count; i++) {
        if (xr_str_equal(name, xr_str_of(xr_settings[i].name))) {
            if (index)
                *index = i;
            return &xr_settings[i];
        }
    }
    return NULL;
}
