/*
 * Aim: tables keep what server/floor/tables.h promises, on LMDB and in memory alike. Method: one
 * suite, run against both; then long runs of drawn operations beside a list that is searched from
 * its beginning. The seed is printed and can be given: XR_SEED=n.
 */
#include "store/store.h"
#include "support/dir.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#define FLOOR 7

static const struct xr_bin empty = {NULL, 0};

/* ---- the two kinds -------------------------------------------------------------------------- */

/* Writable tables of one kind. `turn` ends a batch and begins the next. */
struct stand {
    const struct kind *kind;
    struct xr_tables *tables;
    struct xr_store *store;
    char *directory;
};

struct kind {
    void (*make)(struct stand *);
    void (*turn)(struct stand *);
    void (*unmake)(struct stand *);
};

static void make_lmdb(struct stand *stand)
{
    stand->directory = dir_make();
    const struct xr_store_options options = {.directory = stand->directory,
                                             .map_bytes = UINT64_C(1) << 30};
    assert_int_equal(xr_store_open(&options, &stand->store), XR_OK);
    assert_int_equal(xr_store_begin(stand->store), XR_OK);
    stand->tables = xr_store_tables(stand->store, FLOOR);
}

static void turn_lmdb(struct stand *stand)
{
    assert_int_equal(xr_store_failed(stand->store), XR_OK);
    assert_int_equal(xr_store_commit(stand->store), XR_OK);
    assert_int_equal(xr_store_begin(stand->store), XR_OK);
    stand->tables = xr_store_tables(stand->store, FLOOR);
}

static void unmake_lmdb(struct stand *stand)
{
    assert_int_equal(xr_store_commit(stand->store), XR_OK);
    xr_store_close(stand->store);
    dir_remove(stand->directory);
}

static void make_memory(struct stand *stand)
{
    stand->tables = xr_memory_tables_new();
}

static void turn_memory(struct stand *stand)
{
    (void)stand;
}

static void unmake_memory(struct stand *stand)
{
    xr_memory_tables_free(stand->tables);
}

static const struct kind lmdb_kind = {make_lmdb, turn_lmdb, unmake_lmdb};
static const struct kind memory_kind = {make_memory, turn_memory, unmake_memory};

static int set_up(void **state, const struct kind *kind)
{
    struct stand *stand = calloc(1, sizeof *stand);
    assert_non_null(stand);
    stand->kind = kind;
    kind->make(stand);
    *state = stand;
    return 0;
}

static int set_up_lmdb(void **state)
{
    return set_up(state, &lmdb_kind);
}

static int set_up_memory(void **state)
{
    return set_up(state, &memory_kind);
}

static int tear_down(void **state)
{
    struct stand *stand = *state;
    stand->kind->unmake(stand);
    free(stand);
    return 0;
}

static void turn(struct stand *stand)
{
    stand->kind->turn(stand);
}

/* ---- words ---------------------------------------------------------------------------------- */

static struct xr_bin bin(const char *text)
{
    return (struct xr_bin){(const uint8_t *)text, (uint32_t)strlen(text)};
}

static void put(struct stand *stand, enum xr_table table, const char *key, const char *value)
{
    xr_tables_put(stand->tables, table, bin(key), bin(value));
}

static void append(struct stand *stand, const char *key, const char *value)
{
    xr_tables_append(stand->tables, XR_TABLE_journal, bin(key), bin(value));
}

static void del(struct stand *stand, enum xr_table table, const char *key)
{
    xr_tables_del(stand->tables, table, bin(key));
}

static void assert_bin(struct xr_bin is, const char *wanted)
{
    assert_int_equal(is.size, strlen(wanted));
    if (is.size > 0)
        assert_memory_equal(is.at, wanted, is.size);
}

static void assert_value(struct stand *stand, enum xr_table table, const char *key,
                         const char *wanted)
{
    struct xr_bin value;
    assert_int_equal(xr_tables_get(stand->tables, table, bin(key), &value), XR_OK);
    assert_bin(value, wanted);
}

static void assert_none(struct stand *stand, enum xr_table table, const char *key)
{
    struct xr_bin value = bin("untouched");
    assert_int_equal(xr_tables_get(stand->tables, table, bin(key), &value), XR_NONE);
    assert_bin(value, "untouched");
}

/* A scan gives exactly these keys, written one after the other with commas; values "=key". */
static void assert_scan(struct stand *stand, enum xr_table table, const char *from, bool backwards,
                        const char *wanted)
{
    char seen[1024] = "";
    struct xr_scan scan;
    struct xr_bin key;
    struct xr_bin value;
    xr_tables_scan_open(stand->tables, table, bin(from), backwards, &scan);
    while (xr_tables_scan_next(stand->tables, &scan, &key, &value)) {
        assert_int_equal(value.size, key.size + 1);
        assert_int_equal(value.at[0], '=');
        if (key.size > 0)
            assert_memory_equal(value.at + 1, key.at, key.size);
        (void)snprintf(seen + strlen(seen), sizeof seen - strlen(seen), "%s%.*s",
                       seen[0] == '\0' ? "" : ",", (int)key.size, (const char *)key.at);
    }
    assert_false(xr_tables_scan_next(stand->tables, &scan, &key, &value));
    xr_tables_scan_close(stand->tables, &scan);
    assert_string_equal(seen, wanted);
}

/* Rows "key" → "=key". */
static void put_keys(struct stand *stand, enum xr_table table, const char *const *keys)
{
    char value[64];
    for (; *keys != NULL; keys++) {
        (void)snprintf(value, sizeof value, "=%s", *keys);
        if (table == XR_TABLE_journal)
            append(stand, *keys, value);
        else
            put(stand, table, *keys, value);
    }
}

/* True where `crime`, done on fresh tables in a process of its own, is stopped at once. */
static bool is_stopped(const struct kind *kind, void (*crime)(struct stand *))
{
    char *directory = dir_make();
    (void)fflush(NULL);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct stand stand = {.kind = kind};
        if (setenv("TMPDIR", directory, 1) != 0 || freopen("/dev/null", "w", stderr) == NULL)
            _exit(2);
        kind->make(&stand);
        crime(&stand);
        kind->unmake(&stand);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    dir_remove(directory);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

/* ---- rows ----------------------------------------------------------------------------------- */

static void get_finds_what_put_wrote(void **state)
{
    struct stand *stand = *state;
    assert_none(stand, XR_TABLE_session, "a");
    put(stand, XR_TABLE_session, "a", "one");
    assert_value(stand, XR_TABLE_session, "a", "one");
    assert_none(stand, XR_TABLE_session, "b");
    assert_none(stand, XR_TABLE_session, "aa");
    assert_none(stand, XR_TABLE_open, "a");
    assert_none(stand, XR_TABLE_device, "a");
    turn(stand);
    assert_value(stand, XR_TABLE_session, "a", "one");
}

static void put_replaces_values_of_every_size(void **state)
{
    static const uint32_t sizes[] = {0,    1,     300,   2000, 2040,   4096, 1,     16384,
                                     8000, 16384, 17000, 250,  524288, 0,    16384, 3};
    struct stand *stand = *state;
    uint8_t *bytes = malloc(524288);
    assert_non_null(bytes);
    put(stand, XR_TABLE_device, "d1", "before");
    put(stand, XR_TABLE_device, "d3", "behind");
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct xr_bin value;
        memset(bytes, (int)i + 1, sizes[i]);
        xr_tables_put(stand->tables, XR_TABLE_device, bin("d2"), (struct xr_bin){bytes, sizes[i]});
        if (i % 3 == 0)
            turn(stand);
        assert_int_equal(xr_tables_get(stand->tables, XR_TABLE_device, bin("d2"), &value), XR_OK);
        assert_int_equal(value.size, sizes[i]);
        if (sizes[i] > 0)
            assert_memory_equal(value.at, bytes, sizes[i]);
        assert_value(stand, XR_TABLE_device, "d1", "before");
        assert_value(stand, XR_TABLE_device, "d3", "behind");
    }
    free(bytes);
}

static void delete_takes_one_row(void **state)
{
    struct stand *stand = *state;
    del(stand, XR_TABLE_open, "b");
    put(stand, XR_TABLE_open, "a", "1");
    put(stand, XR_TABLE_open, "b", "2");
    put(stand, XR_TABLE_open, "c", "3");
    del(stand, XR_TABLE_open, "b");
    assert_value(stand, XR_TABLE_open, "a", "1");
    assert_none(stand, XR_TABLE_open, "b");
    assert_value(stand, XR_TABLE_open, "c", "3");
    turn(stand);
    del(stand, XR_TABLE_open, "b");
    del(stand, XR_TABLE_visit, "a");
    assert_value(stand, XR_TABLE_open, "a", "1");
    assert_none(stand, XR_TABLE_open, "b");
    put(stand, XR_TABLE_open, "b", "again");
    assert_value(stand, XR_TABLE_open, "b", "again");
}

static void one_row_tables_have_the_empty_key(void **state)
{
    struct stand *stand = *state;
    assert_none(stand, XR_TABLE_floor, "");
    put(stand, XR_TABLE_floor, "", "=");
    put(stand, XR_TABLE_account, "x", "=x");
    assert_value(stand, XR_TABLE_floor, "", "=");
    assert_none(stand, XR_TABLE_balance, "");
    assert_scan(stand, XR_TABLE_floor, "", false, "");
    assert_scan(stand, XR_TABLE_floor, "", true, "");
    struct xr_scan scan;
    struct xr_bin key;
    struct xr_bin value;
    for (int backwards = 0; backwards < 2; backwards++) {
        xr_tables_scan_open(stand->tables, XR_TABLE_floor, empty, backwards, &scan);
        assert_true(xr_tables_scan_next(stand->tables, &scan, &key, &value));
        assert_int_equal(key.size, 0);
        assert_bin(value, "=");
        assert_false(xr_tables_scan_next(stand->tables, &scan, &key, &value));
        xr_tables_scan_close(stand->tables, &scan);
    }
    del(stand, XR_TABLE_floor, "");
    assert_none(stand, XR_TABLE_floor, "");
}

static void keys_may_be_as_long_as_allowed(void **state)
{
    struct stand *stand = *state;
    uint8_t key[XR_KEY_MAX];
    struct xr_bin value;
    memset(key, 0xff, sizeof key);
    for (uint32_t size = XR_KEY_MAX - 2; size <= XR_KEY_MAX; size++) {
        char text[16];
        (void)snprintf(text, sizeof text, "%u", size);
        xr_tables_put(stand->tables, XR_TABLE_login, (struct xr_bin){key, size}, bin(text));
        xr_tables_append(stand->tables, XR_TABLE_journal, (struct xr_bin){key, size}, bin(text));
    }
    turn(stand);
    for (uint32_t size = XR_KEY_MAX - 2; size <= XR_KEY_MAX; size++) {
        char text[16];
        (void)snprintf(text, sizeof text, "%u", size);
        assert_int_equal(
            xr_tables_get(stand->tables, XR_TABLE_login, (struct xr_bin){key, size}, &value),
            XR_OK);
        assert_bin(value, text);
        assert_int_equal(
            xr_tables_get(stand->tables, XR_TABLE_journal, (struct xr_bin){key, size}, &value),
            XR_OK);
        assert_bin(value, text);
    }
}

/* ---- the journal ---------------------------------------------------------------------------- */

static void append_writes_behind_the_last(void **state)
{
    struct stand *stand = *state;
    assert_none(stand, XR_TABLE_journal, "a");
    assert_none(stand, XR_TABLE_journal, "");
    assert_scan(stand, XR_TABLE_journal, "", false, "");
    assert_scan(stand, XR_TABLE_journal, "", true, "");
    append(stand, "a", "=a");
    append(stand, "aa", "=aa");
    turn(stand);
    append(stand, "b", "=b");
    assert_value(stand, XR_TABLE_journal, "a", "=a");
    assert_scan(stand, XR_TABLE_journal, "", false, "a,aa,b");
    append(stand, "c", "=c");
    assert_scan(stand, XR_TABLE_journal, "", true, "c,b,aa,a");
}

static void journal_rows_can_be_replaced_and_deleted(void **state)
{
    static const char *const keys[] = {"a", "b", "c", "d", NULL};
    struct stand *stand = *state;
    put_keys(stand, XR_TABLE_journal, keys);
    xr_tables_put(stand->tables, XR_TABLE_journal, bin("b"), bin("erased"));
    del(stand, XR_TABLE_journal, "c");
    del(stand, XR_TABLE_journal, "");
    append(stand, "e", "=e");
    turn(stand);
    assert_value(stand, XR_TABLE_journal, "b", "erased");
    assert_none(stand, XR_TABLE_journal, "c");
    xr_tables_put(stand->tables, XR_TABLE_journal, bin("b"), bin("=b"));
    assert_scan(stand, XR_TABLE_journal, "", false, "a,b,d,e");
    del(stand, XR_TABLE_journal, "e");
    append(stand, "da", "=da");
    assert_scan(stand, XR_TABLE_journal, "", true, "da,d,b,a");
}

static void append_same(struct stand *stand)
{
    append(stand, "b", "1");
    append(stand, "b", "2");
}

static void append_smaller(struct stand *stand)
{
    append(stand, "b", "1");
    turn(stand);
    append(stand, "a", "2");
}

static void append_to_rows(struct stand *stand)
{
    xr_tables_append(stand->tables, XR_TABLE_session, bin("a"), bin("1"));
}

static void append_without_key(struct stand *stand)
{
    xr_tables_append(stand->tables, XR_TABLE_journal, empty, bin("1"));
}

static void write_below_a_scan(struct stand *stand)
{
    struct xr_scan scan;
    xr_tables_scan_open(stand->tables, XR_TABLE_session, empty, false, &scan);
    put(stand, XR_TABLE_open, "a", "1");
}

static void use_a_key_too_long(struct stand *stand)
{
    static const uint8_t key[XR_KEY_MAX + 1];
    xr_tables_put(stand->tables, XR_TABLE_login, (struct xr_bin){key, sizeof key}, bin("1"));
}

static void do_nothing_wrong(struct stand *stand)
{
    append(stand, "a", "1");
    append(stand, "b", "2");
}

static void broken_rules_stop_the_process(void **state)
{
    struct stand *stand = *state;
    assert_false(is_stopped(stand->kind, do_nothing_wrong));
    assert_true(is_stopped(stand->kind, append_same));
    assert_true(is_stopped(stand->kind, append_smaller));
    assert_true(is_stopped(stand->kind, append_to_rows));
    assert_true(is_stopped(stand->kind, append_without_key));
    assert_true(is_stopped(stand->kind, write_below_a_scan));
    assert_true(is_stopped(stand->kind, use_a_key_too_long));
}

/* ---- scans ---------------------------------------------------------------------------------- */

static const char *const six[] = {"a", "aa", "ab", "b", "d", "dd", NULL};

static void check_scans(struct stand *stand, enum xr_table table)
{
    assert_scan(stand, table, "", false, "a,aa,ab,b,d,dd");
    assert_scan(stand, table, "", true, "dd,d,b,ab,aa,a");
    assert_scan(stand, table, "aa", false, "aa,ab,b,d,dd");
    assert_scan(stand, table, "aa", true, "aa,a");
    assert_scan(stand, table, "c", false, "d,dd");
    assert_scan(stand, table, "c", true, "b,ab,aa,a");
    assert_scan(stand, table, "A", false, "a,aa,ab,b,d,dd");
    assert_scan(stand, table, "A", true, "");
    assert_scan(stand, table, "e", false, "");
    assert_scan(stand, table, "e", true, "dd,d,b,ab,aa,a");
    assert_scan(stand, table, "a", true, "a");
    assert_scan(stand, table, "dd", false, "dd");
}

static void scans_walk_both_ways_from_any_key(void **state)
{
    struct stand *stand = *state;
    put_keys(stand, XR_TABLE_session, six);
    put_keys(stand, XR_TABLE_journal, six);
    check_scans(stand, XR_TABLE_session);
    check_scans(stand, XR_TABLE_journal);
    turn(stand);
    check_scans(stand, XR_TABLE_session);
    check_scans(stand, XR_TABLE_journal);
}

static void scans_stay_in_their_table(void **state)
{
    static const char *const below[] = {"a", "z", "\xff\xff", NULL};
    struct stand *stand = *state;
    assert_scan(stand, XR_TABLE_session, "", true, "");
    put_keys(stand, XR_TABLE_session - 1, below);
    put_keys(stand, XR_TABLE_session + 1, below);
    put_keys(stand, XR_TABLE_floor, below);
    put_keys(stand, XR_TABLE_audit, below);
    assert_scan(stand, XR_TABLE_session, "", false, "");
    assert_scan(stand, XR_TABLE_session, "", true, "");
    assert_scan(stand, XR_TABLE_session, "m", false, "");
    assert_scan(stand, XR_TABLE_session, "m", true, "");
    put_keys(stand, XR_TABLE_session, six);
    check_scans(stand, XR_TABLE_session);
    assert_scan(stand, XR_TABLE_floor, "", true, "\xff\xff,z,a");
    assert_scan(stand, XR_TABLE_audit, "", true, "\xff\xff,z,a");
    assert_scan(stand, XR_TABLE_audit, "b", false, "z,\xff\xff");
}

static void two_scans_and_gets_go_on_side_by_side(void **state)
{
    struct stand *stand = *state;
    struct xr_scan up;
    struct xr_scan down;
    struct xr_bin key;
    struct xr_bin value;
    struct xr_bin got;
    size_t count = 0;
    put_keys(stand, XR_TABLE_session, six);
    xr_tables_scan_open(stand->tables, XR_TABLE_session, empty, false, &up);
    xr_tables_scan_open(stand->tables, XR_TABLE_session, empty, true, &down);
    while (xr_tables_scan_next(stand->tables, &up, &key, &value)) {
        struct xr_bin other;
        assert_int_equal(xr_tables_get(stand->tables, XR_TABLE_session, key, &got), XR_OK);
        assert_true(xr_tables_scan_next(stand->tables, &down, &other, &got));
        assert_bin(key, six[count]);
        assert_bin(other, six[5 - count]);
        count++;
    }
    assert_int_equal(count, 6);
    xr_tables_scan_close(stand->tables, &up);
    xr_tables_scan_close(stand->tables, &down);
    put(stand, XR_TABLE_session, "e", "=e");
    assert_scan(stand, XR_TABLE_session, "e", false, "e");
}

static void a_row_found_by_a_scan_outlives_its_close(void **state)
{
    struct stand *stand = *state;
    struct xr_scan scan;
    struct xr_bin key;
    struct xr_bin value;
    put_keys(stand, XR_TABLE_session, six);
    xr_tables_scan_open(stand->tables, XR_TABLE_session, bin("b"), false, &scan);
    assert_true(xr_tables_scan_next(stand->tables, &scan, &key, &value));
    xr_tables_scan_close(stand->tables, &scan);
    assert_value(stand, XR_TABLE_session, "a", "=a");
    assert_bin(key, "b");
    assert_bin(value, "=b");
}

/* ---- digests -------------------------------------------------------------------------------- */

static void digest(struct stand *stand, uint8_t out[32])
{
    xr_tables_digest(stand->tables, out);
}

static void digests_tell_every_difference(void **state)
{
    struct stand *stand = *state;
    uint8_t seen[9][32];
    digest(stand, seen[0]);
    put(stand, XR_TABLE_session, "ab", "c");
    digest(stand, seen[1]);
    put(stand, XR_TABLE_session, "ab", "");
    digest(stand, seen[2]);
    del(stand, XR_TABLE_session, "ab");
    put(stand, XR_TABLE_session, "a", "bc");
    digest(stand, seen[3]);
    del(stand, XR_TABLE_session, "a");
    put(stand, XR_TABLE_open, "a", "bc");
    digest(stand, seen[4]);
    put(stand, XR_TABLE_session, "ab", "c");
    digest(stand, seen[5]);
    append(stand, "ab", "c");
    digest(stand, seen[6]);
    del(stand, XR_TABLE_session, "ab");
    put(stand, XR_TABLE_session, "ac", "c");
    digest(stand, seen[7]);
    for (size_t i = 0; i < 8; i++) {
        for (size_t j = 0; j < i; j++)
            assert_memory_not_equal(seen[i], seen[j], 32);
    }
    del(stand, XR_TABLE_journal, "ab");
    del(stand, XR_TABLE_open, "a");
    del(stand, XR_TABLE_session, "ac");
    put(stand, XR_TABLE_session, "ab", "c");
    turn(stand);
    digest(stand, seen[8]);
    assert_memory_equal(seen[8], seen[1], 32);
}

/* ---- drawn operations beside a model -------------------------------------------------------- */

#define MODEL_MAX 4000
#define MODEL_KEY 40

/* The value is drawn again from its number: size and bytes. */
struct model_row {
    enum xr_table table;
    uint8_t key[MODEL_KEY];
    uint32_t key_size;
    uint64_t value;
};

struct model {
    struct model_row rows[MODEL_MAX]; /* in no order */
    size_t count;
    uint64_t draw;
    uint64_t values;
    uint64_t seq;
    uint8_t *bytes;
};

static uint64_t mix(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

static uint64_t draw(struct model *model, uint64_t below)
{
    return mix(model->draw++) % below;
}

static struct xr_bin model_value(struct model *model, uint64_t value)
{
    static const uint32_t sizes[8] = {0, 1, 20, 100, 300, 300, 2000, 5000};
    const uint64_t bits = mix(value);
    const uint32_t size =
        (bits >> 50) % 64 == 0 ? 20000 : (uint32_t)(bits % (sizes[bits >> 57 & 7] + 1));
    for (uint32_t i = 0; i < size; i++)
        model->bytes[i] = (uint8_t)(bits >> i % 8 * 8);
    return (struct xr_bin){model->bytes, size};
}

static int compare_keys(struct xr_bin a, struct xr_bin b)
{
    const size_t common = a.size < b.size ? a.size : b.size;
    const int order = common > 0 ? memcmp(a.at, b.at, common) : 0;
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

static struct xr_bin model_key(const struct model_row *row)
{
    return (struct xr_bin){row->key, row->key_size};
}

static struct model_row *model_find(struct model *model, enum xr_table table, struct xr_bin key)
{
    for (size_t i = 0; i < model->count; i++) {
        struct model_row *row = &model->rows[i];
        if (row->table == table && compare_keys(model_key(row), key) == 0)
            return row;
    }
    return NULL;
}

static void model_put(struct model *model, enum xr_table table, struct xr_bin key, uint64_t value)
{
    struct model_row *row = model_find(model, table, key);
    if (row == NULL) {
        assert_true(model->count < MODEL_MAX);
        row = &model->rows[model->count++];
        row->table = table;
        row->key_size = key.size;
        if (key.size > 0)
            memcpy(row->key, key.at, key.size);
    }
    row->value = value;
}

static void model_del(struct model *model, enum xr_table table, struct xr_bin key)
{
    struct model_row *row = model_find(model, table, key);
    if (row != NULL)
        *row = model->rows[--model->count];
}

/* The next row above (below) `key`, or at it where `inclusive`; NULL `key`: from the very end. */
static struct model_row *model_next(struct model *model, enum xr_table table,
                                    const struct xr_bin *key, bool backwards, bool inclusive)
{
    struct model_row *best = NULL;
    const int way = backwards ? -1 : 1;
    for (size_t i = 0; i < model->count; i++) {
        struct model_row *row = &model->rows[i];
        if (row->table != table)
            continue;
        const int beyond = key == NULL ? 1 : compare_keys(model_key(row), *key) * way;
        if (beyond < 0 || (beyond == 0 && !inclusive))
            continue;
        if (best == NULL || compare_keys(model_key(row), model_key(best)) * way < 0)
            best = row;
    }
    return best;
}

static const enum xr_table drawn_tables[] = {XR_TABLE_floor, XR_TABLE_session, XR_TABLE_open,
                                             XR_TABLE_audit, XR_TABLE_journal};

/* Few different keys, so that they meet; one of four is long. */
static struct xr_bin draw_key(struct model *model, uint8_t *room)
{
    const uint32_t size = (uint32_t)draw(model, 3) + (draw(model, 4) == 0 ? 37 : 0);
    memset(room, 'k', MODEL_KEY);
    for (uint32_t i = 0; i < size && i < 3; i++)
        room[i] = (uint8_t)(draw(model, 20) * 13);
    return (struct xr_bin){room, size};
}

static void check_row(struct model *model, const struct model_row *row, struct xr_bin value)
{
    const struct xr_bin wanted = model_value(model, row->value);
    assert_int_equal(value.size, wanted.size);
    if (value.size > 0)
        assert_memory_equal(value.at, wanted.at, value.size);
}

static void check_get(struct stand *stand, struct model *model, enum xr_table table,
                      struct xr_bin key)
{
    struct xr_bin value;
    const struct model_row *row = model_find(model, table, key);
    assert_int_equal(xr_tables_get(stand->tables, table, key, &value),
                     row != NULL ? XR_OK : XR_NONE);
    if (row != NULL)
        check_row(model, row, value);
}

static void check_scan(struct stand *stand, struct model *model, enum xr_table table,
                       struct xr_bin from, bool backwards, uint64_t rows)
{
    struct xr_scan scan;
    struct xr_bin key = from;
    struct xr_bin value;
    bool is_first = true;
    xr_tables_scan_open(stand->tables, table, from, backwards, &scan);
    while (rows-- > 0) {
        const struct xr_bin *after = is_first && from.size == 0 ? NULL : &key;
        struct model_row *wanted = model_next(model, table, after, backwards, is_first);
        const bool is_row = xr_tables_scan_next(stand->tables, &scan, &key, &value);
        assert_int_equal(is_row, wanted != NULL);
        if (!is_row)
            break;
        assert_int_equal(compare_keys(key, model_key(wanted)), 0);
        check_row(model, wanted, value);
        key = model_key(wanted);
        is_first = false;
    }
    xr_tables_scan_close(stand->tables, &scan);
}

static void do_drawn(struct stand *stand, struct model *model)
{
    uint8_t room[MODEL_KEY];
    const enum xr_table table = drawn_tables[draw(model, 5)];
    struct xr_bin key = draw_key(model, room);
    const uint64_t choice = draw(model, 100);
    if (choice < 45 && table == XR_TABLE_journal) {
        xr_put_u64be(room, model->seq += 1 + draw(model, 3));
        key.size = 8;
        const uint64_t value = model->values++;
        xr_tables_append(stand->tables, table, key, model_value(model, value));
        model_put(model, table, key, value);
    } else if (choice < 45) {
        const uint64_t value = model->values++;
        xr_tables_put(stand->tables, table, key, model_value(model, value));
        model_put(model, table, key, value);
    } else if (choice < 70) {
        if (model->count > 0 && draw(model, 2) == 0) {
            const struct model_row *row = &model->rows[draw(model, model->count)];
            const enum xr_table of = row->table;
            key.size = row->key_size;
            memcpy(room, row->key, sizeof room);
            xr_tables_del(stand->tables, of, key);
            model_del(model, of, key);
        } else {
            xr_tables_del(stand->tables, table, key);
            model_del(model, table, key);
        }
    } else if (choice < 85) {
        check_get(stand, model, table, key);
    } else if (choice < 97) {
        check_scan(stand, model, table, key, draw(model, 2) == 0, draw(model, 20));
    } else {
        turn(stand);
    }
}

static uint64_t choose_seed(void)
{
    const char *given = getenv("XR_SEED");
    if (given != NULL)
        return strtoull(given, NULL, 10);
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void drawn_operations_do_what_the_model_does(void **state)
{
    struct stand *stand = *state;
    struct model *model = calloc(1, sizeof *model);
    assert_non_null(model);
    model->bytes = malloc(65536);
    assert_non_null(model->bytes);
    model->draw = choose_seed();
    print_message("XR_SEED=%llu\n", (unsigned long long)model->draw);
    for (size_t i = 0; i < 20000; i++)
        do_drawn(stand, model);
    for (size_t i = 0; i < 5; i++) {
        check_scan(stand, model, drawn_tables[i], empty, false, UINT64_MAX);
        check_scan(stand, model, drawn_tables[i], empty, true, UINT64_MAX);
    }
    free(model->bytes);
    free(model);
}

/* Many rows, so that trees are deep: written in the order of settle and out of order. */
static void write_many(struct stand *stand)
{
    uint8_t value[400];
    uint8_t key[8];
    uint64_t x = 1;
    for (uint64_t i = 1; i <= 20000; i++) {
        memset(value, (int)i, sizeof value);
        x = mix(x);
        xr_put_u64be(key, i);
        xr_tables_append(stand->tables, XR_TABLE_journal, (struct xr_bin){key, 8},
                         (struct xr_bin){value, 150});
        xr_put_u64be(key, x % 5000);
        if (i % 5 == 0)
            xr_tables_del(stand->tables, XR_TABLE_session, (struct xr_bin){key, 8});
        else
            xr_tables_put(stand->tables, XR_TABLE_session, (struct xr_bin){key, 8},
                          (struct xr_bin){value, (uint32_t)(x >> 32) % 400});
        if (i % 1000 != 0)
            continue;
        turn(stand);
        for (uint64_t session = i % 7; session < 5000; session += 7) {
            xr_put_u64be(key, session);
            xr_tables_put(stand->tables, XR_TABLE_session, (struct xr_bin){key, 8},
                          (struct xr_bin){value, (uint32_t)((session + i) % 400)});
        }
    }
}

static void many_rows_have_the_same_digest_in_both(void **state)
{
    struct stand *stand = *state;
    struct stand other = {.kind = stand->kind == &lmdb_kind ? &memory_kind : &lmdb_kind};
    uint8_t here[32];
    uint8_t there[32];
    write_many(stand);
    digest(stand, here);
    other.kind->make(&other);
    write_many(&other);
    digest(&other, there);
    other.kind->unmake(&other);
    assert_memory_equal(here, there, 32);
}

/* ---- in memory only ------------------------------------------------------------------------- */

static void assert_poisoned(struct xr_bin bytes)
{
    for (uint32_t i = 0; i < bytes.size; i++)
        assert_int_equal(bytes.at[i], 0xa5);
}

static void the_next_write_poisons_what_was_read(void **state)
{
    struct stand *stand = *state;
    struct xr_bin a;
    struct xr_bin b;
    put(stand, XR_TABLE_session, "a", "one");
    put(stand, XR_TABLE_session, "b", "two");
    assert_int_equal(xr_tables_get(stand->tables, XR_TABLE_session, bin("a"), &a), XR_OK);
    assert_int_equal(xr_tables_get(stand->tables, XR_TABLE_session, bin("b"), &b), XR_OK);
    assert_bin(a, "one");
    assert_bin(b, "two");
    put(stand, XR_TABLE_open, "c", "");
    assert_poisoned(a);
    assert_poisoned(b);
    assert_int_equal(xr_tables_get(stand->tables, XR_TABLE_session, bin("a"), &a), XR_OK);
    del(stand, XR_TABLE_open, "nothing");
    assert_poisoned(a);
}

static void a_scan_that_moves_on_poisons_its_last_row(void **state)
{
    struct stand *stand = *state;
    struct xr_scan scan;
    struct xr_bin key[2];
    struct xr_bin value[2];
    put_keys(stand, XR_TABLE_session, six);
    put(stand, XR_TABLE_session, "aa", "a longer value than the first row has");
    xr_tables_scan_open(stand->tables, XR_TABLE_session, empty, false, &scan);
    assert_true(xr_tables_scan_next(stand->tables, &scan, &key[0], &value[0]));
    const uint8_t *place = value[0].at;
    assert_true(xr_tables_scan_next(stand->tables, &scan, &key[1], &value[1]));
    assert_bin(key[1], "aa");
    assert_int_not_equal(place[0], '=');
    while (xr_tables_scan_next(stand->tables, &scan, &key[0], &value[0]))
        assert_int_equal(value[0].at[0], '=');
    assert_poisoned(key[0]);
    xr_tables_scan_close(stand->tables, &scan);
}

static void failed_tables_write_nothing_more(void **state)
{
    struct stand *stand = *state;
    put(stand, XR_TABLE_session, "a", "one");
    append(stand, "a", "one");
    xr_memory_tables_fail_after(stand->tables, 2);
    put(stand, XR_TABLE_session, "b", "two");
    del(stand, XR_TABLE_session, "b");
    assert_int_equal(stand->tables->failed, XR_OK);
    put(stand, XR_TABLE_session, "c", "three");
    assert_int_equal(stand->tables->failed, XR_STORAGE);
    del(stand, XR_TABLE_session, "a");
    append(stand, "b", "two");
    assert_int_equal(stand->tables->failed, XR_STORAGE);
    assert_none(stand, XR_TABLE_session, "a"); /* nor reads: as on LMDB */
    xr_memory_tables_fail_after(stand->tables, -1);
    assert_value(stand, XR_TABLE_session, "a", "one");
    assert_none(stand, XR_TABLE_session, "b");
    assert_none(stand, XR_TABLE_session, "c");
    assert_none(stand, XR_TABLE_journal, "b");
    put(stand, XR_TABLE_session, "c", "three");
    assert_value(stand, XR_TABLE_session, "c", "three");
}

#define ON_BOTH(test)                                                                              \
    cmocka_unit_test_setup_teardown(test, set_up_lmdb, tear_down),                                 \
        cmocka_unit_test_setup_teardown(test, set_up_memory, tear_down)
#define IN_MEMORY(test) cmocka_unit_test_setup_teardown(test, set_up_memory, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(get_finds_what_put_wrote),
        ON_BOTH(put_replaces_values_of_every_size),
        ON_BOTH(delete_takes_one_row),
        ON_BOTH(one_row_tables_have_the_empty_key),
        ON_BOTH(keys_may_be_as_long_as_allowed),
        ON_BOTH(append_writes_behind_the_last),
        ON_BOTH(journal_rows_can_be_replaced_and_deleted),
        ON_BOTH(broken_rules_stop_the_process),
        ON_BOTH(scans_walk_both_ways_from_any_key),
        ON_BOTH(scans_stay_in_their_table),
        ON_BOTH(two_scans_and_gets_go_on_side_by_side),
        ON_BOTH(a_row_found_by_a_scan_outlives_its_close),
        ON_BOTH(digests_tell_every_difference),
        ON_BOTH(drawn_operations_do_what_the_model_does),
        ON_BOTH(many_rows_have_the_same_digest_in_both),
        IN_MEMORY(the_next_write_poisons_what_was_read),
        IN_MEMORY(a_scan_that_moves_on_poisons_its_last_row),
        IN_MEMORY(failed_tables_write_nothing_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
