"""The `coax` command as an end, client and server. COAX in the environment says which one."""

import base64
import json
import re
import subprocess

import peers
from peers import Answer, Certificates, Psk, RawKey

EXIT = {"ok": 0, "error": 1, "usage": 2, "client error": 4, "server error": 5, "timeout": 6, "security": 7}


def entry(security):
    """The credentials entry of one side."""
    if isinstance(security, Psk):
        return {"dtls": {"psk": {"ascii": security.key}, "client-identity": {"ascii": security.identity}}}
    if isinstance(security, Certificates):
        fields = {"certificate": security.certificate, "private-key": security.key, "trust": security.trust}
        return {"x509": {field: file for field, file in fields.items() if file is not None}}
    assert isinstance(security, RawKey)
    return {"rpk": {"private-key": security.key, "peer-public-key": security.peer_public}}


def client_credentials(secrets, uri, security):
    """A file with the entry for all URIs of that scheme."""
    return secrets.write("client.json", json.dumps({uri.split("://")[0] + "://*": entry(security)}))


class Refused(AssertionError):
    """The command ended without a response: its exit code and what it said."""

    def __init__(self, code, text):
        super().__init__(f"exit code {code}: {text}")
        self.code = code
        self.text = text


class Client:
    program = "coax"

    def __init__(self, secrets):
        self.secrets = secrets

    def ask(self, method, uri, payload=None, format=None, accept=None, confirmable=True, security=None, more=None):
        command = [peers.COAX, method, uri, "--format", "json", *(more or ["--timeout", "20"])]
        if payload is not None:
            command += ["--payload-file", "-"]
        if format is not None:
            command += ["--content-format", format]
        if accept is not None:
            command += ["--accept", accept]
        if not confirmable:
            command += ["--non"]
        if security is not None:
            command += ["--credentials", client_credentials(self.secrets, uri, security)]
        done = peers.run(*command, stdin=payload or b"")
        try:
            shown = json.loads(done.stdout)
        except ValueError:
            shown = {"error": {"text": "no JSON"}}
        if "error" in shown:
            raise Refused(done.returncode, f"{command}: {shown['error']} {done.stderr.decode(errors='replace')}")
        expected = {"2": 0, "4": 4, "5": 5}[shown["code"][0]]
        assert done.returncode == expected, f"{command}: exit code {done.returncode} for {shown['code']}"
        body = shown["payload"].encode() if "payload" in shown else base64.b64decode(shown["payload_base64"])
        options = {}
        for option in shown["options"]:
            options.setdefault(option["name"] or str(option["number"]), []).append(str(option["value"]))
        return Answer(shown["code"], body, options)


class Server(peers.Process):
    """`coax serve` on free ports of `host`, with every kind of credentials that it is given."""

    def __init__(self, secrets, *securities, host="127.0.0.1", schemes=None, more=(), env=None):
        entries = {f":peer{number}": entry(security) for number, security in enumerate(securities)}
        self.uris = {}
        schemes = schemes or ["coap"] + (["coaps"] if securities else [])
        arguments = [f"{scheme}://{host}:0" for scheme in schemes] + list(more)
        if securities:
            arguments += ["--credentials", secrets.write("server.json", json.dumps(entries))]
        super().__init__(peers.COAX, "serve", *arguments, env=env, stdin=subprocess.PIPE)
        for scheme in schemes:
            self.uris[scheme] = self.wait_for_line(rf"^({re.escape(scheme)}://\S+?)/?$")[1]

    def type(self, line):
        """A line for `--call`."""
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def port(self, scheme):
        return int(re.search(r":(\d+)$", self.uris[scheme])[1])

    def base(self, scheme):
        return self.uris[scheme]


class Attached(peers.Process):
    """`coax attach`: a client that serves over its connection to a server."""

    def __init__(self, secrets, uri, security=None):
        arguments = [] if security is None else ["--credentials", client_credentials(secrets, uri, security)]
        super().__init__(peers.COAX, "attach", uri, *arguments)
