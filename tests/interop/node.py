"""node-coap as an end; node_end.js is the program. It has no DTLS."""

import json
import os

import peers

PROGRAM = os.path.join(peers.HERE, "node_end.js")
ENVIRONMENT = {"NODE_PATH": os.path.join(peers.PEERS, "node", "node_modules")}


class Client:
    program = "node-coap"

    def ask(self, method, uri, payload=None, format=None, accept=None, confirmable=True, security=None):
        assert security is None
        question = {"method": method, "uri": uri, "payload": None if payload is None else payload.hex(), "format": format,
                    "accept": accept, "confirmable": confirmable}
        done = peers.run("node", PROGRAM, "client", json.dumps(question), env=ENVIRONMENT)
        if done.returncode != 0:
            raise AssertionError(f"node-coap, {question}:\n{done.stderr.decode()[-3000:]}")
        answer = json.loads(done.stdout.decode().splitlines()[-1])
        return peers.Answer(answer["code"], bytes.fromhex(answer["payload"]), answer["options"])


    def keep_blocks(self, uri, sizes, security=None):
        """{size: (code of the PUT, code of the GET, SHA-256 of what it got)}"""
        assert security is None
        question = json.dumps({"uri": uri, "sizes": sizes})
        return peers.kept_blocks(peers.run("node", PROGRAM, "blocks", question, env=ENVIRONMENT, timeout=180))

    def observe(self, uri, security=None):
        assert security is None
        return peers.Process("node", PROGRAM, "observe", json.dumps({"uri": uri}), env=ENVIRONMENT)


class Server(peers.Process):
    def __init__(self):
        super().__init__("node", PROGRAM, "server", env=ENVIRONMENT)
        self.port = int(self.wait_for_line(r"^ready (\d+)$")[1])

    def base(self, scheme):
        assert scheme == "coap"
        return f"coap://127.0.0.1:{self.port}"
