/*
 * Rows of the journal, written and read as messages. Decoding a row without its fields, and the
 * head of a pushed frame, are declared in floor.h, because the gate uses them for every push.
 */
#ifndef XR_FLOOR_JOURNAL_H
#define XR_FLOOR_JOURNAL_H

#include "floor/floor.h"

#define XR_JOURNAL_FORMAT 1

/*
 * Append a row: its header, and the fields 3… of `update`. Runs for every message.
 *
 * type    an UPDATE; its number is below 256
 * update  its struct; seq and prev are not written
 *
 * Failure shows in out->failed.
 */
void xr_journal_encode(struct xr_buf *out, const struct xr_audience *audience, enum xr_type type,
                       const void *update);

/*
 * Decode the update of a row whole, with `seq` in field 1 and no prev.
 *
 * out  receives the struct; it and all it points at are in `arena`, not in the row
 *
 * XR_OK, XR_CORRUPT (not an update of the schema), XR_NOMEM.
 */
enum xr_status xr_journal_message(const struct xr_journal_row *row, uint64_t seq,
                                  struct xr_arena *arena, const void **out) XR_MUST_USE;

#endif
