/* status, agents, groups, sessions: what there is now, as tables. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "proto/json.h"
#include "view.h"

/* A balance: sessions with their sign, "+0.42". */
static void add_owed(struct xr_cli_table *table, int64_t micro)
{
    xr_cli_table_cell(table, "%+.2f", (double)micro / 1e6);
}

static void add_span_since(struct xr_cli_table *table, int64_t since_ms)
{
    char span[24];
    if (since_ms <= 0) {
        xr_cli_table_cell(table, "-");
        return;
    }
    xr_cli_span(span, xr_cli_wall_ms() - since_ms);
    xr_cli_table_cell(table, "%s", span);
}

/* ---- groups ---------------------------------------------------------------------------------- */

static void group_columns(struct xr_cli_table *table, enum xr_cli_lang lang)
{
    xr_cli_table_column(table, xr_text(lang, XR_TEXT_H_ID), true);
    xr_cli_table_column(table, xr_text(lang, XR_TEXT_H_GROUP), false);
    xr_cli_table_column(table, xr_text(lang, XR_TEXT_H_NAME), false);
    xr_cli_table_column(table, xr_text(lang, XR_TEXT_H_QUEUED), true);
    xr_cli_table_column(table, xr_text(lang, XR_TEXT_H_OLDEST), true);
    xr_cli_table_column(table, xr_text(lang, XR_TEXT_H_AGENTS_FREE), true);
}

static void add_groups(struct xr_cli_table *table, const struct xr_group_view_list *groups)
{
    for (uint32_t i = 0; i < groups->count; i++) {
        const struct xr_group_view *group = &groups->at[i];
        xr_cli_table_cell(table, "%u", group->group.n);
        xr_cli_table_str(table, group->name);
        xr_cli_table_str(table, group->title);
        xr_cli_table_cell(table, "%u", group->queued);
        add_span_since(table, group->oldest_ms);
        xr_cli_table_cell(table, "%u", group->available);
    }
}

static int show_groups(struct xr_cli_link *link, void *unused)
{
    (void)unused;
    const struct xr_cli *cli = link->cli;
    struct xr_get_groups ask = {0};
    struct xr_cli_table table = {0};
    enum xr_type type = XR_TYPE_none;
    const void *answer = NULL;
    bool more = true;
    group_columns(&table, cli->lang);
    while (more) {
        const int code = xr_cli_link_ask(link, XR_TYPE_get_groups, &ask, &type, &answer);
        if (code != XR_EXIT_OK) {
            xr_buf_fini(&table.cells);
            return code;
        }
        const struct xr_group_page *page = answer;
        if (cli->json)
            (void)xr_cli_json(xr_json_write(type, answer));
        add_groups(&table, &page->groups);
        more = page->more && page->groups.count > 0;
        if (more)
            ask.after = page->groups.at[page->groups.count - 1].group;
    }
    if (cli->json)
        xr_buf_fini(&table.cells);
    else
        xr_cli_table_print(&table, stdout);
    return XR_EXIT_OK;
}

struct groups {
    struct xr_cli cli;
    const char *group; /* set: which */
    const char *name;
    const char *title;
};

static int change_group(struct xr_cli_link *link, void *context)
{
    const struct groups *wanted = context;
    struct xr_group_set set = {.name = xr_str_of(wanted->name), .title = xr_str_of(wanted->title)};
    struct xr_cli_names names = {0};
    int code = wanted->group != NULL ? xr_cli_names_load(&names, link) : XR_EXIT_OK;
    if (code == XR_EXIT_OK && wanted->group != NULL &&
        !xr_cli_group_find(&names, wanted->group, &set.group.n))
        code = XR_EXIT_USAGE;
    if (code == XR_EXIT_OK)
        code = xr_cli_link_command(link, XR_TYPE_group_set, &set);
    xr_cli_names_fini(&names);
    return code;
}

int xr_cli_groups(int argc, char **argv)
{
    struct groups wanted = {0};
    const struct xr_cli_option options[] = {
        {"title", XR_CLI_TEXT, "TITLE", &wanted.title, 0, 0, NULL, "add, set: what people see"},
        {"name", XR_CLI_TEXT, "NAME", &wanted.name, 0, 0, NULL, "set: what bridges say"},
    };
    const struct xr_cli_usage usage = {
        "groups",
        "[list] | add NAME | set GROUP",
        "Groups, how many sessions wait in each, and how many of its agents are online; or, as a\n"
        "supervisor, add one or change one (audited).",
        options,
        2,
        0,
        2,
        &wanted.cli};
    int code = 0;
    if (!xr_cli_parse(&usage, &argc, argv, &code))
        return code;
    const char *verb = argc > 1 ? argv[1] : "list";
    if (strcmp(verb, "list") == 0 && argc <= 2)
        return xr_cli_with_link(&wanted.cli, show_groups, NULL);
    if (strcmp(verb, "add") == 0 && argc == 3) {
        wanted.name = argv[2];
    } else if (strcmp(verb, "set") == 0 && argc == 3) {
        wanted.group = argv[2];
    } else {
        xr_cli_complain("usage: xiaoer groups %s", usage.args);
        return XR_EXIT_USAGE;
    }
    return xr_cli_with_link(&wanted.cli, change_group, &wanted);
}

/* ---- status ---------------------------------------------------------------------------------- */

static void print_status(const struct xr_cli *cli, const struct xr_floor_status *status)
{
    const struct xr_view view = {cli->lang, NULL, stdout};
    const enum xr_cli_lang lang = cli->lang;
    char floor[XR_NAME_MAX * 4 + 1];
    char waits[48] = "";
    char span[24];
    if (status->oldest_ms > 0) {
        xr_cli_span(span, xr_cli_wall_ms() - status->oldest_ms);
        snprintf(waits, sizeof(waits), "  (%s %s)", xr_text(lang, XR_TEXT_OLDEST_WAITS), span);
    }
    xr_cli_copy(floor, sizeof(floor), status->floor);
    xr_view_line(&view, XR_TEXT_FLOOR, "%s", floor);
    xr_view_line(&view, XR_TEXT_AGENTS, "%s %u   %s %u   %s %u   %s %u",
                 xr_word(lang, "presence", XR_presence_ONLINE), status->online,
                 xr_word(lang, "presence", XR_presence_PAUSED), status->paused,
                 xr_word(lang, "presence", XR_presence_LOST), status->lost,
                 xr_word(lang, "presence", XR_presence_OFFLINE), status->offline);
    xr_view_line(&view, XR_TEXT_SESSIONS, "%s %u   %s %u%s", xr_word(lang, "session_state", 3),
                 status->open, xr_word(lang, "session_state", 1), status->queued, waits);
    xr_view_line(&view, XR_TEXT_SO_FAR, "%s %" PRIu64 "   %s %" PRIu64 "   %s %" PRIu64,
                 xr_text(lang, XR_TEXT_SESSIONS), status->sessions,
                 xr_text(lang, XR_TEXT_CUSTOMERS), status->customers,
                 xr_text(lang, XR_TEXT_MESSAGES), status->messages);
    if (status->groups.count == 0)
        return;
    struct xr_cli_table table = {0};
    putchar('\n');
    group_columns(&table, lang);
    add_groups(&table, &status->groups);
    xr_cli_table_print(&table, stdout);
}

static int show_status(struct xr_cli_link *link, void *unused)
{
    (void)unused;
    enum xr_type type = XR_TYPE_none;
    const void *answer = NULL;
    const struct xr_get_status ask = {0};
    const int code = xr_cli_link_ask(link, XR_TYPE_get_status, &ask, &type, &answer);
    if (code != XR_EXIT_OK)
        return code;
    if (link->cli->json)
        return xr_cli_json(xr_json_write(type, answer)) ? XR_EXIT_OK : XR_EXIT_FAILED;
    print_status(link->cli, answer);
    return XR_EXIT_OK;
}

int xr_cli_status(int argc, char **argv)
{
    struct xr_cli cli = {0};
    const struct xr_cli_usage usage = {
        "status",
        "",
        "The floor in a few lines: agents by state, sessions open and waiting, groups.",
        NULL,
        0,
        0,
        0,
        &cli};
    int code = 0;
    return xr_cli_parse(&usage, &argc, argv, &code) ? xr_cli_with_link(&cli, show_status, NULL)
                                                    : code;
}

/* ---- agents ---------------------------------------------------------------------------------- */

static void agent_columns(struct xr_cli_table *table, enum xr_cli_lang lang)
{
    static const struct {
        enum xr_text head;
        bool right;
    } columns[] = {
        {XR_TEXT_H_ID, true},        {XR_TEXT_H_LOGIN, false}, {XR_TEXT_H_NAME, false},
        {XR_TEXT_H_STATE, false},    {XR_TEXT_H_SINCE, true},  {XR_TEXT_H_ACTIVE, true},
        {XR_TEXT_H_LIMIT, true},     {XR_TEXT_H_OWED, true},   {XR_TEXT_H_TAKEN, true},
        {XR_TEXT_H_AVAILABLE, true}, {XR_TEXT_H_WEIGHT, true}, {XR_TEXT_H_GROUPS, false},
    };
    for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
        xr_cli_table_column(table, xr_text(lang, columns[i].head), columns[i].right);
}

static void add_group_names(struct xr_cli_table *table, const struct xr_cli_names *names,
                            const struct xr_u32s *groups)
{
    char all[512] = "";
    char room[16];
    for (uint32_t i = 0; i < groups->count; i++) {
        const size_t size = strlen(all);
        snprintf(all + size, sizeof(all) - size, "%s%s", i > 0 ? ", " : "",
                 xr_cli_group_name(names, groups->at[i], room));
    }
    xr_cli_table_str(table, xr_str_of(all));
}

static void add_state(struct xr_cli_table *table, enum xr_cli_lang lang,
                      const struct xr_agent_view *agent)
{
    const char *state = xr_word(lang, "presence", agent->state);
    if (agent->reason != 0)
        xr_cli_table_cell(table, "%s (%s)", state, xr_word(lang, "pause_reason", agent->reason));
    else
        xr_cli_table_cell(table, "%s", state);
}

/* What only supervisors, and agents of themselves, are told. */
static void add_books(struct xr_cli_table *table, const struct xr_agent_view *agent)
{
    char span[24];
    if (agent->login.size == 0) {
        for (int i = 0; i < 4; i++)
            xr_cli_table_cell(table, "-");
        return;
    }
    add_owed(table, agent->owed_micro);
    xr_cli_table_cell(table, "%" PRIu64, agent->taken);
    xr_cli_span(span, agent->available_ms);
    xr_cli_table_cell(table, "%s", span);
    xr_cli_table_cell(table, "%u", agent->weight);
}

static void add_agent(struct xr_cli_table *table, enum xr_cli_lang lang,
                      const struct xr_cli_names *names, const struct xr_agent_view *agent)
{
    xr_cli_table_cell(table, "%u", agent->agent.n);
    xr_cli_table_str(table, agent->login.size > 0 ? agent->login : XR_STR("-"));
    xr_cli_table_str(table, agent->name);
    add_state(table, lang, agent);
    add_span_since(table, agent->since_ms);
    xr_cli_table_cell(table, "%u", agent->active);
    xr_cli_table_cell(table, "%u", agent->limit);
    add_books(table, agent);
    add_group_names(table, names, &agent->groups);
}

/* Bridges are no agents; whoever has left is not on the floor. */
static bool works(const struct xr_agent_view *agent)
{
    return agent->role != XR_role_BRIDGE && agent->account != XR_account_state_LEFT;
}

static int show_agents(struct xr_cli_link *link, void *unused)
{
    (void)unused;
    const struct xr_cli *cli = link->cli;
    struct xr_get_agents ask = {0};
    struct xr_cli_names names = {0};
    struct xr_cli_table table = {0};
    enum xr_type type = XR_TYPE_none;
    const void *answer = NULL;
    bool more = true;
    int code = cli->json ? XR_EXIT_OK : xr_cli_names_load(&names, link);
    agent_columns(&table, cli->lang);
    while (code == XR_EXIT_OK && more) {
        code = xr_cli_link_ask(link, XR_TYPE_get_agents, &ask, &type, &answer);
        if (code != XR_EXIT_OK)
            break;
        const struct xr_agent_page *page = answer;
        if (cli->json)
            (void)xr_cli_json(xr_json_write(type, answer));
        for (uint32_t i = 0; i < page->agents.count && !cli->json; i++)
            if (works(&page->agents.at[i]))
                add_agent(&table, cli->lang, &names, &page->agents.at[i]);
        more = page->more && page->agents.count > 0;
        if (more)
            ask.after = page->agents.at[page->agents.count - 1].agent;
    }
    if (code == XR_EXIT_OK && !cli->json)
        xr_cli_table_print(&table, stdout);
    xr_buf_fini(&table.cells);
    xr_cli_names_fini(&names);
    return code;
}

int xr_cli_agents(int argc, char **argv)
{
    struct xr_cli cli = {0};
    const struct xr_cli_usage usage = {
        "agents",
        "",
        "Agents by id. `owed` is the balance of shares not yet received: whoever is owed most "
        "gets\n"
        "the next session; `available` is the time online with a live client, all days.\n"
        "`-`: an agent is not told this of others.",
        NULL,
        0,
        0,
        0,
        &cli};
    int code = 0;
    return xr_cli_parse(&usage, &argc, argv, &code) ? xr_cli_with_link(&cli, show_agents, NULL)
                                                    : code;
}

/* ---- sessions -------------------------------------------------------------------------------- */

struct sessions {
    struct xr_cli cli;
    int state; /* index in the choices below; 0: all */
    const char *agent;
    int64_t max;
};

static void session_columns(struct xr_cli_table *table, enum xr_cli_lang lang)
{
    static const struct {
        enum xr_text head;
        bool right;
    } columns[] = {
        {XR_TEXT_H_ID, true},     {XR_TEXT_H_STATE, false},   {XR_TEXT_H_CLASS, false},
        {XR_TEXT_H_GROUP, false}, {XR_TEXT_H_AGENT, false},   {XR_TEXT_H_BUYER, false},
        {XR_TEXT_H_WAITS, true},  {XR_TEXT_H_MESSAGES, true}, {XR_TEXT_H_OPENED, false},
    };
    for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
        xr_cli_table_column(table, xr_text(lang, columns[i].head), columns[i].right);
}

static void add_session(struct xr_cli_table *table, enum xr_cli_lang lang,
                        const struct xr_cli_names *names, const struct xr_session_view *session)
{
    char room[16];
    char when[24];
    xr_cli_table_cell(table, "%" PRIu64, session->session.n);
    xr_cli_table_cell(table, "%s", xr_word(lang, "session_state", session->state));
    xr_cli_table_cell(table, "%s", xr_word(lang, "queue_class", session->klass));
    xr_cli_table_cell(table, "%s", xr_cli_group_name(names, session->group.n, room));
    xr_cli_table_cell(table, "%s", xr_cli_agent_name(names, session->agent.n, room));
    xr_cli_table_str(table, xr_view_buyer(session));
    add_span_since(table, session->waiting_ms);
    xr_cli_table_cell(table, "%u", session->number);
    xr_cli_time(when, session->opened_ms);
    xr_cli_table_cell(table, "%s", when);
}

static int list_sessions(struct xr_cli_link *link, struct xr_get_sessions *ask, int64_t max,
                         const struct xr_cli_names *names, struct xr_cli_table *table)
{
    const struct xr_cli *cli = link->cli;
    enum xr_type type = XR_TYPE_none;
    const void *answer = NULL;
    struct xr_cli_progress progress;
    int64_t count = 0;
    bool more = true;
    xr_cli_progress_begin(&progress, xr_text(cli->lang, XR_TEXT_SESSIONS));
    while (more && count < max && !xr_cli_stopped()) {
        ask->max = max - count < XR_PAGE_MAX ? (uint32_t)(max - count) : XR_PAGE_MAX;
        const int code = xr_cli_link_ask(link, XR_TYPE_get_sessions, ask, &type, &answer);
        if (code != XR_EXIT_OK)
            return code;
        const struct xr_session_page *page = answer;
        if (cli->json)
            (void)xr_cli_json(xr_json_write(type, answer));
        for (uint32_t i = 0; i < page->sessions.count && !cli->json; i++)
            add_session(table, cli->lang, names, &page->sessions.at[i]);
        count += page->sessions.count;
        more = page->more && page->sessions.count > 0;
        if (page->sessions.count > 0)
            ask->after = page->sessions.at[page->sessions.count - 1].session;
        xr_cli_progress_show(&progress, (uint64_t)count, 0);
    }
    xr_cli_progress_end(&progress);
    if (more && !cli->json)
        fprintf(stderr, xr_text(cli->lang, XR_TEXT_SHOWN_OF), (long long)count);
    if (more && !cli->json)
        fputc('\n', stderr);
    return XR_EXIT_OK;
}

static int show_sessions(struct xr_cli_link *link, void *context)
{
    const struct sessions *wanted = context;
    static const enum xr_session_state states[] = {0, XR_session_state_QUEUED,
                                                   XR_session_state_OPEN};
    const struct xr_cli *cli = link->cli;
    struct xr_get_sessions ask = {.state = states[wanted->state]};
    struct xr_cli_names names = {0};
    struct xr_cli_table table = {0};
    session_columns(&table, cli->lang);
    int code = cli->json && wanted->agent == NULL ? XR_EXIT_OK : xr_cli_names_load(&names, link);
    if (code == XR_EXIT_OK && wanted->agent != NULL &&
        !xr_cli_agent_find(&names, wanted->agent, &ask.agent.n))
        code = XR_EXIT_USAGE;
    if (code == XR_EXIT_OK)
        code = list_sessions(link, &ask, wanted->max, &names, &table);
    if (code == XR_EXIT_OK && !cli->json) {
        if (table.count == 0)
            puts(xr_text(cli->lang, XR_TEXT_NO_SESSIONS));
        else
            xr_cli_table_print(&table, stdout);
    }
    xr_buf_fini(&table.cells);
    xr_cli_names_fini(&names);
    return code;
}

int xr_cli_sessions(int argc, char **argv)
{
    struct sessions wanted = {.max = 200};
    const struct xr_cli_option options[] = {
        {"state", XR_CLI_CHOICE, "STATE", &wanted.state, 0, 0, "all|queued|open",
         "all, queued or open"},
        {"agent", XR_CLI_TEXT, "AGENT", &wanted.agent, 0, 0, NULL, "only this one's"},
        {"max", XR_CLI_NUMBER, "N", &wanted.max, 1, 1000000, NULL, "rows at most (200)"},
    };
    const struct xr_cli_usage usage = {
        "sessions",
        "",
        "Sessions that are not closed: an agent sees its own, a bridge the ones it brought, a\n"
        "supervisor all. `waits` is the time since the first unanswered message of the buyer.",
        options,
        3,
        0,
        0,
        &wanted.cli};
    int code = 0;
    if (!xr_cli_parse(&usage, &argc, argv, &code))
        return code;
    return xr_cli_with_link(&wanted.cli, show_sessions, &wanted);
}
