#include "transport/stream/forwarded.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct row {
    const char *field;
    const char *address; /* NULL: none */
};

static void expect(const struct row *rows, size_t count, bool (*read)(struct bytes, struct address *)) {
    for (size_t i = 0; i < count; i++) {
        struct address address = {.port = 0};
        char text[80] = "";
        size_t size = strlen(rows[i].field);
        uint8_t *exact = malloc(size + (size == 0)); /* a read behind its end is seen */
        assert_non_null(exact);
        memcpy(exact, rows[i].field, size);
        bool found = read(bytes_of(exact, size), &address);
        free(exact);
        if (found) {
            coax_address_write(&address, 0, text, sizeof text);
        }
        assert_string_equal(text, rows[i].address == NULL ? "" : rows[i].address);
        assert_int_equal(found, rows[i].address != NULL);
    }
}

static void reads_forwarded(void **state) {
    (void)state;
    static const struct row rows[] = {
        {"for=192.0.2.60;proto=http;by=203.0.113.43", "192.0.2.60"},
        {"For=\"[2001:db8:cafe::17]:4711\"", "[2001:db8:cafe::17]:4711"},
        {"for=192.0.2.43, for=198.51.100.17", "198.51.100.17"},
        {"for=192.0.2.43,for=\"198.51.100.17:80\",", "198.51.100.17:80"},
        {" proto=https ; for = 192.0.2.1 ", "192.0.2.1"},
        {"by=\"a,for=192.0.2.9;x\";for=192.0.2.1", "192.0.2.1"},
        {"by=\"a\\\",for=192.0.2.9\";for=192.0.2.1", "192.0.2.1"},
        {"for=\"[2001:db8::1]\"", "[2001:db8::1]"},
        {"for=192.0.2.1:80", "192.0.2.1:80"},
        {"for=[2001:db8::1]:80", "[2001:db8::1]:80"},
        {"for=192.0.2.1;;proto=http", "192.0.2.1"},
        {"for=192.0.2.9,proto=http", NULL},
        /* What a client sent must not reach over into what the proxy added. */
        {"for=192.0.2.9;x=\", for=192.0.2.1", NULL},
        {"for=192.0.2.9;x=\"\\, for=192.0.2.1", NULL},
        {"for=\", for=192.0.2.1", NULL},
        {"for=192.0.2.9;x=\"\\\"", NULL},
        {"for=192.0.2.9;x=a\"b\", for=192.0.2.1", NULL},
        {"for=192.0.2.9;for=192.0.2.1", NULL},
        {"for=192.0.2.9 for=192.0.2.1", NULL},
        {"for=\"192.0.2.9\"for=192.0.2.1", NULL},
        {"for==192.0.2.1", NULL},
        {"=192.0.2.1", NULL},
        {"for", NULL},
        {"for=\"\"", NULL},
        {"for=unknown", NULL},
        {"for=_hidden", NULL},
        {"for=192.0.2.43, for=unknown", NULL}, /* the nearest proxy's word counts, even if it says nothing */
        {"proto=https", NULL},
        {"", NULL},
        {",,,", NULL},
        {"for=", NULL},
        {"for=\"", NULL},
        {"for=\"192.0.2.1", NULL},
        {"for=\"192.0.2.1\\\"", NULL},
        {"for=\"[2001:db8::1\"", NULL},
        {"for=\"[2001:db8::1]x\"", NULL},
        {"for=\"[192.0.2.1]\"", NULL},
        {"for=\"192.0.2.1:\"", NULL},
        {"for=\"192.0.2.1:65536\"", NULL},
        {"for=\"192.0.2.1:000080\"", NULL},
        {"for=\"192.0.2.1:_x\"", NULL},
        {"for=192.0.2.1.7", NULL},
        {"for=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", NULL},
    };
    expect(rows, sizeof rows / sizeof *rows, coax_forwarded_read);
}

static void reads_x_forwarded_for(void **state) {
    (void)state;
    static const struct row rows[] = {
        {"203.0.113.195", "203.0.113.195"},
        {"203.0.113.195, 2001:db8:85a3::8a2e:370:7334, 198.51.100.178", "198.51.100.178"},
        {"203.0.113.195,2001:db8::1", "[2001:db8::1]"},
        {"10.0.0.1, [2001:db8::1]:99", "[2001:db8::1]:99"},
        {"unknown", NULL},
        {"", NULL},
        {"evil.example", NULL},
        {"\", 192.0.2.1", "192.0.2.1"},
        {"192.0.2.9;x=\", 192.0.2.1", "192.0.2.1"},
        {"192.0.2.9;for=192.0.2.8", NULL},
        {"192.0.2.1,,", "192.0.2.1"},
        {"[192.0.2.1]", NULL},
        {"192.0.2.1 192.0.2.2", NULL},
    };
    expect(rows, sizeof rows / sizeof *rows, coax_forwarded_for_read);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_forwarded),
        cmocka_unit_test(reads_x_forwarded_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
