/*
 * Devices: log-in, and the answers that each keeps until its client has confirmed them.
 *
 * A client logs in with its device's token, or with the password, which makes a new device. The
 * floor sees neither: only the token's hash and whether the password was right.
 */
#include "floor/index.h"

#include <string.h>

/* ---- answers kept ---- */

static size_t frame_size(const struct xr_device_node *device, size_t from)
{
    struct xr_bin rest = {device->answers.at + from, (uint32_t)(device->answers.size - from)};
    struct xr_frame frame;
    size_t used;
    enum xr_status status = xr_frame_read(rest, &frame, &used);
    XR_ASSERT(status == XR_OK);
    return used;
}

void xr_device_confirm(struct xr_device_node *device, uint64_t done)
{
    while (device->hot.done < done) {
        device->answers_from += frame_size(device, device->answers_from);
        device->hot.done++;
    }
    size_t left = device->answers.size - device->answers_from;
    if (left == 0 || device->answers_from > 8 * left) {
        if (left > 0)
            memmove(device->answers.at, device->answers.at + device->answers_from, left);
        device->answers.size = left;
        device->answers_from = 0;
    }
}

void xr_device_keep(struct xr_device_node *device, struct xr_bin frame)
{
    if (device->answers.size + frame.size > device->answers.max) {
        size_t left = device->answers.size - device->answers_from;
        memmove(device->answers.at, device->answers.at + device->answers_from, left);
        device->answers.size = left;
        device->answers_from = 0;
    }
    xr_buf_add(&device->answers, frame.at, frame.size);
    XR_ASSERT(!device->answers.failed);
}

enum xr_status xr_device_answer(const struct xr_device_node *device, uint64_t counter,
                                struct xr_bin *frame)
{
    if (counter <= device->hot.done || counter > device->hot.counter)
        return XR_NONE;
    size_t from = device->answers_from;
    for (uint64_t n = device->hot.done + 1; n < counter; n++)
        from += frame_size(device, from);
    *frame = (struct xr_bin){device->answers.at + from, (uint32_t)frame_size(device, from)};
    return XR_OK;
}

/* ---- log-in ---- */

static void deny(struct xr_step *step, enum xr_code code)
{
    struct xr_error error = {.code = code};
    xr_step_reply(step, step->event->origin, 0, XR_TYPE_error, &error);
}

/* The account of a log-in name, where it may log in; NULL otherwise. */
static const struct xr_account_record *account_of(struct xr_step *step, struct xr_str login)
{
    struct xr_floor *floor = step->floor;
    struct xr_key key = xr_key_str(login);
    struct xr_bin value;
    const void *record;
    if (xr_tables_get(step->tables, XR_TABLE_login, xr_key_of(&key), &value) != XR_OK)
        return NULL;
    struct xr_key id = xr_key_u32(xr_key_read_u32(value, 0));
    enum xr_status status = xr_record_get(step->tables, XR_TABLE_account, xr_key_of(&id),
                                          XR_TYPE_account_record, floor->scratch, &record);
    XR_ASSERT(status == XR_OK);
    const struct xr_account_record *account = record;
    return account->state == XR_account_state_ACTIVE ? account : NULL;
}

void xr_device_asked(struct xr_step *step, const struct xr_asked *asked)
{
    const struct xr_account_record *account = account_of(step, asked->login);
    struct xr_effect *effect = xr_step_effect(step, XR_EFFECT_VERIFY);
    effect->origin = step->event->origin;
    if (account != NULL)
        effect->hash = xr_arena_str(step->effects->arena, account->hash);
}

/* The device is this connection's from now on: attach, welcome, and presence follows. */
static void attach(struct xr_step *step, struct xr_device_node *device, struct xr_str name)
{
    struct xr_floor *floor = step->floor;
    struct xr_agent_node *agent = xr_index_agent(floor, device->hot.agent.n);
    struct xr_effect *effect;

    if (device->hot.alive != 0 && device->hot.alive != step->event->origin) {
        effect = xr_step_effect(step, XR_EFFECT_DETACH);
        effect->device = device->hot.device;
        effect->origin = step->event->origin;
    }
    effect = xr_step_effect(step, XR_EFFECT_ATTACH);
    effect->origin = step->event->origin;
    effect->agent = agent->hot.agent;
    effect->role = agent->role;
    effect->device = device->hot.device;
    struct xr_welcome welcome = {
        .protocol = XR_PROTOCOL_VERSION,
        .agent = agent->hot.agent,
        .role = agent->role,
        .name = name,
        .device = device->hot.device,
        .counter = device->hot.counter,
        .cursor = floor->head.head,
        .head = floor->head.head,
        .commit = floor->options.commit,
        .wall_ms = step->event->wall_ms,
        .lease_ms = floor->options.lease_ms,
        .beat_ms = floor->options.beat_ms,
        .state = agent->hot.state,
        .server = xr_str_of(floor->options.server),
    };
    xr_step_reply(step, step->event->origin, 0, XR_TYPE_welcome, &welcome);
    device->hot.last_ms = step->event->wall_ms;
    xr_presence_device_came(step, device);
}

/* Name of an account, in the scratch arena. */
static struct xr_str name_of(struct xr_step *step, uint32_t agent)
{
    struct xr_key key = xr_key_u32(agent);
    const void *record;
    enum xr_status status = xr_record_get(step->tables, XR_TABLE_account, xr_key_of(&key),
                                          XR_TYPE_account_record, step->floor->scratch, &record);
    XR_ASSERT(status == XR_OK);
    return xr_arena_str(step->floor->scratch, ((const struct xr_account_record *)record)->name);
}

void xr_device_came(struct xr_step *step, const struct xr_came *came)
{
    struct xr_key key = xr_key_bytes(came->token_hash.at, came->token_hash.size);
    struct xr_bin value;
    if (xr_tables_get(step->tables, XR_TABLE_token, xr_key_of(&key), &value) != XR_OK) {
        deny(step, XR_code_UNKNOWN_DEVICE);
        return;
    }
    struct xr_device_node *device = xr_index_device(step->floor, xr_key_read_u64(value, 0));
    XR_ASSERT(device != NULL);
    const struct xr_agent_node *agent = xr_index_agent(step->floor, device->hot.agent.n);
    if (agent->account != XR_account_state_ACTIVE) {
        deny(step, XR_code_DENIED);
        return;
    }
    attach(step, device, name_of(step, agent->hot.agent.n));
}

static void remove_device(struct xr_step *step, struct xr_device_node *device)
{
    struct xr_key key = xr_key_u64(device->hot.device.n);
    struct xr_key token = xr_key_bytes(device->token_hash, sizeof device->token_hash);
    xr_tables_del(step->tables, XR_TABLE_device, xr_key_of(&key));
    xr_tables_del(step->tables, XR_TABLE_token, xr_key_of(&token));
    xr_index_device_remove(step->floor, device);
}

/* Visit the devices of an account in the order of their ids; `last` 0 begins. */
static struct xr_device_node *next_of(const struct xr_floor *floor, uint32_t agent, uint64_t last)
{
    struct xr_device_node *best = NULL;
    for (size_t i = 0; i < floor->device_slots; i++)
        for (struct xr_device_node *d = floor->devices[i]; d != NULL; d = d->hash_next)
            if (d->hot.agent.n == agent && d->hot.device.n > last &&
                (best == NULL || d->hot.device.n < best->hot.device.n))
                best = d;
    return best;
}

/* Room for one more device of the account: the one that has been away longest makes it. */
static bool make_room(struct xr_step *step, uint32_t agent)
{
    struct xr_device_node *oldest = NULL;
    uint64_t last = 0;
    size_t count = 0;
    struct xr_device_node *d;
    while ((d = next_of(step->floor, agent, last)) != NULL) {
        last = d->hot.device.n;
        count++;
        if (d->hot.alive == 0 && (oldest == NULL || d->hot.last_ms < oldest->hot.last_ms))
            oldest = d;
    }
    if (count < XR_DEVICES_PER_ACCOUNT)
        return true;
    if (oldest == NULL)
        return false;
    remove_device(step, oldest);
    return true;
}

void xr_device_proved(struct xr_step *step, const struct xr_proved *proved)
{
    struct xr_floor *floor = step->floor;
    const struct xr_account_record *account = account_of(step, proved->login);
    if (!proved->ok || account == NULL || xr_index_device(floor, proved->device.n) != NULL) {
        deny(step, XR_code_DENIED);
        return;
    }
    struct xr_agent_id agent = account->agent;
    struct xr_str name = xr_arena_str(floor->scratch, account->name);
    if (!make_room(step, agent.n)) {
        deny(step, XR_code_FULL);
        return;
    }
    struct xr_device_node *device = xr_index_device_add(floor, proved->device.n);
    device->hot.agent = agent;
    memcpy(device->token_hash, proved->token_hash.at, sizeof device->token_hash);
    device->hot.token_hash = (struct xr_bin){device->token_hash, sizeof device->token_hash};
    xr_index_device_name(device, proved->client);
    struct xr_key token = xr_key_bytes(device->token_hash, sizeof device->token_hash);
    struct xr_key id = xr_key_u64(proved->device.n);
    xr_tables_put(step->tables, XR_TABLE_token, xr_key_of(&token), xr_key_of(&id));
    attach(step, device, name);
}

void xr_device_gone(struct xr_step *step, const struct xr_gone *gone)
{
    struct xr_device_node *device = xr_index_device(step->floor, gone->device.n);
    /* A newer connection may have the device already, or it was revoked. */
    if (device != NULL && device->hot.alive == step->event->origin)
        xr_presence_device_gone(step, device);
}

/* ---- ending devices ---- */

static void end_device(struct xr_step *step, struct xr_device_node *device)
{
    struct xr_effect *effect = xr_step_effect(step, XR_EFFECT_DETACH);
    effect->device = device->hot.device;
    xr_presence_device_gone(step, device);
    remove_device(step, device);
}

void xr_device_detach_all(struct xr_step *step, uint32_t agent)
{
    uint64_t last = 0;
    struct xr_device_node *device;
    while ((device = next_of(step->floor, agent, last)) != NULL) {
        last = device->hot.device.n;
        if (device->hot.alive != 0)
            xr_step_effect(step, XR_EFFECT_DETACH)->device = device->hot.device;
    }
}

void xr_device_end_all(struct xr_step *step, uint32_t agent)
{
    struct xr_device_node *device;
    while ((device = next_of(step->floor, agent, 0)) != NULL)
        end_device(step, device);
}

enum xr_code xr_device_revoke(struct xr_step *step, const void *message)
{
    const struct xr_revoke *revoke = message;
    struct xr_device_node *device = xr_index_device(step->floor, revoke->device.n);
    const struct xr_agent_node *agent =
        device == NULL ? NULL : xr_index_agent(step->floor, device->hot.agent.n);
    bool own = agent == step->who;
    if (device == NULL || (!own && !xr_step_supervises(step)))
        return xr_step_refuse(step, XR_code_NOT_FOUND, "device");
    if (!own && agent->role == XR_role_OWNER && step->who->role != XR_role_OWNER)
        return xr_step_refuse(step, XR_code_FORBIDDEN, "device");
    if (!own)
        xr_step_audit(step, "revoke", xr_step_format(step, "agent %u", agent->hot.agent.n),
                      xr_step_format(step, "device %llu", (unsigned long long)revoke->device.n),
                      XR_STR(""));
    end_device(step, device);
    return XR_code_NONE;
}
