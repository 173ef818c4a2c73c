/* Messages: numbered 1..n in their session, chained by hash, stored as the update that tells them.
 */
#include "floor/chain.h"
#include "floor/index.h"

#include <string.h>

/* Note where the journal has the session's newest message; a full head spills into a chunk. */
static void note_position(struct xr_step *step, struct xr_session_node *session, uint64_t seq)
{
    if (session->positions_size >= XR_POSITION_BYTES) {
        struct xr_spill_record record = {
            .positions = {session->positions, session->positions_size}};
        struct xr_key key = xr_key_spill(session->hot.session, session->hot.spilled + 1);
        xr_record_put(step->tables, XR_TABLE_spill, xr_key_of(&key), XR_TYPE_spill_record, &record,
                      &step->floor->row);
        session->hot.spilled = session->hot.number - 1;
        session->positions_size = 0;
        session->position_last = 0;
    }
    session->positions_size += (uint32_t)xr_position_put(
        session->positions + session->positions_size, session->position_last, seq);
    session->position_last = seq;
}

/* What a message does to the open round and to the owner's load. */
static void turn_round(struct xr_step *step, struct xr_session_node *session, enum xr_sender sender,
                       enum xr_message_kind kind)
{
    struct xr_floor *floor = step->floor;
    struct xr_session_record *hot = &session->hot;
    struct xr_agent_node *owner = xr_index_agent(floor, hot->agent.n);

    hot->active_ms = step->event->floor_ms;
    if (hot->idle) {
        hot->idle = false;
        if (owner != NULL && !xr_session_counts_idle(floor)) {
            owner->hot.active++;
            xr_presence_touch(floor, owner);
        }
    }
    if (sender == XR_sender_BUYER && hot->waiting_ms == 0) {
        hot->waiting_ms = step->event->floor_ms;
        hot->waiting_wall_ms = step->event->wall_ms;
    }
    if (sender != XR_sender_AGENT || kind == XR_message_kind_WHISPER)
        return;
    hot->waiting_ms = 0;
    hot->waiting_wall_ms = 0;
    if (!hot->answered) {
        struct xr_key key = xr_key_u64(hot->session.n);
        hot->answered = true;
        xr_tables_del(step->tables, XR_TABLE_charge, xr_key_of(&key));
    }
}

void xr_message_add(struct xr_step *step, struct xr_session_node *session, enum xr_sender sender,
                    struct xr_agent_id agent, enum xr_message_kind kind, struct xr_str text,
                    bool flagged)
{
    struct xr_floor *floor = step->floor;
    struct xr_session_record *hot = &session->hot;
    struct xr_message_added update = {.message = {
                                          .session = hot->session,
                                          .number = ++hot->number,
                                          .sender = sender,
                                          .agent = agent,
                                          .kind = kind,
                                          .text = text,
                                          .wall_ms = step->event->wall_ms,
                                          .salt = {step->event->random, XR_SALT_BYTES},
                                          .flagged = flagged,
                                      }};
    struct xr_audience audience = {.roles = XR_SUPERVISORS};
    size_t readers = 0;

    if (hot->agent.n != 0)
        audience.agents[readers++] = hot->agent.n;
    /* A bridge knows what it has said for the buyer; whispers are not for buyers. */
    if (kind != XR_message_kind_WHISPER && sender != XR_sender_BUYER)
        audience.agents[readers] = hot->bridge.n;
    xr_chain_next(session->chain, &update.message);
    hot->chain = (struct xr_bin){session->chain, XR_HASH_BYTES};
    if (hot->number == 1 || hot->last_sender != agent.n)
        hot->run = hot->number;
    hot->last_sender = agent.n;
    floor->head.messages++;
    uint64_t seq = xr_step_push(step, &audience, XR_TYPE_message_added, &update);
    note_position(step, session, seq);
    turn_round(step, session, sender, kind);
    xr_index_touch_session(floor, session);
    xr_session_rearm(floor, session);
    step->done.session = hot->session;
    step->done.number = hot->number;
    step->done.seq = seq;
}

void xr_message_from_buyer(struct xr_step *step, struct xr_session_node *session,
                           enum xr_message_kind kind, struct xr_str text)
{
    const struct xr_agent_node *owner = xr_index_agent(step->floor, session->hot.agent.n);
    struct xr_agent_id nobody = {0};
    /* A lost owner whose grace is over has lost it at the buyer's next message. */
    if (owner != NULL && owner->hot.lost && owner->hot.grace_ms == 0)
        xr_session_take_back(step, session, true);
    xr_message_add(step, session, XR_sender_BUYER, nobody, kind, text, false);
}

/* True where somebody else than `agent` (0: the buyer) wrote after number `seen`. */
static bool is_stale(const struct xr_session_record *hot, uint32_t agent, uint32_t seen)
{
    uint32_t others = hot->last_sender == agent ? hot->run - 1 : hot->number;
    return hot->number > 0 && others > seen;
}

/* The bridge writes for the buyer. */
static enum xr_code say_as_buyer(struct xr_step *step, const struct xr_say *say)
{
    struct xr_session_node *session = xr_index_session(step->floor, say->session.n);

    if (say->kind == XR_message_kind_WHISPER || say->kind == XR_message_kind_SYSTEM)
        return xr_step_refuse(step, XR_code_RANGE, "kind");
    if (session == NULL || session->hot.state == XR_session_state_CLOSED) {
        const struct xr_session_record *stored =
            session != NULL ? &session->hot : xr_session_stored(step, say->session.n);
        if (stored == NULL || stored->bridge.n != step->who->hot.agent.n)
            return xr_step_refuse(step, XR_code_NOT_FOUND, "session");
        session = xr_session_reopen(step, say->session.n);
        if (session == NULL) {
            step->error.state = XR_session_state_CLOSED;
            return xr_step_refuse(step, XR_code_STATE, "session");
        }
    }
    if (session->hot.bridge.n != step->who->hot.agent.n)
        return xr_step_refuse(step, XR_code_NOT_FOUND, "session");
    xr_message_from_buyer(step, session,
                          say->kind == XR_message_kind_NONE ? XR_message_kind_TEXT : say->kind,
                          say->text);
    return XR_code_NONE;
}

static enum xr_code say_as_agent(struct xr_step *step, const struct xr_say *say)
{
    struct xr_session_node *session = xr_index_session(step->floor, say->session.n);
    struct xr_agent_id me = step->who->hot.agent;
    bool whisper = say->kind == XR_message_kind_WHISPER;
    bool flagged = false;

    if (say->kind == XR_message_kind_SYSTEM)
        return xr_step_refuse(step, XR_code_RANGE, "kind");
    const struct xr_session_record *hot =
        session != NULL ? &session->hot : xr_session_stored(step, say->session.n);
    if (hot == NULL || (hot->agent.n != me.n && !xr_step_supervises(step)))
        return xr_step_refuse(step, XR_code_NOT_FOUND, "session");
    if (hot->state != XR_session_state_OPEN || (hot->agent.n != me.n && !whisper)) {
        step->error.state = hot->state;
        return xr_step_refuse(step, XR_code_STATE, "session");
    }
    if (XR_HAS(say, 5) && is_stale(hot, me.n, say->seen)) {
        if (step->floor->settings[XR_SETTING_stale_view] == 0) {
            step->error.number = hot->number;
            return xr_step_refuse(step, XR_code_STALE, "seen");
        }
        flagged = true;
    }
    XR_ASSERT(session != NULL); /* what is open is in the index */
    xr_message_add(step, session, XR_sender_AGENT, me,
                   say->kind == XR_message_kind_NONE ? XR_message_kind_TEXT : say->kind, say->text,
                   flagged);
    return XR_code_NONE;
}

enum xr_code xr_message_say(struct xr_step *step, const void *message)
{
    return step->who->role == XR_role_BRIDGE ? say_as_buyer(step, message)
                                             : say_as_agent(step, message);
}
