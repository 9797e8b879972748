"""The message that brings a personal portal link: by mail, by text or both (1.11; failures as in 2.5)."""

from __future__ import annotations

from collections.abc import Collection

from pillar.errors import RuleViolation
from pillar.models.customer import Contact, Customer
from pillar.models.message import Channel, FailureCategory, Message, Purpose
from pillar.models.portal import PersonalLink
from pillar.models.tenant import Tenant
from pillar.services import messages, personal_links
from pillar.services.failures import NotSendable
from pillar.services.personal_links import LINK_OF_MESSAGE, LinkState
from pillar.services.texts import Reader, compose_text, mobile_of
from pillar.text import first_name

TEMPLATE = "portal_link"


def send_link(tenant: Tenant, contact: Contact, channels: Collection[Channel] = ()) -> list[Message]:
    """Make a link and write its messages; without `channels` by mail, else by text. Raises RuleViolation.

    Where no key can sign links the message is written as failed, so that the office sees why and can repeat it.
    """
    if not tenant.portal_enabled:
        raise NotSendable(
            FailureCategory.FEATURE_OFF, "Turn the customer portal on under Settings, then send again."
        )
    if not personal_links.may_have_links(contact):
        raise RuleViolation("This contact has no access to the portal. Change that on the contact first.")
    channels = channels or ways_to(contact)[:1]
    _check_reachable(contact, channels)
    link = personal_links.make(contact)
    made = [_mailed(link)] if Channel.EMAIL in channels else []
    made += [_texted(link)] if Channel.SMS in channels else []
    for message in made:
        message.params = {**message.params, LINK_OF_MESSAGE: link.public_id}
        if personal_links.lacks_key(message):
            messages.fail(message, FailureCategory.LINK_SETUP, personal_links.NO_KEY)
    return made


def ways_to(contact: Contact) -> tuple[Channel, ...]:
    """How this person can be reached, the usual way first."""
    mail = (Channel.EMAIL,) if contact.email else ()
    return (*mail, Channel.SMS) if mobile_of(contact) else mail


def number_of(contact: Contact) -> str:
    """The number that this person can be texted at; empty when there is none."""
    return mobile_of(contact)


def masked_way(contact: Contact) -> str:
    """Where a fresh link would go, in words that give nothing away; empty when nowhere."""
    ways = ways_to(contact)
    return personal_links.mask(contact.email if ways[0] is Channel.EMAIL else "") if ways else ""


def reason_to_drop(message: Message) -> str:
    """Why this should not be sent any more; empty when it should."""
    link = personal_links.of_message(message)
    if link is None or not personal_links.may_have_links(link.contact):
        return "This person may not use the portal any more."
    if personal_links.state_of(link) is not LinkState.LIVE:
        return "The link ended before this went out."
    return ""


def _check_reachable(contact: Contact, channels: Collection[Channel]) -> None:
    if not channels or (Channel.EMAIL in channels and not contact.email):
        raise RuleViolation("There is no email address on the contact to send this to.")
    if Channel.SMS in channels and not mobile_of(contact):
        raise RuleViolation("There is no phone number on the contact to text this to.")


def _mailed(link: PersonalLink) -> Message:
    contact = link.contact
    return messages.compose(
        TEMPLATE,
        to_address=contact.email,
        to_name=contact.name,
        purpose=Purpose.TRANSACTIONAL,
        about=f"contact:{contact.public_id}",
        customer=_customer(contact),
        dedupe_key=f"{TEMPLATE}:{link.public_id}",
        context={
            "link": personal_links.blank_address(link),
            "contact_name": first_name(contact.name),
            "preheader": "Your estimates and where your work stands. No password needed.",
        },
    )


def _texted(link: PersonalLink) -> Message:
    contact = link.contact
    return compose_text(
        TEMPLATE,
        Reader(mobile_of(contact), contact.name, _customer(contact)),
        about=f"contact:{contact.public_id}",
        dedupe_key=f"{TEMPLATE}:{link.public_id}:sms",
        context={"link": personal_links.blank_address(link)},
    )


def _customer(contact: Contact) -> Customer | None:
    """Whose timeline tells of it: the first customer this person speaks for."""
    return contact.customer_links[0].customer if contact.customer_links else None
