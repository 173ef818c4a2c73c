/* What people read, in English and Chinese: one line each in texts.def. */
#ifndef XR_CLIENT_CLI_TEXTS_H
#define XR_CLIENT_CLI_TEXTS_H

#include "cli.h"

enum xr_text {
#define XR_TEXT(key, en, zh) XR_TEXT_##key,
#define XR_WORD(enumeration, name, en, zh)
#include "texts.def"
#undef XR_TEXT
#undef XR_WORD
    XR_TEXT_COUNT
};

/* The text of that key. Static. */
const char *xr_text(enum xr_cli_lang lang, enum xr_text key);

/* An enum's value as people say it, for example ("presence", XR_presence_LOST): the line of
 * texts.def, else its name in the schema; "-" for 0. Static. */
const char *xr_word(enum xr_cli_lang lang, const char *enumeration, uint32_t number);

#endif
