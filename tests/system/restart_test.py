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

import many_clients

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
COAX = os.environ.get("COAX", os.path.join(ROOT, "build", "release", "coax"))
CLIENTS = 1000
PATIENCE_SECONDS = 120


class RestartTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = folder.name
        cls.program = many_clients.build(os.path.dirname(os.path.abspath(COAX)), cls.folder)
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
        if self.clients is not None:
            self.clients.stop()
        if self.server is not None:
            self.server.kill()
            self.server.wait()
            self.server.stdout.close()

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
        self.clients = many_clients.ManyClients(self.program, self.uri, self.credentials, CLIENTS)

    def test_with_its_sessions(self):
        self.serve()
        self.observe()
        self.assertEqual(f"answered {CLIENTS} failed 0", self.clients.ask_all())
        self.server.send_signal(signal.SIGTERM)
        self.assertEqual(0, self.server.wait(PATIENCE_SECONDS))
        self.assertTrue(os.path.exists(self.state))
        self.clients.say("ask")  # while nobody serves: it waits in the socket, or is sent again
        self.serve()
        self.assertEqual(f"answered {CLIENTS} failed 0", self.clients.read())
        self.assertFalse(os.path.exists(self.state))
        self.assertEqual(f"answered {CLIENTS} failed 0", self.clients.ask_all())
        self.clients.wait_for(opened=CLIENTS, lost=0, current=CLIENTS)

    def test_after_a_kill(self):
        self.serve()
        self.observe()
        self.server.kill()
        self.server.wait()
        self.assertFalse(os.path.exists(self.state))
        self.serve()
        self.assertEqual(f"answered 0 failed {CLIENTS}", self.clients.ask_all())  # by sessions that nobody knows
        self.assertEqual(f"answered {CLIENTS} failed 0", self.clients.ask_all())
        self.clients.wait_for(opened=2 * CLIENTS, lost=CLIENTS, current=CLIENTS)


if __name__ == "__main__":
    unittest.main()
