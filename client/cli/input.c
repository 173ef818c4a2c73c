#include "input.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli.h"

#define PIPE_BYTES_MAX (1024 * 1024)
#define KEY(letter)    ((letter) - 'a' + 1)

void xr_input_open(struct xr_input *input)
{
    *input = (struct xr_input){0};
    xr_buf_init(&input->bytes, PIPE_BYTES_MAX);
    input->terminal = isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1 &&
                      tcgetattr(STDIN_FILENO, &input->before) == 0;
    if (!input->terminal)
        return;
    struct termios raw = input->before;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG | IEXTEN);
    raw.c_iflag &= ~(tcflag_t)IXON;
    raw.c_cc[VMIN] = 0;
    raw.c_cc[VTIME] = 0;
    tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
}

void xr_input_close(struct xr_input *input)
{
    xr_input_hide(input);
    if (input->terminal)
        tcsetattr(STDIN_FILENO, TCSADRAIN, &input->before);
    for (size_t i = 0; i < input->line_count; i++)
        free(input->lines[i]);
    xr_buf_fini(&input->bytes);
    input->line_count = 0;
    input->terminal = false;
}

/* ---- the screen ------------------------------------------------------------------------------ */

static size_t terminal_columns(void)
{
    struct winsize size = {0};
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20 ? size.ws_col : 80;
}

/* Where the code point before `at` begins. */
static size_t point_before(const struct xr_input *input, size_t at)
{
    while (at > 0 && ((unsigned char)input->line[--at] & 0xc0) == 0x80)
        continue;
    return at;
}

static size_t point_after(const struct xr_input *input, size_t at)
{
    do
        at++;
    while (at < input->size && ((unsigned char)input->line[at] & 0xc0) == 0x80);
    return at;
}

static struct xr_str part(const struct xr_input *input, size_t from, size_t to)
{
    return (struct xr_str){input->line + from, (uint32_t)(to - from)};
}

/* The line on one row; where it is too long, the part around the cursor. */
static void draw(struct xr_input *input)
{
    const size_t prompt = xr_cli_width(xr_str_of(input->prompt));
    const size_t columns = terminal_columns();
    const size_t room = columns > prompt + 10 ? columns - prompt - 1 : 10;
    size_t from = 0;
    while (xr_cli_width(part(input, from, input->cursor)) >= room)
        from = point_after(input, from);
    const struct xr_str seen = xr_cli_cut(part(input, from, input->size), room);
    const size_t left = xr_cli_width(seen) - xr_cli_width(part(input, from, input->cursor));
    printf("\r\033[K\033[1m%s\033[0m", input->prompt);
    xr_cli_put(stdout, seen);
    if (left > 0)
        printf("\033[%zuD", left);
    fflush(stdout);
    input->shown = true;
}

void xr_input_hide(struct xr_input *input)
{
    if (input->terminal && input->shown) {
        fputs("\r\033[K", stdout);
        fflush(stdout); /* what follows may go to stderr */
    }
    input->shown = false;
}

void xr_input_show(struct xr_input *input, const char *prompt)
{
    if (!input->terminal || (input->shown && strcmp(prompt, input->prompt) == 0))
        return;
    snprintf(input->prompt, sizeof(input->prompt), "%s", prompt);
    draw(input);
}

/* ---- editing --------------------------------------------------------------------------------- */

static void erase(struct xr_input *input, size_t from, size_t to)
{
    memmove(input->line + from, input->line + to, input->size - to);
    input->size -= to - from;
    input->cursor = from;
}

static void insert(struct xr_input *input, char byte)
{
    if (input->size + 1 >= sizeof(input->line))
        return;
    memmove(input->line + input->cursor + 1, input->line + input->cursor,
            input->size - input->cursor);
    input->line[input->cursor++] = byte;
    input->size++;
}

static void remember(struct xr_input *input)
{
    if (input->size == 0)
        return;
    if (input->line_count == XR_INPUT_LINES) {
        free(input->lines[0]);
        memmove(&input->lines[0], &input->lines[1], (XR_INPUT_LINES - 1) * sizeof(char *));
        input->line_count--;
    }
    char *copy = strndup(input->line, input->size);
    if (copy != NULL)
        input->lines[input->line_count++] = copy;
}

static void recall(struct xr_input *input, size_t index)
{
    input->recalled = index;
    const char *text = index < input->line_count ? input->lines[index] : "";
    input->size = strlen(text);
    memcpy(input->line, text, input->size);
    input->cursor = input->size;
}

static void enter(struct xr_input *input)
{
    remember(input);
    memcpy(input->ready, input->line, input->size);
    input->ready[input->size] = '\0';
    input->is_ready = true;
    input->size = 0;
    input->cursor = 0;
    input->recalled = input->line_count;
}

static size_t word_before(const struct xr_input *input)
{
    size_t at = input->cursor;
    while (at > 0 && input->line[at - 1] == ' ')
        at--;
    while (at > 0 && input->line[at - 1] != ' ')
        at--;
    return at;
}

static void on_arrow(struct xr_input *input, char letter)
{
    if (letter == 'A' && input->recalled > 0)
        recall(input, input->recalled - 1);
    else if (letter == 'B' && input->recalled < input->line_count)
        recall(input, input->recalled + 1);
    else if (letter == 'C' && input->cursor < input->size)
        input->cursor = point_after(input, input->cursor);
    else if (letter == 'D' && input->cursor > 0)
        input->cursor = point_before(input, input->cursor);
    else if (letter == 'H')
        input->cursor = 0;
    else if (letter == 'F')
        input->cursor = input->size;
}

/* The inside of an escape sequence; those that mean nothing here are swallowed. */
static void on_escape(struct xr_input *input, char byte)
{
    if (input->escape_size < sizeof(input->escape))
        input->escape[input->escape_size++] = byte;
    const bool opening = input->escape_size == 2 && (byte == '[' || byte == 'O');
    if (opening || (byte >= '0' && byte <= '9') || byte == ';')
        return;
    if (byte == '~' && input->escape[2] == '3' && input->cursor < input->size)
        erase(input, input->cursor, point_after(input, input->cursor));
    else if (byte == '~' && (input->escape[2] == '1' || input->escape[2] == '7'))
        input->cursor = 0;
    else if (byte == '~' && (input->escape[2] == '4' || input->escape[2] == '8'))
        input->cursor = input->size;
    else
        on_arrow(input, byte);
    input->escape_size = 0;
}

static void on_control(struct xr_input *input, char byte)
{
    switch (byte) {
    case '\r':
    case '\n':
        enter(input);
        break;
    case KEY('a'):
        input->cursor = 0;
        break;
    case KEY('e'):
        input->cursor = input->size;
        break;
    case KEY('u'):
        erase(input, 0, input->cursor);
        break;
    case KEY('k'):
        input->size = input->cursor;
        break;
    case KEY('w'):
        erase(input, word_before(input), input->cursor);
        break;
    case KEY('h'):
    case 0x7f:
        if (input->cursor > 0)
            erase(input, point_before(input, input->cursor), input->cursor);
        break;
    case KEY('c'):
        input->stopped = input->size == 0;
        input->size = 0;
        input->cursor = 0;
        break;
    case KEY('d'):
        input->ended = input->size == 0;
        break;
    case KEY('l'):
        fputs("\033[H\033[2J", stdout);
        break;
    case '\033':
        input->escape[0] = byte;
        input->escape_size = 1;
        break;
    default:
        break;
    }
}

static void on_byte(struct xr_input *input, char byte)
{
    if (input->escape_size > 0)
        on_escape(input, byte);
    else if ((unsigned char)byte < 0x20 || byte == 0x7f)
        on_control(input, byte);
    else
        insert(input, byte);
}

/* ---- reading --------------------------------------------------------------------------------- */

static bool is_readable(void)
{
    struct pollfd polled = {STDIN_FILENO, POLLIN, 0};
    return poll(&polled, 1, 0) > 0;
}

/* One line at a time, so that what is behind it is edited after it was carried out. */
static void read_terminal(struct xr_input *input)
{
    char byte = 0;
    while (!input->is_ready && read(STDIN_FILENO, &byte, 1) == 1)
        on_byte(input, byte);
    if (input->shown && !input->is_ready)
        draw(input);
}

static void read_pipe(struct xr_input *input)
{
    char block[4096];
    if (!is_readable())
        return;
    const ssize_t size = read(STDIN_FILENO, block, sizeof(block));
    if (size > 0)
        xr_buf_add(&input->bytes, block, (size_t)size);
    if (size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR) || input->bytes.failed)
        input->ended = true;
}

void xr_input_read(struct xr_input *input)
{
    if (input->terminal)
        read_terminal(input);
    else if (!input->ended)
        read_pipe(input);
}

static const char *cut_line(struct xr_input *input)
{
    const uint8_t *end = memchr(input->bytes.at, '\n', input->bytes.size);
    if (end == NULL && !(input->ended && input->bytes.size > 0))
        return NULL;
    const size_t size = end != NULL ? (size_t)(end - input->bytes.at) : input->bytes.size;
    const size_t kept = size < sizeof(input->ready) ? size : sizeof(input->ready) - 1;
    memcpy(input->ready, input->bytes.at, kept);
    input->ready[kept] = '\0';
    const size_t used = end != NULL ? size + 1 : size;
    memmove(input->bytes.at, input->bytes.at + used, input->bytes.size - used);
    input->bytes.size -= used;
    return input->ready;
}

const char *xr_input_line(struct xr_input *input)
{
    if (!input->terminal)
        return input->bytes.size > 0 ? cut_line(input) : NULL;
    if (!input->is_ready)
        return NULL;
    input->is_ready = false;
    return input->ready;
}
