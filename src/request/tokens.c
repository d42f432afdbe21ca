#include "request/tokens.h"

/* RFC 8974 section 2.2.2: at least so long a peer has its address, and may be taken for the same. */
enum { KNOWN_FOR_MS = 1800000 };

static size_t smaller_of(size_t a, size_t b) {
    return a < b ? a : b;
}

size_t coax_token_maximum(const struct request_layer *layer) {
    return layer->settings.max_token_size > TOKEN_MAXIMUM ? layer->settings.max_token_size : TOKEN_MAXIMUM;
}

static bool is_known(const struct request_layer *layer, const struct coax_remote *remote) {
    return remote->token_maximum != 0 && layer->now < remote->token_maximum_until;
}

/* Whether trial alone shows which tokens the remote takes. */
static bool is_tried(const struct coax_remote *remote) {
    return remote->transport->token_maximum == NULL;
}

/* Only a confirmable message that is rejected is sure to be told of. */
static size_t size_for(const struct coax_request *request, const struct coax_remote *remote) {
    const struct request_layer *layer = request->layer;
    size_t wish = layer->settings.token_size;
    if (request->code == COAX_EMPTY || wish <= TOKEN_MAXIMUM) {
        return TOKEN_MAXIMUM;
    }
    if (!is_tried(remote)) {
        return smaller_of(wish, remote->transport->token_maximum(remote));
    }
    if (is_known(layer, remote)) {
        return smaller_of(wish, remote->token_maximum);
    }
    return request->non_confirmable ? TOKEN_MAXIMUM : wish;
}

void coax_token_draw(struct coax_request *request, const struct coax_remote *remote) {
    struct request_layer *layer = request->layer;
    request->token_size = (uint8_t)size_for(request, remote);
    layer->random(layer->random_user, request->token, request->token_size);
}

static void learn(struct coax_request *request, uint8_t maximum) {
    request->remote->token_maximum = maximum;
    request->remote->token_maximum_until = coax_instant_after_ms(request->layer->now, KNOWN_FOR_MS);
}

static bool is_extended(const struct coax_request *request) {
    return request->token_size > TOKEN_MAXIMUM && is_tried(request->remote);
}

bool coax_token_was_rejected(struct coax_request *request) {
    if (!is_extended(request)) {
        return false;
    }
    learn(request, TOKEN_MAXIMUM);
    return !request->has_token;
}

/* 4.00 is what a server answers that knows extended tokens, and not one as long as this. */
bool coax_token_was_refused(struct coax_request *request, uint8_t code) {
    if (!is_extended(request)) {
        return false;
    }
    bool refused = code == COAX_BAD_REQUEST && !request->has_token && !is_known(request->layer, request->remote);
    learn(request, refused ? TOKEN_MAXIMUM : request->token_size);
    return refused;
}
