/* login: a password once, tokens from then on. */
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "cli.h"
#include "texts.h"

#define PASSWORD_BYTES 1100

/* The first line, without its end. */
static bool read_line(FILE *in, char *out, size_t size)
{
    if (fgets(out, (int)size, in) == NULL)
        return false;
    out[strcspn(out, "\r\n")] = '\0';
    return out[0] != '\0';
}

static bool read_file(const char *path, char *out, size_t size)
{
    FILE *in = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");
    const bool ok = in != NULL && read_line(in, out, size);
    if (!ok)
        xr_cli_complain("no password in %s%s%s", in == stdin ? "standard input" : path,
                        in == NULL ? ": " : "", in == NULL ? strerror(errno) : "");
    if (in != NULL && in != stdin)
        fclose(in);
    return ok;
}

static bool ask_terminal(const struct xr_cli *cli, char *out, size_t size)
{
    struct termios before;
    fprintf(stderr, xr_text(cli->lang, XR_TEXT_PASSWORD_OF), cli->login, cli->floor);
    fflush(stderr);
    if (tcgetattr(STDIN_FILENO, &before) != 0)
        return false;
    struct termios silent = before;
    silent.c_lflag &= ~(tcflag_t)ECHO;
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
    const bool ok = read_line(stdin, out, size);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    fputc('\n', stderr);
    return ok;
}

static bool get_password(const struct xr_cli *cli, const char *file, char *out, size_t size)
{
    if (file != NULL)
        return read_file(file, out, size);
    if (isatty(STDIN_FILENO) == 1)
        return ask_terminal(cli, out, size);
    return read_file("-", out, size);
}

/* Log in as often as devices are wanted; the first must do, fewer of the others are fine. */
static int make_devices(const struct xr_cli *cli, const char *password, int64_t wanted,
                        uint8_t tokens[][XR_TOKEN_BYTES], size_t *count, struct xr_cli_link *first)
{
    int code = xr_cli_link_login(first, cli, password);
    if (code != XR_EXIT_OK)
        return code;
    if (!xr_client_token(first->client, tokens[0]))
        return XR_EXIT_FAILED;
    *count = 1;
    while ((int64_t)*count < wanted && code == XR_EXIT_OK) {
        struct xr_cli_link other = {0};
        code = xr_cli_link_login(&other, cli, password);
        if (code == XR_EXIT_OK && xr_client_token(other.client, tokens[*count]))
            *count += 1;
        xr_cli_link_close(&other);
    }
    return XR_EXIT_OK;
}

static bool tell(const struct xr_cli *cli, const struct xr_cli_link *link, const char *path,
                 size_t count)
{
    const char *role = xr_choice_name("role", link->welcome.role);
    if (cli->json)
        return xr_cli_json(json_pack("{s:s, s:s, s:I, s:s, s:s, s:s, s:I}", "type", "login",
                                     "floor", cli->floor, "agent",
                                     (json_int_t)link->welcome.agent.n, "name", link->name, "role",
                                     role, "token_file", path, "devices", (json_int_t)count));
    printf(xr_text(cli->lang, XR_TEXT_LOGGED_IN), cli->floor,
           link->name[0] != '\0' ? link->name : cli->login,
           xr_word(cli->lang, "role", link->welcome.role), count, path);
    putchar('\n');
    return true;
}

static int log_in(const struct xr_cli *cli, const char *password, int64_t devices)
{
    uint8_t tokens[XR_CLI_TOKENS_MAX][XR_TOKEN_BYTES];
    char path[2100];
    size_t count = 0;
    struct xr_cli_link link = {0};
    if (!xr_cli_token_path(cli, path, sizeof(path)))
        return XR_EXIT_INPUT;
    int code = make_devices(cli, password, devices, tokens, &count, &link);
    if (code == XR_EXIT_OK &&
        !xr_cli_token_write(path, (const uint8_t(*)[XR_TOKEN_BYTES])tokens, count))
        code = XR_EXIT_INPUT;
    if (code == XR_EXIT_OK && !tell(cli, &link, path, count))
        code = XR_EXIT_FAILED;
    xr_cli_link_close(&link);
    sodium_memzero(tokens, sizeof(tokens));
    return code;
}

int xr_cli_login(int argc, char **argv)
{
    struct xr_cli cli = {0};
    const char *file = NULL;
    int64_t devices = 3;
    const struct xr_cli_option options[] = {
        {"password-file", XR_CLI_TEXT, "FILE", &file, 0, 0, NULL,
         "its first line is the password; -: standard input"},
        {"devices", XR_CLI_NUMBER, "N", &devices, 1, XR_CLI_TOKENS_MAX, NULL,
         "how many commands can run at a time with this log-in (3)"},
    };
    const struct xr_cli_usage usage = {
        "login",
        "[NAME]",
        "Log in with a password and keep a token, so that the other commands need none.\n"
        "The password is asked for without echo, or read from standard input if that is no\n"
        "terminal. NAME may also come from --login or XIAOER_LOGIN.",
        options,
        2,
        0,
        1,
        &cli,
    };
    int code = 0;
    char password[PASSWORD_BYTES];
    if (!xr_cli_parse(&usage, &argc, argv, &code))
        return code;
    if (argc > 1)
        cli.login = argv[1];
    if (cli.login == NULL) {
        xr_cli_complain("who? `xiaoer login NAME`");
        return XR_EXIT_USAGE;
    }
    xr_cli_catch_signals();
    if (!get_password(&cli, file, password, sizeof(password)))
        return XR_EXIT_INPUT;
    code = log_in(&cli, password, devices);
    sodium_memzero(password, sizeof(password));
    return code;
}
