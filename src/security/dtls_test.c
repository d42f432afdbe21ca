#include "security/dtls_test_pair.h"

static void starts_without_credentials(void **state) {
    (void)state;
    coax_credentials *credentials = coax_credentials_new();
    struct dtls_context *context = NULL;
    assert_int_equal(coax_dtls_context_new(&context, credentials, &pair_settings, NULL), COAX_OK);
    assert_null(context->secure.material);
    assert_null(context->cookie.current.data);
    assert_int_equal(context->settings.mtu, pair_settings.mtu);
    coax_dtls_context_free(context);
    coax_dtls_context_free(NULL);
    coax_credentials_free(credentials);
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
    static const struct dtls_settings hasty = {3000, 250, 300, 100, false};
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
        cmocka_unit_test(changes_the_wire_with_the_settings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
