/*
 * Types that the whole of Xiaoer shares: ids, borrowed strings and bytes.
 *
 * An id is a struct with one field, so that a session's id cannot pass as an agent's. 0 is never
 * a valid id. The number is `n` in all of them.
 */
#ifndef XIAOER_TYPES_H
#define XIAOER_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define XR_API      __attribute__((visibility("default")))
#define XR_MUST_USE __attribute__((warn_unused_result))
#else
#define XR_API
#define XR_MUST_USE
#endif

/* An account of the floor: a person, or a program that acts for one. 1 is the first owner. */
struct xr_agent_id {
    uint32_t n;
};

/* A group of agents of the floor. 1 is the default group. */
struct xr_group_id {
    uint32_t n;
};

/* A session of the floor, counted from 1 in order of opening. */
struct xr_session_id {
    uint64_t n;
};

/* A customer (the kept record of a buyer) of the floor, counted from 1. */
struct xr_customer_id {
    uint64_t n;
};

/* A client's device: the scope of its command counter. Drawn at random by the server, over all
 * floors. */
struct xr_device_id {
    uint64_t n;
};

/* Borrowed text: `size` bytes of UTF-8, not terminated. {NULL, 0} is empty. */
struct xr_str {
    const char *at;
    uint32_t size;
};

/* Borrowed bytes. */
struct xr_bin {
    const uint8_t *at;
    uint32_t size;
};

#endif
