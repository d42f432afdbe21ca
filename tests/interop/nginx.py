"""nginx (Debian's) in front of a server, with docs/deploy/nginx.conf as it is but for ports and paths."""

import os
import socket
import tempfile

import peers

EXAMPLE = os.path.join(peers.ROOT, "docs", "deploy", "nginx.conf")
PAGE = b"<!doctype html><title>a website</title>"
# Around the example, what a distribution's main file has; all that is written is below the prefix.
MAIN = """
worker_processes 1;
pid nginx.pid;
events {{ }}
http {{
    access_log off;
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
{example}
}}
"""


def derive(example, changes):
    """The example with each of the texts, all of which must be in it, replaced."""
    for text, other in changes.items():
        if text not in example:
            raise RuntimeError(f"{EXAMPLE} has no {text!r} any more")
        example = example.replace(text, other)
    return example


class Proxy(peers.Process):
    """Serves a website, `files` by name, on a port for http and one for https, of 127.0.0.1 and ::1."""

    def __init__(self, backend_port, certificates, files=None):
        self.folder = tempfile.TemporaryDirectory()
        self.plain, self.secure = peers.free_port(), peers.free_port()
        os.chmod(self.folder.name, 0o755)  # as root, the workers are somebody else
        for name, content in {"index.html": PAGE, **(files or {})}.items():
            with open(self.path(name), "wb") as file:
                file.write(content)
        with open(EXAMPLE, encoding="utf-8") as file:
            example = derive(file.read(), {
                "listen 80;": f"listen 127.0.0.1:{self.plain};",
                "listen [::]:80;": f"listen [::1]:{self.plain};",
                "listen 443 ssl;": f"listen 127.0.0.1:{self.secure} ssl;",
                "listen [::]:443 ssl;": f"listen [::1]:{self.secure} ssl;",
                "server 127.0.0.1:8683;": f"server 127.0.0.1:{backend_port};",
                "/etc/ssl/example.org/fullchain.pem": certificates.certificate,
                "/etc/ssl/example.org/privkey.pem": certificates.key,
                "/var/www/html": self.folder.name,
            })
        with open(self.path("nginx.conf"), "w", encoding="utf-8") as file:
            file.write(MAIN.format(example=example))
        super().__init__("nginx", "-p", self.folder.name, "-c", self.path("nginx.conf"), "-e", "stderr", "-g", "daemon off;",
                         env={"PATH": os.environ["PATH"] + ":/usr/sbin"})
        for port in (self.plain, self.secure):
            self.wait_until(lambda port=port: listens(port), "its port")

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def base(self, scheme, host="127.0.0.1"):
        return f"{scheme}://{host}:{self.plain if scheme in ('http', 'coap+ws') else self.secure}"

    def __exit__(self, *_):
        super().__exit__()
        self.folder.cleanup()


def listens(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False
