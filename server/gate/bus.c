/*
 * PUSH → is its type public → a struct with the permitted fields only → a frame, gathered with
 * others of its floor → every 20 ms one message into the pipe of the relay.
 *
 * Once a second, where something has changed, the counts of the groups are read on a reader thread
 * and published too.
 *
 * The relay ends or cannot be started: logged, again after 1 s, 2 s, … 64 s. It takes nothing: what
 * waits is bounded, the rest is dropped and counted.
 */
#include "gate/bus.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "floor/journal.h"
#include "gate/bus_inside.h"
#include "gate/peer.h"
#include "store/store.h"

#define XR_BUS_FLUSH_MS     20
#define XR_BUS_COUNTS_MS    1000
#define XR_BUS_AGAIN_MS     1000
#define XR_BUS_AGAIN_MS_MAX 64000
#define XR_BUS_END_MS       2000          /* for the relay to end by itself */
#define XR_BUS_GATHER       (64 * 1024)   /* begin another message */
#define XR_BUS_WAITING_MAX  (1024 * 1024) /* gathered and not yet taken */
#define XR_BUS_ARENA_FIRST  (16 * 1024)

struct bus_floor {
    struct bus_floor *next;
    uint32_t number;
    uint64_t prev; /* seq of the last event */
    bool is_changed;
    struct xr_str name; /* behind the struct */
};

struct xr_bus {
    struct xr_gate *gate;
    uv_process_t process;
    uv_pipe_t pipe;
    uv_timer_t flush;
    uv_timer_t counts;
    uv_timer_t again; /* until the relay is started anew; when stopping: until it is killed */
    uv_write_t write;
    uv_shutdown_t ending;
    char address[XR_SP_ADDRESS_MAX];
    struct xr_arena *arena;
    struct bus_floor *floors;
    struct bus_floor *open; /* whose message is open at the end of `out` */
    size_t open_at;
    struct xr_buf out;
    struct xr_buf flying;
    uint64_t started_ms; /* loop time */
    uint32_t again_ms;
    uint32_t jobs; /* on reader threads */
    uint8_t handles;
    bool is_running;
    bool is_writing;
    bool is_stopping;
    void (*on_stopped)(void *context);
    void *stopped_context;
};

static void on_flush(uv_timer_t *timer);
static void on_counts(uv_timer_t *timer);
static void on_again(uv_timer_t *timer);

/* ---- floors ---------------------------------------------------------------------------------- */

static struct bus_floor *make_floor(struct xr_bus *bus, uint32_t number)
{
    struct xr_str name;
    if (!bus->gate->engine || xr_engine_floor_name(bus->gate->engine, number, &name))
        return NULL;
    struct bus_floor *floor = xr_mem_zero(1, sizeof(*floor) + name.size);
    if (!floor)
        return NULL;
    memcpy(floor + 1, name.at, name.size);
    floor->number = number;
    floor->name = (struct xr_str){(const char *)(floor + 1), name.size};
    floor->next = bus->floors;
    bus->floors = floor;
    return floor;
}

static struct bus_floor *find_floor(struct xr_bus *bus, uint32_t number)
{
    for (struct bus_floor *floor = bus->floors; floor; floor = floor->next) {
        if (floor->number == number)
            return floor;
    }
    return make_floor(bus, number);
}

/* ---- messages -------------------------------------------------------------------------------- */

static void seal(struct xr_bus *bus)
{
    if (!bus->open)
        return;
    const size_t size = bus->out.size - bus->open_at - XR_BUS_HEAD;
    xr_put_u32be(bus->out.at + bus->open_at, (uint32_t)size);
    bus->open = NULL;
}

/* Begin a message with its topic where none of this floor is open. False: no room. */
static bool open_message(struct xr_bus *bus, struct bus_floor *floor)
{
    if (bus->open == floor && bus->out.size - bus->open_at < XR_BUS_GATHER)
        return true;
    seal(bus);
    bus->open_at = bus->out.size;
    if (bus->out.size > XR_BUS_WAITING_MAX ||
        !xr_buf_reserve(&bus->out, XR_BUS_HEAD + floor->name.size + 1))
        return false;
    bus->out.size += XR_BUS_HEAD;
    xr_buf_add(&bus->out, floor->name.at, floor->name.size);
    xr_buf_add(&bus->out, "", 1);
    bus->open = floor;
    return true;
}

static void publish(struct xr_bus *bus, struct bus_floor *floor, enum xr_type type,
                    const void *update)
{
    struct xr_metrics *metrics = &bus->gate->metrics;
    if (!open_message(bus, floor)) {
        metrics->bus_dropped++;
        return;
    }
    const size_t before = bus->out.size;
    xr_frame_encode(&bus->out, type, 0, update);
    if (bus->out.failed) { /* no memory: as if it had been dropped */
        bus->out.failed = false;
        bus->out.size = before;
        metrics->bus_dropped++;
        return;
    }
    metrics->bus_events++;
    if (!uv_is_active((uv_handle_t *)&bus->flush))
        uv_timer_start(&bus->flush, on_flush, XR_BUS_FLUSH_MS, 0);
}

/* ---- what is public -------------------------------------------------------------------------- */

static void publish_session(struct xr_bus *bus, struct bus_floor *floor, const void *message)
{
    const struct xr_session_changed *from = message;
    const struct xr_session_view *view = &from->session;
    const struct xr_session_changed public = {
        .seq = from->seq,
        .prev = floor->prev,
        .change = from->change,
        .session = {.session = view->session,
                    .state = view->state,
                    .klass = view->klass,
                    .group = view->group,
                    .agent = view->agent,
                    .channel = view->channel,
                    .opened_ms = view->opened_ms,
                    .waiting_ms = view->waiting_ms,
                    .number = view->number,
                    .reason = view->reason,
                    .returning = view->returning,
                    .position = view->position},
        .from = from->from,
        .by = from->by,
    };
    publish(bus, floor, XR_TYPE_session_changed, &public);
}

static void publish_agent(struct xr_bus *bus, struct bus_floor *floor, const void *message)
{
    const struct xr_agent_changed *from = message;
    const struct xr_agent_view *view = &from->agent;
    const struct xr_agent_changed public = {
        .seq = from->seq,
        .prev = floor->prev,
        .agent = {.agent = view->agent,
                  .name = view->name,
                  .state = view->state,
                  .reason = view->reason,
                  .since_ms = view->since_ms,
                  .active = view->active,
                  .limit = view->limit,
                  .groups = view->groups,
                  .role = view->role},
        .by = from->by,
    };
    publish(bus, floor, XR_TYPE_agent_changed, &public);
}

static void publish_group(struct xr_bus *bus, struct bus_floor *floor, uint64_t seq,
                          const struct xr_group_view *view)
{
    const struct xr_group_changed public = {
        .seq = seq,
        .prev = floor->prev,
        .group = {.group = view->group,
                  .name = view->name,
                  .title = view->title,
                  .queued = view->queued,
                  .available = view->available,
                  .oldest_ms = view->oldest_ms},
    };
    publish(bus, floor, XR_TYPE_group_changed, &public);
}

static void publish_group_changed(struct xr_bus *bus, struct bus_floor *floor, const void *message)
{
    const struct xr_group_changed *from = message;
    publish_group(bus, floor, from->seq, &from->group);
}

typedef void (*publish_fn)(struct xr_bus *bus, struct bus_floor *floor, const void *message);

static publish_fn find_publisher(enum xr_type type)
{
    switch ((unsigned)type) {
    case XR_TYPE_session_changed:
        return publish_session;
    case XR_TYPE_agent_changed:
        return publish_agent;
    case XR_TYPE_group_changed:
        return publish_group_changed;
    default:
        return NULL;
    }
}

void xr_bus_push(struct xr_bus *bus, const struct xr_effect *effect)
{
    struct xr_journal_row row;
    const void *message;
    if (!bus || xr_journal_decode(effect->bytes, &row))
        return;
    const publish_fn publisher = find_publisher(row.type);
    struct bus_floor *floor = publisher ? find_floor(bus, effect->floor) : NULL;
    if (!floor)
        return;
    xr_arena_reset(bus->arena);
    if (bus->is_running && xr_journal_message(&row, effect->seq, bus->arena, &message) == XR_OK)
        publisher(bus, floor, message);
    floor->prev = effect->seq;
    floor->is_changed = true;
    if (!uv_is_active((uv_handle_t *)&bus->counts))
        uv_timer_start(&bus->counts, on_counts, XR_BUS_COUNTS_MS, 0);
}

/* ---- counts ---------------------------------------------------------------------------------- */

struct count_job {
    struct xr_job job;
    struct xr_bus *bus;
    uint32_t floor;
    struct xr_arena *arena;
    const struct xr_group_page *page; /* NULL: it failed */
};

static void on_count(struct xr_job *job)
{
    struct count_job *count = (struct count_job *)job;
    const struct xr_asker server = {.role = XR_role_OWNER};
    const struct xr_get_groups query = {0};
    struct xr_reader *reader;
    enum xr_type type = XR_TYPE_none;
    const void *answer = NULL;
    count->arena = xr_arena_new(XR_BUS_ARENA_FIRST);
    if (!count->arena || xr_reader_open(count->bus->gate->options.store, &reader) != XR_OK)
        return;
    xr_floor_query(xr_reader_tables(reader, count->floor), &server, XR_TYPE_get_groups, &query,
                   count->arena, &type, &answer);
    xr_reader_close(reader);
    if (type == XR_TYPE_group_page)
        count->page = answer;
}

static void maybe_free(struct xr_bus *bus);

/* Counts are no update of the journal: seq and prev are those of the last that was. */
static void on_counted(struct xr_job *job)
{
    struct count_job *count = (struct count_job *)job;
    struct xr_bus *bus = count->bus;
    struct bus_floor *floor = find_floor(bus, count->floor);
    for (uint32_t i = 0; floor && count->page && bus->is_running && i < count->page->groups.count;
         i++)
        publish_group(bus, floor, floor->prev, &count->page->groups.at[i]);
    xr_arena_free(count->arena);
    xr_mem_free(count);
    bus->jobs--;
    maybe_free(bus);
}

static void count_floor(struct xr_bus *bus, struct bus_floor *floor)
{
    struct count_job *count = xr_mem_zero(1, sizeof(*count));
    if (!count)
        return;
    count->job = (struct xr_job){.work = on_count, .done = on_counted};
    count->bus = bus;
    count->floor = floor->number;
    if (xr_pool_submit(bus->gate->readers, &count->job)) {
        xr_mem_free(count);
        return; /* with the next change */
    }
    bus->jobs++;
    floor->is_changed = false;
}

static void on_counts(uv_timer_t *timer)
{
    struct xr_bus *bus = timer->data;
    for (struct bus_floor *floor = bus->floors; floor; floor = floor->next) {
        if (floor->is_changed && !bus->gate->is_paused)
            count_floor(bus, floor);
    }
}

/* ---- to the relay ---------------------------------------------------------------------------- */

static void on_written(uv_write_t *request, int status)
{
    struct xr_bus *bus = request->data;
    (void)status; /* where it fails the relay has ended, and on_exit says so */
    bus->is_writing = false;
    xr_buf_reset(&bus->flying);
    if (bus->out.size > 0 && bus->is_running && !bus->is_stopping)
        uv_timer_start(&bus->flush, on_flush, XR_BUS_FLUSH_MS, 0);
}

static void on_flush(uv_timer_t *timer)
{
    struct xr_bus *bus = timer->data;
    if (bus->is_writing || !bus->is_running || bus->out.size == 0)
        return; /* on_written comes back */
    seal(bus);
    const struct xr_buf filled = bus->out;
    bus->out = bus->flying;
    bus->flying = filled;
    const uv_buf_t bytes = uv_buf_init((char *)bus->flying.at, (unsigned)bus->flying.size);
    bus->write.data = bus;
    bus->is_writing = uv_write(&bus->write, (uv_stream_t *)&bus->pipe, &bytes, 1, on_written) == 0;
    if (!bus->is_writing)
        xr_buf_reset(&bus->flying);
}

static void maybe_free(struct xr_bus *bus)
{
    if (bus->handles > 0 || bus->jobs > 0)
        return;
    void (*on_stopped)(void *context) = bus->on_stopped;
    void *context = bus->stopped_context;
    while (bus->floors) {
        struct bus_floor *next = bus->floors->next;
        xr_mem_free(bus->floors);
        bus->floors = next;
    }
    xr_buf_fini(&bus->out);
    xr_buf_fini(&bus->flying);
    xr_arena_free(bus->arena);
    xr_mem_free(bus);
    if (on_stopped)
        on_stopped(context);
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct xr_bus *bus = handle->data;
    bus->handles--;
    maybe_free(bus);
}

static void close_timers(struct xr_bus *bus)
{
    uv_close((uv_handle_t *)&bus->flush, on_timer_closed);
    uv_close((uv_handle_t *)&bus->counts, on_timer_closed);
    uv_close((uv_handle_t *)&bus->again, on_timer_closed);
}

/* Pipe and process; when both are closed the relay is started anew, or all of it ends. */
static void on_relay_closed(uv_handle_t *handle)
{
    struct xr_bus *bus = handle->data;
    bus->handles--;
    if (uv_is_closing((uv_handle_t *)&bus->pipe) && bus->handles > 3)
        return; /* the other one comes */
    if (bus->is_stopping) {
        close_timers(bus);
        return;
    }
    uv_timer_start(&bus->again, on_again, bus->again_ms, 0);
    if (bus->again_ms < XR_BUS_AGAIN_MS_MAX)
        bus->again_ms *= 2;
}

static void close_relay(struct xr_bus *bus)
{
    bus->is_running = false;
    bus->open = NULL;
    xr_buf_reset(&bus->out);
    uv_close((uv_handle_t *)&bus->pipe, on_relay_closed);
    uv_close((uv_handle_t *)&bus->process, on_relay_closed);
}

static void on_exit_of_relay(uv_process_t *process, int64_t status, int number)
{
    struct xr_bus *bus = process->data;
    if (!bus->is_stopping) {
        if (xr_gate_now(bus->gate) - bus->started_ms > XR_BUS_AGAIN_MS_MAX)
            bus->again_ms = XR_BUS_AGAIN_MS;
        bus->gate->metrics.bus_ended++;
        xr_log_line(XR_LOG_WARN, "bus_ended", "status=%lld signal=%d again_ms=%u",
                    (long long)status, number, bus->again_ms);
    }
    close_relay(bus);
}

/* xiaoerd again, with nothing but the pipe and stderr. */
static int spawn(struct xr_bus *bus)
{
    char name[] = "xiaoerd";
    char option[] = "--bus-relay";
    char *args[] = {name, option, bus->address, NULL};
    uv_stdio_container_t stdio[3] = {
        {.flags = UV_CREATE_PIPE | UV_READABLE_PIPE, .data.stream = (uv_stream_t *)&bus->pipe},
        {.flags = UV_IGNORE},
        {.flags = UV_INHERIT_FD, .data.fd = 2},
    };
    const uv_process_options_t options = {
        .file = "/proc/self/exe",
        .args = args,
        .exit_cb = on_exit_of_relay,
        .stdio = stdio,
        .stdio_count = 3,
    };
    return uv_spawn(bus->gate->options.loop, &bus->process, &options);
}

static void start_relay(struct xr_bus *bus)
{
    const int is_made = uv_pipe_init(bus->gate->options.loop, &bus->pipe, 0);
    XR_ASSERT(is_made == 0);
    bus->pipe.data = bus;
    bus->process.data = bus;
    bus->handles += 2;
    bus->started_ms = xr_gate_now(bus->gate);
    const int error = spawn(bus);
    bus->is_running = error == 0;
    if (error == 0)
        return;
    xr_log_line(XR_LOG_WARN, "bus_failed", "why=\"%s\"", uv_strerror(error));
    close_relay(bus);
}

static void on_again(uv_timer_t *timer)
{
    struct xr_bus *bus = timer->data;
    if (bus->is_stopping)
        uv_process_kill(&bus->process, SIGKILL);
    else
        start_relay(bus);
}

/* ---- life ------------------------------------------------------------------------------------ */

static bool make_folder(struct xr_bus *bus, const char *data)
{
    char folder[XR_SP_ADDRESS_MAX];
    struct stat info;
    const int size = snprintf(folder, sizeof(folder), "%s/bus", data);
    if (size < 0 || (size_t)size >= sizeof(folder) - sizeof("ipc:///bus.ipc"))
        errno = ENAMETOOLONG;
    else if ((mkdir(folder, 0700) == 0 || errno == EEXIST) && lstat(folder, &info) == 0 &&
             S_ISDIR(info.st_mode) && chmod(folder, 0700) == 0)
        return snprintf(bus->address, sizeof(bus->address), "ipc://%s/bus.ipc", folder) > 0;
    xr_log_line(XR_LOG_WARN, "bus_failed", "folder=%s/bus why=\"%s\"", data, strerror(errno));
    return false;
}

static void init_timer(struct xr_bus *bus, uv_timer_t *timer)
{
    uv_timer_init(bus->gate->options.loop, timer);
    timer->data = bus;
    bus->handles++;
}

struct xr_bus *xr_bus_start(struct xr_gate *gate)
{
    struct xr_bus *bus = xr_mem_zero(1, sizeof(*bus));
    if (!bus)
        return NULL;
    bus->gate = gate;
    bus->again_ms = XR_BUS_AGAIN_MS;
    bus->arena = xr_arena_new(XR_BUS_ARENA_FIRST);
    xr_buf_init(&bus->out, XR_BUS_WAITING_MAX + XR_BUS_BYTES_MAX);
    xr_buf_init(&bus->flying, XR_BUS_WAITING_MAX + XR_BUS_BYTES_MAX);
    if (!bus->arena || !make_folder(bus, gate->options.bus_directory)) {
        maybe_free(bus);
        return NULL;
    }
    init_timer(bus, &bus->flush);
    init_timer(bus, &bus->counts);
    init_timer(bus, &bus->again);
    start_relay(bus);
    return bus;
}

void xr_bus_stop(struct xr_bus *bus, void (*on_stopped)(void *context), void *context)
{
    if (!bus) {
        on_stopped(context);
        return;
    }
    on_flush(&bus->flush);
    bus->is_stopping = true;
    bus->on_stopped = on_stopped;
    bus->stopped_context = context;
    uv_timer_stop(&bus->flush);
    uv_timer_stop(&bus->counts);
    uv_timer_stop(&bus->again);
    if (bus->handles == 3) { /* between two relays */
        close_timers(bus);
        return;
    }
    if (!bus->is_running)
        return; /* closing already */
    if (uv_shutdown(&bus->ending, (uv_stream_t *)&bus->pipe, NULL))
        uv_process_kill(&bus->process, SIGKILL);
    uv_timer_start(&bus->again, on_again, XR_BUS_END_MS, 0);
}
