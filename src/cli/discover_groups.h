/* Whom `coax discover` asks. */
#ifndef COAX_CLI_DISCOVER_GROUPS_H
#define COAX_CLI_DISCOVER_GROUPS_H

#include <stdbool.h>
#include <stddef.h>

enum { DISCOVER_URI_CAPACITY = 1024, DISCOVER_GROUPS_MAXIMUM = 16 };

struct discover_target {
    char uri[DISCOVER_URI_CAPACITY];
    bool is_group; /* many may answer */
};

/* What people type (a host, "host:port", an IP address of either kind, a URI) as the URI of its list of resources. An
   exit code, after one sentence on stderr if it is not EXIT_OK. */
int discover_target_of(const char *address, struct discover_target *target);

/* All CoAP nodes (RFC 7252 section 12.8): by IPv4, and by IPv6 on each interface. Returns their number. */
size_t discover_groups(struct discover_target targets[DISCOVER_GROUPS_MAXIMUM]);

#endif
