/* Queries about the floor itself: its agents, groups, settings, audit log and devices. */
#include "floor/query.h"

#define OWED_BYTES 12 /* of one agent in balances_record */

/* ---- agents --------------------------------------------------------------------------------- */

/* Settings that bound an agent's load. */
struct limits {
    int64_t routed;
    int64_t ceiling;
};

static int64_t read_i64le(const uint8_t *at)
{
    uint64_t n = 0;
    for (int i = 7; i >= 0; i--)
        n = n << 8 | at[i];
    return (int64_t)n;
}

static uint32_t read_u32le(const uint8_t *at)
{
    return (uint32_t)at[3] << 24 | (uint32_t)at[2] << 16 | (uint32_t)at[1] << 8 | at[0];
}

/* An agent's balance in millionths of a session, rounded toward zero. */
static int64_t find_owed_micro(struct xr_bin owed, uint32_t agent)
{
    uint32_t low = 0;
    uint32_t high = owed.size / OWED_BYTES;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        const uint8_t *at = owed.at + (size_t)middle * OWED_BYTES;
        const uint32_t id = read_u32le(at);
        if (id == agent)
            return read_i64le(at + 4) * 1000000 / XR_OWED_ONE;
        if (id < agent)
            low = middle + 1;
        else
            high = middle;
    }
    return 0;
}

static enum xr_presence show_presence(const struct xr_agent_record *record)
{
    if (!record)
        return XR_presence_OFFLINE;
    return record->lost ? XR_presence_LOST : record->state;
}

static int64_t count_available_ms(const struct xr_query *query,
                                  const struct xr_agent_record *record)
{
    int64_t sum = record->available_ms;
    const int64_t since = query->who->wall_ms - record->since_wall_ms;
    if (show_presence(record) == XR_presence_ONLINE && since > 0)
        sum += since;
    return sum;
}

/* What a supervisor and the agent itself see, and colleagues do not: figures and attendance. */
static void fill_private(struct xr_query *query, struct xr_agent_view *view,
                         const struct xr_account_record *account,
                         const struct xr_agent_record *record, struct xr_bin owed)
{
    view->login = account->login;
    view->weight = account->weight;
    view->owed_micro = find_owed_micro(owed, account->agent.n);
    if (!record)
        return;
    view->reason = record->reason;
    view->since_ms = record->since_wall_ms;
    view->taken = record->taken;
    view->available_ms = count_available_ms(query, record);
}

/* As routing has it: the account's own or the floor's, never past the ceiling. */
static uint32_t find_limit(const struct xr_account_record *account, const struct limits *limits)
{
    const int64_t limit = account->limit ? (int64_t)account->limit : limits->routed;
    return (uint32_t)(limit < limits->ceiling ? limit : limits->ceiling);
}

/* `account` is in the answer's memory, `record` (may be NULL) in scratch. */
static struct xr_agent_view view_agent(struct xr_query *query,
                                       const struct xr_account_record *account,
                                       const struct xr_agent_record *record, struct xr_bin owed,
                                       const struct limits *limits)
{
    struct xr_agent_view view = {
        .agent = account->agent,
        .name = account->name,
        .state = show_presence(record),
        .active = record ? record->active : 0,
        .limit = find_limit(account, limits),
        .groups = account->groups,
        .role = account->role,
        .account = account->state,
    };
    if (xr_query_supervises(query) || account->agent.n == query->who->agent.n)
        fill_private(query, &view, account, record, owed);
    return view;
}

static const struct xr_agent_record *peek_agent(struct xr_query *query, struct xr_bin key)
{
    return xr_query_peek(query, XR_TABLE_agent, key, XR_TYPE_agent_record);
}

/* Bytes of the table, good while nobody writes to the handle: a reader never does. */
static struct xr_bin peek_balances(struct xr_query *query)
{
    const struct xr_balances_record *record =
        xr_query_peek(query, XR_TABLE_balance, xr_key_none(), XR_TYPE_balances_record);
    return record ? record->owed : (struct xr_bin){NULL, 0};
}

enum xr_code xr_query_agents(struct xr_query *query, const void *message, void *answer)
{
    const struct xr_get_agents *get = message;
    struct xr_agent_page *page = answer;
    const struct xr_bin owed = peek_balances(query);
    const struct limits limits = {
        .routed = xr_query_setting(query, XR_SETTING_limit_routed),
        .ceiling = xr_query_setting(query, XR_SETTING_limit_ceiling),
    };
    struct xr_rows rows = xr_query_rows("agent_view", get->max);
    page->cursor = query->floor->head;
    if (get->after.n == UINT32_MAX)
        return XR_code_NONE;

    const struct xr_key from = xr_key_u32(get->after.n + 1);
    struct xr_scan scan;
    struct xr_bin key;
    struct xr_bin value;
    xr_tables_scan_open(query->tables, XR_TABLE_account, xr_key_of(&from), false, &scan);
    while (query->failed == XR_OK && xr_tables_scan_next(query->tables, &scan, &key, &value)) {
        xr_arena_reset(query->scratch);
        const struct xr_account_record *account =
            xr_query_keep(query, value, XR_TYPE_account_record);
        if (!account)
            break;
        const struct xr_agent_view view =
            view_agent(query, account, peek_agent(query, key), owed, &limits);
        if (!xr_query_add(query, &rows, &view))
            break;
    }
    xr_tables_scan_close(query->tables, &scan);
    page->agents = (struct xr_agent_view_list){rows.at, rows.count};
    page->more = rows.more;
    return XR_code_NONE;
}

/* ---- groups and the status of the floor -------------------------------------------------------
 */

struct counts {
    uint32_t states[XR_presence_LOST + 1]; /* agents by presence */
    uint32_t queued;
    uint32_t open;
    int64_t oldest_ms;
};

/* Groups after `after` by id, as many as the answer holds. */
static struct xr_rows load_groups(struct xr_query *query, uint32_t after)
{
    struct xr_rows rows = xr_query_rows("group_view", 0);
    if (after == UINT32_MAX)
        return rows;
    const struct xr_key from = xr_key_u32(after + 1);
    struct xr_scan scan;
    struct xr_bin key;
    struct xr_bin value;
    xr_tables_scan_open(query->tables, XR_TABLE_group, xr_key_of(&from), false, &scan);
    while (query->failed == XR_OK && xr_tables_scan_next(query->tables, &scan, &key, &value)) {
        const struct xr_group_record *group = xr_query_keep(query, value, XR_TYPE_group_record);
        if (!group)
            break;
        const struct xr_group_view view = {
            .group = group->group, .name = group->name, .title = group->title};
        if (!xr_query_add(query, &rows, &view))
            break;
    }
    xr_tables_scan_close(query->tables, &scan);
    return rows;
}

static struct xr_group_view *find_group(const struct xr_rows *rows, uint32_t group)
{
    struct xr_group_view *views = rows->at;
    uint32_t low = 0;
    uint32_t high = rows->count;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (views[middle].group.n == group)
            return &views[middle];
        if (views[middle].group.n < group)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static void older(int64_t *oldest_ms, int64_t since_ms)
{
    if (since_ms && (*oldest_ms == 0 || since_ms < *oldest_ms))
        *oldest_ms = since_ms;
}

static void count_session(const struct xr_session_record *session, struct counts *counts,
                          const struct xr_rows *groups)
{
    if (session->state != XR_session_state_QUEUED) {
        counts->open++;
        return;
    }
    counts->queued++;
    older(&counts->oldest_ms, session->queued_wall_ms);
    struct xr_group_view *group = find_group(groups, session->group.n);
    if (group) {
        group->queued++;
        older(&group->oldest_ms, session->queued_wall_ms);
    }
}

static void count_sessions(struct xr_query *query, struct counts *counts,
                           const struct xr_rows *groups)
{
    struct xr_scan scan;
    struct xr_bin key;
    struct xr_bin value;
    xr_tables_scan_open(query->tables, XR_TABLE_open, xr_key_none(), false, &scan);
    while (query->failed == XR_OK && xr_tables_scan_next(query->tables, &scan, &key, &value)) {
        xr_arena_reset(query->scratch);
        const struct xr_session_record *session =
            xr_query_must_peek(query, XR_TABLE_session, key, XR_TYPE_session_record);
        if (session)
            count_session(session, counts, groups);
    }
    xr_tables_scan_close(query->tables, &scan);
}

static void count_agent(const struct xr_account_record *account,
                        const struct xr_agent_record *record, struct counts *counts,
                        const struct xr_rows *groups)
{
    const enum xr_presence state = show_presence(record);
    counts->states[state]++;
    if (state != XR_presence_ONLINE)
        return;
    for (uint32_t i = 0; i < account->groups.count; i++) {
        struct xr_group_view *group = find_group(groups, account->groups.at[i]);
        if (group)
            group->available++;
    }
}

/* Accounts in use that may have a presence at all. */
static void count_agents(struct xr_query *query, struct counts *counts,
                         const struct xr_rows *groups)
{
    struct xr_scan scan;
    struct xr_bin key;
    struct xr_bin value;
    xr_tables_scan_open(query->tables, XR_TABLE_account, xr_key_none(), false, &scan);
    while (query->failed == XR_OK && xr_tables_scan_next(query->tables, &scan, &key, &value)) {
        xr_arena_reset(query->scratch);
        const struct xr_account_record *account =
            xr_query_decode(query, value, XR_TYPE_account_record);
        if (account && account->state == XR_account_state_ACTIVE &&
            xr_rights_allow(account->role, XR_TYPE_be))
            count_agent(account, peek_agent(query, key), counts, groups);
    }
    xr_tables_scan_close(query->tables, &scan);
}

enum xr_code xr_query_groups(struct xr_query *query, const void *message, void *answer)
{
    const struct xr_get_groups *get = message;
    struct xr_group_page *page = answer;
    const struct xr_rows rows = load_groups(query, get->after.n);
    struct counts counts = {.queued = 0};
    count_sessions(query, &counts, &rows);
    count_agents(query, &counts, &rows);
    page->cursor = query->floor->head;
    page->groups = (struct xr_group_view_list){rows.at, rows.count};
    page->more = rows.more;
    return XR_code_NONE;
}

enum xr_code xr_query_status(struct xr_query *query, const void *message, void *answer)
{
    (void)message;
    struct xr_floor_status *status = answer;
    const struct xr_rows rows = load_groups(query, 0);
    struct counts counts = {.queued = 0};
    count_sessions(query, &counts, &rows);
    count_agents(query, &counts, &rows);
    *status = (struct xr_floor_status){
        .cursor = query->floor->head,
        .more = rows.more,
        .floor = xr_query_text(query, query->floor->name),
        .online = counts.states[XR_presence_ONLINE],
        .paused = counts.states[XR_presence_PAUSED] + counts.states[XR_presence_DRAINING],
        .lost = counts.states[XR_presence_LOST],
        .offline = counts.states[XR_presence_OFFLINE],
        .queued = counts.queued,
        .open = counts.open,
        .sessions = query->floor->sessions,
        .customers = query->floor->customers,
        .messages = query->floor->messages,
        .oldest_ms = counts.oldest_ms,
        .groups = {rows.at, rows.count},
    };
    return XR_code_NONE;
}

/* ---- settings ------------------------------------------------------------------------------- */

enum xr_code xr_query_settings(struct xr_query *query, const void *message, void *answer)
{
    (void)message;
    struct xr_setting_page *page = answer;
    struct xr_rows rows = xr_query_rows("setting_view", 0);
    for (size_t i = 0; i < xr_settings_count; i++) {
        const struct xr_setting *setting = &xr_settings[i];
        const struct xr_setting_view view = {
            .name = xr_str_of(setting->name),
            .value = xr_query_setting(query, (enum xr_setting_index)i),
            .unit = xr_str_of(setting->unit),
            .min = setting->min,
            .max = setting->max,
            .standard = setting->standard,
            .help = xr_str_of(setting->help),
        };
        if (!xr_query_add(query, &rows, &view))
            break;
    }
    page->cursor = query->floor->head;
    page->settings = (struct xr_setting_view_list){rows.at, rows.count};
    page->more = rows.more;
    return XR_code_NONE;
}

/* ---- audit ---------------------------------------------------------------------------------- */

enum xr_code xr_query_audit(struct xr_query *query, const void *message, void *answer)
{
    const struct xr_get_audit *get = message;
    struct xr_audit_page *page = answer;
    struct xr_rows rows = xr_query_rows("audit", get->max);
    page->cursor = query->floor->head;
    if (get->before == 1)
        return XR_code_NONE;

    const struct xr_key from = xr_key_u64(get->before ? get->before - 1 : UINT64_MAX);
    struct xr_scan scan;
    struct xr_bin key;
    struct xr_bin value;
    xr_tables_scan_open(query->tables, XR_TABLE_audit, xr_key_of(&from), true, &scan);
    while (query->failed == XR_OK && xr_tables_scan_next(query->tables, &scan, &key, &value)) {
        const struct xr_audit_record *record = xr_query_keep(query, value, XR_TYPE_audit_record);
        if (!record || !xr_query_add(query, &rows, &record->audit))
            break;
    }
    xr_tables_scan_close(query->tables, &scan);
    page->audits = (struct xr_audit_list){rows.at, rows.count};
    page->more = rows.more;
    return XR_code_NONE;
}

/* ---- devices -------------------------------------------------------------------------------- */

static bool sees_devices(struct xr_query *query, struct xr_agent_id agent)
{
    if (agent.n == query->who->agent.n)
        return true;
    const struct xr_key key = xr_key_u32(agent.n);
    return xr_query_supervises(query) &&
           xr_query_peek(query, XR_TABLE_account, xr_key_of(&key), XR_TYPE_account_record);
}

static bool add_device(struct xr_query *query, struct xr_rows *rows,
                       const struct xr_device_record *record)
{
    const struct xr_device_view view = {
        .device = record->device,
        .agent = record->agent,
        .client = xr_query_text(query, record->client),
        .alive = record->alive != 0,
        .last_ms = record->last_ms,
    };
    return xr_query_add(query, rows, &view);
}

/* There is no index from account to devices: all of the floor are looked at. */
enum xr_code xr_query_devices(struct xr_query *query, const void *message, void *answer)
{
    const struct xr_get_devices *get = message;
    struct xr_device_page *page = answer;
    const struct xr_agent_id agent = get->agent.n ? get->agent : query->who->agent;
    if (!sees_devices(query, agent))
        return XR_code_NOT_FOUND;

    struct xr_rows rows = xr_query_rows("device_view", 0);
    struct xr_scan scan;
    struct xr_bin key;
    struct xr_bin value;
    xr_tables_scan_open(query->tables, XR_TABLE_device, xr_key_none(), false, &scan);
    while (query->failed == XR_OK && xr_tables_scan_next(query->tables, &scan, &key, &value)) {
        xr_arena_reset(query->scratch);
        const struct xr_device_record *record =
            xr_query_decode(query, value, XR_TYPE_device_record);
        if (record && record->agent.n == agent.n && !add_device(query, &rows, record))
            break;
    }
    xr_tables_scan_close(query->tables, &scan);
    page->cursor = query->floor->head;
    page->devices = (struct xr_device_view_list){rows.at, rows.count};
    page->more = rows.more;
    return XR_code_NONE;
}
