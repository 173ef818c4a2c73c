/*
 * The log of the server: one line to stderr for each change of state, not for each message.
 *     2026-01-31T08:00:00.123Z info store_open path=/var/lib/xiaoer used_bytes=1048576
 * A line is written with one call, so that lines of several threads do not mix. Any thread.
 * Never a secret, never a buyer's text.
 */
#ifndef XR_BASE_LOG_H
#define XR_BASE_LOG_H

enum xr_log_level {
    XR_LOG_ERROR,
    XR_LOG_WARN,
    XR_LOG_INFO,
    XR_LOG_DEBUG,
};

/* What is less urgent than `level` is left out from now on; at first, DEBUG is. */
void xr_log_set_level(enum xr_log_level level);

/*
 * Write a line.
 *
 * event   a word_with_underscores
 * format  key=value key=value…; control characters in the result become '?', and what is beyond
 *         1,000 bytes is cut. "" for nothing
 */
void xr_log_line(enum xr_log_level level, const char *event, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
