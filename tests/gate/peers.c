/*
 * Aim: an unmodified nanomsg talks with the real server: as raw REQ everything, as cooked REQ,
 * which resends by itself and drops what it has not asked for, requests with one answer each.
 * Method: nn_* calls and frames written by hand (support/byhand.h), nothing of libxiaoer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <nanomsg/nn.h>
#include <nanomsg/reqrep.h>
#include <nanomsg/tcp.h>

#include "support/foreign.h"

/* ---- raw REQ --------------------------------------------------------------------------------- */

struct raw_port {
    int socket;
};

static void set_number(int socket, int level, int option, int value)
{
    assert_int_equal(nn_setsockopt(socket, level, option, &value, sizeof(value)), 0);
}

static void *open_raw(const char *address)
{
    struct raw_port *port = calloc(1, sizeof(*port));
    assert_non_null(port);
    port->socket = nn_socket(AF_SP_RAW, NN_REQ);
    assert_true(port->socket >= 0);
    set_number(port->socket, NN_TCP, NN_TCP_NODELAY, 1);
    assert_true(nn_connect(port->socket, address) >= 0);
    return port;
}

static void close_raw(void *context)
{
    struct raw_port *port = context;
    assert_int_equal(nn_close(port->socket), 0);
    free(port);
}

static const uint8_t header_word[4] = {0x80, 0, 0, 1};

/* Raw REQ takes the header from the control data; see nn_sendmsg(3), NN_HDR. */
static bool send_raw(void *context, const uint8_t *payload, size_t size)
{
    struct raw_port *port = context;
    const size_t header = sizeof(header_word);
    uint8_t control[NN_CMSG_SPACE(sizeof(size_t) + sizeof(header_word))] = {0};
    struct nn_cmsghdr *part = (struct nn_cmsghdr *)control;
    part->cmsg_len = sizeof(control);
    part->cmsg_level = PROTO_SP;
    part->cmsg_type = SP_HDR;
    memcpy(NN_CMSG_DATA(part), &header, sizeof(header));
    memcpy(NN_CMSG_DATA(part) + sizeof(header), header_word, header);
    struct nn_iovec body = {(void *)(uintptr_t)payload, size};
    const struct nn_msghdr message = {&body, 1, control, sizeof(control)};
    return nn_sendmsg(port->socket, &message, 0) == (int)size;
}

static size_t receive_raw(void *context, int ms, uint8_t *out, size_t room)
{
    struct raw_port *port = context;
    uint8_t control[128] = {0};
    struct nn_iovec body = {out, room};
    struct nn_msghdr message = {&body, 1, control, sizeof(control)};
    set_number(port->socket, NN_SOL_SOCKET, NN_RCVTIMEO, ms);
    const int size = nn_recvmsg(port->socket, &message, 0);
    if (size < 0)
        return 0;
    assert_true((size_t)size <= room);
    const struct nn_cmsghdr *part = NN_CMSG_FIRSTHDR(&message);
    assert_non_null(part);
    assert_memory_equal(NN_CMSG_DATA(part) + sizeof(size_t), header_word, sizeof(header_word));
    return (size_t)size;
}

static const struct foreign_port raw_nanomsg = {open_raw, close_raw, send_raw, receive_raw};

static void raw_req_talks_and_resumes_over_tcp(void **state)
{
    (void)state;
    foreign_talks_and_resumes(&raw_nanomsg, true);
}

static void raw_req_talks_and_resumes_over_a_unix_socket(void **state)
{
    (void)state;
    foreign_talks_and_resumes(&raw_nanomsg, false);
}

static void raw_req_outlives_the_server(void **state)
{
    (void)state;
    foreign_outlives_the_server(&raw_nanomsg);
}

/* ---- cooked REQ ------------------------------------------------------------------------------ */

#define RESEND_MS     100
#define RESEND_NEVER  60000 /* nanomsg's default */
#define STOPPED_MS    250
#define COOKED_ROUNDS 3
#define COOKED_SAYS   20

/* From PROTOCOL.md. */
enum {
    HELLO = 1,
    BEAT = 2,
    WELCOME = 8,
    DONE = 9,
    ERROR = 10,
    MARKER = 11,
    OPEN = 16,
    SAY = 17,
    HELLO_NEEDED = 6,
};

struct cooked {
    int socket;
    uint8_t token[32];
    bool has_token;
    uint64_t counter;
    uint64_t session;
    uint64_t asked; /* nn_send */
    uint8_t in[64 * 1024];
};

static void cooked_open(struct cooked *cooked, const char *address)
{
    memset(cooked, 0, sizeof(*cooked));
    cooked->socket = nn_socket(AF_SP, NN_REQ);
    assert_true(cooked->socket >= 0);
    assert_true(nn_connect(cooked->socket, address) >= 0);
}

/* The answer to `ref` among the frames of a message; there may be others: to what was resent. */
static bool find_answer(const uint8_t *at, const uint8_t *end, uint64_t ref, struct byhand_got *got)
{
    while (byhand_next(&at, end, got)) {
        if (got->ref == ref)
            return true;
    }
    return false;
}

/* nanomsg gives one message for each request. Where it answers an earlier one, ask again. */
static struct byhand_got cooked_ask(struct cooked *cooked, const struct byhand *frame, uint64_t ref)
{
    struct byhand_got got;
    int size;
    set_number(cooked->socket, NN_SOL_SOCKET, NN_RCVTIMEO, 60000);
    do {
        cooked->asked++;
        assert_int_equal(nn_send(cooked->socket, frame->at, frame->size, 0), frame->size);
        size = nn_recv(cooked->socket, cooked->in, sizeof(cooked->in), 0);
        assert_true(size > 0);
    } while (!find_answer(cooked->in, cooked->in + size, ref, &got));
    return got;
}

static void cooked_log_in(struct cooked *cooked)
{
    struct byhand frame = {0};
    size_t size = 0;
    byhand_frame(&frame, HELLO, 0, cooked->has_token ? 3 : 4);
    byhand_number(&frame, 1, 1);
    byhand_text(&frame, 2, SERVED_FLOOR);
    if (cooked->has_token) {
        byhand_bytes(&frame, 5, cooked->token, sizeof(cooked->token));
    } else {
        byhand_text(&frame, 3, "tao");
        byhand_text(&frame, 4, SERVED_PASSWORD);
    }
    const struct byhand_got got = cooked_ask(cooked, &frame, 0);
    assert_int_equal(got.type, WELCOME);
    assert_int_equal(byhand_get(&got.body, 7), cooked->counter);
    const uint8_t *token = byhand_find(&got.body, 6, &size);
    if (!token)
        return;
    memcpy(cooked->token, token, sizeof(cooked->token));
    cooked->has_token = true;
}

static void write_say(const struct cooked *cooked, struct byhand *frame)
{
    byhand_frame(frame, SAY, cooked->counter, 3);
    byhand_number(frame, 1, cooked->counter - 1);
    byhand_number(frame, 2, cooked->session);
    byhand_text(frame, 3, "And another thing.");
}

/* Returns the number of the message. */
static uint64_t cooked_say(struct cooked *cooked)
{
    struct byhand frame = {0};
    cooked->counter++;
    write_say(cooked, &frame);
    const struct byhand_got got = cooked_ask(cooked, &frame, cooked->counter);
    assert_int_equal(got.type, DONE);
    return byhand_get(&got.body, 2);
}

static void cooked_bring_buyer(struct cooked *cooked)
{
    struct byhand frame = {0};
    byhand_frame(&frame, OPEN, ++cooked->counter, 3);
    byhand_text(&frame, 2, "taobao");
    byhand_text(&frame, 3, "b1");
    byhand_text(&frame, 7, "Is anybody there?");
    const struct byhand_got got = cooked_ask(cooked, &frame, cooked->counter);
    assert_int_equal(got.type, DONE);
    cooked->session = byhand_get(&got.body, 1);
}

static void cooked_begin(struct cooked *cooked, struct served *served)
{
    struct guest owner;
    served_init(served);
    served_start(served);
    guest_login(&owner, served, "owner", SERVED_PASSWORD, false);
    guest_hire(&owner, "tao", XR_role_BRIDGE);
    guest_close(&owner);
    cooked_open(cooked, served->ipc);
    cooked_log_in(cooked);
    cooked_bring_buyer(cooked);
}

static void cooked_end(struct cooked *cooked, struct served *served)
{
    assert_int_equal(nn_close(cooked->socket), 0);
    served_fini(served);
}

/*
 * The server stands still, nanomsg resends what has no answer; then it goes on. Not while answers
 * come: 1.1.5 loses one that comes just then, and its memory (nn_req_in takes it in any state and
 * tells nobody).
 */
static uint64_t cooked_say_to_a_stopped_server(struct cooked *cooked, const struct served *served)
{
    struct byhand frame = {0};
    struct byhand_got got;
    cooked->counter++;
    cooked->asked++;
    write_say(cooked, &frame);
    kill(served->pid, SIGSTOP);
    set_number(cooked->socket, NN_REQ, NN_REQ_RESEND_IVL, RESEND_MS);
    assert_int_equal(nn_send(cooked->socket, frame.at, frame.size, 0), frame.size);
    set_number(cooked->socket, NN_SOL_SOCKET, NN_RCVTIMEO, STOPPED_MS);
    assert_int_equal(nn_recv(cooked->socket, cooked->in, sizeof(cooked->in), 0), -1);
    set_number(cooked->socket, NN_REQ, NN_REQ_RESEND_IVL, RESEND_NEVER);
    set_number(cooked->socket, NN_SOL_SOCKET, NN_RCVTIMEO, -1);
    kill(served->pid, SIGCONT);
    const int size = nn_recv(cooked->socket, cooked->in, sizeof(cooked->in), 0);
    assert_true(size > 0);
    if (!find_answer(cooked->in, cooked->in + size, cooked->counter, &got))
        got = cooked_ask(cooked, &frame, cooked->counter);
    assert_int_equal(got.type, DONE);
    return byhand_get(&got.body, 2);
}

static void cooked_req_that_resends_is_carried_out_once(void **state)
{
    static struct served served;
    static struct cooked cooked;
    (void)state;
    cooked_begin(&cooked, &served);
    uint64_t number = 1;
    do { /* until it has resent, which a slow machine may take long to do */
        assert_int_equal(cooked_say_to_a_stopped_server(&cooked, &served), ++number);
        for (int i = 0; i < COOKED_SAYS; i++)
            assert_int_equal(cooked_say(&cooked), ++number);
    } while (number < COOKED_ROUNDS * (COOKED_SAYS + 1) ||
             served_metric(&served, "commands") <= cooked.asked);
    assert_int_equal(cooked.counter, number);
    cooked_end(&cooked, &served);
}

static void cooked_req_gets_one_answer_to_each_request(void **state)
{
    static struct served served;
    static struct cooked cooked;
    struct byhand beat = {0};
    (void)state;
    cooked_begin(&cooked, &served);
    const uint64_t asked = cooked.asked;
    for (uint64_t number = 2; number < 50; number++)
        assert_int_equal(cooked_say(&cooked), number);
    byhand_frame(&beat, BEAT, 4711, 0);
    assert_int_equal(cooked_ask(&cooked, &beat, 4711).type, MARKER);
    assert_int_equal(cooked.asked, asked + 49); /* no answer was that of another */
    set_number(cooked.socket, NN_SOL_SOCKET, NN_RCVTIMEO, 10);
    assert_int_equal(nn_recv(cooked.socket, cooked.in, sizeof(cooked.in), 0), -1);
    assert_int_equal(nn_errno(), EFSM); /* nothing was asked */
    cooked_end(&cooked, &served);
}

/* nanomsg resends to the new server by itself, where nobody is logged in. */
static void cooked_req_outlives_the_server(void **state)
{
    static struct served served;
    static struct cooked cooked;
    struct byhand frame = {0};
    (void)state;
    cooked_begin(&cooked, &served);
    served_kill(&served);
    cooked.counter++;
    write_say(&cooked, &frame);
    assert_int_equal(nn_send(cooked.socket, frame.at, frame.size, 0), frame.size);
    served_start(&served);
    const int size = nn_recv(cooked.socket, cooked.in, sizeof(cooked.in), 0);
    struct byhand_got got;
    assert_true(size > 0 && find_answer(cooked.in, cooked.in + size, cooked.counter, &got));
    assert_int_equal(got.type, ERROR);
    assert_int_equal(byhand_get(&got.body, 1), HELLO_NEEDED);
    cooked.counter--;
    cooked_log_in(&cooked);
    assert_int_equal(cooked_say(&cooked), 2);
    assert_int_equal(cooked_say(&cooked), 3);
    cooked_end(&cooked, &served);
}

/* nanomsg 1.1.5 loses the memory of an answer that comes just when it resends the request. Nothing
 * of ours allocates there. */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:nn_chunk_alloc";
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(raw_req_talks_and_resumes_over_tcp),
        cmocka_unit_test(raw_req_talks_and_resumes_over_a_unix_socket),
        cmocka_unit_test(raw_req_outlives_the_server),
        cmocka_unit_test(cooked_req_gets_one_answer_to_each_request),
        cmocka_unit_test(cooked_req_that_resends_is_carried_out_once),
        cmocka_unit_test(cooked_req_outlives_the_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
