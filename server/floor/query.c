/*
 * Queries: from type to handler, and what all handlers need.
 *
 *     1. the rights table decides whether the role may ask this at all (FORBIDDEN)
 *     2. the handler finds the rows that this asker may see; what it may not see gets the same
 *        NOT_FOUND, without a word more, as what does not exist
 *     3. rows are added while the answer stays inside one frame; the rest is `more`
 */
#include <string.h>

#include "floor/query.h"

#define SCRATCH_BYTES (16 * 1024)
/* The frame's own head, and the fields of an answer that are not rows. */
#define FRAME_SLACK 1024
#define ROWS_FIRST  16

/* Upper bounds of msgpack. */
#define PACK_NUMBER 9
#define PACK_HEAD   5 /* of text, bytes, lists, maps */
#define PACK_KEY    2

/* ---- sizes ---------------------------------------------------------------------------------- */

static size_t bound_strs(const struct xr_strs *list)
{
    size_t size = PACK_HEAD;
    for (uint32_t i = 0; i < list->count; i++)
        size += PACK_HEAD + list->at[i].size;
    return size;
}

/* Lists of parts of every kind have the same shape. */
static size_t bound_list(const struct xr_message_info *part, const struct xr_tag_list *list)
{
    size_t size = PACK_HEAD;
    const uint8_t *at = (const uint8_t *)list->at;
    for (uint32_t i = 0; i < list->count; i++)
        size += xr_query_bound(part, at + i * part->size);
    return size;
}

static size_t bound_field(const struct xr_field_info *field, const void *at)
{
    switch (field->type) {
    case XR_FIELD_str:
        return PACK_HEAD + ((const struct xr_str *)at)->size;
    case XR_FIELD_bin:
        return PACK_HEAD + ((const struct xr_bin *)at)->size;
    case XR_FIELD_u32s:
        return PACK_HEAD + (size_t)PACK_NUMBER * ((const struct xr_u32s *)at)->count;
    case XR_FIELD_u64s:
        return PACK_HEAD + (size_t)PACK_NUMBER * ((const struct xr_u64s *)at)->count;
    case XR_FIELD_strs:
        return bound_strs(at);
    case XR_FIELD_nested:
        return xr_query_bound(field->part, at);
    case XR_FIELD_list:
        return bound_list(field->part, at);
    default:
        return PACK_NUMBER;
    }
}

/* Recursive over the schema, whose depth is fixed, not over input. */
size_t xr_query_bound(const struct xr_message_info *info, const void *message)
{
    size_t size = PACK_HEAD;
    for (size_t i = 0; i < info->count; i++) {
        const struct xr_field_info *field = &info->fields[i];
        size += PACK_KEY + bound_field(field, (const uint8_t *)message + field->offset);
    }
    return size;
}

void xr_query_spend(struct xr_query *query, size_t bytes)
{
    query->bytes += bytes;
}

/* ---- memory and rows ------------------------------------------------------------------------ */

void *xr_query_take(struct xr_query *query, size_t size)
{
    void *memory = xr_arena_take(query->arena, size);
    if (memory)
        memset(memory, 0, size);
    else
        query->failed = XR_NOMEM;
    return memory;
}

struct xr_str xr_query_text(struct xr_query *query, struct xr_str text)
{
    const struct xr_str copy = xr_arena_str(query->arena, text);
    if (copy.size != text.size)
        query->failed = XR_NOMEM;
    return copy;
}

const void *xr_query_decode(struct xr_query *query, struct xr_bin value, enum xr_type type)
{
    const void *record = NULL;
    const enum xr_status status = xr_record_decode(value, type, query->scratch, &record);
    if (status == XR_OK)
        return record;
    query->failed = status;
    return NULL;
}

const void *xr_query_peek(struct xr_query *query, enum xr_table table, struct xr_bin key,
                          enum xr_type type)
{
    struct xr_bin value;
    const enum xr_status status = xr_tables_get(query->tables, table, key, &value);
    if (status == XR_OK)
        return xr_query_decode(query, value, type);
    if (status != XR_NONE)
        query->failed = status;
    return NULL;
}

const void *xr_query_must_peek(struct xr_query *query, enum xr_table table, struct xr_bin key,
                               enum xr_type type)
{
    const void *record = xr_query_peek(query, table, key, type);
    if (!record && query->failed == XR_OK)
        query->failed = XR_CORRUPT;
    return record;
}

const void *xr_query_keep(struct xr_query *query, struct xr_bin value, enum xr_type type)
{
    const struct xr_bin copy = xr_arena_bin(query->arena, value.at, value.size);
    const void *record = NULL;
    const enum xr_status status =
        copy.at ? xr_record_decode(copy, type, query->arena, &record) : XR_NOMEM;
    if (status == XR_OK)
        return record;
    query->failed = status;
    return NULL;
}

struct xr_rows xr_query_rows(const char *part, uint32_t max)
{
    const struct xr_message_info *info = xr_message_named(xr_str_of(part));
    XR_ASSERT(info != NULL);
    return (struct xr_rows){
        .part = info,
        .max = max == 0 || max > XR_PAGE_MAX ? XR_PAGE_MAX : max,
    };
}

static bool grow_rows(struct xr_query *query, struct xr_rows *rows)
{
    const uint32_t capacity = rows->capacity ? 2 * rows->capacity : ROWS_FIRST;
    void *at = xr_query_take(query, capacity * rows->part->size);
    if (!at)
        return false;
    if (rows->count)
        memcpy(at, rows->at, rows->count * rows->part->size);
    rows->at = at;
    rows->capacity = capacity;
    return true;
}

bool xr_query_add(struct xr_query *query, struct xr_rows *rows, const void *row)
{
    const size_t size = xr_query_bound(rows->part, row);
    if (rows->count == rows->max || query->bytes + size > XR_FRAME_BYTES_MAX - FRAME_SLACK) {
        rows->more = true;
        return false;
    }
    if (rows->count == rows->capacity && !grow_rows(query, rows))
        return false;
    memcpy((uint8_t *)rows->at + rows->count * rows->part->size, row, rows->part->size);
    rows->count++;
    query->bytes += size;
    return true;
}

bool xr_query_supervises(const struct xr_query *query)
{
    return query->who->role == XR_role_OWNER || query->who->role == XR_role_SUPERVISOR;
}

int64_t xr_query_setting(struct xr_query *query, enum xr_setting_index index)
{
    const struct xr_key key = xr_key_str(xr_str_of(xr_settings[index].name));
    const struct xr_setting_record *record =
        xr_query_peek(query, XR_TABLE_setting, xr_key_of(&key), XR_TYPE_setting_record);
    return record ? record->value : xr_settings[index].standard;
}

/* ---- from type to handler ------------------------------------------------------------------- */

struct handler {
    enum xr_type query;
    enum xr_type answer;
    size_t size; /* of the answer's struct */
    enum xr_code (*run)(struct xr_query *, const void *message, void *answer);
};

static const struct handler handlers[] = {
#define HANDLER(query, answer, run)                                                                \
    {                                                                                              \
        XR_TYPE_##query, XR_TYPE_##answer, sizeof(struct xr_##answer), run                         \
    }
    HANDLER(get_status, floor_status, xr_query_status),
    HANDLER(get_agents, agent_page, xr_query_agents),
    HANDLER(get_sessions, session_page, xr_query_sessions),
    HANDLER(get_session, session_page, xr_query_session),
    HANDLER(get_history, history, xr_query_history),
    HANDLER(get_customer, customer, xr_query_customer),
    HANDLER(get_note, note_page, xr_query_note),
    HANDLER(get_explanations, explanation_page, xr_query_explanations),
    HANDLER(get_groups, group_page, xr_query_groups),
    HANDLER(get_settings, setting_page, xr_query_settings),
    HANDLER(get_audit, audit_page, xr_query_audit),
    HANDLER(get_devices, device_page, xr_query_devices),
#undef HANDLER
};

static const struct handler *find_handler(enum xr_type type)
{
    for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++) {
        if (handlers[i].query == type)
            return &handlers[i];
    }
    return NULL;
}

static enum xr_code run_handler(struct xr_query *query, const struct handler *handler,
                                const void *message, const void **answer)
{
    query->scratch = xr_arena_new(SCRATCH_BYTES);
    if (!query->scratch)
        return XR_code_INTERNAL;
    const struct xr_floor_record *floor =
        xr_query_must_peek(query, XR_TABLE_floor, xr_key_none(), XR_TYPE_floor_record);
    enum xr_code code = XR_code_INTERNAL;
    void *out = xr_query_take(query, handler->size);
    if (floor && out) {
        const struct xr_floor_record head = *floor; /* outlives the resets of scratch */
        query->floor = &head;
        code = handler->run(query, message, out);
        query->floor = NULL;
    }
    xr_arena_free(query->scratch);
    *answer = out;
    return query->failed == XR_OK ? code : XR_code_INTERNAL;
}

static enum xr_code ask(struct xr_query *query, enum xr_type type, const void *message,
                        enum xr_type *answer_type, const void **answer)
{
    const struct handler *handler = find_handler(type);
    if (!handler)
        return XR_code_UNKNOWN_TYPE;
    if (!xr_rights_allow(query->who->role, type))
        return XR_code_FORBIDDEN;
    *answer_type = handler->answer;
    return run_handler(query, handler, message, answer);
}

void xr_floor_query(struct xr_tables *tables, const struct xr_asker *who, enum xr_type type,
                    const void *message, struct xr_arena *arena, enum xr_type *answer_type,
                    const void **answer)
{
    static const struct xr_error no_memory = {.code = XR_code_INTERNAL};
    struct xr_query query = {.tables = tables, .who = who, .arena = arena, .failed = XR_OK};
    const enum xr_code code = ask(&query, type, message, answer_type, answer);
    if (code == XR_code_NONE)
        return;
    struct xr_error *error = xr_query_take(&query, sizeof(*error));
    if (error)
        error->code = code;
    *answer_type = XR_TYPE_error;
    *answer = error ? error : &no_memory;
}
