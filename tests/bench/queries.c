/*
 * What queries cost on a large floor, and what each message costs in the floor besides its tables.
 *
 *     bench_queries [--sessions N] [--messages N] DIRECTORY
 *
 * Writes a floor of that many open sessions (one in ten queued, the others over 100 agents) with so
 * many messages each into a new store there, and then asks on a reader's transaction. A line for
 * each query: median and largest of 20 runs, in µs. Then ns for one journal row and one link of the
 * chain, and the time of a check, short and deep.
 */
#include "floor/chain.h"
#include "floor/floor.h"
#include "floor/journal.h"
#include "floor/record.h"
#include "store/store.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FLOOR      1
#define AGENTS     100
#define BRIDGE     101
#define RUNS       20
#define LOOPS      200000
#define PER_COMMIT 1000
#define WALL_MS    INT64_C(1700000000000)

struct bench {
    uint64_t sessions;
    uint64_t messages;
    struct xr_store *store;
    struct xr_tables *tables;
    struct xr_arena *arena;
    struct xr_buf row;
    struct xr_floor_record floor;
    uint32_t loads[AGENTS + 1];
};

static double now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return 1e6 * (double)now.tv_sec + (double)now.tv_nsec / 1e3;
}

static void put(struct bench *bench, enum xr_table table, struct xr_key key, enum xr_type type,
                const void *record)
{
    xr_record_put(bench->tables, table, xr_key_of(&key), type, record, &bench->row);
}

static void put_bytes(struct bench *bench, enum xr_table table, struct xr_key key,
                      const void *bytes, uint32_t size)
{
    xr_tables_put(bench->tables, table, xr_key_of(&key), (struct xr_bin){bytes, size});
}

static void begin(struct bench *bench)
{
    XR_ASSERT(xr_store_begin(bench->store) == XR_OK);
    bench->tables = xr_store_tables(bench->store, FLOOR);
}

static void commit(struct bench *bench)
{
    put(bench, XR_TABLE_floor, xr_key_bytes(NULL, 0), XR_TYPE_floor_record, &bench->floor);
    XR_ASSERT(xr_store_commit(bench->store) == XR_OK);
}

/* ---- the floor ---- */

static void put_account(struct bench *bench, uint32_t id)
{
    static const uint32_t group = 1;
    char login[16];
    uint8_t value[4];
    snprintf(login, sizeof login, "login%u", id);
    const struct xr_account_record account = {
        .agent = {id},
        .login = xr_str_of(login),
        .role = id == BRIDGE ? XR_role_BRIDGE
                : id == 1    ? XR_role_OWNER
                             : XR_role_AGENT,
        .state = XR_account_state_ACTIVE,
        .groups = {&group, id == BRIDGE ? 0 : 1},
    };
    xr_put_u32be(value, id);
    put(bench, XR_TABLE_account, xr_key_u32(id), XR_TYPE_account_record, &account);
    put_bytes(bench, XR_TABLE_login, xr_key_str(account.login), value, sizeof value);
    bench->floor.accounts = id;
}

static void put_agents(struct bench *bench)
{
    for (uint32_t id = 1; id <= AGENTS; id++) {
        const struct xr_agent_record agent = {
            .agent = {id}, .state = XR_presence_ONLINE, .lost = true, .active = bench->loads[id]};
        put(bench, XR_TABLE_agent, xr_key_u32(id), XR_TYPE_agent_record, &agent);
    }
}

static void put_customer(struct bench *bench, uint64_t id)
{
    char buyer[24];
    uint8_t value[8];
    snprintf(buyer, sizeof buyer, "buyer%llu", (unsigned long long)id);
    const struct xr_customer_record record = {
        .card = {.customer = {id},
                 .nick = xr_str_of(buyer),
                 .channel = XR_STR("taobao"),
                 .buyer = xr_str_of(buyer),
                 .visits = 1},
        .session = {id},
        .last_session = {id},
    };
    xr_put_u64be(value, id);
    put(bench, XR_TABLE_customer, xr_key_u64(id), XR_TYPE_customer_record, &record);
    put_bytes(bench, XR_TABLE_channel, xr_key_channel(record.card.channel, record.card.buyer),
              value, sizeof value);
    bench->floor.customers = id;
}

static struct xr_message_added message_of(uint64_t session, uint32_t number)
{
    static const uint8_t salt[XR_SALT_BYTES] = {1, 2, 3};
    return (struct xr_message_added){
        .message = {.session = {session},
                    .number = number,
                    .sender = XR_sender_BUYER,
                    .kind = XR_message_kind_TEXT,
                    .text = XR_STR("亲，这款还有货吗？今天能发吗？"),
                    .wall_ms = WALL_MS,
                    .salt = {salt, sizeof salt}},
    };
}

static uint64_t push_message(struct bench *bench, const struct xr_message_added *update)
{
    const struct xr_audience audience = {.roles = 6, .agents = {7, BRIDGE}};
    const struct xr_key key = xr_key_u64(++bench->floor.head);
    xr_buf_reset(&bench->row);
    xr_journal_encode(&bench->row, &audience, XR_TYPE_message_added, update);
    xr_tables_append(bench->tables, XR_TABLE_journal, xr_key_of(&key),
                     (struct xr_bin){bench->row.at, (uint32_t)bench->row.size});
    bench->floor.messages++;
    return bench->floor.head;
}

static void put_session(struct bench *bench, uint64_t id)
{
    uint8_t link[XR_HASH_BYTES] = {0};
    uint8_t positions[XR_POSITION_MAX * 100];
    uint32_t size = 0;
    uint64_t last = 0;
    const bool queued = id % 10 == 0;
    const uint32_t agent = queued ? 0 : 1 + (uint32_t)(id % AGENTS);
    for (uint32_t number = 1; number <= bench->messages; number++) {
        const struct xr_message_added update = message_of(id, number);
        xr_chain_next(link, &update.message);
        const uint64_t seq = push_message(bench, &update);
        size += (uint32_t)xr_position_put(positions + size, last, seq);
        last = seq;
    }
    const struct xr_session_record record = {
        .session = {id},
        .customer = {id},
        .state = queued ? XR_session_state_QUEUED : XR_session_state_OPEN,
        .klass = id % 50 ? XR_queue_class_NORMAL : XR_queue_class_VIP,
        .group = {1},
        .agent = {agent},
        .bridge = {BRIDGE},
        .opened_wall_ms = WALL_MS,
        .active_ms = INT64_C(1) << 40, /* long after owned_ms: may have been idle */
        .number = (uint32_t)bench->messages,
        .positions = {positions, size},
        .chain = {link, bench->messages ? sizeof link : 0},
        .arrival = queued ? id : 0,
        .queued_wall_ms = queued ? WALL_MS : 0,
    };
    bench->loads[agent]++;
    put(bench, XR_TABLE_session, xr_key_u64(id), XR_TYPE_session_record, &record);
    put_bytes(bench, XR_TABLE_open, xr_key_u64(id), NULL, 0);
    put_bytes(bench, XR_TABLE_visit, xr_key_visit(record.customer, record.session), NULL, 0);
    bench->floor.sessions = bench->floor.arrivals = id;
}

static void fill(struct bench *bench)
{
    const struct xr_group_record group = {.group = {1}, .name = XR_STR("default")};
    bench->floor = (struct xr_floor_record){.name = XR_STR("shop"), .groups = 1};
    begin(bench);
    put(bench, XR_TABLE_group, xr_key_u32(1), XR_TYPE_group_record, &group);
    for (uint32_t id = 1; id <= BRIDGE; id++)
        put_account(bench, id);
    for (uint64_t id = 1; id <= bench->sessions; id++) {
        put_customer(bench, id);
        put_session(bench, id);
        if (id % PER_COMMIT == 0) {
            commit(bench);
            begin(bench);
        }
    }
    put_agents(bench);
    commit(bench);
}

/* ---- asking ---- */

static int compare_doubles(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x > y) - (x < y);
}

static void time_query(struct bench *bench, const char *name, uint32_t who, enum xr_role role,
                       enum xr_type type, const void *message)
{
    const struct xr_asker asker = {{who}, role, WALL_MS};
    double runs[RUNS];
    for (int i = 0; i < RUNS; i++) {
        enum xr_type got;
        const void *answer;
        struct xr_reader *reader;
        XR_ASSERT(xr_reader_open(bench->store, &reader) == XR_OK);
        xr_arena_reset(bench->arena);
        const double start = now_us();
        xr_floor_query(xr_reader_tables(reader, FLOOR), &asker, type, message, bench->arena, &got,
                       &answer);
        runs[i] = now_us() - start;
        XR_ASSERT(got != XR_TYPE_error);
        xr_reader_close(reader);
    }
    qsort(runs, RUNS, sizeof runs[0], compare_doubles);
    printf("%-36s median %10.1f us  largest %10.1f us\n", name, runs[RUNS / 2], runs[RUNS - 1]);
}

static void time_queries(struct bench *bench)
{
    const struct xr_get_status status = {.has = 0};
    const struct xr_get_agents agents = {.max = 0};
    const struct xr_get_sessions sessions = {.max = 0};
    const struct xr_get_sessions queue = {.state = XR_session_state_QUEUED};
    const struct xr_get_session one = {.session = {1}};
    const struct xr_get_session queued = {.session = {bench->sessions / 10 * 10}};
    const struct xr_get_history history = {.session = {1}};
    const struct xr_get_customer customer = {.customer = {1}};
    const enum xr_role owner = XR_role_OWNER;
    time_query(bench, "get_status", 1, owner, XR_TYPE_get_status, &status);
    time_query(bench, "get_agents", 1, owner, XR_TYPE_get_agents, &agents);
    time_query(bench, "get_sessions, 500 of all", 1, owner, XR_TYPE_get_sessions, &sessions);
    time_query(bench, "get_sessions, the queue", 1, owner, XR_TYPE_get_sessions, &queue);
    time_query(bench, "get_sessions, an agent's own", 2, XR_role_AGENT, XR_TYPE_get_sessions,
               &sessions);
    time_query(bench, "get_session, open", 1, owner, XR_TYPE_get_session, &one);
    time_query(bench, "get_session, queued: its place", 1, owner, XR_TYPE_get_session, &queued);
    time_query(bench, "get_history", 2, XR_role_AGENT, XR_TYPE_get_history, &history);
    time_query(bench, "get_customer", 2, XR_role_AGENT, XR_TYPE_get_customer, &customer);
}

static void on_broken(void *context, const char *invariant, const char *text)
{
    (void)context;
    fprintf(stderr, "broken %s: %s\n", invariant, text);
}

static void time_check(struct bench *bench, bool deep)
{
    struct xr_reader *reader;
    XR_ASSERT(xr_reader_open(bench->store, &reader) == XR_OK);
    const double start = now_us();
    const size_t broken = xr_floor_check(xr_reader_tables(reader, FLOOR), deep, on_broken, NULL);
    printf("check, %s: %.2f s, %zu rules broken\n", deep ? "deep" : "short",
           (now_us() - start) / 1e6, broken);
    xr_reader_close(reader);
}

/* ---- one message ---- */

static void time_message(struct bench *bench)
{
    const struct xr_audience audience = {.roles = 6, .agents = {7, BRIDGE}};
    const struct xr_message_added update = message_of(1, 1);
    uint8_t link[XR_HASH_BYTES] = {0};
    double start = now_us();
    for (int i = 0; i < LOOPS; i++) {
        xr_buf_reset(&bench->row);
        xr_journal_encode(&bench->row, &audience, XR_TYPE_message_added, &update);
    }
    printf("journal row: %.0f ns (%zu bytes)\n", 1e3 * (now_us() - start) / LOOPS, bench->row.size);
    start = now_us();
    for (int i = 0; i < LOOPS; i++)
        xr_chain_next(link, &update.message);
    printf("link of the chain: %.0f ns (%02x)\n", 1e3 * (now_us() - start) / LOOPS, link[0]);
}

static int usage(void)
{
    fprintf(stderr, "usage: bench_queries [--sessions N] [--messages 0..100] DIRECTORY\n");
    return 2;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"sessions", required_argument, NULL, 's'},
                                            {"messages", required_argument, NULL, 'm'},
                                            {NULL, 0, NULL, 0}};
    struct bench bench = {.sessions = 5000, .messages = 20};
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option == 's')
            bench.sessions = strtoull(optarg, NULL, 10);
        else if (option == 'm')
            bench.messages = strtoull(optarg, NULL, 10);
        else
            return usage();
    }
    if (optind + 1 != argc || bench.sessions < 10 || bench.messages > 100)
        return usage();
    const struct xr_store_options store = {.directory = argv[optind], .relaxed = true};
    XR_ASSERT(xr_store_open(&store, &bench.store) == XR_OK);
    bench.arena = xr_arena_new(1024 * 1024);
    XR_ASSERT(bench.arena != NULL);
    xr_buf_init(&bench.row, 1024 * 1024);
    fill(&bench);
    printf("%llu sessions not closed, %llu messages\n", (unsigned long long)bench.sessions,
           (unsigned long long)bench.floor.messages);
    time_queries(&bench);
    time_message(&bench);
    time_check(&bench, false);
    time_check(&bench, true);
    xr_store_close(bench.store);
    xr_arena_free(bench.arena);
    xr_buf_fini(&bench.row);
    return 0;
}
