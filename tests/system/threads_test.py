#!/usr/bin/env python3
"""`coax serve --threads 4` under load on every transport at once, while its resources change and are observed.

COAX names the command to test, which may be one with ThreadSanitizer: whatever that reports fails the test, as does all else that the
server says. PEERS is a folder with the programs of a release build, which ask."""

import json
import os
import signal
import subprocess
import tempfile
import threading
import unittest

import coap
import many_clients

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
COAX = os.environ.get("COAX", os.path.join(ROOT, "build", "release", "coax"))
PEERS = os.environ.get("PEERS", os.path.join(ROOT, "build", "release"))
CLIENT = os.path.join(PEERS, "coax")
PATIENCE_SECONDS = 120
SCHEMES = ["coap", "coaps", "coap+tcp", "coaps+tcp", "coap+ws", "coaps+ws"]


class Server:
    def __init__(self, count, *arguments):
        """It says `count` URIs."""
        self.errors = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen([COAX, "serve", *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.errors,
                                        text=True)
        self.uris = {}
        for _ in range(count):
            line = self.process.stdout.readline().strip()
            self.uris[line.split(":")[0]] = line

    def port(self, scheme):
        return int(self.uris[scheme].rsplit(":", 1)[1])

    def stop(self):
        """Its exit code, and all that it said."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        self.process.stdout.close()
        self.errors.seek(0)
        text = self.errors.read()
        self.errors.close()
        return code, text


class ThreadsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = folder.name
        cls.credentials = os.path.join(cls.folder, "credentials.json")
        entry = {"dtls": {"psk": {"ascii": "secretPSK"}, "client-identity": {"ascii": "me"}}}
        uris = {f"{scheme}://127.0.0.1*": ":me" for scheme in SCHEMES if scheme.startswith("coaps")}
        with open(os.open(cls.credentials, os.O_CREAT | os.O_WRONLY, 0o600), "w", encoding="ascii") as file:
            json.dump({":me": entry, **uris}, file)

    def serve(self, *arguments):
        return self.start(len(SCHEMES), "--bind", "127.0.0.1", "--port", "0", *arguments)

    def start(self, count, *arguments):
        server = Server(count, "--credentials", self.credentials, *arguments)
        self.addCleanup(self.end, server)
        return server

    def end(self, server):
        if not server.errors.closed:  # the test has failed
            print(f"the server ended with {server.stop()}")

    @staticmethod
    def end_process(process):
        if process.poll() is None:
            process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()

    def load(self, uri, peers, window, requests):
        process = subprocess.Popen([os.path.join(PEERS, "load"), uri, str(peers), str(window), str(requests), self.credentials],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(self.end_process, process)
        process.stdin.write("\n")
        process.stdin.flush()
        return process

    def client(self, *words):
        return subprocess.run([CLIENT, *words, "--credentials", self.credentials], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=PATIENCE_SECONDS, text=True, check=False)

    def put_many(self, base, last, failures):
        for i in range(20):
            outcome = self.client("put", f"{base}/store/shared", "--payload", str(i))
            if outcome.returncode != 0:
                failures.append(outcome.stderr)
            self.client("put", f"{base}/files/{last}-{i}", "--payload", str(i))
        outcome = self.client("put", f"{base}/store/shared", "--payload", "the end")
        if outcome.returncode != 0:
            failures.append(outcome.stderr)

    def test_load_on_every_transport(self):
        files = os.path.join(self.folder, "files")
        os.mkdir(files)
        server = self.serve("--threads", "4", "--files", files, "--writable")
        self.assertEqual(0, self.client("put", f"{server.uris['coap']}/store/shared", "--payload", "begin").returncode)
        observers = [subprocess.Popen([CLIENT, "observe", f"{server.uris[scheme]}/store/shared", "--credentials", self.credentials],
                                      stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) for scheme in SCHEMES]
        for observer in observers:
            self.addCleanup(self.end_process, observer)
            self.assertEqual("begin\n", observer.stdout.readline())
        loads = [self.load(f"{server.uris[scheme]}/time", 32, 2, 10000) for scheme in SCHEMES]
        loads += [self.load(f"{server.uris[scheme]}/store/shared", 16, 2, 3000) for scheme in SCHEMES]
        failures = []
        writers = [threading.Thread(target=self.put_many, args=(server.uris[scheme], scheme, failures)) for scheme in SCHEMES]
        for writer in writers:
            writer.start()
        for _ in range(3):
            server.process.send_signal(signal.SIGHUP)
            self.assertEqual(0, self.client("get", f"{server.uris['coaps']}/host/uptime").returncode)
        for writer in writers:
            writer.join()
        self.assertEqual([], failures)
        for load in loads:
            report = json.loads(load.stdout.readline())
            self.assertEqual(0, report["failed"], report)
            load.stdin.close()
            self.assertEqual(0, load.wait(PATIENCE_SECONDS))
        for observer in observers:
            while observer.stdout.readline() != "the end\n":
                self.assertIsNone(observer.poll())
        for observer in observers:
            observer.send_signal(signal.SIGINT)
            observer.wait(PATIENCE_SECONDS)
        self.assertEqual(120, len(os.listdir(files)))
        code, said = server.stop()
        lines = [line for line in said.splitlines() if "credentials loaded again" not in line]
        self.assertEqual((0, []), (code, lines))

    def test_what_only_one_may_make(self):
        """Of the requests that ask for nothing to be there, one is first, whichever threads they meet."""
        files = os.path.join(self.folder, "conditional")
        os.mkdir(files)
        server = self.serve("--threads", "4", "--files", files, "--writable")
        for path in ["store/x", "files/x"]:
            for round_number in range(5):
                clients = [coap.Client("127.0.0.1", server.port("coap")) for _ in range(16)]
                for client in clients:
                    self.addCleanup(client.close)
                for client in clients:
                    request = client.request(coap.PUT, f"{path}{round_number}", options=[(coap.IF_NONE_MATCH, b"")], payload=b"mine")
                    client.send(coap.encode(request))
                codes = sorted(coap.decode(client.receive()).dotted for client in clients)
                self.assertEqual(["2.01"] + ["4.12"] * 15, codes)
        self.assertEqual((0, ""), server.stop())

    def test_sessions_outlive_it(self):
        """Whatever the number of threads is then."""
        program = many_clients.build(PEERS, self.folder)
        state = os.path.join(self.folder, "sessions")
        server = self.serve("--threads", "4", "--state", state)
        port = server.port("coaps")
        clients = many_clients.ManyClients(program, f"{server.uris['coaps']}/time", self.credentials, 40)
        self.addCleanup(clients.stop)
        for threads in ["4", "2", "1", "3"]:
            self.assertEqual("answered 40 failed 0", clients.ask_all())
            self.assertEqual(0, server.stop()[0])
            server = self.start(1, f"coaps://127.0.0.1:{port}", "--threads", threads, "--state", state)
        self.assertEqual("answered 40 failed 0", clients.ask_all())
        clients.wait_for(opened=40, lost=0, current=40)
        code, said = server.stop()
        self.assertEqual((0, 1), (code, said.count("40 sessions taken up")), said)


if __name__ == "__main__":
    unittest.main()
