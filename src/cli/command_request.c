#include "cli/commands.h"

#include "cli/complain.h"
#include "cli/credential_files.h"
#include "cli/download.h"
#include "cli/interrupt.h"
#include "cli/message_log.h"
#include "cli/output.h"
#include "cli/payload.h"
#include "cli/progress.h"
#include "cli/release.h"
#include "cli/request_settings.h"
#include "cli/upload.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* One run of the verb. */
struct call {
    const struct request_settings *settings;
    struct upload upload; /* the payload's file; none: fd is -1 */
    bool downloads;       /* the body goes where `download` says, piece by piece */
    struct download download;
    struct progress progress;
    coax_endpoint *endpoint;
    coax_request *request;         /* NULL before it is made and after it is answered */
    coax_observation *observation; /* NULL where none is */
    struct timespec start;
    uint32_t states; /* of an observation, so far */
    bool answered;
    int code; /* once answered */
};

static double elapsed_ms(const struct call *call) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - call->start.tv_sec) * 1e3 + (double)(now.tv_nsec - call->start.tv_nsec) / 1e6;
}

static int fail(const struct call *call, enum coax_status status, const char *text) {
    coax_error error = {.status = status, .alert = -1};
    snprintf(error.text, sizeof error.text, "%s", text);
    return output_error(call->settings, exit_code_of(status), &error);
}

/* The library knows no command line; what to do about missing credentials is said here. */
static int report_error(const struct call *call, const coax_error *error) {
    int code = output_error(call->settings, exit_code_of(error->status), error);
    if (error->status == COAX_E_NO_CREDENTIALS && call->settings->credentials.count == 0 && !call->settings->quiet) {
        remark("--credentials FILE names a file with keys or certificates");
    }
    return code;
}

static void show_message(coax_remote *remote, const coax_message *message, bool sent, void *user) {
    char when[32];
    snprintf(when, sizeof when, "%8.3f s", elapsed_ms(user) / 1000);
    message_log(when, remote, message, sent);
}

static void show_log(enum coax_log_level level, const char *text, void *user) {
    const struct call *call = user;
    if (level <= COAX_LOG_WARNING || call->settings->verbose > 1) {
        remark("%s", text);
    }
}

static struct answer answer_of(const struct call *call, const coax_message *message, const coax_remote *remote) {
    struct answer answer = {.message = message, .elapsed_ms = elapsed_ms(call)};
    if (remote == NULL || coax_remote_uri(remote, answer.remote, sizeof answer.remote) != COAX_OK) {
        answer.remote[0] = '\0';
    }
    return answer;
}

static void end(struct call *call, int code) {
    call->answered = true;
    call->code = code;
    coax_endpoint_stop(call->endpoint);
}

static void on_progress(coax_request *request, const coax_progress *now, void *user) {
    struct call *call = user;
    (void)request;
    call->progress.skipped = call->download.skipped;
    progress_show(&call->progress, now, (uint64_t)elapsed_ms(call));
}

static void on_response(coax_request *request, const coax_message *response, const coax_error *error, void *user) {
    struct call *call = user;
    struct answer answer = answer_of(call, response, coax_request_remote(request));
    answer.is_kept = call->downloads;
    call->request = NULL; /* it dies when this returns */
    progress_clear(&call->progress);
    int code = download_report(&call->download); /* our own trouble says more than what it led to */
    if (code == EXIT_OK) {
        code = response != NULL ? output_response(call->settings, &answer) : report_error(call, error);
    }
    end(call, code);
}

/* The response that ended an observation says more than that it did. */
static void on_state(coax_observation *observation, const coax_message *state, const coax_error *error, void *user) {
    struct call *call = user;
    struct answer answer = answer_of(call, state, coax_observation_remote(observation));
    if (error != NULL) {
        call->observation = NULL; /* it dies when this returns */
        end(call, state != NULL ? output_response(call->settings, &answer) : report_error(call, error));
        return;
    }
    int code = output_state(call->settings, &answer);
    call->states++;
    if (code != EXIT_OK || call->states == call->settings->count) {
        end(call, code);
    }
}

static enum coax_status add_options(const struct call *call) {
    const struct request_settings *settings = call->settings;
    enum coax_status status = COAX_OK;
    if (settings->accept >= 0) {
        status = coax_request_add_option_uint(call->request, COAX_OPTION_ACCEPT, (uint64_t)settings->accept);
    }
    for (size_t i = 0; status == COAX_OK && i < settings->options.count; i++) {
        const struct typed_option *option = &settings->options.items[i];
        status = coax_request_add_option(call->request, option->number, option->value, option->size);
    }
    if (status == COAX_OK && settings->token.given) {
        status = coax_request_set_token(call->request, settings->token.bytes, settings->token.size);
    }
    return status;
}

/* A large body needs no memory, unless it is shown as a whole: on a terminal, in JSON, or as one state of many. */
static int prepare_download(struct call *call) {
    const struct request_settings *settings = call->settings;
    bool to_file = settings->output != NULL && strcmp(settings->output, "-") != 0;
    call->downloads = !settings->observes && (to_file || (!settings->json && isatty(STDOUT_FILENO) == 0));
    if (!call->downloads) {
        return EXIT_OK;
    }
    int code = download_prepare(&call->download, to_file ? settings->output : NULL);
    if (code != EXIT_OK) {
        return code;
    }
    enum coax_status status = coax_request_set_sink(call->request, &download_sink, &call->download);
    if (status == COAX_OK && settings->code == COAX_GET) {
        status = download_resume(&call->download, call->request);
    }
    return status == COAX_OK ? EXIT_OK : fail(call, status, coax_status_text(status));
}

static int set_payload(struct call *call, const struct payload *payload) {
    const struct request_settings *settings = call->settings;
    enum coax_status status;
    if (call->upload.fd >= 0) {
        status = coax_request_set_source(call->request, settings->content_format, call->upload.size, &upload_source,
                                         &call->upload);
    } else if (payload->size == 0 && settings->content_format < 0) {
        return EXIT_OK;
    } else {
        status = coax_request_set_payload(call->request, settings->content_format, payload->data, payload->size);
    }
    if (status == COAX_E_TOO_LARGE) {
        char text[128];
        snprintf(text, sizeof text, "the payload, %zu bytes, is too large to be sent from memory; name its file",
                 payload->size);
        return fail(call, status, text);
    }
    return status == COAX_OK ? EXIT_OK : fail(call, status, coax_status_text(status));
}

static enum coax_status set_progress(struct call *call) {
    const struct request_settings *settings = call->settings;
    call->progress.wanted =
        isatty(STDERR_FILENO) != 0 && !settings->quiet && settings->verbose == 0 && !settings->observes;
    return call->progress.wanted ? coax_request_set_progress(call->request, on_progress, call) : COAX_OK;
}

/* Puts everything into the request that the settings say. */
static int fill_request(struct call *call, const struct payload *payload) {
    const struct request_settings *settings = call->settings;
    coax_request_set_non_confirmable(call->request, settings->non_confirmable);
    coax_request_set_timeout(call->request, settings->timeout_ms);
    enum coax_status status = add_options(call);
    if (status == COAX_OK && settings->block_size != 0) {
        status = coax_request_set_block_size(call->request, settings->block_size);
    }
    if (status == COAX_OK && settings->retries != 0) {
        status = coax_request_set_retries(call->request, settings->retries);
    }
    if (status == COAX_OK) {
        status = set_progress(call);
    }
    if (status != COAX_OK) {
        return fail(call, status,
                    status == COAX_E_TOO_LARGE ? "the options are too large for one message; leave some out"
                                               : coax_status_text(status));
    }
    int code = set_payload(call, payload);
    return code == EXIT_OK ? prepare_download(call) : code;
}

static int wait_for_answer(struct call *call) {
    coax_error error;
    if (!interrupted() && !call->answered && coax_endpoint_run(call->endpoint, &error) != COAX_OK) {
        return output_error(call->settings, exit_code_of(error.status), &error);
    }
    if (call->answered) {
        return call->code;
    }
    /* Ctrl-C is how observing ends. */
    return call->states > 0 ? EXIT_OK : fail(call, COAX_E_CANCELLED, "interrupted before a response came");
}

static enum coax_status send_call(struct call *call, coax_error *error) {
    if (!call->settings->observes) {
        return coax_request_send(call->request, on_response, call, error);
    }
    enum coax_status status = coax_observe_request(call->request, NULL, on_state, call, &call->observation, error);
    call->request = status == COAX_OK ? NULL : call->request;
    return status;
}

static int ask(struct call *call, const struct payload *payload) {
    const struct request_settings *settings = call->settings;
    coax_error error;
    if (!credential_files_load(coax_endpoint_credentials(call->endpoint), &settings->credentials, settings->quiet,
                               &error)) {
        /* Also for a file that cannot be read: it is the command line that is wrong, whatever the status says. */
        return output_error(settings, EXIT_USAGE, &error);
    }
    enum coax_status status = coax_request_new(&call->request, call->endpoint, settings->code, settings->uri, &error);
    if (status != COAX_OK) {
        call->request = NULL;
        return output_error(settings, exit_code_of(status), &error);
    }
    int code = fill_request(call, payload);
    if (code != EXIT_OK) {
        return code;
    }
    clock_gettime(CLOCK_MONOTONIC, &call->start);
    if (send_call(call, &error) != COAX_OK) {
        return report_error(call, &error);
    }
    return wait_for_answer(call);
}

static int open_endpoint(struct call *call) {
    coax_error error;
    coax_endpoint_config config = COAX_ENDPOINT_CONFIG_INIT;
    config.max_token_size = call->settings->token.size > 8 ? (uint32_t)call->settings->token.size : 8; /* RFC 8974 */
    config.user = call;
    config.q_block = call->settings->q_block;
    config.observer = call->settings->verbose > 0 ? show_message : NULL;
    config.log = call->settings->verbose > 0 ? show_log : NULL;
    if (coax_endpoint_new(&call->endpoint, &config, &error) != COAX_OK) {
        return output_error(call->settings, exit_code_of(error.status), &error);
    }
    return EXIT_OK;
}

/* A file is read as it is sent; a pipe and a terminal now. */
static int find_payload(const struct request_settings *settings, struct upload *upload, struct payload *payload) {
    if (settings->payload != NULL) {
        return payload_copy(payload, settings->payload);
    }
    const char *file = settings->payload_file;
    if (file == NULL && method_has_payload(settings->code) && payload_waits_in_stdin()) {
        file = "-";
    }
    return file == NULL || upload_open(upload, file) ? EXIT_OK : payload_read_file(payload, file, settings->quiet);
}

static int run(const struct request_settings *settings) {
    struct payload payload = {NULL, 0};
    struct call call = {.settings = settings, .upload.fd = -1};
    clock_gettime(CLOCK_MONOTONIC, &call.start);
    interrupt_watch();
    int code = find_payload(settings, &call.upload, &payload);
    if (code == EXIT_OK) {
        code = open_endpoint(&call);
    }
    if (code == EXIT_OK) {
        interrupt_stops(call.endpoint);
        code = ask(&call, &payload);
        coax_request_cancel(call.request);
        progress_clear(&call.progress);
        download_say_what_is_left(&call.download);
        coax_observation_cancel(call.observation);
        (void)coax_endpoint_process(call.endpoint, NULL); /* the server is told */
        release_connections(call.endpoint);
        interrupt_stops(NULL);
        coax_endpoint_free(call.endpoint);
    }
    payload_free(&payload);
    return code;
}

int command_request(int count, char **arguments) {
    struct request_settings settings;
    int code = request_settings_read(&settings, count, arguments);
    if (code != EXIT_OK) {
        return code;
    }
    if (settings.version) {
        puts("coax " COAX_VERSION);
        return EXIT_OK;
    }
    if (settings.help) {
        request_help_print(stdout, settings.method, settings.code);
        return EXIT_OK;
    }
    return run(&settings);
}
