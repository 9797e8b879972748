"""The watch over what was sent and signed: a document that somebody changed in the database alarms the admins (12).

Pages hash their document on every rendering, but they only read; whoever looks there finds TAMPERED and nobody else
hears of it. So a periodic task looks as well. Each hour it takes a twenty-fourth of the documents, by row id, and
those sent within the last day: every one is looked at at least once a day, the work is spread evenly, no place has to
be remembered, and an hour that was missed is made up for on the next day. `pillar verify` still looks at all at once.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import or_, select
from sqlalchemy.orm import undefer

from pillar.extensions import db
from pillar.models.estimate import SIGNED, Estimate, EstimateStatus
from pillar.models.estimate_revision import EstimateRevision
from pillar.models.message import Purpose
from pillar.models.signature import Signature
from pillar.models.signed_pdf import SignedPdf
from pillar.models.staff import Notification, StaffStatus, StaffUser
from pillar.permissions import Permission
from pillar.services import links, messages, notifications
from pillar.services.evidence import signature_fits
from pillar.services.verification.estimates import UNREADABLE
from pillar.text import first_name

_PARTS = 24
_RECENT = timedelta(days=1)
_CHUNK = 50
_KIND = "document_tampered"


def changed_estimates(now: datetime) -> list[int]:
    """The row ids of estimates, of this hour's part, whose document, signature or signed paper was changed."""
    query = (
        select(Estimate, EstimateRevision, Signature, SignedPdf)
        .outerjoin(
            EstimateRevision,
            (EstimateRevision.estimate_id == Estimate.id) & (EstimateRevision.n == Estimate.current_revision),
        )
        .outerjoin(Signature, Signature.estimate_id == Estimate.id)
        .outerjoin(SignedPdf, SignedPdf.signature_id == Signature.id)
        .where(
            Estimate.status != EstimateStatus.DRAFT,
            or_(Estimate.id % _PARTS == now.hour, EstimateRevision.sent_at > now - _RECENT),
        )
        .options(undefer(SignedPdf.pdf))
        .order_by(Estimate.id)
        .execution_options(yield_per=_CHUNK)
    )
    return [row[0].id for row in db.session.execute(query) if not _is_whole(*row)]


def alarm(estimate_ids: list[int]) -> None:
    """Tell every admin of the bound company, once for each document."""
    if not estimate_ids:
        return
    admins = [
        person
        for person in db.session.scalars(
            select(StaffUser).where(StaffUser.status == StaffStatus.ACTIVE, StaffUser.deleted_at.is_(None))
        )
        if person.may(Permission.SETTINGS_WRITE)
    ]
    for estimate in db.session.scalars(select(Estimate).where(Estimate.id.in_(estimate_ids))):
        for person in admins:
            _tell(person, estimate)


def _is_whole(
    estimate: Estimate,
    revision: EstimateRevision | None,
    signature: Signature | None,
    paper: SignedPdf | None,
) -> bool:
    """What a page asks before it shows a document as genuine, and `/verify` before it calls a paper so."""
    if revision is None or not revision.is_genuine:
        return False
    if signature is None:
        return estimate.status not in SIGNED
    if paper is not None and paper.is_made and not paper.is_genuine:
        return False
    try:
        document = revision.content
    except UNREADABLE:
        # Document and hash were changed together, into something that is no document.
        return False
    return signature_fits(signature, revision, document)


def _tell(person: StaffUser, estimate: Estimate) -> None:
    """In the app and by mail, whatever they chose for everyday news."""
    key, link = estimate.public_id, links.office_estimate(estimate)
    title = f"TAMPERED: {estimate.number or 'an estimate'} does not match what was sent"
    known = select(Notification.id).where(
        Notification.staff_id == person.id, Notification.dedupe_key == f"{_KIND}:{key}"
    )
    if db.session.scalar(known) is None:
        notifications.notify(person, _KIND, title, link, key=key)
    messages.compose(
        _KIND,
        to_address=person.email,
        to_name=person.name,
        purpose=Purpose.TRANSACTIONAL,
        about=f"estimate:{key}",
        dedupe_key=f"{_KIND}:{key}:{person.public_id}",
        context={
            "title": title,
            "number": estimate.number or "An estimate",
            "admin_link": link,
            "contact_name": first_name(person.name),
            "preheader": title,
        },
    )
