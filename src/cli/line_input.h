/* Lines from a descriptor that is read only when it has something to give, so that a loop may wait for other things. */
#ifndef COAX_CLI_LINE_INPUT_H
#define COAX_CLI_LINE_INPUT_H

#include <stdbool.h>
#include <stddef.h>

enum { LINE_MAXIMUM = 8191 };

struct line_input {
    int fd; /* -1 at the end of the input */
    size_t start, size;
    bool is_skipping; /* the rest of a line that was too long */
    char data[LINE_MAXIMUM + 1];
};

void line_input_init(struct line_input *input, int fd);

/* Reads once. To be called when the descriptor is readable, and then line_input_next() until LINE_NONE. */
void line_input_fill(struct line_input *input);

/* The next line that is whole, without its newline, valid until line_input_fill(); the last one need not have any. */
enum line_result { LINE_NONE, LINE_READ, LINE_TOO_LONG };
enum line_result line_input_next(struct line_input *input, char **line);

#endif
