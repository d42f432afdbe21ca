"""A DTLS client behind a NAT that forgets it: in three network namespaces of the test's own, a client observes, the NAT gives it another
port, and the observation goes on in the same session, by its Connection ID (RFC 9146).

COAX names the command to test. Namespaces take root; another user's test asks sudo for them."""

import json
import os
import re
import subprocess
import tempfile
import unittest

COAX = os.path.abspath(os.environ.get("COAX", "build/release/coax"))
SUDO = [] if os.geteuid() == 0 else ["sudo", "-n"]
SERVER = "192.0.2.2"
PATIENCE_SECONDS = 60


class NatTest(unittest.TestCase):
    def setUp(self):
        self.spaces = {name: f"coax-{name}-{os.getpid()}" for name in ("client", "nat", "server")}
        self.processes = []
        self.addCleanup(self.clean_up)
        for space in self.spaces.values():
            self.command("ip", "netns", "add", space)
            self.command("ip", "-n", space, "link", "set", "lo", "up")
        self.join("client", "10.9.1.2/24", "10.9.1.1/24", "inner")
        self.join("server", f"{SERVER}/24", "192.0.2.1/24", "outer")
        self.inside("client", "ip", "route", "add", "default", "via", "10.9.1.1")
        self.inside("nat", "sysctl", "-q", "-w", "net.ipv4.ip_forward=1")
        self.rules("add table ip coax\nadd chain ip coax out { type nat hook postrouting priority 100; }\n"
                   "add chain ip coax through { type filter hook forward priority 0; }")
        self.bind(20000)

    def command(self, *words, check=True, text=None):
        return subprocess.run([*SUDO, *words], input=text, stdin=subprocess.DEVNULL if text is None else None, capture_output=True,
                              text=True, check=check, timeout=PATIENCE_SECONDS)

    def inside(self, name, *words, check=True, text=None):
        return self.command("ip", "netns", "exec", self.spaces[name], *words, check=check, text=text)

    def rules(self, text):
        return self.inside("nat", "nft", "-f", "-", text=text + "\n")

    def join(self, name, address, nat_address, wire):
        self.command("ip", "link", "add", wire, "netns", self.spaces["nat"], "type", "veth", "peer", "name", "wire", "netns",
                     self.spaces[name])
        self.inside(name, "ip", "addr", "add", address, "dev", "wire")
        self.inside(name, "ip", "link", "set", "wire", "up")
        self.inside("nat", "ip", "addr", "add", nat_address, "dev", wire)
        self.inside("nat", "ip", "link", "set", wire, "up")

    def bind(self, port):
        """What the client sends comes from this port, and what was known of it is forgotten."""
        self.rules(f"flush chain ip coax out\nadd rule ip coax out oif outer meta l4proto udp masquerade to :{port}-{port + 9}")
        self.inside("nat", "conntrack", "-F")

    def forbid_handshakes(self):
        """A record of content type 22 in either direction is dropped, and counted."""
        self.rules("add rule ip coax through meta l4proto udp @th,64,8 22 counter drop")

    def handshakes(self):
        ruleset = self.inside("nat", "nft", "list", "chain", "ip", "coax", "through").stdout
        return int(re.search(r"counter packets (\d+)", ruleset)[1])

    def start(self, name, *words):
        process = subprocess.Popen([*SUDO, "ip", "netns", "exec", self.spaces[name], COAX, *words], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.processes.append(process)
        return process

    def clean_up(self):
        for space in self.spaces.values():
            self.command("sh", "-c", f"kill $(ip netns pids {space}) 2>/dev/null", check=False)
        for process in self.processes:
            process.stdout.close()
            process.wait(timeout=PATIENCE_SECONDS)
        for space in self.spaces.values():
            self.command("ip", "netns", "delete", space, check=False)

    def lines_until(self, process, pattern):
        lines = []
        while not lines or not re.search(pattern, lines[-1]):
            lines.append(process.stdout.readline())
            self.assertNotEqual("", lines[-1], f"{pattern} never came: {lines}")
        return lines

    def test_an_observation_outlives_a_rebinding(self):
        self.rebind()

    def test_so_it_does_with_threads(self):
        """The new address may be another thread's."""
        self.rebind("--threads", "4")

    def rebind(self, *words):
        with tempfile.TemporaryDirectory() as folder:
            credentials = os.path.join(folder, "credentials.json")
            with open(os.open(credentials, os.O_CREAT | os.O_WRONLY, 0o600), "w", encoding="ascii") as file:
                json.dump({":me": {"dtls": {"psk": {"ascii": "secretPSK"}, "client-identity": {"ascii": "me"}}},
                           f"coaps://{SERVER}/*": ":me"}, file)
            server = self.start("server", "serve", f"coaps://{SERVER}", "--credentials", credentials, "-v", *words)
            self.assertIn("coaps", server.stdout.readline())
            client = self.start("client", "observe", f"coaps://{SERVER}/time", "--credentials", credentials)
            state = r"^\d{4}-\d\d-\d\dT"
            for _ in range(2):
                self.lines_until(client, state)
            self.lines_until(server, r"<- coaps://192\.0\.2\.1:2000\d ")
            self.forbid_handshakes()
            for port in (30000, 40000):
                self.bind(port)
                # The client speaks when what it knows is stale, and is followed from then on.
                self.lines_until(server, rf"<- coaps://192\.0\.2\.1:{port // 10}\d .* GET Observe=0")
                self.lines_until(server, rf"-> coaps://192\.0\.2\.1:{port // 10}\d .* 2\.05 Content Observe=")
                self.lines_until(client, state)
            self.assertEqual(0, self.handshakes())


if __name__ == "__main__":
    unittest.main()
