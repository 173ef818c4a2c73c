/* session and customer: one of them, with all there is to read. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "proto/json.h"
#include "view.h"

/* ---- session --------------------------------------------------------------------------------- */

struct wanted {
    struct xr_cli cli;
    uint64_t session;
    int64_t from;
    int64_t max;
    bool all;
};

static void print_head(const struct xr_view *view, const struct xr_session_view *session)
{
    char room[16];
    char when[24];
    char buyer[XR_BUYER_MAX * 4 + 1];
    char channel[XR_NAME_MAX * 4 + 1];
    const enum xr_cli_lang lang = view->lang;
    xr_cli_time(when, session->opened_ms);
    xr_cli_copy(buyer, sizeof(buyer), xr_view_buyer(session));
    xr_cli_copy(channel, sizeof(channel), session->channel);
    xr_view_line(view, XR_TEXT_H_SESSION, "%" PRIu64 "   %s%s%s", session->session.n,
                 xr_word(lang, "session_state", session->state), session->reason != 0 ? ": " : "",
                 session->reason != 0 ? xr_word(lang, "close_reason", session->reason) : "");
    xr_view_line(
        view, XR_TEXT_H_BUYER, "%s   %s%s%s%s", buyer, channel, session->returning ? "   (" : "",
        session->returning ? xr_text(lang, XR_TEXT_RETURNING) : "", session->returning ? ")" : "");
    xr_view_line(view, XR_TEXT_H_AGENT, "%s   %s %s   %s",
                 xr_cli_agent_name(view->names, session->agent.n, room),
                 xr_text(lang, XR_TEXT_H_GROUP),
                 xr_cli_group_name(view->names, session->group.n, (char[16]){0}),
                 xr_word(lang, "queue_class", session->klass));
    xr_view_line(view, XR_TEXT_H_OPENED, "%s", when);
    if (session->position > 0)
        xr_view_line(view, XR_TEXT_POSITION, "%u", session->position);
    putchar('\n');
}

static int ask_head(struct xr_cli_link *link, const struct wanted *wanted,
                    const struct xr_view *view, char *buyer, size_t buyer_size)
{
    enum xr_type type = XR_TYPE_none;
    const void *answer = NULL;
    const struct xr_get_session ask = {.session = {wanted->session}};
    const int code = xr_cli_link_ask(link, XR_TYPE_get_session, &ask, &type, &answer);
    if (code != XR_EXIT_OK)
        return code;
    const struct xr_session_page *page = answer;
    if (link->cli->json)
        return xr_cli_json(xr_json_write(type, answer)) ? XR_EXIT_OK : XR_EXIT_FAILED;
    if (page->sessions.count == 0)
        return XR_EXIT_REFUSED;
    print_head(view, &page->sessions.at[0]);
    xr_cli_copy(buyer, buyer_size, xr_view_buyer(&page->sessions.at[0]));
    return XR_EXIT_OK;
}

static int ask_messages(struct xr_cli_link *link, const struct wanted *wanted,
                        const struct xr_view *view, const char *buyer)
{
    struct xr_get_history ask = {.session = {wanted->session},
                                 .from = wanted->all ? 1 : (uint32_t)wanted->from,
                                 .max = (uint32_t)wanted->max};
    enum xr_type type = XR_TYPE_none;
    const void *answer = NULL;
    bool more = true;
    while (more && !xr_cli_stopped()) {
        const int code = xr_cli_link_ask(link, XR_TYPE_get_history, &ask, &type, &answer);
        if (code != XR_EXIT_OK)
            return code;
        const struct xr_history *history = answer;
        if (link->cli->json)
            (void)xr_cli_json(xr_json_write(type, answer));
        for (uint32_t i = 0; i < history->messages.count && !link->cli->json; i++)
            xr_view_message(view, &history->messages.at[i], xr_str_of(buyer), false);
        more = wanted->all && history->more && history->messages.count > 0;
        if (more)
            ask.from = history->messages.at[history->messages.count - 1].number + 1;
    }
    return XR_EXIT_OK;
}

static int show_session(struct xr_cli_link *link, void *context)
{
    const struct wanted *wanted = context;
    struct xr_cli_names names = {0};
    const struct xr_view view = {link->cli->lang, &names, stdout};
    char buyer[XR_BUYER_MAX * 4 + 1] = "";
    int code = link->cli->json ? XR_EXIT_OK : xr_cli_names_load(&names, link);
    if (code == XR_EXIT_OK)
        code = ask_head(link, wanted, &view, buyer, sizeof(buyer));
    if (code == XR_EXIT_OK)
        code = ask_messages(link, wanted, &view, buyer);
    xr_cli_names_fini(&names);
    return code;
}

int xr_cli_session(int argc, char **argv)
{
    struct wanted wanted = {.max = 50};
    const struct xr_cli_option options[] = {
        {"from", XR_CLI_NUMBER, "N", &wanted.from, 0, UINT32_MAX, NULL,
         "begin with this message (0: the last ones)"},
        {"max", XR_CLI_NUMBER, "N", &wanted.max, 1, XR_PAGE_MAX, NULL, "messages (50)"},
        {"all", XR_CLI_FLAG, NULL, &wanted.all, 0, 0, NULL, "all messages"},
    };
    const struct xr_cli_usage usage = {
        "session", "SESSION",  "One session, open or closed, with its messages.", options, 3, 1,
        1,         &wanted.cli};
    int code = 0;
    if (!xr_cli_parse(&usage, &argc, argv, &code))
        return code;
    if (!xr_cli_id("a session", argv[1], &wanted.session))
        return XR_EXIT_USAGE;
    return xr_cli_with_link(&wanted.cli, show_session, &wanted);
}

/* ---- customer -------------------------------------------------------------------------------- */

static void print_customer(const struct xr_view *view, const struct xr_customer *customer)
{
    xr_view_card(view, &customer->card);
    if (customer->sessions.count > 0) {
        xr_cli_pad(view->out, xr_str_of(xr_text(view->lang, XR_TEXT_SESSIONS)), 12, false);
        for (uint32_t i = 0; i < customer->sessions.count && i < 12; i++)
            printf("%s%" PRIu64, i > 0 ? " " : "", customer->sessions.at[i]);
        puts(customer->sessions.count > 12 ? " …" : "");
    }
    if (customer->notes.count > 0)
        printf("\n%s\n", xr_text(view->lang, XR_TEXT_NOTES));
    for (uint32_t i = 0; i < customer->notes.count; i++)
        xr_view_note(view, &customer->notes.at[i]);
}

struct customer {
    struct xr_cli cli;
    struct xr_get_customer ask;
    const char *nick;
    const char *language;
    const char *tag;   /* NAME or NAME:RRGGBB */
    const char *untag; /* NAME */
    int64_t level;     /* -1: not said */
    int64_t flag;
    int type;
};

static bool changes(const struct customer *wanted)
{
    return wanted->nick != NULL || wanted->language != NULL || wanted->tag != NULL ||
           wanted->untag != NULL || wanted->level >= 0 || wanted->flag >= 0 || wanted->type > 0;
}

/* "VIP:ff0000": a colour behind the last colon, if it is one. */
static struct xr_tag read_tag(const char *text)
{
    struct xr_tag tag = {.name = xr_str_of(text)};
    const char *colon = strrchr(text, ':');
    char *end = NULL;
    const unsigned long colour = colon != NULL ? strtoul(colon + 1, &end, 16) : 0;
    if (colon != NULL && strlen(colon + 1) == 6 && *end == '\0') {
        tag.name.size = (uint32_t)(colon - text);
        tag.colour = (uint32_t)colour;
    }
    return tag;
}

static int change_customer(struct xr_cli_link *link, const struct customer *wanted,
                           struct xr_customer_id customer)
{
    const struct xr_tag tag = read_tag(wanted->tag != NULL ? wanted->tag : "");
    const struct xr_str untag = xr_str_of(wanted->untag);
    struct xr_customer_set set = {.customer = customer,
                                  .nick = xr_str_of(wanted->nick),
                                  .language = xr_str_of(wanted->language),
                                  .buyer_type = (enum xr_buyer_type)wanted->type};
    if (wanted->level >= 0) {
        set.level = (uint32_t)wanted->level;
        set.has |= UINT64_C(1) << 4; /* 0 is a level too */
    }
    if (wanted->flag >= 0) {
        set.flag = (uint32_t)wanted->flag;
        set.has |= UINT64_C(1) << 6; /* 0 takes the flag away */
    }
    if (wanted->tag != NULL)
        set.tags_add = (struct xr_tag_list){&tag, 1};
    if (wanted->untag != NULL)
        set.tags_remove = (struct xr_strs){&untag, 1};
    enum xr_type type = XR_TYPE_none;
    const void *answer = NULL;
    return xr_cli_link_ask(link, XR_TYPE_customer_set, &set, &type, &answer);
}

static int show_customer(struct xr_cli_link *link, void *context)
{
    const struct customer *wanted = context;
    struct xr_cli_names names = {0};
    const struct xr_view view = {link->cli->lang, &names, stdout};
    enum xr_type type = XR_TYPE_none;
    const void *answer = NULL;
    int code = link->cli->json ? XR_EXIT_OK : xr_cli_names_load(&names, link);
    if (code == XR_EXIT_OK)
        code = xr_cli_link_ask(link, XR_TYPE_get_customer, &wanted->ask, &type, &answer);
    if (code == XR_EXIT_OK && changes(wanted))
        code = change_customer(link, wanted, ((const struct xr_customer *)answer)->card.customer);
    if (code == XR_EXIT_OK && changes(wanted))
        code = xr_cli_link_ask(link, XR_TYPE_get_customer, &wanted->ask, &type, &answer);
    if (code == XR_EXIT_OK && link->cli->json)
        code = xr_cli_json(xr_json_write(type, answer)) ? XR_EXIT_OK : XR_EXIT_FAILED;
    else if (code == XR_EXIT_OK)
        print_customer(&view, answer);
    xr_cli_names_fini(&names);
    return code;
}

int xr_cli_customer(int argc, char **argv)
{
    struct customer wanted = {.level = -1, .flag = -1};
    const struct xr_cli_option options[] = {
        {"tag", XR_CLI_TEXT, "NAME", &wanted.tag, 0, 0, NULL,
         "add a tag; NAME:RRGGBB gives it a colour"},
        {"untag", XR_CLI_TEXT, "NAME", &wanted.untag, 0, 0, NULL, "take a tag away"},
        {"nick", XR_CLI_TEXT, "NAME", &wanted.nick, 0, 0, NULL, "as shown"},
        {"level", XR_CLI_NUMBER, "N", &wanted.level, 0, 1000, NULL, "membership level"},
        {"flag", XR_CLI_NUMBER, "N", &wanted.flag, 0, 5, NULL, "coloured flag; 0: none"},
        {"type", XR_CLI_CHOICE, "TYPE", &wanted.type, 0, 0,
         "none|hesitant|aftersales|price|doubtful|expert|picky",
         "hesitant, aftersales, price, doubtful, expert, picky"},
        {"language", XR_CLI_TEXT, "TAG", &wanted.language, 0, 0, NULL, "zh-CN, en…"},
    };
    const struct xr_cli_usage usage = {
        "customer",
        "CUSTOMER | CHANNEL BUYER",
        "A customer with tags, notes and sessions: by number, or by the channel and the buyer's "
        "id\n"
        "there. Options change the record first; only what is said changes.",
        options,
        7,
        1,
        2,
        &wanted.cli};
    int code = 0;
    if (!xr_cli_parse(&usage, &argc, argv, &code))
        return code;
    if (argc == 2 && !xr_cli_id("a customer", argv[1], &wanted.ask.customer.n))
        return XR_EXIT_USAGE;
    if (argc == 3) {
        wanted.ask.channel = xr_str_of(argv[1]);
        wanted.ask.buyer = xr_str_of(argv[2]);
    }
    return xr_cli_with_link(&wanted.cli, show_customer, &wanted);
}
