/*
 * attach: work as an agent in a terminal, or from a script through a pipe.
 *
 * One loop: wait for the server or for a line, take what has come, carry out what was typed.
 * Nothing here waits for an answer: each is dealt with when it comes (struct xr_attach_pending).
 * What I said is shown when the feed brings it, that is, when it is durable.
 */
#include "attach.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/json.h"

#define LOOP_MS        1000 /* the prompt shows how long the buyer waits */
#define HISTORY_SHOWN  10
#define BANNER_COLUMNS 72
#define PROMPT_COLUMNS 20 /* of the buyer's name */

static const char *text(const struct xr_attach *a, enum xr_text key)
{
    return xr_text(a->cli.lang, key);
}

void xr_attach_tell(struct xr_attach *a, enum xr_colour colour, const char *format, ...)
{
    va_list arguments;
    FILE *out = a->cli.json ? stderr : stdout;
    xr_input_hide(&a->input);
    va_start(arguments, format);
    fputs(xr_view_colour(out, colour), out);
    vfprintf(out, format, arguments);
    fprintf(out, "%s\n", xr_view_colour(out, XR_COLOUR_PLAIN));
    va_end(arguments);
}

/* ---- my sessions ----------------------------------------------------------------------------- */

struct xr_attach_session *xr_attach_find(struct xr_attach *a, uint64_t session)
{
    for (size_t i = 0; i < a->session_count; i++)
        if (a->sessions[i].id == session)
            return &a->sessions[i];
    return NULL;
}

struct xr_attach_session *xr_attach_current(struct xr_attach *a)
{
    return a->current != 0 ? xr_attach_find(a, a->current) : NULL;
}

uint64_t xr_attach_next(const struct xr_attach *a, uint64_t except)
{
    const struct xr_attach_session *best = NULL;
    for (size_t i = 0; i < a->session_count; i++) {
        const struct xr_attach_session *s = &a->sessions[i];
        const bool longer = best != NULL && s->waiting_ms != 0 &&
                            (best->waiting_ms == 0 || s->waiting_ms < best->waiting_ms);
        if (s->id != except && (best == NULL || longer))
            best = s;
    }
    return best != NULL ? best->id : 0;
}

static struct xr_attach_session *keep_session(struct xr_attach *a,
                                              const struct xr_session_view *view)
{
    struct xr_attach_session *session = xr_attach_find(a, view->session.n);
    if (session == NULL && a->session_count < XR_ATTACH_SESSIONS) {
        session = &a->sessions[a->session_count++];
        *session = (struct xr_attach_session){.id = view->session.n};
    }
    if (session == NULL)
        return NULL;
    session->customer = view->customer.n;
    session->waiting_ms = view->waiting_ms;
    xr_cli_copy(session->buyer, sizeof(session->buyer), xr_view_buyer(view));
    xr_cli_copy(session->channel, sizeof(session->channel), view->channel);
    return session;
}

static void drop_session(struct xr_attach *a, uint64_t id)
{
    struct xr_attach_session *session = xr_attach_find(a, id);
    if (session == NULL)
        return;
    const size_t index = (size_t)(session - a->sessions);
    a->session_count--;
    memmove(session, session + 1, (a->session_count - index) * sizeof(*session));
    if (a->current == id)
        xr_attach_go(a, xr_attach_next(a, 0));
}

/* ---- asking ---------------------------------------------------------------------------------- */

void xr_attach_send(struct xr_attach *a, enum xr_attach_what what, uint64_t session,
                    enum xr_type type, const void *message, const char *words)
{
    struct xr_attach_pending pending = {.what = what, .session = session};
    struct xr_attach_pending *grown =
        xr_mem_grow(a->pending, (a->pending_count + 1) * sizeof(pending));
    enum xr_status status = XR_NOMEM;
    if (grown != NULL) {
        a->pending = grown;
        status = xr_client_send(a->link.client, (uint32_t)type, message, &pending.ref);
    }
    if (status != XR_OK) {
        xr_attach_tell(a, XR_COLOUR_RED, "%s: %s", text(a, XR_TEXT_AT_NOT_SENT),
                       status == XR_BAD ? text(a, XR_TEXT_TOO_LONG) : xr_status_text(status));
        return;
    }
    pending.text = words != NULL ? strdup(words) : NULL;
    a->pending[a->pending_count++] = pending;
    xr_client_flush(a->link.client);
}

void xr_attach_ask_history(struct xr_attach *a, uint64_t session, uint32_t from, uint32_t max)
{
    const struct xr_get_history ask = {.session = {session}, .from = from, .max = max};
    struct xr_attach_session *asked = xr_attach_find(a, session);
    if (asked != NULL)
        asked->is_asking = true;
    xr_attach_send(a, XR_ATTACH_HISTORY, session, XR_TYPE_get_history, &ask, NULL);
}

void xr_attach_ask_card(struct xr_attach *a, const struct xr_attach_session *session)
{
    const struct xr_get_customer ask = {.customer = {session->customer}};
    xr_attach_send(a, XR_ATTACH_CARD, session->id, XR_TYPE_get_customer, &ask, NULL);
}

static void ask_list(struct xr_attach *a)
{
    const struct xr_get_sessions ask = {.agent = a->link.welcome.agent};
    xr_attach_send(a, XR_ATTACH_LIST, 0, XR_TYPE_get_sessions, &ask, NULL);
}

/* ---- showing --------------------------------------------------------------------------------- */

/* A line across, with the session's number and buyer in it. */
static void show_banner(struct xr_attach *a, const struct xr_attach_session *session,
                        const char *what, enum xr_colour colour)
{
    char head[XR_BUYER_MAX * 4 + XR_NAME_MAX * 4 + 128];
    snprintf(head, sizeof(head), "━━ #%" PRIu64 "  %s%s%s%s  ", session->id, session->buyer,
             session->channel[0] != '\0' ? " · " : "", session->channel, "");
    xr_input_hide(&a->input);
    printf("%s", xr_view_colour(stdout, colour));
    xr_cli_put(stdout, xr_str_of(head));
    printf("%s%s", what, what[0] != '\0' ? "  " : "");
    for (size_t width = xr_cli_width(xr_str_of(head)) + xr_cli_width(xr_str_of(what));
         width < BANNER_COLUMNS; width++)
        fputs("━", stdout);
    printf("%s\n", xr_view_colour(stdout, XR_COLOUR_PLAIN));
}

static void show_notes(struct xr_attach *a, const struct xr_note_list *notes)
{
    for (uint32_t i = 0; i < notes->count; i++)
        xr_view_note(&a->view, &notes->at[i]);
}

static void show_message(struct xr_attach *a, const struct xr_message *message)
{
    struct xr_attach_session *session = xr_attach_find(a, message->session.n);
    const bool elsewhere = session != NULL && session->id != a->current;
    xr_input_hide(&a->input);
    xr_view_message(&a->view, message, xr_str_of(session != NULL ? session->buyer : NULL),
                    elsewhere);
}

void xr_attach_go(struct xr_attach *a, uint64_t id)
{
    a->current = id;
    struct xr_attach_session *session = xr_attach_current(a);
    if (session == NULL)
        return;
    if (!a->cli.json)
        show_banner(a, session, "", XR_COLOUR_BOLD);
    const uint32_t unread = session->unread;
    session->unread = 0;
    if (!session->is_known)
        xr_attach_ask_card(a, session);
    if (!session->is_known || unread > 0)
        xr_attach_ask_history(a, id, 0, HISTORY_SHOWN);
    session->is_known = true;
}

void xr_attach_list(struct xr_attach *a)
{
    struct xr_cli_table table = {0};
    char span[24];
    xr_input_hide(&a->input);
    if (a->session_count == 0) {
        xr_attach_tell(a, XR_COLOUR_DIM, "%s", text(a, XR_TEXT_NO_SESSIONS));
        return;
    }
    xr_cli_table_column(&table, "", false);
    xr_cli_table_column(&table, text(a, XR_TEXT_H_SESSION), true);
    xr_cli_table_column(&table, text(a, XR_TEXT_H_BUYER), false);
    xr_cli_table_column(&table, text(a, XR_TEXT_H_CHANNEL), false);
    xr_cli_table_column(&table, text(a, XR_TEXT_H_WAITS), true);
    xr_cli_table_column(&table, text(a, XR_TEXT_UNREAD), true);
    for (size_t i = 0; i < a->session_count; i++) {
        const struct xr_attach_session *session = &a->sessions[i];
        xr_cli_span(span, xr_cli_wall_ms() - session->waiting_ms);
        xr_cli_table_cell(&table, "%s", session->id == a->current ? "▶" : "");
        xr_cli_table_cell(&table, "%" PRIu64, session->id);
        xr_cli_table_cell(&table, "%s", session->buyer);
        xr_cli_table_cell(&table, "%s", session->channel);
        xr_cli_table_cell(&table, "%s", session->waiting_ms != 0 ? span : "-");
        xr_cli_table_cell(&table, "%u", session->unread);
    }
    xr_cli_table_print(&table, a->cli.json ? stderr : stdout);
}

/* ---- updates --------------------------------------------------------------------------------- */

static void on_mine(struct xr_attach *a, const struct xr_session_changed *update)
{
    const bool known = xr_attach_find(a, update->session.session.n) != NULL;
    struct xr_attach_session *session = keep_session(a, &update->session);
    if (session == NULL || known)
        return;
    const char *what = xr_word(a->cli.lang, "change", update->change);
    if (!a->cli.json) {
        show_banner(a, session, what, XR_COLOUR_GREEN);
        if (update->note.size > 0) {
            printf("%s%s%s  ", xr_view_colour(stdout, XR_COLOUR_YELLOW),
                   text(a, XR_TEXT_AT_TRANSFER_NOTE), xr_view_colour(stdout, XR_COLOUR_PLAIN));
            xr_cli_put(stdout, update->note);
            putchar('\n');
        }
        if (update->card.customer.n != 0)
            xr_view_card(&a->view, &update->card);
        show_notes(a, &update->notes);
    }
    if (a->current == 0) {
        a->current = session->id;
        session->is_known = true;
        xr_attach_ask_history(a, session->id, 0, HISTORY_SHOWN);
    }
}

static void on_not_mine(struct xr_attach *a, const struct xr_session_changed *update)
{
    char what[XR_TITLE_MAX * 4 + 64];
    char room[16];
    const struct xr_attach_session *session = xr_attach_find(a, update->session.session.n);
    if (session == NULL)
        return;
    if (update->session.state == XR_session_state_CLOSED)
        snprintf(what, sizeof(what), text(a, XR_TEXT_AT_OVER),
                 xr_word(a->cli.lang, "close_reason", update->session.reason));
    else if (update->session.agent.n != 0)
        snprintf(what, sizeof(what), text(a, XR_TEXT_AT_GONE_TO),
                 xr_cli_agent_name(&a->names, update->session.agent.n, room));
    else
        snprintf(what, sizeof(what), "%s", text(a, XR_TEXT_AT_QUEUED_AGAIN));
    if (!a->cli.json)
        show_banner(a, session, what, XR_COLOUR_DIM);
    drop_session(a, update->session.session.n);
}

static void on_session(struct xr_attach *a, const struct xr_session_changed *update)
{
    const struct xr_session_view *view = &update->session;
    if (view->agent.n == a->link.welcome.agent.n && view->state == XR_session_state_OPEN)
        on_mine(a, update);
    else
        on_not_mine(a, update);
}

static void on_message(struct xr_attach *a, const struct xr_message *message)
{
    struct xr_attach_session *session = xr_attach_find(a, message->session.n);
    if (session == NULL)
        return; /* of others: supervisors get them too */
    if (message->number <= session->number)
        return; /* shown with the history */
    if (message->sender == XR_sender_BUYER) {
        session->unread += session->id != a->current;
        session->waiting_ms = session->waiting_ms != 0 ? session->waiting_ms : message->wall_ms;
    } else if (message->sender == XR_sender_AGENT) {
        session->waiting_ms = 0;
    }
    if (session->is_asking) {
        session->missed = message->number;
        return;
    }
    session->number = message->number;
    if (!a->cli.json)
        show_message(a, message);
}

static void on_note(struct xr_attach *a, const struct xr_note_changed *update)
{
    for (size_t i = 0; i < a->session_count; i++)
        if (a->sessions[i].customer == update->customer.n && !a->cli.json) {
            xr_input_hide(&a->input);
            printf("%s#%" PRIu64 "%s %s", xr_view_colour(stdout, XR_COLOUR_YELLOW),
                   a->sessions[i].id, xr_view_colour(stdout, XR_COLOUR_PLAIN),
                   text(a, XR_TEXT_H_NOTE));
            xr_view_note(&a->view, &update->note);
        }
}

static void on_agent(struct xr_attach *a, const struct xr_agent_view *agent)
{
    if (agent->agent.n != a->link.welcome.agent.n || agent->state == a->state)
        return;
    a->state = agent->state;
    if (!a->cli.json)
        xr_attach_tell(a, XR_COLOUR_BLUE, text(a, XR_TEXT_AT_STATE),
                       xr_word(a->cli.lang, "presence", agent->state));
}

static void on_update(struct xr_attach *a, const struct xr_client_event *event)
{
    if (event->message == NULL)
        return; /* of a newer server */
    if (a->cli.json)
        (void)xr_cli_json(xr_json_write((enum xr_type)event->type, event->message));
    switch (event->type) {
    case XR_TYPE_session_changed:
        on_session(a, event->message);
        break;
    case XR_TYPE_message_added:
        on_message(a, &((const struct xr_message_added *)event->message)->message);
        break;
    case XR_TYPE_note_changed:
        on_note(a, event->message);
        break;
    case XR_TYPE_agent_changed:
        on_agent(a, &((const struct xr_agent_changed *)event->message)->agent);
        break;
    case XR_TYPE_account_changed:
    case XR_TYPE_group_changed:
        a->names_old = true;
        break;
    default:
        break;
    }
}

/* ---- answers --------------------------------------------------------------------------------- */

static void on_history(struct xr_attach *a, const struct xr_history *history, uint64_t id)
{
    struct xr_attach_session *session = xr_attach_find(a, id);
    for (uint32_t i = 0; i < history->messages.count; i++) {
        const struct xr_message *message = &history->messages.at[i];
        if (!a->cli.json)
            show_message(a, message);
        if (session != NULL && message->number > session->number)
            session->number = message->number;
    }
    if (session == NULL)
        return;
    session->is_asking = false;
    if (session->missed > session->number && history->messages.count > 0)
        xr_attach_ask_history(a, id, session->number + 1, XR_PAGE_MAX);
}

static void on_list(struct xr_attach *a, const struct xr_session_page *page)
{
    for (uint32_t i = 0; i < page->sessions.count; i++)
        if (page->sessions.at[i].agent.n == a->link.welcome.agent.n)
            (void)keep_session(a, &page->sessions.at[i]);
    if (a->session_count == 0)
        return;
    if (!a->cli.json)
        xr_attach_list(a);
    if (xr_attach_current(a) == NULL)
        xr_attach_go(a, xr_attach_next(a, 0));
}

static void on_card(struct xr_attach *a, const struct xr_customer *customer)
{
    if (a->cli.json)
        return;
    xr_input_hide(&a->input);
    xr_view_card(&a->view, &customer->card);
    show_notes(a, &customer->notes);
}

static void on_refusal(struct xr_attach *a, struct xr_attach_pending *pending,
                       const struct xr_error *error)
{
    xr_input_hide(&a->input);
    if (pending->what == XR_ATTACH_SAY && error->code == XR_code_STALE) {
        free(a->unsaid);
        a->unsaid = XR_MOVE(pending->text);
        a->unsaid_session = pending->session;
        xr_attach_tell(a, XR_COLOUR_RED, "%s%s", text(a, XR_TEXT_AT_STALE),
                       a->unsaid != NULL ? a->unsaid : "");
        return;
    }
    struct xr_attach_session *session = xr_attach_find(a, pending->session);
    if (session != NULL && pending->what == XR_ATTACH_HISTORY)
        session->is_asking = false;
    char why[XR_REMARK_MAX * 4 + 512];
    if (a->cli.json)
        (void)xr_cli_json(xr_json_write(XR_TYPE_error, error));
    xr_cli_refusal(a->cli.lang, error, why, sizeof(why));
    if (pending->text != NULL)
        xr_attach_tell(a, XR_COLOUR_RED, "%s: %s: %s", text(a, XR_TEXT_AT_NOT_SENT), why,
                       pending->text);
    else
        xr_attach_tell(a, XR_COLOUR_RED, "%s: %s", text(a, XR_TEXT_AT_REFUSED), why);
}

static void on_result(struct xr_attach *a, struct xr_attach_pending *pending,
                      const struct xr_client_event *event)
{
    XR_ASSERT(event->message != NULL || event->type == XR_TYPE_none);
    if (a->cli.json && event->type != XR_TYPE_error && event->message != NULL)
        (void)xr_cli_json(xr_json_write((enum xr_type)event->type, event->message));
    switch (event->type) {
    case XR_TYPE_error:
        on_refusal(a, pending, event->message);
        break;
    case XR_TYPE_history:
        on_history(a, event->message, pending->session);
        break;
    case XR_TYPE_session_page:
        on_list(a, event->message);
        break;
    case XR_TYPE_customer:
        on_card(a, event->message);
        break;
    case XR_TYPE_done:
        if (pending->what == XR_ATTACH_NOTE && !a->cli.json)
            xr_attach_tell(a, XR_COLOUR_DIM, text(a, XR_TEXT_AT_NOTE_KEPT),
                           ((const struct xr_done *)event->message)->note);
        break;
    default:
        break;
    }
}

static void on_answer(struct xr_attach *a, const struct xr_client_event *event)
{
    for (size_t i = 0; i < a->pending_count; i++) {
        if (a->pending[i].ref != event->ref)
            continue;
        struct xr_attach_pending pending = a->pending[i];
        a->pending[i] = a->pending[--a->pending_count];
        on_result(a, &pending, event);
        free(pending.text);
        return;
    }
}

static void on_state(struct xr_attach *a, const struct xr_client_event *event)
{
    if (event->state == XR_CLIENT_CONNECTING)
        xr_attach_tell(a, XR_COLOUR_RED, text(a, XR_TEXT_LINK_LOST), a->cli.server);
    if (event->state == XR_CLIENT_READY && a->was_lost)
        xr_attach_tell(a, XR_COLOUR_GREEN, text(a, XR_TEXT_LINK_BACK), a->cli.server);
    a->was_lost = event->state == XR_CLIENT_CONNECTING;
}

static void on_event(void *context, const struct xr_client_event *event)
{
    struct xr_attach *a = context;
    if (!a->has_greeted)
        return; /* the list that is asked for next has it all */
    if (event->kind == XR_CLIENT_UPDATE)
        on_update(a, event);
    else if (event->kind == XR_CLIENT_ANSWER)
        on_answer(a, event);
    else if (event->kind == XR_CLIENT_STATE)
        on_state(a, event);
    else
        ask_list(a); /* RESYNC */
}

/* ---- the loop -------------------------------------------------------------------------------- */

static const char *make_prompt(struct xr_attach *a, char *out, size_t size)
{
    const struct xr_attach_session *session = xr_attach_current(a);
    uint32_t unread = 0;
    char more[80] = "";
    char span[24] = "";
    for (size_t i = 0; i < a->session_count; i++)
        unread += a->sessions[i].id != a->current ? a->sessions[i].unread : 0;
    if (unread > 0)
        snprintf(more, sizeof(more), text(a, XR_TEXT_AT_OTHERS_UNREAD), unread);
    if (session != NULL && session->waiting_ms != 0)
        xr_cli_span(span, xr_cli_wall_ms() - session->waiting_ms);
    const struct xr_str buyer =
        xr_cli_cut(xr_str_of(session != NULL ? session->buyer : ""), PROMPT_COLUMNS);
    if (session != NULL)
        snprintf(out, size, "%s%s#%" PRIu64 " %.*s%s%s › ", more, more[0] != '\0' ? " · " : "",
                 session->id, (int)buyer.size, buyer.at, span[0] != '\0' ? " " : "", span);
    else
        snprintf(out, size, "%s › ", xr_word(a->cli.lang, "presence", a->state));
    return out;
}

/* May the next line be carried out? A script may have asked to wait. */
static bool is_open_for_lines(struct xr_attach *a)
{
    const int64_t now = xr_cli_mono_ms();
    if (a->pause_until_ms > now)
        return false;
    if (a->waits_until_ms == 0)
        return a->input.terminal || a->pending_count == 0; /* a script goes step by step */
    if (a->current == 0 && a->waits_until_ms > now)
        return false;
    if (a->current == 0)
        xr_attach_tell(a, XR_COLOUR_RED, "%s", text(a, XR_TEXT_AT_WAITED_LONG));
    a->waits_until_ms = 0;
    return a->pending_count == 0;
}

static void take_lines(struct xr_attach *a)
{
    const char *line = NULL;
    xr_input_read(&a->input);
    while (!a->quit && is_open_for_lines(a) && (line = xr_input_line(&a->input)) != NULL) {
        xr_input_hide(&a->input);
        xr_attach_order(a, line);
        xr_input_read(&a->input);
    }
}

static bool is_over(struct xr_attach *a)
{
    const bool all_done = a->pending_count == 0 && a->input.bytes.size == 0 &&
                          a->waits_until_ms == 0 && a->pause_until_ms <= xr_cli_mono_ms();
    if (a->input.ended && a->input.terminal)
        return true;
    return a->quit || a->input.stopped || xr_cli_stopped() || (a->input.ended && all_done);
}

static int run_loop(struct xr_attach *a)
{
    char prompt[256];
    while (!is_over(a)) {
        if (xr_client_get_state(a->link.client) == XR_CLIENT_REFUSED)
            return XR_EXIT_LOGIN;
        if (a->names_old) {
            a->names_old = false;
            const int code = xr_cli_names_reload(&a->names, &a->link);
            if (code != XR_EXIT_OK)
                return code;
        }
        xr_input_show(&a->input, make_prompt(a, prompt, sizeof(prompt)));
        fflush(stdout);
        const bool listens = a->input.terminal || (!a->input.ended && is_open_for_lines(a));
        xr_cli_link_pump(&a->link, a->input.terminal ? LOOP_MS : LOOP_MS / 10,
                         listens ? STDIN_FILENO : -1);
        take_lines(a);
    }
    return XR_EXIT_OK;
}

static int work(struct xr_attach *a, bool as_is)
{
    int code = xr_cli_link_open(&a->link, &a->cli, (struct xr_cli_feed){.wanted = true});
    a->state = a->link.welcome.state;
    if (code == XR_EXIT_OK)
        code = xr_cli_names_load(&a->names, &a->link);
    if (code != XR_EXIT_OK)
        return code;
    xr_input_open(&a->input);
    xr_attach_tell(a, XR_COLOUR_BOLD, text(a, XR_TEXT_AT_HELLO),
                   a->link.name[0] != '\0' ? a->link.name : "-", a->cli.floor);
    a->has_greeted = true;
    ask_list(a);
    if (!as_is && a->state != XR_presence_ONLINE) {
        const struct xr_be be = {.state = XR_presence_ONLINE};
        xr_attach_send(a, XR_ATTACH_BE, 0, XR_TYPE_be, &be, NULL);
    }
    code = run_loop(a);
    xr_input_close(&a->input);
    return code;
}

int xr_cli_attach(int argc, char **argv)
{
    struct xr_attach *a = calloc(1, sizeof(*a));
    bool as_is = false;
    const struct xr_cli_option options[] = {
        {"as-is", XR_CLI_FLAG, NULL, &as_is, 0, 0, NULL,
         "keep the state of presence instead of going online"},
    };
    int code = XR_EXIT_FAILED;
    if (a == NULL)
        return code;
    const struct xr_cli_usage usage = {
        "attach",
        "",
        "Work as an agent: go online, get buyers with their tags and notes, answer them. Text "
        "goes\n"
        "to the current session, lines that begin with / are commands; /help lists them. From a\n"
        "pipe the lines are carried out one after the other, each when the one before is "
        "answered;\n"
        "/wait waits for a session. With --json all that comes is printed as JSON lines.",
        options,
        1,
        0,
        0,
        &a->cli};
    if (xr_cli_parse(&usage, &argc, argv, &code)) {
        a->view = (struct xr_view){a->cli.lang, &a->names, stdout};
        a->link.on_event = on_event;
        a->link.context = a;
        xr_cli_catch_signals();
        code = work(a, as_is);
    }
    xr_cli_link_close(&a->link);
    xr_cli_names_fini(&a->names);
    for (size_t i = 0; i < a->pending_count; i++)
        free(a->pending[i].text);
    xr_mem_free(a->pending);
    free(a->unsaid);
    free(a);
    return code;
}
