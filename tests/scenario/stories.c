/*
 * Aim: every behaviour that is visible from outside has a story, and the story's transcript is what
 * the floor really does. Method: each *.story beside this file is played line by line on a stage
 * (support/stage.h); what follows a line in the file must be what the floor answered and pushed.
 * `test_scenario_stories --write` writes the transcripts anew; look at the difference before you
 * commit it.
 *
 *     # a remark
 *     > found agent NAME [GROUP…] | found bridge NAME     olga makes the account, it logs in
 *     > NAME comes | NAME goes | NAME falls silent        connection and lease
 *     > NAME COMMAND {json}                               a command with the next counter
 *     > NAME #COUNTER COMMAND {json}                      the same with this counter
 *     > NAME asks QUERY {json}                            a query
 *     > wait 20s | wait 500ms | restart 60s
 */
#include "support/stage.h"

#include <dirent.h>
#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/json.h"

static bool write_anew;

static int64_t span_of(const char *text)
{
    char *end;
    long n = strtol(text, &end, 10);
    if (strcmp(end, "ms") == 0)
        return n;
    if (strcmp(end, "min") == 0)
        return n * 60000;
    assert_string_equal(end, "s");
    return n * 1000;
}

static const void *message_of(struct stage *stage, const char *name, const char *json,
                              enum xr_type *type)
{
    const struct xr_message_info *info = xr_message_named(xr_str_of(name));
    struct xr_wire_error wrong;
    json_error_t error;
    const void *message;
    json_t *object = json_loads(json[0] != 0 ? json : "{}", 0, &error);
    if (info == NULL || object == NULL)
        print_message("%s: %s\n", name, object == NULL ? error.text : "no such message");
    assert_non_null(info);
    assert_non_null(object);
    *type = info->type;
    enum xr_status status = xr_json_read(info->type, object, stage->arena, &message, &wrong);
    if (status != XR_OK)
        print_message("%s %s: field %s\n", name, json, wrong.field);
    assert_int_equal(status, XR_OK);
    json_decref(object);
    return message;
}

static void play_send(struct stage *stage, const char *name, const char *rest)
{
    unsigned long counter = 0;
    char command[64];
    int used = 0;
    enum xr_type type;
    if (rest[0] == '#') {
        assert_int_equal(sscanf(rest, "#%lu %n", &counter, &used), 1);
        rest += used;
    }
    assert_int_equal(sscanf(rest, "%63s %n", command, &used), 1);
    /* The stage's arena is emptied by the step: the message needs one of its own. */
    struct xr_arena *arena = stage->arena;
    stage->arena = xr_arena_new(4096);
    const void *message = message_of(stage, command, rest + used, &type);
    struct xr_arena *own = stage->arena;
    stage->arena = arena;
    stage_send(stage, name, type, message, counter);
    xr_arena_free(own);
}

static void play_ask(struct stage *stage, const char *name, const char *rest)
{
    char query[64];
    int used = 0;
    enum xr_type type;
    assert_int_equal(sscanf(rest, "%63s %n", query, &used), 1);
    struct xr_arena *arena = stage->arena;
    stage->arena = xr_arena_new(4096);
    const void *message = message_of(stage, query, rest + used, &type);
    struct xr_arena *own = stage->arena;
    stage->arena = arena;
    stage_ask(stage, name, type, message);
    xr_arena_free(own);
}

static void play_found(struct stage *stage, char *rest)
{
    char *kind = strtok(rest, " ");
    char *name = strtok(NULL, " ");
    uint32_t groups[8];
    uint32_t count = 0;
    char *group;
    while ((group = strtok(NULL, " ")) != NULL)
        groups[count++] = (uint32_t)atoi(group);
    if (strcmp(kind, "agent") == 0)
        stage_agent(stage, name, groups, count);
    else
        stage_bridge(stage, name);
    xr_buf_reset(&stage->log); /* every story begins so: told once, in found.story */
}

static void play(struct stage *stage, const char *line)
{
    char copy[4096];
    char name[64];
    int used = 0;
    snprintf(copy, sizeof copy, "%s", line);
    assert_int_equal(sscanf(copy, "%63s %n", name, &used), 1);
    char *rest = copy + used;
    if (strcmp(name, "found") == 0)
        play_found(stage, rest);
    else if (strcmp(name, "wait") == 0)
        stage_wait(stage, span_of(rest));
    else if (strcmp(name, "restart") == 0)
        stage_restart(stage, span_of(rest));
    else if (strcmp(rest, "comes") == 0)
        stage_come(stage, name);
    else if (strcmp(rest, "goes") == 0)
        stage_go(stage, name, XR_gone_reason_CLOSED);
    else if (strcmp(rest, "falls silent") == 0)
        stage_go(stage, name, XR_gone_reason_SILENT);
    else if (strncmp(rest, "asks ", 5) == 0)
        play_ask(stage, name, rest + 5);
    else
        play_send(stage, name, rest);
}

static char *read_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    rewind(file);
    char *text = calloc((size_t)size + 1, 1);
    assert_non_null(text);
    assert_int_equal(fread(text, 1, (size_t)size, file), size);
    fclose(file);
    return text;
}

/* Play a story; the transcript with the lines that were played. */
static void perform(const char *text, struct xr_buf *out)
{
    struct stage stage;
    char *copy = strdup(text);
    char *save = NULL;
    stage_open(&stage);
    xr_buf_reset(&stage.log);
    for (char *line = strtok_r(copy, "\n", &save); line != NULL;
         line = strtok_r(NULL, "\n", &save)) {
        if (line[0] == '#') {
            xr_buf_format(out, "%s%s\n", out->size > 0 && out->at[out->size - 2] != '\n' ? "" : "",
                          line);
            continue;
        }
        if (line[0] != '>')
            continue;
        xr_buf_format(out, "%s\n", line);
        char copied[4096];
        snprintf(copied, sizeof copied, "%s", line + 2);
        play(&stage, copied);
        xr_buf_add(out, stage.log.at, stage.log.size);
        xr_buf_reset(&stage.log);
    }
    assert_int_equal(stage.broken, 0);
    stage_close(&stage);
    free(copy);
}

static void play_story(void **state)
{
    const char *path = *state;
    char *text = read_file(path);
    struct xr_buf out;
    xr_buf_init(&out, 64 * 1024 * 1024);
    perform(text, &out);
    if (write_anew) {
        FILE *file = fopen(path, "wb");
        assert_non_null(file);
        assert_int_equal(fwrite(out.at, 1, out.size, file), out.size);
        assert_int_equal(fclose(file), 0);
    } else {
        /* Blank lines are the reader's. */
        char *save_wanted = NULL;
        char *save_found = NULL;
        xr_buf_add(&out, "", 1);
        char *wanted = strtok_r(text, "\n", &save_wanted);
        char *found = strtok_r((char *)out.at, "\n", &save_found);
        while (wanted != NULL || found != NULL) {
            assert_string_equal(found != NULL ? found : "(nothing more)",
                                wanted != NULL ? wanted : "(nothing more)");
            wanted = strtok_r(NULL, "\n", &save_wanted);
            found = strtok_r(NULL, "\n", &save_found);
        }
    }
    xr_buf_fini(&out);
    free(text);
}

static int is_story(const struct dirent *entry)
{
    size_t size = strlen(entry->d_name);
    return size > 6 && strcmp(entry->d_name + size - 6, ".story") == 0;
}

int main(int argc, char **argv)
{
    struct dirent **entries;
    write_anew = argc > 1 && strcmp(argv[1], "--write") == 0;
    int count = scandir(XR_TESTS_DIR "/scenario", &entries, is_story, alphasort);
    if (count <= 0)
        return 1;
    struct CMUnitTest *tests = calloc((size_t)count, sizeof *tests);
    char(*paths)[512] = calloc((size_t)count, sizeof *paths);
    for (int i = 0; i < count; i++) {
        snprintf(paths[i], sizeof paths[i], "%s/scenario/%.200s", XR_TESTS_DIR, entries[i]->d_name);
        tests[i] = (struct CMUnitTest){
            .name = strrchr(paths[i], '/') + 1, .test_func = play_story, .initial_state = paths[i]};
        free(entries[i]);
    }
    int failed = _cmocka_run_group_tests("stories", tests, (size_t)count, NULL, NULL);
    free(entries);
    free(tests);
    free(paths);
    return failed;
}
