/* No key ever seals two records with one sequence number, from which the nonce follows: in sessions on a network that
   loses, repeats and reorders, with handshakes that are repeated, with and without Connection IDs.

   The linker turns each call that seals a record into the one below (cmake/tests.cmake), which writes keys and numbers
   down. While a handshake lasts a record is also sealed once more for GnuTLS, with the peer's key and without its
   Connection ID; it stays in memory, and is told from what goes out by that. */
#include "security/dtls_protection.h"
#include "sim/exchange.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

void __real_coax_dtls_cipher_seal(enum dtls_cipher cipher, const struct dtls_keys *keys,
                                  const uint8_t explicit_nonce[8], struct bytes additional, struct bytes plaintext,
                                  uint8_t *out);
void __wrap_coax_dtls_cipher_seal(enum dtls_cipher cipher, const struct dtls_keys *keys,
                                  const uint8_t explicit_nonce[8], struct bytes additional, struct bytes plaintext,
                                  uint8_t *out);

enum { SEALED_MAXIMUM = 1 << 16, RUNS = 150, REQUESTS = 6 };

static struct sealed {
    struct dtls_keys keys;
    uint8_t sequence[8];
    bool has_cid;
} sealed[SEALED_MAXIMUM];
static size_t sealed_count, twice;

static bool is_same(const struct sealed *a, const struct sealed *b) {
    return memcmp(a->sequence, b->sequence, sizeof a->sequence) == 0 && a->has_cid == b->has_cid
           && memcmp(&a->keys, &b->keys, sizeof a->keys) == 0;
}

void __wrap_coax_dtls_cipher_seal(enum dtls_cipher cipher, const struct dtls_keys *keys,
                                  const uint8_t explicit_nonce[8], struct bytes additional, struct bytes plaintext,
                                  uint8_t *out) {
    struct sealed *next = &sealed[sealed_count++];
    assert_true(sealed_count < SEALED_MAXIMUM);
    next->keys = *keys;
    memcpy(next->sequence, explicit_nonce, sizeof next->sequence);
    next->has_cid = additional.size > DTLS_RECORD_HEADER_SIZE;
    for (size_t i = 0; i + 1 < sealed_count; i++) {
        twice += is_same(&sealed[i], next);
    }
    __real_coax_dtls_cipher_seal(cipher, keys, explicit_nonce, additional, plaintext, out);
}

static void run(uint64_t seed, bool with_cids) {
    static const struct network_conditions bad = {
        .loss_percent = 25, .duplicate_percent = 15, .delay_minimum_ms = 5, .delay_maximum_ms = 900};
    static struct outcome outcomes[REQUESTS];
    coax_endpoint_config config = COAX_ENDPOINT_CONFIG_INIT;
    struct network network;
    config.connection_ids = with_cids;
    config.nstart = REQUESTS;
    network_init(&network, seed, &bad);
    struct network_node *client = network_add(&network, &config, true, false);
    struct network_node *server = network_add(&network, &config, true, true);
    sim_set_psk(client, "device", "0123456789abcdef");
    sim_set_psk(server, "device", "0123456789abcdef");
    sim_add_hello(server);
    for (int i = 0; i < REQUESTS; i++) {
        (void)sim_ask_node(client, server, COAX_GET, "hello", &outcomes[i]);
        sim_pass(&network, i == 0 ? 60000 : 100);
    }
    sim_pass(&network, 100000);
    if (seed % 3 == 0) { /* and a new session, with new keys */
        network_restart(client, &config);
        sim_set_psk(client, "device", "0123456789abcdef");
        (void)sim_ask_node(client, server, COAX_GET, "hello", &outcomes[0]);
        sim_pass(&network, 100000);
    }
    network_free(&network);
}

static void no_number_is_used_twice(void **state) {
    (void)state;
    size_t with_numbers = 0;
    for (uint64_t seed = 1; seed <= RUNS; seed++) {
        sealed_count = 0;
        run(seed, seed % 2 == 0);
        assert_int_equal(twice, 0);
        for (size_t i = 0; i < sealed_count; i++) {
            /* Without Connection IDs GnuTLS itself sealed the first, its Finished. */
            static const uint8_t first[6];
            bool is_first = memcmp(sealed[i].sequence + 2, first, sizeof first) == 0;
            assert_false(is_first && seed % 2 == 1);
        }
        with_numbers += sealed_count;
    }
    printf("%zu records\n", with_numbers);
    assert_true(with_numbers > (size_t)RUNS * REQUESTS);
}

/* The test notices: the same call twice. */
static void a_repeated_number_would_be_seen(void **state) {
    (void)state;
    struct dtls_protection protection = {.write_next = UINT64_C(1) << 48};
    uint8_t out[100];
    sealed_count = twice = 0;
    (void)coax_dtls_seal(&protection, DTLS_CONTENT_ALERT, bytes_of("a", 1), out);
    (void)coax_dtls_seal(&protection, DTLS_CONTENT_ALERT, bytes_of("a", 1), out);
    size_t seen = sealed_count;
    protection.write_next--;
    (void)coax_dtls_seal(&protection, DTLS_CONTENT_ALERT, bytes_of("a", 1), out);
    assert_int_equal(seen, sealed_count - 1);
    assert_int_equal(twice, 1);
    twice = 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_number_is_used_twice),
        cmocka_unit_test(a_repeated_number_would_be_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
