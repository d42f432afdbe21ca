#include "cli/progress.h"

#include "cli/capture.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define UNKNOWN COAX_SIZE_UNKNOWN

static void lines(void **state) {
    (void)state;
    static const struct {
        coax_progress now;
        uint64_t elapsed_ms, skipped;
        const char *line;
    } rows[] = {
        {{0, 0, 512, 1024}, 1000, 0, "[==========          ]  50 %  512 bytes of 1.0 KiB, 512 bytes/s, 1 s left"},
        {{0, 0, 3 << 20, 4 << 20},
         2000,
         1 << 20,
         "[===============     ]  75 %  3.0 MiB of 4.0 MiB, 1.0 MiB/s, 1 s left"},
        {{0, 0, 1 << 30, UNKNOWN}, 4000, 0, "1.0 GiB, 256.0 MiB/s"},
        {{100, 1000, 0, UNKNOWN},
         1000,
         0,
         "[==                  ]  10 %  100 bytes of 1000 bytes, 100 bytes/s, 9 s left"},
        {{100, UNKNOWN, 0, UNKNOWN}, 1000, 0, "100 bytes, 100 bytes/s"},
        {{1000, 1000, 1000, 2000},
         1000,
         0,
         "[==========          ]  50 %  1000 bytes of 2.0 KiB, 1000 bytes/s, 1 s left"},
        {{0, 0, 2000, 1000}, 1000, 0, "[====================] 200 %  2.0 KiB of 1000 bytes, 2.0 KiB/s, 0 s left"},
        {{0, 0, 5, 10}, 0, 0, "[==========          ]  50 %  5 bytes of 10 bytes, 0 bytes/s, 0 s left"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct progress progress = {.skipped = rows[i].skipped};
        char line[PROGRESS_LINE_CAPACITY];
        assert_string_equal(progress_line(&progress, &rows[i].now, rows[i].elapsed_ms, line), rows[i].line);
    }
}

static void it_comes_late_and_seldom(void **state) {
    (void)state;
    static const struct {
        uint64_t elapsed_ms;
        bool is_drawn;
    } steps[] = {{0, false}, {999, false}, {1000, true}, {1199, false}, {1200, true}, {1300, false}, {5000, true}};
    const coax_progress now = {0, 0, 1, 2};
    struct progress progress = {.wanted = true};
    struct progress unwanted = {.wanted = false};
    char text[512];
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct capture capture = capture_begin(stderr);
        progress_show(&progress, &now, steps[i].elapsed_ms);
        progress_show(&unwanted, &now, steps[i].elapsed_ms);
        capture_end(&capture, text, sizeof text);
        assert_int_equal(strncmp(text, "\r\033[K[===", 8) == 0, steps[i].is_drawn);
        assert_int_equal(text[0] != '\0', steps[i].is_drawn);
    }
    struct capture capture = capture_begin(stderr);
    progress_clear(&progress);
    progress_clear(&progress);
    progress_clear(&unwanted);
    assert_string_equal(capture_end(&capture, text, sizeof text), "\r\033[K");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines),
        cmocka_unit_test(it_comes_late_and_seldom),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
