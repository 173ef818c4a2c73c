/*
 * Aim: where room is lacking, the batch is dropped whole, all that was committed stays readable,
 * and writing goes on by itself once there is room. Method: a map of a few MiB; and a file system
 * of a few MiB, mounted in a mount namespace of this process's own (skipped where that may not be
 * made), filled by a file beside the store.
 */
#include "store/lmdb.h"
#include "support/dir.h"

#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <cmocka.h>

#define FLOOR 1
#define KIB   UINT64_C(1024)
#define MIB   (UINT64_C(1024) * 1024)

static const struct xr_bin empty = {NULL, 0};

struct room {
    char *directory;
    char place[4200]; /* of the store */
    char filler[4200];
    struct xr_store_options options;
    struct xr_store *store;
    uint64_t seq; /* committed */
    bool is_mounted;
};

static bool can_mount; /* in a namespace of our own */

static struct room *new_room(uint64_t map_bytes)
{
    struct room *room = calloc(1, sizeof *room);
    assert_non_null(room);
    room->directory = dir_make();
    (void)snprintf(room->place, sizeof room->place, "%s/store", room->directory);
    (void)snprintf(room->filler, sizeof room->filler, "%s/filler", room->directory);
    room->options.directory = room->place;
    room->options.map_bytes = map_bytes;
    room->options.reserve_bytes = 64 * KIB;
    return room;
}

static void open_room(struct room *room)
{
    assert_int_equal(xr_store_open(&room->options, &room->store), XR_OK);
}

static int set_up_small_map(void **state)
{
    struct room *room = new_room(4 * MIB);
    open_room(room);
    *state = room;
    return 0;
}

static int set_up_small_disk(void **state)
{
    struct room *room = new_room(256 * MIB);
    if (can_mount) {
        assert_int_equal(mount("none", room->directory, "tmpfs", 0, "size=8m"), 0);
        room->is_mounted = true;
        open_room(room);
    }
    *state = room;
    return 0;
}

static int tear_down(void **state)
{
    struct room *room = *state;
    xr_store_close(room->store);
    if (room->is_mounted)
        assert_int_equal(umount(room->directory), 0);
    dir_remove(room->directory);
    free(room);
    return 0;
}

/* ---- words ---------------------------------------------------------------------------------- */

/* Write a batch of so many rows of 1 KiB, and a row that counts them, as far as it goes. */
static enum xr_status write_rows(struct room *room, uint64_t rows)
{
    uint8_t key[8];
    uint8_t value[1024] = {0};
    const struct xr_bin number = {key, sizeof key};
    enum xr_status status = xr_store_begin(room->store);
    if (status != XR_OK)
        return status;
    struct xr_tables *tables = xr_store_tables(room->store, FLOOR);
    for (uint64_t i = 1; i <= rows; i++) {
        xr_put_u64be(key, room->seq + i);
        memcpy(value, key, sizeof key);
        xr_tables_append(tables, XR_TABLE_journal, number, (struct xr_bin){value, sizeof value});
    }
    xr_tables_put(tables, XR_TABLE_floor, empty, number);
    xr_store_log_append(room->store, room->seq + 1, number);
    const enum xr_status failed = xr_store_failed(room->store);
    status = xr_store_commit(room->store);
    if (failed != XR_OK)
        assert_int_equal(status, failed);
    if (status == XR_OK)
        room->seq += rows;
    return status;
}

/* Every committed row is there, as it was written, and nothing else. */
static void check_rows(struct room *room)
{
    struct xr_reader *reader;
    struct xr_scan scan;
    struct xr_bin key;
    struct xr_bin value;
    uint64_t seq = 0;
    assert_int_equal(xr_reader_open(room->store, &reader), XR_OK);
    struct xr_tables *tables = xr_reader_tables(reader, FLOOR);
    xr_tables_scan_open(tables, XR_TABLE_journal, empty, false, &scan);
    while (xr_tables_scan_next(tables, &scan, &key, &value)) {
        assert_int_equal(xr_get_u64be(key.at), ++seq);
        assert_int_equal(xr_get_u64be(value.at), seq);
    }
    xr_tables_scan_close(tables, &scan);
    assert_int_equal(seq, room->seq);
    if (seq > 0) {
        assert_int_equal(xr_tables_get(tables, XR_TABLE_floor, empty, &value), XR_OK);
        assert_int_equal(xr_get_u64be(value.at), seq);
    }
    xr_reader_close(reader);
}

static void close_and_check(struct room *room)
{
    xr_store_close(room->store);
    room->store = NULL;
    open_room(room);
    check_rows(room);
}

/* ---- a small map ---------------------------------------------------------------------------- */

static void a_full_map_refuses_batches_before_they_begin(void **state)
{
    struct room *room = *state;
    enum xr_status status = XR_OK;
    unsigned batches = 0;
    while ((status = write_rows(room, 16)) == XR_OK)
        batches++;
    assert_int_equal(status, XR_STORAGE);
    assert_true(batches > 50);
    assert_int_equal(xr_store_begin(room->store), XR_STORAGE);
    check_rows(room);
    close_and_check(room);
    assert_int_equal(write_rows(room, 16), XR_STORAGE);
}

static void a_larger_map_goes_on(void **state)
{
    struct room *room = *state;
    while (write_rows(room, 16) == XR_OK)
        continue;
    xr_store_close(room->store);
    room->store = NULL;
    room->options.map_bytes = 16 * MIB;
    open_room(room);
    assert_int_equal(write_rows(room, 16), XR_OK);
    check_rows(room);
}

static void a_batch_larger_than_the_map_is_dropped_whole(void **state)
{
    struct room *room = *state;
    assert_int_equal(write_rows(room, 10), XR_OK);
    assert_int_equal(write_rows(room, 5000), XR_STORAGE);
    assert_int_equal(xr_store_failed(room->store), XR_STORAGE);
    check_rows(room);
    assert_int_equal(write_rows(room, 10), XR_OK);
    assert_int_equal(xr_store_failed(room->store), XR_OK);
    close_and_check(room);
}

static void a_failed_batch_reads_nothing_and_writes_nothing(void **state)
{
    struct room *room = *state;
    struct xr_bin value;
    struct xr_bin key;
    struct xr_scan scan;
    uint8_t *large = calloc(1, 5 * MIB);
    assert_non_null(large);
    assert_int_equal(write_rows(room, 10), XR_OK);
    assert_int_equal(xr_store_begin(room->store), XR_OK);
    struct xr_tables *tables = xr_store_tables(room->store, FLOOR);
    struct xr_tables *other = xr_store_tables(room->store, FLOOR + 1);
    xr_tables_put(tables, XR_TABLE_device, empty, (struct xr_bin){large, (uint32_t)(5 * MIB)});
    free(large);
    assert_int_equal(tables->failed, XR_STORAGE);
    assert_int_equal(xr_store_failed(room->store), XR_STORAGE);
    xr_tables_put(other, XR_TABLE_floor, empty, (struct xr_bin){(const uint8_t *)"x", 1});
    assert_int_equal(other->failed, XR_STORAGE);
    xr_tables_del(tables, XR_TABLE_floor, empty);
    xr_store_log_append(room->store, 99, empty);
    xr_store_log_delete(room->store, 1);
    xr_store_meta_put(room->store, empty);
    assert_int_equal(xr_tables_get(tables, XR_TABLE_floor, empty, &value), XR_NONE);
    xr_tables_scan_open(tables, XR_TABLE_journal, empty, false, &scan);
    assert_false(xr_tables_scan_next(tables, &scan, &key, &value));
    xr_tables_scan_close(tables, &scan);
    assert_int_equal(xr_store_commit(room->store), XR_STORAGE);
    check_rows(room);
    assert_int_equal(write_rows(room, 1), XR_OK);
    check_rows(room);
}

/* The file stands at the end of its map, and each batch takes out as much as it puts in. */
static void deleted_rows_make_room_in_a_full_map(void **state)
{
    struct room *room = *state;
    struct xr_store_figures figures;
    uint8_t value[1024] = {0};
    const uint64_t kept = 2940; /* three in a page */
    for (uint64_t i = 1; i <= 3 * kept; i++) {
        assert_int_equal(xr_store_begin(room->store), XR_OK);
        xr_store_log_append(room->store, i, (struct xr_bin){value, sizeof value});
        if (i > kept)
            xr_store_log_delete(room->store, i - kept);
        assert_int_equal(xr_store_commit(room->store), XR_OK);
    }
    xr_store_figures(room->store, &figures);
    assert_true(figures.used_bytes > figures.map_bytes - 64 * KIB);
}

/* ---- a small file system -------------------------------------------------------------------- */

static uint64_t count_free(const struct room *room)
{
    struct statvfs fs;
    assert_int_equal(statvfs(room->directory, &fs), 0);
    return (uint64_t)fs.f_bavail * fs.f_frsize;
}

/* Leave so much free room. */
static void fill_disk(struct room *room, uint64_t left)
{
    const uint64_t size = count_free(room);
    assert_true(size > left);
    const int fd = open(room->filler, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(posix_fallocate(fd, 0, (off_t)(size - left)), 0);
    assert_int_equal(close(fd), 0);
    assert_true(count_free(room) <= left);
}

static void skip_without_disk(const struct room *room)
{
    if (room->is_mounted)
        return;
    print_message("skipped: no mount namespace may be made here\n");
    skip();
}

static void below_the_reserve_batches_are_refused(void **state)
{
    struct room *room = *state;
    skip_without_disk(room);
    assert_int_equal(write_rows(room, 100), XR_OK);
    fill_disk(room, 32 * KIB);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(write_rows(room, 1), XR_STORAGE);
    check_rows(room);
    assert_int_equal(unlink(room->filler), 0);
    assert_int_equal(write_rows(room, 100), XR_OK);
    check_rows(room);
}

static void a_commit_that_finds_no_room_is_dropped_whole(void **state)
{
    struct room *room = *state;
    skip_without_disk(room);
    assert_int_equal(write_rows(room, 100), XR_OK);
    for (uint64_t left = 64 * KIB; left < 1024 * KIB; left += 84 * KIB) {
        fill_disk(room, left);
        assert_int_equal(write_rows(room, 7000), XR_STORAGE);
        check_rows(room);
        assert_int_equal(unlink(room->filler), 0);
        assert_int_equal(write_rows(room, 3), XR_OK);
        check_rows(room);
    }
    close_and_check(room);
}

static void a_disk_filled_to_the_end_keeps_what_was_committed(void **state)
{
    struct room *room = *state;
    skip_without_disk(room);
    enum xr_status status = XR_OK;
    while ((status = write_rows(room, 40)) == XR_OK)
        continue;
    assert_int_equal(status, XR_STORAGE);
    assert_true(room->seq > 1000);
    check_rows(room);
    close_and_check(room);
    assert_int_equal(write_rows(room, 40), XR_STORAGE);
}

static void a_new_store_on_a_full_disk_is_told(void **state)
{
    struct room *room = *state;
    skip_without_disk(room);
    xr_store_close(room->store);
    room->store = NULL;
    fill_disk(room, 4 * KIB);
    (void)snprintf(room->place, sizeof room->place, "%s/other", room->directory);
    struct xr_store *store = NULL;
    assert_int_equal(xr_store_open(&room->options, &store), XR_IO);
    assert_null(store);
    assert_int_equal(unlink(room->filler), 0);
    open_room(room);
    assert_int_equal(write_rows(room, 3), XR_OK);
    check_rows(room);
}

#define SMALL_MAP(test)  cmocka_unit_test_setup_teardown(test, set_up_small_map, tear_down)
#define SMALL_DISK(test) cmocka_unit_test_setup_teardown(test, set_up_small_disk, tear_down)

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        SMALL_MAP(a_full_map_refuses_batches_before_they_begin),
        SMALL_MAP(a_larger_map_goes_on),
        SMALL_MAP(a_batch_larger_than_the_map_is_dropped_whole),
        SMALL_MAP(a_failed_batch_reads_nothing_and_writes_nothing),
        SMALL_MAP(deleted_rows_make_room_in_a_full_map),
        SMALL_DISK(below_the_reserve_batches_are_refused),
        SMALL_DISK(a_commit_that_finds_no_room_is_dropped_whole),
        SMALL_DISK(a_disk_filled_to_the_end_keeps_what_was_committed),
        SMALL_DISK(a_new_store_on_a_full_disk_is_told),
    };
    can_mount = enter_namespace();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
