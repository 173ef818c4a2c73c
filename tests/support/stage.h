/*
 * A stage for one floor: memory tables, a clock that the test moves, people with devices. After
 * every event the stage settles, loads a second index from the tables and compares it with the
 * first, and walks the tables with xr_floor_check. Each event is played on twin tables too, by an
 * index that was loaded afresh before it: both must do and store the same, byte for byte. A refusal
 * must leave every table but `device` as it was.
 *
 * Everything that a floor does is written to `log` as text, one line an effect:
 *     amy <- done ref=1 session=1 …        an answer
 *     [amy olga] session_changed seq=9 …   an update, and who of those present gets it
 *     amy: detached                         an effect without a frame
 */
#ifndef XR_TESTS_STAGE_H
#define XR_TESTS_STAGE_H

#include "floor/floor.h"

#define STAGE_PEOPLE 64

struct stage_person {
    char name[32];
    struct xr_agent_id agent;
    enum xr_role role;
    struct xr_device_id device;
    uint64_t counter;
    uint64_t origin; /* 0: not connected */
    bool feed;
};

struct stage {
    struct xr_tables *tables;
    struct xr_floor *floor;
    struct xr_effects effects;
    struct xr_arena *arena;
    struct xr_buf log;
    int64_t floor_ms;
    uint64_t origins;
    uint64_t random;
    struct stage_person people[STAGE_PEOPLE];
    size_t person_count;
    struct stage_person *asking; /* whose log-in is under way */
    uint64_t last_session;       /* of the last `done` that named one */
    enum xr_code last_code;      /* of the last answer; 0: done */
    bool check_each;             /* compare and walk after each event (default) */
    struct xr_tables *twin;      /* the same events, each on an index that was loaded afresh */
    bool try_full;               /* of the next event: also without room for each of its writes */
    size_t writes_max;           /* the most that one step has written, settle left out */
    size_t broken;               /* rules that a walk found broken */
};

/* A founded floor `shop` with owner `olga`, whose password hash is "hash". */
void stage_open(struct stage *stage);
void stage_close(struct stage *stage);

/* Somebody of that name; made where there is none. */
struct stage_person *stage_person(struct stage *stage, const char *name);

/* Log in with a new device, or again with the one that the person has. */
void stage_come(struct stage *stage, const char *name);
void stage_go(struct stage *stage, const char *name, enum xr_gone_reason why);

/* Log in to the account of `login` under another name: one more device of it. */
void stage_join(struct stage *stage, const char *name, const char *login);

/* A command with the person's next counter, or with `counter` where it is not 0. */
enum xr_code stage_send(struct stage *stage, const char *name, enum xr_type type,
                        const void *message, uint64_t counter);
/* An event of the server. */
void stage_event(struct stage *stage, enum xr_type type, const void *message);
/* A query; the answer is logged. */
void stage_ask(struct stage *stage, const char *name, enum xr_type type, const void *message);

/* Move the clock on, with a tick at each deadline on the way. */
void stage_wait(struct stage *stage, int64_t ms);
/* Move the clock on first, then tick: everything that fell due meanwhile is late. */
void stage_oversleep(struct stage *stage, int64_t ms);
/* Throw the index away, load it again, and tell it that the server was down for so long. */
void stage_restart(struct stage *stage, int64_t down_ms);

/* An agent's account made by olga, logged in and online; its id. No groups: the default one. */
uint32_t stage_agent(struct stage *stage, const char *name, const uint32_t *groups, uint32_t count);
/* A bridge's account made by olga, logged in. */
void stage_bridge(struct stage *stage, const char *name);

#endif
