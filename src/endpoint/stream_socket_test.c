#include "endpoint/endpoint.h"
#include "endpoint_fixture.h"
#include "raw_peer.h"
#include "virtual_clock.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* How often somebody read. */
static unsigned received;

ssize_t recv(int fd, void *out, size_t size, int flags) {
    received++;
    return recvfrom(fd, out, size, flags, NULL, NULL);
}

enum { LARGE = 60000 };
static uint8_t large[LARGE];

static void serve_large(coax_exchange *exchange, const coax_message *request, void *user) {
    unsigned *asked = user;
    (void)request;
    ++*asked;
    (void)coax_respond(exchange, COAX_CONTENT, COAX_NO_FORMAT, large, sizeof large);
}

/* A server of "hello" and, at its root, of something large; a raw client that has said its CSM. */
struct fixture {
    struct endpoint_pair pair;
    unsigned asked;
    int fd;
};

static int connect_raw(struct fixture *fixture) {
    int fd = raw_connect(fixture->pair.uri);
    uint8_t csm[1];
    assert_true(fd >= 0);
    static const uint8_t large_csm[] = {0x40, 0xe1, 0x23, 0x10, 0x00, 0x00}; /* with our Max-Message-Size */
    assert_true(raw_send(fixture->pair.server, fd, large_csm, sizeof large_csm));
    assert_int_equal(raw_receive(fixture->pair.server, fd, csm, 1), 1);
    uint8_t rest[64];
    assert_true(raw_receive(fixture->pair.server, fd, rest, 1U + (csm[0] >> 4)) > 0); /* code and options */
    return fd;
}

static int set_up(void **state) {
    static struct fixture fixture;
    coax_resource_config config = COAX_RESOURCE_CONFIG_INIT;
    coax_endpoint_config settings = COAX_ENDPOINT_CONFIG_INIT;
    settings.max_message_size = 65535;
    fixture = (struct fixture){.fd = -1};
    config.get = serve_large;
    config.user = &fixture.asked;
    if (!make_pair_of(&fixture.pair, "coap+tcp://127.0.0.1:0", &settings)
        || coax_site_add(coax_endpoint_site(fixture.pair.server), "", &config, NULL) == NULL) {
        return -1;
    }
    fixture.fd = connect_raw(&fixture);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *fixture = *state;
    if (fixture->fd >= 0) {
        close(fixture->fd);
    }
    free_pair(&fixture->pair);
    coax_virtual_clock_off();
    return 0;
}

static struct stream_layer *layer_of(const struct fixture *fixture) {
    return &fixture->pair.server->stack->streams;
}

static bool turn_until_connections(struct fixture *fixture, uint32_t count) {
    for (int i = 0; i < 1000 && stream_connection_count(layer_of(fixture)) != count; i++) {
        struct pollfd wait = {.fd = coax_endpoint_fd(fixture->pair.server), .events = POLLIN};
        (void)poll(&wait, 1, 5);
        assert_int_equal(coax_endpoint_process(fixture->pair.server, NULL), COAX_OK);
    }
    return stream_connection_count(layer_of(fixture)) == count;
}

/* Who ends its half right behind its request gets the answer, and then the end. */
static void a_peer_that_ends_its_half_is_answered(void **state) {
    struct fixture *fixture = *state;
    uint8_t answer[256];
    assert_true(raw_send(fixture->pair.server, fixture->fd, raw_get_hello, sizeof raw_get_hello));
    assert_int_equal(shutdown(fixture->fd, SHUT_WR), 0);
    ssize_t size = raw_receive(fixture->pair.server, fixture->fd, answer, sizeof answer);
    assert_true(size > 14);
    assert_memory_equal(answer + size - 12, "hello nobody", 12);
    assert_true(turn_until_connections(fixture, 0));
    assert_int_equal(fixture->pair.server->lingering.count, 0);
}

static void a_reset_is_not_a_reason_to_turn_for_ever(void **state) {
    struct fixture *fixture = *state;
    raw_reset_at_close(fixture->fd);
    close(fixture->fd);
    fixture->fd = -1;
    assert_true(turn_until_connections(fixture, 0));
    struct pollfd wait = {.fd = coax_endpoint_fd(fixture->pair.server), .events = POLLIN};
    assert_int_equal(coax_endpoint_process(fixture->pair.server, NULL), COAX_OK);
    assert_int_equal(poll(&wait, 1, 0), 0);
}

/* A peer that asks and asks, and reads nothing: its requests stay where they are, the server keeps no more than one
   answer beyond its bound, and sleeps. When the peer reads at last, all the answers come. */
static void a_peer_that_does_not_read_is_not_read(void **state) {
    struct fixture *fixture = *state;
    static const uint8_t ask[] = {0x00, 0x01};
    const int window = 256 * 1024;
    (void)setsockopt(fixture->fd, SOL_SOCKET, SO_RCVBUF, &window, sizeof window);
    unsigned sent = 0;
    for (int i = 0; i < 500; i++) {
        if (send(fixture->fd, ask, sizeof ask, MSG_DONTWAIT | MSG_NOSIGNAL) == sizeof ask) {
            sent++;
        }
        assert_int_equal(coax_endpoint_process(fixture->pair.server, NULL), COAX_OK);
    }
    assert_int_equal(sent, 500);
    assert_true(fixture->asked < 200);
    assert_true(layer_of(fixture)->memory < 65536U + 2U * LARGE);
    struct pollfd wait = {.fd = coax_endpoint_fd(fixture->pair.server), .events = POLLIN};
    assert_int_equal(poll(&wait, 1, 0), 0);
    assert_true(coax_endpoint_timeout_ms(fixture->pair.server) != 0);
    enum { FRAME = LARGE + 6 }; /* 4 bits and 2 bytes of length, the code, the payload's marker */
    static uint8_t answers[FRAME];
    for (unsigned i = 0; i < sent; i++) {
        ssize_t size = raw_receive(fixture->pair.server, fixture->fd, answers, 2);
        assert_int_equal(size, 2);
        size_t length = answers[0] >> 4 == 14 ? LARGE + 1U + 3U : 0;
        assert_true(length != 0);
        size = raw_receive(fixture->pair.server, fixture->fd, answers, length - 1);
        assert_int_equal(size, (ssize_t)length - 1);
    }
    assert_int_equal(fixture->asked, sent);
}

/* The same with requests that are larger than their answers are few: they fill what the system keeps for both ends, and
   nothing more. */
static void what_is_not_read_stays_with_the_sender(void **state) {
    struct fixture *fixture = *state;
    enum { PAYLOAD = 60000, HEAD = 5, ENOUGH = 64 * 1024 * 1024, PATIENCE = 50 };
    static uint8_t ask[HEAD + PAYLOAD] = {0xe0, (PAYLOAD + 1 - 269) >> 8, (PAYLOAD + 1 - 269) & 0xff, 0x01, 0xff};
    size_t sent = 0;
    for (int idle = 0; idle < PATIENCE && sent < ENOUGH;) {
        size_t at = sent % sizeof ask;
        ssize_t count = send(fixture->fd, ask + at, sizeof ask - at, MSG_DONTWAIT | MSG_NOSIGNAL);
        assert_true(count > 0 || errno == EAGAIN);
        idle = count > 0 ? 0 : idle + 1;
        sent += count > 0 ? (size_t)count : 0;
        assert_int_equal(coax_endpoint_process(fixture->pair.server, NULL), COAX_OK);
    }
    assert_true(sent < ENOUGH);
    assert_true(layer_of(fixture)->memory < 65536U + 4U * LARGE + 4U * STREAM_INPUT_SIZE);
    struct pollfd wait = {.fd = coax_endpoint_fd(fixture->pair.server), .events = POLLIN};
    assert_int_equal(poll(&wait, 1, 0), 0);
    unsigned asked = fixture->asked;
    static uint8_t answers[4 * LARGE];
    assert_int_equal(raw_receive(fixture->pair.server, fixture->fd, answers, sizeof answers), sizeof answers);
    for (int i = 0; i < 1000 && fixture->asked == asked; i++) { /* with room, more is read */
        (void)recv(fixture->fd, answers, sizeof answers, MSG_DONTWAIT);
        assert_int_equal(coax_endpoint_process(fixture->pair.server, NULL), COAX_OK);
    }
    assert_true(fixture->asked > asked);
}

/* Asks until answers wait in the connection because the system takes no more of them, but few enough to be read on. */
static unsigned ask_until_answers_wait(struct fixture *fixture) {
    static const uint8_t ask[] = {0x00, 0x01};
    unsigned asked = 0;
    while (layer_of(fixture)->memory == 0) {
        assert_true(raw_send(fixture->pair.server, fixture->fd, ask, sizeof ask));
        asked++;
        for (int i = 0; i < 100 && fixture->asked < asked; i++) {
            assert_int_equal(coax_endpoint_process(fixture->pair.server, NULL), COAX_OK);
        }
        assert_int_equal(fixture->asked, asked);
    }
    return asked;
}

/* It has said all, and reads slowly: its end is not told again and again, and all is answered before ours. */
static void an_end_before_the_answers_is_waited_with(void **state) {
    struct fixture *fixture = *state;
    enum { FRAME = LARGE + 5 };
    static uint8_t answer[FRAME];
    unsigned asked = ask_until_answers_wait(fixture);
    assert_int_equal(shutdown(fixture->fd, SHUT_WR), 0);
    struct pollfd wait = {.fd = coax_endpoint_fd(fixture->pair.server), .events = POLLIN};
    bool is_quiet = false;
    for (int i = 0; i < 100; i++) {
        is_quiet = poll(&wait, 1, 1) == 0;
        assert_int_equal(coax_endpoint_process(fixture->pair.server, NULL), COAX_OK);
    }
    assert_true(is_quiet);
    assert_int_equal(stream_connection_count(layer_of(fixture)), 1);
    for (unsigned i = 0; i < asked; i++) {
        assert_int_equal(raw_receive(fixture->pair.server, fixture->fd, answer, FRAME), FRAME);
    }
    assert_int_equal(raw_receive(fixture->pair.server, fixture->fd, answer, FRAME), 0);
    assert_true(turn_until_connections(fixture, 0));
}

/* Nobody reads what it sends, but that it is gone is heard. */
static void a_reset_is_heard_although_no_input_is_wanted(void **state) {
    struct fixture *fixture = *state;
    static const uint8_t ask[] = {0x00, 0x01};
    for (int i = 0; i < 500; i++) {
        assert_true(raw_send(fixture->pair.server, fixture->fd, ask, sizeof ask));
        assert_int_equal(coax_endpoint_process(fixture->pair.server, NULL), COAX_OK);
    }
    assert_true(fixture->asked < 500);
    raw_reset_at_close(fixture->fd);
    close(fixture->fd);
    fixture->fd = -1;
    assert_true(turn_until_connections(fixture, 0));
}

/* While one sends as fast as it can, another one is answered. */
static void a_flood_does_not_keep_others_waiting(void **state) {
    struct fixture *fixture = *state;
    static uint8_t pings[64 * 1024]; /* empty messages: read, and not answered */
    uint8_t answer[2];
    int other = connect_raw(fixture);
    while (send(fixture->fd, pings, sizeof pings, MSG_DONTWAIT | MSG_NOSIGNAL) > 0) {
    }
    assert_int_equal(send(other, raw_get_hello, sizeof raw_get_hello, MSG_NOSIGNAL), sizeof raw_get_hello);
    bool is_answered = false;
    for (int i = 0; i < 4 && !is_answered; i++) {
        received = 0;
        assert_int_equal(coax_endpoint_process(fixture->pair.server, NULL), COAX_OK);
        assert_true(received <= 2 * 4); /* pieces, of two connections */
        is_answered = recv(other, answer, sizeof answer, MSG_DONTWAIT) == sizeof answer;
    }
    assert_true(is_answered);
    close(other);
}

/* Sends MiB after MiB to a server that takes what comes; false when it took no more. */
static bool send_mebibytes(const struct fixture *fixture, unsigned count) {
    enum { PIECES = 16 };
    static const uint8_t piece[1024 * 1024 / PIECES];
    bool goes_on = true;
    for (unsigned i = 0; i < count * PIECES && goes_on; i++) {
        goes_on = raw_send(fixture->pair.server, fixture->fd, piece, sizeof piece);
        assert_int_equal(coax_endpoint_process(fixture->pair.server, NULL), COAX_OK);
    }
    return goes_on;
}

/* The peer says what is refused, and a lot more. Closing with that unread would reset the connection, and the reset
   would destroy the Abort that says why. */
static void the_last_word_arrives_although_input_is_unread(void **state) {
    struct fixture *fixture = *state;
    static const uint8_t reserved_length[] = {0x0f, 0x01}; /* a token length of 15 */
    uint8_t abort_frame[512];
    assert_true(raw_send(fixture->pair.server, fixture->fd, reserved_length, sizeof reserved_length));
    assert_true(send_mebibytes(fixture, 8));
    ssize_t size = raw_receive(fixture->pair.server, fixture->fd, abort_frame, sizeof abort_frame);
    assert_true(size > 3);
    assert_int_equal(abort_frame[2], COAX_ABORT); /* behind a length of 8 bits */
    assert_int_equal(stream_connection_count(layer_of(fixture)), 0);
    assert_int_equal(fixture->pair.server->lingering.count, 1);
    close(fixture->fd);
    fixture->fd = -1;
    for (int i = 0; i < 1000 && fixture->pair.server->lingering.count > 0; i++) {
        (void)poll(NULL, 0, 1);
        assert_int_equal(coax_endpoint_process(fixture->pair.server, NULL), COAX_OK);
    }
    assert_int_equal(fixture->pair.server->lingering.count, 0);
}

static void refuse_it(struct fixture *fixture, int fd) {
    static const uint8_t reserved_length[] = {0x0f, 0x01};
    assert_true(raw_send(fixture->pair.server, fd, reserved_length, sizeof reserved_length));
}

static uint64_t real_now(void) {
    struct timespec now;
    (void)syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

/* Who was told the end, and does not end, is left after a while. */
static void lingering_has_an_end(void **state) {
    struct fixture *fixture = *state;
    refuse_it(fixture, fixture->fd);
    assert_true(turn_until_connections(fixture, 0));
    assert_int_equal(fixture->pair.server->lingering.count, 1);
    coax_virtual_clock_set(real_now() + 1900U * 1000000U);
    assert_int_equal(coax_endpoint_process(fixture->pair.server, NULL), COAX_OK);
    assert_int_equal(fixture->pair.server->lingering.count, 1);
    coax_virtual_clock_advance(200U * 1000000U);
    assert_int_equal(coax_endpoint_process(fixture->pair.server, NULL), COAX_OK);
    assert_int_equal(fixture->pair.server->lingering.count, 0);
    assert_int_equal(coax_endpoint_timeout_ms(fixture->pair.server), -1);
}

/* Nor is more than so much of what comes thrown away, nor so many of them waited for. */
static void lingering_has_bounds(void **state) {
    struct fixture *fixture = *state;
    enum { MANY = 300, MAXIMUM = 256 };
    int fds[MANY];
    refuse_it(fixture, fixture->fd);
    assert_false(send_mebibytes(fixture, 32));
    assert_int_equal(fixture->pair.server->lingering.count, 0);
    for (int i = 0; i < MANY; i++) {
        fds[i] = connect_raw(fixture);
        refuse_it(fixture, fds[i]);
    }
    assert_true(turn_until_connections(fixture, 0));
    assert_int_equal(fixture->pair.server->lingering.count, MAXIMUM);
    for (int i = 0; i < MANY; i++) {
        close(fds[i]);
    }
}

static void ask_raw_server(struct fixture *fixture, struct answer *answer, int *listener, int *fd) {
    char uri[64];
    uint16_t port = 0;
    *listener = raw_listen("127.0.0.1", &port, 8);
    assert_true(*listener >= 0);
    (void)snprintf(uri, sizeof uri, "coap+tcp://127.0.0.1:%u", port);
    assert_int_equal(begin_hello(&fixture->pair, uri, answer), COAX_OK);
    assert_true(raw_wait(fixture->pair.client, *listener, POLLIN));
    *fd = accept(*listener, NULL, NULL);
    assert_true(*fd >= 0);
    assert_true(raw_send(fixture->pair.client, *fd, raw_csm, sizeof raw_csm));
    uint8_t bytes[16];
    assert_true(raw_receive(fixture->pair.client, *fd, bytes, sizeof bytes) == sizeof bytes); /* CSM and request */
}

static void a_reset_is_told_to_who_waits(void **state) {
    struct fixture *fixture = *state;
    struct answer answer;
    int listener, fd;
    ask_raw_server(fixture, &answer, &listener, &fd);
    raw_reset_at_close(fd);
    close(fd);
    assert_true(drive(&fixture->pair, &answer.count));
    assert_int_equal(answer.error.status, COAX_E_LOST);
    assert_non_null(strstr(answer.error.text, "reset by the peer"));
    assert_non_null(strstr(answer.error.text, "127.0.0.1:"));
    close(listener);
}

static void an_end_is_told_to_who_waits(void **state) {
    struct fixture *fixture = *state;
    struct answer answer;
    int listener, fd;
    ask_raw_server(fixture, &answer, &listener, &fd);
    close(fd);
    assert_true(drive(&fixture->pair, &answer.count));
    assert_int_equal(answer.count, 1);
    assert_int_equal(answer.error.status, COAX_E_LOST);
    close(listener);
}

static void ask_again(struct fixture *fixture, int listener, struct answer *answer) {
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    char uri[64];
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    (void)snprintf(uri, sizeof uri, "coap+tcp://127.0.0.1:%u", ntohs(address.sin_port));
    assert_int_equal(begin_hello(&fixture->pair, uri, answer), COAX_OK);
}

/* The system tells a reset once, and writing had it: what reading then has looks like an end in order. */
static void a_reset_that_writing_meets_is_told_to_all(void **state) {
    struct fixture *fixture = *state;
    struct answer answers[2];
    int listener, fd;
    ask_raw_server(fixture, &answers[0], &listener, &fd);
    ask_again(fixture, listener, &answers[1]);
    raw_reset_at_close(fd);
    close(fd);
    for (int i = 0; i < 2; i++) {
        assert_true(drive(&fixture->pair, &answers[i].count));
        assert_int_equal(answers[i].error.status, COAX_E_LOST);
        assert_non_null(strstr(answers[i].error.text, "reset by the peer"));
    }
    close(listener);
}

/* An Abort was sent before the reset: that is the reason, although writing meets the reset first. */
static void what_came_before_a_reset_is_read(void **state) {
    struct fixture *fixture = *state;
    struct answer answer, second;
    int listener, fd;
    uint8_t frame[2];
    ask_raw_server(fixture, &answer, &listener, &fd);
    ask_again(fixture, listener, &second);
    frame[0] = 0x00;
    frame[1] = COAX_ABORT;
    assert_int_equal(send(fd, frame, 2, MSG_NOSIGNAL), 2);
    raw_reset_at_close(fd);
    close(fd);
    assert_true(drive(&fixture->pair, &answer.count));
    assert_true(drive(&fixture->pair, &second.count));
    assert_int_equal(answer.error.status, COAX_E_ABORTED);
    close(listener);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_peer_that_ends_its_half_is_answered),
        TEST(a_reset_is_not_a_reason_to_turn_for_ever),
        TEST(a_peer_that_does_not_read_is_not_read),
        TEST(what_is_not_read_stays_with_the_sender),
        TEST(an_end_before_the_answers_is_waited_with),
        TEST(a_reset_is_heard_although_no_input_is_wanted),
        TEST(a_flood_does_not_keep_others_waiting),
        TEST(the_last_word_arrives_although_input_is_unread),
        TEST(lingering_has_an_end),
        TEST(lingering_has_bounds),
        TEST(a_reset_is_told_to_who_waits),
        TEST(an_end_is_told_to_who_waits),
        TEST(a_reset_that_writing_meets_is_told_to_all),
        TEST(what_came_before_a_reset_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
