/* coax discover */
#include "cli/commands.h"

#include "cli/complain.h"
#include "cli/credential_files.h"
#include "cli/discover_groups.h"
#include "cli/discover_settings.h"
#include "cli/interrupt.h"
#include "cli/link_table.h"
#include "cli/message_log.h"
#include "cli/release.h"
#include "cli/remote_text.h"
#include <coax/coax.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { GROUP_TIMEOUT_MS = 6000 }; /* members answer within 5 s (RFC 7252 section 8.2), and one for the way */

struct discovery {
    const struct discover_settings *settings;
    coax_endpoint *endpoint;
    size_t pending, servers, rows;
    struct question {
        struct discovery *discovery;
        coax_request *request; /* NULL when it is over */
        struct discover_target target;
    } questions[DISCOVER_GROUPS_MAXIMUM];
    size_t question_count;
    int code; /* EXIT_OK, or of the last failure */
};

static void note_failure(struct discovery *discovery, const coax_error *error) {
    discovery->code = complain(exit_code_of(error->status), "%s", error->text);
}

static void print_links(struct discovery *discovery, const char *base, const coax_message *response) {
    const char *text = (const char *)coax_message_payload(response);
    size_t size = coax_message_payload_size(response);
    coax_error error = {.status = COAX_OK};
    size_t rows = discovery->settings->json ? link_json_print(stdout, base, text, size, &error)
                                            : link_table_print(stdout, base, text, size, discovery->rows == 0, &error);
    discovery->rows += rows;
    if (fflush(stdout) != 0) {
        discovery->code = complain(EXIT_ERROR, "standard output: %s", strerror(errno));
        coax_endpoint_stop(discovery->endpoint);
    } else if (error.status != COAX_OK) {
        discovery->code = complain(EXIT_ERROR, "%s: its list is no link format (RFC 6690): %s", base, error.text);
    } else if (rows == 0) {
        remark("%s lists nothing", base);
    }
}

static void show_answer(struct discovery *discovery, coax_remote *remote, const coax_message *response) {
    static const int codes[8] = {[4] = EXIT_CLIENT_ERROR, [5] = EXIT_SERVER_ERROR};
    char base[REMOTE_TEXT_CAPACITY];
    uint8_t code = coax_message_code(response);
    int format = coax_message_content_format(response);
    remote_text(remote, base);
    discovery->servers++;
    if (coax_code_class(code) != 2) {
        const char *name = coax_code_name(code);
        discovery->code = complain(codes[coax_code_class(code)], "%s says %u.%02u%s%s", base, coax_code_class(code),
                                   coax_code_detail(code), name != NULL ? " " : "", name != NULL ? name : "");
    } else if (format != COAX_FORMAT_LINK && format != COAX_NO_FORMAT) {
        discovery->code =
            complain(EXIT_ERROR, "%s answers with Content-Format %d instead of a list of links (40)", base, format);
    } else {
        print_links(discovery, base, response);
    }
}

/* One of the answers of a group. */
static void on_answer(coax_request *request, const coax_message *response, const coax_error *error, void *user) {
    struct question *question = user;
    if (response != NULL) {
        show_answer(question->discovery, coax_request_remote(request), response);
    } else {
        note_failure(question->discovery, error);
    }
}

/* Of groups, not each kind of network has to be there. */
static void note_question_failure(const struct question *question, const coax_error *error) {
    struct discovery *discovery = question->discovery;
    if (!question->target.is_group) {
        note_failure(discovery, error);
    } else if (error->status != COAX_E_TIMEOUT && discovery->settings->verbose > 0) {
        remark("%s: %s", question->target.uri, error->text);
    }
}

static void on_end(coax_request *request, const coax_message *response, const coax_error *error, void *user) {
    struct question *question = user;
    struct discovery *discovery = question->discovery;
    question->request = NULL;
    if (response != NULL) {
        show_answer(discovery, coax_request_remote(request), response);
    } else if (error != NULL) {
        note_question_failure(question, error);
    }
    if (--discovery->pending == 0) {
        coax_endpoint_stop(discovery->endpoint);
    }
}

static enum coax_status send_question(struct question *question, coax_error *error) {
    struct discovery *discovery = question->discovery;
    uint32_t timeout_ms = discovery->settings->timeout_ms;
    bool is_group = question->target.is_group;
    enum coax_status status =
        coax_request_new(&question->request, discovery->endpoint, COAX_GET, question->target.uri, error);
    if (status != COAX_OK) {
        return status;
    }
    coax_request_set_non_confirmable(question->request, is_group);
    coax_request_set_timeout(question->request, timeout_ms == 0 && is_group ? GROUP_TIMEOUT_MS : timeout_ms);
    if (is_group) {
        coax_request_collect(question->request, on_answer);
    }
    status = coax_request_add_option_uint(question->request, COAX_OPTION_ACCEPT, COAX_FORMAT_LINK);
    return status != COAX_OK ? status : coax_request_send(question->request, on_end, question, error);
}

static void ask(struct discovery *discovery) {
    for (size_t i = 0; i < discovery->question_count; i++) {
        struct question *question = &discovery->questions[i];
        coax_error error = {.text = "the request cannot be made"};
        if (send_question(question, &error) == COAX_OK) {
            discovery->pending++;
        } else {
            note_question_failure(question, &error);
        }
    }
}

static int outcome(const struct discovery *discovery) {
    if (discovery->code != EXIT_OK || discovery->servers > 0) {
        return discovery->code;
    }
    if (interrupted()) {
        return complain(EXIT_INTERRUPTED, "interrupted before anybody answered");
    }
    return complain(EXIT_TIMEOUT, "nobody answered; is a server in the group on this network? 'coax discover HOST' "
                                  "asks one alone");
}

static int discover(struct discovery *discovery) {
    coax_error error;
    if (!credential_files_load(coax_endpoint_credentials(discovery->endpoint), &discovery->settings->credentials, false,
                               &error)) {
        return complain(EXIT_USAGE, "%s", error.text);
    }
    ask(discovery);
    while (discovery->pending > 0 && !interrupted() && discovery->code != EXIT_ERROR) {
        if (coax_endpoint_run(discovery->endpoint, &error) != COAX_OK) {
            return complain(exit_code_of(error.status), "%s", error.text);
        }
    }
    return outcome(discovery);
}

static void show_message(coax_remote *remote, const coax_message *message, bool sent, void *user) {
    (void)user;
    message_log("", remote, message, sent);
}

static void show_log(enum coax_log_level level, const char *text, void *user) {
    const struct discovery *discovery = user;
    if (level <= COAX_LOG_WARNING || discovery->settings->verbose > 1) {
        remark("%s", text);
    }
}

static int run(struct discovery *discovery) {
    coax_error error;
    coax_endpoint_config config = COAX_ENDPOINT_CONFIG_INIT;
    config.user = discovery;
    config.observer = discovery->settings->verbose > 0 ? show_message : NULL;
    config.log = discovery->settings->verbose > 0 ? show_log : NULL;
    if (coax_endpoint_new(&discovery->endpoint, &config, &error) != COAX_OK) {
        return complain(exit_code_of(error.status), "%s", error.text);
    }
    interrupt_watch();
    interrupt_stops(discovery->endpoint);
    int code = discover(discovery);
    for (size_t i = 0; i < discovery->question_count; i++) {
        coax_request_cancel(discovery->questions[i].request);
    }
    release_connections(discovery->endpoint);
    interrupt_stops(NULL);
    coax_endpoint_free(discovery->endpoint);
    return code;
}

static int find_targets(struct discovery *discovery) {
    struct discover_target targets[DISCOVER_GROUPS_MAXIMUM];
    const char *address = discovery->settings->address;
    int code = EXIT_OK;
    size_t count = 1;
    if (address != NULL) {
        code = discover_target_of(address, &targets[0]);
    } else {
        count = discover_groups(targets);
    }
    for (size_t i = 0; i < count && code == EXIT_OK; i++) {
        discovery->questions[i] = (struct question){.discovery = discovery, .target = targets[i]};
        discovery->question_count++;
    }
    return code;
}

int command_discover(int count, char **arguments) {
    struct discover_settings settings;
    int code = discover_settings_read(&settings, count, arguments);
    if (code != EXIT_OK) {
        return code;
    }
    if (settings.version) {
        puts("coax " COAX_VERSION);
        return EXIT_OK;
    }
    if (settings.help) {
        discover_help_print(stdout);
        return EXIT_OK;
    }
    struct discovery discovery = {.settings = &settings};
    code = find_targets(&discovery);
    return code == EXIT_OK ? run(&discovery) : code;
}
