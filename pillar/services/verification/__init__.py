"""`pillar verify`: every invariant as a question to the database. Each answer names the rows that break it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sqlalchemy import select

from pillar.extensions import db
from pillar.models.tenant import Tenant
from pillar.services.verification.audit_chain import broken_links
from pillar.services.verification.estimates import (
    changed_documents,
    sent_otherwise_than_noted,
    wrong_totals,
)
from pillar.services.verification.money import (
    overspent_credits,
    strangers_money,
    unbalanced_payments,
    wrong_balances,
    wrong_invoices,
)
from pillar.services.verification.numbering import gaps_and_repeats
from pillar.services.verification.papers import changed_papers
from pillar.services.verification.signatures import (
    accepted_without_signature,
    jobs_without_acceptance,
    signatures_of_other_content,
)
from pillar.tenancy import across_tenants, using_tenant


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken invariant: which, in which company, and the row."""

    invariant: str
    company: str
    row: str


# The name says what must hold; DOMAIN's number stands behind it.
CHECKS: dict[str, Callable[[], Iterator[str]]] = {
    "the audit chain is whole (44)": broken_links,
    "a sent revision has the content it was sent with (10, 12)": changed_documents,
    "a sent revision has the hash that the audit trail noted (10, 44)": sent_otherwise_than_noted,
    "a signature covers the content it was given for (12)": signatures_of_other_content,
    "a signed PDF has the hash it was stored with (15)": changed_papers,
    "an accepted estimate has exactly one signature (10)": accepted_without_signature,
    "a job of an estimate has an accepted one, and no second job (17)": jobs_without_acceptance,
    "total = subtotal - discount + tax, on rows and in the document (18)": wrong_totals,
    "an issued invoice shows the cents it was issued with, total = subtotal - discount + tax (18)": wrong_invoices,
    "balance = total - live allocations, between 0 and the total, and the status says so (19, 25)": wrong_balances,
    "a payment's cents are on invoices, refunded or held as credit (20, 22)": unbalanced_payments,
    "no credit is spent twice (21)": overspent_credits,
    "money pays only its own customer's invoices (20)": strangers_money,
    "numbers have no gap and no repeat (9)": gaps_and_repeats,
}


def violations() -> Iterator[Violation]:
    """Walk all companies and all checks."""
    with across_tenants(db.session(), "verify every company"):
        companies = db.session.execute(select(Tenant.id, Tenant.slug).order_by(Tenant.id)).all()
    for tenant_id, slug in companies:
        with using_tenant(db.session(), tenant_id):
            for invariant, check in CHECKS.items():
                for row in check():
                    yield Violation(invariant, slug, row)
