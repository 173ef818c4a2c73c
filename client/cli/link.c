/* The connection of a subcommand: log in, ask, wait. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"
#include "proto/json.h"
#include "texts.h"

#define PROGRESS_STEP_MS 100
#define SLOT_WAIT_MS     50

/* What the waiting looks for, and what has become of it. */
struct waiting {
    uint64_t ref; /* 0: only for READY */
    bool answered;
    enum xr_type type;
    const void *message;
    bool refused; /* the log-in, for good */
};

static void keep_welcome(struct xr_cli_link *link, const struct xr_welcome *welcome)
{
    xr_cli_copy(link->name, sizeof(link->name), welcome->name);
    link->welcome = *welcome;
    link->welcome.name = (struct xr_str){0};
    link->welcome.server = (struct xr_str){0};
    link->welcome.token = (struct xr_bin){0};
}

/* Where the server names a field that says more than the code does. */
static bool has_telling_field(const struct xr_error *error)
{
    return error->field.size > 0 &&
           (error->code == XR_code_MALFORMED || error->code == XR_code_MISSING ||
            error->code == XR_code_RANGE || error->code == XR_code_FULL);
}

void xr_cli_refusal(enum xr_cli_lang lang, const struct xr_error *error, char *out, size_t size)
{
    const char *state = "";
    if (error->state != 0)
        state = xr_word(lang, "session_state", error->state);
    else if (error->presence != 0)
        state = xr_word(lang, "presence", error->presence);
    const bool field = has_telling_field(error);
    const bool text = error->text.size > 0;
    snprintf(out, size, "%s%s%s%s%s%.*s%s%.*s%s", xr_word(lang, "code", error->code),
             state[0] != '\0' ? " (" : "", state, state[0] != '\0' ? ")" : "", field ? ": " : "",
             field ? (int)error->field.size : 0, field ? error->field.at : "", text ? " (" : "",
             text ? (int)error->text.size : 0, text ? error->text.at : "", text ? ")" : "");
}

void xr_cli_refused(const struct xr_cli *cli, const struct xr_error *error)
{
    char text[XR_REMARK_MAX * 4 + 512];
    if (cli->json)
        (void)xr_cli_json(xr_json_write(XR_TYPE_error, error));
    xr_cli_refusal(cli->lang, error, text, sizeof(text));
    xr_cli_complain("%s", text);
}

/* One event: either it is what is waited for, or the caller of the link gets it. */
static void sort_event(struct xr_cli_link *link, struct waiting *waiting,
                       const struct xr_client_event *event)
{
    if (event->kind == XR_CLIENT_STATE && event->state == XR_CLIENT_READY && event->message != NULL)
        keep_welcome(link, event->message);
    if (event->kind == XR_CLIENT_STATE && event->state == XR_CLIENT_REFUSED) {
        waiting->refused = true;
        if (event->message != NULL)
            xr_cli_refused(link->cli, event->message);
    }
    if (event->kind == XR_CLIENT_ANSWER && waiting->ref != 0 && event->ref == waiting->ref) {
        waiting->answered = true;
        waiting->type = (enum xr_type)event->type;
        waiting->message = event->message;
    } else if (link->on_event != NULL) {
        link->on_event(link->context, event);
    }
}

/* Take events until what is waited for is among them: its message lives until the next turn. */
static void take_events(struct xr_cli_link *link, struct waiting *waiting)
{
    struct xr_client_event event = {0};
    while (!waiting->answered && xr_client_next(link->client, &event))
        sort_event(link, waiting, &event);
}

static void turn(struct xr_cli_link *link, struct waiting *waiting, int wait_ms, int other)
{
    struct pollfd polled[2] = {{xr_client_fd(link->client), POLLIN, 0}, {other, POLLIN, 0}};
    const int own_ms = xr_client_wait_ms(link->client);
    (void)poll(polled, other >= 0 ? 2 : 1, own_ms < wait_ms ? own_ms : wait_ms);
    xr_client_turn(link->client);
    take_events(link, waiting);
}

void xr_cli_link_pump(struct xr_cli_link *link, int wait_ms, int other)
{
    struct waiting waiting = {0};
    turn(link, &waiting, wait_ms, other);
}

/*
 * Turn until the answer is there, or, where none is awaited, until logged in. Time counts while
 * there is no connection, and while there is one that does not answer.
 */
static int wait_for(struct xr_cli_link *link, struct waiting *waiting)
{
    const struct xr_cli *cli = link->cli;
    struct xr_cli_progress progress;
    char label[256];
    snprintf(label, sizeof(label), xr_text(cli->lang, XR_TEXT_WAITING), cli->server);
    xr_cli_progress_begin(&progress, label);
    int64_t since = xr_cli_mono_ms();
    enum xr_client_state before = xr_client_get_state(link->client);
    int code = XR_EXIT_OK;
    take_events(link, waiting);
    for (;;) {
        const enum xr_client_state state = xr_client_get_state(link->client);
        if (waiting->answered || (waiting->ref == 0 && state == XR_CLIENT_READY))
            break;
        if (waiting->refused || state == XR_CLIENT_REFUSED) {
            code = XR_EXIT_LOGIN;
            break;
        }
        if (state != before)
            since = xr_cli_mono_ms();
        before = state;
        if (xr_cli_stopped()) {
            code = XR_EXIT_STOPPED;
            break;
        }
        if (xr_cli_mono_ms() - since >= cli->timeout_s * 1000) {
            code = XR_EXIT_CONNECT;
            break;
        }
        xr_cli_progress_show(&progress, 0, 0);
        turn(link, waiting, PROGRESS_STEP_MS, -1);
    }
    xr_cli_progress_end(&progress);
    if (code == XR_EXIT_CONNECT)
        xr_cli_complain(
            xr_text(cli->lang, before == XR_CLIENT_READY ? XR_TEXT_NO_ANSWER : XR_TEXT_NO_SERVER),
            cli->server);
    return code;
}

/* ---- life ------------------------------------------------------------------------------------ */

static int start(struct xr_cli_link *link, const struct xr_client_options *options)
{
    struct waiting waiting = {0};
    switch (xr_client_new(options, &link->client)) {
    case XR_OK:
        return wait_for(link, &waiting);
    case XR_BAD:
        xr_cli_complain("the server's address, the floor or the login is not of its form");
        return XR_EXIT_USAGE;
    case XR_IO:
        xr_cli_complain("%s: %s", options->address, strerror(errno));
        return errno == EMFILE ? XR_EXIT_FAILED : XR_EXIT_USAGE;
    default:
        xr_cli_complain("no memory");
        return XR_EXIT_FAILED;
    }
}

/* A device that is free; where other programs use them all, wait for one. */
static int take_token(struct xr_cli_link *link, const char *path, uint8_t token[XR_TOKEN_BYTES])
{
    const struct timespec pause = {.tv_nsec = SLOT_WAIT_MS * 1000000L};
    const int64_t began = xr_cli_mono_ms();
    enum xr_status status = XR_OK;
    while ((status = xr_cli_token_take(path, token, &link->slot)) == XR_BUSY &&
           xr_cli_mono_ms() - began < link->cli->timeout_s * 1000 && !xr_cli_stopped())
        nanosleep(&pause, NULL);
    if (status == XR_OK)
        return XR_EXIT_OK;
    if (status == XR_BUSY)
        xr_cli_complain("other programs use all devices in %s; `xiaoer login --devices N` makes"
                        " more",
                        path);
    else if (status == XR_NONE)
        xr_cli_complain("there is no token in %s: `xiaoer login` first", path);
    else
        xr_cli_complain("%s: %s", path, status == XR_BAD ? "no token in it" : strerror(errno));
    return status == XR_IO ? XR_EXIT_INPUT : XR_EXIT_LOGIN;
}

int xr_cli_link_open(struct xr_cli_link *link, const struct xr_cli *cli, struct xr_cli_feed feed)
{
    char path[2100];
    uint8_t token[XR_TOKEN_BYTES];
    link->cli = cli;
    link->slot = -1;
    if (!xr_cli_token_path(cli, path, sizeof(path)))
        return XR_EXIT_LOGIN;
    int code = take_token(link, path, token);
    if (code != XR_EXIT_OK)
        return code;
    const struct xr_client_options options = {
        .size = sizeof(options),
        .address = cli->server,
        .floor = cli->floor,
        .token = token,
        .feed = feed.wanted,
        .resume = feed.resume,
        .cursor = feed.cursor,
        .client = "xiaoer/" XR_VERSION,
    };
    code = start(link, &options);
    sodium_memzero(token, sizeof(token));
    return code;
}

int xr_cli_link_login(struct xr_cli_link *link, const struct xr_cli *cli, const char *password)
{
    link->cli = cli;
    link->slot = -1;
    const struct xr_client_options options = {
        .size = sizeof(options),
        .address = cli->server,
        .floor = cli->floor,
        .login = cli->login,
        .password = password,
        .client = "xiaoer/" XR_VERSION,
    };
    return start(link, &options);
}

void xr_cli_link_close(struct xr_cli_link *link)
{
    if (link->client != NULL) {
        struct waiting waiting = {0};
        link->on_event = NULL;
        xr_client_close(link->client);
        while (xr_client_get_state(link->client) == XR_CLIENT_READY)
            turn(link, &waiting, PROGRESS_STEP_MS, -1);
        xr_client_free(link->client);
        if (link->slot >= 0)
            close(link->slot);
    } else if (link->cli != NULL && link->slot >= 0) {
        close(link->slot);
    }
    *link = (struct xr_cli_link){.slot = -1};
}

/* ---- asking ---------------------------------------------------------------------------------- */

int xr_cli_link_try(struct xr_cli_link *link, enum xr_type type, const void *message,
                    enum xr_type *answer_type, const void **answer)
{
    struct waiting waiting = {0};
    switch (xr_client_send(link->client, (uint32_t)type, message, &waiting.ref)) {
    case XR_OK:
        break;
    case XR_BAD:
        xr_cli_complain("%s", xr_text(link->cli->lang, XR_TEXT_TOO_LONG));
        return XR_EXIT_USAGE;
    case XR_CLOSED:
        return XR_EXIT_LOGIN;
    default:
        xr_cli_complain("no memory");
        return XR_EXIT_FAILED;
    }
    xr_client_flush(link->client);
    const int code = wait_for(link, &waiting);
    if (code != XR_EXIT_OK)
        return code;
    *answer_type = waiting.type;
    *answer = waiting.message;
    if (waiting.message != NULL)
        return XR_EXIT_OK;
    xr_cli_complain("the server is newer than this program: its answer cannot be read");
    return XR_EXIT_FAILED;
}

int xr_cli_link_ask(struct xr_cli_link *link, enum xr_type type, const void *message,
                    enum xr_type *answer_type, const void **answer)
{
    const int code = xr_cli_link_try(link, type, message, answer_type, answer);
    if (code != XR_EXIT_OK || *answer_type != XR_TYPE_error)
        return code;
    xr_cli_refused(link->cli, *answer);
    return XR_EXIT_REFUSED;
}

static void print_part(enum xr_cli_lang lang, enum xr_text key, uint64_t number)
{
    if (number != 0)
        printf("  %s %" PRIu64, xr_text(lang, key), number);
}

static void print_done(enum xr_cli_lang lang, const struct xr_done *done)
{
    fputs(xr_text(lang, XR_TEXT_DONE), stdout);
    print_part(lang, XR_TEXT_H_SESSION, done->session.n);
    print_part(lang, XR_TEXT_MESSAGE, done->number);
    print_part(lang, XR_TEXT_CUSTOMER, done->customer.n);
    print_part(lang, XR_TEXT_H_NOTE, done->note);
    print_part(lang, XR_TEXT_H_REVISION, done->revision);
    print_part(lang, XR_TEXT_H_ACCOUNT, done->agent.n);
    print_part(lang, XR_TEXT_H_GROUP, done->group.n);
    if (done->state != 0)
        printf("  (%s)", xr_word(lang, "session_state", done->state));
    if (done->joined)
        printf("  %s", xr_text(lang, XR_TEXT_JOINED));
    putchar('\n');
}

int xr_cli_link_command(struct xr_cli_link *link, enum xr_type type, const void *message)
{
    enum xr_type answer_type = XR_TYPE_none;
    const void *answer = NULL;
    const int code = xr_cli_link_ask(link, type, message, &answer_type, &answer);
    if (code != XR_EXIT_OK)
        return code;
    if (link->cli->json)
        return xr_cli_json(xr_json_write(answer_type, answer)) ? XR_EXIT_OK : XR_EXIT_FAILED;
    print_done(link->cli->lang, answer);
    return XR_EXIT_OK;
}

int xr_cli_with_link(const struct xr_cli *cli, int (*run)(struct xr_cli_link *, void *),
                     void *context)
{
    struct xr_cli_link link = {0};
    xr_cli_catch_signals();
    int code = xr_cli_link_open(&link, cli, (struct xr_cli_feed){0});
    if (code == XR_EXIT_OK)
        code = run(&link, context);
    xr_cli_link_close(&link);
    return code;
}
