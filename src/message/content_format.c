#include <coax/content_format.h>

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* The registry "CoAP Content-Formats" of the IANA CoRE Parameters, in order. A content coding stands in parentheses. */
static const struct content_format {
    int number;
    const char *name;
} formats[] = {
    {0, "text/plain; charset=utf-8"},
    {16, "application/cose; cose-type=\"cose-encrypt0\""},
    {17, "application/cose; cose-type=\"cose-mac0\""},
    {18, "application/cose; cose-type=\"cose-sign1\""},
    {19, "application/ace+cbor"},
    {21, "image/gif"},
    {22, "image/jpeg"},
    {23, "image/png"},
    {40, "application/link-format"},
    {41, "application/xml"},
    {42, "application/octet-stream"},
    {47, "application/exi"},
    {50, "application/json"},
    {51, "application/json-patch+json"},
    {52, "application/merge-patch+json"},
    {60, "application/cbor"},
    {61, "application/cwt"},
    {62, "application/multipart-core"},
    {63, "application/cbor-seq"},
    {64, "application/edhoc+cbor-seq"},
    {65, "application/cid-edhoc+cbor-seq"},
    {96, "application/cose; cose-type=\"cose-encrypt\""},
    {97, "application/cose; cose-type=\"cose-mac\""},
    {98, "application/cose; cose-type=\"cose-sign\""},
    {101, "application/cose-key"},
    {102, "application/cose-key-set"},
    {110, "application/senml+json"},
    {111, "application/sensml+json"},
    {112, "application/senml+cbor"},
    {113, "application/sensml+cbor"},
    {114, "application/senml-exi"},
    {115, "application/sensml-exi"},
    {140, "application/yang-data+cbor; id=sid"},
    {256, "application/coap-group+json"},
    {257, "application/concise-problem-details+cbor"},
    {258, "application/swid+cbor"},
    {259, "application/pkixcmp"},
    {260, "application/yang-sid+json"},
    {261, "application/ace-groupcomm+cbor"},
    {262, "application/ace-trl+cbor"},
    {263, "application/eat+cwt"},
    {264, "application/eat+jwt"},
    {265, "application/eat-bun+cbor"},
    {266, "application/eat-bun+json"},
    {267, "application/eat-ucs+cbor"},
    {268, "application/eat-ucs+json"},
    {269, "application/coap-eap"},
    {271, "application/dots+cbor"},
    {272, "application/missing-blocks+cbor-seq"},
    {277, "application/scitt-statement+cose"},
    {278, "application/scitt-receipt+cose"},
    {280, "application/pkcs7-mime; smime-type=server-generated-key"},
    {281, "application/pkcs7-mime; smime-type=certs-only"},
    {284, "application/pkcs8"},
    {285, "application/csrattrs"},
    {286, "application/pkcs10"},
    {287, "application/pkix-cert"},
    {290, "application/aif+cbor"},
    {291, "application/aif+json"},
    {310, "application/senml+xml"},
    {311, "application/sensml+xml"},
    {320, "application/senml-etch+json"},
    {322, "application/senml-etch+cbor"},
    {340, "application/yang-data+cbor"},
    {341, "application/yang-data+cbor; id=name"},
    {432, "application/td+json"},
    {433, "application/tm+json"},
    {434, "application/sdf+json"},
    {553, "application/dns-message"},
    {601, "application/uccs+cbor"},
    {836, "application/voucher+cose"},
    {10000, "application/vnd.ocf+cbor"},
    {10001, "application/oscore"},
    {10002, "application/javascript"},
    {10003, "application/eat+cwt; eat_profile=\"tag:psacertified.org,2023:psa#tfm\""},
    {10004, "application/eat+cwt; eat_profile=\"tag:psacertified.org,2019:psa#legacy\""},
    {10005, "application/eat+cwt; eat_profile=2.16.840.1.113741.1.16.1"},
    {10006, "application/vnd.oms.cellular-cose-content+cbor"},
    {10007, "application/syslog-msg"},
    {10570, "application/toc+cbor"},
    {10571, "application/ce+cbor"},
    {10572, "application/toc+cbor; profile=2.16.840.1.113741.1.16.1"},
    {10573, "application/ce+cbor; profile=2.16.840.1.113741.1.16.1"},
    {11050, "application/json (deflate)"},
    {11060, "application/cbor (deflate)"},
    {11542, "application/vnd.oma.lwm2m+tlv"},
    {11543, "application/vnd.oma.lwm2m+json"},
    {11544, "application/vnd.oma.lwm2m+cbor"},
    {12000, "text/plain; charset=utf-8 (zstd)"},
    {12041, "application/xml (zstd)"},
    {12050, "application/json (zstd)"},
    {20000, "text/css"},
    {20001, "application/vnd.as207960.vas.config+jer"},
    {20002, "application/vnd.as207960.vas.config+uper"},
    {20003, "application/vnd.as207960.vas.tap+jer"},
    {20004, "application/vnd.as207960.vas.tap+uper"},
    {30000, "image/svg+xml"},
};

/* What people write for the most common ones. */
static const struct content_format short_names[] = {
    {COAX_FORMAT_TEXT, "text/plain"},
    {COAX_FORMAT_TEXT, "text"},
    {COAX_FORMAT_LINK, "link"},
    {COAX_FORMAT_XML, "xml"},
    {COAX_FORMAT_OCTET_STREAM, "octets"},
    {COAX_FORMAT_JSON, "json"},
    {COAX_FORMAT_CBOR, "cbor"},
    {COAX_FORMAT_SENML_JSON, "senml+json"},
    {COAX_FORMAT_SENML_CBOR, "senml+cbor"},
};

enum { FORMATS = sizeof formats / sizeof *formats, SHORT_NAMES = sizeof short_names / sizeof *short_names };

const char *coax_content_format_name(int number) {
    for (size_t i = 0; i < FORMATS; i++) {
        if (formats[i].number == number) {
            return formats[i].name;
        }
    }
    return NULL;
}

static char to_lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Passes over what does not matter after the character `last`: quotation marks, and blanks after a ';'. */
static const char *skip_insignificant(const char *text, char last) {
    text += last == ';' ? strspn(text, " \t") : 0;
    return text + strspn(text, "\"");
}

static bool is_same_type(const char *a, const char *b) {
    char last = '\0';
    do {
        a = skip_insignificant(a, last);
        b = skip_insignificant(b, last);
        last = *a;
        if (to_lower(*a++) != to_lower(*b++)) {
            return false;
        }
    } while (last != '\0');
    return true;
}

static int find_type(const struct content_format *table, size_t size, const char *name) {
    for (size_t i = 0; i < size; i++) {
        if (is_same_type(table[i].name, name)) {
            return table[i].number;
        }
    }
    return COAX_NO_FORMAT;
}

static int parse_number(const char *text) {
    int number = 0;
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || text[digits] != '\0') {
        return COAX_NO_FORMAT;
    }
    while (*text != '\0' && number <= UINT16_MAX) {
        number = number * 10 + (*text++ - '0');
    }
    return number <= UINT16_MAX ? number : COAX_NO_FORMAT;
}

int coax_content_format_number(const char *name) {
    int number = parse_number(name);
    if (number == COAX_NO_FORMAT) {
        number = find_type(short_names, SHORT_NAMES, name);
    }
    return number != COAX_NO_FORMAT ? number : find_type(formats, FORMATS, name);
}
