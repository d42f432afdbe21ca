#include "cli/interrupt.h"

#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>

/* A signal handler is handed nothing but the signal's number, so what it needs is kept here. */
static volatile sig_atomic_t arrived;
static _Atomic(coax_endpoint *) stopped;

static void stop(int signal_number) {
    (void)signal_number;
    arrived = 1;
    coax_endpoint *endpoint = atomic_load(&stopped);
    if (endpoint != NULL) {
        coax_endpoint_stop(endpoint);
    }
}

void interrupt_watch(void) {
    /* SA_RESETHAND: the second signal does what signals do. No SA_RESTART: a read from the terminal has to end. */
    struct sigaction action = {.sa_handler = stop, .sa_flags = (int)SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    /* A reader that went away (coax … | head) shows as an error of write, so that sessions still end in order. */
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigemptyset(&ignore.sa_mask);
    sigaction(SIGPIPE, &ignore, NULL);
}

void interrupt_stops(coax_endpoint *endpoint) {
    atomic_store(&stopped, endpoint);
}

bool interrupted(void) {
    return arrived != 0;
}

bool interrupt_wait_for_input(int fd) {
    sigset_t taken;
    sigset_t before;
    sigemptyset(&taken);
    sigaddset(&taken, SIGINT);
    sigaddset(&taken, SIGTERM);
    sigprocmask(SIG_BLOCK, &taken, &before); /* between looking and waiting, nothing may slip through */
    struct pollfd wait = {fd, POLLIN, 0};
    bool ready = !interrupted() && ppoll(&wait, 1, NULL, &before) > 0;
    sigprocmask(SIG_SETMASK, &before, NULL);
    return ready;
}
