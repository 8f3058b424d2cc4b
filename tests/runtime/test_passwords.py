"""Passwords, stored as hashes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mnist_pipeline.runtime import passwords

PASSWORD = "zwölf oder mehr Zeichen"


@pytest.fixture(scope="module")
def hashed() -> str:
    return passwords.hash_password(PASSWORD)


def test_only_the_right_password_is_accepted(hashed: str) -> None:
    assert passwords.verify(PASSWORD, hashed)
    for other in ("", PASSWORD[:-1], f"{PASSWORD} ", PASSWORD.upper(), hashed, "\ud800"):
        assert not passwords.verify(other, hashed)


def test_composed_and_decomposed_letters_are_the_same(hashed: str) -> None:
    assert passwords.verify(PASSWORD.replace("ö", "o\u0308"), hashed)


def test_hashes_have_a_random_salt(hashed: str) -> None:
    assert passwords.hash_password(PASSWORD) != hashed


def test_a_hash_needs_no_quotes_in_a_shell(hashed: str) -> None:
    assert set(hashed) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-_=")
    assert hashed.startswith("scrypt:16384:8:5:")


def test_a_short_password_is_refused() -> None:
    with pytest.raises(passwords.PasswordError):
        passwords.hash_password("x" * 11)


@pytest.mark.parametrize(
    "damaged",
    [
        lambda hashed: "",
        lambda hashed: PASSWORD,
        lambda hashed: hashed.replace("scrypt", "md5"),
        lambda hashed: hashed.replace(":16384:", ":16383:"),
        lambda hashed: hashed.replace(":16384:", ":2:"),
        lambda hashed: hashed.replace(":16384:", f":{2**30}:"),
        lambda hashed: hashed.replace(":8:", ":0:"),
        lambda hashed: hashed.replace(":5:", ":-5:"),
        lambda hashed: hashed.rpartition(":")[0],
        lambda hashed: hashed[:-8],
        lambda hashed: hashed + ":x",
    ],
)
def test_a_malformed_hash_is_refused(damaged: Callable[[str], str], hashed: str) -> None:
    with pytest.raises(passwords.PasswordError):
        passwords.check_hash(damaged(hashed))
