"""aiocoap as an end. Run by the virtual environment's Python it is the program; imported it is what starts that program.

    aiocoap_end.py client JSON     asks once; prints the answer as JSON
    aiocoap_end.py server JSON     serves until it is ended; prints "ready" when it does
"""

import asyncio
import json
import os
import sys


def credentials(security, pattern):
    return {pattern: {"dtls": {"psk": {"ascii": security["key"]}, "client-identity": {"ascii": security["identity"]}}}}


async def client(question):
    import aiocoap
    from aiocoap.numbers.codes import Code

    transports = ["tinydtls"] if question["uri"].startswith("coaps:") else ["udp6"]
    context = await aiocoap.Context.create_client_context(transports=transports)
    if question["security"]:
        context.client_credentials.load_from_dict(credentials(question["security"], "*"))
    message = aiocoap.Message(code=Code[question["method"].upper()], uri=question["uri"],
                              payload=bytes.fromhex(question["payload"] or ""),
                              transport_tuning=aiocoap.Reliable if question["confirmable"] else aiocoap.Unreliable)
    if question["format"] is not None:
        message.opt.content_format = question["format"]
    if question["accept"] is not None:
        message.opt.accept = question["accept"]
    response = await asyncio.wait_for(context.request(message).response, 20)
    options = {}
    for option in response.opt.option_list():
        name = str(option.number.name_printable)
        value = option.value.decode("ascii", "replace") if name.startswith("Location") else option.value
        options.setdefault(name, []).append(str(int(value) if isinstance(value, int) else value))
    print(json.dumps({"code": response.code.dotted, "options": options, "payload": response.payload.hex(),
                      "type": str(response.mtype)}))
    await context.shutdown()


def make_site():
    import aiocoap
    from aiocoap import resource

    store = {}

    class Store(resource.Resource, resource.PathCapable):
        async def render_get(self, request):
            if request.opt.uri_path not in store:
                return aiocoap.Message(code=aiocoap.NOT_FOUND, payload=b"nothing is stored there")
            form, payload = store[request.opt.uri_path]
            return aiocoap.Message(payload=payload, content_format=form)

        async def render_put(self, request):
            new = request.opt.uri_path not in store
            store[request.opt.uri_path] = (request.opt.content_format, request.payload)
            return aiocoap.Message(code=aiocoap.CREATED if new else aiocoap.CHANGED)

        async def render_delete(self, request):
            store.pop(request.opt.uri_path, None)
            return aiocoap.Message(code=aiocoap.DELETED)

    class Slow(resource.Resource):
        """Answers after the empty acknowledgement has gone out."""
        async def render_get(self, request):
            await asyncio.sleep(0.5)
            return aiocoap.Message(payload=b"at last", content_format=0)

    class Seen(resource.Resource):
        """Tells the request as it arrived."""
        async def render_get(self, request):
            options = [[int(option.number), option.encode().hex()] for option in request.opt.option_list()]
            text = json.dumps({"code": int(request.code), "type": str(request.mtype), "options": options,
                               "token": len(request.token), "payload": request.payload.hex(),
                               "claims": sorted(request.remote.authenticated_claims)})
            return aiocoap.Message(code=aiocoap.CONTENT, payload=text.encode(), content_format=50)

        render_post = render_put = render_fetch = render_patch = render_ipatch = render_get

    site = resource.Site()
    site.add_resource(["store"], Store())
    site.add_resource(["slow"], Slow())
    site.add_resource(["seen"], Seen())
    site.add_resource([".well-known", "core"], resource.WKCResource(site.get_resources_as_linkheader))
    return site


async def server(settings):
    import aiocoap
    from aiocoap.credentials import CredentialsMap

    transports, known = ["simplesocketserver"], CredentialsMap()
    if settings["security"]:
        transports.append("tinydtls_server")
        known.load_from_dict(credentials(settings["security"], ":client"))
    context = await aiocoap.Context.create_server_context(
        make_site(), bind=("127.0.0.1", settings["port"]), transports=transports, server_credentials=known)
    print("ready", flush=True)
    try:
        await asyncio.get_running_loop().create_future()
    finally:
        await context.shutdown()


def main():
    role = {"client": client, "server": server}[sys.argv[1]]
    asyncio.run(role(json.loads(sys.argv[2])))


if __name__ == "__main__":
    main()
else:
    import peers

    PYTHON = os.path.join(peers.PEERS, "venv", "bin", "python")

    def as_json(security):
        return None if security is None else {"identity": security.identity, "key": security.key}

    class Client:
        program = "aiocoap"

        def ask(self, method, uri, payload=None, format=None, accept=None, confirmable=True, security=None):
            question = {"method": method, "uri": uri, "payload": None if payload is None else payload.hex(), "format": format,
                        "accept": accept, "confirmable": confirmable, "security": as_json(security)}
            done = peers.run(PYTHON, __file__, "client", json.dumps(question))
            if done.returncode != 0:
                raise AssertionError(f"aiocoap, {question}:\n{done.stderr.decode()[-3000:]}")
            answer = json.loads(done.stdout.decode().splitlines()[-1])
            return peers.Answer(answer["code"], bytes.fromhex(answer["payload"]), answer["options"])

    class Server(peers.Process):
        def __init__(self, security=None):
            self.port = peers.free_port(2)
            super().__init__(PYTHON, __file__, "server", json.dumps({"port": self.port, "security": as_json(security)}))
            self.wait_for_line("^ready$")

        def base(self, scheme):
            return f"{scheme}://127.0.0.1:{self.port + (scheme == 'coaps')}"
