/*
 * A small floor written by hand, row by row, for tests of what reads tables: the check and the
 * queries. It is consistent in every rule; tests then break one.
 *
 *     accounts   1 owner, 2 supervisor, 3 Li and 4 Wang (agents), 5 and 6 (bridges), 7 Zhao (agent)
 *     groups     1 default (Li, Wang, Zhao), 2 aftersale (Li)
 *     sessions   1  customer 1, closed long ago, Wang's, bridge 5
 *                2  customer 1, open, Li's, bridge 5; its second message is a whisper
 *                3  customer 2, queued in group 1, normal, bridge 5
 *                4  customer 3, queued in group 1, VIP, bridge 6
 *                5  customer 4, open, given up by Li an hour ago, now Wang's, bridge 6, 700
 * messages 6  customer 2, closed yesterday, Wang's, bridge 5 7  customer 5, queued in group 2,
 * normal, taken back, bridge 5 notes      customer 1: note 1 (pinned, 2 revisions), note 2, note 3
 * (pinned) device     11 of Li: 2 commands, no answer confirmed; 12 of bridge 5; 13 of Zhao
 */
#ifndef XR_TESTS_SUPPORT_HAND_H
#define XR_TESTS_SUPPORT_HAND_H

#include "floor/floor.h"
#include "floor/record.h"

#define XR_HAND_WALL_MS  INT64_C(1700000000000) /* now */
#define XR_HAND_HOUR_MS  INT64_C(3600000)
#define XR_HAND_DAY_MS   (24 * XR_HAND_HOUR_MS)
#define XR_HAND_MESSAGES 700 /* of session 5 */
#define XR_HAND_SESSIONS 7

struct xr_hand {
    struct xr_tables *tables;
    struct xr_arena *arena; /* records read */
    struct xr_buf row;
    struct xr_floor_record floor;
};

/* Write the floor described above. */
void xr_hand_init(struct xr_hand *hand);
void xr_hand_fini(struct xr_hand *hand);

/* Put a record; read one (which must be there), to be changed and put again. Texts of what is read
 * are copied. */
void xr_hand_put(struct xr_hand *hand, enum xr_table table, struct xr_key key, enum xr_type type,
                 const void *record);
void *xr_hand_get(struct xr_hand *hand, enum xr_table table, struct xr_key key, enum xr_type type);
/* Put bytes that are no record, or take a row away. */
void xr_hand_raw(struct xr_hand *hand, enum xr_table table, struct xr_key key, const void *bytes,
                 size_t size);
void xr_hand_del(struct xr_hand *hand, enum xr_table table, struct xr_key key);

/* Append an update to the journal; returns its seq. The floor's head follows. */
uint64_t xr_hand_push(struct xr_hand *hand, enum xr_type type, const void *update);

/* Write session `record` with so many messages of the given text: its journal rows, positions
 * (spilled as they grow), chain, and its rows in open and visit. Number 2 is a whisper. */
void xr_hand_session(struct xr_hand *hand, struct xr_session_record record, uint32_t messages,
                     const char *text);

struct xr_key xr_hand_key_none(void);

#endif
