"""Passwords, stored as scrypt hashes."""

import hashlib
import re
import secrets
import unicodedata
from base64 import urlsafe_b64decode, urlsafe_b64encode

from mnist_pipeline.utils.reported import ReportedError

MIN_LENGTH = 12  # characters
# 16 MiB of memory and a fifth of a second per password: slow for guessing, and safe for the server.
COST, BLOCK_SIZE, PARALLELISM = 2**14, 8, 5
PREFIX = f"scrypt:{COST}:{BLOCK_SIZE}:{PARALLELISM}:"
HASH = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{22}}==:[A-Za-z0-9_-]{{43}}=")  # 16 and 32 bytes in base64


class PasswordError(ReportedError, ValueError):
    """A password that is too short, or a hash that `hash_password` did not return."""


def hash_password(password: str) -> str:
    """Hash a password: `scrypt:cost:block size:parallelism:salt:digest`, which needs no quotes in a shell."""
    if len(password) < MIN_LENGTH:
        raise PasswordError(f"the password has {len(password)} characters; it must have at least {MIN_LENGTH}")
    salt = secrets.token_bytes(16)
    return f"{PREFIX}{urlsafe_b64encode(salt).decode()}:{urlsafe_b64encode(_digest(password, salt)).decode()}"


def check_hash(hashed: str) -> str:
    """The hash; raises `PasswordError` unless the text has the format of a hash from `hash_password`."""
    if not HASH.fullmatch(hashed):
        raise PasswordError("it is not a hashed password; create one with mnist-pipeline hash-password")
    return hashed


def verify(password: str, hashed: str) -> bool:
    """Return whether the hash belongs to the password. The time does not depend on how much of it is right."""
    salt, digest = map(urlsafe_b64decode, hashed.split(":")[-2:])
    return secrets.compare_digest(_digest(password, salt), digest)


def _digest(password: str, salt: bytes) -> bytes:
    # Keyboards compose accented letters in different ways.
    normalized = unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")
    return hashlib.scrypt(normalized, salt=salt, n=COST, r=BLOCK_SIZE, p=PARALLELISM, maxmem=2**26, dklen=32)
