"""libcoap's example programs as ends: `coap-client-*` and `coap-server-*` (Debian's libcoap3-bin). Over TCP they log messages
in the form of datagrams, with a type and an ID that are not on the wire."""

import hashlib
import os
import re
import tempfile

import bodies
import peers
from peers import Answer, Certificates, Psk, RawKey

# A message as libcoap logs it: v:1 t:ACK c:2.05 i:6409 {01} [ Max-Age:1 ] :: 'Nov 22'
MESSAGE = re.compile(r"^v:1 t:(?P<type>\w+) c:(?P<code>\S+) i:(?P<id>[0-9a-f]+) \{(?P<token>[0-9a-f]*)\} \[(?P<options>.*?)\]"
                     r"(?: :: (?P<payload>.*))?$", re.MULTILINE)


class Message:
    def __init__(self, match):
        self.type = match["type"]
        self.code = match["code"]
        self.options = {}
        for option in filter(None, match["options"].strip().split(", ")):
            name, _, value = option.partition(":")
            self.options.setdefault(name, []).append(value)

    def __repr__(self):
        return f"{self.type} {self.code} {self.options}"


def messages(log):
    return [Message(match) for match in MESSAGE.finditer(log)]


def security_arguments(security, program):
    if isinstance(security, Psk):
        # The server is told one key, whatever the identity.
        return ["-k", security.key] + (["-u", security.identity] if program == "client" else [])
    if isinstance(security, Certificates):
        return ["-c", security.certificate, "-j", security.key, "-C", security.trust]
    if isinstance(security, RawKey):
        return ["-M", security.pair]
    return []


class Client:
    """One of coap-client-openssl, -gnutls, -notls."""

    def __init__(self, library):
        self.program = f"coap-client-{library}"

    def keep_blocks(self, uri, sizes, security=None, block=1024):
        """{size: (code of the PUT, code of the GET, SHA-256 of what it got)}"""
        kept = {}
        for size in sizes:
            put = self.ask("put", uri, payload=bodies.body(size), security=security, block=block)
            get = self.ask("get", uri, security=security, block=block)
            kept[size] = (put.code, get.code, hashlib.sha256(get.payload).hexdigest())
        return kept

    def observe(self, uri, security=None):
        """Prints the states, each in a line; it ends on its own after a minute."""
        return peers.Process(self.program, "-s", "60", "-w", "-v", "6", *security_arguments(security, "client"), uri)

    def ask(self, method, uri, payload=None, format=None, accept=None, confirmable=True, security=None, block=None):
        with tempfile.TemporaryDirectory() as folder:
            body, out = os.path.join(folder, "in"), os.path.join(folder, "out")
            command = [self.program, "-v", "7", "-B", "15", "-m", method, "-o", out, *security_arguments(security, "client")]
            if payload is not None:
                with open(body, "wb") as file:
                    file.write(payload)
                command += ["-f", body]
            if format is not None:
                command += ["-t", format]
            if accept is not None:
                command += ["-A", accept]
            if not confirmable:
                command += ["-N"]
            if block is not None:
                command += ["-b", block]
            done = peers.run(*command, uri)
            log = done.stdout.decode(errors="replace") + done.stderr.decode(errors="replace")
            responses = [message for message in messages(log) if message.code[0] in "245"]
            if len(responses) != 1 and block is None:
                raise AssertionError(f"{command} {uri}: {len(responses)} responses\n{log[-3000:]}")
            received = b""
            if os.path.exists(out):
                with open(out, "rb") as file:
                    received = file.read()
            if responses[0].code[0] != "2":  # the program writes these to stderr, not to the file
                text = re.search(rf"c:{re.escape(responses[0].code)} .*? :: '(.*)'", log)
                received = text[1].encode() if text else b""
            return Answer(responses[-1].code, received, responses[-1].options)


class Server(peers.Process):
    """coap-server-openssl or -gnutls: coap and coap+tcp on `port`, coaps and coaps+tcp on the next; /time, /async, and what is
    PUT there."""

    def __init__(self, library, security=None):
        self.port = peers.free_port(1)
        super().__init__(f"coap-server-{library}", "-A", "127.0.0.1", "-p", self.port, "-d", "20", "-v", "7",
                         *security_arguments(security, "server"))
        self.wait_until(lambda: peers.answers_ping(self.port), "an answer to a ping")

    def base(self, scheme):
        return f"{scheme}://127.0.0.1:{self.port + scheme.startswith('coaps')}"

    def requests(self):
        """The requests that it logged, as it understood them."""
        return [message for message in messages(self.output()) if message.code in
                ("GET", "POST", "PUT", "DELETE", "FETCH", "PATCH", "iPATCH")]
