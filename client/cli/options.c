/* Options of the command line, read by table. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "texts.h"

#define TIMEOUT_STANDARD_S 10

struct common {
    size_t count;
    struct xr_cli_option at[8];
};

/* The options that every subcommand has; `lang` and `help` live outside of struct xr_cli. */
static struct common common_options(struct xr_cli *cli, int *lang, bool *help)
{
    struct common common = {
        8,
        {
            {"server", XR_CLI_TEXT, "ADDRESS", &cli->server, 0, 0, NULL,
             "ipc://PATH or tcp://HOST:PORT (XIAOER_SERVER; ipc://./var/xiaoer.sock)"},
            {"floor", XR_CLI_TEXT, "NAME", &cli->floor, 0, 0, NULL,
             "the shop's floor (XIAOER_FLOOR; demo)"},
            {"login", XR_CLI_TEXT, "NAME", &cli->login, 0, 0, NULL,
             "whose token to use (XIAOER_LOGIN; the only one there is)"},
            {"token-file", XR_CLI_TEXT, "FILE", &cli->token_file, 0, 0, NULL,
             "this token instead (~/.config/xiaoer/FLOOR-LOGIN.token)"},
            {"timeout", XR_CLI_NUMBER, "S", &cli->timeout_s, 0, 86400, NULL,
             "seconds to wait for the server (10)"},
            {"json", XR_CLI_FLAG, NULL, &cli->json, 0, 0, NULL,
             "results as JSON: one object, or one per line"},
            {"lang", XR_CLI_CHOICE, "en|zh", lang, 0, 0, "en|zh",
             "language of tables and messages (LANG)"},
            {"help", XR_CLI_FLAG, NULL, help, 0, 0, NULL, "this text"},
        },
    };
    return common;
}

static const char *environment(const char *name, const char *otherwise)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : otherwise;
}

static enum xr_cli_lang environment_lang(void)
{
    const char *value = environment("LC_ALL", environment("LC_MESSAGES", environment("LANG", "")));
    return strncmp(value, "zh", 2) == 0 ? XR_LANG_ZH : XR_LANG_EN;
}

static void set_standards(struct xr_cli *cli)
{
    *cli = (struct xr_cli){
        .server = environment("XIAOER_SERVER", "ipc://./var/xiaoer.sock"),
        .floor = environment("XIAOER_FLOOR", "demo"),
        .login = environment("XIAOER_LOGIN", NULL),
        .timeout_s = TIMEOUT_STANDARD_S,
        .lang = environment_lang(),
    };
}

enum xr_cli_lang xr_cli_lang_of(int argc, char **argv)
{
    enum xr_cli_lang lang = environment_lang();
    for (int i = 1; i < argc; i++) {
        const char *value = "";
        if (strcmp(argv[i], "--lang") == 0 && i + 1 < argc)
            value = argv[i + 1];
        if (strncmp(argv[i], "--lang=", 7) == 0)
            value = argv[i] + 7;
        if (value[0] != '\0')
            lang = strcmp(value, "zh") == 0 ? XR_LANG_ZH : XR_LANG_EN;
    }
    return lang;
}

bool xr_cli_common_has_value(const char *argument)
{
    struct xr_cli cli = {0};
    int lang = 0;
    bool help = false;
    const struct common common = common_options(&cli, &lang, &help);
    for (size_t i = 0; i < common.count; i++)
        if (strncmp(argument, "--", 2) == 0 && strcmp(argument + 2, common.at[i].name) == 0)
            return common.at[i].value != NULL;
    return false;
}

/* ---- values ---------------------------------------------------------------------------------- */

bool xr_cli_number(const char *text, int64_t min, int64_t max, int64_t *out)
{
    char *end = NULL;
    errno = 0;
    const long long n = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0 || n < min || n > max)
        return false;
    *out = n;
    return true;
}

bool xr_cli_id(const char *what, const char *text, uint64_t *out)
{
    int64_t n = 0;
    if (!xr_cli_number(text, 1, XR_NUMBER_MAX, &n)) {
        xr_cli_complain("%s is a number from 1, not `%s`", what, text);
        return false;
    }
    *out = (uint64_t)n;
    return true;
}

static bool read_real(const struct xr_cli_option *option, const char *text)
{
    char *end = NULL;
    const double value = strtod(text, &end);
    if (end == text || *end != '\0' || !(value >= (double)option->min) ||
        !(value <= (double)option->max))
        return false;
    *(double *)option->out = value;
    return true;
}

static bool read_choice(const struct xr_cli_option *option, const char *text)
{
    const size_t size = strlen(text);
    int index = 0;
    for (const char *at = option->choices; at != NULL; index++) {
        const char *end = strchr(at, '|');
        const size_t length = end != NULL ? (size_t)(end - at) : strlen(at);
        if (length == size && memcmp(at, text, size) == 0) {
            *(int *)option->out = index;
            return true;
        }
        at = end != NULL ? end + 1 : NULL;
    }
    return false;
}

static bool read_value(const struct xr_cli_option *option, const char *text)
{
    switch (option->kind) {
    case XR_CLI_FLAG:
        return false;
    case XR_CLI_TEXT:
        *(const char **)option->out = text;
        return true;
    case XR_CLI_NUMBER:
        return xr_cli_number(text, option->min, option->max, option->out);
    case XR_CLI_REAL:
        return read_real(option, text);
    case XR_CLI_CHOICE:
        return read_choice(option, text);
    }
    return false;
}

static void complain_value(const struct xr_cli_option *option, const char *text)
{
    if (option->kind == XR_CLI_CHOICE)
        xr_cli_complain("--%s is one of %s, not `%s`", option->name,
                        option->choices + (strncmp(option->choices, "none|", 5) == 0 ? 5 : 0),
                        text);
    else
        xr_cli_complain("--%s is a number in %" PRId64 "..%" PRId64 ", not `%s`", option->name,
                        option->min, option->max, text);
}

/* ---- help ------------------------------------------------------------------------------------ */

static void help_option(const struct xr_cli_option *option, FILE *out)
{
    char head[64];
    snprintf(head, sizeof(head), "--%s%s%s", option->name, option->value != NULL ? " " : "",
             option->value != NULL ? option->value : "");
    fprintf(out, "  %-22s  %s\n", head, option->help);
}

void xr_cli_common_help(enum xr_cli_lang lang, FILE *out)
{
    (void)lang; /* their texts are English in both */
    struct xr_cli cli = {0};
    int unused = 0;
    bool help = false;
    const struct common common = common_options(&cli, &unused, &help);
    for (size_t i = 0; i < common.count; i++)
        help_option(&common.at[i], out);
}

static void help_usage(const struct xr_cli_usage *usage, enum xr_cli_lang lang)
{
    printf("xiaoer %s%s%s\n\n%s\n", usage->name, usage->args[0] != '\0' ? " " : "", usage->args,
           usage->text);
    if (usage->option_count > 0)
        printf("\n%s\n", xr_text(lang, XR_TEXT_OPTIONS));
    for (size_t i = 0; i < usage->option_count; i++)
        help_option(&usage->options[i], stdout);
    printf("\n%s\n", xr_text(lang, XR_TEXT_HELP_OPTIONS));
    xr_cli_common_help(lang, stdout);
}

/* ---- parsing --------------------------------------------------------------------------------- */

static const struct xr_cli_option *find_in(const struct xr_cli_option *at, size_t count,
                                           const char *name, size_t size)
{
    for (size_t i = 0; i < count; i++)
        if (strncmp(at[i].name, name, size) == 0 && at[i].name[size] == '\0')
            return &at[i];
    return NULL;
}

/* One option that begins at argv[*at]; moves *at behind it. */
static bool take_option(const struct xr_cli_usage *usage, const struct common *common, int argc,
                        char **argv, int *at)
{
    const char *name = argv[*at] + 2;
    const char *equals = strchr(name, '=');
    const size_t size = equals != NULL ? (size_t)(equals - name) : strlen(name);
    const struct xr_cli_option *option = find_in(usage->options, usage->option_count, name, size);
    if (option == NULL)
        option = find_in(common->at, common->count, name, size);
    if (option == NULL || strncmp(argv[*at], "--", 2) != 0) {
        xr_cli_complain("`%s` has no option `%s`; see `xiaoer help %s`", usage->name, argv[*at],
                        usage->name);
        return false;
    }
    *at += 1;
    if (option->kind == XR_CLI_FLAG) {
        if (equals != NULL)
            xr_cli_complain("--%s takes no value", option->name);
        *(bool *)option->out = true;
        return equals == NULL;
    }
    if (equals == NULL && *at >= argc) {
        xr_cli_complain("--%s needs a value: %s", option->name, option->value);
        return false;
    }
    const char *value = equals != NULL ? equals + 1 : argv[(*at)++];
    if (read_value(option, value))
        return true;
    complain_value(option, value);
    return false;
}

/* "-" and "-5" are arguments, "-h" is help. */
static bool looks_like_option(char **argument)
{
    static char help[] = "--help";
    if (strcmp(*argument, "-h") == 0)
        *argument = help;
    const char *text = *argument;
    return text[0] == '-' && text[1] != '\0' && !(text[1] >= '0' && text[1] <= '9');
}

static bool take_all(const struct xr_cli_usage *usage, const struct common *common, int *argc,
                     char **argv)
{
    int kept = 1;
    bool only_arguments = false;
    for (int i = 1; i < *argc;) {
        if (!only_arguments && strcmp(argv[i], "--") == 0) {
            only_arguments = true;
            i++;
        } else if (!only_arguments && looks_like_option(&argv[i])) {
            if (!take_option(usage, common, *argc, argv, &i))
                return false;
        } else {
            argv[kept++] = argv[i++];
        }
    }
    *argc = kept;
    return true;
}

bool xr_cli_parse(const struct xr_cli_usage *usage, int *argc, char **argv, int *code)
{
    struct xr_cli *cli = usage->cli;
    set_standards(cli);
    int lang = (int)cli->lang;
    bool help = false;
    const struct common common = common_options(cli, &lang, &help);
    *code = XR_EXIT_USAGE;
    if (!take_all(usage, &common, argc, argv))
        return false;
    cli->lang = (enum xr_cli_lang)lang;
    if (help) {
        help_usage(usage, cli->lang);
        *code = XR_EXIT_OK;
        return false;
    }
    const int given = *argc - 1;
    if (given < usage->args_min || (usage->args_max >= 0 && given > usage->args_max)) {
        xr_cli_complain("usage: xiaoer %s%s%s", usage->name, usage->args[0] != '\0' ? " " : "",
                        usage->args);
        return false;
    }
    *code = XR_EXIT_OK;
    return true;
}
