/*
 * The bytes that a fuzzer draws, taken as the small numbers that a target makes its steps of. An
 * exhausted input gives zeros; whoever loops asks input_left.
 */
#ifndef XR_TESTS_FUZZ_INPUT_H
#define XR_TESTS_FUZZ_INPUT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct input {
    const uint8_t *at;
    size_t left;
};

static inline size_t input_left(const struct input *input)
{
    return input->left;
}

static inline uint8_t input_u8(struct input *input)
{
    if (input->left == 0)
        return 0;
    input->left--;
    return *input->at++;
}

static inline uint16_t input_u16(struct input *input)
{
    const uint8_t high = input_u8(input);
    return (uint16_t)(high << 8 | input_u8(input));
}

/* 0 … below - 1 */
static inline uint32_t input_pick(struct input *input, uint32_t below)
{
    return below > 256 ? input_u16(input) % below : input_u8(input) % below;
}

/* At most `size` bytes of what is left; they live as long as the input. */
static inline struct input input_part(struct input *input, size_t size)
{
    const struct input part = {input->at, size < input->left ? size : input->left};
    input->at += part.left;
    input->left -= part.left;
    return part;
}

#endif
