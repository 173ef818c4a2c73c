/*
 * The inside of sp.h; only sp.c, sp_send.c and sp_listen.c include this.
 */
#ifndef XR_GATE_SP_INSIDE_H
#define XR_GATE_SP_INSIDE_H

#include <netinet/in.h>
#include <sys/queue.h>
#include <sys/un.h>

#include "gate/sp.h"

#define XR_SP_GREETING_SIZE 8
#define XR_SP_REQ           0x30
#define XR_SP_REP           0x31
#define XR_SP_ID_SIZE       4           /* the header word of a request */
#define XR_SP_HEAD_MAX      9           /* ipc: one byte more than tcp */
#define XR_SP_READ_BYTES    (64 * 1024) /* one read */

enum xr_sp_state {
    XR_SP_GREETING,
    XR_SP_OPEN,
    XR_SP_FINISHING, /* what the peer sends is thrown away */
    XR_SP_CLOSING,
};

/* Bytes on their way out: whole SP messages, the last perhaps still open. */
struct xr_sp_buffer {
    struct xr_sp_buffer *next; /* among the spares */
    size_t size;
    size_t capacity;
    uint8_t *at;
};

struct xr_sp_listener {
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } uv;
    struct xr_sp *sp;
    struct xr_sp_listener *next;
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

    struct xr_buf in;            /* what was read and is not done with; mostly empty */
    size_t message_bytes_max;    /* xr_sp_allow */
    size_t payload_used;         /* of the message at the front of `in`, by an owner that stopped */
    struct xr_sp_buffer *out;    /* being filled */
    struct xr_sp_buffer *flying; /* with the system */
    size_t message_at;           /* where the open message begins in `out`; its head first */
    uint32_t message_frames;     /* 0: no message is open */
    uint64_t moved_ms;
    uint8_t id[XR_SP_ID_SIZE]; /* header of the latest request */

    enum xr_sp_state state;
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

TAILQ_HEAD(xr_sp_list, xr_sp_conn);

struct xr_sp {
    struct xr_sp_options options;
    uv_check_t check;
    uv_prepare_t prepare;
    uv_idle_t idle; /* runs while resumed connections wait, so that the poll does not block */
    struct xr_sp_listener *listeners;
    struct xr_sp_list conns;
    struct xr_sp_list dirty;
    struct xr_sp_list resumed;
    size_t resumed_count;
    size_t queued;              /* bytes put and not yet taken by the system, of all connections */
    struct xr_sp_conn *reserve; /* to accept and close with where there is no memory */
    struct xr_sp_buffer *spares;
    size_t spare_count;
    size_t open_handles; /* our three, listeners, connections (one each) */
    bool is_stopping;
    void (*on_stopped)(void *context);
    void *stopped_context;
    char read_bytes[XR_SP_READ_BYTES];
};

/* ---- sp.c ---- */

/* Bytes before the header word of a message. */
static inline size_t xr_sp_head_size(const struct xr_sp_conn *conn)
{
    return conn->is_ipc ? 9 : 8;
}

/* A handle of ours, a listener or a connection is closed: the last one frees everything. */
void xr_sp_count_closed(struct xr_sp *sp);
/* Close for want of a proper greeting. */
void xr_sp_refuse_greeting(struct xr_sp_conn *conn);
void xr_sp_read_on(struct xr_sp_conn *conn);
void xr_sp_remove_resumed(struct xr_sp_conn *conn);

/* ---- sp_send.c ---- */

void xr_sp_mark_dirty(struct xr_sp_conn *conn);
void xr_sp_remove_dirty(struct xr_sp_conn *conn);
void xr_sp_drop_buffer(struct xr_sp_buffer *buffer); /* NULL is fine */

/* ---- sp_listen.c ---- */

/* Take in who stands in the door. */
void xr_sp_accept_one(struct xr_sp_listener *listener);

#endif
