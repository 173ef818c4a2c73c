/*
 * JSON is read by way of msgpack: an object becomes a body, and the body is decoded, so that there
 * is one place that validates.
 */
#include "proto/json.h"

#include "proto/fields.h"

/* ---- base64url, RFC 4648 section 5, without padding --------------------------------------------
 */

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static json_t *write_base64(struct xr_bin bytes)
{
    size_t size = ((size_t)bytes.size * 8 + 5) / 6;
    char *text = xr_mem_alloc(size);
    if (text == NULL)
        return NULL;
    for (size_t i = 0; i < size; i++) {
        size_t bit = i * 6;
        size_t at = bit / 8;
        unsigned pair = (unsigned)bytes.at[at] << 8;
        if (at + 1 < bytes.size)
            pair |= bytes.at[at + 1];
        text[i] = base64_digits[pair >> (10 - bit % 8) & 63];
    }
    json_t *json = json_stringn_nocheck(text, size);
    xr_mem_free(text);
    return json;
}

/* Append the bytes of a text in base64url as msgpack; false: it is none. */
static bool read_base64(struct xr_buf *out, const char *text, size_t size)
{
    if (size % 4 == 1)
        return false;
    uint8_t *bytes = xr_mem_alloc(size * 6 / 8);
    if (bytes == NULL) {
        out->failed = true;
        return true;
    }
    uint32_t gathered = 0;
    unsigned bits = 0;
    size_t count = 0;
    bool is_fine = true;
    for (size_t i = 0; i < size && is_fine; i++) {
        const char *digit = memchr(base64_digits, text[i], sizeof(base64_digits) - 1);
        is_fine = digit != NULL;
        if (!is_fine)
            break;
        gathered = gathered << 6 | (uint32_t)(digit - base64_digits);
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            bytes[count++] = (uint8_t)(gathered >> bits);
            gathered &= (1u << bits) - 1;
        }
    }
    if (is_fine && gathered == 0)
        xr_pack_bin(out, bytes, count);
    xr_mem_free(bytes);
    return is_fine && gathered == 0;
}

/* ---- writing --------------------------------------------------------------------------------- */

static json_t *write_fields(const struct xr_message_info *info, const void *message,
                            const char *type);

static json_t *write_text(struct xr_str text)
{
    return json_stringn(text.size != 0 ? text.at : "", text.size);
}

static json_t *write_element(const struct xr_field_info *field, const void *at, uint32_t i)
{
    switch (field->type) {
    case XR_FIELD_u32s:
        return json_integer(((const uint32_t *)at)[i]);
    case XR_FIELD_u64s:
        return json_integer((json_int_t)((const uint64_t *)at)[i]);
    case XR_FIELD_strs:
        return write_text(((const struct xr_str *)at)[i]);
    default:
        return write_fields(field->part, (const char *)at + i * field->part->size, NULL);
    }
}

static json_t *write_list(const struct xr_field_info *field, struct xr_list list)
{
    json_t *array = json_array();
    for (uint32_t i = 0; array != NULL && i < list.count; i++) {
        if (json_array_append_new(array, write_element(field, list.at, i)) != 0) {
            json_decref(array);
            array = NULL;
        }
    }
    return array;
}

static json_t *write_choice(const struct xr_enum_info *choice, uint32_t number)
{
    const struct xr_enum_value *value = xr_enum_value(choice, number);
    return value != NULL ? json_string(value->name) : json_integer(number);
}

static json_t *write_value(const struct xr_field_info *field, const void *place)
{
    switch (field->type) {
    case XR_FIELD_bool:
        return json_boolean(*(const bool *)place);
    case XR_FIELD_u32:
    case XR_FIELD_agent:
    case XR_FIELD_group:
        return json_integer(xr_load_u32(place));
    case XR_FIELD_u64:
    case XR_FIELD_i64:
    case XR_FIELD_session:
    case XR_FIELD_customer:
    case XR_FIELD_device:
        return json_integer((json_int_t)xr_load_u64(place));
    case XR_FIELD_choice:
        return write_choice(field->choice, xr_load_u32(place));
    case XR_FIELD_str:
        return write_text(*(const struct xr_str *)place);
    case XR_FIELD_bin:
        return write_base64(*(const struct xr_bin *)place);
    case XR_FIELD_nested:
        return write_fields(field->part, place, NULL);
    case XR_FIELD_u32s:
    case XR_FIELD_u64s:
    case XR_FIELD_strs:
    case XR_FIELD_list:
        return write_list(field, xr_load_list(place));
    }
    return NULL;
}

/* Calls itself through parts only: as deep as schema.def. */
static json_t *write_fields(const struct xr_message_info *info, const void *message,
                            const char *type)
{
    json_t *object = json_object();
    if (object == NULL)
        return NULL;
    if (type != NULL && json_object_set_new_nocheck(object, "type", json_string(type)) != 0)
        goto failed;
    uint64_t chosen = xr_fields_choose(info, message, 0);
    for (; chosen != 0; chosen &= chosen - 1) {
        const struct xr_field_info *field = &info->fields[__builtin_ctzll(chosen)];
        json_t *value = write_value(field, (const char *)message + field->offset);
        if (json_object_set_new_nocheck(object, field->name, value) != 0)
            goto failed;
    }
    return object;
failed:
    json_decref(object);
    return NULL;
}

json_t *xr_json_write(enum xr_type type, const void *message)
{
    const struct xr_message_info *info = xr_message_info(type);
    XR_ASSERT(info != NULL);
    return write_fields(info, message, info->name);
}

/* ---- reading --------------------------------------------------------------------------------- */

struct reading {
    struct xr_buf body;
    struct xr_arena *arena;
    struct xr_wire_error *error;
};

static enum xr_status refuse(struct reading *r, enum xr_code code, const char *field)
{
    *r->error = (struct xr_wire_error){.code = code, .field = field};
    return XR_BAD;
}

static enum xr_status read_fields(struct reading *r, const struct xr_message_info *info,
                                  const char *name, const json_t *object);

static enum xr_status read_text(struct reading *r, const char *name, const json_t *json)
{
    if (!json_is_string(json))
        return refuse(r, XR_code_MALFORMED, name);
    size_t size = json_string_length(json);
    if (size > XR_FRAME_BYTES_MAX)
        return refuse(r, XR_code_RANGE, name);
    xr_pack_str(&r->body, (struct xr_str){json_string_value(json), (uint32_t)size});
    return XR_OK;
}

static enum xr_status read_integer(struct reading *r, const char *name, const json_t *json)
{
    if (!json_is_integer(json))
        return refuse(r, XR_code_MALFORMED, name);
    xr_pack_int(&r->body, json_integer_value(json));
    return XR_OK;
}

static enum xr_status read_choice(struct reading *r, const struct xr_field_info *field,
                                  const json_t *json)
{
    if (json_is_integer(json))
        return read_integer(r, field->name, json);
    if (!json_is_string(json))
        return refuse(r, XR_code_MALFORMED, field->name);
    for (size_t i = 0; i < field->choice->count; i++) {
        if (strcmp(field->choice->values[i].name, json_string_value(json)) == 0) {
            xr_pack_uint(&r->body, field->choice->values[i].number);
            return XR_OK;
        }
    }
    return refuse(r, XR_code_RANGE, field->name);
}

static enum xr_status read_element(struct reading *r, const struct xr_field_info *field,
                                   const json_t *json)
{
    if (field->type == XR_FIELD_strs)
        return read_text(r, field->name, json);
    if (field->type == XR_FIELD_list)
        return read_fields(r, field->part, field->name, json);
    return read_integer(r, field->name, json);
}

static enum xr_status read_list(struct reading *r, const struct xr_field_info *field,
                                const json_t *json)
{
    if (!json_is_array(json))
        return refuse(r, XR_code_MALFORMED, field->name);
    if (json_array_size(json) > (size_t)field->max)
        return refuse(r, XR_code_RANGE, field->name);
    xr_pack_array(&r->body, (uint32_t)json_array_size(json));
    for (size_t i = 0; i < json_array_size(json); i++) {
        enum xr_status status = read_element(r, field, json_array_get(json, i));
        if (status != XR_OK)
            return status;
    }
    return XR_OK;
}

static enum xr_status read_bin(struct reading *r, const struct xr_field_info *field,
                               const json_t *json)
{
    if (!json_is_string(json) ||
        !read_base64(&r->body, json_string_value(json), json_string_length(json)))
        return refuse(r, XR_code_MALFORMED, field->name);
    return XR_OK;
}

static enum xr_status read_value(struct reading *r, const struct xr_field_info *field,
                                 const json_t *json)
{
    switch (field->type) {
    case XR_FIELD_bool:
        if (!json_is_boolean(json))
            return refuse(r, XR_code_MALFORMED, field->name);
        xr_pack_bool(&r->body, json_is_true(json));
        return XR_OK;
    case XR_FIELD_choice:
        return read_choice(r, field, json);
    case XR_FIELD_str:
        return read_text(r, field->name, json);
    case XR_FIELD_bin:
        return read_bin(r, field, json);
    case XR_FIELD_nested:
        return read_fields(r, field->part, field->name, json);
    case XR_FIELD_u32s:
    case XR_FIELD_u64s:
    case XR_FIELD_strs:
    case XR_FIELD_list:
        return read_list(r, field, json);
    default:
        return read_integer(r, field->name, json);
    }
}

static const struct xr_field_info *find_field(const struct xr_message_info *info, const char *name)
{
    for (size_t i = 0; i < info->count; i++)
        if (strcmp(info->fields[i].name, name) == 0)
            return &info->fields[i];
    return NULL;
}

/* A member that nobody knows: its name is the person's, so it is copied. */
static enum xr_status refuse_unknown(struct reading *r, const char *name)
{
    size_t size = strlen(name) + 1;
    char *copy = xr_arena_take(r->arena, size);
    if (copy == NULL)
        return XR_NOMEM;
    memcpy(copy, name, size);
    return refuse(r, XR_code_MALFORMED, copy);
}

static enum xr_status read_fields(struct reading *r, const struct xr_message_info *info,
                                  const char *name, const json_t *object)
{
    if (!json_is_object(object))
        return refuse(r, XR_code_MALFORMED, name);
    bool is_typed = info->type != 0 && json_object_get(object, "type") != NULL;
    xr_pack_map(&r->body, (uint32_t)json_object_size(object) - is_typed);
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value)
    {
        if (is_typed && strcmp(key, "type") == 0)
            continue;
        const struct xr_field_info *field = find_field(info, key);
        if (field == NULL)
            return refuse_unknown(r, key);
        xr_pack_uint(&r->body, field->number);
        enum xr_status status = read_value(r, field, value);
        if (status != XR_OK)
            return status;
    }
    return XR_OK;
}

static bool is_of_type(const struct xr_message_info *info, const json_t *object)
{
    const json_t *type = json_object_get(object, "type");
    return type == NULL ||
           (json_is_string(type) && strcmp(json_string_value(type), info->name) == 0);
}

enum xr_status xr_json_read(enum xr_type type, const json_t *object, struct xr_arena *arena,
                            const void **out, struct xr_wire_error *error)
{
    struct reading r = {.arena = arena, .error = error};
    const struct xr_message_info *info = xr_message_info(type);
    if (info == NULL)
        return refuse(&r, XR_code_UNKNOWN_TYPE, "");
    if (!is_of_type(info, object))
        return refuse(&r, XR_code_MALFORMED, "type");
    xr_buf_init(&r.body, UINT32_MAX);
    enum xr_status status = read_fields(&r, info, "", object);
    struct xr_bin body = {NULL, 0};
    if (status == XR_OK) {
        body = xr_arena_bin(arena, r.body.at, r.body.size);
        status = r.body.failed || body.at == NULL ? XR_NOMEM : XR_OK;
    }
    if (status == XR_OK)
        status = xr_body_decode(type, body, arena, out, error);
    xr_buf_fini(&r.body);
    return status;
}

/* ---- the schema ------------------------------------------------------------------------------ */

static json_t *describe_enum(const struct xr_enum_info *info)
{
    json_t *values = json_array();
    for (size_t i = 0; i < info->count; i++) {
        const struct xr_enum_value *value = &info->values[i];
        json_t *one = json_pack("{s:s, s:I, s:s}", "name", value->name, "number",
                                (json_int_t)value->number, "doc", value->doc);
        if (json_array_append_new(values, one) != 0) {
            json_decref(values);
            return NULL;
        }
    }
    return json_pack("{s:s, s:s, s:o}", "name", info->name, "doc", info->doc, "values", values);
}

/* The bounds of an enum are its values, a nested part's are its own. */
static json_t *describe_field(const struct xr_field_info *field)
{
    json_t *json =
        json_pack("{s:I, s:s, s:s, s:b}", "number", (json_int_t)field->number, "name", field->name,
                  "type", xr_field_type_name(field->type), "required", (int)field->required);
    int failed = json == NULL;
    if (!failed && field->choice != NULL)
        failed = json_object_set_new(json, "enum", json_string(field->choice->name));
    if (!failed && field->part != NULL)
        failed = json_object_set_new(json, "part", json_string(field->part->name));
    if (!failed && field->choice == NULL && field->type != XR_FIELD_nested)
        failed = json_object_set_new(json, "min", json_integer(field->min)) ||
                 json_object_set_new(json, "max", json_integer(field->max));
    if (!failed)
        failed = json_object_set_new(json, "doc", json_string(field->doc));
    if (!failed)
        return json;
    json_decref(json);
    return NULL;
}

static json_t *describe_message(const struct xr_message_info *info)
{
    json_t *fields = json_array();
    for (size_t i = 0; i < info->count; i++) {
        if (json_array_append_new(fields, describe_field(&info->fields[i])) != 0) {
            json_decref(fields);
            return NULL;
        }
    }
    if (info->kind == XR_KIND_PART)
        return json_pack("{s:s, s:s, s:o}", "name", info->name, "doc", info->doc, "fields", fields);
    return json_pack("{s:s, s:I, s:s, s:s, s:o}", "name", info->name, "type",
                     (json_int_t)info->type, "kind", xr_kind_name(info->kind), "doc", info->doc,
                     "fields", fields);
}

static json_t *describe_limits(void)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "frame_bytes_max",
                     (json_int_t)XR_FRAME_BYTES_MAX, "sp_message_bytes_max",
                     (json_int_t)XR_SP_MESSAGE_BYTES_MAX, "frames_per_message",
                     (json_int_t)XR_FRAMES_PER_MESSAGE, "depth_max", (json_int_t)XR_DEPTH_MAX,
                     "number_max", (json_int_t)XR_NUMBER_MAX, "window_updates",
                     (json_int_t)XR_WINDOW_UPDATES, "window_bytes", (json_int_t)XR_WINDOW_BYTES,
                     "answers_kept", (json_int_t)XR_ANSWERS_KEPT);
}

json_t *xr_json_schema(void)
{
    json_t *enums = json_array();
    json_t *parts = json_array();
    json_t *messages = json_array();
    int failed = enums == NULL || parts == NULL || messages == NULL;
    size_t count;
    const struct xr_enum_info *const *enum_infos = xr_enums(&count);
    for (size_t i = 0; i < count && !failed; i++)
        failed = json_array_append_new(enums, describe_enum(enum_infos[i]));
    const struct xr_message_info *const *infos = xr_messages(&count);
    for (size_t i = 0; i < count && !failed; i++)
        failed = json_array_append_new(infos[i]->kind == XR_KIND_PART ? parts : messages,
                                       describe_message(infos[i]));
    if (!failed)
        return json_pack("{s:I, s:o, s:o, s:o, s:o}", "protocol", (json_int_t)XR_PROTOCOL_VERSION,
                         "limits", describe_limits(), "enums", enums, "parts", parts, "messages",
                         messages);
    json_decref(enums);
    json_decref(parts);
    json_decref(messages);
    return NULL;
}
