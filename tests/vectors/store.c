/*
 * Make a fixture of the store: a small shop that leaves a row in every table, with a second floor,
 * written as this version writes it.
 *     make_store DIRECTORY
 * writes DIRECTORY/store.dump (support/dump.h) and DIRECTORY/digests: the last batch, and of each
 * floor the digest of its tables. Run once for each released format, then kept for ever: clocks and
 * drawn numbers differ each time. tests/contract/fixtures.c reads them.
 */
#include "support/dump.h"
#include "support/shop.h"

#include <inttypes.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define LONG_SESSION 260 /* messages: a chunk of its positions is spilled */

static void talk(struct shop *shop, struct shop_seat *seat, struct xr_session_id session,
                 uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct xr_say say = {.done = seat->counter, .session = session, .text = XR_STR("?")};
        (void)shop_done(shop, seat, XR_TYPE_say, &say);
    }
}

static void hold_customer(struct shop *shop, struct shop_seat *agent)
{
    const struct xr_customer_id customer = {1};
    const struct xr_tag tag = {.name = XR_STR("老客户"), .colour = 0xff8800};
    const struct xr_customer_set set = {
        .customer = customer, .level = 3, .tags_add = {&tag, 1}, .flag = 2};
    const struct xr_note_add add = {
        .customer = customer, .text = XR_STR("要发顺丰"), .pinned = true};
    const struct xr_note_edit edit = {
        .customer = customer, .note = 1, .revision = 1, .text = XR_STR("要发顺丰，周末送")};
    (void)shop_done(shop, agent, XR_TYPE_customer_set, &set);
    (void)shop_done(shop, agent, XR_TYPE_note_add, &add);
    (void)shop_done(shop, agent, XR_TYPE_note_edit, &edit);
}

static void set_up_floor(struct shop *shop, struct shop_seat *boss)
{
    const struct xr_group_set group = {.name = XR_STR("aftersale"), .title = XR_STR("售后")};
    const struct xr_setting_set setting = {.name = XR_STR("limit_routed"), .value = 3};
    (void)shop_done(shop, boss, XR_TYPE_group_set, &group);
    (void)shop_done(shop, boss, XR_TYPE_setting_set, &setting);
    (void)shop_account(shop, boss, "bridge", XR_role_BRIDGE);
    (void)shop_account(shop, boss, "ann", XR_role_AGENT);
    (void)shop_account(shop, boss, "ben", XR_role_AGENT);
}

static struct shop_seat *sign_on(struct shop *shop, uint32_t seat, const char *login)
{
    const struct xr_be online = {.state = XR_presence_ONLINE};
    struct shop_seat *agent = shop_login(shop, seat, login);
    (void)shop_done(shop, agent, XR_TYPE_be, &online);
    return agent;
}

/* Ann has the first buyer, who talks for long; Ben comes, more buyers than both may have; one
 * leaves, one is closed. */
static void do_business(struct shop *shop)
{
    struct shop_seat *boss = shop_login(shop, 1, "boss");
    set_up_floor(shop, boss);
    struct shop_seat *bridge = shop_login(shop, 2, "bridge");
    struct shop_seat *ann = sign_on(shop, 3, "ann");
    const struct xr_session_id first = shop_session(shop, bridge, "hong");
    talk(shop, bridge, first, LONG_SESSION);
    talk(shop, ann, first, 2);
    hold_customer(shop, ann);
    struct shop_seat *ben = sign_on(shop, 4, "ben");
    for (int i = 0; i < 7; i++) {
        char buyer[32];
        (void)snprintf(buyer, sizeof buyer, "buyer-%d", i);
        talk(shop, bridge, shop_session(shop, bridge, buyer), 1);
    }
    const struct xr_transfer transfer = {
        .session = first, .agent = ben->agent, .note = XR_STR("请跟进")};
    (void)shop_done(shop, ann, XR_TYPE_transfer, &transfer);
    const struct xr_leave leave = {.session = {8}};
    (void)shop_done(shop, bridge, XR_TYPE_leave, &leave);
    const struct xr_close close = {.session = first};
    (void)shop_done(shop, ben, XR_TYPE_close, &close);
}

static void write_digests(const char *directory, const char *path)
{
    static const uint32_t floors[] = {1, 2};
    const struct xr_store_options options = {
        .directory = directory, .read_only = true, .is_still = true};
    struct xr_store *store = NULL;
    struct xr_reader *reader = NULL;
    uint64_t first;
    uint64_t last;
    FILE *out = fopen(path, "w");
    XR_ASSERT(out != NULL);
    XR_ASSERT(xr_store_open(&options, &store) == XR_OK);
    XR_ASSERT(xr_reader_open(store, &reader) == XR_OK);
    xr_reader_log_span(reader, &first, &last);
    fprintf(out, "batch %" PRIu64 "\n", last);
    for (size_t i = 0; i < 2; i++) {
        uint8_t digest[32];
        char hex[65];
        xr_tables_digest(xr_reader_tables(reader, floors[i]), digest);
        fprintf(out, "floor %u %s\n", floors[i],
                sodium_bin2hex(hex, sizeof hex, digest, sizeof digest));
    }
    xr_reader_close(reader);
    xr_store_close(store);
    XR_ASSERT(fclose(out) == 0);
}

int main(int argc, char **argv)
{
    struct shop shop = {.log_bytes_max = 4096};
    uint32_t second;
    char path[4096];
    if (argc != 2)
        return fputs("make_store DIRECTORY\n", stderr), 2;
    shop_open(&shop);
    shop_start(&shop);
    do_business(&shop);
    XR_ASSERT(xr_engine_found(shop.engine, XR_STR("second"), XR_STR("boss"), XR_STR("hash"),
                              &second) == XR_OK);
    shop_stop(&shop);
    (void)snprintf(path, sizeof path, "%s/store.dump", argv[1]);
    dump_write(shop.directory, path);
    (void)snprintf(path, sizeof path, "%s/digests", argv[1]);
    write_digests(shop.directory, path);
    shop_close(&shop);
    return 0;
}
