/* What the host says about itself, read from its proc file system each time. */
#ifndef COAX_CLI_HOST_H
#define COAX_CLI_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HOST_PROC "/proc"

struct host_load {
    double one, five, fifteen; /* processes that ran or waited, mean of so many minutes */
};

/* In bytes. */
struct host_memory {
    uint64_t total, free, available;
};

/* `proc` is the folder, HOST_PROC. False, with errno set, if a file cannot be read or holds something else. */
bool host_read_load(const char *proc, struct host_load *load);
bool host_read_memory(const char *proc, struct host_memory *memory);
bool host_read_uptime(const char *proc, double *seconds);

/* The host's name as it may stand in a SenML name (RFC 8428 section 4.5.1): other characters become '-'. */
enum { HOST_NAME_CAPACITY = 65 };
void host_read_name(char out[HOST_NAME_CAPACITY]);

#endif
