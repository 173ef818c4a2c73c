#include "engine/registry.h"

#include <string.h>

void xr_registry_init(struct xr_registry *registry)
{
    *registry = (struct xr_registry){0};
    XR_ASSERT(pthread_mutex_init(&registry->lock, NULL) == 0);
    XR_ASSERT(pthread_cond_init(&registry->settled, NULL) == 0);
}

static void free_name(struct xr_str name)
{
    xr_mem_free((void *)(uintptr_t)name.at);
}

void xr_registry_fini(struct xr_registry *registry)
{
    for (size_t i = 0; i < registry->count; i++)
        free_name(registry->at[i].name);
    xr_mem_free(registry->at);
    (void)pthread_cond_destroy(&registry->settled);
    (void)pthread_mutex_destroy(&registry->lock);
}

static void lock_registry(struct xr_registry *registry)
{
    XR_ASSERT(pthread_mutex_lock(&registry->lock) == 0);
}

static void unlock_registry(struct xr_registry *registry)
{
    XR_ASSERT(pthread_mutex_unlock(&registry->lock) == 0);
}

static struct xr_floor_name *find_named(struct xr_registry *registry, struct xr_str name)
{
    for (size_t i = 0; i < registry->count; i++)
        if (xr_str_equal(registry->at[i].name, name))
            return &registry->at[i];
    return NULL;
}

static struct xr_floor_name *find_numbered(struct xr_registry *registry, uint32_t number)
{
    for (size_t i = 0; i < registry->count; i++)
        if (registry->at[i].number == number)
            return &registry->at[i];
    return NULL;
}

static bool make_room(struct xr_registry *registry)
{
    if (registry->count < registry->capacity)
        return true;
    const size_t capacity = registry->capacity == 0 ? 8 : registry->capacity * 2;
    struct xr_floor_name *at = xr_mem_grow(registry->at, capacity * sizeof *at);
    if (at == NULL)
        return false;
    registry->at = at;
    registry->capacity = capacity;
    return true;
}

/* Under the lock. */
static enum xr_status add_name(struct xr_registry *registry, uint32_t number, struct xr_str name,
                               enum xr_founding state)
{
    if (find_named(registry, name) != NULL)
        return XR_EXISTS;
    if (!make_room(registry))
        return XR_NOMEM;
    char *copy = xr_mem_alloc(name.size + 1);
    if (copy == NULL)
        return XR_NOMEM;
    if (name.size > 0)
        memcpy(copy, name.at, name.size);
    registry->at[registry->count++] =
        (struct xr_floor_name){.number = number, .state = state, .name = {copy, name.size}};
    return XR_OK;
}

enum xr_status xr_registry_add(struct xr_registry *registry, uint32_t number, struct xr_str name)
{
    lock_registry(registry);
    const enum xr_status status = add_name(registry, number, name, XR_FOUNDING_DURABLE);
    unlock_registry(registry);
    return status;
}

enum xr_status xr_registry_find(struct xr_registry *registry, struct xr_str name, uint32_t *out)
{
    lock_registry(registry);
    const struct xr_floor_name *found = find_named(registry, name);
    const bool is_durable = found != NULL && found->state == XR_FOUNDING_DURABLE;
    if (is_durable)
        *out = found->number;
    unlock_registry(registry);
    return is_durable ? XR_OK : XR_NONE;
}

enum xr_status xr_registry_name(struct xr_registry *registry, uint32_t number, struct xr_str *out)
{
    lock_registry(registry);
    const struct xr_floor_name *found = find_numbered(registry, number);
    const bool is_durable = found != NULL && found->state == XR_FOUNDING_DURABLE;
    if (is_durable)
        *out = found->name;
    unlock_registry(registry);
    return is_durable ? XR_OK : XR_NONE;
}

static uint32_t next_number(const struct xr_registry *registry)
{
    uint32_t last = 0;
    for (size_t i = 0; i < registry->count; i++)
        if (registry->at[i].number > last)
            last = registry->at[i].number;
    return last + 1;
}

enum xr_status xr_registry_reserve(struct xr_registry *registry, struct xr_str name, uint32_t *out)
{
    lock_registry(registry);
    const uint32_t number = next_number(registry);
    const enum xr_status status = add_name(registry, number, name, XR_FOUNDING_UNDER_WAY);
    unlock_registry(registry);
    if (status == XR_OK)
        *out = number;
    return status;
}

void xr_registry_settle(struct xr_registry *registry, uint32_t number, bool durable)
{
    lock_registry(registry);
    struct xr_floor_name *found = find_numbered(registry, number);
    XR_ASSERT(found != NULL);
    found->state = durable ? XR_FOUNDING_DURABLE : XR_FOUNDING_FAILED;
    XR_ASSERT(pthread_cond_broadcast(&registry->settled) == 0);
    unlock_registry(registry);
}

enum xr_status xr_registry_wait(struct xr_registry *registry, uint32_t number)
{
    lock_registry(registry);
    struct xr_floor_name *found = find_numbered(registry, number);
    XR_ASSERT(found != NULL);
    while (found->state == XR_FOUNDING_UNDER_WAY) {
        XR_ASSERT(pthread_cond_wait(&registry->settled, &registry->lock) == 0);
        found = find_numbered(registry, number);
        XR_ASSERT(found != NULL);
    }
    const bool is_durable = found->state == XR_FOUNDING_DURABLE;
    if (!is_durable) {
        free_name(found->name);
        *found = registry->at[--registry->count];
    }
    unlock_registry(registry);
    return is_durable ? XR_OK : XR_STORAGE;
}
