/*
 * xiaoer simulate FILE.csv: a recorded day on the real floor with a virtual clock, beside what
 * really happened.
 *
 * Read the file, map it to a plan, drive the floor, print. A file that is not of the form ends with
 * XR_EXIT_INPUT; a fault that the books find in the floor with XR_EXIT_REFUSED, after the report.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "drive.h"
#include "floor/floor.h"

#define MS_PER_H 3600000.0

struct simulation {
    struct xr_cli cli;
    const char *path;
    int64_t limit;
    int64_t limit_returning; /* 0: as limit */
    int64_t load_bands;
    int64_t seed;
    int affinity;
    int policy;
    const char *set; /* NAME=VALUE,… or NULL */
    bool skip_phantoms;
    struct xr_drive_options drive;
    struct xr_plan plan;
    struct xr_drive_result result;
    struct xr_cli_progress progress;
};

static const char *const affinities[] = {"off", "prefer", "wait"};
static const char *const policies[] = {"owed", "longest_idle", "least_active", "round_robin"};

/* What the table tells, of the simulated day and of the real one. */
struct waits {
    int64_t *ms; /* ascending */
    size_t count;
};

/* ---- options --------------------------------------------------------------------------------- */

static const struct xr_setting *find_setting(struct xr_str name)
{
    for (size_t i = 0; i < xr_settings_count; i++)
        if (xr_str_equal(xr_str_of(xr_settings[i].name), name))
            return &xr_settings[i];
    return NULL;
}

/* Settings that an option of their own sets, or that the books take for granted. */
static bool is_taken(struct xr_str name)
{
    static const char *const taken[] = {"affinity",     "policy",          "load_bands",
                                        "limit_routed", "limit_returning", "limit_ceiling",
                                        "idle_counts"};
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        if (xr_str_equal(xr_str_of(taken[i]), name))
            return true;
    return false;
}

/* One NAME=VALUE of --set, `size` bytes long. */
static bool add_setting(struct simulation *s, const char *text, size_t size)
{
    struct xr_drive_options *o = &s->drive;
    char value[24] = "";
    const char *equals = memchr(text, '=', size);
    const size_t name_size = equals != NULL ? (size_t)(equals - text) : size;
    const struct xr_setting *setting = find_setting((struct xr_str){text, (uint32_t)name_size});
    int64_t number = 0;
    if (setting == NULL) {
        xr_cli_complain("--set: there is no setting `%.*s`", (int)name_size, text);
        return false;
    }
    if (is_taken(xr_str_of(setting->name))) {
        xr_cli_complain("--set: %s is not for here; see the options", setting->name);
        return false;
    }
    if (equals != NULL && size - name_size - 1 < sizeof value)
        memcpy(value, equals + 1, size - name_size - 1);
    if (!xr_cli_number(value, setting->min, setting->max, &number)) {
        xr_cli_complain("--set: %s is a number in %" PRId64 "..%" PRId64, setting->name,
                        setting->min, setting->max);
        return false;
    }
    if (o->setting_count == XR_DRIVE_SETTINGS_MAX) {
        xr_cli_complain("--set: more than %d settings", XR_DRIVE_SETTINGS_MAX);
        return false;
    }
    o->settings[o->setting_count++] = (struct xr_drive_setting){xr_str_of(setting->name), number};
    return true;
}

static bool add_settings(struct simulation *s)
{
    for (const char *at = s->set; at != NULL;) {
        const char *comma = strchr(at, ',');
        if (!add_setting(s, at, comma != NULL ? (size_t)(comma - at) : strlen(at)))
            return false;
        at = comma != NULL ? comma + 1 : NULL;
    }
    return true;
}

static bool parse(struct simulation *s, int *argc, char **argv, int *code)
{
    const struct xr_cli_option options[] = {
        {"affinity", XR_CLI_CHOICE, "off|prefer|wait", &s->affinity, 0, 0, "off|prefer|wait",
         "returning buyers to their last agent (prefer)"},
        {"limit", XR_CLI_NUMBER, "N", &s->limit, 1, 30, NULL,
         "sessions that an agent has at a time (1: as on the phone)"},
        {"limit-returning", XR_CLI_NUMBER, "N", &s->limit_returning, 1, 30, NULL,
         "the same for returning buyers (as --limit)"},
        {"policy", XR_CLI_CHOICE, "NAME", &s->policy, 0, 0,
         "owed|longest_idle|least_active|round_robin",
         "who is picked: owed, longest_idle, least_active, round_robin (owed)"},
        {"load-bands", XR_CLI_NUMBER, "N", &s->load_bands, 1, 16, NULL,
         "bands of load: 1 online time alone, more: load first (2)"},
        {"set", XR_CLI_TEXT, "LIST", &s->set, 0, 0, NULL,
         "NAME=VALUE,… of the floor, see `xiaoer settings`"},
        {"seed", XR_CLI_NUMBER, "N", &s->seed, 0, INT64_MAX, NULL,
         "of what is drawn: patience and service times not known (1)"},
        {"skip-phantoms", XR_CLI_FLAG, NULL, &s->skip_phantoms, 0, 0, NULL,
         "leave out rows with the outcome PHANTOM"},
    };
    const struct xr_cli_usage usage = {
        .name = "simulate",
        .args = "FILE.csv",
        .text = "Run a recorded day through the floor with a virtual clock, and print what each\n"
                "agent got, how long buyers waited, and what really happened. The form of the\n"
                "file and its mapping: client/cli/DAY.md.",
        .options = options,
        .option_count = sizeof options / sizeof *options,
        .args_min = 1,
        .args_max = 1,
        .cli = &s->cli,
    };
    if (!xr_cli_parse(&usage, argc, argv, code))
        return false;
    s->path = argv[1];
    *code = XR_EXIT_USAGE;
    if (s->limit_returning == 0)
        s->limit_returning = s->limit;
    if (s->limit_returning < s->limit) {
        xr_cli_complain("--limit-returning must not be below --limit");
        return false;
    }
    return add_settings(s);
}

/* ---- reading --------------------------------------------------------------------------------- */

static void complain_file(const char *path, const struct xr_day_error *error)
{
    if (error->line == 0)
        xr_cli_complain("%s: %s", path, error->text);
    else if (error->column == 0)
        xr_cli_complain("%s:%" PRIu32 ": %s", path, error->line, error->text);
    else
        xr_cli_complain("%s:%" PRIu32 ":%" PRIu32 ": %s", path, error->line, error->column,
                        error->text);
}

static int read_plan(struct simulation *s)
{
    const struct xr_plan_options options = {
        .seed = (uint64_t)s->seed,
        .skip_phantoms = s->skip_phantoms,
    };
    struct xr_day_error error;
    struct xr_day day;
    enum xr_status status = xr_day_read(s->path, &day, &error);
    if (status == XR_OK)
        status = xr_plan_of_day(&day, &options, &s->plan, &error);
    xr_day_fini(&day);
    if (status == XR_OK)
        return XR_EXIT_OK;
    complain_file(s->path, &error);
    return status == XR_NOMEM ? XR_EXIT_FAILED : XR_EXIT_INPUT;
}

static void on_progress(void *context, size_t done, size_t total)
{
    struct simulation *s = context;
    xr_cli_progress_show(&s->progress, done, total);
}

static int run(struct simulation *s)
{
    s->drive.affinity = (enum xr_books_affinity)s->affinity;
    s->drive.limit = (uint32_t)s->limit;
    s->drive.limit_returning = (uint32_t)s->limit_returning;
    s->drive.load_bands = (uint32_t)s->load_bands;
    s->drive.policy = (uint32_t)s->policy;
    s->drive.seed = (uint64_t)s->seed;
    s->drive.on_progress = on_progress;
    s->drive.context = s;
    xr_cli_progress_begin(&s->progress, "simulate");
    const enum xr_status status = xr_drive_run(&s->plan, &s->drive, &s->result);
    xr_cli_progress_end(&s->progress);
    if (status == XR_OK)
        return XR_EXIT_OK;
    xr_cli_complain("the floor failed: %s (%s)", s->result.fault, xr_status_text(status));
    return XR_EXIT_FAILED;
}

/* ---- figures --------------------------------------------------------------------------------- */

static int by_ms(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a;
    const int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Waits of the served sessions, of the simulated or of the real day. */
static bool take_waits(const struct simulation *s, bool is_real, struct waits *out)
{
    *out = (struct waits){xr_mem_zero(s->plan.session_count + 1, sizeof *out->ms), 0};
    if (out->ms == NULL)
        return false;
    for (size_t i = 0; i < s->plan.session_count; i++) {
        const struct xr_plan_session *p = &s->plan.sessions[i];
        const struct xr_drive_session *r = &s->result.sessions[i];
        if (is_real && p->real == XR_REAL_SERVED)
            out->ms[out->count++] = p->real_wait_ms;
        if (!is_real && r->end == XR_DRIVE_SERVED)
            out->ms[out->count++] = r->wait_ms;
    }
    qsort(out->ms, out->count, sizeof *out->ms, by_ms);
    return true;
}

/* In seconds, by nearest rank; 0 where nobody was served. */
static double percentile_s(const struct waits *waits, unsigned percent)
{
    if (waits->count == 0)
        return 0;
    const size_t rank = (waits->count * percent + 99) / 100;
    return (double)waits->ms[rank > 0 ? rank - 1 : 0] / 1000;
}

static size_t count_real(const struct simulation *s, enum xr_plan_real real)
{
    size_t count = 0;
    for (size_t i = 0; i < s->plan.session_count; i++)
        count += s->plan.sessions[i].real == real ? 1 : 0;
    return count;
}

static double per_hour(uint64_t count, int64_t ms)
{
    return ms > 0 ? (double)count * MS_PER_H / (double)ms : 0;
}

static double load_mean(const struct xr_books_agent *a)
{
    return a->online_ms > 0 ? (double)a->load_ms / (double)a->online_ms : 0;
}

static int64_t real_ms(const struct xr_plan_agent *a)
{
    int64_t sum = 0;
    for (size_t i = 0; i < a->span_count; i++)
        sum += a->spans[i].to_ms - a->spans[i].from_ms;
    return sum;
}

static size_t count_explained(const struct xr_drive_result *r)
{
    return r->ends[XR_DRIVE_JOINED] + r->ends[XR_DRIVE_REFUSED] + r->ends[XR_DRIVE_WAITING];
}

struct fault {
    const char *name;
    uint64_t count;
};

#define FAULT_COUNT 7

static void list_faults(const struct xr_drive_result *r, struct fault out[FAULT_COUNT])
{
    const struct fault faults[FAULT_COUNT] = {
        {"limit_overruns", r->books.limit_overruns},    {"outsiders", r->books.outsiders},
        {"order_faults", r->books.order_faults},        {"idle_faults", r->books.idle_faults},
        {"affinity_faults", r->books.affinity_faults},  {"explain_faults", r->explain_faults},
        {"unexplained", r->whys[XR_DRIVE_WHY_UNKNOWN]},
    };
    memcpy(out, faults, sizeof faults);
}

static void hex(const uint8_t digest[32], char out[65])
{
    for (size_t i = 0; i < 32; i++)
        (void)snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

/* ---- as JSON --------------------------------------------------------------------------------- */

static json_t *json_agent(const struct simulation *s, size_t i)
{
    const struct xr_plan_agent *p = &s->plan.agents[i];
    const struct xr_books_agent *a = &s->result.books.agents[i];
    json_t *groups = json_array();
    for (size_t g = 0; g < s->plan.group_count; g++)
        if (((p->groups >> g) & 1) != 0)
            (void)json_array_append_new(groups, json_string(s->plan.groups[g]));
    return json_pack(
        "{s:s, s:o, s:f, s:I, s:f, s:f, s:f, s:f, s:f, s:I, s:f, s:I, s:f, s:f, s:f}", "name",
        p->name, "groups", groups, "available_h", (double)a->online_ms / MS_PER_H, "sessions",
        (json_int_t)a->taken, "per_available_h", per_hour(a->taken, a->online_ms), "expected",
        a->expected, "deviation", (double)a->taken - a->expected, "deviation_max", a->deviation_max,
        "load_mean", load_mean(a), "load_max", (json_int_t)a->load_max, "busy_h",
        (double)a->busy_ms / MS_PER_H, "real_sessions", (json_int_t)p->real_sessions, "real_h",
        (double)real_ms(p) / MS_PER_H, "real_per_h", per_hour(p->real_sessions, real_ms(p)),
        "real_busy_h", (double)p->real_busy_ms / MS_PER_H);
}

static void put(json_t *object, const char *name, json_t *take)
{
    (void)json_object_set_new(object, name, take);
}

static void put_count(json_t *object, const char *name, uint64_t count)
{
    put(object, name, json_integer((json_int_t)count));
}

static void put_waits(json_t *object, const char *prefix, const struct waits *waits)
{
    static const unsigned percents[] = {50, 95, 99};
    for (size_t i = 0; i < sizeof percents / sizeof *percents; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "%swait_p%u_s", prefix, percents[i]);
        put(object, name, json_real(percentile_s(waits, percents[i])));
    }
}

static void put_settings(json_t *object, const struct simulation *s)
{
    put(object, "file", json_string(s->path));
    put(object, "policy", json_string(policies[s->policy]));
    put(object, "affinity", json_string(affinities[s->affinity]));
    put_count(object, "limit", (uint64_t)s->limit);
    put_count(object, "limit_returning", (uint64_t)s->limit_returning);
    put_count(object, "load_bands", (uint64_t)s->load_bands);
    put_count(object, "seed", (uint64_t)s->seed);
    for (size_t i = 0; i < s->drive.setting_count; i++)
        put(object, s->drive.settings[i].name.at, json_integer(s->drive.settings[i].value));
}

static void put_ends(json_t *object, const struct simulation *s)
{
    const struct xr_drive_result *r = &s->result;
    put_count(object, "rows", s->plan.rows);
    put_count(object, "sessions", s->plan.session_count);
    put_count(object, "served", r->ends[XR_DRIVE_SERVED]);
    put_count(object, "abandoned", r->ends[XR_DRIVE_ABANDONED]);
    put_count(object, "explained", count_explained(r));
    put_count(object, "unserved", s->plan.session_count - r->ends[XR_DRIVE_SERVED]);
    put(object, "explained_as",
        json_pack("{s:I, s:I, s:I}", "joined_open_session", (json_int_t)r->ends[XR_DRIVE_JOINED],
                  "refused", (json_int_t)r->ends[XR_DRIVE_REFUSED], "still_waiting",
                  (json_int_t)r->ends[XR_DRIVE_WAITING]));
    put(object, "waited_because",
        json_pack("{s:I, s:I, s:I}", "nobody_online", (json_int_t)r->whys[XR_DRIVE_WHY_NOBODY],
                  "all_at_limit", (json_int_t)r->whys[XR_DRIVE_WHY_FULL], "for_last_agent",
                  (json_int_t)r->whys[XR_DRIVE_WHY_AFFINITY]));
}

static json_t *json_report(const struct simulation *s, const struct waits *waits,
                           const struct waits *real)
{
    const struct xr_drive_result *r = &s->result;
    struct fault faults[FAULT_COUNT];
    char digest[65];
    json_t *object = json_object();
    json_t *agents = json_array();
    put_settings(object, s);
    put_ends(object, s);
    list_faults(r, faults);
    for (size_t i = 0; i < FAULT_COUNT; i++)
        put_count(object, faults[i].name, faults[i].count);
    put(object, "share_deviation_max", json_real(r->books.deviation_max));
    put_waits(object, "", waits);
    put_count(object, "queue_max", r->books.waiting_max);
    put_count(object, "assignments", r->books.assignments);
    put_count(object, "explanations", r->explained);
    put_count(object, "events", r->events);
    put_count(object, "real_served", count_real(s, XR_REAL_SERVED));
    put_count(object, "real_abandoned", count_real(s, XR_REAL_ABANDONED));
    put_count(object, "real_phantoms", count_real(s, XR_REAL_PHANTOM));
    put_waits(object, "real_", real);
    hex(r->digest, digest);
    put(object, "digest", json_string(digest));
    for (size_t i = 0; i < s->plan.agent_count; i++)
        (void)json_array_append_new(agents, json_agent(s, i));
    put(object, "agents", agents);
    return object;
}

/* ---- as text --------------------------------------------------------------------------------- */

static void print_agents(const struct simulation *s)
{
    static const char *const heads[][2] = {
        {"agent", "客服"},
        {"hours", "在线小时"},
        {"sessions", "会话"},
        {"per h", "每小时"},
        {"expected", "应接"},
        {"off by", "偏差"},
        {"at most", "最大偏差"},
        {"load", "负载"},
        {"load max", "最大负载"},
        {"busy h", "忙小时"},
        {"real hours", "实际小时"},
        {"real sessions", "实际会话"},
        {"real per h", "实际每小时"},
    };
    struct xr_cli_table table = {0};
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        xr_cli_table_column(&table, heads[i][s->cli.lang], i > 0);
    for (size_t i = 0; i < s->plan.agent_count; i++) {
        const struct xr_plan_agent *p = &s->plan.agents[i];
        const struct xr_books_agent *a = &s->result.books.agents[i];
        xr_cli_table_cell(&table, "%s", p->name);
        xr_cli_table_cell(&table, "%.2f", (double)a->online_ms / MS_PER_H);
        xr_cli_table_cell(&table, "%" PRIu64, a->taken);
        xr_cli_table_cell(&table, "%.1f", per_hour(a->taken, a->online_ms));
        xr_cli_table_cell(&table, "%.1f", a->expected);
        xr_cli_table_cell(&table, "%+.2f", (double)a->taken - a->expected);
        xr_cli_table_cell(&table, "%.2f", a->deviation_max);
        xr_cli_table_cell(&table, "%.2f", load_mean(a));
        xr_cli_table_cell(&table, "%" PRIu32, a->load_max);
        xr_cli_table_cell(&table, "%.2f", (double)a->busy_ms / MS_PER_H);
        xr_cli_table_cell(&table, "%.2f", (double)real_ms(p) / MS_PER_H);
        xr_cli_table_cell(&table, "%" PRIu32, p->real_sessions);
        xr_cli_table_cell(&table, "%.1f", per_hour(p->real_sessions, real_ms(p)));
    }
    xr_cli_table_print(&table, stdout);
}

static void print_day(const char *name, size_t served, size_t abandoned, const struct waits *waits,
                      struct xr_cli_table *table)
{
    xr_cli_table_cell(table, "%s", name);
    xr_cli_table_cell(table, "%zu", served);
    xr_cli_table_cell(table, "%zu", abandoned);
    xr_cli_table_cell(table, "%.0f s", percentile_s(waits, 50));
    xr_cli_table_cell(table, "%.0f s", percentile_s(waits, 95));
    xr_cli_table_cell(table, "%.0f s", percentile_s(waits, 99));
}

static void print_days(const struct simulation *s, const struct waits *waits,
                       const struct waits *real)
{
    static const char *const heads[][2] = {
        {"", ""},
        {"served", "已接待"},
        {"abandoned", "已放弃"},
        {"wait p50", "等待 p50"},
        {"wait p95", "等待 p95"},
        {"wait p99", "等待 p99"},
    };
    const bool zh = s->cli.lang == XR_LANG_ZH;
    const struct xr_drive_result *r = &s->result;
    struct xr_cli_table table = {0};
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        xr_cli_table_column(&table, heads[i][s->cli.lang], i > 0);
    print_day(zh ? "模拟" : "simulated", r->ends[XR_DRIVE_SERVED], r->ends[XR_DRIVE_ABANDONED],
              waits, &table);
    print_day(zh ? "实际" : "really", count_real(s, XR_REAL_SERVED),
              count_real(s, XR_REAL_ABANDONED), real, &table);
    xr_cli_table_print(&table, stdout);
}

static void print_summary(const struct simulation *s)
{
    const struct xr_drive_result *r = &s->result;
    const bool zh = s->cli.lang == XR_LANG_ZH;
    printf(
        zh ? "\n%zu 个会话（共 %" PRIu32 " 行）：接待 %zu，放弃 %zu（无人在线 %zu，全部满载 %zu），"
             "并入买家已有会话 %zu，拒绝 %zu，仍在等待 %zu；非真实来电 %zu\n"
           : "\n%zu sessions of %" PRIu32 " rows: %zu served, %zu abandoned (%zu with nobody of "
             "their group online, %zu with all at the limit), %zu joined an open session of "
             "their buyer, %zu refused, %zu still waiting; %zu were phantoms\n",
        s->plan.session_count, s->plan.rows, r->ends[XR_DRIVE_SERVED], r->ends[XR_DRIVE_ABANDONED],
        r->whys[XR_DRIVE_WHY_NOBODY], r->whys[XR_DRIVE_WHY_FULL], r->ends[XR_DRIVE_JOINED],
        r->ends[XR_DRIVE_REFUSED], r->ends[XR_DRIVE_WAITING], count_real(s, XR_REAL_PHANTOM));
    printf(zh ? "回头客 %s，策略 %s，上限 %" PRId64 "，负载档 %" PRId64 "，种子 %" PRId64 "\n"
              : "affinity %s, policy %s, limit %" PRId64 ", load bands %" PRId64 ", seed %" PRId64
                "\n",
           affinities[s->affinity], policies[s->policy], s->limit, s->load_bands, s->seed);
    printf(zh ? "超上限 %" PRIu64 " 次，与应接的最大偏差 %.3f\n"
              : "limit overruns %" PRIu64 ", largest deviation from the expected share %.3f\n",
           r->books.limit_overruns, r->books.deviation_max);
}

static void print_report(const struct simulation *s, const struct waits *waits,
                         const struct waits *real)
{
    const struct xr_drive_result *r = &s->result;
    char digest[65];
    hex(r->digest, digest);
    print_agents(s);
    printf("\n");
    print_days(s, waits, real);
    print_summary(s);
    printf("digest %s\n", digest);
}

/* ---- the subcommand -------------------------------------------------------------------------- */

static int report(const struct simulation *s)
{
    struct waits waits = {0};
    struct waits real = {0};
    struct fault faults[FAULT_COUNT];
    int code = XR_EXIT_FAILED;
    if (!take_waits(s, false, &waits) || !take_waits(s, true, &real)) {
        xr_cli_complain("no memory");
        goto out;
    }
    code = XR_EXIT_OK;
    if (!s->cli.json)
        print_report(s, &waits, &real);
    else if (!xr_cli_json(json_report(s, &waits, &real)))
        code = XR_EXIT_FAILED;
    list_faults(&s->result, faults);
    for (size_t i = 0; i < FAULT_COUNT; i++) {
        if (faults[i].count == 0)
            continue;
        xr_cli_complain("the floor broke a rule: %s %" PRIu64, faults[i].name, faults[i].count);
        code = XR_EXIT_REFUSED;
    }
out:
    xr_mem_free(waits.ms);
    xr_mem_free(real.ms);
    return code;
}

int xr_cli_simulate(int argc, char **argv)
{
    struct simulation s = {.affinity = XR_BOOKS_PREFER, .limit = 1, .load_bands = 2, .seed = 1};
    int code = XR_EXIT_OK;
    xr_drive_defaults(&s.drive);
    if (!parse(&s, &argc, argv, &code))
        return code;
    code = read_plan(&s);
    if (code == XR_EXIT_OK)
        code = run(&s);
    if (code == XR_EXIT_OK)
        code = report(&s);
    xr_drive_fini(&s.result);
    xr_plan_fini(&s.plan);
    return code;
}
