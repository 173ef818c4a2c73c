/* Accounts, groups and settings: what a floor is made of. Every change is audited. */
#include "floor/index.h"

#include <string.h>

#define EVERYBODY                                                                                  \
    (1u << XR_role_OWNER | 1u << XR_role_SUPERVISOR | 1u << XR_role_AGENT | 1u << XR_role_BRIDGE)

/* ---- the index follows a record ---- */

void xr_account_apply(struct xr_floor *floor, struct xr_agent_node *agent,
                      const struct xr_account_record *record)
{
    agent->role = record->role;
    agent->account = record->state;
    agent->weight = record->weight;
    agent->limit = record->limit;
    xr_index_leave_groups(floor, agent);
    agent->group_count = record->groups.count;
    for (uint32_t i = 0; i < record->groups.count; i++)
        agent->groups[i] = record->groups.at[i];
    xr_index_join_groups(floor, agent);
}

static void put_account(struct xr_step *step, const struct xr_account_record *record)
{
    struct xr_key key = xr_key_u32(record->agent.n);
    xr_record_put(step->tables, XR_TABLE_account, xr_key_of(&key), XR_TYPE_account_record, record,
                  &step->floor->row);
}

static void put_login(struct xr_step *step, struct xr_str login, uint32_t agent)
{
    struct xr_key key = xr_key_str(login);
    struct xr_key id = xr_key_u32(agent);
    xr_tables_put(step->tables, XR_TABLE_login, xr_key_of(&key), xr_key_of(&id));
}

static bool login_taken(struct xr_step *step, struct xr_str login)
{
    struct xr_key key = xr_key_str(login);
    struct xr_bin value;
    return xr_tables_get(step->tables, XR_TABLE_login, xr_key_of(&key), &value) == XR_OK;
}

static struct xr_group_node *add_group(struct xr_step *step, struct xr_str name,
                                       struct xr_str title)
{
    struct xr_floor *floor = step->floor;
    struct xr_group_node *group = xr_index_group_add(floor, ++floor->head.groups);
    struct xr_group_record record = {.group = {group->id}, .name = name, .title = title};
    struct xr_key key = xr_key_u32(group->id);
    floor->head_dirty = true;
    xr_index_group_name(group, name, title);
    xr_record_put(step->tables, XR_TABLE_group, xr_key_of(&key), XR_TYPE_group_record, &record,
                  &floor->row);
    return group;
}

void xr_account_founded(struct xr_step *step, const struct xr_founded *founded)
{
    struct xr_floor *floor = step->floor;
    if (floor->head.accounts != 0)
        return; /* founded already */
    XR_ASSERT(founded->name.size <= sizeof floor->name);
    memcpy(floor->name, founded->name.at, founded->name.size);
    floor->head.name = (struct xr_str){floor->name, founded->name.size};
    floor->head.created_ms = step->event->wall_ms;
    floor->head.accounts = 1;
    floor->head_dirty = true;
    add_group(step, XR_STR("default"), XR_STR("默认"));
    struct xr_account_record owner = {
        .agent = {1},
        .login = founded->login,
        .name = founded->login,
        .role = XR_role_OWNER,
        .state = XR_account_state_ACTIVE,
        .hash = founded->hash,
        .weight = 100,
        .created_ms = step->event->wall_ms,
    };
    struct xr_agent_node *agent = xr_index_agent_add(floor, 1);
    put_account(step, &owner);
    put_login(step, owner.login, 1);
    xr_account_apply(floor, agent, &owner);
    xr_presence_touch(floor, agent);
    floor->balances_dirty = true;
}

/* ---- account_set ---- */

static bool is_staff_leader(enum xr_role role)
{
    return role == XR_role_OWNER || role == XR_role_SUPERVISOR;
}

/* Only an owner makes or changes owners and supervisors. */
static bool may_set(const struct xr_step *step, enum xr_role before, enum xr_role after)
{
    return step->who->role == XR_role_OWNER ||
           (!is_staff_leader(before) && !is_staff_leader(after));
}

static bool is_last_owner(const struct xr_floor *floor, const struct xr_agent_node *agent)
{
    if (agent->role != XR_role_OWNER || agent->account != XR_account_state_ACTIVE)
        return false;
    for (size_t i = 1; i < floor->agent_count; i++) {
        const struct xr_agent_node *other = floor->agents[i];
        if (other != NULL && other != agent && other->role == XR_role_OWNER &&
            other->account == XR_account_state_ACTIVE)
            return false;
    }
    return true;
}

/* Ascending and without repetition, in the scratch arena; count UINT32_MAX: one does not exist. */
static struct xr_u32s sorted_groups(struct xr_step *step, struct xr_u32s wanted)
{
    uint32_t *sorted = xr_arena_take(step->floor->scratch, (wanted.count + 1) * sizeof *sorted);
    struct xr_u32s out = {sorted, 0};
    XR_ASSERT(sorted != NULL);
    for (uint32_t i = 0; i < wanted.count; i++) {
        if (xr_index_group(step->floor, wanted.at[i]) == NULL)
            return (struct xr_u32s){NULL, UINT32_MAX};
        uint32_t place = out.count;
        while (place > 0 && sorted[place - 1] >= wanted.at[i])
            place--;
        if (place < out.count && sorted[place] == wanted.at[i])
            continue;
        memmove(&sorted[place + 1], &sorted[place], (out.count - place) * sizeof *sorted);
        sorted[place] = wanted.at[i];
        out.count++;
    }
    return out;
}

static enum xr_code refuse_new(struct xr_step *step, const struct xr_account_set *set)
{
    if (set->login.size == 0)
        return xr_step_refuse(step, XR_code_MISSING, "login");
    if (set->role == XR_role_NONE)
        return xr_step_refuse(step, XR_code_MISSING, "role");
    if (set->hash.size == 0)
        return xr_step_refuse(step, XR_code_MISSING, "password");
    if (step->floor->head.accounts >= XR_ACCOUNTS_MAX)
        return xr_step_refuse(step, XR_code_FULL, "accounts");
    return XR_code_NONE;
}

static enum xr_code refuse_change(struct xr_step *step, const struct xr_account_set *set,
                                  const struct xr_agent_node *agent)
{
    bool ends = XR_HAS(set, 10) && set->state != XR_account_state_ACTIVE;
    bool demoted = set->role != XR_role_NONE && set->role != XR_role_OWNER;
    if (agent->account == XR_account_state_LEFT)
        return xr_step_refuse(step, XR_code_STATE, "agent");
    if ((ends || demoted) && is_last_owner(step->floor, agent))
        return xr_step_refuse(step, XR_code_STATE, "role");
    if (set->role != XR_role_NONE &&
        (set->role == XR_role_BRIDGE) != (agent->role == XR_role_BRIDGE))
        return xr_step_refuse(step, XR_code_RANGE, "role");
    return XR_code_NONE;
}

/* What is said replaces what was. */
static void overlay(const struct xr_account_set *set, struct xr_u32s groups,
                    struct xr_account_record *record)
{
    if (set->login.size > 0)
        record->login = set->login;
    if (XR_HAS(set, 4))
        record->name = set->name;
    if (set->role != XR_role_NONE)
        record->role = set->role;
    if (set->hash.size > 0)
        record->hash = set->hash;
    if (XR_HAS(set, 7))
        record->weight = set->weight;
    if (XR_HAS(set, 8))
        record->limit = set->limit;
    if (XR_HAS(set, 9))
        record->groups = groups;
    if (set->state != XR_account_state_NONE)
        record->state = set->state;
    if (XR_HAS(set, 11))
        record->language = set->language;
}

static struct xr_str describe(struct xr_step *step, const struct xr_account_record *record)
{
    return xr_step_format(step, "%s, %s, weight %u, limit %u, %u groups",
                          xr_choice_name("role", record->role),
                          xr_choice_name("account_state", record->state), record->weight,
                          record->limit, record->groups.count);
}

/* The account as it was, in the scratch arena, or the beginning of a new one. */
static struct xr_account_record record_before(struct xr_step *step, uint32_t id)
{
    static const uint32_t default_group = 1;
    struct xr_account_record record = {
        .agent = {id},
        .state = XR_account_state_ACTIVE,
        .weight = 100,
        .created_ms = step->event->wall_ms,
    };
    struct xr_key key = xr_key_u32(id);
    struct xr_bin value;
    if (xr_tables_get(step->tables, XR_TABLE_account, xr_key_of(&key), &value) != XR_OK) {
        record.groups = (struct xr_u32s){&default_group, 1};
        return record;
    }
    struct xr_bin kept = xr_arena_bin(step->floor->scratch, value.at, value.size);
    const void *stored;
    enum xr_status status =
        xr_record_decode(kept, XR_TYPE_account_record, step->floor->scratch, &stored);
    XR_ASSERT(status == XR_OK);
    return *(const struct xr_account_record *)stored;
}

static void end_account(struct xr_step *step, struct xr_agent_node *agent)
{
    xr_presence_end(step, agent);
    xr_device_end_all(step, agent->hot.agent.n);
    xr_queue_spread_balance(step->floor, agent);
}

enum xr_code xr_account_set(struct xr_step *step, const void *message)
{
    const struct xr_account_set *set = message;
    struct xr_floor *floor = step->floor;
    struct xr_agent_node *agent = xr_index_agent(floor, set->agent.n);
    bool is_new = set->agent.n == 0;
    enum xr_code code;

    if (!is_new && agent == NULL)
        return xr_step_refuse(step, XR_code_NOT_FOUND, "agent");
    code = is_new ? refuse_new(step, set) : refuse_change(step, set, agent);
    if (code != XR_code_NONE)
        return code;
    struct xr_account_record before =
        record_before(step, is_new ? floor->head.accounts + 1 : set->agent.n);
    enum xr_role role_after = set->role != XR_role_NONE ? set->role : before.role;
    if (!may_set(step, before.role, role_after))
        return xr_step_refuse(step, XR_code_FORBIDDEN, "role");
    bool renamed = set->login.size > 0 && !xr_str_equal(set->login, before.login);
    if (renamed && login_taken(step, set->login))
        return xr_step_refuse(step, XR_code_EXISTS, "login");
    struct xr_u32s groups = sorted_groups(step, set->groups);
    if (groups.count == UINT32_MAX)
        return xr_step_refuse(step, XR_code_NOT_FOUND, "groups");

    struct xr_account_record record = before;
    overlay(set, groups, &record);
    if (is_new) {
        floor->head.accounts++;
        floor->head_dirty = true;
        floor->balances_dirty = true;
        agent = xr_index_agent_add(floor, record.agent.n);
        if (!XR_HAS(set, 9) && record.role != XR_role_AGENT)
            record.groups.count = 0;
    }
    put_account(step, &record);
    if (renamed && before.login.size > 0) {
        struct xr_key key = xr_key_str(before.login);
        xr_tables_del(step->tables, XR_TABLE_login, xr_key_of(&key));
    }
    if (renamed)
        put_login(step, record.login, record.agent.n);
    xr_presence_touch(floor, agent);
    /* Sessions leave before the groups do: routing finds the account as it was. */
    if (!is_new && agent->account == XR_account_state_ACTIVE &&
        record.state != XR_account_state_ACTIVE) {
        agent->account = record.state;
        end_account(step, agent);
    }
    if (!is_new && record.role != before.role)
        xr_device_detach_all(step, record.agent.n);
    xr_account_apply(floor, agent, &record);
    xr_step_audit(step, "account_set", record.login, is_new ? XR_STR("") : describe(step, &before),
                  describe(step, &record));
    struct xr_account_changed update = {.seq = 0};
    struct xr_audience audience = {.roles = XR_SUPERVISORS, .agents = {record.agent.n}};
    xr_agent_view_fill(step, agent, &update.account);
    update.account.login = record.login;
    update.account.name = record.name;
    step->done.seq = xr_step_push(step, &audience, XR_TYPE_account_changed, &update);
    xr_queue_drain(step, agent);
    step->done = (struct xr_done){.agent = record.agent, .seq = step->done.seq};
    return XR_code_NONE;
}

/* ---- group_set ---- */

static enum xr_code refuse_group(struct xr_step *step, const struct xr_group_set *set,
                                 const struct xr_group_node *group)
{
    const struct xr_group_node *same = xr_index_group_named(step->floor, set->name);
    if (set->group.n != 0 && group == NULL)
        return xr_step_refuse(step, XR_code_NOT_FOUND, "group");
    if (set->group.n == 0 && set->name.size == 0)
        return xr_step_refuse(step, XR_code_MISSING, "name");
    if (set->name.size > 0 && same != NULL && same != group)
        return xr_step_refuse(step, XR_code_EXISTS, "name");
    if (set->group.n == 0 && step->floor->head.groups >= XR_GROUPS_MAX)
        return xr_step_refuse(step, XR_code_FULL, "groups");
    return XR_code_NONE;
}

enum xr_code xr_account_group_set(struct xr_step *step, const void *message)
{
    const struct xr_group_set *set = message;
    struct xr_floor *floor = step->floor;
    struct xr_group_node *group = xr_index_group(floor, set->group.n);
    enum xr_code code = refuse_group(step, set, group);
    if (code != XR_code_NONE)
        return code;
    struct xr_str before = XR_STR("");
    if (group == NULL) {
        group = add_group(step, set->name, set->title);
    } else {
        before = xr_arena_str(floor->scratch, group->name);
        struct xr_group_record record = {
            .group = {group->id},
            .name = set->name.size > 0 ? set->name : before,
            .title = XR_HAS(set, 4) ? set->title : xr_arena_str(floor->scratch, group->title),
        };
        struct xr_key key = xr_key_u32(group->id);
        xr_record_put(step->tables, XR_TABLE_group, xr_key_of(&key), XR_TYPE_group_record, &record,
                      &floor->row);
        xr_index_group_name(group, record.name, record.title);
    }
    xr_step_audit(step, "group_set", xr_step_format(step, "group %u", group->id), before,
                  group->name);
    struct xr_group_changed update = {
        .group = {.group = {group->id}, .name = group->name, .title = group->title}};
    struct xr_audience audience = {.roles = EVERYBODY};
    step->done.seq = xr_step_push(step, &audience, XR_TYPE_group_changed, &update);
    step->done.group.n = group->id;
    return XR_code_NONE;
}

/* ---- setting_set ---- */

/* Idle sessions begin or cease to count: every load is counted anew. */
static void recount(struct xr_step *step)
{
    for (size_t i = 1; i < step->floor->agent_count; i++) {
        struct xr_agent_node *agent = step->floor->agents[i];
        if (agent == NULL || agent->sessions == NULL)
            continue;
        agent->hot.active = 0;
        for (struct xr_session_node *s = agent->sessions; s != NULL; s = s->agent_next)
            agent->hot.active += xr_session_counts(step->floor, s);
        xr_presence_touch(step->floor, agent);
    }
}

/* Deadlines may come sooner now. */
static void rearm_all(struct xr_floor *floor)
{
    for (size_t i = 0; i < floor->session_slots; i++)
        for (struct xr_session_node *s = floor->sessions[i]; s != NULL; s = s->hash_next)
            xr_session_rearm(floor, s);
}

enum xr_code xr_account_setting_set(struct xr_step *step, const void *message)
{
    const struct xr_setting_set *set = message;
    struct xr_floor *floor = step->floor;
    size_t index;
    const struct xr_setting *setting = xr_setting_named(set->name, &index);
    if (setting == NULL)
        return xr_step_refuse(step, XR_code_NOT_FOUND, "name");
    if (set->value < setting->min || set->value > setting->max)
        return xr_step_refuse(step, XR_code_RANGE, "value");

    struct xr_setting_record record = {.value = set->value};
    struct xr_key key = xr_key_str(set->name);
    int64_t before = floor->settings[index];
    floor->settings[index] = set->value;
    if (set->value == setting->standard)
        xr_tables_del(step->tables, XR_TABLE_setting, xr_key_of(&key));
    else
        xr_record_put(step->tables, XR_TABLE_setting, xr_key_of(&key), XR_TYPE_setting_record,
                      &record, &floor->row);
    xr_step_audit(step, "setting_set", set->name, xr_step_format(step, "%lld", (long long)before),
                  xr_step_format(step, "%lld", (long long)set->value));
    struct xr_setting_changed update = {.setting = {.name = set->name,
                                                    .value = set->value,
                                                    .unit = xr_str_of(setting->unit),
                                                    .min = setting->min,
                                                    .max = setting->max,
                                                    .standard = setting->standard,
                                                    .help = xr_str_of(setting->help)}};
    struct xr_audience audience = {.roles = XR_SUPERVISORS};
    step->done.seq = xr_step_push(step, &audience, XR_TYPE_setting_changed, &update);
    if (index == XR_SETTING_idle_counts && before != set->value)
        recount(step);
    if (index == XR_SETTING_owed_max)
        xr_queue_clamp(floor);
    if (index == XR_SETTING_idle_s || index == XR_SETTING_close_s)
        rearm_all(floor);
    floor->head.fill_from.n = 1;
    xr_queue_fill(step);
    return XR_code_NONE;
}
