/*
 * The index: finding, linking, marking. A failed allocation ends the process: a floor that knows
 * half of its sessions would be worse, and the next start rebuilds it from the tables.
 */
#include "floor/index.h"

#include <string.h>

#define DEVICE_SLOTS  4096
#define SESSION_SLOTS 65536

static void *must(void *memory)
{
    XR_ASSERT(memory != NULL);
    return memory;
}

/* Grow an array of pointers by id so that `id` has a place. */
static void *reach(void *array, size_t *capacity, uint32_t id)
{
    if (id < *capacity)
        return array;
    size_t wanted = *capacity == 0 ? 64 : *capacity;
    while (wanted <= id)
        wanted *= 2;
    void **grown = must(xr_mem_grow(array, wanted * sizeof *grown));
    memset(grown + *capacity, 0, (wanted - *capacity) * sizeof *grown);
    *capacity = wanted;
    return grown;
}

/* ---- agents and groups ---- */

struct xr_agent_node *xr_index_agent(const struct xr_floor *floor, uint32_t id)
{
    return id < floor->agent_count ? floor->agents[id] : NULL;
}

struct xr_agent_node *xr_index_agent_add(struct xr_floor *floor, uint32_t id)
{
    floor->agents = reach(floor->agents, &floor->agent_capacity, id);
    XR_ASSERT(floor->agents[id] == NULL);
    struct xr_agent_node *agent = must(xr_mem_zero(1, sizeof *agent));
    agent->hot.agent.n = id;
    agent->hot.state = XR_presence_OFFLINE;
    agent->due.id = id;
    agent->due.at = INT64_MAX;
    floor->agents[id] = agent;
    if (floor->agent_count <= id)
        floor->agent_count = (size_t)id + 1;
    if (floor->candidate_capacity < floor->agent_count) {
        floor->candidate_capacity = floor->agent_capacity;
        floor->candidates = must(
            xr_mem_grow(floor->candidates, floor->candidate_capacity * sizeof *floor->candidates));
    }
    return agent;
}

struct xr_group_node *xr_index_group(const struct xr_floor *floor, uint32_t id)
{
    return id < floor->group_count ? floor->groups[id] : NULL;
}

struct xr_group_node *xr_index_group_named(const struct xr_floor *floor, struct xr_str name)
{
    for (size_t i = 1; i < floor->group_count; i++)
        if (floor->groups[i] != NULL && xr_str_equal(floor->groups[i]->name, name))
            return floor->groups[i];
    return NULL;
}

struct xr_group_node *xr_index_group_add(struct xr_floor *floor, uint32_t id)
{
    floor->groups = reach(floor->groups, &floor->group_capacity, id);
    XR_ASSERT(floor->groups[id] == NULL);
    struct xr_group_node *group = must(xr_mem_zero(1, sizeof *group));
    group->id = id;
    floor->groups[id] = group;
    if (floor->group_count <= id)
        floor->group_count = (size_t)id + 1;
    return group;
}

static size_t member_place(const struct xr_group_node *group, uint32_t id)
{
    size_t place = 0;
    while (place < group->member_count && group->members[place] < id)
        place++;
    return place;
}

void xr_index_leave_groups(struct xr_floor *floor, struct xr_agent_node *agent)
{
    for (uint32_t i = 0; i < agent->group_count; i++) {
        struct xr_group_node *group = xr_index_group(floor, agent->groups[i]);
        XR_ASSERT(group != NULL);
        size_t place = member_place(group, agent->hot.agent.n);
        XR_ASSERT(place < group->member_count);
        XR_ASSERT(group->members[place] == agent->hot.agent.n);
        memmove(&group->members[place], &group->members[place + 1],
                (group->member_count - place - 1) * sizeof *group->members);
        group->member_count--;
    }
    agent->group_count = 0;
}

void xr_index_join_groups(struct xr_floor *floor, struct xr_agent_node *agent)
{
    for (uint32_t i = 0; i < agent->group_count; i++) {
        struct xr_group_node *group = xr_index_group(floor, agent->groups[i]);
        XR_ASSERT(group != NULL);
        if (group->member_count == group->member_capacity) {
            group->member_capacity = group->member_capacity == 0 ? 16 : group->member_capacity * 2;
            group->members =
                must(xr_mem_grow(group->members, group->member_capacity * sizeof *group->members));
        }
        size_t place = member_place(group, agent->hot.agent.n);
        memmove(&group->members[place + 1], &group->members[place],
                (group->member_count - place) * sizeof *group->members);
        group->members[place] = agent->hot.agent.n;
        group->member_count++;
    }
}

/* ---- texts that the index owns ---- */

static struct xr_str own_text(struct xr_str old, struct xr_str text)
{
    char *copy = NULL;
    if (text.size > 0) {
        copy = must(xr_mem_alloc(text.size));
        memcpy(copy, text.at, text.size);
    }
    xr_mem_free((void *)(uintptr_t)old.at);
    return (struct xr_str){copy, text.size};
}

void xr_index_group_name(struct xr_group_node *group, struct xr_str name, struct xr_str title)
{
    group->name = own_text(group->name, name);
    group->title = own_text(group->title, title);
}

void xr_index_device_name(struct xr_device_node *device, struct xr_str client)
{
    device->client = own_text(device->client, client);
    device->hot.client = device->client;
}

/* ---- sessions ---- */

/* Fibonacci hashing: ids are counted up, the slots are a power of two. */
static size_t slot_of(uint64_t id, size_t slots)
{
    return (size_t)((id * UINT64_C(11400714819323198485)) >> 20) & (slots - 1);
}

struct xr_session_node *xr_index_session(const struct xr_floor *floor, uint64_t id)
{
    if (floor->session_slots == 0)
        return NULL;
    struct xr_session_node *node = floor->sessions[slot_of(id, floor->session_slots)];
    while (node != NULL && node->hot.session.n != id)
        node = node->hash_next;
    return node;
}

struct xr_session_node *xr_index_session_add(struct xr_floor *floor, uint64_t id)
{
    if (floor->session_slots == 0) {
        floor->session_slots = SESSION_SLOTS;
        floor->sessions = must(xr_mem_zero(SESSION_SLOTS, sizeof(struct xr_session_node *)));
    }
    struct xr_session_node *node = must(xr_mem_zero(1, sizeof *node));
    node->hot.session.n = id;
    node->due.id = id;
    node->due.at = INT64_MAX;
    node->due.is_session = true;
    struct xr_session_node **slot = &floor->sessions[slot_of(id, floor->session_slots)];
    node->hash_next = *slot;
    *slot = node;
    floor->session_count++;
    return node;
}

void xr_index_session_remove(struct xr_floor *floor, struct xr_session_node *session)
{
    XR_ASSERT(!session->dirty);
    XR_ASSERT(!session->queued);
    xr_index_due_remove(floor, &session->due);
    struct xr_session_node **link =
        &floor->sessions[slot_of(session->hot.session.n, floor->session_slots)];
    while (*link != session)
        link = &(*link)->hash_next;
    *link = session->hash_next;
    floor->session_count--;
    xr_mem_free(session);
}

void xr_index_session_fill(struct xr_session_node *session, const struct xr_session_record *record)
{
    session->hot = *record;
    session->hot.has = 0; /* marks of this row: the next write must not know of them */
    session->positions_size = record->positions.size;
    XR_ASSERT(record->positions.size <= sizeof session->positions);
    XR_ASSERT(record->chain.size <= sizeof session->chain);
    if (record->positions.size > 0)
        memcpy(session->positions, record->positions.at, record->positions.size);
    if (record->chain.size > 0)
        memcpy(session->chain, record->chain.at, record->chain.size);
    session->hot.positions.at = session->positions;
    session->hot.chain = (struct xr_bin){session->chain, sizeof session->chain};
    session->position_last = 0;
    for (size_t i = 0; i < session->positions_size;) {
        uint64_t difference = 0;
        uint32_t shift = 0;
        do {
            difference |= (uint64_t)(session->positions[i] & 0x7f) << shift;
            shift += 7;
        } while (session->positions[i++] & 0x80);
        session->position_last += difference;
    }
}

void xr_index_own(struct xr_agent_node *agent, struct xr_session_node *session)
{
    struct xr_session_node *before = agent->sessions_last;
    while (before != NULL && before->hot.session.n > session->hot.session.n)
        before = before->agent_prev;
    session->agent_prev = before;
    session->agent_next = before != NULL ? before->agent_next : agent->sessions;
    *(before != NULL ? &before->agent_next : &agent->sessions) = session;
    *(session->agent_next != NULL ? &session->agent_next->agent_prev : &agent->sessions_last) =
        session;
}

void xr_index_disown(struct xr_agent_node *agent, struct xr_session_node *session)
{
    *(session->agent_prev != NULL ? &session->agent_prev->agent_next : &agent->sessions) =
        session->agent_next;
    *(session->agent_next != NULL ? &session->agent_next->agent_prev : &agent->sessions_last) =
        session->agent_prev;
    session->agent_prev = NULL;
    session->agent_next = NULL;
}

void xr_index_touch_session(struct xr_floor *floor, struct xr_session_node *session)
{
    if (session->dirty)
        return;
    session->dirty = true;
    session->dirty_next = floor->dirty_sessions;
    floor->dirty_sessions = session;
}

/* ---- devices ---- */

struct xr_device_node *xr_index_device(const struct xr_floor *floor, uint64_t id)
{
    if (floor->device_slots == 0)
        return NULL;
    struct xr_device_node *node = floor->devices[slot_of(id, floor->device_slots)];
    while (node != NULL && node->hot.device.n != id)
        node = node->hash_next;
    return node;
}

struct xr_device_node *xr_index_device_add(struct xr_floor *floor, uint64_t id)
{
    if (floor->device_slots == 0) {
        floor->device_slots = DEVICE_SLOTS;
        floor->devices = must(xr_mem_zero(DEVICE_SLOTS, sizeof(struct xr_device_node *)));
    }
    struct xr_device_node *node = must(xr_mem_zero(1, sizeof *node));
    node->hot.device.n = id;
    xr_buf_init(&node->answers, (size_t)XR_ANSWERS_KEPT * XR_ANSWER_BYTES_MAX * 2);
    struct xr_device_node **slot = &floor->devices[slot_of(id, floor->device_slots)];
    node->hash_next = *slot;
    *slot = node;
    floor->device_count++;
    return node;
}

void xr_index_device_remove(struct xr_floor *floor, struct xr_device_node *device)
{
    struct xr_device_node **dirty = &floor->dirty_devices;
    while (*dirty != NULL && *dirty != device)
        dirty = &(*dirty)->dirty_next;
    if (*dirty != NULL)
        *dirty = device->dirty_next;
    struct xr_device_node **link =
        &floor->devices[slot_of(device->hot.device.n, floor->device_slots)];
    while (*link != device)
        link = &(*link)->hash_next;
    *link = device->hash_next;
    floor->device_count--;
    xr_buf_fini(&device->answers);
    xr_mem_free((void *)(uintptr_t)device->client.at);
    xr_mem_free(device);
}

void xr_index_touch_device(struct xr_floor *floor, struct xr_device_node *device)
{
    if (device->dirty)
        return;
    device->dirty = true;
    device->dirty_next = floor->dirty_devices;
    floor->dirty_devices = device;
}

/* ---- deadlines: a binary heap by (at, agents first, id) ---- */

static bool due_before(const struct xr_due *a, const struct xr_due *b)
{
    if (a->at != b->at)
        return a->at < b->at;
    if (a->is_session != b->is_session)
        return b->is_session;
    return a->id < b->id;
}

static void heap_set(struct xr_heap *heap, size_t place, struct xr_due *due)
{
    heap->at[place] = due;
    due->place = place;
}

static void heap_up(struct xr_heap *heap, struct xr_due *due)
{
    size_t place = due->place;
    while (place > 1 && due_before(due, heap->at[place / 2])) {
        heap_set(heap, place, heap->at[place / 2]);
        place /= 2;
    }
    heap_set(heap, place, due);
}

static void heap_down(struct xr_heap *heap, struct xr_due *due)
{
    size_t place = due->place;
    for (;;) {
        size_t child = place * 2;
        if (child > heap->count)
            break;
        if (child < heap->count && due_before(heap->at[child + 1], heap->at[child]))
            child++;
        if (!due_before(heap->at[child], due))
            break;
        heap_set(heap, place, heap->at[child]);
        place = child;
    }
    heap_set(heap, place, due);
}

void xr_index_due_remove(struct xr_floor *floor, struct xr_due *due)
{
    struct xr_heap *heap = &floor->heap;
    if (due->place == 0)
        return;
    struct xr_due *last = heap->at[heap->count--];
    if (last != due) {
        heap_set(heap, due->place, last);
        heap_up(heap, last);
        heap_down(heap, last);
    }
    due->place = 0;
    due->at = INT64_MAX;
}

void xr_index_due(struct xr_floor *floor, struct xr_due *due, int64_t at)
{
    struct xr_heap *heap = &floor->heap;
    if (at == INT64_MAX) {
        xr_index_due_remove(floor, due);
        return;
    }
    if (due->place != 0 && at >= due->at)
        return;
    due->at = at;
    if (due->place == 0) {
        if (heap->count + 1 >= heap->capacity) {
            heap->capacity = heap->capacity == 0 ? 256 : heap->capacity * 2;
            heap->at = must(xr_mem_grow(heap->at, heap->capacity * sizeof(struct xr_due *)));
        }
        due->place = ++heap->count;
    }
    heap_up(heap, due);
}

struct xr_due *xr_index_due_first(const struct xr_floor *floor)
{
    return floor->heap.count == 0 ? NULL : floor->heap.at[1];
}
