"""Many clients in one process (many_clients.c), which the tests talk to by lines."""

import os
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def build(library_folder, folder):
    libraries = subprocess.run(["pkg-config", "--libs", "gnutls", "nettle", "jansson"], check=True, text=True,
                               stdout=subprocess.PIPE).stdout.split()
    program = os.path.join(folder, "many_clients")
    subprocess.run(["cc", "-std=c17", "-O1", "-Wall", "-Wextra", "-Werror", "-I", os.path.join(ROOT, "include"),
                    os.path.join(ROOT, "tests", "system", "many_clients.c"), "-o", program,
                    os.path.join(library_folder, "libcoax.a"), *libraries, "-pthread"], check=True)
    return program


class ManyClients:
    """They observe the URI when this is made."""

    def __init__(self, program, uri, credentials, count):
        self.process = subprocess.Popen([program, uri, credentials, str(count)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, bufsize=1)
        if self.read() != "ready":
            self.stop()
            raise AssertionError("the clients could not begin")

    def read(self):
        return self.process.stdout.readline().strip()

    def say(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def ask_all(self):
        self.say("ask")
        return self.read()

    def report(self):
        self.say("report")
        words = self.read().split()
        return {words[i]: int(words[i + 1]) for i in range(0, len(words), 2)}

    def wait_for(self, **wanted):
        """The clients work on while they are asked: each report is a turn of theirs."""
        for _ in range(100_000):
            report = self.report()
            if all(report[name] == value for name, value in wanted.items()):
                return
        raise AssertionError(f"{wanted} never came: {report}")

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
