/*
 * Aim: each role gets what it may see and nothing else, what it may not see answers exactly like
 * what does not exist, and no answer outgrows its frame. Method: the floor of support/hand.h, asked
 * by each of its accounts; answers are encoded and decoded as they would be on a wire.
 */
#include "support/hand.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define OWNER      1
#define SUPERVISOR 2
#define LI         3
#define WANG       4
#define TAOBAO     5
#define TMALL      6
#define ZHAO       7

struct world {
    struct xr_hand hand;
    struct xr_arena *arena;  /* answers as the floor gives them */
    struct xr_arena *client; /* answers as a client decodes them */
    struct xr_buf frame;
    int64_t wall_ms;
};

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    xr_hand_init(&world->hand);
    world->arena = xr_arena_new(4096);
    world->client = xr_arena_new(4096);
    world->wall_ms = XR_HAND_WALL_MS;
    xr_buf_init(&world->frame, 1 << 24);
    world->hand.tables->read_only = true; /* a query that wrote would assert */
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    xr_hand_fini(&world->hand);
    xr_arena_free(world->arena);
    xr_arena_free(world->client);
    xr_buf_fini(&world->frame);
    free(world);
    return 0;
}

static enum xr_role role_of(uint32_t agent)
{
    static const enum xr_role roles[] = {
        [OWNER] = XR_role_OWNER, [SUPERVISOR] = XR_role_SUPERVISOR, [LI] = XR_role_AGENT,
        [WANG] = XR_role_AGENT,  [TAOBAO] = XR_role_BRIDGE,         [TMALL] = XR_role_BRIDGE,
        [ZHAO] = XR_role_AGENT,
    };
    return roles[agent];
}

/* As a client gets it: encoded, within the limits of a frame, and decoded with all checks. */
static const void *over_the_wire(struct world *w, enum xr_type type, const void *answer)
{
    struct xr_frame frame;
    struct xr_wire_error error;
    size_t used = 0;
    const void *out = NULL;
    xr_buf_reset(&w->frame);
    xr_frame_encode(&w->frame, type, 7, answer);
    assert_false(w->frame.failed);
    assert_true(w->frame.size <= XR_FRAME_BYTES_MAX);
    const struct xr_bin bytes = {w->frame.at, (uint32_t)w->frame.size};
    assert_int_equal(xr_frame_read(bytes, &frame, &used), XR_OK);
    assert_int_equal(used, w->frame.size);
    assert_int_equal(xr_body_decode(type, frame.body, w->client, &out, &error), XR_OK);
    return out;
}

/* The answer of type `wanted`; lives until the next question. */
static const void *ask(struct world *w, uint32_t who, enum xr_type type, const void *message,
                       enum xr_type wanted)
{
    const struct xr_asker asker = {{who}, role_of(who), w->wall_ms};
    enum xr_type got = XR_TYPE_none;
    const void *answer = NULL;
    xr_arena_reset(w->arena);
    xr_arena_reset(w->client);
    xr_floor_query(w->hand.tables, &asker, type, message, w->arena, &got, &answer);
    assert_non_null(answer);
    if (got != wanted)
        fail_msg("asked %u, got %u instead of %u (code %u)", type, got, wanted,
                 got == XR_TYPE_error ? ((const struct xr_error *)answer)->code : 0);
    return over_the_wire(w, got, answer);
}

/* Bytes of a refusal, in w->frame. */
static void refused(struct world *w, uint32_t who, enum xr_type type, const void *message,
                    enum xr_code code)
{
    const struct xr_error *error = ask(w, who, type, message, XR_TYPE_error);
    const struct xr_error plain = {.code = code};
    struct xr_buf wanted;
    assert_int_equal(error->code, code);
    xr_buf_init(&wanted, 1024);
    xr_frame_encode(&wanted, XR_TYPE_error, 7, &plain);
    assert_int_equal(w->frame.size, wanted.size); /* not a byte more than the code */
    assert_memory_equal(w->frame.at, wanted.at, wanted.size);
    xr_buf_fini(&wanted);
}

/* ---- all queries ---------------------------------------------------------------------------- */

static void every_query_of_the_schema_is_answered(void **state)
{
    struct world *w = *state;
    size_t count;
    const struct xr_message_info *const *all = xr_messages(&count);
    static const uint64_t zeros[64]; /* stands for any query that says nothing */
    unsigned queries = 0;
    for (size_t i = 0; i < count; i++) {
        if (all[i]->kind != XR_KIND_QUERY)
            continue;
        const struct xr_asker asker = {{SUPERVISOR}, XR_role_SUPERVISOR, w->wall_ms};
        enum xr_type type = XR_TYPE_none;
        const void *answer = NULL;
        queries++;
        assert_true(all[i]->size <= sizeof zeros);
        xr_floor_query(w->hand.tables, &asker, all[i]->type, zeros, w->arena, &type, &answer);
        assert_non_null(answer);
        assert_int_equal(xr_message_info(type)->kind, XR_KIND_ANSWER);
        if (type == XR_TYPE_error)
            assert_int_equal(((const struct xr_error *)answer)->code, XR_code_NOT_FOUND);
    }
    assert_true(queries >= 12);
}

static void what_is_no_query_is_unknown(void **state)
{
    const struct xr_say say = {.session = {2}, .text = XR_STR("x")};
    refused(*state, OWNER, XR_TYPE_say, &say, XR_code_UNKNOWN_TYPE);
}

static void the_rights_table_is_asked_first(void **state)
{
    const struct xr_get_audit audit = {.max = 1};
    const struct xr_get_agents agents = {.max = 1};
    const struct xr_get_note note = {.customer = {1}, .note = 1};
    refused(*state, LI, XR_TYPE_get_audit, &audit, XR_code_FORBIDDEN);
    refused(*state, TAOBAO, XR_TYPE_get_agents, &agents, XR_code_FORBIDDEN);
    refused(*state, TAOBAO, XR_TYPE_get_note, &note, XR_code_FORBIDDEN);
}

static void answers_carry_the_head_of_the_journal(void **state)
{
    struct world *w = *state;
    const struct xr_get_groups get = {.after = {0}};
    const struct xr_group_page *page = ask(w, LI, XR_TYPE_get_groups, &get, XR_TYPE_group_page);
    assert_int_equal(page->cursor, w->hand.floor.head);
}

/* ---- who sees which session -------------------------------------------------------------------
 */

static bool sees(struct world *w, uint32_t who, uint64_t session)
{
    const struct xr_get_session get = {.session = {session}};
    const struct xr_asker asker = {{who}, role_of(who), w->wall_ms};
    enum xr_type type = XR_TYPE_none;
    const void *answer = NULL;
    xr_arena_reset(w->arena);
    xr_floor_query(w->hand.tables, &asker, XR_TYPE_get_session, &get, w->arena, &type, &answer);
    if (type == XR_TYPE_session_page) {
        const struct xr_session_page *page = answer;
        assert_int_equal(page->sessions.count, 1);
        assert_int_equal(page->sessions.at[0].session.n, session);
        return true;
    }
    assert_int_equal(((const struct xr_error *)answer)->code, XR_code_NOT_FOUND);
    return false;
}

static void sees_exactly(struct world *w, uint32_t who, const char *sessions)
{
    char seen[16] = {0};
    size_t size = 0;
    for (uint64_t id = 1; id <= XR_HAND_SESSIONS + 1; id++) {
        if (sees(w, who, id))
            seen[size++] = (char)('0' + id);
    }
    assert_string_equal(seen, sessions);
}

static void each_role_sees_its_sessions(void **state)
{
    struct world *w = *state;
    sees_exactly(w, OWNER, "1234567");
    sees_exactly(w, SUPERVISOR, "1234567");
    sees_exactly(w, TAOBAO, "12367");
    sees_exactly(w, TMALL, "45");
    sees_exactly(w, LI, "125");  /* own 2, so all of customer 1; 5 given up an hour ago */
    sees_exactly(w, WANG, "56"); /* own 5; 6 closed yesterday; 1 is too long ago */
    sees_exactly(w, ZHAO, "");
}

static void a_former_owner_reads_for_seven_days(void **state)
{
    struct world *w = *state;
    w->wall_ms = XR_HAND_WALL_MS + 6 * XR_HAND_DAY_MS;
    assert_true(sees(w, WANG, 6));
    assert_true(sees(w, LI, 5));
    w->wall_ms = XR_HAND_WALL_MS + 7 * XR_HAND_DAY_MS;
    assert_false(sees(w, WANG, 6));
    assert_false(sees(w, LI, 5));
    assert_true(sees(w, LI, 2)); /* still its own */
}

static void nothing_tells_hidden_from_missing(void **state)
{
    static const uint64_t sessions[] = {1, 3, 7, 8, XR_NUMBER_MAX};
    for (size_t i = 0; i < sizeof sessions / sizeof sessions[0]; i++) {
        const struct xr_get_session session = {.session = {sessions[i]}};
        const struct xr_get_history history = {.session = {sessions[i]}};
        const struct xr_get_explanations explain = {.session = {sessions[i]}};
        refused(*state, ZHAO, XR_TYPE_get_session, &session, XR_code_NOT_FOUND);
        refused(*state, ZHAO, XR_TYPE_get_history, &history, XR_code_NOT_FOUND);
        refused(*state, ZHAO, XR_TYPE_get_explanations, &explain, XR_code_NOT_FOUND);
        refused(*state, TMALL, XR_TYPE_get_history, &history, XR_code_NOT_FOUND);
    }
    for (uint64_t id = 1; id < 8; id++) {
        const struct xr_get_customer customer = {.customer = {id}};
        const struct xr_get_note note = {.customer = {id}, .note = 1};
        refused(*state, ZHAO, XR_TYPE_get_customer, &customer, XR_code_NOT_FOUND);
        refused(*state, ZHAO, XR_TYPE_get_note, &note, XR_code_NOT_FOUND);
    }
}

/* ---- lists of sessions ------------------------------------------------------------------------
 */

static void lists(struct world *w, uint32_t who, struct xr_get_sessions get, const char *wanted,
                  bool more)
{
    char ids[16] = {0};
    const struct xr_session_page *page =
        ask(w, who, XR_TYPE_get_sessions, &get, XR_TYPE_session_page);
    for (uint32_t i = 0; i < page->sessions.count; i++)
        ids[i] = (char)('0' + page->sessions.at[i].session.n);
    assert_string_equal(ids, wanted);
    assert_int_equal(page->more, more);
}

static void lists_hold_what_is_not_closed_and_ones_own(void **state)
{
    struct world *w = *state;
    const struct xr_get_sessions all = {.max = 0};
    lists(w, SUPERVISOR, all, "23457", false);
    lists(w, LI, all, "2", false);
    lists(w, WANG, all, "5", false);
    lists(w, TAOBAO, all, "237", false);
    lists(w, TMALL, all, "45", false);
    lists(w, ZHAO, all, "", false);
}

static void lists_are_filtered_by_state_and_owner(void **state)
{
    struct world *w = *state;
    struct xr_get_sessions get = {.state = XR_session_state_QUEUED};
    lists(w, SUPERVISOR, get, "347", false);
    get = (struct xr_get_sessions){.agent = {WANG}};
    lists(w, SUPERVISOR, get, "5", false);
    lists(w, LI, get, "", false); /* another's are not listed, and not refused */
    get.state = XR_session_state_QUEUED;
    lists(w, SUPERVISOR, get, "", false);
}

static void lists_go_on_after_a_session(void **state)
{
    struct world *w = *state;
    struct xr_get_sessions get = {.max = 2};
    lists(w, SUPERVISOR, get, "23", true);
    get.after.n = 3;
    lists(w, SUPERVISOR, get, "45", true);
    get.after.n = 5;
    lists(w, SUPERVISOR, get, "7", false);
    get.after.n = XR_NUMBER_MAX;
    lists(w, SUPERVISOR, get, "", false);
}

static void a_session_is_shown_with_its_buyer(void **state)
{
    const struct xr_get_session get = {.session = {2}};
    const struct xr_session_page *page =
        ask(*state, LI, XR_TYPE_get_session, &get, XR_TYPE_session_page);
    const struct xr_session_view *view = &page->sessions.at[0];
    assert_int_equal(view->state, XR_session_state_OPEN);
    assert_int_equal(view->agent.n, LI);
    assert_int_equal(view->bridge.n, TAOBAO);
    assert_int_equal(view->customer.n, 1);
    assert_int_equal(view->number, 3);
    assert_int_equal(view->position, 0);
    assert_true(xr_str_equal(view->nick, XR_STR("小明")));
    assert_true(xr_str_equal(view->channel, XR_STR("taobao")));
    assert_true(xr_str_equal(view->buyer, XR_STR("b1")));
}

static void places_in_the_queue_are_by_group_class_and_arrival(void **state)
{
    struct world *w = *state;
    const struct xr_get_sessions get = {.state = XR_session_state_QUEUED};
    const struct xr_session_page *page =
        ask(w, SUPERVISOR, XR_TYPE_get_sessions, &get, XR_TYPE_session_page);
    assert_int_equal(page->sessions.count, 3);
    assert_int_equal(page->sessions.at[0].position, 2); /* 3: normal */
    assert_int_equal(page->sessions.at[1].position, 1); /* 4: VIP */
    assert_int_equal(page->sessions.at[2].position, 1); /* 7: another group */
    /* A bridge hears the true place, although it does not see who is before. */
    page = ask(w, TAOBAO, XR_TYPE_get_sessions, &get, XR_TYPE_session_page);
    assert_int_equal(page->sessions.count, 2);
    assert_int_equal(page->sessions.at[0].position, 2);
}

/* 40 in one queue in a shuffled order of arrival; every fifth was taken back. */
static void a_long_queue_is_in_order(void **state)
{
    struct world *w = *state;
    struct xr_session_record *record =
        xr_hand_get(&w->hand, XR_TABLE_session, xr_key_u64(3), XR_TYPE_session_record);
    const uint64_t first = XR_HAND_SESSIONS + 1;
    w->hand.tables->read_only = false;
    for (uint64_t i = 0; i < 40; i++) {
        record->session.n = first + i;
        record->group.n = 2;
        record->arrival = 1000 + (i * 17) % 40;
        record->first = i % 5 == 0;
        record->positions.size = 0;
        record->number = 0;
        xr_hand_session(&w->hand, *record, 0, "");
    }
    w->hand.tables->read_only = true;
    const struct xr_get_sessions get = {.after = {first - 1}};
    const struct xr_session_page *page =
        ask(w, SUPERVISOR, XR_TYPE_get_sessions, &get, XR_TYPE_session_page);
    assert_int_equal(page->sessions.count, 40);
    bool taken[42] = {false};
    for (uint32_t a = 0; a < 40; a++) {
        const uint32_t position = page->sessions.at[a].position;
        assert_in_range(position, 2, 41); /* 1 is session 7, the earliest taken back */
        assert_false(taken[position]);
        taken[position] = true;
        for (uint32_t b = 0; b < 40; b++) {
            const bool before = a % 5 == 0 && b % 5 != 0;
            const bool same = (a % 5 == 0) == (b % 5 == 0);
            const bool earlier = a * 17 % 40 < b * 17 % 40;
            if (before || (same && earlier))
                assert_true(position < page->sessions.at[b].position);
        }
    }
}

/* ---- history -------------------------------------------------------------------------------- */

static const struct xr_history *history_of(struct world *w, uint32_t who, uint64_t session,
                                           uint32_t from, uint32_t max)
{
    const struct xr_get_history get = {.session = {session}, .from = from, .max = max};
    return ask(w, who, XR_TYPE_get_history, &get, XR_TYPE_history);
}

static void holds_numbers(const struct xr_history *history, uint32_t first, uint32_t count)
{
    assert_int_equal(history->messages.count, count);
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(history->messages.at[i].number, first + i);
}

static void history_is_the_messages_as_they_were_written(void **state)
{
    struct world *w = *state;
    const struct xr_history *history = history_of(w, LI, 2, 0, 0);
    holds_numbers(history, 1, 3);
    assert_false(history->more);
    assert_int_equal(history->number, 3);
    assert_int_equal(history->chain.size, XR_HASH_BYTES);
    assert_int_equal(history->messages.at[1].kind, XR_message_kind_WHISPER);
    assert_int_equal(history->messages.at[1].agent.n, LI);
    assert_true(xr_str_equal(history->messages.at[2].text, XR_STR("在吗")));
    assert_int_equal(history->messages.at[2].salt.size, XR_SALT_BYTES);
}

static void history_without_a_beginning_is_the_last_ones(void **state)
{
    struct world *w = *state;
    const struct xr_history *history = history_of(w, WANG, 5, 0, 10);
    holds_numbers(history, XR_HAND_MESSAGES - 9, 10);
    assert_true(history->more);
    holds_numbers(history_of(w, WANG, 5, 0, 0), XR_HAND_MESSAGES - XR_PAGE_MAX + 1, XR_PAGE_MAX);
}

static void history_is_read_from_any_number_over_all_chunks(void **state)
{
    struct world *w = *state;
    for (uint32_t from = 1; from <= XR_HAND_MESSAGES; from += 3) {
        const uint32_t left = XR_HAND_MESSAGES - from + 1;
        const struct xr_history *history = history_of(w, WANG, 5, from, 7);
        holds_numbers(history, from, left < 7 ? left : 7);
        assert_int_equal(history->more, left > 7);
    }
    holds_numbers(history_of(w, WANG, 5, 1, 0), 1, XR_PAGE_MAX);
    holds_numbers(history_of(w, WANG, 5, XR_HAND_MESSAGES + 1, 0), 0, 0);
    holds_numbers(history_of(w, WANG, 5, UINT32_MAX, 0), 0, 0);
    holds_numbers(history_of(w, SUPERVISOR, 4, 0, 0), 0, 0); /* no message yet */
}

static void a_bridge_hears_no_whisper(void **state)
{
    struct world *w = *state;
    const struct xr_history *history = history_of(w, TAOBAO, 2, 0, 0);
    assert_int_equal(history->messages.count, 2);
    assert_int_equal(history->messages.at[0].number, 1);
    assert_int_equal(history->messages.at[1].number, 3);
    /* What is left out takes no row from the page. */
    history = history_of(w, TAOBAO, 2, 1, 2);
    assert_int_equal(history->messages.count, 2);
    assert_false(history->more);
    history = history_of(w, TAOBAO, 2, 2, 0);
    assert_int_equal(history->messages.count, 1);
}

static void an_answer_stays_inside_one_frame(void **state)
{
    struct world *w = *state;
    const struct xr_session_record record = {.session = {XR_HAND_SESSIONS + 1},
                                             .customer = {1},
                                             .state = XR_session_state_OPEN,
                                             .klass = XR_queue_class_NORMAL,
                                             .group = {1},
                                             .agent = {LI},
                                             .bridge = {TAOBAO}};
    char *text = malloc(3 * XR_TEXT_MAX + 1); /* 12,000 bytes */
    for (size_t i = 0; i < XR_TEXT_MAX; i++)
        memcpy(text + 3 * i, "语", 4);
    w->hand.tables->read_only = false;
    xr_hand_session(&w->hand, record, 60, text);
    w->hand.tables->read_only = true;
    free(text);

    const struct xr_history *history = history_of(w, LI, record.session.n, 1, 0);
    assert_in_range(history->messages.count, 20, 21); /* 21 texts of 12,000 bytes fill a frame */
    holds_numbers(history, 1, history->messages.count);
    assert_true(history->more);
    uint32_t read = 0;
    while (read < 60) {
        history = history_of(w, LI, record.session.n, read + 1, 0);
        holds_numbers(history, read + 1, history->messages.count);
        read += history->messages.count;
        assert_int_equal(history->more, read < 60);
    }
    history = history_of(w, LI, record.session.n, 0, 0); /* the last ones, in order */
    holds_numbers(history, 60 - history->messages.count + 1, history->messages.count);
    assert_true(history->messages.count >= 20);
    assert_true(history->more);
}

static void a_torn_history_is_an_internal_error_and_no_message(void **state)
{
    struct world *w = *state;
    const struct xr_get_history get = {.session = {2}};
    w->hand.tables->read_only = false;
    xr_hand_del(&w->hand, XR_TABLE_journal, xr_key_u64(4)); /* its second message */
    w->hand.tables->read_only = true;
    refused(w, LI, XR_TYPE_get_history, &get, XR_code_INTERNAL);
}

static void explanations_are_in_order_and_go_on(void **state)
{
    struct world *w = *state;
    struct xr_get_explanations get = {.session = {5}};
    const struct xr_explanation_page *page =
        ask(w, WANG, XR_TYPE_get_explanations, &get, XR_TYPE_explanation_page);
    assert_int_equal(page->explanations.count, 2);
    assert_int_equal(page->explanations.at[0].agent.n, LI);
    assert_int_equal(page->explanations.at[1].agent.n, WANG);
    get.after = page->explanations.at[0].seq;
    page = ask(w, WANG, XR_TYPE_get_explanations, &get, XR_TYPE_explanation_page);
    assert_int_equal(page->explanations.count, 1);
    assert_int_equal(page->explanations.at[0].agent.n, WANG);
}

/* ---- customers and notes -------------------------------------------------------------------- */

static const struct xr_customer *customer_of(struct world *w, uint32_t who, uint64_t id)
{
    const struct xr_get_customer get = {.customer = {id}};
    return ask(w, who, XR_TYPE_get_customer, &get, XR_TYPE_customer);
}

static void notes_come_pinned_first_then_newest_first(void **state)
{
    const struct xr_customer *customer = customer_of(*state, LI, 1);
    assert_int_equal(customer->notes.count, 3);
    assert_int_equal(customer->notes.at[0].note, 3);
    assert_int_equal(customer->notes.at[1].note, 1);
    assert_int_equal(customer->notes.at[1].revision, 2);
    assert_true(xr_str_equal(customer->notes.at[1].text, XR_STR("first, again")));
    assert_int_equal(customer->notes.at[2].note, 2);
    assert_false(customer->more);
}

static void who_holds_the_buyer_sees_all_its_sessions(void **state)
{
    struct world *w = *state;
    const struct xr_customer *customer = customer_of(w, LI, 1);
    assert_int_equal(customer->sessions.count, 2);
    assert_int_equal(customer->sessions.at[0], 2);
    assert_int_equal(customer->sessions.at[1], 1);
    assert_true(xr_str_equal(customer->card.nick, XR_STR("小明")));
    /* Wang had session 6 of customer 2 and no more. */
    customer = customer_of(w, WANG, 2);
    assert_int_equal(customer->sessions.count, 1);
    assert_int_equal(customer->sessions.at[0], 6);
}

static void a_bridge_sees_its_customers_without_notes(void **state)
{
    struct world *w = *state;
    const struct xr_get_customer other = {.customer = {3}};
    const struct xr_customer *customer = customer_of(w, TAOBAO, 1);
    assert_int_equal(customer->notes.count, 0);
    assert_int_equal(customer->sessions.count, 2);
    refused(w, TAOBAO, XR_TYPE_get_customer, &other, XR_code_NOT_FOUND);
    assert_int_equal(customer_of(w, TMALL, 3)->card.customer.n, 3);
}

static void a_customer_is_found_by_channel_and_buyer(void **state)
{
    struct world *w = *state;
    struct xr_get_customer get = {.channel = XR_STR("taobao"), .buyer = XR_STR("b1")};
    const struct xr_customer *customer =
        ask(w, SUPERVISOR, XR_TYPE_get_customer, &get, XR_TYPE_customer);
    assert_int_equal(customer->card.customer.n, 1);
    get.buyer = XR_STR("b3"); /* exists, but in another channel */
    refused(w, SUPERVISOR, XR_TYPE_get_customer, &get, XR_code_NOT_FOUND);
    get.channel = XR_STR("tmall");
    customer = ask(w, SUPERVISOR, XR_TYPE_get_customer, &get, XR_TYPE_customer);
    assert_int_equal(customer->card.customer.n, 3);
    refused(w, TAOBAO, XR_TYPE_get_customer, &get, XR_code_NOT_FOUND);
    get = (struct xr_get_customer){.customer = {0}};
    refused(w, SUPERVISOR, XR_TYPE_get_customer, &get, XR_code_NOT_FOUND);
}

static void revisions_of_a_note_come_oldest_first(void **state)
{
    struct world *w = *state;
    struct xr_get_note get = {.customer = {1}, .note = 1};
    const struct xr_note_page *page = ask(w, LI, XR_TYPE_get_note, &get, XR_TYPE_note_page);
    assert_int_equal(page->notes.count, 2);
    assert_int_equal(page->notes.at[0].revision, 1);
    assert_int_equal(page->notes.at[1].revision, 2);
    get.after = 1;
    page = ask(w, LI, XR_TYPE_get_note, &get, XR_TYPE_note_page);
    assert_int_equal(page->notes.count, 1);
    get.after = UINT32_MAX;
    page = ask(w, LI, XR_TYPE_get_note, &get, XR_TYPE_note_page);
    assert_int_equal(page->notes.count, 0);
    get = (struct xr_get_note){.customer = {1}, .note = 4};
    refused(w, LI, XR_TYPE_get_note, &get, XR_code_NOT_FOUND);
}

/* 60 notes of 8,000 code points: 24,000 bytes each. */
static void many_long_notes_stay_inside_one_frame(void **state)
{
    struct world *w = *state;
    struct xr_customer_record *record =
        xr_hand_get(&w->hand, XR_TABLE_customer, xr_key_u64(1), XR_TYPE_customer_record);
    char *text = malloc(3 * XR_NOTE_MAX + 1);
    for (size_t i = 0; i < XR_NOTE_MAX; i++)
        memcpy(text + 3 * i, "记", 4);
    w->hand.tables->read_only = false;
    for (uint32_t note = 4; note <= 63; note++) {
        const struct xr_note_record row = {
            .note = {.note = note, .revision = 1, .text = xr_str_of(text)}};
        xr_hand_put(&w->hand, XR_TABLE_note, xr_key_note((struct xr_customer_id){1}, note, 1),
                    XR_TYPE_note_record, &row);
    }
    record->card.notes = 63;
    xr_hand_put(&w->hand, XR_TABLE_customer, xr_key_u64(1), XR_TYPE_customer_record, record);
    w->hand.tables->read_only = true;
    free(text);
    const struct xr_customer *customer = customer_of(w, LI, 1);
    assert_true(customer->more);
    assert_int_equal(customer->notes.at[0].note, 3); /* pinned ones are never crowded out */
    assert_int_equal(customer->notes.at[1].note, 1);
    assert_int_equal(customer->notes.at[2].note, 63);
    assert_in_range(customer->notes.count, 11, 12);
    assert_int_equal(customer->sessions.count, 2);
}

/* ---- the floor ------------------------------------------------------------------------------ */

static const struct xr_agent_view *agent_in(const struct xr_agent_page *page, uint32_t agent)
{
    for (uint32_t i = 0; i < page->agents.count; i++) {
        if (page->agents.at[i].agent.n == agent)
            return &page->agents.at[i];
    }
    fail_msg("agent %u is not listed", agent);
    return NULL;
}

static const struct xr_agent_page *agents_for(struct world *w, uint32_t who)
{
    const struct xr_get_agents get = {.max = 0};
    return ask(w, who, XR_TYPE_get_agents, &get, XR_TYPE_agent_page);
}

static void supervisors_see_agents_whole(void **state)
{
    const struct xr_agent_page *page = agents_for(*state, SUPERVISOR);
    assert_int_equal(page->agents.count, 7);
    const struct xr_agent_view *li = agent_in(page, LI);
    assert_true(xr_str_equal(li->login, XR_STR("li")));
    assert_int_equal(li->state, XR_presence_ONLINE);
    assert_int_equal(li->owed_micro, 500000);
    assert_int_equal(li->taken, 13);
    assert_int_equal(li->limit, 12);
    assert_int_equal(li->groups.count, 2);
    assert_int_equal(li->available_ms, 1000 + XR_HAND_HOUR_MS); /* and since then */
    const struct xr_agent_view *wang = agent_in(page, WANG);
    assert_int_equal(wang->state, XR_presence_LOST);
    assert_int_equal(wang->owed_micro, -500000);
    assert_int_equal(wang->available_ms, 1000); /* lost: no more than what was counted */
    assert_int_equal(agent_in(page, ZHAO)->available_ms, 1000);
    assert_int_equal(agent_in(page, OWNER)->state, XR_presence_OFFLINE);
}

static void colleagues_see_no_figures_of_others(void **state)
{
    const struct xr_agent_page *page = agents_for(*state, LI);
    const struct xr_agent_view *wang = agent_in(page, WANG);
    const struct xr_agent_view *own = agent_in(page, LI);
    assert_true(xr_str_equal(wang->name, XR_STR("Wang")));
    assert_int_equal(wang->state, XR_presence_LOST);
    assert_int_equal(wang->active, 1);
    assert_int_equal(wang->limit, 12);
    assert_int_equal(wang->groups.count, 1);
    assert_int_equal(wang->login.size, 0);
    assert_int_equal(wang->owed_micro, 0);
    assert_int_equal(wang->taken, 0);
    assert_int_equal(wang->available_ms, 0);
    assert_int_equal(wang->since_ms, 0);
    assert_int_equal(own->owed_micro, 500000);
    assert_int_equal(own->taken, 13);
    assert_true(xr_str_equal(own->login, XR_STR("li")));
}

static void no_answer_holds_a_password_hash(void **state)
{
    struct world *w = *state;
    agents_for(w, OWNER);
    assert_null(memmem(w->frame.at, w->frame.size, "a hash", 6));
}

static void an_agents_limit_never_passes_the_ceiling(void **state)
{
    struct world *w = *state;
    const struct xr_setting_record setting = {.value = 10};
    w->hand.tables->read_only = false;
    xr_hand_put(&w->hand, XR_TABLE_setting, xr_key_str(XR_STR("limit_ceiling")),
                XR_TYPE_setting_record, &setting);
    w->hand.tables->read_only = true;
    assert_int_equal(agent_in(agents_for(w, LI), LI)->limit, 10);
}

static void agents_are_paged_by_id(void **state)
{
    struct world *w = *state;
    struct xr_get_agents get = {.max = 4};
    const struct xr_agent_page *page =
        ask(w, SUPERVISOR, XR_TYPE_get_agents, &get, XR_TYPE_agent_page);
    assert_int_equal(page->agents.count, 4);
    assert_true(page->more);
    get.after.n = 4;
    page = ask(w, SUPERVISOR, XR_TYPE_get_agents, &get, XR_TYPE_agent_page);
    assert_int_equal(page->agents.count, 3);
    assert_int_equal(page->agents.at[0].agent.n, 5);
    assert_false(page->more);
    get.after.n = UINT32_MAX;
    page = ask(w, SUPERVISOR, XR_TYPE_get_agents, &get, XR_TYPE_agent_page);
    assert_int_equal(page->agents.count, 0);
}

static void the_status_counts_agents_and_sessions(void **state)
{
    struct world *w = *state;
    const struct xr_get_status get = {.has = 0};
    const struct xr_floor_status *status =
        ask(w, SUPERVISOR, XR_TYPE_get_status, &get, XR_TYPE_floor_status);
    assert_true(xr_str_equal(status->floor, XR_STR("shop")));
    assert_int_equal(status->online, 1);  /* Li */
    assert_int_equal(status->lost, 1);    /* Wang */
    assert_int_equal(status->paused, 1);  /* Zhao */
    assert_int_equal(status->offline, 2); /* owner and supervisor; bridges have no presence */
    assert_int_equal(status->queued, 3);
    assert_int_equal(status->open, 2);
    assert_int_equal(status->sessions, 7);
    assert_int_equal(status->customers, 5);
    assert_int_equal(status->messages, w->hand.floor.messages);
    assert_int_equal(status->oldest_ms, XR_HAND_WALL_MS - 7);
    assert_int_equal(status->groups.count, 2);
    assert_int_equal(status->groups.at[0].queued, 2);
    assert_int_equal(status->groups.at[0].available, 1);
    assert_int_equal(status->groups.at[0].oldest_ms, XR_HAND_WALL_MS - 4);
    assert_int_equal(status->groups.at[1].queued, 1);
    assert_int_equal(status->groups.at[1].available, 1);
}

static void groups_go_on_after_one(void **state)
{
    const struct xr_get_groups get = {.after = {1}};
    const struct xr_group_page *page =
        ask(*state, TAOBAO, XR_TYPE_get_groups, &get, XR_TYPE_group_page);
    assert_int_equal(page->groups.count, 1);
    assert_true(xr_str_equal(page->groups.at[0].name, XR_STR("aftersale")));
    assert_int_equal(page->groups.at[0].queued, 1);
}

static void settings_are_shown_with_what_is_in_force(void **state)
{
    struct world *w = *state;
    const struct xr_setting_record setting = {.value = 5};
    const struct xr_get_settings get = {.has = 0};
    w->hand.tables->read_only = false;
    xr_hand_put(&w->hand, XR_TABLE_setting, xr_key_str(XR_STR("grace_s")), XR_TYPE_setting_record,
                &setting);
    w->hand.tables->read_only = true;
    const struct xr_setting_page *page =
        ask(w, LI, XR_TYPE_get_settings, &get, XR_TYPE_setting_page);
    assert_int_equal(page->settings.count, xr_settings_count);
    assert_true(xr_str_equal(page->settings.at[0].name, XR_STR("grace_s")));
    assert_int_equal(page->settings.at[0].value, 5);
    assert_int_equal(page->settings.at[0].standard, 20);
    assert_int_equal(page->settings.at[1].value, xr_settings[1].standard);
}

static void the_audit_log_is_read_from_the_newest(void **state)
{
    struct world *w = *state;
    struct xr_get_audit get = {.max = 2};
    const struct xr_audit_page *page = ask(w, OWNER, XR_TYPE_get_audit, &get, XR_TYPE_audit_page);
    assert_int_equal(page->audits.count, 2);
    assert_int_equal(page->audits.at[0].number, 3);
    assert_int_equal(page->audits.at[1].number, 2);
    assert_true(page->more);
    get.before = 2;
    page = ask(w, OWNER, XR_TYPE_get_audit, &get, XR_TYPE_audit_page);
    assert_int_equal(page->audits.count, 1);
    assert_false(page->more);
    get.before = 1;
    page = ask(w, OWNER, XR_TYPE_get_audit, &get, XR_TYPE_audit_page);
    assert_int_equal(page->audits.count, 0);
}

static void devices_are_ones_own_or_a_supervisors_to_see(void **state)
{
    struct world *w = *state;
    struct xr_get_devices get = {.agent = {0}};
    const struct xr_device_page *page = ask(w, LI, XR_TYPE_get_devices, &get, XR_TYPE_device_page);
    assert_int_equal(page->devices.count, 1);
    assert_int_equal(page->devices.at[0].device.n, 11);
    assert_true(page->devices.at[0].alive);
    get.agent.n = TAOBAO;
    page = ask(w, SUPERVISOR, XR_TYPE_get_devices, &get, XR_TYPE_device_page);
    assert_int_equal(page->devices.count, 1);
    assert_false(page->devices.at[0].alive);
    refused(w, LI, XR_TYPE_get_devices, &get, XR_code_NOT_FOUND);
    get.agent.n = 99;
    refused(w, LI, XR_TYPE_get_devices, &get, XR_code_NOT_FOUND);
    refused(w, SUPERVISOR, XR_TYPE_get_devices, &get, XR_code_NOT_FOUND);
}

/* ---- memory --------------------------------------------------------------------------------- */

/* The answer outlives the transaction: the tables are gone when it is encoded. */
static void an_answer_stands_on_its_own(void **state)
{
    struct world *w = *state;
    static const enum xr_type types[] = {XR_TYPE_get_status,   XR_TYPE_get_agents,
                                         XR_TYPE_get_sessions, XR_TYPE_get_groups,
                                         XR_TYPE_get_audit,    XR_TYPE_get_settings};
    static const uint64_t zeros[64];
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        struct xr_hand hand;
        const struct xr_asker asker = {{OWNER}, XR_role_OWNER, w->wall_ms};
        enum xr_type type;
        const void *answer;
        xr_hand_init(&hand);
        xr_arena_reset(w->arena);
        xr_floor_query(hand.tables, &asker, types[i], zeros, w->arena, &type, &answer);
        xr_hand_fini(&hand);
        over_the_wire(w, type, answer);
        assert_int_not_equal(type, XR_TYPE_error);
    }
}

static void ask_without_memory(struct world *w, enum xr_type type, const void *message)
{
    for (uint64_t nth = 1; nth < 1000; nth++) {
        const struct xr_asker asker = {{SUPERVISOR}, XR_role_SUPERVISOR, w->wall_ms};
        enum xr_type got = XR_TYPE_none;
        const void *answer = NULL;
        struct xr_arena *arena = xr_arena_new(64);
        xr_mem_arm(nth, true);
        xr_floor_query(w->hand.tables, &asker, type, message, arena, &got, &answer);
        xr_mem_arm(0, false);
        assert_non_null(answer);
        if (got == XR_TYPE_error)
            assert_int_equal(((const struct xr_error *)answer)->code, XR_code_INTERNAL);
        xr_arena_free(arena);
        if (got != XR_TYPE_error)
            return;
    }
    fail_msg("query %u never had enough memory", type);
}

static void lack_of_memory_is_an_internal_error(void **state)
{
    struct world *w = *state;
    const struct xr_get_history history = {.session = {5}, .from = 1};
    const struct xr_get_customer customer = {.customer = {1}};
    const struct xr_get_sessions sessions = {.max = 0};
    const struct xr_get_agents agents = {.max = 0};
    const struct xr_get_status status = {.has = 0};
    ask_without_memory(w, XR_TYPE_get_history, &history);
    ask_without_memory(w, XR_TYPE_get_customer, &customer);
    ask_without_memory(w, XR_TYPE_get_sessions, &sessions);
    ask_without_memory(w, XR_TYPE_get_agents, &agents);
    ask_without_memory(w, XR_TYPE_get_status, &status);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_query_of_the_schema_is_answered),
        TEST(what_is_no_query_is_unknown),
        TEST(the_rights_table_is_asked_first),
        TEST(answers_carry_the_head_of_the_journal),
        TEST(each_role_sees_its_sessions),
        TEST(a_former_owner_reads_for_seven_days),
        TEST(nothing_tells_hidden_from_missing),
        TEST(lists_hold_what_is_not_closed_and_ones_own),
        TEST(lists_are_filtered_by_state_and_owner),
        TEST(lists_go_on_after_a_session),
        TEST(a_session_is_shown_with_its_buyer),
        TEST(places_in_the_queue_are_by_group_class_and_arrival),
        TEST(a_long_queue_is_in_order),
        TEST(history_is_the_messages_as_they_were_written),
        TEST(history_without_a_beginning_is_the_last_ones),
        TEST(history_is_read_from_any_number_over_all_chunks),
        TEST(a_bridge_hears_no_whisper),
        TEST(an_answer_stays_inside_one_frame),
        TEST(a_torn_history_is_an_internal_error_and_no_message),
        TEST(explanations_are_in_order_and_go_on),
        TEST(notes_come_pinned_first_then_newest_first),
        TEST(who_holds_the_buyer_sees_all_its_sessions),
        TEST(a_bridge_sees_its_customers_without_notes),
        TEST(a_customer_is_found_by_channel_and_buyer),
        TEST(revisions_of_a_note_come_oldest_first),
        TEST(many_long_notes_stay_inside_one_frame),
        TEST(supervisors_see_agents_whole),
        TEST(colleagues_see_no_figures_of_others),
        TEST(no_answer_holds_a_password_hash),
        TEST(an_agents_limit_never_passes_the_ceiling),
        TEST(agents_are_paged_by_id),
        TEST(the_status_counts_agents_and_sessions),
        TEST(groups_go_on_after_one),
        TEST(settings_are_shown_with_what_is_in_force),
        TEST(the_audit_log_is_read_from_the_newest),
        TEST(devices_are_ones_own_or_a_supervisors_to_see),
        TEST(an_answer_stands_on_its_own),
        TEST(lack_of_memory_is_an_internal_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
