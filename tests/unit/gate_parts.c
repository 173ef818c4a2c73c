/*
 * Aim: the small parts of the gate hold what their headers say. Method: each against a slow and
 * simple model, or at its bounds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "gate/map.h"
#include "gate/pool.h"
#include "gate/rate.h"
#include "gate/tail.h"

static uint64_t seed = 20260201;

static uint64_t draw(uint64_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed % below;
}

/* ---- map ---------------------------------------------------------------------------------------
 */

#define KEYS 500

/* Keys that are dense, as origins are, and sparse, as devices are. */
static void a_map_is_what_an_array_is(void **state)
{
    (void)state;
    struct xr_map map = {0};
    static char things[KEYS];
    uint64_t keys[KEYS];
    void *model[KEYS] = {NULL};
    size_t count = 0;
    for (size_t i = 0; i < KEYS; i++)
        keys[i] = i % 2 ? i + 1 : (i + 1) * UINT64_C(0x100000001);
    for (int round = 0; round < 100000; round++) {
        const size_t i = (size_t)draw(KEYS);
        if (draw(2)) {
            count += model[i] == NULL;
            model[i] = &things[draw(KEYS)];
            assert_int_equal(xr_map_put(&map, keys[i], model[i]), XR_OK);
        } else {
            count -= model[i] != NULL;
            model[i] = NULL;
            xr_map_remove(&map, keys[i]);
        }
        assert_int_equal(map.count, count);
        const size_t other = (size_t)draw(KEYS);
        assert_ptr_equal(xr_map_get(&map, keys[other]), model[other]);
    }
    for (size_t i = 0; i < KEYS; i++)
        assert_ptr_equal(xr_map_get(&map, keys[i]), model[i]);
    assert_null(xr_map_get(&map, 999999999));
    xr_map_fini(&map);
}

static void a_map_without_memory_stays_as_it_was(void **state)
{
    (void)state;
    struct xr_map map = {0};
    static char thing;
    uint64_t key = 1;
    assert_int_equal(xr_map_put(&map, key, &thing), XR_OK);
    xr_mem_arm(1, true);
    while (xr_map_put(&map, key, &thing) == XR_OK)
        key++;
    xr_mem_arm(0, false);
    assert_true(key > 2);
    assert_int_equal(map.count, key - 1);
    assert_ptr_equal(xr_map_get(&map, key - 1), &thing);
    assert_null(xr_map_get(&map, key));
    xr_map_fini(&map);
}

/* ---- tail --------------------------------------------------------------------------------------
 */

static struct xr_bin row_of(uint64_t seq, uint8_t *room, size_t max)
{
    const size_t size = 1 + (size_t)(seq * 7919 % max);
    memset(room, (int)(seq % 251), size);
    return (struct xr_bin){room, (uint32_t)size};
}

static void a_tail_has_the_newest_rows_whole(void **state)
{
    (void)state;
    struct xr_tail tail;
    uint8_t wanted[512];
    assert_int_equal(xr_tail_init(&tail, 4096), XR_OK);
    for (uint64_t seq = 1; seq <= 5000; seq++) {
        xr_tail_add(&tail, seq, row_of(seq, wanted, sizeof(wanted)));
        struct xr_bin row;
        assert_true(xr_tail_get(&tail, seq, &row));
        assert_false(xr_tail_get(&tail, seq + 1, &row));
        for (uint64_t back = seq; xr_tail_get(&tail, back, &row); back--) {
            assert_true(xr_bin_equal(row, row_of(back, wanted, sizeof(wanted))));
            assert_true(back >= tail.first);
        }
        assert_int_equal(tail.first + tail.count, seq + 1);
    }
    assert_true(tail.count > 5);
    xr_tail_fini(&tail);
}

static void a_tail_begins_anew_behind_a_gap_and_skips_what_is_too_large(void **state)
{
    (void)state;
    struct xr_tail tail;
    struct xr_bin row;
    uint8_t bytes[600] = {1};
    assert_int_equal(xr_tail_init(&tail, 500), XR_OK);
    xr_tail_add(&tail, 7, (struct xr_bin){bytes, 10});
    xr_tail_add(&tail, 9, (struct xr_bin){bytes, 10});
    assert_false(xr_tail_get(&tail, 7, &row));
    assert_true(xr_tail_get(&tail, 9, &row));
    xr_tail_add(&tail, 10, (struct xr_bin){bytes, 600});
    assert_false(xr_tail_get(&tail, 9, &row));
    assert_false(xr_tail_get(&tail, 10, &row));
    xr_tail_add(&tail, 11, (struct xr_bin){bytes, 500});
    assert_true(xr_tail_get(&tail, 11, &row));
    xr_tail_fini(&tail);
}

/* ---- rates -------------------------------------------------------------------------------------
 */

static void a_rate_lets_a_second_through_and_then_its_pace(void **state)
{
    (void)state;
    struct xr_rate rate = {0};
    uint64_t now_ms = 1000000;
    for (int i = 0; i < 200; i++)
        assert_int_equal(xr_rate_take(&rate, now_ms, 200), 0);
    assert_int_equal(xr_rate_take(&rate, now_ms, 200), 5);
    for (int i = 0; i < 1000; i++) {
        now_ms += 5;
        assert_int_equal(xr_rate_take(&rate, now_ms, 200), 0);
        assert_true(xr_rate_take(&rate, now_ms, 200) > 0);
    }
    /* after exactly as long as it says, it lets one through */
    const uint64_t ms = xr_rate_take(&rate, now_ms, 3);
    (void)xr_rate_take(&rate, now_ms, 3);
    assert_int_equal(xr_rate_take(&rate, now_ms + ms, 3), 0);
}

static void five_failures_a_minute_and_then_one_in_twelve_seconds(void **state)
{
    (void)state;
    struct xr_tries *tries = xr_tries_new(5);
    const struct xr_bin key = {(const uint8_t *)"li", 2};
    const struct xr_bin other = {(const uint8_t *)"wang", 4};
    uint64_t now_ms = 5000000;
    for (int i = 0; i < 5; i++) {
        assert_int_equal(xr_tries_begin(tries, now_ms, key), 0);
        xr_tries_end(tries, now_ms, key, true);
    }
    assert_int_equal(xr_tries_begin(tries, now_ms, key), 12000);
    assert_int_equal(xr_tries_begin(tries, now_ms, other), 0);
    now_ms += 12000;
    assert_int_equal(xr_tries_begin(tries, now_ms, key), 0);
    xr_tries_end(tries, now_ms, key, true);
    assert_true(xr_tries_begin(tries, now_ms, key) > 0);
    xr_tries_free(tries);
}

static void success_costs_nothing_and_tries_under_way_hold_their_place(void **state)
{
    (void)state;
    struct xr_tries *tries = xr_tries_new(5);
    const struct xr_bin key = {(const uint8_t *)"li", 2};
    const uint64_t now_ms = 5000000;
    for (int i = 0; i < 100; i++) {
        assert_int_equal(xr_tries_begin(tries, now_ms, key), 0);
        xr_tries_end(tries, now_ms, key, false);
    }
    for (int i = 0; i < 5; i++)
        assert_int_equal(xr_tries_begin(tries, now_ms, key), 0);
    const uint64_t ms = xr_tries_begin(tries, now_ms, key);
    assert_true(ms > 0);
    assert_true(ms < 1000); /* they will be through soon */
    xr_tries_end(tries, now_ms, key, false);
    assert_int_equal(xr_tries_begin(tries, now_ms, key), 0);
    xr_tries_free(tries);
}

/* Many keys: the space is fixed, and one who has failed is not forgotten for those who have not. */
static void a_flood_of_keys_does_not_wash_away_who_has_failed(void **state)
{
    (void)state;
    struct xr_tries *tries = xr_tries_new(5);
    const struct xr_bin key = {(const uint8_t *)"li", 2};
    const uint64_t now_ms = 5000000;
    for (int i = 0; i < 5; i++) {
        assert_int_equal(xr_tries_begin(tries, now_ms, key), 0);
        xr_tries_end(tries, now_ms, key, true);
    }
    for (uint32_t i = 0; i < 100000; i++) {
        const struct xr_bin many = {(const uint8_t *)&i, sizeof(i)};
        (void)xr_tries_begin(tries, now_ms, many);
        xr_tries_end(tries, now_ms, many, false);
    }
    assert_true(xr_tries_begin(tries, now_ms, key) > 0);
    xr_tries_free(tries);
}

/* ---- pool --------------------------------------------------------------------------------------
 */

struct task {
    struct xr_job job;
    uv_sem_t *gate; /* waited for, where it is there */
    atomic_int *worked;
    int *done;
    int *dropped;
};

static void work(struct xr_job *job)
{
    struct task *task = (struct task *)job;
    if (task->gate)
        uv_sem_wait(task->gate);
    atomic_fetch_add(task->worked, 1);
}

static void done(struct xr_job *job)
{
    struct task *task = (struct task *)job;
    if (job->is_dropped)
        (*task->dropped)++;
    else
        (*task->done)++;
    free(task);
}

static struct task *make_task(uv_sem_t *gate, atomic_int *worked, int *dones, int *dropped)
{
    struct task *task = calloc(1, sizeof(*task));
    *task = (struct task){.job = {.work = work, .done = done},
                          .gate = gate,
                          .worked = worked,
                          .done = dones,
                          .dropped = dropped};
    return task;
}

static void a_pool_works_on_all_and_says_when_it_is_full(void **state)
{
    (void)state;
    uv_loop_t loop;
    uv_sem_t gate;
    struct xr_pool *pool;
    atomic_int worked = 0;
    int dones = 0;
    int dropped = 0;
    int taken = 0;
    uv_loop_init(&loop);
    uv_sem_init(&gate, 0);
    assert_int_equal(xr_pool_start(&loop, 2, 4, &pool), XR_OK);
    struct task *refused = NULL;
    while (!refused) {
        struct task *task = make_task(&gate, &worked, &dones, &dropped);
        if (xr_pool_submit(pool, &task->job) == XR_OK)
            taken++;
        else
            refused = task;
    }
    free(refused);
    assert_true(taken >= 4);
    assert_true(taken <= 6);
    for (int i = 0; i < taken; i++)
        uv_sem_post(&gate);
    while (dones < taken)
        uv_run(&loop, UV_RUN_ONCE);
    assert_int_equal(atomic_load(&worked), taken);
    xr_pool_stop(pool);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    uv_sem_destroy(&gate);
}

static void a_stopped_pool_drops_what_waits_and_tells(void **state)
{
    (void)state;
    uv_loop_t loop;
    uv_sem_t gate;
    struct xr_pool *pool;
    atomic_int worked = 0;
    int dones = 0;
    int dropped = 0;
    uv_loop_init(&loop);
    uv_sem_init(&gate, 0);
    assert_int_equal(xr_pool_start(&loop, 1, 100, &pool), XR_OK);
    for (int i = 0; i < 50; i++) {
        struct task *task = make_task(&gate, &worked, &dones, &dropped);
        assert_int_equal(xr_pool_submit(pool, &task->job), XR_OK);
    }
    for (int i = 0; i < 50; i++)
        uv_sem_post(&gate);
    xr_pool_stop(pool);
    assert_int_equal(dones + dropped, 50);
    assert_int_equal(dones, atomic_load(&worked));
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    uv_sem_destroy(&gate);
    xr_pool_stop(NULL);
}

int main(void)
{
    const struct CMUnitTest claims[] = {
        cmocka_unit_test(a_map_is_what_an_array_is),
        cmocka_unit_test(a_map_without_memory_stays_as_it_was),
        cmocka_unit_test(a_tail_has_the_newest_rows_whole),
        cmocka_unit_test(a_tail_begins_anew_behind_a_gap_and_skips_what_is_too_large),
        cmocka_unit_test(a_rate_lets_a_second_through_and_then_its_pace),
        cmocka_unit_test(five_failures_a_minute_and_then_one_in_twelve_seconds),
        cmocka_unit_test(success_costs_nothing_and_tries_under_way_hold_their_place),
        cmocka_unit_test(a_flood_of_keys_does_not_wash_away_who_has_failed),
        cmocka_unit_test(a_pool_works_on_all_and_says_when_it_is_full),
        cmocka_unit_test(a_stopped_pool_drops_what_waits_and_tells),
    };
    if (sodium_init() < 0)
        return 1;
    return cmocka_run_group_tests(claims, NULL, NULL);
}
