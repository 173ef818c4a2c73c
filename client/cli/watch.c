/* watch: the feed as it comes, as text or as JSON lines. */
#include <inttypes.h>
#include <string.h>

#include "proto/json.h"
#include "proto/text.h"
#include "view.h"

#define WHO_WIDTH   14
#define BUYERS_KEPT 4096 /* names of buyers, by session */

struct buyer {
    uint64_t session;
    char name[XR_TITLE_MAX * 4 + 1];
};

struct watch {
    struct xr_cli cli;
    struct buyer *buyers; /* BUYERS_KEPT, at the session's number modulo that */
    struct xr_cli_names names;
    struct xr_view view;
    int64_t wall_ms; /* of the last update that told its time */
    int64_t from;    /* -1: what is new */
    int64_t count;
    bool raw;
    uint64_t shown;
    uint64_t last;
    bool was_lost;  /* the connection, and that was told */
    bool names_old; /* an account or group has changed */
};

/* Time and kind of a line. */
static void begin_line(struct watch *watch, int64_t wall_ms, const char *kind,
                       enum xr_colour colour)
{
    char when[24];
    if (wall_ms > 0)
        watch->wall_ms = wall_ms;
    else if (watch->from < 0 || watch->wall_ms == 0)
        watch->wall_ms = xr_cli_wall_ms(); /* it comes as it happens */
    xr_cli_time(when, watch->wall_ms);
    printf("%s%s%s  %s", xr_view_colour(stdout, XR_COLOUR_DIM), when,
           xr_view_colour(stdout, XR_COLOUR_PLAIN), xr_view_colour(stdout, colour));
    xr_view_fit(stdout, xr_str_of(kind), WHO_WIDTH);
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

static void keep_buyer(const struct watch *watch, const struct xr_session_view *session)
{
    struct buyer *buyer = &watch->buyers[session->session.n % BUYERS_KEPT];
    buyer->session = session->session.n;
    xr_cli_copy(buyer->name, sizeof(buyer->name), xr_view_buyer(session));
}

static const char *buyer_of(const struct watch *watch, struct xr_session_id session)
{
    const struct buyer *buyer = &watch->buyers[session.n % BUYERS_KEPT];
    return buyer->session == session.n ? buyer->name
                                       : xr_word(watch->view.lang, "sender", XR_sender_BUYER);
}

static void show_session(struct watch *watch, const struct xr_session_changed *update)
{
    const struct xr_session_view *session = &update->session;
    keep_buyer(watch, session);
    const enum xr_cli_lang lang = watch->view.lang;
    char room[16];
    begin_line(watch, 0, xr_word(lang, "change", update->change),
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

static void show_message(struct watch *watch, const struct xr_message_added *update)
{
    const struct xr_message *message = &update->message;
    const enum xr_cli_lang lang = watch->view.lang;
    char room[16];
    const char *who = xr_word(lang, "sender", message->sender);
    if (message->sender == XR_sender_AGENT)
        who = agent_of(watch, message->agent, room);
    else if (message->sender == XR_sender_BUYER)
        who = buyer_of(watch, message->session);
    begin_line(watch, message->wall_ms, who,
               message->sender == XR_sender_BUYER ? XR_COLOUR_CYAN : XR_COLOUR_GREEN);
    printf("%s %" PRIu64 ".%u  ", xr_text(lang, XR_TEXT_H_SESSION), message->session.n,
           message->number);
    put_str(message->text);
    putchar('\n');
}

static void show_note(struct watch *watch, const struct xr_note_changed *update)
{
    const enum xr_cli_lang lang = watch->view.lang;
    char room[16];
    begin_line(watch, update->note.wall_ms, xr_text(lang, XR_TEXT_H_NOTE), XR_COLOUR_YELLOW);
    printf("%s %" PRIu64 "  %u.%u  %s%s  ", xr_text(lang, XR_TEXT_CUSTOMER), update->customer.n,
           update->note.note, update->note.revision, agent_of(watch, update->note.author, room),
           update->note.pinned ? " !" : "");
    put_str(update->note.text);
    putchar('\n');
}

static void show_agent(struct watch *watch, const struct xr_agent_view *agent,
                       struct xr_agent_id by)
{
    const enum xr_cli_lang lang = watch->view.lang;
    char room[16];
    begin_line(watch, agent->since_ms, xr_word(lang, "presence", agent->state), XR_COLOUR_BLUE);
    if (agent->name.size > 0)
        put_str(agent->name);
    else
        fputs(agent_of(watch, agent->agent, room), stdout);
    if (agent->reason != 0)
        printf("  (%s)", xr_word(lang, "pause_reason", agent->reason));
    if (by.n != 0 && by.n != agent->agent.n)
        printf("  ← %s", agent_of(watch, by, room));
    putchar('\n');
}

static void show_audit(struct watch *watch, const struct xr_audit *audit)
{
    const enum xr_cli_lang lang = watch->view.lang;
    char room[16];
    begin_line(watch, audit->wall_ms, xr_text(lang, XR_TEXT_AUDIT), XR_COLOUR_RED);
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

static void show_customer(struct watch *watch, const struct xr_customer_card *card)
{
    const enum xr_cli_lang lang = watch->view.lang;
    begin_line(watch, 0, xr_text(lang, XR_TEXT_CUSTOMER), XR_COLOUR_DIM);
    printf("%" PRIu64 "  ", card->customer.n);
    put_str(card->nick.size > 0 ? card->nick : card->buyer);
    for (uint32_t i = 0; i < card->tags.count; i++) {
        fputs(i > 0 ? " [" : "  [", stdout);
        put_str(card->tags.at[i].name);
        putchar(']');
    }
    if (card->buyer_type != 0)
        printf("  %s", xr_word(lang, "buyer_type", card->buyer_type));
    putchar('\n');
}

static void show_account(struct watch *watch, const struct xr_agent_view *account)
{
    const enum xr_cli_lang lang = watch->view.lang;
    begin_line(watch, 0, xr_text(lang, XR_TEXT_H_ACCOUNT), XR_COLOUR_DIM);
    printf("%u  ", account->agent.n);
    put_str(account->login);
    fputs("  ", stdout);
    put_str(account->name);
    printf("  %s  %s  %s %u  %s %u\n", xr_word(lang, "role", account->role),
           xr_word(lang, "account_state", account->account), xr_text(lang, XR_TEXT_H_WEIGHT),
           account->weight, xr_text(lang, XR_TEXT_H_LIMIT), account->limit);
}

static void show_group(struct watch *watch, const struct xr_group_view *group)
{
    begin_line(watch, 0, xr_text(watch->view.lang, XR_TEXT_H_GROUP), XR_COLOUR_DIM);
    printf("%u  ", group->group.n);
    put_str(group->name);
    fputs("  ", stdout);
    put_str(group->title);
    putchar('\n');
}

static void show_setting(struct watch *watch, const struct xr_setting_view *setting)
{
    begin_line(watch, 0, xr_text(watch->view.lang, XR_TEXT_H_SETTING), XR_COLOUR_DIM);
    put_str(setting->name);
    printf(" = %" PRId64 " ", setting->value);
    put_str(setting->unit);
    putchar('\n');
}

/* Whatever has no view of its own: the text form of the message. */
static void show_other(struct watch *watch, enum xr_type type, const void *message)
{
    struct xr_buf text = {0};
    const struct xr_message_info *info = xr_message_info(type);
    xr_buf_init(&text, XR_FRAME_BYTES_MAX);
    xr_text_write(&text, type, -1, message);
    begin_line(watch, 0, info != NULL ? "·" : "?", XR_COLOUR_DIM);
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
    case XR_TYPE_customer_changed:
        show_customer(watch, &((const struct xr_customer_changed *)message)->card);
        break;
    case XR_TYPE_account_changed:
        show_account(watch, &((const struct xr_account_changed *)message)->account);
        break;
    case XR_TYPE_group_changed:
        show_group(watch, &((const struct xr_group_changed *)message)->group);
        break;
    case XR_TYPE_setting_changed:
        show_setting(watch, &((const struct xr_setting_changed *)message)->setting);
        break;
    case XR_TYPE_audit_added:
        show_audit(watch, &((const struct xr_audit_added *)message)->audit);
        break;
    default:
        show_other(watch, type, message);
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

/* Names first and on a connection of their own: the feed begins at once. */
static int load_names(struct watch *watch)
{
    struct xr_cli_link link = {0};
    int code = xr_cli_link_open(&link, &watch->cli, (struct xr_cli_feed){0});
    if (code == XR_EXIT_OK)
        code = xr_cli_names_load(&watch->names, &link);
    xr_cli_link_close(&link);
    return code;
}

static int run_watch(struct watch *watch)
{
    struct xr_cli_link link = {.on_event = on_event, .context = watch};
    const struct xr_cli_feed feed = {true, watch->from >= 0, (uint64_t)watch->from};
    int code = watch->cli.json || watch->raw ? XR_EXIT_OK : load_names(watch);
    if (code == XR_EXIT_OK)
        code = xr_cli_link_open(&link, &watch->cli, feed);
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
            code = xr_cli_names_reload(&watch->names, &link);
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
    watch.buyers = xr_mem_zero(BUYERS_KEPT, sizeof(*watch.buyers));
    if (watch.buyers == NULL)
        return XR_EXIT_FAILED;
    xr_cli_catch_signals();
    code = run_watch(&watch);
    xr_mem_free(watch.buyers);
    return code;
}
