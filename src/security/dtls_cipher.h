/* The AEAD algorithms of DTLS 1.2's cipher suites, one record at a time, with Nettle. Keys are kept as bytes and
   expanded for each record: a session that is idle costs no more than those bytes. */
#ifndef COAX_SECURITY_DTLS_CIPHER_H
#define COAX_SECURITY_DTLS_CIPHER_H

#include "base/bytes.h"

enum dtls_cipher {
    DTLS_AES_128_CCM_8, /* RFC 6655 */
    DTLS_AES_128_CCM,
    DTLS_AES_128_GCM,       /* RFC 5288 */
    DTLS_CHACHA20_POLY1305, /* RFC 7905 */
    DTLS_CIPHERS
};

enum { DTLS_KEY_MAXIMUM = 32, DTLS_IV_MAXIMUM = 12, DTLS_TAG_MAXIMUM = 16, DTLS_EXPLICIT_NONCE_MAXIMUM = 8 };

struct dtls_cipher_sizes {
    uint8_t key, iv, explicit_nonce, tag;
};

/* One direction's. */
struct dtls_keys {
    uint8_t key[DTLS_KEY_MAXIMUM];
    uint8_t iv[DTLS_IV_MAXIMUM];
};

extern const struct dtls_cipher_sizes coax_dtls_cipher_sizes[DTLS_CIPHERS];

/* `explicit_nonce` is the part of the nonce that the record shows, or the record's sequence number (8 bytes each).
   Writes `plaintext.size` bytes and the tag. `out` may be where the plaintext is. */
void coax_dtls_cipher_seal(enum dtls_cipher cipher, const struct dtls_keys *keys, const uint8_t explicit_nonce[8],
                           struct bytes additional, struct bytes plaintext, uint8_t *out);

/* The other way round; `sealed` ends with the tag. False if it does not authenticate: `out` is wiped then. */
bool coax_dtls_cipher_open(enum dtls_cipher cipher, const struct dtls_keys *keys, const uint8_t explicit_nonce[8],
                           struct bytes additional, struct bytes sealed, uint8_t *out);

#endif
