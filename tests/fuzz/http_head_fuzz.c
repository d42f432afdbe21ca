/* HTTP heads: any bytes, cut anywhere, give the same as when they come at once; what is read lies in them; and whatever
   the head says, the answer to it is a whole one. */
#include "transport/stream/upgrade.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition) {
    if (!condition) {
        abort();
    }
}

static void require_within(struct bytes part, const uint8_t *data, size_t size) {
    require(part.size == 0 || (part.data >= data && part.size <= size && part.data <= data + size - part.size));
}

static void walk(const struct http_head *head, const uint8_t *data, size_t size) {
    struct http_field field;
    require_within(head->method, data, size);
    require_within(head->target, data, size);
    require_within(head->reason, data, size);
    require_within(head->fields, data, size);
    for (size_t position = 0; coax_http_head_next(head, &position, &field);) {
        struct bytes element;
        require(field.name.size > 0);
        require_within(field.name, data, size);
        require_within(field.value, data, size);
        for (size_t at = 0; coax_http_list_next(field.value, &at, &element);) {
            require(element.size > 0);
            require_within(element, data, size);
        }
    }
}

static void judge_request(const struct http_head *head) {
    static const char *const origins[] = {"https://a.example"};
    static const struct upgrade_policy policies[] = {{NULL, 0}, {origins, 1}};
    struct bytes host;
    (void)coax_upgrade_host(head, &host);
    for (size_t i = 0; i < sizeof policies / sizeof policies[0]; i++) {
        struct upgrade_answer answer;
        struct http_head_parser parser;
        coax_upgrade_answer(head, &policies[i], &answer);
        coax_http_head_start(&parser, HTTP_HEAD_RESPONSE);
        require(coax_http_head_feed(&parser, (const uint8_t *)answer.bytes, answer.size) == HTTP_HEAD_DONE);
    }
}

static void judge_response(const struct http_head *head) {
    coax_error error = {.text = ""};
    enum coax_status status = coax_upgrade_check_response(head, "dGhlIHNhbXBsZSBub25jZQ==", &error);
    require((status == COAX_OK) == (error.text[0] == '\0'));
}

static void read_head(const struct http_head_parser *parser, const uint8_t *data) {
    struct http_head head;
    coax_http_head_read(parser, data, &head);
    walk(&head, data, parser->position);
    if (parser->kind == HTTP_HEAD_REQUEST) {
        judge_request(&head);
    } else {
        judge_response(&head);
    }
}

/* The first byte chooses the kind and the size of the pieces. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) {
        return 0;
    }
    enum http_head_kind kind = (data[0] & 1) == 0 ? HTTP_HEAD_REQUEST : HTTP_HEAD_RESPONSE;
    size_t piece = 1U + (data[0] >> 1);
    const uint8_t *text = data + 1;
    size--;
    struct http_head_parser parser, whole;
    enum http_head_progress progress = HTTP_HEAD_MORE;
    coax_http_head_start(&whole, kind);
    coax_http_head_start(&parser, kind);
    for (size_t end = 0; end < size && progress == HTTP_HEAD_MORE;) {
        end = size - end < piece ? size : end + piece;
        progress = coax_http_head_feed(&parser, text, end);
    }
    require(coax_http_head_feed(&whole, text, size) == progress);
    require(whole.position == parser.position && whole.start == parser.start);
    if (progress == HTTP_HEAD_DONE) {
        read_head(&parser, text);
    }
    return 0;
}
