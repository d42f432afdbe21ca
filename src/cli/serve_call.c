#include "cli/serve_call.h"

#include "cli/call_clients.h"
#include "cli/call_line.h"
#include "cli/complain.h"
#include "cli/line_input.h"
#include "cli/output.h"
#include "cli/printable.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct call {
    coax_endpoint *endpoint; /* NULL when all is over */
    struct call_clients clients;
    struct line_input input;
    bool told_too_many;
};

/* A request under way, in the words of who typed it. */
struct asked {
    const struct call *call;
    unsigned number;
    char what[160]; /* "get /time" */
};

/* --- clients --- */

static void welcome(struct call *call, coax_remote *remote) {
    unsigned number = call_clients_add(&call->clients, remote);
    if (number > 0) {
        char text[CALL_CLIENT_TEXT_CAPACITY];
        call->told_too_many = false;
        remark("client %u is here: %s", number, call_client_text(remote, text));
    } else if (!call->told_too_many) {
        call->told_too_many = true;
        remark("more than %d clients are here; those that come now get no number", CALL_CLIENTS_MAXIMUM);
    }
}

static void on_connection(coax_remote *remote, const coax_error *error, void *user) {
    struct call *call = user;
    if (call->endpoint == NULL) {
        return;
    }
    if (error == NULL) {
        welcome(call, remote);
        return;
    }
    unsigned number = call_clients_remove(&call->clients, remote);
    if (number > 0) {
        remark("client %u is gone: %s", number, error->text);
    }
}

/* --- requests --- */

/* Answers of several clients follow each other, so that each ends its line. */
static void end_line(const coax_message *message) {
    size_t size = coax_message_payload_size(message);
    if (size > 0 && coax_code_class(coax_message_code(message)) == 2 && isatty(STDOUT_FILENO) == 0
        && coax_message_payload(message)[size - 1] != '\n') {
        putchar('\n');
        fflush(stdout);
    }
}

static void show_response(const struct asked *asked, const coax_message *response) {
    static const struct request_settings settings; /* as `coax get` without options */
    const struct answer answer = {.message = response};
    uint8_t code = coax_message_code(response);
    const char *name = coax_code_name(code);
    if (coax_code_class(code) == 2) {
        remark("client %u, %s: 2.%02u %s", asked->number, asked->what, coax_code_detail(code),
               name != NULL ? name : "");
    } else {
        remark("client %u, %s:", asked->number, asked->what);
    }
    (void)output_response(&settings, &answer);
    end_line(response);
}

static void on_response(coax_request *request, const coax_message *response, const coax_error *error, void *user) {
    struct asked *asked = user;
    (void)request;
    if (response != NULL) {
        show_response(asked, response);
    } else if (asked->call->endpoint != NULL) {
        complain(EXIT_OK, "client %u, %s: %s", asked->number, asked->what, error->text);
    }
    free(asked);
}

static enum coax_status send_request(const struct call *call, coax_remote *remote, const struct call_line *line,
                                     struct asked *asked, coax_error *error) {
    coax_request *request;
    size_t size = line->payload != NULL ? strlen(line->payload) : 0;
    enum coax_status status = coax_request_new_to(&request, call->endpoint, remote, line->code, line->path, error);
    if (status != COAX_OK) {
        return status;
    }
    if (size > 0) {
        status = coax_request_set_payload(request, COAX_NO_FORMAT, line->payload, size);
        snprintf(error->text, sizeof error->text, "%s", coax_status_text(status));
    }
    if (status == COAX_OK) {
        status = coax_request_send(request, on_response, asked, error);
    }
    if (status != COAX_OK) {
        coax_request_cancel(request);
    }
    return status;
}

static void ask(const struct call *call, const struct call_line *line) {
    coax_error error = {.text = "not enough memory"};
    coax_remote *remote = call_clients_find(&call->clients, line->number);
    if (remote == NULL) {
        complain(EXIT_OK, "there is no client %u; list shows who is here", line->number);
        return;
    }
    struct asked *asked = malloc(sizeof *asked);
    if (asked != NULL) {
        *asked = (struct asked){.call = call, .number = line->number};
        snprintf(asked->what, sizeof asked->what, "%s %s", line->method, line->path);
    }
    if (asked == NULL || send_request(call, remote, line, asked, &error) != COAX_OK) {
        complain(EXIT_OK, "client %u, %s %s: %s", line->number, line->method, line->path, error.text);
        free(asked);
    }
}

/* --- lines --- */

static void list(const struct call *call) {
    char text[CALL_CLIENT_TEXT_CAPACITY];
    for (size_t i = 0; i < call->clients.count; i++) {
        const struct call_client *client = &call->clients.items[i];
        printf("%u  ", client->number);
        call_client_text(client->remote, text);
        print_printable(stdout, text, strlen(text));
        putchar('\n');
    }
    if (call->clients.count == 0) {
        puts("(nobody is connected)");
    }
    fflush(stdout);
}

static void help(void) {
    puts("list                     the clients that are connected, by number\n"
         "1 get /time              asks client 1\n"
         "1 put /store/a hello     the same with a payload: all after the path\n"
         "                         (get, put, post, delete, fetch, patch, ipatch)\n"
         "help                     this");
    fflush(stdout);
}

static void take_line(const struct call *call, char *text) {
    struct call_line line;
    struct argument_problem problem;
    if (!call_line_read(text, &line, &problem)) {
        complain(EXIT_OK, "%s", problem.text);
    } else if (line.verb == CALL_LIST) {
        list(call);
    } else if (line.verb == CALL_HELP) {
        help();
    } else if (line.verb == CALL_REQUEST) {
        ask(call, &line);
    }
}

int call_fd(const struct call *call) {
    return call != NULL ? call->input.fd : -1;
}

void call_read(struct call *call) {
    char *text;
    line_input_fill(&call->input);
    for (enum line_result result = line_input_next(&call->input, &text); result != LINE_NONE;
         result = line_input_next(&call->input, &text)) {
        if (result == LINE_READ) {
            take_line(call, text);
        } else {
            complain(EXIT_OK, "a line has %d bytes at most; this one is dropped", LINE_MAXIMUM - 1);
        }
    }
}

/* --- life --- */

struct call *call_new(coax_endpoint_config *config) {
    struct call *call = calloc(1, sizeof *call);
    if (call != NULL) {
        line_input_init(&call->input, STDIN_FILENO);
        config->connections = on_connection;
        config->user = call;
    }
    return call;
}

void call_start(struct call *call, coax_endpoint *endpoint) {
    if (call == NULL) {
        return;
    }
    call->endpoint = endpoint;
    if (isatty(STDIN_FILENO) != 0) {
        remark("clients are shown as they come and go; help shows what can be typed");
    }
}

void call_stop(struct call *call) {
    if (call != NULL) {
        call->endpoint = NULL;
        call_clients_clear(&call->clients);
    }
}

void call_free(struct call *call) {
    free(call);
}
