/*
 * What a server could not beat, measured in the same run: a bare echo over nanomsg, and a bare LMDB
 * commit of as many bytes as a message leaves behind.
 */
#ifndef XR_CLIENT_CLI_BENCH_PROBE_H
#define XR_CLIENT_CLI_BENCH_PROBE_H

#include <sys/types.h>

#include "cli.h"

/* Rate and latencies of one measurement. */
struct xr_bench_figures {
    uint64_t count;
    double rate_per_s;
    double p50_ms;
    double p99_ms;
};

/* Latencies of single events. Beyond the room, each later one replaces an earlier one by chance, so
 * that what is kept stays a fair sample. */
struct xr_bench_samples {
    uint64_t *ns;
    size_t room;
    uint64_t count; /* seen */
};
bool xr_bench_samples_init(struct xr_bench_samples *samples, size_t room);
void xr_bench_samples_fini(struct xr_bench_samples *samples);
void xr_bench_samples_reset(struct xr_bench_samples *samples);
void xr_bench_samples_add(struct xr_bench_samples *samples, uint64_t ns);
/* Sorts; `spent_ns` is how long it took. */
struct xr_bench_figures xr_bench_samples_sum(struct xr_bench_samples *samples, uint64_t spent_ns);

uint64_t xr_bench_now_ns(void);

/*
 * Start a child process that echoes on `address`: a PAIR, because a raw REP drops what its peer
 * does not take at once. Before this process uses nanomsg: its thread does not survive a fork.
 * Returns its id, -1 where that failed (told on stderr).
 */
pid_t xr_bench_echo_start(const char *address);
void xr_bench_echo_stop(pid_t child);

/* Echoes of `bytes` bytes, `in_flight` at a time, for `ms` milliseconds. Exit code. */
int xr_bench_echo(const char *address, uint32_t in_flight, size_t bytes, uint64_t ms,
                  struct xr_bench_samples *samples, struct xr_bench_figures *out);

/*
 * Commits, in a fresh LMDB store in `directory`, of what `messages` messages of `text_bytes` leave
 * behind: the batch in the log, a row of the journal each, the records of their sessions, a device,
 * the floor. `ms` as above. `out` is per commit, not per message. Exit code.
 */
int xr_bench_commit(const char *directory, uint32_t messages, size_t text_bytes, uint64_t ms,
                    struct xr_bench_samples *samples, struct xr_bench_figures *out);

#endif
