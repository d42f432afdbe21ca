#!/usr/bin/env python3
"""valgrind finds nothing, neither an error nor a leak, after a server and its clients have shut down."""

import json
import os
import re
import signal
import subprocess
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
COAX = os.path.join(ROOT, "build", "debug", "coax")  # a sanitizer's build does not run under valgrind
VALGRIND = ["valgrind", "--quiet", "--error-exitcode=99", "--leak-check=full", "--show-leak-kinds=all",
            "--errors-for-leak-kinds=definite,indirect,possible", "--track-fds=yes",
            f"--suppressions={os.path.join(ROOT, 'tools', 'valgrind.supp')}"]
PATIENCE_SECONDS = 120


class ValgrindTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not os.path.exists(COAX):
            subprocess.run("cmake --preset debug && cmake --build --preset debug --target coax", shell=True, cwd=ROOT, check=True,
                           stdout=subprocess.DEVNULL)

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.credentials = os.path.join(folder.name, "credentials.json")
        with open(os.open(self.credentials, os.O_CREAT | os.O_WRONLY, 0o600), "w", encoding="ascii") as file:
            json.dump({":me": {"dtls": {"psk": {"ascii": "secretPSK"}, "client-identity": {"ascii": "me"}}},
                       "coaps://127.0.0.1*": ":me"}, file)
        self.server = subprocess.Popen([*VALGRIND, COAX, "serve", "coap://127.0.0.1:0", "coaps://127.0.0.1:0",
                                        "--credentials", self.credentials], stdin=subprocess.DEVNULL,
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(self.server.communicate)
        self.addCleanup(self.server.kill)
        self.plain, self.secure = (self.server.stdout.readline().strip().rstrip("/") for _ in range(2))

    def ask(self, *words, code=0):
        done = subprocess.run([*VALGRIND, COAX, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, timeout=PATIENCE_SECONDS)
        self.clean(done.returncode, done.stderr, code)
        return done.stdout

    def clean(self, code, words, expected=0):
        self.assertEqual(expected, code, words)
        # Of --track-fds, only what the programs opened themselves.
        self.assertNotRegex(re.sub(r"inherited from parent", "", words), r"==\d+== (Invalid|Conditional|\d+ bytes in)", words)

    def test_shut_down(self):
        for base, more in ((self.plain, []), (self.secure, ["--credentials", self.credentials])):
            self.assertIn("</time>", self.ask("get", f"{base}/.well-known/core", *more))
            self.ask("put", f"{base}/store/a", "--payload", "hello", *more)
            self.assertEqual("hello", self.ask("get", f"{base}/store/a", "--non", *more))
            self.ask("get", f"{base}/nowhere", *more, code=4)
        self.ask("get", f"{self.secure}/time", code=7)
        self.ask("get", "coap://127.0.0.1:1/time", code=1)
        self.server.send_signal(signal.SIGTERM)
        _, words = self.server.communicate(timeout=PATIENCE_SECONDS)
        self.clean(self.server.returncode, words)


if __name__ == "__main__":
    unittest.main()
