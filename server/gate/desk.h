/*
 * The desk: every frame of every connection comes by here. It is checked whole before anything
 * behind the gate hears of it: framing, type, log-in, rights, rate, fields.
 *
 * A refusal by the desk consumes no counter. Frames of one connection are taken in order; where one
 * cannot go on now, none behind it does, and nothing more is read (enum xr_wait).
 */
#ifndef XR_GATE_DESK_H
#define XR_GATE_DESK_H

#include "gate/peer.h"

/* on_payload of sp.h. */
size_t xr_desk_take(void *peer, uint8_t *bytes, size_t size, bool is_first);

/* The answer to a command of this peer. */
void xr_desk_reply(struct xr_peer *peer, struct xr_bin frame);

#endif
