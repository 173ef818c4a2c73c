/* What every handler needs: to refuse, to answer, to push an update, to write the audit log. */
#include "floor/index.h"
#include "floor/journal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- effects ---- */

void xr_effects_reset(struct xr_effects *effects)
{
    effects->count = 0;
    if (effects->arena != NULL)
        xr_arena_reset(effects->arena);
}

void xr_effects_fini(struct xr_effects *effects)
{
    xr_mem_free(effects->at);
    xr_arena_free(effects->arena);
    memset(effects, 0, sizeof *effects);
}

struct xr_effect *xr_step_effect(struct xr_step *step, enum xr_effect_kind kind)
{
    struct xr_effects *effects = step->effects;
    if (effects->arena == NULL) {
        effects->arena = xr_arena_new(64 * 1024);
        XR_ASSERT(effects->arena != NULL);
    }
    if (effects->count == effects->capacity) {
        effects->capacity = effects->capacity == 0 ? 256 : effects->capacity * 2;
        effects->at = xr_mem_grow(effects->at, effects->capacity * sizeof *effects->at);
        XR_ASSERT(effects->at != NULL);
    }
    struct xr_effect *effect = &effects->at[effects->count++];
    memset(effect, 0, sizeof *effect);
    effect->kind = kind;
    return effect;
}

struct xr_bin xr_step_keep(struct xr_step *step, struct xr_bin bytes)
{
    struct xr_bin kept = xr_arena_bin(step->effects->arena, bytes.at, bytes.size);
    XR_ASSERT(kept.size == bytes.size);
    return kept;
}

/* What the row buffer holds, kept. */
static struct xr_bin keep_row(struct xr_step *step)
{
    const struct xr_buf *row = &step->floor->row;
    return xr_step_keep(step, (struct xr_bin){row->at, (uint32_t)row->size});
}

void xr_step_reply(struct xr_step *step, uint64_t origin, uint64_t ref, enum xr_type type,
                   const void *message)
{
    struct xr_effect *effect = xr_step_effect(step, XR_EFFECT_REPLY);
    struct xr_buf *row = &step->floor->row;
    xr_buf_reset(row);
    xr_frame_encode(row, type, ref, message);
    XR_ASSERT(!row->failed);
    effect->origin = origin;
    effect->bytes = keep_row(step);
}

uint64_t xr_step_push(struct xr_step *step, const struct xr_audience *audience, enum xr_type type,
                      const void *update)
{
    struct xr_floor *floor = step->floor;
    struct xr_effect *effect = xr_step_effect(step, XR_EFFECT_PUSH);
    uint64_t seq = ++floor->head.head;
    uint8_t key[8];

    floor->head_dirty = true;
    xr_buf_reset(&floor->row);
    xr_journal_encode(&floor->row, audience, type, update);
    XR_ASSERT(!floor->row.failed);
    effect->seq = seq;
    effect->audience = *audience;
    effect->bytes = keep_row(step);
    xr_put_u64be(key, seq);
    xr_tables_append(step->tables, XR_TABLE_journal, (struct xr_bin){key, sizeof key},
                     effect->bytes);
    return seq;
}

/* ---- helpers of handlers ---- */

enum xr_code xr_step_refuse(struct xr_step *step, enum xr_code code, const char *field)
{
    step->error.code = code;
    if (field != NULL)
        step->error.field = xr_str_of(field);
    return code;
}

bool xr_step_supervises(const struct xr_step *step)
{
    return step->who != NULL && (XR_SUPERVISORS >> step->who->role & 1);
}

struct xr_str xr_step_format(struct xr_step *step, const char *format, ...)
{
    char text[512];
    va_list list;
    va_start(list, format);
    int size = vsnprintf(text, sizeof text, format, list);
    va_end(list);
    XR_ASSERT(size >= 0);
    if ((size_t)size >= sizeof text)
        size = sizeof text - 1;
    return xr_arena_str(step->floor->scratch, (struct xr_str){text, (uint32_t)size});
}

void xr_step_audit(struct xr_step *step, const char *what, struct xr_str subject,
                   struct xr_str before, struct xr_str after)
{
    struct xr_floor *floor = step->floor;
    struct xr_audit_record record = {.audit = {
                                         .number = ++floor->head.audits,
                                         .wall_ms = step->event->wall_ms,
                                         .who = step->event->who,
                                         .device = step->event->device,
                                         .what = xr_str_of(what),
                                         .subject = subject,
                                         .before = before,
                                         .after = after,
                                     }};
    floor->head_dirty = true;
    struct xr_key key = xr_key_u64(record.audit.number);
    xr_record_put(step->tables, XR_TABLE_audit, xr_key_of(&key), XR_TYPE_audit_record, &record,
                  &floor->row);
    struct xr_audit_added update = {.audit = record.audit};
    struct xr_audience audience = {.roles = XR_SUPERVISORS};
    xr_step_push(step, &audience, XR_TYPE_audit_added, &update);
}
