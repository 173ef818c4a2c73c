#include "e2e/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATH_ROOM 256
#define ARGS_MAX  (10 + COLLEAGUES_MAX)
#define AT_ONCE   512 /* entries read */

/* Where a child keeps itself. */
static int open_file(const char *directory, const char *what, uint32_t number, int flags)
{
    char path[PATH_ROOM];
    (void)snprintf(path, sizeof(path), "%s/%s-%u", directory, what, number);
    const int fd = open(path, flags | O_CLOEXEC, 0600);
    XR_ASSERT(fd >= 0);
    return fd;
}

static void write_whole(int fd, const void *bytes, size_t size)
{
    const ssize_t written = write(fd, bytes, size);
    XR_ASSERT(written == (ssize_t)size);
}

/* The entry at `from`; false: there is none, or only its beginning. */
static size_t read_entries(int fd, off_t from, struct entry out[AT_ONCE])
{
    const ssize_t size = pread(fd, out, AT_ONCE * sizeof(*out), from);
    XR_ASSERT(size >= 0);
    return (size_t)size / sizeof(*out);
}

/* ---- the parent's side ----------------------------------------------------------------------- */

void child_found(struct child *child, const uint8_t token[XR_TOKEN_BYTES], uint64_t cursor)
{
    const struct entry began = {.kind = ENTRY_BEGAN, .seq = cursor};
    int fd = open_file(child->directory, "token", child->number, O_WRONLY | O_CREAT);
    write_whole(fd, token, XR_TOKEN_BYTES);
    close(fd);
    fd = open_file(child->directory, "journal", child->number, O_WRONLY | O_CREAT);
    write_whole(fd, &began, sizeof(began));
    close(fd);
}

/* In the child: the pipes become its input and output. */
static _Noreturn void become(const struct child *child, uint64_t seed, uint32_t window, int in,
                             int out)
{
    char numbers[ARGS_MAX][24];
    char *args[ARGS_MAX + 1];
    uint64_t values[ARGS_MAX] = {child->number, (uint64_t)child->role, seed, window,
                                 child->buyer_count};
    size_t count = 0;
    args[count++] = (char *)(uintptr_t) "kill_rounds";
    args[count++] = (char *)(uintptr_t) "worker";
    args[count++] = (char *)(uintptr_t)child->address;
    args[count++] = (char *)(uintptr_t)child->directory;
    for (uint32_t i = 0; i < child->colleague_count; i++)
        values[5 + i] = child->colleagues[i];
    for (size_t i = 0; i < 5 + child->colleague_count; i++) {
        (void)snprintf(numbers[i], sizeof(numbers[i]), "%llu", (unsigned long long)values[i]);
        args[count++] = numbers[i];
    }
    args[count] = NULL;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(in, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    execv("/proc/self/exe", args);
    _exit(127);
}

void child_start(struct child *child, uint64_t seed, uint32_t window)
{
    int in[2];
    int out[2];
    int failed = pipe2(in, O_CLOEXEC);
    XR_ASSERT(failed == 0);
    failed = pipe2(out, O_CLOEXEC | O_NONBLOCK);
    XR_ASSERT(failed == 0);
    child->pid = fork();
    XR_ASSERT(child->pid >= 0);
    if (child->pid == 0)
        become(child, seed, window, in[0], out[1]);
    close(in[0]);
    close(out[1]);
    child->to = in[1];
    child->from = out[0];
    child->is_ready = false;
    child->is_idle = false;
}

bool child_listen(struct child *child)
{
    char said[16];
    const ssize_t size = read(child->from, said, sizeof(said));
    for (ssize_t i = 0; i < size; i++) {
        child->is_ready |= said[i] == 'r';
        child->is_idle |= said[i] == 'i';
    }
    return size != 0;
}

void child_tell(const struct child *child, char what)
{
    write_whole(child->to, &what, 1);
}

static int reap(struct child *child)
{
    int status = 0;
    while (waitpid(child->pid, &status, 0) < 0)
        XR_ASSERT(errno == EINTR);
    close(child->to);
    close(child->from);
    child->pid = 0;
    return status;
}

void child_kill(struct child *child)
{
    kill(child->pid, SIGKILL);
    const int status = reap(child);
    XR_ASSERT(WIFSIGNALED(status)); /* else it had ended by itself */
}

int child_wait(struct child *child)
{
    const int status = reap(child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void child_read(struct child *child, struct tally *tally)
{
    struct entry entries[AT_ONCE];
    size_t count;
    const int fd = open_file(child->directory, "journal", child->number, O_RDONLY);
    while ((count = read_entries(fd, child->read, entries)) > 0) {
        for (size_t i = 0; i < count; i++)
            tally_note(tally, child->number, &entries[i]);
        child->read += (off_t)(count * sizeof(entries[0]));
    }
    close(fd);
}

/* ---- the child: what its earlier lives have left --------------------------------------------- */

struct life {
    struct worker worker;
    struct vector sent; /* struct entry, by serial - 1; kind: the last that was written of it */
    int journal;
    const char *directory;
    bool is_ending;
};

static void recall_message(struct life *life, const struct entry *entry)
{
    struct entry *sent = life->sent.at;
    if (entry->serial > life->sent.count) {
        XR_ASSERT(entry->kind == ENTRY_SENT && entry->serial == life->sent.count + 1);
        entries_add(&life->sent, entry);
        life->worker.serial = entry->serial;
        return;
    }
    if (entry->kind == ENTRY_SENT)
        sent[entry->serial - 1] = *entry;
    sent[entry->serial - 1].kind = entry->kind;
    if (entry->kind == ENTRY_DONE && entry->buyer != 0)
        life->worker.buyers[entry->buyer - 1].session = entry->session;
}

static void recall(struct life *life, const struct entry *entry)
{
    if (entry->kind == ENTRY_BEGAN || entry->kind >= ENTRY_MESSAGE)
        life->worker.cursor = entry->seq;
    else
        recall_message(life, entry);
}

/* The death may have cut the last entry short: nothing was done on it. */
static void read_journal(struct life *life)
{
    struct entry entries[AT_ONCE];
    off_t size = 0;
    size_t count;
    while ((count = read_entries(life->journal, size, entries)) > 0) {
        for (size_t i = 0; i < count; i++)
            recall(life, &entries[i]);
        size += (off_t)(count * sizeof(entries[0]));
    }
    const int failed = ftruncate(life->journal, size);
    XR_ASSERT(failed == 0);
    const struct entry *sent = life->sent.at;
    for (size_t i = 0; i < life->sent.count; i++)
        if (sent[i].kind == ENTRY_SENT || sent[i].kind == ENTRY_AGAIN)
            entries_add(&life->worker.unanswered, &sent[i]);
}

static void read_token(struct life *life)
{
    const int fd = open_file(life->directory, "token", life->worker.number, O_RDONLY);
    const ssize_t size = read(fd, life->worker.token, XR_TOKEN_BYTES);
    XR_ASSERT(size == XR_TOKEN_BYTES);
    close(fd);
    life->worker.has_token = true;
}

/* ---- the child: its work --------------------------------------------------------------------- */

static void write_entry(void *context, const struct worker *worker, const struct entry *entry)
{
    const struct life *life = context;
    (void)worker;
    write_whole(life->journal, entry, sizeof(*entry));
}

static void take_orders(struct life *life)
{
    char told = 'e';
    const ssize_t size = read(STDIN_FILENO, &told, 1);
    XR_ASSERT(size >= 0);
    life->worker.is_quiet = true;
    life->is_ending = told == 'e';
}

static void turn(struct life *life)
{
    struct pollfd polled[2] = {{xr_client_fd(life->worker.client), POLLIN, 0},
                               {STDIN_FILENO, POLLIN, 0}};
    (void)poll(polled, 2, xr_client_wait_ms(life->worker.client));
    if (polled[1].revents)
        take_orders(life);
    worker_turn(&life->worker);
}

static void say(char what)
{
    write_whole(STDOUT_FILENO, &what, 1);
}

static void live(struct life *life)
{
    bool said_idle = false;
    while (life->worker.lives == 0 && !life->is_ending)
        turn(life);
    say('r');
    while (!life->is_ending) {
        turn(life);
        if (life->worker.is_quiet && !said_idle && worker_is_idle(&life->worker)) {
            said_idle = true;
            say('i');
        }
    }
    const struct xr_floor_status *status = worker_ask(
        &life->worker, XR_TYPE_get_status, &(struct xr_get_status){0}, XR_TYPE_floor_status);
    const uint64_t head = status->cursor;
    while (xr_client_cursor(life->worker.client) < head)
        turn(life);
}

int child_main(int argc, char **argv)
{
    static struct life life;
    struct worker *worker = &life.worker;
    uint64_t values[ARGS_MAX] = {0};
    XR_ASSERT(argc >= 9 && argc <= ARGS_MAX);
    for (int i = 4; i < argc; i++)
        values[i - 4] = strtoull(argv[i], NULL, 10);
    life.directory = argv[3];
    worker->number = (uint32_t)values[0];
    worker->role = (enum xr_role)values[1];
    worker->random = values[2];
    worker->window = (uint32_t)values[3];
    worker->buyer_count = (uint32_t)values[4];
    for (int i = 9; i < argc; i++)
        worker->colleagues[worker->colleague_count++] = (uint32_t)values[i - 4];
    worker->resume = true;
    worker->note = write_entry;
    worker->context = &life;
    read_token(&life);
    life.journal = open_file(life.directory, "journal", worker->number, O_RDWR | O_APPEND);
    read_journal(&life);
    worker_start(worker, argv[2]);
    live(&life);
    worker_fini(worker);
    xr_mem_free(life.sent.at);
    close(life.journal);
    return 0;
}
