#!/usr/bin/env python3
"""Connection IDs (RFC 9146) with pion/dtls, both ways: tests/interop/cid-peer."""

import os
import select
import socket
import subprocess
import tempfile
import threading
import unittest

import json

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
COAX = os.environ.get("COAX", os.path.join(ROOT, "build", "release", "coax"))
PEER = os.path.join(ROOT, "build", "interop", "cid-peer")
IDENTITY, KEY = "device", "secretPSK"
PATIENCE_SECONDS = 60
TLS12_CID = 25


class Relay:
    """Between a client and a server, who sees the content type of each record of epoch 1 that is the first of its datagram."""

    def __init__(self, port):
        self.server = ("127.0.0.1", port)
        self.inner, self.outer = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        self.inner.bind(("127.0.0.1", 0))
        self.outer.bind(("127.0.0.1", 0))
        self.stopping, self.stop_pipe = os.pipe()
        self.types = {"client": set(), "server": set()}
        self.client = None
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def port(self):
        return self.inner.getsockname()[1]

    def note(self, side, data):
        if data[3:5] == b"\0\1":
            self.types[side].add(data[0])

    def run(self):
        while True:
            ready, _, _ = select.select([self.inner, self.outer, self.stopping], [], [])
            if self.stopping in ready:
                return
            if self.inner in ready:
                data, self.client = self.inner.recvfrom(2048)
                self.note("client", data)
                self.outer.sendto(data, self.server)
            if self.outer in ready:
                data = self.outer.recv(2048)
                self.note("server", data)
                self.inner.sendto(data, self.client)

    def stop(self):
        os.write(self.stop_pipe, b"x")
        self.thread.join()
        for file in (self.stopping, self.stop_pipe):
            os.close(file)
        self.inner.close()
        self.outer.close()


class CidTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.credentials = os.path.join(folder.name, "credentials.json")
        entry = {"dtls": {"psk": {"ascii": KEY}, "client-identity": {"ascii": IDENTITY}}}
        with open(os.open(self.credentials, os.O_CREAT | os.O_WRONLY, 0o600), "w", encoding="ascii") as file:
            json.dump({":device": entry, "coaps://127.0.0.1*": ":device"}, file)

    def start(self, *command):
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        self.addCleanup(self.end, process)
        return process, process.stdout.readline().strip()

    def end(self, process):
        process.terminate()
        process.wait(PATIENCE_SECONDS)
        process.stdout.close()

    def run_peer(self, *words):
        return subprocess.run([PEER, "client", *words], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=PATIENCE_SECONDS, check=False)

    def relay(self, port):
        relay = Relay(int(port))
        self.addCleanup(relay.stop)
        return relay

    def test_a_client_of_pion_moves(self):
        for size in ("0", "8"):  # of the Connection ID that it wants itself
            with self.subTest(size=size):
                _, uri = self.start(COAX, "serve", "coaps://127.0.0.1:0", "--credentials", self.credentials)
                done = self.run_peer(uri.removeprefix("coaps://"), IDENTITY, KEY, size, "6", "3")
                self.assertEqual("", done.stderr)
                lines = done.stdout.split()
                self.assertEqual(6, lines.count("2.05"))
                self.assertIn("ping", lines)  # the server makes sure that the client is there

    def test_its_server_gets_the_id_that_it_gave(self):
        for size, types in (("8", {TLS12_CID}), ("0", {22, 23})):
            with self.subTest(size=size):
                _, port = self.start(PEER, "server", IDENTITY, KEY, size)
                relay = self.relay(port)
                done = subprocess.run([COAX, "get", f"coaps://127.0.0.1:{relay.port()}/x", "--credentials", self.credentials],
                                      stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
                self.assertEqual(("hello", "", 0), (done.stdout.strip(), done.stderr, done.returncode))
                self.assertTrue(relay.types["client"] <= types | {21, 20}, relay.types)
                self.assertEqual(TLS12_CID in types, TLS12_CID in relay.types["client"])
                self.assertNotIn(TLS12_CID, relay.types["server"])  # coax's own is of no bytes

    def test_its_client_gets_the_id_that_it_gave(self):
        _, uri = self.start(COAX, "serve", "coaps://127.0.0.1:0", "--credentials", self.credentials)
        relay = self.relay(uri.rsplit(":", 1)[1])
        done = self.run_peer(f"127.0.0.1:{relay.port()}", IDENTITY, KEY, "8", "3", "0")
        self.assertEqual(["2.05"] * 3, done.stdout.split())
        self.assertEqual({TLS12_CID}, relay.types["client"])
        self.assertEqual({TLS12_CID}, relay.types["server"] - {20, 22})


if __name__ == "__main__":
    unittest.main()
