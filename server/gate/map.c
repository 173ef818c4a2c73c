/* Open addressing with linear probing; removal moves later entries back, so nothing is marked. */
#include "gate/map.h"

#define XR_MAP_FIRST 64

static size_t hash(const struct xr_map *map, uint64_t key)
{
    key ^= key >> 32;
    key *= UINT64_C(0x9e3779b97f4a7c15);
    key ^= key >> 29;
    return (size_t)key & (map->capacity - 1);
}

/* The slot of the key, or the free one where it would be. */
static size_t find(const struct xr_map *map, uint64_t key)
{
    size_t at = hash(map, key);
    while (map->slots[at].key != 0 && map->slots[at].key != key)
        at = (at + 1) & (map->capacity - 1);
    return at;
}

void xr_map_fini(struct xr_map *map)
{
    xr_mem_free(map->slots);
    *map = (struct xr_map){0};
}

void *xr_map_get(const struct xr_map *map, uint64_t key)
{
    if (map->count == 0)
        return NULL;
    return map->slots[find(map, key)].value;
}

static enum xr_status grow(struct xr_map *map)
{
    struct xr_map grown = {.capacity = map->capacity ? map->capacity * 2 : XR_MAP_FIRST};
    grown.slots = xr_mem_zero(grown.capacity, sizeof(*grown.slots));
    if (!grown.slots)
        return XR_NOMEM;
    grown.count = map->count;
    for (size_t i = 0; i < map->capacity; i++) {
        if (map->slots[i].key)
            grown.slots[find(&grown, map->slots[i].key)] = map->slots[i];
    }
    xr_mem_free(map->slots);
    *map = grown;
    return XR_OK;
}

enum xr_status xr_map_put(struct xr_map *map, uint64_t key, void *value)
{
    XR_ASSERT(key != 0);
    XR_ASSERT(value != NULL);
    if (map->count > 0) {
        const size_t at = find(map, key);
        if (map->slots[at].key == key) {
            map->slots[at].value = value;
            return XR_OK;
        }
    }
    if ((map->count + 1) * 4 > map->capacity * 3) {
        const enum xr_status status = grow(map);
        if (status)
            return status;
    }
    map->slots[find(map, key)] = (struct xr_map_slot){key, value};
    map->count++;
    return XR_OK;
}

void xr_map_remove(struct xr_map *map, uint64_t key)
{
    if (map->count == 0)
        return;
    const size_t mask = map->capacity - 1;
    size_t hole = find(map, key);
    if (map->slots[hole].key != key)
        return;
    map->count--;
    for (size_t at = (hole + 1) & mask; map->slots[at].key; at = (at + 1) & mask) {
        const size_t home = hash(map, map->slots[at].key);
        if (((at - home) & mask) < ((at - hole) & mask))
            continue; /* its way from home does not pass the hole */
        map->slots[hole] = map->slots[at];
        hole = at;
    }
    map->slots[hole] = (struct xr_map_slot){0, NULL};
}
