/*
 * A worker in a process of its own, to be killed at any moment. It writes its entries to a file
 * before it acts on them, and the next life reads that file: its cursor, its buyers' sessions, and
 * what it had sent and not seen answered, which the counter of `welcome` decides.
 *
 * Over its output it says 'r' once it is logged in and 'i' once it is idle; its input tells it 'q',
 * to become idle, and 'e', to end when its feed has reached the newest update.
 */
#ifndef XR_TESTS_E2E_CHILD_H
#define XR_TESTS_E2E_CHILD_H

#include <sys/types.h>

#include "e2e/worker.h"

struct child {
    /* set by the caller */
    uint32_t number;
    enum xr_role role;
    const char *address;
    const char *directory;
    uint32_t buyer_count;
    uint32_t colleagues[COLLEAGUES_MAX];
    uint32_t colleague_count;

    /* the child's */
    pid_t pid; /* 0: not running */
    int to;
    int from;
    bool is_ready;
    bool is_idle;
    off_t read; /* bytes of the file that were handed on */
};

/* Write what a first life needs: the token, and where the feed begins. */
void child_found(struct child *child, const uint8_t token[XR_TOKEN_BYTES], uint64_t cursor);

void child_start(struct child *child, uint64_t seed, uint32_t window);
/* Take what it says; does not wait. False: it has ended. */
bool child_listen(struct child *child);
void child_tell(const struct child *child, char what);
/* kill -9. */
void child_kill(struct child *child);
/* It has been told to end: its exit code. */
int child_wait(struct child *child);
/* Hand its entries on, those that were not yet. */
void child_read(struct child *child, struct tally *tally);

/* The program of the child; returns its exit code. */
int child_main(int argc, char **argv);

#endif
