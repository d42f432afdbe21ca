#include "endpoint/resolver.h"

#include "base/error.h"
#include "base/list.h"
#include "endpoint/socket_address.h"
#include "endpoint/thread.h"
#include <net/if.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct lookup {
    struct list_node node;
    uint64_t ticket;
    char host[256];
    uint16_t port;
    resolver_callback *callback; /* NULL: cancelled */
    void *user;
    struct resolver_answer answer;
};

/* Shared with the worker thread, which may outlive the endpoint while getaddrinfo blocks it: then it is an orphan and
 * frees this itself. */
struct resolver {
    pthread_mutex_t lock;
    pthread_cond_t work;
    struct list_node waiting, answered;
    struct lookup *under_way;
    unsigned count;
    uint64_t last_ticket;
    int wake_fd;
    bool is_closed, is_orphan;
    pthread_t worker;
};

uint32_t coax_resolve_zone(const char *zone) {
    uint32_t index = if_nametoindex(zone);
    if (index != 0) {
        return index;
    }
    char *end;
    unsigned long number = strtoul(zone, &end, 10);
    return *zone != '\0' && *end == '\0' && number <= UINT32_MAX ? (uint32_t)number : 0;
}

/* Whether the system has a route: connecting a UDP socket sends nothing. */
static bool has_route(const struct address *address) {
    struct sockaddr_storage storage;
    bool is_ip4 = coax_address_is_ip4(address);
    socklen_t size = coax_sockaddr_write(&storage, address, is_ip4);
    int fd = socket(is_ip4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return false;
    }
    bool result = connect(fd, (struct sockaddr *)&storage, size) == 0;
    close(fd);
    return result;
}

/* Takes the addresses of one family with (or without) a route into a column, in their order. */
static unsigned pick(const struct addrinfo *list, int family, bool routed, struct address *column) {
    unsigned count = 0;
    for (; list != NULL && count < RESOLVER_ADDRESSES; list = list->ai_next) {
        if (list->ai_family != family || list->ai_addrlen > sizeof(struct sockaddr_storage)) {
            continue;
        }
        struct sockaddr_storage storage = {.ss_family = AF_UNSPEC};
        struct address address;
        memcpy(&storage, list->ai_addr, list->ai_addrlen);
        coax_sockaddr_read(&address, &storage);
        if (has_route(&address) == routed) {
            column[count++] = address;
        }
    }
    return count;
}

static void append_alternating(struct resolver_answer *answer, const struct addrinfo *list, bool routed) {
    const int families[2] = {list->ai_family == AF_INET ? AF_INET : AF_INET6,
                             list->ai_family == AF_INET ? AF_INET6 : AF_INET};
    struct address columns[2][RESOLVER_ADDRESSES];
    unsigned counts[2];
    for (int i = 0; i < 2; i++) {
        counts[i] = pick(list, families[i], routed, columns[i]);
    }
    for (unsigned row = 0; row < RESOLVER_ADDRESSES; row++) {
        for (int i = 0; i < 2; i++) {
            if (row < counts[i] && answer->count < RESOLVER_ADDRESSES) {
                answer->addresses[answer->count++] = columns[i][row];
            }
        }
    }
}

void coax_resolve(const char *host, uint16_t port, struct resolver_answer *answer) {
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_DGRAM};
    struct addrinfo *list = NULL;
    char service[8];
    (void)snprintf(service, sizeof service, "%u", port);
    answer->count = 0;
    int result = getaddrinfo(host, service, &hints, &list);
    if (result != 0) {
        coax_fail(&answer->error, COAX_E_RESOLVE, "The host name %.200s has no address: %s", host,
                  gai_strerror(result));
        return;
    }
    append_alternating(answer, list, true);
    append_alternating(answer, list, false);
    freeaddrinfo(list);
    if (answer->count == 0) {
        coax_fail(&answer->error, COAX_E_RESOLVE, "The host name %.200s has no IPv4 or IPv6 address", host);
    }
}

static void free_list(struct list_node *list) {
    struct list_node *node;
    while ((node = list_first(list)) != NULL) {
        list_remove(node);
        free(COAX_CONTAINER(node, struct lookup, node));
    }
}

static void destroy(struct resolver *resolver) {
    free_list(&resolver->waiting);
    free_list(&resolver->answered);
    pthread_mutex_destroy(&resolver->lock);
    pthread_cond_destroy(&resolver->work);
    free(resolver);
}

static void *work(void *argument) {
    struct resolver *resolver = argument;
    pthread_mutex_lock(&resolver->lock);
    while (!resolver->is_closed) {
        struct list_node *node = list_first(&resolver->waiting);
        if (node == NULL) {
            pthread_cond_wait(&resolver->work, &resolver->lock);
            continue;
        }
        struct lookup *lookup = COAX_CONTAINER(node, struct lookup, node);
        list_remove(node);
        resolver->under_way = lookup;
        pthread_mutex_unlock(&resolver->lock);
        coax_resolve(lookup->host, lookup->port, &lookup->answer);
        pthread_mutex_lock(&resolver->lock);
        resolver->under_way = NULL;
        list_append(&resolver->answered, &lookup->node);
        if (!resolver->is_closed) { /* the fd is the endpoint's */
            const uint64_t one = 1;
            (void)!write(resolver->wake_fd, &one, sizeof one);
        }
    }
    bool is_orphan = resolver->is_orphan;
    pthread_mutex_unlock(&resolver->lock);
    if (is_orphan) {
        destroy(resolver);
    }
    return NULL;
}

struct resolver *coax_resolver_new(int wake_fd) {
    struct resolver *resolver = calloc(1, sizeof *resolver);
    if (resolver == NULL) {
        return NULL;
    }
    resolver->wake_fd = wake_fd;
    list_init(&resolver->waiting);
    list_init(&resolver->answered);
    pthread_mutex_init(&resolver->lock, NULL);
    pthread_cond_init(&resolver->work, NULL);
    if (!coax_thread_start(&resolver->worker, work, resolver)) {
        destroy(resolver);
        return NULL;
    }
    return resolver;
}

void coax_resolver_free(struct resolver *resolver) {
    if (resolver == NULL) {
        return;
    }
    pthread_mutex_lock(&resolver->lock);
    bool is_orphan = resolver->is_orphan = resolver->under_way != NULL;
    resolver->is_closed = true;
    pthread_cond_signal(&resolver->work);
    pthread_t worker = resolver->worker;
    pthread_mutex_unlock(&resolver->lock);
    if (is_orphan) {
        pthread_detach(worker);
    } else {
        pthread_join(worker, NULL);
        destroy(resolver);
    }
}

enum coax_status coax_resolver_ask(struct resolver *resolver, const char *host, uint16_t port,
                                   resolver_callback *callback, void *user, uint64_t *ticket, coax_error *error) {
    if (resolver->count >= RESOLVER_WAITING) {
        return coax_fail(error, COAX_E_LIMIT, "%u host names are being looked up already", resolver->count);
    }
    struct lookup *lookup = calloc(1, sizeof *lookup);
    if (lookup == NULL) {
        return coax_fail_memory(error);
    }
    (void)snprintf(lookup->host, sizeof lookup->host, "%s", host);
    lookup->port = port;
    lookup->callback = callback;
    lookup->user = user;
    lookup->ticket = *ticket = ++resolver->last_ticket;
    resolver->count++;
    pthread_mutex_lock(&resolver->lock);
    list_append(&resolver->waiting, &lookup->node);
    pthread_cond_signal(&resolver->work);
    pthread_mutex_unlock(&resolver->lock);
    return COAX_OK;
}

static struct lookup *find_in(const struct list_node *list, uint64_t ticket) {
    for (struct list_node *node = list->next; node != list; node = node->next) {
        struct lookup *lookup = COAX_CONTAINER(node, struct lookup, node);
        if (lookup->ticket == ticket) {
            return lookup;
        }
    }
    return NULL;
}

void coax_resolver_cancel(struct resolver *resolver, uint64_t ticket) {
    pthread_mutex_lock(&resolver->lock);
    struct lookup *waiting = find_in(&resolver->waiting, ticket);
    struct lookup *answered = find_in(&resolver->answered, ticket);
    if (waiting != NULL) { /* it would keep those behind it waiting, for nothing */
        list_remove(&waiting->node);
        free(waiting);
        resolver->count--;
    } else if (answered != NULL) {
        answered->callback = NULL;
    } else if (resolver->under_way != NULL && resolver->under_way->ticket == ticket) {
        resolver->under_way->callback = NULL;
    }
    pthread_mutex_unlock(&resolver->lock);
}

static struct lookup *take_answer(struct resolver *resolver) {
    pthread_mutex_lock(&resolver->lock);
    struct list_node *node = list_first(&resolver->answered);
    if (node != NULL) {
        list_remove(node);
    }
    pthread_mutex_unlock(&resolver->lock);
    return node == NULL ? NULL : COAX_CONTAINER(node, struct lookup, node);
}

void coax_resolver_take_answers(struct resolver *resolver) {
    struct lookup *lookup;
    while ((lookup = take_answer(resolver)) != NULL) {
        resolver->count--;
        if (lookup->callback != NULL) {
            lookup->callback(lookup->user, &lookup->answer);
        }
        free(lookup);
    }
}
