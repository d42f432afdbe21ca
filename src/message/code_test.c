#include <coax/message.h>

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

struct code_name {
    unsigned class_, detail;
    const char *name;
};

/* The IANA registries "CoAP Method Codes", "CoAP Response Codes" and "CoAP Signaling Codes". */
static const struct code_name registry[] = {
    {0, 0, "Empty"},
    {0, 1, "GET"},
    {0, 2, "POST"},
    {0, 3, "PUT"},
    {0, 4, "DELETE"},
    {0, 5, "FETCH"},
    {0, 6, "PATCH"},
    {0, 7, "iPATCH"},
    {2, 1, "Created"},
    {2, 2, "Deleted"},
    {2, 3, "Valid"},
    {2, 4, "Changed"},
    {2, 5, "Content"},
    {2, 31, "Continue"},
    {4, 0, "Bad Request"},
    {4, 1, "Unauthorized"},
    {4, 2, "Bad Option"},
    {4, 3, "Forbidden"},
    {4, 4, "Not Found"},
    {4, 5, "Method Not Allowed"},
    {4, 6, "Not Acceptable"},
    {4, 8, "Request Entity Incomplete"},
    {4, 9, "Conflict"},
    {4, 12, "Precondition Failed"},
    {4, 13, "Request Entity Too Large"},
    {4, 15, "Unsupported Content-Format"},
    {4, 22, "Unprocessable Entity"},
    {4, 29, "Too Many Requests"},
    {5, 0, "Internal Server Error"},
    {5, 1, "Not Implemented"},
    {5, 2, "Bad Gateway"},
    {5, 3, "Service Unavailable"},
    {5, 4, "Gateway Timeout"},
    {5, 5, "Proxying Not Supported"},
    {5, 8, "Hop Limit Reached"},
    {7, 1, "CSM"},
    {7, 2, "Ping"},
    {7, 3, "Pong"},
    {7, 4, "Release"},
    {7, 5, "Abort"},
};

enum { REGISTRY_SIZE = sizeof registry / sizeof registry[0] };

static void names_the_registered_codes(void **state) {
    (void)state;
    for (size_t i = 0; i < REGISTRY_SIZE; i++) {
        uint8_t code = COAX_CODE(registry[i].class_, registry[i].detail);
        assert_non_null(coax_code_name(code));
        assert_string_equal(coax_code_name(code), registry[i].name);
        assert_int_equal(coax_code_class(code), registry[i].class_);
        assert_int_equal(coax_code_detail(code), registry[i].detail);
        assert_int_equal(coax_code_is_signaling(code), registry[i].class_ == 7);
    }
}

static void names_no_other_code(void **state) {
    (void)state;
    size_t named = 0;
    for (unsigned code = 0; code < 256; code++) {
        named += coax_code_name((uint8_t)code) != NULL;
    }
    assert_int_equal(named, REGISTRY_SIZE);
}

static void finds_methods_in_any_letter_case(void **state) {
    (void)state;
    assert_int_equal(coax_code_method("GET"), COAX_GET);
    assert_int_equal(coax_code_method("get"), COAX_GET);
    assert_int_equal(coax_code_method("Post"), COAX_POST);
    assert_int_equal(coax_code_method("put"), COAX_PUT);
    assert_int_equal(coax_code_method("DELETE"), COAX_DELETE);
    assert_int_equal(coax_code_method("fetch"), COAX_FETCH);
    assert_int_equal(coax_code_method("patch"), COAX_PATCH);
    assert_int_equal(coax_code_method("iPATCH"), COAX_IPATCH);
    assert_int_equal(coax_code_method("ipatch"), COAX_IPATCH);
}

static void finds_methods_by_digits(void **state) {
    (void)state;
    assert_int_equal(coax_code_method("0.01"), COAX_GET);
    assert_int_equal(coax_code_method("0.07"), COAX_IPATCH);
    assert_int_equal(coax_code_method("0.08"), 8);
    assert_int_equal(coax_code_method("0.31"), 31);
}

static void finds_no_method_in_anything_else(void **state) {
    (void)state;
    static const char *const others[] = {"",      "0",    "0.",   "0.1",   "0.00",    "0.32", "0.40", "0.99",
                                         "0.011", "1.01", "2.05", "00.1",  "0,01",    "0. 1", "0.0x", " 0.01",
                                         "GETS",  "GE",   " GET", "Empty", "Content", "0.-1"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_int_equal(coax_code_method(others[i]), COAX_EMPTY);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_the_registered_codes),       cmocka_unit_test(names_no_other_code),
        cmocka_unit_test(finds_methods_in_any_letter_case), cmocka_unit_test(finds_methods_by_digits),
        cmocka_unit_test(finds_no_method_in_anything_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
