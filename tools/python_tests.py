#!/usr/bin/env python3
"""Runs every NAME_test.py of a folder, each in a process of its own, and stops at the first that fails.

    tools/python_tests.py FOLDER [WORD...]     only those whose name contains one of the words, and none of the !WORDs

A test is a program of unittest: with -v it names its tests, which tools/conformance.py reads, and it exits with 0 when all is well. The command under test is in the environment variable COAX.
"""

import os
import re
import subprocess
import sys
import time

LIMIT_SECONDS = 600


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    folder, words = sys.argv[1], sys.argv[2:]
    names = sorted(name for name in os.listdir(folder) if name.endswith("_test.py"))
    refused = [word[1:] for word in words if word.startswith("!")]
    words = [word for word in words if not word.startswith("!")]
    names = [name for name in names if not words or any(word in name for word in words)]
    names = [name for name in names if not any(word in name for word in refused)]
    if not names:
        sys.exit(f"{folder}: no tests")
    count = 0
    for name in names:
        started = time.monotonic()
        try:
            result = subprocess.run(
                [sys.executable, os.path.join(folder, name), "-v"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, timeout=LIMIT_SECONDS, text=True, errors="replace")
            output, failed = result.stdout, result.returncode != 0
        except subprocess.TimeoutExpired as late:
            output, failed = (late.stdout or b"").decode(errors="replace"), True
            output += f"\nnot finished after {LIMIT_SECONDS} s\n"
        print(output, end="" if output.endswith("\n") else "\n")
        print(f"== {folder}/{name}: {'FAILED' if failed else 'passed'} in {time.monotonic() - started:.1f} s", flush=True)
        if failed:
            sys.exit(1)
        ran = re.search(r"^Ran (\d+) tests?", output, re.MULTILINE)
        count += int(ran.group(1)) if ran else 1
    print(f"{count} tests in {len(names)} files")


if __name__ == "__main__":
    main()
