/* What protects the records of an established DTLS 1.2 session (RFC 6347 section 4.1) in both directions, with
   Connection IDs where they were negotiated (RFC 9146): keys, sequence numbers, the replay window. */
#ifndef COAX_SECURITY_DTLS_PROTECTION_H
#define COAX_SECURITY_DTLS_PROTECTION_H

#include "security/dtls_cipher.h"
#include "security/dtls_record.h"

enum {
    DTLS_CID_MAXIMUM = 32, /* a peer that wants larger ones gets records without */
    DTLS_REPLAY_WINDOW = 64,
    /* header, CID, explicit nonce, inner content type, tag */
    DTLS_OVERHEAD_MAXIMUM =
        DTLS_RECORD_HEADER_SIZE + DTLS_CID_MAXIMUM + DTLS_EXPLICIT_NONCE_MAXIMUM + 1 + DTLS_TAG_MAXIMUM
};

/* Sequence numbers are those of the wire: the epoch in the upper 16 bits. */
struct dtls_protection {
    uint8_t cipher; /* enum dtls_cipher */
    uint8_t read_cid_size, write_cid_size;
    uint8_t read_cid[DTLS_CID_MAXIMUM], write_cid[DTLS_CID_MAXIMUM]; /* this side's, the peer's */
    struct dtls_keys read, write;
    uint64_t write_next;  /* never used twice: the nonce follows from it */
    uint64_t read_newest; /* that authenticated */
    uint64_t read_window; /* bit i: the one i before the newest was seen */
};

struct dtls_plaintext {
    int content_type;
    struct bytes data; /* in the caller's buffer */
};

/* --- one record, whatever the counters say --- */

/* Seals `plaintext` as a record with this sequence number; `cid` is empty for one without. Writes at most
   DTLS_OVERHEAD_MAXIMUM bytes more than the plaintext has. Returns the record's size. */
size_t coax_dtls_seal_record(enum dtls_cipher cipher, const struct dtls_keys *keys, uint64_t sequence, struct bytes cid,
                             int content_type, struct bytes plaintext, uint8_t *out);

/* Opens a record that has this CID (empty: none) into `out`, which has room for the whole fragment. False if it does
   not authenticate. */
bool coax_dtls_open_record(enum dtls_cipher cipher, const struct dtls_keys *keys, const struct dtls_record *record,
                           struct bytes cid, uint8_t *out, struct dtls_plaintext *opened);

/* --- a session's --- */

/* Seals with the next sequence number. Returns the record's size, 0 if the 2^48 of the epoch are used up. */
size_t coax_dtls_seal(struct dtls_protection *protection, int content_type, struct bytes plaintext, uint8_t *out);

/* Opens; false for what is not of this session: another epoch, no CID or another, no right tag. Says nothing of whether
   the record came before. */
bool coax_dtls_open(const struct dtls_protection *protection, const struct dtls_record *record, uint8_t *out,
                    struct dtls_plaintext *opened);

/* Whether a record was seen, or is too old to tell (RFC 6347 section 4.1.2.6). */
bool coax_dtls_is_repeated(const struct dtls_protection *protection, uint64_t sequence);

/* Notes one that authenticated; true if it is newer than all before. */
bool coax_dtls_note(struct dtls_protection *protection, uint64_t sequence);

#endif
