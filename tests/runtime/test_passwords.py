"""Passwords, kept as hashes."""

from __future__ import annotations

import pytest

from mnist_pipeline.runtime import passwords

PASSWORD = "zwölf oder mehr Zeichen"


@pytest.fixture(scope="module")
def hashed() -> str:
    return passwords.hash_password(PASSWORD)


def test_a_hash_knows_its_password_and_no_other(hashed: str) -> None:
    assert passwords.verify(PASSWORD, hashed)
    for other in ("", PASSWORD[:-1], f"{PASSWORD} ", PASSWORD.upper(), hashed, "\ud800"):
        assert not passwords.verify(other, hashed)


def test_a_password_is_the_same_however_its_letters_are_composed(hashed: str) -> None:
    assert passwords.verify(PASSWORD.replace("ö", "o\u0308"), hashed)


def test_the_same_password_has_another_hash_each_time(hashed: str) -> None:
    assert passwords.hash_password(PASSWORD) != hashed


def test_a_hash_needs_no_quotes_in_a_shell_and_does_not_hold_the_password(hashed: str) -> None:
    assert set(hashed) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-_=")
    assert hashed.startswith("scrypt:16384:8:5:")


def test_a_short_password_is_refused_with_its_length_and_the_one_needed() -> None:
    with pytest.raises(passwords.PasswordError, match="has 11 characters; take 12 or more"):
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
def test_what_is_no_hash_is_refused_with_how_to_make_one(damaged: object, hashed: str) -> None:
    assert callable(damaged)
    with pytest.raises(passwords.PasswordError, match="mnist-pipeline hash-password"):
        passwords.parse(damaged(hashed))
