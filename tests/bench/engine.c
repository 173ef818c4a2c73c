/*
 * What the engine and the floor cost without sockets: `say` events from bridges through one engine,
 * committed to disk, with 1, 64 and 1,024 in flight.
 *
 * One thread stands for the gate: it takes the outcomes, counts answers, frees them and submits as
 * many new events. The sessions are owned by agents who are online, so that each message is
 * answered and pushed. A line for each number in flight:
 *     rate and latency from submission to effects; events to a batch; of the floor thread's time
 *     what is spent in steps, in commits and elsewhere (decode of bodies counts as step), and how
 *     much of it is processor time.
 * And how long a start takes, before and after.
 *
 *     bench_engine [--seconds N] [--agents N] [--sessions N] [--bridges N] [--length BYTES]
 *                  [--in-flight N]… [--log-mib N] [--relaxed] [DIRECTORY]
 */
#include "base/clock.h"
#include "engine/shard.h"
#include "support/shop.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BRIDGES_MAX 32
#define SAMPLES_MAX (8 * 1024 * 1024)
#define FLIGHTS_MAX 8
#define WINDOW      XR_ANSWERS_KEPT
#define AGENT_SEAT  40

struct options {
    uint32_t seconds;
    uint32_t agents;
    uint32_t sessions;
    uint32_t bridges;
    uint32_t length;
    uint32_t flights[FLIGHTS_MAX];
    uint32_t flight_count;
    uint32_t log_mib; /* how much log is kept; 0: the default */
    bool relaxed;
    const char *directory;
};

/* A bridge's device: counters and when each was submitted. */
struct bridge {
    struct xr_agent_id agent;
    struct xr_device_id device;
    uint64_t origin;
    uint64_t counter;
    uint64_t answered;
    uint64_t sent_ns[WINDOW];
};

struct bench {
    struct options options;
    struct xr_store *store;
    struct xr_engine *engine;
    uint32_t floor;
    struct bridge bridges[BRIDGES_MAX];
    struct xr_session_id *sessions;
    uint64_t turn; /* round robin over bridges and sessions */
    uint64_t refused;
    uint64_t pushes;
    uint64_t *samples;
    size_t sample_count;
    char *text;

    pthread_mutex_t lock;
    pthread_cond_t news;
    struct xr_outcome *head;
    struct xr_outcome *last;
};

/* ---- the other side of the engine ---- */

static void on_effects(void *context, struct xr_outcome *take)
{
    struct bench *bench = context;
    take->next = NULL;
    (void)pthread_mutex_lock(&bench->lock);
    if (bench->head == NULL)
        bench->head = take;
    else
        bench->last->next = take;
    bench->last = take;
    (void)pthread_cond_signal(&bench->news);
    (void)pthread_mutex_unlock(&bench->lock);
}

static struct xr_outcome *wait_for_outcomes(struct bench *bench)
{
    (void)pthread_mutex_lock(&bench->lock);
    while (bench->head == NULL)
        (void)pthread_cond_wait(&bench->news, &bench->lock);
    struct xr_outcome *all = bench->head;
    bench->head = NULL;
    (void)pthread_mutex_unlock(&bench->lock);
    return all;
}

/* Answers come in each device's order: the n-th is to counter n. */
static void take_reply(struct bench *bench, const struct xr_effect *effect, uint64_t now_ns)
{
    struct bridge *bridge = &bench->bridges[effect->origin % BRIDGES_MAX];
    struct xr_frame frame;
    size_t used = 0;
    XR_ASSERT(xr_frame_read(effect->bytes, &frame, &used) == XR_OK);
    bench->refused += frame.type != XR_TYPE_done;
    bridge->answered++;
    XR_ASSERT(frame.ref == bridge->answered);
    if (bench->sample_count < SAMPLES_MAX)
        bench->samples[bench->sample_count++] = now_ns - bridge->sent_ns[bridge->answered % WINDOW];
}

/* Returns how many answers there were. */
static uint64_t take_outcomes(struct bench *bench, struct xr_outcome *all)
{
    const uint64_t now_ns = xr_clock_mono_ns();
    uint64_t answers = 0;
    while (all != NULL) {
        struct xr_outcome *outcome = all;
        all = outcome->next;
        for (size_t i = 0; i < outcome->effects.count; i++) {
            const struct xr_effect *effect = &outcome->effects.at[i];
            bench->pushes += effect->kind == XR_EFFECT_PUSH;
            if (effect->kind != XR_EFFECT_REPLY)
                continue;
            take_reply(bench, effect, now_ns);
            answers++;
        }
        xr_outcome_free(outcome);
    }
    return answers;
}

static void submit_one(struct bench *bench)
{
    struct bridge *bridge = &bench->bridges[bench->turn % bench->options.bridges];
    const struct xr_say say = {
        .done = bridge->answered,
        .session = bench->sessions[bench->turn % bench->options.sessions],
        .text = {bench->text, bench->options.length},
    };
    struct xr_buf body;
    bench->turn++;
    xr_buf_init(&body, XR_FRAME_BYTES_MAX);
    xr_body_encode(&body, XR_TYPE_say, &say);
    struct xr_submission *made = xr_mem_zero(1, sizeof *made + body.size);
    XR_ASSERT(made != NULL);
    made->floor = bench->floor;
    made->who = bridge->agent;
    made->device = bridge->device;
    made->counter = ++bridge->counter;
    made->origin = bridge->origin;
    made->type = XR_TYPE_say;
    made->body_size = (uint32_t)body.size;
    memcpy(made->body, body.at, body.size);
    xr_buf_fini(&body);
    bridge->sent_ns[bridge->counter % WINDOW] = xr_clock_mono_ns();
    XR_ASSERT(xr_engine_submit(bench->engine, made) == XR_OK);
}

/* ---- one measurement ---- */

static int compare_samples(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a;
    const uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static double percentile_ms(const struct bench *bench, double part)
{
    if (bench->sample_count == 0)
        return 0;
    const size_t place = (size_t)(part * (double)(bench->sample_count - 1));
    return (double)bench->samples[place] / 1e6;
}

static double floor_thread_cpu_s(const struct bench *bench)
{
    clockid_t clock;
    struct timespec spent = {0};
    XR_ASSERT(pthread_getcpuclockid(bench->engine->thread, &clock) == 0);
    XR_ASSERT(clock_gettime(clock, &spent) == 0);
    return (double)spent.tv_sec + (double)spent.tv_nsec / 1e9;
}

static void print_line(struct bench *bench, uint32_t in_flight, double seconds, double cpu_s,
                       const struct xr_engine_figures *a, const struct xr_engine_figures *b)
{
    const double events = (double)(b->events - a->events);
    const double batches = (double)(b->batches - a->batches);
    const double step_s = (double)(b->step_ns_sum - a->step_ns_sum) / 1e9;
    const double commit_s = (double)(b->commit_ns_sum - a->commit_ns_sum) / 1e9;
    qsort(bench->samples, bench->sample_count, sizeof *bench->samples, compare_samples);
    printf("in_flight=%u rate_per_s=%.0f p50_ms=%.3f p99_ms=%.3f events_per_batch=%.1f "
           "step_us_per_event=%.2f commit_us_per_batch=%.0f step_part=%.2f commit_part=%.2f "
           "other_part=%.2f floor_cpu_part=%.2f refused=%llu\n",
           in_flight, events / seconds, percentile_ms(bench, 0.5), percentile_ms(bench, 0.99),
           events / batches, step_s * 1e6 / events, commit_s * 1e6 / batches, step_s / seconds,
           commit_s / seconds, 1 - (step_s + commit_s) / seconds, cpu_s / seconds,
           (unsigned long long)bench->refused);
    (void)fflush(stdout);
}

static void measure(struct bench *bench, uint32_t in_flight)
{
    struct xr_engine_figures before;
    struct xr_engine_figures after;
    uint64_t out = 0;
    bench->sample_count = 0;
    bench->refused = 0;
    xr_engine_figures(bench->engine, &before);
    const double cpu_before = floor_thread_cpu_s(bench);
    const uint64_t began_ns = xr_clock_mono_ns();
    const uint64_t until_ns = began_ns + (uint64_t)bench->options.seconds * 1000000000u;
    do {
        for (; out < in_flight; out++)
            submit_one(bench);
        out -= take_outcomes(bench, wait_for_outcomes(bench));
    } while (xr_clock_mono_ns() < until_ns);
    const double seconds = (double)(xr_clock_mono_ns() - began_ns) / 1e9;
    const double cpu_s = floor_thread_cpu_s(bench) - cpu_before;
    xr_engine_figures(bench->engine, &after);
    while (out > 0)
        out -= take_outcomes(bench, wait_for_outcomes(bench));
    print_line(bench, in_flight, seconds, cpu_s, &before, &after);
}

/* ---- the shop: people and sessions ---- */

static void hire_agents(struct shop *shop, struct shop_seat *boss, uint32_t count)
{
    const struct xr_be online = {.state = XR_presence_ONLINE};
    for (uint32_t i = 0; i < count; i++) {
        char login[32];
        (void)snprintf(login, sizeof login, "agent-%u", i);
        (void)shop_account(shop, boss, login, XR_role_AGENT);
        (void)shop_done(shop, shop_login(shop, AGENT_SEAT, login), XR_TYPE_be, &online);
    }
}

static void set_up(struct bench *bench, struct shop *shop)
{
    shop_start(shop);
    struct shop_seat *boss = shop_login(shop, 1, "boss");
    hire_agents(shop, boss, bench->options.agents);
    for (uint32_t i = 0; i < bench->options.bridges; i++) {
        char login[32];
        (void)snprintf(login, sizeof login, "bridge-%u", i);
        (void)shop_account(shop, boss, login, XR_role_BRIDGE);
        struct shop_seat *seat = shop_login(shop, 2 + i, login);
        bench->bridges[i] = (struct bridge){.agent = seat->agent, .device = seat->device};
    }
    bench->floor = shop->floor;
}

static void open_sessions(struct bench *bench, struct shop *shop)
{
    for (uint32_t i = 0; i < bench->options.sessions; i++) {
        char buyer[32];
        (void)snprintf(buyer, sizeof buyer, "buyer-%u", i);
        const struct xr_open open = {
            .channel = XR_STR("taobao"), .buyer = xr_str_of(buyer), .text = XR_STR("在吗？")};
        struct shop_seat *seat = &shop->seats[2 + i % bench->options.bridges];
        struct xr_open with_done = open;
        with_done.done = seat->counter;
        bench->sessions[i] = shop_done(shop, seat, XR_TYPE_open, &with_done).session;
    }
}

/* Open the store and start an engine whose effects go the short way; says how long that takes. */
static void start_engine(struct bench *bench, const struct shop *shop)
{
    const struct xr_store_options store = {.directory = shop->directory,
                                           .relaxed = bench->options.relaxed};
    struct xr_engine_options options = {
        .floor = {.commit = XR_commit_mode_SYNC, .lease_ms = 3600000, .beat_ms = 5000},
        .log_bytes_max = (uint64_t)bench->options.log_mib << 20,
        .on_effects = on_effects,
        .context = bench,
    };
    const uint64_t began_ns = xr_clock_mono_ns();
    options.floor.server = "bench";
    XR_ASSERT(xr_store_open(&store, &bench->store) == XR_OK);
    options.store = bench->store;
    XR_ASSERT(xr_engine_start(&options, &bench->engine) == XR_OK);
    printf("start_ms=%.1f sessions=%u\n", (double)(xr_clock_mono_ns() - began_ns) / 1e6,
           bench->options.sessions);
}

static void stop_engine(struct bench *bench)
{
    struct xr_store_figures figures;
    xr_engine_stop(bench->engine);
    xr_store_figures(bench->store, &figures);
    printf("used_mib=%llu\n", (unsigned long long)(figures.used_bytes >> 20));
    xr_store_close(bench->store);
}

/* The bridges' devices are known to the floor: they go on with their next counters. */
static void take_over(struct bench *bench, struct shop *shop)
{
    for (uint32_t i = 0; i < bench->options.bridges; i++) {
        bench->bridges[i].counter = bench->bridges[i].answered = shop->seats[2 + i].counter;
        bench->bridges[i].origin = UINT64_C(1000000) * BRIDGES_MAX + i;
    }
    shop_stop(shop);
}

/* ---- the command line ---- */

static uint32_t number_of(const char *text)
{
    return (uint32_t)strtoul(text, NULL, 10);
}

static struct options read_options(int argc, char **argv)
{
    static const struct option names[] = {
        {"seconds", required_argument, NULL, 's'},
        {"agents", required_argument, NULL, 'a'},
        {"sessions", required_argument, NULL, 'n'},
        {"bridges", required_argument, NULL, 'b'},
        {"length", required_argument, NULL, 'l'},
        {"in-flight", required_argument, NULL, 'f'},
        {"log-mib", required_argument, NULL, 'm'},
        {"relaxed", no_argument, NULL, 'r'},
        {NULL, 0, NULL, 0},
    };
    struct options options = {
        .seconds = 5, .agents = 100, .sessions = 1000, .bridges = 8, .length = 120};
    int letter;
    while ((letter = getopt_long(argc, argv, "", names, NULL)) != -1) {
        switch (letter) {
        case 's':
            options.seconds = number_of(optarg);
            break;
        case 'a':
            options.agents = number_of(optarg);
            break;
        case 'n':
            options.sessions = number_of(optarg);
            break;
        case 'b':
            options.bridges = number_of(optarg);
            break;
        case 'l':
            options.length = number_of(optarg);
            break;
        case 'm':
            options.log_mib = number_of(optarg);
            break;
        case 'r':
            options.relaxed = true;
            break;
        case 'f':
            if (options.flight_count < FLIGHTS_MAX)
                options.flights[options.flight_count++] = number_of(optarg);
            break;
        default:
            exit(2);
        }
    }
    options.directory = optind < argc ? argv[optind] : NULL;
    if (options.bridges == 0 || options.bridges > BRIDGES_MAX || options.sessions == 0)
        exit(2);
    if (options.flight_count == 0) {
        const uint32_t standard[] = {1, 64, 1024};
        memcpy(options.flights, standard, sizeof standard);
        options.flight_count = 3;
    }
    return options;
}

int main(int argc, char **argv)
{
    static struct bench bench;
    struct shop shop = {.relaxed = true}; /* while it is set up */
    bench.options = read_options(argc, argv);
    bench.sessions = xr_mem_zero(bench.options.sessions, sizeof *bench.sessions);
    bench.samples = xr_mem_zero(SAMPLES_MAX, sizeof *bench.samples);
    bench.text = xr_mem_alloc(bench.options.length + 1);
    XR_ASSERT(bench.sessions != NULL && bench.samples != NULL && bench.text != NULL);
    memset(bench.text, 'x', bench.options.length + 1);
    XR_ASSERT(pthread_mutex_init(&bench.lock, NULL) == 0);
    XR_ASSERT(pthread_cond_init(&bench.news, NULL) == 0);
    shop.at = bench.options.directory;
    shop_open(&shop);
    set_up(&bench, &shop);
    open_sessions(&bench, &shop);
    take_over(&bench, &shop);
    start_engine(&bench, &shop);
    for (uint32_t i = 0; i < bench.options.flight_count; i++)
        measure(&bench, bench.options.flights[i]);
    stop_engine(&bench);
    start_engine(&bench, &shop);
    stop_engine(&bench);
    shop_close(&shop);
    xr_mem_free(bench.sessions);
    xr_mem_free(bench.samples);
    xr_mem_free(bench.text);
    return 0;
}
