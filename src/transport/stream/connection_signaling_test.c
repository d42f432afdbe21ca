/* Signaling (RFC 8323 section 5), byte by byte, over coap+tcp. */
#include "../../../tests/stream_fixture.h"

static void both_ends_begin_with_a_csm(void **state) {
    struct stream_fixture *fixture = *state;
    struct connection *accepted = fixture_accept_scheme(fixture, COAX_SCHEME_COAP_TCP);
    struct coax_message csm;
    assert_true(fixture_next(fixture, fixture_link_of(accepted), &csm));
    assert_int_equal(csm.code, COAX_CSM);
    struct capabilities told = capabilities_base;
    coax_csm_read(&csm, &told);
    assert_int_equal(told.max_message_size, fixture_settings.max_stream_message_size);
    assert_true(told.block_wise_transfer);
    assert_int_equal(told.token_maximum, fixture_settings.max_token_size);
    struct connection *dialled = fixture_dial(fixture);
    fixture_connected(fixture, dialled);
    assert_int_equal(fixture_next_code(fixture, fixture_link_of(dialled)), COAX_CSM);
    fixture_expect_nothing(fixture, fixture_link_of(dialled));
}

static void it_is_open_when_the_peers_csm_is_here_even_an_empty_one(void **state) {
    struct stream_fixture *fixture = *state;
    struct connection *connection = fixture_accept_scheme(fixture, COAX_SCHEME_COAP_TCP);
    assert_int_equal(fixture->opened_count, 0);
    assert_int_equal(fixture->layer.opening_count, 1);
    const uint8_t empty_csm[] = {0x00, 0xe1};
    coax_connection_receive(connection, empty_csm, sizeof empty_csm);
    assert_int_equal(fixture->opened_count, 1);
    assert_int_equal(fixture->layer.opening_count, 0);
    assert_int_equal(connection->peer.max_message_size, 1152);
    fixture_feed_code(fixture, connection, COAX_CSM, "");
    assert_int_equal(fixture->opened_count, 1);
}

static void a_csm_replaces_what_it_names(void **state) {
    struct stream_fixture *fixture = *state;
    struct connection *connection = fixture_accept(fixture);
    const uint8_t large[] = {0x30, 0xe1, 0x22, 0x20, 0x00}; /* Max-Message-Size 8192 */
    const uint8_t block_wise[] = {0x10, 0xe1, 0x40};        /* Block-Wise-Transfer */
    const uint8_t small[] = {0x20, 0xe1, 0x21, 0x40};       /* Max-Message-Size 64 */
    coax_connection_receive(connection, large, sizeof large);
    assert_int_equal(connection->peer.max_message_size, 8192);
    coax_connection_receive(connection, block_wise, sizeof block_wise);
    assert_int_equal(connection->peer.max_message_size, 8192);
    assert_true(connection->peer.block_wise_transfer);
    coax_connection_receive(connection, small, sizeof small);
    assert_int_equal(connection->peer.max_message_size, 64);
    assert_int_equal(fixture->lost_count, 0);
}

static void expect_abort(struct stream_fixture *fixture, struct fixture_link *link, int bad_option,
                         enum coax_status lost) {
    struct coax_message abort;
    uint16_t number = 0;
    assert_true(fixture_next(fixture, link, &abort));
    assert_int_equal(abort.code, COAX_ABORT);
    assert_true(abort.payload.size > 0);
    bool has_number = coax_abort_bad_csm_option(&abort, &number);
    assert_int_equal(has_number ? number : -1, bad_option);
    assert_true(link->is_closed);
    assert_false(link->is_reset);
    assert_int_equal(fixture->lost_count, 1);
    assert_int_equal(fixture->lost.status, lost);
    assert_int_equal(fixture->layer.connection_count, 0);
}

static void what_comes_before_the_csm_aborts(void **state) {
    struct stream_fixture *fixture = *state;
    static const uint8_t codes[] = {COAX_GET, COAX_CONTENT, COAX_PING, COAX_PONG, COAX_RELEASE};
    for (size_t i = 0; i < sizeof codes; i++) {
        struct connection *connection = fixture_accept_scheme(fixture, COAX_SCHEME_COAP_TCP);
        struct fixture_link *link = fixture_link_of(connection);
        assert_int_equal(fixture_next_code(fixture, link), COAX_CSM);
        fixture->lost_count = 0;
        fixture_feed_code(fixture, connection, codes[i], "");
        expect_abort(fixture, link, -1, COAX_E_FORMAT);
    }
    assert_int_equal(fixture->request_count, 0);
    assert_int_equal(fixture->opened_count, 0);
}

static void http_on_this_port_aborts(void **state) {
    struct stream_fixture *fixture = *state;
    struct connection *connection = fixture_accept_scheme(fixture, COAX_SCHEME_COAP_TCP);
    struct fixture_link *link = fixture_link_of(connection);
    static const char request[] = "GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: a browser\r\n\r\n";
    assert_int_equal(fixture_next_code(fixture, link), COAX_CSM);
    coax_connection_receive(connection, (const uint8_t *)request, sizeof request - 1);
    expect_abort(fixture, link, -1, COAX_E_FORMAT);
}

static void an_empty_message_may_come_before_the_csm(void **state) {
    struct stream_fixture *fixture = *state;
    struct connection *connection = fixture_accept_scheme(fixture, COAX_SCHEME_COAP_TCP);
    fixture_feed_code(fixture, connection, COAX_EMPTY, "");
    assert_int_equal(fixture->opened_count, 0);
    fixture_feed_code(fixture, connection, COAX_CSM, "");
    assert_int_equal(fixture->opened_count, 1);
    assert_int_equal(fixture->lost_count, 0);
}

/* Each with option 1, which is critical and unknown. */
static void unknown_critical_options_abort(void **state) {
    struct stream_fixture *fixture = *state;
    static const struct {
        uint8_t code;
        int bad_option;
    } rows[] = {{COAX_CSM, 1}, {COAX_PING, -1}, {COAX_PONG, -1}, {COAX_RELEASE, -1}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct connection *connection = fixture_accept(fixture);
        struct fixture_link *link = fixture_link_of(connection);
        const uint8_t frame[] = {0x10, rows[i].code, 0x10};
        fixture->lost_count = 0;
        coax_connection_receive(connection, frame, sizeof frame);
        expect_abort(fixture, link, rows[i].bad_option, COAX_E_OPTION);
    }
}

static void unknown_elective_options_are_ignored(void **state) {
    struct stream_fixture *fixture = *state;
    static const uint8_t codes[] = {COAX_CSM, COAX_PING, COAX_PONG};
    struct connection *connection = fixture_accept(fixture);
    for (size_t i = 0; i < sizeof codes; i++) {
        const uint8_t frame[] = {0x10, codes[i], 0xc0}; /* option 12 */
        coax_connection_receive(connection, frame, sizeof frame);
    }
    assert_int_equal(fixture->lost_count, 0);
    assert_int_equal(fixture_next_code(fixture, fixture_link_of(connection)), COAX_PONG);
}

static void a_ping_is_answered_with_its_token(void **state) {
    struct stream_fixture *fixture = *state;
    struct connection *connection = fixture_accept(fixture);
    struct coax_message pong;
    fixture_feed_code(fixture, connection, COAX_PING, "abc");
    assert_true(fixture_next(fixture, fixture_link_of(connection), &pong));
    assert_int_equal(pong.code, COAX_PONG);
    assert_true(bytes_equal(pong.token, bytes_of("abc", 3)));
    assert_false(coax_signaling_has_custody(&pong));
}

static void feed_custody_ping(struct stream_fixture *fixture, struct connection *connection, const char *token) {
    uint8_t room[SIGNALING_ROOM];
    struct coax_message ping = coax_ping_make(room, bytes_of(token, strlen(token)), true);
    fixture_feed(fixture, connection, &ping);
}

static void expect_pong(struct stream_fixture *fixture, struct connection *connection, const char *token,
                        bool custody) {
    struct coax_message pong;
    assert_true(fixture_next(fixture, fixture_link_of(connection), &pong));
    assert_int_equal(pong.code, COAX_PONG);
    assert_true(bytes_equal(pong.token, bytes_of(token, strlen(token))));
    assert_int_equal(coax_signaling_has_custody(&pong), custody);
}

static void custody_waits_for_what_came_before_and_for_nothing_else(void **state) {
    struct stream_fixture *fixture = *state;
    struct connection *connection = fixture_accept(fixture);
    struct fixture_link *link = fixture_link_of(connection);
    feed_custody_ping(fixture, connection, "0");
    expect_pong(fixture, connection, "0", true);
    fixture_feed_code(fixture, connection, COAX_GET, "a");
    fixture_feed_code(fixture, connection, COAX_GET, "b");
    feed_custody_ping(fixture, connection, "1");
    fixture_feed_code(fixture, connection, COAX_GET, "c");
    feed_custody_ping(fixture, connection, "2"); /* a second one does not wait */
    expect_pong(fixture, connection, "2", false);
    assert_int_equal(fixture_respond(&fixture->requests[2], COAX_CONTENT, 0), COAX_OK);
    assert_int_equal(fixture_next_code(fixture, link), COAX_CONTENT);
    assert_int_equal(fixture_respond(&fixture->requests[0], COAX_CONTENT, 0), COAX_OK);
    assert_int_equal(fixture_next_code(fixture, link), COAX_CONTENT);
    fixture_expect_nothing(fixture, link);
    coax_stream_transport.decline(fixture->requests[1].remote, fixture->requests[1].incoming);
    expect_pong(fixture, connection, "1", true);
}

/* Nor does one whose token would take more room than it is worth. */
static void custody_is_not_kept_for_an_extended_token(void **state) {
    struct stream_fixture *fixture = *state;
    struct connection *connection = fixture_accept(fixture);
    fixture_feed_code(fixture, connection, COAX_GET, "a");
    feed_custody_ping(fixture, connection, "nine byte");
    expect_pong(fixture, connection, "nine byte", false);
    feed_custody_ping(fixture, connection, "eight by");
    fixture_expect_nothing(fixture, fixture_link_of(connection));
    assert_int_equal(fixture_respond(&fixture->requests[0], COAX_CONTENT, 0), COAX_OK);
    assert_int_equal(fixture_next_code(fixture, fixture_link_of(connection)), COAX_CONTENT);
    expect_pong(fixture, connection, "eight by", true);
}

/* RFC 8974 section 2.2.1: what was announced is taken, and more is a message format error. */
static void tokens_are_taken_as_announced(void **state) {
    struct stream_fixture *fixture = *state;
    struct connection *connection = fixture_accept(fixture);
    struct coax_message response;
    fixture_feed_code(fixture, connection, COAX_GET, "sixteen bytes...");
    assert_int_equal(fixture->request_count, 1);
    assert_int_equal(fixture_respond(&fixture->requests[0], COAX_CONTENT, 0), COAX_OK);
    assert_true(fixture_next(fixture, fixture_link_of(connection), &response));
    assert_true(bytes_equal(response.token, bytes_of("sixteen bytes...", 16)));
    struct fixture_link *link = fixture_link_of(connection);
    fixture_feed_code(fixture, connection, COAX_GET, "seventeen bytes..");
    assert_int_equal(fixture->request_count, 1);
    expect_abort(fixture, link, -1, COAX_E_FORMAT);
}

static void what_means_nothing_is_ignored(void **state) {
    struct stream_fixture *fixture = *state;
    struct connection *connection = fixture_accept(fixture);
    fixture_feed_code(fixture, connection, COAX_EMPTY, "");
    fixture_feed_code(fixture, connection, COAX_PONG, "");
    fixture_feed_code(fixture, connection, 0xff, ""); /* 7.31 */
    fixture_expect_nothing(fixture, fixture_link_of(connection));
    assert_int_equal(fixture->lost_count, 0);
    assert_int_equal(fixture->request_count + fixture->response_count, 0);
}

static void a_pong_with_a_token_is_an_answer(void **state) {
    struct stream_fixture *fixture = *state;
    struct connection *connection = fixture_connect(fixture);
    struct fixture_delivery ping;
    struct coax_message sent;
    assert_int_equal(fixture_send(connection, &ping, COAX_EMPTY, "tokenful", 0, NULL), COAX_OK);
    assert_true(fixture_next(fixture, fixture_link_of(connection), &sent));
    assert_int_equal(sent.code, COAX_PING);
    assert_int_equal(sent.token.size, 8);
    fixture_feed_code(fixture, connection, COAX_PONG, "tokenful");
    assert_int_equal(fixture->response_count, 1);
    assert_int_equal(fixture->responses[0].code, COAX_PONG);
}

static void an_abort_ends_it_and_says_why(void **state) {
    struct stream_fixture *fixture = *state;
    struct connection *connection = fixture_accept(fixture);
    struct fixture_link *link = fixture_link_of(connection);
    uint8_t room[SIGNALING_ROOM];
    struct coax_message abort = coax_abort_make(room, NULL, "out of paper");
    fixture_feed(fixture, connection, &abort);
    assert_int_equal(fixture->lost_count, 1);
    assert_int_equal(fixture->lost.status, COAX_E_ABORTED);
    assert_non_null(strstr(fixture->lost.text, "out of paper"));
    assert_true(link->is_closed);
}

static void an_abort_may_be_the_first_message(void **state) {
    struct stream_fixture *fixture = *state;
    struct connection *connection = fixture_accept_scheme(fixture, COAX_SCHEME_COAP_TCP);
    struct fixture_link *link = fixture_link_of(connection);
    uint8_t room[SIGNALING_ROOM];
    struct coax_message abort = coax_abort_make(room, NULL, "your CSM");
    assert_int_equal(fixture_next_code(fixture, link), COAX_CSM);
    fixture_feed(fixture, connection, &abort);
    assert_int_equal(fixture->lost.status, COAX_E_ABORTED);
    fixture_expect_nothing(fixture, link);
}

/* --- bytes that are no messages --- */

static void broken_frames_abort(void **state) {
    struct stream_fixture *fixture = *state;
    static const struct {
        uint8_t bytes[8];
        uint8_t size;
        enum coax_status status;
    } rows[] = {
        {{0x0f, 0x01}, 2, COAX_E_FORMAT},                            /* TKL 15 */
        {{0xf0, 0xff, 0xff, 0xff, 0xff, 0x01}, 6, COAX_E_TOO_LARGE}, /* 4 GiB announced */
        {{0x10, 0x01, 0xff}, 3, COAX_E_FORMAT},                      /* a lone payload marker */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct connection *connection = fixture_accept(fixture);
        struct fixture_link *link = fixture_link_of(connection);
        fixture->lost_count = 0;
        coax_connection_receive(connection, rows[i].bytes, rows[i].size);
        expect_abort(fixture, link, -1, rows[i].status);
    }
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, stream_fixture_set_up, stream_fixture_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(both_ends_begin_with_a_csm),
        TEST(it_is_open_when_the_peers_csm_is_here_even_an_empty_one),
        TEST(a_csm_replaces_what_it_names),
        TEST(what_comes_before_the_csm_aborts),
        TEST(an_empty_message_may_come_before_the_csm),
        TEST(http_on_this_port_aborts),
        TEST(unknown_critical_options_abort),
        TEST(unknown_elective_options_are_ignored),
        TEST(a_ping_is_answered_with_its_token),
        TEST(custody_waits_for_what_came_before_and_for_nothing_else),
        TEST(custody_is_not_kept_for_an_extended_token),
        TEST(tokens_are_taken_as_announced),
        TEST(what_means_nothing_is_ignored),
        TEST(a_pong_with_a_token_is_an_answer),
        TEST(an_abort_ends_it_and_says_why),
        TEST(an_abort_may_be_the_first_message),
        TEST(broken_frames_abort),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
