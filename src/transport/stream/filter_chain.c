#include "transport/stream/filter_chain.h"

#include "base/error.h"
#include "base/wipe.h"
#include "transport/stream/filter_opening.h"
#include <stdlib.h>
#include <string.h>

enum { SCRATCH = 2048, HEAD_SCRATCH = 1024 };

static bool is_websocket(const struct filter_chain *chain) {
    return chain->scheme == COAX_SCHEME_COAP_WS || chain->scheme == COAX_SCHEME_COAPS_WS;
}

static void end(struct filter_chain *chain, const coax_error *error) {
    if (!chain->is_over && !chain->is_closing) {
        chain->is_over = true;
        chain->setup->ended(chain->user, error);
    }
}

static void end_without_memory(struct filter_chain *chain) {
    coax_error error;
    coax_fail_memory(&error);
    end(chain, &error);
}

/* Tells that it is over if something that was to be sent is lost. Never while another filter is at work. */
static void end_if_broken(struct filter_chain *chain) {
    if (chain->is_broken) {
        end_without_memory(chain);
    }
}

/* What is closing or over reads nothing. */
static bool can_read(const struct filter_chain *chain) {
    return !chain->is_paused && !chain->is_closing && !chain->is_over && !chain->is_broken;
}

/* --- towards the peer --- */

/* Behind a gap nothing more may go out. The output has no bound here: what goes into it is bounded by who sends, and by
   input that is not read meanwhile. */
static bool put_out(struct filter_chain *chain, const uint8_t *data, size_t size) {
    if (!chain->is_broken) {
        chain->is_broken = !coax_byte_queue_append(&chain->out, data, size);
    }
    return !chain->is_broken;
}

/* Through TLS, if there is any. All of it, or the chain cannot go on. */
static bool put(struct filter_chain *chain, const uint8_t *data, size_t size) {
    size_t taken = 0;
    if (chain->tls == NULL) {
        return put_out(chain, data, size);
    }
    if (coax_tls_session_send(chain->tls, data, size, &taken) != COAX_OK || taken < size) {
        chain->is_broken = true;
    }
    return !chain->is_broken;
}

static size_t tls_transmit(void *user, const uint8_t *data, size_t size) {
    return put_out(user, data, size) ? size : 0;
}

static bool websocket_transmit(void *user, const uint8_t *frame, size_t size) {
    return put(user, frame, size);
}

/* --- opening --- */

static void open_reader(struct filter_chain *chain) {
    chain->is_open = true;
    if (is_websocket(chain)) {
        coax_websocket_start(&chain->reader.websocket, &chain->setup->websocket[!chain->is_server], chain);
    }
    chain->setup->opened(chain->user);
    coax_filter_opening_free(chain->opening);
    chain->opening = NULL;
}

/* The stream, with TLS if any, carries bytes. */
static void carry(struct filter_chain *chain, const char *hostinfo) {
    char request[HEAD_SCRATCH];
    size_t size;
    if (!is_websocket(chain)) {
        open_reader(chain);
    } else if (!chain->is_server
               && coax_upgrade_write_request(hostinfo, chain->opening->key, request, sizeof request, &size)
                      == COAX_OK) { /* it was tried when the chain was started */
        (void)put(chain, (const uint8_t *)request, size);
    }
}

static void refuse(struct filter_chain *chain, const coax_error *error) {
    if (chain->tls != NULL) {
        coax_tls_session_close(chain->tls);
    }
    end(chain, error);
}

/* The HTTP head of the other side. Returns how many bytes belong to it. */
static size_t read_head(struct filter_chain *chain, const uint8_t *data, size_t size) {
    size_t taken = 0;
    coax_error error;
    struct upgrade_answer answer = {.size = 0};
    enum opening_progress progress =
        chain->is_server ? coax_filter_opening_serve(chain->opening, chain->setup, data, size, &taken, &answer, &error)
                         : coax_filter_opening_check(chain->opening, data, size, &taken, &error);
    if (progress == OPENING_NO_MEMORY || !put(chain, (const uint8_t *)answer.bytes, answer.size)) {
        end_without_memory(chain);
    } else if (progress == OPENING_REFUSED) {
        refuse(chain, &error);
    } else if (progress == OPENING_AGREED) {
        open_reader(chain);
    }
    return taken;
}

/* --- messages from the peer --- */

/* False to stop: the owner pauses, or has said goodbye. */
static bool tell_message(struct filter_chain *chain, const struct coax_message *message) {
    chain->is_paused = !chain->setup->message(chain->user, message);
    return can_read(chain);
}

static enum coax_status visit_frame(void *user, const struct coax_message *message) {
    return tell_message(user, message) ? COAX_OK : COAX_E_STATE;
}

static size_t read_frames(struct filter_chain *chain, const uint8_t *data, size_t size) {
    size_t taken;
    coax_error error;
    enum coax_status status = coax_frame_reader_feed(&chain->reader.frames, &chain->setup->limits, data, size, &taken,
                                                     visit_frame, chain, &error);
    if (status == COAX_E_NO_MEMORY) {
        end_without_memory(chain);
    } else if (status != COAX_OK && status != COAX_E_STATE) {
        chain->is_paused = true;
        chain->setup->unreadable(chain->user, &error,
                                 status == COAX_E_TOO_LARGE ? FAREWELL_TOO_LARGE : FAREWELL_PROTOCOL_ERROR);
    }
    return taken;
}

static bool websocket_message(void *user, const uint8_t *data, size_t size) {
    struct filter_chain *chain = user;
    struct coax_message message;
    coax_error error;
    if (coax_frame_decode(FRAME_WEBSOCKET, &message, data, size, chain->setup->limits.token_maximum, &error)
        == COAX_OK) {
        return tell_message(chain, &message);
    }
    chain->is_paused = true;
    chain->setup->unreadable(chain->user, &error, FAREWELL_BAD_DATA);
    return false;
}

static void websocket_ended(void *user, const struct websocket_end *how) {
    struct filter_chain *chain = user;
    char reason[160];
    coax_error error;
    coax_text_quote(how->reason, reason, sizeof reason);
    if (how->status == COAX_E_NO_MEMORY) {
        coax_fail_memory(&error);
    } else if (how->status == COAX_E_CLOSE_NOTIFY) {
        coax_fail(&error, COAX_E_LOST, "The peer closed the WebSocket with code %u%s%s", (unsigned)how->code,
                  how->reason.size > 0 ? ": " : "", how->reason.size > 0 ? reason : "");
    } else {
        coax_fail(&error, how->status, "What the peer sent is no proper WebSocket traffic (closed with code %u): %s",
                  (unsigned)how->code, reason);
    }
    if (chain->tls != NULL) {
        coax_tls_session_close(chain->tls);
    }
    end(chain, &error);
}

static size_t read_some(struct filter_chain *chain, const uint8_t *data, size_t size) {
    if (chain->opening != NULL) {
        return read_head(chain, data, size);
    }
    return is_websocket(chain) ? coax_websocket_receive(&chain->reader.websocket, data, size)
                               : read_frames(chain, data, size);
}

/* As much as can be read now. */
static size_t read_plain(struct filter_chain *chain, const uint8_t *data, size_t size) {
    size_t offset = 0;
    while (offset < size && can_read(chain)) {
        size_t taken = read_some(chain, data + offset, size - offset);
        if (taken == 0) {
            break;
        }
        offset += taken;
    }
    return chain->is_closing || chain->is_over ? size : offset;
}

/* Behind what a pause has left, or at once; what cannot be read now is kept. */
static void feed(struct filter_chain *chain, struct byte_queue *kept,
                 size_t (*read)(struct filter_chain *chain, const uint8_t *data, size_t size), const uint8_t *data,
                 size_t size) {
    size_t taken = byte_queue_size(kept) > 0 ? 0 : read(chain, data, size);
    if (!coax_byte_queue_append(kept, data + taken, size - taken)) {
        end_without_memory(chain);
    }
}

static bool drain(struct filter_chain *chain, struct byte_queue *kept,
                  size_t (*read)(struct filter_chain *chain, const uint8_t *data, size_t size)) {
    const uint8_t *data = byte_queue_size(kept) > 0 ? kept->data + kept->start : NULL;
    size_t taken = read(chain, data, byte_queue_size(kept)); /* TLS wants it after a pause even without bytes */
    if (taken > 0) {
        coax_byte_queue_consume(kept, taken);
    }
    return byte_queue_size(kept) == 0;
}

/* --- TLS --- */

static void tls_established(void *user) {
    struct filter_chain *chain = user;
    carry(chain, chain->opening == NULL ? NULL : chain->opening->host);
}

static bool tls_data(void *user, const uint8_t *data, size_t size) {
    struct filter_chain *chain = user;
    feed(chain, &chain->plain, read_plain, data, size);
    return can_read(chain);
}

static void tls_closed(void *user, const coax_error *error) {
    struct filter_chain *chain = user;
    if (chain->timed_out != NULL) {
        *chain->timed_out = *error;
    } else {
        end(chain, error);
    }
}

static const struct tls_events tls_events = {tls_transmit, tls_established, tls_data, tls_closed};

/* RFC 8323 section 8.2: "coap". Peers from before ALPN, and those that connect to a port of CoAP's own, go without. */
static const struct tls_application *application_of(enum coax_scheme scheme) {
    static const struct tls_application coap = {"coap", false}, http = {"http/1.1", false};
    return scheme == COAX_SCHEME_COAPS_TCP ? &coap : &http;
}

static size_t read_sealed(struct filter_chain *chain, const uint8_t *data, size_t size) {
    if (!can_read(chain)) {
        return chain->is_closing || chain->is_over ? size : 0;
    }
    size_t taken = coax_tls_session_receive(chain->tls, data, size);
    return chain->is_closing || chain->is_over ? size : taken;
}

/* --- input --- */

/* The peer has ended its half and everything before was read. */
static void end_of_input(struct filter_chain *chain) {
    coax_error error;
    if (chain->tls != NULL) {
        coax_tls_session_receive_end(chain->tls);
    }
    coax_fail(&error, COAX_E_LOST, "The peer ended the connection%s",
              chain->opening != NULL                       ? " before it was upgraded to CoAP over WebSockets"
              : coax_filter_chain_is_within_message(chain) ? " within a message"
                                                           : "");
    end(chain, &error);
}

static void go_on(struct filter_chain *chain) {
    bool is_drained = can_read(chain) && drain(chain, &chain->plain, read_plain);
    if (is_drained && chain->tls != NULL) {
        (void)drain(chain, &chain->sealed, read_sealed);
        is_drained = byte_queue_size(&chain->sealed) == 0 && byte_queue_size(&chain->plain) == 0;
    }
    if (is_drained && chain->input_ended && can_read(chain)) {
        end_of_input(chain);
    }
}

void coax_filter_chain_receive(struct filter_chain *chain, const uint8_t *data, size_t size) {
    if (chain->is_over || chain->is_closing || size == 0) {
        return;
    }
    if (chain->tls != NULL) {
        feed(chain, &chain->sealed, read_sealed, data, size);
    } else {
        feed(chain, &chain->plain, read_plain, data, size);
    }
    end_if_broken(chain);
}

void coax_filter_chain_receive_end(struct filter_chain *chain) {
    chain->input_ended = true;
    go_on(chain);
    end_if_broken(chain);
}

void coax_filter_chain_resume(struct filter_chain *chain) {
    if (!chain->is_over && !chain->is_closing) {
        chain->is_paused = false;
        go_on(chain);
        end_if_broken(chain);
    }
}

/* --- output --- */

static enum frame_form form_of(const struct filter_chain *chain) {
    return is_websocket(chain) ? FRAME_WEBSOCKET : FRAME_STREAM;
}

/* The whole frame, sealed for WebSocket, written at `out`. It can't fail: the message's size was asked before. */
static enum coax_status write_frame(struct filter_chain *chain, const struct coax_message *message, uint8_t *out,
                                    size_t room, size_t size) {
    size_t written;
    enum coax_status status = coax_frame_encode(form_of(chain), message, out + room, size, &written);
    if (status == COAX_OK && is_websocket(chain)) {
        coax_websocket_seal(&chain->reader.websocket, out, size);
    }
    return status;
}

static enum coax_status send_in_clear(struct filter_chain *chain, const struct coax_message *message, size_t room,
                                      size_t size) {
    uint8_t *out = coax_byte_queue_extend(&chain->out, room + size);
    return out == NULL ? COAX_E_NO_MEMORY : write_frame(chain, message, out, room, size);
}

static enum coax_status send_sealed(struct filter_chain *chain, const struct coax_message *message, size_t room,
                                    size_t size) {
    uint8_t scratch[SCRATCH];
    uint8_t *frame = room + size <= sizeof scratch ? scratch : malloc(room + size);
    if (frame == NULL) {
        return COAX_E_NO_MEMORY;
    }
    enum coax_status status = write_frame(chain, message, frame, room, size);
    if (status == COAX_OK && !put(chain, frame, room + size)) {
        status = COAX_E_NO_MEMORY;
    }
    if (frame == scratch) {
        coax_wipe(scratch, room + size);
    } else {
        coax_wipe_free(frame, room + size);
    }
    return status;
}

enum coax_status coax_filter_chain_send(struct filter_chain *chain, const struct coax_message *message,
                                        coax_error *error) {
    if (!chain->is_open || chain->is_over || chain->is_closing || chain->is_broken) {
        return coax_fail(error, COAX_E_STATE, "The connection is not open");
    }
    size_t size = coax_frame_size(form_of(chain), message);
    if (size > UINT32_MAX) {
        return coax_fail(error, COAX_E_TOO_LARGE, "No frame can hold the message");
    }
    size_t room = is_websocket(chain) ? coax_websocket_header_room(&chain->reader.websocket, size) : 0;
    enum coax_status status =
        chain->tls == NULL ? send_in_clear(chain, message, room, size) : send_sealed(chain, message, room, size);
    if (status != COAX_OK) {
        chain->is_broken = true;
        return coax_fail(error, status, "The message cannot be sent: %s", coax_status_text(status));
    }
    return COAX_OK;
}

size_t coax_filter_chain_pending(const struct filter_chain *chain) {
    return byte_queue_size(&chain->out);
}

size_t coax_filter_chain_held(const struct filter_chain *chain) {
    size_t held = chain->out.capacity + chain->sealed.capacity + chain->plain.capacity
                  + (chain->tls == NULL ? 0 : coax_tls_session_held(chain->tls));
    if (chain->opening != NULL) {
        return held + chain->opening->head.capacity;
    }
    return held
           + (is_websocket(chain) ? coax_websocket_held(&chain->reader.websocket)
                                  : coax_frame_reader_held(&chain->reader.frames));
}

bool coax_filter_chain_is_within_message(const struct filter_chain *chain) {
    if (!chain->is_open) {
        return false;
    }
    if (chain->tls != NULL && coax_tls_session_is_within_record(chain->tls)) {
        return true;
    }
    return is_websocket(chain) ? coax_websocket_is_within(&chain->reader.websocket)
                               : frame_reader_is_within(&chain->reader.frames);
}

void coax_filter_chain_flush(struct filter_chain *chain) {
    struct byte_queue *out = &chain->out;
    while (byte_queue_size(out) > 0) {
        size_t taken = chain->setup->write(chain->user, out->data + out->start, byte_queue_size(out));
        if (taken == 0) {
            break;
        }
        coax_byte_queue_consume(out, taken);
    }
    end_if_broken(chain);
}

static enum websocket_code code_of(enum filter_farewell farewell) {
    static const enum websocket_code codes[] = {
        [FAREWELL_NORMAL] = WEBSOCKET_NORMAL,
        [FAREWELL_PROTOCOL_ERROR] = WEBSOCKET_PROTOCOL_ERROR,
        [FAREWELL_BAD_DATA] = WEBSOCKET_BAD_DATA,
        [FAREWELL_TOO_LARGE] = WEBSOCKET_TOO_LARGE,
    };
    return codes[farewell];
}

void coax_filter_chain_close(struct filter_chain *chain, enum filter_farewell farewell) {
    if (chain->is_closing || chain->is_over) {
        return;
    }
    chain->is_closing = true;
    if (chain->is_open && is_websocket(chain)) {
        coax_websocket_close(&chain->reader.websocket, code_of(farewell));
    }
    if (chain->tls != NULL) {
        coax_tls_session_close(chain->tls);
    }
}

void coax_filter_chain_explain_timeout(struct filter_chain *chain, coax_instant now, coax_error *error) {
    (void)now;
    bool is_tls = chain->tls != NULL && !coax_tls_session_is_established(chain->tls);
    coax_fail(error, COAX_E_TIMEOUT, "The %s",
              chain->is_server ? "client did not send a whole HTTP request in time"
                               : "server did not answer the request to upgrade to CoAP over WebSockets in time");
    if (is_tls) {
        chain->timed_out = error;
        coax_tls_session_expire(chain->tls, COAX_NEVER); /* its own deadline counts from a later moment */
        chain->timed_out = NULL;
    } else if (chain->tls != NULL) {
        coax_tls_session_close(chain->tls);
    }
    chain->is_closing = true;
}

/* --- life --- */

static void websocket_random(void *user, void *out, size_t size) {
    struct filter_chain *chain = user;
    chain->setup->random(chain->user, out, size);
}

void coax_filter_setup_init(struct filter_setup *setup) {
    for (size_t i = 0; i < 2; i++) {
        setup->websocket[i] = (struct websocket_setup){
            .is_client = i == 1,
            .message_maximum = (uint32_t)setup->limits.message_maximum,
            .message = websocket_message,
            .transmit = websocket_transmit,
            .ended = websocket_ended,
            .random = websocket_random,
        };
    }
}

static enum coax_status start(struct filter_chain *chain, const struct filter_setup *setup, void *user,
                              enum coax_scheme scheme, bool is_server, coax_error *error) {
    *chain = (struct filter_chain){.setup = setup, .user = user, .scheme = scheme, .is_server = is_server};
    if (is_websocket(chain)) {
        chain->opening = coax_filter_opening_new(is_server);
        return chain->opening == NULL ? coax_fail_memory(error) : COAX_OK;
    }
    return COAX_OK;
}

/* The key, and whether the host can stand in a head. */
static enum coax_status prepare_upgrade(struct filter_chain *chain, const char *hostinfo, coax_error *error) {
    uint8_t nonce[UPGRADE_NONCE_SIZE];
    char request[HEAD_SCRATCH];
    size_t size;
    if (chain->opening == NULL) {
        return COAX_OK;
    }
    chain->setup->random(chain->user, nonce, sizeof nonce);
    coax_upgrade_make_key(nonce, chain->opening->key);
    size = strlen(hostinfo);
    if (size >= sizeof chain->opening->host
        || coax_upgrade_write_request(hostinfo, chain->opening->key, request, sizeof request, &size) != COAX_OK) {
        return coax_fail(error, COAX_E_INVALID, "The host cannot stand in an HTTP request");
    }
    memcpy(chain->opening->host, hostinfo, strlen(hostinfo) + 1);
    return COAX_OK;
}

enum coax_status coax_filter_chain_start_client(struct filter_chain *chain, const struct filter_setup *setup,
                                                void *user, const struct filter_target *target, coax_instant now,
                                                coax_error *error) {
    enum coax_status status = start(chain, setup, user, target->scheme, false, error);
    if (status == COAX_OK) {
        status = prepare_upgrade(chain, target->hostinfo, error);
    }
    if (status == COAX_OK && coax_scheme_is_secure(target->scheme)) {
        status = coax_tls_client_new(&chain->tls, setup->tls, target->credential, target->server_name,
                                     application_of(target->scheme), &tls_events, chain, now, error);
    } else if (status == COAX_OK) {
        carry(chain, target->hostinfo);
    }
    if (status != COAX_OK) {
        coax_filter_chain_free(chain);
    }
    return status;
}

enum coax_status coax_filter_chain_start_server(struct filter_chain *chain, const struct filter_setup *setup,
                                                void *user, enum coax_scheme scheme, coax_instant now,
                                                coax_error *error) {
    enum coax_status status = start(chain, setup, user, scheme, true, error);
    if (status == COAX_OK && coax_scheme_is_secure(scheme)) {
        status = coax_tls_server_new(&chain->tls, setup->tls, application_of(scheme), &tls_events, chain, now, error);
    } else if (status == COAX_OK) {
        carry(chain, NULL);
    }
    if (status != COAX_OK) {
        coax_filter_chain_free(chain);
    }
    return status;
}

void coax_filter_chain_free(struct filter_chain *chain) {
    coax_tls_session_free(chain->tls);
    coax_filter_opening_free(chain->opening);
    if (chain->is_open && is_websocket(chain)) {
        coax_websocket_free(&chain->reader.websocket);
    } else if (chain->is_open) {
        coax_frame_reader_free(&chain->reader.frames);
    }
    coax_byte_queue_clear(&chain->out);
    coax_byte_queue_clear(&chain->sealed);
    coax_byte_queue_clear(&chain->plain);
    *chain = (struct filter_chain){.is_over = true};
}

struct credential *coax_filter_chain_credential(const struct filter_chain *chain) {
    return chain->tls == NULL ? NULL : coax_tls_session_credential(chain->tls);
}

const char *coax_filter_chain_asked_host(const struct filter_chain *chain) {
    if (chain->opening != NULL) {
        return chain->opening->host;
    }
    return chain->tls == NULL ? "" : coax_tls_session_server_name(chain->tls);
}

bool coax_filter_chain_forwarded(const struct filter_chain *chain, struct address *address) {
    if (chain->opening == NULL || !chain->opening->is_forwarded) {
        return false;
    }
    *address = chain->opening->forwarded;
    return true;
}
