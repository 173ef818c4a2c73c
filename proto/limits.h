/*
 * Every size that crosses the wire or bounds what does. One line each; change them here only.
 * Sizes of text are Unicode code points unless the name says bytes.
 */
#ifndef XR_PROTO_LIMITS_H
#define XR_PROTO_LIMITS_H

#include <stdint.h>

#define XR_PROTOCOL_VERSION     1 /* said in hello and welcome */
#define XR_FRAME_BYTES_MAX      (256 * 1024)
#define XR_SP_MESSAGE_BYTES_MAX (256 * 1024) /* one SP message: one or more frames */
#define XR_HELLO_BYTES_MAX      (8 * 1024)   /* the same, while nobody is logged in */
#define XR_FRAMES_PER_MESSAGE   1024
#define XR_DEPTH_MAX            8 /* nesting of a frame: array, body, list, part, … */
#define XR_NUMBER_MAX           9007199254740991 /* 2^53 - 1: exact in a browser too */

#define XR_NAME_MAX            64 /* names of floors, groups, accounts, settings */
#define XR_LOGIN_MAX           64
#define XR_PASSWORD_MAX        256
#define XR_TITLE_MAX           128
#define XR_TEXT_MAX            4000 /* one message */
#define XR_NOTE_MAX            8000
#define XR_REMARK_MAX          400 /* a transfer's note, a reason */
#define XR_BUYER_MAX           128 /* a buyer's id in its channel */
#define XR_TAG_MAX             32
#define XR_TAGS_MAX            32   /* tags of one customer */
#define XR_NOTES_MAX           1000 /* notes about one customer */
#define XR_ACCOUNTS_MAX        5000 /* of one floor, bridges included */
#define XR_GROUPS_MAX          1000 /* of one floor */
#define XR_DEVICES_PER_ACCOUNT 5
#define XR_GROUPS_PER_AGENT    32
#define XR_TOKEN_BYTES         32
#define XR_HASH_BYTES          32
#define XR_SALT_BYTES          16
#define XR_PAGE_MAX            500 /* rows of one answer to a query */

#define XR_WINDOW_UPDATES 1024 /* updates sent and not acknowledged */
#define XR_WINDOW_BYTES   (1024 * 1024)
#define XR_ANSWERS_KEPT   1024 /* answers that a device has not confirmed */

#endif
