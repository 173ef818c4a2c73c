/*
 * Outcomes on their way out and back: the floor thread fills one for each batch, the receiver
 * frees it on its own thread, and its memory serves again. The pool lives until the engine and the
 * last outcome have let go of it.
 */
#ifndef XR_ENGINE_OUTCOME_H
#define XR_ENGINE_OUTCOME_H

#include "engine/engine.h"

struct xr_outcome_pool;

struct xr_outcome_pool *xr_outcome_pool_new(void) XR_MUST_USE; /* NULL: no memory */
void xr_outcome_pool_drop(struct xr_outcome_pool *pool);       /* the engine's hold; NULL is fine */

/* An empty one; free it with xr_outcome_free. Ends the process where there is no memory. */
struct xr_outcome *xr_outcome_take(struct xr_outcome_pool *pool);

/* Add the answer to a submission that could not be stored: error{storage}. */
void xr_outcome_refuse(struct xr_outcome *outcome, const struct xr_submission *refused);

#endif
