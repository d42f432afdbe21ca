#!/usr/bin/env python3
"""A server with 1,000 DTLS clients that observe it is started again: with --state none of them has to shake hands again; after a kill -9
each finds it by a new handshake. The server's socket is held meanwhile, as systemd would hold it.

COAX names the command to test."""

import json
import os
import signal
import socket
import subprocess
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
COAX = os.environ.get("COAX", os.path.join(ROOT, "build", "release", "coax"))
BUILD = os.path.dirname(os.path.abspath(COAX))
CLIENTS = 1000
PATIENCE_SECONDS = 120


def build(folder):
    libraries = subprocess.run(["pkg-config", "--libs", "gnutls", "nettle", "jansson"], check=True, text=True,
                               stdout=subprocess.PIPE).stdout.split()
    program = os.path.join(folder, "many_clients")
    subprocess.run(["cc", "-std=c17", "-O1", "-Wall", "-Wextra", "-Werror", "-I", os.path.join(ROOT, "include"),
                    os.path.join(ROOT, "tests", "system", "many_clients.c"), "-o", program, os.path.join(BUILD, "libcoax.a"),
                    *libraries, "-pthread"], check=True)
    return program


class RestartTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = folder.name
        cls.program = build(cls.folder)
        cls.credentials = os.path.join(cls.folder, "credentials.json")
        entry = {"dtls": {"psk": {"ascii": "secretPSK"}, "client-identity": {"ascii": "me"}}}
        with open(os.open(cls.credentials, os.O_CREAT | os.O_WRONLY, 0o600), "w", encoding="ascii") as file:
            json.dump({":me": entry, "coaps://127.0.0.1*": ":me"}, file)

    def setUp(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(self.socket.close)
        self.socket.bind(("127.0.0.1", 0))
        self.uri = f"coaps://127.0.0.1:{self.socket.getsockname()[1]}/time"
        self.state = os.path.join(self.folder, "sessions")
        self.server = None
        self.clients = None
        self.addCleanup(self.stop)

    def stop(self):
        for process in (self.clients, self.server):
            if process is not None:
                if process.poll() is None:
                    process.kill()
                process.wait()
                for pipe in (process.stdin, process.stdout, process.stderr):
                    if pipe is not None:
                        pipe.close()

    def serve(self):
        """With the socket as descriptor 3; see sd_listen_fds(3)."""
        if self.server is not None:
            self.server.stdout.close()
        script = 'LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=coaps exec "$@" 3<&$SOCKET'
        self.server = subprocess.Popen(
            ["sh", "-c", script.replace("$SOCKET", str(self.socket.fileno())), "sh", COAX, "serve", "--credentials", self.credentials,
             "--state", self.state], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, pass_fds=[self.socket.fileno()])
        self.assertIn("coaps://", self.server.stdout.readline())

    def observe(self):
        self.clients = subprocess.Popen([self.program, self.uri, self.credentials, str(CLIENTS)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, bufsize=1)
        self.assertEqual("ready\n", self.clients.stdout.readline())

    def say(self, line):
        self.clients.stdin.write(line + "\n")
        self.clients.stdin.flush()

    def ask_all(self):
        self.say("ask")
        return self.clients.stdout.readline().strip()

    def report(self):
        self.say("report")
        words = self.clients.stdout.readline().split()
        return {words[i]: int(words[i + 1]) for i in range(0, len(words), 2)}

    def wait_for(self, **wanted):
        """The clients work on while they are asked: each report is a turn of theirs."""
        for _ in range(100_000):
            report = self.report()
            if all(report[name] == value for name, value in wanted.items()):
                return
        self.fail(f"{wanted} never came: {report}")

    def test_with_its_sessions(self):
        self.serve()
        self.observe()
        self.assertEqual(f"answered {CLIENTS} failed 0", self.ask_all())
        self.server.send_signal(signal.SIGTERM)
        self.assertEqual(0, self.server.wait(PATIENCE_SECONDS))
        self.assertTrue(os.path.exists(self.state))
        self.say("ask")  # while nobody serves: it waits in the socket, or is sent again
        self.serve()
        self.assertEqual(f"answered {CLIENTS} failed 0", self.clients.stdout.readline().strip())
        self.assertFalse(os.path.exists(self.state))
        self.assertEqual(f"answered {CLIENTS} failed 0", self.ask_all())
        self.wait_for(opened=CLIENTS, lost=0, current=CLIENTS)

    def test_after_a_kill(self):
        self.serve()
        self.observe()
        self.server.kill()
        self.server.wait()
        self.assertFalse(os.path.exists(self.state))
        self.serve()
        self.assertEqual(f"answered 0 failed {CLIENTS}", self.ask_all())  # by sessions that nobody knows
        self.assertEqual(f"answered {CLIENTS} failed 0", self.ask_all())
        self.wait_for(opened=2 * CLIENTS, lost=CLIENTS, current=CLIENTS)


if __name__ == "__main__":
    unittest.main()
