/* Established sessions as bytes, for an endpoint that is started again. The bytes hold the keys. */
#include "security/dtls_private.h"

#include "base/error.h"
#include "base/wipe.h"
#include <nettle/sha2.h>
#include <stdlib.h>

/* Of what the peer proved itself by: an entry that was changed since is another. */
static void digest(const struct credential *credential, uint8_t out[SHA256_DIGEST_SIZE]) {
    const struct bytes parts[] = {credential->psk, credential->identity, credential->peer_public_key,
                                  credential->trust};
    struct sha256_ctx context;
    uint8_t kind = (uint8_t)credential->kind;
    sha256_init(&context);
    sha256_update(&context, 1, &kind);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        uint8_t size[4];
        for (int at = 0; at < 4; at++) {
            size[at] = (uint8_t)(parts[i].size >> (8 * at));
        }
        sha256_update(&context, sizeof size, size);
        sha256_update(&context, parts[i].size, parts[i].data);
    }
    sha256_digest(&context, SHA256_DIGEST_SIZE, out);
    coax_wipe(&context, sizeof context);
}

static void save_credential(const struct credential *credential, struct pack *pack) {
    uint8_t proof[SHA256_DIGEST_SIZE];
    coax_pack_uint(pack, credential != NULL, 1);
    if (credential != NULL) {
        digest(credential, proof);
        coax_pack_text(pack, credential->key);
        coax_pack_bytes(pack, bytes_of(proof, sizeof proof));
    }
}

static void save_keys(const struct dtls_keys *keys, struct pack *pack) {
    coax_pack_bytes(pack, bytes_of(keys->key, sizeof keys->key));
    coax_pack_bytes(pack, bytes_of(keys->iv, sizeof keys->iv));
}

bool coax_dtls_session_save(const struct dtls_session *session, struct pack *pack) {
    const struct dtls_protection *protection = &session->protection;
    if (session->secure.state != SECURE_ESTABLISHED || !session->secure.is_server) {
        return false;
    }
    save_credential(session->secure.credential, pack);
    coax_pack_uint(pack, protection->cipher, 1);
    coax_pack_block(pack, bytes_of(protection->read_cid, protection->read_cid_size));
    coax_pack_block(pack, bytes_of(protection->write_cid, protection->write_cid_size));
    save_keys(&protection->read, pack);
    save_keys(&protection->write, pack);
    coax_pack_uint(pack, protection->write_next, 8);
    coax_pack_uint(pack, protection->read_newest, 8);
    coax_pack_uint(pack, protection->read_window, 8);
    coax_pack_block(pack, bytes_of(session->finished, session->finished_size));
    coax_pack_uint(pack, session->clear_next, 8);
    return true;
}

/* --- and back --- */

struct wanted_credential {
    struct bytes key;
    const uint8_t *proof;
    struct credential *found;
};

static bool is_wanted(struct credential *credential, void *user) {
    struct wanted_credential *wanted = user;
    uint8_t proof[SHA256_DIGEST_SIZE];
    if (!bytes_equal(wanted->key, bytes_of(credential->key, strlen(credential->key)))) {
        return true;
    }
    digest(credential, proof);
    wanted->found = memcmp(proof, wanted->proof, sizeof proof) == 0 ? credential : NULL;
    return false;
}

/* *is_valid: the client is still one that the store lets in. */
static bool take_credential(struct dtls_session *session, struct bytes *from, bool *is_valid) {
    uint64_t has_credential;
    struct wanted_credential wanted = {.found = NULL};
    struct bytes proof;
    *is_valid = true;
    if (!coax_unpack_uint(from, 1, &has_credential)) {
        return false;
    }
    if (has_credential == 0) {
        return true;
    }
    if (!coax_unpack_block(from, &wanted.key) || !coax_unpack_bytes(from, SHA256_DIGEST_SIZE, &proof)) {
        return false;
    }
    wanted.proof = proof.data;
    coax_credentials_each(session->context->secure.credentials, is_wanted, &wanted);
    *is_valid = wanted.found != NULL;
    session->secure.credential = wanted.found == NULL ? NULL : coax_credential_ref(wanted.found);
    return true;
}

static bool take_room(struct bytes *from, uint8_t *out, uint8_t *size, size_t capacity) {
    struct bytes block;
    if (!coax_unpack_block(from, &block) || block.size > capacity) {
        return false;
    }
    *size = (uint8_t)block.size;
    if (block.size > 0) {
        memcpy(out, block.data, block.size);
    }
    return true;
}

static bool take_keys(struct bytes *from, struct dtls_keys *keys) {
    struct bytes bytes;
    if (!coax_unpack_bytes(from, sizeof keys->key + sizeof keys->iv, &bytes)) {
        return false;
    }
    memcpy(keys->key, bytes.data, sizeof keys->key);
    memcpy(keys->iv, bytes.data + sizeof keys->key, sizeof keys->iv);
    return true;
}

static bool take(struct dtls_session *session, struct bytes *from, bool *is_valid) {
    struct dtls_protection *protection = &session->protection;
    uint64_t cipher;
    bool is_read =
        take_credential(session, from, is_valid) && coax_unpack_uint(from, 1, &cipher) && cipher < DTLS_CIPHERS
        && take_room(from, protection->read_cid, &protection->read_cid_size, sizeof protection->read_cid)
        && take_room(from, protection->write_cid, &protection->write_cid_size, sizeof protection->write_cid)
        && take_keys(from, &protection->read) && take_keys(from, &protection->write)
        && coax_unpack_uint(from, 8, &protection->write_next) && coax_unpack_uint(from, 8, &protection->read_newest)
        && coax_unpack_uint(from, 8, &protection->read_window)
        && take_room(from, session->finished, &session->finished_size, sizeof session->finished)
        && coax_unpack_uint(from, 8, &session->clear_next);
    protection->cipher = is_read ? (uint8_t)cipher : 0;
    return is_read;
}

enum coax_status coax_dtls_session_restore(struct dtls_session **session, struct dtls_context *context,
                                           struct bytes *from, const struct dtls_events *events, void *user) {
    struct dtls_session *created = calloc(1, sizeof *created);
    if (created == NULL) {
        return COAX_E_NO_MEMORY;
    }
    created->context = context;
    created->secure.context = &context->secure;
    created->secure.is_server = true;
    created->secure.state = SECURE_ESTABLISHED;
    created->events = events;
    created->user = user;
    bool is_valid;
    enum coax_status status = take(created, from, &is_valid) ? COAX_OK : COAX_E_FORMAT;
    if (status == COAX_OK && !is_valid) {
        status = COAX_E_NO_CREDENTIALS;
    }
    if (status != COAX_OK) {
        coax_dtls_session_free(created);
        return status;
    }
    *session = created;
    return COAX_OK;
}
