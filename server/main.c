/*
 * xiaoerd. Start: options → store → engine (loads the floors) → listen → found the first floor →
 * "ready". Stop, on a signal: listen no more → let the engine finish → last answers, goodbye →
 * close the store. Whatever fails on the way up is said in one line, and undone.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "base/entropy.h"
#include "base/log.h"
#include "config.h"
#include "gate/bus.h"
#include "gate/gate.h"
#include "gate/login.h"
#include "metrics.h"
#include "proto/json.h"
#include "store/store.h"

#define EXIT_FAILED 1
#define EXIT_USAGE  2

#define PASSWORD_DRAWN 16 /* characters of a drawn password: 80 bits */
#define PATH_ROOM      4096

struct server {
    struct xr_config config;
    uv_loop_t loop;
    uv_signal_t signals[3];
    struct xr_store *store;
    struct xr_engine *engine;
    struct xr_gate *gate;
    char addresses[XR_CONFIG_TEXTS_MAX][XR_SP_ADDRESS_MAX];
    size_t address_count;
    bool is_stopping;
};

static bool say_failed(const char *what, const char *why)
{
    xr_log_line(XR_LOG_ERROR, "start_failed", "what=%s why=\"%s\"", what, why);
    return false;
}

/* ---- the store and the engine ---------------------------------------------------------------- */

static bool open_store(struct server *server)
{
    const struct xr_store_options options = {
        .directory = server->config.data,
        .map_bytes = server->config.map_gib << 30,
        .relaxed = strcmp(server->config.commit, "relaxed") == 0,
    };
    const enum xr_status status = xr_store_open(&options, &server->store);
    if (status == XR_OK)
        return true;
    if (status == XR_BUSY)
        return say_failed(server->config.data, "another process has this store open");
    return say_failed(server->config.data,
                      status == XR_IO ? strerror(errno) : xr_status_text(status));
}

static void on_read_only(void *context, bool is_read_only)
{
    (void)context;
    xr_log_line(XR_LOG_WARN, is_read_only ? "read_only" : "writable", "%s", "");
}

static uint32_t half_of_cores(void)
{
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cores >= 4 ? (uint32_t)(cores / 2) : 1;
}

static bool make_gate(struct server *server)
{
    const struct xr_config *config = &server->config;
    struct xr_gate_options options;
    xr_gate_defaults(&options);
    options.loop = &server->loop;
    options.store = server->store;
    options.connections_max = (uint32_t)config->connections;
    options.login_ms = (uint32_t)config->login_ms;
    options.lease_ms = (uint32_t)config->lease_ms;
    options.stall_ms = (uint32_t)config->stall_ms;
    options.login_tries = (uint32_t)config->login_tries;
    options.frames_per_second = (uint32_t)config->frames_per_second;
    options.bridge_frames_per_second = (uint32_t)config->bridge_frames_per_second;
    options.queue_bytes = (uint32_t)config->queue_kib << 10;
    options.queue_bytes_all = config->queue_all_mib << 20;
    options.tail_bytes = (uint32_t)config->tail_kib << 10;
    options.behind_max = (uint32_t)config->behind_max;
    options.reader_threads = (uint32_t)config->reader_threads;
    options.bus_directory = strcmp(config->bus, "on") == 0 ? config->data : NULL;
    options.hash_threads = (uint32_t)config->hash_threads;
    if (options.hash_threads == 0)
        options.hash_threads = half_of_cores() < 16 ? half_of_cores() : 16;
    const enum xr_status status = xr_gate_new(&options, &server->gate);
    return status == XR_OK || say_failed("gate", xr_status_text(status));
}

static bool start_engine(struct server *server)
{
    const struct xr_config *config = &server->config;
    const bool is_relaxed = strcmp(config->commit, "relaxed") == 0;
    const struct xr_engine_options options = {
        .store = server->store,
        .floor = {.commit = is_relaxed ? XR_commit_mode_RELAXED : XR_commit_mode_SYNC,
                  .lease_ms = (uint32_t)config->lease_ms,
                  .beat_ms = (uint32_t)config->beat_ms,
                  .server = "xiaoerd/" XR_VERSION},
        .queue_max = config->engine_queue,
        .log_bytes_max = config->log_mib << 20,
        .log_days = (uint32_t)config->log_days,
        .on_effects = xr_gate_take,
        .on_read_only = on_read_only,
        .context = server->gate,
    };
    const enum xr_status status = xr_engine_start(&options, &server->engine);
    if (status)
        return say_failed("engine", xr_status_text(status));
    xr_gate_open(server->gate, server->engine);
    return true;
}

/* ---- the first floor ------------------------------------------------------------------------- */

/* The first line of the file, without its end. */
static bool read_password(const char *path, char *out, size_t room)
{
    FILE *file = fopen(path, "r");
    if (!file)
        return say_failed(path, strerror(errno));
    const bool is_read = fgets(out, (int)room, file) != NULL;
    fclose(file);
    if (!is_read)
        return say_failed(path, "no password in the first line");
    out[strcspn(out, "\r\n")] = 0;
    if (strlen(out) < 8)
        return say_failed(path, "a password has at least 8 characters");
    return true;
}

/* 32 letters and digits, none that looks like another: 5 bits each. */
static void draw_password(char out[PASSWORD_DRAWN + 1])
{
    static const char letters[] = "abcdefghijkmnpqrstuvwxyz23456789";
    _Static_assert(sizeof(letters) - 1 == 32, "5 bits a letter");
    uint8_t drawn[PASSWORD_DRAWN];
    xr_entropy_fill(drawn, sizeof(drawn));
    for (size_t i = 0; i < PASSWORD_DRAWN; i++)
        out[i] = letters[drawn[i] % 32];
    out[PASSWORD_DRAWN] = 0;
    sodium_memzero(drawn, sizeof(drawn));
}

static bool found_with(struct server *server, const char *password)
{
    const struct xr_config *config = &server->config;
    char hash[128];
    uint32_t number;
    if (!xr_login_hash_password(xr_str_of(password), hash))
        return say_failed("password", "no memory");
    const enum xr_status status =
        xr_engine_found(server->engine, xr_str_of(config->floor), xr_str_of(config->owner),
                        xr_str_of(hash), &number);
    if (status)
        return say_failed(config->floor, xr_status_text(status));
    xr_log_line(XR_LOG_INFO, "founded", "floor=%s number=%u owner=%s", config->floor, number,
                config->owner);
    return true;
}

static bool found_floor(struct server *server)
{
    const struct xr_config *config = &server->config;
    char password[4 * XR_PASSWORD_MAX + 2];
    uint32_t number;
    if (xr_engine_floor(server->engine, xr_str_of(config->floor), &number) == XR_OK)
        return true;
    const bool is_given = config->owner_password_file[0] != 0;
    if (is_given && !read_password(config->owner_password_file, password, sizeof(password)))
        return false;
    if (!is_given)
        draw_password(password);
    const bool is_founded = found_with(server, password);
    if (is_founded && !is_given) { /* to stdout, never into the log */
        printf("floor %s, owner %s, password %s (shown this once)\n", config->floor, config->owner,
               password);
        fflush(stdout);
    }
    sodium_memzero(password, sizeof(password));
    return is_founded;
}

/* ---- listening ------------------------------------------------------------------------------- */

static bool listen_on(struct server *server, const char *address)
{
    const char *why = "";
    char *actual = server->addresses[server->address_count];
    if (xr_gate_listen(server->gate, address, actual, &why))
        return say_failed(address, why);
    server->address_count++;
    return true;
}

static bool listen_on_all(struct server *server)
{
    const struct xr_config_texts *listen = &server->config.listen;
    char address[PATH_ROOM];
    for (size_t i = 0; i < listen->count; i++) {
        if (!listen_on(server, listen->at[i]))
            return false;
    }
    if (listen->count > 0)
        return true;
    snprintf(address, sizeof(address), "ipc://%s/xiaoer.sock", server->config.data);
    return listen_on(server, "tcp://127.0.0.1:7400") && listen_on(server, address);
}

/* DIR/address: where it listens, one address a line; replaced whole. */
static bool write_addresses(struct server *server)
{
    char path[PATH_ROOM];
    char fresh[PATH_ROOM];
    snprintf(path, sizeof(path), "%s/address", server->config.data);
    snprintf(fresh, sizeof(fresh), "%s/address.new", server->config.data);
    FILE *file = fopen(fresh, "w");
    if (!file)
        return say_failed(fresh, strerror(errno));
    for (size_t i = 0; i < server->address_count; i++)
        fprintf(file, "%s\n", server->addresses[i]);
    if (fclose(file) || rename(fresh, path))
        return say_failed(path, strerror(errno));
    return true;
}

static void say_ready(const struct server *server)
{
    printf("ready");
    for (size_t i = 0; i < server->address_count; i++) {
        printf(" %s", server->addresses[i]);
        xr_log_line(XR_LOG_INFO, "listening", "address=%s", server->addresses[i]);
    }
    printf("\n");
    fflush(stdout);
    xr_log_line(XR_LOG_INFO, "ready", "version=%s data=%s commit=%s", XR_VERSION,
                server->config.data, server->config.commit);
}

/* ---- stopping -------------------------------------------------------------------------------- */

static void on_stopped(void *context)
{
    struct server *server = context;
    for (size_t i = 0; i < 3; i++)
        uv_close((uv_handle_t *)&server->signals[i], NULL);
}

static void stop(struct server *server)
{
    if (server->is_stopping)
        return;
    server->is_stopping = true;
    if (!server->gate) {
        on_stopped(server);
        return;
    }
    xr_gate_pause(server->gate);
    xr_engine_stop(XR_MOVE(server->engine));
    xr_gate_stop(XR_MOVE(server->gate), on_stopped, server);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct server *server = handle->data;
    if (number == SIGUSR1) {
        if (server->engine)
            xr_metrics_write(xr_gate_metrics(server->gate), server->engine, server->store);
        return;
    }
    xr_log_line(XR_LOG_INFO, "stopping", "signal=%d", number);
    stop(server);
}

/* ---- the whole ------------------------------------------------------------------------------- */

static void watch_signals(struct server *server)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGUSR1};
    for (size_t i = 0; i < 3; i++) {
        uv_signal_init(&server->loop, &server->signals[i]);
        server->signals[i].data = server;
        uv_signal_start(&server->signals[i], on_signal, numbers[i]);
    }
}

static void prepare_process(void)
{
    struct rlimit files;
    umask(077);
    signal(SIGPIPE, SIG_IGN);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    xr_entropy_init();
}

static bool start(struct server *server)
{
    if (!open_store(server) || !make_gate(server) || !start_engine(server) ||
        !listen_on_all(server) || !found_floor(server) || !write_addresses(server))
        return false; /* nobody is let in before the loop runs */
    xr_gate_start_bus(server->gate);
    return true;
}

static int run(struct server *server)
{
    prepare_process();
    if (uv_loop_init(&server->loop))
        return EXIT_FAILED;
    watch_signals(server);
    const bool is_started = start(server);
    if (is_started)
        say_ready(server);
    else
        stop(server);
    uv_run(&server->loop, UV_RUN_DEFAULT);
    const int left = uv_loop_close(&server->loop);
    XR_ASSERT(left == 0);
    xr_store_close(server->store);
    if (is_started)
        xr_log_line(XR_LOG_INFO, "stopped", "%s", "");
    return is_started ? EXIT_SUCCESS : EXIT_FAILED;
}

static int print_schema(void)
{
    json_t *schema = xr_json_schema();
    char *text = schema ? json_dumps(schema, JSON_INDENT(1)) : NULL;
    if (text)
        puts(text);
    free(text);
    json_decref(schema);
    return text ? EXIT_SUCCESS : EXIT_FAILED;
}

int main(int argc, char **argv)
{
    static struct server server;
    char why[512];
    if (argc == 3 && strcmp(argv[1], "--bus-relay") == 0)
        return xr_bus_relay(argv[2]); /* by the server itself: gate/bus.h */
    if (xr_config_read(argc, argv, &server.config, why, sizeof(why))) {
        fprintf(stderr, "xiaoerd: %s\n", why);
        return EXIT_USAGE;
    }
    if (server.config.help) {
        xr_config_help(stdout);
        return EXIT_SUCCESS;
    }
    if (server.config.version) {
        printf("xiaoerd %s\n", XR_VERSION);
        return EXIT_SUCCESS;
    }
    if (server.config.schema)
        return print_schema();
    if (server.config.debug)
        xr_log_set_level(XR_LOG_DEBUG);
    return run(&server);
}
