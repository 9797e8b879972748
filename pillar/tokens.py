"""Random secrets and what is kept of them."""

from __future__ import annotations

import hashlib
import hmac
import secrets

PUBLIC_ID_BYTES = 16
TOKEN_BYTES = 32
# Crockford's base 32: no I, L, O or U, so nothing is mistaken for a digit or reads as a word.
CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def public_id() -> str:
    """A random name (128 bits, 22 URL-safe characters) under which a row is known outside."""
    return secrets.token_urlsafe(PUBLIC_ID_BYTES)


def document_token() -> str:
    """A document's own link token: 128 random bits, short enough for a text message."""
    return secrets.token_urlsafe(PUBLIC_ID_BYTES)


def certificate_id() -> str:
    """A signature's record number: 130 random bits as 26 characters that can be read out over the telephone."""
    return "".join(secrets.choice(CROCKFORD) for _ in range(26))


def sign_in_token() -> str:
    """256 random bits for sessions, resets and sign-in links; only `digest` of it is stored."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def digest(token: str) -> str:
    """SHA-256 of a token, hex: what the database keeps. 256 random bits need no salt."""
    return hashlib.sha256(token.encode()).hexdigest()


def same(left: str, right: str) -> bool:
    """Compare two secrets in constant time."""
    return hmac.compare_digest(left.encode(), right.encode())


def keyed_digest(secret: str, purpose: str, text: str) -> str:
    """HMAC of a short text, a key for each purpose: whoever holds only the database cannot try words on it."""
    key = hmac.digest(secret.encode(), purpose.encode(), "sha256")
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
