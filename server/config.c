#include "config.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum kind {
    KIND_TEXT,
    KIND_TEXTS,
    KIND_NUMBER,
    KIND_FLAG,
};

struct option {
    const char *name; /* with '_' */
    enum kind kind;
    size_t offset;
    const char *standard; /* of a text */
    uint64_t number;      /* default, of a number */
    uint64_t min;
    uint64_t max;
    const char *value; /* what stands for it in the help; a number's unit */
    const char *help;
};

#define PLACE(name) offsetof(struct xr_config, name)
static const struct option options[] = {
#define XR_TEXT(name, standard, value, help)                                                       \
    {#name, KIND_TEXT, PLACE(name), standard, 0, 0, 0, value, help},
#define XR_TEXTS(name, standard, value, help)                                                      \
    {#name, KIND_TEXTS, PLACE(name), standard, 0, 0, 0, value, help},
#define XR_NUMBER(name, standard, min, max, unit, help)                                            \
    {#name, KIND_NUMBER, PLACE(name), NULL, standard, min, max, unit, help},
#define XR_FLAG(name, help) {#name, KIND_FLAG, PLACE(name), NULL, 0, 0, 0, NULL, help},
#include "config.def"
#undef XR_TEXT
#undef XR_TEXTS
#undef XR_NUMBER
#undef XR_FLAG
};
#define OPTION_COUNT (sizeof(options) / sizeof(options[0]))

static void *place_of(struct xr_config *config, const struct option *option)
{
    return (char *)config + option->offset;
}

static void set_default(struct xr_config *config, const struct option *option)
{
    if (option->kind == KIND_TEXT)
        *(const char **)place_of(config, option) = option->standard;
    else if (option->kind == KIND_NUMBER)
        *(uint64_t *)place_of(config, option) = option->number;
}

/* `given` has '-' where the name has '_'. */
static bool is_named(const struct option *option, const char *given, size_t size)
{
    if (strlen(option->name) != size)
        return false;
    for (size_t i = 0; i < size; i++) {
        const char wanted = option->name[i] == '_' ? '-' : option->name[i];
        if (given[i] != wanted)
            return false;
    }
    return true;
}

static const struct option *find_option(const char *given, size_t size)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (is_named(&options[i], given, size))
            return &options[i];
    }
    return NULL;
}

static bool set_number(uint64_t *out, const struct option *option, const char *text)
{
    char *end;
    errno = 0;
    const unsigned long long number = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end || errno || number < option->min ||
        number > option->max)
        return false;
    *out = number;
    return true;
}

static enum xr_status set_value(struct xr_config *config, const struct option *option,
                                const char *text, char *why, size_t why_size)
{
    if (option->kind == KIND_TEXT) {
        *(const char **)place_of(config, option) = text;
        return XR_OK;
    }
    if (option->kind == KIND_NUMBER) {
        if (set_number(place_of(config, option), option, text))
            return XR_OK;
        snprintf(why, why_size, "%s: a number from %llu to %llu (%s)", text,
                 (unsigned long long)option->min, (unsigned long long)option->max, option->value);
        return XR_BAD;
    }
    struct xr_config_texts *texts = place_of(config, option);
    if (texts->count == XR_CONFIG_TEXTS_MAX) {
        snprintf(why, why_size, "%s: at most %d of these", text, XR_CONFIG_TEXTS_MAX);
        return XR_BAD;
    }
    texts->at[texts->count++] = text;
    return XR_OK;
}

/* One option and its value. *index is of the word, and moves to the value where that stands apart.
 */
static enum xr_status read_option(int argc, char **argv, int *index, struct xr_config *out,
                                  char *why, size_t why_size)
{
    const char *word = argv[*index];
    const char *equals = strchr(word, '=');
    const size_t size = equals ? (size_t)(equals - word) : strlen(word);
    const struct option *option =
        strncmp(word, "--", 2) == 0 ? find_option(word + 2, size - 2) : NULL;
    if (!option) {
        snprintf(why, why_size, "%s: no such option; --help lists them", word);
        return XR_BAD;
    }
    if (option->kind == KIND_FLAG) {
        snprintf(why, why_size, "%s: takes no value", word);
        *(bool *)place_of(out, option) = true;
        return equals ? XR_BAD : XR_OK;
    }
    if (!equals && *index + 1 == argc) {
        snprintf(why, why_size, "%s: needs a value", word);
        return XR_BAD;
    }
    return set_value(out, option, equals ? equals + 1 : argv[++*index], why, why_size);
}

enum xr_status xr_config_read(int argc, char **argv, struct xr_config *out, char *why,
                              size_t why_size)
{
    memset(out, 0, sizeof(*out));
    for (size_t i = 0; i < OPTION_COUNT; i++)
        set_default(out, &options[i]);
    for (int i = 1; i < argc; i++) {
        const enum xr_status status = read_option(argc, argv, &i, out, why, why_size);
        if (status)
            return status;
    }
    if (strcmp(out->commit, "sync") != 0 && strcmp(out->commit, "relaxed") != 0) {
        snprintf(why, why_size, "--commit %s: sync or relaxed", out->commit);
        return XR_BAD;
    }
    if (strcmp(out->bus, "on") != 0 && strcmp(out->bus, "off") != 0) {
        snprintf(why, why_size, "--bus %s: on or off", out->bus);
        return XR_BAD;
    }
    return XR_OK;
}

static void print_option(FILE *out, const struct option *option)
{
    fprintf(out, "  --");
    for (const char *at = option->name; *at; at++)
        fputc(*at == '_' ? '-' : *at, out);
    if (option->kind == KIND_NUMBER)
        fprintf(out, "=N\n        %s. %llu %s; %llu to %llu\n", option->help,
                (unsigned long long)option->number, option->value, (unsigned long long)option->min,
                (unsigned long long)option->max);
    else if (option->kind == KIND_FLAG)
        fprintf(out, "\n        %s\n", option->help);
    else if (option->standard[0])
        fprintf(out, "=%s\n        %s. Default: %s\n", option->value, option->help,
                option->standard);
    else
        fprintf(out, "=%s\n        %s\n", option->value, option->help);
}

void xr_config_help(FILE *out)
{
    fprintf(out,
            "xiaoerd %s: the customer-service floor of a shop\n\n"
            "xiaoerd [--option=value | --option value]…\n\n",
            XR_VERSION);
    for (size_t i = 0; i < OPTION_COUNT; i++)
        print_option(out, &options[i]);
    fprintf(out, "\nSIGINT and SIGTERM stop it cleanly, SIGUSR1 writes its figures to stderr.\n"
                 "Exit codes: 0 done, 1 it could not go on, 2 wrong usage.\n");
}
