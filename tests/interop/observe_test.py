#!/usr/bin/env python3
"""Observing (RFC 7641), a hundred changes, between coax and libcoap, aiocoap and node-coap, as client and as server. Each change is
made when the observer has shown the one before, so that none may be left out."""

import os
import re
import sys
import unittest

import aiocoap_end
import coax
import libcoap
import node
import peers

sys.path.insert(0, os.path.join(peers.ROOT, "tests", "system"))
import coap  # noqa: E402

SECRET = peers.Psk()
CHANGES = 100


class Changer:
    """PUTs over UDP, whatever the observer's transport."""

    def __init__(self, port, path):
        self.client, self.path = coap.Client("127.0.0.1", port), path

    def put(self, text):
        return self.client.ask(coap.PUT, self.path, payload=text.encode()).dotted

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.client.close()


def follow(test, observer, changer, line):
    """All states, the first of which is there already, reach the observer in order; `line` is how it shows one."""
    with observer, changer:
        for number in range(CHANGES + 1):
            if number > 0:
                test.assertEqual("2.04", changer.put(f"state {number}"))
            observer.wait_for_line(line.format(f"state {number}"))
        shown = re.findall(line.format(r"state (\d+)"), observer.output(), re.MULTILINE)
        test.assertEqual([str(number) for number in range(CHANGES + 1)], shown)
        observer.stop()


class ServedByCoax(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.secrets = peers.Secrets()
        cls.addClassCleanup(cls.secrets.close)

    def observes(self, client, scheme, line, security=None):
        with coax.Server(self.secrets, SECRET, schemes=["coap", "coaps", "coap+tcp", "coap+ws"], more=["-v"]) as server:
            changer = Changer(server.port("coap"), "store/value")
            self.assertEqual("2.01", changer.put("state 0"))
            follow(self, client.observe(server.base(scheme) + "/store/value", security), changer, line)
            # The observer's end has reached the server, which then tells nobody.
            with Changer(server.port("coap"), "store/value") as after:
                after.put("unseen")
            self.assertEqual(0, server.stop(), server.output())
            self.assertNotIn("runtime error", server.output())

    def test_aiocoap(self):
        for scheme in ("coap", "coaps", "coap+tcp", "coap+ws"):
            with self.subTest(scheme):
                self.observes(aiocoap_end.Client(), scheme, "^state {}$", SECRET if scheme == "coaps" else None)

    def test_node(self):
        self.observes(node.Client(), "coap", "^state {}$")

    def test_libcoap(self):
        for library in ("openssl", "gnutls"):
            for scheme, security in (("coap", None), ("coaps", SECRET), ("coap+tcp", None)):
                with self.subTest(f"{library} {scheme}"):
                    self.observes(libcoap.Client(library), scheme, "^{}$", security)


class ObservedByCoax(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.secrets = peers.Secrets()
        cls.addClassCleanup(cls.secrets.close)

    def observes(self, server, scheme, path, security=None):
        words = [] if security is None else ["--credentials", coax.client_credentials(self.secrets, server.base(scheme), security)]
        changer = Changer(server.port, path)
        self.assertIn(changer.put("state 0"), ("2.01", "2.04"))
        follow(self, peers.Process(peers.COAX, "observe", f"{server.base(scheme)}/{path}", *words), changer, "^{}$")

    def test_aiocoap(self):
        with aiocoap_end.Server(SECRET) as server:
            for scheme in ("coap", "coaps", "coap+tcp", "coap+ws"):
                with self.subTest(scheme):
                    self.observes(server, scheme, "value", SECRET if scheme == "coaps" else None)

    def test_node(self):
        with node.Server() as server:
            self.observes(server, "coap", "value")

    def test_libcoap(self):
        for library in ("openssl", "gnutls"):
            with libcoap.Server(library, SECRET) as server:
                for scheme, security in (("coap", None), ("coaps", SECRET), ("coap+tcp", None)):
                    with self.subTest(f"{library} {scheme}"):
                        self.observes(server, scheme, f"value-{scheme[-3:]}", security)


if __name__ == "__main__":
    unittest.main()
