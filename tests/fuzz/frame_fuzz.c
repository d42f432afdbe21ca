/* Reads a stream of frames in one piece and cut up at random, and expects the same messages and the same end; of each
   message, expects it back from either form, and reads and writes what is signaling. */
#include "message/signaling.h"
#include "transport/stream/frame_reader.h"

#include <stdlib.h>
#include <string.h>

enum { OUT_MAXIMUM = 1 << 18, SETTINGS = 2 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t out[OUT_MAXIMUM];

static void expect(bool condition) {
    if (!condition) {
        abort();
    }
}

/* A fingerprint of what was read. */
struct record {
    uint64_t hash;
    size_t count, stop_at;
    size_t token_maximum;
};

static void mix(struct record *record, struct bytes bytes) {
    record->hash = (record->hash ^ bytes.size) * UINT64_C(0x100000001b3);
    for (size_t i = 0; i < bytes.size; i++) {
        record->hash = (record->hash ^ bytes.data[i]) * UINT64_C(0x100000001b3);
    }
}

static void expect_same(const struct coax_message *message, const struct coax_message *again) {
    expect(again->type == COAX_NO_TYPE && again->code == message->code);
    expect(bytes_equal(again->token, message->token) && bytes_equal(again->options, message->options)
           && bytes_equal(again->payload, message->payload));
}

static void check_encoding(const struct coax_message *message, size_t token_maximum) {
    for (enum frame_form form = FRAME_STREAM; form <= FRAME_WEBSOCKET; form++) {
        struct coax_message again;
        size_t size = 0;
        expect(coax_frame_encode(form, message, out, sizeof out, &size) == COAX_OK);
        expect(size == coax_frame_size(form, message));
        expect(coax_frame_decode(form, &again, out, size, token_maximum, NULL) == COAX_OK);
        expect_same(message, &again);
    }
}

static void check_csm(const struct coax_message *message) {
    uint8_t room[SIGNALING_ROOM];
    struct capabilities said = capabilities_base, again = capabilities_base;
    coax_csm_read(message, &said);
    expect(said.token_maximum >= TOKEN_MAXIMUM && said.token_maximum <= EXTENDED_TOKEN_MAXIMUM);
    struct coax_message csm = coax_csm_make(room, &said);
    coax_csm_read(&csm, &again);
    expect(again.max_message_size == said.max_message_size && again.token_maximum == said.token_maximum
           && again.block_wise_transfer == said.block_wise_transfer);
}

static void check_release(const struct coax_message *message) {
    struct bytes address;
    for (size_t position = 0; coax_release_next_address(message, &position, &address);) {
        expect(address.size >= 1 && address.size <= 255);
        expect(address.data >= message->options.data
               && address.data + address.size <= message->options.data + message->options.size);
    }
    expect(coax_release_hold_off(message) < 1U << 24);
}

static void check_abort(const struct coax_message *message) {
    coax_error error;
    expect(coax_fail_aborted(&error, COAX_E_IO, message) == COAX_E_IO);
    for (const char *place = error.text; *place != '\0'; place++) {
        expect((unsigned char)*place >= 0x20 && *place != 0x7f);
    }
}

static void check_signaling(const struct coax_message *message) {
    struct option_problem problem = {0, NULL};
    expect(coax_signaling_understood(message, &problem) == (problem.reason == NULL));
    expect(problem.reason == NULL || (problem.number & 1) != 0);
    expect(!coax_signaling_has_custody(message) || message->code == COAX_PING || message->code == COAX_PONG);
    check_csm(message);
    check_release(message);
    check_abort(message);
}

static enum coax_status visit(void *user, const struct coax_message *message) {
    struct record *record = user;
    char line[300];
    mix(record, bytes_of(&message->code, 1));
    mix(record, message->token);
    mix(record, message->options);
    mix(record, message->payload);
    coax_message_describe(message, line, sizeof line);
    mix(record, bytes_of(line, strlen(line)));
    check_encoding(message, record->token_maximum);
    check_signaling(message);
    return ++record->count == record->stop_at ? COAX_E_SHUT_DOWN : COAX_OK;
}

/* How a stream was read. */
struct outcome {
    struct record record;
    enum coax_status status;
    coax_error error;
    bool is_within;
};

static size_t next_piece(uint32_t *seed) {
    *seed = *seed * 1664525U + 1013904223U;
    unsigned kind = *seed >> 30;
    return 1 + (*seed >> 8) % (kind == 0 ? 1 : kind == 1 ? 4 : kind == 2 ? 40 : 600);
}

/* Pieces are in memory of their own, which is gone when the next one comes. */
static void read_stream(struct outcome *outcome, const struct frame_limits *limits, size_t stop_at, const uint8_t *data,
                        size_t size, uint32_t seed) {
    struct frame_reader reader = {0};
    *outcome = (struct outcome){.record = {.stop_at = stop_at, .token_maximum = limits->token_maximum}};
    for (size_t offset = 0, piece = 0; offset < size && outcome->status == COAX_OK; offset += piece) {
        piece = seed == 0 ? size : next_piece(&seed);
        piece = piece < size - offset ? piece : size - offset;
        size_t taken;
        uint8_t *copy = malloc(piece);
        expect(copy != NULL);
        memcpy(copy, data + offset, piece);
        outcome->status =
            coax_frame_reader_feed(&reader, limits, copy, piece, &taken, visit, &outcome->record, &outcome->error);
        free(copy);
    }
    outcome->is_within = outcome->status == COAX_OK && frame_reader_is_within(&reader);
    coax_frame_reader_free(&reader);
}

static void check_stream(const struct frame_limits *limits, size_t stop_at, const uint8_t *data, size_t size,
                         uint32_t seed) {
    struct outcome whole, cut;
    read_stream(&whole, limits, stop_at, data, size, 0);
    read_stream(&cut, limits, stop_at, data, size, seed);
    expect(whole.record.hash == cut.record.hash && whole.record.count == cut.record.count);
    expect(whole.status == cut.status && whole.is_within == cut.is_within);
    expect(strcmp(whole.error.text, cut.error.text) == 0);
    bool has_text = whole.status != COAX_OK && whole.status != COAX_E_SHUT_DOWN;
    expect((whole.error.text[0] != '\0') == has_text);
}

/* What a WebSocket message holds. */
static void check_websocket(const struct frame_limits *limits, const uint8_t *data, size_t size) {
    struct coax_message message;
    coax_error error = {.text = ""};
    if (coax_frame_decode(FRAME_WEBSOCKET, &message, data, size, limits->token_maximum, &error) != COAX_OK) {
        expect(error.text[0] != '\0');
        return;
    }
    struct record record = {.token_maximum = limits->token_maximum};
    visit(&record, &message);
}

/* The first two bytes are settings. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < SETTINGS || size > OUT_MAXIMUM / 2) {
        return 0;
    }
    const struct frame_limits limits = {
        .message_maximum = (data[0] & 1) != 0 ? 64 : 1 << 16,
        .token_maximum = (data[0] & 2) != 0 ? 300 : TOKEN_MAXIMUM,
    };
    size_t stop_at = data[0] >> 4;
    check_stream(&limits, stop_at, data + SETTINGS, size - SETTINGS, data[1] + 1U);
    check_websocket(&limits, data + SETTINGS, size - SETTINGS);
    return 0;
}
