#include "request/window.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { UNIT = 16 };

static uint8_t content[UNIT];

static bool take(struct window *window, uint32_t number, bool more, size_t size) {
    const struct block block = {number, more, 0};
    content[0] = (uint8_t)number;
    return coax_window_take(window, &block, bytes_of(content, size));
}

/* Takes out what can go on; returns how many that were. */
static unsigned go_on(struct window *window, bool *was_last) {
    unsigned count = 0;
    struct bytes piece;
    while (coax_window_piece(window, &piece, was_last)) {
        assert_int_equal(piece.data[0], (uint8_t)window->next);
        coax_window_step(window);
        count++;
    }
    return count;
}

static void blocks_go_on_in_order(void **state) {
    (void)state;
    static struct window window;
    bool was_last = false;
    uint32_t missing[SET_MAXIMUM];
    coax_window_init(&window, 0, UINT64_MAX);
    assert_int_equal(coax_window_set_end(&window), 10);
    assert_true(take(&window, 1, true, UNIT));
    assert_true(take(&window, 3, true, UNIT));
    assert_int_equal(go_on(&window, &was_last), 0);
    assert_int_equal(coax_window_missing(&window, window.seen, missing), 2);
    assert_int_equal(missing[0], 0);
    assert_int_equal(missing[1], 2);
    assert_int_equal(coax_window_missing(&window, 10, missing), 8);
    assert_true(take(&window, 0, true, UNIT));
    assert_int_equal(go_on(&window, &was_last), 2);
    assert_true(take(&window, 0, true, UNIT)); /* again */
    assert_true(take(&window, 3, true, UNIT));
    assert_int_equal(go_on(&window, &was_last), 0);
    assert_true(take(&window, 4, false, 5));
    assert_int_equal(coax_window_set_end(&window), 5);
    assert_true(take(&window, 2, true, UNIT));
    assert_false(was_last);
    assert_int_equal(go_on(&window, &was_last), 3);
    assert_true(was_last);
    assert_int_equal(coax_window_missing(&window, coax_window_set_end(&window), missing), 0);
}

static void what_is_far_ahead_is_left_out(void **state) {
    (void)state;
    static struct window window;
    bool was_last;
    uint32_t missing[SET_MAXIMUM];
    coax_window_init(&window, 0, UINT64_MAX);
    assert_true(take(&window, WINDOW_BLOCKS, true, UNIT));
    assert_int_equal(window.seen, 0);
    assert_true(take(&window, WINDOW_BLOCKS - 1, true, UNIT));
    assert_int_equal(window.seen, WINDOW_BLOCKS);
    assert_int_equal(coax_window_missing(&window, window.seen, missing), SET_MAXIMUM);
    assert_true(take(&window, 0, true, UNIT));
    assert_int_equal(go_on(&window, &was_last), 1);
    assert_true(take(&window, WINDOW_BLOCKS, true, UNIT));
    assert_int_equal(window.seen, WINDOW_BLOCKS + 1);
}

static void what_is_of_another_body_is_refused(void **state) {
    (void)state;
    static struct window window;
    coax_window_init(&window, 0, UINT64_MAX);
    assert_false(take(&window, 0, true, UNIT - 1));
    assert_false(take(&window, 0, false, UNIT + 1));
    assert_false(coax_window_take(&window, &(const struct block){0, true, 1}, bytes_of(content, UNIT)));
    assert_true(take(&window, 2, true, UNIT));
    assert_false(take(&window, 1, false, 5)); /* the last one, behind which there is another */
    assert_true(take(&window, 3, false, 5));
    assert_false(take(&window, 4, true, UNIT));
    assert_false(take(&window, 4, false, 5));
    coax_window_init(&window, 0, 2 * UNIT + 1);
    assert_int_equal(coax_window_set_end(&window), 3);
    assert_false(take(&window, 2, true, UNIT));
    assert_true(take(&window, 2, false, 1));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_go_on_in_order),
        cmocka_unit_test(what_is_far_ahead_is_left_out),
        cmocka_unit_test(what_is_of_another_body_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
