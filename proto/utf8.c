/* UTF-8 as The Unicode Standard 15, table 3-7, has it: nothing overlong, no surrogates. */
#include "proto/wire.h"

#include <string.h>

#define HIGH_BITS 0x8080808080808080u

/* Bytes of the well-formed sequence at `at`, which is not ASCII; 0: there is none. */
static size_t measure_sequence(const uint8_t *at, size_t left)
{
    uint8_t lead = at[0];
    if (lead >= 0xe1 && lead <= 0xef && lead != 0xed) {
        /* Nearly all of Chinese. */
        return left >= 3 && (at[1] & 0xc0) == 0x80 && (at[2] & 0xc0) == 0x80 ? 3 : 0;
    }
    if (lead >= 0xc2 && lead <= 0xdf)
        return left >= 2 && (at[1] & 0xc0) == 0x80 ? 2 : 0;
    uint8_t least = 0x80;
    uint8_t most = 0xbf;
    size_t size = 4;
    switch (lead) {
    case 0xe0:
        least = 0xa0;
        size = 3;
        break;
    case 0xed:
        most = 0x9f;
        size = 3;
        break;
    case 0xf0:
        least = 0x90;
        break;
    case 0xf1:
    case 0xf2:
    case 0xf3:
        break;
    case 0xf4:
        most = 0x8f;
        break;
    default:
        return 0;
    }
    if (left < size || at[1] < least || at[1] > most || (at[2] & 0xc0) != 0x80)
        return 0;
    return size == 3 || (at[3] & 0xc0) == 0x80 ? size : 0;
}

bool xr_utf8_valid(struct xr_str text, uint32_t *points)
{
    const uint8_t *at = (const uint8_t *)text.at;
    size_t left = text.size;
    uint32_t count = 0;
    while (left > 0) {
        uint64_t eight;
        if (left >= sizeof(eight)) {
            memcpy(&eight, at, sizeof(eight));
            if ((eight & HIGH_BITS) == 0) {
                at += sizeof(eight);
                left -= sizeof(eight);
                count += sizeof(eight);
                continue;
            }
        }
        size_t size = *at < 0x80 ? 1 : measure_sequence(at, left);
        if (size == 0)
            return false;
        at += size;
        left -= size;
        count++;
    }
    if (points != NULL)
        *points = count;
    return true;
}
