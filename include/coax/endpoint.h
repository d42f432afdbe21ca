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

/* Told when a connection (RFC 8323) or a DTLS session is open (`error` is NULL): from then on the remote can be sent
   requests, whoever began it. And told when it is over, with why, once. The remote is a view: coax_remote_ref() keeps
   it. */
typedef void coax_connection_observer(coax_remote *remote, const coax_error *error, void *user);

/* When a message over UDP or DTLS that is not acknowledged goes out again. */
enum coax_congestion_control {
    COAX_CONGESTION_DEFAULT, /* after ack_timeout_ms, whoever the peer is (RFC 7252 section 4.2) */
    COAX_CONGESTION_COCOA,   /* after what the peer's round trips took so far (CoCoA, draft-ietf-core-cocoa-03) */
};

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
    /* congestion control */
    enum coax_congestion_control congestion_control; /* [COAX_CONGESTION_DEFAULT] */
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
    /* extended tokens (RFC 8974) */
    uint32_t max_token_size; /* of a request that comes, in bytes; connections announce it [8], to 64. A longer one over
                                UDP is answered 4.00 if this is more than 8, else rejected as malformed */
    uint32_t token_size; /* of own requests, in bytes, where the peer takes so many: else 8 [8], to max_token_size */
    /* bodies in blocks (RFC 7959) and observations (RFC 7641) */
    uint32_t block_size;      /* the largest block that is sent and asked for over datagrams, in bytes [1024]: 16,
                                 32, 64, 128, 256, 512 or 1024 */
    uint32_t max_body_size;   /* of a body that is gathered or kept whole, in bytes [8388608] */
    uint32_t max_body_memory; /* of all of them; the one that waited longest goes first [67108864] */
    uint32_t max_bodies;      /* incoming ones that are not whole yet, and outgoing ones that are not fetched
                                 yet; the same [1000] */
    uint32_t body_timeout_ms; /* so long the next block may take [247000] */
    uint32_t max_observers;   /* in all; who registers beyond is answered without being observer [100000] */
    uint32_t max_observers_per_peer; /* [100] */
    bool echo_amplified; /* a UDP peer whose address is not verified is asked to repeat its request with an Echo before
                            it gets more than three times what it sent (RFC 9175 section 2.3) [false] */
    bool q_block; /* over UDP and DTLS, bodies go in bursts (RFC 9177: Q-Block1 and Q-Block2) with peers that take them:
                     requests offer it, and go on block by block where it is refused with 4.02; the server takes it
                     from peers whose address is verified [false] */
    /* security */
    uint32_t handshake_timeout_ms; /* a handshake's deadline, and that of a connection's opening, until the peer's CSM
                                      [30000] */
    bool connection_ids;           /* DTLS sessions have Connection IDs where the peer knows them (RFC 9146): a client
                                      whose address changes keeps its session [true] */
    uint32_t session_idle_ms;      /* an idle DTLS session is closed with close_notify, an idle connection that this end
                                      opened is released [300000]; 0: never */
    /* connections (RFC 8323) */
    uint32_t max_connections;             /* the longest idle one goes first [10000] */
    uint32_t max_connection_openings;     /* accepted ones that are being opened; the oldest goes first [2000] */
    uint32_t max_requests_per_connection; /* a peer's requests not yet answered; more are not read [64] */
    uint32_t max_stream_message_size;     /* our Max-Message-Size, in bytes [1048576]; 1152 to 16777216 */
    uint32_t max_stream_output;           /* bytes that wait for a peer to read them; more of its requests are not read,
                                             more of our own queue [65536]. An end that waits for answers itself reads
                                             on, up to a sixteenth of max_stream_memory */
    uint32_t max_stream_memory;           /* bytes that wait in all connections, in and out; for more the one that
                                             holds most is aborted [67108864] */
    uint32_t message_timeout_ms;          /* for a message to arrive whole, and a second more for each KiB that came
                                             [30000] */
    uint32_t ping_interval_ms;            /* a connection that is silent for so long is sent a Ping [60000]; 0: never */
    uint32_t ping_timeout_ms;             /* without an answer for so long it is lost [20000] */
    uint32_t release_timeout_ms;          /* so long a peer may take to close a released connection [5000] */
    /* WebSocket: pages of these origins may connect, such as "https://example.org:8443", or "*"; none: pages of the
       host that is asked. The texts outlive the endpoint. */
    const char *const *origins;
    uint32_t origin_count;
    bool trust_forwarded; /* WebSocket: the proxy before us tells the truth in Forwarded or
                             X-Forwarded-For; false where clients connect themselves [false] */
    /* callbacks; each may be NULL */
    coax_message_observer *observer;
    coax_connection_observer *connections;
    coax_log_callback *log;
    void *user; /* handed to them */
} coax_endpoint_config;
/* clang-format off */
#define COAX_ENDPOINT_CONFIG_INIT {.size = sizeof(coax_endpoint_config), \
    .ack_timeout_ms = 2000, .ack_random_percent = 150, .max_retransmit = 4, .nstart = 1, \
    .congestion_control = COAX_CONGESTION_DEFAULT, .default_leisure_ms = 5000, \
    .exchange_lifetime_ms = 247000, .empty_ack_delay_ms = 100, .response_timeout_ms = 93000, .max_peers = 20000, \
    .max_sessions = 10000, .max_handshakes = 1000, .max_requests = 10000, .max_exchanges = 10000, \
    .max_queue_per_peer = 64, .max_replies = 100000, .max_replies_per_peer = 64, .max_message_size = 2048, \
    .max_token_size = 8, .token_size = 8, \
    .block_size = 1024, .max_body_size = 8388608, .max_body_memory = 67108864, .max_bodies = 1000, \
    .body_timeout_ms = 247000, .max_observers = 100000, .max_observers_per_peer = 100, \
    .handshake_timeout_ms = 30000, .connection_ids = true, .session_idle_ms = 300000, .max_connections = 10000, \
    .max_connection_openings = 2000, .max_requests_per_connection = 64, .max_stream_message_size = 1048576, \
    .max_stream_output = 65536, .max_stream_memory = 67108864, .message_timeout_ms = 30000, \
    .ping_interval_ms = 60000, .ping_timeout_ms = 20000, .release_timeout_ms = 5000}
/* clang-format on */

/* Makes an endpoint; `config` may be NULL. COAX_E_INVALID for a setting out of range, COAX_E_NO_MEMORY, COAX_E_IO. */
COAX_API enum coax_status coax_endpoint_new(coax_endpoint **endpoint, const coax_endpoint_config *config,
                                            coax_error *error);

/* Closes every session with close_notify and every connection with Release, without waiting for peers (coax_endpoint_
   release does), fails what is under way with COAX_E_SHUT_DOWN, frees all. Not inside a callback of this endpoint: use
   coax_endpoint_stop. NULL is allowed. */
COAX_API void coax_endpoint_free(coax_endpoint *endpoint);

/* The endpoint's own store and site: filled by the caller, freed with the endpoint. */
COAX_API coax_credentials *coax_endpoint_credentials(coax_endpoint *endpoint);
COAX_API coax_site *coax_endpoint_site(coax_endpoint *endpoint);

/* Listens on a URI such as "coap://[::]", "coaps+tcp://192.0.2.1:6000", "coap+ws://[::]:8683" or "coap://localhost:0"
   (any free port), of any of the six schemes. "[::]" is IPv6 and IPv4. For a secure scheme the store must hold
   credentials that a server can use (COAX_E_NO_CREDENTIALS). COAX_E_URI, COAX_E_RESOLVE, COAX_E_IO
   (address in use, no permission: the text says which), COAX_E_LIMIT (64 sockets that listen or carry datagrams),
   COAX_E_HANDSHAKE (DTLS or TLS cannot be set up), COAX_E_NO_MEMORY. A name is looked up before it returns: an address
   does not block. */
COAX_API enum coax_status coax_endpoint_listen(coax_endpoint *endpoint, const char *uri, coax_error *error);

/* The same with a socket that is bound (and, for connections, listening) already, as systemd's socket activation hands
   it over. The URI's scheme says what is spoken; its host, if it is a name, goes into coax_endpoint_listening_uri. The
   endpoint owns the fd on success. COAX_E_INVALID: it is no such socket. */
COAX_API enum coax_status coax_endpoint_listen_fd(coax_endpoint *endpoint, const char *uri, int fd, coax_error *error);

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

/* Makes coax_endpoint_run return soon. Async-signal-safe. This and coax_endpoint_post are the only functions that
   another thread may call. */
COAX_API void coax_endpoint_stop(coax_endpoint *endpoint);

/* Has `call` called on the endpoint's thread, inside coax_endpoint_process, soon and in the order of one thread's
   posts. Async-signal-safe, from any thread. Never called is what still waits when the endpoint is freed. COAX_E_LIMIT:
   256 calls wait already. */
typedef void coax_posted_call(coax_endpoint *endpoint, void *user);
COAX_API enum coax_status coax_endpoint_post(coax_endpoint *endpoint, coax_posted_call *call, void *user);

/* Opens the connection or session that requests to the URI would use, if there is none, and gives its remote before it
   is open: a new reference. As long as that is held the connection is not closed for being idle. What becomes of it the
   `connections` callback is told. COAX_E_UNSUPPORTED for coap, which has none. For coaps a name is looked up before it
   returns. Else the errors of coax_request_new() and coax_request_send(). */
COAX_API enum coax_status coax_endpoint_connect(coax_endpoint *endpoint, const char *uri, coax_remote **remote,
                                                coax_error *error);

/* Releases every connection and runs the loop until the peers have closed them, or the deadline has passed: to be
   called before coax_endpoint_free by who cares that what was sent arrives. At once if there are no connections. The
   errors of coax_endpoint_process; COAX_E_TIMEOUT if a peer did not close. */
COAX_API enum coax_status coax_endpoint_release(coax_endpoint *endpoint, uint32_t timeout_ms, coax_error *error);

/* CoAP ping: an Empty confirmable message (RFC 7252 section 1.2), or a Ping (RFC 8323 section 5.4); the callback gets
   COAX_OK and NULL when the peer's Reset or Pong came, else the error, once, never inside this call. It is not called
   when this call fails: with the errors of coax_request_new() and coax_request_send(). */
typedef void coax_ping_callback(enum coax_status status, const coax_error *error, void *user);
COAX_API enum coax_status coax_endpoint_ping(coax_endpoint *endpoint, const char *uri, coax_ping_callback *callback,
                                             void *user, coax_error *error);

/* The same to a remote. Without an answer for ping_timeout_ms it is COAX_E_TIMEOUT. Connections (RFC 8323) are sent
   Pings anyway, when they are silent; a DTLS session whose peer is gone without a word shows it only by this. */
COAX_API enum coax_status coax_endpoint_ping_remote(coax_endpoint *endpoint, coax_remote *remote,
                                                    coax_ping_callback *callback, void *user, coax_error *error);

#ifdef __cplusplus
}
#endif
#endif
