/*
 * A real xiaoerd in a directory of its own, and clients of it that are nothing but a socket
 * (raw.h): for tests of everything between the wire and the store.
 */
#ifndef XR_TESTS_SERVED_H
#define XR_TESTS_SERVED_H

#include <sys/types.h>

#include "gate/sp.h"
#include "support/raw.h"

#define SERVED_PASSWORD "correct horse battery" /* of the owner "owner" */
#define SERVED_FLOOR    "demo"
#define SERVED_ARGS_MAX 24

struct served {
    const char *args[SERVED_ARGS_MAX]; /* set before served_start: more options, NULL ends */
    char directory[64];
    char tcp[XR_SP_ADDRESS_MAX];
    char ipc[XR_SP_ADDRESS_MAX];
    pid_t pid; /* 0: not running */
};

/* Make the directory; removed by served_fini, which also stops the server. */
void served_init(struct served *served);
void served_fini(struct served *served);

/* Start it and wait until it is ready; fails the test. */
void served_start(struct served *served);
/* Start it with these very arguments; returns its exit code. For what must not start. */
int served_refused(struct served *served, const char *const *args);
/* SIGTERM; it must end with 0: under a sanitizer, without a leak. */
void served_stop(struct served *served);
/* kill -9. */
void served_kill(struct served *served);
/* A figure of SIGUSR1. */
uint64_t served_metric(struct served *served, const char *name);

/* ---- clients ---- */

struct guest {
    struct raw raw;
    struct xr_arena *arena; /* what was received; grows until guest_close */
    struct xr_welcome welcome;
    uint8_t token[XR_TOKEN_BYTES];
    uint64_t counter; /* of the last command sent */
};

/* Connect; `over_tcp`, else by the Unix socket. */
void guest_open(struct guest *guest, const struct served *served, bool over_tcp);
void guest_close(struct guest *guest);
/* Say hello and return the type of the answer; welcome is kept. */
enum xr_type guest_hello(struct guest *guest, const struct xr_hello *hello);
/* Log in with a password; feed from now on or not. Fails the test. */
void guest_login(struct guest *guest, const struct served *served, const char *login,
                 const char *password, bool feed);
/* Log in with the token of another guest; `cursor` NULL: what is new. */
void guest_return(struct guest *guest, const struct served *served, const struct guest *before,
                  bool feed, const uint64_t *cursor);

/* Send a command with the next counter; returns the counter. */
uint64_t guest_send(struct guest *guest, enum xr_type type, const void *command);
/* Skip updates and markers up to the next answer, which must be to `ref`; returns its type. */
enum xr_type guest_answer(struct guest *guest, uint64_t ref, const void **answer);
/* Send and expect `done`. */
const struct xr_done *guest_do(struct guest *guest, enum xr_type type, const void *command);
/* Send and expect an error. */
enum xr_code guest_refused(struct guest *guest, enum xr_type type, const void *command);
/* The next update of that type; others are skipped. */
const void *guest_update(struct guest *guest, enum xr_type type);

/* An account made by the owner. */
struct xr_agent_id guest_hire(struct guest *owner, const char *login, enum xr_role role);

#endif
