#include "gate/ask.h"

#include <string.h>

#include "base/clock.h"
#include "store/store.h"

#define XR_ASK_ARENA_FIRST (16 * 1024)
#define XR_ASK_RETRY_MS    100

struct ask {
    struct xr_job job;
    struct xr_gate *gate;
    uint64_t origin;
    uint64_t ref;
    uint32_t floor;
    struct xr_asker who;
    enum xr_type type;
    struct xr_buf answer; /* a frame; empty: it failed */
    uint32_t body_size;
    uint8_t body[];
};

static void answer_with(struct ask *ask, enum xr_type type, const void *message)
{
    xr_frame_encode(&ask->answer, type, ask->ref, message);
    if (ask->answer.failed)
        xr_buf_reset(&ask->answer);
}

static void run_query(struct ask *ask, struct xr_tables *tables, struct xr_arena *arena)
{
    struct xr_wire_error error;
    const void *message;
    const void *answer = NULL;
    enum xr_type type = XR_TYPE_none;
    const struct xr_bin body = {ask->body, ask->body_size};
    if (xr_body_decode(ask->type, body, arena, &message, &error))
        return; /* it was valid on the loop: no memory */
    xr_floor_query(tables, &ask->who, ask->type, message, arena, &type, &answer);
    answer_with(ask, type, answer);
}

static void on_ask(struct xr_job *job)
{
    struct ask *ask = (struct ask *)job;
    struct xr_arena *arena = xr_arena_new(XR_ASK_ARENA_FIRST);
    struct xr_reader *reader;
    if (arena && xr_reader_open(ask->gate->options.store, &reader) == XR_OK) {
        run_query(ask, xr_reader_tables(reader, ask->floor), arena);
        xr_reader_close(reader);
    }
    xr_arena_free(arena);
}

static void on_answer(struct xr_job *job)
{
    struct ask *ask = (struct ask *)job;
    struct xr_gate *gate = ask->gate;
    struct xr_peer *peer = xr_map_get(&gate->by_origin, ask->origin);
    if (peer && peer->state == XR_PEER_READY) {
        peer->queries--;
        if (ask->answer.size > 0)
            xr_peer_send_bytes(peer, (struct xr_bin){ask->answer.at, (uint32_t)ask->answer.size});
        else
            xr_peer_refuse(peer, ask->ref, XR_code_BUSY, NULL, XR_ASK_RETRY_MS);
        if (peer->wait == XR_WAIT_QUERIES)
            xr_peer_resume(peer);
    }
    xr_buf_fini(&ask->answer);
    xr_mem_free(ask);
    xr_gate_resume_some(gate, 1);
    uv_async_send(&gate->async);
}

enum xr_status xr_ask(struct xr_peer *peer, const struct xr_frame *frame)
{
    struct ask *ask = xr_mem_zero(1, sizeof(*ask) + frame->body.size);
    if (!ask)
        return XR_NOMEM;
    ask->job = (struct xr_job){.work = on_ask, .done = on_answer};
    ask->gate = peer->gate;
    ask->origin = peer->origin;
    ask->ref = frame->ref;
    ask->floor = peer->floor;
    ask->who = (struct xr_asker){peer->agent, peer->role, xr_clock_wall_ms()};
    ask->type = (enum xr_type)frame->type;
    ask->body_size = frame->body.size;
    memcpy(ask->body, frame->body.at, frame->body.size);
    xr_buf_init(&ask->answer, XR_FRAME_BYTES_MAX);
    const enum xr_status status = xr_pool_submit(peer->gate->readers, &ask->job);
    if (status) {
        xr_mem_free(ask);
        return status;
    }
    peer->queries++;
    peer->gate->metrics.queries++;
    return XR_OK;
}
