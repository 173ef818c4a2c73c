#include "proto/mem.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* In a build with AddressSanitizer what an arena has not given out is poisoned, so that a pointer
 * from before a reset is caught at its first use. */
#if defined(__SANITIZE_ADDRESS__)
#define XR_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define XR_ASAN 1
#endif
#endif
#ifdef XR_ASAN
#include <sanitizer/asan_interface.h>
#define XR_POISON(at, size)   __asan_poison_memory_region((at), (size))
#define XR_UNPOISON(at, size) __asan_unpoison_memory_region((at), (size))
#else
#define XR_POISON(at, size)   ((void)(at), (void)(size))
#define XR_UNPOISON(at, size) ((void)(at), (void)(size))
#endif

/* ---- the allocator --------------------------------------------------------------------------- */

/* Allocations so far; the number of the one that fails (0: none); and whether all after it do. */
static atomic_uint_fast64_t allocations;
static atomic_uint_fast64_t failing;
static atomic_bool failing_for_ever;

static bool fails_now(void)
{
    uint64_t number = atomic_fetch_add_explicit(&allocations, 1, memory_order_relaxed) + 1;
    uint64_t armed = atomic_load_explicit(&failing, memory_order_relaxed);
    if (__builtin_expect(armed == 0, 1))
        return false;
    return number == armed || (number > armed && atomic_load(&failing_for_ever));
}

void *xr_mem_alloc(size_t size)
{
    return fails_now() ? NULL : malloc(size != 0 ? size : 1);
}

void *xr_mem_zero(size_t count, size_t size)
{
    size_t all;
    if (fails_now() || __builtin_mul_overflow(count, size, &all))
        return NULL;
    return calloc(1, all != 0 ? all : 1);
}

void *xr_mem_grow(void *old, size_t size)
{
    return fails_now() ? NULL : realloc(old, size != 0 ? size : 1);
}

void xr_mem_free(void *memory)
{
    free(memory);
}

void xr_mem_arm(uint64_t nth, bool for_ever)
{
    atomic_store(&failing_for_ever, for_ever);
    atomic_store(&failing, nth != 0 ? atomic_load(&allocations) + nth : 0);
}

uint64_t xr_mem_count(void)
{
    return atomic_load(&allocations);
}

void xr_assert_failed(const char *fact, const char *file, int line)
{
    fprintf(stderr, "%s:%d: must hold: %s\n", file, line, fact);
    abort();
}

/* ---- arenas ---------------------------------------------------------------------------------- */

#define XR_ARENA_ALIGN     16
#define XR_ARENA_FIRST_MIN 256

struct block {
    struct block *next;
    size_t size; /* of bytes */
    size_t used;
    _Alignas(XR_ARENA_ALIGN) unsigned char bytes[];
};

struct xr_arena {
    struct block *first;
    struct block *now; /* the one that gives; those behind it are empty */
};

static struct block *make_block(size_t size)
{
    if (size > SIZE_MAX / 2)
        return NULL;
    struct block *block = xr_mem_alloc(sizeof(*block) + size);
    if (block == NULL)
        return NULL;
    block->next = NULL;
    block->size = size;
    block->used = 0;
    XR_POISON(block->bytes, size);
    return block;
}

struct xr_arena *xr_arena_new(size_t first_bytes)
{
    struct xr_arena *arena = xr_mem_alloc(sizeof(*arena));
    if (arena == NULL)
        return NULL;
    size_t size = first_bytes > XR_ARENA_FIRST_MIN ? first_bytes : XR_ARENA_FIRST_MIN;
    arena->first = make_block(size);
    arena->now = arena->first;
    if (arena->first == NULL) {
        xr_mem_free(arena);
        return NULL;
    }
    return arena;
}

void xr_arena_free(struct xr_arena *arena)
{
    if (arena == NULL)
        return;
    for (struct block *block = arena->first; block != NULL;) {
        struct block *next = block->next;
        XR_UNPOISON(block->bytes, block->size);
        xr_mem_free(block);
        block = next;
    }
    xr_mem_free(arena);
}

/* Move on to a block with room for `size` bytes: the next one, or a new one before it. */
static bool move_on(struct xr_arena *arena, size_t size)
{
    struct block *now = arena->now;
    if (now->next == NULL || now->next->size < size) {
        size_t doubled = now->size <= SIZE_MAX / 4 ? now->size * 2 : now->size;
        struct block *fresh = make_block(size > doubled ? size : doubled);
        if (fresh == NULL)
            return false;
        fresh->next = now->next;
        now->next = fresh;
    }
    arena->now = now->next;
    return true;
}

void *xr_arena_take(struct xr_arena *arena, size_t size)
{
    if (size > SIZE_MAX / 2)
        return NULL;
    size_t rounded = (size + XR_ARENA_ALIGN - 1) & ~(size_t)(XR_ARENA_ALIGN - 1);
    if (rounded == 0)
        rounded = XR_ARENA_ALIGN;
    if (arena->now->size - arena->now->used < rounded && !move_on(arena, rounded))
        return NULL;
    struct block *now = arena->now;
    void *taken = now->bytes + now->used;
    now->used += rounded;
    XR_UNPOISON(taken, size);
    return taken;
}

struct xr_bin xr_arena_bin(struct xr_arena *arena, const void *bytes, size_t size)
{
    if (size == 0 || size > UINT32_MAX)
        return (struct xr_bin){NULL, 0};
    void *copy = xr_arena_take(arena, size);
    if (copy == NULL)
        return (struct xr_bin){NULL, 0};
    memcpy(copy, bytes, size);
    return (struct xr_bin){copy, (uint32_t)size};
}

struct xr_str xr_arena_str(struct xr_arena *arena, struct xr_str text)
{
    struct xr_bin copy = xr_arena_bin(arena, text.at, text.size);
    return (struct xr_str){(const char *)copy.at, copy.size};
}

void xr_arena_reset(struct xr_arena *arena)
{
    for (struct block *block = arena->first; block != NULL; block = block->next) {
        block->used = 0;
        XR_POISON(block->bytes, block->size);
        if (block == arena->now)
            break;
    }
    arena->now = arena->first;
}

/* ---- growing bytes --------------------------------------------------------------------------- */

#define XR_BUF_FIRST 256

void xr_buf_init(struct xr_buf *buf, size_t max)
{
    *buf = (struct xr_buf){.max = max};
}

void xr_buf_fini(struct xr_buf *buf)
{
    xr_mem_free(buf->at);
    *buf = (struct xr_buf){.max = buf->max};
}

bool xr_buf_reserve(struct xr_buf *buf, size_t size)
{
    if (buf->failed)
        return false;
    if (size <= buf->capacity - buf->size)
        return true;
    if (size > buf->max - buf->size) {
        buf->failed = true;
        return false;
    }
    size_t wanted = buf->capacity <= buf->max / 2 ? buf->capacity * 2 : buf->max;
    if (wanted < XR_BUF_FIRST)
        wanted = XR_BUF_FIRST;
    if (wanted < buf->size + size)
        wanted = buf->size + size;
    if (wanted > buf->max)
        wanted = buf->max;
    uint8_t *grown = xr_mem_grow(buf->at, wanted);
    if (grown == NULL) {
        buf->failed = true;
        return false;
    }
    buf->at = grown;
    buf->capacity = wanted;
    return true;
}

void xr_buf_add(struct xr_buf *buf, const void *bytes, size_t size)
{
    if (size == 0 || !xr_buf_reserve(buf, size))
        return;
    memcpy(buf->at + buf->size, bytes, size);
    buf->size += size;
}

void xr_buf_text(struct xr_buf *buf, const char *text)
{
    xr_buf_add(buf, text, strlen(text));
}

void xr_buf_format(struct xr_buf *buf, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    XR_ASSERT(length >= 0);
    size_t size = (size_t)length;
    char small[128]; /* vsnprintf wants room for a zero, which the maximum may not leave */
    char *place = size < sizeof(small) ? small : xr_mem_alloc(size + 1);
    if (place == NULL) {
        buf->failed = true;
        return;
    }
    va_start(arguments, format);
    vsnprintf(place, size + 1, format, arguments);
    va_end(arguments);
    xr_buf_add(buf, place, size);
    if (place != small)
        xr_mem_free(place);
}

void xr_buf_reset(struct xr_buf *buf)
{
    buf->size = 0;
    buf->failed = false;
}

/* ---- borrowed text and bytes ----------------------------------------------------------------- */

struct xr_str xr_str_of(const char *terminated)
{
    if (terminated == NULL)
        return (struct xr_str){NULL, 0};
    return (struct xr_str){terminated, (uint32_t)strlen(terminated)};
}

bool xr_str_equal(struct xr_str a, struct xr_str b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.at, b.at, a.size) == 0);
}

bool xr_bin_equal(struct xr_bin a, struct xr_bin b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.at, b.at, a.size) == 0);
}
