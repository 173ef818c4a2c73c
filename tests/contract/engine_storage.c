/*
 * Aim: a store without room turns the floor read-only and loses nothing: commands are answered
 * `storage`, what the server itself had to say comes later, nothing half is left, and it recovers.
 * Method: a real store with a map of a few MiB. A reader that is kept open makes it overflow in
 * the middle of a batch; letting go of it makes room again. And a file system of a few MiB, in a
 * mount namespace of this process's own (skipped where that may not be made), filled by a file
 * beside the store, so that the commit itself finds no room. After every outcome the indexes are
 * compared with the tables.
 */
#include "support/shop.h"

#include "base/clock.h"
#include "engine/shard.h"

#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cmocka.h>

#define MAP_BYTES (UINT64_C(2) << 20)
#define GONE      (XR_BATCH_EVENTS_MAX + 500)

struct cast {
    struct shop shop;
    struct shop_seat *boss;
    struct shop_seat *bridge;
    struct shop_seat *ann;
    struct xr_session_id session;
    char text[XR_TEXT_MAX];
};

static void begin(struct cast *cast)
{
    const struct xr_be online = {.state = XR_presence_ONLINE};
    struct shop *shop = &cast->shop;
    memset(cast->text, 'x', sizeof cast->text);
    if (shop->map_bytes == 0)
        shop->map_bytes = MAP_BYTES;
    shop->log_bytes_max = 128 * 1024;
    shop->on_outcome = shop_expect_index;
    shop_open(shop);
    shop_start(shop);
    cast->boss = shop_login(shop, 1, "boss");
    (void)shop_account(shop, cast->boss, "bridge", XR_role_BRIDGE);
    (void)shop_account(shop, cast->boss, "ann", XR_role_AGENT);
    cast->bridge = shop_login(shop, 2, "bridge");
    cast->ann = shop_login(shop, 3, "ann");
    (void)shop_done(shop, cast->ann, XR_TYPE_be, &online);
    cast->session = shop_session(shop, cast->bridge, "buyer");
}

/* Say until there is no room. Returns the counter that was refused; it is not used up. */
static uint64_t fill_store(struct cast *cast)
{
    struct shop_seat *bridge = cast->bridge;
    const uint64_t errors = bridge->errors;
    while (bridge->errors == errors) {
        const uint64_t answered = bridge->answered;
        (void)shop_say(&cast->shop, bridge, cast->session,
                       (struct xr_str){cast->text, sizeof cast->text});
        shop_wait(&cast->shop, bridge, answered + 1);
    }
    assert_int_equal(bridge->last_code, XR_code_STORAGE);
    assert_int_equal(bridge->last_ref, bridge->counter);
    return bridge->counter--;
}

static bool is_read_only(const struct shop *shop, void *context)
{
    (void)context;
    return shop->is_read_only;
}

static bool is_writable(const struct shop *shop, void *context)
{
    (void)context;
    return !shop->is_read_only;
}

/* Events of that type that the log holds. */
static uint64_t count_logged(struct xr_store *store, enum xr_type type)
{
    struct xr_reader *reader = NULL;
    uint64_t first = 0;
    uint64_t last = 0;
    uint64_t count = 0;
    assert_int_equal(xr_reader_open(store, &reader), XR_OK);
    xr_reader_log_span(reader, &first, &last);
    for (uint64_t n = first; n <= last; n++) {
        struct xr_bin row = {0};
        struct xr_bin events = {0};
        struct xr_batch_head head = {0};
        struct xr_batch_event event = {0};
        assert_int_equal(xr_reader_log(reader, n, &row), XR_OK);
        assert_int_equal(xr_batch_open(row, &head, &events), XR_OK);
        for (uint32_t i = 0; i < head.events; i++) {
            assert_int_equal(xr_batch_next(&events, &event), XR_OK);
            count += event.type == type;
        }
    }
    xr_reader_close(reader);
    return count;
}

static void a_full_store_refuses_keeps_and_recovers(void **state)
{
    (void)state;
    struct cast cast = {0};
    struct shop *shop = &cast.shop;
    struct xr_reader *pin = NULL;
    struct xr_engine_figures figures;
    begin(&cast);
    assert_int_equal(xr_reader_open(shop->store, &pin), XR_OK);
    (void)fill_store(&cast);
    shop_wait_for(shop, is_read_only, NULL);
    xr_engine_figures(shop->engine, &figures);
    assert_true(figures.read_only);

    /* What the server has to say is kept; who asks for something is refused. */
    const struct xr_gone gone = {.device = cast.ann->device, .why = XR_gone_reason_CLOSED};
    const struct xr_asked asked = {.login = XR_STR("ann")};
    struct shop_seat *late = &shop->seats[4];
    late->origin = SHOP_SEATS * 900000 + 4;
    for (int i = 0; i < GONE; i++) /* more than one batch can hold */
        shop_tell(shop, cast.ann, XR_TYPE_gone, &gone);
    shop_tell(shop, late, XR_TYPE_asked, &asked);
    shop_wait(shop, late, 1);
    assert_int_equal(late->last_code, XR_code_STORAGE);
    assert_int_equal(late->verifies, 0);
    const uint64_t until_ns = xr_clock_mono_ns() + 3 * XR_RETRY_NS;
    while (xr_clock_mono_ns() < until_ns) /* some are tried, most are refused at once */
        (void)fill_store(&cast);
    assert_int_equal(count_logged(shop->store, XR_TYPE_gone), 0);

    /* Room comes back: the engine finds out by itself, and the same counter is taken. */
    xr_reader_close(pin);
    shop_wait_for(shop, is_writable, NULL);
    const uint64_t errors = cast.bridge->errors;
    const uint64_t answered = cast.bridge->answered;
    (void)shop_say(shop, cast.bridge, cast.session, XR_STR("again"));
    shop_wait(shop, cast.bridge, answered + 1);
    assert_int_equal(cast.bridge->errors, errors);
    xr_engine_figures(shop->engine, &figures);
    assert_false(figures.read_only);
    assert_int_equal(figures.queued, 0);
    assert_int_equal(count_logged(shop->store, XR_TYPE_gone), GONE);
    assert_int_equal(shop->read_only_turns % 2, 0);
    shop_close(shop);
}

static void a_store_full_for_good_serves_again_with_a_larger_map(void **state)
{
    (void)state;
    struct cast cast = {0};
    struct shop *shop = &cast.shop;
    uint32_t number = 0;
    begin(&cast);
    (void)fill_store(&cast);
    shop_wait_for(shop, is_read_only, NULL);
    /* Nothing is founded without room, and the name is free afterwards. */
    assert_int_equal(
        xr_engine_found(shop->engine, XR_STR("second"), XR_STR("boss"), XR_STR("h"), &number),
        XR_STORAGE);
    assert_int_equal(xr_engine_floor(shop->engine, XR_STR("second"), &number), XR_NONE);
    const uint64_t said = cast.bridge->last.number;
    shop_stop(shop);

    shop->map_bytes = 4 * MAP_BYTES;
    shop_start(shop);
    assert_int_equal(
        xr_engine_found(shop->engine, XR_STR("second"), XR_STR("boss"), XR_STR("h"), &number),
        XR_OK);
    assert_int_equal(number, 2);
    cast.bridge = shop_login(shop, 2, "bridge");
    const struct xr_say say = {.session = cast.session, .text = XR_STR("again")};
    assert_int_equal(shop_done(shop, cast.bridge, XR_TYPE_say, &say).number, said + 1);
    shop_close(shop);
}

static void stopping_while_read_only_answers_everybody(void **state)
{
    (void)state;
    struct cast cast = {0};
    struct shop *shop = &cast.shop;
    begin(&cast);
    (void)fill_store(&cast);
    shop_wait_for(shop, is_read_only, NULL);
    const uint64_t answered = cast.bridge->answered;
    for (int i = 0; i < 100; i++)
        (void)shop_say(shop, cast.bridge, cast.session, XR_STR("no room"));
    shop_stop(shop);
    assert_int_equal(cast.bridge->answered - answered, 100);
    assert_int_equal(cast.bridge->last_code, XR_code_STORAGE);
    shop_close(shop);
}

/* ---- a small file system ---- */

struct disk {
    char directory[64];
    char filler[80];
};

/* False: no mount namespace may be made here. */
static bool mount_disk(struct disk *disk)
{
    (void)snprintf(disk->directory, sizeof disk->directory, "/tmp/xr-disk-XXXXXX");
    assert_non_null(mkdtemp(disk->directory));
    (void)snprintf(disk->filler, sizeof disk->filler, "%s/filler", disk->directory);
    if (unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
        mount("none", disk->directory, "tmpfs", 0, "size=16m") == 0)
        return true;
    assert_int_equal(rmdir(disk->directory), 0);
    return false;
}

static void unmount_disk(const struct disk *disk)
{
    assert_int_equal(umount(disk->directory), 0);
    assert_int_equal(rmdir(disk->directory), 0);
}

/* Leave so much room. */
static void fill_disk(const struct disk *disk, uint64_t left)
{
    struct statvfs fs;
    assert_int_equal(statvfs(disk->directory, &fs), 0);
    const uint64_t size = (uint64_t)fs.f_bavail * fs.f_frsize;
    const int fd = open(disk->filler, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_true(size > left);
    assert_int_equal(posix_fallocate(fd, 0, (off_t)(size - left)), 0);
    assert_int_equal(close(fd), 0);
}

/* Say so much at once that a batch needs more than is left; all must be answered. */
static void flood(struct cast *cast, uint64_t count)
{
    const uint64_t answered = cast->bridge->answered;
    for (uint64_t i = 0; i < count; i++)
        (void)shop_say(&cast->shop, cast->bridge, cast->session,
                       (struct xr_str){cast->text, sizeof cast->text});
    shop_wait(&cast->shop, cast->bridge, answered + count);
}

static void a_commit_without_room_on_the_disk_is_survived(void **state)
{
    (void)state;
    struct disk disk;
    if (!mount_disk(&disk)) {
        print_message("skipped: no mount namespace may be made here\n");
        skip();
    }
    struct cast cast = {.shop.at = disk.directory,
                        .shop.map_bytes = UINT64_C(256) << 20,
                        .shop.reserve_bytes = 64 * 1024};
    begin(&cast);
    for (uint64_t left = 64; left < 1024; left += 256) {
        const uint64_t errors = cast.bridge->errors;
        fill_disk(&disk, left * 1024);
        flood(&cast, 300);
        assert_true(cast.bridge->errors > errors);
        shop_wait_for(&cast.shop, is_read_only, NULL);
        assert_int_equal(unlink(disk.filler), 0);
        shop_wait_for(&cast.shop, is_writable, NULL);
        /* A new device: the old one's counters have gaps where the flood was refused. */
        cast.bridge = shop_login(&cast.shop, 2, "bridge");
        const struct xr_say say = {.session = cast.session, .text = XR_STR("again")};
        (void)shop_done(&cast.shop, cast.bridge, XR_TYPE_say, &say);
    }
    shop_close(&cast.shop);
    unmount_disk(&disk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_store_refuses_keeps_and_recovers),
        cmocka_unit_test(a_store_full_for_good_serves_again_with_a_larger_map),
        cmocka_unit_test(stopping_while_read_only_answers_everybody),
        cmocka_unit_test(a_commit_without_room_on_the_disk_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
