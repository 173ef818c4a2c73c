/*
 * check: open a store that no server uses, read-only, and walk every table of every floor.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "cli.h"
#include "floor/floor.h"
#include "store/store.h"

#define FLOORS_MAX 4096

struct checking {
    const struct xr_cli *cli;
    uint32_t floor;
    uint64_t broken;
};

static void on_broken(void *context, const char *invariant, const char *text)
{
    struct checking *checking = context;
    checking->broken++;
    if (checking->cli->json)
        (void)xr_cli_json(json_pack("{s:s, s:I, s:s, s:s}", "type", "broken", "floor",
                                    (json_int_t)checking->floor, "invariant", invariant, "text",
                                    text));
    else
        printf("floor %u  %s: %s\n", checking->floor, invariant, text);
}

static bool tell(const struct checking *checking, size_t floors, bool deep)
{
    if (checking->cli->json)
        return xr_cli_json(json_pack("{s:s, s:I, s:I, s:b}", "type", "check", "floors",
                                     (json_int_t)floors, "broken", (json_int_t)checking->broken,
                                     "deep", (int)deep));
    if (checking->broken == 0)
        printf("%zu floors: every invariant holds%s\n", floors,
               deep ? ", the messages and their chains too" : "");
    else
        printf("%zu floors: %" PRIu64 " rules are broken\n", floors, checking->broken);
    return true;
}

static int check_reader(const struct xr_cli *cli, struct xr_reader *reader, bool deep)
{
    static uint32_t floors[FLOORS_MAX];
    struct checking checking = {.cli = cli};
    struct xr_cli_progress progress;
    size_t count = xr_reader_floors(reader, floors, FLOORS_MAX);
    if (count > FLOORS_MAX)
        count = FLOORS_MAX;
    xr_cli_progress_begin(&progress, "floors checked");
    for (size_t i = 0; i < count; i++) {
        checking.floor = floors[i];
        (void)xr_floor_check(xr_reader_tables(reader, floors[i]), deep, on_broken, &checking);
        xr_cli_progress_show(&progress, i + 1, count);
    }
    xr_cli_progress_end(&progress);
    if (!tell(&checking, count, deep))
        return XR_EXIT_FAILED;
    return checking.broken == 0 ? XR_EXIT_OK : XR_EXIT_REFUSED;
}

static int complain_store(const char *directory, enum xr_status status)
{
    const char *why = status == XR_IO ? strerror(errno) : xr_status_text(status);
    xr_cli_complain("%s: %s%s", directory, why,
                    status == XR_BUSY ? " (a server has it open: stop it first)" : "");
    return status == XR_CORRUPT ? XR_EXIT_REFUSED : XR_EXIT_INPUT;
}

static int check_store(const struct xr_cli *cli, const char *directory, bool deep)
{
    const struct xr_store_options options = {.directory = directory, .read_only = true};
    struct xr_store *store = NULL;
    struct xr_reader *reader = NULL;
    enum xr_status status = xr_store_open(&options, &store);
    if (status != XR_OK)
        return complain_store(directory, status);
    status = xr_reader_open(store, &reader);
    int code = XR_EXIT_OK;
    if (status == XR_OK) {
        code = check_reader(cli, reader, deep);
        xr_reader_close(reader);
    } else {
        code = complain_store(directory, status);
    }
    xr_store_close(store);
    return code;
}

int xr_cli_check(int argc, char **argv)
{
    struct xr_cli cli = {0};
    bool shallow = false;
    struct stat found;
    const struct xr_cli_option options[] = {
        {"shallow", XR_CLI_FLAG, NULL, &shallow, 0, 0, NULL,
         "leave out the messages and their chains"},
    };
    const struct xr_cli_usage usage = {
        "check",
        "DIRECTORY",
        "Open the store in DIRECTORY read-only (without a server) and walk every table of every\n"
        "floor: each broken invariant is one line. Exit code 1 if there is any.",
        options,
        1,
        1,
        1,
        &cli};
    int code = 0;
    if (!xr_cli_parse(&usage, &argc, argv, &code))
        return code;
    if (stat(argv[1], &found) != 0 || !S_ISDIR(found.st_mode)) {
        xr_cli_complain("%s: %s", argv[1], errno != 0 ? strerror(errno) : "not a directory");
        return XR_EXIT_INPUT;
    }
    return check_store(&cli, argv[1], !shallow);
}
