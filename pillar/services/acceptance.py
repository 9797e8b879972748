"""The moment a customer signs: signature, status, job, copies and alerts in one transaction (2.8, 2.9, 2.11)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from pillar import clock
from pillar.canonical import content_hash
from pillar.errors import DocumentChanged, RuleViolation
from pillar.extensions import db
from pillar.models.estimate import ACCEPTABLE, Estimate, EstimateStatus
from pillar.models.job import Job
from pillar.models.numbers import NumberKind
from pillar.models.signature import Signature, SignatureMethod
from pillar.models.staff import StaffStatus, StaffUser
from pillar.models.tenant import OnAcceptance, Tenant
from pillar.offer import Choice, choice_record, choose
from pillar.permissions import Permission
from pillar.services import certificates, estimate_mail, links, notifications, numbers, quotes


@dataclass(frozen=True, slots=True)
class Signing:
    """What the customer posted, already checked: the drawing is drawn, the name is not empty."""

    revision: int
    content_hash: str
    method: SignatureMethod
    signer_name: str
    ip: str
    user_agent: str
    strokes: str = ""
    image_png: bytes | None = None
    option_key: str | None = None
    addon_keys: tuple[str, ...] = ()
    # The total that stood on the page; None where nobody could see another one (a plain estimate).
    shown_total_cents: int | None = None


def accept_estimate(tenant: Tenant, estimate_id: int, signing: Signing) -> Signature:
    """Accept what the customer saw, once. A second try of an accepted estimate gives the first signature.

    Raises DocumentChanged when what they saw is no longer the current offer or no longer open, RuleViolation
    when the record would not be whole.
    """
    estimate = quotes.load(db.session(), estimate_id, for_update=True)
    if estimate.status is EstimateStatus.ACCEPTED:
        return _first_signature(estimate)
    _check_signed(signing)
    _check_open(tenant, estimate, signing)
    signature = _sign(tenant, estimate, signing)
    estimate.total_cents = signature.total_cents
    estimate.accept(signature.signed_at)
    certificates.ask_for_pdf(signature)
    job = create_job(tenant, estimate) if tenant.on_acceptance is OnAcceptance.CREATE_JOB else None
    estimate_mail.accepted_copy(estimate, signature)
    _alert_office(estimate, signature, job)
    return signature


def create_job(tenant: Tenant, estimate: Estimate) -> Job:
    """The job of an accepted estimate. Raises RuleViolation when there is one already (invariant 17)."""
    if estimate.status is not EstimateStatus.ACCEPTED:
        raise RuleViolation("Only an approved estimate becomes a job.")
    if quotes.job_of(estimate) is not None:
        raise RuleViolation("This estimate has its job already.")
    job = Job(
        number=numbers.next_number(tenant, NumberKind.JOB),
        title=estimate.title,
        customer=estimate.customer,
        location=estimate.location,
        estimate=estimate,
        contract_total_cents=estimate.total_cents,
    )
    db.session.add(job)
    db.session.flush()
    job.audit("job.created", number=job.number, estimate=estimate.number)
    return job


def office_recipients(session: Session) -> list[StaffUser]:
    """Who hears about estimates: active staff who may work on them."""
    staff = session.scalars(
        select(StaffUser).where(StaffUser.status == StaffStatus.ACTIVE, StaffUser.deleted_at.is_(None))
    )
    return [person for person in staff if person.may(Permission.ESTIMATE_WRITE)]


def _first_signature(estimate: Estimate) -> Signature:
    signature = quotes.signature_of(estimate)
    if signature is None:
        raise DocumentChanged("Accepted without a signature")
    return signature


def _check_signed(signing: Signing) -> None:
    """Whoever calls has asked already; a record without a name or a drawing must not come to be (14)."""
    if not signing.signer_name.strip():
        raise RuleViolation("Write your full name.", field="signer_name")
    if signing.method is SignatureMethod.DRAW and not (signing.strokes and signing.image_png):
        raise RuleViolation("Draw your signature in the box.", field="strokes")


def _check_open(tenant: Tenant, estimate: Estimate, signing: Signing) -> None:
    revision = estimate.revision
    seen = (signing.revision, signing.content_hash)
    if estimate.status not in ACCEPTABLE or seen != (revision.n, revision.content_hash):
        raise DocumentChanged("Not the offer that was shown")
    if not revision.is_genuine:
        raise DocumentChanged("The stored document does not have its hash")
    if estimate.is_past(tenant.time_zone):
        raise DocumentChanged("Past its last day")


def _sign(tenant: Tenant, estimate: Estimate, signing: Signing) -> Signature:
    revision = estimate.revision
    document = revision.content
    choice = _choice(document, signing)
    record, record_hash = choice_record(document, revision.content_hash, choice)
    signature = Signature(
        estimate=estimate,
        revision=revision,
        option_key=choice.option_key,
        addon_keys=list(choice.addon_keys),
        choice=record,
        choice_hash=record_hash,
        total_cents=choice.total_cents,
        method=signing.method,
        signer_name=signing.signer_name,
        contact_id=estimate.contact_id,
        consent_version=quotes.CONSENT_VERSION,
        consent_text=quotes.consent_text(document, choice),
        terms_hash=content_hash(document["terms"]),
        content_hash=revision.content_hash,
        ip=signing.ip,
        user_agent=signing.user_agent,
        time_zone=tenant.time_zone,
        signed_at=clock.now(),
        strokes=signing.strokes,
        image_png=signing.image_png,
    )
    db.session.add(signature)
    # The unique key on the estimate speaks here, before anything else is written.
    db.session.flush()
    return signature


def _choice(document: dict[str, Any], signing: Signing) -> Choice:
    """What the customer chose, priced by us; it must be what they were shown."""
    choice = choose(document, signing.option_key, signing.addon_keys)
    if signing.shown_total_cents not in {None, choice.total_cents}:
        raise DocumentChanged("Another total than the one that was shown")
    return choice


def _alert_office(estimate: Estimate, signature: Signature, job: Job | None) -> None:
    link = links.office_job(job) if job else links.office_estimate(estimate)
    title = f"{signature.signer_name} approved {estimate.number}, {estimate.title}"
    for person in office_recipients(db.session()):
        if person.alerts_in_app:
            notifications.notify(person, "estimate_accepted", title, link, key=estimate.public_id)
        if person.alerts_by_email:
            estimate_mail.accepted_alert(estimate, signature, job, person)
