#include "transport/stream/websocket_test_peer.h"

#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* The linker turns the calls of malloc into this (cmake/tests.cmake). */
void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);

static unsigned failing_allocation; /* counted down to 0, which none is */

void *__wrap_malloc(size_t size) {
    return failing_allocation > 0 && --failing_allocation == 0 ? NULL : __real_malloc(size);
}

#define NO_MEMORY "-2"
#define FORMAT "-6"
#define TOO_LARGE "-7"
#define CLOSED "-101"

/* Feeds a piece from memory of exactly its size, again and again until all is taken, as an owner does that has room
 * again. */
static void feed(struct websocket *websocket, struct test_log *log, const uint8_t *data, size_t size) {
    uint8_t *copy = malloc(size + 1);
    assert_non_null(copy);
    memcpy(copy + 1, data, size);
    for (size_t offset = 0, rounds = 0; offset < size && !log->ended; rounds++) {
        offset += coax_websocket_receive(websocket, copy + 1 + offset, size - offset);
        assert_true(rounds < 2 * size + 10);
    }
    free(copy);
}

/* In pieces of `piece` bytes after a first one of `first`. */
static void feed_pieces(struct test_log *log, const struct test_stream *stream, size_t first, size_t piece) {
    struct websocket websocket;
    log->is_client = !stream->is_masked;
    coax_websocket_start(&websocket, stream->is_masked ? &test_server : &test_client, log);
    for (size_t start = 0, size = first; start < stream->size && !log->ended; start += size, size = piece) {
        size = size < stream->size - start ? size : stream->size - start;
        feed(&websocket, log, stream->bytes + start, size);
    }
    for (unsigned refused = log->no_room; refused > 0; refused--) {
        coax_websocket_flush(&websocket);
    }
    coax_websocket_flush(&websocket);
    coax_websocket_free(&websocket);
}

static void assert_log(const struct test_stream *stream, const char *expected, size_t first, size_t piece,
                       unsigned no_room, bool pauses) {
    struct test_log log = {.no_room = no_room, .pauses = pauses};
    feed_pieces(&log, stream, first, piece);
    if (strcmp(log.text, expected) != 0) {
        fail_msg("first %zu, then %zu, no room %u, pauses %d: got\n%sinstead of\n%s", first, piece, no_room, pauses,
                 log.text, expected);
    }
}

/* Whole, cut everywhere, byte by byte, with an owner that pauses, and with one that has no room at first. */
static void assert_every_way(const struct test_stream *stream, const char *expected) {
    for (size_t cut = 0; cut <= stream->size; cut++) {
        assert_log(stream, expected, cut, stream->size, 0, false);
        assert_log(stream, expected, cut, stream->size, 0, true);
        assert_log(stream, expected, cut, stream->size, 1, false);
    }
    for (size_t piece = 1; piece <= 16; piece++) {
        assert_log(stream, expected, piece, piece, 0, false);
        assert_log(stream, expected, piece, piece, 3, true);
    }
}

/* A frame in a table: of a peer that masks as its role has to. */
struct frame {
    unsigned first;
    const char *payload;
    size_t size;
};

#define FRAME(first, payload)                                                                                          \
    { first, payload, sizeof(payload) - 1 }

struct talk {
    struct frame frames[6]; /* ends with a frame that is 0 */
    const char *expected;
};

static const struct talk talks[] = {
    {{FRAME(0x82, "ab")}, "message 2 6162\n"},
    {{FRAME(0x82, "")}, "message 0 \n"},
    {{FRAME(0x82, "a"), FRAME(0x82, "b"), FRAME(0x82, "c")}, "message 1 61\nmessage 1 62\nmessage 1 63\n"},
    {{FRAME(0x02, "abc"), FRAME(0x00, "d"), FRAME(0x80, "efghijklmnop")},
     "message 16 6162636465666768696a6b6c6d6e6f70\n"},
    {{FRAME(0x02, ""), FRAME(0x00, ""), FRAME(0x80, "")}, "message 0 \n"},
    {{FRAME(0x02, ""), FRAME(0x80, "a"), FRAME(0x82, "b")}, "message 1 61\nmessage 1 62\n"},
    {{FRAME(0x02, "a"), FRAME(0x80, ""), FRAME(0x82, "b")}, "message 1 61\nmessage 1 62\n"},
    /* control frames, also between fragments */
    {{FRAME(0x89, "")}, "pong 0 \n"},
    {{FRAME(0x89, "Hello")}, "pong 5 48656c6c6f\n"},
    {{FRAME(0x8a, "x"), FRAME(0x8a, ""), FRAME(0x82, "a")}, "message 1 61\n"},
    {{FRAME(0x02, "a"), FRAME(0x89, "p"), FRAME(0x00, "b"), FRAME(0x8a, "q"), FRAME(0x80, "c")},
     "pong 1 70\nmessage 3 616263\n"},
    {{FRAME(0x89, "1"), FRAME(0x89, "2"), FRAME(0x82, "a"), FRAME(0x89, "3")},
     "pong 1 31\npong 1 32\nmessage 1 61\npong 1 33\n"},
    /* closing */
    {{FRAME(0x88, "")}, "close 0 \nend " CLOSED " 1005 \n"},
    {{FRAME(0x88, "\x03\xe8")}, "close 2 03e8\nend " CLOSED " 1000 \n"},
    {{FRAME(0x88, "\x03\xe9"
                  "bye, \xc3\xb6"),
      FRAME(0x82, "late")},
     "close 2 03e9\nend " CLOSED " 1001 bye, \xc3\xb6\n"},
    {{FRAME(0x88, "\x03\xf6")}, "close 2 03f6\nend " CLOSED " 1014 \n"},
    {{FRAME(0x88, "\x0b\xb8")}, "close 2 0bb8\nend " CLOSED " 3000 \n"},
    {{FRAME(0x88, "\x13\x87")}, "close 2 1387\nend " CLOSED " 4999 \n"},
    {{FRAME(0x02, "a"), FRAME(0x88, "\x03\xe8"), FRAME(0x80, "b")}, "close 2 03e8\nend " CLOSED " 1000 \n"},
};

static void put_talk(struct test_stream *stream, const struct talk *talk) {
    for (size_t i = 0; i < sizeof talk->frames / sizeof talk->frames[0] && talk->frames[i].payload != NULL; i++) {
        put_frame(stream, talk->frames[i].first, talk->frames[i].payload, talk->frames[i].size);
    }
}

static void legal_frames_are_taken_however_they_are_cut(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof talks / sizeof talks[0]; i++) {
        for (unsigned masked = 0; masked < 2; masked++) {
            struct test_stream stream = {.is_masked = masked != 0};
            put_talk(&stream, &talks[i]);
            assert_every_way(&stream, talks[i].expected);
        }
    }
}

/* --- what breaks the protocol; the code and the beginning of the reason --- */

static const struct talk faults[] = {
    {{FRAME(0xc2, "a")}, FORMAT " 1002 reserved bits"},
    {{FRAME(0xa2, "a")}, FORMAT " 1002 reserved bits"},
    {{FRAME(0x92, "a")}, FORMAT " 1002 reserved bits"},
    {{FRAME(0xc9, "a")}, FORMAT " 1002 reserved bits"},
    {{FRAME(0x83, "a")}, FORMAT " 1002 reserved opcode"},
    {{FRAME(0x87, "a")}, FORMAT " 1002 reserved opcode"},
    {{FRAME(0x8b, "a")}, FORMAT " 1002 reserved opcode"},
    {{FRAME(0x8f, "a")}, FORMAT " 1002 reserved opcode"},
    {{FRAME(0x0f, "a")}, FORMAT " 1002 reserved opcode"},
    {{FRAME(0x81, "text")}, FORMAT " 1003 CoAP messages are binary"},
    {{FRAME(0x81, "")}, FORMAT " 1003 CoAP messages are binary"},
    {{FRAME(0x01, "text")}, FORMAT " 1003 CoAP messages are binary"},
    {{FRAME(0x80, "a")}, FORMAT " 1002 continuation of nothing"},
    {{FRAME(0x00, "a")}, FORMAT " 1002 continuation of nothing"},
    {{FRAME(0x09, "a")}, FORMAT " 1002 fragmented control frame"},
    {{FRAME(0x08, "")}, FORMAT " 1002 fragmented control frame"},
    {{FRAME(0x02, "a"), FRAME(0x82, "b")}, FORMAT " 1002 a message starts within another"},
    {{FRAME(0x02, ""), FRAME(0x02, "b")}, FORMAT " 1002 a message starts within another"},
    {{FRAME(0x02, "a"), FRAME(0x81, "b")}, FORMAT " 1002 a message starts within another"},
    {{FRAME(0x88, "\x03")}, FORMAT " 1002 close with half a code"},
    {{FRAME(0x88, "\x00\x00")}, FORMAT " 1002 close with a code"},
    {{FRAME(0x88, "\x03\xe7")}, FORMAT " 1002 close with a code"}, /* 999 */
    {{FRAME(0x88, "\x03\xec")}, FORMAT " 1002 close with a code"}, /* 1004 */
    {{FRAME(0x88, "\x03\xed")}, FORMAT " 1002 close with a code"}, /* 1005 */
    {{FRAME(0x88, "\x03\xee")}, FORMAT " 1002 close with a code"}, /* 1006 */
    {{FRAME(0x88, "\x03\xf7")}, FORMAT " 1002 close with a code"}, /* 1015 */
    {{FRAME(0x88, "\x07\xd0")}, FORMAT " 1002 close with a code"}, /* 2000 */
    {{FRAME(0x88, "\x0b\xb7")}, FORMAT " 1002 close with a code"}, /* 2999 */
    {{FRAME(0x88, "\x13\x88")}, FORMAT " 1002 close with a code"}, /* 5000 */
    {{FRAME(0x88, "\xff\xff")}, FORMAT " 1002 close with a code"},
    {{FRAME(0x88, "\x03\xe8\xc3")}, FORMAT " 1007 close with a reason"},
    {{FRAME(0x88, "\x03\xe8\xed\xa0\x80")}, FORMAT " 1007 close with a reason"},
};

/* The close frame says what the owner hears. */
static void assert_failure(const struct test_stream *stream, const char *verdict) {
    struct test_log log = {.text = ""};
    feed_pieces(&log, stream, stream->size, 1);
    const char *end = strstr(log.text, "\nend ");
    if (end == NULL || strncmp(log.text, "close ", 6) != 0 || strncmp(end + 5, verdict, strlen(verdict)) != 0) {
        fail_msg("got\n%sinstead of %s", log.text, verdict);
    }
    assert_every_way(stream, log.text);
}

static void what_breaks_the_protocol_ends_the_connection(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        for (unsigned masked = 0; masked < 2; masked++) {
            struct test_stream stream = {.is_masked = masked != 0};
            put_talk(&stream, &faults[i]);
            put_frame(&stream, 0x82, "late", 4);
            assert_failure(&stream, faults[i].expected);
        }
    }
}

static void the_close_frame_says_why(void **state) {
    (void)state;
    struct test_stream stream = {.is_masked = true};
    struct test_log log = {.text = ""};
    put_frame(&stream, 0x82, "fine", 4);
    put_frame(&stream, 0x87, "", 0);
    feed_pieces(&log, &stream, stream.size, 1);
    assert_string_equal(log.text, "message 4 66696e65\nclose 17 03ea7265736572766564206f70636f6465\n"
                                  "end " FORMAT " 1002 reserved opcode\n");
}

/* Bytes as they are, with what they must give. */
static void assert_raw_failure(bool is_masked, const char *bytes, size_t size, const char *verdict) {
    struct test_stream stream = {.is_masked = is_masked, .size = size};
    memcpy(stream.bytes, bytes, size);
    assert_failure(&stream, verdict);
}

static void masks_must_be_where_they_belong(void **state) {
    (void)state;
    assert_raw_failure(true, "\x82\x01z", 3, FORMAT " 1002 frames of a client must be masked");
    assert_raw_failure(true, "\x82\x00", 2, FORMAT " 1002 frames of a client must be masked");
    assert_raw_failure(true, "\x81\x01z", 3, FORMAT " 1002 frames of a client must be masked");
    assert_raw_failure(true, "\x89\x00", 2, FORMAT " 1002 frames of a client must be masked");
    assert_raw_failure(false, "\x82\x81\1\2\3\4z", 7, FORMAT " 1002 frames of a server must not be masked");
    assert_raw_failure(false, "\x88\x80\1\2\3\4", 6, FORMAT " 1002 frames of a server must not be masked");
}

static void lengths_are_in_the_shortest_form(void **state) {
    (void)state;
    static const char verdict[] = FORMAT " 1002 length not in its shortest form";
    assert_raw_failure(false, "\x82\x7e\0\x7d", 4, verdict);
    assert_raw_failure(false, "\x82\x7f\0\0\0\0\0\0\xff\xff", 10, verdict);
    assert_raw_failure(false, "\x82\x7f\x80\0\0\0\0\1\0\0", 10, verdict);
    assert_raw_failure(true, "\x82\xfe\0\x01\1\2\3\4a", 9, verdict);
    assert_raw_failure(false, "\x89\x7e\0\x7e", 4, FORMAT " 1002 control frame over 125 bytes");
    assert_raw_failure(true, "\x88\xff\0\0\0\0\0\1\0\0", 10, FORMAT " 1002 control frame over 125 bytes");
}

/* --- sizes --- */

static void assert_one_message(bool is_masked, size_t size) {
    struct test_stream stream = {.is_masked = is_masked};
    struct test_log expected = {.text = ""};
    uint8_t message[TEST_MESSAGE_MAXIMUM];
    for (size_t i = 0; i < size; i++) {
        message[i] = (uint8_t)(i * 7 + i / 256);
    }
    log_bytes(&expected, "message", message, size);
    put_frame(&stream, 0x82, message, size);
    size_t step = stream.size / 40 + 1;
    for (size_t cut = 0; cut <= stream.size; cut += cut < 20 ? 1 : step) {
        assert_log(&stream, expected.text, cut, stream.size, 0, false);
    }
    assert_log(&stream, expected.text, 1, 1, 0, false);
    assert_log(&stream, expected.text, 1000, 1000, 0, false);
    stream.size = 0;
    put_frame(&stream, 0x02, message, size / 3);
    put_frame(&stream, 0x00, message + size / 3, size / 3);
    put_frame(&stream, 0x80, message + size / 3 * 2, size - size / 3 * 2);
    assert_log(&stream, expected.text, stream.size, 1, 0, false);
    assert_log(&stream, expected.text, 7, 7, 0, true);
}

static void messages_of_every_form_of_length(void **state) {
    (void)state;
    static const size_t sizes[] = {1, 7, 8, 9, 63, 64, 65, 124, 125, 126, 127, 255, 256, 2047, 2048, 2049, 4096, 5000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        assert_one_message(false, sizes[i]);
        assert_one_message(true, sizes[i]);
    }
}

static void a_full_ping_is_answered_in_full(void **state) {
    (void)state;
    uint8_t payload[WEBSOCKET_CONTROL_MAXIMUM];
    struct test_log expected = {.text = ""};
    struct test_stream stream = {.is_masked = true};
    memset(payload, 0xa5, sizeof payload);
    log_bytes(&expected, "pong", payload, sizeof payload);
    put_frame(&stream, 0x89, payload, sizeof payload);
    assert_every_way(&stream, expected.text);
}

static void too_large_is_refused_at_the_header(void **state) {
    (void)state;
    static const char verdict[] = TOO_LARGE " 1009 message over the maximum size";
    assert_raw_failure(false, "\x82\x7e\x13\x89", 4, verdict); /* 5001 */
    assert_raw_failure(true, "\x82\xfe\x13\x89", 4, verdict);
    assert_raw_failure(false, "\x82\x7f\0\0\0\1\0\0\0\0", 10, verdict);
    assert_raw_failure(false, "\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff", 10, verdict);
    struct test_stream stream = {.is_masked = true};
    static const uint8_t part[2500];
    put_frame(&stream, 0x02, part, sizeof part);
    put_frame(&stream, 0x00, part, sizeof part);
    put_frame(&stream, 0x80, part, 1);
    struct test_log log = {.text = ""};
    feed_pieces(&log, &stream, stream.size, 1);
    assert_non_null(strstr(log.text, "end " TOO_LARGE " 1009"));
}

/* Memory follows what was received, not what was announced. */
static void announcing_costs_the_listener_nothing(void **state) {
    (void)state;
    struct websocket_setup setup = test_server;
    setup.message_maximum = UINT32_MAX;
    struct test_log log = {.text = ""};
    struct websocket websocket;
    coax_websocket_start(&websocket, &setup, &log);
    feed(&websocket, &log, (const uint8_t *)"\x82\xff\0\0\0\0\xff\xff\xff\xff\1\2\3\4", 14);
    assert_null(websocket.message);
    feed(&websocket, &log, (const uint8_t *)"abc", 3);
    assert_non_null(websocket.message);
    assert_true(malloc_usable_size(websocket.message) < 256);
    assert_string_equal(log.text, "");
    coax_websocket_free(&websocket);
    assert_null(websocket.message);
}

static void an_idle_connection_holds_no_memory(void **state) {
    (void)state;
    struct test_stream stream = {.is_masked = true};
    struct test_log log = {.text = ""};
    struct websocket websocket;
    put_frame(&stream, 0x02, "abc", 3);
    put_frame(&stream, 0x89, "p", 1);
    put_frame(&stream, 0x80, "abc", 3);
    coax_websocket_start(&websocket, &test_server, &log);
    for (size_t i = 0; i < stream.size; i++) {
        feed(&websocket, &log, stream.bytes + i, 1);
    }
    assert_null(websocket.message);
    assert_null(websocket.control);
    assert_true(sizeof websocket < 64);
}

/* --- back-pressure --- */

static void without_room_for_a_pong_nothing_more_is_taken(void **state) {
    (void)state;
    struct test_stream stream = {.is_masked = true};
    struct test_log log = {.no_room = 3};
    struct websocket websocket;
    put_frame(&stream, 0x89, "p", 1);
    size_t ping_size = stream.size;
    put_frame(&stream, 0x82, "m", 1);
    coax_websocket_start(&websocket, &test_server, &log);
    assert_int_equal(coax_websocket_receive(&websocket, stream.bytes, stream.size), ping_size);
    assert_int_equal(coax_websocket_receive(&websocket, stream.bytes + ping_size, stream.size - ping_size), 0);
    assert_false(coax_websocket_flush(&websocket));
    assert_true(coax_websocket_is_open(&websocket));
    assert_string_equal(log.text, "");
    assert_true(coax_websocket_flush(&websocket));
    assert_string_equal(log.text, "pong 1 70\n");
    assert_int_equal(coax_websocket_receive(&websocket, stream.bytes + ping_size, stream.size - ping_size),
                     stream.size - ping_size);
    assert_string_equal(log.text, "pong 1 70\nmessage 1 6d\n");
    assert_true(coax_websocket_flush(&websocket));
}

static void a_pause_holds_after_the_message(void **state) {
    (void)state;
    struct test_stream stream = {.is_masked = false};
    struct test_log log = {.pauses = true, .is_client = true};
    struct websocket websocket;
    put_frame(&stream, 0x82, "a", 1);
    put_frame(&stream, 0x82, "b", 1);
    coax_websocket_start(&websocket, &test_client, &log);
    assert_int_equal(coax_websocket_receive(&websocket, stream.bytes, stream.size), 3);
    assert_string_equal(log.text, "message 1 61\n");
    assert_int_equal(coax_websocket_receive(&websocket, stream.bytes + 3, 3), 3);
    assert_string_equal(log.text, "message 1 61\nmessage 1 62\n");
}

static void the_end_waits_for_room(void **state) {
    (void)state;
    struct test_stream stream = {.is_masked = true};
    struct test_log log = {.no_room = 2};
    struct websocket websocket;
    put_frame(&stream, 0x88, "\x03\xe9gone", 6);
    coax_websocket_start(&websocket, &test_server, &log);
    assert_int_equal(coax_websocket_receive(&websocket, stream.bytes, stream.size), stream.size);
    assert_false(coax_websocket_is_open(&websocket));
    assert_false(coax_websocket_flush(&websocket));
    assert_false(log.ended);
    assert_false(coax_websocket_flush(&websocket));
    assert_true(log.ended);
    assert_string_equal(log.text, "close 2 03e9\nend " CLOSED " 1001 gone\n");
    assert_false(coax_websocket_flush(&websocket));
    coax_websocket_close(&websocket, WEBSOCKET_NORMAL);
    assert_int_equal(coax_websocket_receive(&websocket, stream.bytes, stream.size), stream.size);
    assert_string_equal(log.text, "close 2 03e9\nend " CLOSED " 1001 gone\n");
}

/* --- our goodbye --- */

static void after_our_goodbye_the_rest_is_heard(void **state) {
    (void)state;
    struct test_stream stream = {.is_masked = true};
    struct test_log log = {.text = ""};
    struct websocket websocket;
    put_frame(&stream, 0x82, "m", 1);
    put_frame(&stream, 0x89, "p", 1);
    put_frame(&stream, 0x88, "\x03\xe8ok", 4);
    coax_websocket_start(&websocket, &test_server, &log);
    assert_true(coax_websocket_is_open(&websocket));
    coax_websocket_close(&websocket, WEBSOCKET_GOING_AWAY);
    coax_websocket_close(&websocket, WEBSOCKET_NORMAL);
    assert_false(coax_websocket_is_open(&websocket));
    feed(&websocket, &log, stream.bytes, stream.size);
    assert_string_equal(log.text, "close 2 03e9\nmessage 1 6d\npong 1 70\nend " CLOSED " 1000 ok\n");
}

static void a_fault_after_our_goodbye_is_not_answered(void **state) {
    (void)state;
    struct test_log log = {.text = ""};
    struct websocket websocket;
    coax_websocket_start(&websocket, &test_server, &log);
    coax_websocket_close(&websocket, WEBSOCKET_NORMAL);
    feed(&websocket, &log, (const uint8_t *)"\x82\x00", 2);
    assert_string_equal(log.text, "close 2 03e8\nend " FORMAT " 1002 frames of a client must be masked\n");
}

static void our_goodbye_waits_for_room(void **state) {
    (void)state;
    struct test_stream stream = {.is_masked = true};
    struct test_log log = {.no_room = 2};
    struct websocket websocket;
    put_frame(&stream, 0x88, "", 0);
    coax_websocket_start(&websocket, &test_server, &log);
    coax_websocket_close(&websocket, WEBSOCKET_NORMAL);
    assert_int_equal(coax_websocket_receive(&websocket, stream.bytes, stream.size), 0);
    assert_true(coax_websocket_flush(&websocket));
    assert_int_equal(coax_websocket_receive(&websocket, stream.bytes, stream.size), stream.size);
    assert_string_equal(log.text, "close 2 03e8\nend " CLOSED " 1005 \n");
}

static void a_goodbye_stands_for_the_pong_that_waited(void **state) {
    (void)state;
    struct test_stream stream = {.is_masked = true};
    struct test_log log = {.no_room = 1};
    struct websocket websocket;
    put_frame(&stream, 0x89, "p", 1);
    coax_websocket_start(&websocket, &test_server, &log);
    feed(&websocket, &log, stream.bytes, stream.size);
    coax_websocket_close(&websocket, WEBSOCKET_NORMAL);
    assert_string_equal(log.text, "close 2 03e8\n");
    assert_null(websocket.control);
}

/* The goodbye within `message` finds no room: the frames behind it wait, a ping among them. */
static void goodbye_within_a_message(void **state) {
    (void)state;
    for (unsigned no_room = 0; no_room < 4; no_room++) {
        struct test_stream stream = {.is_masked = true};
        struct websocket websocket;
        struct test_log log = {.no_room = no_room, .to_close = &websocket};
        put_frame(&stream, 0x82, "m", 1);
        put_frame(&stream, 0x89, "p", 1);
        put_frame(&stream, 0x88, "", 0);
        coax_websocket_start(&websocket, &test_server, &log);
        feed(&websocket, &log, stream.bytes, stream.size);
        assert_string_equal(log.text, "message 1 6d\nclose 2 03e8\npong 1 70\nend " CLOSED " 1005 \n");
    }
}

/* --- without memory --- */

/* What is fed at once, so that only the websocket allocates. */
static void memory_may_run_out_anywhere(void **state) {
    (void)state;
    static const uint8_t part[1000], whole[3000];
    struct test_stream stream = {.is_masked = true};
    put_frame(&stream, 0x02, part, sizeof part);
    put_frame(&stream, 0x89, "ping", 4);
    put_frame(&stream, 0x00, part, sizeof part);
    put_frame(&stream, 0x80, part, 1);
    put_frame(&stream, 0x82, whole, sizeof whole);
    unsigned allocation = 1, goes_on = 1;
    for (; goes_on; allocation++) {
        struct test_log log = {.text = ""};
        struct websocket websocket;
        coax_websocket_start(&websocket, &test_server, &log);
        failing_allocation = allocation;
        coax_websocket_receive(&websocket, stream.bytes, stream.size);
        goes_on = failing_allocation == 0;
        failing_allocation = 0;
        assert_int_equal(strstr(log.text, "end " NO_MEMORY " 1011 out of memory\n") != NULL, goes_on);
        assert_int_equal(log.ended, goes_on);
        coax_websocket_free(&websocket);
    }
    assert_int_equal(allocation - 2, 4); /* two for the fragments, one for the ping, one for the long message */
}

/* --- freed within a callback --- */

static void freed_within_a_callback(void **state) {
    (void)state;
    static const unsigned firsts[] = {0x82, 0x88, 0x81};
    for (size_t i = 0; i < sizeof firsts / sizeof firsts[0]; i++) {
        for (size_t cut = 0; cut < 8; cut++) {
            struct test_stream stream = {.is_masked = true};
            put_frame(&stream, 0x02, "some", i == 0 ? 4 : 0);
            stream.size = i == 0 ? stream.size : 0;
            put_frame(&stream, i == 0 ? 0x80 : firsts[i], "\x03\xe8", 2);
            put_frame(&stream, 0x82, "late", 4);
            struct websocket *websocket = malloc(sizeof *websocket);
            assert_non_null(websocket);
            struct test_log log = {.to_free = websocket};
            coax_websocket_start(websocket, &test_server, &log);
            size_t taken = coax_websocket_receive(websocket, stream.bytes, cut);
            if (log.to_free != NULL) {
                taken += coax_websocket_receive(websocket, stream.bytes + taken, stream.size - taken);
            }
            assert_null(log.to_free);
            assert_true(taken < stream.size);
        }
    }
}

/* --- what we send --- */

static void messages_are_sealed_in_place(void **state) {
    (void)state;
    static const size_t sizes[] = {0, 1, 5, 125, 126, 4999, 5000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct test_log server_log = {.text = ""}, client_log = {.is_client = true}, expected = {.text = ""};
        struct websocket server, client;
        uint8_t frame[WEBSOCKET_HEADER_MAXIMUM + TEST_MESSAGE_MAXIMUM], payload[TEST_MESSAGE_MAXIMUM];
        size_t size = sizes[i];
        memset(payload, 0x42, sizeof payload);
        log_bytes(&expected, "message", payload, size);
        coax_websocket_start(&server, &test_server, &server_log);
        coax_websocket_start(&client, &test_client, &client_log);
        size_t room = coax_websocket_header_room(&client, size);
        memcpy(frame + room, payload, size);
        coax_websocket_seal(&client, frame, size);
        assert_true(size < 5 || memcmp(frame + room, payload, size) != 0);
        feed(&server, &server_log, frame, room + size);
        assert_string_equal(server_log.text, expected.text);
        assert_int_equal(coax_websocket_header_room(&server, size), room - WEBSOCKET_MASK_SIZE);
        room -= WEBSOCKET_MASK_SIZE;
        memcpy(frame + room, payload, size);
        coax_websocket_seal(&server, frame, size);
        assert_memory_equal(frame + room, payload, size);
        feed(&client, &client_log, frame, room + size);
        assert_string_equal(client_log.text, expected.text);
    }
}

/* RFC 6455 section 5.3: each frame has a mask of its own. */
static void masks_are_fresh(void **state) {
    (void)state;
    struct test_log log = {.is_client = true};
    struct websocket client;
    uint8_t one[6], other[6];
    coax_websocket_start(&client, &test_client, &log);
    coax_websocket_seal(&client, one, 0);
    coax_websocket_seal(&client, other, 0);
    assert_memory_not_equal(one + 2, other + 2, WEBSOCKET_MASK_SIZE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(legal_frames_are_taken_however_they_are_cut),
        cmocka_unit_test(what_breaks_the_protocol_ends_the_connection),
        cmocka_unit_test(the_close_frame_says_why),
        cmocka_unit_test(masks_must_be_where_they_belong),
        cmocka_unit_test(lengths_are_in_the_shortest_form),
        cmocka_unit_test(messages_of_every_form_of_length),
        cmocka_unit_test(a_full_ping_is_answered_in_full),
        cmocka_unit_test(too_large_is_refused_at_the_header),
        cmocka_unit_test(announcing_costs_the_listener_nothing),
        cmocka_unit_test(an_idle_connection_holds_no_memory),
        cmocka_unit_test(without_room_for_a_pong_nothing_more_is_taken),
        cmocka_unit_test(a_pause_holds_after_the_message),
        cmocka_unit_test(the_end_waits_for_room),
        cmocka_unit_test(after_our_goodbye_the_rest_is_heard),
        cmocka_unit_test(a_fault_after_our_goodbye_is_not_answered),
        cmocka_unit_test(our_goodbye_waits_for_room),
        cmocka_unit_test(a_goodbye_stands_for_the_pong_that_waited),
        cmocka_unit_test(goodbye_within_a_message),
        cmocka_unit_test(memory_may_run_out_anywhere),
        cmocka_unit_test(freed_within_a_callback),
        cmocka_unit_test(messages_are_sealed_in_place),
        cmocka_unit_test(masks_are_fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
