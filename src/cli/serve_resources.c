#include "cli/serve_resources.h"

#include "cli/remote_text.h"
#include "cli/serve_measurement.h"
#include <stdio.h>
#include <string.h>

enum { QUERY_MAXIMUM = 4096 }; /* that /echo gives back */

static void get_root(coax_exchange *exchange, const coax_message *request, void *user) {
    (void)request;
    (void)coax_respond_text(exchange, COAX_CONTENT,
                            "coax serve\n\n"
                            "/time             the time (UTC); changes each second\n"
                            "/host/load        of the last 1, 5 and 15 minutes\n"
                            "/host/memory      in bytes\n"
                            "/host/uptime      in seconds\n"
                            "/echo             POST, PUT and FETCH give back what was sent, GET the query\n"
                            "/store/...        PUT, GET, DELETE; of JSON also FETCH and iPATCH\n"
                            "%s"
                            "/whoami           who is asking\n"
                            "/.well-known/core this list for programs",
                            user != NULL ? "/files/...        files\n" : "");
}

static void get_time(coax_exchange *exchange, const coax_message *request, void *user) {
    char text[TIME_TEXT_CAPACITY];
    double unused;
    (void)user;
    write_time_text(text, &unused);
    const struct senml_record record = {"time", NULL, 0, text};
    reply_measurement(exchange, request, text, &record, 1);
}

static void echo_payload(coax_exchange *exchange, const coax_message *request, void *user) {
    (void)user;
    uint8_t code = coax_message_code(request) == COAX_FETCH ? COAX_CONTENT : COAX_CHANGED;
    (void)coax_respond(exchange, code, coax_message_content_format(request), coax_message_payload(request),
                       coax_message_payload_size(request));
}

static void echo_query(coax_exchange *exchange, const coax_message *request, void *user) {
    char text[QUERY_MAXIMUM];
    size_t size = 0;
    bool any = false;
    coax_option option;
    (void)user;
    for (size_t position = 0; coax_message_next_option(request, &position, &option);) {
        if (option.number != COAX_OPTION_URI_QUERY) {
            continue;
        }
        if (size + any + option.size > sizeof text) {
            (void)coax_respond_text(exchange, COAX_REQUEST_ENTITY_TOO_LARGE, "At most %d bytes of query come back",
                                    QUERY_MAXIMUM);
            return;
        }
        text[size] = '&';
        size += any;
        memcpy(text + size, option.value, option.size);
        size += option.size;
        any = true;
    }
    (void)coax_respond(exchange, COAX_CONTENT, COAX_FORMAT_TEXT, text, size);
}

static void get_whoami(coax_exchange *exchange, const coax_message *request, void *user) {
    const coax_remote *remote = coax_exchange_remote(exchange);
    char text[REMOTE_TEXT_CAPACITY];
    char local[REMOTE_TEXT_CAPACITY];
    enum coax_status status = coax_remote_local_uri(remote, local, sizeof local);
    const char *claim = coax_remote_claim(remote);
    (void)request;
    (void)user;
    (void)coax_respond_text(exchange, COAX_CONTENT, "scheme: %s\nremote: %s\nlocal: %s\nclaim: %s",
                            coax_scheme_name(coax_remote_scheme(remote)), remote_text(remote, text),
                            status == COAX_OK ? local : "(no URI can express it)", claim != NULL ? claim : "(none)");
}

/* The texts of "/" and "/whoami". */
static const int text_format = COAX_FORMAT_TEXT;

static coax_resource_config text_config(coax_handler *get, const char *title) {
    coax_resource_config config = COAX_RESOURCE_CONFIG_INIT;
    config.get = get;
    config.title = title;
    config.formats = &text_format;
    config.format_count = 1;
    return config;
}

static coax_resource_config time_config(void) {
    coax_resource_config config = COAX_RESOURCE_CONFIG_INIT;
    config.get = get_time;
    config.title = "The time (UTC)";
    config.resource_type = "time";
    config.interface = "core.s";
    config.formats = measurement_formats;
    config.format_count = MEASUREMENT_FORMATS;
    config.observable = true;
    return config;
}

static coax_resource_config echo_config(void) {
    coax_resource_config config = COAX_RESOURCE_CONFIG_INIT;
    config.get = echo_query;
    config.post = config.put = config.fetch = echo_payload;
    config.title = "Gives back what was sent";
    config.resource_type = "echo";
    return config;
}

bool serve_add_basics(coax_site *site, struct ticker *ticker, bool with_files, coax_error *error) {
    coax_resource_config root = text_config(get_root, "What there is");
    coax_resource_config time = time_config();
    coax_resource_config echo = echo_config();
    coax_resource_config whoami = text_config(get_whoami, "Who is asking");
    root.user = with_files ? site : NULL;
    coax_resource *ticking = coax_site_add(site, "time", &time, error);
    if (ticking == NULL) {
        return false;
    }
    ticker_add(ticker, ticking);
    return coax_site_add(site, "", &root, error) != NULL && coax_site_add(site, "echo", &echo, error) != NULL
           && coax_site_add(site, "whoami", &whoami, error) != NULL;
}
