/* Sensor measurement lists (SenML, RFC 8428), written as JSON and as CBOR. */
#ifndef COAX_CLI_SENML_H
#define COAX_CLI_SENML_H

#include <stddef.h>
#include <stdint.h>

/* One measurement: a text if there is one, else a number. */
struct senml_record {
    const char *name;
    const char *unit; /* of the registry of section 12.1; NULL: none */
    double value;
    const char *text; /* NULL: a number */
};

struct senml_pack {
    const char *base_name; /* put before every name */
    double base_time;      /* seconds since 1970; 0: none */
    const struct senml_record *records;
    size_t count;
};

/* Each returns the size, 0 if it does not fit, or memory ran out. Whole numbers are written as such. */
size_t senml_write_json(const struct senml_pack *pack, void *out, size_t capacity);
size_t senml_write_cbor(const struct senml_pack *pack, void *out, size_t capacity);

#endif
