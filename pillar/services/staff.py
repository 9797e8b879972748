"""The people of the office: invited, given roles, disabled; and the links with which they set a password."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from sqlalchemy import Select, delete, select, update
from sqlalchemy.exc import IntegrityError

from pillar import clock, emails
from pillar.errors import RuleViolation
from pillar.extensions import db
from pillar.models.audit import entity_of
from pillar.models.message import Message, Purpose
from pillar.models.staff import SignInSession, StaffStatus, StaffToken, StaffTokenPurpose, StaffUser
from pillar.passwords import check_length, hash_password
from pillar.permissions import Role
from pillar.services import messages
from pillar.services.links import absolute
from pillar.tenancy import across_tenants
from pillar.tokens import digest, public_id, sign_in_token

INVITE_LIFE = timedelta(hours=72)
RESET_LIFE = timedelta(hours=1)
# Says nothing about whose it is: it may be another company's.
_TAKEN = "That email address cannot be used here. Use another one."
_LAST_ADMIN = "A company needs at least one active admin. Make someone else an admin first."


def create_staff(*, email: str, name: str, roles: Iterable[str], password: str | None = None) -> StaffUser:
    """Add a person to the bound company: with a password active at once, without one invited by mail."""
    if password is not None:
        check_length(password)
    hashed = hash_password(password) if password is not None else ""
    person = StaffUser(
        email=emails.normalized(email),
        name=_named(name),
        roles=checked_roles(roles),
        status=StaffStatus.ACTIVE if hashed else StaffStatus.INVITED,
        password_hash=hashed,
    )
    try:
        with db.session.begin_nested():
            db.session.add(person)
    except IntegrityError:
        raise RuleViolation(_TAKEN, field="email") from None
    person.audit("staff.created", email=person.email, name=person.name, roles=person.roles)
    return person


def invite_staff(*, email: str, name: str, roles: Iterable[str]) -> StaffUser:
    """Add a person and mail the link with which they set their password."""
    person = create_staff(email=email, name=name, roles=roles)
    send_link(person)
    return person


def rename_staff(person: StaffUser, name: str) -> None:
    """Correct a person's name."""
    if person.name != name:
        before, person.name = person.name, _named(name)
        person.audit("staff.renamed", before=before, after=person.name)


def change_alerts(person: StaffUser, *, in_app: bool, by_email: bool) -> None:
    """Where a person wants to be told what happens."""
    if (person.alerts_in_app, person.alerts_by_email) != (in_app, by_email):
        person.alerts_in_app, person.alerts_by_email = in_app, by_email
        person.audit("staff.alerts_changed", in_app=in_app, by_email=by_email)


def change_roles(person: StaffUser, roles: Iterable[str]) -> None:
    """Give a person other roles; what they may do changes with their next click."""
    wanted = checked_roles(roles)
    if wanted == sorted(person.roles):
        return
    if Role.ADMIN.value not in wanted:
        _keep_an_admin(person)
    before, person.roles = person.roles, wanted
    person.audit("staff.roles_changed", before=before, after=wanted)


def disable_staff(person: StaffUser) -> None:
    """Shut a person out, at once and everywhere."""
    _keep_an_admin(person)
    person.status = StaffStatus.DISABLED
    end_sessions(person)
    _spend_tokens(person)
    person.audit("staff.disabled")


def enable_staff(person: StaffUser) -> None:
    """Let a person in again. Whoever never had a password gets a new link."""
    person.status = StaffStatus.ACTIVE
    if not person.password_hash:
        send_link(person)
    person.audit("staff.enabled")


def end_sessions(person: StaffUser) -> None:
    """Sign a person out everywhere."""
    db.session.execute(
        delete(SignInSession).where(SignInSession.staff_id == person.id),
        execution_options={"synchronize_session": False},
    )


def send_link(person: StaffUser) -> Message:
    """Ask for the mail with a link to set a password. The link is made when the mail is sent."""
    if person.status is StaffStatus.DISABLED:
        raise RuleViolation("This person is disabled. Let them in again first.")
    return messages.compose(
        "staff_reset" if person.password_hash else "staff_invite",
        to_address=person.email,
        to_name=person.name,
        purpose=Purpose.SECURITY,
        about=entity_of(person),
        dedupe_key=f"staff_link:{public_id()}",
    )


def reset_link(person: StaffUser) -> str:
    """A new address to set a password at; the mail's worker asks for one at each attempt to send."""
    token = sign_in_token()
    is_new = not person.password_hash
    db.session.add(
        StaffToken(
            staff_id=person.id,
            purpose=StaffTokenPurpose.INVITE if is_new else StaffTokenPurpose.RESET,
            token_hash=digest(token),
            expires_at=clock.now() + (INVITE_LIFE if is_new else RESET_LIFE),
        )
    )
    return absolute(f"/admin/reset/{token}")


def is_good_token(token: str) -> bool:
    """Whether a mailed link would still set a password."""
    with across_tenants(db.session(), "only the token says whose company it is"):
        return db.session.scalar(_good_token(token)) is not None


def redeem_token(token: str) -> int | None:
    """Spend a mailed token; the id of its tenant, or None when it is no longer good."""
    now = clock.now()
    with across_tenants(db.session(), "only the token says whose company it is"):
        return db.session.scalar(
            update(StaffToken)
            .where(
                StaffToken.token_hash == digest(token),
                StaffToken.used_at.is_(None),
                StaffToken.expires_at > now,
            )
            .values(used_at=now)
            .returning(StaffToken.tenant_id),
            execution_options={"synchronize_session": False},
        )


def person_of_token(token: str) -> StaffUser:
    """Whom a token of the bound company was mailed to."""
    query = select(StaffUser).join(StaffToken, StaffToken.staff_id == StaffUser.id)
    return db.session.scalars(query.where(StaffToken.token_hash == digest(token))).one()


def set_password(person: StaffUser, hashed: str) -> None:
    """Put a new password in place; every session and mailed link dies."""
    person.password_hash = hashed
    if person.status is StaffStatus.INVITED:
        person.status = StaffStatus.ACTIVE
    end_sessions(person)
    _spend_tokens(person)
    person.audit("staff.password_set")


def checked_roles(roles: Iterable[str]) -> list[str]:
    """Known roles, sorted, at least one."""
    wanted = {str(role) for role in roles}
    if not wanted or not wanted <= {role.value for role in Role}:
        raise RuleViolation("Choose at least one role.", field="roles")
    return sorted(wanted)


def _good_token(token: str) -> Select[int]:
    return (
        select(StaffToken.id)
        .join(StaffUser, StaffToken.staff_id == StaffUser.id)
        .where(
            StaffToken.token_hash == digest(token),
            StaffToken.used_at.is_(None),
            StaffToken.expires_at > clock.now(),
            StaffUser.status != StaffStatus.DISABLED,
        )
    )


def _spend_tokens(person: StaffUser) -> None:
    db.session.execute(
        update(StaffToken)
        .where(StaffToken.staff_id == person.id, StaffToken.used_at.is_(None))
        .values(used_at=clock.now()),
        execution_options={"synchronize_session": False},
    )


def _keep_an_admin(leaving: StaffUser) -> None:
    """The last active admin stays one. The rows are locked: two admins may be disabling each other."""
    if not (leaving.has_role(Role.ADMIN) and leaving.status is StaffStatus.ACTIVE):
        return
    active = db.session.scalars(
        select(StaffUser)
        .where(StaffUser.status == StaffStatus.ACTIVE, StaffUser.deleted_at.is_(None))
        .order_by(StaffUser.id)
        .with_for_update(),
        execution_options={"populate_existing": True},
    ).all()
    if not any(other.has_role(Role.ADMIN) for other in active if other.id != leaving.id):
        raise RuleViolation(_LAST_ADMIN, field="roles")


def _named(name: str) -> str:
    if not name.strip():
        raise RuleViolation("Type the person's name.", field="name")
    return name
