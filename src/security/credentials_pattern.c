#include "security/credentials_store.h"

#include "base/error.h"
#include <coax/uri.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Where the parts of a URI or of a pattern lie, as offsets. A pattern without "://" has no authority. */
struct places {
    size_t authority, port /* of the ':', or authority_end */, authority_end, size;
    bool has_authority;
};

static char lower(char character) {
    return (char)(character >= 'A' && character <= 'Z' ? character + ('a' - 'A') : character);
}

static bool is_digit(char character) {
    return character >= '0' && character <= '9';
}

/* The offset of the ':' before the digits (or nothing) that end the authority, or its end. */
static size_t find_port(const char *text, size_t authority, size_t end) {
    size_t i = end;
    while (i > authority && is_digit(text[i - 1])) {
        i--;
    }
    return i > authority && text[i - 1] == ':' ? i - 1 : end;
}

static struct places find_places(const char *text) {
    struct places places = {.size = strlen(text)};
    const char *separator = strstr(text, "://");
    if (separator == NULL || strcspn(text, "/?") != (size_t)(separator - text) + 1) {
        return places;
    }
    places.has_authority = true;
    places.authority = (size_t)(separator - text) + 3;
    places.authority_end = places.authority + strcspn(text + places.authority, "/?");
    places.port = find_port(text, places.authority, places.authority_end);
    return places;
}

/* The default port of the scheme that the text starts with; 0 if it is none of ours. */
static unsigned default_port(const char *text, const struct places *places) {
    size_t size = places->has_authority ? places->authority - 3 : 0;
    for (int scheme = 0; scheme < COAX_SCHEMES; scheme++) {
        const char *name = coax_scheme_name((enum coax_scheme)scheme);
        if (strlen(name) == size && strncasecmp(name, text, size) == 0) {
            return coax_scheme_default_port((enum coax_scheme)scheme);
        }
    }
    return 0;
}

/* Whether the authority ends without a port, or with ':' and nothing, or with the default port. */
static bool has_default_port(const char *text, const struct places *places, unsigned port) {
    if (places->port == places->authority_end || places->port + 1 == places->authority_end) {
        return true;
    }
    unsigned value = 0;
    for (size_t i = places->port + 1; i < places->authority_end; i++) {
        value = value * 10 + (unsigned)(text[i] - '0');
        if (value > UINT16_MAX) {
            return false;
        }
    }
    return value == port;
}

bool coax_credentials_is_label(const char *key) {
    return key[0] == ':' && key[1] != '\0';
}

static bool has_control_characters(const char *key, bool blanks_too) {
    for (const char *c = key; *c != '\0'; c++) {
        if ((unsigned char)*c < ' ' || *c == 0x7F || (blanks_too && *c == ' ')) {
            return true;
        }
    }
    return false;
}

/* A pattern can match a URI if it has a scheme, or a '*' where one would be. */
static bool can_match(const char *key) {
    return find_places(key).has_authority || (strchr(key, '*') != NULL && strcspn(key, "*") <= strcspn(key, "/:?"));
}

enum coax_status coax_credentials_check_key(const char *key, coax_error *error) {
    size_t size = strlen(key);
    if (size > CREDENTIAL_KEY_SIZE_MAXIMUM) {
        return coax_fail(error, COAX_E_INVALID, "the key of an entry has %zu bytes; at most %d are accepted", size,
                         CREDENTIAL_KEY_SIZE_MAXIMUM);
    }
    bool label = coax_credentials_is_label(key);
    if (has_control_characters(key, !label)) {
        return coax_fail(error, COAX_E_INVALID, "the key of an entry has a blank or a control character in it");
    }
    if (!label && !can_match(key)) {
        return coax_fail(error, COAX_E_INVALID,
                         "\"%.80s\" cannot be the key of an entry; expected a URI pattern such as "
                         "\"coaps://example.org/*\" or a label such as \":name\"",
                         key);
    }
    return COAX_OK;
}

/* Whether the path is empty and no '*' could stand for one. */
static bool lacks_path(const char *key, const struct places *places) {
    return places->has_authority && places->authority_end == places->size && strchr(key, '*') == NULL;
}

/* Whether a pattern means the same without its port: behind a '*' it does not, which could stand for any port. */
static bool port_says_nothing(const char *key, const struct places *places) {
    unsigned port = default_port(key, places);
    return port != 0 && has_default_port(key, places, port) && places->port > places->authority
           && key[places->port - 1] != '*';
}

char *coax_credentials_normal_key(const char *key) {
    if (coax_credentials_is_label(key)) {
        return strdup(key);
    }
    struct places places = find_places(key);
    char *normal = malloc(places.size + 2);
    if (normal == NULL) {
        return NULL;
    }
    size_t skip_from = port_says_nothing(key, &places) ? places.port : places.authority_end;
    size_t size = 0;
    for (size_t i = 0; i < skip_from; i++) {
        normal[size++] = lower(key[i]);
    }
    for (size_t i = places.authority_end; i < places.size; i++) {
        normal[size++] = key[i];
    }
    if (lacks_path(key, &places)) {
        normal[size++] = '/';
    }
    normal[size] = '\0';
    return normal;
}

static void add_spelling(struct uri_spellings *spellings, char *text, size_t authority_end) {
    spellings->text[spellings->count] = text;
    spellings->size[spellings->count] = strlen(text);
    spellings->authority_end[spellings->count] = authority_end;
    spellings->count++;
}

bool coax_credentials_spell_uri(struct uri_spellings *spellings, const char *uri) {
    *spellings = (struct uri_spellings){.count = 0};
    struct places places = find_places(uri);
    unsigned port = default_port(uri, &places);
    if (port == 0 || !has_default_port(uri, &places, port)) {
        char *text = strdup(uri);
        if (text != NULL) {
            add_spelling(spellings, text, places.authority_end);
        }
        return text != NULL;
    }
    int head = (int)places.port;
    char *bare = NULL;
    char *full = NULL;
    if (asprintf(&bare, "%.*s%s", head, uri, uri + places.authority_end) < 0) {
        return false;
    }
    add_spelling(spellings, bare, places.port);
    if (asprintf(&full, "%.*s:%u%s", head, uri, port, uri + places.authority_end) < 0) {
        coax_credentials_free_spellings(spellings);
        return false;
    }
    add_spelling(spellings, full, find_places(full).authority_end);
    return true;
}

void coax_credentials_free_spellings(struct uri_spellings *spellings) {
    for (size_t i = 0; i < spellings->count; i++) {
        free(spellings->text[i]);
    }
    spellings->count = 0;
}

struct view {
    const char *text;
    size_t size;
};

/* Whether `pattern`, in which '*' stands for any run of characters, matches all of `text`; case does not matter in the
   first `fold` bytes of the text. Going back to the last '*' alone is enough, so that the cost is at most the product
   of both sizes. */
static bool matches(struct view pattern, struct view text, size_t fold) {
    size_t p = 0;
    size_t t = 0;
    size_t star = SIZE_MAX;
    size_t star_text = 0;
    while (t < text.size) {
        if (p < pattern.size && pattern.text[p] == '*') {
            star = p++;
            star_text = t;
            continue;
        }
        if (p < pattern.size
            && (pattern.text[p] == text.text[t] || (t < fold && lower(pattern.text[p]) == lower(text.text[t])))) {
            p++;
            t++;
            continue;
        }
        if (star == SIZE_MAX) {
            return false;
        }
        p = star + 1;
        t = ++star_text;
    }
    while (p < pattern.size && pattern.text[p] == '*') {
        p++;
    }
    return p == pattern.size;
}

bool coax_credentials_pattern_matches(const char *pattern, const struct uri_spellings *spellings) {
    struct places places = find_places(pattern);
    struct view whole = {pattern, places.size};
    bool no_path = lacks_path(pattern, &places);
    for (size_t i = 0; i < spellings->count; i++) {
        size_t size = spellings->size[i];
        size_t end = spellings->authority_end[i];
        if (no_path && size == end + 1 && spellings->text[i][end] == '/') {
            size = end;
        }
        if (matches(whole, (struct view){spellings->text[i], size}, end)) {
            return true;
        }
    }
    return false;
}

bool coax_credentials_pattern_names_host(const char *pattern, const char *host) {
    struct places places = find_places(pattern);
    if (!places.has_authority) {
        return false;
    }
    struct view name = {pattern + places.authority, places.port - places.authority};
    size_t stars = 0;
    while (stars < name.size && name.text[stars] == '*') {
        stars++;
    }
    return stars < name.size && matches(name, (struct view){host, strlen(host)}, SIZE_MAX);
}
