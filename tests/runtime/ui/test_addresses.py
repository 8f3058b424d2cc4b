"""Where the UI listens, and under which names."""

from __future__ import annotations

import pytest

from mnist_pipeline.runtime.ui.addresses import AddressError, Served


@pytest.mark.parametrize("host", ["127.0.0.1:3000", "localhost:3000", "LOCALHOST:3000", "[::1]:3000"])
def test_on_loopback_the_names_of_loopback_are_served(host: str) -> None:
    assert Served().origins(host) == {f"http://{host.lower()}"}


@pytest.mark.parametrize(
    "host", ["", "localhost", "127.0.0.1", "localhost:3001", "evil.example:3000", "192.0.2.7:3000", "localhost:3000 "]
)
def test_no_other_name_or_port_is(host: str) -> None:
    assert not Served().origins(host)


def test_on_another_address_that_address_is_served_and_the_names_of_loopback_are_not() -> None:
    served = Served("192.0.2.7", 3000)
    assert served.origins("192.0.2.7:3000") == {"http://192.0.2.7:3000"}
    assert not served.origins("localhost:3000")
    assert Served("2001:db8::7").origins("[2001:db8::7]:3000") == {"http://[2001:db8::7]:3000"}


def test_on_every_address_a_name_has_to_be_allowed() -> None:
    assert not Served("0.0.0.0").origins("192.0.2.7:3000")
    assert Served("0.0.0.0", allowed_hosts=("192.0.2.7",)).origins("192.0.2.7:3000")
    assert Served("::").origins("localhost:3000")


def test_an_allowed_name_stands_for_a_tls_terminator_too() -> None:
    served = Served(allowed_hosts=("Digits.Example.org", "localhost:8080"))
    assert served.origins("digits.example.org") == {"http://digits.example.org", "https://digits.example.org"}
    assert served.origins("digits.example.org:3000")
    assert not served.origins("digits.example.org:8080")
    assert served.origins("localhost:8080") == {"http://localhost:8080", "https://localhost:8080"}


def test_browsers_leave_out_port_80() -> None:
    assert Served(port=80).origins("localhost") == {"http://localhost"}


@pytest.mark.parametrize(
    ("host", "loopback", "url"),
    [
        ("127.0.0.1", True, "http://127.0.0.1:3000"),
        ("localhost", True, "http://127.0.0.1:3000"),
        ("::1", True, "http://[::1]:3000"),
        ("0.0.0.0", False, "http://0.0.0.0:3000"),
        ("192.0.2.7", False, "http://192.0.2.7:3000"),
    ],
)
def test_only_loopback_is_loopback(host: str, loopback: bool, url: str) -> None:
    assert (Served(host).loopback, Served(host).url) == (loopback, url)


@pytest.mark.parametrize("host", ["", "example.org", "127.0.0.1:3000", "http://127.0.0.1"])
def test_a_host_that_is_no_address_is_refused_by_name(host: str) -> None:
    with pytest.raises(AddressError, match="--host"):
        Served(host)


@pytest.mark.parametrize("name", ["", "*", "*.example.org", "http://example.org", "example.org/", "a b", ":80", "a@b"])
def test_an_allowed_host_that_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(AddressError, match="--allowed-host"):
        Served(allowed_hosts=(name,))
