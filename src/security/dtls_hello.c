/* The stateless beginning of a server's handshake (RFC 6347 section 4.2.1): cookies. */
#include "security/dtls_private.h"

#include "base/wipe.h"

enum { SECRET_LIFETIME_S = 60, HELLO_VERIFY_MAXIMUM = 128 };

static void drop_secret(gnutls_datum_t *secret) {
    if (secret->data != NULL) {
        coax_wipe(secret->data, secret->size);
        gnutls_free(secret->data);
    }
    *secret = (gnutls_datum_t){NULL, 0};
}

void coax_dtls_cookie_wipe(struct dtls_cookie_secrets *secrets) {
    drop_secret(&secrets->current);
    drop_secret(&secrets->previous);
}

/* A cookie lives as long as two secrets: one that was given out just before a change is still good after it. */
static bool renew_secrets(struct dtls_cookie_secrets *secrets, coax_instant now) {
    if (secrets->current.data != NULL && now < secrets->since + SECRET_LIFETIME_S * COAX_SECOND) {
        return true;
    }
    gnutls_datum_t fresh;
    if (gnutls_key_generate(&fresh, GNUTLS_COOKIE_KEY_SIZE) < 0) {
        return false;
    }
    drop_secret(&secrets->previous);
    if (secrets->current.data != NULL && now < secrets->since + 2 * SECRET_LIFETIME_S * COAX_SECOND) {
        secrets->previous = secrets->current;
    } else {
        drop_secret(&secrets->current);
    }
    secrets->current = fresh;
    secrets->since = now;
    return true;
}

/* The one answer to a hello, kept back until its size is known. */
struct hello_answer {
    size_t size;
    uint8_t data[HELLO_VERIFY_MAXIMUM];
};

static ssize_t keep_answer(gnutls_transport_ptr_t user, const void *data, size_t size) {
    struct hello_answer *answer = user;
    if (size > sizeof answer->data) {
        return -1;
    }
    memcpy(answer->data, data, size);
    answer->size = size;
    return (ssize_t)size;
}

static bool is_verified(gnutls_datum_t *secret, struct address *remote, const uint8_t *datagram, size_t size,
                        gnutls_dtls_prestate_st *prestate) {
    /* GnuTLS only reads the message, but says so nowhere in the type. */
    return secret->data != NULL
           && gnutls_dtls_cookie_verify(secret, remote, sizeof *remote, (void *)(uintptr_t)datagram, size, prestate)
                  >= 0;
}

enum dtls_hello coax_dtls_hello(struct dtls_context *context, const struct address *remote, const uint8_t *datagram,
                                size_t size, coax_instant now,
                                void (*transmit)(void *user, const uint8_t *datagram, size_t size), void *user) {
    uint16_t epoch;
    struct dtls_cookie_secrets *secrets = &context->cookie;
    if (coax_dtls_classify(datagram, size, &epoch) != DTLS_DATAGRAM_CLIENT_HELLO || !renew_secrets(secrets, now)) {
        return DTLS_NOT_HELLO;
    }
    struct address client = *remote;
    gnutls_dtls_prestate_st prestate;
    memset(&prestate, 0, sizeof prestate);
    if (is_verified(&secrets->previous, &client, datagram, size, &prestate)
        || is_verified(&secrets->current, &client, datagram, size, &prestate)) {
        context->verified = prestate;
        return DTLS_HELLO_VERIFIED;
    }
    struct hello_answer answer = {.size = 0};
    int code = gnutls_dtls_cookie_send(&secrets->current, &client, sizeof client, &prestate, &answer, keep_answer);
    /* No amplification: an answer is never larger than what asked for it. */
    if (code < 0 || answer.size == 0 || answer.size > size) {
        return DTLS_NOT_HELLO;
    }
    transmit(user, answer.data, answer.size);
    return DTLS_HELLO_ANSWERED;
}
