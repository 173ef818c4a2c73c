/*
 * The command line `xiaoer`: what all subcommands share. One subcommand is one function
 * `int xr_cli_<name>(int argc, char **argv)`: argv[0] is its name, then its arguments and options
 * in any order, the common options too (they may also stand before the name). It returns an exit
 * code of enum xr_cli_exit. main.c has the table of all of them.
 *
 *     int xr_cli_greet(int argc, char **argv)
 *     {
 *         struct xr_cli cli = {0};
 *         int64_t times = 1;
 *         const struct xr_cli_option options[] = {
 *             {"times", XR_CLI_NUMBER, "N", &times, 1, 100, NULL, "how often"},
 *         };
 *         const struct xr_cli_usage usage = {"greet", "NAME", "Say hello.", options, 1, 1, 1,
 * &cli}; int code = 0; if (!xr_cli_parse(&usage, &argc, argv, &code)) return code;
 *         ... argv[1] is NAME ...
 *     }
 *
 * Results go to stdout, everything else (errors, progress, questions) to stderr. With --json
 * stdout is one JSON object, or one per line, and nothing else. One thread.
 */
#ifndef XR_CLIENT_CLI_CLI_H
#define XR_CLIENT_CLI_CLI_H

#include <jansson.h>
#include <stdio.h>

#include "proto/wire.h"
#include <xiaoer/client.h>

/* Exit codes: documented in `xiaoer help`, never renumbered. */
enum xr_cli_exit {
    XR_EXIT_OK = 0,
    XR_EXIT_REFUSED = 1, /* the server refused it, or a check failed */
    XR_EXIT_USAGE = 2,   /* unknown option, missing argument, value out of its range */
    XR_EXIT_CONNECT = 3, /* no server there, or it went away and did not come back in time */
    XR_EXIT_LOGIN = 4,   /* log-in refused, or no token and no password */
    XR_EXIT_INPUT = 5,   /* a file that cannot be read, is not of its form, or cannot be written */
    XR_EXIT_FAILED = 6,  /* no memory, or another failure of this machine */
    XR_EXIT_STOPPED = 130, /* Ctrl-C */
};

enum xr_cli_lang {
    XR_LANG_EN,
    XR_LANG_ZH,
};

/* The common options, filled by xr_cli_parse. Texts point into argv or the environment. */
struct xr_cli {
    const char *server;     /* --server, XIAOER_SERVER */
    const char *floor;      /* --floor, XIAOER_FLOOR */
    const char *login;      /* --login, XIAOER_LOGIN; NULL: the only token there is */
    const char *token_file; /* --token-file; NULL: see xr_cli_token_path */
    int64_t timeout_s;      /* --timeout: how long to try to connect */
    bool json;              /* --json */
    enum xr_cli_lang lang;  /* --lang, LC_ALL, LC_MESSAGES, LANG */
};

/* ---- options (options.c) -------------------------------------------------------------------- */

enum xr_cli_option_kind {
    XR_CLI_FLAG,   /* bool: --name */
    XR_CLI_TEXT,   /* const char *: --name VALUE or --name=VALUE */
    XR_CLI_NUMBER, /* int64_t in min..max */
    XR_CLI_REAL,   /* double in min..max */
    XR_CLI_CHOICE, /* int: index in `choices`, "off|prefer" */
};

struct xr_cli_option {
    const char *name; /* without the dashes */
    enum xr_cli_option_kind kind;
    const char *value; /* what help calls the value; NULL of a flag */
    void *out;         /* holds the default when parsing begins */
    int64_t min;
    int64_t max;
    const char *choices;
    const char *help;
};

struct xr_cli_usage {
    const char *name;
    const char *args; /* for help: "FILE [N]" */
    const char *text; /* one or more sentences; lines broken by the writer */
    const struct xr_cli_option *options;
    size_t option_count;
    int args_min;
    int args_max; /* -1: any number */
    struct xr_cli *cli;
};

/*
 * Take the options out of argv; what stays is argv[1] … argv[*argc - 1]. "--" ends the options.
 * false: `code` is the exit code (help was shown, or the error told on stderr).
 */
bool xr_cli_parse(const struct xr_cli_usage *usage, int *argc, char **argv, int *code);

/* Parts of the above for main.c: help on the common options; does `argument` ("--floor") take the
 * next one as its value; the language, by --lang or the environment. */
void xr_cli_common_help(enum xr_cli_lang lang, FILE *out);
bool xr_cli_common_has_value(const char *argument);
enum xr_cli_lang xr_cli_lang_of(int argc, char **argv);

/* A whole decimal number in min..max; false: not one. */
bool xr_cli_number(const char *text, int64_t min, int64_t max, int64_t *out);

/* An id given as an argument: a number from 1; tells the error on stderr. */
bool xr_cli_id(const char *what, const char *text, uint64_t *out);

/* ---- output (output.c) ---------------------------------------------------------------------- */

/* "xiaoer: " and a line on stderr. */
void xr_cli_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Columns of a terminal that a text takes: wide characters 2, combining ones 0. */
size_t xr_cli_width(struct xr_str text);

/* The first code points of `text` that take at most `width` columns. */
struct xr_str xr_cli_cut(struct xr_str text, size_t width);

/* Write what a stranger may have written: control characters (and with them escape sequences)
 * become blanks. `pad` fills up to `width` columns. */
void xr_cli_put(FILE *out, struct xr_str text);
void xr_cli_pad(FILE *out, struct xr_str text, size_t width, bool right);

/* The same in place, and the copy of a text that a stranger wrote: cut to fit, cleaned. */
void xr_cli_clean(char *text);
void xr_cli_copy(char *out, size_t size, struct xr_str text);

/* A table: rows of texts, aligned by width when it is printed. Zeroed is empty. */
#define XR_CLI_COLUMNS_MAX 16
struct xr_cli_table {
    size_t columns;
    const char *heads[XR_CLI_COLUMNS_MAX]; /* borrowed */
    bool right[XR_CLI_COLUMNS_MAX];        /* align right: numbers */
    struct xr_buf cells;                   /* each terminated */
    size_t count;                          /* cells */
    size_t indent;                         /* blanks before each row */
    bool headless;                         /* no line of heads */
};
void xr_cli_table_column(struct xr_cli_table *table, const char *head, bool right);
void xr_cli_table_cell(struct xr_cli_table *table, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void xr_cli_table_str(struct xr_cli_table *table, struct xr_str text);
/* Print with its heads, and free. An empty one prints its heads alone. */
void xr_cli_table_print(struct xr_cli_table *table, FILE *out);

/* Print as one line and drop the reference; NULL: no memory, false. */
bool xr_cli_json(json_t *take);

/* A span of time, short: "0:42", "12:05", "1:02:33". */
void xr_cli_span(char out[24], int64_t ms);
/* A local time: "14:03:12" today, else "08-01 14:03". 0 gives "-". */
void xr_cli_time(char out[24], int64_t wall_ms);

/* Progress on stderr, for what may take longer than 2 s: silent before, then one line that is
 * written over on a terminal, and a line each 10 s elsewhere. `total` 0: not known. */
struct xr_cli_progress {
    const char *label;
    int64_t began_ms;
    int64_t shown_ms;
    bool shown;
};
void xr_cli_progress_begin(struct xr_cli_progress *progress, const char *label);
void xr_cli_progress_show(struct xr_cli_progress *progress, uint64_t done, uint64_t total);
void xr_cli_progress_end(struct xr_cli_progress *progress); /* clears the line */

/* Monotonic and wall clock in ms. */
int64_t xr_cli_mono_ms(void);
int64_t xr_cli_wall_ms(void);

/* True after Ctrl-C or SIGTERM, once xr_cli_catch_signals was called. */
void xr_cli_catch_signals(void);
bool xr_cli_stopped(void);

/* ---- the connection (link.c) ---------------------------------------------------------------- */

struct xr_cli_link {
    const struct xr_cli *cli;
    struct xr_client *client;
    int slot;                        /* descriptor that holds the lock on the token; -1: none */
    struct xr_welcome welcome;       /* of the last log-in, without its texts */
    char name[XR_TITLE_MAX * 4 + 1]; /* of the account, as shown */
    /* What comes besides the awaited answer; NULL: dropped. */
    void (*on_event)(void *context, const struct xr_client_event *event);
    void *context;
};

/* How to connect; zeroed: no feed. */
struct xr_cli_feed {
    bool wanted;
    bool resume; /* begin after `cursor` instead of with what is new */
    uint64_t cursor;
};

/*
 * Connect and log in with a stored token. on_event and context of `link` are the caller's to set
 * before. XR_EXIT_OK, or the code to end with (told on stderr).
 */
int xr_cli_link_open(struct xr_cli_link *link, const struct xr_cli *cli, struct xr_cli_feed feed);
/* The same with a password, for a new device. */
int xr_cli_link_login(struct xr_cli_link *link, const struct xr_cli *cli, const char *password);
/* Say bye and free. Zeroed is fine. */
void xr_cli_link_close(struct xr_cli_link *link);

/*
 * Send and wait for the answer, which lives until the next call. XR_EXIT_OK: `type` and `answer`
 * are set; an answer `error` was told on stderr (and as JSON) and gives XR_EXIT_REFUSED.
 */
int xr_cli_link_ask(struct xr_cli_link *link, enum xr_type type, const void *message,
                    enum xr_type *answer_type, const void **answer);
/* The same, where the caller tells an error itself: it is an answer like others. */
int xr_cli_link_try(struct xr_cli_link *link, enum xr_type type, const void *message,
                    enum xr_type *answer_type, const void **answer);

/* The same for a command: what the answer `done` says is printed. */
int xr_cli_link_command(struct xr_cli_link *link, enum xr_type type, const void *message);

/* Log in, do, say bye: the frame of most subcommands. Catches signals. */
int xr_cli_with_link(const struct xr_cli *cli, int (*run)(struct xr_cli_link *, void *),
                     void *context);

/* Wait at most wait_ms for something and pass it to on_event. `other`: a descriptor to wake up for
 * too; -1: none. */
void xr_cli_link_pump(struct xr_cli_link *link, int wait_ms, int other);

/* A refusal as a sentence; always terminated. */
void xr_cli_refusal(enum xr_cli_lang lang, const struct xr_error *error, char *out, size_t size);
/* Tell it: the sentence on stderr, with --json the error itself on stdout. */
void xr_cli_refused(const struct xr_cli *cli, const struct xr_error *error);

/* ---- stored tokens (token.c) ------------------------------------------------------------------
 */

/*
 * A token is a device, and a device has one connection at a time. So a file holds one token or
 * more, a line of 64 hexadecimal digits each, and a program takes the first that no other has.
 */
#define XR_CLI_TOKENS_MAX 8

/* "$XDG_CONFIG_HOME/xiaoer/FLOOR-LOGIN.token" or the file of --token-file; false: no home, or no
 * login said and not exactly one token there (told on stderr). */
bool xr_cli_token_path(const struct xr_cli *cli, char *out, size_t size);
/* XR_OK: `slot` is a descriptor to keep open; XR_NONE: no such file; XR_BAD: no token in it;
 * XR_BUSY: all in use; XR_IO. */
enum xr_status xr_cli_token_take(const char *path, uint8_t token[XR_TOKEN_BYTES], int *slot);
/* The first one, whether in use or not: for programs that log in once, for a moment. */
bool xr_cli_token_read(const char *path, uint8_t token[XR_TOKEN_BYTES]);
/* Mode 0600, in a directory of mode 0700, replaced in one step. false: told on stderr. */
bool xr_cli_token_write(const char *path, const uint8_t tokens[][XR_TOKEN_BYTES], size_t count);

/* ---- names of accounts and groups (names.c) ---------------------------------------------------
 */

struct xr_cli_name {
    uint32_t id;
    char login[XR_LOGIN_MAX * 4 + 1];
    char title[XR_TITLE_MAX * 4 + 1];
};

struct xr_cli_names {
    struct xr_cli_name *agents;
    size_t agent_count;
    struct xr_cli_name *groups; /* login: the name that bridges say */
    size_t group_count;
};

/* Ask for them. An account that may not (a bridge) gets none. Codes as xr_cli_link_ask. */
int xr_cli_names_load(struct xr_cli_names *names, struct xr_cli_link *link);
/* The same once more: the old ones are there until the new ones are. */
int xr_cli_names_reload(struct xr_cli_names *names, struct xr_cli_link *link);
void xr_cli_names_fini(struct xr_cli_names *names);
/* "Mei" or, where it is not known, "#3"; 0 gives "-". Lives as long as `names`; `room` is for the
 * number. */
const char *xr_cli_agent_name(const struct xr_cli_names *names, uint32_t id, char room[16]);
const char *xr_cli_group_name(const struct xr_cli_names *names, uint32_t id, char room[16]);
/* An argument: a number, a login, a name. false: told on stderr. */
bool xr_cli_agent_find(const struct xr_cli_names *names, const char *text, uint32_t *id);
bool xr_cli_group_find(const struct xr_cli_names *names, const char *text, uint32_t *id);

/* ---- the subcommands ------------------------------------------------------------------------ */

#define XR_CLI_COMMAND(name, group, en, zh) int xr_cli_##name(int argc, char **argv);
#include "commands.def"
#undef XR_CLI_COMMAND

#endif
