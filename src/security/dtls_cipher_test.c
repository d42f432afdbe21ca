/* Each cipher against GnuTLS's implementation of it, and against changed bytes. */
#include "security/dtls_cipher.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <gnutls/crypto.h>

enum { PLAIN = 300, ADDITIONAL = 40 };

static const gnutls_cipher_algorithm_t names[DTLS_CIPHERS] = {
    [DTLS_AES_128_CCM_8] = GNUTLS_CIPHER_AES_128_CCM_8,
    [DTLS_AES_128_CCM] = GNUTLS_CIPHER_AES_128_CCM,
    [DTLS_AES_128_GCM] = GNUTLS_CIPHER_AES_128_GCM,
    [DTLS_CHACHA20_POLY1305] = GNUTLS_CIPHER_CHACHA20_POLY1305,
};

static void fill_random(void *out, size_t size) {
    assert_int_equal(gnutls_rnd(GNUTLS_RND_NONCE, out, size), 0);
}

/* RFC 5288 section 3, RFC 6655 section 3, RFC 7905 section 2. */
static void write_nonce(enum dtls_cipher cipher, const struct dtls_keys *keys, const uint8_t explicit_nonce[8],
                        uint8_t nonce[12]) {
    memcpy(nonce, keys->iv, 12);
    for (int i = 0; i < 8; i++) {
        nonce[4 + i] =
            cipher == DTLS_CHACHA20_POLY1305 ? (uint8_t)(keys->iv[4 + i] ^ explicit_nonce[i]) : explicit_nonce[i];
    }
}

static void seals_as_gnutls_does(void **state) {
    (void)state;
    for (int cipher = 0; cipher < DTLS_CIPHERS; cipher++) {
        const struct dtls_cipher_sizes *sizes = &coax_dtls_cipher_sizes[cipher];
        assert_int_equal(sizes->tag, gnutls_cipher_get_tag_size(names[cipher]));
        assert_int_equal(sizes->key, gnutls_cipher_get_key_size(names[cipher]));
        for (size_t size = 0; size <= PLAIN; size += size < 40 ? 1 : 13) {
            struct dtls_keys keys;
            uint8_t shown[8], nonce[12], additional[ADDITIONAL], plain[PLAIN], ours[PLAIN + 16], theirs[PLAIN + 16];
            size_t additional_size = 13 + size % 28, sealed_size = sizeof theirs;
            fill_random(&keys, sizeof keys);
            fill_random(shown, sizeof shown);
            fill_random(additional, sizeof additional);
            fill_random(plain, sizeof plain);
            write_nonce((enum dtls_cipher)cipher, &keys, shown, nonce);
            gnutls_datum_t key = {keys.key, sizes->key};
            gnutls_aead_cipher_hd_t handle;
            assert_int_equal(gnutls_aead_cipher_init(&handle, names[cipher], &key), 0);
            assert_int_equal(gnutls_aead_cipher_encrypt(handle, nonce, sizeof nonce, additional, additional_size,
                                                        sizes->tag, plain, size, theirs, &sealed_size),
                             0);
            gnutls_aead_cipher_deinit(handle);
            coax_dtls_cipher_seal((enum dtls_cipher)cipher, &keys, shown, bytes_of(additional, additional_size),
                                  bytes_of(plain, size), ours);
            assert_int_equal(sealed_size, size + sizes->tag);
            assert_memory_equal(ours, theirs, sealed_size);
            memset(ours, 0, sizeof ours);
            assert_true(coax_dtls_cipher_open((enum dtls_cipher)cipher, &keys, shown,
                                              bytes_of(additional, additional_size), bytes_of(theirs, sealed_size),
                                              ours));
            assert_memory_equal(ours, plain, size);
        }
    }
}

static bool opens(int cipher, const struct dtls_keys *keys, const uint8_t shown[8], const uint8_t additional[13],
                  struct bytes sealed) {
    uint8_t out[64];
    static const uint8_t zeros[64];
    memset(out, 0xaa, sizeof out);
    bool is_open = coax_dtls_cipher_open((enum dtls_cipher)cipher, keys, shown, bytes_of(additional, 13), sealed, out);
    if (!is_open && sealed.size >= coax_dtls_cipher_sizes[cipher].tag) {
        assert_memory_equal(out, zeros, sealed.size - coax_dtls_cipher_sizes[cipher].tag); /* nothing of it is left */
    }
    return is_open;
}

static void opens_nothing_that_was_changed(void **state) {
    (void)state;
    for (int cipher = 0; cipher < DTLS_CIPHERS; cipher++) {
        struct dtls_keys keys;
        uint8_t shown[8], additional[13], plain[20], sealed[20 + 16];
        fill_random(&keys, sizeof keys);
        fill_random(shown, sizeof shown);
        fill_random(additional, sizeof additional);
        fill_random(plain, sizeof plain);
        coax_dtls_cipher_seal((enum dtls_cipher)cipher, &keys, shown, bytes_of(additional, sizeof additional),
                              bytes_of(plain, sizeof plain), sealed);
        struct bytes all = bytes_of(sealed, sizeof plain + coax_dtls_cipher_sizes[cipher].tag);
        assert_true(opens(cipher, &keys, shown, additional, all));
        uint8_t *const parts[] = {sealed, shown, additional, keys.key};
        const size_t part_sizes[] = {all.size, sizeof shown, sizeof additional, coax_dtls_cipher_sizes[cipher].key};
        for (size_t part = 0; part < 4; part++) {
            for (size_t i = 0; i < part_sizes[part] * 8; i++) {
                parts[part][i / 8] ^= (uint8_t)(1U << i % 8);
                assert_false(opens(cipher, &keys, shown, additional, all));
                parts[part][i / 8] ^= (uint8_t)(1U << i % 8);
            }
        }
        for (size_t size = 0; size < all.size; size++) {
            assert_false(opens(cipher, &keys, shown, additional, bytes_of(sealed, size)));
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seals_as_gnutls_does),
        cmocka_unit_test(opens_nothing_that_was_changed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
