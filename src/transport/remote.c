#include "transport/remote.h"

#include "base/error.h"
#include "transport/transport.h"
#include <coax/uri.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

coax_remote *coax_remote_ref(coax_remote *remote) {
    remote->references++;
    return remote;
}

void coax_remote_unref(coax_remote *remote) {
    if (remote != NULL && --remote->references == 0) {
        remote->transport->released(remote);
    }
}

enum coax_scheme coax_remote_scheme(const coax_remote *remote) {
    return remote->scheme;
}

/* As it stands in a URI: the '%' before a zone is escaped (RFC 6874 section 2), lest zone 251 be read as zone 1. */
static void write_address(const struct address *address, uint16_t default_port, char *out, size_t capacity) {
    char text[80];
    coax_address_write(address, default_port, text, sizeof text);
    size_t zone = strcspn(text, "%");
    (void)snprintf(out, capacity, "%.*s%s%s", (int)zone, text, text[zone] == '%' ? "%25" : "",
                   text[zone] == '%' ? text + zone + 1 : "");
}

static enum coax_status write_hostinfo(const char *host, const struct address *address, uint16_t default_port,
                                       char *out, size_t capacity) {
    char text[COAX_HOST_MAXIMUM + 80];
    uint8_t ip[16];
    if (host == NULL || coax_address_parse_ip(host, ip)) {
        write_address(address, default_port, text, sizeof text);
    } else if (address->port == default_port) {
        (void)snprintf(text, sizeof text, "%s", host);
    } else {
        (void)snprintf(text, sizeof text, "%s:%u", host, address->port);
    }
    size_t size = strlen(text);
    if (size >= capacity) {
        return COAX_E_TOO_LARGE;
    }
    memcpy(out, text, size + 1);
    return COAX_OK;
}

enum coax_status coax_remote_write_base(enum coax_scheme scheme, const char *host, const struct address *address,
                                        char *out, size_t capacity) {
    int size = snprintf(out, capacity, "%s://", coax_scheme_name(scheme));
    if (size < 0 || (size_t)size >= capacity) {
        return COAX_E_TOO_LARGE;
    }
    return write_hostinfo(host, address, coax_scheme_default_port(scheme), out + size, capacity - (size_t)size);
}

enum coax_status coax_remote_uri(const coax_remote *remote, char *out, size_t capacity) {
    if (remote->is_anonymous) {
        return COAX_E_ANONYMOUS;
    }
    return coax_remote_write_base(remote->scheme, remote->host, &remote->address, out, capacity);
}

enum coax_status coax_remote_local_uri(const coax_remote *remote, char *out, size_t capacity) {
    if (remote->local.port == 0) {
        return COAX_E_ANONYMOUS;
    }
    if (remote->asked_host != NULL) {
        int size = snprintf(out, capacity, "%s://%s", coax_scheme_name(remote->scheme), remote->asked_host);
        return size < 0 || (size_t)size >= capacity ? COAX_E_TOO_LARGE : COAX_OK;
    }
    return coax_remote_write_base(remote->scheme, NULL, &remote->local, out, capacity);
}

enum coax_status coax_remote_hostinfo(const coax_remote *remote, char *out, size_t capacity) {
    if (remote->is_anonymous) {
        return COAX_E_ANONYMOUS;
    }
    return write_hostinfo(remote->host, &remote->address, coax_scheme_default_port(remote->scheme), out, capacity);
}

bool coax_remote_is_multicast(const coax_remote *remote) {
    return coax_address_is_multicast(&remote->local) || coax_address_is_multicast(&remote->address);
}

struct credential *coax_remote_credential(const struct coax_remote *remote) {
    return remote->proved ? remote->credential : NULL;
}

const char *coax_remote_claim(const coax_remote *remote) {
    const struct credential *credential = coax_remote_credential(remote);
    return credential == NULL || credential->is_system ? NULL : credential->key;
}

enum coax_status coax_remote_blockwise_key(const coax_remote *remote, char *out, size_t capacity) {
    char address[80];
    coax_address_write(&remote->address, 0, address, sizeof address);
    const char *identity = remote->credential == NULL ? "" : remote->credential->key;
    int size = snprintf(out, capacity, "%s %s %s", coax_scheme_name(remote->scheme), address, identity);
    return size < 0 || (size_t)size >= capacity ? COAX_E_TOO_LARGE : COAX_OK;
}

void coax_remote_describe(const struct coax_remote *remote, char *out, size_t capacity) {
    char address[80];
    if (coax_remote_uri(remote, out, capacity) == COAX_OK) {
        return;
    }
    coax_address_write(&remote->address, 0, address, sizeof address);
    (void)snprintf(out, capacity, "%s client at %s", coax_scheme_name(remote->scheme), address);
}

/* The program's wait for a release; it holds on to the remote. */
struct release {
    struct release_wait wait;
    coax_remote *remote;
    coax_release_callback *callback;
    void *user;
};

static void release_done(struct release_wait *wait, struct coax_remote *remote, const coax_error *error) {
    struct release *release = COAX_CONTAINER(wait, struct release, wait);
    if (release->callback != NULL) {
        release->callback(remote, error == NULL ? COAX_OK : error->status, error, release->user);
    }
    coax_remote_unref(release->remote);
    free(release);
}

static void release_fired(struct timer *timer, coax_instant now) {
    (void)now;
    struct release *release = COAX_CONTAINER(timer, struct release, wait.timer);
    release_done(&release->wait, release->remote, NULL);
}

enum coax_status coax_remote_release(coax_remote *remote, const coax_release_terms *terms,
                                     coax_release_callback *callback, void *user, coax_error *error) {
    if (terms != NULL && terms->size != sizeof *terms) {
        return coax_fail(error, COAX_E_INVALID, "The terms are to begin with COAX_RELEASE_TERMS_INIT");
    }
    struct release *release = calloc(1, sizeof *release);
    if (release == NULL) {
        return coax_fail_memory(error);
    }
    *release = (struct release){{{.fire = release_fired}, release_done}, coax_remote_ref(remote), callback, user};
    enum coax_status status = remote->transport->release(remote, terms, &release->wait, error);
    if (status != COAX_OK) {
        coax_remote_unref(remote);
        free(release);
    }
    return status;
}
