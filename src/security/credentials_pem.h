/* PEM texts: keys and certificates, read with GnuTLS. No error text holds a word of a key. */
#ifndef COAX_SECURITY_CREDENTIALS_PEM_H
#define COAX_SECURITY_CREDENTIALS_PEM_H

#include "base/bytes.h"
#include <coax/status.h>

/* All of them: COAX_E_SYNTAX for what cannot be read, COAX_E_TOO_LARGE for a text over CREDENTIAL_PEM_SIZE_MAXIMUM.
   Results are malloc'ed. `error` may be NULL. */

/* A private key, PKCS #8 or SEC 1 (RFC 5915), not encrypted. */
enum coax_status coax_pem_check_private_key(struct bytes pem, coax_error *error);

/* A public key, "-----BEGIN PUBLIC KEY-----". */
enum coax_status coax_pem_check_public_key(struct bytes pem, coax_error *error);

/* One certificate or several. */
enum coax_status coax_pem_check_certificates(struct bytes pem, coax_error *error);

/* The SubjectPublicKeyInfo (DER) of a PEM public key. */
enum coax_status coax_pem_public_key(struct bytes pem, struct bytes *spki, coax_error *error);

/* The SubjectPublicKeyInfo (DER) that belongs to a PEM private key. */
enum coax_status coax_pem_public_key_of(struct bytes private_key, struct bytes *spki, coax_error *error);

/* Whether a private key is that of the first certificate. */
enum coax_status coax_pem_check_pair(struct bytes certificates, struct bytes private_key, coax_error *error);

#endif
