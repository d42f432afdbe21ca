/* Release (RFC 8323 section 5.5), from this end and from the other. */
#include "../../../tests/stream_fixture.h"

struct wait {
    struct release_wait wait;
    unsigned told;
    bool in_order;
    enum coax_status status;
};

static void told(struct release_wait *wait, struct coax_remote *remote, const coax_error *error) {
    struct wait *own = COAX_CONTAINER(wait, struct wait, wait);
    assert_non_null(remote);
    own->told++;
    own->in_order = error == NULL;
    own->status = error == NULL ? COAX_OK : error->status;
}

static void told_later(struct timer *timer, coax_instant now) {
    (void)now;
    COAX_CONTAINER(timer, struct wait, wait.timer)->told++;
}

static struct wait new_wait(void) {
    return (struct wait){.wait = {{.fire = told_later}, told}};
}

static enum coax_status release(struct connection *connection, struct wait *wait, coax_error *error) {
    return coax_connection_release(&connection->remote, NULL, wait == NULL ? NULL : &wait->wait, error);
}

static void it_waits_until_the_peer_has_closed(void **state) {
    struct stream_fixture *fixture = *state;
    struct connection *connection = fixture_connect(fixture);
    struct fixture_link *link = fixture_link_of(connection);
    struct wait wait = new_wait();
    assert_int_equal(release(connection, &wait, NULL), COAX_OK);
    assert_int_equal(fixture_next_code(fixture, link), COAX_RELEASE);
    assert_int_equal(wait.told, 0);
    assert_false(link->is_closed);
    coax_connection_receive_end(connection);
    coax_stream_flush(&fixture->layer);
    assert_int_equal(wait.told, 1);
    assert_true(wait.in_order);
    assert_true(link->is_closed);
}

static void what_is_under_way_goes_on(void **state) {
    struct stream_fixture *fixture = *state;
    struct connection *connection = fixture_connect(fixture);
    struct fixture_link *link = fixture_link_of(connection);
    struct fixture_delivery delivery;
    fixture_feed_code(fixture, connection, COAX_GET, "theirs");
    assert_int_equal(fixture_send(connection, &delivery, COAX_GET, "ours", 0, NULL), COAX_OK);
    assert_int_equal(release(connection, NULL, NULL), COAX_OK);
    assert_int_equal(fixture_next_code(fixture, link), COAX_GET);
    assert_int_equal(fixture_next_code(fixture, link), COAX_RELEASE);
    fixture_feed_code(fixture, connection, COAX_CONTENT, "ours");
    assert_int_equal(fixture->response_count, 1);
    assert_int_equal(fixture_respond(&fixture->requests[0], COAX_CONTENT, 1), COAX_OK);
    assert_int_equal(fixture_next_code(fixture, link), COAX_CONTENT);
    assert_false(link->is_closed);
}

static void nothing_new_is_sent_and_a_new_connection_is_made(void **state) {
    struct stream_fixture *fixture = *state;
    struct connection *connection = fixture_connect(fixture);
    struct fixture_delivery delivery;
    coax_error error;
    assert_int_equal(release(connection, NULL, NULL), COAX_OK);
    assert_int_equal(fixture_send(connection, &delivery, COAX_GET, "t", 0, &error), COAX_E_RELEASED);
    assert_int_equal(release(connection, NULL, &error), COAX_E_STATE);
    assert_ptr_not_equal(fixture_dial(fixture), connection);
    assert_int_equal(fixture->open_count, 2);
}

static void what_only_waits_fails_at_once(void **state) {
    struct stream_fixture *fixture = *state;
    struct connection *connection = fixture_dial(fixture);
    struct fixture_delivery sent, waiting;
    fixture_connected(fixture, connection);
    struct fixture_link *link = fixture_link_of(connection);
    assert_int_equal(fixture_next_code(fixture, link), COAX_CSM);
    assert_int_equal(fixture_send(connection, &sent, COAX_GET, "1", 0, NULL), COAX_OK);
    assert_int_equal(fixture_send(connection, &waiting, COAX_PUT, "2", 1500, NULL), COAX_OK); /* for the CSM */
    assert_int_equal(release(connection, NULL, NULL), COAX_OK);
    assert_int_equal(sent.failed_count, 0);
    assert_int_equal(waiting.failed_count, 1);
    assert_int_equal(waiting.error.status, COAX_E_RELEASED);
    assert_int_equal(fixture_next_code(fixture, link), COAX_GET);
    assert_int_equal(fixture_next_code(fixture, link), COAX_RELEASE);
    fixture_expect_nothing(fixture, link);
}

static void a_peer_that_does_not_close_is_given_up(void **state) {
    struct stream_fixture *fixture = *state;
    struct connection *connection = fixture_connect(fixture);
    struct fixture_link *link = fixture_link_of(connection);
    struct wait wait = new_wait();
    assert_int_equal(release(connection, &wait, NULL), COAX_OK);
    fixture_wait_ms(fixture, fixture_settings.release_timeout_ms - 1);
    assert_int_equal(wait.told, 0);
    fixture_wait_ms(fixture, 1);
    assert_int_equal(wait.told, 1);
    assert_int_equal(wait.status, COAX_E_TIMEOUT);
    assert_true(link->is_closed);
}

static void a_reset_is_no_orderly_end(void **state) {
    struct stream_fixture *fixture = *state;
    struct connection *connection = fixture_connect(fixture);
    struct wait wait = new_wait();
    coax_error error;
    assert_int_equal(release(connection, &wait, NULL), COAX_OK);
    coax_fail(&error, COAX_E_LOST, "reset by the peer");
    coax_connection_broken(connection, &error);
    assert_int_equal(wait.told, 1);
    assert_int_equal(wait.status, COAX_E_LOST);
}

static void one_that_is_not_open_yet_is_given_up_and_told_later(void **state) {
    struct stream_fixture *fixture = *state;
    struct connection *connection = fixture_dial(fixture);
    struct wait wait = new_wait();
    assert_int_equal(release(connection, &wait, NULL), COAX_OK);
    assert_int_equal(fixture->cancel_count, 1);
    assert_int_equal(fixture->lost.status, COAX_E_RELEASED);
    assert_int_equal(wait.told, 0);
    fixture_wait_ms(fixture, 1);
    assert_int_equal(wait.told, 1);
    assert_int_equal(fixture->layer.connection_count, 0);
}

static void its_terms_are_sent(void **state) {
    struct stream_fixture *fixture = *state;
    struct connection *connection = fixture_accept(fixture);
    static const char *const addresses[] = {"b.example:5683", "c.example"};
    coax_release_terms terms = COAX_RELEASE_TERMS_INIT;
    terms.alternative_addresses = addresses;
    terms.alternative_address_count = 2;
    terms.hold_off_s = 300;
    assert_int_equal(coax_connection_release(&connection->remote, &terms, NULL, NULL), COAX_OK);
    struct coax_message sent;
    size_t position = 0;
    struct bytes address;
    assert_true(fixture_next(fixture, fixture_link_of(connection), &sent));
    assert_true(coax_release_next_address(&sent, &position, &address));
    assert_true(bytes_equal(address, bytes_of("b.example:5683", 14)));
    assert_int_equal(coax_release_hold_off(&sent), 300);
}

static void terms_that_do_not_fit_are_refused(void **state) {
    struct stream_fixture *fixture = *state;
    struct connection *connection = fixture_accept(fixture);
    coax_release_terms terms = COAX_RELEASE_TERMS_INIT;
    coax_error error;
    terms.hold_off_s = 1U << 24;
    assert_int_equal(coax_connection_release(&connection->remote, &terms, NULL, &error), COAX_E_TOO_LARGE);
    fixture_expect_nothing(fixture, fixture_link_of(connection));
    assert_int_equal(connection->phase, CONNECTION_OPEN);
}

/* --- the peer's --- */

static void the_peers_release_closes_when_nothing_is_under_way(void **state) {
    struct stream_fixture *fixture = *state;
    struct connection *connection = fixture_accept(fixture);
    struct fixture_link *link = fixture_link_of(connection);
    fixture_feed_code(fixture, connection, COAX_RELEASE, "");
    assert_true(link->is_closed);
    assert_false(link->is_reset);
    assert_int_equal(fixture->lost.status, COAX_E_RELEASED);
}

static void the_peers_release_waits_for_both_sides_requests(void **state) {
    struct stream_fixture *fixture = *state;
    struct connection *connection = fixture_accept(fixture);
    struct fixture_link *link = fixture_link_of(connection);
    struct list_node request; /* of the request layer's */
    fixture_feed_code(fixture, connection, COAX_GET, "a");
    list_append(&connection->remote.requests, &request);
    fixture_feed_code(fixture, connection, COAX_RELEASE, "");
    assert_false(link->is_closed);
    assert_int_equal(fixture_respond(&fixture->requests[0], COAX_CONTENT, 0), COAX_OK);
    assert_int_equal(fixture_next_code(fixture, link), COAX_CONTENT);
    assert_false(link->is_closed);
    list_remove(&request);
    fixture_feed_code(fixture, connection, COAX_CONTENT, "b");
    assert_true(link->is_closed);
    assert_int_equal(fixture->lost.status, COAX_E_RELEASED);
}

static void a_peer_that_releases_and_goes_has_said_why(void **state) {
    struct stream_fixture *fixture = *state;
    struct connection *connection = fixture_accept(fixture);
    fixture_feed_code(fixture, connection, COAX_GET, "a");
    fixture_feed_code(fixture, connection, COAX_RELEASE, "");
    assert_int_equal(fixture->lost_count, 0);
    coax_connection_receive_end(connection);
    assert_int_equal(fixture->lost_count, 1);
    assert_int_equal(fixture->lost.status, COAX_E_RELEASED);
}

static void the_peers_release_does_not_wait_for_ever(void **state) {
    struct stream_fixture *fixture = *state;
    struct connection *connection = fixture_accept(fixture);
    struct fixture_link *link = fixture_link_of(connection);
    fixture_feed_code(fixture, connection, COAX_GET, "a");
    fixture_feed_code(fixture, connection, COAX_RELEASE, "");
    fixture_wait_ms(fixture, fixture_settings.release_timeout_ms);
    assert_true(link->is_closed);
    assert_int_equal(fixture->lost.status, COAX_E_TIMEOUT);
}

static void what_only_waits_fails_at_the_peers_release(void **state) {
    struct stream_fixture *fixture = *state;
    struct connection *connection = fixture_connect(fixture);
    struct fixture_link *link = fixture_link_of(connection);
    struct fixture_delivery first, second;
    const uint8_t large_csm[] = {0x30, 0xe1, 0x22, 0x20, 0x00};
    coax_connection_receive(connection, large_csm, sizeof large_csm);
    link->room = 0;
    assert_int_equal(fixture_send(connection, &first, COAX_PUT, "1", 2000, NULL), COAX_OK);
    assert_int_equal(fixture_send(connection, &second, COAX_PUT, "2", 10, NULL), COAX_OK);
    assert_int_equal(coax_stream_transport.stage(&second.delivery), DELIVERY_QUEUED);
    fixture_feed_code(fixture, connection, COAX_RELEASE, "");
    assert_int_equal(first.failed_count, 0);
    assert_int_equal(second.failed_count, 1);
    assert_int_equal(second.error.status, COAX_E_RELEASED);
}

static void feed_release(struct stream_fixture *fixture, struct connection *connection, const char *address,
                         uint32_t hold_off_s) {
    uint8_t room[256];
    struct option_writer writer = option_writer_on(room, sizeof room);
    struct coax_message message;
    assert_int_equal(coax_release_make(&message, &writer, &address, address == NULL ? 0 : 1, hold_off_s), COAX_OK);
    fixture_feed(fixture, connection, &message);
}

static void a_hold_off_is_kept_to(void **state) {
    struct stream_fixture *fixture = *state;
    const struct stream_target target = fixture_target();
    struct coax_remote *remote;
    coax_error error;
    feed_release(fixture, fixture_connect(fixture), NULL, 7);
    assert_non_null(strstr(fixture->lost.text, "7 s"));
    assert_int_equal(coax_stream_remote(&fixture->layer, &target, &remote, &error), COAX_E_RELEASED);
    assert_non_null(strstr(error.text, "7 s"));
    struct stream_target other = target;
    other.port = 5700;
    assert_int_equal(coax_stream_remote(&fixture->layer, &other, &remote, &error), COAX_OK);
    fixture_wait_ms(fixture, 7000);
    assert_int_equal(coax_stream_remote(&fixture->layer, &target, &remote, &error), COAX_OK);
    assert_int_equal(fixture->layer.held_origin_count, 0);
}

static void an_alternative_address_is_told_but_in_the_clear_not_followed(void **state) {
    struct stream_fixture *fixture = *state;
    struct stream_target dialled;
    feed_release(fixture, fixture_connect(fixture), "evil.example:99", 0);
    assert_non_null(strstr(fixture->lost.text, "evil.example:99"));
    coax_connection_target(fixture_dial(fixture), &dialled);
    assert_string_equal(dialled.host, "server.example");
    assert_int_equal(dialled.port, 5683);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, stream_fixture_set_up, stream_fixture_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(it_waits_until_the_peer_has_closed),
        TEST(what_is_under_way_goes_on),
        TEST(nothing_new_is_sent_and_a_new_connection_is_made),
        TEST(what_only_waits_fails_at_once),
        TEST(a_peer_that_does_not_close_is_given_up),
        TEST(a_reset_is_no_orderly_end),
        TEST(one_that_is_not_open_yet_is_given_up_and_told_later),
        TEST(its_terms_are_sent),
        TEST(terms_that_do_not_fit_are_refused),
        TEST(the_peers_release_closes_when_nothing_is_under_way),
        TEST(the_peers_release_waits_for_both_sides_requests),
        TEST(a_peer_that_releases_and_goes_has_said_why),
        TEST(the_peers_release_does_not_wait_for_ever),
        TEST(what_only_waits_fails_at_the_peers_release),
        TEST(a_hold_off_is_kept_to),
        TEST(an_alternative_address_is_told_but_in_the_clear_not_followed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
