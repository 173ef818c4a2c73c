/* What functions return. 0 is success, everything else negative; the list is status.def. */
#ifndef XIAOER_STATUS_H
#define XIAOER_STATUS_H

#include <xiaoer/types.h>

enum xr_status {
#define XR_STATUS(name, value, text) XR_##name = (value),
#include <xiaoer/status.def>
#undef XR_STATUS
};

/* A short English sentence for `status`; "unknown status" for a number that is none. Static. */
XR_API const char *xr_status_text(enum xr_status status);

/* The name without its prefix, for example "FULL". Static. */
XR_API const char *xr_status_name(enum xr_status status);

#endif
