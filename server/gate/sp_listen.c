/*
 * Listening and accepting. Addresses are checked before anything is made: SP over TCP is plain, so
 * only this machine may reach it.
 */
#include "gate/sp_inside.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define XR_SP_BACKLOG 1024

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
        xr_sp_refuse_greeting(conn);
        return;
    }
    xr_sp_alarm(conn, conn->sp->options.greeting_ms);
    xr_sp_read_on(conn);
}

static struct xr_sp_conn *add_conn(struct xr_sp_listener *listener)
{
    struct xr_sp *sp = listener->sp;
    struct xr_sp_conn *conn = xr_mem_alloc(sizeof(*conn));
    if (!conn)
        conn = XR_MOVE(sp->reserve);
    if (!conn)
        return NULL;
    *conn =
        (struct xr_sp_conn){.sp = sp, .id = {0x80}, .message_bytes_max = XR_SP_MESSAGE_BYTES_MAX};
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
void xr_sp_accept_one(struct xr_sp_listener *listener)
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
    struct xr_sp_listener *listener = stream->data;
    if (status < 0)
        listener->sp->options.metrics->accept_failed++;
    else
        xr_sp_accept_one(listener);
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
        snprintf(host, sizeof(host), "127.0.0.1");
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

static int listen_tcp(struct xr_sp_listener *listener, const struct sockaddr_storage *address,
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
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    const int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (probe < 0)
        return;
    if (connect(probe, (struct sockaddr *)&address, sizeof(address)) && errno == ECONNREFUSED)
        unlink(path);
    close(probe);
}

static int listen_ipc(struct xr_sp_listener *listener, const char *path, char *actual)
{
    remove_stale(path);
    const mode_t before = umask(0177); /* 0600 from the first moment */
    int error = uv_pipe_bind(&listener->uv.pipe, path);
    umask(before);
    if (!error)
        error = uv_listen(&listener->uv.stream, XR_SP_BACKLOG, on_connection);
    if (error)
        return error;
    snprintf(listener->path, sizeof(listener->path), "%s", path);
    snprintf(actual, XR_SP_ADDRESS_MAX, "ipc://%s", path);
    return 0;
}

static void on_listener_closed(uv_handle_t *handle)
{
    struct xr_sp_listener *listener = handle->data;
    struct xr_sp *sp = listener->sp;
    xr_mem_free(listener);
    xr_sp_count_closed(sp);
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
    return strlen(*path) < sizeof(((struct xr_sp_listener *)0)->path) ? XR_OK : XR_BAD;
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
    struct xr_sp_listener *listener = xr_mem_zero(1, sizeof(*listener));
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

void xr_sp_deaf(struct xr_sp *sp)
{
    while (sp->listeners) {
        struct xr_sp_listener *listener = sp->listeners;
        sp->listeners = listener->next;
        if (listener->path[0])
            unlink(listener->path);
        uv_close(&listener->uv.handle, on_listener_closed);
    }
}
