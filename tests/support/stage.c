#include "support/stage.h"

#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "floor/record.h"
#include "proto/text.h"
#include "store/store.h"

#define STAGE_WALL INT64_C(1764000000000)

static struct xr_floor *new_floor(void)
{
    static const struct xr_floor_options options = {
        .commit = XR_commit_mode_SYNC, .lease_ms = 15000, .beat_ms = 5000, .server = "stage"};
    struct xr_floor *floor = xr_floor_new(&options);
    assert_non_null(floor);
    return floor;
}

/* ---- how much one step writes ---- */

static const struct xr_tables_ops *counted_ops; /* of the memory tables */
static size_t writes;

static void count_put(struct xr_tables *tables, enum xr_table table, struct xr_bin key,
                      struct xr_bin value)
{
    writes++;
    counted_ops->put(tables, table, key, value);
}

static void count_append(struct xr_tables *tables, enum xr_table table, struct xr_bin key,
                         struct xr_bin value)
{
    writes++;
    counted_ops->append(tables, table, key, value);
}

static void count_del(struct xr_tables *tables, enum xr_table table, struct xr_bin key)
{
    writes++;
    counted_ops->del(tables, table, key);
}

static struct xr_tables *new_tables(void)
{
    static struct xr_tables_ops counting;
    struct xr_tables *tables = xr_memory_tables_new();
    assert_non_null(tables);
    counted_ops = tables->ops;
    counting = *tables->ops;
    counting.put = count_put;
    counting.append = count_append;
    counting.del = count_del;
    tables->ops = &counting;
    return tables;
}

/* ---- what a floor does, as text ---- */

static struct stage_person *by_origin(struct stage *stage, uint64_t origin)
{
    for (size_t i = 0; i < stage->person_count; i++)
        if (stage->people[i].origin == origin)
            return &stage->people[i];
    return stage->asking;
}

static const void *decode(struct stage *stage, enum xr_type type, struct xr_bin body)
{
    const void *message;
    struct xr_wire_error error;
    enum xr_status status = xr_body_decode(type, body, stage->arena, &message, &error);
    if (status != XR_OK)
        print_message("%s %s\n", xr_message_info(type)->name, error.field);
    assert_int_equal(status, XR_OK);
    return message;
}

static void log_reply(struct stage *stage, const struct xr_effect *effect)
{
    struct xr_frame frame;
    size_t used;
    struct stage_person *person = by_origin(stage, effect->origin);
    assert_int_equal(xr_frame_read(effect->bytes, &frame, &used), XR_OK);
    assert_int_equal(used, effect->bytes.size);
    const void *message = decode(stage, (enum xr_type)frame.type, frame.body);
    xr_buf_format(&stage->log, "%s <- ", person != NULL ? person->name : "?");
    xr_text_write(&stage->log, (enum xr_type)frame.type, (int64_t)frame.ref, message);
    xr_buf_text(&stage->log, "\n");
    stage->last_code = XR_code_NONE;
    if (frame.type == XR_TYPE_error)
        stage->last_code = ((const struct xr_error *)message)->code;
    if (frame.type == XR_TYPE_done && ((const struct xr_done *)message)->session.n != 0)
        stage->last_session = ((const struct xr_done *)message)->session.n;
}

static void log_push(struct stage *stage, const struct xr_effect *effect)
{
    struct xr_journal_row row;
    uint8_t frame[128 * 1024];
    struct xr_frame read;
    size_t used;
    assert_int_equal(xr_journal_decode(effect->bytes, &row), XR_OK);
    size_t head = xr_journal_head(&row, effect->seq, 0, frame);
    assert_true(head + row.packed.size <= sizeof frame);
    memcpy(frame + head, row.packed.at, row.packed.size);
    struct xr_bin all = {frame, (uint32_t)(head + row.packed.size)};
    assert_int_equal(xr_frame_read(all, &read, &used), XR_OK);
    const void *message = decode(stage, row.type, read.body);
    const char *space = "";
    xr_buf_text(&stage->log, "[");
    for (size_t i = 0; i < stage->person_count; i++) {
        struct stage_person *person = &stage->people[i];
        if (person->origin == 0 || !xr_audience_has(&effect->audience, person->agent, person->role))
            continue;
        xr_buf_format(&stage->log, "%s%s", space, person->name);
        space = " ";
    }
    xr_buf_text(&stage->log, "] ");
    xr_text_write(&stage->log, row.type, -1, message);
    xr_buf_text(&stage->log, "\n");
}

static void log_effects(struct stage *stage)
{
    for (size_t i = 0; i < stage->effects.count; i++) {
        const struct xr_effect *effect = &stage->effects.at[i];
        struct stage_person *person;
        switch (effect->kind) {
        case XR_EFFECT_REPLY:
            log_reply(stage, effect);
            break;
        case XR_EFFECT_PUSH:
            log_push(stage, effect);
            break;
        case XR_EFFECT_ATTACH:
            person = stage->asking;
            person->agent = effect->agent;
            person->role = effect->role;
            person->device = effect->device;
            person->origin = effect->origin;
            break;
        case XR_EFFECT_DETACH:
            for (size_t p = 0; p < stage->person_count; p++)
                if (stage->people[p].device.n == effect->device.n &&
                    stage->people[p].origin != effect->origin) {
                    xr_buf_format(&stage->log, "%s: detached\n", stage->people[p].name);
                    stage->people[p].origin = 0;
                }
            break;
        case XR_EFFECT_VERIFY:
            xr_buf_format(&stage->log, "verify \"%.*s\"\n", (int)effect->hash.size,
                          effect->hash.at == NULL ? "" : effect->hash.at);
            break;
        }
    }
}

/* ---- what must hold after every event ---- */

static void report(void *context, const char *invariant, const char *text)
{
    struct stage *stage = context;
    stage->broken++;
    print_message("broken %s: %s\n", invariant, text);
}

static void assert_whole(struct stage *stage)
{
    uint8_t now[32];
    uint8_t fresh[32];
    struct xr_floor *again = new_floor();
    assert_int_equal(xr_floor_load(again, stage->tables), XR_OK);
    xr_floor_digest(stage->floor, now);
    xr_floor_digest(again, fresh);
    xr_floor_free(again);
    if (memcmp(now, fresh, sizeof now) != 0)
        print_message("after:\n%.*s\n", (int)stage->log.size, (const char *)stage->log.at);
    assert_memory_equal(now, fresh, sizeof now);
    size_t broken = xr_floor_check(stage->tables, true, report, stage);
    if (broken != 0)
        print_message("after:\n%.*s\n", (int)stage->log.size, (const char *)stage->log.at);
    assert_int_equal(broken, 0);
}

static void assert_same_effect(const struct xr_effect *a, const struct xr_effect *b)
{
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->origin, b->origin);
    assert_int_equal(a->seq, b->seq);
    assert_memory_equal(&a->audience, &b->audience, sizeof a->audience);
    assert_int_equal(a->bytes.size, b->bytes.size);
    if (a->bytes.size > 0)
        assert_memory_equal(a->bytes.at, b->bytes.at, a->bytes.size);
    assert_true(xr_str_equal(a->hash, b->hash));
    assert_int_equal(a->agent.n, b->agent.n);
    assert_int_equal(a->role, b->role);
    assert_int_equal(a->device.n, b->device.n);
}

/* The same event on the twin tables, by an index that knows nothing but them. */
static void play_twin(struct stage *stage, const struct xr_event *event)
{
    struct xr_effects effects = {NULL, 0, 0, NULL};
    uint8_t here[32];
    uint8_t there[32];
    if (!stage->check_each) { /* behind from now on */
        xr_memory_tables_free(stage->twin);
        stage->twin = NULL;
    }
    if (stage->twin == NULL)
        return;
    struct xr_floor *fresh = new_floor();
    assert_int_equal(xr_floor_load(fresh, stage->twin), XR_OK);
    xr_floor_step(fresh, stage->twin, event, &effects);
    xr_floor_settle(fresh, stage->twin);
    assert_int_equal(effects.count, stage->effects.count);
    for (size_t i = 0; i < effects.count; i++)
        assert_same_effect(&stage->effects.at[i], &effects.at[i]);
    xr_tables_digest(stage->tables, here);
    xr_tables_digest(stage->twin, there);
    assert_memory_equal(here, there, sizeof here);
    xr_effects_fini(&effects);
    xr_floor_free(fresh);
}

/* ---- no room ---- */

static struct xr_tables *copy_tables(struct xr_tables *from)
{
    struct xr_tables *to = xr_memory_tables_new();
    assert_non_null(to);
    for (int table = 1; table < XR_TABLE_COUNT; table++) {
        struct xr_scan scan;
        struct xr_bin key;
        struct xr_bin value;
        xr_tables_scan_open(from, (enum xr_table)table, xr_key_none(), false, &scan);
        while (xr_tables_scan_next(from, &scan, &key, &value))
            xr_tables_put(to, (enum xr_table)table, key, value);
        xr_tables_scan_close(from, &scan);
    }
    return to;
}

/* The event where there is room for so many writes only. What comes of it is thrown away, as the
 * engine does; that it comes back is all that counts. */
static void step_with_room_for(struct xr_tables *before, const struct xr_event *event, size_t room)
{
    struct xr_effects effects = {NULL, 0, 0, NULL};
    struct xr_tables *tables = copy_tables(before);
    struct xr_floor *floor = new_floor();
    assert_int_equal(xr_floor_load(floor, tables), XR_OK);
    xr_memory_tables_fail_after(tables, (int64_t)room);
    xr_floor_step(floor, tables, event, &effects);
    assert_int_equal(tables->failed, XR_STORAGE);
    xr_effects_fini(&effects);
    xr_floor_free(floor);
    xr_memory_tables_free(tables);
}

/* A digest of all tables but `device`. */
static void digest_but_devices(struct stage *stage, uint8_t out[32])
{
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, 32);
    for (int table = 1; table < XR_TABLE_COUNT; table++) {
        struct xr_scan scan;
        struct xr_bin key;
        struct xr_bin value;
        if (table == XR_TABLE_device)
            continue;
        xr_tables_scan_open(stage->tables, (enum xr_table)table, xr_key_none(), false, &scan);
        while (xr_tables_scan_next(stage->tables, &scan, &key, &value)) {
            crypto_generichash_update(&state, key.at, key.size);
            crypto_generichash_update(&state, value.at, value.size);
        }
        xr_tables_scan_close(stage->tables, &scan);
    }
    crypto_generichash_final(&state, out, 32);
}

static void run(struct stage *stage, struct xr_event *event)
{
    uint8_t before[32];
    uint8_t after[32];
    bool command = event->counter != 0;
    event->floor_ms = stage->floor_ms;
    event->wall_ms = STAGE_WALL + stage->floor_ms;
    xr_put_u64be(event->random, ++stage->random);
    if (stage->check_each && command)
        digest_but_devices(stage, before);
    struct xr_tables *saved = stage->try_full ? copy_tables(stage->tables) : NULL;
    xr_effects_reset(&stage->effects);
    writes = 0;
    xr_floor_step(stage->floor, stage->tables, event, &stage->effects);
    if (writes > stage->writes_max)
        stage->writes_max = writes;
    for (size_t room = 0; saved != NULL && room < writes; room++)
        step_with_room_for(saved, event, room);
    xr_memory_tables_free(saved);
    stage->try_full = false;
    xr_floor_settle(stage->floor, stage->tables);
    play_twin(stage, event);
    xr_arena_reset(stage->arena);
    stage->last_code = XR_code_NONE;
    log_effects(stage);
    if (!stage->check_each)
        return;
    if (command && stage->last_code != XR_code_NONE) {
        digest_but_devices(stage, after);
        assert_memory_equal(before, after, sizeof before);
    }
    assert_whole(stage);
}

/* ---- the stage ---- */

void stage_event(struct stage *stage, enum xr_type type, const void *message)
{
    struct xr_event event = {.type = type, .message = message};
    if (stage->asking != NULL)
        event.origin = stage->asking->origin;
    run(stage, &event);
}

void stage_open(struct stage *stage)
{
    memset(stage, 0, sizeof *stage);
    stage->tables = new_tables();
    stage->twin = xr_memory_tables_new();
    stage->floor = new_floor();
    stage->arena = xr_arena_new(4096);
    stage->floor_ms = 1000;
    stage->check_each = true;
    xr_buf_init(&stage->log, 64 * 1024 * 1024);
    assert_non_null(stage->arena);
    assert_non_null(stage->twin);
    struct xr_founded founded = {
        .name = XR_STR("shop"), .login = XR_STR("olga"), .hash = XR_STR("hash")};
    stage_event(stage, XR_TYPE_founded, &founded);
}

void stage_close(struct stage *stage)
{
    xr_floor_free(stage->floor);
    xr_memory_tables_free(stage->tables);
    xr_memory_tables_free(stage->twin);
    xr_effects_fini(&stage->effects);
    xr_arena_free(stage->arena);
    xr_buf_fini(&stage->log);
}

struct stage_person *stage_person(struct stage *stage, const char *name)
{
    for (size_t i = 0; i < stage->person_count; i++)
        if (strcmp(stage->people[i].name, name) == 0)
            return &stage->people[i];
    assert_true(stage->person_count < STAGE_PEOPLE);
    struct stage_person *person = &stage->people[stage->person_count++];
    memset(person, 0, sizeof *person);
    snprintf(person->name, sizeof person->name, "%s", name);
    return person;
}

void stage_come(struct stage *stage, const char *name)
{
    stage_join(stage, name, name);
}

void stage_join(struct stage *stage, const char *name, const char *login)
{
    struct stage_person *person = stage_person(stage, name);
    uint8_t hash[XR_HASH_BYTES] = {0};
    bool known = person->device.n != 0;
    uint64_t device = known ? person->device.n : stage->person_count * 1000 + stage->origins;
    struct xr_event event = {.origin = ++stage->origins};

    xr_put_u64be(hash, device);
    stage->asking = person;
    if (known) {
        struct xr_came came = {.token_hash = {hash, sizeof hash}, .client = XR_STR("stage/1")};
        event.type = XR_TYPE_came;
        event.message = &came;
        run(stage, &event);
    } else {
        struct xr_proved proved = {.login = xr_str_of(login),
                                   .ok = true,
                                   .token_hash = {hash, sizeof hash},
                                   .device = {device},
                                   .client = XR_STR("stage/1")};
        event.type = XR_TYPE_proved;
        event.message = &proved;
        run(stage, &event);
    }
    stage->asking = NULL;
}

void stage_go(struct stage *stage, const char *name, enum xr_gone_reason why)
{
    struct stage_person *person = stage_person(stage, name);
    struct xr_gone gone = {.device = person->device, .why = why};
    struct xr_event event = {.type = XR_TYPE_gone, .message = &gone, .origin = person->origin};
    person->origin = 0;
    run(stage, &event);
}

enum xr_code stage_send(struct stage *stage, const char *name, enum xr_type type,
                        const void *message, uint64_t counter)
{
    struct stage_person *person = stage_person(stage, name);
    struct xr_event event = {
        .who = person->agent,
        .device = person->device,
        .counter = counter != 0 ? counter : person->counter + 1,
        .origin = person->origin,
        .type = type,
        .message = message,
    };
    if (counter == 0)
        person->counter++;
    run(stage, &event);
    return stage->last_code;
}

void stage_ask(struct stage *stage, const char *name, enum xr_type type, const void *message)
{
    struct stage_person *person = stage_person(stage, name);
    struct xr_asker asker = {
        .agent = person->agent, .role = person->role, .wall_ms = STAGE_WALL + stage->floor_ms};
    enum xr_type answer_type;
    const void *answer;
    xr_arena_reset(stage->arena);
    xr_floor_query(stage->tables, &asker, type, message, stage->arena, &answer_type, &answer);
    xr_buf_format(&stage->log, "%s <- ", name);
    xr_text_write(&stage->log, answer_type, -1, answer);
    xr_buf_text(&stage->log, "\n");
}

void stage_wait(struct stage *stage, int64_t ms)
{
    int64_t until = stage->floor_ms + ms;
    struct xr_tick tick = {.has = 0};
    while (xr_floor_deadline(stage->floor) <= until) {
        int64_t due = xr_floor_deadline(stage->floor);
        if (due > stage->floor_ms)
            stage->floor_ms = due;
        stage_event(stage, XR_TYPE_tick, &tick);
    }
    stage->floor_ms = until;
}

void stage_oversleep(struct stage *stage, int64_t ms)
{
    stage->floor_ms += ms;
    stage_wait(stage, 0);
}

void stage_restart(struct stage *stage, int64_t down_ms)
{
    struct xr_started started = {.down_ms = (uint64_t)down_ms, .lease_ms = 15000};
    xr_floor_free(stage->floor);
    stage->floor = new_floor();
    stage->floor_ms += down_ms;
    assert_int_equal(xr_floor_load(stage->floor, stage->tables), XR_OK);
    for (size_t i = 0; i < stage->person_count; i++)
        stage->people[i].origin = 0;
    stage_event(stage, XR_TYPE_started, &started);
}

/* ---- shortcuts ---- */

static uint32_t add_account(struct stage *stage, const char *name, enum xr_role role,
                            const uint32_t *groups, uint32_t count)
{
    struct xr_account_set set = {
        .login = xr_str_of(name),
        .name = xr_str_of(name),
        .role = role,
        .hash = XR_STR("hash"),
        .groups = {groups, count},
    };
    if (count > 0)
        set.has |= UINT64_C(1) << 9;
    if (stage_person(stage, "olga")->origin == 0)
        stage_come(stage, "olga");
    assert_int_equal(stage_send(stage, "olga", XR_TYPE_account_set, &set, 0), XR_code_NONE);
    stage_come(stage, name);
    return stage_person(stage, name)->agent.n;
}

uint32_t stage_agent(struct stage *stage, const char *name, const uint32_t *groups, uint32_t count)
{
    struct xr_be be = {.state = XR_presence_ONLINE};
    uint32_t id = add_account(stage, name, XR_role_AGENT, groups, count);
    assert_int_equal(stage_send(stage, name, XR_TYPE_be, &be, 0), XR_code_NONE);
    return id;
}

void stage_bridge(struct stage *stage, const char *name)
{
    add_account(stage, name, XR_role_BRIDGE, NULL, 0);
}
