#include "message/frame_format.h"
#include "message/signaling.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A message with options in wire form. */
static struct coax_message with_options(uint8_t code, const char *options, size_t size) {
    return (struct coax_message){.type = COAX_NO_TYPE, .code = code, .options = bytes_of(options, size)};
}

static void assert_options(const struct coax_message *message, const char *expected, size_t size) {
    assert_int_equal(message->options.size, size);
    if (size > 0) {
        assert_memory_equal(message->options.data, expected, size);
    }
}

static void assert_line(const struct coax_message *message, const char *expected) {
    char line[512];
    assert_int_equal(coax_message_describe(message, line, sizeof line), strlen(expected));
    assert_string_equal(line, expected);
}

static void assert_capabilities(const struct capabilities *capabilities, uint32_t max_message_size,
                                uint32_t token_maximum, bool block_wise_transfer) {
    assert_int_equal(capabilities->max_message_size, max_message_size);
    assert_int_equal(capabilities->token_maximum, token_maximum);
    assert_int_equal(capabilities->block_wise_transfer, block_wise_transfer);
}

static void an_empty_csm_leaves_the_base(void **state) {
    (void)state;
    struct capabilities peer = capabilities_base;
    struct coax_message csm = with_options(COAX_CSM, "", 0);
    coax_csm_read(&csm, &peer);
    assert_capabilities(&peer, 1152, 8, false);
    assert_false(capabilities_allow_bert(&peer));
}

static void reads_what_a_csm_says(void **state) {
    (void)state;
    struct capabilities peer = capabilities_base;
    struct coax_message csm = with_options(COAX_CSM, "\x23\x10\x00\x00\x20", 5);
    coax_csm_read(&csm, &peer);
    assert_capabilities(&peer, 1048576, 8, true);
    assert_true(capabilities_allow_bert(&peer));
    /* RFC 8974 section 2.2.1: option 6 */
    csm = with_options(COAX_CSM, "\x61\x20", 2);
    coax_csm_read(&csm, &peer);
    assert_capabilities(&peer, 1048576, 32, true);
}

static void a_later_csm_updates_what_it_names(void **state) {
    (void)state;
    struct capabilities peer = {65536, 8, true};
    struct coax_message csm = with_options(COAX_CSM, "\x22\x04\x00", 3);
    coax_csm_read(&csm, &peer);
    assert_capabilities(&peer, 1024, 8, true);
    assert_false(capabilities_allow_bert(&peer));
    csm = with_options(COAX_CSM, "\x20", 1); /* a message of no byte at all: its wish */
    coax_csm_read(&csm, &peer);
    assert_capabilities(&peer, 0, 8, true);
}

static void bert_wants_both_capabilities(void **state) {
    (void)state;
    assert_false(capabilities_allow_bert(&(struct capabilities){1152, 8, true}));
    assert_true(capabilities_allow_bert(&(struct capabilities){1153, 8, true}));
    assert_false(capabilities_allow_bert(&(struct capabilities){1153, 8, false}));
}

static void token_lengths_out_of_range(void **state) {
    (void)state;
    static const struct {
        const char *option;
        size_t size;
        uint32_t expected;
    } cases[] = {
        {"\x60", 1, 100}, /* RFC 8974 section 2.2.1: ignored */
        {"\x61\x07", 2, 100},
        {"\x61\x09", 2, 9},
        {"\x63\x01\x01\x0c", 4, 65804},
        {"\x63\x01\x01\x0d", 4, 65804},
        {"\x63\xff\xff\xff", 4, 65804},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct capabilities peer = {1152, 100, false};
        struct coax_message csm = with_options(COAX_CSM, cases[i].option, cases[i].size);
        coax_csm_read(&csm, &peer);
        assert_int_equal(peer.token_maximum, cases[i].expected);
    }
}

/* RFC 7252 section 5.4.3, 5.4.5: elective options of a wrong size, and repetitions, are as if they were not there. */
static void wrong_and_repeated_elective_options_are_ignored(void **state) {
    (void)state;
    struct capabilities peer = capabilities_base;
    struct coax_message csm = with_options(COAX_CSM, "\x25\x01\x00\x00\x00\x00\x21?\x24\x00\x00\x00\x20", 13);
    struct option_problem problem;
    assert_true(coax_signaling_understood(&csm, &problem));
    coax_csm_read(&csm, &peer);
    assert_capabilities(&peer, 1152, 8, false);
    csm = with_options(COAX_CSM, "\x22\x08\x00\x02\x10\x00", 6);
    coax_csm_read(&csm, &peer);
    assert_capabilities(&peer, 2048, 8, false);
}

static void only_a_csm_is_read_as_one(void **state) {
    (void)state;
    struct capabilities peer = capabilities_base;
    struct coax_message message = with_options(COAX_PING, "\x22\x08\x00\x20", 4);
    coax_csm_read(&message, &peer);
    message.code = COAX_GET;
    coax_csm_read(&message, &peer);
    assert_capabilities(&peer, 1152, 8, false);
}

static void unknown_critical_options_are_found(void **state) {
    (void)state;
    static const struct {
        uint8_t code;
        const char *options;
        size_t size;
        int bad; /* -1: none */
        const char *reason;
    } cases[] = {
        {COAX_CSM, "", 0, -1, NULL},
        {COAX_CSM, "\x23\x10\x00\x00\x20\x20\x60", 7, -1, NULL}, /* 12 is elective and unknown */
        {COAX_CSM, "\x10", 1, 1, "is critical and unknown"},
        {COAX_CSM, "\x20\x11x", 3, 3, "is critical and unknown"},
        {COAX_CSM, "\x91k", 2, 9, "is critical and unknown"},          /* OSCORE (RFC 8613) */
        {COAX_CSM, "\xb1p", 2, 11, "is critical and unknown"},         /* Uri-Path is none of signaling */
        {COAX_CSM, "\xd0\xf2\x10", 3, 255, "is critical and unknown"}, /* 255 and 256 */
        {COAX_PING, "\x20", 1, -1, NULL},
        {COAX_PING, "\x30", 1, 3, "is critical and unknown"},
        {COAX_RELEASE, "\x51x", 2, 5, "is critical and unknown"},
        {COAX_ABORT, "\x21\x03\x10", 3, 3, "is critical and unknown"},
        {COAX_CODE(7, 31), "\x10", 1, 1, "is critical and unknown"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct coax_message message = with_options(cases[i].code, cases[i].options, cases[i].size);
        struct option_problem problem = {0, NULL};
        bool understood = coax_signaling_understood(&message, &problem);
        assert_int_equal(understood, cases[i].bad < 0);
        if (!understood) {
            assert_int_equal(problem.number, cases[i].bad);
            assert_string_equal(problem.reason, cases[i].reason);
        }
    }
}

static void writes_a_csm(void **state) {
    (void)state;
    uint8_t room[SIGNALING_ROOM], out[32];
    size_t size = 0;
    struct coax_message csm = coax_csm_make(room, &capabilities_base);
    assert_options(&csm, "", 0);
    assert_int_equal(coax_frame_encode(FRAME_STREAM, &csm, out, sizeof out, &size), COAX_OK);
    assert_int_equal(size, 2);
    assert_memory_equal(out, "\x00\xe1", 2);
    csm = coax_csm_make(room, &(struct capabilities){1048576, 8, true});
    assert_int_equal(coax_frame_encode(FRAME_STREAM, &csm, out, sizeof out, &size), COAX_OK);
    assert_int_equal(size, 7);
    assert_memory_equal(out, "\x50\xe1\x23\x10\x00\x00\x20", 7);
    assert_line(&csm, "7.01 CSM Max-Message-Size=1048576 Block-Wise-Transfer");
}

static void reads_the_csm_that_it_wrote(void **state) {
    (void)state;
    static const struct capabilities cases[] = {
        {1152, 8, false},     {0, 8, true},         {1, 9, false},      {1151, 268, true},
        {1153, 65804, false}, {65536, 65803, true}, {8388864, 8, true}, {UINT32_MAX, 65804, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t room[SIGNALING_ROOM];
        struct capabilities read = capabilities_base;
        struct coax_message csm = coax_csm_make(room, &cases[i]);
        struct option_problem problem;
        assert_true(coax_signaling_understood(&csm, &problem));
        coax_csm_read(&csm, &read);
        assert_capabilities(&read, cases[i].max_message_size, cases[i].token_maximum, cases[i].block_wise_transfer);
    }
}

static void ping_and_pong_share_token_and_custody(void **state) {
    (void)state;
    uint8_t room[SIGNALING_ROOM];
    struct coax_message ping = coax_ping_make(room, bytes_of("\x42", 1), true);
    assert_line(&ping, "token 42 7.02 Ping Custody");
    assert_options(&ping, "\x20", 1);
    assert_true(coax_signaling_has_custody(&ping));
    struct coax_message pong = coax_pong_make(room, ping.token, coax_signaling_has_custody(&ping));
    assert_line(&pong, "token 42 7.03 Pong Custody");
    assert_true(coax_signaling_has_custody(&pong));
    ping = coax_ping_make(room, bytes_of(NULL, 0), false);
    assert_line(&ping, "7.02 Ping");
    assert_false(coax_signaling_has_custody(&ping));
}

static void custody_is_empty_and_of_ping_and_pong(void **state) {
    (void)state;
    struct coax_message message = with_options(COAX_PING, "\x21x", 2);
    assert_false(coax_signaling_has_custody(&message));
    message = with_options(COAX_CSM, "\x20", 1);
    assert_false(coax_signaling_has_custody(&message));
    message = with_options(COAX_GET, "\x20", 1);
    assert_false(coax_signaling_has_custody(&message));
}

static void a_release_says_where_to_and_when(void **state) {
    (void)state;
    static const char *const addresses[] = {"coap.example:5683", "[2001:db8::1]"};
    uint8_t room[64];
    struct option_writer writer = option_writer_on(room, sizeof room);
    struct coax_message release;
    assert_int_equal(coax_release_make(&release, &writer, addresses, 2, 300), COAX_OK);
    assert_line(&release, "7.04 Release Alternative-Address=\"coap.example:5683\" "
                          "Alternative-Address=\"[2001:db8::1]\" Hold-Off=300");
    size_t position = 0;
    struct bytes address;
    for (size_t i = 0; i < 2; i++) {
        assert_true(coax_release_next_address(&release, &position, &address));
        assert_true(bytes_equal(address, bytes_of(addresses[i], strlen(addresses[i]))));
    }
    assert_false(coax_release_next_address(&release, &position, &address));
    assert_int_equal(coax_release_hold_off(&release), 300);
}

static void a_release_may_say_nothing(void **state) {
    (void)state;
    struct option_writer writer = option_writer_on(NULL, 0);
    struct coax_message release;
    assert_int_equal(coax_release_make(&release, &writer, NULL, 0, 0), COAX_OK);
    assert_line(&release, "7.04 Release");
    size_t position = 0;
    struct bytes address;
    assert_false(coax_release_next_address(&release, &position, &address));
    assert_int_equal(coax_release_hold_off(&release), 0);
}

static void bad_addresses_and_hold_offs_of_a_release_are_passed_over(void **state) {
    (void)state;
    struct coax_message release = with_options(COAX_RELEASE, "\x20\x02\xff\xfe\x01h\x24\x01\x00\x00\x00", 11);
    size_t position = 0;
    struct bytes address;
    assert_true(coax_release_next_address(&release, &position, &address));
    assert_true(bytes_equal(address, bytes_of("h", 1)));
    assert_false(coax_release_next_address(&release, &position, &address));
    assert_int_equal(coax_release_hold_off(&release), 0);
    release = with_options(COAX_RELEASE, "\x43\xff\xff\xff", 4);
    assert_int_equal(coax_release_hold_off(&release), 16777215);
    release.code = COAX_CSM;
    assert_int_equal(coax_release_hold_off(&release), 0);
}

static void refuses_a_release_that_cannot_be_written(void **state) {
    (void)state;
    static char long_address[257];
    memset(long_address, 'a', 256);
    static uint8_t room[300];
    const char *address = long_address;
    struct coax_message release;
    struct option_writer writer = option_writer_on(room, sizeof room);
    assert_int_equal(coax_release_make(&release, &writer, &address, 1, 0), COAX_E_TOO_LARGE);
    address = "";
    writer = option_writer_on(room, sizeof room);
    assert_int_equal(coax_release_make(&release, &writer, &address, 1, 0), COAX_E_TOO_LARGE);
    writer = option_writer_on(room, sizeof room);
    assert_int_equal(coax_release_make(&release, &writer, NULL, 0, 16777216), COAX_E_TOO_LARGE);
    address = long_address + 1;
    writer = option_writer_on(room, 256);
    assert_int_equal(coax_release_make(&release, &writer, &address, 1, 0), COAX_E_TOO_LARGE);
    writer = option_writer_on(room, 257);
    assert_int_equal(coax_release_make(&release, &writer, &address, 1, 0), COAX_OK);
}

static void an_abort_says_why(void **state) {
    (void)state;
    uint8_t room[SIGNALING_ROOM];
    const uint16_t bad = 65001;
    uint16_t number = 0;
    coax_error error;
    struct coax_message abort_message = coax_abort_make(room, &bad, "No such option");
    assert_line(&abort_message, "7.05 Abort Bad-CSM-Option=65001 payload 14 bytes \"No such option\"");
    assert_true(coax_abort_bad_csm_option(&abort_message, &number));
    assert_int_equal(number, 65001);
    assert_int_equal(coax_fail_aborted(&error, COAX_E_LOST, &abort_message), COAX_E_LOST);
    assert_int_equal(error.status, COAX_E_LOST);
    assert_string_equal(error.text,
                        "The peer aborted the connection because of option 65001 in our CSM: \"No such option\"");
    abort_message = coax_abort_make(room, NULL, NULL);
    assert_line(&abort_message, "7.05 Abort");
    assert_false(coax_abort_bad_csm_option(&abort_message, &number));
    coax_fail_aborted(&error, COAX_E_LOST, &abort_message);
    assert_string_equal(error.text, "The peer aborted the connection: it does not say why");
}

/* What a peer says ends up before people. */
static void a_diagnostic_is_escaped_and_cut(void **state) {
    (void)state;
    static char text[2000];
    coax_error error;
    struct coax_message message = with_options(COAX_ABORT, "", 0);
    message.payload = bytes_of("a\n\x1b[2J\"\xff", 8);
    coax_fail_aborted(&error, COAX_E_LOST, &message);
    assert_string_equal(error.text, "The peer aborted the connection: \"a\\n\\u001b[2J\\\"\\xff\"");
    memset(text, 'x', sizeof text);
    message.payload = bytes_of(text, sizeof text);
    coax_fail_aborted(&error, COAX_E_LOST, &message);
    assert_true(strlen(error.text) < 400);
    assert_string_equal(error.text + strlen(error.text) - 5, "xx...");
}

static void bad_csm_option_is_of_two_bytes_at_most(void **state) {
    (void)state;
    uint16_t number = 7;
    struct coax_message message = with_options(COAX_ABORT, "\x23\x01\x00\x00", 4);
    assert_false(coax_abort_bad_csm_option(&message, &number));
    message = with_options(COAX_ABORT, "\x20", 1);
    assert_true(coax_abort_bad_csm_option(&message, &number));
    assert_int_equal(number, 0);
    message.code = COAX_RELEASE;
    assert_false(coax_abort_bad_csm_option(&message, &number));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_csm_leaves_the_base),
        cmocka_unit_test(reads_what_a_csm_says),
        cmocka_unit_test(a_later_csm_updates_what_it_names),
        cmocka_unit_test(bert_wants_both_capabilities),
        cmocka_unit_test(token_lengths_out_of_range),
        cmocka_unit_test(wrong_and_repeated_elective_options_are_ignored),
        cmocka_unit_test(only_a_csm_is_read_as_one),
        cmocka_unit_test(unknown_critical_options_are_found),
        cmocka_unit_test(writes_a_csm),
        cmocka_unit_test(reads_the_csm_that_it_wrote),
        cmocka_unit_test(ping_and_pong_share_token_and_custody),
        cmocka_unit_test(custody_is_empty_and_of_ping_and_pong),
        cmocka_unit_test(a_release_says_where_to_and_when),
        cmocka_unit_test(a_release_may_say_nothing),
        cmocka_unit_test(bad_addresses_and_hold_offs_of_a_release_are_passed_over),
        cmocka_unit_test(refuses_a_release_that_cannot_be_written),
        cmocka_unit_test(an_abort_says_why),
        cmocka_unit_test(a_diagnostic_is_escaped_and_cut),
        cmocka_unit_test(bad_csm_option_is_of_two_bytes_at_most),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
