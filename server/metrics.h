/*
 * Counters of the gate, one line each in metrics.def. Written by the loop thread alone.
 */
#ifndef XR_METRICS_H
#define XR_METRICS_H

#include <stdint.h>

struct xr_metrics {
#define XR_METRIC(name, unit, help) uint64_t name;
#include "metrics.def"
#undef XR_METRIC
};

#endif
