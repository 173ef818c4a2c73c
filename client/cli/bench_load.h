/*
 * The load of `bench`: bridges that write as buyers, agents that receive, a number of open
 * sessions, and so many messages in flight as are wanted. One thread.
 *
 * A message counts once its bridge has the answer (durable) and the agent that has its session has
 * received the update; every number of a session is checked: 1, 2, 3…, each once.
 */
#ifndef XR_CLIENT_CLI_BENCH_LOAD_H
#define XR_CLIENT_CLI_BENCH_LOAD_H

#include "bench_probe.h"
#include "crew.h"

/* The text of every message; a buyer's ordinary question, 97 bytes. */
#define XR_BENCH_TEXT "请问这件外套175/62公斤穿L码合适吗？今天下单的话，周五前能送到杭州吗？"

struct xr_bench_session;

struct xr_bench_load {
    const struct xr_cli *cli;
    size_t bridges;
    size_t agents;
    size_t sessions;
    struct xr_crew_member *members; /* bridges, then agents; the caller's */
    int epoll;
    bool *is_touched;  /* members that took events and owe the server an ack */
    uint32_t *touched; /* room for each twice: once owing, once again since */
    size_t touched_count;
    struct xr_bench_session *session;
    uint32_t *index;     /* of a session, by id - base; UINT32_MAX: not ours */
    uint64_t index_base; /* smallest id */
    size_t index_count;
    uint32_t *of_ref;  /* bridges × REFS: the session that a command was about */
    size_t next;       /* session that gets the next message */
    bool refill;       /* a complete message makes room for the next */
    uint64_t sent;     /* commands: messages, and those that open and leave */
    uint64_t complete; /* of these; a message when it has been received too */
    uint64_t refused;
    enum xr_code refusal; /* the last one's */
    uint64_t broken;      /* a number was doubled, left out, or came to the wrong place */
    struct xr_bench_samples *samples; /* NULL: not measured */
};

/* Take members that are logged in. Exit code. */
int xr_bench_load_init(struct xr_bench_load *load, const struct xr_cli *cli,
                       struct xr_crew_member *members, size_t bridges, size_t agents,
                       size_t sessions);
void xr_bench_load_fini(struct xr_bench_load *load); /* zeroed is fine */

/* Put the agents online, open the sessions. Exit code. */
int xr_bench_load_open(struct xr_bench_load *load);
/* The buyers leave. */
int xr_bench_load_leave(struct xr_bench_load *load);

/*
 * Keep `in_flight` messages under way until `ms` have passed (0: no end) or `messages` are complete
 * (0: any number), then wait for the last ones. `label`: of the progress line. Exit code.
 */
int xr_bench_load_run(struct xr_bench_load *load, uint32_t in_flight, uint64_t ms,
                      uint64_t messages, const char *label);

#endif
