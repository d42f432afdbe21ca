"""aiocoap as an end. Run by the virtual environment's Python it is the program; imported it is what starts that program.

    aiocoap_end.py client JSON     asks once; prints the answer as JSON
    aiocoap_end.py blocks JSON     PUTs and GETs a body of each size at "uri"; prints "size CODE CODE SHA256" for each
    aiocoap_end.py observe JSON    observes; prints "state PAYLOAD" for each
    aiocoap_end.py attach JSON     asks once, prints "attached CODE", and serves over that connection until it is ended
    aiocoap_end.py server JSON     serves until it is ended; prints "ready" when it does. With a path in "ask" it asks
                                   each client that connects for that path, and prints "asked" and the answer as JSON
"""

import asyncio
import json
import os
import signal
import ssl
import sys


TRANSPORTS = {"coap": "udp6", "coaps": "tinydtls", "coap+tcp": "tcpclient", "coaps+tcp": "tlsclient", "coap+ws": "ws",
              "coaps+ws": "ws"}


def credentials(security, pattern):
    if "trust" in security:
        return {pattern: {"tlscert": {"certfile": security["trust"]}}}
    return {pattern: {"dtls": {"psk": {"ascii": security["key"]}, "client-identity": {"ascii": security["identity"]}}}}


async def client_context(question):
    import aiocoap

    scheme, _, rest = question["uri"].partition("://")
    context = await aiocoap.Context.create_client_context(transports=[TRANSPORTS[scheme]])
    if question["security"]:
        # It does not find certificates under a pattern with a wildcard for the host.
        origin = f"{scheme}://{rest.split('/')[0]}/*"
        context.client_credentials.load_from_dict(credentials(question["security"], origin))
    return context


def print_answer(response, word=""):
    options = {}
    for option in response.opt.option_list():
        name = str(option.number.name_printable)
        value = option.value.decode("ascii", "replace") if name.startswith("Location") else option.value
        options.setdefault(name, []).append(str(int(value) if isinstance(value, int) else value))
    print(word + json.dumps({"code": response.code.dotted, "options": options, "payload": response.payload.hex(),
                             "type": str(response.mtype)}), flush=True)


async def client(question):
    import aiocoap
    from aiocoap.numbers.codes import Code

    context = await client_context(question)
    message = aiocoap.Message(code=Code[question["method"].upper()], uri=question["uri"],
                              payload=bytes.fromhex(question["payload"] or ""),
                              transport_tuning=aiocoap.Reliable if question["confirmable"] else aiocoap.Unreliable)
    if question["format"] is not None:
        message.opt.content_format = question["format"]
    if question["accept"] is not None:
        message.opt.accept = question["accept"]
    print_answer(await asyncio.wait_for(context.request(message).response, 20))
    await context.shutdown()


async def blocks(question):
    import hashlib

    import aiocoap
    from bodies import body

    context = await client_context(question)
    for size in question["sizes"]:
        put = await context.request(aiocoap.Message(code=aiocoap.PUT, uri=question["uri"], payload=body(size))).response
        get = await context.request(aiocoap.Message(code=aiocoap.GET, uri=question["uri"])).response
        print(size, put.code.dotted, get.code.dotted, hashlib.sha256(get.payload).hexdigest(), flush=True)
    await context.shutdown()


async def observe(question):
    import aiocoap

    context = await client_context(question)
    request = context.request(aiocoap.Message(code=aiocoap.GET, uri=question["uri"], observe=0))
    response = await asyncio.wait_for(request.response, 20)
    print("state", response.payload.decode(), flush=True)
    request.observation.register_callback(lambda state: print("state", state.payload.decode(), flush=True))
    await until_ended(context, request.observation.cancel)


async def until_ended(context, before=None):
    """SIGTERM is an orderly end: connections are released."""
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    await ended.wait()
    if before is not None:
        before()
    await context.shutdown()


async def attach(question):
    import aiocoap

    context = await client_context(question)
    context.serversite = make_site()
    message = aiocoap.Message(code=aiocoap.GET, uri=question["uri"])
    response = await asyncio.wait_for(context.request(message).response, 20)
    print(f"attached {response.code.dotted}", flush=True)
    await until_ended(context)


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

    class Value(resource.ObservableResource):
        """What was PUT here last."""
        value = b"0"

        async def render_get(self, request):
            return aiocoap.Message(payload=self.value)

        async def render_put(self, request):
            self.value = request.payload
            self.updated_state()
            return aiocoap.Message(code=aiocoap.CHANGED)

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

    class AskBack(resource.Resource):
        """Asks whoever posts a path here for that path, over the same connection, and answers with what came."""
        def __init__(self, site):
            super().__init__()
            self.site = site

        async def render_post(self, request):
            question = aiocoap.Message(code=aiocoap.GET, uri_path=request.payload.decode().strip("/").split("/"))
            question.remote = request.remote
            response = await self.site.context.request(question).response
            return aiocoap.Message(code=response.code, payload=response.payload, content_format=response.opt.content_format)

    site = resource.Site()
    site.add_resource(["store"], Store())
    site.add_resource(["value"], Value())
    site.add_resource(["slow"], Slow())
    site.add_resource(["seen"], Seen())
    site.add_resource(["ask-back"], AskBack(site))
    site.add_resource([".well-known", "core"], resource.WKCResource(site.get_resources_as_linkheader))
    return site


def connections(context):
    """The remotes of all connections that have seen their CSM. There is no public way to ask for them."""
    for interface in context.request_interfaces:
        pool = getattr(interface.token_interface, "_pool", ())
        for remote in list(pool.values() if isinstance(pool, dict) else pool):
            if remote._remote_settings is not None:
                yield remote


async def ask_newcomers(context, path):
    import aiocoap

    known = set()
    while True:
        for remote in set(connections(context)) - known:
            known.add(remote)
            question = aiocoap.Message(code=aiocoap.GET, uri_path=path.strip("/").split("/"))
            question.remote = remote
            print_answer(await asyncio.wait_for(context.request(question).response, 20), "asked ")
        await asyncio.sleep(0.02)  # between two looks


def tls_context(certificates):
    """As aiocoap's own programs make it of --tls-server-certificate and --tls-server-key."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certfile=certificates["certificate"], keyfile=certificates["key"])
    context.set_alpn_protocols(["coap"])
    return context


async def server(settings):
    import aiocoap
    from aiocoap.credentials import CredentialsMap

    transports, known = ["simplesocketserver", "tcpserver", "ws"], CredentialsMap()
    if settings["security"]:
        transports.append("tinydtls_server")
        known.load_from_dict(credentials(settings["security"], ":client"))
    if settings["certificates"]:
        transports.append("tlsserver")
    site = make_site()
    site.context = context = await aiocoap.Context.create_server_context(
        site, bind=("127.0.0.1", settings["port"]), transports=transports, server_credentials=known,
        _ssl_context=settings["certificates"] and tls_context(settings["certificates"]))
    print("ready", flush=True)
    asking = settings["ask"] and asyncio.create_task(ask_newcomers(context, settings["ask"]))
    await until_ended(context)
    if asking:
        asking.cancel()


def main():
    role = {"client": client, "blocks": blocks, "observe": observe, "attach": attach, "server": server}[sys.argv[1]]
    asyncio.run(role(json.loads(sys.argv[2])))


if __name__ == "__main__":
    main()
else:
    import dataclasses

    import peers

    PYTHON = os.path.join(peers.PEERS, "venv", "bin", "python")

    # What it binds to which offset from its port.
    OFFSETS = {"coap": 0, "coaps": 1, "coap+tcp": 0, "coaps+tcp": 1, "coap+ws": 3000, "coaps+ws": 3001}

    def as_json(security):
        return None if security is None else dataclasses.asdict(security)

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

        def keep_blocks(self, uri, sizes, security=None):
            """{size: (code of the PUT, code of the GET, SHA-256 of what it got)}"""
            question = {"uri": uri, "sizes": sizes, "security": as_json(security)}
            return peers.kept_blocks(peers.run(PYTHON, __file__, "blocks", json.dumps(question), timeout=180))

        def observe(self, uri, security=None):
            question = {"uri": uri, "security": as_json(security)}
            return peers.Process(PYTHON, __file__, "observe", json.dumps(question))

    class Attached(peers.Process):
        """A client that serves the site over its connection to `uri`, which it asks for once."""
        def __init__(self, uri, security=None):
            super().__init__(PYTHON, __file__, "attach", json.dumps({"uri": uri, "security": as_json(security)}))
            self.wait_for_line("^attached ")

    class Server(peers.Process):
        """With a pre-shared key for coaps, and certificates for coaps+tcp and coaps+ws."""
        def __init__(self, security=None, certificates=None, ask=None):
            self.port = peers.free_port(*set(OFFSETS.values()))
            settings = {"port": self.port, "security": as_json(security), "certificates": as_json(certificates), "ask": ask}
            super().__init__(PYTHON, __file__, "server", json.dumps(settings))
            self.wait_for_line("^ready$")

        def base(self, scheme):
            return f"{scheme}://127.0.0.1:{self.port + OFFSETS[scheme]}"
