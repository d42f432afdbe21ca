#include "transport/stream/filter_opening.h"

#include "base/error.h"
#include "message/message.h"
#include "transport/stream/forwarded.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct filter_opening *coax_filter_opening_new(bool is_server) {
    struct filter_opening *opening = calloc(1, sizeof *opening);
    if (opening != NULL) {
        coax_http_head_start(&opening->parser, is_server ? HTTP_HEAD_REQUEST : HTTP_HEAD_RESPONSE);
    }
    return opening;
}

void coax_filter_opening_free(struct filter_opening *opening) {
    if (opening != NULL) {
        coax_byte_queue_clear(&opening->head);
        free(opening);
    }
}

/* Collects the head. What follows it in the same piece is left to the protocol that comes next. */
static enum opening_progress collect(struct filter_opening *opening, const uint8_t *data, size_t size, size_t *taken,
                                     enum http_head_progress *progress) {
    struct byte_queue *head = &opening->head;
    size_t room = HTTP_HEAD_MAXIMUM + 1 - byte_queue_size(head);
    *taken = size < room ? size : room;
    if (!coax_byte_queue_append(head, data, *taken)) {
        return OPENING_NO_MEMORY;
    }
    *progress = coax_http_head_feed(&opening->parser, head->data + head->start, byte_queue_size(head));
    if (*progress == HTTP_HEAD_MORE) {
        return OPENING_MORE;
    }
    if (*progress == HTTP_HEAD_DONE) {
        *taken -= byte_queue_size(head) - opening->parser.position;
    }
    return OPENING_AGREED;
}

/* The last field of a name: a proxy that does not append to the client's field adds its own behind it. */
static bool find_last(const struct http_head *head, const char *name, struct bytes *value) {
    struct http_field field;
    bool is_found = false;
    for (size_t position = 0; coax_http_head_next(head, &position, &field);) {
        if (coax_http_same(field.name, name)) {
            *value = field.value;
            is_found = true;
        }
    }
    return is_found;
}

static void take_forwarded(struct filter_opening *opening, const struct http_head *head) {
    struct bytes value;
    if (find_last(head, "Forwarded", &value)) {
        opening->is_forwarded = coax_forwarded_read(value, &opening->forwarded);
    } else if (find_last(head, "X-Forwarded-For", &value)) {
        opening->is_forwarded = coax_forwarded_for_read(value, &opening->forwarded);
    }
}

static void take_host(struct filter_opening *opening, const struct http_head *head) {
    struct bytes host;
    if (coax_upgrade_host(head, &host) && host.size < sizeof opening->host) {
        memcpy(opening->host, host.data, host.size);
        opening->host[host.size] = '\0';
    }
}

/* What was refused, for a person who looks for the reason on the server. */
static enum opening_progress refuse(const struct http_head *head, const struct upgrade_answer *answer,
                                    coax_error *error) {
    char text[160] = "";
    const char *before = "";
    struct bytes asked = {NULL, 0};
    if (answer->status == UPGRADE_FORBIDDEN) {
        before = " The page is from ";
        (void)coax_http_head_find(head, "Origin", &asked);
    } else if (head != NULL) {
        before = " It asked for ";
        asked = head->target;
    }
    if (head != NULL) {
        coax_text_quote(asked, text, sizeof text);
    }
    (void)coax_fail(error, COAX_E_UPGRADE,
                    "A client that wanted CoAP over WebSockets was refused with HTTP status %d: %s%s%s",
                    (int)answer->status, answer->text, before, text);
    return OPENING_REFUSED;
}

enum opening_progress coax_filter_opening_serve(struct filter_opening *opening, const struct filter_setup *setup,
                                                const uint8_t *data, size_t size, size_t *taken,
                                                struct upgrade_answer *answer, coax_error *error) {
    enum http_head_progress read;
    struct http_head head;
    enum opening_progress progress = collect(opening, data, size, taken, &read);
    if (progress != OPENING_AGREED) {
        return progress;
    }
    if (read != HTTP_HEAD_DONE) {
        coax_upgrade_answer_unread(read, answer);
        return refuse(NULL, answer, error);
    }
    coax_http_head_read(&opening->parser, opening->head.data + opening->head.start, &head);
    coax_upgrade_answer(&head, &setup->origins, answer);
    if (answer->status != UPGRADE_AGREED) {
        return refuse(&head, answer, error);
    }
    take_host(opening, &head);
    if (setup->trust_forwarded) {
        take_forwarded(opening, &head);
    }
    return OPENING_AGREED;
}

enum opening_progress coax_filter_opening_check(struct filter_opening *opening, const uint8_t *data, size_t size,
                                                size_t *taken, coax_error *error) {
    enum http_head_progress read;
    struct http_head head;
    enum opening_progress progress = collect(opening, data, size, taken, &read);
    if (progress != OPENING_AGREED) {
        return progress;
    }
    if (read != HTTP_HEAD_DONE) {
        (void)coax_upgrade_fail_unread(read, error);
        return OPENING_REFUSED;
    }
    coax_http_head_read(&opening->parser, opening->head.data + opening->head.start, &head);
    return coax_upgrade_check_response(&head, opening->key, error) == COAX_OK ? OPENING_AGREED : OPENING_REFUSED;
}
