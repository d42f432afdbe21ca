#include "cli/store_share.h"

#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/serve_ask.h"
#include "cli/serve_resources.h"

/* An endpoint with /store, and a client of it that has the state that an observer was sent last. */
struct shelf {
    coax_endpoint *server, *client;
    struct store_share share;
    char uri[64];
    char state[64];
    unsigned told;
};

static void note_state(coax_observation *observation, const coax_message *state, const coax_error *error, void *user) {
    struct shelf *shelf = user;
    (void)observation;
    if (error == NULL) {
        shelf->told++;
        snprintf(shelf->state, sizeof shelf->state, "%.*s", (int)coax_message_payload_size(state),
                 (const char *)coax_message_payload(state));
    }
}

static void open_shelf(struct shelf *shelf, struct store *store) {
    memset(shelf, 0, sizeof *shelf);
    assert_int_equal(coax_endpoint_new(&shelf->server, NULL, NULL), COAX_OK);
    assert_int_equal(coax_endpoint_new(&shelf->client, NULL, NULL), COAX_OK);
    assert_true(serve_add_store(shelf->server, store, &shelf->share, NULL));
    assert_int_equal(coax_endpoint_listen(shelf->server, "coap://127.0.0.1:0", NULL), COAX_OK);
    assert_int_equal(coax_endpoint_listening_uri(shelf->server, 0, shelf->uri, sizeof shelf->uri), COAX_OK);
}

static void close_shelf(struct shelf *shelf) {
    coax_endpoint_free(shelf->client);
    coax_endpoint_free(shelf->server);
    store_share_free(&shelf->share);
}

/* Until its observer was sent `expected`; fails if nothing happens for long. */
static void drive_until(struct shelf *shelf, const char *expected) {
    while (strcmp(shelf->state, expected) != 0) {
        struct pollfd waits[] = {{coax_endpoint_fd(shelf->server), POLLIN, 0},
                                 {coax_endpoint_fd(shelf->client), POLLIN, 0}};
        int first_ms = coax_endpoint_timeout_ms(shelf->server), second_ms = coax_endpoint_timeout_ms(shelf->client);
        int timeout_ms = first_ms < 0 ? second_ms : second_ms < 0 || first_ms < second_ms ? first_ms : second_ms;
        assert_true(poll(waits, 2, timeout_ms < 0 ? 20000 : timeout_ms) > 0 || timeout_ms >= 0);
        assert_int_equal(coax_endpoint_process(shelf->server, NULL), COAX_OK);
        assert_int_equal(coax_endpoint_process(shelf->client, NULL), COAX_OK);
    }
}

static void observe(struct shelf *shelf, const char *path, const char *expected) {
    char uri[128];
    coax_observation *observation;
    snprintf(uri, sizeof uri, "%s%s", shelf->uri, path);
    assert_int_equal(coax_observe(shelf->client, uri, NULL, note_state, shelf, &observation, NULL), COAX_OK);
    drive_until(shelf, expected);
}

static struct store *new_store(void) {
    static const uint8_t seed[16] = "0123456789abcde";
    struct store *store = store_new(seed);
    assert_non_null(store);
    return store;
}

static void put(struct store *store, const char *name, const char *text) {
    store_lock(store);
    assert_true(store_put(store, name, COAX_FORMAT_TEXT, text, strlen(text)) <= STORE_CHANGED);
    store_unlock(store);
}

static void changes_from_elsewhere_are_told(void **state) {
    (void)state;
    struct store *store = new_store();
    struct shelf shelf;
    open_shelf(&shelf, store);
    put(store, "a", "one");
    observe(&shelf, "/store/a", "one");
    put(store, "a", "two");
    put(store, "b", "other");
    drive_until(&shelf, "two");
    assert_int_equal(shelf.told, 2);
    /* More than can be noted: all are told. */
    for (int i = 0; i < 2 * STORE_SHARE_NAMES; i++) {
        char name[16];
        snprintf(name, sizeof name, "n%d", i);
        put(store, name, "x");
    }
    put(store, "a", "three");
    assert_true(shelf.share.is_all);
    drive_until(&shelf, "three");
    assert_false(shelf.share.is_all);
    assert_int_equal(shelf.share.name_count, 0);
    put(store, "a", "never told");
    close_shelf(&shelf);
    store_free(store);
}

/* --- threads --- */

enum { ROUNDS = 500 };

struct writer {
    struct store *store;
    const char *last;
};

static void *write_many(void *user) {
    const struct writer *writer = user;
    char text[16];
    for (int i = 0; i < ROUNDS; i++) {
        snprintf(text, sizeof text, "%d", i);
        put(writer->store, "a", text);
        put(writer->store, text, text);
        store_lock(writer->store);
        (void)store_remove(writer->store, text);
        store_unlock(writer->store);
    }
    put(writer->store, "a", writer->last);
    return NULL;
}

static void the_last_state_comes_whoever_wrote_it(void **state) {
    (void)state;
    struct store *store = new_store();
    struct writer writers[] = {{store, "end"}, {store, "end"}};
    pthread_t threads[2];
    struct shelf shelf;
    open_shelf(&shelf, store);
    put(store, "a", "begin");
    observe(&shelf, "/store/a", "begin");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, write_many, &writers[i]), 0);
    }
    drive_until(&shelf, "end");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    put(store, "a", "after");
    drive_until(&shelf, "after");
    close_shelf(&shelf);
    store_free(store);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changes_from_elsewhere_are_told),
        cmocka_unit_test(the_last_state_comes_whoever_wrote_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
