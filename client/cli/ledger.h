/*
 * What was written, what was acknowledged, and who received what: the judge of a replay. Pure, one
 * thread. Receiver 0 is the bridge, the others are agents.
 *
 * Each message has a number of its own here (`id`), which is part of its text. It is for the agent
 * who owned its session when it was stored, and, where an agent wrote it, for the bridge. Who owned
 * it then is told by the positions in the journal: of the message by its acknowledgement, of the
 * assignments by the bridge's feed. What was stored before anybody owned the session, its owner
 * reads in the session's history.
 *
 *     lost       acknowledged, and one who should have it has not received it
 *     doubled    received twice by one receiver, or stored under two numbers
 *     reordered  received behind a higher number of the same session, or acknowledged under another
 *                number than it was stored
 */
#ifndef XR_CLIENT_CLI_LEDGER_H
#define XR_CLIENT_CLI_LEDGER_H

#include <xiaoer/status.h>

#define XR_LEDGER_NOBODY SIZE_MAX

struct xr_ledger_message {
    size_t session;
    uint64_t sent_ns;
    uint64_t seq;       /* in the journal, as acknowledged */
    uint32_t number;    /* in the session: as first received, or as acknowledged; 0: neither */
    uint32_t at_bridge; /* times received */
    uint32_t at_agent;
    size_t agent;   /* the last agent that received it */
    bool by_bridge; /* who wrote it */
    bool is_acknowledged;
    bool is_refused;
    bool is_doubled;
    bool is_reordered;
    bool in_history; /* read by an owner */
};

#define XR_LEDGER_OWNERS_MAX 8 /* changes of owner that are remembered, the newest */

/* A session, by whatever number the caller gives it. */
struct xr_ledger_session {
    struct {
        uint64_t seq; /* since this position of the journal… */
        size_t agent; /* …this agent owns it; NOBODY */
    } owners[XR_LEDGER_OWNERS_MAX];
    size_t owner_count;
    uint32_t last_at_bridge; /* highest number received */
    uint32_t last_at_agent;
    size_t agent; /* whose last_at_agent is */
};

struct xr_ledger {
    struct xr_ledger_message *messages;
    size_t count;
    size_t room;
    struct xr_ledger_session *sessions;
    size_t session_count;
    uint64_t strangers; /* received, and never sent */
};

struct xr_ledger_verdict {
    uint64_t sent;
    uint64_t acknowledged;
    uint64_t refused;
    uint64_t unanswered;
    uint64_t lost;
    uint64_t doubled;
    uint64_t reordered;
};

/* XR_OK, XR_NOMEM. */
enum xr_status xr_ledger_init(struct xr_ledger *ledger, size_t sessions) XR_MUST_USE;
void xr_ledger_fini(struct xr_ledger *ledger); /* zeroed is fine */

/* A message is about to be sent; `id` receives its number. XR_OK, XR_NOMEM. */
enum xr_status xr_ledger_send(struct xr_ledger *ledger, size_t session, bool by_bridge,
                              uint64_t now_ns, size_t *id) XR_MUST_USE;
/* `session` is the one that it went to: that of an `open` that joined another is that one. */
void xr_ledger_acknowledged(struct xr_ledger *ledger, size_t id, size_t session, uint32_t number,
                            uint64_t seq);
void xr_ledger_refused(struct xr_ledger *ledger, size_t id);

/* The bridge's feed says who owns a session since `seq`. */
void xr_ledger_owned(struct xr_ledger *ledger, size_t session, size_t agent, uint64_t seq);
/* A message has come by a feed. true: for the first time at this receiver. */
bool xr_ledger_received(struct xr_ledger *ledger, size_t receiver, size_t session, uint32_t number,
                        size_t id);
/* An owner has read it in the session's history. */
void xr_ledger_read(struct xr_ledger *ledger, size_t session, uint32_t number, size_t id);

/* The state of things; at the end, the result. */
void xr_ledger_judge(const struct xr_ledger *ledger, struct xr_ledger_verdict *out);

#endif
