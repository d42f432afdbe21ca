#include "server/resource.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void get(coax_exchange *exchange, const coax_message *request, void *user) {
    (void)exchange;
    (void)request;
    (void)user;
}

static void copies_an_empty_config(void **state) {
    (void)state;
    const coax_resource_config config = COAX_RESOURCE_CONFIG_INIT;
    coax_resource *resource;
    assert_int_equal(coax_resource_new(&resource, "/", &config, NULL), COAX_OK);
    assert_string_equal(resource->target, "/");
    assert_null(resource->title);
    assert_null(resource->ct);
    assert_null(resource->allow);
    assert_null(resource->formats);
    for (size_t i = 0; i < SITE_METHODS; i++) {
        assert_null(resource->handlers[i]);
    }
    free(resource);
}

static void finds_handlers_by_code(void **state) {
    (void)state;
    coax_resource_config config = COAX_RESOURCE_CONFIG_INIT;
    coax_handler **const members[] = {&config.get,   &config.post,  &config.put,   &config.delete_,
                                      &config.fetch, &config.patch, &config.ipatch};
    for (uint8_t i = 0; i < 7; i++) {
        *members[i] = get;
        coax_resource *resource;
        assert_int_equal(coax_resource_new(&resource, "/", &config, NULL), COAX_OK);
        for (uint8_t code = 0; code < SITE_METHODS; code++) {
            assert_true(resource->handlers[code] == (code == i + 1 ? get : NULL));
        }
        free(resource);
        *members[i] = NULL;
    }
}

static void writes_ct(void **state) {
    (void)state;
    static const int formats[] = {0, 65535, 40, 11542};
    static const char *const expected[] = {NULL, "0", "0 65535", "0 65535 40", "0 65535 40 11542"};
    for (size_t count = 0; count <= 4; count++) {
        const coax_resource_config config = {.size = sizeof config, .formats = formats, .format_count = count};
        coax_resource *resource;
        assert_int_equal(coax_resource_new(&resource, "/a", &config, NULL), COAX_OK);
        if (expected[count] == NULL) {
            assert_null(resource->ct);
        } else {
            assert_string_equal(resource->ct, expected[count]);
            assert_memory_equal(resource->formats, formats, count * sizeof(int));
        }
        free(resource);
    }
}

static void holds_as_many_formats_as_it_says(void **state) {
    (void)state;
    int formats[SITE_FORMATS_MAXIMUM + 1];
    for (int i = 0; i <= SITE_FORMATS_MAXIMUM; i++) {
        formats[i] = 65535;
    }
    coax_resource_config config = {.size = sizeof config,
                                   .formats = formats,
                                   .format_count = SITE_FORMATS_MAXIMUM,
                                   .accepted_formats = formats,
                                   .accepted_format_count = SITE_FORMATS_MAXIMUM};
    coax_resource *resource;
    assert_int_equal(coax_resource_new(&resource, "/a", &config, NULL), COAX_OK);
    assert_int_equal(strlen(resource->ct), 6 * SITE_FORMATS_MAXIMUM - 1);
    free(resource);
    config.format_count++;
    assert_int_equal(coax_resource_new(&resource, "/a", &config, NULL), COAX_E_INVALID);
    config.format_count = SIZE_MAX / 2;
    assert_int_equal(coax_resource_new(&resource, "/a", &config, NULL), COAX_E_INVALID);
    config.format_count = 0;
    formats[3] = -1;
    assert_int_equal(coax_resource_new(&resource, "/a", &config, NULL), COAX_E_INVALID);
}

static void copies_access_lists(void **state) {
    (void)state;
    static const char *const lists[][4] = {{NULL}, {":a", NULL}, {":a", "coaps://b/*", "", NULL}};
    for (size_t i = 0; i < 3; i++) {
        const coax_resource_config config = {.size = sizeof config, .title = "x", .allow = lists[i]};
        coax_resource *resource;
        assert_int_equal(coax_resource_new(&resource, "/a", &config, NULL), COAX_OK);
        size_t k = 0;
        for (; lists[i][k] != NULL; k++) {
            assert_string_equal(resource->allow[k], lists[i][k]);
            assert_ptr_not_equal(resource->allow[k], lists[i][k]);
        }
        assert_null(resource->allow[k]);
        assert_string_equal(resource->title, "x");
        free(resource);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_an_empty_config),
        cmocka_unit_test(finds_handlers_by_code),
        cmocka_unit_test(writes_ct),
        cmocka_unit_test(copies_access_lists),
        cmocka_unit_test(holds_as_many_formats_as_it_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
