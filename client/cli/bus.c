/* The local bus: events of the floors of this machine's server, without texts. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <nanomsg/nn.h>
#include <nanomsg/pubsub.h>

#include "cli.h"
#include "proto/json.h"
#include "proto/text.h"

#define WAIT_MS     500
#define TOPIC_MAX   (XR_NAME_MAX * 4 + 1)
#define ADDRESS_MAX 128

struct bus {
    struct xr_cli cli;
    int64_t count;
    int64_t shown;
    uint64_t last; /* seq of the event before; 0: none yet */
    struct xr_arena *arena;
};

static bool is_enough(const struct bus *bus)
{
    return bus->count > 0 && bus->shown >= bus->count;
}

static void show(struct bus *bus, enum xr_type type, const void *message)
{
    struct xr_buf text = {0};
    bus->shown++;
    if (bus->cli.json) {
        (void)xr_cli_json(xr_json_write(type, message));
        return;
    }
    xr_buf_init(&text, XR_FRAME_BYTES_MAX);
    xr_text_write(&text, type, -1, message);
    xr_cli_put(stdout, (struct xr_str){(const char *)text.at, (uint32_t)text.size});
    putchar('\n');
    xr_buf_fini(&text);
}

/* Every update begins with seq and prev. */
static void check_chain(struct bus *bus, const struct xr_group_changed *update)
{
    if (bus->last > 0 && update->prev != bus->last)
        fprintf(stderr, "xiaoer: some events are missing between %llu and %llu\n",
                (unsigned long long)bus->last, (unsigned long long)update->seq);
    bus->last = update->seq;
}

static bool show_frame(struct bus *bus, struct xr_bin *bytes)
{
    struct xr_frame frame;
    struct xr_wire_error error;
    const void *message;
    size_t used;
    if (xr_frame_read(*bytes, &frame, &used))
        return false;
    *bytes = (struct xr_bin){bytes->at + used, bytes->size - (uint32_t)used};
    const struct xr_message_info *info = xr_message_info((enum xr_type)frame.type);
    xr_arena_reset(bus->arena);
    if (info == NULL || info->kind != XR_KIND_UPDATE)
        return true; /* of a newer server */
    if (xr_body_decode(info->type, frame.body, bus->arena, &message, &error))
        return false;
    check_chain(bus, message);
    show(bus, info->type, message);
    return true;
}

/* Topic, a zero, frames. */
static void show_message(struct bus *bus, const uint8_t *at, size_t size, size_t topic)
{
    struct xr_bin bytes = {at + topic, (uint32_t)(size - topic)};
    while (bytes.size > 0 && !is_enough(bus)) {
        if (!show_frame(bus, &bytes)) {
            xr_cli_complain("what came is not of the bus of this version");
            break;
        }
    }
    fflush(stdout);
}

static int listen_to(struct bus *bus, int socket, size_t topic)
{
    while (!is_enough(bus) && !xr_cli_stopped() && !ferror(stdout)) {
        void *at = NULL;
        const int size = nn_recv(socket, &at, NN_MSG, 0);
        if (size >= 0) {
            show_message(bus, at, (size_t)size, topic);
            nn_freemsg(at);
        } else if (errno != ETIMEDOUT && errno != EINTR && errno != EAGAIN) {
            xr_cli_complain("%s", nn_strerror(errno));
            return XR_EXIT_FAILED;
        }
    }
    return XR_EXIT_OK;
}

static int run(struct bus *bus, const char *address)
{
    char topic[TOPIC_MAX + 1];
    const int wait_ms = WAIT_MS;
    int code = XR_EXIT_CONNECT;
    const size_t size = strlen(bus->cli.floor) + 1; /* with its zero */
    if (size > TOPIC_MAX)
        return XR_EXIT_USAGE;
    memcpy(topic, bus->cli.floor, size);
    const int socket = nn_socket(AF_SP, NN_SUB);
    if (socket >= 0 && nn_setsockopt(socket, NN_SUB, NN_SUB_SUBSCRIBE, topic, size) == 0 &&
        nn_setsockopt(socket, NN_SOL_SOCKET, NN_RCVTIMEO, &wait_ms, sizeof(wait_ms)) == 0 &&
        nn_connect(socket, address) >= 0)
        code = listen_to(bus, socket, size);
    else
        xr_cli_complain("%s: %s", address, nn_strerror(errno));
    if (socket >= 0)
        nn_close(socket);
    return code;
}

/* A relative path would be another one for the server. */
static bool find_address(const char *folder, char address[ADDRESS_MAX])
{
    char *real = realpath(folder, NULL);
    int size = -1;
    if (strncmp(folder, "ipc://", 6) == 0)
        size = snprintf(address, ADDRESS_MAX, "%s", folder);
    else if (real != NULL)
        size = snprintf(address, ADDRESS_MAX, "ipc://%s/bus/bus.ipc", real);
    if (real == NULL && size < 0)
        xr_cli_complain("%s: %s", folder, strerror(errno));
    else if (size < 0 || size >= ADDRESS_MAX)
        xr_cli_complain("%s: too long for a socket", folder);
    free(real);
    return size >= 0 && size < ADDRESS_MAX;
}

int xr_cli_bus(int argc, char **argv)
{
    struct bus bus = {0};
    char address[ADDRESS_MAX];
    const struct xr_cli_option options[] = {
        {"count", XR_CLI_NUMBER, "N", &bus.count, 0, INT64_MAX, NULL, "end after N events"},
    };
    const struct xr_cli_usage usage = {
        "bus",
        "[FOLDER]",
        "What happens on the floor, from the local bus of the server that keeps its data in "
        "FOLDER\n"
        "(var): sessions, presence of agents, counts of the queues; no texts, no buyers. Needs no\n"
        "log-in, only the right to read that folder. Who does not keep up misses some, and stderr\n"
        "says so; `watch` misses nothing.",
        options,
        1,
        0,
        1,
        &bus.cli};
    int code = 0;
    if (!xr_cli_parse(&usage, &argc, argv, &code))
        return code;
    if (!find_address(argc > 1 ? argv[1] : "var", address))
        return XR_EXIT_INPUT;
    bus.arena = xr_arena_new(4096);
    if (bus.arena == NULL)
        return XR_EXIT_FAILED;
    xr_cli_catch_signals();
    code = run(&bus, address);
    xr_arena_free(bus.arena);
    return code;
}
