/*
 * Numbers to pointers: connections by origin, by device, by account. Zeroed is empty and valid.
 * One thread. The order of its slots means nothing.
 */
#ifndef XR_GATE_MAP_H
#define XR_GATE_MAP_H

#include "proto/mem.h"

struct xr_map_slot {
    uint64_t key; /* 0: free */
    void *value;
};

struct xr_map {
    struct xr_map_slot *slots;
    size_t capacity; /* 0 or a power of two; at most three quarters are used */
    size_t count;
};

void xr_map_fini(struct xr_map *map);

/* NULL where there is none. */
void *xr_map_get(const struct xr_map *map, uint64_t key);

/* Add or replace; key and value are not 0. XR_OK, XR_NOMEM (never where the key is there). */
enum xr_status xr_map_put(struct xr_map *map, uint64_t key, void *value) XR_MUST_USE;

/* Nothing where there is none. */
void xr_map_remove(struct xr_map *map, uint64_t key);

#endif
