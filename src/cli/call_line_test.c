#include "cli/call_line.h"

#include <coax/message.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static char typed[512];
static struct call_line line;
static struct argument_problem problem;

static bool read_text(const char *text) {
    snprintf(typed, sizeof typed, "%s", text);
    return call_line_read(typed, &line, &problem);
}

static void requests(void **state) {
    (void)state;
    static const struct {
        const char *text;
        unsigned number;
        uint8_t code;
        const char *path, *payload;
    } cases[] = {
        {"1 get /time", 1, COAX_GET, "/time", NULL},
        {"  12\tGET  /a?b=c ", 12, COAX_GET, "/a?b=c", NULL},
        {"2 put /store/a hello world", 2, COAX_PUT, "/store/a", "hello world"},
        {"2 put /store/a  two blanks  ", 2, COAX_PUT, "/store/a", " two blanks  "},
        {"3 delete /store/a\r", 3, COAX_DELETE, "/store/a", NULL},
        {"3 post / x\r", 3, COAX_POST, "/", "x"},
        {"4 ipatch /a {\"b\": 1}", 4, COAX_IPATCH, "/a", "{\"b\": 1}"},
        {"5 post /echo", 5, COAX_POST, "/echo", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (!read_text(cases[i].text)) {
            fail_msg("%s: %s", cases[i].text, problem.text);
        }
        assert_int_equal(line.verb, CALL_REQUEST);
        assert_int_equal(line.number, cases[i].number);
        assert_int_equal(line.code, cases[i].code);
        assert_string_equal(line.path, cases[i].path);
        if (cases[i].payload != NULL) {
            assert_string_equal(line.payload, cases[i].payload);
        } else {
            assert_null(line.payload);
        }
    }
}

static void words(void **state) {
    (void)state;
    static const struct {
        const char *text;
        enum call_verb verb;
    } cases[] = {
        {"list", CALL_LIST}, {" help ", CALL_HELP}, {"?", CALL_HELP}, {"", CALL_NOTHING}, {" \t\r", CALL_NOTHING}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_true(read_text(cases[i].text));
        assert_int_equal(line.verb, cases[i].verb);
    }
}

static void what_cannot_be_used_is_explained(void **state) {
    (void)state;
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"1", "such as: 1 get /time"},
        {"1 gte /time", "there is no method 'gte'; did you mean get?"},
        {"7 put", "such as: 7 put /time"},
        {"1 get time", "a path that begins with /"},
        {"1 get coap://h/", "a path that begins with /"},
        {"1 get /a b", "carries no payload; blanks in a path are written %20"},
        {"lst", "did you mean list"},
        {"quit the whole thing", "'quit' is no client's number; help shows"},
        {"0 get /a", "'0' is no client's number"},
        {"-1 get /a", "'-1' is no client's number"},
        {"99999999999999999999 get /a", "is no client's number"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_false(read_text(cases[i].text));
        if (strstr(problem.text, cases[i].expected) == NULL) {
            fail_msg("%s: %s", cases[i].text, problem.text);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests),
        cmocka_unit_test(words),
        cmocka_unit_test(what_cannot_be_used_is_explained),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
