#!/usr/bin/env python3
"""The command over connections (RFC 8323): what `coax get` says and which code it ends with, how it takes its leave, and what
`coax serve` listens on. The peers are sockets of a few lines. COAX in the environment says which command."""

import base64
import contextlib
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

import coap
from serve_test import COAX, PATIENCE_SECONDS, Server

OK, ERROR, USAGE, INTERRUPTED, CLIENT_ERROR, SERVER_ERROR, TIMEOUT, SECURITY = range(8)
CSM, PING, RELEASE, ABORT = 0xE1, 0xE2, 0xE4, 0xE5
SCHEMES = ["coap", "coaps", "coap+tcp", "coaps+tcp", "coap+ws", "coaps+ws"]
ENTRY = {"dtls": {"psk": {"ascii": "secretPSK"}, "client-identity": {"ascii": "me"}}}


def coax(*words):
    return subprocess.run([COAX, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE_SECONDS * 2,
                          check=False)


def frame(code, token=b"", rest=b""):
    """RFC 8323 section 3.2; `rest` are options and payload."""
    length, extended = coap.extended(len(rest))
    return bytes([length << 4 | len(token)]) + extended + bytes([code]) + token + rest


def take_frame(data):
    """(code, token, options and payload), and what is behind it; None while it is not whole."""
    if not data:
        return None
    nibble, size = data[0] >> 4, 1 + {13: 1, 14: 2, 15: 4}.get(data[0] >> 4, 0)
    length = {13: 13, 14: 269, 15: 65805}.get(nibble, nibble) + int.from_bytes(data[1:size], "big")
    token = size + 1 + (data[0] & 15)
    if len(data) < token + length:
        return None
    return (data[size], data[size + 1 : token], data[token : token + length]), data[token + length :]


class Peer:
    """A TCP server for one connection, whose `talk` does what it wants with the socket."""

    def __init__(self, talk):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.host = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.talk, self.frames, self.asked = talk, [], threading.Event()
        self.thread = threading.Thread(target=self.serve)

    def serve(self):
        with contextlib.suppress(OSError):
            self.listener.settimeout(PATIENCE_SECONDS)
            connection, _ = self.listener.accept()
            with connection:
                connection.settimeout(PATIENCE_SECONDS)
                self.talk(self, connection)

    def read_until(self, connection, wanted):
        """Frames up to one whose code is wanted; False if the connection ends before."""
        data = b""
        while True:
            while (taken := take_frame(data)) is not None:
                message, data = taken
                self.frames.append(message)
                if wanted(message[0]):
                    self.asked.set()
                    return True
            more = connection.recv(65536)
            if not more:
                return False
            data += more

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.listener.close()
        self.thread.join()


def is_request(code):
    return 0 < code < 32


def answer(peer, connection, rest=b"\xffhello"):
    connection.sendall(frame(CSM))
    assert peer.read_until(connection, is_request)
    connection.sendall(frame(0x45, peer.frames[-1][1], rest))


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def write(self, name, content):
        path = os.path.join(self.folder, name)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            json.dump(content, file)
        return path

    def certificate(self, name="server", host="localhost"):
        """A self-signed one, and its key."""
        files = [os.path.join(self.folder, f"{name}.{end}") for end in ("crt", "key")]
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                        "-subj", f"/CN={host}", "-addext", f"subjectAltName=DNS:{host},IP:127.0.0.1", "-out", files[0],
                        "-keyout", files[1]], check=True, capture_output=True)
        return files

    def start(self, *words, count=1):
        server = Server(*words, count=count)
        self.addCleanup(server.kill)
        return server

    def assert_ends(self, done, code, said=None):
        self.assertEqual(code, done.returncode, done.stderr)
        if said is not None:
            self.assertRegex(done.stderr, said)


class Leaving(Case):
    """After the answer."""

    def test_the_peer_is_told_before_the_connection_closes(self):
        def talk(peer, connection):
            answer(peer, connection)
            assert peer.read_until(connection, lambda code: code == RELEASE)

        with Peer(talk) as peer:
            started = time.monotonic()
            done = coax(f"coap+tcp://{peer.host}/")
            self.assertLess(time.monotonic() - started, 1.9)
        self.assertEqual((OK, "hello", ""), (done.returncode, done.stdout, done.stderr))
        self.assertEqual([CSM, coap.GET, RELEASE], [code for code, _, _ in peer.frames])

    def linger(self, peer, connection):
        """Answers, and does not close."""
        answer(peer, connection)
        peer.asked.clear()
        peer.read_until(connection, lambda code: code == RELEASE)
        while connection.recv(100):
            pass

    def test_a_peer_that_does_not_close_is_waited_for_a_while(self):
        with Peer(self.linger) as peer:
            started = time.monotonic()
            done = coax(f"coap+tcp://{peer.host}/")
            self.assertTrue(1.9 < time.monotonic() - started < 10)
        self.assertEqual((OK, "hello", ""), (done.returncode, done.stdout, done.stderr))

    def test_ctrl_c_ends_the_wait(self):
        with Peer(self.linger) as peer, subprocess.Popen([COAX, f"coap+tcp://{peer.host}/"], stdin=subprocess.DEVNULL,
                                                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            self.assertEqual("hello", process.stdout.read(5))
            self.assertTrue(peer.asked.wait(PATIENCE_SECONDS))
            started = time.monotonic()
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=PATIENCE_SECONDS)
            self.assertLess(time.monotonic() - started, 1.5)
        self.assertEqual((OK, ""), (process.returncode, said))


class Failures(Case):
    def fails(self, talk, status, code=ERROR, scheme="coap+tcp", words=()):
        with Peer(talk) as peer:
            done = coax(f"{scheme}://{peer.host}/", "--format", "json", *words)
        self.assert_ends(done, code, "^coax: ")
        self.assertRegex(json.loads(done.stdout)["error"]["status"], f"^{status}$", done.stderr)
        return done.stderr

    def test_connections_that_end(self):
        def ends_with(last):
            def talk(peer, connection):
                connection.sendall(frame(CSM))
                peer.read_until(connection, is_request)
                connection.sendall(last)

            return talk

        self.fails(ends_with(b""), "COAX_E_LOST")
        self.fails(ends_with(frame(RELEASE)), "COAX_E_(RELEASED|LOST)")
        self.assertIn("go away", self.fails(ends_with(frame(ABORT, rest=b"\xffgo away")), "COAX_E_ABORTED"))

    def test_silence(self):
        def talk(peer, connection):
            connection.sendall(frame(CSM))
            peer.read_until(connection, lambda code: False)

        self.fails(talk, "COAX_E_TIMEOUT", TIMEOUT, words=["--timeout", "0.5"])

    def test_nobody_listens(self):
        with socket.create_server(("127.0.0.1", 0)) as held:
            port = held.getsockname()[1]
        for scheme in ("coap+tcp", "coap+ws"):
            done = coax(f"{scheme}://127.0.0.1:{port}/", "--format", "json")
            self.assert_ends(done, ERROR)
            self.assertEqual("COAX_E_REFUSED", json.loads(done.stdout)["error"]["status"])

    def test_a_web_server_without_coap(self):
        def says(head):
            def talk(_, connection):
                connection.recv(65536)
                connection.sendall(head)

            return talk

        self.assertIn("404", self.fails(says(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"), "COAX_E_UPGRADE", scheme="coap+ws"))
        self.fails(says(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"), "COAX_E_UPGRADE", scheme="coap+ws")
        self.fails(says(b"SSH-2.0-OpenSSH\r\n\r\n"), "COAX_E_UPGRADE", scheme="coap+ws")

    def test_security(self):
        mine, key = self.certificate()
        other, _ = self.certificate("other")
        server = self.start("coaps+tcp://127.0.0.1:0", "coaps+ws://127.0.0.1:0", "--credentials",
                            self.write("server.json", {":me": {"x509": {"certificate": mine, "private-key": key}}}), count=2)
        good = self.write("good.json", {"coaps*": {"x509": {"trust": mine}}})
        bad = self.write("bad.json", {"coaps*": {"x509": {"trust": other}}})
        for uri in server.uris:
            self.assert_ends(coax(uri + "/time", "--credentials", good), OK, "^$")
            done = coax(uri + "/time", "--credentials", bad, "--format", "json")
            self.assert_ends(done, SECURITY, "^coax: ")
            self.assertEqual("COAX_E_CERTIFICATE", json.loads(done.stdout)["error"]["status"])
        self.assertEqual((0, "", ""), server.stop())


class Verbose(Case):
    def test_signaling_is_shown(self):
        server = self.start("coap+tcp://127.0.0.1:0", "coap+ws://127.0.0.1:0", "-v", count=2)
        for uri in server.uris:
            said = coax(uri + "/time", "-v").stderr
            where = re.escape(uri)
            self.assertRegex(said, rf"-> {where}  7\.01 CSM Max-Message-Size=\d+ Block-Wise-Transfer\n")
            self.assertRegex(said, rf"<- {where}  7\.01 CSM")
            self.assertRegex(said, rf"-> {where}  7\.04 Release")
        code, _, said = server.stop()
        self.assertEqual(0, code)
        self.assertRegex(said, r"<- coap\+ws client at 127\.0\.0\.1:\d+  .*GET")
        self.assertRegex(said, r"<- coap\+tcp client at 127\.0\.0\.1:\d+  7\.04 Release")


def free_ports():
    """A port P for which those are free that go with it."""
    for _ in range(100):
        with contextlib.ExitStack() as held, contextlib.suppress(OSError, OverflowError):
            first = held.enter_context(socket.create_server(("127.0.0.1", 0)))
            port = first.getsockname()[1]
            for other in (port + 1, port + 3000, port + 3001):
                held.enter_context(socket.create_server(("127.0.0.1", other)))
            for other in (port, port + 1):
                held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)).bind(("127.0.0.1", other))
            return port
    raise RuntimeError("no free ports")


class Large(Case):
    """What no datagram holds passes over a connection, in one message."""

    def keep(self, name, content):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as file:
            file.write(content)
        return path

    def test_there_and_back(self):
        stored, filed = bytes(range(256)) * 250, os.urandom(900000)
        put = self.keep("put", stored)
        self.keep("file", filed)
        uris = [f"{scheme}://127.0.0.1:0" for scheme in ("coap+tcp", "coap+ws", "coap")]
        server = self.start(*uris, "--files", self.folder, count=3)
        for base in server.uris:
            self.assert_ends(coax("put", f"{base}/store/large", "--payload-file", put), OK)
            for path, content in (("store/large", stored), ("files/file", filed)):
                got = subprocess.run([COAX, "get", f"{base}/{path}"], capture_output=True, timeout=PATIENCE_SECONDS, check=False)
                self.assertEqual((got.returncode, got.stderr), (OK, b""))
                self.assertTrue(got.stdout == content, path)


class Defaults(Case):
    def test_all_transports_with_one_file(self):
        credentials = self.write("both.json", {":me": ENTRY, "coaps*": ":me"})
        server = self.start("--bind", "127.0.0.1", "--port", "0", "--credentials", credentials, count=6)
        self.assertEqual(SCHEMES, [uri.split(":")[0] for uri in server.uris])
        self.assertNotIn(1, server.ports)
        for uri in server.uris:
            done = coax(uri + "/whoami", "--credentials", credentials)
            self.assert_ends(done, OK, "^$")
            self.assertIn(f"scheme: {uri.split(':')[0]}\n", done.stdout)
            self.assertTrue(done.stdout.endswith("claim: :me" if "coaps" in uri else "claim: (none)"), done.stdout)
        self.assertEqual((0, "", ""), server.stop())

    def test_port_arithmetic(self):
        port = free_ports()
        credentials = self.write("both.json", {":me": ENTRY})
        server = self.start("--bind", "127.0.0.1", "--port", str(port), "--credentials", credentials, count=6)
        self.assertEqual([port, port + 1, port, port + 1, port + 3000, port + 3001], server.ports)
        self.assertEqual((0, "", ""), server.stop())

    def test_without_credentials(self):
        server = self.start("--bind", "127.0.0.1", "--port", "0", count=3)
        self.assertEqual(["coap", "coap+tcp", "coap+ws"], [uri.split(":")[0] for uri in server.uris])
        self.assertEqual((0, "", ""), server.stop())

    def test_both_families(self):
        server = self.start("--port", "0", count=3)
        if "[::]" not in server.uris[0]:
            self.skipTest("no IPv6 here")
        for uri in server.uris:
            for host in ("127.0.0.1", "[::1]"):
                self.assert_ends(coax(uri.replace("[::]", host) + "/time"), OK, "^$")

    def test_ports_that_do_not_exist(self):
        done = coax("serve", "--port", "62536")
        self.assert_ends(done, USAGE, "--port 62536 leaves none for coap\\+ws.*62535 is the highest")


class WebSocket:
    """A client that knows no more than it needs: whole frames of less than 64 KiB."""

    def __init__(self, port, **fields):
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS)
        head = {"Host": f"127.0.0.1:{port}", "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
                "Sec-WebSocket-Key": base64.b64encode(bytes(16)).decode(), "Sec-WebSocket-Protocol": "coap",
                **{name.replace("_", "-"): value for name, value in fields.items()}}
        lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        self.socket.sendall(f"GET /.well-known/coap HTTP/1.1\r\n{lines}\r\n".encode())
        self.data = b""
        while b"\r\n\r\n" not in self.data:
            more = self.socket.recv(65536)
            assert more, self.data
            self.data += more
        answered, self.data = self.data.split(b"\r\n\r\n", 1)
        self.status = int(answered.split()[1])

    def send(self, message):
        self.socket.sendall(bytes([0x82, 0x80 | len(message)]) + bytes(4) + message)

    def receive(self):
        while True:
            if len(self.data) >= 2:
                short, start = self.data[1] & 127, 2
                size = int.from_bytes(self.data[2:4], "big") if short == 126 else short
                start += 2 if short == 126 else 0
                if len(self.data) >= start + size:
                    message, self.data = self.data[start : start + size], self.data[start + size :]
                    return message
            more = self.socket.recv(65536)
            assert more, "closed"
            self.data += more

    def whoami(self):
        self.send(bytes([0, CSM]))
        self.send(bytes([0, coap.GET]) + b"\xb6whoami")
        messages = [self.receive(), self.receive()]
        return messages[1].split(b"\xff", 1)[1].decode()


class Web(Case):
    def connect(self, server, **fields):
        client = WebSocket(server.ports[0], **fields)
        self.addCleanup(client.socket.close)
        return client

    def test_origins(self):
        plain = self.start("coap+ws://127.0.0.1:0")
        some = self.start("coap+ws://127.0.0.1:0", "--origin", "https://a.example", "--origin=http://b.example:8080")
        every = self.start("coap+ws://127.0.0.1:0", "--origin", "*")
        for origin, statuses in (("https://a.example", (403, 101, 101)), ("http://b.example:8080", (403, 101, 101)),
                                 ("https://c.example", (403, 403, 101)), ("http://127.0.0.1:1234", (101, 403, 101))):
            with self.subTest(origin):
                self.assertEqual(statuses, tuple(self.connect(server, Origin=origin).status for server in (plain, some, every)))

    def test_a_proxy_is_believed_only_when_told(self):
        believing = self.start("coap+ws://127.0.0.1:0", "--trust-forwarded")
        doubting = self.start("coap+ws://127.0.0.1:0")
        for server, expected in ((believing, "192.0.2.7"), (doubting, "127.0.0.1")):
            remote = re.search("remote: (.*)", self.connect(server, X_Forwarded_For="192.0.2.7").whoami())[1]
            self.assertIn(f"coap+ws client at {expected}", remote)


class HandedOver(Case):
    """Sockets as systemd passes them: from descriptor 3 on, and only bash knows its own process id before exec."""

    def serve(self, sockets, *words, names=None, count=None):
        numbers = [handed.fileno() for handed in sockets]
        moves = [f"{number}<&{100 + number}" for number in range(3, 3 + len(numbers))]
        keep = [f"exec {103 + index}<&{number}" for index, number in enumerate(numbers)]
        variables = f"LISTEN_PID=$$ LISTEN_FDS={len(numbers)}" + (f" LISTEN_FDNAMES={names}" if names is not None else "")
        script = f"{'; '.join(keep)}; export {variables}; exec \"$@\" {' '.join(moves)}"
        server = Server.__new__(Server)
        server.process = subprocess.Popen(["bash", "-c", script, "bash", COAX, "serve", *words], stdin=subprocess.DEVNULL,
                                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0, pass_fds=numbers)
        self.addCleanup(server.kill)
        server.uris = [server.line(server.process.stdout) for _ in range(len(numbers) if count is None else count)]
        return server

    def sockets(self, *kinds):
        """"d": a datagram socket, "s": a stream socket that listens."""
        held = []
        for kind in kinds:
            if kind == "s":
                held.append(socket.create_server(("127.0.0.1", 0)))
            else:
                held.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                held[-1].bind(("127.0.0.1", 0))
            self.addCleanup(held[-1].close)
        return held

    def test_names(self):
        credentials = self.write("both.json", {":me": ENTRY, "coaps*": ":me"})
        sockets = self.sockets("s", "s", "d", "s", "d", "s")
        names = ["coaps+ws", "coap+tcp", "coaps", "coap+ws", "coap", "coaps+tcp"]
        server = self.serve(sockets, "--credentials", credentials, names=":".join(names))
        expected = [f"{name}://127.0.0.1:{held.getsockname()[1]}" for name, held in zip(names, sockets)]
        self.assertEqual(expected, server.uris)
        for held in sockets:
            held.close()
        for uri in server.uris:
            self.assert_ends(coax(uri + "/time", "--credentials", credentials), OK, "^$")
        self.assertEqual((0, "", ""), server.stop())

    def test_kinds(self):
        for names in (None, "coax.socket:coax.socket"):
            server = self.serve(self.sockets("d", "s"), names=names)
            self.assertEqual(["coap", "coap+tcp"], [uri.split(":")[0] for uri in server.uris])
            for uri in server.uris:
                self.assert_ends(coax(uri + "/time"), OK, "^$")
            self.assertEqual((0, "", ""), server.stop())

    def test_uris_come_in_addition(self):
        server = self.serve(self.sockets("d"), "coap+tcp://127.0.0.1:0", count=2)
        self.assertEqual(["coap", "coap+tcp"], [uri.split(":")[0] for uri in server.uris])

    def test_what_does_not_fit(self):
        for sockets, words, names, code, said in ((["d"], (), "coap+tcp", USAGE, "number 1 is taken for coap\\+tcp"),
                                                  (["s"], (), "coaps+tcp", SECURITY, "--credentials FILE"),
                                                  (["s"], ("--port", "1"), None, USAGE, "leave --port out")):
            server = self.serve(self.sockets(*sockets), *words, names=names, count=0)
            output, errors = server.process.communicate(timeout=PATIENCE_SECONDS)
            self.assertEqual((code, b""), (server.process.returncode, output), errors)
            self.assertRegex(errors.decode(), said)

    @unittest.skipUnless(shutil.which("systemd-socket-activate"), "needs systemd-socket-activate")
    def test_systemds_own_starter(self):
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        process = subprocess.Popen(["systemd-socket-activate", "-l", f"127.0.0.1:{port}", "--fdname=coap+ws", COAX, "serve"],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        self.assertTrue(select.select([process.stderr], [], [], PATIENCE_SECONDS)[0])
        self.assertIn("Listening on", process.stderr.readline())
        self.assert_ends(coax(f"coap+ws://127.0.0.1:{port}/time"), OK, "^$")
        self.assertEqual(f"coap+ws://127.0.0.1:{port}", process.stdout.readline().strip())
        process.send_signal(signal.SIGTERM)
        self.assertEqual(0, process.wait(PATIENCE_SECONDS))


if __name__ == "__main__":
    unittest.main()
