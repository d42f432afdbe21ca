#include "cli/output.h"

#include "cli/message_sample.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct message_sample sample;

/* The object as one line, in memory of the test's own until the next call. */
static const char *text_of(json_t *object) {
    static char text[4096];
    assert_non_null(object);
    char *dump = json_dumps(object, JSON_REAL_PRECISION(7));
    assert_non_null(dump);
    snprintf(text, sizeof text, "%s", dump);
    free(dump);
    json_decref(object);
    return text;
}

static json_t *response(const char *remote, const char *output) {
    struct answer answer = {.message = &sample.message, .elapsed_ms = 1.5};
    snprintf(answer.remote, sizeof answer.remote, "%s", remote);
    return json_of_response(&answer, output);
}

static void a_response_is_shown_whole(void **state) {
    (void)state;
    sample_begin(&sample, COAX_CONTENT, "{\"a\":1}", 7);
    sample_option_uint(&sample, COAX_OPTION_CONTENT_FORMAT, COAX_FORMAT_JSON);
    sample_option(&sample, COAX_OPTION_ETAG, "\x01\xff", 2);
    sample_option_uint(&sample, COAX_OPTION_MAX_AGE, 30);
    assert_string_equal(text_of(response("coap://[::1]:61616", NULL)),
                        "{\"code\": \"2.05\", \"name\": \"Content\", \"class\": 2, \"ok\": true, \"options\": ["
                        "{\"number\": 4, \"name\": \"ETag\", \"value\": \"0x01ff\"}, "
                        "{\"number\": 12, \"name\": \"Content-Format\", \"value\": 50}, "
                        "{\"number\": 14, \"name\": \"Max-Age\", \"value\": 30}], "
                        "\"content_format\": 50, \"content_format_name\": \"application/json\", "
                        "\"remote\": \"coap://[::1]:61616\", \"elapsed_ms\": 1.5, \"payload\": \"{\\\"a\\\":1}\"}");
}

static void what_is_missing_is_null(void **state) {
    (void)state;
    sample_begin(&sample, COAX_CODE(4, 30), NULL, 0);
    assert_string_equal(text_of(response("", NULL)),
                        "{\"code\": \"4.30\", \"name\": null, \"class\": 4, \"ok\": false, \"options\": [], "
                        "\"content_format\": null, \"content_format_name\": null, \"remote\": null, "
                        "\"elapsed_ms\": 1.5, \"payload\": \"\"}");
}

static void a_payload_that_is_no_text_is_base64(void **state) {
    (void)state;
    sample_begin(&sample, COAX_CONTENT, "\xa1\x61\x61\xff", 4);
    const char *text = text_of(response("", NULL));
    assert_non_null(strstr(text, "\"payload_base64\": \"oWFh/w==\""));
    assert_null(strstr(text, "\"payload\""));
    sample_begin(&sample, COAX_CONTENT, "a\0\x1b", 3);
    assert_non_null(strstr(text_of(response("", NULL)), "\"payload\": \"a\\u0000\\u001B\""));
}

static void the_file_stands_in_place_of_the_payload(void **state) {
    (void)state;
    sample_begin(&sample, COAX_CONTENT, "secret", 6);
    const char *text = text_of(response("", "out.bin"));
    assert_non_null(strstr(text, "\"output\": \"out.bin\""));
    assert_null(strstr(text, "secret"));
}

static void options_of_each_format_have_a_value(void **state) {
    (void)state;
    sample_begin(&sample, COAX_CREATED, NULL, 0);
    sample_option(&sample, COAX_OPTION_IF_NONE_MATCH, "", 0);
    sample_option_text(&sample, COAX_OPTION_LOCATION_PATH,
                       "stra\xc3\x9f"
                       "e");
    sample_option(&sample, COAX_OPTION_LOCATION_PATH, "\xff", 1);
    sample_option(&sample, 65000, "\x00", 1);
    const char *text = text_of(response("", NULL));
    assert_non_null(strstr(text, "\"name\": \"If-None-Match\", \"value\": \"\""));
    assert_non_null(strstr(text, "\"value\": \"stra\xc3\x9f"
                                 "e\""));
    assert_non_null(strstr(text, "\"name\": \"Location-Path\", \"value\": \"0xff\""));
    assert_non_null(strstr(text, "{\"number\": 65000, \"name\": null, \"value\": \"0x00\"}"));
}

static void a_number_beyond_what_json_holds_is_hex(void **state) {
    (void)state;
    sample_begin(&sample, COAX_CONTENT, NULL, 0);
    /* Max-Age of 9 bytes, written as it comes from a peer that does not care: the delta 13+1, the length 9. */
    static const uint8_t wire[] = {0xd9, 0x01, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    sample.message.options = bytes_of(wire, sizeof wire);
    assert_non_null(strstr(text_of(response("", NULL)), "\"value\": \"0x010203040506070809\""));
}

static void errors_carry_status_and_alert(void **state) {
    (void)state;
    coax_error error = {.status = COAX_E_TIMEOUT, .alert = -1, .text = "nobody \"answered\""};
    assert_string_equal(text_of(json_of_error(&error)), "{\"error\": {\"status\": \"COAX_E_TIMEOUT\", \"text\": "
                                                        "\"nobody \\\"answered\\\"\", \"alert\": null}}");
    error = (coax_error){.status = COAX_E_TLS_ALERT, .alert = 115, .text = "no \xff"};
    assert_string_equal(text_of(json_of_error(&error)),
                        "{\"error\": {\"status\": \"COAX_E_TLS_ALERT\", \"text\": \"no ?\", "
                        "\"alert\": {\"number\": 115, \"name\": \"unknown_psk_identity\"}}}");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_response_is_shown_whole),
        cmocka_unit_test(what_is_missing_is_null),
        cmocka_unit_test(a_payload_that_is_no_text_is_base64),
        cmocka_unit_test(the_file_stands_in_place_of_the_payload),
        cmocka_unit_test(options_of_each_format_have_a_value),
        cmocka_unit_test(a_number_beyond_what_json_holds_is_hex),
        cmocka_unit_test(errors_carry_status_and_alert),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
