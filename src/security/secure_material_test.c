#include "security/dtls_test_pair.h"

static struct test_certificate first, second;

static int make_certificates(void **state) {
    (void)state;
    test_certificate_make(&first, &(struct test_certificate_options){.name = "first", .host = "first.example"});
    test_certificate_make(&second, &(struct test_certificate_options){.name = "second", .host = "second.example"});
    return 0;
}

static int free_certificates(void **state) {
    (void)state;
    test_certificate_free(&first);
    test_certificate_free(&second);
    return 0;
}

static void set_x509(struct pair_side *side, const char *key, const struct test_certificate *own, const char *trust) {
    coax_x509 x509 = COAX_X509_INIT;
    x509.certificate = own != NULL ? own->certificate_pem : NULL;
    x509.private_key = own != NULL ? own->private_pem : NULL;
    x509.trust = trust;
    assert_int_equal(coax_credentials_set_x509(side->credentials, key, &x509, NULL), COAX_OK);
}

static struct secure_material *get(struct pair_side *side) {
    struct secure_material *material = NULL;
    coax_error error = {0};
    if (coax_secure_material_get(&material, &side->context->secure, &error) != COAX_OK) {
        fail_msg("%s", error.text);
    }
    return material;
}

static void is_built_once_for_each_generation(void **state) {
    (void)state;
    struct pair pair;
    pair_start(&pair);
    struct pair_side *server = &pair.sides[PAIR_SERVER];
    pair_set_psk(&pair, PAIR_SERVER, "me", "key");
    struct secure_material *before = get(server);
    assert_ptr_equal(get(server), before);
    assert_int_equal(before->references, 3); /* two here, one of the context */
    assert_null(before->presenting.certificate);
    set_x509(server, ":server", &first, NULL);
    struct secure_material *after = get(server);
    assert_ptr_not_equal(after, before);
    assert_int_equal(before->references, 2);
    assert_non_null(after->presenting.certificate);
    assert_string_equal(after->presenting.x509->key, ":server");
    coax_secure_material_unref(before);
    coax_secure_material_unref(before);
    coax_secure_material_unref(after);
    pair_end(&pair);
}

static void holds_on_to_entries_that_are_gone(void **state) {
    (void)state;
    struct pair pair;
    pair_start(&pair);
    struct pair_side *server = &pair.sides[PAIR_SERVER];
    set_x509(server, ":server", &first, first.certificate_pem);
    struct secure_material *material = get(server);
    assert_int_equal(material->trust_count, 1);
    struct credential *credential = material->presenting.x509;
    assert_int_equal(credential->references, 3); /* the store, what is presented, who is trusted */
    assert_int_equal(coax_credentials_remove(server->credentials, ":server", NULL), COAX_OK);
    assert_int_equal(credential->references, 2);
    assert_string_equal(credential->key, ":server");
    coax_secure_material_unref(material);
    pair_end(&pair);
}

static void serves_nobody_without_credentials(void **state) {
    (void)state;
    struct pair pair;
    pair_start(&pair);
    struct pair_side *server = &pair.sides[PAIR_SERVER];
    struct secure_material *material = NULL;
    coax_error error = {0};
    assert_int_equal(coax_secure_material_get(&material, &server->context->secure, &error), COAX_E_HANDSHAKE);
    assert_non_null(strstr(error.text, "cannot be used by a DTLS server"));
    set_x509(server, ":authorities", NULL, first.certificate_pem); /* authorities prove nothing about oneself */
    assert_int_equal(coax_secure_material_get(&material, &server->context->secure, &error), COAX_E_HANDSHAKE);
    assert_null(server->context->secure.material);
    pair_end(&pair);
}

static void makes_keys_for_a_name_once(void **state) {
    (void)state;
    struct pair pair;
    pair_start(&pair);
    struct pair_side *server = &pair.sides[PAIR_SERVER];
    set_x509(server, "coaps://first.example/*", &first, NULL);
    set_x509(server, "coaps://second.example/*", &second, NULL);
    struct secure_material *material = get(server);
    const coax_credentials *credentials = server->credentials;
    const struct secure_keys *presenting = &material->presenting;
    assert_ptr_equal(coax_secure_material_keys(material, credentials, NULL), presenting);
    assert_ptr_equal(coax_secure_material_keys(material, credentials, "first.example"), presenting);
    assert_ptr_equal(coax_secure_material_keys(material, credentials, "nobody.example"), presenting);
    const struct secure_keys *of_second = coax_secure_material_keys(material, credentials, "second.example");
    assert_non_null(of_second);
    assert_ptr_not_equal(of_second, presenting);
    assert_string_equal(of_second->x509->key, "coaps://second.example/*");
    assert_ptr_equal(coax_secure_material_keys(material, credentials, "SECOND.example"), of_second);
    assert_int_equal(material->named_count, 1);
    /* What the store has become is for handshakes that start later. */
    assert_int_equal(coax_credentials_remove(server->credentials, "coaps://second.example/*", NULL), COAX_OK);
    assert_ptr_equal(coax_secure_material_keys(material, credentials, "second.example"), presenting);
    coax_secure_material_unref(material);
    pair_end(&pair);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_built_once_for_each_generation),
        cmocka_unit_test(holds_on_to_entries_that_are_gone),
        cmocka_unit_test(serves_nobody_without_credentials),
        cmocka_unit_test(makes_keys_for_a_name_once),
    };
    return cmocka_run_group_tests(tests, make_certificates, free_certificates);
}
