/*
 * Copies of a store: taken while another process (or this one) writes it, checked before they
 * count, put back elsewhere. Works on directories; blocks for as long as it takes; any thread that
 * is not the floor's.
 *
 * A backup is a directory with `data.mdb`, which is a store, and `backup`, a few lines of text that
 * say what the first must be: size, BLAKE2b-256, last batch. FORMAT.md has its lines.
 *
 * Both ways are the same: everything is written below DIRECTORY.tmp, synced, read back from the
 * disk and compared, opened and looked at by the caller's `verify`; only then it gets its name.
 * What has the name is whole. After a failure nothing is left; after a kill DIRECTORY.tmp, which
 * the next run for the same DIRECTORY replaces.
 */
#ifndef XR_STORE_BACKUP_H
#define XR_STORE_BACKUP_H

#include "store/store.h"

enum xr_backup_stage {
    XR_BACKUP_COPY,    /* bytes; of a backup: the store is pinned meanwhile */
    XR_BACKUP_COMPARE, /* bytes read back */
    XR_BACKUP_VERIFY,  /* once, before `verify` */
};

struct xr_backup_options {
    uint64_t rate_bytes_per_s; /* of reading and writing; 0: as fast as it goes */
    /* Of a backup: once the store's file has grown by more than this since the copy began, the rate
     * no longer holds, so that the pin ends soon. 0: the rate holds to the end. */
    uint64_t growth_bytes_max;
    /* Left free on the target's file system, which may be the store's; 0: 64 MiB. */
    uint64_t reserve_bytes;
    /* Look at the copy: XR_OK, or why it is worth nothing. NULL: bytes are compared alone. */
    enum xr_status (*verify)(void *context, struct xr_reader *copy);
    /* Called for each piece; false: stop, leave nothing, XR_CLOSED. NULL is fine. */
    bool (*progress)(void *context, enum xr_backup_stage stage, uint64_t done, uint64_t total);
    void *context;
};

/* What `backup` says; kept as long as the copy is. */
struct xr_backup_mark {
    uint64_t batch_no; /* the last one; 0: none yet */
    uint8_t hash[32];  /* of it; zeros where there is none */
    uint64_t bytes;    /* of data.mdb */
    uint8_t digest[32];
    int64_t wall_ms; /* when it was taken */
};

struct xr_backup_figures {
    struct xr_backup_mark mark;
    uint64_t grown_bytes; /* by which the store's file grew while it was pinned */
    uint64_t pinned_ms;
    uint64_t all_ms;
    bool is_hurried; /* growth_bytes_max was reached */
};

/*
 * Copy `store` (open, also read-only) as it stands at one batch into `directory`, which must not
 * exist or be empty.
 *
 * XR_OK, or
 *   XR_EXISTS   there is something in `directory`
 *   XR_BUSY     another run writes there, or there are too many readers
 *   XR_STORAGE  no room
 *   XR_CORRUPT  what was read back is not what was written
 *   XR_CLOSED   `progress` said so
 *   XR_IO       errno says why
 *   XR_NOMEM
 *   what `verify` returned
 * `out` is left alone unless XR_OK.
 */
enum xr_status xr_store_backup(struct xr_store *store, const char *directory,
                               const struct xr_backup_options *options,
                               struct xr_backup_figures *out) XR_MUST_USE;

/*
 * Make the store `directory` from a backup. The same statuses, and XR_NONE: `backup` is no
 * directory with a backup; XR_CORRUPT also: it is not what it was when it was made.
 */
enum xr_status xr_store_restore(const char *backup, const char *directory,
                                const struct xr_backup_options *options,
                                struct xr_backup_figures *out) XR_MUST_USE;

/* Compare a backup with what it says of itself, without opening it as a store: a damaged file may
 * kill its reader. XR_OK, XR_NONE: no backup; XR_CORRUPT, XR_CLOSED, XR_IO, XR_NOMEM. */
enum xr_status xr_store_backup_compare(const char *backup, const struct xr_backup_options *options,
                                       struct xr_backup_mark *out) XR_MUST_USE;

#endif
