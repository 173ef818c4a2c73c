/*
 * The way of a connection: accept → send our greeting, wait for the peer's (8 bytes, REQ only) →
 * on_open → messages until either side closes → close both handles → on_close → freed.
 *
 * What can go wrong, and what is done:
 *     no greeting in time, another protocol      closed, counted
 *     a length beyond the bound, no header word  closed, counted: the stream cannot be trusted
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
#include "gate/sp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define XR_SP_REQ           0x30
#define XR_SP_REP           0x31
#define XR_SP_GREETING_SIZE 8
#define XR_SP_ID_SIZE       4           /* the header word of a request */
#define XR_SP_HEAD_MAX      9           /* ipc: one byte more than tcp */
#define XR_SP_READ_BYTES    (64 * 1024) /* one read */
#define XR_SP_GATHER_BYTES  (64 * 1024) /* payload at which the next SP message is begun */
#define XR_SP_SPARES        256         /* buffers kept for the next turn */
#define XR_SP_BUFFER_FIRST  4096
#define XR_SP_BUFFER_KEPT   (128 * 1024) /* larger ones are not kept */
#define XR_SP_BACKLOG       1024

enum conn_state {
    CONN_GREETING,
    CONN_OPEN,
    CONN_FINISHING, /* what the peer sends is thrown away */
    CONN_CLOSING,
};

/* Bytes on their way out: whole SP messages, the last perhaps still open. */
struct buffer {
    struct buffer *next; /* among the spares */
    size_t size;
    size_t capacity;
    uint8_t *at;
};

struct listener {
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } uv;
    struct xr_sp *sp;
    struct listener *next;
    bool is_ipc;
    bool is_waiting; /* a connection stands in the door, and there was no memory for it */
    char path[sizeof(((struct sockaddr_un *)0)->sun_path)]; /* ipc: removed at the end */
};

struct xr_sp_conn {
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } uv;
    uv_timer_t timer;
    uv_write_t write;
    uv_shutdown_t shutdown;
    struct xr_sp *sp;
    void *owner;
    TAILQ_ENTRY(xr_sp_conn) all;
    TAILQ_ENTRY(xr_sp_conn) dirty;
    TAILQ_ENTRY(xr_sp_conn) resumed;

    struct xr_buf in;        /* what was read and is not done with; mostly empty */
    size_t payload_used;     /* of the message at the front of `in`, by an owner that stopped */
    struct buffer *out;      /* being filled */
    struct buffer *flying;   /* with the system */
    size_t message_at;       /* where the open message begins in `out`; its head first */
    uint32_t message_frames; /* 0: no message is open */
    uint64_t moved_ms;
    uint8_t id[XR_SP_ID_SIZE]; /* header of the latest request */

    enum conn_state state;
    uint8_t handles; /* open ones */
    bool is_ipc;
    bool is_reading;
    bool is_stopped; /* the owner left a rest */
    bool is_dirty;
    bool is_resumed;
    bool was_full;
    bool is_ending; /* shutdown was asked for */
    char peer[INET6_ADDRSTRLEN];
};

TAILQ_HEAD(conn_list, xr_sp_conn);

struct xr_sp {
    struct xr_sp_options options;
    uv_check_t check;
    uv_prepare_t prepare;
    uv_idle_t idle; /* runs while resumed connections wait, so that the poll does not block */
    struct listener *listeners;
    struct conn_list conns;
    struct conn_list dirty;
    struct conn_list resumed;
    size_t resumed_count;
    size_t queued;              /* bytes put and not yet taken by the system, of all connections */
    struct xr_sp_conn *reserve; /* to accept and close with where there is no memory */
    struct buffer *spares;
    size_t spare_count;
    size_t open_handles; /* our three, listeners, connections (one each) */
    bool is_stopping;
    void (*on_stopped)(void *context);
    void *stopped_context;
    char read_bytes[XR_SP_READ_BYTES];
};

static void read_on(struct xr_sp_conn *conn);

/* ---- buffers --------------------------------------------------------------------------------- */

static struct buffer *take_buffer(struct xr_sp *sp)
{
    struct buffer *buffer = sp->spares;
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

static void drop_buffer(struct buffer *buffer)
{
    if (!buffer)
        return;
    xr_mem_free(buffer->at);
    xr_mem_free(buffer);
}

static void give_buffer(struct xr_sp *sp, struct buffer *buffer)
{
    if (sp->spare_count >= XR_SP_SPARES || buffer->capacity > XR_SP_BUFFER_KEPT) {
        drop_buffer(buffer);
        return;
    }
    buffer->next = sp->spares;
    sp->spares = buffer;
    sp->spare_count++;
}

static bool grow_buffer(struct buffer *buffer, size_t more)
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

/* ---- closing --------------------------------------------------------------------------------- */

static void count_closed(struct xr_sp *sp)
{
    XR_ASSERT(sp->open_handles > 0);
    if (--sp->open_handles > 0 || !sp->is_stopping)
        return;
    void (*on_stopped)(void *) = sp->on_stopped;
    void *context = sp->stopped_context;
    while (sp->spares) {
        struct buffer *next = sp->spares->next;
        drop_buffer(sp->spares);
        sp->spares = next;
    }
    xr_mem_free(sp->reserve);
    xr_mem_free(sp);
    if (on_stopped)
        on_stopped(context);
}

static void remove_dirty(struct xr_sp_conn *conn)
{
    if (!conn->is_dirty)
        return;
    TAILQ_REMOVE(&conn->sp->dirty, conn, dirty);
    conn->is_dirty = false;
}

static void remove_resumed(struct xr_sp_conn *conn)
{
    if (!conn->is_resumed)
        return;
    TAILQ_REMOVE(&conn->sp->resumed, conn, resumed);
    conn->sp->resumed_count--;
    conn->is_resumed = false;
}

static void accept_one(struct listener *listener);

/* Free the connection, or keep it as the reserve and let in who had to wait for that. */
static void free_conn(struct xr_sp *sp, struct xr_sp_conn *conn)
{
    if (sp->reserve) {
        xr_mem_free(conn);
        return;
    }
    sp->reserve = conn;
    for (struct listener *listener = sp->listeners; listener; listener = listener->next) {
        if (listener->is_waiting)
            accept_one(listener);
    }
}

static void on_own_closed(uv_handle_t *handle)
{
    count_closed(handle->data);
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
    drop_buffer(conn->out);
    drop_buffer(conn->flying);
    xr_buf_fini(&conn->in);
    free_conn(sp, conn);
    count_closed(sp);
}

void xr_sp_close(struct xr_sp_conn *conn)
{
    if (conn->state == CONN_CLOSING)
        return;
    conn->state = CONN_CLOSING;
    remove_dirty(conn);
    remove_resumed(conn);
    uv_close(&conn->uv.handle, on_conn_closed);
    uv_close((uv_handle_t *)&conn->timer, on_conn_closed);
}

bool xr_sp_is_closing(const struct xr_sp_conn *conn)
{
    return conn->state >= CONN_FINISHING;
}

const char *xr_sp_peer(const struct xr_sp_conn *conn)
{
    return conn->peer;
}

/* ---- sending --------------------------------------------------------------------------------- */

static size_t head_size(const struct xr_sp_conn *conn)
{
    return conn->is_ipc ? 9 : 8;
}

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
    const size_t size = conn->out->size - conn->message_at - head_size(conn);
    if (conn->is_ipc)
        *head++ = 1;
    xr_put_u64be(head, size);
    memcpy(head + 8, conn->id, XR_SP_ID_SIZE);
    conn->message_frames = 0;
    conn->sp->options.metrics->messages_out++;
}

static void mark_dirty(struct xr_sp_conn *conn)
{
    if (conn->is_dirty)
        return;
    conn->is_dirty = true;
    TAILQ_INSERT_TAIL(&conn->sp->dirty, conn, dirty);
}

/* Begin a message where none is open or the open one has gathered enough. */
static bool open_message(struct xr_sp_conn *conn, size_t frame_size)
{
    const size_t head = head_size(conn) + XR_SP_ID_SIZE;
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
    if (conn->state != CONN_OPEN)
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
    mark_dirty(conn);
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
    if (conn->state == CONN_FINISHING) {
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
    if (conn->state == CONN_CLOSING)
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
    remove_dirty(conn);
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
    if (conn->state >= CONN_FINISHING)
        return;
    conn->state = CONN_FINISHING;
    remove_resumed(conn);
    mark_dirty(conn);
    xr_sp_alarm(conn, conn->sp->options.finish_ms);
    read_on(conn); /* so that its end of file is seen */
}

/* ---- receiving ------------------------------------------------------------------------------- */

static bool check_greeting(struct xr_sp_conn *conn, const uint8_t *at)
{
    static const uint8_t wanted[XR_SP_GREETING_SIZE] = {0, 'S', 'P', 0, 0, XR_SP_REQ, 0, 0};
    if (memcmp(at, wanted, sizeof(wanted)) != 0)
        return false;
    conn->state = CONN_OPEN;
    uv_timer_stop(&conn->timer);
    return true;
}

static void refuse_greeting(struct xr_sp_conn *conn)
{
    conn->sp->options.metrics->greeting_bad++;
    xr_sp_close(conn);
}

/* The size of the message that begins here, with its head; 0: the head is not whole yet. */
static size_t measure_message(struct xr_sp_conn *conn, const uint8_t *at, size_t size)
{
    const size_t head = head_size(conn);
    if (size < head)
        return 0;
    const uint64_t length = xr_get_u64be(at + head - 8);
    if ((conn->is_ipc && at[0] != 1) || length < XR_SP_ID_SIZE ||
        length > XR_SP_MESSAGE_BYTES_MAX + XR_SP_ID_SIZE) {
        conn->sp->options.metrics->sp_bad++;
        xr_sp_close(conn);
        return 0;
    }
    return head + (size_t)length;
}

/* Hand on one whole message. False: the owner stopped, or the connection is closing. */
static bool hand_on(struct xr_sp_conn *conn, uint8_t *at, size_t size)
{
    const size_t head = head_size(conn);
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
    if (begin == size && is_first)
        return true; /* empty: tells its id, no more */
    conn->payload_used +=
        conn->sp->options.on_payload(conn->owner, at + begin, size - begin, is_first);
    XR_ASSERT(head + XR_SP_ID_SIZE + conn->payload_used <= size);
    if (conn->state != CONN_OPEN)
        return false;
    conn->is_stopped = head + XR_SP_ID_SIZE + conn->payload_used < size;
    return !conn->is_stopped;
}

/* Carry out what is whole. Returns how many bytes are done with. */
static size_t consume(struct xr_sp_conn *conn, uint8_t *at, size_t size)
{
    size_t used = 0;
    if (conn->state == CONN_GREETING) {
        if (size < XR_SP_GREETING_SIZE)
            return 0;
        if (!check_greeting(conn, at)) {
            refuse_greeting(conn);
            return 0;
        }
        used = XR_SP_GREETING_SIZE;
        conn->owner = conn->sp->options.on_open(conn->sp->options.context, conn);
        if (!conn->owner)
            xr_sp_close(conn);
    }
    while (conn->state == CONN_OPEN) {
        const size_t message = measure_message(conn, at + used, size - used);
        if (message == 0 || message > size - used)
            break;
        if (!hand_on(conn, at + used, message))
            break;
        used += message;
    }
    return conn->state == CONN_OPEN ? used : size;
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
        if (conn->state <= CONN_OPEN)
            keep_rest(conn, bytes + used, size - used);
    } else {
        keep_rest(conn, bytes, size);
        if (conn->state <= CONN_OPEN)
            shift_in(conn, consume(conn, conn->in.at, conn->in.size));
    }
    if (conn->state == CONN_OPEN && conn->is_stopped)
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
    if (conn->state == CONN_FINISHING)
        return;
    take_bytes(conn, (uint8_t *)bytes->base, (size_t)size);
}

static void read_on(struct xr_sp_conn *conn)
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
    if (conn->is_resumed || conn->state != CONN_OPEN)
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
    if (conn->state == CONN_OPEN && !conn->is_stopped)
        read_on(conn);
}

/* Go on with those that were resumed before now: each once a turn, so that none holds the loop. */
static void go_on_all(struct xr_sp *sp)
{
    for (size_t count = sp->resumed_count; count > 0 && sp->resumed_count > 0; count--) {
        struct xr_sp_conn *conn = TAILQ_FIRST(&sp->resumed);
        remove_resumed(conn);
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
    if (conn->state == CONN_GREETING)
        refuse_greeting(conn);
    else if (conn->state == CONN_FINISHING)
        xr_sp_close(conn);
    else if (conn->state == CONN_OPEN)
        conn->sp->options.on_alarm(conn->owner);
}

void xr_sp_alarm(struct xr_sp_conn *conn, uint64_t ms)
{
    if (conn->state != CONN_CLOSING)
        uv_timer_start(&conn->timer, on_timer, ms, 0);
}

/* ---- accepting ------------------------------------------------------------------------------- */

static void name_peer(struct xr_sp_conn *conn)
{
    struct sockaddr_storage address;
    int size = sizeof(address);
    snprintf(conn->peer, sizeof(conn->peer), "unix");
    if (conn->is_ipc || uv_tcp_getpeername(&conn->uv.tcp, (struct sockaddr *)&address, &size))
        return;
    if (address.ss_family == AF_INET)
        uv_ip4_name((struct sockaddr_in *)&address, conn->peer, sizeof(conn->peer));
    else
        uv_ip6_name((struct sockaddr_in6 *)&address, conn->peer, sizeof(conn->peer));
}

static void greet(struct xr_sp_conn *conn)
{
    static const uint8_t ours[XR_SP_GREETING_SIZE] = {0, 'S', 'P', 0, 0, XR_SP_REP, 0, 0};
    if (!conn->is_ipc)
        uv_tcp_nodelay(&conn->uv.tcp, 1);
    name_peer(conn);
    uv_buf_t bytes = uv_buf_init((char *)(uintptr_t)ours, sizeof(ours));
    if (uv_try_write(&conn->uv.stream, &bytes, 1) != (int)sizeof(ours)) {
        refuse_greeting(conn);
        return;
    }
    xr_sp_alarm(conn, conn->sp->options.greeting_ms);
    read_on(conn);
}

static struct xr_sp_conn *add_conn(struct listener *listener)
{
    struct xr_sp *sp = listener->sp;
    struct xr_sp_conn *conn = xr_mem_alloc(sizeof(*conn));
    if (!conn)
        conn = XR_MOVE(sp->reserve);
    if (!conn)
        return NULL;
    *conn = (struct xr_sp_conn){.sp = sp, .id = {0x80}};
    conn->is_ipc = listener->is_ipc;
    xr_buf_init(&conn->in, XR_SP_MESSAGE_BYTES_MAX + XR_SP_HEAD_MAX + 2 * XR_SP_READ_BYTES);
    if (conn->is_ipc)
        uv_pipe_init(sp->options.loop, &conn->uv.pipe, 0);
    else
        uv_tcp_init(sp->options.loop, &conn->uv.tcp);
    uv_timer_init(sp->options.loop, &conn->timer);
    conn->uv.handle.data = conn;
    conn->timer.data = conn;
    conn->handles = 2;
    TAILQ_INSERT_TAIL(&sp->conns, conn, all);
    sp->open_handles++;
    sp->options.metrics->connections++;
    return conn;
}

/* libuv keeps the new descriptor, and takes no other, until it is accepted. */
static void accept_one(struct listener *listener)
{
    struct xr_metrics *metrics = listener->sp->options.metrics;
    struct xr_sp_conn *conn = add_conn(listener);
    listener->is_waiting = !conn;
    if (!conn)
        return;
    metrics->accepted++;
    if (uv_accept(&listener->uv.stream, &conn->uv.stream) || !listener->sp->reserve) {
        metrics->accept_failed++;
        xr_sp_close(conn);
    } else if (metrics->connections > listener->sp->options.connections_max) {
        metrics->refused_full++;
        xr_sp_close(conn);
    } else {
        greet(conn);
    }
}

static void on_connection(uv_stream_t *stream, int status)
{
    struct listener *listener = stream->data;
    if (status < 0)
        listener->sp->options.metrics->accept_failed++;
    else
        accept_one(listener);
}

/* ---- listening ------------------------------------------------------------------------------- */

/* "127.0.0.1:7400", "[::1]:7400", "localhost:7400" */
static enum xr_status parse_tcp(const char *text, struct sockaddr_storage *out, const char **why)
{
    char host[64];
    const char *colon = strrchr(text, ':');
    *why = "not of the form tcp://ADDRESS:PORT";
    if (!colon || colon == text || (size_t)(colon - text) >= sizeof(host))
        return XR_BAD;
    memcpy(host, text, (size_t)(colon - text));
    host[colon - text] = 0;
    char *end = NULL;
    const long port = strtol(colon + 1, &end, 10);
    if (colon[1] < '0' || colon[1] > '9' || *end || port > 65535)
        return XR_BAD;
    *why =
        "SP over TCP is plain text: only addresses of this machine (127.0.0.1, [::1]) are allowed";
    if (strcmp(host, "localhost") == 0)
        strcpy(host, "127.0.0.1");
    const size_t length = strlen(host);
    if (host[0] == '[' && host[length - 1] == ']') {
        struct sockaddr_in6 *six = (struct sockaddr_in6 *)out;
        host[length - 1] = 0;
        if (uv_ip6_addr(host + 1, (int)port, six) || !IN6_IS_ADDR_LOOPBACK(&six->sin6_addr))
            return XR_BAD;
        return XR_OK;
    }
    struct sockaddr_in *four = (struct sockaddr_in *)out;
    if (uv_ip4_addr(host, (int)port, four) || ntohl(four->sin_addr.s_addr) >> 24 != 127)
        return XR_BAD;
    return XR_OK;
}

static int listen_tcp(struct listener *listener, const struct sockaddr_storage *address,
                      char *actual)
{
    char name[INET6_ADDRSTRLEN];
    struct sockaddr_storage bound;
    int size = sizeof(bound);
    int error = uv_tcp_bind(&listener->uv.tcp, (const struct sockaddr *)address, 0);
    if (!error)
        error = uv_listen(&listener->uv.stream, XR_SP_BACKLOG, on_connection);
    if (!error)
        error = uv_tcp_getsockname(&listener->uv.tcp, (struct sockaddr *)&bound, &size);
    if (error)
        return error;
    if (bound.ss_family == AF_INET) {
        struct sockaddr_in *four = (struct sockaddr_in *)&bound;
        uv_ip4_name(four, name, sizeof(name));
        snprintf(actual, XR_SP_ADDRESS_MAX, "tcp://%s:%d", name, ntohs(four->sin_port));
    } else {
        struct sockaddr_in6 *six = (struct sockaddr_in6 *)&bound;
        uv_ip6_name(six, name, sizeof(name));
        snprintf(actual, XR_SP_ADDRESS_MAX, "tcp://[%s]:%d", name, ntohs(six->sin6_port));
    }
    return 0;
}

/* Remove a socket that a killed server has left: one that nobody listens on. */
static void remove_stale(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat file;
    if (stat(path, &file) || !S_ISSOCK(file.st_mode))
        return;
    strcpy(address.sun_path, path);
    const int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (probe < 0)
        return;
    if (connect(probe, (struct sockaddr *)&address, sizeof(address)) && errno == ECONNREFUSED)
        unlink(path);
    close(probe);
}

static int listen_ipc(struct listener *listener, const char *path, char *actual)
{
    remove_stale(path);
    const mode_t before = umask(0177); /* 0600 from the first moment */
    int error = uv_pipe_bind(&listener->uv.pipe, path);
    umask(before);
    if (!error)
        error = uv_listen(&listener->uv.stream, XR_SP_BACKLOG, on_connection);
    if (error)
        return error;
    strcpy(listener->path, path);
    snprintf(actual, XR_SP_ADDRESS_MAX, "ipc://%s", path);
    return 0;
}

static void on_listener_closed(uv_handle_t *handle)
{
    struct listener *listener = handle->data;
    struct xr_sp *sp = listener->sp;
    xr_mem_free(listener);
    count_closed(sp);
}

/* Which address it is, before anything is made. */
static enum xr_status parse_address(const char *address, struct sockaddr_storage *tcp,
                                    const char **path, const char **why)
{
    *path = NULL;
    if (strncmp(address, "tcp://", 6) == 0)
        return parse_tcp(address + 6, tcp, why);
    *why = "not an address: tcp://127.0.0.1:PORT or ipc:///PATH";
    if (strncmp(address, "ipc://", 6) != 0 || address[6] == 0)
        return XR_BAD;
    *path = address + 6;
    *why = "the path of a Unix socket has at most 107 bytes: give a shorter one";
    return strlen(*path) < sizeof(((struct listener *)0)->path) ? XR_OK : XR_BAD;
}

enum xr_status xr_sp_listen(struct xr_sp *sp, const char *address, char actual[XR_SP_ADDRESS_MAX],
                            const char **why)
{
    struct sockaddr_storage tcp;
    const char *path;
    memset(&tcp, 0, sizeof(tcp));
    const enum xr_status status = parse_address(address, &tcp, &path, why);
    if (status)
        return status;
    struct listener *listener = xr_mem_zero(1, sizeof(*listener));
    *why = "no memory";
    if (!listener)
        return XR_NOMEM;
    listener->sp = sp;
    listener->is_ipc = path != NULL;
    if (path)
        uv_pipe_init(sp->options.loop, &listener->uv.pipe, 0);
    else
        uv_tcp_init(sp->options.loop, &listener->uv.tcp);
    listener->uv.handle.data = listener;
    sp->open_handles++;
    const int error =
        path ? listen_ipc(listener, path, actual) : listen_tcp(listener, &tcp, actual);
    if (error) {
        *why = uv_strerror(error);
        uv_close(&listener->uv.handle, on_listener_closed);
        return XR_IO;
    }
    listener->next = sp->listeners;
    sp->listeners = listener;
    return XR_OK;
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

void xr_sp_deaf(struct xr_sp *sp)
{
    while (sp->listeners) {
        struct listener *listener = sp->listeners;
        sp->listeners = listener->next;
        if (listener->path[0])
            unlink(listener->path);
        uv_close(&listener->uv.handle, on_listener_closed);
    }
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
