#include "cli/serve_log.h"

#include "cli/complain.h"
#include "cli/message_log.h"
#include <stdio.h>
#include <time.h>

static void write_clock(char *out, size_t capacity) {
    struct timespec now;
    struct tm local;
    char text[16];
    clock_gettime(CLOCK_REALTIME, &now);
    if (localtime_r(&now.tv_sec, &local) == NULL || strftime(text, sizeof text, "%H:%M:%S", &local) == 0) {
        text[0] = '\0';
    }
    snprintf(out, capacity, "%s.%03ld", text, now.tv_nsec / 1000000);
}

static void show_message(coax_remote *remote, const coax_message *message, bool sent, void *user) {
    char clock[32];
    (void)user;
    write_clock(clock, sizeof clock);
    message_log(clock, remote, message, sent);
}

static void show_error(enum coax_log_level level, const char *text, void *user) {
    (void)user;
    if (level == COAX_LOG_ERROR) {
        remark("%s", text);
    }
}

static void show_warning(enum coax_log_level level, const char *text, void *user) {
    (void)user;
    if (level <= COAX_LOG_WARNING) {
        remark("%s", text);
    }
}

static void show_all(enum coax_log_level level, const char *text, void *user) {
    (void)level;
    (void)user;
    remark("%s", text);
}

void serve_log_setup(coax_endpoint_config *config, unsigned verbose) {
    config->observer = verbose > 0 ? show_message : NULL;
    config->log = verbose == 0 ? show_error : verbose == 1 ? show_warning : show_all;
}
