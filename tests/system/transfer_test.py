#!/usr/bin/env python3
"""Large files up and down: broken off and resumed, with a progress bar on a terminal, and in little memory at either end. COAX in the
environment says which command; the memory is only measured of one without sanitizers."""

import hashlib
import os
import pty
import re
import resource
import select
import signal
import socket
import subprocess
import tempfile
import threading
import unittest

from serve_test import COAX, PATIENCE_SECONDS, Server

MEGABYTE = 1024 * 1024
GROWTH_MAXIMUM = 4 * MEGABYTE
OK, ERROR, TIMEOUT = 0, 1, 6


def is_sanitized():
    with open(COAX, "rb") as file:
        return b"__asan_init" in file.read()


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.shared, self.own = os.path.join(folder.name, "shared"), os.path.join(folder.name, "own")
        os.mkdir(self.shared)
        os.mkdir(self.own)

    def serve(self, *words, count=1):
        server = Server(*words, "--files", self.shared, "--writable", count=count)
        self.addCleanup(server.kill)
        return server

    def make(self, folder, name, size):
        path = os.path.join(folder, name)
        with open(path, "wb") as file:
            for number in range(0, size, MEGABYTE):
                file.write(os.urandom(min(MEGABYTE, size - number)))
        return path

    def digest(self, path):
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def coax(self, *words, timeout=PATIENCE_SECONDS):
        return subprocess.run([COAX, *words], stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=timeout)

    def assert_good(self, done):
        self.assertEqual((done.returncode, done.stdout, done.stderr), (OK, b"", b""))


class Files(Case):
    def test_there_and_back(self):
        server = self.serve("coap://127.0.0.1:0", "coap+tcp://127.0.0.1:0", "coap+ws://127.0.0.1:0", count=3)
        for number, uri in enumerate(server.uris):
            for size in (0, 1, 1024, 1025, 3 * MEGABYTE):
                source, back = self.make(self.own, "source", size), os.path.join(self.own, "back")
                name = f"{uri}/files/{number}-{size}"
                self.assert_good(self.coax("put", name, "--payload-file", source))
                self.assert_good(self.coax("get", name, "--output", back))
                self.assertEqual(self.digest(source), self.digest(back))
                with open(source, "rb") as file:
                    self.assertEqual(self.coax("get", name).stdout, file.read())
        self.assertEqual(sorted(os.listdir(self.own)), ["back", "source"])
        self.assertEqual(len(os.listdir(self.shared)), 15)
        self.assertEqual(server.stop(), (0, "", ""))

    def test_bursts(self):
        server = self.serve("coap://127.0.0.1:0", "--q-block", "-v")
        source, back = self.make(self.own, "source", 30 * 1024 + 5), os.path.join(self.own, "back")
        self.assert_good(self.coax("put", f"{server.uris[0]}/files/a", "--payload-file", source, "--q-block"))
        self.assert_good(self.coax("get", f"{server.uris[0]}/files/a", "--output", back, "--q-block"))
        self.assertEqual(self.digest(source), self.digest(back))
        _, _, log = server.stop()
        self.assertIn("Q-Block1=30/0/1024", log)
        self.assertIn("Q-Block2=20/1/1024", log)
        self.assertNotIn(" Block", log)
        # A server that takes none.
        server = self.serve("coap://127.0.0.1:0")
        self.assert_good(self.coax("put", f"{server.uris[0]}/files/b", "--payload-file", source, "--q-block"))
        self.assert_good(self.coax("get", f"{server.uris[0]}/files/b", "--output", back, "--q-block"))
        self.assertEqual(self.digest(source), self.digest(back))

    def test_a_server_writes_only_if_it_is_told(self):
        server = Server("coap://127.0.0.1:0", "--files", self.shared)
        self.addCleanup(server.kill)
        done = self.coax("put", f"{server.uris[0]}/files/a", "--payload", "x")
        self.assertEqual(done.returncode, 4)
        self.assertEqual(os.listdir(self.shared), [])
        done = self.coax("serve", "coap://127.0.0.1:0", "--writable")
        self.assertEqual((done.returncode, done.stdout), (2, b""))

    def test_what_breaks_off_leaves_nothing_on_the_server(self):
        server = self.serve("coap+tcp://127.0.0.1:0")
        source = self.make(self.own, "source", 20 * MEGABYTE)
        upload = subprocess.Popen([COAX, "put", f"{server.uris[0]}/files/a", "--payload-file", source], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(upload.communicate)
        self.addCleanup(upload.kill)
        while not os.listdir(self.shared) and upload.poll() is None:
            pass
        upload.kill()
        upload.wait()
        self.assertEqual(server.stop()[0], 0)
        self.assertIn(os.listdir(self.shared), ([], ["a"]))


class Relay:
    """Hands datagrams on between one client and a server, until so many came from the server."""

    def __init__(self, port, count):
        self.front, self.back = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        self.front.bind(("127.0.0.1", 0))
        self.back.connect(("127.0.0.1", port))
        self.uri, self.count, self.asked = f"coap://127.0.0.1:{self.front.getsockname()[1]}", count, []
        self.ended, self.wake = os.pipe()
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self):
        client = None
        while True:
            ready, _, _ = select.select([self.front, self.back, self.ended], [], [])
            if self.ended in ready:
                return
            if self.back in ready:
                data = self.back.recv(65536)
                if self.count != 0:
                    self.count -= 1
                    self.front.sendto(data, client)
            if self.front in ready:
                data, client = self.front.recvfrom(65536)
                self.asked.append(data)
                self.back.send(data)

    def close(self):
        os.close(self.wake)
        self.thread.join()
        os.close(self.ended)
        self.front.close()
        self.back.close()


class Resuming(Case):
    def relay(self, server, count):
        relay = Relay(server.ports[0], count)
        self.addCleanup(relay.close)
        return relay

    def test_a_download_goes_on_where_it_broke_off(self):
        server = self.serve("coap://127.0.0.1:0")
        source, out = self.make(self.shared, "large", 300 * 1024 + 5), os.path.join(self.own, "out")
        done = self.coax("get", f"{self.relay(server, 100).uri}/files/large", "--output", out, "--timeout", "2")
        self.assertEqual(done.returncode, TIMEOUT)
        self.assertRegex(done.stderr.decode(), r"102400 bytes are in \S+/out\.[0-9a-f]{16}\.part; the same command goes on from there")
        (part,) = os.listdir(self.own)
        self.assertEqual(os.path.getsize(os.path.join(self.own, part)), 102400)
        relay = self.relay(server, -1)
        self.assert_good(self.coax("get", f"{relay.uri}/files/large", "--output", out))
        self.assertEqual(self.digest(source), self.digest(out))
        self.assertEqual(len(relay.asked), 201)
        self.assertEqual(os.listdir(self.own), ["out"])

    def test_another_file_by_now(self):
        server = self.serve("coap://127.0.0.1:0")
        out = os.path.join(self.own, "out")
        self.make(self.shared, "large", 300 * 1024)
        self.assertEqual(self.coax("get", f"{self.relay(server, 100).uri}/files/large", "--output", out, "--timeout", "2").returncode,
                         TIMEOUT)
        source = self.make(self.shared, "large", 50 * 1024)
        self.assert_good(self.coax("get", f"{server.uris[0]}/files/large", "--output", out))
        self.assertEqual(self.digest(source), self.digest(out))
        self.assertEqual(os.listdir(self.own), ["out"])

    def test_ctrl_c_keeps_what_came(self):
        server = self.serve("coap://127.0.0.1:0")
        self.make(self.shared, "large", 300 * 1024)
        relay = self.relay(server, 50)
        process = subprocess.Popen([COAX, "get", f"{relay.uri}/files/large", "--output", os.path.join(self.own, "out")],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        while len(relay.asked) < 51:
            self.assertIsNone(process.poll())
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=PATIENCE_SECONDS)
        self.assertEqual(process.returncode, 3)
        self.assertIn(b"51200 bytes are in", said)


class Progress(Case):
    def test_a_bar_on_a_terminal(self):
        server = self.serve("coap://127.0.0.1:0")
        self.make(self.shared, "large", 300 * 1024)
        relay = Relay(server.ports[0], 100)
        self.addCleanup(relay.close)
        leader, follower = pty.openpty()
        self.addCleanup(os.close, leader)
        process = subprocess.Popen([COAX, "get", f"{relay.uri}/files/large", "--output", os.path.join(self.own, "out")],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=follower)
        os.close(follower)
        said = b""
        while len(relay.asked) < 101:
            self.assertIsNone(process.poll())
        self.addCleanup(process.wait)
        relay_again = threading.Timer(1.2, lambda: setattr(relay, "count", -1))  # the bar is for what takes over a second
        relay_again.start()
        while select.select([leader], [], [], PATIENCE_SECONDS)[0]:
            try:
                said += os.read(leader, 65536)
            except OSError:  # the other end is closed
                break
        self.assertEqual(process.wait(), OK)
        self.assertRegex(said.decode(), r"\[=+ +\] +\d+ %  \d+\.\d KiB of 300\.0 KiB, \d+\.\d KiB/s, \d+ s left")
        self.assertTrue(said.endswith(b"\r\x1b[K"), said[-50:])


@unittest.skipIf(is_sanitized(), "sanitizers keep freed memory for a while")
class Memory(Case):
    """256 MB up and down in 4 MB at each end, and over UDP, where each KB has a message of its own, 32 MB."""

    def server_peak(self, server):
        with open(f"/proc/{server.process.pid}/status", encoding="ascii") as status:
            return 1024 * int(re.search(r"VmHWM:\s+(\d+)", status.read())[1])

    def client_peak(self, *words):
        """By time(1): what wait4() tells here counts what this Python had when it forked."""
        done = subprocess.run(["time", "-f", "%M", COAX, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                              timeout=PATIENCE_SECONDS * 4)
        self.assertEqual((done.returncode, done.stdout), (OK, ""), done.stderr)
        return int(done.stderr) * 1024

    def test_memory(self):
        server = self.serve("coap+tcp://127.0.0.1:0", "coap+ws://127.0.0.1:0", "coap://127.0.0.1:0", count=3)
        for uri, size in zip(server.uris, (256 * MEGABYTE, 256 * MEGABYTE, 32 * MEGABYTE)):
            scheme = uri.partition(":")[0]
            small, large = self.make(self.own, "small", 2000), self.make(self.own, "large", size)
            back = os.path.join(self.own, "back")
            client_before = max(self.client_peak("put", f"{uri}/files/small", "--payload-file", small),
                                self.client_peak("get", f"{uri}/files/small", "--output", back))
            server_before = self.server_peak(server)
            up = self.client_peak("put", f"{uri}/files/large", "--payload-file", large) - client_before
            down = self.client_peak("get", f"{uri}/files/large", "--output", back) - client_before
            served = self.server_peak(server) - server_before
            self.assertEqual(self.digest(large), self.digest(back))
            print(f"{scheme}, {size // MEGABYTE} MB: the client grew by {up // 1024} KB for the upload and {down // 1024} KB for the "
                  f"download, the server by {served // 1024} KB for both", flush=True)
            for growth in (up, down, served):
                self.assertLess(growth, GROWTH_MAXIMUM)
            os.remove(os.path.join(self.shared, "large"))


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    unittest.main()
