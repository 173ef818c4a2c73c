/*
 * Aim: the SP listeners take what real peers send, and nothing else, at any pace, and stand every
 * way of leaving. Method: a loop in a thread of its own with an owner that does what the first byte
 * of a message says; sockets driven from here.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "gate/sp.h"
#include "support/raw.h"

#define QUEUE_BYTES (256 * 1024)

/* ---- the owner: what the first byte of a message asks for -------------------------------------
 */

struct owner {
    struct xr_sp_conn *conn;
    size_t left; /* 'p': bytes still to be pushed */
};

static void put(struct owner *owner, const void *bytes, size_t size)
{
    uint8_t *room = xr_sp_put(owner->conn, size);
    if (room)
        memcpy(room, bytes, size);
}

static size_t close_now(struct owner *owner, uint8_t *bytes, size_t size)
{
    (void)bytes;
    xr_sp_close(owner->conn);
    return size;
}

static size_t echo(struct owner *owner, uint8_t *bytes, size_t size)
{
    put(owner, bytes, size);
    return size;
}

/* Echo byte for byte: many frames in one turn. */
static size_t scatter(struct owner *owner, uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        put(owner, bytes + i, 1);
    return size;
}

static size_t finish(struct owner *owner, uint8_t *bytes, size_t size)
{
    put(owner, bytes, size);
    xr_sp_finish(owner->conn);
    put(owner, "never", 5);
    return size;
}

/* Echo and take one byte, then stop: the rest comes again with the next turn. */
static size_t nibble(struct owner *owner, uint8_t *bytes, size_t size)
{
    (void)size;
    put(owner, bytes, 1);
    xr_sp_resume(owner->conn);
    return 1;
}

static size_t stay(struct owner *owner, uint8_t *bytes, size_t size)
{
    (void)owner;
    (void)bytes;
    (void)size;
    return 0;
}

static size_t arm(struct owner *owner, uint8_t *bytes, size_t size)
{
    (void)bytes;
    xr_sp_alarm(owner->conn, 1);
    return size;
}

static void push_more(struct owner *owner)
{
    static const uint8_t block[10000];
    while (owner->left > 0 && !xr_sp_is_full(owner->conn)) {
        put(owner, block, sizeof(block));
        owner->left -= sizeof(block);
    }
}

/* Push 20 MB, never more than the queue may hold. */
static size_t push(struct owner *owner, uint8_t *bytes, size_t size)
{
    (void)bytes;
    owner->left = 20000000;
    push_more(owner);
    return size;
}

/* Push past every limit. */
static size_t flood(struct owner *owner, uint8_t *bytes, size_t size)
{
    (void)bytes;
    static const uint8_t block[100000];
    for (int i = 0; i < 100; i++)
        put(owner, block, sizeof(block));
    return size;
}

static const struct {
    uint8_t letter;
    size_t (*act)(struct owner *owner, uint8_t *bytes, size_t size);
} acts[] = {{'c', close_now}, {'e', echo}, {'s', scatter}, {'f', finish}, {'n', nibble},
            {'w', stay},      {'a', arm},  {'p', push},    {'x', flood}};

static void *on_open(void *context, struct xr_sp_conn *conn)
{
    (void)context;
    struct owner *owner = xr_mem_zero(1, sizeof(*owner));
    if (owner)
        owner->conn = conn;
    return owner;
}

static size_t on_payload(void *context, uint8_t *bytes, size_t size, bool is_first)
{
    (void)is_first;
    for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
        if (acts[i].letter == bytes[0])
            return acts[i].act(context, bytes, size);
    }
    return size;
}

static void on_room(void *context)
{
    push_more(context);
}

static void on_alarm(void *context)
{
    put(context, "alarm", 5);
}

static void on_close(void *context)
{
    struct owner *owner = context;
    XR_ASSERT(xr_sp_put(owner->conn, 1) == NULL);
    xr_mem_free(owner);
}

/* ---- the loop in its thread -------------------------------------------------------------------
 */

struct house {
    uv_loop_t loop;
    uv_async_t call;
    uv_sem_t called;
    void (*what)(struct house *house);
    pthread_t thread;
    struct xr_sp *sp;
    struct xr_metrics metrics;
    struct xr_metrics seen; /* a copy, for the test's thread */
    char directory[64];
    char tcp[XR_SP_ADDRESS_MAX];
    char ipc[XR_SP_ADDRESS_MAX];
};

static void on_call(uv_async_t *async)
{
    struct house *house = async->data;
    house->what(house);
    uv_sem_post(&house->called);
}

static void run_on_loop(struct house *house, void (*what)(struct house *house))
{
    house->what = what;
    uv_async_send(&house->call);
    uv_sem_wait(&house->called);
}

static void copy_metrics(struct house *house)
{
    house->seen = house->metrics;
}

static const struct xr_metrics *look(struct house *house)
{
    run_on_loop(house, copy_metrics);
    return &house->seen;
}

/* Wait until nobody is connected; each look is a turn of the loop. */
static void wait_until_empty(struct house *house)
{
    while (look(house)->connections > 0)
        usleep(1000);
}

static void on_stopped(void *context)
{
    struct house *house = context;
    uv_close((uv_handle_t *)&house->call, NULL);
}

static void stop_sp(struct house *house)
{
    xr_sp_stop(house->sp, on_stopped, house);
}

static void *run_loop(void *context)
{
    struct house *house = context;
    uv_run(&house->loop, UV_RUN_DEFAULT);
    return NULL;
}

static struct xr_sp_options house_options(struct house *house)
{
    return (struct xr_sp_options){
        .loop = &house->loop,
        .metrics = &house->metrics,
        .connections_max = 50,
        .greeting_ms = 300,
        .finish_ms = 300,
        .queue_bytes = QUEUE_BYTES,
        .queue_bytes_all = 100 * QUEUE_BYTES,
        .queue_bytes_max = 4 * QUEUE_BYTES,
        .on_open = on_open,
        .on_payload = on_payload,
        .on_room = on_room,
        .on_alarm = on_alarm,
        .on_close = on_close,
    };
}

static int set_up(void **state)
{
    struct house *house = calloc(1, sizeof(*house));
    char address[96];
    const char *why;
    strcpy(house->directory, "/tmp/xr-sp-XXXXXX");
    assert_non_null(mkdtemp(house->directory));
    uv_loop_init(&house->loop);
    uv_sem_init(&house->called, 0);
    uv_async_init(&house->loop, &house->call, on_call);
    house->call.data = house;
    const struct xr_sp_options options = house_options(house);
    assert_int_equal(xr_sp_new(&options, &house->sp), XR_OK);
    assert_int_equal(xr_sp_listen(house->sp, "tcp://127.0.0.1:0", house->tcp, &why), XR_OK);
    snprintf(address, sizeof(address), "ipc://%s/s", house->directory);
    assert_int_equal(xr_sp_listen(house->sp, address, house->ipc, &why), XR_OK);
    pthread_create(&house->thread, NULL, run_loop, house);
    *state = house;
    return 0;
}

static int tear_down(void **state)
{
    struct house *house = *state;
    run_on_loop(house, stop_sp);
    pthread_join(house->thread, NULL);
    assert_int_equal(uv_loop_close(&house->loop), 0);
    uv_sem_destroy(&house->called);
    assert_int_equal(rmdir(house->directory), 0); /* the socket is gone */
    free(house);
    return 0;
}

static void expect_echo(struct raw *raw, const char *text)
{
    assert_true(raw_send(raw, text, strlen(text)));
    assert_true(raw_receive(raw));
    assert_int_equal(raw->got.size, strlen(text));
    assert_memory_equal(raw->got.at, text, strlen(text));
}

/* What comes next, in however many messages. */
static void expect_text(struct raw *raw, const char *text)
{
    const size_t size = strlen(text);
    for (size_t at = 0; at < size; at += raw->got.size) {
        assert_true(raw_receive(raw));
        assert_true(raw->got.size <= size - at);
        assert_memory_equal(raw->got.at, text + at, raw->got.size);
    }
}

/* ---- claims -----------------------------------------------------------------------------------
 */

static void both_transports_carry_messages(void **state)
{
    struct house *house = *state;
    struct raw tcp, ipc;
    raw_dial(&tcp, house->tcp);
    raw_dial(&ipc, house->ipc);
    expect_echo(&tcp, "e over tcp");
    expect_echo(&ipc, "e over ipc");
    tcp.id = 0xffffffff; /* the answer carries the latest id: raw_receive compares */
    expect_echo(&tcp, "e again");
    raw_close(&tcp);
    raw_close(&ipc);
}

static void the_socket_file_is_for_its_owner_only(void **state)
{
    struct house *house = *state;
    struct stat file;
    assert_int_equal(stat(house->ipc + 6, &file), 0);
    assert_int_equal(file.st_mode & 0777, 0600);
}

static void bytes_may_come_one_by_one(void **state)
{
    struct house *house = *state;
    const char *addresses[] = {house->tcp, house->ipc};
    for (int i = 0; i < 2; i++) {
        struct raw raw;
        struct xr_buf out;
        raw_dial(&raw, addresses[i]);
        xr_buf_init(&out, 4096);
        raw_message(&raw, &out, "e one", 5);
        raw_message(&raw, &out, "e two", 5);
        for (size_t at = 0; at < out.size; at++)
            assert_true(raw_write(&raw, out.at + at, 1));
        expect_text(&raw, "e onee two");
        xr_buf_fini(&out);
        raw_close(&raw);
    }
}

static void a_message_of_the_greatest_size_passes_and_one_byte_more_closes(void **state)
{
    struct house *house = *state;
    struct raw raw;
    uint8_t *big = malloc(XR_SP_MESSAGE_BYTES_MAX + 1);
    memset(big, 'e', XR_SP_MESSAGE_BYTES_MAX + 1);
    raw_dial(&raw, house->tcp);
    assert_true(raw_send(&raw, big, XR_SP_MESSAGE_BYTES_MAX));
    assert_true(raw_receive(&raw));
    assert_int_equal(raw.got.size, XR_SP_MESSAGE_BYTES_MAX);
    raw_send(&raw, big, XR_SP_MESSAGE_BYTES_MAX + 1);
    assert_true(raw_is_closed(&raw));
    assert_int_equal(look(house)->sp_bad, 1);
    raw_close(&raw);
    free(big);
}

static void what_is_put_in_one_turn_is_one_message(void **state)
{
    struct house *house = *state;
    struct raw raw;
    char text[3000];
    memset(text, 's', sizeof(text));
    raw_dial(&raw, house->tcp);
    const uint64_t writes = look(house)->writes;
    assert_true(raw_send(&raw, text, sizeof(text)));
    assert_true(raw_receive(&raw)); /* 3,000 frames: three messages, at most 1,024 in each */
    assert_int_equal(raw.got.size, XR_FRAMES_PER_MESSAGE);
    assert_true(raw_receive(&raw));
    assert_int_equal(raw.got.size, XR_FRAMES_PER_MESSAGE);
    assert_true(raw_receive(&raw));
    assert_int_equal(raw.got.size, sizeof(text) - 2 * XR_FRAMES_PER_MESSAGE);
    assert_int_equal(look(house)->writes, writes + 1);
    raw_close(&raw);
}

static void an_owner_that_stops_gets_the_rest_later(void **state)
{
    struct house *house = *state;
    struct raw raw;
    raw_dial(&raw, house->ipc);
    assert_true(raw_send(&raw, "nnnnnnnnnn", 10));
    assert_true(raw_send(&raw, "e after", 7));
    expect_text(&raw, "nnnnnnnnnne after");
    raw_close(&raw);
}

/* An owner that never goes on: the system's buffers fill, the server's do not. */
static void nothing_is_read_while_the_owner_has_stopped(void **state)
{
    struct house *house = *state;
    struct raw raw;
    static char block[100000];
    raw_dial(&raw, house->ipc);
    assert_true(raw_send(&raw, "w", 1));
    fcntl(raw.fd, F_SETFL, fcntl(raw.fd, F_GETFL) | O_NONBLOCK);
    size_t sent = 0;
    for (ssize_t size; (size = write(raw.fd, block, sizeof(block))) > 0;)
        sent += (size_t)size;
    look(house); /* a turn, in which more would be read */
    for (ssize_t size; (size = write(raw.fd, block, sizeof(block))) > 0;)
        sent += (size_t)size;
    assert_true(sent < 4000000);
    assert_true(look(house)->bytes_in < 300000);
    raw_close(&raw);
}

static void wrong_greetings_are_closed(void **state)
{
    struct house *house = *state;
    static const uint8_t greetings[][8] = {
        {0, 'S', 'P', 0, 0, 0x31, 0, 0},          {0, 'S', 'P', 0, 0, 0x10, 0, 0},
        {0, 'S', 'P', 1, 0, 0x30, 0, 0},          {0, 'S', 'P', 0, 0, 0x30, 0, 1},
        {'G', 'E', 'T', ' ', '/', ' ', 'H', 'T'}, {0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0}};
    const size_t count = sizeof(greetings) / sizeof(greetings[0]);
    for (size_t i = 0; i < count; i++) {
        struct raw raw;
        uint8_t ours[8];
        raw_open(&raw, house->tcp);
        assert_true(raw_write(&raw, greetings[i], 8));
        assert_int_equal(read(raw.fd, ours, 8), 8);
        assert_true(raw_is_closed(&raw));
        raw_close(&raw);
    }
    assert_int_equal(look(house)->greeting_bad, count);
}

static void who_does_not_greet_in_time_is_closed(void **state)
{
    struct house *house = *state;
    struct raw raw;
    uint8_t ours[8];
    raw_open(&raw, house->tcp);
    assert_true(raw_write(&raw, "\0SP", 3));
    assert_int_equal(read(raw.fd, ours, 8), 8);
    assert_true(raw_is_closed(&raw));
    assert_int_equal(look(house)->greeting_bad, 1);
    raw_close(&raw);
}

static void malformed_messages_close_only_their_connection(void **state)
{
    struct house *house = *state;
    static const struct {
        const char *bytes;
        size_t size;
        bool is_ipc;
    } bad[] = {
        {"\0\0\0\0\0\0\0\3xyz", 11, false},                 /* shorter than a header word */
        {"\0\0\0\0\0\0\0\0", 8, false},                     /* empty */
        {"\0\0\0\0\0\0\0\4\x80\0\0\1", 12, false},          /* nothing behind the header word */
        {"\xff\xff\xff\xff\xff\xff\xff\xff", 8, false},     /* longer than all memory */
        {"\x7f\xff\xff\xff\xff\xff\xff\xff", 8, false},     /* the one that kills nanomsg */
        {"\0\0\0\0\0\0\0\x8\0\0\0\1\x80\0\0\1", 16, false}, /* two header words: a device */
        {"\2\0\0\0\0\0\0\0\5\x80\0\0\1e", 14, true},        /* not a message, on ipc */
        {"\1\0\0\0\0\x7f\0\0\5", 9, true},
    };
    struct raw other;
    raw_dial(&other, house->tcp);
    const size_t count = sizeof(bad) / sizeof(bad[0]);
    for (size_t i = 0; i < count; i++) {
        struct raw raw;
        raw_dial(&raw, bad[i].is_ipc ? house->ipc : house->tcp);
        assert_true(raw_write(&raw, bad[i].bytes, bad[i].size));
        assert_true(raw_is_closed(&raw));
        raw_close(&raw);
    }
    expect_echo(&other, "e still here");
    assert_int_equal(look(house)->sp_bad, count);
    raw_close(&other);
}

static void garbage_never_harms(void **state)
{
    struct house *house = *state;
    uint32_t seed = 20260131;
    for (int round = 0; round < 300; round++) {
        struct raw raw;
        uint8_t bytes[512];
        raw_dial(&raw, round % 2 ? house->ipc : house->tcp);
        for (size_t i = 0; i < sizeof(bytes); i++) {
            seed = seed * 1664525 + 1013904223;
            bytes[i] = (uint8_t)(seed >> 24);
        }
        if (round % 3 == 0) { /* a true head, garbage behind it */
            memcpy(bytes, round % 2 ? "\1\0\0\0\0\0\0\1\0\x80" : "\0\0\0\0\0\0\1\0\x80", 9);
        }
        raw_write(&raw, bytes, sizeof(bytes));
        raw_close(&raw);
    }
    wait_until_empty(house);
}

/* A peer that announces much and sends little must not cost what it announces. */
static void memory_follows_what_is_received(void **state)
{
    struct house *house = *state;
    struct raw raws[50];
    const uint64_t before = xr_mem_count();
    for (int i = 0; i < 40; i++) {
        raw_dial(&raws[i], house->tcp);
        assert_true(raw_write(&raws[i], "\0\0\0\0\0\4\0\4\x80\0\0\1x", 13));
    }
    look(house);
    assert_true(xr_mem_count() > before);
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    const long resident = usage.ru_maxrss;
    look(house);
    getrusage(RUSAGE_SELF, &usage);
    assert_true(usage.ru_maxrss - resident < 4096); /* KiB, not 40 × 256 */
    for (int i = 0; i < 40; i++)
        raw_close(&raws[i]);
    wait_until_empty(house);
}

/* Every prefix of a good conversation, then each way of leaving. */
static void a_peer_may_leave_at_any_moment(void **state)
{
    struct house *house = *state;
    for (size_t cut = 0; cut < 60; cut++) {
        for (int how = 0; how < 2; how++) {
            struct raw raw;
            struct xr_buf out;
            raw_open(&raw, how ? house->ipc : house->tcp);
            xr_buf_init(&out, 4096);
            xr_buf_add(&out, "\0SP\0\0\x30\0\0", 8);
            raw_message(&raw, &out, "e one", 5);
            raw_message(&raw, &out, "nnnn", 4);
            raw_message(&raw, &out, "f two", 5);
            raw_write(&raw, out.at, cut < out.size ? cut : out.size);
            xr_buf_fini(&out);
            if (how == 0 && cut % 2)
                raw_reset(&raw);
            else
                raw_close(&raw);
        }
    }
    wait_until_empty(house);
}

static void the_owner_may_close_in_the_middle(void **state)
{
    struct house *house = *state;
    struct raw raw;
    raw_dial(&raw, house->tcp);
    struct xr_buf out;
    xr_buf_init(&out, 4096);
    raw_message(&raw, &out, "e dropped", 9); /* not sent yet when the next one closes */
    raw_message(&raw, &out, "c", 1);
    raw_message(&raw, &out, "e never", 7);
    assert_true(raw_write(&raw, out.at, out.size));
    assert_true(raw_is_closed(&raw));
    xr_buf_fini(&out);
    raw_close(&raw);
}

static void finish_sends_what_is_queued_and_closes(void **state)
{
    struct house *house = *state;
    struct raw raw;
    raw_dial(&raw, house->tcp);
    assert_true(raw_send(&raw, "f the end", 9));
    raw_send(&raw, "e thrown away", 13);
    assert_true(raw_receive(&raw));
    assert_memory_equal(raw.got.at, "f the end", 9);
    assert_true(raw_is_closed(&raw));
    raw_close(&raw);
    wait_until_empty(house);
}

static void finish_does_not_wait_for_a_peer_that_stays(void **state)
{
    struct house *house = *state;
    struct raw raw;
    raw_dial(&raw, house->tcp);
    assert_true(raw_send(&raw, "f", 1));
    wait_until_empty(house);
    raw_close(&raw);
}

static void alarms_ring(void **state)
{
    struct house *house = *state;
    struct raw raw;
    raw_dial(&raw, house->ipc);
    assert_true(raw_send(&raw, "a", 1));
    assert_true(raw_receive(&raw));
    assert_memory_equal(raw.got.at, "alarm", 5);
    raw_close(&raw);
}

/* 20 MB to a peer that reads late: it gets all, the queue stays short, another is not held up. */
static void a_slow_reader_gets_everything_and_holds_up_nobody(void **state)
{
    struct house *house = *state;
    struct raw slow, quick;
    raw_dial(&slow, house->tcp);
    raw_dial(&quick, house->tcp);
    assert_true(raw_send(&slow, "p", 1));
    for (int i = 0; i < 100; i++)
        expect_echo(&quick, "e quick");
    size_t got = 0;
    while (got < 20000000) {
        assert_true(raw_receive(&slow));
        got += slow.got.size;
    }
    assert_int_equal(got, 20000000);
    assert_int_equal(look(house)->overflowed, 0);
    raw_close(&slow);
    raw_close(&quick);
}

static void a_queue_over_the_hard_limit_closes(void **state)
{
    struct house *house = *state;
    struct raw raw;
    raw_dial(&raw, house->tcp);
    assert_true(raw_send(&raw, "x", 1));
    while (raw_receive(&raw))
        ;
    assert_int_equal(look(house)->overflowed, 1);
    raw_close(&raw);
}

static void beyond_the_limit_of_connections_new_ones_are_closed(void **state)
{
    struct house *house = *state;
    struct raw raws[50], extra;
    for (int i = 0; i < 50; i++)
        raw_dial(&raws[i], house->tcp);
    raw_open(&extra, house->tcp);
    assert_true(raw_is_closed(&extra));
    raw_close(&extra);
    assert_int_equal(look(house)->refused_full, 1);
    raw_close(&raws[7]);
    while (look(house)->connections > 49)
        usleep(1000);
    raw_dial(&raws[7], house->tcp);
    expect_echo(&raws[7], "e there is room again");
    for (int i = 0; i < 50; i++)
        raw_close(&raws[i]);
}

static long cpu_us(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 + usage.ru_utime.tv_usec +
           usage.ru_stime.tv_usec;
}

/* Connect and see whether the server lets us in; the descriptor is made before. */
static bool is_let_in(int fd, const char *address)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    strcpy(name.sun_path, address + 6);
    uint8_t ours[8];
    assert_int_equal(connect(fd, (struct sockaddr *)&name, sizeof(name)), 0);
    return read(fd, ours, sizeof(ours)) == 8;
}

/* Descriptors run out: who is in stays, new ones are closed, the loop does not spin, and all is as
 * before when there are some again. */
static void running_out_of_descriptors_is_survived(void **state)
{
    struct house *house = *state;
    struct raw inside;
    struct rlimit before, tight;
    int fds[10];
    raw_dial(&inside, house->tcp);
    expect_echo(&inside, "e before");
    for (int i = 0; i < 10; i++)
        fds[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    getrlimit(RLIMIT_NOFILE, &before);
    tight = before;
    tight.rlim_cur = (rlim_t)fds[9] + 1;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
    const long cpu_before = cpu_us();
    for (int i = 0; i < 9; i++)
        assert_false(is_let_in(fds[i], house->ipc));
    expect_echo(&inside, "e during");
    assert_true(cpu_us() - cpu_before < 1000000);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_true(is_let_in(fds[9], house->ipc));
    for (int i = 0; i < 10; i++)
        close(fds[i]);
    expect_echo(&inside, "e after");
    raw_close(&inside);
}

static uint64_t failing_next;

static void arm_memory(struct house *house)
{
    (void)house;
    xr_mem_arm(failing_next, false);
}

/* Each allocation of a conversation fails in turn: at most that connection is lost. */
static void no_memory_closes_one_connection_not_the_server(void **state)
{
    struct house *house = *state;
    static const uint8_t greeting[] = "\0SP\0\0\x30\0";
    for (failing_next = 1; failing_next < 20; failing_next++) {
        struct raw raw;
        struct xr_buf out;
        raw_open(&raw, house->tcp);
        while (look(house)->connections == 0)
            usleep(1000);
        xr_buf_init(&out, 100000);
        raw_message(&raw, &out, "e one", 5);
        raw_message(&raw, &out, "nnn", 3);
        uint8_t *rest = out.at;
        run_on_loop(house, arm_memory);
        raw_write(&raw, greeting, 8);
        raw_write(&raw, rest, out.size);
        shutdown(raw.fd, SHUT_WR);
        char away[4096];
        while (read(raw.fd, away, sizeof(away)) > 0)
            ;
        xr_mem_arm(0, false);
        xr_buf_fini(&out);
        raw_close(&raw);
        wait_until_empty(house);
    }
    struct raw raw;
    failing_next = 1;
    run_on_loop(house, arm_memory);
    raw_open(&raw, house->tcp); /* accepted with the reserve, and closed */
    xr_mem_arm(0, false);
    raw_close(&raw);
    raw_dial(&raw, house->tcp);
    expect_echo(&raw, "e all is well");
    raw_close(&raw);
}

static void only_addresses_of_this_machine_are_listened_on(void **state)
{
    (void)state;
    static const struct {
        const char *address;
        enum xr_status status;
    } cases[] = {{"tcp://0.0.0.0:0", XR_BAD},       {"tcp://192.0.2.1:7400", XR_BAD},
                 {"tcp://*:7400", XR_BAD},          {"tcp://[::]:0", XR_BAD},
                 {"tcp://127.0.0.1", XR_BAD},       {"tcp://127.0.0.1:", XR_BAD},
                 {"tcp://127.0.0.1:65536", XR_BAD}, {"tcp://127.0.0.1:-1", XR_BAD},
                 {"udp://127.0.0.1:1", XR_BAD},     {"ipc://", XR_BAD},
                 {"ipc:///nowhere/at/all", XR_IO},  {"tcp://localhost:0", XR_OK},
                 {"tcp://127.1.2.3:0", XR_OK}};
    struct xr_metrics metrics = {0};
    uv_loop_t loop;
    uv_loop_init(&loop);
    const struct xr_sp_options options = {.loop = &loop, .metrics = &metrics};
    struct xr_sp *sp;
    assert_int_equal(xr_sp_new(&options, &sp), XR_OK);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char actual[XR_SP_ADDRESS_MAX];
        const char *why = NULL;
        if (xr_sp_listen(sp, cases[i].address, actual, &why) != cases[i].status)
            fail_msg("%s: %s", cases[i].address, why);
    }
    xr_sp_stop(sp, NULL, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

/* A killed server leaves its socket; a living one's is not taken away. */
static void a_socket_left_behind_is_replaced_a_living_one_is_not(void **state)
{
    struct house *house = *state;
    struct xr_metrics metrics = {0};
    uv_loop_t loop;
    uv_loop_init(&loop);
    const struct xr_sp_options options = {.loop = &loop, .metrics = &metrics};
    struct xr_sp *sp;
    char actual[XR_SP_ADDRESS_MAX], address[XR_SP_ADDRESS_MAX];
    const char *why;
    assert_int_equal(xr_sp_new(&options, &sp), XR_OK);
    assert_int_equal(xr_sp_listen(sp, house->ipc, actual, &why), XR_IO);
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    snprintf(name.sun_path, sizeof(name.sun_path), "%s/dead", house->directory);
    const int dead = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(dead, (struct sockaddr *)&name, sizeof(name)), 0);
    close(dead);
    snprintf(address, sizeof(address), "ipc://%s", name.sun_path);
    assert_int_equal(xr_sp_listen(sp, address, actual, &why), XR_OK);
    xr_sp_stop(sp, NULL, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
#define CLAIM(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest claims[] = {
        CLAIM(both_transports_carry_messages),
        CLAIM(the_socket_file_is_for_its_owner_only),
        CLAIM(bytes_may_come_one_by_one),
        CLAIM(a_message_of_the_greatest_size_passes_and_one_byte_more_closes),
        CLAIM(what_is_put_in_one_turn_is_one_message),
        CLAIM(an_owner_that_stops_gets_the_rest_later),
        CLAIM(nothing_is_read_while_the_owner_has_stopped),
        CLAIM(wrong_greetings_are_closed),
        CLAIM(who_does_not_greet_in_time_is_closed),
        CLAIM(malformed_messages_close_only_their_connection),
        CLAIM(garbage_never_harms),
        CLAIM(memory_follows_what_is_received),
        CLAIM(a_peer_may_leave_at_any_moment),
        CLAIM(the_owner_may_close_in_the_middle),
        CLAIM(finish_sends_what_is_queued_and_closes),
        CLAIM(finish_does_not_wait_for_a_peer_that_stays),
        CLAIM(alarms_ring),
        CLAIM(a_slow_reader_gets_everything_and_holds_up_nobody),
        CLAIM(a_queue_over_the_hard_limit_closes),
        CLAIM(beyond_the_limit_of_connections_new_ones_are_closed),
        CLAIM(running_out_of_descriptors_is_survived),
        CLAIM(no_memory_closes_one_connection_not_the_server),
        cmocka_unit_test(only_addresses_of_this_machine_are_listened_on),
        CLAIM(a_socket_left_behind_is_replaced_a_living_one_is_not),
    };
    return cmocka_run_group_tests(claims, NULL, NULL);
}
