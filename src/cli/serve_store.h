/* What the handlers of /store share. Those of serve_store_json.c look into entries whose Content-Format is JSON. */
#ifndef COAX_CLI_SERVE_STORE_H
#define COAX_CLI_SERVE_STORE_H

#include "cli/store.h"
#include <coax/site.h>

/* False, and answered, if the request is for the store itself (4.05), or its If-Match or If-None-Match do not hold
   (4.12). */
bool store_may_change(coax_exchange *exchange, const coax_message *request, const struct store *store);

/* Puts an entry, and answers. */
void store_put_and_reply(coax_exchange *exchange, struct store *store, int format, const void *data, size_t size);

/* FETCH (RFC 8132 section 2): the payload is a JSON array of JSON Pointers (RFC 6901), the answer an object that has
   what each points at, by pointer; those that point at nothing are left out. */
void store_fetch(coax_exchange *exchange, const coax_message *request, struct store *store);

/* PATCH and iPATCH (section 3): the payload is a JSON Merge Patch (RFC 7396). */
void store_patch(coax_exchange *exchange, const coax_message *request, struct store *store);

#endif
