#include "transport/stream/http_head.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void assert_text(struct bytes text, const char *expected) {
    assert_int_equal(text.size, strlen(expected));
    assert_memory_equal(text.data, expected, text.size);
}

/* Bytes in memory of exactly their size, so that a sanitizer sees a read past them. */
static enum http_head_progress feed_copy(struct http_head_parser *parser, const char *text, size_t size) {
    uint8_t *copy = malloc(size + 1);
    assert_non_null(copy);
    memcpy(copy + 1, text, size);
    enum http_head_progress progress = coax_http_head_feed(parser, copy + 1, size);
    free(copy);
    return progress;
}

struct outcome {
    enum http_head_progress progress;
    size_t position;
};

static struct outcome feed_whole(enum http_head_kind kind, const char *text, size_t size) {
    struct http_head_parser parser;
    coax_http_head_start(&parser, kind);
    enum http_head_progress progress = feed_copy(&parser, text, size);
    return (struct outcome){progress, parser.position};
}

static void assert_outcome(struct outcome expected, const struct http_head_parser *parser,
                           enum http_head_progress progress) {
    assert_int_equal(progress, expected.progress);
    assert_int_equal(parser->position, expected.position);
}

/* In two pieces, cut everywhere, and a byte at a time: always the same. */
static struct outcome feed_every_way(enum http_head_kind kind, const char *text, size_t size) {
    struct outcome whole = feed_whole(kind, text, size);
    struct http_head_parser parser;
    for (size_t cut = 0; cut <= size; cut++) {
        coax_http_head_start(&parser, kind);
        feed_copy(&parser, text, cut);
        assert_outcome(whole, &parser, feed_copy(&parser, text, size));
    }
    enum http_head_progress progress = HTTP_HEAD_MORE;
    coax_http_head_start(&parser, kind);
    for (size_t end = 1; end <= size; end++) {
        assert_true(progress == HTTP_HEAD_MORE || progress == whole.progress);
        progress = coax_http_head_feed(&parser, (const uint8_t *)text, end);
    }
    assert_outcome(whole, &parser, progress);
    return whole;
}

/* --- what is read --- */

static void read_head(enum http_head_kind kind, const char *text, struct http_head *head) {
    struct http_head_parser parser;
    coax_http_head_start(&parser, kind);
    assert_int_equal(coax_http_head_feed(&parser, (const uint8_t *)text, strlen(text)), HTTP_HEAD_DONE);
    coax_http_head_read(&parser, (const uint8_t *)text, head);
}

static void a_request_is_read(void **state) {
    (void)state;
    struct http_head head;
    struct http_field field;
    size_t position = 0;
    read_head(HTTP_HEAD_REQUEST,
              "GET /a?b HTTP/1.1\r\nHost: h:1\r\nX:\r\nY:  \t \r\nZ:no blank\r\nquote:\t a \"b, c\"\t\r\n\r\nGET",
              &head);
    assert_text(head.method, "GET");
    assert_text(head.target, "/a?b");
    assert_int_equal(head.major, 1);
    assert_int_equal(head.minor, 1);
    static const char *const expected[][2] = {
        {"Host", "h:1"}, {"X", ""}, {"Y", ""}, {"Z", "no blank"}, {"quote", "a \"b, c\""}};
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        assert_true(coax_http_head_next(&head, &position, &field));
        assert_text(field.name, expected[i][0]);
        assert_text(field.value, expected[i][1]);
    }
    assert_false(coax_http_head_next(&head, &position, &field));
    assert_false(coax_http_head_next(&head, &position, &field));
}

static void a_request_after_empty_lines_is_read(void **state) {
    (void)state;
    struct http_head head;
    struct bytes value;
    read_head(HTTP_HEAD_REQUEST, "\r\n\r\nPUT * HTTP/1.0\r\n\r\n", &head);
    assert_text(head.method, "PUT");
    assert_text(head.target, "*");
    assert_int_equal(head.minor, 0);
    assert_int_equal(head.fields.size, 0);
    assert_false(coax_http_head_find(&head, "Host", &value));
}

static void responses_are_read(void **state) {
    (void)state;
    struct http_head head;
    read_head(HTTP_HEAD_RESPONSE, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n", &head);
    assert_int_equal(head.status, 101);
    assert_text(head.reason, "Switching Protocols");
    read_head(HTTP_HEAD_RESPONSE, "HTTP/1.1 404 \r\n\r\n", &head);
    assert_int_equal(head.status, 404);
    assert_text(head.reason, "");
    read_head(HTTP_HEAD_RESPONSE, "HTTP/1.0 500\r\n\r\n", &head);
    assert_int_equal(head.status, 500);
    assert_int_equal(head.minor, 0);
    read_head(HTTP_HEAD_RESPONSE, "HTTP/1.1 200 Schön\t: gut\r\n\r\n", &head);
    assert_text(head.reason, "Schön\t: gut");
}

static void fields_are_found_by_name(void **state) {
    (void)state;
    struct http_head head;
    struct bytes value;
    read_head(HTTP_HEAD_REQUEST, "GET / HTTP/1.1\r\nA: 1\r\nb-C: 2\r\nB-c: 3\r\n\r\n", &head);
    assert_true(coax_http_head_find(&head, "B-C", &value));
    assert_text(value, "2");
    assert_false(coax_http_head_find(&head, "B-", &value));
    assert_false(coax_http_head_find(&head, "B-CC", &value));
    assert_true(coax_http_same(bytes_of("@[`{", 4), "@[`{"));
    assert_false(coax_http_same(bytes_of("@", 1), "`"));
}

static void lists_are_taken_apart(void **state) {
    (void)state;
    static const struct {
        const char *list;
        const char *elements[4];
    } cases[] = {
        {"", {NULL}}, {" , ,,\t", {NULL}}, {"a", {"a"}}, {"a,b", {"a", "b"}}, {" , a b ,\tc,", {"a b", "c"}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bytes element;
        size_t position = 0, count = 0;
        while (coax_http_list_next(bytes_of(cases[i].list, strlen(cases[i].list)), &position, &element)) {
            assert_non_null(cases[i].elements[count]);
            assert_text(element, cases[i].elements[count++]);
        }
        assert_null(cases[i].elements[count]);
    }
}

/* --- how far it is --- */

struct sample {
    const char *text;
    size_t size;
    enum http_head_kind kind;
    enum http_head_progress progress;
    size_t position; /* where it was clear */
};

#define SAMPLE(text, kind, progress, position)                                                                         \
    { text, sizeof(text) - 1, HTTP_HEAD_##kind, HTTP_HEAD_##progress, position }

static const struct sample samples[] = {
    SAMPLE("", REQUEST, MORE, 0),
    SAMPLE("GET / HTTP/1.1\r\n\r", REQUEST, MORE, 17),
    SAMPLE("GET / HTTP/1.1\r\n\r\n", REQUEST, DONE, 18),
    SAMPLE("GET / HTTP/1.1\r\n\r\n\r\n\0", REQUEST, DONE, 18),
    SAMPLE("GET / HTTP/9.9\r\n\r\n", REQUEST, DONE, 18),
    SAMPLE("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", REQUEST, DONE, 18),
    SAMPLE("!#$%&'*+-.^_`|~ /:?[]@\"<>\\^`{|} HTTP/1.1\r\nname!#$%&'*+-.^_`|~09:\x80\xff\r\n\r\n", REQUEST, DONE, 70),
    SAMPLE("\x16\x03\x01", REQUEST, MALFORMED, 1),
    SAMPLE("\0", REQUEST, MALFORMED, 1),
    SAMPLE("\n", REQUEST, MALFORMED, 1),
    SAMPLE("\r\r", REQUEST, MALFORMED, 2),
    SAMPLE(" GET / HTTP/1.1\r\n\r\n", REQUEST, MALFORMED, 1),
    SAMPLE("GET  / HTTP/1.1\r\n\r\n", REQUEST, MALFORMED, 5),
    SAMPLE("GET /  HTTP/1.1\r\n\r\n", REQUEST, MALFORMED, 7),
    SAMPLE("GET / HTTP/1.1 \r\n\r\n", REQUEST, MALFORMED, 15),
    SAMPLE("GET\t/ HTTP/1.1\r\n\r\n", REQUEST, MALFORMED, 4),
    SAMPLE("GET /\x80 HTTP/1.1\r\n\r\n", REQUEST, MALFORMED, 6),
    SAMPLE("GET /\x7f HTTP/1.1\r\n\r\n", REQUEST, MALFORMED, 6),
    SAMPLE("GET /\r\n\r\n", REQUEST, MALFORMED, 6),
    SAMPLE("G(T / HTTP/1.1\r\n\r\n", REQUEST, MALFORMED, 2),
    SAMPLE("GET / \r\n\r\n", REQUEST, MALFORMED, 8),
    SAMPLE("GET / HTTP/1.1\n\n", REQUEST, MALFORMED, 15),
    SAMPLE("GET / HTTP/1.1\r\r\n", REQUEST, MALFORMED, 16),
    SAMPLE("GET / HTTP/11\r\n\r\n", REQUEST, MALFORMED, 15),
    SAMPLE("GET / HTTP/1.10\r\n\r\n", REQUEST, MALFORMED, 17),
    SAMPLE("GET / HTTP/1.a\r\n\r\n", REQUEST, MALFORMED, 16),
    SAMPLE("GET / HTTP/a.1\r\n\r\n", REQUEST, MALFORMED, 16),
    SAMPLE("GET / http/1.1\r\n\r\n", REQUEST, MALFORMED, 16),
    SAMPLE("GET / HTTP/1.1\r\nA: b\n\r\n", REQUEST, MALFORMED, 21),
    SAMPLE("GET / HTTP/1.1\r\nA: b\rc\r\n\r\n", REQUEST, MALFORMED, 22),
    SAMPLE("GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n", REQUEST, MALFORMED, 23),
    SAMPLE("GET / HTTP/1.1\r\nA : b\r\n\r\n", REQUEST, MALFORMED, 18),
    SAMPLE("GET / HTTP/1.1\r\nA\r\n\r\n", REQUEST, MALFORMED, 18),
    SAMPLE("GET / HTTP/1.1\r\n: b\r\n\r\n", REQUEST, MALFORMED, 17),
    SAMPLE("GET / HTTP/1.1\r\nA: \0\r\n\r\n", REQUEST, MALFORMED, 20),
    SAMPLE("GET / HTTP/1.1\r\nA: \x7f\r\n\r\n", REQUEST, MALFORMED, 20),
    SAMPLE("GET / HTTP/1.1\r\n\r\r", REQUEST, MALFORMED, 18),
    SAMPLE("HTTP/1.1 101 \r\n\r\n", RESPONSE, DONE, 17),
    SAMPLE("HTTP/1.1 099 \r\n\r\n", RESPONSE, MALFORMED, 15),
    SAMPLE("HTTP/1.1 1O1 \r\n\r\n", RESPONSE, MALFORMED, 15),
    SAMPLE("HTTP/1.1 1010 \r\n\r\n", RESPONSE, MALFORMED, 16),
    SAMPLE("HTTP/1.1  101 \r\n\r\n", RESPONSE, MALFORMED, 16),
    SAMPLE("HTTP/1.1\r\n\r\n", RESPONSE, MALFORMED, 10),
    SAMPLE("HTTP/1 101\r\n\r\n", RESPONSE, MALFORMED, 12),
    SAMPLE("\r\nHTTP/1.1 101 \r\n\r\n", RESPONSE, MALFORMED, 1),
    SAMPLE("SSH-2.0-OpenSSH_9.2\r\n", RESPONSE, MALFORMED, 21),
    SAMPLE("HTTP/1.1 200 \0\r\n\r\n", RESPONSE, MALFORMED, 14),
};

static void heads_are_told_from_others(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        const struct sample *sample = &samples[i];
        struct outcome outcome = feed_every_way(sample->kind, sample->text, sample->size);
        if (outcome.progress != sample->progress || outcome.position != sample->position) {
            fail_msg("%s: %d at %zu", sample->text, (int)outcome.progress, outcome.position);
        }
    }
}

/* Every byte in every place of a head is either taken in every way of cutting, or refused where it is. */
static void every_byte_everywhere(void **state) {
    (void)state;
    static const char head[] = "\r\nGET /p HTTP/1.1\r\nA: b\r\n\r\n";
    for (size_t place = 0; place < sizeof head - 1; place++) {
        for (unsigned byte = 0; byte < 256; byte++) {
            char changed[sizeof head];
            memcpy(changed, head, sizeof head);
            changed[place] = (char)byte;
            struct outcome outcome = feed_whole(HTTP_HEAD_REQUEST, changed, sizeof head - 1);
            assert_true(outcome.progress != HTTP_HEAD_MORE || outcome.position == sizeof head - 1);
            assert_true(outcome.progress != HTTP_HEAD_MALFORMED || outcome.position > place);
        }
    }
}

/* --- the bound --- */

/* A head of `size` bytes, padded in a field. */
static void make_head(char *head, size_t size) {
    static const char start[] = "GET / HTTP/1.1\r\nCookie: ";
    memset(head, 'x', size);
    memcpy(head, start, sizeof start - 1);
    memcpy(head + size - 4, "\r\n\r\n", 4);
}

static void eight_kilobytes_are_the_most(void **state) {
    (void)state;
    char *head = malloc(3 * HTTP_HEAD_MAXIMUM);
    assert_non_null(head);
    make_head(head, HTTP_HEAD_MAXIMUM);
    struct outcome outcome = feed_whole(HTTP_HEAD_REQUEST, head, HTTP_HEAD_MAXIMUM);
    assert_int_equal(outcome.progress, HTTP_HEAD_DONE);
    assert_int_equal(outcome.position, HTTP_HEAD_MAXIMUM);
    make_head(head, HTTP_HEAD_MAXIMUM + 1);
    assert_int_equal(feed_whole(HTTP_HEAD_REQUEST, head, HTTP_HEAD_MAXIMUM - 1).progress, HTTP_HEAD_MORE);
    assert_int_equal(feed_whole(HTTP_HEAD_REQUEST, head, HTTP_HEAD_MAXIMUM).progress, HTTP_HEAD_TOO_LARGE);
    assert_int_equal(feed_whole(HTTP_HEAD_REQUEST, head, HTTP_HEAD_MAXIMUM + 1).progress, HTTP_HEAD_TOO_LARGE);
    make_head(head, (size_t)3 * HTTP_HEAD_MAXIMUM);
    assert_int_equal(feed_whole(HTTP_HEAD_REQUEST, head, (size_t)3 * HTTP_HEAD_MAXIMUM).progress, HTTP_HEAD_TOO_LARGE);
    free(head);
}

/* A parser that looked back would see that what it knows was overwritten. */
static void a_slow_head_is_not_looked_at_twice(void **state) {
    (void)state;
    char *head = malloc(HTTP_HEAD_MAXIMUM);
    assert_non_null(head);
    make_head(head, HTTP_HEAD_MAXIMUM);
    static const size_t start_line = sizeof "GET / HTTP/1.1\r\n" - 1;
    struct http_head_parser parser;
    coax_http_head_start(&parser, HTTP_HEAD_REQUEST);
    for (size_t size = 1; size < HTTP_HEAD_MAXIMUM; size++) {
        assert_int_equal(coax_http_head_feed(&parser, (const uint8_t *)head, size), HTTP_HEAD_MORE);
        if (size > start_line) {
            head[size - 1] = '\0';
        }
    }
    assert_int_equal(coax_http_head_feed(&parser, (const uint8_t *)head, HTTP_HEAD_MAXIMUM), HTTP_HEAD_DONE);
    free(head);
}

static void an_answer_stays(void **state) {
    (void)state;
    struct http_head_parser parser;
    coax_http_head_start(&parser, HTTP_HEAD_REQUEST);
    static const uint8_t bad[] = "GET \nGET / HTTP/1.1\r\n\r\n";
    assert_int_equal(coax_http_head_feed(&parser, bad, 5), HTTP_HEAD_MALFORMED);
    assert_int_equal(coax_http_head_feed(&parser, bad, sizeof bad - 1), HTTP_HEAD_MALFORMED);
    assert_int_equal(parser.position, 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_read),
        cmocka_unit_test(a_request_after_empty_lines_is_read),
        cmocka_unit_test(responses_are_read),
        cmocka_unit_test(fields_are_found_by_name),
        cmocka_unit_test(lists_are_taken_apart),
        cmocka_unit_test(heads_are_told_from_others),
        cmocka_unit_test(every_byte_everywhere),
        cmocka_unit_test(eight_kilobytes_are_the_most),
        cmocka_unit_test(a_slow_head_is_not_looked_at_twice),
        cmocka_unit_test(an_answer_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
