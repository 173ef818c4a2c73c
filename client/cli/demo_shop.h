/*
 * The demo's shop: its accounts, its buyers, and what they say, read from the files that ship with
 * the project (deploy/demo/floor.json, chats.json), and the passwords and tokens kept in the data
 * folder (accounts.json, mode 0600).
 *
 * Texts belong to the shop. Functions tell what went wrong on stderr and return an exit code.
 */
#ifndef XR_CLIENT_CLI_DEMO_SHOP_H
#define XR_CLIENT_CLI_DEMO_SHOP_H

#include "crew.h"

#define XR_DEMO_CHATS_MAX   256
#define XR_DEMO_BUYERS_MAX  256
#define XR_DEMO_MEMBERS_MAX 32

struct xr_demo_line {
    bool is_buyer;
    const char *text;
};

/* One chat, line by line. */
struct xr_demo_chat {
    const char *group;
    const char *buyer; /* nick of the only one who has this chat; NULL: any */
    const char *tag;   /* that the agent sets; NULL: none */
    const char *note;  /* that the agent writes; NULL: none */
    enum xr_queue_class klass;
    struct xr_demo_line *lines;
    size_t count;
};

struct xr_demo_shop {
    json_t *floor; /* floor.json */
    json_t *texts; /* chats.json */
    struct xr_demo_chat chats[XR_DEMO_CHATS_MAX];
    size_t chat_count;
    const char *buyers[XR_DEMO_BUYERS_MAX]; /* nicks */
    size_t buyer_count;
    /* The bridge, then the answering agents, then those that are not connected: the supervisor and
     * the guest, the agent that is free for the reader. */
    struct xr_crew_member members[XR_DEMO_MEMBERS_MAX];
    size_t connected_count;
    size_t member_count;
    bool is_founded; /* the accounts are on the server */
};

/* Read the two files of folder `texts`. */
int xr_demo_shop_load(struct xr_demo_shop *shop, const char *texts);
void xr_demo_shop_free(struct xr_demo_shop *shop); /* zeroed is fine */

/* Read passwords and tokens from `path`; draw them where there is no such file. */
int xr_demo_shop_keys(struct xr_demo_shop *shop, const char *path);
/* Write them, whole or not at all. */
int xr_demo_shop_save(const struct xr_demo_shop *shop, const char *path);

/* As the owner: create the groups and accounts that are not there. */
int xr_demo_shop_found(const struct xr_cli *cli, struct xr_demo_shop *shop,
                       struct xr_client *owner);

struct xr_crew_member *xr_demo_bridge(struct xr_demo_shop *shop);
struct xr_crew_member *xr_demo_supervisor(struct xr_demo_shop *shop);
struct xr_crew_member *xr_demo_guest(struct xr_demo_shop *shop);

#endif
