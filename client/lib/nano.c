/*
 * The shell of the client: nanomsg around talk.c.
 *
 * A turn: look at the clock, dial where the talk wants it, look at the connection, receive up to
 * 256 messages, tick, write what there is to write.
 *
 * One raw REQ socket per handle and one connection per socket: raw REQ deals messages out over all
 * its connections, and the server knows a client by its connection. nanomsg would connect again
 * silently and at a fixed pace; it is told to wait an hour, and the talk decides when a new socket
 * is made. nanomsg does not report connections either: its statistics tell, looked at in each turn
 * and at least every LOOK_MS. (After a break it connects again at once all the same: a second
 * connection of a socket is the sign of a break, and ends the socket.)
 *
 * The caller polls one descriptor for the life of the handle: an epoll set with the socket's
 * receiving descriptor, and, while a message could not be sent or a connection is being made, its
 * sending one (edge-triggered, because it stays readable).
 *
 * What can fail: no connection (retried for ever), a full pipe (the message waits), no descriptors
 * or memory for a new socket (as no connection).
 */
#include <errno.h>
#include <limits.h>
#include <sodium.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include <nanomsg/nn.h>
#include <nanomsg/reqrep.h>
#include <nanomsg/tcp.h>

#include "client/lib/talk.h"

#define TURN_MESSAGES   256
#define FLUSH_BYTES     65536
#define HEADER_BYTES    4
#define HEADER_BIT      0x80000000U
#define RECEIVE_MAX     (1024 * 1024)
#define RECONNECT_NEVER 3600000
#define LOOK_MS         250 /* at most, between two looks at the connection */
#define LOOK_OFTEN_MS   10  /* while one is being made, or about to end */

struct xr_client {
    struct xr_talk *talk;
    char *address;
    int socket;   /* -1: none */
    int receiver; /* its descriptors, in `set` */
    int sender;
    int set;      /* what the caller polls */
    bool sending; /* the sending descriptor is armed */
    bool paused;
    bool linked; /* the talk knows of a connection */
    uint32_t serial;
    struct xr_buf out;
    bool out_full; /* `out` holds a message that could not be sent yet */
};

static int64_t mono_ms(void)
{
    struct timespec now = {0};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- the socket ------------------------------------------------------------------------------ */

static void watch(struct xr_client *client, int descriptor, uint32_t events, int how)
{
    struct epoll_event event = {.events = events, .data = {.fd = descriptor}};
    (void)epoll_ctl(client->set, how, descriptor, how == EPOLL_CTL_DEL ? NULL : &event);
}

/* Wake the caller when a message may be sent. */
static void arm_sender(struct xr_client *client, bool armed)
{
    if (client->socket < 0 || client->sending == armed)
        return;
    client->sending = armed;
    watch(client, client->sender, armed ? EPOLLIN | EPOLLET : 0, EPOLL_CTL_MOD);
}

static void hang_up(struct xr_client *client)
{
    if (client->socket < 0)
        return;
    watch(client, client->receiver, 0, EPOLL_CTL_DEL);
    watch(client, client->sender, 0, EPOLL_CTL_DEL);
    nn_close(client->socket);
    client->socket = -1;
    client->sending = false;
    client->linked = false;
    client->out_full = false;
}

static bool set_number(int socket, int level, int option, int value)
{
    return nn_setsockopt(socket, level, option, &value, sizeof(value)) == 0;
}

static bool get_number(int socket, int option, int *value)
{
    size_t size = sizeof(*value);
    return nn_getsockopt(socket, NN_SOL_SOCKET, option, value, &size) == 0;
}

static bool set_up(struct xr_client *client, int socket)
{
    return set_number(socket, NN_SOL_SOCKET, NN_RCVMAXSIZE, RECEIVE_MAX) &&
           set_number(socket, NN_SOL_SOCKET, NN_RECONNECT_IVL, RECONNECT_NEVER) &&
           set_number(socket, NN_TCP, NN_TCP_NODELAY, 1) &&
           get_number(socket, NN_RCVFD, &client->receiver) &&
           get_number(socket, NN_SNDFD, &client->sender) &&
           nn_connect(socket, client->address) >= 0;
}

/* false: errno says why. */
static bool dial(struct xr_client *client)
{
    hang_up(client);
    const int socket = nn_socket(AF_SP_RAW, NN_REQ);
    if (socket < 0)
        return false;
    if (!set_up(client, socket)) {
        const int kept = errno;
        nn_close(socket);
        errno = kept;
        return false;
    }
    client->socket = socket;
    watch(client, client->receiver, client->paused ? 0 : EPOLLIN, EPOLL_CTL_ADD);
    watch(client, client->sender, 0, EPOLL_CTL_ADD);
    arm_sender(client, true);
    return true;
}

/* Tell the talk what has become of the connection. */
static void look(struct xr_client *client, int64_t now)
{
    if (client->socket < 0)
        return;
    /* After a break nanomsg makes a second connection at once, whatever its interval. */
    const uint64_t made = nn_get_statistic(client->socket, NN_STAT_ESTABLISHED_CONNECTIONS);
    const bool stands =
        nn_get_statistic(client->socket, NN_STAT_CURRENT_CONNECTIONS) > 0 && made == 1;
    /* One that stood and broke between two looks has failed too: nobody else would notice. */
    const bool failed = nn_get_statistic(client->socket, NN_STAT_CONNECT_ERRORS) > 0 ||
                        nn_get_statistic(client->socket, NN_STAT_BROKEN_CONNECTIONS) > 0 ||
                        made > 1;
    if (stands && !client->linked) {
        client->linked = true;
        xr_talk_linked(client->talk, now);
    } else if (!stands && (client->linked || failed)) {
        hang_up(client);
        xr_talk_unlinked(client->talk, now);
    }
}

/* ---- frames ---------------------------------------------------------------------------------- */

static void receive(struct xr_client *client, int64_t now)
{
    for (int i = 0; i < TURN_MESSAGES && client->socket >= 0; i++) {
        void *message = NULL;
        if (!xr_talk_has_room(client->talk))
            return;
        /* Raw REQ takes the 4 bytes of the header off; nobody asks for them. */
        const int size = nn_recv(client->socket, &message, NN_MSG, NN_DONTWAIT);
        if (size < 0)
            return;
        xr_talk_receive(client->talk, now, (struct xr_bin){message, (uint32_t)size});
        nn_freemsg(message);
    }
}

/* Put the next message into `out`. false: there is none. */
static bool fill(struct xr_client *client, int64_t now)
{
    uint8_t header[HEADER_BYTES];
    xr_buf_reset(&client->out);
    client->serial = client->serial % (HEADER_BIT - 1) + 1;
    xr_put_u32be(header, HEADER_BIT | client->serial);
    xr_buf_add(&client->out, header, sizeof(header));
    return xr_talk_write(client->talk, now, &client->out) == XR_OK;
}

static void flush(struct xr_client *client, int64_t now)
{
    while (client->socket >= 0 && client->linked && (client->out_full || fill(client, now))) {
        client->out_full = true;
        if (nn_send(client->socket, client->out.at, client->out.size, NN_DONTWAIT) < 0) {
            if (errno == EAGAIN)
                arm_sender(client, true);
            else
                xr_talk_unlinked(client->talk, now);
            return;
        }
        client->out_full = false;
        if (xr_talk_state(client->talk) == XR_CLIENT_CONNECTING)
            sodium_memzero(client->out.at, client->out.size); /* hello has the password in it */
    }
    arm_sender(client, xr_talk_is_dialing(client->talk));
}

/* ---- client.h -------------------------------------------------------------------------------- */

static enum xr_status open_all(struct xr_client *client, const struct xr_client_options *options)
{
    uint64_t seed = 0;
    const size_t size = strlen(options->address) + 1;
    client->address = xr_mem_alloc(size);
    if (client->address == NULL)
        return XR_NOMEM;
    memcpy(client->address, options->address, size);
    randombytes_buf(&seed, sizeof(seed));
    const enum xr_status status = xr_talk_new(options, seed, mono_ms(), &client->talk);
    if (status != XR_OK)
        return status;
    client->set = epoll_create1(EPOLL_CLOEXEC);
    if (client->set < 0)
        return XR_IO;
    (void)xr_talk_wants_dial(client->talk, mono_ms());
    return dial(client) ? XR_OK : XR_IO;
}

enum xr_status xr_client_new(const struct xr_client_options *options, struct xr_client **out)
{
    if (options->size != sizeof(*options) || options->address == NULL)
        return XR_BAD;
    if (sodium_init() < 0)
        return XR_IO;
    struct xr_client *client = xr_mem_zero(1, sizeof(*client));
    if (client == NULL)
        return XR_NOMEM;
    client->socket = -1;
    client->set = -1;
    xr_buf_init(&client->out, XR_SP_MESSAGE_BYTES_MAX + HEADER_BYTES);
    const enum xr_status status = open_all(client, options);
    if (status != XR_OK) {
        const int kept = errno;
        xr_client_free(client);
        errno = kept;
        return status;
    }
    *out = client;
    return XR_OK;
}

void xr_client_free(struct xr_client *client)
{
    if (client == NULL)
        return;
    hang_up(client);
    if (client->set >= 0)
        close(client->set);
    xr_talk_free(client->talk);
    xr_buf_fini(&client->out);
    xr_mem_free(client->address);
    xr_mem_free(client);
}

void xr_client_close(struct xr_client *client)
{
    const int64_t now = mono_ms();
    xr_talk_close(client->talk, now);
    flush(client, now);
}

int xr_client_fd(const struct xr_client *client)
{
    return client->set;
}

int xr_client_wait_ms(const struct xr_client *client)
{
    const int64_t now = mono_ms();
    const bool often = xr_talk_is_changing(client->talk);
    int64_t wait = xr_talk_deadline(client->talk, now) - now;
    if (client->out_full && wait < LOOK_OFTEN_MS)
        wait = LOOK_OFTEN_MS; /* the sending descriptor wakes the caller */
    if (wait < 0)
        wait = 0;
    const int64_t most = often ? LOOK_OFTEN_MS : LOOK_MS;
    return (int)(wait < most ? wait : most);
}

/* Edges of the sending descriptor are taken, or the caller would be woken for ever. */
static void take_edges(struct xr_client *client)
{
    struct epoll_event events[2];
    if (client->sending)
        (void)epoll_wait(client->set, events, 2, 0);
}

void xr_client_turn(struct xr_client *client)
{
    const int64_t now = mono_ms();
    xr_talk_begin(client->talk);
    take_edges(client);
    if (xr_talk_wants_dial(client->talk, now) && !dial(client))
        xr_talk_unlinked(client->talk, now);
    look(client, now);
    const bool listening = !client->paused && xr_talk_has_room(client->talk);
    if (listening)
        receive(client, now);
    look(client, now);
    xr_talk_tick(client->talk, now, listening);
    flush(client, now);
}

bool xr_client_next(struct xr_client *client, struct xr_client_event *out)
{
    return xr_talk_next(client->talk, out);
}

enum xr_status xr_client_send(struct xr_client *client, uint32_t type, const void *message,
                              uint64_t *ref)
{
    const enum xr_status status = xr_talk_send(client->talk, (enum xr_type)type, message, ref);
    if (status == XR_OK && xr_talk_unsent_bytes(client->talk) >= FLUSH_BYTES)
        flush(client, mono_ms());
    return status;
}

void xr_client_flush(struct xr_client *client)
{
    flush(client, mono_ms());
}

void xr_client_pause(struct xr_client *client, bool paused)
{
    if (client->paused == paused)
        return;
    client->paused = paused;
    if (client->socket >= 0)
        watch(client, client->receiver, paused ? 0 : EPOLLIN, EPOLL_CTL_MOD);
}

enum xr_client_state xr_client_get_state(const struct xr_client *client)
{
    return xr_talk_state(client->talk);
}

uint64_t xr_client_cursor(const struct xr_client *client)
{
    return xr_talk_cursor(client->talk);
}

bool xr_client_token(const struct xr_client *client, uint8_t out[32])
{
    return xr_talk_token(client->talk, out);
}

uint32_t xr_client_in_flight(const struct xr_client *client)
{
    return xr_talk_in_flight(client->talk);
}

uint64_t xr_client_reconnects(const struct xr_client *client)
{
    return xr_talk_reconnects(client->talk);
}
