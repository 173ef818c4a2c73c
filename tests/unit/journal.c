/*
 * Aim: a row of the journal comes back as it went in, with its audience; the pushed frame is a
 * frame that a client decodes; damaged rows are told from whole ones and nothing outside them is
 * read.
 */
#include "floor/journal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct xr_message_added message_of(const char *text)
{
    return (struct xr_message_added){
        .seq = 77, /* not written */
        .prev = 76,
        .message = {.session = {7},
                    .number = 3,
                    .sender = XR_sender_BUYER,
                    .kind = XR_message_kind_TEXT,
                    .text = xr_str_of(text),
                    .wall_ms = 1700000000000},
    };
}

static struct xr_bin bytes_of(const struct xr_buf *buf)
{
    return (struct xr_bin){buf->at, (uint32_t)buf->size};
}

static void encode(struct xr_buf *buf, struct xr_audience audience, const char *text)
{
    const struct xr_message_added update = message_of(text);
    xr_buf_init(buf, 1 << 20);
    xr_journal_encode(buf, &audience, XR_TYPE_message_added, &update);
    assert_false(buf->failed);
}

static void a_row_comes_back_with_its_audience(void **state)
{
    (void)state;
    const struct xr_audience audience = {.roles = 1U << XR_role_OWNER | 1U << XR_role_SUPERVISOR,
                                         .agents = {3, 0x01020304, UINT32_MAX, 9}};
    struct xr_buf buf;
    struct xr_journal_row row;
    encode(&buf, audience, "hello");
    assert_int_equal(xr_journal_decode(bytes_of(&buf), &row), XR_OK);
    assert_int_equal(row.audience.roles, audience.roles);
    assert_memory_equal(row.audience.agents, audience.agents, sizeof audience.agents);
    assert_int_equal(row.type, XR_TYPE_message_added);
    assert_int_equal(row.fields, 1);
    xr_buf_fini(&buf);
}

static void the_header_is_the_documented_one(void **state)
{
    (void)state;
    const struct xr_audience audience = {.roles = 1U << XR_role_SUPERVISOR, .agents = {0x0304}};
    const uint8_t wanted[] = {1, 2, 1, 4, 3, 0, 0, XR_TYPE_message_added, 1, 3};
    struct xr_buf buf;
    encode(&buf, audience, "hello");
    assert_memory_equal(buf.at, wanted, sizeof wanted);
    xr_buf_fini(&buf);
}

static void rows_are_appended_behind_what_is_there(void **state)
{
    (void)state;
    const struct xr_audience audience = {.agents = {5}};
    const struct xr_message_added update = message_of("x");
    struct xr_buf buf;
    struct xr_journal_row row;
    xr_buf_init(&buf, 1 << 20);
    xr_buf_text(&buf, "before");
    xr_journal_encode(&buf, &audience, XR_TYPE_message_added, &update);
    assert_memory_equal(buf.at, "before", 6);
    const struct xr_bin rest = {buf.at + 6, (uint32_t)buf.size - 6};
    assert_int_equal(xr_journal_decode(rest, &row), XR_OK);
    assert_int_equal(row.audience.agents[0], 5);
    xr_buf_fini(&buf);
}

static void a_full_buffer_shows_as_failed(void **state)
{
    (void)state;
    const struct xr_audience audience = {.agents = {5}};
    const struct xr_message_added update = message_of("a text that has no room");
    struct xr_buf buf;
    for (size_t max = 1; max < 32; max++) {
        xr_buf_init(&buf, max);
        xr_journal_encode(&buf, &audience, XR_TYPE_message_added, &update);
        assert_true(buf.failed);
        xr_buf_fini(&buf);
    }
}

/* As the gate does: head, then the packed fields. */
static void push_and_decode(uint64_t seq, uint64_t prev)
{
    const struct xr_audience audience = {.agents = {5}};
    struct xr_buf buf;
    struct xr_buf frame_bytes;
    struct xr_journal_row row;
    struct xr_frame frame;
    struct xr_wire_error error;
    uint8_t head[XR_PUSH_HEAD_MAX];
    size_t used = 0;
    const void *out;
    struct xr_arena *arena = xr_arena_new(1024);

    encode(&buf, audience, "你好");
    assert_int_equal(xr_journal_decode(bytes_of(&buf), &row), XR_OK);
    const size_t size = xr_journal_head(&row, seq, prev, head);
    assert_true(size <= XR_PUSH_HEAD_MAX);
    xr_buf_init(&frame_bytes, 1 << 20);
    xr_buf_add(&frame_bytes, head, size);
    xr_buf_add(&frame_bytes, row.packed.at, row.packed.size);

    assert_int_equal(xr_frame_read(bytes_of(&frame_bytes), &frame, &used), XR_OK);
    assert_int_equal(used, frame_bytes.size);
    assert_int_equal(frame.ref, 0);
    assert_int_equal(frame.type, XR_TYPE_message_added);
    assert_int_equal(xr_body_decode(XR_TYPE_message_added, frame.body, arena, &out, &error), XR_OK);
    const struct xr_message_added *update = out;
    assert_int_equal(update->seq, seq);
    assert_int_equal(update->prev, prev);
    assert_int_equal(update->message.number, 3);
    assert_true(xr_str_equal(update->message.text, XR_STR("你好")));
    xr_arena_free(arena);
    xr_buf_fini(&frame_bytes);
    xr_buf_fini(&buf);
}

static void a_pushed_frame_decodes_for_every_size_of_number(void **state)
{
    (void)state;
    static const uint64_t numbers[] = {
        1, 127, 128, 255, 256, 65535, 65536, UINT32_MAX, UINT64_C(1) << 32, XR_NUMBER_MAX};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        push_and_decode(numbers[i], 0);
        push_and_decode(numbers[i], numbers[i]);
        push_and_decode(XR_NUMBER_MAX, numbers[i]);
    }
}

static void a_head_counts_many_fields(void **state)
{
    (void)state;
    uint8_t head[XR_PUSH_HEAD_MAX];
    const struct xr_journal_row few = {.type = XR_TYPE_session_changed, .fields = 13};
    const struct xr_journal_row many = {.type = XR_TYPE_session_changed, .fields = 14};
    const uint8_t few_head[] = {0x93, XR_TYPE_session_changed, 0, 0x8f, 1, 5, 2, 4};
    const uint8_t many_head[] = {0x93, XR_TYPE_session_changed, 0, 0xde, 0, 16, 1, 5, 2, 4};
    assert_int_equal(xr_journal_head(&few, 5, 4, head), sizeof few_head);
    assert_memory_equal(head, few_head, sizeof few_head);
    assert_int_equal(xr_journal_head(&many, 5, 4, head), sizeof many_head);
    assert_memory_equal(head, many_head, sizeof many_head);
}

static void a_row_is_read_whole_as_a_message_of_its_own_memory(void **state)
{
    (void)state;
    const struct xr_audience audience = {.agents = {5}};
    struct xr_buf buf;
    struct xr_journal_row row;
    const void *out;
    struct xr_arena *arena = xr_arena_new(64);
    encode(&buf, audience, "kept");
    assert_int_equal(xr_journal_decode(bytes_of(&buf), &row), XR_OK);
    assert_int_equal(xr_journal_message(&row, 300, arena, &out), XR_OK);
    memset(buf.at, 0xa5, buf.size); /* the table's bytes are gone */
    const struct xr_message_added *update = out;
    assert_int_equal(update->seq, 300);
    assert_int_equal(update->prev, 0);
    assert_true(xr_str_equal(update->message.text, XR_STR("kept")));
    xr_arena_free(arena);
    xr_buf_fini(&buf);
}

static void only_updates_are_messages_of_the_journal(void **state)
{
    (void)state;
    const uint8_t packed[] = {1, 1};
    const void *out;
    struct xr_arena *arena = xr_arena_new(64);
    struct xr_journal_row row = {.type = XR_TYPE_say, .fields = 1, .packed = {packed, 2}};
    assert_int_equal(xr_journal_message(&row, 1, arena, &out), XR_CORRUPT);
    row.type = (enum xr_type)250;
    assert_int_equal(xr_journal_message(&row, 1, arena, &out), XR_CORRUPT);
    row.type = XR_TYPE_message_added; /* field 3 is missing */
    assert_int_equal(xr_journal_message(&row, 1, arena, &out), XR_CORRUPT);
    xr_arena_free(arena);
}

/* Copies end exactly where the bytes do, so that a sanitizer sees one byte too many. */
static void damaged_rows_are_refused(void **state)
{
    (void)state;
    const struct xr_audience audience = {.roles = 2, .agents = {3, 4}};
    struct xr_buf buf;
    struct xr_journal_row row;
    encode(&buf, audience, "hello");
    const size_t header = 5 + 2 * 4;
    for (size_t size = 0; size <= header; size++) {
        uint8_t *copy = malloc(size ? size : 1);
        memcpy(copy, buf.at, size);
        assert_int_equal(xr_journal_decode((struct xr_bin){copy, (uint32_t)size}, &row),
                         XR_CORRUPT);
        free(copy);
    }
    buf.at[0] = 2; /* another format */
    assert_int_equal(xr_journal_decode(bytes_of(&buf), &row), XR_CORRUPT);
    buf.at[0] = 1;
    buf.at[2] = 5; /* more agents than there can be */
    assert_int_equal(xr_journal_decode(bytes_of(&buf), &row), XR_CORRUPT);
    buf.at[2] = 2;
    buf.at[header - 2] = 0; /* no type */
    assert_int_equal(xr_journal_decode(bytes_of(&buf), &row), XR_CORRUPT);
    buf.at[header - 2] = XR_TYPE_message_added;
    buf.at[header - 1] = 0; /* fields, but none counted */
    assert_int_equal(xr_journal_decode(bytes_of(&buf), &row), XR_CORRUPT);
    xr_buf_fini(&buf);
}

static void an_audience_is_roles_and_agents(void **state)
{
    (void)state;
    const struct xr_audience audience = {.roles = 1U << XR_role_SUPERVISOR, .agents = {3, 9}};
    const struct xr_audience nobody = {.roles = 0};
    const struct xr_agent_id three = {3};
    const struct xr_agent_id four = {4};
    const struct xr_agent_id none = {0};
    assert_true(xr_audience_has(&audience, three, XR_role_AGENT));
    assert_true(xr_audience_has(&audience, (struct xr_agent_id){9}, XR_role_BRIDGE));
    assert_true(xr_audience_has(&audience, four, XR_role_SUPERVISOR));
    assert_false(xr_audience_has(&audience, four, XR_role_AGENT));
    assert_false(xr_audience_has(&audience, four, XR_role_OWNER));
    assert_false(xr_audience_has(&audience, none, XR_role_AGENT));
    assert_false(xr_audience_has(&nobody, three, XR_role_OWNER));
    assert_false(xr_audience_has(&(struct xr_audience){.roles = 1}, three, XR_role_NONE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_comes_back_with_its_audience),
        cmocka_unit_test(the_header_is_the_documented_one),
        cmocka_unit_test(rows_are_appended_behind_what_is_there),
        cmocka_unit_test(a_full_buffer_shows_as_failed),
        cmocka_unit_test(a_pushed_frame_decodes_for_every_size_of_number),
        cmocka_unit_test(a_head_counts_many_fields),
        cmocka_unit_test(a_row_is_read_whole_as_a_message_of_its_own_memory),
        cmocka_unit_test(only_updates_are_messages_of_the_journal),
        cmocka_unit_test(damaged_rows_are_refused),
        cmocka_unit_test(an_audience_is_roles_and_agents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
