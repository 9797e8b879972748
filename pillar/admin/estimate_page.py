"""What one estimate's page in the office shows beside the document."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from pillar.admin.formatters import (
    MESSAGE_LOOKS,
    TimelineEntry,
    message_address,
    message_icon,
    message_title,
)
from pillar.extensions import db
from pillar.http.templating import local_date, local_long_date, local_time
from pillar.models.audit import AuditEvent, entity_of
from pillar.models.estimate import Estimate
from pillar.models.estimate_replies import EstimateReply, ReplyKind
from pillar.models.message import Message
from pillar.models.tenant import Tenant
from pillar.money import money, percent
from pillar.offer import Choice, Document, choose, what_changed
from pillar.services import evidence, replies, views
from pillar.services.estimate_content import draft_document

_SAID = {
    "estimate.drafted": ("pencil", "", "Draft written"),
    "estimate.edited": ("pencil", "", "Draft changed"),
    "estimate.revision_started": ("pencil", "", "New revision started"),
    "estimate.revision_discarded": ("trash", "", "New revision discarded"),
    "estimate.sent": ("send", "info", "Sent to the customer"),
    "estimate.resent": ("send", "info", "Sent again"),
    "estimate.changes_requested": ("chat", "wait", "The customer asked for changes"),
    "estimate.question_asked": ("chat", "wait", "The customer asked a question"),
    "estimate.update_asked": ("chat", "wait", "The customer asked for an update"),
    "estimate.accepted": ("check", "good", "Approved by the customer"),
    "estimate.declined": ("close", "", "Declined"),
    "estimate.withdrawn": ("minus", "", "Withdrawn"),
    "estimate.expired": ("clock", "", "Expired"),
    "estimate.extended": ("calendar", "info", "Given more days"),
    "estimate.link_revoked": ("link", "", "Private link taken back"),
    "estimate.link_renewed": ("link", "", "Private link renewed"),
}
_ASKED = {
    ReplyKind.QUESTION: "A question",
    ReplyKind.CHANGES: "Changes wanted",
    ReplyKind.UPDATE: "An update wanted",
    ReplyKind.DECLINE: "Declined",
}


@dataclass(frozen=True, slots=True)
class OptionShown:
    """One option with its own sums; `with_addons` is its total with the add-ons that start ticked."""

    label: str
    reason: str
    is_recommended: bool
    lines: tuple[Any, ...]
    sums: tuple[tuple[str, int], ...]
    deposit_cents: int
    with_addons_cents: int | None


@dataclass(frozen=True, slots=True)
class RevisionShown:
    """One revision in the history, with what differs from the one before."""

    name: str
    when: str
    total_cents: int
    note: str
    changes: tuple[str, ...]
    is_current: bool


@dataclass(frozen=True, slots=True)
class ReplyShown:
    """One thing that the customer said."""

    title: str
    about: str
    text: str
    when: str


def estimate_facts(estimate: Estimate, document: Document) -> list[tuple[str, str, str]]:
    """The row of facts on top."""
    contact = estimate.contact
    rule = document["deposit"]
    facts = [
        ("Total", money(estimate.total_cents), "tax included"),
        ("Sent", local_date(estimate.sent_at) or "Not yet", ""),
        ("Good until", local_long_date(estimate.valid_until) or "Counted when sent", ""),
        (
            "To",
            (contact.name or contact.email) if contact else "Nobody yet",
            contact.email if contact else "",
        ),
    ]
    if rule is not None:
        words = money(rule["cents"]) if rule["kind"] == "fixed" else percent(rule["ppm"])
        facts.append(("Deposit", words, "due at approval"))
    return facts


def shown_document(tenant: Tenant, estimate: Estimate) -> Document:
    """What the customer was sent, or would be sent now."""
    if not estimate.revision.is_frozen:
        return draft_document(tenant, estimate)
    return estimate.revision.content if estimate.revision.is_genuine else evidence.what_is_left(estimate)


def options_shown(document: Document) -> list[OptionShown]:
    """Every option that the customer may take."""
    return [_option(document, option) for option in document["options"]]


def signed_option(choice: Choice) -> OptionShown:
    """What was approved, with the add-ons that were ticked."""
    return OptionShown(choice.label, "", False, choice.lines, _sums(choice), choice.deposit_cents, None)


def history(tenant: Tenant, estimate: Estimate) -> list[RevisionShown]:
    """The revisions, newest first; nothing while there is only one."""
    if len(estimate.revisions) == 1:
        return []
    shown: list[RevisionShown] = []
    before: Document | None = None
    for revision in estimate.revisions:
        document = revision.content if revision.is_frozen else draft_document(tenant, estimate)
        shown.append(
            RevisionShown(
                name=f"Revision {revision.n}",
                when=f"Sent {local_time(revision.sent_at)}" if revision.sent_at else "Being written",
                total_cents=choose(document).total_cents if document["options"] else 0,
                note=revision.change_note,
                changes=tuple(what_changed(before, document)) if before is not None else (),
                is_current=revision.n == estimate.current_revision,
            )
        )
        before = document
    return shown[::-1]


def said_by_customer(estimate: Estimate) -> list[ReplyShown]:
    """Questions, wishes and reasons, newest first (2.7)."""
    return [_reply(reply) for reply in reversed(replies.replies_to(estimate))]


def looks_at_it(estimate: Estimate) -> list[tuple[str, str]]:
    """(when, with what) of each look at the page, newest first (2.6)."""
    return [(local_time(view.at), view.device.value.capitalize()) for view in views.views_of(estimate)]


def timeline(estimate: Estimate) -> list[tuple[str, list[TimelineEntry]]]:
    """What happened to it and what was sent about it, newest first, by day."""
    events = db.session.scalars(select(AuditEvent).where(AuditEvent.entity == entity_of(estimate))).all()
    messages = db.session.scalars(
        select(Message).where(Message.about == f"estimate:{estimate.public_id}")
    ).all()
    entries = [(event.at, event.n, _of_event(event)) for event in events]
    entries += [(message.created_at, message.id, _of_message(message)) for message in messages]
    days: dict[str, list[TimelineEntry]] = {}
    for at, _order, entry in sorted(entries, key=lambda each: each[:2], reverse=True):
        days.setdefault(local_long_date(at), []).append(entry)
    return list(days.items())


def _option(document: Document, option: Any) -> OptionShown:
    alone = choose(document, option["key"], ())
    ticked = choose(document, option["key"])
    return OptionShown(
        label=option["label"],
        reason=option.get("reason", ""),
        is_recommended=option["recommended"],
        lines=tuple(option["lines"]),
        sums=_sums(alone),
        deposit_cents=ticked.deposit_cents,
        with_addons_cents=ticked.total_cents if ticked.addon_keys else None,
    )


def _sums(choice: Choice) -> tuple[tuple[str, int], ...]:
    sums = choice.totals
    rows = [("Subtotal", sums.subtotal_cents)]
    if sums.discount_cents:
        rows.append(("Discount", -sums.discount_cents))
    tax = f"{choice.tax_label or 'Tax'} ({percent(choice.tax_rate_ppm)})"
    return (*rows, (tax, sums.tax_cents), ("Total", sums.total_cents))


def _reply(reply: EstimateReply) -> ReplyShown:
    who = f" by {reply.name}" if reply.name else ""
    return ReplyShown(
        title=f"{_ASKED[reply.kind]}{who}",
        about=reply.line_text,
        text=replies.reason_text(reply),
        when=local_time(reply.at),
    )


def _of_event(event: AuditEvent) -> TimelineEntry:
    icon, tone, title = _SAID.get(event.action, ("info", "", event.action.split(".")[-1].capitalize()))
    return TimelineEntry(icon=icon, tone=tone, title=title, time=_hour(event.at))


def _of_message(message: Message) -> TimelineEntry:
    look = MESSAGE_LOOKS[message.status]
    note = f"{look.word}. {message.failure_detail}" if message.failure_detail else f"{look.word}."
    return TimelineEntry(
        icon=message_icon(message),
        tone=look.tone,
        title=message_title(message),
        note=f"To {message_address(message)}. {note}",
        time=_hour(message.created_at),
    )


def _hour(instant: Any) -> str:
    return local_time(instant).rsplit(", ", 1)[-1]
