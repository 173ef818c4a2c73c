/*
 * xiaoer replay FILE.csv: a recorded day through a live server, each agent a connection of its own.
 *
 * 1. Read the file, map it to a plan (as simulate does).
 * 2. With --spawn a server of our own. The owner logs in: groups, accounts, settings.
 * 3. The bridge and the agents log in, and play (replay_play.c).
 * 4. The accounts are ended, the report is printed. Exit code 1 where an acknowledged message was
 *    lost, doubled or reordered, or a session came to no end.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench_server.h"
#include "replay.h"

struct tour {
    struct xr_cli cli;
    const char *path;
    int64_t speed;
    int64_t limit;
    int64_t seed;
    int64_t exchanges;
    int affinity;
    bool spawn;
    bool tcp;
    bool skip_phantoms;
    const char *folder;
    const char *owner_login;
    const char *owner_password_file;
    struct xr_bench_server server;
    struct xr_crew_member owner;
    int owner_slot; /* holds its stored token; -1: none */
    struct xr_crew_member *members;
    size_t member_count;
    struct xr_plan plan;
    struct xr_replay replay;
};

/* ---- options --------------------------------------------------------------------------------- */

static bool parse(struct tour *t, int *argc, char **argv, int *code)
{
    const struct xr_cli_option options[] = {
        {"speed", XR_CLI_NUMBER, "N", &t->speed, 1, 1000000, NULL,
         "seconds of the day in one second (60)"},
        {"spawn", XR_CLI_FLAG, NULL, &t->spawn, 0, 0, NULL,
         "start an xiaoerd of its own in a fresh folder, and stop it at the end"},
        {"tcp", XR_CLI_FLAG, NULL, &t->tcp, 0, 0, NULL,
         "with --spawn: over TCP instead of a Unix socket"},
        {"folder", XR_CLI_TEXT, "PATH", &t->folder, 0, 0, NULL,
         "with --spawn: where the fresh folder is made (/tmp)"},
        {"owner-login", XR_CLI_TEXT, "NAME", &t->owner_login, 0, 0, NULL,
         "who makes groups and accounts (owner)"},
        {"owner-password-file", XR_CLI_TEXT, "FILE", &t->owner_password_file, 0, 0, NULL,
         "its first line is the password; else the stored token is used"},
        {"limit", XR_CLI_NUMBER, "N", &t->limit, 1, 30, NULL,
         "sessions that an agent has at a time (1)"},
        {"affinity", XR_CLI_CHOICE, "off|prefer|wait", &t->affinity, 0, 0, "off|prefer|wait",
         "with --spawn: returning buyers to their last agent (prefer)"},
        {"messages", XR_CLI_NUMBER, "N", &t->exchanges, 0, 100, NULL,
         "what a buyer writes during a service, each answered (2)"},
        {"seed", XR_CLI_NUMBER, "N", &t->seed, 0, INT64_MAX, NULL,
         "of what is drawn: patience and service times not known (1)"},
        {"skip-phantoms", XR_CLI_FLAG, NULL, &t->skip_phantoms, 0, 0, NULL,
         "leave out rows with the outcome PHANTOM"},
    };
    const struct xr_cli_usage usage = {
        .name = "replay",
        .args = "FILE.csv",
        .text = "Play a recorded day through a live server over real sockets, one connection for\n"
                "each agent, and verify every acknowledged message at its receivers. The form of\n"
                "the file and its mapping: client/cli/DAY.md.",
        .options = options,
        .option_count = sizeof options / sizeof *options,
        .args_min = 1,
        .args_max = 1,
        .cli = &t->cli,
    };
    if (!xr_cli_parse(&usage, argc, argv, code))
        return false;
    t->path = argv[1];
    return true;
}

/* ---- set-up ---------------------------------------------------------------------------------- */

static int read_plan(struct tour *t)
{
    const struct xr_plan_options options = {
        .seed = (uint64_t)t->seed,
        .skip_phantoms = t->skip_phantoms,
    };
    struct xr_day_error error;
    struct xr_day day;
    enum xr_status status = xr_day_read(t->path, &day, &error);
    if (status == XR_OK)
        status = xr_plan_of_day(&day, &options, &t->plan, &error);
    xr_day_fini(&day);
    if (status == XR_OK)
        return XR_EXIT_OK;
    if (error.line == 0)
        xr_cli_complain("%s: %s", t->path, error.text);
    else
        xr_cli_complain("%s:%" PRIu32 ":%" PRIu32 ": %s", t->path, error.line, error.column,
                        error.text);
    return status == XR_NOMEM ? XR_EXIT_FAILED : XR_EXIT_INPUT;
}

static int start_server(struct tour *t)
{
    int code;
    if (!t->spawn)
        return XR_EXIT_OK;
    code = xr_bench_server_init(&t->server, t->folder, t->tcp);
    t->cli.server = t->server.address;
    return code == XR_EXIT_OK ? xr_bench_server_start(&t->server) : code;
}

static int read_password(const char *path, char *out, size_t size)
{
    FILE *file = fopen(path, "re");
    if (file == NULL || fgets(out, (int)size, file) == NULL) {
        xr_cli_complain("%s: %s", path, file != NULL ? "empty" : strerror(errno));
        if (file != NULL)
            (void)fclose(file);
        return XR_EXIT_INPUT;
    }
    (void)fclose(file);
    out[strcspn(out, "\r\n")] = '\0';
    return XR_EXIT_OK;
}

/* By password, or by the token that `xiaoer login` has kept. */
static int log_in_owner(struct tour *t)
{
    struct xr_crew_member *owner = &t->owner;
    char path[4096];
    int code = XR_EXIT_OK;
    owner->role = XR_role_OWNER;
    (void)snprintf(owner->login, sizeof owner->login, "%s", t->spawn ? "owner" : t->owner_login);
    if (t->spawn) {
        (void)snprintf(owner->password, sizeof owner->password, "%s", t->server.password);
    } else if (t->owner_password_file != NULL) {
        code = read_password(t->owner_password_file, owner->password, sizeof owner->password);
    } else {
        t->cli.login = t->cli.login != NULL ? t->cli.login : t->owner_login;
        owner->has_token = xr_cli_token_path(&t->cli, path, sizeof path) &&
                           xr_cli_token_take(path, owner->token, &t->owner_slot) == XR_OK;
        if (!owner->has_token) {
            xr_cli_complain("replay needs an owner: --owner-password-file, or `xiaoer login %s`",
                            t->owner_login);
            code = XR_EXIT_LOGIN;
        }
    }
    return code == XR_EXIT_OK ? xr_crew_sign_in(&t->cli, owner, 1, "server") : code;
}

static int set_up_groups(struct tour *t, uint32_t ids[XR_PLAN_GROUPS_MAX])
{
    int code = XR_EXIT_OK;
    for (size_t i = 0; i < t->plan.group_count && code == XR_EXIT_OK; i++)
        code =
            xr_crew_group(&t->cli, t->owner.client, t->plan.groups[i], t->plan.groups[i], &ids[i]);
    return code;
}

static void fill_member(struct tour *t, size_t i, const uint32_t ids[XR_PLAN_GROUPS_MAX])
{
    struct xr_crew_member *member = &t->members[i];
    const struct xr_plan_agent *agent = i > 0 ? &t->plan.agents[i - 1] : NULL;
    member->role = agent != NULL ? XR_role_AGENT : XR_role_BRIDGE;
    member->feed = true;
    (void)snprintf(member->login, sizeof member->login, "%s-%zu", t->replay.run, i);
    (void)snprintf(member->name, sizeof member->name, "%s", agent != NULL ? agent->name : "bridge");
    xr_crew_password(member->password);
    for (size_t g = 0; g < t->plan.group_count && agent != NULL; g++)
        if (((agent->groups >> g) & 1) != 0)
            member->groups[member->group_count++] = ids[g];
}

/* Only a server of our own has its settings changed; elsewhere the accounts' limits must do. */
static int set_up_settings(struct tour *t)
{
    const struct {
        const char *name;
        int64_t value;
    } settings[] = {
        {"close_s", 0},
        {"idle_counts", 1},
        {"affinity", t->affinity},
        {t->limit > 12 ? "limit_returning" : "limit_routed", t->limit},
        {t->limit > 12 ? "limit_routed" : "limit_returning", t->limit},
    };
    int code = XR_EXIT_OK;
    for (size_t i = 0; i < sizeof settings / sizeof *settings && code == XR_EXIT_OK && t->spawn;
         i++) {
        const struct xr_setting_set set = {.name = xr_str_of(settings[i].name),
                                           .value = settings[i].value};
        code = xr_crew_order(&t->cli, t->owner.client, XR_TYPE_setting_set, &set, settings[i].name);
    }
    return code;
}

/* `limit` for each agent, or at the end the state `left`. */
static int change_accounts(struct tour *t, bool is_end)
{
    int code = XR_EXIT_OK;
    for (size_t i = 0; i < t->member_count && code == XR_EXIT_OK; i++) {
        const struct xr_account_set set = {
            .agent = t->members[i].id,
            .limit = is_end || t->spawn || i == 0 ? 0 : (uint32_t)t->limit,
            .state = is_end ? XR_account_state_LEFT : XR_account_state_NONE,
        };
        if (is_end || set.limit > 0)
            code = xr_crew_order(&t->cli, t->owner.client, XR_TYPE_account_set, &set,
                                 t->members[i].login);
    }
    return code;
}

static int set_up_crew(struct tour *t)
{
    uint32_t ids[XR_PLAN_GROUPS_MAX] = {0};
    uint32_t run;
    int code = set_up_groups(t, ids);
    t->member_count = t->plan.agent_count + 1;
    t->members = xr_mem_zero(t->member_count, sizeof *t->members);
    if (t->members == NULL)
        return XR_EXIT_FAILED;
    randombytes_buf(&run, sizeof run);
    (void)snprintf(t->replay.run, sizeof t->replay.run, "day%08" PRIx32, run);
    for (size_t i = 0; i < t->member_count; i++)
        fill_member(t, i, ids);
    if (code == XR_EXIT_OK)
        code = set_up_settings(t);
    if (code == XR_EXIT_OK)
        code = xr_crew_found(&t->cli, t->owner.client, t->members, t->member_count);
    if (code == XR_EXIT_OK)
        code = xr_crew_sign_in(&t->cli, t->members, t->member_count, "log-ins");
    return code == XR_EXIT_OK ? change_accounts(t, false) : code;
}

static int play(struct tour *t)
{
    t->replay.cli = &t->cli;
    t->replay.plan = &t->plan;
    t->replay.members = t->members;
    t->replay.speed = t->speed;
    t->replay.exchanges = t->exchanges;
    t->replay.limit = t->spawn ? t->limit : 0;
    return xr_replay_play(&t->replay);
}

/* ---- the report -------------------------------------------------------------------------------
 */

static int by_ns(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a;
    const uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void sort_times(struct xr_replay_times *times)
{
    if (times->count > 0)
        qsort(times->at, times->count, sizeof *times->at, by_ns);
}

static double percentile_ms(const struct xr_replay_times *times, unsigned percent)
{
    if (times->count == 0)
        return 0;
    const size_t rank = (times->count * percent + 99) / 100;
    return (double)times->at[rank > 0 ? rank - 1 : 0] / 1e6;
}

static json_t *json_times(const struct xr_replay_times *times)
{
    return json_pack("{s:I, s:f, s:f, s:f}", "count", (json_int_t)times->count, "p50_ms",
                     percentile_ms(times, 50), "p99_ms", percentile_ms(times, 99), "max_ms",
                     percentile_ms(times, 100));
}

static json_t *json_report(const struct tour *t, const struct xr_ledger_verdict *v)
{
    const struct xr_replay *r = &t->replay;
    json_t *latencies =
        json_pack("{s:o, s:o, s:o}", "open_to_assigned", json_times(&r->assigned), "acknowledged",
                  json_times(&r->acknowledged), "pushed", json_times(&r->pushed));
    return json_pack(
        "{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, "
        "s:I, s:I, s:f, s:f, s:o}",
        "file", t->path, "speed", (json_int_t)t->speed, "agents", (json_int_t)t->plan.agent_count,
        "sessions", (json_int_t)t->plan.session_count, "served", (json_int_t)r->served, "abandoned",
        (json_int_t)r->abandoned, "joined", (json_int_t)r->joined, "refused",
        (json_int_t)r->refused, "unfinished", (json_int_t)r->unfinished, "messages",
        (json_int_t)v->sent, "acknowledged", (json_int_t)v->acknowledged, "unanswered",
        (json_int_t)v->unanswered, "lost", (json_int_t)v->lost, "doubled", (json_int_t)v->doubled,
        "reordered", (json_int_t)v->reordered, "errors", (json_int_t)r->errors, "reconnects",
        (json_int_t)r->reconnects, "resyncs", (json_int_t)r->resyncs, "limit_overruns",
        (json_int_t)r->limit_overruns, "seconds", r->seconds, "behind_max_s", r->behind_max_s,
        "latencies", latencies);
}

static void print_times(struct xr_cli_table *table, const char *name,
                        const struct xr_replay_times *times)
{
    xr_cli_table_cell(table, "%s", name);
    xr_cli_table_cell(table, "%zu", times->count);
    xr_cli_table_cell(table, "%.2f", percentile_ms(times, 50));
    xr_cli_table_cell(table, "%.2f", percentile_ms(times, 99));
    xr_cli_table_cell(table, "%.2f", percentile_ms(times, 100));
}

static void print_report(const struct tour *t, const struct xr_ledger_verdict *v)
{
    static const char *const heads[][2] = {{"", ""},
                                           {"count", "次数"},
                                           {"p50 ms", "p50 毫秒"},
                                           {"p99 ms", "p99 毫秒"},
                                           {"max ms", "最大毫秒"}};
    const struct xr_replay *r = &t->replay;
    const bool zh = t->cli.lang == XR_LANG_ZH;
    struct xr_cli_table table = {0};
    printf(
        zh ? "%zu 个会话，%.1f 秒，%zu 个连接：接待 %zu，放弃 %zu，并入买家已有会话 %zu，拒绝 %zu，"
             "未完成 %zu\n"
           : "%zu sessions in %.1f s on %zu connections: %zu served, %zu abandoned, %zu joined an "
             "open session of their buyer, %zu refused, %zu unfinished\n",
        t->plan.session_count, r->seconds, t->member_count, r->served, r->abandoned, r->joined,
        r->refused, r->unfinished);
    printf(zh ? "%" PRIu64 " 条消息，已确认 %" PRIu64 "：丢失 %" PRIu64 "，重复 %" PRIu64
                "，乱序 %" PRIu64 "；错误 %" PRIu64 "，重连 %" PRIu64 "\n\n"
              : "%" PRIu64 " messages, %" PRIu64 " acknowledged: %" PRIu64 " lost, %" PRIu64
                " doubled, %" PRIu64 " reordered; %" PRIu64 " errors, %" PRIu64 " reconnects\n\n",
           v->sent, v->acknowledged, v->lost, v->doubled, v->reordered, r->errors, r->reconnects);
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        xr_cli_table_column(&table, heads[i][t->cli.lang], i > 0);
    print_times(&table, zh ? "接入到分配" : "open to assigned", &r->assigned);
    print_times(&table, zh ? "发送到确认" : "say to answer", &r->acknowledged);
    print_times(&table, zh ? "发送到对方" : "say to other side", &r->pushed);
    xr_cli_table_print(&table, stdout);
}

static int report(struct tour *t)
{
    struct xr_ledger_verdict verdict;
    struct xr_replay *r = &t->replay;
    xr_ledger_judge(&r->ledger, &verdict);
    sort_times(&r->assigned);
    sort_times(&r->acknowledged);
    sort_times(&r->pushed);
    if (!t->cli.json)
        print_report(t, &verdict);
    else if (!xr_cli_json(json_report(t, &verdict)))
        return XR_EXIT_FAILED;
    const uint64_t faults = verdict.lost + verdict.doubled + verdict.reordered +
                            verdict.unanswered + r->unfinished + r->errors + r->limit_overruns;
    return faults > 0 ? XR_EXIT_REFUSED : XR_EXIT_OK;
}

/* ---- the subcommand ---------------------------------------------------------------------------
 */

static void clean_up(struct tour *t)
{
    if (t->members != NULL)
        xr_crew_sign_off(t->members, t->member_count);
    if (t->owner.client != NULL)
        xr_crew_sign_off(&t->owner, 1);
    if (t->owner_slot >= 0)
        (void)close(t->owner_slot);
    xr_bench_server_stop(&t->server, SIGTERM);
    xr_bench_server_fini(&t->server);
    xr_mem_free(t->members);
    xr_replay_fini(&t->replay);
    xr_plan_fini(&t->plan);
    sodium_memzero(&t->owner, sizeof t->owner);
}

int xr_cli_replay(int argc, char **argv)
{
    static int (*const steps[])(struct tour *) = {
        read_plan, start_server, log_in_owner, set_up_crew, play,
    };
    struct tour t = {.speed = 60,
                     .limit = 1,
                     .seed = 1,
                     .exchanges = 2,
                     .affinity = 1,
                     .owner_slot = -1,
                     .folder = "/tmp",
                     .owner_login = "owner"};
    int code = XR_EXIT_OK;
    if (!parse(&t, &argc, argv, &code))
        return code;
    if (sodium_init() < 0)
        return XR_EXIT_FAILED;
    xr_cli_catch_signals();
    for (size_t i = 0; i < sizeof steps / sizeof *steps && code == XR_EXIT_OK; i++)
        code = steps[i](&t);
    if (code == XR_EXIT_OK) {
        code = report(&t);
        if (!t.spawn && change_accounts(&t, true) != XR_EXIT_OK)
            xr_cli_complain("the accounts %s-0 … could not be ended", t.replay.run);
    }
    clean_up(&t);
    return code;
}
