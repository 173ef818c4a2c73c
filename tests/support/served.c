#include "support/served.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define SERVED_LINE_MAX 1024

void served_init(struct served *served)
{
    memset(served, 0, sizeof(*served));
    strcpy(served->directory, "/tmp/xr-served-XXXXXX");
    assert_non_null(mkdtemp(served->directory));
    char path[128];
    snprintf(path, sizeof(path), "%s/password", served->directory);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "%s\n", SERVED_PASSWORD);
    assert_int_equal(fclose(file), 0);
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    (void)info;
    (void)kind;
    (void)where;
    return remove(path);
}

void served_fini(struct served *served)
{
    if (served->pid)
        served_stop(served);
    nftw(served->directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* xiaoerd stands beside this program. */
static void find_program(char *out, size_t room)
{
    const ssize_t size = readlink("/proc/self/exe", out, room - 16);
    out[size > 0 ? size : 0] = 0;
    char *slash = strrchr(out, '/');
    strcpy(slash ? slash + 1 : out, "xiaoerd");
}

/* In the child: stdout to the pipe, stderr to the log. */
static void become(const struct served *served, int out, const char *const *args)
{
    char program[4096];
    char log[128];
    find_program(program, sizeof(program));
    snprintf(log, sizeof(log), "%s/log", served->directory);
    const int log_fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(out, STDOUT_FILENO);
    dup2(log_fd, STDERR_FILENO);
    execv(program, (char *const *)(uintptr_t)args);
    _exit(127);
}

static pid_t launch(struct served *served, const char *const *args, int *out)
{
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        become(served, ends[1], args);
    close(ends[1]);
    *out = ends[0];
    return pid;
}

static void print_log(const struct served *served)
{
    char command[160];
    snprintf(command, sizeof(command), "cat %s/log >&2", served->directory);
    if (system(command))
        print_message("no log\n");
}

/* Read lines up to the one that begins with "ready". */
static bool wait_ready(struct served *served, int out)
{
    char line[SERVED_LINE_MAX];
    FILE *file = fdopen(out, "r");
    assert_non_null(file);
    bool is_ready = false;
    while (!is_ready && fgets(line, sizeof(line), file))
        is_ready = sscanf(line, "ready %127s %127s", served->tcp, served->ipc) == 2;
    fclose(file);
    return is_ready;
}

void served_start(struct served *served)
{
    char data[128], password[128], socket[160];
    const char *args[SERVED_ARGS_MAX + 8];
    size_t count = 0;
    int out;
    snprintf(data, sizeof(data), "--data=%s/data", served->directory);
    snprintf(password, sizeof(password), "--owner-password-file=%s/password", served->directory);
    snprintf(socket, sizeof(socket), "--listen=ipc://%s/socket", served->directory);
    args[count++] = "xiaoerd";
    args[count++] = data;
    args[count++] = password;
    args[count++] = "--listen=tcp://127.0.0.1:0";
    args[count++] = socket;
    args[count++] = "--floor=" SERVED_FLOOR;
    for (size_t i = 0; served->args[i]; i++)
        args[count++] = served->args[i];
    args[count] = NULL;
    served->pid = launch(served, args, &out);
    if (wait_ready(served, out))
        return;
    print_log(served);
    fail_msg("xiaoerd did not become ready");
}

static int wait_for_end(pid_t pid)
{
    int status;
    while (waitpid(pid, &status, 0) < 0)
        assert_int_equal(errno, EINTR);
    return status;
}

int served_refused(struct served *served, const char *const *args)
{
    int out;
    const pid_t pid = launch(served, args, &out);
    char away[4096];
    while (read(out, away, sizeof(away)) > 0)
        ;
    close(out);
    const int status = wait_for_end(pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

void served_stop(struct served *served)
{
    kill(served->pid, SIGTERM);
    const int status = wait_for_end(served->pid);
    served->pid = 0;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        print_log(served);
        fail_msg("xiaoerd ended with status %x", (unsigned)status);
    }
}

void served_kill(struct served *served)
{
    kill(served->pid, SIGKILL);
    wait_for_end(served->pid);
    served->pid = 0;
}

static long file_size(const char *path)
{
    struct stat info;
    return stat(path, &info) ? 0 : (long)info.st_size;
}

/* The value in what the log says behind `from`; false: not said yet. */
static bool find_metric(const char *path, long from, const char *name, uint64_t *value)
{
    char line[SERVED_LINE_MAX], wanted[96];
    bool is_whole = false;
    bool is_found = false;
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    fseek(file, from, SEEK_SET);
    snprintf(wanted, sizeof(wanted), " name=%s value=", name);
    while (fgets(line, sizeof(line), file)) {
        const char *at = strstr(line, wanted);
        if (at) {
            *value = strtoull(at + strlen(wanted), NULL, 10);
            is_found = true;
        }
        is_whole |= strstr(line, " name=store_readers ") != NULL; /* the last */
    }
    fclose(file);
    if (is_whole && !is_found)
        fail_msg("no figure %s", name);
    return is_whole;
}

uint64_t served_metric(struct served *served, const char *name)
{
    char path[128];
    uint64_t value = 0;
    snprintf(path, sizeof(path), "%s/log", served->directory);
    const long from = file_size(path);
    kill(served->pid, SIGUSR1);
    while (!find_metric(path, from, name, &value))
        usleep(1000);
    return value;
}

/* ---- clients --------------------------------------------------------------------------------- */

void guest_open(struct guest *guest, const struct served *served, bool over_tcp)
{
    *guest = (struct guest){.arena = xr_arena_new(4096)};
    assert_non_null(guest->arena);
    raw_dial(&guest->raw, over_tcp ? served->tcp : served->ipc);
}

void guest_close(struct guest *guest)
{
    raw_close(&guest->raw);
    xr_arena_free(guest->arena);
    guest->arena = NULL;
}

enum xr_type guest_hello(struct guest *guest, const struct xr_hello *hello)
{
    struct xr_frame frame;
    assert_true(raw_frame_send(&guest->raw, XR_TYPE_hello, 77, hello));
    assert_true(raw_frame(&guest->raw, &frame));
    assert_int_equal(frame.ref, 77);
    const void *answer = raw_body(&frame, guest->arena);
    if (frame.type == XR_TYPE_welcome) {
        guest->welcome = *(const struct xr_welcome *)answer;
        guest->counter = guest->welcome.counter;
        if (guest->welcome.token.size == XR_TOKEN_BYTES)
            memcpy(guest->token, guest->welcome.token.at, XR_TOKEN_BYTES);
    }
    return (enum xr_type)frame.type;
}

void guest_login(struct guest *guest, const struct served *served, const char *login,
                 const char *password, bool feed)
{
    const struct xr_hello hello = {
        .protocol = XR_PROTOCOL_VERSION,
        .floor = xr_str_of(SERVED_FLOOR),
        .login = xr_str_of(login),
        .password = xr_str_of(password),
        .feed = feed,
        .client = xr_str_of("test/1"),
    };
    guest_open(guest, served, false);
    assert_int_equal(guest_hello(guest, &hello), XR_TYPE_welcome);
    assert_int_equal(guest->welcome.token.size, XR_TOKEN_BYTES);
}

void guest_return(struct guest *guest, const struct served *served, const struct guest *before,
                  bool feed, const uint64_t *cursor)
{
    uint8_t token[XR_TOKEN_BYTES];
    memcpy(token, before->token, sizeof(token));
    struct xr_hello hello = {
        .protocol = XR_PROTOCOL_VERSION,
        .floor = xr_str_of(SERVED_FLOOR),
        .token = {token, sizeof(token)},
        .feed = feed,
    };
    if (cursor) {
        hello.cursor = *cursor;
        hello.has = UINT64_C(1) << 7;
    }
    guest_open(guest, served, true);
    assert_int_equal(guest_hello(guest, &hello), XR_TYPE_welcome);
    assert_int_equal(guest->welcome.token.size, 0);
    memcpy(guest->token, token, sizeof(token));
}

uint64_t guest_send(struct guest *guest, enum xr_type type, const void *command)
{
    guest->counter++;
    assert_true(raw_frame_send(&guest->raw, type, guest->counter, command));
    return guest->counter;
}

enum xr_type guest_answer(struct guest *guest, uint64_t ref, const void **answer)
{
    struct xr_frame frame;
    do {
        assert_true(raw_frame(&guest->raw, &frame));
    } while (xr_message_info((enum xr_type)frame.type)->kind != XR_KIND_ANSWER);
    assert_int_equal(frame.ref, ref);
    *answer = raw_body(&frame, guest->arena);
    return (enum xr_type)frame.type;
}

const struct xr_done *guest_do(struct guest *guest, enum xr_type type, const void *command)
{
    const void *answer;
    const uint64_t ref = guest_send(guest, type, command);
    if (guest_answer(guest, ref, &answer) != XR_TYPE_done)
        fail_msg("%s: %s", xr_message_info(type)->name,
                 xr_choice_name("code", ((const struct xr_error *)answer)->code));
    return answer;
}

enum xr_code guest_refused(struct guest *guest, enum xr_type type, const void *command)
{
    const void *answer;
    const uint64_t ref = guest_send(guest, type, command);
    assert_int_equal(guest_answer(guest, ref, &answer), XR_TYPE_error);
    return ((const struct xr_error *)answer)->code;
}

const void *guest_update(struct guest *guest, enum xr_type type)
{
    struct xr_frame frame;
    do {
        assert_true(raw_frame(&guest->raw, &frame));
    } while (frame.type != (uint32_t)type);
    return raw_body(&frame, guest->arena);
}

struct xr_agent_id guest_hire(struct guest *owner, const char *login, enum xr_role role)
{
    const struct xr_account_set set = {
        .login = xr_str_of(login),
        .name = xr_str_of(login),
        .role = role,
        .password = xr_str_of(SERVED_PASSWORD),
    };
    return guest_do(owner, XR_TYPE_account_set, &set)->agent;
}
