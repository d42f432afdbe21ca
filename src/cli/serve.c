/* coax serve */
#include "cli/commands.h"

#include "cli/interrupt.h"
#include "cli/serve_call.h"
#include "cli/serve_listen.h"
#include "cli/service.h"
#include "cli/session_file.h"
#include <stdio.h>

/* Until a signal ends it. */
static int serve(struct service *service, struct call *call) {
    int code = EXIT_OK;
    while (code == EXIT_OK && !interrupted()) {
        bool readable;
        code = service_turn(service, call_fd(call), -1, &readable);
        if (readable) {
            call_read(call);
        }
    }
    return code;
}

static int run(const struct serve_settings *settings, const struct inherited *inherited) {
    struct service service;
    struct call *call = NULL;
    coax_endpoint_config config = COAX_ENDPOINT_CONFIG_INIT;
    config.origins = settings->origins.items;
    config.origin_count = (uint32_t)settings->origins.count;
    config.trust_forwarded = settings->trust_forwarded;
    if (settings->call && (call = call_new(&config)) == NULL) {
        return complain(EXIT_ERROR, "%s", coax_status_text(COAX_E_NO_MEMORY));
    }
    int code = service_open(&service, &settings->service, &config);
    if (code == EXIT_OK) {
        code = serve_listen(service.shards, settings, inherited);
    }
    if (code == EXIT_OK && settings->state != NULL) {
        code = session_file_restore(service.shards, settings->state);
    }
    if (code == EXIT_OK) {
        code = service_start(&service);
    }
    if (code == EXIT_OK) {
        call_start(call, service.endpoint);
        code = serve(&service, call);
        service_stop(&service);
        int saved = settings->state != NULL ? session_file_save(service.shards, settings->state) : EXIT_OK;
        code = code == EXIT_OK ? saved : code;
    }
    call_stop(call);
    service_close(&service);
    call_free(call);
    return code;
}

int command_serve(int count, char **arguments) {
    struct serve_settings settings;
    struct inherited inherited;
    int code = serve_settings_read(&settings, count, arguments);
    if (code != EXIT_OK) {
        return code;
    }
    if (settings.version) {
        puts("coax " COAX_VERSION);
        return EXIT_OK;
    }
    if (settings.help) {
        serve_help_print(stdout);
        return EXIT_OK;
    }
    code = inherited_read(&inherited);
    return code == EXIT_OK ? run(&settings, &inherited) : code;
}
