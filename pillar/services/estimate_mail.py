"""The messages about an estimate: one function each."""

from __future__ import annotations

from datetime import date

from sqlalchemy import update

from pillar import clock, dates
from pillar.extensions import db
from pillar.models.customer import Contact
from pillar.models.estimate import Estimate
from pillar.models.estimate_replies import EstimateReply
from pillar.models.job import Job
from pillar.models.message import Message, MessageStatus, Purpose
from pillar.models.signature import Signature
from pillar.models.staff import StaffUser
from pillar.money import money
from pillar.offer import choose
from pillar.services import links, messages
from pillar.services.quotes import chosen, describe_signature, good_until
from pillar.services.texts import Reader, compose_text
from pillar.text import first_name


def estimate_sent(estimate: Estimate, contact: Contact, times: int) -> Message:
    """The offer with its private link, to the contact on it. `times` tells one sending from the next."""
    document = estimate.revision.content
    choice = choose(document)
    total, until = money(choice.total_cents), good_until(document, estimate.valid_until)
    return messages.compose(
        "estimate_sent",
        to_address=contact.email,
        to_name=contact.name,
        purpose=Purpose.TRANSACTIONAL,
        about=_about(estimate),
        customer=estimate.customer,
        dedupe_key=f"estimate_sent:{estimate.public_id}:{document['revision']}:{times}",
        context={
            "document": document,
            "option": choice.as_option(),
            "options": document["options"] if len(document["options"]) > 1 else [],
            "link": links.quote(estimate),
            "contact_name": first_name(contact.name),
            "total_text": total,
            "valid_until_text": until,
            "preheader": f"{document['title']}, {total}. Good until {until}.",
        },
    )


def estimate_texted(estimate: Estimate, contact: Contact, number: str, times: int) -> Message:
    """The same by text: when it ends, and the private link."""
    document = estimate.revision.content
    last_day = estimate.valid_until or date.fromisoformat(document["valid_until"])
    return compose_text(
        "estimate_sent",
        Reader(number, contact.name, estimate.customer),
        about=_about(estimate),
        dedupe_key=f"estimate_sent:{estimate.public_id}:{document['revision']}:{times}:sms",
        context={
            "link": links.quote(estimate),
            "valid_until_short": dates.short_date(last_day, document["time_zone"]),
        },
    )


def accepted_copy(estimate: Estimate, signature: Signature) -> Message | None:
    """The customer's copy of what was signed; None when there is no address to send it to.

    It waits for the signed paper, which goes along, but not for long: then it goes with the link alone.
    """
    contact = estimate.contact
    if contact is None or not contact.email:
        return None
    return messages.compose(
        "estimate_accepted_customer",
        to_address=contact.email,
        to_name=contact.name,
        purpose=Purpose.TRANSACTIONAL,
        about=_about(estimate),
        customer=estimate.customer,
        dedupe_key=_copy_key(estimate),
        context=_accepted_context(estimate, signature)
        | {"link": links.quote(estimate), "contact_name": first_name(contact.name)},
    )


def release_copy(signature: Signature) -> int | None:
    """Let the customer's copy go now: its paper is there, or will not be. Its row's id; None when it went already.

    One statement, so that whoever has the row in hand at this moment is not disturbed.
    """
    now = clock.real_now()
    found = db.session.execute(
        update(Message)
        .where(
            Message.dedupe_key == _copy_key(signature.estimate),
            Message.status == MessageStatus.QUEUED,
            Message.attempts == 0,
            Message.due_at > now,
        )
        .values(due_at=now)
        .returning(Message.id),
        execution_options={"synchronize_session": False},
    )
    return found.scalar_one_or_none()


def accepted_alert(estimate: Estimate, signature: Signature, job: Job | None, staff: StaffUser) -> Message:
    """Tell one person of the office."""
    return messages.compose(
        "estimate_accepted_office",
        to_address=staff.email,
        to_name=staff.name,
        purpose=Purpose.TRANSACTIONAL,
        about=_about(estimate),
        customer=estimate.customer,
        dedupe_key=f"estimate_accepted_office:{estimate.public_id}:{staff.public_id}",
        context=_accepted_context(estimate, signature)
        | {
            "admin_link": links.office_job(job) if job else links.office_estimate(estimate),
            "contact_name": first_name(staff.name),
            "job_number": job.number if job else "",
        },
    )


def reply_alert(
    estimate: Estimate, reply: EstimateReply, title: str, words: str, staff: StaffUser
) -> Message:
    """Tell one person of the office what the customer answered."""
    return messages.compose(
        "estimate_reply_office",
        to_address=staff.email,
        to_name=staff.name,
        purpose=Purpose.TRANSACTIONAL,
        about=_about(estimate),
        customer=estimate.customer,
        dedupe_key=f"estimate_reply_office:{reply.public_id}:{staff.public_id}",
        context={
            "document": estimate.revision.content,
            "title": title,
            "words": words,
            "about_line": reply.line_text,
            "kind": reply.kind.value,
            "who": reply.name or estimate.customer.display_name,
            "admin_link": links.office_estimate(estimate),
            "contact_name": first_name(staff.name),
            "preheader": words or title,
        },
    )


def _accepted_context(estimate: Estimate, signature: Signature) -> dict[str, object]:
    document = estimate.revision.content
    total = money(signature.total_cents)
    return {
        "document": document,
        "option": chosen(document, signature).as_option(),
        "total_text": total,
        "valid_until_text": good_until(document, estimate.valid_until),
        "signature": describe_signature(signature),
        "preheader": f"{document['title']}, {total}, signed by {signature.signer_name}.",
    }


def _copy_key(estimate: Estimate) -> str:
    return f"estimate_accepted_customer:{estimate.public_id}"


def _about(estimate: Estimate) -> str:
    return f"estimate:{estimate.public_id}"
