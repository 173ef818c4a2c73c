/* What both ends of the pipe between the server and its relay know. */
#ifndef XR_GATE_BUS_INSIDE_H
#define XR_GATE_BUS_INSIDE_H

#define XR_BUS_HEAD      4                   /* bytes of the size before a message */
#define XR_BUS_BYTES_MAX (256 * 1024 + 1024) /* of a message: below what a subscriber may take */

#endif
