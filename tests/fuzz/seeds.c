/*
 * Write the first inputs of the fuzzers, a folder for each: frames and records from the golden
 * vectors, a day from the small one, and a few short sequences for the others. Small and made anew
 * each time; what a long run has found is kept by whoever runs it.
 */
#include "engine/engine.h"
#include "engine/meta.h"
#include "floor/journal.h"
#include "floor/record.h"
#include "support/vectors.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define DAY_BYTES 1024 /* of the small day: a header and a few rows */

static const char *directory;
static size_t written;

static struct xr_bin bytes_of(const struct xr_buf *buf)
{
    return (struct xr_bin){buf->at, (uint32_t)buf->size};
}

/* One input: `head`, then `rest`. */
static void write_seed(const char *target, struct xr_bin head, struct xr_bin rest)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s", directory, target);
    mkdir(path, 0777);
    snprintf(path, sizeof(path), "%s/%s/%zu", directory, target, written++);
    FILE *file = fopen(path, "w");
    if (file == NULL)
        perror(path);
    XR_ASSERT(file != NULL);
    if (head.size > 0)
        XR_ASSERT(fwrite(head.at, 1, head.size, file) == head.size);
    if (rest.size > 0)
        XR_ASSERT(fwrite(rest.at, 1, rest.size, file) == rest.size);
    XR_ASSERT(fclose(file) == 0);
}

static void write_list(const char *target, const uint8_t *bytes, size_t size)
{
    write_seed(target, (struct xr_bin){bytes, (uint32_t)size}, (struct xr_bin){NULL, 0});
}

/* ---- frames, records ------------------------------------------------------------------------- */

static void write_record(const struct xr_frame *frame)
{
    const uint8_t head[] = {(uint8_t)frame->type, XR_RECORD_FORMAT};
    write_seed("record", (struct xr_bin){head, sizeof(head)}, frame->body);
}

/* The choices of record.c that are no type of a record: 0 a row, 1 and 2 batches, 3 the engine's
 * row, 4 positions. */
static void write_row(const struct xr_frame *frame, struct xr_arena *arena)
{
    const uint8_t choice = 0;
    const struct xr_audience audience = {.roles = 1U << XR_role_OWNER, .agents = {2, 3}};
    const void *update = NULL;
    struct xr_wire_error error;
    struct xr_buf row = {0};
    xr_buf_init(&row, XR_FRAME_BYTES_MAX);
    const enum xr_type type = (enum xr_type)frame->type;
    XR_ASSERT(xr_body_decode(type, frame->body, arena, &update, &error) == XR_OK);
    xr_journal_encode(&row, &audience, type, update);
    write_seed("record", (struct xr_bin){&choice, 1}, bytes_of(&row));
    xr_buf_fini(&row);
}

static void write_batch(const struct xr_frame *frame)
{
    const uint8_t choices[] = {1, 2};
    struct xr_batch_head head = {.format = XR_BATCH_FORMAT,
                                 .rules = XR_BATCH_RULES,
                                 .batch_no = 1,
                                 .floor_ms = 5,
                                 .wall_ms = 6,
                                 .events = 1};
    const struct xr_batch_event event = {.floor = 1,
                                         .who = {2},
                                         .device = {3},
                                         .counter = 4,
                                         .origin = 5,
                                         .type = (enum xr_type)frame->type,
                                         .body = frame->body};
    struct xr_buf batch = {0};
    xr_buf_init(&batch, XR_BATCH_BYTES_MAX);
    xr_batch_begin(&batch, &head);
    xr_batch_add(&batch, &event);
    xr_batch_end(&batch);
    for (size_t i = 0; i < sizeof(choices); i++)
        write_seed("record", (struct xr_bin){&choices[i], 1}, bytes_of(&batch));
    xr_buf_fini(&batch);
}

static void write_meta(void)
{
    const uint8_t choice = 3;
    struct xr_buf bytes = {0};
    xr_buf_init(&bytes, 4096);
    xr_meta_encode(&bytes, &(struct xr_meta){.batch_no = 7, .floor_ms = 8, .log_first = 1});
    write_seed("record", (struct xr_bin){&choice, 1}, bytes_of(&bytes));
    xr_buf_fini(&bytes);
}

/* What a hostile server sends: after a log-in (client.c: how, dial, write hello, welcome), a frame
 * with this body. */
static void write_to_client(const struct xr_frame *frame)
{
    const uint8_t size = frame->body.size > 255 ? 255 : (uint8_t)frame->body.size;
    const uint8_t head[] = {0x01 | 0x02,          6, 12,  1, 0, 0, 0, 0, 0, 10, 0, 12, 0,
                            (uint8_t)frame->type, 1, size};
    write_seed("client", (struct xr_bin){head, sizeof(head)},
               (struct xr_bin){frame->body.at, size});
}

static void write_vector(const struct vector *vector, struct xr_arena *arena)
{
    struct xr_frame frame;
    size_t used;
    XR_ASSERT(xr_frame_read(vector->frame, &frame, &used) == XR_OK);
    const uint8_t type = (uint8_t)frame.type;
    write_seed("frame", (struct xr_bin){NULL, 0}, frame.all);
    write_seed("frame", (struct xr_bin){&type, 1}, frame.body);
    switch (xr_message_info((enum xr_type)frame.type)->kind) {
    case XR_KIND_RECORD:
        write_record(&frame);
        break;
    case XR_KIND_UPDATE:
        write_row(&frame, arena);
        write_to_client(&frame);
        break;
    case XR_KIND_COMMAND:
    case XR_KIND_EVENT:
        write_batch(&frame);
        break;
    case XR_KIND_ANSWER:
    case XR_KIND_NOTICE:
        write_to_client(&frame);
        break;
    default:
        break;
    }
}

static void write_vectors(void)
{
    struct vectors vectors = vectors_load(XR_TESTS_DIR);
    struct xr_arena *arena = xr_arena_new(1 << 16);
    XR_ASSERT(arena != NULL);
    for (size_t i = 0; i < vectors.count; i++)
        write_vector(&vectors.at[i], arena);
    xr_arena_free(arena);
    vectors_free(&vectors);
}

/* ---- the others ------------------------------------------------------------------------------ */

static void write_day(void)
{
    static char bytes[DAY_BYTES];
    FILE *file = fopen(XR_TESTS_DIR "/vectors/day-small.csv", "r");
    XR_ASSERT(file != NULL);
    const size_t size = fread(bytes, 1, sizeof(bytes), file);
    fclose(file);
    XR_ASSERT(size == sizeof(bytes));
    for (size_t end = 0; end < size; end++) /* a header alone, with one row, two… */
        if (bytes[end] == '\n')
            write_list("day", (const uint8_t *)bytes, end + 1);
}

/* For each thing that sp.c's owner may do: a raw greeting with an empty message, and messages to be
 * built, whole and spoilt. */
static void write_sp(void)
{
    for (uint8_t how = 0; how < 8; how++) {
        const uint8_t raw[] = {1, 2, how, 0, 0, 'S', 'P', 0,    0, 0x30, 0, 0,   1,  0,
                               0, 0, 0,   0, 0, 0,   6,   0x80, 0, 0,    1, 'h', 'i'};
        const uint8_t built[] = {how, 9, how, 3, 0, 5, 1, 0x10, 0x20, 2, 0, 0, 9, 4, 8};
        const uint8_t spoilt[] = {how, 4, how, 3, 0, 5, 254, 6, 0, 3};
        write_list("sp", raw, sizeof(raw));
        write_list("sp", built, sizeof(built));
        write_list("sp", spoilt, sizeof(spoilt));
    }
}

/* For each kind of step of floor.c, and each command: buyers come, the step happens, time passes.
 */
static void write_floor(void)
{
    for (uint8_t step = 0; step < 17; step++) {
        for (uint8_t which = 0; which < 16; which++) {
            const uint8_t bytes[] = {
                0,     4,
                1,     6,
                0,     0, /* open */
                4,     1,
                7,     0,
                1, /* open */
                4,     4,
                2,     0,
                0, /* say */
                step,  (uint8_t)(which % 8),
                which, 15,
                0xff,  0xff,
                1,     1,
                1,     1,
                1,     1,
                4,     1,
                6,     0,
                2,        /* open */
                13,    6, /* wait */
                15,    3,
                3,        /* restart */
                13,    5, /* wait */
            };
            write_list("floor", bytes, sizeof(bytes));
        }
    }
}

int main(int argc, char **argv)
{
    static const uint8_t positions[] = {4, 1, 2, 0x80, 1, 0xff, 0xff, 3};
    if (argc != 2) {
        fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
        return 2;
    }
    directory = argv[1];
    mkdir(directory, 0777);
    write_vectors();
    write_meta();
    write_list("record", positions, sizeof(positions));
    write_day();
    write_sp();
    write_floor();
    return 0;
}
