/* The evidence chain of a session. */
#include <sodium.h>
#include <string.h>

#include "floor/chain.h"

#define SCALARS    (8 + 4 + 1 + 4 + 1 + 8)
#define LINK_BYTES (XR_HASH_BYTES + SCALARS + XR_HASH_BYTES)

static void hash_text(uint8_t out[XR_HASH_BYTES], const struct xr_message *message)
{
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, XR_HASH_BYTES);
    crypto_generichash_update(&state, message->salt.at, message->salt.size);
    crypto_generichash_update(&state, (const unsigned char *)message->text.at, message->text.size);
    crypto_generichash_final(&state, out, XR_HASH_BYTES);
}

void xr_chain_next(uint8_t link[XR_HASH_BYTES], const struct xr_message *message)
{
    uint8_t input[LINK_BYTES];
    uint8_t *at = input;
    memcpy(at, link, XR_HASH_BYTES);
    at += XR_HASH_BYTES;
    xr_put_u64be(at, message->session.n);
    xr_put_u32be(at + 8, message->number);
    at[12] = (uint8_t)message->sender;
    xr_put_u32be(at + 13, message->agent.n);
    at[17] = (uint8_t)message->kind;
    xr_put_u64be(at + 18, (uint64_t)message->wall_ms);
    hash_text(at + SCALARS, message);
    crypto_generichash(link, XR_HASH_BYTES, input, sizeof(input), NULL, 0);
}
