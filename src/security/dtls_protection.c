#include "security/dtls_protection.h"

enum { ADDITIONAL_MAXIMUM = 8 + 3 + 2 + 8 + DTLS_CID_MAXIMUM + 2, SEQUENCE_BITS = 48 };

static void write_u16(uint8_t *out, size_t value) {
    out[0] = (uint8_t)(value >> 8);
    out[1] = (uint8_t)value;
}

static void write_u64(uint8_t *out, uint64_t value) {
    for (int i = 0; i < 8; i++) {
        out[i] = (uint8_t)(value >> (56 - 8 * i));
    }
}

/* RFC 5246 section 6.2.3.3; with a CID RFC 9146 section 5.3. `size` is the plaintext's, with a CID the inner one's. */
static size_t write_additional(uint8_t out[ADDITIONAL_MAXIMUM], uint64_t sequence, struct bytes cid, int content_type,
                               size_t size) {
    uint8_t *end = out;
    if (cid.size == 0) {
        write_u64(end, sequence);
        end[8] = (uint8_t)content_type;
        end += 9;
    } else {
        memset(end, 0xff, 8);
        end[8] = DTLS_CONTENT_CID;
        end[9] = (uint8_t)cid.size;
        end[10] = DTLS_CONTENT_CID;
        end += 11;
    }
    write_u16(end, DTLS_VERSION_1_2);
    end += 2;
    if (cid.size > 0) {
        write_u64(end, sequence);
        memcpy(end + 8, cid.data, cid.size);
        end += 8 + cid.size;
    }
    write_u16(end, size);
    return (size_t)(end + 2 - out);
}

size_t coax_dtls_seal_record(enum dtls_cipher cipher, const struct dtls_keys *keys, uint64_t sequence, struct bytes cid,
                             int content_type, struct bytes plaintext, uint8_t *out) {
    const struct dtls_cipher_sizes *sizes = &coax_dtls_cipher_sizes[cipher];
    uint8_t additional[ADDITIONAL_MAXIMUM], nonce[8], *fragment = out + DTLS_RECORD_HEADER_SIZE + cid.size;
    size_t inner_size = plaintext.size + (cid.size > 0);
    size_t fragment_size = sizes->explicit_nonce + inner_size + sizes->tag;
    size_t additional_size = write_additional(additional, sequence, cid, content_type, inner_size);
    out[0] = (uint8_t)(cid.size > 0 ? DTLS_CONTENT_CID : content_type);
    write_u16(out + 1, DTLS_VERSION_1_2);
    write_u64(out + 3, sequence);
    if (cid.size > 0) {
        memcpy(out + 11, cid.data, cid.size);
    }
    write_u16(fragment - 2, fragment_size);
    write_u64(nonce, sequence);
    memcpy(fragment, nonce, sizes->explicit_nonce);
    uint8_t *inner = fragment + sizes->explicit_nonce;
    if (plaintext.size > 0) {
        memmove(inner, plaintext.data, plaintext.size);
    }
    if (cid.size > 0) {
        inner[plaintext.size] = (uint8_t)content_type;
    }
    coax_dtls_cipher_seal(cipher, keys, nonce, bytes_of(additional, additional_size), bytes_of(inner, inner_size),
                          inner);
    return (size_t)(fragment - out) + fragment_size;
}

/* The content type is behind the content, and zeros may be behind it (RFC 9146 section 4). */
static bool take_inner_type(struct dtls_plaintext *opened) {
    while (opened->data.size > 0 && opened->data.data[opened->data.size - 1] == 0) {
        opened->data.size--;
    }
    if (opened->data.size == 0) {
        return false;
    }
    opened->content_type = opened->data.data[--opened->data.size];
    return true;
}

bool coax_dtls_open_record(enum dtls_cipher cipher, const struct dtls_keys *keys, const struct dtls_record *record,
                           struct bytes cid, uint8_t *out, struct dtls_plaintext *opened) {
    const struct dtls_cipher_sizes *sizes = &coax_dtls_cipher_sizes[cipher];
    uint8_t additional[ADDITIONAL_MAXIMUM], nonce[8];
    bool has_cid = record->content_type == DTLS_CONTENT_CID;
    size_t overhead = (size_t)sizes->explicit_nonce + sizes->tag;
    if (record->version != DTLS_VERSION_1_2 || has_cid != (cid.size > 0) || (has_cid && !bytes_equal(record->cid, cid))
        || record->fragment.size < overhead) {
        return false;
    }
    size_t size = record->fragment.size - overhead;
    size_t additional_size = write_additional(additional, record->sequence, cid, record->content_type, size);
    write_u64(nonce, record->sequence);
    if (sizes->explicit_nonce > 0) {
        memcpy(nonce, record->fragment.data, sizeof nonce);
    }
    struct bytes sealed = bytes_of(record->fragment.data + sizes->explicit_nonce, size + sizes->tag);
    if (!coax_dtls_cipher_open(cipher, keys, nonce, bytes_of(additional, additional_size), sealed, out)) {
        return false;
    }
    *opened = (struct dtls_plaintext){record->content_type, bytes_of(out, size)};
    return !has_cid || take_inner_type(opened);
}

size_t coax_dtls_seal(struct dtls_protection *protection, int content_type, struct bytes plaintext, uint8_t *out) {
    uint64_t sequence = protection->write_next;
    if (sequence >> SEQUENCE_BITS != DTLS_EPOCH_PROTECTED) {
        return 0;
    }
    protection->write_next++;
    return coax_dtls_seal_record((enum dtls_cipher)protection->cipher, &protection->write, sequence,
                                 bytes_of(protection->write_cid, protection->write_cid_size), content_type, plaintext,
                                 out);
}

bool coax_dtls_open(const struct dtls_protection *protection, const struct dtls_record *record, uint8_t *out,
                    struct dtls_plaintext *opened) {
    return record->sequence >> SEQUENCE_BITS == DTLS_EPOCH_PROTECTED
           && coax_dtls_open_record((enum dtls_cipher)protection->cipher, &protection->read, record,
                                    bytes_of(protection->read_cid, protection->read_cid_size), out, opened);
}

bool coax_dtls_is_repeated(const struct dtls_protection *protection, uint64_t sequence) {
    if (sequence > protection->read_newest) {
        return false;
    }
    uint64_t age = protection->read_newest - sequence;
    return age >= DTLS_REPLAY_WINDOW || (protection->read_window >> age & 1U) != 0;
}

bool coax_dtls_note(struct dtls_protection *protection, uint64_t sequence) {
    if (sequence <= protection->read_newest) {
        uint64_t age = protection->read_newest - sequence;
        protection->read_window |= age < DTLS_REPLAY_WINDOW ? UINT64_C(1) << age : 0;
        return false;
    }
    uint64_t step = sequence - protection->read_newest;
    protection->read_window = step < DTLS_REPLAY_WINDOW ? protection->read_window << step : 0;
    protection->read_window |= 1;
    protection->read_newest = sequence;
    return true;
}
