"""Estimates as the tests need them, made by the product's own services."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

from sqlalchemy import event, func, inspect, select, text

from pillar.extensions import db
from pillar.models import Estimate, Tenant
from pillar.models.signature import SignatureMethod
from pillar.services import estimates
from pillar.services.acceptance import Signing
from pillar.services.estimate_draft import EstimateInput, LineInput
from tests.support.cast import Company
from tests.support.client import PillarClient
from tests.support.pages import Page

# Water heater 1,850.00 (taxed) and 4 hours of labor 480.00: 2,330.00, tax at 7.25 % 134.13, in all 2,464.13.
LINES = (
    LineInput("Water heater replacement", 1000, 1_850_00, scope="50 gallons, gas\nOld one removed"),
    LineInput("Labor", 4000, 120_00, is_taxable=False, unit="hr"),
)
TAX_PPM = 72_500
TOTAL = "$2,464.13"
TOTAL_CENTS = 2_464_13

# What quote.js posts for a signature, and for a slip of the finger.
STROKES = json.dumps(
    {
        "width": 340,
        "height": 176,
        "strokes": [[[30 + 4 * n, 88 + 50 * math.sin(n / 3), 16 * n] for n in range(70)]],
    }
)
DOT = json.dumps({"width": 340, "height": 176, "strokes": [[[100, 80, 0], [103, 81, 20]]]})


def draft(company: Company, tenant: Tenant, **overrides: Any) -> Estimate:
    """A draft for the company's customer, inside `scope()`. Not committed."""
    values: dict[str, Any] = {
        "customer": company.customer_row(),
        "contact": company.contact_row(),
        "location": company.location_row(),
        "title": "Water heater replacement",
        "lines": LINES,
        "message": "Thanks for having us over.",
        "terms": "Payment is due when the work is done.",
        "tax_rate_ppm": TAX_PPM,
    }
    return estimates.draft_estimate(tenant, EstimateInput(**(values | overrides)))


def sent(company: Company, tenant: Tenant, **overrides: Any) -> Estimate:
    """A sent estimate, inside `scope()`. Not committed."""
    estimate = draft(company, tenant, **overrides)
    estimates.send_estimate(tenant, estimate)
    return estimate


def ready_to_sign(company: Company) -> tuple[int, Signing]:
    """A saved, sent estimate's row id, and what somebody who saw it posts."""
    with company.scope() as tenant:
        row = sent(company, tenant)
        db.session.commit()
        revision = row.revision
        signing = Signing(
            revision=revision.n,
            content_hash=revision.content_hash,
            method=SignatureMethod.TYPE,
            signer_name="John Mitchell",
            ip="198.51.100.24",
            user_agent="test",
        )
        return row.id, signing


def make_draft(company: Company, **overrides: Any) -> str:
    """Make and save a draft; its public id."""
    with company.scope() as tenant:
        public_id = draft(company, tenant, **overrides).public_id
        db.session.commit()
    return public_id


def make_sent(company: Company, **overrides: Any) -> str:
    """Make and save a sent estimate; its private token."""
    with company.scope() as tenant:
        token = sent(company, tenant, **overrides).public_token
        db.session.commit()
    return token


def approve(client: PillarClient, token: str, **typed: Any) -> Page:
    """Open the page and press Approve and sign, as a person without a script."""
    values = {"signer_name": "John Mitchell", "consent": True, **typed}
    return client.submit(client.page(f"/quote/{token}").form("#sign form"), **values)


def valid_until(day: str) -> dict[str, date]:
    """An override."""
    return {"valid_until": date.fromisoformat(day)}


@contextmanager
def counting() -> Iterator[list[str]]:
    """The statements that any session of this process sends while the block runs; BEGIN and pragmas are none."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if not statement.startswith(("BEGIN", "PRAGMA", "SAVEPOINT", "RELEASE")):
            seen.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(db.engine, "before_cursor_execute", note)


def the_estimate(company: Company, public_id: str) -> dict[str, Any]:
    """What is stored, as plain values."""
    with company.scope():
        row = db.session.scalars(select(Estimate).where(Estimate.public_id == public_id)).one()
        revision = row.revisions[-1]
        return {
            "status": row.status.value,
            "number": row.number,
            "title": row.title,
            "token": row.public_token,
            "valid_until": row.valid_until,
            "contact": row.contact and row.contact.public_id,
            "location": row.location and row.location.public_id,
            "total": row.total_cents,
            "tax_ppm": revision.tax_rate_ppm,
            "lines": [
                (line.description, line.quantity_thousandths, line.unit_price_cents, line.is_taxable)
                for line in revision.options[0].lines
            ],
            "document": revision.document,
        }


def count(company: Company, model: type[Any]) -> int:
    """How many of them a company has."""
    with company.scope():
        return db.session.scalar(select(func.count()).select_from(model)) or 0


def details(office: PillarClient, public_id: str) -> Page:
    return office.page(f"/admin/estimates/{public_id}")


def press(office: PillarClient, public_id: str, action: str, **typed: Any) -> Page:
    """Press a button of the estimate's page and read the page it leads to."""
    page = details(office, public_id)
    done = office.submit(page.form(f'form[action$="/{action}"]'), **typed)
    assert done.status == 303, done
    return office.follow(done)


def only(model: type[Any]) -> Any:
    """The only row of a model. Read what you need of it inside this company's scope."""
    return db.session.scalars(select(model)).one()


def everything() -> dict[str, int]:
    """How many rows each table has."""
    with db.engine.connect() as connection:
        return {
            table: connection.scalar(text(f"SELECT count(*) FROM {table}")) or 0
            for table in inspect(db.engine).get_table_names()
        }
