#include "security/dtls_test_pair.h"

static void starts_without_credentials(void **state) {
    (void)state;
    coax_credentials *credentials = coax_credentials_new();
    struct dtls_context *context = NULL;
    assert_int_equal(coax_dtls_context_new(&context, credentials, &pair_settings, NULL), COAX_OK);
    assert_null(context->material);
    assert_null(context->cookie.current.data);
    assert_int_equal(context->settings.mtu, pair_settings.mtu);
    coax_dtls_context_free(context);
    coax_dtls_context_free(NULL);
    coax_credentials_free(credentials);
}

/* RFC 7252 section 9.1.3: the mandatory suite first, and nothing with CBC or without encryption. */
static void offers_aead_suites_only(void **state) {
    (void)state;
    struct pair pair;
    pair_start(&pair);
    static const unsigned char mandatory[][2] = {{0xc0, 0xa8}, {0xc0, 0xae}, {0xc0, 0xae}};
    for (size_t kind = 0; kind < DTLS_CLIENT_KINDS; kind++) {
        gnutls_priority_t priority = pair.sides[PAIR_CLIENT].context->client_priorities[kind];
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

static struct pair_fate lose(struct pair *pair, int from, const uint8_t *data, size_t size) {
    (void)pair;
    (void)from;
    (void)data;
    (void)size;
    return (struct pair_fate){0, 0};
}

static void changes_the_wire_with_the_settings(void **state) {
    (void)state;
    static const struct dtls_settings hasty = {3000, 250, 300, 100};
    struct pair pair;
    pair_start(&pair);
    pair_set_psk(&pair, PAIR_CLIENT, "me", "key");
    pair.fate = lose;
    struct pair_side *client = &pair.sides[PAIR_CLIENT];
    coax_dtls_context_free(client->context);
    assert_int_equal(coax_dtls_context_new(&client->context, client->credentials, &hasty, NULL), COAX_OK);
    assert_int_equal(pair_connect(&pair, "server", NULL), COAX_OK);
    assert_true(pair_run(&pair, 2990));
    assert_int_equal(pair.sent[PAIR_CLIENT], 4); /* at 0, 250, 750, 1750 ms */
    assert_int_equal(client->closed, 0);
    assert_true(pair_run(&pair, 10));
    assert_int_equal(client->closed, 1);
    assert_non_null(strstr(client->error.text, "within 3 seconds"));
    pair_end(&pair);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starts_without_credentials),
        cmocka_unit_test(offers_aead_suites_only),
        cmocka_unit_test(changes_the_wire_with_the_settings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
