#include "corpus.h"
#include "message/datagram_format.h"
#include "thorough.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MESSAGE_MAXIMUM = 70000 };

static void assert_bytes(struct bytes bytes, const char *expected, size_t size) {
    assert_int_equal(bytes.size, size);
    if (size > 0) {
        assert_memory_equal(bytes.data, expected, size);
    }
}

struct example {
    const char *bytes;
    size_t size;
    enum coax_type type;
    uint8_t code;
    uint16_t id;
    const char *token, *options, *payload;
};

/* RFC 7252 appendix A, figures 16 to 22 (retransmissions left out). */
static const struct example examples[] = {
    {"\x40\x01\x7d\x34\xbbtemperature", 16, COAX_CON, COAX_GET, 0x7d34, "", "\xbbtemperature", ""},
    {"\x60\x45\x7d\x34\xff"
     "22.3 C",
     11, COAX_ACK, COAX_CONTENT, 0x7d34, "", "", "22.3 C"},
    {"\x41\x01\x7d\x35\x20\xbbtemperature", 17, COAX_CON, COAX_GET, 0x7d35, "\x20", "\xbbtemperature", ""},
    {"\x61\x45\x7d\x35\x20\xff"
     "22.3 C",
     12, COAX_ACK, COAX_CONTENT, 0x7d35, "\x20", "", "22.3 C"},
    {"\x60\x00\x7d\x38", 4, COAX_ACK, COAX_EMPTY, 0x7d38, "", "", ""},
    {"\x41\x45\xad\x7b\x53\xff"
     "22.3 C",
     12, COAX_CON, COAX_CONTENT, 0xad7b, "\x53", "", "22.3 C"},
    {"\x51\x01\x7d\x40\x75\xbbtemperature", 17, COAX_NON, COAX_GET, 0x7d40, "\x75", "\xbbtemperature", ""},
    {"\x51\x45\xad\x7d\x75\xff"
     "22.3 C",
     12, COAX_NON, COAX_CONTENT, 0xad7d, "\x75", "", "22.3 C"},
};

static void decodes_the_examples_of_rfc7252(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
        const struct example *example = &examples[i];
        struct coax_message message;
        bool header_read = false;
        assert_int_equal(coax_datagram_decode(&message, (const uint8_t *)example->bytes, example->size, TOKEN_MAXIMUM,
                                              &header_read, NULL),
                         COAX_OK);
        assert_true(header_read);
        assert_int_equal(message.type, example->type);
        assert_int_equal(message.code, example->code);
        assert_int_equal(message.id, example->id);
        assert_bytes(message.token, example->token, strlen(example->token));
        assert_bytes(message.options, example->options, strlen(example->options));
        assert_bytes(message.payload, example->payload, strlen(example->payload));
    }
}

static void encodes_the_examples_of_rfc7252(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
        const struct example *example = &examples[i];
        struct coax_message message = {example->type,
                                       example->code,
                                       example->id,
                                       bytes_of(example->token, strlen(example->token)),
                                       bytes_of(example->options, strlen(example->options)),
                                       bytes_of(example->payload, strlen(example->payload))};
        uint8_t out[64];
        size_t size = 0;
        assert_int_equal(coax_datagram_encode(&message, out, example->size - 1, &size), COAX_E_TOO_LARGE);
        assert_int_equal(size, 0);
        assert_int_equal(coax_datagram_encode(&message, out, example->size, &size), COAX_OK);
        assert_bytes(bytes_of(out, size), example->bytes, example->size);
    }
}

struct refusal {
    const char *bytes;
    size_t size;
    bool header_read;
    const char *text;
};

static const struct refusal refusals[] = {
    {"", 0, false, "A datagram of 0 bytes is shorter than the CoAP header of 4 bytes"},
    {"\x40\x01\x00", 3, false, "A datagram of 3 bytes is shorter than the CoAP header of 4 bytes"},
    {"\x00\x01\x00\x01", 4, false, "The version at offset 0 is 0, not 1"},
    {"\x80\x01\x00\x01", 4, false, "The version at offset 0 is 2, not 1"},
    {"\xc0\x01\x00\x01", 4, false, "The version at offset 0 is 3, not 1"},
    {"\x40\x20\x00\x01", 4, true, "The code 1.00 at offset 1 is of a reserved class"},
    {"\x40\xc5\x00\x01", 4, true, "The code 6.05 at offset 1 is of a reserved class"},
    {"\x40\xff\x00\x01", 4, true, "The code 7.31 at offset 1 is of a reserved class"},
    {"\x41\x00\x00\x01", 4, true, "An Empty message has more than its header (4 bytes, token length 1)"},
    {"\x41\x00\x00\x01t", 5, true, "An Empty message has more than its header (5 bytes, token length 1)"},
    {"\x40\x00\x00\x01\xff.", 6, true, "An Empty message has more than its header (6 bytes, token length 0)"},
    {"\x49\x01\x00\x01"
     "123456789",
     13, true, "The token length 9 at offset 0 is reserved"},
    {"\x4d\x01\x00\x01\x00", 5, true, "The token length 13 at offset 0 is reserved"},
    {"\x4f\x01\x00\x01", 4, true, "The token length 15 at offset 0 is reserved"},
    {"\x48\x01\x00\x01"
     "1234567",
     11, true, "The token of 8 bytes at offset 4 runs past the end of the message (11 bytes)"},
    {"\x41\x01\x00\x01t\x11", 6, true, "The option at offset 5 runs past the end of the message"},
    {"\x41\x01\x00\x01t\xff", 6, true, "The payload marker at offset 5 has no payload after it"},
};

static void says_exactly_why_it_refuses(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        const struct refusal *refusal = &refusals[i];
        struct coax_message message;
        coax_error error;
        bool header_read = !refusal->header_read;
        enum coax_status status = coax_datagram_decode(&message, (const uint8_t *)refusal->bytes, refusal->size,
                                                       TOKEN_MAXIMUM, &header_read, &error);
        assert_int_equal(status, COAX_E_FORMAT);
        assert_int_equal(error.status, COAX_E_FORMAT);
        assert_string_equal(error.text, refusal->text);
        assert_int_equal(header_read, refusal->header_read);
    }
}

static void a_refused_message_keeps_its_header(void **state) {
    (void)state;
    struct coax_message message;
    static const uint8_t data[] = {0x51, 0x02, 0xab, 0xcd, 't', 0xf0};
    assert_int_equal(coax_datagram_decode(&message, data, sizeof data, TOKEN_MAXIMUM, NULL, NULL), COAX_E_FORMAT);
    assert_int_equal(message.type, COAX_NON);
    assert_int_equal(message.code, COAX_POST);
    assert_int_equal(message.id, 0xabcd);
    assert_int_equal(message.token.size, 0);
    assert_int_equal(message.options.size, 0);
    assert_int_equal(message.payload.size, 0);
}

static void accepts_codes_that_have_no_name(void **state) {
    (void)state;
    for (unsigned code = 0; code < 256; code++) {
        const uint8_t data[] = {0x40, (uint8_t)code, 0, 0};
        struct coax_message message;
        unsigned class_ = code >> 5;
        bool is_reserved = class_ == 1 || class_ == 6 || class_ == 7;
        assert_int_equal(coax_datagram_decode(&message, data, sizeof data, TOKEN_MAXIMUM, NULL, NULL),
                         is_reserved ? COAX_E_FORMAT : COAX_OK);
        assert_int_equal(message.code, code);
    }
}

/* RFC 8974 section 2.1: 0 to 12 stand for themselves, 13 and 14 for one and two more bytes, 15 is reserved. */
static void extended_tokens_of_every_form(void **state) {
    (void)state;
    static uint8_t token[EXTENDED_TOKEN_MAXIMUM + 1], out[MESSAGE_MAXIMUM];
    static const struct {
        size_t size;
        const char *start;
        size_t start_size;
    } cases[] = {
        {8, "\x48\x01\x00\x07", 4},           {9, "\x49\x01\x00\x07", 4},
        {12, "\x4c\x01\x00\x07", 4},          {13, "\x4d\x01\x00\x07\x00", 5},
        {268, "\x4d\x01\x00\x07\xff", 5},     {269, "\x4e\x01\x00\x07\x00\x00", 6},
        {270, "\x4e\x01\x00\x07\x00\x01", 6}, {EXTENDED_TOKEN_MAXIMUM, "\x4e\x01\x00\x07\xff\xff", 6},
    };
    for (size_t i = 0; i < sizeof token; i++) {
        token[i] = (uint8_t)(i * 7);
    }
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct coax_message message = {.code = COAX_GET, .id = 7, .token = bytes_of(token, cases[i].size)}, read;
        message.payload = bytes_of("p", 1);
        size_t size = 0;
        assert_int_equal(coax_datagram_encode(&message, out, sizeof out, &size), COAX_OK);
        assert_int_equal(size, cases[i].start_size + cases[i].size + 2);
        assert_memory_equal(out, cases[i].start, cases[i].start_size);
        assert_int_equal(coax_datagram_decode(&read, out, size, EXTENDED_TOKEN_MAXIMUM, NULL, NULL), COAX_OK);
        assert_true(bytes_equal(read.token, message.token));
        assert_true(bytes_equal(read.payload, message.payload));
        enum coax_status plain = coax_datagram_decode(&read, out, size, TOKEN_MAXIMUM, NULL, NULL);
        assert_int_equal(plain, cases[i].size <= TOKEN_MAXIMUM ? COAX_OK : COAX_E_FORMAT);
    }
    struct coax_message message = {.code = COAX_GET, .token = bytes_of(token, sizeof token)};
    size_t size = 0;
    assert_int_equal(coax_datagram_encode(&message, out, sizeof out, &size), COAX_E_INVALID);
}

static void extended_tokens_that_are_broken(void **state) {
    (void)state;
    static const struct refusal broken[] = {
        {"\x4d\x01\x00\x07", 4, true, "The extended token length at offset 4 runs past the end"},
        {"\x4e\x01\x00\x07\x00", 5, true, "The extended token length at offset 4 runs past the end"},
        {"\x4f\x01\x00\x07\x00\x00\x00", 7, true, "The token length 15 at offset 0 is reserved"},
        {"\x4d\x01\x00\x07\x00", 5, true,
         "The token of 13 bytes at offset 5 runs past the end of the message (5 bytes)"},
        {"\x4d\x01\x00\x07\x08", 5, true, "The token of 21 bytes is longer than the 20 bytes that are allowed"},
        {"\x4e\x01\x00\x07\x00\x00", 6, true, "The token of 269 bytes is longer than the 20 bytes that are allowed"},
    };
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        struct coax_message message;
        coax_error error;
        const uint8_t *data = (const uint8_t *)broken[i].bytes;
        assert_int_equal(coax_datagram_decode(&message, data, broken[i].size, 20, NULL, &error), COAX_E_FORMAT);
        assert_string_equal(error.text, broken[i].text);
    }
}

static void refuses_to_write_what_does_not_fit(void **state) {
    (void)state;
    uint8_t out[8];
    size_t size = 0;
    struct coax_message message = {.code = COAX_GET, .payload = bytes_of("1234", 4)};
    assert_int_equal(coax_datagram_encode(&message, out, sizeof out, &size), COAX_E_TOO_LARGE);
    message.payload.size = SIZE_MAX;
    assert_int_equal(coax_datagram_encode(&message, out, sizeof out, &size), COAX_E_TOO_LARGE);
    message.payload.size = 1;
    message.options = bytes_of("", SIZE_MAX - 6);
    assert_int_equal(coax_datagram_encode(&message, out, sizeof out, &size), COAX_E_TOO_LARGE);
    message.payload.size = 3;
    message.options.size = 0;
    assert_int_equal(coax_datagram_encode(&message, out, sizeof out, &size), COAX_OK);
    assert_int_equal(size, 8);
}

/* Whatever is accepted lies within the data, and written again is the same message, even in the same bytes. */
static bool check_decoding(const uint8_t *data, size_t size, size_t token_maximum) {
    static uint8_t out[MESSAGE_MAXIMUM];
    struct coax_message message, again;
    coax_error error = {.text = ""};
    bool header_read = false;
    if (coax_datagram_decode(&message, data, size, token_maximum, &header_read, &error) != COAX_OK) {
        assert_true(strlen(error.text) > 10);
        assert_int_equal(header_read, size >= DATAGRAM_HEADER_SIZE && data[0] >> 6 == 1);
        return false;
    }
    size_t written = 0;
    assert_int_equal(coax_datagram_encode(&message, out, sizeof out, &written), COAX_OK);
    assert_int_equal(written, size);
    assert_memory_equal(out, data, size);
    assert_int_equal(coax_datagram_decode(&again, out, written, token_maximum, NULL, NULL), COAX_OK);
    assert_true(again.type == message.type && again.code == message.code && again.id == message.id);
    assert_true(bytes_equal(again.token, message.token));
    assert_true(bytes_equal(again.options, message.options));
    assert_true(bytes_equal(again.payload, message.payload));
    coax_option option;
    for (size_t position = 0; coax_message_next_option(&message, &position, &option);) {
        assert_true(option.value >= data && option.value + option.size <= data + size);
    }
    char line[256];
    coax_message_describe(&message, line, sizeof line);
    return true;
}

static void check_whole(const char *file, const uint8_t *data, size_t size) {
    bool is_extended = strncmp(file, "extended_", 9) == 0;
    if (!check_decoding(data, size, is_extended ? EXTENDED_TOKEN_MAXIMUM : TOKEN_MAXIMUM)) {
        fail_msg("%s was refused", file);
    }
}

static void decodes_the_whole_corpus(void **state) {
    (void)state;
    assert_true(corpus_each("messages", ".bin", check_whole) >= 40);
}

static void check_truncations(const char *file, const uint8_t *data, size_t size) {
    (void)file;
    for (size_t cut = 0; cut < size; cut++) {
        uint8_t *copy = malloc(cut == 0 ? 1 : cut);
        assert_non_null(copy);
        memcpy(copy, data, cut);
        check_decoding(copy, cut, TOKEN_MAXIMUM);
        check_decoding(copy, cut, EXTENDED_TOKEN_MAXIMUM);
        free(copy);
    }
}

static void survives_every_truncation_of_the_corpus(void **state) {
    (void)state;
    assert_true(corpus_each("messages", ".bin", check_truncations) > 0);
}

/* Bytes of a payload are all alike: of a long message, the first part and the last. */
static void check_corruptions(const char *file, const uint8_t *data, size_t size) {
    (void)file;
    uint8_t *copy = malloc(size);
    assert_non_null(copy);
    memcpy(copy, data, size);
    for (size_t place = 0; place < size; place++) {
        for (unsigned change = 1; change<256; change += place> 64 && place + 16 < size ? 37 : thorough_step(1, 101)) {
            copy[place] = (uint8_t)(data[place] ^ change);
            check_decoding(copy, size, TOKEN_MAXIMUM);
            check_decoding(copy, size, EXTENDED_TOKEN_MAXIMUM);
        }
        copy[place] = data[place];
    }
    free(copy);
}

static void survives_every_corruption_of_a_byte_of_the_corpus(void **state) {
    (void)state;
    assert_true(corpus_each("messages", ".bin", check_corruptions) > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_the_examples_of_rfc7252),
        cmocka_unit_test(encodes_the_examples_of_rfc7252),
        cmocka_unit_test(says_exactly_why_it_refuses),
        cmocka_unit_test(a_refused_message_keeps_its_header),
        cmocka_unit_test(accepts_codes_that_have_no_name),
        cmocka_unit_test(extended_tokens_of_every_form),
        cmocka_unit_test(extended_tokens_that_are_broken),
        cmocka_unit_test(refuses_to_write_what_does_not_fit),
        cmocka_unit_test(decodes_the_whole_corpus),
        cmocka_unit_test(survives_every_truncation_of_the_corpus),
        cmocka_unit_test(survives_every_corruption_of_a_byte_of_the_corpus),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
