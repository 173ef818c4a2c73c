#include "gate/rate.h"

#include <sodium.h>

#define XR_TRIES_SETS  1024 /* a power of two */
#define XR_TRIES_WAYS  8
#define XR_TRIES_MS    60000
#define XR_TRIES_AGAIN 200 /* ms, while places are only held by tries under way */

uint64_t xr_rate_take(struct xr_rate *rate, uint64_t now_ms, uint32_t per_second)
{
    const uint64_t full = (uint64_t)per_second * 1000;
    const uint64_t passed = now_ms - rate->last_ms;
    rate->left_milli = passed >= 1000 ? full : rate->left_milli + passed * per_second;
    rate->last_ms = now_ms;
    if (rate->left_milli > full)
        rate->left_milli = full;
    if (rate->left_milli < 1000)
        return (1000 - rate->left_milli + per_second - 1) / per_second;
    rate->left_milli -= 1000;
    return 0;
}

/* One key. Failures run out linearly: per_minute of them in a minute. */
struct way {
    uint64_t tag; /* 0: free */
    uint64_t last_ms;
    uint32_t spent_ms; /* XR_TRIES_MS / per_minute for each failure */
    uint32_t held;
};

struct xr_tries {
    uint32_t per_minute;
    uint8_t secret[crypto_shorthash_KEYBYTES]; /* nobody outside can aim at a set */
    struct way ways[XR_TRIES_SETS][XR_TRIES_WAYS];
};

struct xr_tries *xr_tries_new(uint32_t per_minute)
{
    XR_ASSERT(per_minute >= 1);
    struct xr_tries *tries = xr_mem_zero(1, sizeof(*tries));
    if (!tries)
        return NULL;
    tries->per_minute = per_minute;
    crypto_shorthash_keygen(tries->secret);
    return tries;
}

void xr_tries_free(struct xr_tries *tries)
{
    xr_mem_free(tries);
}

static void let_run_out(struct way *way, uint64_t now_ms)
{
    const uint64_t passed = now_ms - way->last_ms;
    way->spent_ms = passed >= way->spent_ms ? 0 : way->spent_ms - (uint32_t)passed;
    way->last_ms = now_ms;
}

/* The way of the key; where it has none, one that says least. */
static struct way *find(struct xr_tries *tries, uint64_t now_ms, struct xr_bin key)
{
    uint64_t tag;
    _Static_assert(sizeof(tag) == crypto_shorthash_BYTES, "");
    crypto_shorthash((unsigned char *)&tag, key.at, key.size, tries->secret);
    struct way *set = tries->ways[tag % XR_TRIES_SETS];
    struct way *least = &set[0];
    tag |= 1;
    for (size_t i = 0; i < XR_TRIES_WAYS; i++) {
        struct way *way = &set[i];
        let_run_out(way, now_ms);
        if (way->tag == tag)
            return way;
        if (way->held < least->held ||
            (way->held == least->held && way->spent_ms < least->spent_ms))
            least = way;
    }
    *least = (struct way){.tag = tag, .last_ms = now_ms};
    return least;
}

uint64_t xr_tries_begin(struct xr_tries *tries, uint64_t now_ms, struct xr_bin key)
{
    const uint32_t one = XR_TRIES_MS / tries->per_minute;
    struct way *way = find(tries, now_ms, key);
    const uint64_t wanted = (uint64_t)way->spent_ms + (uint64_t)(way->held + 1) * one;
    if (wanted <= (uint64_t)one * tries->per_minute) {
        way->held++;
        return 0;
    }
    return way->held > 0 ? XR_TRIES_AGAIN : wanted - (uint64_t)one * tries->per_minute;
}

void xr_tries_end(struct xr_tries *tries, uint64_t now_ms, struct xr_bin key, bool failed)
{
    struct way *way = find(tries, now_ms, key);
    if (way->held > 0) /* 0: it was forgotten meanwhile */
        way->held--;
    if (failed)
        way->spent_ms += XR_TRIES_MS / tries->per_minute;
}
