/*
 * Aim: no server harms a client: whatever comes, the client's side of the conversation stands,
 * says only what is of the protocol, answers each of its caller's commands once, and always knows
 * when to go on. Method: libFuzzer on the pure part (client/lib/talk.h). The input is a list of
 * steps: frames with any body, raw bytes, lost connections, time, and what the caller does. What
 * the talk wants to send is decoded frame by frame, as the server would.
 */
#include "client/lib/talk.h"
#include "fuzz/input.h"

#include <sodium.h>
#include <stdlib.h>

#define STEPS_MAX  512
#define REFS_MAX   4096
#define HELLO_BASE (UINT64_C(1) << 51) /* refs of hello and beat begin here (talk.c) */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct rig {
    struct xr_talk *talk;
    int64_t now_ms;
    uint64_t hello_ref; /* of the hello or beat that was written last */
    uint64_t wire_ref;  /* of the command or query that was written last */
    uint64_t seq;       /* of the update that was given last */
    bool feed;
    bool is_answered[REFS_MAX];
    uint64_t ref_last;
};

static struct xr_arena *arena;
static struct xr_buf out;

static void set_up(void)
{
    if (arena != NULL)
        return;
    XR_ASSERT(sodium_init() >= 0);
    arena = xr_arena_new(1 << 16);
    XR_ASSERT(arena != NULL);
    xr_buf_init(&out, XR_SP_MESSAGE_BYTES_MAX);
}

/* ---- what the talk says ---------------------------------------------------------------------- */

static void hear_frame(struct rig *rig, const struct xr_frame *frame)
{
    const struct xr_message_info *info = xr_message_info((enum xr_type)frame->type);
    const void *message = NULL;
    struct xr_wire_error error = {0};
    XR_ASSERT(info != NULL);
    XR_ASSERT(info->kind == XR_KIND_CONTROL || info->kind == XR_KIND_COMMAND ||
              info->kind == XR_KIND_QUERY);
    XR_ASSERT(xr_body_decode(info->type, frame->body, arena, &message, &error) == XR_OK);
    if (info->kind != XR_KIND_CONTROL) {
        XR_ASSERT(frame->ref != 0);
        rig->wire_ref = frame->ref;
    } else if (frame->ref != 0) {
        XR_ASSERT(frame->ref > HELLO_BASE);
        rig->hello_ref = frame->ref;
    }
}

static void listen_to(struct rig *rig)
{
    xr_buf_reset(&out);
    xr_arena_reset(arena);
    if (xr_talk_write(rig->talk, rig->now_ms, &out) != XR_OK)
        return;
    struct xr_bin rest = {out.at, (uint32_t)out.size};
    uint32_t count = 0;
    XR_ASSERT(rest.size > 0);
    XR_ASSERT(rest.size <= XR_SP_MESSAGE_BYTES_MAX);
    for (; rest.size > 0; count++) {
        struct xr_frame frame;
        size_t used = 0;
        XR_ASSERT(xr_frame_read(rest, &frame, &used) == XR_OK);
        hear_frame(rig, &frame);
        rest = (struct xr_bin){rest.at + used, rest.size - (uint32_t)used};
    }
    XR_ASSERT(count <= XR_FRAMES_PER_MESSAGE);
}

/* ---- what comes ------------------------------------------------------------------------------ */

/* Copied, so that the end of the bytes is the end of the memory; freed at once, as the shell does.
 */
static void give(struct rig *rig, const uint8_t *bytes, size_t size)
{
    uint8_t *copy = malloc(size + (size == 0));
    XR_ASSERT(copy != NULL);
    if (size > 0)
        memcpy(copy, bytes, size);
    if (xr_talk_has_room(rig->talk))
        xr_talk_receive(rig->talk, rig->now_ms, (struct xr_bin){copy, (uint32_t)size});
    free(copy);
}

static uint64_t choose_ref(const struct rig *rig, struct input *input)
{
    const uint8_t choice = input_u8(input);
    switch (choice % 4) {
    case 0:
        return rig->hello_ref;
    case 1:
        return rig->wire_ref;
    case 2:
        return rig->wire_ref - choice / 4;
    default:
        return choice / 4;
    }
}

/* [type, ref, body] with the body as it stands in the input. */
static void give_body(struct rig *rig, struct input *input)
{
    const uint8_t type = input_u8(input);
    const uint64_t ref = choose_ref(rig, input);
    const struct input body = input_part(input, input_u8(input));
    xr_buf_reset(&out);
    xr_pack_array(&out, 3);
    xr_pack_uint(&out, type);
    xr_pack_uint(&out, ref);
    xr_buf_add(&out, body.at, body.left);
    give(rig, out.at, out.size);
}

static void give_message(struct rig *rig, enum xr_type type, uint64_t ref, const void *message)
{
    xr_buf_reset(&out);
    xr_frame_encode(&out, type, ref, message);
    give(rig, out.at, out.size);
}

static void give_welcome(struct rig *rig, struct input *input)
{
    static const uint8_t token[XR_TOKEN_BYTES] = {9};
    const uint8_t how = input_u8(input);
    struct xr_welcome welcome = {.protocol = XR_PROTOCOL_VERSION,
                                 .agent = {2},
                                 .role = XR_role_AGENT,
                                 .device = {7},
                                 .counter = input_u8(input),
                                 .cursor = how & 1 ? rig->seq : input_u8(input),
                                 .commit = XR_commit_mode_SYNC,
                                 .beat_ms = input_u16(input)};
    if (how & 2)
        welcome.token = (struct xr_bin){token, sizeof(token)};
    rig->seq = welcome.cursor;
    give_message(rig, XR_TYPE_welcome, rig->hello_ref, &welcome);
}

static void give_error(struct rig *rig, struct input *input)
{
    const struct xr_error error = {.code = 1 + input_pick(input, XR_code_INTERNAL),
                                   .counter = input_u8(input),
                                   .retry_ms = input_u16(input)};
    give_message(rig, XR_TYPE_error, choose_ref(rig, input), &error);
}

static void give_done(struct rig *rig, struct input *input)
{
    give_message(rig, XR_TYPE_done, choose_ref(rig, input), &(struct xr_done){.session = {1}});
}

static void give_update(struct rig *rig, struct input *input)
{
    const uint8_t how = input_u8(input);
    struct xr_marker marker = {.seq = rig->seq + 1, .prev = rig->seq};
    if (how & 1)
        marker.seq = input_u16(input);
    if (how & 2)
        marker.prev = input_u16(input);
    rig->seq = marker.seq;
    struct xr_setting_changed update = {.seq = marker.seq,
                                        .prev = marker.prev,
                                        .setting = {.name = XR_STR("policy"), .value = how}};
    if (how & 4)
        give_message(rig, XR_TYPE_marker, how & 8 ? rig->hello_ref : 0, &marker);
    else if (how & 16)
        give_message(rig, XR_TYPE_resync, 0, &(struct xr_resync){.seq = marker.seq});
    else if (marker.seq > 0)
        give_message(rig, XR_TYPE_setting_changed, 0, &update);
}

/* Any bytes, frames or not. */
static void give_raw(struct rig *rig, struct input *input)
{
    const struct input raw = input_part(input, input_u16(input));
    give(rig, raw.at, raw.left);
}

/* ---- the shell and the caller ---------------------------------------------------------------- */

static void wait_a_while(struct rig *rig, struct input *input)
{
    const uint8_t how = input_u8(input);
    const int64_t deadline = xr_talk_deadline(rig->talk, rig->now_ms);
    if (how & 1 && deadline != INT64_MAX && deadline > rig->now_ms)
        rig->now_ms = deadline;
    else
        rig->now_ms += (int64_t)(how >> 1) << ((how >> 1) % 9);
    xr_talk_tick(rig->talk, rig->now_ms, how & 128);
}

static void link_up(struct rig *rig, struct input *input)
{
    (void)input;
    if (xr_talk_wants_dial(rig->talk, rig->now_ms))
        XR_ASSERT(xr_talk_is_dialing(rig->talk));
    if (xr_talk_is_dialing(rig->talk))
        xr_talk_linked(rig->talk, rig->now_ms);
}

static void lose_link(struct rig *rig, struct input *input)
{
    (void)input;
    xr_talk_unlinked(rig->talk, rig->now_ms);
}

static void begin_turn(struct rig *rig, struct input *input)
{
    (void)input;
    xr_talk_begin(rig->talk);
}

static void send_command(struct rig *rig, struct input *input)
{
    uint64_t ref = 0;
    const struct xr_close close = {.session = {1 + input_u8(input)}};
    const enum xr_status status = xr_talk_send(rig->talk, XR_TYPE_close, &close, &ref);
    XR_ASSERT(status == XR_OK || status == XR_FULL || status == XR_CLOSED);
    if (status != XR_OK)
        return;
    XR_ASSERT(ref == rig->ref_last + 1);
    rig->ref_last = ref;
}

static void send_query(struct rig *rig, struct input *input)
{
    uint64_t ref = 0;
    (void)input;
    if (xr_talk_send(rig->talk, XR_TYPE_get_status, &(struct xr_get_status){0}, &ref) != XR_OK)
        return;
    XR_ASSERT(ref == rig->ref_last + 1);
    rig->ref_last = ref;
}

static void write_out(struct rig *rig, struct input *input)
{
    (void)input;
    listen_to(rig);
}

static void judge_event(struct rig *rig, const struct xr_client_event *event)
{
    XR_ASSERT(rig->feed || (event->kind != XR_CLIENT_UPDATE && event->kind != XR_CLIENT_RESYNC));
    if (event->kind != XR_CLIENT_ANSWER)
        return;
    XR_ASSERT(event->ref >= 1 && event->ref <= rig->ref_last);
    XR_ASSERT(!rig->is_answered[event->ref % REFS_MAX]);
    rig->is_answered[event->ref % REFS_MAX] = true;
}

/* Read what an event points at, as a caller would. */
static void take_events(struct rig *rig, struct input *input)
{
    struct xr_client_event event;
    for (uint8_t most = input_u8(input); most > 0 && xr_talk_next(rig->talk, &event); most--) {
        judge_event(rig, &event);
        if (event.message == NULL || event.type == 0)
            continue;
        xr_buf_reset(&out);
        xr_frame_encode(&out, (enum xr_type)event.type, 0, event.message);
        XR_ASSERT(!out.failed);
    }
}

static void close_talk(struct rig *rig, struct input *input)
{
    if (input_u8(input) == 7) /* not too often: little happens afterwards */
        xr_talk_close(rig->talk, rig->now_ms);
}

/* ---- steps ----------------------------------------------------------------------------------- */

static void judge(const struct rig *rig)
{
    const enum xr_client_state state = xr_talk_state(rig->talk);
    const int64_t deadline = xr_talk_deadline(rig->talk, rig->now_ms);
    if (state != XR_CLIENT_REFUSED && state != XR_CLIENT_CLOSED)
        XR_ASSERT(deadline != INT64_MAX); /* it never sleeps for good while it is not over */
    XR_ASSERT(xr_talk_in_flight(rig->talk) <= 1024);
}

static void run_steps(struct rig *rig, struct input *input)
{
    static void (*const steps[])(struct rig *, struct input *) = {
        give_body,    give_welcome, give_error,   give_done,   give_update,
        give_raw,     link_up,      wait_a_while, lose_link,   begin_turn,
        send_command, send_query,   write_out,    take_events, close_talk,
    };
    for (int i = 0; i < STEPS_MAX && input_left(input) > 0; i++) {
        steps[input_pick(input, sizeof(steps) / sizeof(*steps))](rig, input);
        judge(rig);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t token[XR_TOKEN_BYTES] = {1, 2, 3};
    set_up();
    struct input input = {data, size};
    const uint8_t how = input_u8(&input);
    struct rig rig = {.now_ms = 1000, .feed = how & 1};
    struct xr_client_options options = {
        .size = sizeof(options), .address = "ipc:///nowhere", .floor = "demo", .feed = rig.feed};
    if (how & 2)
        options.token = token;
    if (how & 4 || options.token == NULL) {
        options.login = "ann";
        options.password = "a password";
    }
    if (how & 8)
        options.in_flight_max = 2;
    XR_ASSERT(xr_talk_new(&options, how, rig.now_ms, &rig.talk) == XR_OK);
    run_steps(&rig, &input);
    xr_talk_free(rig.talk);
    return 0;
}
