#include "cli/json_part.h"

#include <stdlib.h>
#include <string.h>

bool json_is_pointer(const char *pointer) {
    bool good = *pointer == '\0' || *pointer == '/';
    for (const char *at = pointer; good && *at != '\0'; at++) {
        good = *at != '~' || at[1] == '0' || at[1] == '1';
    }
    return good;
}

/* "~1" is '/' and "~0" is '~', in place (RFC 6901 section 4). */
static void unescape(char *token) {
    char *out = token;
    for (const char *at = token; *at != '\0'; at++) {
        *out = *at;
        if (*at == '~') {
            *out = *++at == '1' ? '/' : '~';
        }
        out++;
    }
    *out = '\0';
}

/* Digits without leading zeros; "-" stands for what follows the last item, which is never there. */
static json_t *item_of(const json_t *array, const char *token) {
    size_t index = 0;
    if (*token == '\0' || (*token == '0' && token[1] != '\0')) {
        return NULL;
    }
    for (; *token >= '0' && *token <= '9' && index < json_array_size(array); token++) {
        index = index * 10 + (size_t)(*token - '0');
    }
    return *token == '\0' ? json_array_get(array, index) : NULL;
}

json_t *json_pointed(json_t *document, const char *pointer) {
    char *copy = strdup(pointer);
    char *rest = copy;
    json_t *value = copy != NULL ? document : NULL;
    (void)strsep(&rest, "/"); /* nothing is before the first one */
    for (char *token; value != NULL && (token = strsep(&rest, "/")) != NULL;) {
        unescape(token);
        value = json_is_array(value) ? item_of(value, token) : json_object_get(value, token);
    }
    free(copy);
    return value;
}

/* The algorithm of RFC 7396 section 2. */
json_t *json_merged(json_t *target, json_t *patch) {
    if (!json_is_object(patch)) {
        return json_incref(patch);
    }
    json_t *merged = json_is_object(target) ? json_copy(target) : json_object();
    bool good = merged != NULL;
    const char *name;
    json_t *value;
    json_object_foreach(patch, name, value) {
        if (json_is_null(value)) {
            (void)json_object_del(merged, name);
        } else {
            good = good && json_object_set_new(merged, name, json_merged(json_object_get(merged, name), value)) == 0;
        }
    }
    if (!good) {
        json_decref(merged);
        return NULL;
    }
    return merged;
}
