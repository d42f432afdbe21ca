/* For tests: one end of a WebSocket that writes down what happens, and frames as a peer would make them. */
#ifndef COAX_TRANSPORT_STREAM_WEBSOCKET_TEST_PEER_H
#define COAX_TRANSPORT_STREAM_WEBSOCKET_TEST_PEER_H

#include "transport/stream/websocket.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEST_LOG_SIZE = 4096, TEST_LONG = 40, TEST_MESSAGE_MAXIMUM = 5000 };

/* A line for each thing that happened: "message 2 0102", "ping 0", "end 1002 what". Of long messages a sum stands. */
struct test_log {
    char text[TEST_LOG_SIZE];
    size_t size;
    unsigned no_room; /* so many times `transmit` refuses */
    bool pauses;      /* after each message */
    bool ended;
    bool is_client;
    uint8_t random;
    struct websocket *to_close; /* says goodbye when a message comes */
    struct websocket *to_free;  /* freed when one comes, or at the end */
};

static inline void log_bytes(struct test_log *log, const char *what, const uint8_t *data, size_t size) {
    char line[64 + 2 * TEST_LONG];
    int used = snprintf(line, sizeof line, "%s %zu ", what, size);
    unsigned sum = 0;
    for (size_t i = 0; i < size; i++) {
        sum = sum * 31 + data[i];
        if (size <= TEST_LONG) {
            used += snprintf(line + used, sizeof line - (size_t)used, "%02x", data[i]);
        }
    }
    snprintf(line + used, sizeof line - (size_t)used, size > TEST_LONG ? "#%u\n" : "\n", sum);
    size_t length = strlen(line);
    if (log->size + length < sizeof log->text) {
        memcpy(log->text + log->size, line, length + 1);
        log->size += length;
    }
}

static inline void free_websocket(struct test_log *log) {
    coax_websocket_free(log->to_free);
    free(log->to_free);
    log->to_free = NULL;
}

static inline bool test_message(void *user, const uint8_t *data, size_t size) {
    struct test_log *log = user;
    log_bytes(log, "message", data, size);
    if (log->to_close != NULL) {
        coax_websocket_close(log->to_close, WEBSOCKET_NORMAL);
    }
    if (log->to_free != NULL) {
        free_websocket(log);
        return false;
    }
    return !log->pauses;
}

/* Undoes the mask, so that what is written down is the same for both roles. */
static inline bool test_transmit(void *user, const uint8_t *frame, size_t size) {
    struct test_log *log = user;
    uint8_t payload[WEBSOCKET_CONTROL_MAXIMUM], mask[WEBSOCKET_MASK_SIZE] = {0};
    if (log->no_room > 0) {
        log->no_room--;
        return false;
    }
    size_t header = coax_websocket_header_size(frame);
    bool is_masked = (frame[1] & WEBSOCKET_MASKED_BIT) != 0;
    if (is_masked != log->is_client || size > header + sizeof payload) {
        log_bytes(log, "unusable", frame, size);
        return true;
    }
    if (is_masked) {
        memcpy(mask, frame + header - sizeof mask, sizeof mask);
    }
    coax_websocket_mask(payload, frame + header, size - header, mask);
    static const char *const names[16] = {[8] = "close", [9] = "ping", [10] = "pong"};
    const char *name = names[frame[0] & WEBSOCKET_OPCODE_BITS];
    log_bytes(log, name == NULL ? "unknown" : name, payload, size - header);
    return true;
}

static inline void test_ended(void *user, const struct websocket_end *end) {
    struct test_log *log = user;
    int added = snprintf(log->text + log->size, sizeof log->text - log->size, "end %d %u %.*s\n", end->status,
                         end->code, (int)end->reason.size, (const char *)end->reason.data);
    log->size += (size_t)added < sizeof log->text - log->size ? (size_t)added : 0;
    log->ended = true;
    if (log->to_free != NULL) {
        free_websocket(log);
    }
}

static inline void test_random(void *user, void *out, size_t size) {
    struct test_log *log = user;
    for (size_t i = 0; i < size; i++) {
        ((uint8_t *)out)[i] = log->random = (uint8_t)(log->random * 5 + 77);
    }
}

static const struct websocket_setup test_server = {
    .message_maximum = TEST_MESSAGE_MAXIMUM, .message = test_message, .transmit = test_transmit, .ended = test_ended};
static const struct websocket_setup test_client = {.is_client = true,
                                                   .message_maximum = TEST_MESSAGE_MAXIMUM,
                                                   .message = test_message,
                                                   .transmit = test_transmit,
                                                   .ended = test_ended,
                                                   .random = test_random};

/* A stream of frames. */
struct test_stream {
    uint8_t bytes[20000];
    size_t size;
    bool is_masked;
};

/* Appends a frame whose first byte is `first`. */
static inline void put_frame(struct test_stream *stream, unsigned first, const void *payload, size_t size) {
    static const uint8_t key[WEBSOCKET_MASK_SIZE] = {0x5a, 0x00, 0xff, 0x17};
    uint8_t mask[WEBSOCKET_MASK_SIZE];
    memcpy(mask, key, sizeof mask);
    uint8_t *frame = stream->bytes + stream->size;
    size_t header = coax_websocket_header_write(frame, WEBSOCKET_BINARY, size, stream->is_masked ? mask : NULL);
    frame[0] = (uint8_t)first;
    if (size > 0) {
        memcpy(frame + header, payload, size);
    }
    if (stream->is_masked) {
        coax_websocket_mask(frame + header, frame + header, size, mask);
    }
    stream->size += header + size;
}

#endif
