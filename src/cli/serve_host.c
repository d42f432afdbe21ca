/* /host/…: what the host says about itself. */
#include "cli/host.h"
#include "cli/serve_measurement.h"
#include "cli/serve_resources.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void reply_unreadable(coax_exchange *exchange) {
    (void)coax_respond_text(exchange, COAX_INTERNAL_SERVER_ERROR, "The host does not say: %s", strerror(errno));
}

static void get_load(coax_exchange *exchange, const coax_message *request, void *user) {
    struct host_load load;
    (void)user;
    if (!host_read_load(HOST_PROC, &load)) {
        reply_unreadable(exchange);
        return;
    }
    char text[96];
    snprintf(text, sizeof text, "%.2f %.2f %.2f", load.one, load.five, load.fifteen);
    const struct senml_record records[] = {{"load/1min", "/", load.one, NULL},
                                           {"load/5min", "/", load.five, NULL},
                                           {"load/15min", "/", load.fifteen, NULL}};
    reply_measurement(exchange, request, text, records, sizeof records / sizeof *records);
}

static void get_memory(coax_exchange *exchange, const coax_message *request, void *user) {
    struct host_memory memory;
    (void)user;
    if (!host_read_memory(HOST_PROC, &memory)) {
        reply_unreadable(exchange);
        return;
    }
    char text[128];
    snprintf(text, sizeof text, "total %" PRIu64 "\nfree %" PRIu64 "\navailable %" PRIu64, memory.total, memory.free,
             memory.available);
    const struct senml_record records[] = {{"memory/total", "B", (double)memory.total, NULL},
                                           {"memory/free", "B", (double)memory.free, NULL},
                                           {"memory/available", "B", (double)memory.available, NULL}};
    reply_measurement(exchange, request, text, records, sizeof records / sizeof *records);
}

static void get_uptime(coax_exchange *exchange, const coax_message *request, void *user) {
    double seconds;
    (void)user;
    if (!host_read_uptime(HOST_PROC, &seconds)) {
        reply_unreadable(exchange);
        return;
    }
    char text[48];
    snprintf(text, sizeof text, "%.2f", seconds);
    const struct senml_record record = {"uptime", "s", seconds, NULL};
    reply_measurement(exchange, request, text, &record, 1);
}

bool serve_add_host(coax_site *site, struct ticker *ticker, coax_error *error) {
    static const struct {
        const char *path, *title, *resource_type;
        coax_handler *get;
    } rows[] = {
        {"host/load", "Processes that run or wait: mean of 1, 5 and 15 minutes", "host.load", get_load},
        {"host/memory", "Memory in bytes", "host.memory", get_memory},
        {"host/uptime", "Seconds since the start", "host.uptime", get_uptime},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        coax_resource_config config = COAX_RESOURCE_CONFIG_INIT;
        config.get = rows[i].get;
        config.title = rows[i].title;
        config.resource_type = rows[i].resource_type;
        config.interface = "core.s";
        config.formats = measurement_formats;
        config.format_count = MEASUREMENT_FORMATS;
        config.observable = true;
        coax_resource *resource = coax_site_add(site, rows[i].path, &config, error);
        if (resource == NULL) {
            return false;
        }
        ticker_add(ticker, resource);
    }
    return true;
}
