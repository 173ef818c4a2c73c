/*
 * Aim: whatever accounts send, in whatever order, a floor stays whole, and what it does follows
 * from its tables and events alone. Method: from a seed, people of every role send every command,
 * with valid and invalid arguments, at every state; connections close and fall silent, deadlines
 * come on time and late, the server restarts. After each event the stage walks the tables, compares
 * the index with one that was loaded afresh, and what it did with what such a one does; here it is
 * asked too whether somebody is free while somebody waits, and how much a step has written. Some
 * events are tried first where there is no room for their first write, their second, and so on.
 *
 *     test_scenario_anything                  SEEDS seeds
 *     test_scenario_anything FIRST COUNT      others, for a longer run
 */
#include "floor/index.h"
#include "support/stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define SEEDS      25
#define TURNS      300
#define WRITES_MAX 256 /* of one step */
#define SESSIONS   400
#define BUYERS     8

/* Names are devices: the second word is the account. */
static const char *const people[][2] = {
    {"olga", "olga"}, {"sue", "sue"}, {"ann", "ann"},  {"ann2", "ann"}, {"bob", "bob"},
    {"bob2", "bob"},  {"cai", "cai"}, {"dan", "dan"},  {"eve", "eve"},  {"tao", "tao"},
    {"tao2", "tao"},  {"tma", "tma"}, {"sue2", "sue"},
};
#define PEOPLE (sizeof people / sizeof people[0])

struct world {
    struct stage stage;
    uint64_t draw;
    uint64_t sessions;
    uint64_t origins[PEOPLE]; /* as the floor knew them before the last event */
};

/* ---- drawing ---- */

static uint32_t draw(struct world *w, uint32_t below)
{
    w->draw ^= w->draw << 13;
    w->draw ^= w->draw >> 7;
    w->draw ^= w->draw << 17;
    return (uint32_t)((w->draw * UINT64_C(2685821657736338717) >> 33) % below);
}

static bool chance(struct world *w, uint32_t of)
{
    return draw(w, of) == 0;
}

#define DRAW(w, list) ((list)[draw(w, sizeof(list) / sizeof((list)[0]))])

static struct xr_session_id draw_session(struct world *w)
{
    const uint32_t latest = (uint32_t)(w->sessions < 12 ? w->sessions : 12);
    if (chance(w, 20))
        return (struct xr_session_id){w->sessions + 1 + draw(w, 3)};
    if (chance(w, 4) || latest == 0)
        return (struct xr_session_id){1 + draw(w, (uint32_t)w->sessions + 1)};
    return (struct xr_session_id){w->sessions - draw(w, latest)};
}

static struct xr_agent_id draw_agent(struct world *w)
{
    return (struct xr_agent_id){1 + draw(w, chance(w, 12) ? 40 : 8)};
}

static struct xr_customer_id draw_customer(struct world *w)
{
    return (struct xr_customer_id){1 + draw(w, 2 * BUYERS + 1)};
}

static struct xr_group_id draw_group(struct world *w)
{
    return (struct xr_group_id){1 + draw(w, 4)};
}

static const char *draw_name(struct world *w)
{
    return people[draw(w, PEOPLE)][0];
}

/* ---- sending ---- */

/* With the next counter; now and then with an earlier or a later one. `message` begins with `has`
 * and `done`. */
static void send(struct world *w, const char *name, enum xr_type type, void *message)
{
    struct stage_person *person = stage_person(&w->stage, name);
    struct xr_leave *any = message;
    uint64_t counter = person->counter + 1;
    if (person->device.n == 0)
        return;
    if (chance(w, 25))
        counter = counter > 3 ? counter - draw(w, 3) : counter;
    else if (chance(w, 40))
        counter += 1 + draw(w, 2);
    if (chance(w, 3))
        any->done = draw(w, (uint32_t)person->counter + 3);
    const uint64_t next = person->counter + 1;
    const enum xr_code code = stage_send(&w->stage, name, type, message, counter);
    if (code == XR_code_UNKNOWN_DEVICE || code == XR_code_HELLO_NEEDED)
        return;
    assert_true(counter <= next || code == XR_code_GAP);
    if (counter == next)
        person->counter = next;
    if (stage_person(&w->stage, name)->device.n != 0 && w->stage.last_session > w->sessions)
        w->sessions = w->stage.last_session;
}

/* Mostly its owner, so that there is something to do. */
static const char *draw_owner(struct world *w, struct xr_session_id id)
{
    const struct xr_session_node *session = xr_index_session(w->stage.floor, id.n);
    if (session == NULL || chance(w, 5))
        return draw_name(w);
    for (size_t i = 0; i < PEOPLE; i++)
        if (stage_person(&w->stage, people[i][0])->agent.n == session->hot.agent.n && draw(w, 2))
            return people[i][0];
    return draw_name(w);
}

static const char *draw_bridge(struct world *w)
{
    static const char *const bridges[] = {"tao", "tao", "tao2", "tma"};
    return chance(w, 20) ? draw_name(w) : DRAW(w, bridges);
}

static const char *draw_leader(struct world *w)
{
    static const char *const leaders[] = {"olga", "olga", "sue", "sue2"};
    return chance(w, 10) ? draw_name(w) : DRAW(w, leaders);
}

/* ---- acting ---- */

static void act_open(struct world *w)
{
    static const char *const groups[] = {"", "default", "g2", "g3", "nowhere"};
    char buyer[8];
    const char *name = draw_bridge(w);
    snprintf(buyer, sizeof buyer, "b%u", draw(w, BUYERS));
    struct xr_open open = {
        .channel = xr_str_of(chance(w, 10) ? "tma" : "tao"),
        .buyer = xr_str_of(buyer),
        .group = xr_str_of(DRAW(w, groups)),
        .klass = (enum xr_queue_class)draw(w, 6),
        .text = xr_str_of(draw(w, 2) ? "hello" : ""),
    };
    if (w->sessions + 1 < SESSIONS)
        send(w, name, XR_TYPE_open, &open);
}

static void act_say(struct world *w)
{
    struct xr_say say = {
        .session = draw_session(w),
        .text = XR_STR("words"),
        .kind = (enum xr_message_kind)draw(w, 6),
    };
    if (chance(w, 2)) {
        say.has = UINT64_C(1) << 5;
        say.seen = draw(w, 6);
    }
    send(w, draw(w, 2) ? draw_bridge(w) : draw_owner(w, say.session), XR_TYPE_say, &say);
}

static void act_close(struct world *w)
{
    struct xr_close close = {.session = draw_session(w),
                             .reason = (enum xr_close_reason)draw(w, 8)};
    struct xr_leave leave = {.session = close.session};
    if (draw(w, 2))
        send(w, draw_owner(w, close.session), XR_TYPE_close, &close);
    else
        send(w, draw_bridge(w), XR_TYPE_leave, &leave);
}

static void act_transfer(struct world *w)
{
    struct xr_transfer transfer = {.session = draw_session(w), .note = XR_STR("please")};
    const uint32_t which = draw(w, 10);
    if (which < 5 || which == 9)
        transfer.agent = draw_agent(w);
    if (which >= 5)
        transfer.group = draw_group(w);
    send(w, draw_owner(w, transfer.session), XR_TYPE_transfer, &transfer);
}

static void act_assign(struct world *w)
{
    struct xr_assign assign = {.session = draw_session(w), .agent = draw_agent(w)};
    send(w, draw_leader(w), XR_TYPE_assign, &assign);
}

static void act_be(struct world *w)
{
    struct xr_be be = {
        .state = chance(w, 2) ? XR_presence_ONLINE : (enum xr_presence)(1 + draw(w, 5)),
        .reason = (enum xr_pause_reason)draw(w, 5),
        .force = chance(w, 4),
    };
    if (chance(w, 4))
        be.agent = draw_agent(w);
    send(w, be.agent.n != 0 ? draw_leader(w) : draw_name(w), XR_TYPE_be, &be);
}

static void act_note(struct world *w)
{
    struct xr_note_add add = {
        .customer = draw_customer(w), .text = XR_STR("a note"), .pinned = chance(w, 3)};
    struct xr_note_edit edit = {.customer = add.customer,
                                .note = 1 + draw(w, 3),
                                .revision = 1 + draw(w, 3),
                                .text = XR_STR("a better note")};
    if (draw(w, 2))
        send(w, draw_name(w), XR_TYPE_note_add, &add);
    else
        send(w, draw_name(w), XR_TYPE_note_edit, &edit);
}

static void act_customer(struct world *w)
{
    const struct xr_str names[] = {XR_STR("red"), XR_STR("blue"), XR_STR("green")};
    const struct xr_tag tag = {.name = DRAW(w, names), .colour = draw(w, 255)};
    struct xr_customer_set set = {
        .customer = draw_customer(w),
        .has = (uint64_t)draw(w, 256),
        .nick = XR_STR("nick"),
        .level = draw(w, 10),
        .language = XR_STR("zh"),
        .flag = draw(w, 6),
        .tags_add = {&tag, draw(w, 2)},
        .tags_remove = {names, draw(w, 3)},
    };
    send(w, draw_name(w), XR_TYPE_customer_set, &set);
}

static void act_account(struct world *w)
{
    uint32_t groups[3];
    char login[8];
    struct xr_account_set set = {.groups = {groups, draw(w, 3)}};
    for (uint32_t i = 0; i < 3; i++)
        groups[i] = draw_group(w).n;
    snprintf(login, sizeof login, "n%u", draw(w, 6));
    if (chance(w, 8)) { /* a new one */
        set.login = xr_str_of(chance(w, 3) ? "ann" : login);
        set.role = (enum xr_role)draw(w, 5);
        set.hash = XR_STR("hash");
    } else {
        set.agent = draw_agent(w);
    }
    if (draw(w, 2))
        set.has |= UINT64_C(1) << 9;
    if (chance(w, 3)) {
        set.has |= UINT64_C(3) << 7;
        set.weight = DRAW(w, ((const uint32_t[]){0, 1, 50, 100}));
        set.limit = DRAW(w, ((const uint32_t[]){0, 1, 3, 30}));
    }
    if (chance(w, 6)) {
        set.has |= UINT64_C(1) << 10;
        set.state = chance(w, 25) ? XR_account_state_LEFT : (enum xr_account_state)(1 + draw(w, 2));
    }
    if (chance(w, 10))
        set.role = (enum xr_role)(1 + draw(w, 4));
    send(w, draw_leader(w), XR_TYPE_account_set, &set);
}

/* Who was locked comes back, now and then: else the floor would die out. */
static void act_unlock(struct world *w)
{
    struct xr_account_set set = {
        .agent = draw_agent(w), .has = UINT64_C(1) << 10, .state = XR_account_state_ACTIVE};
    send(w, draw_leader(w), XR_TYPE_account_set, &set);
}

static void act_group(struct world *w)
{
    static const char *const names[] = {"default", "g2", "g3", "g4", "g5"};
    struct xr_group_set set = {.name = xr_str_of(DRAW(w, names)), .title = XR_STR("title")};
    if (draw(w, 2))
        set.group.n = 1 + draw(w, 5);
    send(w, draw_leader(w), XR_TYPE_group_set, &set);
}

static void act_setting(struct world *w)
{
    const struct xr_setting *setting = &xr_settings[draw(w, (uint32_t)xr_settings_count)];
    const int64_t small[] = {setting->min, setting->min + 1, setting->min + 2, setting->standard,
                             setting->max, setting->max + 1, setting->min - 1};
    struct xr_setting_set set = {.name = xr_str_of(setting->name), .value = DRAW(w, small)};
    if (chance(w, 20))
        set.name = XR_STR("nothing");
    send(w, draw_leader(w), XR_TYPE_setting_set, &set);
}

static void act_revoke(struct world *w)
{
    struct xr_revoke revoke = {.device = chance(w, 8)
                                             ? (struct xr_device_id){draw(w, 1000)}
                                             : stage_person(&w->stage, draw_name(w))->device};
    if (revoke.device.n != 0)
        send(w, draw_name(w), XR_TYPE_revoke, &revoke);
}

/* Connections: whoever has none comes, or the other way round. */
static void act_connection(struct world *w)
{
    const size_t who = draw(w, PEOPLE);
    const char *name = people[who][0];
    struct stage_person *person = stage_person(&w->stage, name);
    if (person->origin != 0 && draw(w, 2)) {
        stage_go(&w->stage, name, (enum xr_gone_reason)(1 + draw(w, 3)));
        return;
    }
    stage_join(&w->stage, name, people[who][1]);
    if (w->stage.last_code == XR_code_UNKNOWN_DEVICE) { /* revoked, or it made room */
        person->device.n = 0;
        person->counter = 0;
    }
}

static void act_log_in(struct world *w)
{
    const uint8_t hash[XR_HASH_BYTES] = {1};
    struct xr_asked asked = {.login = xr_str_of(chance(w, 3) ? "nobody" : "ann")};
    struct xr_proved wrong = {
        .login = XR_STR("ann"), .token_hash = {hash, sizeof hash}, .device = {77}};
    struct xr_founded again = {
        .name = XR_STR("other"), .login = XR_STR("thief"), .hash = XR_STR("hash")};
    stage_event(&w->stage, XR_TYPE_asked, &asked);
    stage_event(&w->stage, XR_TYPE_proved, &wrong);
    stage_event(&w->stage, XR_TYPE_founded, &again);
}

static void act_wait(struct world *w)
{
    static const int64_t spans[] = {1, 1000, 5000, 20000, 20000, 60000, 600000, 1900000};
    if (chance(w, 3))
        stage_oversleep(&w->stage, DRAW(w, spans));
    else
        stage_wait(&w->stage, DRAW(w, spans));
}

static void act_restart(struct world *w)
{
    if (!chance(w, 4))
        return;
    stage_restart(&w->stage, draw(w, 100000));
    memset(w->origins, 0, sizeof w->origins);
}

static void act(struct world *w)
{
    static void (*const acts[])(struct world *) = {
        act_open,    act_open,   act_open,       act_open,       act_open,       act_say,
        act_say,     act_say,    act_say,        act_say,        act_say,        act_close,
        act_close,   act_close,  act_transfer,   act_transfer,   act_assign,     act_be,
        act_be,      act_be,     act_note,       act_customer,   act_account,    act_account,
        act_unlock,  act_unlock, act_group,      act_setting,    act_setting,    act_revoke,
        act_wait,    act_wait,   act_connection, act_connection, act_connection, act_connection,
        act_restart, act_log_in,
    };
    DRAW(w, acts)(w);
}

/* A connection that the floor has told to close does close, sooner or later. */
static void close_detached(struct world *w)
{
    for (size_t i = 0; i < PEOPLE; i++) {
        struct stage_person *person = stage_person(&w->stage, people[i][0]);
        if (person->origin == 0 && w->origins[i] != 0 && draw(w, 2)) {
            person->origin = w->origins[i];
            stage_go(&w->stage, people[i][0], XR_gone_reason_CLOSED);
        }
        if (person->origin != 0 || draw(w, 4) == 0)
            w->origins[i] = person->origin;
    }
}

/* ---- judging ---- */

static bool is_free(const struct world *w, const struct xr_agent_node *agent)
{
    return xr_presence_available(agent) && agent->weight > 0 &&
           agent->hot.active < xr_queue_limit(w->stage.floor, agent, false);
}

/* A session that waits for nobody in particular waits only while nobody of its group is free. */
static void judge_queue(const struct world *w, const struct xr_session_node *session)
{
    const struct xr_group_node *group = xr_index_group(w->stage.floor, session->hot.group.n);
    if (session->hot.wanted.n != 0)
        return;
    for (size_t m = 0; m < group->member_count; m++) {
        const struct xr_agent_node *agent = xr_index_agent(w->stage.floor, group->members[m]);
        if (!is_free(w, agent))
            continue;
        print_message("after:\n%.*s\n", (int)w->stage.log.size, (const char *)w->stage.log.at);
        fail_msg("session %llu waits while agent %u is free",
                 (unsigned long long)session->hot.session.n, agent->hot.agent.n);
    }
}

static void judge(const struct world *w)
{
    const struct xr_floor *floor = w->stage.floor;
    assert_true(w->stage.writes_max <= WRITES_MAX);
    if (xr_floor_deadline(floor) <= w->stage.floor_ms)
        return; /* more to do at once */
    for (uint64_t id = 1; id <= w->sessions; id++) {
        const struct xr_session_node *session = xr_index_session(floor, id);
        if (session != NULL && session->queued)
            judge_queue(w, session);
    }
}

/* ---- the test ---- */

static void found(struct world *w)
{
    struct stage *stage = &w->stage;
    struct xr_account_set sue = {.login = XR_STR("sue"),
                                 .name = XR_STR("sue"),
                                 .role = XR_role_SUPERVISOR,
                                 .hash = XR_STR("hash")};
    struct xr_group_set group = {.name = XR_STR("g2")};
    static const uint32_t both[] = {1, 2};
    stage_open(stage);
    stage_come(stage, "olga");
    stage_send(stage, "olga", XR_TYPE_group_set, &group, 0);
    group.name = XR_STR("g3");
    stage_send(stage, "olga", XR_TYPE_group_set, &group, 0);
    stage_send(stage, "olga", XR_TYPE_account_set, &sue, 0);
    stage_agent(stage, "ann", both, 2);
    stage_agent(stage, "bob", both, 1);
    stage_agent(stage, "cai", both + 1, 1);
    stage_agent(stage, "dan", both, 2);
    stage_agent(stage, "eve", NULL, 0);
    stage_bridge(stage, "tao");
    stage_bridge(stage, "tma");
}

static size_t writes_max;

static void play(uint64_t seed)
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    print_message("seed %llu\n", (unsigned long long)seed);
    w->draw = seed * UINT64_C(11400714819323198485) + 1;
    found(w);
    for (int turn = 0; turn < TURNS; turn++) {
        close_detached(w);
        w->stage.try_full = chance(w, 12);
        act(w);
        judge(w);
        xr_buf_reset(&w->stage.log);
    }
    assert_int_equal(w->stage.broken, 0);
    if (w->stage.writes_max > writes_max)
        writes_max = w->stage.writes_max;
    stage_close(&w->stage);
    free(w);
}

static uint64_t first_seed = 1;
static uint64_t seed_count = SEEDS;

static void a_floor_stays_whole_whatever_is_sent(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < seed_count; i++)
        play(first_seed + i);
    print_message("at most %zu writes in a step\n", writes_max);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_floor_stays_whole_whatever_is_sent),
    };
    if (argc == 3) {
        first_seed = strtoull(argv[1], NULL, 10);
        seed_count = strtoull(argv[2], NULL, 10);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
