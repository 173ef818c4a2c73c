/*
 * The demo's conversations: buyers come in, say their lines, are answered by the demo's agents line
 * by line, thank, and leave. Where a person has the session, the buyer waits for that person and
 * goes on after each reply.
 *
 * One struct for all of them; one thread. Time is the monotonic clock in ms, given by the caller.
 */
#ifndef XR_CLIENT_CLI_DEMO_TALK_H
#define XR_CLIENT_CLI_DEMO_TALK_H

#include "demo_shop.h"

#define XR_DEMO_TALKS_MAX 64

struct xr_demo_talk {
    bool is_used;
    const struct xr_demo_chat *chat;
    size_t buyer;      /* index in the shop's list */
    uint64_t open_ref; /* of the command that has no answer yet; 0: none */
    uint64_t say_ref;  /* of the buyer's line that has no answer yet; 0: none */
    uint64_t session;  /* 0: not known yet */
    uint64_t customer;
    uint32_t owner;  /* account; 0: queued */
    uint32_t notes;  /* that the customer has */
    size_t line;     /* the next one */
    int64_t due_ms;  /* when the next line is to be said */
    int64_t last_ms; /* of the last message */
    bool has_asked;  /* the buyer has asked whether anybody is there */
};

struct xr_demo_talks {
    struct xr_demo_shop *shop;
    double speed;    /* 1: as people write */
    size_t wanted;   /* conversations at a time */
    int64_t next_ms; /* the next buyer */
    struct xr_demo_talk at[XR_DEMO_TALKS_MAX];
    uint64_t opened;
    uint64_t closed;
    uint64_t messages;
    uint64_t refused; /* commands */
};

/* Take up the conversations that an earlier run has left open. Exit code. */
int xr_demo_talks_resume(const struct xr_cli *cli, struct xr_demo_talks *talks);

/* An event of a member's connection. */
void xr_demo_talks_event(struct xr_demo_talks *talks, const struct xr_crew_member *member,
                         const struct xr_client_event *event, int64_t now_ms);

/* Say what is due, let buyers in. */
void xr_demo_talks_turn(struct xr_demo_talks *talks, int64_t now_ms);

#endif
