/* Tables, times, progress, JSON and complaints. */
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"

void xr_cli_complain(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("xiaoer: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
}

/* ---- width ----------------------------------------------------------------------------------- */

struct span {
    uint32_t first;
    uint32_t last;
};

/* Unicode 15: what terminals show without a column of its own. */
static const struct span narrowest[] = {
    {0x0300, 0x036f}, {0x0483, 0x0489}, {0x0591, 0x05bd}, {0x0610, 0x061a},   {0x064b, 0x065f},
    {0x0e31, 0x0e31}, {0x0e34, 0x0e3a}, {0x0e47, 0x0e4e}, {0x1ab0, 0x1aff},   {0x1dc0, 0x1dff},
    {0x200b, 0x200f}, {0x202a, 0x202e}, {0x2060, 0x2064}, {0x20d0, 0x20f0},   {0x302a, 0x302d},
    {0x3099, 0x309a}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}, {0x1f3fb, 0x1f3ff}, {0xe0001, 0xe01ef},
};

/* East Asian wide and fullwidth, and emoji that terminals draw wide. */
static const struct span widest[] = {
    {0x1100, 0x115f},   {0x231a, 0x231b},   {0x2329, 0x232a},   {0x23e9, 0x23ec},
    {0x23f0, 0x23f0},   {0x23f3, 0x23f3},   {0x25fd, 0x25fe},   {0x2614, 0x2615},
    {0x2648, 0x2653},   {0x267f, 0x267f},   {0x2693, 0x2693},   {0x26a1, 0x26a1},
    {0x26aa, 0x26ab},   {0x26bd, 0x26be},   {0x26c4, 0x26c5},   {0x26ce, 0x26ce},
    {0x26d4, 0x26d4},   {0x26ea, 0x26ea},   {0x26f2, 0x26f3},   {0x26f5, 0x26f5},
    {0x26fa, 0x26fa},   {0x26fd, 0x26fd},   {0x2705, 0x2705},   {0x270a, 0x270b},
    {0x2728, 0x2728},   {0x274c, 0x274c},   {0x274e, 0x274e},   {0x2753, 0x2755},
    {0x2757, 0x2757},   {0x2795, 0x2797},   {0x27b0, 0x27b0},   {0x27bf, 0x27bf},
    {0x2b1b, 0x2b1c},   {0x2b50, 0x2b50},   {0x2b55, 0x2b55},   {0x2e80, 0x303e},
    {0x3041, 0x33ff},   {0x3400, 0x4dbf},   {0x4e00, 0x9fff},   {0xa000, 0xa4cf},
    {0xa960, 0xa97f},   {0xac00, 0xd7a3},   {0xf900, 0xfaff},   {0xfe10, 0xfe19},
    {0xfe30, 0xfe6f},   {0xff00, 0xff60},   {0xffe0, 0xffe6},   {0x16fe0, 0x18aff},
    {0x1b000, 0x1b2ff}, {0x1f004, 0x1f004}, {0x1f0cf, 0x1f0cf}, {0x1f18e, 0x1f18e},
    {0x1f191, 0x1f19a}, {0x1f200, 0x1f320}, {0x1f32d, 0x1f335}, {0x1f337, 0x1f37c},
    {0x1f37e, 0x1f393}, {0x1f3a0, 0x1f3ca}, {0x1f3cf, 0x1f3d3}, {0x1f3e0, 0x1f3f0},
    {0x1f3f4, 0x1f3f4}, {0x1f3f8, 0x1f43e}, {0x1f440, 0x1f440}, {0x1f442, 0x1f4fc},
    {0x1f4ff, 0x1f53d}, {0x1f54b, 0x1f54e}, {0x1f550, 0x1f567}, {0x1f57a, 0x1f57a},
    {0x1f595, 0x1f596}, {0x1f5a4, 0x1f5a4}, {0x1f5fb, 0x1f64f}, {0x1f680, 0x1f6c5},
    {0x1f6cc, 0x1f6cc}, {0x1f6d0, 0x1f6d2}, {0x1f6d5, 0x1f6d7}, {0x1f6dc, 0x1f6df},
    {0x1f6eb, 0x1f6ec}, {0x1f6f4, 0x1f6fc}, {0x1f7e0, 0x1f7eb}, {0x1f7f0, 0x1f7f0},
    {0x1f90c, 0x1f93a}, {0x1f93c, 0x1f945}, {0x1f947, 0x1f9ff}, {0x1fa70, 0x1faff},
    {0x20000, 0x3fffd},
};

static bool is_in(const struct span *spans, size_t count, uint32_t point)
{
    for (size_t i = 0; i < count; i++)
        if (point >= spans[i].first && point <= spans[i].last)
            return true;
    return false;
}

/* The next code point; a byte that begins none counts as one. */
static uint32_t next_point(struct xr_str *text)
{
    const uint8_t first = (uint8_t)text->at[0];
    const uint32_t more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : first >= 0xc0 ? 1 : 0;
    uint32_t point = more == 3   ? first & 7U
                     : more == 2 ? first & 15U
                     : more == 1 ? first & 31U
                                 : first;
    uint32_t used = 1;
    for (; used <= more && used < text->size; used++)
        point = point << 6 | ((uint8_t)text->at[used] & 63U);
    text->at += used;
    text->size -= used;
    return point;
}

static size_t point_width(uint32_t point)
{
    if (point < 0x20 || (point >= 0x7f && point < 0xa0))
        return 0;
    if (point < 0x300)
        return 1;
    if (is_in(narrowest, sizeof(narrowest) / sizeof(narrowest[0]), point))
        return 0;
    return is_in(widest, sizeof(widest) / sizeof(widest[0]), point) ? 2 : 1;
}

size_t xr_cli_width(struct xr_str text)
{
    size_t width = 0;
    while (text.size > 0)
        width += point_width(next_point(&text));
    return width;
}

struct xr_str xr_cli_cut(struct xr_str text, size_t width)
{
    struct xr_str rest = text;
    size_t taken = 0;
    while (rest.size > 0) {
        struct xr_str after = rest;
        taken += point_width(next_point(&after));
        if (taken > width)
            break;
        rest = after;
    }
    return (struct xr_str){text.at, text.size - rest.size};
}

/* Bytes of a control character at `text`: 0 where it is none. */
static uint32_t control_size(const char *text, uint32_t left)
{
    const unsigned char byte = (unsigned char)text[0];
    if (byte < 0x20 || byte == 0x7f)
        return 1;
    return byte == 0xc2 && left > 1 && (unsigned char)text[1] < 0xa0 ? 2 : 0;
}

void xr_cli_put(FILE *out, struct xr_str text)
{
    for (uint32_t i = 0; i < text.size;) {
        const uint32_t control = control_size(text.at + i, text.size - i);
        fputc(control > 0 ? ' ' : text.at[i], out);
        i += control > 0 ? control : 1;
    }
}

void xr_cli_clean(char *text)
{
    const uint32_t size = (uint32_t)strlen(text);
    for (uint32_t i = 0; i < size;) {
        const uint32_t control = control_size(text + i, size - i);
        memset(text + i, ' ', control);
        i += control > 0 ? control : 1;
    }
}

void xr_cli_copy(char *out, size_t size, struct xr_str text)
{
    const size_t length = text.size < size ? text.size : size - 1;
    memcpy(out, text.at != NULL ? text.at : "", length);
    out[length] = '\0';
    xr_cli_clean(out);
}

void xr_cli_pad(FILE *out, struct xr_str text, size_t width, bool right)
{
    const size_t taken = xr_cli_width(text);
    const int blanks = taken < width ? (int)(width - taken) : 0;
    if (right)
        fprintf(out, "%*s", blanks, "");
    xr_cli_put(out, text);
    if (!right)
        fprintf(out, "%*s", blanks, "");
}

/* ---- tables ---------------------------------------------------------------------------------- */

#define TABLE_BYTES_MAX (64U * 1024 * 1024)

void xr_cli_table_column(struct xr_cli_table *table, const char *head, bool right)
{
    XR_ASSERT(table->columns < XR_CLI_COLUMNS_MAX);
    if (table->columns == 0)
        xr_buf_init(&table->cells, TABLE_BYTES_MAX);
    table->heads[table->columns] = head;
    table->right[table->columns++] = right;
}

void xr_cli_table_str(struct xr_cli_table *table, struct xr_str text)
{
    for (uint32_t i = 0; i < text.size; i++) {
        const char byte = text.at[i] == '\0' ? ' ' : text.at[i];
        xr_buf_add(&table->cells, &byte, 1);
    }
    xr_buf_add(&table->cells, "", 1);
    table->count++;
}

void xr_cli_table_cell(struct xr_cli_table *table, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    xr_cli_table_str(table, xr_str_of(text));
}

static void print_row(const struct xr_cli_table *table, const char *const *cells,
                      const size_t *widths, FILE *out)
{
    size_t last = table->columns;
    while (last > 0 && cells[last - 1][0] == '\0')
        last--;
    fprintf(out, "%*s", (int)table->indent, "");
    for (size_t i = 0; i < last; i++) {
        const bool end = i + 1 == last && !table->right[i];
        xr_cli_pad(out, xr_str_of(cells[i]), end ? 0 : widths[i], table->right[i]);
        if (i + 1 < last)
            fputs("  ", out);
    }
    fputc('\n', out);
}

void xr_cli_table_print(struct xr_cli_table *table, FILE *out)
{
    size_t widths[XR_CLI_COLUMNS_MAX] = {0};
    const char *row[XR_CLI_COLUMNS_MAX] = {0};
    XR_ASSERT(table->columns > 0);
    for (size_t i = 0; i < table->columns; i++)
        widths[i] = xr_cli_width(xr_str_of(table->heads[i]));
    const char *at = (const char *)table->cells.at;
    for (size_t i = 0; i < table->count && !table->cells.failed; i++, at += strlen(at) + 1) {
        const size_t width = xr_cli_width(xr_str_of(at));
        if (width > widths[i % table->columns])
            widths[i % table->columns] = width;
    }
    const bool bold = isatty(fileno(out)) == 1;
    if (!table->headless) {
        fputs(bold ? "\033[1m" : "", out);
        print_row(table, table->heads, widths, out);
        fputs(bold ? "\033[0m" : "", out);
    }
    at = (const char *)table->cells.at;
    for (size_t i = 0; i < table->count && !table->cells.failed; i++, at += strlen(at) + 1) {
        row[i % table->columns] = at;
        if (i % table->columns == table->columns - 1)
            print_row(table, row, widths, out);
    }
    xr_buf_fini(&table->cells);
    *table = (struct xr_cli_table){0};
}

bool xr_cli_json(json_t *take)
{
    if (take == NULL) {
        xr_cli_complain("no memory");
        return false;
    }
    const int result = json_dumpf(take, stdout, JSON_COMPACT);
    fputc('\n', stdout);
    fflush(stdout);
    json_decref(take);
    return result == 0;
}

/* ---- times ----------------------------------------------------------------------------------- */

void xr_cli_span(char out[24], int64_t ms)
{
    const int64_t s = ms > 0 ? ms / 1000 : 0;
    if (s >= 3600)
        snprintf(out, 24, "%" PRId64 ":%02d:%02d", s / 3600, (int)(s / 60 % 60), (int)(s % 60));
    else
        snprintf(out, 24, "%d:%02d", (int)(s / 60), (int)(s % 60));
}

void xr_cli_time(char out[24], int64_t wall_ms)
{
    struct tm then = {0};
    struct tm today = {0};
    const time_t at = (time_t)(wall_ms / 1000);
    const time_t now = (time_t)(xr_cli_wall_ms() / 1000);
    if (wall_ms <= 0 || localtime_r(&at, &then) == NULL || localtime_r(&now, &today) == NULL) {
        snprintf(out, 24, "-");
        return;
    }
    const bool same_day = then.tm_year == today.tm_year && then.tm_yday == today.tm_yday;
    if (strftime(out, 24, same_day ? "%H:%M:%S" : "%m-%d %H:%M", &then) == 0)
        snprintf(out, 24, "-");
}

int64_t xr_cli_mono_ms(void)
{
    struct timespec now = {0};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t xr_cli_wall_ms(void)
{
    struct timespec now = {0};
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- progress -------------------------------------------------------------------------------- */

#define PROGRESS_AFTER_MS     2000
#define PROGRESS_TERMINAL_MS  200
#define PROGRESS_ELSEWHERE_MS 10000

void xr_cli_progress_begin(struct xr_cli_progress *progress, const char *label)
{
    *progress = (struct xr_cli_progress){.label = label, .began_ms = xr_cli_mono_ms()};
}

void xr_cli_progress_show(struct xr_cli_progress *progress, uint64_t done, uint64_t total)
{
    const int64_t now = xr_cli_mono_ms();
    const bool terminal = isatty(STDERR_FILENO) == 1;
    const int64_t pace = terminal ? PROGRESS_TERMINAL_MS : PROGRESS_ELSEWHERE_MS;
    if (now - progress->began_ms < PROGRESS_AFTER_MS ||
        (progress->shown && now - progress->shown_ms < pace))
        return;
    char span[24];
    xr_cli_span(span, now - progress->began_ms);
    fputs(terminal ? "\r\033[K" : "", stderr);
    if (total > 0)
        fprintf(stderr, "%s: %" PRIu64 " of %" PRIu64 " (%u %%), %s", progress->label, done, total,
                (unsigned)(done * 100 / total), span);
    else if (done > 0)
        fprintf(stderr, "%s: %" PRIu64 ", %s", progress->label, done, span);
    else
        fprintf(stderr, "%s, %s", progress->label, span);
    fputs(terminal ? "" : "\n", stderr);
    fflush(stderr);
    progress->shown = true;
    progress->shown_ms = now;
}

void xr_cli_progress_end(struct xr_cli_progress *progress)
{
    if (progress->shown && isatty(STDERR_FILENO) == 1)
        fputs("\r\033[K", stderr);
    progress->shown = false;
}

/* ---- Ctrl-C ---------------------------------------------------------------------------------- */

/* A signal handler has nothing but a static to write to. */
static volatile sig_atomic_t stop_asked;

static void on_signal(int number)
{
    (void)number;
    stop_asked = 1;
}

void xr_cli_catch_signals(void)
{
    const struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

bool xr_cli_stopped(void)
{
    return stop_asked != 0;
}
