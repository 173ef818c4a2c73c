/*
 * `xiaoer simulate` as a person or a script starts it: what it prints, and how it refuses.
 * Method: the program itself on the shipped small day, its output read as JSON or searched.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "support/dir.h"

#define DAY XR_TESTS_DIR "/vectors/day-small.csv"
#define COLUMNS                                                                                    \
    "call_id,customer_id,priority,type,vru_entry,vru_exit,vru_s,queue_start,queue_exit,queue_s,"   \
    "outcome,service_start,service_exit,service_s,server\n"

/* Run a shell line behind `xiaoer simulate`; stderr too. Returns the exit code. */
static int simulate(const char *arguments, char *out, size_t size)
{
    char line[2048];
    (void)snprintf(line, sizeof line, "%s/xiaoer simulate %s", XR_BIN_DIR, arguments);
    FILE *pipe = popen(line, "r");
    assert_non_null(pipe);
    const size_t got = fread(out, 1, size - 1, pipe);
    out[got] = '\0';
    const int status = pclose(pipe);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static json_t *simulate_json(const char *arguments)
{
    static char out[1 << 18];
    char line[1024];
    json_error_t error;
    (void)snprintf(line, sizeof line, "--json %s %s", arguments, DAY);
    assert_int_equal(simulate(line, out, sizeof out), 0);
    json_t *report = json_loads(out, 0, &error);
    assert_non_null(report);
    return report;
}

static json_int_t count_of(const json_t *report, const char *name)
{
    const json_t *value = json_object_get(report, name);
    if (!json_is_integer(value))
        fail_msg("%s is missing or no integer", name);
    return json_integer_value(value);
}

static double figure_of(const json_t *report, const char *name)
{
    const json_t *value = json_object_get(report, name);
    if (!json_is_number(value))
        fail_msg("%s is missing or no number", name);
    return json_number_value(value);
}

static void the_report_has_every_figure(void **state)
{
    static const char *const figures[] = {
        "name",      "available_h", "sessions", "per_available_h", "expected",
        "deviation", "load_mean",   "load_max", "real_sessions",   "real_h"};
    (void)state;
    json_t *report = simulate_json("--affinity off");
    assert_int_equal(count_of(report, "rows"), 200);
    assert_int_equal(count_of(report, "sessions"), 193);
    assert_int_equal(count_of(report, "served") + count_of(report, "abandoned") +
                         count_of(report, "explained"),
                     193);
    assert_int_equal(count_of(report, "limit_overruns"), 0);
    assert_true(figure_of(report, "share_deviation_max") < 3);
    assert_true(figure_of(report, "wait_p50_s") <= figure_of(report, "wait_p95_s"));
    assert_true(figure_of(report, "wait_p95_s") <= figure_of(report, "wait_p99_s"));
    assert_int_equal(count_of(report, "real_served"), 163);
    assert_int_equal(count_of(report, "real_abandoned"), 29);
    assert_int_equal(count_of(report, "real_phantoms"), 1);
    assert_int_equal(strlen(json_string_value(json_object_get(report, "digest"))), 64);
    const json_t *agents = json_object_get(report, "agents");
    json_int_t taken = 0;
    assert_int_equal(json_array_size(agents), 6);
    for (size_t i = 0; i < json_array_size(agents); i++) {
        const json_t *agent = json_array_get(agents, i);
        for (size_t f = 0; f < sizeof figures / sizeof *figures; f++)
            assert_non_null(json_object_get(agent, figures[f]));
        taken += count_of(agent, "sessions");
    }
    assert_int_equal(taken, count_of(report, "served"));
    json_decref(report);
}

static void the_digest_is_the_same_each_run_and_tells_options_apart(void **state)
{
    static const char *const options[] = {"",
                                          "",
                                          "--seed 2",
                                          "--limit 3",
                                          "--affinity off --limit 2",
                                          "--policy round_robin --limit 3"};
    char digests[6][65];
    (void)state;
    for (size_t i = 0; i < 6; i++) {
        json_t *report = simulate_json(options[i]);
        (void)snprintf(digests[i], sizeof digests[i], "%s",
                       json_string_value(json_object_get(report, "digest")));
        json_decref(report);
    }
    assert_string_equal(digests[0], digests[1]);
    for (size_t i = 1; i < 6; i++)
        for (size_t j = i + 1; j < 6; j++)
            assert_string_not_equal(digests[i], digests[j]);
}

static void options_are_told_back(void **state)
{
    (void)state;
    json_t *report = simulate_json(
        "--policy least_active --affinity wait --limit 4 --load-bands 3 --seed 9 --set lift_s=30");
    assert_string_equal(json_string_value(json_object_get(report, "policy")), "least_active");
    assert_string_equal(json_string_value(json_object_get(report, "affinity")), "wait");
    assert_int_equal(count_of(report, "limit"), 4);
    assert_int_equal(count_of(report, "load_bands"), 3);
    assert_int_equal(count_of(report, "seed"), 9);
    assert_int_equal(count_of(report, "lift_s"), 30);
    json_decref(report);
}

static void bad_options_end_with_2(void **state)
{
    static const char *const bad[] = {
        "--limit 0 " DAY,
        "--limit 31 " DAY,
        "--limit one " DAY,
        "--affinity yes " DAY,
        "--policy x " DAY,
        "--load-bands 0 " DAY,
        "--seed -1 " DAY,
        "--nothing " DAY,
        "--set x=1 " DAY,
        "--set lift_s=0 " DAY,
        "--set limit_routed=2 " DAY,
        "",
        DAY " " DAY,
        "--limit",
        "--limit 3 --limit-returning 2 " DAY,
    };
    char line[1024];
    char out[4096];
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        (void)snprintf(line, sizeof line, "%s 2>&1", bad[i]);
        if (simulate(line, out, sizeof out) != 2)
            fail_msg("%s: %s", bad[i], out);
        assert_non_null(strstr(out, "xiaoer: "));
    }
}

static void bad_files_end_with_5_and_name_file_line_and_column(void **state)
{
    static const struct {
        const char *text;
        const char *place;
    } bad[] = {
        {"", "bad.csv:1:1: "},
        {COLUMNS, "bad.csv:2:1: "},
        {"call_id,priority\n", "bad.csv:1:17: column customer_id is missing"},
        {COLUMNS "1,0,0,PS,9:00:00,9:00:05,5,9:00:05,9:01:05,60,AGENT,9:01:05,9:00:05,-60,A\n",
         "bad.csv:2:61: service_exit"},
        {COLUMNS "1,0,0,PS,9:00:00,9:00:05,5,9:00:05,9:01:05,60,LOST,9:01:05,9:02:05,60,A\n",
         "bad.csv:2:47: outcome"},
        {COLUMNS "1,0,0,PS,9:00:00,9:00:05,5,9:00:05,9:61:05,60,AGENT,9:01:05,9:02:05,60,A\n",
         "bad.csv:2:36: queue_exit"},
    };
    char *directory = dir_make();
    char path[512];
    char line[1024];
    char out[4096];
    (void)state;
    (void)snprintf(path, sizeof path, "%s/bad.csv", directory);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        (void)fputs(bad[i].text, file);
        assert_int_equal(fclose(file), 0);
        (void)snprintf(line, sizeof line, "%s 2>&1", path);
        assert_int_equal(simulate(line, out, sizeof out), 5);
        if (strstr(out, bad[i].place) == NULL)
            fail_msg("%s, not: %s", bad[i].place, out);
    }
    (void)snprintf(line, sizeof line, "%s/none.csv 2>&1", directory);
    assert_int_equal(simulate(line, out, sizeof out), 5);
    assert_non_null(strstr(out, "none.csv: No such file"));
    dir_remove(directory);
}

static void the_table_stands_beside_what_really_happened(void **state)
{
    char out[1 << 14];
    (void)state;
    assert_int_equal(simulate("--lang en " DAY, out, sizeof out), 0);
    assert_non_null(strstr(out, "LIMEI"));
    assert_non_null(strstr(out, "real sessions"));
    assert_non_null(strstr(out, "really"));
    assert_non_null(strstr(out, "digest "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_report_has_every_figure),
        cmocka_unit_test(the_digest_is_the_same_each_run_and_tells_options_apart),
        cmocka_unit_test(options_are_told_back),
        cmocka_unit_test(bad_options_end_with_2),
        cmocka_unit_test(bad_files_end_with_5_and_name_file_line_and_column),
        cmocka_unit_test(the_table_stands_beside_what_really_happened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
