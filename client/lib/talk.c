#include "client/lib/talk_inside.h"

#include <sodium.h>
#include <string.h>

#define CONTROL_REF    (UINT64_C(1) << 51) /* refs of hello and beat; counters are below */
#define MESSAGE_BYTES  65536               /* of frames gathered into one SP message */
#define TURN_BYTES_MAX (4U * 1024 * 1024)  /* received in one turn */
#define DIAL_MS        5000                /* for a connection to stand */
#define HELLO_MS       30000               /* for an answer to hello: log-ins wait their turn */
#define LEAVE_MS       1000                /* for the server to close after bye */
#define RETRY_MIN_MS   100
#define RETRY_MAX_MS   10000
#define IN_FLIGHT_MAX  1024

/* ---- life ------------------------------------------------------------------------------------ */

static bool copy_text(char *out, size_t size, const char *text)
{
    const size_t length = text != NULL ? strlen(text) : 0;
    uint32_t points = 0;
    if (length >= size || !xr_utf8_valid(xr_str_of(text), &points))
        return false;
    memcpy(out, text != NULL ? text : "", length);
    out[length] = '\0';
    return true;
}

static char *copy_secret(const char *text)
{
    const size_t size = strlen(text) + 1;
    char *copy = sodium_malloc(size);
    if (copy != NULL)
        memcpy(copy, text, size);
    return copy;
}

void xr_talk_forget_password(struct xr_talk *talk)
{
    sodium_free(talk->password); /* wipes */
    talk->password = NULL;
}

static void set_standards(struct xr_talk *talk, const struct xr_client_options *options)
{
    talk->options = *options;
    talk->options.password = NULL; /* what they point at is copied or gone */
    talk->options.token = NULL;
    if (talk->options.retry_min_ms == 0)
        talk->options.retry_min_ms = RETRY_MIN_MS;
    if (talk->options.retry_max_ms == 0)
        talk->options.retry_max_ms = RETRY_MAX_MS;
    if (talk->options.in_flight_max == 0 || talk->options.in_flight_max > IN_FLIGHT_MAX)
        talk->options.in_flight_max = IN_FLIGHT_MAX;
}

static bool is_complete(const struct xr_client_options *options)
{
    const bool named = options->login != NULL && options->login[0] != '\0';
    return options->size == sizeof(*options) && options->floor != NULL &&
           options->floor[0] != '\0' &&
           (options->token != NULL || (named && options->password != NULL)) &&
           (options->password == NULL || strlen(options->password) <= XR_PASSWORD_MAX * 4);
}

static enum xr_status fill(struct xr_talk *talk, const struct xr_client_options *options)
{
    if (!copy_text(talk->floor, sizeof(talk->floor), options->floor) ||
        !copy_text(talk->login, sizeof(talk->login), options->login) ||
        !copy_text(talk->client, sizeof(talk->client), options->client))
        return XR_BAD;
    if (options->token != NULL) {
        memcpy(talk->token, options->token, XR_TOKEN_BYTES);
        talk->has_token = true;
    }
    if (options->password != NULL) {
        talk->password = copy_secret(options->password);
        if (talk->password == NULL)
            return XR_NOMEM;
    }
    talk->arena = xr_arena_new(16384);
    if (talk->arena == NULL)
        return XR_NOMEM;
    return xr_outbox_init(&talk->box, talk->options.in_flight_max);
}

enum xr_status xr_talk_new(const struct xr_client_options *options, uint64_t seed, int64_t now_ms,
                           struct xr_talk **out)
{
    if (!is_complete(options))
        return XR_BAD;
    struct xr_talk *talk = xr_mem_zero(1, sizeof(*talk));
    if (talk == NULL)
        return XR_NOMEM;
    set_standards(talk, options);
    talk->random = seed;
    talk->phase = XR_TALK_WAITING;
    talk->due_ms = now_ms;
    talk->last = options->resume ? options->cursor : 0;
    talk->taken = talk->last;
    talk->ackable = talk->last;
    talk->acked = talk->last;
    talk->began = options->resume;
    const enum xr_status status = fill(talk, options);
    if (status != XR_OK) {
        xr_talk_free(talk);
        return status;
    }
    *out = talk;
    return XR_OK;
}

void xr_talk_free(struct xr_talk *talk)
{
    if (talk == NULL)
        return;
    xr_talk_forget_password(talk);
    sodium_memzero(talk->token, sizeof(talk->token));
    xr_outbox_fini(&talk->box);
    xr_arena_free(talk->arena);
    xr_mem_free(talk->events);
    xr_mem_free(talk);
}

/* ---- events ---------------------------------------------------------------------------------- */

static enum xr_client_state state_of(enum xr_talk_phase phase)
{
    static const enum xr_client_state states[] = {
        [XR_TALK_WAITING] = XR_CLIENT_CONNECTING,  [XR_TALK_DIALING] = XR_CLIENT_CONNECTING,
        [XR_TALK_GREETING] = XR_CLIENT_CONNECTING, [XR_TALK_READY] = XR_CLIENT_READY,
        [XR_TALK_LEAVING] = XR_CLIENT_READY,       [XR_TALK_REFUSED] = XR_CLIENT_REFUSED,
        [XR_TALK_OVER] = XR_CLIENT_CLOSED,
    };
    return states[phase];
}

/* false: no memory. What is not kept here comes again after a new connection. */
bool xr_talk_push(struct xr_talk *talk, struct xr_client_event event)
{
    if (talk->event_count == talk->event_capacity) {
        const size_t capacity = talk->event_capacity > 0 ? talk->event_capacity * 2 : 64;
        struct xr_client_event *grown = xr_mem_grow(talk->events, capacity * sizeof(event));
        if (grown == NULL)
            return false;
        talk->events = grown;
        talk->event_capacity = capacity;
    }
    event.state = state_of(talk->phase);
    talk->events[talk->event_count++] = event;
    return true;
}

/* The caller learns of a change of state; a lost event of that kind is only news that is late. */
void xr_talk_change(struct xr_talk *talk, enum xr_talk_phase phase, enum xr_type type,
                    const void *message)
{
    const bool told = state_of(talk->phase) != state_of(phase);
    talk->phase = phase;
    if (told)
        (void)xr_talk_push(talk, (struct xr_client_event){
                                     .kind = XR_CLIENT_STATE, .type = type, .message = message});
}

bool xr_talk_next(struct xr_talk *talk, struct xr_client_event *out)
{
    if (talk->event_next == talk->event_count)
        return false;
    *out = talk->events[talk->event_next++];
    if (out->kind == XR_CLIENT_UPDATE || out->kind == XR_CLIENT_RESYNC)
        talk->taken = out->seq;
    return true;
}

void xr_talk_begin(struct xr_talk *talk)
{
    talk->ackable = talk->taken;
    talk->backlog = talk->event_next < talk->event_count;
    if (talk->backlog)
        return;
    if (talk->began && talk->taken < talk->last)
        talk->taken = talk->last; /* markers move it too, once all before them was taken */
    talk->ackable = talk->taken;
    talk->event_next = 0;
    talk->event_count = 0;
    talk->turn_bytes = 0;
    xr_arena_reset(talk->arena);
}

bool xr_talk_has_room(const struct xr_talk *talk)
{
    return !talk->backlog && talk->turn_bytes < TURN_BYTES_MAX;
}

/* ---- the connection -------------------------------------------------------------------------- */

/* splitmix64: good enough to spread clients over a second. */
uint64_t xr_talk_draw(struct xr_talk *talk)
{
    uint64_t z = (talk->random += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* Full jitter: anything up to a bound that doubles with each failure. */
static int64_t draw_delay(struct xr_talk *talk)
{
    uint64_t bound = talk->options.retry_max_ms;
    if (talk->failures < 20 && (uint64_t)talk->options.retry_min_ms << talk->failures < bound)
        bound = (uint64_t)talk->options.retry_min_ms << talk->failures;
    return (int64_t)(xr_talk_draw(talk) % (bound + 1));
}

void xr_talk_end(struct xr_talk *talk, enum xr_talk_phase phase, const struct xr_error *error)
{
    xr_talk_forget_password(talk);
    xr_talk_change(talk, phase, error != NULL ? XR_TYPE_error : XR_TYPE_none, error);
}

/* Give the connection up and make another after a while. */
void xr_talk_dial_again(struct xr_talk *talk, int64_t now_ms)
{
    if (talk->phase >= XR_TALK_REFUSED)
        return;
    if (talk->phase == XR_TALK_LEAVING) {
        xr_talk_end(talk, XR_TALK_OVER, NULL);
        return;
    }
    talk->due_ms = now_ms + draw_delay(talk);
    talk->failures++;
    talk->unheard_ms = 0;
    xr_talk_change(talk, XR_TALK_WAITING, XR_TYPE_none, NULL);
}

/* Say hello at that time, on the connection there is. */
void xr_talk_greet(struct xr_talk *talk, int64_t hello_ms)
{
    talk->hello_ms = hello_ms;
    talk->due_ms = hello_ms + HELLO_MS;
    talk->unheard_ms = 0;
    talk->beat_now = false;
    xr_talk_change(talk, XR_TALK_GREETING, XR_TYPE_none, NULL);
}

bool xr_talk_wants_dial(struct xr_talk *talk, int64_t now_ms)
{
    if (talk->phase != XR_TALK_WAITING || now_ms < talk->due_ms)
        return false;
    talk->phase = XR_TALK_DIALING;
    talk->due_ms = now_ms + DIAL_MS;
    return true;
}

bool xr_talk_is_dialing(const struct xr_talk *talk)
{
    return talk->phase == XR_TALK_DIALING;
}

bool xr_talk_is_changing(const struct xr_talk *talk)
{
    return talk->phase == XR_TALK_DIALING || talk->phase == XR_TALK_LEAVING;
}

void xr_talk_linked(struct xr_talk *talk, int64_t now_ms)
{
    if (talk->phase == XR_TALK_DIALING)
        xr_talk_greet(talk, now_ms);
}

void xr_talk_unlinked(struct xr_talk *talk, int64_t now_ms)
{
    if (talk->phase != XR_TALK_WAITING)
        xr_talk_dial_again(talk, now_ms);
}

/* ---- time ------------------------------------------------------------------------------------ */

static bool is_dead(const struct xr_talk *talk, int64_t now_ms)
{
    return talk->unheard_ms != 0 && now_ms - talk->unheard_ms >= 2 * talk->beat_every_ms;
}

static void tick_ready(struct xr_talk *talk, int64_t now_ms, bool listening)
{
    if (!listening && talk->unheard_ms != 0)
        talk->unheard_ms = now_ms; /* nobody has looked whether something came */
    if (is_dead(talk, now_ms)) {
        xr_talk_dial_again(talk, now_ms);
        return;
    }
    if (now_ms < talk->beat_ms)
        return;
    talk->beat_now = true;
    talk->beat_ms = now_ms + talk->beat_every_ms;
    if (talk->unheard_ms == 0)
        talk->unheard_ms = now_ms;
}

void xr_talk_tick(struct xr_talk *talk, int64_t now_ms, bool listening)
{
    switch (talk->phase) {
    case XR_TALK_DIALING:
    case XR_TALK_GREETING:
    case XR_TALK_LEAVING:
        if (now_ms >= talk->due_ms)
            xr_talk_dial_again(talk, now_ms);
        break;
    case XR_TALK_READY:
        tick_ready(talk, now_ms, listening);
        break;
    default:
        break;
    }
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t deadline_ready(const struct xr_talk *talk, int64_t now_ms)
{
    if (talk->beat_now || talk->taken > talk->acked || xr_outbox_pending(&talk->box, now_ms))
        return now_ms;
    int64_t deadline = talk->beat_ms;
    if (talk->unheard_ms != 0)
        deadline = earlier(deadline, talk->unheard_ms + 2 * talk->beat_every_ms);
    if (xr_outbox_pending(&talk->box, INT64_MAX))
        deadline = earlier(deadline, talk->box.hold_until_ms);
    return deadline;
}

int64_t xr_talk_deadline(const struct xr_talk *talk, int64_t now_ms)
{
    if (talk->event_next < talk->event_count)
        return now_ms;
    switch (talk->phase) {
    case XR_TALK_WAITING:
    case XR_TALK_DIALING:
        return talk->due_ms;
    case XR_TALK_GREETING:
        return earlier(talk->hello_ms, talk->due_ms);
    case XR_TALK_READY:
        return deadline_ready(talk, now_ms);
    case XR_TALK_LEAVING:
        return talk->bye_said ? talk->due_ms : now_ms;
    default:
        return INT64_MAX;
    }
}

/* ---- frames out ------------------------------------------------------------------------------ */

static void write_hello(struct xr_talk *talk, struct xr_buf *out)
{
    struct xr_hello hello = {.protocol = XR_PROTOCOL_VERSION,
                             .floor = xr_str_of(talk->floor),
                             .feed = talk->options.feed,
                             .client = xr_str_of(talk->client)};
    if (talk->has_token) {
        hello.token = (struct xr_bin){talk->token, XR_TOKEN_BYTES};
    } else {
        hello.login = xr_str_of(talk->login);
        hello.password = xr_str_of(talk->password);
    }
    if (talk->options.feed && talk->began) {
        hello.cursor = talk->last;
        hello.has |= UINT64_C(1) << 7; /* 0 is a place too: the very beginning */
    }
    talk->hello_ref = CONTROL_REF + ++talk->control;
    talk->hello_ms = INT64_MAX;
    xr_frame_encode(out, XR_TYPE_hello, talk->hello_ref, &hello);
}

static uint32_t write_control(struct xr_talk *talk, struct xr_buf *out)
{
    uint32_t frames = 0;
    if (talk->options.feed && talk->ackable > talk->acked) {
        talk->acked = talk->ackable;
        xr_frame_encode(out, XR_TYPE_ack, 0, &(struct xr_ack){.seq = talk->acked});
        frames++;
    }
    if (talk->beat_now) {
        talk->beat_now = false;
        xr_frame_encode(out, XR_TYPE_beat, CONTROL_REF + ++talk->control, &(struct xr_beat){0});
        frames++;
    }
    return frames;
}

static bool write_ready(struct xr_talk *talk, int64_t now_ms, struct xr_buf *out)
{
    uint32_t frames = write_control(talk, out);
    if (!xr_outbox_write(&talk->box, now_ms, MESSAGE_BYTES, &frames, out))
        return false;
    const bool leaving = talk->phase == XR_TALK_LEAVING && !talk->bye_said;
    if (leaving && frames < XR_FRAMES_PER_MESSAGE && !xr_outbox_pending(&talk->box, now_ms)) {
        xr_frame_encode(out, XR_TYPE_bye, 0, &(struct xr_bye){0});
        talk->bye_said = true;
    }
    return !out->failed;
}

enum xr_status xr_talk_write(struct xr_talk *talk, int64_t now_ms, struct xr_buf *out)
{
    const size_t before = out->size;
    bool ok = true;
    if (talk->phase == XR_TALK_GREETING && now_ms >= talk->hello_ms)
        write_hello(talk, out);
    else if (talk->phase == XR_TALK_READY || (talk->phase == XR_TALK_LEAVING && !talk->bye_said))
        ok = write_ready(talk, now_ms, out);
    if (ok && !out->failed)
        return out->size > before ? XR_OK : XR_NONE;
    xr_talk_dial_again(talk, now_ms);
    return XR_NOMEM;
}

/* ---- the caller's side ----------------------------------------------------------------------- */

enum xr_status xr_talk_send(struct xr_talk *talk, enum xr_type type, const void *message,
                            uint64_t *ref)
{
    if (talk->phase >= XR_TALK_LEAVING)
        return XR_CLOSED;
    return xr_outbox_add(&talk->box, type, message, ref);
}

size_t xr_talk_unsent_bytes(const struct xr_talk *talk)
{
    return talk->box.unsent_bytes;
}

void xr_talk_close(struct xr_talk *talk, int64_t now_ms)
{
    if (talk->phase == XR_TALK_READY) {
        talk->phase = XR_TALK_LEAVING;
        talk->due_ms = now_ms + LEAVE_MS;
    } else if (talk->phase < XR_TALK_READY) {
        xr_talk_end(talk, XR_TALK_OVER, NULL);
    }
}

enum xr_client_state xr_talk_state(const struct xr_talk *talk)
{
    return state_of(talk->phase);
}

uint64_t xr_talk_cursor(const struct xr_talk *talk)
{
    return talk->acked;
}

bool xr_talk_token(const struct xr_talk *talk, uint8_t out[XR_TOKEN_BYTES])
{
    if (talk->has_token)
        memcpy(out, talk->token, XR_TOKEN_BYTES);
    return talk->has_token;
}

uint32_t xr_talk_in_flight(const struct xr_talk *talk)
{
    return talk->box.commands.count;
}

uint64_t xr_talk_reconnects(const struct xr_talk *talk)
{
    return talk->welcomes > 0 ? talk->welcomes - 1 : 0;
}
