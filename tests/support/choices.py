"""An estimate with something to choose: three options, two add-ons, a deposit."""

from __future__ import annotations

from typing import Any

from pillar.services.estimate_draft import LineInput, OptionInput
from tests.support import estimates as making
from tests.support.cast import Company
from tests.support.client import PillarClient
from tests.support.pages import Page

TANK = LineInput("Gas tank", 1000, 1_000_00, scope="40 gallons")
LABOR = LineInput("Labor", 4000, 100_00, is_taxable=False, unit="hr")
PERMIT = LineInput("City permit", 1000, 100_00, is_taxable=False)
# Taxed at 7.25 %: the gas tank 72.50, the leak sensor 14.50.
OPTIONS = (
    OptionInput("Basic", [TANK, LABOR]),
    OptionInput("Standard", [TANK, LABOR, PERMIT], is_recommended=True),
    OptionInput(
        "Premium", [LineInput("Heat pump tank", 1000, 2_000_00), LABOR, PERMIT], discount_cents=100_00
    ),
)
ADD_ONS = (
    LineInput("Leak sensor", 1000, 200_00, scope="With shut-off"),
    LineInput("Haul away", 1000, 50_00, is_taxable=False, is_preselected=True),
)
# The company's pick with the add-on it ticks; an option alone; one with both add-ons.
PICK, BASIC, STANDARD, BASIC_WITH_ALL = "$1,622.50", "$1,472.50", "$1,572.50", "$1,737.00"
SENSOR, HAUL = "1", "2"


def make(company: Company, **overrides: Any) -> str:
    """Make and save a sent estimate with choices; its private token."""
    values: dict[str, Any] = {"options": OPTIONS, "add_ons": ADD_ONS, "deposit_cents": 500_00, "lines": ()}
    return making.make_sent(company, **(values | overrides))


def choose(client: PillarClient, token: str, **chosen: Any) -> Page:
    """The page after pressing Update total, as a person without a script."""
    form = client.page(f"/quote/{token}").form("#sign form")
    button = form.button("Update total")
    assert button is not None
    assert button["formmethod"] == "get"
    sent = form.filled("Update total", **chosen)
    return client.page(str(button["formaction"]), query_string=sent, follow=True)


def sign(client: PillarClient, page: Page, **typed: Any) -> Page:
    """Press Approve and sign."""
    values = {"signer_name": "John Mitchell", "consent": True, **typed}
    return client.submit(page.form("#sign form"), "Approve and sign", **values)
