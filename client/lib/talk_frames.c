/* What comes from the server: the answer to hello, answers, updates, notices. */
#include "client/lib/talk_inside.h"

#include <string.h>

#define BEAT_STANDARD_MS 5000
#define UPDATE_FIRST     112 /* types that are updates, known or not (PROTOCOL.md) */
#define UPDATE_LAST      159

/* ---- log-in ---------------------------------------------------------------------------------- */

static void abandon_sent(struct xr_talk *talk)
{
    uint64_t ref = 0;
    while (xr_outbox_abandon(&talk->box, &ref)) {
        struct xr_error *error = xr_arena_take(talk->arena, sizeof(*error));
        if (error != NULL)
            *error = (struct xr_error){
                .code = XR_code_UNKNOWN_DEVICE,
                .text = XR_STR("sent before the device was forgotten; perhaps carried out")};
        (void)xr_talk_push(talk, (struct xr_client_event){.kind = XR_CLIENT_ANSWER,
                                                          .ref = ref,
                                                          .type = error != NULL ? XR_TYPE_error : 0,
                                                          .message = error});
    }
}

static void on_welcome(struct xr_talk *talk, int64_t now_ms, const struct xr_welcome *welcome)
{
    if (welcome->token.size == XR_TOKEN_BYTES) {
        memcpy(talk->token, welcome->token.at, XR_TOKEN_BYTES);
        talk->has_token = true;
        abandon_sent(talk);
    }
    if (talk->has_token)
        xr_talk_forget_password(talk);
    /* A feed that has begun moves on by what comes, or by `resync`: a link that breaks between this
     * and that would hide the gap. */
    if (!talk->began || !talk->options.feed)
        talk->last = welcome->cursor;
    if (!talk->began) {
        talk->taken = welcome->cursor;
        talk->ackable = welcome->cursor;
        talk->acked = welcome->cursor;
        talk->began = true;
    }
    talk->beat_every_ms = welcome->beat_ms > 0 ? welcome->beat_ms : BEAT_STANDARD_MS;
    talk->beat_ms = now_ms + talk->beat_every_ms;
    talk->welcomes++;
    xr_outbox_restart(&talk->box, welcome->counter);
    xr_talk_change(talk, XR_TALK_READY, XR_TYPE_welcome, welcome);
}

static bool is_passing(enum xr_code code)
{
    return code == XR_code_BUSY || code == XR_code_STORAGE || code == XR_code_INTERNAL ||
           code == XR_code_HELLO_NEEDED;
}

static void on_refused(struct xr_talk *talk, int64_t now_ms, const struct xr_error *error)
{
    const bool token_refused =
        error->code == XR_code_UNKNOWN_DEVICE || error->code == XR_code_DENIED;
    if (is_passing(error->code)) {
        const int64_t wait_ms = error->retry_ms > 0 ? error->retry_ms : 1000;
        xr_talk_greet(talk, now_ms + wait_ms + (int64_t)(xr_talk_draw(talk) % (uint64_t)wait_ms));
    } else if (token_refused && talk->has_token && talk->password != NULL &&
               talk->login[0] != '\0') {
        talk->has_token = false;
        xr_talk_greet(talk, now_ms);
    } else {
        xr_talk_end(talk, XR_TALK_REFUSED, error);
    }
}

static void on_frame_greeting(struct xr_talk *talk, int64_t now_ms, uint32_t type, uint64_t ref,
                              const void *message)
{
    if (type == XR_TYPE_goodbye)
        xr_talk_dial_again(talk, now_ms);
    else if (ref != talk->hello_ref || talk->hello_ms != INT64_MAX)
        return; /* of another connection or an earlier try */
    else if (type == XR_TYPE_welcome)
        on_welcome(talk, now_ms, message);
    else if (type == XR_TYPE_error)
        on_refused(talk, now_ms, message);
}

/* ---- the feed -------------------------------------------------------------------------------- */

/* Move the end of the chain. true: what came is next and new. */
static bool follow_chain(struct xr_talk *talk, int64_t now_ms, uint64_t seq, uint64_t prev)
{
    if (!talk->options.feed)
        return false;
    if (prev != talk->last && seq > talk->last) {
        xr_talk_dial_again(talk, now_ms); /* something is missing: come again with the cursor */
        return false;
    }
    if (seq <= talk->last)
        return false;
    talk->last = seq;
    return true;
}

static void on_update(struct xr_talk *talk, int64_t now_ms, uint64_t seq, uint64_t prev,
                      uint32_t type, const void *message)
{
    const uint64_t before = talk->last;
    if (!follow_chain(talk, now_ms, seq, prev))
        return;
    if (xr_talk_push(talk,
                     (struct xr_client_event){
                         .kind = XR_CLIENT_UPDATE, .seq = seq, .type = type, .message = message}))
        return;
    talk->last = before;
    xr_talk_dial_again(talk, now_ms);
}

static void on_resync(struct xr_talk *talk, const struct xr_resync *resync)
{
    talk->last = resync->seq;
    (void)xr_talk_push(talk, (struct xr_client_event){.kind = XR_CLIENT_RESYNC,
                                                      .seq = resync->seq,
                                                      .type = XR_TYPE_resync,
                                                      .message = resync});
}

/* ---- frames in ------------------------------------------------------------------------------- */

static void on_answer(struct xr_talk *talk, int64_t now_ms, uint32_t type, uint64_t wire_ref,
                      const void *message)
{
    const struct xr_error *error = type == XR_TYPE_error ? message : NULL;
    uint64_t ref = 0;
    if (xr_outbox_answer(&talk->box, now_ms, wire_ref, error, &ref) &&
        !xr_talk_push(talk,
                      (struct xr_client_event){
                          .kind = XR_CLIENT_ANSWER, .ref = ref, .type = type, .message = message}))
        xr_talk_dial_again(talk, now_ms);
    if (error != NULL && error->code == XR_code_HELLO_NEEDED && talk->phase == XR_TALK_READY) {
        if (talk->failures++ == 0)
            xr_talk_greet(talk, now_ms);
        else
            xr_talk_dial_again(talk, now_ms);
    }
}

static void on_notice(struct xr_talk *talk, int64_t now_ms, uint32_t type, uint64_t ref,
                      const void *message)
{
    const struct xr_marker *marker = message;
    switch (type) {
    case XR_TYPE_marker:
        if (ref != 0)
            talk->failures = 0; /* the connection has held for a beat */
        (void)follow_chain(talk, now_ms, marker->seq, marker->prev);
        break;
    case XR_TYPE_resync:
        if (talk->options.feed)
            on_resync(talk, message);
        break;
    case XR_TYPE_goodbye:
        xr_talk_dial_again(talk, now_ms);
        break;
    default:
        break;
    }
}

/* seq and prev are fields 1 and 2 of every update and come first, so that one of a type that is not
 * known here still counts in the chain. */
static bool read_chain(struct xr_bin body, uint64_t *seq, uint64_t *prev)
{
    uint64_t key = 0;
    const uint8_t head = body.size > 0 ? body.at[0] : 0;
    const uint32_t skip = head == 0xde ? 3 : head == 0xdf ? 5 : 1; /* map of 16 or 32 bits */
    if (body.size < skip)
        return false;
    body.at += skip;
    body.size -= skip;
    *prev = 0;
    if (xr_unpack_uint(&body, &key) != XR_OK || key != 1 || xr_unpack_uint(&body, seq) != XR_OK)
        return false;
    if (xr_unpack_uint(&body, &key) == XR_OK && key == 2)
        return xr_unpack_uint(&body, prev) == XR_OK;
    return true;
}

static enum xr_kind kind_of(uint32_t type)
{
    const struct xr_message_info *info = xr_message_info((enum xr_type)type);
    if (info != NULL)
        return info->kind;
    return type >= UPDATE_FIRST && type <= UPDATE_LAST ? XR_KIND_UPDATE : XR_KIND_PART;
}

/* What cannot be decoded is from a newer server: it is handed on without its message. */
static void on_frame_ready(struct xr_talk *talk, int64_t now_ms, const struct xr_frame *frame,
                           uint32_t type, const void *message)
{
    uint64_t seq = 0;
    uint64_t prev = 0;
    switch (kind_of(frame->type)) {
    case XR_KIND_ANSWER:
        on_answer(talk, now_ms, type, frame->ref, message);
        break;
    case XR_KIND_UPDATE:
        if (read_chain(frame->body, &seq, &prev))
            on_update(talk, now_ms, seq, prev, type, message);
        break;
    case XR_KIND_NOTICE:
        if (message != NULL)
            on_notice(talk, now_ms, type, frame->ref, message);
        break;
    default:
        break;
    }
}

static void on_frame(struct xr_talk *talk, int64_t now_ms, const struct xr_frame *frame)
{
    const void *message = NULL;
    struct xr_wire_error error = {0};
    const enum xr_status status =
        xr_body_decode((enum xr_type)frame->type, frame->body, talk->arena, &message, &error);
    if (status == XR_NOMEM) {
        xr_talk_dial_again(talk, now_ms);
        return;
    }
    const uint32_t type = status == XR_OK ? frame->type : XR_TYPE_none;
    if (status != XR_OK)
        message = NULL;
    if (talk->phase == XR_TALK_GREETING)
        on_frame_greeting(talk, now_ms, type, frame->ref, message);
    else if (talk->phase == XR_TALK_READY || talk->phase == XR_TALK_LEAVING)
        on_frame_ready(talk, now_ms, frame, type, message);
}

static bool is_linked(const struct xr_talk *talk)
{
    return talk->phase == XR_TALK_GREETING || talk->phase == XR_TALK_READY ||
           talk->phase == XR_TALK_LEAVING;
}

void xr_talk_receive(struct xr_talk *talk, int64_t now_ms, struct xr_bin message)
{
    if (!is_linked(talk))
        return; /* of a connection that was given up */
    talk->unheard_ms = 0;
    talk->turn_bytes += message.size;
    struct xr_bin rest = xr_arena_bin(talk->arena, message.at, message.size);
    if (rest.size != message.size) {
        xr_talk_dial_again(talk, now_ms);
        return;
    }
    while (rest.size > 0 && is_linked(talk)) {
        struct xr_frame frame = {0};
        size_t used = 0;
        if (xr_frame_read(rest, &frame, &used) != XR_OK) {
            xr_talk_dial_again(talk, now_ms);
            return;
        }
        rest.at += used;
        rest.size -= (uint32_t)used;
        on_frame(talk, now_ms, &frame);
    }
}
