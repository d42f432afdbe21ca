#include "base/list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct item {
    int number;
    struct list_node node;
};

static int number_of(const struct list_node *node) {
    return COAX_CONTAINER(node, const struct item, node)->number;
}

static void assert_numbers(const struct list_node *head, const int *numbers, size_t count) {
    const struct list_node *node = head->next;
    for (size_t i = 0; i < count; i++, node = node->next) {
        assert_ptr_not_equal(node, head);
        assert_int_equal(number_of(node), numbers[i]);
        assert_ptr_equal(node->next->previous, node);
    }
    assert_ptr_equal(node, head);
}

static void a_new_list_is_empty(void **state) {
    (void)state;
    struct list_node head;
    list_init(&head);
    assert_true(list_is_empty(&head));
    assert_null(list_first(&head));
}

static void a_zeroed_head_counts_as_empty(void **state) {
    (void)state;
    struct list_node head = {0};
    assert_true(list_is_empty(&head));
    assert_null(list_first(&head));
}

static void appends_in_order(void **state) {
    (void)state;
    struct list_node head;
    list_init(&head);
    struct item items[3] = {{.number = 1}, {.number = 2}, {.number = 3}};
    for (size_t i = 0; i < 3; i++) {
        assert_false(list_contains_node(&items[i].node));
        list_append(&head, &items[i].node);
        assert_true(list_contains_node(&items[i].node));
    }
    assert_numbers(&head, (const int[]){1, 2, 3}, 3);
    assert_ptr_equal(list_first(&head), &items[0].node);
}

static void removes_first_middle_and_last(void **state) {
    (void)state;
    struct list_node head;
    list_init(&head);
    struct item items[4] = {{.number = 1}, {.number = 2}, {.number = 3}, {.number = 4}};
    for (size_t i = 0; i < 4; i++) {
        list_append(&head, &items[i].node);
    }
    list_remove(&items[1].node);
    assert_numbers(&head, (const int[]){1, 3, 4}, 3);
    list_remove(&items[0].node);
    assert_numbers(&head, (const int[]){3, 4}, 2);
    list_remove(&items[3].node);
    assert_numbers(&head, (const int[]){3}, 1);
    list_remove(&items[2].node);
    assert_true(list_is_empty(&head));
    assert_false(list_contains_node(&items[2].node));
}

static void removing_a_node_that_is_in_no_list_does_nothing(void **state) {
    (void)state;
    struct item zeroed = {0}, twice = {.number = 1}, other = {.number = 2};
    struct list_node head;
    list_init(&head);
    list_remove(&zeroed.node);
    assert_false(list_contains_node(&zeroed.node));
    list_append(&head, &twice.node);
    list_append(&head, &other.node);
    list_remove(&twice.node);
    list_remove(&twice.node);
    assert_numbers(&head, (const int[]){2}, 1);
}

static void a_removed_node_can_be_appended_again(void **state) {
    (void)state;
    struct list_node head;
    list_init(&head);
    struct item a = {.number = 1}, b = {.number = 2};
    list_append(&head, &a.node);
    list_append(&head, &b.node);
    list_remove(&a.node);
    list_append(&head, &a.node);
    assert_numbers(&head, (const int[]){2, 1}, 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_list_is_empty),
        cmocka_unit_test(a_zeroed_head_counts_as_empty),
        cmocka_unit_test(appends_in_order),
        cmocka_unit_test(removes_first_middle_and_last),
        cmocka_unit_test(removing_a_node_that_is_in_no_list_does_nothing),
        cmocka_unit_test(a_removed_node_can_be_appended_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
