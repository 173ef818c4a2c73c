#include "support/raw.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#define RAW_PATIENCE_MS 60000
#define RAW_IN_MAX      (64 * 1024 * 1024)

static const uint8_t req_greeting[8] = {0, 'S', 'P', 0, 0, 0x30, 0, 0};
static const uint8_t rep_greeting[8] = {0, 'S', 'P', 0, 0, 0x31, 0, 0};

static int connect_tcp(const char *text)
{
    const char *colon = strrchr(text, ':');
    assert_non_null(colon);
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_port = htons((uint16_t)atoi(colon + 1));
    char host[64] = {0};
    memcpy(host, text, (size_t)(colon - text));
    assert_int_equal(inet_pton(AF_INET, host, &address.sin_addr), 1);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)))
        fail_msg("connect %s: %s", text, strerror(errno));
    return fd;
}

static int connect_ipc(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    assert_true(strlen(path) < sizeof(address.sun_path));
    strcpy(address.sun_path, path);
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)))
        fail_msg("connect %s: %s", path, strerror(errno));
    return fd;
}

void raw_open(struct raw *raw, const char *address)
{
    *raw = (struct raw){.id = 0x80000001};
    xr_buf_init(&raw->in, RAW_IN_MAX);
    xr_buf_init(&raw->got, RAW_IN_MAX);
    raw->is_ipc = strncmp(address, "ipc://", 6) == 0;
    raw->fd = raw->is_ipc ? connect_ipc(address + 6) : connect_tcp(address + 6);
}

/* Wait for bytes and append them; false: closed. */
static bool read_some(struct raw *raw)
{
    struct pollfd poll_fd = {raw->fd, POLLIN, 0};
    const int ready = poll(&poll_fd, 1, RAW_PATIENCE_MS);
    if (ready == 0)
        fail_msg("nothing was received for %d ms", RAW_PATIENCE_MS);
    assert_true(xr_buf_reserve(&raw->in, 64 * 1024));
    const ssize_t size = read(raw->fd, raw->in.at + raw->in.size, 64 * 1024);
    if (size <= 0)
        return false;
    raw->in.size += (size_t)size;
    return true;
}

static void drop_front(struct raw *raw, size_t size)
{
    memmove(raw->in.at, raw->in.at + size, raw->in.size - size);
    raw->in.size -= size;
}

void raw_dial(struct raw *raw, const char *address)
{
    raw_open(raw, address);
    assert_true(raw_write(raw, req_greeting, sizeof(req_greeting)));
    while (raw->in.size < sizeof(rep_greeting))
        assert_true(read_some(raw));
    assert_memory_equal(raw->in.at, rep_greeting, sizeof(rep_greeting));
    drop_front(raw, sizeof(rep_greeting));
}

void raw_close(struct raw *raw)
{
    if (raw->fd >= 0)
        close(raw->fd);
    raw->fd = -1;
    xr_buf_fini(&raw->in);
    xr_buf_fini(&raw->got);
}

void raw_reset(struct raw *raw)
{
    const struct linger hard = {1, 0};
    setsockopt(raw->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    raw_close(raw);
}

bool raw_write(struct raw *raw, const void *bytes, size_t size)
{
    const char *at = bytes;
    while (size > 0) {
        const ssize_t sent = send(raw->fd, at, size, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        at += sent;
        size -= (size_t)sent;
    }
    return true;
}

void raw_message(const struct raw *raw, struct xr_buf *out, const void *payload, size_t size)
{
    uint8_t head[13];
    uint8_t *at = head;
    if (raw->is_ipc)
        *at++ = 1;
    xr_put_u64be(at, size + 4);
    xr_put_u32be(at + 8, raw->id);
    xr_buf_add(out, head, (size_t)(at + 12 - head));
    xr_buf_add(out, payload, size);
}

bool raw_send(struct raw *raw, const void *payload, size_t size)
{
    struct xr_buf out;
    xr_buf_init(&out, RAW_IN_MAX);
    raw_message(raw, &out, payload, size);
    const bool sent = raw_write(raw, out.at, out.size);
    xr_buf_fini(&out);
    return sent;
}

bool raw_receive(struct raw *raw)
{
    const size_t head = raw->is_ipc ? 9 : 8;
    while (raw->in.size < head) {
        if (!read_some(raw))
            return false;
    }
    const uint64_t length = xr_get_u64be(raw->in.at + head - 8);
    if (raw->is_ipc)
        assert_int_equal(raw->in.at[0], 1);
    assert_true(length >= 4);
    assert_true(length <= XR_SP_MESSAGE_BYTES_MAX + 4);
    while (raw->in.size < head + length) {
        if (!read_some(raw))
            return false;
    }
    assert_int_equal(xr_get_u32be(raw->in.at + head), raw->id);
    xr_buf_reset(&raw->got);
    xr_buf_add(&raw->got, raw->in.at + head + 4, (size_t)length - 4);
    raw->taken = 0;
    drop_front(raw, head + (size_t)length);
    return true;
}

bool raw_is_readable(struct raw *raw)
{
    struct pollfd poll_fd = {raw->fd, POLLIN, 0};
    return raw->in.size > 0 || poll(&poll_fd, 1, 0) > 0;
}

bool raw_is_closed(struct raw *raw)
{
    if (raw->in.size > 0)
        return false;
    return !read_some(raw);
}

/* ---- frames ---------------------------------------------------------------------------------- */

bool raw_frame_send(struct raw *raw, enum xr_type type, uint64_t ref, const void *message)
{
    struct xr_buf frame;
    xr_buf_init(&frame, XR_FRAME_BYTES_MAX);
    xr_frame_encode(&frame, type, ref, message);
    assert_false(frame.failed);
    const bool sent = raw_send(raw, frame.at, frame.size);
    xr_buf_fini(&frame);
    return sent;
}

bool raw_frame(struct raw *raw, struct xr_frame *frame)
{
    while (raw->taken == raw->got.size) {
        if (!raw_receive(raw))
            return false;
    }
    const struct xr_bin rest = {raw->got.at + raw->taken, (uint32_t)(raw->got.size - raw->taken)};
    size_t used = 0;
    assert_int_equal(xr_frame_read(rest, frame, &used), XR_OK);
    raw->taken += used;
    return true;
}

const void *raw_body(const struct xr_frame *frame, struct xr_arena *arena)
{
    const void *message = NULL;
    struct xr_wire_error error;
    const struct xr_bin copy = xr_arena_bin(arena, frame->body.at, frame->body.size);
    assert_int_equal(xr_body_decode((enum xr_type)frame->type, copy, arena, &message, &error),
                     XR_OK);
    return message;
}

const void *raw_expect(struct raw *raw, enum xr_type type, uint64_t *ref, struct xr_arena *arena)
{
    struct xr_frame frame;
    if (!raw_frame(raw, &frame))
        fail_msg("closed instead of %s", xr_message_info(type)->name);
    if (frame.type != (uint32_t)type)
        fail_msg("%s instead of %s", xr_message_info((enum xr_type)frame.type)->name,
                 xr_message_info(type)->name);
    if (ref)
        *ref = frame.ref;
    return raw_body(&frame, arena);
}
