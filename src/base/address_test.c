#include "base/address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct address address_of(const char *text, uint16_t port) {
    struct address address = {.port = port};
    if (!coax_address_parse_ip(text, address.ip)) {
        fail_msg("%s was refused", text);
    }
    return address;
}

static void assert_shortest(const char *text, const char *shortest) {
    struct address address = address_of(text, 0);
    char out[46];
    size_t size = coax_address_write_ip(&address, out, sizeof out);
    assert_string_equal(out, shortest);
    assert_int_equal(size, strlen(shortest));
}

static void reads_dotted_ip4_as_mapped(void **state) {
    (void)state;
    static const uint8_t expected[16] = {[10] = 0xff, 0xff, 192, 0, 2, 255};
    struct address address = address_of("192.0.2.255", 0);
    assert_memory_equal(address.ip, expected, 16);
    assert_true(coax_address_is_ip4(&address));
    struct address made = coax_address_ip4(192, 0, 2, 255, 0);
    assert_true(coax_address_equal(&address, &made));
    assert_memory_equal(&address, &made, sizeof made);
}

static void reads_every_form_of_ip6(void **state) {
    (void)state;
    /* RFC 4291 section 2.2 and the nine forms of IPv6address in RFC 3986 section 3.2.2. */
    static const struct {
        const char *text;
        uint8_t ip[16];
    } forms[] = {
        {"ABCD:EF01:2345:6789:ABCD:EF01:2345:6789",
         {0xab, 0xcd, 0xef, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0x01, 0x23, 0x45, 0x67, 0x89}},
        {"2001:DB8:0:0:8:800:200C:417A", {0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 8, 8, 0, 0x20, 0x0c, 0x41, 0x7a}},
        {"2001:DB8::8:800:200C:417A", {0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 8, 8, 0, 0x20, 0x0c, 0x41, 0x7a}},
        {"FF01::101", {0xff, 1, [14] = 1, 1}},
        {"::1", {[15] = 1}},
        {"::", {0}},
        {"1::", {0, 1}},
        {"::2:3:4:5:6:7:8", {0, 0, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8}},
        {"1:2:3:4:5:6:7::", {0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 0}},
        {"1:2:3::5:6:7:8", {0, 1, 0, 2, 0, 3, 0, 0, 0, 5, 0, 6, 0, 7, 0, 8}},
        {"::13.1.68.3", {[12] = 13, 1, 68, 3}},
        {"::FFFF:129.144.52.38", {[10] = 0xff, 0xff, 129, 144, 52, 38}},
        {"1:2:3:4:5:6:7.8.9.10", {0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 7, 8, 9, 10}},
        {"64:ff9b::192.0.2.33", {0, 0x64, 0xff, 0x9b, [12] = 192, 0, 2, 33}},
        {"::3:4:5:6:7.8.9.10", {0, 0, 0, 0, 0, 3, 0, 4, 0, 5, 0, 6, 7, 8, 9, 10}},
    };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        struct address address = address_of(forms[i].text, 0);
        assert_memory_equal(address.ip, forms[i].ip, 16);
    }
}

static void refuses_what_is_no_ip(void **state) {
    (void)state;
    static const char *const texts[] = {
        "",
        " ",
        "localhost",
        "1",
        "1.2.3",
        "1.2.3.",
        ".1.2.3",
        "1.2.3.4.",
        "1.2.3.4.5",
        "1..2.3",
        "01.2.3.4",
        "1.2.3.00",
        "1.2.3.256",
        "1.2.3.1000",
        "1.2.3.4 ",
        " 1.2.3.4",
        "1.2.3.4:1",
        "0x7f.0.0.1",
        "+1.2.3.4",
        ":",
        ":::",
        "1:",
        ":1",
        "1:2:3:4:5:6:7",
        "1:2:3:4:5:6:7:",
        ":2:3:4:5:6:7:8",
        "1:2:3:4:5:6:7:8:",
        "1:2:3:4:5:6:7:8:9",
        "1:2:3:4:5:6:7:8::",
        "::1:2:3:4:5:6:7:8",
        "1::2:3:4:5:6:7:8",
        "1::2::3",
        "1:::2",
        "12345::",
        "::g",
        "::1%2",
        "[::1]",
        "::1 ",
        "1:2:3:4:5:6:7:1.2.3.4",
        "1:2:3:4:5:6::1.2.3.4",
        "1:2:3:4:5:6:1.2.3.4:",
        "::1.2.3.4:5",
        "1.2.3.4::",
        "::1.2.3",
        "::1.2.3.04",
        "1:2:3:4:5:1.2.3.4",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        uint8_t ip[16];
        if (coax_address_parse_ip(texts[i], ip)) {
            fail_msg("'%s' was taken", texts[i]);
        }
    }
}

static void writes_the_examples_of_rfc5952(void **state) {
    (void)state;
    /* Section 2.1, 2.2 and 4.1 to 4.3. */
    assert_shortest("2001:0db8:0000:0000:0001:0000:0000:0001", "2001:db8::1:0:0:1");
    assert_shortest("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1");
    assert_shortest("2001:db8::0:1:0:0:1", "2001:db8::1:0:0:1");
    assert_shortest("2001:0db8::0001", "2001:db8::1");
    assert_shortest("2001:db8:0:0:0:0:2:1", "2001:db8::2:1");
    assert_shortest("2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1");
    assert_shortest("2001:0:0:1:0:0:0:1", "2001:0:0:1::1");
    assert_shortest("2001:db8:aaaa:bbbb:cccc:dddd:eeee:AAAA", "2001:db8:aaaa:bbbb:cccc:dddd:eeee:aaaa");
    assert_shortest("2001:DB8::0", "2001:db8::");
}

static void writes_the_edges(void **state) {
    (void)state;
    assert_shortest("0:0:0:0:0:0:0:0", "::");
    assert_shortest("0:0:0:0:0:0:0:1", "::1");
    assert_shortest("1:0:0:0:0:0:0:0", "1::");
    assert_shortest("0:1:0:1:0:1:0:1", "0:1:0:1:0:1:0:1");
    assert_shortest("1:0:0:2:3:4:0:0", "1::2:3:4:0:0");
    assert_shortest("::ffff:192.0.2.1", "192.0.2.1");
    assert_shortest("255.255.255.255", "255.255.255.255");
    assert_shortest("0.0.0.0", "0.0.0.0");
    assert_shortest("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
}

static void reads_back_what_it_writes(void **state) {
    (void)state;
    /* All 256 patterns of zero groups. */
    for (unsigned pattern = 0; pattern < 256; pattern++) {
        struct address address = {.port = 0};
        for (unsigned i = 0; i < 8; i++) {
            address.ip[2 * i + 1] = (uint8_t)((pattern >> i & 1U) * (i + 1));
        }
        char text[46];
        coax_address_write_ip(&address, text, sizeof text);
        struct address back = address_of(text, 0);
        assert_memory_equal(&back, &address, sizeof back);
    }
}

static void writes_port_and_zone(void **state) {
    (void)state;
    char out[80];
    struct address ip4 = coax_address_ip4(192, 0, 2, 1, 5683);
    assert_int_equal(coax_address_write(&ip4, 0, out, sizeof out), 14);
    assert_string_equal(out, "192.0.2.1:5683");
    assert_int_equal(coax_address_write(&ip4, 5683, out, sizeof out), 9);
    assert_string_equal(out, "192.0.2.1");

    struct address ip6 = address_of("2001:db8::1", 5683);
    coax_address_write(&ip6, 5684, out, sizeof out);
    assert_string_equal(out, "[2001:db8::1]:5683");
    coax_address_write(&ip6, 5683, out, sizeof out);
    assert_string_equal(out, "[2001:db8::1]");

    struct address local = address_of("fe80::1", 5683);
    local.zone = 2;
    coax_address_write(&local, 0, out, sizeof out);
    assert_string_equal(out, "[fe80::1%2]:5683");

    struct address longest = address_of("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65535);
    longest.zone = UINT32_MAX;
    assert_int_equal(coax_address_write(&longest, 0, out, sizeof out), 58);
    assert_string_equal(out, "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295]:65535");
}

static void cuts_what_does_not_fit(void **state) {
    (void)state;
    char out[4] = "xyz";
    struct address address = coax_address_ip4(192, 0, 2, 1, 5683);
    assert_int_equal(coax_address_write_ip(&address, out, sizeof out), 9);
    assert_string_equal(out, "192");
    assert_int_equal(coax_address_write(&address, 0, out, sizeof out), 14);
    assert_string_equal(out, "192");
    assert_int_equal(coax_address_write(&address, 0, NULL, 0), 14);
}

static void knows_kinds_of_addresses(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool ip4, multicast, unspecified;
    } kinds[] = {
        {"0.0.0.0", true, false, true},
        {"::", false, false, true},
        {"224.0.1.187", true, true, false},
        {"239.255.255.255", true, true, false},
        {"223.255.255.255", true, false, false},
        {"240.0.0.1", true, false, false},
        {"ff02::fd", false, true, false},
        {"fe80::1", false, false, false},
        {"::ffff:0:1", true, false, false},
        {"::1.2.3.4", false, false, false},
        {"::fffe:224.0.0.1", false, false, false},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct address address = address_of(kinds[i].text, 1);
        assert_int_equal(coax_address_is_ip4(&address), kinds[i].ip4);
        assert_int_equal(coax_address_is_multicast(&address), kinds[i].multicast);
        assert_int_equal(coax_address_is_unspecified(&address), kinds[i].unspecified);
    }
}

static void compares_ip_port_and_zone(void **state) {
    (void)state;
    struct address a = address_of("fe80::1", 5683);
    struct address b = a;
    assert_true(coax_address_equal(&a, &b));
    b.port = 5684;
    assert_false(coax_address_equal(&a, &b));
    b = a;
    b.zone = 1;
    assert_false(coax_address_equal(&a, &b));
    b = a;
    b.ip[15] = 2;
    assert_false(coax_address_equal(&a, &b));
}

static void is_hashable_as_bytes(void **state) {
    (void)state;
    assert_int_equal(sizeof(struct address), 24);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_dotted_ip4_as_mapped), cmocka_unit_test(reads_every_form_of_ip6),
        cmocka_unit_test(refuses_what_is_no_ip),      cmocka_unit_test(writes_the_examples_of_rfc5952),
        cmocka_unit_test(writes_the_edges),           cmocka_unit_test(reads_back_what_it_writes),
        cmocka_unit_test(writes_port_and_zone),       cmocka_unit_test(cuts_what_does_not_fit),
        cmocka_unit_test(knows_kinds_of_addresses),   cmocka_unit_test(compares_ip_port_and_zone),
        cmocka_unit_test(is_hashable_as_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
