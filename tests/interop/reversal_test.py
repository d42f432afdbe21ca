#!/usr/bin/env python3
"""Both ends of a connection ask and serve (RFC 8323 section 3.2: "once the connection is established, either end can
send requests"): `coax attach` serves to servers that others wrote, and `coax serve` asks clients that others wrote."""

import json
import re
import unittest

import aiocoap_end
import coax
import peers
import ws

STREAMS = ("coap+tcp", "coaps+tcp", "coap+ws", "coaps+ws")


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.secrets = peers.Secrets()
        cls.addClassCleanup(cls.secrets.close)

    def security(self, scheme):
        return self.secrets.client if scheme.startswith("coaps") else None


class Attach(Case):
    """coax is the client of the connection, and serves."""

    def test_aiocoap_asks(self):
        for scheme in STREAMS:
            with self.subTest(scheme), aiocoap_end.Server(certificates=self.secrets.server, ask="/time") as server, \
                    coax.Attached(self.secrets, server.base(scheme), self.security(scheme)) as client:
                asked = json.loads(server.wait_for_line("^asked (.*)$")[1])
                self.assertEqual("2.05", asked["code"])
                self.assertEqual(0, client.stop(), client.output())

    def test_ws_asks(self):
        with ws.Server(ask="/time") as server, coax.Attached(self.secrets, server.base("coap+ws")) as client:
            answer = server.wait_until(lambda: [event["message"] for event in server.events("message")
                                                if event["message"]["token"] == "a5c0"], "the answer")[0]
            self.assertEqual("2.05", answer["code"])
            self.assertEqual(0, client.stop(), client.output())
            self.assertEqual(1000, server.wait_for("closed")["closed"])
            self.assertEqual(ws.RELEASE, server.events("message")[-1]["message"]["code"])


    def test_a_connection_that_is_lost_is_opened_again(self):
        with ws.Server(ask="/time", vanish=True) as server, coax.Attached(self.secrets, server.base("coap+ws")):
            server.wait_for("opened", 2)
            server.wait_for("closed", 2)
            answers = [event["message"] for event in server.events("message") if event["message"]["token"] == "a5c0"]
            self.assertEqual(["2.05"] * 2, [answer["code"] for answer in answers[:2]])


class Call(Case):
    """coax is the server of the connection, and asks."""

    def test_aiocoap_serves(self):
        for scheme in STREAMS:
            securities = [self.secrets.server_alone] if scheme.startswith("coaps") else []
            with self.subTest(scheme), coax.Server(self.secrets, *securities, schemes=[scheme], more=["--call"]) as server:
                with aiocoap_end.Attached(server.base(scheme) + "/time", self.security(scheme)):
                    server.wait_for_line(rf"client 1 is here: {re.escape(scheme)} 127")
                    for path, code in (("/slow", "2.05"), ("/nowhere", "4.04")):
                        server.type(f"1 get {path}")
                        server.wait_for_line(rf"client 1, get {path}:[^0-9]*{code}")
                    self.assertIn("at last", server.output())
                server.wait_for_line("client 1 is gone: ")
                server.type("1 get /slow")
                server.wait_for_line("there is no client 1")

    def test_two_clients_at_once(self):
        with coax.Server(self.secrets, schemes=["coap+ws"], more=["--call"]) as server, \
                aiocoap_end.Attached(server.base("coap+ws") + "/time"), aiocoap_end.Attached(server.base("coap+ws") + "/time"):
            for number in (2, 1):
                server.type(f"{number} put /store/a from {number}")
                server.wait_for_line(f"client {number}, put /store/a: 2.01")
                server.type(f"{number} get /store/a")
                server.wait_for_line(f"from {number}")


if __name__ == "__main__":
    unittest.main()
