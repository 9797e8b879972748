"""The timeline of a customer as the page draws it: words, icons, what can be done with an entry (7.1)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from flask import g, url_for

from pillar.admin.formatters import JOB_LOOKS, MESSAGE_LOOKS, message_address, message_icon, message_title
from pillar.admin.guard import person_may
from pillar.admin.listing import Tab
from pillar.dates import clock_time
from pillar.http.templating import local_long_date
from pillar.models.customer import Customer, InternalNote
from pillar.models.estimate_replies import Device, EstimateReply, EstimateView, ReplyKind
from pillar.models.estimate_revision import EstimateRevision
from pillar.models.job import Job
from pillar.models.message import Channel, FailureCategory, Message, MessageStatus
from pillar.models.phone_call import CallDirection, PhoneCall
from pillar.models.signature import Signature
from pillar.money import money
from pillar.permissions import Permission
from pillar.services import timeline
from pillar.services.failures import explain
from pillar.services.timeline import DOCUMENTS, Kind, Moment, read_cursor

_NEEDS: Mapping[Kind, Permission] = {
    Kind.MESSAGE: Permission.MESSAGE_READ,
    Kind.JOB: Permission.JOB_READ,
    Kind.CALL: Permission.CUSTOMER_READ,
    Kind.NOTE: Permission.CUSTOMER_READ,
}
# What `?show=` may say, its words, and what it shows.
FILTERS: Mapping[str, tuple[str, Collection[Kind]]] = {
    "": ("Everything", frozenset(Kind)),
    "messages": ("Messages", frozenset({Kind.MESSAGE})),
    "calls": ("Calls", frozenset({Kind.CALL})),
    "notes": ("Notes", frozenset({Kind.NOTE})),
    "documents": ("Documents", DOCUMENTS),
}
_REPLIES = {
    ReplyKind.QUESTION: "Asked about",
    ReplyKind.CHANGES: "Wants changes to",
    ReplyKind.UPDATE: "Asked for a new date for",
    ReplyKind.DECLINE: "Declined",
}
_DEVICES = {Device.PHONE: "On a phone", Device.TABLET: "On a tablet", Device.COMPUTER: "On a computer"}
_WENT_WRONG = (MessageStatus.FAILED, MessageStatus.BOUNCED, MessageStatus.SUPPRESSED, MessageStatus.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened, ready to read. Only the office's own words are `private`."""

    icon: str
    title: str
    time: str
    note: str = ""
    tone: str = ""
    private: str = ""
    url: str = ""
    link: str = ""
    remove_url: str = ""
    what: str = ""


@dataclass(frozen=True, slots=True)
class Timeline:
    """A page of it: days with their entries, the filters, where older things are."""

    days: list[tuple[str, list[Entry]]]
    filters: list[Tab]
    older_url: str
    is_newest: bool
    is_narrowed: bool


def drawn(customer: Customer, args: Mapping[str, str], *, may_write: bool) -> Timeline:
    """The page of the timeline that an address asks for, as far as the person may see it."""
    show = args.get("show", "") if args.get("show", "") in FILTERS else ""
    start = read_cursor(args.get("before", ""))
    kinds = [kind for kind in Kind if kind in FILTERS[show][1] and may_see(kind)]
    page = timeline.page_of(customer, kinds, start)
    days: dict[str, list[Entry]] = {}
    for moment in page.moments:
        days.setdefault(local_long_date(moment.at), []).append(_entry(customer, moment, may_write=may_write))
    return Timeline(
        days=list(days.items()),
        filters=[
            Tab(words, _address(customer, show=key), key == show)
            for key, (words, those) in FILTERS.items()
            if any(may_see(kind) for kind in those)
        ],
        older_url=_address(customer, show=show, before=str(page.older)) if page.older else "",
        is_newest=start is None,
        is_narrowed=bool(show),
    )


def may_see(kind: Kind) -> bool:
    """Whether the person may see such things at all."""
    return person_may(_NEEDS.get(kind, Permission.ESTIMATE_READ))


def _address(customer: Customer, **args: str) -> str:
    said: dict[str, Any] = {name: value for name, value in args.items() if value}
    return url_for("customers.details_view", id=customer.public_id, _anchor="timeline", **said)


def _entry(customer: Customer, moment: Moment, *, may_write: bool) -> Entry:
    time = clock_time(moment.at.astimezone(ZoneInfo(g.company.time_zone)))
    words = _WORDS[moment.kind](moment.row)
    if may_write and moment.kind in _REMOVED_BY:
        endpoint, what = _REMOVED_BY[moment.kind]
        url = url_for(endpoint, id=customer.public_id, part=moment.row.public_id)
        words |= {"remove_url": url, "what": f"{what} of {time}"}
    return Entry(time=time, **words)


_REMOVED_BY = {
    Kind.NOTE: ("customers.remove_note", "note"),
    Kind.CALL: ("customers.remove_call", "call"),
}


def _note(note: InternalNote) -> dict[str, Any]:
    return {"icon": "lock", "tone": "wait", "title": f"Note{_by(note.author)}", "private": note.body}


def _call(call: PhoneCall) -> dict[str, Any]:
    incoming = call.direction is CallDirection.INCOMING
    length = (
        "" if call.seconds is None else f", {max(1, round(call.seconds / 60))} min" if call.seconds else ""
    )
    return {
        "icon": "phone",
        "title": f"{'They called' if incoming else 'We called'}{length}",
        "note": f"Logged{_by(call.author)}.",
        "private": call.notes,
    }


def _message(message: Message) -> dict[str, Any]:
    look = MESSAGE_LOOKS[message.status]
    category = message.failure_category
    is_stopped = message.status is MessageStatus.SUPPRESSED and category is not FailureCategory.CONSENT
    state = "Not sent" if is_stopped else look.word
    why = f" {explain(category, message.channel).title}." if category else ""
    went_wrong = message.status in _WENT_WRONG
    return {
        "icon": message_icon(message),
        "tone": look.tone,
        "title": message_title(message),
        "note": f"{_said(message)}To {message_address(message)}. {state}.{why}",
        "url": url_for("outbox.details_view", id=message.public_id),
        "link": "Why didn’t it arrive?" if went_wrong else "Read it",
    }


def _said(message: Message) -> str:
    """A text is short enough to stand there."""
    is_text = message.channel is Channel.SMS and message.body_text
    return f"“{message.body_text}” " if is_text else ""


def _sent(revision: EstimateRevision) -> dict[str, Any]:
    again = f", revision {revision.n}" if revision.n > 1 else ""
    return {
        "icon": "document",
        "tone": "info",
        "title": f"Sent estimate {revision.estimate.number or ''}{again}",
        "note": f"{revision.estimate.title}, {money(revision.total_cents)}.",
        **_link_to(revision.estimate.public_id),
    }


def _viewed(view: EstimateView) -> dict[str, Any]:
    return {"icon": "eye", "title": "Looked at an estimate", "note": f"{_DEVICES[view.device]}."}


def _reply(reply: EstimateReply) -> dict[str, Any]:
    return {
        "icon": "chat",
        "tone": "off" if reply.kind is ReplyKind.DECLINE else "wait",
        "title": f"{_REPLIES[reply.kind]} {reply.estimate.number or 'an estimate'}",
        "note": f"“{reply.body}”" if reply.body else "",
        **_link_to(reply.estimate.public_id),
    }


def _signed(signature: Signature) -> dict[str, Any]:
    return {
        "icon": "check",
        "tone": "good",
        "title": f"Approved {signature.estimate.number or 'an estimate'}",
        "note": f"Signed by {signature.signer_name}, {money(signature.total_cents)}.",
        **_link_to(signature.estimate.public_id),
    }


def _job(job: Job) -> dict[str, Any]:
    about = f" for {job.estimate.number}" if job.estimate and job.estimate.number else ""
    return {
        "icon": "wrench",
        "tone": JOB_LOOKS[job.status].tone,
        "title": f"Job {job.number} made{about}",
        "note": f"{job.title}.",
        "url": url_for("jobs.details_view", id=job.public_id),
        "link": "Open",
    }


def _link_to(estimate: str) -> dict[str, str]:
    return {"url": url_for("estimates.details_view", id=estimate), "link": "Open"}


def _by(author: str) -> str:
    return f" by {author}" if author else ""


_WORDS: Mapping[Kind, Callable[[Any], dict[str, Any]]] = {
    Kind.NOTE: _note,
    Kind.CALL: _call,
    Kind.MESSAGE: _message,
    Kind.SENT: _sent,
    Kind.VIEWED: _viewed,
    Kind.REPLY: _reply,
    Kind.SIGNED: _signed,
    Kind.JOB: _job,
}
