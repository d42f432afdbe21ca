#include "message/signaling.h"

#include <stdlib.h>
#include <strings.h>

/* In the order of the numbers. The table's columns are those of RFC 7252 section 5.10. */
static const coax_option_definition definitions[] = {
    {COAX_OPTION_IF_MATCH, "If-Match", COAX_VALUE_OPAQUE, 0, 8, true},
    {COAX_OPTION_URI_HOST, "Uri-Host", COAX_VALUE_STRING, 1, 255, false},
    {COAX_OPTION_ETAG, "ETag", COAX_VALUE_OPAQUE, 1, 8, true},
    {COAX_OPTION_IF_NONE_MATCH, "If-None-Match", COAX_VALUE_EMPTY, 0, 0, false},
    {COAX_OPTION_OBSERVE, "Observe", COAX_VALUE_UINT, 0, 3, false}, /* RFC 7641 section 2 */
    {COAX_OPTION_URI_PORT, "Uri-Port", COAX_VALUE_UINT, 0, 2, false},
    {COAX_OPTION_LOCATION_PATH, "Location-Path", COAX_VALUE_STRING, 0, 255, true},
    {COAX_OPTION_OSCORE, "OSCORE", COAX_VALUE_OPAQUE, 0, 255, false}, /* RFC 8613 section 2 */
    {COAX_OPTION_URI_PATH, "Uri-Path", COAX_VALUE_STRING, 0, 255, true},
    {COAX_OPTION_CONTENT_FORMAT, "Content-Format", COAX_VALUE_UINT, 0, 2, false},
    {COAX_OPTION_MAX_AGE, "Max-Age", COAX_VALUE_UINT, 0, 4, false},
    {COAX_OPTION_URI_QUERY, "Uri-Query", COAX_VALUE_STRING, 0, 255, true},
    {COAX_OPTION_HOP_LIMIT, "Hop-Limit", COAX_VALUE_UINT, 1, 1, false}, /* RFC 8768 section 3 */
    {COAX_OPTION_ACCEPT, "Accept", COAX_VALUE_UINT, 0, 2, false},
    {COAX_OPTION_Q_BLOCK1, "Q-Block1", COAX_VALUE_UINT, 0, 3, false}, /* RFC 9177 section 4.1 */
    {COAX_OPTION_LOCATION_QUERY, "Location-Query", COAX_VALUE_STRING, 0, 255, true},
    {COAX_OPTION_BLOCK2, "Block2", COAX_VALUE_UINT, 0, 3, false}, /* RFC 7959 section 2.1 */
    {COAX_OPTION_BLOCK1, "Block1", COAX_VALUE_UINT, 0, 3, false},
    {COAX_OPTION_SIZE2, "Size2", COAX_VALUE_UINT, 0, 4, false}, /* RFC 7959 section 4 */
    {COAX_OPTION_Q_BLOCK2, "Q-Block2", COAX_VALUE_UINT, 0, 3, true},
    {COAX_OPTION_PROXY_URI, "Proxy-Uri", COAX_VALUE_STRING, 1, 1034, false},
    {COAX_OPTION_PROXY_SCHEME, "Proxy-Scheme", COAX_VALUE_STRING, 1, 255, false},
    {COAX_OPTION_SIZE1, "Size1", COAX_VALUE_UINT, 0, 4, false},
    {COAX_OPTION_ECHO, "Echo", COAX_VALUE_OPAQUE, 1, 40, false},             /* RFC 9175 section 2.2.1 */
    {COAX_OPTION_NO_RESPONSE, "No-Response", COAX_VALUE_UINT, 0, 1, false},  /* RFC 7967 section 2 */
    {COAX_OPTION_REQUEST_TAG, "Request-Tag", COAX_VALUE_OPAQUE, 0, 8, true}, /* RFC 9175 section 3.2.1 */
};

enum { DEFINITION_COUNT = sizeof definitions / sizeof definitions[0] };

static int compare_number(const void *key, const void *element) {
    return (int)*(const uint16_t *)key - (int)((const coax_option_definition *)element)->number;
}

const coax_option_definition *coax_option_by_number(uint16_t number) {
    return bsearch(&number, definitions, DEFINITION_COUNT, sizeof definitions[0], compare_number);
}

/* The registry "CoAP Signaling Option Numbers" (RFC 8323 section 11.2). */
static const struct signaling_option {
    uint8_t code;
    coax_option_definition definition;
} signaling_options[] = {
    {COAX_CSM, {SIGNALING_MAX_MESSAGE_SIZE, "Max-Message-Size", COAX_VALUE_UINT, 0, 4, false}},
    {COAX_CSM, {SIGNALING_BLOCK_WISE_TRANSFER, "Block-Wise-Transfer", COAX_VALUE_EMPTY, 0, 0, false}},
    {COAX_CSM, {SIGNALING_EXTENDED_TOKEN_LENGTH, "Extended-Token-Length", COAX_VALUE_UINT, 0, 3, false}}, /* RFC 8974 */
    {COAX_PING, {SIGNALING_CUSTODY, "Custody", COAX_VALUE_EMPTY, 0, 0, false}},
    {COAX_PONG, {SIGNALING_CUSTODY, "Custody", COAX_VALUE_EMPTY, 0, 0, false}},
    {COAX_RELEASE, {SIGNALING_ALTERNATIVE_ADDRESS, "Alternative-Address", COAX_VALUE_STRING, 1, 255, true}},
    {COAX_RELEASE, {SIGNALING_HOLD_OFF, "Hold-Off", COAX_VALUE_UINT, 0, 3, false}},
    {COAX_ABORT, {SIGNALING_BAD_CSM_OPTION, "Bad-CSM-Option", COAX_VALUE_UINT, 0, 2, false}},
};

static const coax_option_definition *signaling_option(uint8_t code, uint16_t number) {
    for (size_t i = 0; i < sizeof signaling_options / sizeof signaling_options[0]; i++) {
        if (signaling_options[i].code == code && signaling_options[i].definition.number == number) {
            return &signaling_options[i].definition;
        }
    }
    return NULL;
}

const coax_option_definition *coax_option_in(uint8_t code, uint16_t number) {
    return coax_code_is_signaling(code) ? signaling_option(code, number) : coax_option_by_number(number);
}

const coax_option_definition *coax_option_by_name(const char *name) {
    for (size_t i = 0; i < DEFINITION_COUNT; i++) {
        if (strcasecmp(name, definitions[i].name) == 0) {
            return &definitions[i];
        }
    }
    return NULL;
}
