/*
 * Aim: the JSON form says the same as the bytes, and what a person writes is checked like a frame.
 * Method: every message there and back through dumped text; objects by hand, each wrong in one way;
 * the schema is compared with the tables it is made from.
 */
#include "proto/json.h"
#include "support/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static enum xr_status read_text(struct world *w, enum xr_type type, const char *text,
                                const void **out, struct xr_wire_error *error)
{
    json_t *object = json_loads(text, JSON_ALLOW_NUL, NULL);
    assert_non_null(object);
    *out = NULL;
    *error = (struct xr_wire_error){.field = ""};
    enum xr_status status = xr_json_read(type, object, w->decoded, out, error);
    json_decref(object);
    return status;
}

static void round_trip(struct world *w, const struct xr_message_info *info, const void *message)
{
    json_t *object = xr_json_write(info->type, message);
    assert_non_null(object);
    char *text = json_dumps(object, JSON_COMPACT);
    assert_non_null(text);
    assert_memory_equal(text, "{\"type\":\"", 9);
    const void *back;
    struct xr_wire_error error;
    enum xr_status status = read_text(w, info->type, text, &back, &error);
    if (status != XR_OK)
        fail_msg("%s: %s %s", info->name, xr_choice_name("code", error.code), error.field);
    assert_true(messages_equal(info, message, back, true));
    free(text);
    json_decref(object);
}

static void round_trip_all(struct world *w, const struct xr_message_info *info)
{
    round_trip(w, info, make(w, info, FILL_REQUIRED));
    round_trip(w, info, make(w, info, FILL_MIN));
    round_trip(w, info, make(w, info, FILL_MAX));
    round_trip(w, info, make(w, info, FILL_SAMPLE));
    struct fill fill = fill_how(w, FILL_DRAWN, 55 + (uint64_t)info->type);
    for (int i = 0; i < 20; i++)
        round_trip(w, info, fill_message(&fill, info));
}

static void every_message_comes_back_from_json(void **state)
{
    each_message(*state, round_trip_all);
}

static void members_stand_in_the_order_of_the_schema(void **state)
{
    (void)state;
    struct xr_say say = {.session = {3}, .text = XR_STR("你好"), .seen = 2};
    json_t *object = xr_json_write(XR_TYPE_say, &say);
    char *text = json_dumps(object, JSON_COMPACT);
    assert_string_equal(text, "{\"type\":\"say\",\"session\":3,\"text\":\"你好\",\"seen\":2}");
    free(text);
    json_decref(object);
}

/* Test vectors of RFC 4648, and the two digits that differ in base64url. */
static void bytes_are_base64url(void **state)
{
    struct world *w = *state;
    static const struct {
        struct xr_bin bytes;
        const char *text;
    } examples[] = {
        {{(const uint8_t *)"f", 1}, "Zg"},
        {{(const uint8_t *)"fo", 2}, "Zm8"},
        {{(const uint8_t *)"foo", 3}, "Zm9v"},
        {{(const uint8_t *)"foob", 4}, "Zm9vYg"},
        {{(const uint8_t *)"fooba", 5}, "Zm9vYmE"},
        {{(const uint8_t *)"foobar", 6}, "Zm9vYmFy"},
        {{(const uint8_t *)"\xfb\xff\xbf", 3}, "-_-_"},
    };
    for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
        struct xr_hello hello = {.protocol = 1, .floor = XR_STR("f"), .token = examples[i].bytes};
        json_t *object = xr_json_write(XR_TYPE_hello, &hello);
        assert_string_equal(json_string_value(json_object_get(object, "token")), examples[i].text);
        const void *out;
        struct xr_wire_error error;
        assert_int_equal(xr_json_read(XR_TYPE_hello, object, w->decoded, &out, &error), XR_OK);
        assert_true(xr_bin_equal(((const struct xr_hello *)out)->token, examples[i].bytes));
        json_decref(object);
    }
}

static void what_a_person_may_leave_out_may_be_left_out(void **state)
{
    struct world *w = *state;
    const void *out;
    struct xr_wire_error error;
    assert_int_equal(
        read_text(w, XR_TYPE_say, "{\"session\": 3, \"text\": \"x\", \"kind\": 5}", &out, &error),
        XR_OK);
    const struct xr_say *say = out;
    assert_int_equal(say->kind, XR_message_kind_WHISPER);
    assert_false(XR_HAS(say, 5));
    assert_int_equal(read_text(w, XR_TYPE_beat, "{}", &out, &error), XR_OK);
}

static void what_a_person_gets_wrong_is_named(void **state)
{
    struct world *w = *state;
    static const struct {
        enum xr_type type;
        const char *text;
        enum xr_code code;
        const char *field;
    } examples[] = {
        {XR_TYPE_say, "[]", XR_code_MALFORMED, ""},
        {XR_TYPE_say, "{\"type\": \"open\"}", XR_code_MALFORMED, "type"},
        {XR_TYPE_say, "{\"type\": 17}", XR_code_MALFORMED, "type"},
        {XR_TYPE_say, "{\"session\": 1, \"txet\": \"x\"}", XR_code_MALFORMED, "txet"},
        {XR_TYPE_say, "{\"session\": 1}", XR_code_MISSING, "text"},
        {XR_TYPE_say, "{\"session\": 0, \"text\": \"x\"}", XR_code_RANGE, "session"},
        {XR_TYPE_say, "{\"session\": \"1\", \"text\": \"x\"}", XR_code_MALFORMED, "session"},
        {XR_TYPE_say, "{\"session\": 1.0, \"text\": \"x\"}", XR_code_MALFORMED, "session"},
        {XR_TYPE_say, "{\"session\": null, \"text\": \"x\"}", XR_code_MALFORMED, "session"},
        {XR_TYPE_say, "{\"session\": 1, \"text\": \"\"}", XR_code_RANGE, "text"},
        {XR_TYPE_say, "{\"session\": 1, \"text\": 5}", XR_code_MALFORMED, "text"},
        {XR_TYPE_say, "{\"session\": 1, \"text\": \"a\\u0000\"}", XR_code_RANGE, "text"},
        {XR_TYPE_say, "{\"session\": 1, \"text\": \"x\", \"kind\": \"TEXT\"}", XR_code_RANGE,
         "kind"},
        {XR_TYPE_say, "{\"session\": 1, \"text\": \"x\", \"kind\": []}", XR_code_MALFORMED, "kind"},
        {XR_TYPE_say, "{\"session\": 1, \"text\": \"x\", \"kind\": 77}", XR_code_RANGE, "kind"},
        {XR_TYPE_say, "{\"session\": 1, \"text\": \"x\", \"seen\": -1}", XR_code_RANGE, "seen"},
        {XR_TYPE_hello, "{\"token\": \"A\"}", XR_code_MALFORMED, "token"},
        {XR_TYPE_hello, "{\"token\": \"AB\"}", XR_code_MALFORMED, "token"},
        {XR_TYPE_hello, "{\"token\": \"AA==\"}", XR_code_MALFORMED, "token"},
        {XR_TYPE_hello, "{\"token\": \"+/+/\"}", XR_code_MALFORMED, "token"},
        {XR_TYPE_hello, "{\"token\": 1}", XR_code_MALFORMED, "token"},
        {XR_TYPE_hello, "{\"feed\": 1}", XR_code_MALFORMED, "feed"},
        {XR_TYPE_account_set, "{\"groups\": 1}", XR_code_MALFORMED, "groups"},
        {XR_TYPE_account_set, "{\"groups\": [\"1\"]}", XR_code_MALFORMED, "groups"},
        {XR_TYPE_account_set, "{\"groups\": [-1]}", XR_code_RANGE, "groups"},
        {XR_TYPE_customer_set, "{\"customer\": 1, \"tags_add\": [1]}", XR_code_MALFORMED,
         "tags_add"},
        {XR_TYPE_customer_set, "{\"customer\": 1, \"tags_add\": [{}]}", XR_code_MISSING, "name"},
        {XR_TYPE_customer_set, "{\"customer\": 1, \"tags_add\": [{\"nam\": 1}]}", XR_code_MALFORMED,
         "nam"},
        {XR_TYPE_customer_set, "{\"customer\": 1, \"tags_add\": [{\"type\": \"tag\"}]}",
         XR_code_MALFORMED, "type"},
        {XR_TYPE_customer_set, "{\"customer\": 1, \"tags_remove\": [1]}", XR_code_MALFORMED,
         "tags_remove"},
        {(enum xr_type)250, "{}", XR_code_UNKNOWN_TYPE, ""},
    };
    for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
        const void *out;
        struct xr_wire_error error;
        enum xr_status status = read_text(w, examples[i].type, examples[i].text, &out, &error);
        if (status != XR_BAD || error.code != examples[i].code ||
            strcmp(error.field, examples[i].field) != 0)
            fail_msg("%s: %s %s", examples[i].text, xr_choice_name("code", error.code),
                     error.field);
        assert_null(out);
    }
}

static void a_list_that_is_too_long_is_refused(void **state)
{
    struct world *w = *state;
    json_t *groups = json_array();
    for (int i = 0; i < XR_GROUPS_PER_AGENT + 1; i++)
        assert_int_equal(json_array_append_new(groups, json_integer(1)), 0);
    json_t *object = json_pack("{s:o}", "groups", groups);
    const void *out;
    struct xr_wire_error error;
    assert_int_equal(xr_json_read(XR_TYPE_account_set, object, w->decoded, &out, &error), XR_BAD);
    assert_int_equal(error.code, XR_code_RANGE);
    json_decref(object);
}

/* jansson's memory is taken from ours while this runs, so that its allocations fail as well. */
static void no_memory_is_told(void **state)
{
    struct world *w = *state;
    json_set_alloc_funcs(xr_mem_alloc, xr_mem_free);
    const struct xr_message_info *info = xr_message_info(XR_TYPE_customer);
    const void *message = make(w, info, FILL_SAMPLE);
    json_t *object = NULL;
    for (uint64_t nth = 1; object == NULL; nth++) {
        assert_true(nth < 1000);
        xr_mem_arm(nth, nth % 2 == 0);
        object = xr_json_write(info->type, message);
        xr_mem_arm(0, false);
    }
    enum xr_status status = XR_NOMEM;
    for (uint64_t nth = 1; status != XR_OK; nth++) {
        assert_true(nth < 1000);
        assert_int_equal(status, XR_NOMEM);
        struct xr_arena *small = xr_arena_new(0);
        const void *out;
        struct xr_wire_error error;
        xr_mem_arm(nth, nth % 2 == 0);
        status = xr_json_read(info->type, object, small, &out, &error);
        xr_mem_arm(0, false);
        xr_arena_free(small);
    }
    json_decref(object);
    json_t *schema = NULL;
    for (uint64_t nth = 1; schema == NULL; nth = nth * 5 / 4 + 1) {
        xr_mem_arm(nth, true);
        schema = xr_json_schema();
        xr_mem_arm(0, false);
    }
    json_decref(schema);
    json_set_alloc_funcs(malloc, free);
}

static const json_t *find_named(const json_t *array, const char *name)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        const json_t *one = json_array_get(array, i);
        if (strcmp(json_string_value(json_object_get(one, "name")), name) == 0)
            return one;
    }
    return NULL;
}

static void check_described(const json_t *fields, const struct xr_message_info *info)
{
    assert_int_equal(json_array_size(fields), info->count);
    for (size_t i = 0; i < info->count; i++) {
        const json_t *field = find_named(fields, info->fields[i].name);
        assert_non_null(field);
        assert_int_equal(json_integer_value(json_object_get(field, "number")),
                         info->fields[i].number);
        assert_int_equal(json_is_true(json_object_get(field, "required")),
                         info->fields[i].required);
        const json_t *part = json_object_get(field, "part");
        if (info->fields[i].part != NULL)
            assert_string_equal(json_string_value(part), info->fields[i].part->name);
        else
            assert_null(part);
    }
}

static void the_schema_says_it_all(void **state)
{
    (void)state;
    json_t *schema = xr_json_schema();
    size_t count;
    const struct xr_message_info *const *all = xr_messages(&count);
    const json_t *messages = json_object_get(schema, "messages");
    const json_t *parts = json_object_get(schema, "parts");
    const json_t *enums = json_object_get(schema, "enums");
    assert_int_equal(json_array_size(messages) + json_array_size(parts), count);
    for (size_t i = 0; i < count; i++) {
        const json_t *one = find_named(all[i]->type != 0 ? messages : parts, all[i]->name);
        assert_non_null(one);
        check_described(json_object_get(one, "fields"), all[i]);
    }
    const struct xr_enum_info *const *infos = xr_enums(&count);
    for (size_t i = 0; i < count; i++) {
        const json_t *one = find_named(enums, infos[i]->name);
        assert_int_equal(json_array_size(json_object_get(one, "values")), infos[i]->count);
    }
    assert_int_equal(json_integer_value(json_object_get(schema, "protocol")), XR_PROTOCOL_VERSION);
    json_decref(schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_message_comes_back_from_json, set_up, tear_down),
        cmocka_unit_test(members_stand_in_the_order_of_the_schema),
        cmocka_unit_test_setup_teardown(bytes_are_base64url, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_a_person_may_leave_out_may_be_left_out, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_a_person_gets_wrong_is_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_list_that_is_too_long_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_memory_is_told, set_up, tear_down),
        cmocka_unit_test(the_schema_says_it_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
