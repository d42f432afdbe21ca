"""The npm module ws as an end of CoAP over WebSockets; ws_end.js is the program, and CoAP is made by hand there."""

import json
import os
import urllib.parse

import peers
from peers import Answer, Certificates

PROGRAM = os.path.join(peers.HERE, "ws_end.js")
ENVIRONMENT = {"NODE_PATH": os.path.join(peers.PEERS, "node", "node_modules")}
CODES = {"get": "0.01", "post": "0.02", "put": "0.03", "delete": "0.04"}
CSM, PING, PONG, RELEASE, ABORT = "7.01", "7.02", "7.03", "7.04", "7.05"
URI_PATH, CONTENT_FORMAT, URI_QUERY, ACCEPT = 11, 12, 15, 17
NAMES = {CONTENT_FORMAT: "Content-Format", 14: "Max-Age"}
WELL_KNOWN = "/.well-known/coap"

HELLO = {"message": {"code": CSM}}  # an empty CSM is one
LARGE_HELLO = {"message": {"code": CSM, "options": [[2, "100000"]]}}  # Max-Message-Size: 1 MiB
GOODBYE = [{"message": {"code": RELEASE}}, {"wait": "closed"}]


def wait(kind, count=1):
    return {"wait": kind, "count": count}


def url(base, path=WELL_KNOWN):
    """coap+ws://host:1 as ws://host:1/.well-known/coap"""
    scheme, rest = base.split("://")
    return {"coap+ws": "ws", "coaps+ws": "wss"}[scheme] + "://" + rest.split("/")[0] + path


def number(value):
    return value.to_bytes((value.bit_length() + 7) // 8, "big").hex()


def request(method, uri, payload=None, format=None, accept=None, token="c0a7"):
    """A request as ws_end.js takes it."""
    parts = urllib.parse.urlsplit(uri)
    options = [[URI_PATH, urllib.parse.unquote_to_bytes(part).hex()] for part in parts.path.split("/")[1:] if parts.path != "/"]
    options += [[URI_QUERY, urllib.parse.unquote_to_bytes(part).hex()] for part in parts.query.split("&") if part]
    options += [[kind, number(value)] for kind, value in ((CONTENT_FORMAT, format), (ACCEPT, accept)) if value is not None]
    return {"message": {"code": CODES[method], "token": token, "options": options, "payload": (payload or b"").hex()}}


def answer_of(message):
    options = {}
    for kind, value in message["options"]:
        options.setdefault(NAMES.get(kind, str(kind)), []).append(str(int(value or "0", 16)))
    return Answer(message["code"], bytes.fromhex(message["payload"]), options)


def responses(came):
    return [message for message in came["messages"] if message["code"][0] in "245"]


def question(address, steps, protocols=("coap",), trust=None, **more):
    return json.dumps({"url": address, "protocols": list(protocols), "steps": steps, "ca": trust, **more})


def converse(address, steps, **more):
    """Opens a connection, takes the steps, and returns all that came."""
    words = question(address, steps, **more)
    done = peers.run("node", PROGRAM, "client", "-", stdin=words.encode(), env=ENVIRONMENT)
    if done.returncode != 0:
        raise AssertionError(f"ws, {words[:1000]}:\n{done.stderr.decode()[-3000:]}")
    return json.loads(done.stdout.decode().splitlines()[-1])


class Talking(peers.Process):
    """The same in the background, until the steps are taken."""

    def __init__(self, address, steps, **more):
        super().__init__("node", PROGRAM, "client", question(address, steps, **more), env=ENVIRONMENT)

    def wait(self):
        self.process.wait(peers.PATIENCE_SECONDS)
        return json.loads(self.output().splitlines()[-1])


class Client:
    program = "ws"

    def ask(self, method, uri, payload=None, format=None, accept=None, confirmable=True, security=None):
        steps = [LARGE_HELLO, request(method, uri, payload, format, accept), wait("messages", 2), *GOODBYE]
        came = converse(url(uri), steps, trust=None if security is None else security.trust)
        if len(responses(came)) != 1:
            raise AssertionError(f"ws, {method} {uri}: {came}")
        return answer_of(responses(came)[0])


class Server(peers.Process):
    """On a free port. `certificates` make it coaps+ws; `protocol` is what it agrees to instead of coap; `ask` is the path
    that it asks each client for; with `vanish` it drops the connection after the answer; `csm` is "full", "empty" or "none"."""

    def __init__(self, certificates=None, **settings):
        self.scheme = "coap+ws" if certificates is None else "coaps+ws"
        assert certificates is None or isinstance(certificates, Certificates)
        tls = certificates and {"certificate": certificates.certificate, "key": certificates.key}
        super().__init__("node", PROGRAM, "server", json.dumps({"tls": tls, **settings}), env=ENVIRONMENT)
        self.port = int(self.wait_for_line(r"^ready (\d+)$")[1])

    def base(self, scheme):
        assert scheme == self.scheme
        return f"{scheme}://127.0.0.1:{self.port}"

    def events(self, kind):
        """What it told of a kind: opened, message, pong, error, closed."""
        lines = (json.loads(line) for line in self.output().splitlines() if line.startswith("{"))
        return [line for line in lines if kind in line]

    def wait_for(self, kind, count=1):
        return self.wait_until(lambda: self.events(kind)[count - 1:], f"{count} x {kind}")[0]
