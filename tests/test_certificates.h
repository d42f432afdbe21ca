/* Keys and certificates for tests, made on the spot: no files, nothing that expires in a repository. */
#ifndef COAX_TESTS_TEST_CERTIFICATES_H
#define COAX_TESTS_TEST_CERTIFICATES_H

#include <arpa/inet.h>
#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* What stops a test program that cannot even make its certificates. */
static inline void test_certificates_need(int code, const char *what) {
    if (code < 0) {
        (void)fprintf(stderr, "%s: %s\n", what, gnutls_strerror(code));
        abort();
    }
}

/* A P-256 key, its certificate, and both as PEM texts; `public_key` as SubjectPublicKeyInfo, PEM and DER. */
struct test_certificate {
    gnutls_x509_privkey_t key;
    gnutls_x509_crt_t certificate;
    char *private_pem, *certificate_pem, *public_pem;
    gnutls_datum_t spki;
};

struct test_certificate_options {
    const char *name;                      /* common name */
    const char *host, *other_host;         /* DNS names, or NULL */
    const char *ip;                        /* IPv4 or IPv6 address, or NULL */
    const struct test_certificate *issuer; /* NULL: signed by itself */
    bool is_authority;
    int not_before_days, not_after_days; /* from today; 0 and 0: yesterday until in ten days */
    const char *purpose;                 /* extended key usage, or NULL */
};

static inline char *test_certificate_text(gnutls_datum_t *datum) {
    char *text = malloc(datum->size + 1U);
    if (text == NULL) {
        abort();
    }
    memcpy(text, datum->data, datum->size);
    text[datum->size] = '\0';
    gnutls_free(datum->data);
    return text;
}

static inline void test_certificate_make_key(struct test_certificate *made) {
    gnutls_datum_t pem;
    gnutls_pubkey_t public_key;
    gnutls_privkey_t private_key;
    test_certificates_need(gnutls_x509_privkey_init(&made->key), "key");
    test_certificates_need(
        gnutls_x509_privkey_generate(made->key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0),
        "generate");
    test_certificates_need(gnutls_x509_privkey_export2_pkcs8(made->key, GNUTLS_X509_FMT_PEM, NULL, 0, &pem), "PKCS #8");
    made->private_pem = test_certificate_text(&pem);
    test_certificates_need(gnutls_privkey_init(&private_key), "private key");
    test_certificates_need(gnutls_privkey_import_x509(private_key, made->key, 0), "private key");
    test_certificates_need(gnutls_pubkey_init(&public_key), "public key");
    test_certificates_need(gnutls_pubkey_import_privkey(public_key, private_key, 0, 0), "public key");
    test_certificates_need(gnutls_pubkey_export2(public_key, GNUTLS_X509_FMT_PEM, &pem), "public key");
    made->public_pem = test_certificate_text(&pem);
    test_certificates_need(gnutls_pubkey_export2(public_key, GNUTLS_X509_FMT_DER, &made->spki), "public key");
    gnutls_pubkey_deinit(public_key);
    gnutls_privkey_deinit(private_key);
}

static inline void test_certificate_add_names(gnutls_x509_crt_t certificate,
                                              const struct test_certificate_options *options) {
    const char *hosts[] = {options->host, options->other_host};
    for (size_t i = 0; i < 2; i++) {
        if (hosts[i] != NULL) {
            test_certificates_need(gnutls_x509_crt_set_subject_alt_name(certificate, GNUTLS_SAN_DNSNAME, hosts[i],
                                                                        (unsigned)strlen(hosts[i]), GNUTLS_FSAN_APPEND),
                                   "host");
        }
    }
    if (options->ip != NULL) {
        unsigned char ip[16];
        bool is_ip4 = inet_pton(AF_INET, options->ip, ip) == 1;
        if (!is_ip4 && inet_pton(AF_INET6, options->ip, ip) != 1) {
            abort();
        }
        test_certificates_need(gnutls_x509_crt_set_subject_alt_name(certificate, GNUTLS_SAN_IPADDRESS, ip,
                                                                    is_ip4 ? 4 : 16, GNUTLS_FSAN_APPEND),
                               "IP address");
    }
}

static inline void test_certificate_make(struct test_certificate *made,
                                         const struct test_certificate_options *options) {
    enum { DAY = 24 * 60 * 60 };
    static unsigned char serial = 1;
    memset(made, 0, sizeof *made);
    test_certificate_make_key(made);
    bool is_default = options->not_before_days == 0 && options->not_after_days == 0;
    time_t today = time(NULL);
    gnutls_x509_crt_t certificate;
    test_certificates_need(gnutls_x509_crt_init(&certificate), "certificate");
    made->certificate = certificate;
    test_certificates_need(gnutls_x509_crt_set_version(certificate, 3), "version");
    test_certificates_need(gnutls_x509_crt_set_serial(certificate, &serial, 1), "serial");
    serial++;
    test_certificates_need(gnutls_x509_crt_set_key(certificate, made->key), "key");
    test_certificates_need(gnutls_x509_crt_set_dn_by_oid(certificate, GNUTLS_OID_X520_COMMON_NAME, 0, options->name,
                                                         (unsigned)strlen(options->name)),
                           "name");
    test_certificates_need(
        gnutls_x509_crt_set_activation_time(certificate, today + (is_default ? -1 : options->not_before_days) * DAY),
        "activation");
    test_certificates_need(
        gnutls_x509_crt_set_expiration_time(certificate, today + (is_default ? 10 : options->not_after_days) * DAY),
        "expiration");
    test_certificates_need(gnutls_x509_crt_set_basic_constraints(certificate, options->is_authority, -1), "CA");
    test_certificates_need(gnutls_x509_crt_set_key_usage(certificate, options->is_authority
                                                                          ? GNUTLS_KEY_KEY_CERT_SIGN
                                                                          : GNUTLS_KEY_DIGITAL_SIGNATURE),
                           "usage");
    if (options->purpose != NULL) {
        test_certificates_need(gnutls_x509_crt_set_key_purpose_oid(certificate, options->purpose, 0), "purpose");
    }
    test_certificate_add_names(certificate, options);
    const struct test_certificate *issuer = options->issuer != NULL ? options->issuer : made;
    test_certificates_need(gnutls_x509_crt_sign2(certificate, issuer->certificate, issuer->key, GNUTLS_DIG_SHA256, 0),
                           "sign");
    gnutls_datum_t pem;
    test_certificates_need(gnutls_x509_crt_export2(certificate, GNUTLS_X509_FMT_PEM, &pem), "export");
    made->certificate_pem = test_certificate_text(&pem);
}

static inline void test_certificate_free(struct test_certificate *made) {
    gnutls_x509_privkey_deinit(made->key);
    gnutls_x509_crt_deinit(made->certificate);
    gnutls_free(made->spki.data);
    free(made->private_pem);
    free(made->certificate_pem);
    free(made->public_pem);
}

#endif
