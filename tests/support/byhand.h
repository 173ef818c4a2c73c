/*
 * Frames written and read by hand, from PROTOCOL.md alone: nothing of proto/ is used, so that a
 * mistake there is not made twice. As much of msgpack as the protocol has.
 */
#ifndef XR_TESTS_BYHAND_H
#define XR_TESTS_BYHAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Frames being written, one behind the other. */
struct byhand {
    size_t size;
    uint8_t at[16 * 1024];
};

/* Begin a frame whose body has so many fields (at most 15); they follow. */
void byhand_frame(struct byhand *out, uint32_t type, uint64_t ref, unsigned fields);
void byhand_number(struct byhand *out, unsigned field, uint64_t value);
void byhand_true(struct byhand *out, unsigned field);
void byhand_text(struct byhand *out, unsigned field, const char *text);
void byhand_bytes(struct byhand *out, unsigned field, const uint8_t *bytes, size_t size);

/* A map: the body of a frame, or a part. */
struct byhand_map {
    const uint8_t *at;
    const uint8_t *end; /* of all that was received */
    uint32_t count;
};

struct byhand_got {
    uint32_t type;
    uint64_t ref;
    struct byhand_map body;
};

/* Read the frame at *at, which moves on; false: there is none. What is no frame fails the test. */
bool byhand_next(const uint8_t **at, const uint8_t *end, struct byhand_got *got);

/* A field; 0, an empty map or NULL where it was not sent. */
uint64_t byhand_get(const struct byhand_map *map, unsigned field);
struct byhand_map byhand_part(const struct byhand_map *map, unsigned field);
const uint8_t *byhand_find(const struct byhand_map *map, unsigned field, size_t *size);
bool byhand_is(const struct byhand_map *map, unsigned field, const char *text);

#endif
