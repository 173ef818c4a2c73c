/*
 * The relay, in its own process: bind → read a message from stdin → nn_send → …, until stdin ends.
 * A message is a 32-bit big-endian size and that many bytes.
 *
 * A PUB socket has room for one message of each subscriber and drops the next: a moment is left
 * between two. Whoever is slower than that loses some; nobody else does, and nothing waits.
 */
#include "gate/bus.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <nanomsg/nn.h>
#include <nanomsg/pubsub.h>

#include "base/log.h"
#include "gate/bus_inside.h"

#define XR_RELAY_PAUSE_NS 1000000

/* Ctrl-C is the server's to take; its end is ours. */
static void ignore_signals(void)
{
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
}

/* False: the end, or no message. */
static bool read_message(uint8_t *bytes, size_t *size)
{
    uint8_t head[XR_BUS_HEAD];
    if (fread(head, sizeof(head), 1, stdin) != 1)
        return false;
    *size = xr_get_u32be(head);
    return *size <= XR_BUS_BYTES_MAX && fread(bytes, 1, *size, stdin) == *size;
}

static void relay(int socket, uint8_t *bytes)
{
    const struct timespec pause = {.tv_nsec = XR_RELAY_PAUSE_NS};
    size_t size;
    while (read_message(bytes, &size)) {
        (void)nn_send(socket, bytes, size, NN_DONTWAIT);
        (void)nanosleep(&pause, NULL);
    }
}

int xr_bus_relay(const char *address)
{
    int code = EXIT_FAILURE;
    uint8_t *bytes = NULL;
    ignore_signals();
    (void)close_range(STDERR_FILENO + 1, ~0U, 0); /* LMDB leaves one open to children */
    const int socket = nn_socket(AF_SP, NN_PUB);
    if (socket < 0 || nn_bind(socket, address) < 0) {
        xr_log_line(XR_LOG_WARN, "bus_failed", "address=%s why=\"%s\"", address,
                    nn_strerror(nn_errno()));
        goto out;
    }
    bytes = malloc(XR_BUS_BYTES_MAX);
    if (!bytes)
        goto out;
    relay(socket, bytes);
    code = EXIT_SUCCESS;
out:
    free(bytes);
    if (socket >= 0)
        nn_close(socket);
    return code;
}
