/*
 * Aim: no order of commands, log-ins, losses, waits and restarts brings a floor out of its rules.
 * Method: libFuzzer; the input is a list of steps on a small shop that is at work (an owner, a
 * supervisor, agents, bridges). Commands are made from the schema, with small ids, so that they
 * meet what is there. After each sequence the walk over all tables (deep) must find nothing, an
 * index loaded afresh must be the same, and each effect must be what the gate expects. Some
 * commands are watched: a refusal must leave every table but `device` as it was.
 */
#include "floor/journal.h"
#include "floor/record.h"
#include "fuzz/input.h"
#include "proto/fields.h"
#include "store/store.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#define PEOPLE    8
#define DEVICES   16
#define STEPS_MAX 256
#define TICKS_MAX 100000 /* of one wait: more is a floor that does not get on */
#define WALL      INT64_C(1764000000000)
#define HOUR_MS   INT64_C(3600000)
#define LEASE_MS  15000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A client: its device, and where it stands. */
struct client {
    struct xr_agent_id agent;
    enum xr_role role;
    struct xr_device_id device; /* 0: never logged in */
    uint64_t counter;
    uint64_t origin; /* 0: not connected */
};

struct shop {
    struct xr_tables *tables;
    struct xr_floor *floor;
    struct xr_effects effects;
    int64_t floor_ms;
    uint64_t origins;
    uint64_t random;
    struct client clients[DEVICES];
    struct client *asking; /* whose log-in is under way */
    bool is_refused;       /* the last command */
};

static const char *const logins[PEOPLE] = {"olga", "sven", "ann", "bob",
                                           "cai",  "dan",  "tao", "tma"};
static struct xr_arena *arena;
static struct xr_buf row;

/* ---- judging --------------------------------------------------------------------------------- */

static void on_broken(void *context, const char *invariant, const char *text)
{
    (void)context;
    fprintf(stderr, "broken %s: %s\n", invariant, text);
}

static struct xr_floor *load_floor(struct xr_tables *tables)
{
    static const struct xr_floor_options options = {
        .commit = XR_commit_mode_SYNC, .lease_ms = LEASE_MS, .beat_ms = 5000, .server = "fuzz"};
    struct xr_floor *floor = xr_floor_new(&options);
    XR_ASSERT(floor != NULL);
    XR_ASSERT(xr_floor_load(floor, tables) == XR_OK);
    return floor;
}

static void judge(struct shop *shop)
{
    uint8_t now[32];
    uint8_t fresh[32];
    xr_floor_settle(shop->floor, shop->tables);
    XR_ASSERT(shop->tables->failed == XR_OK);
    struct xr_floor *again = load_floor(shop->tables);
    xr_floor_digest(shop->floor, now);
    xr_floor_digest(again, fresh);
    xr_floor_free(again);
    XR_ASSERT(xr_floor_check(shop->tables, true, on_broken, NULL) == 0);
    XR_ASSERT(memcmp(now, fresh, sizeof(now)) == 0);
}

/* A digest of all tables but `device`. */
static void digest_but_devices(struct shop *shop, uint8_t out[32])
{
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, 32);
    xr_floor_settle(shop->floor, shop->tables);
    for (int table = 1; table < XR_TABLE_COUNT; table++) {
        struct xr_scan scan;
        struct xr_bin key;
        struct xr_bin value;
        if (table == XR_TABLE_device)
            continue;
        xr_tables_scan_open(shop->tables, (enum xr_table)table, xr_key_none(), false, &scan);
        while (xr_tables_scan_next(shop->tables, &scan, &key, &value)) {
            crypto_generichash_update(&state, key.at, key.size);
            crypto_generichash_update(&state, value.at, value.size);
        }
        xr_tables_scan_close(shop->tables, &scan);
    }
    crypto_generichash_final(&state, out, 32);
}

/* ---- effects --------------------------------------------------------------------------------- */

static void take_reply(struct shop *shop, const struct xr_effect *effect)
{
    struct xr_frame frame;
    size_t used = 0;
    const void *message = NULL;
    struct xr_wire_error error = {0};
    XR_ASSERT(xr_frame_read(effect->bytes, &frame, &used) == XR_OK);
    XR_ASSERT(used == effect->bytes.size);
    XR_ASSERT(xr_body_decode((enum xr_type)frame.type, frame.body, arena, &message, &error) ==
              XR_OK);
    XR_ASSERT(xr_message_info((enum xr_type)frame.type)->kind == XR_KIND_ANSWER);
    shop->is_refused = frame.type == XR_TYPE_error;
}

static void take_push(const struct shop *shop, const struct xr_effect *effect)
{
    struct xr_journal_row read;
    const void *update = NULL;
    XR_ASSERT(effect->seq <= xr_floor_head(shop->floor));
    XR_ASSERT(xr_journal_decode(effect->bytes, &read) == XR_OK);
    XR_ASSERT(xr_journal_message(&read, effect->seq, arena, &update) == XR_OK);
}

static void take_attach(struct shop *shop, const struct xr_effect *effect)
{
    struct client *client = shop->asking;
    XR_ASSERT(client != NULL);
    client->agent = effect->agent;
    client->role = effect->role;
    client->device = effect->device;
    client->origin = effect->origin;
}

static void take_detach(struct shop *shop, const struct xr_effect *effect)
{
    for (size_t i = 0; i < DEVICES; i++) {
        struct client *client = &shop->clients[i];
        if (client->device.n == effect->device.n && client->origin != effect->origin)
            client->origin = 0;
    }
}

/* Returns how many answers there were. */
static size_t take_effects(struct shop *shop)
{
    size_t replies = 0;
    for (size_t i = 0; i < shop->effects.count; i++) {
        const struct xr_effect *effect = &shop->effects.at[i];
        replies += effect->kind == XR_EFFECT_REPLY;
        if (effect->kind == XR_EFFECT_REPLY)
            take_reply(shop, effect);
        else if (effect->kind == XR_EFFECT_PUSH)
            take_push(shop, effect);
        else if (effect->kind == XR_EFFECT_ATTACH)
            take_attach(shop, effect);
        else if (effect->kind == XR_EFFECT_DETACH)
            take_detach(shop, effect);
    }
    return replies;
}

/* ---- events ---------------------------------------------------------------------------------- */

static void run(struct shop *shop, struct xr_event *event)
{
    event->floor_ms = shop->floor_ms;
    event->wall_ms = WALL + shop->floor_ms;
    xr_put_u64be(event->random, ++shop->random);
    xr_effects_reset(&shop->effects);
    xr_floor_step(shop->floor, shop->tables, event, &shop->effects);
    if (shop->tables->failed != XR_OK)
        return;
    const size_t replies = take_effects(shop);
    if (event->counter != 0)
        XR_ASSERT(replies == 1);
}

static void tell(struct shop *shop, enum xr_type type, const void *message, uint64_t origin)
{
    run(shop, &(struct xr_event){.type = type, .message = message, .origin = origin});
}

static void command(struct shop *shop, struct client *client, enum xr_type type,
                    const void *message, uint64_t counter)
{
    run(shop, &(struct xr_event){.who = client->agent,
                                 .device = client->device,
                                 .counter = counter,
                                 .origin = client->origin,
                                 .type = type,
                                 .message = message});
    if (counter == client->counter + 1)
        client->counter = counter;
}

static void name_token(const struct client *client, uint64_t device, uint8_t hash[XR_HASH_BYTES])
{
    (void)client;
    memset(hash, 0, XR_HASH_BYTES);
    xr_put_u64be(hash, device);
}

/* A new device for that login. */
static void prove(struct shop *shop, struct client *client, struct xr_str login, bool ok)
{
    uint8_t hash[XR_HASH_BYTES];
    const uint64_t device = 1000 + ++shop->origins;
    name_token(client, device, hash);
    const struct xr_proved proved = {.login = login,
                                     .ok = ok,
                                     .token_hash = {hash, sizeof(hash)},
                                     .device = {device},
                                     .client = XR_STR("fuzz/1")};
    client->counter = 0;
    shop->asking = client;
    tell(shop, XR_TYPE_asked, &(struct xr_asked){.login = login}, shop->origins);
    tell(shop, XR_TYPE_proved, &proved, shop->origins);
    shop->asking = NULL;
}

static void leave(struct shop *shop, struct client *client, enum xr_gone_reason why)
{
    const struct xr_gone gone = {.device = client->device, .why = why};
    const uint64_t origin = client->origin;
    client->origin = 0;
    if (client->device.n != 0)
        tell(shop, XR_TYPE_gone, &gone, origin);
}

/* ---- messages from the schema ---------------------------------------------------------------- */

static void *take(size_t size)
{
    void *memory = xr_arena_take(arena, size);
    XR_ASSERT(memory != NULL);
    memset(memory, 0, size);
    return memory;
}

/* Mostly short and from a few, so that names meet; sometimes as long as may be. */
static struct xr_str make_text(struct input *input, int64_t max)
{
    static const char *const words[] = {"default", "a",    "b",  "tao",
                                        "ann",     "sven", "早", "12345678"};
    const uint8_t choice = input_u8(input);
    if (choice < 240) {
        struct xr_str word = xr_str_of(words[choice % (sizeof(words) / sizeof(*words))]);
        return max >= 8 ? word : (struct xr_str){word.at, 1};
    }
    const uint32_t size = (uint32_t)(choice == 240 ? max : max * (choice - 240) / 16);
    char *text = take(size + 1);
    memset(text, 'x', size);
    return (struct xr_str){text, size};
}

static struct xr_str make_setting(struct input *input)
{
    return xr_str_of(xr_settings[input_pick(input, (uint32_t)xr_settings_count)].name);
}

static int64_t make_number(struct input *input, const struct xr_field_info *field)
{
    const uint8_t choice = input_u8(input);
    int64_t number = choice < 250 ? field->min + choice % 64 : field->max - (choice - 250);
    if (choice >= 230 && choice < 250)
        number = field->min < 0 ? choice : field->min + input_u16(input);
    if (number < field->min || number > field->max)
        number = field->min;
    return number;
}

static void make_fields(struct input *input, const struct xr_message_info *info, void *message);

static size_t element_size(const struct xr_field_info *field)
{
    switch (field->type) {
    case XR_FIELD_u32s:
        return sizeof(uint32_t);
    case XR_FIELD_u64s:
        return sizeof(uint64_t);
    case XR_FIELD_strs:
        return sizeof(struct xr_str);
    default:
        return field->part->size;
    }
}

static void make_element(struct input *input, const struct xr_field_info *field, void *place)
{
    const uint64_t number = 1 + input_pick(input, 4);
    const uint32_t narrow = (uint32_t)number;
    struct xr_str text;
    switch (field->type) {
    case XR_FIELD_u32s:
        memcpy(place, &narrow, sizeof(narrow));
        break;
    case XR_FIELD_u64s:
        memcpy(place, &number, sizeof(number));
        break;
    case XR_FIELD_strs:
        text = make_text(input, XR_TAG_MAX);
        memcpy(place, &text, sizeof(text));
        break;
    default:
        make_fields(input, field->part, place);
    }
}

static void make_list(struct input *input, const struct xr_field_info *field, void *place)
{
    const uint8_t choice = input_u8(input);
    uint32_t count = choice < 250 ? choice % 4 : choice % 40;
    if (count > field->max)
        count = (uint32_t)field->max;
    char *elements = take(element_size(field) * (count + 1));
    const struct xr_list list = {elements, count};
    for (uint32_t i = 0; i < count; i++)
        make_element(input, field, elements + i * element_size(field));
    memcpy(place, &list, sizeof(list));
}

static void make_field(struct input *input, const struct xr_message_info *info,
                       const struct xr_field_info *field, void *place)
{
    const struct xr_enum_value *values = field->choice != NULL ? field->choice->values : NULL;
    struct xr_str text;
    uint32_t narrow;
    int64_t number;
    switch (field->type) {
    case XR_FIELD_bool:
        *(bool *)place = input_u8(input) & 1;
        break;
    case XR_FIELD_choice:
        narrow = values[input_pick(input, (uint32_t)field->choice->count)].number;
        memcpy(place, &narrow, sizeof(narrow));
        break;
    case XR_FIELD_str:
        text =
            info->type == XR_TYPE_setting_set ? make_setting(input) : make_text(input, field->max);
        memcpy(place, &text, sizeof(text));
        break;
    case XR_FIELD_bin: /* no command has any */
        break;
    case XR_FIELD_nested:
        make_fields(input, field->part, place);
        break;
    case XR_FIELD_u32s:
    case XR_FIELD_u64s:
    case XR_FIELD_strs:
    case XR_FIELD_list:
        make_list(input, field, place);
        break;
    default:
        number = make_number(input, field);
        narrow = (uint32_t)number;
        if (xr_field_is_u32(field))
            memcpy(place, &narrow, sizeof(narrow));
        else
            memcpy(place, &number, sizeof(number));
    }
}

static void make_fields(struct input *input, const struct xr_message_info *info, void *message)
{
    const uint16_t wanted = input_u16(input);
    uint64_t has = 0;
    for (size_t i = 0; i < info->count; i++) {
        const struct xr_field_info *field = &info->fields[i];
        if (!field->required && ((wanted >> (i % 16)) & 1) == 0)
            continue;
        has |= UINT64_C(1) << field->number;
        make_field(input, info, field, (char *)message + field->offset);
    }
    memcpy(message, &has, sizeof(has));
}

/* As it would come through the gate: encoded, decoded, passwords hashed. */
static const void *make_message(struct input *input, const struct xr_message_info *info)
{
    void *message = take(info->size);
    make_fields(input, info, message);
    if (info->type == XR_TYPE_account_set) {
        struct xr_account_set *set = message;
        set->hash = set->password.size > 0 ? XR_STR("hash") : (struct xr_str){NULL, 0};
        set->password = (struct xr_str){NULL, 0};
        set->has &= ~(UINT64_C(1) << 6 | UINT64_C(1) << 12);
    }
    struct xr_buf *bytes = take(sizeof(*bytes));
    xr_buf_init(bytes, XR_FRAME_BYTES_MAX);
    xr_body_encode(bytes, info->type, message);
    XR_ASSERT(!bytes->failed);
    const struct xr_bin body = xr_arena_bin(arena, bytes->at, bytes->size);
    xr_buf_fini(bytes);
    const void *decoded = NULL;
    struct xr_wire_error error = {0};
    if (xr_body_decode(info->type, body, arena, &decoded, &error) != XR_OK)
        return NULL; /* the gate refuses it: a text that may not be empty, … */
    return decoded;
}

/* ---- steps ----------------------------------------------------------------------------------- */

/* The n-th message of a kind. */
static const struct xr_message_info *choose_info(struct input *input, enum xr_kind kind)
{
    size_t count = 0;
    size_t found = 0;
    const struct xr_message_info *const *all = xr_messages(&count);
    const struct xr_message_info *of_kind[64];
    for (size_t i = 0; i < count; i++)
        if (all[i]->kind == kind && found < 64)
            of_kind[found++] = all[i];
    return of_kind[input_pick(input, (uint32_t)found)];
}

/* Somebody, connected or not; of commands mostly one who is. */
static struct client *choose_client(struct shop *shop, struct input *input)
{
    return &shop->clients[input_pick(input, DEVICES)];
}

static uint64_t choose_counter(const struct client *client, uint8_t how)
{
    if (how >= 8)
        return client->counter + 1;
    if (how >= 6)
        return client->counter + 2; /* a gap */
    return client->counter > how ? client->counter - how : client->counter + 1;
}

static void step_command(struct shop *shop, struct input *input)
{
    struct client *client = choose_client(shop, input);
    const struct xr_message_info *info = choose_info(input, XR_KIND_COMMAND);
    const uint8_t how = input_u8(input);
    const void *message = make_message(input, info);
    const bool is_watched = how % 16 == 15;
    uint8_t before[32];
    uint8_t after[32];
    if (client->device.n == 0 || message == NULL)
        return;
    if (is_watched)
        digest_but_devices(shop, before);
    command(shop, client, info->type, message, choose_counter(client, how));
    if (!is_watched || !shop->is_refused || shop->tables->failed != XR_OK)
        return;
    digest_but_devices(shop, after);
    XR_ASSERT(shop->tables->failed != XR_OK || memcmp(before, after, sizeof(before)) == 0);
}

static void step_query(struct shop *shop, struct input *input)
{
    const struct client *client = choose_client(shop, input);
    const struct xr_message_info *info = choose_info(input, XR_KIND_QUERY);
    const void *message = make_message(input, info);
    enum xr_type type = XR_TYPE_none;
    const void *answer = NULL;
    if (client->device.n == 0 || message == NULL)
        return;
    const struct xr_asker asker = {
        .agent = client->agent, .role = client->role, .wall_ms = WALL + shop->floor_ms};
    xr_floor_settle(shop->floor, shop->tables);
    xr_floor_query(shop->tables, &asker, info->type, message, arena, &type, &answer);
    xr_buf_reset(&row);
    xr_frame_encode(&row, type, 1, answer);
    XR_ASSERT(!row.failed);
    XR_ASSERT(row.size <= XR_FRAME_BYTES_MAX);
}

static void step_prove(struct shop *shop, struct input *input)
{
    struct client *client = choose_client(shop, input);
    const uint8_t who = input_u8(input);
    if (client->origin == 0)
        prove(shop, client, xr_str_of(who < 200 ? logins[who % PEOPLE] : "a"), who % 16 != 15);
}

static void step_come(struct shop *shop, struct input *input)
{
    struct client *client = choose_client(shop, input);
    uint8_t hash[XR_HASH_BYTES];
    name_token(client, client->device.n, hash);
    const struct xr_came came = {.token_hash = {hash, sizeof(hash)}, .client = XR_STR("fuzz/2")};
    shop->asking = client;
    tell(shop, XR_TYPE_came, &came, ++shop->origins);
    shop->asking = NULL;
}

static void step_go(struct shop *shop, struct input *input)
{
    struct client *client = choose_client(shop, input);
    leave(shop, client, XR_gone_reason_CLOSED + input_pick(input, 3));
}

/* A lease ends of a connection that has long been replaced. */
static void step_go_late(struct shop *shop, struct input *input)
{
    const struct client *client = choose_client(shop, input);
    const struct xr_gone gone = {.device = client->device, .why = XR_gone_reason_SILENT};
    if (client->device.n != 0 && client->origin > 1)
        tell(shop, XR_TYPE_gone, &gone, client->origin - 1);
}

static void pass(struct shop *shop, int64_t ms)
{
    const int64_t until = shop->floor_ms + ms;
    const struct xr_tick tick = {0};
    int ticks = 0;
    while (xr_floor_deadline(shop->floor) <= until) {
        const int64_t due = xr_floor_deadline(shop->floor);
        if (due > shop->floor_ms)
            shop->floor_ms = due;
        tell(shop, XR_TYPE_tick, &tick, 0);
        XR_ASSERT(++ticks < TICKS_MAX);
    }
    shop->floor_ms = until;
}

static void step_wait(struct shop *shop, struct input *input)
{
    static const int64_t spans[] = {1,     100,         1000,        5000,        20000,
                                    60000, 10 * 60000L, 35 * 60000L, 2 * HOUR_MS, 200 * HOUR_MS};
    pass(shop, spans[input_pick(input, sizeof(spans) / sizeof(*spans))]);
}

/* Time passes, and nobody has told the floor that a deadline was due: a busy server. */
static void step_lag(struct shop *shop, struct input *input)
{
    shop->floor_ms += INT64_C(1) << input_pick(input, 20);
}

static void step_restart(struct shop *shop, struct input *input)
{
    const uint64_t down_ms = (uint64_t)input_u8(input) * input_u8(input) * 100;
    const struct xr_started started = {.down_ms = down_ms, .lease_ms = LEASE_MS};
    xr_floor_settle(shop->floor, shop->tables);
    if (shop->tables->failed != XR_OK)
        return;
    xr_floor_free(shop->floor);
    shop->floor = load_floor(shop->tables);
    shop->floor_ms += (int64_t)down_ms;
    for (size_t i = 0; i < DEVICES; i++)
        shop->clients[i].origin = 0;
    tell(shop, XR_TYPE_started, &started, 0);
}

/* A batch ends. */
static void step_settle(struct shop *shop, struct input *input)
{
    (void)input;
    xr_floor_settle(shop->floor, shop->tables);
}

/* Said often: what a shop does all day, with a session and a sender that fit. */
static void step_work(struct shop *shop, struct input *input)
{
    const uint8_t how = input_u8(input);
    struct client *client = choose_client(shop, input);
    const struct xr_session_id session = {1 + input_pick(input, 8)};
    const struct xr_open open = {.channel = XR_STR("tao"),
                                 .buyer = xr_str_of(logins[input_pick(input, PEOPLE)]),
                                 .klass = how % XR_queue_class_LEFT_MESSAGE,
                                 .text = how & 1 ? XR_STR("在吗") : (struct xr_str){NULL, 0}};
    const struct xr_say say = {.session = session, .text = XR_STR("你好")};
    const struct xr_close close = {.session = session};
    const struct xr_be be = {.state = XR_presence_OFFLINE + how % 4};
    const struct {
        enum xr_type type;
        const void *message;
    } choices[] = {{XR_TYPE_open, &open}, {XR_TYPE_say, &say},     {XR_TYPE_open, &open},
                   {XR_TYPE_say, &say},   {XR_TYPE_close, &close}, {XR_TYPE_be, &be}};
    const size_t choice = (how >> 2) % (sizeof(choices) / sizeof(*choices));
    if (client->device.n != 0)
        command(shop, client, choices[choice].type, choices[choice].message, client->counter + 1);
}

/* ---- the shop -------------------------------------------------------------------------------- */

static void hire(struct shop *shop, size_t who, enum xr_role role)
{
    const struct xr_account_set set = {.login = xr_str_of(logins[who]),
                                       .name = xr_str_of(logins[who]),
                                       .role = role,
                                       .hash = XR_STR("hash")};
    command(shop, &shop->clients[0], XR_TYPE_account_set, &set, shop->clients[0].counter + 1);
    XR_ASSERT(!shop->is_refused);
    prove(shop, &shop->clients[who], set.login, true);
    if (role != XR_role_AGENT)
        return;
    const struct xr_be be = {.state = XR_presence_ONLINE};
    command(shop, &shop->clients[who], XR_TYPE_be, &be, shop->clients[who].counter + 1);
    XR_ASSERT(!shop->is_refused);
}

static void open_shop(struct shop *shop)
{
    static const enum xr_role roles[PEOPLE] = {XR_role_OWNER,  XR_role_SUPERVISOR, XR_role_AGENT,
                                               XR_role_AGENT,  XR_role_AGENT,      XR_role_AGENT,
                                               XR_role_BRIDGE, XR_role_BRIDGE};
    const struct xr_founded founded = {
        .name = XR_STR("shop"), .login = XR_STR("olga"), .hash = XR_STR("hash")};
    shop->tables = xr_memory_tables_new();
    XR_ASSERT(shop->tables != NULL);
    shop->floor = load_floor(shop->tables);
    shop->floor_ms = 1000;
    tell(shop, XR_TYPE_founded, &founded, 0);
    prove(shop, &shop->clients[0], founded.login, true);
    for (size_t i = 1; i < PEOPLE; i++)
        hire(shop, i, roles[i]);
}

static void close_shop(struct shop *shop)
{
    xr_floor_free(shop->floor);
    xr_memory_tables_free(shop->tables);
    xr_effects_fini(&shop->effects);
}

static void run_steps(struct shop *shop, struct input *input)
{
    static void (*const steps[])(struct shop *, struct input *) = {
        step_command, step_command, step_command, step_command, step_work,   step_work,
        step_work,    step_work,    step_query,   step_prove,   step_come,   step_go,
        step_go_late, step_wait,    step_lag,     step_restart, step_settle,
    };
    for (int i = 0; i < STEPS_MAX && input_left(input) > 0; i++) {
        if (shop->tables->failed != XR_OK)
            return; /* as the engine does: what is written now is lost */
        xr_arena_reset(arena);
        steps[input_pick(input, sizeof(steps) / sizeof(*steps))](shop, input);
    }
}

/* The store fills up in the middle of a step, whose effects nobody will see; it must not fall. */
static void run_full(struct shop *shop, struct input *input)
{
    xr_memory_tables_fail_after(shop->tables, input_u8(input));
    run_steps(shop, input);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (arena == NULL) {
        XR_ASSERT(sodium_init() >= 0);
        arena = xr_arena_new(1 << 16);
        XR_ASSERT(arena != NULL);
        xr_buf_init(&row, (size_t)4 << 20);
    }
    struct shop shop = {0};
    struct input input = {data, size};
    const uint8_t tail = input_u8(&input); /* from 240: of what is left, the last half runs full */
    struct input rest = input;
    if (tail >= 240)
        rest = input_part(&input, input.left / 2);
    xr_arena_reset(arena);
    open_shop(&shop);
    run_steps(&shop, &rest);
    judge(&shop);
    if (tail >= 240)
        run_full(&shop, &input);
    close_shop(&shop);
    return 0;
}
