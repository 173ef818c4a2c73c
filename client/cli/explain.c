/* explain: every decision of routing about a session, in sentences. */
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "proto/json.h"
#include "view.h"

struct wanted {
    struct xr_cli cli;
    uint64_t session;
};

/* One sentence on a line of its own, indented under the heading. */
static void say(const struct xr_view *view, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void say(const struct xr_view *view, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("    ", view->out);
    vfprintf(view->out, format, arguments);
    fputc('\n', view->out);
    va_end(arguments);
}

static const char *rule_text(enum xr_cli_lang lang, struct xr_str rule, char *room, size_t size)
{
    static const struct {
        const char *rule;
        enum xr_text text;
    } rules[] = {
        {"hint", XR_TEXT_EX_RULE_HINT},
        {"default", XR_TEXT_EX_RULE_DEFAULT},
        {"transfer", XR_TEXT_EX_RULE_TRANSFER},
        {"same", XR_TEXT_EX_RULE_SAME},
    };
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
        if (xr_str_equal(rule, xr_str_of(rules[i].rule)))
            return xr_text(lang, rules[i].text);
    xr_cli_copy(room, size, rule);
    return room;
}

static void say_result(const struct xr_view *view, const struct xr_explanation *why)
{
    char room[16];
    if (why->decision == XR_decision_ASSIGNED)
        say(view, xr_text(view->lang, XR_TEXT_EX_ASSIGNED),
            xr_cli_agent_name(view->names, why->agent.n, room),
            xr_word(view->lang, "decider", why->decider));
    else if (why->position > 0)
        say(view, xr_text(view->lang, XR_TEXT_EX_NOBODY), why->position);
    else
        say(view, "%s", xr_text(view->lang, XR_TEXT_EX_NOBODY_NO_PLACE));
}

static void say_reasons(const struct xr_view *view, const struct xr_explanation *why)
{
    char span[24];
    char room[16];
    char rule[80];
    const enum xr_cli_lang lang = view->lang;
    say(view, xr_text(lang, XR_TEXT_EX_CAUSE), xr_word(lang, "cause", why->cause));
    if (why->group.n != 0)
        say(view, xr_text(lang, XR_TEXT_EX_GROUP),
            xr_cli_group_name(view->names, why->group.n, room),
            rule_text(lang, why->rule, rule, sizeof(rule)),
            xr_word(lang, "queue_class", why->klass != 0 ? why->klass : XR_queue_class_NORMAL));
    if (why->waited_s > 0) {
        xr_cli_span(span, (int64_t)why->waited_s * 1000);
        say(view, xr_text(lang, XR_TEXT_EX_WAITED), span);
    }
    if (why->decision != XR_decision_ASSIGNED)
        return;
    if (why->sharing > 0)
        say(view, xr_text(lang, XR_TEXT_EX_SHARE), why->eligible, why->band, why->sharing);
    if (why->limit > 0)
        say(view, xr_text(lang, XR_TEXT_EX_LOAD), why->active, why->limit);
    say(view, xr_text(lang, XR_TEXT_EX_OWED), (double)why->owed_before_micro / 1e6,
        (double)why->owed_after_micro / 1e6);
    if (why->clamped)
        say(view, "%s", xr_text(lang, XR_TEXT_EX_CLAMPED));
}

/*
 * The floor records no more than that somebody could have taken it and was not picked. Being owed
 * less is the reason only where the balance decided.
 */
static const char *skip_text(const struct xr_view *view, const struct xr_explanation *why,
                             const struct xr_skip *skip)
{
    const bool by_balance = why->decider == XR_decider_MOST_OWED ||
                            why->decider == XR_decider_LONGEST_SINCE ||
                            why->decider == XR_decider_LOWEST_ID;
    if (skip->why != XR_skip_reason_OWED_LESS)
        return xr_word(view->lang, "skip_reason", skip->why);
    if (!by_balance)
        return xr_text(view->lang, XR_TEXT_EX_COULD_TOO);
    if (skip->owed_micro == why->owed_before_micro)
        return xr_text(view->lang, XR_TEXT_EX_OWED_SAME);
    return xr_word(view->lang, "skip_reason", skip->why);
}

static void say_skipped(const struct xr_view *view, const struct xr_explanation *why)
{
    char room[16];
    struct xr_cli_table table = {.indent = 6, .headless = true};
    if (why->skipped.count == 0)
        return;
    say(view, "%s", xr_text(view->lang, XR_TEXT_EX_SKIPPED));
    for (size_t i = 0; i < 4; i++)
        xr_cli_table_column(&table, "", i > 1);
    for (uint32_t i = 0; i < why->skipped.count; i++) {
        const struct xr_skip *skip = &why->skipped.at[i];
        xr_cli_table_cell(&table, "%s", xr_cli_agent_name(view->names, skip->agent.n, room));
        xr_cli_table_cell(&table, "%s", skip_text(view, why, skip));
        xr_cli_table_cell(&table, xr_text(view->lang, XR_TEXT_EX_HAD), skip->active);
        xr_cli_table_cell(&table, xr_text(view->lang, XR_TEXT_EX_BALANCE),
                          (double)skip->owed_micro / 1e6);
    }
    xr_cli_table_print(&table, view->out);
    if (why->skipped_more > 0) {
        fputs("  ", view->out);
        say(view, xr_text(view->lang, XR_TEXT_EX_SKIPPED_MORE), why->skipped_more);
    }
}

static void print_explanation(const struct xr_view *view, const struct xr_explanation *why,
                              uint32_t number)
{
    char when[24];
    xr_cli_time(when, why->wall_ms);
    fprintf(view->out, "%s%s%2u. %s%s\n", number > 1 ? "\n" : "",
            xr_view_colour(view->out, XR_COLOUR_BOLD), number, when,
            xr_view_colour(view->out, XR_COLOUR_PLAIN));
    say_result(view, why);
    say_reasons(view, why);
    say_skipped(view, why);
}

static int run_explain(struct xr_cli_link *link, void *context)
{
    const struct wanted *wanted = context;
    struct xr_cli_names names = {0};
    const struct xr_view view = {link->cli->lang, &names, stdout};
    struct xr_get_explanations ask = {.session = {wanted->session}};
    enum xr_type type = XR_TYPE_none;
    const void *answer = NULL;
    uint32_t number = 0;
    bool more = true;
    int code = link->cli->json ? XR_EXIT_OK : xr_cli_names_load(&names, link);
    while (code == XR_EXIT_OK && more) {
        code = xr_cli_link_ask(link, XR_TYPE_get_explanations, &ask, &type, &answer);
        if (code != XR_EXIT_OK)
            break;
        const struct xr_explanation_page *page = answer;
        if (link->cli->json)
            (void)xr_cli_json(xr_json_write(type, answer));
        for (uint32_t i = 0; i < page->explanations.count; i++) {
            if (!link->cli->json)
                print_explanation(&view, &page->explanations.at[i], ++number);
            ask.after = page->explanations.at[i].seq;
        }
        more = page->more && page->explanations.count > 0;
    }
    if (code == XR_EXIT_OK && number == 0 && !link->cli->json)
        puts(xr_text(link->cli->lang, XR_TEXT_EX_NONE));
    xr_cli_names_fini(&names);
    return code;
}

int xr_cli_explain(int argc, char **argv)
{
    struct wanted wanted = {0};
    const struct xr_cli_usage usage = {
        "explain",
        "SESSION",
        "Why a session is where it is: for each decision of routing who got it and why, who else\n"
        "was looked at, and why each of them was not picked. Balances are in sessions.",
        NULL,
        0,
        1,
        1,
        &wanted.cli};
    int code = 0;
    if (!xr_cli_parse(&usage, &argc, argv, &code))
        return code;
    if (!xr_cli_id("a session", argv[1], &wanted.session))
        return XR_EXIT_USAGE;
    return xr_cli_with_link(&wanted.cli, run_explain, &wanted);
}
