/* Names of accounts and groups, asked for once. */
#include <stdlib.h>
#include <string.h>

#include "cli.h"

static bool add_name(struct xr_cli_name **names, size_t *count, uint32_t id, struct xr_str login,
                     struct xr_str title)
{
    struct xr_cli_name *grown = xr_mem_grow(*names, (*count + 1) * sizeof(**names));
    if (grown == NULL)
        return false;
    *names = grown;
    struct xr_cli_name *name = &grown[(*count)++];
    name->id = id;
    xr_cli_copy(name->login, sizeof(name->login), login);
    xr_cli_copy(name->title, sizeof(name->title), title.size > 0 ? title : login);
    return true;
}

static int load_agents(struct xr_cli_names *names, struct xr_cli_link *link)
{
    struct xr_get_agents ask = {0};
    const void *answer = NULL;
    enum xr_type type = XR_TYPE_none;
    bool more = true;
    while (more) {
        const int code = xr_cli_link_try(link, XR_TYPE_get_agents, &ask, &type, &answer);
        if (code != XR_EXIT_OK || type != XR_TYPE_agent_page)
            return code;
        const struct xr_agent_page *page = answer;
        for (uint32_t i = 0; i < page->agents.count; i++) {
            const struct xr_agent_view *agent = &page->agents.at[i];
            if (!add_name(&names->agents, &names->agent_count, agent->agent.n, agent->login,
                          agent->name))
                return XR_EXIT_FAILED;
            ask.after = agent->agent;
        }
        more = page->more && page->agents.count > 0;
    }
    return XR_EXIT_OK;
}

static int load_groups(struct xr_cli_names *names, struct xr_cli_link *link)
{
    struct xr_get_groups ask = {0};
    const void *answer = NULL;
    enum xr_type type = XR_TYPE_none;
    bool more = true;
    while (more) {
        const int code = xr_cli_link_try(link, XR_TYPE_get_groups, &ask, &type, &answer);
        if (code != XR_EXIT_OK || type != XR_TYPE_group_page)
            return code;
        const struct xr_group_page *page = answer;
        for (uint32_t i = 0; i < page->groups.count; i++) {
            const struct xr_group_view *group = &page->groups.at[i];
            if (!add_name(&names->groups, &names->group_count, group->group.n, group->name,
                          group->title))
                return XR_EXIT_FAILED;
            ask.after = group->group;
        }
        more = page->more && page->groups.count > 0;
    }
    return XR_EXIT_OK;
}

int xr_cli_names_load(struct xr_cli_names *names, struct xr_cli_link *link)
{
    const int code = load_agents(names, link);
    return code != XR_EXIT_OK ? code : load_groups(names, link);
}

int xr_cli_names_reload(struct xr_cli_names *names, struct xr_cli_link *link)
{
    struct xr_cli_names fresh = {0};
    const int code = xr_cli_names_load(&fresh, link);
    struct xr_cli_names *unused = code == XR_EXIT_OK ? names : &fresh;
    xr_cli_names_fini(unused);
    if (code == XR_EXIT_OK)
        *names = fresh;
    return code;
}

void xr_cli_names_fini(struct xr_cli_names *names)
{
    xr_mem_free(names->agents);
    xr_mem_free(names->groups);
    *names = (struct xr_cli_names){0};
}

static const char *name_of(const struct xr_cli_name *at, size_t count, uint32_t id, char room[16])
{
    if (id == 0)
        return "-";
    for (size_t i = 0; i < count; i++)
        if (at[i].id == id)
            return at[i].title;
    snprintf(room, 16, "#%u", id);
    return room;
}

const char *xr_cli_agent_name(const struct xr_cli_names *names, uint32_t id, char room[16])
{
    return name_of(names->agents, names->agent_count, id, room);
}

const char *xr_cli_group_name(const struct xr_cli_names *names, uint32_t id, char room[16])
{
    return name_of(names->groups, names->group_count, id, room);
}

static bool find_name(const struct xr_cli_name *at, size_t count, const char *text, uint32_t *id)
{
    int64_t number = 0;
    for (size_t i = 0; i < count; i++)
        if (text[0] != '\0' && (strcmp(at[i].login, text) == 0 || strcmp(at[i].title, text) == 0)) {
            *id = at[i].id;
            return true;
        }
    if (!xr_cli_number(text[0] == '#' ? text + 1 : text, 1, UINT32_MAX, &number))
        return false;
    *id = (uint32_t)number;
    return true;
}

/* Agents are told their own log-in name and nobody else's. */
static bool is_without_logins(const struct xr_cli_names *names)
{
    for (size_t i = 0; i < names->agent_count; i++)
        if (names->agents[i].login[0] == '\0')
            return true;
    return false;
}

bool xr_cli_agent_find(const struct xr_cli_names *names, const char *text, uint32_t *id)
{
    if (find_name(names->agents, names->agent_count, text, id))
        return true;
    xr_cli_complain("there is no agent `%s`; `xiaoer agents` lists them%s", text,
                    is_without_logins(names) ? " (log-in names are shown to supervisors only)"
                                             : "");
    return false;
}

bool xr_cli_group_find(const struct xr_cli_names *names, const char *text, uint32_t *id)
{
    if (find_name(names->groups, names->group_count, text, id))
        return true;
    xr_cli_complain("there is no group `%s`; `xiaoer groups` lists them", text);
    return false;
}
