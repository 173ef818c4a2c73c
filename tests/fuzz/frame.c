/*
 * Aim: no bytes harm the reader of frames, and what it lets in is what it writes. Method:
 * libFuzzer; the input is a run of frames as in one SP message, and a body for the type that its
 * first byte names, events and records too. Whatever decodes must encode, decode again to the same,
 * and be read alike by msgpack-c; its text and JSON forms must stand.
 *
 *     cmake --preset fuzz && ninja -C build/fuzz fuzz_frame fuzz_seeds
 *     build/fuzz/bin/fuzz_seeds SEEDS && build/fuzz/bin/fuzz_frame SEEDS
 */
#include "proto/json.h"
#include "proto/text.h"
#include "support/fill.h"

#include <msgpack.h>
#include <stdlib.h>
#include <string.h>

#define OUT_MAX ((size_t)64 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct xr_arena *arena;
static struct xr_buf first;
static struct xr_buf second;
static struct xr_buf line;

static void set_up(void)
{
    if (arena != NULL)
        return;
    arena = xr_arena_new(1 << 20);
    XR_ASSERT(arena != NULL);
    xr_buf_init(&first, OUT_MAX);
    xr_buf_init(&second, OUT_MAX);
    xr_buf_init(&line, OUT_MAX);
}

static struct xr_bin bytes_of(const struct xr_buf *buf)
{
    return (struct xr_bin){buf->at, (uint32_t)buf->size};
}

/* msgpack-c reads the same number of bytes, and a value of the same kind. */
static void ask_msgpack_c(struct xr_bin bytes)
{
    msgpack_unpacked unpacked;
    msgpack_unpacked_init(&unpacked);
    size_t used = 0;
    msgpack_unpack_return result =
        msgpack_unpack_next(&unpacked, (const char *)bytes.at, bytes.size, &used);
    XR_ASSERT(result == MSGPACK_UNPACK_SUCCESS);
    XR_ASSERT(used == bytes.size);
    msgpack_unpacked_destroy(&unpacked);
}

static void try_json(const struct xr_message_info *info, const void *message)
{
    json_t *object = xr_json_write(info->type, message);
    XR_ASSERT(object != NULL);
    const void *back;
    struct xr_wire_error error;
    XR_ASSERT(xr_json_read(info->type, object, arena, &back, &error) == XR_OK);
    XR_ASSERT(messages_equal(info, message, back, true));
    json_decref(object);
}

static void try_body(enum xr_type type, struct xr_bin body)
{
    const struct xr_message_info *info = xr_message_info(type);
    const void *message = NULL;
    struct xr_wire_error error = {0};
    enum xr_status status = xr_body_decode(type, body, arena, &message, &error);
    XR_ASSERT(status == XR_OK || (status == XR_BAD && error.code != 0 && error.field != NULL));
    if (status != XR_OK)
        return;
    XR_ASSERT(info != NULL);
    ask_msgpack_c(body);

    xr_buf_reset(&first);
    xr_body_encode(&first, type, message);
    XR_ASSERT(!first.failed);
    const void *back = NULL;
    XR_ASSERT(xr_body_decode(type, bytes_of(&first), arena, &back, &error) == XR_OK);
    XR_ASSERT(messages_equal(info, message, back, true));
    xr_buf_reset(&second);
    xr_body_encode(&second, type, back);
    XR_ASSERT(xr_bin_equal(bytes_of(&first), bytes_of(&second)));

    xr_buf_reset(&line);
    xr_text_write(&line, type, -1, message);
    XR_ASSERT(!line.failed);
    XR_ASSERT(memchr(line.at, '\n', line.size) == NULL);
    try_json(info, message);
}

static void try_frames(struct xr_bin rest)
{
    struct xr_frame frame;
    size_t used;
    for (int i = 0; i < XR_FRAMES_PER_MESSAGE && rest.size > 0; i++) {
        if (xr_frame_read(rest, &frame, &used) != XR_OK)
            return;
        XR_ASSERT(used > 0);
        XR_ASSERT(used <= rest.size);
        ask_msgpack_c(frame.all);
        try_body((enum xr_type)frame.type, frame.body);
        rest = (struct xr_bin){rest.at + used, rest.size - (uint32_t)used};
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    set_up();
    if (size == 0 || size > XR_SP_MESSAGE_BYTES_MAX)
        return 0;
    xr_arena_reset(arena);
    /* Copied, so that the end of the bytes is the end of the memory. */
    uint8_t *copy = malloc(size);
    XR_ASSERT(copy != NULL);
    memcpy(copy, data, size);
    try_frames((struct xr_bin){copy, (uint32_t)size});
    if (size > 1)
        try_body((enum xr_type)copy[0], (struct xr_bin){copy + 1, (uint32_t)size - 1});
    free(copy);
    return 0;
}
