#include "cli/call_clients.h"

#include "cli/remote_text.h"
#include <string.h>

unsigned call_clients_add(struct call_clients *clients, coax_remote *remote) {
    if (clients->count == CALL_CLIENTS_MAXIMUM) {
        return 0;
    }
    unsigned number = ++clients->last_number;
    clients->items[clients->count++] = (struct call_client){number, coax_remote_ref(remote)};
    return number;
}

unsigned call_clients_remove(struct call_clients *clients, const coax_remote *remote) {
    struct call_client *client = clients->items;
    struct call_client *end = clients->items + clients->count;
    while (client < end && client->remote != remote) {
        client++;
    }
    if (client == end) {
        return 0;
    }
    unsigned number = client->number;
    coax_remote_unref(client->remote);
    clients->count--;
    memmove(client, client + 1, (size_t)(end - client - 1) * sizeof *client);
    return number;
}

coax_remote *call_clients_find(const struct call_clients *clients, unsigned number) {
    for (size_t i = 0; i < clients->count; i++) {
        if (clients->items[i].number == number) {
            return clients->items[i].remote;
        }
    }
    return NULL;
}

void call_clients_clear(struct call_clients *clients) {
    for (size_t i = 0; i < clients->count; i++) {
        coax_remote_unref(clients->items[i].remote);
    }
    clients->count = 0;
}

const char *call_client_text(const coax_remote *remote, char out[CALL_CLIENT_TEXT_CAPACITY]) {
    char address[REMOTE_ADDRESS_CAPACITY];
    const char *claim = coax_remote_claim(remote);
    (void)snprintf(out, CALL_CLIENT_TEXT_CAPACITY, "%s %s, %s%.300s", coax_scheme_name(coax_remote_scheme(remote)),
                   remote_address(remote, address), claim != NULL ? "claim " : "no claim", claim != NULL ? claim : "");
    return out;
}
