#include "engine/verify.h"

#include <string.h>

/* A batch that is there, whole, and of that number. */
static bool read_batch(struct xr_reader *reader, uint64_t number, struct xr_batch_head *head,
                       uint8_t hash[32])
{
    struct xr_bin row;
    struct xr_bin events;
    if (xr_reader_log(reader, number, &row) != XR_OK ||
        xr_batch_open(row, head, &events) != XR_OK || head->batch_no != number)
        return false;
    xr_batch_hash(row, hash);
    return true;
}

static enum xr_status verify_chain(struct xr_reader *reader, const struct xr_meta *meta,
                                   uint64_t *broken)
{
    uint8_t before[32];
    uint8_t hash[32];
    struct xr_batch_head head;
    for (uint64_t number = meta->log_first; number <= meta->batch_no; number++) {
        *broken = number;
        if (!read_batch(reader, number, &head, hash))
            return XR_CORRUPT;
        if (number > meta->log_first && memcmp(head.prev_hash, before, sizeof before) != 0)
            return XR_CORRUPT;
        memcpy(before, hash, sizeof before);
    }
    return XR_OK;
}

static enum xr_status verify_tip(struct xr_reader *reader, const struct xr_meta *meta,
                                 uint64_t *broken)
{
    uint64_t first;
    uint64_t last;
    uint8_t hash[32];
    struct xr_batch_head head;
    xr_reader_log_span(reader, &first, &last);
    if (first != meta->log_first || last != meta->batch_no)
        return XR_CORRUPT;
    if (meta->batch_no == 0)
        return XR_OK;
    *broken = meta->batch_no;
    if (!read_batch(reader, meta->batch_no, &head, hash) || head.epoch != meta->epoch)
        return XR_CORRUPT;
    return memcmp(hash, meta->hash, sizeof hash) == 0 ? XR_OK : XR_CORRUPT;
}

enum xr_status xr_engine_verify(struct xr_reader *reader, bool chain, struct xr_meta *out,
                                uint64_t *broken)
{
    struct xr_bin row;
    struct xr_meta meta = {0};
    *broken = 0;
    if (xr_reader_meta(reader, &row) == XR_OK && xr_meta_decode(row, &meta) != XR_OK)
        return XR_CORRUPT;
    enum xr_status status = verify_tip(reader, &meta, broken);
    if (status == XR_OK && chain && meta.batch_no != 0)
        status = verify_chain(reader, &meta, broken);
    if (status == XR_OK)
        *out = meta;
    return status;
}
