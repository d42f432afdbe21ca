/* The registry of CoAP Content-Formats (RFC 7252 section 12.3 and the IANA registry that it set up). */
#ifndef COAX_CONTENT_FORMAT_H
#define COAX_CONTENT_FORMAT_H

#include <coax/export.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The ones that programs name most; COAX_NO_FORMAT means that no Content-Format option is sent. */
enum {
    COAX_NO_FORMAT = -1,
    COAX_FORMAT_TEXT = 0,
    COAX_FORMAT_LINK = 40,
    COAX_FORMAT_XML = 41,
    COAX_FORMAT_OCTET_STREAM = 42,
    COAX_FORMAT_JSON = 50,
    COAX_FORMAT_CBOR = 60,
    COAX_FORMAT_SENML_JSON = 110,
    COAX_FORMAT_SENML_CBOR = 112,
};

/* The media type of a number, such as "application/senml+json" or "text/plain; charset=utf-8"; NULL if it is not
 * registered. Static storage. */
COAX_API const char *coax_content_format_name(int number);

/* The number of a media type (letter case, quotation marks and blanks after ';' do not matter; "text/plain" finds 0),
   of a short name
   ("text", "json", "cbor", "link", "senml+json", "senml+cbor", "xml", "octets"), or of a decimal number of 0 to 65535;
   -1 if there is none. */
COAX_API int coax_content_format_number(const char *name);

#ifdef __cplusplus
}
#endif
#endif
