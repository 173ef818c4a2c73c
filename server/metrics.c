#include "metrics.h"

#include "base/log.h"
#include "engine/engine.h"
#include "store/store.h"

static void write_one(const char *name, uint64_t value, const char *unit)
{
    xr_log_line(XR_LOG_INFO, "metric", "name=%s value=%llu unit=\"%s\"", name,
                (unsigned long long)value, unit);
}

static void write_engine(struct xr_engine *engine)
{
    struct xr_engine_figures figures;
    xr_engine_figures(engine, &figures);
    write_one("engine_batches", figures.batches, "batches");
    write_one("engine_events", figures.events, "events");
    write_one("engine_log_bytes", figures.log_bytes, "bytes");
    write_one("engine_commit_ns_sum", figures.commit_ns_sum, "ns");
    write_one("engine_commit_ns_max", figures.commit_ns_max, "ns");
    write_one("engine_step_ns_sum", figures.step_ns_sum, "ns");
    write_one("engine_batch_events_max", figures.batch_events_max, "events");
    write_one("engine_queued", figures.queued, "now");
    write_one("engine_read_only", figures.read_only, "now");
}

static void write_store(struct xr_store *store)
{
    struct xr_store_figures figures;
    xr_store_figures(store, &figures);
    write_one("store_used_bytes", figures.used_bytes, "bytes");
    write_one("store_map_bytes", figures.map_bytes, "bytes");
    write_one("store_free_bytes", figures.free_bytes, "bytes");
    write_one("store_readers", figures.readers, "now");
}

void xr_metrics_write(const struct xr_metrics *metrics, struct xr_engine *engine,
                      struct xr_store *store)
{
#define XR_METRIC(name, unit, help) write_one(#name, metrics->name, unit);
#include "metrics.def"
#undef XR_METRIC
    write_engine(engine);
    write_store(store);
}
