"""How the office proves who it is: password, then a code from an authenticator or a recovery code (9.1).

Codes run on real time; sessions and links on the program's clock.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from datetime import timedelta

import pyotp
from cryptography.fernet import InvalidToken
from flask import current_app
from sqlalchemy import Row, Select, delete, func, select, update

from pillar import clock, passwords
from pillar.config import Config
from pillar.errors import RuleViolation
from pillar.extensions import db
from pillar.models.staff import RecoveryCode, StaffStatus, StaffUser
from pillar.models.tenant import Tenant, TenantStatus
from pillar.permissions import Role
from pillar.sealed import DataKeys
from pillar.tenancy import across_tenants
from pillar.tokens import digest, same

RECOVERY_CODES = 10
HALF_LIFE = timedelta(minutes=5)
SETUP_LIFE = timedelta(minutes=30)
STEP_SECONDS = 30
# Letters that cannot be mistaken for one another (Crockford).
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LOOKALIKES = str.maketrans("OIL", "011")
_GROUPS, _GROUP = 4, 4
_WRONG_CODE = (
    "That code did not work. Type the newest six digits of your app, or a recovery code not used before."
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """The person whose e-mail was typed, as columns: no row of a company is loaded before it is bound."""

    tenant_id: int
    settings_version: int
    staff_id: int
    password_hash: str
    may_sign_in: bool
    may_set_password: bool


@dataclass(frozen=True, slots=True)
class HalfSignIn:
    """Somebody whose password was right and whose code is still to come."""

    candidate: Candidate
    next_path: str


def find_candidate(email: str) -> Candidate | None:
    """Look a person up by the e-mail they sign in with."""
    with across_tenants(db.session(), "an e-mail names its person before any company is known"):
        found = db.session.execute(_candidates().where(StaffUser.email == email)).one_or_none()
    return _candidate(found) if found else None


def accepts(candidate: Candidate | None, password: str) -> bool:
    """Whether this person may sign in with this password; the same work for nobody. Slow."""
    is_right = passwords.verify(candidate.password_hash if candidate else "", password)
    return is_right and candidate is not None and candidate.may_sign_in


def staff_of(candidate: Candidate) -> StaffUser:
    """The person, once their company is bound."""
    return db.session.scalars(select(StaffUser).where(StaffUser.id == candidate.staff_id)).one()


def seal_half(candidate: Candidate, next_path: str) -> str:
    """The state between the two steps, unreadable and good for five minutes while the password stays."""
    until = clock.now() + HALF_LIFE
    return _keys().seal(
        json.dumps([candidate.staff_id, digest(candidate.password_hash), until.timestamp(), next_path])
    )


def open_half(sealed: str) -> HalfSignIn | None:
    """Read it back; None when it is too old, not ours, or the person may no longer sign in."""
    try:
        staff_id, password_digest, until, next_path = json.loads(_keys().open(sealed))
    except (InvalidToken, ValueError):
        return None
    if until < clock.now().timestamp():
        return None
    with across_tenants(db.session(), "between the two steps no company is bound yet"):
        found = db.session.execute(_candidates().where(StaffUser.id == staff_id)).one_or_none()
    if found is None or digest(found.password_hash) != password_digest:
        return None
    candidate = _candidate(found)
    return HalfSignIn(candidate, next_path) if candidate.may_sign_in else None


def needs_totp(staff: StaffUser, *, company_requires: bool) -> bool:
    """Whether this person must set the second step up before anything else (9.1)."""
    config: Config = current_app.config["PILLAR_CONFIG"]
    is_required = company_requires or (config.is_production and staff.has_role(Role.ADMIN))
    return is_required and not staff.has_totp


def new_seed() -> str:
    """A fresh secret for an authenticator app."""
    return pyotp.random_base32()


def seal_setup(staff: StaffUser, seed: str) -> str:
    """Carry a seed through the form that confirms it, so that showing the page stores nothing."""
    until = clock.now() + SETUP_LIFE
    return _keys().seal(json.dumps([staff.public_id, seed, until.timestamp()]))


def open_setup(staff: StaffUser, sealed: str) -> str | None:
    """The seed from the form, if it was made for this person and is fresh."""
    try:
        public_id, seed, until = json.loads(_keys().open(sealed))
    except (InvalidToken, ValueError):
        return None
    return str(seed) if public_id == staff.public_id and until > clock.now().timestamp() else None


def setup_address(staff: StaffUser, seed: str) -> str:
    """What the QR code says to the authenticator app."""
    return pyotp.TOTP(seed).provisioning_uri(name=staff.email, issuer_name="Pillar")


def turn_totp_on(staff: StaffUser, seed: str, code: str) -> list[str]:
    """Start asking for codes, once one from the app fits; the recovery codes, to be shown this once."""
    step = _matching_step(seed, code)
    if step is None:
        raise RuleViolation(_WRONG_CODE, field="code")
    staff.totp_sealed = _keys().seal(seed)
    staff.totp_last_step = step
    staff.totp_confirmed_at = clock.now()
    staff.audit("staff.totp_on")
    return _replace_codes(staff)


def turn_totp_off(staff: StaffUser) -> None:
    """Stop asking for codes."""
    staff.totp_sealed, staff.totp_confirmed_at = "", None
    _delete_codes(staff)
    staff.audit("staff.totp_off")


def new_recovery_codes(staff: StaffUser) -> list[str]:
    """Ten new codes in place of the old ones."""
    staff.audit("staff.recovery_codes_made")
    return _replace_codes(staff)


def codes_left(staff: StaffUser) -> int:
    """How many recovery codes are unused."""
    query = select(func.count(RecoveryCode.id)).where(
        RecoveryCode.staff_id == staff.id, RecoveryCode.used_at.is_(None)
    )
    return db.session.scalar(query) or 0


def check_code(staff: StaffUser, typed: str) -> None:
    """Take a code from the app or a recovery code, each once. Raises RuleViolation."""
    code = "".join(typed.split()).replace("-", "").upper()
    if not (_take_totp(staff, code) or _take_recovery_code(staff, code)):
        raise RuleViolation(_WRONG_CODE, field="code")


def _take_totp(staff: StaffUser, code: str) -> bool:
    if not staff.has_totp:
        return False
    step = _matching_step(_keys().open(staff.totp_sealed), code)
    if step is None:
        return False
    # A time step is good once, also when two requests bring the same digits at the same moment.
    result = db.session.execute(
        update(StaffUser)
        .where(StaffUser.id == staff.id, StaffUser.totp_last_step < step)
        .values(totp_last_step=step),
        execution_options={"synchronize_session": False},
    )
    return bool(result.rowcount == 1)  # type: ignore[attr-defined]


def _matching_step(seed: str, code: str) -> int | None:
    """The step whose digits these are: this one, the one before or the next, for clocks that differ."""
    if not (code.isascii() and code.isdigit()):
        return None
    totp, now = pyotp.TOTP(seed), int(clock.real_now().timestamp()) // STEP_SECONDS
    near = (now, now - 1, now + 1)
    return next((step for step in near if same(totp.generate_otp(step), code)), None)


def _take_recovery_code(staff: StaffUser, code: str) -> bool:
    result = db.session.execute(
        update(RecoveryCode)
        .where(
            RecoveryCode.staff_id == staff.id,
            RecoveryCode.code_hash == _code_hash(code),
            RecoveryCode.used_at.is_(None),
        )
        .values(used_at=clock.now()),
        execution_options={"synchronize_session": False},
    )
    if result.rowcount != 1:  # type: ignore[attr-defined]
        return False
    staff.audit("staff.recovery_code_used")
    return True


def _replace_codes(staff: StaffUser) -> list[str]:
    _delete_codes(staff)
    codes = [
        "".join(secrets.choice(_ALPHABET) for _ in range(_GROUPS * _GROUP)) for _ in range(RECOVERY_CODES)
    ]
    db.session.add_all(RecoveryCode(staff_id=staff.id, code_hash=_code_hash(code)) for code in codes)
    return ["-".join(code[at : at + _GROUP] for at in range(0, len(code), _GROUP)) for code in codes]


def _delete_codes(staff: StaffUser) -> None:
    db.session.execute(
        delete(RecoveryCode).where(RecoveryCode.staff_id == staff.id),
        execution_options={"synchronize_session": False},
    )


def _code_hash(code: str) -> str:
    # 80 random bits each: nobody counts them through, so a plain digest does.
    return digest(code.translate(_LOOKALIKES))


def _candidates() -> Select[int, int, int, str, StaffStatus, TenantStatus]:
    return (
        select(
            Tenant.id.label("tenant_id"),
            Tenant.settings_version,
            StaffUser.id.label("staff_id"),
            StaffUser.password_hash,
            StaffUser.status,
            Tenant.status.label("company_status"),
        )
        .select_from(StaffUser)
        .join(Tenant, Tenant.id == StaffUser.tenant_id)
        .where(StaffUser.deleted_at.is_(None))
    )


def _candidate(row: Row[int, int, int, str, StaffStatus, TenantStatus]) -> Candidate:
    is_open = row.company_status is not TenantStatus.CLOSED
    return Candidate(
        tenant_id=row.tenant_id,
        settings_version=row.settings_version,
        staff_id=row.staff_id,
        password_hash=row.password_hash,
        may_sign_in=is_open and row.status is StaffStatus.ACTIVE,
        may_set_password=is_open and row.status is not StaffStatus.DISABLED,
    )


def _keys() -> DataKeys:
    keys: DataKeys = current_app.extensions["data_keys"]
    return keys
