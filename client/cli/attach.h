/* The inside of `attach`: what it knows, shared by attach.c (what comes) and orders.c (what the
 * person types). */
#ifndef XR_CLIENT_CLI_ATTACH_H
#define XR_CLIENT_CLI_ATTACH_H

#include "input.h"
#include "view.h"

#define XR_ATTACH_SESSIONS 64

/* One of my sessions. */
struct xr_attach_session {
    uint64_t id;
    uint64_t customer;
    char buyer[XR_BUYER_MAX * 4 + 1];
    char channel[XR_NAME_MAX * 4 + 1];
    uint32_t number;    /* last message shown */
    uint32_t unread;    /* of the buyer, since it was last the current one */
    int64_t waiting_ms; /* since when the buyer waits for an answer; 0: not */
    bool is_known;      /* its card and messages have been shown */
    bool is_asking;     /* its messages are asked for: what the feed brings is not shown twice */
    uint32_t missed;    /* the last that came meanwhile */
};

/* What an answer is waited for. */
enum xr_attach_what {
    XR_ATTACH_SAY,
    XR_ATTACH_BE,
    XR_ATTACH_CLOSE,
    XR_ATTACH_TRANSFER,
    XR_ATTACH_NOTE,
    XR_ATTACH_LIST,
    XR_ATTACH_HISTORY,
    XR_ATTACH_CARD,
};

struct xr_attach_pending {
    uint64_t ref;
    enum xr_attach_what what;
    uint64_t session;
    char *text; /* what was said */
};

struct xr_attach {
    struct xr_cli cli;
    struct xr_cli_link link;
    struct xr_cli_names names;
    struct xr_view view;
    struct xr_input input;
    struct xr_attach_session sessions[XR_ATTACH_SESSIONS];
    size_t session_count;
    uint64_t current; /* 0: none */
    enum xr_presence state;
    struct xr_attach_pending *pending;
    size_t pending_count;
    char *unsaid; /* what was refused because others had written; /again sends it */
    uint64_t unsaid_session;
    bool names_old;
    bool has_greeted;
    bool was_lost; /* the connection, and that was told */
    bool leaving;  /* /quit was typed with sessions open: once more is meant */
    bool quit;
    int64_t waits_until_ms; /* /wait: no line is carried out before a session is there */
    int64_t pause_until_ms; /* /sleep */
};

struct xr_attach_session *xr_attach_find(struct xr_attach *a, uint64_t session);
struct xr_attach_session *xr_attach_current(struct xr_attach *a);

/* Send; the answer is dealt with when it comes. `text` is copied; NULL: none. */
void xr_attach_send(struct xr_attach *a, enum xr_attach_what what, uint64_t session,
                    enum xr_type type, const void *message, const char *text);

/* Make `session` the current one and show what is new in it; 0: none. */
void xr_attach_go(struct xr_attach *a, uint64_t session);
/* The one whose buyer waits longest, else any, but not `except`; 0: none. */
uint64_t xr_attach_next(const struct xr_attach *a, uint64_t except);
void xr_attach_ask_history(struct xr_attach *a, uint64_t session, uint32_t from, uint32_t max);
void xr_attach_ask_card(struct xr_attach *a, const struct xr_attach_session *session);
void xr_attach_list(struct xr_attach *a);

/* A remark of the program itself, on a line of its own. */
void xr_attach_tell(struct xr_attach *a, enum xr_colour colour, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Carry out a line that was typed. */
void xr_attach_order(struct xr_attach *a, const char *line);

#endif
