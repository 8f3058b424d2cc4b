"""Passwords, stored as hashes."""

import pytest

from mnist_pipeline.runtime import passwords

PASSWORD = "zwölf oder mehr Zeichen"
HASHED = passwords.hash_password(PASSWORD)


def test_only_the_right_password_is_accepted() -> None:
    assert passwords.verify(PASSWORD, HASHED)
    assert passwords.verify(PASSWORD.replace("ö", "o\u0308"), HASHED), "a decomposed letter is the same"
    for other in ("", PASSWORD[:-1], f"{PASSWORD} ", PASSWORD.upper(), HASHED, "\ud800"):
        assert not passwords.verify(other, HASHED)


def test_a_hash_has_a_random_salt_and_needs_no_quotes_in_a_shell() -> None:
    assert passwords.hash_password(PASSWORD) != HASHED
    assert set(HASHED) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-_=")
    assert HASHED.startswith("scrypt:16384:8:5:")
    passwords.check_hash(HASHED)


def test_a_short_password_is_refused() -> None:
    with pytest.raises(passwords.PasswordError):
        passwords.hash_password("x" * 11)


@pytest.mark.parametrize(
    "damaged",
    [
        "",
        PASSWORD,
        HASHED.replace("scrypt", "md5"),
        HASHED.replace(":16384:", f":{2**30}:"),
        HASHED.replace(":8:", ":0:"),
        HASHED.rpartition(":")[0],
        HASHED[:-8],
        HASHED + ":x",
    ],
    ids=range(8),  # hashes are random, and workers of pytest-xdist compare names
)
def test_a_malformed_hash_is_refused(damaged: str) -> None:
    with pytest.raises(passwords.PasswordError):
        passwords.check_hash(damaged)
