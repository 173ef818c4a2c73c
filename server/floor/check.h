/*
 * What the files of the check share. Only server/floor/check*.c include this.
 *
 * Each table is walked once, in the order of the list in check.c; a walk looks at one row after the
 * other and asks other tables by key. Nothing is assumed of what was not yet walked: a row that
 * cannot be read is told by its own walk and counts as missing elsewhere.
 */
#ifndef XR_FLOOR_CHECK_H
#define XR_FLOOR_CHECK_H

#include "floor/floor.h"
#include "floor/record.h"
#include "floor/settings.h"

/* Found while sessions and devices are walked, one for each agent. */
struct xr_check_load {
    uint32_t open;   /* sessions that it owns */
    uint32_t active; /* sessions that count */
    uint32_t fresh;  /* of these, those that cannot have been idle since the agent got them */
    uint32_t alive;  /* devices with a live connection */
};

struct xr_check {
    struct xr_tables *tables;
    bool deep;
    xr_check_fn report;
    void *context;
    size_t broken;
    struct xr_arena *arena; /* the row that is looked at, and what it points to */
    struct xr_arena *inner; /* one message */
    struct xr_buf text;
    const struct xr_floor_record *floor;
    int64_t settings[XR_SETTING_COUNT];
    struct xr_check_load *loads; /* by agent id */
    size_t load_count;
    uint64_t last;                                /* id of the row before in this walk */
    uint64_t last_side;                           /* a second number of it */
    uint64_t states[XR_session_state_CLOSED + 1]; /* sessions by state */
    uint64_t numbers;                             /* sum of all sessions' last numbers */
    uint64_t messages;                            /* message rows of the journal */
    int64_t newest_ms;                            /* newest floor_ms that a session knows */
};

/* Tell a broken rule; the text is in check->text. */
void xr_check_broken(struct xr_check *check, const char *invariant);

#define XR_CHECK(check, invariant, fact, ...)                                                      \
    do {                                                                                           \
        if (!(fact)) {                                                                             \
            xr_buf_reset(&(check)->text);                                                          \
            xr_buf_format(&(check)->text, __VA_ARGS__);                                            \
            xr_check_broken((check), (invariant));                                                 \
        }                                                                                          \
    } while (0)

/* The record under `key`, in check->arena; NULL: none that can be read. */
const void *xr_check_find(struct xr_check *check, enum xr_table table, struct xr_bin key,
                          enum xr_type type);
bool xr_check_there(struct xr_check *check, enum xr_table table, struct xr_bin key);
/* The u64 that an index row holds; 0: none. */
uint64_t xr_check_index_u64(struct xr_check *check, enum xr_table table, struct xr_bin key);
bool xr_check_account(struct xr_check *check, struct xr_agent_id agent);

/* Sum and shape of packed balances or deltas: u32 agent, i64, ascending, of accounts there are.
 * `bound` is the most that one may be. */
void xr_check_packed(struct xr_check *check, const char *what, uint64_t id, struct xr_bin packed,
                     int64_t bound);

/* Visitors: one row each; `record` is decoded where the walk has a type. End: after the last. */
void xr_check_session(struct xr_check *check, struct xr_bin key, struct xr_bin value,
                      const void *record);
void xr_check_sessions_end(struct xr_check *check);
void xr_check_open(struct xr_check *check, struct xr_bin key, struct xr_bin value,
                   const void *record);
void xr_check_spill(struct xr_check *check, struct xr_bin key, struct xr_bin value,
                    const void *record);
void xr_check_explanation(struct xr_check *check, struct xr_bin key, struct xr_bin value,
                          const void *record);
void xr_check_charge(struct xr_check *check, struct xr_bin key, struct xr_bin value,
                     const void *record);
void xr_check_journal(struct xr_check *check, struct xr_bin key, struct xr_bin value,
                      const void *record);
void xr_check_journal_end(struct xr_check *check);
void xr_check_customer(struct xr_check *check, struct xr_bin key, struct xr_bin value,
                       const void *record);
void xr_check_customers_end(struct xr_check *check);
void xr_check_channel(struct xr_check *check, struct xr_bin key, struct xr_bin value,
                      const void *record);
void xr_check_visit(struct xr_check *check, struct xr_bin key, struct xr_bin value,
                    const void *record);
void xr_check_note(struct xr_check *check, struct xr_bin key, struct xr_bin value,
                   const void *record);

#endif
