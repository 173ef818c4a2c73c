/*
 * Lines from a person or a pipe. On a terminal it edits one line at the bottom while others are
 * printed above it: hide before printing, show afterwards. Elsewhere it only cuts lines.
 */
#ifndef XR_CLIENT_CLI_INPUT_H
#define XR_CLIENT_CLI_INPUT_H

#include <termios.h>

#include "proto/mem.h"

#define XR_INPUT_BYTES 16384 /* of one line */
#define XR_INPUT_LINES 50    /* remembered */

struct xr_input {
    bool terminal;
    bool ended;   /* end of file, or Ctrl-D on an empty line */
    bool stopped; /* Ctrl-C on an empty line */
    bool shown;   /* the prompt and the line stand on the screen */
    struct termios before;
    struct xr_buf bytes; /* of a pipe: read, not yet cut */
    char line[XR_INPUT_BYTES];
    size_t size;
    size_t cursor;
    char *lines[XR_INPUT_LINES]; /* newest last */
    size_t line_count;
    size_t recalled; /* which of them is being edited; line_count: none */
    char escape[8];
    size_t escape_size;
    char prompt[256];
    char ready[XR_INPUT_BYTES]; /* the line that was entered */
    bool is_ready;
};

/* Reads from standard input. */
void xr_input_open(struct xr_input *input);
void xr_input_close(struct xr_input *input);

/* Take what has come, without waiting; call when standard input is readable. */
void xr_input_read(struct xr_input *input);

/* The next line that is complete; lives until the next call. NULL: none yet. */
const char *xr_input_line(struct xr_input *input);

/* Take the line off the screen, and put it there (again) behind `prompt`. */
void xr_input_hide(struct xr_input *input);
void xr_input_show(struct xr_input *input, const char *prompt);

#endif
