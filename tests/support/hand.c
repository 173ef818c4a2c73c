/* A small floor written by hand. */
#include "support/hand.h"

#include <string.h>

#include "floor/chain.h"
#include "floor/journal.h"
#include "store/store.h"

#define CHUNK_BYTES 40 /* small, so that a few messages spill */

struct xr_key xr_hand_key_none(void)
{
    return xr_key_bytes(NULL, 0);
}

void xr_hand_put(struct xr_hand *hand, enum xr_table table, struct xr_key key, enum xr_type type,
                 const void *record)
{
    xr_record_put(hand->tables, table, xr_key_of(&key), type, record, &hand->row);
    XR_ASSERT(hand->tables->failed == XR_OK);
}

void *xr_hand_get(struct xr_hand *hand, enum xr_table table, struct xr_key key, enum xr_type type)
{
    struct xr_bin value;
    const void *record;
    XR_ASSERT(xr_tables_get(hand->tables, table, xr_key_of(&key), &value) == XR_OK);
    value = xr_arena_bin(hand->arena, value.at, value.size);
    XR_ASSERT(xr_record_decode(value, type, hand->arena, &record) == XR_OK);
    return (void *)(uintptr_t)record;
}

void xr_hand_raw(struct xr_hand *hand, enum xr_table table, struct xr_key key, const void *bytes,
                 size_t size)
{
    xr_tables_put(hand->tables, table, xr_key_of(&key), (struct xr_bin){bytes, (uint32_t)size});
}

void xr_hand_del(struct xr_hand *hand, enum xr_table table, struct xr_key key)
{
    xr_tables_del(hand->tables, table, xr_key_of(&key));
}

static void put_u64(struct xr_hand *hand, enum xr_table table, struct xr_key key, uint64_t value)
{
    uint8_t bytes[8];
    xr_put_u64be(bytes, value);
    xr_hand_raw(hand, table, key, bytes, sizeof bytes);
}

static void put_floor(struct xr_hand *hand)
{
    xr_hand_put(hand, XR_TABLE_floor, xr_hand_key_none(), XR_TYPE_floor_record, &hand->floor);
}

uint64_t xr_hand_push(struct xr_hand *hand, enum xr_type type, const void *update)
{
    const struct xr_audience audience = {.roles = 1U << XR_role_SUPERVISOR};
    const struct xr_key key = xr_key_u64(++hand->floor.head);
    xr_buf_reset(&hand->row);
    xr_journal_encode(&hand->row, &audience, type, update);
    XR_ASSERT(!hand->row.failed);
    xr_tables_append(hand->tables, XR_TABLE_journal, xr_key_of(&key),
                     (struct xr_bin){hand->row.at, (uint32_t)hand->row.size});
    put_floor(hand);
    return hand->floor.head;
}

/* ---- people --------------------------------------------------------------------------------- */

static void put_account(struct xr_hand *hand, const char *login, const char *name,
                        enum xr_role role, struct xr_u32s groups)
{
    const struct xr_account_record record = {
        .agent = {++hand->floor.accounts},
        .login = xr_str_of(login),
        .name = xr_str_of(name),
        .role = role,
        .state = XR_account_state_ACTIVE,
        .hash = XR_STR("a hash"),
        .weight = 100,
        .groups = groups,
    };
    uint8_t id[4];
    xr_put_u32be(id, record.agent.n);
    xr_hand_put(hand, XR_TABLE_account, xr_key_u32(record.agent.n), XR_TYPE_account_record,
                &record);
    xr_hand_raw(hand, XR_TABLE_login, xr_key_str(record.login), id, sizeof id);
}

static void put_agent(struct xr_hand *hand, uint32_t agent, enum xr_presence state, bool lost,
                      uint32_t active)
{
    const struct xr_agent_record record = {
        .agent = {agent},
        .state = state,
        .since_wall_ms = XR_HAND_WALL_MS - XR_HAND_HOUR_MS,
        .lost = lost,
        .active = active,
        .taken = 10 + agent,
        .available_ms = 1000,
    };
    xr_hand_put(hand, XR_TABLE_agent, xr_key_u32(agent), XR_TYPE_agent_record, &record);
}

static void put_people(struct xr_hand *hand)
{
    static const uint32_t both[] = {1, 2};
    const struct xr_u32s none = {NULL, 0};
    put_account(hand, "boss", "Boss", XR_role_OWNER, none);
    put_account(hand, "chen", "Chen", XR_role_SUPERVISOR, none);
    put_account(hand, "li", "Li", XR_role_AGENT, (struct xr_u32s){both, 2});
    put_account(hand, "wang", "Wang", XR_role_AGENT, (struct xr_u32s){both, 1});
    put_account(hand, "taobao", "", XR_role_BRIDGE, none);
    put_account(hand, "tmall", "", XR_role_BRIDGE, none);
    put_account(hand, "zhao", "Zhao", XR_role_AGENT, (struct xr_u32s){both, 1});
    put_agent(hand, 3, XR_presence_ONLINE, false, 1);
    put_agent(hand, 4, XR_presence_ONLINE, true, 1);
    put_agent(hand, 7, XR_presence_PAUSED, false, 0);
}

static void put_groups(struct xr_hand *hand)
{
    const struct xr_group_record first = {
        .group = {1}, .name = XR_STR("default"), .title = XR_STR("售前")};
    const struct xr_group_record second = {.group = {2}, .name = XR_STR("aftersale")};
    xr_hand_put(hand, XR_TABLE_group, xr_key_u32(1), XR_TYPE_group_record, &first);
    xr_hand_put(hand, XR_TABLE_group, xr_key_u32(2), XR_TYPE_group_record, &second);
    hand->floor.groups = 2;
}

static void put_device(struct xr_hand *hand, uint64_t device, uint32_t agent, uint64_t counter)
{
    uint8_t token[XR_HASH_BYTES];
    struct xr_buf answers;
    memset(token, (int)device, sizeof token);
    xr_buf_init(&answers, 1024);
    for (uint64_t ref = 1; ref <= counter; ref++) {
        const struct xr_done done = {.number = (uint32_t)ref};
        xr_frame_encode(&answers, XR_TYPE_done, ref, &done);
    }
    const struct xr_device_record record = {
        .device = {device},
        .agent = {agent},
        .token_hash = {token, sizeof token},
        .client = XR_STR("test/1"),
        .counter = counter,
        .answers = {answers.at, (uint32_t)answers.size},
        .alive = device == 12 ? 0 : 99,
    };
    xr_hand_put(hand, XR_TABLE_device, xr_key_u64(device), XR_TYPE_device_record, &record);
    put_u64(hand, XR_TABLE_token, xr_key_bytes(token, sizeof token), device);
    xr_buf_fini(&answers);
}

static void put_audits(struct xr_hand *hand)
{
    for (uint64_t number = 1; number <= 3; number++) {
        const struct xr_audit_record record = {
            .audit = {.number = number, .what = XR_STR("be"), .who = {2}}};
        xr_hand_put(hand, XR_TABLE_audit, xr_key_u64(number), XR_TYPE_audit_record, &record);
    }
    hand->floor.audits = 3;
}

/* Li is owed half a session by Wang; 12 bytes each, little-endian. */
static void put_balances(struct xr_hand *hand)
{
    static const uint8_t half[24] = {3, 0, 0, 0, 0, 0, 0, 0x80, 0,    0,    0,    0,
                                     4, 0, 0, 0, 0, 0, 0, 0x80, 0xff, 0xff, 0xff, 0xff};
    const struct xr_balances_record balances = {.owed = {half, sizeof half}};
    const struct xr_charge_record charge = {.deltas = {half, sizeof half}};
    xr_hand_put(hand, XR_TABLE_balance, xr_hand_key_none(), XR_TYPE_balances_record, &balances);
    xr_hand_put(hand, XR_TABLE_charge, xr_key_u64(2), XR_TYPE_charge_record, &charge);
}

/* ---- buyers --------------------------------------------------------------------------------- */

static void put_customer(struct xr_hand *hand, const char *channel, const char *buyer,
                         uint64_t session, uint64_t last, uint32_t visits, uint32_t notes)
{
    const struct xr_customer_record record = {
        .card = {.customer = {++hand->floor.customers},
                 .nick = XR_STR("小明"),
                 .channel = xr_str_of(channel),
                 .buyer = xr_str_of(buyer),
                 .visits = visits,
                 .notes = notes},
        .session = {session},
        .last_session = {last},
    };
    const struct xr_key key = xr_key_channel(record.card.channel, record.card.buyer);
    xr_hand_put(hand, XR_TABLE_customer, xr_key_u64(record.card.customer.n),
                XR_TYPE_customer_record, &record);
    put_u64(hand, XR_TABLE_channel, key, record.card.customer.n);
}

static void put_note(struct xr_hand *hand, uint32_t note, uint32_t revision, bool pinned,
                     const char *text)
{
    const struct xr_note_record record = {.note = {.note = note,
                                                   .revision = revision,
                                                   .author = {3},
                                                   .pinned = pinned,
                                                   .text = xr_str_of(text)}};
    xr_hand_put(hand, XR_TABLE_note, xr_key_note((struct xr_customer_id){1}, note, revision),
                XR_TYPE_note_record, &record);
}

static void put_buyers(struct xr_hand *hand)
{
    put_customer(hand, "taobao", "b1", 2, 2, 2, 3);
    put_customer(hand, "taobao", "b2", 3, 6, 2, 0);
    put_customer(hand, "tmall", "b3", 4, 4, 1, 0);
    put_customer(hand, "tmall", "b4", 5, 5, 1, 0);
    put_customer(hand, "taobao", "b5", 7, 7, 1, 0);
    put_note(hand, 1, 1, false, "first");
    put_note(hand, 1, 2, true, "first, again");
    put_note(hand, 2, 1, false, "second");
    put_note(hand, 3, 1, true, "third");
}

/* ---- sessions ------------------------------------------------------------------------------- */

/* Write the positions so far as a chunk. */
static void spill(struct xr_hand *hand, struct xr_session_record *record, struct xr_buf *positions)
{
    const struct xr_spill_record chunk = {.positions = {positions->at, (uint32_t)positions->size}};
    xr_hand_put(hand, XR_TABLE_spill, xr_key_spill(record->session, record->spilled + 1),
                XR_TYPE_spill_record, &chunk);
    record->spilled = record->number;
    xr_buf_reset(positions);
}

static uint64_t add_message(struct xr_hand *hand, struct xr_session_record *record,
                            const char *text, uint8_t link[XR_HASH_BYTES])
{
    static const uint8_t salt[XR_SALT_BYTES] = {1, 2, 3};
    const bool buyer = record->number % 2 == 0;
    const struct xr_message_added update = {
        .message = {
            .session = record->session,
            .number = ++record->number,
            .sender = buyer ? XR_sender_BUYER : XR_sender_AGENT,
            .agent = {buyer ? 0 : 3},
            .kind = record->number == 2 ? XR_message_kind_WHISPER : XR_message_kind_TEXT,
            .text = xr_str_of(text),
            .wall_ms = XR_HAND_WALL_MS + record->number,
            .salt = {salt, sizeof salt},
        }};
    hand->floor.messages++;
    xr_chain_next(link, &update.message);
    return xr_hand_push(hand, XR_TYPE_message_added, &update);
}

void xr_hand_session(struct xr_hand *hand, struct xr_session_record record, uint32_t messages,
                     const char *text)
{
    uint8_t link[XR_HASH_BYTES] = {0};
    struct xr_buf positions;
    uint64_t last = 0;
    xr_buf_init(&positions, 1024);
    for (uint32_t i = 0; i < messages; i++) {
        if (positions.size >= CHUNK_BYTES) {
            spill(hand, &record, &positions);
            last = 0;
        }
        const uint64_t seq = add_message(hand, &record, text, link);
        uint8_t bytes[XR_POSITION_MAX];
        xr_buf_add(&positions, bytes, xr_position_put(bytes, last, seq));
        last = seq;
    }
    record.positions = (struct xr_bin){positions.at, (uint32_t)positions.size};
    if (messages)
        record.chain = (struct xr_bin){link, sizeof link};
    xr_hand_put(hand, XR_TABLE_session, xr_key_u64(record.session.n), XR_TYPE_session_record,
                &record);
    xr_hand_raw(hand, XR_TABLE_visit, xr_key_visit(record.customer, record.session), NULL, 0);
    if (record.state != XR_session_state_CLOSED)
        xr_hand_raw(hand, XR_TABLE_open, xr_key_u64(record.session.n), NULL, 0);
    if (record.session.n > hand->floor.sessions)
        hand->floor.sessions = record.session.n;
    put_floor(hand);
    xr_buf_fini(&positions);
}

static struct xr_session_record session_of(uint64_t id, uint64_t customer,
                                           enum xr_session_state state, uint32_t agent,
                                           uint32_t bridge)
{
    return (struct xr_session_record){
        .session = {id},
        .customer = {customer},
        .state = state,
        .klass = XR_queue_class_NORMAL,
        .group = {1},
        .agent = {agent},
        .bridge = {bridge},
        .opened_wall_ms = XR_HAND_WALL_MS - XR_HAND_DAY_MS,
        .active_ms = 1000,
        .owned_ms = state == XR_session_state_OPEN ? 500 : 0,
        .arrival = state == XR_session_state_QUEUED ? id : 0,
        .queued_wall_ms = state == XR_session_state_QUEUED ? XR_HAND_WALL_MS - (int64_t)id : 0,
    };
}

static void put_sessions(struct xr_hand *hand)
{
    struct xr_session_record record;
    record = session_of(1, 1, XR_session_state_CLOSED, 4, 5);
    record.closed_wall_ms = XR_HAND_WALL_MS - 30 * XR_HAND_DAY_MS;
    xr_hand_session(hand, record, 2, "long ago");
    xr_hand_session(hand, session_of(2, 1, XR_session_state_OPEN, 3, 5), 3, "在吗");
    xr_hand_session(hand, session_of(3, 2, XR_session_state_QUEUED, 0, 5), 1, "hello");
    record = session_of(4, 3, XR_session_state_QUEUED, 0, 6);
    record.klass = XR_queue_class_VIP;
    xr_hand_session(hand, record, 0, "");
    xr_hand_session(hand, session_of(5, 4, XR_session_state_OPEN, 4, 6), XR_HAND_MESSAGES,
                    "again and again");
    record = session_of(6, 2, XR_session_state_CLOSED, 4, 5);
    record.closed_wall_ms = XR_HAND_WALL_MS - XR_HAND_DAY_MS;
    xr_hand_session(hand, record, 1, "bye");
    record = session_of(7, 5, XR_session_state_QUEUED, 0, 5);
    record.group.n = 2;
    record.first = true;
    xr_hand_session(hand, record, 1, "back again");
}

/* The decision that gave `session` to `agent`. */
static void put_explanation(struct xr_hand *hand, uint64_t session, uint32_t agent, int64_t wall_ms)
{
    const struct xr_session_changed update = {
        .change = XR_change_ASSIGNED,
        .session = {.session = {session}, .state = XR_session_state_OPEN},
    };
    const uint64_t seq = xr_hand_push(hand, XR_TYPE_session_changed, &update);
    const struct xr_explanation_record record = {.explanation = {.session = {session},
                                                                 .seq = seq,
                                                                 .wall_ms = wall_ms,
                                                                 .decision = XR_decision_ASSIGNED,
                                                                 .cause = XR_cause_NEW,
                                                                 .decider = XR_decider_MOST_OWED,
                                                                 .agent = {agent}}};
    xr_hand_put(hand, XR_TABLE_explanation,
                xr_key_explanation((struct xr_session_id){session}, seq),
                XR_TYPE_explanation_record, &record);
}

void xr_hand_init(struct xr_hand *hand)
{
    *hand = (struct xr_hand){
        .tables = xr_memory_tables_new(),
        .arena = xr_arena_new(4096),
        .floor = {.name = XR_STR("shop"), .arrivals = 7, .picks = 3},
    };
    XR_ASSERT(hand->tables != NULL);
    XR_ASSERT(hand->arena != NULL);
    xr_buf_init(&hand->row, 1024 * 1024);
    put_groups(hand);
    put_people(hand);
    put_buyers(hand);
    put_sessions(hand);
    put_explanation(hand, 2, 3, XR_HAND_WALL_MS - 2 * XR_HAND_HOUR_MS);
    put_explanation(hand, 5, 3, XR_HAND_WALL_MS - 2 * XR_HAND_HOUR_MS);
    put_explanation(hand, 5, 4, XR_HAND_WALL_MS - XR_HAND_HOUR_MS);
    put_device(hand, 11, 3, 2);
    put_device(hand, 12, 5, 0);
    put_device(hand, 13, 7, 0);
    put_audits(hand);
    put_balances(hand);
    put_floor(hand);
}

void xr_hand_fini(struct xr_hand *hand)
{
    xr_memory_tables_free(hand->tables);
    xr_arena_free(hand->arena);
    xr_buf_fini(&hand->row);
}
