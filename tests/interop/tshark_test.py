#!/usr/bin/env python3
"""tshark as a neutral judge: it dissects what coax sends over coap and, given the key, over coaps, and finds nothing
malformed."""

import unittest

import capture
import coax
import peers

SECRET = peers.Psk()
MESSAGE_FIELDS = ["coap.type", "coap.code", "coap.token_len", "coap.opt.uri_path", "coap.opt.ctype", "coap.payload_length"]
CON, NON, ACK = "0", "1", "2"
GET, PUT, DELETE = "1", "3", "4"
CREATED, DELETED, CONTENT, NOT_FOUND = "65", "66", "69", "132"


class TsharkTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.secrets = peers.Secrets()
        cls.addClassCleanup(cls.secrets.close)
        client = coax.Client(cls.secrets)
        server = coax.Server(cls.secrets, SECRET)
        cls.plain, cls.secure = (int(server.base(scheme).rsplit(":", 1)[1]) for scheme in ("coap", "coaps"))
        cls.capture = capture.Capture(cls.plain, cls.secure)
        cls.addClassCleanup(cls.capture.__exit__)
        with server:
            for scheme, security in (("coap", None), ("coaps", SECRET)):
                cls.converse(client, server.base(scheme), security)
        cls.capture.stop()

    @staticmethod
    def converse(client, base, security):
        for path in ("time", "host/load", "host/memory", ".well-known/core", "nowhere"):
            client.ask("get", f"{base}/{path}", security=security)
        client.ask("get", f"{base}/host/uptime?a=b", accept=112, confirmable=False, security=security)
        client.ask("put", f"{base}/store/a", payload=b"\x00\x01\x02", format=42, security=security)
        client.ask("get", f"{base}/store/a", security=security)
        client.ask("delete", f"{base}/store/a", security=security)

    def read(self, filter_text, fields=("frame.number", "_ws.col.Protocol", "_ws.col.Info")):
        return self.capture.read(filter_text, fields, {"coap": self.plain, "coaps": self.secure}, SECRET.key.encode())

    def test_nothing_is_malformed(self):
        self.assertGreater(len(self.read("udp")), 50)
        self.assertEqual([], self.read("_ws.malformed || _ws.unreassembled || _ws.expert.severity == \"Error\""))

    def test_nothing_is_left_undissected(self):
        self.assertEqual([], self.read("udp && !coap && !dtls"))
        self.assertEqual([], self.read(f"udp.port == {self.secure} && data && !coap"))

    def check(self, filter_text):
        messages = self.read(filter_text, MESSAGE_FIELDS)
        self.assertEqual(18, len(messages), messages)
        kinds = [(message[0], message[1]) for message in messages]
        self.assertEqual([(CON, GET), (ACK, CONTENT)] * 4 + [(CON, GET), (ACK, NOT_FOUND), (NON, GET), (NON, CONTENT),
                          (CON, PUT), (ACK, CREATED), (CON, GET), (ACK, CONTENT), (CON, DELETE), (ACK, DELETED)], kinds)
        self.assertEqual({"8"}, {message[2] for message in messages})
        self.assertEqual("store,a", messages[12][3])
        self.assertEqual(("application/octet-stream", "3"), (messages[15][4], messages[15][5]))

    def test_coap(self):
        self.check(f"coap && udp.port == {self.plain} && coap.code != 0")

    def test_coap_inside_dtls(self):
        self.check(f"dtls && coap && udp.port == {self.secure} && coap.code != 0")

    def test_dtls(self):
        hello = self.read("dtls.handshake.type == 2", ["dtls.handshake.version", "dtls.handshake.ciphersuite"])
        self.assertTrue(hello)
        self.assertEqual({("0xfefd", "0xc0a8")}, {tuple(one) for one in hello}, "DTLS 1.2, TLS_PSK_WITH_AES_128_CCM_8")
        # Every session ends with close_notify.
        sessions = len(self.read("dtls.handshake.type == 20"))
        self.assertGreater(sessions, 0)
        self.assertTrue(self.read("dtls.alert_message.desc == 0"))


if __name__ == "__main__":
    unittest.main()
