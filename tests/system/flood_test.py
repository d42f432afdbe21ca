"""A flood: 200,000 datagrams of random content and 100,000 ClientHellos from as many loopback addresses and ports, half of a thousand
handshakes with right cookies among them. The server's memory stays under its bounds and a well-behaved client is still served.

COAX names the command to test. The load is bounded in count and goes to loopback only."""

import json
import os
import random
import socket
import struct
import subprocess
import tempfile
import unittest

COAX = os.environ.get("COAX", "build/release/coax")
RANDOM_DATAGRAMS = 200_000
CLIENT_HELLOS = 100_000
HALF_HANDSHAKES = 500
# What the default bounds of coax_endpoint_config allow on top of a server at rest: 20,000 peers of under 1 KB, 100,000 kept replies
# of under 512 bytes, 1,000 handshakes under way of under 32 KB; the allocator's slack on top.
GROWTH_MAXIMUM = 128 * 1024 * 1024
KEY = "0123456789abcdef"


def source_address(number):
    """A loopback address of its own for each number."""
    return "127.%d.%d.%d" % (1 + (number >> 16 & 0x7F), number >> 8 & 255, 1 + (number & 255) % 254)


def client_hello(cookie=b"", sequence=0, client_random=None):
    """RFC 6347 section 4.2: TLS_PSK_WITH_AES_128_CCM_8, extended master secret, renegotiation info."""
    extensions = struct.pack("!HHHHB", 0x0017, 0, 0xFF01, 1, 0)
    body = b"\xfe\xfd" + (client_random or os.urandom(32)) + b"\0" + bytes([len(cookie)]) + cookie
    body += struct.pack("!HH", 2, 0xC0A8) + b"\1\0" + struct.pack("!H", len(extensions)) + extensions
    size = len(body).to_bytes(3, "big")
    handshake = b"\1" + size + struct.pack("!H", sequence) + b"\0\0\0" + size + body
    return b"\x16\xfe\xfd\0\0" + sequence.to_bytes(6, "big") + struct.pack("!H", len(handshake)) + handshake


def cookie_of(datagram):
    """The cookie of a HelloVerifyRequest (RFC 6347 section 4.2.1), or None."""
    if len(datagram) < 28 or datagram[0] != 22 or datagram[13] != 3:
        return None
    return datagram[28 : 28 + datagram[27]]


class FloodTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.credentials = os.path.join(self.folder.name, "credentials.json")
        entry = {"dtls": {"psk": {"ascii": KEY}, "client-identity": {"ascii": "flood"}}}
        with open(os.open(self.credentials, os.O_CREAT | os.O_WRONLY, 0o600), "w", encoding="ascii") as file:
            json.dump({":flood": entry, "coaps://127.0.0.1*": ":flood"}, file)
        environment = dict(os.environ, ASAN_OPTIONS="quarantine_size_mb=1:malloc_context_size=2")
        self.server = subprocess.Popen(
            [COAX, "serve", "coap://127.0.0.1:0", "coaps://127.0.0.1:0", "--credentials", self.credentials],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
        )
        self.uris = [self.server.stdout.readline().strip().rstrip("/") for _ in range(2)]
        self.ports = [int(uri.rsplit(":", 1)[1]) for uri in self.uris]

    def tearDown(self):
        self.server.terminate()
        output, errors = self.server.communicate(timeout=60)
        self.folder.cleanup()
        self.assertEqual((output, errors, self.server.returncode), ("", "", 0))

    def resident(self):
        with open("/proc/%d/status" % self.server.pid, encoding="ascii") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmRSS:"))

    def expect_service(self):
        for uri in self.uris:
            result = subprocess.run(
                [COAX, "get", uri + "/time", "--credentials", self.credentials, "--timeout", "30"],
                stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=60,
            )
            self.assertEqual((result.returncode, result.stderr), (0, ""), uri)
            self.assertRegex(result.stdout, r"^\d{4}-\d\d-\d\dT")

    def send_random(self, randomness):
        """Some are noise, some are nearly CoAP or nearly DTLS."""
        sockets = []
        for number in range(500):
            sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sender.bind((source_address(randomness.randrange(1 << 22)), 0))
            sockets.append(sender)
        heads = [b"", b"\x40\x01", b"\x44\x02", b"\x51\x03", b"\x16\xfe\xfd\0\0", b"\x17\xfe\xfd\0\1", b"\x14\xfe\xff"]
        for number in range(RANDOM_DATAGRAMS):
            data = randomness.choice(heads) + randomness.randbytes(randomness.randrange(64))
            sockets[number % 500].sendto(data, ("127.0.0.1", self.ports[number & 1]))
            if number % 50_000 == 49_999:
                self.expect_service()
        for sender in sockets:
            sender.close()

    def send_hellos(self):
        for number in range(CLIENT_HELLOS):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                sender.bind((source_address(number), 0))
                sender.sendto(client_hello(), ("127.0.0.1", self.ports[1]))
            if number % 50_000 == 49_999:
                self.expect_service()

    def leave_handshakes_half_open(self):
        verified = 0
        for number in range(HALF_HANDSHAKES):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                sender.bind((source_address(number), 0))
                sender.settimeout(5)
                client_random = os.urandom(32)
                sender.sendto(client_hello(client_random=client_random), ("127.0.0.1", self.ports[1]))
                cookie = cookie_of(sender.recv(2048))
                self.assertIsNotNone(cookie)
                sender.sendto(client_hello(cookie, 1, client_random), ("127.0.0.1", self.ports[1]))
                verified += sender.recv(2048)[13] == 2  # ServerHello
        self.assertEqual(verified, HALF_HANDSHAKES)

    def test_flood(self):
        randomness = random.Random(7)
        self.expect_service()
        before = self.resident()
        self.send_random(randomness)
        self.send_hellos()
        self.leave_handshakes_half_open()
        self.expect_service()
        growth = self.resident() - before
        print("resident memory grew by %.1f MB" % (growth / 1e6))
        self.assertLess(growth, GROWTH_MAXIMUM)


if __name__ == "__main__":
    unittest.main()
