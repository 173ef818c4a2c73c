/*
 * A connection from its greeting to its end: NEW → LOGIN → READY → LEAVING, and back from LOGIN to
 * NEW where it was refused. Its one alarm rings for whatever is next: the end of the log-in time,
 * of the lease, of a pause for going too fast, and now and then to see whether anything moves.
 */
#include "gate/peer.h"

#include <string.h>

#include "gate/feed.h"
#include "gate/login.h"

#define XR_PEER_LOOKS 4 /* at whether it moves, in the time after which it is closed */

uint64_t xr_gate_now(const struct xr_gate *gate)
{
    return uv_now(gate->options.loop);
}

/* ---- frames out ------------------------------------------------------------------------------ */

void xr_peer_send_bytes(struct xr_peer *peer, struct xr_bin frame)
{
    uint8_t *room = xr_sp_put(peer->conn, frame.size);
    if (room)
        memcpy(room, frame.at, frame.size);
}

void xr_peer_send(struct xr_peer *peer, enum xr_type type, uint64_t ref, const void *message)
{
    struct xr_buf *scratch = &peer->gate->scratch;
    xr_buf_reset(scratch);
    xr_frame_encode(scratch, type, ref, message);
    if (scratch->failed)
        xr_sp_close(peer->conn); /* no memory */
    else
        xr_peer_send_bytes(peer, (struct xr_bin){scratch->at, (uint32_t)scratch->size});
}

void xr_peer_refuse(struct xr_peer *peer, uint64_t ref, enum xr_code code, const char *field,
                    uint64_t retry_ms)
{
    const struct xr_error error = {
        .code = code, .field = xr_str_of(field), .retry_ms = (uint32_t)retry_ms};
    peer->gate->metrics.refused++;
    xr_peer_send(peer, XR_TYPE_error, ref, &error);
}

/* ---- waiting --------------------------------------------------------------------------------- */

void xr_peer_wait(struct xr_peer *peer, enum xr_wait wait)
{
    XR_ASSERT(peer->wait == XR_WAIT_NONE);
    XR_ASSERT(wait != XR_WAIT_NONE);
    peer->wait = wait;
    if (wait == XR_WAIT_ROOM)
        TAILQ_INSERT_TAIL(&peer->gate->waiting, peer, waiting);
}

static void end_wait(struct xr_peer *peer)
{
    if (peer->wait == XR_WAIT_ROOM)
        TAILQ_REMOVE(&peer->gate->waiting, peer, waiting);
    peer->wait = XR_WAIT_NONE;
}

void xr_peer_resume(struct xr_peer *peer)
{
    if (peer->wait == XR_WAIT_NONE)
        return;
    end_wait(peer);
    peer->heard_ms = xr_gate_now(peer->gate); /* it was us who did not listen */
    xr_sp_resume(peer->conn);
}

void xr_gate_resume_some(struct xr_gate *gate, size_t count)
{
    while (count-- > 0 && !TAILQ_EMPTY(&gate->waiting))
        xr_peer_resume(TAILQ_FIRST(&gate->waiting));
}

/* ---- events of our own ----------------------------------------------------------------------- */

struct xr_submission *xr_gate_make(uint32_t floor, uint64_t origin, enum xr_type type,
                                   struct xr_bin body)
{
    struct xr_submission *made = xr_mem_alloc(sizeof(*made) + body.size);
    XR_ASSERT(made != NULL);
    *made = (struct xr_submission){
        .floor = floor, .origin = origin, .type = type, .body_size = body.size};
    memcpy(made->body, body.at, body.size);
    return made;
}

void xr_gate_tell(struct xr_gate *gate, uint32_t floor, uint64_t origin, enum xr_type type,
                  const void *message)
{
    if (gate->is_paused)
        return; /* the next start begins afresh */
    xr_buf_reset(&gate->body);
    xr_body_encode(&gate->body, type, message);
    XR_ASSERT(!gate->body.failed);
    const struct xr_bin body = {gate->body.at, (uint32_t)gate->body.size};
    *gate->events_end = xr_gate_make(floor, origin, type, body);
    gate->events_end = &(*gate->events_end)->next;
    xr_gate_tell_kept(gate);
}

void xr_gate_tell_kept(struct xr_gate *gate)
{
    while (gate->events && gate->engine) {
        struct xr_submission *next = gate->events->next;
        if (xr_engine_submit(gate->engine, gate->events) != XR_OK)
            return; /* there is room when the next outcome has come */
        gate->events = next;
        if (!next)
            gate->events_end = &gate->events;
    }
}

/* ---- life ------------------------------------------------------------------------------------ */

static uint64_t time_left(uint64_t now_ms, uint64_t due_ms)
{
    return due_ms > now_ms ? due_ms - now_ms : 0;
}

static uint64_t due_ms(const struct xr_peer *peer)
{
    const struct xr_gate_options *options = &peer->gate->options;
    if (peer->state == XR_PEER_READY)
        return peer->heard_ms + options->lease_ms;
    return peer->opened_ms + options->login_ms;
}

static void set_alarm(struct xr_peer *peer)
{
    uint64_t ms = time_left(xr_gate_now(peer->gate), due_ms(peer));
    const uint64_t look_ms = peer->gate->options.stall_ms / XR_PEER_LOOKS;
    if (ms > look_ms)
        ms = look_ms;
    xr_sp_alarm(peer->conn, ms > 0 ? ms : 1);
}

void *xr_peer_open(void *context, struct xr_sp_conn *conn)
{
    struct xr_gate *gate = context;
    struct xr_peer *peer = gate->is_paused ? NULL : xr_mem_zero(1, sizeof(*peer));
    if (!peer)
        return NULL;
    peer->conn = conn;
    peer->gate = gate;
    peer->origin = ++gate->origin_last;
    peer->opened_ms = xr_gate_now(gate);
    peer->heard_ms = peer->opened_ms;
    if (xr_map_put(&gate->by_origin, peer->origin, peer)) {
        xr_mem_free(peer);
        return NULL;
    }
    xr_sp_allow(conn, XR_HELLO_BYTES_MAX);
    set_alarm(peer);
    return peer;
}

void xr_peer_attach(struct xr_peer *peer, uint32_t floor, struct xr_agent_id agent,
                    enum xr_role role, struct xr_device_id device)
{
    struct xr_gate *gate = peer->gate;
    XR_ASSERT(peer->device.n == 0);
    XR_ASSERT(role < XR_ROLES);
    peer->floor = floor;
    peer->agent = agent;
    peer->role = role;
    peer->device = device;
    gate->metrics.peers++;
    const struct xr_hall *hall = xr_feed_hall(gate, floor);
    XR_ASSERT(hall != NULL);
    const enum xr_status status = xr_map_put(&gate->by_device, device.n, peer);
    XR_ASSERT(status == XR_OK);
}

/* Its lease ends; the floor is told unless why is NONE. */
static void end_lease(struct xr_peer *peer, enum xr_gone_reason why)
{
    struct xr_gate *gate = peer->gate;
    const struct xr_gone gone = {.device = peer->device, .why = why};
    if (peer->device.n == 0)
        return;
    if (xr_map_get(&gate->by_device, peer->device.n) == peer)
        xr_map_remove(&gate->by_device, peer->device.n);
    peer->device.n = 0;
    gate->metrics.peers--;
    if (why != XR_gone_reason_NONE)
        xr_gate_tell(gate, peer->floor, peer->origin, XR_TYPE_gone, &gone);
}

/* Everything but the connection itself. */
static void end(struct xr_peer *peer, enum xr_gone_reason why)
{
    if (peer->login)
        xr_login_abandon(peer);
    xr_feed_stop(peer);
    end_wait(peer);
    end_lease(peer, why);
    peer->state = XR_PEER_LEAVING;
}

void xr_peer_leave(struct xr_peer *peer, enum xr_gone_reason why, enum xr_code code,
                   const char *text)
{
    const struct xr_goodbye goodbye = {.code = code, .text = xr_str_of(text)};
    if (peer->state == XR_PEER_LEAVING)
        return;
    end(peer, why);
    if (code != XR_code_NONE)
        xr_peer_send(peer, XR_TYPE_goodbye, 0, &goodbye);
    xr_sp_finish(peer->conn);
}

void xr_peer_on_close(void *context)
{
    struct xr_peer *peer = context;
    if (peer->state != XR_PEER_LEAVING)
        end(peer, XR_gone_reason_CLOSED);
    xr_map_remove(&peer->gate->by_origin, peer->origin);
    xr_mem_free(peer);
}

void xr_peer_on_room(void *context)
{
    struct xr_peer *peer = context;
    if (peer->wait == XR_WAIT_OUTPUT)
        xr_peer_resume(peer);
    xr_feed_serve(peer);
}

static bool is_stalled(const struct xr_peer *peer, uint64_t now_ms)
{
    const uint64_t stall_ms = peer->gate->options.stall_ms;
    if (now_ms - xr_sp_moved_ms(peer->conn) >= stall_ms)
        return true;
    return peer->feed.full_ms != 0 && now_ms - peer->feed.full_ms >= stall_ms;
}

void xr_peer_on_alarm(void *context)
{
    struct xr_peer *peer = context;
    struct xr_gate *gate = peer->gate;
    const uint64_t now_ms = xr_gate_now(gate);
    if (gate->is_paused)
        return;
    if (peer->wait == XR_WAIT_RATE)
        xr_peer_resume(peer);
    else if (peer->wait != XR_WAIT_NONE)
        peer->heard_ms = now_ms;
    if (is_stalled(peer, now_ms)) {
        gate->metrics.stalled++;
        xr_peer_leave(peer, XR_gone_reason_SILENT, XR_code_FULL,
                      "nothing was taken or acknowledged for too long");
    } else if (now_ms < due_ms(peer)) {
        set_alarm(peer);
    } else if (peer->state == XR_PEER_READY) {
        gate->metrics.silent++;
        xr_peer_leave(peer, XR_gone_reason_SILENT, XR_code_HELLO_NEEDED, "the lease has ended");
    } else {
        xr_peer_leave(peer, XR_gone_reason_CLOSED, XR_code_HELLO_NEEDED, "no log-in in time");
    }
}
