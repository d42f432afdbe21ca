/* coax attach */
#include "cli/attach_settings.h"
#include "cli/backoff.h"
#include "cli/complain.h"
#include "cli/interrupt.h"
#include "cli/remote_text.h"
#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

struct attachment {
    const struct attach_settings *settings;
    struct service service;
    coax_remote *remote; /* a reference; NULL while there is no connection, not even one that is being opened */
    struct backoff backoff;
    bool was_open;      /* once at least */
    uint64_t opened_ms; /* 0: it is not open */
    uint64_t next_ms;   /* when to connect */
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
    uint32_t delay_ms = backoff_next_ms(&attachment->backoff, chance);
    attachment->next_ms = now_ms() + delay_ms;
    remark("%s; connecting again in %u.%u s", error->text, (unsigned)(delay_ms / 1000),
           (unsigned)(delay_ms % 1000 / 100));
}

static void opened(struct attachment *attachment) {
    char text[REMOTE_TEXT_CAPACITY];
    attachment->was_open = true;
    attachment->opened_ms = now_ms();
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

/* -1: there is a connection. */
static int wait_ms(const struct attachment *attachment) {
    uint64_t now = now_ms();
    if (attachment->remote != NULL) {
        return -1;
    }
    return attachment->next_ms > now ? (int)(attachment->next_ms - now) : 0;
}

/* Until a signal ends it, or what will not mend. */
static int attach(struct attachment *attachment) {
    while (attachment->code == EXIT_OK && !interrupted()) {
        bool readable;
        if (wait_ms(attachment) == 0) {
            connect_again(attachment);
            continue;
        }
        int code = service_turn(&attachment->service, -1, wait_ms(attachment), &readable);
        attachment->code = attachment->code == EXIT_OK ? code : attachment->code;
    }
    return attachment->code;
}

static int run(const struct attach_settings *settings) {
    struct attachment attachment = {.settings = settings};
    coax_endpoint_config config = COAX_ENDPOINT_CONFIG_INIT;
    config.connections = on_connection;
    config.user = &attachment;
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
