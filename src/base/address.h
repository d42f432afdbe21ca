/* An IP address with port and zone, without any system header: IPv4 is kept as ::ffff:a.b.c.d (RFC 4291
 * section 2.5.5.2). */
#ifndef COAX_BASE_ADDRESS_H
#define COAX_BASE_ADDRESS_H

#include <coax/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Without padding, all fields always set: it is hashed and compared as bytes. */
struct address {
    uint8_t ip[16];
    uint32_t zone;     /* interface index, 0 if none */
    uint16_t port;     /* host byte order */
    uint16_t reserved; /* 0 */
};

struct address coax_address_ip4(uint8_t a, uint8_t b, uint8_t c, uint8_t d, uint16_t port);
bool coax_address_is_ip4(const struct address *address);
bool coax_address_is_multicast(const struct address *address);
bool coax_address_is_unspecified(const struct address *address);
bool coax_address_equal(const struct address *a, const struct address *b);

/* Parses an IP literal without brackets, zone and port ("192.0.2.1", "2001:db8::1", "::ffff:1.2.3.4"); false if it is
   none. Strict: four decimal parts without leading zeros, RFC 4291 section 2.2 for IPv6. */
bool coax_address_parse_ip(const char *text, uint8_t ip[16]);

/* Writes the IP in its shortest form (RFC 5952), IPv4 dotted; needs 46 bytes at most. Returns its length. */
size_t coax_address_write_ip(const struct address *address, char *out, size_t capacity);

/* "192.0.2.1:5683", "[2001:db8::1]:5683", "[fe80::1%2]:5683"; the port is left out if it equals `default_port`. 80
 * bytes suffice. Returns its length. */
size_t coax_address_write(const struct address *address, uint16_t default_port, char *out, size_t capacity);

#endif
