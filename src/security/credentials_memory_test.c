/* What the store does when memory runs out, and what it leaves behind in memory that it gives back. To see every block,
   this program compiles the sources of the store once more, with an allocator of its own in place of malloc(). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <jansson.h>

/* --- the allocator --- */

static const char secret[] = "secretPSKsecretPSKsecretPSK";
static size_t live;          /* blocks that are not freed */
static size_t until_failure; /* this many allocations succeed; SIZE_MAX: all */
static size_t secrets_left;  /* blocks that were freed with the secret in them */
static bool failed;

union header {
    size_t size;
    max_align_t alignment;
};

static void *track_malloc(size_t size) {
    if (until_failure == 0) {
        failed = true;
        return NULL;
    }
    if (until_failure != SIZE_MAX) {
        until_failure--;
    }
    union header *header = malloc(sizeof *header + size);
    if (header == NULL) {
        abort();
    }
    header->size = size;
    live++;
    /* All of a block is looked at when it is freed, also what was never written. */
    return memset(header + 1, 0xA5, size);
}

static void *track_calloc(size_t count, size_t size) {
    void *block = track_malloc(count * size);
    return block == NULL ? NULL : memset(block, 0, count * size);
}

static void track_free(void *block) {
    if (block == NULL) {
        return;
    }
    union header *header = (union header *)block - 1;
    if (memmem(block, header->size, secret, strlen(secret)) != NULL
        || memmem(block, header->size, "c2VjcmV0UFNLc2Vj", 16) != NULL
        || memmem(block, header->size, "PRIVATE KEY", 11) != NULL) {
        secrets_left++;
    }
    live--;
    free(header);
}

static char *track_strdup(const char *text) {
    size_t size = strlen(text) + 1;
    char *copy = track_malloc(size);
    return copy == NULL ? NULL : memcpy(copy, text, size);
}

static int track_asprintf(char **out, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int track_asprintf(char **out, const char *format, ...) {
    char text[2048];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    *out = track_strdup(text);
    return *out == NULL ? -1 : size;
}

/* --- the sources under test --- */

#define malloc(size) track_malloc(size)
#define calloc(count, size) track_calloc(count, size)
#define free(block) track_free(block)
#undef strdup
#define strdup(text) track_strdup(text)
#define asprintf(...) track_asprintf(__VA_ARGS__)

/* NOLINTBEGIN(bugprone-suspicious-include) */
#include "base/wipe.c"
#include "security/credentials.c"
#include "security/credentials_bytes.c"
#include "security/credentials_entry.c"
#include "security/credentials_lookup.c"
#include "security/credentials_pattern.c"
#include "security/credentials_pem.c"
#include "security/json_position.c"
#define kinds json_kinds
#include "security/credentials_json.c"
#include "security/credentials_json_value.c"
/* NOLINTEND(bugprone-suspicious-include) */

#include "security/credentials_test_data.h"

/* --- scenarios --- */

static enum coax_status read_test_file(void *user, const char *path, char **data, size_t *size, coax_error *error) {
    (void)user;
    const char *text = strcmp(path, "key") == 0 ? TEST_PRIVATE_KEY : TEST_CERTIFICATE;
    *data = strdup(strcmp(path, "public") == 0 ? TEST_PUBLIC_KEY : text);
    *size = *data == NULL ? 0 : strlen(*data);
    return *data == NULL ? coax_fail_memory(error) : COAX_OK;
}

static const char json[] =
    "{\"coaps://h/*\": {\"dtls\": {\"psk\": {\"ascii\": \"secretPSKsecretPSKsecretPSK\"}, \"client-identity\": "
    "{\"hex\": \"6964\"}}, \"allow\": [\"/a\", \"/b/*\"]}, \":r\": {\"rpk\": {\"private-key\": \"key\", "
    "\"peer-public-key\": \"public\"}}, \":x\": {\"x509\": {\"certificate\": \"certificate\", \"private-key\": "
    "\"key\", \"trust\": \"certificate\"}}, \":a\": {\"any-of\": [\":r\", \":x\"]}, \"coaps://i/*\": \":a\", "
    "\":old\": null}";

static enum coax_status load_json(coax_credentials *credentials, coax_error *error) {
    static const struct file_reader reader = {read_test_file, NULL};
    return coax_credentials_parse(credentials, json, strlen(json), "f", &reader, error);
}

static enum coax_status set_all_by_program(coax_credentials *credentials, coax_error *error) {
    static const char *const paths[] = {"/a"};
    coax_rpk rpk = COAX_RPK_INIT;
    rpk.private_key = TEST_PRIVATE_KEY;
    rpk.peer_public_key = TEST_PUBLIC_KEY;
    enum coax_status status =
        coax_credentials_set_psk(credentials, "coaps://h/*", "id", 2, secret, strlen(secret), error);
    if (status == COAX_OK) {
        status = coax_credentials_set_rpk(credentials, ":old", &rpk, error);
    }
    if (status == COAX_OK) {
        status = coax_credentials_set_allow(credentials, ":old", paths, 1, error);
    }
    return status == COAX_OK ? coax_credentials_remove(credentials, "coaps://h/*", error) : status;
}

/* Fails the first allocation of a scenario, then the second, and so on until it succeeds. */
static void sweep(enum coax_status (*scenario)(coax_credentials *credentials, coax_error *error), size_t at_least) {
    size_t live_before = live;
    size_t count = 0;
    enum coax_status status;
    do {
        until_failure = SIZE_MAX;
        failed = false;
        coax_credentials *credentials = coax_credentials_new();
        coax_error error = {.text = ""};
        until_failure = count++;
        status = scenario(credentials, &error);
        until_failure = SIZE_MAX;
        assert_true((status == COAX_OK) == !failed);
        assert_true(status == COAX_OK || (status == COAX_E_NO_MEMORY && error.text[0] != '\0'));
        coax_credentials_free(credentials);
        assert_int_equal(live, live_before);
        assert_int_equal(secrets_left, 0);
    } while (status != COAX_OK);
    assert_true(count > at_least);
}

static void loading_survives_each_failing_allocation(void **state) {
    (void)state;
    sweep(load_json, 30);
}

static void setting_survives_each_failing_allocation(void **state) {
    (void)state;
    sweep(set_all_by_program, 20);
}

static void loading_fails_whole(void **state) {
    (void)state;
    for (size_t count = 0; count < 20; count++) {
        until_failure = SIZE_MAX;
        coax_credentials *credentials = coax_credentials_new();
        assert_int_equal(coax_credentials_set_psk(credentials, ":old", "", 0, "k", 1, NULL), COAX_OK);
        until_failure = count;
        assert_int_equal(load_json(credentials, NULL), COAX_E_NO_MEMORY);
        until_failure = SIZE_MAX;
        assert_int_equal(credentials->count, 1);
        assert_string_equal(credentials->entries[0]->key, ":old");
        coax_credentials_free(credentials);
    }
}

static void looking_up_survives_failing_allocations(void **state) {
    (void)state;
    until_failure = SIZE_MAX;
    coax_credentials *credentials = coax_credentials_new();
    assert_int_equal(load_json(credentials, NULL), COAX_OK);
    size_t count = 0;
    enum coax_status status;
    do {
        struct credential *credential = NULL;
        until_failure = count++;
        status = coax_credentials_for_uri(credentials, "coaps://i/x", NULL, &credential, NULL);
        assert_true(status == COAX_OK || status == COAX_E_NO_MEMORY);
        assert_true((credential != NULL) == (status == COAX_OK));
        coax_credential_unref(credential);
    } while (status != COAX_OK);
    assert_int_equal(count, 4); /* two spellings of the URI, the marks of the search, and success */
    until_failure = SIZE_MAX;
    coax_credentials_free(credentials);
}

/* An entry is wiped when the last who uses it lets go, not before. */
static void entries_are_wiped_with_the_last_reference(void **state) {
    (void)state;
    until_failure = SIZE_MAX;
    coax_credentials *credentials = coax_credentials_new();
    assert_int_equal(load_json(credentials, NULL), COAX_OK);
    struct credential *kept = coax_credentials_for_identity(credentials, bytes_of("id", 2));
    assert_non_null(kept);
    coax_credentials_free(credentials);
    assert_memory_equal(kept->psk.data, secret, strlen(secret));
    coax_credential_unref(kept);
    assert_int_equal(secrets_left, 0);
    assert_int_equal(live, 0);
}

/* The values that Jansson hands out are wiped. (Its scanner's own buffer is out of reach.) */
static void json_values_are_wiped(void **state) {
    (void)state;
    struct json_loader loader = {.text = json, .size = strlen(json), .name = "f"};
    json_t *root = coax_json_parse(&loader);
    assert_non_null(root);
    json_t *text =
        json_object_get(json_object_get(json_object_get(json_object_get(root, "coaps://h/*"), "dtls"), "psk"), "ascii");
    assert_string_equal(json_string_value(text), secret);
    json_incref(text);
    coax_json_wipe_free(root);
    static const char zeros[sizeof secret];
    assert_memory_equal(json_string_value(text), zeros, strlen(secret));
    json_decref(text);
}

/* The allocator itself must notice, or the tests above prove nothing. */
static void a_secret_that_is_left_is_noticed(void **state) {
    (void)state;
    until_failure = SIZE_MAX;
    free(strdup(secret));
    assert_int_equal(secrets_left, 1);
    secrets_left = 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_secret_that_is_left_is_noticed),
        cmocka_unit_test(loading_survives_each_failing_allocation),
        cmocka_unit_test(setting_survives_each_failing_allocation),
        cmocka_unit_test(loading_fails_whole),
        cmocka_unit_test(looking_up_survives_failing_allocations),
        cmocka_unit_test(entries_are_wiped_with_the_last_reference),
        cmocka_unit_test(json_values_are_wiped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
