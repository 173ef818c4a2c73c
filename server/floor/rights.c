/* The rights table, expanded from rights.def: which role may send which message. */
#include "floor/floor.h"

#define O (1U << XR_role_OWNER)
#define S (1U << XR_role_SUPERVISOR)
#define A (1U << XR_role_AGENT)
#define B (1U << XR_role_BRIDGE)

/* Indexed by type; types of commands and queries are below 128, all others have no row. */
#define TYPES 128
static const uint8_t rights[TYPES] = {
#define XR_RIGHT(message, roles) [XR_TYPE_##message] = (uint8_t)(roles),
#include "floor/rights.def"
#undef XR_RIGHT
};

bool xr_rights_allow(enum xr_role role, enum xr_type type)
{
    if ((unsigned)type >= TYPES || (unsigned)role > XR_role_BRIDGE)
        return false;
    return (rights[type] >> role) & 1U;
}
