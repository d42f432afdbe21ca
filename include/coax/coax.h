/* coax: CoAP over anything. This header includes all the others. */
#ifndef COAX_COAX_H
#define COAX_COAX_H

#include <coax/body.h>
#include <coax/content_format.h>
#include <coax/credentials.h>
#include <coax/endpoint.h>
#include <coax/export.h>
#include <coax/link_format.h>
#include <coax/message.h>
#include <coax/observe.h>
#include <coax/remote.h>
#include <coax/request.h>
#include <coax/sessions.h>
#include <coax/shards.h>
#include <coax/site.h>
#include <coax/status.h>
#include <coax/uri.h>

#endif
