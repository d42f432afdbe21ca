#include "security/dtls_test_pair.h"

static void test_first_handshake(void **state) {
    (void)state;
    struct pair pair;
    pair_start(&pair);
    pair_set_psk(&pair, 0, "me", "secretPSK");
    pair_set_psk(&pair, 1, "me", "secretPSK");
    coax_error error;
    assert_int_equal(pair_connect(&pair, "server", &error), COAX_OK);
    assert_true(pair_run(&pair, 5000));
    for (int i = 0; i < 2; i++)
        printf("side %d est %u closed %u %s sent %u\n", i, pair.sides[i].established, pair.sides[i].closed, pair.sides[i].error.text, pair.sent[i]);
    assert_true(pair_is_up(&pair));
    pair_end(&pair);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_first_handshake)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
