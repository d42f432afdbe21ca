#!/usr/bin/env python3
"""Extended tokens (RFC 8974) at servers that others wrote, which know none: a Reset over UDP, no announcement over TCP."""

import unittest

import coax
import libcoap
import peers

EXTENDED = "000102030405060708"


class Tokens(unittest.TestCase):
    def setUp(self):
        self.secrets = peers.Secrets()
        self.addCleanup(self.secrets.close)
        self.client = coax.Client(self.secrets)

    def ask(self, uri, token):
        return self.client.ask("get", uri, more=["--timeout", "20", "--token", token])

    def refused(self, uri):
        with self.assertRaises(coax.Refused) as caught:
            self.ask(uri, EXTENDED)
        return caught.exception

    def test_libcoap(self):
        with libcoap.Server("openssl") as server:
            for scheme, code, text in (("coap", 1, "Reset"), ("coap+tcp", 2, "Extended-Token-Length")):
                with self.subTest(scheme):
                    uri = server.base(scheme) + "/"
                    refused = self.refused(uri)
                    self.assertEqual(code, refused.code)
                    self.assertIn(text, refused.text)
                    self.assertEqual("2.05", self.ask(uri, EXTENDED[2:]).code)


if __name__ == "__main__":
    unittest.main()
