/*
 * Aim: a backup taken while a writer commits is the store as it stood at one batch; what is damaged
 * is refused; what fails or is killed leaves no directory that looks like a backup.
 * Method: a shop writes, the backup's own progress waits for its commits, so both run at once. The
 * log is carried out again: from nothing up to the backup's batch it must give the restored tables,
 * and from these on to the end the live ones. A disk that fills up is a file system of a few MiB in
 * a mount namespace of this process's own (skipped where that may not be made).
 */
#include "engine/verify.h"
#include "store/backup.h"
#include "support/dir.h"
#include "support/shop.h"

#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define SAID     2500 /* some MiB: several pieces of a copy */
#define TAIL_MIN 3    /* batches committed while a backup is under way */

struct scene {
    struct shop shop;
    struct shop_seat *bridge;
    struct xr_session_id session;
    char *directory;
    char backup[4200];
    char partial[4210];
    char restored[4200];
    struct xr_backup_options options;
    pthread_t writer;
    atomic_bool is_over;
    uint64_t pieces;
    uint64_t kill_at; /* piece; 0: never */
    const char *filler;
};

static bool can_mount;

static int open_scene(void **state)
{
    struct scene *scene = calloc(1, sizeof *scene);
    assert_non_null(scene);
    scene->directory = dir_make();
    (void)snprintf(scene->backup, sizeof scene->backup, "%s/backup", scene->directory);
    (void)snprintf(scene->partial, sizeof scene->partial, "%s/backup.tmp", scene->directory);
    (void)snprintf(scene->restored, sizeof scene->restored, "%s/restored", scene->directory);
    scene->options.reserve_bytes = 1024 * 1024;
    scene->options.context = scene;
    shop_open(&scene->shop);
    *state = scene;
    return 0;
}

static int close_scene(void **state)
{
    struct scene *scene = *state;
    shop_close(&scene->shop);
    dir_remove(scene->directory);
    free(scene);
    return 0;
}

/* ---- words ---------------------------------------------------------------------------------- */

static void say_often(struct scene *scene, uint64_t count)
{
    const uint64_t before = scene->bridge->answered;
    for (uint64_t i = 0; i < count; i++)
        (void)shop_say(&scene->shop, scene->bridge, scene->session,
                       XR_STR("在吗？这件外套还有货吗，几天能到？"));
    shop_wait(&scene->shop, scene->bridge, before + count);
}

/* A shop with a session and what was said in it. */
static void do_business(struct scene *scene)
{
    struct shop *shop = &scene->shop;
    shop_start(shop);
    struct shop_seat *boss = shop_login(shop, 1, "boss");
    (void)shop_account(shop, boss, "bridge", XR_role_BRIDGE);
    scene->bridge = shop_login(shop, 2, "bridge");
    scene->session = shop_session(shop, scene->bridge, "buyer");
    say_often(scene, SAID);
}

static void *write_on(void *context)
{
    struct scene *scene = context;
    while (!atomic_load(&scene->is_over))
        say_often(scene, 7);
    return NULL;
}

static void start_writer(struct scene *scene)
{
    assert_int_equal(pthread_create(&scene->writer, NULL, write_on, scene), 0);
}

static void stop_writer(struct scene *scene)
{
    atomic_store(&scene->is_over, true);
    assert_int_equal(pthread_join(scene->writer, NULL), 0);
}

static bool is_there(const char *path)
{
    struct stat found;
    return lstat(path, &found) == 0;
}

static void expect_nothing_left(const struct scene *scene, const char *directory)
{
    char partial[4210];
    (void)snprintf(partial, sizeof partial, "%s.tmp", directory);
    assert_false(is_there(directory));
    assert_false(is_there(partial));
    (void)scene;
}

static enum xr_status back_up(struct scene *scene, struct xr_backup_figures *figures)
{
    return xr_store_backup(scene->shop.store, scene->backup, &scene->options, figures);
}

static enum xr_status restore(struct scene *scene)
{
    struct xr_backup_figures figures;
    return xr_store_restore(scene->backup, scene->restored, &scene->options, &figures);
}

/* A finished backup of a shop that has stopped. */
static void make_backup(struct scene *scene)
{
    struct xr_backup_figures figures;
    do_business(scene);
    assert_int_equal(back_up(scene, &figures), XR_OK);
    shop_stop(&scene->shop);
}

/* ---- the log, once more --------------------------------------------------------------------- */

static void replay_event(struct xr_floor *floor, struct xr_tables *tables,
                         const struct xr_batch_head *head, const struct xr_batch_event *from,
                         struct xr_effects *effects)
{
    struct xr_arena *arena = xr_arena_new(1024);
    struct xr_wire_error error;
    struct xr_event event = {
        .who = from->who,
        .device = from->device,
        .counter = from->counter,
        .origin = from->origin,
        .floor_ms = head->floor_ms,
        .wall_ms = head->wall_ms,
        .type = from->type,
    };
    memcpy(event.random, from->random, sizeof event.random);
    assert_int_equal(xr_body_decode(from->type, from->body, arena, &event.message, &error), XR_OK);
    xr_floor_step(floor, tables, &event, effects);
    xr_arena_free(arena);
}

static void replay(struct xr_reader *log, uint64_t first, uint64_t last, struct xr_floor *floor,
                   struct xr_tables *tables)
{
    struct xr_effects effects = {0};
    for (uint64_t n = first; n <= last; n++) {
        struct xr_bin row;
        struct xr_bin events;
        struct xr_batch_head head;
        struct xr_batch_event event;
        assert_int_equal(xr_reader_log(log, n, &row), XR_OK);
        assert_int_equal(xr_batch_open(row, &head, &events), XR_OK);
        for (uint32_t i = 0; i < head.events; i++) {
            assert_int_equal(xr_batch_next(&events, &event), XR_OK);
            replay_event(floor, tables, &head, &event, &effects);
        }
        xr_floor_settle(floor, tables);
        xr_effects_reset(&effects);
    }
    xr_effects_fini(&effects);
}

static void expect_equal_tables(struct xr_tables *a, struct xr_tables *b)
{
    uint8_t digests[2][32];
    xr_tables_digest(a, digests[0]);
    xr_tables_digest(b, digests[1]);
    assert_memory_equal(digests[0], digests[1], sizeof digests[0]);
}

static struct xr_tables *copy_tables(struct xr_tables *from)
{
    struct xr_tables *to = xr_memory_tables_new();
    struct xr_scan scan;
    struct xr_bin key;
    struct xr_bin value;
    for (enum xr_table table = XR_TABLE_floor; table < XR_TABLE_COUNT; table++) {
        xr_tables_scan_open(from, table, (struct xr_bin){0}, false, &scan);
        while (xr_tables_scan_next(from, &scan, &key, &value)) {
            if (table == XR_TABLE_journal)
                xr_tables_append(to, table, key, value);
            else
                xr_tables_put(to, table, key, value);
        }
        xr_tables_scan_close(from, &scan);
    }
    return to;
}

static const struct xr_floor_options floor_options = {
    .commit = XR_commit_mode_SYNC, .lease_ms = 15000, .beat_ms = 5000, .server = "test"};

/* From nothing to the backup's batch: the restored tables. */
static void expect_history_leads_to(struct xr_reader *live, struct xr_reader *restored,
                                    uint64_t batch_no)
{
    struct xr_floor *floor = xr_floor_new(&floor_options);
    struct xr_tables *tables = xr_memory_tables_new();
    replay(live, 1, batch_no, floor, tables);
    expect_equal_tables(tables, xr_reader_tables(restored, 1));
    xr_memory_tables_free(tables);
    xr_floor_free(floor);
}

/* From the restored tables over what was logged since: the live tables. */
static void expect_tail_leads_to(struct xr_reader *live, struct xr_reader *restored,
                                 uint64_t batch_no)
{
    uint64_t first;
    uint64_t last;
    struct xr_floor *floor = xr_floor_new(&floor_options);
    struct xr_tables *tables = copy_tables(xr_reader_tables(restored, 1));
    xr_reader_log_span(live, &first, &last);
    assert_true(last >= batch_no + TAIL_MIN);
    assert_int_equal(xr_floor_load(floor, tables), XR_OK);
    replay(live, batch_no + 1, last, floor, tables);
    expect_equal_tables(tables, xr_reader_tables(live, 1));
    xr_memory_tables_free(tables);
    xr_floor_free(floor);
}

static struct xr_store *open_read_only(const char *directory, struct xr_reader **reader)
{
    const struct xr_store_options options = {.directory = directory, .read_only = true};
    struct xr_store *store = NULL;
    assert_int_equal(xr_store_open(&options, &store), XR_OK);
    assert_int_equal(xr_reader_open(store, reader), XR_OK);
    return store;
}

/* ---- progress that does something ------------------------------------------------------------ */

static bool has_moved_on(const struct shop *shop, void *context)
{
    return shop->last_batch >= *(const uint64_t *)context;
}

/* Between two pieces of the copy the writer commits. */
static bool wait_for_commits(void *context, enum xr_backup_stage stage, uint64_t done,
                             uint64_t total)
{
    struct scene *scene = context;
    uint64_t until;
    assert_true(done <= total);
    if (stage != XR_BACKUP_COPY)
        return true;
    scene->pieces++;
    (void)pthread_mutex_lock(&scene->shop.lock);
    until = scene->shop.last_batch + TAIL_MIN;
    (void)pthread_mutex_unlock(&scene->shop.lock);
    shop_wait_for(&scene->shop, has_moved_on, &until);
    return true;
}

static bool stop_at_once(void *context, enum xr_backup_stage stage, uint64_t done, uint64_t total)
{
    (void)context;
    (void)done;
    (void)total;
    return stage != XR_BACKUP_COPY;
}

static bool stop_when_comparing(void *context, enum xr_backup_stage stage, uint64_t done,
                                uint64_t total)
{
    (void)context;
    (void)done;
    (void)total;
    return stage != XR_BACKUP_COMPARE;
}

static bool die(void *context, enum xr_backup_stage stage, uint64_t done, uint64_t total)
{
    struct scene *scene = context;
    (void)stage;
    (void)done;
    (void)total;
    if (++scene->pieces == scene->kill_at)
        (void)kill(getpid(), SIGKILL);
    return true;
}

static enum xr_status dislike(void *context, struct xr_reader *copy)
{
    (void)context;
    (void)copy;
    return XR_CORRUPT;
}

static enum xr_status verify_log(void *context, struct xr_reader *copy)
{
    struct xr_meta meta;
    uint64_t broken;
    (void)context;
    return xr_engine_verify(copy, true, &meta, &broken);
}

/* ---- what a backup is ----------------------------------------------------------------------- */

static void a_backup_under_writing_is_the_store_at_its_batch(void **state)
{
    struct scene *scene = *state;
    struct xr_backup_figures figures = {0};
    struct xr_reader *live = NULL;
    struct xr_reader *restored = NULL;
    do_business(scene);
    start_writer(scene);
    scene->options.progress = wait_for_commits;
    scene->options.verify = verify_log;
    assert_int_equal(back_up(scene, &figures), XR_OK);
    stop_writer(scene);
    shop_stop(&scene->shop);
    assert_true(scene->pieces >= 3);
    scene->options.progress = NULL;
    assert_int_equal(restore(scene), XR_OK);
    struct xr_store *stores[] = {open_read_only(scene->shop.directory, &live),
                                 open_read_only(scene->restored, &restored)};
    expect_history_leads_to(live, restored, figures.mark.batch_no);
    expect_tail_leads_to(live, restored, figures.mark.batch_no);
    xr_reader_close(live);
    xr_reader_close(restored);
    xr_store_close(stores[0]);
    xr_store_close(stores[1]);
}

static void a_restored_store_is_served_on(void **state)
{
    struct scene *scene = *state;
    make_backup(scene);
    assert_int_equal(restore(scene), XR_OK);
    struct shop again = {0};
    assert_true(pthread_mutex_init(&again.lock, NULL) == 0);
    assert_true(pthread_cond_init(&again.news, NULL) == 0);
    assert_true(strlen(scene->restored) < sizeof again.directory);
    memcpy(again.directory, scene->restored, strlen(scene->restored) + 1);
    shop_start(&again);
    assert_int_equal(again.floor, scene->shop.floor);
    struct shop_seat *bridge = shop_login(&again, 2, "bridge");
    const struct xr_say say = {.session = scene->session, .text = XR_STR("still there?")};
    assert_int_equal(shop_done(&again, bridge, XR_TYPE_say, &say).number, SAID + 1);
    shop_close(&again);
}

static void a_backup_in_an_empty_directory_is_taken_and_elsewhere_refused(void **state)
{
    struct scene *scene = *state;
    struct xr_backup_figures figures;
    do_business(scene);
    assert_int_equal(mkdir(scene->backup, 0700), 0);
    assert_int_equal(back_up(scene, &figures), XR_OK);
    assert_int_equal(back_up(scene, &figures), XR_EXISTS);
    assert_false(is_there(scene->partial));
    assert_int_equal(xr_store_backup_compare(scene->backup, &scene->options, &figures.mark), XR_OK);
    /* and a store is never restored over another */
    assert_int_equal(
        xr_store_restore(scene->backup, scene->shop.directory, &scene->options, &figures),
        XR_EXISTS);
    say_often(scene, 1);
}

static void two_runs_do_not_share_a_directory(void **state)
{
    struct scene *scene = *state;
    struct xr_backup_figures figures;
    do_business(scene);
    assert_int_equal(mkdir(scene->partial, 0700), 0);
    const int other = open(scene->partial, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(flock(other, LOCK_EX), 0);
    assert_int_equal(back_up(scene, &figures), XR_BUSY);
    assert_true(is_there(scene->partial));
    (void)close(other);
    assert_int_equal(back_up(scene, &figures), XR_OK);
    assert_false(is_there(scene->partial));
}

static void growth_beyond_the_bound_ends_the_rate(void **state)
{
    struct scene *scene = *state;
    struct xr_backup_figures figures = {0};
    do_business(scene);
    start_writer(scene);
    scene->options.progress = wait_for_commits;
    scene->options.growth_bytes_max = 1;
    scene->options.rate_bytes_per_s = UINT64_C(1) << 30;
    assert_int_equal(back_up(scene, &figures), XR_OK);
    stop_writer(scene);
    assert_true(figures.grown_bytes > 1);
    assert_true(figures.is_hurried);
}

/* ---- what is no backup ---------------------------------------------------------------------- */

static void set_path(char path[4300], const struct scene *scene, const char *name)
{
    (void)snprintf(path, 4300, "%s/%s", scene->backup, name);
}

static void flip_bit(const char *path, off_t at, unsigned bit)
{
    uint8_t byte;
    const int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= (uint8_t)(1u << bit);
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    (void)close(fd);
}

static void expect_refused(struct scene *scene, enum xr_status why)
{
    struct xr_backup_mark mark;
    assert_int_equal(restore(scene), why);
    expect_nothing_left(scene, scene->restored);
    assert_int_equal(xr_store_backup_compare(scene->backup, &scene->options, &mark), why);
}

static void a_flipped_bit_anywhere_is_refused(void **state)
{
    struct scene *scene = *state;
    char path[4300];
    struct stat file;
    uint64_t seed = 20240801;
    make_backup(scene);
    set_path(path, scene, "data.mdb");
    assert_int_equal(stat(path, &file), 0);
    for (int i = 0; i < 40; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        const off_t at = (off_t)((seed >> 20) % (uint64_t)file.st_size);
        flip_bit(path, at, (unsigned)(seed >> 60) % 8);
        expect_refused(scene, XR_CORRUPT);
        flip_bit(path, at, (unsigned)(seed >> 60) % 8);
    }
    assert_int_equal(restore(scene), XR_OK);
}

static void another_length_is_refused(void **state)
{
    struct scene *scene = *state;
    char path[4300];
    struct stat file;
    make_backup(scene);
    set_path(path, scene, "data.mdb");
    assert_int_equal(stat(path, &file), 0);
    const off_t sizes[] = {0, 4096, file.st_size / 2, file.st_size - 1, file.st_size + 1};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        assert_int_equal(truncate(path, sizes[i]), 0);
        expect_refused(scene, XR_CORRUPT);
    }
    assert_int_equal(unlink(path), 0);
    expect_refused(scene, XR_CORRUPT);
}

static void a_backup_without_its_mark_or_with_another_is_refused(void **state)
{
    struct scene *scene = *state;
    char path[4300];
    struct stat file;
    make_backup(scene);
    set_path(path, scene, "backup");
    assert_int_equal(stat(path, &file), 0);
    flip_bit(path, strlen("xiaoer backup 1\nbatch "), 1); /* another batch number */
    assert_int_equal(restore(scene), XR_CORRUPT);
    expect_nothing_left(scene, scene->restored);
    flip_bit(path, strlen("xiaoer backup 1\nbatch "), 1);
    assert_int_equal(truncate(path, 40), 0);
    expect_refused(scene, XR_CORRUPT);
    assert_int_equal(unlink(path), 0);
    expect_refused(scene, XR_NONE);
}

static void what_fails_or_is_stopped_leaves_nothing(void **state)
{
    struct scene *scene = *state;
    struct xr_backup_figures figures;
    do_business(scene);
    scene->options.progress = stop_at_once;
    assert_int_equal(back_up(scene, &figures), XR_CLOSED);
    expect_nothing_left(scene, scene->backup);
    scene->options.progress = stop_when_comparing;
    assert_int_equal(back_up(scene, &figures), XR_CLOSED);
    expect_nothing_left(scene, scene->backup);
    scene->options.progress = NULL;
    scene->options.verify = dislike;
    assert_int_equal(back_up(scene, &figures), XR_CORRUPT);
    expect_nothing_left(scene, scene->backup);
    say_often(scene, 10); /* nobody is in the writer's way */
    scene->options.verify = NULL;
    assert_int_equal(back_up(scene, &figures), XR_OK);
}

/* ---- killed --------------------------------------------------------------------------------- */

/* The child opens the store itself: a store open in the parent is not for it. */
static void run_child(struct scene *scene, uint64_t kill_at)
{
    struct xr_store *store = NULL;
    struct xr_backup_figures figures;
    const struct xr_store_options opening = {.directory = scene->shop.directory, .read_only = true};
    scene->kill_at = kill_at;
    scene->options.progress = die;
    if (xr_store_open(&opening, &store) != XR_OK)
        _exit(2);
    _exit(xr_store_backup(store, scene->backup, &scene->options, &figures) == XR_OK ? 0 : 1);
}

/* Returns false where it came to its end. */
static bool kill_at(struct scene *scene, uint64_t piece)
{
    int status;
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        run_child(scene, piece);
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status))
        assert_int_equal(WEXITSTATUS(status), 0);
    return WIFSIGNALED(status);
}

static void killed_at_any_piece_it_leaves_the_partial_directory_alone(void **state)
{
    struct scene *scene = *state;
    uint64_t piece = 1;
    do_business(scene);
    shop_stop(&scene->shop);
    for (; kill_at(scene, piece); piece++) {
        assert_true(is_there(scene->partial));
        assert_false(is_there(scene->backup));
    }
    assert_true(piece > 6); /* copied, compared, verified */
    assert_true(is_there(scene->backup));
    assert_false(is_there(scene->partial));
    assert_int_equal(restore(scene), XR_OK);
    shop_start(&scene->shop); /* with all the dead readers in its lock file */
    scene->bridge = shop_login(&scene->shop, 2, "bridge");
    say_often(scene, 1);
}

/* ---- no room -------------------------------------------------------------------------------- */

static void mount_small(struct scene *scene, const char *size)
{
    if (!can_mount)
        skip();
    assert_int_equal(mount("none", scene->directory, "tmpfs", 0, size), 0);
}

static void unmount_small(struct scene *scene)
{
    assert_int_equal(umount(scene->directory), 0);
}

static void without_room_a_backup_is_not_begun(void **state)
{
    struct scene *scene = *state;
    struct xr_backup_figures figures;
    do_business(scene);
    mount_small(scene, "size=256k");
    scene->options.reserve_bytes = 4096;
    assert_int_equal(back_up(scene, &figures), XR_STORAGE);
    expect_nothing_left(scene, scene->backup);
    unmount_small(scene);
    mount_small(scene, "size=64m"); /* it would fit, but for the reserve */
    scene->options.reserve_bytes = 0;
    assert_int_equal(back_up(scene, &figures), XR_STORAGE);
    expect_nothing_left(scene, scene->backup);
    unmount_small(scene);
}

/* Fill the file system, once the backup has begun. */
static bool fill_disk(void *context, enum xr_backup_stage stage, uint64_t done, uint64_t total)
{
    static const char zeros[4096];
    const struct scene *scene = context;
    (void)stage;
    (void)done;
    (void)total;
    const int fd = open(scene->filler, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    while (write(fd, zeros, sizeof zeros) > 0)
        ;
    (void)close(fd);
    return true;
}

static void a_disk_that_fills_meanwhile_leaves_nothing(void **state)
{
    struct scene *scene = *state;
    char filler[4300];
    struct xr_backup_figures figures;
    do_business(scene);
    mount_small(scene, "size=64m");
    (void)snprintf(filler, sizeof filler, "%s/filler", scene->directory);
    scene->filler = filler;
    scene->options.progress = fill_disk;
    assert_int_equal(back_up(scene, &figures), XR_STORAGE);
    expect_nothing_left(scene, scene->backup);
    assert_int_equal(unlink(filler), 0);
    scene->options.progress = NULL;
    assert_int_equal(back_up(scene, &figures), XR_OK);
    unmount_small(scene);
}

/* ---- ---------------------------------------------------------------------------------------- */

static bool write_text(const char *path, const char *text)
{
    const int fd = open(path, O_WRONLY | O_CLOEXEC);
    const bool is_written = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    if (fd >= 0)
        (void)close(fd);
    return is_written;
}

/* Become root of a user namespace of our own, where mounting is allowed. */
static bool enter_user_namespace(void)
{
    char users[32];
    char groups[32];
    (void)snprintf(users, sizeof users, "0 %u 1", (unsigned)getuid());
    (void)snprintf(groups, sizeof groups, "0 %u 1", (unsigned)getgid());
    return unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 && write_text("/proc/self/uid_map", users) &&
           write_text("/proc/self/setgroups", "deny") && write_text("/proc/self/gid_map", groups);
}

static bool enter_namespace(void)
{
    if (unshare(CLONE_NEWNS) != 0 && !enter_user_namespace())
        return false;
    return mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

#define SCENE(name) cmocka_unit_test_setup_teardown(name, open_scene, close_scene)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE(a_backup_under_writing_is_the_store_at_its_batch),
        SCENE(a_restored_store_is_served_on),
        SCENE(a_backup_in_an_empty_directory_is_taken_and_elsewhere_refused),
        SCENE(two_runs_do_not_share_a_directory),
        SCENE(growth_beyond_the_bound_ends_the_rate),
        SCENE(a_flipped_bit_anywhere_is_refused),
        SCENE(another_length_is_refused),
        SCENE(a_backup_without_its_mark_or_with_another_is_refused),
        SCENE(what_fails_or_is_stopped_leaves_nothing),
        SCENE(killed_at_any_piece_it_leaves_the_partial_directory_alone),
        SCENE(without_room_a_backup_is_not_begun),
        SCENE(a_disk_that_fills_meanwhile_leaves_nothing),
    };
    can_mount = enter_namespace();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
