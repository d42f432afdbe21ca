#include "security/dtls_test_pair.h"

/* RFC 7252 section 9.1.3: the mandatory suite first, and nothing with CBC or without encryption. */
static void offers_aead_suites_only(void **state) {
    (void)state;
    struct pair pair;
    pair_start(&pair);
    static const unsigned char mandatory[][2] = {{0xc0, 0xa8}, {0xc0, 0xae}, {0xc0, 0xae}};
    for (size_t kind = 0; kind < SECURE_CLIENT_KINDS; kind++) {
        gnutls_priority_t priority = pair.sides[PAIR_CLIENT].context->secure.client_priorities[kind];
        unsigned index;
        unsigned count = 0;
        for (unsigned i = 0;
             gnutls_priority_get_cipher_suite_index(priority, i, &index) != GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE;
             i++) {
            unsigned char id[2] = {0};
            gnutls_mac_algorithm_t mac = GNUTLS_MAC_UNKNOWN;
            gnutls_protocol_t version = GNUTLS_TLS1_3;
            if (gnutls_cipher_suite_info(index, id, NULL, NULL, &mac, &version) == NULL || version == GNUTLS_TLS1_3) {
                continue;
            }
            assert_int_equal(mac, GNUTLS_MAC_AEAD);
            if (count++ == 0) {
                assert_memory_equal(id, mandatory[kind], 2);
            }
        }
        assert_in_range(count, 3, 20);
    }
    pair_end(&pair);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offers_aead_suites_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
