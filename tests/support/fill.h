/*
 * Messages made from the schema alone, and compared by it: what a test needs that must hold for
 * every message there is and will be.
 */
#ifndef XR_TESTS_FILL_H
#define XR_TESTS_FILL_H

#include "proto/fields.h"

enum fill_how {
    FILL_REQUIRED, /* what must be there, nothing else */
    FILL_MIN,      /* every field, each at its least; lists empty */
    FILL_MAX,      /* every field, each at its most; text of code points of four bytes */
    FILL_SAMPLE,   /* every field, values for people to read */
    FILL_DRAWN,    /* some fields, some values, from the seed */
};

struct fill {
    struct xr_arena *arena;
    enum fill_how how;
    uint64_t seed;      /* DRAWN; moves on */
    uint32_t list_most; /* elements of a list, whatever the schema permits */
    uint32_t bin_most;  /* bytes, likewise */
};

/* A new struct of that message or part, valid by the schema. Stops where there is no memory. */
void *fill_message(struct fill *fill, const struct xr_message_info *info);

/* True where every field is the same, and what is marked in `has` where `marks` says so. */
bool messages_equal(const struct xr_message_info *info, const void *a, const void *b, bool marks);

/* xorshift64*: the next drawn number; the seed is never 0. */
uint64_t draw(uint64_t *seed);

#endif
