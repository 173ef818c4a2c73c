/*
 * Names and numbers of the floors of a shard. Any thread; a lock of its own. The floor thread
 * settles what is being founded.
 */
#ifndef XR_ENGINE_REGISTRY_H
#define XR_ENGINE_REGISTRY_H

#include "engine/engine.h"

#include <pthread.h>

enum xr_founding {
    XR_FOUNDING_UNDER_WAY,
    XR_FOUNDING_DURABLE,
    XR_FOUNDING_FAILED,
};

struct xr_floor_name {
    uint32_t number;
    enum xr_founding state;
    struct xr_str name; /* own memory */
};

struct xr_registry {
    pthread_mutex_t lock;
    pthread_cond_t settled;
    struct xr_floor_name *at;
    size_t count;
    size_t capacity;
};

void xr_registry_init(struct xr_registry *registry);
void xr_registry_fini(struct xr_registry *registry);

/* A floor that is in the store. XR_OK, XR_EXISTS, XR_NOMEM. */
enum xr_status xr_registry_add(struct xr_registry *registry, uint32_t number,
                               struct xr_str name) XR_MUST_USE;
/* XR_OK, XR_NONE: not there, or not durable yet. */
enum xr_status xr_registry_find(struct xr_registry *registry, struct xr_str name,
                                uint32_t *out) XR_MUST_USE;

/* The other way round: the name lives as long as the registry. */
enum xr_status xr_registry_name(struct xr_registry *registry, uint32_t number,
                                struct xr_str *out) XR_MUST_USE;

/* Take the name and the next number. XR_OK, XR_EXISTS, XR_NOMEM. */
enum xr_status xr_registry_reserve(struct xr_registry *registry, struct xr_str name,
                                   uint32_t *out) XR_MUST_USE;
/* The floor thread: how the founding of `number` ended. */
void xr_registry_settle(struct xr_registry *registry, uint32_t number, bool durable);
/* Wait for that. XR_OK; XR_STORAGE: failed, name and number are free again. */
enum xr_status xr_registry_wait(struct xr_registry *registry, uint32_t number) XR_MUST_USE;

#endif
