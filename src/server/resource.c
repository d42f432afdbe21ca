#include "server/resource.h"

#include "base/error.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The block behind a resource: what needs the strictest alignment first. */
struct layout {
    size_t allow_count; /* without the NULL at the end */
    size_t pointers_size, ints_size, texts_size;
};

static size_t text_size(const char *text) {
    return text != NULL ? strlen(text) + 1 : 0;
}

/* Decimal digits and a blank or NUL behind them. */
enum { CT_SIZE = sizeof "65535" };

static struct layout layout_of(const char *target, const coax_resource_config *config) {
    struct layout layout = {.texts_size = text_size(target) + text_size(config->title)
                                          + text_size(config->resource_type) + text_size(config->interface)
                                          + config->format_count * CT_SIZE};
    for (; config->allow != NULL && config->allow[layout.allow_count] != NULL; layout.allow_count++) {
        layout.texts_size += text_size(config->allow[layout.allow_count]);
    }
    layout.pointers_size = config->allow != NULL ? (layout.allow_count + 1) * sizeof(char *) : 0;
    layout.ints_size = (config->format_count + config->accepted_format_count) * sizeof(int);
    return layout;
}

static bool are_formats(const int *formats, size_t count) {
    bool good = count == 0 || (formats != NULL && count <= SITE_FORMATS_MAXIMUM);
    for (size_t i = 0; good && i < count; i++) {
        good = formats[i] >= 0 && formats[i] <= UINT16_MAX;
    }
    return good;
}

static enum coax_status check(const coax_resource_config *config, coax_error *error) {
    if (!are_formats(config->formats, config->format_count)
        || !are_formats(config->accepted_formats, config->accepted_format_count)) {
        return coax_fail(error, COAX_E_INVALID,
                         "A list of a resource's Content-Formats holds more than %d or a number outside 0 to 65535",
                         SITE_FORMATS_MAXIMUM);
    }
    return COAX_OK;
}

static const char *take_text(char **texts, const char *text) {
    if (text == NULL) {
        return NULL;
    }
    size_t size = strlen(text) + 1;
    char *own = memcpy(*texts, text, size);
    *texts += size;
    return own;
}

static const int *take_ints(int **ints, const int *from, size_t count) {
    if (count == 0) {
        return NULL;
    }
    int *own = memcpy(*ints, from, count * sizeof *from);
    *ints += count;
    return own;
}

static const char *take_ct(char **texts, const int *formats, size_t count) {
    const char *own = count > 0 ? *texts : NULL;
    for (size_t i = 0; i < count; i++) {
        int size = snprintf(*texts, CT_SIZE + 1, i + 1 < count ? "%d " : "%d", formats[i]);
        *texts += size > 0 ? size : 0;
    }
    *texts += count > 0; /* the NUL */
    return own;
}

static const char *const *take_allow(const char **pointers, char **texts, const char *const *allow, size_t count) {
    if (allow == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        pointers[i] = take_text(texts, allow[i]);
    }
    pointers[count] = NULL;
    return pointers;
}

static void take_handlers(coax_resource *resource, const coax_resource_config *config) {
    coax_handler *const by_code[SITE_METHODS] = {
        [COAX_GET] = config->get,        [COAX_POST] = config->post,   [COAX_PUT] = config->put,
        [COAX_DELETE] = config->delete_, [COAX_FETCH] = config->fetch, [COAX_PATCH] = config->patch,
        [COAX_IPATCH] = config->ipatch,
    };
    memcpy(resource->handlers, by_code, sizeof by_code);
}

enum coax_status coax_resource_new(coax_resource **resource, const char *target, const coax_resource_config *config,
                                   coax_error *error) {
    /* A program that was compiled with an older, shorter struct has the new members unset. */
    coax_resource_config known = COAX_RESOURCE_CONFIG_INIT;
    if (config == NULL || config->size < sizeof config->size) {
        return coax_fail(error, COAX_E_INVALID,
                         "A coax_resource_config has no size; initialize it with COAX_RESOURCE_CONFIG_INIT");
    }
    memcpy(&known, config, config->size < sizeof known ? config->size : sizeof known);
    enum coax_status status = check(&known, error);
    if (status != COAX_OK) {
        return status;
    }
    struct layout layout = layout_of(target, &known);
    coax_resource *own = calloc(1, sizeof *own + layout.pointers_size + layout.ints_size + layout.texts_size + 1);
    if (own == NULL) {
        return coax_fail_memory(error);
    }
    const char **pointers = (const char **)(void *)(own + 1);
    int *ints = (int *)(void *)((char *)pointers + layout.pointers_size);
    char *texts = (char *)ints + layout.ints_size;
    take_handlers(own, &known);
    own->open_sink = known.open_sink;
    own->user = known.user;
    own->allow = take_allow(pointers, &texts, known.allow, layout.allow_count);
    own->formats = take_ints(&ints, known.formats, known.format_count);
    own->format_count = known.format_count;
    own->accepted_formats = take_ints(&ints, known.accepted_formats, known.accepted_format_count);
    own->accepted_format_count = known.accepted_format_count;
    own->target = take_text(&texts, target);
    own->title = take_text(&texts, known.title);
    own->resource_type = take_text(&texts, known.resource_type);
    own->interface = take_text(&texts, known.interface);
    own->ct = take_ct(&texts, known.formats, known.format_count);
    own->observable = known.observable;
    own->observed.confirm_every = known.confirm_every;
    own->hidden = known.hidden;
    own->subtree = known.subtree;
    *resource = own;
    return COAX_OK;
}
