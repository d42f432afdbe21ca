/* Options of a message as people type them: "NAME=VALUE". */
#ifndef COAX_CLI_OPTION_TEXT_H
#define COAX_CLI_OPTION_TEXT_H

#include "cli/arguments.h"
#include <coax/message.h>

enum { OPTION_VALUE_MAXIMUM = 1034 }; /* Proxy-Uri's, the longest of RFC 7252 */

struct typed_option {
    uint16_t number;
    size_t size;
    uint8_t value[OPTION_VALUE_MAXIMUM];
};

/* Reads "Uri-Query=a=1", "ETag=0x0102", "If-None-Match", "Accept=json", "65000=0xff". The name is one that is
   registered (in any letter case) or a number. How the value is read depends on the option's format: a number (decimal
   or 0x…), a text, bytes (0x…, else the text's own), or nothing. Of an option without a definition it is bytes. The
   size has to be within the option's limits. */
bool typed_option_read(const char *text, struct typed_option *option, struct argument_problem *problem);

#endif
