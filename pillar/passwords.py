"""Passwords: argon2id with 19 MiB, two passes, one lane (SAFETY: Sessions and roles).

Hashing takes tens of milliseconds on purpose: do it outside the write transaction (`database.reading`).
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from pillar.errors import RuleViolation

MIN_LENGTH = 10
MAX_LENGTH = 200

_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


def check_length(password: str) -> None:
    """Refuse what is too short to protect anybody, or too long to be a password."""
    if len(password) < MIN_LENGTH:
        raise RuleViolation(f"Use at least {MIN_LENGTH} characters.", field="password")
    if len(password) > MAX_LENGTH:
        raise RuleViolation(f"Use at most {MAX_LENGTH} characters.", field="password")


def hash_password(password: str) -> str:
    """What is stored of a password."""
    return _hasher.hash(_bytes(password))


def verify(hashed: str, password: str) -> bool:
    """Whether this is the password. Without a hash it is not, after the same work."""
    try:
        _hasher.verify(hashed or _nobodys_hash(), _bytes(password[: MAX_LENGTH + 1]))
    except (VerificationError, InvalidHashError):
        return False
    return bool(hashed)


def _bytes(password: str) -> bytes:
    # The same letters may arrive composed or not, depending on the keyboard.
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")


@lru_cache(maxsize=1)
def _nobodys_hash() -> str:
    """A hash to work on for people who do not exist."""
    return _hasher.hash(b"nobody's password")
