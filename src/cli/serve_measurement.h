/* Measurements as text, SenML JSON and SenML CBOR, whichever the client accepts. */
#ifndef COAX_CLI_SERVE_MEASUREMENT_H
#define COAX_CLI_SERVE_MEASUREMENT_H

#include "cli/senml.h"
#include <coax/site.h>

/* For a resource's config; the first one is the default. */
extern const int measurement_formats[];
enum { MEASUREMENT_FORMATS = 3 };

/* Answers with the text or the records, taken now, named after the host. A cache may keep them for a second. */
void reply_measurement(coax_exchange *exchange, const coax_message *request, const char *text,
                       const struct senml_record *records, size_t count);

/* The time as the answer says it. */
enum { TIME_TEXT_CAPACITY = 32 };
void write_time_text(char out[TIME_TEXT_CAPACITY], double *seconds);

#endif
