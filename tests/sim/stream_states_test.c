/* Every state of a connection, on both ends and over every scheme, and everything that can happen to it there: whoever
   waits is told once and told right, nothing is left of it, and the next connection works. */
#include "base/error.h"
#include "sim/stream_peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum event {
    PEER_ENDS,     /* FIN */
    PEER_RESETS,   /* RST; for one that is being dialled: refused */
    PEER_RAVES,    /* bytes that are nothing */
    PEER_STALLS,   /* silence, until a deadline passes */
    PEER_SAYS_BYE, /* close_notify, WebSocket's close, then FIN */
    EVENTS,
};

static const char *const event_names[EVENTS] = {"ends", "resets", "raves", "stalls", "says bye"};

enum {
    HANDSHAKE_S = 30,
    RELEASE_S = 5,
    MESSAGE_S = 20,
    PING_S = 60,
    PONG_S = 10,
};

static coax_endpoint_config make_config(void) {
    coax_endpoint_config config = COAX_ENDPOINT_CONFIG_INIT;
    config.handshake_timeout_ms = HANDSHAKE_S * 1000;
    config.release_timeout_ms = RELEASE_S * 1000;
    config.message_timeout_ms = MESSAGE_S * 1000;
    config.ping_interval_ms = PING_S * 1000;
    config.ping_timeout_ms = PONG_S * 1000;
    config.max_stream_output = 1024;
    config.max_stream_memory = 65536;
    return config;
}

/* One connection in one state. */
struct scene {
    struct peer_world world;
    enum coax_scheme scheme;
    bool is_client;  /* the stack began it */
    bool asks_again; /* the program does, within the callback that tells it of a failure */
    struct stream_peer *peer;
    bool has_asked;
    struct peer_answer answer;
    struct release_wait wait;
    unsigned waits_done;
    struct peer_answer next; /* on the connection after it */
};

static bool is_secure(const struct scene *scene) {
    return coax_scheme_is_secure(scene->scheme);
}

static bool is_websocket(const struct scene *scene) {
    return scene->scheme == COAX_SCHEME_COAP_WS || scene->scheme == COAX_SCHEME_COAPS_WS;
}

static void ask_again(struct peer_answer *answer) {
    struct scene *scene = COAX_CONTAINER(answer, struct scene, answer);
    if (answer->code == 0) {
        assert_int_equal(peer_world_ask(&scene->world, scene->scheme, &scene->next), COAX_OK);
    }
}

/* What the program wants to do when it hears of its request. */
static void set_callback(struct scene *scene) {
    scene->has_asked = true;
    scene->answer.then = scene->asks_again ? ask_again : NULL;
}

/* --- the way into each state --- */

/* The stack's request, if it is the client, or a client that connects. */
static void begin(struct scene *scene, const struct stream_peer *settings) {
    if (!scene->is_client) {
        scene->peer = peer_world_dial(&scene->world, scene->scheme, settings);
        return;
    }
    assert_int_equal(peer_world_ask(&scene->world, scene->scheme, &scene->answer), COAX_OK);
    set_callback(scene);
    scene->peer = peer_world_dialled(&scene->world);
    struct connection *connection = scene->peer->connection;
    if (settings != NULL) {
        *scene->peer = *settings;
        scene->peer->world = &scene->world;
        scene->peer->connection = connection;
        scene->peer->is_dialled = scene->peer->wants_input = true;
    }
}

static void begin_and_connect(struct scene *scene, const struct stream_peer *settings) {
    begin(scene, settings);
    if (scene->is_client) {
        peer_accept(scene->peer);
    }
}

static void ask_more(struct scene *scene) {
    assert_non_null(scene->world.opened);
    assert_int_equal(peer_world_ask_remote(&scene->world, scene->world.opened, &scene->answer), COAX_OK);
    set_callback(scene);
    peer_world_settle(&scene->world);
}

static void dialling(struct scene *scene) {
    begin(scene, NULL);
}

static void in_handshake(struct scene *scene) {
    static const struct stream_peer settings = {.is_deaf = true, .hold = HOLD_ALL};
    begin_and_connect(scene, &settings);
}

static void in_upgrade(struct scene *scene) {
    static const struct stream_peer settings = {.hold = HOLD_UPGRADE, .has_no_csm = true};
    begin_and_connect(scene, &settings);
    assert_null(scene->world.opened);
    assert_true(byte_queue_size(&scene->peer->to_stack) > 0);
}

static void before_csm(struct scene *scene) {
    static const struct stream_peer settings = {.has_no_csm = true, .is_mute = true};
    begin_and_connect(scene, &settings);
    assert_true(scene->peer->received[COAX_CSM] == 1);
    assert_null(scene->world.opened);
}

static void idle(struct scene *scene) {
    begin_and_connect(scene, NULL);
    assert_int_equal(scene->answer.code, scene->is_client ? COAX_CHANGED : 0);
    scene->has_asked = false;
    coax_remote_unref(scene->world.opened); /* nobody holds it any more */
    scene->world.opened = NULL;
}

static void in_flight(struct scene *scene) {
    begin_and_connect(scene, NULL);
    scene->peer->is_mute = true;
    ask_more(scene);
    assert_int_equal(scene->answer.callbacks, 0);
}

static void answer_owed(struct scene *scene) {
    begin_and_connect(scene, NULL);
    scene->has_asked = false;
    peer_send(scene->peer, COAX_POST, "slow");
    peer_world_settle(&scene->world);
    assert_non_null(scene->world.deferred);
}

static void within_a_message(struct scene *scene) {
    begin_and_connect(scene, NULL);
    scene->has_asked = false;
    scene->peer->hold = HOLD_ALL;
    peer_send(scene->peer, COAX_POST, "a path of which only some arrives");
    peer_world_settle(&scene->world);
    assert_true(byte_queue_size(&scene->peer->to_stack) > 0);
}

/* A peer that asks on and on, and reads nothing. */
static void ask_until_paused(struct scene *scene) {
    scene->peer->is_blocked = true;
    for (int i = 0; i < 16; i++) {
        peer_send(scene->peer, COAX_POST, "large");
        peer_world_settle(&scene->world);
    }
    assert_false(scene->peer->wants_input);
}

static void paused(struct scene *scene) {
    begin_and_connect(scene, NULL);
    scene->has_asked = false;
    ask_until_paused(scene);
}

static void paused_in_flight(struct scene *scene) {
    in_flight(scene);
    ask_until_paused(scene);
}

static void release_done(struct release_wait *wait, struct coax_remote *remote, const coax_error *error) {
    (void)remote;
    (void)error;
    COAX_CONTAINER(wait, struct scene, wait)->waits_done++;
}

static void releasing(struct scene *scene) {
    in_flight(scene);
    scene->wait.done = release_done;
    assert_int_equal(coax_connection_release(scene->world.opened, NULL, &scene->wait, NULL), COAX_OK);
    peer_world_settle(&scene->world);
    assert_int_equal(scene->peer->received[COAX_RELEASE], 1);
    assert_int_equal(scene->answer.callbacks, 0);
}

static void released(struct scene *scene) {
    in_flight(scene);
    peer_send(scene->peer, COAX_RELEASE, NULL);
    peer_world_settle(&scene->world);
    assert_int_equal(scene->answer.callbacks, 0);
}

/* What is to be said last cannot be written. */
static void closing(struct scene *scene) {
    static const uint8_t nonsense[] = {0xff, 0x00, 0xff, 0x00, 0xff, 0x00, 0xff, 0x00};
    in_flight(scene);
    scene->peer->is_blocked = true;
    coax_connection_receive(scene->peer->connection, nonsense, sizeof nonsense);
    peer_world_settle(&scene->world);
    assert_int_equal(scene->answer.callbacks, 1);
    assert_non_null(scene->peer->connection);
}

/* --- the table --- */

static bool anywhere(const struct scene *scene) {
    (void)scene;
    return true;
}

static bool in_client(const struct scene *scene) {
    return scene->is_client;
}

struct expected {
    enum coax_status status; /* what who waits is told; COAX_OK: this cannot happen there */
    unsigned after_s;        /* when the connection is gone; 0: at once */
};

/* COAX_E_FORMAT stands for what each scheme calls bytes that are nothing, COAX_E_CLOSE_NOTIFY for the goodbye that it
   has. A peer that is not read, because it does not read, is noticed by that alone. */
static const struct row {
    const char *name;
    bool (*exists)(const struct scene *scene);
    void (*enter)(struct scene *scene);
    struct expected expected[EVENTS];
} rows[] = {
    {"dialling", in_client, dialling, {{0, 0}, {COAX_E_REFUSED, 0}, {0, 0}, {COAX_E_TIMEOUT, HANDSHAKE_S}, {0, 0}}},
    {"in the handshake",
     is_secure,
     in_handshake,
     {{COAX_E_LOST, 0}, {COAX_E_LOST, 0}, {COAX_E_FORMAT, 0}, {COAX_E_HANDSHAKE_TIMEOUT, HANDSHAKE_S}, {0, 0}}},
    {"in the upgrade",
     is_websocket,
     in_upgrade,
     {{COAX_E_LOST, 0}, {COAX_E_LOST, 0}, {COAX_E_UPGRADE, 0}, {COAX_E_TIMEOUT, HANDSHAKE_S}, {0, 0}}},
    {"before the CSM",
     anywhere,
     before_csm,
     {{COAX_E_LOST, 0}, {COAX_E_LOST, 0}, {COAX_E_FORMAT, 0}, {COAX_E_TIMEOUT, HANDSHAKE_S}, {COAX_E_CLOSE_NOTIFY, 0}}},
    {"idle",
     anywhere,
     idle,
     {{COAX_E_LOST, 0},
      {COAX_E_LOST, 0},
      {COAX_E_FORMAT, 0},
      {COAX_E_LOST, PING_S + PONG_S},
      {COAX_E_CLOSE_NOTIFY, 0}}},
    {"request in flight",
     anywhere,
     in_flight,
     {{COAX_E_LOST, 0},
      {COAX_E_LOST, 0},
      {COAX_E_FORMAT, 0},
      {COAX_E_LOST, PING_S + PONG_S},
      {COAX_E_CLOSE_NOTIFY, 0}}},
    {"answer owed",
     anywhere,
     answer_owed,
     {{COAX_E_LOST, 0},
      {COAX_E_LOST, 0},
      {COAX_E_FORMAT, 0},
      {COAX_E_LOST, PING_S + PONG_S},
      {COAX_E_CLOSE_NOTIFY, 0}}},
    {"within a message",
     anywhere,
     within_a_message,
     {{COAX_E_LOST, 0}, {COAX_E_LOST, 0}, {COAX_E_FORMAT, 0}, {COAX_E_TIMEOUT, MESSAGE_S}, {0, 0}}},
    {"paused",
     anywhere,
     paused,
     {{COAX_E_LOST, MESSAGE_S},
      {COAX_E_LOST, 0},
      {COAX_E_LOST, MESSAGE_S},
      {COAX_E_LOST, MESSAGE_S},
      {COAX_E_LOST, MESSAGE_S}}},
    {"paused, request in flight",
     anywhere,
     paused_in_flight,
     {{COAX_E_LOST, MESSAGE_S},
      {COAX_E_LOST, 0},
      {COAX_E_LOST, MESSAGE_S},
      {COAX_E_LOST, MESSAGE_S},
      {COAX_E_LOST, MESSAGE_S}}},
    {"releasing",
     anywhere,
     releasing,
     {{COAX_E_LOST, 0}, {COAX_E_LOST, 0}, {COAX_E_FORMAT, 0}, {COAX_E_TIMEOUT, RELEASE_S}, {COAX_E_CLOSE_NOTIFY, 0}}},
    {"released",
     anywhere,
     released,
     {{COAX_E_RELEASED, 0}, {COAX_E_LOST, 0}, {COAX_E_FORMAT, 0}, {COAX_E_TIMEOUT, RELEASE_S}, {COAX_E_RELEASED, 0}}},
    {"closing",
     anywhere,
     closing,
     {{COAX_E_FORMAT, RELEASE_S},
      {COAX_E_FORMAT, 0},
      {COAX_E_FORMAT, RELEASE_S},
      {COAX_E_FORMAT, RELEASE_S},
      {COAX_E_FORMAT, RELEASE_S}}},
};

static enum coax_status status_for(const struct scene *scene, enum coax_status status) {
    if (is_secure(scene) && (status == COAX_E_FORMAT || status == COAX_E_UPGRADE)) {
        return COAX_E_HANDSHAKE; /* no TLS */
    }
    return status == COAX_E_CLOSE_NOTIFY && scene->scheme != COAX_SCHEME_COAPS_TCP ? COAX_E_LOST : status;
}

/* --- the events --- */

/* A stack that does not want to read hears of nothing that would have to be read. */
static struct connection *reading(const struct scene *scene) {
    return scene->peer->wants_input ? scene->peer->connection : NULL;
}

static void peer_ends(struct scene *scene) {
    if (reading(scene) != NULL) {
        coax_connection_receive_end(scene->peer->connection);
    }
}

static void peer_resets(struct scene *scene) {
    coax_error error;
    if (coax_connection_link(scene->peer->connection) == NULL) {
        coax_fail(&error, COAX_E_REFUSED, "nobody listens there");
        struct connection *connection = scene->peer->connection;
        scene->peer->connection = NULL;
        scene->peer->is_closed = true;
        coax_connection_failed(connection, &error);
        return;
    }
    coax_fail(&error, COAX_E_LOST, "reset by the peer");
    coax_connection_broken(scene->peer->connection, &error);
}

static void peer_raves(struct scene *scene) {
    uint8_t nonsense[64];
    for (size_t i = 0; i < sizeof nonsense; i++) {
        nonsense[i] = i % 2 == 0 ? 0xff : 0x00;
    }
    if (reading(scene) != NULL) {
        coax_connection_receive(scene->peer->connection, nonsense, sizeof nonsense);
    }
}

static void peer_stalls(struct scene *scene) {
    scene->peer->is_deaf = scene->peer->is_silent = true;
}

static void peer_says_bye(struct scene *scene) {
    coax_filter_chain_close(&scene->peer->chain, FAREWELL_NORMAL);
    peer_world_settle(&scene->world);
    peer_ends(scene);
}

static void (*const events[EVENTS])(struct scene *scene) = {peer_ends, peer_resets, peer_raves, peer_stalls,
                                                            peer_says_bye};

/* --- what must be true --- */

static unsigned failure_count;

static void expect(const struct scene *scene, const struct row *row, enum event event, bool is_so, const char *what) {
    if (!is_so) {
        failure_count++;
        fprintf(stderr, "%s, stack is %s, %s, peer %s: %s (request: %u calls, status %d %s; connection: %u, %d %s)\n",
                coax_scheme_name(scene->scheme), scene->is_client ? "client" : "server", row->name, event_names[event],
                what, scene->answer.callbacks, scene->answer.error.status, scene->answer.error.text,
                scene->world.lost_count, scene->world.lost.status, scene->world.lost.text);
    }
}

static bool has_asked_again(const struct scene *scene) {
    return scene->asks_again && scene->has_asked;
}

/* A connection begins from nothing, and a request is answered on it. */
static void expect_service(struct scene *scene, const struct row *row, enum event event) {
    if (scene->is_client) {
        if (!has_asked_again(scene)) {
            assert_int_equal(peer_world_ask(&scene->world, scene->scheme, &scene->next), COAX_OK);
        }
        peer_accept(peer_world_dialled(&scene->world));
        expect(scene, row, event, scene->next.callbacks == 1 && scene->next.code == COAX_CHANGED,
               "the next request failed");
    } else {
        struct stream_peer *peer = peer_world_dial(&scene->world, scene->scheme, NULL);
        peer_send(peer, COAX_POST, "hello");
        peer_world_settle(&scene->world);
        expect(scene, row, event, peer->received[COAX_CONTENT] == 1, "the next client is not served");
    }
}

static void answer_what_is_owed(struct scene *scene) {
    if (scene->world.deferred != NULL) {
        (void)coax_respond(scene->world.deferred, COAX_CONTENT, COAX_NO_FORMAT, NULL, 0);
        scene->world.deferred = NULL;
    }
}

static void expect_told(struct scene *scene, const struct row *row, enum event event, enum coax_status status,
                        bool was_open) {
    expect(scene, row, event, scene->answer.callbacks == (scene->has_asked || scene->answer.code != 0 ? 1U : 0U),
           "not told once");
    expect(scene, row, event, !scene->has_asked || scene->answer.error.status == status, "the request is told wrong");
    bool hears = was_open || scene->is_client;
    expect(scene, row, event, scene->world.lost_count == (hears ? 1U : 0U), "the program is not told once");
    expect(scene, row, event, !hears || scene->world.lost.status == status, "the program is told wrong");
    expect(scene, row, event, scene->waits_done == (scene->wait.done != NULL ? 1U : 0U),
           "the release is not told once");
}

/* True when the connection is gone when it should be. */
static bool gone_in_time(struct scene *scene, const struct expected *expected) {
    if (expected->after_s > 0) {
        peer_world_pass_ms(&scene->world, expected->after_s * 1000U - 100);
        if (scene->peer->is_closed) {
            return false;
        }
        peer_world_pass_ms(&scene->world, 200);
    }
    return scene->peer->is_closed;
}

static bool is_nothing_left(const struct scene *scene) {
    const struct stream_layer *layer = &scene->world.stack->streams;
    uint32_t next = has_asked_again(scene) ? 1 : 0;
    return layer->connection_count == next && layer->opening_count == 0 && (next > 0 || layer->memory == 0);
}

static void play(struct scene *scene, const struct row *row, enum event event) {
    const struct expected *expected = &row->expected[event];
    row->enter(scene);
    bool was_open = scene->world.opened != NULL || row->enter == idle;
    assert_false(scene->peer->is_closed);
    events[event](scene);
    peer_world_settle(&scene->world);
    expect(scene, row, event, gone_in_time(scene, expected), "not gone in time");
    expect_told(scene, row, event, status_for(scene, expected->status), was_open);
    answer_what_is_owed(scene);
    coax_remote_unref(scene->world.opened);
    scene->world.opened = NULL;
    expect(scene, row, event, is_nothing_left(scene), "something is left");
    expect_service(scene, row, event);
}

static void play_once(enum coax_scheme scheme, bool is_client, bool asks_again, const struct row *row,
                      enum event event) {
    struct scene scene = {.scheme = scheme, .is_client = is_client, .asks_again = asks_again};
    const coax_endpoint_config config = make_config();
    if (row->exists(&scene) && row->expected[event].status != COAX_OK) {
        peer_world_init(&scene.world, &config);
        play(&scene, row, event);
        peer_world_free(&scene.world);
    }
}

static void play_all(enum coax_scheme scheme) {
    failure_count = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (enum event event = 0; event < EVENTS; event++) {
            play_once(scheme, true, false, &rows[i], event);
            play_once(scheme, true, true, &rows[i], event);
            play_once(scheme, false, false, &rows[i], event);
        }
    }
    assert_int_equal(failure_count, 0);
}

static void tcp(void **state) {
    (void)state;
    play_all(COAX_SCHEME_COAP_TCP);
}

static void tls(void **state) {
    (void)state;
    play_all(COAX_SCHEME_COAPS_TCP);
}

static void websocket(void **state) {
    (void)state;
    play_all(COAX_SCHEME_COAP_WS);
}

static void websocket_over_tls(void **state) {
    (void)state;
    play_all(COAX_SCHEME_COAPS_WS);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tcp),
        cmocka_unit_test(tls),
        cmocka_unit_test(websocket),
        cmocka_unit_test(websocket_over_tls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
