#include "cli/commands.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cli/serve_ask.h"
#include "cli/verb_process.h"
#include <poll.h>

/* Serves until the process with the verb has closed its output; what it wrote there is kept. */
static const char *serve_while_it_runs(coax_endpoint *endpoint, struct verb_process *verb) {
    size_t size = 0;
    for (ssize_t count = 1; count > 0;) {
        struct pollfd waits[] = {{coax_endpoint_fd(endpoint), POLLIN, 0}, {fileno(verb->out), POLLIN, 0}};
        assert_true(poll(waits, 2, coax_endpoint_timeout_ms(endpoint)) >= 0);
        assert_int_equal(coax_endpoint_process(endpoint, NULL), COAX_OK);
        if (waits[1].revents != 0) {
            count = read(fileno(verb->out), verb->text + size, sizeof verb->text - 1 - size);
            size += count > 0 ? (size_t)count : 0;
        }
    }
    verb->text[size] = '\0';
    return verb->text;
}

struct said {
    int code;
    char out[4096], err[4096];
};

static struct said discover(coax_endpoint *endpoint, const char *rest, const char *option) {
    struct said said;
    struct verb_process verb;
    char uri[256];
    assert_int_equal(coax_endpoint_listening_uri(endpoint, 0, uri, sizeof uri), COAX_OK);
    strncat(uri, rest, sizeof uri - strlen(uri) - 1);
    verb_start(&verb, command_discover, (const char *const[]){"discover", uri, option, NULL});
    (void)snprintf(said.out, sizeof said.out, "%s", serve_while_it_runs(endpoint, &verb));
    said.code = verb_end(&verb, said.err, sizeof said.err);
    return said;
}

static void get_text(coax_exchange *exchange, const coax_message *request, void *user) {
    (void)request;
    (void)coax_respond_text(exchange, COAX_CONTENT, "%s", (const char *)user);
}

static coax_endpoint *with_resource(void) {
    static char text[] = "no list";
    static const int format = COAX_FORMAT_TEXT;
    coax_endpoint *endpoint = ask_set_up();
    coax_resource_config config = COAX_RESOURCE_CONFIG_INIT;
    config.get = get_text;
    config.user = text;
    config.title = "A text";
    config.resource_type = "text";
    config.formats = &format;
    config.format_count = 1;
    assert_non_null(coax_site_add(coax_endpoint_site(endpoint), "a", &config, NULL));
    config.formats = NULL; /* so that it answers, whatever is accepted */
    config.format_count = 0;
    assert_non_null(coax_site_add(coax_endpoint_site(endpoint), "b", &config, NULL));
    return endpoint;
}

static void lists_the_resources(void **state) {
    (void)state;
    coax_endpoint *endpoint = with_resource();
    struct said said = discover(endpoint, "", NULL);
    assert_int_equal(said.code, EXIT_OK);
    assert_string_equal(said.err, "");
    assert_memory_equal(said.out, "URI ", 4);
    assert_non_null(strstr(said.out, "/a  text  text/plain  -    A text\n"));
    assert_non_null(strstr(said.out, "/b  text  -           -    A text\n"));
    said = discover(endpoint, "?title=A*", "--format=json");
    assert_int_equal(said.code, EXIT_OK);
    assert_non_null(strstr(said.out, "/a\",\"attributes\":{\"rt\":\"text\",\"ct\":\"0\",\"title\":\"A text\"}}\n{"));
    coax_endpoint_free(endpoint);
}

static void says_what_is_no_list(void **state) {
    (void)state;
    static const struct {
        const char *path;
        int code;
        const char *said;
    } rows[] = {
        {"?rt=none", EXIT_OK, " lists nothing"},
        {"/nothing", EXIT_CLIENT_ERROR, " says 4.04 Not Found"},
        {"/a", EXIT_CLIENT_ERROR, " says 4.06 Not Acceptable"},
        {"/b", EXIT_ERROR, "instead of a list of links (40)"},
    };
    coax_endpoint *endpoint = with_resource();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct said said = discover(endpoint, rows[i].path, NULL);
        assert_int_equal(said.code, rows[i].code);
        assert_string_equal(said.out, "");
        assert_non_null(strstr(said.err, rows[i].said));
    }
    coax_endpoint_free(endpoint);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_the_resources),
        cmocka_unit_test(says_what_is_no_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
