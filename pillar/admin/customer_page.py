"""What one customer's page shows beside the customer: figures, work, messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import url_for
from sqlalchemy import select

from pillar.admin.formatters import (
    ESTIMATE_LOOKS,
    JOB_LOOKS,
    MESSAGE_LOOKS,
    TimelineEntry,
    message_address,
    message_icon,
    message_title,
    pill,
)
from pillar.admin.guard import person_may
from pillar.extensions import db
from pillar.http.templating import local_date, local_long_date, local_time
from pillar.models.customer import Customer
from pillar.models.estimate import Estimate, EstimateStatus
from pillar.models.job import Job, JobStatus
from pillar.models.message import Message
from pillar.money import money
from pillar.permissions import Permission

_SHOWN = 50
_WAITING = (EstimateStatus.SENT, EstimateStatus.CHANGES_REQUESTED)
_JOBS_OVER = (JobStatus.COMPLETED, JobStatus.INVOICED, JobStatus.CLOSED, JobStatus.CANCELLED)

# Title, small print, address, status as a pill.
WorkRow = tuple[str, str, str, Any]


def page_context(customer: Customer) -> dict[str, Any]:
    """Everything that the page draws, as far as the person may see it."""
    sees_messages = person_may(Permission.MESSAGE_READ)
    estimates = _estimates(customer) if person_may(Permission.ESTIMATE_READ) else []
    jobs = _jobs(customer) if person_may(Permission.JOB_READ) else []
    return {
        "facts": _facts(estimates, jobs),
        "estimates": [_estimate_row(estimate) for estimate in estimates],
        "jobs": [_job_row(job) for job in jobs],
        "sees_messages": sees_messages,
        "timeline": _timeline(customer) if sees_messages else [],
    }


def _estimates(customer: Customer) -> Sequence[Estimate]:
    query = select(Estimate).where(Estimate.customer_id == customer.id, Estimate.deleted_at.is_(None))
    return db.session.scalars(query.order_by(Estimate.id.desc()).limit(_SHOWN)).all()


def _jobs(customer: Customer) -> Sequence[Job]:
    query = select(Job).where(Job.customer_id == customer.id, Job.deleted_at.is_(None))
    return db.session.scalars(query.order_by(Job.id.desc()).limit(_SHOWN)).all()


def _facts(estimates: Sequence[Estimate], jobs: Sequence[Job]) -> list[tuple[str, str, str]]:
    """The row of figures; only what there is something to say about."""
    facts = []
    waiting = [estimate for estimate in estimates if estimate.status in _WAITING]
    approved = [estimate for estimate in estimates if estimate.status is EstimateStatus.ACCEPTED]
    open_jobs = [job for job in jobs if job.status not in _JOBS_OVER]
    if estimates:
        facts += [
            (
                "Waiting to approve",
                money(sum(each.total_cents for each in waiting)),
                _counted(len(waiting), "estimate"),
            ),
            (
                "Approved",
                money(sum(each.total_cents for each in approved)),
                _counted(len(approved), "estimate"),
            ),
        ]
    if jobs:
        facts.append(("Open jobs", str(len(open_jobs)), f"{len(jobs)} in all"))
    return facts


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


def _timeline(customer: Customer) -> list[tuple[str, list[TimelineEntry]]]:
    query = select(Message).where(Message.customer_id == customer.id)
    messages = db.session.scalars(query.order_by(Message.id.desc()).limit(_SHOWN))
    days: dict[str, list[TimelineEntry]] = {}
    for message in messages:
        days.setdefault(local_long_date(message.created_at), []).append(_entry(message))
    return list(days.items())


def _entry(message: Message) -> TimelineEntry:
    look = MESSAGE_LOOKS[message.status]
    return TimelineEntry(
        icon=message_icon(message),
        tone=look.tone,
        title=message_title(message),
        note=f"To {message_address(message)}. {look.word}.",
        time=local_time(message.created_at).rsplit(", ", 1)[-1],
    )


def _counted(count: int, thing: str) -> str:
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"
