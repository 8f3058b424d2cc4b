"""Connections on which no complete request arrives are closed."""

import socket

import pytest
from support.drawing import serving

from mnist_pipeline.runtime.ui import protocol


@pytest.mark.slow
@pytest.mark.parametrize(
    "sent", [b"", b"GET / HTTP/1.1\r\nHost: x\r\n", b"GET /draw HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nGET /"]
)
def test_a_connection_with_an_unfinished_head_is_closed(
    sent: bytes, storage: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.2)
    with serving() as client, socket.create_connection(("127.0.0.1", client.port), timeout=20) as connection:
        connection.sendall(sent)
        while connection.recv(1 << 16):  # TimeoutError if it stays open
            pass
