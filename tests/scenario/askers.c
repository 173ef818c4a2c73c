/*
 * Aim: on a floor in full work nobody reads what is not for its eyes, and everybody reads what is.
 * Method: people act at random, from a seed; every message and note carries a mark that names its
 * session or customer. A model of who may see what is kept from what the floor has pushed (who
 * owned which session, and until when), not from its tables. Again and again every account asks for
 * everything there is, and each mark in its answers, or missing from them, is judged by the model.
 */
#include "support/stage.h"
#include "floor/journal.h"
#include "floor/record.h"
#include "proto/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define WALL_MS    INT64_C(1764000000000) /* of the stage at floor_ms 0 */
#define WEEK_MS    (INT64_C(7) * 24 * 3600 * 1000)
#define SEEDS      30
#define TURNS      400
#define TURNS_LOOK 20 /* everybody asks for everything */
#define SESSIONS   256
#define BUYERS     6 /* of each bridge */
#define CUSTOMERS  (2 * BUYERS)
#define ACCOUNTS   16
#define NOT_OWNED  INT64_MIN

static const char *const agents[] = {"ann", "bob", "cai", "dan"};
static const char *const bridges[] = {"tao", "tma"};
static const char *const everybody[] = {"olga", "ann", "bob", "cai", "dan", "tao", "tma"};

struct seen_session {
    uint64_t customer;
    uint32_t bridge;
    uint32_t owner; /* now; 0: none */
    uint32_t last;  /* owner before that */
    bool closed;
    int64_t ended_ms[ACCOUNTS]; /* when an account last gave it up; NOT_OWNED */
};

struct world {
    struct stage stage;
    struct seen_session sessions[SESSIONS];
    uint64_t session_count; /* ids 1 … */
    uint64_t seq;           /* journal read so far */
    uint64_t draw;
    struct xr_buf said; /* what one account was told, as text */
};

/* ---- drawing ---- */

static uint32_t draw(struct world *w, uint32_t below)
{
    w->draw ^= w->draw << 13;
    w->draw ^= w->draw >> 7;
    w->draw ^= w->draw << 17;
    return (uint32_t)((w->draw * UINT64_C(2685821657736338717) >> 33) % below);
}

#define DRAW(w, list) ((list)[draw(w, sizeof(list) / sizeof((list)[0]))])

/* ---- the model ---- */

static void end_ownership(struct seen_session *session, int64_t now_ms)
{
    if (session->owner) {
        session->ended_ms[session->owner] = now_ms;
        session->last = session->owner;
    }
    session->owner = 0;
}

static void learn_change(struct world *w, const struct xr_session_changed *change)
{
    const struct xr_session_view *view = &change->session;
    assert_true(view->session.n < SESSIONS);
    struct seen_session *session = &w->sessions[view->session.n];
    if (change->change == XR_change_OPENED) {
        w->session_count = view->session.n;
        session->customer = view->customer.n;
        session->bridge = view->bridge.n;
        for (size_t i = 0; i < ACCOUNTS; i++)
            session->ended_ms[i] = NOT_OWNED;
        assert_int_equal(view->opened_ms, WALL_MS + w->stage.floor_ms);
    }
    /* Closed and opened again soon after: the time between still counts as the last owner's. */
    if (change->change == XR_change_REOPENED && session->last)
        session->ended_ms[session->last] = w->stage.floor_ms;
    session->closed = view->state == XR_session_state_CLOSED;
    const uint32_t owner = session->closed ? 0 : view->agent.n;
    if (owner == session->owner)
        return;
    end_ownership(session, w->stage.floor_ms);
    session->owner = owner;
}

static void learn(struct world *w)
{
    while (w->seq < xr_floor_head(w->stage.floor)) {
        const struct xr_key key = xr_key_u64(++w->seq);
        struct xr_bin bytes;
        struct xr_journal_row row;
        const void *update;
        assert_int_equal(xr_tables_get(w->stage.tables, XR_TABLE_journal, xr_key_of(&key), &bytes),
                         XR_OK);
        assert_int_equal(xr_journal_decode(bytes, &row), XR_OK);
        if (row.type != XR_TYPE_session_changed)
            continue;
        assert_int_equal(xr_journal_message(&row, w->seq, w->stage.arena, &update), XR_OK);
        learn_change(w, update);
    }
}

static bool had_lately(const struct world *w, const struct seen_session *session, uint32_t agent)
{
    return session->ended_ms[agent] != NOT_OWNED &&
           w->stage.floor_ms - session->ended_ms[agent] <= WEEK_MS;
}

static bool holds(const struct world *w, uint64_t customer, uint32_t agent)
{
    for (uint64_t id = 1; id <= w->session_count; id++) {
        const struct seen_session *session = &w->sessions[id];
        if (session->customer == customer && session->owner == agent)
            return true;
    }
    return false;
}

static bool may_see(const struct world *w, const struct stage_person *who, uint64_t id)
{
    const struct seen_session *session = &w->sessions[id];
    if (who->role == XR_role_OWNER)
        return true;
    if (who->role == XR_role_BRIDGE)
        return session->bridge == who->agent.n;
    return session->owner == who->agent.n || holds(w, session->customer, who->agent.n) ||
           had_lately(w, session, who->agent.n);
}

/* The notes: who holds the buyer, or may read its newest session. */
static bool may_see_notes(const struct world *w, const struct stage_person *who, uint64_t customer)
{
    uint64_t newest = 0;
    for (uint64_t id = 1; id <= w->session_count; id++)
        newest = w->sessions[id].customer == customer ? id : newest;
    if (newest == 0 || who->role == XR_role_BRIDGE)
        return false;
    return may_see(w, who, newest);
}

/* ---- acting ---- */

static uint64_t draw_session(struct world *w)
{
    return w->session_count ? 1 + draw(w, (uint32_t)w->session_count) : 1;
}

static void act_open(struct world *w)
{
    const char *bridge = DRAW(w, bridges);
    char buyer[8];
    snprintf(buyer, sizeof buyer, "b%u", draw(w, BUYERS));
    const struct xr_open open = {.channel = xr_str_of(bridge), .buyer = xr_str_of(buyer)};
    if (w->session_count + 1 < SESSIONS)
        stage_send(&w->stage, bridge, XR_TYPE_open, &open, 0);
}

static void act_say(struct world *w)
{
    const bool buyer = draw(w, 2);
    const bool whisper = !buyer && draw(w, 3) == 0;
    char mark[32];
    const uint64_t id = draw_session(w);
    snprintf(mark, sizeof mark, "#%c%llu#", whisper ? 'W' : 'S', (unsigned long long)id);
    const struct xr_say say = {.session = {id},
                               .text = xr_str_of(mark),
                               .kind = whisper ? XR_message_kind_WHISPER : XR_message_kind_TEXT};
    stage_send(&w->stage, buyer ? DRAW(w, bridges) : DRAW(w, agents), XR_TYPE_say, &say, 0);
}

static void act_close(struct world *w)
{
    const struct xr_close close = {.session = {draw_session(w)}};
    stage_send(&w->stage, DRAW(w, agents), XR_TYPE_close, &close, 0);
}

static void act_hand_over(struct world *w)
{
    const struct xr_agent_id to = stage_person(&w->stage, DRAW(w, agents))->agent;
    const struct xr_transfer transfer = {.session = {draw_session(w)}, .agent = to};
    const struct xr_assign assign = {.session = transfer.session, .agent = to};
    if (draw(w, 2))
        stage_send(&w->stage, DRAW(w, agents), XR_TYPE_transfer, &transfer, 0);
    else
        stage_send(&w->stage, "olga", XR_TYPE_assign, &assign, 0);
}

static void act_note(struct world *w)
{
    const uint64_t customer = 1 + draw(w, CUSTOMERS);
    char mark[32];
    snprintf(mark, sizeof mark, "#C%llu#", (unsigned long long)customer);
    const struct xr_note_add add = {.customer = {customer}, .text = xr_str_of(mark)};
    stage_send(&w->stage, draw(w, 3) ? DRAW(w, agents) : "olga", XR_TYPE_note_add, &add, 0);
}

static void act_presence(struct world *w)
{
    static const enum xr_presence states[] = {XR_presence_ONLINE, XR_presence_ONLINE,
                                              XR_presence_PAUSED, XR_presence_OFFLINE};
    const struct xr_be be = {.state = DRAW(w, states)};
    const char *name = DRAW(w, agents);
    if (stage_person(&w->stage, name)->origin == 0)
        stage_come(&w->stage, name);
    else if (draw(w, 4) == 0)
        stage_go(&w->stage, name, XR_gone_reason_CLOSED);
    stage_send(&w->stage, name, XR_TYPE_be, &be, 0);
}

/* Deadline by deadline, so that the model hears of each change at its time. */
static void act_wait(struct world *w)
{
    static const int64_t spans[] = {1000, 60000, 1900000, 24 * 3600000, WEEK_MS - 5000};
    const int64_t until = w->stage.floor_ms + DRAW(w, spans);
    int64_t due = xr_floor_deadline(w->stage.floor);
    while (due <= until) {
        stage_wait(&w->stage, due > w->stage.floor_ms ? due - w->stage.floor_ms : 0);
        learn(w);
        due = xr_floor_deadline(w->stage.floor);
    }
    stage_wait(&w->stage, until - w->stage.floor_ms);
}

static void act(struct world *w)
{
    static void (*const acts[])(struct world *) = {
        act_open, act_open,  act_open,      act_say,       act_say,  act_say,      act_say,
        act_say,  act_close, act_hand_over, act_hand_over, act_note, act_presence, act_wait,
    };
    DRAW(w, acts)(w);
    learn(w);
}

/* ---- asking ---- */

static enum xr_type ask(struct world *w, const struct stage_person *who, enum xr_type type,
                        const void *message)
{
    const struct xr_asker asker = {who->agent, who->role, WALL_MS + w->stage.floor_ms};
    enum xr_type got = XR_TYPE_none;
    const void *answer = NULL;
    xr_arena_reset(w->stage.arena);
    xr_floor_query(w->stage.tables, &asker, type, message, w->stage.arena, &got, &answer);
    if (got == XR_TYPE_error)
        assert_int_not_equal(((const struct xr_error *)answer)->code, XR_code_INTERNAL);
    xr_text_write(&w->said, got, -1, answer);
    xr_buf_text(&w->said, "\n");
    assert_false(w->said.failed);
    return got;
}

static void ask_for_all(struct world *w, const struct stage_person *who)
{
    static const uint64_t zeros[64];
    static const enum xr_type general[] = {
        XR_TYPE_get_status, XR_TYPE_get_agents,   XR_TYPE_get_sessions, XR_TYPE_get_groups,
        XR_TYPE_get_audit,  XR_TYPE_get_settings, XR_TYPE_get_devices,
    };
    xr_buf_reset(&w->said);
    for (size_t i = 0; i < sizeof general / sizeof general[0]; i++)
        ask(w, who, general[i], zeros);
    for (uint64_t id = 1; id <= w->session_count + 1; id++) {
        const struct xr_get_session session = {.session = {id}};
        const struct xr_get_history history = {.session = {id}, .from = 1};
        const struct xr_get_explanations explain = {.session = {id}};
        const bool seen = ask(w, who, XR_TYPE_get_session, &session) != XR_TYPE_error;
        const bool wanted = id <= w->session_count && may_see(w, who, id);
        if (seen != wanted)
            fail_msg("%s %s session %llu", who->name, seen ? "sees" : "does not see",
                     (unsigned long long)id);
        assert_int_equal(ask(w, who, XR_TYPE_get_history, &history) != XR_TYPE_error, wanted);
        assert_int_equal(ask(w, who, XR_TYPE_get_explanations, &explain) != XR_TYPE_error,
                         wanted && who->role != XR_role_BRIDGE);
    }
    for (uint64_t id = 1; id <= CUSTOMERS + 1; id++) {
        const struct xr_get_customer customer = {.customer = {id}};
        ask(w, who, XR_TYPE_get_customer, &customer);
        for (uint32_t note = 1; note < 4; note++) {
            const struct xr_get_note get = {.customer = {id}, .note = note};
            ask(w, who, XR_TYPE_get_note, &get);
        }
    }
}

static bool mark_is_allowed(const struct world *w, const struct stage_person *who, char kind,
                            uint64_t id)
{
    if (kind == 'C')
        return may_see_notes(w, who, id);
    return may_see(w, who, id) && (kind == 'S' || who->role != XR_role_BRIDGE);
}

/* Every mark in what was said; returns how many. */
static size_t judge_marks(struct world *w, const struct stage_person *who)
{
    size_t marks = 0;
    const uint8_t zero = 0;
    xr_buf_add(&w->said, &zero, 1);
    for (const char *at = strchr((char *)w->said.at, '#'); at; at = strchr(at, '#')) {
        char *end;
        const char kind = at[1];
        const uint64_t id = strtoull(at + 2, &end, 10);
        assert_int_equal(*end, '#');
        if (!mark_is_allowed(w, who, kind, id))
            fail_msg("%s has read %.*s", who->name, (int)(end - at + 1), at);
        marks++;
        at = end + 1;
    }
    return marks;
}

static size_t look(struct world *w)
{
    size_t marks = 0;
    for (size_t i = 0; i < sizeof everybody / sizeof everybody[0]; i++) {
        const struct stage_person *who = stage_person(&w->stage, everybody[i]);
        ask_for_all(w, who);
        marks += judge_marks(w, who);
    }
    return marks;
}

/* ---- the test ---- */

static size_t run_seed(uint64_t seed)
{
    struct world *w = calloc(1, sizeof *w);
    size_t marks = 0;
    w->draw = seed * UINT64_C(11400714819323198485) + 1;
    xr_buf_init(&w->said, 64 * 1024 * 1024);
    stage_open(&w->stage);
    w->stage.check_each = false; /* the stories do that */
    for (size_t i = 0; i < sizeof agents / sizeof agents[0]; i++)
        stage_agent(&w->stage, agents[i], NULL, 0);
    for (size_t i = 0; i < sizeof bridges / sizeof bridges[0]; i++)
        stage_bridge(&w->stage, bridges[i]);
    for (int turn = 0; turn < TURNS; turn++) {
        act(w);
        if (turn % TURNS_LOOK == 0)
            marks += look(w);
    }
    assert_int_equal(xr_floor_check(w->stage.tables, true, NULL, NULL), 0);
    stage_close(&w->stage);
    xr_buf_fini(&w->said);
    free(w);
    return marks;
}

static void nobody_reads_what_is_not_for_its_eyes(void **state)
{
    (void)state;
    size_t marks = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        print_message("seed %llu\n", (unsigned long long)seed);
        marks += run_seed(seed);
    }
    print_message("%zu marks read\n", marks);
    assert_true(marks > 1000); /* there was something to read */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_reads_what_is_not_for_its_eyes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
