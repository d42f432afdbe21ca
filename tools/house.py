#!/usr/bin/env python3
"""Holds the house to its plan (docs/architecture.md). Prints each breach as "file:line: what" and exits with 1.

    tools/house.py [--root FOLDER] [--library build/release/libcoax.so]
"""

import argparse
import os
import re
import subprocess
import sys

# From the ground up: a room includes headers of its own and of those before it.
ROOMS = ["base", "message", "security", "transport", "request", "server", "stack", "endpoint", "cli"]
# Here bytes and the time come in as arguments; nothing is read from the world.
PROTOCOL_ROOMS = ROOMS[: ROOMS.index("endpoint")]

FORBIDDEN_HEADERS = re.compile(
    r"(sys/(socket|epoll|eventfd|timerfd|stat|time|un|uio|random|select|mman|file|ioctl)|netinet/.*|arpa/.*|netdb|net/.*|"
    r"time|poll|fcntl|unistd|dirent|pthread|threads|signal|linux/.*|glob|ftw)\.h$")
FORBIDDEN_CALLS = (
    "socket bind listen accept connect send sendto sendmsg sendmmsg recv recvfrom recvmsg recvmmsg epoll_wait poll select "
    "time clock clock_gettime gettimeofday timespec_get sleep usleep nanosleep "
    "rand srand random srandom drand48 rand_r getrandom getentropy arc4random gnutls_rnd "
    "open openat fopen freopen fdopen opendir stat lstat realpath mkdir unlink "
    "getenv secure_getenv setenv system popen fork printf puts putchar perror").split()
CALL = re.compile(r"(?<![\w.>])(" + "|".join(FORBIDDEN_CALLS) + r")\s*\(")
PRINTS = re.compile(r"\b(stdout|stderr|stdin)\b")

LONGEST_FILE = 700
SOURCE_SUFFIXES = (".c", ".h", ".py", ".js", ".cmake")
TEXT_SUFFIXES = SOURCE_SUFFIXES + (".md", ".txt", ".json", ".sh", ".1", ".in", "")
# Put together so that this file does not find itself.
UNFINISHED = re.compile(r"\b(" + "TO" + r"DO|" + "FIX" + r"ME|X{3})\b")
MACHINE_PATHS = re.compile(r"(?<![\w.])/(" + "work|root|home" + r")/\w")
SKIPPED_FOLDERS = {".git", "build", ".cache", "node_modules", "__pycache__", "corpus"}
WITHOUT_TEST = {"src/cli/main.c"}


def is_test(path):
    """A test, or what only tests include, such as x_test.c and dtls_test_pair.h."""
    return "_test" in os.path.basename(path)


class House:
    """The files of a tree, read once."""

    def __init__(self, root):
        self.root = root
        self.files = {}
        for folder, folders, names in os.walk(root):
            folders[:] = sorted(set(folders) - SKIPPED_FOLDERS)
            for name in sorted(names):
                path = os.path.join(folder, name)
                if os.path.splitext(name)[1] in TEXT_SUFFIXES and os.path.isfile(path):
                    with open(path, encoding="utf-8", errors="replace") as file:
                        self.files[os.path.relpath(path, root)] = file.read()

    def room(self, path):
        parts = path.split("/")
        return parts[1] if len(parts) > 2 and parts[0] == "src" else None

    def matching(self, prefix, suffixes):
        return [(path, text) for path, text in self.files.items() if path.startswith(prefix) and path.endswith(suffixes)]


def lines(text):
    return enumerate(text.split("\n"), 1)


def without_comments(text):
    """Comments and string literals become blanks; lines stay where they are."""
    def blank(match):
        return re.sub(r"[^\n]", " ", match.group(0))
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', blank, text, flags=re.DOTALL)


def rooms_are_known(house):
    for path, _ in house.matching("src/", (".c", ".h")):
        if house.room(path) not in ROOMS:
            yield f"{path}:1: not in a room of the house ({', '.join(ROOMS)})"


def includes_run_downward(house):
    for path, text in house.matching("src/", (".c", ".h")):
        room = house.room(path)
        if room not in ROOMS:
            continue
        for number, line in lines(text):
            match = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
            if not match:
                continue
            target = match.group(1).split("/")[0]
            if is_test(path) and target == "stack" and room in PROTOCOL_ROOMS:
                continue  # a test may put a whole stack around what it tests: that is what the room is for
            if target in ROOMS and ROOMS.index(target) > ROOMS.index(room):
                yield f"{path}:{number}: room {room} includes {match.group(1)}, from a room above it"
            elif target not in ROOMS and not is_test(path):
                yield f"{path}:{number}: includes {match.group(1)}, which is not named from src/ on"
    for path, text in house.matching("include/", (".h",)):
        for number, line in lines(text):
            if re.match(r'\s*#\s*include\s+"', line):
                yield f"{path}:{number}: a public header includes a private one"


def protocol_rooms_do_no_io(house):
    for path, text in house.matching("src/", (".c", ".h")):
        if house.room(path) not in PROTOCOL_ROOMS or is_test(path):
            continue
        for number, line in lines(without_comments(text)):
            match = re.match(r"\s*#\s*include\s+<([^>]+)>", line)
            if match and FORBIDDEN_HEADERS.match(match.group(1)):
                yield f"{path}:{number}: a protocol room includes <{match.group(1)}>"
            match = CALL.search(line)
            if match:
                yield f"{path}:{number}: a protocol room calls {match.group(1)}()"
            match = PRINTS.search(line)
            if match:
                yield f"{path}:{number}: a protocol room uses {match.group(1)}"


def every_source_has_its_test(house):
    for path, _ in house.matching("src/", (".c",)):
        if is_test(path) or path in WITHOUT_TEST:
            continue
        if path[:-2] + "_test.c" not in house.files:
            yield f"{path}:1: has no {os.path.basename(path)[:-2]}_test.c beside it"


def files_are_short(house):
    for path, text in house.files.items():
        if path.endswith(SOURCE_SUFFIXES) and text.count("\n") > LONGEST_FILE:
            yield f"{path}:{LONGEST_FILE}: {text.count(chr(10))} lines, {LONGEST_FILE} are allowed"


def nothing_is_left_unfinished(house):
    for path, text in house.files.items():
        for number, line in lines(text):
            match = UNFINISHED.search(line)
            if match and not path.endswith("package-lock.json"):
                yield f"{path}:{number}: says {match.group(1)}"


def no_machine_paths(house):
    for path, text in house.files.items():
        for number, line in lines(text):
            match = MACHINE_PATHS.search(line)
            if match:
                yield f"{path}:{number}: names a path of one machine ({match.group(0)}…)"


def public_functions(house):
    names = set()
    for _, text in house.matching("include/", (".h",)):
        names.update(re.findall(r"\bCOAX_API\b[^;{}]*?\b(coax_\w+)\s*\(", without_comments(text)))
    return names


def symbols_are_those_of_the_headers(house, library):
    shown = subprocess.run(["nm", "-D", "--defined-only", library], check=True, stdout=subprocess.PIPE, text=True).stdout
    exported = {line.split()[-1].split("@")[0] for line in shown.splitlines() if line.split()[-2] not in ("A",)}
    declared = public_functions(house)
    for name in sorted(exported - declared):
        yield f"{library}:0: exports {name}, which no public header declares"
    for name in sorted(declared - exported):
        yield f"{library}:0: does not export {name}, which a public header declares"


def linkage_has_the_prefix(house, library):
    """Functions that are not static carry the prefix, so that the static library clashes with nobody."""
    archive = os.path.splitext(library)[0] + ".a"
    if not os.path.exists(archive):
        return
    shown = subprocess.run(["nm", "-g", "--defined-only", archive], check=True, stdout=subprocess.PIPE, text=True,
                           stderr=subprocess.DEVNULL).stdout
    for line in shown.splitlines():
        parts = line.split()
        if len(parts) == 3 and not parts[2].startswith("coax_"):
            yield f"{archive}:0: global symbol {parts[2]} lacks the prefix coax_"


def features_name_their_tests(house):
    """Every row of docs/features.md ends in `path` or `path: name`, and both exist."""
    path = "docs/features.md"
    for number, line in lines(house.files.get(path, "")):
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not line.startswith("|") or len(cells) < 3 or set(cells[0]) <= set("-: ") or cells[0] == "Feature":
            continue
        tests = re.findall(r"`([^`]+)`", cells[-1])
        if not tests:
            yield f"{path}:{number}: \"{cells[0]}\" names no test"
        for test in tests:
            file, _, name = (part.strip() for part in test.partition(":"))
            if file not in house.files:
                yield f"{path}:{number}: there is no {file}"
            elif name and not re.search(rf"\b{re.escape(name)}\b", house.files[file]):
                yield f"{path}:{number}: {file} has no {name}"


def endpoint_settings(house):
    text = house.files.get("include/coax/endpoint.h", "")
    match = re.search(r"typedef struct coax_endpoint_config \{(.*?)\} coax_endpoint_config;", text, re.DOTALL)
    body = without_comments(match.group(1)) if match else ""
    return [name for name in re.findall(r"\b(\w+)\s*;", body) if name != "size"]


def settings_are_documented(house):
    documents = "\n".join(text for path, text in house.files.items() if path.startswith("docs/"))
    for name in endpoint_settings(house):
        if not re.search(rf"`{name}`", documents):
            yield f"include/coax/endpoint.h:1: setting {name} is in no page of docs/"


def options_are_documented(house):
    manual = "\n".join(text for path, text in house.files.items() if path.startswith(("man/", "docs/")) or path == "README.md")
    manual = re.sub(r"\\f[BIRP]", "", manual).replace("\\-", "-")
    for path, text in house.matching("src/cli/", (".c",)):
        if is_test(path):
            continue
        for number, line in lines(text):
            for option in re.findall(r'"(--[a-z][a-z-]+)', line):
                if not re.search(rf"(?<![\w-]){option}(?![\w-])", manual):
                    yield f"{path}:{number}: option {option} is in no manual page"
            # The table of cli/arguments.h: {"name", 'n', "VALUE", …}
            for option in re.findall(r"""\{"([a-z][a-z-]+)",\s*(?:0|'.'),""", line):
                if f"--{option}" not in manual:
                    yield f"{path}:{number}: option --{option} is in no manual page"


TREE_RULES = [
    rooms_are_known,
    includes_run_downward,
    protocol_rooms_do_no_io,
    every_source_has_its_test,
    files_are_short,
    nothing_is_left_unfinished,
    no_machine_paths,
    features_name_their_tests,
    settings_are_documented,
    options_are_documented,
]
LIBRARY_RULES = [symbols_are_those_of_the_headers, linkage_has_the_prefix]


def breaches(root, library=None):
    house = House(root)
    found = [breach for rule in TREE_RULES for breach in rule(house)]
    if library:
        found += [breach for rule in LIBRARY_RULES for breach in rule(house, library)]
    return found, len(house.files)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--root", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    parser.add_argument("--library", help="the shared library whose symbols are checked")
    arguments = parser.parse_args()
    found, count = breaches(os.path.normpath(arguments.root), arguments.library)
    for breach in found:
        print(breach)
    if found:
        sys.exit(f"{len(found)} breaches of the house rules")
    print(f"{count} files keep the house rules")


if __name__ == "__main__":
    main()
