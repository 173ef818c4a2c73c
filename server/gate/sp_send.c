/*
 * Sending: put gathers frames into SP messages in a buffer, flush hands the buffer to the system.
 * At most one buffer of a connection is with the system; meanwhile the next one fills. Buffers come
 * from a stack that all connections share, so that an idle connection has none.
 */
#include "gate/sp_inside.h"

#include <string.h>

#define XR_SP_GATHER_BYTES (64 * 1024) /* payload at which the next SP message is begun */
#define XR_SP_SPARES       256         /* buffers kept for the next turn */
#define XR_SP_BUFFER_FIRST 4096
#define XR_SP_BUFFER_KEPT  (128 * 1024) /* larger ones are not kept */

/* ---- buffers --------------------------------------------------------------------------------- */

static struct xr_sp_buffer *take_buffer(struct xr_sp *sp)
{
    struct xr_sp_buffer *buffer = sp->spares;
    if (buffer) {
        sp->spares = buffer->next;
        sp->spare_count--;
        buffer->size = 0;
        return buffer;
    }
    buffer = xr_mem_zero(1, sizeof(*buffer));
    if (!buffer)
        return NULL;
    buffer->at = xr_mem_alloc(XR_SP_BUFFER_FIRST);
    buffer->capacity = XR_SP_BUFFER_FIRST;
    if (!buffer->at) {
        xr_mem_free(buffer);
        return NULL;
    }
    return buffer;
}

void xr_sp_drop_buffer(struct xr_sp_buffer *buffer)
{
    if (!buffer)
        return;
    xr_mem_free(buffer->at);
    xr_mem_free(buffer);
}

static void give_buffer(struct xr_sp *sp, struct xr_sp_buffer *buffer)
{
    if (sp->spare_count >= XR_SP_SPARES || buffer->capacity > XR_SP_BUFFER_KEPT) {
        xr_sp_drop_buffer(buffer);
        return;
    }
    buffer->next = sp->spares;
    sp->spares = buffer;
    sp->spare_count++;
}

static bool grow_buffer(struct xr_sp_buffer *buffer, size_t more)
{
    if (buffer->capacity - buffer->size >= more)
        return true;
    size_t wanted = buffer->capacity * 2;
    while (wanted - buffer->size < more)
        wanted *= 2;
    uint8_t *grown = xr_mem_grow(buffer->at, wanted);
    if (!grown)
        return false;
    buffer->at = grown;
    buffer->capacity = wanted;
    return true;
}

/* ---- sending --------------------------------------------------------------------------------- */

size_t xr_sp_queued(const struct xr_sp_conn *conn)
{
    return (conn->out ? conn->out->size : 0) + (conn->flying ? conn->flying->size : 0);
}

bool xr_sp_is_full(struct xr_sp_conn *conn)
{
    const struct xr_sp *sp = conn->sp;
    const size_t queued = xr_sp_queued(conn);
    if (queued < sp->options.queue_bytes &&
        (queued == 0 || sp->queued <= sp->options.queue_bytes_all))
        return false;
    conn->was_full = true;
    return true;
}

uint64_t xr_sp_moved_ms(const struct xr_sp_conn *conn)
{
    return xr_sp_queued(conn) ? conn->moved_ms : uv_now(conn->sp->options.loop);
}

/* Write the head of the open message, whose size is known now. */
static void seal_message(struct xr_sp_conn *conn)
{
    if (conn->message_frames == 0)
        return;
    uint8_t *head = conn->out->at + conn->message_at;
    const size_t size = conn->out->size - conn->message_at - xr_sp_head_size(conn);
    if (conn->is_ipc)
        *head++ = 1;
    xr_put_u64be(head, size);
    memcpy(head + 8, conn->id, XR_SP_ID_SIZE);
    conn->message_frames = 0;
    conn->sp->options.metrics->messages_out++;
}

void xr_sp_remove_dirty(struct xr_sp_conn *conn)
{
    if (!conn->is_dirty)
        return;
    TAILQ_REMOVE(&conn->sp->dirty, conn, dirty);
    conn->is_dirty = false;
}

void xr_sp_mark_dirty(struct xr_sp_conn *conn)
{
    if (conn->is_dirty)
        return;
    conn->is_dirty = true;
    TAILQ_INSERT_TAIL(&conn->sp->dirty, conn, dirty);
}

/* Begin a message where none is open or the open one has gathered enough. */
static bool open_message(struct xr_sp_conn *conn, size_t frame_size)
{
    const size_t head = xr_sp_head_size(conn) + XR_SP_ID_SIZE;
    if (!conn->out && !(conn->out = take_buffer(conn->sp)))
        return false;
    if (conn->message_frames > 0) {
        const size_t payload = conn->out->size - conn->message_at - head;
        if (conn->message_frames == XR_FRAMES_PER_MESSAGE ||
            payload + frame_size > XR_SP_GATHER_BYTES)
            seal_message(conn);
    }
    if (!grow_buffer(conn->out, head + frame_size))
        return false;
    if (conn->message_frames == 0) {
        conn->message_at = conn->out->size;
        conn->out->size += head;
    }
    conn->message_frames++;
    return true;
}

uint8_t *xr_sp_put(struct xr_sp_conn *conn, size_t size)
{
    if (conn->state != XR_SP_OPEN)
        return NULL;
    XR_ASSERT(size <= XR_SP_MESSAGE_BYTES_MAX);
    const size_t queued = xr_sp_queued(conn);
    if (queued == 0)
        conn->moved_ms = uv_now(conn->sp->options.loop);
    if (queued + size > conn->sp->options.queue_bytes_max) {
        conn->sp->options.metrics->overflowed++;
        xr_sp_close(conn);
        return NULL;
    }
    if (!open_message(conn, size)) {
        xr_sp_close(conn);
        return NULL;
    }
    xr_sp_mark_dirty(conn);
    uint8_t *room = conn->out->at + conn->out->size;
    conn->out->size += size;
    conn->sp->queued += xr_sp_queued(conn) - queued;
    return room;
}

static void on_shutdown(uv_shutdown_t *request, int status)
{
    (void)request;
    (void)status; /* the peer's end of file or the timer closes */
}

/* Nothing is queued any more: the owner may go on, or the connection may end. */
static void settle_queue(struct xr_sp_conn *conn)
{
    if (conn->state == XR_SP_FINISHING) {
        if (xr_sp_queued(conn) == 0 && !conn->is_ending) {
            conn->is_ending = true;
            if (uv_shutdown(&conn->shutdown, &conn->uv.stream, on_shutdown))
                xr_sp_close(conn);
        }
        return;
    }
    if (conn->was_full && xr_sp_queued(conn) <= conn->sp->options.queue_bytes / 2) {
        conn->was_full = false;
        if (conn->owner)
            conn->sp->options.on_room(conn->owner);
    }
}

static void flush(struct xr_sp_conn *conn);

static void on_written(uv_write_t *request, int status)
{
    struct xr_sp_conn *conn = request->data;
    conn->sp->queued -= conn->flying->size;
    give_buffer(conn->sp, XR_MOVE(conn->flying));
    if (conn->state == XR_SP_CLOSING)
        return;
    if (status) {
        xr_sp_close(conn);
        return;
    }
    conn->moved_ms = uv_now(conn->sp->options.loop);
    flush(conn);
}

/* Hand everything to the system: at once as far as it goes, the rest in the background. */
static void flush(struct xr_sp_conn *conn)
{
    xr_sp_remove_dirty(conn);
    if (conn->flying)
        return; /* on_written comes back */
    if (!conn->out) {
        settle_queue(conn);
        return;
    }
    struct xr_metrics *metrics = conn->sp->options.metrics;
    seal_message(conn);
    uv_buf_t bytes = uv_buf_init((char *)conn->out->at, (unsigned)conn->out->size);
    const int written = uv_try_write(&conn->uv.stream, &bytes, 1);
    metrics->writes++;
    if (written < 0 && written != UV_EAGAIN) {
        xr_sp_close(conn);
        return;
    }
    const size_t done = written > 0 ? (size_t)written : 0;
    metrics->bytes_out += conn->out->size;
    if (done > 0)
        conn->moved_ms = uv_now(conn->sp->options.loop);
    if (done == conn->out->size) {
        conn->sp->queued -= done;
        give_buffer(conn->sp, XR_MOVE(conn->out));
        settle_queue(conn);
        return;
    }
    conn->flying = XR_MOVE(conn->out);
    bytes = uv_buf_init((char *)conn->flying->at + done, (unsigned)(conn->flying->size - done));
    conn->write.data = conn;
    if (uv_write(&conn->write, &conn->uv.stream, &bytes, 1, on_written))
        xr_sp_close(conn);
}

void xr_sp_flush(struct xr_sp *sp)
{
    while (!TAILQ_EMPTY(&sp->dirty))
        flush(TAILQ_FIRST(&sp->dirty));
}

void xr_sp_finish(struct xr_sp_conn *conn)
{
    if (conn->state >= XR_SP_FINISHING)
        return;
    conn->state = XR_SP_FINISHING;
    xr_sp_remove_resumed(conn);
    xr_sp_mark_dirty(conn);
    xr_sp_alarm(conn, conn->sp->options.finish_ms);
    xr_sp_read_on(conn); /* so that its end of file is seen */
}
