/* Messages on stderr, as --verbose shows them: one a line. */
#ifndef COAX_CLI_MESSAGE_LOG_H
#define COAX_CLI_MESSAGE_LOG_H

#include <coax/message.h>
#include <coax/remote.h>

/* `when` is put before it. */
void message_log(const char *when, const coax_remote *remote, const coax_message *message, bool sent);

#endif
