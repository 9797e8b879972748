"""The office's side of an estimate: write it, send it, take it back, give it more days."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta

from sqlalchemy import select

from pillar import clock
from pillar.errors import RuleViolation
from pillar.extensions import db
from pillar.models.estimate import Estimate, EstimateStatus
from pillar.models.estimate_revision import EstimateRevision
from pillar.models.message import Channel, FailureCategory, Message
from pillar.models.numbers import NumberKind
from pillar.models.tenant import Tenant
from pillar.services import estimate_sending, numbers
from pillar.services.estimate_document import compose_document
from pillar.services.estimate_draft import EstimateInput, check_last_day, copy_revision, write_draft
from pillar.services.failures import NotSendable

S = EstimateStatus
_REVISABLE = frozenset({S.SENT, S.CHANGES_REQUESTED, S.DECLINED, S.EXPIRED})
_SENDABLE = _REVISABLE | {S.DRAFT}


def draft_estimate(tenant: Tenant, content: EstimateInput, public_id: str | None = None) -> Estimate:
    """Start an estimate. It has no number and no live link until it is sent.

    `public_id` is that of the form it was written in, which may make one estimate only.
    """
    estimate = Estimate(public_id=public_id, title=content.title, customer=content.customer)
    estimate.revisions.append(EstimateRevision(n=1))
    db.session.add(estimate)
    write_draft(tenant, estimate, content)
    db.session.flush()
    estimate.audit("estimate.drafted", title=estimate.title, total_cents=estimate.total_cents)
    return estimate


def edit_draft(tenant: Tenant, estimate: Estimate, content: EstimateInput) -> Estimate:
    """Replace the content of the revision that is being written. Raises RuleViolation when there is none."""
    if estimate.draft is None or not may_send(estimate):
        raise RuleViolation("This estimate was sent already. Make a new revision to change it.")
    before = estimate.total_cents
    write_draft(tenant, estimate, content)
    # Another version even where only lines changed: two people editing must notice each other.
    estimate.updated_at = clock.now()
    estimate.audit("estimate.edited", before_cents=before, after_cents=estimate.total_cents)
    return estimate


def send_estimate(
    tenant: Tenant, estimate: Estimate, channels: Collection[Channel] = (Channel.EMAIL,)
) -> list[Message]:
    """Freeze the draft, give it its number, and ask for the messages. Raises RuleViolation naming what is missing.

    A draft of a further revision keeps the number and the link, and replaces what the customer sees.
    """
    revision = estimate.draft
    if revision is None:
        raise RuleViolation("This estimate was sent already. Use Send again.")
    if not may_send(estimate):
        raise RuleViolation("This estimate is closed. Discard the new revision, or duplicate the estimate.")
    estimate_sending.check_reachable(estimate, channels)
    _check_portal(tenant)
    _check_whole(revision)
    valid_until = revision.valid_until or tenant.today() + timedelta(days=tenant.estimate_valid_days)
    check_last_day(tenant, valid_until)
    if estimate.number is None:
        estimate.number = numbers.next_number(tenant, NumberKind.ESTIMATE)
    estimate.location = revision.location
    # What is typed must be stored before it is frozen: beside the freezing nothing changes any more.
    db.session.flush()
    revision.freeze(compose_document(tenant, estimate, revision, valid_until))
    estimate.mark_sent(revision, valid_until=valid_until)
    db.session.flush()
    return estimate_sending.send(estimate, channels)


def may_send(estimate: Estimate) -> bool:
    """Whether what is being written may still become what the customer sees."""
    return estimate.status in _SENDABLE


def may_revise(estimate: Estimate) -> bool:
    """Whether a new revision can be started now."""
    return estimate.draft is None and estimate.status in _REVISABLE


def start_revision(estimate: Estimate) -> EstimateRevision:
    """Copy the current revision into a new draft. The customer goes on seeing the current one until it is sent."""
    if estimate.draft is not None:
        raise RuleViolation("A new revision is being written already.")
    if estimate.status not in _REVISABLE:
        raise RuleViolation("Only an open, declined or expired estimate gets a new revision.")
    draft = copy_revision(estimate.revision, estimate.current_revision + 1)
    estimate.revisions.append(draft)
    db.session.flush()
    estimate.audit("estimate.revision_started", revision=draft.n)
    return draft


def discard_revision(estimate: Estimate) -> None:
    """Throw away a revision that is being written; what the customer sees stays."""
    if estimate.draft is None or estimate.status is EstimateStatus.DRAFT:
        raise RuleViolation("There is no new revision to discard.")
    estimate.audit("estimate.revision_discarded", revision=estimate.draft.n)
    db.session.delete(estimate.draft)
    db.session.flush()
    db.session.expire(estimate, ["revisions"])


def duplicate_estimate(estimate: Estimate, public_id: str | None = None) -> Estimate:
    """A new draft for the same customer with the same content; `public_id` as in `draft_estimate`."""
    copy = Estimate(
        public_id=public_id,
        title=estimate.title,
        customer=estimate.customer,
        contact=estimate.contact,
        location=estimate.location,
        total_cents=estimate.draft_or_current.total_cents,
    )
    copy.revisions.append(copy_revision(estimate.draft_or_current, 1))
    db.session.add(copy)
    db.session.flush()
    copy.audit("estimate.drafted", title=copy.title, copied_from=estimate.number or estimate.public_id)
    return copy


def resend_estimate(tenant: Tenant, estimate: Estimate, channels: Collection[Channel] = ()) -> list[Message]:
    """Send the same link again, as it went the last time or as asked (7: a resend never kills an earlier link)."""
    if not estimate.has_live_link or estimate.status not in {
        EstimateStatus.SENT,
        EstimateStatus.CHANGES_REQUESTED,
        EstimateStatus.ACCEPTED,
    }:
        raise RuleViolation("Only an open or approved estimate can be sent again.")
    if estimate.status is not EstimateStatus.ACCEPTED:
        _check_portal(tenant)
    channels = channels or estimate_sending.last_channels(estimate)
    # Another version: the second press of a button that was pressed twice is told so.
    estimate.updated_at = clock.now()
    estimate.audit("estimate.resent", number=estimate.number, by=[channel.value for channel in channels])
    return estimate_sending.send(estimate, channels)


def withdraw_estimate(estimate: Estimate) -> None:
    """Take an open estimate back. Its link then says so."""
    if not estimate.may_become(EstimateStatus.WITHDRAWN):
        raise RuleViolation("Only an open estimate can be withdrawn.")
    estimate.withdraw()


def discard_draft(estimate: Estimate) -> None:
    """Delete an estimate that nobody was sent; it has no number, so none is lost."""
    if estimate.status is not EstimateStatus.DRAFT:
        raise RuleViolation("This estimate was sent already. Withdraw it instead.")
    estimate.deleted_at = clock.now()
    estimate.audit("estimate.discarded", title=estimate.title)


def decline_estimate(estimate: Estimate, reason: str) -> None:
    """Note that the customer said no, with the reason they gave."""
    if not estimate.may_become(EstimateStatus.DECLINED):
        raise RuleViolation("Only an open estimate can be declined.")
    estimate.decline(reason)


def extend_estimate(tenant: Tenant, estimate: Estimate, valid_until: date) -> None:
    """Give it more days; an expired one is open again (2.1). An offer never gets shorter behind a back."""
    check_last_day(tenant, valid_until)
    if estimate.valid_until is not None and valid_until < estimate.valid_until:
        raise RuleViolation("Choose a later day than the one it has.", field="valid_until")
    estimate.extend(valid_until)


def expire_due(tenant: Tenant) -> int:
    """Mark open estimates whose last day is over; how many."""
    open_ones = db.session.scalars(
        select(Estimate).where(
            Estimate.status.in_((EstimateStatus.SENT, EstimateStatus.CHANGES_REQUESTED)),
            Estimate.valid_until < tenant.today(),
        )
    ).all()
    for estimate in open_ones:
        estimate.expire()
    return len(open_ones)


def _check_portal(tenant: Tenant) -> None:
    """A link that opens nothing is no offer."""
    if not tenant.portal_enabled:
        raise NotSendable(
            FailureCategory.FEATURE_OFF, "Turn the customer portal on under Settings, then send again."
        )


def _check_whole(revision: EstimateRevision) -> None:
    """What must be there before a customer may see it (2.5, missing options; 2.10, the reason)."""
    if revision.n > 1 and not revision.change_note:
        raise RuleViolation("Say why you change the estimate. Your customer reads it.", field="change_note")
    for option in revision.options:
        if not option.lines:
            name = f" to {option.label}" if option.label else ""
            raise NotSendable(FailureCategory.MISSING_OPTIONS, f"Add at least one line{name} before sending.")
