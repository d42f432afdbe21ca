/* A list of links (RFC 6690) as a table for people, or as JSON for programs. */
#ifndef COAX_CLI_LINK_TABLE_H
#define COAX_CLI_LINK_TABLE_H

#include <coax/link_format.h>
#include <stdio.h>

/* Prints a row for each link of the text; `base` is the URI of who gave it. The heading comes before the first table of
   a stream. Returns the number of rows. error->status is COAX_OK, or *error says where the text breaks the grammar,
   before which all is printed. */
size_t link_table_print(FILE *file, const char *base, const char *text, size_t size, bool heading, coax_error *error);

/* The same, as {"uri": …, "attributes": {"rt": "temperature", "obs": true}} in a line for each link. */
size_t link_json_print(FILE *file, const char *base, const char *text, size_t size, coax_error *error);

#endif
