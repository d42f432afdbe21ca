/* For tests: a verb of the command in a process of its own. */
#ifndef COAX_CLI_VERB_PROCESS_H
#define COAX_CLI_VERB_PROCESS_H

#include "cli/commands.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct verb_process {
    pid_t process;
    FILE *out, *err;
    char text[4096]; /* of a stream, as far as it was read */
};

/* `list` begins with the verb and ends with NULL. */
static inline void verb_start(struct verb_process *verb, int (*run)(int, char **), const char *const *list) {
    int out[2];
    int err[2];
    char *words[32];
    int count = 0;
    for (; *list != NULL; list++) {
        words[count++] = (char *)(uintptr_t)*list;
    }
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    assert_int_equal(pipe2(err, O_CLOEXEC), 0);
    fflush(NULL);
    verb->process = fork();
    assert_true(verb->process >= 0);
    if (verb->process == 0) {
        dup2(out[1], STDOUT_FILENO);
        dup2(err[1], STDERR_FILENO);
        close(out[0]);
        close(err[0]);
        int code = run(count, words);
        fflush(NULL);
        _exit(code);
    }
    close(out[1]);
    close(err[1]);
    verb->out = fdopen(out[0], "r");
    verb->err = fdopen(err[0], "r");
}

static inline const char *verb_line(struct verb_process *verb, FILE *stream) {
    assert_non_null(fgets(verb->text, sizeof verb->text, stream));
    verb->text[strcspn(verb->text, "\n")] = '\0';
    return verb->text;
}

/* The exit code; standard output must have ended, what is left of the other stream goes into `rest`. */
static inline int verb_end(struct verb_process *verb, char *rest, size_t capacity) {
    int status = 0;
    assert_int_equal(waitpid(verb->process, &status, 0), verb->process);
    size_t size = fread(rest, 1, capacity - 1, verb->err);
    rest[size] = '\0';
    assert_int_equal(fgetc(verb->out), EOF);
    fclose(verb->out);
    fclose(verb->err);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

#endif
