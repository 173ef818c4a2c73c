#include "base/crc32c.h"

#include <string.h>

#define POLYNOMIAL UINT32_C(0x82f63b78) /* reflected */

/* The checksum of each byte, worked out by the compiler: no table to build, no first call. */
#define BIT(n)  (((n) >> 1) ^ (((n)&1) ? POLYNOMIAL : 0))
#define BIT2(n) BIT(BIT(n))
#define BIT4(n) BIT2(BIT2(n))

static uint32_t fold_nibble(uint32_t crc)
{
    static const uint32_t nibbles[16] = {
        BIT4(UINT32_C(0)),  BIT4(UINT32_C(1)),  BIT4(UINT32_C(2)),  BIT4(UINT32_C(3)),
        BIT4(UINT32_C(4)),  BIT4(UINT32_C(5)),  BIT4(UINT32_C(6)),  BIT4(UINT32_C(7)),
        BIT4(UINT32_C(8)),  BIT4(UINT32_C(9)),  BIT4(UINT32_C(10)), BIT4(UINT32_C(11)),
        BIT4(UINT32_C(12)), BIT4(UINT32_C(13)), BIT4(UINT32_C(14)), BIT4(UINT32_C(15)),
    };
    return crc >> 4 ^ nibbles[crc & 15];
}

uint32_t xr_crc32c_table(uint32_t before, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    uint32_t crc = ~before;
    for (size_t i = 0; i < size; i++)
        crc = fold_nibble(fold_nibble(crc ^ at[i]));
    return ~crc;
}

#if defined(__x86_64__)
#include <nmmintrin.h>

__attribute__((target("sse4.2"))) static uint32_t crc_sse42(uint32_t before, const uint8_t *at,
                                                            size_t size)
{
    uint64_t crc = ~before;
    for (; size >= 8; at += 8, size -= 8) {
        uint64_t word;
        memcpy(&word, at, 8);
        crc = _mm_crc32_u64(crc, word);
    }
    uint32_t rest = (uint32_t)crc;
    for (; size > 0; at++, size--)
        rest = _mm_crc32_u8(rest, *at);
    return ~rest;
}

uint32_t xr_crc32c_more(uint32_t before, const void *bytes, size_t size)
{
    if (__builtin_cpu_supports("sse4.2"))
        return crc_sse42(before, bytes, size);
    return xr_crc32c_table(before, bytes, size);
}
#else
uint32_t xr_crc32c_more(uint32_t before, const void *bytes, size_t size)
{
    return xr_crc32c_table(before, bytes, size);
}
#endif

uint32_t xr_crc32c(const void *bytes, size_t size)
{
    return xr_crc32c_more(0, bytes, size);
}
