#include "cli/line_input.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

void line_input_init(struct line_input *input, int fd) {
    memset(input, 0, sizeof *input);
    input->fd = fd;
}

void line_input_fill(struct line_input *input) {
    input->size -= input->start;
    memmove(input->data, input->data + input->start, input->size);
    input->start = 0;
    ssize_t count = read(input->fd, input->data + input->size, LINE_MAXIMUM - input->size);
    if (count > 0) {
        input->size += (size_t)count;
    } else if (count == 0 || (errno != EINTR && errno != EAGAIN)) {
        input->fd = -1;
    }
}

/* Of a line of LINE_MAXIMUM bytes not even a newline more would fit. */
static enum line_result next_without_end(struct line_input *input, char **line) {
    size_t left = input->size - input->start;
    if (input->fd < 0 && left > 0 && !input->is_skipping) {
        input->data[input->size] = '\0';
        *line = input->data + input->start;
        input->start = input->size;
        return LINE_READ;
    }
    bool is_too_long = left == LINE_MAXIMUM && !input->is_skipping;
    if (is_too_long || input->is_skipping) {
        input->is_skipping = true;
        input->start = input->size;
    }
    return is_too_long ? LINE_TOO_LONG : LINE_NONE;
}

enum line_result line_input_next(struct line_input *input, char **line) {
    char *start = input->data + input->start;
    char *end = memchr(start, '\n', input->size - input->start);
    if (end == NULL) {
        return next_without_end(input, line);
    }
    *end = '\0';
    input->start += (size_t)(end - start) + 1;
    if (input->is_skipping) {
        input->is_skipping = false;
        return line_input_next(input, line);
    }
    *line = start;
    return LINE_READ;
}
