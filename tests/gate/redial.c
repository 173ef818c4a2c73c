/*
 * Aim: a connection that broke before the client looked at it for the first time is given up at
 * once. nanomsg has made another by then, so that the break does not show; the client once waited
 * for its time-out, 5 s, and had the whole floor to catch up with.
 * Method: a listener of our own, which closes the first connection and greets on the second, both
 * before the client's first turn. Then the client must close that second one and come anew, long
 * before the time-out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/dir.h"
#include <xiaoer/client.h>

#define TIME_OUT_MS 5000 /* DIAL_MS of the library */

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int listen_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_true(strlen(path) < sizeof(address.sun_path));
    memcpy(address.sun_path, path, strlen(path));
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 8), 0);
    return fd;
}

/* The greeting of a REP socket, and the client's. */
static void greet(int fd)
{
    static const uint8_t ours[8] = {0, 'S', 'P', 0, 0, 49, 0, 0};
    uint8_t theirs[8];
    assert_int_equal(write(fd, ours, sizeof(ours)), sizeof(ours));
    assert_int_equal(recv(fd, theirs, sizeof(theirs), MSG_WAITALL), sizeof(theirs));
}

static void a_break_between_two_looks_is_seen(void **state)
{
    (void)state;
    char *directory = dir_make();
    char path[128];
    char address[160];
    char away;
    struct xr_client *client = NULL;
    (void)snprintf(path, sizeof(path), "%s/socket", directory);
    (void)snprintf(address, sizeof(address), "ipc://%s", path);
    const int listener = listen_at(path);
    const uint8_t token[32] = {1};
    const struct xr_client_options options = {.size = sizeof(options),
                                              .address = address,
                                              .floor = "demo",
                                              .token = token,
                                              .retry_min_ms = 1,
                                              .retry_max_ms = 1};
    const int64_t begin_ms = now_ms();
    assert_int_equal(xr_client_new(&options, &client), XR_OK);
    close(accept(listener, NULL, NULL));
    const int second = accept(listener, NULL, NULL);
    greet(second);
    struct pollfd polled = {second, POLLIN, 0};
    while (poll(&polled, 1, 1) == 0)
        xr_client_turn(client);
    assert_int_equal(read(second, &away, 1), 0);
    struct pollfd third = {listener, POLLIN, 0};
    while (poll(&third, 1, 1) == 0)
        xr_client_turn(client);
    assert_true(now_ms() - begin_ms < TIME_OUT_MS);
    xr_client_free(client);
    close(second);
    close(listener);
    dir_remove(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_break_between_two_looks_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
