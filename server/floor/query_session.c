/*
 * Queries about sessions: who may see which, lists, places in the queue, history, explanations.
 *
 * Who sees a session (FLOOR.md §2):
 *     owners and supervisors  every one
 *     a bridge                those that it brought
 *     an agent                those it owns; all of the buyer whose open session it owns; and one
 *                             that it owned, until 7 days after it gave it up or it was closed
 */
#include <string.h>

#include "floor/journal.h"
#include "floor/query.h"

#define FORMER_OWNER_MS (INT64_C(7) * 24 * 3600 * 1000)

/* ---- who may see what ----------------------------------------------------------------------- */

static const struct xr_session_record *peek_session(struct xr_query *query,
                                                    struct xr_session_id session)
{
    const struct xr_key key = xr_key_u64(session.n);
    return xr_query_peek(query, XR_TABLE_session, xr_key_of(&key), XR_TYPE_session_record);
}

static bool owns(const struct xr_query *query, const struct xr_session_record *session)
{
    return session->state != XR_session_state_CLOSED && session->agent.n == query->who->agent.n;
}

bool xr_query_holds(struct xr_query *query, struct xr_customer_id customer)
{
    const struct xr_key key = xr_key_u64(customer.n);
    const struct xr_customer_record *record =
        xr_query_peek(query, XR_TABLE_customer, xr_key_of(&key), XR_TYPE_customer_record);
    if (!record || record->session.n == 0)
        return false;
    const struct xr_session_record *session = peek_session(query, record->session);
    return session && owns(query, session);
}

static bool is_lately(const struct xr_query *query, int64_t ended_wall_ms)
{
    return query->who->wall_ms - ended_wall_ms <= FORMER_OWNER_MS;
}

/*
 * The asker had the session and gave it up lately. The explanations are the list of its owners: a
 * time as owner ends with the next decision. Where a session was closed and reopened to another
 * that is the reopening, at most reopen_s after the closing.
 */
static bool gave_up_lately(struct xr_query *query, struct xr_session_id session)
{
    const struct xr_key from = xr_key_explanation(session, 0);
    bool had = false;
    bool lately = false;
    struct xr_scan scan;
    struct xr_bin key;
    struct xr_bin value;
    xr_tables_scan_open(query->tables, XR_TABLE_explanation, xr_key_of(&from), false, &scan);
    while (!lately && query->failed == XR_OK &&
           xr_tables_scan_next(query->tables, &scan, &key, &value) &&
           xr_key_read_u64(key, 0) == session.n) {
        const struct xr_explanation_record *record =
            xr_query_decode(query, value, XR_TYPE_explanation_record);
        if (!record)
            break;
        const struct xr_explanation *explanation = &record->explanation;
        lately = had && is_lately(query, explanation->wall_ms);
        had = explanation->decision == XR_decision_ASSIGNED &&
              explanation->agent.n == query->who->agent.n;
    }
    xr_tables_scan_close(query->tables, &scan);
    return lately;
}

static bool agent_sees(struct xr_query *query, const struct xr_session_record *session)
{
    if (owns(query, session))
        return true;
    if (session->state == XR_session_state_CLOSED && session->agent.n == query->who->agent.n &&
        is_lately(query, session->closed_wall_ms))
        return true;
    return xr_query_holds(query, session->customer) || gave_up_lately(query, session->session);
}

bool xr_query_sees_session(struct xr_query *query, const struct xr_session_record *session)
{
    switch (query->who->role) {
    case XR_role_OWNER:
    case XR_role_SUPERVISOR:
        return true;
    case XR_role_BRIDGE:
        return session->bridge.n == query->who->agent.n;
    case XR_role_AGENT:
        return agent_sees(query, session);
    default:
        return false;
    }
}

/* A session that the asker may see, in scratch; NULL: none, or not for its eyes. */
static const struct xr_session_record *find_session(struct xr_query *query, struct xr_session_id id)
{
    const struct xr_session_record *session = peek_session(query, id);
    return session && xr_query_sees_session(query, session) ? session : NULL;
}

/* ---- places in the queue -------------------------------------------------------------------- */

/*
 * A group's queue is in order of class, then what was taken back, then arrival. That waiting lifts
 * a session to a better class is left out here: it would need the floor's clock.
 */
struct place {
    uint32_t group;
    uint32_t klass;
    bool not_first;
    uint64_t arrival;
    uint64_t session;
};

struct places {
    struct place *at;
    size_t count;
    size_t capacity;
};

static int compare_numbers(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

static bool is_before(const struct place *a, const struct place *b)
{
    int order = compare_numbers(a->group, b->group);
    if (!order)
        order = compare_numbers(a->klass, b->klass);
    if (!order)
        order = compare_numbers(a->not_first, b->not_first);
    if (!order)
        order = compare_numbers(a->arrival, b->arrival);
    if (!order)
        order = compare_numbers(a->session, b->session);
    return order < 0;
}

static void swap_places(struct place *a, struct place *b)
{
    const struct place kept = *a;
    *a = *b;
    *b = kept;
}

static void sift_down(struct place *at, size_t root, size_t count)
{
    for (size_t child = 2 * root + 1; child < count; child = 2 * root + 1) {
        if (child + 1 < count && is_before(&at[child], &at[child + 1]))
            child++;
        if (!is_before(&at[root], &at[child]))
            return;
        swap_places(&at[root], &at[child]);
        root = child;
    }
}

/* Heapsort: in place, no worst case, and no library's order. */
static void sort_places(struct places *places)
{
    for (size_t root = places->count / 2; root-- > 0;)
        sift_down(places->at, root, places->count);
    for (size_t end = places->count; end-- > 1;) {
        swap_places(&places->at[0], &places->at[end]);
        sift_down(places->at, 0, end);
    }
}

static void add_place(struct xr_query *query, struct places *places,
                      const struct xr_session_record *session)
{
    if (places->count == places->capacity) {
        const size_t capacity = places->capacity ? 2 * places->capacity : 64;
        struct place *at = xr_query_take(query, capacity * sizeof(*at));
        if (!at)
            return;
        if (places->count)
            memcpy(at, places->at, places->count * sizeof(*at));
        places->at = at;
        places->capacity = capacity;
    }
    places->at[places->count++] = (struct place){
        .group = session->group.n,
        .klass = session->klass,
        .not_first = !session->first,
        .arrival = session->arrival,
        .session = session->session.n,
    };
}

static struct places collect_places(struct xr_query *query)
{
    struct places places = {NULL, 0, 0};
    struct xr_scan scan;
    struct xr_bin key;
    struct xr_bin value;
    xr_tables_scan_open(query->tables, XR_TABLE_open, xr_key_none(), false, &scan);
    while (query->failed == XR_OK && xr_tables_scan_next(query->tables, &scan, &key, &value)) {
        xr_arena_reset(query->scratch);
        const struct xr_session_record *session =
            xr_query_must_peek(query, XR_TABLE_session, key, XR_TYPE_session_record);
        if (session && session->state == XR_session_state_QUEUED)
            add_place(query, &places, session);
    }
    xr_tables_scan_close(query->tables, &scan);
    return places;
}

/* `rows` are by id. */
static struct xr_session_view *find_view(const struct xr_rows *rows, uint64_t session)
{
    struct xr_session_view *views = rows->at;
    uint32_t low = 0;
    uint32_t high = rows->count;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (views[middle].session.n == session)
            return &views[middle];
        if (views[middle].session.n < session)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static bool any_queued(const struct xr_rows *rows)
{
    const struct xr_session_view *views = rows->at;
    for (uint32_t i = 0; i < rows->count; i++) {
        if (views[i].state == XR_session_state_QUEUED)
            return true;
    }
    return false;
}

static void fill_positions(struct xr_query *query, struct xr_rows *rows)
{
    if (!any_queued(rows))
        return;
    struct places places = collect_places(query);
    sort_places(&places);
    uint32_t position = 0;
    for (size_t i = 0; i < places.count; i++) {
        if (i && places.at[i].group != places.at[i - 1].group)
            position = 0;
        position++;
        struct xr_session_view *view = find_view(rows, places.at[i].session);
        if (view)
            view->position = position;
    }
}

/* ---- one session, many sessions ----------------------------------------------------------------
 */

static struct xr_session_view view_session(struct xr_query *query,
                                           const struct xr_session_record *session)
{
    struct xr_session_view view = {
        .session = session->session,
        .state = session->state,
        .klass = session->klass,
        .group = session->group,
        .agent = session->agent,
        .customer = session->customer,
        .opened_ms = session->opened_wall_ms,
        .waiting_ms = session->waiting_wall_ms,
        .number = session->number,
        .reason = session->reason,
        .returning = session->returning,
        .bridge = session->bridge,
    };
    const struct xr_key key = xr_key_u64(session->customer.n);
    const struct xr_customer_record *customer =
        xr_query_must_peek(query, XR_TABLE_customer, xr_key_of(&key), XR_TYPE_customer_record);
    if (customer) {
        view.nick = xr_query_text(query, customer->card.nick);
        view.channel = xr_query_text(query, customer->card.channel);
        view.buyer = xr_query_text(query, customer->card.buyer);
    }
    return view;
}

static void finish_page(struct xr_query *query, struct xr_session_page *page, struct xr_rows *rows)
{
    fill_positions(query, rows);
    page->cursor = query->floor->head;
    page->sessions = (struct xr_session_view_list){rows->at, rows->count};
    page->more = rows->more;
}

enum xr_code xr_query_session(struct xr_query *query, const void *message, void *answer)
{
    const struct xr_get_session *get = message;
    const struct xr_session_record *session = find_session(query, get->session);
    if (!session)
        return XR_code_NOT_FOUND;
    struct xr_rows rows = xr_query_rows("session_view", 1);
    const struct xr_session_view view = view_session(query, session);
    xr_query_add(query, &rows, &view);
    finish_page(query, answer, &rows);
    return XR_code_NONE;
}

/* Lists show an agent what it owns, not all that it may read. */
static bool is_wanted(const struct xr_query *query, const struct xr_get_sessions *get,
                      const struct xr_session_record *session)
{
    if (get->state && session->state != get->state)
        return false;
    if (get->agent.n && session->agent.n != get->agent.n)
        return false;
    if (query->who->role == XR_role_BRIDGE)
        return session->bridge.n == query->who->agent.n;
    return xr_query_supervises(query) || owns(query, session);
}

enum xr_code xr_query_sessions(struct xr_query *query, const void *message, void *answer)
{
    const struct xr_get_sessions *get = message;
    struct xr_rows rows = xr_query_rows("session_view", get->max);
    const struct xr_key from = xr_key_u64(get->after.n + 1);
    struct xr_scan scan;
    struct xr_bin key;
    struct xr_bin value;
    xr_tables_scan_open(query->tables, XR_TABLE_open, xr_key_of(&from), false, &scan);
    while (query->failed == XR_OK && xr_tables_scan_next(query->tables, &scan, &key, &value)) {
        xr_arena_reset(query->scratch);
        const struct xr_session_record *session =
            xr_query_must_peek(query, XR_TABLE_session, key, XR_TYPE_session_record);
        if (!session || !is_wanted(query, get, session))
            continue;
        const struct xr_session_view view = view_session(query, session);
        if (!xr_query_add(query, &rows, &view))
            break;
    }
    xr_tables_scan_close(query->tables, &scan);
    finish_page(query, answer, &rows);
    return XR_code_NONE;
}

/* ---- history -------------------------------------------------------------------------------- */

/* Positions in the journal of messages first … first + count - 1. */
struct window {
    uint32_t first;
    uint32_t count;
    uint64_t at[XR_PAGE_MAX];
};

/* Read the chunk whose first message is `first`, keep what falls into the window. Returns the
 * number behind its last. */
static uint32_t read_chunk(struct xr_query *query, struct xr_bin positions, uint32_t first,
                           struct window *window)
{
    uint64_t position = 0;
    uint32_t number = first;
    enum xr_status status = xr_position_next(&positions, &position);
    for (; status == XR_OK; status = xr_position_next(&positions, &position)) {
        if (number >= window->first && number - window->first < window->count)
            window->at[number - window->first] = position;
        number++;
    }
    if (status != XR_NONE)
        query->failed = status;
    return number;
}

/* Key of the spilled chunk that holds message `number`, or of the last one before it. */
static uint32_t find_chunk(struct xr_query *query, struct xr_session_id session, uint32_t number)
{
    const struct xr_key from = xr_key_spill(session, number);
    struct xr_scan scan;
    struct xr_bin key;
    struct xr_bin value;
    uint32_t first = 0;
    xr_tables_scan_open(query->tables, XR_TABLE_spill, xr_key_of(&from), true, &scan);
    if (xr_tables_scan_next(query->tables, &scan, &key, &value) &&
        xr_key_read_u64(key, 0) == session.n)
        first = xr_key_read_u32(key, 8);
    xr_tables_scan_close(query->tables, &scan);
    return first;
}

/* Fill window->at; its range lies inside 1 … session->number. */
static void load_window(struct xr_query *query, const struct xr_session_record *session,
                        struct window *window)
{
    memset(window->at, 0, window->count * sizeof(window->at[0]));
    const uint32_t end = window->first + window->count;
    uint32_t number = window->first;
    if (number <= session->spilled)
        number = find_chunk(query, session->session, number);
    while (query->failed == XR_OK && number < end && number <= session->spilled) {
        const struct xr_key key = xr_key_spill(session->session, number);
        const struct xr_spill_record *chunk =
            xr_query_must_peek(query, XR_TABLE_spill, xr_key_of(&key), XR_TYPE_spill_record);
        if (chunk)
            number = read_chunk(query, chunk->positions, number, window);
    }
    if (query->failed == XR_OK && end > session->spilled + 1)
        read_chunk(query, session->positions, session->spilled + 1, window);
}

/* The message at a place of the window, copied; NULL: failed. */
static const struct xr_message *load_message(struct xr_query *query,
                                             const struct xr_session_record *session,
                                             const struct window *window, uint32_t number)
{
    const uint64_t seq = window->at[number - window->first];
    const struct xr_key key = xr_key_u64(seq);
    struct xr_bin bytes;
    struct xr_journal_row row;
    const void *update = NULL;
    enum xr_status status = xr_tables_get(query->tables, XR_TABLE_journal, xr_key_of(&key), &bytes);
    if (status == XR_OK)
        status = xr_journal_decode(bytes, &row);
    if (status == XR_OK && row.type != XR_TYPE_message_added)
        status = XR_CORRUPT;
    if (status == XR_OK)
        status = xr_journal_message(&row, seq, query->arena, &update);
    if (status == XR_OK) {
        const struct xr_message *message = &((const struct xr_message_added *)update)->message;
        if (message->session.n == session->session.n && message->number == number)
            return message;
    }
    query->failed = status == XR_NOMEM ? XR_NOMEM : XR_CORRUPT;
    return NULL;
}

/* Whispers are between colleagues: a bridge does not get them. */
static bool is_shown(const struct xr_query *query, const struct xr_message *message)
{
    return query->who->role != XR_role_BRIDGE || message->kind != XR_message_kind_WHISPER;
}

/* Add the window's messages in the given direction; false: the page is full, or failed. */
static bool add_window(struct xr_query *query, const struct xr_session_record *session,
                       struct window *window, bool backwards, struct xr_rows *rows)
{
    load_window(query, session, window);
    for (uint32_t i = 0; query->failed == XR_OK && i < window->count; i++) {
        const uint32_t number =
            backwards ? window->first + window->count - 1 - i : window->first + i;
        const struct xr_message *message = load_message(query, session, window, number);
        if (message && is_shown(query, message) && !xr_query_add(query, rows, message))
            return false;
    }
    return query->failed == XR_OK;
}

/* From `from` upwards. */
static void add_upwards(struct xr_query *query, const struct xr_session_record *session,
                        uint32_t from, struct xr_rows *rows)
{
    struct window window;
    for (uint64_t first = from; first <= session->number; first += window.count) {
        const uint64_t left = session->number - first + 1;
        window.first = (uint32_t)first;
        window.count = left < XR_PAGE_MAX ? (uint32_t)left : XR_PAGE_MAX;
        if (!add_window(query, session, &window, false, rows))
            return;
    }
}

static void reverse_messages(struct xr_rows *rows)
{
    struct xr_message *at = rows->at;
    for (uint32_t i = 0; i < rows->count / 2; i++) {
        const struct xr_message kept = at[i];
        at[i] = at[rows->count - 1 - i];
        at[rows->count - 1 - i] = kept;
    }
}

/* The last ones, found from the end and then put in order; more: there are earlier ones. */
static void add_last(struct xr_query *query, const struct xr_session_record *session,
                     struct xr_rows *rows)
{
    struct window window;
    for (uint32_t left = session->number; left > 0; left -= window.count) {
        window.count = left < XR_PAGE_MAX ? left : XR_PAGE_MAX;
        window.first = left - window.count + 1;
        if (!add_window(query, session, &window, true, rows))
            break;
    }
    reverse_messages(rows);
}

enum xr_code xr_query_history(struct xr_query *query, const void *message, void *answer)
{
    const struct xr_get_history *get = message;
    struct xr_history *history = answer;
    const struct xr_session_record *session = find_session(query, get->session);
    if (!session)
        return XR_code_NOT_FOUND;
    struct xr_rows rows = xr_query_rows("message", get->max);
    if (get->from)
        add_upwards(query, session, get->from, &rows);
    else
        add_last(query, session, &rows);
    const struct xr_bin chain = xr_arena_bin(query->arena, session->chain.at, session->chain.size);
    if (chain.size != session->chain.size)
        query->failed = XR_NOMEM;
    *history = (struct xr_history){
        .cursor = query->floor->head,
        .more = rows.more,
        .messages = {rows.at, rows.count},
        .chain = chain,
        .number = session->number,
    };
    return XR_code_NONE;
}

/* ---- explanations --------------------------------------------------------------------------- */

enum xr_code xr_query_explanations(struct xr_query *query, const void *message, void *answer)
{
    const struct xr_get_explanations *get = message;
    struct xr_explanation_page *page = answer;
    if (!find_session(query, get->session))
        return XR_code_NOT_FOUND;
    struct xr_rows rows = xr_query_rows("explanation", 0);
    const struct xr_key from = xr_key_explanation(get->session, get->after + 1);
    struct xr_scan scan;
    struct xr_bin key;
    struct xr_bin value;
    xr_tables_scan_open(query->tables, XR_TABLE_explanation, xr_key_of(&from), false, &scan);
    while (query->failed == XR_OK && xr_tables_scan_next(query->tables, &scan, &key, &value) &&
           xr_key_read_u64(key, 0) == get->session.n) {
        const struct xr_explanation_record *record =
            xr_query_keep(query, value, XR_TYPE_explanation_record);
        if (!record || !xr_query_add(query, &rows, &record->explanation))
            break;
    }
    xr_tables_scan_close(query->tables, &scan);
    page->cursor = query->floor->head;
    page->explanations = (struct xr_explanation_list){rows.at, rows.count};
    page->more = rows.more;
    return XR_code_NONE;
}
