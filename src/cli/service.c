#include "cli/service.h"

#include "cli/complain.h"
#include "cli/credential_files.h"
#include "cli/interrupt.h"
#include "cli/release.h"
#include "cli/serve_log.h"
#include "cli/serve_resources.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

/* A signal handler is handed nothing but the signal's number. */
static volatile sig_atomic_t reload_wanted;
static _Atomic(coax_endpoint *) reloading;

static void want_reload(int signal_number) {
    (void)signal_number;
    reload_wanted = 1;
    coax_endpoint *endpoint = atomic_load(&reloading);
    if (endpoint != NULL) {
        coax_endpoint_stop(endpoint);
    }
}

static void watch_reload(coax_endpoint *endpoint) {
    struct sigaction action = {.sa_handler = want_reload, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    atomic_store(&reloading, endpoint);
    sigaction(SIGHUP, &action, NULL);
}

/* Live sessions keep the entries that they use. */
static void reload_credentials(const struct service *service) {
    if (service->settings->credentials.count == 0) {
        remark("there are no credentials to load again: --credentials FILE was not given");
        return;
    }
    coax_error error = {.text = "not enough memory"};
    coax_credentials *fresh = coax_credentials_new();
    if (fresh == NULL || !credential_files_load(fresh, &service->settings->credentials, false, &error)) {
        complain(EXIT_USAGE, "%s; the credentials stay as they were", error.text);
    } else {
        coax_credentials_replace(coax_endpoint_credentials(service->endpoint), fresh);
        remark("credentials loaded again");
    }
    coax_credentials_free(fresh);
}

int service_fail(const coax_error *error) {
    return complain(exit_code_of(error->status), "%s", error->text);
}

static int add_resources(struct service *service) {
    uint8_t seed[16];
    coax_error error = {.status = COAX_E_NO_MEMORY, .text = "not enough memory"};
    if (getrandom(seed, sizeof seed, 0) != (ssize_t)sizeof seed) {
        return complain(EXIT_ERROR, "no random bytes: %s", strerror(errno));
    }
    const char *folder = service->settings->files;
    if (folder == NULL && service->settings->writable) {
        return complain(EXIT_USAGE, "--writable is about the folder of --files, which is not given");
    }
    if (folder != NULL && (service->files = files_open(folder)) == NULL) {
        return complain(EXIT_USAGE, "--files '%s': %s", folder, strerror(errno));
    }
    coax_site *site = coax_endpoint_site(service->endpoint);
    service->store = store_new(seed);
    bool good = service->store != NULL && serve_add_basics(site, &service->ticker, folder != NULL, &error)
                && serve_add_host(site, &service->ticker, &error) && serve_add_store(site, service->store, &error)
                && (folder == NULL || serve_add_files(site, service->files, service->settings->writable, &error));
    return good ? EXIT_OK : service_fail(&error);
}

int service_open(struct service *service, const struct service_settings *settings, coax_endpoint_config *config) {
    coax_error error;
    *service = (struct service){.settings = settings};
    serve_log_setup(config, settings->verbose);
    config->q_block = settings->q_block;
    if (coax_endpoint_new(&service->endpoint, config, &error) != COAX_OK) {
        return service_fail(&error);
    }
    interrupt_watch();
    interrupt_stops(service->endpoint);
    watch_reload(service->endpoint);
    int code = add_resources(service);
    if (code == EXIT_OK
        && !credential_files_load(coax_endpoint_credentials(service->endpoint), &settings->credentials, false,
                                  &error)) {
        code = complain(EXIT_USAGE, "%s", error.text);
    }
    return code;
}

/* -1 is no limit. */
static int shorter(int one_ms, int other_ms) {
    return one_ms < 0 || (other_ms >= 0 && other_ms < one_ms) ? other_ms : one_ms;
}

static uint64_t wall_clock_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

int service_turn(struct service *service, int fd, int limit_ms, bool *readable) {
    *readable = false;
    coax_error error;
    limit_ms = shorter(ticker_turn(&service->ticker, wall_clock_ms()), limit_ms);
    struct pollfd waits[] = {{coax_endpoint_fd(service->endpoint), POLLIN, 0}, {fd, POLLIN, 0}};
    int count = poll(waits, 2, shorter(coax_endpoint_timeout_ms(service->endpoint), limit_ms));
    if (count < 0 && errno != EINTR) {
        return complain(EXIT_ERROR, "poll: %s", strerror(errno));
    }
    *readable = count > 0 && waits[1].revents != 0;
    if (coax_endpoint_process(service->endpoint, &error) != COAX_OK) {
        return service_fail(&error);
    }
    if (reload_wanted != 0) {
        reload_wanted = 0;
        reload_credentials(service);
    }
    return EXIT_OK;
}

void service_close(struct service *service) {
    if (service->endpoint != NULL) {
        release_connections_at_the_end(service->endpoint);
    }
    watch_reload(NULL);
    interrupt_stops(NULL);
    coax_endpoint_free(service->endpoint);
    files_close(service->files);
    store_free(service->store);
}
