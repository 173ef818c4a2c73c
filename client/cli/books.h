/*
 * Books that a simulation keeps beside the floor, so that the floor does not judge itself: who is
 * available, who holds how many sessions, who waits, and from that, computed anew at each
 * assignment, who could have taken it. They are told what happened and find what must not be:
 *
 *     limit_overruns  an agent holds more sessions than the limit that held for the last one
 *     outsiders       an assignment to an agent who was not online or not in the group
 *     order_faults    a session was taken although one before it waited for the same agent
 *     idle_faults     a session waits although an agent of its group has room (after each event)
 *     affinity_faults a returning buyer came, his last agent could take him, and somebody else did
 *
 * and each agent's expected share: every assignment is one, divided equally (by weight, where
 * weights are set) among those who could take it. They share no code with server/floor.
 */
#ifndef XR_CLIENT_CLI_BOOKS_H
#define XR_CLIENT_CLI_BOOKS_H

#include <xiaoer/status.h>

enum xr_books_affinity {
    XR_BOOKS_OFF,
    XR_BOOKS_PREFER,
    XR_BOOKS_WAIT,
};

struct xr_books_rules {
    uint32_t limit;           /* routed */
    uint32_t limit_returning; /* for a buyer's last agent */
    uint32_t load_bands;
    int64_t lift_ms; /* waiting that lifts a session one class */
    enum xr_books_affinity affinity;
    int64_t affinity_wait_ms;
};

struct xr_books_agent {
    uint32_t groups; /* bits */
    uint32_t weight; /* 1..100 */
    bool is_online;
    uint32_t active;
    int64_t since_ms; /* the sums below go up to here */
    int64_t online_ms;
    int64_t load_ms; /* sum of active × time while online */
    int64_t busy_ms; /* time online with at least one session */
    uint32_t load_max;
    uint64_t taken;
    double expected;
    double deviation_max; /* of |taken - expected|, over time */
};

enum xr_books_state {
    XR_BOOKS_UNBORN,
    XR_BOOKS_WAITING,
    XR_BOOKS_HELD,
    XR_BOOKS_OVER,
};

struct xr_books_session {
    enum xr_books_state state;
    uint32_t group;
    uint32_t klass; /* 1 first … 5 last */
    uint64_t buyer;
    size_t agent;      /* of a held one */
    size_t last_agent; /* who served this buyer before; SIZE_MAX: nobody */
    int64_t since_ms;  /* waits since */
    uint64_t place;    /* by arrival */
    size_t waiting_at; /* place in `waiting` */
};

struct xr_books {
    struct xr_books_rules rules;
    struct xr_books_agent *agents;
    size_t agent_count;
    struct xr_books_session *sessions;
    size_t session_count;
    size_t *waiting; /* sessions */
    size_t waiting_count;
    size_t waiting_max;
    uint64_t *buyers;    /* of sessions that were served, with… */
    size_t *buyer_agent; /* …who served them; open hash, 0: free */
    size_t buyer_room;
    uint64_t places;
    uint64_t limit_overruns;
    uint64_t outsiders;
    uint64_t order_faults;
    uint64_t idle_faults;
    uint64_t affinity_faults;
    uint64_t assignments;
    double deviation_max; /* over agents and time */
    uint32_t sharing;     /* of the last assignment: how many could take it */
};

/* Agents are added by the caller into books->agents before the first event. XR_OK, XR_NOMEM. */
enum xr_status xr_books_init(struct xr_books *books, const struct xr_books_rules *rules,
                             size_t agents, size_t sessions) XR_MUST_USE;
void xr_books_fini(struct xr_books *books);

/* What happened, in order; times never go back. Agents and sessions are numbers from 0. */
void xr_books_online(struct xr_books *books, size_t agent, int64_t now_ms, bool is_online);
/* A buyer came; an assignment at the same time, or waiting, follows. */
void xr_books_arrive(struct xr_books *books, size_t session, uint32_t group, uint32_t klass,
                     uint64_t buyer, int64_t now_ms);
void xr_books_assign(struct xr_books *books, size_t session, size_t agent, int64_t now_ms);
/* Closed by whomever, from the queue or from an agent. */
void xr_books_end(struct xr_books *books, size_t session, int64_t now_ms);
/* An event is through: nobody may wait for an agent who has room. */
void xr_books_settle(struct xr_books *books, int64_t now_ms);
/* The end: bring the sums up to now. */
void xr_books_finish(struct xr_books *books, int64_t now_ms);

#endif
