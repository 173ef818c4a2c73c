/*
 * Queries about customers and their notes.
 *
 * A customer is seen by owners and supervisors; by the bridge that brought a session of that buyer,
 * without the notes; by the agent who has its open session; and by one who may still read its
 * newest session as a former owner.
 */
#include "floor/query.h"

#define NOTES_EXAMINED  2000 /* of one customer; `more` beyond */
#define VISITS_EXAMINED 2000
/* Kept free for session ids while notes are added. */
#define SESSIONS_BYTES (XR_PAGE_MAX * 9 + 16)

/* ---- who may see what ----------------------------------------------------------------------- */

/* The next older session of a customer in an open scan; 0: no more. */
static uint64_t next_visit(struct xr_query *query, struct xr_scan *scan,
                           struct xr_customer_id customer)
{
    struct xr_bin key;
    struct xr_bin value;
    if (query->failed != XR_OK || !xr_tables_scan_next(query->tables, scan, &key, &value) ||
        xr_key_read_u64(key, 0) != customer.n)
        return 0;
    return xr_key_read_u64(key, 8);
}

static void open_visits(struct xr_query *query, struct xr_customer_id customer,
                        struct xr_scan *scan)
{
    const struct xr_key from = xr_key_pair(customer.n, UINT64_MAX);
    xr_tables_scan_open(query->tables, XR_TABLE_visit, xr_key_of(&from), true, scan);
}

static bool sees_visit(struct xr_query *query, uint64_t session)
{
    const struct xr_key key = xr_key_u64(session);
    const struct xr_session_record *record =
        xr_query_must_peek(query, XR_TABLE_session, xr_key_of(&key), XR_TYPE_session_record);
    return record && xr_query_sees_session(query, record);
}

/* A bridge that brought any of the buyer's sessions. */
static bool has_brought(struct xr_query *query, struct xr_customer_id customer)
{
    struct xr_scan scan;
    bool found = false;
    open_visits(query, customer, &scan);
    for (uint32_t i = 0; !found && i < VISITS_EXAMINED; i++) {
        const uint64_t session = next_visit(query, &scan, customer);
        if (!session)
            break;
        found = sees_visit(query, session);
    }
    xr_tables_scan_close(query->tables, &scan);
    return found;
}

static bool sees_all(struct xr_query *query, struct xr_customer_id customer)
{
    return xr_query_supervises(query) ||
           (query->who->role == XR_role_AGENT && xr_query_holds(query, customer));
}

static bool sees_customer(struct xr_query *query, const struct xr_customer_record *record)
{
    const struct xr_customer_id customer = record->card.customer;
    if (sees_all(query, customer))
        return true;
    if (query->who->role == XR_role_BRIDGE)
        return has_brought(query, customer);
    return record->last_session.n && sees_visit(query, record->last_session.n);
}

/* ---- finding -------------------------------------------------------------------------------- */

/* By channel and buyer, 0: none. */
static struct xr_customer_id find_by_channel(struct xr_query *query, struct xr_str channel,
                                             struct xr_str buyer)
{
    const struct xr_key key = xr_key_channel(channel, buyer);
    struct xr_bin value;
    if (xr_tables_get(query->tables, XR_TABLE_channel, xr_key_of(&key), &value) != XR_OK)
        return (struct xr_customer_id){0};
    if (value.size != 8) {
        query->failed = XR_CORRUPT;
        return (struct xr_customer_id){0};
    }
    return (struct xr_customer_id){xr_get_u64be(value.at)};
}

/* The customer's record, copied, if the asker may see it; NULL: none. */
static const struct xr_customer_record *find_customer(struct xr_query *query,
                                                      struct xr_customer_id customer)
{
    const struct xr_key key = xr_key_u64(customer.n);
    struct xr_bin value;
    if (xr_tables_get(query->tables, XR_TABLE_customer, xr_key_of(&key), &value) != XR_OK)
        return NULL;
    const struct xr_customer_record *record = xr_query_keep(query, value, XR_TYPE_customer_record);
    return record && sees_customer(query, record) ? record : NULL;
}

/* ---- notes ---------------------------------------------------------------------------------- */

/* The newest revision of a note; false: there is no such note, or failed. */
static bool find_newest(struct xr_query *query, struct xr_customer_id customer, uint32_t note,
                        struct xr_bin *out)
{
    const struct xr_key from = xr_key_note(customer, note, UINT32_MAX);
    struct xr_scan scan;
    struct xr_bin key;
    xr_tables_scan_open(query->tables, XR_TABLE_note, xr_key_of(&from), true, &scan);
    const bool found = xr_tables_scan_next(query->tables, &scan, &key, out) &&
                       xr_key_read_u64(key, 0) == customer.n && xr_key_read_u32(key, 8) == note;
    xr_tables_scan_close(query->tables, &scan);
    return found;
}

/* Add the notes that are pinned, or those that are not, newest first. */
static void add_notes(struct xr_query *query, const struct xr_customer_card *card, bool pinned,
                      struct xr_rows *rows)
{
    const uint32_t oldest = card->notes > NOTES_EXAMINED ? card->notes - NOTES_EXAMINED : 0;
    for (uint32_t note = card->notes; query->failed == XR_OK && note > oldest; note--) {
        struct xr_bin value;
        xr_arena_reset(query->scratch);
        if (!find_newest(query, card->customer, note, &value))
            continue;
        const struct xr_note_record *seen = xr_query_decode(query, value, XR_TYPE_note_record);
        if (!seen || seen->note.pinned != pinned)
            continue;
        const struct xr_note_record *kept = xr_query_keep(query, value, XR_TYPE_note_record);
        if (!kept || !xr_query_add(query, rows, &kept->note))
            return;
    }
    if (oldest > 0)
        rows->more = true;
}

enum xr_code xr_query_note(struct xr_query *query, const void *message, void *answer)
{
    const struct xr_get_note *get = message;
    struct xr_note_page *page = answer;
    struct xr_bin newest;
    if (!find_customer(query, get->customer) ||
        !find_newest(query, get->customer, get->note, &newest))
        return XR_code_NOT_FOUND;
    struct xr_rows rows = xr_query_rows("note", 0);
    page->cursor = query->floor->head;
    if (get->after == UINT32_MAX)
        return XR_code_NONE;

    const struct xr_key from = xr_key_note(get->customer, get->note, get->after + 1);
    struct xr_scan scan;
    struct xr_bin key;
    struct xr_bin value;
    xr_tables_scan_open(query->tables, XR_TABLE_note, xr_key_of(&from), false, &scan);
    while (query->failed == XR_OK && xr_tables_scan_next(query->tables, &scan, &key, &value) &&
           xr_key_read_u64(key, 0) == get->customer.n && xr_key_read_u32(key, 8) == get->note) {
        const struct xr_note_record *record = xr_query_keep(query, value, XR_TYPE_note_record);
        if (!record || !xr_query_add(query, &rows, &record->note))
            break;
    }
    xr_tables_scan_close(query->tables, &scan);
    page->notes = (struct xr_note_list){rows.at, rows.count};
    page->more = rows.more;
    return XR_code_NONE;
}

/* ---- the customer --------------------------------------------------------------------------- */

/* Ids of the sessions that the asker may see, newest first; *more: not all were looked at. */
static struct xr_u64s list_visits(struct xr_query *query, struct xr_customer_id customer,
                                  bool *more)
{
    const bool all = sees_all(query, customer);
    uint64_t *at = xr_query_take(query, XR_PAGE_MAX * sizeof(*at));
    uint32_t count = 0;
    uint32_t examined = 0;
    uint64_t session = 0;
    struct xr_scan scan;
    open_visits(query, customer, &scan);
    while (at && (session = next_visit(query, &scan, customer)) != 0) {
        if (count == XR_PAGE_MAX || examined++ == VISITS_EXAMINED)
            break;
        xr_arena_reset(query->scratch);
        if (all || sees_visit(query, session))
            at[count++] = session;
    }
    *more = session != 0;
    xr_tables_scan_close(query->tables, &scan);
    return (struct xr_u64s){at, count};
}

static void fill_customer(struct xr_query *query, const struct xr_customer_record *record,
                          struct xr_customer *out)
{
    bool more = false;
    struct xr_rows notes = xr_query_rows("note", 0);
    xr_query_spend(query, xr_query_bound(xr_message_named(XR_STR("customer_card")), &record->card));
    xr_query_spend(query, SESSIONS_BYTES);
    if (query->who->role != XR_role_BRIDGE) {
        add_notes(query, &record->card, true, &notes);
        if (!notes.more)
            add_notes(query, &record->card, false, &notes);
    }
    *out = (struct xr_customer){
        .cursor = query->floor->head,
        .card = record->card,
        .sessions = list_visits(query, record->card.customer, &more),
        .notes = {notes.at, notes.count},
    };
    out->more = more || notes.more;
}

enum xr_code xr_query_customer(struct xr_query *query, const void *message, void *answer)
{
    const struct xr_get_customer *get = message;
    const struct xr_customer_id customer =
        get->customer.n ? get->customer : find_by_channel(query, get->channel, get->buyer);
    const struct xr_customer_record *record = find_customer(query, customer);
    if (!record)
        return XR_code_NOT_FOUND;
    fill_customer(query, record, answer);
    return XR_code_NONE;
}
