/* Random bytes from the kernel, by way of libsodium. Any thread, after xr_entropy_init. */
#ifndef XR_BASE_ENTROPY_H
#define XR_BASE_ENTROPY_H

#include <stddef.h>
#include <stdint.h>

/* Once in main before all else; again is harmless. Ends the process where there is no entropy. */
void xr_entropy_init(void);

void xr_entropy_fill(void *out, size_t size);

/* A number in 1..XR_NUMBER_MAX: ids of devices, origins, owners. */
uint64_t xr_entropy_number(void);

#endif
