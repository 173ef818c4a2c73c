/*
 * What the layout of FORMAT.md costs at full size: the store alone, no floor.
 *
 * Writes batches as the floor does: for each message one append to the journal; for each batch the
 * heads of the sessions touched, some devices, the balances, the floor's row, a row of the log.
 * A line for each million messages: rate, processor time, commit times, size of the file.
 *
 *     bench_layout [--messages N] [--sessions N] [--batch N] [--length N] [--agents N]
 *                  [--log-mib N] [--mixed] [--relaxed] [--memory] DIRECTORY
 *
 * length   messages of a session before it closes and a new one takes its place; 0: for ever
 * log-mib  how much log is kept
 * mixed    batches of 1 to `batch` messages: as many small as large ones
 * memory   (no DIRECTORY) on tables in memory: what the calls alone cost
 */
#include "proto/mem.h"
#include "store/store.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define MILLION         UINT64_C(1000000)
#define FLOOR           1
#define JOURNAL_SIZE    150
#define LOG_SIZE        200 /* for each message */
#define SPILL_MESSAGES  128
#define DEVICES         500 /* of these at most DEVICES_TOUCHED in a batch */
#define DEVICES_TOUCHED 10
#define SESSIONS_MAX    200000
#define COMMITS_MAX     1000000

struct slot {
    uint64_t session;
    uint32_t number; /* messages so far */
    bool is_hot;
};

struct bench {
    uint64_t messages;
    uint64_t sessions;
    uint64_t batch;
    uint64_t length;
    uint64_t agents;
    uint64_t log_bytes;
    bool mixed;
    bool relaxed;
    bool in_memory;
    const char *directory;

    struct xr_store *store;
    struct xr_tables *memory;
    struct slot slots[SESSIONS_MAX];
    uint32_t hot[SESSIONS_MAX]; /* slots */
    size_t hot_count;
    uint64_t session; /* newest */
    uint64_t seq;
    uint64_t batch_no;
    uint64_t log_first;
    uint64_t log_size;              /* bytes kept */
    uint32_t log_rows[COMMITS_MAX]; /* size by batch, modulo */
    uint64_t draw;
    uint8_t bytes[512 * 1024];
    uint32_t commit_us[COMMITS_MAX];
    size_t commits;
};

static uint64_t draw(struct bench *bench, uint64_t below)
{
    bench->draw ^= bench->draw << 13;
    bench->draw ^= bench->draw >> 7;
    bench->draw ^= bench->draw << 17;
    return bench->draw % below;
}

static double now_s(clockid_t clock)
{
    struct timespec t;
    (void)clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct xr_bin filled(struct bench *bench, size_t size)
{
    xr_put_u64be(bench->bytes, bench->seq);
    return (struct xr_bin){bench->bytes, (uint32_t)size};
}

static void put_number(struct bench *bench, struct xr_tables *tables, enum xr_table table,
                       uint64_t number, size_t size)
{
    uint8_t key[8];
    xr_put_u64be(key, number);
    xr_tables_put(tables, table, (struct xr_bin){key, sizeof key}, filled(bench, size));
}

static void put_two(struct bench *bench, struct xr_tables *tables, enum xr_table table,
                    uint64_t first, uint64_t second, size_t size)
{
    uint8_t key[16];
    xr_put_u64be(key, first);
    xr_put_u64be(key + 8, second);
    xr_tables_put(tables, table, (struct xr_bin){key, sizeof key}, filled(bench, size));
}

/* The rows of a session that opens, beside its head. */
static void open_session(struct bench *bench, struct xr_tables *tables, struct slot *slot)
{
    slot->session = ++bench->session;
    slot->number = 0;
    const uint64_t customer = slot->session / 2 + 1;
    put_number(bench, tables, XR_TABLE_open, slot->session, 0);
    put_number(bench, tables, XR_TABLE_customer, customer, 200);
    put_two(bench, tables, XR_TABLE_visit, customer, slot->session, 0);
    put_two(bench, tables, XR_TABLE_explanation, slot->session, bench->seq, 200);
}

static size_t head_size(const struct slot *slot)
{
    return 150 + slot->number % SPILL_MESSAGES * 2;
}

static void close_session(struct bench *bench, struct xr_tables *tables, struct slot *slot)
{
    uint8_t key[8];
    xr_put_u64be(key, slot->session);
    xr_tables_del(tables, XR_TABLE_open, (struct xr_bin){key, sizeof key});
    put_number(bench, tables, XR_TABLE_session, slot->session, head_size(slot));
}

static void write_message(struct bench *bench, struct xr_tables *tables)
{
    const uint32_t index = (uint32_t)draw(bench, bench->sessions);
    struct slot *slot = &bench->slots[index];
    uint8_t key[12];
    if (bench->length > 0 && slot->number >= bench->length) {
        close_session(bench, tables, slot);
        open_session(bench, tables, slot);
    }
    xr_put_u64be(key, ++bench->seq);
    xr_tables_append(tables, XR_TABLE_journal, (struct xr_bin){key, 8},
                     filled(bench, JOURNAL_SIZE));
    if (++slot->number % SPILL_MESSAGES == 0) {
        xr_put_u64be(key, slot->session);
        xr_put_u32be(key + 8, slot->number);
        xr_tables_put(tables, XR_TABLE_spill, (struct xr_bin){key, sizeof key},
                      filled(bench, 2 * SPILL_MESSAGES));
    }
    if (!slot->is_hot)
        bench->hot[bench->hot_count++] = index;
    slot->is_hot = true;
}

static struct bench *sorted_by; /* qsort has no context */

static int compare_sessions(const void *a, const void *b)
{
    const uint64_t x = sorted_by->slots[*(const uint32_t *)a].session;
    const uint64_t y = sorted_by->slots[*(const uint32_t *)b].session;
    return (x > y) - (x < y);
}

static void settle(struct bench *bench, struct xr_tables *tables, uint64_t messages)
{
    sorted_by = bench;
    qsort(bench->hot, bench->hot_count, sizeof bench->hot[0], compare_sessions);
    for (size_t i = 0; i < bench->hot_count; i++) {
        struct slot *slot = &bench->slots[bench->hot[i]];
        put_number(bench, tables, XR_TABLE_session, slot->session, head_size(slot));
        slot->is_hot = false;
    }
    bench->hot_count = 0;
    for (unsigned i = 0; i < DEVICES_TOUCHED && i < messages; i++)
        put_number(bench, tables, XR_TABLE_device, draw(bench, DEVICES) + 1,
                   2048 + draw(bench, 6144));
    const struct xr_bin none = {NULL, 0};
    xr_tables_put(tables, XR_TABLE_balance, none, filled(bench, bench->agents * 12));
    xr_tables_put(tables, XR_TABLE_floor, none, filled(bench, 100));
}

static void write_log(struct bench *bench, uint64_t messages)
{
    const uint32_t row = (uint32_t)(messages * LOG_SIZE);
    xr_store_log_append(bench->store, ++bench->batch_no, filled(bench, row));
    bench->log_rows[bench->batch_no % COMMITS_MAX] = row;
    bench->log_size += row;
    while (bench->log_size > bench->log_bytes) {
        bench->log_size -= bench->log_rows[bench->log_first % COMMITS_MAX];
        xr_store_log_delete(bench->store, bench->log_first++);
    }
    xr_store_meta_put(bench->store, filled(bench, 100));
}

static void must(enum xr_status status)
{
    if (status == XR_OK)
        return;
    (void)fprintf(stderr, "bench_layout: status %d\n", (int)status);
    exit(1);
}

static uint64_t choose_size(struct bench *bench)
{
    if (!bench->mixed)
        return bench->batch;
    const uint64_t size = UINT64_C(1) << draw(bench, 11);
    return size < bench->batch ? size : bench->batch;
}

static void write_batch(struct bench *bench)
{
    const uint64_t messages = choose_size(bench);
    struct xr_tables *tables = bench->memory;
    if (!bench->in_memory) {
        must(xr_store_begin(bench->store));
        tables = xr_store_tables(bench->store, FLOOR);
    }
    for (uint64_t i = 0; i < messages; i++)
        write_message(bench, tables);
    settle(bench, tables, messages);
    if (bench->in_memory)
        return;
    write_log(bench, messages);
    const double before = now_s(CLOCK_MONOTONIC);
    must(xr_store_commit(bench->store));
    if (bench->commits < COMMITS_MAX)
        bench->commit_us[bench->commits++] = (uint32_t)((now_s(CLOCK_MONOTONIC) - before) * 1e6);
}

static int compare_us(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a;
    const uint32_t y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void report(struct bench *bench, uint64_t messages, double wall_s, double cpu_s)
{
    struct xr_store_figures figures = {0};
    uint32_t p50 = 0;
    uint32_t p99 = 0;
    if (!bench->in_memory)
        xr_store_figures(bench->store, &figures);
    if (bench->commits > 0) {
        qsort(bench->commit_us, bench->commits, sizeof bench->commit_us[0], compare_us);
        p50 = bench->commit_us[bench->commits / 2];
        p99 = bench->commit_us[bench->commits * 99 / 100];
    }
    (void)printf("%10llu %10.0f %8.2f %10u %10u %10.1f\n", (unsigned long long)bench->seq,
                 (double)messages / wall_s, cpu_s / (double)messages * 1e6, p50, p99,
                 (double)figures.used_bytes / 1048576.0);
    (void)fflush(stdout);
    bench->commits = 0;
}

static void run(struct bench *bench)
{
    (void)printf("%10s %10s %8s %10s %10s %10s\n", "stored", "per_s", "cpu_us", "commit_p50",
                 "commit_p99", "file_mib");
    uint64_t done = bench->seq;
    double wall = now_s(CLOCK_MONOTONIC);
    double cpu = now_s(CLOCK_PROCESS_CPUTIME_ID);
    while (bench->seq < bench->messages) {
        write_batch(bench);
        if (bench->seq - done < MILLION && bench->seq < bench->messages)
            continue;
        report(bench, bench->seq - done, now_s(CLOCK_MONOTONIC) - wall,
               now_s(CLOCK_PROCESS_CPUTIME_ID) - cpu);
        done = bench->seq;
        wall = now_s(CLOCK_MONOTONIC);
        cpu = now_s(CLOCK_PROCESS_CPUTIME_ID);
    }
}

/* Go on behind what a run before has stored. */
static void read_ends(struct bench *bench)
{
    struct xr_reader *reader;
    struct xr_scan scan;
    struct xr_bin key;
    struct xr_bin value;
    must(xr_reader_open(bench->store, &reader));
    struct xr_tables *tables = xr_reader_tables(reader, FLOOR);
    xr_tables_scan_open(tables, XR_TABLE_journal, (struct xr_bin){NULL, 0}, true, &scan);
    if (xr_tables_scan_next(tables, &scan, &key, &value))
        bench->seq = xr_get_u64be(key.at);
    xr_tables_scan_close(tables, &scan);
    xr_reader_log_span(reader, &bench->log_first, &bench->batch_no);
    if (bench->log_first == 0)
        bench->log_first = 1;
    xr_reader_close(reader);
}

static int read_options(struct bench *bench, int argc, char **argv)
{
    static const struct option options[] = {
        {"messages", required_argument, NULL, 'm'}, {"sessions", required_argument, NULL, 's'},
        {"batch", required_argument, NULL, 'b'},    {"length", required_argument, NULL, 'l'},
        {"agents", required_argument, NULL, 'a'},   {"log-mib", required_argument, NULL, 'k'},
        {"mixed", no_argument, NULL, 'x'},          {"relaxed", no_argument, NULL, 'r'},
        {"memory", no_argument, NULL, 'M'},         {NULL, 0, NULL, 0},
    };
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        const uint64_t number = optarg != NULL ? strtoull(optarg, NULL, 10) : 0;
        switch (option) {
        case 'm':
            bench->messages = number;
            break;
        case 's':
            bench->sessions = number;
            break;
        case 'b':
            bench->batch = number;
            break;
        case 'l':
            bench->length = number;
            break;
        case 'a':
            bench->agents = number;
            break;
        case 'k':
            bench->log_bytes = number << 20;
            break;
        case 'x':
            bench->mixed = true;
            break;
        case 'r':
            bench->relaxed = true;
            break;
        case 'M':
            bench->in_memory = true;
            break;
        default:
            return 2;
        }
    }
    bench->directory = argv[optind];
    const bool is_good = bench->sessions >= 1 && bench->sessions <= SESSIONS_MAX &&
                         bench->batch >= 1 && bench->batch * LOG_SIZE <= sizeof bench->bytes &&
                         bench->agents * 12 <= sizeof bench->bytes &&
                         (bench->in_memory || bench->directory != NULL);
    return is_good ? 0 : 2;
}

int main(int argc, char **argv)
{
    struct bench *bench = calloc(1, sizeof *bench);
    if (bench == NULL)
        return 1;
    bench->messages = 11 * MILLION;
    bench->sessions = 5000;
    bench->batch = 1024;
    bench->agents = 1000;
    bench->log_bytes = UINT64_C(4) << 30;
    bench->draw = UINT64_C(88172645463325252);
    if (read_options(bench, argc, argv) != 0) {
        (void)fprintf(stderr, "usage: see the head of tests/bench/layout.c\n");
        return 2;
    }
    for (uint64_t i = 0; i < bench->sessions; i++)
        bench->slots[i].session = ++bench->session;
    if (bench->in_memory) {
        bench->memory = xr_memory_tables_new();
    } else {
        const struct xr_store_options options = {.directory = bench->directory,
                                                 .relaxed = bench->relaxed};
        must(xr_store_open(&options, &bench->store));
        read_ends(bench);
    }
    run(bench);
    xr_store_close(bench->store);
    xr_memory_tables_free(bench->memory);
    free(bench);
    return 0;
}
