/*
 * Aim: an unmodified nng (Debian's) talks with the real server as raw REQ0, over TCP and Unix
 * sockets: the same as nanomsg in peers.c.
 * Method: nng_* calls and frames written by hand (support/byhand.h). Only where libnng is
 * installed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <nng/nng.h>
#include <nng/protocol/reqrep0/req.h>

#include "support/foreign.h"

#define HEADER_WORD 0x80000001U

static void *open_nng(const char *address)
{
    nng_socket *socket = calloc(1, sizeof(*socket));
    assert_non_null(socket);
    assert_int_equal(nng_req0_open_raw(socket), 0);
    assert_int_equal(nng_dial(*socket, address, NULL, 0), 0);
    return socket;
}

static void close_nng(void *context)
{
    nng_socket *socket = context;
    assert_int_equal(nng_close(*socket), 0);
    free(socket);
}

static bool send_nng(void *context, const uint8_t *payload, size_t size)
{
    const nng_socket *socket = context;
    nng_msg *message;
    assert_int_equal(nng_msg_alloc(&message, 0), 0);
    assert_int_equal(nng_msg_header_append_u32(message, HEADER_WORD), 0);
    assert_int_equal(nng_msg_append(message, payload, size), 0);
    if (nng_sendmsg(*socket, message, 0) == 0)
        return true;
    nng_msg_free(message);
    return false;
}

static size_t receive_nng(void *context, int ms, uint8_t *out, size_t room)
{
    const nng_socket *socket = context;
    nng_msg *message;
    uint32_t header = 0;
    assert_int_equal(nng_socket_set_ms(*socket, NNG_OPT_RECVTIMEO, ms), 0);
    if (nng_recvmsg(*socket, &message, 0))
        return 0;
    const size_t size = nng_msg_len(message);
    assert_true(size <= room);
    assert_int_equal(nng_msg_header_chop_u32(message, &header), 0);
    assert_int_equal(header, HEADER_WORD);
    memcpy(out, nng_msg_body(message), size);
    nng_msg_free(message);
    return size;
}

static const struct foreign_port raw_nng = {open_nng, close_nng, send_nng, receive_nng};

static void nng_talks_and_resumes_over_tcp(void **state)
{
    (void)state;
    foreign_talks_and_resumes(&raw_nng, true);
}

static void nng_talks_and_resumes_over_a_unix_socket(void **state)
{
    (void)state;
    foreign_talks_and_resumes(&raw_nng, false);
}

static void nng_outlives_the_server(void **state)
{
    (void)state;
    foreign_outlives_the_server(&raw_nng);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nng_talks_and_resumes_over_tcp),
        cmocka_unit_test(nng_talks_and_resumes_over_a_unix_socket),
        cmocka_unit_test(nng_outlives_the_server),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    nng_fini();
    return failed;
}
