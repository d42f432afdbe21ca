#!/usr/bin/env python3
"""Bodies in blocks (RFC 7959), up and down, between coax and libcoap, aiocoap and node-coap, as client and as server: every size
around the boundaries of blocks, and large ones."""

import hashlib
import unittest

import aiocoap_end
import coax
import libcoap
import node
import peers
from bodies import LARGE, SIZES, around, body

SECRET = peers.Psk()


class ServedByCoax(unittest.TestCase):
    """Clients of others keep bodies at `coax serve`, each in one process as far as the client can."""

    @classmethod
    def setUpClass(cls):
        cls.secrets = peers.Secrets()
        cls.addClassCleanup(cls.secrets.close)
        cls.server = coax.Server(cls.secrets, SECRET, schemes=["coap", "coaps", "coap+tcp", "coap+ws"])
        cls.addClassCleanup(cls.server.__exit__)

    @classmethod
    def tearDownClass(cls):
        assert cls.server.stop() == 0, cls.server.output()
        assert "runtime error" not in cls.server.output() and "ERROR" not in cls.server.output(), cls.server.output()

    def keeps(self, client, scheme, sizes, **more):
        uri = f"{self.server.base(scheme)}/store/{client.program}-{scheme}"
        kept = client.keep_blocks(uri, sizes, **more)
        for number, size in enumerate(sizes):
            expected = ("2.01" if number == 0 else "2.04", "2.05", hashlib.sha256(body(size)).hexdigest())
            self.assertEqual(expected, kept.get(size), f"{size} bytes")

    def test_aiocoap(self):
        for scheme in ("coap", "coaps", "coap+tcp", "coap+ws"):
            with self.subTest(scheme):
                self.keeps(aiocoap_end.Client(), scheme, SIZES + LARGE, security=SECRET if scheme == "coaps" else None)

    def test_node(self):
        self.keeps(node.Client(), "coap", SIZES + LARGE)

    def test_libcoap(self):
        for library in ("openssl", "gnutls"):
            with self.subTest(library):
                self.keeps(libcoap.Client(library), "coap", SIZES + LARGE)
                self.keeps(libcoap.Client(library), "coaps", SIZES + LARGE, security=SECRET)

    def test_libcoap_with_small_blocks(self):
        for block in (16, 64, 256):
            with self.subTest(block):
                self.keeps(libcoap.Client("notls"), "coap", around(block) + [5000], block=block)
                coax.Client(self.secrets).ask("delete", f"{self.server.base('coap')}/store/coap-client-notls-coap")


class AskedByCoax(unittest.TestCase):
    """coax keeps bodies at servers of others."""

    @classmethod
    def setUpClass(cls):
        cls.secrets = peers.Secrets()
        cls.addClassCleanup(cls.secrets.close)
        cls.client = coax.Client(cls.secrets)

    def keeps(self, uri, sizes, security=None, block=None, token=None):
        more = ["--timeout", "60", *(["--block-size", str(block)] if block else []), *(["--token", token] if token else [])]
        for size in sizes:
            put = self.client.ask("put", uri, payload=body(size), security=security, more=more)
            self.assertIn(put.code, ("2.01", "2.04"), f"{size} bytes")
            get = self.client.ask("get", uri, security=security, more=more)
            self.assertEqual("2.05", get.code, f"{size} bytes")
            self.assertTrue(body(size) == get.payload, f"{size} bytes: {len(get.payload)} came back")

    def test_aiocoap(self):
        with aiocoap_end.Server(SECRET) as server:
            for scheme in ("coap", "coaps", "coap+tcp", "coap+ws"):
                with self.subTest(scheme):
                    self.keeps(f"{server.base(scheme)}/store/{scheme[-3:]}", SIZES + LARGE, SECRET if scheme == "coaps" else None)

    def test_aiocoap_with_small_blocks(self):
        with aiocoap_end.Server(SECRET) as server:
            for block in (16, 64, 256):
                self.keeps(f"{server.base('coap')}/store/small", around(block) + [5000], block=block)

    def test_node(self):
        """Its server takes requests with different tokens for different bodies; see docs/interop.md."""
        with node.Server() as server:
            self.keeps(server.base("coap") + "/store/shelf", SIZES + LARGE, token="0badcafe")

    def test_libcoap(self):
        for library in ("openssl", "gnutls"):
            with self.subTest(library), libcoap.Server(library, SECRET) as server:
                self.keeps(server.base("coap") + "/shelf", SIZES + LARGE)
                self.keeps(server.base("coaps") + "/shelf", SIZES + LARGE, SECRET)
                self.keeps(server.base("coap") + "/small", around(16) + around(64) + [5000], block=16)


if __name__ == "__main__":
    unittest.main()
