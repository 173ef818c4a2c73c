/*
 * Aim: no file harms the reader of recorded days, what it takes is of the form and can be planned,
 * and what it refuses it explains. Method: libFuzzer; the input is the file. What was read is
 * judged row by row against day.h and made a plan, whose promises are judged too.
 */
#include "client/cli/plan.h"

#include <stdlib.h>
#include <string.h>

#define LINE_MAX_S ((int64_t)7 * 86400) /* far beyond any time of a day that the form permits */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void judge_text(struct xr_str text)
{
    uint32_t points = 0;
    XR_ASSERT(text.size > 0);
    XR_ASSERT(text.size <= XR_DAY_NAME_MAX);
    XR_ASSERT(xr_utf8_valid(text, &points));
}

static void judge_span(const struct xr_day_span *span)
{
    if (!span->is_there)
        return;
    XR_ASSERT(span->from_s >= 0 && span->from_s < LINE_MAX_S);
    XR_ASSERT(span->to_s >= 0 && span->to_s < LINE_MAX_S);
}

static void judge_day(const struct xr_day *day)
{
    uint32_t line = 1;
    for (size_t i = 0; i < day->count; i++) {
        const struct xr_day_row *row = &day->rows[i];
        XR_ASSERT(row->line > line);
        line = row->line;
        XR_ASSERT(row->priority <= 2);
        XR_ASSERT(row->outcome <= XR_DAY_PHANTOM);
        judge_text(row->type);
        judge_text(row->server);
        judge_span(&row->menu);
        judge_span(&row->queue);
        judge_span(&row->service);
    }
}

static void judge_plan(const struct xr_plan *plan)
{
    XR_ASSERT(plan->group_count <= XR_PLAN_GROUPS_MAX);
    int64_t arrival_ms = INT64_MIN;
    for (size_t i = 0; i < plan->session_count; i++) {
        const struct xr_plan_session *session = &plan->sessions[i];
        XR_ASSERT(session->arrival_ms >= arrival_ms);
        arrival_ms = session->arrival_ms;
        XR_ASSERT(session->group < plan->group_count);
        XR_ASSERT(session->patience_ms >= 0);
        XR_ASSERT(session->service_ms >= 0);
        XR_ASSERT(session->real_agent == XR_PLAN_NONE || session->real_agent < plan->agent_count);
    }
    for (size_t i = 0; i < plan->agent_count; i++) {
        const struct xr_plan_agent *agent = &plan->agents[i];
        for (size_t s = 0; s < agent->span_count; s++) {
            XR_ASSERT(agent->spans[s].from_ms <= agent->spans[s].to_ms);
            XR_ASSERT(s == 0 || agent->spans[s - 1].to_ms < agent->spans[s].from_ms);
        }
    }
}

static void make_plan(const struct xr_day *day, uint64_t seed)
{
    const struct xr_plan_options options = {.seed = seed, .skip_phantoms = seed % 2 == 0};
    struct xr_plan plan = {0};
    struct xr_day_error error = {0};
    const enum xr_status status = xr_plan_of_day(day, &options, &plan, &error);
    XR_ASSERT(status == XR_OK || (status == XR_FULL && error.text[0] != '\0'));
    if (status == XR_OK)
        judge_plan(&plan);
    xr_plan_fini(&plan);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* Copied, so that the end of the bytes is the end of the memory. */
    char *copy = malloc(size + (size == 0));
    XR_ASSERT(copy != NULL);
    if (size > 0)
        memcpy(copy, data, size);
    struct xr_day day = {0};
    struct xr_day_error error = {0};
    const enum xr_status status = xr_day_parse((struct xr_str){copy, (uint32_t)size}, &day, &error);
    free(copy); /* it has been copied */
    XR_ASSERT(status == XR_OK || status == XR_BAD);
    if (status == XR_OK) {
        judge_day(&day);
        make_plan(&day, size);
    } else {
        XR_ASSERT(error.text[0] != '\0');
        XR_ASSERT((error.line == 0) == (error.column == 0));
        XR_ASSERT(day.rows == NULL);
    }
    xr_day_fini(&day);
    return 0;
}
