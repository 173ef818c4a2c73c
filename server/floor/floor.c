/* The index as a whole: made, written at the end of a batch, compared. */
#include "floor/index.h"

#include <sodium/crypto_generichash.h>
#include <string.h>

struct xr_floor *xr_floor_new(const struct xr_floor_options *options)
{
    struct xr_floor *floor = xr_mem_zero(1, sizeof *floor);
    if (floor == NULL)
        return NULL;
    floor->options = *options;
    floor->scratch = xr_arena_new(64 * 1024);
    if (floor->scratch == NULL) {
        xr_mem_free(floor);
        return NULL;
    }
    xr_buf_init(&floor->row, 32 * 1024 * 1024);
    for (size_t i = 0; i < XR_SETTING_COUNT; i++)
        floor->settings[i] = xr_settings[i].standard;
    return floor;
}

static void free_text(struct xr_str text)
{
    xr_mem_free((void *)(uintptr_t)text.at);
}

void xr_index_clear(struct xr_floor *floor)
{
    floor->dirty_sessions = NULL;
    floor->dirty_devices = NULL;
    for (size_t i = 0; i < floor->agent_count; i++)
        xr_mem_free(floor->agents[i]);
    for (size_t i = 0; i < floor->group_count; i++) {
        if (floor->groups[i] == NULL)
            continue;
        free_text(floor->groups[i]->name);
        free_text(floor->groups[i]->title);
        xr_mem_free(floor->groups[i]->members);
        xr_mem_free(floor->groups[i]);
    }
    for (size_t i = 0; i < floor->session_slots; i++) {
        for (struct xr_session_node *node = floor->sessions[i]; node != NULL;) {
            struct xr_session_node *next = node->hash_next;
            xr_mem_free(node);
            node = next;
        }
    }
    for (size_t i = 0; i < floor->device_slots; i++)
        while (floor->devices[i] != NULL)
            xr_index_device_remove(floor, floor->devices[i]);
    xr_mem_free(XR_MOVE(floor->agents));
    xr_mem_free(XR_MOVE(floor->groups));
    xr_mem_free(XR_MOVE(floor->sessions));
    xr_mem_free(XR_MOVE(floor->devices));
    xr_mem_free(XR_MOVE(floor->candidates));
    xr_mem_free(XR_MOVE(floor->heap.at));
    floor->agent_count = floor->agent_capacity = 0;
    floor->group_count = floor->group_capacity = 0;
    floor->session_slots = floor->session_count = 0;
    floor->device_slots = floor->device_count = 0;
    floor->candidate_capacity = 0;
    floor->heap.count = floor->heap.capacity = 0;
    floor->queued = 0;
    floor->head_dirty = false;
    floor->balances_dirty = false;
    memset(&floor->head, 0, sizeof floor->head);
    for (size_t i = 0; i < XR_SETTING_COUNT; i++)
        floor->settings[i] = xr_settings[i].standard;
}

void xr_floor_free(struct xr_floor *floor)
{
    if (floor == NULL)
        return;
    xr_index_clear(floor);
    xr_arena_free(floor->scratch);
    xr_buf_fini(&floor->row);
    xr_mem_free(floor);
}

/* ---- settle ---- */

static void settle_sessions(struct xr_floor *floor, struct xr_tables *tables)
{
    while (floor->dirty_sessions != NULL) {
        struct xr_session_node *session = floor->dirty_sessions;
        floor->dirty_sessions = session->dirty_next;
        session->dirty = false;
        session->hot.positions = (struct xr_bin){session->positions, session->positions_size};
        struct xr_key key = xr_key_u64(session->hot.session.n);
        xr_record_put(tables, XR_TABLE_session, xr_key_of(&key), XR_TYPE_session_record,
                      &session->hot, &floor->row);
        if (session->hot.state == XR_session_state_CLOSED)
            xr_index_session_remove(floor, session);
    }
}

/* The answers it keeps; they live as long as its buffer. */
static struct xr_bin answers_of(const struct xr_device_node *device)
{
    const size_t left = device->answers.size - device->answers_from;
    return left > 0 ? (struct xr_bin){device->answers.at + device->answers_from, (uint32_t)left}
                    : (struct xr_bin){NULL, 0};
}

static void settle_devices(struct xr_floor *floor, struct xr_tables *tables)
{
    while (floor->dirty_devices != NULL) {
        struct xr_device_node *device = floor->dirty_devices;
        floor->dirty_devices = device->dirty_next;
        device->dirty = false;
        device->hot.answers = answers_of(device);
        struct xr_key key = xr_key_u64(device->hot.device.n);
        xr_record_put(tables, XR_TABLE_device, xr_key_of(&key), XR_TYPE_device_record, &device->hot,
                      &floor->row);
    }
}

static void put_le(uint8_t *at, uint64_t n, size_t size)
{
    for (size_t i = 0; i < size; i++)
        at[i] = (uint8_t)(n >> (8 * i));
}

static void settle_balances(struct xr_floor *floor, struct xr_tables *tables)
{
    uint8_t *packed = xr_arena_take(floor->scratch, floor->agent_count * 12);
    XR_ASSERT(packed != NULL);
    uint32_t size = 0;
    for (size_t i = 1; i < floor->agent_count; i++) {
        if (floor->agents[i] == NULL)
            continue;
        put_le(packed + size, i, 4);
        put_le(packed + size + 4, (uint64_t)floor->agents[i]->owed, 8);
        size += 12;
    }
    struct xr_balances_record record = {.owed = {packed, size}};
    xr_record_put(tables, XR_TABLE_balance, (struct xr_bin){NULL, 0}, XR_TYPE_balances_record,
                  &record, &floor->row);
}

static void settle_agents(struct xr_floor *floor, struct xr_tables *tables)
{
    for (size_t i = 1; i < floor->agent_count; i++) {
        struct xr_agent_node *agent = floor->agents[i];
        if (agent == NULL || !agent->dirty)
            continue;
        agent->dirty = false;
        struct xr_key key = xr_key_u32((uint32_t)i);
        xr_record_put(tables, XR_TABLE_agent, xr_key_of(&key), XR_TYPE_agent_record, &agent->hot,
                      &floor->row);
    }
}

void xr_floor_settle(struct xr_floor *floor, struct xr_tables *tables)
{
    xr_arena_reset(floor->scratch);
    settle_sessions(floor, tables);
    settle_devices(floor, tables);
    settle_agents(floor, tables);
    if (floor->balances_dirty)
        settle_balances(floor, tables);
    if (floor->head_dirty)
        xr_record_put(tables, XR_TABLE_floor, (struct xr_bin){NULL, 0}, XR_TYPE_floor_record,
                      &floor->head, &floor->row);
    floor->balances_dirty = false;
    floor->head_dirty = false;
}

/* ---- queries of the index ---- */

int64_t xr_floor_deadline(const struct xr_floor *floor)
{
    const struct xr_due *due = xr_index_due_first(floor);
    if (floor->head.fill_from.n != 0)
        return 0; /* at once */
    return due == NULL ? INT64_MAX : due->at;
}

uint64_t xr_floor_head(const struct xr_floor *floor)
{
    return floor->head.head;
}

/* ---- digest: the index as text in a defined order ---- */

static void digest_message(crypto_generichash_state *state, struct xr_buf *buf, enum xr_type type,
                           const void *message)
{
    xr_buf_reset(buf);
    xr_body_encode(buf, type, message);
    XR_ASSERT(!buf->failed);
    crypto_generichash_update(state, buf->at, buf->size);
}

static void digest_number(crypto_generichash_state *state, uint64_t n)
{
    uint8_t bytes[8];
    xr_put_u64be(bytes, n);
    crypto_generichash_update(state, bytes, sizeof bytes);
}

static void digest_agents(crypto_generichash_state *state, const struct xr_floor *floor,
                          struct xr_buf *buf)
{
    for (size_t i = 1; i < floor->agent_count; i++) {
        const struct xr_agent_node *agent = floor->agents[i];
        if (agent == NULL)
            continue;
        digest_message(state, buf, XR_TYPE_agent_record, &agent->hot);
        digest_number(state, (uint64_t)agent->role << 32 | agent->account);
        digest_number(state, (uint64_t)agent->weight << 32 | agent->limit);
        digest_number(state, (uint64_t)agent->owed);
        digest_number(state, agent->devices_alive);
        for (uint32_t g = 0; g < agent->group_count; g++)
            digest_number(state, agent->groups[g]);
        for (struct xr_session_node *s = agent->sessions; s != NULL; s = s->agent_next)
            digest_number(state, s->hot.session.n);
    }
}

static void digest_groups(crypto_generichash_state *state, const struct xr_floor *floor)
{
    for (size_t i = 1; i < floor->group_count; i++) {
        const struct xr_group_node *group = floor->groups[i];
        if (group == NULL)
            continue;
        crypto_generichash_update(state, (const uint8_t *)group->name.at, group->name.size);
        crypto_generichash_update(state, (const uint8_t *)group->title.at, group->title.size);
        for (size_t m = 0; m < group->member_count; m++)
            digest_number(state, group->members[m]);
        for (size_t c = 0; c < XR_CLASSES; c++) {
            digest_number(state, c);
            for (struct xr_session_node *s = group->queues[c].head; s != NULL; s = s->queue_next)
                digest_number(state, s->hot.session.n);
        }
        digest_number(state, group->queued);
    }
}

static uint64_t digest_sessions(const struct xr_floor *floor, struct xr_buf *buf)
{
    /* Sessions stand in a hash: add their hashes up, so that the order does not matter. */
    uint64_t sum = 0;
    for (size_t i = 0; i < floor->session_slots; i++) {
        for (struct xr_session_node *s = floor->sessions[i]; s != NULL; s = s->hash_next) {
            struct xr_session_record record = s->hot;
            uint8_t hash[16];
            record.positions = (struct xr_bin){s->positions, s->positions_size};
            xr_buf_reset(buf);
            xr_body_encode(buf, XR_TYPE_session_record, &record);
            xr_pack_uint(buf, s->position_last);
            xr_pack_uint(buf, s->queued);
            crypto_generichash(hash, sizeof hash, buf->at, buf->size, NULL, 0);
            sum += xr_get_u64be(hash);
        }
    }
    return sum;
}

static uint64_t digest_devices(const struct xr_floor *floor, struct xr_buf *buf)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < floor->device_slots; i++) {
        for (struct xr_device_node *d = floor->devices[i]; d != NULL; d = d->hash_next) {
            struct xr_device_record record = d->hot;
            uint8_t hash[16];
            record.answers = answers_of(d);
            xr_buf_reset(buf);
            xr_body_encode(buf, XR_TYPE_device_record, &record);
            crypto_generichash(hash, sizeof hash, buf->at, buf->size, NULL, 0);
            sum += xr_get_u64be(hash);
        }
    }
    return sum;
}

void xr_floor_digest(const struct xr_floor *floor, uint8_t out[32])
{
    crypto_generichash_state state;
    struct xr_buf buf;
    xr_buf_init(&buf, 32 * 1024 * 1024);
    crypto_generichash_init(&state, NULL, 0, 32);
    digest_message(&state, &buf, XR_TYPE_floor_record, &floor->head);
    for (size_t i = 0; i < XR_SETTING_COUNT; i++)
        digest_number(&state, (uint64_t)floor->settings[i]);
    digest_agents(&state, floor, &buf);
    digest_groups(&state, floor);
    digest_number(&state, digest_sessions(floor, &buf));
    digest_number(&state, digest_devices(floor, &buf));
    digest_number(&state, floor->queued);
    crypto_generichash_final(&state, out, 32);
    xr_buf_fini(&buf);
}
