/*
 * check: open a store read-only, and walk every table of every floor, and the log. A backup is
 * first compared with what it says of itself: a damaged file may kill whoever opens it as a store.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "check.h"
#include "engine/verify.h"
#include "floor/floor.h"
#include "store/backup.h"

#define FLOORS_MAX 4096

struct checking {
    const struct xr_cli *cli;
    uint32_t floor; /* 0: the whole store */
    uint64_t broken;
    uint64_t batch_no;
};

static void on_broken(void *context, const char *invariant, const char *text)
{
    struct checking *checking = context;
    checking->broken++;
    if (checking->cli->json)
        (void)xr_cli_json(json_pack("{s:s, s:I, s:s, s:s}", "type", "broken", "floor",
                                    (json_int_t)checking->floor, "invariant", invariant, "text",
                                    text));
    else if (checking->floor != 0)
        printf("floor %u  %s: %s\n", checking->floor, invariant, text);
    else
        printf("%s: %s\n", invariant, text);
}

static bool tell(const struct xr_cli *cli, const struct xr_cli_checked *checked, bool deep)
{
    if (cli->json)
        return xr_cli_json(json_pack("{s:s, s:I, s:I, s:I, s:b}", "type", "check", "floors",
                                     (json_int_t)checked->floors, "broken",
                                     (json_int_t)checked->broken, "batch",
                                     (json_int_t)checked->batch_no, "deep", (int)deep));
    if (checked->broken == 0)
        printf("%zu %s: every invariant holds%s\n", checked->floors,
               checked->floors == 1 ? "floor" : "floors",
               deep ? ", the messages and their chains too" : "");
    else
        printf("%zu floors: %" PRIu64 " rules are broken\n", checked->floors, checked->broken);
    return true;
}

/* The log is the whole store's: floor 0. */
static void check_log(struct checking *checking, struct xr_reader *reader, bool deep)
{
    struct xr_meta meta = {0};
    uint64_t number = 0;
    char text[96];
    checking->floor = 0;
    const enum xr_status status = xr_engine_verify(reader, deep, &meta, &number);
    checking->batch_no = meta.batch_no;
    if (status == XR_OK)
        return;
    if (number != 0)
        snprintf(text, sizeof(text), "batch %" PRIu64 " is not as it was written", number);
    else
        snprintf(text, sizeof(text), "what is kept of it is not what the engine's row says");
    on_broken(checking, "log", text);
}

void xr_cli_check_reader(const struct xr_cli *cli, struct xr_reader *reader, bool deep,
                         struct xr_cli_checked *out)
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
    check_log(&checking, reader, deep);
    xr_cli_progress_end(&progress);
    *out = (struct xr_cli_checked){count, checking.broken, checking.batch_no};
}

static int check_reader(const struct xr_cli *cli, struct xr_reader *reader, bool deep)
{
    struct xr_cli_checked checked;
    xr_cli_check_reader(cli, reader, deep, &checked);
    if (!tell(cli, &checked, deep))
        return XR_EXIT_FAILED;
    return checked.broken == 0 ? XR_EXIT_OK : XR_EXIT_REFUSED;
}

static int complain_store(const char *directory, enum xr_status status)
{
    const char *why = status != XR_IO   ? xr_status_text(status)
                      : errno == ENOENT ? "there is no store in it"
                                        : strerror(errno);
    xr_cli_complain("%s: %s%s", directory, why,
                    status == XR_BUSY ? " (a server has it open: stop it first)" : "");
    return status == XR_CORRUPT ? XR_EXIT_REFUSED : XR_EXIT_INPUT;
}

/* XR_EXIT_OK also where it is no backup. */
static int compare_backup(const char *directory, bool *is_backup)
{
    const struct xr_backup_options options = {0};
    struct xr_backup_mark mark;
    const enum xr_status status = xr_store_backup_compare(directory, &options, &mark);
    *is_backup = status != XR_NONE;
    if (status == XR_OK || status == XR_NONE)
        return XR_EXIT_OK;
    if (status != XR_CORRUPT)
        return complain_store(directory, status);
    xr_cli_complain("%s: this backup is not what it was when it was made", directory);
    return XR_EXIT_REFUSED;
}

static int check_store(const struct xr_cli *cli, const char *directory, bool deep)
{
    struct xr_store_options options = {.directory = directory, .read_only = true};
    struct xr_store *store = NULL;
    struct xr_reader *reader = NULL;
    int code = compare_backup(directory, &options.is_still);
    if (code != XR_EXIT_OK)
        return code;
    enum xr_status status = xr_store_open(&options, &store);
    if (status != XR_OK)
        return complain_store(directory, status);
    status = xr_reader_open(store, &reader);
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
        "floor, and the log: each broken invariant is one line. Exit code 1 if there is any. A\n"
        "backup is also compared with what it was when it was made.",
        options,
        1,
        1,
        1,
        &cli};
    int code = 0;
    if (!xr_cli_parse(&usage, &argc, argv, &code))
        return code;
    const bool there = stat(argv[1], &found) == 0;
    if (!there || !S_ISDIR(found.st_mode)) {
        xr_cli_complain("%s: %s", argv[1], there ? "not a directory" : strerror(errno));
        return XR_EXIT_INPUT;
    }
    return check_store(&cli, argv[1], !shallow);
}
