#!/usr/bin/env python3
"""coax asks servers that others wrote, over TCP, TLS and WebSockets: libcoap, aiocoap, and ws with CoAP made by hand."""

import functools
import http.server
import json
import socket
import threading
import unittest

import aiocoap_end
import client_test
import coax
import libcoap
import peers
import ws

SECRET = peers.Psk()
JSON, TEXT, LINK = 50, 0, 40
STREAMS = ("coap+tcp", "coaps+tcp", "coap+ws", "coaps+ws")


def with_each_stream(test):
    """Gives the test the server's base URI and the client's certificates, for each of the four schemes."""
    @functools.wraps(test)
    def each(self):
        for scheme in STREAMS:
            with self.subTest(scheme):
                test(self, self.server.base(scheme), self.secrets.client if scheme.startswith("coaps") else None)
    return each


class Libcoap(client_test.Case):
    @client_test.with_each_library
    def test_tcp(self, server):
        self.keeps(server.base("coap+tcp"), "shelf")
        self.assertIn("PUT", [request.code for request in server.requests()])

    @client_test.with_each_library
    def test_tls_with_a_key(self, server):
        self.keeps(server.base("coaps+tcp"), "shelf", security=SECRET)

    def test_tls_with_certificates(self):
        for library in ("openssl", "gnutls"):
            with self.subTest(library), libcoap.Server(library, self.secrets.server) as server:
                self.keeps(server.base("coaps+tcp"), "shelf", security=self.secrets.client)
                by_name = server.base("coaps+tcp").replace("127.0.0.1", "localhost")
                self.keeps(by_name, "by-name", security=self.secrets.client)

    def test_tls_with_raw_public_keys(self):
        with libcoap.Server("gnutls", self.secrets.raw_server) as server:
            self.keeps(server.base("coaps+tcp"), "shelf", security=self.secrets.raw_client)

    @client_test.with_each_library
    def test_large(self, server):
        """In one message, as both ends' Max-Message-Size allows: a length of each of the four forms (section 3.2)."""
        for size in (12, 268, 65804, 300000):
            payload = bytes(index % 251 for index in range(size))
            uri = f"{server.base('coap+tcp')}/large{size}"
            self.assertEqual("2.01", self.client.ask("put", uri, payload=payload, format=42).code)
            self.assertEqual(payload, self.client.ask("get", uri).payload)

    @client_test.with_each_library
    def test_late_answer(self, server):
        for scheme, security in (("coap+tcp", None), ("coaps+tcp", SECRET)):
            answer = self.client.ask("get", server.base(scheme) + "/async?1", security=security)
            self.assertEqual(("2.05", b"done"), (answer.code, answer.payload))

    def test_who_is_not_trusted(self):
        """Each failure says why."""
        cases = ((self.secrets.other_host, "COAX_E_HOST_NAME"), (self.secrets.untrusted, "COAX_E_CERTIFICATE"))
        for library in ("openssl", "gnutls"):
            for certificates, status in cases:
                with self.subTest(f"{library}, {status}"), libcoap.Server(library, certificates) as server:
                    self.refuses(coax.EXIT["security"], status, uri=server.base("coaps+tcp") + "/time",
                                 security=self.secrets.client)

    def test_wrong_key(self):
        """The server over OpenSSL says what is wrong; the one over GnuTLS closes, or stays silent."""
        for library, codes in (("openssl", ["security"]), ("gnutls", ["security", "timeout"])):
            with self.subTest(library), libcoap.Server(library, SECRET) as server, \
                    self.assertRaises(coax.Refused) as caught:
                self.client.ask("get", server.base("coaps+tcp") + "/time", security=peers.Psk(key="guessed"),
                                more=["--timeout", "2"])
            self.assertIn(caught.exception.code, [coax.EXIT[code] for code in codes])
            if caught.exception.code == coax.EXIT["security"]:
                self.assertIn("the pre-shared key of entry ", caught.exception.text)

    @client_test.with_each_library
    def test_no_credentials(self, server):
        # the system's authorities are asked, and have not heard of this one
        self.refuses(coax.EXIT["security"], "", uri=server.base("coaps+tcp") + "/time")


class Aiocoap(client_test.Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server = aiocoap_end.Server(certificates=cls.secrets.server)
        cls.addClassCleanup(cls.server.__exit__)

    @with_each_stream
    def test_store(self, base, security):
        self.keeps(base, "store/shelf/top", security=security)

    @with_each_stream
    def test_what_arrives(self, base, security):
        for method, code in (("post", 2), ("put", 3), ("fetch", 5), ("patch", 6), ("ipatch", 7)):
            answer = self.client.ask(method, base + "/seen?a=1&b", payload=b"\x00\xffbytes", format=42, accept=JSON,
                                     security=security)
            self.assertEqual(("2.05", JSON), (answer.code, answer.format))
            seen = json.loads(answer.payload)
            self.assertEqual((code, b"\x00\xffbytes".hex()), (seen["code"], seen["payload"]))
            options = [(number, bytes.fromhex(value)) for number, value in seen["options"]]
            self.assertEqual([(12, b"\x2a"), (15, b"a=1"), (15, b"b"), (17, b"\x32")], options)

    @with_each_stream
    def test_late_answer(self, base, security):
        answer = self.client.ask("get", base + "/slow", security=security)
        self.assertEqual(("2.05", b"at last", TEXT), (answer.code, answer.payload, answer.format))

    @with_each_stream
    def test_unsuccessful(self, base, security):
        answer = self.client.ask("get", base + "/store/none", security=security)
        self.assertEqual(("4.04", b"nothing is stored there"), (answer.code, answer.payload))
        self.assertEqual("4.05", self.client.ask("delete", base + "/slow", security=security).code)

    @with_each_stream
    def test_large(self, base, security):
        payload = bytes(index * index % 251 for index in range(300000))
        self.assertEqual("2.01", self.client.ask("put", base + "/store/large", payload=payload, security=security).code)
        self.client.ask("delete", base + "/store/large", security=security)

    def test_a_tlscert_with_a_wildcard(self):
        """In a file as aiocoap reads it, under a pattern that aiocoap itself does not find."""
        for scheme in ("coaps+tcp", "coaps+ws"):
            file = self.secrets.write("tlscert.json", json.dumps(
                {f"{scheme}://*": {"tlscert": {"certfile": self.secrets.client.trust}}}))
            answer = self.client.ask("get", self.server.base(scheme) + "/seen", more=["--credentials", file])
            self.assertEqual("2.05", answer.code)

    def test_a_certificate_of_another(self):
        with aiocoap_end.Server(certificates=self.secrets.other_host) as server:
            for scheme in ("coaps+tcp", "coaps+ws"):
                self.refuses(coax.EXIT["security"], "COAX_E_HOST_NAME", uri=server.base(scheme) + "/seen",
                             security=self.secrets.client)


class Ws(client_test.Case):
    """CoAP over WebSockets with a server that does what it is told."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server = ws.Server()
        cls.addClassCleanup(cls.server.__exit__)

    def test_store(self):
        self.keeps(self.server.base("coap+ws"), "store/shelf")
        with ws.Server(self.secrets.server) as server:
            self.keeps(server.base("coaps+ws"), "store/shelf", security=self.secrets.client)
            self.keeps(server.base("coaps+ws").replace("127.0.0.1", "localhost"), "store/by-name", security=self.secrets.client)

    def test_hosts_in_any_case(self):
        base = self.server.base("coap+ws")
        for other in (base.replace("127.0.0.1", "LocalHost"), base.replace("coap+ws", "COAP+WS"), base.replace(".1:", ".1:0")):
            with self.subTest(other):
                self.assertEqual("2.05", self.client.ask("get", other + "/seen").code)

    def test_what_the_server_sees(self):
        with ws.Server() as server:
            self.assertEqual("2.05", self.client.ask("get", server.base("coap+ws") + "/seen").code)
            head = server.wait_for("opened")["opened"]
            self.assertEqual((f"127.0.0.1:{server.port}", "coap", "13"),
                             (head["host"], head["sec-websocket-protocol"], head["sec-websocket-version"]))
            for name in ("origin", "sec-websocket-extensions"):
                self.assertNotIn(name, head)
            received = [event["message"] for event in server.events("message")]
            self.assertEqual([ws.CSM, "0.01"], [message["code"] for message in received[:2]])
            self.assertEqual({0}, {message["length"] for message in received}, "no length inside a frame (section 4.2)")
            server.wait_for("closed")

    def test_empty_csm(self):
        with ws.Server(csm="empty") as server:
            self.assertEqual("2.05", self.client.ask("get", server.base("coap+ws") + "/seen").code)

    def test_no_csm(self):
        """Section 5.3: the answer comes first, so the connection is aborted, and the server is told why."""
        with ws.Server(csm="none") as server:
            self.refuses(coax.EXIT["error"], "CSM", uri=server.base("coap+ws") + "/seen")
            server.wait_for("closed")
            last = server.events("message")[-1]["message"]
            self.assertEqual(ws.ABORT, last["code"])
            self.assertIn(b"CSM", bytes.fromhex(last["payload"]))

    def test_fragments(self):
        answer = self.client.ask("get", self.server.base("coap+ws") + "/fragments")
        self.assertEqual(("2.05", b"in fragments"), (answer.code, answer.payload))
        self.assertIn("between", [event["pong"] for event in self.server.events("pong")])

    def test_release(self):
        """What is under way is answered before the connection ends (section 5.5)."""
        with ws.Server() as server:
            answer = self.client.ask("get", server.base("coap+ws") + "/release")
            self.assertEqual(b"released, and answered", answer.payload)
            self.assertEqual(1000, server.wait_for("closed")["closed"])

    def test_misdeeds(self):
        cases = {"text": ("COAX_E_FORMAT", 1003), "masked": ("COAX_E_FORMAT", 1002), "large": ("COAX_E_TOO_LARGE", 1009),
                 "garbage": ("COAX_E_FORMAT", 1007), "close": ("COAX_E_LOST", 1001), "vanish": ("COAX_E_LOST", 1006),
                 "abort": ("COAX_E_ABORTED", 1000)}
        for path, (status, code) in cases.items():
            with self.subTest(path), ws.Server() as server:
                with self.assertRaises(coax.Refused) as caught:
                    self.client.ask("get", f"{server.base('coap+ws')}/{path}")
                self.assertIn(status, caught.exception.text)
                closed = server.wait_for("closed")["closed"]
                # The command does not wait until 16 MiB have been sent to nobody: its goodbye may be lost then.
                self.assertIn(closed, (1006, code) if path == "large" else (code,), caught.exception.text)

    def test_the_reason_of_an_abort_is_told(self):
        self.refuses(coax.EXIT["error"], "had enough", uri=self.server.base("coap+ws") + "/abort")

    def test_silence(self):
        self.refuses(coax.EXIT["timeout"], uri=self.server.base("coap+ws") + "/silence", more=["--timeout", "1"])

    def test_another_protocol(self):
        with ws.Server(protocol="chat") as server:
            self.refuses(coax.EXIT["error"], "COAX_E_UPGRADE", uri=server.base("coap+ws") + "/seen")

    def test_a_server_that_is_not_trusted(self):
        cases = ((self.secrets.other_host, "COAX_E_HOST_NAME"), (self.secrets.untrusted, "COAX_E_CERTIFICATE"))
        for certificates, status in cases:
            with self.subTest(status), ws.Server(certificates) as server:
                self.refuses(coax.EXIT["security"], status, uri=server.base("coaps+ws") + "/seen", security=self.secrets.client)


class NoServer(client_test.Case):
    """What answers is something else, or nothing: an error with its cause."""

    def test_a_website(self):
        class Handler(http.server.SimpleHTTPRequestHandler):
            def log_message(self, *_):
                pass

        website = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=website.serve_forever)
        thread.start()
        self.addCleanup(lambda: (website.shutdown(), thread.join(), website.server_close()))
        uri = f"coap+ws://127.0.0.1:{website.server_address[1]}/time"
        self.refuses(coax.EXIT["error"], "COAX_E_UPGRADE", "404", uri=uri)

    def test_no_http(self):
        """libcoap's CSM is no HTTP response."""
        with libcoap.Server("openssl") as server:
            self.refuses(coax.EXIT["error"], "COAX_E_UPGRADE", uri=server.base("coap+ws") + "/time")

    def test_no_tls(self):
        with ws.Server() as server:
            uri = server.base("coap+ws").replace("coap+ws", "coaps+ws") + "/seen"
            self.refuses(coax.EXIT["security"], uri=uri, security=self.secrets.client)

    def test_nobody(self):
        port = peers.free_port()
        for scheme in STREAMS:
            security = self.secrets.client if scheme.startswith("coaps") else None
            with self.subTest(scheme):
                self.refuses(coax.EXIT["error"], "COAX_E_REFUSED", uri=f"{scheme}://127.0.0.1:{port}/time", security=security)

    def test_nobody_that_speaks(self):
        """Accepts, and stays silent."""
        with socket.create_server(("127.0.0.1", 0)) as silent:
            for scheme in ("coap+tcp", "coap+ws"):
                with self.subTest(scheme):
                    self.refuses(coax.EXIT["timeout"], uri=f"{scheme}://127.0.0.1:{silent.getsockname()[1]}/time",
                                 more=["--timeout", "1"])


if __name__ == "__main__":
    unittest.main()
