#include "cli/serve_measurement.h"

#include "cli/host.h"
#include <stdio.h>
#include <string.h>
#include <time.h>

const int measurement_formats[] = {COAX_FORMAT_TEXT, COAX_FORMAT_SENML_JSON, COAX_FORMAT_SENML_CBOR};

enum { PACK_MAXIMUM = 1024, MAX_AGE_S = 1 };

void write_time_text(char out[TIME_TEXT_CAPACITY], double *seconds) {
    struct timespec now; /* time() lags behind it by a tick of the kernel's */
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &now);
    *seconds = (double)now.tv_sec;
    if (gmtime_r(&now.tv_sec, &utc) == NULL || strftime(out, TIME_TEXT_CAPACITY, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0) {
        out[0] = '\0';
    }
}

/* The records in the format; 0 if that fails. */
static size_t write_pack(uint64_t format, const struct senml_record *records, size_t count, uint8_t *out) {
    char name[HOST_NAME_CAPACITY];
    char base_name[HOST_NAME_CAPACITY + 1];
    char unused[TIME_TEXT_CAPACITY];
    struct senml_pack pack = {.base_name = base_name, .records = records, .count = count};
    host_read_name(name);
    snprintf(base_name, sizeof base_name, "%s/", name);
    write_time_text(unused, &pack.base_time);
    return format == COAX_FORMAT_SENML_JSON ? senml_write_json(&pack, out, PACK_MAXIMUM)
                                            : senml_write_cbor(&pack, out, PACK_MAXIMUM);
}

void reply_measurement(coax_exchange *exchange, const coax_message *request, const char *text,
                       const struct senml_record *records, size_t count) {
    uint8_t pack[PACK_MAXIMUM];
    uint64_t format = coax_message_option_uint(request, COAX_OPTION_ACCEPT, COAX_FORMAT_TEXT);
    bool is_text = format == COAX_FORMAT_TEXT;
    size_t size = is_text ? strlen(text) : write_pack(format, records, count, pack);
    if (size == 0) {
        (void)coax_respond(exchange, COAX_INTERNAL_SERVER_ERROR, COAX_NO_FORMAT, NULL, 0);
        return;
    }
    (void)coax_exchange_add_option_uint(exchange, COAX_OPTION_MAX_AGE, MAX_AGE_S);
    (void)coax_respond(exchange, COAX_CONTENT, (int)format, is_text ? (const void *)text : pack, size);
}
