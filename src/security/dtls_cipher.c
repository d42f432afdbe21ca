#include "security/dtls_cipher.h"

#include "base/wipe.h"
#include <nettle/ccm.h>
#include <nettle/chacha-poly1305.h>
#include <nettle/gcm.h>
#include <nettle/memops.h>

enum { NONCE_SIZE = 12, SEQUENCE_SIZE = 8 };

const struct dtls_cipher_sizes coax_dtls_cipher_sizes[DTLS_CIPHERS] = {
    [DTLS_AES_128_CCM_8] = {16, 4, 8, 8},
    [DTLS_AES_128_CCM] = {16, 4, 8, 16},
    [DTLS_AES_128_GCM] = {16, 4, 8, 16},
    [DTLS_CHACHA20_POLY1305] = {32, 12, 0, 16},
};

/* RFC 5288, RFC 6655: salt and explicit part. RFC 7905: all of it implicit, the sequence number XORed in. */
static void make_nonce(enum dtls_cipher cipher, const struct dtls_keys *keys, const uint8_t explicit_nonce[8],
                       uint8_t nonce[NONCE_SIZE]) {
    if (coax_dtls_cipher_sizes[cipher].explicit_nonce > 0) {
        memcpy(nonce, keys->iv, NONCE_SIZE - SEQUENCE_SIZE);
        memcpy(nonce + NONCE_SIZE - SEQUENCE_SIZE, explicit_nonce, SEQUENCE_SIZE);
        return;
    }
    memcpy(nonce, keys->iv, NONCE_SIZE);
    for (int i = 0; i < SEQUENCE_SIZE; i++) {
        nonce[NONCE_SIZE - SEQUENCE_SIZE + i] ^= explicit_nonce[i];
    }
}

union cipher_state {
    struct ccm_aes128_ctx ccm;
    struct gcm_aes128_ctx gcm;
    struct chacha_poly1305_ctx chacha;
};

/* What is expanded of a key, as far as the cipher uses it. */
static void wipe(enum dtls_cipher cipher, union cipher_state *state) {
    static const size_t sizes[DTLS_CIPHERS] = {
        [DTLS_AES_128_CCM_8] = sizeof state->ccm,
        [DTLS_AES_128_CCM] = sizeof state->ccm,
        [DTLS_AES_128_GCM] = sizeof state->gcm,
        [DTLS_CHACHA20_POLY1305] = sizeof state->chacha,
    };
    coax_wipe(state, sizes[cipher]);
}

void coax_dtls_cipher_seal(enum dtls_cipher cipher, const struct dtls_keys *keys, const uint8_t explicit_nonce[8],
                           struct bytes additional, struct bytes plaintext, uint8_t *out) {
    union cipher_state state;
    uint8_t nonce[NONCE_SIZE];
    size_t tag_size = coax_dtls_cipher_sizes[cipher].tag;
    make_nonce(cipher, keys, explicit_nonce, nonce);
    if (cipher == DTLS_AES_128_GCM) {
        gcm_aes128_set_key(&state.gcm, keys->key);
        gcm_aes128_set_iv(&state.gcm, sizeof nonce, nonce);
        gcm_aes128_update(&state.gcm, additional.size, additional.data);
        gcm_aes128_encrypt(&state.gcm, plaintext.size, out, plaintext.data);
        gcm_aes128_digest(&state.gcm, tag_size, out + plaintext.size);
    } else if (cipher == DTLS_CHACHA20_POLY1305) {
        chacha_poly1305_set_key(&state.chacha, keys->key);
        chacha_poly1305_set_nonce(&state.chacha, nonce);
        chacha_poly1305_update(&state.chacha, additional.size, additional.data);
        chacha_poly1305_encrypt(&state.chacha, plaintext.size, out, plaintext.data);
        chacha_poly1305_digest(&state.chacha, tag_size, out + plaintext.size);
    } else {
        ccm_aes128_set_key(&state.ccm, keys->key);
        ccm_aes128_encrypt_message(&state.ccm, sizeof nonce, nonce, additional.size, additional.data, tag_size,
                                   plaintext.size + tag_size, out, plaintext.data);
    }
    wipe(cipher, &state);
}

bool coax_dtls_cipher_open(enum dtls_cipher cipher, const struct dtls_keys *keys, const uint8_t explicit_nonce[8],
                           struct bytes additional, struct bytes sealed, uint8_t *out) {
    union cipher_state state;
    uint8_t nonce[NONCE_SIZE], tag[DTLS_TAG_MAXIMUM];
    size_t tag_size = coax_dtls_cipher_sizes[cipher].tag;
    if (sealed.size < tag_size) {
        return false;
    }
    size_t size = sealed.size - tag_size;
    bool is_right;
    make_nonce(cipher, keys, explicit_nonce, nonce);
    if (cipher == DTLS_AES_128_GCM) {
        gcm_aes128_set_key(&state.gcm, keys->key);
        gcm_aes128_set_iv(&state.gcm, sizeof nonce, nonce);
        gcm_aes128_update(&state.gcm, additional.size, additional.data);
        gcm_aes128_decrypt(&state.gcm, size, out, sealed.data);
        gcm_aes128_digest(&state.gcm, tag_size, tag);
        is_right = memeql_sec(tag, sealed.data + size, tag_size) != 0;
    } else if (cipher == DTLS_CHACHA20_POLY1305) {
        chacha_poly1305_set_key(&state.chacha, keys->key);
        chacha_poly1305_set_nonce(&state.chacha, nonce);
        chacha_poly1305_update(&state.chacha, additional.size, additional.data);
        chacha_poly1305_decrypt(&state.chacha, size, out, sealed.data);
        chacha_poly1305_digest(&state.chacha, tag_size, tag);
        is_right = memeql_sec(tag, sealed.data + size, tag_size) != 0;
    } else {
        ccm_aes128_set_key(&state.ccm, keys->key);
        is_right = ccm_aes128_decrypt_message(&state.ccm, sizeof nonce, nonce, additional.size, additional.data,
                                              tag_size, size, out, sealed.data)
                   != 0;
    }
    wipe(cipher, &state);
    if (!is_right) {
        coax_wipe(out, size);
    }
    return is_right;
}
