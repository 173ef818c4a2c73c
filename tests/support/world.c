#include "support/world.h"
#include "proto/cursor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

int set_up(void **state)
{
    struct world *world = calloc(1, sizeof(*world));
    world->arena = xr_arena_new(1 << 16);
    world->decoded = xr_arena_new(1 << 16);
    xr_buf_init(&world->buf, BUF_MAX);
    *state = world;
    return 0;
}

int tear_down(void **state)
{
    struct world *world = *state;
    xr_arena_free(world->arena);
    xr_arena_free(world->decoded);
    xr_buf_fini(&world->buf);
    free(world);
    return 0;
}

struct xr_bin bytes_of(const struct xr_buf *buf)
{
    return (struct xr_bin){buf->at, (uint32_t)buf->size};
}

void each_message(struct world *w, void (*visit)(struct world *, const struct xr_message_info *))
{
    size_t count;
    const struct xr_message_info *const *all = xr_messages(&count);
    assert_true(count > 80);
    for (size_t i = 0; i < count; i++) {
        if (all[i]->type == 0)
            continue;
        xr_arena_reset(w->arena);
        xr_arena_reset(w->decoded);
        visit(w, all[i]);
    }
}

struct fill fill_how(struct world *w, enum fill_how how, uint64_t seed)
{
    return (struct fill){w->arena, how, seed, 3, 4096};
}

void *make(struct world *w, const struct xr_message_info *info, enum fill_how how)
{
    struct fill fill = fill_how(w, how, 1);
    return fill_message(&fill, info);
}

enum xr_status decode_exactly(struct world *w, enum xr_type type, struct xr_bin body,
                              const void **out, struct xr_wire_error *error)
{
    uint8_t *copy = xr_arena_take(w->decoded, body.size);
    if (copy == NULL)
        return XR_NOMEM;
    if (body.size != 0)
        memcpy(copy, body.at, body.size);
    return xr_body_decode(type, (struct xr_bin){copy, body.size}, w->decoded, out, error);
}

void assert_refused(struct world *w, const struct xr_message_info *info, struct xr_bin body,
                    enum xr_code code, const char *field)
{
    const void *out = NULL;
    struct xr_wire_error error = {0};
    enum xr_status status = decode_exactly(w, info->type, body, &out, &error);
    if (status != XR_BAD || error.code != code || strcmp(error.field, field) != 0)
        fail_msg("%s.%s: %s, %s %s instead of %s", info->name, field, xr_status_name(status),
                 xr_choice_name("code", error.code), error.field, xr_choice_name("code", code));
    assert_null(out);
}

const void *assert_decodes(struct world *w, const struct xr_message_info *info, struct xr_bin body)
{
    const void *out = NULL;
    struct xr_wire_error error = {.field = ""};
    enum xr_status status = decode_exactly(w, info->type, body, &out, &error);
    if (status != XR_OK)
        fail_msg("%s: %s, %s %s", info->name, xr_status_name(status),
                 xr_choice_name("code", error.code), error.field);
    return out;
}

static struct xr_bin slice(const uint8_t *from, const uint8_t *to)
{
    return (struct xr_bin){from, (uint32_t)(to - from)};
}

struct pairs cut(struct xr_bin body)
{
    struct pairs pairs = {0};
    struct xr_cursor cursor = {body.at, body.at + body.size};
    struct xr_head map = xr_cursor_head(&cursor);
    assert_int_equal(map.kind, XR_HEAD_MAP);
    for (; pairs.count < map.n; pairs.count++) {
        struct pair *pair = &pairs.at[pairs.count];
        const uint8_t *key = cursor.at;
        assert_int_equal(xr_cursor_head(&cursor).kind, XR_HEAD_UINT);
        const uint8_t *value = cursor.at;
        assert_true(xr_cursor_skip(&cursor, XR_DEPTH_MAX));
        pair->key = slice(key, value);
        pair->value = slice(value, cursor.at);
    }
    assert_ptr_equal(cursor.at, body.at + body.size);
    return pairs;
}

void join(struct xr_buf *out, const struct pairs *pairs)
{
    xr_buf_reset(out);
    xr_pack_map(out, pairs->count);
    for (uint32_t i = 0; i < pairs->count; i++) {
        xr_buf_add(out, pairs->at[i].key.at, pairs->at[i].key.size);
        xr_buf_add(out, pairs->at[i].value.at, pairs->at[i].value.size);
    }
}

struct pairs make_pairs(struct world *w, const struct xr_message_info *info)
{
    xr_buf_reset(&w->buf);
    xr_body_encode(&w->buf, info->type, make(w, info, FILL_SAMPLE));
    return cut(xr_arena_bin(w->arena, w->buf.at, w->buf.size));
}

struct xr_bin with_value(struct world *w, const struct pairs *pairs, uint32_t i,
                         struct xr_bin value)
{
    struct pairs changed = *pairs;
    changed.at[i].value = value;
    join(&w->buf, &changed);
    return bytes_of(&w->buf);
}
