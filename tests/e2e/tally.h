/*
 * The judge of the kill rounds: what clients wrote down, what the supervisor's feed told, what the
 * histories hold, compared. Pure, one thread, works in steps: it is asked whenever all is quiet,
 * and looks only at what is new since.
 *
 * A message is known by who wrote it and that writer's serial number; both are part of its text. A
 * writer is a client of this test, numbered from 0; writer 0 is the supervisor, who writes nothing
 * and sees everything: its feed says who owned which session at each position of the journal, and
 * so which update was for whom. The histories say whether that feed is right.
 *
 *     lost       acknowledged and not in the history, or not as acknowledged
 *     doubled    in the history twice, or an update twice in one feed
 *     reordered  against the order of its writer, or an update behind a later one
 *     gaps       a number left out in a session, an update left out in a feed, a feed begun anew
 *     invented   stored or pushed, and never sent, or refused, or for somebody else
 *     unanswered sent, and nobody knows
 */
#ifndef XR_TESTS_E2E_TALLY_H
#define XR_TESTS_E2E_TALLY_H

#include "proto/wire.h"

#define WRITERS_MAX    16
#define WRITER_UNKNOWN UINT32_MAX

/* What a client writes down, in memory or in the file that outlives it. */
enum entry_kind {
    ENTRY_BEGAN = 1, /* the feed begins after `seq` */
    ENTRY_SENT,      /* `serial` goes out, to `session` (0: opens one), under `counter` */
    ENTRY_DONE,      /* acknowledged: `serial`, `session`, `number`, `seq` */
    ENTRY_REFUSED,   /* `serial`, `number`: the code */
    ENTRY_KEPT,      /* no answer came, and the server's counter says that it has it */
    ENTRY_AGAIN,     /* no answer came, and the counter says that it has not: it will be sent */
    ENTRY_MESSAGE,   /* update: `seq`, `session`, `number`, `writer`, `serial`, `agent` wrote it */
    ENTRY_CHANGE,    /* update: `seq`, `session`, `agent` owns it now, `from`, `bridge` */
    ENTRY_OTHER,     /* update: `seq` */
    ENTRY_RESYNC,
};

struct entry {
    uint32_t kind;
    uint32_t serial;
    uint64_t session;
    uint64_t seq;
    uint64_t counter;
    uint32_t number;
    uint32_t writer;
    uint32_t agent;
    uint32_t from;
    uint32_t bridge;
    uint32_t buyer; /* SENT: of an open */
};

/* An array that grows. */
struct vector {
    void *at;
    size_t count;
    size_t room;
};

struct tally_message {
    uint64_t session; /* as acknowledged */
    uint64_t seq;
    uint32_t number;
    enum entry_kind state; /* SENT, DONE, REFUSED, KEPT, AGAIN */
    uint64_t stored_session;
    uint64_t stored_seq;
    uint32_t stored_number;
    uint32_t stored; /* times in the histories */
};

struct tally_writer {
    uint32_t agent; /* account; 0: the writer is not used */
    enum xr_role role;
    uint64_t began;
    uint64_t seq_last;
    struct vector messages; /* struct tally_message, by serial - 1 */
    struct vector feed;     /* struct tally_update: messages and changes of sessions */
    size_t feed_judged;
    size_t settled; /* messages that were judged */
};

struct tally_session {
    uint32_t owner;
    uint32_t bridge;
    struct vector told;                /* struct tally_told, by number - 1 */
    uint32_t read;                     /* rows of the history */
    uint32_t serial_last[WRITERS_MAX]; /* in the history */
};

struct tally_verdict {
    uint64_t sent;
    uint64_t acknowledged;
    uint64_t refused;
    uint64_t kept;   /* decided by the counter */
    uint64_t stored; /* rows of histories */
    uint64_t pushed; /* updates taken, over all feeds */
    uint64_t lost;
    uint64_t doubled;
    uint64_t reordered;
    uint64_t gaps;
    uint64_t invented;
    uint64_t unanswered;
};

struct tally {
    struct tally_writer writers[WRITERS_MAX];
    struct vector sessions; /* struct tally_session, by id - 1 */
    struct vector truth;    /* struct tally_truth: of the supervisor's feed */
    size_t truth_judged;
    struct tally_verdict verdict;
    bool talks; /* each fault is a line on stderr */
};

void tally_init(struct tally *tally);
void tally_fini(struct tally *tally);

/* A writer and its account. Writer 0 first. */
void tally_hire(struct tally *tally, uint32_t writer, uint32_t agent, enum xr_role role);

/* What a writer wrote down, in its order. */
void tally_note(struct tally *tally, uint32_t writer, const struct entry *entry);

/* The next row of a session's history. */
void tally_row(struct tally *tally, uint64_t session, uint32_t number, uint32_t writer,
               uint32_t serial);
/* Rows read so far. */
uint32_t tally_rows(const struct tally *tally, uint64_t session);
uint64_t tally_sessions(const struct tally *tally);

/* All is quiet, all feeds have reached `head`, all histories are read: compare, and the feeds up to
 * `head`. */
void tally_judge(struct tally *tally, uint64_t head);

/* Of the verdict: faults of any kind. */
uint64_t tally_faults(const struct tally_verdict *verdict);

/* The text of a message begins with this; `room` ≥ 24. */
void tally_write_text(char *out, size_t room, uint32_t writer, uint32_t serial);
/* WRITER_UNKNOWN where it is none of ours. */
void tally_read_text(struct xr_str text, uint32_t *writer, uint32_t *serial);

#endif
