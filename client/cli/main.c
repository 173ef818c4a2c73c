/* The table of subcommands, `help`, `version`, and finding out which one is meant. */
#include <poll.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "texts.h"

enum group {
    GROUP_BEGIN,
    GROUP_LOOK,
    GROUP_WORK,
    GROUP_BRIDGE,
    GROUP_STEER,
    GROUP_HOUSE,
    GROUP_COUNT
};

static const enum xr_text group_titles[GROUP_COUNT] = {
    [GROUP_BEGIN] = XR_TEXT_GROUP_BEGIN, [GROUP_LOOK] = XR_TEXT_GROUP_LOOK,
    [GROUP_WORK] = XR_TEXT_GROUP_WORK,   [GROUP_BRIDGE] = XR_TEXT_GROUP_BRIDGE,
    [GROUP_STEER] = XR_TEXT_GROUP_STEER, [GROUP_HOUSE] = XR_TEXT_GROUP_HOUSE,
};

struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    enum group group;
    const char *help[2]; /* by enum xr_cli_lang */
};

static const struct command commands[] = {
#define XR_CLI_COMMAND(name, group, en, zh) {#name, xr_cli_##name, GROUP_##group, {en, zh}},
#include "commands.def"
#undef XR_CLI_COMMAND
};

#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static void print_help(enum xr_cli_lang lang)
{
    printf("%s\n", xr_text(lang, XR_TEXT_HELP_HEAD));
    for (enum group group = 0; group < GROUP_COUNT; group++) {
        printf("\n%s\n", xr_text(lang, group_titles[group]));
        for (size_t i = 0; i < COMMAND_COUNT; i++)
            if (commands[i].group == group)
                printf("  %-10s  %s\n", commands[i].name, commands[i].help[lang]);
    }
    printf("\n%s\n", xr_text(lang, XR_TEXT_HELP_OPTIONS));
    xr_cli_common_help(lang, stdout);
    printf("\n%s\n", xr_text(lang, XR_TEXT_HELP_EXITS));
}

static int unknown_command(const char *name)
{
    xr_cli_complain("there is no command `%s`; `xiaoer help` lists them", name);
    return XR_EXIT_USAGE;
}

/*
 * The name of the subcommand becomes argv[0], what stood before it follows behind: so options may
 * stand on either side. Returns the index of the name, 0: there is none.
 */
static int find_name(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] != '-')
            return i;
        if (xr_cli_common_has_value(argv[i]))
            i++;
    }
    return 0;
}

/* `help COMMAND` is COMMAND --help. */
static int help_command(int argc, char **argv, enum xr_cli_lang lang)
{
    static char option[] = "--help";
    const int name = find_name(argc, argv);
    if (name == 0) {
        print_help(lang);
        return XR_EXIT_OK;
    }
    const struct command *command = find_command(argv[name]);
    if (command == NULL)
        return unknown_command(argv[name]);
    static char english[] = "--lang=en";
    static char chinese[] = "--lang=zh";
    return command->run(
        3, (char *[]){argv[name], option, lang == XR_LANG_ZH ? chinese : english, NULL});
}

/* No name of a subcommand: it is about the program itself, or wrong. */
static int run_nameless(int argc, char **argv, enum xr_cli_lang lang)
{
    bool help = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--version") == 0) {
            printf("xiaoer %s\n", XR_VERSION);
            return XR_EXIT_OK;
        }
        help = help || strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0;
    }
    print_help(lang);
    return help ? XR_EXIT_OK : XR_EXIT_USAGE;
}

/*
 * What stands in the buffer is not written yet: a full disk shows here, if nowhere before. A reader
 * that has gone away has what it wanted.
 */
static int end(int code)
{
    struct pollfd out = {STDOUT_FILENO, 0, 0};
    const bool lost = fflush(stdout) != 0 || ferror(stdout) != 0;
    if (!lost || code != XR_EXIT_OK || (poll(&out, 1, 0) > 0 && (out.revents & POLLERR) != 0))
        return code;
    xr_cli_complain("not all could be written to standard output");
    return XR_EXIT_INPUT;
}

static int run(int argc, char **argv)
{
    const enum xr_cli_lang lang = xr_cli_lang_of(argc, argv);
    const int name = find_name(argc, argv);
    if (name == 0)
        return run_nameless(argc, argv, lang);
    char *called = argv[name];
    for (int i = name; i > 1; i--)
        argv[i] = argv[i - 1];
    argv[1] = called;
    if (strcmp(called, "help") == 0)
        return help_command(argc - 1, argv + 1, lang);
    const struct command *command = find_command(called);
    return command != NULL ? command->run(argc - 1, argv + 1) : unknown_command(called);
}

int main(int argc, char **argv)
{
    if (sodium_init() < 0) {
        xr_cli_complain("libsodium cannot begin: no source of random numbers");
        return XR_EXIT_FAILED;
    }
    return end(run(argc, argv));
}
