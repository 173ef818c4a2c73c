/* Bridges, agents and messages in flight. */
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "bench_load.h"

#define REFS         2048 /* of one bridge: more than it may have without an answer */
#define EVENTS       256
#define HOUSEKEEP_MS 250
#define STUCK_MS     30000
#define INDEX_MAX    10000000

struct xr_bench_session {
    uint64_t id;
    uint64_t sent_ns;
    uint32_t last; /* number of the last complete message */
    bool is_busy;
    bool is_answered;
    bool is_received;
};

/* ---- memory and sockets -----------------------------------------------------------------------
 */

static bool watch(struct xr_bench_load *load, size_t member)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)member};

    return epoll_ctl(load->epoll, EPOLL_CTL_ADD, xr_client_fd(load->members[member].client),
                     &event) == 0;
}

int xr_bench_load_init(struct xr_bench_load *load, const struct xr_cli *cli,
                       struct xr_crew_member *members, size_t bridges, size_t agents,
                       size_t sessions)
{
    const size_t count = bridges + agents;

    *load = (struct xr_bench_load){
        .cli = cli,
        .bridges = bridges,
        .agents = agents,
        .sessions = sessions,
        .members = members,
        .epoll = epoll_create1(EPOLL_CLOEXEC),
        .is_touched = calloc(count, sizeof(bool)),
        .touched = calloc(count * 2, sizeof(uint32_t)),
        .session = calloc(sessions, sizeof(struct xr_bench_session)),
        .of_ref = calloc(bridges * REFS, sizeof(uint32_t)),
    };
    bool ok =
        load->epoll >= 0 && load->is_touched && load->touched && load->session && load->of_ref;
    for (size_t i = 0; i < count && ok; i++)
        ok = watch(load, i);
    if (ok)
        return XR_EXIT_OK;
    xr_cli_complain("bench: %s", strerror(errno));
    return XR_EXIT_FAILED;
}

void xr_bench_load_fini(struct xr_bench_load *load)
{
    if (load->members && load->epoll >= 0)
        close(load->epoll);
    free(load->is_touched);
    free(load->touched);
    free(load->session);
    free(load->index);
    free(load->of_ref);
    *load = (struct xr_bench_load){0};
}

/* ---- sending ----------------------------------------------------------------------------------
 */

static void touch(struct xr_bench_load *load, size_t member)
{
    if (load->is_touched[member])
        return;
    load->is_touched[member] = true;
    load->touched[load->touched_count++] = (uint32_t)member;
}

/* A bridge writes only in sessions that it has opened. */
static size_t bridge_of(const struct xr_bench_load *load, size_t session)
{
    return session % load->bridges;
}

static enum xr_status send_command(struct xr_bench_load *load, size_t session, enum xr_type type,
                                   const void *message)
{
    const size_t bridge = bridge_of(load, session);
    uint64_t ref = 0;
    const enum xr_status status = xr_client_send(load->members[bridge].client, type, message, &ref);

    if (status == XR_OK) {
        load->of_ref[bridge * REFS + ref % REFS] = (uint32_t)session;
        load->sent++;
        touch(load, bridge);
    }
    return status;
}

/* The next session in turn that has no message under way. */
static void send_message(struct xr_bench_load *load)
{
    for (size_t tries = 0; tries < load->sessions; tries++) {
        const size_t at = load->next;
        struct xr_bench_session *session = &load->session[at];
        load->next = (load->next + 1) % load->sessions;
        if (session->is_busy)
            continue;
        const struct xr_say say = {.session = {session->id}, .text = XR_STR(XR_BENCH_TEXT)};
        session->sent_ns = xr_bench_now_ns();
        if (send_command(load, at, XR_TYPE_say, &say) != XR_OK) {
            load->refused++;
            return;
        }
        session->is_busy = true;
        session->is_answered = false;
        session->is_received = false;
        return;
    }
}

/* ---- receiving --------------------------------------------------------------------------------
 */

static void complete(struct xr_bench_load *load, struct xr_bench_session *session)
{
    if (!session->is_answered || !session->is_received)
        return;
    session->is_busy = false;
    session->last++;
    load->complete++;
    if (load->samples)
        xr_bench_samples_add(load->samples, xr_bench_now_ns() - session->sent_ns);
    if (load->refill)
        send_message(load);
}

static void take_answer(struct xr_bench_load *load, size_t bridge,
                        const struct xr_client_event *event)
{
    const uint32_t at = load->of_ref[bridge * REFS + event->ref % REFS];
    struct xr_bench_session *session = &load->session[at];

    if (event->type != XR_TYPE_done) {
        const struct xr_error *error = event->type == XR_TYPE_error ? event->message : NULL;
        load->refusal = error ? error->code : XR_code_INTERNAL;
        load->refused++;
        return;
    }
    const struct xr_done *done = event->message;
    if (session->id == 0) { /* an open */
        session->id = done->session.n;
        load->complete++;
        return;
    }
    if (!session->is_busy) { /* a leave */
        load->complete++;
        return;
    }
    load->broken += session->is_answered || done->number != session->last + 1;
    session->is_answered = true;
    complete(load, session);
}

static void take_update(struct xr_bench_load *load, size_t member,
                        const struct xr_client_event *event)
{
    if (event->type != XR_TYPE_message_added || member < load->bridges)
        return;
    const struct xr_message_added *added = event->message;
    const uint64_t offset = added->message.session.n - load->index_base;
    if (offset >= load->index_count || load->index[offset] == UINT32_MAX)
        return;
    struct xr_bench_session *session = &load->session[load->index[offset]];
    load->broken +=
        !session->is_busy || session->is_received || added->message.number != session->last + 1;
    session->is_received = true;
    complete(load, session);
}

/* XR_EXIT_OK, or the member can go on no longer. */
static int turn_member(struct xr_bench_load *load, size_t member)
{
    struct xr_client *client = load->members[member].client;
    struct xr_client_event event;

    xr_client_turn(client);
    while (xr_client_next(client, &event)) {
        touch(load, member);
        if (event.kind == XR_CLIENT_ANSWER && member < load->bridges)
            take_answer(load, member, &event);
        else if (event.kind == XR_CLIENT_UPDATE)
            take_update(load, member, &event);
        else if (event.kind == XR_CLIENT_STATE && event.state == XR_CLIENT_REFUSED) {
            xr_cli_complain("%s: log-in refused", load->members[member].login);
            return XR_EXIT_LOGIN;
        }
    }
    return XR_EXIT_OK;
}

/* Those that were touched say what they owe; then those that have received something are heard. */
static int turn(struct xr_bench_load *load)
{
    struct epoll_event events[EVENTS];
    int code = XR_EXIT_OK;
    const size_t owing = load->touched_count;

    for (size_t i = 0; i < owing && code == XR_EXIT_OK; i++) {
        load->is_touched[load->touched[i]] = false;
        code = turn_member(load, load->touched[i]);
    }
    memmove(load->touched, load->touched + owing,
            (load->touched_count - owing) * sizeof(load->touched[0]));
    load->touched_count -= owing;
    const int count =
        epoll_wait(load->epoll, events, EVENTS, load->touched_count > 0 ? 0 : HOUSEKEEP_MS);
    for (int i = 0; i < count && code == XR_EXIT_OK; i++)
        code = turn_member(load, events[i].data.u32);
    return code;
}

/* Heartbeats, reconnects. */
static int housekeep(struct xr_bench_load *load, int64_t now_ms, int64_t *due_ms)
{
    int code = XR_EXIT_OK;

    if (now_ms < *due_ms)
        return XR_EXIT_OK;
    *due_ms = now_ms + HOUSEKEEP_MS;
    for (size_t i = 0; i < load->bridges + load->agents && code == XR_EXIT_OK; i++)
        code = turn_member(load, i);
    return code;
}

/* Turn until `target` messages are complete. */
static int turn_until(struct xr_bench_load *load, uint64_t target, const char *label)
{
    int64_t due_ms = 0;
    int64_t moved_ms = xr_cli_mono_ms();
    uint64_t last = load->complete;
    struct xr_cli_progress progress;
    int code = XR_EXIT_OK;

    xr_cli_progress_begin(&progress, label);
    while (code == XR_EXIT_OK && load->complete < target && load->refused == 0) {
        const int64_t now_ms = xr_cli_mono_ms();
        code = turn(load);
        if (code == XR_EXIT_OK)
            code = housekeep(load, now_ms, &due_ms);
        if (load->complete != last)
            moved_ms = now_ms;
        last = load->complete;
        if (now_ms - moved_ms > STUCK_MS) {
            xr_cli_complain("%s: nothing came for %d s", label, STUCK_MS / 1000);
            code = XR_EXIT_CONNECT;
        }
        xr_cli_progress_show(&progress, load->complete, target);
        if (xr_cli_stopped())
            code = XR_EXIT_STOPPED;
    }
    xr_cli_progress_end(&progress);
    if (code == XR_EXIT_OK && load->refused > 0) {
        xr_cli_complain("%s: a command was refused: %s", label,
                        load->refusal ? xr_choice_name("code", load->refusal) : "too many");
        code = XR_EXIT_REFUSED;
    }
    return code;
}

/* ---- sessions ---------------------------------------------------------------------------------
 */

static int build_index(struct xr_bench_load *load)
{
    uint64_t low = UINT64_MAX;
    uint64_t high = 0;

    for (size_t i = 0; i < load->sessions; i++) {
        low = load->session[i].id < low ? load->session[i].id : low;
        high = load->session[i].id > high ? load->session[i].id : high;
    }
    if (high - low >= INDEX_MAX)
        return XR_EXIT_FAILED;
    load->index_base = low;
    load->index_count = (size_t)(high - low + 1);
    load->index = calloc(load->index_count, sizeof(load->index[0]));
    if (!load->index)
        return XR_EXIT_FAILED;
    memset(load->index, 0xff, load->index_count * sizeof(load->index[0]));
    for (size_t i = 0; i < load->sessions; i++)
        load->index[load->session[i].id - low] = (uint32_t)i;
    return XR_EXIT_OK;
}

/* How many sessions an agent has. */
static int wait_open(struct xr_bench_load *load)
{
    const struct xr_get_status get = {0};
    enum xr_type type = XR_TYPE_none;
    const void *answer = NULL;
    int code =
        xr_crew_ask(load->cli, load->members[0].client, XR_TYPE_get_status, &get, &type, &answer);

    if (code != XR_EXIT_OK)
        return code;
    if (type != XR_TYPE_floor_status)
        return XR_EXIT_REFUSED;
    const struct xr_floor_status *status = answer;
    if (status->queued == 0)
        return XR_EXIT_OK;
    xr_cli_complain("bench: %u sessions wait: %zu agents cannot take %zu", status->queued,
                    load->agents, load->sessions);
    return XR_EXIT_REFUSED;
}

static int open_one(struct xr_bench_load *load, size_t session, uint64_t run)
{
    char buyer[48];

    snprintf(buyer, sizeof(buyer), "bench-%llx-%zu", (unsigned long long)run, session);
    const struct xr_open open = {
        .channel = XR_STR("bench"),
        .buyer = xr_str_of(buyer),
    };
    return send_command(load, session, XR_TYPE_open, &open) == XR_OK ? XR_EXIT_OK : XR_EXIT_FAILED;
}

int xr_bench_load_open(struct xr_bench_load *load)
{
    const uint64_t before = load->complete;
    uint64_t run = 0;
    int code = XR_EXIT_OK;

    randombytes_buf(&run, sizeof(run));
    for (size_t i = 0; i < load->agents && code == XR_EXIT_OK; i++) {
        const struct xr_be be = {.state = XR_presence_ONLINE};
        code = xr_crew_order(load->cli, load->members[load->bridges + i].client, XR_TYPE_be, &be,
                             "be online");
    }
    for (size_t i = 0; i < load->sessions && code == XR_EXIT_OK; i++) {
        code = open_one(load, i, run);
        if (code == XR_EXIT_OK && (i + 1) % 512 == 0)
            code = turn_until(load, before + i + 1, "sessions");
    }
    if (code == XR_EXIT_OK)
        code = turn_until(load, before + load->sessions, "sessions");
    if (code == XR_EXIT_OK)
        code = wait_open(load);
    return code == XR_EXIT_OK ? build_index(load) : code;
}

int xr_bench_load_leave(struct xr_bench_load *load)
{
    const uint64_t before = load->complete;
    int code = XR_EXIT_OK;

    for (size_t i = 0; i < load->sessions && code == XR_EXIT_OK; i++) {
        const struct xr_leave leave = {.session = {load->session[i].id}};
        if (send_command(load, i, XR_TYPE_leave, &leave) != XR_OK)
            code = XR_EXIT_FAILED;
        if (code == XR_EXIT_OK && (i + 1) % 512 == 0)
            code = turn_until(load, before + i + 1, "leaving");
    }
    return code == XR_EXIT_OK ? turn_until(load, before + load->sessions, "leaving") : code;
}

/* ---- a run ------------------------------------------------------------------------------------
 */

int xr_bench_load_run(struct xr_bench_load *load, uint32_t in_flight, uint64_t ms,
                      uint64_t messages, const char *label)
{
    const uint64_t begin = load->complete;
    const int64_t end_ms = ms > 0 ? xr_cli_mono_ms() + (int64_t)ms : INT64_MAX;
    const uint64_t step = messages > 0 && messages < 4096 ? messages : 256;
    struct xr_cli_progress progress;
    int code = XR_EXIT_OK;

    xr_cli_progress_begin(&progress, label);
    load->refill = true;
    for (uint32_t i = 0; i < in_flight; i++)
        send_message(load);
    while (code == XR_EXIT_OK && xr_cli_mono_ms() < end_ms &&
           (messages == 0 || load->complete - begin < messages)) {
        code = turn_until(load, load->complete + (in_flight == 1 ? 16 : step), label);
        xr_cli_progress_show(&progress, load->complete - begin, messages);
    }
    load->refill = false;
    if (code == XR_EXIT_OK)
        code = turn_until(load, load->sent, label);
    xr_cli_progress_end(&progress);
    return code;
}
