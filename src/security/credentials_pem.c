#include "security/credentials_pem.h"

#include "base/error.h"
#include "security/credentials_store.h"
#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdlib.h>
#include <string.h>

static enum coax_status check_size(struct bytes pem, coax_error *error) {
    if (pem.size > CREDENTIAL_PEM_SIZE_MAXIMUM) {
        return coax_fail(error, COAX_E_TOO_LARGE, "a PEM text of %zu bytes; at most %d are accepted", pem.size,
                         CREDENTIAL_PEM_SIZE_MAXIMUM);
    }
    return COAX_OK;
}

/* GnuTLS takes non-const data that it does not change. */
static gnutls_datum_t datum_of(struct bytes bytes) {
    gnutls_datum_t datum = {(unsigned char *)bytes.data, (unsigned)bytes.size};
    return datum;
}

static bool contains(struct bytes pem, const char *word) {
    return pem.size > 0 && memmem(pem.data, pem.size, word, strlen(word)) != NULL;
}

static enum coax_status fail_key(int result, struct bytes pem, coax_error *error) {
    if (result == GNUTLS_E_MEMORY_ERROR) {
        return coax_fail_memory(error);
    }
    if (contains(pem, "ENCRYPTED")) {
        return coax_fail(error, COAX_E_SYNTAX,
                         "the private key is encrypted; expected one without a passphrase (\"openssl pkey\" takes it "
                         "off)");
    }
    return coax_fail(error, COAX_E_SYNTAX,
                     "no private key can be read from this; expected PEM such as \"-----BEGIN PRIVATE KEY-----\" "
                     "(GnuTLS says: %s)",
                     gnutls_strerror(result));
}

/* Two steps, because only gnutls_x509_privkey_import knows SEC 1 beside PKCS #8. */
static int import_private_key(gnutls_x509_privkey_t *key, struct bytes pem) {
    int result = gnutls_x509_privkey_init(key);
    if (result < 0) {
        *key = NULL;
        return result;
    }
    gnutls_datum_t datum = datum_of(pem);
    result = gnutls_x509_privkey_import(*key, &datum, GNUTLS_X509_FMT_PEM);
    if (result < 0) {
        gnutls_x509_privkey_deinit(*key);
        *key = NULL;
    }
    return result;
}

static enum coax_status read_private_key(gnutls_x509_privkey_t *key, struct bytes pem, coax_error *error) {
    enum coax_status status = check_size(pem, error);
    if (status != COAX_OK) {
        return status;
    }
    int result = import_private_key(key, pem);
    return result < 0 ? fail_key(result, pem, error) : COAX_OK;
}

enum coax_status coax_pem_check_private_key(struct bytes pem, coax_error *error) {
    gnutls_x509_privkey_t key = NULL;
    enum coax_status status = read_private_key(&key, pem, error);
    if (status == COAX_OK) {
        gnutls_x509_privkey_deinit(key);
    }
    return status;
}

/* SubjectPublicKeyInfo, in memory of our own. */
static enum coax_status export_public_key(gnutls_pubkey_t key, struct bytes *spki, coax_error *error) {
    gnutls_datum_t der = {NULL, 0};
    int result = gnutls_pubkey_export2(key, GNUTLS_X509_FMT_DER, &der);
    if (result < 0) {
        return result == GNUTLS_E_MEMORY_ERROR
                   ? coax_fail_memory(error)
                   : coax_fail(error, COAX_E_SYNTAX, "the public key cannot be written as DER: %s",
                               gnutls_strerror(result));
    }
    uint8_t *copy = malloc(der.size);
    if (copy != NULL) {
        memcpy(copy, der.data, der.size);
        *spki = bytes_of(copy, der.size);
    }
    gnutls_free(der.data);
    return copy == NULL ? coax_fail_memory(error) : COAX_OK;
}

static enum coax_status read_public_key(gnutls_pubkey_t *key, struct bytes pem, coax_error *error) {
    enum coax_status status = check_size(pem, error);
    if (status != COAX_OK) {
        return status;
    }
    if (gnutls_pubkey_init(key) < 0) {
        return coax_fail_memory(error);
    }
    gnutls_datum_t datum = datum_of(pem);
    int result = gnutls_pubkey_import(*key, &datum, GNUTLS_X509_FMT_PEM);
    if (result >= 0) {
        return COAX_OK;
    }
    gnutls_pubkey_deinit(*key);
    *key = NULL;
    return result == GNUTLS_E_MEMORY_ERROR
               ? coax_fail_memory(error)
               : coax_fail(error, COAX_E_SYNTAX,
                           "no public key can be read from this; expected PEM such as \"-----BEGIN PUBLIC KEY-----\" "
                           "(GnuTLS says: %s)",
                           gnutls_strerror(result));
}

enum coax_status coax_pem_check_public_key(struct bytes pem, coax_error *error) {
    gnutls_pubkey_t key = NULL;
    enum coax_status status = read_public_key(&key, pem, error);
    if (status == COAX_OK) {
        gnutls_pubkey_deinit(key);
    }
    return status;
}

enum coax_status coax_pem_public_key(struct bytes pem, struct bytes *spki, coax_error *error) {
    gnutls_pubkey_t key = NULL;
    enum coax_status status = read_public_key(&key, pem, error);
    if (status == COAX_OK) {
        status = export_public_key(key, spki, error);
        gnutls_pubkey_deinit(key);
    }
    return status;
}

static int derive_public_key(gnutls_pubkey_t public_key, gnutls_x509_privkey_t key) {
    gnutls_privkey_t private_key = NULL;
    int result = gnutls_privkey_init(&private_key);
    if (result < 0) {
        return result;
    }
    result = gnutls_privkey_import_x509(private_key, key, 0);
    if (result >= 0) {
        result = gnutls_pubkey_import_privkey(public_key, private_key, 0, 0);
    }
    gnutls_privkey_deinit(private_key);
    return result;
}

static enum coax_status write_public_key_of(gnutls_x509_privkey_t key, struct bytes *spki, coax_error *error) {
    gnutls_pubkey_t public_key = NULL;
    if (gnutls_pubkey_init(&public_key) < 0) {
        return coax_fail_memory(error);
    }
    int result = derive_public_key(public_key, key);
    enum coax_status status = COAX_OK;
    if (result >= 0) {
        status = export_public_key(public_key, spki, error);
    } else if (result == GNUTLS_E_MEMORY_ERROR) {
        status = coax_fail_memory(error);
    } else {
        status = coax_fail(error, COAX_E_SYNTAX, "the private key has no public key that can be derived: %s",
                           gnutls_strerror(result));
    }
    gnutls_pubkey_deinit(public_key);
    return status;
}

enum coax_status coax_pem_public_key_of(struct bytes private_key, struct bytes *spki, coax_error *error) {
    gnutls_x509_privkey_t key = NULL;
    enum coax_status status = read_private_key(&key, private_key, error);
    if (status == COAX_OK) {
        status = write_public_key_of(key, spki, error);
        gnutls_x509_privkey_deinit(key);
    }
    return status;
}

struct certificates {
    gnutls_x509_crt_t *list;
    unsigned count;
};

static void free_certificates(struct certificates *certificates) {
    for (unsigned i = 0; i < certificates->count; i++) {
        gnutls_x509_crt_deinit(certificates->list[i]);
    }
    gnutls_free(certificates->list);
    *certificates = (struct certificates){NULL, 0};
}

static enum coax_status read_certificates(struct certificates *certificates, struct bytes pem, coax_error *error) {
    *certificates = (struct certificates){NULL, 0};
    enum coax_status status = check_size(pem, error);
    if (status != COAX_OK) {
        return status;
    }
    gnutls_datum_t datum = datum_of(pem);
    int result =
        gnutls_x509_crt_list_import2(&certificates->list, &certificates->count, &datum, GNUTLS_X509_FMT_PEM, 0);
    if (result >= 0 && certificates->count > 0 && certificates->list != NULL) {
        return COAX_OK;
    }
    *certificates = (struct certificates){NULL, 0};
    return result == GNUTLS_E_MEMORY_ERROR
               ? coax_fail_memory(error)
               : coax_fail(error, COAX_E_SYNTAX,
                           "no certificate can be read from this; expected PEM such as \"-----BEGIN CERTIFICATE-----\" "
                           "(GnuTLS says: %s)",
                           gnutls_strerror(result));
}

enum coax_status coax_pem_check_certificates(struct bytes pem, coax_error *error) {
    struct certificates certificates;
    enum coax_status status = read_certificates(&certificates, pem, error);
    free_certificates(&certificates);
    return status;
}

/* Whether both have the same public key: the same key identifier, a hash of it. */
static bool same_key(gnutls_x509_crt_t certificate, gnutls_x509_privkey_t key) {
    unsigned char of_certificate[32];
    unsigned char of_key[32];
    size_t certificate_size = sizeof of_certificate;
    size_t key_size = sizeof of_key;
    return gnutls_x509_crt_get_key_id(certificate, GNUTLS_KEYID_USE_SHA256, of_certificate, &certificate_size) >= 0
           && gnutls_x509_privkey_get_key_id(key, GNUTLS_KEYID_USE_SHA256, of_key, &key_size) >= 0
           && bytes_equal(bytes_of(of_certificate, certificate_size), bytes_of(of_key, key_size));
}

enum coax_status coax_pem_check_pair(struct bytes certificates, struct bytes private_key, coax_error *error) {
    gnutls_x509_privkey_t key = NULL;
    enum coax_status status = read_private_key(&key, private_key, error);
    if (status != COAX_OK) {
        return status;
    }
    struct certificates chain;
    status = read_certificates(&chain, certificates, error);
    if (status == COAX_OK && chain.list != NULL && !same_key(chain.list[0], key)) {
        status = coax_fail(error, COAX_E_SYNTAX,
                           "the private key does not belong to the certificate; expected the key of the first "
                           "certificate in the chain");
    }
    free_certificates(&chain);
    gnutls_x509_privkey_deinit(key);
    return status;
}
