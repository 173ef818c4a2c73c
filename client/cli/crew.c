/* Accounts and connections for demo and bench. */
#include <poll.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "crew.h"

#define POLL_MAX      1024
#define AT_ONCE       16 /* log-ins */
#define ASK_WAIT_MS   30000
#define LEAVE_WAIT_MS 500

void xr_crew_password(char out[XR_CREW_PASSWORD_SIZE])
{
    static const char letters[] = "abcdefghjkmnpqrstuvwxyz23456789";
    size_t at = 0;

    for (size_t i = 0; i < 12; i++) {
        if (i == 4 || i == 8)
            out[at++] = '-';
        out[at++] = letters[randombytes_uniform((uint32_t)sizeof(letters) - 1)];
    }
    out[at] = '\0';
}

/* ---- connections ------------------------------------------------------------------------------
 */

int xr_crew_begin(const struct xr_cli *cli, struct xr_crew_member *member)
{
    const struct xr_client_options options = {
        .size = sizeof(options),
        .address = cli->server,
        .floor = cli->floor,
        .login = member->has_token ? NULL : member->login,
        .password = member->has_token ? NULL : member->password,
        .token = member->has_token ? member->token : NULL,
        .feed = member->feed,
        .client = "xiaoer/" XR_VERSION,
    };
    const enum xr_status status = xr_client_new(&options, &member->client);

    if (status == XR_OK)
        return XR_EXIT_OK;
    xr_cli_complain("%s: %s", cli->server, xr_status_text(status));
    return status == XR_BAD ? XR_EXIT_USAGE : XR_EXIT_CONNECT;
}

/* Poll all clients that are connected, turn each of them. */
static void turn_all(struct xr_crew_member *at, size_t count, int wait_ms)
{
    struct pollfd fds[POLL_MAX];
    size_t used = 0;

    for (size_t i = 0; i < count && used < POLL_MAX; i++) {
        if (!at[i].client)
            continue;
        const int wanted = xr_client_wait_ms(at[i].client);
        wait_ms = wanted < wait_ms ? wanted : wait_ms;
        fds[used++] = (struct pollfd){.fd = xr_client_fd(at[i].client), .events = POLLIN};
    }
    (void)poll(fds, (nfds_t)used, wait_ms);
    for (size_t i = 0; i < count; i++)
        if (at[i].client)
            xr_client_turn(at[i].client);
}

/* Take the events of a member that is logging in. XR_EXIT_OK: nothing bad. */
static int take_log_in(struct xr_crew_member *member)
{
    struct xr_client_event event;

    while (member->client && xr_client_next(member->client, &event)) {
        if (event.kind != XR_CLIENT_STATE)
            continue;
        if (event.state == XR_CLIENT_READY && event.message) {
            const struct xr_welcome *welcome = event.message;
            member->id = welcome->agent;
            if (xr_client_token(member->client, member->token))
                member->has_token = true;
        }
        if (event.state == XR_CLIENT_REFUSED) {
            xr_cli_complain("%s: log-in refused", member->login);
            return XR_EXIT_LOGIN;
        }
    }
    return XR_EXIT_OK;
}

static size_t count_ready(const struct xr_crew_member *at, size_t count)
{
    size_t ready = 0;

    for (size_t i = 0; i < count; i++)
        ready += at[i].client && xr_client_get_state(at[i].client) == XR_CLIENT_READY;
    return ready;
}

static int take_log_ins(struct xr_crew_member *at, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const int code = take_log_in(&at[i]);
        if (code != XR_EXIT_OK)
            return code;
    }
    return XR_EXIT_OK;
}

/* Passwords take their time: those that wait too long for a check would be turned away. */
static int begin_some(const struct xr_cli *cli, struct xr_crew_member *at, size_t count)
{
    size_t under_way = 0;
    int code = XR_EXIT_OK;

    for (size_t i = 0; i < count; i++)
        under_way += at[i].client && xr_client_get_state(at[i].client) == XR_CLIENT_CONNECTING;
    for (size_t i = 0; i < count && under_way < AT_ONCE && code == XR_EXIT_OK; i++)
        if (!at[i].client) {
            code = xr_crew_begin(cli, &at[i]);
            under_way++;
        }
    return code;
}

int xr_crew_sign_in(const struct xr_cli *cli, struct xr_crew_member *at, size_t count,
                    const char *label)
{
    const int64_t patience_ms = cli->timeout_s * 1000;
    int64_t moved_ms = xr_cli_mono_ms();
    struct xr_cli_progress progress;
    size_t ready = 0;
    int code = XR_EXIT_OK;

    xr_cli_progress_begin(&progress, label);
    while (code == XR_EXIT_OK && ready < count) {
        code = begin_some(cli, at, count);
        if (code != XR_EXIT_OK)
            break;
        turn_all(at, count, 100);
        code = take_log_ins(at, count);
        const size_t now_ready = count_ready(at, count);
        if (now_ready != ready)
            moved_ms = xr_cli_mono_ms();
        ready = now_ready;
        xr_cli_progress_show(&progress, ready, count);
        if (xr_cli_stopped())
            code = XR_EXIT_STOPPED;
        else if (ready < count && xr_cli_mono_ms() - moved_ms > patience_ms) {
            xr_cli_progress_end(&progress);
            xr_cli_complain("no answer from %s for %d s", cli->server, (int)cli->timeout_s);
            return XR_EXIT_CONNECT;
        }
    }
    xr_cli_progress_end(&progress);
    return code;
}

static bool anybody_leaving(const struct xr_crew_member *at, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!at[i].client)
            continue;
        const enum xr_client_state state = xr_client_get_state(at[i].client);
        if (state != XR_CLIENT_CLOSED && state != XR_CLIENT_REFUSED)
            return true;
    }
    return false;
}

void xr_crew_sign_off(struct xr_crew_member *at, size_t count)
{
    const int64_t end_ms = xr_cli_mono_ms() + LEAVE_WAIT_MS;

    for (size_t i = 0; i < count; i++)
        if (at[i].client)
            xr_client_close(at[i].client);
    while (anybody_leaving(at, count) && xr_cli_mono_ms() < end_ms)
        turn_all(at, count, 20);
    for (size_t i = 0; i < count; i++) {
        xr_client_free(at[i].client);
        at[i].client = NULL;
    }
}

/* ---- asking -----------------------------------------------------------------------------------
 */

/* Wait for the answer `ref`. */
static int await(const struct xr_cli *cli, struct xr_client *client, uint64_t ref,
                 enum xr_type *answer_type, const void **answer)
{
    const int64_t end_ms = xr_cli_mono_ms() + ASK_WAIT_MS;
    struct xr_client_event event;

    while (xr_cli_mono_ms() < end_ms && !xr_cli_stopped()) {
        struct pollfd fd = {.fd = xr_client_fd(client), .events = POLLIN};
        const int wait_ms = xr_client_wait_ms(client);
        (void)poll(&fd, 1, wait_ms < 1000 ? wait_ms : 1000);
        xr_client_turn(client);
        while (xr_client_next(client, &event)) {
            if (event.kind == XR_CLIENT_STATE && event.state == XR_CLIENT_REFUSED)
                return XR_EXIT_LOGIN;
            if (event.kind != XR_CLIENT_ANSWER || event.ref != ref)
                continue;
            *answer_type = (enum xr_type)event.type;
            *answer = event.message;
            return XR_EXIT_OK;
        }
    }
    if (xr_cli_stopped())
        return XR_EXIT_STOPPED;
    xr_cli_complain("no answer from %s", cli->server);
    return XR_EXIT_CONNECT;
}

int xr_crew_ask(const struct xr_cli *cli, struct xr_client *client, enum xr_type type,
                const void *message, enum xr_type *answer_type, const void **answer)
{
    uint64_t ref = 0;
    const enum xr_status status = xr_client_send(client, type, message, &ref);

    if (status != XR_OK) {
        xr_cli_complain("%s", xr_status_text(status));
        return XR_EXIT_FAILED;
    }
    xr_client_flush(client);
    return await(cli, client, ref, answer_type, answer);
}

static int tell_refusal(const char *what, const struct xr_error *error)
{
    xr_cli_complain("%s: %s %.*s", what, xr_choice_name("code", error->code), (int)error->text.size,
                    error->text.at ? error->text.at : "");
    return XR_EXIT_REFUSED;
}

int xr_crew_order(const struct xr_cli *cli, struct xr_client *client, enum xr_type type,
                  const void *message, const char *what)
{
    enum xr_type answer_type = XR_TYPE_none;
    const void *answer = NULL;
    const int code = xr_crew_ask(cli, client, type, message, &answer_type, &answer);

    if (code != XR_EXIT_OK)
        return code;
    return answer_type == XR_TYPE_error ? tell_refusal(what, answer) : XR_EXIT_OK;
}

/* ---- founding ---------------------------------------------------------------------------------
 */

int xr_crew_group(const struct xr_cli *cli, struct xr_client *owner, const char *name,
                  const char *title, uint32_t *id)
{
    const struct xr_get_groups all = {0};
    enum xr_type type = XR_TYPE_none;
    const void *answer = NULL;
    int code = xr_crew_ask(cli, owner, XR_TYPE_get_groups, &all, &type, &answer);

    if (code != XR_EXIT_OK)
        return code;
    if (type == XR_TYPE_error)
        return tell_refusal("groups", answer);
    const struct xr_group_page *page = answer;
    for (uint32_t i = 0; i < page->groups.count; i++)
        if (xr_str_equal(page->groups.at[i].name, xr_str_of(name))) {
            *id = page->groups.at[i].group.n;
            return XR_EXIT_OK;
        }
    const struct xr_group_set set = {.name = xr_str_of(name), .title = xr_str_of(title)};
    code = xr_crew_ask(cli, owner, XR_TYPE_group_set, &set, &type, &answer);
    if (code != XR_EXIT_OK)
        return code;
    if (type == XR_TYPE_error)
        return tell_refusal(name, answer);
    *id = ((const struct xr_done *)answer)->group.n;
    return XR_EXIT_OK;
}

static int send_account(struct xr_client *owner, const struct xr_crew_member *member)
{
    const struct xr_account_set set = {
        .login = xr_str_of(member->login),
        .name = xr_str_of(member->name),
        .role = member->role,
        .password = xr_str_of(member->password),
        .groups = {member->groups, member->group_count},
    };
    const enum xr_status status = xr_client_send(owner, XR_TYPE_account_set, &set, NULL);

    if (status == XR_OK)
        return XR_EXIT_OK;
    xr_cli_complain("%s: %s", member->login, xr_status_text(status));
    return XR_EXIT_FAILED;
}

/* All at once: the server hashes their passwords one after the other. EXISTS is fine. */
int xr_crew_found(const struct xr_cli *cli, struct xr_client *owner,
                  const struct xr_crew_member *at, size_t count)
{
    struct xr_cli_progress progress;
    struct xr_client_event event;
    size_t answered = 0;
    int64_t moved_ms = xr_cli_mono_ms();

    for (size_t i = 0; i < count; i++) {
        const int code = send_account(owner, &at[i]);
        if (code != XR_EXIT_OK)
            return code;
    }
    xr_client_flush(owner);
    xr_cli_progress_begin(&progress, "accounts");
    while (answered < count && !xr_cli_stopped()) {
        struct pollfd fd = {.fd = xr_client_fd(owner), .events = POLLIN};
        (void)poll(&fd, 1, 100);
        xr_client_turn(owner);
        while (xr_client_next(owner, &event)) {
            if (event.kind != XR_CLIENT_ANSWER)
                continue;
            answered++;
            moved_ms = xr_cli_mono_ms();
            const struct xr_error *error = event.type == XR_TYPE_error ? event.message : NULL;
            if (error && error->code != XR_code_EXISTS) {
                xr_cli_progress_end(&progress);
                return tell_refusal("account", error);
            }
        }
        xr_cli_progress_show(&progress, answered, count);
        if (xr_cli_mono_ms() - moved_ms > ASK_WAIT_MS) {
            xr_cli_progress_end(&progress);
            xr_cli_complain("no answer from %s", cli->server);
            return XR_EXIT_CONNECT;
        }
    }
    xr_cli_progress_end(&progress);
    return xr_cli_stopped() ? XR_EXIT_STOPPED : XR_EXIT_OK;
}
