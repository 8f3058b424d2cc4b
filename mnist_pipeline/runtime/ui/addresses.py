"""The address that the UI listens on, and the host names that it answers to."""

import re
from dataclasses import dataclass
from ipaddress import ip_address

from mnist_pipeline.utils.reported import ReportedError

LOCALHOST = "127.0.0.1"
HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?", re.IGNORECASE)


class AddressError(ReportedError, ValueError):
    """The UI can't be served at an address or under a host name."""


@dataclass(frozen=True)
class Address:
    """The IP address (or `localhost`) and port to listen on, and further host names, `NAME` or `NAME:PORT`."""

    host: str = LOCALHOST
    port: int = 3000
    allowed_hosts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        try:
            ip = ip_address(LOCALHOST if self.host == "localhost" else self.host)
        except ValueError:
            raise AddressError(f"--host {self.host!r} is not an IP address; the default is {LOCALHOST}") from None
        object.__setattr__(self, "host", str(getattr(ip, "ipv4_mapped", None) or ip))
        for name in self.allowed_hosts:
            if not HOST.fullmatch(name):
                raise AddressError(
                    f"--allowed-host {name!r} is not a host name; write for instance 'digits.example.org' "
                    "or 'localhost:8080', without scheme, path or wildcard"
                )

    @property
    def is_loopback(self) -> bool:
        """Whether only programs on this machine can connect."""
        return ip_address(self.host).is_loopback

    @property
    def url(self) -> str:
        """The URL for a browser on this machine."""
        host = {"0.0.0.0": LOCALHOST, "::": "::1"}.get(self.host, self.host)
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    def origins(self, host: str) -> tuple[str, ...]:
        """Return the origins of pages under a Host header, or nothing if the UI does not answer to that host.

        A browser may reach an allowed host through a TLS terminator, so its pages may have an https origin.
        """
        origin, port = f"http://{host.lower()}", f":{self.port}"
        loopback = {f"http://{name}{port}" for name in (LOCALHOST, "localhost", "[::1]")}
        own = {self.url, *(loopback if self.is_loopback or ip_address(self.host).is_unspecified else ())}
        if origin in {each.removesuffix(":80") for each in own}:  # browsers omit port 80
            return (origin,)
        allowed = {f"http://{name.lower()}{suffix}" for name in self.allowed_hosts for suffix in ("", port)}
        return (origin, origin.replace("http", "https", 1)) if origin in allowed else ()
