#!/usr/bin/env python3
"""Clients that others wrote ask `coax serve`: libcoap without TLS, over OpenSSL and over GnuTLS, aiocoap, node-coap."""

import json
import unittest

import aiocoap_end
import coax
import libcoap
import node
import peers

SECRET = peers.Psk()
JSON, TEXT, LINK, XML, SENML_JSON, SENML_CBOR = 50, 0, 40, 41, 110, 112


class Case(unittest.TestCase):
    """One server for all, with a pre-shared key, a certificate and a raw public key from one credentials file."""

    schemes = None

    @staticmethod
    def securities(secrets):
        return SECRET, secrets.server, secrets.raw_server

    @classmethod
    def setUpClass(cls):
        cls.secrets = peers.Secrets()
        cls.addClassCleanup(cls.secrets.close)
        cls.server = coax.Server(cls.secrets, *cls.securities(cls.secrets), schemes=cls.schemes)
        cls.addClassCleanup(cls.server.__exit__)

    @classmethod
    def tearDownClass(cls):
        assert cls.server.stop() == 0, cls.server.output()
        words = cls.server.output()
        assert "ERROR" not in words and "runtime error" not in words, words

    def keeps(self, client, scheme, path, **more):
        uri = f"{self.server.base(scheme)}/store/{path}"
        answer = client.ask("put", uri, payload=b'{"a":1}', format=JSON, **more)
        self.assertEqual("2.01", answer.code)
        for payload in (b'{"a":1}', b'{"b":[2,3]}'):
            answer = client.ask("put", uri, payload=payload, format=JSON, **more)
            self.assertEqual("2.04", answer.code)
            answer = client.ask("get", uri, **more)
            self.assertEqual(("2.05", payload, JSON), (answer.code, answer.payload, answer.format))
        self.assertEqual("2.02", client.ask("delete", uri, **more).code)
        self.assertEqual("4.04", client.ask("get", uri, **more).code)

    def reads(self, client, scheme, **more):
        base = self.server.base(scheme)
        answer = client.ask("get", base + "/.well-known/core", **more)
        self.assertEqual(("2.05", LINK), (answer.code, answer.format))
        for resource in (b"</time>", b"</host/load>", b"</host/memory>", b"</host/uptime>"):
            self.assertIn(resource, answer.payload)
        answer = client.ask("get", base + "/host/memory", accept=SENML_JSON, **more)
        self.assertEqual(("2.05", SENML_JSON), (answer.code, answer.format))
        self.assertTrue(all("n" in record or "bn" in record for record in json.loads(answer.payload)))
        answer = client.ask("get", base + "/host/load", accept=TEXT, **more)
        self.assertEqual(("2.05", TEXT), (answer.code, answer.format))
        answer = client.ask("get", base + "/time", accept=SENML_CBOR, **more)
        self.assertEqual(("2.05", SENML_CBOR), (answer.code, answer.format))
        self.assertEqual(0x80, answer.payload[0] & 0xE0, "a CBOR array")
        self.assertEqual("4.06", client.ask("get", base + "/time", accept=XML, **more).code)
        self.assertEqual("4.05", client.ask("delete", base + "/time", **more).code)
        self.assertEqual("4.04", client.ask("get", base + "/nowhere", **more).code)

    def speaks(self, client, scheme, **more):
        name = f"{client.program}-{scheme}"
        with self.subTest(name):
            self.keeps(client, scheme, name, **more)
            self.reads(client, scheme, **more)
        with self.subTest(f"{name}, non-confirmable"):
            self.keeps(client, scheme, name + "-non", confirmable=False, **more)


class ByUdp(Case):
    def test_libcoap(self):
        for library in ("notls", "openssl", "gnutls"):
            self.speaks(libcoap.Client(library), "coap")

    def test_aiocoap(self):
        self.speaks(aiocoap_end.Client(), "coap")

    def test_node(self):
        self.speaks(node.Client(), "coap")


class ByDtls(Case):
    def test_libcoap_with_a_key(self):
        for library in ("openssl", "gnutls"):
            self.speaks(libcoap.Client(library), "coaps", security=SECRET)

    def test_libcoap_with_certificates(self):
        for library in ("openssl", "gnutls"):
            self.speaks(libcoap.Client(library), "coaps", security=self.secrets.client)

    def test_aiocoap(self):
        self.speaks(aiocoap_end.Client(), "coaps", security=SECRET)

    def test_who_is_turned_away(self):
        strangers = {
            "wrong key": peers.Psk(key="guessed"),
            "unknown identity": peers.Psk(identity="nobody"),
            "untrusted certificate": self.secrets.untrusted,
        }
        for what, security in strangers.items():
            with self.subTest(what), self.assertRaises(AssertionError):
                libcoap.Client("gnutls").ask("get", self.server.base("coaps") + "/time", security=security)
        # ... and the next one is served.
        answer = libcoap.Client("gnutls").ask("get", self.server.base("coaps") + "/time", security=SECRET)
        self.assertEqual("2.05", answer.code)


class ByRawKeys(Case):
    """libcoap prefers a certificate of the server even where it brings a raw public key, so this server has none."""

    @staticmethod
    def securities(secrets):
        return SECRET, secrets.raw_server

    def test_libcoap_with_raw_public_keys(self):
        self.speaks(libcoap.Client("gnutls"), "coaps", security=self.secrets.raw_client)

    def test_an_unknown_key(self):
        with self.assertRaises(AssertionError):
            libcoap.Client("gnutls").ask("get", self.server.base("coaps") + "/time", security=self.secrets.raw_server)

    def test_a_key_beside(self):
        self.speaks(aiocoap_end.Client(), "coaps", security=SECRET)


class ByIp6(unittest.TestCase):
    def test_libcoap(self):
        secrets = peers.Secrets()
        self.addCleanup(secrets.close)
        with coax.Server(secrets, SECRET, host="[::1]") as server:
            for client, scheme, security in ((libcoap.Client("openssl"), "coap", None), (aiocoap_end.Client(), "coap", None),
                                             (aiocoap_end.Client(), "coaps", SECRET)):
                answer = client.ask("get", server.base(scheme) + "/time", security=security)
                self.assertEqual("2.05", answer.code)


if __name__ == "__main__":
    unittest.main()
