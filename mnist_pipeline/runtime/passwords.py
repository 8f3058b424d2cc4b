"""Passwords, stored as scrypt hashes."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import unicodedata

MIN_LENGTH = 12  # characters
SALT_LENGTH, DIGEST_LENGTH = 16, 32  # bytes
# 16 MiB of memory and a fifth of a second per password: slow for guessing, and safe for the server.
COST, BLOCK_SIZE, PARALLELISM = 2**14, 8, 5
PREFIX = f"scrypt:{COST}:{BLOCK_SIZE}:{PARALLELISM}:"
HASH = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{22}}==:[A-Za-z0-9_-]{{43}}=")


class PasswordError(ValueError):
    """A password that is too short, or a hash that `hash_password` did not return."""


def hash_password(password: str) -> str:
    """Hash a password: `scrypt:cost:block size:parallelism:salt:digest`, where a shell needs no quotes."""
    if len(password) < MIN_LENGTH:
        raise PasswordError(f"the password has {len(password)} characters; it must have at least {MIN_LENGTH}")
    salt = secrets.token_bytes(SALT_LENGTH)
    return PREFIX + ":".join(base64.urlsafe_b64encode(part).decode() for part in (salt, _digest(password, salt)))


def check_hash(hashed: str) -> None:
    """Raise `PasswordError` unless `hash_password` may have returned this."""
    if not HASH.fullmatch(hashed):
        raise PasswordError("it is not a hashed password; create one with mnist-pipeline hash-password")


def verify(password: str, hashed: str) -> bool:
    """Whether the hash is of this password. The time does not depend on how much of it is right."""
    salt, digest = (base64.urlsafe_b64decode(part) for part in hashed.split(":")[-2:])
    return hmac.compare_digest(_digest(password, salt), digest)


def _digest(password: str, salt: bytes) -> bytes:
    # Keyboards compose accented letters in different ways.
    normalized = unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")
    options = {"n": COST, "r": BLOCK_SIZE, "p": PARALLELISM, "maxmem": 2**26, "dklen": DIGEST_LENGTH}
    return hashlib.scrypt(normalized, salt=salt, **options)
