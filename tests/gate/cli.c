/*
 * Aim: the command line says what is so, ends with the exit code that is documented, and prints
 * JSON that programs can read; what buyers write cannot act on the terminal.
 * Method: the real program against the real server, its output read through pipes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "support/served.h"

#define OUTPUT_BYTES 262144

struct scene {
    struct served served;
    char output[OUTPUT_BYTES]; /* stdout of the last command */
    char errors[OUTPUT_BYTES]; /* its stderr */
};

static void read_all(const char *directory, const char *name, char *out)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    FILE *in = fopen(path, "r");
    assert_non_null(in);
    out[fread(out, 1, OUTPUT_BYTES - 1, in)] = '\0';
    fclose(in);
}

/* `xiaoer ARGUMENTS` through the shell, with `input` on stdin. Returns the exit code. */
static int run(struct scene *scene, const char *input, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int run(struct scene *scene, const char *input, const char *format, ...)
{
    char arguments[1024];
    char command[2048];
    const char *directory = scene->served.directory;
    va_list list;
    va_start(list, format);
    vsnprintf(arguments, sizeof(arguments), format, list);
    va_end(list);
    snprintf(command, sizeof(command), "cd %s || exit 99\n%s/xiaoer %s >out.txt 2>err.txt",
             directory, XR_BIN_DIR, arguments);
    FILE *pipe = popen(command, "w");
    assert_non_null(pipe);
    fputs(input, pipe);
    const int status = pclose(pipe);
    assert_true(WIFEXITED(status));
    read_all(directory, "out.txt", scene->output);
    read_all(directory, "err.txt", scene->errors);
    return WEXITSTATUS(status);
}

static void expect(struct scene *scene, int code, const char *input, const char *arguments)
{
    const int got = run(scene, input, "%s", arguments);
    if (got != code)
        fail_msg("xiaoer %s: exit code %d, not %d\n%s%s", arguments, got, code, scene->output,
                 scene->errors);
}

static void expect_text(const struct scene *scene, const char *text)
{
    if (strstr(scene->output, text) == NULL)
        fail_msg("`%s` is not in:\n%s%s", text, scene->output, scene->errors);
}

static json_t *json_of(const struct scene *scene)
{
    json_error_t error;
    json_t *object = json_loads(scene->output, JSON_DISABLE_EOF_CHECK, &error);
    if (object == NULL)
        fail_msg("no JSON (%s):\n%s", error.text, scene->output);
    return object;
}

static int scene_init(void **state)
{
    struct scene *scene = calloc(1, sizeof(*scene));
    served_init(&scene->served);
    served_start(&scene->served);
    char config[128];
    snprintf(config, sizeof(config), "%s/config", scene->served.directory);
    setenv("XDG_CONFIG_HOME", config, 1);
    setenv("XIAOER_SERVER", scene->served.ipc, 1);
    setenv("XIAOER_FLOOR", SERVED_FLOOR, 1);
    setenv("XIAOER_LOGIN", "owner", 1);
    setenv("LC_ALL", "C", 1);
    *state = scene;
    return 0;
}

static int scene_fini(void **state)
{
    struct scene *scene = *state;
    served_fini(&scene->served);
    free(scene);
    return 0;
}

/* The owner, an agent `mei`, a bridge `shop`: all with tokens. */
static void hire_all(struct scene *scene)
{
    const char *password = SERVED_PASSWORD "\n";
    expect(scene, 0, password, "login");
    expect(scene, 0, password, "accounts add mei --role agent --name Mei --password-file -");
    expect(scene, 0, password, "accounts add shop --role bridge --password-file -");
    expect(scene, 0, password, "login mei --devices 2");
    expect(scene, 0, password, "--login shop login");
}

/* ---- usage
 * --------------------------------------------------------------------------------------- */

static void wrong_usage_ends_with_2_and_help_with_0(void **state)
{
    struct scene *scene = *state;
    expect(scene, 2, "", "");
    expect(scene, 0, "", "help");
    expect_text(scene, "explain");
    expect(scene, 0, "", "--help");
    expect(scene, 0, "", "--version");
    expect(scene, 2, "", "nonsense");
    expect(scene, 2, "", "status --nonsense");
    expect(scene, 2, "", "status too many");
    expect(scene, 2, "", "say 1");
    expect(scene, 2, "", "say x text");
    expect(scene, 2, "", "sessions --max 0");
    expect(scene, 2, "", "be asleep");
    expect(scene, 2, "", "transfer 1");
    static const char *const commands[] = {
        "login",  "status", "agents", "sessions", "session",  "customer", "explain",
        "groups", "watch",  "attach", "be",       "say",      "close",    "transfer",
        "note",   "open",   "leave",  "assign",   "settings", "accounts", "devices",
        "revoke", "audit",  "check",  "simulate", "replay",   "bench",
    };
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        assert_int_equal(run(scene, "", "help %s", commands[i]), 0);
        expect_text(scene, commands[i]);
        expect_text(scene, "--json");
    }
}

static void output_that_cannot_be_written_ends_with_5(void **state)
{
    struct scene *scene = *state;
    expect(scene, 0, "", "help");
    expect(scene, 5, "", "help >/dev/full 2>err.txt; exit $?;");
    assert_non_null(strstr(scene->errors, "standard output"));
}

static void no_server_ends_with_3_and_no_log_in_with_4(void **state)
{
    struct scene *scene = *state;
    expect(scene, 4, "", "status");
    expect(scene, 4, "not the password\n", "login");
    expect(scene, 3, "x\n", "login --server ipc:///nowhere/at/all --timeout 0");
    expect(scene, 2, "x\n", "login --server nowhere");
    expect(scene, 5, "", "login --password-file /nowhere/at/all");
    expect(scene, 5, "", "login"); /* an empty standard input */
}

static void a_token_is_kept_for_its_owner_alone(void **state)
{
    struct scene *scene = *state;
    struct stat found = {0};
    char path[256];
    expect(scene, 0, SERVED_PASSWORD "\n", "login --json");
    json_t *object = json_of(scene);
    assert_string_equal(json_string_value(json_object_get(object, "role")), "owner");
    assert_int_equal(json_integer_value(json_object_get(object, "devices")), 3);
    json_decref(object);
    snprintf(path, sizeof(path), "%s/config/xiaoer/demo-owner.token", scene->served.directory);
    assert_int_equal(stat(path, &found), 0);
    assert_int_equal(found.st_mode & 0777, 0600);
    expect(scene, 0, "", "status --json");
    object = json_of(scene);
    assert_string_equal(json_string_value(json_object_get(object, "floor")), "demo");
    json_decref(object);
}

/* ---- a buyer's visit
 * -------------------------------------------------------------------------------- */

static void a_visit_can_be_worked_from_scripts(void **state)
{
    struct scene *scene = *state;
    hire_all(scene);
    expect(scene, 0, "", "--login mei be online");
    expect(scene, 0, "", "--login shop open taobao hong --nick 小红 在吗");
    expect(scene, 0, "",
           "--login shop open taobao hong --json"); /* joins: the buyer has a session */
    json_t *object = json_of(scene);
    assert_true(json_is_true(json_object_get(object, "joined")));
    assert_int_equal(json_integer_value(json_object_get(object, "session")), 1);
    json_decref(object);
    expect(scene, 0,
           "/wait 60\n您好\n/note 喜欢蓝色\n/note! 上次退货\n/who\n/list\n//slash\n/nothing\n"
           "/transfer nobody\n/transfer\n/close\n",
           "--login mei attach");
    expect_text(scene, "小红");
    expect_text(scene, "您好");
    expect_text(scene, "/slash");
    expect_text(scene, "喜欢蓝色");
    expect_text(scene, "there is no /nothing");
    expect_text(scene, "there is no agent or group `nobody`");
    expect_text(scene, "to whom?"); /* not: whoever's log-in name mei is not told */
    expect(scene, 0, "", "session 1");
    expect_text(scene, "resolved");
    expect_text(scene, "/slash");
    expect(scene, 0, "", "customer taobao hong");
    expect_text(scene, "上次退货");
    expect(scene, 0, "", "customer 1 --tag VIP:ff0000 --type picky --level 3");
    expect_text(scene, "[VIP]");
    expect_text(scene, "picks at everything");
    expect(scene, 0, "", "customer 1 --untag VIP");
    assert_null(strstr(scene->output, "[VIP]"));
    expect(scene, 0, "", "groups add presale --title 售前");
    expect(scene, 0, "", "accounts set mei --groups default,presale --weight 50 --limit 3");
    expect(scene, 0, "", "groups set presale --title 售前咨询");
    expect(scene, 0, "", "groups");
    expect_text(scene, "售前咨询");
    expect(scene, 0, "", "explain 1");
    expect_text(scene, "Mei got it");
    expect(scene, 0, "", "explain 1 --lang zh");
    expect_text(scene, "分配给 Mei");
    expect(scene, 0, "", "sessions");
    expect(scene, 0, "", "agents");
    expect_text(scene, "Mei");
    expect(scene, 0, "", "audit");
    expect_text(scene, "account_set");
    expect(scene, 0, "", "devices mei");
}

static void refusals_end_with_1_and_are_told(void **state)
{
    struct scene *scene = *state;
    hire_all(scene);
    expect(scene, 1, "", "say 99 hello");
    assert_non_null(strstr(scene->errors, "there is none"));
    expect(scene, 1, "", "session 99 --json");
    json_t *object = json_of(scene);
    assert_string_equal(json_string_value(json_object_get(object, "code")), "not_found");
    json_decref(object);
    expect(scene, 1, "", "--login mei settings set grace_s 5");
    expect(scene, 0, "", "settings set grace_s 5");
    expect(scene, 1, "", "settings set grace_s 99999");
    expect(scene, 0, "", "settings grace_s");
    expect_text(scene, "5 *");
    expect(scene, 0, "", "settings grace_s --json");
    object = json_of(scene);
    assert_int_equal(json_array_size(json_object_get(object, "settings")), 1);
    json_decref(object);
    expect(scene, 2, "", "settings set grace_s many");
}

static void an_edit_of_an_old_revision_is_a_conflict(void **state)
{
    struct scene *scene = *state;
    hire_all(scene);
    expect(scene, 0, "", "--login shop open taobao hong");
    expect(scene, 0, "", "note add 1 likes blue");
    expect(scene, 0, "", "note edit 1 1 likes green");
    expect(scene, 1, "", "note edit 1 1 likes red --revision 1");
    expect(scene, 0, "", "note list 1 1");
    expect_text(scene, "likes blue");
    expect_text(scene, "likes green");
    assert_null(strstr(scene->output, "likes red"));
}

static void escape_sequences_of_buyers_do_not_reach_the_terminal(void **state)
{
    struct scene *scene = *state;
    hire_all(scene);
    expect(scene, 0, "",
           "--login shop open taobao eve --nick \"$(printf 'e\\033[2Jve')\" "
           "\"$(printf 'x\\033]0;gotcha\\007\\tend')\"");
    expect(scene, 0, "", "session 1");
    assert_null(strchr(scene->output, '\033'));
    assert_null(strchr(scene->output, '\007'));
    expect(scene, 0, "", "sessions");
    assert_null(strchr(scene->output, '\033'));
    expect(scene, 0, "", "watch --from 0 --count 6");
    assert_null(strchr(scene->output, '\033'));
    expect(scene, 0, "", "customer 1");
    assert_null(strchr(scene->output, '\033'));
}

/* ---- the feed
 * ------------------------------------------------------------------------------------- */

static int64_t seq_of_line(const char *line)
{
    json_t *object = json_loads(line, JSON_DISABLE_EOF_CHECK, NULL);
    assert_non_null(object);
    const int64_t seq = json_integer_value(json_object_get(object, "seq"));
    json_decref(object);
    return seq;
}

static void watch_resumes_where_it_ended(void **state)
{
    struct scene *scene = *state;
    int64_t seqs[64] = {0};
    size_t count = 0;
    hire_all(scene);
    expect(scene, 0, "", "--login shop open taobao hong one");
    for (int i = 0; i < 6; i++)
        expect(scene, 0, "", "--login shop say 1 more");
    expect(scene, 0, "", "watch --from 0 --json --count 8");
    for (char *line = strtok(scene->output, "\n"); line != NULL; line = strtok(NULL, "\n"))
        seqs[count++] = seq_of_line(line);
    assert_int_equal(count, 8);
    for (size_t i = 1; i < count; i++)
        assert_true(seqs[i] > seqs[i - 1]);
    assert_non_null(strstr(scene->errors, "--from"));
    assert_int_equal(run(scene, "", "watch --from %lld --json --count 1", (long long)seqs[3]), 0);
    assert_int_equal(seq_of_line(scene->output), seqs[4]);
}

/* ---- more than one at a time
 * ------------------------------------------------------------------------ */

static void commands_of_one_log_in_run_beside_each_other(void **state)
{
    struct scene *scene = *state;
    hire_all(scene);
    /* A watch holds one device; the others still answer, and it is not thrown out by them. */
    expect(scene, 0, "",
           "watch --count 1 --json >watched.txt 2>/dev/null & "
           "for i in 1 2 3 4 5 6; do " XR_BIN_DIR "/xiaoer status >/dev/null || exit 9; " XR_BIN_DIR
           "/xiaoer groups >/dev/null || exit 9; " XR_BIN_DIR
           "/xiaoer --login shop open taobao b$i >/dev/null || exit 9; "
           "done; wait $!");
    read_all(scene->served.directory, "watched.txt", scene->output);
    assert_true(seq_of_line(scene->output) > 0);
}

static void check_passes_on_a_stopped_store_and_not_on_none(void **state)
{
    struct scene *scene = *state;
    hire_all(scene);
    expect(scene, 0, "", "--login shop open taobao hong one");
    expect(scene, 5, "", "check /nowhere/at/all");
    served_stop(&scene->served);
    expect(scene, 0, "", "check --json data");
    json_t *object = json_of(scene);
    assert_int_equal(json_integer_value(json_object_get(object, "floors")), 1);
    assert_int_equal(json_integer_value(json_object_get(object, "broken")), 0);
    json_decref(object);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(wrong_usage_ends_with_2_and_help_with_0, scene_init,
                                        scene_fini),
        cmocka_unit_test_setup_teardown(output_that_cannot_be_written_ends_with_5, scene_init,
                                        scene_fini),
        cmocka_unit_test_setup_teardown(no_server_ends_with_3_and_no_log_in_with_4, scene_init,
                                        scene_fini),
        cmocka_unit_test_setup_teardown(a_token_is_kept_for_its_owner_alone, scene_init,
                                        scene_fini),
        cmocka_unit_test_setup_teardown(a_visit_can_be_worked_from_scripts, scene_init, scene_fini),
        cmocka_unit_test_setup_teardown(refusals_end_with_1_and_are_told, scene_init, scene_fini),
        cmocka_unit_test_setup_teardown(an_edit_of_an_old_revision_is_a_conflict, scene_init,
                                        scene_fini),
        cmocka_unit_test_setup_teardown(escape_sequences_of_buyers_do_not_reach_the_terminal,
                                        scene_init, scene_fini),
        cmocka_unit_test_setup_teardown(watch_resumes_where_it_ended, scene_init, scene_fini),
        cmocka_unit_test_setup_teardown(commands_of_one_log_in_run_beside_each_other, scene_init,
                                        scene_fini),
        cmocka_unit_test_setup_teardown(check_passes_on_a_stopped_store_and_not_on_none, scene_init,
                                        scene_fini),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
