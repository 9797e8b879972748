"""What a customer sees of an estimate behind its private link."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session, contains_eager

from pillar import clock, dates
from pillar.extensions import db
from pillar.models.estimate import ACCEPTABLE, SIGNED, Estimate, EstimateStatus
from pillar.models.estimate_revision import EstimateRevision
from pillar.models.job import Job
from pillar.models.signature import Signature, SignatureMethod
from pillar.models.tenant import Tenant
from pillar.money import money
from pillar.offer import Choice, choose, what_changed
from pillar.services import evidence
from pillar.services.branding import CompanyProfile
from pillar.tenancy import across_tenants
from pillar.text import first_name

log = structlog.get_logger()

S = EstimateStatus
CONSENT_VERSION = "2026-11"
_FRIDAY = 5
_PICK = "Our pick for you"


@dataclass(frozen=True, slots=True)
class Pill:
    """Colour, icon and word of a status: always all three."""

    tone: str
    icon: str
    label: str


PILLS: dict[EstimateStatus, Pill] = {
    S.DRAFT: Pill("off", "pencil", "Draft"),
    S.SENT: Pill("wait", "pencil", "Ready to approve"),
    S.CHANGES_REQUESTED: Pill("wait", "chat", "Changes requested"),
    S.ACCEPTED: Pill("good", "check", "Approved"),
    S.DECLINED: Pill("off", "minus", "Declined"),
    S.EXPIRED: Pill("off", "clock", "Expired"),
    S.WITHDRAWN: Pill("off", "minus", "Withdrawn"),
    S.SUPERSEDED: Pill("off", "refresh", "Replaced"),
    S.CANCELLED: Pill("off", "minus", "Cancelled"),
}

_CLOSED = {
    S.DECLINED: "This estimate was declined. Call us if you would like to go ahead after all.",
    S.EXPIRED: "This estimate is past its last day. Call us and we will bring it up to date.",
    S.WITHDRAWN: "We took this estimate back. Call us and we will send you the right one.",
    S.SUPERSEDED: "A newer estimate replaced this one. Look for it in your messages, or call us.",
    S.CANCELLED: "This estimate was cancelled after it was approved. Call us if that surprises you.",
}


@dataclass(frozen=True, slots=True)
class SignatureView:
    """A signature as it is shown: who, when, under which record."""

    signer_name: str
    signed_at_text: str
    record_id: str
    method: str
    image_url: str | None


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the way from estimate to payment."""

    label: str
    state: str


@dataclass(frozen=True, slots=True)
class NextStep:
    """One line of "what happens next"."""

    title: str
    detail: str
    now: bool = False


@dataclass(frozen=True, slots=True)
class Selection:
    """Which option and add-ons somebody names; nothing named means the company's pick."""

    option_key: str | None = None
    addon_keys: tuple[str, ...] | None = None

    @property
    def is_named(self) -> bool:
        """Whether anything was chosen, be it that no add-on shall go along."""
        return self.option_key is not None or self.addon_keys is not None


@dataclass(frozen=True, slots=True)
class Tier:
    """One option as a card: its name, why to take it, its price with the add-ons that are ticked, what it holds."""

    key: str
    label: str
    reason: str
    is_chosen: bool
    total_cents: int
    ticks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AddOn:
    """One add-on as a box to tick."""

    key: str
    description: str
    scope: str
    amount_cents: int
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class Quote:
    """One estimate for one page. Amounts and words come from the frozen document alone."""

    document: dict[str, Any]
    option: dict[str, Any]
    choice: Choice
    tiers: tuple[Tier, ...]
    addons: tuple[AddOn, ...]
    change_note: str
    changes: tuple[str, ...]
    status: str
    pill: Pill
    revision: int
    content_hash: str
    tampered: bool
    can_sign: bool
    closed_text: str
    valid_until_text: str
    consent_text: str
    first_name: str
    signature: SignatureView | None
    pdf_url: str
    steps: tuple[Step, ...]
    next_steps: tuple[NextStep, ...]
    preview: bool = False


# Put together once: these two are most of what a look at the page asks of the database.
_BY_TOKEN = (
    select(Estimate.tenant_id, Tenant.settings_version, Estimate.id)
    .join(Tenant, Tenant.id == Estimate.tenant_id)
    .where(
        Estimate.public_token == bindparam("token"),
        Estimate.token_revoked_at.is_(None),
        Estimate.deleted_at.is_(None),
        Estimate.status != S.DRAFT,
    )
)
_WITH_REVISION = (
    select(Estimate)
    .join(Estimate.revisions)
    .where(Estimate.id == bindparam("estimate_id"), EstimateRevision.n == Estimate.current_revision)
    .options(contains_eager(Estimate.revisions))
    .execution_options(populate_existing=True)
)


def find_by_token(session: Session, token: str) -> tuple[int, int, int] | None:
    """(tenant id, its settings version, estimate id) behind a live document link; one indexed look-up."""
    with across_tenants(session, "a document link names its company"):
        row = session.execute(_BY_TOKEN, {"token": token}).one_or_none()
    return (row[0], row[1], row[2]) if row else None


def load(session: Session, estimate_id: int, *, for_update: bool = False) -> Estimate:
    """The estimate with its current revision in one query; `for_update` takes its row first."""
    if for_update:
        session.scalars(select(Estimate.id).where(Estimate.id == estimate_id).with_for_update()).one()
    return session.scalars(_WITH_REVISION, {"estimate_id": estimate_id}).unique().one()


def view(
    estimate: Estimate,
    company: CompanyProfile,
    selection: Selection | None = None,
    *,
    preview: bool = False,
) -> Quote:
    """Everything the page needs, from the frozen revision and the signature.

    Raises RuleViolation when the selection names what is not part of the offer.
    """
    revision = estimate.revision
    signature = signature_of(estimate) if estimate.status in SIGNED else None
    document, tampered = _as_stored(estimate, signature)
    status = _status_now(estimate, company)
    choice = (
        chosen(document, signature)
        if signature and not tampered
        else _selected(document, selection or Selection())
    )
    can_sign = status in ACCEPTABLE and not tampered
    return Quote(
        document=document,
        option=choice.as_option(),
        choice=choice,
        tiers=_tiers(document, choice) if can_sign else (),
        addons=_addons(document, choice) if can_sign else (),
        change_note=document["change_note"],
        changes=_changes(estimate, document) if can_sign and revision.n > 1 else (),
        status=status.value,
        pill=PILLS[status],
        revision=revision.n,
        content_hash=revision.content_hash,
        tampered=tampered,
        can_sign=can_sign,
        closed_text=_CLOSED.get(status, ""),
        valid_until_text=good_until(document, estimate.valid_until),
        consent_text=consent_text(document, choice),
        first_name=first_name(document["customer"]["contact"] or document["customer"]["name"]),
        signature=describe_signature(signature, estimate) if signature else None,
        pdf_url=f"/quote/{estimate.public_token}/estimate.pdf" if estimate.has_live_link else "",
        steps=_steps(status),
        next_steps=_next_steps(company, signature.signed_at if signature else None, choice.deposit_cents),
        preview=preview,
    )


def _as_stored(estimate: Estimate, signature: Signature | None) -> tuple[dict[str, Any], bool]:
    """The document, and whether somebody changed it or the signature on it."""
    revision = estimate.revision
    is_genuine = revision.is_genuine
    document = revision.content if is_genuine else evidence.what_is_left(estimate)
    if signature is not None:
        is_covered = is_genuine and evidence.signature_fits(signature, revision, document)
    else:
        is_covered = is_genuine and estimate.status not in SIGNED
    if is_covered:
        return document, False
    log.error("document_tampered", estimate=estimate.public_id, number=estimate.number)
    return document, True


def _status_now(estimate: Estimate, company: CompanyProfile) -> EstimateStatus:
    """The hourly sweep may not have marked it expired yet; the page tells the truth to the minute."""
    is_over = estimate.status in ACCEPTABLE and estimate.is_past(company.time_zone)
    return S.EXPIRED if is_over else estimate.status


def chosen(document: dict[str, Any], signature: Signature) -> Choice:
    """What was signed, priced from the document."""
    return choose(document, signature.option_key, signature.addon_keys)


def signature_of(estimate: Estimate) -> Signature | None:
    """The one signature, without its drawing."""
    return db.session.scalars(select(Signature).where(Signature.estimate_id == estimate.id)).one_or_none()


def job_of(estimate: Estimate) -> Job | None:
    """The job that came of it."""
    return db.session.scalars(select(Job).where(Job.estimate_id == estimate.id)).one_or_none()


def consent_text(document: dict[str, Any], choice: Choice) -> str:
    """The sentence at the consent box; it names what is approved and for how much, and is stored as signed."""
    what = f"the {choice.label} option" if choice.label else document["title"]
    terms = " and agree to the terms" if document["terms"] else ""
    return (
        f"I approve {what} for {money(choice.total_cents)}{terms}. My signature here is as good as on paper."
    )


def describe_signature(signature: Signature, estimate: Estimate | None = None) -> SignatureView:
    """How a signature is shown on page and mail."""
    drawn = signature.method is SignatureMethod.DRAW and estimate is not None
    return SignatureView(
        signer_name=signature.signer_name,
        signed_at_text=dates.signature_time(signature.signed_at, signature.time_zone),
        record_id=signature.certificate_id,
        method=signature.method.value,
        image_url=f"/quote/{estimate.public_token}/signature.png" if drawn and estimate else None,
    )


def good_until(document: dict[str, Any], day: date | None = None) -> str:
    """`Thu, Apr 9`; an extension by the office counts over the day in the document."""
    return dates.long_date(day or date.fromisoformat(document["valid_until"]), document["time_zone"])


def _selected(document: dict[str, Any], selection: Selection) -> Choice:
    return choose(document, selection.option_key, selection.addon_keys)


def _tiers(document: dict[str, Any], choice: Choice) -> tuple[Tier, ...]:
    """The cards to choose from; a plain estimate has none."""
    options = document["options"]
    if len(options) == 1 and not options[0]["label"]:
        return ()
    return tuple(
        Tier(
            key=option["key"],
            label=option["label"],
            reason=reason_of(option),
            is_chosen=option["key"] == choice.option_key,
            total_cents=_total(document, option["key"], choice),
            ticks=tuple(line["description"] for line in option["lines"]),
        )
        for option in options
    )


def reason_of(option: Mapping[str, Any]) -> str:
    """Why to take an option, in one line; the recommended one says that it is, also where nobody wrote why."""
    reason = str(option.get("reason", ""))
    if not option["recommended"]:
        return reason
    return f"{_PICK} · {reason}" if reason else _PICK


def _total(document: dict[str, Any], option_key: str, choice: Choice) -> int:
    """What an option costs with the add-ons of a choice."""
    if option_key == choice.option_key:
        return choice.total_cents
    return choose(document, option_key, choice.addon_keys).total_cents


def _addons(document: dict[str, Any], choice: Choice) -> tuple[AddOn, ...]:
    return tuple(
        AddOn(
            line["key"],
            line["description"],
            line["scope"],
            line["amount_cents"],
            line["key"] in choice.addon_keys,
        )
        for line in document["addons"]
    )


def _changes(estimate: Estimate, document: dict[str, Any]) -> tuple[str, ...]:
    """What differs from the revision that the customer saw before (2.10)."""
    before = db.session.scalars(
        select(EstimateRevision)
        .where(
            EstimateRevision.estimate_id == estimate.id,
            EstimateRevision.n < estimate.current_revision,
            EstimateRevision.sent_at.is_not(None),
        )
        .order_by(EstimateRevision.n.desc())
        .limit(1)
    ).one_or_none()
    return tuple(what_changed(before.content, document)) if before and before.is_genuine else ()


def _steps(status: EstimateStatus) -> tuple[Step, ...]:
    accepted = status is S.ACCEPTED
    return (
        Step("Estimate", "done" if accepted else "current"),
        Step("Scheduled", "current" if accepted else "ahead"),
        Step("Done", "ahead"),
        Step("Paid", "ahead"),
    )


def _next_steps(
    company: CompanyProfile, signed_at: datetime | None, deposit_cents: int
) -> tuple[NextStep, ...]:
    call = NextStep("We call to set a day", _call_by(company.time_zone, signed_at or clock.now()), now=True)
    pay = NextStep("You pay the deposit", f"{money(deposit_cents)}. We tell you how when we call.")
    return (
        call,
        *((pay,) if deposit_cents else ()),
        NextStep("We do the work", "You hear from us before we come."),
        NextStep("You pay when the work is done", "We send you the invoice."),
    )


def _call_by(zone: str, signed_at: datetime) -> str:
    """By when the office calls: the next working day. Whoever looks later is told what to do instead."""
    day = signed_at.astimezone(ZoneInfo(zone)).date() + timedelta(days=1)
    while day.isoweekday() > _FRIDAY:
        day += timedelta(days=1)
    if day < clock.today(zone):
        return "Call us if you have not heard from us."
    return f"By the end of {dates.long_date(day, zone)}."
