#include "endpoint/mailbox.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct bytes text_of(const char *text) {
    return bytes_of(text, strlen(text));
}

static void assert_next(struct mailbox *mailbox, const char *expected) {
    struct bytes letter;
    assert_true(coax_mailbox_take(mailbox, &letter));
    assert_int_equal(letter.size, strlen(expected));
    assert_memory_equal(letter.data, expected, letter.size);
    coax_mailbox_done(mailbox);
}

static void letters_come_in_their_order(void **state) {
    (void)state;
    struct mailbox mailbox;
    struct bytes letter;
    assert_int_equal(coax_mailbox_init(&mailbox, 4, 10), COAX_OK);
    for (int round = 0; round < 10; round++) {
        assert_false(coax_mailbox_take(&mailbox, &letter));
        assert_true(coax_mailbox_put(&mailbox, text_of("a"), bytes_of(NULL, 0)));
        assert_true(coax_mailbox_put(&mailbox, text_of("bc"), text_of("def")));
        assert_next(&mailbox, "a");
        assert_true(coax_mailbox_put(&mailbox, text_of("ghijk"), text_of("lmnop")));
        assert_next(&mailbox, "bcdef");
        assert_next(&mailbox, "ghijklmnop");
    }
    coax_mailbox_free(&mailbox);
}

static void it_is_bounded(void **state) {
    (void)state;
    struct mailbox mailbox;
    assert_int_equal(coax_mailbox_init(&mailbox, 4, 10), COAX_OK);
    assert_false(coax_mailbox_put(&mailbox, text_of("12345"), text_of("123456")));
    assert_false(coax_mailbox_put(&mailbox, text_of("12345678901"), bytes_of(NULL, 0)));
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 4; i++) {
            assert_true(coax_mailbox_put(&mailbox, text_of("x"), bytes_of(NULL, 0)));
        }
        assert_false(coax_mailbox_put(&mailbox, text_of("y"), bytes_of(NULL, 0)));
        struct bytes letter;
        assert_true(coax_mailbox_take(&mailbox, &letter)); /* that is read still */
        assert_false(coax_mailbox_put(&mailbox, text_of("y"), bytes_of(NULL, 0)));
        coax_mailbox_done(&mailbox);
        assert_true(coax_mailbox_put(&mailbox, text_of("z"), bytes_of(NULL, 0)));
        for (int i = 0; i < 3; i++) {
            assert_next(&mailbox, "x");
        }
        assert_next(&mailbox, "z");
    }
    coax_mailbox_free(&mailbox);
}

/* --- from several threads --- */

enum { THREADS = 4, LETTERS = 5000 };

struct note {
    uint32_t thread, number;
};

struct writer {
    struct mailbox *mailbox;
    uint32_t thread;
};

static void *write_letters(void *user) {
    const struct writer *writer = user;
    struct note note = {.thread = writer->thread};
    while (note.number < LETTERS) {
        if (coax_mailbox_put(writer->mailbox, bytes_of(&note, sizeof note), text_of("body"))) {
            note.number++;
        } else {
            sched_yield();
        }
    }
    return NULL;
}

/* Each letter once and whole, and those of one thread in their order. */
static void threads_do_not_meet(void **state) {
    (void)state;
    struct mailbox mailbox;
    pthread_t threads[THREADS];
    struct writer writers[THREADS];
    uint32_t next[THREADS] = {0};
    assert_int_equal(coax_mailbox_init(&mailbox, 16, sizeof(struct note) + 4), COAX_OK);
    for (uint32_t i = 0; i < THREADS; i++) {
        writers[i] = (struct writer){&mailbox, i};
        assert_int_equal(pthread_create(&threads[i], NULL, write_letters, &writers[i]), 0);
    }
    for (int taken = 0; taken < THREADS * LETTERS;) {
        struct bytes letter;
        struct note note;
        if (!coax_mailbox_take(&mailbox, &letter)) {
            sched_yield();
            continue;
        }
        assert_int_equal(letter.size, sizeof note + 4);
        assert_memory_equal(letter.data + sizeof note, "body", 4);
        memcpy(&note, letter.data, sizeof note);
        coax_mailbox_done(&mailbox);
        assert_true(note.thread < THREADS);
        assert_int_equal(note.number, next[note.thread]++);
        taken++;
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    coax_mailbox_free(&mailbox);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(letters_come_in_their_order),
        cmocka_unit_test(it_is_bounded),
        cmocka_unit_test(threads_do_not_meet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
