#include "client/lib/outbox.h"

#include <string.h>

#define ENTRY_BYTES_MAX   (XR_SP_MESSAGE_BYTES_MAX - 64) /* a frame with its head fits a message */
#define RETRY_STANDARD_MS 100
#define RETRY_MAX_MS      60000
#define GAP_WAIT_MS       10 /* so that a server which always says gap is not asked without end */

/* A command without its counter and `done`, or the body of a query. */
struct xr_outbox_entry {
    uint64_t ref;
    uint64_t counter; /* of a command: 0 until it is sent for the first time */
    enum xr_type type;
    uint32_t fields;  /* of a command: how many are in `bytes` */
    uint32_t awaited; /* answers on this connection */
    uint32_t size;
    uint8_t bytes[];
};

enum xr_status xr_outbox_init(struct xr_outbox *box, uint32_t max)
{
    *box = (struct xr_outbox){.counter_next = 1};
    box->commands.at = xr_mem_zero(max, sizeof(struct xr_outbox_entry *));
    box->queries.at = xr_mem_zero(max, sizeof(struct xr_outbox_entry *));
    box->check = xr_arena_new(4096);
    if (box->commands.at == NULL || box->queries.at == NULL || box->check == NULL) {
        xr_outbox_fini(box);
        return XR_NOMEM;
    }
    box->commands.capacity = max;
    box->queries.capacity = max;
    return XR_OK;
}

static void fini_list(struct xr_outbox_list *list)
{
    XR_ASSERT(list->at != NULL || list->count == 0);
    for (uint32_t i = 0; i < list->count; i++)
        xr_mem_free(list->at[i]);
    xr_mem_free(list->at);
}

void xr_outbox_fini(struct xr_outbox *box)
{
    fini_list(&box->commands);
    fini_list(&box->queries);
    xr_arena_free(box->check);
    *box = (struct xr_outbox){0};
}

/* Would the server take it? Encode and read it back. */
static enum xr_status check_body(struct xr_outbox *box, enum xr_type type,
                                 const struct xr_buf *body)
{
    const void *decoded = NULL;
    struct xr_wire_error error = {0};
    if (body->failed)
        return XR_BAD; /* larger than a frame may be */
    xr_arena_reset(box->check);
    return xr_body_decode(type, (struct xr_bin){body->at, (uint32_t)body->size}, box->check,
                          &decoded, &error);
}

static enum xr_status make_entry(enum xr_type type, uint32_t fields, const struct xr_buf *bytes,
                                 struct xr_outbox_entry **out)
{
    struct xr_outbox_entry *entry = xr_mem_alloc(sizeof(*entry) + bytes->size);
    if (entry == NULL)
        return XR_NOMEM;
    *entry =
        (struct xr_outbox_entry){.type = type, .fields = fields, .size = (uint32_t)bytes->size};
    if (bytes->size > 0)
        memcpy(entry->bytes, bytes->at, bytes->size);
    *out = entry;
    return XR_OK;
}

enum xr_status xr_outbox_add(struct xr_outbox *box, enum xr_type type, const void *message,
                             uint64_t *ref)
{
    const struct xr_message_info *info = xr_message_info(type);
    if (info == NULL || (info->kind != XR_KIND_COMMAND && info->kind != XR_KIND_QUERY))
        return XR_BAD;
    const bool command = info->kind == XR_KIND_COMMAND;
    struct xr_outbox_list *list = command ? &box->commands : &box->queries;
    if (list->count == list->capacity)
        return XR_FULL;
    struct xr_buf body = {0};
    struct xr_buf fields = {0};
    struct xr_outbox_entry *entry = NULL;
    xr_buf_init(&body, ENTRY_BYTES_MAX);
    xr_buf_init(&fields, ENTRY_BYTES_MAX);
    xr_body_encode(&body, type, message);
    enum xr_status status = check_body(box, type, &body);
    if (status != XR_OK)
        goto out;
    const uint32_t count = command ? xr_fields_encode(&fields, type, message, 2) : 0;
    status = fields.failed ? XR_NOMEM : make_entry(type, count, command ? &fields : &body, &entry);
    if (status != XR_OK)
        goto out;
    entry->ref = ++box->ref_last;
    list->at[list->count++] = entry;
    box->unsent_bytes += entry->size + 16;
    if (ref != NULL)
        *ref = entry->ref;
out:
    xr_buf_fini(&body);
    xr_buf_fini(&fields);
    return status;
}

/* ---- sending --------------------------------------------------------------------------------- */

/* Send again from the entry at `index` on. */
static void go_back(struct xr_outbox *box, struct xr_outbox_list *list, uint32_t index)
{
    for (uint32_t i = index; i < list->sent; i++)
        box->unsent_bytes += list->at[i]->size + 16;
    if (index < list->sent)
        list->sent = index;
}

/* Counters above `counter` were not accepted: give them out anew, in order. */
static void renumber(struct xr_outbox *box, uint64_t counter)
{
    struct xr_outbox_list *list = &box->commands;
    uint32_t first = list->count;
    for (uint32_t i = list->count; i-- > 0;) {
        if (list->at[i]->counter != 0 && list->at[i]->counter <= counter)
            break;
        list->at[i]->counter = 0;
        first = i;
    }
    go_back(box, list, first);
    box->counter_next = counter + 1;
}

void xr_outbox_restart(struct xr_outbox *box, uint64_t counter)
{
    go_back(box, &box->commands, 0);
    go_back(box, &box->queries, 0);
    for (uint32_t i = 0; i < box->commands.count; i++)
        box->commands.at[i]->awaited = 0;
    for (uint32_t i = 0; i < box->queries.count; i++)
        box->queries.at[i]->awaited = 0;
    renumber(box, counter);
    box->accepted = counter;
    box->hold_until_ms = 0;
}

static void remove_entry(struct xr_outbox *box, struct xr_outbox_list *list, uint32_t index)
{
    struct xr_outbox_entry *entry = list->at[index];
    const uint32_t behind = list->count - index - 1;
    if (index < list->sent)
        list->sent--;
    else
        box->unsent_bytes -= entry->size + 16;
    xr_mem_free(entry);
    memmove(&list->at[index], &list->at[index + 1], behind * sizeof(struct xr_outbox_entry *));
    list->count--;
}

bool xr_outbox_abandon(struct xr_outbox *box, uint64_t *ref)
{
    for (uint32_t i = 0; i < box->commands.count; i++) {
        if (box->commands.at[i]->counter == 0)
            continue;
        *ref = box->commands.at[i]->ref;
        remove_entry(box, &box->commands, i);
        return true;
    }
    return false;
}

bool xr_outbox_pending(const struct xr_outbox *box, int64_t now_ms)
{
    return now_ms >= box->hold_until_ms &&
           (box->commands.sent < box->commands.count || box->queries.sent < box->queries.count);
}

/* All answers up to this counter have been received. */
static uint64_t find_done(const struct xr_outbox *box)
{
    const bool numbered = box->commands.count > 0 && box->commands.at[0]->counter != 0;
    return (numbered ? box->commands.at[0]->counter : box->counter_next) - 1;
}

static void write_command(struct xr_outbox *box, struct xr_outbox_entry *entry, struct xr_buf *out)
{
    if (entry->counter == 0)
        entry->counter = box->counter_next++;
    xr_pack_array(out, 3);
    xr_pack_uint(out, entry->type);
    xr_pack_uint(out, entry->counter);
    xr_pack_map(out, entry->fields + 1);
    xr_pack_uint(out, 1);
    xr_pack_uint(out, find_done(box));
    xr_buf_add(out, entry->bytes, entry->size);
}

static void write_query(struct xr_outbox *box, struct xr_outbox_entry *entry, struct xr_buf *out)
{
    (void)box;
    xr_pack_array(out, 3);
    xr_pack_uint(out, entry->type);
    xr_pack_uint(out, XR_OUTBOX_QUERY + entry->ref);
    xr_buf_add(out, entry->bytes, entry->size);
}

static void write_list(struct xr_outbox *box, struct xr_outbox_list *list,
                       void (*write)(struct xr_outbox *, struct xr_outbox_entry *, struct xr_buf *),
                       size_t bytes_max, uint32_t *frames, struct xr_buf *out)
{
    while (list->sent < list->count && *frames < XR_FRAMES_PER_MESSAGE && !out->failed) {
        struct xr_outbox_entry *entry = list->at[list->sent];
        if (*frames > 0 && out->size + entry->size + 48 > bytes_max)
            return;
        write(box, entry, out);
        entry->awaited++;
        box->unsent_bytes -= entry->size + 16;
        list->sent++;
        *frames += 1;
    }
}

bool xr_outbox_write(struct xr_outbox *box, int64_t now_ms, size_t bytes_max, uint32_t *frames,
                     struct xr_buf *out)
{
    if (now_ms >= box->hold_until_ms) {
        write_list(box, &box->commands, write_command, bytes_max, frames, out);
        write_list(box, &box->queries, write_query, bytes_max, frames, out);
    }
    return !out->failed;
}

/* ---- answers --------------------------------------------------------------------------------- */

static bool is_command_named(const struct xr_outbox_entry *entry, uint64_t wire_ref)
{
    return entry->counter == wire_ref;
}

static bool is_query_named(const struct xr_outbox_entry *entry, uint64_t wire_ref)
{
    return XR_OUTBOX_QUERY + entry->ref == wire_ref;
}

static void hold(struct xr_outbox *box, int64_t now_ms, int64_t wait_ms)
{
    if (wait_ms > RETRY_MAX_MS)
        wait_ms = RETRY_MAX_MS;
    if (box->hold_until_ms < now_ms + wait_ms)
        box->hold_until_ms = now_ms + wait_ms;
}

/*
 * A refusal that is no answer: what was sent has no effect and no counter. True where the entry
 * stays. Only the answer to the last sending counts; one that is to be sent again anyway does not.
 */
static bool is_sent_again(struct xr_outbox *box, struct xr_outbox_list *list, uint32_t index,
                          int64_t now_ms, const struct xr_error *error)
{
    const struct xr_outbox_entry *entry = list->at[index];
    const bool busy = error->code == XR_code_BUSY || error->code == XR_code_STORAGE;
    const bool gap = error->code == XR_code_GAP && list == &box->commands;
    if (!busy && !gap && error->code != XR_code_HELLO_NEEDED)
        return false;
    if (entry->awaited > 0 || index >= list->sent)
        return true;
    if (busy)
        hold(box, now_ms, error->retry_ms > 0 ? error->retry_ms : RETRY_STANDARD_MS);
    if (gap)
        hold(box, now_ms, GAP_WAIT_MS);
    /* A gap before what is known to have been accepted cannot be: counters must not be reused. */
    if (gap && error->counter >= box->accepted)
        renumber(box, error->counter);
    else
        go_back(box, list, index);
    return true;
}

bool xr_outbox_answer(struct xr_outbox *box, int64_t now_ms, uint64_t wire_ref,
                      const struct xr_error *error, uint64_t *ref)
{
    const bool query = wire_ref >= XR_OUTBOX_QUERY;
    struct xr_outbox_list *list = query ? &box->queries : &box->commands;
    uint32_t index = 0;
    if (wire_ref == 0)
        return false;
    while (index < list->count && !(query ? is_query_named(list->at[index], wire_ref)
                                          : is_command_named(list->at[index], wire_ref)))
        index++;
    if (index == list->count)
        return false;
    struct xr_outbox_entry *entry = list->at[index];
    if (entry->awaited > 0)
        entry->awaited--;
    if (error != NULL && is_sent_again(box, list, index, now_ms, error))
        return false;
    if (!query && error == NULL && box->accepted < wire_ref)
        box->accepted = wire_ref;
    *ref = entry->ref;
    remove_entry(box, list, index);
    return true;
}
