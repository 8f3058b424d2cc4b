"""A password kept as its scrypt hash, in one string without characters that a shell would read."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import unicodedata
from typing import NamedTuple

# 16 MiB and five passes, a fifth of a second: dear for who guesses, and no way to exhaust the memory.
COST, BLOCK_SIZE, PARALLELISM = 2**14, 8, 5
MIN_COST = 2**10
MAX_MEMORY = 2**28  # bytes
SALT_LENGTH = 16
DIGEST_LENGTH = 32
MIN_LENGTH = 12
NOT_A_HASH = "it is not a hashed password; make one with mnist-pipeline hash-password"


class PasswordError(ValueError):
    """A password is too short, or a hash is not one; the message says what is wrong and what to do."""


class Hash(NamedTuple):
    """The parts of a hashed password."""

    cost: int
    block_size: int
    parallelism: int
    salt: bytes
    digest: bytes


def hash_password(password: str) -> str:
    """`scrypt:cost:block size:parallelism:salt:digest`, the last two in URL-safe base64.

    Raises
    ------
    PasswordError
        If the password is shorter than 12 characters.
    """
    if len(password) < MIN_LENGTH:
        raise PasswordError(f"the password has {len(password)} characters; take {MIN_LENGTH} or more")
    salt = secrets.token_bytes(SALT_LENGTH)
    digest = _digest(password, Hash(COST, BLOCK_SIZE, PARALLELISM, salt, b""))
    encoded = (base64.urlsafe_b64encode(part).decode() for part in (salt, digest))
    return ":".join(["scrypt", *map(str, (COST, BLOCK_SIZE, PARALLELISM)), *encoded])


def verify(password: str, hashed: str) -> bool:
    """Whether this is the password, in a time that doesn't depend on how much of it is right."""
    expected = parse(hashed)
    return hmac.compare_digest(_digest(password, expected), expected.digest)


def parse(hashed: str) -> Hash:
    """The parts of a hash that `hash_password` made.

    Raises
    ------
    PasswordError
        If it is not one, or takes more memory than a login may.
    """
    try:
        scheme, cost, block_size, parallelism, salt, digest = hashed.split(":")
        parts = Hash(int(cost), int(block_size), int(parallelism), *map(base64.urlsafe_b64decode, (salt, digest)))
    except (ValueError, binascii.Error):
        raise PasswordError(NOT_A_HASH) from None
    well_made = (
        scheme == "scrypt"
        and len(parts.salt) >= SALT_LENGTH
        and len(parts.digest) == DIGEST_LENGTH
        and MIN_COST <= parts.cost == 1 << (parts.cost.bit_length() - 1)
        and min(parts.block_size, parts.parallelism) >= 1
        and 128 * parts.cost * parts.block_size * parts.parallelism < MAX_MEMORY
    )
    if not well_made:
        raise PasswordError(NOT_A_HASH)
    return parts


def _digest(password: str, parts: Hash) -> bytes:
    return hashlib.scrypt(
        unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass"),
        salt=parts.salt,
        n=parts.cost,
        r=parts.block_size,
        p=parts.parallelism,
        maxmem=MAX_MEMORY,
        dklen=DIGEST_LENGTH,
    )
