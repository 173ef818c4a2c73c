/*
 * The play: what is due is done, what comes is answered, and the ledger hears of all of it.
 *
 * A session: the bridge opens it with a first text. At the assignment its agent reads the history
 * (what came before it owned the session) and replies. During the service the bridge writes, and
 * the agent answers what it receives. At the end of the service, once all is answered, the agent
 * closes. Who is not served in time leaves.
 *
 * The failures: a lost connection is the library's business, which sends again what has no answer.
 * A command that is refused is counted; one that lost a race that the plan allows for (the buyer
 * left when just assigned, signing off with a session just come) is not.
 */
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "heap.h"
#include "replay.h"

#define BRIDGE        0
#define NOBODY        SIZE_MAX
#define STUCK_MS      30000
#define SETTLE_MS     10000 /* for what is still on its way at the end */
#define SIGN_OFF_MS   200   /* before trying again */
#define EXCHANGES_MAX 100

enum order {
    ORDER_SPAN_BEGINS,
    ORDER_SPAN_ENDS,
    ORDER_ARRIVES,
    ORDER_BUYER_WRITES,
    ORDER_SERVICE_ENDS,
    ORDER_GIVES_UP,
};

enum phase {
    PHASE_NEW,
    PHASE_OPENING, /* open has no answer yet */
    PHASE_WAITING,
    PHASE_SERVED,
    PHASE_CLOSING, /* close or leave has no answer yet */
    PHASE_OVER,
};

struct talk {
    enum phase phase;
    uint64_t id; /* the floor's */
    uint64_t opened_ns;
    uint64_t assigned_ns; /* the agent heard of it; 0: not yet */
    bool is_direct;       /* did not wait in the queue: the answer to open tells */
    size_t agent;         /* member; NOBODY */
    size_t holder;        /* member that counts it as its own; NOBODY */
    uint32_t under_way;   /* commands and queries without an answer */
    uint32_t owed;        /* messages of the buyer that the agent has not answered */
    bool is_due;          /* the service has ended */
    bool has_left;        /* the buyer has */
};

/* What an answer is to. */
enum asked {
    ASKED_NOTHING,
    ASKED_OPEN,
    ASKED_SAY,
    ASKED_CLOSE,
    ASKED_LEAVE,
    ASKED_BE,
    ASKED_HISTORY,
};

struct question {
    uint64_t ref;
    enum asked what;
    size_t session;
    size_t message; /* in the ledger */
};

struct desk {
    struct question *open; /* without an answer, in no order */
    size_t count;
    size_t room;
    uint32_t holding;
    bool is_leaving;
    bool is_signing_off;
    int64_t try_ms; /* sign off again then; 0: not */
    bool is_touched;
};

struct play {
    struct xr_replay *r;
    struct desk *desks; /* as members */
    size_t desk_count;
    struct pollfd *fds;
    struct talk *talks; /* as sessions of the plan */
    struct xr_heap heap;
    uint64_t *by_id; /* floor's id of a session, hashed; 0: free */
    size_t *by_id_talk;
    size_t by_id_room;
    int64_t began_ms;   /* real */
    int64_t virtual_ms; /* at that time */
    int64_t moved_ms;   /* real time at which something last happened */
    size_t over;
    int code;
    struct xr_cli_progress progress;
    int64_t told_ms;
};

static void fail(struct play *p, int code, const char *what)
{
    if (p->code != XR_EXIT_OK)
        return;
    p->code = code;
    xr_cli_complain("replay: %s", what);
}

static uint64_t now_ns(void)
{
    struct timespec now = {0};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

static void add_time(struct play *p, struct xr_replay_times *times, uint64_t ns)
{
    if (times->count == times->room) {
        const size_t room = times->room == 0 ? 1024 : times->room * 2;
        uint64_t *grown = xr_mem_grow(times->at, room * sizeof *grown);
        if (grown == NULL) {
            fail(p, XR_EXIT_FAILED, "no memory");
            return;
        }
        times->at = grown;
        times->room = room;
    }
    times->at[times->count++] = ns;
}

static int64_t virtual_now(const struct play *p)
{
    return p->virtual_ms + (xr_cli_mono_ms() - p->began_ms) * p->r->speed;
}

static void push_due(struct play *p, int64_t at_ms, enum order order, size_t subject)
{
    if (xr_heap_push(&p->heap, at_ms, order, subject) != XR_OK)
        fail(p, XR_EXIT_FAILED, "no memory");
}

/* ---- sessions by the floor's id -------------------------------------------------------------- */

static size_t slot_of(const struct play *p, uint64_t id)
{
    size_t i = (size_t)((id * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & (p->by_id_room - 1);
    while (p->by_id[i] != 0 && p->by_id[i] != id)
        i = (i + 1) & (p->by_id_room - 1);
    return i;
}

static size_t talk_of(const struct play *p, uint64_t id)
{
    const size_t slot = slot_of(p, id);
    return p->by_id[slot] != 0 ? p->by_id_talk[slot] : NOBODY;
}

/* The floor told of a session before it answered the open: the buyer's id has our number. */
static size_t learn_talk(struct play *p, uint64_t id, size_t session)
{
    const size_t slot = slot_of(p, id);
    if (p->by_id[slot] == 0) {
        p->by_id[slot] = id;
        p->by_id_talk[slot] = session;
    }
    return p->by_id_talk[slot];
}

/* ---- sending --------------------------------------------------------------------------------- */

static bool keep_question(struct desk *desk, const struct question *question)
{
    if (desk->count == desk->room) {
        const size_t room = desk->room == 0 ? 64 : desk->room * 2;
        struct question *grown = xr_mem_grow(desk->open, room * sizeof *grown);
        if (grown == NULL)
            return false;
        desk->open = grown;
        desk->room = room;
    }
    desk->open[desk->count++] = *question;
    return true;
}

/* Send; the answer will come to `what` and `session`. */
static void ask(struct play *p, size_t member, enum xr_type type, const void *message,
                enum asked what, size_t session, size_t ledger_id)
{
    struct question question = {.what = what, .session = session, .message = ledger_id};
    const enum xr_status status =
        xr_client_send(p->r->members[member].client, type, message, &question.ref);
    if (status != XR_OK || !keep_question(&p->desks[member], &question)) {
        fail(p, XR_EXIT_FAILED, xr_status_text(status));
        return;
    }
    p->r->commands++;
    p->desks[member].is_touched = true;
    if (session != NOBODY)
        p->talks[session].under_way++;
}

static bool take_question(struct desk *desk, uint64_t ref, struct question *out)
{
    for (size_t i = 0; i < desk->count; i++) {
        if (desk->open[i].ref != ref)
            continue;
        *out = desk->open[i];
        desk->open[i] = desk->open[--desk->count];
        return true;
    }
    return false;
}

/* A text that tells which message it is: "RUN#NUMBER words". */
static void write_text(const struct play *p, size_t id, bool by_bridge, char *out, size_t size)
{
    static const char *const buyers[] = {"有货吗？", "什么时候发货？", "can you make it cheaper?",
                                         "快递到哪里了？"};
    static const char *const agents[] = {"亲，有的。", "今天发货。", "let me see for you.",
                                         "已经在路上了。"};
    (void)snprintf(out, size, "%s#%zu %s", p->r->run, id,
                   by_bridge ? buyers[id % 4] : agents[id % 4]);
}

/* The number of a message by its text; NOBODY: not of this run. */
static size_t read_text(const struct play *p, struct xr_str text)
{
    const size_t run = strlen(p->r->run);
    size_t id = 0;
    if (text.size < run + 2 || memcmp(text.at, p->r->run, run) != 0 || text.at[run] != '#')
        return NOBODY;
    for (size_t i = run + 1; i < text.size && text.at[i] >= '0' && text.at[i] <= '9'; i++)
        id = id * 10 + (size_t)(text.at[i] - '0');
    return id;
}

static void say(struct play *p, size_t member, size_t session)
{
    struct talk *talk = &p->talks[session];
    char text[128];
    size_t id = 0;
    if (xr_ledger_send(&p->r->ledger, session, member == BRIDGE, now_ns(), &id) != XR_OK) {
        fail(p, XR_EXIT_FAILED, "no memory");
        return;
    }
    write_text(p, id, member == BRIDGE, text, sizeof text);
    const struct xr_say message = {.session = {talk->id}, .text = xr_str_of(text)};
    ask(p, member, XR_TYPE_say, &message, ASKED_SAY, session, id);
}

static void be(struct play *p, size_t member, enum xr_presence state)
{
    const struct xr_be message = {.state = state};
    p->desks[member].is_signing_off = state == XR_presence_OFFLINE;
    ask(p, member, XR_TYPE_be, &message, ASKED_BE, NOBODY, NOBODY);
}

/* ---- what is due ------------------------------------------------------------------------------
 */

static void finish(struct play *p, size_t session)
{
    struct talk *talk = &p->talks[session];
    if (talk->phase == PHASE_OVER)
        return;
    talk->phase = PHASE_OVER;
    p->over++;
}

/* The service has ended: close, unless something is still to be answered. */
static void close_if_quiet(struct play *p, size_t session)
{
    struct talk *talk = &p->talks[session];
    if (talk->phase != PHASE_SERVED || !talk->is_due || talk->under_way > 0 || talk->owed > 0)
        return;
    const struct xr_close message = {.session = {talk->id}};
    talk->phase = PHASE_CLOSING;
    ask(p, talk->agent, XR_TYPE_close, &message, ASKED_CLOSE, session, NOBODY);
}

static void arrives(struct play *p, size_t session)
{
    const struct xr_plan_session *s = &p->r->plan->sessions[session];
    struct talk *talk = &p->talks[session];
    char buyer[64];
    char text[128];
    size_t id = 0;
    talk->opened_ns = now_ns();
    if (xr_ledger_send(&p->r->ledger, session, true, talk->opened_ns, &id) != XR_OK) {
        fail(p, XR_EXIT_FAILED, "no memory");
        return;
    }
    write_text(p, id, true, text, sizeof text);
    (void)snprintf(buyer, sizeof buyer, "%s-%" PRIu64, p->r->run, s->buyer);
    const struct xr_open message = {
        .channel = XR_STR("phone"),
        .buyer = xr_str_of(buyer),
        .group = xr_str_of(p->r->plan->groups[s->group]),
        .klass = s->klass,
        .text = xr_str_of(text),
    };
    talk->phase = PHASE_OPENING;
    p->r->opened++;
    ask(p, BRIDGE, XR_TYPE_open, &message, ASKED_OPEN, session, id);
}

static void gives_up(struct play *p, size_t session)
{
    struct talk *talk = &p->talks[session];
    if (talk->phase != PHASE_WAITING)
        return;
    const struct xr_leave message = {.session = {talk->id}};
    talk->phase = PHASE_CLOSING;
    talk->has_left = true;
    ask(p, BRIDGE, XR_TYPE_leave, &message, ASKED_LEAVE, session, NOBODY);
}

static void buyer_writes(struct play *p, size_t session)
{
    struct talk *talk = &p->talks[session];
    if (talk->phase != PHASE_SERVED)
        return;
    talk->owed++;
    say(p, BRIDGE, session);
}

static void service_ends(struct play *p, size_t session)
{
    p->talks[session].is_due = true;
    close_if_quiet(p, session);
}

static void span_begins(struct play *p, size_t agent)
{
    p->desks[1 + agent].is_leaving = false;
    be(p, 1 + agent, XR_presence_ONLINE);
}

static void sign_off_if_free(struct play *p, size_t member)
{
    struct desk *desk = &p->desks[member];
    if (desk->is_leaving && desk->holding == 0 && !desk->is_signing_off)
        be(p, member, XR_presence_OFFLINE);
}

static void span_ends(struct play *p, size_t agent)
{
    p->desks[1 + agent].is_leaving = true;
    be(p, 1 + agent, XR_presence_DRAINING);
}

static void do_due(struct play *p)
{
    static void (*const handlers[])(struct play *, size_t) = {
        [ORDER_SPAN_BEGINS] = span_begins,   [ORDER_SPAN_ENDS] = span_ends,
        [ORDER_ARRIVES] = arrives,           [ORDER_BUYER_WRITES] = buyer_writes,
        [ORDER_SERVICE_ENDS] = service_ends, [ORDER_GIVES_UP] = gives_up,
    };
    const int64_t now_ms = virtual_now(p);
    struct xr_heap_item item;
    while (p->code == XR_EXIT_OK && xr_heap_next_ms(&p->heap) <= now_ms) {
        /* The bridge may have as many commands without an answer as the library keeps. */
        if (xr_client_in_flight(p->r->members[BRIDGE].client) >= 1000)
            return;
        (void)xr_heap_pop(&p->heap, &item);
        const double behind_s = (double)(now_ms - item.at_ms) / 1000 / (double)p->r->speed;
        if (behind_s > p->r->behind_max_s)
            p->r->behind_max_s = behind_s;
        p->moved_ms = xr_cli_mono_ms();
        handlers[item.order](p, item.subject);
    }
}

/* ---- answers ----------------------------------------------------------------------------------
 */

/* From the open to the agent, where both have been told. */
static void time_assignment(struct play *p, struct talk *talk)
{
    if (talk->is_direct && talk->assigned_ns != 0)
        add_time(p, &p->r->assigned, talk->assigned_ns - talk->opened_ns);
}

static void on_open_done(struct play *p, size_t session, size_t message, const struct xr_done *done)
{
    const struct xr_plan_session *s = &p->r->plan->sessions[session];
    struct talk *talk = &p->talks[session];
    talk->id = done->session.n;
    const size_t at = learn_talk(p, talk->id, session);
    talk->is_direct = done->state == XR_session_state_OPEN;
    time_assignment(p, talk);
    xr_ledger_acknowledged(&p->r->ledger, message, at, done->number, done->seq);
    if (at != session) {
        p->r->joined++;
        finish(p, session);
        return;
    }
    if (talk->phase != PHASE_OPENING)
        return; /* the agent's feed was faster */
    talk->phase = PHASE_WAITING;
    if (s->patience_ms != INT64_MAX)
        push_due(p, virtual_now(p) + s->patience_ms, ORDER_GIVES_UP, session);
}

static void on_done(struct play *p, size_t member, const struct question *q,
                    const struct xr_done *done)
{
    const struct xr_ledger_message *m =
        q->message != NOBODY ? &p->r->ledger.messages[q->message] : NULL;
    switch (q->what) {
    case ASKED_OPEN:
        on_open_done(p, q->session, q->message, done);
        break;
    case ASKED_SAY:
        XR_ASSERT(m != NULL);
        add_time(p, &p->r->acknowledged, now_ns() - m->sent_ns);
        xr_ledger_acknowledged(&p->r->ledger, q->message, q->session, done->number, done->seq);
        break;
    case ASKED_CLOSE:
        p->r->served++;
        finish(p, q->session);
        break;
    case ASKED_LEAVE:
        p->r->abandoned++;
        finish(p, q->session);
        break;
    case ASKED_BE:
        sign_off_if_free(p, member);
        break;
    case ASKED_NOTHING:
    case ASKED_HISTORY:
        break;
    }
}

static void complain_error(const struct play *p, size_t member, const struct question *q,
                           const struct xr_error *error)
{
    static const char *const names[] = {"", "open", "say", "close", "leave", "be", "history"};
    xr_cli_complain("replay: %s of %s, session %" PRIu64 ": %s %.*s", names[q->what],
                    p->r->members[member].name, q->session != NOBODY ? p->talks[q->session].id : 0,
                    xr_choice_name("code", (uint32_t)error->code), (int)error->text.size,
                    error->text.at != NULL ? error->text.at : "");
}

static void on_error(struct play *p, size_t member, const struct question *q,
                     const struct xr_error *error)
{
    struct desk *desk = &p->desks[member];
    if (q->message != NOBODY)
        xr_ledger_refused(&p->r->ledger, q->message);
    if (q->what == ASKED_SAY && member == BRIDGE && p->talks[q->session].owed > 0)
        p->talks[q->session].owed--;
    if (q->what == ASKED_BE && error->code == XR_code_OPEN_SESSIONS) {
        desk->is_signing_off = false;
        desk->try_ms = xr_cli_mono_ms() + SIGN_OFF_MS;
        return;
    }
    /* The buyer left at the moment of the assignment: what the agent did comes too late. */
    if ((q->what == ASKED_SAY || q->what == ASKED_CLOSE) && error->code == XR_code_STATE &&
        p->talks[q->session].has_left)
        return;
    p->r->errors++;
    if (p->r->errors <= 10)
        complain_error(p, member, q, error);
    if (q->what == ASKED_OPEN)
        p->r->refused++;
    if (q->what == ASKED_OPEN || q->what == ASKED_CLOSE || q->what == ASKED_LEAVE)
        finish(p, q->session);
}

/* What an agent reads when a session comes to it. */
static void on_history(struct play *p, size_t session, const struct xr_history *history)
{
    for (uint32_t i = 0; i < history->messages.count; i++) {
        const struct xr_message *m = &history->messages.at[i];
        const size_t id = read_text(p, m->text);
        if (id != NOBODY)
            xr_ledger_read(&p->r->ledger, session, m->number, id);
    }
}

static void on_answer(struct play *p, size_t member, const struct xr_client_event *event)
{
    struct question q;
    if (!take_question(&p->desks[member], event->ref, &q))
        return;
    if (q.session != NOBODY)
        p->talks[q.session].under_way--;
    if (event->type == XR_TYPE_error)
        on_error(p, member, &q, event->message);
    else if (event->type == XR_TYPE_done)
        on_done(p, member, &q, event->message);
    else if (event->type == XR_TYPE_history)
        on_history(p, q.session, event->message);
    if (q.session != NOBODY)
        close_if_quiet(p, q.session);
}

/* ---- updates ----------------------------------------------------------------------------------
 */

/* Which of our sessions an update is about: known by its id, or new, and then by its buyer. */
static size_t talk_of_view(struct play *p, const struct xr_session_view *view)
{
    const size_t known = talk_of(p, view->session.n);
    if (known != NOBODY)
        return known;
    for (size_t i = 0; i < p->r->plan->session_count; i++) {
        char buyer[64];
        if (p->talks[i].phase != PHASE_OPENING)
            continue;
        (void)snprintf(buyer, sizeof buyer, "%s-%" PRIu64, p->r->run,
                       p->r->plan->sessions[i].buyer);
        if (xr_str_equal(view->buyer, xr_str_of(buyer)))
            return learn_talk(p, view->session.n, i);
    }
    return NOBODY;
}

static void plan_service(struct play *p, size_t session)
{
    const int64_t service_ms = p->r->plan->sessions[session].service_ms;
    const int64_t now_ms = virtual_now(p);
    for (int64_t i = 1; i <= p->r->exchanges; i++)
        push_due(p, now_ms + service_ms * i / (p->r->exchanges + 1), ORDER_BUYER_WRITES, session);
    push_due(p, now_ms + service_ms, ORDER_SERVICE_ENDS, session);
}

/* A session has come to an agent. */
static void on_mine(struct play *p, size_t member, size_t session,
                    const struct xr_session_view *view)
{
    struct talk *talk = &p->talks[session];
    struct desk *desk = &p->desks[member];
    if (talk->holder == member)
        return;
    talk->holder = member;
    desk->holding++;
    p->r->load_max = desk->holding > p->r->load_max ? desk->holding : p->r->load_max;
    p->r->limit_overruns += p->r->limit > 0 && desk->holding > (uint32_t)p->r->limit ? 1 : 0;
    const bool is_first = talk->agent == NOBODY;
    if (is_first) {
        talk->assigned_ns = now_ns();
        time_assignment(p, talk);
    }
    talk->id = view->session.n;
    talk->agent = member;
    if (talk->phase < PHASE_SERVED)
        talk->phase = PHASE_SERVED;
    const struct xr_get_history get = {.session = view->session, .from = 1};
    ask(p, member, XR_TYPE_get_history, &get, ASKED_HISTORY, session, NOBODY);
    if (talk->has_left)
        return;
    say(p, member, session);
    if (is_first)
        plan_service(p, session);
}

/* The bridge is told of every change of owner. Who had it last owns a closed one too. */
static void note_owner(struct play *p, size_t session, const struct xr_session_changed *update)
{
    size_t receiver = XR_LEDGER_NOBODY;
    if (update->session.state == XR_session_state_CLOSED)
        return;
    for (size_t i = 1; i < p->desk_count && update->session.agent.n != 0; i++)
        if (p->r->members[i].id.n == update->session.agent.n)
            receiver = i;
    xr_ledger_owned(&p->r->ledger, session, receiver, update->seq);
}

static void on_session(struct play *p, size_t member, const struct xr_session_changed *update)
{
    const size_t session = talk_of_view(p, &update->session);
    if (session == NOBODY)
        return; /* somebody else's */
    const struct xr_agent_id owner = update->session.agent;
    const bool is_owned = update->session.state == XR_session_state_OPEN && owner.n != 0;
    if (member == BRIDGE) {
        note_owner(p, session, update);
        return;
    }
    struct talk *talk = &p->talks[session];
    const bool is_mine = is_owned && owner.n == p->r->members[member].id.n;
    if (is_mine && update->change != XR_change_OPENED) {
        on_mine(p, member, session, &update->session);
    } else if (!is_mine && talk->holder == member) {
        talk->holder = NOBODY;
        p->desks[member].holding--;
        sign_off_if_free(p, member);
    }
}

static void on_message(struct play *p, size_t member, const struct xr_message *message)
{
    const size_t session = talk_of(p, message->session.n);
    const size_t id = read_text(p, message->text);
    if (session == NOBODY || id == NOBODY)
        return;
    if (!xr_ledger_received(&p->r->ledger, member, session, message->number, id))
        return;
    const struct xr_ledger_message *m = &p->r->ledger.messages[id];
    if (m->by_bridge != (member == BRIDGE))
        add_time(p, &p->r->pushed, now_ns() - m->sent_ns);
    /* The buyer wrote during the service: the agent answers. */
    if (member != BRIDGE && m->by_bridge && p->talks[session].owed > 0) {
        p->talks[session].owed--;
        say(p, member, session);
    }
}

static void on_update(struct play *p, size_t member, const struct xr_client_event *event)
{
    if (event->type == XR_TYPE_session_changed)
        on_session(p, member, event->message);
    else if (event->type == XR_TYPE_message_added)
        on_message(p, member, &((const struct xr_message_added *)event->message)->message);
}

static void on_event(struct play *p, size_t member, const struct xr_client_event *event)
{
    switch (event->kind) {
    case XR_CLIENT_ANSWER:
        on_answer(p, member, event);
        break;
    case XR_CLIENT_UPDATE:
        on_update(p, member, event);
        break;
    case XR_CLIENT_RESYNC:
        p->r->resyncs++;
        break;
    case XR_CLIENT_STATE:
        if (event->state == XR_CLIENT_REFUSED)
            fail(p, XR_EXIT_LOGIN, "a log-in was refused");
        break;
    }
}

/* ---- the loop ---------------------------------------------------------------------------------
 */

static void turn(struct play *p, size_t member)
{
    struct xr_client *client = p->r->members[member].client;
    struct xr_client_event event;
    xr_client_turn(client);
    while (p->code == XR_EXIT_OK && xr_client_next(client, &event)) {
        p->moved_ms = event.kind == XR_CLIENT_STATE ? p->moved_ms : xr_cli_mono_ms();
        on_event(p, member, &event);
    }
}

/* In real ms, until something of the plan is due. */
static int64_t due_in_ms(const struct play *p)
{
    const int64_t next_ms = xr_heap_next_ms(&p->heap);
    if (next_ms == INT64_MAX)
        return 1000;
    const int64_t in_ms = (next_ms - virtual_now(p) + p->r->speed - 1) / p->r->speed;
    return in_ms < 0 ? 0 : in_ms;
}

static void wait_for_more(struct play *p)
{
    int64_t wait_ms = due_in_ms(p);
    wait_ms = wait_ms > 100 ? 100 : wait_ms;
    for (size_t i = 0; i < p->desk_count; i++) {
        struct xr_client *client = p->r->members[i].client;
        if (p->desks[i].is_touched)
            xr_client_flush(client);
        p->desks[i].is_touched = false;
        const int wanted = xr_client_wait_ms(client);
        wait_ms = wanted < wait_ms ? wanted : wait_ms;
        p->fds[i] = (struct pollfd){.fd = xr_client_fd(client), .events = POLLIN};
    }
    (void)poll(p->fds, (nfds_t)p->desk_count, (int)wait_ms);
}

static void retry_sign_offs(struct play *p)
{
    for (size_t i = 1; i < p->desk_count; i++) {
        if (p->desks[i].try_ms == 0 || xr_cli_mono_ms() < p->desks[i].try_ms)
            continue;
        p->desks[i].try_ms = 0;
        sign_off_if_free(p, i);
    }
}

static void tell_progress(struct play *p)
{
    const int64_t now_ms = xr_cli_mono_ms();
    struct xr_ledger_verdict verdict;
    char clock[24];
    if (now_ms - p->told_ms < 2000)
        return;
    p->told_ms = now_ms;
    xr_ledger_judge(&p->r->ledger, &verdict);
    xr_cli_span(clock, virtual_now(p));
    fprintf(stderr, "replay: %s, %zu of %zu sessions over, %" PRIu64 " messages acknowledged\n",
            clock, p->over, p->r->plan->session_count, verdict.acknowledged);
}

static bool is_quiet(const struct play *p)
{
    if (p->heap.count > 0 || p->over < p->r->plan->session_count)
        return false;
    for (size_t i = 0; i < p->desk_count; i++)
        if (p->desks[i].count > 0)
            return false;
    return true;
}

/* Everything that was acknowledged has arrived. */
static bool is_settled(const struct play *p)
{
    struct xr_ledger_verdict verdict;
    xr_ledger_judge(&p->r->ledger, &verdict);
    return verdict.lost == 0 && verdict.unanswered == 0;
}

static void loop(struct play *p)
{
    while (p->code == XR_EXIT_OK) {
        const bool quiet = is_quiet(p);
        const int64_t still_ms = xr_cli_mono_ms() - p->moved_ms;
        if (quiet && (is_settled(p) || still_ms > SETTLE_MS))
            return;
        /* A long lull of the plan itself is no standstill. */
        if (still_ms > STUCK_MS && (p->heap.count == 0 || due_in_ms(p) == 0))
            return;
        if (xr_cli_stopped())
            p->code = XR_EXIT_STOPPED;
        wait_for_more(p);
        for (size_t i = 0; i < p->desk_count; i++)
            turn(p, i);
        do_due(p);
        retry_sign_offs(p);
        tell_progress(p);
    }
}

/* ---- life -------------------------------------------------------------------------------------
 */

static bool start(struct play *p)
{
    const struct xr_plan *plan = p->r->plan;
    p->desk_count = plan->agent_count + 1;
    p->by_id_room = 64;
    while (p->by_id_room < plan->session_count * 2)
        p->by_id_room *= 2;
    p->desks = xr_mem_zero(p->desk_count, sizeof *p->desks);
    p->fds = xr_mem_zero(p->desk_count, sizeof *p->fds);
    p->talks = xr_mem_zero(plan->session_count + 1, sizeof *p->talks);
    p->by_id = xr_mem_zero(p->by_id_room, sizeof *p->by_id);
    p->by_id_talk = xr_mem_zero(p->by_id_room, sizeof *p->by_id_talk);
    if (p->desks == NULL || p->fds == NULL || p->talks == NULL || p->by_id == NULL ||
        p->by_id_talk == NULL || xr_ledger_init(&p->r->ledger, plan->session_count) != XR_OK)
        return false;
    for (size_t i = 0; i < plan->session_count; i++) {
        p->talks[i].agent = NOBODY;
        p->talks[i].holder = NOBODY;
        push_due(p, plan->sessions[i].arrival_ms, ORDER_ARRIVES, i);
    }
    for (size_t i = 0; i < plan->agent_count; i++)
        for (size_t n = 0; n < plan->agents[i].span_count; n++) {
            push_due(p, plan->agents[i].spans[n].from_ms, ORDER_SPAN_BEGINS, i);
            push_due(p, plan->agents[i].spans[n].to_ms, ORDER_SPAN_ENDS, i);
        }
    p->virtual_ms = p->heap.count > 0 ? xr_heap_next_ms(&p->heap) : 0;
    return true;
}

static void stop(struct play *p)
{
    for (size_t i = 0; i < p->desk_count && p->desks != NULL; i++)
        xr_mem_free(p->desks[i].open);
    xr_mem_free(p->desks);
    xr_mem_free(p->fds);
    xr_mem_free(p->talks);
    xr_mem_free(p->by_id);
    xr_mem_free(p->by_id_talk);
    xr_heap_fini(&p->heap);
}

int xr_replay_play(struct xr_replay *replay)
{
    struct play p = {.r = replay, .code = XR_EXIT_OK};
    if (!start(&p))
        fail(&p, XR_EXIT_FAILED, "no memory");
    p.began_ms = xr_cli_mono_ms();
    p.moved_ms = p.began_ms;
    p.told_ms = p.began_ms;
    loop(&p);
    replay->seconds = (double)(xr_cli_mono_ms() - p.began_ms) / 1000;
    replay->unfinished = replay->plan->session_count - p.over;
    for (size_t i = 0; i < p.desk_count; i++)
        replay->reconnects += xr_client_reconnects(replay->members[i].client);
    stop(&p);
    return p.code;
}

void xr_replay_fini(struct xr_replay *replay)
{
    xr_ledger_fini(&replay->ledger);
    xr_mem_free(replay->assigned.at);
    xr_mem_free(replay->acknowledged.at);
    xr_mem_free(replay->pushed.at);
}
