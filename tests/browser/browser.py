"""A browser as an end: Debian's Chromium with page.html, and a web server for that page."""

import http.server
import json
import os
import shutil
import sys
import tempfile
import threading
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "interop"))

import peers  # noqa: E402
import ws  # noqa: E402

PAGE = "page.html"


def page():
    with open(os.path.join(HERE, PAGE), "rb") as file:
        return file.read()


def visit(*addresses):
    """What the pages show, each a dictionary: id of an element -> its text; "errors" is what the browser complains about."""
    with tempfile.TemporaryDirectory() as home:
        done = peers.run("node", os.path.join(HERE, "browse.js"), json.dumps(addresses), timeout=240,
                         env={**ws.ENVIRONMENT, "CHROMIUM": shutil.which("chromium") or "chromium", "HOME": home})
    if done.returncode != 0:
        raise RuntimeError(f"no browser: {done.stderr.decode(errors='replace')[-4000:]}")
    return json.loads(done.stdout.decode().splitlines()[-1])


def address(website, **query):
    """The page on that website, asking `server` for `path`."""
    return f"{website}/{PAGE}" + ("?" + urllib.parse.urlencode(query) if query else "")


class Website:
    """Serves the page on a free port of loopback, over http."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=HERE)

        def log_message(self, *_):
            pass

    def __init__(self):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self.Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def base(self, host="127.0.0.1"):
        return f"http://{host}:{self.server.server_address[1]}"

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
