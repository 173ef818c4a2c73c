/*
 * Aim: the LMDB store keeps what server/store/store.h promises beyond single tables: batches are
 * whole or not there, floors are apart, readers see one moment, a store that is not ours is not
 * touched, what fails without a reason that will pass ends the process. Method: real stores in
 * directories of their own; whatever must die, or be another process, does so in a child.
 */
#include "store/lmdb.h"
#include "support/dir.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static const struct xr_bin empty = {NULL, 0};

struct house {
    char *directory;
    struct xr_store_options options;
    struct xr_store *store;
};

static int set_up(void **state)
{
    struct house *house = calloc(1, sizeof *house);
    assert_non_null(house);
    house->directory = dir_make();
    house->options.directory = house->directory;
    house->options.map_bytes = UINT64_C(256) << 20;
    assert_int_equal(xr_store_open(&house->options, &house->store), XR_OK);
    *state = house;
    return 0;
}

static int tear_down(void **state)
{
    struct house *house = *state;
    xr_store_close(house->store);
    dir_remove(house->directory);
    free(house);
    return 0;
}

static void close_house(struct house *house)
{
    xr_store_close(house->store);
    house->store = NULL;
}

static void open_house(struct house *house)
{
    assert_int_equal(xr_store_open(&house->options, &house->store), XR_OK);
}

static void reopen(struct house *house)
{
    close_house(house);
    open_house(house);
}

/* ---- words ---------------------------------------------------------------------------------- */

static struct xr_bin bin(const char *text)
{
    return (struct xr_bin){(const uint8_t *)text, (uint32_t)strlen(text)};
}

static void assert_bin(struct xr_bin is, const char *wanted)
{
    assert_int_equal(is.size, strlen(wanted));
    assert_memory_equal(is.at, wanted, is.size);
}

static void begin(struct house *house)
{
    assert_int_equal(xr_store_begin(house->store), XR_OK);
}

static void commit(struct house *house)
{
    assert_int_equal(xr_store_failed(house->store), XR_OK);
    assert_int_equal(xr_store_commit(house->store), XR_OK);
}

static void put(struct house *house, uint32_t floor, const char *key, const char *value)
{
    xr_tables_put(xr_store_tables(house->store, floor), XR_TABLE_session, bin(key), bin(value));
}

static void append(struct house *house, uint32_t floor, const char *key, const char *value)
{
    xr_tables_append(xr_store_tables(house->store, floor), XR_TABLE_journal, bin(key), bin(value));
}

static struct xr_reader *read_house(struct house *house)
{
    struct xr_reader *reader;
    assert_int_equal(xr_reader_open(house->store, &reader), XR_OK);
    return reader;
}

/* The value of a row as a reader sees it; NULL: none. */
static void assert_read(struct xr_reader *reader, uint32_t floor, enum xr_table table,
                        const char *key, const char *wanted)
{
    struct xr_bin value;
    const enum xr_status status =
        xr_tables_get(xr_reader_tables(reader, floor), table, bin(key), &value);
    assert_int_equal(status, wanted != NULL ? XR_OK : XR_NONE);
    if (wanted != NULL)
        assert_bin(value, wanted);
}

static void assert_rows(struct xr_tables *tables, enum xr_table table, bool backwards,
                        const char *wanted)
{
    char seen[256] = "";
    struct xr_scan scan;
    struct xr_bin key;
    struct xr_bin value;
    xr_tables_scan_open(tables, table, empty, backwards, &scan);
    while (xr_tables_scan_next(tables, &scan, &key, &value))
        (void)snprintf(seen + strlen(seen), sizeof seen - strlen(seen), "%.*s=%.*s ", (int)key.size,
                       (const char *)key.at, (int)value.size, (const char *)value.at);
    xr_tables_scan_close(tables, &scan);
    assert_string_equal(seen, wanted);
}

static void assert_status(struct house *house, enum xr_status wanted)
{
    struct xr_store *store = NULL;
    assert_int_equal(xr_store_open(&house->options, &store), wanted);
    if (wanted != XR_OK)
        assert_null(store);
    xr_store_close(store);
}

/* ---- batches -------------------------------------------------------------------------------- */

static void committed_batches_are_there_after_opening_again(void **state)
{
    struct house *house = *state;
    begin(house);
    put(house, 1, "a", "one");
    append(house, 1, "j", "row");
    xr_store_log_append(house->store, 1, bin("batch one"));
    xr_store_meta_put(house->store, bin("meta one"));
    commit(house);
    reopen(house);
    begin(house);
    append(house, 1, "k", "more");
    xr_store_log_append(house->store, 2, bin("batch two"));
    xr_store_meta_put(house->store, bin("meta two"));
    commit(house);
    reopen(house);

    struct xr_reader *reader = read_house(house);
    struct xr_bin out;
    uint64_t first;
    uint64_t last;
    assert_read(reader, 1, XR_TABLE_session, "a", "one");
    assert_rows(xr_reader_tables(reader, 1), XR_TABLE_journal, false, "j=row k=more ");
    assert_int_equal(xr_reader_meta(reader, &out), XR_OK);
    assert_bin(out, "meta two");
    xr_reader_log_span(reader, &first, &last);
    assert_int_equal(first, 1);
    assert_int_equal(last, 2);
    assert_int_equal(xr_reader_log(reader, 1, &out), XR_OK);
    assert_bin(out, "batch one");
    assert_int_equal(xr_reader_log(reader, 2, &out), XR_OK);
    assert_bin(out, "batch two");
    assert_int_equal(xr_reader_log(reader, 3, &out), XR_NONE);
    xr_reader_close(reader);
}

static void an_aborted_batch_leaves_nothing(void **state)
{
    struct house *house = *state;
    begin(house);
    put(house, 1, "a", "kept");
    commit(house);
    begin(house);
    put(house, 1, "a", "dropped");
    put(house, 2, "b", "dropped");
    append(house, 2, "j", "dropped");
    xr_store_log_append(house->store, 1, bin("dropped"));
    xr_store_meta_put(house->store, bin("dropped"));
    xr_store_abort(house->store);

    struct xr_reader *reader = read_house(house);
    struct xr_bin out;
    uint64_t first;
    uint64_t last;
    uint32_t floors[4];
    assert_read(reader, 1, XR_TABLE_session, "a", "kept");
    assert_int_equal(xr_reader_floors(reader, floors, 4), 1);
    assert_read(reader, 2, XR_TABLE_journal, "j", NULL);
    assert_int_equal(xr_reader_meta(reader, &out), XR_NONE);
    xr_reader_log_span(reader, &first, &last);
    assert_int_equal(first, 0);
    assert_int_equal(last, 0);
    xr_reader_close(reader);

    begin(house);
    append(house, 2, "i", "again");
    assert_rows(xr_store_tables(house->store, 2), XR_TABLE_journal, false, "i=again ");
    commit(house);
    reopen(house);
    reader = read_house(house);
    assert_read(reader, 2, XR_TABLE_journal, "i", "again");
    xr_reader_close(reader);
}

static void the_log_forgets_from_its_beginning(void **state)
{
    struct house *house = *state;
    uint64_t first;
    uint64_t last;
    struct xr_bin out;
    for (uint64_t batch = 1; batch <= 600; batch++) {
        begin(house);
        xr_store_log_append(house->store, batch, bin("batch"));
        if (batch > 300)
            xr_store_log_delete(house->store, batch - 300);
        xr_store_log_delete(house->store, 10000);
        commit(house);
    }
    struct xr_reader *reader = read_house(house);
    xr_reader_log_span(reader, &first, &last);
    assert_int_equal(first, 301);
    assert_int_equal(last, 600);
    assert_int_equal(xr_reader_log(reader, 300, &out), XR_NONE);
    assert_int_equal(xr_reader_log(reader, 301, &out), XR_OK);
    xr_reader_close(reader);
}

static void a_store_closed_in_a_batch_has_dropped_it(void **state)
{
    struct house *house = *state;
    begin(house);
    put(house, 1, "a", "dropped");
    reopen(house);
    struct xr_reader *reader = read_house(house);
    assert_read(reader, 1, XR_TABLE_session, "a", NULL);
    xr_reader_close(reader);
}

/* ---- floors --------------------------------------------------------------------------------- */

static void floors_do_not_touch_each_other(void **state)
{
    static const uint32_t floors[] = {1, 2, 255, 256, 0x01000000, UINT32_MAX};
    const size_t count = sizeof floors / sizeof floors[0];
    struct house *house = *state;
    char value[16];
    begin(house);
    for (size_t i = 0; i < count; i++) {
        (void)snprintf(value, sizeof value, "%zu", i);
        put(house, floors[i], "a", value);
        put(house, floors[i], "b", value);
        append(house, floors[i], "j", value);
    }
    xr_tables_del(xr_store_tables(house->store, 2), XR_TABLE_session, bin("b"));
    commit(house);
    reopen(house);

    struct xr_reader *reader = read_house(house);
    uint32_t seen[8] = {0};
    assert_int_equal(xr_reader_floors(reader, NULL, 0), count);
    assert_int_equal(xr_reader_floors(reader, seen, 3), count);
    assert_int_equal(seen[2], 255);
    assert_int_equal(seen[3], 0);
    assert_int_equal(xr_reader_floors(reader, seen, 8), count);
    assert_memory_equal(seen, floors, sizeof floors);
    for (size_t i = 0; i < count; i++) {
        char rows[64];
        struct xr_tables *tables = xr_reader_tables(reader, floors[i]);
        (void)snprintf(rows, sizeof rows, floors[i] == 2 ? "a=%zu " : "a=%zu b=%zu ", i, i);
        assert_rows(tables, XR_TABLE_session, false, rows);
        (void)snprintf(rows, sizeof rows, floors[i] == 2 ? "a=%zu " : "b=%zu a=%zu ", i, i);
        assert_rows(tables, XR_TABLE_session, true, rows);
        (void)snprintf(rows, sizeof rows, "j=%zu ", i);
        assert_rows(tables, XR_TABLE_journal, false, rows);
    }
    assert_rows(xr_reader_tables(reader, 3), XR_TABLE_session, false, "");
    assert_rows(xr_reader_tables(reader, 3), XR_TABLE_session, true, "");
    assert_rows(xr_reader_tables(reader, 3), XR_TABLE_journal, true, "");
    xr_reader_close(reader);
}

static void many_floors_are_founded_in_many_batches(void **state)
{
    struct house *house = *state;
    for (uint32_t floor = 300; floor > 0; floor--) {
        begin(house);
        put(house, floor, "a", "row");
        append(house, floor, "j", "row");
        commit(house);
    }
    reopen(house);
    struct xr_reader *reader = read_house(house);
    assert_int_equal(xr_reader_floors(reader, NULL, 0), 300);
    for (uint32_t floor = 1; floor <= 300; floor++)
        assert_read(reader, floor, XR_TABLE_journal, "j", "row");
    xr_reader_close(reader);
}

static void a_floor_too_many_finds_no_room(void **state)
{
    struct house *house = *state;
    begin(house);
    uint32_t floor = 1;
    for (; xr_store_failed(house->store) == XR_OK && floor < 2000; floor++)
        append(house, floor, "j", "row");
    assert_true(floor > 1000);
    assert_true(floor < XR_STORE_TREES_MAX);
    assert_int_equal(xr_store_failed(house->store), XR_STORAGE);
    assert_int_equal(xr_store_commit(house->store), XR_STORAGE);
    begin(house);
    append(house, 1, "j", "row");
    commit(house);
}

/* ---- readers -------------------------------------------------------------------------------- */

static void a_reader_sees_one_moment(void **state)
{
    struct house *house = *state;
    begin(house);
    put(house, 1, "a", "before");
    commit(house);
    struct xr_reader *early = read_house(house);
    begin(house);
    put(house, 1, "a", "after");
    put(house, 2, "a", "after");
    append(house, 1, "j", "after");
    struct xr_reader *meanwhile = read_house(house);
    commit(house);
    struct xr_reader *late = read_house(house);
    struct xr_reader *both[] = {early, meanwhile};
    for (size_t i = 0; i < 2; i++) {
        uint32_t floors[4];
        assert_read(both[i], 1, XR_TABLE_session, "a", "before");
        assert_read(both[i], 2, XR_TABLE_session, "a", NULL);
        assert_read(both[i], 1, XR_TABLE_journal, "j", NULL);
        assert_rows(xr_reader_tables(both[i], 1), XR_TABLE_journal, true, "");
        assert_int_equal(xr_reader_floors(both[i], floors, 4), 1);
    }
    assert_read(late, 1, XR_TABLE_session, "a", "after");
    assert_read(late, 2, XR_TABLE_session, "a", "after");
    assert_read(late, 1, XR_TABLE_journal, "j", "after");
    xr_reader_close(early);
    xr_reader_close(meanwhile);
    struct xr_reader *again = read_house(house);
    assert_read(again, 1, XR_TABLE_session, "a", "after");
    assert_read(again, 1, XR_TABLE_journal, "j", "after");
    xr_reader_close(again);
    xr_reader_close(late);
}

static void the_writer_sees_its_own_batch(void **state)
{
    struct house *house = *state;
    struct xr_bin value;
    begin(house);
    put(house, 1, "a", "mine");
    append(house, 1, "j", "mine");
    struct xr_tables *tables = xr_store_tables(house->store, 1);
    assert_int_equal(xr_tables_get(tables, XR_TABLE_session, bin("a"), &value), XR_OK);
    assert_bin(value, "mine");
    assert_rows(tables, XR_TABLE_journal, true, "j=mine ");
    commit(house);
}

static void readers_are_counted_and_bounded(void **state)
{
    struct house *house = *state;
    struct xr_store_figures figures;
    struct xr_reader *readers[XR_STORE_READERS_MAX + 1];
    size_t count = 0;
    enum xr_status status = XR_OK;
    while (count <= XR_STORE_READERS_MAX &&
           (status = xr_reader_open(house->store, &readers[count])) == XR_OK)
        count++;
    assert_int_equal(status, XR_BUSY);
    assert_int_equal(count, XR_STORE_READERS_MAX);
    xr_store_figures(house->store, &figures);
    assert_int_equal(figures.readers, count);
    while (count > 0)
        xr_reader_close(readers[--count]);
    xr_store_figures(house->store, &figures);
    assert_int_equal(figures.readers, 0);
    assert_int_equal(figures.map_bytes, house->options.map_bytes);
    assert_true(figures.used_bytes > 0);
    assert_true(figures.used_bytes < figures.map_bytes);
    assert_true(figures.free_bytes > 0);
    xr_reader_close(read_house(house));
}

/* ---- readers beside the writer -------------------------------------------------------------- */

#define ROUNDS  2000
#define LOOKERS 3

struct look {
    struct house *house;
    pthread_mutex_t mutex;
    bool is_over;
    uint64_t looks;
    const char *wrong; /* what a reader saw that cannot be */
};

static bool is_over(struct look *look)
{
    (void)pthread_mutex_lock(&look->mutex);
    const bool over = look->is_over;
    (void)pthread_mutex_unlock(&look->mutex);
    return over;
}

static void tell(struct look *look, const char *wrong)
{
    (void)pthread_mutex_lock(&look->mutex);
    look->looks++;
    if (wrong != NULL)
        look->wrong = wrong;
    (void)pthread_mutex_unlock(&look->mutex);
}

static uint64_t read_count(struct xr_tables *tables, enum xr_table table)
{
    struct xr_bin value;
    return xr_tables_get(tables, table, empty, &value) == XR_OK ? xr_get_u64be(value.at) : 0;
}

static uint64_t read_last(struct xr_tables *tables)
{
    struct xr_scan scan;
    struct xr_bin key = empty;
    struct xr_bin value;
    xr_tables_scan_open(tables, XR_TABLE_journal, empty, true, &scan);
    const bool is_row = xr_tables_scan_next(tables, &scan, &key, &value);
    xr_tables_scan_close(tables, &scan);
    return is_row ? xr_get_u64be(key.at) : 0;
}

/* The writer counts in two rows of every floor, in its journal, and in the log: always equal. */
static const char *look_once(struct xr_reader *reader)
{
    uint32_t floors[64];
    uint64_t first;
    uint64_t last;
    uint64_t newest = 0;
    const size_t count = xr_reader_floors(reader, floors, 64);
    for (size_t i = 0; i < count; i++) {
        struct xr_tables *tables = xr_reader_tables(reader, floors[i]);
        const uint64_t counted = read_count(tables, XR_TABLE_floor);
        if (counted != read_count(tables, XR_TABLE_balance))
            return "two rows of one batch differ";
        if (counted != read_last(tables))
            return "the journal's end is of another batch";
        if (counted > newest)
            newest = counted;
    }
    xr_reader_log_span(reader, &first, &last);
    return last != newest ? "the log's end is of another batch" : NULL;
}

static void *look_on(void *context)
{
    struct look *look = context;
    while (!is_over(look)) {
        struct xr_reader *reader;
        if (xr_reader_open(look->house->store, &reader) != XR_OK) {
            tell(look, "no reader");
            break;
        }
        tell(look, look_once(reader));
        xr_reader_close(reader);
    }
    return NULL;
}

static void count_in_floor(struct house *house, uint32_t floor, uint64_t round)
{
    uint8_t number[8];
    const struct xr_bin bytes = {number, sizeof number};
    struct xr_tables *tables = xr_store_tables(house->store, floor);
    xr_put_u64be(number, round);
    xr_tables_put(tables, XR_TABLE_floor, empty, bytes);
    xr_tables_append(tables, XR_TABLE_journal, bytes, bytes);
    xr_tables_put(tables, XR_TABLE_balance, empty, bytes);
}

static void threads_read_whole_batches_while_floors_are_founded(void **state)
{
    struct house *house = *state;
    struct look look = {.house = house, .mutex = PTHREAD_MUTEX_INITIALIZER};
    pthread_t threads[LOOKERS];
    for (size_t i = 0; i < LOOKERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, look_on, &look), 0);
    for (uint64_t round = 1; round <= ROUNDS; round++) {
        begin(house);
        count_in_floor(house, (uint32_t)(round % (1 + round / 40) + 1), round);
        xr_store_log_append(house->store, round, bin("batch"));
        if (round % 10 == 9) { /* a batch that nobody may see, with a floor of its own */
            count_in_floor(house, 60, round);
            xr_store_abort(house->store);
            begin(house);
            count_in_floor(house, 1, round);
            xr_store_log_append(house->store, round, bin("batch"));
        }
        commit(house);
    }
    (void)pthread_mutex_lock(&look.mutex);
    look.is_over = true;
    (void)pthread_mutex_unlock(&look.mutex);
    for (size_t i = 0; i < LOOKERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    if (look.wrong != NULL)
        fail_msg("%s", look.wrong);
    assert_true(look.looks > 0);
}

/* ---- opening -------------------------------------------------------------------------------- */

static void two_do_not_write_one_store(void **state)
{
    struct house *house = *state;
    assert_status(house, XR_BUSY);
    begin(house);
    put(house, 1, "a", "one");
    commit(house);
    reopen(house);
}

/* Run `act` in a process of its own, which must not share an open store with this one. */
static int run_apart(void (*act)(struct house *), struct house *house)
{
    (void)fflush(NULL);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (freopen("/dev/null", "w", stderr) == NULL)
            _exit(2);
        act(house);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static int wait_at; /* a pipe: the child opens when the parent has written */

static void read_from_outside(struct house *house)
{
    char go;
    struct xr_reader *reader;
    struct xr_bin value;
    if (read(wait_at, &go, 1) != 1)
        _exit(3);
    house->options.read_only = true;
    if (xr_store_open(&house->options, &house->store) != XR_OK)
        _exit(4);
    if (xr_reader_open(house->store, &reader) != XR_OK)
        _exit(5);
    if (xr_tables_get(xr_reader_tables(reader, 1), XR_TABLE_journal, bin("j"), &value) != XR_OK)
        _exit(6);
    if (value.size != 3 || memcmp(value.at, "row", 3) != 0)
        _exit(7);
    if (!xr_reader_tables(reader, 1)->read_only)
        _exit(8);
    xr_reader_close(reader);
    xr_store_close(house->store);
}

static void another_process_reads_while_one_writes(void **state)
{
    struct house *house = *state;
    int ends[2];
    close_house(house);
    assert_int_equal(pipe(ends), 0);
    wait_at = ends[0];
    (void)fflush(NULL);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        read_from_outside(house);
        _exit(0);
    }
    open_house(house);
    begin(house);
    append(house, 1, "j", "row");
    commit(house);
    begin(house);
    append(house, 1, "k", "not yet");
    assert_int_equal(write(ends[1], "g", 1), 1);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    commit(house);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

static void missing_places_are_told(void **state)
{
    struct house *house = *state;
    char path[4200];
    close_house(house);
    struct house other = {.options = {.directory = path}};
    (void)snprintf(path, sizeof path, "%s/none/none", house->directory);
    assert_status(&other, XR_IO);
    assert_int_equal(errno, ENOENT);
    (void)snprintf(path, sizeof path, "%s/data.mdb/below", house->directory);
    assert_status(&other, XR_IO);
    assert_int_equal(errno, ENOTDIR);
    (void)snprintf(path, sizeof path, "%s/none", house->directory);
    other.options.read_only = true;
    assert_status(&other, XR_IO);
    assert_int_equal(errno, ENOENT);
    other.options.read_only = false;
    assert_status(&other, XR_OK);
    other.options.read_only = true;
    assert_status(&other, XR_OK);
}

static void data_path(const struct house *house, char path[4200])
{
    (void)snprintf(path, 4200, "%s/data.mdb", house->directory);
}

static void a_cut_file_is_corrupt(void **state)
{
    struct house *house = *state;
    char path[4200];
    begin(house);
    for (unsigned i = 0; i < 1000; i++) {
        char key[8];
        (void)snprintf(key, sizeof key, "%04u", i);
        append(house, 1, key, "a row of some length, so that pages fill");
    }
    commit(house);
    close_house(house);
    data_path(house, path);
    assert_int_equal(truncate(path, 5 * 4096), 0);
    assert_status(house, XR_CORRUPT);
    house->options.read_only = true;
    assert_status(house, XR_CORRUPT);
}

static void a_file_of_others_is_corrupt(void **state)
{
    struct house *house = *state;
    char path[4200];
    char zeros[16384] = {1};
    close_house(house);
    data_path(house, path);
    const int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, zeros, sizeof zeros), sizeof zeros);
    (void)close(fd);
    assert_status(house, XR_CORRUPT);
}

/* Change the store with LMDB's own calls: a tree more or less, another version. */
static void change(struct house *house, const char *tree, const char *key, const char *value)
{
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;
    assert_int_equal(mdb_env_create(&env), 0);
    assert_int_equal(mdb_env_set_maxdbs(env, 8), 0);
    assert_int_equal(mdb_env_open(env, house->directory, MDB_NOTLS, 0600), 0);
    assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
    assert_int_equal(mdb_dbi_open(txn, tree, MDB_CREATE, &dbi), 0);
    if (key == NULL) {
        assert_int_equal(mdb_drop(txn, dbi, 1), 0);
    } else {
        MDB_val k = xr_lmdb_val(bin(key));
        MDB_val v = xr_lmdb_val(bin(value));
        assert_int_equal(mdb_put(txn, dbi, &k, &v, 0), 0);
    }
    assert_int_equal(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
}

static void another_version_is_not_touched(void **state)
{
    struct house *house = *state;
    close_house(house);
    change(house, "meta", "format", "2222");
    assert_status(house, XR_CORRUPT);
    house->options.read_only = true;
    assert_status(house, XR_CORRUPT);
}

static void an_environment_of_others_is_not_touched(void **state)
{
    struct house *house = *state;
    close_house(house);
    change(house, "meta", NULL, NULL);
    assert_status(house, XR_CORRUPT);
}

static void trees_nobody_knows_are_not_touched(void **state)
{
    struct house *house = *state;
    close_house(house);
    change(house, "journal.0000000g", "key", "value");
    assert_status(house, XR_CORRUPT);
    change(house, "journal.0000000g", NULL, NULL);
    assert_status(house, XR_OK);
    change(house, "notebook.00000001", "key", "value");
    assert_status(house, XR_CORRUPT);
}

static void an_empty_file_becomes_a_store(void **state)
{
    struct house *house = *state;
    char path[4200];
    close_house(house);
    data_path(house, path);
    assert_int_equal(truncate(path, 0), 0);
    open_house(house);
    begin(house);
    put(house, 1, "a", "one");
    commit(house);
    reopen(house);
}

static void opening_finds_no_memory_and_leaves_nothing(void **state)
{
    struct house *house = *state;
    close_house(house);
    for (uint64_t nth = 1; nth <= 2; nth++) {
        struct xr_store *store = NULL;
        xr_mem_arm(nth, false);
        assert_int_equal(xr_store_open(&house->options, &store), XR_NOMEM);
        xr_mem_arm(0, false);
        assert_null(store);
    }
    open_house(house);
    struct xr_reader *reader = NULL;
    xr_mem_arm(1, false);
    assert_int_equal(xr_reader_open(house->store, &reader), XR_NOMEM);
    xr_mem_arm(0, false);
    assert_null(reader);
}

/* ---- ends ----------------------------------------------------------------------------------- */

static bool is_abort(int status)
{
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

/* A batch, committed to a file that has become `path` behind the store's back. */
static void commit_to(struct house *house, const char *path, int flags)
{
    mdb_filehandle_t fd;
    open_house(house);
    begin(house);
    put(house, 1, "a", "two");
    const int other = open(path, flags | O_CLOEXEC);
    if (mdb_env_get_fd(house->store->env, &fd) != 0 || other < 0 || dup2(other, fd) < 0)
        _exit(9);
    _exit(xr_store_commit(house->store) == XR_STORAGE ? 10 : 11);
}

static void commit_to_what_cannot_be_written(struct house *house)
{
    commit_to(house, "/dev/null", O_RDONLY);
}

/* The first pages of a process are not mapped: writing there is EIO, with room on the disk. */
static void commit_to_what_gives_eio(struct house *house)
{
    commit_to(house, "/proc/self/mem", O_RDWR);
}

static void commit_to_what_is_full(struct house *house)
{
    commit_to(house, "/dev/full", O_RDWR);
}

static void write_with_a_readers_handle(struct house *house)
{
    open_house(house);
    struct xr_reader *reader = read_house(house);
    xr_tables_put(xr_reader_tables(reader, 1), XR_TABLE_session, bin("a"), bin("one"));
}

static void commit_below_an_open_scan(struct house *house)
{
    struct xr_scan scan;
    open_house(house);
    begin(house);
    xr_tables_scan_open(xr_store_tables(house->store, 1), XR_TABLE_session, empty, false, &scan);
    if (xr_store_commit(house->store) != XR_OK)
        _exit(10);
}

static void log_out_of_order(struct house *house)
{
    open_house(house);
    begin(house);
    xr_store_log_append(house->store, 2, bin("batch"));
    xr_store_log_append(house->store, 1, bin("batch"));
}

static void do_nothing_wrong(struct house *house)
{
    open_house(house);
    begin(house);
    put(house, 1, "a", "one");
    commit(house);
    xr_store_close(house->store);
}

static void a_failed_write_ends_the_process(void **state)
{
    struct house *house = *state;
    close_house(house);
    assert_false(is_abort(run_apart(do_nothing_wrong, house)));
    assert_true(is_abort(run_apart(commit_to_what_cannot_be_written, house)));
    assert_true(is_abort(run_apart(commit_to_what_gives_eio, house)));
    open_house(house);
    struct xr_reader *reader = read_house(house);
    assert_read(reader, 1, XR_TABLE_session, "a", "one");
    xr_reader_close(reader);
}

static void lack_of_room_does_not(void **state)
{
    struct house *house = *state;
    close_house(house);
    const int status = run_apart(commit_to_what_is_full, house);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 10);
}

static void broken_rules_end_the_process(void **state)
{
    struct house *house = *state;
    close_house(house);
    assert_true(is_abort(run_apart(write_with_a_readers_handle, house)));
    assert_true(is_abort(run_apart(commit_below_an_open_scan, house)));
    assert_true(is_abort(run_apart(log_out_of_order, house)));
}

static void a_killed_writer_leaves_whole_batches(void **state)
{
    struct house *house = *state;
    uint64_t newest = 0;
    close_house(house);
    for (unsigned kill_round = 0; kill_round < 20; kill_round++) {
        int ends[2];
        assert_int_equal(pipe(ends), 0);
        (void)fflush(NULL);
        const pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            if (xr_store_open(&house->options, &house->store) != XR_OK)
                _exit(1);
            for (uint64_t round = newest + 1;; round++) {
                if (xr_store_begin(house->store) != XR_OK)
                    _exit(2);
                count_in_floor(house, 1, round);
                xr_store_log_append(house->store, round, bin("batch"));
                if (xr_store_commit(house->store) != XR_OK)
                    _exit(3);
                if (write(ends[1], &round, sizeof round) != (ssize_t)sizeof round)
                    _exit(4);
            }
        }
        uint64_t acknowledged = 0;
        for (unsigned i = 0; i <= kill_round; i++)
            assert_int_equal(read(ends[0], &acknowledged, sizeof acknowledged),
                             sizeof acknowledged);
        assert_int_equal(kill(child, SIGKILL), 0);
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        (void)close(ends[0]);
        (void)close(ends[1]);

        open_house(house);
        struct xr_reader *reader = read_house(house);
        const char *wrong = look_once(reader);
        if (wrong != NULL)
            fail_msg("%s", wrong);
        newest = read_last(xr_reader_tables(reader, 1));
        assert_true(newest >= acknowledged);
        xr_reader_close(reader);
        close_house(house);
    }
}

#define ON_STORE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_STORE(committed_batches_are_there_after_opening_again),
        ON_STORE(an_aborted_batch_leaves_nothing),
        ON_STORE(the_log_forgets_from_its_beginning),
        ON_STORE(a_store_closed_in_a_batch_has_dropped_it),
        ON_STORE(floors_do_not_touch_each_other),
        ON_STORE(many_floors_are_founded_in_many_batches),
        ON_STORE(a_floor_too_many_finds_no_room),
        ON_STORE(a_reader_sees_one_moment),
        ON_STORE(the_writer_sees_its_own_batch),
        ON_STORE(readers_are_counted_and_bounded),
        ON_STORE(threads_read_whole_batches_while_floors_are_founded),
        ON_STORE(two_do_not_write_one_store),
        ON_STORE(another_process_reads_while_one_writes),
        ON_STORE(missing_places_are_told),
        ON_STORE(a_cut_file_is_corrupt),
        ON_STORE(a_file_of_others_is_corrupt),
        ON_STORE(another_version_is_not_touched),
        ON_STORE(an_environment_of_others_is_not_touched),
        ON_STORE(trees_nobody_knows_are_not_touched),
        ON_STORE(an_empty_file_becomes_a_store),
        ON_STORE(opening_finds_no_memory_and_leaves_nothing),
        ON_STORE(a_failed_write_ends_the_process),
        ON_STORE(lack_of_room_does_not),
        ON_STORE(broken_rules_end_the_process),
        ON_STORE(a_killed_writer_leaves_whole_batches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
