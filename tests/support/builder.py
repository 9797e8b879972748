"""The form an estimate is written in, as the tests fill it in."""

from __future__ import annotations

from sqlalchemy import func, select

from pillar.extensions import db
from pillar.models import Estimate
from tests.support.cast import Company
from tests.support.client import PillarClient
from tests.support.pages import Form, Page


def new(office: PillarClient, company: Company, more: str = "") -> Page:
    """The page of a new estimate for the company's customer."""
    return office.page(f"/admin/estimates/new?customer={company.customer.public_id}{more}")


def writing(office: PillarClient, company: Company) -> Form:
    """Its form."""
    return new(office, company).form()


def line(path: str, description: str = "Water heater", price: str = "100", **more: str) -> dict[str, str]:
    """What is typed into a line."""
    fields = {"description": description, "unit_price": price} | more
    return {f"{path}-{name}": value for name, value in fields.items()}


def tiers(office: PillarClient, company: Company) -> Form:
    """A form with two options that are good to save."""
    page = office.submit(writing(office, company), "option", **line("lines-0", "Basic heater", "1000"))
    typed = {"options-0-label": "Basic", "options-1-label": "Standard"}
    second = line("options-1-lines-0", "Better heater", "2000")
    return office.submit(page, "totals", title="Two", **typed, **second).form()


def count(company: Company) -> int:
    """How many estimates the company has."""
    with company.scope():
        return db.session.scalar(select(func.count(Estimate.id))) or 0


def focused(page: Page) -> str:
    """The field that the page puts the keyboard on."""
    found = page.all("[autofocus]")
    return str(found[0]["id"]) if found else ""
