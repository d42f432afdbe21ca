/* A program may cancel its request in any function of its source and its sink. */
#include "transfer_fixture.h"

static bool is_under_way(const struct scene *scene) {
    return scene->fixture.wire.seen < scene->fixture.wire.sent;
}

/* A PUT of three blocks from a source, answered by a body of two blocks for a sink. */
static void exchange_bodies(struct scene *scene) {
    for (int i = 0; i < 3 && is_under_way(scene); i++) {
        expect(scene, "PUT Block1", i < 2 ? 1024 : 52);
        reply(scene,
              i < 2 ? REPLY(.code = COAX_CONTINUE, .block1 = BLOCK(i, 1, 6))
                    : REPLY(.code = COAX_CHANGED, .block1 = BLOCK(2, 0, 6), .block2 = BLOCK(0, 1, 6), .size = 1024));
    }
    if (is_under_way(scene)) {
        expect(scene, "PUT Block2=1", 0);
        reply(scene, REPLY(.code = COAX_CHANGED, .block2 = BLOCK(1, 0, 6), .size = 5, .offset = 1024));
    }
}

static void a_request_may_be_cancelled_anywhere(void **state) {
    (void)state;
    for (enum scene_place place = IN_NONE; place < SCENE_PLACES; place++) {
        struct scene scene;
        begin(&scene, COAX_PUT, 0, NULL);
        scene.source_size = 2100;
        scene.cancel_in = place;
        assert_int_equal(coax_request_set_source(scene.request, COAX_NO_FORMAT, 2100, &source, &scene), COAX_OK);
        assert_int_equal(coax_request_set_sink(scene.request, &sink, &scene), COAX_OK);
        assert_int_equal(send_it(&scene), COAX_OK);
        exchange_bodies(&scene);
        stack_fixture_pass_ms(&scene.fixture, 0);
        assert_int_equal(scene.cancel_in, IN_NONE);
        assert_int_equal(scene.callbacks, place == IN_NONE ? 1 : 0);
        assert_int_equal(scene.source_closed, 1);
        assert_int_equal(scene.closed_complete + scene.closed_incomplete, 1);
        end(&scene);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_may_be_cancelled_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
