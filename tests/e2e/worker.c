#include "e2e/worker.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "support/served.h"

#define FILLER "这件还有货吗，今天能发吗？"

/* How often an agent does what, one in so many messages of buyers. */
#define ONE_REPLIES 3
#define ONE_HANDS   150
#define ONE_CLOSES  200

uint32_t draw_below(uint64_t *random, uint32_t bound)
{
    uint64_t z = (*random += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)((z ^ (z >> 31)) % bound);
}

void entries_add(struct vector *entries, const struct entry *entry)
{
    if (entries->count == entries->room) {
        entries->room = entries->room == 0 ? 64 : entries->room * 2;
        entries->at = xr_mem_grow(entries->at, entries->room * sizeof(*entry));
        XR_ASSERT(entries->at != NULL);
    }
    ((struct entry *)entries->at)[entries->count++] = *entry;
}

static void note(struct worker *worker, const struct entry *entry)
{
    worker->note(worker->context, worker, entry);
}

/* ---- sending --------------------------------------------------------------------------------- */

static bool has_window(const struct worker *worker)
{
    return xr_client_in_flight(worker->client) < worker->window;
}

static void send_command(struct worker *worker, enum xr_type type, const void *message,
                         uint32_t serial, uint32_t buyer)
{
    uint64_t ref = 0;
    const enum xr_status status = xr_client_send(worker->client, type, message, &ref);
    XR_ASSERT(status == XR_OK);
    worker->under_way[ref % UNDER_WAY_MAX] =
        (struct worker_command){.ref = ref, .serial = serial, .buyer = buyer};
    worker->counter++;
}

/* Write it down, then send it. A session of 0: `buyer` (number + 1) comes in with it. */
static void send_message(struct worker *worker, uint32_t serial, uint64_t session, uint32_t buyer)
{
    char text[64 + sizeof(FILLER)];
    char name[32];
    tally_write_text(text, sizeof(text), worker->number, serial);
    memcpy(text + strlen(text), FILLER, sizeof(FILLER));
    note(worker, &(struct entry){.kind = ENTRY_SENT,
                                 .serial = serial,
                                 .session = session,
                                 .counter = worker->counter + 1,
                                 .buyer = buyer});
    if (session != 0) {
        const struct xr_say say = {.session = {session}, .text = xr_str_of(text)};
        send_command(worker, XR_TYPE_say, &say, serial, 0);
        return;
    }
    (void)snprintf(name, sizeof(name), "buyer-%u-%u", worker->number, buyer);
    const struct xr_open open = {
        .channel = XR_STR("taobao"), .buyer = xr_str_of(name), .text = xr_str_of(text)};
    worker->buyers[buyer - 1].opening = true;
    send_command(worker, XR_TYPE_open, &open, serial, buyer);
}

/* What an earlier life had sent and the server has not taken, in its order. */
static void send_again(struct worker *worker)
{
    const struct entry *entries = worker->again.at;
    for (size_t i = 0; i < worker->again.count; i++)
        send_message(worker, entries[i].serial, entries[i].session, entries[i].buyer);
    worker->again.count = 0;
}

static void fill_window(struct worker *worker)
{
    /* One turn fills what is free now: buyers that are still coming in are passed over. */
    for (uint32_t i = 0; i < worker->window && has_window(worker); i++) {
        const uint32_t at = draw_below(&worker->random, worker->buyer_count);
        const struct worker_buyer *buyer = &worker->buyers[at];
        if (buyer->session != 0)
            send_message(worker, ++worker->serial, buyer->session, 0);
        else if (!buyer->opening)
            send_message(worker, ++worker->serial, 0, at + 1);
    }
}

/* ---- an agent's work ------------------------------------------------------------------------- */

static void on_buyer(struct worker *worker, const struct xr_message *message)
{
    if (worker->is_quiet || !has_window(worker))
        return;
    if (draw_below(&worker->random, ONE_REPLIES) == 0) {
        send_message(worker, ++worker->serial, message->session.n, 0);
    } else if (draw_below(&worker->random, ONE_HANDS) == 0) {
        const uint32_t to = draw_below(&worker->random, worker->colleague_count);
        const struct xr_transfer transfer = {.session = message->session,
                                             .agent = {worker->colleagues[to]}};
        send_command(worker, XR_TYPE_transfer, &transfer, 0, 0);
    } else if (draw_below(&worker->random, ONE_CLOSES) == 0) {
        const struct xr_close close = {.session = message->session};
        send_command(worker, XR_TYPE_close, &close, 0, 0);
    }
}

/* ---- what comes ------------------------------------------------------------------------------ */

static void on_message(struct worker *worker, uint64_t seq, const struct xr_message *message)
{
    struct entry entry = {.kind = ENTRY_MESSAGE,
                          .seq = seq,
                          .session = message->session.n,
                          .number = message->number,
                          .agent = message->agent.n};
    tally_read_text(message->text, &entry.writer, &entry.serial);
    note(worker, &entry);
    if (worker->role == XR_role_AGENT && message->sender == XR_sender_BUYER)
        on_buyer(worker, message);
}

static void on_update(struct worker *worker, const struct xr_client_event *event)
{
    if (event->type == XR_TYPE_message_added) {
        on_message(worker, event->seq, &((const struct xr_message_added *)event->message)->message);
        return;
    }
    struct entry entry = {.kind = ENTRY_OTHER, .seq = event->seq};
    if (event->type == XR_TYPE_session_changed) {
        const struct xr_session_changed *changed = event->message;
        entry.kind = ENTRY_CHANGE;
        entry.session = changed->session.session.n;
        entry.number = changed->change;
        entry.agent = changed->session.agent.n;
        entry.from = changed->from.n;
        entry.bridge = changed->session.bridge.n;
    }
    note(worker, &entry);
}

static void on_done(struct worker *worker, const struct worker_command *command,
                    const struct xr_done *done)
{
    note(worker, &(struct entry){.kind = ENTRY_DONE,
                                 .serial = command->serial,
                                 .session = done->session.n,
                                 .number = done->number,
                                 .seq = done->seq,
                                 .buyer = command->buyer});
    if (command->buyer != 0)
        worker->buyers[command->buyer - 1].session = done->session.n;
}

static void on_answer(struct worker *worker, const struct xr_client_event *event)
{
    struct worker_command *command = &worker->under_way[event->ref % UNDER_WAY_MAX];
    worker->answers++;
    if (event->ref == worker->asked_ref) {
        worker->answer_type = (enum xr_type)event->type;
        worker->answer = event->message;
        worker->asked_ref = 0;
        return;
    }
    XR_ASSERT(command->ref == event->ref);
    if (command->buyer != 0)
        worker->buyers[command->buyer - 1].opening = false;
    if (command->serial != 0 && event->type == XR_TYPE_done)
        on_done(worker, command, event->message);
    else if (command->serial != 0)
        note(worker, &(struct entry){.kind = ENTRY_REFUSED,
                                     .serial = command->serial,
                                     .number = ((const struct xr_error *)event->message)->code});
}

/* What an earlier life has sent and not seen answered: the server's counter tells. All of it is
 * written down before anything is sent under new counters. */
static void decide_unanswered(struct worker *worker)
{
    const struct entry *entries = worker->unanswered.at;
    for (size_t i = 0; i < worker->unanswered.count; i++) {
        struct entry entry = entries[i];
        const bool is_decided = entry.kind == ENTRY_AGAIN;
        const bool kept = !is_decided && entry.counter <= worker->welcome.counter;
        entry.kind = kept ? ENTRY_KEPT : ENTRY_AGAIN;
        if (!is_decided)
            note(worker, &entry);
        if (!kept)
            entries_add(&worker->again, &entries[i]);
    }
    worker->unanswered.count = 0;
}

static void on_state(struct worker *worker, const struct xr_client_event *event)
{
    XR_ASSERT(event->state != XR_CLIENT_REFUSED);
    if (event->state != XR_CLIENT_READY)
        return;
    worker->welcome = *(const struct xr_welcome *)event->message;
    if (worker->lives++ > 0)
        return; /* the library goes on with its own counters */
    worker->counter = worker->welcome.counter;
    if (!worker->resume)
        note(worker, &(struct entry){.kind = ENTRY_BEGAN, .seq = worker->welcome.cursor});
    decide_unanswered(worker);
    send_again(worker); /* before anything that is new */
}

static void on_event(struct worker *worker, const struct xr_client_event *event)
{
    switch (event->kind) {
    case XR_CLIENT_STATE:
        on_state(worker, event);
        break;
    case XR_CLIENT_ANSWER:
        on_answer(worker, event);
        break;
    case XR_CLIENT_UPDATE:
        on_update(worker, event);
        break;
    case XR_CLIENT_RESYNC:
        note(worker, &(struct entry){.kind = ENTRY_RESYNC,
                                     .seq = event->seq,
                                     .session = worker->welcome.head,
                                     .counter = worker->cursor});
        break;
    }
}

/* ---- life ------------------------------------------------------------------------------------ */

void worker_start(struct worker *worker, const char *address)
{
    const struct xr_client_options options = {
        .size = sizeof(options),
        .address = address,
        .floor = SERVED_FLOOR,
        .login = worker->has_token ? NULL : worker->login,
        .password = worker->has_token ? NULL : worker->password,
        .token = worker->has_token ? worker->token : NULL,
        .feed = true,
        .resume = worker->resume,
        .cursor = worker->cursor,
        .client = "kill_rounds/1",
        .retry_min_ms = 5,
        .retry_max_ms = 100,
    };
    const enum xr_status status = xr_client_new(&options, &worker->client);
    XR_ASSERT(status == XR_OK);
}

void worker_drop(struct worker *worker)
{
    xr_client_free(worker->client);
    worker->client = NULL;
}

void worker_fini(struct worker *worker)
{
    worker_drop(worker);
    xr_mem_free(worker->unanswered.at);
    xr_mem_free(worker->again.at);
    worker->unanswered = (struct vector){0};
    worker->again = (struct vector){0};
}

void worker_turn(struct worker *worker)
{
    struct xr_client_event event;
    xr_client_turn(worker->client);
    while (xr_client_next(worker->client, &event))
        on_event(worker, &event);
    worker->cursor = xr_client_cursor(worker->client);
    if (worker->role == XR_role_BRIDGE && !worker->is_quiet && worker->lives > 0)
        fill_window(worker);
}

bool worker_is_ready(const struct worker *worker)
{
    return worker->lives > 0 && xr_client_get_state(worker->client) == XR_CLIENT_READY;
}

bool worker_is_idle(const struct worker *worker)
{
    return worker_is_ready(worker) && xr_client_in_flight(worker->client) == 0;
}

void workers_wait(struct worker *const *workers, size_t count, int wait_ms)
{
    struct pollfd polled[WRITERS_MAX];
    XR_ASSERT(count <= WRITERS_MAX);
    for (size_t i = 0; i < count; i++) {
        const int wanted = xr_client_wait_ms(workers[i]->client);
        wait_ms = wanted < wait_ms ? wanted : wait_ms;
        polled[i] = (struct pollfd){xr_client_fd(workers[i]->client), POLLIN, 0};
    }
    (void)poll(polled, count, wait_ms);
}

const void *worker_ask(struct worker *worker, enum xr_type type, const void *message,
                       enum xr_type wanted)
{
    const bool is_command = xr_message_info(type)->kind == XR_KIND_COMMAND;
    const enum xr_status status = xr_client_send(worker->client, type, message, &worker->asked_ref);
    XR_ASSERT(status == XR_OK);
    worker->counter += is_command;
    worker->answer = NULL;
    xr_client_flush(worker->client);
    while (worker->asked_ref != 0) {
        workers_wait(&worker, 1, 1000);
        worker_turn(worker);
    }
    if (worker->answer_type != wanted) {
        const struct xr_error *error = worker->answer_type == XR_TYPE_error ? worker->answer : NULL;
        fprintf(stderr, "%s: %s\n", xr_message_info(type)->name,
                error ? xr_choice_name("code", error->code) : "another answer");
    }
    XR_ASSERT(worker->answer_type == wanted);
    return worker->answer;
}
