#include <xiaoer/status.h>

const char *xr_status_text(enum xr_status status)
{
    switch (status) {
#define XR_STATUS(name, value, text)                                                               \
    case XR_##name:                                                                                \
        return text;
#include <xiaoer/status.def>
#undef XR_STATUS
    }
    return "unknown status";
}

const char *xr_status_name(enum xr_status status)
{
    switch (status) {
#define XR_STATUS(name, value, text)                                                               \
    case XR_##name:                                                                                \
        return #name;
#include <xiaoer/status.def>
#undef XR_STATUS
    }
    return "UNKNOWN";
}
