/*
 * Aim: no bytes in a table or in the log harm who reads them, and what is read is what would be
 * written. Method: libFuzzer; the first byte chooses a type of record, or rows of the journal,
 * batches, the engine's row, positions; the rest is the value. Whatever can be read must be
 * written and read again to the same. One choice gives a batch its checksum here: else nothing
 * behind it would ever be seen.
 */
#include "engine/engine.h"
#include "engine/meta.h"
#include "floor/journal.h"
#include "floor/record.h"
#include "server/base/crc32c.h"
#include "support/fill.h"

#include <stdlib.h>

#define OUT_MAX ((size_t)64 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct xr_arena *arena;
static struct xr_buf first;
static struct xr_buf second;

static void set_up(void)
{
    if (arena != NULL)
        return;
    arena = xr_arena_new(1 << 20);
    XR_ASSERT(arena != NULL);
    xr_buf_init(&first, OUT_MAX);
    xr_buf_init(&second, OUT_MAX);
}

static struct xr_bin bytes_of(const struct xr_buf *buf)
{
    return (struct xr_bin){buf->at, (uint32_t)buf->size};
}

/* ---- records --------------------------------------------------------------------------------- */

static void try_record(enum xr_type type, struct xr_bin value)
{
    const void *record = NULL;
    const void *back = NULL;
    const enum xr_status status = xr_record_decode(value, type, arena, &record);
    XR_ASSERT(status == XR_OK || status == XR_CORRUPT);
    if (status != XR_OK)
        return;
    xr_record_encode(&first, type, record);
    XR_ASSERT(!first.failed);
    XR_ASSERT(xr_record_decode(bytes_of(&first), type, arena, &back) == XR_OK);
    XR_ASSERT(messages_equal(xr_message_info(type), record, back, true));
    xr_record_encode(&second, type, back);
    XR_ASSERT(xr_bin_equal(bytes_of(&first), bytes_of(&second)));
}

/* ---- rows of the journal --------------------------------------------------------------------- */

/* What a feed would send of it. */
static void try_push(const struct xr_journal_row *row)
{
    uint8_t head[XR_PUSH_HEAD_MAX];
    const size_t size = xr_journal_head(row, XR_NUMBER_MAX, XR_NUMBER_MAX - 1, head);
    XR_ASSERT(size <= sizeof(head));
    xr_buf_reset(&second);
    xr_buf_add(&second, head, size);
    xr_buf_add(&second, row->packed.at, row->packed.size);
    struct xr_frame frame;
    size_t used = 0;
    if (second.size > XR_FRAME_BYTES_MAX)
        return;
    XR_ASSERT(xr_frame_read(bytes_of(&second), &frame, &used) == XR_OK);
    XR_ASSERT(used == second.size);
    XR_ASSERT(frame.type == (uint32_t)row->type);
    struct xr_wire_error error = {0};
    const void *pushed = NULL;
    XR_ASSERT(xr_body_decode(row->type, frame.body, arena, &pushed, &error) == XR_OK);
}

static void try_row(struct xr_bin bytes)
{
    struct xr_journal_row row;
    struct xr_journal_row again;
    const void *update = NULL;
    const void *back = NULL;
    if (xr_journal_decode(bytes, &row) != XR_OK)
        return;
    (void)xr_audience_has(&row.audience, (struct xr_agent_id){1}, XR_role_AGENT);
    const enum xr_status status = xr_journal_message(&row, 7, arena, &update);
    XR_ASSERT(status == XR_OK || status == XR_CORRUPT);
    if (status != XR_OK)
        return;
    try_push(&row);
    xr_journal_encode(&first, &row.audience, row.type, update);
    XR_ASSERT(!first.failed);
    XR_ASSERT(xr_journal_decode(bytes_of(&first), &again) == XR_OK);
    XR_ASSERT(again.type == row.type);
    XR_ASSERT(again.audience.roles == row.audience.roles);
    XR_ASSERT(xr_journal_message(&again, 7, arena, &back) == XR_OK);
    XR_ASSERT(messages_equal(xr_message_info(row.type), update, back, false));
}

/* ---- batches --------------------------------------------------------------------------------- */

static void try_event(const struct xr_batch_event *event)
{
    const void *message = NULL;
    struct xr_wire_error error = {0};
    const enum xr_status status = xr_body_decode(event->type, event->body, arena, &message, &error);
    XR_ASSERT(status == XR_OK || status == XR_BAD);
}

static void try_batch(struct xr_bin bytes)
{
    struct xr_batch_head head;
    struct xr_batch_head again;
    struct xr_bin events;
    if (xr_batch_open(bytes, &head, &events) != XR_OK)
        return;
    struct xr_batch_event event = {0};
    uint32_t count = 0;
    xr_batch_begin(&first, &head);
    while (count < head.events && xr_batch_next(&events, &event) == XR_OK) {
        try_event(&event);
        xr_batch_add(&first, &event);
        count++;
    }
    xr_batch_end(&first);
    XR_ASSERT(!first.failed);
    if (count != head.events)
        return;
    XR_ASSERT(xr_batch_open(bytes_of(&first), &again, &events) == XR_OK);
    XR_ASSERT(again.batch_no == head.batch_no);
    XR_ASSERT(again.floor_ms == head.floor_ms);
    XR_ASSERT(again.events == head.events);
    for (uint32_t i = 0; i < count; i++)
        XR_ASSERT(xr_batch_next(&events, &event) == XR_OK);
    XR_ASSERT(events.size == 0);
}

static void seal(uint8_t *bytes, size_t size)
{
    if (size < 4)
        return;
    const uint32_t crc = xr_crc32c(bytes, size - 4);
    for (size_t i = 0; i < 4; i++)
        bytes[size - 4 + i] = (uint8_t)(crc >> (8 * i));
}

static void try_sealed_batch(struct xr_bin bytes)
{
    if (bytes.size == 0)
        return;
    uint8_t *copy = malloc(bytes.size);
    XR_ASSERT(copy != NULL);
    memcpy(copy, bytes.at, bytes.size);
    seal(copy, bytes.size);
    try_batch((struct xr_bin){copy, bytes.size});
    free(copy);
}

/* ---- the engine's row, positions ------------------------------------------------------------- */

static void try_meta(struct xr_bin bytes)
{
    struct xr_meta meta;
    struct xr_meta back;
    if (xr_meta_decode(bytes, &meta) != XR_OK)
        return;
    xr_meta_encode(&first, &meta);
    XR_ASSERT(xr_meta_decode(bytes_of(&first), &back) == XR_OK);
    xr_meta_encode(&second, &back);
    XR_ASSERT(xr_bin_equal(bytes_of(&first), bytes_of(&second)));
}

static void try_positions(struct xr_bin bytes)
{
    uint64_t position = 0;
    uint64_t last = 0;
    uint8_t out[XR_POSITION_MAX];
    while (xr_position_next(&bytes, &position) == XR_OK) {
        XR_ASSERT(position > last);
        XR_ASSERT(position <= XR_NUMBER_MAX);
        struct xr_bin put = {out, (uint32_t)xr_position_put(out, last, position)};
        XR_ASSERT(put.size <= sizeof(out));
        XR_ASSERT(xr_position_next(&put, &last) == XR_OK);
        XR_ASSERT(last == position);
        XR_ASSERT(put.size == 0);
    }
}

/* ---- choosing -------------------------------------------------------------------------------- */

static void try_value(uint8_t choice, struct xr_bin value)
{
    static void (*const others[])(struct xr_bin) = {try_row, try_batch, try_sealed_batch, try_meta,
                                                    try_positions};
    const struct xr_message_info *info = xr_message_info((enum xr_type)choice);
    if (info != NULL && info->kind == XR_KIND_RECORD)
        try_record(info->type, value);
    else
        others[choice % (sizeof(others) / sizeof(*others))](value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    set_up();
    if (size == 0 || size > OUT_MAX / 4)
        return 0;
    xr_arena_reset(arena);
    xr_buf_reset(&first);
    xr_buf_reset(&second);
    /* Copied, so that the end of the bytes is the end of the memory. */
    uint8_t *copy = malloc(size);
    XR_ASSERT(copy != NULL);
    memcpy(copy, data, size);
    try_value(copy[0], (struct xr_bin){copy + 1, (uint32_t)size - 1});
    free(copy);
    return 0;
}
