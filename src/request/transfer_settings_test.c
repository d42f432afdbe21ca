/* What can be said of a request's bodies, and until when. */
#include "transfer_fixture.h"

static void settings_are_checked(void **state) {
    (void)state;
    struct scene scene;
    begin(&scene, COAX_GET, 0, NULL);
    static const uint32_t wrong[] = {1, 8, 15, 17, 1000, 2048};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(coax_request_set_block_size(scene.request, wrong[i]), COAX_E_INVALID);
    }
    assert_int_equal(send_it(&scene), COAX_OK);
    assert_int_equal(coax_request_set_block_size(scene.request, 64), COAX_E_STATE);
    assert_int_equal(coax_request_set_retries(scene.request, 1), COAX_E_STATE);
    assert_int_equal(coax_request_set_progress(scene.request, note_progress, &scene), COAX_E_STATE);
    assert_int_equal(coax_request_set_sink(scene.request, &sink, &scene), COAX_E_STATE);
    assert_int_equal(scene.closed_incomplete, 1);
    assert_int_equal(coax_request_set_source(scene.request, COAX_NO_FORMAT, 1, &source, &scene), COAX_E_STATE);
    assert_int_equal(scene.source_closed, 1);
    coax_request_cancel(scene.request);
    end(&scene);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
