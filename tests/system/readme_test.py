#!/usr/bin/env python3
"""Every command of the README works as it stands there: its shell blocks run one after the other in one shell, in a copy
of nothing but the built tree, and its C program is compiled and run by them."""

import os
import re
import subprocess
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FENCE = re.compile(r"^```(sh|c)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PATIENCE_SECONDS = 120

# Before the next command a person has read what a server in the background prints: the script waits for that line. At its
# end the shell ends what it started.
PROLOGUE = r"""
set -euo pipefail
exec </dev/null
trap 'for job in $(jobs -p); do kill "$job" 2>/dev/null || true; wait "$job" || true; done' EXIT
"""


def script(text):
    """The README's blocks as one shell script. A program in C becomes the file that the text names."""
    commands = [PROLOGUE]
    servers = 0
    for kind, block in FENCE.findall(text):
        if kind == "c":
            commands.append(f"cat >fetch.c <<'END OF THE PROGRAM'\n{block}END OF THE PROGRAM")
            continue
        for line in block.rstrip("\n").split("\n"):
            if not line.endswith(" &"):
                commands.append(line)
                continue
            servers += 1
            commands.append(f"mkfifo uris{servers}\n{line[:-2]} >uris{servers} &\nexec {servers + 4}<uris{servers}\n"
                            f"read -r -t 20 uri <&{servers + 4}\necho \"serves $uri\"")
    return "\n".join(commands) + "\n"


class ReadmeTest(unittest.TestCase):
    def test_every_command(self):
        with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as file:
            commands = script(file.read())
        with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as home:
            os.symlink(os.path.join(ROOT, "build"), os.path.join(folder, "build"))
            done = subprocess.run(["bash", "-c", commands], cwd=folder, env={**os.environ, "HOME": home}, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=PATIENCE_SECONDS, errors="replace")
        self.assertEqual(0, done.returncode, f"{commands}\n----\n{done.stdout}")
        for expected in ("serves coap://127.0.0.1", "serves coaps://127.0.0.1", "serves coap+tcp://127.0.0.1", "</time>", "7.01 CSM", '"n"', "hello from afar", "2.05"):
            self.assertIn(expected, done.stdout)

    def test_every_link_leads_somewhere(self):
        pages = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"]
        pages += [os.path.join("docs", name) for name in os.listdir(os.path.join(ROOT, "docs")) if name.endswith(".md")]
        for page in pages:
            with open(os.path.join(ROOT, page), encoding="utf-8") as file:
                for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", file.read()):
                    path = os.path.join(ROOT, os.path.dirname(page), target)
                    self.assertTrue(os.path.exists(path), f"{page} leads to {target}")

    def test_exit_codes_are_those_of_the_command(self):
        with open(os.path.join(ROOT, "src", "cli", "commands.h"), encoding="utf-8") as file:
            codes = re.findall(r"EXIT_\w+ = (\d)", file.read())
        with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as file:
            self.assertEqual(codes, re.findall(r"^\| (\d) \|", file.read(), re.MULTILINE))


if __name__ == "__main__":
    unittest.main()
