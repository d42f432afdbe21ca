#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cli/host.h"
#include "cli/serve_ask.h"
#include "cli/serve_resources.h"

static int set_up(void **state) {
    coax_endpoint *endpoint = ask_set_up();
    *state = endpoint;
    struct ticker ticker = {0};
    return !serve_add_host(coax_endpoint_site(endpoint), &ticker, NULL) || ticker.count != 3;
}

static int tear_down(void **state) {
    coax_endpoint_free(*state);
    return 0;
}

/* The value of the record whose name is `name`. */
static double value_of(coax_endpoint *endpoint, const char *path, const char *name, const char *unit) {
    struct answered answered = ask_accepting(endpoint, path, COAX_FORMAT_SENML_JSON);
    json_t *pack = json_loadb(answered.payload, answered.size, 0, NULL);
    json_t *record;
    size_t index;
    double value = -1;
    json_array_foreach(pack, index, record) {
        if (strcmp(json_string_value(json_object_get(record, "n")), name) == 0) {
            value = json_number_value(json_object_get(record, "v"));
            assert_string_equal(json_string_value(json_object_get(record, "u")), unit);
        }
    }
    json_decref(pack);
    return value;
}

static void load_is_three_numbers(void **state) {
    double one;
    double five;
    double fifteen;
    struct answered answered = ask_for(*state, COAX_GET, "/host/load");
    assert_int_equal(sscanf(answered.payload, "%lf %lf %lf", &one, &five, &fifteen), 3);
    assert_true(value_of(*state, "/host/load", "load/15min", "/") >= 0);
}

static void memory_is_that_of_the_host(void **state) {
    struct host_memory memory;
    char line[64];
    assert_true(host_read_memory(HOST_PROC, &memory));
    snprintf(line, sizeof line, "total %llu\nfree ", (unsigned long long)memory.total);
    struct answered answered = ask_for(*state, COAX_GET, "/host/memory");
    assert_ptr_equal(strstr(answered.payload, line), answered.payload);
    assert_non_null(strstr(answered.payload, "\navailable "));
    assert_true(value_of(*state, "/host/memory", "memory/total", "B") == (double)memory.total);
    assert_true(value_of(*state, "/host/memory", "memory/available", "B") > 0);
}

static void uptime_goes_on(void **state) {
    double before;
    double after;
    assert_true(host_read_uptime(HOST_PROC, &before));
    double told = value_of(*state, "/host/uptime", "uptime", "s");
    assert_true(host_read_uptime(HOST_PROC, &after));
    assert_true(before <= told && told <= after);
    assert_int_equal(ask_for(*state, COAX_GET, "/host/uptime").format, COAX_FORMAT_TEXT);
}

static void they_are_only_read(void **state) {
    assert_int_equal(ask_for(*state, COAX_PUT, "/host/load").code, COAX_METHOD_NOT_ALLOWED);
    assert_int_equal(ask_for(*state, COAX_DELETE, "/host/uptime").code, COAX_METHOD_NOT_ALLOWED);
    assert_int_equal(ask_for(*state, COAX_GET, "/host").code, COAX_NOT_FOUND);
}

#define SERVED(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        SERVED(load_is_three_numbers),
        SERVED(memory_is_that_of_the_host),
        SERVED(uptime_goes_on),
        SERVED(they_are_only_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
