/* What a response is matched by: token and remote (RFC 7252 section 5.3.2). */
#ifndef COAX_REQUEST_TOKEN_KEY_H
#define COAX_REQUEST_TOKEN_KEY_H

#include "base/bytes.h"

struct token_key {
    struct bytes token;
    const struct coax_remote *remote;
};

#endif
