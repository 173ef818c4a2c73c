/*
 * Aim: a store that an older version wrote is read by this one: opened, whole, with the same rows
 * in it, and served on. Method: tests/vectors/store-v1 holds a small shop as the first version
 * wrote it (tests/vectors/store.c made it), with the digests of its floors.
 */
#include "engine/verify.h"
#include "store/table.h"
#include "support/dump.h"
#include "support/shop.h"

#include <inttypes.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define FLOORS      2
#define TABLES_OF_1 20 /* of version 1: numbers up to this one */

struct recorded {
    uint64_t batch_no;
    uint8_t digests[FLOORS + 1][32]; /* by number */
};

struct scene {
    struct shop shop;
    struct recorded recorded;
    struct xr_store *store;
    struct xr_reader *reader;
};

static void read_recorded(struct recorded *recorded)
{
    FILE *in = fopen(XR_TESTS_DIR "/vectors/store-v1/digests", "r");
    assert_non_null(in);
    assert_int_equal(fscanf(in, "batch %" SCNu64, &recorded->batch_no), 1);
    for (unsigned i = 1; i <= FLOORS; i++) {
        unsigned floor;
        char hex[65];
        assert_int_equal(fscanf(in, " floor %u %64s", &floor, hex), 2);
        assert_int_equal(floor, i);
        assert_int_equal(
            sodium_hex2bin(recorded->digests[i], 32, hex, strlen(hex), NULL, NULL, NULL), 0);
    }
    (void)fclose(in);
}

static int open_scene(void **state)
{
    static struct scene scene;
    const struct xr_store_options options = {.directory = scene.shop.directory, .read_only = true};
    memset(&scene, 0, sizeof scene);
    shop_open(&scene.shop);
    dump_load(XR_TESTS_DIR "/vectors/store-v1/store.dump", scene.shop.directory);
    read_recorded(&scene.recorded);
    assert_int_equal(xr_store_open(&options, &scene.store), XR_OK);
    assert_int_equal(xr_reader_open(scene.store, &scene.reader), XR_OK);
    *state = &scene;
    return 0;
}

static void close_store(struct scene *scene)
{
    xr_reader_close(XR_MOVE(scene->reader));
    xr_store_close(XR_MOVE(scene->store));
}

static int close_scene(void **state)
{
    struct scene *scene = *state;
    close_store(scene);
    shop_close(&scene->shop);
    return 0;
}

static void expect_recorded(const struct scene *scene, uint32_t floor, struct xr_tables *tables)
{
    uint8_t digest[32];
    xr_tables_digest(tables, digest);
    assert_memory_equal(digest, scene->recorded.digests[floor], sizeof digest);
}

static size_t copy_rows(struct xr_tables *from, struct xr_tables *to, enum xr_table table)
{
    struct xr_scan scan;
    struct xr_bin key;
    struct xr_bin value;
    size_t count = 0;
    xr_tables_scan_open(from, table, (struct xr_bin){0}, false, &scan);
    for (; xr_tables_scan_next(from, &scan, &key, &value); count++) {
        if (xr_table_info(table)->is_append)
            xr_tables_append(to, table, key, value);
        else
            xr_tables_put(to, table, key, value);
    }
    xr_tables_scan_close(from, &scan);
    return count;
}

static void print_broken_rule(void *context, const char *invariant, const char *text)
{
    (void)context;
    print_error("%s: %s\n", invariant, text);
}

/* ---- ---------------------------------------------------------------------------------------- */

static void version_1_has_the_rows_that_were_written(void **state)
{
    struct scene *scene = *state;
    uint32_t floors[FLOORS + 1] = {0};
    assert_int_equal(xr_reader_floors(scene->reader, floors, FLOORS + 1), FLOORS);
    for (size_t i = 0; i < FLOORS; i++)
        expect_recorded(scene, floors[i], xr_reader_tables(scene->reader, floors[i]));
}

static void version_1_reads_alike_in_memory(void **state)
{
    struct scene *scene = *state;
    struct xr_tables *memory = xr_memory_tables_new();
    for (enum xr_table table = XR_TABLE_floor; table <= TABLES_OF_1; table++)
        if (copy_rows(xr_reader_tables(scene->reader, 1), memory, table) == 0)
            fail_msg("the fixture has no row of table %s", xr_table_info(table)->name);
    expect_recorded(scene, 1, memory);
    assert_int_equal(xr_floor_check(memory, true, print_broken_rule, NULL), 0);
    xr_memory_tables_free(memory);
}

static void version_1_breaks_no_rule(void **state)
{
    struct scene *scene = *state;
    struct xr_meta meta;
    uint64_t broken;
    for (uint32_t floor = 1; floor <= FLOORS; floor++)
        assert_int_equal(
            xr_floor_check(xr_reader_tables(scene->reader, floor), true, print_broken_rule, NULL),
            0);
    assert_int_equal(xr_engine_verify(scene->reader, true, &meta, &broken), XR_OK);
    assert_int_equal(meta.batch_no, scene->recorded.batch_no);
    assert_true(meta.log_first > 1 && meta.log_first < meta.batch_no);
}

static void version_1_is_served_on(void **state)
{
    struct scene *scene = *state;
    struct shop *shop = &scene->shop;
    close_store(scene);
    shop->on_outcome = shop_expect_index;
    shop_start(shop);
    assert_int_equal(shop->floor, 1);
    struct shop_seat *bridge = shop_login(shop, 2, "bridge");

    const struct xr_say say = {.session = shop_session(shop, bridge, "buyer-0"),
                               .text = XR_STR("还在吗？")};
    assert_true(shop_done(shop, bridge, XR_TYPE_say, &say).number >= 1);
    const struct xr_say more = {.session = {2}, .text = XR_STR("还在吗？")};
    assert_int_equal(shop_done(shop, bridge, XR_TYPE_say, &more).number, 3);
    assert_true(shop->last_batch > scene->recorded.batch_no);
}

#define SCENE(name) cmocka_unit_test_setup_teardown(name, open_scene, close_scene)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE(version_1_has_the_rows_that_were_written),
        SCENE(version_1_reads_alike_in_memory),
        SCENE(version_1_breaks_no_rule),
        SCENE(version_1_is_served_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
