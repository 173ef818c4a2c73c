/*
 * A crew: a number of accounts of one floor, each with a connection of its own, driven by one
 * thread. What `demo` and `bench` have in common: founding accounts as the owner, logging all of
 * them in, asking and waiting.
 *
 * Members are the caller's memory and stay in place while they are connected. Every function tells
 * what went wrong on stderr and returns an exit code (enum xr_cli_exit).
 */
#ifndef XR_CLIENT_CLI_CREW_H
#define XR_CLIENT_CLI_CREW_H

#include "cli.h"

#define XR_CREW_PASSWORD_SIZE 20 /* with its end */

struct xr_crew_member {
    char login[XR_LOGIN_MAX + 1];
    char name[XR_TITLE_MAX * 4 + 1];
    char password[XR_PASSWORD_MAX * 4 + 1];
    uint8_t token[XR_TOKEN_BYTES];
    bool has_token; /* it is used before the password */
    enum xr_role role;
    uint32_t groups[XR_GROUPS_PER_AGENT]; /* ids; none: the default group */
    uint32_t group_count;
    bool feed;             /* wants updates */
    struct xr_agent_id id; /* set by log-in */
    struct xr_client *client;
};

/* A fresh password: letters and digits that are not mistaken for each other. */
void xr_crew_password(char out[XR_CREW_PASSWORD_SIZE]);

/* Connect one member; the log-in goes on in turns. */
int xr_crew_begin(const struct xr_cli *cli, struct xr_crew_member *member);

/*
 * Connect those that are not, and wait until all are logged in; new tokens are kept in the members.
 * `label` is for the progress line.
 */
int xr_crew_sign_in(const struct xr_cli *cli, struct xr_crew_member *at, size_t count,
                    const char *label);

/* Say bye for all, wait shortly until it is sent, free. */
void xr_crew_sign_off(struct xr_crew_member *at, size_t count);

/*
 * Send on a connection that is logged in and wait for the answer, which lives until the next turn
 * of that client. Other events of the client are dropped. An `error` is not told: it is the answer.
 */
int xr_crew_ask(const struct xr_cli *cli, struct xr_client *client, enum xr_type type,
                const void *message, enum xr_type *answer_type, const void **answer);

/* The same, where anything but `done` is a failure to be told, `what` in front. */
int xr_crew_order(const struct xr_cli *cli, struct xr_client *client, enum xr_type type,
                  const void *message, const char *what);

/* The group of that name, made where it is missing. */
int xr_crew_group(const struct xr_cli *cli, struct xr_client *owner, const char *name,
                  const char *title, uint32_t *id);

/* Create the accounts that the floor does not have; the others stay as they are. */
int xr_crew_found(const struct xr_cli *cli, struct xr_client *owner,
                  const struct xr_crew_member *at, size_t count);

#endif
