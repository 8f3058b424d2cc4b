"""The UI answers only to its own names, and only at plain paths."""

from collections.abc import Callable
from pathlib import Path

import pytest
from support.attacks import Attack, mutation, posted
from support.served import Client

pytestmark = pytest.mark.slow

REBINDING = [
    mutation(f"a mutation under {name}", status, {"Host": host, "Origin": f"http://{host}"})
    for name, host, status in [
        ("a rebound name", "evil.example:PORT", 421),
        ("a rebound name without port", "evil.example", 421),
        ("a name that resolves to loopback", "127.0.0.1.nip.io:PORT", 421),
        ("the address without port", "127.0.0.1", 421),
        ("the address with another port", "127.0.0.1:1", 421),
        ("localhost with a trailing dot", "localhost.:PORT", 421),
        ("the unspecified address", "0.0.0.0:PORT", 421),
        ("the address as one number", "2130706433:PORT", 421),
        ("a subdomain of localhost", "evil.localhost:PORT", 421),
        ("a name with a user", "127.0.0.1:PORT@evil.example", 421),
    ]
] + [
    Attack("the UI under a rebound name", 421, changes={"Host": "evil.example:PORT"}),
    Attack("the login page under a rebound name", 421, target="/login", changes={"Host": "evil.example:PORT"}),
    Attack(
        "a rebound name with the right one as forwarded",
        421,
        changes={"Host": "evil.example", "X-Forwarded-Host": "127.0.0.1:PORT", "Forwarded": "host=127.0.0.1:PORT"},
    ),
    Attack("two hosts", 400, changes={"Host": ["127.0.0.1:PORT", "evil.example"]}),
    Attack("no host", 421, changes={"Host": None}, version="1.0"),
    Attack("another host in the request line", 404, target="http://evil.example/graphql?query={version}"),
]

TRAVERSALS = [
    Attack(f"the path {target}", status, target=target)
    for target, status in {
        "/logs/../dagster/yaml": 400,
        "/logs/..%2fdagster/yaml": 400,
        "/logs/%2e%2e/dagster/yaml": 400,
        "/logs/%2e%2e%2fdagster/yaml": 400,
        "/logs/%252e%252e%252fdagster/yaml": 400,
        "/logs/..%5cdagster/yaml": 400,
        "/logs/%2fetc/passwd/x": 400,
        "/logs//etc/passwd/x": 400,
        "/logs/a%00b/out": 400,
        "/logs/a%0d%0aSet-Cookie:x/out": 404,
        "/logs/./../../history/runs/db": 400,
        "/logs/dagster/yaml": 404,
        "/download_debug/..%2f..%2fdagster.yaml": 400,
        "/download_debug/%2e%2e": 400,
        "/notebook?repoLocName=mnist-pipeline&path=/etc/passwd.ipynb": 404,
        "/notebook?repoLocName=mnist-pipeline&path=..%2f..%2fx.ipynb": 404,
        "/dagit/notebook?repoLocName=mnist-pipeline&path=docs/x.ipynb": 404,
        "/%6eotebook?repoLocName=mnist-pipeline&path=x.ipynb": 404,
        "/_next/static/../../../../../etc/passwd": 400,
        "/_next/%2e%2e/%2e%2e/%2e%2e/webserver.py": 400,
        "/vendor/..%2fcsp-header.txt": 400,
        "/vendor/%c0%ae%c0%ae/csp-header.txt": 404,
        "/vendor/%2fetc/passwd": 400,
        "//evil.example/%2e%2e": 400,
    }.items()
]


@pytest.mark.parametrize("attack", [*REBINDING, *TRAVERSALS], ids=str)
def test_a_request_is_refused(attack: Attack, refuse: Callable[[Attack], None]) -> None:
    refuse(attack)


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "[::1]"])
def test_each_name_of_this_machine_gets_an_answer(name: str, guarded: Client) -> None:
    own = {"Host": f"{name}:PORT", "Origin": f"http://{name}:PORT"}
    assert guarded.send("POST", "/graphql", {**own}, posted("{version}")).status == 200


@pytest.mark.usefixtures("guarded")
def test_no_other_user_can_connect_to_the_code_server() -> None:
    paths = [Path(line.split()[-1]) for line in Path("/proc/net/unix").read_text().splitlines()[1:]]
    sockets = [path for path in paths if path.is_absolute() and "mnist-pipeline-" in str(path)]
    assert sockets
    assert all(any(parent.stat().st_mode & 0o077 == 0 for parent in path.parents) for path in sockets)
