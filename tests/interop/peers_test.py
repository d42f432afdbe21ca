#!/usr/bin/env python3
"""The peers among themselves, so that a failure elsewhere is coax's: what these tests start, ask and read works."""

import unittest

import aiocoap_end
import libcoap
import nginx
import node
import peers
import ws

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

    def test_libcoap_with_libcoap_over_streams(self):
        with libcoap.Server("openssl", SECRET) as server:
            self.keeps(libcoap.Client("notls"), server.base("coap+tcp"), "a")
            self.keeps(libcoap.Client("gnutls"), server.base("coaps+tcp"), "b", security=SECRET)
        with libcoap.Server("gnutls", self.secrets.server) as server:
            self.keeps(libcoap.Client("openssl"), server.base("coaps+tcp"), "c", security=self.secrets.client)

    def test_aiocoap_over_streams(self):
        with aiocoap_end.Server(certificates=self.secrets.server) as server:
            for scheme in ("coap+tcp", "coaps+tcp", "coap+ws", "coaps+ws"):
                with self.subTest(scheme):
                    security = self.secrets.client if scheme.startswith("coaps") else None
                    self.keeps(aiocoap_end.Client(), server.base(scheme), "store/a", security=security)
            self.keeps(libcoap.Client("notls"), server.base("coap+tcp"), "store/b")

    def test_aiocoap_serves_over_its_outgoing_connection(self):
        for scheme in ("coap+tcp", "coaps+tcp", "coap+ws", "coaps+ws"):
            with self.subTest(scheme), aiocoap_end.Server(certificates=self.secrets.server, ask="/slow") as server:
                security = self.secrets.client if scheme.startswith("coaps") else None
                with aiocoap_end.Attached(server.base(scheme) + "/.well-known/core", security):
                    self.assertIn(b"at last".hex(), server.wait_for_line("^asked (.*)$")[1])

    def test_ws(self):
        with ws.Server() as server:
            self.keeps(ws.Client(), server.base("coap+ws"), "store/a")
            self.keeps(aiocoap_end.Client(), server.base("coap+ws"), "store/b")
        with ws.Server(self.secrets.server) as server:
            self.keeps(ws.Client(), server.base("coaps+ws"), "store/a", security=self.secrets.client)
            self.keeps(aiocoap_end.Client(), server.base("coaps+ws"), "store/b", security=self.secrets.client)
        with aiocoap_end.Server(certificates=self.secrets.server) as server:
            self.keeps(ws.Client(), server.base("coap+ws"), "store/a")
            self.keeps(ws.Client(), server.base("coaps+ws"), "store/b", security=self.secrets.client)

    def test_ws_through_nginx(self):
        with ws.Server() as server, nginx.Proxy(server.port, self.secrets.server) as proxy:
            self.keeps(ws.Client(), proxy.base("coap+ws"), "store/a")
            self.keeps(aiocoap_end.Client(), proxy.base("coaps+ws"), "store/b", security=self.secrets.client)
            seen = server.events("opened")[0]["opened"]
            self.assertEqual((f"127.0.0.1:{proxy.plain}", "127.0.0.1"), (seen["host"], seen["x-forwarded-for"]))

    def test_ws_misdeeds(self):
        """Each arrives at the other end as it was meant."""
        with ws.Server() as server:
            for path, closed in (("text", None), ("close", 1001), ("vanish", 1006), ("masked", 1006), ("fragments", None),
                                 ("release", None), ("abort", None)):
                request = ws.request("get", f"{server.base('coap+ws')}/{path}")
                kind = "texts" if path == "text" else "messages"
                count = 3 if path == "release" else 1 if path == "text" else 2
                came = ws.converse(ws.url(server.base("coap+ws")), [ws.HELLO, request, ws.wait(kind, count)])
                with self.subTest(path):
                    self.assertNotIn("late", came)
                    self.assertEqual("permessage-deflate", came["extensions"])
                    self.assertEqual(closed, came.get("closed", {}).get("code"), came)
            self.assertEqual(["between"], [event["pong"] for event in server.events("pong")])


if __name__ == "__main__":
    unittest.main()
