#!/usr/bin/env python3
"""house.py sees each kind of breach: a small tree that keeps every rule, and one breach after the other put into it."""

import os
import subprocess
import tempfile
import unittest

import house

GOOD = {
    "include/coax/endpoint.h": "COAX_API int coax_start(void);\n"
                               "typedef struct coax_endpoint_config {\n    unsigned size;\n    unsigned nstart; /* [1] */\n"
                               "} coax_endpoint_config;\n",
    "src/base/list.c": '#include "base/list.h"\n/* time(NULL) in a comment is none */\nint coax_list;\n',
    "src/base/list.h": "int coax_list_size(void);\n",
    "src/base/list_test.c": "#include <time.h>\n",
    "src/server/site.c": '#include "base/list.h"\nvoid f(struct now *now) { now->time(3); }\n',
    "src/server/site_test.c": '#include "stack/stack.h"\n' "static void keeps_order(void **state) {}\n",
    "src/endpoint/socket.c": "#include <sys/socket.h>\n",
    "src/endpoint/socket_test.c": "\n",
    "src/cli/main.c": 'static const char *name = "--output";\n',
    "docs/features.md": "| Feature | RFC | Test |\n|---|---|---|\n"
                        "| order | 7252 §5 | `src/server/site_test.c: keeps_order` |\n",
    "docs/settings.md": "`nstart` is how many\n",
    "man/coax.1": "\\fB\\-\\-output\\fR\n",
}

# What is put into the tree, and what must be said of it.
BREACHES = {
    "a room that is not planned": ("src/cellar/rat.h", "\n", "src/cellar/rat.h:1: not in a room"),
    "an include upwards": ("src/base/list.h", '#include "server/site.h"\n', "src/base/list.h:1: room base includes server/site.h"),
    "an include upwards in a test": ("src/base/list_test.c", '#include "server/site.h"\n', "list_test.c:1: room base includes"),
    "an include without its room": ("src/base/list.c", '#include "list.h"\n', "src/base/list.c:1: includes list.h"),
    "a private header in a public one": ("include/coax/bad.h", '#include "base/list.h"\n', "include/coax/bad.h:1: a public header"),
    "a socket header": ("src/server/site.c", "#include <sys/socket.h>\n", "src/server/site.c:1: a protocol room includes"),
    "a file header": ("src/base/list.c", "#include <fcntl.h>\n", "src/base/list.c:1: a protocol room includes <fcntl.h>"),
    "a clock": ("src/server/site.c", "long f(void) { return time(0); }\n", "site.c:1: a protocol room calls time()"),
    "a better clock": ("src/server/site.c", "\n\nint x = clock_gettime(0, &y);\n", "site.c:3: a protocol room calls clock_gettime()"),
    "randomness": ("src/base/list.h", "static int f(void) { return rand(); }\n", "list.h:1: a protocol room calls rand()"),
    "opening a file": ("src/base/list.c", "x = fopen(y);\n", "list.c:1: a protocol room calls fopen()"),
    "printing": ("src/base/list.c", "fputs(x, stderr);\n", "list.c:1: a protocol room uses stderr"),
    "a source without a test": ("src/base/hash.c", "\n", "src/base/hash.c:1: has no hash_test.c"),
    "a file too long": ("src/base/list.h", "\n" * 701, "src/base/list.h:700: 701 lines"),
    "something unfinished": ("README.md", "x\n" + "TO" + "DO: more\n", "README.md:2: says TO" + "DO"),
    "a machine's path": ("README.md", "see /wor" + "k/somewhere\n", "README.md:1: names a path of one machine"),
    "a feature without a test": ("docs/features.md", "| order | RFC | none |\n", "docs/features.md:1: \"order\" names no test"),
    "a feature whose test is gone": ("docs/features.md", "| a | b | `src/x_test.c` |\n", "docs/features.md:1: there is no src/x_test.c"),
    "a feature whose case is gone": ("docs/features.md", "| a | b | `src/server/site_test.c: gone` |\n", "site_test.c has no gone"),
    "a setting that nobody explains": ("docs/settings.md", "\n", "setting nstart is in no page"),
    "an option that nobody explains": ("src/cli/main.c", 'x = "--secret";\n', "src/cli/main.c:1: option --secret"),
    "a long option that nobody explains": ("src/cli/main.c", '    {"dark", 0, "X", "help"},\n', "main.c:1: option --dark"),
}


class Tree:
    def __init__(self, files):
        self.folder = tempfile.TemporaryDirectory()
        for path, text in files.items():
            full = os.path.join(self.folder.name, path)
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full, "w", encoding="utf-8") as file:
                file.write(text)

    def __enter__(self):
        return self.folder.name

    def __exit__(self, *_):
        self.folder.cleanup()


class HouseTest(unittest.TestCase):
    def test_a_good_tree_is_left_in_peace(self):
        with Tree(GOOD) as root:
            self.assertEqual(([], len(GOOD)), house.breaches(root))

    def test_each_breach_is_seen(self):
        for what, (path, text, expected) in BREACHES.items():
            with self.subTest(what), Tree({**GOOD, path: text}) as root:
                found, _ = house.breaches(root)
                self.assertTrue(any(expected in breach for breach in found), f"{expected!r} is not among {found}")

    def test_exported_symbols(self):
        with Tree(GOOD) as root:
            for source, expected in (("int coax_start(void) { return 0; }", []),
                                     ("int coax_start(void) { return 0; }\nint coax_more;", ["exports coax_more,"]),
                                     ("int other;", ["exports other,", "does not export coax_start,"])):
                library = os.path.join(root, "libx.so")
                subprocess.run(["cc", "-shared", "-fPIC", "-x", "c", "-", "-o", library], input=source, text=True, check=True)
                found, _ = house.breaches(root, library)
                self.assertEqual(len(expected), len(found), found)
                for text, breach in zip(expected, found):
                    self.assertIn(text, breach)

    def test_prefix_of_the_static_library(self):
        with Tree(GOOD) as root:
            compiled = os.path.join(root, "libx.o")
            subprocess.run(["cc", "-c", "-x", "c", "-", "-o", compiled], input="int coax_a; int b;", text=True, check=True)
            subprocess.run(["ar", "rcs", os.path.join(root, "libx.a"), compiled], check=True)
            found = list(house.linkage_has_the_prefix(house.House(root), os.path.join(root, "libx.so")))
            self.assertEqual(1, len(found))
            self.assertIn("global symbol b lacks", found[0])


if __name__ == "__main__":
    unittest.main()
