#include "client/lib/talk.h"

#include <sodium.h>
#include <string.h>

#include "client/lib/outbox.h"

#define CONTROL_REF      (UINT64_C(1) << 51) /* refs of hello and beat; counters are below */
#define MESSAGE_BYTES    65536               /* of frames gathered into one SP message */
#define TURN_BYTES_MAX   (4U * 1024 * 1024)  /* received in one turn */
#define DIAL_MS          5000                /* for a connection to stand */
#define HELLO_MS         30000               /* for an answer to hello: log-ins wait their turn */
#define LEAVE_MS         1000                /* for the server to close after bye */
#define BEAT_STANDARD_MS 5000
#define RETRY_MIN_MS     100
#define RETRY_MAX_MS     10000
#define IN_FLIGHT_MAX    1024
#define UPDATE_FIRST     112 /* types that are updates, known or not (PROTOCOL.md) */
#define UPDATE_LAST      159

enum phase {
    PHASE_WAITING,
    PHASE_DIALING,
    PHASE_GREETING,
    PHASE_READY,
    PHASE_LEAVING,
    PHASE_REFUSED,
    PHASE_OVER,
};

struct xr_talk {
    enum phase phase;
    int64_t due_ms;     /* WAITING: dial; DIALING, GREETING, LEAVING: give up */
    int64_t hello_ms;   /* GREETING: say hello then; INT64_MAX: it is said */
    bool bye_said;      /* LEAVING */
    uint32_t failures;  /* in a row: the bound of the next delay */
    uint64_t random;    /* state of the generator for the jitter */
    uint64_t control;   /* refs given to hello and beat */
    uint64_t hello_ref; /* of the hello that is under way */
    uint64_t welcomes;

    struct xr_client_options options; /* its pointers are not used */
    char floor[XR_NAME_MAX * 4 + 1];
    char login[XR_LOGIN_MAX * 4 + 1];
    char client[XR_NAME_MAX * 4 + 1];
    char *password; /* sodium_malloc; NULL: none, or no longer needed */
    uint8_t token[XR_TOKEN_BYTES];
    bool has_token;

    int64_t beat_every_ms;
    int64_t beat_ms;    /* the next one is due */
    int64_t unheard_ms; /* a beat was sent then, nothing has come since; 0: none */
    bool beat_now;

    uint64_t last;    /* the end of the chain: seq of the last update or marker */
    uint64_t taken;   /* the last update that the caller took */
    uint64_t ackable; /* the last that was taken before this turn */
    uint64_t acked;   /* what the last ack said */
    bool began;       /* the feed has a place to go on from */

    struct xr_outbox box;
    struct xr_arena *arena; /* of received frames */
    size_t turn_bytes;
    bool backlog; /* events of an earlier turn were not taken */
    struct xr_client_event *events;
    size_t event_count;
    size_t event_next;
    size_t event_capacity;
};

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

static void forget_password(struct xr_talk *talk)
{
    sodium_free(talk->password); /* wipes */
    talk->password = NULL;
}

static void set_standards(struct xr_talk *talk, const struct xr_client_options *options)
{
    talk->options = *options;
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
    talk->phase = PHASE_WAITING;
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
    forget_password(talk);
    sodium_memzero(talk->token, sizeof(talk->token));
    xr_outbox_fini(&talk->box);
    xr_arena_free(talk->arena);
    xr_mem_free(talk->events);
    xr_mem_free(talk);
}

/* ---- events ---------------------------------------------------------------------------------- */

static enum xr_client_state state_of(enum phase phase)
{
    static const enum xr_client_state states[] = {
        [PHASE_WAITING] = XR_CLIENT_CONNECTING,  [PHASE_DIALING] = XR_CLIENT_CONNECTING,
        [PHASE_GREETING] = XR_CLIENT_CONNECTING, [PHASE_READY] = XR_CLIENT_READY,
        [PHASE_LEAVING] = XR_CLIENT_READY,       [PHASE_REFUSED] = XR_CLIENT_REFUSED,
        [PHASE_OVER] = XR_CLIENT_CLOSED,
    };
    return states[phase];
}

/* false: no memory. What is not kept here comes again after a new connection. */
static bool push_event(struct xr_talk *talk, struct xr_client_event event)
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
static void change_phase(struct xr_talk *talk, enum phase phase, enum xr_type type,
                         const void *message)
{
    const bool told = state_of(talk->phase) != state_of(phase);
    talk->phase = phase;
    if (told)
        (void)push_event(talk, (struct xr_client_event){
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
static uint64_t draw(struct xr_talk *talk)
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
    return (int64_t)(draw(talk) % (bound + 1));
}

static void end_talk(struct xr_talk *talk, enum phase phase, const struct xr_error *error)
{
    forget_password(talk);
    change_phase(talk, phase, error != NULL ? XR_TYPE_error : XR_TYPE_none, error);
}

/* Give the connection up and make another after a while. */
static void dial_again(struct xr_talk *talk, int64_t now_ms)
{
    if (talk->phase >= PHASE_REFUSED)
        return;
    if (talk->phase == PHASE_LEAVING) {
        end_talk(talk, PHASE_OVER, NULL);
        return;
    }
    talk->due_ms = now_ms + draw_delay(talk);
    talk->failures++;
    talk->unheard_ms = 0;
    change_phase(talk, PHASE_WAITING, XR_TYPE_none, NULL);
}

/* Say hello at that time, on the connection there is. */
static void greet(struct xr_talk *talk, int64_t hello_ms)
{
    talk->hello_ms = hello_ms;
    talk->due_ms = hello_ms + HELLO_MS;
    talk->unheard_ms = 0;
    talk->beat_now = false;
    change_phase(talk, PHASE_GREETING, XR_TYPE_none, NULL);
}

bool xr_talk_wants_dial(struct xr_talk *talk, int64_t now_ms)
{
    if (talk->phase != PHASE_WAITING || now_ms < talk->due_ms)
        return false;
    talk->phase = PHASE_DIALING;
    talk->due_ms = now_ms + DIAL_MS;
    return true;
}

bool xr_talk_is_dialing(const struct xr_talk *talk)
{
    return talk->phase == PHASE_DIALING;
}

bool xr_talk_is_changing(const struct xr_talk *talk)
{
    return talk->phase == PHASE_DIALING || talk->phase == PHASE_LEAVING;
}

void xr_talk_linked(struct xr_talk *talk, int64_t now_ms)
{
    if (talk->phase == PHASE_DIALING)
        greet(talk, now_ms);
}

void xr_talk_unlinked(struct xr_talk *talk, int64_t now_ms)
{
    if (talk->phase != PHASE_WAITING)
        dial_again(talk, now_ms);
}

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
        (void)push_event(talk, (struct xr_client_event){.kind = XR_CLIENT_ANSWER,
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
        forget_password(talk);
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
    change_phase(talk, PHASE_READY, XR_TYPE_welcome, welcome);
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
        greet(talk, now_ms + wait_ms + (int64_t)(draw(talk) % (uint64_t)wait_ms));
    } else if (token_refused && talk->has_token && talk->password != NULL &&
               talk->login[0] != '\0') {
        talk->has_token = false;
        greet(talk, now_ms);
    } else {
        end_talk(talk, PHASE_REFUSED, error);
    }
}

static void on_frame_greeting(struct xr_talk *talk, int64_t now_ms, uint32_t type, uint64_t ref,
                              const void *message)
{
    if (type == XR_TYPE_goodbye)
        dial_again(talk, now_ms);
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
        dial_again(talk, now_ms); /* something is missing: come again with the cursor */
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
    if (push_event(talk,
                   (struct xr_client_event){
                       .kind = XR_CLIENT_UPDATE, .seq = seq, .type = type, .message = message}))
        return;
    talk->last = before;
    dial_again(talk, now_ms);
}

static void on_resync(struct xr_talk *talk, const struct xr_resync *resync)
{
    talk->last = resync->seq;
    (void)push_event(talk, (struct xr_client_event){.kind = XR_CLIENT_RESYNC,
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
        !push_event(talk,
                    (struct xr_client_event){
                        .kind = XR_CLIENT_ANSWER, .ref = ref, .type = type, .message = message}))
        dial_again(talk, now_ms);
    if (error != NULL && error->code == XR_code_HELLO_NEEDED && talk->phase == PHASE_READY) {
        if (talk->failures++ == 0)
            greet(talk, now_ms);
        else
            dial_again(talk, now_ms);
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
        dial_again(talk, now_ms);
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
        dial_again(talk, now_ms);
        return;
    }
    const uint32_t type = status == XR_OK ? frame->type : XR_TYPE_none;
    if (status != XR_OK)
        message = NULL;
    if (talk->phase == PHASE_GREETING)
        on_frame_greeting(talk, now_ms, type, frame->ref, message);
    else if (talk->phase == PHASE_READY || talk->phase == PHASE_LEAVING)
        on_frame_ready(talk, now_ms, frame, type, message);
}

static bool is_linked(const struct xr_talk *talk)
{
    return talk->phase == PHASE_GREETING || talk->phase == PHASE_READY ||
           talk->phase == PHASE_LEAVING;
}

void xr_talk_receive(struct xr_talk *talk, int64_t now_ms, struct xr_bin message)
{
    if (!is_linked(talk))
        return; /* of a connection that was given up */
    talk->unheard_ms = 0;
    talk->turn_bytes += message.size;
    struct xr_bin rest = xr_arena_bin(talk->arena, message.at, message.size);
    if (rest.size != message.size) {
        dial_again(talk, now_ms);
        return;
    }
    while (rest.size > 0 && is_linked(talk)) {
        struct xr_frame frame = {0};
        size_t used = 0;
        if (xr_frame_read(rest, &frame, &used) != XR_OK) {
            dial_again(talk, now_ms);
            return;
        }
        rest.at += used;
        rest.size -= (uint32_t)used;
        on_frame(talk, now_ms, &frame);
    }
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
        dial_again(talk, now_ms);
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
    case PHASE_DIALING:
    case PHASE_GREETING:
    case PHASE_LEAVING:
        if (now_ms >= talk->due_ms)
            dial_again(talk, now_ms);
        break;
    case PHASE_READY:
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
    case PHASE_WAITING:
    case PHASE_DIALING:
        return talk->due_ms;
    case PHASE_GREETING:
        return earlier(talk->hello_ms, talk->due_ms);
    case PHASE_READY:
        return deadline_ready(talk, now_ms);
    case PHASE_LEAVING:
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
    const bool leaving = talk->phase == PHASE_LEAVING && !talk->bye_said;
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
    if (talk->phase == PHASE_GREETING && now_ms >= talk->hello_ms)
        write_hello(talk, out);
    else if (talk->phase == PHASE_READY || (talk->phase == PHASE_LEAVING && !talk->bye_said))
        ok = write_ready(talk, now_ms, out);
    if (ok && !out->failed)
        return out->size > before ? XR_OK : XR_NONE;
    dial_again(talk, now_ms);
    return XR_NOMEM;
}

/* ---- the caller's side ----------------------------------------------------------------------- */

enum xr_status xr_talk_send(struct xr_talk *talk, enum xr_type type, const void *message,
                            uint64_t *ref)
{
    if (talk->phase >= PHASE_LEAVING)
        return XR_CLOSED;
    return xr_outbox_add(&talk->box, type, message, ref);
}

size_t xr_talk_unsent_bytes(const struct xr_talk *talk)
{
    return talk->box.unsent_bytes;
}

void xr_talk_close(struct xr_talk *talk, int64_t now_ms)
{
    if (talk->phase == PHASE_READY) {
        talk->phase = PHASE_LEAVING;
        talk->due_ms = now_ms + LEAVE_MS;
    } else if (talk->phase < PHASE_READY) {
        end_talk(talk, PHASE_OVER, NULL);
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
