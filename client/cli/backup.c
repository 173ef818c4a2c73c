/*
 * backup: copy the store of a running server (or of a stopped one) from a process of its own, which
 * reads as `check` does: the server gives it nothing but the pages. restore: the way back.
 */
#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <string.h>
#include <sys/resource.h>

#include "check.h"
#include "store/backup.h"
#include "texts.h"

#define MIB       (UINT64_C(1) << 20)
#define NICE      10
#define RATE_MIB  64
#define GROWN_MIB 1024

struct copying {
    struct xr_cli cli;
    struct xr_backup_options options;
    struct xr_cli_checked checked;
    struct xr_cli_progress progress;
    enum xr_backup_stage stage;
    bool is_deep;
    bool is_nice;
};

/*
 * This thread yields to the server's from the first piece on. Not before: the thread that takes
 * LMDB's two pages keeps the server waiting meanwhile, and so has to be quick.
 */
static void be_nice(struct copying *copying)
{
    if (!copying->is_nice)
        (void)setpriority(PRIO_PROCESS, 0, NICE);
    copying->is_nice = true;
}

static bool on_progress(void *context, enum xr_backup_stage stage, uint64_t done, uint64_t total)
{
    static const char *const labels[] = {"MiB copied", "MiB compared", "floors checked"};
    struct copying *copying = context;
    be_nice(copying);
    if (stage != copying->stage) {
        xr_cli_progress_end(&copying->progress);
        copying->progress.label = labels[stage];
        copying->stage = stage;
    }
    if (stage != XR_BACKUP_VERIFY)
        xr_cli_progress_show(&copying->progress, done / MIB, total / MIB);
    else
        xr_cli_progress_end(&copying->progress); /* the check has its own */
    return !xr_cli_stopped();
}

static enum xr_status on_verify(void *context, struct xr_reader *copy)
{
    struct copying *copying = context;
    xr_cli_check_reader(&copying->cli, copy, copying->is_deep, &copying->checked);
    return copying->checked.broken == 0 ? XR_OK : XR_CORRUPT;
}

/* ---- what came of it ------------------------------------------------------------------------- */

static void complain_broken(const struct copying *copying, const char *directory)
{
    char text[160];
    snprintf(text, sizeof(text), xr_text(copying->cli.lang, XR_TEXT_COPY_BROKEN),
             (unsigned long long)copying->checked.broken);
    xr_cli_complain("%s: %s", directory, text);
}

static int complain_copy(const struct copying *copying, const char *directory,
                         enum xr_status status)
{
    static const struct {
        enum xr_status status;
        enum xr_text text;
        int code;
    } reasons[] = {
        {XR_EXISTS, XR_TEXT_COPY_EXISTS, XR_EXIT_INPUT},
        {XR_BUSY, XR_TEXT_COPY_BUSY, XR_EXIT_INPUT},
        {XR_STORAGE, XR_TEXT_COPY_NO_ROOM, XR_EXIT_INPUT},
        {XR_CORRUPT, XR_TEXT_COPY_DAMAGED, XR_EXIT_REFUSED},
        {XR_NONE, XR_TEXT_COPY_NONE, XR_EXIT_INPUT},
    };
    if (status == XR_CLOSED)
        return XR_EXIT_STOPPED;
    if (copying->checked.broken != 0) {
        complain_broken(copying, directory);
        return XR_EXIT_REFUSED;
    }
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        if (reasons[i].status != status)
            continue;
        xr_cli_complain("%s: %s", directory, xr_text(copying->cli.lang, reasons[i].text));
        return reasons[i].code;
    }
    xr_cli_complain("%s: %s", directory,
                    status == XR_IO ? strerror(errno) : xr_status_text(status));
    return status == XR_IO ? XR_EXIT_INPUT : XR_EXIT_FAILED;
}

static bool tell_json(const char *type, const char *directory,
                      const struct xr_backup_figures *figures)
{
    char digest[65];
    sodium_bin2hex(digest, sizeof(digest), figures->mark.digest, sizeof(figures->mark.digest));
    return xr_cli_json(
        json_pack("{s:s, s:s, s:I, s:I, s:s, s:I, s:I, s:b, s:I}", "type", type, "directory",
                  directory, "batch", (json_int_t)figures->mark.batch_no, "bytes",
                  (json_int_t)figures->mark.bytes, "blake2b", digest, "pinned_ms",
                  (json_int_t)figures->pinned_ms, "grown_bytes", (json_int_t)figures->grown_bytes,
                  "hurried", (int)figures->is_hurried, "ms", (json_int_t)figures->all_ms));
}

static double in_mib(uint64_t bytes)
{
    return (double)bytes / (double)MIB;
}

static int tell_backup(const struct copying *copying, const char *directory,
                       const struct xr_backup_figures *figures)
{
    if (copying->cli.json)
        return tell_json("backup", directory, figures) ? XR_EXIT_OK : XR_EXIT_FAILED;
    printf(xr_text(copying->cli.lang, XR_TEXT_BACKED_UP), directory,
           (unsigned long long)figures->mark.batch_no, in_mib(figures->mark.bytes),
           (double)figures->pinned_ms / 1000, in_mib(figures->grown_bytes));
    putchar('\n');
    return XR_EXIT_OK;
}

static int tell_restored(const struct copying *copying, const char *directory,
                         const struct xr_backup_figures *figures)
{
    if (copying->cli.json)
        return tell_json("restore", directory, figures) ? XR_EXIT_OK : XR_EXIT_FAILED;
    printf(xr_text(copying->cli.lang, XR_TEXT_RESTORED), directory,
           (unsigned long long)figures->mark.batch_no, in_mib(figures->mark.bytes));
    putchar('\n');
    return XR_EXIT_OK;
}

/* ---- the subcommands ------------------------------------------------------------------------- */

static void begin_copying(struct copying *copying, int64_t rate_mib)
{
    copying->options.rate_bytes_per_s = (uint64_t)rate_mib * MIB;
    copying->options.verify = on_verify;
    copying->options.progress = on_progress;
    copying->options.context = copying;
    xr_cli_catch_signals();
    xr_cli_progress_begin(&copying->progress, "MiB copied");
}

static int back_up(struct copying *copying, const char *from, const char *to)
{
    const struct xr_store_options opening = {.directory = from, .read_only = true};
    struct xr_store *store = NULL;
    struct xr_backup_figures figures;
    enum xr_status status = xr_store_open(&opening, &store);
    if (status != XR_OK)
        return complain_copy(copying, from, status);
    status = xr_store_backup(store, to, &copying->options, &figures);
    xr_cli_progress_end(&copying->progress);
    const int code =
        status == XR_OK ? tell_backup(copying, to, &figures) : complain_copy(copying, to, status);
    xr_store_close(store);
    return code;
}

int xr_cli_backup(int argc, char **argv)
{
    struct copying copying = {0};
    int64_t rate = RATE_MIB;
    int64_t grown = GROWN_MIB;
    const struct xr_cli_option options[] = {
        {"rate", XR_CLI_NUMBER, "MIB", &rate, 0, 1048576, NULL,
         "MiB a second, so that the server is hardly touched; 0: as fast as it goes (64)"},
        {"max-growth", XR_CLI_NUMBER, "MIB", &grown, 0, 1048576, NULL,
         "hurry once the server's file has grown by so much meanwhile; 0: never (1024)"},
        {"deep", XR_CLI_FLAG, NULL, &copying.is_deep, 0, 0, NULL,
         "check every message of the copy, too"},
    };
    const struct xr_cli_usage usage = {
        "backup",
        "STORE DIRECTORY",
        "Copy the store in STORE (--data of xiaoerd) as it stands at one batch into DIRECTORY, "
        "which\n"
        "must not exist or be empty, while the server runs. The copy is read back and checked "
        "before\n"
        "it gets its name; until then it is DIRECTORY.tmp. Run it as the server's user.",
        options,
        3,
        2,
        2,
        &copying.cli};
    int code = 0;
    if (!xr_cli_parse(&usage, &argc, argv, &code))
        return code;
    begin_copying(&copying, rate);
    copying.options.growth_bytes_max = (uint64_t)grown * MIB;
    return back_up(&copying, argv[1], argv[2]);
}

int xr_cli_restore(int argc, char **argv)
{
    struct copying copying = {0};
    int64_t rate = 0;
    struct xr_backup_figures figures;
    const struct xr_cli_option options[] = {
        {"rate", XR_CLI_NUMBER, "MIB", &rate, 0, 1048576, NULL,
         "MiB a second; 0: as fast as it goes (0)"},
        {"deep", XR_CLI_FLAG, NULL, &copying.is_deep, 0, 0, NULL, "check every message, too"},
    };
    const struct xr_cli_usage usage = {
        "restore",
        "BACKUP DIRECTORY",
        "Make the store DIRECTORY, which must not exist or be empty, from a backup. A backup that "
        "is\n"
        "not what it was when it was made is refused. Then start xiaoerd with --data DIRECTORY.",
        options,
        2,
        2,
        2,
        &copying.cli};
    int code = 0;
    if (!xr_cli_parse(&usage, &argc, argv, &code))
        return code;
    begin_copying(&copying, rate);
    const enum xr_status status = xr_store_restore(argv[1], argv[2], &copying.options, &figures);
    xr_cli_progress_end(&copying.progress);
    if (status == XR_NONE)
        return complain_copy(&copying, argv[1], status);
    return status == XR_OK ? tell_restored(&copying, argv[2], &figures)
                           : complain_copy(&copying, argv[2], status);
}
