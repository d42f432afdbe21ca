/* A clock that the test moves. GnuTLS reads the time itself for its DTLS retransmissions; a program that defines its
   own clock_gettime is heard by the shared library, because the program's symbol comes first.

   Include it in one file of a program. The clock is the system's until coax_virtual_clock_set is called. */
#ifndef COAX_TESTS_VIRTUAL_CLOCK_H
#define COAX_TESTS_VIRTUAL_CLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static struct {
    bool is_on;
    uint64_t now;
} virtual_clock;

/* From now on every clock of this program stands at `ns`, until the next call. */
static inline void coax_virtual_clock_set(uint64_t ns) {
    virtual_clock.is_on = true;
    virtual_clock.now = ns;
}

static inline void coax_virtual_clock_advance(uint64_t ns) {
    coax_virtual_clock_set(virtual_clock.now + ns);
}

static inline uint64_t coax_virtual_clock_now(void) {
    return virtual_clock.now;
}

/* Back to the system's clock. */
static inline void coax_virtual_clock_off(void) {
    virtual_clock.is_on = false;
}

/* Visible, whatever the build hides: else the shared library does not hear it. */
__attribute__((visibility("default"))) int clock_gettime(clockid_t clock, struct timespec *time) {
    if (!virtual_clock.is_on) {
        return (int)syscall(SYS_clock_gettime, clock, time);
    }
    time->tv_sec = (time_t)(virtual_clock.now / 1000000000U);
    time->tv_nsec = (long)(virtual_clock.now % 1000000000U);
    return 0;
}

#endif
