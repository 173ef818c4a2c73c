/*
 * `xiaoer bench`: durable chat messages per second, end to end. Bridges write as buyers; a message
 * counts when it is on disk and acknowledged to its bridge, and has been received by the agent that
 * has its session. Closed loop: 1, 64 and 1,024 are in flight.
 *
 * In the same run, for comparison: a bare echo over nanomsg on the same kind of socket, and a bare
 * LMDB commit of the same records. Alone, a message cannot be faster than a commit and two echoes.
 *
 * 1. The echo's child (it must be there before this process uses nanomsg).
 * 2. With --spawn a server of our own; accounts, settings; log-ins.
 * 3. Agents online, sessions open; --prefill messages at full speed.
 * 4. With --spawn: kill -9, start, until somebody is logged in again.
 * 5. Each level: the load, the echo, the commit.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bench_load.h"
#include "bench_server.h"

#define SAMPLES_ROOM 2000000
#define LEVELS       3
#define WARM_UP_MS   700
#define FRAME_EXTRA  40 /* a frame besides its text */

static const uint32_t levels[LEVELS] = {1, 64, 1024};

struct level {
    struct xr_bench_figures load;
    struct xr_bench_figures echo;
    struct xr_bench_figures commit;
    double server_us; /* processor time for one message */
    double client_us;
};

struct bench {
    struct xr_cli cli;
    int64_t sessions;
    int64_t agents;
    int64_t bridges;
    int64_t seconds;
    int64_t messages;
    int64_t prefill;
    bool spawn;
    bool tcp;
    const char *folder; /* parent of what --spawn and the bare commit write */
    const char *owner;
    const char *owner_password_file;

    struct xr_bench_server server;
    pid_t echo;
    char echo_address[700];
    struct xr_crew_member *members; /* bridges, then agents, then the probe of the restart */
    size_t member_count;            /* without the probe */
    struct xr_bench_load load;
    struct xr_bench_samples samples;
    struct level level[LEVELS];
    double prefill_rate_per_s;
    double start_ms; /* 0: not measured */
    uint64_t stored;
};

/* ---- set-up -----------------------------------------------------------------------------------
 */

static int make_members(struct bench *bench)
{
    bench->member_count = (size_t)(bench->bridges + bench->agents);
    bench->members = calloc(bench->member_count + 1, sizeof(bench->members[0]));
    if (!bench->members)
        return XR_EXIT_FAILED;
    for (size_t i = 0; i <= bench->member_count; i++) {
        struct xr_crew_member *member = &bench->members[i];
        const bool is_bridge = i < (size_t)bench->bridges || i == bench->member_count;
        member->role = is_bridge ? XR_role_BRIDGE : XR_role_AGENT;
        member->feed = !is_bridge;
        snprintf(member->login, sizeof(member->login), "%s%zu",
                 is_bridge ? "bench-bridge-" : "bench-agent-",
                 is_bridge ? i : i - (size_t)bench->bridges);
        snprintf(member->name, sizeof(member->name), "%s", member->login);
        xr_crew_password(member->password);
    }
    return XR_EXIT_OK;
}

static int set_number(const struct bench *bench, struct xr_client *owner, const char *name,
                      int64_t value)
{
    const struct xr_setting_set set = {.name = xr_str_of(name), .value = value};

    return xr_crew_order(&bench->cli, owner, XR_TYPE_setting_set, &set, name);
}

/* Room for all sessions on the agents there are; nothing closes by itself meanwhile. */
static int set_up_floor(const struct bench *bench, struct xr_client *owner)
{
    static const struct {
        const char *name;
        int64_t value;
    } settings[] = {
        {"limit_ceiling", 30}, {"limit_returning", 30}, {"limit_routed", 30},
        {"close_s", 0},        {"idle_counts", 1},
    };
    int code = XR_EXIT_OK;

    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]) && code == XR_EXIT_OK; i++)
        code = set_number(bench, owner, settings[i].name, settings[i].value);
    return code == XR_EXIT_OK
               ? xr_crew_found(&bench->cli, owner, bench->members, bench->member_count + 1)
               : code;
}

static int read_line(const char *path, char *out, size_t size)
{
    FILE *file = path ? fopen(path, "re") : NULL;

    if (!file || !fgets(out, (int)size, file)) {
        xr_cli_complain("--owner-password-file: %s", file ? "empty" : strerror(errno));
        if (file)
            fclose(file);
        return XR_EXIT_INPUT;
    }
    fclose(file);
    out[strcspn(out, "\r\n")] = '\0';
    return XR_EXIT_OK;
}

static int found(struct bench *bench)
{
    struct xr_crew_member owner = {.role = XR_role_OWNER};
    int code = XR_EXIT_OK;

    snprintf(owner.login, sizeof(owner.login), "%s", bench->owner);
    if (bench->spawn)
        snprintf(owner.password, sizeof(owner.password), "%s", bench->server.password);
    else
        code = read_line(bench->owner_password_file, owner.password, sizeof(owner.password));
    if (code == XR_EXIT_OK)
        code = xr_crew_sign_in(&bench->cli, &owner, 1, "server");
    if (code == XR_EXIT_OK)
        code = set_up_floor(bench, owner.client);
    xr_crew_sign_off(&owner, 1);
    return code;
}

static int set_up(struct bench *bench)
{
    int code = make_members(bench);

    if (code == XR_EXIT_OK && bench->spawn)
        code = xr_bench_server_start(&bench->server);
    if (code == XR_EXIT_OK)
        code = found(bench);
    if (code == XR_EXIT_OK)
        code = xr_crew_sign_in(&bench->cli, bench->members, bench->member_count + 1, "log-ins");
    if (code == XR_EXIT_OK)
        xr_crew_sign_off(&bench->members[bench->member_count], 1); /* it keeps its token */
    if (code == XR_EXIT_OK)
        code = xr_bench_load_init(&bench->load, &bench->cli, bench->members, (size_t)bench->bridges,
                                  (size_t)bench->agents, (size_t)bench->sessions);
    return code == XR_EXIT_OK ? xr_bench_load_open(&bench->load) : code;
}

/* ---- prefill, restart -------------------------------------------------------------------------
 */

static int prefill(struct bench *bench)
{
    const uint64_t begin_ns = xr_bench_now_ns();

    if (bench->prefill == 0)
        return XR_EXIT_OK;
    const int code = xr_bench_load_run(&bench->load, 1024, 0, (uint64_t)bench->prefill, "prefill");
    bench->prefill_rate_per_s =
        (double)bench->prefill * 1e9 / (double)(xr_bench_now_ns() - begin_ns);
    return code;
}

/* From exec until the probe is logged in. The other clients come back by themselves. */
static int restart(struct bench *bench)
{
    struct xr_crew_member *probe = &bench->members[bench->member_count];

    if (!bench->spawn)
        return XR_EXIT_OK;
    xr_bench_server_stop(&bench->server, SIGKILL);
    const uint64_t begin_ns = xr_bench_now_ns();
    int code = xr_bench_server_start(&bench->server);
    if (code == XR_EXIT_OK)
        code = xr_crew_sign_in(&bench->cli, probe, 1, "restart");
    bench->start_ms = (double)(xr_bench_now_ns() - begin_ns) / 1e6;
    xr_crew_sign_off(probe, 1);
    if (code == XR_EXIT_OK)
        code = xr_crew_sign_in(&bench->cli, bench->members, bench->member_count, "coming back");
    return code;
}

/* ---- one level --------------------------------------------------------------------------------
 */

static double own_cpu_s(void)
{
    struct rusage usage = {0};

    (void)getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_utime.tv_sec + (double)usage.ru_stime.tv_sec +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static int measure_load(struct bench *bench, size_t at)
{
    struct level *level = &bench->level[at];
    const uint32_t in_flight = levels[at];
    int code;

    bench->load.samples = NULL;
    code = xr_bench_load_run(&bench->load, in_flight, WARM_UP_MS, 0, "warming up");
    if (code != XR_EXIT_OK)
        return code;
    xr_bench_samples_reset(&bench->samples);
    bench->load.samples = &bench->samples;
    const double server_s = xr_bench_server_cpu_s(&bench->server);
    const double client_s = own_cpu_s();
    const uint64_t begin_ns = xr_bench_now_ns();
    code = xr_bench_load_run(&bench->load, in_flight,
                             bench->messages > 0 ? 0 : (uint64_t)bench->seconds * 1000,
                             (uint64_t)bench->messages, "measuring");
    bench->load.samples = NULL;
    level->load = xr_bench_samples_sum(&bench->samples, xr_bench_now_ns() - begin_ns);
    if (level->load.count > 0) {
        const double count = (double)level->load.count;
        level->server_us = (xr_bench_server_cpu_s(&bench->server) - server_s) * 1e6 / count;
        level->client_us = (own_cpu_s() - client_s) * 1e6 / count;
    }
    return code;
}

static int measure(struct bench *bench, size_t at)
{
    struct level *level = &bench->level[at];
    char folder[600];
    int code = measure_load(bench, at);

    if (code == XR_EXIT_OK && bench->echo > 0)
        code =
            xr_bench_echo(bench->echo_address, levels[at], sizeof(XR_BENCH_TEXT) - 1 + FRAME_EXTRA,
                          1000, &bench->samples, &level->echo);
    if (code != XR_EXIT_OK)
        return code;
    snprintf(folder, sizeof(folder), "%s/commit.XXXXXX", bench->server.folder);
    if (!mkdtemp(folder)) {
        xr_cli_complain("%s: %s", folder, strerror(errno));
        return XR_EXIT_INPUT;
    }
    code = xr_bench_commit(folder, levels[at], sizeof(XR_BENCH_TEXT) - 1, 1000, &bench->samples,
                           &level->commit);
    (void)rmdir(folder);
    return code;
}

static int count_stored(struct bench *bench)
{
    const struct xr_get_status get = {0};
    enum xr_type type = XR_TYPE_none;
    const void *answer = NULL;
    const int code = xr_crew_ask(&bench->cli, bench->members[0].client, XR_TYPE_get_status, &get,
                                 &type, &answer);

    if (code == XR_EXIT_OK && type == XR_TYPE_floor_status)
        bench->stored = ((const struct xr_floor_status *)answer)->messages;
    return code;
}

static int run(struct bench *bench)
{
    int code = set_up(bench);

    if (code == XR_EXIT_OK)
        code = prefill(bench);
    if (code == XR_EXIT_OK)
        code = count_stored(bench);
    if (code == XR_EXIT_OK)
        code = restart(bench);
    for (size_t i = 0; i < LEVELS && code == XR_EXIT_OK; i++)
        code = measure(bench, i);
    if (code == XR_EXIT_OK && !bench->spawn)
        code = xr_bench_load_leave(&bench->load);
    if (code == XR_EXIT_OK && bench->load.broken > 0) {
        xr_cli_complain("bench: %llu messages doubled, left out or out of order",
                        (unsigned long long)bench->load.broken);
        code = XR_EXIT_REFUSED;
    }
    return code;
}

/* ---- telling ----------------------------------------------------------------------------------
 */

/* Alone, beside what it is made of at least: a commit, and an echo to each of the two clients. */
static double alone_ratio(const struct bench *bench)
{
    const struct level *alone = &bench->level[0];
    const double least_ms = alone->commit.p50_ms + 2 * alone->echo.p50_ms;

    return least_ms > 0 ? alone->load.p50_ms / least_ms : 0;
}

static json_t *figures_json(const struct xr_bench_figures *figures)
{
    return json_pack("{s:I, s:f, s:f, s:f}", "count", (json_int_t)figures->count, "rate_per_s",
                     figures->rate_per_s, "p50_ms", figures->p50_ms, "p99_ms", figures->p99_ms);
}

static json_t *level_json(const struct bench *bench, size_t at)
{
    const struct level *level = &bench->level[at];

    return json_pack("{s:i, s:f, s:f, s:f, s:I, s:f, s:f, s:o, s:o}", "in_flight", (int)levels[at],
                     "rate_per_s", level->load.rate_per_s, "p50_ms", level->load.p50_ms, "p99_ms",
                     level->load.p99_ms, "messages", (json_int_t)level->load.count, "server_cpu_us",
                     level->server_us, "client_cpu_us", level->client_us, "echo",
                     figures_json(&level->echo), "commit", figures_json(&level->commit));
}

static int tell_json(const struct bench *bench)
{
    const struct xr_bench_figures *full = &bench->level[LEVELS - 1].load;
    json_t *list = json_array();

    for (size_t i = 0; i < LEVELS; i++)
        json_array_append_new(list, level_json(bench, i));
    json_t *all =
        json_pack("{s:s, s:I, s:I, s:I, s:I, s:f, s:f, s:f, s:f, s:o}", "server", bench->cli.server,
                  "sessions", (json_int_t)bench->sessions, "agents", (json_int_t)bench->agents,
                  "bridges", (json_int_t)bench->bridges, "stored", (json_int_t)bench->stored,
                  "rate_per_s", full->rate_per_s, "p50_ms", full->p50_ms, "p99_ms", full->p99_ms,
                  "alone_ratio", alone_ratio(bench), "levels", list);
    if (all && bench->spawn)
        json_object_set_new(all, "start_ms", json_real(bench->start_ms));
    if (all && bench->prefill > 0)
        json_object_set_new(all, "prefill_rate_per_s", json_real(bench->prefill_rate_per_s));
    return xr_cli_json(all) ? XR_EXIT_OK : XR_EXIT_FAILED;
}

static void tell_figures(struct xr_cli_table *table, const char *what, uint32_t in_flight,
                         const struct xr_bench_figures *figures)
{
    xr_cli_table_cell(table, "%s", what);
    xr_cli_table_cell(table, "%u", in_flight);
    xr_cli_table_cell(table, "%.0f", figures->rate_per_s);
    xr_cli_table_cell(table, "%.3f", figures->p50_ms);
    xr_cli_table_cell(table, "%.3f", figures->p99_ms);
}

static void tell_table(const struct bench *bench)
{
    struct xr_cli_table table = {0};

    xr_cli_table_column(&table, "", false);
    xr_cli_table_column(&table, "in flight", true);
    xr_cli_table_column(&table, "per s", true);
    xr_cli_table_column(&table, "p50 ms", true);
    xr_cli_table_column(&table, "p99 ms", true);
    xr_cli_table_column(&table, "server us", true);
    xr_cli_table_column(&table, "client us", true);
    for (size_t i = 0; i < LEVELS; i++) {
        tell_figures(&table, "messages", levels[i], &bench->level[i].load);
        xr_cli_table_cell(&table, "%.1f", bench->level[i].server_us);
        xr_cli_table_cell(&table, "%.1f", bench->level[i].client_us);
    }
    for (size_t i = 0; i < LEVELS; i++) {
        tell_figures(&table, "bare echo", levels[i], &bench->level[i].echo);
        xr_cli_table_cell(&table, "%s", "");
        xr_cli_table_cell(&table, "%s", "");
    }
    for (size_t i = 0; i < LEVELS; i++) {
        tell_figures(&table, "bare commit", levels[i], &bench->level[i].commit);
        xr_cli_table_cell(&table, "%s", "");
        xr_cli_table_cell(&table, "%s", "");
    }
    xr_cli_table_print(&table, stdout);
}

static void tell(const struct bench *bench)
{
    printf("%lld sessions, %lld agents, %lld bridges, %llu messages stored before; %s\n",
           (long long)bench->sessions, (long long)bench->agents, (long long)bench->bridges,
           (unsigned long long)bench->stored, bench->cli.server);
    if (bench->prefill > 0)
        printf("stored at %.0f/s\n", bench->prefill_rate_per_s);
    if (bench->spawn)
        printf("kill -9, started, logged in again after %.0f ms\n", bench->start_ms);
    printf("\n");
    tell_table(bench);
    printf("\nalone: p50 is %.2f x (commit + two echoes)\n", alone_ratio(bench));
}

/* ---- the subcommand ---------------------------------------------------------------------------
 */

static int prepare(struct bench *bench)
{
    /* The folder also holds what the bare commit writes. */
    int code = xr_bench_server_init(&bench->server, bench->folder, bench->tcp);

    if (code != XR_EXIT_OK)
        return code;
    if (bench->spawn)
        bench->cli.server = bench->server.address;
    const bool over_tcp = strncmp(bench->cli.server, "tcp:", 4) == 0;
    if (over_tcp)
        snprintf(bench->echo_address, sizeof(bench->echo_address), "tcp://127.0.0.1:%d",
                 xr_bench_free_port());
    else
        snprintf(bench->echo_address, sizeof(bench->echo_address), "ipc://%s/echo",
                 bench->server.folder);
    bench->echo = xr_bench_echo_start(bench->echo_address);
    if (bench->echo < 0 || !xr_bench_samples_init(&bench->samples, SAMPLES_ROOM))
        return XR_EXIT_FAILED;
    return XR_EXIT_OK;
}

static void clean_up(struct bench *bench)
{
    xr_bench_load_fini(&bench->load);
    if (bench->members)
        xr_crew_sign_off(bench->members, bench->member_count + 1);
    free(bench->members);
    xr_bench_echo_stop(bench->echo);
    xr_bench_samples_fini(&bench->samples);
    xr_bench_server_fini(&bench->server);
}

/* More agents than sessions per agent allow? nanomsg has 512 sockets in a process. */
static bool is_possible(const struct bench *bench)
{
    if (bench->sessions <= bench->agents * 30)
        return true;
    xr_cli_complain("%lld agents take at most %lld sessions", (long long)bench->agents,
                    (long long)bench->agents * 30);
    return false;
}

int xr_cli_bench(int argc, char **argv)
{
    struct bench bench = {
        .sessions = 5000,
        .agents = 200,
        .bridges = 4,
        .seconds = 5,
        .folder = "/var/tmp",
        .owner = "owner",
    };
    int code = XR_EXIT_OK;
    const struct xr_cli_option options[] = {
        {"spawn", XR_CLI_FLAG, NULL, &bench.spawn, 0, 0, NULL,
         "a server of its own in a fresh folder, gone at the end"},
        {"tcp", XR_CLI_FLAG, NULL, &bench.tcp, 0, 0, NULL,
         "with --spawn: over TCP instead of a Unix socket"},
        {"folder", XR_CLI_TEXT, "DIR", &bench.folder, 0, 0, NULL,
         "where to make that folder: on the disk to be measured (/var/tmp)"},
        {"sessions", XR_CLI_NUMBER, "N", &bench.sessions, 1024, 150000, NULL, "open (5000)"},
        {"agents", XR_CLI_NUMBER, "N", &bench.agents, 35, 480, NULL, "online (200)"},
        {"bridges", XR_CLI_NUMBER, "N", &bench.bridges, 1, 16, NULL, "that write (4)"},
        {"seconds", XR_CLI_NUMBER, "N", &bench.seconds, 1, 3600, NULL, "for each level (5)"},
        {"messages", XR_CLI_NUMBER, "N", &bench.messages, 0, 1000000000, NULL,
         "for each level, instead of seconds"},
        {"prefill", XR_CLI_NUMBER, "N", &bench.prefill, 0, 1000000000, NULL,
         "messages stored before, at full speed (0)"},
        {"owner", XR_CLI_TEXT, "LOGIN", &bench.owner, 0, 0, NULL,
         "without --spawn: the floor's owner (owner)"},
        {"owner-password-file", XR_CLI_TEXT, "FILE", &bench.owner_password_file, 0, 0, NULL,
         "without --spawn: its first line is the owner's password"},
    };
    const struct xr_cli_usage usage = {
        "bench",
        "",
        "Durable chat messages per second, end to end: written by bridges, on disk, received by\n"
        "the agents. Beside them, in the same run, a bare echo and a bare commit. It makes "
        "accounts\n"
        "and changes limits: use --spawn, or a floor that nobody needs.",
        options,
        sizeof(options) / sizeof(options[0]),
        0,
        0,
        &bench.cli,
    };
    if (!xr_cli_parse(&usage, &argc, argv, &code))
        return code;
    if (!is_possible(&bench))
        return XR_EXIT_USAGE;
    xr_cli_catch_signals();
    code = prepare(&bench);
    if (code == XR_EXIT_OK)
        code = run(&bench);
    if (code == XR_EXIT_OK && bench.cli.json)
        code = tell_json(&bench);
    else if (code == XR_EXIT_OK)
        tell(&bench);
    clean_up(&bench);
    return code;
}
