/* Credentials JSON: whatever the text, a load either succeeds or says why not, and look-ups in what it gave end. */
#include "security/credentials.h"
#include "security/credentials_test_data.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every file exists; the name's first letter chooses what is in it. */
static enum coax_status read_file(void *user, const char *path, char **data, size_t *size, coax_error *error) {
    static const char *const texts[] = {TEST_PRIVATE_KEY, TEST_PUBLIC_KEY, TEST_CERTIFICATE, ""};
    (void)user;
    (void)error;
    const char *text = texts[(unsigned char)path[0] % 4];
    *data = strdup(text);
    *size = strlen(text);
    return *data == NULL ? COAX_E_NO_MEMORY : COAX_OK;
}

static bool copy_uri(struct credential *credential, void *user) {
    char **uri = user;
    free(*uri);
    *uri = strdup(credential->key);
    return credential->key[0] == ':' && *uri != NULL;
}

static void look_up(const coax_credentials *credentials) {
    char *key = NULL;
    coax_credentials_each(credentials, copy_uri, &key);
    const char *const uris[] = {"coaps://localhost/", "coap://h:5683/a?b", key == NULL ? "" : key};
    for (size_t i = 0; i < sizeof uris / sizeof uris[0]; i++) {
        struct credential *credential = NULL;
        coax_error error = {.text = ""};
        enum coax_status status = coax_credentials_for_uri(credentials, uris[i], NULL, &credential, &error);
        if ((status == COAX_OK) != (credential != NULL) || (status != COAX_OK && error.text[0] == '\0')) {
            abort();
        }
        if (credential != NULL) {
            (void)coax_credential_allows(credential, "/a/b");
        }
        coax_credential_unref(credential);
    }
    coax_credential_unref(coax_credentials_for_identity(credentials, bytes_of("client_Identity", 15)));
    coax_credential_unref(coax_credentials_for_server(credentials, CREDENTIAL_X509, "localhost"));
    coax_credential_unref(coax_credentials_for_server(credentials, CREDENTIAL_RPK, NULL));
    free(key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct file_reader reader = {read_file, NULL};
    coax_credentials *credentials = coax_credentials_new();
    if (credentials == NULL) {
        return 0;
    }
    coax_error error = {.text = ""};
    enum coax_status status =
        coax_credentials_parse(credentials, (const char *)data, size, "fuzz.json", &reader, &error);
    if (status != COAX_OK && strncmp(error.text, "fuzz.json:", 10) != 0) {
        abort();
    }
    look_up(credentials);
    coax_credentials_free(credentials);
    return 0;
}
