/* Bodies in blocks: what goes out, by the examples of RFC 7959 section 3.2. */
#include "transfer_fixture.h"

/* Figure 7, and figure 8, where each block is carried out by itself. */
static void simple_put(void **state) {
    (void)state;
    for (int is_stateless = 0; is_stateless < 2; is_stateless++) {
        struct scene scene;
        uint8_t code = is_stateless ? COAX_CHANGED : COAX_CONTINUE;
        begin(&scene, COAX_PUT, 2500, NULL);
        assert_int_equal(send_it(&scene), COAX_OK);
        expect_upload(&scene, 0, true, 1024, 1024);
        reply(&scene, REPLY(.code = code, .block1 = BLOCK(0, !is_stateless, 6)));
        expect_upload(&scene, 1, true, 1024, 1024);
        reply(&scene, REPLY(.code = code, .block1 = BLOCK(1, !is_stateless, 6)));
        expect_upload(&scene, 2, false, 1024, 452);
        reply(&scene, REPLY(.code = COAX_CHANGED, .block1 = BLOCK(2, 0, 6)));
        expect_done(&scene, COAX_CHANGED, 0);
        end(&scene);
    }
}

/* Figure 9: what was sent counts, the rest goes in the blocks that the server wants. */
static void put_with_negotiation(void **state) {
    (void)state;
    struct scene scene;
    begin(&scene, COAX_PUT, 1100, NULL);
    assert_int_equal(coax_request_set_block_size(scene.request, 512), COAX_OK);
    assert_int_equal(send_it(&scene), COAX_OK);
    expect_upload(&scene, 0, true, 512, 512);
    reply(&scene, REPLY(.code = COAX_CONTINUE, .block1 = BLOCK(0, 1, 4)));
    for (unsigned i = 2; i < 4; i++) {
        expect_upload(&scene, i, true, 256, 256);
        reply(&scene, REPLY(.code = COAX_CONTINUE, .block1 = BLOCK((int)i, 1, 4)));
    }
    expect_upload(&scene, 4, false, 256, 76);
    reply(&scene, REPLY(.code = COAX_CHANGED, .block1 = BLOCK(4, 0, 4)));
    expect_done(&scene, COAX_CHANGED, 0);
    end(&scene);
}

/* Section 2.10 */
static void if_none_match_goes_with_the_first_block_only(void **state) {
    (void)state;
    struct scene scene;
    begin(&scene, COAX_PUT, 2000, NULL);
    assert_int_equal(coax_request_add_option(scene.request, COAX_OPTION_IF_NONE_MATCH, NULL, 0), COAX_OK);
    assert_int_equal(send_it(&scene), COAX_OK);
    for (int i = 0; i < 2; i++) { /* the second time from the beginning */
        expect(&scene, "PUT If-None-Match Block1=0/1/1024", 1024);
        reply(&scene, REPLY(.code = COAX_CONTINUE, .block1 = BLOCK(0, 1, 6)));
        expect(&scene, "PUT !If-None-Match Block1=1/0/1024", 976);
        reply(&scene, i == 0 ? REPLY(.code = COAX_REQUEST_ENTITY_INCOMPLETE)
                             : REPLY(.code = COAX_CREATED, .block1 = BLOCK(1, 0, 6)));
    }
    expect_done(&scene, COAX_CREATED, 0);
    end(&scene);
}

/* Section 2.9.3: 4.13 with a smaller block, to a message without blocks and to the first of them. */
static void too_large_asks_for_smaller_blocks(void **state) {
    (void)state;
    for (size_t size = 1000; size <= 2000; size += 1000) {
        struct scene scene;
        begin(&scene, COAX_PUT, size, NULL);
        assert_int_equal(send_it(&scene), COAX_OK);
        expect(&scene, size == 1000 ? "PUT !Block1" : "PUT Block1=0/1/1024", size == 1000 ? 1000 : 1024);
        reply(&scene, REPLY(.code = COAX_REQUEST_ENTITY_TOO_LARGE, .block1 = BLOCK(0, 0, 5)));
        expect_upload(&scene, 0, true, 512, 512);
        reply(&scene, REPLY(.code = COAX_REQUEST_ENTITY_TOO_LARGE, .block1 = BLOCK(0, 0, 5))); /* no smaller ones */
        expect_done(&scene, COAX_REQUEST_ENTITY_TOO_LARGE, 0);
        end(&scene);
    }
}

/* Section 2.9.2, but not for ever. */
static void incomplete_begins_again(void **state) {
    (void)state;
    struct scene scene;
    begin(&scene, COAX_PUT, 2000, NULL);
    assert_int_equal(send_it(&scene), COAX_OK);
    for (int i = 0; i < 4; i++) {
        expect_upload(&scene, 0, true, 1024, 1024);
        reply(&scene, REPLY(.code = COAX_CONTINUE, .block1 = BLOCK(0, 1, 6)));
        expect_upload(&scene, 1, false, 1024, 976);
        reply(&scene, REPLY(.code = COAX_REQUEST_ENTITY_INCOMPLETE));
    }
    expect_done(&scene, COAX_REQUEST_ENTITY_INCOMPLETE, 0);
    end(&scene);
}

static void an_error_ends_an_upload(void **state) {
    (void)state;
    struct scene scene;
    begin(&scene, COAX_PUT, 2000, NULL);
    assert_int_equal(send_it(&scene), COAX_OK);
    expect_upload(&scene, 0, true, 1024, 1024);
    reply(&scene, REPLY(.code = COAX_NOT_FOUND, .size = 9));
    expect_done(&scene, COAX_NOT_FOUND, 9);
    end(&scene);
}

static void wrong_acknowledgements_fail(void **state) {
    (void)state;
    static const struct reply cases[] = {
        {.code = COAX_CONTINUE, .block1 = BLOCK(1, 1, 6)}, /* of another */
        {.code = COAX_CONTINUE},                           /* of none */
        {.code = COAX_CHANGED},                            /* all is well, with half of it */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct scene scene;
        begin(&scene, COAX_PUT, 2000, NULL);
        assert_int_equal(send_it(&scene), COAX_OK);
        expect_upload(&scene, 0, true, 1024, 1024);
        reply(&scene, cases[i]);
        expect_failed(&scene, COAX_E_FORMAT);
        end(&scene);
    }
}

static void a_source_of_any_size_is_sent(void **state) {
    (void)state;
    static const size_t sizes[] = {0, 1, 1023, 1024, 1025, 2047, 2048, 2049, 4096};
    for (size_t i = 0; i < 2 * sizeof sizes / sizeof *sizes; i++) {
        struct scene scene;
        size_t size = sizes[i / 2];
        bool is_known = i % 2 == 0;
        begin(&scene, COAX_PUT, 0, NULL);
        scene.source_size = size;
        assert_int_equal(coax_request_set_source(scene.request, COAX_FORMAT_JSON, is_known ? size : COAX_SIZE_UNKNOWN,
                                                 &source, &scene),
                         COAX_OK);
        assert_int_equal(send_it(&scene), COAX_OK);
        size_t offset = 0;
        for (; size > 1024 && offset + 1024 < size; offset += 1024) {
            char wanted[60];
            (void)snprintf(wanted, sizeof wanted, "PUT Block1=%zu/1/1024 %sSize1", offset / 1024,
                           is_known && offset == 0 ? "" : "!");
            expect(&scene, wanted, 1024);
            reply(&scene, REPLY(.code = COAX_CONTINUE, .block1 = BLOCK((int)offset / 1024, 1, 6)));
        }
        expect(&scene, size > 1024 ? "PUT Block1 Content-Format" : "PUT !Block1 Content-Format", size - offset);
        reply(&scene, REPLY(.code = COAX_CHANGED, .block1 = size > 1024 ? BLOCK((int)offset / 1024, 0, 6) : 0));
        expect_done(&scene, COAX_CHANGED, 0);
        assert_int_equal(scene.source_closed, 1);
        end(&scene);
    }
}

static void a_source_that_fails_ends_the_request(void **state) {
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct scene scene;
        begin(&scene, COAX_PUT, 0, NULL);
        scene.source_size = 3000;
        uint64_t announced = i == 0 ? 2000 : i == 1 ? 4000 : 3000;
        assert_int_equal(coax_request_set_source(scene.request, COAX_NO_FORMAT, announced, &source, &scene), COAX_OK);
        assert_int_equal(send_it(&scene), COAX_OK);
        expect(&scene, "PUT Block1=0/1/1024", 1024);
        scene.source_status = i == 2 ? COAX_E_IO : COAX_OK;
        reply(&scene, REPLY(.code = COAX_CONTINUE, .block1 = BLOCK(0, 1, 6)));
        if (i == 1) {
            expect(&scene, "PUT Block1=1/1/1024", 1024);
            reply(&scene, REPLY(.code = COAX_CONTINUE, .block1 = BLOCK(1, 1, 6)));
        }
        expect_failed(&scene, i == 2 ? COAX_E_IO : COAX_E_INVALID);
        assert_int_equal(scene.source_closed, 1);
        end(&scene);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(simple_put),
        cmocka_unit_test(put_with_negotiation),
        cmocka_unit_test(if_none_match_goes_with_the_first_block_only),
        cmocka_unit_test(too_large_asks_for_smaller_blocks),
        cmocka_unit_test(incomplete_begins_again),
        cmocka_unit_test(an_error_ends_an_upload),
        cmocka_unit_test(wrong_acknowledgements_fail),
        cmocka_unit_test(a_source_of_any_size_is_sent),
        cmocka_unit_test(a_source_that_fails_ends_the_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
