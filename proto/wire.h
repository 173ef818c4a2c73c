/*
 * Messages as C structs, as bytes and back. All of it is expanded from schema.def; this module is
 * pure and shared by server and client.
 *
 * For each message or part `x` there is `struct xr_x`, with `has`, a mask of the field numbers that
 * were there (bit 1 << number; set by decode), and a member for each field. Text, bytes and lists
 * are borrowed: after decode they point into the decoded bytes or into the arena.
 * For each part there is also `struct xr_x_list {at, count}`.
 * A field is encoded where it is required, not zero (not empty), or marked in `has`.
 */
#ifndef XR_PROTO_WIRE_H
#define XR_PROTO_WIRE_H

#include "proto/limits.h"
#include "proto/mem.h"

struct xr_u32s {
    const uint32_t *at;
    uint32_t count;
};
struct xr_u64s {
    const uint64_t *at;
    uint32_t count;
};
struct xr_strs {
    const struct xr_str *at;
    uint32_t count;
};

/* Any of the lists of parts: all are laid out like this one. Copy it from and to its place. */
struct xr_list {
    const void *at;
    uint32_t count;
};

/* ---- expansion: enums ------------------------------------------------------------------------ */

#define XR_MESSAGE(name, type, kind, doc)
#define XR_PART(name, doc)
#define XR_END(name)
#define XR_FIELD(m, no, type, name, need, min, max, doc)
#define XR_CHOICE(m, no, en, name, need, doc)
#define XR_NESTED(m, no, part, name, need, doc)
#define XR_LIST(m, no, part, name, need, max, doc)
#define XR_ENUM(name, doc)                                                                         \
    enum xr_##name                                                                                 \
    {                                                                                              \
        XR_##name##_NONE = 0,
#define XR_VALUE(en, name, number, doc) XR_##en##_##name = (number),
#define XR_ENUM_END(name)                                                                          \
    }                                                                                              \
    ;
#include "proto/schema.def"
#undef XR_ENUM
#undef XR_VALUE
#undef XR_ENUM_END
#undef XR_MESSAGE
#undef XR_PART
#undef XR_END
#undef XR_FIELD
#undef XR_CHOICE
#undef XR_NESTED
#undef XR_LIST
/* so XR_code_DENIED, XR_role_AGENT, XR_presence_ONLINE, XR_session_state_QUEUED… */

/* ---- expansion: structs ---------------------------------------------------------------------- */

#define XR_SCHEMA_NO_ENUMS
#define XR_C_bool     bool
#define XR_C_u32      uint32_t
#define XR_C_u64      uint64_t
#define XR_C_i64      int64_t
#define XR_C_agent    struct xr_agent_id
#define XR_C_group    struct xr_group_id
#define XR_C_session  struct xr_session_id
#define XR_C_customer struct xr_customer_id
#define XR_C_device   struct xr_device_id
#define XR_C_str      struct xr_str
#define XR_C_bin      struct xr_bin
#define XR_C_u32s     struct xr_u32s
#define XR_C_u64s     struct xr_u64s
#define XR_C_strs     struct xr_strs

#define XR_MESSAGE(name, type, kind, doc)                                                          \
    struct xr_##name {                                                                             \
        uint64_t has;
#define XR_PART(name, doc)                                                                         \
    struct xr_##name;                                                                              \
    struct xr_##name##_list {                                                                      \
        const struct xr_##name *at;                                                                \
        uint32_t count;                                                                            \
    };                                                                                             \
    struct xr_##name {                                                                             \
        uint64_t has;
#define XR_END(name)                                                                               \
    }                                                                                              \
    ;
#define XR_FIELD(m, no, type, name, need, min, max, doc) XR_C_##type name;
#define XR_CHOICE(m, no, en, name, need, doc)            enum xr_##en name;
#define XR_NESTED(m, no, part, name, need, doc)          struct xr_##part name;
#define XR_LIST(m, no, part, name, need, max, doc)       struct xr_##part##_list name;
#include "proto/schema.def"
#undef XR_MESSAGE
#undef XR_PART
#undef XR_END
#undef XR_FIELD
#undef XR_CHOICE
#undef XR_NESTED
#undef XR_LIST

/* ---- expansion: types ------------------------------------------------------------------------ */

enum xr_type {
    XR_TYPE_none = 0,
#define XR_MESSAGE(name, type, kind, doc) XR_TYPE_##name = (type),
#define XR_PART(name, doc)
#define XR_END(name)
#define XR_FIELD(m, no, type, name, need, min, max, doc)
#define XR_CHOICE(m, no, en, name, need, doc)
#define XR_NESTED(m, no, part, name, need, doc)
#define XR_LIST(m, no, part, name, need, max, doc)
#include "proto/schema.def"
#undef XR_MESSAGE
#undef XR_PART
#undef XR_END
#undef XR_FIELD
#undef XR_CHOICE
#undef XR_NESTED
#undef XR_LIST
};
#undef XR_SCHEMA_NO_ENUMS
/* so XR_TYPE_say, XR_TYPE_welcome… */

#define XR_HAS(message, number) (((message)->has >> (number)) & 1)

/* ---- descriptors ----------------------------------------------------------------------------- */

enum xr_kind {
    XR_KIND_PART,
    XR_KIND_CONTROL,
    XR_KIND_COMMAND,
    XR_KIND_QUERY,
    XR_KIND_ANSWER,
    XR_KIND_UPDATE,
    XR_KIND_NOTICE,
    XR_KIND_EVENT,
    XR_KIND_RECORD,
};

enum xr_field_type {
    XR_FIELD_bool,
    XR_FIELD_u32,
    XR_FIELD_u64,
    XR_FIELD_i64,
    XR_FIELD_agent,
    XR_FIELD_group,
    XR_FIELD_session,
    XR_FIELD_customer,
    XR_FIELD_device,
    XR_FIELD_str,
    XR_FIELD_bin,
    XR_FIELD_u32s,
    XR_FIELD_u64s,
    XR_FIELD_strs,
    XR_FIELD_choice,
    XR_FIELD_nested,
    XR_FIELD_list,
};

struct xr_enum_value {
    uint32_t number;
    const char *name; /* lower case, for example "not_found" */
    const char *doc;
};

struct xr_enum_info {
    const char *name;
    const char *doc;
    const struct xr_enum_value *values;
    size_t count;
};

struct xr_message_info;

struct xr_field_info {
    uint32_t number;
    enum xr_field_type type;
    const char *name;
    const char *doc;
    bool required;
    int64_t min;
    int64_t max;
    size_t offset;                      /* in the struct */
    const struct xr_enum_info *choice;  /* of a choice */
    const struct xr_message_info *part; /* of a nested part or a list */
};

struct xr_message_info {
    const char *name;
    const char *doc;
    enum xr_type type; /* 0 of a part */
    enum xr_kind kind;
    size_t size; /* of the struct */
    const struct xr_field_info *fields;
    size_t count;
};

/* All messages, then all parts, in the order of schema.def; `count` of them. */
const struct xr_message_info *const *xr_messages(size_t *count);
const struct xr_enum_info *const *xr_enums(size_t *count);

/* The message of a type, or of a name ("say"); NULL where there is none. Parts have only names. */
const struct xr_message_info *xr_message_info(enum xr_type type);
const struct xr_message_info *xr_message_named(struct xr_str name);

/* The value of that number; NULL where the enum has none. */
const struct xr_enum_value *xr_enum_value(const struct xr_enum_info *info, uint32_t number);

/* Name of an enum's value in lower case, "?" where it has none. Static. For example
 * xr_choice_name("code", XR_code_STALE) is "stale". */
const char *xr_choice_name(const char *enumeration, uint32_t number);

/* ---- frames ---------------------------------------------------------------------------------- */

/* A frame whose outside has been checked: three elements, body a map, nothing deeper or longer
 * than the limits, all lengths inside the bytes. */
struct xr_frame {
    uint32_t type; /* as sent, perhaps unknown */
    uint64_t ref;
    struct xr_bin body; /* the map */
    struct xr_bin all;  /* the whole frame */
};

/* Why bytes were refused. */
struct xr_wire_error {
    enum xr_code code; /* MALFORMED, UNKNOWN_TYPE, MISSING, RANGE */
    const char *field; /* static name, or "" */
};

/*
 * Read the first frame of `bytes`, nothing allocated, before anything is believed.
 *
 * XR_OK     `frame` and `used` (bytes of this frame) are set
 * XR_BAD    not a frame: framing is lost
 */
enum xr_status xr_frame_read(struct xr_bin bytes, struct xr_frame *frame, size_t *used) XR_MUST_USE;

/*
 * Decode and validate a body whole: types, required fields, ranges, UTF-8, enums, lengths of lists.
 *
 * out    receives the struct, in `arena`; text and bytes in it point into `body`
 * error  set where the result is XR_BAD
 *
 * XR_OK, XR_BAD, or XR_NOMEM.
 */
enum xr_status xr_body_decode(enum xr_type type, struct xr_bin body, struct xr_arena *arena,
                              const void **out, struct xr_wire_error *error) XR_MUST_USE;

/* Append the frame [type, ref, body]. Failure shows in out->failed. */
void xr_frame_encode(struct xr_buf *out, enum xr_type type, uint64_t ref, const void *message);

/* Append the body alone: a record. */
void xr_body_encode(struct xr_buf *out, enum xr_type type, const void *message);

/* Append the fields numbered `from` and up as msgpack key value…; returns how many. */
uint32_t xr_fields_encode(struct xr_buf *out, enum xr_type type, const void *message,
                          uint32_t from);

/* True where `text` is UTF-8 (no surrogates, nothing overlong); `points` receives the count. */
bool xr_utf8_valid(struct xr_str text, uint32_t *points);

/* Append single values and heads of arrays and maps, for the few fixed layouts that are not
 * messages (batches). */
void xr_pack_uint(struct xr_buf *out, uint64_t n);
void xr_pack_int(struct xr_buf *out, int64_t n);
void xr_pack_bool(struct xr_buf *out, bool is_true);
void xr_pack_str(struct xr_buf *out, struct xr_str text);
void xr_pack_bin(struct xr_buf *out, const void *bytes, size_t size);
void xr_pack_array(struct xr_buf *out, uint32_t count);
void xr_pack_map(struct xr_buf *out, uint32_t count);

/* Read them back from *bytes, which moves on. XR_OK or XR_BAD. */
enum xr_status xr_unpack_uint(struct xr_bin *bytes, uint64_t *n) XR_MUST_USE;
enum xr_status xr_unpack_int(struct xr_bin *bytes, int64_t *n) XR_MUST_USE;
enum xr_status xr_unpack_bin(struct xr_bin *bytes, struct xr_bin *out) XR_MUST_USE;
enum xr_status xr_unpack_array(struct xr_bin *bytes, uint32_t *count) XR_MUST_USE;

#endif
