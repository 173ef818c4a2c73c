/*
 * Aim: kill -9 of the server, or of a client, at any moment loses nothing that was acknowledged,
 * doubles nothing, and leaves no gap in any feed.
 * Method: one real xiaoerd on one directory and one Unix socket; a supervisor, bridges and agents
 * by libxiaoer, always with commands under way. In a round of the server it is killed 5 to 300 ms
 * after all have come back (every fourth round: after it was ready, while they are coming back; in
 * builds with fail points, every third: at one of those), stays away for a moment, and is started
 * again. In a round of the client a process that is a bridge, one that is an agent, or both are
 * killed and started again with what they had written down (every eighth round: the server too).
 * Now and then all is quiet for a moment,
 * and the judge (tally.h) compares what everybody wrote down with what everybody was told and with
 * the histories. In the end the store is walked. That the judge can find each fault is shown first
 * on a story made by hand, and in the end on what has really happened, with a fault planted.
 *
 *     kill_rounds [--server-rounds=N] [--client-rounds=N] [--check-every=N] [--seed=N]
 *
 * Everything that is drawn comes from the seed, which is printed; the moments are the machine's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include <cmocka.h>

#include "e2e/child.h"
#include "floor/floor.h"
#include "store/store.h"
#include "support/served.h"

#define KILL_MIN_MS  5
#define KILL_MAX_MS  300
#define AWAY_MAX_MS  20
#define WINDOW_MIN   16
#define WINDOW_MAX   200
#define BURST_MAX    1000 /* the same, of a client that is killed */
#define CHILDREN     2
#define HISTORY_ROWS 500

static struct {
    uint64_t server_rounds;
    uint64_t client_rounds;
    uint64_t check_every;
    uint64_t seed;
} settings = {10, 10, 10, 0};

/* Measured, one value a round. */
struct series {
    double *at;
    size_t count;
};

struct floor_of_test {
    struct served served;
    struct tally tally;
    struct worker workers[WRITERS_MAX];
    uint32_t hired;
    struct worker *turned[WRITERS_MAX]; /* those that live in this process */
    size_t turned_count;
    struct child children[CHILDREN];
    size_t child_count;
    uint64_t random;
    bool may_die; /* the server, at a fail point */
    struct series under_way;
    struct series restart_ms;
    struct series back_ms;
};

static double now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* ---- figures --------------------------------------------------------------------------------- */

static void series_add(struct series *series, double value)
{
    series->at = realloc(series->at, (series->count + 1) * sizeof(double));
    assert_non_null(series->at);
    series->at[series->count++] = value;
}

static int compare_values(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x > y) - (x < y);
}

static void series_print(struct series *series, const char *what, const char *unit)
{
    if (series->count == 0)
        return;
    qsort(series->at, series->count, sizeof(double), compare_values);
    printf("  %-34s p50 %.0f %s, max %.0f %s\n", what, series->at[series->count / 2], unit,
           series->at[series->count - 1], unit);
}

static void print_figures(struct floor_of_test *floor, const char *what, uint64_t rounds,
                          double begin_ms)
{
    const struct tally_verdict *v = &floor->tally.verdict;
    printf("%s: %" PRIu64 " rounds in %.0f s, %" PRIu64 " sessions\n", what, rounds,
           (now_ms() - begin_ms) / 1e3, tally_sessions(&floor->tally));
    printf("  sent %" PRIu64 ", acknowledged %" PRIu64 ", refused %" PRIu64
           ", decided by the counter %" PRIu64 ", stored %" PRIu64 ", updates %" PRIu64 "\n",
           v->sent, v->acknowledged, v->refused, v->kept, v->stored, v->pushed);
    printf("  lost %" PRIu64 ", doubled %" PRIu64 ", reordered %" PRIu64 ", gaps %" PRIu64
           ", invented %" PRIu64 ", unanswered %" PRIu64 "\n",
           v->lost, v->doubled, v->reordered, v->gaps, v->invented, v->unanswered);
    series_print(&floor->under_way, "commands under way at the kill", "");
    series_print(&floor->restart_ms, "server: spawned to ready", "ms");
    series_print(&floor->back_ms, "ready to all clients logged in", "ms");
    fflush(stdout);
}

/* ---- everybody's turn ------------------------------------------------------------------------ */

/* True where the server's process has ended; it is left to be reaped. */
static bool has_ended(const struct served *served)
{
    siginfo_t info = {0};
    const int failed = waitid(P_PID, (id_t)served->pid, &info, WEXITED | WNOHANG | WNOWAIT);
    assert_int_equal(failed, 0);
    return info.si_pid != 0;
}

static void turn_all(struct floor_of_test *floor)
{
    workers_wait(floor->turned, floor->turned_count, 5);
    for (size_t i = 0; i < floor->turned_count; i++)
        worker_turn(floor->turned[i]);
    for (size_t i = 0; i < floor->child_count; i++)
        if (floor->children[i].pid != 0 && !child_listen(&floor->children[i]))
            fail_msg("a client has ended by itself");
    if (floor->served.pid != 0 && !floor->may_die && has_ended(&floor->served))
        fail_msg("the server has ended by itself");
}

static void turn_for(struct floor_of_test *floor, uint32_t ms)
{
    const double end_ms = now_ms() + ms;
    while (now_ms() < end_ms)
        turn_all(floor);
}

static bool are_all(const struct floor_of_test *floor, bool (*is)(const struct worker *))
{
    for (size_t i = 0; i < floor->turned_count; i++)
        if (!is(floor->turned[i]))
            return false;
    return true;
}

static bool are_children_idle(const struct floor_of_test *floor)
{
    for (size_t i = 0; i < floor->child_count; i++)
        if (floor->children[i].pid != 0 && !floor->children[i].is_idle)
            return false;
    return true;
}

static bool have_all_reached(const struct floor_of_test *floor, uint64_t seq)
{
    for (size_t i = 0; i < floor->turned_count; i++)
        if (xr_client_cursor(floor->turned[i]->client) < seq)
            return false;
    return true;
}

static void be_quiet(struct floor_of_test *floor, bool is_quiet)
{
    for (size_t i = 0; i < floor->turned_count; i++)
        floor->turned[i]->is_quiet = is_quiet;
    for (size_t i = 0; i < floor->child_count && is_quiet; i++)
        if (floor->children[i].pid != 0)
            child_tell(&floor->children[i], 'q');
}

static uint32_t count_under_way(const struct floor_of_test *floor)
{
    uint32_t count = 0;
    for (size_t i = 0; i < floor->turned_count; i++)
        count += xr_client_in_flight(floor->turned[i]->client);
    return count;
}

/* ---- the check ------------------------------------------------------------------------------- */

static void read_history(struct floor_of_test *floor, uint64_t session)
{
    uint32_t last = UINT32_MAX;
    while (tally_rows(&floor->tally, session) < last) {
        const struct xr_get_history get = {.session = {session},
                                           .from = tally_rows(&floor->tally, session) + 1,
                                           .max = HISTORY_ROWS};
        const struct xr_history *history =
            worker_ask(&floor->workers[0], XR_TYPE_get_history, &get, XR_TYPE_history);
        last = history->number;
        for (uint32_t i = 0; i < history->messages.count; i++) {
            const struct xr_message *message = &history->messages.at[i];
            uint32_t writer = WRITER_UNKNOWN;
            uint32_t serial = 0;
            tally_read_text(message->text, &writer, &serial);
            tally_row(&floor->tally, session, message->number, writer, serial);
        }
        if (history->messages.count == 0)
            break;
    }
}

static void end_children(struct floor_of_test *floor)
{
    for (size_t i = 0; i < floor->child_count; i++) {
        struct child *child = &floor->children[i];
        if (child->pid != 0) {
            child_tell(child, 'e');
            assert_int_equal(child_wait(child), 0);
        }
        child_read(child, &floor->tally);
    }
}

/* All is quiet; everything is compared; then it goes on. */
static void check_all(struct floor_of_test *floor)
{
    const struct xr_get_status get = {0};
    be_quiet(floor, true);
    while (!are_all(floor, worker_is_idle) || !are_children_idle(floor))
        turn_all(floor);
    const struct xr_floor_status status = *(const struct xr_floor_status *)worker_ask(
        &floor->workers[0], XR_TYPE_get_status, &get, XR_TYPE_floor_status);
    while (!have_all_reached(floor, status.cursor))
        turn_all(floor);
    end_children(floor);
    for (uint64_t id = 1; id <= tally_sessions(&floor->tally); id++)
        read_history(floor, id);
    tally_judge(&floor->tally, status.cursor);
    assert_int_equal(status.sessions, tally_sessions(&floor->tally));
    assert_int_equal(status.messages, floor->tally.verdict.stored);
    assert_int_equal(tally_faults(&floor->tally.verdict), 0);
    be_quiet(floor, false);
}

static void print_broken_rule(void *context, const char *invariant, const char *text)
{
    (void)context;
    print_error("%s: %s\n", invariant, text);
}

/* What `xiaoer check DIR` does. */
static void check_store(const struct floor_of_test *floor)
{
    char directory[128];
    struct xr_store *store = NULL;
    struct xr_reader *reader = NULL;
    (void)snprintf(directory, sizeof(directory), "%s/data", floor->served.directory);
    const struct xr_store_options options = {.directory = directory, .read_only = true};
    assert_int_equal(xr_store_open(&options, &store), XR_OK);
    assert_int_equal(xr_reader_open(store, &reader), XR_OK);
    assert_int_equal(xr_floor_check(xr_reader_tables(reader, 1), true, print_broken_rule, NULL), 0);
    xr_reader_close(reader);
    xr_store_close(store);
}

/* ---- making the floor ------------------------------------------------------------------------ */

static void note_entry(void *context, const struct worker *worker, const struct entry *entry)
{
    struct floor_of_test *floor = context;
    tally_note(&floor->tally, worker->number, entry);
}

/* The account of a writer; logs it in. */
static struct worker *hire(struct floor_of_test *floor, enum xr_role role)
{
    static char logins[WRITERS_MAX][24];
    const uint32_t number = floor->hired++;
    struct worker *worker = &floor->workers[number];
    uint32_t agent = 1;
    (void)snprintf(logins[number], sizeof(logins[number]), number == 0 ? "owner" : "writer%u",
                   number);
    if (number > 0) {
        const struct xr_account_set account = {
            .login = xr_str_of(logins[number]), .role = role, .password = XR_STR(SERVED_PASSWORD)};
        const struct xr_done *done =
            worker_ask(&floor->workers[0], XR_TYPE_account_set, &account, XR_TYPE_done);
        agent = done->agent.n;
    }
    tally_hire(&floor->tally, number, agent, role);
    *worker = (struct worker){.number = number,
                              .role = role,
                              .login = logins[number],
                              .password = SERVED_PASSWORD,
                              .window = role == XR_role_BRIDGE ? WINDOW_MAX : WINDOW_MIN,
                              .random = settings.seed + number,
                              .is_quiet = true,
                              .note = note_entry,
                              .context = floor};
    floor->turned[floor->turned_count++] = worker;
    worker_start(worker, floor->served.ipc);
    while (!worker_is_ready(worker))
        turn_all(floor);
    if (role == XR_role_AGENT)
        (void)worker_ask(worker, XR_TYPE_be, &(struct xr_be){.state = XR_presence_ONLINE},
                         XR_TYPE_done);
    return worker;
}

static void introduce_agents(struct floor_of_test *floor)
{
    uint32_t agents[WRITERS_MAX];
    uint32_t count = 0;
    for (size_t i = 0; i < floor->hired; i++)
        if (floor->workers[i].role == XR_role_AGENT)
            agents[count++] = floor->tally.writers[i].agent;
    for (size_t i = 0; i < floor->hired; i++) {
        memcpy(floor->workers[i].colleagues, agents, sizeof(agents[0]) * count);
        floor->workers[i].colleague_count = count;
    }
}

static struct floor_of_test *floor_new(uint32_t bridges, uint32_t agents, uint32_t buyers)
{
    static const char *const args[] = {"--beat-ms=200", "--lease-ms=60000",
                                       "--frames-per-second=1000000"};
    struct floor_of_test *floor = calloc(1, sizeof(*floor));
    assert_non_null(floor);
    floor->random = settings.seed;
    served_init(&floor->served);
    memcpy(floor->served.args, args, sizeof(args));
    served_start(&floor->served);
    tally_init(&floor->tally);
    (void)hire(floor, XR_role_OWNER);
    for (uint32_t i = 0; i < bridges; i++)
        hire(floor, XR_role_BRIDGE)->buyer_count = buyers;
    for (uint32_t i = 0; i < agents; i++)
        (void)hire(floor, XR_role_AGENT);
    introduce_agents(floor);
    return floor;
}

static void floor_free(struct floor_of_test *floor)
{
    for (size_t i = 0; i < floor->hired; i++)
        worker_fini(&floor->workers[i]);
    served_fini(&floor->served);
    tally_fini(&floor->tally);
    free(floor->under_way.at);
    free(floor->restart_ms.at);
    free(floor->back_ms.at);
    free(floor);
}

/* ---- planted faults -------------------------------------------------------------------------- */

/* Where to plant: a writer with a feed, who is the last owner of a session that has messages. */
struct plot {
    struct tally *tally;
    uint32_t writer;
    uint64_t session;
    uint32_t number; /* of its last message */
    uint32_t by;     /* who wrote it */
    uint32_t serial; /* and as what */
    uint64_t seq;    /* the last of the supervisor's feed */
};

/* Another message of the session, stored and told to the supervisor as it should be. */
static struct entry plant_message(struct plot *plot)
{
    const uint32_t serial = (uint32_t)plot->tally->writers[plot->by].messages.count + 1;
    const struct entry sent = {.kind = ENTRY_SENT, .serial = serial, .session = plot->session};
    const struct entry done = {.kind = ENTRY_DONE,
                               .serial = serial,
                               .session = plot->session,
                               .number = plot->number + 1,
                               .seq = plot->seq + 1};
    const struct entry told = {.kind = ENTRY_MESSAGE,
                               .seq = plot->seq + 1,
                               .session = plot->session,
                               .number = plot->number + 1,
                               .writer = plot->by,
                               .serial = serial};
    tally_note(plot->tally, plot->by, &sent);
    tally_note(plot->tally, plot->by, &done);
    tally_note(plot->tally, 0, &told);
    tally_row(plot->tally, plot->session, plot->number + 1, plot->by, serial);
    plot->seq++;
    plot->number++;
    plot->serial = serial;
    return told;
}

static void plant_nothing(struct plot *plot)
{
    const struct entry told = plant_message(plot);
    tally_note(plot->tally, plot->writer, &told);
}

static void plant_lost(struct plot *plot)
{
    const uint32_t serial = (uint32_t)plot->tally->writers[plot->by].messages.count + 1;
    const struct entry sent = {.kind = ENTRY_SENT, .serial = serial, .session = plot->session};
    const struct entry done = {
        .kind = ENTRY_DONE, .serial = serial, .session = plot->session, .number = plot->number + 1};
    tally_note(plot->tally, plot->by, &sent);
    tally_note(plot->tally, plot->by, &done);
}

/* The same message once more in the history, told to everybody. */
static void plant_doubled(struct plot *plot)
{
    const struct entry told = {.kind = ENTRY_MESSAGE,
                               .seq = ++plot->seq,
                               .session = plot->session,
                               .number = ++plot->number,
                               .writer = plot->by,
                               .serial = plot->serial};
    tally_note(plot->tally, 0, &told);
    tally_note(plot->tally, plot->writer, &told);
    tally_row(plot->tally, plot->session, plot->number, plot->by, plot->serial);
}

static void plant_doubled_update(struct plot *plot)
{
    const struct entry told = plant_message(plot);
    tally_note(plot->tally, plot->writer, &told);
    tally_note(plot->tally, plot->writer, &told);
}

/* Two updates change places in a feed: one is behind, and so it is missing too. */
static void plant_reordered(struct plot *plot)
{
    const struct entry first = plant_message(plot);
    const struct entry second = plant_message(plot);
    tally_note(plot->tally, plot->writer, &second);
    tally_note(plot->tally, plot->writer, &first);
}

/* A writer's two messages change places in the history. */
static void plant_reordered_history(struct plot *plot)
{
    const uint32_t serial = (uint32_t)plot->tally->writers[plot->by].messages.count + 1;
    for (uint32_t i = 0; i < 2; i++) {
        const struct entry sent = {
            .kind = ENTRY_SENT, .serial = serial + i, .session = plot->session};
        tally_note(plot->tally, plot->by, &sent);
    }
    for (uint32_t i = 0; i < 2; i++) {
        const struct entry told = {.kind = ENTRY_MESSAGE,
                                   .seq = ++plot->seq,
                                   .session = plot->session,
                                   .number = ++plot->number,
                                   .writer = plot->by,
                                   .serial = serial + 1 - i};
        const struct entry done = {.kind = ENTRY_DONE,
                                   .serial = serial + 1 - i,
                                   .session = plot->session,
                                   .number = plot->number,
                                   .seq = plot->seq};
        tally_note(plot->tally, plot->by, &done);
        tally_note(plot->tally, 0, &told);
        tally_note(plot->tally, plot->writer, &told);
        tally_row(plot->tally, plot->session, plot->number, plot->by, serial + 1 - i);
    }
}

static void plant_gap(struct plot *plot)
{
    (void)plant_message(plot);
}

/* Stored and told to all, but never sent. */
static void plant_invented(struct plot *plot)
{
    const uint32_t serial = (uint32_t)plot->tally->writers[plot->by].messages.count + 1;
    const struct entry told = {.kind = ENTRY_MESSAGE,
                               .seq = ++plot->seq,
                               .session = plot->session,
                               .number = ++plot->number,
                               .writer = plot->by,
                               .serial = serial};
    tally_note(plot->tally, 0, &told);
    tally_note(plot->tally, plot->writer, &told);
    tally_row(plot->tally, plot->session, plot->number, plot->by, serial);
}

static void plant_unanswered(struct plot *plot)
{
    const uint32_t serial = (uint32_t)plot->tally->writers[plot->by].messages.count + 1;
    const struct entry sent = {.kind = ENTRY_SENT, .serial = serial, .session = plot->session};
    tally_note(plot->tally, plot->by, &sent);
}

/* Each fault in turn: it is found, and under its name. */
static void expect_found(struct plot *plot)
{
    struct tally_verdict *const v = &plot->tally->verdict;
    const struct {
        const char *name;
        void (*plant)(struct plot *);
        const uint64_t *count;
    } faults[] = {
        {"lost", plant_lost, &v->lost},
        {"doubled", plant_doubled, &v->doubled},
        {"doubled update", plant_doubled_update, &v->doubled},
        {"reordered update", plant_reordered, &v->reordered},
        {"reordered", plant_reordered_history, &v->reordered},
        {"gap", plant_gap, &v->gaps},
        {"invented", plant_invented, &v->invented},
        {"unanswered", plant_unanswered, &v->unanswered},
    };
    plot->tally->talks = false;
    tally_judge(plot->tally, plot->seq); /* what the supervisor alone saw, behind the last check */
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        uint64_t before = tally_faults(v);
        plant_nothing(plot);
        tally_judge(plot->tally, plot->seq);
        if (tally_faults(v) != before)
            fail_msg("%s: found where there is no fault", faults[i].name);
        before = *faults[i].count;
        faults[i].plant(plot);
        tally_judge(plot->tally, plot->seq);
        if (*faults[i].count == before)
            fail_msg("%s: not found", faults[i].name);
    }
    plot->tally->talks = true;
}

static void the_judge_finds_each_fault(void **state)
{
    (void)state;
    struct tally tally;
    struct plot plot = {.tally = &tally, .writer = 2, .session = 1, .by = 1, .seq = 1};
    const struct entry began = {.kind = ENTRY_BEGAN};
    const struct entry owned = {
        .kind = ENTRY_CHANGE, .seq = 1, .session = 1, .agent = 30, .bridge = 20};
    tally_init(&tally);
    tally_hire(&tally, 0, 10, XR_role_OWNER);
    tally_hire(&tally, 1, 20, XR_role_BRIDGE);
    tally_hire(&tally, 2, 30, XR_role_AGENT);
    for (uint32_t i = 0; i < 3; i++) {
        tally_note(&tally, i, &began);
        tally_note(&tally, i, &owned);
    }
    expect_found(&plot);
    tally_fini(&tally);
}

/* The same on what has really happened: in a session that an agent of this test owns. */
static void expect_found_here(struct floor_of_test *floor)
{
    struct tally *tally = &floor->tally;
    struct plot plot = {.tally = tally, .seq = tally->writers[0].seq_last, .by = 1};
    const struct tally_session *sessions = tally->sessions.at;
    for (uint32_t i = 1; i < WRITERS_MAX && plot.session == 0; i++)
        for (size_t s = 0; s < tally->sessions.count && tally->writers[i].agent != 0; s++)
            if (sessions[s].owner == tally->writers[i].agent && sessions[s].read > 0) {
                plot.writer = i;
                plot.session = s + 1;
                plot.number = sessions[s].read;
            }
    assert_true(plot.session != 0);
    expect_found(&plot);
}

/* ---- rounds of the server -------------------------------------------------------------------- */

static bool plan_fail_point(struct floor_of_test *floor, uint64_t round)
{
#ifdef XR_FAILPOINTS
    static const struct {
        const char *name;
        uint32_t nth_max;
    } points[] = {{"before_commit", 200}, {"after_commit_before_effects", 200}, {"in_step", 2000}};
    const uint32_t at = draw_below(&floor->random, 3);
    char text[64];
    if (round % 3 != 2 || round % settings.check_every == 0) /* the check before it wants peace */
        return false;
    (void)snprintf(text, sizeof(text), "%s:%u", points[at].name,
                   5 + draw_below(&floor->random, points[at].nth_max)); /* not while it starts */
    assert_int_equal(setenv("XR_FAILPOINT", text, 1), 0);
    return true;
#else
    (void)floor;
    (void)round;
    return false;
#endif
}

static void start_server(struct floor_of_test *floor, uint64_t round)
{
    floor->may_die = plan_fail_point(floor, round);
    const double begin_ms = now_ms();
    served_start(&floor->served);
    series_add(&floor->restart_ms, now_ms() - begin_ms);
    (void)unsetenv("XR_FAILPOINT");
}

static void wait_for_all(struct floor_of_test *floor)
{
    const double begin_ms = now_ms();
    while (!are_all(floor, worker_is_ready) && !(floor->may_die && has_ended(&floor->served)))
        turn_all(floor);
    series_add(&floor->back_ms, now_ms() - begin_ms);
}

static void draw_windows(struct floor_of_test *floor)
{
    for (size_t i = 0; i < floor->hired; i++)
        floor->workers[i].window = WINDOW_MIN + draw_below(&floor->random, WINDOW_MAX - WINDOW_MIN);
}

/* The server is ready; it dies, and is ready again. */
static void play_server_round(struct floor_of_test *floor, uint64_t round, uint64_t *at_points)
{
    draw_windows(floor);
    if (round % 4 != 3 || floor->may_die)
        wait_for_all(floor);
    if (floor->may_die) {
        while (!has_ended(&floor->served))
            turn_all(floor);
        ++*at_points;
    } else {
        turn_for(floor, KILL_MIN_MS + draw_below(&floor->random, KILL_MAX_MS - KILL_MIN_MS));
    }
    series_add(&floor->under_way, count_under_way(floor));
    served_kill(&floor->served);
    turn_for(floor, draw_below(&floor->random, AWAY_MAX_MS));
    start_server(floor, round + 1 < settings.server_rounds ? round + 1 : 0);
}

static void nothing_is_lost_when_the_server_is_killed(void **state)
{
    (void)state;
    const double begin_ms = now_ms();
    uint64_t at_points = 0;
    if (settings.server_rounds == 0)
        return;
    struct floor_of_test *floor = floor_new(2, 6, 30);
    be_quiet(floor, false);
    turn_for(floor, 100);
    for (uint64_t round = 0; round < settings.server_rounds; round++) {
        play_server_round(floor, round, &at_points);
        if ((round + 1) % settings.check_every == 0 || round + 1 == settings.server_rounds)
            check_all(floor);
    }
    served_stop(&floor->served);
    check_store(floor);
    print_figures(floor, "kill -9 of the server", settings.server_rounds, begin_ms);
    printf("  at fail points: %" PRIu64 " of the rounds; the store: every rule holds\n", at_points);
    assert_true(floor->tally.verdict.acknowledged > settings.server_rounds);
    expect_found_here(floor);
    floor_free(floor);
}

/* ---- rounds of the client -------------------------------------------------------------------- */

/* Log in here for the first time, then leave the account to processes. */
static void found_child(struct floor_of_test *floor, enum xr_role role, uint32_t buyers)
{
    uint8_t token[XR_TOKEN_BYTES];
    struct child *child = &floor->children[floor->child_count++];
    struct worker *worker = hire(floor, role);
    *child = (struct child){.number = worker->number,
                            .role = role,
                            .address = floor->served.ipc,
                            .directory = floor->served.directory,
                            .buyer_count = buyers};
    while (xr_client_cursor(worker->client) < worker->welcome.cursor)
        turn_all(floor);
    assert_true(xr_client_token(worker->client, token));
    /* What its feed tells from here on, the processes must be told: nothing that was taken here. */
    child_found(child, token, floor->tally.writers[worker->number].seq_last);
    worker_drop(worker);
    floor->turned_count--; /* it was the last */
}

static void introduce_children(struct floor_of_test *floor)
{
    introduce_agents(floor);
    for (size_t i = 0; i < floor->child_count; i++) {
        struct worker *worker = &floor->workers[floor->children[i].number];
        memcpy(floor->children[i].colleagues, worker->colleagues, sizeof(worker->colleagues));
        floor->children[i].colleague_count = worker->colleague_count;
    }
}

static void start_child(struct floor_of_test *floor, struct child *child)
{
    const uint64_t seed = ((uint64_t)draw_below(&floor->random, UINT32_MAX) << 32) |
                          draw_below(&floor->random, UINT32_MAX);
    child_start(child, seed, WINDOW_MIN + draw_below(&floor->random, BURST_MAX - WINDOW_MIN));
}

static void wait_for_children(struct floor_of_test *floor)
{
    for (size_t i = 0; i < floor->child_count; i++)
        while (!floor->children[i].is_ready)
            turn_all(floor);
}

static void start_children(struct floor_of_test *floor)
{
    for (size_t i = 0; i < floor->child_count; i++)
        if (floor->children[i].pid == 0)
            start_child(floor, &floor->children[i]);
}

/* A moment later one of them dies, or both, and now and then the server too; sometimes they stay
 * away for a moment. */
static void play_client_round(struct floor_of_test *floor, uint64_t round, uint64_t kills[CHILDREN])
{
    const uint32_t whom = 1 + draw_below(&floor->random, (1U << CHILDREN) - 1);
    draw_windows(floor);
    start_children(floor);
    if (round % 4 != 3)
        wait_for_children(floor);
    turn_for(floor, KILL_MIN_MS + draw_below(&floor->random, KILL_MAX_MS - KILL_MIN_MS));
    for (size_t i = 0; i < CHILDREN; i++)
        if (whom >> i & 1) {
            child_kill(&floor->children[i]);
            kills[i]++;
        }
    if (round % 8 == 5) {
        served_kill(&floor->served);
        start_server(floor, 0);
    }
    if (draw_below(&floor->random, 2) == 0)
        turn_for(floor, draw_below(&floor->random, AWAY_MAX_MS));
}

static void nothing_is_lost_when_a_client_is_killed(void **state)
{
    (void)state;
    const double begin_ms = now_ms();
    uint64_t kills[CHILDREN] = {0};
    if (settings.client_rounds == 0)
        return;
    struct floor_of_test *floor = floor_new(1, 3, 20);
    found_child(floor, XR_role_BRIDGE, 20);
    found_child(floor, XR_role_AGENT, 0);
    introduce_children(floor);
    /* A lost agent's sessions that owe an answer are routed again at once: its feed must tell. */
    (void)worker_ask(&floor->workers[0], XR_TYPE_setting_set,
                     &(struct xr_setting_set){.name = XR_STR("grace_s"), .value = 0}, XR_TYPE_done);
    be_quiet(floor, false);
    for (uint64_t round = 0; round < settings.client_rounds; round++) {
        play_client_round(floor, round, kills);
        if ((round + 1) % settings.check_every == 0 || round + 1 == settings.client_rounds) {
            start_children(floor);
            wait_for_children(floor);
            check_all(floor);
        }
    }
    served_stop(&floor->served);
    check_store(floor);
    print_figures(floor, "kill -9 of a client", settings.client_rounds, begin_ms);
    printf("  kills: bridge %" PRIu64 ", agent %" PRIu64 "; the store: every rule holds\n",
           kills[0], kills[1]);
    assert_true(floor->tally.verdict.acknowledged > settings.client_rounds);
    expect_found_here(floor);
    floor_free(floor);
}

/* ---- the whole ------------------------------------------------------------------------------- */

static bool read_setting(const char *text)
{
    const struct {
        const char *name;
        uint64_t *value;
    } known[] = {{"--server-rounds=", &settings.server_rounds},
                 {"--client-rounds=", &settings.client_rounds},
                 {"--check-every=", &settings.check_every},
                 {"--seed=", &settings.seed}};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        const size_t size = strlen(known[i].name);
        char *end = NULL;
        if (strncmp(text, known[i].name, size) != 0)
            continue;
        *known[i].value = strtoull(text + size, &end, 10);
        return end != text + size && *end == '\0';
    }
    return false;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_judge_finds_each_fault),
        cmocka_unit_test(nothing_is_lost_when_the_server_is_killed),
        cmocka_unit_test(nothing_is_lost_when_a_client_is_killed),
    };
    (void)signal(SIGPIPE, SIG_IGN);
    if (argc > 1 && strcmp(argv[1], "worker") == 0)
        return child_main(argc, argv);
    settings.seed = (uint64_t)time(NULL);
    for (int i = 1; i < argc; i++)
        if (!read_setting(argv[i]) || settings.check_every == 0) {
            fprintf(stderr, "kill_rounds: what is %s?\n", argv[i]);
            return 2;
        }
    printf("seed %" PRIu64 "\n", settings.seed);
    fflush(stdout);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
