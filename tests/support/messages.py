"""Local servers that keep the messages they receive: a webhook, and a mail server."""

import contextlib
import json
import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any


class Webhook:
    """An address for messages, and the messages that it has accepted; it refuses them while it is down."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.is_down = False
        self.address = ""


@contextlib.contextmanager
def webhook() -> Iterator[Webhook]:
    """Serve a webhook on this machine."""
    found = Webhook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the name is http.server's
            message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if not found.is_down:
                found.messages.append(message)
            self.send_response(503 if found.is_down else 200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with _served(HTTPServer(("127.0.0.1", 0), Handler)) as port:
        found.address = f"http://127.0.0.1:{port}/hook"
        yield found


@contextlib.contextmanager
def mail_server(letters: list[str]) -> Iterator[str]:
    """Serve SMTP on this machine; yields the address for apprise."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 ready\r\n")
            for line in self.rfile:
                if line.upper().startswith(b"DATA"):
                    self.wfile.write(b"354 go on\r\n")
                    letters.append(b"".join(iter(self.rfile.readline, b".\r\n")).decode())
                self.wfile.write(b"221 bye\r\n" if line.upper().startswith(b"QUIT") else b"250 ok\r\n")

    with _served(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)) as port:
        yield f"mailto://127.0.0.1:{port}?from=pipeline@example.org&to=owner@example.org&mode=insecure"


@contextlib.contextmanager
def _served(server: socketserver.TCPServer) -> Iterator[int]:
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
