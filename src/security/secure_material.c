/* What a server builds from its credentials, once for each generation of the store. */
#include "security/secure.h"

#include "base/error.h"
#include <stdio.h>
#include <stdlib.h>

/* Sets of keys that server names can ask for: more than anybody has hosts behind one endpoint. */
enum { NAMED_MAXIMUM = 1024 };

/* What a walk over the store collects. */
struct collection {
    struct secure_material *material;
    size_t capacity;
    int code;
};

static bool count_entry(struct credential *credential, void *user) {
    struct collection *collection = user;
    collection->material->has_psk = collection->material->has_psk || credential->kind == CREDENTIAL_PSK;
    collection->capacity += credential->trust.size > 0;
    return true;
}

static bool collect_trust(struct credential *credential, void *user) {
    struct collection *collection = user;
    bool authorizes = credential->kind == CREDENTIAL_X509 || credential->kind == CREDENTIAL_TRUST;
    if (authorizes && credential->trust.size > 0) {
        struct secure_material *material = collection->material;
        collection->code = coax_secure_trust_load(&material->trusts[material->trust_count], credential);
        material->trust_count += collection->code >= 0;
    }
    return collection->code >= 0;
}

static int add_rpk(gnutls_certificate_credentials_t certificates, const struct credential *credential) {
    gnutls_datum_t der = {(unsigned char *)(uintptr_t)credential->public_key.data,
                          (unsigned)credential->public_key.size};
    gnutls_datum_t key = {(unsigned char *)(uintptr_t)credential->private_key.data,
                          (unsigned)credential->private_key.size};
    gnutls_datum_t pem = {NULL, 0};
    int code = gnutls_pem_base64_encode2("PUBLIC KEY", &der, &pem);
    if (code >= 0) {
        code = gnutls_certificate_set_rawpk_key_mem(certificates, &pem, &key, GNUTLS_X509_FMT_PEM, NULL, 0, NULL, 0, 0);
        gnutls_free(pem.data);
    }
    return code;
}

int coax_secure_add_own_key(gnutls_certificate_credentials_t certificates, const struct credential *credential) {
    if (credential->kind == CREDENTIAL_RPK) {
        return add_rpk(certificates, credential);
    }
    gnutls_datum_t chain = {(unsigned char *)(uintptr_t)credential->certificate.data,
                            (unsigned)credential->certificate.size};
    gnutls_datum_t key = {(unsigned char *)(uintptr_t)credential->private_key.data,
                          (unsigned)credential->private_key.size};
    return gnutls_certificate_set_x509_key_mem2(certificates, &chain, &key, GNUTLS_X509_FMT_PEM, NULL, 0);
}

/* Takes over the references. */
static int build_keys(struct secure_keys *keys, struct credential *rpk, struct credential *x509) {
    keys->rpk = rpk;
    keys->x509 = x509;
    if (rpk == NULL && x509 == NULL) {
        return 0;
    }
    int code = gnutls_certificate_allocate_credentials(&keys->certificate);
    if (code < 0) {
        keys->certificate = NULL;
        return code;
    }
    if (rpk != NULL) {
        code = coax_secure_add_own_key(keys->certificate, rpk);
    }
    if (code >= 0 && x509 != NULL) {
        code = coax_secure_add_own_key(keys->certificate, x509);
    }
    return code;
}

static void drop_keys(struct secure_keys *keys) {
    if (keys->certificate != NULL) {
        gnutls_certificate_free_credentials(keys->certificate);
    }
    coax_credential_unref(keys->rpk);
    coax_credential_unref(keys->x509);
}

static int build_priority(struct secure_material *material, const struct secure_protocol *protocol) {
    unsigned purposes = SECURE_FOR_SERVER | (material->has_psk ? SECURE_FOR_PSK : 0U)
                        | (material->presenting.rpk != NULL ? SECURE_FOR_RPK : 0U)
                        | (material->presenting.x509 != NULL ? SECURE_FOR_X509 : 0U);
    return coax_secure_priority(&material->priority, protocol, purposes);
}

static int build(struct secure_material *material, const struct secure_context *context) {
    const coax_credentials *credentials = context->credentials;
    struct collection collection = {.material = material};
    coax_credentials_each(credentials, count_entry, &collection);
    material->trusts = calloc(collection.capacity + 1, sizeof *material->trusts);
    if (material->trusts == NULL) {
        return GNUTLS_E_MEMORY_ERROR;
    }
    material->generation = coax_credentials_generation(credentials);
    coax_credentials_each(credentials, collect_trust, &collection);
    if (collection.code < 0) {
        return collection.code;
    }
    int code = build_keys(&material->presenting, coax_credentials_for_server(credentials, CREDENTIAL_RPK, NULL),
                          coax_credentials_for_server(credentials, CREDENTIAL_X509, NULL));
    if (code < 0) {
        return code;
    }
    return material->has_psk || material->presenting.certificate != NULL ? build_priority(material, context->protocol)
                                                                         : GNUTLS_E_INSUFFICIENT_CREDENTIALS;
}

static void drop_named(struct secure_keys *keys) {
    while (keys != NULL) {
        struct secure_keys *next = keys->next;
        drop_keys(keys);
        free(keys);
        keys = next;
    }
}

void coax_secure_material_unref(struct secure_material *material) {
    if (material == NULL || --material->references > 0) {
        return;
    }
    if (material->priority != NULL) {
        gnutls_priority_deinit(material->priority);
    }
    drop_keys(&material->presenting);
    drop_named(material->named);
    for (size_t i = 0; i < material->trust_count; i++) {
        coax_secure_trust_unload(&material->trusts[i]);
    }
    free(material->trusts);
    free(material);
}

static enum coax_status fail(coax_error *error, const struct secure_protocol *protocol, int code) {
    char what[80];
    (void)snprintf(what, sizeof what, "The credentials cannot be used by a %s server", protocol->name);
    return coax_secure_fail_gnutls(error, what, code);
}

enum coax_status coax_secure_material_get(struct secure_material **material, struct secure_context *context,
                                          coax_error *error) {
    if (context->material != NULL
        && context->material->generation != coax_credentials_generation(context->credentials)) {
        coax_secure_material_unref(context->material);
        context->material = NULL;
    }
    if (context->material == NULL) {
        struct secure_material *built = calloc(1, sizeof *built);
        if (built == NULL) {
            return coax_fail_memory(error);
        }
        built->references = 1;
        int code = build(built, context);
        if (code < 0) {
            coax_secure_material_unref(built);
            return fail(error, context->protocol, code);
        }
        context->material = built;
    }
    context->material->references++;
    *material = context->material;
    return COAX_OK;
}

static const struct secure_keys *find_keys(const struct secure_material *material, const struct credential *rpk,
                                           const struct credential *x509) {
    if (material->presenting.rpk == rpk && material->presenting.x509 == x509) {
        return &material->presenting;
    }
    const struct secure_keys *keys = material->named;
    while (keys != NULL && (keys->rpk != rpk || keys->x509 != x509)) {
        keys = keys->next;
    }
    return keys;
}

/* Takes over the references. */
static const struct secure_keys *add_keys(struct secure_material *material, struct credential *rpk,
                                          struct credential *x509) {
    struct secure_keys *keys = material->named_count < NAMED_MAXIMUM ? calloc(1, sizeof *keys) : NULL;
    if (keys == NULL) {
        coax_credential_unref(rpk);
        coax_credential_unref(x509);
        return NULL;
    }
    if (build_keys(keys, rpk, x509) < 0) {
        drop_keys(keys);
        free(keys);
        return NULL;
    }
    keys->next = material->named;
    material->named = keys;
    material->named_count++;
    return keys;
}

const struct secure_keys *coax_secure_material_keys(struct secure_material *material,
                                                    const coax_credentials *credentials, const char *server_name) {
    /* A store that has changed meanwhile is for handshakes that start later. */
    if (server_name == NULL || material->generation != coax_credentials_generation(credentials)) {
        return &material->presenting;
    }
    struct credential *rpk = coax_credentials_for_server(credentials, CREDENTIAL_RPK, server_name);
    struct credential *x509 = coax_credentials_for_server(credentials, CREDENTIAL_X509, server_name);
    const struct secure_keys *keys = find_keys(material, rpk, x509);
    if (keys == NULL) {
        return add_keys(material, rpk, x509);
    }
    coax_credential_unref(rpk);
    coax_credential_unref(x509);
    return keys;
}
