/* The table of bodies in blocks: what tells them apart, and its bounds in bytes. What else holds for them is shown
   where they come in (uploads_test.c) and go out (downloads_test.c). */
#include "request/bodies.h"

#include "stack_fixture.h"

struct table {
    struct stack_fixture fixture;
    struct request_layer *layer;
    struct coax_remote *remote;
};

static int set_up(void **state) {
    struct table *table = malloc(sizeof *table);
    coax_endpoint_config config = COAX_ENDPOINT_CONFIG_INIT;
    config.max_body_size = 4096;
    config.max_body_memory = 10000;
    assert_non_null(table);
    stack_fixture_start(&table->fixture, &config);
    table->layer = &table->fixture.stack->requests;
    table->remote = stack_fixture_remote(&table->fixture, client_path(9));
    *state = table;
    return 0;
}

static int tear_down(void **state) {
    struct table *table = *state;
    coax_bodies_drop(table->layer);
    assert_int_equal(table->layer->body_memory, 0);
    assert_int_equal(table->layer->body_count, 0);
    stack_fixture_stop(&table->fixture);
    free(table);
    return 0;
}

/* The key of a request with one option beside the path. */
static struct body_key key_with(const struct table *table, enum body_direction direction, uint8_t code, uint16_t number,
                                const char *value) {
    static uint8_t room[600];
    struct option_writer options = option_writer_on(room, sizeof room);
    struct body_key key;
    assert_int_equal(coax_option_write(&options, COAX_OPTION_URI_PATH, "a", 1), COAX_OK);
    assert_int_equal(coax_option_write(&options, number, value, strlen(value)), COAX_OK);
    const struct coax_message message = {.code = code, .options = option_writer_bytes(&options)};
    assert_true(coax_body_key_make(&key, table->remote, direction, &message));
    return key;
}

/* RFC 7252 section 5.4.6, RFC 7959 section 2.10, RFC 9175 section 3.3 */
static void keys_are_made_of_what_counts(void **state) {
    struct table *table = *state;
    static const struct {
        enum body_direction direction;
        uint16_t number;
        bool counts;
    } cases[] = {
        {BODY_UPLOAD, COAX_OPTION_BLOCK1, false},     {BODY_UPLOAD, COAX_OPTION_BLOCK2, false},
        {BODY_UPLOAD, COAX_OPTION_SIZE1, false},      {BODY_UPLOAD, COAX_OPTION_ECHO, false},
        {BODY_UPLOAD, COAX_OPTION_OBSERVE, false},    {BODY_UPLOAD, COAX_OPTION_REQUEST_TAG, true},
        {BODY_UPLOAD, COAX_OPTION_URI_QUERY, true},   {BODY_UPLOAD, COAX_OPTION_CONTENT_FORMAT, true},
        {BODY_DOWNLOAD, COAX_OPTION_BLOCK2, false},   {BODY_DOWNLOAD, COAX_OPTION_REQUEST_TAG, false},
        {BODY_DOWNLOAD, COAX_OPTION_URI_QUERY, true}, {BODY_DOWNLOAD, COAX_OPTION_ACCEPT, true},
        {BODY_DOWNLOAD, COAX_OPTION_OBSERVE, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct body_key one = key_with(table, cases[i].direction, COAX_PUT, cases[i].number, "1");
        struct body_key other = key_with(table, cases[i].direction, COAX_PUT, cases[i].number, "2");
        bool are_equal = one.size == other.size && memcmp(one.bytes, other.bytes, one.size) == 0;
        assert_int_equal(!are_equal, cases[i].counts);
    }
    struct body_key put = key_with(table, BODY_UPLOAD, COAX_PUT, COAX_OPTION_URI_QUERY, "1");
    struct body_key post = key_with(table, BODY_UPLOAD, COAX_POST, COAX_OPTION_URI_QUERY, "1");
    struct body_key down = key_with(table, BODY_DOWNLOAD, COAX_PUT, COAX_OPTION_URI_QUERY, "1");
    assert_memory_not_equal(put.bytes, post.bytes, put.size);
    assert_memory_not_equal(put.bytes, down.bytes, put.size);
}

/* Two options must not run together as one. */
static void values_have_their_sizes_in_the_key(void **state) {
    struct table *table = *state;
    uint8_t room[100];
    struct body_key keys[2];
    static const char *const values[2][2] = {{"ab", "c"}, {"a", "bc"}};
    for (int i = 0; i < 2; i++) {
        struct option_writer options = option_writer_on(room, sizeof room);
        for (int k = 0; k < 2; k++) {
            const char *value = values[i][k];
            assert_int_equal(coax_option_write(&options, COAX_OPTION_URI_PATH, value, strlen(value)), COAX_OK);
        }
        const struct coax_message message = {.code = COAX_PUT, .options = option_writer_bytes(&options)};
        assert_true(coax_body_key_make(&keys[i], table->remote, BODY_UPLOAD, &message));
    }
    assert_int_equal(keys[0].size, keys[1].size);
    assert_memory_not_equal(keys[0].bytes, keys[1].bytes, keys[0].size);
}

static void a_key_has_its_bound(void **state) {
    struct table *table = *state;
    static uint8_t room[8192];
    char value[255];
    struct option_writer options = option_writer_on(room, sizeof room);
    struct body_key key;
    memset(value, 'x', sizeof value);
    for (int i = 0; i < 9; i++) {
        assert_int_equal(coax_option_write(&options, COAX_OPTION_URI_QUERY, value, sizeof value), COAX_OK);
    }
    const struct coax_message message = {.code = COAX_PUT, .options = option_writer_bytes(&options)};
    assert_false(coax_body_key_make(&key, table->remote, BODY_UPLOAD, &message));
}

static struct body *add(const struct table *table, const char *query, size_t size) {
    struct body_key key = key_with(table, BODY_UPLOAD, COAX_PUT, COAX_OPTION_URI_QUERY, query);
    struct body *body = coax_body_new(table->layer, table->remote, &key);
    assert_non_null(body);
    assert_int_equal(coax_body_reserve(body, size), COAX_OK);
    assert_true(coax_body_put_in(body));
    return body;
}

static struct body *find(const struct table *table, const char *query) {
    struct body_key key = key_with(table, BODY_UPLOAD, COAX_PUT, COAX_OPTION_URI_QUERY, query);
    return coax_body_find(table->layer, &key);
}

static void the_longest_idle_gives_its_memory(void **state) {
    struct table *table = *state;
    struct body *first = add(table, "1", 4000);
    (void)add(table, "2", 4000);
    assert_int_equal(table->layer->body_memory, 8000);
    coax_body_take_out(first);
    assert_true(coax_body_put_in(first));
    (void)add(table, "3", 3000);
    assert_ptr_equal(find(table, "1"), first);
    assert_null(find(table, "2"));
    assert_non_null(find(table, "3"));
    assert_int_equal(table->layer->body_memory, 7000);
}

static void a_body_grows_and_keeps_what_it_has(void **state) {
    struct table *table = *state;
    struct body *body = add(table, "1", 10);
    memcpy(body->data, "0123456789", 10);
    body->size = 10;
    coax_body_take_out(body);
    for (size_t size = 11; size <= 4096; size += 371) {
        assert_int_equal(coax_body_reserve(body, size), COAX_OK);
        assert_true(body->capacity >= size);
        assert_int_equal(table->layer->body_memory, body->capacity);
        assert_memory_equal(body->data, "0123456789", 10);
    }
    assert_int_equal(coax_body_reserve(body, 4097), COAX_E_TOO_LARGE);
    assert_true(coax_body_put_in(body));
    body = add(table, "1", 5); /* in its place */
    assert_ptr_equal(find(table, "1"), body);
    assert_int_equal(table->layer->body_memory, 5);
}

static void who_is_alone_cannot_have_more_than_all(void **state) {
    struct table *table = *state;
    table->layer->settings.max_body_memory = 3000;
    struct body_key key = key_with(table, BODY_UPLOAD, COAX_PUT, COAX_OPTION_URI_QUERY, "1");
    struct body *body = coax_body_new(table->layer, table->remote, &key);
    assert_int_equal(coax_body_reserve(body, 3001), COAX_E_NO_MEMORY);
    assert_int_equal(coax_body_reserve(body, 3000), COAX_OK);
    coax_body_free(body);
}

static void one_that_was_taken_out_is_not_found(void **state) {
    struct table *table = *state;
    struct body *body = add(table, "1", 100);
    coax_body_take_out(body);
    assert_null(find(table, "1"));
    assert_int_equal(table->layer->body_count, 0);
    assert_int_equal(table->layer->body_memory, 100);
    coax_body_free(body);
}

#define TABLE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TABLE(keys_are_made_of_what_counts),
        TABLE(values_have_their_sizes_in_the_key),
        TABLE(a_key_has_its_bound),
        TABLE(the_longest_idle_gives_its_memory),
        TABLE(a_body_grows_and_keeps_what_it_has),
        TABLE(who_is_alone_cannot_have_more_than_all),
        TABLE(one_that_was_taken_out_is_not_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
