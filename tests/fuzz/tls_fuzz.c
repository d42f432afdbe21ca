/* A TLS server and a TLS client under any bytes, cut anywhere: before the handshake, and in the middle of one with a
   peer that was right up to there. Whatever comes, a session ends once at most, with a sentence, and takes no more
   than it was given. */
#include "security/tls.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PIPE = 1 << 16 };

struct side {
    struct tls_session *session;
    uint8_t sent[PIPE];
    size_t sent_size;
    bool is_closed;
};

static void require(bool condition) {
    if (!condition) {
        abort();
    }
}

static size_t on_transmit(void *user, const uint8_t *data, size_t size) {
    struct side *side = user;
    size_t room = PIPE - side->sent_size;
    size_t taken = size < room ? size : room;
    memcpy(side->sent + side->sent_size, data, taken);
    side->sent_size += taken;
    return size;
}

static void on_established(void *user) {
    require(!((struct side *)user)->is_closed);
}

static bool on_data(void *user, const uint8_t *data, size_t size) {
    require(!((struct side *)user)->is_closed && size <= TLS_PLAINTEXT_MAXIMUM && (size == 0 || data != NULL));
    return true;
}

static void on_closed(void *user, const coax_error *error) {
    struct side *side = user;
    require(!side->is_closed && error->text[0] != '\0');
    side->is_closed = true;
}

static const struct tls_events events = {on_transmit, on_established, on_data, on_closed};
static const struct tls_application application = {"coap", false};

/* In pieces, each in memory of its own. */
static void feed(struct side *side, const uint8_t *data, size_t size, uint32_t seed) {
    for (size_t offset = 0, piece = 0; offset < size; offset += piece) {
        seed = seed * 1664525U + 1013904223U;
        piece = seed % 3 == 0 ? size - offset : 1 + (seed >> 8) % 60;
        piece = piece < size - offset ? piece : size - offset;
        uint8_t *copy = malloc(piece);
        require(copy != NULL);
        memcpy(copy, data + offset, piece);
        size_t taken = coax_tls_session_receive(side->session, copy, piece);
        free(copy);
        require(taken == piece || side->is_closed);
    }
}

static void carry(struct side *from, struct side *to) {
    static uint8_t flight[PIPE];
    size_t size = from->sent_size;
    memcpy(flight, from->sent, size);
    from->sent_size = 0;
    (void)coax_tls_session_receive(to->session, flight, size);
}

static struct tls_context *new_context(const coax_credentials *credentials) {
    const struct tls_settings settings = {30000, PIPE};
    struct tls_context *context;
    require(coax_tls_context_new(&context, credentials, &settings, NULL) == COAX_OK);
    return context;
}

/* The first byte: how many flights pass before the input, and whom it goes to. */
static void run(struct tls_context *context, struct credential *credential, const uint8_t *data, size_t size) {
    static struct side client, server;
    client.session = server.session = NULL;
    client.sent_size = server.sent_size = 0;
    client.is_closed = server.is_closed = false;
    require(coax_tls_server_new(&server.session, context, &application, &events, &server, 1, NULL) == COAX_OK);
    require(
        coax_tls_client_new(&client.session, context, credential, "a.example", &application, &events, &client, 1, NULL)
        == COAX_OK);
    for (unsigned flights = data[0] >> 1 & 7U; flights > 0; flights--) {
        carry(&client, &server);
        carry(&server, &client);
    }
    struct side *target = (data[0] & 1) != 0 ? &client : &server;
    feed(target, data + 1, size - 1, data[0]);
    coax_tls_session_receive_end(target->session);
    require(target->is_closed);
    coax_tls_session_free(client.session);
    coax_tls_session_free(server.session);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char json[] = "{\"coaps*\": {\"dtls\": {\"psk\": {\"ascii\": \"secret\"}, "
                               "\"client-identity\": {\"ascii\": \"me\"}}}}";
    if (size < 1 || size > 20000) {
        return 0;
    }
    coax_credentials *credentials = coax_credentials_new();
    struct credential *credential;
    require(credentials != NULL
            && coax_credentials_parse(credentials, json, sizeof json - 1, "fuzz", NULL, NULL) == COAX_OK);
    require(coax_credentials_for_uri(credentials, "coaps+tcp://a/", NULL, &credential, NULL) == COAX_OK);
    struct tls_context *context = new_context(credentials);
    run(context, credential, data, size);
    coax_tls_context_free(context);
    coax_credential_unref(credential);
    coax_credentials_free(credentials);
    return 0;
}
