"""What STOP, START and HELP do (7.3): recorded in any case, answered once."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from pillar.extensions import db
from pillar.models.customer import Contact, CustomerContact, Phone
from pillar.models.message import Channel, Purpose
from pillar.opt_out_words import Keyword
from pillar.services import consent
from pillar.services.consent import Said
from pillar.services.texts import Reader, compose_text

_TEMPLATES = {Keyword.STOP: "texts_stopped", Keyword.START: "texts_started", Keyword.HELP: "texts_help"}


def act(keyword: Keyword, number: str, said: Said, *, key: str, is_answered: bool) -> None:
    """Record it and write the answer, where the vendor has not given one and something changed by it."""
    params: dict[str, Any] = {}
    if keyword is Keyword.STOP:
        had_stopped = consent.may_text(number) is not None
        record = consent.opt_out(number, Channel.SMS, said)
        if had_stopped:
            return
        params[consent.CONFIRMS] = record.public_id
    elif keyword is Keyword.START:
        had_stopped = consent.may_text(number) is not None
        consent.opt_in_again(number, Channel.SMS, said)
        if not had_stopped:
            return
    if not is_answered:
        template = _TEMPLATES[keyword]
        compose_text(
            template,
            _reader(number),
            purpose=Purpose.TRANSACTIONAL,
            dedupe_key=f"{template}:{key}",
            params=params,
        )


def _reader(number: str) -> Reader:
    """Who writes from this number, where exactly one person of ours has it."""
    query = (
        select(Contact)
        .join(Phone, Phone.contact_id == Contact.id)
        .where(Phone.e164 == number, Contact.deleted_at.is_(None))
        .limit(2)
    )
    people = db.session.scalars(query).unique().all()
    if len(people) != 1:
        return Reader(number)
    links = select(CustomerContact).where(CustomerContact.contact_id == people[0].id).limit(1)
    link = db.session.scalars(links).one_or_none()
    return Reader(number, people[0].name, link.customer if link else None)
