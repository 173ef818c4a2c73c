/*
 * The job of `xiaoer bench`, done by Redis Streams: producers append a chat message to the stream
 * of an agent (XADD), each agent waits on its own stream as a consumer of a group (XREADGROUP
 * BLOCK), and acknowledges what it has received (XACK). The server runs with appendfsync always, so
 * an answer means on disk, as with us.
 *
 * A message counts once its producer has the answer and its agent has the entry. Closed loop: so
 * many are in flight, the next one leaves when one is complete. One thread, one epoll; hiredis
 * reads and writes the protocol.
 *
 *     redis_baseline SOCKET [--agents N] [--bridges N] [--seconds N] [--json]
 *
 * Exit code 0; 1: the server refused something or went away; 2: usage.
 */
#include <errno.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define FLIGHT_MAX  1024
#define SAMPLES_MAX (1 << 22)
#define SESSIONS    5000

/* The same bytes as those of `xiaoer bench`. */
static const char text[] = "请问这件外套175/62公斤穿L码合适吗？今天下单的话，周五前能送到杭州吗？";

struct slot {
    int64_t sent_ns;
    bool answered;
    bool received;
};

struct link {
    redisContext *redis;
    int agent;       /* -1: a producer */
    uint32_t acks;   /* answers to XACK still to come before the next entries */
    uint32_t *order; /* producer: slots in order of sending */
    uint32_t first;
    uint32_t count;
    bool writing; /* EPOLLOUT is wanted */
};

struct bench {
    int epoll;
    int agents;
    int bridges;
    struct link *links; /* bridges, then agents */
    struct slot slots[FLIGHT_MAX];
    int64_t *samples;
    size_t sample_count;
    uint64_t complete;
    uint64_t next;
    bool refill;
};

static int64_t mono_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void die(const char *what, const char *why)
{
    fprintf(stderr, "redis_baseline: %s: %s\n", what, why);
    exit(1);
}

/* ---- sending --------------------------------------------------------------------------------- */

static void want_write(struct bench *bench, struct link *link, bool wanted)
{
    struct epoll_event event = {.events = EPOLLIN | (wanted ? EPOLLOUT : 0), .data.ptr = link};

    if (link->writing == wanted)
        return;
    link->writing = wanted;
    if (epoll_ctl(bench->epoll, EPOLL_CTL_MOD, link->redis->fd, &event) != 0)
        die("epoll_ctl", strerror(errno));
}

static void flush_link(struct bench *bench, struct link *link)
{
    int done = 0;

    if (redisBufferWrite(link->redis, &done) != REDIS_OK)
        die("write", link->redis->errstr);
    want_write(bench, link, !done);
}

static void send_message(struct bench *bench, uint32_t number)
{
    const uint64_t session = bench->next % SESSIONS;
    const int agent = (int)(session % (uint64_t)bench->agents);
    struct link *link = &bench->links[bench->next % (uint64_t)bench->bridges];

    bench->slots[number] = (struct slot){.sent_ns = mono_ns()};
    bench->next++;
    redisAppendCommand(link->redis, "XADD agent:%d * i %u s %llu t %b", agent, number,
                       (unsigned long long)session, text, sizeof(text) - 1);
    link->order[(link->first + link->count) % FLIGHT_MAX] = number;
    link->count++;
}

static void ask_entries(struct link *link)
{
    redisAppendCommand(link->redis, "XREADGROUP GROUP g c COUNT 256 BLOCK 0 STREAMS agent:%d >",
                       link->agent);
}

static void finish_slot(struct bench *bench, uint32_t number)
{
    const struct slot *slot = &bench->slots[number];

    if (!slot->answered || !slot->received)
        return;
    if (bench->sample_count < SAMPLES_MAX)
        bench->samples[bench->sample_count++] = mono_ns() - slot->sent_ns;
    bench->complete++;
    if (bench->refill)
        send_message(bench, number);
}

/* ---- receiving ------------------------------------------------------------------------------- */

static void take_answer(struct bench *bench, struct link *link, const redisReply *reply)
{
    const uint32_t number = link->order[link->first];

    if (reply->type != REDIS_REPLY_STRING)
        die("XADD", reply->str ? reply->str : "unexpected answer");
    link->first = (link->first + 1) % FLIGHT_MAX;
    link->count--;
    bench->slots[number].answered = true;
    finish_slot(bench, number);
}

/* [[stream, [[id, [field, value…]]…]]]: acknowledge all in one XACK, then ask again. */
static void take_entries(struct bench *bench, struct link *link, const redisReply *reply)
{
    const char *argv[3 + 256];
    size_t sizes[3 + 256];
    char stream[32];
    int argc = 3;

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 1)
        die("XREADGROUP", reply->str ? reply->str : "unexpected answer");
    const redisReply *entries = reply->element[0]->element[1];
    snprintf(stream, sizeof(stream), "agent:%d", link->agent);
    argv[0] = "XACK";
    argv[1] = stream;
    argv[2] = "g";
    for (size_t i = 0; i < entries->elements && argc < 3 + 256; i++) {
        const redisReply *entry = entries->element[i];
        argv[argc++] = entry->element[0]->str;
    }
    for (int i = 0; i < argc; i++)
        sizes[i] = strlen(argv[i]);
    redisAppendCommandArgv(link->redis, argc, argv, sizes);
    link->acks++;
    ask_entries(link);
    for (size_t i = 0; i < entries->elements; i++) {
        const redisReply *fields = entries->element[i]->element[1];
        const uint32_t number = (uint32_t)strtoul(fields->element[1]->str, NULL, 10);
        bench->slots[number % FLIGHT_MAX].received = true;
        finish_slot(bench, number % FLIGHT_MAX);
    }
}

static void read_link(struct bench *bench, struct link *link)
{
    void *reply;

    if (redisBufferRead(link->redis) != REDIS_OK)
        die("read", link->redis->errstr);
    for (;;) {
        if (redisGetReplyFromReader(link->redis, &reply) != REDIS_OK)
            die("read", link->redis->errstr);
        if (!reply)
            return;
        if (link->agent < 0)
            take_answer(bench, link, reply);
        else if (link->acks > 0)
            link->acks--;
        else
            take_entries(bench, link, reply);
        freeReplyObject(reply);
    }
}

static void turn(struct bench *bench)
{
    struct epoll_event events[256];
    const int count = epoll_wait(bench->epoll, events, 256, 1000);

    if (count == 0 && bench->refill)
        die("no progress", "nothing came for a second");
    for (int i = 0; i < count; i++) {
        struct link *link = events[i].data.ptr;
        if (events[i].events & (EPOLLIN | EPOLLERR | EPOLLHUP))
            read_link(bench, link);
        if (link->agent >= 0)
            flush_link(bench, link);
    }
    for (int i = 0; i < bench->bridges; i++)
        flush_link(bench, &bench->links[i]);
}

/* ---- one level ------------------------------------------------------------------------------- */

struct figures {
    double rate_per_s;
    double p50_ms;
    double p99_ms;
};

static int compare_ns(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a;
    const int64_t y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static void run_for(struct bench *bench, int64_t ns)
{
    const int64_t end = mono_ns() + ns;

    while (mono_ns() < end)
        turn(bench);
}

static struct figures measure(struct bench *bench, uint32_t in_flight, int64_t seconds)
{
    const uint64_t target_before = bench->next;
    struct figures figures = {0};

    bench->refill = true;
    for (uint32_t i = 0; i < in_flight; i++)
        send_message(bench, i);
    for (int i = 0; i < bench->bridges; i++)
        flush_link(bench, &bench->links[i]);
    run_for(bench, 500000000);
    bench->sample_count = 0;
    const uint64_t before = bench->complete;
    const int64_t begin = mono_ns();
    run_for(bench, seconds * 1000000000);
    const int64_t spent = mono_ns() - begin;
    figures.rate_per_s = (double)(bench->complete - before) * 1e9 / (double)spent;
    const size_t count = bench->sample_count;
    bench->refill = false;
    while (bench->complete < bench->next)
        turn(bench);
    if (bench->next == target_before || count == 0)
        die("measure", "nothing was completed");
    qsort(bench->samples, count, sizeof(bench->samples[0]), compare_ns);
    figures.p50_ms = (double)bench->samples[count / 2] / 1e6;
    figures.p99_ms = (double)bench->samples[count * 99 / 100] / 1e6;
    return figures;
}

/* ---- set-up ---------------------------------------------------------------------------------- */

static void add_link(struct bench *bench, struct link *link, const char *path, int agent)
{
    link->redis = redisConnectUnix(path);
    if (!link->redis || link->redis->err)
        die(path, link->redis ? link->redis->errstr : "no memory");
    link->agent = agent;
    link->order = calloc(FLIGHT_MAX, sizeof(link->order[0]));
    if (!link->order)
        die("calloc", "no memory");
    if (agent >= 0) {
        redisReply *reply = redisCommand(link->redis, "XGROUP CREATE agent:%d g $ MKSTREAM", agent);
        if (!reply || reply->type == REDIS_REPLY_ERROR)
            die("XGROUP", reply ? reply->str : link->redis->errstr);
        freeReplyObject(reply);
    }
    if (fcntl(link->redis->fd, F_SETFL, O_NONBLOCK) != 0)
        die("fcntl", strerror(errno));
    link->redis->flags &= ~REDIS_BLOCK;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = link};
    if (epoll_ctl(bench->epoll, EPOLL_CTL_ADD, link->redis->fd, &event) != 0)
        die("epoll_ctl", strerror(errno));
    if (agent >= 0) {
        ask_entries(link);
        flush_link(bench, link);
    }
}

static int option(int argc, char **argv, const char *name, int otherwise)
{
    for (int i = 2; i + 1 < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return atoi(argv[i + 1]);
    return otherwise;
}

static bool has_flag(int argc, char **argv, const char *name)
{
    for (int i = 2; i < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return true;
    return false;
}

static struct bench bench;

int main(int argc, char **argv)
{
    static const uint32_t levels[] = {1, 64, 1024};
    const int seconds = option(argc, argv, "--seconds", 5);
    const bool json = has_flag(argc, argv, "--json");

    bench.agents = option(argc, argv, "--agents", 200);
    bench.bridges = option(argc, argv, "--bridges", 4);
    if (argc < 2 || bench.agents < 1 || bench.bridges < 1 || seconds < 1) {
        fprintf(stderr,
                "redis_baseline SOCKET [--agents N] [--bridges N] [--seconds N] [--json]\n");
        return 2;
    }
    bench.epoll = epoll_create1(EPOLL_CLOEXEC);
    bench.links = calloc((size_t)(bench.agents + bench.bridges), sizeof(bench.links[0]));
    bench.samples = calloc(SAMPLES_MAX, sizeof(bench.samples[0]));
    if (bench.epoll < 0 || !bench.links || !bench.samples)
        die("start", "no memory");
    for (int i = 0; i < bench.bridges; i++)
        add_link(&bench, &bench.links[i], argv[1], -1);
    for (int i = 0; i < bench.agents; i++)
        add_link(&bench, &bench.links[bench.bridges + i], argv[1], i);

    if (json)
        printf("{\"levels\": [");
    for (size_t i = 0; i < 3; i++) {
        const struct figures f = measure(&bench, levels[i], seconds);
        if (json)
            printf(
                "%s{\"in_flight\": %u, \"rate_per_s\": %.0f, \"p50_ms\": %.3f, \"p99_ms\": %.3f}",
                i ? ", " : "", levels[i], f.rate_per_s, f.p50_ms, f.p99_ms);
        else
            printf("%5u in flight  %8.0f/s  p50 %7.3f ms  p99 %7.3f ms\n", levels[i], f.rate_per_s,
                   f.p50_ms, f.p99_ms);
        fflush(stdout);
    }
    if (json)
        printf("]}\n");
    for (int i = 0; i < bench.agents + bench.bridges; i++) {
        redisFree(bench.links[i].redis);
        free(bench.links[i].order);
    }
    free(bench.links);
    free(bench.samples);
    close(bench.epoll);
    return 0;
}
