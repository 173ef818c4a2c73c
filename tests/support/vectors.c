#include "support/vectors.h"
#include "proto/json.h"
#include "proto/text.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

static struct xr_bin read_hex(const char *text)
{
    size_t size = strlen(text) / 2;
    uint8_t *bytes = malloc(size + 1);
    XR_ASSERT(strlen(text) % 2 == 0);
    XR_ASSERT(bytes != NULL);
    for (size_t i = 0; i < size; i++) {
        int high = hex_digit(text[i * 2]);
        int low = hex_digit(text[i * 2 + 1]);
        XR_ASSERT(high >= 0);
        XR_ASSERT(low >= 0);
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    return (struct xr_bin){bytes, (uint32_t)size};
}

/* What stands behind `key` on this line; NULL: another key. */
static const char *behind(const char *line, const char *key)
{
    size_t size = strlen(key);
    return strncmp(line, key, size) == 0 ? line + size : NULL;
}

static void take_line(struct vectors *vectors, const char *line)
{
    const char *value = behind(line, "name: ");
    if (value != NULL) {
        vectors->at = realloc(vectors->at, (vectors->count + 1) * sizeof(*vectors->at));
        XR_ASSERT(vectors->at != NULL);
        vectors->at[vectors->count++] = (struct vector){.name = strdup(value)};
        return;
    }
    if (line[0] == '\0' || line[0] == '#')
        return;
    XR_ASSERT(vectors->count > 0);
    struct vector *last = &vectors->at[vectors->count - 1];
    if ((value = behind(line, "frame: ")) != NULL)
        last->frame = read_hex(value);
    else if ((value = behind(line, "text: ")) != NULL)
        last->text = strdup(value);
    else if ((value = behind(line, "json: ")) != NULL)
        last->json = strdup(value);
    else
        XR_ASSERT(false); /* a line of no known kind */
}

static void load_file(struct vectors *vectors, const char *path)
{
    FILE *file = fopen(path, "r");
    XR_ASSERT(file != NULL);
    char *line = NULL;
    size_t capacity = 0;
    ssize_t length;
    while ((length = getline(&line, &capacity, file)) >= 0) {
        if (length > 0 && line[length - 1] == '\n')
            line[length - 1] = '\0';
        take_line(vectors, line);
    }
    free(line);
    fclose(file);
}

struct vectors vectors_load(const char *tests_dir)
{
    struct vectors vectors = {0};
    glob_t found;
    char pattern[4096];
    snprintf(pattern, sizeof(pattern), "%s/vectors/v*/*.txt", tests_dir);
    if (glob(pattern, 0, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc; i++)
            load_file(&vectors, found.gl_pathv[i]);
        globfree(&found);
    }
    return vectors;
}

void vectors_free(struct vectors *vectors)
{
    for (size_t i = 0; i < vectors->count; i++)
        vector_fini(&vectors->at[i]);
    free(vectors->at);
    *vectors = (struct vectors){0};
}

const struct vector *vectors_find(const struct vectors *vectors, const char *name)
{
    for (size_t i = 0; i < vectors->count; i++)
        if (strcmp(vectors->at[i].name, name) == 0)
            return &vectors->at[i];
    return NULL;
}

struct vector vector_make(const char *name, enum xr_type type, uint64_t ref, const void *message)
{
    struct xr_buf frame;
    struct xr_buf text;
    xr_buf_init(&frame, XR_FRAME_BYTES_MAX);
    xr_buf_init(&text, XR_FRAME_BYTES_MAX * 2);
    xr_frame_encode(&frame, type, ref, message);
    xr_text_write(&text, type, (int64_t)ref, message);
    json_t *json = xr_json_write(type, message);
    XR_ASSERT(!frame.failed);
    XR_ASSERT(!text.failed);
    XR_ASSERT(json != NULL);
    struct vector vector = {
        .name = strdup(name),
        .text = strndup((const char *)text.at, text.size),
        .json = json_dumps(json, JSON_COMPACT),
        .frame = {frame.at, (uint32_t)frame.size},
    };
    json_decref(json);
    xr_buf_fini(&text);
    return vector;
}

void vector_fini(struct vector *vector)
{
    free(vector->name);
    free(vector->text);
    free(vector->json);
    free((void *)(uintptr_t)vector->frame.at);
    *vector = (struct vector){0};
}
