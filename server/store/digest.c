#include "store/store.h"
#include "store/table.h"

#include <sodium.h>

/* Sizes go in front, so that no two different tables give the same bytes. */
static void digest_bin(crypto_generichash_state *state, struct xr_bin bytes)
{
    uint8_t size[4];
    xr_put_u32be(size, bytes.size);
    (void)crypto_generichash_update(state, size, sizeof size);
    if (bytes.size > 0)
        (void)crypto_generichash_update(state, bytes.at, bytes.size);
}

static void digest_table(struct xr_tables *tables, enum xr_table table,
                         crypto_generichash_state *state)
{
    const struct xr_bin first = {NULL, 0};
    const uint8_t number = (uint8_t)table;
    struct xr_bin key;
    struct xr_bin value;
    struct xr_scan scan;
    xr_tables_scan_open(tables, table, first, false, &scan);
    while (xr_tables_scan_next(tables, &scan, &key, &value)) {
        (void)crypto_generichash_update(state, &number, sizeof number);
        digest_bin(state, key);
        digest_bin(state, value);
    }
    xr_tables_scan_close(tables, &scan);
}

void xr_tables_digest(struct xr_tables *tables, uint8_t out[32])
{
    crypto_generichash_state state;
    XR_ASSERT(crypto_generichash_init(&state, NULL, 0, 32) == 0);
    for (size_t i = 0; i < XR_TABLE_COUNT; i++) {
        if (xr_table_infos[i].name != NULL)
            digest_table(tables, (enum xr_table)i, &state);
    }
    XR_ASSERT(crypto_generichash_final(&state, out, 32) == 0);
}
