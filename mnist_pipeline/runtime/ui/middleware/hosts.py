"""The host names and paths that the UI answers to."""

import re
from urllib.parse import unquote

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from mnist_pipeline.runtime.ui.addresses import Address

PLAIN_PATH = re.compile(r"(/(?!\.{1,2}(/|$))[^/\\]+)*/?")


class HostsMiddleware:
    """Answer only to the Host headers of the address, against DNS rebinding, and only at plain paths.

    Starlette's `TrustedHostMiddleware` ignores the port, so it would accept pages of another server on this machine.
    """

    def __init__(self, app: ASGIApp, address: Address) -> None:
        self.app, self.address = app, address

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        host = Headers(scope=scope).get("host", "")
        if not self.address.origins(host):
            raise HTTPException(421, f"The UI does not answer to the host {host!r}; add it with --allowed-host")
        for path in (scope["path"], unquote(scope["path"])):  # some applications decode a path again
            if not PLAIN_PATH.fullmatch(path) or not path.isprintable():
                raise HTTPException(400, "The path has an empty or relative segment, a backslash or a control code")
        if scope["path"] in ("/notebook", "/dagit/notebook"):  # Dagster reads any under the working directory
            raise HTTPException(404, "The pipeline has no notebooks")
        await self.app(scope, receive, send)
