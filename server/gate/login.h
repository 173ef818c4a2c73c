/*
 * Log-in. hello with a token: event `came`, which the floor answers at once. hello with a password:
 * event `asked`, effect VERIFY, Argon2id on the pool, event `proved`. Secrets stay here: events
 * carry the hash of a token and whether a password was right.
 *
 * A wrong floor, login, password and token look alike from outside, and take as long.
 */
#ifndef XR_GATE_LOGIN_H
#define XR_GATE_LOGIN_H

#include "gate/peer.h"

/* Begin with a hello. The frame's bytes are wiped by the caller. */
void xr_login_begin(struct xr_peer *peer, uint64_t ref, const struct xr_hello *hello);
/* Effect VERIFY. */
void xr_login_verify(struct xr_peer *peer, struct xr_str hash);
/* The floor's answer: welcome or error. */
void xr_login_reply(struct xr_peer *peer, struct xr_bin frame);
/* The connection ends while a log-in is under way. */
void xr_login_abandon(struct xr_peer *peer);

/*
 * account_set with a password: hash it on the pool, then submit the command. The peer waits
 * meanwhile. XR_OK, XR_BUSY (the pool is full; nothing was done), XR_NOMEM.
 */
enum xr_status xr_login_hash(struct xr_peer *peer, uint64_t ref,
                             const struct xr_account_set *set) XR_MUST_USE;

#define XR_LOGIN_OPSLIMIT 2
#define XR_LOGIN_MEMLIMIT (19 * 1024 * 1024)

/* Hash a password as accounts keep it; takes about 20 ms. False: no memory. */
bool xr_login_hash_password(struct xr_str password, char out[128]);

#endif
