/* Ctrl-C, and SIGTERM from a supervisor: the first one ends the command in order, the second one kills it. */
#ifndef COAX_CLI_INTERRUPT_H
#define COAX_CLI_INTERRUPT_H

#include <coax/endpoint.h>
#include <stdbool.h>

/* From now on, signals are taken. */
void interrupt_watch(void);

/* The endpoint whose loop a signal stops; NULL before it is freed. */
void interrupt_stops(coax_endpoint *endpoint);

bool interrupted(void);

/* Waits until `fd` can be read or a signal has come, also one that came just before; true if it can be read. */
bool interrupt_wait_for_input(int fd);

#endif
