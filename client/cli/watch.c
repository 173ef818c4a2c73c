/* watch: the feed as it comes, as text or as JSON lines. */
#include <inttypes.h>
#include <string.h>

#include "proto/json.h"
#include "proto/text.h"
#include "view.h"

struct watch {
    struct xr_cli cli;
    struct xr_cli_names names;
    struct xr_view view;
    int64_t from; /* -1: what is new */
    int64_t count;
    bool raw;
    uint64_t shown;
    uint64_t last;
    bool was_lost;  /* the connection, and that was told */
    bool names_old; /* an account or group has changed */
};

/* Time and kind of a line. */
static void begin_line(int64_t wall_ms, const char *kind, enum xr_colour colour)
{
    char when[24];
    xr_cli_time(when, wall_ms > 0 ? wall_ms : xr_cli_wall_ms());
    printf("%s%s%s  %s", xr_view_colour(stdout, XR_COLOUR_DIM), when,
           xr_view_colour(stdout, XR_COLOUR_PLAIN), xr_view_colour(stdout, colour));
    xr_cli_pad(stdout, xr_str_of(kind), 12, false);
    printf("%s  ", xr_view_colour(stdout, XR_COLOUR_PLAIN));
}

static const char *agent_of(const struct watch *watch, struct xr_agent_id agent, char room[16])
{
    return xr_cli_agent_name(&watch->names, agent.n, room);
}

static void put_str(struct xr_str text)
{
    xr_cli_put(stdout, text);
}

static void show_session(const struct watch *watch, const struct xr_session_changed *update)
{
    const struct xr_session_view *session = &update->session;
    const enum xr_cli_lang lang = watch->view.lang;
    char room[16];
    begin_line(0, xr_word(lang, "change", update->change),
               update->change == XR_change_CLOSED ? XR_COLOUR_DIM : XR_COLOUR_YELLOW);
    printf("%s %" PRIu64 "  ", xr_text(lang, XR_TEXT_H_SESSION), session->session.n);
    put_str(xr_view_buyer(session));
    if (update->from.n != 0)
        printf("  %s →", agent_of(watch, update->from, room));
    if (session->agent.n != 0)
        printf("  %s", agent_of(watch, session->agent, room));
    if (session->reason != 0)
        printf("  %s", xr_word(lang, "close_reason", session->reason));
    if (update->note.size > 0) {
        fputs("  “", stdout);
        put_str(update->note);
        fputs("”", stdout);
    }
    putchar('\n');
}

static void show_message(const struct watch *watch, const struct xr_message_added *update)
{
    const struct xr_message *message = &update->message;
    const enum xr_cli_lang lang = watch->view.lang;
    char room[16];
    const char *who = message->sender == XR_sender_AGENT ? agent_of(watch, message->agent, room)
                                                         : xr_word(lang, "sender", message->sender);
    begin_line(message->wall_ms, who,
               message->sender == XR_sender_BUYER ? XR_COLOUR_CYAN : XR_COLOUR_GREEN);
    printf("%s %" PRIu64 ".%u  ", xr_text(lang, XR_TEXT_H_SESSION), message->session.n,
           message->number);
    put_str(message->text);
    putchar('\n');
}

static void show_note(const struct watch *watch, const struct xr_note_changed *update)
{
    const enum xr_cli_lang lang = watch->view.lang;
    char room[16];
    begin_line(update->note.wall_ms, xr_text(lang, XR_TEXT_H_NOTE), XR_COLOUR_YELLOW);
    printf("%s %" PRIu64 "  %u.%u  %s%s  ", xr_text(lang, XR_TEXT_CUSTOMER), update->customer.n,
           update->note.note, update->note.revision, agent_of(watch, update->note.author, room),
           update->note.pinned ? " !" : "");
    put_str(update->note.text);
    putchar('\n');
}

static void show_agent(const struct watch *watch, const struct xr_agent_view *agent,
                       struct xr_agent_id by)
{
    const enum xr_cli_lang lang = watch->view.lang;
    char room[16];
    begin_line(agent->since_ms, xr_word(lang, "presence", agent->state), XR_COLOUR_BLUE);
    put_str(agent->name.size > 0 ? agent->name : agent->login);
    if (agent->reason != 0)
        printf("  (%s)", xr_word(lang, "pause_reason", agent->reason));
    if (by.n != 0 && by.n != agent->agent.n)
        printf("  ← %s", agent_of(watch, by, room));
    putchar('\n');
}

static void show_audit(const struct watch *watch, const struct xr_audit *audit)
{
    const enum xr_cli_lang lang = watch->view.lang;
    char room[16];
    begin_line(audit->wall_ms, "audit", XR_COLOUR_RED);
    printf("%s  ",
           audit->who.n != 0 ? agent_of(watch, audit->who, room) : xr_text(lang, XR_TEXT_SERVER));
    put_str(audit->what);
    fputs("  ", stdout);
    put_str(audit->subject);
    if (audit->before.size > 0 || audit->after.size > 0) {
        fputs("  ", stdout);
        put_str(audit->before);
        fputs(" → ", stdout);
        put_str(audit->after);
    }
    putchar('\n');
}

/* Whatever has no view of its own: the text form of the message. */
static void show_other(enum xr_type type, const void *message)
{
    struct xr_buf text = {0};
    const struct xr_message_info *info = xr_message_info(type);
    xr_buf_init(&text, XR_FRAME_BYTES_MAX);
    xr_text_write(&text, type, -1, message);
    begin_line(0, info != NULL ? "·" : "?", XR_COLOUR_DIM);
    put_str((struct xr_str){(const char *)text.at, (uint32_t)text.size});
    putchar('\n');
    xr_buf_fini(&text);
}

static void show_text(struct watch *watch, enum xr_type type, const void *message)
{
    switch (type) {
    case XR_TYPE_session_changed:
        show_session(watch, message);
        break;
    case XR_TYPE_message_added:
        show_message(watch, message);
        break;
    case XR_TYPE_note_changed:
        show_note(watch, message);
        break;
    case XR_TYPE_agent_changed:
        show_agent(watch, &((const struct xr_agent_changed *)message)->agent,
                   ((const struct xr_agent_changed *)message)->by);
        break;
    case XR_TYPE_audit_added:
        show_audit(watch, &((const struct xr_audit_added *)message)->audit);
        break;
    default:
        show_other(type, message);
        break;
    }
}

static void show_raw(enum xr_type type, const void *message)
{
    struct xr_buf text = {0};
    xr_buf_init(&text, XR_FRAME_BYTES_MAX);
    xr_text_write(&text, type, -1, message);
    put_str((struct xr_str){(const char *)text.at, (uint32_t)text.size});
    putchar('\n');
    xr_buf_fini(&text);
}

static void on_update(struct watch *watch, const struct xr_client_event *event)
{
    if (watch->count > 0 && watch->shown >= (uint64_t)watch->count)
        return;
    watch->last = event->seq;
    if (event->message == NULL)
        return; /* of a newer server */
    watch->shown++;
    if (event->type == XR_TYPE_account_changed || event->type == XR_TYPE_group_changed)
        watch->names_old = true;
    if (watch->cli.json)
        (void)xr_cli_json(xr_json_write((enum xr_type)event->type, event->message));
    else if (watch->raw)
        show_raw((enum xr_type)event->type, event->message);
    else
        show_text(watch, (enum xr_type)event->type, event->message);
}

static void on_state(struct watch *watch, const struct xr_client_event *event)
{
    const bool lost = event->state == XR_CLIENT_CONNECTING;
    if (lost || watch->was_lost)
        fprintf(stderr, xr_text(watch->cli.lang, lost ? XR_TEXT_LINK_LOST : XR_TEXT_LINK_BACK),
                watch->cli.server);
    if (lost || watch->was_lost)
        fputc('\n', stderr);
    watch->was_lost = lost;
}

static void on_event(void *context, const struct xr_client_event *event)
{
    struct watch *watch = context;
    if (event->kind == XR_CLIENT_UPDATE)
        on_update(watch, event);
    else if (event->kind == XR_CLIENT_STATE && event->state <= XR_CLIENT_READY)
        on_state(watch, event);
    else if (event->kind == XR_CLIENT_RESYNC)
        fprintf(stderr, "%s\n", xr_text(watch->cli.lang, XR_TEXT_RESYNC));
}

static int run_watch(struct watch *watch)
{
    struct xr_cli_link link = {.on_event = on_event, .context = watch};
    const struct xr_cli_feed feed = {true, watch->from >= 0, (uint64_t)watch->from};
    int code = xr_cli_link_open(&link, &watch->cli, feed);
    if (code == XR_EXIT_OK && !watch->cli.json && !watch->raw)
        code = xr_cli_names_load(&watch->names, &link);
    while (code == XR_EXIT_OK && !xr_cli_stopped()) {
        if (xr_client_get_state(link.client) == XR_CLIENT_REFUSED)
            code = XR_EXIT_LOGIN;
        if (watch->count > 0 && watch->shown >= (uint64_t)watch->count)
            break;
        if (ferror(stdout))
            break; /* whoever read it has gone */
        xr_cli_link_pump(&link, 1000, -1);
        fflush(stdout);
        if (watch->names_old && !watch->cli.json && !watch->raw) {
            watch->names_old = false;
            xr_cli_names_fini(&watch->names);
            code = xr_cli_names_load(&watch->names, &link);
        }
    }
    if (watch->last > 0)
        fprintf(stderr, xr_text(watch->cli.lang, XR_TEXT_WATCH_GO_ON),
                (unsigned long long)watch->last);
    xr_cli_link_close(&link);
    xr_cli_names_fini(&watch->names);
    return code;
}

int xr_cli_watch(int argc, char **argv)
{
    struct watch watch = {.from = -1};
    const struct xr_cli_option options[] = {
        {"from", XR_CLI_NUMBER, "SEQ", &watch.from, 0, XR_NUMBER_MAX, NULL,
         "begin after update SEQ (0: the very first) instead of with what is new"},
        {"count", XR_CLI_NUMBER, "N", &watch.count, 0, INT64_MAX, NULL, "end after N updates"},
        {"raw", XR_CLI_FLAG, NULL, &watch.raw, 0, 0, NULL,
         "each update in the text form of the protocol"},
    };
    const struct xr_cli_usage usage = {
        "watch",
        "",
        "The feed of updates that your account may see, as it comes: one line each, with --json "
        "one\n"
        "object each. Nothing is missed or shown twice over lost connections and restarts of the\n"
        "server; at the end stderr says with which --from it goes on.",
        options,
        3,
        0,
        0,
        &watch.cli};
    int code = 0;
    if (!xr_cli_parse(&usage, &argc, argv, &code))
        return code;
    watch.view = (struct xr_view){watch.cli.lang, &watch.names, stdout};
    xr_cli_catch_signals();
    return run_watch(&watch);
}
