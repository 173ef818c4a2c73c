/*
 * A file copied at a rate, its digest taken on the way; and the directory that it is copied into,
 * which has its name only once it is whole. Private to server/store.
 */
#ifndef XR_STORE_COPY_H
#define XR_STORE_COPY_H

#include <sodium.h>

#include "store/backup.h"

#define XR_COPY_PIECE     (UINT64_C(256) << 10)
#define XR_COPY_PATH_ROOM 4096

/* ---- bytes ---- */

struct xr_copy {
    int to; /* descriptor; -1: the digest alone is wanted */
    const struct xr_backup_options *options;
    enum xr_backup_stage stage;
    uint64_t rate;  /* now; 0: none */
    uint64_t total; /* as expected */
    uint64_t done;
    uint64_t began_ns;
    /* Before each piece is waited for; may change `rate`. NULL is fine. */
    void (*on_piece)(struct xr_copy *copy, void *context);
    void *context;
    uint8_t digest[32]; /* after XR_OK */
};

/*
 * Read `from` to its end. With a rate each piece is on the disk before the next is read, so that no
 * sync of others finds many of them in front of itself; without one it is only on its way. The end
 * is synced.
 * XR_OK, XR_CLOSED, XR_STORAGE, XR_IO, XR_NOMEM.
 */
enum xr_status xr_copy_run(struct xr_copy *copy, int from) XR_MUST_USE;

/* ---- the place ---- */

struct xr_place {
    char directory[XR_COPY_PATH_ROOM]; /* without a slash at its end */
    char partial[XR_COPY_PATH_ROOM];   /* DIRECTORY.tmp */
    int fd;                            /* of the latter, locked; -1: not open */
};

/* Make it. XR_OK, XR_EXISTS, XR_BUSY, XR_IO. */
enum xr_status xr_place_open(struct xr_place *place, const char *directory) XR_MUST_USE;
/* Room for so many bytes besides the reserve. XR_OK, XR_STORAGE, XR_IO. */
enum xr_status xr_place_has_room(const struct xr_place *place, uint64_t bytes,
                                 uint64_t reserve) XR_MUST_USE;
/* A new file of mode 0600 in it, with room for so many bytes. XR_OK, XR_STORAGE, XR_IO. */
enum xr_status xr_place_create(const struct xr_place *place, const char *name, uint64_t bytes,
                               int *out) XR_MUST_USE;
/* Sync it and give it its name. XR_OK, XR_EXISTS, XR_IO. */
enum xr_status xr_place_settle(struct xr_place *place) XR_MUST_USE;
/* Remove what has no name yet; errno stays. Zeroed with fd -1 is fine. */
void xr_place_close(struct xr_place *place);

/* XR_STORAGE where errno says lack of room, else XR_IO. */
enum xr_status xr_copy_failure(void);

#endif
