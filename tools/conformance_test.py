#!/usr/bin/env python3
"""conformance.py sees each way in which a row can be wrong: a small tree whose rows are right, and one fault after the other."""

import os
import tempfile
import unittest

import conformance

SOURCE = """static void first(void **state) {
}
static void second(void **state) {
}
static void forgotten(void **state) {
}
    cmocka_unit_test(first), SERVED(second), cmocka_unit_test(broken)
static void broken(void **state) {
}
"""
SCRIPT = """class A(unittest.TestCase):
    def test_one(self):
        pass
    def test_skipped(self):
        pass
    def test_new(self):
        pass
"""
UNIT_LOG = """Start testing: Jan 01 00:00 UTC
1/2 Testing: other_test
1/2 Test: other_test
[       OK ] broken
Test Passed.
2/2 Testing: a_test
2/2 Test: a_test
[ RUN      ] first
[       OK ] first
[ RUN      ] second
[       OK ] second
[ RUN      ] broken
[  FAILED  ] broken
"""
PYTHON_LOG = """test_one (__main__.A.test_one)
What it is about. ... ok
test_skipped (__main__.A.test_skipped) ... skipped 'no network'
Ran 2 tests in 0.1s
== tests/system/a_test.py: passed in 0.2 s
test_new (__main__.A.test_new) ... ok
== tests/interop/a_test.py: passed in 0.2 s
"""
HEAD = "# Conformance\n\n## RFC 1\n\n| § | Level | What | Shown by |\n|---|---|---|---|\n"


def row(shown, level="MUST", section="1", text="does it"):
    return f"| {section} | {level} | {text} | {shown} |\n"


def many(count):
    return "".join(row("`src/a_test.c: first`", text=f"does it {number}") for number in range(count))


ENOUGH = HEAD + many(conformance.MINIMUM_ROWS)

# What the last row says, and what must be said of it; None: nothing.
ROWS = {
    "a test": (row("`src/a_test.c: second`"), None),
    "two tests": (row("`src/a_test.c: first`, `src/a_test.c: second`"), None),
    "a test in Python": (row("`tests/system/a_test.py: test_one`"), None),
    "a reason": (row("not done: there is no cache"), None),
    "a reason with a test": (row("not done: by half (`src/a_test.c: first`)"), None),
    "no keyword": (row("`src/a_test.c: first`", level="is"), None),
    "nothing": (row(""), "neither a test nor a reason"),
    "an excuse": (row("not done: no"), "neither a test nor a reason"),
    "words": (row("somewhere in the tests"), "neither a test nor a reason"),
    "a file without a name": (row("`src/a_test.c`"), "names no test"),
    "a file that is not there": (row("`src/b_test.c: first`"), "there is no test src/b_test.c"),
    "a file that is no test": (row("`docs/conformance.md: first`"), "there is no test docs/conformance.md"),
    "a name that is not there": (row("`src/a_test.c: third`"), "src/a_test.c has no test third"),
    "one of two that is not there": (row("`src/a_test.c: first`, `src/a_test.c: third`"), "has no test third"),
    "a test that nobody registered": (row("`src/a_test.c: forgotten`"), "forgotten is not in the list"),
    "a test that failed": (row("`src/a_test.c: broken`"), "broken of a_test did not pass"),
    "a program that did not run": (row("`src/idle_test.c: first`"), "idle_test did not run; run ./check"),
    "a name that is not in the script": (row("`tests/system/a_test.py: test_two`"), "has no test test_two"),
    "a test that was skipped": (row("`tests/system/a_test.py: test_skipped`"), "test_skipped of tests/system/a_test.py did not"),
    "a test that is newer than the log": (row("`tests/system/a_test.py: test_new`"), "test_new of tests/system/a_test.py did not"),
    "a script that did not run": (row("`tests/system/idle_test.py: test_one`"), "tests/system/idle_test.py did not run"),
    "an unknown level": (row("`src/a_test.c: first`", level="MAY"), "the level \"MAY\""),
    "no section": (row("`src/a_test.c: first`", section=""), "a cell is empty"),
    "a row that is there twice": (row("`src/a_test.c: first`", text="does it 7"), "the same row as in line"),
}


class ConformanceTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = folder.name
        for path, text in {"src/a_test.c": SOURCE, "src/idle_test.c": SOURCE, "tests/system/a_test.py": SCRIPT,
                           "tests/system/idle_test.py": SCRIPT, conformance.UNIT_LOG: UNIT_LOG,
                           f"{conformance.PYTHON_LOGS}/system-tests.log": PYTHON_LOG}.items():
            self.write(path, text)

    def write(self, path, text):
        full = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as file:
            file.write(text)

    def problems(self, document):
        self.write(conformance.DOCUMENT, document)
        return list(conformance.Tree(self.root).problems())

    def test_each_fault_is_seen_and_nothing_else(self):
        for what, (last, expected) in ROWS.items():
            with self.subTest(what):
                found = self.problems(ENOUGH + last)
                self.assertEqual(0 if expected is None else 1, len(found), found)
                if found:
                    line = (ENOUGH + last).count("\n")
                    self.assertTrue(found[0].startswith(f"{conformance.DOCUMENT}:{line}: § "), found)
                    self.assertIn(expected, found[0])

    def test_rows_are_counted(self):
        few = HEAD + many(conformance.MINIMUM_ROWS - 1)
        for document in (few, few + row("`src/a_test.c: first`", level="is"), few + "\nText.\n\n| a | b |\n|---|---|\n| c | d |\n"):
            (found,) = self.problems(document)
            self.assertIn(f"{conformance.MINIMUM_ROWS - 1} rows", found)

    def test_the_youngest_log_counts(self):
        old = os.path.join(self.root, conformance.PYTHON_LOGS, "system-tests.log")
        os.utime(old, (1, 1))
        document = ENOUGH + row("`tests/system/a_test.py: test_one`")
        self.write(f"{conformance.PYTHON_LOGS}/again.log", "== tests/system/a_test.py: FAILED in 1.0 s\n")
        self.assertEqual(1, len(self.problems(document)))
        os.utime(old)
        os.utime(os.path.join(self.root, conformance.PYTHON_LOGS, "again.log"), (1, 1))
        self.assertEqual([], self.problems(document))

    def test_without_logs_no_test_counts(self):
        os.remove(os.path.join(self.root, conformance.UNIT_LOG))
        self.assertEqual(conformance.MINIMUM_ROWS, len(self.problems(ENOUGH)))

    def test_the_summary(self):
        self.problems(ENOUGH + row("not done: there is no cache") + row("`src/a_test.c: second`", level="is"))
        count = conformance.MINIMUM_ROWS
        self.assertEqual(f"{count + 2} rows ({count + 1} with a keyword), 2 tests that ran and passed, 1 not done",
                         conformance.Tree(self.root).summary())


if __name__ == "__main__":
    unittest.main()
