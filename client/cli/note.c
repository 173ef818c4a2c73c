/* note: list, add, edit, and the revisions of one. */
#include <inttypes.h>
#include <string.h>

#include "proto/json.h"
#include "view.h"

struct job {
    struct xr_cli cli;
    uint64_t customer;
    uint32_t note;
    int64_t revision; /* that was edited; 0: the newest there is */
    bool pinned;
    bool unpinned;
    struct xr_str text;
};

static int ask_customer(struct xr_cli_link *link, const struct job *job,
                        const struct xr_customer **out)
{
    enum xr_type type = XR_TYPE_none;
    const void *answer = NULL;
    const struct xr_get_customer ask = {.customer = {job->customer}};
    const int code = xr_cli_link_ask(link, XR_TYPE_get_customer, &ask, &type, &answer);
    *out = answer;
    return code;
}

static int list_notes(struct xr_cli_link *link, void *context)
{
    const struct job *job = context;
    struct xr_cli_names names = {0};
    const struct xr_view view = {job->cli.lang, &names, stdout};
    const struct xr_customer *customer = NULL;
    int code = job->cli.json ? XR_EXIT_OK : xr_cli_names_load(&names, link);
    if (code == XR_EXIT_OK)
        code = ask_customer(link, job, &customer);
    if (code == XR_EXIT_OK && job->cli.json)
        code = xr_cli_json(xr_json_write(XR_TYPE_customer, customer)) ? XR_EXIT_OK : XR_EXIT_FAILED;
    else if (code == XR_EXIT_OK && customer->notes.count == 0)
        puts(xr_text(job->cli.lang, XR_TEXT_NONE));
    for (uint32_t i = 0; code == XR_EXIT_OK && !job->cli.json && i < customer->notes.count; i++)
        xr_view_note(&view, &customer->notes.at[i]);
    xr_cli_names_fini(&names);
    return code;
}

static int list_revisions(struct xr_cli_link *link, void *context)
{
    const struct job *job = context;
    struct xr_cli_names names = {0};
    const struct xr_view view = {job->cli.lang, &names, stdout};
    struct xr_get_note ask = {.customer = {job->customer}, .note = job->note};
    enum xr_type type = XR_TYPE_none;
    const void *answer = NULL;
    bool more = true;
    int code = job->cli.json ? XR_EXIT_OK : xr_cli_names_load(&names, link);
    while (code == XR_EXIT_OK && more) {
        code = xr_cli_link_ask(link, XR_TYPE_get_note, &ask, &type, &answer);
        if (code != XR_EXIT_OK)
            break;
        const struct xr_note_page *page = answer;
        if (job->cli.json)
            (void)xr_cli_json(xr_json_write(type, answer));
        for (uint32_t i = 0; i < page->notes.count && !job->cli.json; i++)
            xr_view_note(&view, &page->notes.at[i]);
        more = page->more && page->notes.count > 0;
        if (more)
            ask.after = page->notes.at[page->notes.count - 1].revision;
    }
    xr_cli_names_fini(&names);
    return code;
}

static int add_note(struct xr_cli_link *link, void *context)
{
    const struct job *job = context;
    const struct xr_note_add add = {
        .customer = {job->customer}, .text = job->text, .pinned = job->pinned};
    return xr_cli_link_command(link, XR_TYPE_note_add, &add);
}

static int edit_note(struct xr_cli_link *link, void *context)
{
    const struct job *job = context;
    const struct xr_customer *customer = NULL;
    struct xr_note_edit edit = {.customer = {job->customer},
                                .note = job->note,
                                .revision = (uint32_t)job->revision,
                                .text = job->text,
                                .pinned = job->pinned};
    const int code = ask_customer(link, job, &customer);
    if (code != XR_EXIT_OK)
        return code;
    for (uint32_t i = 0; i < customer->notes.count; i++) {
        const struct xr_note *note = &customer->notes.at[i];
        if (note->note != job->note)
            continue;
        if (edit.revision == 0)
            edit.revision = note->revision;
        edit.pinned = job->pinned || (note->pinned && !job->unpinned);
    }
    if (edit.revision == 0)
        edit.revision = 1; /* the server says what is wrong */
    return xr_cli_link_command(link, XR_TYPE_note_edit, &edit);
}

static bool join(int argc, char **argv, int from, struct xr_buf *out)
{
    xr_buf_init(out, XR_FRAME_BYTES_MAX);
    for (int i = from; i < argc; i++) {
        xr_buf_text(out, i > from ? " " : "");
        xr_buf_text(out, argv[i]);
    }
    return !out->failed && out->size > 0;
}

static bool read_note(struct job *job, const char *text)
{
    uint64_t number = 0;
    if (!xr_cli_id("a note", text, &number) || number > UINT32_MAX)
        return false;
    job->note = (uint32_t)number;
    return true;
}

/* Which of the forms is meant; NULL: none. */
static int (*choose(struct job *job, int argc, char **argv,
                    struct xr_buf *text))(struct xr_cli_link *, void *)
{
    const char *verb = argv[1];
    if (!xr_cli_id("a customer", argv[2], &job->customer))
        return NULL;
    if (strcmp(verb, "list") == 0 && argc == 3)
        return list_notes;
    if (strcmp(verb, "list") == 0 && argc == 4)
        return read_note(job, argv[3]) ? list_revisions : NULL;
    if (strcmp(verb, "add") == 0 && join(argc, argv, 3, text))
        return add_note;
    if (strcmp(verb, "edit") == 0 && argc > 4 && join(argc, argv, 4, text))
        return read_note(job, argv[3]) ? edit_note : NULL;
    xr_cli_complain("`xiaoer help note` shows the three forms");
    return NULL;
}

int xr_cli_note(int argc, char **argv)
{
    struct job job = {0};
    const struct xr_cli_option options[] = {
        {"pinned", XR_CLI_FLAG, NULL, &job.pinned, 0, 0, NULL,
         "must be read before the first reply"},
        {"unpinned", XR_CLI_FLAG, NULL, &job.unpinned, 0, 0, NULL, "edit: no longer"},
        {"revision", XR_CLI_NUMBER, "N", &job.revision, 0, UINT32_MAX, NULL,
         "edit: the revision you have read (the newest)"},
    };
    const struct xr_cli_usage usage = {
        "note",
        "list CUSTOMER [NOTE] | add CUSTOMER TEXT... | edit CUSTOMER NOTE TEXT...",
        "Notes about a customer, shared by all agents. Nothing is overwritten: an edit is a new\n"
        "revision, and `list CUSTOMER NOTE` shows them all.",
        options,
        3,
        2,
        -1,
        &job.cli};
    struct xr_buf text = {0};
    int code = 0;
    if (!xr_cli_parse(&usage, &argc, argv, &code))
        return code;
    int (*run)(struct xr_cli_link *, void *) = choose(&job, argc, argv, &text);
    job.text = (struct xr_str){(const char *)text.at, (uint32_t)text.size};
    code = run != NULL ? xr_cli_with_link(&job.cli, run, &job) : XR_EXIT_USAGE;
    xr_buf_fini(&text);
    return code;
}
