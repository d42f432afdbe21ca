#include "endpoint/destination.h"

#include "base/error.h"
#include <stdlib.h>
#include <string.h>

enum coax_status coax_destination_read(struct destination *destination, const char *text, coax_error *error) {
    enum { NORMAL_MAXIMUM_FACTOR = 3, NORMAL_MARGIN = 64 };
    enum coax_status status = coax_uri_parse(&destination->uri, text, error);
    if (status != COAX_OK) {
        return status;
    }
    if (destination->uri.port == 0) {
        return coax_fail(error, COAX_E_URI, "Port 0 can be listened on (any free port), but not asked: %.200s", text);
    }
    size_t capacity = strlen(text) * NORMAL_MAXIMUM_FACTOR + NORMAL_MARGIN;
    destination->normal = malloc(capacity);
    if (destination->normal == NULL) {
        return coax_fail_memory(error);
    }
    (void)coax_uri_write(&destination->uri, destination->normal, capacity); /* there is room for every byte escaped */
    return COAX_OK;
}

enum coax_status coax_endpoint_literal_address(const char *host, const char *zone, uint16_t port, bool *is_literal,
                                               struct address *address, coax_error *error) {
    *address = (struct address){.port = port};
    *is_literal = coax_address_parse_ip(host, address->ip);
    if (!*is_literal || zone[0] == '\0') {
        return COAX_OK;
    }
    address->zone = coax_resolve_zone(zone);
    return address->zone != 0 ? COAX_OK : coax_fail(error, COAX_E_RESOLVE, "There is no network interface %s", zone);
}

enum coax_status coax_endpoint_literal_destination(const char *host, const char *zone, uint16_t port,
                                                   struct resolver_answer *answer, coax_error *error) {
    bool is_literal;
    struct address *address = &answer->addresses[0];
    enum coax_status status = coax_endpoint_literal_address(host, zone, port, &is_literal, address, error);
    answer->count = is_literal ? 1 : 0;
    coax_endpoint_settle_zone(address);
    coax_endpoint_settle_unspecified(address);
    return status;
}

void coax_endpoint_settle_zone(struct address *address) {
    enum { LINK_LOCAL_SCOPE = 2 };
    const uint8_t *ip = address->ip;
    bool is_link_local = ip[0] == 0xfe && (ip[1] & 0xc0U) == 0x80;
    bool is_narrow_group = ip[0] == 0xff && (ip[1] & 0x0fU) <= LINK_LOCAL_SCOPE;
    if (!is_link_local && !is_narrow_group) {
        address->zone = 0;
    }
}

void coax_endpoint_settle_unspecified(struct address *address) {
    if (coax_address_is_unspecified(address)) {
        address->ip[15] = 1;                                      /* ::1 */
        address->ip[12] = coax_address_is_ip4(address) ? 127 : 0; /* 127.0.0.1 */
    }
}
