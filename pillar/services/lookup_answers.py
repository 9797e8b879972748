"""Who is behind a lookup, and what goes to them: a worker's part, which no visitor can time (1.8, 1.9)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Select, select

from pillar.extensions import db
from pillar.models.audit import entity_of
from pillar.models.customer import Contact, Customer, CustomerContact, Phone
from pillar.models.estimate import ACCEPTABLE, Estimate, EstimateStatus
from pillar.models.message import Channel, Message, Purpose
from pillar.models.portal import LookupPurpose, LookupRequest
from pillar.money import money
from pillar.services import consent, links, messages, one_time_links
from pillar.services.companies import current_company
from pillar.services.customer_parts import is_live
from pillar.services.lookups import AddressKind, Typed, is_open, unseal
from pillar.services.quotes import PILLS
from pillar.services.texts import Reader, compose_text, is_textable
from pillar.text import first_name

SIGN_IN = "portal_sign_in"
PROPOSALS = "portal_proposals"
# The message names its request: late, or overtaken by a newer one, it is dropped.
REQUEST = "lookup"
_MOST = 5
_LIVE = ACCEPTABLE | {EstimateStatus.ACCEPTED}


@dataclass(frozen=True, slots=True)
class _Way:
    """One person, and the number to text where there is no e-mail."""

    contact: Contact
    number: str = ""


def answer(request: LookupRequest) -> list[Message]:
    """Write the messages that this request asks for, none where nobody is found; then forget what was typed."""
    typed = unseal(request.typed_sealed) if request.typed_sealed else None
    request.typed_sealed = ""
    if typed is None or typed.kind is AddressKind.NEITHER or not is_open(request):
        return []
    if request.purpose is LookupPurpose.SIGN_IN:
        return [_sign_in(request, way) for way in _who_may_come_in(typed)]
    return _proposals(request, typed)


def reason_to_drop(message: Message) -> str:
    """Why a sign-in message should not be sent any more; late or overtaken it would only confuse."""
    if (found := _recipient_of(message)) is None:
        return "It was not sent within ten minutes, or a newer link was asked for."
    _request, contact = found
    is_same = message.channel is Channel.SMS or contact.email == message.to_address
    return "" if contact.is_active and is_same else "This person may not sign in any more."


def secrets_for(message: Message) -> dict[str, object]:
    """What goes into a sign-in message; making it makes a new link and ends the older ones."""
    found = _recipient_of(message)
    if found is None:
        raise KeyError(message.about)
    request, contact = found
    made = one_time_links.make(request, contact, current_company().slug)
    return {"link": made.link, "code": made.code, "contact_name": first_name(contact.name)}


def _recipient_of(message: Message) -> tuple[LookupRequest, Contact] | None:
    """The open request and the person whom a message of ours is for, where it should still go."""
    request = db.session.scalars(
        select(LookupRequest).where(LookupRequest.public_id == message.params.get(REQUEST, ""))
    ).one_or_none()
    contact = db.session.scalars(
        select(Contact).where(Contact.public_id == message.about.partition(":")[2])
    ).one_or_none()
    if request is None or contact is None or not is_open(request):
        return None
    return request, contact


def _who_may_come_in(typed: Typed) -> list[_Way]:
    contacts = list(db.session.scalars(_found_by(typed).order_by(Contact.id)))
    active = [contact for contact in contacts if contact.is_active]
    return _ways(active, typed)[: 1 if typed.kind is AddressKind.EMAIL else _MOST]


def _ways(contacts: list[Contact], typed: Typed) -> list[_Way]:
    """The first person of each e-mail; the number itself only where nobody has one."""
    by_email: dict[str, Contact] = {}
    for contact in contacts:
        if contact.email:
            by_email.setdefault(contact.email, contact)
    if by_email:
        return [_Way(contact) for contact in by_email.values()]
    return [_Way(contacts[0], typed.value)] if contacts and _may_text(typed) else []


def _may_text(typed: Typed) -> bool:
    is_number = typed.kind is AddressKind.PHONE and is_textable(typed.value)
    return is_number and consent.may_text(typed.value) is None


def _found_by(typed: Typed) -> Select[Contact]:
    """Contacts with this address who speak for somebody."""
    query = select(Contact).where(is_live())
    if typed.kind is AddressKind.EMAIL:
        return query.where(Contact.email == typed.value)
    return query.where(Contact.id.in_(select(Phone.contact_id).where(Phone.e164 == typed.value)))


def _sign_in(request: LookupRequest, way: _Way) -> Message:
    """The worker that sends it makes link and code."""
    contact, customer = way.contact, _customer_of(way.contact)
    about, key = entity_of(contact), f"{SIGN_IN}:{request.public_id}:{contact.public_id}"
    params = {REQUEST: request.public_id}
    if way.number:
        reader = Reader(way.number, contact.name, customer)
        return compose_text(
            SIGN_IN, reader, purpose=Purpose.SECURITY, about=about, dedupe_key=key, params=params
        )
    return messages.compose(
        SIGN_IN,
        to_address=contact.email,
        to_name=contact.name,
        purpose=Purpose.SECURITY,
        about=about,
        customer=customer,
        dedupe_key=key,
        params=params,
    )


def _customer_of(contact: Contact) -> Customer | None:
    query = select(Customer).join(CustomerContact, CustomerContact.customer_id == Customer.id)
    return db.session.scalars(
        query.where(CustomerContact.contact_id == contact.id).order_by(Customer.id).limit(1)
    ).one_or_none()


def _proposals(request: LookupRequest, typed: Typed) -> list[Message]:
    """One mail to each address with what is its own; by text one for each document."""
    contacts = {contact.id: contact for contact in db.session.scalars(_found_by(typed))}
    offers = [(offer, contacts[offer.contact_id or 0]) for offer in _live_offers(contacts)]
    asked_for = sorted({contact.id for _offer, contact in offers})
    written = []
    for way in _ways([contacts[row_id] for row_id in asked_for], typed)[:_MOST]:
        if way.number:
            written += [_texted(request, way, offer) for offer, _contact in offers[:_MOST]]
        else:
            own = [offer for offer, contact in offers if contact.email == way.contact.email]
            written.append(_mailed(request, way.contact, own))
    return written


def _live_offers(contacts: Iterable[int]) -> list[Estimate]:
    """What these people could open now, the newest first (1.9)."""
    zone = current_company().time_zone
    query = select(Estimate).where(
        Estimate.contact_id.in_(list(contacts)),
        Estimate.status.in_(_LIVE),
        Estimate.deleted_at.is_(None),
        Estimate.token_revoked_at.is_(None),
    )
    found = db.session.scalars(query.order_by(Estimate.sent_at.desc(), Estimate.id.desc()))
    return [offer for offer in found if offer.status is EstimateStatus.ACCEPTED or not offer.is_past(zone)]


def _mailed(request: LookupRequest, contact: Contact, offers: list[Estimate]) -> Message:
    shown = [
        {
            "title": offer.title,
            "number": offer.number,
            "total": money(offer.total_cents),
            "state": PILLS[offer.status].label,
            "link": links.quote(offer),
        }
        for offer in offers
    ]
    return messages.compose(
        PROPOSALS,
        to_address=contact.email,
        to_name=contact.name,
        about=entity_of(contact),
        customer=offers[0].customer,
        dedupe_key=f"{PROPOSALS}:{request.public_id}:{contact.public_id}",
        context={
            "offers": shown,
            "contact_name": first_name(contact.name),
            "preheader": ", ".join(offer.title for offer in offers[:_MOST]),
        },
    )


def _texted(request: LookupRequest, way: _Way, offer: Estimate) -> Message:
    return compose_text(
        PROPOSALS,
        Reader(way.number, way.contact.name, offer.customer),
        about=entity_of(offer),
        dedupe_key=f"{PROPOSALS}:{request.public_id}:{offer.public_id}",
        context={"link": links.quote(offer), "number": offer.number or ""},
    )
