#include "cli/host.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* A proc file system of its own. */
struct proc {
    char folder[32];
    char file[64];
};

static int set_up(void **state) {
    struct proc *proc = calloc(1, sizeof *proc);
    strcpy(proc->folder, "/tmp/host_test.XXXXXX");
    assert_non_null(mkdtemp(proc->folder));
    *state = proc;
    return 0;
}

static int tear_down(void **state) {
    struct proc *proc = *state;
    unlink(proc->file);
    rmdir(proc->folder);
    free(proc);
    return 0;
}

static void write_file(struct proc *proc, const char *name, const char *text) {
    snprintf(proc->file, sizeof proc->file, "%s/%s", proc->folder, name);
    FILE *file = fopen(proc->file, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void reads_the_load(void **state) {
    struct proc *proc = *state;
    struct host_load load;
    write_file(proc, "loadavg", "0.52 12.00 3.25 1/523 12345\n");
    assert_true(host_read_load(proc->folder, &load));
    assert_true(load.one == 0.52 && load.five == 12 && load.fifteen == 3.25);
}

static void reads_the_uptime(void **state) {
    struct proc *proc = *state;
    double seconds;
    write_file(proc, "uptime", "266665.12 1000000.00\n");
    assert_true(host_read_uptime(proc->folder, &seconds));
    assert_true(seconds == 266665.12);
}

static void reads_memory(void **state) {
    struct proc *proc = *state;
    struct host_memory memory;
    write_file(proc, "meminfo",
               "MemTotal:       16096000 kB\nMemFreeze:       1 kB\nMemFree:  200 kB\nMemAvailable: 300 kB\nX: 1\n");
    assert_true(host_read_memory(proc->folder, &memory));
    assert_int_equal(memory.total, UINT64_C(16096000) * 1024);
    assert_int_equal(memory.free, 200 * 1024);
    assert_int_equal(memory.available, 300 * 1024);
}

static void refuses_other_contents(void **state) {
    struct proc *proc = *state;
    struct host_load load;
    struct host_memory memory;
    double seconds;
    static const char *const texts[] = {
        "",
        "x",
        "1.0 x 2.0",
        "nan",
        "-1",
        "MemTotal: 1 kB\n",
        "MemTotal: 1 kB\nMemFree: 2 kB\nMemAvailable: x kB\n",
        "MemTotal: 1 kB\nMemFree: 2 MB\nMemAvailable: 3 kB\n",
        "MemTotal: 99999999999999999 kB\nMemFree: 2 kB\nMemAvailable: 3 kB\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        write_file(proc, "loadavg", texts[i]);
        errno = 0;
        assert_false(host_read_load(proc->folder, &load));
        assert_int_equal(errno, EPROTO);
        unlink(proc->file);
        write_file(proc, "meminfo", texts[i]);
        assert_false(host_read_memory(proc->folder, &memory));
        unlink(proc->file);
    }
    write_file(proc, "uptime", "nan 1\n");
    assert_false(host_read_uptime(proc->folder, &seconds));
}

static void says_why_a_file_cannot_be_read(void **state) {
    struct proc *proc = *state;
    struct host_load load;
    assert_false(host_read_load(proc->folder, &load));
    assert_int_equal(errno, ENOENT);
}

static void reads_the_running_system(void **state) {
    (void)state;
    struct host_load load;
    struct host_memory memory;
    double before;
    double after;
    assert_true(host_read_load(HOST_PROC, &load));
    assert_true(host_read_memory(HOST_PROC, &memory));
    assert_in_range(memory.available, 1, memory.total);
    assert_true(host_read_uptime(HOST_PROC, &before) && host_read_uptime(HOST_PROC, &after));
    assert_true(before > 0 && after >= before);
}

static void names_begin_with_a_letter_or_digit(void **state) {
    (void)state;
    char name[HOST_NAME_CAPACITY];
    host_read_name(name);
    assert_true(name[0] != '\0' && name[0] != '-' && name[0] != '.');
    assert_int_equal(strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-"), strlen(name));
}

#define WITH_PROC(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_PROC(reads_the_load),
        WITH_PROC(reads_the_uptime),
        WITH_PROC(reads_memory),
        WITH_PROC(refuses_other_contents),
        WITH_PROC(says_why_a_file_cannot_be_read),
        cmocka_unit_test(reads_the_running_system),
        cmocka_unit_test(names_begin_with_a_letter_or_digit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
