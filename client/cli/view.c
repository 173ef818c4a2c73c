#include "view.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define KEY_WIDTH     12
#define COLUMNS_MIN   40
#define COLUMNS_USUAL 80

static const char *const colours[] = {
    [XR_COLOUR_PLAIN] = "\033[0m", [XR_COLOUR_BOLD] = "\033[1m",   [XR_COLOUR_DIM] = "\033[2m",
    [XR_COLOUR_RED] = "\033[31m",  [XR_COLOUR_GREEN] = "\033[32m", [XR_COLOUR_YELLOW] = "\033[33m",
    [XR_COLOUR_BLUE] = "\033[34m", [XR_COLOUR_CYAN] = "\033[36m",
};

const char *xr_view_colour(FILE *out, enum xr_colour colour)
{
    const char *unwanted = getenv("NO_COLOR");
    const bool plain = (unwanted != NULL && unwanted[0] != '\0') || isatty(fileno(out)) != 1;
    return plain ? "" : colours[colour];
}

size_t xr_view_columns(FILE *out)
{
    struct winsize size = {0};
    if (ioctl(fileno(out), TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return COLUMNS_USUAL;
    return size.ws_col < COLUMNS_MIN ? COLUMNS_MIN : size.ws_col;
}

void xr_view_line(const struct xr_view *view, enum xr_text key, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs(xr_view_colour(view->out, XR_COLOUR_DIM), view->out);
    xr_cli_pad(view->out, xr_str_of(xr_text(view->lang, key)), KEY_WIDTH - 1, false);
    fprintf(view->out, " %s", xr_view_colour(view->out, XR_COLOUR_PLAIN));
    vfprintf(view->out, format, arguments);
    fputc('\n', view->out);
    va_end(arguments);
}

struct xr_str xr_view_buyer(const struct xr_session_view *session)
{
    if (session->nick.size > 0)
        return session->nick;
    return session->buyer.size > 0 ? session->buyer : XR_STR("-");
}

/* How much of `text` goes on one line: up to a line break, else as many columns as fit, broken
 * behind a blank where that does not cost half the line. */
static struct xr_str first_line(struct xr_str text, size_t columns)
{
    const char *end = text.size > 0 ? memchr(text.at, '\n', text.size) : NULL;
    struct xr_str line = {text.at, end != NULL ? (uint32_t)(end - text.at) : text.size};
    if (xr_cli_width(line) <= columns)
        return line;
    const struct xr_str fitting = xr_cli_cut(line, columns);
    for (uint32_t size = fitting.size; size > fitting.size / 2; size--)
        if (text.at[size - 1] == ' ')
            return (struct xr_str){text.at, size};
    return fitting.size > 0 ? fitting : line;
}

void xr_view_text(FILE *out, struct xr_str text, size_t indent)
{
    const size_t columns = xr_view_columns(out);
    const size_t room = columns > indent + 20 ? columns - indent - 1 : 20;
    bool first = true;
    do {
        const struct xr_str line =
            isatty(fileno(out)) == 1 ? first_line(text, room) : first_line(text, SIZE_MAX);
        if (!first)
            fprintf(out, "%*s", (int)indent, "");
        xr_cli_put(out, line);
        fputc('\n', out);
        text.at += line.size;
        text.size -= line.size;
        if (text.size > 0 && text.at[0] == '\n') {
            text.at++;
            text.size--;
        }
        first = false;
    } while (text.size > 0);
}

/* ---- messages and notes ---------------------------------------------------------------------- */

#define WHO_WIDTH 14

void xr_view_fit(FILE *out, struct xr_str text, size_t width)
{
    if (xr_cli_width(text) <= width) {
        xr_cli_pad(out, text, width, false);
        return;
    }
    const struct xr_str seen = xr_cli_cut(text, width - 1);
    xr_cli_put(out, seen);
    fputs("…", out);
    xr_cli_pad(out, XR_STR(""), width - 1 - xr_cli_width(seen), false);
}

static struct xr_str sender_of(const struct xr_view *view, const struct xr_message *message,
                               struct xr_str buyer, char room[16])
{
    if (message->sender == XR_sender_BUYER && buyer.size > 0)
        return buyer;
    if (message->sender == XR_sender_AGENT)
        return xr_str_of(xr_cli_agent_name(view->names, message->agent.n, room));
    return xr_str_of(xr_word(view->lang, "sender", message->sender));
}

static enum xr_colour sender_colour(enum xr_sender sender)
{
    if (sender == XR_sender_BUYER)
        return XR_COLOUR_CYAN;
    return sender == XR_sender_AGENT ? XR_COLOUR_GREEN : XR_COLOUR_DIM;
}

void xr_view_message(const struct xr_view *view, const struct xr_message *message,
                     struct xr_str buyer, bool with_session)
{
    char when[24];
    char number[32];
    char room[16];
    char head[64];
    xr_cli_time(when, message->wall_ms);
    if (with_session)
        snprintf(number, sizeof(number), "#%" PRIu64, message->session.n);
    else
        snprintf(number, sizeof(number), "%u", message->number);
    const int size = snprintf(head, sizeof(head), "%s %5s  ", when, number);
    fprintf(view->out, "%s%s%s",
            xr_view_colour(view->out, with_session ? XR_COLOUR_YELLOW : XR_COLOUR_DIM), head,
            xr_view_colour(view->out, sender_colour(message->sender)));
    xr_view_fit(view->out, sender_of(view, message, buyer, room), WHO_WIDTH);
    fprintf(view->out, "%s  ", xr_view_colour(view->out, XR_COLOUR_PLAIN));
    size_t indent = (size_t)size + WHO_WIDTH + 2;
    if (message->kind != XR_message_kind_TEXT) {
        const char *kind = xr_word(view->lang, "message_kind", message->kind);
        fprintf(view->out, "[%s] ", kind);
    }
    xr_view_text(view->out, message->text, indent);
    if (message->flagged)
        fprintf(view->out, "%*s(%s)\n", (int)indent, "", xr_text(view->lang, XR_TEXT_FLAGGED));
}

void xr_view_note(const struct xr_view *view, const struct xr_note *note)
{
    char when[24];
    char room[16];
    xr_cli_time(when, note->wall_ms);
    fprintf(view->out, "%s", xr_view_colour(view->out, XR_COLOUR_YELLOW));
    fprintf(view->out, "  %s%u", note->pinned ? "! " : "  ", note->note);
    if (note->revision > 1)
        fprintf(view->out, ".%u", note->revision);
    fprintf(view->out, "%s  %s%s, %s%s\n      ", xr_view_colour(view->out, XR_COLOUR_PLAIN),
            xr_view_colour(view->out, XR_COLOUR_DIM),
            xr_cli_agent_name(view->names, note->author.n, room), when,
            xr_view_colour(view->out, XR_COLOUR_PLAIN));
    xr_view_text(view->out, note->text, 6);
}

/* ---- customers ------------------------------------------------------------------------------- */

static void show_tags(const struct xr_view *view, const struct xr_customer_card *card)
{
    if (card->tags.count == 0)
        return;
    const bool colour = xr_view_colour(view->out, XR_COLOUR_BOLD)[0] != '\0';
    fputs(xr_view_colour(view->out, XR_COLOUR_DIM), view->out);
    xr_cli_pad(view->out, xr_str_of(xr_text(view->lang, XR_TEXT_TAGS)), KEY_WIDTH, false);
    fputs(xr_view_colour(view->out, XR_COLOUR_PLAIN), view->out);
    for (uint32_t i = 0; i < card->tags.count; i++) {
        const struct xr_tag *tag = &card->tags.at[i];
        if (colour && tag->colour != 0)
            fprintf(view->out, "\033[38;2;%u;%u;%um", tag->colour >> 16, tag->colour >> 8 & 255,
                    tag->colour & 255);
        fputs("[", view->out);
        xr_cli_put(view->out, tag->name);
        fprintf(view->out, "]%s%s", xr_view_colour(view->out, XR_COLOUR_PLAIN),
                i + 1 < card->tags.count ? " " : "");
    }
    fputc('\n', view->out);
}

static void show_text(const struct xr_view *view, enum xr_text key, struct xr_str text)
{
    if (text.size == 0)
        return;
    fputs(xr_view_colour(view->out, XR_COLOUR_DIM), view->out);
    xr_cli_pad(view->out, xr_str_of(xr_text(view->lang, key)), KEY_WIDTH, false);
    fputs(xr_view_colour(view->out, XR_COLOUR_PLAIN), view->out);
    xr_cli_put(view->out, text);
    fputc('\n', view->out);
}

void xr_view_card(const struct xr_view *view, const struct xr_customer_card *card)
{
    char room[16];
    char first[24];
    char last[24];
    xr_view_line(view, XR_TEXT_CUSTOMER, "%" PRIu64, card->customer.n);
    show_text(view, XR_TEXT_H_BUYER, card->nick.size > 0 ? card->nick : card->buyer);
    show_text(view, XR_TEXT_H_CHANNEL, card->channel);
    if (card->level > 0)
        xr_view_line(view, XR_TEXT_LEVEL, "%u", card->level);
    show_text(view, XR_TEXT_LANGUAGE, card->language);
    if (card->flag > 0)
        xr_view_line(view, XR_TEXT_FLAG, "%u", card->flag);
    if (card->buyer_type != 0)
        xr_view_line(view, XR_TEXT_TYPE, "%s", xr_word(view->lang, "buyer_type", card->buyer_type));
    show_tags(view, card);
    xr_cli_time(first, card->first_ms);
    xr_cli_time(last, card->last_ms);
    xr_view_line(view, XR_TEXT_VISITS, "%u  (%s %s, %s %s)", card->visits,
                 xr_text(view->lang, XR_TEXT_FIRST_VISIT), first,
                 xr_text(view->lang, XR_TEXT_LAST_VISIT), last);
    if (card->last_agent.n != 0)
        xr_view_line(view, XR_TEXT_LAST_AGENT, "%s",
                     xr_cli_agent_name(view->names, card->last_agent.n, room));
}
