"""The address that the UI listens on, and the host names that it answers to."""

import pytest

from mnist_pipeline.runtime.ui.addresses import Address, AddressError


def test_on_loopback_the_ui_answers_only_to_the_names_of_loopback_with_its_port() -> None:
    for host in ("127.0.0.1:3000", "localhost:3000", "LOCALHOST:3000", "[::1]:3000"):
        assert Address().origins(host) == (f"http://{host.lower()}",)
    for host in ("", "localhost", "localhost:3001", "evil.example:3000", "192.0.2.7:3000", "localhost:3000 "):
        assert not Address().origins(host)
    assert Address(port=80).origins("localhost") == ("http://localhost",)  # browsers omit port 80


def test_on_another_address_the_ui_answers_to_it_and_not_to_loopback() -> None:
    assert Address("192.0.2.7").origins("192.0.2.7:3000") == ("http://192.0.2.7:3000",)
    assert not Address("192.0.2.7").origins("localhost:3000")
    assert Address("2001:db8::7").origins("[2001:db8::7]:3000") == ("http://[2001:db8::7]:3000",)


def test_on_all_addresses_a_name_must_be_allowed() -> None:
    assert not Address("0.0.0.0").origins("192.0.2.7:3000")
    assert Address("0.0.0.0", allowed_hosts=("192.0.2.7",)).origins("192.0.2.7:3000")
    assert Address("::").origins("localhost:3000")


def test_an_allowed_host_may_be_a_tls_terminator() -> None:
    address = Address(allowed_hosts=("Digits.Example.org", "localhost:8080"))
    assert address.origins("digits.example.org") == ("http://digits.example.org", "https://digits.example.org")
    assert address.origins("digits.example.org:3000")
    assert not address.origins("digits.example.org:8080")
    assert address.origins("localhost:8080") == ("http://localhost:8080", "https://localhost:8080")


@pytest.mark.parametrize(
    ("host", "loopback", "url"),
    [
        ("127.0.0.1", True, "http://127.0.0.1:3000"),
        ("localhost", True, "http://127.0.0.1:3000"),
        ("::1", True, "http://[::1]:3000"),
        ("127.0.0.2", True, "http://127.0.0.2:3000"),
        ("::ffff:127.0.0.2", True, "http://127.0.0.2:3000"),
        ("0.0.0.0", False, "http://127.0.0.1:3000"),
        ("::", False, "http://[::1]:3000"),
        ("192.0.2.7", False, "http://192.0.2.7:3000"),
    ],
)
def test_only_loopback_is_loopback(host: str, loopback: bool, url: str) -> None:
    address = Address(host)
    assert (address.is_loopback, address.url) == (loopback, url)
    assert address.origins(url.removeprefix("http://")) == (url,)


@pytest.mark.parametrize("host", ["", "example.org", "127.0.0.1:3000", "http://127.0.0.1", "localhost1"])
def test_a_host_that_is_no_address_is_refused(host: str) -> None:
    with pytest.raises(AddressError, match="--host"):
        Address(host)


@pytest.mark.parametrize("name", ["", "*.example.org", "http://example.org", "example.org/", "a b", ":80", "a@b"])
def test_a_malformed_allowed_host_is_refused(name: str) -> None:
    with pytest.raises(AddressError, match="--allowed-host"):
        Address(allowed_hosts=(name,))
