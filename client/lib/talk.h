/*
 * The client's side of the conversation with the server: what to say when, what has come, when to
 * connect again. Pure: SP messages in, SP messages out, times as arguments; no socket, no clock.
 * nano.c is the shell around it.
 *
 *     WAITING   until a time, then the shell is asked for a new connection
 *     DIALING   the shell is making one
 *     GREETING  hello is said or about to be; no answer yet
 *     READY     logged in
 *     LEAVING   bye is said or about to be
 *     REFUSED, OVER   the end
 *
 * The happy path: xr_talk_wants_dial → the shell connects → xr_talk_linked → output hello →
 * receive welcome → READY: commands out, answers and updates in, a beat now and then, one ack in a
 * turn. The failures:
 *     the connection is lost, or beats are not answered   back-off with full jitter, dial again
 *     the chain of updates is broken                      dial again, with the cursor
 *     hello_needed (a connection made behind our back)    hello on the same connection
 *     unknown_device, denied                              with the password, where it is known
 *     busy, storage, gap                                  outbox.h
 */
#ifndef XR_CLIENT_TALK_H
#define XR_CLIENT_TALK_H

#include "proto/wire.h"
#include <xiaoer/client.h>

struct xr_talk;

/* Copies what the options point at. `seed` is for the jitter. XR_OK, XR_BAD, XR_NOMEM. */
enum xr_status xr_talk_new(const struct xr_client_options *options, uint64_t seed, int64_t now_ms,
                           struct xr_talk **out) XR_MUST_USE;
void xr_talk_free(struct xr_talk *talk);

/* ---- the connection -------------------------------------------------------------------------- */

/* True once: drop the connection there is, if any, and make a new one. */
bool xr_talk_wants_dial(struct xr_talk *talk, int64_t now_ms);
/* The connection stands. */
void xr_talk_linked(struct xr_talk *talk, int64_t now_ms);
/* It could not be made, or is gone. */
void xr_talk_unlinked(struct xr_talk *talk, int64_t now_ms);
/* Is a connection being made? */
bool xr_talk_is_dialing(const struct xr_talk *talk);
/* Is one being made, or about to end? Then the shell should look often. */
bool xr_talk_is_changing(const struct xr_talk *talk);

/* ---- frames ---------------------------------------------------------------------------------- */

/* A turn begins: what the events pointed at is given back, unless some were not taken. */
void xr_talk_begin(struct xr_talk *talk);

/* May more be received in this turn? Not where events of an earlier one were not taken, or much
 * has come already. */
bool xr_talk_has_room(const struct xr_talk *talk);

/* An SP message without its header has come. */
void xr_talk_receive(struct xr_talk *talk, int64_t now_ms, struct xr_bin message);

/* Time has passed. `listening`: everything that had come was received before. */
void xr_talk_tick(struct xr_talk *talk, int64_t now_ms, bool listening);

/* The next SP message to be sent, appended to `out` (its header is the shell's). XR_OK, or XR_NONE,
 * XR_NOMEM. What is written counts as sent; if it cannot be, tell xr_talk_unlinked. */
enum xr_status xr_talk_write(struct xr_talk *talk, int64_t now_ms, struct xr_buf *out) XR_MUST_USE;

/* When something is to be done without anything having come; INT64_MAX: never. */
int64_t xr_talk_deadline(const struct xr_talk *talk, int64_t now_ms);

/* ---- the caller's side, as in client.h ---------------------------------------------------------
 */

enum xr_status xr_talk_send(struct xr_talk *talk, enum xr_type type, const void *message,
                            uint64_t *ref) XR_MUST_USE;
size_t xr_talk_unsent_bytes(const struct xr_talk *talk);
bool xr_talk_next(struct xr_talk *talk, struct xr_client_event *out);
void xr_talk_close(struct xr_talk *talk, int64_t now_ms);
enum xr_client_state xr_talk_state(const struct xr_talk *talk);
uint64_t xr_talk_cursor(const struct xr_talk *talk);
bool xr_talk_token(const struct xr_talk *talk, uint8_t out[XR_TOKEN_BYTES]);
uint32_t xr_talk_in_flight(const struct xr_talk *talk);
uint64_t xr_talk_reconnects(const struct xr_talk *talk);

#endif
