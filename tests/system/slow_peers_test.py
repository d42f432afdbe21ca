#!/usr/bin/env python3
"""2,000 connections that send one byte a second, or nothing, and 500 that ask for much and never read. `coax serve` drops them all by
its deadlines; until then it serves others, in bounded memory.

COAX names the command to test. It has the default settings: that is half a minute, of waiting mostly."""

import os
import resource
import select
import socket
import ssl
import struct
import threading
import time
import unittest

import coap
from serve_test import PATIENCE_SECONDS
from streams_test import CSM, Case, frame, take_frame

SCHEMES = ["coap+tcp", "coap+ws", "coaps+tcp", "coaps+ws"]
# What coax_endpoint_config allows on top of a server at rest: 64 MB of max_stream_memory; 2,500 connections of under 8 KB, some with
# a TLS session of under 64 KB; the allocator's slack on top.
GROWTH_MAXIMUM = 128 * 1024 * 1024
OPEN_FILES = 6000
# The deadline for the opening or for a message is 30 s; then 5 s at most for goodbyes, and a slow machine's time.
DROPPED_BY_SECONDS = 60
ROUNDS_MINIMUM = 20


def is_websocket(scheme):
    return scheme.endswith("+ws")


def upgrade(*fields):
    """RFC 6455 section 4.1, RFC 8323 section 4.1."""
    return "\r\n".join(["GET /.well-known/coap HTTP/1.1", "Host: 127.0.0.1", "Upgrade: websocket", "Connection: Upgrade",
                        "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
                        "Sec-WebSocket-Protocol: coap", *fields, "", ""]).encode()


def wire(scheme, code, token=b"", options=(), payload=b""):
    """A message as it goes over a scheme's stream."""
    rest = coap.encode(coap.Message(0, code, 0, b"", options, payload))[4:]
    if not is_websocket(scheme):
        return frame(code, token, rest)
    message = bytes([len(token), code]) + token + rest
    length = bytes([0x80 | len(message)]) if len(message) < 126 else b"\xfe" + struct.pack("!H", len(message))
    return b"\x82" + length + bytes(4) + message  # masked by zeros


def hello(scheme):
    """What a client that means well begins with."""
    csm = wire(scheme, CSM, options=[(2, coap.uint(1 << 20)), (4, b"")])
    return upgrade() + csm if is_websocket(scheme) else csm


def get(scheme, path, *options):
    return wire(scheme, coap.GET, b"slow", [*((coap.URI_PATH, part.encode()) for part in path.split("/")), *options])


def put(scheme, name, payload):
    return wire(scheme, coap.PUT, b"much", [(coap.URI_PATH, b"store"), (coap.URI_PATH, name)], payload)


# A ClientHello's record and handshake headers, and its first bytes (RFC 8446 section 4.1.2).
CLIENT_HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500)
LONG_CSM = [(2, coap.uint(1 << 20)), (65000, bytes(200))]  # with an elective option that nobody knows

# what, scheme, how many, what they begin with, what they send byte by byte
TRICKLES = [
    ("in the HTTP head", "coap+ws", 500, b"", upgrade("Cookie: " + 500 * "x")),
    ("in the first frame", "coap+tcp", 400, b"", wire("coap+tcp", CSM, options=LONG_CSM)),
    ("in the first frame", "coap+ws", 200, upgrade(), wire("coap+ws", CSM, options=LONG_CSM)),
    ("in a frame", "coap+tcp", 300, hello("coap+tcp"), put("coap+tcp", b"late", bytes(500))),
    ("in a frame", "coap+ws", 200, hello("coap+ws"), put("coap+ws", b"late", bytes(500))),
    ("in a handshake", "coaps+tcp", 100, b"", CLIENT_HELLO),
    ("in a handshake", "coaps+ws", 100, b"", CLIENT_HELLO),
] + [("silent", scheme, 50, b"", b"") for scheme in SCHEMES]
# what, scheme, how many, which requests, again and again
DEAF = [(what, scheme, 125, get(scheme, "store/much", *options))
        for what, options in (("deaf, 60 KB at a time", []), ("deaf, 1 KB at a time", [(coap.BLOCK2, b"\6")]))
        for scheme in ("coap+tcp", "coap+ws")]


class Peer:
    """A socket that means no good."""

    REQUESTS_AT_ONCE = 200

    def __init__(self, what, scheme, address, begin, rest=b"", request=b""):
        self.what, self.rest, self.request = f"{scheme}, {what}", rest, request
        self.socket = socket.socket()
        if request:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.connect(address)
        self.socket.sendall(begin)
        self.socket.setblocking(False)

    def go_on(self):
        try:
            if self.request:
                self.socket.send(self.request * self.REQUESTS_AT_ONCE)
            elif self.rest:
                self.socket.send(self.rest[:1])
                self.rest = self.rest[1:]
        except BlockingIOError:
            pass  # it is not read from
        except OSError:
            pass  # the events tell

    def is_over(self, events):
        """A deaf one does not read even now: a reset is what it hears of."""
        if events & (select.EPOLLERR | select.EPOLLHUP):
            return True
        try:
            return self.socket.recv(65536) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True


class Customer:
    """A connection of somebody who means well."""

    def __init__(self, scheme, address, trust):
        self.scheme, self.data, self.asked = scheme, b"", 0
        self.socket = socket.create_connection(address, PATIENCE_SECONDS)
        if scheme.startswith("coaps"):
            self.socket = trust.wrap_socket(self.socket, server_hostname="localhost")
        self.socket.sendall(hello(scheme))
        if is_websocket(scheme):
            self.take(self.take_head)

    def take(self, look):
        while (found := look(self.data)) is None:
            more = self.socket.recv(65536)
            if not more:
                raise ConnectionError(f"{self.scheme}: the server closed the connection")
            self.data += more
        taken, self.data = found
        return taken

    @staticmethod
    def take_head(data):
        head, end, rest = data.partition(b"\r\n\r\n")
        return (head, rest) if end else None

    @staticmethod
    def take_message(data):
        """One of a server's WebSocket frames, which are not masked, with a short message."""
        if len(data) < 2 or len(data) < 2 + data[1]:
            return None
        message, rest = data[2 : 2 + data[1]], data[2 + data[1] :]
        token = 2 + (message[0] & 15)
        return (message[1], message[2:token], message[token:]), rest

    def ask(self, request, wanted):
        self.socket.sendall(request)
        code = CSM
        while code >> 5 == 7:
            code, _, _ = self.take(self.take_message if is_websocket(self.scheme) else take_frame)
        if code != wanted:
            raise AssertionError(f"{self.scheme}: answered {code >> 5}.{code & 31:02}")

    def close(self):
        self.socket.close()


class Customers(threading.Thread):
    """Ask by all schemes, over connections that stay and over new ones."""

    def __init__(self, addresses, trust):
        super().__init__()
        self.addresses, self.trust = addresses, trust
        self.rounds, self.longest, self.failure, self.ending = 0, 0, None, threading.Event()

    def new(self, scheme):
        return Customer(scheme, self.addresses[scheme], self.trust)

    def go_round(self, customers):
        for customer in customers:
            started = time.monotonic()
            customer.ask(get(customer.scheme, "time"), 0x45)
            new = self.new(customer.scheme)
            new.ask(get(new.scheme, "time"), 0x45)
            new.close()
            self.longest = max(self.longest, time.monotonic() - started)
        self.rounds += 1

    def run(self):
        try:
            customers = [self.new(scheme) for scheme in SCHEMES]
            while not self.ending.wait(0.1):
                self.go_round(customers)
            for customer in customers:
                customer.close()
        except (OSError, AssertionError) as failure:
            self.failure = failure

    def stop(self):
        self.ending.set()
        self.join()


class SlowPeersTest(Case):
    def setUp(self):
        super().setUp()
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft < OPEN_FILES:  # the server inherits it
            resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, hard))
        certificate, key = self.certificate()
        credentials = self.write("server.json", {":me": {"x509": {"certificate": certificate, "private-key": key}}})
        os.environ.setdefault("ASAN_OPTIONS", "quarantine_size_mb=1:malloc_context_size=2")
        self.server = self.start(*(f"{scheme}://127.0.0.1:0" for scheme in SCHEMES), "--credentials", credentials, count=len(SCHEMES))
        self.addresses = {scheme: ("127.0.0.1", port) for scheme, port in zip(SCHEMES, self.server.ports)}
        self.trust = ssl.create_default_context(cafile=certificate)
        self.poll = select.epoll()
        self.addCleanup(self.poll.close)
        self.peers = {}

    def proc(self, name):
        return f"/proc/{self.server.process.pid}/{name}"

    def resident(self):
        with open(self.proc("status"), encoding="ascii") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmRSS:"))

    def cpu_seconds(self):
        with open(self.proc("stat"), encoding="ascii") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def open_files(self):
        return len(os.listdir(self.proc("fd")))

    def add(self, peer):
        self.peers[peer.socket.fileno()] = peer
        self.poll.register(peer.socket, 0 if peer.request else select.EPOLLIN)

    def connect_all(self):
        for what, scheme, count, begin, rest in TRICKLES:
            for _ in range(count):
                self.add(Peer(what, scheme, self.addresses[scheme], begin, rest=rest))
        for what, scheme, count, request in DEAF:
            for _ in range(count):
                self.add(Peer(what, scheme, self.addresses[scheme], hello(scheme), request=request))

    def dropped_within(self, seconds):
        """Which of them the server ended."""
        dropped = []
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            for number, events in self.poll.poll(left):
                if self.peers[number].is_over(events):
                    peer = self.peers.pop(number)
                    self.poll.unregister(number)
                    peer.socket.close()
                    dropped.append(peer.what)
        return dropped

    def check_end(self, open_files):
        """Of what was dropped nothing is left."""
        until = time.monotonic() + PATIENCE_SECONDS
        while self.open_files() > open_files and time.monotonic() < until:
            time.sleep(0.1)
        self.assertEqual(self.open_files(), open_files)
        self.assertEqual(self.server.stop(), (0, "", ""))

    def test_slow_peers(self):
        open_files = self.open_files()
        supplier = Customer("coap+tcp", self.addresses["coap+tcp"], self.trust)
        supplier.ask(put("coap+tcp", b"much", bytes(60_000)), 0x41)
        supplier.close()
        memory, cpu = self.resident(), self.cpu_seconds()
        customers = Customers(self.addresses, self.trust)
        customers.start()
        self.addCleanup(customers.stop)
        self.connect_all()
        count = len(self.peers)
        started, rounds_before = time.monotonic(), customers.rounds
        rounds_meanwhile, most, ends = 0, 0, {}
        while self.peers and time.monotonic() - started < DROPPED_BY_SECONDS:
            for peer in self.peers.values():
                peer.go_on()
            for what in self.dropped_within(1):
                ends.setdefault(what, []).append(time.monotonic() - started)
            if len(self.peers) == count:
                rounds_meanwhile = customers.rounds - rounds_before
            most = max(most, self.resident())
        customers.stop()
        for what, times in ends.items():
            print(f"{len(times):5} dropped after {min(times):4.0f} to {max(times):4.0f} s: {what}")
        print(f"resident memory grew by {(most - memory) / 1e6:.1f} MB; {self.cpu_seconds() - cpu:.1f} s of CPU; "
              f"{customers.rounds} rounds of customers, {rounds_meanwhile} with all {count} slow peers there, the longest turn "
              f"{customers.longest:.2f} s", flush=True)
        self.assertIsNone(customers.failure)
        self.assertEqual(sorted({peer.what for peer in self.peers.values()}), [])
        self.assertGreater(rounds_meanwhile, ROUNDS_MINIMUM)
        self.assertLess(most - memory, GROWTH_MAXIMUM)
        self.check_end(open_files)


if __name__ == "__main__":
    unittest.main()
