/*
 * Feeds: the updates of a floor, to those of its connections that may see them, each once, in
 * order, without a gap, over any number of connections.
 *
 * A feed is live, or behind. Live: it gets an update with the effects of its batch. Behind: its
 * window or its queue was full, or it has come back with an older cursor; it is served from the
 * tail in memory or by scans of the journal on a reader thread, as far as its window goes, until it
 * has reached what was handed on last; then it is live. Nothing is kept for it but its position.
 */
#ifndef XR_GATE_FEED_H
#define XR_GATE_FEED_H

#include "gate/peer.h"

/* The hall of a floor; made where there is none. NULL where there is no memory. */
struct xr_hall *xr_feed_hall(struct xr_gate *gate, uint32_t floor);
void xr_feed_free_halls(struct xr_gate *gate);

/*
 * Where a feed is to begin, given the hello and the head that welcome tells: to be said in welcome
 * as cursor. *is_resync: it is not where the client wanted.
 */
uint64_t xr_feed_cursor(const struct xr_gate *gate, bool has_cursor, uint64_t cursor, uint64_t head,
                        bool *is_resync);

/* Begin after `cursor`. Welcome, which told `head`, has been sent. */
void xr_feed_start(struct xr_peer *peer, uint64_t cursor, uint64_t head, bool is_resync);
/* The connection ends. */
void xr_feed_stop(struct xr_peer *peer);

/* Effect PUSH. */
void xr_feed_push(struct xr_gate *gate, const struct xr_effect *effect);

/* Would an ack of `seq` take anything off the window? */
bool xr_feed_awaits(const struct xr_peer *peer, uint64_t seq);
/* ack and beat of a client. */
void xr_feed_ack(struct xr_peer *peer, uint64_t seq);
void xr_feed_beat(struct xr_peer *peer, uint64_t ref);

/* There may be room again: go on where it is behind. */
void xr_feed_serve(struct xr_peer *peer);
/* Serve those who are due. */
void xr_feed_serve_due(struct xr_gate *gate);

#endif
