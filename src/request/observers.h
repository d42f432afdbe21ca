/* Who observes what (RFC 7641): each observer is sent the state of its resource when it has changed, the latest one,
   and never more than one at a time. No cost grows with observers that wait. */
#ifndef COAX_REQUEST_OBSERVERS_H
#define COAX_REQUEST_OBSERVERS_H

#include "base/pack.h"
#include "request/request_layer.h"

/* In a resource: all that is observed of it. Zero-initialized it is observed by nobody. */
struct observed {
    struct request_layer *layer; /* NULL as long as nobody ever observed it */
    struct list_node topics;     /* one for each path below the resource that is observed */
    struct list_node exchanges;  /* whose requests want to observe it, and are not answered yet */
    size_t observer_count;
    uint32_t confirm_every;
};

void coax_observers_init(struct request_layer *layer, const uint8_t seed[16]);
/* Forgets all observers: while their remotes still are. */
void coax_observers_drop(struct request_layer *layer);
void coax_observers_free(struct request_layer *layer);

/* Forgets those of a remote, which is gone or was not reached. */
void coax_observers_drop_remote(struct coax_remote *remote);

/* The state has changed below a path (see coax_exchange_rest), or, with NULL, wherever it is observed. */
void coax_observed_changed(struct observed *observed, const char *rest);

/* The same with a new state of the path "". */
enum coax_status coax_observed_publish(struct observed *observed, int format, struct bytes payload);

/* The resource goes: its observers are told 4.04. */
void coax_observed_end(struct observed *observed);

/* The request of an exchange to `exchange->observed` is about to be handled: notes whether it wants to observe, and
   forgets who does not want to any more. */
void coax_observer_read(coax_exchange *exchange, const struct coax_message *request);

/* The exchange is about to be answered with a state: if it wants that, its remote becomes an observer, and the Observe
   option is written. */
enum coax_status coax_observer_register(coax_exchange *exchange);

/* The state could not be sent: it is no observer after all. */
void coax_observer_forget(coax_exchange *exchange);

/* A notification, from an exchange that asked for it on behalf of `exchange->observer`. */
enum coax_status coax_observer_notify(coax_exchange *exchange, uint8_t code, struct bytes payload);

/* Appends what a remote observes, as the requests by which it asked for that. */
void coax_observers_save(struct coax_remote *remote, struct pack *pack);

/* What a request of a remote observes (false: nothing, any more), and the path below it. */
typedef bool observed_finder(void *user, struct coax_remote *remote, const struct coax_message *request,
                             struct observed **observed, const char **rest);

/* Takes what was appended for a remote (NULL: passes it over); each resource that is found is asked for its state soon,
   and the observer told. COAX_E_FORMAT. */
enum coax_status coax_observers_restore(struct request_layer *layer, struct coax_remote *remote, struct bytes *from,
                                        observed_finder *find, void *user);

/* The exchange ends. */
void coax_observer_leave_exchange(coax_exchange *exchange);

#endif
