#include "security/dtls_test_pair.h"

/* A context whose answers are kept, and real ClientHellos to put to it. */
struct hello_fixture {
    struct pair pair;
    unsigned answers;
    size_t answer_size;
};

static void keep(void *user, const uint8_t *datagram, size_t size) {
    struct hello_fixture *fixture = user;
    fixture->answers++;
    fixture->answer_size = size;
    assert_int_equal(datagram[0], DTLS_CONTENT_HANDSHAKE);
    assert_int_equal(datagram[DTLS_RECORD_HEADER_SIZE], 3); /* HelloVerifyRequest */
}

static struct pair_packet *nth_from_client(struct pair *pair, unsigned n) {
    for (size_t i = 0; i < pair->recorded_count; i++) {
        if (pair->recorded[i]->from == PAIR_CLIENT && n-- == 0) {
            return pair->recorded[i];
        }
    }
    fail();
    return NULL;
}

static void start(struct hello_fixture *fixture) {
    memset(fixture, 0, sizeof *fixture);
    pair_start(&fixture->pair);
    fixture->pair.record = true;
    pair_set_psk(&fixture->pair, PAIR_CLIENT, "me", "key");
    pair_set_psk(&fixture->pair, PAIR_SERVER, "me", "key");
    assert_int_equal(pair_connect(&fixture->pair, "server", NULL), COAX_OK);
    assert_true(pair_run(&fixture->pair, 100));
    assert_true(pair_is_up(&fixture->pair));
}

static enum dtls_hello ask(struct hello_fixture *fixture, const struct address *from, const struct pair_packet *hello,
                           coax_instant now) {
    return coax_dtls_hello(fixture->pair.sides[PAIR_SERVER].context, from, hello->data, hello->size, now, keep,
                           fixture);
}

static void answers_a_hello_without_a_cookie_with_no_more_bytes(void **state) {
    (void)state;
    struct hello_fixture fixture;
    start(&fixture);
    const struct pair_packet *hello = nth_from_client(&fixture.pair, 0);
    assert_int_equal(ask(&fixture, &fixture.pair.client_address, hello, fixture.pair.now), DTLS_HELLO_ANSWERED);
    assert_int_equal(fixture.answers, 1);
    assert_in_range(fixture.answer_size, 1, hello->size);
    pair_end(&fixture.pair);
}

static void accepts_a_cookie_from_its_address_only(void **state) {
    (void)state;
    struct hello_fixture fixture;
    start(&fixture);
    const struct pair_packet *hello = nth_from_client(&fixture.pair, 1);
    struct address client = fixture.pair.client_address;
    assert_int_equal(ask(&fixture, &client, hello, fixture.pair.now), DTLS_HELLO_VERIFIED);
    assert_int_equal(fixture.answers, 0);
    client.port++;
    assert_int_equal(ask(&fixture, &client, hello, fixture.pair.now), DTLS_HELLO_ANSWERED);
    client = coax_address_ip4(127, 0, 0, 2, 40000);
    assert_int_equal(ask(&fixture, &client, hello, fixture.pair.now), DTLS_HELLO_ANSWERED);
    pair_end(&fixture.pair);
}

static void forgets_a_cookie_after_two_changes_of_the_secret(void **state) {
    (void)state;
    struct hello_fixture fixture;
    start(&fixture);
    const struct pair_packet *hello = nth_from_client(&fixture.pair, 1);
    const struct address *client = &fixture.pair.client_address;
    coax_instant begin = fixture.pair.now;
    assert_int_equal(ask(&fixture, client, hello, begin + 59 * COAX_SECOND), DTLS_HELLO_VERIFIED);
    assert_int_equal(ask(&fixture, client, hello, begin + 61 * COAX_SECOND), DTLS_HELLO_VERIFIED);
    assert_int_equal(ask(&fixture, client, hello, begin + 119 * COAX_SECOND), DTLS_HELLO_VERIFIED);
    assert_int_equal(ask(&fixture, client, hello, begin + 122 * COAX_SECOND), DTLS_HELLO_ANSWERED);
    pair_end(&fixture.pair);
}

static void forgets_all_cookies_after_a_long_rest(void **state) {
    (void)state;
    struct hello_fixture fixture;
    start(&fixture);
    const struct pair_packet *hello = nth_from_client(&fixture.pair, 1);
    assert_int_equal(ask(&fixture, &fixture.pair.client_address, hello, fixture.pair.now + 3600 * COAX_SECOND),
                     DTLS_HELLO_ANSWERED);
    pair_end(&fixture.pair);
}

static void ignores_what_is_no_hello(void **state) {
    (void)state;
    struct hello_fixture fixture;
    start(&fixture);
    const struct pair_packet *finished = nth_from_client(&fixture.pair, 2);
    assert_int_equal(ask(&fixture, &fixture.pair.client_address, finished, fixture.pair.now), DTLS_NOT_HELLO);
    struct pair_packet *hello = nth_from_client(&fixture.pair, 1);
    size_t size = hello->size;
    for (hello->size = 0; hello->size < size; hello->size++) {
        assert_int_not_equal(ask(&fixture, &fixture.pair.client_address, hello, fixture.pair.now), DTLS_HELLO_VERIFIED);
    }
    pair_end(&fixture.pair);
}

static void never_sends_more_than_it_got(void **state) {
    (void)state;
    struct hello_fixture fixture;
    start(&fixture);
    struct pair_packet *hello = nth_from_client(&fixture.pair, 0);
    /* The smallest thing that looks like a hello: a record of one byte. */
    hello->data[11] = 0;
    for (hello->size = 14; hello->size < 60; hello->size++) {
        hello->data[12] = (uint8_t)(hello->size - DTLS_RECORD_HEADER_SIZE);
        fixture.answer_size = 0;
        (void)ask(&fixture, &fixture.pair.client_address, hello, fixture.pair.now);
        assert_in_range(fixture.answer_size, 0, hello->size);
    }
    pair_end(&fixture.pair);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_a_hello_without_a_cookie_with_no_more_bytes),
        cmocka_unit_test(accepts_a_cookie_from_its_address_only),
        cmocka_unit_test(forgets_a_cookie_after_two_changes_of_the_secret),
        cmocka_unit_test(forgets_all_cookies_after_a_long_rest),
        cmocka_unit_test(ignores_what_is_no_hello),
        cmocka_unit_test(never_sends_more_than_it_got),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
