/*
 * The clocks of the shells. Any thread. The floor has its own time, which comes with each event
 * (engine.h); nothing here is to be used inside server/floor or proto.
 */
#ifndef XR_BASE_CLOCK_H
#define XR_BASE_CLOCK_H

#include <stdint.h>

/* For durations: goes on while the machine sleeps, never back, begins anywhere. Nanoseconds. */
uint64_t xr_clock_mono_ns(void);
int64_t xr_clock_mono_ms(void);

/* What people see: Unix time in ms; may jump. */
int64_t xr_clock_wall_ms(void);

#endif
