#include "base/pool.h"

#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* The address sanitizer is to let an allocation fail, as the system does. */
const char *__asan_default_options(void);
const char *__asan_default_options(void) {
    return "allocator_may_return_null=1";
}

static void assert_zero(const unsigned char *bytes, size_t size) {
    for (size_t i = 0; i < size; i++) {
        assert_int_equal(bytes[i], 0);
    }
}

static void gives_zeroed_objects_also_when_reused(void **state) {
    (void)state;
    struct pool pool;
    coax_pool_init(&pool, 100, 10);
    for (int i = 0; i < 50; i++) {
        unsigned char *object = coax_pool_take(&pool);
        assert_non_null(object);
        assert_zero(object, 100);
        memset(object, 0xaa, 100);
        coax_pool_give(&pool, object);
    }
    coax_pool_free(&pool);
}

static void refuses_at_the_limit_and_counts(void **state) {
    (void)state;
    struct pool pool;
    coax_pool_init(&pool, 24, 3);
    void *objects[3];
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(pool.in_use, i);
        objects[i] = coax_pool_take(&pool);
        assert_non_null(objects[i]);
    }
    assert_null(coax_pool_take(&pool));
    assert_int_equal(pool.in_use, 3);
    coax_pool_give(&pool, objects[1]);
    assert_int_equal(pool.in_use, 2);
    objects[1] = coax_pool_take(&pool);
    assert_non_null(objects[1]);
    assert_null(coax_pool_take(&pool));
    for (size_t i = 0; i < 3; i++) {
        coax_pool_give(&pool, objects[i]);
    }
    assert_int_equal(pool.in_use, 0);
    coax_pool_free(&pool);
}

static void a_limit_of_zero_gives_nothing(void **state) {
    (void)state;
    struct pool pool;
    coax_pool_init(&pool, 24, 0);
    assert_null(coax_pool_take(&pool));
    coax_pool_free(&pool);
}

static void giving_null_is_allowed(void **state) {
    (void)state;
    struct pool pool;
    coax_pool_init(&pool, 24, 1);
    coax_pool_give(&pool, NULL);
    assert_int_equal(pool.in_use, 0);
    coax_pool_free(&pool);
}

/* Writes its own pattern to each of many objects of many sizes: overlapping ones would show. */
static void objects_are_aligned_and_do_not_overlap(void **state) {
    (void)state;
    static const size_t sizes[] = {1, 7, 8, 16, 17, 48, 1000, 70000};
    enum { COUNT = 60 };
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        struct pool pool;
        coax_pool_init(&pool, sizes[s], COUNT);
        unsigned char *objects[COUNT];
        for (size_t i = 0; i < COUNT; i++) {
            objects[i] = coax_pool_take(&pool);
            assert_non_null(objects[i]);
            assert_int_equal((uintptr_t)objects[i] % alignof(max_align_t), 0);
            memset(objects[i], (int)i + 1, sizes[s]);
        }
        assert_null(coax_pool_take(&pool));
        for (size_t i = 0; i < COUNT; i++) {
            assert_int_equal(objects[i][0], i + 1);
            assert_int_equal(objects[i][sizes[s] - 1], i + 1);
            coax_pool_give(&pool, objects[i]);
        }
        coax_pool_free(&pool);
    }
}

static void a_freed_pool_can_be_used_again(void **state) {
    (void)state;
    struct pool pool;
    coax_pool_init(&pool, 64, 2);
    coax_pool_give(&pool, coax_pool_take(&pool));
    coax_pool_free(&pool);
    assert_int_equal(pool.in_use, 0);
    void *object = coax_pool_take(&pool);
    assert_non_null(object);
    coax_pool_give(&pool, object);
    coax_pool_free(&pool);
}

/* A size that no machine has: the pool says so and stays usable. */
static void survives_an_allocation_that_fails(void **state) {
    (void)state;
    struct pool pool;
    coax_pool_init(&pool, SIZE_MAX / 4, 2);
    assert_null(coax_pool_take(&pool));
    assert_int_equal(pool.in_use, 0);
    coax_pool_free(&pool);
}

#ifndef COAX_POOL_PLAIN

static void the_steady_state_uses_the_same_memory(void **state) {
    (void)state;
    struct pool pool;
    coax_pool_init(&pool, 200, 1000);
    void *first = coax_pool_take(&pool);
    coax_pool_give(&pool, first);
    void *slabs = pool.slabs;
    for (int i = 0; i < 100; i++) {
        void *object = coax_pool_take(&pool);
        assert_ptr_equal(object, first);
        coax_pool_give(&pool, object);
    }
    assert_ptr_equal(pool.slabs, slabs);
    coax_pool_free(&pool);
}

#else

static void the_steady_state_uses_the_same_memory(void **state) {
    (void)state;
    skip();
}

#endif

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_zeroed_objects_also_when_reused),
        cmocka_unit_test(refuses_at_the_limit_and_counts),
        cmocka_unit_test(a_limit_of_zero_gives_nothing),
        cmocka_unit_test(giving_null_is_allowed),
        cmocka_unit_test(objects_are_aligned_and_do_not_overlap),
        cmocka_unit_test(a_freed_pool_can_be_used_again),
        cmocka_unit_test(survives_an_allocation_that_fails),
        cmocka_unit_test(the_steady_state_uses_the_same_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
