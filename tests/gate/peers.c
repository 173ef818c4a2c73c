/*
 * Aim: an unmodified nanomsg talks with the real server: as raw REQ everything, as cooked REQ,
 * which resends by itself and drops what it has not asked for, requests with one answer each.
 * Method: nn_* calls and frames written by hand (support/byhand.h), nothing of libxiaoer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(raw_req_talks_and_resumes_over_tcp),
        cmocka_unit_test(raw_req_talks_and_resumes_over_a_unix_socket),
        cmocka_unit_test(raw_req_outlives_the_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
