/* DTLS 1.2 records on the wire (RFC 6347 section 4.1, RFC 9146 section 4), as headers tell of them. */
#ifndef COAX_SECURITY_DTLS_RECORD_H
#define COAX_SECURITY_DTLS_RECORD_H

#include "base/bytes.h"

enum {
    DTLS_RECORD_HEADER_SIZE = 13, /* without the CID */
    DTLS_CONTENT_CHANGE_CIPHER_SPEC = 20,
    DTLS_CONTENT_ALERT = 21,
    DTLS_CONTENT_HANDSHAKE = 22,
    DTLS_CONTENT_APPLICATION_DATA = 23,
    DTLS_CONTENT_CID = 25, /* the true type is inside */
    DTLS_VERSION_1_2 = 0xfefd,
    DTLS_EPOCH_PROTECTED = 1 /* of all sessions: none is renegotiated */
};

struct dtls_record {
    int content_type;
    uint16_t version, epoch;
    uint64_t sequence;  /* with the epoch in front, as on the wire */
    struct bytes cid;   /* of records of type CID, else empty */
    struct bytes whole; /* with the header */
    struct bytes fragment;
};

/* Takes the next record off *datagram; false if there is no complete one. CIDs have no length on the wire: `cid_size`
   is that of this side's. */
bool coax_dtls_next_record(struct bytes *datagram, size_t cid_size, struct dtls_record *record);

#endif
