/*
 * Options of xiaoerd, from the command line alone. config.def has them all.
 */
#ifndef XR_CONFIG_H
#define XR_CONFIG_H

#include <stdio.h>

#include <xiaoer/status.h>

#define XR_CONFIG_TEXTS_MAX 8

struct xr_config_texts {
    const char *at[XR_CONFIG_TEXTS_MAX];
    size_t count; /* 0: none given, the default holds */
};

/* Texts live as long as argv. */
struct xr_config {
#define XR_TEXT(name, standard, value, help)            const char *name;
#define XR_TEXTS(name, standard, value, help)           struct xr_config_texts name;
#define XR_NUMBER(name, standard, min, max, unit, help) uint64_t name;
#define XR_FLAG(name, help)                             bool name;
#include "config.def"
#undef XR_TEXT
#undef XR_TEXTS
#undef XR_NUMBER
#undef XR_FLAG
};

/*
 * Read the command line.
 *
 * why  receives a line for people where it fails
 *
 * XR_OK, XR_BAD.
 */
enum xr_status xr_config_read(int argc, char **argv, struct xr_config *out, char *why,
                              size_t why_size) XR_MUST_USE;

/* All options with their defaults and ranges. */
void xr_config_help(FILE *out);

#endif
