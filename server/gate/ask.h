/* Queries: answered from the tables alone, on a reader thread, in a short read transaction. */
#ifndef XR_GATE_ASK_H
#define XR_GATE_ASK_H

#include "gate/peer.h"

/*
 * Hand a validated query to the readers; the answer is sent when it is there.
 *
 * XR_OK, XR_BUSY (their queue is full), XR_NOMEM.
 */
enum xr_status xr_ask(struct xr_peer *peer, const struct xr_frame *frame) XR_MUST_USE;

#endif
