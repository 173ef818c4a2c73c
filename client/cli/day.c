#include "day.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/wire.h"

#define DAY_S       86400
#define FIELD_COUNT COLUMN_COUNT

/* The columns of the form, by any order in the file. */
enum column {
    CALL_ID,
    CUSTOMER_ID,
    PRIORITY,
    TYPE,
    VRU_ENTRY,
    VRU_EXIT,
    VRU_S,
    QUEUE_START,
    QUEUE_EXIT,
    QUEUE_S,
    OUTCOME,
    SERVICE_START,
    SERVICE_EXIT,
    SERVICE_S,
    SERVER,
    COLUMN_COUNT
};

static const char *const column_names[COLUMN_COUNT] = {
    "call_id",  "customer_id",   "priority",     "type",       "vru_entry",
    "vru_exit", "vru_s",         "queue_start",  "queue_exit", "queue_s",
    "outcome",  "service_start", "service_exit", "service_s",  "server",
};

static const char *const outcome_names[] = {"AGENT", "HANG", "PHANTOM"};

/* A field of the present line. */
struct field {
    struct xr_str text;
    uint32_t column; /* where it begins in the line, from 1 */
};

struct reader {
    char *at; /* the rest of the file */
    char *end;
    uint32_t line;
    struct field fields[FIELD_COUNT]; /* of the present line, as they stand */
    size_t count;
    enum column order[FIELD_COUNT]; /* which column the n-th field is */
    struct field by_column[FIELD_COUNT];
    struct xr_day *day;
    size_t capacity;
    struct xr_day_error *error;
};

static enum xr_status fail(struct reader *r, uint32_t column, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static enum xr_status fail(struct reader *r, uint32_t column, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    r->error->line = r->line > 0 ? r->line : 1;
    r->error->column = column;
    (void)vsnprintf(r->error->text, sizeof r->error->text, format, args);
    va_end(args);
    return XR_BAD;
}

/* What is wrong with one field, named and quoted (shortened). */
static enum xr_status fail_field(struct reader *r, enum column c, const char *what)
{
    const struct field *f = &r->by_column[c];
    int shown = f->text.size > 40 ? 40 : (int)f->text.size;
    return fail(r, f->column, "%s \"%.*s\": %s", column_names[c], shown, f->text.at, what);
}

/* ---- lines and fields ----------------------------------------------------------------------- */

/* The next line without its end, of LF or CRLF; false: the file is over. */
static bool next_line(struct reader *r, char **begin, char **end)
{
    if (r->at == r->end)
        return false;
    char *newline = memchr(r->at, '\n', (size_t)(r->end - r->at));
    *begin = r->at;
    *end = newline != NULL ? newline : r->end;
    r->at = newline != NULL ? newline + 1 : r->end;
    if (*end > *begin && (*end)[-1] == '\r')
        (*end)--;
    r->line++;
    return true;
}

/* A field in quotes, from behind the first; moves *at behind the last. Doubled quotes are made
 * single in place. */
static enum xr_status take_quoted(struct reader *r, char *begin, char **at, char *end,
                                  struct xr_str *out)
{
    char *to = *at;
    out->at = to;
    for (char *c = *at; c < end; c++) {
        if (*c == '"' && (c + 1 == end || c[1] != '"')) {
            *at = c + 1;
            out->size = (uint32_t)(to - out->at);
            if (*at < end && **at != ',')
                return fail(r, (uint32_t)(*at - begin) + 1, "text behind a quoted field");
            return XR_OK;
        }
        if (*c == '"')
            c++;
        *to++ = *c;
    }
    return fail(r, (uint32_t)(*at - begin), "a quote that does not end in this line");
}

static enum xr_status take_plain(struct reader *r, char *begin, char **at, char *end,
                                 struct xr_str *out)
{
    char *comma = memchr(*at, ',', (size_t)(end - *at));
    char *stop = comma != NULL ? comma : end;
    char *quote = memchr(*at, '"', (size_t)(stop - *at));
    if (quote != NULL)
        return fail(r, (uint32_t)(quote - begin) + 1, "a quote inside a field");
    out->at = *at;
    out->size = (uint32_t)(stop - *at);
    *at = stop;
    return XR_OK;
}

/* Split a line into r->fields. */
static enum xr_status split_line(struct reader *r, char *begin, char *end)
{
    char *nul = memchr(begin, 0, (size_t)(end - begin));
    if (nul != NULL)
        return fail(r, (uint32_t)(nul - begin) + 1, "a zero byte: this is not a text file");
    r->count = 0;
    for (char *at = begin;; at++) {
        if (r->count == FIELD_COUNT)
            return fail(r, (uint32_t)(at - begin) + 1, "more than %d fields", FIELD_COUNT);
        struct field *f = &r->fields[r->count++];
        f->column = (uint32_t)(at - begin) + 1;
        enum xr_status status;
        if (at < end && *at == '"') {
            at++;
            status = take_quoted(r, begin, &at, end, &f->text);
        } else {
            status = take_plain(r, begin, &at, end, &f->text);
        }
        if (status != XR_OK)
            return status;
        if (at == end)
            return XR_OK;
    }
}

static bool is_text(struct xr_str text, const char *terminated)
{
    return text.size == strlen(terminated) && memcmp(text.at, terminated, text.size) == 0;
}

static enum xr_status read_header(struct reader *r)
{
    char *begin;
    char *end;
    bool seen[COLUMN_COUNT] = {false};

    if (!next_line(r, &begin, &end))
        return fail(r, 1, "empty: not even a header");
    if (begin == end)
        return fail(r, 1, "the header is missing");
    enum xr_status status = split_line(r, begin, end);
    if (status != XR_OK)
        return status;
    for (size_t i = 0; i < r->count; i++) {
        const struct field *f = &r->fields[i];
        size_t c = 0;
        while (c < COLUMN_COUNT && !is_text(f->text, column_names[c]))
            c++;
        if (c == COLUMN_COUNT)
            return fail(r, f->column, "unknown column \"%.*s\"",
                        f->text.size > 40 ? 40 : (int)f->text.size, f->text.at);
        if (seen[c])
            return fail(r, f->column, "column %s is there twice", column_names[c]);
        seen[c] = true;
        r->order[i] = (enum column)c;
    }
    for (size_t c = 0; c < COLUMN_COUNT; c++)
        if (!seen[c])
            return fail(r, (uint32_t)(end - begin) + 1, "column %s is missing", column_names[c]);
    return XR_OK;
}

/* ---- values --------------------------------------------------------------------------------- */

/* A decimal number up to `max`, without a sign. */
static bool to_number(struct xr_str text, uint64_t max, uint64_t *out)
{
    uint64_t n = 0;
    if (text.size == 0 || text.size > 19)
        return false;
    for (uint32_t i = 0; i < text.size; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
        n = n * 10 + (uint64_t)(text.at[i] - '0');
    }
    *out = n;
    return n <= max;
}

/* Seconds, a sign allowed. */
static bool to_seconds(struct xr_str text, int64_t *out)
{
    bool is_negative = text.size > 0 && text.at[0] == '-';
    struct xr_str digits = {text.at + is_negative, text.size - is_negative};
    uint64_t n;
    if (!to_number(digits, DAY_S, &n))
        return false;
    *out = is_negative ? -(int64_t)n : (int64_t)n;
    return true;
}

/* H:MM:SS or HH:MM:SS, a time of day. */
static bool to_time(struct xr_str text, int64_t *out)
{
    uint64_t h;
    uint64_t m;
    uint64_t s;
    if (text.size < 7 || text.size > 8)
        return false;
    const uint32_t hour = text.size - 6;
    if (text.at[hour] != ':' || text.at[hour + 3] != ':')
        return false;
    if (!to_number((struct xr_str){text.at, hour}, 23, &h))
        return false;
    if (!to_number((struct xr_str){text.at + hour + 1, 2}, 59, &m))
        return false;
    if (!to_number((struct xr_str){text.at + hour + 4, 2}, 59, &s))
        return false;
    *out = (int64_t)(h * 3600 + m * 60 + s);
    return true;
}

static enum xr_status take_number(struct reader *r, enum column c, uint64_t max, uint64_t *out)
{
    if (to_number(r->by_column[c].text, max, out))
        return XR_OK;
    return fail_field(r, c, max == 2 ? "must be 0, 1 or 2" : "not a whole number");
}

static enum xr_status take_name(struct reader *r, enum column c, struct xr_str *out)
{
    struct xr_str text = r->by_column[c].text;
    if (text.size == 0)
        return fail_field(r, c, "empty");
    if (text.size > XR_DAY_NAME_MAX)
        return fail_field(r, c, "longer than 64 bytes");
    if (!xr_utf8_valid(text, NULL))
        return fail(r, r->by_column[c].column, "%s: not UTF-8", column_names[c]);
    for (uint32_t i = 0; i < text.size; i++)
        if ((unsigned char)text.at[i] < ' ' || text.at[i] == 0x7f)
            return fail(r, r->by_column[c].column, "%s: a control character", column_names[c]);
    *out = text;
    return XR_OK;
}

/* The time nearest to `other` of those that `time` can mean: a call that goes on past midnight
 * has times of the next day. */
static int64_t near_time(int64_t other, int64_t time)
{
    while (time < other - DAY_S / 2)
        time += DAY_S;
    return time;
}

/*
 * Two times and the seconds between them, which must agree. `from` is the first of its columns.
 * after        a time before, to tell the next day by; updated to the span's end
 * may_go_back  the end may be before the start
 */
static enum xr_status take_span(struct reader *r, enum column from, bool may_go_back,
                                int64_t *after, struct xr_day_span *out)
{
    const enum column to = from + 1;
    const enum column length = from + 2;
    int64_t begin;
    int64_t end;
    int64_t seconds;
    if (!to_time(r->by_column[from].text, &begin))
        return fail_field(r, from, "not a time of day, H:MM:SS");
    if (!to_time(r->by_column[to].text, &end))
        return fail_field(r, to, "not a time of day, H:MM:SS");
    if (!to_seconds(r->by_column[length].text, &seconds))
        return fail_field(r, length, "not a number of seconds in a day");
    out->is_there = begin != 0 || end != 0;
    if (!out->is_there && seconds == 0)
        return XR_OK;
    out->from_s = near_time(*after, begin);
    out->to_s = near_time(out->from_s, end);
    if (out->to_s < out->from_s && !may_go_back)
        return fail_field(r, to, "before the start of this span");
    if (out->to_s - out->from_s != seconds)
        return fail_field(r, length, "not the seconds between the two times before it");
    *after = out->to_s;
    return XR_OK;
}

static enum xr_status take_outcome(struct reader *r, enum xr_day_outcome *out)
{
    for (size_t i = 0; i < sizeof outcome_names / sizeof *outcome_names; i++) {
        if (is_text(r->by_column[OUTCOME].text, outcome_names[i])) {
            *out = (enum xr_day_outcome)i;
            return XR_OK;
        }
    }
    return fail_field(r, OUTCOME, "must be AGENT, HANG or PHANTOM");
}

/* ---- rows ----------------------------------------------------------------------------------- */

static enum xr_status take_spans(struct reader *r, struct xr_day_row *row)
{
    int64_t after = 0;
    enum xr_status status = take_span(r, VRU_ENTRY, true, &after, &row->menu);
    if (status == XR_OK)
        status = take_span(r, QUEUE_START, false, &after, &row->queue);
    if (status == XR_OK)
        status = take_span(r, SERVICE_START, false, &after, &row->service);
    return status;
}

static enum xr_status take_row(struct reader *r, struct xr_day_row *row)
{
    uint64_t priority = 0;
    *row = (struct xr_day_row){.line = r->line};
    enum xr_status status = take_number(r, CALL_ID, UINT64_MAX, &row->call);
    if (status == XR_OK)
        status = take_number(r, CUSTOMER_ID, UINT64_MAX, &row->customer);
    if (status == XR_OK)
        status = take_number(r, PRIORITY, 2, &priority);
    row->priority = (uint32_t)priority;
    if (status == XR_OK)
        status = take_name(r, TYPE, &row->type);
    if (status == XR_OK)
        status = take_outcome(r, &row->outcome);
    if (status == XR_OK)
        status = take_name(r, SERVER, &row->server);
    if (status == XR_OK)
        status = take_spans(r, row);
    return status;
}

static enum xr_status add_row(struct reader *r, const struct xr_day_row *row)
{
    if (r->day->count == r->capacity) {
        size_t capacity = r->capacity == 0 ? 256 : r->capacity * 2;
        struct xr_day_row *rows = xr_mem_grow(r->day->rows, capacity * sizeof *rows);
        if (rows == NULL)
            return XR_NOMEM;
        r->day->rows = rows;
        r->capacity = capacity;
    }
    r->day->rows[r->day->count++] = *row;
    return XR_OK;
}

static enum xr_status read_row(struct reader *r, char *begin, char *end)
{
    struct xr_day_row row;
    enum xr_status status = split_line(r, begin, end);
    if (status != XR_OK)
        return status;
    if (r->count != FIELD_COUNT)
        return fail(r, (uint32_t)(end - begin) + 1, "%zu fields where the header has %d", r->count,
                    FIELD_COUNT);
    for (size_t i = 0; i < r->count; i++)
        r->by_column[r->order[i]] = r->fields[i];
    status = take_row(r, &row);
    return status == XR_OK ? add_row(r, &row) : status;
}

static enum xr_status read_rows(struct reader *r)
{
    char *begin;
    char *end;
    uint32_t blank = 0; /* line of the first blank one; only the end may be blank */
    while (next_line(r, &begin, &end)) {
        if (begin == end) {
            blank = blank == 0 ? r->line : blank;
            continue;
        }
        if (blank != 0) {
            r->line = blank;
            return fail(r, 1, "a blank line between rows");
        }
        enum xr_status status = read_row(r, begin, end);
        if (status != XR_OK)
            return status;
    }
    if (r->day->count == 0) {
        r->line++;
        return fail(r, 1, "a header and no row");
    }
    return XR_OK;
}

/* Read day->bytes, `size` of them. */
static enum xr_status read_bytes(struct xr_day *day, size_t size, struct xr_day_error *error)
{
    struct reader r = {.at = day->bytes, .end = day->bytes + size, .day = day, .error = error};
    *error = (struct xr_day_error){0};
    if (size >= 3 && memcmp(r.at, "\xef\xbb\xbf", 3) == 0)
        r.at += 3;
    enum xr_status status = read_header(&r);
    if (status == XR_OK)
        status = read_rows(&r);
    if (status == XR_NOMEM)
        (void)snprintf(error->text, sizeof error->text, "no memory");
    if (status != XR_OK)
        xr_day_fini(day);
    return status;
}

enum xr_status xr_day_parse(struct xr_str bytes, struct xr_day *out, struct xr_day_error *error)
{
    *out = (struct xr_day){.bytes = xr_mem_alloc((size_t)bytes.size + 1)};
    if (out->bytes == NULL) {
        *error = (struct xr_day_error){.text = "no memory"};
        return XR_NOMEM;
    }
    if (bytes.size > 0)
        memcpy(out->bytes, bytes.at, bytes.size);
    return read_bytes(out, bytes.size, error);
}

/* The whole of a stream that may be a pipe. */
static enum xr_status slurp(FILE *file, char **out, size_t *size)
{
    size_t capacity = 1 << 16;
    char *bytes = xr_mem_alloc(capacity);
    *size = 0;
    while (bytes != NULL) {
        *size += fread(bytes + *size, 1, capacity - *size, file);
        if (*size < capacity)
            break;
        capacity *= 2;
        char *more = capacity <= XR_DAY_BYTES_MAX ? xr_mem_grow(bytes, capacity) : NULL;
        if (more == NULL)
            xr_mem_free(bytes);
        bytes = more;
    }
    *out = bytes;
    if (bytes == NULL)
        return XR_NOMEM;
    return ferror(file) ? XR_IO : XR_OK;
}

enum xr_status xr_day_read(const char *path, struct xr_day *out, struct xr_day_error *error)
{
    size_t size = 0;
    *out = (struct xr_day){0};
    *error = (struct xr_day_error){0};
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        (void)snprintf(error->text, sizeof error->text, "%s", strerror(errno));
        return XR_IO;
    }
    enum xr_status status = slurp(file, &out->bytes, &size);
    if (status != XR_OK)
        (void)snprintf(error->text, sizeof error->text, "%s",
                       status == XR_IO ? strerror(errno) : "no memory for a file of this size");
    (void)fclose(file);
    if (status == XR_OK)
        return read_bytes(out, size, error);
    xr_day_fini(out);
    return status;
}

void xr_day_fini(struct xr_day *day)
{
    xr_mem_free(day->rows);
    xr_mem_free(day->bytes);
    *day = (struct xr_day){0};
}
