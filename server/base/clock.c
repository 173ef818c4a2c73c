#include "base/clock.h"

#include "proto/mem.h"

#include <time.h>

static struct timespec read_clock(clockid_t which)
{
    struct timespec now = {0};
    XR_ASSERT(clock_gettime(which, &now) == 0);
    return now;
}

uint64_t xr_clock_mono_ns(void)
{
    const struct timespec now = read_clock(CLOCK_BOOTTIME);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

int64_t xr_clock_mono_ms(void)
{
    return (int64_t)(xr_clock_mono_ns() / 1000000u);
}

int64_t xr_clock_wall_ms(void)
{
    const struct timespec now = read_clock(CLOCK_REALTIME);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
