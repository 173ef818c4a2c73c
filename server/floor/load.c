/* The index from the tables: accounts, groups, settings, devices, and what is not closed. */
#include "floor/index.h"

#include <string.h>

typedef enum xr_status (*row_fn)(struct xr_floor *floor, struct xr_tables *tables,
                                 struct xr_bin key, const void *record);

/* Decode every row of a table and hand it on. */
static enum xr_status each_row(struct xr_floor *floor, struct xr_tables *tables,
                               enum xr_table table, enum xr_type type, row_fn load)
{
    struct xr_scan scan;
    struct xr_bin key;
    struct xr_bin value;
    enum xr_status status = XR_OK;
    xr_tables_scan_open(tables, table, xr_key_none(), false, &scan);
    while (status == XR_OK && xr_tables_scan_next(tables, &scan, &key, &value)) {
        const void *record = NULL;
        xr_arena_reset(floor->scratch);
        if (type != XR_TYPE_none)
            status = xr_record_decode(value, type, floor->scratch, &record);
        if (status == XR_OK)
            status = load(floor, tables, key, record);
    }
    xr_tables_scan_close(tables, &scan);
    return status;
}

static enum xr_status load_head(struct xr_floor *floor, struct xr_tables *tables, struct xr_bin key,
                                const void *row)
{
    const struct xr_floor_record *record = row;
    (void)tables;
    (void)key;
    floor->head = *record;
    floor->head.has = 0; /* marks of this row: the next write must not know of them */
    memcpy(floor->name, record->name.at, record->name.size);
    floor->head.name.at = floor->name;
    return XR_OK;
}

static enum xr_status load_group(struct xr_floor *floor, struct xr_tables *tables,
                                 struct xr_bin key, const void *row)
{
    const struct xr_group_record *record = row;
    (void)tables;
    (void)key;
    xr_index_group_name(xr_index_group_add(floor, record->group.n), record->name, record->title);
    return XR_OK;
}

static enum xr_status load_account(struct xr_floor *floor, struct xr_tables *tables,
                                   struct xr_bin key, const void *row)
{
    const struct xr_account_record *record = row;
    (void)tables;
    (void)key;
    for (uint32_t i = 0; i < record->groups.count; i++)
        if (xr_index_group(floor, record->groups.at[i]) == NULL)
            return XR_CORRUPT;
    xr_account_apply(floor, xr_index_agent_add(floor, record->agent.n), record);
    return XR_OK;
}

static enum xr_status load_agent(struct xr_floor *floor, struct xr_tables *tables,
                                 struct xr_bin key, const void *row)
{
    const struct xr_agent_record *record = row;
    struct xr_agent_node *agent = xr_index_agent(floor, record->agent.n);
    (void)tables;
    (void)key;
    if (agent == NULL)
        return XR_CORRUPT;
    agent->hot = *record;
    agent->hot.has = 0; /* marks of this row: the next write must not know of them */
    xr_index_due(floor, &agent->due, xr_presence_deadline(agent));
    return XR_OK;
}

static enum xr_status load_setting(struct xr_floor *floor, struct xr_tables *tables,
                                   struct xr_bin key, const void *row)
{
    const struct xr_setting_record *record = row;
    struct xr_str name = {(const char *)key.at, key.size};
    size_t index;
    (void)tables;
    if (xr_setting_named(name, &index) == NULL)
        return XR_OK; /* of another version: left alone */
    floor->settings[index] = record->value;
    return XR_OK;
}

static uint64_t get_le(const uint8_t *at, size_t size)
{
    uint64_t n = 0;
    for (size_t i = 0; i < size; i++)
        n |= (uint64_t)at[i] << (8 * i);
    return n;
}

static enum xr_status load_balances(struct xr_floor *floor, struct xr_tables *tables,
                                    struct xr_bin key, const void *row)
{
    const struct xr_balances_record *record = row;
    (void)tables;
    (void)key;
    for (uint32_t i = 0; i + 12 <= record->owed.size; i += 12) {
        struct xr_agent_node *agent =
            xr_index_agent(floor, (uint32_t)get_le(record->owed.at + i, 4));
        if (agent == NULL)
            return XR_CORRUPT;
        agent->owed = (int64_t)get_le(record->owed.at + i + 4, 8);
    }
    return XR_OK;
}

static enum xr_status load_device(struct xr_floor *floor, struct xr_tables *tables,
                                  struct xr_bin key, const void *row)
{
    const struct xr_device_record *record = row;
    struct xr_agent_node *agent = xr_index_agent(floor, record->agent.n);
    (void)tables;
    (void)key;
    if (agent == NULL)
        return XR_CORRUPT;
    struct xr_device_node *device = xr_index_device_add(floor, record->device.n);
    device->hot = *record;
    device->hot.has = 0; /* marks of this row: the next write must not know of them */
    memcpy(device->token_hash, record->token_hash.at, sizeof device->token_hash);
    device->hot.token_hash.at = device->token_hash;
    xr_index_device_name(device, record->client);
    xr_buf_add(&device->answers, record->answers.at, record->answers.size);
    if (record->alive != 0)
        agent->devices_alive++;
    return device->answers.failed ? XR_NOMEM : XR_OK;
}

static enum xr_status load_session(struct xr_floor *floor, struct xr_tables *tables,
                                   struct xr_bin open_key, const void *row)
{
    struct xr_key key = xr_key_u64(xr_key_read_u64(open_key, 0));
    const void *stored;
    (void)row;
    enum xr_status status = xr_record_get(tables, XR_TABLE_session, xr_key_of(&key),
                                          XR_TYPE_session_record, floor->scratch, &stored);
    if (status != XR_OK)
        return status == XR_NONE ? XR_CORRUPT : status;
    const struct xr_session_record *record = stored;
    struct xr_session_node *session = xr_index_session_add(floor, record->session.n);
    xr_index_session_fill(session, record);
    if (xr_index_group(floor, record->group.n) == NULL || record->state == XR_session_state_CLOSED)
        return XR_CORRUPT;
    if (record->state == XR_session_state_QUEUED) {
        xr_queue_add(floor, session);
    } else {
        struct xr_agent_node *agent = xr_index_agent(floor, record->agent.n);
        if (agent == NULL)
            return XR_CORRUPT;
        xr_index_own(agent, session);
    }
    xr_session_rearm(floor, session);
    return XR_OK;
}

enum xr_status xr_floor_load(struct xr_floor *floor, struct xr_tables *tables)
{
    static const struct {
        enum xr_table table;
        enum xr_type type;
        row_fn load;
    } order[] = {
        {XR_TABLE_floor, XR_TYPE_floor_record, load_head},
        {XR_TABLE_setting, XR_TYPE_setting_record, load_setting},
        {XR_TABLE_group, XR_TYPE_group_record, load_group},
        {XR_TABLE_account, XR_TYPE_account_record, load_account},
        {XR_TABLE_agent, XR_TYPE_agent_record, load_agent},
        {XR_TABLE_balance, XR_TYPE_balances_record, load_balances},
        {XR_TABLE_device, XR_TYPE_device_record, load_device},
        {XR_TABLE_open, XR_TYPE_none, load_session},
    };
    xr_index_clear(floor);
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        enum xr_status status =
            each_row(floor, tables, order[i].table, order[i].type, order[i].load);
        if (status != XR_OK)
            return status;
    }
    return XR_OK;
}
