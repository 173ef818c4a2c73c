/*
 * The recorded day: the reader tells the place of whatever is not of the form, the mapping keeps
 * what is known and draws the rest, and the survival curve is the one computed by hand.
 * Method: small texts made here, and the shipped small day.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "client/cli/heap.h"
#include "client/cli/plan.h"

#define HEADER                                                                                     \
    "call_id,customer_id,priority,type,vru_entry,vru_exit,vru_s,queue_start,queue_exit,queue_s,"   \
    "outcome,service_start,service_exit,service_s,server"
#define SERVED "7,0,0,PS,9:00:00,9:00:10,10,9:00:10,9:01:00,50,AGENT,9:01:00,9:03:00,120,ANNA"

static enum xr_status parse(const char *text, struct xr_day *day, struct xr_day_error *error)
{
    return xr_day_parse(xr_str_of(text), day, error);
}

static void assert_near(double is, double wanted, double within)
{
    if (!(is > wanted - within && is < wanted + within))
        fail_msg("%g is not within %g of %g", is, within, wanted);
}

/* ---- the reader ------------------------------------------------------------------------------ */

static void assert_row(const struct xr_day_row *row)
{
    assert_int_equal(row->line, 2);
    assert_int_equal(row->call, 7);
    assert_int_equal(row->outcome, XR_DAY_AGENT);
    assert_true(xr_str_equal(row->type, XR_STR("PS")));
    assert_true(xr_str_equal(row->server, XR_STR("ANNA")));
    assert_int_equal(row->queue.from_s, 9 * 3600 + 10);
    assert_int_equal(row->queue.to_s, 9 * 3600 + 60);
    assert_int_equal(row->service.to_s, 9 * 3600 + 180);
}

static void day_reads_every_line_ending(void **state)
{
    static const char *const texts[] = {
        HEADER "\n" SERVED "\n",
        HEADER "\r\n" SERVED "\r\n",
        HEADER "\n" SERVED,
        "\xef\xbb\xbf" HEADER "\r\n" SERVED "\r\n\r\n\n",
        HEADER
        "\n7,0,0,\"PS\",09:00:00,9:00:10,10,9:00:10,9:01:00,50,\"AGENT\",9:01:00,9:03:00,120,"
        "\"ANNA\"\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct xr_day day;
        struct xr_day_error error;
        assert_int_equal(parse(texts[i], &day, &error), XR_OK);
        assert_int_equal(day.count, 1);
        assert_row(&day.rows[0]);
        xr_day_fini(&day);
    }
}

static void day_takes_columns_in_any_order(void **state)
{
    struct xr_day day;
    struct xr_day_error error;
    (void)state;
    assert_int_equal(
        parse("server,call_id,customer_id,priority,type,vru_entry,vru_exit,vru_s,queue_start,"
              "queue_exit,queue_s,outcome,service_start,service_exit,service_s\n"
              "ANNA,7,0,0,PS,9:00:00,9:00:10,10,9:00:10,9:01:00,50,AGENT,9:01:00,9:03:00,120\n",
              &day, &error),
        XR_OK);
    assert_row(&day.rows[0]);
    xr_day_fini(&day);
}

static void day_follows_a_call_past_midnight(void **state)
{
    struct xr_day day;
    struct xr_day_error error;
    (void)state;
    assert_int_equal(parse(HEADER "\n1,0,0,PS,23:58:00,23:58:10,10,23:58:10,23:59:50,100,AGENT,"
                                  "23:59:50,0:03:10,200,ANNA\n"
                                  "2,0,0,PS,23:59:50,0:00:05,15,0:00:05,0:00:25,20,AGENT,"
                                  "0:00:25,0:00:30,5,ANNA\n",
                           &day, &error),
                     XR_OK);
    assert_int_equal(day.rows[0].service.to_s, 86400 + 190);
    assert_int_equal(day.rows[1].queue.from_s, 86400 + 5);
    assert_int_equal(day.rows[1].service.to_s, 86400 + 30);
    xr_day_fini(&day);
}

static void day_lets_clocks_of_two_machines_disagree_in_the_menu(void **state)
{
    struct xr_day day;
    struct xr_day_error error;
    (void)state;
    assert_int_equal(parse(HEADER "\n7039,17702523,1,PS,12:04:42,12:03:15,-87,12:03:15,12:04:56,"
                                  "101,AGENT,12:04:55,12:05:56,61,VICKY\n",
                           &day, &error),
                     XR_OK);
    assert_int_equal(day.rows[0].menu.to_s, 12 * 3600 + 3 * 60 + 15);
    assert_int_equal(day.rows[0].queue.from_s, 12 * 3600 + 3 * 60 + 15);
    xr_day_fini(&day);
}

struct bad {
    const char *text;
    uint32_t line;
    uint32_t column;
    const char *says;
};

static void assert_bad(const struct bad *bad)
{
    struct xr_day day;
    struct xr_day_error error;
    assert_int_equal(parse(bad->text, &day, &error), XR_BAD);
    if (error.line != bad->line || error.column != bad->column ||
        strstr(error.text, bad->says) == NULL)
        fail_msg("%u:%u: %s, wanted %u:%u and \"%s\"", error.line, error.column, error.text,
                 bad->line, bad->column, bad->says);
    assert_null(day.rows);
    assert_null(day.bytes);
}

static void day_tells_where_a_header_is_wrong(void **state)
{
    static const struct bad bads[] = {
        {"", 1, 1, "empty"},
        {"\n", 1, 1, "header is missing"},
        {HEADER "\n", 2, 1, "no row"},
        {"call_id,customer_id\n", 1, 20, "priority is missing"},
        {"call_id,customer_id,colour\n", 1, 21, "unknown column \"colour\""},
        {"call_id,call_id\n", 1, 9, "call_id is there twice"},
        {HEADER ",more\n", 1, 143, "more than 15"},
        {SERVED "\n", 1, 1, "unknown column \"7\""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof bads / sizeof *bads; i++)
        assert_bad(&bads[i]);
}

#define ROW(text) HEADER "\n" SERVED "\n" text "\n"

static void day_tells_where_a_row_is_wrong(void **state)
{
    static const struct bad bads[] = {
        {ROW("x,0,0,PS,9:00:00,9:00:10,10,9:00:10,9:01:00,50,AGENT,9:01:00,9:03:00,120,A"), 3, 1,
         "call_id \"x\": not a whole number"},
        {ROW("1,-4,0,PS,9:00:00,9:00:10,10,9:00:10,9:01:00,50,AGENT,9:01:00,9:03:00,120,A"), 3, 3,
         "customer_id \"-4\""},
        {ROW("1,0,3,PS,9:00:00,9:00:10,10,9:00:10,9:01:00,50,AGENT,9:01:00,9:03:00,120,A"), 3, 5,
         "must be 0, 1 or 2"},
        {ROW("1,0,0,,9:00:00,9:00:10,10,9:00:10,9:01:00,50,AGENT,9:01:00,9:03:00,120,A"), 3, 7,
         "type \"\": empty"},
        {ROW("1,0,0,PS,9:0:00,9:00:10,10,9:00:10,9:01:00,50,AGENT,9:01:00,9:03:00,120,A"), 3, 10,
         "vru_entry \"9:0:00\": not a time"},
        {ROW("1,0,0,PS,9:00:00,24:00:10,10,9:00:10,9:01:00,50,AGENT,9:01:00,9:03:00,120,A"), 3, 18,
         "vru_exit \"24:00:10\""},
        {ROW("1,0,0,PS,9:00:00,9:00:10,11,9:00:10,9:01:00,50,AGENT,9:01:00,9:03:00,120,A"), 3, 26,
         "vru_s \"11\": not the seconds"},
        {ROW("1,0,0,PS,9:00:00,9:00:10,10,9:00:61,9:01:00,50,AGENT,9:01:00,9:03:00,120,A"), 3, 29,
         "queue_start"},
        {ROW("1,0,0,PS,9:00:00,9:00:10,10,9:00:10,9:00:00,-10,AGENT,9:01:00,9:03:00,120,A"), 3, 37,
         "queue_exit \"9:00:00\": before the start"},
        {ROW("1,0,0,PS,9:00:00,9:00:10,10,9:00:10,9:01:00,5o,AGENT,9:01:00,9:03:00,120,A"), 3, 45,
         "queue_s \"5o\""},
        {ROW("1,0,0,PS,9:00:00,9:00:10,10,9:00:10,9:01:00,50,agent,9:01:00,9:03:00,120,A"), 3, 48,
         "must be AGENT, HANG or PHANTOM"},
        {ROW("1,0,0,PS,9:00:00,9:00:10,10,9:00:10,9:01:00,50,AGENT,9:03:00,9:01:00,-120,A"), 3, 62,
         "service_exit \"9:01:00\": before the start"},
        {ROW("1,0,0,PS,9:00:00,9:00:10,10,9:00:10,9:01:00,50,AGENT,9:01:00,9:03:00,,A"), 3, 70,
         "service_s \"\""},
        {ROW("1,0,0,PS,9:00:00,9:00:10,10,9:00:10,9:01:00,50,AGENT,9:01:00,9:03:00,120,"), 3, 74,
         "server \"\": empty"},
        {ROW("1,0,0,PS,9:00:00,9:00:10,10,9:00:10,9:01:00,50,AGENT,9:01:00,9:03:00,120,\xff"), 3,
         74, "not UTF-8"},
        {ROW("1,0,0,PS,9:00:00,9:00:10,10,9:00:10,9:01:00,50,AGENT,9:01:00,9:03:00,120"), 3, 73,
         "14 fields"},
        {ROW("1,0,0,PS,9:00:00,9:00:10,10,9:00:10,9:01:00,50,AGENT,9:01:00,9:03:00,120,A,B"), 3, 76,
         "more than 15"},
        {ROW("1,0,0,\"PS,9:00:00,9:00:10,10,9:00:10,9:01:00,50"), 3, 7, "quote"},
        {ROW("1,0,0,P\"S,9:00:00"), 3, 8, "a quote inside"},
        {ROW("1,0,0,\"P\"S,9:00:00"), 3, 10, "behind a quoted"},
        {ROW("\n" SERVED), 3, 1, "blank line"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof bads / sizeof *bads; i++)
        assert_bad(&bads[i]);
}

static void day_refuses_what_is_no_text(void **state)
{
    static const char bytes[] = HEADER "\n1,0,\0,PS";
    struct xr_day day;
    struct xr_day_error error;
    (void)state;
    assert_int_equal(xr_day_parse((struct xr_str){bytes, sizeof bytes - 1}, &day, &error), XR_BAD);
    assert_int_equal(error.line, 2);
    assert_int_equal(error.column, 5);
}

static void day_tells_of_a_file_that_is_not_there(void **state)
{
    struct xr_day day;
    struct xr_day_error error;
    (void)state;
    assert_int_equal(xr_day_read(XR_TESTS_DIR "/vectors/no-such-day.csv", &day, &error), XR_IO);
    assert_string_equal(error.text, "No such file or directory");
    assert_int_equal(xr_day_read(XR_TESTS_DIR, &day, &error), XR_IO);
}

/* ---- the curve ------------------------------------------------------------------------------- */

/*
 * By hand, from (time, gave up +, served -): 1+ 2- 3+ 3+ 3- 5- 6+ 8-
 *     t = 1: 8 there, 1 gives up: S = 7/8
 *     t = 3: 6 there, 2 give up:  S = 7/8 × 4/6 = 7/12
 *     t = 6: 2 there, 1 gives up: S = 7/24, and nobody gives up after that
 */
static void make_curve(struct xr_curve *curve)
{
    struct xr_patience seen[] = {
        {6, true}, {2, false}, {3, true}, {8, false}, {3, false}, {1, true}, {5, false}, {3, true},
    };
    assert_int_equal(xr_curve_init(curve, seen, sizeof seen / sizeof *seen), XR_OK);
}

static void curve_is_that_of_kaplan_and_meier(void **state)
{
    struct xr_curve curve;
    (void)state;
    make_curve(&curve);
    assert_int_equal(curve.count, 3);
    assert_int_equal(curve.last_s, 8);
    assert_near(xr_curve_at(&curve, 0), 1.0, 1e-12);
    assert_near(xr_curve_at(&curve, 1), 7.0 / 8, 1e-12);
    assert_near(xr_curve_at(&curve, 2), 7.0 / 8, 1e-12);
    assert_near(xr_curve_at(&curve, 3), 7.0 / 12, 1e-12);
    assert_near(xr_curve_at(&curve, 100), 7.0 / 24, 1e-12);
    xr_curve_fini(&curve);
}

/* How often each patience is drawn, beyond a wait that is known. */
static void assert_draws(int64_t known_s, const double part[9])
{
    struct xr_curve curve;
    struct xr_dice dice = {42};
    size_t drawn[9] = {0};
    const size_t total = 40000;
    make_curve(&curve);
    for (size_t i = 0; i < total; i++) {
        const int64_t patience = xr_curve_draw(&curve, known_s, &dice);
        assert_in_range(patience, 0, 8);
        drawn[patience]++;
    }
    for (size_t t = 0; t < 9; t++)
        assert_near((double)drawn[t] / (double)total, part[t], 0.01);
    xr_curve_fini(&curve);
}

static void patience_is_drawn_from_the_curve(void **state)
{
    static const double part[9] = {[1] = 1.0 / 8, [3] = 7.0 / 24, [6] = 7.0 / 24, [8] = 7.0 / 24};
    (void)state;
    assert_draws(0, part);
}

static void patience_is_longer_than_the_wait_that_was_seen(void **state)
{
    static const double part[9] = {[6] = 0.5, [8] = 0.5};
    (void)state;
    assert_draws(3, part);
}

static void patience_beyond_the_longest_wait_is_that_wait(void **state)
{
    struct xr_curve curve;
    struct xr_dice dice = {1};
    (void)state;
    make_curve(&curve);
    assert_int_equal(xr_curve_draw(&curve, 8, &dice), 8);
    assert_int_equal(xr_curve_draw(&curve, 11, &dice), 11);
    xr_curve_fini(&curve);
}

/* ---- the mapping ----------------------------------------------------------------------------- */

#define DAY                                                                                        \
    HEADER "\n"                                                                                    \
           "1,0,0,PS,9:00:00,9:00:10,10,0:00:00,0:00:00,0,HANG,0:00:00,0:00:00,0,NO_SERVER\n"      \
           "2,0,0,PS,9:10:00,9:10:10,10,0:00:00,0:00:00,0,AGENT,9:10:09,9:12:09,120,ANNA\n"        \
           "3,55,2,NE,9:02:00,9:02:10,10,9:02:10,9:04:10,120,HANG,0:00:00,0:00:00,0,NO_SERVER\n"   \
           "4,55,1,PS,9:05:00,9:05:10,10,9:05:10,9:05:40,30,AGENT,9:05:40,9:05:50,10,BORIS\n"      \
           "5,0,1,NE,9:20:00,9:20:10,10,9:20:10,9:20:40,30,AGENT,9:20:40,9:30:40,600,ANNA\n"       \
           "6,0,1,PS,9:21:00,9:21:10,10,9:21:10,9:21:40,30,PHANTOM,9:21:40,9:21:43,3,NO_SERVER\n"  \
           "7,0,1,PS,9:22:00,9:22:10,10,0:00:00,0:00:00,0,AGENT,9:22:10,9:22:20,10,NO_SERVER\n"    \
           "8,0,1,PS,9:23:00,9:23:10,10,9:23:10,9:23:20,10,AGENT,0:00:00,0:00:00,0,BORIS\n"

static void map_day(struct xr_plan *plan, const struct xr_plan_options *options)
{
    struct xr_day day;
    struct xr_day_error error;
    assert_int_equal(parse(DAY, &day, &error), XR_OK);
    assert_int_equal(xr_plan_of_day(&day, options, plan, &error), XR_OK);
    xr_day_fini(&day);
}

static const struct xr_plan_session *find_call(const struct xr_plan *plan, uint64_t call)
{
    for (size_t i = 0; i < plan->session_count; i++)
        if (plan->sessions[i].call == call)
            return &plan->sessions[i];
    fail_msg("call %u is no session", (unsigned)call);
    return NULL;
}

static void a_session_is_a_row_that_reached_queue_or_agent(void **state)
{
    struct xr_plan plan;
    (void)state;
    map_day(&plan, &(struct xr_plan_options){.seed = 1});
    assert_int_equal(plan.rows, 8);
    assert_int_equal(plan.session_count, 7); /* not call 1 */
    for (size_t i = 1; i < plan.session_count; i++)
        assert_true(plan.sessions[i - 1].arrival_ms <= plan.sessions[i].arrival_ms);
    xr_plan_fini(&plan);
    map_day(&plan, &(struct xr_plan_options){.seed = 1, .skip_phantoms = true});
    assert_int_equal(plan.session_count, 6); /* nor call 6 */
    xr_plan_fini(&plan);
}

static void agents_have_the_groups_and_hours_of_their_services(void **state)
{
    struct xr_plan plan;
    (void)state;
    map_day(&plan, &(struct xr_plan_options){.seed = 1});
    assert_int_equal(plan.agent_count, 2);
    assert_int_equal(plan.group_count, 2);
    assert_string_equal(plan.agents[0].name, "ANNA");
    assert_int_equal(plan.agents[0].groups, 3);
    assert_int_equal(plan.agents[0].span_count, 1);
    assert_int_equal(plan.agents[0].spans[0].from_ms, (9 * 3600 + 10 * 60 + 9) * 1000);
    assert_int_equal(plan.agents[0].spans[0].to_ms, (9 * 3600 + 30 * 60 + 40) * 1000);
    assert_int_equal(plan.agents[0].real_sessions, 2);
    assert_string_equal(plan.agents[1].name, "BORIS");
    assert_int_equal(plan.agents[1].groups, 1);
    assert_int_equal(plan.agents[1].spans[0].to_ms, (9 * 3600 + 5 * 60 + 50) * 1000);
    assert_int_equal(plan.agents[1].real_sessions, 2);
    xr_plan_fini(&plan);
}

static void what_is_known_of_a_session_is_kept(void **state)
{
    struct xr_plan plan;
    (void)state;
    map_day(&plan, &(struct xr_plan_options){.seed = 1});
    const struct xr_plan_session *hang = find_call(&plan, 3);
    assert_int_equal(hang->klass, XR_queue_class_VIP);
    assert_int_equal(hang->buyer, 55);
    assert_int_equal(hang->arrival_ms, (9 * 3600 + 2 * 60 + 10) * 1000);
    assert_int_equal(hang->patience_ms, 120 * 1000);
    assert_false(hang->patience_drawn);
    assert_true(hang->service_drawn);
    assert_int_equal(hang->service_ms, 600 * 1000); /* the only service of its type */
    const struct xr_plan_session *served = find_call(&plan, 4);
    assert_int_equal(served->klass, XR_queue_class_NORMAL);
    assert_int_equal(served->buyer, 55);
    assert_int_equal(served->service_ms, 10 * 1000);
    assert_false(served->service_drawn);
    assert_true(served->patience_drawn);
    assert_true(served->patience_ms >= 30 * 1000);
    const struct xr_plan_session *direct = find_call(&plan, 2);
    assert_int_equal(direct->arrival_ms, (9 * 3600 + 10 * 60 + 10) * 1000);
    assert_int_equal(direct->real_wait_ms, 0);
    const struct xr_plan_session *unknown = find_call(&plan, 7);
    assert_true(unknown->real_agent == XR_PLAN_NONE);
    assert_int_equal(unknown->service_ms, 10 * 1000);
    assert_true(unknown->buyer != direct->buyer);
    assert_true(find_call(&plan, 8)->service_drawn);
    assert_int_equal(find_call(&plan, 6)->real, XR_REAL_PHANTOM);
    xr_plan_fini(&plan);
}

static void the_seed_decides_what_is_drawn(void **state)
{
    struct xr_day day;
    struct xr_day_error error;
    struct xr_plan plans[3];
    size_t differ = 0;
    (void)state;
    assert_int_equal(xr_day_read(XR_TESTS_DIR "/vectors/day-small.csv", &day, &error), XR_OK);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(xr_plan_of_day(&day, &(struct xr_plan_options){.seed = i == 2 ? 8 : 7},
                                        &plans[i], &error),
                         XR_OK);
    for (size_t i = 0; i < plans[0].session_count; i++) {
        assert_memory_equal(&plans[0].sessions[i], &plans[1].sessions[i],
                            sizeof plans[0].sessions[i]);
        differ += plans[0].sessions[i].patience_ms != plans[2].sessions[i].patience_ms;
    }
    assert_true(differ > 0);
    for (size_t i = 0; i < 3; i++)
        xr_plan_fini(&plans[i]);
    xr_day_fini(&day);
}

/* Imputing each served row beyond its own wait gives back the curve that it was drawn from. */
static void drawn_and_real_patience_together_follow_the_curve(void **state)
{
    struct xr_day day;
    struct xr_day_error error;
    double sum[2] = {0, 0}; /* waiting after 60 s and 240 s, over seeds */
    struct xr_patience seen[256];
    struct xr_curve curve;
    size_t count = 0;
    (void)state;
    assert_int_equal(xr_day_read(XR_TESTS_DIR "/vectors/day-small.csv", &day, &error), XR_OK);
    for (size_t i = 0; i < day.count; i++)
        if (day.rows[i].queue.is_there)
            seen[count++] = (struct xr_patience){day.rows[i].queue.to_s - day.rows[i].queue.from_s,
                                                 day.rows[i].outcome == XR_DAY_HANG};
    assert_int_equal(xr_curve_init(&curve, seen, count), XR_OK);
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct xr_plan plan;
        size_t of = 0;
        size_t after[2] = {0, 0};
        assert_int_equal(
            xr_plan_of_day(&day, &(struct xr_plan_options){.seed = seed}, &plan, &error), XR_OK);
        for (size_t i = 0; i < plan.session_count; i++) {
            const struct xr_plan_session *s = &plan.sessions[i];
            if (s->patience_drawn && s->real_wait_ms == 0)
                continue; /* never in the queue: not in the curve */
            of++;
            after[0] += s->patience_ms > 60000;
            after[1] += s->patience_ms > 240000;
        }
        sum[0] += (double)after[0] / (double)of / 200;
        sum[1] += (double)after[1] / (double)of / 200;
        xr_plan_fini(&plan);
    }
    assert_near(sum[0], xr_curve_at(&curve, 60), 0.02);
    assert_near(sum[1], xr_curve_at(&curve, 240), 0.02);
    xr_curve_fini(&curve);
    xr_day_fini(&day);
}

/* Each allocation fails in turn: it is told, and nothing is left behind (LeakSanitizer). */
static void no_memory_is_told_at_every_allocation(void **state)
{
    enum xr_status status = XR_NOMEM;
    (void)state;
    for (uint64_t nth = 1; status != XR_OK; nth++) {
        struct xr_day day;
        struct xr_plan plan;
        struct xr_day_error error;
        xr_mem_arm(nth, false);
        status = parse(DAY, &day, &error);
        if (status == XR_OK)
            status = xr_plan_of_day(&day, &(struct xr_plan_options){.seed = 1}, &plan, &error);
        xr_mem_arm(0, false);
        if (status == XR_OK) {
            assert_true(nth > 10);
            xr_plan_fini(&plan);
        } else {
            assert_int_equal(status, XR_NOMEM);
            assert_string_equal(error.text, "no memory");
        }
        xr_day_fini(&day);
    }
}

/* ---- the heap -------------------------------------------------------------------------------- */

static void heap_gives_by_time_then_order_then_age(void **state)
{
    struct xr_heap heap = {0};
    struct xr_dice dice = {3};
    struct xr_heap_item item;
    struct xr_heap_item last = {.at_ms = -1};
    (void)state;
    for (size_t i = 0; i < 2000; i++)
        assert_int_equal(xr_heap_push(&heap, (int64_t)xr_dice_pick(&dice, 100),
                                      (uint32_t)xr_dice_pick(&dice, 3), i),
                         XR_OK);
    for (size_t i = 0; i < 2000; i++) {
        assert_int_equal(xr_heap_next_ms(&heap), heap.items[0].at_ms);
        assert_true(xr_heap_pop(&heap, &item));
        const bool is_after =
            item.at_ms > last.at_ms ||
            (item.at_ms == last.at_ms &&
             (item.order > last.order || (item.order == last.order && item.added > last.added)));
        assert_true(is_after);
        last = item;
    }
    assert_false(xr_heap_pop(&heap, &item));
    assert_true(xr_heap_next_ms(&heap) == INT64_MAX);
    xr_heap_fini(&heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(day_reads_every_line_ending),
        cmocka_unit_test(day_takes_columns_in_any_order),
        cmocka_unit_test(day_follows_a_call_past_midnight),
        cmocka_unit_test(day_lets_clocks_of_two_machines_disagree_in_the_menu),
        cmocka_unit_test(day_tells_where_a_header_is_wrong),
        cmocka_unit_test(day_tells_where_a_row_is_wrong),
        cmocka_unit_test(day_refuses_what_is_no_text),
        cmocka_unit_test(day_tells_of_a_file_that_is_not_there),
        cmocka_unit_test(curve_is_that_of_kaplan_and_meier),
        cmocka_unit_test(patience_is_drawn_from_the_curve),
        cmocka_unit_test(patience_is_longer_than_the_wait_that_was_seen),
        cmocka_unit_test(patience_beyond_the_longest_wait_is_that_wait),
        cmocka_unit_test(a_session_is_a_row_that_reached_queue_or_agent),
        cmocka_unit_test(agents_have_the_groups_and_hours_of_their_services),
        cmocka_unit_test(what_is_known_of_a_session_is_kept),
        cmocka_unit_test(the_seed_decides_what_is_drawn),
        cmocka_unit_test(drawn_and_real_patience_together_follow_the_curve),
        cmocka_unit_test(no_memory_is_told_at_every_allocation),
        cmocka_unit_test(heap_gives_by_time_then_order_then_age),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
