/*
 * A client of the kill rounds, by libxiaoer: the supervisor, who only watches, a bridge that keeps
 * a number of commands under way for its buyers, or an agent that answers, hands over and closes.
 * It writes down each thing before it does the next (tally.h), in memory or in a file, so that what
 * it has written down is true whenever it dies. One thread. It never gives up: it comes again by
 * itself when the server is gone.
 */
#ifndef XR_TESTS_E2E_WORKER_H
#define XR_TESTS_E2E_WORKER_H

#include <xiaoer/client.h>

#include "e2e/tally.h"

#define BUYERS_MAX     64
#define COLLEAGUES_MAX 16
#define UNDER_WAY_MAX  2048 /* a power of two, above what the library takes */

struct worker;
typedef void (*worker_note_fn)(void *context, const struct worker *worker,
                               const struct entry *entry);

struct worker_buyer {
    uint64_t session; /* 0: not opened yet */
    bool opening;
};

/* A command that was sent, by its ref. */
struct worker_command {
    uint64_t ref;
    uint32_t serial; /* 0: it writes no message */
    uint32_t buyer;  /* of an open: number + 1; else 0 */
};

struct worker {
    /* set by the caller */
    uint32_t number; /* as a writer */
    enum xr_role role;
    const char *login; /* with `password`, where there is no token */
    const char *password;
    uint8_t token[XR_TOKEN_BYTES];
    bool has_token;
    bool resume; /* the feed after `cursor` */
    uint64_t cursor;
    uint32_t window;      /* commands under way */
    uint32_t buyer_count; /* of a bridge */
    struct worker_buyer buyers[BUYERS_MAX];
    uint32_t colleagues[COLLEAGUES_MAX]; /* accounts that an agent hands over to */
    uint32_t colleague_count;
    uint32_t serial; /* of the last message */
    uint64_t random;
    bool is_quiet;            /* sends nothing new */
    struct vector unanswered; /* struct entry SENT, of an earlier life: the counter decides; AGAIN:
                                 it has decided */
    struct vector again;      /* struct entry SENT: to be sent first */
    worker_note_fn note;
    void *context;

    /* the worker's */
    struct xr_client *client;
    struct xr_welcome welcome; /* its texts are gone */
    uint64_t lives;            /* times logged in */
    uint64_t counter;          /* of the last command, while it is sent for the first time */
    struct worker_command under_way[UNDER_WAY_MAX];
    uint64_t answers;
    uint64_t asked_ref; /* of worker_ask */
    enum xr_type answer_type;
    const void *answer; /* until the next turn */
};

void worker_start(struct worker *worker, const char *address);
/* End without a word. */
void worker_drop(struct worker *worker);
void worker_fini(struct worker *worker);

/* Receive, write down, send what there is to send. */
void worker_turn(struct worker *worker);

bool worker_is_ready(const struct worker *worker);
/* Logged in, and every command has its answer. */
bool worker_is_idle(const struct worker *worker);

/* Send and wait, turning this worker alone; the answer lives until the next turn. */
const void *worker_ask(struct worker *worker, enum xr_type type, const void *message,
                       enum xr_type wanted);

/* Wait until each of them may have something to do, at most `wait_ms`. */
void workers_wait(struct worker *const *workers, size_t count, int wait_ms);

/* A number below `bound`, from the worker's seed. */
uint32_t draw_below(uint64_t *random, uint32_t bound);

/* Append to a vector of entries. */
void entries_add(struct vector *entries, const struct entry *entry);

#endif
