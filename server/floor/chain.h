/*
 * The evidence chain of a session: each message is bound to all before it, from the first one on.
 *
 *     link_0 = 32 zero bytes
 *     link_n = BLAKE2b-256(link_(n-1) ‖ session u64 ‖ number u32 ‖ sender u8 ‖ agent u32 ‖ kind u8
 * ‖ wall_ms u64 ‖ BLAKE2b-256(salt ‖ text)), integers big-endian
 *
 * Text enters as a salted hash of its own, so that erasing salt and text leaves the chain whole.
 */
#ifndef XR_FLOOR_CHAIN_H
#define XR_FLOOR_CHAIN_H

#include "proto/wire.h"

/* Move `link` (XR_HASH_BYTES; all zero before the first message) on over `message`. */
void xr_chain_next(uint8_t link[XR_HASH_BYTES], const struct xr_message *message);

#endif
