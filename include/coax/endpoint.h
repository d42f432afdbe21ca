/* An endpoint: sockets, timers, site, credentials and everything under way. It is client and server at once, and
 * belongs to one thread. */
#ifndef COAX_ENDPOINT_H
#define COAX_ENDPOINT_H

#include <coax/credentials.h>
#include <coax/export.h>
#include <coax/message.h>
#include <coax/remote.h>
#include <coax/site.h>
#include <coax/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct coax_endpoint coax_endpoint;

/* Told of every message that goes out (`sent`) or comes in. For logs and tools; the message is a view. */
typedef void coax_message_observer(coax_remote *remote, const coax_message *message, bool sent, void *user);

/* Told of what an operator may want to know: one line, without a newline and without secrets. */
enum coax_log_level { COAX_LOG_ERROR, COAX_LOG_WARNING, COAX_LOG_INFO, COAX_LOG_DEBUG };
typedef void coax_log_callback(enum coax_log_level level, const char *text, void *user);

/* Settings; COAX_ENDPOINT_CONFIG_INIT has the defaults in brackets. Times in milliseconds. */
typedef struct coax_endpoint_config {
    size_t size; /* sizeof(coax_endpoint_config) */
    /* RFC 7252 section 4.8 */
    uint32_t ack_timeout_ms;       /* [2000] */
    uint32_t ack_random_percent;   /* ACK_RANDOM_FACTOR in percent [150] */
    uint32_t max_retransmit;       /* [4], at most 20 */
    uint32_t nstart;               /* confirmable messages under way to one peer [1] */
    uint32_t default_leisure_ms;   /* [5000] */
    uint32_t exchange_lifetime_ms; /* how long a message ID is remembered [247000] */
    uint32_t empty_ack_delay_ms;   /* a response within this time is piggybacked [100] */
    uint32_t response_timeout_ms;  /* for a response after the acknowledgement, or to a NON [93000] */
    /* bounds */
    uint32_t max_peers;            /* remotes remembered; the longest idle one goes first [20000] */
    uint32_t max_sessions;         /* of these, with a DTLS session [10000] */
    uint32_t max_handshakes;       /* server handshakes under way; the oldest goes first [1000] */
    uint32_t max_requests;         /* own requests under way [10000] */
    uint32_t max_exchanges;        /* incoming requests not yet answered; more are answered 5.03 [10000] */
    uint32_t max_queue_per_peer;   /* messages waiting for NSTART or a handshake [64] */
    uint32_t max_replies;          /* message IDs remembered in all; the oldest answered one goes first [100000] */
    uint32_t max_replies_per_peer; /* [64] */
    uint32_t max_message_size; /* of a message, in and out, in bytes [2048], 128 to 65535; over DTLS 16128 at most */
    /* security */
    uint32_t handshake_timeout_ms;   /* a handshake's deadline [30000] */
    uint32_t session_idle_ms;        /* an idle session is closed with close_notify [300000]; 0: never */
    coax_message_observer *observer; /* may be NULL */
    coax_log_callback *log;          /* may be NULL */
    void *user;                      /* handed to the two */
} coax_endpoint_config;
/* clang-format off */
#define COAX_ENDPOINT_CONFIG_INIT {.size = sizeof(coax_endpoint_config), \
    .ack_timeout_ms = 2000, .ack_random_percent = 150, .max_retransmit = 4, .nstart = 1, .default_leisure_ms = 5000, \
    .exchange_lifetime_ms = 247000, .empty_ack_delay_ms = 100, .response_timeout_ms = 93000, .max_peers = 20000, \
    .max_sessions = 10000, .max_handshakes = 1000, .max_requests = 10000, .max_exchanges = 10000, \
    .max_queue_per_peer = 64, .max_replies = 100000, .max_replies_per_peer = 64, .max_message_size = 2048, \
    .handshake_timeout_ms = 30000, .session_idle_ms = 300000}
/* clang-format on */

/* Makes an endpoint; `config` may be NULL. COAX_E_INVALID for a setting out of range, COAX_E_NO_MEMORY, COAX_E_IO. */
COAX_API enum coax_status coax_endpoint_new(coax_endpoint **endpoint, const coax_endpoint_config *config,
                                            coax_error *error);

/* Closes every session with close_notify, fails what is under way with COAX_E_SHUT_DOWN, frees all. Not inside a
 * callback of this endpoint: use coax_endpoint_stop. NULL is allowed. */
COAX_API void coax_endpoint_free(coax_endpoint *endpoint);

/* The endpoint's own store and site: filled by the caller, freed with the endpoint. */
COAX_API coax_credentials *coax_endpoint_credentials(coax_endpoint *endpoint);
COAX_API coax_site *coax_endpoint_site(coax_endpoint *endpoint);

/* Listens on a URI such as "coap://[::]", "coaps://192.0.2.1:6000" or "coap://localhost:0" (any free port). "[::]" is
   IPv6 and IPv4. For coaps the store must hold credentials that a server can use (COAX_E_NO_CREDENTIALS). COAX_E_URI,
   COAX_E_NO_TRANSPORT, COAX_E_RESOLVE, COAX_E_IO (address in use, no permission: the text says which), COAX_E_LIMIT (64
   sockets in all), COAX_E_HANDSHAKE (DTLS cannot be set up), COAX_E_NO_MEMORY. A name is looked up before it returns:
   an address does not block. */
COAX_API enum coax_status coax_endpoint_listen(coax_endpoint *endpoint, const char *uri, coax_error *error);

/* The URI of the listener number `index` (from 0, in the order of the calls) with the port that it got.
 * COAX_E_NOT_FOUND, COAX_E_TOO_LARGE. */
COAX_API enum coax_status coax_endpoint_listening_uri(const coax_endpoint *endpoint, size_t index, char *out,
                                                      size_t capacity);

/* Joins a multicast group ("224.0.1.187", "ff02::fd%eth0") on the coap listeners of its family that are bound to all
   addresses. COAX_E_INVALID (no group, no such interface), COAX_E_IO (joined already, or refused by the system),
   COAX_E_STATE (no such listener). */
COAX_API enum coax_status coax_endpoint_join(coax_endpoint *endpoint, const char *group, coax_error *error);

/* For somebody else's loop: wait until the fd is readable or the timeout (in milliseconds; -1: no deadline) passes,
   then process. What is sent outside of it goes out with the next coax_endpoint_process: ask for the timeout again
   after such calls. COAX_E_IO; COAX_E_STATE inside a callback of this endpoint. */
COAX_API int coax_endpoint_fd(const coax_endpoint *endpoint);
COAX_API int coax_endpoint_timeout_ms(const coax_endpoint *endpoint);
COAX_API enum coax_status coax_endpoint_process(coax_endpoint *endpoint, coax_error *error);

/* The built-in loop: waits and processes until coax_endpoint_stop; a stop before it began counts. The same errors. */
COAX_API enum coax_status coax_endpoint_run(coax_endpoint *endpoint, coax_error *error);

/* Makes coax_endpoint_run return soon. Async-signal-safe, and the only function that another thread may call. */
COAX_API void coax_endpoint_stop(coax_endpoint *endpoint);

/* CoAP ping (RFC 7252 section 1.2): an Empty confirmable message; the callback gets COAX_OK and NULL when the peer's
   Reset came, else the error, once, never inside this call. It is not called when this call fails: with the errors of
   coax_request_new() and coax_request_send(). */
typedef void coax_ping_callback(enum coax_status status, const coax_error *error, void *user);
COAX_API enum coax_status coax_endpoint_ping(coax_endpoint *endpoint, const char *uri, coax_ping_callback *callback,
                                             void *user, coax_error *error);

#ifdef __cplusplus
}
#endif
#endif
