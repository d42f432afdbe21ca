/* Messages: codes, options, payload (RFC 7252 section 3 and 5.10). A message that a callback receives is a view into
   the receive buffer and dies when the callback returns; coax_message_copy() keeps one. */
#ifndef COAX_MESSAGE_H
#define COAX_MESSAGE_H

#include <coax/export.h>
#include <coax/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Class and detail as in "4.04": COAX_CODE(4, 4). */
#define COAX_CODE(class_, detail) ((uint8_t)(((class_) << 5) | (detail)))

/* Codes: RFC 7252 section 12.1, 7959, 8132, 8323, 8516, 8768. Any uint8_t can arrive; these have names. */
enum coax_code {
    COAX_EMPTY = COAX_CODE(0, 0),
    COAX_GET = COAX_CODE(0, 1),
    COAX_POST = COAX_CODE(0, 2),
    COAX_PUT = COAX_CODE(0, 3),
    COAX_DELETE = COAX_CODE(0, 4),
    COAX_FETCH = COAX_CODE(0, 5),
    COAX_PATCH = COAX_CODE(0, 6),
    COAX_IPATCH = COAX_CODE(0, 7),
    COAX_CREATED = COAX_CODE(2, 1),
    COAX_DELETED = COAX_CODE(2, 2),
    COAX_VALID = COAX_CODE(2, 3),
    COAX_CHANGED = COAX_CODE(2, 4),
    COAX_CONTENT = COAX_CODE(2, 5),
    COAX_CONTINUE = COAX_CODE(2, 31),
    COAX_BAD_REQUEST = COAX_CODE(4, 0),
    COAX_UNAUTHORIZED = COAX_CODE(4, 1),
    COAX_BAD_OPTION = COAX_CODE(4, 2),
    COAX_FORBIDDEN = COAX_CODE(4, 3),
    COAX_NOT_FOUND = COAX_CODE(4, 4),
    COAX_METHOD_NOT_ALLOWED = COAX_CODE(4, 5),
    COAX_NOT_ACCEPTABLE = COAX_CODE(4, 6),
    COAX_REQUEST_ENTITY_INCOMPLETE = COAX_CODE(4, 8),
    COAX_CONFLICT = COAX_CODE(4, 9),
    COAX_PRECONDITION_FAILED = COAX_CODE(4, 12),
    COAX_REQUEST_ENTITY_TOO_LARGE = COAX_CODE(4, 13),
    COAX_UNSUPPORTED_CONTENT_FORMAT = COAX_CODE(4, 15),
    COAX_UNPROCESSABLE_ENTITY = COAX_CODE(4, 22),
    COAX_TOO_MANY_REQUESTS = COAX_CODE(4, 29),
    COAX_INTERNAL_SERVER_ERROR = COAX_CODE(5, 0),
    COAX_NOT_IMPLEMENTED = COAX_CODE(5, 1),
    COAX_BAD_GATEWAY = COAX_CODE(5, 2),
    COAX_SERVICE_UNAVAILABLE = COAX_CODE(5, 3),
    COAX_GATEWAY_TIMEOUT = COAX_CODE(5, 4),
    COAX_PROXYING_NOT_SUPPORTED = COAX_CODE(5, 5),
    COAX_HOP_LIMIT_REACHED = COAX_CODE(5, 8),
    COAX_CSM = COAX_CODE(7, 1), /* signaling, over reliable transports only (RFC 8323 section 5) */
    COAX_PING = COAX_CODE(7, 2),
    COAX_PONG = COAX_CODE(7, 3),
    COAX_RELEASE = COAX_CODE(7, 4),
    COAX_ABORT = COAX_CODE(7, 5),
};

/* The class (0 to 7) and detail (0 to 31) of a code. */
static inline unsigned coax_code_class(uint8_t code) {
    return code >> 5;
}
static inline unsigned coax_code_detail(uint8_t code) {
    return code & 0x1fU;
}

/* Whether a code is one of signaling (class 7). */
static inline bool coax_code_is_signaling(uint8_t code) {
    return coax_code_class(code) == 7;
}

/* The name of a code: "GET", "Content", "Not Found"; NULL for a code without one. Static storage. */
COAX_API const char *coax_code_name(uint8_t code);

/* The code of a method by its name in any letter case ("get", "iPATCH"), or by "0.NN"; COAX_EMPTY (0) if there is none.
 */
COAX_API uint8_t coax_code_method(const char *name);

/* Message types (RFC 7252 section 4.2, 4.3). Over a reliable transport messages have none, and no ID. */
enum coax_type { COAX_CON = 0, COAX_NON = 1, COAX_ACK = 2, COAX_RST = 3, COAX_NO_TYPE = 4 };

/* Option numbers: RFC 7252, 7641, 7959, 7967, 8613, 8768, 9175, 9177. */
enum coax_option_number {
    COAX_OPTION_IF_MATCH = 1,
    COAX_OPTION_URI_HOST = 3,
    COAX_OPTION_ETAG = 4,
    COAX_OPTION_IF_NONE_MATCH = 5,
    COAX_OPTION_OBSERVE = 6,
    COAX_OPTION_URI_PORT = 7,
    COAX_OPTION_LOCATION_PATH = 8,
    COAX_OPTION_OSCORE = 9,
    COAX_OPTION_URI_PATH = 11,
    COAX_OPTION_CONTENT_FORMAT = 12,
    COAX_OPTION_MAX_AGE = 14,
    COAX_OPTION_URI_QUERY = 15,
    COAX_OPTION_HOP_LIMIT = 16,
    COAX_OPTION_ACCEPT = 17,
    COAX_OPTION_Q_BLOCK1 = 19,
    COAX_OPTION_LOCATION_QUERY = 20,
    COAX_OPTION_BLOCK2 = 23,
    COAX_OPTION_BLOCK1 = 27,
    COAX_OPTION_SIZE2 = 28,
    COAX_OPTION_Q_BLOCK2 = 31,
    COAX_OPTION_PROXY_URI = 35,
    COAX_OPTION_PROXY_SCHEME = 39,
    COAX_OPTION_SIZE1 = 60,
    COAX_OPTION_ECHO = 252,
    COAX_OPTION_NO_RESPONSE = 258,
    COAX_OPTION_REQUEST_TAG = 292,
};

/* How an option's value is read (RFC 7252 section 3.2). */
enum coax_option_format { COAX_VALUE_EMPTY, COAX_VALUE_OPAQUE, COAX_VALUE_UINT, COAX_VALUE_STRING };

/* What is known of an option number. The critical / unsafe / no-cache-key bits are those of the number (RFC 7252
 * section 5.4.6). */
typedef struct coax_option_definition {
    uint16_t number;
    const char *name; /* "Uri-Path" */
    enum coax_option_format format;
    uint16_t minimum_size, maximum_size; /* bytes of the value */
    bool repeatable;
} coax_option_definition;

/* The definition of a number, or of a name in any letter case; NULL if unknown. Static storage. */
COAX_API const coax_option_definition *coax_option_by_number(uint16_t number);
COAX_API const coax_option_definition *coax_option_by_name(const char *name);

/* The definition of a number in a message with this code: the signaling codes have options of their own (RFC 8323
 * section 5.2); all others have those of coax_option_by_number(). NULL if unknown. Static storage. */
COAX_API const coax_option_definition *coax_option_in(uint8_t code, uint16_t number);

static inline bool coax_option_is_critical(uint16_t number) {
    return (number & 1U) != 0;
}
static inline bool coax_option_is_unsafe(uint16_t number) {
    return (number & 2U) != 0;
}
static inline bool coax_option_is_no_cache_key(uint16_t number) {
    return (number & 0x1eU) == 0x1cU;
}

/* One option of a message: a view into it. */
typedef struct coax_option {
    uint16_t number;
    const uint8_t *value;
    size_t size;
} coax_option;

/* The value of an option of format uint (RFC 7252 section 3.2); UINT64_MAX if longer than 8 bytes. */
COAX_API uint64_t coax_option_uint(const coax_option *option);

/* A message, received or copied. */
typedef struct coax_message coax_message;

COAX_API uint8_t coax_message_code(const coax_message *message);
COAX_API enum coax_type coax_message_type(const coax_message *message);
COAX_API uint16_t coax_message_id(const coax_message *message);

/* The token's bytes; its size in bytes (0 to 8, more with RFC 8974) is written to *size. Owned by the message. */
COAX_API const uint8_t *coax_message_token(const coax_message *message, size_t *size);

/* The payload; NULL when its size is 0. Owned by the message. */
COAX_API const uint8_t *coax_message_payload(const coax_message *message);
COAX_API size_t coax_message_payload_size(const coax_message *message);

/* Walks the options in the order of their numbers: start with *position = 0; false at the end.
 *option is a view, valid as long as the message. */
COAX_API bool coax_message_next_option(const coax_message *message, size_t *position, coax_option *option);

/* The first option with this number; false if the message has none. */
COAX_API bool coax_message_option(const coax_message *message, uint16_t number, coax_option *option);

/* The first option with this number as an unsigned integer; `otherwise` if the message has none. */
COAX_API uint64_t coax_message_option_uint(const coax_message *message, uint16_t number, uint64_t otherwise);

/* The Content-Format (RFC 7252 section 5.10.3), or -1. */
COAX_API int coax_message_content_format(const coax_message *message);

/* Max-Age in seconds (RFC 7252 section 5.10.5), 60 if the message does not say. For 4.29 and 5.03 it is when to try
 * again. */
COAX_API uint32_t coax_message_max_age(const coax_message *message);

/* Writes path and query of the message ("/a/b?c=d", percent-encoded, RFC 7252 section 6.5) as a NUL-terminated string.
   COAX_E_TOO_LARGE if `capacity` is too small. */
COAX_API enum coax_status coax_message_path(const coax_message *message, char *out, size_t capacity);

/* Copies a message to the heap; free it with coax_message_free. NULL if memory ran out. */
COAX_API coax_message *coax_message_copy(const coax_message *message);

/* Frees a copy; its bytes are wiped. NULL is allowed. */
COAX_API void coax_message_free(coax_message *message);

/* Writes a message as people read it, one line: type and ID (if it has them), token, code, options by name, payload
   size and an excerpt. Control characters are escaped. Always NUL-terminates; returns the length that the whole line
   has, as snprintf does.
 */
COAX_API size_t coax_message_describe(const coax_message *message, char *out, size_t capacity);

#ifdef __cplusplus
}
#endif
#endif
