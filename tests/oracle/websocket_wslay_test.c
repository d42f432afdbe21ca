/* The frame codec against wslay's: what one writes the other reads, and of streams that were damaged both say the same.
 */
#include "transport/stream/websocket_test_peer.h"

#include "thorough.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <wslay/wslay.h>

/* What happens on an end, so that both can be compared: "message 2 0102" lines, and whether it failed. */
struct oracle {
    struct test_log log;
    const uint8_t *next; /* what it reads */
    size_t left;
    size_t piece;            /* at most so much at once */
    struct test_stream sent; /* what it writes */
};

static ssize_t give(wslay_event_context_ptr context, uint8_t *data, size_t size, int flags, void *user) {
    struct oracle *oracle = user;
    (void)flags;
    if (oracle->left == 0) {
        wslay_event_set_error(context, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }
    size = size < oracle->left ? size : oracle->left;
    size = size < oracle->piece ? size : oracle->piece;
    memcpy(data, oracle->next, size);
    oracle->next += size;
    oracle->left -= size;
    return (ssize_t)size;
}

static ssize_t take(wslay_event_context_ptr context, const uint8_t *data, size_t size, int flags, void *user) {
    struct oracle *oracle = user;
    (void)flags;
    if (sizeof oracle->sent.bytes - oracle->sent.size < size) {
        wslay_event_set_error(context, WSLAY_ERR_CALLBACK_FAILURE);
        return -1;
    }
    memcpy(oracle->sent.bytes + oracle->sent.size, data, size);
    oracle->sent.size += size;
    return (ssize_t)size;
}

static int make_mask(wslay_event_context_ptr context, uint8_t *out, size_t size, void *user) {
    struct oracle *oracle = user;
    (void)context;
    test_random(&oracle->log, out, size);
    return 0;
}

static void see(wslay_event_context_ptr context, const struct wslay_event_on_msg_recv_arg *message, void *user) {
    struct oracle *oracle = user;
    (void)context;
    if (message->opcode == WSLAY_BINARY_FRAME) {
        log_bytes(&oracle->log, "message", message->msg, message->msg_length);
    }
}

static const struct wslay_event_callbacks callbacks = {
    .recv_callback = give, .send_callback = take, .genmask_callback = make_mask, .on_msg_recv_callback = see};

static wslay_event_context_ptr new_oracle(struct oracle *oracle, bool is_client) {
    wslay_event_context_ptr context = NULL;
    int result = is_client ? wslay_event_context_client_init(&context, &callbacks, oracle)
                           : wslay_event_context_server_init(&context, &callbacks, oracle);
    assert_int_equal(result, 0);
    wslay_event_config_set_max_recv_msg_length(context, TEST_MESSAGE_MAXIMUM);
    return context;
}

static void oracle_read(wslay_event_context_ptr context, struct oracle *oracle, const struct test_stream *stream,
                        size_t piece) {
    oracle->next = stream->bytes;
    oracle->left = stream->size;
    oracle->piece = piece;
    while (oracle->left > 0 && wslay_event_get_read_enabled(context) && wslay_event_recv(context) == 0) {
    }
    wslay_event_recv(context);
    wslay_event_send(context);
}

/* What our end makes of a stream, and what it says in reply. */
struct ours {
    struct test_log log;
    struct test_stream sent;
    uint16_t code; /* of the end */
    bool ended;
    bool is_half_code;
};

static bool note_message(void *user, const uint8_t *data, size_t size) {
    struct ours *ours = user;
    log_bytes(&ours->log, "message", data, size);
    return true;
}

static bool note_frame(void *user, const uint8_t *frame, size_t size) {
    struct ours *ours = user;
    if (sizeof ours->sent.bytes - ours->sent.size < size) {
        return true;
    }
    memcpy(ours->sent.bytes + ours->sent.size, frame, size);
    ours->sent.size += size;
    return true;
}

static void note_end(void *user, const struct websocket_end *end) {
    struct ours *ours = user;
    ours->code = end->code;
    ours->ended = true;
    static const char half[] = "close with half a code";
    ours->is_half_code = bytes_equal(end->reason, bytes_of(half, sizeof half - 1));
}

static void note_random(void *user, void *out, size_t size) {
    struct ours *ours = user;
    test_random(&ours->log, out, size);
}

static void our_read(struct ours *ours, const struct test_stream *stream, size_t piece) {
    const struct websocket_setup setup = {.is_client = !stream->is_masked,
                                          .message_maximum = TEST_MESSAGE_MAXIMUM,
                                          .message = note_message,
                                          .transmit = note_frame,
                                          .ended = note_end,
                                          .random = note_random};
    struct websocket websocket;
    coax_websocket_start(&websocket, &setup, ours);
    for (size_t start = 0; start < stream->size && !ours->ended; start += piece) {
        size_t size = stream->size - start < piece ? stream->size - start : piece;
        assert_true(coax_websocket_receive(&websocket, stream->bytes + start, size) == size || ours->ended);
    }
    coax_websocket_free(&websocket);
}

/* --- what one writes the other reads --- */

static const size_t sizes[] = {0, 1, 3, 4, 125, 126, 127, 1000, 5000};
enum { SIZE_COUNT = sizeof sizes / sizeof sizes[0] };

static void fill(uint8_t *message, size_t size) {
    for (size_t i = 0; i < size; i++) {
        message[i] = (uint8_t)(i * 11 + 3);
    }
}

static void wslay_reads_what_we_write(void **state) {
    (void)state;
    for (unsigned is_client = 0; is_client < 2; is_client++) {
        struct ours ours = {.ended = false};
        struct oracle oracle = {.left = 0};
        struct test_log expected = {.text = ""};
        const struct websocket_setup setup = {.is_client = is_client != 0, .random = note_random};
        struct websocket websocket;
        coax_websocket_start(&websocket, &setup, &ours);
        for (size_t i = 0; i < SIZE_COUNT; i++) {
            size_t room = coax_websocket_header_room(&websocket, sizes[i]);
            uint8_t *frame = ours.sent.bytes + ours.sent.size;
            fill(frame + room, sizes[i]);
            log_bytes(&expected, "message", frame + room, sizes[i]);
            coax_websocket_seal(&websocket, frame, sizes[i]);
            ours.sent.size += room + sizes[i];
        }
        wslay_event_context_ptr context = new_oracle(&oracle, is_client == 0);
        oracle_read(context, &oracle, &ours.sent, 1000);
        wslay_event_context_free(context);
        assert_string_equal(oracle.log.text, expected.text);
    }
}

static void we_read_what_wslay_writes(void **state) {
    (void)state;
    static const uint8_t ping[] = "ping";
    for (unsigned is_client = 0; is_client < 2; is_client++) {
        struct oracle oracle = {.left = 0};
        struct test_log expected = {.text = ""};
        uint8_t message[TEST_MESSAGE_MAXIMUM];
        wslay_event_context_ptr context = new_oracle(&oracle, is_client != 0);
        for (size_t i = 0; i < SIZE_COUNT; i++) {
            struct wslay_event_msg queued = {WSLAY_BINARY_FRAME, message, sizes[i]};
            fill(message, sizes[i]);
            log_bytes(&expected, "message", message, sizes[i]);
            assert_int_equal(wslay_event_queue_msg(context, &queued), 0);
        }
        struct wslay_event_msg queued_ping = {WSLAY_PING, ping, sizeof ping};
        assert_int_equal(wslay_event_queue_msg(context, &queued_ping), 0);
        assert_int_equal(wslay_event_send(context), 0); /* a close would go before the messages */
        assert_int_equal(wslay_event_queue_close(context, WSLAY_CODE_GOING_AWAY, ping, 4), 0);
        assert_int_equal(wslay_event_send(context), 0);
        oracle.sent.is_masked = is_client != 0;
        for (size_t piece = 1; piece < 3000; piece = piece * 3 + 1) {
            struct ours ours = {.ended = false};
            our_read(&ours, &oracle.sent, piece);
            assert_string_equal(ours.log.text, expected.text);
            assert_int_equal(ours.code, WEBSOCKET_GOING_AWAY);
        }
        struct ours ours = {.ended = false};
        our_read(&ours, &oracle.sent, SIZE_MAX / 2);
        oracle_read(context, &oracle, &ours.sent, 7);
        assert_true(wslay_event_get_close_received(context));
        assert_int_equal(wslay_event_get_status_code_received(context), WEBSOCKET_GOING_AWAY);
        wslay_event_context_free(context);
    }
}

/* --- damaged streams --- */

static uint32_t next_random(uint32_t *random) {
    *random = *random * 1664525U + 1013904223U;
    return *random >> 8;
}

/* Frames that mostly follow each other as they should, of bytes that mostly are as they should. */
static void make_stream(struct test_stream *stream, uint32_t *random) {
    static const uint8_t firsts[] = {0x82, 0x82, 0x82, 0x02, 0x00, 0x80, 0x80, 0x89, 0x8a, 0x88, 0x83, 0x09, 0xc2};
    uint8_t payload[300];
    unsigned count = 1 + next_random(random) % 6;
    for (unsigned i = 0; i < count; i++) {
        size_t size = next_random(random) % 8 == 0 ? next_random(random) % sizeof payload : next_random(random) % 12;
        for (size_t j = 0; j < size; j++) {
            payload[j] = (uint8_t)next_random(random);
        }
        unsigned first = firsts[next_random(random) % sizeof firsts];
        if (first == 0x88 && size >= 2) {
            payload[0] = (uint8_t)(3 + next_random(random) % 2);
            payload[1] = (uint8_t)(0xe0 + next_random(random) % 0x18);
            memset(payload + 2, 'r', size - 2);
        }
        put_frame(stream, first, payload, size);
    }
    if (next_random(random) % 3 == 0) {
        stream->bytes[next_random(random) % stream->size] ^= (uint8_t)(1U << next_random(random) % 8);
    }
    /* wslay judges whole headers, we judge their first bytes already. */
    stream->size += WEBSOCKET_HEADER_MAXIMUM;
}

/* The code of the first close frame that wslay sent; 0 if it sent none, or none with a code. */
static uint16_t sent_code(const struct test_stream *sent) {
    struct test_stream copy = *sent;
    for (size_t start = 0; start + 2 <= copy.size;) {
        uint8_t *frame = copy.bytes + start;
        size_t header = coax_websocket_header_size(frame);
        uint64_t length = 0;
        coax_websocket_header_length(frame, &length);
        if ((frame[1] & WEBSOCKET_MASKED_BIT) != 0) {
            coax_websocket_mask(frame + header, frame + header, (size_t)length, frame + header - WEBSOCKET_MASK_SIZE);
        }
        if ((frame[0] & WEBSOCKET_OPCODE_BITS) == WEBSOCKET_CLOSE) {
            return (uint16_t)(length < 2 ? 0 : frame[header] << 8 | frame[header + 1]);
        }
        start += header + (size_t)length;
    }
    return 0;
}

/* wslay takes text and half a code, finds a wrong reason sooner or not at all, depending on its pieces, and does not
   know the codes that were registered after RFC 6455. */
static bool differs_knowingly(const struct ours *ours, uint16_t our_code, uint16_t oracle_code) {
    return (ours->is_half_code && oracle_code == 0) || our_code == WEBSOCKET_NOT_BINARY
           || our_code == WEBSOCKET_BAD_DATA || oracle_code == WEBSOCKET_BAD_DATA
           || (our_code >= 1012 && our_code <= 1014 && oracle_code == WEBSOCKET_PROTOCOL_ERROR);
}

/* The code that wslay ends with. Broken frames, other than broken messages, it answers with a close without a code. */
static uint16_t oracle_end(wslay_event_context_ptr context, const struct oracle *oracle) {
    bool is_broken = !wslay_event_get_read_enabled(context) && !wslay_event_get_close_received(context);
    uint16_t code = sent_code(&oracle->sent);
    return code == 0 && is_broken ? (uint16_t)WEBSOCKET_PROTOCOL_ERROR : code;
}

/* Returns whether there were messages. */
static bool compare(const struct test_stream *stream, uint32_t seed) {
    struct ours ours = {.ended = false};
    struct oracle oracle = {.left = 0};
    wslay_event_context_ptr context = new_oracle(&oracle, !stream->is_masked);
    our_read(&ours, stream, 1 + seed % 50);
    oracle_read(context, &oracle, stream, 1 + seed % 7);
    uint16_t code = oracle_end(context, &oracle), our_code = sent_code(&ours.sent);
    wslay_event_context_free(context);
    bool same_end = our_code == code || differs_knowingly(&ours, our_code, code);
    if (!same_end || strcmp(ours.log.text, oracle.log.text) != 0) {
        fail_msg("seed %u: we end with %u, wslay with %u; we have\n%swslay has\n%s", seed, our_code, code,
                 ours.log.text, oracle.log.text);
    }
    return ours.log.size > 0;
}

static void both_say_the_same_of_damaged_streams(void **state) {
    (void)state;
    unsigned with_messages = 0, count = 20000 / thorough_step(1, 40);
    for (uint32_t seed = 1; seed <= count; seed++) {
        uint32_t random = seed;
        struct test_stream stream = {.is_masked = seed % 2 == 0};
        make_stream(&stream, &random);
        with_messages += compare(&stream, seed);
    }
    assert_true(with_messages > count / 4);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wslay_reads_what_we_write),
        cmocka_unit_test(we_read_what_wslay_writes),
        cmocka_unit_test(both_say_the_same_of_damaged_streams),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
