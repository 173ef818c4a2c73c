/*
 * Figures of the codec, in ns for one frame: `say` as a client sends it and `message_added` as the
 * feed carries it, with an English and a Chinese text; beside it msgpack-c's unpacker on the same
 * bytes. Time of this thread, the best of five rounds.
 */
#include "proto/wire.h"

#include <msgpack.h>
#include <stdio.h>
#include <time.h>

#define TURNS 200000

struct work {
    enum xr_type type;
    const void *message;
    struct xr_buf buf;
    struct xr_frame frame;
    struct xr_arena *arena;
    msgpack_zone zone;
};

static void encode(struct work *work)
{
    xr_buf_reset(&work->buf);
    xr_frame_encode(&work->buf, work->type, 7, work->message);
}

static void read_frame(struct work *work)
{
    size_t used;
    struct xr_bin bytes = {work->buf.at, (uint32_t)work->buf.size};
    XR_ASSERT(xr_frame_read(bytes, &work->frame, &used) == XR_OK);
}

static void decode(struct work *work)
{
    const void *out;
    struct xr_wire_error error;
    xr_arena_reset(work->arena);
    XR_ASSERT(xr_body_decode(work->type, work->frame.body, work->arena, &out, &error) == XR_OK);
}

static void unpack_msgpack_c(struct work *work)
{
    size_t used = 0;
    msgpack_object object;
    XR_ASSERT(msgpack_unpack((const char *)work->buf.at, work->buf.size, &used, &work->zone,
                             &object) == MSGPACK_UNPACK_SUCCESS);
    msgpack_zone_clear(&work->zone);
}

static double measure_ns(struct work *work, void (*turn)(struct work *))
{
    double best = 1e9;
    for (int round = 0; round < 5; round++) {
        struct timespec from;
        struct timespec to;
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
        for (int i = 0; i < TURNS; i++)
            turn(work);
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
        double ns = (double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec);
        if (ns / TURNS < best)
            best = ns / TURNS;
    }
    return best;
}

static void measure(const char *name, enum xr_type type, const void *message)
{
    struct work work = {.type = type, .message = message};
    xr_buf_init(&work.buf, XR_FRAME_BYTES_MAX);
    work.arena = xr_arena_new(1 << 16);
    XR_ASSERT(work.arena != NULL);
    XR_ASSERT(msgpack_zone_init(&work.zone, 8192));
    double encode_ns = measure_ns(&work, encode);
    double read_ns = measure_ns(&work, read_frame);
    double decode_ns = measure_ns(&work, decode);
    double unpack_ns = measure_ns(&work, unpack_msgpack_c);
    printf("%-22s %5zu B  encode %4.0f  read %4.0f  decode %4.0f  msgpack-c unpack %4.0f\n", name,
           work.buf.size, encode_ns, read_ns, decode_ns, unpack_ns);
    msgpack_zone_destroy(&work.zone);
    xr_arena_free(work.arena);
    xr_buf_fini(&work.buf);
}

static void measure_text(const char *language, struct xr_str text)
{
    char name[64];
    const struct xr_say say = {.done = 123456, .session = {98765}, .text = text, .seen = 12};
    const struct xr_message_added added = {
        .seq = 12345678,
        .prev = 12345670,
        .message = {.session = {98765},
                    .number = 13,
                    .sender = XR_sender_BUYER,
                    .kind = XR_message_kind_TEXT,
                    .text = text,
                    .wall_ms = 1700000000000,
                    .salt = {(const uint8_t *)"0123456789abcdef", XR_SALT_BYTES}},
    };
    snprintf(name, sizeof(name), "say %s", language);
    measure(name, XR_TYPE_say, &say);
    snprintf(name, sizeof(name), "message_added %s", language);
    measure(name, XR_TYPE_message_added, &added);
}

int main(void)
{
    measure_text("en", XR_STR("hello, do you have this one in size M? when would it ship?"));
    measure_text("zh", XR_STR("你好，这件衣服还有 M 码吗？什么时候发货"));
    return 0;
}
