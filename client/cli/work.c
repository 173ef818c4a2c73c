/* be, say, close, transfer, assign, open, leave, note: one command each. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "proto/json.h"
#include "view.h"

/* A command with its message, and the agent and group that are still names. */
struct job {
    struct xr_cli cli;
    enum xr_type type;
    const void *message;
    const char *agent; /* NULL: none */
    const char *group;
    struct xr_agent_id *agent_out;
    struct xr_group_id *group_out;
};

static int find_people(struct xr_cli_link *link, const struct job *job)
{
    struct xr_cli_names names = {0};
    int code = xr_cli_names_load(&names, link);
    if (code == XR_EXIT_OK && job->agent != NULL &&
        !xr_cli_agent_find(&names, job->agent, &job->agent_out->n))
        code = XR_EXIT_USAGE;
    if (code == XR_EXIT_OK && job->group != NULL &&
        !xr_cli_group_find(&names, job->group, &job->group_out->n))
        code = XR_EXIT_USAGE;
    xr_cli_names_fini(&names);
    return code;
}

static int run_job(struct xr_cli_link *link, void *context)
{
    const struct job *job = context;
    const bool named = job->agent != NULL || job->group != NULL;
    const int code = named ? find_people(link, job) : XR_EXIT_OK;
    return code == XR_EXIT_OK ? xr_cli_link_command(link, job->type, job->message) : code;
}

/* The words from argv[from] on, as one text; "-" alone: standard input. */
static bool join_words(int argc, char **argv, int from, struct xr_buf *out)
{
    char block[4096];
    xr_buf_init(out, XR_FRAME_BYTES_MAX);
    if (argc == from + 1 && strcmp(argv[from], "-") == 0) {
        size_t size = 0;
        while ((size = fread(block, 1, sizeof(block), stdin)) > 0)
            xr_buf_add(out, block, size);
        while (out->size > 0 && out->at[out->size - 1] == '\n')
            out->size--;
    }
    for (int i = from; i < argc && !(argc == from + 1 && strcmp(argv[from], "-") == 0); i++) {
        xr_buf_text(out, i > from ? " " : "");
        xr_buf_text(out, argv[i]);
    }
    if (out->failed)
        xr_cli_complain("the text is too long");
    return !out->failed;
}

static struct xr_str text_of(const struct xr_buf *buf)
{
    return (struct xr_str){(const char *)buf->at, (uint32_t)buf->size};
}

/* ---- presence -------------------------------------------------------------------------------- */

int xr_cli_be(int argc, char **argv)
{
    struct xr_be be = {0};
    struct job job = {.type = XR_TYPE_be, .message = &be, .agent_out = &be.agent};
    int reason = 0;
    const struct xr_cli_option options[] = {
        {"reason", XR_CLI_CHOICE, "WHY", &reason, 0, 0, "none|break|meal|training|other",
         "of a pause: break, meal, training, other"},
        {"agent", XR_CLI_TEXT, "AGENT", &job.agent, 0, 0, NULL, "another's state (supervisors)"},
        {"force", XR_CLI_FLAG, NULL, &be.force, 0, 0, NULL,
         "sign off in spite of open sessions (supervisors)"},
    };
    const struct xr_cli_usage usage = {
        "be",
        "online|paused|draining|offline",
        "Choose a state of presence. It stands until it is changed, also while no client is\n"
        "connected: but whoever has no client alive gets no session. `attach` keeps one alive.",
        options,
        3,
        1,
        1,
        &job.cli};
    static const struct {
        const char *name;
        enum xr_presence state;
    } states[] = {
        {"online", XR_presence_ONLINE},
        {"paused", XR_presence_PAUSED},
        {"draining", XR_presence_DRAINING},
        {"offline", XR_presence_OFFLINE},
    };
    int code = 0;
    if (!xr_cli_parse(&usage, &argc, argv, &code))
        return code;
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
        if (strcmp(states[i].name, argv[1]) == 0)
            be.state = states[i].state;
    if (be.state == 0) {
        xr_cli_complain("a state is one of %s, not `%s`", usage.args, argv[1]);
        return XR_EXIT_USAGE;
    }
    be.reason = (enum xr_pause_reason)reason;
    return xr_cli_with_link(&job.cli, run_job, &job);
}

/* ---- messages -------------------------------------------------------------------------------- */

int xr_cli_say(int argc, char **argv)
{
    struct xr_say say = {0};
    struct job job = {.type = XR_TYPE_say, .message = &say};
    int kind = 0;
    int64_t seen = 0;
    const struct xr_cli_option options[] = {
        {"kind", XR_CLI_CHOICE, "KIND", &kind, 0, 0, "text|product|order|whisper",
         "text, product, order, whisper"},
        {"seen", XR_CLI_NUMBER, "N", &seen, 0, UINT32_MAX, NULL,
         "refuse it if others have written since message N"},
    };
    const struct xr_cli_usage usage = {"say",
                                       "SESSION TEXT... | SESSION -",
                                       "Write one message: as an agent to the buyer, as a bridge "
                                       "for the buyer. `-` reads the text\n"
                                       "from standard input.",
                                       options,
                                       2,
                                       2,
                                       -1,
                                       &job.cli};
    static const enum xr_message_kind kinds[] = {XR_message_kind_TEXT, XR_message_kind_PRODUCT,
                                                 XR_message_kind_ORDER, XR_message_kind_WHISPER};
    struct xr_buf text = {0};
    int code = 0;
    if (!xr_cli_parse(&usage, &argc, argv, &code))
        return code;
    if (!xr_cli_id("a session", argv[1], &say.session.n) || !join_words(argc, argv, 2, &text))
        return XR_EXIT_USAGE;
    say.text = text_of(&text);
    say.kind = kinds[kind];
    say.seen = (uint32_t)seen;
    code = xr_cli_with_link(&job.cli, run_job, &job);
    xr_buf_fini(&text);
    return code;
}

int xr_cli_open(int argc, char **argv)
{
    struct xr_open open = {0};
    struct job job = {.type = XR_TYPE_open, .message = &open};
    const char *nick = NULL;
    const char *group = NULL;
    int klass = 0;
    const struct xr_cli_option options[] = {
        {"nick", XR_CLI_TEXT, "NAME", &nick, 0, 0, NULL, "as shown to the agent"},
        {"group", XR_CLI_TEXT, "GROUP", &group, 0, 0, NULL, "wanted group (the default group)"},
        {"class", XR_CLI_CHOICE, "CLASS", &klass, 0, 0,
         "none|escalated|complaint|vip|normal|left_message",
         "escalated, complaint, vip, normal, left_message"},
    };
    const struct xr_cli_usage usage = {
        "open",
        "CHANNEL BUYER [TEXT...]",
        "As a bridge: a buyer comes in, perhaps with a first message. A buyer who has an open\n"
        "session joins it.",
        options,
        3,
        2,
        -1,
        &job.cli};
    struct xr_buf text = {0};
    int code = 0;
    if (!xr_cli_parse(&usage, &argc, argv, &code))
        return code;
    if (!join_words(argc, argv, 3, &text))
        return XR_EXIT_USAGE;
    open.channel = xr_str_of(argv[1]);
    open.buyer = xr_str_of(argv[2]);
    open.nick = xr_str_of(nick);
    open.group = xr_str_of(group);
    open.klass = (enum xr_queue_class)klass;
    open.text = text_of(&text);
    code = xr_cli_with_link(&job.cli, run_job, &job);
    xr_buf_fini(&text);
    return code;
}

int xr_cli_leave(int argc, char **argv)
{
    struct xr_leave leave = {0};
    struct job job = {.type = XR_TYPE_leave, .message = &leave};
    const struct xr_cli_usage usage = {
        "leave",
        "SESSION",
        "As a bridge: the buyer leaves. A queued session is abandoned, an open one closed.",
        NULL,
        0,
        1,
        1,
        &job.cli};
    int code = 0;
    if (!xr_cli_parse(&usage, &argc, argv, &code))
        return code;
    if (!xr_cli_id("a session", argv[1], &leave.session.n))
        return XR_EXIT_USAGE;
    return xr_cli_with_link(&job.cli, run_job, &job);
}

int xr_cli_close(int argc, char **argv)
{
    struct xr_close close = {0};
    struct job job = {.type = XR_TYPE_close, .message = &close};
    int reason = 0;
    const struct xr_cli_option options[] = {
        {"reason", XR_CLI_CHOICE, "WHY", &reason, 0, 0, "resolved|silent|merged|spam",
         "resolved, silent, merged, spam"},
    };
    const struct xr_cli_usage usage = {"close", "SESSION", "Close a session.", options, 1, 1,
                                       1,       &job.cli};
    int code = 0;
    if (!xr_cli_parse(&usage, &argc, argv, &code))
        return code;
    if (!xr_cli_id("a session", argv[1], &close.session.n))
        return XR_EXIT_USAGE;
    close.reason = (enum xr_close_reason)(reason + 1);
    return xr_cli_with_link(&job.cli, run_job, &job);
}

/* ---- handing over ---------------------------------------------------------------------------- */

int xr_cli_transfer(int argc, char **argv)
{
    struct xr_transfer transfer = {0};
    struct job job = {.type = XR_TYPE_transfer,
                      .message = &transfer,
                      .agent_out = &transfer.agent,
                      .group_out = &transfer.group};
    const char *note = NULL;
    const struct xr_cli_option options[] = {
        {"group", XR_CLI_TEXT, "GROUP", &job.group, 0, 0, NULL, "to whom routing picks in GROUP"},
        {"note", XR_CLI_TEXT, "TEXT", &note, 0, 0, NULL, "for the one who takes it"},
    };
    const struct xr_cli_usage usage = {"transfer",
                                       "SESSION AGENT | SESSION --group GROUP",
                                       "Hand one of your sessions to an agent or to a group.",
                                       options,
                                       2,
                                       1,
                                       2,
                                       &job.cli};
    int code = 0;
    if (!xr_cli_parse(&usage, &argc, argv, &code))
        return code;
    if (!xr_cli_id("a session", argv[1], &transfer.session.n))
        return XR_EXIT_USAGE;
    job.agent = argc > 2 ? argv[2] : NULL;
    if ((job.agent != NULL) == (job.group != NULL)) {
        xr_cli_complain("to whom? an agent, or --group GROUP");
        return XR_EXIT_USAGE;
    }
    transfer.note = xr_str_of(note);
    return xr_cli_with_link(&job.cli, run_job, &job);
}

int xr_cli_assign(int argc, char **argv)
{
    struct xr_assign assign = {0};
    struct job job = {.type = XR_TYPE_assign, .message = &assign, .agent_out = &assign.agent};
    const char *note = NULL;
    const struct xr_cli_option options[] = {
        {"note", XR_CLI_TEXT, "TEXT", &note, 0, 0, NULL, "why; the agent reads it"},
    };
    const struct xr_cli_usage usage = {
        "assign",
        "SESSION AGENT",
        "As a supervisor: give a session to an agent, up to the ceiling. It is audited.",
        options,
        1,
        2,
        2,
        &job.cli};
    int code = 0;
    if (!xr_cli_parse(&usage, &argc, argv, &code))
        return code;
    if (!xr_cli_id("a session", argv[1], &assign.session.n))
        return XR_EXIT_USAGE;
    job.agent = argv[2];
    assign.note = xr_str_of(note);
    return xr_cli_with_link(&job.cli, run_job, &job);
}
