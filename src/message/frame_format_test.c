#include "corpus.h"
#include "message/datagram_format.h"
#include "message/frame_format.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ROOM = 140000 };

static const struct frame_limits wide = {SIZE_MAX, EXTENDED_TOKEN_MAXIMUM};
static const struct frame_limits usual = {1152, TOKEN_MAXIMUM};

static void assert_bytes(struct bytes bytes, const char *expected, size_t size) {
    assert_int_equal(bytes.size, size);
    if (size > 0) {
        assert_memory_equal(bytes.data, expected, size);
    }
}

struct example {
    enum frame_form form;
    const char *bytes;
    size_t size;
    uint8_t code;
    const char *token, *options, *payload;
    size_t options_size;
};

static const struct example examples[] = {
    /* RFC 8323 section 3.2: a 2.03 of one byte of token and nothing else */
    {FRAME_STREAM, "\x01\x43\x7f", 3, COAX_VALID, "\x7f", "", "", 0},
    {FRAME_WEBSOCKET, "\x01\x43\x7f", 3, COAX_VALID, "\x7f", "", "", 0},
    /* The messages of RFC 7252 appendix A, framed */
    {FRAME_STREAM, "\xc0\x01\xbbtemperature", 14, COAX_GET, "", "\xbbtemperature", "", 12},
    {FRAME_WEBSOCKET, "\x00\x01\xbbtemperature", 14, COAX_GET, "", "\xbbtemperature", "", 12},
    {FRAME_STREAM,
     "\x71\x45\x20\xff"
     "22.3 C",
     10, COAX_CONTENT, "\x20", "", "22.3 C", 0},
    /* Observed: the CSM of another implementation over both transports */
    {FRAME_STREAM, "\x50\xe1\x23\x10\x00\x00\x20", 7, COAX_CSM, "", "\x23\x10\x00\x00\x20", "", 5},
    {FRAME_WEBSOCKET, "\x00\xe1\x23\x10\x00\x00\x20", 7, COAX_CSM, "", "\x23\x10\x00\x00\x20", "", 5},
    {FRAME_STREAM, "\x00\xe1", 2, COAX_CSM, "", "", "", 0},
    {FRAME_STREAM, "\x00\x00", 2, COAX_EMPTY, "", "", "", 0},
    /* The first length with an extension */
    {FRAME_STREAM,
     "\xd0\x00\x45\xff"
     "0123456789ab",
     16, COAX_CONTENT, "", "", "0123456789ab", 0},
};

static void reads_and_writes_the_examples(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
        const struct example *example = &examples[i];
        const uint8_t *bytes = (const uint8_t *)example->bytes;
        struct coax_message message;
        uint8_t out[64];
        size_t size = 0;
        assert_int_equal(coax_frame_decode(example->form, &message, bytes, example->size, TOKEN_MAXIMUM, NULL),
                         COAX_OK);
        assert_int_equal(message.type, COAX_NO_TYPE);
        assert_int_equal(message.id, 0);
        assert_int_equal(message.code, example->code);
        assert_bytes(message.token, example->token, strlen(example->token));
        assert_bytes(message.options, example->options, example->options_size);
        assert_bytes(message.payload, example->payload, strlen(example->payload));
        assert_int_equal(coax_frame_size(example->form, &message), example->size);
        assert_int_equal(coax_frame_encode(example->form, &message, out, example->size - 1, &size), COAX_E_TOO_LARGE);
        assert_int_equal(size, 0);
        assert_int_equal(coax_frame_encode(example->form, &message, out, example->size, &size), COAX_OK);
        assert_bytes(bytes_of(out, size), example->bytes, example->size);
    }
}

struct refusal {
    enum frame_form form;
    const char *bytes;
    size_t size;
    const char *text;
};

static const struct refusal refusals[] = {
    {FRAME_STREAM, "", 0, "A frame of 0 bytes ends in its header"},
    {FRAME_STREAM, "\xd0", 1, "A frame of 1 bytes ends in its header"},
    {FRAME_STREAM, "\xf0\x00\x00\x00", 4, "A frame of 4 bytes ends in its header"},
    {FRAME_STREAM, "\x00", 1, "A frame of 1 bytes says that it has 2 bytes"},
    {FRAME_STREAM, "\x20\x45\xff", 3, "A frame of 3 bytes says that it has 4 bytes"},
    {FRAME_STREAM, "\x00\x45\xff!", 4, "A frame of 4 bytes says that it has 2 bytes"},
    {FRAME_STREAM, "\x08\x01tokens", 8, "A frame of 8 bytes says that it has 10 bytes"},
    {FRAME_STREAM, "\x09\x01", 2, "The token length 9 at offset 0 is reserved"},
    {FRAME_STREAM, "\x0d\x01\x00", 3, "The token length 13 at offset 0 is reserved"},
    {FRAME_STREAM, "\x0f\x01", 2, "The token length 15 at offset 0 is reserved"},
    {FRAME_STREAM, "\x00\x20", 2, "The code 1.00 at offset 1 is of a reserved class"},
    {FRAME_STREAM,
     "\xd0\x00\xc1\xff"
     "0123456789ab",
     16, "The code 6.01 at offset 2 is of a reserved class"},
    {FRAME_STREAM, "\x01\x00t", 3, "An Empty message has more than its header (3 bytes, token length 1)"},
    {FRAME_STREAM, "\x10\x00\x10", 3, "An Empty message has more than its header (3 bytes, token length 0)"},
    {FRAME_STREAM, "\x11\x01t\x11", 4, "The option at offset 3 runs past the end of the message"},
    {FRAME_STREAM, "\x11\x01t\xf0", 4, "The option at offset 3 has the reserved delta 15"},
    {FRAME_STREAM, "\x11\x01t\xff", 4, "The payload marker at offset 3 has no payload after it"},
    {FRAME_WEBSOCKET, "", 0, "A frame of 0 bytes is shorter than its header of 2 bytes"},
    {FRAME_WEBSOCKET, "\x00", 1, "A frame of 1 bytes is shorter than its header of 2 bytes"},
    {FRAME_WEBSOCKET, "\x50\xe1\x23\x10\x00\x00\x20", 7, "The length at offset 0 is 5, not 0 as it is over WebSocket"},
    {FRAME_WEBSOCKET, "\x09\x01", 2, "The token length 9 at offset 0 is reserved"},
    {FRAME_WEBSOCKET, "\x02\x01t", 3, "The token of 2 bytes at offset 2 runs past the end of the message (3 bytes)"},
    {FRAME_WEBSOCKET, "\x00\xc0", 2, "The code 6.00 at offset 1 is of a reserved class"},
    {FRAME_WEBSOCKET, "\x00\x00\xff!", 4, "An Empty message has more than its header (4 bytes, token length 0)"},
    {FRAME_WEBSOCKET, "\x00\x45\xff", 3, "The payload marker at offset 2 has no payload after it"},
};

static void says_exactly_why_it_refuses(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        const struct refusal *refusal = &refusals[i];
        struct coax_message message;
        coax_error error;
        const uint8_t *bytes = (const uint8_t *)refusal->bytes;
        assert_int_equal(coax_frame_decode(refusal->form, &message, bytes, refusal->size, TOKEN_MAXIMUM, &error),
                         COAX_E_FORMAT);
        assert_string_equal(error.text, refusal->text);
        assert_int_equal(message.token.size + message.options.size + message.payload.size, 0);
    }
}

static void signaling_is_of_streams(void **state) {
    (void)state;
    for (unsigned code = 0; code < 256; code++) {
        const uint8_t data[] = {0, (uint8_t)code};
        unsigned class_ = code >> 5;
        enum coax_status expected = class_ == 1 || class_ == 6 ? COAX_E_FORMAT : COAX_OK;
        struct coax_message message;
        assert_int_equal(coax_frame_decode(FRAME_STREAM, &message, data, 2, TOKEN_MAXIMUM, NULL), expected);
        assert_int_equal(coax_frame_decode(FRAME_WEBSOCKET, &message, data, 2, TOKEN_MAXIMUM, NULL), expected);
    }
}

/* The size from the first option to the end, at the edges of each form of the length. */
static void lengths_of_every_form(void **state) {
    (void)state;
    static const struct {
        size_t content;
        const char *start;
        size_t start_size;
    } cases[] = {
        {12, "\xc1\x45", 2},
        {13, "\xd1\x00\x45", 3},
        {268, "\xd1\xff\x45", 3},
        {269, "\xe1\x00\x00\x45", 4},
        {65804, "\xe1\xff\xff\x45", 4},
        {65805, "\xf1\x00\x00\x00\x00\x45", 6},
        {131341, "\xf1\x00\x01\x00\x00\x45", 6},
    };
    static uint8_t payload[ROOM], out[ROOM];
    memset(payload, 'p', sizeof payload);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct coax_message message = {.code = COAX_CONTENT, .token = bytes_of("t", 1)}, read;
        message.payload = bytes_of(payload, cases[i].content - 1);
        size_t size = 0, frame_size = 0;
        assert_int_equal(coax_frame_encode(FRAME_STREAM, &message, out, sizeof out, &size), COAX_OK);
        assert_int_equal(size, cases[i].start_size + 1 + cases[i].content);
        assert_memory_equal(out, cases[i].start, cases[i].start_size);
        assert_int_equal(coax_frame_decode(FRAME_STREAM, &read, out, size, TOKEN_MAXIMUM, NULL), COAX_OK);
        assert_true(bytes_equal(read.payload, message.payload));
        /* All bytes before the code are needed to tell the size, and no others. */
        assert_int_equal(coax_frame_peek(out, cases[i].start_size - 2, &wide, &frame_size, NULL), COAX_OK);
        assert_int_equal(frame_size, 0);
        assert_int_equal(coax_frame_peek(out, cases[i].start_size - 1, &wide, &frame_size, NULL), COAX_OK);
        assert_int_equal(frame_size, size);
        assert_int_equal(coax_frame_size(FRAME_WEBSOCKET, &message), 3 + cases[i].content);
    }
}

/* RFC 8974 section 2.1: the bytes that extend the token's length stand behind the code, and Len does not count them. */
static void extended_tokens_of_every_form(void **state) {
    (void)state;
    static uint8_t token[EXTENDED_TOKEN_MAXIMUM + 1], out[ROOM];
    static const struct {
        size_t size;
        const char *start;
        size_t start_size;
    } cases[] = {
        {8, "\x28\x01", 2},           {9, "\x29\x01", 2},
        {12, "\x2c\x01", 2},          {13, "\x2d\x01\x00", 3},
        {268, "\x2d\x01\xff", 3},     {269, "\x2e\x01\x00\x00", 4},
        {270, "\x2e\x01\x00\x01", 4}, {EXTENDED_TOKEN_MAXIMUM, "\x2e\x01\xff\xff", 4},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct coax_message message = {.code = COAX_GET, .token = bytes_of(token, cases[i].size)}, read;
        message.payload = bytes_of("p", 1);
        size_t size = 0, frame_size = 0;
        assert_int_equal(coax_frame_encode(FRAME_STREAM, &message, out, sizeof out, &size), COAX_OK);
        assert_int_equal(size, cases[i].start_size + cases[i].size + 2);
        assert_memory_equal(out, cases[i].start, cases[i].start_size);
        assert_int_equal(coax_frame_peek(out, cases[i].start_size, &wide, &frame_size, NULL), COAX_OK);
        assert_int_equal(frame_size, size);
        bool is_extended = cases[i].size > 12;
        assert_int_equal(coax_frame_peek(out, cases[i].start_size - 1, &wide, &frame_size, NULL), COAX_OK);
        assert_int_equal(frame_size, is_extended ? 0 : size);
        assert_int_equal(coax_frame_decode(FRAME_STREAM, &read, out, size, EXTENDED_TOKEN_MAXIMUM, NULL), COAX_OK);
        assert_true(bytes_equal(read.token, message.token));
        assert_true(bytes_equal(read.payload, message.payload));
        assert_int_equal(coax_frame_decode(FRAME_STREAM, &read, out, size, TOKEN_MAXIMUM, NULL),
                         cases[i].size <= TOKEN_MAXIMUM ? COAX_OK : COAX_E_FORMAT);
    }
    struct coax_message message = {.code = COAX_GET, .token = bytes_of(token, sizeof token)};
    size_t size = 0;
    assert_int_equal(coax_frame_encode(FRAME_STREAM, &message, out, sizeof out, &size), COAX_E_INVALID);
    assert_int_equal(coax_frame_size(FRAME_STREAM, &message), SIZE_MAX);
}

static void refuses_a_long_frame_by_its_first_bytes(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
        size_t frame_size; /* 0: refused */
        const char *text;
    } cases[] = {
        /* 1152 = 3 of nibbles and length, 1 code, 1148 */
        {"\xe0\x03\x6f", 3, 1152, NULL},
        {"\xe0\x03\x70", 3, 0, "A message of 1153 bytes is larger than the 1152 bytes of our Max-Message-Size"},
        {"\xe8\x03\x67", 3, 1152, NULL},
        {"\xe8\x03\x68", 3, 0, "A message of 1153 bytes is larger than the 1152 bytes of our Max-Message-Size"},
        {"\xf0\x00\x00\x00\x00", 5, 0,
         "A message of 65811 bytes is larger than the 1152 bytes of our Max-Message-Size"},
        {"\xf8\xff\xff\xff\xff", 5, 0,
         "A message of 4295033114 bytes is larger than the 1152 bytes of our Max-Message-Size"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const uint8_t *bytes = (const uint8_t *)cases[i].bytes;
        size_t frame_size = 1;
        coax_error error;
        assert_int_equal(coax_frame_peek(bytes, cases[i].size - 1, &usual, &frame_size, &error), COAX_OK);
        assert_int_equal(frame_size, 0);
        assert_int_equal(coax_frame_peek(bytes, cases[i].size, &usual, &frame_size, &error),
                         cases[i].frame_size == 0 ? COAX_E_TOO_LARGE : COAX_OK);
        assert_int_equal(frame_size, cases[i].frame_size);
        if (cases[i].text != NULL) {
            assert_string_equal(error.text, cases[i].text);
        }
    }
}

static void peeks_at_extended_tokens(void **state) {
    (void)state;
    const struct frame_limits limits = {300, 20};
    size_t frame_size = 1;
    coax_error error;
    assert_int_equal(coax_frame_peek((const uint8_t *)"\xf0", 0, &limits, &frame_size, NULL), COAX_OK);
    assert_int_equal(frame_size, 0);
    assert_int_equal(coax_frame_peek((const uint8_t *)"\x0f", 1, &limits, &frame_size, &error), COAX_E_FORMAT);
    assert_string_equal(error.text, "The token length 15 at offset 0 is reserved");
    assert_int_equal(coax_frame_peek((const uint8_t *)"\x0d\x01\x07", 3, &limits, &frame_size, NULL), COAX_OK);
    assert_int_equal(frame_size, 23);
    assert_int_equal(coax_frame_peek((const uint8_t *)"\x0d\x01\x08", 3, &limits, &frame_size, &error), COAX_E_FORMAT);
    assert_string_equal(error.text, "The token of 21 bytes is longer than the 20 bytes that are allowed");
    assert_int_equal(coax_frame_peek((const uint8_t *)"\xdd\xff\x01\x07", 4, &limits, &frame_size, NULL), COAX_OK);
    assert_int_equal(frame_size, 292);
    const struct frame_limits small = {291, 20};
    assert_int_equal(coax_frame_peek((const uint8_t *)"\xdd\xff\x01\x07", 4, &small, &frame_size, NULL),
                     COAX_E_TOO_LARGE);
}

/* RFC 8323 section 3.2: four bytes of length at most. */
static void refuses_to_write_what_no_frame_can_hold(void **state) {
    (void)state;
    uint8_t out[8];
    size_t size = 0;
    struct coax_message message = {.code = COAX_GET, .payload = bytes_of("", SIZE_MAX)};
    assert_int_equal(coax_frame_encode(FRAME_STREAM, &message, out, sizeof out, &size), COAX_E_TOO_LARGE);
    assert_int_equal(coax_frame_encode(FRAME_WEBSOCKET, &message, out, sizeof out, &size), COAX_E_TOO_LARGE);
    const uint64_t maximum = UINT64_C(65805) + UINT32_MAX;
    if (maximum < SIZE_MAX) {
        message.payload.size = (size_t)maximum - 1;
        assert_int_equal(coax_frame_size(FRAME_STREAM, &message), maximum + 6);
        message.payload.size++;
        assert_int_equal(coax_frame_size(FRAME_STREAM, &message), SIZE_MAX);
        assert_int_equal(coax_frame_size(FRAME_WEBSOCKET, &message), maximum + 3);
    }
}

/* Whatever is accepted lies within the data and is, written again, the same message. */
static bool check_decoding(enum frame_form form, const uint8_t *data, size_t size, size_t token_maximum) {
    static uint8_t out[ROOM];
    struct coax_message message, again;
    coax_error error = {.text = ""};
    if (coax_frame_decode(form, &message, data, size, token_maximum, &error) != COAX_OK) {
        assert_true(strlen(error.text) > 10);
        return false;
    }
    size_t written = 0;
    assert_int_equal(coax_frame_encode(form, &message, out, sizeof out, &written), COAX_OK);
    assert_int_equal(written, size);
    assert_memory_equal(out, data, size);
    assert_int_equal(coax_frame_decode(form, &again, out, written, token_maximum, NULL), COAX_OK);
    assert_int_equal(again.code, message.code);
    assert_true(bytes_equal(again.token, message.token));
    assert_true(bytes_equal(again.options, message.options));
    assert_true(bytes_equal(again.payload, message.payload));
    coax_option option;
    for (size_t position = 0; coax_message_next_option(&message, &position, &option);) {
        assert_true(option.value >= data && option.value + option.size <= data + size);
    }
    return true;
}

/* In heap memory of exactly its size. */
static uint8_t *frame_of(enum frame_form form, const struct coax_message *message, size_t *size) {
    size_t needed = coax_frame_size(form, message);
    uint8_t *frame = malloc(needed);
    assert_non_null(frame);
    assert_int_equal(coax_frame_encode(form, message, frame, needed, size), COAX_OK);
    assert_int_equal(*size, needed);
    return frame;
}

static void check_cut_and_changed(enum frame_form form, uint8_t *frame, size_t size) {
    for (size_t cut = 0; cut < size; cut++) {
        uint8_t *copy = malloc(cut == 0 ? 1 : cut);
        assert_non_null(copy);
        memcpy(copy, frame, cut);
        bool accepted = check_decoding(form, copy, cut, EXTENDED_TOKEN_MAXIMUM);
        assert_false(form == FRAME_STREAM && accepted);
        free(copy);
    }
    for (size_t place = 0; place<size; place += place> 64 ? 37 : 1) {
        for (unsigned change = 1; change < 256; change++) {
            frame[place] = (uint8_t)(frame[place] ^ change);
            check_decoding(form, frame, size, TOKEN_MAXIMUM);
            check_decoding(form, frame, size, EXTENDED_TOKEN_MAXIMUM);
            frame[place] = (uint8_t)(frame[place] ^ change);
        }
    }
}

/* The datagrams of the corpus, as frames. */
static void check_as_frames(const char *file, const uint8_t *data, size_t size) {
    struct coax_message message;
    if (coax_datagram_decode(&message, data, size, EXTENDED_TOKEN_MAXIMUM, NULL, NULL) != COAX_OK) {
        fail_msg("%s was refused", file);
    }
    for (enum frame_form form = FRAME_STREAM; form <= FRAME_WEBSOCKET; form++) {
        size_t frame_size = 0;
        uint8_t *frame = frame_of(form, &message, &frame_size);
        assert_true(check_decoding(form, frame, frame_size, EXTENDED_TOKEN_MAXIMUM));
        check_cut_and_changed(form, frame, frame_size);
        free(frame);
    }
}

static void survives_the_corpus_cut_and_changed(void **state) {
    (void)state;
    assert_true(corpus_each("messages", ".bin", check_as_frames) >= 40);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_and_writes_the_examples),
        cmocka_unit_test(says_exactly_why_it_refuses),
        cmocka_unit_test(signaling_is_of_streams),
        cmocka_unit_test(lengths_of_every_form),
        cmocka_unit_test(extended_tokens_of_every_form),
        cmocka_unit_test(refuses_a_long_frame_by_its_first_bytes),
        cmocka_unit_test(peeks_at_extended_tokens),
        cmocka_unit_test(refuses_to_write_what_no_frame_can_hold),
        cmocka_unit_test(survives_the_corpus_cut_and_changed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
