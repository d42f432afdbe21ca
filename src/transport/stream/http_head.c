#include "transport/stream/http_head.h"

enum class {
    CONTROL,
    CR,
    LF,
    SPACE,
    TAB,
    COLON,
    TOKEN,   /* RFC 9110 section 5.6.2 */
    VISIBLE, /* the rest of ASCII's visible characters */
    FOREIGN, /* obs-text */
    CLASS_COUNT
};

static const uint8_t classes[256] = {
    ['\r'] = CR,
    ['\n'] = LF,
    [' '] = SPACE,
    ['\t'] = TAB,
    [':'] = COLON,
    ['0' ... '9'] = TOKEN,
    ['A' ... 'Z'] = TOKEN,
    ['a' ... 'z'] = TOKEN,
    ['!'] = TOKEN,
    ['#' ... '\''] = TOKEN,
    ['*'] = TOKEN,
    ['+'] = TOKEN,
    ['-'] = TOKEN,
    ['.'] = TOKEN,
    ['^' ... '`'] = TOKEN,
    ['|'] = TOKEN,
    ['~'] = TOKEN,
    ['"'] = VISIBLE,
    ['('] = VISIBLE,
    [')'] = VISIBLE,
    [','] = VISIBLE,
    ['/'] = VISIBLE,
    [';' ... '@'] = VISIBLE,
    ['[' ... ']'] = VISIBLE,
    ['{'] = VISIBLE,
    ['}'] = VISIBLE,
    [0x80 ... 0xff] = FOREIGN,
};

enum state {
    BROKEN,
    REQUEST_START,
    REQUEST_EMPTY_LINE,
    METHOD,
    TARGET_START,
    TARGET,
    VERSION,
    RESPONSE_START,
    STATUS_LINE,
    START_LINE_END,
    LINE_START,
    NAME,
    VALUE,
    VALUE_END,
    HEAD_END,
    DONE,
    STATE_COUNT
};

static const uint8_t transitions[STATE_COUNT][CLASS_COUNT] = {
    /* RFC 9112 section 2.2: empty lines before a request are ignored. */
    [REQUEST_START] = {[CR] = REQUEST_EMPTY_LINE, [TOKEN] = METHOD},
    [REQUEST_EMPTY_LINE] = {[LF] = REQUEST_START},
    [METHOD] = {[TOKEN] = METHOD, [SPACE] = TARGET_START},
    [TARGET_START] = {[TOKEN] = TARGET, [COLON] = TARGET, [VISIBLE] = TARGET},
    [TARGET] = {[TOKEN] = TARGET, [COLON] = TARGET, [VISIBLE] = TARGET, [SPACE] = VERSION},
    [VERSION] = {[TOKEN] = VERSION, [VISIBLE] = VERSION, [CR] = START_LINE_END},
    [RESPONSE_START] = {[TOKEN] = STATUS_LINE},
    [STATUS_LINE] = {[TOKEN] = STATUS_LINE,
                     [COLON] = STATUS_LINE,
                     [VISIBLE] = STATUS_LINE,
                     [FOREIGN] = STATUS_LINE,
                     [SPACE] = STATUS_LINE,
                     [TAB] = STATUS_LINE,
                     [CR] = START_LINE_END},
    [START_LINE_END] = {[LF] = LINE_START},
    [LINE_START] = {[TOKEN] = NAME, [CR] = HEAD_END},
    [NAME] = {[TOKEN] = NAME, [COLON] = VALUE},
    [VALUE] = {[TOKEN] = VALUE,
               [COLON] = VALUE,
               [VISIBLE] = VALUE,
               [FOREIGN] = VALUE,
               [SPACE] = VALUE,
               [TAB] = VALUE,
               [CR] = VALUE_END},
    [VALUE_END] = {[LF] = LINE_START},
    [HEAD_END] = {[LF] = DONE},
};

void coax_http_head_start(struct http_head_parser *parser, enum http_head_kind kind) {
    *parser = (struct http_head_parser){.kind = (uint8_t)kind};
    parser->state = kind == HTTP_HEAD_REQUEST ? REQUEST_START : RESPONSE_START;
}

static bool is_digit(uint8_t byte) {
    return byte >= '0' && byte <= '9';
}

/* What comes before `byte`, which leaves `rest`; all of it, and nothing left, if there is none. */
static struct bytes split(struct bytes *rest, uint8_t byte) {
    const uint8_t *found = rest->size == 0 ? NULL : memchr(rest->data, byte, rest->size);
    size_t size = found == NULL ? rest->size : (size_t)(found - rest->data);
    struct bytes before = bytes_of(rest->data, size);
    size_t past = found == NULL ? size : size + 1;
    *rest = bytes_of(rest->data + past, rest->size - past);
    return before;
}

static bool read_version(struct bytes text, struct http_head *head) {
    static const char name[] = "HTTP/";
    if (text.size != 8 || memcmp(text.data, name, 5) != 0 || !is_digit(text.data[5]) || text.data[6] != '.'
        || !is_digit(text.data[7])) {
        return false;
    }
    head->major = (uint8_t)(text.data[5] - '0');
    head->minor = (uint8_t)(text.data[7] - '0');
    return true;
}

static bool read_request_line(struct bytes line, struct http_head *head) {
    head->method = split(&line, ' ');
    head->target = split(&line, ' ');
    return read_version(line, head);
}

static bool read_status(struct bytes text, struct http_head *head) {
    if (text.size != 3 || !is_digit(text.data[0]) || !is_digit(text.data[1]) || !is_digit(text.data[2])) {
        return false;
    }
    head->status = (uint16_t)((text.data[0] - '0') * 100 + (text.data[1] - '0') * 10 + (text.data[2] - '0'));
    return head->status >= 100;
}

/* The blank after the status may be missing with the reason: many servers leave it out. */
static bool read_status_line(struct bytes line, struct http_head *head) {
    struct bytes version = split(&line, ' ');
    struct bytes status = split(&line, ' ');
    head->reason = line;
    return read_version(version, head) && read_status(status, head);
}

static bool read_start_line(const struct http_head_parser *parser, struct bytes line, struct http_head *head) {
    *head = (struct http_head){0};
    return parser->kind == HTTP_HEAD_REQUEST ? read_request_line(line, head) : read_status_line(line, head);
}

/* A line with its CRLF. */
static bool start_line_is_right(const struct http_head_parser *parser, const uint8_t *data, size_t end) {
    struct http_head head;
    return read_start_line(parser, bytes_of(data + parser->start, end - 2U - parser->start), &head);
}

static enum http_head_progress progress_of(const struct http_head_parser *parser) {
    if (parser->state == DONE) {
        return HTTP_HEAD_DONE;
    }
    if (parser->state == BROKEN) {
        return HTTP_HEAD_MALFORMED;
    }
    return parser->position < HTTP_HEAD_MAXIMUM ? HTTP_HEAD_MORE : HTTP_HEAD_TOO_LARGE;
}

enum http_head_progress coax_http_head_feed(struct http_head_parser *parser, const uint8_t *data, size_t size) {
    size_t position = parser->position;
    unsigned state = parser->state;
    size = size < HTTP_HEAD_MAXIMUM ? size : HTTP_HEAD_MAXIMUM;
    while (position < size && state != BROKEN && state != DONE) {
        unsigned previous = state;
        state = transitions[state][classes[data[position++]]];
        if (state == REQUEST_START) {
            parser->start = (uint16_t)position;
        } else if (previous == START_LINE_END && state == LINE_START && !start_line_is_right(parser, data, position)) {
            state = BROKEN;
        }
    }
    parser->position = (uint16_t)position;
    parser->state = (uint8_t)state;
    return progress_of(parser);
}

void coax_http_head_read(const struct http_head_parser *parser, const uint8_t *data, struct http_head *head) {
    struct bytes rest = bytes_of(data + parser->start, (size_t)parser->position - parser->start);
    struct bytes line = split(&rest, '\n');
    read_start_line(parser, bytes_of(line.data, line.size - 1), head);
    head->fields = bytes_of(rest.data, rest.size - 2);
}

static bool is_blank(uint8_t byte) {
    return byte == ' ' || byte == '\t';
}

static struct bytes trim(struct bytes text) {
    while (text.size > 0 && is_blank(text.data[0])) {
        text = bytes_of(text.data + 1, text.size - 1);
    }
    while (text.size > 0 && is_blank(text.data[text.size - 1])) {
        text.size--;
    }
    return text;
}

bool coax_http_head_next(const struct http_head *head, size_t *position, struct http_field *field) {
    if (*position >= head->fields.size) {
        return false;
    }
    struct bytes rest = bytes_of(head->fields.data + *position, head->fields.size - *position);
    struct bytes line = split(&rest, '\n');
    *position = head->fields.size - rest.size;
    line.size -= 1; /* its CR */
    field->name = split(&line, ':');
    field->value = trim(line);
    return true;
}

bool coax_http_head_find(const struct http_head *head, const char *name, struct bytes *value) {
    struct http_field field;
    for (size_t position = 0; coax_http_head_next(head, &position, &field);) {
        if (coax_http_same(field.name, name)) {
            *value = field.value;
            return true;
        }
    }
    return false;
}

bool coax_http_list_next(struct bytes list, size_t *position, struct bytes *element) {
    while (*position < list.size) {
        struct bytes rest = bytes_of(list.data + *position, list.size - *position);
        *element = trim(split(&rest, ','));
        *position = list.size - rest.size;
        if (element->size > 0) {
            return true;
        }
    }
    return false;
}

static uint8_t lower(uint8_t byte) {
    return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte + ('a' - 'A')) : byte;
}

bool coax_http_same_bytes(struct bytes a, struct bytes b) {
    bool is_same = a.size == b.size;
    for (size_t i = 0; is_same && i < a.size; i++) {
        is_same = lower(a.data[i]) == lower(b.data[i]);
    }
    return is_same;
}

bool coax_http_same(struct bytes text, const char *other) {
    return coax_http_same_bytes(text, bytes_of(other, strlen(other)));
}
