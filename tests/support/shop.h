/*
 * A shop for tests and measurements of the engine: a store in a directory of its own, an engine on
 * it, and seats, each a logged-in client without a socket. Any thread may use a seat, one at a
 * time; outcomes are taken in on the floor thread and counted by seat.
 */
#ifndef XR_TESTS_SHOP_H
#define XR_TESTS_SHOP_H

#include "engine/engine.h"
#include "store/store.h"

#include <pthread.h>

#define SHOP_SEATS 64

/* What has come back to a connection. Read under the shop's lock, or with shop_wait. */
struct shop_seat {
    uint32_t number; /* place in the shop */
    uint64_t origin; /* 0: never logged in */
    struct xr_agent_id agent;
    struct xr_device_id device;
    uint64_t counter;       /* of the last command sent */
    uint64_t answered;      /* REPLY effects */
    uint64_t last_ref;      /* of the last one */
    bool in_order;          /* refs came as 1, 2, 3… since the log-in */
    uint64_t errors;        /* of the answers */
    enum xr_code last_code; /* of the last error */
    struct xr_done last;    /* the last `done` */
    uint64_t verifies;      /* VERIFY effects */
    uint64_t welcomes;      /* ATTACH effects */
};

struct shop {
    /* set before shop_open, as wanted */
    uint64_t map_bytes;
    uint64_t reserve_bytes;
    bool relaxed;
    size_t queue_max;
    uint64_t log_bytes_max;
    const char *at; /* parent directory; NULL: /tmp */
    /* on the floor thread, before the outcome is taken in */
    void (*on_outcome)(struct shop *shop, const struct xr_outcome *outcome);
    void *context;

    char directory[128];
    struct xr_store *store;
    struct xr_engine *engine;
    uint32_t floor;
    uint64_t starts;

    pthread_mutex_t lock;
    pthread_cond_t news;
    struct shop_seat seats[SHOP_SEATS];
    uint64_t outcomes;
    uint64_t pushes;
    uint64_t last_batch;
    bool is_read_only;
    uint64_t read_only_turns; /* times that it changed */
};

/* Make the directory. shop_close deletes it. */
void shop_open(struct shop *shop);
void shop_close(struct shop *shop);

/* Open the store and start the engine; the first time, found the floor "shop" owned by "boss". */
void shop_start(struct shop *shop);
enum xr_status shop_try_start(struct shop *shop);
void shop_stop(struct shop *shop);

/* An event of the server for the floor; `origin` of the seat, where it is not NULL. */
void shop_tell(struct shop *shop, const struct shop_seat *seat, enum xr_type type,
               const void *message);
/* A command, with the next counter. Returns the counter. Spins where the queue is full. */
uint64_t shop_send(struct shop *shop, struct shop_seat *seat, enum xr_type type,
                   const void *message);
/* The same with a counter of the caller's choice. XR_BUSY: not taken. */
enum xr_status shop_try_send(struct shop *shop, struct shop_seat *seat, uint64_t counter,
                             enum xr_type type, const void *message);

/* Log in with the password (never checked here) on a new connection and a new device. */
struct shop_seat *shop_login(struct shop *shop, uint32_t seat, const char *login);

/* Wait until so many answers have come in. Returns the last `done`, or fails the test where the
 * last answer was an error. */
void shop_wait(struct shop *shop, const struct shop_seat *seat, uint64_t answers);
struct xr_done shop_done(struct shop *shop, struct shop_seat *seat, enum xr_type type,
                         const void *message);
/* Wait until `fact` holds; it is called under the lock, after each outcome. */
void shop_wait_for(struct shop *shop, bool (*fact)(const struct shop *shop, void *context),
                   void *context);

/* An account of that login; weight 100, the default group. */
struct xr_agent_id shop_account(struct shop *shop, struct shop_seat *boss, const char *login,
                                enum xr_role role);
/* A session of a buyer of that name. */
struct xr_session_id shop_session(struct shop *shop, struct shop_seat *bridge, const char *buyer);
/* A message of the buyer. `done` follows half a window behind. Returns the counter. */
uint64_t shop_say(struct shop *shop, struct shop_seat *seat, struct xr_session_id session,
                  struct xr_str text);

/* An on_outcome: between two batches, what is in memory must be what the tables say. */
void shop_expect_index(struct shop *shop, const struct xr_outcome *outcome);

#endif
