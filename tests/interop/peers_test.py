#!/usr/bin/env python3
"""The peers among themselves, so that a failure elsewhere is coax's: what these tests start, ask and read works."""

import unittest

import aiocoap_end
import libcoap
import node
import peers

SECRET = peers.Psk()


class PeersTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.secrets = peers.Secrets()
        cls.addClassCleanup(cls.secrets.close)

    def keeps(self, client, base, path, **more):
        uri = f"{base}/{path}"
        self.assertEqual("2.01", client.ask("put", uri, payload=b'{"a":1}', format=50, **more).code)
        answer = client.ask("get", uri, **more)
        self.assertEqual(("2.05", b'{"a":1}', 50), (answer.code, answer.payload, answer.format))
        self.assertEqual("2.02", client.ask("delete", uri, **more).code)
        self.assertEqual("4.04", client.ask("get", uri, **more).code)

    def test_libcoap_with_libcoap(self):
        with libcoap.Server("openssl", SECRET) as server:
            self.keeps(libcoap.Client("notls"), server.base("coap"), "a")
            self.keeps(libcoap.Client("gnutls"), server.base("coaps"), "b", security=SECRET)
            self.assertIn("PUT", [request.code for request in server.requests()])

    def test_libcoap_with_certificates(self):
        with libcoap.Server("gnutls", self.secrets.server) as server:
            self.keeps(libcoap.Client("openssl"), server.base("coaps"), "b", security=self.secrets.client)

    def test_libcoap_with_raw_public_keys(self):
        with libcoap.Server("gnutls", self.secrets.raw_server) as server:
            self.keeps(libcoap.Client("gnutls"), server.base("coaps"), "b", security=self.secrets.raw_client)

    def test_aiocoap_with_libcoap(self):
        with libcoap.Server("gnutls", SECRET) as server:
            self.keeps(aiocoap_end.Client(), server.base("coap"), "a")
            self.keeps(aiocoap_end.Client(), server.base("coaps"), "b", security=SECRET)

    def test_libcoap_with_aiocoap(self):
        with aiocoap_end.Server(SECRET) as server:
            self.keeps(libcoap.Client("notls"), server.base("coap"), "store/a")
            self.keeps(libcoap.Client("openssl"), server.base("coaps"), "store/b", security=SECRET)

    def test_node_with_node(self):
        with node.Server() as server:
            self.keeps(node.Client(), server.base("coap"), "store/a")


if __name__ == "__main__":
    unittest.main()
