"""Where the UI listens, and the names under which it answers."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

LOCALHOST = "127.0.0.1"
DRAW = "/draw"  # the path of the page to draw on
LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")
NAME = re.compile(r"(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?")


class AddressError(ValueError):
    """The UI can't be served there or under that name; the message says which, what is wrong and what to do."""


@dataclass(frozen=True)
class Served:
    """How the UI is served.

    Parameters
    ----------
    host : str
        IP address to listen on, or `localhost`.
    port : int
        Port to listen on.
    allowed_hosts : tuple of str
        Further names under which it is reached, `NAME` or `NAME:PORT`.
    read_only : bool
        Whether everything that changes something is refused.

    Raises
    ------
    AddressError
        If the host is not an address, or an allowed host not a name.
    """

    host: str = LOCALHOST
    port: int = 3000
    allowed_hosts: tuple[str, ...] = ()
    read_only: bool = False

    def __post_init__(self) -> None:
        try:
            address = ipaddress.ip_address(LOCALHOST if self.host == "localhost" else self.host)
        except ValueError:
            raise AddressError(
                f"--host {self.host!r} is not an IP address; name one of this machine, or leave it out for {LOCALHOST}"
            ) from None
        object.__setattr__(self, "host", str(address))
        object.__setattr__(self, "allowed_hosts", tuple(name.lower() for name in self.allowed_hosts))
        for name in self.allowed_hosts:
            if not NAME.fullmatch(name):
                raise AddressError(
                    f"--allowed-host {name!r} is not a host's name; write for instance 'digits.example.org' "
                    "or 'localhost:8080', without scheme, path or wildcard"
                )

    @property
    def loopback(self) -> bool:
        """Whether only programs on this machine can connect."""
        return ipaddress.ip_address(self.host).is_loopback

    @property
    def url(self) -> str:
        """Where a browser on this machine finds it."""
        return f"http://{self._authority(self._bracketed)}"

    def origins(self, host: str) -> frozenset[str]:
        """The origins of pages served under this Host header; none if nothing is served under it.

        A name given by `allowed_hosts` may also stand for a TLS terminator in front: https, default port.
        """
        host = host.lower()
        if host in {_without_default_port(self._authority(name)) for name in self._own_names}:
            return frozenset({f"http://{host}"})
        named = {variant for name in self.allowed_hosts for variant in self._variants(name)}
        return frozenset({f"http://{host}", f"https://{host}"}) if host in named else frozenset()

    @property
    def _bracketed(self) -> str:
        return f"[{self.host}]" if ":" in self.host else self.host

    @property
    def _own_names(self) -> tuple[str, ...]:
        wildcard = ipaddress.ip_address(self.host).is_unspecified
        return LOOPBACK_NAMES if self.loopback or wildcard else (self._bracketed,)

    def _authority(self, name: str) -> str:
        return f"{name}:{self.port}"

    def _variants(self, name: str) -> set[str]:
        has_port = bool(re.search(r":[0-9]+$", name)) and not name.endswith("]")
        return {name} if has_port else {name, self._authority(name)}


def _without_default_port(authority: str) -> str:
    return authority.removesuffix(":80")
