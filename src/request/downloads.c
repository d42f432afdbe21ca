#include "request/downloads.h"

#include "request/window.h"
#include <stdlib.h>
#include <string.h>

/* One block on its way out. */
struct piece {
    struct block block;
    uint64_t offset, total; /* COAX_SIZE_UNKNOWN */
    size_t size;            /* at most */
};

static bool is_reliable(const coax_exchange *exchange) {
    return exchange->remote->transport->is_reliable;
}

/* As large as the client asks for and this side allows; on a connection the largest that both ends take. */
static uint8_t exponent_for(const coax_exchange *exchange) {
    bool is_large = exchange->remote->transport->block_maximum(exchange->remote) > BLOCK_SIZE_MAXIMUM;
    uint8_t maximum = is_large                ? BLOCK_EXPONENT_BERT
                      : is_reliable(exchange) ? BLOCK_EXPONENT_MAXIMUM
                                              : coax_block_exponent(exchange->layer->settings.block_size);
    bool is_asked = exchange->has_block2 && exchange->block2.exponent < maximum;
    return is_asked ? exchange->block2.exponent : maximum;
}

static struct piece piece_for(const coax_exchange *exchange, uint64_t total) {
    struct piece piece = {.block.exponent = exponent_for(exchange), .total = total};
    piece.offset = exchange->has_block2 ? block_offset(&exchange->block2) : 0;
    piece.block.number = (uint32_t)(piece.offset / block_unit(&piece.block));
    piece.size = piece.block.exponent == BLOCK_EXPONENT_BERT
                     ? exchange->remote->transport->block_maximum(exchange->remote)
                     : block_unit(&piece.block);
    return piece;
}

static bool is_beyond(const struct piece *piece) {
    return piece->offset > 0 && piece->offset >= piece->total;
}

/* RFC 7959 does not say; it is what others answer. */
static enum coax_status refuse_number(coax_exchange *exchange) {
    static const char text[] = "The body has no such block";
    exchange->options.size = 0;
    exchange->options.last = 0;
    return coax_exchange_put(exchange, COAX_BAD_REQUEST, bytes_of(text, sizeof text - 1));
}

static enum coax_status put_piece(coax_exchange *exchange, uint8_t code, const struct piece *piece, struct bytes data) {
    struct option_writer *options = &exchange->options;
    uint16_t number = exchange->has_q_block2 ? COAX_OPTION_Q_BLOCK2 : COAX_OPTION_BLOCK2;
    enum coax_status status = coax_block_write(options, number, &piece->block);
    if (status == COAX_OK && (piece->offset == 0 || exchange->has_q_block2) && piece->total <= UINT32_MAX) {
        coax_option_erase(options, COAX_OPTION_SIZE2);
        status = coax_option_write_uint(options, COAX_OPTION_SIZE2, piece->total);
    }
    return status == COAX_OK ? coax_exchange_put(exchange, code, data) : status;
}

/* --- what is kept --- */

static struct body *find(coax_exchange *exchange, const struct coax_message *request) {
    struct body_key key;
    return coax_body_key_make(&key, exchange->remote, BODY_DOWNLOAD, request) ? coax_body_find(exchange->layer, &key)
                                                                              : NULL;
}

static const struct coax_message *request_of(const coax_exchange *exchange) {
    return exchange->request != NULL ? exchange->request : exchange->kept_request;
}

/* A place for the response with its options, out of the table; NULL if there is none. */
static struct body *new_body(coax_exchange *exchange, uint8_t code) {
    struct body_key key;
    const struct coax_message *request = request_of(exchange);
    if (request == NULL || !coax_body_key_make(&key, exchange->remote, BODY_DOWNLOAD, request)) {
        return NULL;
    }
    struct body *body = coax_body_new(exchange->layer, exchange->remote, &key);
    uint8_t *options = malloc(exchange->options.size + 1);
    if (body == NULL || options == NULL) {
        free(options);
        if (body != NULL) {
            coax_body_free(body);
        }
        return NULL;
    }
    body->options = option_writer_on(options, exchange->options.size);
    option_writer_copy(&body->options, &exchange->options);
    body->code = code;
    return body;
}

static struct body *keep(coax_exchange *exchange, uint8_t code, struct bytes payload) {
    struct body *body = new_body(exchange, code);
    if (body != NULL && coax_body_reserve(body, payload.size) != COAX_OK) {
        coax_body_free(body);
        return NULL;
    }
    if (body != NULL) {
        memcpy(body->data, payload.data, payload.size);
        body->size = payload.size;
        body->total = payload.size;
    }
    return body;
}

static void put_in_or_free(struct body *body, bool is_wanted) {
    if (is_wanted) {
        (void)coax_body_put_in(body);
    } else {
        coax_body_free(body);
    }
}

/* --- a body at hand --- */

bool coax_download_is_needed(const coax_exchange *exchange, size_t size) {
    struct block block = {.exponent = exponent_for(exchange)};
    if (exchange->has_block2 && exchange->block2.number > 0) {
        return true;
    }
    bool has_limit = !is_reliable(exchange) || (exchange->has_block2 && block.exponent != BLOCK_EXPONENT_BERT);
    return has_limit && size > block_unit(&block);
}

/* Section 2.4: by it the client knows whether later blocks are of the same body. */
static enum coax_status write_etag(coax_exchange *exchange, struct bytes payload) {
    struct coax_message own = {.options = option_writer_bytes(&exchange->options)};
    struct coax_option etag;
    if (coax_message_option(&own, COAX_OPTION_ETAG, &etag)) {
        return COAX_OK;
    }
    uint64_t hash = coax_hash_table_hash(&exchange->layer->bodies, payload.data, payload.size);
    return coax_option_write(&exchange->options, COAX_OPTION_ETAG, &hash, sizeof hash);
}

/* One byte more than goes out tells whether there is more. */
static enum coax_status read_piece(const coax_body_source *source, void *user_body, struct piece *piece,
                                   uint8_t **buffer, struct bytes *data) {
    size_t got = 0;
    *buffer = malloc(piece->size + 1);
    if (*buffer == NULL) {
        return COAX_E_NO_MEMORY;
    }
    enum coax_status status = source->read(user_body, piece->offset, *buffer, piece->size + 1, &got);
    piece->block.more = got > piece->size;
    *data = bytes_of(*buffer, piece->block.more ? piece->size : got);
    return status;
}

/* From wherever the body is. */
static enum coax_status piece_of(const struct body *body, struct piece *piece, uint8_t **buffer, struct bytes *data) {
    if (body->source != NULL) {
        return read_piece(body->source, body->user_body, piece, buffer, data);
    }
    size_t left = body->size - (size_t)piece->offset;
    piece->block.more = left > piece->size;
    *data = bytes_of(body->data + piece->offset, piece->block.more ? piece->size : left);
    return COAX_OK;
}

/* --- what follows in a burst (RFC 9177 section 4.4) --- */

/* True if there are blocks behind it. */
static bool send_block(const coax_exchange *exchange, struct body *body, uint32_t number) {
    struct piece piece = {.block = {.number = number, .exponent = exponent_for(exchange)}, .total = body->total};
    uint8_t *buffer = NULL;
    struct bytes data;
    piece.offset = block_offset(&piece.block);
    piece.size = block_unit(&piece.block);
    if (is_beyond(&piece) || piece_of(body, &piece, &buffer, &data) != COAX_OK) {
        free(buffer);
        return false;
    }
    uint8_t bytes[EXCHANGE_OPTIONS_MAXIMUM];
    struct option_writer options = option_writer_on(bytes, sizeof bytes);
    option_writer_copy(&options, &body->options);
    bool fits =
        coax_block_write(&options, COAX_OPTION_Q_BLOCK2, &piece.block) == COAX_OK
        && (piece.total > UINT32_MAX || coax_option_write_uint(&options, COAX_OPTION_SIZE2, piece.total) == COAX_OK);
    const struct coax_message message = {
        .code = body->code,
        .token = bytes_of(exchange->token, exchange->token_size),
        .options = option_writer_bytes(&options),
        .payload = data,
    };
    if (fits) {
        (void)exchange->remote->transport->send(exchange->remote, &message, false, NULL, NULL);
    }
    free(buffer);
    return fits && piece.block.more;
}

/* The others of its set, or of those that are asked for one by one. */
static void send_burst(const coax_exchange *exchange, struct body *body, const struct coax_message *request) {
    uint32_t number = exchange->block2.number;
    uint32_t end = (number / SET_MAXIMUM + 1) * SET_MAXIMUM;
    if (exchange->block2.more) {
        while (++number < end && send_block(exchange, body, number)) {
        }
        return;
    }
    unsigned count = 0;
    size_t position = 0;
    struct coax_option option;
    while (count < SET_MAXIMUM && coax_message_next_option(request, &position, &option)) {
        if (option.number == COAX_OPTION_Q_BLOCK2 && count++ > 0) {
            (void)send_block(exchange, body, (uint32_t)(coax_option_uint(&option) >> 4));
        }
    }
}

enum coax_status coax_download_begin(coax_exchange *exchange, uint8_t code, struct bytes payload) {
    struct piece piece = piece_for(exchange, payload.size);
    bool is_get = exchange->request != NULL && exchange->request->code == COAX_GET;
    if (is_beyond(&piece)) {
        return refuse_number(exchange);
    }
    if (payload.size > exchange->layer->settings.max_body_size) {
        return COAX_E_TOO_LARGE;
    }
    enum coax_status status = write_etag(exchange, payload);
    if (status != COAX_OK) {
        return status;
    }
    size_t left = payload.size - (size_t)piece.offset;
    piece.block.more = left > piece.size;
    struct body *body = piece.block.more ? keep(exchange, code, payload) : NULL;
    /* What cannot be kept is asked of the handler again, where that does no harm. */
    if (piece.block.more && body == NULL && !is_get) {
        return COAX_E_NO_MEMORY;
    }
    status =
        put_piece(exchange, code, &piece, bytes_of(payload.data + piece.offset, piece.block.more ? piece.size : left));
    if (status == COAX_OK && exchange->has_q_block2 && body != NULL) {
        send_burst(exchange, body, request_of(exchange));
    }
    if (body != NULL) {
        put_in_or_free(body, status == COAX_OK);
    }
    return status;
}

/* --- a body that is read as it goes --- */

static enum coax_status put_read(coax_exchange *exchange, uint8_t code, const struct piece *piece, struct bytes data) {
    if (piece->offset == 0 && !piece->block.more) {
        return coax_exchange_put(exchange, code, data);
    }
    if (piece->offset > 0 && data.size == 0) {
        return refuse_number(exchange);
    }
    return put_piece(exchange, code, piece, data);
}

enum coax_status coax_download_source(coax_exchange *exchange, uint8_t code, uint64_t size,
                                      const coax_body_source *source, void *user_body) {
    struct piece piece = piece_for(exchange, size);
    struct bytes data = {NULL, 0};
    uint8_t *buffer = NULL;
    struct body *body = NULL;
    enum coax_status status = is_beyond(&piece) ? COAX_OK : read_piece(source, user_body, &piece, &buffer, &data);
    if (status == COAX_OK && piece.block.more && (body = new_body(exchange, code)) == NULL) {
        status = COAX_E_NO_MEMORY;
    }
    if (body != NULL) {
        body->source = source;
        body->user_body = user_body;
        body->total = size;
    } else if (source->close != NULL) {
        source->close(user_body);
    }
    if (status == COAX_OK) {
        status = put_read(exchange, code, &piece, data);
    }
    if (status == COAX_OK && exchange->has_q_block2 && body != NULL) {
        send_burst(exchange, body, request_of(exchange));
    }
    if (body != NULL) {
        put_in_or_free(body, status == COAX_OK);
    }
    free(buffer);
    return status;
}

/* --- the blocks after the first --- */

static enum coax_status answer_from(coax_exchange *exchange, const struct coax_message *request, struct body *body) {
    struct piece piece = piece_for(exchange, body->total);
    if (is_beyond(&piece)) {
        return refuse_number(exchange);
    }
    uint8_t *buffer = NULL;
    struct bytes data;
    coax_body_take_out(body);
    enum coax_status status = piece_of(body, &piece, &buffer, &data);
    option_writer_copy(&exchange->options, &body->options);
    if (status == COAX_OK) {
        status = put_read(exchange, body->code, &piece, data);
    }
    if (status == COAX_OK && exchange->has_q_block2) {
        send_burst(exchange, body, request);
    }
    /* A repeated request for the last block is answered by the transport; of a burst any block may be asked for. */
    put_in_or_free(body, status == COAX_OK && (piece.block.more || exchange->has_q_block2));
    free(buffer);
    return status;
}

bool coax_download_answer(coax_exchange *exchange, const struct coax_message *request) {
    struct body *body = find(exchange, request);
    if (body == NULL) {
        return false;
    }
    coax_exchange_answer(exchange, answer_from(exchange, request, body));
    return true;
}
