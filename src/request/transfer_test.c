/* Bodies in blocks: what comes back, by the examples of RFC 7959 section 3. */
#include "transfer_fixture.h"

/* Figure 2 */
static void simple_get(void **state) {
    (void)state;
    struct scene scene;
    begin(&scene, COAX_GET, 0, NULL);
    assert_int_equal(send_it(&scene), COAX_OK);
    expect(&scene, "GET Uri-Path=\"status\" !Block", 0);
    reply(&scene, REPLY(.code = COAX_CONTENT, .block2 = BLOCK(0, 1, 3), .size = 128));
    expect(&scene, "GET Uri-Path=\"status\" Block2=1/0/128", 0);
    reply(&scene, REPLY(.code = COAX_CONTENT, .block2 = BLOCK(1, 1, 3), .size = 128, .offset = 128));
    expect(&scene, "GET Uri-Path=\"status\" Block2=2/0/128", 0);
    reply(&scene, REPLY(.code = COAX_CONTENT, .block2 = BLOCK(2, 0, 3), .size = 100, .offset = 256));
    expect_done(&scene, COAX_CONTENT, 356);
    end(&scene);
}

/* Figure 3 */
static void early_negotiation(void **state) {
    (void)state;
    struct scene scene;
    begin(&scene, COAX_GET, 0, NULL);
    assert_int_equal(coax_request_set_block_size(scene.request, 64), COAX_OK);
    assert_int_equal(send_it(&scene), COAX_OK);
    expect(&scene, "GET Block2=0/0/64", 0);
    for (int i = 0; i < 5; i++) {
        reply(&scene, REPLY(.code = COAX_CONTENT, .block2 = BLOCK(i, 1, 2), .size = 64, .offset = (size_t)i * 64));
        char wanted[60];
        (void)snprintf(wanted, sizeof wanted, "GET Block2=%d/0/64", i + 1);
        expect(&scene, wanted, 0);
    }
    reply(&scene, REPLY(.code = COAX_CONTENT, .block2 = BLOCK(5, 0, 2), .size = 64, .offset = 320));
    expect_done(&scene, COAX_CONTENT, 384);
    end(&scene);
}

/* Section 2.3: what the server gives is what the next request asks for. */
static void the_server_may_give_smaller_blocks(void **state) {
    (void)state;
    struct scene scene;
    begin(&scene, COAX_GET, 0, NULL);
    assert_int_equal(coax_request_set_block_size(scene.request, 256), COAX_OK);
    assert_int_equal(send_it(&scene), COAX_OK);
    expect(&scene, "GET Block2=0/0/256", 0);
    for (int i = 0; i < 2; i++) {
        reply(&scene, REPLY(.code = COAX_CONTENT, .block2 = BLOCK(i, 1, 1), .size = 32, .offset = (size_t)i * 32));
        expect(&scene, i == 0 ? "GET Block2=1/0/32" : "GET Block2=2/0/32", 0);
    }
    reply(&scene, REPLY(.code = COAX_CONTENT, .block2 = BLOCK(2, 0, 1), .size = 1, .offset = 64));
    expect_done(&scene, COAX_CONTENT, 65);
    end(&scene);
}

/* Figure 4: the client wants smaller blocks than the first that came; figures 5 and 6 with it: nothing of this depends
   on lost acknowledgements, which the transport makes up for. */
static void late_negotiation(void **state) {
    (void)state;
    struct scene scene;
    coax_endpoint_config config = COAX_ENDPOINT_CONFIG_INIT;
    config.block_size = 64;
    begin(&scene, COAX_GET, 0, &config);
    assert_int_equal(send_it(&scene), COAX_OK);
    expect(&scene, "GET Block2=0/0/64", 0);
    reply(&scene, REPLY(.code = COAX_CONTENT, .block2 = BLOCK(0, 1, 3), .size = 128));
    expect(&scene, "GET Block2=2/0/64", 0);
    stack_fixture_pass_ms(&scene.fixture, 3001); /* the answer is lost */
    expect(&scene, "GET Block2=2/0/64", 0);
    reply(&scene, REPLY(.code = COAX_CONTENT, .block2 = BLOCK(2, 0, 2), .size = 7, .offset = 128));
    expect_done(&scene, COAX_CONTENT, 135);
    end(&scene);
}

/* Figures 10 and 11 */
static void large_both_ways(void **state) {
    (void)state;
    struct scene scene;
    begin(&scene, COAX_POST, 1300, NULL);
    assert_int_equal(send_it(&scene), COAX_OK);
    expect(&scene, "POST Block1=0/1/1024", 1024);
    reply(&scene, REPLY(.code = COAX_CONTINUE, .block1 = BLOCK(0, 1, 6)));
    expect(&scene, "POST Block1=1/0/1024", 276);
    reply(&scene, REPLY(.code = COAX_CHANGED, .block1 = BLOCK(1, 0, 6), .block2 = BLOCK(0, 1, 3), .size = 128));
    expect(&scene, "POST Block2=1/0/128 !Block1", 0);
    reply(&scene, REPLY(.code = COAX_CHANGED, .block2 = BLOCK(1, 0, 3), .size = 22, .offset = 128));
    expect_done(&scene, COAX_CHANGED, 150);
    end(&scene);

    begin(&scene, COAX_POST, 300, NULL);
    assert_int_equal(coax_request_set_block_size(scene.request, 256), COAX_OK);
    assert_int_equal(send_it(&scene), COAX_OK);
    expect(&scene, "POST Block1=0/1/256 !Block2", 256);
    reply(&scene, REPLY(.code = COAX_CONTINUE, .block1 = BLOCK(0, 1, 4)));
    expect(&scene, "POST Block1=1/0/256 Block2=0/0/256", 44);
    reply(&scene, REPLY(.code = COAX_CHANGED, .block1 = BLOCK(1, 0, 4)));
    expect_done(&scene, COAX_CHANGED, 0);
    end(&scene);
}

/* Section 2.4: another ETag is another representation. */
static void a_body_that_changes_is_asked_for_anew(void **state) {
    (void)state;
    struct scene scene;
    begin(&scene, COAX_GET, 0, NULL);
    assert_int_equal(send_it(&scene), COAX_OK);
    expect(&scene, "GET", 0);
    reply(&scene, REPLY(.code = COAX_CONTENT, .block2 = BLOCK(0, 1, 2), .etag = "1", .size = 64, .offset = 512));
    expect(&scene, "GET Block2=1/0/64", 0);
    reply(&scene, REPLY(.code = COAX_CONTENT, .block2 = BLOCK(1, 0, 2), .etag = "2", .size = 64, .offset = 64));
    expect(&scene, "GET Block2=0/0/64", 0);
    reply(&scene, REPLY(.code = COAX_CONTENT, .block2 = BLOCK(0, 1, 2), .etag = "2", .size = 64));
    expect(&scene, "GET Block2=1/0/64", 0);
    reply(&scene, REPLY(.code = COAX_CONTENT, .block2 = BLOCK(1, 0, 2), .etag = "2", .size = 60, .offset = 64));
    expect_done(&scene, COAX_CONTENT, 124);
    end(&scene);
}

static void a_body_that_changes_for_ever_is_given_up(void **state) {
    (void)state;
    struct scene scene;
    char etag[2] = "a";
    begin(&scene, COAX_GET, 0, NULL);
    assert_int_equal(send_it(&scene), COAX_OK);
    expect(&scene, "GET", 0);
    for (int i = 0; i < 4; i++) {
        reply(&scene, REPLY(.code = COAX_CONTENT, .block2 = BLOCK(0, 1, 2), .etag = etag, .size = 64));
        expect(&scene, "GET Block2=1/0/64", 0);
        etag[0]++;
        reply(&scene, REPLY(.code = COAX_CONTENT, .block2 = BLOCK(1, 1, 2), .etag = etag, .size = 64));
        if (i < 3) {
            expect(&scene, "GET Block2=0/0/64", 0);
        }
    }
    expect_failed(&scene, COAX_E_CHANGED);
    end(&scene);
}

/* What no server says. */
static void wrong_blocks_fail(void **state) {
    (void)state;
    static const struct {
        struct reply first, second; /* second.code 0: the first fails */
    } cases[] = {
        {{.code = COAX_CONTENT, .block2 = BLOCK(1, 1, 2), .size = 64}, {0}},   /* not the first */
        {{.code = COAX_CONTENT, .block2 = BLOCK(0, 1, 2), .size = 63}, {0}},   /* too short */
        {{.code = COAX_CONTENT, .block2 = BLOCK(0, 1, 2), .size = 65}, {0}},   /* too long */
        {{.code = COAX_CONTENT, .block2 = BLOCK(0, 1, 7), .size = 1024}, {0}}, /* BERT over UDP */
        {{.code = COAX_CONTENT, .block2 = BLOCK(0, 1, 2)}, {0}},               /* for ever */
        {{.code = COAX_CONTINUE, .block1 = BLOCK(0, 1, 2)}, {0}},              /* nothing was sent in blocks */
        {{.code = COAX_CONTENT, .block2 = BLOCK(0, 1, 2), .size = 64},
         {.code = COAX_CONTENT, .block2 = BLOCK(2, 1, 2), .size = 64}}, /* one left out */
        {{.code = COAX_CONTENT, .block2 = BLOCK(0, 1, 2), .size = 64},
         {.code = COAX_CONTENT, .size = 64}}, /* no block after one */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct scene scene;
        begin(&scene, COAX_GET, 0, NULL);
        assert_int_equal(send_it(&scene), COAX_OK);
        expect(&scene, "GET", 0);
        reply(&scene, cases[i].first);
        if (cases[i].second.code != 0) {
            expect(&scene, "GET Block2", 0);
            reply(&scene, cases[i].second);
        }
        expect_failed(&scene, COAX_E_FORMAT);
        end(&scene);
    }
}

static void bodies_have_a_bound(void **state) {
    (void)state;
    for (int is_announced = 0; is_announced < 2; is_announced++) {
        struct scene scene;
        coax_endpoint_config config = COAX_ENDPOINT_CONFIG_INIT;
        config.max_body_size = 1500;
        begin(&scene, COAX_GET, 0, &config);
        assert_int_equal(send_it(&scene), COAX_OK);
        expect(&scene, "GET", 0);
        reply(&scene, REPLY(.code = COAX_CONTENT, .block2 = BLOCK(0, 1, 6), .size = 1024,
                            .option = is_announced ? COAX_OPTION_SIZE2 : 0, .value = "\x7f\xff\xff\xff"));
        if (!is_announced) {
            expect(&scene, "GET Block2=1/0/1024", 0);
            reply(&scene, REPLY(.code = COAX_CONTENT, .block2 = BLOCK(1, 1, 6), .size = 1024));
        }
        expect_failed(&scene, COAX_E_TOO_LARGE);
        assert_non_null(strstr(scene.error.text, "max_body_size"));
        end(&scene);
    }
}

static void a_sink_takes_the_pieces(void **state) {
    (void)state;
    struct scene scene;
    begin(&scene, COAX_GET, 0, NULL);
    assert_int_equal(coax_request_set_sink(scene.request, &sink, &scene), COAX_OK);
    assert_int_equal(send_it(&scene), COAX_OK);
    expect(&scene, "GET", 0);
    reply(&scene, REPLY(.code = COAX_CONTENT, .block2 = BLOCK(0, 1, 6), .size = 1024));
    assert_int_equal(scene.body_size, 1024);
    expect(&scene, "GET Block2=1/0/1024", 0);
    reply(&scene, REPLY(.code = COAX_CONTENT, .block2 = BLOCK(1, 0, 6), .size = 10, .offset = 1024));
    expect_done(&scene, COAX_CONTENT, 1034);
    assert_int_equal(scene.closed_complete, 1);
    assert_int_equal(scene.closed_incomplete, 0);
    assert_int_equal(scene.begun, 1);
    end(&scene);
}

static void a_sink_is_told_what_begins(void **state) {
    (void)state;
    struct scene scene;
    begin(&scene, COAX_GET, 0, NULL);
    assert_int_equal(coax_request_set_sink(scene.request, &sink, &scene), COAX_OK);
    assert_int_equal(send_it(&scene), COAX_OK);
    expect(&scene, "GET", 0);
    reply(&scene, REPLY(.code = COAX_CONTENT, .block2 = BLOCK(0, 1, 2), .etag = "1", .size = 64, .offset = 512));
    assert_string_equal(scene.begun_etag, "1");
    expect(&scene, "GET Block2=1/0/64", 0);
    reply(&scene, REPLY(.code = COAX_CONTENT, .block2 = BLOCK(1, 0, 2), .etag = "2", .size = 64, .offset = 64));
    assert_int_equal(scene.begun, 1);
    expect(&scene, "GET Block2=0/0/64", 0);
    reply(&scene, REPLY(.code = COAX_CONTENT, .block2 = BLOCK(0, 1, 2), .etag = "2", .size = 64));
    assert_string_equal(scene.begun_etag, "2");
    expect(&scene, "GET Block2=1/0/64", 0);
    scene.begin_status = COAX_E_IO; /* it does not matter: nothing begins */
    reply(&scene, REPLY(.code = COAX_CONTENT, .block2 = BLOCK(1, 0, 2), .etag = "2", .size = 60, .offset = 64));
    expect_done(&scene, COAX_CONTENT, 124);
    assert_int_equal(scene.begun, 2);
    end(&scene);
}

static void what_may_not_begin_fails(void **state) {
    (void)state;
    struct scene scene;
    begin(&scene, COAX_GET, 0, NULL);
    scene.begin_status = COAX_E_IO;
    assert_int_equal(coax_request_set_sink(scene.request, &sink, &scene), COAX_OK);
    assert_int_equal(send_it(&scene), COAX_OK);
    expect(&scene, "GET", 0);
    reply(&scene, REPLY(.code = COAX_CONTENT, .size = 5));
    assert_int_equal(scene.error.status, COAX_E_IO);
    assert_int_equal(scene.body_size, 0);
    assert_int_equal(scene.closed_incomplete, 1);
    end(&scene);
}

/* In one message; of an error nothing goes there; nor of what breaks off. */
static void a_sink_is_closed_once(void **state) {
    (void)state;
    static const struct {
        struct reply answer;
        unsigned complete;
        enum coax_status sink_status, status;
    } cases[] = {
        {{.code = COAX_CONTENT, .size = 5}, 1, COAX_OK, COAX_OK},
        {{.code = COAX_CONTENT, .block2 = BLOCK(0, 0, 6), .size = 5}, 1, COAX_OK, COAX_OK},
        {{.code = COAX_NOT_FOUND, .size = 5}, 0, COAX_OK, COAX_OK},
        {{.code = COAX_VALID, .etag = "1"}, 0, COAX_OK, COAX_OK},
        {{.code = COAX_CONTENT, .block2 = BLOCK(0, 1, 2), .size = 64}, 0, COAX_E_IO, COAX_E_IO},
        {{.code = COAX_CONTENT, .block2 = BLOCK(0, 1, 2), .size = 63}, 0, COAX_OK, COAX_E_FORMAT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct scene scene;
        begin(&scene, COAX_GET, 0, NULL);
        scene.sink_status = cases[i].sink_status;
        assert_int_equal(coax_request_set_sink(scene.request, &sink, &scene), COAX_OK);
        assert_int_equal(send_it(&scene), COAX_OK);
        expect(&scene, "GET", 0);
        reply(&scene, cases[i].answer);
        assert_int_equal(scene.callbacks, 1);
        assert_int_equal(scene.error.status, cases[i].status);
        assert_int_equal(scene.closed_complete, cases[i].complete);
        assert_int_equal(scene.closed_complete + scene.closed_incomplete, 1);
        end(&scene);
    }
}

static void an_interrupted_body_is_resumed(void **state) {
    (void)state;
    enum { SAME, OTHER, GONE, WHOLE, CASES };
    for (int i = 0; i < CASES; i++) {
        struct scene scene;
        begin(&scene, COAX_GET, 0, NULL);
        assert_int_equal(coax_request_resume(scene.request, 1024, "1", 1), COAX_E_STATE); /* no sink */
        assert_int_equal(coax_request_set_sink(scene.request, &sink, &scene), COAX_OK);
        assert_int_equal(coax_request_resume(scene.request, 1000, "1", 1), COAX_E_INVALID);
        assert_int_equal(coax_request_resume(scene.request, 2048, "1", 1), COAX_OK);
        memcpy(scene.body, scene.source_data, scene.body_size = 2048);
        assert_int_equal(send_it(&scene), COAX_OK);
        expect(&scene, "GET Block2=2/0/1024", 0);
        if (i == SAME) {
            reply(&scene,
                  REPLY(.code = COAX_CONTENT, .block2 = BLOCK(2, 0, 6), .etag = "1", .size = 9, .offset = 2048));
            expect_done(&scene, COAX_CONTENT, 2057);
        } else if (i == WHOLE) {
            reply(&scene, REPLY(.code = COAX_CONTENT, .etag = "2", .size = 9));
            expect_done(&scene, COAX_CONTENT, 9);
        } else {
            reply(&scene, i == OTHER ? REPLY(.code = COAX_CONTENT, .block2 = BLOCK(2, 1, 6), .etag = "2", .size = 1024)
                                     : REPLY(.code = COAX_BAD_REQUEST));
            expect(&scene, i == OTHER ? "GET Block2=0/0/1024" : "GET !Block2", 0);
            reply(&scene, REPLY(.code = COAX_CONTENT, .block2 = BLOCK(0, 0, 6), .etag = "2", .size = 500));
            expect_done(&scene, COAX_CONTENT, 500);
        }
        assert_int_equal(scene.closed_complete, 1);
        assert_int_equal(scene.begun, 1);
        assert_string_equal(scene.begun_etag, i == SAME ? "1" : "2");
        end(&scene);
    }
}

static void progress_is_told(void **state) {
    (void)state;
    struct scene scene;
    begin(&scene, COAX_POST, 2000, NULL);
    assert_int_equal(coax_request_set_progress(scene.request, note_progress, &scene), COAX_OK);
    assert_int_equal(send_it(&scene), COAX_OK);
    expect(&scene, "POST", 1024);
    assert_int_equal(scene.progresses, 0);
    reply(&scene, REPLY(.code = COAX_CONTINUE, .block1 = BLOCK(0, 1, 6)));
    assert_int_equal(scene.progress.sent, 1024);
    assert_int_equal(scene.progress.to_send, 2000);
    assert_true(scene.progress.to_receive == COAX_SIZE_UNKNOWN);
    expect(&scene, "POST", 976);
    reply(&scene, REPLY(.code = COAX_CHANGED, .block1 = BLOCK(1, 0, 6), .block2 = BLOCK(0, 1, 2), .size = 64,
                        .option = COAX_OPTION_SIZE2, .value = "\x50"));
    assert_int_equal(scene.progress.sent, 2000);
    assert_int_equal(scene.progress.received, 64);
    assert_int_equal(scene.progress.to_receive, 80);
    expect(&scene, "POST", 0);
    reply(&scene, REPLY(.code = COAX_CHANGED, .block2 = BLOCK(1, 0, 2), .size = 16, .offset = 64));
    assert_int_equal(scene.progress.received, 80);
    expect_done(&scene, COAX_CHANGED, 80);
    end(&scene);
}

static void cancelling_is_legal_at_each_stage(void **state) {
    (void)state;
    for (unsigned stage = 0; stage < 6; stage++) {
        struct scene scene;
        begin(&scene, COAX_POST, 0, NULL);
        scene.source_size = 2000;
        scene.cancel_at = stage;
        assert_int_equal(coax_request_set_source(scene.request, COAX_NO_FORMAT, 2000, &source, &scene), COAX_OK);
        assert_int_equal(coax_request_set_sink(scene.request, &sink, &scene), COAX_OK);
        assert_int_equal(coax_request_set_progress(scene.request, note_progress, &scene), COAX_OK);
        if (stage > 0) {
            assert_int_equal(send_it(&scene), COAX_OK);
            expect(&scene, "POST", 1024);
            reply(&scene, REPLY(.code = COAX_CONTINUE, .block1 = BLOCK(0, 1, 6)));
        }
        if (stage > 1) {
            expect(&scene, "POST", 976);
            reply(&scene, REPLY(.code = COAX_CHANGED, .block1 = BLOCK(1, 0, 6), .block2 = BLOCK(0, 1, 2), .size = 64));
        }
        if (stage > 2) {
            expect(&scene, "POST", 0);
            reply(&scene, REPLY(.code = COAX_CHANGED, .block2 = BLOCK(1, 1, 2), .size = 64, .offset = 64));
        }
        if (stage > 3) {
            expect(&scene, "POST", 0);
        }
        if (stage == 0 || stage > 3) {
            coax_request_cancel(scene.request);
        }
        assert_int_equal(scene.callbacks, 0);
        assert_int_equal(scene.source_closed, 1);
        assert_int_equal(scene.closed_incomplete, 1);
        wire_expect_nothing(&scene.fixture.wire);
        end(&scene);
    }
}

/* RFC 9175 section 2.3 */
static void an_echo_is_sent_back(void **state) {
    (void)state;
    struct scene scene;
    begin(&scene, COAX_PUT, 5, NULL);
    assert_int_equal(send_it(&scene), COAX_OK);
    expect(&scene, "PUT !Echo", 5);
    reply(&scene, REPLY(.code = COAX_UNAUTHORIZED, .option = COAX_OPTION_ECHO, .value = "fresh"));
    expect(&scene, "PUT Echo=6672657368", 5);
    reply(&scene,
          REPLY(.code = COAX_UNAUTHORIZED, .option = COAX_OPTION_ECHO, .value = "other")); /* it came too late */
    expect(&scene, "PUT Echo=6f74686572", 5);
    reply(&scene, REPLY(.code = COAX_UNAUTHORIZED, .option = COAX_OPTION_ECHO, .value = "other")); /* it is no use */
    expect_done(&scene, COAX_UNAUTHORIZED, 0);
    end(&scene);
    begin(&scene, COAX_PUT, 5, NULL);
    assert_int_equal(send_it(&scene), COAX_OK);
    for (int i = 0; i < 4; i++) { /* not for ever */
        const char value[] = {(char)('a' + i), '\0'};
        expect(&scene, "PUT", 5);
        reply(&scene, REPLY(.code = COAX_UNAUTHORIZED, .option = COAX_OPTION_ECHO, .value = value));
    }
    expect_done(&scene, COAX_UNAUTHORIZED, 0);
    end(&scene);
}

/* RFC 8516 section 4 */
static void a_busy_server_is_asked_again(void **state) {
    (void)state;
    struct scene scene;
    begin(&scene, COAX_GET, 0, NULL);
    assert_int_equal(coax_request_set_retries(scene.request, 2), COAX_OK);
    assert_int_equal(send_it(&scene), COAX_OK);
    for (int i = 0; i < 3; i++) {
        expect(&scene, "GET", 0);
        reply(&scene, REPLY(.code = i == 0 ? COAX_TOO_MANY_REQUESTS : COAX_SERVICE_UNAVAILABLE,
                            .option = COAX_OPTION_MAX_AGE, .value = "\x78"));
        if (i < 2) {
            stack_fixture_pass_ms(&scene.fixture, 119999);
            wire_expect_nothing(&scene.fixture.wire);
            stack_fixture_pass_ms(&scene.fixture, 1);
        }
    }
    expect_done(&scene, COAX_SERVICE_UNAVAILABLE, 0);
    end(&scene);
}

static void waiting_has_its_bounds(void **state) {
    (void)state;
    struct scene scene;
    begin(&scene, COAX_GET, 0, NULL); /* nothing is waited for that would end too late */
    coax_request_set_timeout(scene.request, 10000);
    assert_int_equal(coax_request_set_retries(scene.request, 2), COAX_OK);
    assert_int_equal(send_it(&scene), COAX_OK);
    expect(&scene, "GET", 0);
    reply(&scene, REPLY(.code = COAX_SERVICE_UNAVAILABLE, .option = COAX_OPTION_MAX_AGE, .value = "\x0a"));
    expect_done(&scene, COAX_SERVICE_UNAVAILABLE, 0);
    end(&scene);

    begin(&scene, COAX_GET, 0, NULL); /* nor is there a wait without a time for it; and one that waits can be ended */
    assert_int_equal(coax_request_set_retries(scene.request, 2), COAX_OK);
    assert_int_equal(send_it(&scene), COAX_OK);
    expect(&scene, "GET", 0);
    reply(&scene, REPLY(.code = COAX_SERVICE_UNAVAILABLE, .option = COAX_OPTION_MAX_AGE, .value = "\x0a"));
    coax_request_cancel(scene.request);
    stack_fixture_pass_ms(&scene.fixture, 20000);
    wire_expect_nothing(&scene.fixture.wire);
    assert_int_equal(scene.callbacks, 0);
    end(&scene);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(simple_get),
        cmocka_unit_test(early_negotiation),
        cmocka_unit_test(the_server_may_give_smaller_blocks),
        cmocka_unit_test(late_negotiation),
        cmocka_unit_test(large_both_ways),
        cmocka_unit_test(a_body_that_changes_is_asked_for_anew),
        cmocka_unit_test(a_body_that_changes_for_ever_is_given_up),
        cmocka_unit_test(wrong_blocks_fail),
        cmocka_unit_test(bodies_have_a_bound),
        cmocka_unit_test(a_sink_takes_the_pieces),
        cmocka_unit_test(a_sink_is_told_what_begins),
        cmocka_unit_test(what_may_not_begin_fails),
        cmocka_unit_test(a_sink_is_closed_once),
        cmocka_unit_test(an_interrupted_body_is_resumed),
        cmocka_unit_test(progress_is_told),
        cmocka_unit_test(cancelling_is_legal_at_each_stage),
        cmocka_unit_test(an_echo_is_sent_back),
        cmocka_unit_test(a_busy_server_is_asked_again),
        cmocka_unit_test(waiting_has_its_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
