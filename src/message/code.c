#include <coax/message.h>

#include <strings.h>

/* Indexed by the code. RFC 7252 section 12.1; RFC 7959 section 2.9 (2.31, 4.08); RFC 8132 (FETCH, PATCH, iPATCH, 4.09,
   4.22); RFC 8516 (4.29); RFC 8768 (5.08); RFC 8323 section 5 (7.NN). */
static const char *const names[256] = {
    [COAX_EMPTY] = "Empty",
    [COAX_GET] = "GET",
    [COAX_POST] = "POST",
    [COAX_PUT] = "PUT",
    [COAX_DELETE] = "DELETE",
    [COAX_FETCH] = "FETCH",
    [COAX_PATCH] = "PATCH",
    [COAX_IPATCH] = "iPATCH",
    [COAX_CREATED] = "Created",
    [COAX_DELETED] = "Deleted",
    [COAX_VALID] = "Valid",
    [COAX_CHANGED] = "Changed",
    [COAX_CONTENT] = "Content",
    [COAX_CONTINUE] = "Continue",
    [COAX_BAD_REQUEST] = "Bad Request",
    [COAX_UNAUTHORIZED] = "Unauthorized",
    [COAX_BAD_OPTION] = "Bad Option",
    [COAX_FORBIDDEN] = "Forbidden",
    [COAX_NOT_FOUND] = "Not Found",
    [COAX_METHOD_NOT_ALLOWED] = "Method Not Allowed",
    [COAX_NOT_ACCEPTABLE] = "Not Acceptable",
    [COAX_REQUEST_ENTITY_INCOMPLETE] = "Request Entity Incomplete",
    [COAX_CONFLICT] = "Conflict",
    [COAX_PRECONDITION_FAILED] = "Precondition Failed",
    [COAX_REQUEST_ENTITY_TOO_LARGE] = "Request Entity Too Large",
    [COAX_UNSUPPORTED_CONTENT_FORMAT] = "Unsupported Content-Format",
    [COAX_UNPROCESSABLE_ENTITY] = "Unprocessable Entity",
    [COAX_TOO_MANY_REQUESTS] = "Too Many Requests",
    [COAX_INTERNAL_SERVER_ERROR] = "Internal Server Error",
    [COAX_NOT_IMPLEMENTED] = "Not Implemented",
    [COAX_BAD_GATEWAY] = "Bad Gateway",
    [COAX_SERVICE_UNAVAILABLE] = "Service Unavailable",
    [COAX_GATEWAY_TIMEOUT] = "Gateway Timeout",
    [COAX_PROXYING_NOT_SUPPORTED] = "Proxying Not Supported",
    [COAX_HOP_LIMIT_REACHED] = "Hop Limit Reached",
    [COAX_CSM] = "CSM",
    [COAX_PING] = "Ping",
    [COAX_PONG] = "Pong",
    [COAX_RELEASE] = "Release",
    [COAX_ABORT] = "Abort",
};

enum { METHODS_END = 32 /* codes 0.01 to 0.31 are methods */ };

const char *coax_code_name(uint8_t code) {
    return names[code];
}

/* "0.NN" with exactly two digits, as in RFC 7252 section 3; 0 if it is something else. */
static uint8_t method_by_digits(const char *text) {
    if (text[0] != '0' || text[1] != '.' || text[2] < '0' || text[2] > '3' || text[3] < '0' || text[3] > '9'
        || text[4] != '\0') {
        return COAX_EMPTY;
    }
    int detail = (text[2] - '0') * 10 + (text[3] - '0');
    return detail < METHODS_END ? (uint8_t)detail : (uint8_t)COAX_EMPTY;
}

uint8_t coax_code_method(const char *name) {
    for (unsigned code = COAX_GET; code < METHODS_END; code++) {
        if (names[code] != NULL && strcasecmp(name, names[code]) == 0) {
            return (uint8_t)code;
        }
    }
    return method_by_digits(name);
}
