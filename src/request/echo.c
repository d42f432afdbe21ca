#include "request/echo.h"

#include <nettle/hmac.h>
#include <nettle/memops.h>
#include <string.h>

enum { TIME_SIZE = 8, CODE_SIZE = ECHO_SIZE - TIME_SIZE, AMPLIFICATION_MAXIMUM = 3 };

static void authenticate(const struct request_layer *layer, const struct coax_remote *remote,
                         const uint8_t time[TIME_SIZE], uint8_t code[CODE_SIZE]) {
    struct hmac_sha256_ctx context;
    uint8_t scheme = (uint8_t)remote->scheme;
    hmac_sha256_set_key(&context, sizeof layer->echo_key, layer->echo_key);
    hmac_sha256_update(&context, TIME_SIZE, time);
    hmac_sha256_update(&context, 1, &scheme);
    hmac_sha256_update(&context, sizeof remote->address, (const uint8_t *)&remote->address);
    hmac_sha256_digest(&context, CODE_SIZE, code);
}

static uint64_t read_time(const uint8_t *from) {
    uint64_t time = 0;
    for (int i = 0; i < TIME_SIZE; i++) {
        time = time << 8 | from[i];
    }
    return time;
}

void coax_echo_make(const struct request_layer *layer, const struct coax_remote *remote, uint8_t value[ECHO_SIZE]) {
    for (int i = 0; i < TIME_SIZE; i++) {
        value[i] = (uint8_t)(layer->now >> (8 * (TIME_SIZE - 1 - i)));
    }
    authenticate(layer, remote, value, value + TIME_SIZE);
}

bool coax_echo_is_valid(const struct request_layer *layer, const struct coax_remote *remote,
                        const struct coax_message *request) {
    struct coax_option echo;
    uint8_t code[CODE_SIZE];
    if (!coax_message_option(request, COAX_OPTION_ECHO, &echo) || echo.size != ECHO_SIZE) {
        return false;
    }
    authenticate(layer, remote, echo.value, code);
    uint64_t made = read_time(echo.value);
    return memeql_sec(code, echo.value + TIME_SIZE, CODE_SIZE) && made <= layer->now
           && layer->now - made <= ECHO_LIFETIME_S * COAX_SECOND;
}

bool coax_echo_is_needed(const coax_exchange *exchange, size_t response_size) {
    const struct coax_remote *remote = exchange->remote;
    return exchange->layer->settings.echo_amplified && remote->scheme == COAX_SCHEME_COAP && !remote->is_verified
           && response_size > (size_t)exchange->request_size * AMPLIFICATION_MAXIMUM;
}
