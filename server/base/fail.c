#include "base/fail.h"

#ifdef XR_FAILPOINTS

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

void xr_fail_point(const char *name)
{
    static atomic_long passed;
    const char *wanted = getenv("XR_FAILPOINT");
    const size_t size = strlen(name);
    if (wanted == NULL || strncmp(wanted, name, size) != 0)
        return;
    if (wanted[size] != '\0' && wanted[size] != ':')
        return;
    const long nth = wanted[size] == ':' ? atol(wanted + size + 1) : 1;
    if (atomic_fetch_add(&passed, 1) + 1 >= nth)
        (void)raise(SIGKILL);
}

#else

/* ISO C wants a translation unit to hold something. */
typedef int xr_fail_unused;

#endif
