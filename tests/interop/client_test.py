#!/usr/bin/env python3
"""coax asks servers that others wrote: libcoap over OpenSSL and over GnuTLS, aiocoap, node-coap."""

import concurrent.futures
import functools
import json
import unittest

import aiocoap_end
import coax
import libcoap
import node
import peers

SECRET = peers.Psk()
JSON, TEXT, LINK = 50, 0, 40


def with_each_library(test):
    """Gives the test a libcoap server over OpenSSL, then one over GnuTLS."""
    @functools.wraps(test)
    def both(self):
        for library in ("openssl", "gnutls"):
            with self.subTest(library), libcoap.Server(library, SECRET) as server:
                test(self, server)
    return both


def with_each_scheme(test):
    """Gives the test the server's base URI and the client's secret, for coap and for coaps."""
    @functools.wraps(test)
    def both(self):
        for scheme, security in (("coap", None), ("coaps", SECRET)):
            with self.subTest(scheme):
                test(self, self.server.base(scheme), security)
    return both


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.secrets = peers.Secrets()
        cls.addClassCleanup(cls.secrets.close)
        cls.client = coax.Client(cls.secrets)

    def keeps(self, base, path, **more):
        """PUT, GET, PUT again, DELETE, GET: payloads, codes and options."""
        uri = f"{base}/{path}"
        for payload in (b'{"a":1}', b'{"b":[2,3]}'):
            answer = self.client.ask("put", uri, payload=payload, format=JSON, **more)
            self.assertIn(answer.code, ("2.01", "2.04"))
            answer = self.client.ask("get", uri, **more)
            self.assertEqual(("2.05", payload, JSON), (answer.code, answer.payload, answer.format))
        self.assertEqual("2.02", self.client.ask("delete", uri, **more).code)
        self.assertEqual("4.04", self.client.ask("get", uri, **more).code)

    def refuses(self, code, *words, uri, **more):
        with self.assertRaises(coax.Refused) as caught:
            self.client.ask("get", uri, **more)
        self.assertEqual(code, caught.exception.code, caught.exception.text)
        for word in words:
            self.assertIn(word, caught.exception.text)


class LibcoapWithKey(Case):
    """coap-server-* -k secretPSK"""

    @with_each_library
    def test_coap(self, server):
        self.keeps(server.base("coap"), "shelf")

    @with_each_library
    def test_coaps(self, server):
        self.keeps(server.base("coaps"), "shelf", security=SECRET)

    @with_each_library
    def test_links(self, server):
        answer = self.client.ask("get", server.base("coaps") + "/.well-known/core", security=SECRET)
        self.assertEqual(("2.05", LINK), (answer.code, answer.format))
        self.assertIn(b"</time>", answer.payload)
        answer = self.client.ask("get", server.base("coap") + "/.well-known/core?rt=nothing")
        self.assertEqual(b"", answer.payload)

    @with_each_library
    def test_options_arrive(self, server):
        for scheme, security in (("coap", None), ("coaps", SECRET)):
            uri = server.base(scheme) + "/one%2Ftwo//%C3%A4?a=1&b=%26"
            answer = self.client.ask("get", uri, accept=TEXT, security=security)
            self.assertEqual("4.04", answer.code)
            request = server.requests()[-1]
            self.assertEqual(("CON", "GET"), (request.type, request.code))
            self.assertEqual(["text/plain"], request.options["Accept"])
            self.assertEqual(["a=1", "b=&"], request.options["Uri-Query"])
            self.assertEqual(["one/two", "", r"\xC3\xA4"], request.options["Uri-Path"])

    @with_each_library
    def test_non_confirmable(self, server):
        answer = self.client.ask("get", server.base("coaps") + "/time", confirmable=False, security=SECRET)
        self.assertEqual(("2.05", ["1"]), (answer.code, answer.options["Max-Age"]))
        self.assertEqual("NON", server.requests()[-1].type)

    @with_each_library
    def test_separate_response(self, server):
        """/async acknowledges first and answers a second later."""
        for scheme, security in (("coap", None), ("coaps", SECRET)):
            answer = self.client.ask("get", server.base(scheme) + "/async?1", security=security)
            self.assertEqual(("2.05", b"done"), (answer.code, answer.payload))

    def test_wrong_key(self):
        """Both servers stay silent: the handshake's deadline, half a minute, ends it and names the likely cause."""
        with libcoap.Server("openssl", SECRET) as first, libcoap.Server("gnutls", SECRET) as second, \
                concurrent.futures.ThreadPoolExecutor() as pool:
            asked = [pool.submit(self.refuses, coax.EXIT["security"], "key", uri=server.base("coaps") + "/time",
                                 security=peers.Psk(key="guessed"), more=["--timeout", "50"]) for server in (first, second)]
            for one in asked:
                one.result()

    @with_each_library
    def test_no_credentials(self, server):
        self.refuses(coax.EXIT["security"], "credentials", uri=server.base("coaps") + "/time")


class LibcoapWithCertificates(Case):
    def test_mutual(self):
        for library in ("openssl", "gnutls"):
            with self.subTest(library), libcoap.Server(library, self.secrets.server) as server:
                self.keeps(server.base("coaps"), "shelf", security=self.secrets.client)
                self.keeps(server.base("coaps").replace("127.0.0.1", "localhost"), "by-name", security=self.secrets.client)

    def test_another_host(self):
        for library in ("openssl", "gnutls"):
            with self.subTest(library), libcoap.Server(library, self.secrets.other_host) as server:
                self.refuses(coax.EXIT["security"], "COAX_E_HOST_NAME", uri=server.base("coaps") + "/time",
                             security=self.secrets.client)

    def test_an_authority_that_is_not_trusted(self):
        for library in ("openssl", "gnutls"):
            with self.subTest(library), libcoap.Server(library, self.secrets.untrusted) as server:
                self.refuses(coax.EXIT["security"], "COAX_E_CERTIFICATE", uri=server.base("coaps") + "/time",
                             security=self.secrets.client)


class LibcoapWithRawKeys(Case):
    """Of libcoap's builds in Debian, only the one over GnuTLS has raw public keys."""

    def test_raw_public_keys(self):
        with libcoap.Server("gnutls", self.secrets.raw_server) as server:
            self.keeps(server.base("coaps"), "shelf", security=self.secrets.raw_client)

    def test_another_key(self):
        with libcoap.Server("gnutls", self.secrets.raw_client) as server:
            self.refuses(coax.EXIT["security"], "COAX_E_CERTIFICATE", uri=server.base("coaps") + "/time",
                         security=self.secrets.raw_client)


class Aiocoap(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server = aiocoap_end.Server(SECRET)
        cls.addClassCleanup(cls.server.__exit__)

    @with_each_scheme
    def test_store(self, base, security):
        self.keeps(base, "store/shelf/top", security=security)

    @with_each_scheme
    def test_what_arrives(self, base, security):
        for method, code in (("post", 2), ("put", 3), ("fetch", 5), ("patch", 6), ("ipatch", 7)):
            answer = self.client.ask(method, base + "/seen?a=1&b", payload=b"\x00\xffbytes", format=42, accept=JSON,
                                     security=security)
            self.assertEqual(("2.05", JSON), (answer.code, answer.format))
            seen = json.loads(answer.payload)
            self.assertEqual((code, b"\x00\xffbytes".hex(), 8), (seen["code"], seen["payload"], seen["token"]))
            options = [(number, bytes.fromhex(value)) for number, value in seen["options"]]
            # Its site took the Uri-Path off.
            self.assertEqual([(12, b"\x2a"), (15, b"a=1"), (15, b"b"), (17, b"\x32")], options)
            self.assertEqual([] if security is None else [":client"], seen["claims"])

    @with_each_scheme
    def test_separate_response(self, base, security):
        answer = self.client.ask("get", base + "/slow", security=security)
        self.assertEqual(("2.05", b"at last", TEXT), (answer.code, answer.payload, answer.format))

    @with_each_scheme
    def test_non_confirmable(self, base, security):
        seen = json.loads(self.client.ask("get", base + "/seen", confirmable=False, security=security).payload)
        self.assertIn("NON", seen["type"])

    @with_each_scheme
    def test_unsuccessful(self, base, security):
        answer = self.client.ask("get", base + "/store/none", security=security)
        self.assertEqual(("4.04", b"nothing is stored there"), (answer.code, answer.payload))
        self.assertEqual("4.05", self.client.ask("delete", base + "/slow", security=security).code)


class NodeCoap(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server = node.Server()
        cls.addClassCleanup(cls.server.__exit__)

    def test_store(self):
        self.keeps(self.server.base("coap"), "store/shelf")

    def test_what_arrives(self):
        for confirmable in (True, False):
            answer = self.client.ask("post", self.server.base("coap") + "/seen?a=1&b", payload=b"\x00\xff", format=JSON,
                                     confirmable=confirmable)
            self.assertEqual(("2.05", JSON), (answer.code, answer.format))
            seen = json.loads(answer.payload)
            self.assertEqual(("POST", "CON" if confirmable else "NON", "00ff", "/seen?a=1&b", 8),
                             (seen["method"], seen["type"], seen["payload"], seen["url"], seen["token"]))
            self.assertEqual(["application/json"], seen["options"]["Content-Format"])

    def test_separate_response(self):
        answer = self.client.ask("get", self.server.base("coap") + "/slow")
        self.assertEqual(("2.05", b"at last", TEXT), (answer.code, answer.payload, answer.format))

    def test_unsuccessful(self):
        answer = self.client.ask("get", self.server.base("coap") + "/store/none")
        self.assertEqual(("4.04", b"nothing is stored there"), (answer.code, answer.payload))


if __name__ == "__main__":
    unittest.main()
