#!/usr/bin/env python3
"""The programs of examples/ compile without a warning, with nothing but the public headers, and do what they say."""

import glob
import json
import os
import re
import socket
import subprocess
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.dirname(os.path.abspath(os.environ.get("COAX", os.path.join(ROOT, "build", "release", "coax"))))
PATIENCE_SECONDS = 60


def sanitizers():
    with open(os.path.join(BUILD, "CMakeCache.txt"), encoding="utf-8") as file:
        found = re.search(r"^COAX_SANITIZE:\w+=(.+)$", file.read(), re.MULTILINE)
    return [f"-fsanitize={found[1]}"] if found else []


class ExamplesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = folder.name
        libraries = subprocess.run(["pkg-config", "--libs", "gnutls", "nettle", "jansson"], check=True, text=True,
                                   stdout=subprocess.PIPE).stdout.split()
        for source in glob.glob(os.path.join(ROOT, "examples", "*.c")):
            subprocess.run(["cc", "-std=c17", "-Wall", "-Wextra", "-Werror", *sanitizers(), "-I", os.path.join(ROOT, "include"),
                            source, "-o", cls.program(os.path.basename(source)[:-2]), os.path.join(BUILD, "libcoax.a"),
                            *libraries, "-pthread"], check=True)
        cls.credentials = os.path.join(cls.folder, "credentials.json")
        with open(os.open(cls.credentials, os.O_CREAT | os.O_WRONLY, 0o600), "w", encoding="ascii") as file:
            json.dump({":me": {"dtls": {"psk": {"ascii": "secretPSK"}, "client-identity": {"ascii": "me"}}},
                       "coaps://127.0.0.1*": ":me"}, file)

    @classmethod
    def program(cls, name):
        return os.path.join(cls.folder, name)

    def serve(self, *arguments):
        server = subprocess.Popen([self.program("serve"), *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        self.addCleanup(self.stop, server)
        return server.stdout.readline().strip()

    def stop(self, server):
        server.terminate()
        self.assertEqual(0, server.wait(PATIENCE_SECONDS))
        server.stdout.close()

    def run_example(self, name, *arguments):
        done = subprocess.run([self.program(name), *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=PATIENCE_SECONDS)
        return done.returncode, done.stdout, done.stderr

    def test_fetch(self):
        self.assertEqual((0, "21.5", ""), self.run_example("fetch", self.serve("coap://127.0.0.1:0")))

    def test_fetch_over_dtls(self):
        uri = self.serve("coaps://127.0.0.1:0", self.credentials)
        self.assertEqual((0, "21.5", ""), self.run_example("fetch", uri, self.credentials))
        code, out, words = self.run_example("fetch", uri)
        self.assertEqual((1, ""), (code, out))
        self.assertIn("credentials", words)

    def test_shards(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            uri = f"coap://127.0.0.1:{probe.getsockname()[1]}"
        server = subprocess.Popen([self.program("shards"), "3", uri], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        self.addCleanup(self.stop, server)
        answers = []
        while len(answers) < 10:
            self.assertIsNone(server.poll())
            code, out, _ = self.run_example("fetch", f"{uri}/visitors")
            answers += [int(out)] if code == 0 else []
        self.assertEqual(list(range(1, 11)), answers)

    def test_two_at_once(self):
        uri = self.serve("coap://127.0.0.1:0")
        self.assertEqual((0, "21.5\n21.5\n", ""), self.run_example("callbacks", uri, uri))

    def test_observe(self):
        uri = self.serve("coap://127.0.0.1:0")
        observer = subprocess.Popen([self.program("observe"), uri], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                    stderr=subprocess.PIPE, text=True)
        self.addCleanup(self.stop, observer)
        self.assertEqual("21.5", observer.stdout.readline().strip())
        for celsius in ("22.0", "22.5"):
            subprocess.run([os.environ.get("COAX", os.path.join(BUILD, "coax")), "put", uri, "--payload", celsius], check=True,
                           stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=PATIENCE_SECONDS)
            self.assertEqual(celsius, observer.stdout.readline().strip())
        observer.terminate()
        self.assertEqual("", observer.stderr.read())
        observer.stderr.close()

    def test_in_a_loop_of_ones_own(self):
        self.assertEqual((0, "21.5\n", ""), self.run_example("own_loop", self.serve("coap://127.0.0.1:0")))


if __name__ == "__main__":
    unittest.main()
