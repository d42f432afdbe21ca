#include "security/dtls_private.h"

#include "base/wipe.h"
#include <gnutls/crypto.h>

enum { VERSION_MAJOR = 0xfe, CLIENT_HELLO = 1, IMPLICIT_NONCE = 4, SEQUENCE = 8, NONCE = 12, ALERT_SIZE = 2 };

static uint16_t read_u16(const uint8_t *data) {
    return (uint16_t)(data[0] << 8 | data[1]);
}

bool coax_dtls_next_record(struct bytes *datagram, struct dtls_record *record) {
    const uint8_t *data = datagram->data;
    if (datagram->size < DTLS_RECORD_HEADER_SIZE || data[1] != VERSION_MAJOR) {
        return false;
    }
    size_t length = read_u16(data + 11);
    if (length > datagram->size - DTLS_RECORD_HEADER_SIZE) {
        return false;
    }
    record->content_type = data[0];
    record->epoch = read_u16(data + 3);
    record->fragment = bytes_of(data + DTLS_RECORD_HEADER_SIZE, length);
    *datagram = bytes_of(data + DTLS_RECORD_HEADER_SIZE + length, datagram->size - DTLS_RECORD_HEADER_SIZE - length);
    return true;
}

enum dtls_datagram coax_dtls_classify(const uint8_t *datagram, size_t size, uint16_t *epoch) {
    struct bytes rest = bytes_of(datagram, size);
    struct dtls_record record;
    if (!coax_dtls_next_record(&rest, &record)) {
        return DTLS_DATAGRAM_INVALID;
    }
    *epoch = record.epoch;
    switch (record.content_type) {
    case DTLS_CONTENT_HANDSHAKE:
        return record.epoch == 0 && record.fragment.size > 0 && record.fragment.data[0] == CLIENT_HELLO
                   ? DTLS_DATAGRAM_CLIENT_HELLO
                   : DTLS_DATAGRAM_HANDSHAKE;
    case DTLS_CONTENT_CHANGE_CIPHER_SPEC:
        return DTLS_DATAGRAM_HANDSHAKE;
    case DTLS_CONTENT_ALERT:
        return DTLS_DATAGRAM_ALERT;
    case DTLS_CONTENT_APPLICATION_DATA:
        return DTLS_DATAGRAM_APPLICATION;
    default:
        return DTLS_DATAGRAM_INVALID;
    }
}

/* RFC 5288, RFC 6655: the explicit part is the sequence number. RFC 7905: all is implicit, XORed with it. */
static bool make_nonce(const gnutls_datum_t *iv, const uint8_t sequence[SEQUENCE], uint8_t nonce[NONCE]) {
    if (iv->size == IMPLICIT_NONCE) {
        memcpy(nonce, iv->data, IMPLICIT_NONCE);
        memcpy(nonce + IMPLICIT_NONCE, sequence, SEQUENCE);
        return true;
    }
    if (iv->size == NONCE) {
        memcpy(nonce, iv->data, NONCE);
        for (size_t i = 0; i < SEQUENCE; i++) {
            nonce[NONCE - SEQUENCE + i] ^= sequence[i];
        }
        return true;
    }
    return false;
}

static void write_header(uint8_t *out, const uint8_t sequence[SEQUENCE], size_t length) {
    out[0] = DTLS_CONTENT_ALERT;
    out[1] = VERSION_MAJOR;
    out[2] = 0xfd; /* DTLS 1.2 */
    memcpy(out + 3, sequence, SEQUENCE);
    out[11] = (uint8_t)(length >> 8);
    out[12] = (uint8_t)length;
}

size_t coax_dtls_seal_alert(gnutls_session_t tls, int level, int description, uint8_t out[DTLS_SEALED_ALERT_MAXIMUM]) {
    gnutls_datum_t mac;
    gnutls_datum_t iv;
    gnutls_datum_t key;
    uint8_t sequence[SEQUENCE];
    uint8_t nonce[NONCE];
    if (gnutls_record_get_state(tls, 0, &mac, &iv, &key, sequence) < 0 || key.size == 0
        || !make_nonce(&iv, sequence, nonce)) {
        return 0;
    }
    gnutls_cipher_algorithm_t cipher = gnutls_cipher_get(tls);
    gnutls_aead_cipher_hd_t handle;
    if (gnutls_aead_cipher_init(&handle, cipher, &key) < 0) {
        return 0;
    }
    uint8_t additional[DTLS_RECORD_HEADER_SIZE]; /* RFC 5246 section 6.2.3.3: sequence, type, version, length */
    uint8_t header[DTLS_RECORD_HEADER_SIZE];
    write_header(header, sequence, ALERT_SIZE);
    memcpy(additional, sequence, SEQUENCE);
    memcpy(additional + SEQUENCE, header, 3);
    memcpy(additional + SEQUENCE + 3, header + 11, 2);
    const uint8_t alert[ALERT_SIZE] = {(uint8_t)level, (uint8_t)description};
    size_t explicit_size = iv.size == IMPLICIT_NONCE ? SEQUENCE : 0;
    uint8_t *sealed = out + DTLS_RECORD_HEADER_SIZE + explicit_size;
    size_t sealed_size = DTLS_SEALED_ALERT_MAXIMUM - DTLS_RECORD_HEADER_SIZE - explicit_size;
    int code =
        gnutls_aead_cipher_encrypt(handle, nonce, sizeof nonce, additional, sizeof additional,
                                   gnutls_cipher_get_tag_size(cipher), alert, sizeof alert, sealed, &sealed_size);
    gnutls_aead_cipher_deinit(handle);
    coax_wipe(nonce, sizeof nonce);
    if (code < 0) {
        return 0;
    }
    write_header(out, sequence, explicit_size + sealed_size);
    memcpy(out + DTLS_RECORD_HEADER_SIZE, sequence, explicit_size);
    return DTLS_RECORD_HEADER_SIZE + explicit_size + sealed_size;
}
