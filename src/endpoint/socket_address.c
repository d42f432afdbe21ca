#include "endpoint/socket_address.h"

#include <netinet/in.h>
#include <string.h>

socklen_t coax_sockaddr_write(struct sockaddr_storage *storage, const struct address *address, bool is_ip4) {
    memset(storage, 0, sizeof *storage);
    if (is_ip4) {
        struct sockaddr_in *ip4 = (struct sockaddr_in *)storage;
        ip4->sin_family = AF_INET;
        ip4->sin_port = htons(address->port);
        if (coax_address_is_ip4(address)) {
            memcpy(&ip4->sin_addr, address->ip + 12, 4);
        }
        return sizeof *ip4;
    }
    struct sockaddr_in6 *ip6 = (struct sockaddr_in6 *)storage;
    ip6->sin6_family = AF_INET6;
    ip6->sin6_port = htons(address->port);
    ip6->sin6_scope_id = address->zone;
    memcpy(&ip6->sin6_addr, address->ip, 16);
    return sizeof *ip6;
}

void coax_sockaddr_read(struct address *address, const struct sockaddr_storage *storage) {
    memset(address, 0, sizeof *address);
    if (storage->ss_family == AF_INET) {
        const struct sockaddr_in *ip4 = (const struct sockaddr_in *)storage;
        const uint8_t *ip = (const uint8_t *)&ip4->sin_addr;
        *address = coax_address_ip4(ip[0], ip[1], ip[2], ip[3], ntohs(ip4->sin_port));
    } else if (storage->ss_family == AF_INET6) {
        const struct sockaddr_in6 *ip6 = (const struct sockaddr_in6 *)storage;
        memcpy(address->ip, &ip6->sin6_addr, 16);
        address->port = ntohs(ip6->sin6_port);
        address->zone = ip6->sin6_scope_id;
    }
}

bool coax_address_fits(const struct address *address, bool is_ip4) {
    return !is_ip4 || coax_address_is_ip4(address);
}
