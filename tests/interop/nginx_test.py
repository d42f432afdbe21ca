#!/usr/bin/env python3
"""`coax serve` behind a real nginx with docs/deploy/nginx.conf: a website and CoAP over WebSockets on the same ports."""

import ssl
import unittest
import urllib.error
import urllib.request

import aiocoap_end
import coax
import nginx
import peers
import ws

OTHER_ADDRESS = "127.0.0.2"


class BehindNginx(unittest.TestCase):
    more = ()

    @classmethod
    def setUpClass(cls):
        cls.secrets = peers.Secrets()
        cls.addClassCleanup(cls.secrets.close)
        cls.server = coax.Server(cls.secrets, schemes=["coap+ws"], more=cls.more)
        cls.addClassCleanup(cls.server.__exit__)
        cls.proxy = nginx.Proxy(cls.server.port("coap+ws"), cls.secrets.server)
        cls.addClassCleanup(cls.proxy.__exit__)

    def clients(self):
        """Each with the proxy's base and its credentials."""
        for client in (coax.Client(self.secrets), ws.Client(), aiocoap_end.Client()):
            for scheme in ("coap+ws", "coaps+ws"):
                yield client, self.proxy.base(scheme), self.secrets.client if scheme == "coaps+ws" else None

    def whoami(self, **more):
        """What coax says of a client at 127.0.0.2 that comes through nginx."""
        base = self.proxy.base("coap+ws")
        came = ws.converse(ws.url(base), [ws.HELLO, ws.request("get", base + "/whoami"), ws.wait("messages", 2)],
                           local=OTHER_ADDRESS, **more)
        return bytes.fromhex(ws.responses(came)[0]["payload"]).decode()


class Plain(BehindNginx):
    def test_the_website(self):
        context = ssl.create_default_context(cafile=self.secrets.client.trust)
        for scheme in ("http", "https"):
            with urllib.request.urlopen(self.proxy.base(scheme) + "/", context=context if scheme == "https" else None) as page:
                self.assertEqual(nginx.PAGE, page.read())

    def test_coap_on_the_same_ports(self):
        for client, base, security in self.clients():
            with self.subTest(f"{client.program}, {base}"):
                answer = client.ask("get", base + "/time", security=security)
                self.assertEqual("2.05", answer.code)

    def test_no_upgrade(self):
        """Somebody who opens the path in a browser is told what it is for."""
        with self.assertRaises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(self.proxy.base("http") + ws.WELL_KNOWN)
        self.assertEqual(426, caught.exception.code)

    def test_origin(self):
        """nginx passes on the host that was asked for, so that the pages of its website are let in, and no others."""
        for scheme, website in (("coap+ws", "http"), ("coaps+ws", "https")):
            address = ws.url(self.proxy.base(scheme))
            for origin, status in ((self.proxy.base(website), 101), ("https://elsewhere.example", 403)):
                with self.subTest(origin):
                    came = ws.converse(address, [], origin=origin, trust=self.secrets.client.trust)
                    self.assertEqual(status, came["status"])

    def test_the_clients_address_is_not_believed(self):
        self.assertNotIn(OTHER_ADDRESS, self.whoami())

    def test_roles_reversed(self):
        with coax.Server(self.secrets, schemes=["coap+ws"], more=["--call"]) as server, \
                nginx.Proxy(server.port("coap+ws"), self.secrets.server) as proxy, \
                aiocoap_end.Attached(proxy.base("coaps+ws") + "/time", self.secrets.client):
            server.wait_for_line("client 1 is here")
            server.type("1 get /slow")
            server.wait_for_line("at last")

    def test_the_client_is_told_of_the_end(self):
        """When coax stops, its Release and its close come through."""
        with coax.Server(self.secrets, schemes=["coap+ws"]) as server, \
                nginx.Proxy(server.port("coap+ws"), self.secrets.server) as proxy:
            base = proxy.base("coap+ws")
            steps = [ws.HELLO, ws.request("get", base + "/time"), ws.wait("messages", 2), {"say": "asked"}, ws.wait("closed")]
            with ws.Talking(ws.url(base), steps) as client:
                client.wait_for_line("^asked$")
                self.assertEqual(0, server.stop())
                came = client.wait()
            self.assertEqual((ws.RELEASE, 1000), (came["messages"][-1]["code"], came["closed"]["code"]), came)


class Trusting(BehindNginx):
    more = ("--trust-forwarded",)

    def test_the_clients_address(self):
        self.assertIn(OTHER_ADDRESS, self.whoami())

    def test_what_a_client_says_of_itself(self):
        """nginx lets neither field through, whatever it is called."""
        text = self.whoami(headers={"X-Forwarded-For": "192.0.2.1", "Forwarded": "for=192.0.2.2"})
        self.assertIn(OTHER_ADDRESS, text)
        self.assertNotIn("192.0.2", text)

    def test_ip6(self):
        answer = coax.Client(self.secrets).ask("get", self.proxy.base("coap+ws", "[::1]") + "/whoami")
        self.assertIn(b"::1", answer.payload.split(b"local:")[0])


if __name__ == "__main__":
    unittest.main()
