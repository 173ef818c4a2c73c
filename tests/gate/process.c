/*
 * Aim: xiaoerd as its operator meets it: options, first start, second start, signals, other
 * people's clients. Method: the real program; nanomsg as a client that knows nothing of us.
 */
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <nanomsg/nn.h>
#include <nanomsg/reqrep.h>
#include <nanomsg/tcp.h>

#include "support/served.h"

static int set_up(void **state)
{
    struct served *served = calloc(1, sizeof(*served));
    served_init(served);
    *state = served;
    return 0;
}

static int tear_down(void **state)
{
    served_fini(*state);
    free(*state);
    return 0;
}

static void wrong_usage_is_told_with_2(void **state)
{
    struct served *served = *state;
    static const char *const cases[][4] = {
        {"xiaoerd", "--nothing-like-it", NULL}, {"xiaoerd", "--lease-ms", NULL},
        {"xiaoerd", "--lease-ms=99", NULL},     {"xiaoerd", "--lease-ms=1x", NULL},
        {"xiaoerd", "--lease-ms", "-1", NULL},  {"xiaoerd", "--commit=sometimes", NULL},
        {"xiaoerd", "--help=me", NULL},         {"xiaoerd", "file", NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(served_refused(served, cases[i]), 2);
}

static void help_version_and_schema_end_with_0(void **state)
{
    struct served *served = *state;
    static const char *const cases[][3] = {
        {"xiaoerd", "--help", NULL}, {"xiaoerd", "--version", NULL}, {"xiaoerd", "--schema", NULL}};
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(served_refused(served, cases[i]), 0);
}

/* What the log says at its end. */
static bool log_has(const struct served *served, const char *text)
{
    char path[128], line[1024];
    bool found = false;
    snprintf(path, sizeof(path), "%s/log", served->directory);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof(line), file))
        found |= strstr(line, text) != NULL;
    fclose(file);
    return found;
}

static void it_listens_on_this_machine_alone(void **state)
{
    struct served *served = *state;
    char data[128];
    snprintf(data, sizeof(data), "--data=%s/data", served->directory);
    const char *const args[] = {"xiaoerd", data, "--listen", "tcp://0.0.0.0:0", NULL};
    assert_int_equal(served_refused(served, args), 1);
    assert_true(log_has(served, "only addresses of this machine"));
}

/* Else the password that is drawn would be told by a start that came to nothing. */
static void a_start_that_fails_founds_nothing(void **state)
{
    struct served *served = *state;
    char data[128];
    snprintf(data, sizeof(data), "--data=%s/data", served->directory);
    const char *const args[] = {"xiaoerd", data, "--listen", "ipc:///nowhere/at/all", NULL};
    assert_int_equal(served_refused(served, args), 1);
    struct guest owner;
    served_start(served); /* with another password, which is the first one */
    guest_login(&owner, served, "owner", SERVED_PASSWORD, false);
    guest_close(&owner);
}

static void a_second_server_on_the_same_data_is_refused(void **state)
{
    struct served *served = *state;
    char data[128];
    served_start(served);
    snprintf(data, sizeof(data), "--data=%s/data", served->directory);
    const char *const args[] = {"xiaoerd", data, "--listen", "tcp://127.0.0.1:0", NULL};
    assert_int_equal(served_refused(served, args), 1);
    struct guest owner; /* and does no harm */
    guest_login(&owner, served, "owner", SERVED_PASSWORD, false);
    guest_close(&owner);
}

static void the_address_file_says_where_it_listens(void **state)
{
    struct served *served = *state;
    char path[128], line[2][XR_SP_ADDRESS_MAX];
    struct stat info;
    served_start(served);
    snprintf(path, sizeof(path), "%s/data/address", served->directory);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%127s %127s", line[0], line[1]), 2);
    fclose(file);
    assert_string_equal(line[0], served->tcp);
    assert_string_equal(line[1], served->ipc);
    assert_null(strstr(served->tcp, ":0\n"));
    snprintf(path, sizeof(path), "%s/data/data.mdb", served->directory);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 077, 0); /* for its user only */
}

static void data_stay_over_stop_and_kill(void **state)
{
    struct served *served = *state;
    struct guest owner;
    served_start(served);
    guest_login(&owner, served, "owner", SERVED_PASSWORD, false);
    guest_hire(&owner, "li", XR_role_AGENT);
    served_stop(served);
    guest_close(&owner);
    served_start(served);
    guest_login(&owner, served, "li", SERVED_PASSWORD, false);
    guest_close(&owner);
    served_kill(served);
    served_start(served);
    guest_login(&owner, served, "li", SERVED_PASSWORD, false);
    guest_close(&owner);
}

static void a_clean_stop_answers_what_it_has_taken_and_says_goodbye(void **state)
{
    struct served *served = *state;
    struct guest owner;
    struct xr_frame frame;
    served_start(served);
    guest_login(&owner, served, "owner", SERVED_PASSWORD, false);
    const uint64_t before = served_metric(served, "commands");
    for (int i = 0; i < 50; i++) {
        char name[32];
        snprintf(name, sizeof(name), "group%d", i);
        const struct xr_group_set set = {.name = xr_str_of(name)};
        guest_send(&owner, XR_TYPE_group_set, &set);
    }
    while (served_metric(served, "commands") < before + 50)
        ;
    served_stop(served);
    for (int i = 0; i < 50; i++)
        raw_expect(&owner.raw, XR_TYPE_done, NULL, owner.arena);
    assert_true(raw_frame(&owner.raw, &frame));
    assert_int_equal(frame.type, XR_TYPE_goodbye);
    assert_true(raw_is_closed(&owner.raw));
    guest_close(&owner);
}

static void relaxed_commits_are_said_in_the_welcome(void **state)
{
    struct served *served = *state;
    struct guest owner;
    served->args[0] = "--commit";
    served->args[1] = "relaxed";
    served->args[2] = "--lease-ms=4000";
    served_start(served);
    guest_login(&owner, served, "owner", SERVED_PASSWORD, false);
    assert_int_equal(owner.welcome.commit, XR_commit_mode_RELAXED);
    assert_int_equal(owner.welcome.lease_ms, 4000);
    guest_close(&owner);
}

static void descriptors_and_memory_come_back(void **state)
{
    struct served *served = *state;
    struct guest owner;
    served_start(served);
    guest_login(&owner, served, "owner", SERVED_PASSWORD, false);
    for (int round = 0; round < 300; round++) {
        struct raw raw;
        raw_open(&raw, round % 2 ? served->tcp : served->ipc);
        if (round % 3)
            raw_write(&raw, "\0SP\0\0\x30\0\0", 8);
        raw_close(&raw);
    }
    while (served_metric(served, "connections") > 1)
        usleep(1000);
    char path[64];
    int descriptors = 0;
    for (int fd = 0; fd < 400; fd++) {
        snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)served->pid, fd);
        descriptors += access(path, F_OK) == 0;
    }
    assert_true(descriptors < 40);
    guest_close(&owner);
}

/* ---- nanomsg ------------------------------------------------------------------------------------
 */

struct nano {
    int socket;
    uint32_t id;
    struct xr_arena *arena;
    uint8_t *message; /* nanomsg's */
    size_t size;
    size_t taken;
};

static void nano_open(struct nano *nano, const char *address)
{
    const int one = 1;
    const int patience_ms = 30000;
    const int size = XR_SP_MESSAGE_BYTES_MAX + 4;
    *nano = (struct nano){
        .socket = nn_socket(AF_SP_RAW, NN_REQ), .id = 0x80000000, .arena = xr_arena_new(4096)};
    assert_true(nano->socket >= 0);
    nn_setsockopt(nano->socket, NN_SOL_SOCKET, NN_RCVTIMEO, &patience_ms, sizeof(patience_ms));
    nn_setsockopt(nano->socket, NN_SOL_SOCKET, NN_SNDTIMEO, &patience_ms, sizeof(patience_ms));
    nn_setsockopt(nano->socket, NN_SOL_SOCKET, NN_RCVMAXSIZE, &size, sizeof(size));
    nn_setsockopt(nano->socket, NN_TCP, NN_TCP_NODELAY, &one, sizeof(one));
    assert_true(nn_connect(nano->socket, address) >= 0);
}

static void nano_close(struct nano *nano)
{
    if (nano->message)
        nn_freemsg(nano->message);
    xr_arena_free(nano->arena);
    nn_close(nano->socket);
}

/* Send with the header of a request. */
static void nano_send(struct nano *nano, enum xr_type type, uint64_t ref, const void *message)
{
    struct xr_buf frame;
    uint8_t id[4];
    union {
        char bytes[128];
        struct nn_cmsghdr head;
    } control = {{0}};
    xr_buf_init(&frame, XR_FRAME_BYTES_MAX);
    xr_frame_encode(&frame, type, ref, message);
    xr_put_u32be(id, ++nano->id);
    const size_t size = sizeof(id);
    control.head.cmsg_len = NN_CMSG_SPACE(sizeof(size) + sizeof(id));
    control.head.cmsg_level = PROTO_SP;
    control.head.cmsg_type = SP_HDR;
    memcpy(NN_CMSG_DATA(&control.head), &size, sizeof(size));
    memcpy(NN_CMSG_DATA(&control.head) + sizeof(size), id, sizeof(id));
    struct nn_iovec bytes = {frame.at, frame.size};
    const struct nn_msghdr out = {.msg_iov = &bytes,
                                  .msg_iovlen = 1,
                                  .msg_control = &control,
                                  .msg_controllen = control.head.cmsg_len};
    assert_int_equal(nn_sendmsg(nano->socket, &out, 0), frame.size);
    xr_buf_fini(&frame);
}

static const void *nano_expect(struct nano *nano, enum xr_type type)
{
    struct xr_frame frame;
    size_t used;
    if (nano->taken == nano->size) {
        if (nano->message)
            nn_freemsg(nano->message);
        const int size = nn_recv(nano->socket, &nano->message, NN_MSG, 0);
        assert_true(size > 0);
        nano->size = (size_t)size;
        nano->taken = 0;
    }
    const struct xr_bin rest = {nano->message + nano->taken, (uint32_t)(nano->size - nano->taken)};
    assert_int_equal(xr_frame_read(rest, &frame, &used), XR_OK);
    nano->taken += used;
    assert_int_equal(frame.type, type);
    return raw_body(&frame, nano->arena);
}

static void nanomsg_is_a_client_like_any_other(void **state)
{
    struct served *served = *state;
    const struct xr_hello hello = {
        .protocol = XR_PROTOCOL_VERSION,
        .floor = xr_str_of(SERVED_FLOOR),
        .login = XR_STR("owner"),
        .password = XR_STR(SERVED_PASSWORD),
        .feed = true,
    };
    served_start(served);
    for (int i = 0; i < 2; i++) {
        struct nano nano;
        nano_open(&nano, i ? served->tcp : served->ipc);
        nano_send(&nano, XR_TYPE_hello, 1, &hello);
        nano_expect(&nano, XR_TYPE_welcome);
        uint64_t last = 0;
        for (uint64_t n = 1; n <= 300; n++) { /* pushes come without being asked for */
            const struct xr_setting_set set = {.name = XR_STR("grace_s"), .value = (int64_t)n};
            nano_send(&nano, XR_TYPE_setting_set, n, &set);
            /* audit, setting: in the order of the journal; then the answer */
            const struct xr_audit_added *audit = nano_expect(&nano, XR_TYPE_audit_added);
            const struct xr_setting_changed *changed = nano_expect(&nano, XR_TYPE_setting_changed);
            nano_expect(&nano, XR_TYPE_done);
            assert_int_equal(changed->prev, audit->seq);
            last = changed->seq;
            xr_arena_reset(nano.arena);
            const struct xr_ack ack = {.seq = last};
            nano_send(&nano, XR_TYPE_ack, 0, &ack);
        }
        nano_close(&nano);
    }
}

int main(void)
{
#define CLAIM(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest claims[] = {
        CLAIM(wrong_usage_is_told_with_2),
        CLAIM(help_version_and_schema_end_with_0),
        CLAIM(it_listens_on_this_machine_alone),
        CLAIM(a_start_that_fails_founds_nothing),
        CLAIM(a_second_server_on_the_same_data_is_refused),
        CLAIM(the_address_file_says_where_it_listens),
        CLAIM(data_stay_over_stop_and_kill),
        CLAIM(a_clean_stop_answers_what_it_has_taken_and_says_goodbye),
        CLAIM(relaxed_commits_are_said_in_the_welcome),
        CLAIM(descriptors_and_memory_come_back),
        CLAIM(nanomsg_is_a_client_like_any_other),
    };
    return cmocka_run_group_tests(claims, NULL, NULL);
}
