/*
 * The check: every table is walked, every rule that holds between batches is asserted. The rules
 * are listed, with their names, in server/floor/README.md.
 *
 * In this file the walk itself, and the tables of people: accounts, log-in names, groups, settings,
 * agents, balances, devices, tokens, audit.
 */
#include <string.h>

#include "floor/check.h"

#define PACKED_BYTES 12 /* one agent in balances and deltas */
#define ARENA_BYTES  (64 * 1024)
#define TEXT_BYTES   1024
#define ANY          UINT32_MAX /* a key of any size */

void xr_check_broken(struct xr_check *check, const char *invariant)
{
    const uint8_t end = 0;
    check->broken++;
    xr_buf_add(&check->text, &end, 1);
    const char *text = check->text.failed ? "(no memory for the text)" : (char *)check->text.at;
    if (check->report)
        check->report(check->context, invariant, text);
}

/* ---- looking up ----------------------------------------------------------------------------- */

const void *xr_check_find(struct xr_check *check, enum xr_table table, struct xr_bin key,
                          enum xr_type type)
{
    const void *record = NULL;
    const enum xr_status status =
        xr_record_get(check->tables, table, key, type, check->arena, &record);
    return status == XR_OK ? record : NULL;
}

bool xr_check_there(struct xr_check *check, enum xr_table table, struct xr_bin key)
{
    struct xr_bin value;
    return xr_tables_get(check->tables, table, key, &value) == XR_OK;
}

uint64_t xr_check_index_u64(struct xr_check *check, enum xr_table table, struct xr_bin key)
{
    struct xr_bin value;
    if (xr_tables_get(check->tables, table, key, &value) != XR_OK || value.size != 8)
        return 0;
    return xr_get_u64be(value.at);
}

bool xr_check_account(struct xr_check *check, struct xr_agent_id agent)
{
    const struct xr_key key = xr_key_u32(agent.n);
    return xr_check_there(check, XR_TABLE_account, xr_key_of(&key));
}

static const char *table_name(enum xr_table table)
{
    static const char *const names[] = {
#define XR_TABLE(name, number, shape, key, value, doc) [number] = #name,
#include "floor/table.def"
#undef XR_TABLE
    };
    return names[table];
}

/* Ids are given out as 1, 2, 3… and their rows are kept: each one follows the one before. */
static void check_id(struct xr_check *check, const char *what, uint64_t id, uint64_t in_record)
{
    XR_CHECK(check, "I15 key", id == in_record, "%s %llu: its row says that it is %llu", what,
             (unsigned long long)id, (unsigned long long)in_record);
    XR_CHECK(check, "counter", id == check->last + 1, "%s %llu follows %llu: rows are missing",
             what, (unsigned long long)id, (unsigned long long)check->last);
    check->last = id;
}

static void check_last(struct xr_check *check, const char *what, uint64_t given)
{
    XR_CHECK(check, "counter", check->last == given, "last %s is %llu, but %llu were given out",
             what, (unsigned long long)check->last, (unsigned long long)given);
}

/* ---- accounts, log-in names, groups --------------------------------------------------------- */

static void check_groups_of(struct xr_check *check, const struct xr_account_record *account)
{
    uint32_t before = 0;
    for (uint32_t i = 0; i < account->groups.count; i++) {
        const uint32_t group = account->groups.at[i];
        const struct xr_key key = xr_key_u32(group);
        XR_CHECK(check, "I15 group", xr_check_there(check, XR_TABLE_group, xr_key_of(&key)),
                 "account %u is in group %u, which does not exist", account->agent.n, group);
        XR_CHECK(check, "I15 group", group > before,
                 "account %u: its groups are not in ascending order", account->agent.n);
        before = group;
    }
}

static void check_account(struct xr_check *check, struct xr_bin key, struct xr_bin value,
                          const void *record)
{
    (void)value;
    const struct xr_account_record *account = record;
    const uint32_t id = xr_get_u32be(key.at);
    check_id(check, "account", id, account->agent.n);
    const struct xr_key login = xr_key_str(account->login);
    struct xr_bin holder;
    const bool found =
        xr_tables_get(check->tables, XR_TABLE_login, xr_key_of(&login), &holder) == XR_OK;
    XR_CHECK(check, "I15 login", found && holder.size == 4 && xr_get_u32be(holder.at) == id,
             "account %u: its log-in name \"%.*s\" does not lead to it", id,
             (int)account->login.size, account->login.at);
    check_groups_of(check, account);
}

static void end_accounts(struct xr_check *check)
{
    check_last(check, "account", check->floor->accounts);
}

static void check_login(struct xr_check *check, struct xr_bin key, struct xr_bin value,
                        const void *record)
{
    (void)record;
    const struct xr_account_record *account =
        value.size == 4 ? xr_check_find(check, XR_TABLE_account, value, XR_TYPE_account_record)
                        : NULL;
    const struct xr_bin login =
        account ? (struct xr_bin){(const uint8_t *)account->login.at, account->login.size}
                : (struct xr_bin){NULL, 0};
    XR_CHECK(check, "I15 login", account && xr_bin_equal(login, key),
             "log-in name \"%.*s\" leads to no account of that name", (int)key.size, key.at);
}

static void check_group(struct xr_check *check, struct xr_bin key, struct xr_bin value,
                        const void *record)
{
    (void)value;
    const struct xr_group_record *group = record;
    check_id(check, "group", xr_get_u32be(key.at), group->group.n);
}

static void end_groups(struct xr_check *check)
{
    check_last(check, "group", check->floor->groups);
    const struct xr_key key = xr_key_u32(1);
    XR_CHECK(check, "I15 group", xr_check_there(check, XR_TABLE_group, xr_key_of(&key)),
             "the default group 1 does not exist");
}

/* ---- settings ------------------------------------------------------------------------------- */

static void check_setting(struct xr_check *check, struct xr_bin key, struct xr_bin value,
                          const void *record)
{
    (void)value;
    const struct xr_setting_record *row = record;
    const struct xr_setting *setting =
        xr_setting_named((struct xr_str){(const char *)key.at, key.size}, NULL);
    XR_CHECK(check, "setting", setting, "there is no setting \"%.*s\"", (int)key.size, key.at);
    XR_CHECK(
        check, "setting", !setting || (row->value >= setting->min && row->value <= setting->max),
        "setting %.*s is %lld, outside its range", (int)key.size, key.at, (long long)row->value);
}

static void load_settings(struct xr_check *check)
{
    for (size_t i = 0; i < XR_SETTING_COUNT; i++) {
        const struct xr_key key = xr_key_str(xr_str_of(xr_settings[i].name));
        const struct xr_setting_record *record =
            xr_check_find(check, XR_TABLE_setting, xr_key_of(&key), XR_TYPE_setting_record);
        check->settings[i] = record ? record->value : xr_settings[i].standard;
    }
}

/* ---- agents and balances -------------------------------------------------------------------- */

static void check_presence(struct xr_check *check, const struct xr_agent_record *agent,
                           const struct xr_check_load *load)
{
    const bool offline = agent->state == XR_presence_OFFLINE;
    XR_CHECK(check, "presence", agent->state != XR_presence_LOST,
             "agent %u: LOST is no state that can be chosen", agent->agent.n);
    XR_CHECK(check, "presence", agent->lost == (!offline && load->alive == 0),
             "agent %u is %s, has %u devices connected, and is %smarked as lost", agent->agent.n,
             xr_choice_name("presence", agent->state), load->alive, agent->lost ? "" : "not ");
    XR_CHECK(check, "I5 owner", !offline || load->open == 0 || agent->grace_ms != 0,
             "agent %u is signed off, but owns %u sessions", agent->agent.n, load->open);
}

static void check_agent(struct xr_check *check, struct xr_bin key, struct xr_bin value,
                        const void *record)
{
    (void)value;
    const struct xr_agent_record *agent = record;
    const uint32_t id = xr_get_u32be(key.at);
    const struct xr_check_load none = {0, 0, 0, 0};
    const struct xr_check_load load = id < check->load_count ? check->loads[id] : none;
    const int64_t ceiling = xr_settings[XR_SETTING_limit_ceiling].max;
    XR_CHECK(check, "I15 key", agent->agent.n == id, "agent %u: its row says that it is %u", id,
             agent->agent.n);
    XR_CHECK(check, "I15 agent", xr_check_account(check, (struct xr_agent_id){id}),
             "agent %u has a row, but no account", id);
    XR_CHECK(check, "I5 load", agent->active == load.active,
             "agent %u: its load is %u, but it has %u sessions that count", id, agent->active,
             load.active);
    XR_CHECK(check, "I5 limit", load.fresh <= ceiling,
             "agent %u has been given %u sessions at once, past the ceiling of %lld", id,
             load.fresh, (long long)ceiling);
    XR_CHECK(check, "counter", agent->last_pick <= check->floor->picks,
             "agent %u was last picked as number %llu, but %llu were given out", id,
             (unsigned long long)agent->last_pick, (unsigned long long)check->floor->picks);
    check_presence(check, agent, &load);
    if (id < check->load_count)
        check->loads[id].active = 0; /* seen */
}

/* Whoever has sessions that count has a row. */
static void end_agents(struct xr_check *check)
{
    for (size_t id = 0; id < check->load_count; id++)
        XR_CHECK(check, "I5 load", check->loads[id].active == 0,
                 "agent %zu has %u sessions that count, but no row", id, check->loads[id].active);
}

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

void xr_check_packed(struct xr_check *check, const char *what, uint64_t id, struct xr_bin packed,
                     int64_t bound)
{
    uint64_t sum = 0; /* wraps, so that no row can overflow it; it has to come back to 0 */
    uint32_t before = 0;
    XR_CHECK(check, "balance", packed.size % PACKED_BYTES == 0, "%s %llu is cut short", what,
             (unsigned long long)id);
    for (uint32_t i = 0; i + PACKED_BYTES <= packed.size; i += PACKED_BYTES) {
        const uint32_t agent = read_u32le(packed.at + i);
        const int64_t owed = read_i64le(packed.at + i + 4);
        XR_CHECK(check, "balance", agent > before, "%s %llu: agents are not in ascending order",
                 what, (unsigned long long)id);
        XR_CHECK(check, "balance", xr_check_account(check, (struct xr_agent_id){agent}),
                 "%s %llu names agent %u, which has no account", what, (unsigned long long)id,
                 agent);
        XR_CHECK(check, "balance", owed <= bound && owed >= -bound,
                 "%s %llu: agent %u has %lld / 2^32, past the bound", what, (unsigned long long)id,
                 agent, (long long)owed);
        before = agent;
        sum += (uint64_t)owed;
    }
    XR_CHECK(check, "balance", sum == 0, "%s %llu: the sum is %lld / 2^32 instead of 0", what,
             (unsigned long long)id, (long long)sum);
}

/*
 * The bound is the largest that the setting can be: a balance may stand past the setting in force
 * until its agent's next share, after the setting was lowered or a pick was undone.
 */
static void check_balances(struct xr_check *check, struct xr_bin key, struct xr_bin value,
                           const void *record)
{
    (void)key;
    (void)value;
    const struct xr_balances_record *balances = record;
    xr_check_packed(check, "balance of all agents, row", 1, balances->owed,
                    check->settings[XR_SETTING_owed_max] * XR_OWED_ONE);
}

/* ---- devices and tokens --------------------------------------------------------------------- */

/* Frames done + 1 … counter, each with its counter as ref. */
static void check_answers(struct xr_check *check, const struct xr_device_record *device)
{
    const unsigned long long id = device->device.n;
    struct xr_bin rest = device->answers;
    uint64_t counter = device->done;
    while (rest.size) {
        struct xr_frame frame;
        size_t used = 0;
        if (xr_frame_read(rest, &frame, &used) != XR_OK || frame.ref != counter + 1)
            break;
        rest = (struct xr_bin){rest.at + used, rest.size - (uint32_t)used};
        counter++;
    }
    XR_CHECK(check, "I3 answers", rest.size == 0 && counter == device->counter,
             "device %llu: answers are kept up to command %llu, not %llu", id,
             (unsigned long long)counter, (unsigned long long)device->counter);
}

static void check_device(struct xr_check *check, struct xr_bin key, struct xr_bin value,
                         const void *record)
{
    (void)value;
    const struct xr_device_record *device = record;
    const uint64_t id = xr_get_u64be(key.at);
    XR_CHECK(check, "I15 key", device->device.n == id, "device %llu: its row says that it is %llu",
             (unsigned long long)id, (unsigned long long)device->device.n);
    XR_CHECK(check, "I15 device", xr_check_account(check, device->agent),
             "device %llu belongs to account %u, which does not exist", (unsigned long long)id,
             device->agent.n);
    XR_CHECK(check, "I15 token",
             xr_check_index_u64(check, XR_TABLE_token, device->token_hash) == id,
             "device %llu: its token does not lead to it", (unsigned long long)id);
    XR_CHECK(check, "I3 answers", device->done <= device->counter,
             "device %llu confirmed answer %llu, but has sent %llu commands",
             (unsigned long long)id, (unsigned long long)device->done,
             (unsigned long long)device->counter);
    check_answers(check, device);
    if (device->alive && device->agent.n < check->load_count)
        check->loads[device->agent.n].alive++;
}

static void check_token(struct xr_check *check, struct xr_bin key, struct xr_bin value,
                        const void *record)
{
    (void)record;
    const struct xr_device_record *device =
        value.size == 8 ? xr_check_find(check, XR_TABLE_device, value, XR_TYPE_device_record)
                        : NULL;
    XR_CHECK(check, "I15 token", device && xr_bin_equal(device->token_hash, key),
             "a token leads to device %llu, which does not have it",
             value.size == 8 ? (unsigned long long)xr_get_u64be(value.at) : 0ULL);
}

/* ---- audit ---------------------------------------------------------------------------------- */

static void check_audit(struct xr_check *check, struct xr_bin key, struct xr_bin value,
                        const void *record)
{
    (void)value;
    const struct xr_audit_record *audit = record;
    check_id(check, "audit row", xr_get_u64be(key.at), audit->audit.number);
}

static void end_audit(struct xr_check *check)
{
    check_last(check, "audit row", check->floor->audits);
}

/* ---- the walk ------------------------------------------------------------------------------- */

struct walk {
    enum xr_table table;
    uint32_t key_size;
    enum xr_type type; /* of the record; none: `value` is no record */
    void (*visit)(struct xr_check *, struct xr_bin key, struct xr_bin value, const void *record);
    void (*end)(struct xr_check *); /* or NULL */
};

/* Sessions and devices come before agents (loads), sessions before the journal (numbers). */
static const struct walk walks[] = {
    {XR_TABLE_account, 4, XR_TYPE_account_record, check_account, end_accounts},
    {XR_TABLE_login, ANY, XR_TYPE_none, check_login, NULL},
    {XR_TABLE_group, 4, XR_TYPE_group_record, check_group, end_groups},
    {XR_TABLE_setting, ANY, XR_TYPE_setting_record, check_setting, NULL},
    {XR_TABLE_session, 8, XR_TYPE_session_record, xr_check_session, xr_check_sessions_end},
    {XR_TABLE_open, 8, XR_TYPE_none, xr_check_open, NULL},
    {XR_TABLE_spill, 12, XR_TYPE_spill_record, xr_check_spill, NULL},
    {XR_TABLE_device, 8, XR_TYPE_device_record, check_device, NULL},
    {XR_TABLE_agent, 4, XR_TYPE_agent_record, check_agent, end_agents},
    {XR_TABLE_balance, 0, XR_TYPE_balances_record, check_balances, NULL},
    {XR_TABLE_token, XR_HASH_BYTES, XR_TYPE_none, check_token, NULL},
    {XR_TABLE_customer, 8, XR_TYPE_customer_record, xr_check_customer, xr_check_customers_end},
    {XR_TABLE_channel, XR_HASH_BYTES, XR_TYPE_none, xr_check_channel, NULL},
    {XR_TABLE_visit, 16, XR_TYPE_none, xr_check_visit, NULL},
    {XR_TABLE_note, 16, XR_TYPE_note_record, xr_check_note, NULL},
    {XR_TABLE_explanation, 16, XR_TYPE_explanation_record, xr_check_explanation, NULL},
    {XR_TABLE_charge, 8, XR_TYPE_charge_record, xr_check_charge, NULL},
    {XR_TABLE_audit, 8, XR_TYPE_audit_record, check_audit, end_audit},
    {XR_TABLE_journal, 8, XR_TYPE_none, xr_check_journal, xr_check_journal_end},
};

static void visit_row(struct xr_check *check, const struct walk *walk, struct xr_bin key,
                      struct xr_bin value)
{
    const void *record = NULL;
    xr_arena_reset(check->arena);
    if (walk->key_size != ANY && key.size != walk->key_size) {
        XR_CHECK(check, "row", false, "table %s: a key of %u bytes instead of %u",
                 table_name(walk->table), key.size, walk->key_size);
        return;
    }
    if (walk->type != XR_TYPE_none &&
        xr_record_decode(value, walk->type, check->arena, &record) != XR_OK) {
        XR_CHECK(check, "row", false, "table %s: a row cannot be read (%u bytes)",
                 table_name(walk->table), value.size);
        return;
    }
    walk->visit(check, key, value, record);
}

static void walk_table(struct xr_check *check, const struct walk *walk)
{
    struct xr_scan scan;
    struct xr_bin key;
    struct xr_bin value;
    check->last = 0;
    check->last_side = 0;
    xr_tables_scan_open(check->tables, walk->table, xr_key_none(), false, &scan);
    while (xr_tables_scan_next(check->tables, &scan, &key, &value))
        visit_row(check, walk, key, value);
    xr_tables_scan_close(check->tables, &scan);
    if (walk->end)
        walk->end(check);
}

/* ---- the whole ------------------------------------------------------------------------------ */

/* One place for each account that there really is: a counter may itself be broken. */
static void take_loads(struct xr_check *check)
{
    struct xr_scan scan;
    struct xr_bin key;
    struct xr_bin value;
    uint32_t accounts = 0;
    xr_tables_scan_open(check->tables, XR_TABLE_account, xr_key_none(), false, &scan);
    while (xr_tables_scan_next(check->tables, &scan, &key, &value))
        accounts++;
    xr_tables_scan_close(check->tables, &scan);
    check->loads = xr_mem_zero((size_t)accounts + 1, sizeof(*check->loads));
    check->load_count = check->loads ? (size_t)accounts + 1 : 0;
}

static void walk_all(struct xr_check *check)
{
    const struct xr_floor_record *floor =
        xr_check_find(check, XR_TABLE_floor, xr_key_none(), XR_TYPE_floor_record);
    XR_CHECK(check, "row", floor, "the floor's own row is missing or cannot be read");
    if (!floor)
        return;
    const struct xr_floor_record head = *floor; /* outlives the resets of the arena */
    check->floor = &head;
    load_settings(check);
    take_loads(check);
    XR_CHECK(check, "memory", check->loads, "no memory for the check");
    for (size_t i = 0; i < sizeof(walks) / sizeof(walks[0]); i++)
        walk_table(check, &walks[i]);
    xr_mem_free(check->loads);
    check->floor = NULL;
}

size_t xr_floor_check(struct xr_tables *tables, bool deep, xr_check_fn report, void *context)
{
    struct xr_check check = {
        .tables = tables,
        .deep = deep,
        .report = report,
        .context = context,
        .arena = xr_arena_new(ARENA_BYTES),
        .inner = xr_arena_new(ARENA_BYTES),
    };
    xr_buf_init(&check.text, TEXT_BYTES);
    if (check.arena && check.inner)
        walk_all(&check);
    else
        XR_CHECK(&check, "memory", false, "no memory for the check");
    xr_buf_fini(&check.text);
    xr_arena_free(check.arena);
    xr_arena_free(check.inner);
    return check.broken;
}
