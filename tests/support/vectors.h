/*
 * Golden vectors: frames that were once released, and must be read alike for ever. They stand in
 * tests/vectors/v<protocol>/<kind>.txt, four lines each:
 *     name: say/all
 *     frame: 9311…           the bytes in hex
 *     text: say ref=7 …      the line of text
 *     json: {"type":"say"…}  the JSON form
 */
#ifndef XR_TESTS_VECTORS_H
#define XR_TESTS_VECTORS_H

#include "proto/wire.h"

struct vector {
    char *name;
    char *text;
    char *json;
    struct xr_bin frame;
};

struct vectors {
    struct vector *at;
    size_t count;
};

/* All there are, in the order of the files' names. Stops where a file is not of this form. */
struct vectors vectors_load(const char *tests_dir);
void vectors_free(struct vectors *vectors);
const struct vector *vectors_find(const struct vectors *vectors, const char *name);

/* The form of a message as a vector; the caller frees what is in it. */
struct vector vector_make(const char *name, enum xr_type type, uint64_t ref, const void *message);
void vector_fini(struct vector *vector);

#endif
