"""What the interop tests share: processes on free ports that are ready when they answer, questions and answers as every
client speaks of them, and the secrets of a run."""

import dataclasses
import fcntl
import os
import re
import socket
import subprocess
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
COAX = os.environ.get("COAX", os.path.join(ROOT, "build", "release", "coax"))
PEERS = os.path.join(ROOT, "build", "interop")
PATIENCE_SECONDS = 30

FORMATS = {"text/plain": 0, "application/link-format": 40, "application/octet-stream": 42, "application/json": 50,
           "application/cbor": 60, "application/senml+json": 110, "application/senml+cbor": 112}


@dataclasses.dataclass
class Psk:
    identity: str = "client_Identity"
    key: str = "secretPSK"


@dataclasses.dataclass
class Certificates:
    """A client's or a server's: its chain, its key, and whom it trusts, as PEM files. A server that trusts nobody asks
    clients for no certificate."""
    certificate: str = None
    key: str = None
    trust: str = None


@dataclasses.dataclass
class RawKey:
    """One's own key pair, both in one file too, and the public key of the other side, as PEM files."""
    key: str
    public: str
    pair: str
    peer_public: str


@dataclasses.dataclass
class Answer:
    """A response as it was on the wire. Options by name, each with all its values as text."""
    code: str
    payload: bytes = b""
    options: dict = dataclasses.field(default_factory=dict)

    @property
    def format(self):
        value = self.options.get("Content-Format")
        return None if not value else format_number(value[0])

    def path(self):
        return self.options.get("Location-Path", [])


def format_number(text):
    """A Content-Format's number, from a number or from a media type."""
    text = str(text).split(";")[0].strip()
    return int(text) if text.isdigit() else FORMATS[text]


def free_port(*offsets):
    """A port on loopback that nobody has, for UDP and TCP; nor those at the given offsets from it."""
    for _ in range(200):
        held = []
        try:
            first = 0
            for offset in sorted({0, *offsets}):
                for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                    probe = socket.socket(socket.AF_INET, kind)
                    held.append(probe)
                    probe.bind(("127.0.0.1", first + offset))
                    first = first or probe.getsockname()[1]
            return first
        except (OSError, OverflowError):
            continue
        finally:
            for probe in held:
                probe.close()
    raise RuntimeError("no free ports on loopback")


def answers_ping(port, host="127.0.0.1"):
    """Whether something there answers a CoAP ping (RFC 7252 section 1.2): an Empty CON, and back comes its Reset."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect((host, port))
        probe.settimeout(0.2)
        try:
            probe.send(b"\x40\x00\x12\x34")
            return probe.recv(64) == b"\x70\x00\x12\x34"
        except (ConnectionRefusedError, TimeoutError):
            return False


class Process:
    """A program in the background; its output goes into a file. Ended by its own process id, and only that."""

    def __init__(self, *command, env=None, stdin=subprocess.DEVNULL):
        self.output_file = tempfile.TemporaryFile()
        fcntl.fcntl(self.output_file, fcntl.F_SETFL, os.O_APPEND)  # wherever output() reads
        self.command = [str(word) for word in command]
        self.process = subprocess.Popen(self.command, stdin=stdin, stdout=self.output_file,
                                        stderr=subprocess.STDOUT, env={**os.environ, **(env or {})})

    def output(self):
        self.output_file.seek(0)
        return self.output_file.read().decode(errors="replace")

    def wait_until(self, condition, what):
        """Asks `condition` again and again until it holds; an error if the program ends before, or time runs out."""
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            value = condition()
            if value:
                return value
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.command} ended with {self.process.returncode} before {what}:\n{self.output()}")
            time.sleep(0.01)  # between two looks
        raise RuntimeError(f"{self.command}: {what} did not come in {PATIENCE_SECONDS} s:\n{self.output()}")

    def wait_for_line(self, pattern):
        return self.wait_until(lambda: re.search(pattern, self.output(), re.MULTILINE), f"a line like {pattern}")

    def stop(self):
        """Ends it; the exit status, negative for a signal."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        return self.process.returncode

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
        self.output_file.close()


def run(*command, stdin=b"", env=None, timeout=PATIENCE_SECONDS * 2):
    """Runs a program to its end; the completed process with bytes in stdout and stderr."""
    return subprocess.run([str(word) for word in command], input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          env={**os.environ, **(env or {})}, timeout=timeout, check=False)


def kept_blocks(done):
    """What a peer's `blocks` printed."""
    lines = [line.split() for line in done.stdout.decode().splitlines()]
    if done.returncode != 0:
        raise AssertionError(f"after {lines[-1:]}: {done.stderr.decode(errors='replace')[-3000:]}")
    return {int(size): (put, get, digest) for size, put, get, digest in lines}


class Secrets:
    """Keys and certificates of P-256, made anew for a run."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.authority = self._authority("authority")
        self.stranger = self._authority("stranger")
        trust = self.path("authority.pem")
        self.server = self._leaf("server", "authority", "DNS:localhost,IP:127.0.0.1,IP:::1", trust)
        self.server_alone = dataclasses.replace(self.server, trust=None)
        self.authority_alone = Certificates(trust=trust)
        self.client = self._leaf("client", "authority", "DNS:client.example", trust)
        self.other_host = self._leaf("other-host", "authority", "DNS:elsewhere.example", trust)
        self.untrusted = self._leaf("untrusted", "stranger", "DNS:localhost,IP:127.0.0.1", self.path("stranger.pem"))
        self._raw("raw-server")
        self._raw("raw-client")
        self.raw_server = self._raw_key("raw-server", "raw-client")
        self.raw_client = self._raw_key("raw-client", "raw-server")

    def _raw_key(self, name, peer):
        return RawKey(*(self.path(file) for file in (f"{name}.key", f"{name}.pub", f"{name}.pair", f"{peer}.pub")))

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(text)
        return self.path(name)

    def close(self):
        self.folder.cleanup()

    def _openssl(self, *arguments):
        done = run("openssl", *arguments)
        if done.returncode != 0:
            raise RuntimeError(f"openssl {arguments}: {done.stderr.decode()}")

    def _authority(self, name):
        self._openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30",
                      "-subj", f"/CN=interop {name}", "-keyout", self.path(f"{name}.key"), "-out", self.path(f"{name}.pem"))

    def _leaf(self, name, authority, names, trust):
        request = self.path(f"{name}.csr")
        self._openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                      "-subj", f"/CN={names.split(',')[0].split(':')[1]}", "-keyout", self.path(f"{name}.key"), "-out", request)
        extensions = self.write(f"{name}.ext", f"subjectAltName={names}\nbasicConstraints=CA:FALSE\n")
        self._openssl("x509", "-req", "-in", request, "-CA", self.path(f"{authority}.pem"), "-CAkey",
                      self.path(f"{authority}.key"), "-CAcreateserial", "-days", "30", "-extfile", extensions,
                      "-out", self.path(f"{name}.pem"))
        return Certificates(self.path(f"{name}.pem"), self.path(f"{name}.key"), trust)

    def _raw(self, name):
        self._openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-out", self.path(f"{name}.key"))
        self._openssl("pkey", "-in", self.path(f"{name}.key"), "-pubout", "-out", self.path(f"{name}.pub"))
        with open(self.path(f"{name}.pub"), encoding="ascii") as public, open(self.path(f"{name}.key"), encoding="ascii") as key:
            self.write(f"{name}.pair", public.read() + key.read())
