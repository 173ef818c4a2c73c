/*
 * The floor's index: what is kept in memory over the tables while a floor runs. Only files of
 * server/floor include this.
 *
 * Everything here can be rebuilt from the tables (load.c). Accounts, groups and devices stay for
 * good; sessions are here while they are not closed, and closed ones until the next settle.
 * Objects that changed since the last settle are on a dirty list and written by it.
 */
#ifndef XR_FLOOR_INDEX_H
#define XR_FLOOR_INDEX_H

#include "floor/floor.h"
#include "floor/record.h"
#include "floor/settings.h"

#define XR_CLASSES        6 /* enum xr_queue_class, 0 unused */
#define XR_POSITION_BYTES 240
#define XR_DUE_PER_TICK   16 /* objects that one tick handles; the rest wait for the next */
#define XR_UPDATES_PER_STEP                                                                        \
    48 /* after which a step leaves the rest to a tick: at most 256 writes */
#define XR_UPDATES_PER_FILL 24 /* the same where what comes last may be a whole agent's places */
#define XR_ANSWER_BYTES_MAX 256

struct xr_session_node;

/* Something with a deadline: a node of the heap, embedded in an agent or a session. */
struct xr_due {
    int64_t at; /* floor_ms; INT64_MAX: none. May be earlier than the true deadline, never later. */
    size_t place; /* in the heap, from 1; 0: not in it */
    uint64_t id;  /* of its owner; agents sort before sessions at the same time */
    bool is_session;
};

struct xr_heap {
    struct xr_due **at;
    size_t count;
    size_t capacity;
};

/* An account, and what changes while it works. */
struct xr_agent_node {
    struct xr_agent_record hot; /* table agent; hot.agent.n == 0: no such account */
    enum xr_role role;
    enum xr_account_state account;
    uint32_t weight;
    uint32_t limit; /* 0: the floor's */
    uint32_t group_count;
    uint32_t groups[XR_GROUPS_PER_AGENT]; /* ascending */
    int64_t owed;                         /* balance */
    uint32_t devices_alive;
    struct xr_session_node *sessions;      /* owned and not closed, by id, linked by agent_next */
    struct xr_session_node *sessions_last; /* the newest of them */
    struct xr_due due;
    bool dirty;
};

/* Sessions of one class that wait for one group, in the order in which they are taken. */
struct xr_queue {
    struct xr_session_node *head;
    struct xr_session_node *tail;
};

struct xr_group_node {
    uint32_t id; /* 0: no such group */
    struct xr_str name;
    struct xr_str title;
    uint32_t *members; /* agent ids, ascending */
    size_t member_count;
    size_t member_capacity;
    struct xr_queue queues[XR_CLASSES];
    uint32_t queued;
};

struct xr_session_node {
    struct xr_session_record hot; /* table session; bins point into the arrays below */
    uint8_t chain[XR_HASH_BYTES];
    uint8_t positions[XR_POSITION_BYTES + XR_POSITION_MAX];
    uint32_t positions_size;
    uint64_t position_last; /* journal position of the last message in `positions` */
    struct xr_session_node *hash_next;
    struct xr_session_node *queue_prev;
    struct xr_session_node *queue_next;
    struct xr_session_node *agent_prev;
    struct xr_session_node *agent_next;
    struct xr_session_node *dirty_next;
    struct xr_due due;
    bool queued;
    bool dirty;
};

struct xr_device_node {
    struct xr_device_record hot; /* bins and text point into the members below */
    uint8_t token_hash[XR_HASH_BYTES];
    struct xr_str client;  /* heap */
    struct xr_buf answers; /* frames of done+1 … counter from answers_from on */
    size_t answers_from;
    struct xr_device_node *hash_next;
    struct xr_device_node *dirty_next;
    bool dirty;
};

struct xr_floor {
    struct xr_floor_options options;
    struct xr_floor_record head; /* table floor */
    char name[4 * XR_NAME_MAX];
    bool head_dirty;
    bool balances_dirty;
    int64_t settings[XR_SETTING_COUNT];

    struct xr_agent_node **agents; /* by id; NULL: none */
    size_t agent_count;            /* ids given out + 1 */
    size_t agent_capacity;
    struct xr_group_node **groups; /* by id */
    size_t group_count;
    size_t group_capacity;

    struct xr_session_node **sessions; /* chained hash by id */
    size_t session_slots;
    size_t session_count;
    struct xr_device_node **devices; /* chained hash by id */
    size_t device_slots;
    size_t device_count;

    struct xr_session_node *dirty_sessions;
    struct xr_device_node *dirty_devices;
    struct xr_heap heap;
    uint32_t queued; /* sessions waiting, over all groups */

    struct xr_arena *scratch; /* decoded rows of one step */
    struct xr_buf row;        /* a record or an update being encoded */
    struct xr_candidate *candidates;
    size_t candidate_capacity;
};

/* Everything a handler works with during one step. */
struct xr_step {
    struct xr_floor *floor;
    struct xr_tables *tables;
    const struct xr_event *event;
    struct xr_effects *effects;
    size_t first_effect;       /* of this step */
    struct xr_agent_node *who; /* the sender's account; NULL: the server */
    struct xr_done done;       /* what the answer will say */
    struct xr_error error;     /* details of a refusal */
};

/* ---- floor.c, load.c ---------------------------------------------------------------------------
 */

/* Throw away everything but options and scratch memory. */
void xr_index_clear(struct xr_floor *floor);

/* ---- index.c: finding, linking, marking ------------------------------------------------------ */

struct xr_agent_node *xr_index_agent(const struct xr_floor *floor, uint32_t id); /* NULL: none */
struct xr_agent_node *xr_index_agent_add(struct xr_floor *floor, uint32_t id);
struct xr_group_node *xr_index_group(const struct xr_floor *floor, uint32_t id);
struct xr_group_node *xr_index_group_named(const struct xr_floor *floor, struct xr_str name);
struct xr_group_node *xr_index_group_add(struct xr_floor *floor, uint32_t id);
/* Members follow agent->groups: leave, change the list, join. */
void xr_index_leave_groups(struct xr_floor *floor, struct xr_agent_node *agent);
void xr_index_join_groups(struct xr_floor *floor, struct xr_agent_node *agent);
struct xr_session_node *xr_index_session(const struct xr_floor *floor, uint64_t id);
struct xr_session_node *xr_index_session_add(struct xr_floor *floor, uint64_t id);
void xr_index_session_remove(struct xr_floor *floor, struct xr_session_node *session);
struct xr_device_node *xr_index_device(const struct xr_floor *floor, uint64_t id);
struct xr_device_node *xr_index_device_add(struct xr_floor *floor, uint64_t id);
void xr_index_device_remove(struct xr_floor *floor, struct xr_device_node *device);

void xr_index_own(struct xr_agent_node *agent, struct xr_session_node *session);
void xr_index_disown(struct xr_agent_node *agent, struct xr_session_node *session);

void xr_index_touch_session(struct xr_floor *floor, struct xr_session_node *session);
void xr_index_touch_device(struct xr_floor *floor, struct xr_device_node *device);

/* Set a deadline. A later one is put off until the earlier has come due; see struct xr_due. */
void xr_index_due(struct xr_floor *floor, struct xr_due *due, int64_t at);
struct xr_due *xr_index_due_first(const struct xr_floor *floor); /* NULL: none */
void xr_index_due_remove(struct xr_floor *floor, struct xr_due *due);

/* Replace the texts that a group or a device owns. Copies. */
void xr_index_group_name(struct xr_group_node *group, struct xr_str name, struct xr_str title);
void xr_index_device_name(struct xr_device_node *device, struct xr_str client);

/* Copy a session_record into a node, bins included, and note a message's journal position. */
void xr_index_session_fill(struct xr_session_node *session, const struct xr_session_record *record);

/* ---- tell.c: answering and telling ------------------------------------------------------------
 */

/* Refuse with a code, and perhaps the field that is wrong. */
enum xr_code xr_step_refuse(struct xr_step *step, enum xr_code code, const char *field);
/* Journal an update and push it. The struct's seq and prev are ignored. Returns its seq. */
uint64_t xr_step_push(struct xr_step *step, const struct xr_audience *audience, enum xr_type type,
                      const void *update);
struct xr_effect *xr_step_effect(struct xr_step *step, enum xr_effect_kind kind);
/* Bytes copied into the effects' arena. */
struct xr_bin xr_step_keep(struct xr_step *step, struct xr_bin bytes);
void xr_step_reply(struct xr_step *step, uint64_t origin, uint64_t ref, enum xr_type type,
                   const void *message);
/* Write an audit row and tell supervisors. `subject`, `before`, `after` may be empty. */
void xr_step_audit(struct xr_step *step, const char *what, struct xr_str subject,
                   struct xr_str before, struct xr_str after);
/* Text in the step's scratch arena. */
struct xr_str xr_step_format(struct xr_step *step, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#define XR_SUPERVISORS (1u << XR_role_OWNER | 1u << XR_role_SUPERVISOR)
bool xr_step_supervises(const struct xr_step *step); /* the sender is owner or supervisor */

/* ---- presence.c -------------------------------------------------------------------------------
 */

bool xr_presence_available(const struct xr_agent_node *agent);
enum xr_presence xr_presence_shown(const struct xr_agent_node *agent);
void xr_presence_touch(struct xr_floor *floor, struct xr_agent_node *agent);
void xr_presence_device_came(struct xr_step *step, struct xr_device_node *device);
void xr_presence_device_gone(struct xr_step *step, struct xr_device_node *device);
/* Its next deadline by what its record says; INT64_MAX: none. */
int64_t xr_presence_deadline(const struct xr_agent_node *agent);
void xr_presence_due(struct xr_step *step, struct xr_agent_node *agent);
enum xr_code xr_presence_be(struct xr_step *step, const void *message);
void xr_presence_started(struct xr_step *step, const struct xr_started *started);
/* Sign off by rule or force; sessions go back to routing, the first now, the rest with ticks. */
void xr_presence_end(struct xr_step *step, struct xr_agent_node *agent);
void xr_agent_view_fill(const struct xr_step *step, const struct xr_agent_node *agent,
                        struct xr_agent_view *out);

/* ---- queue.c: routing over the index ------------------------------------------------------------
 */

/* Why routing is asked, and what bears on it. */
struct xr_ask {
    enum xr_cause cause;
    const char *rule;            /* what chose the group: "hint", "default", "transfer", "same" */
    struct xr_agent_id named;    /* who must take it: transfer, force; 0: nobody */
    struct xr_agent_id affinity; /* who is preferred: the last agent; 0: nobody */
    enum xr_change change;       /* what session_changed says of an assignment */
    struct xr_agent_id from;     /* the owner before; 0: none */
    struct xr_str note;
};

/* Give the session to somebody or queue it; tells and explains either. True: assigned. */
bool xr_queue_route(struct xr_step *step, struct xr_session_node *session,
                    const struct xr_ask *ask);
/* Fill the agent's free places from the queues of its groups. */
void xr_queue_drain(struct xr_step *step, struct xr_agent_node *agent);
/* The same for everybody, from the agent on that the floor's row names: as many as one step may
 * serve; ticks go on with the rest. */
void xr_queue_fill(struct xr_step *step);
void xr_queue_add(struct xr_floor *floor, struct xr_session_node *session);
void xr_queue_remove(struct xr_floor *floor, struct xr_session_node *session);
/* Undo the charges of a pick whose taker never replied; xr_session_take, which follows, forgets
 * them. */
void xr_queue_reverse(struct xr_step *step, struct xr_session_node *session);
/* True where somebody else of the group could take a session now. */
bool xr_queue_has_other(const struct xr_floor *floor, uint32_t group, struct xr_agent_id than);
/* The limit that holds for an agent. */
uint32_t xr_queue_limit(const struct xr_floor *floor, const struct xr_agent_node *agent,
                        bool returning);
/* Bring all balances within their bound again: after a reversal, or when the bound has changed. */
void xr_queue_clamp(struct xr_floor *floor);
/* Take the balance of an account that is locked or has left, and spread it over the others. */
void xr_queue_spread_balance(struct xr_floor *floor, struct xr_agent_node *agent);

/* ---- session.c --------------------------------------------------------------------------------
 */

enum xr_code xr_session_open(struct xr_step *step, const void *message);
enum xr_code xr_session_close(struct xr_step *step, const void *message);
enum xr_code xr_session_leave(struct xr_step *step, const void *message);
enum xr_code xr_session_transfer(struct xr_step *step, const void *message);
enum xr_code xr_session_assign(struct xr_step *step, const void *message);
void xr_session_due(struct xr_step *step, struct xr_session_node *session);
/* True where sessions that wait long for their buyer count too. */
bool xr_session_counts_idle(const struct xr_floor *floor);
/* True where it counts in its owner's load. */
bool xr_session_counts(const struct xr_floor *floor, const struct xr_session_node *session);
/* Its next deadline by what its record says; INT64_MAX: none. */
int64_t xr_session_deadline(const struct xr_floor *floor, const struct xr_session_node *session);
/* Work out its next deadline and note it. */
void xr_session_rearm(struct xr_floor *floor, struct xr_session_node *session);
/* Take it from its owner (who loses the place) and leave it without one. */
void xr_session_take(struct xr_step *step, struct xr_session_node *session);
/* Take it back from its owner and route it again, before all of its class. */
void xr_session_take_back(struct xr_step *step, struct xr_session_node *session, bool first);
/* Tell a change of the session. `ask` may be NULL. Returns the update's seq. */
uint64_t xr_session_tell(struct xr_step *step, struct xr_session_node *session,
                         enum xr_change change, const struct xr_ask *ask);
/* A closed session back into the index and to somebody, at its buyer's message. NULL: too late, or
 * the buyer has another one. */
struct xr_session_node *xr_session_reopen(struct xr_step *step, uint64_t id);
/* The record of a session that is not in the index, in the scratch arena; NULL: none. */
const struct xr_session_record *xr_session_stored(struct xr_step *step, uint64_t id);

/* ---- message.c --------------------------------------------------------------------------------
 */

enum xr_code xr_message_say(struct xr_step *step, const void *message);
/* Store a message and tell it; everything has been checked. */
void xr_message_add(struct xr_step *step, struct xr_session_node *session, enum xr_sender sender,
                    struct xr_agent_id agent, enum xr_message_kind kind, struct xr_str text,
                    bool flagged);
/* A message of the buyer, in a session that is not closed: its lost owner loses it. */
void xr_message_from_buyer(struct xr_step *step, struct xr_session_node *session,
                           enum xr_message_kind kind, struct xr_str text);

/* ---- customer.c -------------------------------------------------------------------------------
 */

/* The customer's row, decoded in the step's scratch arena; NULL: none. Asserts that it is whole. */
const struct xr_customer_record *xr_customer_get(struct xr_step *step, struct xr_customer_id id);
void xr_customer_put(struct xr_step *step, const struct xr_customer_record *record);
/* Of channel and buyer; a new one where there is none (`record` may be changed and put). */
void xr_customer_find(struct xr_step *step, struct xr_str channel, struct xr_str buyer,
                      struct xr_customer_record *record, bool *is_new);
/* Newest revisions of the notes, pinned first, at most `max` and 32 KiB, in the scratch arena. */
struct xr_note_list xr_customer_notes(struct xr_step *step, struct xr_customer_id id,
                                      uint32_t notes, uint32_t max);
enum xr_code xr_customer_set(struct xr_step *step, const void *message);
enum xr_code xr_customer_note_add(struct xr_step *step, const void *message);
enum xr_code xr_customer_note_edit(struct xr_step *step, const void *message);

/* ---- account.c --------------------------------------------------------------------------------
 */

/* The index takes an account's record over. */
void xr_account_apply(struct xr_floor *floor, struct xr_agent_node *agent,
                      const struct xr_account_record *record);
void xr_account_founded(struct xr_step *step, const struct xr_founded *founded);
enum xr_code xr_account_set(struct xr_step *step, const void *message);
enum xr_code xr_account_group_set(struct xr_step *step, const void *message);
enum xr_code xr_account_setting_set(struct xr_step *step, const void *message);

/* ---- device.c: log-in, devices, answers kept
 * ------------------------------------------------------ */

void xr_device_came(struct xr_step *step, const struct xr_came *came);
void xr_device_asked(struct xr_step *step, const struct xr_asked *asked);
void xr_device_proved(struct xr_step *step, const struct xr_proved *proved);
void xr_device_gone(struct xr_step *step, const struct xr_gone *gone);
enum xr_code xr_device_revoke(struct xr_step *step, const void *message);
/* Close every connection of an account, which has another role now; its devices log in again. */
void xr_device_detach_all(struct xr_step *step, uint32_t agent);
/* End every device of an account: it is locked or has left. */
void xr_device_end_all(struct xr_step *step, uint32_t agent);
/* Drop the kept answers up to `done`; keep a new one. */
void xr_device_confirm(struct xr_device_node *device, uint64_t done);
void xr_device_keep(struct xr_device_node *device, struct xr_bin frame);
/* The kept answer to `counter`; XR_NONE. */
enum xr_status xr_device_answer(const struct xr_device_node *device, uint64_t counter,
                                struct xr_bin *frame);

#endif
