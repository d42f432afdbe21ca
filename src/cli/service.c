#include "cli/service.h"

#include "cli/complain.h"
#include "cli/credential_files.h"
#include "cli/interrupt.h"
#include "cli/release.h"
#include "cli/serve_log.h"
#include "cli/serve_resources.h"
#include "endpoint/thread.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
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

/* Live sessions keep the entries that they use. *error says why not. */
static bool reload(const struct service *service, coax_endpoint *endpoint, coax_error *error) {
    coax_credentials *fresh = coax_credentials_new();
    *error = (coax_error){.text = "not enough memory"};
    bool good = fresh != NULL && credential_files_load(fresh, &service->settings->credentials, false, error);
    if (good) {
        coax_credentials_replace(coax_endpoint_credentials(endpoint), fresh);
    }
    coax_credentials_free(fresh);
    return good;
}

/* In the threads of the other endpoints. What went wrong there has been told for the first one. */
static void reload_too(coax_endpoint *endpoint, void *user) {
    coax_error error;
    (void)reload(user, endpoint, &error);
}

static void reload_credentials(struct service *service) {
    coax_error error;
    if (service->settings->credentials.count == 0) {
        remark("there are no credentials to load again: --credentials FILE was not given");
    } else if (!reload(service, service->endpoint, &error)) {
        complain(EXIT_USAGE, "%s; the credentials stay as they were", error.text);
    } else {
        for (unsigned i = 1; i < service->worker_count; i++) {
            (void)coax_endpoint_post(service->workers[i].endpoint, reload_too, service);
        }
        remark("credentials loaded again");
    }
}

int service_fail(const coax_error *error) {
    return complain(exit_code_of(error->status), "%s", error->text);
}

static int open_shared(struct service *service) {
    uint8_t seed[16];
    const char *folder = service->settings->files;
    if (getrandom(seed, sizeof seed, 0) != (ssize_t)sizeof seed) {
        return complain(EXIT_ERROR, "no random bytes: %s", strerror(errno));
    }
    if (folder == NULL && service->settings->writable) {
        return complain(EXIT_USAGE, "--writable is about the folder of --files, which is not given");
    }
    if (folder != NULL && (service->files = files_open(folder)) == NULL) {
        return complain(EXIT_USAGE, "--files '%s': %s", folder, strerror(errno));
    }
    service->store = store_new(seed);
    return service->store != NULL ? EXIT_OK : complain(EXIT_ERROR, "%s", coax_status_text(COAX_E_NO_MEMORY));
}

static int fill(struct worker *worker) {
    const struct service *service = worker->service;
    coax_error error = {.status = COAX_E_NO_MEMORY, .text = "not enough memory"};
    coax_site *site = coax_endpoint_site(worker->endpoint);
    bool with_files = service->files != NULL;
    bool good = serve_add_basics(site, &worker->ticker, with_files, &error)
                && serve_add_host(site, &worker->ticker, &error)
                && serve_add_store(worker->endpoint, service->store, &worker->share, &error)
                && (!with_files || serve_add_files(site, service->files, service->settings->writable, &error));
    if (!good) {
        return service_fail(&error);
    }
    return credential_files_load(coax_endpoint_credentials(worker->endpoint), &service->settings->credentials, false,
                                 &error)
               ? EXIT_OK
               : complain(EXIT_USAGE, "%s", error.text);
}

static int open_endpoints(struct service *service, const coax_endpoint_config *config) {
    coax_error error;
    unsigned count = service->settings->threads > 1 ? service->settings->threads : 1;
    if (coax_shards_new(&service->shards, count, config, &error) != COAX_OK) {
        return service_fail(&error);
    }
    service->workers = calloc(count, sizeof *service->workers);
    if (service->workers == NULL) {
        return complain(EXIT_ERROR, "%s", coax_status_text(COAX_E_NO_MEMORY));
    }
    service->worker_count = count;
    for (unsigned i = 0; i < count; i++) {
        service->workers[i].service = service;
        service->workers[i].endpoint = coax_shards_endpoint(service->shards, i);
    }
    service->endpoint = service->workers[0].endpoint;
    return EXIT_OK;
}

int service_open(struct service *service, const struct service_settings *settings, coax_endpoint_config *config) {
    *service = (struct service){.settings = settings};
    serve_log_setup(config, settings->verbose);
    config->q_block = settings->q_block;
    int code = open_endpoints(service, config);
    if (code == EXIT_OK) {
        interrupt_watch();
        interrupt_stops(service->endpoint);
        watch_reload(service->endpoint);
        code = open_shared(service);
    }
    for (unsigned i = 0; i < service->worker_count && code == EXIT_OK; i++) {
        code = fill(&service->workers[i]);
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

static int turn(struct worker *worker, int fd, int limit_ms, bool *readable) {
    *readable = false;
    coax_error error;
    limit_ms = shorter(ticker_turn(&worker->ticker, wall_clock_ms()), limit_ms);
    struct pollfd waits[] = {{coax_endpoint_fd(worker->endpoint), POLLIN, 0}, {fd, POLLIN, 0}};
    int count = poll(waits, 2, shorter(coax_endpoint_timeout_ms(worker->endpoint), limit_ms));
    if (count < 0 && errno != EINTR) {
        return complain(EXIT_ERROR, "poll: %s", strerror(errno));
    }
    *readable = count > 0 && waits[1].revents != 0;
    return coax_endpoint_process(worker->endpoint, &error) == COAX_OK ? EXIT_OK : service_fail(&error);
}

int service_turn(struct service *service, int fd, int limit_ms, bool *readable) {
    int code = turn(&service->workers[0], fd, limit_ms, readable);
    if (reload_wanted != 0) {
        reload_wanted = 0;
        reload_credentials(service);
    }
    return code != EXIT_OK ? code : atomic_load(&service->code);
}

/* --- threads --- */

static void *work(void *user) {
    struct worker *worker = user;
    struct service *service = worker->service;
    int code = EXIT_OK;
    bool unused;
    while (code == EXIT_OK && !atomic_load(&service->is_ending)) {
        code = turn(worker, -1, -1, &unused);
    }
    if (code != EXIT_OK) {
        atomic_store(&service->code, code);
        coax_endpoint_stop(service->endpoint);
    }
    release_connections_at_the_end(worker->endpoint);
    return NULL;
}

int service_start(struct service *service) {
    for (unsigned i = 1; i < service->worker_count; i++) {
        struct worker *worker = &service->workers[i];
        worker->is_running = coax_thread_start(&worker->thread, work, worker);
        if (!worker->is_running) {
            return complain(EXIT_ERROR, "there can be only %u threads: %s", i, strerror(errno));
        }
    }
    return EXIT_OK;
}

void service_stop(struct service *service) {
    atomic_store(&service->is_ending, true);
    for (unsigned i = 1; i < service->worker_count; i++) {
        coax_endpoint_stop(service->workers[i].endpoint);
    }
    for (unsigned i = 1; i < service->worker_count; i++) {
        struct worker *worker = &service->workers[i];
        if (worker->is_running) {
            pthread_join(worker->thread, NULL);
            worker->is_running = false;
        }
    }
}

void service_close(struct service *service) {
    service_stop(service);
    if (service->endpoint != NULL) {
        release_connections_at_the_end(service->endpoint);
    }
    watch_reload(NULL);
    interrupt_stops(NULL);
    coax_shards_free(service->shards);
    for (unsigned i = 0; i < service->worker_count; i++) {
        store_share_free(&service->workers[i].share);
    }
    free(service->workers);
    files_close(service->files);
    store_free(service->store);
}
