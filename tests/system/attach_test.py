#!/usr/bin/env python3
"""Both roles on one connection, as the command shows them: `coax attach` serves to the server that it connects to, and
`coax serve --call` asks the clients that are connected. COAX in the environment says which command."""

import os
import pty
import re
import select
import signal
import socket
import subprocess
import threading
import time
import unittest

from serve_test import COAX, PATIENCE_SECONDS
from streams_test import ENTRY, ERROR, OK, SECURITY, USAGE, Case, Peer, coax


class Program:
    """The command in the background, typed into; what it says is kept by stream."""

    def __init__(self, *words, stdin=subprocess.PIPE):
        self.process = subprocess.Popen([COAX, *words], stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)
        self.said = {"out": "", "err": ""}

    def type(self, text):
        self.process.stdin.write(text.encode())

    def end_input(self):
        self.process.stdin.close()
        self.process.stdin = None  # communicate() would flush it

    def wait_for(self, stream, pattern):
        """The first match in what the stream has said so far, and what came before it."""
        streams = {self.process.stdout: "out", self.process.stderr: "err"}
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (found := re.search(pattern, self.said[stream], re.MULTILINE)):
            ready, _, _ = select.select(list(streams), [], [], max(0, deadline - time.monotonic()))
            if not ready:
                raise TimeoutError(f"no {pattern} in {self.said}")
            for readable in ready:
                data = os.read(readable.fileno(), 65536)
                if not data:
                    raise AssertionError(f"ended with {self.process.wait()} before {pattern}: {self.said}")
                self.said[streams[readable]] += data.decode()
        self.said[stream] = self.said[stream][found.end() :]
        return found

    def stop(self, number=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.end()

    def end(self):
        out, err = self.process.communicate(timeout=PATIENCE_SECONDS)
        self.said["out"] += out.decode()
        self.said["err"] += err.decode()
        return self.process.returncode

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


class Attached(Case):
    def program(self, *words, **more):
        program = Program(*words, **more)
        self.addCleanup(program.kill)
        return program

    def server(self, *words):
        server = self.program("serve", "--call", *words)
        server.uri = server.wait_for("out", r"^(coap\S+)\n")[1]
        return server

    def test_every_scheme(self):
        credentials = self.write("both.json", {":me": ENTRY, "coaps*": ":me"})
        for scheme in ("coap+tcp", "coap+ws", "coaps+tcp", "coaps+ws", "coaps"):
            with self.subTest(scheme):
                more = ["--credentials", credentials] if scheme.startswith("coaps") else []
                server = self.server(f"{scheme}://127.0.0.1:0", *more)
                client = self.program("attach", server.uri, *more)
                client.wait_for("out", f"^attached to {re.escape(server.uri)}\n")
                claim = "claim :me" if more else "no claim"
                server.wait_for("err", rf"^coax: client 1 is here: {re.escape(scheme)} 127\.0\.0\.1:\d+, {claim}\n")
                server.type("1 get /time\n")
                server.wait_for("err", "^coax: client 1, get /time: 2.05 Content\n")
                server.wait_for("out", r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\n")
                server.type("1 put /store/a hello from the server\n1 get /store/a\n")
                server.wait_for("out", "^hello from the server\n")
                self.assertEqual(OK, coax("get", server.uri + "/time", *more).returncode)
                self.assertEqual(OK, client.stop(), client.said)
                self.assertEqual("", client.said["err"])
                server.wait_for("err", "^coax: client 1 is gone: ")
                self.assertEqual(OK, server.stop(), server.said)

    def test_files_and_allow_lists(self):
        """What the client serves, it serves by its own rules."""
        with open(os.path.join(self.folder, "note"), "w", encoding="ascii") as file:
            file.write("on the device")
        server = self.server("coap+tcp://127.0.0.1:0")
        client = self.program("attach", server.uri, "--files", self.folder)
        server.wait_for("err", "client 1 is here")
        server.type("1 get /files/note\n1 delete /files/note\n")
        server.wait_for("out", "^on the device\n")
        server.wait_for("err", "^coax: client 1, delete /files/note:\ncoax: 4.05 Method Not Allowed\n")
        self.assertEqual(OK, client.stop(signal.SIGINT))

    def test_several_clients_and_what_is_typed(self):
        server = self.server("coap+ws://127.0.0.1:0")
        server.type("list\n")
        server.wait_for("out", "nobody is connected")
        clients = []
        for number in (1, 2, 3):
            clients.append(self.program("attach", server.uri))
            server.wait_for("err", f"client {number} is here")
        for number in (1, 2, 3):
            server.type(f"{number} put /store/me {number}\n")
        clients[1].stop()
        server.wait_for("err", "client 2 is gone")
        server.type("list\n2 get /time\n3 gte /time\n3 get /store/me")
        server.end_input()
        server.wait_for("out", r"^1  coap\+ws 127\.0\.0\.1:\d+, no claim\n3  coap\+ws 127\.0\.0\.1:\d+, no claim\n")
        server.wait_for("err", "there is no client 2")
        server.wait_for("err", "no method 'gte'; did you mean get")
        server.wait_for("out", "^3\n")
        self.assertEqual(OK, coax("get", server.uri + "/time").returncode)  # the end of what is typed is not the server's

    def test_a_terminal(self):
        ours, theirs = pty.openpty()
        self.addCleanup(os.close, ours)
        server = self.program("serve", "--call", "coap+tcp://127.0.0.1:0", stdin=theirs)
        os.close(theirs)
        server.wait_for("err", "help shows what can be typed")
        os.write(ours, b"help\n")
        server.wait_for("out", "1 put /store/a hello")
        self.assertNotIn("\033", server.said["out"] + server.said["err"])
        self.assertEqual(OK, server.stop())

    def test_the_server_comes_back(self):
        server = self.server("coap+tcp://127.0.0.1:0")
        client = self.program("attach", server.uri)
        client.wait_for("out", "^attached to ")
        for number in (signal.SIGTERM, signal.SIGKILL):
            server.stop(number)
            said = client.wait_for("err", r"^coax: (.*); connecting again in ([\d.]+) s\n")
            self.assertIn("released" if number == signal.SIGTERM else "ended", said[1])
            self.assertTrue(1 <= float(said[2]) <= 4, said[2])
            server = self.server(server.uri)
            client.wait_for("out", "^attached to ")
            server.wait_for("err", "client 1 is here")
            server.type("1 get /host/uptime\n")
            server.wait_for("out", r"^\d+\.\d\d\n")
        self.assertEqual(OK, client.stop())

    def test_a_dtls_server_comes_back(self):
        """One that was killed says no goodbye: a ping finds it out, and there is a handshake with the new one."""
        more = ["--credentials", self.write("both.json", {":me": ENTRY, "coaps*": ":me"})]
        server = self.server("coaps://127.0.0.1:0", *more)
        client = self.program("attach", server.uri, "--ping-interval", "1", *more)
        client.wait_for("out", "^attached to ")
        server.wait_for("err", "client 1 is here")
        server.stop(signal.SIGKILL)
        server = self.server(server.uri, *more)
        client.wait_for("err", rf"^coax: .*{re.escape(server.uri)}.*; connecting again in ([\d.]+) s\n")
        client.wait_for("out", "^attached to ")
        server.wait_for("err", "client 1 is here")
        server.type("1 get /host/uptime\n")
        server.wait_for("out", r"^\d+\.\d\d\n")
        self.assertEqual(OK, client.stop())

    def test_waits_are_ended_by_a_signal(self):
        with socket.create_server(("127.0.0.1", 0)) as held:
            port = held.getsockname()[1]
        client = self.program("attach", f"coap+ws://127.0.0.1:{port}")
        client.wait_for("err", "connecting again in 1")
        self.assertEqual(OK, client.stop(signal.SIGINT))
        self.assertEqual("", client.said["out"])


class WillNotMend(Case):
    def attach(self, *words):
        return coax("attach", *words)

    def test_coap(self):
        self.assert_ends(self.attach("coap://127.0.0.1"), USAGE, r"coap has no connections.*attach by coap\+tcp")

    def test_no_upgrade(self):
        for status in ("404 Not Found", "403 Forbidden", "200 OK"):
            def talk(_, connection, status=status):
                connection.recv(65536)
                connection.sendall(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())

            with Peer(talk) as peer:
                self.assert_ends(self.attach(f"coap+ws://{peer.host}"), ERROR, status[:3])

    def test_credentials_and_certificates(self):
        mine, key = self.certificate()
        other, _ = self.certificate("other")
        server = self.start("coaps+tcp://127.0.0.1:0", "coaps+ws://127.0.0.1:0", "--credentials",
                            self.write("server.json", {":me": {"x509": {"certificate": mine, "private-key": key}}, ":psk": ENTRY}), count=2)
        wrong = {"dtls": {**ENTRY["dtls"], "psk": {"ascii": "another"}}}
        for uri in server.uris:
            for content in ({"coaps*": {"x509": {"trust": other}}}, {"coaps*": wrong}, {}):
                done = self.attach(uri, "--credentials", self.write("client.json", content))
                if content:
                    self.assert_ends(done, SECURITY, "^coax: ")
                    self.assertNotIn("again", done.stderr)

    def test_no_credentials(self):
        self.assert_ends(self.attach("coaps://127.0.0.1:1"), SECURITY, "credentials")


class Release(Case):
    def test_the_server_hears_it(self):
        ended = threading.Event()

        def talk(peer, connection):
            connection.sendall(b"\x00\xe1")
            peer.read_until(connection, lambda code: code == 0xE4)
            ended.set()

        with Peer(talk) as peer:
            client = Program("attach", f"coap+tcp://{peer.host}")
            self.addCleanup(client.kill)
            client.wait_for("out", "^attached to ")
            started = time.monotonic()
            self.assertEqual(OK, client.stop(signal.SIGINT))
            self.assertLess(time.monotonic() - started, 1.9)
            self.assertTrue(ended.is_set())


if __name__ == "__main__":
    unittest.main()
