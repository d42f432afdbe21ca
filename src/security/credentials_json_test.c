#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "security/credentials_store.h"
#include "security/credentials_test_data.h"
#include "thorough.h"

/* The files that the texts below may name. */
static const struct {
    const char *name, *text;
} files[] = {
    {"key.pem", TEST_PRIVATE_KEY},
    {"key.pub", TEST_PUBLIC_KEY},
    {"certificate.pem", TEST_CERTIFICATE},
    {"authority.pem", TEST_OTHER_CERTIFICATE},
    {"encrypted.pem", TEST_PRIVATE_KEY_ENCRYPTED},
};

static enum coax_status read_known_file(void *user, const char *path, char **data, size_t *size, coax_error *error) {
    (void)user;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        if (strcmp(files[i].name, path) == 0) {
            *data = strdup(files[i].text);
            *size = strlen(files[i].text);
            return *data == NULL ? COAX_E_NO_MEMORY : COAX_OK;
        }
    }
    *error = (coax_error){.status = COAX_E_IO, .text = "cannot read that"};
    return COAX_E_IO;
}

static const struct file_reader reader = {read_known_file, NULL};

/* '\'' stands for '"'. */
static char *quote(const char *json) {
    char *text = strdup(json);
    assert_non_null(text);
    for (char *c = text; *c != '\0'; c++) {
        *c = *c == '\'' ? '"' : *c;
    }
    return text;
}

static enum coax_status load_into(coax_credentials *credentials, const char *json, coax_error *error) {
    char *text = quote(json);
    enum coax_status status = coax_credentials_parse(credentials, text, strlen(text), "f", &reader, error);
    free(text);
    return status;
}

static coax_credentials *load(const char *json) {
    coax_credentials *credentials = coax_credentials_new();
    assert_non_null(credentials);
    coax_error error = {.text = ""};
    if (load_into(credentials, json, &error) != COAX_OK) {
        fail_msg("%s", error.text);
    }
    return credentials;
}

/* The entry as it is stored, whatever it refers to. */
static const struct credential *entry(const coax_credentials *credentials, const char *key) {
    for (size_t i = 0; i < credentials->count; i++) {
        if (strcmp(credentials->entries[i]->key, key) == 0) {
            return credentials->entries[i];
        }
    }
    return NULL;
}

static void assert_text(struct bytes bytes, const char *expected) {
    assert_int_equal(bytes.size, strlen(expected));
    assert_memory_equal(bytes.data, expected, bytes.size);
}

/* --- what is read --- */

static void the_reference_s_file_works_unchanged(void **state) {
    (void)state;
    coax_credentials *credentials = load("{'coaps://localhost/*': {'dtls': {'psk': {'ascii': 'secretPSK'}, "
                                         "'client-identity': {'ascii': 'client_Identity'}}}}");
    struct credential *credential = NULL;
    assert_int_equal(coax_credentials_for_uri(credentials, "coaps://localhost/", NULL, &credential, NULL), COAX_OK);
    assert_int_equal(credential->kind, CREDENTIAL_PSK);
    assert_text(credential->psk, "secretPSK");
    assert_text(credential->identity, "client_Identity");
    assert_string_equal(credential->source, "f:1:2");
    assert_true(coax_credentials_can_serve(credentials));
    coax_credentials_free(credentials);
    /* A session keeps what it uses. */
    assert_text(credential->psk, "secretPSK");
    coax_credential_unref(credential);
}

static void all_kinds_are_read(void **state) {
    (void)state;
    coax_credentials *credentials =
        load("{':psk': {'dtls': {'psk': {'hex': '30-38:31 35'}, 'client_identity': {'base64': 'Zm9v'}}},\n"
             " ':rpk': {'rpk': {'private_key': 'key.pem', 'peer-public-key': 'key.pub'}, 'allow': ['/a', '/b/*']},\n"
             " ':x509': {'allow': [], 'x509': {'certificate': 'certificate.pem', 'private-key': 'key.pem', "
             "'trust': 'authority.pem'}},\n"
             " ':trust': {'tlscert': {'certfile': 'authority.pem'}},\n"
             " ':any': {'any-of': [':psk', ':rpk']}, ':any2': {'any_of': [':psk']}, ':ref': ':rpk',\n"
             " ':oscore': {'oscore': {'basedir': 'x', 'anything': [1, {'else': null}]}},\n"
             " ':edhoc': {'edhoc_oscore': {'suite': 2, 'method': 3}}}");
    assert_int_equal(credentials->count, 9);
    assert_text(entry(credentials, ":psk")->psk, "0815");
    assert_text(entry(credentials, ":psk")->identity, "foo");
    assert_null(entry(credentials, ":psk")->allow);
    assert_true(bytes_equal(entry(credentials, ":rpk")->public_key, entry(credentials, ":rpk")->peer_public_key));
    assert_int_equal(entry(credentials, ":rpk")->allow_count, 2);
    assert_string_equal(entry(credentials, ":rpk")->source, "f:2:2");
    assert_non_null(entry(credentials, ":x509")->allow);
    assert_false(coax_credential_allows(entry(credentials, ":x509"), "/a"));
    assert_text(entry(credentials, ":x509")->trust, TEST_OTHER_CERTIFICATE);
    assert_int_equal(entry(credentials, ":trust")->kind, CREDENTIAL_TRUST);
    assert_int_equal(entry(credentials, ":any")->reference_count, 2);
    assert_int_equal(entry(credentials, ":any2")->kind, CREDENTIAL_ANY_OF);
    assert_string_equal(entry(credentials, ":ref")->references_to[0], ":rpk");
    assert_int_equal(entry(credentials, ":oscore")->kind, CREDENTIAL_OTHER);
    assert_int_equal(entry(credentials, ":edhoc")->kind, CREDENTIAL_OTHER);
    coax_credentials_free(credentials);
}

#define PSK(key) "{'dtls': {'psk': {'ascii': '" key "'}, 'client-identity': {'ascii': 'i" key "'}}}"

static void loading_twice_merges(void **state) {
    (void)state;
    coax_credentials *credentials =
        load("{':a': " PSK("a") ", 'coaps://h/*': " PSK("h") ", ':b': " PSK("b") ", ':c': " PSK("c") "}");
    uint64_t generation = coax_credentials_generation(credentials);
    assert_int_equal(load_into(credentials,
                               "{':b': null, 'COAPS://H:5684/*': " PSK("H") ", ':d': " PSK("d") ", ':none': null}",
                               NULL),
                     COAX_OK);
    assert_true(coax_credentials_generation(credentials) > generation);
    static const char *const expected[] = {":a", "COAPS://H:5684/*", ":c", ":d"};
    assert_int_equal(credentials->count, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(credentials->entries[i]->key, expected[i]);
    }
    assert_int_equal(load_into(credentials, "{}", NULL), COAX_OK);
    assert_int_equal(credentials->count, 4);
    coax_credentials_free(credentials);
}

/* The reference tells the default port written out from the one left out; its files may hold both. */
static void spellings_in_one_file_stand_beside_each_other(void **state) {
    (void)state;
    coax_credentials *credentials = load("{'coaps://h/*': " PSK("1") ", 'coaps://h:5684/*': " PSK("2") "}");
    assert_int_equal(credentials->count, 2);
    struct credential *credential = coax_credentials_for_identity(credentials, bytes_of("i2", 2));
    assert_non_null(credential);
    coax_credential_unref(credential);
    assert_int_equal(load_into(credentials, "{'coaps://h/*': " PSK("3") "}", NULL), COAX_OK);
    assert_int_equal(credentials->count, 1);
    assert_int_equal(load_into(credentials, "{'coaps://H:5684/*': null}", NULL), COAX_OK);
    assert_int_equal(credentials->count, 0);
    coax_credentials_free(credentials);
}

/* --- what is refused --- */

#define X32 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define DTLS(psk, identity) "{':a':\n {'dtls': {'psk': " psk ", 'client-identity': " identity "}}}"
#define OK "{'ascii': 'x'}"

static const struct {
    const char *json;
    enum coax_status status;
    const char *text;
} refused[] = {
    {"[]", COAX_E_SYNTAX, "f:1:1: a list; expected an object"},
    {"\n  [1]", COAX_E_SYNTAX, "f:2:3: a list; expected an object"},
    {"{'localhost': null}", COAX_E_SYNTAX, "f:1:2: \"localhost\" cannot be the key"},
    {"{':a': null, '': null}", COAX_E_SYNTAX, "f:1:14: \"\" cannot be the key"},
    {"{':a\\n': null}", COAX_E_SYNTAX, "f:1:2: the key of an entry has a blank or a control"},
    {"{':a': 5}", COAX_E_SYNTAX, "f:1:8: a number; expected an entry such as"},
    {"{':a': true}", COAX_E_SYNTAX, "f:1:8: true; expected an entry such as"},
    {"{':a': []}", COAX_E_SYNTAX, "f:1:8: a list; expected an entry such as"},
    {"{':a': 'b'}", COAX_E_SYNTAX, "f:1:8: not a reference; expected"},
    {"{':a': ':'}", COAX_E_SYNTAX, "f:1:8: not a reference; expected"},
    {"{':a': {}}", COAX_E_SYNTAX, "f:1:8: an entry without credentials; expected"},
    {"{':a': {'allow': ['/a']}}", COAX_E_SYNTAX, "f:1:8: an entry without credentials; expected"},
    {"{':a':\n {'dtsl': {}}}", COAX_E_SYNTAX, "f:2:3: an unknown kind of credentials; expected dtls,"},
    {"{':a': {'oscore': {},\n 'tlscert': {}}}", COAX_E_SYNTAX, "f:2:2: \"oscore\" and \"tlscert\" in one entry"},
    {"{':a': {'dtls': 'x'}}", COAX_E_SYNTAX, "f:1:17: a string; expected an object with \"psk\" and"},
    {"{':a': {'dtls': {'psk': " OK "}}}", COAX_E_SYNTAX, "f:1:17: \"client-identity\" is missing; expected \"psk\""},
    {"{':a': {'dtls': {'client-identity': " OK "}}}", COAX_E_SYNTAX, "f:1:17: \"psk\" is missing"},
    {"{':a': {'dtls': {'psk': " OK ", 'user': 1}}}", COAX_E_SYNTAX, "f:1:41: an unknown field of \"dtls\"; expected"},
    {"{':a': {'dtls': {'client-identity': " OK ", 'client_identity': " OK "}}}", COAX_E_SYNTAX,
     "f:1:53: \"client-identity\" is given twice"},
    {DTLS("'x'", OK), COAX_E_SYNTAX, "f:2:19: a string where bytes belong; expected {\"ascii\""},
    {DTLS("{'hex': '0'}", OK), COAX_E_SYNTAX, "f:2:27: an odd number of hexadecimal digits; expected"},
    {DTLS("{'hex': '0g'}", OK), COAX_E_SYNTAX, "f:2:27: character 2 is not a hexadecimal digit; expected"},
    {DTLS("{'hex': ''}", OK), COAX_E_CREDENTIALS_SIZE, "f:2:27: the pre-shared key has 0 bytes; expected 1 to 64"},
    {DTLS("{'ascii': '" X32 X32 "x'}", OK), COAX_E_CREDENTIALS_SIZE,
     "f:2:29: the pre-shared key has 65 bytes; expected 1 to 64"},
    {DTLS(OK, "{'ascii': '" X32 X32 X32 X32 "x'}"), COAX_E_CREDENTIALS_SIZE,
     "f:2:64: the client identity has 129 bytes; expected 0 to 128"},
    {DTLS(OK, "{'utf8': 'x'}"), COAX_E_SYNTAX, "f:2:55: an unknown encoding of bytes; expected"},
    {"{':a': {'any-of': ':b'}}", COAX_E_SYNTAX, "f:1:19: a string; expected a list of references"},
    {"{':a': {'any-of': []}}", COAX_E_SYNTAX, "f:1:19: an empty list; expected a list of references"},
    {"{':a': {'any-of': [':b', 'c']}}", COAX_E_SYNTAX, "f:1:26: not a reference; expected"},
    {"{':a': {'any-of': [':b', {}]}}", COAX_E_SYNTAX, "f:1:26: an object; expected a reference"},
    {"{':a': {'any-of': [':b'], 'allow': []}}", COAX_E_SYNTAX, "f:1:27: \"allow\" beside references; expected"},
    {"{':a': {'all-of': [':b']}}", COAX_E_UNSUPPORTED, "f:1:9: \"all-of\" is not supported"},
    {"{':a': {'all': [':b']}}", COAX_E_UNSUPPORTED, "f:1:9: \"all\" is not supported"},
    {"{':a': {'oscore': 'x'}}", COAX_E_SYNTAX, "f:1:19: a string; expected an object with the fields of \"oscore\""},
    {"{':a': {'oscore': {}, 'allow': '/a'}}", COAX_E_SYNTAX, "f:1:32: a string; expected a list of paths"},
    {"{':a': {'oscore': {}, 'allow': ['/a', 'b']}}", COAX_E_SYNTAX, "f:1:39: not a path that can be allowed; expected"},
    {"{':a': {'oscore': {}, 'allow': ['/a', 1]}}", COAX_E_SYNTAX, "f:1:39: a number; expected a path"},
    {"{':a': {'tlscert': {}}}", COAX_E_SYNTAX, "f:1:20: \"certfile\" is missing; expected \"certfile\""},
    {"{':a': {'tlscert': {'certfile': 'none.pem'}}}", COAX_E_IO, "f:1:33: cannot read that"},
    {"{':a': {'tlscert': {'certfile': 'key.pem'}}}", COAX_E_SYNTAX, "f:1:33: \"key.pem\": no certificate can be read"},
    {"{':a': {'rpk': {}}}", COAX_E_SYNTAX, "f:1:16: an entry for raw public keys without a key; expected"},
    {"{':a': {'rpk': {'private-key': 'key.pub'}}}", COAX_E_SYNTAX, "f:1:32: \"key.pub\": no private key can be read"},
    {"{':a': {'rpk': {'private-key': 'encrypted.pem'}}}", COAX_E_SYNTAX, "f:1:32: \"encrypted.pem\": the private key"},
    {"{':a': {'rpk': {'peer-public-key': 'key.pem'}}}", COAX_E_SYNTAX, "f:1:36: \"key.pem\": no public key"},
    {"{':a': {'x509': {}}}", COAX_E_SYNTAX, "f:1:17: an entry for certificates without any; expected"},
    {"{':a': {'x509': {'certificate': 'certificate.pem'}}}", COAX_E_SYNTAX,
     "f:1:17: a certificate without its private"},
    {"{':a': {'x509': {'certificate': 'authority.pem', 'private-key': 'key.pem'}}}", COAX_E_SYNTAX,
     "f:1:17: the private key does not belong to the certificate; expected"},
    {"{':a': null,\n ':a': null}", COAX_E_SYNTAX, "f:2:5: this key was given before; expected each key once"},
    {"{':a': null", COAX_E_SYNTAX, "f:1:11: ',' or '}' was expected, but the file ends here"},
};

static void mistakes_are_named_with_their_place(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        coax_credentials *credentials = load("{':kept': " PSK("k") "}");
        coax_error error = {.text = ""};
        enum coax_status status = load_into(credentials, refused[i].json, &error);
        if (status != refused[i].status || strstr(error.text, refused[i].text) == NULL) {
            fail_msg("%s\n gives %d \"%s\"\n not %d \"%s\"", refused[i].json, status, error.text, refused[i].status,
                     refused[i].text);
        }
        assert_int_equal(error.status, status);
        assert_int_equal(load_into(credentials, refused[i].json, NULL), status);
        assert_int_equal(credentials->count, 1);
        coax_credentials_free(credentials);
    }
}

static void a_file_is_taken_whole_or_not(void **state) {
    (void)state;
    coax_credentials *credentials = load("{':a': " PSK("a") "}");
    uint64_t generation = coax_credentials_generation(credentials);
    assert_int_equal(load_into(credentials, "{':b': " PSK("b") ", ':a': null, ':c': 1}", NULL), COAX_E_SYNTAX);
    assert_int_equal(credentials->count, 1);
    assert_text(entry(credentials, ":a")->psk, "a");
    assert_int_equal(coax_credentials_generation(credentials), generation);
    coax_credentials_free(credentials);
}

static void without_files_entries_that_name_them_are_refused(void **state) {
    (void)state;
    char *text = quote("{':a': {'tlscert': {'certfile': 'authority.pem'}}}");
    coax_credentials *credentials = coax_credentials_new();
    coax_error error = {.text = ""};
    assert_int_equal(coax_credentials_load(credentials, text, strlen(text), NULL, &error), COAX_E_UNSUPPORTED);
    assert_non_null(strstr(error.text, "credentials:1:33: the name of a file"));
    coax_credentials_free(credentials);
    free(text);
}

/* --- bounds --- */

/* A text with `count` entries. */
static char *many_entries(size_t count) {
    char *text = malloc(count * 80 + 3);
    assert_non_null(text);
    char *end = text;
    *end++ = '{';
    for (size_t i = 0; i < count; i++) {
        end += sprintf(end, "%s\n\":%05zu\": {\"oscore\": {}}", i == 0 ? "" : ",", i);
    }
    *end++ = '}';
    *end = '\0';
    return text;
}

static void the_store_is_bounded(void **state) {
    (void)state;
    coax_credentials *credentials = coax_credentials_new();
    coax_error error = {.text = ""};
    char *text = many_entries(CREDENTIAL_ENTRIES_MAXIMUM + 1);
    assert_int_equal(coax_credentials_load(credentials, text, strlen(text), "f", &error), COAX_E_LIMIT);
    assert_int_equal(error.status, COAX_E_LIMIT);
    assert_non_null(strstr(error.text, "at most 10000"));
    free(text);
    text = many_entries(CREDENTIAL_ENTRIES_MAXIMUM);
    assert_int_equal(coax_credentials_load(credentials, text, strlen(text), "f", &error), COAX_OK);
    assert_string_equal(entry(credentials, ":09999")->source, "f:10001:1");
    assert_int_equal(coax_credentials_load(credentials, text, strlen(text), "f", &error), COAX_OK);
    assert_int_equal(credentials->count, CREDENTIAL_ENTRIES_MAXIMUM);
    free(text);
    assert_int_equal(load_into(credentials, "{':one too many': {'oscore': {}}}", &error), COAX_E_LIMIT);
    assert_int_equal(load_into(credentials, "{':00000': null, ':one for another': {'oscore': {}}}", &error), COAX_OK);
    coax_credentials_free(credentials);
}

/* {':a': PREFIX [ITEM, ITEM ...] }} */
static enum coax_status load_list(const char *prefix, const char *item, size_t count, coax_error *error) {
    char json[2000];
    size_t size = (size_t)sprintf(json, "{':a': {%s[", prefix);
    for (size_t i = 0; i < count; i++) {
        size += (size_t)sprintf(json + size, "%s'%s'", i == 0 ? "" : ", ", item);
    }
    (void)sprintf(json + size, "]}}");
    coax_credentials *credentials = coax_credentials_new();
    enum coax_status status = load_into(credentials, json, error);
    coax_credentials_free(credentials);
    return status;
}

static void lists_are_bounded(void **state) {
    (void)state;
    coax_error error = {.text = ""};
    assert_int_equal(load_list("'any-of': ", ":b", 64, &error), COAX_OK);
    assert_int_equal(load_list("'any-of': ", ":b", 65, &error), COAX_E_LIMIT);
    assert_non_null(strstr(error.text, "f:1:19: a list of 65; expected at most 64"));
    assert_int_equal(load_list("'oscore': {}, 'allow': ", "/b", 64, &error), COAX_OK);
    assert_int_equal(load_list("'oscore': {}, 'allow': ", "/b", 65, &error), COAX_E_LIMIT);
    assert_non_null(strstr(error.text, "f:1:32: a list of 65; expected at most 64"));
}

/* --- damage --- */

static const char *const corpus[] = {
    "{'coaps://localhost/*': {'dtls': {'psk': {'ascii': 'secretPSK'}, 'client-identity': {'ascii': 'client_Id'}}}}",
    "{\n  ':a': {'dtls': {'psk': {'hex': '73-65:63 72'}, 'client_identity': {'base64': 'c2VjcmV0'}}, 'allow': "
    "['/store/*', '/caf%C3%A9']},\n  '*': ':a', 'coaps://h/*': {'any-of': [':a', ':b']}, ':b': null\n}\n",
    "{':o': {'oscore': {'basedir': '\\u00fc\\n'}}, ':e': {'edhoc-oscore': {'suite': 2, 'x': [true, -1.5e3]}}}",
    "{':r': {'rpk': {'private-key': 'key.pem', 'peer-public-key': 'key.pub'}}, ':x': {'x509': {'certificate': "
    "'certificate.pem', 'private-key': 'key.pem', 'trust': 'authority.pem'}}, ':t': {'tlscert': {'certfile': "
    "'authority.pem'}}}",
};

/* Loads a text in a block of its own size, so that a read behind its end is seen. An error has a text with a place and
   without the secret, and leaves the store as it was. */
static void load_damaged(const char *text, size_t size) {
    char *copy = malloc(size + 1);
    assert_non_null(copy);
    memcpy(copy, text, size);
    coax_credentials *credentials = coax_credentials_new();
    assert_non_null(credentials);
    coax_error error = {.text = ""};
    enum coax_status status = coax_credentials_parse(credentials, copy, size, "f", &reader, &error);
    if (status != COAX_OK) {
        assert_int_equal(error.status, status);
        assert_memory_equal(error.text, "f:", 2);
        assert_null(strstr(error.text, "secret"));
        assert_null(strpbrk(error.text, "\n\r\t"));
        assert_int_equal(credentials->count, 0);
    }
    coax_credentials_free(credentials);
    free(copy);
}

static void truncated_files_are_survived(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof corpus / sizeof corpus[0]; i++) {
        char *text = quote(corpus[i]);
        for (size_t size = 0; size <= strlen(text); size++) {
            load_damaged(text, size);
        }
        free(text);
    }
}

static void corrupted_files_are_survived(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof corpus / sizeof corpus[0]; i++) {
        char *text = quote(corpus[i]);
        size_t size = strlen(text);
        /* Reading PEM takes its time: the text with files gets a choice of bytes, the others all. */
        int step = (int)(strstr(text, ".pem") == NULL ? thorough_step(1, 67) : thorough_step(37, 251));
        for (size_t at = 0; at < size; at++) {
            char kept = text[at];
            for (int byte = (int)at % step; byte < 256; byte += step) {
                text[at] = (char)byte;
                load_damaged(text, size);
            }
            text[at] = kept;
        }
        free(text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_reference_s_file_works_unchanged),
        cmocka_unit_test(all_kinds_are_read),
        cmocka_unit_test(loading_twice_merges),
        cmocka_unit_test(spellings_in_one_file_stand_beside_each_other),
        cmocka_unit_test(mistakes_are_named_with_their_place),
        cmocka_unit_test(a_file_is_taken_whole_or_not),
        cmocka_unit_test(without_files_entries_that_name_them_are_refused),
        cmocka_unit_test(the_store_is_bounded),
        cmocka_unit_test(lists_are_bounded),
        cmocka_unit_test(truncated_files_are_survived),
        cmocka_unit_test(corrupted_files_are_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
