"""What a customer answers beside signing: a question, a wish for changes, no, or a wish for an update (2.7)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from pillar.canonical import canonical_json, content_hash
from pillar.errors import DocumentChanged, RuleViolation
from pillar.extensions import db
from pillar.models.estimate import ACCEPTABLE, Estimate, EstimateStatus
from pillar.models.estimate_replies import DeclineReason, EstimateReply, ReplyKind
from pillar.models.tenant import Tenant
from pillar.offer import Choice
from pillar.services import acceptance, estimate_mail, estimates, links, notifications, quotes

K, S = ReplyKind, EstimateStatus
REASONS: dict[DeclineReason, str] = {
    DeclineReason.PRICE: "It costs more than I planned",
    DeclineReason.TIMING: "It is not the right time",
    DeclineReason.OTHER_COMPANY: "I chose another company",
    DeclineReason.NOT_NEEDED: "I no longer need it",
    DeclineReason.OTHER: "Another reason",
}
# What a customer did, as the office reads it: "Dana Whitfield asked about EST-2026-00044".
DEEDS: dict[ReplyKind, str] = {
    K.QUESTION: "asked about",
    K.CHANGES: "wants changes to",
    K.UPDATE: "wants an update of",
    K.DECLINE: "declined",
}
_ADDON = "addon"
_TOO_LATE = "This estimate is past its last day. Ask for an update, or call us."
_NOT_OPEN = "This estimate is not open any more. Call us if you have a question about it."


@dataclass(frozen=True, slots=True)
class ReplyInput:
    """What the customer sent; `revision` is what they saw, `form_key` names the form that was on screen."""

    kind: ReplyKind
    revision: int
    form_key: str
    body: str = ""
    name: str = ""
    line_key: str = ""
    reason: DeclineReason | None = None


def take_reply(tenant: Tenant, estimate_id: int, given: ReplyInput) -> EstimateReply:
    """Keep what was said, let the status follow, tell the office: once for each form that was sent.

    Raises DocumentChanged when they saw another revision, RuleViolation when it is too late for this.
    """
    estimate = quotes.load(db.session(), estimate_id, for_update=True)
    form_key = _form_key(given)
    if (first := _with_key(estimate, form_key)) is not None:
        return first
    _check_seen(tenant, estimate, given)
    reply = EstimateReply(
        estimate=estimate,
        revision_n=estimate.current_revision,
        kind=given.kind,
        line_key=given.line_key,
        line_text=line_text(estimate.revision.content, given.line_key),
        reason=given.reason,
        body=given.body,
        name=given.name,
        form_key=form_key,
    )
    db.session.add(reply)
    # The unique key speaks here, before anything else is written.
    db.session.flush()
    _let_follow(estimate, reply)
    _tell_office(estimate, reply)
    return reply


def askable_lines(document: Mapping[str, Any], choice: Choice) -> list[tuple[str, str]]:
    """(key, words) of each line that can be asked about: the chosen option's, and all add-ons."""
    option = next(each for each in document["options"] if each["key"] == choice.option_key)
    lines = [(f"{option['key']}.{line['key']}", line["description"]) for line in option["lines"]]
    return lines + [(f"{_ADDON}.{line['key']}", line["description"]) for line in document["addons"]]


def line_text(document: Mapping[str, Any], line_key: str) -> str:
    """The words of the line that a key names; nothing for the whole. Raises RuleViolation for another key."""
    if not line_key:
        return ""
    owner, _dot, wanted = line_key.partition(".")
    options = {option["key"]: option["lines"] for option in document["options"]}
    for line in options.get(owner, document["addons"] if owner == _ADDON else ()):
        if line["key"] == wanted:
            return str(line["description"])
    raise RuleViolation("Choose one of the lines on this page.", field="line")


def reason_text(reply: EstimateReply) -> str:
    """The reason for a no, with the customer's own words."""
    words = REASONS[reply.reason] if reply.reason else ""
    return ". ".join(part for part in (words, reply.body) if part)


def replies_to(estimate: Estimate) -> list[EstimateReply]:
    """Everything that was said about it, in order."""
    query = select(EstimateReply).where(EstimateReply.estimate_id == estimate.id)
    return list(db.session.scalars(query.order_by(EstimateReply.id)))


def has_asked_for_update(estimate: Estimate) -> bool:
    """Whether somebody asked since it was last sent, so that the page need not offer it again."""
    query = select(EstimateReply.id).where(
        EstimateReply.estimate_id == estimate.id,
        EstimateReply.kind == K.UPDATE,
        EstimateReply.revision_n == estimate.current_revision,
    )
    if estimate.decided_at is not None:
        query = query.where(EstimateReply.at >= estimate.decided_at)
    return db.session.scalars(query.limit(1)).one_or_none() is not None


def _form_key(given: ReplyInput) -> str:
    """The same words from the same form are the same reply; other words are another one."""
    said = [given.form_key, given.kind, given.line_key, given.reason or "", given.body]
    return content_hash(canonical_json(said))


def _with_key(estimate: Estimate, form_key: str) -> EstimateReply | None:
    query = select(EstimateReply).where(
        EstimateReply.estimate_id == estimate.id, EstimateReply.form_key == form_key
    )
    return db.session.scalars(query).one_or_none()


def _check_seen(tenant: Tenant, estimate: Estimate, given: ReplyInput) -> None:
    is_open = estimate.status in ACCEPTABLE
    is_past = is_open and estimate.is_past(tenant.time_zone)
    if given.kind is K.UPDATE:
        if not is_past and estimate.status not in {S.EXPIRED, S.DECLINED}:
            raise DocumentChanged("It is open, or closed for good")
        return
    if given.revision != estimate.current_revision:
        raise DocumentChanged("Not the revision that was shown")
    if is_past or estimate.status is S.EXPIRED:
        raise RuleViolation(_TOO_LATE)
    if not is_open:
        raise RuleViolation(_NOT_OPEN)


def _let_follow(estimate: Estimate, reply: EstimateReply) -> None:
    """What a reply does to the estimate beside being kept."""
    if reply.kind is K.CHANGES:
        estimate.request_changes()
    elif reply.kind is K.DECLINE:
        estimates.decline_estimate(estimate, reason_text(reply))
    else:
        estimate.audit(f"estimate.{reply.kind}_asked", number=estimate.number, about=reply.line_text)


def _tell_office(estimate: Estimate, reply: EstimateReply) -> None:
    who = reply.name or estimate.customer.display_name
    title = f"{who} {DEEDS[reply.kind]} {estimate.number}, {estimate.title}"
    for person in acceptance.office_recipients(db.session()):
        if person.alerts_in_app:
            notifications.notify(
                person,
                f"estimate_{reply.kind}",
                title,
                links.office_estimate(estimate),
                key=reply.public_id,
            )
        if person.alerts_by_email:
            estimate_mail.reply_alert(estimate, reply, title, reason_text(reply), person)
