/* settings, accounts, devices, revoke, audit: what supervisors do. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "proto/json.h"
#include "view.h"

static void add_columns(struct xr_cli_table *table, enum xr_cli_lang lang,
                        const enum xr_text *heads, size_t count, uint32_t right)
{
    for (size_t i = 0; i < count; i++)
        xr_cli_table_column(table, xr_text(lang, heads[i]), (right >> i & 1) != 0);
}

/* ---- settings -------------------------------------------------------------------------------- */

struct settings {
    struct xr_cli cli;
    const char *name;  /* NULL: all */
    const char *value; /* NULL: show */
};

static void add_setting(struct xr_cli_table *table, const struct xr_setting_view *setting)
{
    xr_cli_table_str(table, setting->name);
    xr_cli_table_cell(table, "%" PRId64 "%s", setting->value,
                      setting->value == setting->standard ? "" : " *");
    xr_cli_table_cell(table, "%" PRId64, setting->standard);
    xr_cli_table_cell(table, "%" PRId64 "..%" PRId64, setting->min, setting->max);
    xr_cli_table_str(table, setting->unit);
    xr_cli_table_str(table, setting->help);
}

/* Narrow the list to the one of that name. */
static bool keep_setting(struct xr_setting_view_list *settings, const char *name)
{
    for (uint32_t i = 0; i < settings->count; i++)
        if (xr_str_equal(settings->at[i].name, xr_str_of(name))) {
            settings->at += i;
            settings->count = 1;
            return true;
        }
    return false;
}

static int show_settings(struct xr_cli_link *link, const struct settings *wanted)
{
    static const enum xr_text heads[] = {XR_TEXT_H_SETTING, XR_TEXT_H_VALUE, XR_TEXT_H_DEFAULT,
                                         XR_TEXT_H_RANGE,   XR_TEXT_H_UNIT,  XR_TEXT_H_HELP};
    struct xr_cli_table table = {0};
    enum xr_type type = XR_TYPE_none;
    const void *answer = NULL;
    const struct xr_get_settings ask = {0};
    const int code = xr_cli_link_ask(link, XR_TYPE_get_settings, &ask, &type, &answer);
    if (code != XR_EXIT_OK)
        return code;
    struct xr_setting_page page = *(const struct xr_setting_page *)answer;
    if (wanted->name != NULL && !keep_setting(&page.settings, wanted->name)) {
        xr_cli_complain("there is no setting `%s`", wanted->name);
        return XR_EXIT_REFUSED;
    }
    if (link->cli->json)
        return xr_cli_json(xr_json_write(type, &page)) ? XR_EXIT_OK : XR_EXIT_FAILED;
    add_columns(&table, link->cli->lang, heads, 6, 1U << 1 | 1U << 2);
    for (uint32_t i = 0; i < page.settings.count; i++)
        add_setting(&table, &page.settings.at[i]);
    xr_cli_table_print(&table, stdout);
    return XR_EXIT_OK;
}

static int run_settings(struct xr_cli_link *link, void *context)
{
    const struct settings *wanted = context;
    struct xr_setting_set set = {.name = xr_str_of(wanted->name)};
    if (wanted->value == NULL)
        return show_settings(link, wanted);
    if (!xr_cli_number(wanted->value, -XR_NUMBER_MAX, XR_NUMBER_MAX, &set.value)) {
        xr_cli_complain("a setting is a whole number, not `%s`", wanted->value);
        return XR_EXIT_USAGE;
    }
    return xr_cli_link_command(link, XR_TYPE_setting_set, &set);
}

int xr_cli_settings(int argc, char **argv)
{
    struct settings wanted = {0};
    const struct xr_cli_usage usage = {"settings",
                                       "[NAME] | set NAME VALUE",
                                       "Settings of the floor: what they are, or change one "
                                       "(supervisors; it takes effect at once\n"
                                       "and is audited). A star marks what is not the default.",
                                       NULL,
                                       0,
                                       0,
                                       3,
                                       &wanted.cli};
    int code = 0;
    if (!xr_cli_parse(&usage, &argc, argv, &code))
        return code;
    const bool set = argc > 1 && strcmp(argv[1], "set") == 0;
    if (argc == 3 || (argc == 4 && !set)) {
        xr_cli_complain("usage: xiaoer settings %s", usage.args);
        return XR_EXIT_USAGE;
    }
    if (argc == 4) {
        wanted.name = argv[2];
        wanted.value = argv[3];
    } else if (argc == 2) {
        wanted.name = argv[1];
    }
    return xr_cli_with_link(&wanted.cli, run_settings, &wanted);
}

/* ---- accounts -------------------------------------------------------------------------------- */

struct accounts {
    struct xr_cli cli;
    const char *agent; /* whose; NULL: add or list */
    bool add;
    const char *login;
    const char *name;
    const char *groups; /* names, comma between */
    const char *password_file;
    const char *language;
    int role;       /* enum xr_role, 0: not said */
    int state;      /* enum xr_account_state */
    int64_t weight; /* -1: not said */
    int64_t limit;
};

static int list_accounts(struct xr_cli_link *link)
{
    static const enum xr_text heads[] = {XR_TEXT_H_ID,   XR_TEXT_H_LOGIN,   XR_TEXT_H_NAME,
                                         XR_TEXT_H_ROLE, XR_TEXT_H_ACCOUNT, XR_TEXT_H_WEIGHT,
                                         XR_TEXT_H_LIMIT};
    struct xr_cli_table table = {0};
    struct xr_get_agents ask = {0};
    enum xr_type type = XR_TYPE_none;
    const void *answer = NULL;
    bool more = true;
    int code = XR_EXIT_OK;
    const enum xr_cli_lang lang = link->cli->lang;
    add_columns(&table, lang, heads, 7, 1U << 0 | 1U << 5 | 1U << 6);
    while (more && code == XR_EXIT_OK) {
        code = xr_cli_link_ask(link, XR_TYPE_get_agents, &ask, &type, &answer);
        if (code != XR_EXIT_OK)
            break;
        const struct xr_agent_page *page = answer;
        if (link->cli->json)
            (void)xr_cli_json(xr_json_write(type, answer));
        for (uint32_t i = 0; i < page->agents.count; i++) {
            const struct xr_agent_view *agent = &page->agents.at[i];
            xr_cli_table_cell(&table, "%u", agent->agent.n);
            xr_cli_table_str(&table, agent->login);
            xr_cli_table_str(&table, agent->name);
            xr_cli_table_cell(&table, "%s", xr_word(lang, "role", agent->role));
            xr_cli_table_cell(&table, "%s", xr_word(lang, "account_state", agent->account));
            xr_cli_table_cell(&table, "%u", agent->weight);
            xr_cli_table_cell(&table, "%u", agent->limit);
            ask.after = agent->agent;
        }
        more = page->more && page->agents.count > 0;
    }
    if (code == XR_EXIT_OK && !link->cli->json)
        xr_cli_table_print(&table, stdout);
    xr_buf_fini(&table.cells);
    return code;
}

static bool find_groups(const struct xr_cli_names *names, const char *list,
                        uint32_t out[XR_GROUPS_PER_AGENT], uint32_t *count)
{
    char part[XR_NAME_MAX * 4 + 1];
    *count = 0;
    for (const char *at = list; at != NULL && at[0] != '\0';) {
        const char *end = strchr(at, ',');
        const int size = end != NULL ? (int)(end - at) : (int)strlen(at);
        snprintf(part, sizeof(part), "%.*s", size, at);
        if (*count == XR_GROUPS_PER_AGENT || !xr_cli_group_find(names, part, &out[*count]))
            return false;
        *count += 1;
        at = end != NULL ? end + 1 : NULL;
    }
    return true;
}

static bool read_password(const char *path, char *out, size_t size)
{
    FILE *in = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");
    const bool ok = in != NULL && fgets(out, (int)size, in) != NULL;
    if (in != NULL && in != stdin)
        fclose(in);
    if (!ok)
        xr_cli_complain("no password in %s", in == stdin ? "standard input" : path);
    else
        out[strcspn(out, "\r\n")] = '\0';
    return ok;
}

static int set_account(struct xr_cli_link *link, const struct accounts *wanted,
                       const struct xr_cli_names *names)
{
    uint32_t groups[XR_GROUPS_PER_AGENT];
    char password[XR_PASSWORD_MAX * 4 + 2] = "";
    struct xr_account_set set = {.login = xr_str_of(wanted->login),
                                 .name = xr_str_of(wanted->name),
                                 .role = (enum xr_role)wanted->role,
                                 .state = (enum xr_account_state)wanted->state,
                                 .language = xr_str_of(wanted->language)};
    if (wanted->agent != NULL && !xr_cli_agent_find(names, wanted->agent, &set.agent.n))
        return XR_EXIT_USAGE;
    if (wanted->groups != NULL && !find_groups(names, wanted->groups, groups, &set.groups.count))
        return XR_EXIT_USAGE;
    set.groups.at = groups;
    if (wanted->weight >= 0) {
        set.weight = (uint32_t)wanted->weight;
        set.has |= UINT64_C(1) << 7; /* 0 is a weight too */
    }
    if (wanted->limit >= 0) {
        set.limit = (uint32_t)wanted->limit;
        set.has |= UINT64_C(1) << 8;
    }
    if (wanted->password_file != NULL) {
        if (!read_password(wanted->password_file, password, sizeof(password)))
            return XR_EXIT_INPUT;
        set.password = xr_str_of(password);
    }
    return xr_cli_link_command(link, XR_TYPE_account_set, &set);
}

static int run_accounts(struct xr_cli_link *link, void *context)
{
    const struct accounts *wanted = context;
    struct xr_cli_names names = {0};
    if (!wanted->add && wanted->agent == NULL)
        return list_accounts(link);
    int code = xr_cli_names_load(&names, link);
    if (code == XR_EXIT_OK)
        code = set_account(link, wanted, &names);
    xr_cli_names_fini(&names);
    return code;
}

int xr_cli_accounts(int argc, char **argv)
{
    struct accounts wanted = {.weight = -1, .limit = -1};
    const struct xr_cli_option options[] = {
        {"role", XR_CLI_CHOICE, "ROLE", &wanted.role, 0, 0, "none|owner|supervisor|agent|bridge",
         "supervisor, agent, bridge (needed to add)"},
        {"name", XR_CLI_TEXT, "NAME", &wanted.name, 0, 0, NULL, "as shown"},
        {"password-file", XR_CLI_TEXT, "FILE", &wanted.password_file, 0, 0, NULL,
         "its first line is the password (8 or more); -: standard input"},
        {"groups", XR_CLI_TEXT, "A,B", &wanted.groups, 0, 0, NULL, "all its groups"},
        {"weight", XR_CLI_NUMBER, "N", &wanted.weight, 0, 100, NULL, "share; 0: not routed"},
        {"limit", XR_CLI_NUMBER, "N", &wanted.limit, 0, 30, NULL, "sessions; 0: the floor's"},
        {"state", XR_CLI_CHOICE, "STATE", &wanted.state, 0, 0, "none|active|locked|left",
         "active, locked, left"},
        {"language", XR_CLI_TEXT, "TAG", &wanted.language, 0, 0, NULL, "zh-CN, en…"},
        {"new-login", XR_CLI_TEXT, "LOGIN", &wanted.login, 0, 0, NULL, "set: another log-in name"},
    };
    const struct xr_cli_usage usage = {
        "accounts",
        "[list] | add LOGIN | set AGENT",
        "Accounts of the floor: list, add one, change one. Only what is said changes. Audited.",
        options,
        9,
        0,
        2,
        &wanted.cli};
    int code = 0;
    if (!xr_cli_parse(&usage, &argc, argv, &code))
        return code;
    const char *verb = argc > 1 ? argv[1] : "list";
    if (strcmp(verb, "add") == 0 && argc == 3) {
        wanted.add = true;
        wanted.login = argv[2];
    } else if (strcmp(verb, "set") == 0 && argc == 3) {
        wanted.agent = argv[2];
    } else if (strcmp(verb, "list") != 0 || argc > 2) {
        xr_cli_complain("usage: xiaoer accounts %s", usage.args);
        return XR_EXIT_USAGE;
    }
    return xr_cli_with_link(&wanted.cli, run_accounts, &wanted);
}

/* ---- devices --------------------------------------------------------------------------------- */

struct devices {
    struct xr_cli cli;
    const char *agent;
    uint64_t device;
};

static void add_device(struct xr_cli_table *table, enum xr_cli_lang lang,
                       const struct xr_cli_names *names, const struct xr_device_view *device)
{
    char when[24];
    char room[16];
    xr_cli_time(when, device->last_ms);
    xr_cli_table_cell(table, "%" PRIu64, device->device.n);
    xr_cli_table_cell(table, "%s", xr_cli_agent_name(names, device->agent.n, room));
    xr_cli_table_str(table, device->client);
    xr_cli_table_cell(table, "%s", xr_text(lang, device->alive ? XR_TEXT_YES : XR_TEXT_NO));
    xr_cli_table_cell(table, "%s", when);
}

static int show_devices(struct xr_cli_link *link, void *context)
{
    static const enum xr_text heads[] = {XR_TEXT_H_DEVICE, XR_TEXT_H_AGENT, XR_TEXT_H_CLIENT,
                                         XR_TEXT_CONNECTED, XR_TEXT_H_LAST};
    const struct devices *wanted = context;
    struct xr_cli_names names = {0};
    struct xr_cli_table table = {0};
    struct xr_get_devices ask = {0};
    enum xr_type type = XR_TYPE_none;
    const void *answer = NULL;
    int code = xr_cli_names_load(&names, link);
    if (code == XR_EXIT_OK && wanted->agent != NULL &&
        !xr_cli_agent_find(&names, wanted->agent, &ask.agent.n))
        code = XR_EXIT_USAGE;
    if (code == XR_EXIT_OK)
        code = xr_cli_link_ask(link, XR_TYPE_get_devices, &ask, &type, &answer);
    if (code == XR_EXIT_OK && link->cli->json) {
        code = xr_cli_json(xr_json_write(type, answer)) ? XR_EXIT_OK : XR_EXIT_FAILED;
    } else if (code == XR_EXIT_OK) {
        const struct xr_device_page *page = answer;
        add_columns(&table, link->cli->lang, heads, 5, 1U << 0);
        for (uint32_t i = 0; i < page->devices.count; i++)
            add_device(&table, link->cli->lang, &names, &page->devices.at[i]);
        xr_cli_table_print(&table, stdout);
    }
    xr_cli_names_fini(&names);
    return code;
}

int xr_cli_devices(int argc, char **argv)
{
    struct devices wanted = {0};
    const struct xr_cli_usage usage = {
        "devices",
        "[AGENT]",
        "Devices that hold a token: yours, or as a supervisor another's. `revoke` ends one.",
        NULL,
        0,
        0,
        1,
        &wanted.cli};
    int code = 0;
    if (!xr_cli_parse(&usage, &argc, argv, &code))
        return code;
    wanted.agent = argc > 1 ? argv[1] : NULL;
    return xr_cli_with_link(&wanted.cli, show_devices, &wanted);
}

static int run_revoke(struct xr_cli_link *link, void *context)
{
    const struct devices *wanted = context;
    const struct xr_revoke revoke = {.device = {wanted->device}};
    return xr_cli_link_command(link, XR_TYPE_revoke, &revoke);
}

int xr_cli_revoke(int argc, char **argv)
{
    struct devices wanted = {0};
    const struct xr_cli_usage usage = {
        "revoke",
        "DEVICE",
        "End a device for good: its token is void and its connection closes. Yours, or as a\n"
        "supervisor another's (audited).",
        NULL,
        0,
        1,
        1,
        &wanted.cli};
    int code = 0;
    if (!xr_cli_parse(&usage, &argc, argv, &code))
        return code;
    if (!xr_cli_id("a device", argv[1], &wanted.device))
        return XR_EXIT_USAGE;
    return xr_cli_with_link(&wanted.cli, run_revoke, &wanted);
}

/* ---- audit ----------------------------------------------------------------------------------- */

struct audit {
    struct xr_cli cli;
    int64_t before;
    int64_t max;
};

static void add_audit(struct xr_cli_table *table, enum xr_cli_lang lang,
                      const struct xr_cli_names *names, const struct xr_audit *audit)
{
    char when[24];
    char room[16];
    xr_cli_time(when, audit->wall_ms);
    xr_cli_table_cell(table, "%" PRIu64, audit->number);
    xr_cli_table_cell(table, "%s", when);
    xr_cli_table_cell(table, "%s",
                      audit->who.n != 0 ? xr_cli_agent_name(names, audit->who.n, room)
                                        : xr_text(lang, XR_TEXT_SERVER));
    xr_cli_table_str(table, audit->what);
    xr_cli_table_str(table, audit->subject);
    xr_cli_table_str(table, audit->before);
    xr_cli_table_str(table, audit->after);
}

static int show_audit(struct xr_cli_link *link, void *context)
{
    static const enum xr_text heads[] = {XR_TEXT_H_NUMBER, XR_TEXT_H_WHEN,    XR_TEXT_H_WHO,
                                         XR_TEXT_H_WHAT,   XR_TEXT_H_SUBJECT, XR_TEXT_H_BEFORE,
                                         XR_TEXT_H_AFTER};
    const struct audit *wanted = context;
    struct xr_cli_names names = {0};
    struct xr_cli_table table = {0};
    struct xr_get_audit ask = {.before = (uint64_t)wanted->before};
    enum xr_type type = XR_TYPE_none;
    const void *answer = NULL;
    int64_t count = 0;
    bool more = true;
    int code = link->cli->json ? XR_EXIT_OK : xr_cli_names_load(&names, link);
    add_columns(&table, link->cli->lang, heads, 7, 1U << 0);
    while (code == XR_EXIT_OK && more && count < wanted->max) {
        const int64_t left = wanted->max - count;
        ask.max = left < XR_PAGE_MAX ? (uint32_t)left : XR_PAGE_MAX;
        code = xr_cli_link_ask(link, XR_TYPE_get_audit, &ask, &type, &answer);
        if (code != XR_EXIT_OK)
            break;
        const struct xr_audit_page *page = answer;
        if (link->cli->json)
            (void)xr_cli_json(xr_json_write(type, answer));
        for (uint32_t i = 0; i < page->audits.count; i++) {
            if (!link->cli->json)
                add_audit(&table, link->cli->lang, &names, &page->audits.at[i]);
            ask.before = page->audits.at[i].number;
        }
        count += page->audits.count;
        more = page->more && page->audits.count > 0;
    }
    if (code == XR_EXIT_OK && !link->cli->json)
        xr_cli_table_print(&table, stdout);
    xr_buf_fini(&table.cells);
    xr_cli_names_fini(&names);
    return code;
}

int xr_cli_audit(int argc, char **argv)
{
    struct audit wanted = {.max = 50};
    const struct xr_cli_option options[] = {
        {"max", XR_CLI_NUMBER, "N", &wanted.max, 1, 1000000, NULL, "rows (50)"},
        {"before", XR_CLI_NUMBER, "N", &wanted.before, 0, XR_NUMBER_MAX, NULL,
         "go on before row N"},
    };
    const struct xr_cli_usage usage = {
        "audit",
        "",
        "The audit log, newest first: every change of an account, a right, a group or a setting,\n"
        "and every forced action: when, who, what, before, after.",
        options,
        2,
        0,
        0,
        &wanted.cli};
    int code = 0;
    if (!xr_cli_parse(&usage, &argc, argv, &code))
        return code;
    return xr_cli_with_link(&wanted.cli, show_audit, &wanted);
}
