/*
 * A recorded day of calls, as a CSV file of the form that DAY.md describes: one row for each call,
 * who came when with which wish, how long it waited, who served it and how long, and who gave up.
 *
 * The reader is strict: it takes the whole file or tells the first thing that is not of the form,
 * with line and column. It judges nothing; what a row means for a floor is in plan.h. Texts of the
 * rows point into the day, which owns them. Any thread, no state besides.
 */
#ifndef XR_CLIENT_CLI_DAY_H
#define XR_CLIENT_CLI_DAY_H

#include <xiaoer/status.h>

#define XR_DAY_BYTES_MAX ((size_t)1 << 30) /* of one file */
#define XR_DAY_NAME_MAX  64                /* bytes of a type or a server's name */
#define XR_DAY_NO_SERVER "NO_SERVER"       /* in the column `server`: not known who */

enum xr_day_outcome {
    XR_DAY_AGENT,   /* served */
    XR_DAY_HANG,    /* gave up, or was done in the menu */
    XR_DAY_PHANTOM, /* not a call: something the switch counted */
};

/* A span of a call, in seconds since the midnight before the day; past 86,400 on the next day. */
struct xr_day_span {
    bool is_there; /* false: 0:00:00 to 0:00:00 in the file */
    int64_t from_s;
    int64_t to_s;
};

/* One row. */
struct xr_day_row {
    uint32_t line; /* in the file, 1 is the header */
    uint64_t call;
    uint64_t customer; /* 0: not known */
    uint32_t priority; /* 0, 1 regular; 2 served first */
    enum xr_day_outcome outcome;
    struct xr_str type;
    struct xr_str server;
    struct xr_day_span menu; /* to_s may be before from_s: clocks of two machines */
    struct xr_day_span queue;
    struct xr_day_span service;
};

struct xr_day {
    struct xr_day_row *rows; /* in the order of the file */
    size_t count;
    char *bytes; /* what the texts point into */
};

/* What is not of the form. `line` and `column` count from 1 (column: bytes of the line, 0 and 0
 * where the file as a whole is meant). */
struct xr_day_error {
    uint32_t line;
    uint32_t column;
    char text[256];
};

/*
 * Read a file whole.
 *
 * XR_OK    `out` is the caller's, to be ended with xr_day_fini
 * XR_IO    it cannot be read
 * XR_BAD   it is not of the form
 * XR_NOMEM
 * `error` is set unless XR_OK; `out` is zeroed then.
 */
enum xr_status xr_day_read(const char *path, struct xr_day *out,
                           struct xr_day_error *error) XR_MUST_USE;

/* The same from memory: copies `bytes`. XR_OK, XR_BAD, XR_NOMEM. */
enum xr_status xr_day_parse(struct xr_str bytes, struct xr_day *out,
                            struct xr_day_error *error) XR_MUST_USE;

void xr_day_fini(struct xr_day *day); /* zeroed is fine */

#endif
