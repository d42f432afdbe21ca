/* Between GnuTLS and the wire while a handshake lasts. GnuTLS knows no Connection IDs: the protected records that it
   writes get the peer's, those that come lose this side's. Both are opened on the way, so that the replay window begins
   with what was read, and the Finished is known that may have to be sent again. */
#include "security/dtls_private.h"

#include "base/wipe.h"
#include <string.h>

enum { EXTENSION_CONNECTION_ID = 54, HANDSHAKE_FINISHED = 20 };

static struct dtls_session *session_of(gnutls_session_t tls) {
    return (struct dtls_session *)gnutls_session_get_ptr(tls); /* `secure` is its first member */
}

_Static_assert(offsetof(struct dtls_session, secure) == 0, "GnuTLS's pointer is to both");

static int take_extension(gnutls_session_t tls, const unsigned char *data, size_t size) {
    struct dtls_session *session = session_of(tls);
    struct dtls_protection *protection = &session->protection;
    if (size < 1 || (size_t)data[0] != size - 1) {
        return GNUTLS_E_RECEIVED_ILLEGAL_PARAMETER;
    }
    bool fits = data[0] <= DTLS_CID_MAXIMUM;
    if (!fits && !session->secure.is_server) {
        return GNUTLS_E_RECEIVED_ILLEGAL_PARAMETER; /* there is no way back */
    }
    session->handshake->peer_has_cid = fits;
    protection->write_cid_size = fits ? data[0] : 0;
    memcpy(protection->write_cid, data + 1, protection->write_cid_size);
    return 0;
}

static int give_extension(gnutls_session_t tls, gnutls_buffer_t buffer) {
    const struct dtls_session *session = session_of(tls);
    const struct dtls_protection *protection = &session->protection;
    if (session->secure.is_server && !session->handshake->peer_has_cid) {
        return 0;
    }
    uint8_t size = protection->read_cid_size;
    if (gnutls_buffer_append_data(buffer, &size, 1) < 0
        || (size > 0 && gnutls_buffer_append_data(buffer, protection->read_cid, size) < 0)) {
        return GNUTLS_E_MEMORY_ERROR;
    }
    return 1 + size;
}

/* As a mandatory one, not as one of TLS: with that resuming broke. */
int coax_dtls_register_cid(struct dtls_session *session) {
    return gnutls_session_ext_register(session->secure.tls, "connection_id", EXTENSION_CONNECTION_ID,
                                       GNUTLS_EXT_MANDATORY, take_extension, give_extension, NULL, NULL, NULL,
                                       GNUTLS_EXT_FLAG_CLIENT_HELLO | GNUTLS_EXT_FLAG_TLS12_SERVER_HELLO
                                           | GNUTLS_EXT_FLAG_DTLS);
}

static uint64_t read_sequence(const uint8_t bytes[8]) {
    uint64_t sequence = 0;
    for (int i = 0; i < 8; i++) {
        sequence = sequence << 8 | bytes[i];
    }
    return sequence;
}

/* Before keys are agreed upon the call succeeds, with empty ones. Returns the bits of the ciphers that they may be of.
 */
static unsigned load_keys(struct dtls_session *session, bool reading, struct dtls_keys *keys, uint64_t *sequence) {
    gnutls_datum_t mac, iv, key;
    uint8_t next[8];
    unsigned ciphers = 0;
    if (gnutls_record_get_state(session->secure.tls, reading, &mac, &iv, &key, next) < 0) {
        return 0;
    }
    for (int cipher = 0; cipher < DTLS_CIPHERS; cipher++) {
        const struct dtls_cipher_sizes *sizes = &coax_dtls_cipher_sizes[cipher];
        ciphers |= key.size == sizes->key && iv.size == sizes->iv ? 1U << cipher : 0;
    }
    if (ciphers != 0) {
        memcpy(keys->key, key.data, key.size);
        memcpy(keys->iv, iv.data, iv.size);
        *sequence = read_sequence(next);
    }
    return ciphers;
}

/* GnuTLS names the cipher that it reads with. */
static bool can_read(struct dtls_session *session) {
    static const gnutls_cipher_algorithm_t names[DTLS_CIPHERS] = {
        [DTLS_AES_128_CCM_8] = GNUTLS_CIPHER_AES_128_CCM_8,
        [DTLS_AES_128_CCM] = GNUTLS_CIPHER_AES_128_CCM,
        [DTLS_AES_128_GCM] = GNUTLS_CIPHER_AES_128_GCM,
        [DTLS_CHACHA20_POLY1305] = GNUTLS_CIPHER_CHACHA20_POLY1305,
    };
    struct dtls_handshake *handshake = session->handshake;
    uint64_t sequence;
    if (!handshake->can_read && load_keys(session, true, &session->protection.read, &sequence) != 0) {
        gnutls_cipher_algorithm_t name = gnutls_cipher_get(session->secure.tls);
        for (int cipher = 0; cipher < DTLS_CIPHERS; cipher++) {
            if (names[cipher] == name) {
                session->protection.cipher = (uint8_t)cipher;
                handshake->can_read = true;
            }
        }
    }
    return handshake->can_read;
}

/* A server that answers without the extension gets and sends none. */
static void forget_cids_unless_agreed(struct dtls_session *session) {
    if (!session->handshake->peer_has_cid) {
        session->protection.read_cid_size = session->protection.write_cid_size = 0;
    }
}

/* A client writes before it reads, and GnuTLS does not say with what: only the right cipher opens what it wrote. */
static bool open_written(struct dtls_session *session, const struct dtls_record *record, uint8_t *out,
                         struct dtls_plaintext *opened) {
    struct dtls_protection *protection = &session->protection;
    struct dtls_handshake *handshake = session->handshake;
    uint64_t sequence;
    if (handshake->write_ciphers == 0) {
        handshake->write_ciphers = load_keys(session, false, &protection->write, &sequence);
    }
    for (int cipher = 0; cipher < DTLS_CIPHERS; cipher++) {
        if ((handshake->write_ciphers >> cipher & 1U) != 0
            && coax_dtls_open_record((enum dtls_cipher)cipher, &protection->write, record, bytes_of(NULL, 0), out,
                                     opened)) {
            protection->cipher = (uint8_t)cipher;
            handshake->write_ciphers = 1U << cipher;
            return true;
        }
    }
    return false;
}

/* Empty if it is not to be read. */
static size_t translate_protected(struct dtls_session *session, const struct dtls_record *record, uint8_t *out,
                                  size_t capacity) {
    struct dtls_protection *protection = &session->protection;
    uint8_t plain[DTLS_HANDSHAKE_RECORD_MAXIMUM];
    struct dtls_plaintext opened;
    if (record->fragment.size > sizeof plain || !can_read(session)) {
        return 0; /* no handshake has such a record; or keys are missing for it, and it will come again */
    }
    forget_cids_unless_agreed(session);
    if (coax_dtls_is_repeated(protection, record->sequence) || !coax_dtls_open(protection, record, plain, &opened)) {
        return 0;
    }
    (void)coax_dtls_note(protection, record->sequence);
    size_t size = 0;
    if (record->cid.size == 0 && record->whole.size <= capacity) {
        size = record->whole.size;
        memcpy(out, record->whole.data, size);
    } else if (opened.data.size + DTLS_OVERHEAD_MAXIMUM <= capacity) {
        size = coax_dtls_seal_record((enum dtls_cipher)protection->cipher, &protection->read, record->sequence,
                                     bytes_of(NULL, 0), opened.content_type, opened.data, out);
    }
    coax_wipe(plain, sizeof plain);
    return size;
}

size_t coax_dtls_translate_in(struct dtls_session *session, uint8_t *out, size_t capacity) {
    struct dtls_record record;
    while (coax_dtls_next_record(&session->input, session->protection.read_cid_size, &record)) {
        size_t size = 0;
        if (record.epoch == DTLS_EPOCH_PROTECTED) {
            size = translate_protected(session, &record, out, capacity);
        } else if (record.epoch == 0 && record.content_type != DTLS_CONTENT_CID && record.whole.size <= capacity) {
            memcpy(out, record.whole.data, record.whole.size);
            size = record.whole.size;
        }
        if (size > 0) {
            return size;
        }
    }
    session->input.size = 0;
    return 0;
}

static void keep_finished(struct dtls_session *session, const struct dtls_plaintext *opened) {
    if (session->secure.is_server && opened->content_type == DTLS_CONTENT_HANDSHAKE && opened->data.size > 0
        && opened->data.size <= sizeof session->finished && opened->data.data[0] == HANDSHAKE_FINISHED) {
        memcpy(session->finished, opened->data.data, opened->data.size);
        session->finished_size = (uint8_t)opened->data.size;
    }
}

struct bytes coax_dtls_translate_out(struct dtls_session *session, struct bytes written,
                                     uint8_t room[DTLS_HANDSHAKE_RECORD_MAXIMUM]) {
    struct dtls_protection *protection = &session->protection;
    struct bytes rest = written;
    struct dtls_record record;
    struct dtls_plaintext opened;
    uint8_t plain[DTLS_HANDSHAKE_RECORD_MAXIMUM - DTLS_OVERHEAD_MAXIMUM];
    if (!coax_dtls_next_record(&rest, 0, &record)) {
        return bytes_of(NULL, 0);
    }
    if (record.epoch == 0) {
        session->clear_next = record.sequence + 1;
        return written;
    }
    forget_cids_unless_agreed(session);
    if (record.fragment.size > sizeof plain || !open_written(session, &record, plain, &opened)) {
        return bytes_of(NULL, 0);
    }
    keep_finished(session, &opened);
    protection->write_next = record.sequence + 1;
    if (protection->write_cid_size > 0) {
        struct bytes cid = bytes_of(protection->write_cid, protection->write_cid_size);
        size_t size = coax_dtls_seal_record((enum dtls_cipher)protection->cipher, &protection->write, record.sequence,
                                            cid, opened.content_type, opened.data, room);
        written = bytes_of(room, size);
    }
    coax_wipe(plain, sizeof plain);
    return written;
}

bool coax_dtls_take_over(struct dtls_session *session) {
    struct dtls_protection *protection = &session->protection;
    uint64_t next;
    if (!can_read(session) || load_keys(session, false, &protection->write, &next) == 0) {
        return false;
    }
    forget_cids_unless_agreed(session);
    protection->write_next = next > protection->write_next ? next : protection->write_next;
    return true;
}
