/*
 * Aim: the check finds nothing in a floor that holds together, and each rule can fail. Method: a
 * small floor is written by hand (support/hand.h); then one rule after the other is broken, alone,
 * and the check must name it.
 */
#include "support/hand.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define LIST_BYTES 65536

/* All that the check said: "invariant: text\n"… */
struct findings {
    size_t size;
    char at[LIST_BYTES];
};

static void on_broken(void *context, const char *invariant, const char *text)
{
    struct findings *findings = context;
    const int size = snprintf(findings->at + findings->size, LIST_BYTES - findings->size,
                              "%s: %s\n", invariant, text);
    assert_true(size > 0);
    findings->size += (size_t)size;
    assert_true(findings->size < LIST_BYTES);
}

static size_t run_check(struct xr_hand *hand, bool deep, struct findings *findings)
{
    findings->size = 0;
    findings->at[0] = 0;
    return xr_floor_check(hand->tables, deep, on_broken, findings);
}

/* ---- ways to break it -------------------------------------------------------------------------
 */

#define SESSION(hand, id)                                                                          \
    xr_hand_get(hand, XR_TABLE_session, xr_key_u64(id), XR_TYPE_session_record)

static void put_session(struct xr_hand *hand, uint64_t id, const struct xr_session_record *record)
{
    xr_hand_put(hand, XR_TABLE_session, xr_key_u64(id), XR_TYPE_session_record, record);
}

static void put_floor(struct xr_hand *hand)
{
    xr_hand_put(hand, XR_TABLE_floor, xr_hand_key_none(), XR_TYPE_floor_record, &hand->floor);
}

static void no_floor(struct xr_hand *hand)
{
    xr_hand_del(hand, XR_TABLE_floor, xr_hand_key_none());
}

static void unreadable_row(struct xr_hand *hand)
{
    xr_hand_raw(hand, XR_TABLE_explanation,
                xr_key_explanation((struct xr_session_id){2}, hand->floor.head - 2), "\2", 1);
}

static void strange_key(struct xr_hand *hand)
{
    xr_hand_raw(hand, XR_TABLE_open, xr_key_u32(2), NULL, 0);
}

static void account_says_another_id(struct xr_hand *hand)
{
    struct xr_account_record *account =
        xr_hand_get(hand, XR_TABLE_account, xr_key_u32(3), XR_TYPE_account_record);
    account->agent.n = 4;
    xr_hand_put(hand, XR_TABLE_account, xr_key_u32(3), XR_TYPE_account_record, account);
}

static void account_missing(struct xr_hand *hand)
{
    xr_hand_del(hand, XR_TABLE_account, xr_key_u32(2));
    xr_hand_del(hand, XR_TABLE_login, xr_key_str(XR_STR("chen")));
}

static void accounts_counted_wrong(struct xr_hand *hand)
{
    hand->floor.accounts--;
    put_floor(hand);
}

static void login_missing(struct xr_hand *hand)
{
    xr_hand_del(hand, XR_TABLE_login, xr_key_str(XR_STR("li")));
}

static void login_of_nobody(struct xr_hand *hand)
{
    xr_hand_raw(hand, XR_TABLE_login, xr_key_str(XR_STR("ghost")), "\0\0\0\3", 4);
}

static void account_in_no_group(struct xr_hand *hand)
{
    static const uint32_t groups[] = {1, 9};
    struct xr_account_record *account =
        xr_hand_get(hand, XR_TABLE_account, xr_key_u32(3), XR_TYPE_account_record);
    account->groups = (struct xr_u32s){groups, 2};
    xr_hand_put(hand, XR_TABLE_account, xr_key_u32(3), XR_TYPE_account_record, account);
}

static void groups_out_of_order(struct xr_hand *hand)
{
    static const uint32_t groups[] = {2, 1};
    struct xr_account_record *account =
        xr_hand_get(hand, XR_TABLE_account, xr_key_u32(3), XR_TYPE_account_record);
    account->groups = (struct xr_u32s){groups, 2};
    xr_hand_put(hand, XR_TABLE_account, xr_key_u32(3), XR_TYPE_account_record, account);
}

static void group_beyond_counter(struct xr_hand *hand)
{
    hand->floor.groups = 1;
    put_floor(hand);
}

static void no_default_group(struct xr_hand *hand)
{
    xr_hand_del(hand, XR_TABLE_group, xr_key_u32(1));
}

static void unknown_setting(struct xr_hand *hand)
{
    const struct xr_setting_record record = {.value = 1};
    xr_hand_put(hand, XR_TABLE_setting, xr_key_str(XR_STR("colour")), XR_TYPE_setting_record,
                &record);
}

static void setting_out_of_range(struct xr_hand *hand)
{
    const struct xr_setting_record record = {.value = 31};
    xr_hand_put(hand, XR_TABLE_setting, xr_key_str(XR_STR("limit_ceiling")), XR_TYPE_setting_record,
                &record);
}

static void agent_without_account(struct xr_hand *hand)
{
    const struct xr_agent_record record = {.agent = {8}, .state = XR_presence_OFFLINE};
    xr_hand_put(hand, XR_TABLE_agent, xr_key_u32(8), XR_TYPE_agent_record, &record);
}

static void load_counted_wrong(struct xr_hand *hand)
{
    struct xr_agent_record *agent =
        xr_hand_get(hand, XR_TABLE_agent, xr_key_u32(3), XR_TYPE_agent_record);
    agent->active++;
    xr_hand_put(hand, XR_TABLE_agent, xr_key_u32(3), XR_TYPE_agent_record, agent);
}

static void idle_session_counted(struct xr_hand *hand)
{
    struct xr_session_record *session = SESSION(hand, 2);
    session->idle = true;
    put_session(hand, 2, session);
}

static void loaded_agent_without_row(struct xr_hand *hand)
{
    xr_hand_del(hand, XR_TABLE_agent, xr_key_u32(3));
}

/* 30 more sessions for Li, which all are told truly. */
static void past_the_ceiling(struct xr_hand *hand)
{
    struct xr_agent_record *agent =
        xr_hand_get(hand, XR_TABLE_agent, xr_key_u32(3), XR_TYPE_agent_record);
    for (uint64_t id = XR_HAND_SESSIONS + 1; id <= XR_HAND_SESSIONS + 30; id++) {
        struct xr_customer_record *customer =
            xr_hand_get(hand, XR_TABLE_customer, xr_key_u64(1), XR_TYPE_customer_record);
        char buyer[16];
        uint8_t number[8];
        snprintf(buyer, sizeof buyer, "x%u", (unsigned)id);
        customer->card.customer.n = ++hand->floor.customers;
        customer->card.buyer = xr_str_of(buyer);
        customer->card.notes = 0;
        customer->card.visits = 1;
        customer->session.n = customer->last_session.n = id;
        xr_put_u64be(number, customer->card.customer.n);
        xr_hand_put(hand, XR_TABLE_customer, xr_key_u64(customer->card.customer.n),
                    XR_TYPE_customer_record, customer);
        xr_hand_raw(hand, XR_TABLE_channel,
                    xr_key_channel(customer->card.channel, customer->card.buyer), number, 8);
        const struct xr_session_record session = {
            .session = {id},
            .customer = customer->card.customer,
            .state = XR_session_state_OPEN,
            .klass = XR_queue_class_NORMAL,
            .group = {1},
            .agent = {3},
            .bridge = {5},
            .owned_ms = 900,
        };
        xr_hand_session(hand, session, 0, "");
    }
    agent->active = 31;
    xr_hand_put(hand, XR_TABLE_agent, xr_key_u32(3), XR_TYPE_agent_record, agent);
}

static void chosen_state_lost(struct xr_hand *hand)
{
    struct xr_agent_record *agent =
        xr_hand_get(hand, XR_TABLE_agent, xr_key_u32(7), XR_TYPE_agent_record);
    agent->state = XR_presence_LOST;
    xr_hand_put(hand, XR_TABLE_agent, xr_key_u32(7), XR_TYPE_agent_record, agent);
}

static void change_agent(struct xr_hand *hand, uint32_t id, enum xr_presence state, bool lost,
                         uint64_t last_pick)
{
    struct xr_agent_record *agent =
        xr_hand_get(hand, XR_TABLE_agent, xr_key_u32(id), XR_TYPE_agent_record);
    agent->state = state;
    agent->lost = lost;
    agent->last_pick = last_pick;
    xr_hand_put(hand, XR_TABLE_agent, xr_key_u32(id), XR_TYPE_agent_record, agent);
}

static void connected_and_lost(struct xr_hand *hand)
{
    change_agent(hand, 3, XR_presence_ONLINE, true, 0);
}

static void alone_and_not_lost(struct xr_hand *hand)
{
    change_agent(hand, 4, XR_presence_ONLINE, false, 0);
}

static void signed_off_with_sessions(struct xr_hand *hand)
{
    change_agent(hand, 3, XR_presence_OFFLINE, false, 0);
}

static void picked_later_than_ever(struct xr_hand *hand)
{
    change_agent(hand, 3, XR_presence_ONLINE, false, 4);
}

static void queued_later_than_ever(struct xr_hand *hand)
{
    struct xr_session_record *session = SESSION(hand, 3);
    session->arrival = 8;
    put_session(hand, 3, session);
}

static void put_balances(struct xr_hand *hand, const uint8_t *bytes, uint32_t size)
{
    const struct xr_balances_record record = {.owed = {bytes, size}};
    xr_hand_put(hand, XR_TABLE_balance, xr_hand_key_none(), XR_TYPE_balances_record, &record);
}

static void balances_not_zero(struct xr_hand *hand)
{
    static const uint8_t one[] = {3, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0};
    put_balances(hand, one, sizeof one);
}

static void balance_past_bound(struct xr_hand *hand)
{
    static const uint8_t much[] = {3, 0, 0, 0, 1,    0,    0,    0,    64,   0,    0,    0,
                                   4, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xbf, 0xff, 0xff, 0xff};
    put_balances(hand, much, sizeof much);
}

static void balance_of_nobody(struct xr_hand *hand)
{
    static const uint8_t zero[] = {9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    put_balances(hand, zero, sizeof zero);
}

static void balances_cut_short(struct xr_hand *hand)
{
    static const uint8_t cut[] = {3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    put_balances(hand, cut, sizeof cut);
}

static void balances_out_of_order(struct xr_hand *hand)
{
    static const uint8_t twice[] = {3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                                    3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    put_balances(hand, twice, sizeof twice);
}

static struct xr_device_record *get_device(struct xr_hand *hand)
{
    return xr_hand_get(hand, XR_TABLE_device, xr_key_u64(11), XR_TYPE_device_record);
}

static void put_device(struct xr_hand *hand, const struct xr_device_record *device)
{
    xr_hand_put(hand, XR_TABLE_device, xr_key_u64(11), XR_TYPE_device_record, device);
}

static void device_says_another_id(struct xr_hand *hand)
{
    struct xr_device_record *device = get_device(hand);
    device->device.n = 13;
    put_device(hand, device);
}

static void device_of_nobody(struct xr_hand *hand)
{
    struct xr_device_record *device = get_device(hand);
    device->agent.n = 30;
    put_device(hand, device);
}

static void token_missing(struct xr_hand *hand)
{
    xr_hand_del(hand, XR_TABLE_token, xr_key_bytes(get_device(hand)->token_hash.at, 32));
}

static void token_of_nobody(struct xr_hand *hand)
{
    xr_hand_raw(hand, XR_TABLE_token, xr_key_bytes("................................", 32),
                "\0\0\0\0\0\0\0\13", 8);
}

static void answer_missing(struct xr_hand *hand)
{
    struct xr_device_record *device = get_device(hand);
    device->counter++;
    put_device(hand, device);
}

static void answer_too_many(struct xr_hand *hand)
{
    struct xr_device_record *device = get_device(hand);
    device->counter--;
    put_device(hand, device);
}

static void answers_cut_short(struct xr_hand *hand)
{
    struct xr_device_record *device = get_device(hand);
    device->answers.size--;
    put_device(hand, device);
}

static void confirmed_more_than_sent(struct xr_hand *hand)
{
    struct xr_device_record *device = get_device(hand);
    device->done = 3;
    device->answers.size = 0;
    put_device(hand, device);
}

static void audit_missing(struct xr_hand *hand)
{
    xr_hand_del(hand, XR_TABLE_audit, xr_key_u64(2));
}

static void audit_beyond_counter(struct xr_hand *hand)
{
    hand->floor.audits = 2;
    put_floor(hand);
}

static void session_missing(struct xr_hand *hand)
{
    xr_hand_del(hand, XR_TABLE_session, xr_key_u64(1));
}

static void session_counted_wrong(struct xr_hand *hand)
{
    hand->floor.sessions++;
    put_floor(hand);
}

static void session_says_another_id(struct xr_hand *hand)
{
    struct xr_session_record *session = SESSION(hand, 3);
    session->session.n = 33;
    put_session(hand, 3, session);
}

static void session_in_no_state_of_these(struct xr_hand *hand)
{
    struct xr_session_record *session = SESSION(hand, 3);
    session->state = XR_session_state_OFFERED;
    put_session(hand, 3, session);
}

static void queued_and_assigned(struct xr_hand *hand)
{
    struct xr_session_record *session = SESSION(hand, 3);
    session->agent.n = 3;
    put_session(hand, 3, session);
}

static void open_without_owner(struct xr_hand *hand)
{
    struct xr_session_record *session = SESSION(hand, 2);
    session->agent.n = 0;
    put_session(hand, 2, session);
}

static void owner_without_account(struct xr_hand *hand)
{
    struct xr_session_record *session = SESSION(hand, 6);
    session->agent.n = 99;
    put_session(hand, 6, session);
}

static void bridge_without_account(struct xr_hand *hand)
{
    struct xr_session_record *session = SESSION(hand, 6);
    session->bridge.n = 99;
    put_session(hand, 6, session);
}

static void session_of_no_group(struct xr_hand *hand)
{
    struct xr_session_record *session = SESSION(hand, 3);
    session->group.n = 9;
    put_session(hand, 3, session);
}

static void session_of_no_customer(struct xr_hand *hand)
{
    xr_hand_del(hand, XR_TABLE_customer, xr_key_u64(5));
}

static void open_index_missing(struct xr_hand *hand)
{
    xr_hand_del(hand, XR_TABLE_open, xr_key_u64(3));
}

static void open_index_too_much(struct xr_hand *hand)
{
    xr_hand_raw(hand, XR_TABLE_open, xr_key_u64(1), NULL, 0);
}

static void open_index_of_none(struct xr_hand *hand)
{
    xr_hand_raw(hand, XR_TABLE_open, xr_key_u64(88), NULL, 0);
}

static void visit_missing(struct xr_hand *hand)
{
    xr_hand_del(hand, XR_TABLE_visit,
                xr_key_visit((struct xr_customer_id){1}, (struct xr_session_id){1}));
}

static void visit_of_another(struct xr_hand *hand)
{
    xr_hand_raw(hand, XR_TABLE_visit,
                xr_key_visit((struct xr_customer_id){2}, (struct xr_session_id){1}), NULL, 0);
}

static struct xr_customer_record *get_customer(struct xr_hand *hand, uint64_t id)
{
    return xr_hand_get(hand, XR_TABLE_customer, xr_key_u64(id), XR_TYPE_customer_record);
}

static void put_customer(struct xr_hand *hand, uint64_t id,
                         const struct xr_customer_record *customer)
{
    xr_hand_put(hand, XR_TABLE_customer, xr_key_u64(id), XR_TYPE_customer_record, customer);
}

static void customer_forgets_its_session(struct xr_hand *hand)
{
    struct xr_customer_record *customer = get_customer(hand, 1);
    customer->session.n = 0;
    put_customer(hand, 1, customer);
}

static void customer_keeps_a_closed_session(struct xr_hand *hand)
{
    struct xr_customer_record *customer = get_customer(hand, 1);
    customer->session.n = 1;
    put_customer(hand, 1, customer);
}

static void newest_session_of_another(struct xr_hand *hand)
{
    struct xr_customer_record *customer = get_customer(hand, 1);
    customer->last_session.n = 3;
    put_customer(hand, 1, customer);
}

static void visits_counted_wrong(struct xr_hand *hand)
{
    struct xr_customer_record *customer = get_customer(hand, 1);
    customer->card.visits++;
    put_customer(hand, 1, customer);
}

static void customer_counted_wrong(struct xr_hand *hand)
{
    hand->floor.customers++;
    put_floor(hand);
}

static void channel_missing(struct xr_hand *hand)
{
    xr_hand_del(hand, XR_TABLE_channel, xr_key_channel(XR_STR("taobao"), XR_STR("b1")));
}

static void channel_of_another(struct xr_hand *hand)
{
    xr_hand_raw(hand, XR_TABLE_channel, xr_key_channel(XR_STR("taobao"), XR_STR("b9")),
                "\0\0\0\0\0\0\0\1", 8);
}

static void revision_missing(struct xr_hand *hand)
{
    xr_hand_del(hand, XR_TABLE_note, xr_key_note((struct xr_customer_id){1}, 1, 1));
}

static void note_missing(struct xr_hand *hand)
{
    xr_hand_del(hand, XR_TABLE_note, xr_key_note((struct xr_customer_id){1}, 2, 1));
}

static void notes_counted_wrong(struct xr_hand *hand)
{
    struct xr_customer_record *customer = get_customer(hand, 1);
    customer->card.notes = 4;
    put_customer(hand, 1, customer);
}

static void note_says_another_number(struct xr_hand *hand)
{
    const struct xr_note_record record = {.note = {.note = 2, .revision = 2}};
    xr_hand_put(hand, XR_TABLE_note, xr_key_note((struct xr_customer_id){1}, 2, 1),
                XR_TYPE_note_record, &record);
}

static void note_about_nobody(struct xr_hand *hand)
{
    const struct xr_note_record record = {.note = {.note = 1, .revision = 1}};
    xr_hand_put(hand, XR_TABLE_note, xr_key_note((struct xr_customer_id){77}, 1, 1),
                XR_TYPE_note_record, &record);
}

static void chunk_missing(struct xr_hand *hand)
{
    xr_hand_del(hand, XR_TABLE_spill, xr_key_spill((struct xr_session_id){5}, 1));
}

static void chunk_of_nobody(struct xr_hand *hand)
{
    static const uint8_t one[] = {1};
    const struct xr_spill_record record = {.positions = {one, 1}};
    xr_hand_put(hand, XR_TABLE_spill, xr_key_spill((struct xr_session_id){2}, 1),
                XR_TYPE_spill_record, &record);
}

static void spilled_counted_wrong(struct xr_hand *hand)
{
    struct xr_session_record *session = SESSION(hand, 5);
    session->spilled--;
    put_session(hand, 5, session);
}

static void number_counted_wrong(struct xr_hand *hand)
{
    struct xr_session_record *session = SESSION(hand, 2);
    session->number++;
    put_session(hand, 2, session);
}

static void messages_counted_wrong(struct xr_hand *hand)
{
    hand->floor.messages++;
    put_floor(hand);
}

static void set_positions(struct xr_hand *hand, const uint8_t *bytes, uint32_t size)
{
    struct xr_session_record *session = SESSION(hand, 2);
    session->positions = (struct xr_bin){bytes, size};
    put_session(hand, 2, session);
}

static void positions_unreadable(struct xr_hand *hand)
{
    static const uint8_t bytes[] = {3, 1, 0};
    set_positions(hand, bytes, sizeof bytes);
}

static void position_behind_the_journal(struct xr_hand *hand)
{
    static const uint8_t bytes[] = {3, 1, 0xff, 0xff, 0x7f};
    set_positions(hand, bytes, sizeof bytes);
}

static void position_of_another_message(struct xr_hand *hand)
{
    static const uint8_t bytes[] = {3, 1, 2}; /* the third is session 3's message */
    set_positions(hand, bytes, sizeof bytes);
}

static void head_goes_back_behind_chunks(struct xr_hand *hand)
{
    struct xr_session_record *session = SESSION(hand, 5);
    uint8_t *bytes = (uint8_t *)(uintptr_t)session->positions.at;
    bytes[0] = 1; /* was the whole position, two bytes long */
    bytes[1] = 1;
    session->number++;
    put_session(hand, 5, session);
    hand->floor.messages++;
    put_floor(hand);
}

static void message_without_session_position(struct xr_hand *hand)
{
    const struct xr_message_added update = {.message = {.session = {2},
                                                        .number = 2,
                                                        .sender = XR_sender_BUYER,
                                                        .kind = XR_message_kind_TEXT,
                                                        .wall_ms = 1}};
    xr_hand_push(hand, XR_TYPE_message_added, &update);
}

static void message_past_the_last(struct xr_hand *hand)
{
    const struct xr_message_added update = {.message = {.session = {2},
                                                        .number = 4,
                                                        .sender = XR_sender_BUYER,
                                                        .kind = XR_message_kind_TEXT,
                                                        .wall_ms = 1}};
    xr_hand_push(hand, XR_TYPE_message_added, &update);
}

static void chain_broken(struct xr_hand *hand)
{
    struct xr_session_record *session = SESSION(hand, 5);
    ((uint8_t *)(uintptr_t)session->chain.at)[31] ^= 1;
    put_session(hand, 5, session);
}

/* A word of message 3 of session 2 is changed where it is stored. */
static void text_forged(struct xr_hand *hand)
{
    const struct xr_key key = xr_key_u64(5);
    struct xr_bin value;
    assert_int_equal(xr_tables_get(hand->tables, XR_TABLE_journal, xr_key_of(&key), &value), XR_OK);
    uint8_t *copy = malloc(value.size);
    memcpy(copy, value.at, value.size);
    uint8_t *text = memmem(copy, value.size, "在吗", strlen("在吗"));
    assert_non_null(text);
    memcpy(text, "再见", strlen("再见"));
    xr_tables_put(hand->tables, XR_TABLE_journal, xr_key_of(&key),
                  (struct xr_bin){copy, value.size});
    free(copy);
}

static void journal_row_missing(struct xr_hand *hand)
{
    xr_hand_del(hand, XR_TABLE_journal, xr_key_u64(hand->floor.head - 1));
}

static void journal_beyond_head(struct xr_hand *hand)
{
    hand->floor.head--;
    put_floor(hand);
}

static void journal_short_of_head(struct xr_hand *hand)
{
    hand->floor.head++;
    put_floor(hand);
}

static void journal_row_unreadable(struct xr_hand *hand)
{
    xr_hand_raw(hand, XR_TABLE_journal, xr_key_u64(hand->floor.head), "\7", 1);
}

static void journal_update_unreadable(struct xr_hand *hand)
{
    xr_hand_raw(hand, XR_TABLE_journal, xr_key_u64(hand->floor.head), "\1\0\0\x70\1\3\xa1\x78", 8);
}

static void explanation_of_no_session(struct xr_hand *hand)
{
    const struct xr_explanation_record record = {.explanation = {.session = {90},
                                                                 .seq = 1,
                                                                 .decision = XR_decision_QUEUED,
                                                                 .cause = XR_cause_NEW,
                                                                 .decider = XR_decider_NOBODY}};
    xr_hand_put(hand, XR_TABLE_explanation, xr_key_explanation((struct xr_session_id){90}, 1),
                XR_TYPE_explanation_record, &record);
}

static void explanation_behind_the_journal(struct xr_hand *hand)
{
    const uint64_t seq = hand->floor.head + 1;
    const struct xr_explanation_record record = {.explanation = {.session = {2},
                                                                 .seq = seq,
                                                                 .decision = XR_decision_QUEUED,
                                                                 .cause = XR_cause_NEW,
                                                                 .decider = XR_decider_NOBODY}};
    xr_hand_put(hand, XR_TABLE_explanation, xr_key_explanation((struct xr_session_id){2}, seq),
                XR_TYPE_explanation_record, &record);
}

static void put_charge(struct xr_hand *hand, uint64_t session, const uint8_t *bytes, uint32_t size)
{
    const struct xr_charge_record record = {.deltas = {bytes, size}};
    xr_hand_put(hand, XR_TABLE_charge, xr_key_u64(session), XR_TYPE_charge_record, &record);
}

static void charge_not_zero(struct xr_hand *hand)
{
    static const uint8_t one[] = {3, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0};
    put_charge(hand, 2, one, sizeof one);
}

static void charge_of_a_queued_session(struct xr_hand *hand)
{
    static const uint8_t zero[] = {3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    put_charge(hand, 3, zero, sizeof zero);
}

static const struct breakage {
    void (*run)(struct xr_hand *);
    const char *finding; /* invariant and the beginning of the text */
    bool only_deep;      /* the short check does not see it */
} breakages[] = {
    {no_floor, "row: the floor's own row", false},
    {unreadable_row, "row: table explanation", false},
    {strange_key, "row: table open: a key of 4 bytes", false},
    {account_says_another_id, "I15 key: account 3", false},
    {account_missing, "counter: account 3 follows 1", false},
    {accounts_counted_wrong, "counter: last account is 7", false},
    {login_missing, "I15 login: account 3", false},
    {login_of_nobody, "I15 login: log-in name \"ghost\"", false},
    {account_in_no_group, "I15 group: account 3 is in group 9", false},
    {groups_out_of_order, "I15 group: account 3: its groups", false},
    {group_beyond_counter, "counter: last group is 2", false},
    {no_default_group, "I15 group: the default group", false},
    {unknown_setting, "setting: there is no setting \"colour\"", false},
    {setting_out_of_range, "setting: setting limit_ceiling is 31", false},
    {agent_without_account, "I15 agent: agent 8", false},
    {load_counted_wrong, "I5 load: agent 3: its load is 2", false},
    {idle_session_counted, "I5 load: agent 3: its load is 1", false},
    {loaded_agent_without_row, "I5 load: agent 3 has 1", false},
    {past_the_ceiling, "I5 limit: agent 3", false},
    {chosen_state_lost, "presence: agent 7: LOST", false},
    {connected_and_lost, "presence: agent 3 is online, has 1", false},
    {alone_and_not_lost, "presence: agent 4 is online, has 0", false},
    {signed_off_with_sessions, "I5 owner: agent 3 is signed off", false},
    {picked_later_than_ever, "counter: agent 3 was last picked", false},
    {queued_later_than_ever, "counter: session 3 has place", false},
    {visits_counted_wrong, "I15 visit: customer 1: its card says 3", false},
    {balances_not_zero, "balance: balance of all agents, row 1: the sum is 1", false},
    {balance_past_bound, "balance: balance of all agents, row 1: agent 3", false},
    {balance_of_nobody, "balance: balance of all agents, row 1 names agent 9", false},
    {balances_cut_short, "balance: balance of all agents, row 1 is cut", false},
    {balances_out_of_order, "balance: balance of all agents, row 1: agents", false},
    {device_says_another_id, "I15 key: device 11", false},
    {device_of_nobody, "I15 device: device 11", false},
    {token_missing, "I15 token: device 11", false},
    {token_of_nobody, "I15 token: a token leads to device 11", false},
    {answer_missing, "I3 answers: device 11: answers are kept up to command 2", false},
    {answer_too_many, "I3 answers: device 11", false},
    {answers_cut_short, "I3 answers: device 11", false},
    {confirmed_more_than_sent, "I3 answers: device 11 confirmed answer 3", false},
    {audit_missing, "counter: audit row 3 follows 1", false},
    {audit_beyond_counter, "counter: last audit row is 3", false},
    {session_missing, "counter: session 2 follows 0", false},
    {session_counted_wrong, "I5 conservation: 8 sessions", false},
    {session_says_another_id, "I15 key: session 3", false},
    {session_in_no_state_of_these, "I5 conservation: 7 sessions", false},
    {queued_and_assigned, "I5 owner: session 3 is queued and assigned", false},
    {open_without_owner, "I5 owner: session 2", false},
    {owner_without_account, "I15 agent: session 6 belongs", false},
    {bridge_without_account, "I15 agent: session 6 came", false},
    {session_of_no_group, "I15 group: session 3", false},
    {session_of_no_customer, "I15 customer: session 7", false},
    {open_index_missing, "I15 open: session 3 is queued", false},
    {open_index_too_much, "I15 open: session 1 is closed", false},
    {open_index_of_none, "I15 open: the index of open sessions lists 88", false},
    {visit_missing, "I15 visit: session 1", false},
    {visit_of_another, "I15 visit: customer 2", false},
    {customer_forgets_its_session, "I15 customer: session 2", false},
    {customer_keeps_a_closed_session, "I15 customer: customer 1", false},
    {newest_session_of_another, "I15 visit: customer 1", false},
    {customer_counted_wrong, "counter: the last customer is 5", false},
    {channel_missing, "I15 channel: customer 1", false},
    {channel_of_another, "I15 channel: a channel's buyer leads to customer 1", false},
    {revision_missing, "I7 notes: customer 1: note 1 revision 2 follows", false},
    {note_missing, "I7 notes: customer 1: note 3 revision 1 follows", false},
    {notes_counted_wrong, "I7 notes: customer 1: its card says 4", false},
    {note_says_another_number, "I15 key: customer 1: note 2 revision 1", false},
    {note_about_nobody, "I15 customer: note 1 is about customer 77", false},
    {chunk_missing, "I15 spill: session 5: the positions from message 1", false},
    {chunk_of_nobody, "I15 spill: positions of session 2", false},
    {spilled_counted_wrong, "I15 spill: session 5:", false},
    {number_counted_wrong, "I4 order: session 2: 3 messages", false},
    {messages_counted_wrong, "I4 order: sessions have", false},
    {positions_unreadable, "I4 order: session 2: positions after message 2", false},
    {position_behind_the_journal, "I4 order: session 2: message 3 is said", false},
    {position_of_another_message, "I4 order: session 2: its message 3 is not", true},
    {head_goes_back_behind_chunks, "I4 order: session 5: positions after", false},
    {message_without_session_position, "I4 order: the journal holds", true},
    {message_past_the_last, "I4 order: journal row", true},
    {chain_broken, "chain: session 5", true},
    {text_forged, "chain: session 2", true},
    {journal_row_missing, "I12 journal: journal row", false},
    {journal_beyond_head, "I12 journal: the journal ends", false},
    {journal_short_of_head, "I12 journal: the journal ends", false},
    {journal_row_unreadable, "row: journal row", false},
    {journal_update_unreadable, "row: journal row", true},
    {explanation_of_no_session, "I15 explanation: explanation 1 is of session 90", false},
    {explanation_behind_the_journal, "I15 explanation: explanation of session 2", false},
    {charge_not_zero, "balance: charge of session 2: the sum", false},
    {charge_of_a_queued_session, "I15 charge: a charge is kept for session 3", false},
};

/* ---- tests ---------------------------------------------------------------------------------- */

static void a_floor_that_holds_together_passes(void **state)
{
    (void)state;
    struct xr_hand hand;
    struct findings *findings = malloc(sizeof *findings);
    xr_hand_init(&hand);
    const size_t broken = run_check(&hand, false, findings);
    const size_t broken_deep = run_check(&hand, true, findings);
    if (broken + broken_deep)
        print_message("%s", findings->at);
    assert_int_equal(broken, 0);
    assert_int_equal(broken_deep, 0);
    xr_hand_fini(&hand);
    free(findings);
}

static bool is_found(const struct findings *findings, const char *finding)
{
    for (const char *at = findings->at; (at = strstr(at, finding)); at++) {
        if (at == findings->at || at[-1] == '\n')
            return true;
    }
    return false;
}

static void break_one(const struct breakage *breakage, struct findings *findings)
{
    struct xr_hand hand;
    xr_hand_init(&hand);
    breakage->run(&hand);

    const size_t broken = run_check(&hand, false, findings);
    if (is_found(findings, breakage->finding) == breakage->only_deep)
        fail_msg("short check: \"%s\" %s in\n%s", breakage->finding,
                 breakage->only_deep ? "found" : "not found", findings->at);
    assert_int_equal(broken == 0, breakage->only_deep);

    const size_t broken_deep = run_check(&hand, true, findings);
    if (!is_found(findings, breakage->finding))
        fail_msg("deep check: \"%s\" not found in\n%s", breakage->finding, findings->at);
    assert_true(broken_deep >= broken);
    xr_hand_fini(&hand);
}

static void every_rule_can_fail(void **state)
{
    (void)state;
    struct findings *findings = malloc(sizeof *findings);
    for (size_t i = 0; i < sizeof breakages / sizeof breakages[0]; i++)
        break_one(&breakages[i], findings);
    free(findings);
}

static void nobody_has_to_listen(void **state)
{
    (void)state;
    struct xr_hand hand;
    xr_hand_init(&hand);
    login_missing(&hand);
    assert_int_equal(xr_floor_check(hand.tables, true, NULL, NULL), 1);
    xr_hand_fini(&hand);
}

static void the_check_writes_nothing(void **state)
{
    (void)state;
    struct xr_hand hand;
    xr_hand_init(&hand);
    hand.tables->read_only = true; /* a write would assert */
    assert_int_equal(xr_floor_check(hand.tables, true, NULL, NULL), 0);
    hand.tables->read_only = false;
    xr_hand_fini(&hand);
}

/* Waking up is no overrun: the same 31 sessions, but the agent has had them for long. */
static void sessions_that_may_have_slept_do_not_break_the_ceiling(void **state)
{
    (void)state;
    struct xr_hand hand;
    struct findings *findings = malloc(sizeof *findings);
    xr_hand_init(&hand);
    past_the_ceiling(&hand);
    struct xr_session_record *session = SESSION(&hand, 5);
    session->active_ms = 900 + 1800 * 1000;
    put_session(&hand, 5, session);
    assert_int_equal(run_check(&hand, true, findings), 0);
    xr_hand_fini(&hand);
    free(findings);
}

static void idle_sessions_count_where_the_setting_says_so(void **state)
{
    (void)state;
    struct xr_hand hand;
    const struct xr_setting_record record = {.value = 1};
    xr_hand_init(&hand);
    idle_session_counted(&hand);
    xr_hand_put(&hand, XR_TABLE_setting, xr_key_str(XR_STR("idle_counts")), XR_TYPE_setting_record,
                &record);
    assert_int_equal(xr_floor_check(hand.tables, true, NULL, NULL), 0);
    xr_hand_fini(&hand);
}

static void lack_of_memory_is_no_clean_result(void **state)
{
    (void)state;
    struct xr_hand hand;
    xr_hand_init(&hand);
    for (uint64_t nth = 1; nth <= 4; nth++) {
        xr_mem_arm(nth, true);
        const size_t broken = xr_floor_check(hand.tables, true, NULL, NULL);
        xr_mem_arm(0, false);
        assert_true(broken > 0);
    }
    xr_hand_fini(&hand);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_floor_that_holds_together_passes),
        cmocka_unit_test(every_rule_can_fail),
        cmocka_unit_test(nobody_has_to_listen),
        cmocka_unit_test(the_check_writes_nothing),
        cmocka_unit_test(sessions_that_may_have_slept_do_not_break_the_ceiling),
        cmocka_unit_test(idle_sessions_count_where_the_setting_says_so),
        cmocka_unit_test(lack_of_memory_is_no_clean_result),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
