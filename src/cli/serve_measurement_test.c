#include "cli/serve_measurement.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "cli/host.h"
#include "cli/serve_ask.h"

static void get_two(coax_exchange *exchange, const coax_message *request, void *user) {
    const struct senml_record records[] = {{"a/b", "s", 1.5, NULL}, {"c", NULL, 0, "text"}};
    (void)user;
    reply_measurement(exchange, request, "1.5 text", records, 2);
}

/* More than a pack may have. */
static void get_much(coax_exchange *exchange, const coax_message *request, void *user) {
    char text[1100];
    (void)user;
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    const struct senml_record record = {"a", NULL, 0, text};
    reply_measurement(exchange, request, text, &record, 1);
}

static int set_up(void **state) {
    coax_endpoint *endpoint = ask_set_up();
    coax_resource_config config = COAX_RESOURCE_CONFIG_INIT;
    config.formats = measurement_formats;
    config.format_count = MEASUREMENT_FORMATS;
    config.get = get_two;
    coax_resource *two = coax_site_add(coax_endpoint_site(endpoint), "two", &config, NULL);
    config.get = get_much;
    coax_resource *much = coax_site_add(coax_endpoint_site(endpoint), "much", &config, NULL);
    *state = endpoint;
    return two == NULL || much == NULL;
}

static int tear_down(void **state) {
    coax_endpoint_free(*state);
    return 0;
}

static void text_is_the_default(void **state) {
    struct answered answered = ask_for(*state, COAX_GET, "/two");
    assert_int_equal(answered.code, COAX_CONTENT);
    assert_int_equal(answered.format, COAX_FORMAT_TEXT);
    assert_string_equal(answered.payload, "1.5 text");
    assert_string_equal(ask_accepting(*state, "/two", COAX_FORMAT_TEXT).payload, "1.5 text");
    assert_int_equal(answered.max_age, 1);
}

static void records_carry_host_and_time(void **state) {
    time_t before = time(NULL);
    struct answered answered = ask_accepting(*state, "/two", COAX_FORMAT_SENML_JSON);
    assert_int_equal(answered.format, COAX_FORMAT_SENML_JSON);
    json_t *pack = json_loadb(answered.payload, answered.size, 0, NULL);
    assert_non_null(pack);
    assert_int_equal(json_array_size(pack), 2);
    json_t *first = json_array_get(pack, 0);
    char name[HOST_NAME_CAPACITY];
    host_read_name(name);
    const char *base_name = json_string_value(json_object_get(first, "bn"));
    assert_memory_equal(base_name, name, strlen(name));
    assert_string_equal(base_name + strlen(name), "/");
    assert_in_range(json_integer_value(json_object_get(first, "bt")), before, time(NULL));
    assert_string_equal(json_string_value(json_object_get(first, "u")), "s");
    assert_true(json_real_value(json_object_get(first, "v")) == 1.5);
    assert_string_equal(json_string_value(json_object_get(json_array_get(pack, 1), "vs")), "text");
    json_decref(pack);
}

static void cbor_on_demand(void **state) {
    struct answered answered = ask_accepting(*state, "/two", COAX_FORMAT_SENML_CBOR);
    assert_int_equal(answered.format, COAX_FORMAT_SENML_CBOR);
    assert_int_equal(answered.payload[0] & 0xff, 0x82);
    assert_int_equal(answered.payload[1] & 0xff, 0xa5);
}

static void what_cannot_be_written_is_an_error(void **state) {
    assert_int_equal(ask_for(*state, COAX_GET, "/much").code, COAX_CONTENT);
    struct answered answered = ask_accepting(*state, "/much", COAX_FORMAT_SENML_JSON);
    assert_int_equal(answered.code, COAX_INTERNAL_SERVER_ERROR);
    assert_int_equal(answered.size, 0);
}

static void times_are_written_in_full(void **state) {
    char text[TIME_TEXT_CAPACITY];
    double seconds;
    (void)state;
    write_time_text(text, &seconds);
    assert_int_equal(strlen(text), strlen("2025-11-22T23:04:05Z"));
    assert_true(seconds > 1700000000);
}

#define SERVED(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        SERVED(text_is_the_default),
        SERVED(records_carry_host_and_time),
        SERVED(cbor_on_demand),
        SERVED(what_cannot_be_written_is_an_error),
        cmocka_unit_test(times_are_written_in_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
