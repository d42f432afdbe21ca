#include "transport/stream/frame_reader.h"

#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { LOG_SIZE = 4096, ROOM = 70000 };

static const struct frame_limits usual = {ROOM, TOKEN_MAXIMUM};

/* What was visited, a line for each message, and where the bytes stood. */
struct log {
    char text[LOG_SIZE];
    size_t size;
    size_t count, stop_at; /* stop_at: the message that is answered with an error; 0: none */
    const uint8_t *payload;
    struct frame_reader *to_free;
};

static enum coax_status visit(void *user, const struct coax_message *message) {
    struct log *log = user;
    char line[256];
    coax_message_describe(message, line, sizeof line);
    int added = snprintf(log->text + log->size, sizeof log->text - log->size, "%s\n", line);
    log->size += (size_t)added < sizeof log->text - log->size ? (size_t)added : 0;
    log->payload = message->payload.data;
    if (++log->count != log->stop_at) {
        return COAX_OK;
    }
    if (log->to_free != NULL) {
        coax_frame_reader_free(log->to_free);
        free(log->to_free);
    }
    return COAX_E_SHUT_DOWN;
}

/* In pieces of `step` bytes, each in heap memory of its size. */
static enum coax_status feed(struct frame_reader *reader, const struct frame_limits *limits, const char *data,
                             size_t size, size_t step, struct log *log, coax_error *error) {
    size_t taken;
    enum coax_status status = COAX_OK;
    for (size_t offset = 0; offset < size && status == COAX_OK; offset += step) {
        size_t piece = size - offset < step ? size - offset : step;
        uint8_t *copy = malloc(piece);
        assert_non_null(copy);
        memcpy(copy, data + offset, piece);
        status = coax_frame_reader_feed(reader, limits, copy, piece, &taken, visit, log, error);
        free(copy);
    }
    return status;
}

/* CSM, Empty, a Ping, a GET, a 2.05 with an extended length */
static const char stream[] = "\x50\xe1\x23\x10\x00\x00\x20"
                             "\x00\x00"
                             "\x01\xe2t"
                             "\xc1\x01\x20\xbbtemperature"
                             "\xd1\x08\x45\x20\xff"
                             "twenty-two degrees C";
static const char stream_log[] = "7.01 CSM Max-Message-Size=1048576 Block-Wise-Transfer\n"
                                 "Empty\n"
                                 "token 74 7.02 Ping\n"
                                 "token 20 GET Uri-Path=\"temperature\"\n"
                                 "token 20 2.05 Content payload 20 bytes \"twenty-two degrees C\"\n";

static void reads_the_same_however_the_stream_is_cut(void **state) {
    (void)state;
    for (size_t step = 1; step <= sizeof stream; step++) {
        struct frame_reader reader = {0};
        struct log log = {0};
        assert_int_equal(feed(&reader, &usual, stream, sizeof stream - 1, step, &log, NULL), COAX_OK);
        assert_string_equal(log.text, stream_log);
        assert_false(frame_reader_is_within(&reader));
    }
}

static void reads_the_same_cut_in_two_anywhere(void **state) {
    (void)state;
    for (size_t cut = 0; cut < sizeof stream; cut++) {
        struct frame_reader reader = {0};
        struct log log = {0};
        assert_int_equal(feed(&reader, &usual, stream, cut, cut + 1, &log, NULL), COAX_OK);
        assert_int_equal(feed(&reader, &usual, stream + cut, sizeof stream - 1 - cut, sizeof stream, &log, NULL),
                         COAX_OK);
        assert_string_equal(log.text, stream_log);
        assert_null(reader.part);
    }
}

static void a_whole_frame_is_not_copied(void **state) {
    (void)state;
    size_t taken;
    struct frame_reader reader = {0};
    struct log log = {0};
    const uint8_t *bytes = (const uint8_t *)stream;
    assert_int_equal(coax_frame_reader_feed(&reader, &usual, bytes, sizeof stream - 1, &taken, visit, &log, NULL),
                     COAX_OK);
    assert_ptr_equal(log.payload, bytes + sizeof stream - 1 - 20);
    assert_null(reader.part);
}

static void goes_on_after_a_pause(void **state) {
    (void)state;
    for (size_t step = 1; step <= sizeof stream; step++) {
        struct frame_reader reader = {0};
        struct log log = {0};
        const uint8_t *bytes = (const uint8_t *)stream;
        size_t offset = 0, taken;
        while (offset < sizeof stream - 1) {
            size_t left = sizeof stream - 1 - offset, count = log.count;
            log.stop_at = count + 1;
            enum coax_status status = coax_frame_reader_feed(&reader, &usual, bytes + offset, left < step ? left : step,
                                                             &taken, visit, &log, NULL);
            assert_true(log.count <= count + 1);
            assert_int_equal(status, log.count > count ? COAX_E_SHUT_DOWN : COAX_OK);
            offset += taken;
        }
        assert_string_equal(log.text, stream_log);
        assert_null(reader.part);
    }
}

static void nothing_is_nothing(void **state) {
    (void)state;
    size_t taken;
    struct frame_reader reader = {0};
    struct log log = {0};
    assert_int_equal(coax_frame_reader_feed(&reader, &usual, NULL, 0, &taken, visit, &log, NULL), COAX_OK);
    assert_int_equal(log.count, 0);
    assert_int_equal(sizeof reader, sizeof(void *));
}

static void knows_whether_it_stands_within_a_frame(void **state) {
    (void)state;
    struct frame_reader reader = {0};
    struct log log = {0};
    assert_int_equal(feed(&reader, &usual, "\x01", 1, 1, &log, NULL), COAX_OK);
    assert_true(frame_reader_is_within(&reader));
    assert_int_equal(feed(&reader, &usual, "\xe2", 1, 1, &log, NULL), COAX_OK);
    assert_true(frame_reader_is_within(&reader));
    assert_int_equal(feed(&reader, &usual, "t", 1, 1, &log, NULL), COAX_OK);
    assert_false(frame_reader_is_within(&reader));
    assert_string_equal(log.text, "token 74 7.02 Ping\n");
    assert_int_equal(feed(&reader, &usual, "\x01", 1, 1, &log, NULL), COAX_OK);
    coax_frame_reader_free(&reader);
    assert_false(frame_reader_is_within(&reader));
    coax_frame_reader_free(&reader);
}

struct failing {
    const char *bytes;
    size_t size;
    size_t needed; /* of these bytes, for the error */
    enum coax_status status;
    const char *text;
};

/* Each after a message that is good. */
static const struct failing failings[] = {
    {"\xf0\x00\x00\x10\x00\x45\xff", 7, 5, COAX_E_TOO_LARGE,
     "A message of 69907 bytes is larger than the 2000 bytes of our Max-Message-Size"},
    {"\xe0\x06\xc0\x45", 4, 3, COAX_E_TOO_LARGE,
     "A message of 2001 bytes is larger than the 2000 bytes of our Max-Message-Size"},
    {"\x1f\x01", 2, 1, COAX_E_FORMAT, "The token length 15 at offset 0 is reserved"},
    {"\xf9\xff\xff\xff\xff\xff", 6, 1, COAX_E_FORMAT, "The token length 9 at offset 0 is reserved"},
    {"\x10\x01\x55", 3, 3, COAX_E_FORMAT, "The option at offset 2 runs past the end of the message"},
    {"\x01\xc0tttt", 6, 3, COAX_E_FORMAT, "The code 6.00 at offset 1 is of a reserved class"},
    {"\x20\x00\xff!", 4, 4, COAX_E_FORMAT, "An Empty message has more than its header (4 bytes, token length 0)"},
};

static void fails_the_same_however_the_stream_is_cut(void **state) {
    (void)state;
    const struct frame_limits limits = {2000, TOKEN_MAXIMUM};
    for (size_t i = 0; i < sizeof failings / sizeof failings[0]; i++) {
        char bytes[32] = "\x01\xe2t";
        memcpy(bytes + 3, failings[i].bytes, failings[i].size);
        for (size_t step = 1; step <= failings[i].size + 3; step++) {
            struct frame_reader reader = {0};
            struct log log = {0};
            coax_error error;
            assert_int_equal(feed(&reader, &limits, bytes, failings[i].size + 3, step, &log, &error),
                             failings[i].status);
            assert_string_equal(error.text, failings[i].text);
            assert_string_equal(log.text, "token 74 7.02 Ping\n");
            coax_frame_reader_free(&reader);
        }
    }
}

static void fails_as_soon_as_it_can_be_known(void **state) {
    (void)state;
    const struct frame_limits limits = {2000, TOKEN_MAXIMUM};
    for (size_t i = 0; i < sizeof failings / sizeof failings[0]; i++) {
        struct frame_reader reader = {0};
        struct log log = {0};
        size_t needed = failings[i].needed;
        assert_int_equal(feed(&reader, &limits, failings[i].bytes, needed - 1, 1, &log, NULL), COAX_OK);
        assert_int_equal(feed(&reader, &limits, failings[i].bytes + needed - 1, 1, 1, &log, NULL), failings[i].status);
        coax_frame_reader_free(&reader);
    }
}

static void a_frame_of_the_largest_size_is_read(void **state) {
    (void)state;
    static char frame[2000];
    memset(frame, 'p', sizeof frame);
    memcpy(frame, "\xe0\x06\xbf\x45\xff", 5);
    const struct frame_limits limits = {2000, TOKEN_MAXIMUM};
    struct frame_reader reader = {0};
    struct log log = {0};
    assert_int_equal(feed(&reader, &limits, frame, sizeof frame, 7, &log, NULL), COAX_OK);
    assert_int_equal(log.count, 1);
    assert_null(reader.part);
}

static void reads_extended_tokens_where_they_are_allowed(void **state) {
    (void)state;
    static char frame[ROOM] = "\x0e\x01\x00\x00";
    const struct frame_limits limits = {ROOM, 269};
    for (size_t step = 1; step < 300; step += 11) {
        struct frame_reader reader = {0};
        struct log log = {0};
        assert_int_equal(feed(&reader, &limits, frame, 4 + 269, step, &log, NULL), COAX_OK);
        assert_int_equal(log.count, 1);
        assert_null(reader.part);
    }
    struct frame_reader reader = {0};
    struct log log = {0};
    coax_error error;
    frame[3] = 1;
    assert_int_equal(feed(&reader, &limits, frame, 4, 1, &log, &error), COAX_E_FORMAT);
    assert_string_equal(error.text, "The token of 270 bytes is longer than the 269 bytes that are allowed");
    coax_frame_reader_free(&reader);
}

/* To announce much costs nothing here; memory follows what comes. */
static void memory_follows_what_was_received(void **state) {
    (void)state;
    static uint8_t frame[ROOM] = "\xf0\x00\x00\x10\x57\x45\xff";
    const size_t frame_size = 6 + 65805 + 0x1057;
    size_t taken;
    struct frame_reader reader = {0};
    struct log log = {0};
    memset(frame + 7, 'p', sizeof frame - 7);
    for (size_t received = 1; received < frame_size; received++) {
        assert_int_equal(coax_frame_reader_feed(&reader, &usual, frame + received - 1, 1, &taken, visit, &log, NULL),
                         COAX_OK);
        assert_non_null(reader.part);
        size_t held = malloc_usable_size(reader.part);
        assert_true(held <= 128 + 2 * received && held <= 64 + frame_size);
    }
    assert_int_equal(log.count, 0);
    assert_int_equal(coax_frame_reader_feed(&reader, &usual, frame + frame_size - 1, 1, &taken, visit, &log, NULL),
                     COAX_OK);
    assert_int_equal(log.count, 1);
    assert_null(reader.part);
}

static void the_visitor_can_stop(void **state) {
    (void)state;
    for (size_t step = 1; step <= sizeof stream; step++) {
        struct frame_reader reader = {0};
        struct log log = {.stop_at = 3};
        coax_error error = {.text = "untouched"};
        assert_int_equal(feed(&reader, &usual, stream, sizeof stream - 1, step, &log, &error), COAX_E_SHUT_DOWN);
        assert_string_equal(error.text, "untouched");
        assert_int_equal(log.count, 3);
        coax_frame_reader_free(&reader);
    }
}

static void the_visitor_can_free_the_reader(void **state) {
    (void)state;
    for (size_t step = 1; step <= sizeof stream; step++) {
        struct frame_reader *reader = calloc(1, sizeof *reader);
        assert_non_null(reader);
        struct log log = {.stop_at = 4, .to_free = reader};
        assert_int_equal(feed(reader, &usual, stream, sizeof stream - 1, step, &log, NULL), COAX_E_SHUT_DOWN);
        assert_int_equal(log.count, 4);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_same_however_the_stream_is_cut),
        cmocka_unit_test(reads_the_same_cut_in_two_anywhere),
        cmocka_unit_test(a_whole_frame_is_not_copied),
        cmocka_unit_test(goes_on_after_a_pause),
        cmocka_unit_test(nothing_is_nothing),
        cmocka_unit_test(knows_whether_it_stands_within_a_frame),
        cmocka_unit_test(fails_the_same_however_the_stream_is_cut),
        cmocka_unit_test(fails_as_soon_as_it_can_be_known),
        cmocka_unit_test(a_frame_of_the_largest_size_is_read),
        cmocka_unit_test(reads_extended_tokens_where_they_are_allowed),
        cmocka_unit_test(memory_follows_what_was_received),
        cmocka_unit_test(the_visitor_can_stop),
        cmocka_unit_test(the_visitor_can_free_the_reader),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
