/*
 * The engine: orders what happens, makes it durable, lets the floors act on it.
 *
 * One shard, one floor thread, the only writer. Others hand over events through a bounded queue
 * (xr_engine_submit, any thread); the floor thread takes what has arrived, stamps it, steps every
 * event, settles, appends the encoded batch to the log, commits, and only then hands the effects
 * on through `on_effects`. While one batch commits the next gathers: group commit, no timer.
 *
 * A commit that fails for lack of room: the batch is dropped whole, the indexes are loaded again,
 * every command of it gets the code `storage`, and the engine tries again with what comes next.
 * Any other failed write or sync ends the process (abort); the next start verifies.
 */
#ifndef XR_ENGINE_ENGINE_H
#define XR_ENGINE_ENGINE_H

#include "floor/floor.h"

struct xr_store;
struct xr_engine;

/*
 * What orders the batches of a shard and keeps them: four calls, so that a replicated log can stand
 * where the local one is. `local` keeps the log in the same LMDB transaction as its effects.
 */
struct xr_log;
struct xr_log_ops {
    /* Append a batch behind number `expected`. XR_OK, XR_STORAGE (nothing written), XR_EXISTS (the
     * log is not at `expected`). */
    enum xr_status (*append)(struct xr_log *, uint64_t expected, struct xr_bin batch);
    /* The batch numbered `number`. XR_OK, XR_NONE. The bytes live until the next call. */
    enum xr_status (*read)(struct xr_log *, uint64_t number, struct xr_bin *batch);
    /* Forget batches up to and including `number`. */
    enum xr_status (*truncate)(struct xr_log *, uint64_t number);
    /* Tell the others that the owner lives; nothing to do locally. */
    void (*beat)(struct xr_log *);
};
struct xr_log {
    const struct xr_log_ops *ops;
};

/* One event on its way in. Made with malloc by the submitter, freed by the engine. */
struct xr_submission {
    struct xr_submission *next; /* the engine's */
    uint32_t floor;
    struct xr_agent_id who;
    struct xr_device_id device;
    uint64_t counter; /* the frame's ref */
    uint64_t origin;
    enum xr_type type;
    uint32_t body_size;
    uint8_t body[]; /* the msgpack map, already validated */
};

/* The effects of one committed batch. Owned by the receiver, who frees it. */
struct xr_outcome {
    struct xr_outcome *next;   /* the receiver's */
    struct xr_effects effects; /* in order; `floor` set in each */
    uint64_t batch_no;
    uint32_t events; /* submissions that this batch consumed: room in the queue */
};
void xr_outcome_free(struct xr_outcome *outcome);

struct xr_engine_options {
    struct xr_store *store; /* open; outlives the engine */
    struct xr_floor_options floor;
    size_t queue_max;       /* submissions waiting; default 65536 */
    uint64_t log_bytes_max; /* default 4 GiB */
    uint32_t log_days;      /* default 7 */
    /* Called on the floor thread after each commit, perhaps before xr_engine_start has returned,
     * and for what was refused for lack of room; must not block. */
    void (*on_effects)(void *context, struct xr_outcome *take);
    /* The floor turned read-only (true) or recovered (false). NULL is fine. */
    void (*on_read_only)(void *context, bool read_only);
    void *context;
};

/* Figures for metrics; monotonic counts unless said. Read with xr_engine_figures, any thread. */
struct xr_engine_figures {
    uint64_t batches;
    uint64_t events;
    uint64_t log_bytes;
    uint64_t commit_ns_sum;
    uint64_t step_ns_sum;
    uint64_t commit_ns_max;
    uint32_t batch_events_max;
    uint32_t queued; /* now */
    bool read_only;  /* now */
};

/*
 * Open the log, load every floor, start the thread, submit `started` to each floor.
 * XR_OK, XR_NOMEM, XR_CORRUPT, XR_IO. `out` is left alone unless XR_OK.
 */
enum xr_status xr_engine_start(const struct xr_engine_options *options,
                               struct xr_engine **out) XR_MUST_USE;

/* Carry out what was submitted, then end the thread. NULL is fine. */
void xr_engine_stop(struct xr_engine *engine);

/*
 * Hand over an event. XR_OK: taken, even if it will be refused by the floor. XR_BUSY: the queue is
 * full; the submission stays the caller's. The body must be valid (xr_body_decode), the floor known
 * (xr_engine_floor), the type not `founded`; otherwise the process stops.
 */
enum xr_status xr_engine_submit(struct xr_engine *engine, struct xr_submission *take) XR_MUST_USE;

/* Number of the floor of that name; XR_NONE. Any thread. */
enum xr_status xr_engine_floor(struct xr_engine *engine, struct xr_str name,
                               uint32_t *out) XR_MUST_USE;

/* Name of the floor of that number, which lives as long as the engine; XR_NONE. Any thread. */
enum xr_status xr_engine_floor_name(struct xr_engine *engine, uint32_t number,
                                    struct xr_str *out) XR_MUST_USE;

/*
 * Found a floor and wait until that is durable. `hash` is of the owner's password.
 * XR_OK, XR_EXISTS, XR_STORAGE, XR_NOMEM, XR_BAD: a name or login that is empty or too long.
 */
enum xr_status xr_engine_found(struct xr_engine *engine, struct xr_str name, struct xr_str login,
                               struct xr_str hash, uint32_t *out) XR_MUST_USE;

void xr_engine_figures(struct xr_engine *engine, struct xr_engine_figures *out);

/* ---- batches (frozen): batch.c, pure -------------------------------------------------------- */

#define XR_BATCH_FORMAT     1
#define XR_BATCH_RULES      1 /* version of the floor's behaviour */
#define XR_BATCH_EVENTS_MAX 1024
#define XR_BATCH_BYTES_MAX  (512 * 1024)

/*
 * A batch on disk and in a replicated log: the msgpack array
 *     [format, rules, shard, epoch, owner, batch_no, prev_hash bin 32, floor_ms, wall_ms,
 *      [[floor, who, device, counter, origin, random bin 16, type, body bin]…]]
 * followed by crc32c of these bytes, 4 bytes little-endian. prev_hash is the BLAKE2b-256 of the
 * whole batch before, crc included; 32 zero bytes before the first.
 */
struct xr_batch_head {
    uint32_t format;
    uint32_t rules;
    uint32_t shard;
    uint64_t epoch;
    uint64_t owner;
    uint64_t batch_no; /* from 1 */
    uint8_t prev_hash[32];
    int64_t floor_ms;
    int64_t wall_ms;
    uint32_t events;
};

struct xr_batch_event {
    uint32_t floor;
    struct xr_agent_id who;
    struct xr_device_id device;
    uint64_t counter;
    uint64_t origin;
    uint8_t random[16];
    enum xr_type type;
    struct xr_bin body; /* borrowed */
};

/* Begin, add events, end with the checksum. The count in `head` must be what is added. */
void xr_batch_begin(struct xr_buf *out, const struct xr_batch_head *head);
void xr_batch_add(struct xr_buf *out, const struct xr_batch_event *event);
void xr_batch_end(struct xr_buf *out);

/* Check the checksum and read the head; `events` receives the bytes of the events.
 * XR_OK, XR_CORRUPT. */
enum xr_status xr_batch_open(struct xr_bin batch, struct xr_batch_head *head,
                             struct xr_bin *events) XR_MUST_USE;
/* The next event; moves `events` on. XR_OK, XR_CORRUPT. */
enum xr_status xr_batch_next(struct xr_bin *events, struct xr_batch_event *out) XR_MUST_USE;

#endif
