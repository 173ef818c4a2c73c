/*
 * What the writers of bytes, text and JSON share: which fields of a struct are there, and how to
 * read them without knowing its type. Private to proto and its tests.
 */
#ifndef XR_PROTO_FIELDS_H
#define XR_PROTO_FIELDS_H

#include <string.h>

#include "proto/wire.h"

/* The fields numbered `from` and up that are there: required, marked in `has`, or not empty. As
 * bits by index in info->fields; a message has fewer than 64. */
uint64_t xr_fields_choose(const struct xr_message_info *info, const void *message, uint32_t from);

/* Of the kinds "command", "query"… and of the field types "u32", "session"… Static. */
const char *xr_kind_name(enum xr_kind kind);
const char *xr_field_type_name(enum xr_field_type type);

/* True where the field is a number of 4 bytes (u32, agent, group), of 8 (u64, session…). */
static inline bool xr_field_is_u32(const struct xr_field_info *field)
{
    return field->type == XR_FIELD_u32 || field->type == XR_FIELD_agent ||
           field->type == XR_FIELD_group;
}
static inline bool xr_field_is_u64(const struct xr_field_info *field)
{
    return field->type == XR_FIELD_u64 || field->type == XR_FIELD_session ||
           field->type == XR_FIELD_customer || field->type == XR_FIELD_device;
}

/* Members of any type, copied out of their place. */
static inline uint64_t xr_load_u64(const void *place)
{
    uint64_t n;
    memcpy(&n, place, sizeof(n));
    return n;
}
static inline uint32_t xr_load_u32(const void *place)
{
    uint32_t n;
    memcpy(&n, place, sizeof(n));
    return n;
}
static inline struct xr_list xr_load_list(const void *place)
{
    struct xr_list list;
    memcpy(&list, place, sizeof(list));
    return list;
}

#endif
