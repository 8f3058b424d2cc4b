"""The HTTP protocol of the web server, with a limit on the time in which the head of a request arrives."""

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS = 30


class Protocol(H11Protocol):
    """Close a connection whose next request has begun, or whose first has not, but has no complete head after 30 s.

    uvicorn has a limit for idle connections only, so unfinished requests would stay open without end.
    """

    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Start the clock of the first request."""
        super().connection_made(transport)
        self._timer = self.loop.call_later(HEAD_SECONDS, self._close)

    def data_received(self, data: bytes) -> None:
        """Stop the clock when a head is complete; start it when another request begins."""
        super().data_received(data)
        is_waiting = self.cycle is None or self.cycle.response_complete
        if self._timer and not is_waiting:
            self._timer.cancel()
            self._timer = None
        elif not self._timer and is_waiting:
            self._timer = self.loop.call_later(HEAD_SECONDS, self._close)

    def _close(self) -> None:
        self._timer = None
        if self.transport.get_protocol() is self:  # otherwise it has become a WebSocket
            self.transport.close()
