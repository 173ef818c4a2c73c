/*
 * CRC-32C (Castagnoli, as in RFC 3720): the checksum of batches. Pure; any thread.
 */
#ifndef XR_BASE_CRC32C_H
#define XR_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Checksum of `size` bytes. "123456789" gives 0xe3069283, nothing gives 0. */
uint32_t xr_crc32c(const void *bytes, size_t size);

/* Go on from the checksum of what came before: more(crc(a), b) is crc(ab). */
uint32_t xr_crc32c_more(uint32_t before, const void *bytes, size_t size);

/* The same from a table, whatever the processor can do; for tests and other processors. */
uint32_t xr_crc32c_table(uint32_t before, const void *bytes, size_t size);

#endif
