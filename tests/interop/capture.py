"""Captures what goes over loopback with dumpcap and reads it with tshark."""

import os
import socket
import subprocess
import tempfile
import time

import peers


# What tshark is told of ports that are not the protocols' own.
DISSECTION = {
    "coap": ["udp.port=={port},coap"],
    "coaps": ["udp.port=={port},dtls", "dtls.port=={port},coap"],
    "coap+tcp": ["tcp.port=={port},coap"],
    "coaps+tcp": ["tcp.port=={port},tls", "tls.port=={port},coap"],
    "coap+ws": ["tcp.port=={port},http"],
    "coaps+ws": ["tcp.port=={port},tls", "tls.port=={port},http"],
}


class Capture:
    """What goes over loopback from or to the UDP and TCP ports, from the start of the with block to stop()."""

    def __init__(self, *ports):
        self.ports = ports
        self.file = tempfile.NamedTemporaryFile(suffix=".pcapng")
        self.errors = tempfile.TemporaryFile("w+b")
        filter_text = " or ".join(f"port {port}" for port in ports)
        # It ends when its standard input does: a program that runs through sudo could not be sent a signal.
        script = f"dumpcap -q -i lo -f '{filter_text}' -w - </dev/null & read -r line; kill $!; wait $!"
        command = ["sh", "-c", script] if os.geteuid() == 0 else ["sudo", "-n", "sh", "-c", script]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=self.file, stderr=self.errors)
        self._mark(0xBE61)

    def _mark(self, message_id):
        """Sends a Reset that resets nothing, which nobody answers, until it is in the capture."""
        marker = b"\x70\x00" + message_id.to_bytes(2, "big")
        end = time.monotonic() + peers.PATIENCE_SECONDS
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            while time.monotonic() < end:
                sender.sendto(marker, ("127.0.0.1", self.ports[0]))
                with open(self.file.name, "rb") as file:
                    if marker in file.read():
                        return
                if self.process.poll() is not None:
                    break
                time.sleep(0.05)  # between two looks
        self.errors.seek(0)
        raise RuntimeError("dumpcap did not capture: " + self.errors.read().decode(errors="replace"))

    def stop(self):
        if self.process.poll() is None:
            self._mark(0xE4D1)
            self.process.stdin.close()
            self.process.wait(peers.PATIENCE_SECONDS)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.stdin.close()
            self.process.wait(peers.PATIENCE_SECONDS)
        self.file.close()
        self.errors.close()

    def read(self, filter_text, fields, ports, key=None, keys=None):
        """The values of `fields` in the packets that pass the display filter, as tshark dissects them. `ports` are by scheme;
        `key` is a pre-shared one for DTLS, `keys` a file with the keys of TLS sessions."""
        command = ["tshark", "-n", "-r", self.file.name, "-Y", filter_text, "-T", "fields"]
        for scheme, port in ports.items():
            for rule in DISSECTION[scheme]:
                command += ["-d", rule.format(port=port)]
        if key is not None:
            command += ["-o", f"dtls.psk:{key.hex()}"]
        if keys is not None:
            command += ["-o", f"tls.keylog_file:{keys}"]
        for field in fields:
            command += ["-e", field]
        done = peers.run(*command)
        if done.returncode != 0:
            raise RuntimeError(f"{command}: {done.stderr.decode(errors='replace')}")
        return [line.split("\t") for line in done.stdout.decode(errors="replace").splitlines()]
