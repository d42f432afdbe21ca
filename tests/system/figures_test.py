#!/usr/bin/env python3
"""The figures in docs/ that simulations print are those that they print: the same seeds give the same table everywhere. COAX names a
command beside which the simulations were built."""

import os
import re
import subprocess
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
COAX = os.path.abspath(os.environ.get("COAX", os.path.join(ROOT, "build", "release", "coax")))


def tables(text):
    """The runs of lines of a Markdown table, each as one text."""
    return re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE)


class FiguresTest(unittest.TestCase):
    def check(self, program, page):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("COAX_SIM")}
        printed = subprocess.run([os.path.join(os.path.dirname(COAX), program)], capture_output=True, text=True, check=True, timeout=300,
                                 env=environment).stdout
        self.assertGreaterEqual(len(tables(printed)), 1)
        with open(os.path.join(ROOT, "docs", page), encoding="utf-8") as file:
            written = tables(file.read())
        for table in tables(printed):
            self.assertIn(table, written, f"docs/{page} says something else than build/…/{program}")

    def test_blocks(self):
        self.check("blockwise_test", "block-wise.md")

    def test_congestion(self):
        self.check("congestion_test", "congestion.md")


if __name__ == "__main__":
    unittest.main()
