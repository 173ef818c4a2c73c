/*
 * Do the engine's row and the log of a store agree? For what opens a store without an engine: the
 * check, and copies.
 */
#ifndef XR_ENGINE_VERIFY_H
#define XR_ENGINE_VERIFY_H

#include "engine/meta.h"
#include "store/store.h"

/*
 * The log begins and ends where the row says, and the last batch is the one that it names.
 * chain   also reads every batch that is kept: checksums, numbers, hashes
 * broken  receives the number of the first batch that is not as it must be; 0: the row itself
 *
 * XR_OK (`out` is the row; all zero where the store has never had a batch) or XR_CORRUPT.
 */
enum xr_status xr_engine_verify(struct xr_reader *reader, bool chain, struct xr_meta *out,
                                uint64_t *broken) XR_MUST_USE;

#endif
