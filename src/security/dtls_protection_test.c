/* The record layer: beside GnuTLS's own in one session, the replay window at its edges, Connection IDs. */
#include "security/dtls_test_pair.h"

#include <errno.h>

/* --- beside GnuTLS --- */

struct gnutls_end {
    gnutls_session_t tls;
    struct gnutls_end *other;
    uint8_t received[4][2048];
    size_t sizes[4];
    unsigned head, tail;
    uint8_t last[2048]; /* that it sent */
    size_t last_size;
};

static ssize_t end_push(gnutls_transport_ptr_t user, const void *data, size_t size) {
    struct gnutls_end *end = user, *other = end->other;
    assert_true(size <= sizeof end->last && other->tail - other->head < 4);
    memcpy(end->last, data, size);
    end->last_size = size;
    memcpy(other->received[other->tail % 4], data, size);
    other->sizes[other->tail++ % 4] = size;
    return (ssize_t)size;
}

static ssize_t end_pull(gnutls_transport_ptr_t user, void *data, size_t capacity) {
    struct gnutls_end *end = user;
    if (end->head == end->tail) {
        gnutls_transport_set_errno(end->tls, EAGAIN);
        return -1;
    }
    size_t size = end->sizes[end->head % 4];
    assert_true(size <= capacity);
    memcpy(data, end->received[end->head++ % 4], size);
    return (ssize_t)size;
}

static int end_wait(gnutls_transport_ptr_t user, unsigned ms) {
    (void)ms;
    return ((struct gnutls_end *)user)->head != ((struct gnutls_end *)user)->tail;
}

static int give_key(gnutls_session_t tls, const char *name, gnutls_datum_t *key) {
    (void)tls;
    (void)name;
    key->data = gnutls_malloc(4);
    key->size = 4;
    memcpy(key->data, "abcd", 4);
    return 0;
}

struct gnutls_ends {
    struct gnutls_end ends[2];
    gnutls_priority_t priority;
    gnutls_psk_client_credentials_t client;
    gnutls_psk_server_credentials_t server;
};

static void connect_ends(struct gnutls_ends *both, const char *cipher) {
    memset(both, 0, sizeof *both);
    char priority[160];
    const gnutls_datum_t key = {(unsigned char *)"abcd", 4};
    (void)snprintf(priority, sizeof priority, "NONE:+VERS-DTLS1.2:+PSK:+%s:+AEAD:+COMP-NULL:+SIGN-ALL", cipher);
    assert_int_equal(gnutls_priority_init(&both->priority, priority, NULL), 0);
    gnutls_psk_allocate_client_credentials(&both->client);
    gnutls_psk_allocate_server_credentials(&both->server);
    gnutls_psk_set_client_credentials(both->client, "me", &key, GNUTLS_PSK_KEY_RAW);
    gnutls_psk_set_server_credentials_function(both->server, give_key);
    for (int i = 0; i < 2; i++) {
        struct gnutls_end *end = &both->ends[i];
        end->other = &both->ends[1 - i];
        gnutls_init(&end->tls, (i == 0 ? GNUTLS_CLIENT : GNUTLS_SERVER) | GNUTLS_DATAGRAM | GNUTLS_NONBLOCK);
        gnutls_priority_set(end->tls, both->priority);
        gnutls_credentials_set(end->tls, GNUTLS_CRD_PSK, i == 0 ? (void *)both->client : (void *)both->server);
        gnutls_transport_set_ptr(end->tls, end);
        gnutls_transport_set_push_function(end->tls, end_push);
        gnutls_transport_set_pull_function(end->tls, end_pull);
        gnutls_transport_set_pull_timeout_function(end->tls, end_wait);
        gnutls_dtls_set_mtu(end->tls, 1400);
    }
    int codes[2] = {-1, -1};
    for (int turn = 0; turn < 100 && (codes[0] < 0 || codes[1] < 0); turn++) {
        codes[turn % 2] = codes[turn % 2] < 0 ? gnutls_handshake(both->ends[turn % 2].tls) : 0;
    }
    assert_true(codes[0] == 0 && codes[1] == 0);
}

static void free_ends(struct gnutls_ends *both) {
    gnutls_deinit(both->ends[0].tls);
    gnutls_deinit(both->ends[1].tls);
    gnutls_psk_free_client_credentials(both->client);
    gnutls_psk_free_server_credentials(both->server);
    gnutls_priority_deinit(both->priority);
}

static void take_keys(gnutls_session_t tls, bool reading, struct dtls_keys *keys, uint64_t *next) {
    gnutls_datum_t mac, iv, key;
    uint8_t sequence[8];
    assert_int_equal(gnutls_record_get_state(tls, reading, &mac, &iv, &key, sequence), 0);
    memcpy(keys->key, key.data, key.size);
    memcpy(keys->iv, iv.data, iv.size);
    *next = 0;
    for (int i = 0; i < 8; i++) {
        *next = *next << 8 | sequence[i];
    }
}

/* The client's GnuTLS and our layer with its keys seal the same bytes; GnuTLS's server opens ours, we open GnuTLS's. */
static void the_bytes_are_those_of_gnutls(void **state) {
    (void)state;
    static const char *const ciphers[DTLS_CIPHERS] = {"AES-128-CCM-8", "AES-128-CCM", "AES-128-GCM",
                                                      "CHACHA20-POLY1305"};
    for (int cipher = 0; cipher < DTLS_CIPHERS; cipher++) {
        struct gnutls_ends both;
        connect_ends(&both, ciphers[cipher]);
        struct dtls_protection protection = {.cipher = (uint8_t)cipher};
        uint64_t ignored;
        take_keys(both.ends[0].tls, true, &protection.read, &ignored);
        for (size_t size = 1; size < 1200; size += 1 + size / 7) {
            uint8_t plain[1200], sealed[1200 + DTLS_OVERHEAD_MAXIMUM], opened[1300];
            struct dtls_record record;
            struct dtls_plaintext plaintext;
            memset(plain, (int)size, size);
            take_keys(both.ends[0].tls, false, &protection.write, &protection.write_next);
            assert_true((protection.write_next & 0xffff) > 0); /* the Finished had 0 */
            size_t sealed_size =
                coax_dtls_seal(&protection, DTLS_CONTENT_APPLICATION_DATA, bytes_of(plain, size), sealed);
            if (size % 2 == 0) { /* theirs, and the same in ours */
                assert_int_equal(gnutls_record_send(both.ends[0].tls, plain, size), size);
                assert_int_equal(sealed_size, both.ends[0].last_size);
                assert_memory_equal(sealed, both.ends[0].last, sealed_size);
            } else { /* ours; theirs is lost */
                assert_int_equal(gnutls_record_send(both.ends[0].tls, plain, size), size);
                both.ends[1].tail--;
                (void)end_push(&both.ends[0], sealed, sealed_size);
            }
            assert_int_equal(gnutls_record_recv(both.ends[1].tls, opened, sizeof opened), size);
            assert_memory_equal(opened, plain, size);
            assert_int_equal(gnutls_record_send(both.ends[1].tls, plain, size), size);
            both.ends[0].head = both.ends[0].tail;
            struct bytes datagram = bytes_of(both.ends[1].last, both.ends[1].last_size);
            assert_true(coax_dtls_next_record(&datagram, 0, &record));
            assert_false(coax_dtls_is_repeated(&protection, record.sequence));
            assert_true(coax_dtls_open(&protection, &record, opened, &plaintext));
            assert_int_equal(plaintext.content_type, DTLS_CONTENT_APPLICATION_DATA);
            assert_int_equal(plaintext.data.size, size);
            assert_memory_equal(plaintext.data.data, plain, size);
            assert_true(coax_dtls_note(&protection, record.sequence));
        }
        free_ends(&both);
    }
}

/* --- sequence numbers --- */

static const uint64_t epoch = UINT64_C(1) << 48;

static void the_replay_window_has_64_places(void **state) {
    (void)state;
    struct dtls_protection protection = {.cipher = 0};
    assert_false(coax_dtls_is_repeated(&protection, epoch));
    assert_true(coax_dtls_note(&protection, epoch + 100));
    assert_true(coax_dtls_is_repeated(&protection, epoch + 100));
    assert_false(coax_dtls_is_repeated(&protection, epoch + 101));
    assert_false(coax_dtls_is_repeated(&protection, epoch + 37)); /* 63 before */
    assert_true(coax_dtls_is_repeated(&protection, epoch + 36));
    assert_false(coax_dtls_note(&protection, epoch + 37));
    assert_true(coax_dtls_is_repeated(&protection, epoch + 37));
    assert_false(coax_dtls_is_repeated(&protection, epoch + 38));
    assert_true(coax_dtls_note(&protection, epoch + 163)); /* 100 is its oldest now */
    assert_true(coax_dtls_is_repeated(&protection, epoch + 100));
    assert_true(coax_dtls_is_repeated(&protection, epoch + 99));
    assert_false(coax_dtls_is_repeated(&protection, epoch + 101));
    assert_true(coax_dtls_note(&protection, epoch + 227)); /* nothing of it is left */
    for (uint64_t sequence = 164; sequence < 227; sequence++) {
        assert_false(coax_dtls_is_repeated(&protection, epoch + sequence));
    }
    assert_true(coax_dtls_is_repeated(&protection, epoch + 163));
    assert_false(coax_dtls_note(&protection, epoch)); /* too old to be noted, and of no harm */
    assert_true(coax_dtls_note(&protection, 2 * epoch - 1));
    assert_true(coax_dtls_is_repeated(&protection, epoch + 228));
}

/* Against a list of all that came. */
static void in_any_order_each_is_taken_once(void **state) {
    (void)state;
    enum { COUNT = 4000 };
    static bool seen[COUNT + 200];
    struct dtls_protection protection = {.cipher = 0};
    uint64_t newest = 0;
    uint32_t random = 7;
    memset(seen, 0, sizeof seen);
    for (unsigned i = 0; i < COUNT; i++) {
        random = random * 1664525 + 1013904223;
        uint64_t sequence = i / 2 + random / 65536 % 150;
        bool is_old = seen[sequence] || newest >= sequence + DTLS_REPLAY_WINDOW;
        assert_int_equal(coax_dtls_is_repeated(&protection, epoch + sequence), is_old);
        if (!is_old) {
            bool is_newer = i == 0 || sequence > newest;
            assert_int_equal(coax_dtls_note(&protection, epoch + sequence), is_newer);
            newest = is_newer ? sequence : newest;
            seen[sequence] = true;
        }
    }
}

static void the_last_sequence_number_ends_it(void **state) {
    (void)state;
    struct dtls_protection protection = {.write_next = 2 * epoch - 2};
    uint8_t sealed[1 + DTLS_OVERHEAD_MAXIMUM], opened[16];
    struct dtls_record record;
    struct dtls_plaintext plaintext;
    for (int i = 0; i < 2; i++) {
        size_t size = coax_dtls_seal(&protection, DTLS_CONTENT_ALERT, bytes_of("a", 1), sealed);
        struct bytes datagram = bytes_of(sealed, size);
        assert_true(coax_dtls_next_record(&datagram, 0, &record));
        assert_true(coax_dtls_open(&protection, &record, opened, &plaintext));
    }
    for (int i = 0; i < 3; i++) {
        assert_int_equal(coax_dtls_seal(&protection, DTLS_CONTENT_ALERT, bytes_of("a", 1), sealed), 0);
    }
}

/* --- Connection IDs --- */

static void records_carry_the_id_and_hide_their_type(void **state) {
    (void)state;
    for (uint8_t size = 1; size <= DTLS_CID_MAXIMUM; size++) {
        for (uint8_t cipher = 0; cipher < DTLS_CIPHERS; cipher++) {
            struct dtls_protection sender = {.cipher = cipher, .write_cid_size = size, .write_next = epoch + 5};
            struct dtls_protection receiver = {.cipher = cipher, .read_cid_size = size};
            memset(sender.write_cid, size, size);
            memset(receiver.read_cid, size, size);
            memset(&sender.write, 3, sizeof sender.write);
            receiver.read = sender.write;
            uint8_t sealed[5 + DTLS_OVERHEAD_MAXIMUM], opened[80];
            size_t sealed_size = coax_dtls_seal(&sender, DTLS_CONTENT_ALERT, bytes_of("hello", 5), sealed);
            assert_int_equal(sealed[0], DTLS_CONTENT_CID);
            assert_memory_equal(sealed + 11, receiver.read_cid, size);
            struct bytes datagram = bytes_of(sealed, sealed_size);
            struct dtls_record record;
            struct dtls_plaintext plaintext;
            assert_true(coax_dtls_next_record(&datagram, size, &record));
            assert_int_equal(datagram.size, 0);
            assert_int_equal(record.sequence, epoch + 5);
            assert_true(coax_dtls_open(&receiver, &record, opened, &plaintext));
            assert_int_equal(plaintext.content_type, DTLS_CONTENT_ALERT);
            assert_int_equal(plaintext.data.size, 5);
            assert_memory_equal(plaintext.data.data, "hello", 5);
            for (size_t i = 0; i < sealed_size * 8; i++) {
                sealed[i / 8] ^= (uint8_t)(1U << i % 8);
                datagram = bytes_of(sealed, sealed_size);
                assert_false(coax_dtls_next_record(&datagram, size, &record)
                             && coax_dtls_open(&receiver, &record, opened, &plaintext));
                sealed[i / 8] ^= (uint8_t)(1U << i % 8);
            }
        }
    }
}

/* RFC 9146 section 4: zeros behind the content type are padding; there must be a content type. */
static void padding_is_taken_off(void **state) {
    (void)state;
    static const struct {
        uint8_t inner[6];
        size_t size, data_size;
        bool opens;
    } cases[] = {
        {{'a', 'b', 23, 0, 0, 0}, 6, 2, true},
        {{'a', 0, 23, 0, 0, 0}, 6, 2, true},
        {{23, 0, 0, 0, 0, 0}, 6, 0, true},
        {{0, 0, 0, 0, 0, 0}, 6, 0, false},
        {{0}, 0, 0, false},
    };
    const struct bytes cid = bytes_of("cid", 3);
    struct dtls_protection receiver = {.cipher = DTLS_AES_128_CCM_8, .read_cid_size = 3, .read_cid = "cid"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        /* Sealed by hand, with an inner text that our own sealing would not make. */
        uint8_t record_bytes[80] = {DTLS_CONTENT_CID, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 9, 'c', 'i', 'd'};
        uint8_t additional[8 + 3 + 2 + 8 + 3 + 2] = {255, 255, 255, 255, 255, 255, 255, 255, 25, 3, 25, 0xfe, 0xfd};
        memcpy(additional + 13, record_bytes + 3, 8);
        memcpy(additional + 21, cid.data, 3);
        additional[25] = (uint8_t)cases[i].size;
        size_t fragment_size = 8 + cases[i].size + 8;
        record_bytes[15] = (uint8_t)fragment_size;
        memcpy(record_bytes + 16, record_bytes + 3, 8);
        coax_dtls_cipher_seal(DTLS_AES_128_CCM_8, &receiver.read, record_bytes + 16,
                              bytes_of(additional, sizeof additional), bytes_of(cases[i].inner, cases[i].size),
                              record_bytes + 24);
        struct bytes datagram = bytes_of(record_bytes, 16 + fragment_size);
        struct dtls_record record;
        struct dtls_plaintext plaintext;
        uint8_t opened[32];
        assert_true(coax_dtls_next_record(&datagram, 3, &record));
        assert_int_equal(coax_dtls_open(&receiver, &record, opened, &plaintext), cases[i].opens);
        if (cases[i].opens) {
            assert_int_equal(plaintext.content_type, 23);
            assert_int_equal(plaintext.data.size, cases[i].data_size);
        }
    }
}

/* RFC 9146 section 3: once agreed, a record without is none of this session; and the other way round. */
static void with_and_without_are_not_mixed(void **state) {
    (void)state;
    for (int with = 0; with < 2; with++) {
        struct dtls_protection sender = {.write_next = epoch, .write_cid_size = with ? 4 : 0};
        struct dtls_protection receiver = {.read_cid_size = with ? 0 : 4};
        uint8_t sealed[5 + DTLS_OVERHEAD_MAXIMUM], opened[64];
        struct bytes datagram = bytes_of(sealed, coax_dtls_seal(&sender, 23, bytes_of("hello", 5), sealed));
        struct dtls_record record;
        struct dtls_plaintext plaintext;
        assert_true(coax_dtls_next_record(&datagram, with ? 4 : 0, &record));
        assert_false(coax_dtls_open(&receiver, &record, opened, &plaintext));
        receiver.read_cid_size = sender.write_cid_size;
        assert_true(coax_dtls_open(&receiver, &record, opened, &plaintext));
        record.sequence += epoch; /* of an epoch that there is not */
        assert_false(coax_dtls_open(&receiver, &record, opened, &plaintext));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bytes_are_those_of_gnutls),
        cmocka_unit_test(the_replay_window_has_64_places),
        cmocka_unit_test(in_any_order_each_is_taken_once),
        cmocka_unit_test(the_last_sequence_number_ends_it),
        cmocka_unit_test(records_carry_the_id_and_hide_their_type),
        cmocka_unit_test(padding_is_taken_off),
        cmocka_unit_test(with_and_without_are_not_mixed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
