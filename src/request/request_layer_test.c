/* What the layer does for all requests of a remote, or of all remotes. */
#include "stack/stack.h"
#include "wire_fixture.h"

static struct wire wire;
static coax_instant now;
static struct stack *stack;

static void begin(const coax_endpoint_config *config) {
    now = COAX_SECOND;
    wire_init(&wire, 1, &now);
    const struct datagram_output output = wire_output(&wire);
    assert_int_equal(coax_stack_new(&stack, config, &output, now, NULL), COAX_OK);
}

static void end(void) {
    coax_stack_free(stack);
    wire_free(&wire);
}

struct seen {
    unsigned count;
    enum coax_status status;
};

static void note(coax_request *request, const coax_message *response, const coax_error *error, void *user) {
    struct seen *seen = user;
    (void)request;
    seen->count++;
    seen->status = response != NULL ? COAX_OK : error->status;
}

static enum coax_status ask(uint8_t host, coax_response_callback *callback, void *user) {
    struct path path = client_path(host);
    struct coax_remote *remote;
    struct coax_request *request = coax_request_create(&stack->requests, COAX_GET, "/");
    assert_non_null(request);
    assert_int_equal(coax_stack_remote(stack, &path, false, "", NULL, &remote, NULL), COAX_OK);
    enum coax_status status = coax_request_start(request, callback, user, NULL);
    if (status == COAX_OK) {
        status = coax_request_submit(request, remote, NULL);
    }
    if (status != COAX_OK) {
        coax_request_cancel(request);
    }
    return status;
}

static const coax_error refused = {COAX_E_REFUSED, -1, "refused"};

static void an_error_of_one_remote_reaches_its_requests_alone(void **state) {
    (void)state;
    struct seen a[3] = {{0}}, b = {0};
    struct path path = client_path(9);
    begin(NULL);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(ask(9, note, &a[i]), COAX_OK);
    }
    assert_int_equal(ask(10, note, &b), COAX_OK);
    coax_stack_unreachable(stack, &path, &refused);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(a[i].count, 1);
        assert_int_equal(a[i].status, COAX_E_REFUSED);
    }
    assert_int_equal(b.count, 0);
    assert_int_equal(stack->requests.request_count, 1);
    end();
}

static unsigned rounds;

/* Asks again and again, as a program that does not give up. */
static void ask_again(coax_request *request, const coax_message *response, const coax_error *error, void *user) {
    (void)request;
    (void)response;
    rounds++;
    if (error->status == COAX_E_REFUSED) { /* not when the endpoint ends */
        assert_int_equal(ask(9, ask_again, user), COAX_OK);
    }
}

static void asking_again_inside_the_error_is_no_endless_loop(void **state) {
    (void)state;
    struct path path = client_path(9);
    begin(NULL);
    rounds = 0;
    assert_int_equal(ask(9, ask_again, NULL), COAX_OK);
    assert_int_equal(ask(9, ask_again, NULL), COAX_OK);
    coax_stack_unreachable(stack, &path, &refused);
    assert_int_equal(rounds, 2);
    assert_int_equal(stack->requests.request_count, 2);
    coax_stack_unreachable(stack, &path, &refused);
    assert_int_equal(rounds, 4);
    end(); /* they end with COAX_E_SHUT_DOWN, and then may not ask again */
    assert_int_equal(rounds, 6);
}

static coax_request *victim;

static void cancel_the_other(coax_request *request, const coax_message *response, const coax_error *error, void *user) {
    (void)request;
    (void)response;
    (void)error;
    (void)user;
    coax_request_cancel(victim);
    victim = NULL;
}

static void cancelling_a_neighbour_inside_the_error(void **state) {
    (void)state;
    struct path path = client_path(9);
    struct coax_remote *remote;
    struct seen seen = {0};
    begin(NULL);
    assert_int_equal(ask(9, cancel_the_other, NULL), COAX_OK);
    victim = coax_request_create(&stack->requests, COAX_GET, "/");
    assert_int_equal(coax_stack_remote(stack, &path, false, "", NULL, &remote, NULL), COAX_OK);
    assert_int_equal(coax_request_start(victim, note, &seen, NULL), COAX_OK);
    assert_int_equal(coax_request_submit(victim, remote, NULL), COAX_OK);
    coax_stack_unreachable(stack, &path, &refused);
    assert_null(victim);
    assert_int_equal(seen.count, 0);
    assert_int_equal(stack->requests.request_count, 0);
    end();
}

static void the_number_of_requests_is_bounded(void **state) {
    (void)state;
    coax_endpoint_config config = COAX_ENDPOINT_CONFIG_INIT;
    struct seen seen = {0};
    config.max_requests = 5;
    begin(&config);
    for (uint8_t i = 0; i < 5; i++) {
        assert_int_equal(ask((uint8_t)(20 + i), note, &seen), COAX_OK);
    }
    assert_int_equal(ask(9, note, &seen), COAX_E_LIMIT);
    assert_int_equal(seen.count, 0);
    end();
    assert_int_equal(seen.count, 5);
    assert_int_equal(seen.status, COAX_E_SHUT_DOWN);
}

static void nothing_starts_after_the_end(void **state) {
    (void)state;
    struct seen seen = {0};
    begin(NULL);
    coax_request_layer_shut_down(&stack->requests);
    assert_int_equal(ask(9, note, &seen), COAX_E_SHUT_DOWN);
    assert_int_equal(seen.count, 0);
    end();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_error_of_one_remote_reaches_its_requests_alone),
        cmocka_unit_test(asking_again_inside_the_error_is_no_endless_loop),
        cmocka_unit_test(cancelling_a_neighbour_inside_the_error),
        cmocka_unit_test(the_number_of_requests_is_bounded),
        cmocka_unit_test(nothing_starts_after_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
