#include "support/byhand.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* ---- writing --------------------------------------------------------------------------------- */

static void put(struct byhand *out, const void *bytes, size_t size)
{
    assert_true(size <= sizeof(out->at) - out->size);
    memcpy(out->at + out->size, bytes, size);
    out->size += size;
}

static void put_byte(struct byhand *out, unsigned byte)
{
    const uint8_t one = (uint8_t)byte;
    put(out, &one, 1);
}

static void put_number(struct byhand *out, uint64_t value)
{
    if (value < 128) {
        put_byte(out, (unsigned)value);
        return;
    }
    put_byte(out, 0xcf);
    for (int shift = 56; shift >= 0; shift -= 8)
        put_byte(out, (unsigned)(value >> shift) & 0xff);
}

void byhand_frame(struct byhand *out, uint32_t type, uint64_t ref, unsigned fields)
{
    assert_true(fields <= 15);
    put_byte(out, 0x93);
    put_number(out, type);
    put_number(out, ref);
    put_byte(out, 0x80 | fields);
}

void byhand_number(struct byhand *out, unsigned field, uint64_t value)
{
    put_number(out, field);
    put_number(out, value);
}

void byhand_true(struct byhand *out, unsigned field)
{
    put_number(out, field);
    put_byte(out, 0xc3);
}

void byhand_text(struct byhand *out, unsigned field, const char *text)
{
    const size_t size = strlen(text);
    assert_true(size <= 255);
    put_number(out, field);
    put_byte(out, 0xd9);
    put_byte(out, (unsigned)size);
    put(out, text, size);
}

void byhand_bytes(struct byhand *out, unsigned field, const uint8_t *bytes, size_t size)
{
    assert_true(size <= 255);
    put_number(out, field);
    put_byte(out, 0xc4);
    put_byte(out, (unsigned)size);
    put(out, bytes, size);
}

/* ---- reading --------------------------------------------------------------------------------- */

enum kind {
    KIND_NUMBER, /* true and false, too */
    KIND_BYTES,  /* text, too */
    KIND_ARRAY,
    KIND_MAP,
};

struct head {
    enum kind kind;
    uint64_t number; /* or how many bytes or elements follow */
};

static uint64_t get_big_endian(const uint8_t **at, const uint8_t *end, unsigned size)
{
    uint64_t value = 0;
    assert_true((size_t)(end - *at) >= size);
    for (unsigned i = 0; i < size; i++)
        value = value << 8 | *(*at)++;
    return value;
}

static struct head get_head(const uint8_t **at, const uint8_t *end)
{
    /* head, kind, bytes of the number behind it */
    static const struct {
        uint8_t head;
        enum kind kind;
        uint8_t size;
    } table[] = {
        {0xc4, KIND_BYTES, 1},  {0xc5, KIND_BYTES, 2},  {0xc6, KIND_BYTES, 4},
        {0xcc, KIND_NUMBER, 1}, {0xcd, KIND_NUMBER, 2}, {0xce, KIND_NUMBER, 4},
        {0xcf, KIND_NUMBER, 8}, {0xd0, KIND_NUMBER, 1}, {0xd1, KIND_NUMBER, 2},
        {0xd2, KIND_NUMBER, 4}, {0xd3, KIND_NUMBER, 8}, {0xd9, KIND_BYTES, 1},
        {0xda, KIND_BYTES, 2},  {0xdb, KIND_BYTES, 4},  {0xdc, KIND_ARRAY, 2},
        {0xdd, KIND_ARRAY, 4},  {0xde, KIND_MAP, 2},    {0xdf, KIND_MAP, 4},
    };
    const uint8_t byte = (uint8_t)get_big_endian(at, end, 1);
    if (byte < 0x80 || byte >= 0xe0)
        return (struct head){KIND_NUMBER, byte};
    if (byte == 0xc2 || byte == 0xc3)
        return (struct head){KIND_NUMBER, byte == 0xc3};
    if (byte < 0x90)
        return (struct head){KIND_MAP, byte & 15};
    if (byte < 0xa0)
        return (struct head){KIND_ARRAY, byte & 15};
    if (byte < 0xc0)
        return (struct head){KIND_BYTES, byte & 31};
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (table[i].head == byte)
            return (struct head){table[i].kind, get_big_endian(at, end, table[i].size)};
    }
    fail_msg("%02x is not in the protocol", byte);
    return (struct head){KIND_NUMBER, 0};
}

static void skip_value(const uint8_t **at, const uint8_t *end)
{
    uint64_t left = 1;
    while (left > 0) {
        const struct head head = get_head(at, end);
        left--;
        if (head.kind == KIND_BYTES) {
            assert_true((uint64_t)(end - *at) >= head.number);
            *at += head.number;
        } else if (head.kind != KIND_NUMBER) {
            left += head.kind == KIND_MAP ? 2 * head.number : head.number;
        }
    }
}

static uint64_t get_number(const uint8_t **at, const uint8_t *end)
{
    const struct head head = get_head(at, end);
    assert_int_equal(head.kind, KIND_NUMBER);
    return head.number;
}

bool byhand_next(const uint8_t **at, const uint8_t *end, struct byhand_got *got)
{
    if (*at == end)
        return false;
    struct head head = get_head(at, end);
    assert_int_equal(head.kind, KIND_ARRAY);
    assert_int_equal(head.number, 3);
    got->type = (uint32_t)get_number(at, end);
    got->ref = get_number(at, end);
    const uint8_t *whole = *at;
    skip_value(&whole, end);
    head = get_head(at, end);
    assert_int_equal(head.kind, KIND_MAP);
    got->body = (struct byhand_map){*at, end, (uint32_t)head.number};
    *at = whole;
    return true;
}

/* Where the value of a field begins; NULL: it was not sent. */
static const uint8_t *find(const struct byhand_map *map, unsigned field)
{
    const uint8_t *at = map->at;
    for (uint32_t i = 0; i < map->count; i++) {
        if (get_number(&at, map->end) == field)
            return at;
        skip_value(&at, map->end);
    }
    return NULL;
}

uint64_t byhand_get(const struct byhand_map *map, unsigned field)
{
    const uint8_t *at = find(map, field);
    return at ? get_number(&at, map->end) : 0;
}

struct byhand_map byhand_part(const struct byhand_map *map, unsigned field)
{
    const uint8_t *at = find(map, field);
    if (!at)
        return (struct byhand_map){NULL, NULL, 0};
    const struct head head = get_head(&at, map->end);
    assert_int_equal(head.kind, KIND_MAP);
    return (struct byhand_map){at, map->end, (uint32_t)head.number};
}

const uint8_t *byhand_find(const struct byhand_map *map, unsigned field, size_t *size)
{
    const uint8_t *at = find(map, field);
    if (!at)
        return NULL;
    const struct head head = get_head(&at, map->end);
    assert_int_equal(head.kind, KIND_BYTES);
    *size = (size_t)head.number;
    return at;
}

bool byhand_is(const struct byhand_map *map, unsigned field, const char *text)
{
    size_t size = 0;
    const uint8_t *at = byhand_find(map, field, &size);
    return at && size == strlen(text) && memcmp(at, text, size) == 0;
}
