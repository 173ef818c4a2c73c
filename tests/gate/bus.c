/*
 * Aim: the local bus tells what happens and no text; nothing that becomes of it or its subscribers
 * harms the server.
 * Method: the real server, nanomsg's SUB, frames read by hand (support/byhand.h). Who subscribes
 * has no claim to every event, so what is waited for is made to happen again until it was seen.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include <nanomsg/nn.h>
#include <nanomsg/pubsub.h>

#include "support/byhand.h"
#include "support/served.h"

#define WAIT_MS   100
#define ROUNDS    5 /* more than the system buffers for one who does not read */
#define IN_FLIGHT 500

/* From PROTOCOL.md. */
enum {
    SESSION_CHANGED = 112,
    AGENT_CHANGED = 116,
    GROUP_CHANGED = 118,
    ASSIGNED = 3,
    CLOSED = 7,
};

static const char topic[] = SERVED_FLOOR; /* and the zero behind it */

struct scene {
    struct served served;
    struct guest owner;
    struct guest bridge;
    struct guest agent;
    int socket;
    uint64_t last;     /* seq of the last event seen */
    uint64_t gaps;     /* places where prev did not fit */
    uint64_t assigned; /* sessions of the last events of that kind */
    uint64_t closed;
    uint64_t agents;
    uint64_t counts; /* counts of a queue */
    uint32_t opened; /* buyers brought */
};

static void bus_path(const struct served *served, char *out, size_t room)
{
    snprintf(out, room, "%s/data/bus/bus.ipc", served->directory);
}

static void subscribe(struct scene *scene)
{
    char address[160] = "ipc://";
    const int wait_ms = WAIT_MS;
    bus_path(&scene->served, address + 6, sizeof(address) - 6);
    scene->socket = nn_socket(AF_SP, NN_SUB);
    assert_true(scene->socket >= 0);
    assert_int_equal(nn_setsockopt(scene->socket, NN_SUB, NN_SUB_SUBSCRIBE, topic, sizeof(topic)),
                     0);
    assert_int_equal(
        nn_setsockopt(scene->socket, NN_SOL_SOCKET, NN_RCVTIMEO, &wait_ms, sizeof(wait_ms)), 0);
    assert_true(nn_connect(scene->socket, address) >= 0);
}

static void take_session(struct scene *scene, const struct byhand_got *got)
{
    const struct byhand_map session = byhand_part(&got->body, 4);
    assert_true(byhand_get(&session, 1) > 0);
    assert_true(byhand_get(&session, 4) == 1); /* the group */
    if (byhand_get(&got->body, 3) == ASSIGNED) {
        scene->assigned = byhand_get(&session, 1);
        assert_true(byhand_get(&session, 5) > 0);
    }
    if (byhand_get(&got->body, 3) == CLOSED)
        scene->closed = byhand_get(&session, 1);
}

static void take_event(struct scene *scene, const struct byhand_got *got)
{
    scene->gaps += scene->last > 0 && byhand_get(&got->body, 2) != scene->last;
    scene->last = byhand_get(&got->body, 1);
    switch (got->type) {
    case SESSION_CHANGED:
        take_session(scene, got);
        break;
    case AGENT_CHANGED:
        scene->agents++;
        break;
    case GROUP_CHANGED:
        scene->counts++;
        break;
    default:
        fail_msg("type %u is not public", got->type);
    }
}

/* Everything that is there within a moment. Nothing private may be in it. */
static void listen_a_moment(struct scene *scene)
{
    uint8_t *at = NULL;
    int size;
    while ((size = nn_recv(scene->socket, &at, NN_MSG, 0)) >= 0) {
        struct byhand_got got;
        assert_null(memmem(at, (size_t)size, "SECRET", 6));
        assert_true((size_t)size > sizeof(topic));
        assert_memory_equal(at, topic, sizeof(topic));
        const uint8_t *next = at + sizeof(topic);
        while (byhand_next(&next, at + size, &got))
            take_event(scene, &got);
        nn_freemsg(at);
    }
}

static struct xr_open make_buyer(struct scene *scene, char buyer[32])
{
    snprintf(buyer, 32, "SECRET-%u", ++scene->opened);
    return (struct xr_open){
        .done = scene->bridge.counter,
        .channel = xr_str_of("taobao"),
        .buyer = xr_str_of(buyer),
        .nick = xr_str_of("SECRET-nick"),
        .text = xr_str_of("SECRET text"),
    };
}

/* A whole session with texts and a note, closed. Returns its number. */
static uint64_t play(struct scene *scene)
{
    char buyer[32];
    const struct xr_open open = make_buyer(scene, buyer);
    const struct xr_done *done = guest_do(&scene->bridge, XR_TYPE_open, &open);
    const struct xr_session_id session = done->session;
    const uint64_t answered = scene->agent.counter;
    const struct xr_say say = {
        .done = answered, .session = session, .text = xr_str_of("SECRET answer")};
    const struct xr_note_add note = {.customer = done->customer, .text = xr_str_of("SECRET note")};
    const struct xr_close close = {.session = session};
    guest_do(&scene->agent, XR_TYPE_say, &say);
    guest_do(&scene->agent, XR_TYPE_note_add, &note);
    guest_do(&scene->agent, XR_TYPE_close, &close);
    return session.n;
}

static void play_until_heard(struct scene *scene)
{
    uint64_t session;
    do {
        session = play(scene);
        listen_a_moment(scene);
    } while (scene->closed != session || scene->assigned != session);
}

static void scene_init(struct scene *scene)
{
    memset(scene, 0, sizeof(*scene));
    served_init(&scene->served);
    scene->served.args[0] = "--frames-per-second=100000";
    served_start(&scene->served);
    guest_login(&scene->owner, &scene->served, "owner", SERVED_PASSWORD, false);
    guest_hire(&scene->owner, "tao", XR_role_BRIDGE);
    guest_hire(&scene->owner, "mei", XR_role_AGENT);
    guest_login(&scene->bridge, &scene->served, "tao", SERVED_PASSWORD, false);
    guest_login(&scene->agent, &scene->served, "mei", SERVED_PASSWORD, false);
    const struct xr_be online = {.state = XR_presence_ONLINE};
    guest_do(&scene->agent, XR_TYPE_be, &online);
    subscribe(scene);
}

static void scene_fini(struct scene *scene)
{
    guest_close(&scene->owner);
    guest_close(&scene->bridge);
    guest_close(&scene->agent);
    assert_int_equal(nn_close(scene->socket), 0);
    served_fini(&scene->served);
}

/* The process that the server has started. */
static pid_t relay_of(const struct served *served)
{
    char path[64];
    int pid = 0;
    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)served->pid, (int)served->pid);
    while (pid == 0) { /* between two */
        FILE *file = fopen(path, "r");
        assert_non_null(file);
        if (fscanf(file, "%d", &pid) != 1)
            pid = 0;
        fclose(file);
    }
    return (pid_t)pid;
}

/* A subscriber that is nothing but a socket: greeted. */
static int dial_bus(const struct served *served)
{
    static const uint8_t hello[8] = {0, 'S', 'P', 0, 0, 0x21, 0, 0};
    uint8_t answer[8];
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    bus_path(served, address.sun_path, sizeof(address.sun_path));
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(write(fd, hello, sizeof(hello)), sizeof(hello));
    assert_int_equal(recv(fd, answer, sizeof(answer), MSG_WAITALL), sizeof(answer));
    return fd;
}

/* So many buyers come and leave that whoever stands still is far behind. */
static void come_and_leave(struct scene *scene)
{
    char buyer[32];
    const void *answer;
    uint64_t refs[IN_FLIGHT];
    uint64_t sessions[IN_FLIGHT];
    const uint64_t answered = scene->bridge.counter;
    for (size_t i = 0; i < IN_FLIGHT; i++) {
        struct xr_open open = make_buyer(scene, buyer);
        open.done = answered;
        refs[i] = guest_send(&scene->bridge, XR_TYPE_open, &open);
    }
    for (size_t i = 0; i < IN_FLIGHT; i++) {
        assert_int_equal(guest_answer(&scene->bridge, refs[i], &answer), XR_TYPE_done);
        sessions[i] = ((const struct xr_done *)answer)->session.n;
    }
    for (size_t i = 0; i < IN_FLIGHT; i++) {
        const struct xr_leave leave = {.session = {sessions[i]}, .done = answered + IN_FLIGHT};
        refs[i] = guest_send(&scene->bridge, XR_TYPE_leave, &leave);
    }
    for (size_t i = 0; i < IN_FLIGHT; i++)
        assert_int_equal(guest_answer(&scene->bridge, refs[i], &answer), XR_TYPE_done);
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void a_subscriber_sees_sessions_agents_and_queues_but_no_text(void **state)
{
    static struct scene scene;
    (void)state;
    scene_init(&scene);
    play_until_heard(&scene);
    const struct xr_be states[] = {{.state = XR_presence_PAUSED}, {.state = XR_presence_ONLINE}};
    while (scene.agents == 0 || scene.counts == 0) {
        guest_do(&scene.agent, XR_TYPE_be, &states[0]);
        guest_do(&scene.agent, XR_TYPE_be, &states[1]);
        listen_a_moment(&scene);
    }
    scene_fini(&scene);
}

/* The command line as a script reads it: begun first, ended by --count. */
static void the_command_line_prints_events(void **state)
{
    static struct scene scene;
    char command[300];
    char line[1024];
    int lines = 0;
    (void)state;
    scene_init(&scene);
    play_until_heard(&scene);
    snprintf(command, sizeof(command), "echo begun; exec %s/xiaoer bus %s/data --json --count 3",
             XR_BIN_DIR, scene.served.directory);
    FILE *out = popen(command, "r");
    assert_non_null(out);
    assert_non_null(fgets(line, sizeof(line), out));
    struct pollfd readable = {fileno(out), POLLIN, 0};
    while (poll(&readable, 1, WAIT_MS) == 0)
        play(&scene); /* until it is connected */
    for (; fgets(line, sizeof(line), out); lines++) {
        assert_int_equal(strncmp(line, "{\"type\":\"", 9), 0);
        assert_non_null(strstr(line, "_changed\""));
        assert_null(strstr(line, "SECRET"));
        play(&scene);
    }
    assert_int_equal(lines, 3);
    assert_int_equal(pclose(out), 0);
    scene_fini(&scene);
}

static void only_the_owner_of_the_server_may_listen(void **state)
{
    static struct scene scene;
    char path[128];
    struct stat info;
    (void)state;
    scene_init(&scene);
    play_until_heard(&scene);
    snprintf(path, sizeof(path), "%s/data/bus", scene.served.directory);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0700);
    bus_path(&scene.served, path, sizeof(path));
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0077, 0);
    scene_fini(&scene);
}

/* So that it could harm neither store nor clients, and holds nothing that must be free. */
static void the_relay_has_no_file_of_the_server_open(void **state)
{
    static struct scene scene;
    char path[64];
    char target[256];
    (void)state;
    scene_init(&scene);
    play_until_heard(&scene);
    const int pid = (int)relay_of(&scene.served);
    for (int fd = 0; fd < 256; fd++) {
        snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, fd);
        const ssize_t size = readlink(path, target, sizeof(target) - 1);
        target[size > 0 ? size : 0] = 0;
        assert_null(strstr(target, "/data/"));
    }
    scene_fini(&scene);
}

/* nanomsg's PUB ends its process then. */
static void a_subscriber_that_sends_does_not_end_the_server(void **state)
{
    static struct scene scene;
    static const uint8_t message[] = {1, 0, 0, 0, 0, 0, 0, 0, 3, 'a', 'b', 'c'};
    (void)state;
    scene_init(&scene);
    play_until_heard(&scene);
    const int fd = dial_bus(&scene.served);
    assert_int_equal(write(fd, message, sizeof(message)), sizeof(message));
    while (served_metric(&scene.served, "bus_ended") == 0)
        play(&scene);
    close(fd);
    play_until_heard(&scene);
    scene_fini(&scene);
}

static void a_relay_that_is_killed_comes_back(void **state)
{
    static struct scene scene;
    (void)state;
    scene_init(&scene);
    play_until_heard(&scene);
    kill(relay_of(&scene.served), SIGKILL);
    while (served_metric(&scene.served, "bus_ended") == 0)
        play(&scene);
    play(&scene); /* while there is none, for about a second */
    play_until_heard(&scene);
    assert_true(scene.gaps > 0);
    scene_fini(&scene);
}

static void a_subscriber_that_never_reads_holds_nobody_up(void **state)
{
    static struct scene scene;
    (void)state;
    scene_init(&scene);
    play_until_heard(&scene);
    const int fd = dial_bus(&scene.served);
    for (int i = 0; i < ROUNDS; i++)
        come_and_leave(&scene);
    play_until_heard(&scene);
    assert_int_equal(served_metric(&scene.served, "bus_dropped"), 0);
    close(fd);
    scene_fini(&scene);
}

static void a_relay_that_stands_still_costs_events_and_shows_it(void **state)
{
    static struct scene scene;
    (void)state;
    scene_init(&scene);
    play_until_heard(&scene);
    const pid_t relay = relay_of(&scene.served);
    kill(relay, SIGSTOP);
    while (served_metric(&scene.served, "bus_dropped") == 0)
        come_and_leave(&scene);
    kill(relay, SIGCONT);
    play_until_heard(&scene);
    assert_true(scene.gaps > 0);
    scene_fini(&scene);
}

static void a_server_that_stops_takes_its_relay_with_it(void **state)
{
    static struct scene scene;
    (void)state;
    scene_init(&scene);
    const pid_t relay = relay_of(&scene.served);
    served_stop(&scene.served);
    assert_int_equal(kill(relay, 0), -1);
    served_start(&scene.served);
    served_kill(&scene.served);
    served_start(&scene.served); /* while the old relay is perhaps still ending */
    scene_fini(&scene);
}

static void without_a_bus_there_is_none(void **state)
{
    struct served served;
    char path[128];
    (void)state;
    served_init(&served);
    served.args[0] = "--bus=off";
    served_start(&served);
    snprintf(path, sizeof(path), "%s/data/bus", served.directory);
    assert_int_equal(access(path, F_OK), -1);
    served_fini(&served);
}

static void a_bus_that_cannot_be_made_stops_nothing(void **state)
{
    struct served served;
    char path[128];
    (void)state;
    for (int is_file = 0; is_file < 2; is_file++) {
        served_init(&served);
        snprintf(path, sizeof(path), "%s/data", served.directory);
        assert_int_equal(mkdir(path, 0700), 0);
        strcat(path, "/bus");
        FILE *file = is_file ? fopen(path, "w") : NULL;
        if (file)
            fclose(file); /* a file where the folder should be */
        else
            assert_int_equal(mkdir(path, 0755) | mkdir(strcat(path, "/bus.ipc"), 0700), 0);
        served_start(&served);
        while (!is_file && served_metric(&served, "bus_ended") == 0)
            ;
        served_fini(&served);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_subscriber_sees_sessions_agents_and_queues_but_no_text),
        cmocka_unit_test(the_command_line_prints_events),
        cmocka_unit_test(only_the_owner_of_the_server_may_listen),
        cmocka_unit_test(the_relay_has_no_file_of_the_server_open),
        cmocka_unit_test(a_subscriber_that_sends_does_not_end_the_server),
        cmocka_unit_test(a_relay_that_is_killed_comes_back),
        cmocka_unit_test(a_subscriber_that_never_reads_holds_nobody_up),
        cmocka_unit_test(a_relay_that_stands_still_costs_events_and_shows_it),
        cmocka_unit_test(a_server_that_stops_takes_its_relay_with_it),
        cmocka_unit_test(without_a_bus_there_is_none),
        cmocka_unit_test(a_bus_that_cannot_be_made_stops_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
