#include "endpoint/destination.h"

#include "base/error.h"
#include "endpoint/resolver.h"
#include <string.h>

enum coax_status coax_endpoint_find_transport(const coax_uri *uri, coax_error *error) {
    if (uri->scheme != COAX_SCHEME_COAP && uri->scheme != COAX_SCHEME_COAPS) {
        return coax_fail(error, COAX_E_NO_TRANSPORT, "No transport for %s:// is available; coap:// and coaps:// are",
                         coax_scheme_name(uri->scheme));
    }
    return COAX_OK;
}

bool coax_endpoint_literal_address(const coax_uri *uri, struct address *address) {
    memset(address, 0, sizeof *address);
    if (!coax_address_parse_ip(uri->host, address->ip)) {
        return false;
    }
    address->port = uri->port;
    if (uri->zone[0] != '\0') {
        address->zone = coax_resolve_zone(uri->zone);
    }
    return true;
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
