#include <coax/link_format.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static bool is_text(const char *view, size_t size, const char *text) {
    return size == strlen(text) && memcmp(view, text, size) == 0;
}

/* Reads the link at `*position`, which must be to `target` with these attributes: "name=value|flag|...". */
static void assert_link(const char *text, size_t *position, const char *target, const char *attributes) {
    coax_link link;
    coax_error error = {.text = ""};
    if (coax_link_next(text, strlen(text), position, &link, &error) != COAX_OK) {
        fail_msg("%s", error.text);
    }
    assert_true(is_text(link.target, link.target_size, target));
    char seen[512] = "";
    size_t at = 0;
    coax_link_attribute attribute;
    while (coax_link_next_attribute(&link, &at, &attribute)) {
        char value[128];
        assert_int_equal(coax_link_unquote(&attribute, value, sizeof value), COAX_OK);
        snprintf(seen + strlen(seen), sizeof seen - strlen(seen), "%.*s%s%s|", (int)attribute.name_size, attribute.name,
                 attribute.value != NULL ? "=" : "", value);
    }
    assert_int_equal(at, link.attributes_size);
    assert_string_equal(seen, attributes);
}

static void assert_end(const char *text, size_t position) {
    coax_link link;
    assert_int_equal(coax_link_next(text, strlen(text), &position, &link, NULL), COAX_E_NOT_FOUND);
}

static void reads_the_examples_of_rfc6690(void **state) {
    (void)state;
    /* Section 5. */
    size_t at = 0;
    const char *text = "</sensors>;ct=40;title=\"Sensor Index\","
                       "</sensors/temp>;rt=\"temperature-c\";if=\"sensor\","
                       "</sensors/light>;rt=\"light-lux\";if=\"sensor\","
                       "<http://www.example.com/sensors/t123>;anchor=\"/sensors/temp\";rel=\"describedby\","
                       "</t>;anchor=\"/sensors/temp\";rel=\"alternate\"";
    assert_link(text, &at, "/sensors", "ct=40|title=Sensor Index|");
    assert_link(text, &at, "/sensors/temp", "rt=temperature-c|if=sensor|");
    assert_link(text, &at, "/sensors/light", "rt=light-lux|if=sensor|");
    assert_link(text, &at, "http://www.example.com/sensors/t123", "anchor=/sensors/temp|rel=describedby|");
    assert_link(text, &at, "/t", "anchor=/sensors/temp|rel=alternate|");
    assert_end(text, at);

    at = 0;
    text = "</firmware/v2.1>;rt=\"firmware\";sz=262144";
    assert_link(text, &at, "/firmware/v2.1", "rt=firmware|sz=262144|");
    assert_end(text, at);
}

static void reads_every_form_of_an_attribute(void **state) {
    (void)state;
    size_t at = 0;
    const char *text = "<>,</a>;obs,<coap://[::1]/a?b#c>;x=!#$%&'()*+-./:<=>?@[]^_`{|}~;y=\"\";title*=UTF-8'de'%c3%a4;"
                       "z=\"a,;<>\\\"\\\\b\"";
    assert_link(text, &at, "", "");
    assert_link(text, &at, "/a", "obs|");
    assert_link(text, &at, "coap://[::1]/a?b#c",
                "x=!#$%&'()*+-./:<=>?@[]^_`{|}~|y=|title*=UTF-8'de'%c3%a4|z=a,;<>\"\\b|");
    assert_end(text, at);
}

static void tells_flags_from_empty_values(void **state) {
    (void)state;
    const char *text = "</a>;flag;empty=\"\";token=1";
    size_t position = 0;
    size_t at = 0;
    coax_link link;
    coax_link_attribute attribute;
    char out[8] = "x";
    assert_int_equal(coax_link_next(text, strlen(text), &position, &link, NULL), COAX_OK);
    assert_true(coax_link_next_attribute(&link, &at, &attribute));
    assert_null(attribute.value);
    assert_int_equal(coax_link_unquote(&attribute, out, sizeof out), COAX_OK);
    assert_string_equal(out, "");
    assert_true(coax_link_next_attribute(&link, &at, &attribute));
    assert_non_null(attribute.value);
    assert_int_equal(attribute.value_size, 0);
    assert_true(attribute.quoted);
    assert_true(coax_link_next_attribute(&link, &at, &attribute));
    assert_false(attribute.quoted);
    assert_false(coax_link_next_attribute(&link, &at, &attribute));
}

static void has_no_links_in_an_empty_text(void **state) {
    (void)state;
    assert_end("", 0);
    size_t position = 0;
    coax_link link;
    assert_int_equal(coax_link_next(NULL, 0, &position, &link, NULL), COAX_E_NOT_FOUND);
}

/* Reads links until one is refused; that must be at this character. */
static void assert_refused(const char *text, size_t size, unsigned character) {
    /* An exact copy on the heap, so that reading on is noticed. */
    char *copy = malloc(size);
    memcpy(copy, text, size);
    coax_error error = {.text = ""};
    size_t position = 0;
    coax_link link;
    enum coax_status status = COAX_OK;
    while (status == COAX_OK) {
        status = coax_link_next(copy, size, &position, &link, &error);
    }
    char ending[32];
    snprintf(ending, sizeof ending, " at character %u", character);
    if (status != COAX_E_SYNTAX || strstr(error.text, ending) == NULL
        || strcmp(strstr(error.text, ending), ending) != 0) {
        fail_msg("'%s': %d, %s", text, status, error.text);
    }
    free(copy);
}

static void refuses_what_breaks_the_grammar(void **state) {
    (void)state;
    static const struct {
        const char *text;
        unsigned character;
    } cases[] = {
        {"x", 1},
        {"/a", 1},
        {",", 1},
        {" </a>", 1},
        {"</a", 1},
        {"</a>,", 6},
        {"</a>,,</b>", 6},
        {"</a>, </b>", 6},
        {"</a></b>", 5},
        {"</a>x", 5},
        {"</a> ;b", 5},
        {"</a>;", 6},
        {"</a>; b", 6},
        {"</a>;=1", 6},
        {"</a>;b=", 8},
        {"</a>;b=;c", 8},
        {"</a>;b=\"", 8},
        {"</a>;b=\"c", 8},
        {"</a>;b=\"c\\\"", 8},
        {"</a>;b=\"c\\", 8},
        {"</a>;b=\"c\"d", 11},
        {"</a>;b=c\"d\"", 9},
        {"</a>;b c", 7},
        {"</a>;b*", 8},
        {"</a>;b*=c", 9},
        {"</a>;b*=\"c\"", 9},
        {"</a>;b*=UTF-8'c", 9},
        {"</a>;b**=c''d", 8},
        {"</a b>", 4},
        {"</a<b>", 4},
        {"</a%2>", 4},
        {"</\xc3\xa4>", 3},
        {"</{a}>", 3},
        {"</a>;b=\"\x01\"", 9},
        {"</a>;b=\"\\\n\"", 10},
        {"</a>;b=\"\x7f\"", 9},
        {"</a>;b=\"\xc3\"", 9},
        {"</a>;b=\xc3\xa4", 8},
        {"</a>;\xc3\xa4=1", 6},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_refused(cases[i].text, strlen(cases[i].text), cases[i].character);
    }
    assert_refused("</a\0>", 5, 4);
    assert_refused("</a>;b=\"\0\"", 10, 9);
    assert_refused("</a>;b\0", 7, 7);
}

static void unquotes_into_exactly_fitting_buffers(void **state) {
    (void)state;
    const coax_link_attribute attribute = {"a", 1, "x\\\"y\\", 5, true};
    char out[8];
    assert_int_equal(coax_link_unquote(&attribute, out, 5), COAX_OK);
    assert_string_equal(out, "x\"y\\");
    assert_int_equal(coax_link_unquote(&attribute, out, 4), COAX_E_TOO_LARGE);
    assert_int_equal(coax_link_unquote(&attribute, NULL, 0), COAX_E_TOO_LARGE);
    const coax_link_attribute token = {"a", 1, "1.5", 3, false};
    assert_int_equal(coax_link_unquote(&token, out, sizeof out), COAX_OK);
    assert_string_equal(out, "1.5");
}

static void write_two_links(coax_link_writer *writer) {
    coax_link_write_target(writer, "/sensors");
    coax_link_write_attribute(writer, "ct", "40", false);
    coax_link_write_attribute(writer, "title", "a \"quoted\" \\ title", true);
    coax_link_write_target(writer, "/t");
    coax_link_write_attribute(writer, "obs", NULL, false);
}

static const char two_links[] = "</sensors>;ct=40;title=\"a \\\"quoted\\\" \\\\ title\",</t>;obs";

static void writes_links(void **state) {
    (void)state;
    char out[128];
    coax_link_writer writer = {out, sizeof out, 0};
    write_two_links(&writer);
    assert_int_equal(writer.size, strlen(two_links));
    assert_memory_equal(out, two_links, writer.size);

    size_t at = 0;
    assert_link(two_links, &at, "/sensors", "ct=40|title=a \"quoted\" \\ title|");
    assert_link(two_links, &at, "/t", "obs|");
    assert_end(two_links, at);
}

static void counts_on_after_an_overflow(void **state) {
    (void)state;
    for (size_t capacity = 0; capacity < sizeof two_links; capacity++) {
        char out[sizeof two_links];
        memset(out, '#', sizeof out);
        coax_link_writer writer = {out, capacity, 0};
        write_two_links(&writer);
        assert_int_equal(writer.size, strlen(two_links));
        assert_memory_equal(out, two_links, capacity < writer.size ? capacity : writer.size);
        assert_int_equal(out[capacity], '#');
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_examples_of_rfc6690),
        cmocka_unit_test(reads_every_form_of_an_attribute),
        cmocka_unit_test(tells_flags_from_empty_values),
        cmocka_unit_test(has_no_links_in_an_empty_text),
        cmocka_unit_test(refuses_what_breaks_the_grammar),
        cmocka_unit_test(unquotes_into_exactly_fitting_buffers),
        cmocka_unit_test(writes_links),
        cmocka_unit_test(counts_on_after_an_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
