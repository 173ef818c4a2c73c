/* How things are shown, shared by several subcommands. Texts go to `out`, never to JSON. */
#ifndef XR_CLIENT_CLI_VIEW_H
#define XR_CLIENT_CLI_VIEW_H

#include "cli.h"
#include "texts.h"

/* What the views need to know. */
struct xr_view {
    enum xr_cli_lang lang;
    const struct xr_cli_names *names;
    FILE *out;
};

/* "key   value" with the values aligned; `value` as printf. */
void xr_view_line(const struct xr_view *view, enum xr_text key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Nick, else the buyer's id, else "-". */
struct xr_str xr_view_buyer(const struct xr_session_view *session);

/* A message: time, number, who, text; more lines are indented under the first. `with_session`: the
 * number is that of the session. */
void xr_view_message(const struct xr_view *view, const struct xr_message *message,
                     struct xr_str buyer, bool with_session);

/* A note: number, revision, who, when, text. */
void xr_view_note(const struct xr_view *view, const struct xr_note *note);

/* What is known of a buyer, in a few lines. */
void xr_view_card(const struct xr_view *view, const struct xr_customer_card *card);

/* Text of a person, wrapped to the terminal, each further line indented by `indent` columns; the
 * cursor stands at column `indent`. Ends the line. */
void xr_view_text(FILE *out, struct xr_str text, size_t indent);

/* In exactly `width` columns: filled up with blanks, or cut with an ellipsis. */
void xr_view_fit(FILE *out, struct xr_str text, size_t width);

/* Columns of the terminal, 80 where there is none. */
size_t xr_view_columns(FILE *out);

/* Colours where `out` is a terminal and NO_COLOR is not set; else "". Static. */
enum xr_colour {
    XR_COLOUR_PLAIN,
    XR_COLOUR_BOLD,
    XR_COLOUR_DIM,
    XR_COLOUR_RED,
    XR_COLOUR_GREEN,
    XR_COLOUR_YELLOW,
    XR_COLOUR_BLUE,
    XR_COLOUR_CYAN,
};
const char *xr_view_colour(FILE *out, enum xr_colour colour);

#endif
