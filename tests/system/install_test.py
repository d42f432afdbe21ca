#!/usr/bin/env python3
"""An installed coax is found and used from outside: by pkg-config, by find_package, shared and static, from C and C++."""

import glob
import os
import shutil
import subprocess
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, "build", "release")

PROGRAM = r"""
#include <coax/coax.h>
#include <stdio.h>

int main(void) {
    coax_error error;
    coax_uri uri;
    if (coax_uri_parse(&uri, "coaps://Example.org/a", &error) != COAX_OK) {
        fprintf(stderr, "%s\n", error.text);
        return 1;
    }
    coax_credentials *credentials = coax_credentials_new();
    enum coax_status status = coax_credentials_set_psk(credentials, "coaps://example.org/*", "me", 2, "key", 3, &error);
    printf("%s %s %d %s\n", coax_scheme_name(uri.scheme), uri.host, uri.port, coax_status_name(status));
    coax_credentials_free(credentials);
    return 0;
}
"""
EXPECTED = "coaps example.org 5684 COAX_OK\n"

CMAKE = """
cmake_minimum_required(VERSION 3.21)
project(outside LANGUAGES C)
find_package(coax 0.1 REQUIRED COMPONENTS static)
add_executable(with_shared main.c)
target_link_libraries(with_shared PRIVATE coax::coax)
add_executable(with_static main.c)
target_link_libraries(with_static PRIVATE coax::coax_static)
"""


def run(*command, **more):
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)
    if done.returncode != 0:
        raise AssertionError(f"{command}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


class InstallTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not os.path.exists(os.path.join(BUILD, "libcoax.so")):
            run("cmake", "--preset", "release", cwd=ROOT)
            run("cmake", "--build", "--preset", "release", cwd=ROOT)
        cls.folder = tempfile.mkdtemp()
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        first = os.path.join(cls.folder, "first")
        run("cmake", "--install", BUILD, "--prefix", first)
        # Moved afterwards: nothing in it may remember where it was.
        cls.prefix = os.path.join(cls.folder, "moved")
        os.rename(first, cls.prefix)
        cls.source = os.path.join(cls.folder, "main.c")
        with open(cls.source, "w", encoding="ascii") as file:
            file.write(PROGRAM)
        cls.libraries = os.path.dirname(cls.one("**/libcoax.a"))

    @classmethod
    def one(cls, pattern):
        found = glob.glob(os.path.join(cls.prefix, pattern), recursive=True)
        assert len(found) == 1, f"{pattern}: {found}"
        return found[0]

    def pkg_config(self, *arguments):
        return run("pkg-config", *arguments, "coax",
                   env={**os.environ, "PKG_CONFIG_PATH": os.path.dirname(self.one("**/coax.pc"))}).split()

    def outcome(self, program):
        return run(program, env={**os.environ, "LD_LIBRARY_PATH": self.libraries})

    def test_shared_by_pkg_config(self):
        program = os.path.join(self.folder, "a")
        run("cc", self.source, "-o", program, *self.pkg_config("--cflags", "--libs"))
        self.assertEqual(EXPECTED, self.outcome(program))
        self.assertIn("libcoax.so.0", run("ldd", program, env={**os.environ, "LD_LIBRARY_PATH": self.libraries}))

    def test_static_with_what_it_stands_on(self):
        """coax.pc names what the static library needs; those are linked as Debian has them, shared."""
        program = os.path.join(self.folder, "b")
        needed = run("pkg-config", "--print-requires-private", "coax",
                     env={**os.environ, "PKG_CONFIG_PATH": os.path.dirname(self.one("**/coax.pc"))}).split()
        libraries = run("pkg-config", "--libs", *needed).split()
        run("cc", self.source, "-o", program, *self.pkg_config("--cflags"), self.one("**/libcoax.a"), *libraries, "-pthread")
        self.assertEqual(EXPECTED, run(program))

    def test_by_find_package(self):
        project, build = os.path.join(self.folder, "project"), os.path.join(self.folder, "project-build")
        os.mkdir(project)
        shutil.copy(self.source, project)
        with open(os.path.join(project, "CMakeLists.txt"), "w", encoding="ascii") as file:
            file.write(CMAKE)
        run("cmake", "-G", "Ninja", "-S", project, "-B", build, f"-DCMAKE_PREFIX_PATH={self.prefix}")
        run("cmake", "--build", build)
        self.assertEqual(EXPECTED, self.outcome(os.path.join(build, "with_shared")))
        self.assertEqual(EXPECTED, run(os.path.join(build, "with_static")))

    def test_each_header_stands_alone(self):
        include = os.path.join(self.prefix, "include")
        headers = sorted(glob.glob(os.path.join(include, "coax", "*.h")))
        self.assertEqual(sorted(os.listdir(os.path.join(ROOT, "include", "coax"))), [os.path.basename(name) for name in headers])
        for header in headers:
            text = f"#include <coax/{os.path.basename(header)}>\nextern int nothing;\n"
            run("cc", "-std=c17", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-I", include, "-fsyntax-only", "-x", "c", "-",
                input=text)
            run("c++", "-std=c++17", "-Wall", "-Wextra", "-Werror", "-I", include, "-fsyntax-only", "-x", "c++", "-", input=text)

    def test_the_command(self):
        command = self.one("bin/coax")
        version = self.pkg_config("--modversion")[0]
        self.assertIn(version, run(command, "--version"))

    def test_the_manual(self):
        page = self.one("**/man1/coax.1")
        with open(page, encoding="utf-8") as file:
            self.assertIn(".TH", file.read())


if __name__ == "__main__":
    unittest.main()
