"""Calls with customers, logged by hand (7.1)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from pillar import clock
from pillar.errors import RuleViolation
from pillar.extensions import db
from pillar.models.customer import Contact, Customer
from pillar.models.phone_call import CallDirection, PhoneCall
from pillar.models.staff import StaffUser
from pillar.text import clean_text

LONGEST_MINUTES = 24 * 60
# A clock that runs a little fast is no call from the future.
_SLACK = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class CallInput:
    """A call as somebody wrote it down. `public_id` is the name that the form carried."""

    direction: CallDirection
    at: datetime
    minutes: int | None = None
    notes: str = ""
    contact: Contact | None = None
    public_id: str | None = None


def log_call(customer: Customer, content: CallInput, author: StaffUser | None) -> PhoneCall:
    """Keep a call."""
    if content.at > clock.now() + _SLACK:
        raise RuleViolation("Choose a time that has passed.", field="at")
    if content.minutes is not None and not 0 <= content.minutes <= LONGEST_MINUTES:
        raise RuleViolation("Type the minutes, at most a day.", field="minutes")
    call = PhoneCall(
        customer=customer,
        contact_id=content.contact.id if content.contact else None,
        staff_id=author.id if author else None,
        author=author.name if author else "",
        direction=content.direction,
        at=content.at,
        seconds=None if content.minutes is None else content.minutes * 60,
        notes=clean_text(content.notes),
    )
    if content.public_id:
        call.public_id = content.public_id
    db.session.add(call)
    db.session.flush()
    customer.audit("customer.call_logged", call=call.public_id, direction=str(call.direction))
    return call


def remove_call(call: PhoneCall) -> None:
    """Take a call away; the trail keeps its words."""
    call.deleted_at = clock.now()
    call.customer.audit("customer.call_removed", call=call.public_id, before=call.notes)
