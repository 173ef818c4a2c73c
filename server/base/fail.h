/*
 * Named places where a test build kills its own process, as a power cut would:
 *     XR_FAILPOINT=before_commit:3    the third time that it comes by
 * Compiled in with -DXR_FAILPOINTS only; otherwise nothing is left of it.
 */
#ifndef XR_BASE_FAIL_H
#define XR_BASE_FAIL_H

#ifdef XR_FAILPOINTS
void xr_fail_point(const char *name);
#define XR_FAIL_POINT(name) xr_fail_point(#name)
#else
#define XR_FAIL_POINT(name) ((void)0)
#endif

#endif
