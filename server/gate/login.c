/*
 * The way of a log-in, with a password: hello → places for a try → `asked` → VERIFY → the pool →
 * `proved` → ATTACH and welcome, or an error. With a token the middle is left out. The connection
 * is not read meanwhile.
 *
 * Secrets: the password is copied into guarded memory and given to the job; the token is drawn on
 * the loop and said once, in welcome. Both are wiped when they have served. A login that nobody has
 * is verified against a hash of nobody's password. Who names a floor that is not there goes the
 * whole way too, as nobody on the first floor.
 */
#include "gate/login.h"

#include <sodium.h>
#include <string.h>

#include "base/entropy.h"
#include "gate/feed.h"

#define XR_LOGIN_BUSY_MS   1000 /* said where the pool's queue is full */
#define XR_LOGIN_KEY_MAX   (4 * (XR_NAME_MAX + XR_LOGIN_MAX) + 1)
#define XR_LOGIN_KNOWN_MAX 100000 /* tokens remembered */

#define XR_LOGIN_FIRST_FLOOR 1 /* there before anybody can connect */

struct xr_login {
    uint64_t ref;
    uint32_t floor;
    bool wants_feed;
    bool has_cursor;
    bool is_verifying;
    uint64_t cursor;
    char *password; /* sodium_malloc; NULL: with a token, or the job's by now */
    uint32_t password_size;
    uint8_t token[XR_TOKEN_BYTES]; /* drawn for a new device */
    bool has_token;                /* it was drawn */
    bool is_token;                 /* it came with a token */
    bool is_known;                 /* that has been let in before */
    bool is_trying;                /* it holds its places */
    uint32_t login_size;
    uint32_t client_size;
    uint32_t key_size;
    char login[4 * XR_LOGIN_MAX];
    char client[4 * XR_NAME_MAX];
    uint8_t key[XR_LOGIN_KEY_MAX]; /* floor 0 login; of a token its hash */
};

static struct xr_str login_name(const struct xr_login *login)
{
    return (struct xr_str){login->login, login->login_size};
}

static struct xr_str client_name(const struct xr_login *login)
{
    return (struct xr_str){login->client, login->client_size};
}

/* ---- places for tries ------------------------------------------------------------------------ */

static struct xr_bin address_key(const struct xr_peer *peer)
{
    const char *address = xr_sp_peer(peer->conn);
    return (struct xr_bin){(const uint8_t *)address, (uint32_t)strlen(address)};
}

static struct xr_bin account_key(const struct xr_login *login)
{
    return (struct xr_bin){login->key, login->key_size};
}

/* Of a token: never 0. */
static uint64_t known_key(const struct xr_login *login)
{
    uint64_t key;
    memcpy(&key, login->key, sizeof(key));
    return key | 1;
}

/*
 * Returns 0, or after how many ms to come again. Others' failures from the same address (on one
 * machine that is everybody) do not keep out whom a token has let in before.
 */
static uint64_t begin_try(struct xr_peer *peer)
{
    struct xr_gate *gate = peer->gate;
    struct xr_login *login = peer->login;
    const uint64_t now_ms = xr_gate_now(gate);
    if (login->is_token) {
        login->is_known = xr_map_get(&gate->known, known_key(login)) != NULL;
        return login->is_known ? 0 : xr_tries_begin(gate->token_tries, now_ms, address_key(peer));
    }
    uint64_t ms = xr_tries_begin(gate->address_tries, now_ms, address_key(peer));
    if (ms > 0)
        return ms;
    ms = xr_tries_begin(gate->account_tries, now_ms, account_key(login));
    if (ms > 0)
        xr_tries_end(gate->address_tries, now_ms, address_key(peer), false);
    return ms;
}

static void end_try(struct xr_peer *peer, bool failed)
{
    struct xr_gate *gate = peer->gate;
    const struct xr_login *login = peer->login;
    const uint64_t now_ms = xr_gate_now(gate);
    if (login->is_known && failed)
        xr_map_remove(&gate->known, known_key(login));
    if (login->is_known || !login->is_trying)
        return;
    if (login->is_token) {
        xr_tries_end(gate->token_tries, now_ms, address_key(peer), failed);
    } else {
        xr_tries_end(gate->address_tries, now_ms, address_key(peer), failed);
        xr_tries_end(gate->account_tries, now_ms, account_key(login), failed);
    }
}

/* The token is good: remember it, as long as there is room. */
static void learn_token(struct xr_peer *peer)
{
    static char anything;
    struct xr_map *known = &peer->gate->known;
    if (!peer->login->is_token || known->count >= XR_LOGIN_KNOWN_MAX)
        return;
    if (xr_map_put(known, known_key(peer->login), &anything))
        return; /* no memory: then it is not known */
}

/* The log-in is over: forget it and listen again. */
static void end_login(struct xr_peer *peer, bool failed)
{
    struct xr_login *login = peer->login;
    end_try(peer, failed);
    sodium_free(login->password);
    sodium_memzero(login, sizeof(*login));
    xr_mem_free(login);
    peer->login = NULL;
    peer->state = XR_PEER_NEW;
}

static void refuse_login(struct xr_peer *peer, enum xr_code code, uint64_t retry_ms)
{
    const uint64_t ref = peer->login->ref;
    const bool failed = code == XR_code_DENIED || code == XR_code_UNKNOWN_DEVICE;
    if (failed)
        peer->gate->metrics.logins_refused++;
    end_login(peer, failed);
    xr_peer_refuse(peer, ref, code, NULL, retry_ms);
    xr_peer_resume(peer);
}

void xr_login_abandon(struct xr_peer *peer)
{
    end_login(peer, true); /* who leaves in the middle does not try for nothing */
}

/* ---- verifying ------------------------------------------------------------------------------- */

struct verify {
    struct xr_job job;
    struct xr_gate *gate;
    uint64_t origin;
    bool is_nobody; /* whatever the result, it is not right */
    bool is_right;
    char *password;
    uint32_t password_size;
    char hash[crypto_pwhash_STRBYTES];
};

static void on_verify(struct xr_job *job)
{
    struct verify *verify = (struct verify *)job;
    verify->is_right =
        crypto_pwhash_str_verify(verify->hash, verify->password, verify->password_size) == 0;
    if (verify->is_nobody)
        verify->is_right = false;
}

/* Draw what a new device needs, and let the floor decide. */
static void tell_proved(struct xr_peer *peer, bool is_right)
{
    struct xr_login *login = peer->login;
    uint8_t hash[XR_HASH_BYTES];
    xr_entropy_fill(login->token, sizeof(login->token));
    login->has_token = true;
    crypto_generichash(hash, sizeof(hash), login->token, sizeof(login->token), NULL, 0);
    const struct xr_proved proved = {
        .login = login_name(login),
        .ok = is_right,
        .token_hash = {hash, sizeof(hash)},
        .device = {xr_entropy_number()},
        .client = client_name(login),
    };
    xr_gate_tell(peer->gate, login->floor, peer->origin, XR_TYPE_proved, &proved);
}

static void on_verified(struct xr_job *job)
{
    struct verify *verify = (struct verify *)job;
    struct xr_gate *gate = verify->gate;
    struct xr_peer *peer = xr_map_get(&gate->by_origin, verify->origin);
    if (peer && peer->login && !verify->job.is_dropped)
        tell_proved(peer, verify->is_right);
    sodium_free(verify->password);
    xr_mem_free(verify);
    xr_gate_resume_some(gate, 1);
}

/* Hand the password to the pool. `hash` "": nobody has that login. */
static void start_verify(struct xr_peer *peer, struct xr_str hash)
{
    struct xr_gate *gate = peer->gate;
    struct xr_login *login = peer->login;
    struct verify *verify = xr_mem_zero(1, sizeof(*verify));
    if (!verify) {
        refuse_login(peer, XR_code_INTERNAL, 0);
        return;
    }
    verify->job = (struct xr_job){.work = on_verify, .done = on_verified};
    verify->gate = gate;
    verify->origin = peer->origin;
    verify->is_nobody = hash.size == 0 || hash.size >= sizeof(verify->hash);
    if (verify->is_nobody)
        memcpy(verify->hash, gate->dummy_hash, sizeof(verify->hash));
    else
        memcpy(verify->hash, hash.at, hash.size);
    verify->password = login->password;
    verify->password_size = login->password_size;
    if (xr_pool_submit(gate->hashers, &verify->job)) {
        xr_mem_free(verify);
        gate->metrics.logins_limited++;
        refuse_login(peer, XR_code_BUSY, XR_LOGIN_BUSY_MS);
        return;
    }
    login->password = NULL;
    login->is_verifying = true;
}

void xr_login_verify(struct xr_peer *peer, struct xr_str hash)
{
    if (peer->login && peer->login->password)
        start_verify(peer, hash);
}

/* ---- hello ----------------------------------------------------------------------------------- */

/* What is wrong with the form of a hello; NONE: nothing. */
static enum xr_code check_form(const struct xr_hello *hello, const char **field)
{
    *field = NULL;
    if (hello->protocol != XR_PROTOCOL_VERSION)
        return XR_code_VERSION;
    if (hello->token.size > 0) {
        *field = "token";
        return hello->token.size == XR_TOKEN_BYTES ? XR_code_NONE : XR_code_RANGE;
    }
    *field = hello->login.size == 0 ? "login" : "password";
    return hello->login.size == 0 || hello->password.size == 0 ? XR_code_MISSING : XR_code_NONE;
}

static void keep_key(struct xr_login *login, const struct xr_hello *hello)
{
    uint8_t *at = login->key;
    memcpy(at, hello->floor.at, hello->floor.size);
    at += hello->floor.size;
    *at++ = 0;
    if (hello->login.size)
        memcpy(at, hello->login.at, hello->login.size);
    login->key_size = hello->floor.size + 1 + hello->login.size;
}

static void keep_token_key(struct xr_login *login, const struct xr_hello *hello)
{
    crypto_generichash(login->key, XR_HASH_BYTES, hello->token.at, hello->token.size, NULL, 0);
    login->key_size = XR_HASH_BYTES;
}

static bool keep_password(struct xr_login *login, struct xr_str password)
{
    login->password = sodium_malloc(password.size);
    if (!login->password)
        return false;
    memcpy(login->password, password.at, password.size);
    login->password_size = password.size;
    return true;
}

static struct xr_login *make_login(uint64_t ref, const struct xr_hello *hello)
{
    struct xr_login *login = xr_mem_zero(1, sizeof(*login));
    if (!login)
        return NULL;
    XR_ASSERT(hello->login.size <= sizeof(login->login));
    XR_ASSERT(hello->client.size <= sizeof(login->client));
    XR_ASSERT(hello->floor.size + 1 + hello->login.size <= sizeof(login->key));
    login->ref = ref;
    login->wants_feed = hello->feed;
    login->has_cursor = XR_HAS(hello, 7);
    login->cursor = hello->cursor;
    login->login_size = hello->login.size;
    login->client_size = hello->client.size;
    if (hello->login.size)
        memcpy(login->login, hello->login.at, hello->login.size);
    if (hello->client.size)
        memcpy(login->client, hello->client.at, hello->client.size);
    login->is_token = hello->token.size > 0;
    if (login->is_token) {
        keep_token_key(login, hello);
    } else {
        keep_key(login, hello);
        if (!keep_password(login, hello->password)) {
            xr_mem_free(login);
            return NULL;
        }
    }
    return login;
}

/* There is no such floor. Tries are counted by what was said, so keys of passwords stay. */
static void be_nobody(struct xr_login *login)
{
    login->floor = XR_LOGIN_FIRST_FLOOR;
    login->login_size = 0; /* no account's */
    if (login->is_token)
        xr_entropy_fill(login->key, XR_HASH_BYTES); /* no device's */
}

static void begin_with_token(struct xr_peer *peer)
{
    const struct xr_login *login = peer->login;
    const struct xr_came came = {.token_hash = {login->key, XR_HASH_BYTES},
                                 .client = client_name(login)};
    xr_gate_tell(peer->gate, login->floor, peer->origin, XR_TYPE_came, &came);
}

static void begin_with_password(struct xr_peer *peer)
{
    const struct xr_asked asked = {.login = login_name(peer->login)};
    xr_gate_tell(peer->gate, peer->login->floor, peer->origin, XR_TYPE_asked, &asked);
}

void xr_login_begin(struct xr_peer *peer, uint64_t ref, const struct xr_hello *hello)
{
    const char *field;
    const enum xr_code code = check_form(hello, &field);
    if (code != XR_code_NONE) {
        xr_peer_refuse(peer, ref, code, field, 0);
        return;
    }
    peer->login = make_login(ref, hello);
    if (!peer->login) {
        xr_peer_refuse(peer, ref, XR_code_INTERNAL, NULL, 0);
        return;
    }
    peer->state = XR_PEER_LOGIN;
    xr_peer_wait(peer, XR_WAIT_LOGIN);
    if (xr_engine_floor(peer->gate->engine, hello->floor, &peer->login->floor))
        be_nobody(peer->login);
    const uint64_t retry_ms = begin_try(peer);
    peer->login->is_trying = retry_ms == 0;
    if (retry_ms > 0) {
        peer->gate->metrics.logins_limited++;
        refuse_login(peer, XR_code_BUSY, retry_ms);
        return;
    }
    xr_sp_allow(peer->conn, XR_SP_MESSAGE_BYTES_MAX); /* commands may come behind hello */
    if (hello->token.size > 0) {
        begin_with_token(peer);
    } else {
        begin_with_password(peer);
    }
}

/* ---- the floor's answer ---------------------------------------------------------------------- */

/* The floor knows neither the token nor where the feed begins: both are put in here. */
static void let_in(struct xr_peer *peer, const struct xr_welcome *from_floor)
{
    struct xr_login *login = peer->login;
    struct xr_welcome welcome = *from_floor;
    const uint64_t head = welcome.head;
    const uint64_t ref = login->ref;
    const bool wants_feed = login->wants_feed;
    bool is_resync = false;
    welcome.cursor = xr_feed_cursor(peer->gate, login->has_cursor, login->cursor, head, &is_resync);
    if (login->has_token)
        welcome.token = (struct xr_bin){login->token, sizeof(login->token)};
    peer->gate->metrics.logins++;
    learn_token(peer);
    xr_peer_send(peer, XR_TYPE_welcome, ref, &welcome);
    sodium_memzero(peer->gate->scratch.at, peer->gate->scratch.size);
    end_login(peer, false);
    peer->state = XR_PEER_READY;
    peer->heard_ms = xr_gate_now(peer->gate);
    xr_peer_resume(peer);
    if (wants_feed)
        xr_feed_start(peer, welcome.cursor, head, is_resync);
}

void xr_login_reply(struct xr_peer *peer, struct xr_bin bytes)
{
    struct xr_frame frame;
    struct xr_wire_error error;
    size_t used;
    const void *message = NULL;
    xr_arena_reset(peer->gate->arena);
    enum xr_status status = xr_frame_read(bytes, &frame, &used);
    XR_ASSERT(status == XR_OK);
    status =
        xr_body_decode((enum xr_type)frame.type, frame.body, peer->gate->arena, &message, &error);
    XR_ASSERT(status == XR_OK);
    if (frame.type == XR_TYPE_welcome) {
        let_in(peer, message);
        return;
    }
    XR_ASSERT(frame.type == XR_TYPE_error);
    const struct xr_error *refusal = message;
    refuse_login(peer, refusal->code, refusal->retry_ms);
}

/* ---- account_set ----------------------------------------------------------------------------- */

struct hashing {
    struct xr_job job;
    struct xr_gate *gate;
    uint64_t origin;
    uint64_t ref;
    bool is_done;
    char *password;
    uint32_t password_size;
    char hash[crypto_pwhash_STRBYTES];
    struct xr_buf body; /* the command without its password */
};

static bool hash_into(const char *password, uint32_t size, char out[crypto_pwhash_STRBYTES])
{
    return crypto_pwhash_str_alg(out, password, size, XR_LOGIN_OPSLIMIT, XR_LOGIN_MEMLIMIT,
                                 crypto_pwhash_ALG_ARGON2ID13) == 0;
}

bool xr_login_hash_password(struct xr_str password, char out[128])
{
    _Static_assert(crypto_pwhash_STRBYTES <= 128, "as long as field hash");
    return hash_into(password.at, password.size, out);
}

static void on_hash(struct xr_job *job)
{
    struct hashing *hashing = (struct hashing *)job;
    hashing->is_done = hash_into(hashing->password, hashing->password_size, hashing->hash);
}

/* The command goes on its way with the hash in place of the password. */
static void submit_hashed(struct xr_peer *peer, struct hashing *hashing)
{
    struct xr_gate *gate = peer->gate;
    struct xr_wire_error error;
    const void *message = NULL;
    const struct xr_bin body = {hashing->body.at, (uint32_t)hashing->body.size};
    xr_arena_reset(gate->arena);
    const enum xr_status status =
        xr_body_decode(XR_TYPE_account_set, body, gate->arena, &message, &error);
    XR_ASSERT(status == XR_OK);
    struct xr_account_set set = *(const struct xr_account_set *)message;
    set.hash = xr_str_of(hashing->hash);
    xr_buf_reset(&gate->body);
    xr_body_encode(&gate->body, XR_TYPE_account_set, &set);
    XR_ASSERT(!gate->body.failed);
    struct xr_submission *made =
        xr_gate_make(peer->floor, peer->origin, XR_TYPE_account_set,
                     (struct xr_bin){gate->body.at, (uint32_t)gate->body.size});
    made->who = peer->agent;
    made->device = peer->device;
    made->counter = hashing->ref;
    peer->in_flight++;
    gate->metrics.commands++;
    *gate->events_end = made; /* where the engine is full it waits there, and so does the peer */
    gate->events_end = &made->next;
    xr_gate_tell_kept(gate);
}

static void on_hashed(struct xr_job *job)
{
    struct hashing *hashing = (struct hashing *)job;
    struct xr_gate *gate = hashing->gate;
    struct xr_peer *peer = xr_map_get(&gate->by_origin, hashing->origin);
    if (peer && peer->wait == XR_WAIT_HASH && !gate->is_paused) {
        if (hashing->is_done)
            submit_hashed(peer, hashing);
        else
            xr_peer_refuse(peer, hashing->ref, XR_code_INTERNAL, NULL, 0);
        xr_peer_resume(peer);
    }
    sodium_free(hashing->password);
    xr_buf_fini(&hashing->body);
    xr_mem_free(hashing);
    xr_gate_resume_some(gate, 1);
}

static void free_hashing(struct hashing *hashing)
{
    sodium_free(hashing->password);
    xr_buf_fini(&hashing->body);
    xr_mem_free(hashing);
}

static struct hashing *make_hashing(struct xr_peer *peer, uint64_t ref,
                                    const struct xr_account_set *set)
{
    struct xr_account_set bare = *set;
    struct hashing *hashing = xr_mem_zero(1, sizeof(*hashing));
    if (!hashing)
        return NULL;
    hashing->job = (struct xr_job){.work = on_hash, .done = on_hashed};
    hashing->gate = peer->gate;
    hashing->origin = peer->origin;
    hashing->ref = ref;
    hashing->password_size = set->password.size;
    bare.password = (struct xr_str){NULL, 0};
    bare.has &= ~(UINT64_C(1) << 6);
    xr_buf_init(&hashing->body, XR_FRAME_BYTES_MAX);
    xr_body_encode(&hashing->body, XR_TYPE_account_set, &bare);
    hashing->password = sodium_malloc(set->password.size);
    if (hashing->body.failed || !hashing->password) {
        free_hashing(hashing);
        return NULL;
    }
    memcpy(hashing->password, set->password.at, set->password.size);
    return hashing;
}

enum xr_status xr_login_hash(struct xr_peer *peer, uint64_t ref, const struct xr_account_set *set)
{
    struct hashing *hashing = make_hashing(peer, ref, set);
    if (!hashing)
        return XR_NOMEM;
    const enum xr_status status = xr_pool_submit(peer->gate->hashers, &hashing->job);
    if (status) {
        free_hashing(hashing);
        return status;
    }
    xr_peer_wait(peer, XR_WAIT_HASH);
    return XR_OK;
}
