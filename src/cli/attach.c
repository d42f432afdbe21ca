/* coax attach */
#include "cli/attach_settings.h"
#include "cli/backoff.h"
#include "cli/complain.h"
#include "cli/interrupt.h"
#include "cli/remote_text.h"
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

struct attachment {
    const struct attach_settings *settings;
    uint32_t ping_interval_ms;
    struct service service;
    coax_remote *remote; /* a reference; NULL while there is no connection, not even one that is being opened */
    struct backoff backoff;
    bool was_open;      /* once at least */
    uint64_t opened_ms; /* 0: it is not open */
    uint64_t next_ms;   /* when to connect */
    uint64_t ping_ms;   /* when to ping; 0: not now */
    int code;           /* other than EXIT_OK: it is over */
};

static uint64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* What trying again does not change, as long as it never worked. */
static bool will_not_mend(enum coax_status status) {
    static const enum coax_status statuses[] = {
        COAX_E_NO_CREDENTIALS, COAX_E_CREDENTIALS_KIND, COAX_E_CREDENTIALS_SIZE, COAX_E_NOT_FOUND, COAX_E_TLS_ALERT,
        COAX_E_HANDSHAKE,      COAX_E_CERTIFICATE,      COAX_E_HOST_NAME,        COAX_E_UPGRADE,   COAX_E_URI,
        COAX_E_NO_TRANSPORT,   COAX_E_UNSUPPORTED,      COAX_E_INVALID,          COAX_E_FORMAT,
    };
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        if (statuses[i] == status) {
            return true;
        }
    }
    return false;
}

/* The connection is over, or could not be opened. */
static void lost(struct attachment *attachment, const coax_error *error) {
    uint32_t chance = 0;
    if (!attachment->was_open && will_not_mend(error->status)) {
        attachment->code = service_fail(error);
        return;
    }
    if (getrandom(&chance, sizeof chance, GRND_NONBLOCK) < 0) {
        chance = (uint32_t)now_ms();
    }
    if (attachment->opened_ms != 0) {
        backoff_stood(&attachment->backoff, now_ms() - attachment->opened_ms);
        attachment->opened_ms = 0;
    }
    attachment->ping_ms = 0;
    uint32_t delay_ms = backoff_next_ms(&attachment->backoff, chance);
    attachment->next_ms = now_ms() + delay_ms;
    remark("%s; connecting again in %u.%u s", error->text, (unsigned)(delay_ms / 1000),
           (unsigned)(delay_ms % 1000 / 100));
}

/* Of a server that is gone without a word a DTLS session alone does not hear; connections have Pings of their own. */
static void schedule_ping(struct attachment *attachment) {
    if (coax_remote_scheme(attachment->remote) == COAX_SCHEME_COAPS) {
        attachment->ping_ms = now_ms() + attachment->ping_interval_ms;
    }
}

static void opened(struct attachment *attachment) {
    char text[REMOTE_TEXT_CAPACITY];
    attachment->was_open = true;
    attachment->opened_ms = now_ms();
    schedule_ping(attachment);
    if (printf("attached to %s\n", remote_text(attachment->remote, text)) < 0 || fflush(stdout) != 0) {
        attachment->code = complain(EXIT_ERROR, "cannot write to standard output: %s", strerror(errno));
    }
}

static void drop_remote(struct attachment *attachment) {
    coax_remote *remote = attachment->remote;
    attachment->remote = NULL;
    if (remote != NULL) {
        coax_remote_unref(remote);
    }
}

static void on_connection(coax_remote *remote, const coax_error *error, void *user) {
    struct attachment *attachment = user;
    if (remote != attachment->remote) {
        return;
    }
    if (error == NULL) {
        opened(attachment);
        return;
    }
    drop_remote(attachment);
    lost(attachment, error);
}

/* What else than a timeout ends a session, on_connection() is told. */
static void on_pong(enum coax_status status, const coax_error *error, void *user) {
    struct attachment *attachment = user;
    coax_remote *remote = attachment->remote;
    if (status == COAX_E_TIMEOUT && remote != NULL) {
        attachment->remote = NULL; /* this end's release is no news */
        (void)coax_remote_release(remote, NULL, NULL, NULL, NULL);
        coax_remote_unref(remote);
        lost(attachment, error);
    } else if (remote != NULL) {
        schedule_ping(attachment);
    }
}

static void ping(struct attachment *attachment) {
    attachment->ping_ms = 0;
    if (coax_endpoint_ping_remote(attachment->service.endpoint, attachment->remote, on_pong, attachment, NULL)
        != COAX_OK) {
        schedule_ping(attachment);
    }
}

static void connect_again(struct attachment *attachment) {
    coax_error error;
    coax_remote *remote;
    enum coax_status status =
        coax_endpoint_connect(attachment->service.endpoint, attachment->settings->uri, &remote, &error);
    if (status != COAX_OK) {
        lost(attachment, &error);
        return;
    }
    attachment->remote = remote;
}

/* Until the next connection or ping is due; -1: none is. */
static int wait_ms(const struct attachment *attachment) {
    uint64_t now = now_ms();
    uint64_t due = attachment->remote == NULL ? attachment->next_ms : attachment->ping_ms;
    if (attachment->remote != NULL && due == 0) {
        return -1;
    }
    uint64_t rest = due > now ? due - now : 0;
    return rest < INT_MAX ? (int)rest : INT_MAX;
}

/* Until a signal ends it, or what will not mend. */
static int attach(struct attachment *attachment) {
    while (attachment->code == EXIT_OK && !interrupted()) {
        bool readable;
        if (wait_ms(attachment) == 0) {
            (attachment->remote == NULL ? connect_again : ping)(attachment);
            continue;
        }
        int code = service_turn(&attachment->service, -1, wait_ms(attachment), &readable);
        attachment->code = attachment->code == EXIT_OK ? code : attachment->code;
    }
    return attachment->code;
}

/* Pings by the setting; each is to be answered before the next one is due. */
static void set_pings(coax_endpoint_config *config, uint32_t interval_ms) {
    if (interval_ms != 0) {
        config->ping_interval_ms = interval_ms;
        config->ping_timeout_ms = interval_ms < config->ping_timeout_ms ? interval_ms : config->ping_timeout_ms;
    }
}

static int run(const struct attach_settings *settings) {
    struct attachment attachment = {.settings = settings};
    coax_endpoint_config config = COAX_ENDPOINT_CONFIG_INIT;
    config.connections = on_connection;
    config.user = &attachment;
    set_pings(&config, settings->ping_interval_ms);
    attachment.ping_interval_ms = config.ping_interval_ms;
    int code = service_open(&attachment.service, &settings->service, &config);
    if (code == EXIT_OK) {
        code = attach(&attachment);
    }
    drop_remote(&attachment);
    service_close(&attachment.service);
    return code;
}

int command_attach(int count, char **arguments) {
    struct attach_settings settings;
    int code = attach_settings_read(&settings, count, arguments);
    if (code != EXIT_OK) {
        return code;
    }
    if (settings.version) {
        puts("coax " COAX_VERSION);
        return EXIT_OK;
    }
    if (settings.help) {
        attach_help_print(stdout);
        return EXIT_OK;
    }
    return run(&settings);
}
