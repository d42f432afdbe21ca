#!/usr/bin/env python3
"""`coax observe` and `coax discover` against `coax serve`, on real sockets. COAX in the environment says which command."""

import json
import os
import select
import signal
import socket
import subprocess
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
COAX = os.path.abspath(os.environ.get("COAX", os.path.join(ROOT, "build", "release", "coax")))
PATIENCE_SECONDS = 30

PSK = {"psk": {"ascii": "secretPSK"}, "client-identity": {"ascii": "me"}}
OK, INTERRUPTED, CLIENT_ERROR = 0, 3, 4


def coax(*words):
    return subprocess.run([COAX, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                          timeout=PATIENCE_SECONDS)


class Running:
    """A `coax` that goes on; its output is read line by line."""

    def __init__(self, test, *words):
        self.process = subprocess.Popen([COAX, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, bufsize=0)
        test.addCleanup(self.kill)

    def line(self):
        line = b""
        while not line.endswith(b"\n"):
            if not select.select([self.process.stdout], [], [], PATIENCE_SECONDS)[0]:
                raise TimeoutError("nothing is printed")
            byte = self.process.stdout.read(1)
            if not byte:
                raise AssertionError(self.process.communicate()[1].decode())
            line += byte
        return line.decode().rstrip("\n")

    def stop(self, number=signal.SIGINT):
        """The exit code, and what was printed since."""
        self.process.send_signal(number)
        return self.end()

    def end(self):
        output, errors = self.process.communicate(timeout=PATIENCE_SECONDS)
        return self.process.returncode, output.decode(), errors.decode()

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


class ObserveTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.credentials = os.path.join(folder.name, "credentials.json")
        with open(self.credentials, "w", encoding="utf-8", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            json.dump({":me": {"dtls": PSK}, "coaps://*": ":me", "coaps+tcp://*": ":me", "coaps+ws://*": ":me"}, file)

    def serve(self, *schemes):
        """The server and its URIs."""
        uris = [f"{scheme}://127.0.0.1:0" for scheme in schemes]
        server = Running(self, "serve", *uris, "--credentials", self.credentials)
        return server, [server.line() for _ in uris]

    def put(self, uri, text):
        done = coax("put", uri, "--payload", text, "--credentials", self.credentials)
        self.assertEqual((done.returncode, done.stdout), (OK, ""), done.stderr)

    def test_each_state_until_ctrl_c(self):
        server, uris = self.serve("coap", "coaps", "coap+tcp", "coaps+tcp", "coap+ws", "coaps+ws")
        for uri in uris:
            with self.subTest(uri=uri):
                self.put(f"{uri}/store/a", "state 0")
                observer = Running(self, "observe", f"{uri}/store/a", "--credentials", self.credentials)
                self.assertEqual(observer.line(), "state 0")
                for number in range(1, 5):
                    self.put(f"{uri}/store/a", f"state {number}")
                    self.assertEqual(observer.line(), f"state {number}")
                self.assertEqual(observer.stop(), (OK, "", ""))
                self.put(f"{uri}/store/a", "unseen")
        self.assertEqual(server.stop(signal.SIGTERM), (OK, "", ""))

    def test_the_server_is_told_of_the_end(self):
        server = Running(self, "serve", "coap://127.0.0.1:0", "-v")
        uri = server.line()
        observer = Running(self, "observe", f"{uri}/time")
        observer.line()
        self.assertEqual(observer.stop()[0], OK)
        code, _, log = server.stop(signal.SIGTERM)
        self.assertEqual(code, OK)
        self.assertIn("Observe=0", log)
        self.assertIn("Observe=1", log)

    def test_time_passes(self):
        _, (uri,) = self.serve("coap")
        done = coax("observe", f"{uri}/time", "--count", "3", "--format", "json")
        self.assertEqual((done.returncode, done.stderr), (OK, ""))
        states = [json.loads(line)["payload"] for line in done.stdout.splitlines()]
        self.assertEqual(len(set(states)), 3)
        self.assertEqual(states, sorted(states))

    def test_large_states(self):
        _, (uri,) = self.serve("coap")
        self.put(f"{uri}/store/large", "a" * 5000)
        observer = Running(self, "observe", f"{uri}/store/large", "--count", "2", "--block-size", "64")
        self.assertEqual(observer.line(), "a" * 5000)
        self.put(f"{uri}/store/large", "b" * 70000)
        self.assertEqual(observer.line(), "b" * 70000)
        self.assertEqual(observer.end(), (OK, "", ""))

    def test_the_end_of_what_is_observed(self):
        _, (uri,) = self.serve("coap+tcp")
        self.put(f"{uri}/store/a", "x")
        observer = Running(self, "observe", f"{uri}/store/a")
        self.assertEqual(observer.line(), "x")
        self.assertEqual(coax("delete", f"{uri}/store/a").returncode, OK)
        code, output, errors = observer.end()
        self.assertEqual((code, output), (CLIENT_ERROR, ""))
        self.assertIn("4.04 Not Found", errors)
        self.assertEqual(coax("observe", f"{uri}/store/a").returncode, CLIENT_ERROR)

    def test_what_cannot_be_observed(self):
        _, (uri,) = self.serve("coap")
        done = coax("observe", f"{uri}/whoami")
        self.assertEqual(done.returncode, 1)
        self.assertIn("remote:", done.stdout)
        self.assertIn("does not tell of changes", done.stderr)

    def test_nobody_is_there(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
            silent.bind(("127.0.0.1", 0))
            uri = f"coap://127.0.0.1:{silent.getsockname()[1]}/time"
            observer = Running(self, "observe", uri)
            silent.recv(100)
            self.assertEqual(observer.stop()[0], INTERRUPTED)
            self.assertEqual(coax("observe", uri, "--timeout", "0.2").returncode, 6)

    def test_discovery(self):
        _, uris = self.serve("coap", "coaps", "coap+tcp")
        for uri in uris:
            done = coax("discover", uri, "--credentials", self.credentials)
            self.assertEqual((done.returncode, done.stderr), (OK, ""))
            lines = done.stdout.splitlines()
            self.assertEqual(lines[0].split(), ["URI", "TYPE", "FORMATS", "OBS", "TITLE"])
            time = next(line for line in lines if line.startswith(f"{uri}/time "))
            self.assertEqual(time.split()[1:4], ["time", "text/plain,senml+json,senml+cbor", "obs"])
        done = coax("discover", f"{uris[0]}?rt=store", "--format", "json")
        self.assertEqual(json.loads(done.stdout)["uri"], f"{uris[0]}/store")


if __name__ == "__main__":
    unittest.main()
