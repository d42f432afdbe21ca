#!/usr/bin/env python3
"""Holds docs/conformance.md to its word: each row names tests that are there, and that ran and passed when they were run last,
or says why it is not done. Prints each row that does not as "file:line: what, and what to do" and exits with 1.

    tools/conformance.py [--root FOLDER]

It reads what the unit tests left in build/asan and the tests in Python in build/check: ./check runs both before it.
"""

import argparse
import collections
import os
import re
import sys

DOCUMENT = "docs/conformance.md"
UNIT_LOG = "build/asan/Testing/Temporary/LastTest.log"
PYTHON_LOGS = "build/check"
MINIMUM_ROWS = 250
# What RFC 2119 defines, which is what is counted; and what an RFC states in other words.
KEYWORDS = {"MUST", "MUST NOT", "SHOULD", "SHOULD NOT", "RECOMMENDED", "NOT RECOMMENDED"}
STATED = "is"
REASON = re.compile(r"not done: \S.{9,}", re.DOTALL)

Row = collections.namedtuple("Row", "line document section level text shown")


def read(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def rows_of(text):
    """The rows of all tables that begin with a column "§", each with the heading above it."""
    document, in_table = "", False
    for number, line in enumerate(text.split("\n"), 1):
        if line.startswith("#"):
            document = line.lstrip("# ")
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not line.startswith("|"):
            in_table = False
        elif cells[0] == "§":
            in_table = True
        elif in_table and (cells[0] == "" or not set(cells[0]) <= set(":-")):
            yield Row(number, document, *(cells + [""] * 4)[:4])


def tests_of(row):
    """The pairs of file and name that a row names as `file: name`; the name is "" where there is none."""
    for test in re.findall(r"`([^`]+)`", row.shown):
        file, _, name = (part.strip() for part in test.partition(":"))
        yield file, name


def unit_tests_that_passed(log):
    """By program the names that cmocka reports as passed, from the log of the last ctest."""
    passed = {}
    program = None
    for line in log.splitlines():
        match = re.match(r"\d+/\d+ Test(?:ing)?: (\S+)$", line)
        if match:
            program = match.group(1)
            passed.setdefault(program, set())
        match = re.match(r"\[ +OK \] (\w+)$", line)
        if match and program:
            passed[program].add(match.group(1))
    return passed


def python_tests_that_passed(logs):
    """By file the names that unittest reports, from logs of tools/python_tests.py; the youngest log comes last and counts."""
    passed = {}
    for log in logs:
        names = set()
        for line in log.splitlines():
            match = re.match(r"(test_\w+) \(", line)
            if match:
                names.add(match.group(1))
            match = re.match(r"(test_\w+) \(.*\.\.\. skipped\b", line)
            if match:
                names.discard(match.group(1))
            match = re.match(r"== (\S+): (passed|FAILED) in ", line)
            if match:
                passed[match.group(1)] = names if match.group(2) == "passed" else set()
                names = set()
    return passed


class Tree:
    """The document, the tests, and what is known of their last run."""

    def __init__(self, root):
        self.root = root
        self.document = read(os.path.join(root, DOCUMENT))
        self.rows = list(rows_of(self.document))
        unit_log = os.path.join(root, UNIT_LOG)
        self.units = unit_tests_that_passed(read(unit_log)) if os.path.exists(unit_log) else {}
        self.scripts = python_tests_that_passed(map(read, self.python_logs()))
        self.sources = {}

    def python_logs(self):
        folder = os.path.join(self.root, PYTHON_LOGS)
        names = os.listdir(folder) if os.path.isdir(folder) else []
        paths = [os.path.join(folder, name) for name in names if name.endswith(".log")]
        return sorted(paths, key=os.path.getmtime)

    def source(self, file):
        """The text of a test; None if there is no such file."""
        if file not in self.sources:
            path = os.path.join(self.root, file)
            self.sources[file] = read(path) if os.path.isfile(path) else None
        return self.sources[file]

    def problem_with_unit(self, file, name):
        program = os.path.basename(file)[:-2]
        source = self.source(file)
        if not re.search(rf"^static void {name}\(void \*\*state\)", source, re.MULTILINE):
            return f"{file} has no test {name}; name one that it has"
        if len(re.findall(rf"\b{name}\b", source)) < 2:
            return f"{name} is not in the list of {file}'s main(); register it"
        if program not in self.units:
            return f"{program} did not run; run ./check \"build, gcc\" \"unit tests, gcc\" (its log is {UNIT_LOG})"
        if name not in self.units[program]:
            return f"{name} of {program} did not pass when it ran last; build it and run ./check \"unit tests, gcc\" again"
        return None

    def problem_with_script(self, file, name):
        if not re.search(rf"^    def {name}\(self", self.source(file), re.MULTILINE):
            return f"{file} has no test {name}; name one that it has"
        if file not in self.scripts:
            return f"{file} did not run; run the step of ./check that runs {os.path.dirname(file)} (its log is in {PYTHON_LOGS})"
        if name not in self.scripts[file]:
            return f"{name} of {file} did not run and pass last time; run the step of ./check that runs it again"
        return None

    def problem_with(self, file, name):
        if not name or not re.fullmatch(r"\w+", name):
            return f"`{file}` names no test; write `path/x_test.c: name`"
        if not file.endswith(("_test.c", "_test.py")) or self.source(file) is None:
            return f"there is no test {file}; name the one that shows this, or say \"not done: why\""
        check = self.problem_with_unit if file.endswith(".c") else self.problem_with_script
        return check(file, name)

    def problems_with_row(self, row):
        if row.level not in KEYWORDS | {STATED}:
            yield f"the level \"{row.level}\" is none of {', '.join(sorted(KEYWORDS))} and {STATED}"
        if not row.section or not row.text:
            yield "a cell is empty; a row is | § | level | what an endpoint does | shown by |"
        tests = list(tests_of(row))
        if not tests and not REASON.match(row.shown):
            yield "neither a test nor a reason; name `path/x_test.c: name`, or write \"not done: why\""
        for file, name in tests:
            problem = self.problem_with(file, name)
            if problem:
                yield problem

    def problems(self):
        seen = {}
        for row in self.rows:
            where = f"{DOCUMENT}:{row.line}: § {row.section}, \"{row.text[:60]}\""
            for problem in self.problems_with_row(row):
                yield f"{where}: {problem}"
            first = seen.setdefault((row.document, row.section, row.level, row.text), row.line)
            if first != row.line:
                yield f"{where}: the same row as in line {first}; one of them has to go"
        counted = self.keyword_rows()
        if counted < MINIMUM_ROWS:
            yield f"{DOCUMENT}:1: {counted} rows have a keyword of RFC 2119; {MINIMUM_ROWS} at least are wanted"

    def keyword_rows(self):
        return sum(row.level in KEYWORDS for row in self.rows)

    def summary(self):
        tests = {test for row in self.rows for test in tests_of(row)}
        undone = sum(row.shown.startswith("not done") for row in self.rows)
        return (f"{len(self.rows)} rows ({self.keyword_rows()} with a keyword), {len(tests)} tests that ran and passed, "
                f"{undone} not done")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--root", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    tree = Tree(os.path.normpath(parser.parse_args().root))
    problems = list(tree.problems())
    for problem in problems:
        print(problem)
    if problems:
        sys.exit(f"{len(problems)} problems with {DOCUMENT}")
    print(tree.summary())


if __name__ == "__main__":
    main()
