/*
 * Commands and queries on their way: numbered, kept until they are answered, sent again where that
 * is needed. Pure: no clock, no socket.
 *
 * On the wire a command carries the device's counter, which is not known before the log-in; a query
 * carries XR_OUTBOX_QUERY plus its number. The caller knows both by `ref`, 1, 2, 3….
 *
 * Commands are answered in their order. The ones that were sent are always a prefix of those kept;
 * to send again from one on is to shorten the prefix. A frame that was sent gets one answer, on the
 * connection that it was sent on; so an entry counts the answers it still awaits, and a refusal
 * that a later sending of the same frame has made stale is known as such.
 */
#ifndef XR_CLIENT_OUTBOX_H
#define XR_CLIENT_OUTBOX_H

#include "proto/wire.h"

#define XR_OUTBOX_QUERY (UINT64_C(1) << 52) /* refs of queries; counters are below */

struct xr_outbox_entry;

struct xr_outbox_list {
    struct xr_outbox_entry **at; /* oldest first */
    uint32_t count;
    uint32_t capacity;
    uint32_t sent; /* the first `sent` of them */
};

struct xr_outbox {
    struct xr_outbox_list commands;
    struct xr_outbox_list queries;
    uint64_t ref_last;      /* given out */
    uint64_t counter_next;  /* of the next command that is sent for the first time */
    uint64_t accepted;      /* the highest counter that is known to have been accepted */
    size_t unsent_bytes;    /* about: of both */
    int64_t hold_until_ms;  /* told to wait: nothing is sent before */
    struct xr_arena *check; /* for validation */
};

/* XR_OK, XR_NOMEM. `max` of each kind are kept. */
enum xr_status xr_outbox_init(struct xr_outbox *box, uint32_t max) XR_MUST_USE;
void xr_outbox_fini(struct xr_outbox *box); /* zeroed is fine */

/* Keep a command or query. XR_OK, XR_FULL, XR_BAD, XR_NOMEM as in client.h. */
enum xr_status xr_outbox_add(struct xr_outbox *box, enum xr_type type, const void *message,
                             uint64_t *ref) XR_MUST_USE;

/* The same device is logged in again, `counter` is its last accepted command: everything is sent
 * again, commands with their old counters. */
void xr_outbox_restart(struct xr_outbox *box, uint64_t counter);

/*
 * Another device stands in for the one that was forgotten. A command that was sent under the old
 * one may have been carried out, so it must not be sent again. Takes the first such command out:
 * `ref` is its number. false: none is left.
 */
bool xr_outbox_abandon(struct xr_outbox *box, uint64_t *ref);

/* Anything to send at `now_ms`? */
bool xr_outbox_pending(const struct xr_outbox *box, int64_t now_ms);

/* Append frames to `out` until it holds `bytes_max` or `frames` reaches XR_FRAMES_PER_MESSAGE.
 * false: `out` has failed, nothing of it may be sent. */
bool xr_outbox_write(struct xr_outbox *box, int64_t now_ms, size_t bytes_max, uint32_t *frames,
                     struct xr_buf *out) XR_MUST_USE;

/*
 * An answer has come. `error` is it where it is one, else NULL.
 * true: it is the answer to what the caller knows as `ref`, which is not kept any longer.
 * false: of nothing that is kept, or a refusal that the box deals with by sending again.
 */
bool xr_outbox_answer(struct xr_outbox *box, int64_t now_ms, uint64_t wire_ref,
                      const struct xr_error *error, uint64_t *ref);

#endif
