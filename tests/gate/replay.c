/*
 * The small day through a real server over real sockets, each agent a connection of its own: no
 * acknowledged message is lost, doubled or reordered, also when the server is killed meanwhile.
 * Method: `xiaoer replay` as a child; the server of the second test is killed with SIGKILL and
 * started again whenever the child tells its progress.
 */
#include <setjmp.h>
#include <signal.h>
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

#include "support/served.h"

#define DAY       XR_TESTS_DIR "/vectors/day-small.csv"
#define ARGS_MAX  24
#define KILLS_MAX 3

struct child {
    pid_t pid;
    FILE *out;
    FILE *err;
};

/* xiaoer with these arguments, NULL at the end. */
static void start_child(struct child *child, const char *const *args)
{
    char *argv[ARGS_MAX] = {0};
    int out[2];
    int err[2];
    assert_int_equal(pipe(out), 0);
    assert_int_equal(pipe(err), 0);
    for (size_t i = 0; args[i] != NULL; i++)
        argv[i] = strdup(args[i]);
    child->pid = fork();
    assert_true(child->pid >= 0);
    if (child->pid == 0) {
        (void)dup2(out[1], STDOUT_FILENO);
        (void)dup2(err[1], STDERR_FILENO);
        for (int i = 0; i < 2; i++) {
            (void)close(out[i]);
            (void)close(err[i]);
        }
        (void)execv(XR_BIN_DIR "/xiaoer", argv);
        _exit(127);
    }
    for (size_t i = 0; argv[i] != NULL; i++)
        free(argv[i]);
    (void)close(out[1]);
    (void)close(err[1]);
    child->out = fdopen(out[0], "r");
    child->err = fdopen(err[0], "r");
    assert_non_null(child->out);
    assert_non_null(child->err);
}

/* Wait for its end; the report. Fails the test where the exit code is not 0. */
static json_t *end_child(struct child *child)
{
    json_error_t error;
    int status;
    json_t *report = json_loadf(child->out, 0, &error);
    assert_int_equal(waitpid(child->pid, &status, 0), child->pid);
    if (report == NULL || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        char *text = json_dumps(report, JSON_INDENT(1));
        fail_msg("ended with %d: %s", WEXITSTATUS(status), text != NULL ? text : error.text);
    }
    (void)fclose(child->out);
    (void)fclose(child->err);
    return report;
}

static json_int_t count_of(const json_t *report, const char *name)
{
    const json_t *value = json_object_get(report, name);
    if (!json_is_integer(value))
        fail_msg("%s is missing or no integer", name);
    return json_integer_value(value);
}

static void assert_clean(const json_t *report)
{
    static const char *const faults[] = {"lost",       "doubled", "reordered",      "unanswered",
                                         "unfinished", "errors",  "limit_overruns", "resyncs"};
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        if (count_of(report, faults[i]) != 0)
            fail_msg("%s: %d", faults[i], (int)count_of(report, faults[i]));
    assert_int_equal(count_of(report, "sessions"), 193);
    assert_int_equal(count_of(report, "served") + count_of(report, "abandoned") +
                         count_of(report, "joined"),
                     193);
    assert_true(count_of(report, "acknowledged") >= 193);
    assert_int_equal(count_of(report, "acknowledged"), count_of(report, "messages"));
}

static void drain_errors(struct child *child)
{
    char line[1024];
    while (fgets(line, sizeof line, child->err) != NULL)
        continue;
}

static void a_replayed_day_arrives_whole(void **state)
{
    static const char *const args[] = {"xiaoer",  "replay", "--json", "--spawn", "--tcp",
                                       "--speed", "6000",   DAY,      NULL};
    struct child child;
    (void)state;
    start_child(&child, args);
    drain_errors(&child);
    json_t *report = end_child(&child);
    assert_clean(report);
    assert_int_equal(count_of(report, "reconnects"), 0);
    const json_t *latencies = json_object_get(report, "latencies");
    assert_non_null(json_object_get(json_object_get(latencies, "open_to_assigned"), "p50_ms"));
    assert_non_null(json_object_get(json_object_get(latencies, "acknowledged"), "p99_ms"));
    assert_non_null(json_object_get(json_object_get(latencies, "pushed"), "p99_ms"));
    json_decref(report);
}

static void a_replayed_day_survives_kills_of_the_server(void **state)
{
    struct served served;
    struct child child;
    char password[512];
    char line[1024];
    size_t kills = 0;
    (void)state;
    served_init(&served);
    served_start(&served);
    (void)snprintf(password, sizeof password, "%s/replay-password", served.directory);
    FILE *file = fopen(password, "w");
    assert_non_null(file);
    assert_true(fputs(SERVED_PASSWORD "\n", file) >= 0);
    assert_int_equal(fclose(file), 0);
    const char *const args[] = {
        "xiaoer", "replay",  "--json", "--server", served.ipc, "--owner-password-file",
        password, "--speed", "1500",   DAY,        NULL};
    start_child(&child, args);
    while (fgets(line, sizeof line, child.err) != NULL) {
        if (strstr(line, "sessions over") == NULL || kills == KILLS_MAX)
            continue;
        served_kill(&served);
        served_start(&served);
        kills++;
    }
    json_t *report = end_child(&child);
    assert_int_equal(kills, KILLS_MAX);
    assert_clean(report);
    assert_true(count_of(report, "reconnects") >= 7);
    json_decref(report);
    served_stop(&served);
    served_fini(&served);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_replayed_day_arrives_whole),
        cmocka_unit_test(a_replayed_day_survives_kills_of_the_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
