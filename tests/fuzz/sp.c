/*
 * Aim: no bytes on a connection harm the SP listener, and how they are cut into pieces changes
 * nothing: the owner gets the payloads that the stream holds, up to the first byte that is not of
 * the protocol. Method: libFuzzer; the real listener on a Unix socket, one connection for each
 * input. The input says how its bytes are cut, what the owner does (takes all, stops and goes on,
 * answers, closes), and gives the stream, raw or as messages to be built. A small reader of its own
 * (a whole stream at a time) says what must come.
 */
#include "fuzz/input.h"
#include "gate/sp.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define STREAM_MAX (64 * 1024)
#define GREETING   8
#define HEAD       9 /* of a message over ipc */
#define ID         4
#define SMALL      1000 /* bytes that a message may have where the owner says so */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t greeting[GREETING] = {0, 'S', 'P', 0, 0, 0x30, 0, 0};

/* What was handed on: each message as a mark, then its bytes. */
struct account {
    struct xr_buf bytes;
    uint32_t messages;
};

static struct {
    uv_loop_t loop;
    struct xr_metrics metrics;
    struct xr_sp *sp;
    char path[64];
    /* of the present connection */
    struct xr_sp_conn *conn; /* NULL: none */
    uint32_t opened;
    uint32_t closed;
    uint8_t how;
    struct account seen;
    struct account wanted;
    uint8_t stream[STREAM_MAX];
    size_t stream_size;
} rig;

/* ---- the owner ------------------------------------------------------------------------------- */

static void *on_open(void *context, struct xr_sp_conn *conn)
{
    (void)context;
    rig.opened++;
    if (rig.how % 8 == 7)
        return NULL; /* refuse everybody */
    if (rig.how % 8 == 6)
        xr_sp_allow(conn, SMALL);
    rig.conn = conn;
    return &rig;
}

static void answer(size_t size)
{
    uint8_t *place = xr_sp_put(rig.conn, size % 2000 + 1);
    if (place != NULL)
        memset(place, 0xc0, size % 2000 + 1);
    (void)xr_sp_is_full(rig.conn);
}

static size_t on_payload(void *owner, uint8_t *bytes, size_t size, bool is_first)
{
    size_t used = size;
    XR_ASSERT(owner == &rig);
    XR_ASSERT(rig.conn != NULL);
    XR_ASSERT(!xr_sp_is_closing(rig.conn));
    if (is_first)
        rig.seen.messages++;
    if (rig.how % 8 == 1 && size > 1) { /* a part, and the rest in the next turn */
        used = size / 2;
        xr_sp_resume(rig.conn);
    }
    if (rig.how % 8 == 2 && is_first && size > 0) { /* nothing yet */
        used = 0;
        xr_sp_resume(rig.conn);
    }
    xr_buf_add(&rig.seen.bytes, bytes, used);
    memset(bytes, 0, used); /* it may be written to */
    if (rig.how % 8 == 3)
        answer(size);
    if (rig.how % 8 == 4 && rig.seen.messages == 3)
        xr_sp_finish(rig.conn);
    if (rig.how % 8 == 5 && rig.seen.messages == 2)
        xr_sp_close(rig.conn);
    return used;
}

static void ignore(void *owner)
{
    (void)owner;
}

static void on_close(void *owner)
{
    XR_ASSERT(owner == &rig);
    rig.conn = NULL;
    rig.closed++;
}

static void set_up(void)
{
    if (rig.sp != NULL)
        return;
    char directory[] = "/tmp/fuzz_sp.XXXXXX";
    char address[80];
    char actual[XR_SP_ADDRESS_MAX];
    const char *why = NULL;
    XR_ASSERT(mkdtemp(directory) != NULL);
    snprintf(rig.path, sizeof(rig.path), "%s/s", directory);
    snprintf(address, sizeof(address), "ipc://%s", rig.path);
    XR_ASSERT(uv_loop_init(&rig.loop) == 0);
    const struct xr_sp_options options = {.loop = &rig.loop,
                                          .metrics = &rig.metrics,
                                          .connections_max = 4,
                                          .greeting_ms = 600000,
                                          .finish_ms = 600000,
                                          .queue_bytes = 64 * 1024,
                                          .queue_bytes_all = 1024 * 1024,
                                          .queue_bytes_max = 256 * 1024,
                                          .on_open = on_open,
                                          .on_payload = on_payload,
                                          .on_room = ignore,
                                          .on_alarm = ignore,
                                          .on_close = on_close};
    XR_ASSERT(xr_sp_new(&options, &rig.sp) == XR_OK);
    XR_ASSERT(xr_sp_listen(rig.sp, address, actual, &why) == XR_OK);
    xr_buf_init(&rig.seen.bytes, 2 * STREAM_MAX);
    xr_buf_init(&rig.wanted.bytes, 2 * STREAM_MAX);
}

/* ---- what must come -------------------------------------------------------------------------- */

static void want_messages(const uint8_t *at, size_t left)
{
    const uint64_t most = rig.how % 8 == 6 ? SMALL + ID : XR_SP_MESSAGE_BYTES_MAX + ID;
    while (left >= HEAD) {
        const uint64_t length = xr_get_u64be(at + 1);
        if (at[0] != 1 || length <= ID || length > most || length > left - HEAD)
            return;
        if ((at[HEAD] & 0x80) == 0)
            return;
        rig.wanted.messages++;
        xr_buf_add(&rig.wanted.bytes, at + HEAD + ID, (size_t)length - ID);
        at += HEAD + (size_t)length;
        left -= HEAD + (size_t)length;
    }
}

static void want(void)
{
    const size_t size = rig.stream_size;
    if (size >= GREETING && memcmp(rig.stream, greeting, GREETING) == 0 && rig.how % 8 != 7)
        want_messages(rig.stream + GREETING, size - GREETING);
}

/* ---- the stream ------------------------------------------------------------------------------ */

static void append(const void *bytes, size_t size)
{
    if (size > sizeof(rig.stream) - rig.stream_size)
        size = sizeof(rig.stream) - rig.stream_size;
    if (size > 0)
        memcpy(rig.stream + rig.stream_size, bytes, size);
    rig.stream_size += size;
}

static void append_message(struct input *input)
{
    static const uint8_t filler[8192] = {0};
    const uint8_t odd = input_u8(input);
    const size_t size = odd & 1 ? input_u16(input) % sizeof(filler) : input_u8(input) % 32;
    uint8_t head[HEAD + ID] = {1};
    xr_put_u64be(head + 1, size + ID);
    xr_put_u32be(head + HEAD, 0x80000000 | odd);
    if (odd >= 250)
        head[odd - 250 + 4] ^= 0x80; /* spoilt */
    append(head, sizeof(head));
    append(filler, size);
}

/* Bit 0: greet properly; bit 1: the rest of the input tells messages, else it is the stream. */
static void build_stream(struct input *input)
{
    const uint8_t form = input_u8(input);
    rig.stream_size = 0;
    if (form & 1)
        append(greeting, sizeof(greeting));
    if (form & 2) {
        while (input_left(input) > 0)
            append_message(input);
    } else {
        append(input->at, input->left);
    }
}

/* ---- the peer -------------------------------------------------------------------------------- */

static int dial(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", rig.path);
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    XR_ASSERT(fd >= 0);
    XR_ASSERT(connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
    XR_ASSERT(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
    return fd;
}

static void turn(void)
{
    uv_run(&rig.loop, UV_RUN_NOWAIT);
}

static void drain(int fd)
{
    char bytes[4096];
    while (recv(fd, bytes, sizeof(bytes), 0) > 0)
        continue;
}

/* Send the stream in pieces, with a turn of the loop after each. */
static void play(int fd, uint32_t seed)
{
    const uint8_t *at = rig.stream;
    size_t left = rig.stream_size;
    while (left > 0) {
        seed = seed * 1103515245 + 12345;
        size_t piece = seed % 5 == 0 ? left : 1 + (seed >> 8) % (seed % 3 == 0 ? 4 : 700);
        if (piece > left)
            piece = left;
        const ssize_t sent = send(fd, at, piece, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN)
            return; /* closed on us */
        at += sent > 0 ? sent : 0;
        left -= sent > 0 ? (size_t)sent : 0;
        turn();
        drain(fd);
    }
}

/* Until the owner has seen all that was sent: turns in which nothing changes end it. */
static void settle(int fd)
{
    for (int idle = 0; idle < 3; idle++) {
        const size_t before = rig.seen.bytes.size;
        turn();
        drain(fd);
        if (rig.seen.bytes.size != before)
            idle = 0;
    }
}

static void judge(void)
{
    const size_t size = rig.seen.bytes.size;
    XR_ASSERT(size <= rig.wanted.bytes.size);
    XR_ASSERT(size == 0 || memcmp(rig.seen.bytes.at, rig.wanted.bytes.at, size) == 0);
    if (rig.how % 8 == 4 || rig.how % 8 == 5)
        return; /* the owner had enough */
    XR_ASSERT(size == rig.wanted.bytes.size);
    XR_ASSERT(rig.seen.messages == rig.wanted.messages);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    set_up();
    if (size < 4)
        return 0;
    struct input input = {data, size};
    const uint16_t seed = input_u16(&input);
    rig.how = input_u8(&input);
    rig.opened = rig.closed = 0;
    rig.seen.messages = rig.wanted.messages = 0;
    xr_buf_reset(&rig.seen.bytes);
    xr_buf_reset(&rig.wanted.bytes);
    build_stream(&input);
    want();
    const int fd = dial();
    play(fd, seed);
    settle(fd);
    judge();
    close(fd);
    for (int i = 0; i < 1000 && rig.metrics.connections > 0; i++)
        turn();
    XR_ASSERT(rig.metrics.connections == 0);
    XR_ASSERT(rig.conn == NULL);
    XR_ASSERT(rig.opened <= 1);
    return 0;
}
