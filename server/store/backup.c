/*
 * Backup and restore.
 *
 * A backup: LMDB copies its file, page for page as of one batch, into a pipe (mdb_env_copyfd2: the
 * writer is kept out only while two pages are taken, then nothing is pinned but a reader's
 * snapshot); the other end of the pipe is drained at a rate, so LMDB goes no faster either. What
 * comes out is digested and written; synced; read back from the disk, and the digests compared;
 * opened, its last batch noted, shown to `verify`; `backup` is written; the directory gets its
 * name.
 *
 * Why bytes are compared and not tables: the digest of the bytes is taken while they pass, so the
 * live store is pinned no longer than the copy takes. Equal bytes are equal tables, free pages and
 * all; a digest of the tables would have to be taken twice, once under the pin. That the bytes make
 * sense (the snapshot itself is whole) is for `verify` to say, which reads the copy at its leisure.
 *
 * Why not the compacting copy: it walks the tree under the pin, renumbers the pages, so that there
 * is nothing to compare with, and stops at a page that was leaked (0.9.24).
 *
 * What fails: anything, and DIRECTORY.tmp is removed and the status told. Killed: DIRECTORY.tmp is
 * left, and the reader's slot, which the server gives back within 10 s of writing on.
 */
#include "store/backup.h"

#include "base/clock.h"
#include "store/copy.h"
#include "store/lmdb.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define RESERVE_BYTES (UINT64_C(64) << 20)
#define MARK_ROOM     1024
#define HEX_ROOM      65

static const char data_name[] = "data.mdb";
static const char mark_name[] = "backup";

static uint64_t reserve_of(const struct xr_backup_options *options)
{
    return options->reserve_bytes > 0 ? options->reserve_bytes : RESERVE_BYTES;
}

/* ---- what is said of a copy ----------------------------------------------------------------- */

static enum xr_status write_mark(const struct xr_place *place, const struct xr_backup_mark *mark)
{
    char hash[HEX_ROOM];
    char digest[HEX_ROOM];
    char text[MARK_ROOM];
    int fd;
    (void)sodium_bin2hex(hash, sizeof hash, mark->hash, sizeof mark->hash);
    (void)sodium_bin2hex(digest, sizeof digest, mark->digest, sizeof mark->digest);
    const int size = snprintf(text, sizeof text,
                              "xiaoer backup 1\nbatch %" PRIu64 "\nhash %s\nbytes %" PRIu64
                              "\nblake2b %s\ntaken %" PRId64 "\n",
                              mark->batch_no, hash, mark->bytes, digest, mark->wall_ms);
    XR_ASSERT(size > 0);
    enum xr_status status = xr_place_create(place, mark_name, 0, &fd);
    if (status != XR_OK)
        return status;
    if (write(fd, text, (size_t)size) != size || fsync(fd) != 0)
        status = xr_copy_failure();
    (void)close(fd);
    return status;
}

static bool read_hex(const char *text, uint8_t out[32])
{
    size_t size = 0;
    return sodium_hex2bin(out, 32, text, strlen(text), NULL, &size, NULL) == 0 && size == 32;
}

static enum xr_status parse_mark(const char *text, struct xr_backup_mark *out)
{
    char hash[HEX_ROOM];
    char digest[HEX_ROOM];
    struct xr_backup_mark mark = {0};
    int used = 0;
    if (sscanf(text,
               "xiaoer backup 1\nbatch %" SCNu64 "\nhash %64s\nbytes %" SCNu64
               "\nblake2b %64s\ntaken %" SCNd64 "%n",
               &mark.batch_no, hash, &mark.bytes, digest, &mark.wall_ms, &used) != 5)
        return XR_CORRUPT;
    if (strcmp(text + used, "\n") != 0 || !read_hex(hash, mark.hash) ||
        !read_hex(digest, mark.digest))
        return XR_CORRUPT;
    *out = mark;
    return XR_OK;
}

/* Open a file of a backup; XR_NONE: there is none. */
static enum xr_status open_part(const char *backup, const char *name, int *out)
{
    char path[XR_COPY_PATH_ROOM];
    const int size = snprintf(path, sizeof path, "%s/%s", backup, name);
    if (size < 0 || (size_t)size >= sizeof path) {
        errno = ENAMETOOLONG;
        return XR_IO;
    }
    *out = open(path, O_RDONLY | O_CLOEXEC);
    if (*out >= 0)
        return XR_OK;
    return errno == ENOENT || errno == ENOTDIR ? XR_NONE : XR_IO;
}

static enum xr_status read_mark(const char *backup, struct xr_backup_mark *out)
{
    char text[MARK_ROOM];
    int fd;
    const enum xr_status status = open_part(backup, mark_name, &fd);
    if (status != XR_OK)
        return status;
    const ssize_t size = read(fd, text, sizeof text - 1);
    const int reason = errno;
    (void)close(fd);
    errno = reason;
    if (size < 0)
        return XR_IO;
    text[size] = '\0';
    return strlen(text) == (size_t)size ? parse_mark(text, out) : XR_CORRUPT;
}

/* The file of a backup, which must be as long as its mark says. */
static enum xr_status open_data(const char *backup, const struct xr_backup_mark *mark, int *out)
{
    struct stat file;
    const enum xr_status status = open_part(backup, data_name, out);
    if (status != XR_OK)
        return status == XR_NONE ? XR_CORRUPT : status;
    if (fstat(*out, &file) == 0 && (uint64_t)file.st_size == mark->bytes)
        return XR_OK;
    (void)close(*out);
    return XR_CORRUPT;
}

/* ---- comparing and verifying ---------------------------------------------------------------- */

/* The digest of `fd` from the disk, not from what the kernel remembers, must be the mark's. */
static enum xr_status compare_data(int fd, const struct xr_backup_options *options,
                                   const struct xr_backup_mark *mark)
{
    struct xr_copy copy = {
        .to = -1, .options = options, .stage = XR_BACKUP_COMPARE, .total = mark->bytes};
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    const enum xr_status status = xr_copy_run(&copy, fd);
    if (status != XR_OK)
        return status;
    if (copy.done != mark->bytes || memcmp(copy.digest, mark->digest, sizeof mark->digest) != 0)
        return XR_CORRUPT;
    return XR_OK;
}

static enum xr_status compare_part(const char *directory, const struct xr_backup_options *options,
                                   const struct xr_backup_mark *mark)
{
    int fd;
    enum xr_status status = open_data(directory, mark, &fd);
    if (status != XR_OK)
        return status;
    status = compare_data(fd, options, mark);
    (void)close(fd);
    return status;
}

static void read_last_batch(struct xr_reader *reader, struct xr_backup_mark *out)
{
    uint64_t first;
    struct xr_bin batch;
    xr_reader_log_span(reader, &first, &out->batch_no);
    if (out->batch_no != 0 && xr_reader_log(reader, out->batch_no, &batch) == XR_OK)
        XR_ASSERT(crypto_generichash(out->hash, sizeof out->hash, batch.at, batch.size, NULL, 0) ==
                  0);
}

static enum xr_status verify_reader(struct xr_reader *reader,
                                    const struct xr_backup_options *options,
                                    struct xr_backup_mark *out)
{
    read_last_batch(reader, out);
    if (options->progress != NULL && !options->progress(options->context, XR_BACKUP_VERIFY, 0, 0))
        return XR_CLOSED;
    return options->verify != NULL ? options->verify(options->context, reader) : XR_OK;
}

/* Open the copy as the store that it is. `out` receives its last batch. */
static enum xr_status verify_copy(const struct xr_place *place,
                                  const struct xr_backup_options *options,
                                  struct xr_backup_mark *out)
{
    const struct xr_store_options opening = {
        .directory = place->partial, .read_only = true, .is_still = true};
    struct xr_store *store = NULL;
    struct xr_reader *reader = NULL;
    enum xr_status status = xr_store_open(&opening, &store);
    if (status != XR_OK)
        return status;
    status = xr_reader_open(store, &reader);
    if (status == XR_OK) {
        status = verify_reader(reader, options, out);
        xr_reader_close(reader);
    }
    xr_store_close(store);
    return status;
}

/* ---- backup --------------------------------------------------------------------------------- */

/* LMDB's end of the pipe, in a thread of its own. */
struct pump {
    struct xr_store *store;
    const struct xr_backup_options *options;
    pthread_t thread;
    int from;
    int to;
    int code; /* what LMDB said; after the join */
    uint64_t pages_before;
    uint64_t grown_bytes;
    bool is_hurried;
};

static uint64_t count_pages(struct xr_store *store)
{
    MDB_envinfo info;
    (void)mdb_env_info(store->env, &info);
    return info.me_last_pgno + 1;
}

static void *run_pump(void *context)
{
    struct pump *pump = context;
    pump->code = mdb_env_copyfd2(pump->store->env, pump->to, 0);
    (void)close(pump->to);
    return NULL;
}

/* Its signals are blocked: SIGPIPE, where the draining end gives up, is a failed write. */
static enum xr_status start_pump(struct pump *pump)
{
    int ends[2];
    sigset_t all;
    sigset_t before;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return XR_IO;
    pump->from = ends[0];
    pump->to = ends[1];
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    const int code = pthread_create(&pump->thread, NULL, run_pump, pump);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (code == 0)
        return XR_OK;
    (void)close(pump->from);
    (void)close(pump->to);
    errno = code;
    return XR_IO;
}

static enum xr_status status_of_pump(int code)
{
    switch (code) {
    case 0:
        return XR_OK;
    case MDB_READERS_FULL:
        return XR_BUSY;
    case ENOMEM:
        return XR_NOMEM;
    default:
        errno = code > 0 ? code : EIO;
        return code > 0 ? XR_IO : XR_CORRUPT;
    }
}

/* `drained` is what became of the other end: its reason counts, where it has one. */
static enum xr_status end_pump(struct pump *pump, enum xr_status drained)
{
    const int reason = errno;
    (void)close(pump->from);
    (void)pthread_join(pump->thread, NULL);
    errno = reason;
    return drained != XR_OK ? drained : status_of_pump(pump->code);
}

static void watch_growth(struct xr_copy *copy, void *context)
{
    struct pump *pump = context;
    pump->grown_bytes = (count_pages(pump->store) - pump->pages_before) * pump->store->page_bytes;
    if (pump->options->growth_bytes_max == 0 ||
        pump->grown_bytes <= pump->options->growth_bytes_max)
        return;
    pump->is_hurried = true;
    copy->rate = 0;
}

/* Drain the whole copy into `fd`. */
static enum xr_status copy_store(struct xr_store *store, const struct xr_backup_options *options,
                                 int fd, struct xr_backup_figures *out)
{
    struct pump pump = {.store = store, .options = options, .pages_before = count_pages(store)};
    struct xr_copy copy = {.to = fd,
                           .options = options,
                           .stage = XR_BACKUP_COPY,
                           .total = pump.pages_before * store->page_bytes,
                           .on_piece = watch_growth,
                           .context = &pump};
    const uint64_t began_ns = xr_clock_mono_ns();
    enum xr_status status = start_pump(&pump);
    if (status != XR_OK)
        return status;
    status = end_pump(&pump, xr_copy_run(&copy, pump.from));
    out->pinned_ms = (xr_clock_mono_ns() - began_ns) / 1000000u;
    out->grown_bytes = pump.grown_bytes;
    out->is_hurried = pump.is_hurried;
    out->mark.bytes = copy.done;
    memcpy(out->mark.digest, copy.digest, sizeof copy.digest);
    return status;
}

/* Copied, compared, looked at. */
static enum xr_status finish_copy(struct xr_place *place, const struct xr_backup_options *options,
                                  struct xr_backup_mark *mark)
{
    const enum xr_status status = compare_part(place->partial, options, mark);
    return status == XR_OK ? verify_copy(place, options, mark) : status;
}

static enum xr_status fill_backup(struct xr_place *place, struct xr_store *store,
                                  const struct xr_backup_options *options,
                                  struct xr_backup_figures *out)
{
    const uint64_t bytes = count_pages(store) * store->page_bytes;
    int fd = -1;
    enum xr_status status = xr_place_has_room(place, bytes, reserve_of(options));
    if (status == XR_OK)
        status = xr_place_create(place, data_name, bytes, &fd);
    if (status == XR_OK)
        status = copy_store(store, options, fd, out);
    if (fd >= 0)
        (void)close(fd);
    if (status == XR_OK)
        status = finish_copy(place, options, &out->mark);
    return status == XR_OK ? write_mark(place, &out->mark) : status;
}

enum xr_status xr_store_backup(struct xr_store *store, const char *directory,
                               const struct xr_backup_options *options,
                               struct xr_backup_figures *out)
{
    struct xr_place place;
    struct xr_backup_figures figures = {.mark.wall_ms = xr_clock_wall_ms()};
    const uint64_t began_ns = xr_clock_mono_ns();
    enum xr_status status = xr_place_open(&place, directory);
    if (status == XR_OK)
        status = fill_backup(&place, store, options, &figures);
    if (status == XR_OK)
        status = xr_place_settle(&place);
    xr_place_close(&place);
    if (status != XR_OK)
        return status;
    figures.all_ms = (xr_clock_mono_ns() - began_ns) / 1000000u;
    *out = figures;
    return XR_OK;
}

/* ---- restore -------------------------------------------------------------------------------- */

/* The digest is compared before anything opens the copy as a store. */
static enum xr_status copy_data(const char *backup, int to, const struct xr_backup_options *options,
                                const struct xr_backup_mark *mark)
{
    struct xr_copy copy = {
        .to = to, .options = options, .stage = XR_BACKUP_COPY, .total = mark->bytes};
    int from;
    enum xr_status status = open_data(backup, mark, &from);
    if (status != XR_OK)
        return status;
    status = xr_copy_run(&copy, from);
    (void)close(from);
    if (status == XR_OK && memcmp(copy.digest, mark->digest, sizeof mark->digest) != 0)
        status = XR_CORRUPT;
    return status;
}

static bool is_same_batch(const struct xr_backup_mark *a, const struct xr_backup_mark *b)
{
    return a->batch_no == b->batch_no && memcmp(a->hash, b->hash, sizeof a->hash) == 0;
}

static enum xr_status fill_restored(struct xr_place *place, const char *backup,
                                    const struct xr_backup_options *options,
                                    const struct xr_backup_mark *mark)
{
    struct xr_backup_mark found = *mark;
    int fd = -1;
    enum xr_status status = xr_place_has_room(place, mark->bytes, reserve_of(options));
    if (status == XR_OK)
        status = xr_place_create(place, data_name, mark->bytes, &fd);
    if (status == XR_OK)
        status = copy_data(backup, fd, options, mark);
    if (fd >= 0)
        (void)close(fd);
    if (status == XR_OK)
        status = finish_copy(place, options, &found);
    if (status == XR_OK && !is_same_batch(mark, &found))
        status = XR_CORRUPT;
    return status;
}

enum xr_status xr_store_restore(const char *backup, const char *directory,
                                const struct xr_backup_options *options,
                                struct xr_backup_figures *out)
{
    struct xr_place place = {.fd = -1};
    struct xr_backup_figures figures = {0};
    const uint64_t began_ns = xr_clock_mono_ns();
    enum xr_status status = read_mark(backup, &figures.mark);
    if (status == XR_OK)
        status = xr_place_open(&place, directory);
    if (status == XR_OK)
        status = fill_restored(&place, backup, options, &figures.mark);
    if (status == XR_OK)
        status = xr_place_settle(&place);
    xr_place_close(&place);
    if (status != XR_OK)
        return status;
    figures.all_ms = (xr_clock_mono_ns() - began_ns) / 1000000u;
    *out = figures;
    return XR_OK;
}

enum xr_status xr_store_backup_compare(const char *backup, const struct xr_backup_options *options,
                                       struct xr_backup_mark *out)
{
    struct xr_backup_mark mark;
    enum xr_status status = read_mark(backup, &mark);
    if (status == XR_OK)
        status = compare_part(backup, options, &mark);
    if (status == XR_OK)
        *out = mark;
    return status;
}
