/*
 * A server of one's own: `xiaoerd` as a child in a fresh folder, killed and started again at will,
 * gone with its folder at the end.
 */
#ifndef XR_CLIENT_CLI_BENCH_SERVER_H
#define XR_CLIENT_CLI_BENCH_SERVER_H

#include <sys/types.h>

#include "cli.h"

struct xr_bench_server {
    char folder[512];  /* ours; empty: none */
    char data[600];    /* the server's */
    char address[600]; /* it listens there */
    char password[64]; /* of the account `owner` */
    bool over_tcp;
    pid_t child; /* 0: not running */
};

/* Make the folder below `parent`. Exit code. */
int xr_bench_server_init(struct xr_bench_server *server, const char *parent, bool over_tcp);
/* Start it; wait until it listens. Exit code. */
int xr_bench_server_start(struct xr_bench_server *server);
/* `signal` it and wait until it is gone. */
void xr_bench_server_stop(struct xr_bench_server *server, int signal);
/* Stop it, remove the folder. Zeroed is fine. */
void xr_bench_server_fini(struct xr_bench_server *server);
/* Seconds of processor time that it has used so far. */
double xr_bench_server_cpu_s(const struct xr_bench_server *server);

/* A port of loopback that was free a moment ago; 0: none. */
int xr_bench_free_port(void);

#endif
