"""The address that the UI listens on, and the host names that it answers to."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

LOCALHOST = "127.0.0.1"
DRAW = "/draw"  # the path of the drawing page
LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")
HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?", re.IGNORECASE)


class AddressError(ValueError):
    """The UI can't be served at an address or under a host name."""


@dataclass(frozen=True)
class Address:
    """The IP address (or `localhost`) and port to listen on, and further host names, `NAME` or `NAME:PORT`."""

    host: str = LOCALHOST
    port: int = 3000
    allowed_hosts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        try:
            ip = ipaddress.ip_address(LOCALHOST if self.host == "localhost" else self.host)
        except ValueError:
            raise AddressError(f"--host {self.host!r} is not an IP address; the default is {LOCALHOST}") from None
        object.__setattr__(self, "host", str(ip))
        for name in self.allowed_hosts:
            if not HOST.fullmatch(name):
                raise AddressError(
                    f"--allowed-host {name!r} is not a host name; write for instance 'digits.example.org' "
                    "or 'localhost:8080', without scheme, path or wildcard"
                )

    @property
    def is_loopback(self) -> bool:
        """Whether only programs on this machine can connect."""
        return ipaddress.ip_address(self.host).is_loopback

    @property
    def url(self) -> str:
        """The URL for a browser on this machine."""
        return f"http://{self._name}:{self.port}"

    @property
    def _name(self) -> str:
        return f"[{self.host}]" if ":" in self.host else self.host

    def origins(self, host: str) -> tuple[str, ...]:
        """The origins of the pages that are served under a Host header; none if the UI does not answer to it.

        An allowed host may also be that of a TLS terminator in front.
        """
        host, port = host.lower(), f":{self.port}"
        has_own_name = not self.is_loopback and not ipaddress.ip_address(self.host).is_unspecified
        # Browsers leave out port 80.
        if host in {(name + port).removesuffix(":80") for name in ((self._name,) if has_own_name else LOOPBACK_NAMES)}:
            return (f"http://{host}",)
        allowed = {name.lower() for name in self.allowed_hosts}
        is_allowed = host in allowed or (host.endswith(port) and host.removesuffix(port) in allowed)
        return (f"http://{host}", f"https://{host}") if is_allowed else ()
