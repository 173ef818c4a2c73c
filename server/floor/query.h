/*
 * What the files that answer queries share. Only server/floor/query*.c include this.
 *
 * A query runs over a read-only handle and writes nothing but its answer, which is in the caller's
 * arena whole: texts are copied, so that it outlives the handle's transaction. Rows that are only
 * looked at are decoded in `scratch`, which a loop over rows empties at each turn.
 *
 * The first failure (no memory, a row that cannot be read) stays in `failed` and ends every loop;
 * the answer is then the error INTERNAL.
 */
#ifndef XR_FLOOR_QUERY_H
#define XR_FLOOR_QUERY_H

#include "floor/floor.h"
#include "floor/record.h"
#include "floor/settings.h"

struct xr_query {
    struct xr_tables *tables;
    const struct xr_asker *who;
    struct xr_arena *arena;   /* the answer */
    struct xr_arena *scratch; /* what is only looked at */
    const struct xr_floor_record *floor;
    size_t bytes; /* upper bound of the encoded answer so far */
    enum xr_status failed;
};

/* The rows of an answer while it is put together. */
struct xr_rows {
    const struct xr_message_info *part;
    void *at; /* structs of the part */
    uint32_t count;
    uint32_t capacity;
    uint32_t max;
    bool more; /* a row found no room */
};

/* ---- query.c ---- */

bool xr_query_supervises(const struct xr_query *query);

/* The record under `key`, in scratch, its texts in the table; NULL: none, or failed. */
const void *xr_query_peek(struct xr_query *query, enum xr_table table, struct xr_bin key,
                          enum xr_type type);
/* The same where the tables promise that it is there: failed (XR_CORRUPT) if not. */
const void *xr_query_must_peek(struct xr_query *query, enum xr_table table, struct xr_bin key,
                               enum xr_type type);
/* Decode a scanned value in scratch; NULL: failed. */
const void *xr_query_decode(struct xr_query *query, struct xr_bin value, enum xr_type type);
/* Decode a value for the answer, copied with all its texts; NULL: failed. */
const void *xr_query_keep(struct xr_query *query, struct xr_bin value, enum xr_type type);
/* Copy a text into the answer. */
struct xr_str xr_query_text(struct xr_query *query, struct xr_str text);
/* Cleared memory of the answer; NULL: failed. */
void *xr_query_take(struct xr_query *query, size_t size);

/* Begin a list of parts named `part`; `max` rows at most, 0: as many as may be. */
struct xr_rows xr_query_rows(const char *part, uint32_t max);
/* Add a copy of `row`. False: no room (rows->more is set) or failed; the caller ends its loop. */
bool xr_query_add(struct xr_query *query, struct xr_rows *rows, const void *row);
/* The most bytes that a message or part takes when it is encoded. */
size_t xr_query_bound(const struct xr_message_info *info, const void *message);
/* Count `bytes` of the answer outside of rows. */
void xr_query_spend(struct xr_query *query, size_t bytes);

/* A setting's value in force. */
int64_t xr_query_setting(struct xr_query *query, enum xr_setting_index index);

/* ---- handlers: fill `answer`, which is cleared, and return 0 or why not ---- */

enum xr_code xr_query_status(struct xr_query *query, const void *message, void *answer);
enum xr_code xr_query_agents(struct xr_query *query, const void *message, void *answer);
enum xr_code xr_query_groups(struct xr_query *query, const void *message, void *answer);
enum xr_code xr_query_settings(struct xr_query *query, const void *message, void *answer);
enum xr_code xr_query_audit(struct xr_query *query, const void *message, void *answer);
enum xr_code xr_query_devices(struct xr_query *query, const void *message, void *answer);
enum xr_code xr_query_sessions(struct xr_query *query, const void *message, void *answer);
enum xr_code xr_query_session(struct xr_query *query, const void *message, void *answer);
enum xr_code xr_query_history(struct xr_query *query, const void *message, void *answer);
enum xr_code xr_query_explanations(struct xr_query *query, const void *message, void *answer);
enum xr_code xr_query_customer(struct xr_query *query, const void *message, void *answer);
enum xr_code xr_query_note(struct xr_query *query, const void *message, void *answer);

/* ---- query_session.c: who may see what (FLOOR.md §2) ---- */

/* The open session of that customer is the asker's. */
bool xr_query_holds(struct xr_query *query, struct xr_customer_id customer);
bool xr_query_sees_session(struct xr_query *query, const struct xr_session_record *session);

#endif
