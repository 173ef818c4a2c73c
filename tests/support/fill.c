#include "support/fill.h"

/* U+10FFFF and U+4F60 in UTF-8. */
#define LAST_POINT "\xf4\x8f\xbf\xbf"
#define YOU        "\xe4\xbd\xa0"

uint64_t draw(uint64_t *seed)
{
    *seed ^= *seed >> 12;
    *seed ^= *seed << 25;
    *seed ^= *seed >> 27;
    return *seed * 0x2545f4914f6cdd1du;
}

static void *take(struct fill *fill, size_t size)
{
    void *memory = xr_arena_take(fill->arena, size);
    XR_ASSERT(memory != NULL);
    memset(memory, 0, size);
    return memory;
}

static int64_t least_of(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* How many or how much: of elements, bytes or code points. */
static uint32_t choose_size(struct fill *fill, int64_t min, int64_t max, uint32_t sample)
{
    switch (fill->how) {
    case FILL_MIN:
        return (uint32_t)min;
    case FILL_MAX:
        return (uint32_t)max;
    case FILL_DRAWN:
        return (uint32_t)(min + (int64_t)(draw(&fill->seed) % (uint64_t)(max - min + 1)));
    default:
        return (uint32_t)least_of(max, sample > min ? sample : min);
    }
}

static struct xr_str repeat(struct fill *fill, const char *piece, uint32_t points)
{
    size_t size = strlen(piece);
    if (points == 0)
        return (struct xr_str){NULL, 0};
    char *text = take(fill, size * points);
    for (uint32_t i = 0; i < points; i++)
        memcpy(text + i * size, piece, size);
    return (struct xr_str){text, (uint32_t)(size * points)};
}

/* The field's name behind a Chinese sign, so that both are seen in a vector. */
static struct xr_str sample_text(struct fill *fill, const char *name, int64_t max)
{
    uint32_t letters = (uint32_t)least_of(max - 1, (int64_t)strlen(name));
    char *text = take(fill, sizeof(YOU) - 1 + letters);
    memcpy(text, YOU, sizeof(YOU) - 1);
    memcpy(text + sizeof(YOU) - 1, name, letters);
    return (struct xr_str){text, (uint32_t)(sizeof(YOU) - 1) + letters};
}

static struct xr_str fill_text(struct fill *fill, const char *name, int64_t min, int64_t max)
{
    static const char *const pieces[] = {"a", "\xc3\xa9", YOU, LAST_POINT};
    if (fill->how == FILL_SAMPLE || fill->how == FILL_REQUIRED)
        return sample_text(fill, name, max);
    if (fill->how == FILL_DRAWN)
        max = least_of(max, min + 40);
    uint32_t points = choose_size(fill, min, max, 0);
    if (fill->how == FILL_DRAWN)
        return repeat(fill, pieces[draw(&fill->seed) % 4], points);
    return repeat(fill, fill->how == FILL_MIN ? "a" : LAST_POINT, points);
}

static struct xr_bin fill_bin(struct fill *fill, const struct xr_field_info *field)
{
    int64_t max =
        field->max > fill->bin_most && field->min <= fill->bin_most ? fill->bin_most : field->max;
    uint32_t size = choose_size(fill, field->min, max, 16);
    if (size == 0)
        return (struct xr_bin){NULL, 0};
    uint8_t *bytes = take(fill, size);
    for (uint32_t i = 0; i < size; i++)
        bytes[i] = fill->how == FILL_MAX ? 0xff : (uint8_t)(i + field->number);
    return (struct xr_bin){bytes, size};
}

static int64_t fill_number(struct fill *fill, const struct xr_field_info *field)
{
    switch (fill->how) {
    case FILL_MIN:
        return field->min;
    case FILL_MAX:
        return field->max;
    case FILL_DRAWN: {
        uint64_t span = (uint64_t)field->max - (uint64_t)field->min + 1;
        uint64_t drawn = draw(&fill->seed) >> (draw(&fill->seed) % 64);
        return (int64_t)((uint64_t)field->min + drawn % span);
    }
    default: {
        size_t length = strlen(field->name);
        bool is_time = length > 3 && strcmp(field->name + length - 3, "_ms") == 0;
        if (is_time && field->max == XR_NUMBER_MAX)
            return 1700000000000 + field->number;
        return least_of(field->max, field->min + 2 + field->number * 3);
    }
    }
}

static uint32_t fill_choice(struct fill *fill, const struct xr_field_info *field)
{
    const struct xr_enum_info *choice = field->choice;
    switch (fill->how) {
    case FILL_MIN:
        return field->required ? choice->values[0].number : 0;
    case FILL_MAX:
        return choice->values[choice->count - 1].number;
    case FILL_DRAWN:
        return choice->values[draw(&fill->seed) % choice->count].number;
    default:
        return choice->values[field->number % choice->count].number;
    }
}

static size_t element_size(const struct xr_field_info *field)
{
    switch (field->type) {
    case XR_FIELD_u32s:
        return sizeof(uint32_t);
    case XR_FIELD_u64s:
        return sizeof(uint64_t);
    case XR_FIELD_strs:
        return sizeof(struct xr_str);
    default:
        return field->part->size;
    }
}

static void fill_into(struct fill *fill, const struct xr_message_info *info, void *message);

static void fill_element(struct fill *fill, const struct xr_field_info *field, void *place,
                         uint32_t i)
{
    uint64_t number = fill->how == FILL_MAX ? XR_NUMBER_MAX : i + 1;
    uint32_t narrow = fill->how == FILL_MAX ? UINT32_MAX : i + 1;
    struct xr_str text;
    switch (field->type) {
    case XR_FIELD_u32s:
        memcpy(place, &narrow, sizeof(narrow));
        return;
    case XR_FIELD_u64s:
        memcpy(place, &number, sizeof(number));
        return;
    case XR_FIELD_strs:
        text = fill_text(fill, field->name, 0, XR_BUYER_MAX);
        memcpy(place, &text, sizeof(text));
        return;
    default:
        fill_into(fill, field->part, place);
        return;
    }
}

static struct xr_list fill_list(struct fill *fill, const struct xr_field_info *field)
{
    uint32_t count = choose_size(fill, 0, least_of(field->max, fill->list_most), 2);
    if (count == 0)
        return (struct xr_list){NULL, 0};
    size_t size = element_size(field);
    char *elements = take(fill, size * count);
    for (uint32_t i = 0; i < count; i++)
        fill_element(fill, field, elements + i * size, i);
    return (struct xr_list){elements, count};
}

static void fill_field(struct fill *fill, const struct xr_field_info *field, void *place)
{
    struct xr_str text;
    struct xr_bin bytes;
    struct xr_list list;
    int64_t number;
    uint32_t narrow;
    switch (field->type) {
    case XR_FIELD_bool:
        *(bool *)place = fill->how != FILL_MIN;
        return;
    case XR_FIELD_choice:
        narrow = fill_choice(fill, field);
        memcpy(place, &narrow, sizeof(narrow));
        return;
    case XR_FIELD_str:
        text = fill_text(fill, field->name, field->min, field->max);
        memcpy(place, &text, sizeof(text));
        return;
    case XR_FIELD_bin:
        bytes = fill_bin(fill, field);
        memcpy(place, &bytes, sizeof(bytes));
        return;
    case XR_FIELD_nested:
        fill_into(fill, field->part, place);
        return;
    case XR_FIELD_u32s:
    case XR_FIELD_u64s:
    case XR_FIELD_strs:
    case XR_FIELD_list:
        list = fill_list(fill, field);
        memcpy(place, &list, sizeof(list));
        return;
    default:
        number = fill_number(fill, field);
        narrow = (uint32_t)number;
        if (xr_field_is_u32(field))
            memcpy(place, &narrow, sizeof(narrow));
        else
            memcpy(place, &number, sizeof(number));
        return;
    }
}

/* Whether a field is to be there. */
static bool wants(struct fill *fill, const struct xr_field_info *field)
{
    if (field->required)
        return true;
    return fill->how == FILL_DRAWN ? draw(&fill->seed) % 2 == 0 : fill->how != FILL_REQUIRED;
}

static void fill_into(struct fill *fill, const struct xr_message_info *info, void *message)
{
    uint64_t has = 0;
    for (size_t i = 0; i < info->count; i++) {
        const struct xr_field_info *field = &info->fields[i];
        if (!wants(fill, field))
            continue;
        has |= (uint64_t)1 << field->number;
        fill_field(fill, field, (char *)message + field->offset);
    }
    memcpy(message, &has, sizeof(has));
}

void *fill_message(struct fill *fill, const struct xr_message_info *info)
{
    void *message = take(fill, info->size);
    fill_into(fill, info, message);
    return message;
}

/* ---- comparing ------------------------------------------------------------------------------- */

static bool lists_equal(const struct xr_field_info *field, struct xr_list a, struct xr_list b,
                        bool marks)
{
    if (a.count != b.count)
        return false;
    size_t size = element_size(field);
    for (uint32_t i = 0; i < a.count; i++) {
        const char *one = (const char *)a.at + i * size;
        const char *other = (const char *)b.at + i * size;
        bool same = false;
        if (field->type == XR_FIELD_list)
            same = messages_equal(field->part, one, other, marks);
        else if (field->type == XR_FIELD_strs)
            same = xr_str_equal(*(const struct xr_str *)one, *(const struct xr_str *)other);
        else
            same = memcmp(one, other, size) == 0;
        if (!same)
            return false;
    }
    return true;
}

static bool fields_equal(const struct xr_field_info *field, const void *a, const void *b,
                         bool marks)
{
    switch (field->type) {
    case XR_FIELD_bool:
        return *(const bool *)a == *(const bool *)b;
    case XR_FIELD_str:
        return xr_str_equal(*(const struct xr_str *)a, *(const struct xr_str *)b);
    case XR_FIELD_bin:
        return xr_bin_equal(*(const struct xr_bin *)a, *(const struct xr_bin *)b);
    case XR_FIELD_nested:
        return messages_equal(field->part, a, b, marks);
    case XR_FIELD_u32s:
    case XR_FIELD_u64s:
    case XR_FIELD_strs:
    case XR_FIELD_list:
        return lists_equal(field, xr_load_list(a), xr_load_list(b), marks);
    case XR_FIELD_u32:
    case XR_FIELD_agent:
    case XR_FIELD_group:
    case XR_FIELD_choice:
        return xr_load_u32(a) == xr_load_u32(b);
    default:
        return xr_load_u64(a) == xr_load_u64(b);
    }
}

bool messages_equal(const struct xr_message_info *info, const void *a, const void *b, bool marks)
{
    if (marks && xr_load_u64(a) != xr_load_u64(b))
        return false;
    for (size_t i = 0; i < info->count; i++) {
        const struct xr_field_info *field = &info->fields[i];
        if (!fields_equal(field, (const char *)a + field->offset, (const char *)b + field->offset,
                          marks))
            return false;
    }
    return true;
}
