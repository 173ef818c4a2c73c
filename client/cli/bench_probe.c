/* A bare echo and a bare commit, for comparison. */
#include <errno.h>
#include <lmdb.h>
#include <nanomsg/nn.h>
#include <nanomsg/pair.h>
#include <nanomsg/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench_probe.h"

#define ECHO_FLIGHT_MAX 1024
#define ECHO_BYTES_MAX  4096
#define CONNECT_WAIT_MS 5000
#define WARM_UP_NS      200000000

uint64_t xr_bench_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* ---- samples ----------------------------------------------------------------------------------
 */

bool xr_bench_samples_init(struct xr_bench_samples *samples, size_t room)
{
    *samples = (struct xr_bench_samples){calloc(room, sizeof(uint64_t)), room, 0};
    return samples->ns != NULL;
}

void xr_bench_samples_fini(struct xr_bench_samples *samples)
{
    free(samples->ns);
    *samples = (struct xr_bench_samples){0};
}

void xr_bench_samples_reset(struct xr_bench_samples *samples)
{
    samples->count = 0;
}

void xr_bench_samples_add(struct xr_bench_samples *samples, uint64_t ns)
{
    uint64_t at = samples->count++;

    if (at >= samples->room) {
        at = ((uint64_t)randombytes_random() << 32 | randombytes_random()) % samples->count;
        if (at >= samples->room)
            return;
    }
    samples->ns[at] = ns;
}

static int compare_ns(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a;
    const uint64_t y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

struct xr_bench_figures xr_bench_samples_sum(struct xr_bench_samples *samples, uint64_t spent_ns)
{
    const size_t count = samples->count < samples->room ? samples->count : samples->room;

    if (count == 0 || spent_ns == 0)
        return (struct xr_bench_figures){0};
    qsort(samples->ns, count, sizeof(samples->ns[0]), compare_ns);
    const size_t half = count / 2;
    const size_t nearly_all = count * 99 / 100;
    return (struct xr_bench_figures){
        .count = samples->count,
        .rate_per_s = (double)samples->count * 1e9 / (double)spent_ns,
        .p50_ms = (double)samples->ns[half] / 1e6,
        .p99_ms = (double)samples->ns[nearly_all] / 1e6,
    };
}

/* ---- echo: the child --------------------------------------------------------------------------
 */

/* Send each message back. */
static void echo_for_ever(int socket)
{
    void *message = NULL;
    int size;

    while ((size = nn_recv(socket, &message, NN_MSG, 0)) >= 0)
        if (nn_send(socket, &message, NN_MSG, 0) != size)
            return;
}

pid_t xr_bench_echo_start(const char *address)
{
    const pid_t parent = getpid();
    const pid_t child = fork();

    if (child != 0) {
        if (child < 0)
            xr_cli_complain("fork: %s", strerror(errno));
        return child;
    }
    /* It ends with its parent, however that ends. */
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    (void)signal(SIGINT, SIG_IGN);
    const int on = 1;
    const int socket = nn_socket(AF_SP, NN_PAIR);
    if (socket < 0 || nn_setsockopt(socket, NN_TCP, NN_TCP_NODELAY, &on, sizeof(on)) != 0 ||
        nn_bind(socket, address) < 0)
        _exit(1);
    echo_for_ever(socket);
    _exit(1);
}

void xr_bench_echo_stop(pid_t child)
{
    if (child <= 0)
        return;
    (void)kill(child, SIGKILL);
    (void)waitpid(child, NULL, 0);
}

/* ---- echo: the client -------------------------------------------------------------------------
 */

struct echo {
    int socket;
    struct pollfd poll[2]; /* receiving; sending, while something waits to be sent */
    uint8_t message[ECHO_BYTES_MAX];
    size_t size;
    uint32_t waiting[ECHO_FLIGHT_MAX]; /* ids that could not be sent yet */
    uint32_t waiting_count;
    uint64_t sent_ns[ECHO_FLIGHT_MAX];
};

/* What fits; the rest waits. The clock of a message begins when it is wanted, not when it fits. */
static void send_waiting(struct echo *echo)
{
    while (echo->waiting_count > 0) {
        const uint32_t id = echo->waiting[echo->waiting_count - 1];
        xr_put_u32be(echo->message, id);
        if (nn_send(echo->socket, echo->message, echo->size, NN_DONTWAIT) < 0)
            return;
        echo->waiting_count--;
    }
}

static void want_send(struct echo *echo, uint32_t id)
{
    echo->sent_ns[id] = xr_bench_now_ns();
    echo->waiting[echo->waiting_count++] = id;
}

/* The id of the next answer; -1: none there. */
static int receive_echo(struct echo *echo)
{
    uint8_t body[ECHO_BYTES_MAX];

    if (nn_recv(echo->socket, body, sizeof(body), NN_DONTWAIT) < 4)
        return -1;
    const uint32_t id = xr_get_u32be(body);
    return id < ECHO_FLIGHT_MAX ? (int)id : -1;
}

static bool get_descriptor(const struct echo *echo, int option, int *out)
{
    size_t size = sizeof(*out);

    return nn_getsockopt(echo->socket, NN_SOL_SOCKET, option, out, &size) == 0;
}

static bool open_echo(struct echo *echo, const char *address)
{
    const int on = 1;

    echo->socket = nn_socket(AF_SP, NN_PAIR);
    if (echo->socket < 0 ||
        nn_setsockopt(echo->socket, NN_TCP, NN_TCP_NODELAY, &on, sizeof(on)) != 0 ||
        nn_connect(echo->socket, address) < 0 ||
        !get_descriptor(echo, NN_RCVFD, &echo->poll[0].fd) ||
        !get_descriptor(echo, NN_SNDFD, &echo->poll[1].fd))
        return false;
    echo->poll[0].events = POLLIN;
    echo->poll[1].events = POLLIN;
    const uint64_t end_ns = xr_bench_now_ns() + CONNECT_WAIT_MS * UINT64_C(1000000);
    while (nn_get_statistic(echo->socket, NN_STAT_CURRENT_CONNECTIONS) == 0) {
        if (xr_bench_now_ns() > end_ns)
            return false;
        (void)poll(NULL, 0, 5);
    }
    return true;
}

/* Keep `in_flight` under way until `end_ns`, then wait for the last ones. false: they got lost. */
static bool echo_until(struct echo *echo, uint32_t in_flight, uint64_t end_ns,
                       struct xr_bench_samples *samples)
{
    uint32_t under_way = in_flight;

    for (uint32_t id = 0; id < in_flight; id++)
        want_send(echo, id);
    while (under_way > 0) {
        send_waiting(echo);
        if (poll(echo->poll, echo->waiting_count > 0 ? 2 : 1, CONNECT_WAIT_MS) <= 0)
            return false;
        for (int id = receive_echo(echo); id >= 0; id = receive_echo(echo)) {
            const uint64_t now_ns = xr_bench_now_ns();
            xr_bench_samples_add(samples, now_ns - echo->sent_ns[id]);
            if (now_ns < end_ns)
                want_send(echo, (uint32_t)id);
            else
                under_way--;
            send_waiting(echo);
        }
    }
    return true;
}

int xr_bench_echo(const char *address, uint32_t in_flight, size_t bytes, uint64_t ms,
                  struct xr_bench_samples *samples, struct xr_bench_figures *out)
{
    struct echo *echo = calloc(1, sizeof(*echo));
    int code = XR_EXIT_FAILED;

    if (!echo)
        return XR_EXIT_FAILED;
    echo->size = bytes < ECHO_BYTES_MAX ? bytes : ECHO_BYTES_MAX;
    if (open_echo(echo, address) &&
        echo_until(echo, in_flight, xr_bench_now_ns() + WARM_UP_NS, samples)) {
        xr_bench_samples_reset(samples);
        const uint64_t begin_ns = xr_bench_now_ns();
        if (echo_until(echo, in_flight, begin_ns + ms * 1000000, samples))
            code = XR_EXIT_OK;
        *out = xr_bench_samples_sum(samples, xr_bench_now_ns() - begin_ns);
    }
    if (code != XR_EXIT_OK)
        xr_cli_complain("%s: no echo from there", address);
    if (echo->socket >= 0)
        nn_close(echo->socket);
    free(echo);
    return code;
}

/* ---- commit -----------------------------------------------------------------------------------
 */

/* Sizes as the server writes them: server/store/FORMAT.md. */
#define JOURNAL_EXTRA 40  /* a row of the journal besides its text */
#define LOG_EXTRA     60  /* an event in a batch besides its text */
#define LOG_HEAD      90  /* a batch besides its events */
#define SESSION_BYTES 160 /* a session's record */
#define DEVICE_BYTES  170 /* a device's record with an answer or two */
#define FLOOR_BYTES   90
#define SESSIONS      5000
#define WARM_UP       250 /* messages of a commit before measuring */

struct commit {
    MDB_env *env;
    MDB_dbi rows;
    uint64_t batch;
    uint64_t journal;
    uint8_t *bytes; /* the largest value */
};

static int put(struct commit *commit, MDB_txn *txn, uint8_t table, uint64_t key, size_t size,
               unsigned flags)
{
    uint8_t name[9] = {table};
    MDB_val at = {sizeof(name), name};
    MDB_val value = {size, commit->bytes};

    xr_put_u64be(name + 1, key);
    return mdb_put(txn, commit->rows, &at, &value, flags);
}

static int commit_once(struct commit *commit, uint32_t messages, size_t text_bytes)
{
    MDB_txn *txn = NULL;
    int failed = mdb_txn_begin(commit->env, NULL, 0, &txn);

    if (failed)
        return failed;
    for (uint32_t i = 0; i < messages && !failed; i++) {
        failed = put(commit, txn, 1, ++commit->journal, JOURNAL_EXTRA + text_bytes, 0);
        if (!failed)
            failed = put(commit, txn, 2, commit->journal % SESSIONS, SESSION_BYTES, 0);
    }
    if (!failed)
        failed = put(commit, txn, 3, commit->batch % 4, DEVICE_BYTES, 0);
    if (!failed)
        failed = put(commit, txn, 4, 0, FLOOR_BYTES, 0);
    if (!failed)
        failed = put(commit, txn, 5, 0, FLOOR_BYTES, 0);
    if (!failed)
        failed =
            put(commit, txn, 6, ++commit->batch, LOG_HEAD + messages * (LOG_EXTRA + text_bytes), 0);
    if (failed) {
        mdb_txn_abort(txn);
        return failed;
    }
    return mdb_txn_commit(txn);
}

static int open_commit(struct commit *commit, const char *directory, size_t value_bytes)
{
    MDB_txn *txn = NULL;
    int failed = mdb_env_create(&commit->env);

    commit->bytes = calloc(1, value_bytes);
    if (!commit->bytes)
        return ENOMEM;
    randombytes_buf(commit->bytes, value_bytes);
    if (!failed)
        failed = mdb_env_set_mapsize(commit->env, (size_t)16 << 30);
    if (!failed)
        failed = mdb_env_open(commit->env, directory, 0, 0600);
    if (!failed)
        failed = mdb_txn_begin(commit->env, NULL, 0, &txn);
    if (!failed) {
        failed = mdb_dbi_open(txn, NULL, 0, &commit->rows);
        failed = failed ? failed : mdb_txn_commit(txn);
    }
    return failed;
}

static void close_commit(struct commit *commit, const char *directory)
{
    char path[1024];

    if (commit->env)
        mdb_env_close(commit->env);
    free(commit->bytes);
    snprintf(path, sizeof(path), "%s/data.mdb", directory);
    (void)unlink(path);
    snprintf(path, sizeof(path), "%s/lock.mdb", directory);
    (void)unlink(path);
}

int xr_bench_commit(const char *directory, uint32_t messages, size_t text_bytes, uint64_t ms,
                    struct xr_bench_samples *samples, struct xr_bench_figures *out)
{
    const uint32_t most = messages > WARM_UP ? messages : WARM_UP;
    const size_t value_bytes = LOG_HEAD + most * (LOG_EXTRA + text_bytes);
    struct commit commit = {0};
    int failed = open_commit(&commit, directory, value_bytes);

    /* Session records are there before, as they are in the server. */
    for (uint32_t i = 0; i < SESSIONS / WARM_UP && !failed; i++)
        failed = commit_once(&commit, WARM_UP, text_bytes);
    xr_bench_samples_reset(samples);
    const uint64_t begin_ns = xr_bench_now_ns();
    while (!failed && xr_bench_now_ns() < begin_ns + ms * 1000000) {
        const uint64_t now_ns = xr_bench_now_ns();
        failed = commit_once(&commit, messages, text_bytes);
        xr_bench_samples_add(samples, xr_bench_now_ns() - now_ns);
    }
    *out = xr_bench_samples_sum(samples, xr_bench_now_ns() - begin_ns);
    close_commit(&commit, directory);
    if (!failed)
        return XR_EXIT_OK;
    xr_cli_complain("%s: %s", directory, mdb_strerror(failed));
    return XR_EXIT_FAILED;
}
