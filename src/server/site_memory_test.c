/* What a site does when memory runs out: an error each time, nothing lost, and the tree as it was. To see every block,
   this program compiles the sources of the tree once more, with an allocator of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static size_t live;                     /* blocks that are not freed */
static size_t until_failure = SIZE_MAX; /* this many allocations succeed */
static bool failed;

static void *track_calloc(size_t count, size_t size) {
    failed = failed || until_failure == 0;
    if (until_failure == 0) {
        return NULL;
    }
    until_failure -= until_failure != SIZE_MAX;
    void *block = calloc(count, size);
    live += block != NULL;
    return block;
}

static void track_free(void *block) {
    live -= block != NULL;
    free(block);
}

#define calloc track_calloc
#define free track_free
#include "../base/hash_table.c"
#include "resource.c"
#include "site.c"
#undef calloc
#undef free

#include "server/request_test_data.h"

static void get(coax_exchange *exchange, const coax_message *request, void *user) {
    (void)exchange;
    (void)request;
    (void)user;
}

static const char *const paths[] = {"a/b/c/d", "a/b", "", "x/*/y", "*", "n1", "n2", "n3", "n4", "n5", "n6/n7/n8/n9"};
enum { PATHS = sizeof paths / sizeof *paths };

static bool is_there(const coax_site *site, const char *path) {
    struct test_request request;
    struct site_route route;
    coax_site_route(site, request_for(&request, COAX_GET, path), NULL, NULL, &route);
    return route.user == (void *)(uintptr_t)path;
}

/* Makes a site of all paths; false if memory ran out, at any of them. */
static bool make_site(void) {
    coax_site *site = coax_site_new();
    size_t added = 0;
    coax_error error = {.status = COAX_OK};
    while (site != NULL && added < PATHS) {
        coax_resource_config config = COAX_RESOURCE_CONFIG_INIT;
        config.get = get;
        config.title = "title";
        config.user = (void *)(uintptr_t)paths[added];
        size_t before = live;
        if (coax_site_add(site, paths[added], &config, &error) == NULL) {
            assert_int_equal(error.status, COAX_E_NO_MEMORY);
            assert_int_equal(live, before);
            break;
        }
        added++;
    }
    for (size_t i = 0; i < added; i++) {
        assert_true(is_there(site, paths[i]));
    }
    coax_site_free(site);
    assert_int_equal(live, 0);
    return added == PATHS;
}

static void every_allocation_may_fail(void **state) {
    (void)state;
    size_t sweep = 0;
    do {
        assert_in_range(sweep, 0, 200);
        failed = false;
        until_failure = sweep++;
        bool made = make_site();
        until_failure = SIZE_MAX;
        /* A table that cannot grow goes on with longer chains. */
        assert_true(made || failed);
    } while (failed);
    assert_in_range(sweep, 30, 200);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
