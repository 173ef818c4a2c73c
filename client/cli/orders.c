/* The line commands of `attach`, by table. */
#include <stdlib.h>
#include <string.h>

#include "attach.h"

#define WAIT_STANDARD_S 60

struct order {
    const char *name;
    void (*run)(struct xr_attach *a, const char *rest);
};

static const char *text(const struct xr_attach *a, enum xr_text key)
{
    return xr_text(a->cli.lang, key);
}

/* The current session, or a word about there being none. */
static struct xr_attach_session *want_current(struct xr_attach *a)
{
    struct xr_attach_session *session = xr_attach_current(a);
    if (session == NULL)
        xr_attach_tell(a, XR_COLOUR_RED, "%s", text(a, XR_TEXT_AT_NO_SESSION));
    return session;
}

/* ---- messages -------------------------------------------------------------------------------- */

static void say_to(struct xr_attach *a, uint64_t session, const char *words, uint32_t seen)
{
    const struct xr_say say = {.session = {session}, .text = xr_str_of(words), .seen = seen};
    xr_attach_send(a, XR_ATTACH_SAY, session, XR_TYPE_say, &say, words);
}

static void say(struct xr_attach *a, const char *words)
{
    struct xr_attach_session *session = want_current(a);
    if (session == NULL)
        return;
    say_to(a, session->id, words, session->number);
    session->unread = 0;
}

static void run_again(struct xr_attach *a, const char *rest)
{
    (void)rest;
    if (a->unsaid == NULL) {
        xr_attach_tell(a, XR_COLOUR_RED, "%s", text(a, XR_TEXT_AT_NOTHING_AGAIN));
        return;
    }
    char *words = XR_MOVE(a->unsaid);
    const struct xr_attach_session *session = xr_attach_find(a, a->unsaid_session);
    say_to(a, a->unsaid_session, words, session != NULL ? session->number : 0);
    free(words);
}

/* ---- sessions -------------------------------------------------------------------------------- */

static void run_list(struct xr_attach *a, const char *rest)
{
    (void)rest;
    xr_attach_list(a);
}

static void run_go(struct xr_attach *a, const char *rest)
{
    uint64_t id = 0;
    if (rest[0] == '\0') {
        xr_attach_list(a);
        return;
    }
    xr_input_hide(&a->input);
    if (!xr_cli_id("a session", rest[0] == '#' ? rest + 1 : rest, &id))
        return;
    if (xr_attach_find(a, id) == NULL)
        xr_attach_tell(a, XR_COLOUR_RED, text(a, XR_TEXT_AT_NOT_MINE), (unsigned long long)id);
    else
        xr_attach_go(a, id);
}

static void run_next(struct xr_attach *a, const char *rest)
{
    (void)rest;
    const uint64_t next = xr_attach_next(a, a->current);
    if (next != 0)
        xr_attach_go(a, next);
    else
        xr_attach_list(a);
}

static void run_history(struct xr_attach *a, const char *rest)
{
    const struct xr_attach_session *session = want_current(a);
    if (session == NULL)
        return;
    const bool all = strcmp(rest, "all") == 0;
    xr_attach_ask_history(a, session->id, all ? 1 : 0, all ? XR_PAGE_MAX : 20);
}

static void run_close(struct xr_attach *a, const char *rest)
{
    static const struct {
        const char *name;
        enum xr_close_reason reason;
    } reasons[] = {
        {"", XR_close_reason_RESOLVED},     {"resolved", XR_close_reason_RESOLVED},
        {"silent", XR_close_reason_SILENT}, {"merged", XR_close_reason_MERGED},
        {"spam", XR_close_reason_SPAM},
    };
    const struct xr_attach_session *session = want_current(a);
    struct xr_close close = {0};
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        if (strcmp(reasons[i].name, rest) == 0)
            close.reason = reasons[i].reason;
    if (session == NULL)
        return;
    if (close.reason == 0) {
        xr_attach_tell(a, XR_COLOUR_RED, "/close resolved|silent|merged|spam");
        return;
    }
    close.session.n = session->id;
    xr_attach_send(a, XR_ATTACH_CLOSE, session->id, XR_TYPE_close, &close, NULL);
}

/* Bytes of `name` where `line` begins with it as whole words, else 0. */
static size_t matched(const char *line, const char *name)
{
    const size_t size = strlen(name);
    const bool whole = strncmp(line, name, size) == 0 && (line[size] == '\0' || line[size] == ' ');
    return whole ? size : 0;
}

/* Whose name `line` begins with. Names have blanks: the longest wins. */
static const struct xr_cli_name *find_longest(const struct xr_cli_name *at, size_t count,
                                              const char *line, size_t *longest)
{
    const struct xr_cli_name *found = NULL;
    for (size_t i = 0; i < count; i++) {
        const size_t login = matched(line, at[i].login);
        const size_t title = matched(line, at[i].title);
        const size_t size = login > title ? login : title;
        if (size > *longest) {
            *longest = size;
            found = &at[i];
        }
    }
    return found;
}

/* The agent or the group that `line` begins with, agents first; bytes of the name, 0: none. */
static size_t find_target(const struct xr_attach *a, const char *line, struct xr_transfer *transfer)
{
    size_t size = 0;
    const struct xr_cli_name *agent =
        find_longest(a->names.agents, a->names.agent_count, line, &size);
    const struct xr_cli_name *group =
        find_longest(a->names.groups, a->names.group_count, line, &size);
    if (group != NULL)
        transfer->group.n = group->id;
    else if (agent != NULL)
        transfer->agent.n = agent->id;
    return size;
}

static void tell_no_target(struct xr_attach *a, const char *rest)
{
    char whom[64];
    snprintf(whom, sizeof(whom), "%.*s", (int)strcspn(rest, " "), rest);
    if (whom[0] == '\0')
        xr_attach_tell(a, XR_COLOUR_RED, "%s", text(a, XR_TEXT_AT_TO_WHOM));
    else
        xr_attach_tell(a, XR_COLOUR_RED, text(a, XR_TEXT_AT_NOBODY), whom);
}

static void run_transfer(struct xr_attach *a, const char *rest)
{
    const struct xr_attach_session *session = want_current(a);
    struct xr_transfer transfer = {0};
    if (session == NULL)
        return;
    const size_t size = find_target(a, rest, &transfer);
    if (size == 0) {
        tell_no_target(a, rest);
        return;
    }
    transfer.session.n = session->id;
    transfer.note = xr_str_of(rest + size + (rest[size] == ' '));
    xr_attach_send(a, XR_ATTACH_TRANSFER, session->id, XR_TYPE_transfer, &transfer, NULL);
}

/* ---- customers ------------------------------------------------------------------------------- */

static void run_who(struct xr_attach *a, const char *rest)
{
    (void)rest;
    const struct xr_attach_session *session = want_current(a);
    if (session != NULL)
        xr_attach_ask_card(a, session);
}

static void add_note(struct xr_attach *a, const char *words, bool pinned)
{
    const struct xr_attach_session *session = want_current(a);
    if (session == NULL)
        return;
    if (words[0] == '\0') {
        run_who(a, "");
        return;
    }
    const struct xr_note_add note = {
        .customer = {session->customer}, .text = xr_str_of(words), .pinned = pinned};
    xr_attach_send(a, XR_ATTACH_NOTE, session->id, XR_TYPE_note_add, &note, NULL);
}

static void run_note(struct xr_attach *a, const char *rest)
{
    add_note(a, rest, false);
}

static void run_note_pinned(struct xr_attach *a, const char *rest)
{
    add_note(a, rest, true);
}

/* ---- presence and the rest ------------------------------------------------------------------- */

static void be(struct xr_attach *a, enum xr_presence state, enum xr_pause_reason reason)
{
    const struct xr_be message = {.state = state, .reason = reason};
    xr_attach_send(a, XR_ATTACH_BE, 0, XR_TYPE_be, &message, NULL);
}

static void run_online(struct xr_attach *a, const char *rest)
{
    (void)rest;
    be(a, XR_presence_ONLINE, 0);
}

static void run_off(struct xr_attach *a, const char *rest)
{
    (void)rest;
    be(a, XR_presence_OFFLINE, 0);
}

static void run_drain(struct xr_attach *a, const char *rest)
{
    (void)rest;
    be(a, XR_presence_DRAINING, 0);
}

static void run_pause(struct xr_attach *a, const char *rest)
{
    static const char *const reasons[] = {"", "break", "meal", "training", "other"};
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        if (strcmp(reasons[i], rest) == 0) {
            be(a, XR_presence_PAUSED, (enum xr_pause_reason)i);
            return;
        }
    xr_attach_tell(a, XR_COLOUR_RED, "/pause break|meal|training|other");
}

static void run_help(struct xr_attach *a, const char *rest)
{
    (void)rest;
    xr_attach_tell(a, XR_COLOUR_PLAIN, "%s", text(a, XR_TEXT_AT_HELP));
}

static void run_wait(struct xr_attach *a, const char *rest)
{
    int64_t seconds = WAIT_STANDARD_S;
    if (rest[0] != '\0' && !xr_cli_number(rest, 0, 86400, &seconds))
        xr_attach_tell(a, XR_COLOUR_RED, "/wait [0..86400]");
    else if (a->current == 0)
        a->waits_until_ms = xr_cli_mono_ms() + seconds * 1000;
}

static void run_sleep(struct xr_attach *a, const char *rest)
{
    int64_t seconds = 0;
    if (xr_cli_number(rest, 0, 86400, &seconds))
        a->pause_until_ms = xr_cli_mono_ms() + seconds * 1000;
    else
        xr_attach_tell(a, XR_COLOUR_RED, "/sleep 0..86400");
}

static void run_quit(struct xr_attach *a, const char *rest)
{
    (void)rest;
    const bool warn = a->session_count > 0 && !a->leaving && a->input.terminal;
    a->leaving = true;
    a->quit = !warn;
    if (warn)
        xr_attach_tell(a, XR_COLOUR_YELLOW, text(a, XR_TEXT_AT_KEEP), a->session_count);
}

static const struct order orders[] = {
    {"list", run_list},       {"go", run_go},         {"next", run_next},
    {"history", run_history}, {"close", run_close},   {"transfer", run_transfer},
    {"who", run_who},         {"note", run_note},     {"note!", run_note_pinned},
    {"again", run_again},     {"online", run_online}, {"off", run_off},
    {"drain", run_drain},     {"pause", run_pause},   {"help", run_help},
    {"wait", run_wait},       {"sleep", run_sleep},   {"quit", run_quit},
};

void xr_attach_order(struct xr_attach *a, const char *line)
{
    while (*line == ' ')
        line++;
    if (line[0] == '\0')
        return;
    if (line[0] != '/' || line[1] == '/') {
        say(a, line[0] == '/' ? line + 1 : line);
        return;
    }
    const size_t size = strcspn(line + 1, " ");
    const char *rest = line + 1 + size;
    while (*rest == ' ')
        rest++;
    for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++)
        if (strlen(orders[i].name) == size && strncmp(orders[i].name, line + 1, size) == 0) {
            if (orders[i].run != run_quit)
                a->leaving = false;
            orders[i].run(a, rest);
            return;
        }
    char name[64];
    snprintf(name, sizeof(name), "%.*s", (int)size, line + 1);
    xr_attach_tell(a, XR_COLOUR_RED, text(a, XR_TEXT_AT_UNKNOWN), name);
}
