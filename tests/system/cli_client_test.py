#!/usr/bin/env python3
"""The `coax` command as a client, as people and scripts use it: against `coax serve`, and against peers of a few lines
where a certain answer, or none, is wanted. COAX in the environment says which command."""

import json
import os
import re
import select
import signal
import socket
import stat
import subprocess
import tempfile
import threading
import time
import unittest

COAX = os.environ.get("COAX", "build/release/coax")
PATIENCE_SECONDS = 30

OK, ERROR, USAGE, INTERRUPTED, CLIENT_ERROR, SERVER_ERROR, TIMEOUT, SECURITY = range(8)

PSK = {"psk": {"ascii": "secretPSK"}, "client-identity": {"ascii": "client_Identity"}}


def coax(*words, stdin=None, environment=None):
    """Runs the command to its end; without stdin its input is /dev/null."""
    given = {"stdin": subprocess.DEVNULL} if stdin is None else {"input": stdin}
    return subprocess.run([COAX, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE_SECONDS * 2,
                          env={**os.environ, **(environment or {})}, check=False, **given)


class Peer:
    """Answers every datagram with `answer(token, message_id)`, or not at all."""

    def __init__(self, answer=None):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.uri = f"coap://127.0.0.1:{self.socket.getsockname()[1]}/"
        self.answer = answer
        self.received = []
        self.ended, self.wake = os.pipe()
        self.thread = threading.Thread(target=self.serve)
        self.arrived = threading.Event()

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        os.close(self.wake)
        self.thread.join()
        os.close(self.ended)
        self.socket.close()

    def serve(self):
        while True:
            ready, _, _ = select.select([self.socket, self.ended], [], [])
            if self.ended in ready:
                return
            data, source = self.socket.recvfrom(65536)
            self.received.append(data)
            self.arrived.set()
            if self.answer is not None:
                token = data[4:4 + (data[0] & 15)]
                self.socket.sendto(self.answer(token, data[2:4]), source)


def record_type(datagram):
    """What the first record is (RFC 6347 section 4.1). Where there is a Connection ID, of 8 bytes here, the type is sealed
    (RFC 9146 section 4), and shows by the length alone: an alert has 2 bytes, and is sealed with at most 25 more."""
    if datagram[0] != 25:
        return datagram[0]
    return 21 if int.from_bytes(datagram[19:21], "big") <= 27 else 23


class Relay:
    """Hands datagrams on between one client and a server, and keeps the client's; after the handshake (RFC 6347 section
    4.1: application data is type 23, an alert 21) the client's requests may be held back."""

    def __init__(self, server_uri, hold_requests):
        port = int(server_uri.rsplit(":", 1)[1])
        self.front = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.front.bind(("127.0.0.1", 0))
        self.back = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.back.connect(("127.0.0.1", port))
        self.uri = f"coaps://127.0.0.1:{self.front.getsockname()[1]}"
        self.hold_requests = hold_requests
        self.types = []
        self.asked = threading.Event()
        self.closed = threading.Event()
        self.seen = {23: self.asked, 21: self.closed}
        self.ended, self.wake = os.pipe()
        self.thread = threading.Thread(target=self.serve)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        os.close(self.wake)
        self.thread.join()
        os.close(self.ended)
        self.front.close()
        self.back.close()

    def serve(self):
        client = None
        while True:
            ready, _, _ = select.select([self.front, self.back, self.ended], [], [])
            if self.ended in ready:
                return
            if self.back in ready and client is not None:
                self.front.sendto(self.back.recv(65536), client)
            if self.front in ready:
                data, client = self.front.recvfrom(65536)
                kind = record_type(data)
                self.types.append(kind)
                if kind != 23 or not self.hold_requests:
                    self.back.send(data)
                if kind in self.seen:
                    self.seen[kind].set()


def acknowledgement(code, rest=b""):
    """A response in an acknowledgement (RFC 7252 section 5.2.1), with these bytes as its options and payload."""
    byte = (code // 100) << 5 | code % 100
    return lambda token, message_id: bytes([0x60 | len(token), byte]) + message_id + token + rest


class Command(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name, content=None, mode=0o600):
        path = os.path.join(self.folder, name)
        if content is not None:
            with open(path, "w", encoding="utf-8") as file:
                file.write(content if isinstance(content, str) else json.dumps(content))
            os.chmod(path, mode)
        return path

    def assert_ends(self, done, code, stdout=None, stderr=None):
        """`stdout` is compared, `stderr` is a pattern that has to be found in it ("" means that nothing was said)."""
        said = done.stderr.decode(errors="replace")
        self.assertEqual(done.returncode, code, said)
        if stdout is not None:
            self.assertEqual(done.stdout, stdout, said)
        if stderr == "":
            self.assertEqual(said, "")
        elif stderr is not None:
            self.assertRegex(said, stderr)


class Usage(Command):
    def test_help_and_version_go_to_stdout(self):
        for words in (["--help"], ["help"], ["get", "--help"], ["help", "put"], ["serve", "--help"]):
            done = coax(*words)
            self.assert_ends(done, OK, stderr="")
            self.assertRegex(done.stdout.decode(), r"^coax")
        self.assertRegex(coax("--version").stdout.decode(), r"^coax \d+\.\d+\.\d+\n$")

    def test_nothing_is_a_usage_error(self):
        self.assert_ends(coax(), USAGE, stdout=b"", stderr="coax get URI")

    def test_mistakes_are_named_with_what_was_meant(self):
        for words, said in (
                (["gte", "coap://localhost/"], "there is no command 'gte'; did you mean get"),
                (["localhost/time"], "as in coap://localhost/time"),
                (["get"], "coax get needs a URI"),
                (["get", "coap://a/", "coap://b/"], "'coap://b/' is one word too many"),
                (["coap://localhost/", "--acept", "json"], "did you mean --accept"),
                (["coap://localhost/", "--accept"], "--accept needs a value"),
                (["coap://localhost/", "--accept", "jsn"], "did you mean json"),
                (["coap://localhost/", "--timeout", "soon"], "is no number of seconds"),
                (["coap://localhost/", "--timeout", "0"], "is no number of seconds"),
                (["coap://localhost/", "--token", "xyz"], "is no token"),
                (["coap://localhost/", "--option", "Uri-Pth=a"], "did you mean Uri-Path"),
                (["coap://localhost/", "--option", "ETag=123456789"], "ETag takes 1 to 8"),
                (["coap://localhost/", "--format", "xml"], "is no format of output"),
                (["coap://localhost/", "--payload", "x"], "a GET request carries no payload"),
                (["put", "coap://localhost/", "--payload-file", "/nonexistent"], "/nonexistent: No such file"),
                (["coap://localhost:port/"], "port"),
                (["coap://[::1/"], "."),
                (["http://localhost/"], "http"),
                (["coap:///path"], "host"),
                (["coap://localhost/#part"], "fragment")):
            with self.subTest(words=words):
                self.assert_ends(coax(*words), USAGE, stdout=b"", stderr=re.escape(said) if said != "." else said)

    def test_colour_is_for_terminals_only(self):
        done = coax("gte", environment={"TERM": "xterm", "NO_COLOR": ""})
        self.assertNotIn(b"\033", done.stderr)


class Failures(Command):
    def test_silence(self):
        with Peer() as peer:
            started = time.monotonic()
            self.assert_ends(coax(peer.uri, "--timeout", "0.5"), TIMEOUT, stdout=b"", stderr="^coax: ")
            self.assertGreaterEqual(time.monotonic() - started, 0.5)
            self.assert_ends(coax(peer.uri, "--timeout", "0.5", "--non"), TIMEOUT, stdout=b"")
            done = coax(peer.uri, "--timeout", "0.5", "--format", "json")
            self.assert_ends(done, TIMEOUT)
            error = json.loads(done.stdout)["error"]
            self.assertEqual((error["status"], error["alert"]), ("COAX_E_TIMEOUT", None))
            self.assertIn(error["text"], done.stderr.decode())

    def test_a_closed_port_is_told_at_once(self):
        held = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        held.close()
        started = time.monotonic()
        done = coax(f"coap://127.0.0.1:{port}/", "--format", "json")
        self.assert_ends(done, ERROR, stderr="^coax: ")
        self.assertEqual(json.loads(done.stdout)["error"]["status"], "COAX_E_REFUSED")
        self.assertLess(time.monotonic() - started, 10)

    def test_an_unknown_host(self):
        done = coax("coap://nobody.invalid/", "--format", "json")
        self.assert_ends(done, ERROR, stderr="nobody.invalid")
        self.assertEqual(json.loads(done.stdout)["error"]["status"], "COAX_E_RESOLVE")

    def test_a_reset(self):
        with Peer(lambda token, message_id: b"\x70\x00" + message_id) as peer:
            done = coax(peer.uri, "--format", "json")
        self.assert_ends(done, ERROR)
        self.assertEqual(json.loads(done.stdout)["error"]["status"], "COAX_E_RESET")

    def test_the_first_ctrl_c_ends_in_order(self):
        for sent in (signal.SIGINT, signal.SIGTERM):
            with Peer() as peer, subprocess.Popen([COAX, peer.uri], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                                  stderr=subprocess.PIPE) as process:
                self.assertTrue(peer.arrived.wait(PATIENCE_SECONDS))
                process.send_signal(sent)
                stdout, stderr = process.communicate(timeout=PATIENCE_SECONDS)
                self.assertEqual((process.returncode, stdout), (INTERRUPTED, b""), stderr)
                self.assertIn(b"interrupted", stderr)

    def test_ctrl_c_while_the_payload_is_read(self):
        with subprocess.Popen([COAX, "put", "coap://127.0.0.1:9/"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE) as process:
            self.assertIn(b"waiting for the payload", process.stderr.readline())
            process.send_signal(signal.SIGINT)
            self.assertEqual(process.wait(PATIENCE_SECONDS), INTERRUPTED)


class Responses(Command):
    """What certain responses look like."""

    def ask(self, answer, *words):
        with Peer(answer) as peer:
            return coax(words[0] if words and words[0].isalpha() else "get", peer.uri, *words[1:])

    def test_codes(self):
        for code, exit_code in ((201, OK), (203, OK), (204, OK), (205, OK), (400, CLIENT_ERROR), (404, CLIENT_ERROR),
                                (430, CLIENT_ERROR), (500, SERVER_ERROR), (505, SERVER_ERROR), (508, SERVER_ERROR), (301, ERROR)):
            with self.subTest(code=code):
                done = self.ask(acknowledgement(code))
                text = "" if exit_code == OK else rf"^coax: {code // 100}\.{code % 100:02d}\b"
                self.assert_ends(done, exit_code, stdout=b"", stderr=text)

    def test_a_diagnostic_payload_goes_to_stderr_and_is_made_harmless(self):
        done = self.ask(acknowledgement(400, b"\xffbad \xc3\xa9"))
        self.assert_ends(done, CLIENT_ERROR, stdout=b"", stderr=r"^coax: 4\.00 Bad Request\nbad é\n$")
        done = self.ask(acknowledgement(400, b"\xff\033[2J"))
        self.assert_ends(done, CLIENT_ERROR, stdout=b"", stderr="4 bytes")
        self.assertNotIn(b"\033", done.stderr)

    def test_when_to_try_again(self):
        self.assert_ends(self.ask(acknowledgement(503, b"\xd1\x01\x1e")), SERVER_ERROR, stderr="try again in 30 s")
        self.assert_ends(self.ask(acknowledgement(429, b"\xd1\x01\x05")), CLIENT_ERROR, stderr="try again in 5 s")
        self.assert_ends(self.ask(acknowledgement(503)), SERVER_ERROR, stderr=r"^coax: 5\.03 Service Unavailable\n$")

    def test_what_was_created(self):
        created = acknowledgement(201, b"\x81a\x03b c")
        self.assert_ends(self.ask(created, "post"), OK, stdout=b"", stderr=r"^coax: created /a/b%20c\n$")
        self.assert_ends(self.ask(created, "post", "--quiet"), OK, stdout=b"", stderr="")

    def test_a_payload_that_is_no_text(self):
        answer = acknowledgement(205, b"\xc1\x3c\xff\xa1\x00\xff")
        self.assert_ends(self.ask(answer), OK, stdout=b"\xa1\x00\xff", stderr="")
        shown = json.loads(self.ask(answer, "get", "--format", "json").stdout)
        self.assertEqual(shown["payload_base64"], "oQD/")
        self.assertEqual((shown["content_format"], shown["content_format_name"]), (60, "application/cbor"))
        self.assertNotIn("payload", shown)

    def test_the_output_file(self):
        path = self.path("out")
        self.assert_ends(self.ask(acknowledgement(404, b"\xffno"), "get", "--output", path), CLIENT_ERROR)
        self.assertFalse(os.path.exists(path))
        self.assert_ends(self.ask(acknowledgement(205, b"\xff\x00yes"), "get", "--output", path), OK, stdout=b"",
                         stderr="")
        with open(path, "rb") as file:
            self.assertEqual(file.read(), b"\x00yes")
        self.assert_ends(self.ask(acknowledgement(500, b"\xffno"), "get", f"-o{path}"), SERVER_ERROR)
        with open(path, "rb") as file:
            self.assertEqual(file.read(), b"\x00yes")
        self.assertEqual(os.listdir(self.folder), ["out"])
        self.assert_ends(self.ask(acknowledgement(205, b"\xffx"), "get", "--output", "/nonexistent/out"), ERROR,
                         stderr="/nonexistent/out: No such file")
        self.assert_ends(self.ask(acknowledgement(205, b"\xffx"), "get", "--output", "/dev/null"), OK)
        self.assertTrue(stat.S_ISCHR(os.stat("/dev/null").st_mode))
        self.assert_ends(self.ask(acknowledgement(205, b"\xffx"), "get", "--output", "-"), OK, stdout=b"x")

    def test_a_reader_that_went_away(self):
        with Peer(acknowledgement(205, b"\xffx")) as peer:
            reading, writing = os.pipe()
            os.close(reading)
            done = subprocess.run([COAX, peer.uri], stdin=subprocess.DEVNULL, stdout=writing, stderr=subprocess.PIPE,
                                  timeout=PATIENCE_SECONDS, check=False)
            os.close(writing)
        self.assertEqual((done.returncode, done.stderr), (ERROR, b""))


class Requests(Command):
    """What the words of a command line become on the wire."""

    def sent(self, *words, stdin=None):
        with Peer(acknowledgement(204)) as peer:
            method = words[:1] if words and words[0].isalpha() else []
            self.assert_ends(coax(*method, peer.uri, *words[len(method):], stdin=stdin), OK, stdout=b"")
            return peer.received[0]

    def test_the_type(self):
        self.assertEqual(self.sent()[0] >> 4, 4)  # version 1, CON
        with Peer(lambda token, message_id: bytes([0x50 | len(token), 0x44]) + message_id + token) as peer:
            self.assert_ends(coax(peer.uri, "--non"), OK)
            self.assertEqual(peer.received[0][0] >> 4, 5)

    def test_the_method(self):
        for number, name in enumerate(("get", "post", "put", "delete", "fetch", "patch", "ipatch"), 1):
            self.assertEqual(self.sent(name)[1], number)

    def test_the_token(self):
        self.assertEqual(self.sent("get", "--token", "0102ff")[4:], b"\x01\x02\xff")
        self.assertEqual(self.sent("get", "--token=")[4:], b"")
        tokens = {self.sent()[4:12] for _ in range(3)}
        self.assertEqual(len(tokens), 3)

    def test_options(self):
        data = self.sent("get", "--token=", "--option", "Uri-Query=a=1", "--accept", "json", "--option=ETag=0x01ff",
                         "--option", "65000=0xaa", "--option", "If-None-Match")
        self.assertEqual(data[4:], b"\x42\x01\xff" b"\x10" b"\xa3a=1" b"\x21\x32" + b"\xe1" +
                         (65000 - 17 - 269).to_bytes(2, "big") + b"\xaa")

    def test_the_payload(self):
        path = self.path("payload", "from a file")
        for words, stdin, expected in (
                (["put", "--payload", "from a word"], None, b"\xfffrom a word"),
                (["post", "--payload-file", path], None, b"\xfffrom a file"),
                (["patch", "--payload-file", "-"], b"from stdin\0\xff", b"\xfffrom stdin\0\xff"),
                (["ipatch"], b"from a pipe", b"\xfffrom a pipe"),
                (["put", "--payload", ""], b"not this", b""),
                (["fetch"], None, b""),
                (["put", "--payload", "{}", "--content-format", "json"], None, b"\xc1\x32\xff{}"),
                (["put", "--payload", "{}", "--content-format", "0"], None, b"\xc0\xff{}"),
                (["get"], b"not read", b"")):
            with self.subTest(words=words):
                self.assertEqual(self.sent(*words, "--token=", stdin=stdin)[4:], expected)
        with open(path, "rb") as file, Peer(acknowledgement(204)) as peer:
            subprocess.run([COAX, "put", peer.uri, "--token="], stdin=file, timeout=PATIENCE_SECONDS, check=True)
            self.assertEqual(peer.received[0][4:], b"\xfffrom a file")

    def test_verbose_shows_messages_on_stderr(self):
        with Peer(acknowledgement(205, b"\xffhello")) as peer:
            done = coax("-v", peer.uri)
        self.assert_ends(done, OK, stdout=b"hello")
        lines = done.stderr.decode().splitlines()
        remote = re.escape(peer.uri.rstrip("/"))
        self.assertRegex(lines[0], rf"^ *\d+\.\d+ s -> {remote}  .*GET")
        self.assertRegex(lines[1], rf"^ *\d+\.\d+ s <- {remote}  .*2\.05.*hello")


class WithServer(Command):
    """Against `coax serve`."""

    @classmethod
    def setUpClass(cls):
        cls.secrets = tempfile.TemporaryDirectory()
        credentials = os.path.join(cls.secrets.name, "server.json")
        with open(credentials, "w", encoding="utf-8", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            json.dump({":tester": {"dtls": PSK}}, file)
        cls.server = subprocess.Popen(
            [COAX, "serve", "coap://127.0.0.1:0", "coaps://127.0.0.1:0", "--credentials", credentials],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        uris = [cls.server.stdout.readline().strip().rstrip("/") for _ in range(2)]
        cls.plain = next((uri for uri in uris if uri.startswith("coap://")), None)
        cls.secure = next((uri for uri in uris if uri.startswith("coaps://")), None)
        if cls.plain is None or cls.secure is None:
            cls.tearDownClass()
            raise AssertionError(f"the server said {uris}")

    @classmethod
    def tearDownClass(cls):
        cls.server.terminate()
        cls.server.wait(PATIENCE_SECONDS)
        cls.server.stdout.close()
        cls.secrets.cleanup()

    def credentials(self, key="secretPSK", identity="client_Identity", mode=0o600):
        return self.path("client.json", {"coaps://*": {"dtls": {
            "psk": {"ascii": key}, "client-identity": {"ascii": identity}}}}, mode)

    def test_get_is_the_default(self):
        for words in ([f"{self.plain}/time"], ["get", f"{self.plain}/time"], ["--timeout", "20", f"{self.plain}/time"]):
            done = coax(*words)
            self.assert_ends(done, OK, stderr="")
            self.assertRegex(done.stdout.decode(), r"\d\d")

    def test_a_resource_comes_and_goes(self):
        uri = f"{self.plain}/store/cli-test"
        self.assert_ends(coax(uri), CLIENT_ERROR, stdout=b"", stderr=r"^coax: 4\.04 Not Found")
        self.assert_ends(coax("put", uri, "--payload", "first"), OK, stdout=b"")
        self.assert_ends(coax(uri), OK, stdout=b"first", stderr="")
        self.assert_ends(coax("put", uri, stdin=b"sec\0nd\n"), OK, stdout=b"")
        self.assert_ends(coax(uri), OK, stdout=b"sec\0nd\n", stderr="")
        self.assert_ends(coax("delete", uri), OK, stdout=b"")
        self.assert_ends(coax(uri), CLIENT_ERROR, stdout=b"")

    def test_json(self):
        done = coax(f"{self.plain}/host/load", "--accept", "senml+json", "--format", "json")
        self.assert_ends(done, OK, stderr="")
        self.assertEqual(done.stdout.count(b"\n"), 1)
        shown = json.loads(done.stdout)
        self.assertEqual((shown["code"], shown["name"], shown["class"], shown["ok"]), ("2.05", "Content", 2, True))
        self.assertEqual((shown["content_format"], shown["content_format_name"]), (110, "application/senml+json"))
        self.assertEqual(shown["remote"], self.plain)
        self.assertGreater(shown["elapsed_ms"], 0)
        self.assertIn({"number": 12, "name": "Content-Format", "value": 110}, shown["options"])
        self.assertIsInstance(json.loads(shown["payload"]), list)

    def test_json_of_an_error_response(self):
        done = coax(f"{self.plain}/nothing/here", "--format", "json")
        self.assert_ends(done, CLIENT_ERROR, stderr=r"^coax: 4\.04 Not Found")
        shown = json.loads(done.stdout)
        self.assertEqual((shown["code"], shown["ok"]), ("4.04", False))

    def test_a_secure_resource(self):
        done = coax(f"{self.secure}/time", "--credentials", self.credentials())
        self.assert_ends(done, OK, stderr="")
        self.assertRegex(done.stdout.decode(), r"\d\d")
        done = coax(f"{self.secure}/time", "--credentials", self.credentials(), "--format", "json")
        self.assertEqual(json.loads(done.stdout)["remote"], self.secure)

    def test_a_session_is_closed_in_order(self):
        with Relay(self.secure, hold_requests=False) as relay:
            self.assert_ends(coax(f"{relay.uri}/time", "--credentials", self.credentials()), OK, stderr="")
            self.assertTrue(relay.closed.wait(PATIENCE_SECONDS))
            self.assertEqual(relay.types[-2:], [23, 21])

    def test_a_session_is_closed_in_order_by_ctrl_c(self):
        with Relay(self.secure, hold_requests=True) as relay, subprocess.Popen(
                [COAX, f"{relay.uri}/time", "--credentials", self.credentials()], stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            self.assertTrue(relay.asked.wait(PATIENCE_SECONDS))
            process.send_signal(signal.SIGINT)
            stdout, stderr = process.communicate(timeout=PATIENCE_SECONDS)
            self.assertEqual((process.returncode, stdout), (INTERRUPTED, b""), stderr)
            self.assertTrue(relay.closed.wait(PATIENCE_SECONDS))
            self.assertEqual(relay.types[-1], 21)

    def test_credentials_of_several_files(self):
        other = self.path("other.json", {"coaps://elsewhere.example/*": {"dtls": PSK}})
        self.assert_ends(coax(f"{self.secure}/time", "--credentials", other, "--credentials", self.credentials()), OK)

    def test_a_file_for_everyones_eyes_earns_a_warning(self):
        self.assert_ends(coax(f"{self.secure}/time", "--credentials", self.credentials(mode=0o644)), OK,
                         stderr=r"client\.json")
        self.assert_ends(coax(f"{self.secure}/time", "-q", "--credentials", self.credentials(mode=0o644)), OK,
                         stderr="")

    def test_no_credentials(self):
        done = coax(f"{self.secure}/time", "--format", "json")
        self.assert_ends(done, SECURITY, stderr="--credentials FILE")
        self.assertEqual(json.loads(done.stdout)["error"]["status"], "COAX_E_NO_CREDENTIALS")

    def test_credentials_that_are_wrong(self):
        done = coax(f"{self.secure}/time", "--credentials", self.path("bad.json", '{\n "coaps://*": {"dtls": 5}}'))
        self.assert_ends(done, USAGE, stdout=b"", stderr=r"bad\.json:2:\d+: ")
        done = coax(f"{self.secure}/time", "--credentials", self.path("broken.json", "{"))
        self.assert_ends(done, USAGE, stdout=b"", stderr=r"broken\.json:1:\d+: ")
        done = coax(f"{self.secure}/time", "--credentials", self.path("missing.json"))
        self.assert_ends(done, USAGE, stdout=b"", stderr=r"missing\.json")

    def test_secrets_that_are_wrong(self):
        for credentials in ({"key": "notTheSecret"}, {"identity": "nobody"}):
            with self.subTest(**credentials):
                done = coax(f"{self.secure}/time", "--credentials", self.credentials(**credentials), "--format", "json")
                self.assert_ends(done, SECURITY, stderr="^coax: ")
                self.assertIn("error", json.loads(done.stdout))
                for secret in (b"secretPSK", b"notTheSecret"):
                    self.assertNotIn(secret, done.stderr + done.stdout)


if __name__ == "__main__":
    unittest.main()
