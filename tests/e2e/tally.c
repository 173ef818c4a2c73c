#include "e2e/tally.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What stands in a feed: position and content, the content as a digest. */
struct tally_update {
    uint64_t seq;
    uint64_t digest;
};

/* What the supervisor was told, and who else must be. */
struct tally_truth {
    struct tally_update update;
    uint32_t readers; /* mask of writers */
};

/* A message as the supervisor was told of it. */
struct tally_told {
    uint64_t seq;
    uint32_t writer;
    uint32_t serial;
};

#define FAULT(tally, kind, ...)                                                                    \
    do {                                                                                           \
        (tally)->verdict.kind++;                                                                   \
        if ((tally)->talks && (tally)->verdict.kind <= 20) {                                       \
            fprintf(stderr, #kind ": " __VA_ARGS__);                                               \
            fputc('\n', stderr);                                                                   \
        }                                                                                          \
    } while (0)

static void *vector_add(struct vector *vector, size_t size)
{
    if (vector->count == vector->room) {
        vector->room = vector->room == 0 ? 64 : vector->room * 2;
        vector->at = xr_mem_grow(vector->at, vector->room * size);
        XR_ASSERT(vector->at != NULL);
    }
    void *added = (char *)vector->at + vector->count++ * size;
    memset(added, 0, size);
    return added;
}

static struct tally_message *message_of(struct tally *tally, uint32_t writer, uint32_t serial)
{
    if (writer >= WRITERS_MAX || serial == 0 || serial > tally->writers[writer].messages.count)
        return NULL;
    return (struct tally_message *)tally->writers[writer].messages.at + (serial - 1);
}

static struct tally_session *session_of(struct tally *tally, uint64_t id)
{
    XR_ASSERT(id != 0);
    while (tally->sessions.count < id)
        (void)vector_add(&tally->sessions, sizeof(struct tally_session));
    return (struct tally_session *)tally->sessions.at + (id - 1);
}

void tally_init(struct tally *tally)
{
    *tally = (struct tally){.talks = true};
}

void tally_fini(struct tally *tally)
{
    for (size_t i = 0; i < tally->sessions.count; i++)
        xr_mem_free(((struct tally_session *)tally->sessions.at)[i].told.at);
    for (size_t i = 0; i < WRITERS_MAX; i++) {
        xr_mem_free(tally->writers[i].messages.at);
        xr_mem_free(tally->writers[i].feed.at);
    }
    xr_mem_free(tally->sessions.at);
    xr_mem_free(tally->truth.at);
    *tally = (struct tally){0};
}

void tally_hire(struct tally *tally, uint32_t writer, uint32_t agent, enum xr_role role)
{
    XR_ASSERT(writer < WRITERS_MAX);
    tally->writers[writer].agent = agent;
    tally->writers[writer].role = role;
}

/* ---- texts ----------------------------------------------------------------------------------- */

void tally_write_text(char *out, size_t room, uint32_t writer, uint32_t serial)
{
    (void)snprintf(out, room, "%" PRIu32 "-%" PRIu32 " ", writer, serial);
}

void tally_read_text(struct xr_str text, uint32_t *writer, uint32_t *serial)
{
    char copy[24] = {0};
    memcpy(copy, text.at, text.size < sizeof(copy) - 1 ? text.size : sizeof(copy) - 1);
    if (sscanf(copy, "%" SCNu32 "-%" SCNu32 " ", writer, serial) == 2)
        return;
    *writer = WRITER_UNKNOWN;
    *serial = 0;
}

/* ---- sent and answered ----------------------------------------------------------------------- */

static void note_sent(struct tally *tally, uint32_t writer, const struct entry *entry)
{
    struct tally_message *m = message_of(tally, writer, entry->serial);
    if (m == NULL) {
        XR_ASSERT(entry->serial == tally->writers[writer].messages.count + 1);
        m = vector_add(&tally->writers[writer].messages, sizeof(*m));
        tally->verdict.sent++;
    }
    m->state = ENTRY_SENT;
}

static void note_answer(struct tally *tally, uint32_t writer, const struct entry *entry)
{
    struct tally_message *m = message_of(tally, writer, entry->serial);
    if (m == NULL || m->state != ENTRY_SENT) {
        FAULT(tally, doubled, "writer %u message %u was answered twice", writer, entry->serial);
        return;
    }
    m->state = (enum entry_kind)entry->kind;
    m->session = entry->session;
    m->number = entry->number;
    m->seq = entry->seq;
    tally->verdict.acknowledged += entry->kind == ENTRY_DONE;
    tally->verdict.refused += entry->kind == ENTRY_REFUSED;
    tally->verdict.kept += entry->kind == ENTRY_KEPT;
}

/* ---- updates --------------------------------------------------------------------------------- */

static uint64_t digest_of(const struct entry *entry)
{
    const uint64_t parts[] = {entry->kind,   entry->session, entry->number, entry->writer,
                              entry->serial, entry->agent,   entry->from,   entry->bridge};
    uint64_t digest = 0;
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        digest = (digest ^ parts[i]) * UINT64_C(0xbf58476d1ce4e5b9);
        digest ^= digest >> 29;
    }
    return digest;
}

static uint32_t mask_of(const struct tally *tally, uint32_t agent)
{
    for (uint32_t i = 1; i < WRITERS_MAX && agent != 0; i++)
        if (tally->writers[i].agent == agent)
            return UINT32_C(1) << i;
    return 0;
}

static void note_told(struct tally *tally, struct tally_session *session, const struct entry *entry)
{
    if (entry->number != session->told.count + 1)
        FAULT(tally, gaps, "session %" PRIu64 ": the supervisor was told %u behind %zu",
              entry->session, entry->number, session->told.count);
    struct tally_told *told = vector_add(&session->told, sizeof(*told));
    *told =
        (struct tally_told){.seq = entry->seq, .writer = entry->writer, .serial = entry->serial};
}

/* The supervisor's feed tells who has a session, and so who must be told the same. */
static void note_truth(struct tally *tally, const struct entry *entry)
{
    struct tally_session *session = session_of(tally, entry->session);
    uint32_t readers = 0;
    if (entry->kind == ENTRY_CHANGE) {
        session->owner = entry->agent;
        session->bridge = entry->bridge;
        readers = mask_of(tally, entry->agent) | mask_of(tally, entry->from) |
                  mask_of(tally, entry->bridge);
    } else {
        note_told(tally, session, entry);
        readers = mask_of(tally, session->owner);
        if (entry->agent != 0)
            readers |= mask_of(tally, session->bridge);
    }
    struct tally_truth *truth = vector_add(&tally->truth, sizeof(*truth));
    *truth = (struct tally_truth){.update = {entry->seq, digest_of(entry)}, .readers = readers};
}

static bool has_update(const struct tally_writer *writer, uint64_t seq)
{
    const struct tally_update *feed = writer->feed.at;
    for (size_t i = writer->feed.count; i-- > 0 && feed[i].seq >= seq;)
        if (feed[i].seq == seq)
            return true;
    return false;
}

static void note_update(struct tally *tally, uint32_t number, const struct entry *entry)
{
    struct tally_writer *writer = &tally->writers[number];
    tally->verdict.pushed++;
    if (entry->seq <= writer->seq_last) {
        if (entry->seq == writer->seq_last || has_update(writer, entry->seq))
            FAULT(tally, doubled, "writer %u: update %" PRIu64 " again", number, entry->seq);
        else
            FAULT(tally, reordered, "writer %u: update %" PRIu64 " behind %" PRIu64, number,
                  entry->seq, writer->seq_last);
        return;
    }
    writer->seq_last = entry->seq;
    if (entry->kind == ENTRY_OTHER)
        return;
    if (number == 0)
        note_truth(tally, entry);
    struct tally_update *update = vector_add(&writer->feed, sizeof(*update));
    *update = (struct tally_update){entry->seq, digest_of(entry)};
}

void tally_note(struct tally *tally, uint32_t writer, const struct entry *entry)
{
    XR_ASSERT(writer < WRITERS_MAX);
    switch ((enum entry_kind)entry->kind) {
    case ENTRY_BEGAN:
        tally->writers[writer].began = entry->seq;
        tally->writers[writer].seq_last = entry->seq;
        break;
    case ENTRY_SENT:
        note_sent(tally, writer, entry);
        break;
    case ENTRY_DONE:
    case ENTRY_REFUSED:
    case ENTRY_KEPT:
    case ENTRY_AGAIN:
        note_answer(tally, writer, entry);
        break;
    case ENTRY_MESSAGE:
    case ENTRY_CHANGE:
    case ENTRY_OTHER:
        note_update(tally, writer, entry);
        break;
    case ENTRY_RESYNC:
        FAULT(tally, gaps,
              "writer %u: the feed was begun anew at %" PRIu64 ", last update %" PRIu64
              ", cursor %" PRIu64 ", head at log-in %" PRIu64,
              writer, entry->seq, tally->writers[writer].seq_last, entry->counter, entry->session);
        break;
    }
}

/* ---- histories ------------------------------------------------------------------------------- */

uint32_t tally_rows(const struct tally *tally, uint64_t session)
{
    return ((const struct tally_session *)tally->sessions.at)[session - 1].read;
}

uint64_t tally_sessions(const struct tally *tally)
{
    return tally->sessions.count;
}

/* It is stored where and as the supervisor was told. */
static uint64_t compare_told(struct tally *tally, const struct tally_session *session, uint64_t id,
                             uint32_t number, uint32_t writer, uint32_t serial)
{
    if (number == 0 || number > session->told.count) {
        FAULT(tally, gaps, "session %" PRIu64 ": the supervisor was not told %u", id, number);
        return 0;
    }
    const struct tally_told *told = (const struct tally_told *)session->told.at + (number - 1);
    if (told->writer != writer || told->serial != serial)
        FAULT(tally, reordered, "session %" PRIu64 ": %u is %u-%u, told was %u-%u", id, number,
              writer, serial, told->writer, told->serial);
    return told->seq;
}

static void compare_order(struct tally *tally, struct tally_session *session, uint64_t id,
                          uint32_t writer, uint32_t serial)
{
    if (serial < session->serial_last[writer])
        FAULT(tally, reordered, "session %" PRIu64 ": writer %u: %u behind %u", id, writer, serial,
              session->serial_last[writer]);
    session->serial_last[writer] = serial;
}

void tally_row(struct tally *tally, uint64_t id, uint32_t number, uint32_t writer, uint32_t serial)
{
    struct tally_session *session = session_of(tally, id);
    struct tally_message *m = message_of(tally, writer, serial);
    tally->verdict.stored++;
    if (number != session->read + 1)
        FAULT(tally, gaps, "session %" PRIu64 ": number %u behind %u", id, number, session->read);
    session->read = number;
    const uint64_t seq = compare_told(tally, session, id, number, writer, serial);
    if (m == NULL) {
        FAULT(tally, invented, "session %" PRIu64 ": %u was never sent", id, number);
        return;
    }
    compare_order(tally, session, id, writer, serial);
    if (++m->stored > 1) {
        FAULT(tally, doubled, "%u-%u is in session %" PRIu64 " as %u and in %" PRIu64 " as %u",
              writer, serial, m->stored_session, m->stored_number, id, number);
        return;
    }
    m->stored_session = id;
    m->stored_number = number;
    m->stored_seq = seq;
}

/* ---- the verdict ----------------------------------------------------------------------------- */

/* Each update that was for this writer, and no other. */
static void judge_feed(struct tally *tally, uint32_t number, uint64_t head)
{
    struct tally_writer *writer = &tally->writers[number];
    const struct tally_truth *truth = tally->truth.at;
    const struct tally_update *feed = writer->feed.at;
    size_t next = writer->feed_judged;
    for (size_t i = tally->truth_judged; i < tally->truth.count && truth[i].update.seq <= head;
         i++) {
        const struct tally_update *due = &truth[i].update;
        if (!(truth[i].readers >> number & 1) || due->seq <= writer->began)
            continue;
        for (; next < writer->feed.count && feed[next].seq < due->seq; next++)
            FAULT(tally, invented, "writer %u: update %" PRIu64 " was not for it", number,
                  feed[next].seq);
        if (next == writer->feed.count || feed[next].seq != due->seq) {
            FAULT(tally, gaps, "writer %u: update %" PRIu64 " did not come", number, due->seq);
            continue;
        }
        if (feed[next].digest != due->digest)
            FAULT(tally, reordered, "writer %u: update %" PRIu64 " is another", number, due->seq);
        next++;
    }
    for (; next < writer->feed.count && feed[next].seq <= head; next++)
        FAULT(tally, invented, "writer %u: update %" PRIu64 " was not for it", number,
              feed[next].seq);
    writer->feed_judged = next;
}

static void judge_done(struct tally *tally, uint32_t writer, uint32_t serial,
                       const struct tally_message *m)
{
    if (m->stored == 0)
        FAULT(tally, lost, "%u-%u, acknowledged as %u of session %" PRIu64, writer, serial,
              m->number, m->session);
    else if (m->stored_session != m->session || m->stored_number != m->number)
        FAULT(tally, lost,
              "%u-%u, acknowledged as %u of session %" PRIu64 ", is %u of session %" PRIu64, writer,
              serial, m->number, m->session, m->stored_number, m->stored_session);
    else if (m->stored_seq != m->seq)
        FAULT(tally, reordered, "%u-%u, acknowledged at %" PRIu64 ", told at %" PRIu64, writer,
              serial, m->seq, m->stored_seq);
}

static void judge_message(struct tally *tally, uint32_t writer, uint32_t serial)
{
    const struct tally_message *m = message_of(tally, writer, serial);
    switch (m->state) {
    case ENTRY_DONE:
        judge_done(tally, writer, serial, m);
        break;
    case ENTRY_REFUSED:
        if (m->stored > 0)
            FAULT(tally, invented, "%u-%u was refused with code %u and is stored", writer, serial,
                  m->number);
        break;
    case ENTRY_KEPT: /* an agent's may have been refused: its session was gone */
        if (m->stored == 0 && tally->writers[writer].role == XR_role_BRIDGE)
            FAULT(tally, lost, "%u-%u, which the counter had accepted", writer, serial);
        break;
    default:
        FAULT(tally, unanswered, "%u-%u", writer, serial);
    }
}

void tally_judge(struct tally *tally, uint64_t head)
{
    for (uint32_t i = 1; i < WRITERS_MAX; i++) {
        struct tally_writer *writer = &tally->writers[i];
        if (writer->agent == 0)
            continue;
        judge_feed(tally, i, head);
        while (writer->settled < writer->messages.count)
            judge_message(tally, i, (uint32_t)++writer->settled);
    }
    for (uint64_t i = 1; i <= tally->sessions.count; i++) {
        const struct tally_session *session = session_of(tally, i);
        for (size_t n = session->read; n < session->told.count; n++)
            FAULT(tally, lost, "session %" PRIu64 ": %zu was told and is not stored", i, n + 1);
    }
    const struct tally_truth *truth = tally->truth.at;
    while (tally->truth_judged < tally->truth.count &&
           truth[tally->truth_judged].update.seq <= head)
        tally->truth_judged++;
}

uint64_t tally_faults(const struct tally_verdict *verdict)
{
    return verdict->lost + verdict->doubled + verdict->reordered + verdict->gaps +
           verdict->invented + verdict->unanswered;
}
