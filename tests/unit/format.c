/*
 * Aim: FORMAT.md tells of the tables that there are. Method: its list between the markers is
 * rendered from table.def and compared, and each table has its row in the list of who writes it.
 */
#include "proto/mem.h"
#include "store/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const char begin_mark[] = "<!-- tables begin -->\n";
static const char end_mark[] = "<!-- tables end -->";
static const char writers_mark[] = "| table | written by |";

static char *read_format(void)
{
    FILE *file = fopen(XR_TESTS_DIR "/../server/store/FORMAT.md", "r");
    assert_non_null(file);
    char *text = calloc(1, 65536);
    assert_non_null(text);
    assert_true(fread(text, 1, 65535, file) > 0);
    assert_true(feof(file));
    assert_int_equal(fclose(file), 0);
    return text;
}

static void render_table(struct xr_buf *out, int number, const struct xr_table_info *info)
{
    xr_buf_format(out, "| %d | %s | %s | %s | %s | %s |\n", number, info->name,
                  info->is_append ? "APPEND" : "ROWS", info->key[0] == '\0' ? "none" : info->key,
                  info->value, info->doc);
}

static void render_tables(struct xr_buf *out)
{
    xr_buf_text(out,
                "| no | table | shape | key | value | |\n| --- | --- | --- | --- | --- | --- |\n");
    for (int number = 0; number < XR_TABLE_COUNT; number++) {
        if (xr_table_infos[number].name != NULL)
            render_table(out, number, &xr_table_infos[number]);
    }
}

static void the_list_of_tables_is_that_of_table_def(void **state)
{
    (void)state;
    struct xr_buf wanted;
    char *text = read_format();
    xr_buf_init(&wanted, 65536);
    render_tables(&wanted);
    xr_buf_add(&wanted, "", 1);
    assert_false(wanted.failed);
    char *at = strstr(text, begin_mark);
    assert_non_null(at);
    at += strlen(begin_mark);
    char *end = strstr(at, end_mark);
    assert_non_null(end);
    *end = '\0';
    if (strcmp(at, (const char *)wanted.at) != 0)
        (void)printf("%s%s%s\n", begin_mark, (const char *)wanted.at, end_mark);
    assert_string_equal(at, (const char *)wanted.at);
    xr_buf_fini(&wanted);
    free(text);
}

/* Is `name` one of the names at the front of a row: "| a, b | …". */
static bool has_row(const char *rows, const char *name)
{
    for (const char *row = strstr(rows, "\n| "); row != NULL; row = strstr(row + 1, "\n| ")) {
        const char *at = row + 3;
        const char *end = strstr(at, " |");
        for (; end != NULL && at < end; at += strspn(at, ", ")) {
            const size_t size = strcspn(at, ", |\n");
            if (size == strlen(name) && strncmp(at, name, size) == 0)
                return true;
            at += size;
        }
    }
    return false;
}

static void each_table_has_somebody_who_writes_it(void **state)
{
    (void)state;
    char *text = read_format();
    char *rows = strstr(text, writers_mark);
    assert_non_null(rows);
    char *end = strstr(rows, "\n\n");
    assert_non_null(end);
    *end = '\0';
    assert_false(has_row(rows, "nothing"));
    for (size_t number = 0; number < XR_TABLE_COUNT; number++) {
        const char *name = xr_table_infos[number].name;
        if (name != NULL && !has_row(rows, name))
            fail_msg("FORMAT.md does not say who writes %s", name);
    }
    free(text);
}

/* On disk for ever: a number that moves would give old rows to another table. */
static void numbers_of_tables_stay(void **state)
{
    (void)state;
    static const char *const names[] = {"floor", "account",     "login",    "group",   "setting",
                                        "agent", "balance",     "device",   "token",   "session",
                                        "open",  "spill",       "customer", "channel", "visit",
                                        "note",  "explanation", "charge",   "audit",   "journal"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        assert_string_equal(xr_table_info((enum xr_table)(i + 1))->name, names[i]);
    assert_string_equal(xr_table_of_slot(XR_SLOT_journal)->name, "journal");
    assert_true(xr_table_info(XR_TABLE_journal)->is_append);
    assert_false(xr_table_info(XR_TABLE_session)->is_append);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_list_of_tables_is_that_of_table_def),
        cmocka_unit_test(each_table_has_somebody_who_writes_it),
        cmocka_unit_test(numbers_of_tables_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
