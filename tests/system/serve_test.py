#!/usr/bin/env python3
"""`coax serve`, asked by datagrams that coap.py makes. COAX in the environment says which command."""

import datetime
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

import coap
from coap import (ACCEPT, ACK, BLOCK2, CBOR, CON, CONTENT_FORMAT, DELETE, ETAG, FETCH, GET, IF_MATCH, IF_NONE_MATCH, IPATCH,
                  JSON, LINK, MAX_AGE, MERGE_PATCH, NO_RESPONSE, NON, OBSERVE, OCTETS, PATCH, POST, PROXY_SCHEME, PROXY_URI, PUT, RST, SENML_CBOR,
                  SENML_JSON, TEXT, URI_HOST, URI_PATH, Message, encode, uint)

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
COAX = os.path.abspath(os.environ.get("COAX", os.path.join(ROOT, "build", "release", "coax")))
PATIENCE_SECONDS = 30


class Server:
    """`coax serve`; what it prints on stdout is in `uris`."""

    def __init__(self, *words, count=1):
        self.process = subprocess.Popen([COAX, "serve", *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, bufsize=0)
        self.uris = [self.line(self.process.stdout).rstrip("/") for _ in range(count)]
        self.ports = [int(uri.rsplit(":", 1)[1]) for uri in self.uris]

    def line(self, stream):
        """The next line of an unbuffered stream."""
        line = b""
        while not line.endswith(b"\n"):
            if not select.select([stream], [], [], PATIENCE_SECONDS)[0]:
                self.kill()
                raise TimeoutError("the server prints nothing")
            byte = stream.read(1)
            if not byte:
                _, errors = self.process.communicate()
                raise AssertionError(f"the server ended with {self.process.returncode}: {errors}")
            line += byte
        return line.decode().rstrip("\n")

    def client(self, host="127.0.0.1"):
        return coap.Client(host, self.ports[0])

    def stop(self, number=signal.SIGTERM):
        """The exit code, and what was printed since."""
        self.process.send_signal(number)
        output, errors = self.process.communicate(timeout=PATIENCE_SECONDS)
        return self.process.returncode, output.decode(), errors.decode()

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


class Case(unittest.TestCase):
    """One server for all tests of the class. It has to end silently."""

    words = ("coap://127.0.0.1:0",)

    @classmethod
    def setUpClass(cls):
        cls.server = Server(*cls.words)

    @classmethod
    def tearDownClass(cls):
        ended = cls.server.stop()
        assert ended == (0, "", ""), ended

    def setUp(self):
        self.client = self.server.client()
        self.addCleanup(self.client.close)

    def ask(self, *arguments, **named):
        return self.client.ask(*arguments, **named)

    def assert_code(self, code, *arguments, **named):
        response = self.ask(*arguments, **named)
        self.assertEqual(code, response.dotted, response)
        return response


class Resources(Case):
    def test_root(self):
        response = self.assert_code("2.05", GET)
        self.assertEqual(TEXT, response.format)
        for path in ("/time", "/host/load", "/host/memory", "/host/uptime", "/echo", "/store/", "/whoami", "/.well-known/core"):
            self.assertIn(path, response.text)
        self.assertNotIn("/files", response.text)
        # "coap://host//" and "coap://host/" differ, but one empty Uri-Path is the root (RFC 7252 section 6.5)
        self.assertEqual(response.payload, self.assert_code("2.05", GET, [b""]).payload)
        self.assert_code("4.04", GET, [b"", b""])

    def test_time(self):
        def read(text):
            return datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=datetime.timezone.utc).timestamp()

        before = int(time.time())
        response = self.assert_code("2.05", GET, "time")
        self.assertEqual((TEXT, 1), (response.format, response.number(MAX_AGE)))
        times = [read(response.text)]
        response = self.assert_code("2.05", GET, "time", options=[(ACCEPT, uint(SENML_JSON))])
        self.assertEqual(SENML_JSON, response.format)
        (record,) = json.loads(response.payload)
        times += [record["bt"], read(record["vs"])]
        self.assertEqual("time", record["n"])
        response = self.assert_code("2.05", GET, "time", options=[(ACCEPT, uint(SENML_CBOR))])
        self.assertEqual(SENML_CBOR, response.format)
        (same,) = coap.cbor(response.payload)
        self.assertEqual((record["bn"], "time"), (same[-2], same[0]))
        times += [same[-3], read(same[3])]
        for shown in times:
            self.assertTrue(before <= shown <= time.time() + 1, times)

    def test_host(self):
        with open("/proc/meminfo", encoding="ascii") as file:
            total = int(re.search(r"MemTotal:\s+(\d+) kB", file.read())[1]) * 1024
        self.assertRegex(self.assert_code("2.05", GET, "host/load").text, r"^\d+\.\d\d \d+\.\d\d \d+\.\d\d$")
        self.assertRegex(self.assert_code("2.05", GET, "host/memory").text, rf"^total {total}\nfree \d+\navailable \d+$")
        uptime = float(self.assert_code("2.05", GET, "host/uptime").text)
        self.assertLess(abs(uptime - time.clock_gettime(time.CLOCK_BOOTTIME)), 5)
        names = {"load": ["load/1min", "load/5min", "load/15min"], "uptime": ["uptime"],
                 "memory": ["memory/total", "memory/free", "memory/available"]}
        for path, expected in names.items():
            response = self.assert_code("2.05", GET, "host/" + path, options=[(ACCEPT, uint(SENML_JSON))])
            records = json.loads(response.payload)
            self.assertEqual(expected, [record["n"] for record in records])
            self.assertTrue(all(isinstance(record["v"], (int, float)) and record["u"] for record in records), records)
            response = self.assert_code("2.05", GET, "host/" + path, options=[(ACCEPT, uint(SENML_CBOR))])
            self.assertEqual([(record["n"], record["u"]) for record in records], [(r[0], r[1]) for r in coap.cbor(response.payload)])
            if path == "memory":
                self.assertEqual(total, records[0]["v"])

    def test_echo(self):
        for method, code in ((POST, "2.04"), (PUT, "2.04"), (FETCH, "2.05")):
            for options, format in (((), None), ([(CONTENT_FORMAT, uint(CBOR))], CBOR)):
                response = self.assert_code(code, method, "echo", payload=b"\0\xff\xffx", options=options)
                self.assertEqual((b"\0\xff\xffx", format), (response.payload, response.format))
        self.assertEqual("a=1&b&&c= &", self.assert_code("2.05", GET, "echo", query=["a=1", "b", "", "c= &"]).text)
        self.assert_code("4.05", DELETE, "echo")

    def test_whoami(self):
        port = self.client.socket.getsockname()[1]
        self.assertEqual(f"scheme: coap\nremote: coap://127.0.0.1:{port}\nlocal: {self.server.uris[0]}\nclaim: (none)",
                         self.assert_code("2.05", GET, "whoami").text)

    def test_core(self):
        response = self.assert_code("2.05", GET, ".well-known/core")
        self.assertEqual(LINK, response.format)
        found = coap.links(response.text)
        self.assertEqual({"/", "/time", "/echo", "/whoami", "/host/load", "/host/memory", "/host/uptime", "/store"}, set(found))
        self.assertEqual({"rt": "time", "if": "core.s", "ct": "0 110 112", "title": "The time (UTC)", "obs": None}, found["/time"])
        self.assert_code("2.05", GET, ".well-known/core", options=[(ACCEPT, uint(LINK))])
        self.assert_code("4.06", GET, ".well-known/core", options=[(ACCEPT, uint(JSON))])
        self.assert_code("4.05", PUT, ".well-known/core")
        self.assert_code("4.04", GET, ".well-known")

    def test_core_filters(self):
        host = {"/host/load", "/host/memory", "/host/uptime"}
        filters = {
            ("rt=time",): {"/time"}, ("rt=host.*",): host, ("rt=host.",): set(), ("if=core.s",): host | {"/time"},
            ("if=core.s", "rt=host.*"): host, ("rt=host.*", "if=core.s"): host, ("rt=time", "rt=host.*"): set(),
            ("ct=112", "href=/host/m*"): {"/host/memory"}, ("ct=11",): set(), ("ct=0",): host | {"/", "/time", "/whoami"},
            ("href=/time",): {"/time"}, ("href=/tim",): set(), ("title=The time (UTC)",): {"/time"}, ("title=The*",): {"/time"},
            ("rt=nothing",): set(), ("unknown=*",): set(), ("href=*", "rt=*", "if=*", "ct=0", "title=M*"): {"/host/memory"},
        }
        for query, expected in filters.items():
            response = self.assert_code("2.05", GET, ".well-known/core", query=list(query))
            self.assertEqual(expected, set(coap.links(response.text)), query)


class Refusals(Case):
    def test_not_found(self):
        for path in ("nothing", "time/", "time/x", "host", "Time", "TIME"):
            self.assertEqual(b"There is no such resource", self.assert_code("4.04", GET, path).payload)

    def test_method_not_allowed(self):
        for method, path in ((POST, "time"), (DELETE, "time"), (PUT, "host/load"), (PATCH, "time"), (IPATCH, "echo"), (DELETE, "")):
            self.assert_code("4.05", method, path)
        for method in (8, 20, 31):
            self.assert_code("4.05", method, "time")

    def test_bad_option(self):
        for number, value in ((9, b"\1"), (13, b""), (19, b"\10"), (31, b"\6"), (65535, b"x"),
                              (URI_HOST, b""), (ACCEPT, b"\0\0\0"), (IF_NONE_MATCH, b"x"), (URI_PATH, b"\xff"), (URI_PATH, b"x" * 256),
                              (15, b"\xc0\x80")):
            response = self.assert_code("4.02", GET, "time", options=[(number, value)])
            self.assertIn(str(number), response.text)
        self.assert_code("4.02", GET, "time", options=[(ACCEPT, b""), (ACCEPT, b"")])
        for dots in (b".", b".."):
            self.assert_code("4.02", GET, [b"store", dots, b"time"])

    def test_hop_limit(self):
        """RFC 8768 section 3."""
        self.assert_code("2.05", GET, "whoami", options=[(16, b"\1")])
        for value in (b"", b"\0", b"\1\0"):
            response = self.assert_code("4.00", GET, "whoami", options=[(16, value)])
            self.assertIn("Hop-Limit", response.text)

    def test_elective_options_are_ignored(self):
        for number, value in ((10, b"x"), (65000, b""), (OBSERVE, b""), (CONTENT_FORMAT, b"1234"), (ETAG, b""), (ETAG, b"x" * 9),
                              (MAX_AGE, b"12345"), (60, b"\1")):
            response = self.assert_code("2.05", GET, "whoami", options=[(number, value)])
            self.assertEqual([], response.values(OBSERVE))

    def test_not_acceptable(self):
        response = self.assert_code("4.06", GET, "time", options=[(ACCEPT, uint(JSON))])
        self.assertIn("110 application/senml+json", response.text)
        self.assert_code("4.06", GET, "", options=[(ACCEPT, uint(65535))])
        self.assert_code("4.06", GET, "whoami", options=[(ACCEPT, uint(LINK))])

    def test_no_proxy(self):
        self.assert_code("5.05", GET, options=[(PROXY_URI, b"coap://example.org/")])
        self.assert_code("5.05", GET, "time", options=[(PROXY_SCHEME, b"coap"), (URI_HOST, b"example.org")])


class Messages(Case):
    """RFC 7252 section 4, byte by byte."""

    def test_ping(self):
        self.client.send(encode(Message(CON, 0, 0x1234)))
        self.assertEqual(b"\x70\x00\x12\x34", self.client.receive())

    def test_answers_are_piggybacked(self):
        for token in (b"", b"1", b"12345678"):
            request = self.client.request(GET, "time", token=token)
            self.client.send(encode(request))
            response = coap.decode(self.client.receive())
            self.assertEqual((ACK, request.id, token, "2.05"), (response.type, response.id, response.token, response.dotted))

    def test_non_confirmable(self):
        request = self.client.request(GET, "time", type=NON)
        response = self.client.exchange(encode(request))
        self.assertEqual((NON, request.token, "2.05"), (response.type, response.token, response.dotted))

    def reset(self, data, id):
        self.client.send(data)
        self.assertEqual(b"\x70\x00" + id, self.client.receive(), data)

    def silence(self, *datagrams):
        """Nothing answers them: the next answer is that to a ping behind them."""
        for data in datagrams:
            self.client.send(data)
            id = uint(0x8000 | self.client.next_id() >> 1)
            self.client.send(b"\x40\x00" + id)
            self.assertEqual(b"\x70\x00" + id, self.client.receive(), data)

    def test_malformed_confirmable_messages_are_reset(self):
        malformed = [
            b"\x49\x01\0\1123456789",  # a token of 9 bytes
            b"\x4f\x01\0\1",
            b"\x44\x01\0\1123",  # cut off
            b"\x40\x01\0\1\xff",  # a marker without payload
            b"\x40\x01\0\1\xf0",  # nibble 15
            b"\x40\x01\0\1\x0f",
            b"\x40\x01\0\1\xb5time",  # an option that is cut off
            b"\x40\x01\0\1\xd0",
            b"\x40\x01\0\1\xe0\xff",
            b"\x40\x01\0\1\xe0\xff\xff\xe0\xff\xff",  # a number over 65535
            b"\x41\x00\0\1x",  # an Empty message with more
            b"\x40\x00\0\1\xffx",
            b"\x40\x20\0\1",  # reserved classes
            b"\x40\xc0\0\1",
            b"\x40\xe1\0\1",
            b"\x40\x45\0\1",  # a response to nothing
        ]
        for data in malformed:
            self.reset(data, data[2:4])

    def test_what_is_dropped(self):
        self.silence(
            b"", b"\x40", b"\x40\x01\0",  # no header
            b"\x00\x01\0\1", b"\x80\x01\0\1", b"\xc0\x01\0\1",  # other versions
            b"\x59\x01\0\1123456789", b"\x50\x01\0\1\xff", b"\x50\x45\0\1",  # malformed or unmatched, not confirmable
            b"\x60\x00\0\1", b"\x70\x00\0\1", b"\x60\x45\0\1", b"\x60\x01\0\1", b"\x70\x01\0\1",  # nothing was sent to be acknowledged
        )

    def test_duplicates_run_once(self):
        request = self.client.request(PUT, "store/duplicate", payload=b"1")
        answers = set()
        for _ in range(5):
            self.client.send(encode(request))
            answers.add(self.client.receive())
        (answer,) = answers
        self.assertEqual("2.01", coap.decode(answer).dotted)
        self.assert_code("2.04", PUT, "store/duplicate", payload=b"2")
        # ... also after others; the store still holds the second one
        self.client.send(encode(request))
        self.assertEqual(answer, self.client.receive())
        self.assertEqual(b"2", self.ask(GET, "store/duplicate").payload)
        # The same ID from elsewhere is another message.
        other = self.server.client()
        self.addCleanup(other.close)
        self.assertEqual("2.04", other.exchange(encode(request)).dotted)

    def test_duplicate_of_a_non_confirmable_request(self):
        request = self.client.request(PUT, "store/non", payload=b"1", type=NON)
        self.client.send(encode(request))
        self.assertEqual("2.01", coap.decode(self.client.receive()).dotted)
        self.assert_code("2.04", PUT, "store/non", payload=b"2")
        self.silence(encode(request))
        self.assertEqual(b"2", self.ask(GET, "store/non").payload)

    def test_no_response(self):
        """RFC 7967: 2 suppresses 2.xx, 8 suppresses 4.xx, 26 everything."""
        for path, suppressed in (("time", 2), ("nothing", 8), ("time", 26), ("nothing", 26)):
            self.silence(encode(self.client.request(GET, path, type=NON, options=[(NO_RESPONSE, uint(suppressed))])))
        for path, suppressed in (("time", 8), ("nothing", 2), ("time", 0)):
            response = self.ask(GET, path, type=NON, options=[(NO_RESPONSE, uint(suppressed))])
            self.assertEqual([], response.values(NO_RESPONSE))
        # A confirmable one is acknowledged all the same.
        request = self.client.request(GET, "time", options=[(NO_RESPONSE, uint(2))])
        self.client.send(encode(request))
        self.assertEqual(b"\x60\x00" + request.id.to_bytes(2, "big"), self.client.receive())


class Store(Case):
    def test_comes_and_goes(self):
        self.assert_code("4.04", GET, "store/a/b")
        made = self.assert_code("2.01", PUT, "store/a/b", payload=b"{}", options=[(CONTENT_FORMAT, uint(JSON))])
        got = self.assert_code("2.05", GET, "store/a/b")
        self.assertEqual((b"{}", JSON), (got.payload, got.format))
        self.assertEqual(made.values(ETAG), got.values(ETAG))
        self.assert_code("2.04", PUT, "store/a/b")
        got = self.assert_code("2.05", GET, "store/a/b")
        self.assertEqual((b"", None), (got.payload, got.format))
        self.assert_code("2.02", DELETE, "store/a/b")
        self.assert_code("2.02", DELETE, "store/a/b")
        self.assert_code("4.04", GET, "store/a/b")

    def test_names_are_apart(self):
        names = [[b"a", b"b"], [b"a/b"], [b"a%2Fb"], [b"a", b"", b"b"], [b"a", b"b", b""], ["\u00e9".encode()], [b"\0"], [b"%00"], [b"a b"]]
        for number, name in enumerate(names):
            self.assert_code("2.01", PUT, [b"store", b"names", *name], payload=b"%d" % number)
        for number, name in enumerate(names):
            self.assertEqual(b"%d" % number, self.assert_code("2.05", GET, [b"store", b"names", *name]).payload)
        listed = coap.links(self.assert_code("2.05", GET, "store").text)
        self.assertLessEqual({f"/store/names/{name}" for name in
                              ("a/b", "a%2Fb", "a%252Fb", "a//b", "a/b/", "%C3%A9", "%00", "%2500", "a%20b")}, set(listed))
        for name in names:
            self.assert_code("2.02", DELETE, [b"store", b"names", *name])
        self.assertNotIn("/store/names", self.assert_code("2.05", GET, "store").text)

    def test_etags(self):
        first = self.assert_code("2.01", PUT, "store/e", payload=b"1").values(ETAG)[0]
        second = self.assert_code("2.04", PUT, "store/e", payload=b"2").values(ETAG)[0]
        self.assertNotEqual(first, second)
        valid = self.assert_code("2.03", GET, "store/e", options=[(ETAG, b"zz"), (ETAG, second)])
        self.assertEqual((b"", [second]), (valid.payload, valid.values(ETAG)))
        self.assert_code("2.05", GET, "store/e", options=[(ETAG, first)])
        self.assert_code("4.12", PUT, "store/e", payload=b"3", options=[(IF_MATCH, first)])
        self.assert_code("4.12", PUT, "store/e", payload=b"3", options=[(IF_NONE_MATCH, b"")])
        self.assert_code("4.12", DELETE, "store/none", options=[(IF_MATCH, b"")])
        self.assert_code("2.04", PUT, "store/e", payload=b"3", options=[(IF_MATCH, first), (IF_MATCH, second)])
        self.assertEqual(b"3", self.ask(GET, "store/e").payload)

    def test_the_store_itself(self):
        self.assertEqual(LINK, self.assert_code("2.05", GET, "store").format)
        self.assert_code("4.06", GET, "store", options=[(ACCEPT, uint(TEXT))])
        self.assert_code("4.05", PUT, "store", payload=b"x")
        self.assert_code("4.05", DELETE, "store")

    def test_parts_of_json(self):
        self.assert_code("2.01", PUT, "store/lamp", payload=b'{"on":false,"red":1}', options=[(CONTENT_FORMAT, uint(JSON))])
        json_options, patch_options = [(CONTENT_FORMAT, uint(JSON))], [(CONTENT_FORMAT, uint(MERGE_PATCH))]
        for method in (PATCH, IPATCH):
            self.assert_code("2.04", method, "store/lamp", payload=b'{"on":true,"red":null}', options=patch_options)
            self.assertEqual({"on": True}, json.loads(self.assert_code("2.05", GET, "store/lamp").payload))
        response = self.assert_code("2.05", FETCH, "store/lamp", payload=b'["/on","/red"]', options=json_options)
        self.assertEqual(({"/on": True}, JSON), (json.loads(response.payload), response.format))
        self.assert_code("4.00", IPATCH, "store/lamp", payload=b'{"on":', options=patch_options)
        self.assert_code("4.15", IPATCH, "store/lamp", payload=b"{}", options=json_options)
        self.assert_code("4.22", FETCH, "store/lamp", payload=b'{"on":1}', options=json_options)
        self.assert_code("4.12", IPATCH, "store/lamp", payload=b"{}", options=patch_options + [(IF_MATCH, b"other")])
        self.assert_code("4.04", IPATCH, "store/none", payload=b"{}", options=patch_options)
        self.assert_code("2.01", PUT, "store/text", payload=b"{}", options=[(CONTENT_FORMAT, uint(TEXT))])
        self.assert_code("4.15", IPATCH, "store/text", payload=b"{}", options=patch_options)
        self.assertEqual({"on": True}, json.loads(self.ask(GET, "store/lamp").payload))

    def test_accept(self):
        self.assert_code("2.01", PUT, "store/cbor", payload=b"\xa0", options=[(CONTENT_FORMAT, uint(CBOR))])
        self.assert_code("2.05", GET, "store/cbor", options=[(ACCEPT, uint(CBOR))])
        self.assert_code("4.06", GET, "store/cbor", options=[(ACCEPT, uint(TEXT))])


class StoreBounds(Case):
    def test_number_of_entries(self):
        for number in range(1000):
            self.assert_code("2.01", PUT, f"store/{number}", payload=b"x" * 100)
        self.assertIn("full", self.assert_code("5.00", PUT, "store/more", payload=b"x").text)
        self.assert_code("4.04", GET, "store/more")
        self.assert_code("2.04", PUT, "store/7", payload=b"changed")
        listed = self.client.ask_for_all(GET, "store")
        self.assertEqual({f"/store/{number}" for number in range(1000)}, set(coap.links(listed.text)))
        self.assert_code("2.02", DELETE, "store/7")
        self.assert_code("2.01", PUT, "store/more", payload=b"x")


class Files(Case):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        base = cls.folder.name
        cls.served = os.path.join(base, "served")
        os.makedirs(os.path.join(cls.served, "sub", "deep"))
        for name, data in {"secret": b"secret", "served/a.txt": b"hello", "served/b c%2F.json": b"{}", "served/sub/x.cbor": b"\xa0",
                           "served/.hidden": b"secret", "served/large": b"x" * 5000, "served/sub/deep/empty": b"",
                           "served/limit": b"x" * 1024}.items():
            with open(os.path.join(base, name), "wb") as file:
                file.write(data)
        os.symlink("../secret", os.path.join(cls.served, "out"))
        os.symlink("a.txt", os.path.join(cls.served, "in"))
        os.symlink("..", os.path.join(cls.served, "up"))
        os.symlink("/", os.path.join(cls.served, "sub", "root"))
        os.mkfifo(os.path.join(cls.served, "pipe"))
        cls.words = ("coap://127.0.0.1:0", "--files", cls.served)
        super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        cls.folder.cleanup()

    def test_files(self):
        for path, format, data in (([b"a.txt"], TEXT, b"hello"), ([b"b c%2F.json"], JSON, b"{}"), ([b"sub", b"x.cbor"], CBOR, b"\xa0"),
                                   ([b"sub", b"deep", b"empty"], OCTETS, b""), ([b"limit"], OCTETS, b"x" * 1024)):
            response = self.assert_code("2.05", GET, [b"files", *path])
            self.assertEqual((format, data), (response.format, response.payload))
            self.assert_code("2.03", GET, [b"files", *path], options=[(ETAG, response.values(ETAG)[0])])

    def test_folders(self):
        expected = {"/files/a.txt": {"ct": "0", "sz": "5"}, "/files/b%20c%252F.json": {"ct": "50", "sz": "2"}, "/files/sub/": {"ct": "40"},
                    "/files/large": {"ct": "42", "sz": "5000"}, "/files/limit": {"ct": "42", "sz": "1024"}}
        for path in ("files", "files/"):
            response = self.assert_code("2.05", GET, path)
            self.assertEqual((LINK, expected), (response.format, coap.links(response.text)))
        self.assertEqual({"/files/sub/deep/", "/files/sub/x.cbor"}, set(coap.links(self.assert_code("2.05", GET, "files/sub").text)))
        self.assertIn("/files", coap.links(self.assert_code("2.05", GET, ".well-known/core").text))

    def test_blocks(self):
        response = self.client.ask_for_all(GET, "files/large")
        self.assertEqual(("2.05", b"x" * 5000), (response.dotted, response.payload))
        etag = response.values(ETAG)[0]
        later = self.assert_code("2.05", GET, "files/large", options=[(BLOCK2, uint(4 << 4 | 6))])
        self.assertEqual((b"x" * (5000 - 4096), [etag]), (later.payload, later.values(ETAG)))
        self.assert_code("2.03", GET, "files/large", options=[(ETAG, etag)])
        self.assert_code("4.00", GET, "files/large", options=[(BLOCK2, uint(5 << 4 | 6))])

    def test_nothing_else(self):
        secret = os.path.join(self.folder.name, "secret").encode()
        paths = [
            [b".."], [b"..", b"secret"], [b"sub", b"..", b"..", b"secret"], [b"../secret"], [b"..%2Fsecret"], [b"%2e%2e", b"secret"],
            [b"%2E%2E%2Fsecret"], [b".", b"a.txt"], [secret], [b"", secret], secret.split(b"/"), [b"", *secret.split(b"/")], [b"out"],
            [b"in"], [b"up", b"secret"], [b"up"], [b"sub", b"root"], [b"sub", b"root", *secret.split(b"/")[1:]], [b".hidden"], [b"pipe"],
            [b"a.txt\0.json"], [b"a.txt", b"x"], [b"a.txt", b"..", b"a.txt"], [b"", b"a.txt"], [b"sub", b"", b"x.cbor"], [b"sub/x.cbor"],
            [b"none"], [b"x" * 255], [b"sub\\x.cbor"], [b"x"] * 300, ["\u2025".encode(), b"secret"], [b"..\\secret"],
        ]
        for path in paths:
            response = self.ask(GET, [b"files", *path])
            self.assertIn(response.dotted, ("4.04", "4.02"), (path, response))
            self.assertNotIn(b"secret", response.payload)

    def test_only_to_be_read(self):
        for method in (PUT, POST, DELETE):
            self.assert_code("4.05", method, "files/a.txt", payload=b"x" if method != DELETE else b"")
        with open(os.path.join(self.served, "a.txt"), "rb") as file:
            self.assertEqual(b"hello", file.read())


def entry(key, identity, allow=None):
    result = {"dtls": {"psk": {"ascii": key}, "client-identity": {"ascii": identity}}}
    if allow is not None:
        result["allow"] = allow
    return result


class Starting(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def start(self, *words, count=1):
        server = Server(*words, count=count)
        self.addCleanup(server.kill)
        return server

    def write(self, name, content):
        path = os.path.join(self.folder.name, name)
        with open(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
            json.dump(content, file)
        return path

    def get(self, uri, credentials, code):
        done = subprocess.run([COAX, "get", uri, "--credentials", credentials, "--timeout", "20"], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, check=False, timeout=PATIENCE_SECONDS)
        self.assertEqual(code, done.returncode, f"{uri}: {done.stdout} {done.stderr}")
        return done.stdout + done.stderr

    def run_to_its_end(self, *words):
        done = subprocess.run([COAX, "serve", *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                              timeout=PATIENCE_SECONDS)
        self.assertEqual("", done.stdout)
        return done.returncode, done.stderr

    def test_signals_end_it_silently(self):
        credentials = self.write("server.json", {":a": entry("key", "a"), "coaps://*": ":a"})
        for number in (signal.SIGTERM, signal.SIGINT):
            server = self.start("coap://127.0.0.1:0", "coaps://127.0.0.1:0", "--credentials", credentials, count=2)
            self.get(server.uris[1] + "/time", credentials, 0)
            self.assertEqual((0, "", ""), server.stop(number))

    def test_ports(self):
        credentials = self.write("server.json", {":a": entry("key", "a")})
        for _ in range(20):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as next_probe:
                probe.bind(("127.0.0.1", 0))
                port = probe.getsockname()[1]
                try:
                    next_probe.bind(("127.0.0.1", port + 1))
                    break
                except (OSError, OverflowError):
                    continue
        server = self.start("--bind", "127.0.0.1", "--port", str(port), "--credentials", credentials, count=6)
        self.assertEqual([f"coap://127.0.0.1:{port}", f"coaps://127.0.0.1:{port + 1}"], server.uris[:2])
        code, errors = self.run_to_its_end("--bind", "127.0.0.1", "--port", str(port))
        self.assertEqual(1, code)
        self.assertIn(str(port), errors)
        self.assertIn("in use", errors)
        self.assertEqual((0, "", ""), server.stop())

    def test_all_addresses(self):
        server = self.start("--port", "0")
        client = server.client()
        self.addCleanup(client.close)
        self.assertEqual("2.05", client.ask(GET, "time").dotted)
        if server.uris[0].startswith("coap://[::]:"):
            client = server.client("::1")
            self.addCleanup(client.close)
            self.assertIn("local: coap://[::1]", client.ask(GET, "whoami").text)

    def test_messages_are_shown(self):
        server = self.start("coap://127.0.0.1:0", "-v")
        client = server.client()
        self.addCleanup(client.close)
        client.ask(GET, "time", query=["\x1b[31m"])
        code, output, errors = server.stop()
        self.assertEqual((0, ""), (code, output))
        self.assertRegex(errors, r"(?s)<- coap://127.0.0.1:\d+ .*GET.*-> coap://127.0.0.1:\d+ .*2\.05")
        self.assertNotIn("\x1b", errors)

    def test_usage(self):
        for words, expected in (
                (["coap://127.0.0.1", "--port", "1"], "--port"), (["127.0.0.1"], "URI"), (["--port", "70000"], "70000"), (["--nonsense"], "--nonsense"),
                (["coap://127.0.0.1/time"], "resource"), (["--credentials", "/nonexistent"], "/nonexistent"),
                (["--files", self.write("file", {})], "--files")):
            code, errors = self.run_to_its_end(*words)
            self.assertEqual(2, code, errors)
            self.assertIn(expected, errors)
        code, errors = self.run_to_its_end("coaps://127.0.0.1:0")
        self.assertEqual(7, code)
        self.assertIn("--credentials", errors)

    def test_allow_lists(self):
        reader = entry("reader key", "reader", ["/time", "/store/*"])
        everything = entry("other key", "other")
        server = self.start("coap://127.0.0.1:0", "coaps://127.0.0.1:0", "--credentials",
                            self.write("server.json", {":reader": reader, ":other": everything}), count=2)
        uri = server.uris[1]
        as_reader = self.write("reader.json", {"coaps://*": entry("reader key", "reader")})
        as_other = self.write("other.json", {"coaps://*": entry("other key", "other")})
        self.get(uri + "/time", as_reader, 0)
        self.assertIn("4.04", self.get(uri + "/store/x", as_reader, 4))
        for path in ("/", "/host/load", "/store", "/.well-known/core", "/whoami"):
            self.assertIn("4.03", self.get(uri + path, as_reader, 4))
            self.get(uri + path, as_other, 0)
        self.assertIn("claim: :other", self.get(uri + "/whoami", as_other, 0))
        self.assertEqual((0, "", ""), server.stop())

    def test_reload(self):
        path = self.write("server.json", {":a": entry("first", "a")})
        first = self.write("first.json", {"coaps://*": entry("first", "a")})
        second = self.write("second.json", {"coaps://*": entry("second", "a")})
        server = self.start("coaps://127.0.0.1:0", "--credentials", path)
        uri = server.uris[0] + "/time"
        self.get(uri, first, 0)
        self.get(uri, second, 7)
        self.write("server.json", {":a": 5})
        server.process.send_signal(signal.SIGHUP)
        line = server.line(server.process.stderr)
        self.assertRegex(line, r"server\.json:1:\d+: .*; the credentials stay as they were")
        self.get(uri, first, 0)
        self.write("server.json", {":a": entry("second", "a")})
        server.process.send_signal(signal.SIGHUP)
        self.assertIn("loaded again", server.line(server.process.stderr))
        self.get(uri, second, 0)
        self.get(uri, first, 7)
        self.assertEqual((0, "", ""), server.stop())

    @unittest.skipUnless(shutil.which("openssl"), "needs the openssl command")
    def test_reload_keeps_sessions(self):
        """A session that another DTLS library holds outlives the entry that it was made with."""
        path = self.write("server.json", {":a": entry("first", "a")})
        server = self.start("coaps://127.0.0.1:0", "--credentials", path)
        peer = subprocess.Popen(
            ["openssl", "s_client", "-dtls1_2", "-connect", f"127.0.0.1:{server.ports[0]}", "-psk_identity", "a", "-psk", b"first".hex(),
             "-cipher", "PSK-AES128-CCM8", "-quiet"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0)
        self.addCleanup(peer.wait)
        self.addCleanup(peer.kill)
        self.addCleanup(peer.stdout.close)
        self.addCleanup(peer.stdin.close)

        def ask(id):
            peer.stdin.write(encode(Message(CON, GET, id, b"t", [(URI_PATH, b"whoami")])))
            self.assertTrue(select.select([peer.stdout], [], [], PATIENCE_SECONDS)[0], "no answer")
            return coap.decode(os.read(peer.stdout.fileno(), 4096))

        self.assertTrue(ask(1).text.endswith("claim: :a"))
        self.write("server.json", {":b": entry("second", "b")})
        server.process.send_signal(signal.SIGHUP)
        self.assertIn("loaded again", server.line(server.process.stderr))
        answer = ask(2)
        self.assertEqual(("2.05", 2), (answer.dotted, answer.id))
        self.assertEqual((0, "", ""), server.stop())


if __name__ == "__main__":
    unittest.main()
