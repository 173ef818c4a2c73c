#include "base/entropy.h"

#include "proto/limits.h"
#include "proto/mem.h"

#include <sodium.h>

void xr_entropy_init(void)
{
    XR_ASSERT(sodium_init() >= 0);
}

void xr_entropy_fill(void *out, size_t size)
{
    randombytes_buf(out, size);
}

uint64_t xr_entropy_number(void)
{
    uint64_t n = 0;
    while (n == 0) {
        randombytes_buf(&n, sizeof n);
        n &= XR_NUMBER_MAX;
    }
    return n;
}
