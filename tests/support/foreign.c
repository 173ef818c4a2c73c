#include "support/foreign.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define PATIENCE_MS 60000
#define RETRY_MS    20

/* From PROTOCOL.md, sections 9 to 11. */
enum {
    HELLO = 1,
    BEAT = 2,
    ACK = 3,
    WELCOME = 8,
    DONE = 9,
    ERROR = 10,
    MARKER = 11,
    OPEN = 16,
    SAY = 17,
    BE = 22,
    SESSION_CHANGED = 112,
    MESSAGE_ADDED = 113,
    UPDATE_LAST = 159,

    ONLINE = 2,
    ASSIGNED = 3,
    HELLO_NEEDED = 6,
};

struct client {
    const struct foreign_port *kind;
    void *port;
    const char *login;
    uint8_t token[32];
    bool has_token;
    uint64_t cursor; /* last update or marker */
    uint64_t counter;
    uint64_t agent;
    uint64_t session;  /* of the last assignment seen */
    uint64_t assigned; /* to whom */
    uint64_t messages; /* updates message_added */
    uint64_t number;   /* of the last of them */
    uint64_t updates;
    const uint8_t *at;
    const uint8_t *end;
    uint8_t in[1024 * 1024];
};

/* ---- frames ---------------------------------------------------------------------------------- */

static void send_frames(struct client *client, const struct byhand *frames)
{
    assert_true(client->kind->send(client->port, frames->at, frames->size));
}

/* False: nothing within `ms`. */
static bool take_within(struct client *client, int ms, struct byhand_got *got)
{
    while (!byhand_next(&client->at, client->end, got)) {
        const size_t size = client->kind->receive(client->port, ms, client->in, sizeof(client->in));
        if (size == 0)
            return false;
        client->at = client->in;
        client->end = client->in + size;
    }
    return true;
}

static void acknowledge(struct client *client)
{
    struct byhand frame = {0};
    byhand_frame(&frame, ACK, 0, 1);
    byhand_number(&frame, 1, client->cursor);
    send_frames(client, &frame);
}

/* An update in its place: `prev` is what we have. */
static void take_update(struct client *client, const struct byhand_got *got)
{
    assert_int_equal(byhand_get(&got->body, 2), client->cursor);
    client->cursor = byhand_get(&got->body, 1);
    if (got->type == MARKER)
        return;
    if (got->type == SESSION_CHANGED && byhand_get(&got->body, 3) == ASSIGNED) {
        const struct byhand_map session = byhand_part(&got->body, 4);
        client->session = byhand_get(&session, 1);
        client->assigned = byhand_get(&session, 5);
    }
    if (got->type == MESSAGE_ADDED) {
        const struct byhand_map message = byhand_part(&got->body, 3);
        client->messages++;
        assert_true(byhand_get(&message, 2) > client->number);
        client->number = byhand_get(&message, 2);
    }
    if (++client->updates % 16 == 0)
        acknowledge(client);
}

/* The next frame that is no update. */
static void take(struct client *client, struct byhand_got *got)
{
    for (;;) {
        if (!take_within(client, PATIENCE_MS, got))
            fail_msg("%s: nothing was received for %d ms", client->login, PATIENCE_MS);
        if (got->type != MARKER && (got->type < SESSION_CHANGED || got->type > UPDATE_LAST))
            return;
        take_update(client, got);
    }
}

static void take_until_messages(struct client *client, uint64_t messages)
{
    struct byhand_got got;
    while (client->messages < messages) {
        if (!take_within(client, PATIENCE_MS, &got))
            fail_msg("%s: nothing was received for %d ms", client->login, PATIENCE_MS);
        take_update(client, &got);
    }
}

/* ---- log-in ---------------------------------------------------------------------------------- */

static void write_hello(const struct client *client, struct byhand *frame)
{
    byhand_frame(frame, HELLO, 5, 6);
    byhand_number(frame, 1, 1);
    byhand_text(frame, 2, SERVED_FLOOR);
    byhand_true(frame, 6);
    byhand_text(frame, 8, "foreign/1");
    if (client->has_token) {
        byhand_bytes(frame, 5, client->token, sizeof(client->token));
        byhand_number(frame, 7, client->cursor);
    } else {
        byhand_text(frame, 3, client->login);
        byhand_text(frame, 4, SERVED_PASSWORD);
    }
}

static void log_in(struct client *client)
{
    struct byhand frame = {0};
    struct byhand_got got;
    size_t size = 0;
    write_hello(client, &frame);
    send_frames(client, &frame);
    take(client, &got);
    assert_int_equal(got.type, WELCOME);
    assert_int_equal(got.ref, 5);
    if (client->has_token)
        assert_int_equal(byhand_get(&got.body, 8), client->cursor);
    client->agent = byhand_get(&got.body, 2);
    client->cursor = byhand_get(&got.body, 8);
    const uint8_t *token = byhand_find(&got.body, 6, &size);
    assert_true(client->has_token == !token);
    if (!token)
        return;
    assert_int_equal(size, sizeof(client->token));
    memcpy(client->token, token, size);
    client->has_token = true;
}

static void join(struct client *client, const struct foreign_port *kind, const char *address,
                 const char *login)
{
    memset(client, 0, offsetof(struct client, in));
    client->kind = kind;
    client->login = login;
    client->port = kind->open(address);
    log_in(client);
}

static void leave(struct client *client)
{
    client->kind->close(client->port);
    client->port = NULL;
    client->at = client->end;
}

static void come_back(struct client *client, const char *address)
{
    client->port = client->kind->open(address);
    log_in(client);
}

/* ---- commands -------------------------------------------------------------------------------- */

static void write_say(struct byhand *frame, uint64_t counter, uint64_t session, const char *text)
{
    byhand_frame(frame, SAY, counter, 2);
    byhand_number(frame, 2, session);
    byhand_text(frame, 3, text);
}

/* Send a command whose counter has been taken, and wait for its `done`. */
static struct byhand_got finish(struct client *client, const struct byhand *frame)
{
    struct byhand_got got;
    send_frames(client, frame);
    take(client, &got);
    assert_int_equal(got.type, DONE);
    assert_int_equal(got.ref, client->counter);
    return got;
}

static uint64_t say(struct client *client, const char *text)
{
    struct byhand frame = {0};
    write_say(&frame, ++client->counter, client->session, text);
    const struct byhand_got got = finish(client, &frame);
    return byhand_get(&got.body, 2);
}

static void go_online(struct client *client)
{
    struct byhand frame = {0};
    byhand_frame(&frame, BE, ++client->counter, 1);
    byhand_number(&frame, 2, ONLINE);
    finish(client, &frame);
}

static void bring_buyer(struct client *client)
{
    struct byhand frame = {0};
    byhand_frame(&frame, OPEN, ++client->counter, 4);
    byhand_text(&frame, 2, "taobao");
    byhand_text(&frame, 3, "b1");
    byhand_text(&frame, 4, "Xiaoyu");
    byhand_text(&frame, 7, "Is anybody there?");
    const struct byhand_got got = finish(client, &frame);
    client->session = byhand_get(&got.body, 1);
    assert_int_equal(byhand_get(&got.body, 2), 1);
}

/* ---- scenes ---------------------------------------------------------------------------------- */

struct scene {
    struct served served;
    struct client bridge;
    struct client agent;
};

static void hire(const struct served *served)
{
    struct guest owner;
    guest_login(&owner, served, "owner", SERVED_PASSWORD, false);
    guest_hire(&owner, "tao", XR_role_BRIDGE);
    guest_hire(&owner, "mei", XR_role_AGENT);
    guest_close(&owner);
}

/* A bridge, and an agent that has got its buyer. */
static void begin(struct scene *scene, const struct foreign_port *port, bool over_tcp)
{
    served_init(&scene->served);
    served_start(&scene->served);
    hire(&scene->served);
    const char *address = over_tcp ? scene->served.tcp : scene->served.ipc;
    join(&scene->bridge, port, address, "tao");
    join(&scene->agent, port, address, "mei");
    go_online(&scene->agent);
    bring_buyer(&scene->bridge);
    take_until_messages(&scene->agent, 1);
    assert_int_equal(scene->agent.session, scene->bridge.session);
    assert_int_equal(scene->agent.assigned, scene->agent.agent);
}

static void end(struct scene *scene)
{
    leave(&scene->bridge);
    leave(&scene->agent);
    served_fini(&scene->served);
}

void foreign_talks_and_resumes(const struct foreign_port *port, bool over_tcp)
{
    static struct scene scene;
    begin(&scene, port, over_tcp);
    assert_int_equal(say(&scene.agent, "I am."), 2);
    take_until_messages(&scene.bridge, 1);
    leave(&scene.agent);
    for (uint64_t number = 3; number <= 102; number++)
        assert_int_equal(say(&scene.bridge, "And now?"), number);
    come_back(&scene.agent, over_tcp ? scene.served.ipc : scene.served.tcp);
    take_until_messages(&scene.agent, 102);
    assert_int_equal(scene.agent.number, 102);
    assert_int_equal(say(&scene.agent, "Back again."), 103);
    take_until_messages(&scene.bridge, 2);
    assert_int_equal(scene.bridge.number, 103);
    end(&scene);
}

/* Until the library has connected again the server cannot say it. A beat may be lost on the way. */
static void wait_until_told_to_log_in(struct client *client)
{
    struct byhand_got got;
    client->at = client->end;
    do {
        struct byhand beat = {0};
        byhand_frame(&beat, BEAT, 9, 0);
        (void)client->kind->send(client->port, beat.at, beat.size);
    } while (!take_within(client, RETRY_MS, &got) || got.type != ERROR);
    assert_int_equal(byhand_get(&got.body, 1), HELLO_NEEDED);
}

/* Answers to further beats are skipped: none of them is the welcome. */
static void log_in_again(struct client *client)
{
    struct byhand frame = {0};
    struct byhand_got got;
    write_hello(client, &frame);
    send_frames(client, &frame);
    do {
        take(client, &got);
    } while (got.type == ERROR && byhand_get(&got.body, 1) == HELLO_NEEDED);
    assert_int_equal(got.type, WELCOME);
    assert_int_equal(byhand_get(&got.body, 7), client->counter);
    assert_int_equal(byhand_get(&got.body, 8), client->cursor);
}

void foreign_outlives_the_server(const struct foreign_port *port)
{
    static struct scene scene;
    begin(&scene, port, false);
    say(&scene.bridge, "One more.");
    take_until_messages(&scene.agent, 2);
    served_kill(&scene.served);
    served_start(&scene.served);
    wait_until_told_to_log_in(&scene.agent);
    log_in_again(&scene.agent);
    wait_until_told_to_log_in(&scene.bridge);
    log_in_again(&scene.bridge);

    /* The last command again, as if its answer had been lost: the answer of then. */
    struct byhand again = {0};
    write_say(&again, scene.bridge.counter, scene.bridge.session, "One more.");
    const struct byhand_got got = finish(&scene.bridge, &again);
    assert_int_equal(byhand_get(&got.body, 2), 2);
    assert_int_equal(say(&scene.bridge, "Are you back?"), 3);
    take_until_messages(&scene.agent, 3);
    assert_int_equal(scene.agent.number, 3);
    end(&scene);
}
