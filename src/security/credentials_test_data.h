/* Keys and certificates for the tests of the credentials. They protect nothing. */
#ifndef COAX_SECURITY_CREDENTIALS_TEST_DATA_H
#define COAX_SECURITY_CREDENTIALS_TEST_DATA_H

/* clang-format off */

/* A P-256 key, PKCS #8. */
#define TEST_PRIVATE_KEY \
    "-----BEGIN PRIVATE KEY-----\n" \
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg72jeOBPKqy2gloC5\n" \
    "tUBbnAoDIvQa4NgnSvnmncHVm7ShRANCAATE9HFxmGY63vo7jMu+JLv3Ar3Zzst4\n" \
    "bKwwNVFhu0UbnXj2Q7pRUu1bgPA6aNGVVKbMvn8uWG6Y9/QF+ylReHRV\n" \
    "-----END PRIVATE KEY-----\n"

/* The same key, SEC 1. */
#define TEST_PRIVATE_KEY_SEC1 \
    "-----BEGIN EC PRIVATE KEY-----\n" \
    "MHcCAQEEIO9o3jgTyqstoJaAubVAW5wKAyL0GuDYJ0r55p3B1Zu0oAoGCCqGSM49\n" \
    "AwEHoUQDQgAExPRxcZhmOt76O4zLviS79wK92c7LeGysMDVRYbtFG5149kO6UVLt\n" \
    "W4DwOmjRlVSmzL5/LlhumPf0BfspUXh0VQ==\n" \
    "-----END EC PRIVATE KEY-----\n"

/* The same key, encrypted. */
#define TEST_PRIVATE_KEY_ENCRYPTED \
    "-----BEGIN ENCRYPTED PRIVATE KEY-----\n" \
    "MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAgUzPFKPbcqpgICCAAw\n" \
    "DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEGEUnqWQDTuivZCcji7ZX94EgZDz\n" \
    "GrJxX/p6ZKvVvaP3tKYpOifT/NmBDqBF45RAvWB62uiRBJvYMFMdyjLB9Z6EK/Nl\n" \
    "M4pyrLTr9r433eWAQqMN3pyXHI2tjjNYsQBECGOnB9nTHCRnb9Xbglrdbz97zm+O\n" \
    "fs9zkKlN5GyQ4UvVtbWEyn0GCuKEOmU0IPVMPUHqi9Ov0cfGsHwYwz861S7rCKI=\n" \
    "-----END ENCRYPTED PRIVATE KEY-----\n"

/* Its public key. */
#define TEST_PUBLIC_KEY \
    "-----BEGIN PUBLIC KEY-----\n" \
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAExPRxcZhmOt76O4zLviS79wK92c7L\n" \
    "eGysMDVRYbtFG5149kO6UVLtW4DwOmjRlVSmzL5/LlhumPf0BfspUXh0VQ==\n" \
    "-----END PUBLIC KEY-----\n"

/* A certificate for it: CN=localhost. */
#define TEST_CERTIFICATE \
    "-----BEGIN CERTIFICATE-----\n" \
    "MIIBgDCCASWgAwIBAgIUaUCrJ/4FTzzetpVXEJ5d65RuRUIwCgYIKoZIzj0EAwIw\n" \
    "FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMjIyNTYxMVoYDzIxMjYxMDI5\n" \
    "MjI1NjExWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO\n" \
    "PQMBBwNCAATE9HFxmGY63vo7jMu+JLv3Ar3Zzst4bKwwNVFhu0UbnXj2Q7pRUu1b\n" \
    "gPA6aNGVVKbMvn8uWG6Y9/QF+ylReHRVo1MwUTAdBgNVHQ4EFgQU+65kuS6lcKEY\n" \
    "5OGqa1M3j170YqAwHwYDVR0jBBgwFoAU+65kuS6lcKEY5OGqa1M3j170YqAwDwYD\n" \
    "VR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNJADBGAiEAvQg2MdI3EhqE3NXPIaUA\n" \
    "Do3m/oiHKZvFPF61r0ZHV+ECIQCzi2OZnulyarJ3t+H/2fKp4AsW0MjwhFPFd60z\n" \
    "UlKfrQ==\n" \
    "-----END CERTIFICATE-----\n"

/* Another key, and a certificate for it. */
#define TEST_OTHER_PRIVATE_KEY \
    "-----BEGIN PRIVATE KEY-----\n" \
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgn8jxW0y4m7DLwakq\n" \
    "idfsD0aPzz3gIO+fEZ5hXKawWJ6hRANCAATgdDugaUFoY3Z5kY8bqHBbTqWlONRU\n" \
    "Xu4hSSlbhvQPaYC5vDM64bRJSJn8AdvfoO4vsdjPRa/LDrBcGuJMA6D3\n" \
    "-----END PRIVATE KEY-----\n"
#define TEST_OTHER_PUBLIC_KEY \
    "-----BEGIN PUBLIC KEY-----\n" \
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE4HQ7oGlBaGN2eZGPG6hwW06lpTjU\n" \
    "VF7uIUkpW4b0D2mAubwzOuG0SUiZ/AHb36DuL7HYz0Wvyw6wXBriTAOg9w==\n" \
    "-----END PUBLIC KEY-----\n"
#define TEST_OTHER_CERTIFICATE \
    "-----BEGIN CERTIFICATE-----\n" \
    "MIIBiTCCAS+gAwIBAgIUQxcm5nV3mII08qq+vcEihspRTBMwCgYIKoZIzj0EAwIw\n" \
    "GTEXMBUGA1UEAwwOdGVzdCBhdXRob3JpdHkwIBcNMjYxMTIyMjI1NjExWhgPMjEy\n" \
    "NjEwMjkyMjU2MTFaMBkxFzAVBgNVBAMMDnRlc3QgYXV0aG9yaXR5MFkwEwYHKoZI\n" \
    "zj0CAQYIKoZIzj0DAQcDQgAE4HQ7oGlBaGN2eZGPG6hwW06lpTjUVF7uIUkpW4b0\n" \
    "D2mAubwzOuG0SUiZ/AHb36DuL7HYz0Wvyw6wXBriTAOg96NTMFEwHQYDVR0OBBYE\n" \
    "FLAmp1vgQtOtRIPzYcYuJX612ur2MB8GA1UdIwQYMBaAFLAmp1vgQtOtRIPzYcYu\n" \
    "JX612ur2MA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIgMpopRhGF\n" \
    "SuN7LnLAR2fnYczDGvQ6shPcST34xCppeL0CIQC0zdhykCw7apqvh3bZPNd9RiHz\n" \
    "XSROm4JR38DIkZJA+g==\n" \
    "-----END CERTIFICATE-----\n"
/* clang-format on */

#endif
