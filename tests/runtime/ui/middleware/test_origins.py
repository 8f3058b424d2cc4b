"""Pages of other origins can't send anything to the UI."""

from collections.abc import Callable

import pytest
from support.attacks import EVIL, REPORT_ROUTE, UPGRADE, Attack, get, mutation
from support.served import HTML, Client, Headers

pytestmark = pytest.mark.slow

CROSS_SITE: Headers = {"Sec-Fetch-Site": "cross-site"}
TO_PAGE: Headers = CROSS_SITE | {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
OWN: Headers = {"Origin": "http://127.0.0.1:PORT"}
REQUESTS = [
    mutation(f"a mutation from {name}", 403, {"Origin": origin})
    for name, origin in {
        "another site": EVIL,
        "a sandboxed frame": "null",
        "another port of this host": "http://127.0.0.1:8888",
        "the same host over https": "https://127.0.0.1:PORT",
        "a host that begins like this one": "http://127.0.0.1:PORT.evil.example",
        "a host behind this one's name as a user": "http://127.0.0.1:PORT@evil.example",
        "a host that ends like this one": "http://evil-127.0.0.1:PORT",
        "another name of this host": "http://localhost:PORT",
        "an origin with a path": "http://127.0.0.1:PORT/",
        "an empty origin": "",
        "no origin": None,
        "a file": "file://",
    }.items()
] + [
    mutation("two origins", 403, {"Origin": ["http://127.0.0.1:PORT", EVIL]}),
    mutation("a cross-site request by its metadata", 403, CROSS_SITE),
    mutation("a same-site request by its metadata", 403, {"Sec-Fetch-Site": "same-site"}),
    Attack("a query from another site's page", 403, target=get(query="{version}"), changes={"Origin": EVIL}),
    Attack("a picture on another site's page", 403, changes=CROSS_SITE | {"Sec-Fetch-Dest": "image"}),
    Attack("a link of another site to a query", 403, target=get(query="{version}"), changes=TO_PAGE),
    Attack("a frame on another site's page", 403, changes=TO_PAGE | {"Sec-Fetch-Dest": "iframe"}),
    Attack("a form of another site sent to the UI", 403, "POST", changes=TO_PAGE),
    Attack("a preflight of another site", 403, "OPTIONS", "/graphql", {"Origin": EVIL}),
    Attack("a materialization reported by another site", 403, "POST", REPORT_ROUTE, {"Origin": EVIL}),
]

WEBSOCKETS = [
    Attack(f"a WebSocket {name}", 403, target="/graphql", changes=UPGRADE | changes)
    for name, changes in {
        "from another site": {"Origin": EVIL},
        "from a sandboxed frame": {"Origin": "null"},
        "from another port of this host": {"Origin": "http://127.0.0.1:8888"},
        "from another name of this host": {"Origin": "http://localhost:PORT"},
        "without an origin": {"Origin": None},
        "of a cross-site page by its metadata": OWN | CROSS_SITE,
        "of a same-site page by its metadata": OWN | {"Sec-Fetch-Site": "same-site"},
        "under a rebound name": {"Host": "evil.example:PORT", "Origin": "http://evil.example:PORT"},
        "without a session": OWN | {"Cookie": None},
        "with a forged session": OWN | {"Cookie": "mnist-pipeline-PORT=9999999999.a.b"},
    }.items()
]


@pytest.mark.parametrize("attack", [*REQUESTS, *WEBSOCKETS], ids=str)
def test_a_request_is_refused(attack: Attack, refuse: Callable[[Attack], None]) -> None:
    refuse(attack)


def test_a_link_of_another_site_leads_to_a_page(guarded: Client) -> None:
    assert guarded.send("GET", "/runs", TO_PAGE | {"Accept": HTML}).status == 200
