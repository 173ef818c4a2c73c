/*
 * Figures of the server from wire to wire, with clients that cost next to nothing: bridges say,
 * agents receive. Not a test.
 *     bench_gate [bridges [in-flight of each [agents [seconds]]]]
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include <cmocka.h>

#include "support/served.h"

#define SESSIONS_PER_AGENT 12
#define CLIENTS_MAX        64

static atomic_bool is_over;
static atomic_ulong said;
static atomic_ulong delivered;

struct client {
    struct guest guest;
    struct xr_session_id sessions[CLIENTS_MAX * SESSIONS_PER_AGENT];
    uint32_t session_count;
    uint32_t in_flight;
    pthread_t thread;
};

static void *run_bridge(void *context)
{
    struct client *client = context;
    struct guest *guest = &client->guest;
    struct xr_buf out;
    struct xr_frame frame;
    uint64_t answered = guest->counter;
    uint32_t turn = 0;
    xr_buf_init(&out, 1 << 20);
    while (!atomic_load(&is_over)) {
        xr_buf_reset(&out);
        while (guest->counter - answered < client->in_flight && out.size < 60000) {
            const struct xr_say say = {
                .done = answered,
                .session = client->sessions[turn++ % client->session_count],
                .text = XR_STR("A question of the usual length, about the parcel and the price.")};
            xr_frame_encode(&out, XR_TYPE_say, ++guest->counter, &say);
        }
        raw_send(&guest->raw, out.at, out.size);
        do {
            raw_frame(&guest->raw, &frame);
            assert_int_equal(frame.type, XR_TYPE_done);
            answered = frame.ref;
            atomic_fetch_add_explicit(&said, 1, memory_order_relaxed);
        } while (guest->raw.taken < guest->raw.got.size);
    }
    return NULL;
}

static void *run_agent(void *context)
{
    struct client *client = context;
    struct guest *guest = &client->guest;
    struct xr_frame frame;
    uint64_t count = 0;
    uint64_t last = 0;
    while (!atomic_load(&is_over) && raw_frame(&guest->raw, &frame)) {
        if (frame.type == XR_TYPE_message_added) {
            const struct xr_message_added *added = raw_body(&frame, guest->arena);
            last = added->seq;
            count++;
            atomic_fetch_add_explicit(&delivered, 1, memory_order_relaxed);
            xr_arena_reset(guest->arena);
        }
        if (guest->raw.taken == guest->raw.got.size && count >= 100) {
            const struct xr_ack ack = {.seq = last};
            raw_frame_send(&guest->raw, XR_TYPE_ack, 0, &ack);
            count = 0;
        }
    }
    return NULL;
}

static long argument(int argc, char **argv, int index, long standard)
{
    return argc > index ? atol(argv[index]) : standard;
}

int main(int argc, char **argv)
{
    const long bridges = argument(argc, argv, 1, 2);
    const long in_flight = argument(argc, argv, 2, 1024);
    const long agents = argument(argc, argv, 3, 4);
    const long seconds = argument(argc, argv, 4, 5);
    static struct client client[2 * CLIENTS_MAX];
    struct served served;
    struct guest owner;
    served_init(&served);
    served.args[0] = "--bridge-frames-per-second=10000000";
    served.args[1] = "--login-tries=60000";
    served_start(&served);
    guest_login(&owner, &served, "owner", SERVED_PASSWORD, false);
    for (long i = 0; i < agents; i++) {
        char name[32];
        const struct xr_be be = {.state = XR_presence_ONLINE};
        snprintf(name, sizeof(name), "agent%ld", i);
        guest_hire(&owner, name, XR_role_AGENT);
        guest_login(&client[i].guest, &served, name, SERVED_PASSWORD, true);
        guest_do(&client[i].guest, XR_TYPE_be, &be);
    }
    for (long i = 0; i < bridges; i++) {
        struct client *bridge = &client[agents + i];
        char name[32];
        snprintf(name, sizeof(name), "bridge%ld", i);
        guest_hire(&owner, name, XR_role_BRIDGE);
        guest_login(&bridge->guest, &served, name, SERVED_PASSWORD, false);
        bridge->in_flight = (uint32_t)in_flight;
        for (long s = 0; s < agents * SESSIONS_PER_AGENT / bridges; s++) {
            char buyer[64];
            snprintf(buyer, sizeof(buyer), "buyer %ld %ld", i, s);
            const struct xr_open open = {.channel = XR_STR("web"), .buyer = xr_str_of(buyer)};
            bridge->sessions[bridge->session_count++] =
                guest_do(&bridge->guest, XR_TYPE_open, &open)->session;
        }
    }
    for (long i = 0; i < agents + bridges; i++)
        pthread_create(&client[i].thread, NULL, i < agents ? run_agent : run_bridge, &client[i]);
    char figures[64];
    snprintf(figures, sizeof(figures), "cat /proc/%d/task/*/stat | cut -d' ' -f2,14,15",
             served.pid);
    for (long i = 0; i < seconds; i++) {
        const unsigned long before = atomic_load(&said);
        const unsigned long got = atomic_load(&delivered);
        nanosleep(&(struct timespec){1, 0}, NULL);
        printf("%lu messages/s, %lu delivered/s\n", atomic_load(&said) - before,
               atomic_load(&delivered) - got);
    }
    fflush(stdout);
    if (system(figures)) /* user and system time of each thread, in 1/100 s */
        return 1;
    static const char *const names[] = {
        "writes",        "messages_in",          "messages_out",       "outcomes", "engine_batches",
        "engine_events", "engine_commit_ns_sum", "engine_step_ns_sum", "behind",   "caught_up",
        "scans"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        printf("%s %lu\n", names[i], (unsigned long)served_metric(&served, names[i]));
    atomic_store(&is_over, true);
    served_fini(&served);
    return 0;
}
