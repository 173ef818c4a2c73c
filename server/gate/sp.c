/*
 * The way of a connection: accept → send our greeting, wait for the peer's (8 bytes, REQ only) →
 * on_open → messages until either side closes → close both handles → on_close → freed.
 *
 * What can go wrong, and what is done:
 *     no greeting in time, another protocol      closed, counted
 *     a length beyond the bound, no header word,
 *     nothing behind it                          closed, counted: the stream cannot be trusted
 *     out of descriptors                         libuv accepts with its reserve and closes
 *     more connections than allowed              accepted and closed, counted
 *     the peer does not read                     xr_sp_is_full tells the owner, who stops; a queue
 *                                                over the hard limit closes
 *     no memory                                  this connection is closed, the others go on
 *
 * Turns: put marks a connection dirty; the check handle, after the poll of each turn, first goes on
 * with resumed connections and then sends for all dirty ones. The prepare handle does the same for
 * what timers have put.
 */
#include "gate/sp_inside.h"

#include <string.h>

/* ---- closing --------------------------------------------------------------------------------- */

void xr_sp_count_closed(struct xr_sp *sp)
{
    XR_ASSERT(sp->open_handles > 0);
    if (--sp->open_handles > 0 || !sp->is_stopping)
        return;
    void (*on_stopped)(void *) = sp->on_stopped;
    void *context = sp->stopped_context;
    while (sp->spares) {
        struct xr_sp_buffer *next = sp->spares->next;
        xr_sp_drop_buffer(sp->spares);
        sp->spares = next;
    }
    xr_mem_free(sp->reserve);
    xr_mem_free(sp);
    if (on_stopped)
        on_stopped(context);
}

void xr_sp_remove_resumed(struct xr_sp_conn *conn)
{
    if (!conn->is_resumed)
        return;
    TAILQ_REMOVE(&conn->sp->resumed, conn, resumed);
    conn->sp->resumed_count--;
    conn->is_resumed = false;
}

/* Free the connection, or keep it as the reserve and let in who had to wait for that. */
static void free_conn(struct xr_sp *sp, struct xr_sp_conn *conn)
{
    if (sp->reserve) {
        xr_mem_free(conn);
        return;
    }
    sp->reserve = conn;
    for (struct xr_sp_listener *listener = sp->listeners; listener; listener = listener->next) {
        if (listener->is_waiting)
            xr_sp_accept_one(listener);
    }
}

static void on_own_closed(uv_handle_t *handle)
{
    xr_sp_count_closed(handle->data);
}

/* The last to go: without them nothing is sent. */
static void close_own(struct xr_sp *sp)
{
    uv_close((uv_handle_t *)&sp->check, on_own_closed);
    uv_close((uv_handle_t *)&sp->prepare, on_own_closed);
    uv_close((uv_handle_t *)&sp->idle, on_own_closed);
}

static void on_conn_closed(uv_handle_t *handle)
{
    struct xr_sp_conn *conn = handle->data;
    if (--conn->handles > 0)
        return;
    struct xr_sp *sp = conn->sp;
    if (conn->owner)
        sp->options.on_close(conn->owner);
    /* on_close may have put or resumed in vain, but is_closing has refused it */
    XR_ASSERT(!conn->is_dirty);
    XR_ASSERT(!conn->is_resumed);
    TAILQ_REMOVE(&sp->conns, conn, all);
    if (sp->is_stopping && TAILQ_EMPTY(&sp->conns))
        close_own(sp);
    sp->options.metrics->connections--;
    sp->queued -= xr_sp_queued(conn);
    xr_sp_drop_buffer(conn->out);
    xr_sp_drop_buffer(conn->flying);
    xr_buf_fini(&conn->in);
    free_conn(sp, conn);
    xr_sp_count_closed(sp);
}

void xr_sp_close(struct xr_sp_conn *conn)
{
    if (conn->state == XR_SP_CLOSING)
        return;
    conn->state = XR_SP_CLOSING;
    xr_sp_remove_dirty(conn);
    xr_sp_remove_resumed(conn);
    uv_close(&conn->uv.handle, on_conn_closed);
    uv_close((uv_handle_t *)&conn->timer, on_conn_closed);
}

bool xr_sp_is_closing(const struct xr_sp_conn *conn)
{
    return conn->state >= XR_SP_FINISHING;
}

const char *xr_sp_peer(const struct xr_sp_conn *conn)
{
    return conn->peer;
}

/* ---- receiving ------------------------------------------------------------------------------- */

void xr_sp_allow(struct xr_sp_conn *conn, size_t message_bytes_max)
{
    conn->message_bytes_max = message_bytes_max;
}

static bool check_greeting(struct xr_sp_conn *conn, const uint8_t *at)
{
    static const uint8_t wanted[XR_SP_GREETING_SIZE] = {0, 'S', 'P', 0, 0, XR_SP_REQ, 0, 0};
    if (memcmp(at, wanted, sizeof(wanted)) != 0)
        return false;
    conn->state = XR_SP_OPEN;
    uv_timer_stop(&conn->timer);
    return true;
}

void xr_sp_refuse_greeting(struct xr_sp_conn *conn)
{
    conn->sp->options.metrics->greeting_bad++;
    xr_sp_close(conn);
}

/* The size of the message that begins here, with its head; 0: the head is not whole yet. */
static size_t measure_message(struct xr_sp_conn *conn, const uint8_t *at, size_t size)
{
    const size_t head = xr_sp_head_size(conn);
    if (size < head)
        return 0;
    const uint64_t length = xr_get_u64be(at + head - 8);
    if ((conn->is_ipc && at[0] != 1) || length <= XR_SP_ID_SIZE ||
        length > conn->message_bytes_max + XR_SP_ID_SIZE) {
        conn->sp->options.metrics->sp_bad++;
        xr_sp_close(conn);
        return 0;
    }
    return head + (size_t)length;
}

/* Hand on one whole message. False: the owner stopped, or the connection is closing. */
static bool hand_on(struct xr_sp_conn *conn, uint8_t *at, size_t size)
{
    const size_t head = xr_sp_head_size(conn);
    const bool is_first = !conn->is_stopped;
    if (is_first) {
        if ((at[head] & 0x80) == 0) { /* came through a device: more than one word */
            conn->sp->options.metrics->sp_bad++;
            xr_sp_close(conn);
            return false;
        }
        memcpy(conn->id, at + head, XR_SP_ID_SIZE);
        conn->sp->options.metrics->messages_in++;
        conn->payload_used = 0;
    }
    const size_t begin = head + XR_SP_ID_SIZE + conn->payload_used;
    conn->is_stopped = false;
    conn->payload_used +=
        conn->sp->options.on_payload(conn->owner, at + begin, size - begin, is_first);
    XR_ASSERT(head + XR_SP_ID_SIZE + conn->payload_used <= size);
    if (conn->state != XR_SP_OPEN)
        return false;
    conn->is_stopped = head + XR_SP_ID_SIZE + conn->payload_used < size;
    return !conn->is_stopped;
}

/* Carry out what is whole. Returns how many bytes are done with. */
static size_t consume(struct xr_sp_conn *conn, uint8_t *at, size_t size)
{
    size_t used = 0;
    if (conn->state == XR_SP_GREETING) {
        if (size < XR_SP_GREETING_SIZE)
            return 0;
        if (!check_greeting(conn, at)) {
            xr_sp_refuse_greeting(conn);
            return 0;
        }
        used = XR_SP_GREETING_SIZE;
        conn->owner = conn->sp->options.on_open(conn->sp->options.context, conn);
        if (!conn->owner)
            xr_sp_close(conn);
    }
    while (conn->state == XR_SP_OPEN) {
        const size_t message = measure_message(conn, at + used, size - used);
        if (message == 0 || message > size - used)
            break;
        if (!hand_on(conn, at + used, message))
            break;
        used += message;
    }
    return conn->state == XR_SP_OPEN ? used : size;
}

static void read_off(struct xr_sp_conn *conn)
{
    if (!conn->is_reading)
        return;
    uv_read_stop(&conn->uv.stream);
    conn->is_reading = false;
}

/* Keep what is not done with; it is less than a message and a read. */
static void keep_rest(struct xr_sp_conn *conn, const uint8_t *rest, size_t size)
{
    if (size == 0)
        return;
    xr_buf_add(&conn->in, rest, size);
    if (conn->in.failed)
        xr_sp_close(conn);
}

/* Take the first `used` bytes off `in`. */
static void shift_in(struct xr_sp_conn *conn, size_t used)
{
    const size_t left = conn->in.size - used;
    if (left == 0) {
        xr_buf_fini(&conn->in);
    } else if (used > 0) {
        memmove(conn->in.at, conn->in.at + used, left);
        conn->in.size = left;
    }
}

static void take_bytes(struct xr_sp_conn *conn, uint8_t *bytes, size_t size)
{
    if (conn->in.size == 0) {
        const size_t used = consume(conn, bytes, size);
        if (conn->state <= XR_SP_OPEN)
            keep_rest(conn, bytes + used, size - used);
    } else {
        keep_rest(conn, bytes, size);
        if (conn->state <= XR_SP_OPEN)
            shift_in(conn, consume(conn, conn->in.at, conn->in.size));
    }
    if (conn->state == XR_SP_OPEN && conn->is_stopped)
        read_off(conn);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    (void)suggested;
    struct xr_sp_conn *conn = handle->data;
    *out = uv_buf_init(conn->sp->read_bytes, sizeof(conn->sp->read_bytes));
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *bytes)
{
    struct xr_sp_conn *conn = stream->data;
    if (size == 0)
        return;
    if (size < 0) {
        xr_sp_close(conn);
        return;
    }
    conn->sp->options.metrics->bytes_in += (uint64_t)size;
    if (conn->state == XR_SP_FINISHING)
        return;
    take_bytes(conn, (uint8_t *)bytes->base, (size_t)size);
}

void xr_sp_read_on(struct xr_sp_conn *conn)
{
    if (conn->is_reading)
        return;
    if (uv_read_start(&conn->uv.stream, on_alloc, on_read))
        xr_sp_close(conn);
    else
        conn->is_reading = true;
}

void xr_sp_resume(struct xr_sp_conn *conn)
{
    if (conn->is_resumed || conn->state != XR_SP_OPEN)
        return;
    conn->is_resumed = true;
    TAILQ_INSERT_TAIL(&conn->sp->resumed, conn, resumed);
    conn->sp->resumed_count++;
}

static void go_on(struct xr_sp_conn *conn)
{
    if (!conn->is_stopped)
        return;
    shift_in(conn, consume(conn, conn->in.at, conn->in.size));
    if (conn->state == XR_SP_OPEN && !conn->is_stopped)
        xr_sp_read_on(conn);
}

/* Go on with those that were resumed before now: each once a turn, so that none holds the loop. */
static void go_on_all(struct xr_sp *sp)
{
    for (size_t count = sp->resumed_count; count > 0 && sp->resumed_count > 0; count--) {
        struct xr_sp_conn *conn = TAILQ_FIRST(&sp->resumed);
        xr_sp_remove_resumed(conn);
        go_on(conn);
    }
}

/* ---- turns ----------------------------------------------------------------------------------- */

static void on_idle(uv_idle_t *idle)
{
    (void)idle;
}

static void end_turn(struct xr_sp *sp)
{
    go_on_all(sp);
    xr_sp_flush(sp);
    if (sp->resumed_count > 0)
        uv_idle_start(&sp->idle, on_idle);
    else
        uv_idle_stop(&sp->idle);
}

static void on_check(uv_check_t *check)
{
    end_turn(check->data);
}

static void on_prepare(uv_prepare_t *prepare)
{
    end_turn(prepare->data);
}

static void on_timer(uv_timer_t *timer)
{
    struct xr_sp_conn *conn = timer->data;
    if (conn->state == XR_SP_GREETING)
        xr_sp_refuse_greeting(conn);
    else if (conn->state == XR_SP_FINISHING)
        xr_sp_close(conn);
    else if (conn->state == XR_SP_OPEN)
        conn->sp->options.on_alarm(conn->owner);
}

void xr_sp_alarm(struct xr_sp_conn *conn, uint64_t ms)
{
    if (conn->state != XR_SP_CLOSING)
        uv_timer_start(&conn->timer, on_timer, ms, 0);
}

/* ---- life ------------------------------------------------------------------------------------ */

enum xr_status xr_sp_new(const struct xr_sp_options *options, struct xr_sp **out)
{
    struct xr_sp *sp = xr_mem_zero(1, sizeof(*sp));
    if (!sp)
        return XR_NOMEM;
    sp->reserve = xr_mem_alloc(sizeof(*sp->reserve));
    if (!sp->reserve) {
        xr_mem_free(sp);
        return XR_NOMEM;
    }
    sp->options = *options;
    TAILQ_INIT(&sp->conns);
    TAILQ_INIT(&sp->dirty);
    TAILQ_INIT(&sp->resumed);
    uv_check_init(options->loop, &sp->check);
    uv_prepare_init(options->loop, &sp->prepare);
    uv_idle_init(options->loop, &sp->idle);
    sp->check.data = sp;
    sp->prepare.data = sp;
    sp->idle.data = sp;
    uv_check_start(&sp->check, on_check);
    uv_prepare_start(&sp->prepare, on_prepare);
    sp->open_handles = 3;
    *out = sp;
    return XR_OK;
}

void xr_sp_stop(struct xr_sp *sp, void (*on_stopped)(void *context), void *context)
{
    XR_ASSERT(!sp->is_stopping);
    sp->is_stopping = true;
    sp->on_stopped = on_stopped;
    sp->stopped_context = context;
    xr_sp_deaf(sp);
    struct xr_sp_conn *conn;
    for (conn = TAILQ_FIRST(&sp->conns); conn; conn = TAILQ_NEXT(conn, all))
        xr_sp_finish(conn);
    if (TAILQ_EMPTY(&sp->conns))
        close_own(sp);
}
