"""A company with something of everything that there is, made by the product's own services.

Each company's things carry words of its own, so that one look at a page tells whether another's are on it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from flask import g
from sqlalchemy import select

from pillar.extensions import db
from pillar.models import Estimate, Tenant
from pillar.models.signature import SignatureMethod
from pillar.models.staff import StaffUser
from pillar.services import acceptance, customers, estimates, notifications, personal_links, staff
from pillar.services.customer_parts import ContactInput, LocationInput
from pillar.services.customers import CustomerInput
from pillar.services.estimate_draft import EstimateInput, LineInput
from pillar.services.imports import running
from tests.support.cast import Company


@dataclass(frozen=True)
class Furnished:
    """What a company has: public ids by table, and what opens its documents."""

    company: Company
    words: tuple[str, ...]
    ids: dict[str, tuple[str, ...]]
    draft: str
    sent: str
    signed: str
    sent_token: str
    signed_token: str
    reset_token: str
    link_token: str
    certificate: str

    def one(self, table: str) -> str:
        """A public id of this table."""
        return self.ids[table][0]


@contextmanager
def writing() -> Iterator[None]:
    """The test's own context only reads; inside this it writes, and saves at the end."""
    db.session.rollback()
    g.reads_only = False
    try:
        yield
        db.session.commit()
    finally:
        db.session.rollback()
        g.reads_only = True


def furnish(company: Company, word: str, first_number: int) -> Furnished:
    """Fill a company. `word` stands in everything that people type, `first_number` begins its numbers."""
    with writing(), company.scope() as tenant:
        tenant.counter_starts = {"EST": first_number, "JOB": first_number}
        tenant.street, tenant.phone_e164 = f"{word} Street 1", "+19375550100"
        draft = _estimate(tenant, company, f"{word} draft")
        sent = _estimate(tenant, company, f"{word} heater")
        signed = _estimate(tenant, company, f"{word} furnace")
        estimates.send_estimate(tenant, sent)
        estimates.send_estimate(tenant, signed)
        db.session.flush()
        certificate = _sign(tenant, signed, f"{word} Signer")
        customers.add_note(company.customer_row(), f"{word} gate code", company.staff_row())
        _second_customer(word)
        token = _staff_things(company.staff_row(), word)
        link = personal_links.address(personal_links.make(company.contact_row())).rsplit("/", 1)[1]
        _import(word)
        found = (
            draft.public_id,
            sent.public_id,
            signed.public_id,
            sent.public_token,
            signed.public_token,
            token,
            link,
            certificate,
        )
    with company.scope():
        ids = _public_ids()
        numbers = [number for number in db.session.scalars(select(Estimate.number)) if number]
    return Furnished(company, (word, *numbers), ids, *found)


def _estimate(tenant: Tenant, company: Company, title: str) -> Estimate:
    content = EstimateInput(
        customer=company.customer_row(),
        title=title,
        lines=[LineInput(title, 1_000, 185_000, scope=f"{title} in detail")],
        contact=company.contact_row(),
        location=company.location_row(),
        message=f"{title} for you",
    )
    return estimates.draft_estimate(tenant, content)


def _sign(tenant: Tenant, estimate: Estimate, name: str) -> str:
    revision = estimate.revision
    signing = acceptance.Signing(
        revision=revision.n,
        content_hash=revision.content_hash,
        method=SignatureMethod.TYPE,
        signer_name=name,
        ip="127.0.0.1",
        user_agent="test",
        shown_total_cents=revision.total_cents,
    )
    return acceptance.accept_estimate(tenant, estimate.id, signing).certificate_id


def _second_customer(word: str) -> None:
    customers.create_customer(
        CustomerInput(display_name=f"{word} Library", source="Referral", tags=[word]),
        ContactInput(name=f"{word} Librarian", email=f"desk@{word.lower()}.example"),
        LocationInput(label=f"{word} Branch", street="1 Book Row", city="Dayton", state="OH"),
    )


def _staff_things(person: StaffUser, word: str) -> str:
    notifications.notify(person, "test", f"{word} alert", "/admin/", key=word)
    staff.send_link(person)
    db.session.flush()
    return staff.reset_link(person).rsplit("/", 1)[1]


def _import(word: str) -> None:
    batch = running.start_import(f"{word}.csv", "nothing", 1, word)
    running.give_up(batch, f"{word} is no table")


def _public_ids() -> dict[str, tuple[str, ...]]:
    """The public ids of every row of the bound tenant, by table."""
    found = {}
    for mapper in db.Model.registry.mappers:
        model = mapper.class_
        if hasattr(model, "public_id") and hasattr(model, "tenant_id"):
            found[model.__tablename__] = tuple(db.session.scalars(select(model.public_id).order_by(model.id)))
    return found
