#include "cli/discover_groups.h"

#include "cli/complain.h"
#include <arpa/inet.h>
#include <coax/uri.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

static const char list_path[] = ".well-known/core";

/* The address without a zone, "ff02::fd%eth0", is one of IPv6. */
static bool is_bare_ip6(const char *address) {
    char text[INET6_ADDRSTRLEN];
    struct in6_addr unused;
    size_t size = strcspn(address, "%");
    if (size >= sizeof text) {
        return false;
    }
    memcpy(text, address, size);
    text[size] = '\0';
    return inet_pton(AF_INET6, text, &unused) == 1;
}

static bool is_group(const coax_uri *uri) {
    struct in_addr ip4;
    struct in6_addr ip6;
    if (uri->host_is_ip4) {
        return inet_pton(AF_INET, uri->host, &ip4) == 1 && IN_MULTICAST(ntohl(ip4.s_addr));
    }
    return uri->host_is_ip6 && inet_pton(AF_INET6, uri->host, &ip6) == 1 && IN6_IS_ADDR_MULTICAST(&ip6);
}

int discover_target_of(const char *address, struct discover_target *target) {
    char text[DISCOVER_URI_CAPACITY];
    coax_uri uri;
    coax_error error;
    bool bare = is_bare_ip6(address);
    bool has_scheme = strstr(address, "://") != NULL;
    int size =
        snprintf(text, sizeof text, "%s%s%s%s", has_scheme ? "" : "coap://", bare ? "[" : "", address, bare ? "]" : "");
    if (size < 0 || (size_t)size >= sizeof text || coax_uri_parse(&uri, text, &error) != COAX_OK) {
        return complain(EXIT_USAGE, "'%s' is no address to ask: %s", text,
                        (size_t)size >= sizeof text ? "it is too long" : error.text);
    }
    if (uri.path_size == 0) {
        uri.path = list_path;
        uri.path_size = sizeof list_path - 1;
    }
    target->is_group = is_group(&uri);
    if (coax_uri_write(&uri, target->uri, sizeof target->uri) != COAX_OK) {
        return complain(EXIT_USAGE, "'%s' is no address to ask: it is too long", address);
    }
    return EXIT_OK;
}

/* One that has an address by which members can answer, and is listed for it once. */
static bool has_groups(const struct ifaddrs *interface) {
    const struct sockaddr_in6 *address = (const void *)interface->ifa_addr;
    return (interface->ifa_flags & IFF_UP) != 0 && (interface->ifa_flags & IFF_MULTICAST) != 0 && address != NULL
           && address->sin6_family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&address->sin6_addr);
}

size_t discover_groups(struct discover_target targets[DISCOVER_GROUPS_MAXIMUM]) {
    struct ifaddrs *interfaces = NULL;
    size_t count = 0;
    targets[count++] = (struct discover_target){"coap://224.0.1.187/.well-known/core", true};
    if (getifaddrs(&interfaces) != 0) {
        return count;
    }
    for (const struct ifaddrs *at = interfaces; at != NULL && count < DISCOVER_GROUPS_MAXIMUM; at = at->ifa_next) {
        if (has_groups(at)) {
            struct discover_target *target = &targets[count++];
            target->is_group = true;
            (void)snprintf(target->uri, sizeof target->uri, "coap://[ff02::fd%%25%s]/.well-known/core", at->ifa_name);
        }
    }
    freeifaddrs(interfaces);
    return count;
}
