"""Discovery by multicast, IPv6 and IPv4, in a network namespace of the test's own whose one wire leads nowhere.

COAX names the command to test. A namespace takes root; another user's test asks sudo for it."""

import os
import re
import subprocess
import time
import unittest

COAX = os.path.abspath(os.environ.get("COAX", "build/release/coax"))
SUDO = [] if os.geteuid() == 0 else ["sudo", "-n"]


class MulticastTest(unittest.TestCase):
    def setUp(self):
        self.space = f"coax-{os.getpid()}"
        self.server = None
        self.command("ip", "netns", "add", self.space)
        self.addCleanup(self.clean_up)
        for words in (
            "link set lo up",
            "link add wire type veth peer name end",
            "addr add 192.0.2.1/24 dev wire",
            "link set end up",
            "link set wire up multicast on",
            "route add 224.0.0.0/4 dev wire",
        ):
            self.inside("ip", *words.split())

    def command(self, *words, check=True):
        return subprocess.run([*SUDO, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=check, timeout=60)

    def inside(self, *words, check=True):
        return self.command("nsenter", f"--net=/run/netns/{self.space}", *words, check=check)

    def start_server(self, *words):
        self.server = subprocess.Popen([*SUDO, "nsenter", f"--net=/run/netns/{self.space}", COAX, "serve", *words],
                                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.assertEqual(self.server.stdout.readline(), "coap://[::]\n")

    def clean_up(self):
        if self.server is not None:
            self.inside("sh", "-c", f"kill $(ip netns pids {self.space})", check=False)
            output, errors = self.server.communicate(timeout=30)
            self.assertEqual((output, errors), ("", ""))
        self.command("ip", "netns", "delete", self.space)

    def ask(self, uri, *words):
        return self.inside(COAX, "get", uri, "--timeout", "20", *words, check=False)

    def wait_for_address(self):
        """The interface's own address cannot be used before the kernel has made sure that nobody else has it."""
        deadline = time.monotonic() + 20
        while "tentative" in self.inside("ip", "-6", "addr", "show", "dev", "wire").stdout:
            self.assertLess(time.monotonic(), deadline)

    def test_discovery(self):
        self.wait_for_address()
        self.start_server("--join", "ff02::fd%wire", "--join", "224.0.1.187%wire")
        for group in ("[ff02::fd%25wire]", "224.0.1.187"):
            answer = self.ask(f"coap://{group}/.well-known/core", "--non", "--format", "json")
            self.assertEqual((answer.returncode, answer.stderr), (0, ""), group)
            self.assertIn("</time>", answer.stdout)
            # The one who answered is named, not the group.
            self.assertRegex(answer.stdout, r'"remote": "coap://(192\.0\.2\.1|\[fe80::[0-9a-f:]+%\d+\])"')

    def test_everybody_around_is_found(self):
        self.wait_for_address()
        self.start_server("--join", "ff02::fd%wire", "--join", "224.0.1.187%wire")
        found = self.inside(COAX, "discover", check=False)
        self.assertEqual((found.returncode, found.stderr), (0, ""))
        self.assertEqual(found.stdout.split(maxsplit=1)[0], "URI")
        # By IPv6 and by IPv4: two addresses of the same server.
        self.assertRegex(found.stdout, r"(?m)^coap://192\.0\.2\.1/time +time ")
        self.assertRegex(found.stdout, r"(?m)^coap://\[fe80::[0-9a-f:]+%25\d+\]/time +time ")
        one = self.inside(COAX, "discover", "ff02::fd%wire", "--timeout", "6", "--format", "json", check=False)
        self.assertEqual((one.returncode, one.stderr), (0, ""))
        self.assertIn('/time","attributes":', one.stdout)

    def test_errors_and_pings_get_no_answer(self):
        self.wait_for_address()
        self.start_server("--join", "ff02::fd%wire")
        answer = self.inside(COAX, "get", "coap://[ff02::fd%25wire]/nothing", "--non", "--timeout", "7", check=False)
        self.assertEqual(answer.returncode, 6)
        self.assertIn("no response within 7", answer.stderr)

    def test_confirmable_requests_are_refused_before_they_are_sent(self):
        answer = self.ask("coap://224.0.1.187/")
        self.assertNotEqual(answer.returncode, 0)
        self.assertIn("--non", answer.stderr)

    def test_a_group_that_is_none(self):
        refused = self.inside(COAX, "serve", "--join", "192.0.2.7", check=False)
        self.assertEqual(refused.returncode, 2)
        self.assertTrue(re.search("--join 192.0.2.7: .*not a multicast address", refused.stderr), refused.stderr)


if __name__ == "__main__":
    unittest.main()
