/*
 * The tables that schema.def stands for: every message and part with its fields, every enum with
 * its values, and what finds them.
 */
#include "proto/fields.h"

/* ---- enums ----------------------------------------------------------------------------------- */

/* Names of values are written in capitals in schema.def, in lower case everywhere else. */
#define LOWER(c)       ((c) >= 'A' && (c) <= 'Z' ? (c) + ('a' - 'A') : (c))
#define LETTER(s, i)   (char)LOWER((s)[(i) < sizeof(s) ? (i) : sizeof(s) - 1])
#define LETTERS4(s, i) LETTER(s, i), LETTER(s, (i) + 1), LETTER(s, (i) + 2), LETTER(s, (i) + 3)
#define LETTERS_MAX    24
#define LETTERS(s)                                                                                 \
    LETTERS4(s, 0), LETTERS4(s, 4), LETTERS4(s, 8), LETTERS4(s, 12), LETTERS4(s, 16),              \
        LETTERS4(s, 20)

#define XR_MESSAGE(name, type, kind, doc)
#define XR_PART(name, doc)
#define XR_END(name)
#define XR_FIELD(m, no, type, name, need, min, max, doc)
#define XR_CHOICE(m, no, en, name, need, doc)
#define XR_NESTED(m, no, part, name, need, doc)
#define XR_LIST(m, no, part, name, need, max, doc)
#undef XR_SCHEMA_NO_ENUMS

#define XR_ENUM(name, doc)
#define XR_VALUE(en, name, number, doc)                                                            \
    _Static_assert(sizeof(#name) <= LETTERS_MAX, "a longer name needs more letters");              \
    static const char name_##en##_##name[LETTERS_MAX] = {LETTERS(#name)};
#define XR_ENUM_END(name)
#include "proto/schema.def"
#undef XR_ENUM
#undef XR_VALUE
#undef XR_ENUM_END

#define XR_ENUM(name, doc)              static const struct xr_enum_value values_##name[] = {
#define XR_VALUE(en, name, number, doc) {(number), name_##en##_##name, (doc)},
#define XR_ENUM_END(name)                                                                          \
    }                                                                                              \
    ;
#include "proto/schema.def"
#undef XR_ENUM
#undef XR_VALUE
#undef XR_ENUM_END

#define XR_ENUM(enumeration, text)                                                                 \
    static const struct xr_enum_info enum_##enumeration = {                                        \
        .name = #enumeration,                                                                      \
        .doc = (text),                                                                             \
        .values = values_##enumeration,                                                            \
        .count = sizeof(values_##enumeration) / sizeof(values_##enumeration[0]),                   \
    };
#define XR_VALUE(en, name, number, doc)
#define XR_ENUM_END(name)
#include "proto/schema.def"
#undef XR_ENUM

#define XR_ENUM(name, doc) &enum_##name,
static const struct xr_enum_info *const all_enums[] = {
#include "proto/schema.def"
};
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
#define XR_SCHEMA_NO_ENUMS

/* ---- fields and messages --------------------------------------------------------------------- */

#define NEED_REQ true
#define NEED_OPT false
#define DESCRIBE(m, no, kind, member, need, least, most, text)                                     \
    .number = (no), .type = (kind), .name = #member, .doc = (text), .required = NEED_##need,       \
    .min = (least), .max = (most), .offset = offsetof(struct xr_##m, member)

/* A message without fields has an array of one, and a count of 0: C has no empty arrays. */
#define DESCRIBE_MESSAGE(message, number, which, text)                                             \
    static const struct xr_message_info info_##message = {                                         \
        .name = #message,                                                                          \
        .doc = (text),                                                                             \
        .type = (number),                                                                          \
        .kind = XR_KIND_##which,                                                                   \
        .size = sizeof(struct xr_##message),                                                       \
        .fields = fields_##message,                                                                \
        .count = sizeof(fields_##message) / sizeof(fields_##message[0]) - 1,                       \
    };

/* Field numbers fit the mask `has`, types the index below. */
#define XR_MESSAGE(name, type, kind, doc)                                                          \
    _Static_assert((type) > 0 && (type) < 256, "a type is 1..255");
#define XR_PART(name, doc)
#define XR_END(name)
#define XR_FIELD(m, no, type, name, need, min, max, doc)                                           \
    _Static_assert((no) > 0 && (no) < 64, "a field number is 1..63");
#define XR_CHOICE(m, no, en, name, need, doc)      XR_FIELD(m, no, , name, need, 0, 0, doc)
#define XR_NESTED(m, no, part, name, need, doc)    XR_FIELD(m, no, , name, need, 0, 0, doc)
#define XR_LIST(m, no, part, name, need, max, doc) XR_FIELD(m, no, , name, need, 0, 0, doc)
#include "proto/schema.def"
#undef XR_MESSAGE
#undef XR_PART
#undef XR_END
#undef XR_FIELD
#undef XR_CHOICE
#undef XR_NESTED
#undef XR_LIST

/* A nested part's description stands before the fields that point at it. */
#define XR_MESSAGE(name, type, kind, doc)                                                          \
    static const struct xr_message_info info_##name;                                               \
    static const struct xr_field_info fields_##name[] = {
#define XR_PART(name, doc) XR_MESSAGE(name, 0, PART, doc)
#define XR_END(name)                                                                               \
    {                                                                                              \
        .number = 0                                                                                \
    }                                                                                              \
    }                                                                                              \
    ;
#define XR_FIELD(m, no, type, name, need, min, max, doc)                                           \
    {DESCRIBE(m, no, XR_FIELD_##type, name, need, min, max, doc)},
#define XR_CHOICE(m, no, en, name, need, doc)                                                      \
    {DESCRIBE(m, no, XR_FIELD_choice, name, need, 0, UINT32_MAX, doc), .choice = &enum_##en},
#define XR_NESTED(m, no, of, name, need, doc)                                                      \
    {DESCRIBE(m, no, XR_FIELD_nested, name, need, 0, 1, doc), .part = &info_##of},
#define XR_LIST(m, no, of, name, need, max, doc)                                                   \
    {DESCRIBE(m, no, XR_FIELD_list, name, need, 0, max, doc), .part = &info_##of},
#include "proto/schema.def"
#undef XR_MESSAGE
#undef XR_PART
#undef XR_END
#undef XR_FIELD
#undef XR_CHOICE
#undef XR_NESTED
#undef XR_LIST

#define XR_END(name)
#define XR_FIELD(m, no, type, name, need, min, max, doc)
#define XR_CHOICE(m, no, en, name, need, doc)
#define XR_NESTED(m, no, part, name, need, doc)
#define XR_LIST(m, no, part, name, need, max, doc)

#define XR_MESSAGE(name, type, kind, doc) DESCRIBE_MESSAGE(name, type, kind, doc)
#define XR_PART(name, doc)                DESCRIBE_MESSAGE(name, 0, PART, doc)
#include "proto/schema.def"
#undef XR_MESSAGE
#undef XR_PART

static const struct xr_message_info *const all_messages[] = {
#define XR_MESSAGE(name, type, kind, doc) &info_##name,
#define XR_PART(name, doc)
#include "proto/schema.def"
#undef XR_MESSAGE
#undef XR_PART
#define XR_MESSAGE(name, type, kind, doc)
#define XR_PART(name, doc) &info_##name,
#include "proto/schema.def"
#undef XR_MESSAGE
#undef XR_PART
};

static const struct xr_message_info *const by_type[256] = {
#define XR_MESSAGE(name, type, kind, doc) [type] = &info_##name,
#define XR_PART(name, doc)
#include "proto/schema.def"
#undef XR_MESSAGE
#undef XR_PART
};

/* ---- names ----------------------------------------------------------------------------------- */

const char *xr_kind_name(enum xr_kind kind)
{
    static const char *const names[] = {
        [XR_KIND_PART] = "part",     [XR_KIND_CONTROL] = "control", [XR_KIND_COMMAND] = "command",
        [XR_KIND_QUERY] = "query",   [XR_KIND_ANSWER] = "answer",   [XR_KIND_UPDATE] = "update",
        [XR_KIND_NOTICE] = "notice", [XR_KIND_EVENT] = "event",     [XR_KIND_RECORD] = "record",
    };
    return names[kind];
}

const char *xr_field_type_name(enum xr_field_type type)
{
#define NAME(type) [XR_FIELD_##type] = #type
    static const char *const names[] = {
        [XR_FIELD_bool] = "bool",
        NAME(u32),
        NAME(u64),
        NAME(i64),
        NAME(agent),
        NAME(group),
        NAME(session),
        NAME(customer),
        NAME(device),
        NAME(str),
        NAME(bin),
        NAME(u32s),
        NAME(u64s),
        NAME(strs),
        NAME(choice),
        NAME(nested),
        NAME(list),
    };
#undef NAME
    return names[type];
}

/* ---- finding --------------------------------------------------------------------------------- */

const struct xr_message_info *const *xr_messages(size_t *count)
{
    *count = sizeof(all_messages) / sizeof(all_messages[0]);
    return all_messages;
}

const struct xr_enum_info *const *xr_enums(size_t *count)
{
    *count = sizeof(all_enums) / sizeof(all_enums[0]);
    return all_enums;
}

const struct xr_message_info *xr_message_info(enum xr_type type)
{
    return (uint32_t)type < 256 ? by_type[type] : NULL;
}

const struct xr_message_info *xr_message_named(struct xr_str name)
{
    size_t count;
    const struct xr_message_info *const *messages = xr_messages(&count);
    for (size_t i = 0; i < count; i++)
        if (xr_str_equal(xr_str_of(messages[i]->name), name))
            return messages[i];
    return NULL;
}

const struct xr_enum_value *xr_enum_value(const struct xr_enum_info *info, uint32_t number)
{
    /* Most enums count 1, 2, 3… */
    if (number - 1 < info->count && info->values[number - 1].number == number)
        return &info->values[number - 1];
    for (size_t i = 0; i < info->count; i++)
        if (info->values[i].number == number)
            return &info->values[i];
    return NULL;
}

const char *xr_choice_name(const char *enumeration, uint32_t number)
{
    for (size_t i = 0; i < sizeof(all_enums) / sizeof(all_enums[0]); i++)
        if (strcmp(all_enums[i]->name, enumeration) == 0) {
            const struct xr_enum_value *value = xr_enum_value(all_enums[i], number);
            return value != NULL ? value->name : "?";
        }
    return "?";
}
