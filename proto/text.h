/*
 * The same messages as one line of text, for people, logs and transcripts:
 *     say ref=7 session=3 text="你好"
 * Fields in the order of schema.def, only those that are there (required, not zero, or marked);
 * enums by name; text quoted with JSON's escapes; bytes in hex; parts as {…}, lists as […].
 */
#ifndef XR_PROTO_TEXT_H
#define XR_PROTO_TEXT_H

#include "proto/wire.h"

/* Append the line, without a newline. `ref` < 0 leaves it out. */
void xr_text_write(struct xr_buf *out, enum xr_type type, int64_t ref, const void *message);

#endif
