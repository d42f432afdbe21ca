"""A CoAP message codec and a UDP client of its own, written from RFC 7252 alone: it shares nothing with what it tests."""

import random
import re
import select
import socket
import struct
import time

CON, NON, ACK, RST = range(4)
GET, POST, PUT, DELETE, FETCH, PATCH, IPATCH = range(1, 8)
IF_MATCH, URI_HOST, ETAG, IF_NONE_MATCH, OBSERVE, URI_PORT, LOCATION_PATH = 1, 3, 4, 5, 6, 7, 8
URI_PATH, CONTENT_FORMAT, MAX_AGE, URI_QUERY, ACCEPT = 11, 12, 14, 15, 17
BLOCK2, BLOCK1, PROXY_URI, PROXY_SCHEME, SIZE1, NO_RESPONSE = 23, 27, 35, 39, 60, 258
TEXT, LINK, OCTETS, JSON, MERGE_PATCH, CBOR, SENML_JSON, SENML_CBOR = 0, 40, 42, 50, 52, 60, 110, 112

PATIENCE_SECONDS = 20


def uint(number):
    """Section 3.2: without leading zero bytes."""
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


class Message:
    """Options are pairs of number and bytes, in order of the numbers."""

    def __init__(self, type, code, id, token=b"", options=(), payload=b""):
        self.type, self.code, self.id, self.token = type, code, id, token
        self.options = sorted(options, key=lambda option: option[0])
        self.payload = payload

    @property
    def dotted(self):
        return f"{self.code >> 5}.{self.code & 31:02}"

    def values(self, number):
        return [value for its, value in self.options if its == number]

    def number(self, number):
        """The first option of that number as an integer; None if there is none."""
        values = self.values(number)
        return int.from_bytes(values[0], "big") if values else None

    @property
    def format(self):
        return self.number(CONTENT_FORMAT)

    @property
    def text(self):
        return self.payload.decode()

    def __repr__(self):
        return f"{'CON NON ACK RST'.split()[self.type]} {self.dotted} id={self.id} token={self.token.hex()} {self.options} {self.payload!r}"


def extended(number):
    """The nibble and the bytes behind it (section 3.1)."""
    if number < 13:
        return number, b""
    if number < 269:
        return 13, bytes([number - 13])
    return 14, struct.pack("!H", number - 269)


def encode(message):
    data = struct.pack("!BBH", 0x40 | message.type << 4 | len(message.token), message.code, message.id) + message.token
    last = 0
    for number, value in message.options:
        delta, delta_bytes = extended(number - last)
        length, length_bytes = extended(len(value))
        data += bytes([delta << 4 | length]) + delta_bytes + length_bytes + value
        last = number
    return data + (b"\xff" + message.payload if message.payload else b"")


def take_extended(nibble, data):
    if nibble == 13:
        return data[0] + 13, data[1:]
    if nibble == 14:
        return struct.unpack("!H", data[:2])[0] + 269, data[2:]
    assert nibble < 13, "reserved nibble"
    return nibble, data


def decode(data):
    first, code, id = struct.unpack("!BBH", data[:4])
    assert first >> 6 == 1, "version"
    token_size = first & 15
    assert token_size <= 8, "token length"
    token, data = data[4 : 4 + token_size], data[4 + token_size :]
    assert len(token) == token_size, "token cut off"
    options, number = [], 0
    while data and data[0] != 0xFF:
        byte, data = data[0], data[1:]
        delta, data = take_extended(byte >> 4, data)
        length, data = take_extended(byte & 15, data)
        number += delta
        assert len(data) >= length, "option cut off"
        options.append((number, data[:length]))
        data = data[length:]
    assert data != b"\xff", "marker without payload"
    message = Message(first >> 4 & 3, code, id, token, options, data[1:])
    assert message.options == options, "order of options"
    return message


class Client:
    """One socket, which is one remote to the server. Knows no retransmission: loopback loses nothing."""

    def __init__(self, host, port):
        self.socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.connect((host, port))
        self.id = random.randrange(65536)

    def close(self):
        self.socket.close()

    def next_id(self):
        self.id = (self.id + 1) % 65536
        return self.id

    def send(self, data):
        self.socket.send(data)

    def receive(self):
        """The next datagram, as bytes."""
        if not select.select([self.socket], [], [], PATIENCE_SECONDS)[0]:
            raise TimeoutError("no answer")
        return self.socket.recv(65536)

    def exchange(self, data):
        self.send(data)
        return decode(self.receive())

    def request(self, method, path="", query=(), options=(), payload=b"", type=CON, token=None):
        """`path` is a string of segments joined by '/', or a list of segments as bytes."""
        segments = path if isinstance(path, list) else [part.encode() for part in path.split("/")] if path else []
        all_options = [(URI_PATH, segment) for segment in segments] + [(URI_QUERY, part.encode()) for part in query]
        token = random.randbytes(4) if token is None else token
        return Message(type, method, self.next_id(), token, all_options + list(options), payload)

    def ask(self, *arguments, **named):
        """Sends a request and returns the response that belongs to it, wherever it comes in."""
        return self.ask_with(self.request(*arguments, **named))

    def ask_with(self, request):
        deadline = time.monotonic() + PATIENCE_SECONDS
        self.send(encode(request))
        while time.monotonic() < deadline:
            message = decode(self.receive())
            if message.code == 0:
                if message.type == RST:
                    raise ConnectionError("reset")
                assert message.type == ACK and message.id == request.id, message
                continue
            if message.type == CON:
                self.send(encode(Message(ACK, 0, message.id)))
            assert message.token == request.token, message
            return message
        raise TimeoutError("no response")

    def ask_for_all(self, method, path="", **named):
        """Asks block by block (RFC 7959); the last response, with the payload of all."""
        options, whole, number = list(named.pop("options", ())), b"", 0
        while True:
            response = self.ask(method, path, options=options + [(BLOCK2, uint(number << 4 | 6))], **named)
            block = response.number(BLOCK2)
            whole += response.payload
            if block is None or not block & 8:
                response.payload = whole
                return response
            assert block >> 4 == number and len(response.payload) == 1024, response
            number += 1


LINK_TARGET = re.compile(r"<([^>]*)>")
LINK_ATTRIBUTE = re.compile(r';([^=;,"]+)(?:="((?:\\.|[^"\\])*)"|=([^,;"]*))?')


def links(text):
    """Link-format (RFC 6690) as a dictionary: target to attributes."""
    found, position = {}, 0
    while position < len(text):
        target = LINK_TARGET.match(text, position)
        assert target, text[position:]
        assert target[1] not in found, target[1]
        attributes = found[target[1]] = {}
        position = target.end()
        while attribute := LINK_ATTRIBUTE.match(text, position):
            attributes[attribute[1]] = re.sub(r"\\(.)", r"\1", attribute[2]) if attribute[2] is not None else attribute[3]
            position = attribute.end()
        assert position == len(text) or text[position] == ",", text[position:]
        position += 1
    return found


def cbor(data):
    """Reads one item (RFC 8949) of the kinds that SenML has; the whole of `data`."""
    item, rest = take_cbor(data)
    assert not rest, "bytes behind the item"
    return item


def take_cbor(data):
    major, short, data = data[0] >> 5, data[0] & 31, data[1:]
    if major == 7:
        sizes = {25: "!e", 26: "!f", 27: "!d"}
        size = struct.calcsize(sizes[short])
        return struct.unpack(sizes[short], data[:size])[0], data[size:]
    size = {24: 1, 25: 2, 26: 4, 27: 8}.get(short, 0)
    assert short < 28, "indefinite or reserved length"
    count, data = int.from_bytes(data[:size], "big") if size else short, data[size:]
    if major in (0, 1):
        return (-1 - count if major else count), data
    if major in (2, 3):
        assert len(data) >= count
        return (data[:count].decode() if major == 3 else data[:count]), data[count:]
    items = []
    for _ in range(count * (2 if major == 5 else 1)):
        item, data = take_cbor(data)
        items.append(item)
    return (dict(zip(items[::2], items[1::2])) if major == 5 else items), data
