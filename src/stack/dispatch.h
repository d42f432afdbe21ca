/* From an exchange to its handler. */
#ifndef COAX_STACK_DISPATCH_H
#define COAX_STACK_DISPATCH_H

#include "request/request_layer.h"

/* `user` is the stack. */
void coax_stack_serve(void *user, coax_exchange *exchange, const struct coax_message *request);

#endif
