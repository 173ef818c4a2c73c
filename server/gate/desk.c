/*
 * The way of a frame: is there a pause → is the peer too fast → is it a frame → is there such a
 * message, and may a client send it → logged in → by kind:
 *     CONTROL  carried out here
 *     COMMAND  rights, room, fields; then it is a submission, and the answer comes as an effect
 *     QUERY    rights, fields, everything written before is answered; then it is a reader's job
 *
 * What is refused gets an error and is done with. What must wait is not: `take` returns where it
 * begins, nothing more is read, and it comes again.
 */
#include "gate/desk.h"

#include <sodium.h>

#include "gate/ask.h"
#include "gate/feed.h"
#include "gate/login.h"

/* What became of a frame. */
enum fate {
    FATE_TAKEN, /* carried out, handed on, or refused */
    FATE_AGAIN, /* the peer waits; not consumed */
};

static enum fate refuse(struct xr_peer *peer, const struct xr_frame *frame, enum xr_code code,
                        const char *field)
{
    xr_peer_refuse(peer, frame->ref, code, field, 0);
    return FATE_TAKEN;
}

static enum fate hold(struct xr_peer *peer, enum xr_wait wait_for)
{
    xr_peer_wait(peer, wait_for);
    return FATE_AGAIN;
}

/* The message of a frame; NULL: it was refused. Lives until the next frame. */
static const void *decode(struct xr_peer *peer, const struct xr_frame *frame)
{
    struct xr_wire_error error = {0};
    const void *message = NULL;
    xr_arena_reset(peer->gate->arena);
    switch (xr_body_decode((enum xr_type)frame->type, frame->body, peer->gate->arena, &message,
                           &error)) {
    case XR_OK:
        return message;
    case XR_BAD:
        xr_peer_refuse(peer, frame->ref, error.code, error.field, 0);
        return NULL;
    default:
        xr_sp_close(peer->conn); /* no memory */
        return NULL;
    }
}

/* ---- control --------------------------------------------------------------------------------- */

static enum fate take_hello(struct xr_peer *peer, const struct xr_frame *frame)
{
    if (peer->state == XR_PEER_READY)
        return refuse(peer, frame, XR_code_STATE, NULL);
    const struct xr_hello *hello = decode(peer, frame);
    if (hello)
        xr_login_begin(peer, frame->ref, hello);
    return FATE_TAKEN;
}

static enum fate take_beat(struct xr_peer *peer, const struct xr_frame *frame)
{
    if (decode(peer, frame))
        xr_feed_beat(peer, frame->ref);
    return FATE_TAKEN;
}

static enum fate take_ack(struct xr_peer *peer, const struct xr_frame *frame)
{
    const struct xr_ack *ack = decode(peer, frame);
    if (ack)
        xr_feed_ack(peer, ack->seq);
    return FATE_TAKEN;
}

static enum fate take_bye(struct xr_peer *peer, const struct xr_frame *frame)
{
    (void)frame;
    xr_peer_leave(peer, XR_gone_reason_BYE, XR_code_NONE, NULL);
    return FATE_TAKEN;
}

static enum fate take_control(struct xr_peer *peer, const struct xr_frame *frame)
{
    static const struct {
        enum xr_type type;
        enum fate (*take)(struct xr_peer *peer, const struct xr_frame *frame);
    } table[] = {
        {XR_TYPE_ack, take_ack},
        {XR_TYPE_beat, take_beat},
        {XR_TYPE_hello, take_hello},
        {XR_TYPE_bye, take_bye},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if ((uint32_t)table[i].type == frame->type)
            return table[i].take(peer, frame);
    }
    XR_ASSERT(false); /* a CONTROL of the schema that has no line here */
}

/* ---- commands -------------------------------------------------------------------------------- */

/* A password becomes its hash before it goes further. */
static enum fate take_password(struct xr_peer *peer, const struct xr_frame *frame,
                               const struct xr_account_set *set)
{
    uint32_t points = 0;
    if (!xr_utf8_valid(set->password, &points) || points < 8)
        return refuse(peer, frame, XR_code_RANGE, "password");
    switch (xr_login_hash(peer, frame->ref, set)) {
    case XR_OK:
        return FATE_TAKEN;
    case XR_BUSY:
        return hold(peer, XR_WAIT_ROOM);
    default:
        return refuse(peer, frame, XR_code_INTERNAL, NULL);
    }
}

static enum fate submit(struct xr_peer *peer, const struct xr_frame *frame)
{
    struct xr_gate *gate = peer->gate;
    struct xr_submission *made =
        xr_gate_make(peer->floor, peer->origin, (enum xr_type)frame->type, frame->body);
    made->who = peer->agent;
    made->device = peer->device;
    made->counter = frame->ref;
    if (xr_engine_submit(gate->engine, made)) {
        xr_mem_free(made);
        gate->metrics.engine_full++;
        return hold(peer, XR_WAIT_ROOM);
    }
    peer->in_flight++;
    gate->metrics.commands++;
    return FATE_TAKEN;
}

static enum fate take_command(struct xr_peer *peer, const struct xr_frame *frame)
{
    if (frame->ref < 1 || frame->ref > XR_NUMBER_MAX)
        return refuse(peer, frame, XR_code_RANGE, "ref");
    if (peer->in_flight >= XR_PEER_IN_FLIGHT_MAX)
        return hold(peer, XR_WAIT_FLIGHT);
    const void *message = decode(peer, frame);
    if (!message)
        return FATE_TAKEN;
    if (frame->type == XR_TYPE_account_set) {
        const struct xr_account_set *set = message;
        if (XR_HAS(set, 12))
            return refuse(peer, frame, XR_code_FORBIDDEN, "hash");
        if (XR_HAS(set, 6))
            return take_password(peer, frame, set);
    }
    return submit(peer, frame);
}

void xr_desk_reply(struct xr_peer *peer, struct xr_bin frame)
{
    XR_ASSERT(peer->in_flight > 0);
    peer->in_flight--;
    peer->gate->metrics.replies++;
    xr_peer_send_bytes(peer, frame);
    if (peer->wait == XR_WAIT_FLIGHT || (peer->wait == XR_WAIT_ANSWERS && peer->in_flight == 0))
        xr_peer_resume(peer);
}

/* ---- queries --------------------------------------------------------------------------------- */

static enum fate take_query(struct xr_peer *peer, const struct xr_frame *frame)
{
    if (peer->in_flight > 0)
        return hold(peer, XR_WAIT_ANSWERS);
    if (peer->queries >= XR_PEER_QUERIES_MAX)
        return hold(peer, XR_WAIT_QUERIES);
    if (!decode(peer, frame))
        return FATE_TAKEN;
    switch (xr_ask(peer, frame)) {
    case XR_OK:
        return FATE_TAKEN;
    case XR_BUSY:
        return hold(peer, XR_WAIT_ROOM);
    default:
        return refuse(peer, frame, XR_code_INTERNAL, NULL);
    }
}

/* ---- every frame ----------------------------------------------------------------------------- */

static enum fate take_known(struct xr_peer *peer, const struct xr_frame *frame,
                            const struct xr_message_info *info)
{
    const bool is_ready = peer->state == XR_PEER_READY;
    if (!is_ready && info->type != XR_TYPE_hello && info->type != XR_TYPE_bye)
        return refuse(peer, frame, XR_code_HELLO_NEEDED, NULL);
    if (info->kind == XR_KIND_CONTROL)
        return take_control(peer, frame);
    if (!xr_rights_allow(peer->role, info->type))
        return refuse(peer, frame, XR_code_FORBIDDEN, NULL);
    return info->kind == XR_KIND_COMMAND ? take_command(peer, frame) : take_query(peer, frame);
}

static enum fate take_frame(struct xr_peer *peer, const struct xr_frame *frame)
{
    const struct xr_message_info *info = xr_message_info((enum xr_type)frame->type);
    if (!info || (info->kind != XR_KIND_CONTROL && info->kind != XR_KIND_COMMAND &&
                  info->kind != XR_KIND_QUERY))
        return refuse(peer, frame, XR_code_UNKNOWN_TYPE, NULL);
    return take_known(peer, frame, info);
}

/* An ack that takes something off the window cannot come too often: pushing is bounded itself. */
static bool is_free(struct xr_peer *peer, const struct xr_frame *frame)
{
    struct xr_wire_error error;
    const void *message;
    if (frame->type != XR_TYPE_ack || peer->feed.sent_count == 0)
        return false;
    xr_arena_reset(peer->gate->arena);
    if (xr_body_decode(XR_TYPE_ack, frame->body, peer->gate->arena, &message, &error))
        return false;
    return xr_feed_awaits(peer, ((const struct xr_ack *)message)->seq);
}

/* False: too fast; the alarm resumes. */
static bool pay(struct xr_peer *peer, const struct xr_frame *frame)
{
    struct xr_gate *gate = peer->gate;
    if (peer->is_paid || is_free(peer, frame))
        return true;
    const uint32_t rate = peer->role == XR_role_BRIDGE ? gate->options.bridge_frames_per_second
                                                       : gate->options.frames_per_second;
    const uint64_t ms = xr_rate_take(&peer->rate, xr_gate_now(gate), rate);
    if (ms > 0) {
        gate->metrics.throttled++;
        xr_peer_wait(peer, XR_WAIT_RATE);
        xr_sp_alarm(peer->conn, ms);
        return false;
    }
    peer->is_paid = true;
    return true;
}

static void lose_framing(struct xr_peer *peer)
{
    peer->gate->metrics.frames_bad++;
    xr_peer_leave(peer, XR_gone_reason_CLOSED, XR_code_MALFORMED, "not a frame");
}

static bool holds_secret(const struct xr_frame *frame)
{
    return frame->type == XR_TYPE_hello || frame->type == XR_TYPE_account_set;
}

/* The frame at the front. Returns its size; 0: it must wait, or the peer is leaving. */
static size_t take_one(struct xr_peer *peer, uint8_t *bytes, size_t size)
{
    struct xr_frame frame;
    size_t used = 0;
    if (xr_sp_is_full(peer->conn)) {
        peer->gate->metrics.output_full++;
        xr_peer_wait(peer, XR_WAIT_OUTPUT);
        return 0;
    }
    if (peer->frames == XR_FRAMES_PER_MESSAGE ||
        xr_frame_read((struct xr_bin){bytes, (uint32_t)size}, &frame, &used)) {
        lose_framing(peer);
        return 0;
    }
    if (!pay(peer, &frame) || take_frame(peer, &frame) == FATE_AGAIN)
        return 0;
    peer->is_paid = false;
    peer->heard_ms = xr_gate_now(peer->gate);
    peer->frames++;
    peer->gate->metrics.frames_in++;
    if (holds_secret(&frame))
        sodium_memzero(bytes, used);
    return used;
}

size_t xr_desk_take(void *context, uint8_t *bytes, size_t size, bool is_first)
{
    struct xr_peer *peer = context;
    size_t used = 0;
    if (is_first)
        peer->frames = 0;
    while (used < size && peer->wait == XR_WAIT_NONE && !xr_sp_is_closing(peer->conn) &&
           !peer->gate->is_paused) {
        const size_t taken = take_one(peer, bytes + used, size - used);
        if (taken == 0)
            break;
        used += taken;
    }
    return used;
}
