/*
 * Aim: PROTOCOL.md says what schema.def and limits.h say. Method: its tables stand between markers
 *     <!-- generated: NAME -->  …  <!-- end -->
 * and are compared with what is made here from the schema's tables and the golden vectors.
 *
 * With --write the program puts what it makes into PROTOCOL.md.
 */
#include "proto/fields.h"
#include "support/vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define DOCUMENT  XR_TESTS_DIR "/../proto/PROTOCOL.md"
#define BYTES_MAX ((size_t)1 << 22)

static struct vectors vectors;

/* ---- values for people ----------------------------------------------------------------------- */

static void add_number(struct xr_buf *out, int64_t n)
{
    if (n == XR_NUMBER_MAX)
        xr_buf_text(out, "2^53-1");
    else if (n == -XR_NUMBER_MAX)
        xr_buf_text(out, "-(2^53-1)");
    else if (n == UINT32_MAX)
        xr_buf_text(out, "2^32-1");
    else
        xr_buf_format(out, "%lld", (long long)n);
}

static void add_range(struct xr_buf *out, const struct xr_field_info *field, const char *unit)
{
    xr_buf_text(out, " | ");
    add_number(out, field->min);
    if (field->min != field->max) {
        xr_buf_text(out, "..");
        add_number(out, field->max);
    }
    xr_buf_text(out, unit);
}

/* The columns "type" and "range". */
static void add_type(struct xr_buf *out, const struct xr_field_info *field)
{
    switch (field->type) {
    case XR_FIELD_bool:
        xr_buf_text(out, "bool | ");
        return;
    case XR_FIELD_choice:
        xr_buf_format(out, "[%s](#enum-%s) | ", field->choice->name, field->choice->name);
        return;
    case XR_FIELD_nested:
        xr_buf_format(out, "[%s](#part-%s) | ", field->part->name, field->part->name);
        return;
    case XR_FIELD_list:
        xr_buf_format(out, "list of [%s](#part-%s) | at most %lld", field->part->name,
                      field->part->name, (long long)field->max);
        return;
    case XR_FIELD_u32s:
    case XR_FIELD_u64s:
        xr_buf_format(out, "list of uint | at most %lld", (long long)field->max);
        return;
    case XR_FIELD_strs:
        xr_buf_format(out, "list of str | at most %lld, each 0..%d points", (long long)field->max,
                      XR_BUYER_MAX);
        return;
    case XR_FIELD_str:
        xr_buf_text(out, "str");
        add_range(out, field, " points");
        return;
    case XR_FIELD_bin:
        xr_buf_text(out, "bin");
        add_range(out, field, " bytes");
        return;
    case XR_FIELD_i64:
        xr_buf_text(out, "int");
        add_range(out, field, "");
        return;
    default:
        xr_buf_text(out, "uint");
        add_range(out, field, "");
        return;
    }
}

/* ---- sections -------------------------------------------------------------------------------- */

static void add_limits(struct xr_buf *out)
{
    static const struct {
        const char *what;
        int64_t value;
    } limits[] = {
        {"bytes of a frame", XR_FRAME_BYTES_MAX},
        {"bytes of the frames in one SP message", XR_SP_MESSAGE_BYTES_MAX},
        {"the same, until hello is taken", XR_HELLO_BYTES_MAX},
        {"frames in one SP message", XR_FRAMES_PER_MESSAGE},
        {"nesting: the array of a frame is 1, its body 2", XR_DEPTH_MAX},
        {"a number: exact in a double, too", XR_NUMBER_MAX},
        {"updates sent and not acknowledged", XR_WINDOW_UPDATES},
        {"bytes of these", XR_WINDOW_BYTES},
        {"answers that are kept for a device until it has confirmed them", XR_ANSWERS_KEPT},
        {"rows in an answer to a query", XR_PAGE_MAX},
    };
    xr_buf_text(out, "| what | at most |\n| --- | --- |\n");
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        xr_buf_format(out, "| %s | ", limits[i].what);
        add_number(out, limits[i].value);
        xr_buf_text(out, " |\n");
    }
}

static void add_enum(struct xr_buf *out, const struct xr_enum_info *info)
{
    xr_buf_format(out, "<a id=\"enum-%s\"></a>**%s**. %s\n\n", info->name, info->name, info->doc);
    xr_buf_text(out, "| number | name | meaning |\n| --- | --- | --- |\n");
    for (size_t i = 0; i < info->count; i++)
        xr_buf_format(out, "| %u | %s | %s |\n", info->values[i].number, info->values[i].name,
                      info->values[i].doc);
    xr_buf_text(out, "\n");
}

static void add_codes(struct xr_buf *out)
{
    size_t count;
    const struct xr_enum_info *const *enums = xr_enums(&count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(enums[i]->name, "code") == 0)
            add_enum(out, enums[i]);
}

static void add_enums(struct xr_buf *out)
{
    size_t count;
    const struct xr_enum_info *const *enums = xr_enums(&count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(enums[i]->name, "code") != 0)
            add_enum(out, enums[i]);
}

static void add_fields(struct xr_buf *out, const struct xr_message_info *info)
{
    if (info->count == 0) {
        xr_buf_text(out, "No fields.\n\n");
        return;
    }
    xr_buf_text(out, "| no | field | type | range | must | meaning |\n"
                     "| --- | --- | --- | --- | --- | --- |\n");
    for (size_t i = 0; i < info->count; i++) {
        const struct xr_field_info *field = &info->fields[i];
        xr_buf_format(out, "| %u | %s | ", field->number, field->name);
        add_type(out, field);
        xr_buf_format(out, " | %s | %s |\n", field->required ? "yes" : "", field->doc);
    }
    xr_buf_text(out, "\n");
}

static void add_parts(struct xr_buf *out)
{
    size_t count;
    const struct xr_message_info *const *messages = xr_messages(&count);
    for (size_t i = 0; i < count; i++) {
        if (messages[i]->kind != XR_KIND_PART)
            continue;
        xr_buf_format(out, "<a id=\"part-%s\"></a>**%s**. %s\n\n", messages[i]->name,
                      messages[i]->name, messages[i]->doc);
        add_fields(out, messages[i]);
    }
}

static void add_messages(struct xr_buf *out)
{
    static const struct {
        enum xr_kind kind;
        const char *title;
    } kinds[] = {
        {XR_KIND_CONTROL, "Control: client to server, no counter"},
        {XR_KIND_COMMAND, "Commands: client to server, exactly once"},
        {XR_KIND_QUERY, "Queries: client to server, read only"},
        {XR_KIND_ANSWER, "Answers: server to client, with the ref of what they answer"},
        {XR_KIND_UPDATE, "Updates: server to client, the feed"},
        {XR_KIND_NOTICE, "Notices: server to client, not kept"},
    };
    size_t count;
    const struct xr_message_info *const *messages = xr_messages(&count);
    for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
        xr_buf_format(out, "### %s\n\n", kinds[k].title);
        for (size_t i = 0; i < count; i++) {
            if (messages[i]->kind != kinds[k].kind)
                continue;
            xr_buf_format(out, "<a id=\"message-%s\"></a>**%s**, type %d. %s\n\n",
                          messages[i]->name, messages[i]->name, (int)messages[i]->type,
                          messages[i]->doc);
            add_fields(out, messages[i]);
        }
    }
}

/* Bytes in hex, 24 in a line. */
static void add_hex(struct xr_buf *out, const uint8_t *at, size_t size, const char *indent)
{
    for (size_t i = 0; i < size; i++)
        xr_buf_format(out, "%s%02x", i % 24 == 0 ? (i == 0 ? indent : "\n    ") : " ", at[i]);
    xr_buf_text(out, "\n");
}

/* Over TCP, each frame in an SP message of its own: length, header, frame. */
static void add_exchange(struct xr_buf *out)
{
    xr_buf_text(out, "Client and server greet (REQ is 0x30, REP is 0x31):\n\n"
                     "    C  00 53 50 00 00 30 00 00\n"
                     "    S  00 53 50 00 00 31 00 00\n\n");
    for (size_t i = 0; i < vectors.count; i++) {
        const struct vector *vector = &vectors.at[i];
        if (strncmp(vector->name, "exchange/", 9) != 0)
            continue;
        const char *who = strstr(vector->name, "client") != NULL ? "C" : "S";
        uint8_t head[12];
        xr_put_u64be(head, vector->frame.size + 4);
        xr_put_u32be(head + 8, 0x80000001);
        xr_buf_format(out, "`%s`\n\n    %s", vector->text, who);
        add_hex(out, head, sizeof(head), "  ");
        add_hex(out, vector->frame.at, vector->frame.size, "    ");
        xr_buf_text(out, "\n");
    }
}

static const struct {
    const char *name;
    void (*add)(struct xr_buf *);
} sections[] = {
    {"limits", add_limits},     {"codes", add_codes}, {"exchange", add_exchange},
    {"messages", add_messages}, {"parts", add_parts}, {"enums", add_enums},
};
#define SECTIONS (sizeof(sections) / sizeof(sections[0]))

/* ---- the document ---------------------------------------------------------------------------- */

static char *read_document(void)
{
    FILE *file = fopen(DOCUMENT, "r");
    XR_ASSERT(file != NULL);
    char *text = calloc(1, BYTES_MAX);
    XR_ASSERT(text != NULL);
    size_t size = fread(text, 1, BYTES_MAX - 1, file);
    XR_ASSERT(size < BYTES_MAX - 1);
    fclose(file);
    return text;
}

/* Where a section's inside begins and ends; false: its markers are not there. */
static bool find_section(const char *text, const char *name, size_t *begin, size_t *end)
{
    char marker[80];
    snprintf(marker, sizeof(marker), "<!-- generated: %s -->\n", name);
    const char *from = strstr(text, marker);
    if (from == NULL)
        return false;
    from += strlen(marker);
    const char *to = strstr(from, "<!-- end -->");
    if (to == NULL)
        return false;
    *begin = (size_t)(from - text);
    *end = (size_t)(to - text);
    return true;
}

static void write_document(void)
{
    for (size_t i = 0; i < SECTIONS; i++) {
        char *text = read_document();
        size_t begin;
        size_t end;
        struct xr_buf out;
        xr_buf_init(&out, BYTES_MAX);
        if (find_section(text, sections[i].name, &begin, &end)) {
            xr_buf_add(&out, text, begin);
            xr_buf_text(&out, "\n");
            sections[i].add(&out);
            xr_buf_text(&out, text + end);
            FILE *file = fopen(DOCUMENT, "w");
            XR_ASSERT(file != NULL);
            XR_ASSERT(fwrite(out.at, 1, out.size, file) == out.size);
            XR_ASSERT(fclose(file) == 0);
        }
        xr_buf_fini(&out);
        free(text);
    }
}

static void tables_are_what_the_schema_says(void **state)
{
    (void)state;
    char *text = read_document();
    for (size_t i = 0; i < SECTIONS; i++) {
        size_t begin;
        size_t end;
        struct xr_buf out;
        xr_buf_init(&out, BYTES_MAX);
        xr_buf_text(&out, "\n");
        sections[i].add(&out);
        if (!find_section(text, sections[i].name, &begin, &end))
            fail_msg("PROTOCOL.md has no section %s", sections[i].name);
        if (end - begin != out.size || memcmp(text + begin, out.at, out.size) != 0)
            fail_msg("PROTOCOL.md: section %s is old: test_unit_protocol --write",
                     sections[i].name);
        xr_buf_fini(&out);
    }
    free(text);
}

/* What stands outside the tables must not name what is not there. */
static void every_name_in_the_text_is_one(void **state)
{
    (void)state;
    char *text = read_document();
    for (const char *at = text; (at = strstr(at, "(#")) != NULL;) {
        at += 2;
        size_t size = strcspn(at, ")");
        char anchor[120];
        snprintf(anchor, sizeof(anchor), "<a id=\"%.*s\">", (int)size, at);
        if (strstr(text, anchor) == NULL)
            fail_msg("PROTOCOL.md: a link to #%.*s, which is not there", (int)size, at);
    }
    free(text);
}

int main(int argc, char **argv)
{
    int result = 0;
    vectors = vectors_load(XR_TESTS_DIR);
    if (argc > 1 && strcmp(argv[1], "--write") == 0) {
        write_document();
    } else {
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(tables_are_what_the_schema_says),
            cmocka_unit_test(every_name_in_the_text_is_one),
        };
        result = cmocka_run_group_tests(tests, NULL, NULL);
    }
    vectors_free(&vectors);
    return result;
}
