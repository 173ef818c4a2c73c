/* Walking a store that is open read-only: what check, backup and restore share. */
#ifndef XR_CLIENT_CLI_CHECK_H
#define XR_CLIENT_CLI_CHECK_H

#include "cli.h"
#include "store/store.h"

struct xr_cli_checked {
    size_t floors;
    uint64_t broken;   /* rules; each was printed */
    uint64_t batch_no; /* the last of the log */
};

/* Check every floor and the log; `deep`: also each message, each chain, each batch. */
void xr_cli_check_reader(const struct xr_cli *cli, struct xr_reader *reader, bool deep,
                         struct xr_cli_checked *out);

#endif
