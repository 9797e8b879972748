"""The number a company texts from (9.4), and whose number it is when something comes in."""

from __future__ import annotations

from dataclasses import dataclass, field

from flask import current_app
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from pillar import phones
from pillar.config import Config
from pillar.errors import RuleViolation
from pillar.extensions import db
from pillar.models.phone_number import PhoneNumber, Registration
from pillar.sealed import DataKeys
from pillar.tenancy import across_tenants

_TAKEN = "This number cannot be used here. Check it, or ask whoever runs Pillar."
_REASON = "a vendor's account and number name the company"


@dataclass(frozen=True, slots=True)
class SenderInput:
    """What the office says about its sending number. An empty token keeps the one that is stored."""

    number: str
    registration: Registration = Registration.NONE
    messaging_service: str = ""
    account_sid: str = ""
    auth_token: str = field(default="", repr=False)


def current_sender() -> PhoneNumber | None:
    """The company's number, whether it may send already or not."""
    return db.session.scalars(select(PhoneNumber).order_by(PhoneNumber.id).limit(1)).one_or_none()


def save_sender(content: SenderInput) -> PhoneNumber:
    """Set the company's sending number. Raises RuleViolation for a bad number or one of another company."""
    number = current_sender() or PhoneNumber()
    before = {"number": number.e164, "registration": str(number.registration or "")}
    number.e164 = _e164(content.number)
    number.registration = content.registration
    number.messaging_service = content.messaging_service
    _set_account(number, content)
    try:
        with db.session.begin_nested():
            db.session.add(number)
            db.session.flush()
    except IntegrityError:
        raise RuleViolation(_TAKEN, field="number") from None
    number.audit(
        "phone_number.saved",
        before=before,
        number=number.e164,
        registration=number.registration.value,
        has_own_account=bool(number.account_sid),
    )
    return number


def remove_sender(number: PhoneNumber) -> None:
    """Stop texting from this number."""
    number.audit("phone_number.removed", number=number.e164)
    db.session.delete(number)


def auth_token(number: PhoneNumber) -> str:
    """The token of the company's own account; empty where the platform's is used."""
    return _keys().open(number.auth_token_sealed) if number.auth_token_sealed else ""


def tokens_of_account(session: Session, account_sid: str) -> tuple[str, ...]:
    """With which tokens Twilio may have signed for this account: the platform's, or those stored for it."""
    config: Config = current_app.config["PILLAR_CONFIG"]
    tokens = []
    if account_sid and account_sid == config.twilio_account_sid:
        tokens.append(config.twilio_auth_token)
    with across_tenants(session, _REASON):
        query = select(PhoneNumber.auth_token_sealed).where(
            PhoneNumber.account_sid == account_sid, PhoneNumber.auth_token_sealed != ""
        )
        sealed = session.scalars(query).all() if account_sid else ()
    return (*tokens, *(_keys().open(each) for each in dict.fromkeys(sealed)))


def company_of(session: Session, account_sid: str, e164: str, messaging_service: str = "") -> int | None:
    """The tenant whose number this is in this account; None when it is nobody's."""
    config: Config = current_app.config["PILLAR_CONFIG"]
    # The platform's numbers are stored without its account.
    account = "" if account_sid == config.twilio_account_sid else account_sid
    with across_tenants(session, _REASON):
        query = select(PhoneNumber.tenant_id).where(PhoneNumber.account_sid == account)
        if e164 and (found := session.scalar(query.where(PhoneNumber.e164 == e164))) is not None:
            return found
        if not messaging_service:
            return None
        owners = session.scalars(query.where(PhoneNumber.messaging_service == messaging_service)).all()
    return owners[0] if len(set(owners)) == 1 else None


def _set_account(number: PhoneNumber, content: SenderInput) -> None:
    if not content.account_sid:
        number.account_sid = number.auth_token_sealed = ""
        return
    if content.auth_token:
        number.auth_token_sealed = _keys().seal(content.auth_token)
    elif number.account_sid != content.account_sid or not number.auth_token_sealed:
        raise RuleViolation("Type the auth token of this account.", field="auth_token")
    number.account_sid = content.account_sid


def _e164(typed: str) -> str:
    e164 = phones.parse(typed).e164
    if not e164:
        raise RuleViolation("Type a phone number such as (937) 555-0142.", field="number")
    return e164


def _keys() -> DataKeys:
    keys: DataKeys = current_app.extensions["data_keys"]
    return keys
