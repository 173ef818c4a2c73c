/*
 * A peer that speaks SP with nothing but a socket: for sending what no library would send.
 * Blocking; every wait ends the test after a generous while instead of hanging.
 */
#ifndef XR_TESTS_RAW_H
#define XR_TESTS_RAW_H

#include "proto/wire.h"

struct raw {
    int fd;
    bool is_ipc;
    uint32_t id;       /* of the requests */
    struct xr_buf in;  /* received and not yet taken */
    struct xr_buf got; /* the payload of the last message, without its header word */
    size_t taken;      /* of it, by raw_frame */
};

/* Connect to "tcp://…" or "ipc://…"; fails the test. Nothing is sent. */
void raw_open(struct raw *raw, const char *address);
/* Open and greet both ways. */
void raw_dial(struct raw *raw, const char *address);
void raw_close(struct raw *raw);
/* Close so that the peer gets a reset. */
void raw_reset(struct raw *raw);

/* Bytes as they are; false: the peer has closed. */
bool raw_write(struct raw *raw, const void *bytes, size_t size);
/* Append a whole SP message to `out`. */
void raw_message(const struct raw *raw, struct xr_buf *out, const void *payload, size_t size);
bool raw_send(struct raw *raw, const void *payload, size_t size);

/* The next SP message into raw->got; false: the peer has closed. */
bool raw_receive(struct raw *raw);
/* Is there anything to read now? */
bool raw_is_readable(struct raw *raw);
/* True where the peer closes without sending anything more. */
bool raw_is_closed(struct raw *raw);

/* ---- frames ---- */

/* Send one message as one frame. */
bool raw_frame_send(struct raw *raw, enum xr_type type, uint64_t ref, const void *message);
/* The next frame, of this SP message or the next; false: closed. It lives until the next call. */
bool raw_frame(struct raw *raw, struct xr_frame *frame);
/* Decode a frame's body; fails the test where it is not valid. Lives as long as the arena. */
const void *raw_body(const struct xr_frame *frame, struct xr_arena *arena);
/* The next frame must be of that type; returns its struct. */
const void *raw_expect(struct raw *raw, enum xr_type type, uint64_t *ref, struct xr_arena *arena);

#endif
