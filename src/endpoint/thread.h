/* The library's own threads. */
#ifndef COAX_ENDPOINT_THREAD_H
#define COAX_ENDPOINT_THREAD_H

#include <pthread.h>
#include <stdbool.h>

/* Starts one that takes no signals: they are the program's, whose handlers run in its own threads. False, with errno.
 */
bool coax_thread_start(pthread_t *thread, void *(*run)(void *user), void *user);

#endif
