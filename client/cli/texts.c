#include "texts.h"

#include <string.h>

static const char *const texts[XR_TEXT_COUNT][2] = {
#define XR_TEXT(key, en, zh) [XR_TEXT_##key] = {en, zh},
#define XR_WORD(enumeration, name, en, zh)
#include "texts.def"
#undef XR_TEXT
#undef XR_WORD
};

struct word {
    const char *enumeration;
    uint32_t number;
    const char *text[2];
};

static const struct word words[] = {
#define XR_TEXT(key, en, zh)
#define XR_WORD(enumeration, name, en, zh) {#enumeration, XR_##enumeration##_##name, {en, zh}},
#include "texts.def"
#undef XR_TEXT
#undef XR_WORD
};

const char *xr_text(enum xr_cli_lang lang, enum xr_text key)
{
    return texts[key][lang];
}

const char *xr_word(enum xr_cli_lang lang, const char *enumeration, uint32_t number)
{
    if (number == 0)
        return "-";
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (words[i].number == number && strcmp(words[i].enumeration, enumeration) == 0)
            return words[i].text[lang];
    return xr_choice_name(enumeration, number);
}
