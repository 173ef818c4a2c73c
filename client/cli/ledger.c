#include "ledger.h"

#include <string.h>

#include "proto/mem.h"

#define BRIDGE 0

enum xr_status xr_ledger_init(struct xr_ledger *ledger, size_t sessions)
{
    *ledger = (struct xr_ledger){.session_count = sessions};
    ledger->sessions = xr_mem_zero(sessions + 1, sizeof *ledger->sessions);
    if (ledger->sessions == NULL)
        return XR_NOMEM;
    for (size_t i = 0; i < sessions; i++)
        ledger->sessions[i].agent = XR_LEDGER_NOBODY;
    return XR_OK;
}

void xr_ledger_fini(struct xr_ledger *ledger)
{
    xr_mem_free(ledger->messages);
    xr_mem_free(ledger->sessions);
    *ledger = (struct xr_ledger){0};
}

enum xr_status xr_ledger_send(struct xr_ledger *ledger, size_t session, bool by_bridge,
                              uint64_t now_ns, size_t *id)
{
    if (ledger->count == ledger->room) {
        const size_t room = ledger->room == 0 ? 1024 : ledger->room * 2;
        struct xr_ledger_message *grown = xr_mem_grow(ledger->messages, room * sizeof *grown);
        if (grown == NULL)
            return XR_NOMEM;
        ledger->messages = grown;
        ledger->room = room;
    }
    *id = ledger->count++;
    ledger->messages[*id] = (struct xr_ledger_message){
        .session = session,
        .sent_ns = now_ns,
        .by_bridge = by_bridge,
        .agent = XR_LEDGER_NOBODY,
    };
    return XR_OK;
}

/* The first that tells the number of a message. */
static void learn_number(struct xr_ledger_message *m, size_t session, uint32_t number)
{
    if (m->number == 0) {
        m->number = number;
        m->session = session;
    }
}

void xr_ledger_acknowledged(struct xr_ledger *ledger, size_t id, size_t session, uint32_t number,
                            uint64_t seq)
{
    struct xr_ledger_message *m = &ledger->messages[id];
    m->is_doubled = m->is_doubled || m->is_acknowledged;
    m->is_acknowledged = true;
    m->seq = seq;
    learn_number(m, session, number);
    m->is_reordered = m->is_reordered || m->number != number || m->session != session;
}

void xr_ledger_refused(struct xr_ledger *ledger, size_t id)
{
    ledger->messages[id].is_refused = true;
}

void xr_ledger_owned(struct xr_ledger *ledger, size_t session, size_t agent, uint64_t seq)
{
    struct xr_ledger_session *s = &ledger->sessions[session];
    if (s->owner_count == XR_LEDGER_OWNERS_MAX) {
        s->owner_count--;
        memmove(&s->owners[0], &s->owners[1], s->owner_count * sizeof s->owners[0]);
    }
    s->owners[s->owner_count].seq = seq;
    s->owners[s->owner_count++].agent = agent;
}

static size_t owner_at(const struct xr_ledger_session *s, uint64_t seq)
{
    size_t owner = XR_LEDGER_NOBODY;
    for (size_t i = 0; i < s->owner_count && s->owners[i].seq < seq; i++)
        owner = s->owners[i].agent;
    return owner;
}

static bool was_owned(const struct xr_ledger_session *s)
{
    for (size_t i = 0; i < s->owner_count; i++)
        if (s->owners[i].agent != XR_LEDGER_NOBODY)
            return true;
    return false;
}

/* Count it at this receiver; returns where its numbers stand. */
static uint32_t *count_at(struct xr_ledger_session *s, struct xr_ledger_message *m, size_t receiver,
                          uint32_t *times)
{
    if (receiver == BRIDGE) {
        *times = ++m->at_bridge;
        return &s->last_at_bridge;
    }
    if (s->agent != receiver) {
        s->agent = receiver;
        s->last_at_agent = 0;
    }
    m->agent = receiver;
    *times = ++m->at_agent;
    return &s->last_at_agent;
}

bool xr_ledger_received(struct xr_ledger *ledger, size_t receiver, size_t session, uint32_t number,
                        size_t id)
{
    uint32_t times;
    if (id >= ledger->count) {
        ledger->strangers++;
        return false;
    }
    struct xr_ledger_message *m = &ledger->messages[id];
    uint32_t *last = count_at(&ledger->sessions[session], m, receiver, &times);
    learn_number(m, session, number);
    if (times > 1 || m->number != number || m->session != session) {
        m->is_doubled = true;
        return false;
    }
    m->is_reordered = m->is_reordered || number <= *last;
    *last = number > *last ? number : *last;
    return true;
}

void xr_ledger_read(struct xr_ledger *ledger, size_t session, uint32_t number, size_t id)
{
    if (id >= ledger->count) {
        ledger->strangers++;
        return;
    }
    struct xr_ledger_message *m = &ledger->messages[id];
    learn_number(m, session, number);
    m->is_doubled = m->is_doubled || m->number != number || m->session != session;
    m->in_history = true;
}

static bool is_lost(const struct xr_ledger *ledger, const struct xr_ledger_message *m)
{
    const struct xr_ledger_session *s = &ledger->sessions[m->session];
    if (!m->is_acknowledged)
        return false;
    if (!m->by_bridge && m->at_bridge == 0)
        return true;
    const size_t owner = owner_at(s, m->seq);
    if (owner != XR_LEDGER_NOBODY)
        return m->at_agent == 0 || m->agent != owner;
    return was_owned(s) && !m->in_history;
}

void xr_ledger_judge(const struct xr_ledger *ledger, struct xr_ledger_verdict *out)
{
    *out = (struct xr_ledger_verdict){.sent = ledger->count};
    for (size_t i = 0; i < ledger->count; i++) {
        const struct xr_ledger_message *m = &ledger->messages[i];
        out->acknowledged += m->is_acknowledged ? 1 : 0;
        out->refused += m->is_refused ? 1 : 0;
        out->unanswered += !m->is_acknowledged && !m->is_refused ? 1 : 0;
        out->lost += is_lost(ledger, m) ? 1 : 0;
        out->doubled += m->is_doubled ? 1 : 0;
        out->reordered += m->is_reordered ? 1 : 0;
    }
}
