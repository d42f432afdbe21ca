#include "cli/discover_groups.h"

#include "cli/capture.h"
#include "cli/commands.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static char err[4096];

static int read_address(const char *address, struct discover_target *target) {
    struct capture capture = capture_begin(stderr);
    int code = discover_target_of(address, target);
    capture_end(&capture, err, sizeof err);
    return code;
}

static void what_people_type_becomes_a_uri(void **state) {
    (void)state;
    static const struct {
        const char *address, *uri;
        bool is_group;
    } rows[] = {
        {"localhost", "coap://localhost/.well-known/core", false},
        {"192.0.2.1:61616", "coap://192.0.2.1:61616/.well-known/core", false},
        {"::1", "coap://[::1]/.well-known/core", false},
        {"[::1]:7000", "coap://[::1]:7000/.well-known/core", false},
        {"fe80::1%eth0", "coap://[fe80::1%25eth0]/.well-known/core", false},
        {"ff02::fd%eth0", "coap://[ff02::fd%25eth0]/.well-known/core", true},
        {"ff02::fd%25eth0", "coap://[ff02::fd%25eth0]/.well-known/core", true},
        {"224.0.1.187", "coap://224.0.1.187/.well-known/core", true},
        {"239.255.255.255", "coap://239.255.255.255/.well-known/core", true},
        {"240.0.0.1", "coap://240.0.0.1/.well-known/core", false},
        {"coaps+tcp://h?rt=a*", "coaps+tcp://h/.well-known/core?rt=a*", false},
        {"coap+ws://h/", "coap+ws://h/.well-known/core", false},
        {"h/rd-lookup/res?ep=x", "coap://h/rd-lookup/res?ep=x", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct discover_target target;
        assert_int_equal(read_address(rows[i].address, &target), EXIT_OK);
        assert_string_equal(target.uri, rows[i].uri);
        assert_int_equal(target.is_group, rows[i].is_group);
    }
}

static void what_is_no_address_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {
        "", "a b", "http://h", "[::1", "h:99999", "u@h", "fe80::1%a-name-that-is-too-long"};
    char big[2 * DISCOVER_URI_CAPACITY];
    struct discover_target target;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(read_address(bad[i], &target), EXIT_USAGE);
        assert_non_null(strstr(err, "is no address to ask"));
    }
    memset(big, 'a', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    assert_int_equal(read_address(big, &target), EXIT_USAGE);
    assert_non_null(strstr(err, "it is too long"));
}

static void all_nodes_are_asked_in_groups(void **state) {
    (void)state;
    struct discover_target targets[DISCOVER_GROUPS_MAXIMUM];
    size_t count = discover_groups(targets);
    assert_in_range(count, 1, DISCOVER_GROUPS_MAXIMUM);
    assert_string_equal(targets[0].uri, "coap://224.0.1.187/.well-known/core");
    for (size_t i = 0; i < count; i++) {
        struct discover_target same;
        assert_true(targets[i].is_group);
        assert_int_equal(read_address(targets[i].uri, &same), EXIT_OK);
        assert_true(same.is_group);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_people_type_becomes_a_uri),
        cmocka_unit_test(what_is_no_address_is_refused),
        cmocka_unit_test(all_nodes_are_asked_in_groups),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
