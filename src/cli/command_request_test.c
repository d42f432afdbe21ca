#include "cli/commands.h"

#include "cli/capture.h"
#include <arpa/inet.h>
#include <jansson.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

/* A peer that knows of CoAP only what these tests need: it answers one datagram by fixed bytes after the message ID and
   token of the request (RFC 7252 section 3), and keeps the request. */
struct peer {
    int socket;
    char uri[64];
    const uint8_t *answer; /* code, then what follows the token; NULL: silence */
    size_t answer_size;
    uint8_t request[1024];
    size_t request_size;
    pthread_t thread;
};

static char out[4096];
static char err[4096];

static void *answer_once(void *user) {
    struct peer *peer = user;
    struct sockaddr_in from;
    socklen_t from_size = sizeof from;
    ssize_t size = recvfrom(peer->socket, peer->request, sizeof peer->request, 0, (struct sockaddr *)&from, &from_size);
    peer->request_size = size > 0 ? (size_t)size : 0;
    size_t token_size = peer->request[0] & 0x0fU;
    uint8_t answer[1024];
    if (peer->answer == NULL || peer->request_size < 4 + token_size) {
        return NULL;
    }
    memcpy(answer, peer->request, 4 + token_size);
    answer[0] = (uint8_t)(0x60 | token_size); /* version 1, ACK */
    answer[1] = peer->answer[0];
    memcpy(answer + 4 + token_size, peer->answer + 1, peer->answer_size - 1);
    sendto(peer->socket, answer, 3 + token_size + peer->answer_size, 0, (struct sockaddr *)&from, from_size);
    return NULL;
}

static void peer_bind(struct peer *peer) {
    memset(peer, 0, sizeof *peer);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    peer->socket = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_true(peer->socket >= 0);
    assert_int_equal(bind(peer->socket, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(getsockname(peer->socket, (struct sockaddr *)&address, &size), 0);
    struct timeval patience = {.tv_sec = 20};
    setsockopt(peer->socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    snprintf(peer->uri, sizeof peer->uri, "coap://127.0.0.1:%u/a", ntohs(address.sin_port));
}

static void peer_start(struct peer *peer, const void *answer, size_t size) {
    peer_bind(peer);
    peer->answer = answer;
    peer->answer_size = size;
    assert_int_equal(pthread_create(&peer->thread, NULL, answer_once, peer), 0);
}

static void peer_end(struct peer *peer) {
    pthread_join(peer->thread, NULL);
    close(peer->socket);
}

/* Runs the verb; words up to NULL. */
#define run(...) run_list((const char *const[]){__VA_ARGS__})

static int run_list(const char *const *list) {
    char *words[32];
    int count = 0;
    for (; *list != NULL; list++) {
        words[count++] = (char *)(uintptr_t)*list;
    }
    struct capture capture_out = capture_begin(stdout);
    struct capture capture_err = capture_begin(stderr);
    int code = command_request(count, words);
    capture_end(&capture_err, err, sizeof err);
    capture_end(&capture_out, out, sizeof out);
    return code;
}

static void a_response_ends_in_its_payload(void **state) {
    (void)state;
    struct peer peer;
    peer_start(&peer, "\x45\xffhello", 7); /* 2.05, payload marker */
    int code = run("get", peer.uri, "--token=0102", "--accept=text", NULL);
    peer_end(&peer);
    assert_string_equal(err, "");
    assert_int_equal(code, EXIT_OK);
    assert_string_equal(out, "hello");
    assert_int_equal(peer.request[0], 0x42); /* version 1, CON, a token of two bytes */
    assert_int_equal(peer.request[1], COAX_GET);
    assert_memory_equal(peer.request + 4,
                        "\x01\x02\xb1"
                        "a\x60",
                        5); /* the token; Uri-Path "a"; Accept 0 */
    assert_int_equal(peer.request_size, 9);
}

static void payload_and_options_are_sent(void **state) {
    (void)state;
    struct peer peer;
    peer_start(&peer, "\x44", 1); /* 2.04 */
    int code = run("put", "--payload=on", "--content-format=cbor", "--option=If-None-Match", "--option", "2049=0x05",
                   "--token=", peer.uri, NULL);
    peer_end(&peer);
    assert_string_equal(err, "");
    assert_int_equal(code, EXIT_OK);
    assert_string_equal(out, "");
    static const uint8_t expected[] = {0x50, 0x61, 'a', 0x11, 60, 0xe1, 0x06, 0xe8, 5, 0xff, 'o', 'n'};
    assert_int_equal(peer.request[0], 0x40);
    assert_int_equal(peer.request[1], COAX_PUT);
    assert_int_equal(peer.request_size, 4 + sizeof expected);
    assert_memory_equal(peer.request + 4, expected, sizeof expected);
}

static void a_failure_has_the_code_of_its_class(void **state) {
    (void)state;
    struct peer peer;
    peer_start(&peer, "\x84\xffno such thing", 15);
    int code = run("delete", peer.uri, NULL);
    peer_end(&peer);
    assert_int_equal(code, EXIT_CLIENT_ERROR);
    assert_string_equal(out, "");
    assert_string_equal(err, "coax: 4.04 Not Found\nno such thing\n");
}

static void json_names_who_answered(void **state) {
    (void)state;
    struct peer peer;
    peer_start(&peer, "\x45\xffhello", 7);
    int code = run("get", peer.uri, "--format=json", NULL);
    peer_end(&peer);
    assert_int_equal(code, EXIT_OK);
    json_t *object = json_loads(out, 0, NULL);
    assert_non_null(object);
    assert_string_equal(json_string_value(json_object_get(object, "payload")), "hello");
    const char *remote = json_string_value(json_object_get(object, "remote"));
    assert_non_null(remote);
    assert_memory_equal(peer.uri, remote, strlen(remote));
    assert_true(json_real_value(json_object_get(object, "elapsed_ms")) > 0);
    json_decref(object);
}

static void verbose_shows_both_messages(void **state) {
    (void)state;
    struct peer peer;
    peer_start(&peer, "\x45\xffhello", 7);
    int code = run("get", peer.uri, "-v", NULL);
    peer_end(&peer);
    assert_int_equal(code, EXIT_OK);
    assert_string_equal(out, "hello");
    const char *sent = strstr(err, " s -> coap://127.0.0.1:");
    const char *received = strstr(err, " s <- coap://127.0.0.1:");
    assert_non_null(sent);
    assert_non_null(received);
    assert_true(sent < received);
    assert_non_null(strstr(sent, "GET"));
    assert_non_null(strstr(received, "2.05"));
}

static void silence_ends_with_the_timeout(void **state) {
    (void)state;
    struct peer peer;
    peer_bind(&peer);
    assert_int_equal(run("get", peer.uri, "--timeout=0.2", NULL), EXIT_TIMEOUT);
    assert_string_equal(out, "");
    assert_memory_equal(err, "coax: ", 6);
    assert_int_equal(run("get", peer.uri, "--timeout=0.2", "--format=json", NULL), EXIT_TIMEOUT);
    assert_memory_equal(out, "{\"error\": {\"status\": \"COAX_E_TIMEOUT\"", 37);
    close(peer.socket);
}

static void a_closed_port_is_no_timeout(void **state) {
    (void)state;
    struct peer peer;
    peer_bind(&peer);
    close(peer.socket);
    assert_int_equal(run("get", peer.uri, "--timeout=20", NULL), EXIT_ERROR);
    assert_string_equal(out, "");
    assert_memory_equal(err, "coax: ", 6);
}

static void what_cannot_be_asked_is_a_usage_error(void **state) {
    (void)state;
    assert_int_equal(run("get", "coap://", NULL), EXIT_USAGE);
    assert_int_equal(run("get", "http://localhost/", NULL), EXIT_USAGE);
    assert_int_equal(run("get", "coap://localhost:99999/", "--format=json", NULL), EXIT_USAGE);
    assert_memory_equal(out, "{\"error\": {\"status\": \"COAX_E_URI\"", 33);
    assert_int_equal(run("put", "coap://localhost/", "--payload-file=/nonexistent/file", NULL), EXIT_USAGE);
    assert_int_equal(run("get", "coap://localhost/", "--nonsense", NULL), EXIT_USAGE);
    assert_int_equal(run("get", "coap://localhost/", "--credentials=/nonexistent/file", NULL), EXIT_USAGE);
    assert_non_null(strstr(err, "/nonexistent/file"));
}

static void coaps_needs_credentials(void **state) {
    (void)state;
    assert_int_equal(run("get", "coaps://127.0.0.1:9/", "--timeout=20", NULL), EXIT_SECURITY);
    assert_non_null(strstr(err, "--credentials FILE"));
}

/* No payload is read from where these tests get their own input. */
static int close_input(void **state) {
    (void)state;
    return freopen("/dev/null", "r", stdin) != NULL ? 0 : -1;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_response_ends_in_its_payload),
        cmocka_unit_test(payload_and_options_are_sent),
        cmocka_unit_test(a_failure_has_the_code_of_its_class),
        cmocka_unit_test(json_names_who_answered),
        cmocka_unit_test(verbose_shows_both_messages),
        cmocka_unit_test(silence_ends_with_the_timeout),
        cmocka_unit_test(a_closed_port_is_no_timeout),
        cmocka_unit_test(what_cannot_be_asked_is_a_usage_error),
        cmocka_unit_test(coaps_needs_credentials),
    };
    return cmocka_run_group_tests(tests, close_input, NULL);
}
