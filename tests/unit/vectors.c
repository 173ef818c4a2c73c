/*
 * Aim: frames that were once released are read alike for ever, and every field has been released in
 * one. Method: each vector is decoded, written again as bytes, text and JSON, and compared; the
 * fields seen are counted.
 *
 * With --write the program adds vectors for what has none yet, and changes nothing that is there:
 * a vector that no longer passes is a broken promise, not a file to write afresh.
 */
#include "proto/json.h"
#include "proto/text.h"
#include "support/fill.h"
#include "support/vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* ---- which fields have been seen ------------------------------------------------------------- */

#define INFOS_MAX 256

static const struct xr_message_info *const *infos;
static size_t infos_count;
static uint64_t seen[INFOS_MAX];

static uint64_t *seen_of(const struct xr_message_info *info)
{
    for (size_t i = 0; i < infos_count; i++)
        if (infos[i] == info)
            return &seen[i];
    XR_ASSERT(false); /* no such message */
    return NULL;
}

static void see(const struct xr_message_info *info, const void *message)
{
    uint64_t has = xr_load_u64(message);
    *seen_of(info) |= has;
    for (size_t i = 0; i < info->count; i++) {
        const struct xr_field_info *field = &info->fields[i];
        const char *place = (const char *)message + field->offset;
        if (field->part == NULL || ((has >> field->number) & 1) == 0)
            continue;
        if (field->type == XR_FIELD_nested) {
            see(field->part, place);
            continue;
        }
        struct xr_list list = xr_load_list(place);
        for (uint32_t k = 0; k < list.count; k++)
            see(field->part, (const char *)list.at + k * field->part->size);
    }
}

static uint64_t all_fields(const struct xr_message_info *info)
{
    uint64_t all = 0;
    for (size_t i = 0; i < info->count; i++)
        all |= (uint64_t)1 << info->fields[i].number;
    return all;
}

static bool is_covered(const struct xr_message_info *info)
{
    bool covered = *seen_of(info) == all_fields(info);
    for (size_t i = 0; i < info->count && covered; i++)
        if (info->fields[i].part != NULL)
            covered = is_covered(info->fields[i].part);
    return covered;
}

static const void *decode(const struct vector *vector, struct xr_arena *arena,
                          struct xr_frame *frame)
{
    size_t used;
    const void *message = NULL;
    struct xr_wire_error error = {.field = ""};
    if (xr_frame_read(vector->frame, frame, &used) != XR_OK || used != vector->frame.size)
        return NULL;
    if (xr_body_decode((enum xr_type)frame->type, frame->body, arena, &message, &error) != XR_OK)
        return NULL;
    return message;
}

/* ---- an exchange for PROTOCOL.md ---------------------------------------------------------------
 */

#define TOKEN                                                                                      \
    {                                                                                              \
        (const uint8_t *)"\x3a\x91\x5c\x07\xee\x42\xb8\x1d\x60\xf3\x2b\x84\xc9\x15\x7e\xa0"        \
                         "\x58\xd2\x0b\x96\x4f\xe1\x33\x7a\x8c\x05\xbd\x69\x12\xfa\x47\xd0",       \
            32                                                                                     \
    }
#define NOW 1764000001000

/* A bridge logs in, brings a buyer, reads an agent's answer, and leaves. Client's frames end in
 * -client, the server's in -server. */
static void each_of_exchange(void (*visit)(const char *, enum xr_type, uint64_t, const void *))
{
    const struct xr_hello hello = {
        .protocol = 1,
        .floor = XR_STR("demo"),
        .login = XR_STR("tao"),
        .password = XR_STR("correct horse"),
        .feed = true,
        .client = XR_STR("weekend/1.0"),
    };
    visit("exchange/01-client", XR_TYPE_hello, 1, &hello);
    const struct xr_welcome welcome = {
        .protocol = 1,
        .agent = {4},
        .role = XR_role_BRIDGE,
        .name = XR_STR("tao"),
        .device = {1002},
        .token = TOKEN,
        .cursor = 8,
        .head = 8,
        .commit = XR_commit_mode_SYNC,
        .wall_ms = NOW,
        .lease_ms = 15000,
        .beat_ms = 5000,
        .state = XR_presence_OFFLINE,
        .server = XR_STR("xiaoerd/0.1.0"),
    };
    visit("exchange/02-server", XR_TYPE_welcome, 1, &welcome);
    const struct xr_open open = {
        .channel = XR_STR("taobao"),
        .buyer = XR_STR("b1"),
        .nick = XR_STR("小雨"),
        .text = XR_STR("在吗?"),
    };
    visit("exchange/03-client", XR_TYPE_open, 1, &open);
    struct xr_session_changed changed = {
        .seq = 9,
        .prev = 8,
        .change = XR_change_OPENED,
        .session = {.session = {1},
                    .state = XR_session_state_QUEUED,
                    .klass = XR_queue_class_NORMAL,
                    .group = {1},
                    .customer = {1},
                    .nick = XR_STR("小雨"),
                    .channel = XR_STR("taobao"),
                    .buyer = XR_STR("b1"),
                    .opened_ms = NOW,
                    .bridge = {4}},
        .by = {4},
    };
    visit("exchange/04-server", XR_TYPE_session_changed, 0, &changed);
    changed.seq = 10;
    changed.prev = 9;
    changed.change = XR_change_ASSIGNED;
    changed.session.state = XR_session_state_OPEN;
    changed.session.agent.n = 2;
    changed.card = (struct xr_customer_card){
        .customer = {1},
        .nick = XR_STR("小雨"),
        .channel = XR_STR("taobao"),
        .buyer = XR_STR("b1"),
        .first_ms = NOW,
        .last_ms = NOW,
        .visits = 1,
    };
    visit("exchange/05-server", XR_TYPE_session_changed, 0, &changed);
    const struct xr_done done = {
        .session = {1},
        .number = 1,
        .seq = 11,
        .customer = {1},
        .state = XR_session_state_OPEN,
    };
    visit("exchange/06-server", XR_TYPE_done, 1, &done);
    const struct xr_ack ack = {.seq = 10};
    visit("exchange/07-client", XR_TYPE_ack, 0, &ack);
    const struct xr_message_added added = {
        .seq = 12,
        .prev = 10,
        .message = {.session = {1},
                    .number = 2,
                    .sender = XR_sender_AGENT,
                    .agent = {2},
                    .kind = XR_message_kind_TEXT,
                    .text = XR_STR("在的, 亲"),
                    .wall_ms = NOW + 2500,
                    .salt = {(const uint8_t *)"\x0c\x9e\x31\x77\x5a\xd4\x02\xbb"
                                              "\x86\x4f\xe9\x20\x13\x6d\xc8\xf5",
                             16}},
    };
    visit("exchange/08-server", XR_TYPE_message_added, 0, &added);
    const struct xr_say say = {
        .done = 1,
        .session = {1},
        .text = XR_STR("这件有 M 码吗?"),
    };
    visit("exchange/09-client", XR_TYPE_say, 2, &say);
    const struct xr_done said = {.session = {1}, .number = 3, .seq = 13};
    visit("exchange/10-server", XR_TYPE_done, 2, &said);
    const struct xr_beat beat = {0};
    visit("exchange/11-client", XR_TYPE_beat, 5, &beat);
    const struct xr_marker marker = {.seq = 13, .prev = 12, .wall_ms = NOW + 10000};
    visit("exchange/12-server", XR_TYPE_marker, 5, &marker);
    const struct xr_say wrong = {.done = 2, .session = {99}, .text = XR_STR("?")};
    visit("exchange/13-client", XR_TYPE_say, 3, &wrong);
    const struct xr_error error = {.code = XR_code_NOT_FOUND, .field = XR_STR("session")};
    visit("exchange/14-server", XR_TYPE_error, 3, &error);
    const struct xr_bye bye = {0};
    visit("exchange/15-client", XR_TYPE_bye, 0, &bye);
}

/* ---- writing --------------------------------------------------------------------------------- */

static struct vectors written;
static struct xr_arena *arena;

static void append_vector(const char *file_name, const struct vector *vector)
{
    char path[4096];
    snprintf(path, sizeof(path), XR_TESTS_DIR "/vectors/v%d/%s.txt", XR_PROTOCOL_VERSION,
             file_name);
    FILE *file = fopen(path, "a");
    if (file == NULL) {
        perror(path);
        exit(1);
    }
    fprintf(file, "name: %s\nframe: ", vector->name);
    for (uint32_t i = 0; i < vector->frame.size; i++)
        fprintf(file, "%02x", vector->frame.at[i]);
    fprintf(file, "\ntext: %s\njson: %s\n\n", vector->text, vector->json);
    fclose(file);
}

static void write_exchange_vector(const char *name, enum xr_type type, uint64_t ref,
                                  const void *message)
{
    if (vectors_find(&written, name) != NULL)
        return;
    struct vector vector = vector_make(name, type, ref, message);
    append_vector("exchange", &vector);
    vector_fini(&vector);
}

static void write_message(const struct xr_message_info *info, enum fill_how how, const char *form)
{
    char name[128];
    snprintf(name, sizeof(name), "%s/%s", info->name, form);
    for (int i = 2; vectors_find(&written, name) != NULL; i++)
        snprintf(name, sizeof(name), "%s/%s-%d", info->name, form, i);
    struct fill fill = {arena, how, 1, 2, 64};
    const void *message = fill_message(&fill, info);
    bool has_ref = info->kind != XR_KIND_UPDATE && info->kind != XR_KIND_NOTICE;
    struct vector vector = vector_make(name, info->type, has_ref ? 7 : 0, message);
    append_vector(xr_kind_name(info->kind), &vector);
    vector_fini(&vector);
    see(info, message);
}

static void see_all(const struct vectors *vectors)
{
    memset(seen, 0, sizeof(seen));
    for (size_t i = 0; i < vectors->count; i++) {
        struct xr_frame frame;
        const void *message = decode(&vectors->at[i], arena, &frame);
        if (message != NULL)
            see(xr_message_info((enum xr_type)frame.type), message);
    }
}

static bool has_any(const struct xr_message_info *info)
{
    char name[128];
    snprintf(name, sizeof(name), "%s/required", info->name);
    return vectors_find(&written, name) != NULL;
}

static void write_missing(void)
{
    see_all(&written);
    each_of_exchange(write_exchange_vector);
    for (size_t i = 0; i < infos_count; i++) {
        if (infos[i]->kind == XR_KIND_PART)
            continue;
        if (!has_any(infos[i]))
            write_message(infos[i], FILL_REQUIRED, "required");
        else if (is_covered(infos[i]))
            continue;
        if (infos[i]->count > 0)
            write_message(infos[i], FILL_SAMPLE, "all");
    }
}

/* ---- the tests ------------------------------------------------------------------------------- */

static void check_json(const struct vector *vector, const struct xr_frame *frame)
{
    json_t *object = json_loads(vector->json, 0, NULL);
    const void *message = NULL;
    struct xr_wire_error error = {.field = ""};
    if (xr_json_read((enum xr_type)frame->type, object, arena, &message, &error) != XR_OK)
        fail_msg("%s: its JSON is refused: %s", vector->name, error.field);
    struct xr_buf bytes;
    xr_buf_init(&bytes, XR_FRAME_BYTES_MAX);
    xr_frame_encode(&bytes, (enum xr_type)frame->type, frame->ref, message);
    if (!xr_bin_equal((struct xr_bin){bytes.at, (uint32_t)bytes.size}, vector->frame))
        fail_msg("%s: its JSON gives other bytes", vector->name);
    xr_buf_fini(&bytes);
    json_decref(object);
}

static void vectors_are_read_and_written_as_ever(void **state)
{
    (void)state;
    assert_true(written.count > 150);
    for (size_t i = 0; i < written.count; i++) {
        const struct vector *vector = &written.at[i];
        struct xr_frame frame;
        xr_arena_reset(arena);
        const void *message = decode(vector, arena, &frame);
        if (message == NULL)
            fail_msg("%s is no longer read", vector->name);
        struct vector again =
            vector_make(vector->name, (enum xr_type)frame.type, frame.ref, message);
        assert_string_equal(again.text, vector->text);
        assert_string_equal(again.json, vector->json);
        if (!xr_bin_equal(again.frame, vector->frame))
            fail_msg("%s: is written as other bytes", vector->name);
        check_json(vector, &frame);
        vector_fini(&again);
    }
}

static void every_message_and_field_has_a_vector(void **state)
{
    (void)state;
    xr_arena_reset(arena);
    see_all(&written);
    for (size_t i = 0; i < infos_count; i++)
        if (!is_covered(infos[i]) || (infos[i]->type != 0 && !has_any(infos[i])))
            fail_msg("%s: a field is in no vector: test_unit_vectors --write", infos[i]->name);
}

static void names_of_vectors_are_unique(void **state)
{
    (void)state;
    for (size_t i = 0; i < written.count; i++)
        assert_ptr_equal(vectors_find(&written, written.at[i].name), &written.at[i]);
}

static void compare_exchange(const char *name, enum xr_type type, uint64_t ref, const void *message)
{
    const struct vector *vector = vectors_find(&written, name);
    assert_non_null(vector);
    struct vector made = vector_make(name, type, ref, message);
    assert_true(xr_bin_equal(made.frame, vector->frame));
    vector_fini(&made);
}

static void structs_by_hand_give_the_bytes_of_the_exchange(void **state)
{
    (void)state;
    each_of_exchange(compare_exchange);
}

int main(int argc, char **argv)
{
    infos = xr_messages(&infos_count);
    XR_ASSERT(infos_count <= INFOS_MAX);
    arena = xr_arena_new(1 << 16);
    written = vectors_load(XR_TESTS_DIR);
    int result = 0;
    if (argc > 1 && strcmp(argv[1], "--write") == 0) {
        write_missing();
    } else {
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(vectors_are_read_and_written_as_ever),
            cmocka_unit_test(every_message_and_field_has_a_vector),
            cmocka_unit_test(names_of_vectors_are_unique),
            cmocka_unit_test(structs_by_hand_give_the_bytes_of_the_exchange),
        };
        result = cmocka_run_group_tests(tests, NULL, NULL);
    }
    vectors_free(&written);
    xr_arena_free(arena);
    return result;
}
