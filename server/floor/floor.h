/*
 * The floor: one shop's customer-service floor as a function of its tables and its events.
 *
 * It knows no clock, socket, file, thread, locale or random source: time and drawn values are
 * fields of the event. All truth is in the tables; `struct xr_floor` is an index over them that
 * can be thrown away and loaded again at any moment between batches.
 *
 * The order of calls, on one thread:
 *     load once, then for each batch: step for each event, settle, and the caller commits.
 * Where the commit fails the caller drops the index and loads it again.
 */
#ifndef XR_FLOOR_FLOOR_H
#define XR_FLOOR_FLOOR_H

#include "floor/route.h"
#include "floor/tables.h"
#include "proto/wire.h"

struct xr_floor;

/* One event: everything that happens to a floor. All pointers are borrowed for the call. */
struct xr_event {
    struct xr_agent_id who;     /* account of the client; 0: the server itself */
    struct xr_device_id device; /* of a command; 0: none */
    uint64_t counter;           /* of a command, from 1; 0: an event of the server */
    uint64_t origin;            /* connection, unique over restarts; 0: none */
    uint8_t random[16];         /* drawn for this event */
    int64_t floor_ms;           /* never goes back */
    int64_t wall_ms;            /* Unix time */
    enum xr_type type;          /* COMMAND or EVENT */
    const void *message;        /* the decoded struct of that type */
};

/* Who may see an update; fixed when it is made. */
struct xr_audience {
    uint32_t roles;     /* bit (1 << enum xr_role): every account of that role */
    uint32_t agents[4]; /* and these accounts; 0 ends the list */
};

/* True where an account of that id and role is in the audience. */
bool xr_audience_has(const struct xr_audience *audience, struct xr_agent_id agent,
                     enum xr_role role);

enum xr_effect_kind {
    XR_EFFECT_REPLY,  /* send frame (answer to event number `event`) on connection `origin` */
    XR_EFFECT_PUSH,   /* an update for its audience; bytes as in the journal */
    XR_EFFECT_ATTACH, /* connection `origin` is logged in as agent, role, device; then a REPLY
                         carries the welcome */
    XR_EFFECT_DETACH, /* whoever holds `device` is closed: revoked, locked, or come elsewhere */
    XR_EFFECT_VERIFY, /* check the password that connection `origin` sent against `hash`
                         ("" : nobody has that login; check against a dummy), then `proved` */
};

/* An effect. Its bytes live in the effects' arena until xr_effects_reset. */
struct xr_effect {
    enum xr_effect_kind kind;
    uint32_t floor;              /* set by the engine */
    uint64_t origin;             /* REPLY ATTACH VERIFY; DETACH: spare this connection */
    uint64_t seq;                /* PUSH: journal position */
    struct xr_audience audience; /* PUSH */
    struct xr_bin bytes;         /* REPLY: a whole frame; PUSH: see xr_journal_decode */
    struct xr_str hash;          /* VERIFY */
    struct xr_agent_id agent;    /* ATTACH */
    enum xr_role role;           /* ATTACH */
    struct xr_device_id device;  /* ATTACH DETACH */
};

/* A growing list of effects with an arena for their bytes. Zeroed is empty and valid. */
struct xr_effects {
    struct xr_effect *at;
    size_t count;
    size_t capacity;
    struct xr_arena *arena; /* made on first use */
};

/* Empty the list, keep its memory. */
void xr_effects_reset(struct xr_effects *effects);
void xr_effects_fini(struct xr_effects *effects);

/*
 * A row of the journal, and the bytes of a PUSH:
 *     format u8 = 1, roles u8 (bits of xr_audience.roles >> 1), count of agents u8,
 *     that many u32 little-endian, type u8, count of fields u8, and the fields 3… of the update
 *     as msgpack key value key value….
 * A client gets [type, 0, {1: seq, 2: prev, fields…}]: encoded once, for every receiver and for
 * ever.
 */
struct xr_journal_row {
    struct xr_audience audience;
    enum xr_type type;
    uint32_t fields;      /* count, without seq and prev */
    struct xr_bin packed; /* the fields */
};

/* Read a row; everything points into `bytes`. XR_OK, or XR_CORRUPT. */
enum xr_status xr_journal_decode(struct xr_bin bytes, struct xr_journal_row *out) XR_MUST_USE;

/*
 * Write the update frame for one connection: the bytes before the fields. `out` has room for
 * XR_PUSH_HEAD_MAX. Returns the size; the packed fields follow.
 */
#define XR_PUSH_HEAD_MAX 32
size_t xr_journal_head(const struct xr_journal_row *row, uint64_t seq, uint64_t prev,
                       uint8_t out[XR_PUSH_HEAD_MAX]);

/* What a shell tells a floor when it makes one; constant while it lives. */
struct xr_floor_options {
    enum xr_commit_mode commit; /* said in welcome */
    uint32_t lease_ms;          /* of the gate, said in welcome */
    uint32_t beat_ms;           /* said in welcome */
    const char *server;         /* program and version, said in welcome; static */
};

/* A new index, empty. NULL where there is no memory. */
struct xr_floor *xr_floor_new(const struct xr_floor_options *options);
void xr_floor_free(struct xr_floor *floor);

/*
 * Build the index from the tables, whatever was in it before. Reads accounts, groups, settings,
 * devices, and the sessions that are not closed: not the messages.
 *
 * XR_OK, XR_NOMEM, or XR_CORRUPT: a row cannot be read or points at one that is not there.
 */
enum xr_status xr_floor_load(struct xr_floor *floor, struct xr_tables *tables) XR_MUST_USE;

/*
 * Carry out one event. Every command gets exactly one REPLY. A refused event changes nothing but
 * the device's counter and kept answer. Hot rows are changed in the index and written by settle.
 */
void xr_floor_step(struct xr_floor *floor, struct xr_tables *tables, const struct xr_event *event,
                   struct xr_effects *effects);

/* Write the hot rows that the steps since the last settle have changed. Before each commit. */
void xr_floor_settle(struct xr_floor *floor, struct xr_tables *tables);

/* floor_ms of the next deadline, at which an event `tick` is wanted; INT64_MAX: none. */
int64_t xr_floor_deadline(const struct xr_floor *floor);

/* Newest position of the journal. */
uint64_t xr_floor_head(const struct xr_floor *floor);

/* Digest of the whole index in a defined order: equal for an index that was loaded afresh. */
void xr_floor_digest(const struct xr_floor *floor, uint8_t out[32]);

/* Who asks. */
struct xr_asker {
    struct xr_agent_id agent;
    enum xr_role role;
    int64_t wall_ms;
};

/*
 * Answer a query from tables alone; runs on any reader thread.
 *
 * type, message  a decoded QUERY
 * arena          the answer's memory
 * answer         receives the type of the answer (an error is one) and its struct, in `arena`
 */
void xr_floor_query(struct xr_tables *tables, const struct xr_asker *who, enum xr_type type,
                    const void *message, struct xr_arena *arena, enum xr_type *answer_type,
                    const void **answer);

/* One broken rule, as told to a person. */
typedef void (*xr_check_fn)(void *context, const char *invariant, const char *text);

/*
 * Walk every table and assert the invariants (server/floor/README.md): conservation of sessions
 * and loads, 1..n in each session, index and record on both sides, balances' sum 0, chains whole.
 * deep   also reads every message of the journal and recomputes the chains
 * Returns the number of broken rules.
 */
size_t xr_floor_check(struct xr_tables *tables, bool deep, xr_check_fn report, void *context);

/* May an account of `role` send `type`? The rights table, rights.def. */
bool xr_rights_allow(enum xr_role role, enum xr_type type);

/* A setting of the floor: one line of settings.def. */
struct xr_setting {
    const char *name;
    const char *unit;
    int64_t standard;
    int64_t min;
    int64_t max;
    const char *help;
};

extern const struct xr_setting xr_settings[];
extern const size_t xr_settings_count;

#endif
