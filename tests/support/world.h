/*
 * What the tests of the wire share: memory, a walk over all messages, and bodies cut into pairs of
 * field number and value, so that one pair can be replaced. For cmocka tests only.
 */
#ifndef XR_TESTS_WORLD_H
#define XR_TESTS_WORLD_H

#include "support/fill.h"

#define BUF_MAX ((size_t)1 << 30)

struct world {
    struct xr_arena *arena;   /* of what is made */
    struct xr_arena *decoded; /* of what comes back */
    struct xr_buf buf;
};

/* Of a cmocka group or test: *state is a struct world. */
int set_up(void **state);
int tear_down(void **state);

struct xr_bin bytes_of(const struct xr_buf *buf);

/* Calls `visit` for every message that has a type, with the arenas given back before each. */
void each_message(struct world *w, void (*visit)(struct world *, const struct xr_message_info *));

/* A message of that filling, in w->arena; how large lists and bytes are is bounded. */
struct fill fill_how(struct world *w, enum fill_how how, uint64_t seed);
void *make(struct world *w, const struct xr_message_info *info, enum fill_how how);

/* Decode a body that stands alone in memory of its own size: reading past it is caught. */
enum xr_status decode_exactly(struct world *w, enum xr_type type, struct xr_bin body,
                              const void **out, struct xr_wire_error *error);
void assert_refused(struct world *w, const struct xr_message_info *info, struct xr_bin body,
                    enum xr_code code, const char *field);
const void *assert_decodes(struct world *w, const struct xr_message_info *info, struct xr_bin body);

struct pair {
    struct xr_bin key;
    struct xr_bin value;
};

struct pairs {
    struct pair at[64];
    uint32_t count;
};

/* Cut a body that the encoder made. The pairs point into it. */
struct pairs cut(struct xr_bin body);
/* Make it whole again, in place of what is in `out`. */
void join(struct xr_buf *out, const struct pairs *pairs);
/* A sample of the message, all fields there, cut: pair i is info->fields[i]. */
struct pairs make_pairs(struct world *w, const struct xr_message_info *info);
/* The body of these pairs with another value in pair i; lives in w->buf. */
struct xr_bin with_value(struct world *w, const struct pairs *pairs, uint32_t i,
                         struct xr_bin value);

#endif
