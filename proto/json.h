/*
 * The same messages as JSON (jansson): an object with the fields by name, enums by name, bytes in
 * base64url, 64-bit numbers as numbers (they never pass 2^53 - 1). "type" comes first.
 */
#ifndef XR_PROTO_JSON_H
#define XR_PROTO_JSON_H

#include <jansson.h>

#include "proto/wire.h"

/* A new object; the caller decrefs. NULL where there is no memory. */
json_t *xr_json_write(enum xr_type type, const void *message);

/*
 * Read an object: validated like a body. Unknown members are an error here, because a person wrote
 * them: MALFORMED, `field` is then their name, in `arena`. Enums may be numbers, too.
 * XR_OK, XR_BAD (`error` set), XR_NOMEM. The struct lives in `arena`, texts are copied there.
 */
enum xr_status xr_json_read(enum xr_type type, const json_t *object, struct xr_arena *arena,
                            const void **out, struct xr_wire_error *error) XR_MUST_USE;

/* The whole schema as one JSON object (`xiaoerd --schema`). The caller decrefs. */
json_t *xr_json_schema(void);

#endif
