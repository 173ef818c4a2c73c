/*
 * Aim: `xiaoer backup` beside a real server under load takes what was acknowledged before it began,
 * stops nobody, and `xiaoer restore` gives a store that is served.
 * Method: a bridge writes without a pause over a socket while the program runs; the store made from
 * its backup is served by another xiaoerd and asked for the messages.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <pthread.h>

#include "support/served.h"

#define SAID_BEFORE 300

struct scene {
    struct served served;
    struct guest owner;
    struct guest bridge;
    struct xr_session_id session;
    atomic_bool is_over;
    uint32_t said; /* number of the last message that was acknowledged */
};

static int open_scene(void **state)
{
    struct scene *scene = calloc(1, sizeof *scene);
    assert_non_null(scene);
    served_init(&scene->served);
    served_start(&scene->served);
    setenv("LC_ALL", "C", 1);
    guest_login(&scene->owner, &scene->served, "owner", SERVED_PASSWORD, false);
    (void)guest_hire(&scene->owner, "bridge", XR_role_BRIDGE);
    guest_login(&scene->bridge, &scene->served, "bridge", SERVED_PASSWORD, false);
    const struct xr_open open = {.channel = XR_STR("taobao"), .buyer = XR_STR("hong")};
    scene->session = guest_do(&scene->bridge, XR_TYPE_open, &open)->session;
    *state = scene;
    return 0;
}

static int close_scene(void **state)
{
    struct scene *scene = *state;
    guest_close(&scene->bridge);
    guest_close(&scene->owner);
    served_fini(&scene->served);
    free(scene);
    return 0;
}

/* `xiaoer ARGUMENTS` in the scene's directory, its output in out.txt; the exit code. */
static int run(const struct scene *scene, const char *arguments)
{
    char command[2048];
    (void)snprintf(command, sizeof command, "cd %s && %s/xiaoer %s >out.txt 2>err.txt",
                   scene->served.directory, XR_BIN_DIR, arguments);
    const int status = system(command);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static bool is_there(const struct scene *scene, const char *name)
{
    char path[256];
    struct stat found;
    (void)snprintf(path, sizeof path, "%s/%s", scene->served.directory, name);
    return stat(path, &found) == 0;
}

static void say(struct scene *scene)
{
    const struct xr_say say = {
        .done = scene->bridge.counter, .session = scene->session, .text = XR_STR("在吗")};
    scene->said = guest_do(&scene->bridge, XR_TYPE_say, &say)->number;
}

static void *write_on(void *context)
{
    struct scene *scene = context;
    while (!atomic_load(&scene->is_over))
        say(scene);
    return NULL;
}

/* The number that the next message gets on the restored floor. */
static uint32_t ask_restored(const struct scene *scene, const char *name)
{
    char data[256];
    struct served again;
    struct guest bridge;
    served_init(&again);
    (void)snprintf(data, sizeof data, "%s/%s", scene->served.directory, name);
    again.args[0] = "--data";
    again.args[1] = data;
    served_start(&again);
    guest_login(&bridge, &again, "bridge", SERVED_PASSWORD, false);
    const struct xr_say say = {.session = scene->session, .text = XR_STR("还在吗")};
    const uint32_t number = guest_do(&bridge, XR_TYPE_say, &say)->number;
    guest_close(&bridge);
    served_fini(&again);
    return number;
}

static void a_backup_beside_a_busy_server_has_what_was_acknowledged(void **state)
{
    struct scene *scene = *state;
    pthread_t writer;
    for (int i = 0; i < SAID_BEFORE; i++)
        say(scene);
    const uint32_t before = scene->said;
    assert_int_equal(pthread_create(&writer, NULL, write_on, scene), 0);
    const int code = run(scene, "backup data copy --rate 16 --deep --json");
    atomic_store(&scene->is_over, true);
    assert_int_equal(pthread_join(writer, NULL), 0);
    assert_int_equal(code, 0);
    assert_false(is_there(scene, "copy.tmp"));
    say(scene); /* the server is well */
    assert_int_equal(run(scene, "check copy"), 0);
    assert_int_equal(run(scene, "restore copy again --json"), 0);
    assert_int_equal(run(scene, "check again"), 0);
    const uint32_t next = ask_restored(scene, "again");
    assert_true(next > before);
    assert_true(next <= scene->said);
}

static void what_cannot_be_done_has_its_exit_code(void **state)
{
    struct scene *scene = *state;
    assert_int_equal(run(scene, "backup"), 2);
    assert_int_equal(run(scene, "backup data"), 2);
    assert_int_equal(run(scene, "backup nowhere copy"), 5);
    assert_int_equal(run(scene, "backup data copy"), 0);
    assert_int_equal(run(scene, "backup data copy"), 5);   /* it is taken */
    assert_int_equal(run(scene, "restore copy data"), 5);  /* a store is there */
    assert_int_equal(run(scene, "restore data again"), 5); /* no backup */
    assert_int_equal(run(scene, "restore copy again"), 0);
    char command[512];
    (void)snprintf(command, sizeof command,
                   "printf x | dd of=%s/copy/data.mdb bs=1 seek=9000 conv=notrunc 2>/dev/null",
                   scene->served.directory);
    assert_int_equal(system(command), 0);
    assert_int_equal(run(scene, "restore copy third"), 1);
    assert_int_equal(run(scene, "check copy"), 1);
    assert_false(is_there(scene, "third"));
    assert_false(is_there(scene, "third.tmp"));
}

#define SCENE(name) cmocka_unit_test_setup_teardown(name, open_scene, close_scene)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE(a_backup_beside_a_busy_server_has_what_was_acknowledged),
        SCENE(what_cannot_be_done_has_its_exit_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
