"""Messages to people: to a webhook, and through apprise to an e-mail address or any other of its services."""

from __future__ import annotations

import importlib
import importlib.util
import json
import urllib.request
from dataclasses import asdict, dataclass
from typing import Any

from mnist_pipeline.utils import places

VARIABLE = "MNIST_PIPELINE_ALERTS"
WEBHOOKS = ("http://", "https://")
SECONDS = 10  # for a service to accept a message


class NotificationError(RuntimeError):
    """A message could not be sent; the message of the error never shows the address, which can hold a password."""


@dataclass(frozen=True)
class Message:
    """What happened, in a line and in a few."""

    kind: str  # run, checks or freshness
    title: str
    text: str
    run: str | None = None  # its id


def send(address: str, message: Message) -> None:
    """Send a message to an address; raise NotificationError if the service does not accept it."""
    if not address.startswith(WEBHOOKS):
        if not _apprise(address).notify(title=message.title, body=message.text):
            raise NotificationError("the service did not accept the message")
        return
    body = json.dumps({**asdict(message), "text": f"{message.title}\n{message.text}"}).encode()  # chats show `text`
    request = urllib.request.Request(address, body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=SECONDS):
            pass
    except OSError as error:
        raise NotificationError(f"the webhook did not accept the message ({getattr(error, 'reason', error)})") from None


def _apprise(address: str) -> Any:
    if importlib.util.find_spec("apprise") is None:
        raise NotificationError(f"{VARIABLE} names a service of apprise: {places.pip_install('alerts')}")
    apprise = importlib.import_module("apprise")
    services = apprise.Apprise()
    if not services.add(address):
        raise NotificationError("apprise knows no such service; write for example mailtos://USER:PASSWORD@HOST")
    return services
