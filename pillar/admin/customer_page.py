"""What one customer's page shows beside the customer: four facts, tabs, work, messages, consent (6.6)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from flask import url_for
from sqlalchemy import func, select
from sqlalchemy.orm import defer

from pillar.admin import customer_timeline
from pillar.admin.customer_consent import stops_by_contact
from pillar.admin.customer_forms import NoteForm
from pillar.admin.formatters import (
    ESTIMATE_LOOKS,
    JOB_LOOKS,
    MESSAGE_LOOKS,
    message_address,
    message_title,
    pill,
    words,
)
from pillar.admin.guard import person_may
from pillar.admin.listing import Tab
from pillar.extensions import db
from pillar.http.templating import local_date, local_time
from pillar.models.consent import ConsentRecord
from pillar.models.customer import Customer, ServiceLocation
from pillar.models.estimate import Estimate, EstimateStatus
from pillar.models.job import Job, JobStatus
from pillar.models.message import Message
from pillar.money import money
from pillar.permissions import Permission
from pillar.phones import display
from pillar.services import customers

_SHOWN = 100
_OPEN_SHOWN = 5
_NOTES_SHOWN = 5
_WAITING = (EstimateStatus.SENT, EstimateStatus.CHANGES_REQUESTED)
_JOBS_OVER = (JobStatus.COMPLETED, JobStatus.INVOICED, JobStatus.CLOSED, JobStatus.CANCELLED)
_MAP = "https://www.google.com/maps/search/?"

# Title, small print, address, status as a pill.
WorkRow = tuple[str, str, str, Any]
# How many there are of each status, and what they come to.
Sums = dict[Any, tuple[int, int]]


def page_context(customer: Customer, args: Mapping[str, str]) -> dict[str, Any]:
    """Everything that the page draws, as far as the person may see it; the same number of queries always."""
    may_write = person_may(Permission.CUSTOMER_WRITE) and customer.deleted_at is None
    estimates = _sums(Estimate, Estimate.total_cents, customer, Permission.ESTIMATE_READ)
    jobs = _sums(Job, Job.contract_total_cents, customer, Permission.JOB_READ)
    tabs = _tabs(estimates, jobs)
    opened = args.get("tab", "") if args.get("tab", "") in tabs else ""
    notes = customers.notes_of(customer, _NOTES_SHOWN)
    return {
        "facts": _facts(estimates, jobs),
        "tabs_shown": [
            Tab(label, _address(customer, key), key == opened) for key, (label, _show) in tabs.items()
        ],
        "opened": opened,
        **tabs[opened][1](customer, args, may_write),
        "open_work": _open_work(customer),
        "notes": notes,
        "stops": stops_by_contact(customer),
        "map_url": map_url,
    }


def map_url(place: ServiceLocation) -> str:
    """A search of the address on a map: a plain link that nothing is fetched from."""
    return _MAP + urlencode({"api": 1, "query": place.address})


_Show = Callable[[Customer, Mapping[str, str], bool], dict[str, Any]]


def _tabs(estimates: Sums, jobs: Sums) -> dict[str, tuple[str, _Show]]:
    """The tabs that the person may open, with how much is in them."""
    tabs: dict[str, tuple[str, _Show]] = {"": ("Overview", _overview)}
    if person_may(Permission.ESTIMATE_READ):
        tabs["estimates"] = (f"Estimates ({_count(estimates)})", _estimates)
    if person_may(Permission.JOB_READ):
        tabs["jobs"] = (f"Jobs ({_count(jobs)})", _jobs)
    if person_may(Permission.MESSAGE_READ):
        tabs["messages"] = ("Messages", _messages)
    tabs["consent"] = ("Consent", _consent)
    return tabs


def _overview(customer: Customer, args: Mapping[str, str], may_write: bool) -> dict[str, Any]:  # noqa: FBT001 - as the others
    return {
        "timeline": customer_timeline.drawn(customer, args, may_write=may_write),
        "note_form": NoteForm() if may_write else None,
    }


def _estimates(customer: Customer, _args: Mapping[str, str], _may_write: bool) -> dict[str, Any]:  # noqa: FBT001
    return {"work": [_estimate_row(each) for each in _newest(Estimate, customer)]}


def _jobs(customer: Customer, _args: Mapping[str, str], _may_write: bool) -> dict[str, Any]:  # noqa: FBT001
    return {"work": [_job_row(each) for each in _newest(Job, customer)]}


def _messages(customer: Customer, _args: Mapping[str, str], _may_write: bool) -> dict[str, Any]:  # noqa: FBT001
    query = select(Message).where(Message.customer_id == customer.id)
    texts = (Message.body_text, Message.body_html, Message.body_sealed)
    query = query.options(*map(defer, texts)).order_by(Message.created_at.desc(), Message.id.desc())
    return {"work": [_message_row(each) for each in db.session.scalars(query.limit(_SHOWN))]}


def _consent(customer: Customer, _args: Mapping[str, str], _may_write: bool) -> dict[str, Any]:  # noqa: FBT001
    """What was said about every number and address of the customer, newest first (7.3)."""
    people = customer.contacts
    addresses = {each.email for each in people if each.email}
    addresses |= {phone.e164 for each in people for phone in each.phones if phone.e164}
    query = select(ConsentRecord).where(ConsentRecord.address.in_(sorted(addresses)))
    records = db.session.scalars(query.order_by(ConsentRecord.id.desc()).limit(_SHOWN)) if addresses else ()
    return {"consent": [_consent_row(each) for each in records]}


def _sums(model: Any, cents: Any, customer: Customer, need: Permission) -> Sums:
    """What there is, by status, in one query."""
    if not person_may(need):
        return {}
    query = (
        select(model.status, func.count(model.id), func.sum(cents))
        .where(model.customer_id == customer.id, model.deleted_at.is_(None))
        .group_by(model.status)
    )
    return {status: (count, int(total or 0)) for status, count, total in db.session.execute(query)}


def _newest(model: Any, customer: Customer, *criteria: Any, limit: int = _SHOWN) -> Sequence[Any]:
    query = select(model).where(model.customer_id == customer.id, model.deleted_at.is_(None), *criteria)
    return db.session.scalars(query.order_by(model.id.desc()).limit(limit)).all()


def _open_work(customer: Customer) -> list[WorkRow]:
    """What waits for the customer or for us."""
    rows: list[WorkRow] = []
    if person_may(Permission.JOB_READ):
        is_open = Job.status.not_in(_JOBS_OVER)
        rows += [_job_row(each) for each in _newest(Job, customer, is_open, limit=_OPEN_SHOWN)]
    if person_may(Permission.ESTIMATE_READ):
        waits = Estimate.status.in_(_WAITING)
        rows += [_estimate_row(each) for each in _newest(Estimate, customer, waits, limit=_OPEN_SHOWN)]
    return rows


def _facts(estimates: Sums, jobs: Sums) -> list[tuple[str, str, str]]:
    """The row of figures; only what there is something to say about."""
    facts = []
    if estimates:
        waiting = _of(estimates, _WAITING)
        approved = _of(estimates, (EstimateStatus.ACCEPTED,))
        facts += [
            ("Waiting to approve", money(waiting[1]), _counted(waiting[0], "estimate")),
            ("Approved", money(approved[1]), _counted(approved[0], "estimate")),
        ]
    if jobs:
        is_open = [status for status in jobs if status not in _JOBS_OVER]
        facts.append(("Open jobs", str(_of(jobs, is_open)[0]), f"{_count(jobs)} in all"))
    return facts


def _of(sums: Sums, statuses: Sequence[Any]) -> tuple[int, int]:
    found = [sums[status] for status in statuses if status in sums]
    return sum(count for count, _cents in found), sum(cents for _count, cents in found)


def _count(sums: Sums) -> int:
    return sum(count for count, _cents in sums.values())


def _estimate_row(estimate: Estimate) -> WorkRow:
    number = estimate.number or "No number until sent"
    return (
        estimate.title,
        f"{number}, {money(estimate.total_cents)}",
        url_for("estimates.details_view", id=estimate.public_id),
        pill(ESTIMATE_LOOKS[estimate.status]),
    )


def _job_row(job: Job) -> WorkRow:
    return (
        job.title,
        f"{job.number}, {local_date(job.created_at)}",
        url_for("jobs.details_view", id=job.public_id),
        pill(JOB_LOOKS[job.status]),
    )


def _message_row(message: Message) -> WorkRow:
    return (
        message_title(message),
        f"To {message_address(message)}, {local_time(message.created_at)}",
        url_for("outbox.details_view", id=message.public_id),
        pill(MESSAGE_LOOKS[message.status]),
    )


def _consent_row(record: ConsentRecord) -> tuple[str, str, str]:
    address = record.address if "@" in record.address else display(record.address)
    what = f"{words(record.action)}: {words(record.purpose).lower()}, {words(record.channel)}"
    return address, what, f"{local_time(record.at)}, {words(record.source).lower()}"


def _address(customer: Customer, tab: str) -> str:
    return url_for("customers.details_view", id=customer.public_id, tab=tab or None)


def _counted(count: int, thing: str) -> str:
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"
