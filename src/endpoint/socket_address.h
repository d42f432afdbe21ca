/* Between the system's socket addresses and ours. */
#ifndef COAX_ENDPOINT_SOCKET_ADDRESS_H
#define COAX_ENDPOINT_SOCKET_ADDRESS_H

#include "base/address.h"
#include <sys/socket.h>

/* Writes the address for a socket of that family; returns its size. An IPv6 address for an IPv4 socket becomes the
 * unspecified one. */
socklen_t coax_sockaddr_write(struct sockaddr_storage *storage, const struct address *address, bool is_ip4);

/* Reads an AF_INET or AF_INET6 address; anything else gives all zero. */
void coax_sockaddr_read(struct address *address, const struct sockaddr_storage *storage);

/* Whether the address can be reached from a socket of that family. */
bool coax_address_fits(const struct address *address, bool is_ip4);

#endif
