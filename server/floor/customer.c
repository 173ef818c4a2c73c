/* Customers and the notes that a floor shares about them. */
#include "floor/index.h"

#include <string.h>

#define NOTES_BYTES_MAX (32 * 1024)
#define FORMER_OWNER_MS (INT64_C(7) * 86400 * 1000) /* who served a buyer last may still write */

/* ---- rows ---- */

const struct xr_customer_record *xr_customer_get(struct xr_step *step, struct xr_customer_id id)
{
    struct xr_floor *floor = step->floor;
    struct xr_key key = xr_key_u64(id.n);
    struct xr_bin value;
    const void *record;
    /* No room for a write of this step: the batch will be dropped, anything will do until then. */
    if (step->tables->failed != XR_OK) {
        struct xr_customer_record *empty = xr_arena_take(floor->scratch, sizeof *empty);
        XR_ASSERT(empty != NULL);
        memset(empty, 0, sizeof *empty);
        empty->card.customer = id;
        return empty;
    }
    if (xr_tables_get(step->tables, XR_TABLE_customer, xr_key_of(&key), &value) != XR_OK)
        return NULL;
    /* Copied, because the record outlives the next write. */
    struct xr_bin kept = xr_arena_bin(floor->scratch, value.at, value.size);
    enum xr_status status =
        xr_record_decode(kept, XR_TYPE_customer_record, floor->scratch, &record);
    XR_ASSERT(status == XR_OK);
    return record;
}

void xr_customer_put(struct xr_step *step, const struct xr_customer_record *record)
{
    struct xr_key key = xr_key_u64(record->card.customer.n);
    xr_record_put(step->tables, XR_TABLE_customer, xr_key_of(&key), XR_TYPE_customer_record, record,
                  &step->floor->row);
}

void xr_customer_find(struct xr_step *step, struct xr_str channel, struct xr_str buyer,
                      struct xr_customer_record *record, bool *is_new)
{
    struct xr_key key = xr_key_channel(channel, buyer);
    struct xr_bin value;
    *is_new = xr_tables_get(step->tables, XR_TABLE_channel, xr_key_of(&key), &value) != XR_OK;
    if (*is_new) {
        memset(record, 0, sizeof *record);
        record->card.channel = channel;
        record->card.buyer = buyer;
        return;
    }
    struct xr_customer_id id = {xr_key_read_u64(value, 0)};
    const struct xr_customer_record *stored = xr_customer_get(step, id);
    XR_ASSERT(stored != NULL);
    *record = *stored;
}

/* ---- who may touch a customer ---- */

/* An agent: whose session it holds, or who was served by it last, for 7 days; a bridge: of its own
 * sessions; supervisors: all. */
static bool may_touch(struct xr_step *step, const struct xr_customer_record *customer)
{
    uint32_t me = step->who->hot.agent.n;
    if (xr_step_supervises(step))
        return true;
    const struct xr_session_node *node = xr_index_session(step->floor, customer->session.n);
    const struct xr_session_record *session =
        node != NULL ? &node->hot : xr_session_stored(step, customer->last_session.n);
    if (session == NULL)
        return false;
    if (step->who->role == XR_role_BRIDGE)
        return session->bridge.n == me;
    return (node != NULL && session->agent.n == me) ||
           (customer->card.last_agent.n == me &&
            step->event->floor_ms - customer->served_ms <= FORMER_OWNER_MS);
}

static enum xr_code find(struct xr_step *step, struct xr_customer_id id,
                         const struct xr_customer_record **out)
{
    *out = xr_customer_get(step, id);
    if (*out == NULL || !may_touch(step, *out))
        return xr_step_refuse(step, XR_code_NOT_FOUND, "customer");
    return XR_code_NONE;
}

/* Who has the buyer open now, and supervisors. */
static struct xr_audience audience_of(const struct xr_step *step,
                                      const struct xr_customer_record *customer)
{
    struct xr_audience audience = {.roles = XR_SUPERVISORS};
    const struct xr_session_node *session = xr_index_session(step->floor, customer->session.n);
    if (session != NULL && session->hot.agent.n != 0)
        audience.agents[0] = session->hot.agent.n;
    return audience;
}

/* ---- the record ---- */

static void remove_tags(struct xr_tag *tags, uint32_t *count, const struct xr_strs *names)
{
    for (uint32_t i = 0; i < names->count; i++) {
        uint32_t kept = 0;
        for (uint32_t t = 0; t < *count; t++)
            if (!xr_str_equal(tags[t].name, names->at[i]))
                tags[kept++] = tags[t];
        *count = kept;
    }
}

/* False: more tags than a customer may have. */
static bool add_tags(struct xr_tag *tags, uint32_t *count, const struct xr_tag_list *added)
{
    for (uint32_t i = 0; i < added->count; i++) {
        uint32_t t = 0;
        while (t < *count && !xr_str_equal(tags[t].name, added->at[i].name))
            t++;
        if (t == XR_TAGS_MAX)
            return false;
        tags[t] = added->at[i];
        if (t == *count)
            (*count)++;
    }
    return true;
}

enum xr_code xr_customer_set(struct xr_step *step, const void *message)
{
    const struct xr_customer_set *set = message;
    const struct xr_customer_record *stored;
    struct xr_tag tags[XR_TAGS_MAX];
    enum xr_code code = find(step, set->customer, &stored);
    if (code != XR_code_NONE)
        return code;
    XR_ASSERT(stored != NULL);

    struct xr_customer_record record = *stored;
    struct xr_customer_card *card = &record.card;
    uint32_t count = card->tags.count;
    if (count > 0)
        memcpy(tags, card->tags.at, count * sizeof *tags);
    remove_tags(tags, &count, &set->tags_remove);
    if (!add_tags(tags, &count, &set->tags_add))
        return xr_step_refuse(step, XR_code_FULL, "tags_add");
    card->tags.at = tags;
    card->tags.count = count;
    if (XR_HAS(set, 3))
        card->nick = set->nick;
    if (XR_HAS(set, 4))
        card->level = set->level;
    if (XR_HAS(set, 5))
        card->language = set->language;
    if (XR_HAS(set, 6))
        card->flag = set->flag;
    if (XR_HAS(set, 7))
        card->buyer_type = set->buyer_type;
    xr_customer_put(step, &record);
    struct xr_customer_changed update = {.card = *card};
    struct xr_audience audience = audience_of(step, &record);
    step->done.seq = xr_step_push(step, &audience, XR_TYPE_customer_changed, &update);
    step->done.customer = card->customer;
    return XR_code_NONE;
}

/* ---- notes ---- */

/* The newest revision of a note, its text in the scratch arena; NULL: none. */
static const struct xr_note *newest(struct xr_step *step, struct xr_customer_id customer,
                                    uint32_t note)
{
    struct xr_key last = xr_key_note(customer, note, UINT32_MAX);
    struct xr_scan scan;
    struct xr_bin key;
    struct xr_bin value;
    struct xr_bin kept = {NULL, 0};
    xr_tables_scan_open(step->tables, XR_TABLE_note, xr_key_of(&last), true, &scan);
    if (xr_tables_scan_next(step->tables, &scan, &key, &value) && key.size == last.size &&
        memcmp(key.at, last.at, 12) == 0)
        kept = xr_arena_bin(step->floor->scratch, value.at, value.size);
    xr_tables_scan_close(step->tables, &scan);
    if (kept.size == 0)
        return NULL;
    const void *record;
    enum xr_status status =
        xr_record_decode(kept, XR_TYPE_note_record, step->floor->scratch, &record);
    XR_ASSERT(status == XR_OK);
    return &((const struct xr_note_record *)record)->note;
}

struct xr_note_list xr_customer_notes(struct xr_step *step, struct xr_customer_id id,
                                      uint32_t notes, uint32_t max)
{
    struct xr_note_list list = {NULL, 0};
    if (notes == 0)
        return list;
    const struct xr_note **all =
        xr_arena_take(step->floor->scratch, notes * sizeof(const struct xr_note *));
    struct xr_note *at = xr_arena_take(step->floor->scratch, max * sizeof *at);
    size_t bytes = 0;
    XR_ASSERT(all != NULL);
    XR_ASSERT(at != NULL);
    for (uint32_t n = 0; n < notes; n++)
        all[n] = newest(step, id, n + 1);
    for (int pinned = 1; pinned >= 0; pinned--) {
        for (uint32_t n = notes; n-- > 0 && list.count < max;) {
            if (all[n] == NULL || all[n]->pinned != (pinned == 1) ||
                bytes + all[n]->text.size > NOTES_BYTES_MAX)
                continue;
            bytes += all[n]->text.size;
            at[list.count++] = *all[n];
        }
    }
    list.at = at;
    return list;
}

static void write_note(struct xr_step *step, const struct xr_customer_record *customer,
                       const struct xr_note *note)
{
    struct xr_note_record record = {.note = *note};
    struct xr_key key = xr_key_note(customer->card.customer, note->note, note->revision);
    struct xr_note_changed update = {.customer = customer->card.customer, .note = *note};
    struct xr_audience audience = audience_of(step, customer);

    xr_record_put(step->tables, XR_TABLE_note, xr_key_of(&key), XR_TYPE_note_record, &record,
                  &step->floor->row);
    step->done.customer = customer->card.customer;
    step->done.note = note->note;
    step->done.revision = note->revision;
    step->done.seq = xr_step_push(step, &audience, XR_TYPE_note_changed, &update);
}

enum xr_code xr_customer_note_add(struct xr_step *step, const void *message)
{
    const struct xr_note_add *add = message;
    const struct xr_customer_record *stored;
    enum xr_code code = find(step, add->customer, &stored);
    if (code != XR_code_NONE)
        return code;
    XR_ASSERT(stored != NULL);
    if (stored->card.notes >= XR_NOTES_MAX)
        return xr_step_refuse(step, XR_code_FULL, "notes");
    struct xr_customer_record record = *stored;
    struct xr_note note = {
        .note = ++record.card.notes,
        .revision = 1,
        .author = step->who->hot.agent,
        .wall_ms = step->event->wall_ms,
        .pinned = add->pinned,
        .text = add->text,
    };
    xr_customer_put(step, &record);
    write_note(step, &record, &note);
    return XR_code_NONE;
}

enum xr_code xr_customer_note_edit(struct xr_step *step, const void *message)
{
    const struct xr_note_edit *edit = message;
    const struct xr_customer_record *stored;
    enum xr_code code = find(step, edit->customer, &stored);
    if (code != XR_code_NONE)
        return code;
    const struct xr_note *present = newest(step, edit->customer, edit->note);
    if (present == NULL)
        return xr_step_refuse(step, XR_code_NOT_FOUND, "note");
    if (present->revision != edit->revision) {
        step->error.revision = present->revision;
        return xr_step_refuse(step, XR_code_CONFLICT, "revision");
    }
    struct xr_note note = {
        .note = edit->note,
        .revision = present->revision + 1,
        .author = step->who->hot.agent,
        .wall_ms = step->event->wall_ms,
        .pinned = XR_HAS(edit, 6) ? edit->pinned : present->pinned,
        .text = edit->text,
    };
    write_note(step, stored, &note);
    return XR_code_NONE;
}
