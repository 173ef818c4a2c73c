/*
 * The check's walks over sessions, their messages, and customers.
 *
 * A message row and a session's position are one to one: each position leads to a row that names
 * exactly this session and number (so no row can be reached twice), and there are as many rows as
 * numbers (so none is left over).
 */
#include <string.h>

#include "floor/chain.h"
#include "floor/check.h"
#include "floor/journal.h"

/* Messages of one session while they are walked. */
struct thread {
    const struct xr_session_record *session;
    uint32_t number;   /* of the last one */
    uint64_t position; /* of the last one */
    uint8_t link[XR_HASH_BYTES];
    bool whole; /* all rows so far could be read: the chain means something */
};

static unsigned long long id_of(const struct xr_session_record *session)
{
    return session->session.n;
}

/* ---- messages of a session --------------------------------------------------------------------
 */

/* The message at a journal position, in check->inner; NULL: no such row. */
static const struct xr_message *read_message(struct xr_check *check, uint64_t seq)
{
    const struct xr_key key = xr_key_u64(seq);
    struct xr_bin bytes;
    struct xr_journal_row row;
    const void *update;
    xr_arena_reset(check->inner);
    if (xr_tables_get(check->tables, XR_TABLE_journal, xr_key_of(&key), &bytes) != XR_OK ||
        xr_journal_decode(bytes, &row) != XR_OK || row.type != XR_TYPE_message_added ||
        xr_journal_message(&row, seq, check->inner, &update) != XR_OK)
        return NULL;
    return &((const struct xr_message_added *)update)->message;
}

static void check_message(struct xr_check *check, struct thread *thread)
{
    const struct xr_message *message = read_message(check, thread->position);
    const bool ours = message && message->session.n == thread->session->session.n &&
                      message->number == thread->number;
    XR_CHECK(check, "I4 order", ours,
             "session %llu: its message %u is not in row %llu of the journal",
             id_of(thread->session), thread->number, (unsigned long long)thread->position);
    thread->whole = thread->whole && ours;
    if (thread->whole)
        xr_chain_next(thread->link, message);
}

/* One run of positions: a spilled chunk, or the head. */
static void check_positions(struct xr_check *check, struct thread *thread, struct xr_bin bytes)
{
    const uint64_t before = thread->position;
    uint64_t position = 0;
    enum xr_status status = xr_position_next(&bytes, &position);
    XR_CHECK(check, "I4 order", status != XR_OK || position > before,
             "session %llu: positions after message %u go back", id_of(thread->session),
             thread->number);
    for (; status == XR_OK; status = xr_position_next(&bytes, &position)) {
        thread->number++;
        thread->position = position;
        XR_CHECK(check, "I4 order", position <= check->floor->head,
                 "session %llu: message %u is said to be in row %llu, behind the journal's end",
                 id_of(thread->session), thread->number, (unsigned long long)position);
        if (check->deep)
            check_message(check, thread);
    }
    XR_CHECK(check, "I4 order", status == XR_NONE,
             "session %llu: positions after message %u cannot be read", id_of(thread->session),
             thread->number);
}

/* Chunks follow each other: the key of each is the number behind the last of the one before. */
static void check_chunks(struct xr_check *check, struct thread *thread)
{
    const struct xr_session_record *session = thread->session;
    while (thread->number < session->spilled) {
        const uint32_t before = thread->number;
        const struct xr_key key = xr_key_spill(session->session, before + 1);
        const struct xr_spill_record *chunk =
            xr_check_find(check, XR_TABLE_spill, xr_key_of(&key), XR_TYPE_spill_record);
        XR_CHECK(check, "I15 spill", chunk,
                 "session %llu: the positions from message %u on are missing", id_of(session),
                 before + 1);
        if (!chunk)
            return;
        check_positions(check, thread, chunk->positions);
        if (thread->number == before)
            return; /* told: it could not be read */
    }
}

static void check_chain(struct xr_check *check, const struct thread *thread)
{
    const struct xr_bin chain = thread->session->chain;
    const struct xr_bin link = {thread->link, XR_HASH_BYTES};
    const bool empty = thread->number == 0 && chain.size == 0;
    XR_CHECK(check, "chain", empty || xr_bin_equal(chain, link),
             "session %llu: its evidence chain does not end where its messages do",
             id_of(thread->session));
}

static void check_messages(struct xr_check *check, const struct xr_session_record *session)
{
    struct thread thread = {.session = session, .whole = true};
    check_chunks(check, &thread);
    XR_CHECK(check, "I15 spill", thread.number == session->spilled,
             "session %llu: %u messages are spilled, its head says %u", id_of(session),
             thread.number, session->spilled);
    check_positions(check, &thread, session->positions);
    XR_CHECK(check, "I4 order", thread.number == session->number,
             "session %llu: %u messages can be found, its head says %u", id_of(session),
             thread.number, session->number);
    if (check->deep && thread.whole)
        check_chain(check, &thread);
    check->numbers += session->number;
}

/* ---- sessions ------------------------------------------------------------------------------- */

static void check_owner(struct xr_check *check, const struct xr_session_record *session)
{
    const bool has_owner = session->agent.n != 0;
    XR_CHECK(check, "I5 owner", session->state != XR_session_state_OPEN || has_owner,
             "session %llu is open and has no owner", id_of(session));
    XR_CHECK(check, "I5 owner", session->state != XR_session_state_QUEUED || !has_owner,
             "session %llu is queued and assigned to agent %u", id_of(session), session->agent.n);
    XR_CHECK(check, "I15 agent", !has_owner || xr_check_account(check, session->agent),
             "session %llu belongs to agent %u, which has no account", id_of(session),
             session->agent.n);
    XR_CHECK(check, "I15 agent", xr_check_account(check, session->bridge),
             "session %llu came by account %u, which does not exist", id_of(session),
             session->bridge.n);
}

static void check_links(struct xr_check *check, const struct xr_session_record *session)
{
    const bool closed = session->state == XR_session_state_CLOSED;
    const struct xr_key id = xr_key_u64(session->session.n);
    const struct xr_key customer_id = xr_key_u64(session->customer.n);
    const struct xr_key visit = xr_key_visit(session->customer, session->session);
    const struct xr_key group = xr_key_u32(session->group.n);
    XR_CHECK(check, "I15 open", xr_check_there(check, XR_TABLE_open, xr_key_of(&id)) == !closed,
             "session %llu is %s, but its place in the index of open ones says otherwise",
             id_of(session), xr_choice_name("session_state", session->state));
    XR_CHECK(check, "I15 visit", xr_check_there(check, XR_TABLE_visit, xr_key_of(&visit)),
             "session %llu is not among the visits of customer %llu", id_of(session),
             (unsigned long long)session->customer.n);
    XR_CHECK(check, "I15 group", xr_check_there(check, XR_TABLE_group, xr_key_of(&group)),
             "session %llu is in group %u, which does not exist", id_of(session), session->group.n);
    const struct xr_customer_record *customer =
        xr_check_find(check, XR_TABLE_customer, xr_key_of(&customer_id), XR_TYPE_customer_record);
    XR_CHECK(check, "I15 customer", customer,
             "session %llu is of customer %llu, who does not exist", id_of(session),
             (unsigned long long)session->customer.n);
    XR_CHECK(check, "I15 customer",
             !customer || closed || customer->session.n == session->session.n,
             "session %llu is not closed, but is not the present one of customer %llu",
             id_of(session), (unsigned long long)session->customer.n);
}

/* As the floor counts load: what waits long for its buyer does not, unless a setting says so. */
static void count_load(struct xr_check *check, const struct xr_session_record *session)
{
    const bool counts = session->state == XR_session_state_OPEN &&
                        (!session->idle || check->settings[XR_SETTING_idle_counts]);
    if (counts && session->agent.n < check->load_count)
        check->loads[session->agent.n].active++;
    if (session->state == XR_session_state_OPEN && session->agent.n < check->load_count)
        check->loads[session->agent.n].open++;
    if (session->active_ms > check->newest_ms)
        check->newest_ms = session->active_ms;
    if (session->owned_ms > check->newest_ms)
        check->newest_ms = session->owned_ms;
}

void xr_check_session(struct xr_check *check, struct xr_bin key, struct xr_bin value,
                      const void *record)
{
    (void)value;
    const struct xr_session_record *session = record;
    const unsigned long long id = xr_get_u64be(key.at);
    XR_CHECK(check, "I15 key", session->session.n == id,
             "session %llu: its row says that it is %llu", id, id_of(session));
    XR_CHECK(check, "counter", id == check->last + 1, "session %llu follows %llu: rows are missing",
             id, (unsigned long long)check->last);
    check->last = id;
    check->states[session->state]++;
    XR_CHECK(check, "counter", session->arrival <= check->floor->arrivals,
             "session %llu has place %llu in its queue, but %llu were given out", id,
             (unsigned long long)session->arrival, (unsigned long long)check->floor->arrivals);
    check_owner(check, session);
    check_links(check, session);
    check_messages(check, session);
    count_load(check, session);
}

void xr_check_sessions_end(struct xr_check *check)
{
    const unsigned long long queued = check->states[XR_session_state_QUEUED];
    const unsigned long long open = check->states[XR_session_state_OPEN];
    const unsigned long long closed = check->states[XR_session_state_CLOSED];
    const unsigned long long given = check->floor->sessions;
    XR_CHECK(check, "I5 conservation", queued + open + closed == given,
             "%llu sessions were given out, but %llu are queued, %llu assigned, %llu closed", given,
             queued, open, closed);
    XR_CHECK(check, "counter", check->last == given,
             "the last session is %llu, but %llu were given out", (unsigned long long)check->last,
             given);
    XR_CHECK(check, "I4 order", check->numbers == check->floor->messages,
             "sessions have %llu messages, the floor counted %llu",
             (unsigned long long)check->numbers, (unsigned long long)check->floor->messages);
}

/* A session that was given to its owner less than idle_s ago has counted ever since: all such
 * sessions of one agent stood together, whatever has woken up beside them. */
static bool is_fresh(const struct xr_check *check, const struct xr_session_record *session)
{
    return session->state == XR_session_state_OPEN && !session->idle &&
           check->newest_ms - session->owned_ms < 1000 * check->settings[XR_SETTING_idle_s];
}

void xr_check_open(struct xr_check *check, struct xr_bin key, struct xr_bin value,
                   const void *record)
{
    (void)value;
    (void)record;
    const struct xr_session_record *session =
        xr_check_find(check, XR_TABLE_session, key, XR_TYPE_session_record);
    XR_CHECK(check, "I15 open", session && session->state != XR_session_state_CLOSED,
             "the index of open sessions lists %llu, which is closed or does not exist",
             (unsigned long long)xr_get_u64be(key.at));
    if (session && session->agent.n < check->load_count && is_fresh(check, session))
        check->loads[session->agent.n].fresh++;
}

void xr_check_spill(struct xr_check *check, struct xr_bin key, struct xr_bin value,
                    const void *record)
{
    (void)value;
    (void)record;
    const uint64_t id = xr_get_u64be(key.at);
    const uint32_t first = xr_get_u32be(key.at + 8);
    const struct xr_key session_key = xr_key_u64(id);
    const struct xr_session_record *session =
        xr_check_find(check, XR_TABLE_session, xr_key_of(&session_key), XR_TYPE_session_record);
    XR_CHECK(check, "I15 spill", session && first >= 1 && first <= session->spilled,
             "positions of session %llu from message %u on belong to no session's spilled part",
             (unsigned long long)id, first);
}

/* ---- explanations and charges -----------------------------------------------------------------
 */

void xr_check_explanation(struct xr_check *check, struct xr_bin key, struct xr_bin value,
                          const void *record)
{
    (void)value;
    const struct xr_explanation *explanation =
        &((const struct xr_explanation_record *)record)->explanation;
    const unsigned long long session = xr_get_u64be(key.at);
    const unsigned long long seq = xr_get_u64be(key.at + 8);
    const struct xr_key session_key = xr_key_u64(session);
    XR_CHECK(check, "I15 key", explanation->session.n == session && explanation->seq == seq,
             "explanation %llu of session %llu: its row says session %llu, %llu", seq, session,
             (unsigned long long)explanation->session.n, (unsigned long long)explanation->seq);
    XR_CHECK(check, "I15 explanation",
             xr_check_there(check, XR_TABLE_session, xr_key_of(&session_key)),
             "explanation %llu is of session %llu, which does not exist", seq, session);
    XR_CHECK(check, "I15 explanation", seq >= 1 && seq <= check->floor->head,
             "explanation of session %llu names update %llu, behind the journal's end", session,
             seq);
}

void xr_check_charge(struct xr_check *check, struct xr_bin key, struct xr_bin value,
                     const void *record)
{
    (void)value;
    const struct xr_charge_record *charge = record;
    const uint64_t id = xr_get_u64be(key.at);
    const struct xr_session_record *session =
        xr_check_find(check, XR_TABLE_session, key, XR_TYPE_session_record);
    XR_CHECK(check, "I15 charge", session && session->state == XR_session_state_OPEN,
             "a charge is kept for session %llu, which is not open", (unsigned long long)id);
    xr_check_packed(check, "charge of session", id, charge->deltas, INT64_MAX);
}

/* ---- journal -------------------------------------------------------------------------------- */

static void check_message_row(struct xr_check *check, const struct xr_journal_row *row,
                              uint64_t seq)
{
    const void *update;
    xr_arena_reset(check->inner);
    const bool readable = xr_journal_message(row, seq, check->inner, &update) == XR_OK;
    XR_CHECK(check, "row", readable, "journal row %llu: its update cannot be read",
             (unsigned long long)seq);
    if (!readable || row->type != XR_TYPE_message_added)
        return;
    const struct xr_message *message = &((const struct xr_message_added *)update)->message;
    const struct xr_key key = xr_key_u64(message->session.n);
    const struct xr_session_record *session =
        xr_check_find(check, XR_TABLE_session, xr_key_of(&key), XR_TYPE_session_record);
    check->messages++;
    XR_CHECK(check, "I4 order", session && message->number <= session->number,
             "journal row %llu holds message %u of session %llu, which does not have it",
             (unsigned long long)seq, message->number, (unsigned long long)message->session.n);
}

void xr_check_journal(struct xr_check *check, struct xr_bin key, struct xr_bin value,
                      const void *record)
{
    (void)record;
    struct xr_journal_row row;
    const uint64_t seq = xr_get_u64be(key.at);
    XR_CHECK(check, "I12 journal", seq == check->last + 1,
             "journal row %llu follows %llu: rows are missing", (unsigned long long)seq,
             (unsigned long long)check->last);
    check->last = seq;
    const bool readable = xr_journal_decode(value, &row) == XR_OK;
    XR_CHECK(check, "row", readable, "journal row %llu cannot be read", (unsigned long long)seq);
    if (readable && check->deep)
        check_message_row(check, &row, seq);
}

void xr_check_journal_end(struct xr_check *check)
{
    XR_CHECK(check, "I12 journal", check->last == check->floor->head,
             "the journal ends with row %llu, the floor says %llu", (unsigned long long)check->last,
             (unsigned long long)check->floor->head);
    XR_CHECK(check, "I4 order", !check->deep || check->messages == check->numbers,
             "the journal holds %llu messages, sessions list %llu",
             (unsigned long long)check->messages, (unsigned long long)check->numbers);
}

/* ---- customers ------------------------------------------------------------------------------ */

static void check_current(struct xr_check *check, const struct xr_customer_record *customer)
{
    const unsigned long long id = customer->card.customer.n;
    const unsigned long long current = customer->session.n;
    if (current == 0)
        return;
    const struct xr_key key = xr_key_u64(current);
    const struct xr_session_record *session =
        xr_check_find(check, XR_TABLE_session, xr_key_of(&key), XR_TYPE_session_record);
    XR_CHECK(check, "I15 customer",
             session && session->state != XR_session_state_CLOSED && session->customer.n == id,
             "customer %llu: its present session %llu is closed, another's, or does not exist", id,
             current);
}

static uint32_t count_visits(struct xr_check *check, struct xr_customer_id customer)
{
    const struct xr_key from = xr_key_pair(customer.n, 0);
    struct xr_scan scan;
    struct xr_bin key;
    struct xr_bin value;
    uint32_t count = 0;
    xr_tables_scan_open(check->tables, XR_TABLE_visit, xr_key_of(&from), false, &scan);
    while (xr_tables_scan_next(check->tables, &scan, &key, &value) && key.size == 16 &&
           xr_get_u64be(key.at) == customer.n)
        count++;
    xr_tables_scan_close(check->tables, &scan);
    return count;
}

static uint32_t count_notes(struct xr_check *check, struct xr_customer_id customer)
{
    const struct xr_key from = xr_key_note(customer, UINT32_MAX, UINT32_MAX);
    struct xr_scan scan;
    struct xr_bin key;
    struct xr_bin value;
    uint32_t last = 0;
    xr_tables_scan_open(check->tables, XR_TABLE_note, xr_key_of(&from), true, &scan);
    if (xr_tables_scan_next(check->tables, &scan, &key, &value) && key.size == 16 &&
        xr_get_u64be(key.at) == customer.n)
        last = xr_get_u32be(key.at + 8);
    xr_tables_scan_close(check->tables, &scan);
    return last;
}

void xr_check_customer(struct xr_check *check, struct xr_bin key, struct xr_bin value,
                       const void *record)
{
    (void)value;
    const struct xr_customer_record *customer = record;
    const struct xr_customer_card *card = &customer->card;
    const unsigned long long id = xr_get_u64be(key.at);
    XR_CHECK(check, "I15 key", card->customer.n == id,
             "customer %llu: its row says that it is %llu", id,
             (unsigned long long)card->customer.n);
    XR_CHECK(check, "counter", id == check->last + 1,
             "customer %llu follows %llu: rows are missing", id, (unsigned long long)check->last);
    check->last = id;
    const struct xr_key channel = xr_key_channel(card->channel, card->buyer);
    XR_CHECK(check, "I15 channel",
             xr_check_index_u64(check, XR_TABLE_channel, xr_key_of(&channel)) == id,
             "customer %llu: its channel and buyer do not lead to it", id);
    check_current(check, customer);
    const struct xr_key newest = xr_key_visit(card->customer, customer->last_session);
    XR_CHECK(check, "I15 visit",
             customer->last_session.n == 0 ||
                 xr_check_there(check, XR_TABLE_visit, xr_key_of(&newest)),
             "customer %llu: its newest session %llu is not among its visits", id,
             (unsigned long long)customer->last_session.n);
    XR_CHECK(check, "I15 visit", count_visits(check, card->customer) == card->visits,
             "customer %llu: its card says %u visits, %u are listed", id, card->visits,
             count_visits(check, card->customer));
    XR_CHECK(check, "I7 notes", count_notes(check, card->customer) == card->notes,
             "customer %llu: its card says %u notes, the last one is number %u", id, card->notes,
             count_notes(check, card->customer));
}

void xr_check_customers_end(struct xr_check *check)
{
    XR_CHECK(check, "counter", check->last == check->floor->customers,
             "the last customer is %llu, but %llu were given out", (unsigned long long)check->last,
             (unsigned long long)check->floor->customers);
}

void xr_check_channel(struct xr_check *check, struct xr_bin key, struct xr_bin value,
                      const void *record)
{
    (void)record;
    const struct xr_customer_record *customer =
        value.size == 8 ? xr_check_find(check, XR_TABLE_customer, value, XR_TYPE_customer_record)
                        : NULL;
    bool leads = false;
    if (customer) {
        const struct xr_key right = xr_key_channel(customer->card.channel, customer->card.buyer);
        leads = xr_bin_equal(xr_key_of(&right), key);
    }
    XR_CHECK(check, "I15 channel", leads,
             "a channel's buyer leads to customer %llu, who is another or does not exist",
             value.size == 8 ? (unsigned long long)xr_get_u64be(value.at) : 0ULL);
}

void xr_check_visit(struct xr_check *check, struct xr_bin key, struct xr_bin value,
                    const void *record)
{
    (void)value;
    (void)record;
    const unsigned long long customer = xr_get_u64be(key.at);
    const unsigned long long id = xr_get_u64be(key.at + 8);
    const struct xr_key session_key = xr_key_u64(id);
    const struct xr_session_record *session =
        xr_check_find(check, XR_TABLE_session, xr_key_of(&session_key), XR_TYPE_session_record);
    XR_CHECK(check, "I15 visit", session && session->customer.n == customer,
             "customer %llu is said to have had session %llu, which is another's or does not exist",
             customer, id);
}

/* last: the customer; last_side: note and revision of the row before. */
void xr_check_note(struct xr_check *check, struct xr_bin key, struct xr_bin value,
                   const void *record)
{
    (void)value;
    const struct xr_note *note = &((const struct xr_note_record *)record)->note;
    const uint64_t customer = xr_get_u64be(key.at);
    const uint32_t number = xr_get_u32be(key.at + 8);
    const uint32_t revision = xr_get_u32be(key.at + 12);
    const bool same = customer == check->last;
    const uint32_t note_before = same ? (uint32_t)(check->last_side >> 32) : 0;
    const uint32_t revision_before = same ? (uint32_t)check->last_side : 0;
    const bool next_revision = number == note_before && revision == revision_before + 1;
    const bool next_note = number == note_before + 1 && revision == 1;
    const struct xr_key customer_key = xr_key_u64(customer);
    XR_CHECK(check, "I7 notes", next_revision || next_note,
             "customer %llu: note %u revision %u follows note %u revision %u",
             (unsigned long long)customer, number, revision, note_before, revision_before);
    XR_CHECK(check, "I15 key", note->note == number && note->revision == revision,
             "customer %llu: note %u revision %u says that it is %u, %u",
             (unsigned long long)customer, number, revision, note->note, note->revision);
    XR_CHECK(
        check, "I15 customer", xr_check_there(check, XR_TABLE_customer, xr_key_of(&customer_key)),
        "note %u is about customer %llu, who does not exist", number, (unsigned long long)customer);
    check->last = customer;
    check->last_side = (uint64_t)number << 32 | revision;
}
