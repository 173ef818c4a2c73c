/* xiaoerd as a child. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench_server.h"
#include "crew.h"

#define START_WAIT_MS 60000

/* ---- the folder -------------------------------------------------------------------------------
 */

static int write_password(const struct xr_bench_server *server)
{
    char path[600];

    snprintf(path, sizeof(path), "%s/owner", server->folder);
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 || dprintf(fd, "%s\n", server->password) < 0) {
        xr_cli_complain("%s: %s", path, strerror(errno));
        return XR_EXIT_INPUT;
    }
    close(fd);
    return XR_EXIT_OK;
}

/* A port that was free a moment ago: the echo and the server need a number before they start. */
int xr_bench_free_port(void)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof(in);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const bool is = fd >= 0 && bind(fd, (struct sockaddr *)&in, size) == 0 &&
                    getsockname(fd, (struct sockaddr *)&in, &size) == 0;

    if (fd >= 0)
        close(fd);
    return is ? ntohs(in.sin_port) : 0;
}

int xr_bench_server_init(struct xr_bench_server *server, const char *parent, bool over_tcp)
{
    *server = (struct xr_bench_server){.over_tcp = over_tcp};
    snprintf(server->folder, sizeof(server->folder), "%s/xiaoer-bench.XXXXXX", parent);
    if (!mkdtemp(server->folder)) {
        xr_cli_complain("%s: %s", parent, strerror(errno));
        server->folder[0] = '\0';
        return XR_EXIT_INPUT;
    }
    char real[512];
    if (realpath(server->folder, real) && strlen(real) < sizeof(server->folder))
        snprintf(server->folder, sizeof(server->folder), "%s", real);
    snprintf(server->data, sizeof(server->data), "%s/data", server->folder);
    if (over_tcp)
        snprintf(server->address, sizeof(server->address), "tcp://127.0.0.1:%d",
                 xr_bench_free_port());
    else
        snprintf(server->address, sizeof(server->address), "ipc://%s/socket", server->folder);
    xr_crew_password(server->password);
    return write_password(server);
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    (void)info;
    (void)kind;
    (void)where;
    return remove(path);
}

void xr_bench_server_fini(struct xr_bench_server *server)
{
    xr_bench_server_stop(server, SIGKILL);
    if (server->folder[0] != '\0')
        (void)nftw(server->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    *server = (struct xr_bench_server){0};
}

/* ---- the child --------------------------------------------------------------------------------
 */

/* xiaoerd stands beside this program. */
static void find_program(char *out, size_t size)
{
    const ssize_t length = readlink("/proc/self/exe", out, size - 16);

    out[length > 0 ? length : 0] = '\0';
    char *slash = strrchr(out, '/');
    snprintf(slash ? slash + 1 : out, 16, "xiaoerd");
}

static void run_child(const struct xr_bench_server *server, const char *program, pid_t parent)
{
    char log[600];
    char owner[600];

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(126);
    (void)setpgid(0, 0); /* Ctrl-C is for the bench, which then stops its server */
    snprintf(log, sizeof(log), "%s/log", server->folder);
    snprintf(owner, sizeof(owner), "%s/owner", server->folder);
    const int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0)
        _exit(126);
    (void)execl(program, "xiaoerd", "--data", server->data, "--listen", server->address,
                "--owner-password-file", owner, (char *)NULL);
    _exit(127);
}

static bool connects(int family, const void *address, socklen_t size)
{
    const int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const bool is = fd >= 0 && connect(fd, (const struct sockaddr *)address, size) == 0;

    if (fd >= 0)
        close(fd);
    return is;
}

/* Does somebody accept a connection there? */
static bool is_listening(const struct xr_bench_server *server)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};

    if (server->over_tcp) {
        in.sin_port = htons((uint16_t)atoi(strrchr(server->address, ':') + 1));
        return connects(AF_INET, &in, sizeof(in));
    }
    const char *path = server->address + strlen("ipc://");
    if (strlen(path) >= sizeof(un.sun_path))
        return false;
    memcpy(un.sun_path, path, strlen(path));
    return connects(AF_UNIX, &un, sizeof(un));
}

static int wait_listening(struct xr_bench_server *server)
{
    const int64_t end_ms = xr_cli_mono_ms() + START_WAIT_MS;
    int status = 0;

    while (!is_listening(server)) {
        if (waitpid(server->child, &status, WNOHANG) == server->child) {
            server->child = 0;
            xr_cli_complain("xiaoerd ended with %d: see %s/log", WEXITSTATUS(status),
                            server->folder);
            return XR_EXIT_CONNECT;
        }
        if (xr_cli_stopped())
            return XR_EXIT_STOPPED;
        if (xr_cli_mono_ms() > end_ms) {
            xr_cli_complain("xiaoerd does not listen on %s", server->address);
            return XR_EXIT_CONNECT;
        }
        (void)usleep(500);
    }
    return XR_EXIT_OK;
}

int xr_bench_server_start(struct xr_bench_server *server)
{
    const pid_t parent = getpid();
    char program[1024];

    find_program(program, sizeof(program));
    server->child = fork();
    if (server->child == 0)
        run_child(server, program, parent);
    if (server->child < 0) {
        server->child = 0;
        xr_cli_complain("fork: %s", strerror(errno));
        return XR_EXIT_FAILED;
    }
    return wait_listening(server);
}

void xr_bench_server_stop(struct xr_bench_server *server, int signal)
{
    if (server->child <= 0)
        return;
    (void)kill(server->child, signal);
    (void)waitpid(server->child, NULL, 0);
    server->child = 0;
}

/* Fields 14 and 15 of /proc/PID/stat, in ticks, behind the name in brackets. */
double xr_bench_server_cpu_s(const struct xr_bench_server *server)
{
    char path[64];
    char text[1024];
    unsigned long long user = 0;
    unsigned long long system = 0;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)server->child);
    FILE *file = server->child > 0 ? fopen(path, "re") : NULL;
    if (!file)
        return 0;
    const size_t size = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    text[size] = '\0';
    const char *at = strrchr(text, ')');
    if (!at || sscanf(at + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user,
                      &system) != 2)
        return 0;
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}
