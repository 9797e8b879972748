"""Links that carry their own proof: purpose, company, subject and end under an HMAC (1.11; SAFETY: Tokens).

`subject.end.signature`, short enough for a text message. The first key of the ring signs and all of them verify, so a
key is changed without breaking what was sent, and one that is taken out ends everything it signed.
"""

from __future__ import annotations

import hashlib
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from itsdangerous import BadSignature, Signer
from itsdangerous.signer import HMACAlgorithm

SHAPE = r"[A-Za-z0-9_-]{16,64}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{24}"
_SUBJECT = re.compile(r"[A-Za-z0-9_-]{16,64}")
_TOKEN = re.compile(SHAPE)
# 144 bits of SHA-256: a whole number of base64 characters, so that no other spelling of a signature verifies.
_SIGNATURE_BYTES, _SIGNATURE_CHARS = 18, 24
_END_BYTES = 4
_NEVER = 0


class LinkPurpose(StrEnum):
    """What a signed link opens; a link for one is worth nothing for another."""

    PORTAL = "portal"
    FILE = "file"
    UNSUBSCRIBE = "unsubscribe"


LIVES: dict[LinkPurpose, timedelta | None] = {
    LinkPurpose.PORTAL: timedelta(days=30),
    LinkPurpose.FILE: timedelta(minutes=15),
    LinkPurpose.UNSUBSCRIBE: None,
}


class NoSigningKey(Exception):
    """The ring is empty: nothing can be signed."""


@dataclass(frozen=True, slots=True)
class SignedLink:
    """What a genuine link says. `expires_at` is None for one that never ends."""

    subject: str
    expires_at: datetime | None

    def is_over(self, now: datetime) -> bool:
        """Whether its time has passed."""
        return self.expires_at is not None and now >= self.expires_at


def sign(
    ring: Sequence[str], purpose: LinkPurpose, tenant: str, subject: str, expires_at: datetime | None
) -> str:
    """The token. `tenant` and `subject` are public ids. Raises NoSigningKey without a key."""
    if not ring:
        raise NoSigningKey
    return _signer(ring, purpose, tenant).sign(_content(subject, expires_at)).decode()


def unsigned(subject: str, expires_at: datetime | None) -> str:
    """The same token with its signature blank: as long, and worth nothing. For texts that wait in the database."""
    return f"{_content(subject, expires_at)}.{'0' * _SIGNATURE_CHARS}"


def read(ring: Sequence[str], purpose: LinkPurpose, tenant: str, token: str) -> SignedLink | None:
    """What a token says, if one of the keys signed it for this purpose and company; its end is not looked at."""
    if not ring or not _TOKEN.fullmatch(token):
        return None
    try:
        content = _signer(ring, purpose, tenant).unsign(token).decode()
    except BadSignature:
        return None
    subject, end = content.split(".")
    seconds = int.from_bytes(urlsafe_b64decode(f"{end}=="))
    return SignedLink(subject, None if seconds == _NEVER else datetime.fromtimestamp(seconds, UTC))


def subject_of(token: str) -> str:
    """Whom a token claims to be about, unproven: only to find the row that says whose key to try."""
    return token.partition(".")[0]


class _ShortSignature(HMACAlgorithm):
    """HMAC cut to what a text message has room for (RFC 2104, section 5)."""

    def get_signature(self, key: bytes, value: bytes) -> bytes:
        return super().get_signature(key, value)[:_SIGNATURE_BYTES]


def _signer(ring: Sequence[str], purpose: LinkPurpose, tenant: str) -> Signer:
    digest: Any = hashlib.sha256
    # It signs with the last key of its list.
    return Signer(
        list(reversed(ring)),
        salt=f"pillar.signed-link.{purpose}.{tenant}",
        sep=".",
        key_derivation="hmac",
        digest_method=digest,
        algorithm=_ShortSignature(digest),
    )


def _content(subject: str, expires_at: datetime | None) -> str:
    if not _SUBJECT.fullmatch(subject):
        raise ValueError("A signed link is about something with a public id")
    seconds = _NEVER if expires_at is None else int(expires_at.timestamp())
    return f"{subject}.{urlsafe_b64encode(seconds.to_bytes(_END_BYTES)).decode().rstrip('=')}"
