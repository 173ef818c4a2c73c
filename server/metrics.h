/*
 * What the server counts: one line each in metrics.def, written by the loop's thread alone.
 */
#ifndef XR_METRICS_H
#define XR_METRICS_H

#include <stdint.h>

struct xr_metrics {
#define XR_METRIC(name, unit, help) uint64_t name;
#include "metrics.def"
#undef XR_METRIC
};

struct xr_engine;
struct xr_store;

/* Log every figure, one line each. */
void xr_metrics_write(const struct xr_metrics *metrics, struct xr_engine *engine,
                      struct xr_store *store);

#endif
