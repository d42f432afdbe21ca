#include "cli/output.h"

#include "cli/complain.h"
#include "cli/printable.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A reader that went away (coax … | head) is no news to anybody. */
static int check_stdout(bool written) {
    if (written && fflush(stdout) == 0) {
        return EXIT_OK;
    }
    return errno == EPIPE ? EXIT_ERROR : complain(EXIT_ERROR, "cannot write to standard output: %s", strerror(errno));
}

static int print_json(json_t *object) {
    if (object == NULL) {
        return complain(EXIT_ERROR, "%s", coax_status_text(COAX_E_NO_MEMORY));
    }
    bool terminal = isatty(STDOUT_FILENO) != 0;
    char *text = json_dumps(object, terminal ? JSON_INDENT(2) | JSON_REAL_PRECISION(7) : JSON_REAL_PRECISION(7));
    json_decref(object);
    if (text == NULL) {
        return complain(EXIT_ERROR, "%s", coax_status_text(COAX_E_NO_MEMORY));
    }
    if (terminal) {
        print_printable(stdout, text, strlen(text));
    } else {
        fputs(text, stdout);
    }
    free(text);
    return check_stdout(fputc('\n', stdout) != EOF);
}

/* "35 bytes of application/cbor" */
static void describe_payload(const coax_message *message, char *out, size_t capacity) {
    int format = coax_message_content_format(message);
    const char *name = format >= 0 ? coax_content_format_name(format) : NULL;
    snprintf(out, capacity, "%zu bytes%s%s", coax_message_payload_size(message), name != NULL ? " of " : "",
             name != NULL ? name : "");
}

static int print_payload(const struct request_settings *settings, const coax_message *message) {
    const uint8_t *payload = coax_message_payload(message);
    size_t size = coax_message_payload_size(message);
    if (size == 0) {
        return EXIT_OK;
    }
    bool terminal = isatty(STDOUT_FILENO) != 0;
    if (terminal && settings->output == NULL && !is_printable(payload, size)) {
        char text[128];
        describe_payload(message, text, sizeof text);
        remark("the payload, %s, is no text for a terminal: --output FILE keeps it, --output - shows it all the same",
               text);
        return EXIT_OK;
    }
    bool good = fwrite(payload, 1, size, stdout) == size;
    if (terminal && payload[size - 1] != '\n') {
        fputc('\n', stdout);
    }
    return check_stdout(good);
}

/* A response that is no success: its code, and what it says. */
static void report_failure(const coax_message *message) {
    const uint8_t *payload = coax_message_payload(message);
    size_t size = coax_message_payload_size(message);
    uint8_t code = coax_message_code(message);
    const char *name = coax_code_name(code);
    complain(EXIT_OK, "%u.%02u%s%s", coax_code_class(code), coax_code_detail(code), name != NULL ? " " : "",
             name != NULL ? name : "");
    if (size > 0 && is_printable(payload, size)) {
        print_printable(stderr, payload, size);
        fputs(payload[size - 1] == '\n' ? "" : "\n", stderr);
    } else if (size > 0) {
        char text[128];
        describe_payload(message, text, sizeof text);
        remark("it came with %s; --format json shows them", text);
    }
}

static void report(const struct request_settings *settings, const coax_message *message) {
    uint8_t code = coax_message_code(message);
    if (coax_code_class(code) != 2) {
        report_failure(message);
    }
    if (settings->quiet) {
        return;
    }
    char *location = code == COAX_CREATED ? location_of(message) : NULL;
    if (location != NULL) {
        remark("created %s", location);
    }
    free(location);
    coax_option max_age;
    if ((code == COAX_TOO_MANY_REQUESTS || code == COAX_SERVICE_UNAVAILABLE)
        && coax_message_option(message, COAX_OPTION_MAX_AGE, &max_age)) {
        remark("try again in %u s", (unsigned)coax_message_max_age(message));
    }
}

static int exit_code_of_response(const coax_message *message) {
    static const int codes[8] = {EXIT_ERROR,        EXIT_ERROR,        EXIT_OK,    EXIT_ERROR,
                                 EXIT_CLIENT_ERROR, EXIT_SERVER_ERROR, EXIT_ERROR, EXIT_ERROR};
    return codes[coax_code_class(coax_message_code(message))];
}

int output_response(const struct request_settings *settings, const struct answer *answer) {
    const coax_message *message = answer->message;
    int code = exit_code_of_response(message);
    bool to_file = code == EXIT_OK && settings->output != NULL && strcmp(settings->output, "-") != 0;
    report(settings, message);
    int written = EXIT_OK;
    if (to_file && !answer->is_kept) {
        written =
            output_file_write(settings->output, coax_message_payload(message), coax_message_payload_size(message));
    } else if (code == EXIT_OK && !settings->json && !answer->is_kept) {
        written = print_payload(settings, message);
    }
    if (settings->json) {
        int printed = print_json(json_of_response(answer, to_file ? settings->output : NULL));
        written = written != EXIT_OK ? written : printed;
    }
    return code != EXIT_OK ? code : written;
}

/* States that follow each other in a pipe are told apart by lines. */
int output_state(const struct request_settings *settings, const struct answer *answer) {
    const coax_message *message = answer->message;
    size_t size = coax_message_payload_size(message);
    int code = output_response(settings, answer);
    bool is_plain = settings->output == NULL && !settings->json && isatty(STDOUT_FILENO) == 0;
    if (code == EXIT_OK && is_plain && (size == 0 || coax_message_payload(message)[size - 1] != '\n')) {
        code = check_stdout(fputc('\n', stdout) != EOF);
    }
    return code;
}

int output_error(const struct request_settings *settings, int code, const coax_error *error) {
    complain(code, "%s", error->text);
    if (settings->json) {
        print_json(json_of_error(error));
    }
    return code;
}
