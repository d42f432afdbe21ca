/* Which symbols the shared library shows: exactly what these headers declare with COAX_API. */
#ifndef COAX_EXPORT_H
#define COAX_EXPORT_H

#if defined(__GNUC__)
#define COAX_API __attribute__((visibility("default")))
#define COAX_PRINTF(format_index, first) __attribute__((format(printf, format_index, first)))
#else
#define COAX_API
#define COAX_PRINTF(format_index, first)
#endif

#endif
