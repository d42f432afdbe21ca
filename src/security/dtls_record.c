#include "security/dtls_record.h"

#include "security/dtls.h"

enum { VERSION_MAJOR = 0xfe, CLIENT_HELLO = 1 };

static uint16_t read_u16(const uint8_t *data) {
    return (uint16_t)(data[0] << 8 | data[1]);
}

static uint64_t read_u64(const uint8_t *data) {
    uint64_t value = 0;
    for (int i = 0; i < 8; i++) {
        value = value << 8 | data[i];
    }
    return value;
}

bool coax_dtls_next_record(struct bytes *datagram, size_t cid_size, struct dtls_record *record) {
    const uint8_t *data = datagram->data;
    if (datagram->size < DTLS_RECORD_HEADER_SIZE || data[1] != VERSION_MAJOR) {
        return false;
    }
    cid_size = data[0] == DTLS_CONTENT_CID ? cid_size : 0;
    size_t header_size = DTLS_RECORD_HEADER_SIZE + cid_size;
    if (datagram->size < header_size) {
        return false;
    }
    size_t length = read_u16(data + header_size - 2);
    if (length > datagram->size - header_size) {
        return false;
    }
    record->content_type = data[0];
    record->version = read_u16(data + 1);
    record->epoch = read_u16(data + 3);
    record->sequence = read_u64(data + 3);
    record->cid = bytes_of(data + 11, cid_size);
    record->whole = bytes_of(data, header_size + length);
    record->fragment = bytes_of(data + header_size, length);
    *datagram = bytes_of(data + header_size + length, datagram->size - header_size - length);
    return true;
}

enum dtls_datagram coax_dtls_classify(const uint8_t *datagram, size_t size, uint16_t *epoch) {
    struct bytes rest = bytes_of(datagram, size);
    struct dtls_record record;
    if (size > 0 && datagram[0] == DTLS_CONTENT_CID) {
        *epoch = DTLS_EPOCH_PROTECTED;
        return DTLS_DATAGRAM_WITH_CID; /* only who knows the CID's size can say more */
    }
    if (!coax_dtls_next_record(&rest, 0, &record)) {
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
