/*
 * Aim: no step writes more than 256 rows, however many people and sessions it concerns; the rest is
 * done by ticks that follow, and nothing is forgotten. Method: a floor on a stage that counts what
 * each step writes; everybody is lost at once, a limit is raised over a long queue, an agent with
 * hundreds of idle sessions is signed off by force, half of it with the server started anew before
 * the rest.
 */
#include "floor/index.h"
#include "support/stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define WRITES_MAX 256
#define AGENTS     30
#define SESSIONS   400

static void name_agent(char name[24], int i)
{
    snprintf(name, 24, "agent%d", i);
}

static void open_many(struct stage *stage, uint32_t from, uint32_t count)
{
    for (uint32_t i = from; i < from + count; i++) {
        char buyer[16];
        snprintf(buyer, sizeof buyer, "b%u", (unsigned)i);
        struct xr_open open = {
            .channel = XR_STR("taobao"), .buyer = xr_str_of(buyer), .text = XR_STR("hello")};
        open.done = i > 0 ? i - 1 : 0; /* one answer each */
        stage_send(stage, "tao", XR_TYPE_open, &open, 0);
        assert_int_equal(stage->last_code, XR_code_NONE);
    }
}

static void set(struct stage *stage, const char *name, int64_t value)
{
    struct xr_setting_set setting = {.name = xr_str_of(name), .value = value};
    assert_int_equal(stage_send(stage, "olga", XR_TYPE_setting_set, &setting, 0), XR_code_NONE);
}

/* So that no pick is undone without its row being written: everything that a move can cost. */
static void note_all(struct stage *stage, uint32_t count)
{
    for (uint32_t i = 1; i <= count; i++) {
        struct xr_note_add note = {.customer = {i}, .text = XR_STR("a note")};
        assert_int_equal(stage_send(stage, "olga", XR_TYPE_note_add, &note, 0), XR_code_NONE);
    }
}

static void open_floor(struct stage *stage, int agents)
{
    char name[24];
    stage_open(stage);
    stage->check_each = false; /* the others do that */
    for (int i = 0; i < agents; i++) {
        name_agent(name, i);
        stage_agent(stage, name, NULL, 0);
    }
    stage_bridge(stage, "tao");
}

static uint32_t queued(const struct stage *stage)
{
    return stage->floor->queued;
}

static void close_floor(struct stage *stage, size_t writes_min)
{
    print_message("at most %zu writes in a step\n", stage->writes_max);
    assert_true(stage->writes_max <= WRITES_MAX);
    assert_true(stage->writes_max >= writes_min); /* a tick is worth while */
    assert_int_equal(xr_floor_check(stage->tables, true, NULL, NULL), 0);
    stage_close(stage);
}

static void everybody_is_lost_at_once(void **state)
{
    (void)state;
    struct stage stage;
    char name[24];
    open_floor(&stage, AGENTS);
    open_many(&stage, 0, AGENTS * 12);
    assert_int_equal(queued(&stage), 0);
    note_all(&stage, AGENTS * 12);
    for (int i = 0; i < AGENTS; i++) {
        name_agent(name, i);
        if (i % 2)
            stage_go(&stage, name, XR_gone_reason_SILENT);
    }
    stage_oversleep(&stage, 20000);
    assert_int_equal(queued(&stage), AGENTS / 2 * 12);
    close_floor(&stage, 64);
}

static void a_limit_is_raised_over_a_long_queue(void **state)
{
    (void)state;
    struct stage stage;
    open_floor(&stage, AGENTS);
    set(&stage, "limit_routed", 1);
    set(&stage, "limit_returning", 1);
    open_many(&stage, 0, SESSIONS);
    assert_int_equal(queued(&stage), SESSIONS - AGENTS);
    note_all(&stage, SESSIONS);
    set(&stage, "limit_routed", 12);
    assert_true(queued(&stage) > 0);
    stage_restart(&stage, 0); /* leaves everybody lost: nobody may get anything now */
    stage_wait(&stage, 0);
    for (int i = 0; i < AGENTS; i++) {
        char name[24];
        name_agent(name, i);
        stage_come(&stage, name);
    }
    assert_int_equal(queued(&stage), SESSIONS - AGENTS * 12);
    stage_come(&stage, "olga");
    stage_come(&stage, "tao");
    set(&stage, "limit_routed", 13);
    stage_wait(&stage, 0);
    assert_int_equal(queued(&stage), SESSIONS - AGENTS * 13);
    close_floor(&stage, 64);
}

static void say_all(struct stage *stage, uint32_t from, uint32_t count)
{
    for (uint32_t i = from; i < from + count; i++) {
        struct xr_say say = {.session = {i}, .text = XR_STR("yes?"), .done = i};
        assert_int_equal(stage_send(stage, "agent0", XR_TYPE_say, &say, 0), XR_code_NONE);
    }
}

static void an_agent_with_hundreds_of_idle_sessions_is_signed_off(void **state)
{
    (void)state;
    struct stage stage;
    struct xr_be be = {.state = XR_presence_OFFLINE, .force = true};
    open_floor(&stage, 1);
    set(&stage, "close_s", 0);
    set(&stage, "idle_s", 1);
    for (uint32_t n = 0; n < SESSIONS; n += 10) {
        open_many(&stage, n, 10);
        say_all(&stage, n + 1, 10);
        stage_wait(&stage, 1000);
    }
    note_all(&stage, SESSIONS);
    be.agent = stage_person(&stage, "agent0")->agent;
    assert_int_equal(stage_send(&stage, "olga", XR_TYPE_be, &be, 0), XR_code_NONE);
    assert_in_range(queued(&stage), 1, SESSIONS - 1);
    assert_int_equal(xr_floor_check(stage.tables, true, NULL, NULL), 0);
    stage_restart(&stage, 0);
    stage_wait(&stage, 0);
    assert_int_equal(queued(&stage), SESSIONS);
    close_floor(&stage, 24);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everybody_is_lost_at_once),
        cmocka_unit_test(a_limit_is_raised_over_a_long_queue),
        cmocka_unit_test(an_agent_with_hundreds_of_idle_sessions_is_signed_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
