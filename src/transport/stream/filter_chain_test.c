/* The filters of all four schemes, composed: two chains with a pipe of bytes between them. PSK over TLS. */
#include "transport/stream/filter_chain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { WIRE = 1 << 20, MESSAGE_MAXIMUM = 70000, NOW = 1000 };

static const enum coax_scheme schemes[] = {COAX_SCHEME_COAP_TCP, COAX_SCHEME_COAPS_TCP, COAX_SCHEME_COAP_WS,
                                           COAX_SCHEME_COAPS_WS};
enum { SCHEME_COUNT = sizeof schemes / sizeof *schemes };

struct side {
    struct filter_setup setup;
    struct filter_chain chain;
    struct tls_context *tls;
    uint8_t *wire; /* what it has written */
    size_t start, end;
    size_t room; /* of the system's, for each write */
    unsigned opened, ended, unreadable, messages;
    enum filter_farewell farewell;
    coax_error error;
    unsigned next;  /* the number that the next message must have */
    bool pauses;    /* after each message */
    bool closes;    /* inside the first message */
    bool answers;   /* each message with its own */
    char host[100]; /* asked for, noted at `opened` */
    bool is_forwarded;
};

struct pair {
    coax_credentials *credentials;
    struct credential *credential;
    struct side client, server;
};

static size_t on_write(void *user, const uint8_t *data, size_t size) {
    struct side *side = user;
    size_t taken = size < side->room ? size : side->room;
    assert_true(side->end + taken <= WIRE);
    memcpy(side->wire + side->end, data, taken);
    side->end += taken;
    return taken;
}

static void on_opened(void *user) {
    struct side *side = user;
    struct address address;
    side->opened++;
    (void)snprintf(side->host, sizeof side->host, "%s", coax_filter_chain_asked_host(&side->chain));
    side->is_forwarded = coax_filter_chain_forwarded(&side->chain, &address);
}

/* A message with a number, in its payload as text, and that long at least. */
static enum coax_status send_number(struct side *side, unsigned number, size_t size) {
    static uint8_t payload[MESSAGE_MAXIMUM];
    size_t digits = (size_t)snprintf((char *)payload, sizeof payload, "%u", number);
    const struct coax_message message = {
        .type = COAX_NO_TYPE, .code = COAX_POST, .payload = bytes_of(payload, size > digits ? size : digits)};
    return coax_filter_chain_send(&side->chain, &message, NULL);
}

static bool on_message(void *user, const struct coax_message *message) {
    struct side *side = user;
    char text[16] = "";
    side->messages++;
    if (message->payload.size > 0) {
        memcpy(text, message->payload.data, message->payload.size < 15 ? message->payload.size : 15);
        assert_int_equal(atoi(text), side->next++);
    }
    if (side->answers) {
        assert_int_equal(send_number(side, side->next - 1, 0), COAX_OK);
    }
    if (side->closes) {
        coax_filter_chain_close(&side->chain, FAREWELL_PROTOCOL_ERROR);
        return false;
    }
    return !side->pauses;
}

static void on_unreadable(void *user, const coax_error *error, enum filter_farewell farewell) {
    struct side *side = user;
    side->unreadable++;
    side->error = *error;
    side->farewell = farewell;
    coax_filter_chain_close(&side->chain, farewell);
}

static void on_ended(void *user, const coax_error *error) {
    struct side *side = user;
    side->ended++;
    side->error = *error;
}

static void on_random(void *user, void *out, size_t size) {
    (void)user;
    memset(out, 0x37, size);
}

static void side_set_up(struct side *side, const coax_credentials *credentials) {
    const struct tls_settings settings = {30000, 65536};
    assert_int_equal(coax_tls_context_new(&side->tls, credentials, &settings, NULL), COAX_OK);
    side->wire = malloc(WIRE);
    assert_non_null(side->wire);
    side->room = SIZE_MAX;
    side->setup = (struct filter_setup){
        .limits = {MESSAGE_MAXIMUM, TOKEN_MAXIMUM},
        .tls = side->tls,
        .write = on_write,
        .opened = on_opened,
        .message = on_message,
        .unreadable = on_unreadable,
        .ended = on_ended,
        .random = on_random,
    };
    coax_filter_setup_init(&side->setup);
}

static int set_up(void **state) {
    struct pair *pair = calloc(1, sizeof *pair);
    static const char json[] = "{\"coap*://*\": {\"dtls\": {\"psk\": {\"ascii\": \"secret\"}, "
                               "\"client-identity\": {\"ascii\": \"me\"}}}}";
    assert_non_null(pair);
    pair->credentials = coax_credentials_new();
    assert_int_equal(coax_credentials_parse(pair->credentials, json, sizeof json - 1, "test", NULL, NULL), COAX_OK);
    side_set_up(&pair->client, pair->credentials);
    side_set_up(&pair->server, pair->credentials);
    assert_int_equal(
        coax_credentials_for_uri(pair->credentials, "coaps+tcp://server.example/", NULL, &pair->credential, NULL),
        COAX_OK);
    *state = pair;
    return 0;
}

static int tear_down(void **state) {
    struct pair *pair = *state;
    struct side *sides[] = {&pair->client, &pair->server};
    for (size_t i = 0; i < 2; i++) {
        coax_filter_chain_free(&sides[i]->chain);
        coax_tls_context_free(sides[i]->tls);
        free(sides[i]->wire);
    }
    coax_credential_unref(pair->credential);
    coax_credentials_free(pair->credentials);
    free(pair);
    return 0;
}

/* Anew, on the same sides. */
static void reset(struct side *side) {
    struct side fresh = {.setup = side->setup, .tls = side->tls, .wire = side->wire, .room = SIZE_MAX};
    coax_filter_chain_free(&side->chain);
    *side = fresh;
}

static void start_server(struct pair *pair, enum coax_scheme scheme) {
    reset(&pair->server);
    assert_int_equal(
        coax_filter_chain_start_server(&pair->server.chain, &pair->server.setup, &pair->server, scheme, NOW, NULL),
        COAX_OK);
}

static void start_client(struct pair *pair, enum coax_scheme scheme) {
    const struct filter_target target = {scheme, "server.example:7000", "server.example", pair->credential};
    reset(&pair->client);
    assert_int_equal(
        coax_filter_chain_start_client(&pair->client.chain, &pair->client.setup, &pair->client, &target, NOW, NULL),
        COAX_OK);
}

/* Carries what one side has written to the other, in pieces; true if there was anything. */
static bool carry(struct side *from, struct side *to, size_t piece) {
    coax_filter_chain_flush(&from->chain);
    bool any = from->start < from->end;
    while (from->start < from->end) {
        size_t size = from->end - from->start < piece ? from->end - from->start : piece;
        uint8_t *copy = malloc(size);
        assert_non_null(copy);
        memcpy(copy, from->wire + from->start, size);
        from->start += size;
        coax_filter_chain_receive(&to->chain, copy, size);
        free(copy);
    }
    from->start = from->end = 0;
    return any;
}

static void pump(struct pair *pair, size_t piece) {
    bool any = true;
    while (any) {
        any = carry(&pair->client, &pair->server, piece);
        any = carry(&pair->server, &pair->client, piece) || any;
    }
}

static void open_pair(struct pair *pair, enum coax_scheme scheme, size_t piece) {
    start_server(pair, scheme);
    start_client(pair, scheme);
    pump(pair, piece);
    assert_int_equal(pair->client.opened, 1);
    assert_int_equal(pair->server.opened, 1);
}

static void expect_empty(const struct side *side) {
    assert_int_equal(coax_filter_chain_pending(&side->chain), 0);
    assert_int_equal(coax_filter_chain_held(&side->chain), 0);
    assert_false(coax_filter_chain_is_within_message(&side->chain));
}

static void messages_pass_however_they_are_cut(void **state) {
    struct pair *pair = *state;
    static const size_t pieces[] = {1, 2, 3, 7, 100, 1000, 1 << 16};
    for (size_t i = 0; i < SCHEME_COUNT; i++) {
        for (size_t k = 0; k < sizeof pieces / sizeof *pieces; k++) {
            open_pair(pair, schemes[i], pieces[k]);
            pair->server.answers = true;
            for (unsigned number = 0; number < 12; number++) {
                static const size_t sizes[] = {0, 12, 13, 125, 126, 268, 269, 1000, 3000, 20000, 65536, 69000};
                assert_int_equal(send_number(&pair->client, number, sizes[number]), COAX_OK);
                if (number % 3 == 2) {
                    pump(pair, pieces[k]);
                }
            }
            assert_int_equal(pair->server.next, 12);
            assert_int_equal(pair->client.next, 12);
            expect_empty(&pair->client);
            expect_empty(&pair->server);
        }
    }
}

static void a_system_that_takes_a_byte_at_a_time_gets_all(void **state) {
    struct pair *pair = *state;
    for (size_t i = 0; i < SCHEME_COUNT; i++) {
        open_pair(pair, schemes[i], 1000);
        pair->client.room = 1;
        for (unsigned number = 0; number < 5; number++) {
            assert_int_equal(send_number(&pair->client, number, 500), COAX_OK);
        }
        pump(pair, 1000);
        assert_int_equal(pair->server.next, 5);
        expect_empty(&pair->client);
    }
}

/* Thousands of messages in one piece, and an owner that stops after each. */
static void a_pause_holds_after_each_message(void **state) {
    struct pair *pair = *state;
    for (size_t i = 0; i < SCHEME_COUNT; i++) {
        enum { MANY = 3000 };
        open_pair(pair, schemes[i], WIRE);
        for (unsigned number = 0; number < MANY; number++) {
            assert_int_equal(send_number(&pair->client, number, 0), COAX_OK);
        }
        pair->server.pauses = true;
        pump(pair, WIRE);
        assert_int_equal(pair->server.messages, 1);
        assert_true(coax_filter_chain_held(&pair->server.chain) > 0);
        for (unsigned number = 2; number <= MANY; number++) {
            coax_filter_chain_resume(&pair->server.chain);
            assert_int_equal(pair->server.messages, number);
        }
        coax_filter_chain_resume(&pair->server.chain);
        assert_int_equal(pair->server.messages, MANY);
        expect_empty(&pair->server);
    }
}

static void what_was_kept_is_read_before_the_end(void **state) {
    struct pair *pair = *state;
    for (size_t i = 0; i < SCHEME_COUNT; i++) {
        open_pair(pair, schemes[i], WIRE);
        for (unsigned number = 0; number < 3; number++) {
            assert_int_equal(send_number(&pair->client, number, 0), COAX_OK);
        }
        pair->server.pauses = true;
        pump(pair, WIRE);
        coax_filter_chain_receive_end(&pair->server.chain);
        assert_int_equal(pair->server.ended, 0);
        pair->server.pauses = false;
        coax_filter_chain_resume(&pair->server.chain);
        assert_int_equal(pair->server.messages, 3);
        assert_int_equal(pair->server.ended, 1);
        assert_int_equal(pair->server.error.status, COAX_E_LOST);
    }
}

/* Byte by byte: wherever the stream stops before it is open, it ends as lost, once. */
static void the_end_of_the_stream_at_every_byte_of_the_opening(void **state) {
    struct pair *pair = *state;
    for (size_t i = 0; i < SCHEME_COUNT; i++) {
        for (size_t stop = 0; stop < 400; stop += i % 2 == 0 ? 1 : 37) {
            start_server(pair, schemes[i]);
            start_client(pair, schemes[i]);
            coax_filter_chain_flush(&pair->client.chain);
            if (pair->client.end <= stop) {
                break;
            }
            coax_filter_chain_receive(&pair->server.chain, pair->client.wire, stop);
            coax_filter_chain_receive_end(&pair->server.chain);
            assert_int_equal(pair->server.ended, 1);
            assert_int_equal(pair->server.error.status, COAX_E_LOST);
            coax_filter_chain_receive_end(&pair->client.chain);
            assert_int_equal(pair->client.ended, 1);
            assert_int_equal(pair->client.error.status, COAX_E_LOST);
        }
    }
}

static void an_orderly_close_is_told_as_one(void **state) {
    struct pair *pair = *state;
    for (size_t i = 0; i < SCHEME_COUNT; i++) {
        open_pair(pair, schemes[i], WIRE);
        coax_filter_chain_close(&pair->client.chain, FAREWELL_NORMAL);
        assert_int_equal(send_number(&pair->client, 0, 0), COAX_E_STATE);
        pump(pair, WIRE);
        coax_filter_chain_receive_end(&pair->server.chain);
        assert_int_equal(pair->server.ended, 1);
        assert_int_equal(pair->server.error.status,
                         schemes[i] == COAX_SCHEME_COAP_TCP ? COAX_E_LOST : COAX_E_CLOSE_NOTIFY);
        assert_int_equal(pair->client.ended, 0);
    }
}

static void it_may_be_closed_inside_a_message(void **state) {
    struct pair *pair = *state;
    for (size_t i = 0; i < SCHEME_COUNT; i++) {
        open_pair(pair, schemes[i], WIRE);
        pair->server.closes = true;
        for (unsigned number = 0; number < 3; number++) {
            assert_int_equal(send_number(&pair->client, number, 0), COAX_OK);
        }
        pump(pair, WIRE);
        assert_int_equal(pair->server.messages, 1);
        assert_int_equal(pair->server.ended, 0);
        coax_filter_chain_receive_end(&pair->server.chain);
        assert_int_equal(pair->server.ended, 0);
    }
}

static void garbage_instead_of_an_opening(void **state) {
    struct pair *pair = *state;
    static const char garbage[] = "\x02\x03\x04 this is neither TLS nor HTTP\r\n\r\n, nor will it be\r\n\r\n";
    static const enum coax_status expected[] = {COAX_OK, COAX_E_HANDSHAKE, COAX_E_UPGRADE, COAX_E_HANDSHAKE};
    for (size_t i = 1; i < SCHEME_COUNT; i++) {
        start_server(pair, schemes[i]);
        start_client(pair, schemes[i]);
        struct side *sides[] = {&pair->client, &pair->server};
        for (size_t k = 0; k < 2; k++) {
            coax_filter_chain_receive(&sides[k]->chain, (const uint8_t *)garbage, sizeof garbage - 1);
            coax_filter_chain_receive(&sides[k]->chain, (const uint8_t *)garbage, sizeof garbage - 1);
            assert_int_equal(sides[k]->ended, 1);
            assert_int_equal(sides[k]->error.status, expected[i]);
            assert_int_equal(sides[k]->opened, 0);
        }
    }
}

static void an_upgrade_names_the_host_and_the_forwarder_if_trusted(void **state) {
    struct pair *pair = *state;
    static const char head[] = "GET /.well-known/coap HTTP/1.1\r\nHost: A.example:81\r\nUpgrade: websocket\r\n"
                               "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                               "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: coap\r\n"
                               "Forwarded: for=192.0.2.9\r\n\r\n";
    for (int trusted = 0; trusted < 2; trusted++) {
        pair->server.setup.trust_forwarded = trusted == 1;
        start_server(pair, COAX_SCHEME_COAP_WS);
        coax_filter_chain_receive(&pair->server.chain, (const uint8_t *)head, sizeof head - 1);
        assert_int_equal(pair->server.opened, 1);
        assert_string_equal(pair->server.host, "A.example:81");
        assert_int_equal(pair->server.is_forwarded, trusted);
    }
    open_pair(pair, COAX_SCHEME_COAPS_TCP, WIRE);
    assert_string_equal(pair->server.host, "server.example"); /* by TLS's server name */
}

/* What comes in one piece with the head belongs to the first frame. */
static void bytes_behind_the_head_are_frames(void **state) {
    struct pair *pair = *state;
    uint8_t both[4096];
    open_pair(pair, COAX_SCHEME_COAP_WS, WIRE);
    start_client(pair, COAX_SCHEME_COAP_WS);
    start_server(pair, COAX_SCHEME_COAP_WS);
    coax_filter_chain_flush(&pair->client.chain);
    size_t size = pair->client.end;
    memcpy(both, pair->client.wire, size);
    static const uint8_t frame[] = {0x82, 0x82, 0, 0, 0, 0, 0x00, 0xe1}; /* masked with zeros: a CSM */
    memcpy(both + size, frame, sizeof frame);
    coax_filter_chain_receive(&pair->server.chain, both, size + sizeof frame);
    assert_int_equal(pair->server.opened, 1);
    assert_int_equal(pair->server.messages, 1);
}

struct violation {
    uint8_t bytes[24];
    size_t size;
    enum coax_status status;
    uint16_t code; /* of the close that is sent */
    bool is_unreadable;
};

static void violations_of_websocket_are_answered_with_their_code(void **state) {
    struct pair *pair = *state;
    static const struct violation rows[] = {
        {{0x81, 0x82, 0, 0, 0, 0, 'h', 'i'}, 8, COAX_E_FORMAT, 1003, false},   /* text */
        {{0x82, 0x02, 0x00, 0xe1}, 4, COAX_E_FORMAT, 1002, false},             /* no mask */
        {{0xc2, 0x82, 0, 0, 0, 0, 0x00, 0xe1}, 8, COAX_E_FORMAT, 1002, false}, /* compressed */
        {{0x82, 0xff, 0, 0, 0, 0, 0, 16, 0, 1, 0, 0, 0, 0}, 14, COAX_E_TOO_LARGE, 1009, false},
        {{0x82, 0x80, 0, 0, 0, 0}, 6, COAX_E_FORMAT, 1007, true},                   /* an empty message */
        {{0x82, 0x81, 0, 0, 0, 0, 0x00}, 7, COAX_E_FORMAT, 1007, true},             /* of one byte */
        {{0x82, 0x82, 0, 0, 0, 0, 0x0f, 0x01}, 8, COAX_E_FORMAT, 1007, true},       /* token length 15 */
        {{0x82, 0x83, 0, 0, 0, 0, 0x00, 0x01, 0xff}, 9, COAX_E_FORMAT, 1007, true}, /* a lone marker */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        open_pair(pair, COAX_SCHEME_COAP_WS, WIRE);
        coax_filter_chain_receive(&pair->server.chain, rows[i].bytes, rows[i].size);
        coax_filter_chain_flush(&pair->server.chain);
        assert_int_equal(pair->server.unreadable, rows[i].is_unreadable);
        assert_int_equal(pair->server.ended, !rows[i].is_unreadable);
        assert_int_equal(pair->server.error.status, rows[i].status);
        assert_true(pair->server.end >= 4);
        assert_int_equal(pair->server.wire[0], 0x88);
        assert_int_equal(pair->server.wire[2] << 8 | pair->server.wire[3], rows[i].code);
    }
}

static void broken_frames_on_a_stream_are_unreadable(void **state) {
    struct pair *pair = *state;
    static const uint8_t reserved[] = {0x0f, 0x01}, huge[] = {0xf0, 0xff, 0xff, 0xff, 0xff};
    open_pair(pair, COAX_SCHEME_COAP_TCP, WIRE);
    coax_filter_chain_receive(&pair->server.chain, reserved, sizeof reserved);
    assert_int_equal(pair->server.unreadable, 1);
    assert_int_equal(pair->server.farewell, FAREWELL_PROTOCOL_ERROR);
    open_pair(pair, COAX_SCHEME_COAP_TCP, WIRE);
    coax_filter_chain_receive(&pair->server.chain, huge, sizeof huge);
    assert_int_equal(pair->server.unreadable, 1);
    assert_int_equal(pair->server.farewell, FAREWELL_TOO_LARGE);
    assert_int_equal(pair->server.error.status, COAX_E_TOO_LARGE);
}

static void a_timeout_says_what_it_stood_at(void **state) {
    struct pair *pair = *state;
    static const struct {
        enum coax_scheme scheme;
        const char *client, *server;
    } rows[] = {
        {COAX_SCHEME_COAP_WS, "upgrade", "HTTP request"},
        {COAX_SCHEME_COAPS_TCP, "TLS", "TLS"},
        {COAX_SCHEME_COAPS_WS, "TLS", "TLS"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        coax_error error;
        start_server(pair, rows[i].scheme);
        start_client(pair, rows[i].scheme);
        coax_filter_chain_explain_timeout(&pair->client.chain, NOW, &error);
        assert_int_equal(error.status, COAX_E_HANDSHAKE_TIMEOUT);
        assert_non_null(strstr(error.text, rows[i].client));
        coax_filter_chain_explain_timeout(&pair->server.chain, NOW, &error);
        assert_int_equal(error.status, COAX_E_HANDSHAKE_TIMEOUT);
        assert_non_null(strstr(error.text, rows[i].server));
        assert_int_equal(pair->client.ended + pair->server.ended, 0);
    }
}

static void a_host_that_no_head_can_hold_is_refused(void **state) {
    struct pair *pair = *state;
    const struct filter_target target = {COAX_SCHEME_COAP_WS, "a\r\nX: y", "a", NULL};
    coax_error error;
    reset(&pair->client);
    assert_int_equal(
        coax_filter_chain_start_client(&pair->client.chain, &pair->client.setup, &pair->client, &target, NOW, &error),
        COAX_E_INVALID);
}

static void an_idle_chain_is_small(void **state) {
    struct pair *pair = *state;
    open_pair(pair, COAX_SCHEME_COAP_WS, WIRE);
    assert_null(pair->server.chain.opening);
    assert_null(pair->server.chain.out.data);
    print_message("a chain takes %zu bytes\n", sizeof(struct filter_chain));
    assert_true(sizeof(struct filter_chain) <= 256);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(messages_pass_however_they_are_cut),
        TEST(a_system_that_takes_a_byte_at_a_time_gets_all),
        TEST(a_pause_holds_after_each_message),
        TEST(what_was_kept_is_read_before_the_end),
        TEST(the_end_of_the_stream_at_every_byte_of_the_opening),
        TEST(an_orderly_close_is_told_as_one),
        TEST(it_may_be_closed_inside_a_message),
        TEST(garbage_instead_of_an_opening),
        TEST(an_upgrade_names_the_host_and_the_forwarder_if_trusted),
        TEST(bytes_behind_the_head_are_frames),
        TEST(violations_of_websocket_are_answered_with_their_code),
        TEST(broken_frames_on_a_stream_are_unreadable),
        TEST(a_timeout_says_what_it_stood_at),
        TEST(a_host_that_no_head_can_hold_is_refused),
        TEST(an_idle_chain_is_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
