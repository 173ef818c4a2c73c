/*
 * One event, from the counter to the answer.
 *
 * Happy path of a command:
 *  1. the device is known, the counter is the next one (an earlier one gets its kept answer again)
 *  2. the role may send it
 *  3. the handler looks, refuses or changes, and fills `done`
 *  4. the answer is kept with the device and becomes a REPLY
 * What the server itself tells (EVENT) has no counter and no kept answer.
 */
#include "floor/index.h"

#include <string.h>

typedef enum xr_code (*command_fn)(struct xr_step *step, const void *message);

static command_fn command_of(enum xr_type type)
{
    static const struct {
        enum xr_type type;
        command_fn run;
    } table[] = {
        {XR_TYPE_say, xr_message_say},
        {XR_TYPE_open, xr_session_open},
        {XR_TYPE_close, xr_session_close},
        {XR_TYPE_leave, xr_session_leave},
        {XR_TYPE_transfer, xr_session_transfer},
        {XR_TYPE_assign, xr_session_assign},
        {XR_TYPE_be, xr_presence_be},
        {XR_TYPE_note_add, xr_customer_note_add},
        {XR_TYPE_note_edit, xr_customer_note_edit},
        {XR_TYPE_customer_set, xr_customer_set},
        {XR_TYPE_account_set, xr_account_set},
        {XR_TYPE_group_set, xr_account_group_set},
        {XR_TYPE_setting_set, xr_account_setting_set},
        {XR_TYPE_revoke, xr_device_revoke},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (table[i].type == type)
            return table[i].run;
    return NULL;
}

/* ---- commands ---- */

/* Answer without consuming the counter: nothing is kept. */
static void refuse_early(struct xr_step *step, enum xr_code code, uint64_t counter)
{
    step->error.code = code;
    step->error.counter = counter;
    xr_step_reply(step, step->event->origin, step->event->counter, XR_TYPE_error, &step->error);
}

/* The frame that was answered to an earlier counter, once more. */
static void repeat_answer(struct xr_step *step, const struct xr_device_node *device)
{
    struct xr_bin frame;
    if (xr_device_answer(device, step->event->counter, &frame) != XR_OK) {
        refuse_early(step, XR_code_GONE, device->hot.counter);
        return;
    }
    struct xr_effect *effect = xr_step_effect(step, XR_EFFECT_REPLY);
    effect->origin = step->event->origin;
    effect->bytes = xr_step_keep(step, frame);
}

/* Field 1 of every command. */
static uint64_t done_of(const void *message)
{
    /* `has` and `done` stand first in the struct of every command. */
    return ((const struct xr_leave *)message)->done;
}

/* Who ends its own device hears of it first: the answer, which comes last, goes before the end of
 * the connection. */
static void answer_before_detach(struct xr_step *step)
{
    struct xr_effects *effects = step->effects;
    const struct xr_effect reply = effects->at[effects->count - 1];
    size_t i = step->first_effect;
    while (i < effects->count && (effects->at[i].kind != XR_EFFECT_DETACH ||
                                  effects->at[i].device.n != step->event->device.n))
        i++;
    if (i == effects->count)
        return;
    memmove(&effects->at[i + 1], &effects->at[i], (effects->count - 1 - i) * sizeof *effects->at);
    effects->at[i] = reply;
}

static void answer(struct xr_step *step, struct xr_device_node *device, enum xr_code code)
{
    const struct xr_event *event = step->event;
    if (code == XR_code_NONE)
        xr_step_reply(step, event->origin, event->counter, XR_TYPE_done, &step->done);
    else
        xr_step_reply(step, event->origin, event->counter, XR_TYPE_error, &step->error);
    struct xr_bin frame = step->effects->at[step->effects->count - 1].bytes;
    XR_ASSERT(frame.size <= XR_ANSWER_BYTES_MAX);
    answer_before_detach(step);
    if (xr_index_device(step->floor, event->device.n) == NULL)
        return; /* it has just revoked itself: nobody will ask again */
    device->hot.counter = event->counter;
    xr_device_keep(device, frame);
    xr_index_touch_device(step->floor, device);
}

static void run_command(struct xr_step *step)
{
    const struct xr_event *event = step->event;
    struct xr_device_node *device = xr_index_device(step->floor, event->device.n);
    if (device == NULL || device->hot.agent.n != event->who.n) {
        refuse_early(step, XR_code_UNKNOWN_DEVICE, 0);
        return;
    }
    /* Of a connection that another has replaced: the counter that the other was welcomed with must
     * stay true. */
    if (device->hot.alive != event->origin) {
        refuse_early(step, XR_code_HELLO_NEEDED, device->hot.counter);
        return;
    }
    uint64_t done = done_of(event->message);
    if (done > device->hot.done && done <= device->hot.counter) {
        xr_device_confirm(device, done);
        xr_index_touch_device(step->floor, device);
    }
    if (event->counter <= device->hot.counter) {
        repeat_answer(step, device);
        return;
    }
    if (event->counter != device->hot.counter + 1) {
        refuse_early(step, XR_code_GAP, device->hot.counter);
        return;
    }
    if (device->hot.counter - device->hot.done >= XR_ANSWERS_KEPT) {
        step->error.field = XR_STR("done");
        refuse_early(step, XR_code_FULL, device->hot.counter);
        return;
    }
    step->who = xr_index_agent(step->floor, event->who.n);
    XR_ASSERT(step->who != NULL);
    enum xr_code code;
    command_fn run = command_of(event->type);
    XR_ASSERT(run != NULL);
    if (step->who->account != XR_account_state_ACTIVE ||
        !xr_rights_allow(step->who->role, event->type))
        code = xr_step_refuse(step, XR_code_FORBIDDEN, NULL);
    else
        code = run(step, event->message);
    answer(step, device, code);
}

/* ---- events of the server ---- */

static int64_t deadline_of(const struct xr_floor *floor, const struct xr_due *due)
{
    return due->is_session ? xr_session_deadline(floor, xr_index_session(floor, due->id))
                           : xr_presence_deadline(xr_index_agent(floor, (uint32_t)due->id));
}

/*
 * What is due first, by the deadlines that the records say; NULL: nothing is. What stood too early
 * in the heap is put right on the way: when each deadline was noted is the index's own affair and
 * must not show in the order of what happens.
 */
static struct xr_due *first_due(struct xr_floor *floor, int64_t now)
{
    for (;;) {
        struct xr_due *due = xr_index_due_first(floor);
        if (due == NULL || due->at > now)
            return NULL;
        int64_t at = deadline_of(floor, due);
        XR_ASSERT(at >= due->at);
        if (at == due->at)
            return due;
        xr_index_due_remove(floor, due);
        xr_index_due(floor, due, at);
    }
}

static void run_tick(struct xr_step *step)
{
    struct xr_floor *floor = step->floor;
    const uint64_t head = floor->head.head;
    if (floor->head.fill_from.n != 0) {
        xr_queue_fill(step);
        return;
    }
    for (int i = 0; i < XR_DUE_PER_TICK && floor->head.head - head < XR_UPDATES_PER_STEP; i++) {
        struct xr_due *due = first_due(floor, step->event->floor_ms);
        if (due == NULL)
            return;
        uint64_t id = due->id;
        bool is_session = due->is_session;
        xr_index_due_remove(floor, due);
        if (is_session)
            xr_session_due(step, xr_index_session(floor, id));
        else
            xr_presence_due(step, xr_index_agent(floor, (uint32_t)id));
    }
}

static void run_event(struct xr_step *step)
{
    const void *message = step->event->message;
    switch (step->event->type) {
    case XR_TYPE_founded:
        xr_account_founded(step, message);
        break;
    case XR_TYPE_started:
        xr_presence_started(step, message);
        break;
    case XR_TYPE_tick:
        run_tick(step);
        break;
    case XR_TYPE_came:
        xr_device_came(step, message);
        break;
    case XR_TYPE_asked:
        xr_device_asked(step, message);
        break;
    case XR_TYPE_proved:
        xr_device_proved(step, message);
        break;
    case XR_TYPE_gone:
        xr_device_gone(step, message);
        break;
    default:
        XR_ASSERT(step->event->type == XR_TYPE_none); /* not an event: the engine's fault */
    }
}

void xr_floor_step(struct xr_floor *floor, struct xr_tables *tables, const struct xr_event *event,
                   struct xr_effects *effects)
{
    struct xr_step step = {.floor = floor,
                           .tables = tables,
                           .event = event,
                           .effects = effects,
                           .first_effect = effects->count};
    xr_arena_reset(floor->scratch);
    if (event->counter != 0)
        run_command(&step);
    else
        run_event(&step);
}
