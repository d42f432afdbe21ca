/* An observation, and a collection, with each allocation of our own code failing in turn: an error or the latest state,
   never a crash, a leak or silence. */
#include "failing_allocations.h"
#include "observation_fixture.h"

#include "message/block.h"

/* What a server says to a GET: the first block of its state, or the second. */
static void serve(struct scene *scene, const struct coax_message *get, char version) {
    const char first[] = {'0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', version};
    static uint32_t sequence = 1;
    uint8_t room[16], data[64];
    size_t size;
    struct block block = {0, false, 0};
    struct option_writer options = option_writer_on(room, sizeof room);
    bool is_rest = coax_block_read(get, COAX_OPTION_BLOCK2, false, &block) == BLOCK_PRESENT && block.number == 1;
    block.more = !is_rest;
    if (coax_message_option_uint(get, COAX_OPTION_OBSERVE, 1) == 0) {
        (void)coax_option_write_uint(&options, COAX_OPTION_OBSERVE, sequence++);
    }
    (void)coax_option_write_uint(&options, COAX_OPTION_MAX_AGE, 10);
    (void)coax_block_write(&options, COAX_OPTION_BLOCK2, &block);
    const struct coax_message answer = {
        .type = get->type == COAX_CON ? COAX_ACK : COAX_NON,
        .code = COAX_CONTENT,
        .id = get->id,
        .token = get->token,
        .options = option_writer_bytes(&options),
        .payload = is_rest ? bytes_of("!", 1) : bytes_of(first, sizeof first),
    };
    assert_int_equal(coax_datagram_encode(&answer, data, sizeof data, &size), COAX_OK);
    struct path path = client_path(9);
    scene->fixture.wire.random_byte = (scene->fixture.wire.random_byte + 1) % 256; /* the next token is another one */
    coax_stack_receive(scene->fixture.stack, &path, false, false, data, size);
}

/* Whoever is asked answers, for a while. */
static void run(struct scene *scene, char version, unsigned seconds) {
    for (unsigned i = 0; i < seconds; i++) {
        const struct wire_datagram *sent;
        while ((sent = wire_next(&scene->fixture.wire)) != NULL) {
            struct wire_datagram copy = *sent;
            struct coax_message get;
            assert_int_equal(coax_datagram_decode(&get, copy.data, copy.size, TOKEN_MAXIMUM, NULL, NULL), COAX_OK);
            if (get.code == COAX_GET) {
                serve(scene, &get, version);
            }
        }
        scene_pass_ms(scene, 1000);
    }
}

/* As scene_send, but there may be no memory for the remote either. */
static enum coax_status send_if_possible(coax_request *request, coax_response_callback *callback, void *user,
                                         coax_error *error) {
    struct scene *scene = request->owner;
    struct path path = client_path(9);
    scene->remote = NULL;
    enum coax_status status = coax_stack_remote(scene->fixture.stack, &path, false, NULL, NULL, &scene->remote, error);
    return status == COAX_OK ? scene_send(request, callback, user, error) : status;
}

/* Registers, learns of a new state by asking again, loses the server, finds it, cancels. */
static void observe(struct scene *scene) {
    coax_request *request = coax_request_create(&scene->fixture.stack->requests, COAX_GET, "/t");
    if (request == NULL) {
        return;
    }
    request->owner = scene;
    if (coax_observation_new(request, NULL, send_if_possible, scene_told, scene, &scene->observation, &scene->error)
        != COAX_OK) {
        assert_int_equal(scene->error.status, COAX_E_NO_MEMORY);
        coax_request_cancel(request);
        return;
    }
    run(scene, '1', 2);
    if (scene->endings > 0) {
        assert_int_equal(scene->error.status, COAX_E_NO_MEMORY);
        return;
    }
    run(scene, '2', 30);
    coax_error error;
    struct path path = client_path(9);
    coax_fail(&error, COAX_E_REFUSED, "nobody listens");
    scene_pass_ms(scene, 16000); /* it is asking */
    coax_stack_unreachable(scene->fixture.stack, &path, &error);
    run(scene, '3', 60);
    assert_int_equal(scene->endings, 0);
    assert_string_equal(scene->state, "0123456789abcde3!");
    coax_observation_cancel(scene->observation);
    scene->observation = NULL;
    run(scene, '3', 2);
}

static void note_each(coax_request *request, const coax_message *response, const coax_error *error, void *user) {
    struct scene *scene = user;
    (void)request;
    scene->states += response != NULL;
    assert_true(error == NULL || error->status == COAX_E_NO_MEMORY);
}

static void note_end(coax_request *request, const coax_message *response, const coax_error *error, void *user) {
    struct scene *scene = user;
    (void)request;
    (void)response;
    scene->endings++;
    assert_true(error == NULL || error->status == COAX_E_TIMEOUT || error->status == COAX_E_NO_MEMORY);
}

static void collect(struct scene *scene) {
    coax_request *request = coax_request_create(&scene->fixture.stack->requests, COAX_GET, "/t");
    struct path group = {.remote = coax_address_ip4(224, 0, 1, 187, 5683), .channel = 1};
    struct coax_remote *remote;
    if (request == NULL) {
        return;
    }
    coax_request_set_non_confirmable(request, true);
    coax_request_set_timeout(request, 5000);
    coax_request_collect(request, note_each);
    if (coax_stack_remote(scene->fixture.stack, &group, false, NULL, NULL, &remote, NULL) != COAX_OK
        || coax_request_start(request, note_end, scene, NULL) != COAX_OK) {
        coax_request_cancel(request);
        return;
    }
    if (coax_request_submit(request, remote, NULL) != COAX_OK) {
        coax_request_unstart(request);
        coax_request_cancel(request);
        return;
    }
    run(scene, '1', 10);
    assert_int_equal(scene->endings, 1);
}

/* Both tests: allocation after allocation, until none is left to fail. */
static void fail_each_in_turn(void (*scenario)(struct scene *scene)) {
    bool has_failed = true;
    for (uint64_t n = 1; has_failed; n++) {
        struct scene scene;
        scene_start(&scene);
        fail_allocation(n);
        scenario(&scene);
        has_failed = allocation_count >= n;
        is_counting = false;
        if (!has_failed) {
            assert_in_range(scene.states, 1, 100);
            assert_true(n > 5);
        }
        assert_int_equal(scene.fixture.stack->requests.request_count, 0);
        scene_stop(&scene);
    }
}

static void of_an_observation(void **state) {
    (void)state;
    fail_each_in_turn(observe);
}

static void of_a_collection(void **state) {
    (void)state;
    fail_each_in_turn(collect);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(of_an_observation), cmocka_unit_test(of_a_collection)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
