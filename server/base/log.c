#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES 1000

static atomic_int least_urgent = XR_LOG_INFO;

static const char *const level_names[] = {
    [XR_LOG_ERROR] = "error",
    [XR_LOG_WARN] = "warn",
    [XR_LOG_INFO] = "info",
    [XR_LOG_DEBUG] = "debug",
};

void xr_log_set_level(enum xr_log_level level)
{
    atomic_store(&least_urgent, (int)level);
}

/* Bytes that snprintf has really put into `room`. */
static size_t count_written(int result, size_t room)
{
    if (result < 0)
        return 0;
    return (size_t)result < room ? (size_t)result : room - 1;
}

static size_t write_head(char *out, size_t room, enum xr_log_level level, const char *event)
{
    struct timespec now = {0};
    struct tm day = {0};
    char date[32] = "";
    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)gmtime_r(&now.tv_sec, &day);
    (void)strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &day);
    return count_written(snprintf(out, room, "%s.%03dZ %s %s", date, (int)(now.tv_nsec / 1000000),
                                  level_names[level], event),
                         room);
}

static void blot_controls(char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            text[i] = '?';
}

void xr_log_line(enum xr_log_level level, const char *event, const char *format, ...)
{
    char line[LINE_MAX_BYTES + 2];
    if ((int)level > atomic_load(&least_urgent))
        return;
    size_t size = write_head(line, LINE_MAX_BYTES, level, event);
    if (format[0] != '\0' && size + 2 < LINE_MAX_BYTES) {
        line[size++] = ' ';
        va_list args;
        va_start(args, format);
        size += count_written(vsnprintf(line + size, LINE_MAX_BYTES - size, format, args),
                              LINE_MAX_BYTES - size);
        va_end(args);
    }
    blot_controls(line, size);
    line[size++] = '\n';
    /* Nobody can be told that the log cannot be written. */
    if (write(STDERR_FILENO, line, size) < 0)
        return;
}
