/*
 * Memory of the pure part: one allocator with a failure point, arenas, growing buffers.
 * Any thread may call; an arena or a buffer belongs to one thread at a time.
 */
#ifndef XR_PROTO_MEM_H
#define XR_PROTO_MEM_H

#include <xiaoer/status.h>

/* malloc, calloc, realloc and free of the whole program. NULL where there is no memory, or where a
 * test has armed the failure point. */
void *xr_mem_alloc(size_t size) XR_MUST_USE;
void *xr_mem_zero(size_t count, size_t size) XR_MUST_USE;
void *xr_mem_grow(void *old, size_t size) XR_MUST_USE;
void xr_mem_free(void *memory);

/* Tests: the n-th allocation from now fails (1 is the next), once or for ever; 0 disarms. */
void xr_mem_arm(uint64_t nth, bool for_ever);
/* Allocations since the start of the process. */
uint64_t xr_mem_count(void);

/* Move a pointer out of its place: the place is NULL afterwards. */
#define XR_MOVE(place) xr_mem_move((void **)&(place))
static inline void *xr_mem_move(void **place)
{
    void *moved = *place;
    *place = NULL;
    return moved;
}

/* Stop at once on what cannot be: on in every build. One fact per line. */
#define XR_ASSERT(fact)                                                                            \
    do {                                                                                           \
        if (__builtin_expect(!(fact), 0))                                                          \
            xr_assert_failed(#fact, __FILE__, __LINE__);                                           \
    } while (0)
_Noreturn void xr_assert_failed(const char *fact, const char *file, int line);

/* Memory that is given back all at once. */
struct xr_arena;
struct xr_arena *xr_arena_new(size_t first_bytes) XR_MUST_USE;
void xr_arena_free(struct xr_arena *arena);
/* Aligned for any object, not cleared. NULL where there is no memory. Lives until the reset. */
void *xr_arena_take(struct xr_arena *arena, size_t size) XR_MUST_USE;
/* Copies; {NULL, 0} where there is no memory or nothing to copy. */
struct xr_bin xr_arena_bin(struct xr_arena *arena, const void *bytes, size_t size);
struct xr_str xr_arena_str(struct xr_arena *arena, struct xr_str text);
/* Give everything back, keep the blocks for the next use. */
void xr_arena_reset(struct xr_arena *arena);

/*
 * Bytes that grow, up to a maximum set at initialisation. The first append that finds no memory or
 * passes the maximum sets `failed`; all later ones do nothing; the bytes so far stay.
 */
struct xr_buf {
    uint8_t *at;
    size_t size;
    size_t capacity;
    size_t max;
    bool failed;
};

void xr_buf_init(struct xr_buf *buf, size_t max);
void xr_buf_fini(struct xr_buf *buf); /* zeroed is fine */
void xr_buf_add(struct xr_buf *buf, const void *bytes, size_t size);
void xr_buf_text(struct xr_buf *buf, const char *text);
void xr_buf_format(struct xr_buf *buf, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Room for `size` more bytes at buf->at + buf->size; false: failed. */
bool xr_buf_reserve(struct xr_buf *buf, size_t size) XR_MUST_USE;
void xr_buf_reset(struct xr_buf *buf); /* empty, not failed, memory kept */

/* Literals and comparisons of borrowed text. */
#define XR_STR(literal) ((struct xr_str){(literal), (uint32_t)(sizeof(literal) - 1)})
struct xr_str xr_str_of(const char *terminated); /* NULL gives empty */
bool xr_str_equal(struct xr_str a, struct xr_str b);
bool xr_bin_equal(struct xr_bin a, struct xr_bin b);

/* Big-endian numbers, as they stand in keys. */
static inline void xr_put_u32be(uint8_t *at, uint32_t n)
{
    at[0] = (uint8_t)(n >> 24);
    at[1] = (uint8_t)(n >> 16);
    at[2] = (uint8_t)(n >> 8);
    at[3] = (uint8_t)n;
}
static inline void xr_put_u64be(uint8_t *at, uint64_t n)
{
    xr_put_u32be(at, (uint32_t)(n >> 32));
    xr_put_u32be(at + 4, (uint32_t)n);
}
static inline uint32_t xr_get_u32be(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}
static inline uint64_t xr_get_u64be(const uint8_t *at)
{
    return (uint64_t)xr_get_u32be(at) << 32 | xr_get_u32be(at + 4);
}

#endif
