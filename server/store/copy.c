#include "store/copy.h"

#include "base/clock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S UINT64_C(1000000000)

enum xr_status xr_copy_failure(void)
{
    return errno == ENOSPC || errno == EDQUOT || errno == EFBIG ? XR_STORAGE : XR_IO;
}

/* ---- bytes ---------------------------------------------------------------------------------- */

/* Fill the piece, or come to the end. -1: errno. */
static ssize_t read_piece(int from, uint8_t *piece)
{
    size_t size = 0;
    while (size < XR_COPY_PIECE) {
        const ssize_t got = read(from, piece + size, XR_COPY_PIECE - size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        size += (size_t)got;
    }
    return (ssize_t)size;
}

static enum xr_status write_piece(const struct xr_copy *copy, const uint8_t *piece, size_t size)
{
    size_t written = 0;
    while (written < size) {
        const ssize_t put = write(copy->to, piece + written, size - written);
        if (put < 0 && errno != EINTR)
            return xr_copy_failure();
        if (put > 0)
            written += (size_t)put;
    }
    /* What this cannot do, or fails at, the sync at the end does, or tells. In a hurry nobody
     * waits: pieces that are waited for came to 7 to 13 MiB/s on a busy disk. */
    const unsigned wait = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WAIT_AFTER;
    (void)sync_file_range(copy->to, (off_t)copy->done, (off_t)size,
                          SYNC_FILE_RANGE_WRITE | (copy->rate > 0 ? wait : 0u));
    (void)posix_fadvise(copy->to, (off_t)copy->done, (off_t)size, POSIX_FADV_DONTNEED);
    return XR_OK;
}

/* Wait until as much may have been done as has been. A pause of the machine is not made up for. */
static void keep_rate(struct xr_copy *copy, uint64_t size)
{
    if (copy->rate == 0)
        return;
    const uint64_t now_ns = xr_clock_mono_ns();
    const uint64_t due_ns = copy->began_ns + size * NS_PER_S / copy->rate;
    copy->began_ns = due_ns > now_ns ? due_ns : now_ns;
    if (due_ns <= now_ns)
        return;
    const uint64_t wait_ns = due_ns - now_ns;
    const struct timespec wait = {(time_t)(wait_ns / NS_PER_S), (long)(wait_ns % NS_PER_S)};
    (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &wait, NULL);
}

static enum xr_status tell_progress(const struct xr_copy *copy)
{
    const struct xr_backup_options *options = copy->options;
    const uint64_t total = copy->total > copy->done ? copy->total : copy->done;
    if (options->progress == NULL ||
        options->progress(options->context, copy->stage, copy->done, total))
        return XR_OK;
    return XR_CLOSED;
}

static enum xr_status copy_pieces(struct xr_copy *copy, int from, uint8_t *piece,
                                  crypto_generichash_state *state)
{
    enum xr_status status = XR_OK;
    while (status == XR_OK) {
        const ssize_t size = read_piece(from, piece);
        if (size < 0)
            return XR_IO;
        if (size == 0)
            break;
        (void)crypto_generichash_update(state, piece, (size_t)size);
        if (copy->to >= 0)
            status = write_piece(copy, piece, (size_t)size);
        copy->done += (uint64_t)size;
        if (status == XR_OK)
            status = tell_progress(copy);
        if (copy->on_piece != NULL)
            copy->on_piece(copy, copy->context);
        if (status == XR_OK)
            keep_rate(copy, (uint64_t)size);
    }
    return status;
}

enum xr_status xr_copy_run(struct xr_copy *copy, int from)
{
    crypto_generichash_state state;
    uint8_t *piece = xr_mem_alloc(XR_COPY_PIECE);
    if (piece == NULL)
        return XR_NOMEM;
    XR_ASSERT(crypto_generichash_init(&state, NULL, 0, sizeof copy->digest) == 0);
    copy->rate = copy->options->rate_bytes_per_s;
    copy->began_ns = xr_clock_mono_ns();
    enum xr_status status = copy_pieces(copy, from, piece, &state);
    XR_ASSERT(crypto_generichash_final(&state, copy->digest, sizeof copy->digest) == 0);
    xr_mem_free(piece);
    /* Room was kept for what was expected; the file ends where the bytes do. */
    if (status == XR_OK && copy->to >= 0 &&
        (ftruncate(copy->to, (off_t)copy->done) != 0 || fsync(copy->to) != 0))
        status = xr_copy_failure();
    return status;
}

/* ---- the place ------------------------------------------------------------------------------ */

/* All that is ever in it. */
static const char *const names[] = {"data.mdb", "backup"};

static void remove_names(int fd)
{
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        (void)unlinkat(fd, names[i], 0);
}

static enum xr_status set_names(struct xr_place *place, const char *directory)
{
    size_t size = strlen(directory);
    while (size > 1 && directory[size - 1] == '/')
        size--;
    const int length = snprintf(place->directory, sizeof place->directory, "%.*s",
                                size < INT32_MAX ? (int)size : 0, directory);
    if (length > 0 && (size_t)length + sizeof ".tmp" <= sizeof place->partial) {
        memcpy(place->partial, place->directory, (size_t)length);
        memcpy(place->partial + length, ".tmp", sizeof ".tmp");
        return XR_OK;
    }
    errno = length > 0 ? ENAMETOOLONG : ENOENT;
    return XR_IO;
}

/* Nothing there, or an empty directory. */
static enum xr_status expect_free(const char *path)
{
    struct dirent *entry;
    DIR *found = opendir(path);
    if (found == NULL)
        return errno == ENOENT ? XR_OK : errno == ENOTDIR ? XR_EXISTS : XR_IO;
    enum xr_status status = XR_OK;
    while ((entry = readdir(found)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            status = XR_EXISTS;
    }
    (void)closedir(found);
    return status;
}

/* Be the only one there: another run may hold it, or have given it its name meanwhile. */
static enum xr_status lock_partial(const struct xr_place *place)
{
    struct stat mine;
    struct stat named;
    if (flock(place->fd, LOCK_EX | LOCK_NB) != 0)
        return errno == EWOULDBLOCK ? XR_BUSY : XR_IO;
    if (fstat(place->fd, &mine) != 0)
        return XR_IO;
    if (stat(place->partial, &named) != 0 || mine.st_ino != named.st_ino)
        return XR_BUSY;
    return XR_OK;
}

enum xr_status xr_place_open(struct xr_place *place, const char *directory)
{
    place->fd = -1;
    enum xr_status status = set_names(place, directory);
    if (status == XR_OK)
        status = expect_free(place->directory);
    if (status != XR_OK)
        return status;
    if (mkdir(place->partial, 0700) != 0 && errno != EEXIST)
        return xr_copy_failure();
    place->fd = open(place->partial, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (place->fd < 0)
        return XR_IO;
    status = lock_partial(place);
    if (status == XR_OK) {
        remove_names(place->fd); /* of a run that was killed */
        return XR_OK;
    }
    (void)close(place->fd); /* another's: nothing in it is removed */
    place->fd = -1;
    return status;
}

enum xr_status xr_place_has_room(const struct xr_place *place, uint64_t bytes, uint64_t reserve)
{
    struct statvfs fs;
    if (fstatvfs(place->fd, &fs) != 0)
        return XR_IO;
    const uint64_t room = (uint64_t)fs.f_bavail * fs.f_frsize;
    return room >= reserve && room - reserve >= bytes ? XR_OK : XR_STORAGE;
}

enum xr_status xr_place_create(const struct xr_place *place, const char *name, uint64_t bytes,
                               int *out)
{
    const int fd = openat(place->fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return xr_copy_failure();
    *out = fd;
    if (bytes == 0 || fallocate(fd, 0, 0, (off_t)bytes) == 0 || errno == EOPNOTSUPP)
        return XR_OK;
    return xr_copy_failure();
}

static enum xr_status sync_parent(const struct xr_place *place)
{
    char parent[XR_COPY_PATH_ROOM + 4];
    (void)snprintf(parent, sizeof parent, "%s/..", place->directory);
    const int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return XR_IO;
    const int failed = fsync(fd);
    (void)close(fd);
    return failed == 0 ? XR_OK : XR_IO;
}

enum xr_status xr_place_settle(struct xr_place *place)
{
    if (fsync(place->fd) != 0)
        return XR_IO;
    if (rename(place->partial, place->directory) != 0)
        return errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR ? XR_EXISTS : XR_IO;
    (void)close(place->fd);
    place->fd = -1;
    return sync_parent(place);
}

void xr_place_close(struct xr_place *place)
{
    const int reason = errno;
    if (place->fd < 0)
        return;
    remove_names(place->fd);
    (void)rmdir(place->partial);
    (void)close(place->fd);
    place->fd = -1;
    errno = reason;
}
