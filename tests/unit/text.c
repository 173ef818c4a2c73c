/*
 * Aim: a message reads as one line that nothing in it can break. Method: lines by hand, then every
 * message there is, with text of everything that could do harm.
 */
#include "proto/text.h"
#include "support/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static void assert_line(struct world *w, enum xr_type type, int64_t ref, const void *message,
                        const char *line)
{
    xr_buf_reset(&w->buf);
    xr_text_write(&w->buf, type, ref, message);
    xr_buf_add(&w->buf, "", 1);
    assert_string_equal((const char *)w->buf.at, line);
}

static void a_command_reads_like_a_sentence(void **state)
{
    struct xr_say say = {.session = {3}, .text = XR_STR("你好"), .kind = XR_message_kind_WHISPER};
    assert_line(*state, XR_TYPE_say, 7, &say, "say ref=7 session=3 text=\"你好\" kind=whisper");
    assert_line(*state, XR_TYPE_say, -1, &say, "say session=3 text=\"你好\" kind=whisper");
    struct xr_beat beat = {0};
    assert_line(*state, XR_TYPE_beat, 0, &beat, "beat ref=0");
    assert_line(*state, XR_TYPE_beat, -1, &beat, "beat");
}

static void parts_and_lists_are_bracketed(void **state)
{
    const struct xr_tag tags[] = {{.name = XR_STR("老客"), .colour = 0xff0000},
                                  {.name = XR_STR("b")}};
    const struct xr_str names[] = {XR_STR("x y"), XR_STR("")};
    struct xr_customer_set set = {
        .customer = {9},
        .tags_add = {tags, 2},
        .tags_remove = {names, 2},
    };
    assert_line(*state, XR_TYPE_customer_set, -1, &set,
                "customer_set customer=9 tags_add=[{name=\"老客\" colour=16711680} {name=\"b\"}] "
                "tags_remove=[\"x y\" \"\"]");
    const uint64_t sessions[] = {3, XR_NUMBER_MAX};
    struct xr_customer customer = {
        .more = true,
        .card = {.customer = {9}},
        .sessions = {sessions, 2},
    };
    assert_line(*state, XR_TYPE_customer, -1, &customer,
                "customer more=true card={customer=9} sessions=[3 9007199254740991]");
}

static void bytes_are_hex_and_numbers_have_signs(void **state)
{
    struct xr_hello hello = {
        .protocol = 1,
        .floor = XR_STR("f"),
        .token = {(const uint8_t *)"\x00\x9f\xff", 3},
    };
    assert_line(*state, XR_TYPE_hello, -1, &hello, "hello protocol=1 floor=\"f\" token=009fff");
    struct xr_setting_set set = {.name = XR_STR("n"), .value = -XR_NUMBER_MAX};
    assert_line(*state, XR_TYPE_setting_set, -1, &set,
                "setting_set name=\"n\" value=-9007199254740991");
}

static void zeros_show_where_they_are_marked_or_required(void **state)
{
    struct xr_marker marker = {0};
    assert_line(*state, XR_TYPE_marker, -1, &marker, "marker seq=0 prev=0");
    struct xr_customer_set set = {.has = 1 << 6 | 1 << 3 | 1 << 7, .customer = {1}};
    assert_line(*state, XR_TYPE_customer_set, -1, &set,
                "customer_set customer=1 nick=\"\" flag=0 buyer_type=none");
    struct xr_close close = {.session = {1}, .reason = (enum xr_close_reason)99};
    assert_line(*state, XR_TYPE_close, -1, &close, "close session=1 reason=?");
}

static void what_could_do_harm_is_escaped(void **state)
{
    struct xr_say say = {
        .session = {1},
        .text = XR_STR("a\"b\\c\b\t\n\f\r\x1b[2J\x7f\xc2\x80\xc2\x9f\xc2\xa0"
                       "\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaa"),
    };
    assert_line(*state, XR_TYPE_say, -1, &say,
                "say session=1 text=\"a\\\"b\\\\c\\b\\t\\n\\f\\r\\u001b[2J\\u007f\\u0080\\u009f"
                "\xc2\xa0\\u2028\\u2029\xe2\x80\xaa\"");
    /* Cut in the middle of what would be escaped, at the end of the memory. */
    say.text = (struct xr_str){"\xe2\x80", 2};
    assert_line(*state, XR_TYPE_say, -1, &say, "say session=1 text=\"\xe2\x80\"");
    say.text = (struct xr_str){"\xc2", 1};
    assert_line(*state, XR_TYPE_say, -1, &say, "say session=1 text=\"\xc2\"");
}

static void check_line(struct world *w, const struct xr_message_info *info)
{
    static const enum fill_how hows[] = {FILL_REQUIRED, FILL_MIN, FILL_MAX, FILL_SAMPLE};
    for (size_t i = 0; i < 4; i++) {
        xr_buf_reset(&w->buf);
        xr_text_write(&w->buf, info->type, 1, make(w, info, hows[i]));
        assert_false(w->buf.failed);
        assert_memory_equal(w->buf.at, info->name, strlen(info->name));
        for (size_t at = 0; at < w->buf.size; at++)
            assert_true(w->buf.at[at] >= 0x20);
        for (size_t field = 0; hows[i] == FILL_SAMPLE && field < info->count; field++) {
            char name[80];
            snprintf(name, sizeof(name), " %s=", info->fields[field].name);
            assert_non_null(memmem(w->buf.at, w->buf.size, name, strlen(name)));
        }
    }
}

static void every_message_is_one_line_with_all_its_fields(void **state)
{
    each_message(*state, check_line);
}

static void a_line_that_does_not_fit_fails(void **state)
{
    struct world *w = *state;
    const void *message = make(w, xr_message_info(XR_TYPE_session_changed), FILL_SAMPLE);
    xr_text_write(&w->buf, XR_TYPE_session_changed, 1, message);
    size_t size = w->buf.size;
    for (size_t max = 0; max <= size; max++) {
        struct xr_buf out;
        xr_buf_init(&out, max);
        xr_text_write(&out, XR_TYPE_session_changed, 1, message);
        assert_int_equal(out.failed, max < size);
        xr_buf_fini(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_command_reads_like_a_sentence, set_up, tear_down),
        cmocka_unit_test_setup_teardown(parts_and_lists_are_bracketed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bytes_are_hex_and_numbers_have_signs, set_up, tear_down),
        cmocka_unit_test_setup_teardown(zeros_show_where_they_are_marked_or_required, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_could_do_harm_is_escaped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_message_is_one_line_with_all_its_fields, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_line_that_does_not_fit_fails, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
