/* The randomness of simulations: from one seed, and the same everywhere. */
#ifndef COAX_TESTS_SIM_RANDOM_H
#define COAX_TESTS_SIM_RANDOM_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* splitmix64; any state is a good one to begin with. */
static inline uint64_t sim_random(uint64_t *state) {
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static inline void sim_random_fill(uint64_t *state, void *out, size_t size) {
    uint8_t *bytes = out;
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)sim_random(state);
    }
}

/* A setting of the environment, such as COAX_SIM_SEED. */
static inline uint64_t sim_setting(const char *name, uint64_t otherwise) {
    const char *text = getenv(name);
    return text == NULL ? otherwise : strtoull(text, NULL, 10);
}

#endif
