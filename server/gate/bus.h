/*
 * The local bus: a nanomsg PUB socket at ipc://DATA/bus/bus.ipc with what happens on the floors,
 * for scripts, wall displays and bots on the same machine. No texts, no buyers: what is published
 * is built from a list of permitted fields (PROTOCOL.md, section "The local bus").
 *
 * nanomsg ends its process where a subscriber sends anything (xpub.c: an assertion). So the socket
 * is in a process of its own, xiaoerd again (xr_bus_relay), fed through a pipe. Whatever becomes of
 * it, the server goes on: it starts it anew after a while, and what is not taken is dropped; `prev`
 * of the next event shows that.
 *
 * All calls from the loop's thread. NULL is a bus that is off.
 */
#ifndef XR_GATE_BUS_H
#define XR_GATE_BUS_H

#include "floor/floor.h"

struct xr_gate;
struct xr_bus;

/* Make DATA/bus and start the relay; gate->options.bus_directory is DATA. Never fails loudly: what
 * goes wrong is logged and tried again. NULL: no memory, or the folder cannot be made. */
struct xr_bus *xr_bus_start(struct xr_gate *gate);

/* Effect PUSH. */
void xr_bus_push(struct xr_bus *bus, const struct xr_effect *effect);

/* Send the rest, let the relay end, free; then on_stopped, from the loop (NULL: at once). */
void xr_bus_stop(struct xr_bus *bus, void (*on_stopped)(void *context), void *context);

/* The relay: publish at `address` what comes by stdin until that ends. Returns the exit code. */
int xr_bus_relay(const char *address);

#endif
