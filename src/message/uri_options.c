#include "message/uri_options.h"

#include "message/uri_text.h"

#include <stdio.h>
#include <string.h>

/* Decodes one component and adds it as an option. */
static enum coax_status write_component(struct option_writer *writer, uint16_t number, struct bytes text) {
    struct uri_value value;
    enum uri_fault fault = coax_uri_decode(text, &value);
    if (fault != URI_FAULT_NONE) {
        return fault == URI_FAULT_SIZE ? COAX_E_TOO_LARGE : COAX_E_URI;
    }
    return coax_option_write(writer, number, value.bytes, value.size);
}

enum coax_status coax_uri_write_path_options(struct option_writer *writer, const char *path, size_t size) {
    struct uri_segments segments = coax_uri_segments_of(bytes_of(path, size));
    struct bytes segment;
    enum coax_status status = COAX_OK;
    while (status == COAX_OK && coax_uri_next_segment(&segments, &segment)) {
        status = write_component(writer, COAX_OPTION_URI_PATH, segment);
    }
    return status;
}

enum coax_status coax_uri_write_query_options(struct option_writer *writer, const char *query, size_t size) {
    struct bytes argument;
    size_t position = 0;
    enum coax_status status = COAX_OK;
    while (size > 0 && status == COAX_OK && coax_uri_next_part(bytes_of(query, size), '&', &position, &argument)) {
        status = write_component(writer, COAX_OPTION_URI_QUERY, argument);
    }
    return status;
}

enum coax_status coax_uri_to_options(const coax_uri *uri, struct option_writer *writer) {
    enum coax_status status = COAX_OK;
    if (!uri->host_is_ip4 && !uri->host_is_ip6) {
        status = coax_option_write(writer, COAX_OPTION_URI_HOST, uri->host, strlen(uri->host));
    }
    if (status == COAX_OK) {
        status = coax_uri_write_path_options(writer, uri->path, uri->path_size);
    }
    if (status != COAX_OK || !uri->has_query) {
        return status;
    }
    /* "coap://h/?" has a query of one argument, which is empty (section 6.4 step 9). */
    return uri->query_size == 0 ? coax_option_write(writer, COAX_OPTION_URI_QUERY, "", 0)
                                : coax_uri_write_query_options(writer, uri->query, uri->query_size);
}

/* "." and "..", which no client may send (RFC 7252 section 5.10.1), are escaped, so that nobody who reads the URI
 * resolves them. */
static void put_segment(struct uri_writer *writer, struct bytes segment) {
    bool is_dots = segment.size > 0 && segment.size <= 2 && memcmp(segment.data, "..", segment.size) == 0;
    if (!is_dots) {
        coax_uri_put_encoded(writer, URI_PART_SEGMENT, segment);
        return;
    }
    for (size_t i = 0; i < segment.size; i++) {
        coax_uri_put(writer, "%2E");
    }
}

/* Section 6.5 step 6 to 9. */
static void put_path_and_query(struct uri_writer *writer, const struct coax_message *message) {
    size_t position = 0;
    coax_option option;
    bool has_path = false;
    bool has_query = false;
    while (coax_message_next_option(message, &position, &option)) {
        struct bytes value = bytes_of(option.value, option.size);
        if (option.number == COAX_OPTION_URI_PATH) {
            coax_uri_put(writer, "/");
            put_segment(writer, value);
            has_path = true;
        } else if (option.number == COAX_OPTION_URI_QUERY) {
            coax_uri_put(writer, has_query ? "&" : has_path ? "?" : "/?");
            coax_uri_put_encoded(writer, URI_PART_ARGUMENT, value);
            has_query = true;
        }
    }
    coax_uri_put(writer, has_path || has_query ? "" : "/");
}

enum coax_status coax_message_path(const struct coax_message *message, char *out, size_t capacity) {
    struct uri_writer writer = {out, capacity, 0};
    put_path_and_query(&writer, message);
    return coax_uri_finish(&writer) ? COAX_OK : COAX_E_TOO_LARGE;
}

enum { SCHEME_MAXIMUM = 16, HOSTINFO_MAXIMUM = 3 * COAX_HOST_MAXIMUM + 3 * COAX_ZONE_MAXIMUM + 16 };

/* Parses "host:port", which may come from a peer (the Host field of a WebSocket handshake). */
static enum coax_status parse_hostinfo(coax_uri *uri, enum coax_scheme scheme, const char *hostinfo) {
    char text[SCHEME_MAXIMUM + HOSTINFO_MAXIMUM];
    int size = snprintf(text, sizeof text, "%s://%s", coax_scheme_name(scheme), hostinfo);
    if (size < 0 || (size_t)size >= sizeof text) {
        return COAX_E_TOO_LARGE;
    }
    return strpbrk(hostinfo, "/?#") == NULL ? coax_uri_parse(uri, text, NULL) : COAX_E_URI;
}

/* Takes the host from a Uri-Host option, which must be a reg-name, IPv4address or IP-literal as it is (section 6.5
 * step 3). Neither a port nor an escape ("%41", which would be another host in the URI) may hide in it. */
static bool set_host(coax_uri *uri, struct bytes value) {
    bool is_literal = value.size > 2 && value.data[0] == '[' && value.data[value.size - 1] == ']';
    uri->zone[0] = '\0';
    return is_literal ? coax_uri_set_ip6(uri, bytes_of(value.data + 1, value.size - 2)) : coax_uri_set_name(uri, value);
}

/* Host and port from the options that are there (section 6.5 step 3 to 5). */
static enum coax_status apply_host_and_port(coax_uri *uri, const struct coax_message *message) {
    coax_option option;
    if (coax_message_option(message, COAX_OPTION_URI_HOST, &option)
        && !set_host(uri, bytes_of(option.value, option.size))) {
        return COAX_E_OPTION;
    }
    if (coax_message_option(message, COAX_OPTION_URI_PORT, &option)) {
        uint64_t port = coax_option_uint(&option);
        if (port == 0 || port > UINT16_MAX) {
            return COAX_E_OPTION;
        }
        uri->port = (uint16_t)port;
    }
    return uri->host[0] != '\0' ? COAX_OK : COAX_E_INVALID;
}

enum coax_status coax_uri_from_options(const struct coax_message *message, enum coax_scheme scheme,
                                       const char *local_hostinfo, char *out, size_t capacity) {
    coax_uri uri = {.scheme = scheme, .port = coax_scheme_default_port(scheme)};
    enum coax_status status = COAX_OK;
    if (local_hostinfo != NULL && local_hostinfo[0] != '\0') {
        status = parse_hostinfo(&uri, scheme, local_hostinfo);
    }
    if (status == COAX_OK) {
        status = apply_host_and_port(&uri, message);
    }
    if (status != COAX_OK) {
        return status;
    }
    char hostinfo[HOSTINFO_MAXIMUM];
    struct uri_writer writer = {out, capacity, 0};
    status = coax_uri_write_hostinfo(&uri, hostinfo, sizeof hostinfo);
    coax_uri_put(&writer, coax_scheme_name(scheme));
    coax_uri_put(&writer, "://");
    coax_uri_put(&writer, hostinfo);
    put_path_and_query(&writer, message);
    return coax_uri_finish(&writer) ? status : COAX_E_TOO_LARGE;
}
