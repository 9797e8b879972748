"""What a visitor types at the front door, and the one row that it becomes, known or not (1.8).

The web writes the same row after the same work whatever was typed; a worker looks who it is
(`pillar.services.lookup_answers`). Nothing that a visitor sees depends on what is found.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from flask import current_app
from sqlalchemy import delete, update

from pillar import clock, emails, phones
from pillar.config import Config
from pillar.errors import RuleViolation
from pillar.extensions import db
from pillar.models.portal import LOOKUP_LIFE, LookupPurpose, LookupRequest
from pillar.sealed import DataKeys
from pillar.tenancy import across_tenants, current_tenant_id
from pillar.text import clean_line
from pillar.tokens import keyed_digest

MAX_TYPED = 254
_KEY_OF_ADDRESSES = "portal lookup: address"


class AddressKind(StrEnum):
    """How somebody can be reached at what they typed."""

    EMAIL = "email"
    PHONE = "phone"
    NEITHER = "neither"


@dataclass(frozen=True, slots=True)
class Typed:
    """What a visitor typed, in its one spelling."""

    kind: AddressKind
    value: str

    def digest(self) -> str:
        """The name of this address in limits and in the table: without our key it tells nothing."""
        config: Config = current_app.config["PILLAR_CONFIG"]
        text = f"{current_tenant_id()}:{self.kind}:{self.value}"
        return keyed_digest(config.secret_key, _KEY_OF_ADDRESSES, text)

    def seal(self) -> str:
        """For the row and for the asking browser: only we can read it back."""
        return _keys().seal(f"{self.kind}:{self.value}")


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that was written: its name, and its address sealed."""

    public_id: str
    sealed: str


def understand(typed: str) -> Typed:
    """E-mail or telephone number in any spelling; what is neither is kept as it is and finds nobody."""
    line = clean_line(typed)[:MAX_TYPED]
    if "@" in line:
        try:
            return Typed(AddressKind.EMAIL, emails.normalized(line))
        except RuleViolation:
            return Typed(AddressKind.NEITHER, line.lower())
    number = phones.parse(line).e164
    return Typed(AddressKind.PHONE, number) if number else Typed(AddressKind.NEITHER, line.lower())


def unseal(sealed: str) -> Typed:
    """What was sealed. Raises cryptography's InvalidToken for anything else."""
    kind, _colon, value = _keys().open(sealed).partition(":")
    return Typed(AddressKind(kind), value)


def ask(purpose: LookupPurpose, typed: Typed) -> Asked:
    """Write the request; it ends what was asked for the same address before. Known and unknown are the same work."""
    now, address = clock.now(), typed.digest()
    db.session.execute(
        update(LookupRequest)
        .where(
            LookupRequest.address_digest == address,
            LookupRequest.purpose == purpose,
            LookupRequest.ended_at.is_(None),
        )
        .values(ended_at=now),
        execution_options={"synchronize_session": False},
    )
    request = LookupRequest(
        purpose=purpose,
        typed_sealed=typed.seal(),
        address_digest=address,
        expires_at=now + LOOKUP_LIFE,
    )
    db.session.add(request)
    db.session.flush()
    return Asked(request.public_id, request.typed_sealed)


def is_open(request: LookupRequest) -> bool:
    """Whether somebody still waits for the answer: asked within ten minutes, and not again since."""
    return request.ended_at is None and clock.now() <= request.expires_at


def forget_old(before: datetime) -> int:
    """Delete requests, and with them their links, that ended before this; for the scheduler. How many there were."""
    with across_tenants(db.session(), "old lookups of every company"):
        result = db.session.execute(
            delete(LookupRequest).where(LookupRequest.expires_at < before),
            execution_options={"synchronize_session": False},
        )
    return int(result.rowcount)  # type: ignore[attr-defined]


def _keys() -> DataKeys:
    keys: DataKeys = current_app.extensions["data_keys"]
    return keys
