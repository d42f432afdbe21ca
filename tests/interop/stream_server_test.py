#!/usr/bin/env python3
"""Clients that others wrote ask `coax serve` over TCP, TLS and WebSockets: libcoap, aiocoap, and ws with CoAP made by hand."""

import concurrent.futures
import json
import socket
import unittest

import aiocoap_end
import coax
import libcoap
import peers
import server_test
import ws

SECRET = peers.Psk()
STREAMS = ("coap+tcp", "coaps+tcp", "coap+ws", "coaps+ws")
BAD_CSM_OPTION = 2
EMPTY_MESSAGE = {"bytes": "0000"}


def read_all(connection):
    """What comes until the other end closes."""
    received = b""
    try:
        while piece := connection.recv(1000):
            received += piece
    except ConnectionResetError:
        pass
    return received


class ByStreams(server_test.Case):
    """With a pre-shared key, and with certificates: clients may have one, but need not."""

    schemes = STREAMS

    @staticmethod
    def securities(secrets):
        return SECRET, secrets.server_alone, secrets.authority_alone

    def test_libcoap_over_tcp(self):
        for library in ("notls", "openssl", "gnutls"):
            self.speaks(libcoap.Client(library), "coap+tcp")

    def test_libcoap_over_tls(self):
        for library in ("openssl", "gnutls"):
            for security in (SECRET, self.secrets.client):
                self.speaks(libcoap.Client(library), "coaps+tcp", security=security)

    def test_aiocoap(self):
        for scheme in STREAMS:
            self.speaks(aiocoap_end.Client(), scheme, security=self.secrets.client if scheme.startswith("coaps") else None)

    def test_ws(self):
        self.speaks(ws.Client(), "coap+ws")
        self.speaks(ws.Client(), "coaps+ws", security=self.secrets.client)

    def test_large(self):
        """There and back in one message, with a length of each of the four forms (RFC 8323 section 3.2)."""
        for client, scheme in ((libcoap.Client("notls"), "coap+tcp"), (ws.Client(), "coap+ws")):
            for size in (12, 268, 65804, 300000):
                with self.subTest(f"{scheme}, {size} bytes"):
                    payload = (b"0123456789" * (size // 10 + 1))[:size]
                    answer = client.ask("post", f"{self.server.base(scheme)}/echo", payload=payload, format=42)
                    self.assertEqual(("2.04", payload), (answer.code, answer.payload))

    def test_who_is_turned_away(self):
        for security in (peers.Psk(key="guessed"), peers.Psk(identity="nobody"), self.secrets.untrusted):
            with self.subTest(security), self.assertRaises(AssertionError):
                libcoap.Client("gnutls").ask("get", self.server.base("coaps+tcp") + "/time", security=security)
        answer = libcoap.Client("gnutls").ask("get", self.server.base("coaps+tcp") + "/time", security=SECRET)
        self.assertEqual("2.05", answer.code)

    def test_what_is_no_handshake(self):
        """It is ended, and others are served; that the server stops in order afterwards is seen at the end."""
        for scheme in STREAMS:
            for noise in (b"", b"\x00", b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 500, b"\x16\x03\x01\x00\x05" + bytes(5)):
                with self.subTest(f"{scheme}, {noise[:8]}"), \
                        socket.create_connection(("127.0.0.1", self.server.port(scheme)), 20) as connection:
                    connection.sendall(noise)
                    connection.shutdown(socket.SHUT_WR)
                    read_all(connection)
        for scheme, security in (("coap+ws", None), ("coaps+ws", self.secrets.client)):
            answer = ws.Client().ask("get", self.server.base(scheme) + "/time", security=security)
            self.assertEqual("2.05", answer.code)

    def test_many_clients(self):
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            asked = [pool.submit(client.ask, "get", self.server.base(scheme) + "/time")
                     for _ in range(4) for client, scheme in ((libcoap.Client("notls"), "coap+tcp"), (ws.Client(), "coap+ws"))]
            self.assertEqual({"2.05"}, {one.result().code for one in asked})


class ByRawKeys(server_test.Case):
    schemes = ("coaps+tcp",)

    @staticmethod
    def securities(secrets):
        return (secrets.raw_server,)

    def test_libcoap(self):
        self.speaks(libcoap.Client("gnutls"), "coaps+tcp", security=self.secrets.raw_client)
        with self.assertRaises(AssertionError):
            libcoap.Client("gnutls").ask("get", self.server.base("coaps+tcp") + "/time", security=self.secrets.raw_server)


class Upgrades(server_test.Case):
    """What the opening handshake agrees to."""

    schemes = ("coap+ws",)

    def upgrade(self, status, path=ws.WELL_KNOWN, **more):
        came = ws.converse(ws.url(self.server.base("coap+ws"), path), [], **more)
        self.assertEqual(status, came.get("status"), came)
        return came

    def test_agreed(self):
        for protocols in (["coap"], ["chat", "coap"], ["coap", "chat"]):
            came = self.upgrade(101, protocols=protocols)
            self.assertEqual(("coap", ""), (came["protocol"], came["extensions"]), "permessage-deflate is declined")

    def test_long_head(self):
        self.upgrade(101, headers={"Cookie": "c" * 4000, "User-Agent": "Mozilla/5.0 " + "u" * 2000, "X-Empty": ""})
        self.upgrade(431, headers={"Cookie": "c" * 9000})

    def test_refused(self):
        self.upgrade(404, path="/elsewhere")
        self.upgrade(404, path="/")
        self.upgrade(400, protocols=[])
        self.upgrade(400, protocols=["chat"])
        came = self.upgrade(426, version=8)
        self.assertEqual("13", came["headers"]["sec-websocket-version"])

    def test_origin(self):
        port = self.server.port("coap+ws")
        for origin in (f"http://127.0.0.1:{port}", "http://127.0.0.1", "https://127.0.0.1:8443"):
            with self.subTest(origin):
                self.upgrade(101, origin=origin)
        for origin in ("http://localhost", "https://elsewhere.example", "null"):
            with self.subTest(origin):
                self.upgrade(403, origin=origin)

    def test_origins_by_option(self):
        allowed = "https://app.example:8443"
        with coax.Server(self.secrets, schemes=["coap+ws"], more=["--origin", allowed, "--origin", "http://b.example"]) as server:
            for origin, status in ((allowed, 101), ("http://b.example", 101), (None, 101), ("https://app.example", 403),
                                   (f"http://127.0.0.1:{server.port('coap+ws')}", 403)):
                with self.subTest(origin):
                    self.assertEqual(status, ws.converse(ws.url(server.base("coap+ws")), [], origin=origin)["status"])


class Conversations(server_test.Case):
    """What RFC 8323 section 5 and RFC 6455 say of a connection, as a client sees it."""

    schemes = ("coap+ws", "coap+tcp")

    def converse(self, *steps, **more):
        came = ws.converse(ws.url(self.server.base("coap+ws")), list(steps), **more)
        self.assertNotIn("late", came)
        return came

    def get(self, path="/time", token="c0a7"):
        return ws.request("get", self.server.base("coap+ws") + path, token=token)

    def aborted(self, came, code=None):
        """The connection was aborted, and said so; the Abort."""
        self.assertEqual(ws.ABORT, came["messages"][-1]["code"], came)
        self.assertNotEqual("", came["messages"][-1]["payload"], "a diagnostic payload")
        if code is not None:
            self.assertEqual(code, came["closed"]["code"])
        return came["messages"][-1]

    def test_csm_comes_first(self):
        came = self.converse(ws.wait("messages"))
        self.assertEqual((ws.CSM, "", 0), tuple(came["messages"][0][key] for key in ("code", "token", "length")))

    def test_several_requests_at_once(self):
        tokens = [f"{number:04x}" for number in range(20)]
        came = self.converse(ws.HELLO, *(self.get(token=token) for token in tokens), ws.wait("messages", 21))
        self.assertEqual(tokens, [answer["token"] for answer in ws.responses(came)])

    def test_a_request_before_the_csm(self):
        """The Abort arrives before the connection ends."""
        self.aborted(self.converse(self.get(), ws.wait("closed")), 1002)

    def test_an_empty_message(self):
        """It is ignored (section 3.4)."""
        came = self.converse(ws.HELLO, EMPTY_MESSAGE, self.get(), ws.wait("messages", 2))
        self.assertEqual(["2.05"], [answer["code"] for answer in ws.responses(came)])

    def test_frames_that_are_no_message(self):
        for frame in ("", "00", "0fe1", "0801"):
            with self.subTest(frame):
                self.aborted(self.converse(ws.HELLO, {"bytes": frame}, ws.wait("closed")), 1007)

    def test_text(self):
        came = self.converse(ws.HELLO, {"text": "hello"}, ws.wait("closed"))
        self.assertEqual(1003, came["closed"]["code"])

    def test_unmasked(self):
        came = self.converse(ws.HELLO, {**self.get(), "mask": False}, ws.wait("closed"))
        self.assertEqual(1002, came["closed"]["code"])

    def test_too_large(self):
        came = self.converse(ws.HELLO, {"bytes": "0001ff" + "00" * (2 << 20)}, ws.wait("closed"))
        self.assertEqual(1009, came["closed"]["code"])

    def test_fragments(self):
        came = self.converse(ws.HELLO, {**self.get(), "fragments": 1}, ws.wait("messages", 2), ws.wait("pongs"))
        self.assertEqual((["2.05"], ["between"]), ([answer["code"] for answer in ws.responses(came)], came["pongs"]))

    def test_pings(self):
        came = self.converse({"ping": "before"}, ws.HELLO, {"message": {"code": ws.PING, "token": "0102"}},
                             {"message": {"code": ws.PING, "token": "", "options": [[2, ""]]}}, ws.wait("messages", 3))
        self.assertEqual(["before"], came["pongs"])
        pongs = [(message["code"], message["token"], message["options"]) for message in came["messages"][1:]]
        self.assertEqual([(ws.PONG, "0102", []), (ws.PONG, "", [[2, ""]])], pongs, "with Custody where it was asked for")

    def test_unknown_critical_options(self):
        came = self.converse({"message": {"code": ws.CSM, "options": [[9, "01"]]}}, ws.wait("closed"))
        self.assertEqual([[BAD_CSM_OPTION, "09"]], self.aborted(came)["options"])
        self.aborted(self.converse(ws.HELLO, {"message": {"code": ws.PING, "options": [[9, ""]]}}, ws.wait("closed")))

    def test_unknown_elective_options(self):
        came = self.converse({"message": {"code": ws.CSM, "options": [[8, "01"]]}}, self.get(), ws.wait("messages", 2))
        self.assertEqual("2.05", ws.responses(came)[0]["code"])

    def test_release(self):
        came = self.converse(ws.HELLO, self.get(), *ws.GOODBYE)
        self.assertEqual((["2.05"], 1000), ([answer["code"] for answer in ws.responses(came)], came["closed"]["code"]))

    def test_close(self):
        came = self.converse(ws.HELLO, {"close": 1000}, ws.wait("closed"))
        self.assertEqual(1000, came["closed"]["code"])

    def test_no_response(self):
        """RFC 7967: 26 suppresses every class."""
        silent = ws.request("get", self.server.base("coap+ws") + "/time")
        silent["message"]["options"].append([258, "1a"])
        came = self.converse(ws.HELLO, silent, self.get(token="ee"), ws.wait("messages", 2))
        self.assertEqual(["ee"], [answer["token"] for answer in ws.responses(came)])

    def test_a_small_max_message_size(self):
        """What is longer than the client takes, less than the 1152 bytes of the protocol's own default, is not sent."""
        uri = self.server.base("coap+ws") + "/store/longer"
        ws.Client().ask("put", uri, payload=b"x" * 500, format=0)
        came = self.converse({"message": {"code": ws.CSM, "options": [[2, ws.number(200)]]}},
                             ws.request("get", uri), self.get(token="ee"), ws.wait("messages", 3))
        self.assertEqual("2.05", came["messages"][-1]["code"])
        self.assertLess(len(came["messages"][1]["payload"]) // 2, 200, came["messages"][1])

    def test_who_asks(self):
        came = self.converse(ws.HELLO, self.get("/whoami"), ws.wait("messages", 2))
        text = bytes.fromhex(ws.responses(came)[0]["payload"]).decode()
        self.assertIn("scheme: coap+ws", text)
        self.assertIn(f"local: {self.server.base('coap+ws')}", text)

    def test_garbage_over_tcp(self):
        """Not even the server's other clients notice."""
        for noise in (b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 100, b"\x16\x03\x01" + bytes(200)):
            with socket.create_connection(("127.0.0.1", self.server.port("coap+tcp")), 10) as connection:
                connection.sendall(noise)
                received = read_all(connection)
                self.assertEqual(0xE1, received[1] if received[0] < 0xD0 else received[2], "its CSM")
        self.assertEqual("2.05", libcoap.Client("notls").ask("get", self.server.base("coap+tcp") + "/time").code)


class Ports(unittest.TestCase):
    """The listeners are dual stack, and each transport can be had alone."""

    def test_every_address(self):
        secrets = peers.Secrets()
        self.addCleanup(secrets.close)
        with coax.Server(secrets, secrets.server_alone, host="[::]", schemes=STREAMS) as server:
            for scheme in STREAMS:
                security = secrets.client if scheme.startswith("coaps") else None
                for host in ("127.0.0.1", "localhost"):
                    uri = f"{scheme}://{host}:{server.port(scheme)}/time"
                    with self.subTest(uri):
                        self.assertEqual("2.05", aiocoap_end.Client().ask("get", uri, security=security).code)

    def test_arithmetic(self):
        """`--port P`, and all of the ports follow from it as with aiocoap."""
        secrets = peers.Secrets()
        self.addCleanup(secrets.close)
        port = peers.free_port(*set(aiocoap_end.OFFSETS.values()))
        entries = {":server": coax.entry(secrets.server)}
        with peers.Process(peers.COAX, "serve", "--port", port, "--credentials",
                           secrets.write("server.json", json.dumps(entries))) as server:
            for scheme, offset in aiocoap_end.OFFSETS.items():
                server.wait_for_line(rf"^{scheme.replace('+', '.')}://\S*:{port + offset}\b")


if __name__ == "__main__":
    unittest.main()
