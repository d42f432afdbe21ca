/* DTLS records, with and without Connection IDs: any bytes as a datagram for a session; and any bytes sealed, opened
   again as they were, and not opened once one of them was changed. */
#include "security/dtls.h"
#include "security/dtls_protection.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PLAIN_MAXIMUM = 600 };

static void require(bool condition) {
    if (!condition) {
        abort();
    }
}

/* Records of a session are few; of those that it takes none is taken twice. */
static void receive(struct dtls_protection *protection, const uint8_t *data, size_t size) {
    uint8_t *copy = malloc(size == 0 ? 1 : size), *out = malloc(size == 0 ? 1 : size);
    struct bytes rest = bytes_of(copy, size);
    struct dtls_record record;
    struct dtls_plaintext opened;
    uint16_t epoch = 0;
    require(copy != NULL && out != NULL);
    for (size_t i = 0; i < size; i++) {
        copy[i] = data[i];
    }
    (void)coax_dtls_classify(copy, size, &epoch);
    while (coax_dtls_next_record(&rest, protection->read_cid_size, &record)) {
        require(record.whole.size <= size && record.fragment.size <= record.whole.size);
        if (!coax_dtls_is_repeated(protection, record.sequence) && coax_dtls_open(protection, &record, out, &opened)) {
            require(opened.data.size < record.fragment.size);
            (void)coax_dtls_note(protection, record.sequence);
            require(coax_dtls_is_repeated(protection, record.sequence));
        }
    }
    free(copy);
    free(out);
}

static void seal_and_open(struct dtls_protection *protection, const uint8_t *data, size_t size, unsigned position) {
    uint8_t sealed[PLAIN_MAXIMUM + DTLS_OVERHEAD_MAXIMUM], out[PLAIN_MAXIMUM + DTLS_OVERHEAD_MAXIMUM];
    struct dtls_record record;
    struct dtls_plaintext opened;
    size_t sealed_size = coax_dtls_seal(protection, DTLS_CONTENT_APPLICATION_DATA, bytes_of(data, size), sealed);
    struct bytes datagram = bytes_of(sealed, sealed_size);
    require(sealed_size > size && coax_dtls_next_record(&datagram, protection->read_cid_size, &record));
    require(datagram.size == 0 && coax_dtls_open(protection, &record, out, &opened));
    require(opened.content_type == DTLS_CONTENT_APPLICATION_DATA && bytes_equal(opened.data, bytes_of(data, size)));
    sealed[position % sealed_size] ^= 1;
    datagram = bytes_of(sealed, sealed_size);
    require(!coax_dtls_next_record(&datagram, protection->read_cid_size, &record)
            || !coax_dtls_open(protection, &record, out, &opened));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct dtls_protection protection = {.write_next = UINT64_C(1) << 48};
    if (size < 4) {
        return 0;
    }
    protection.cipher = data[0] % DTLS_CIPHERS;
    protection.read_cid_size = protection.write_cid_size = data[1] % (DTLS_CID_MAXIMUM + 1);
    unsigned position = (unsigned)data[2] << 8 | data[3];
    data += 4;
    size -= 4;
    receive(&protection, data, size);
    seal_and_open(&protection, data, size < PLAIN_MAXIMUM ? size : PLAIN_MAXIMUM, position);
    return 0;
}
