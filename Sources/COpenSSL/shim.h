/* libcrypto: digests, HMAC, AES-GCM, base64, signatures. */
#ifndef MARTLET_COPENSSL_H
#define MARTLET_COPENSSL_H
#include <openssl/aes.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#endif
