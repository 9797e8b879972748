"""Options, add-ons and deposit on the quote page: the server makes every total, and signs what was shown (2.2)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from pillar.canonical import content_hash
from pillar.extensions import db
from pillar.models import Estimate, Job, Message, Signature
from pillar.offer import choose as price
from pillar.services import estimates
from pillar.services.estimate_draft import LineInput, OptionInput
from tests.support import choices
from tests.support import estimates as making
from tests.support.bed import Bed
from tests.support.cast import Company
from tests.support.choices import BASIC, BASIC_WITH_ALL, HAUL, PICK, SENSOR, STANDARD
from tests.support.client import PillarClient
from tests.support.pages import Page
from tests.support.pdf import ReadPdf


@pytest.fixture
def token(database: Bed, acme: Company) -> str:
    """The link of an estimate with three options and two add-ons."""
    return database.stage("choices", lambda: choices.make(acme))


def chosen(page: Page) -> dict[str, list[str]]:
    """What is ticked on the page."""
    values = page.form("#sign form").values()
    return {name: values.getlist(name) for name in ("option", "addon")}


def signature(company: Company) -> dict[str, Any] | None:
    with company.scope():
        row = db.session.scalars(select(Signature)).one_or_none()
        if row is None:
            return None
        return {
            "option": row.option_key,
            "addons": row.addon_keys,
            "total": row.total_cents,
            "consent": row.consent_text,
            "covers": row.choice_hash == content_hash(row.choice),
            "choice": row.choice,
        }


def everywhere(page: Page, label: str, total: str) -> None:
    """The same option and the same total in every place that says one."""
    assert page.one("#included").get_text() == f"What's included in {label}"
    assert page.texts(".sum")[-1] == total
    assert page.texts("aside h2")[0] == page.texts(".bar .detail")[0] == label
    assert page.texts("aside .amount") == page.texts(".bar strong") == [total]
    assert f"I approve the {label} option for {total} and agree to the terms." in page.text
    shown = page.form("#sign form").values()["total_cents"]
    assert f"${int(shown) / 100:,.2f}" == total


def test_the_companys_pick_is_chosen_at_first(client: PillarClient, token: str) -> None:
    page = client.page(f"/quote/{token}")
    assert page.texts(".tier > .strong") == ["Basic", "Standard", "Premium"]
    assert page.texts(".tier .price") == ["$1,522.50", PICK, "$2,589.20"]
    assert "Our pick for you" in page.all(".tier")[1].get_text()
    assert [tag.get_text() for tag in page.all(".tier")[0].select(".ticks li")] == ["Gas tank", "Labor"]
    assert chosen(page) == {"option": ["2"], "addon": [HAUL]}
    everywhere(page, "Standard", PICK)
    assert page.texts("tbody td:first-child .strong") == ["Gas tank", "Labor", "City permit", "Haul away"]


def test_an_option_says_why_in_one_line(acme: Company, client: PillarClient, token: str) -> None:
    """On page and paper, in copies and in the next revision; a document without reasons is what it always was."""
    basic, standard, premium = choices.OPTIONS
    reasons = replace(basic, reason="Like for like"), replace(standard, reason="<b>Four</b> people"), premium
    other = choices.make(acme, options=reasons)
    shown = ["Like for like", "Our pick for you · <b>Four</b> people"]
    assert client.page(f"/quote/{other}").texts(".tier > .detail") == shown
    for query in ("", "?option=1"):
        pdf = ReadPdf(client.get(f"/quote/{other}/estimate.pdf{query}").get_data())
        assert all(
            f"{label} {words}" in pdf.text for label, words in zip(("Basic", "Standard"), shown, strict=True)
        )
    with acme.scope():
        plain, estimate = db.session.scalars(select(Estimate).order_by(Estimate.id)).all()
        assert '"reason"' not in str(plain.revision.document)
        options = estimate.revision.content["options"]
        assert [option.get("reason") for option in options] == [reasons[0].reason, reasons[1].reason, None]
        copies = (estimates.duplicate_estimate(estimate).draft, estimates.start_revision(estimate))
        assert [[option.reason for option in copy.options] for copy in copies if copy] == [
            [reasons[0].reason, reasons[1].reason, ""]
        ] * 2
        db.session.rollback()


def test_update_total_shows_another_choice_without_a_script(client: PillarClient, token: str) -> None:
    page = choices.choose(client, token, option="1", addon=[SENSOR, HAUL])
    assert page.response.request.full_path == f"/quote/{token}?option=1&addon=1&addon=2"
    assert chosen(page) == {"option": ["1"], "addon": ["1", "2"]}
    everywhere(page, "Basic", BASIC_WITH_ALL)
    # Prices of the other options follow the add-ons.
    assert page.texts(".tier .price")[1] == "$1,837.00"
    none = choices.choose(client, token, option="2", addon=[])
    assert chosen(none) == {"option": ["2"], "addon": []}
    everywhere(none, "Standard", STANDARD)


def test_the_form_leaves_nothing_but_the_choice_in_the_address(client: PillarClient, token: str) -> None:
    form = client.page(f"/quote/{token}").form("#sign form")
    sent = form.filled("Update total", signer_name="John Mitchell", option="1")
    assert "csrf_token" not in sent
    answer = Page(client.get(f"/quote/{token}", query_string=sent))
    path, _, query = answer.location.partition("?")
    assert path == f"/quote/{token}"
    assert sorted(query.split("&")) == ["addon=2", "option=1"]


@pytest.mark.parametrize(
    "query", ["option=9", "option=2&addon=7", "option=&addon=1", "option=-1", "option=%00"]
)
def test_an_address_with_what_is_not_there_shows_the_offer(
    client: PillarClient, token: str, query: str
) -> None:
    page = client.page(f"/quote/{token}?{query}", status=422)
    assert "Choose " in page.one(".flash.bad").get_text()
    everywhere(page, "Standard", PICK)


def test_what_was_chosen_is_signed(acme: Company, client: PillarClient, token: str) -> None:
    page = choices.choose(client, token, option="1", addon=[SENSOR, HAUL])
    done = choices.sign(client, page)
    assert done.status == 303
    signed = signature(acme)
    assert signed is not None
    assert (signed["option"], signed["addons"], signed["total"]) == ("1", ["1", "2"], 1_737_00)
    assert signed["consent"].startswith(f"I approve the Basic option for {BASIC_WITH_ALL}")
    assert signed["covers"]
    confirmed = client.follow(done)
    assert f", Basic, {BASIC_WITH_ALL}" in confirmed.text
    with acme.scope():
        estimate = db.session.scalars(select(Estimate)).one()
        job = db.session.scalars(select(Job)).one()
        assert estimate.total_cents == job.contract_total_cents == 1_737_00
        assert estimate.revision.is_genuine
        mails = db.session.scalars(select(Message).where(Message.template != "estimate_sent")).all()
        assert mails
        assert all(BASIC_WITH_ALL in mail.body_text for mail in mails)
    shown = client.page(f"/quote/{token}")
    assert not shown.all(".tier")
    assert shown.texts(".sum")[-1] == BASIC_WITH_ALL
    assert shown.texts("tbody td:first-child .strong") == ["Gas tank", "Labor", "Leak sensor", "Haul away"]


def test_another_option_without_its_total_is_shown_first(
    acme: Company, client: PillarClient, token: str
) -> None:
    """Without a script somebody may choose and sign at once: the sentence they ticked was about another amount."""
    page = client.page(f"/quote/{token}")
    again = choices.sign(client, page, option="1", addon=[])
    assert again.status == 409
    assert "This is the total for what you chose. Please read it again" in again.one(".flash.bad").get_text()
    everywhere(again, "Basic", BASIC)
    values = again.form("#sign form").values()
    assert values["signer_name"] == "John Mitchell"
    assert "consent" not in values
    assert signature(acme) is None
    assert choices.sign(client, again).status == 303
    signed = signature(acme)
    assert signed is not None
    assert (signed["option"], signed["addons"], signed["total"]) == ("1", [], 1_472_50)


def test_an_error_keeps_the_choice(acme: Company, client: PillarClient, token: str) -> None:
    page = choices.choose(client, token, option="3", addon=[SENSOR])
    again = choices.sign(client, page, signer_name="", consent=False)
    assert again.status == 422
    assert chosen(again) == {"option": ["3"], "addon": [SENSOR]}
    assert signature(acme) is None
    assert choices.sign(client, again).status == 303


TAMPERED: list[tuple[dict[str, Any], int]] = [
    ({"total_cents": "1"}, 409),
    ({"total_cents": "-162250"}, 409),
    ({"total_cents": ""}, 409),
    ({"total_cents": "1622.50"}, 409),
    ({"total_cents": "9" * 400}, 409),
    ({"total_cents": None}, 409),
    ({"option": "9"}, 422),
    ({"option": "-2"}, 422),
    ({"option": "2\0"}, 422),
    ({"option": None}, 422),
    ({"addon": "9"}, 422),
    ({"addon": "-1"}, 422),
    ({"addon": "addon.1"}, 422),
    ({"content_hash": "0" * 64}, 409),
    ({"revision": "2"}, 409),
]


@pytest.mark.parametrize(("changes", "status"), TAMPERED, ids=lambda value: str(value)[:40])
def test_what_a_browser_makes_up_changes_nothing(
    acme: Company, client: PillarClient, token: str, changes: dict[str, Any], status: int
) -> None:
    page = client.page(f"/quote/{token}")
    sent = page.form("#sign form").filled("Approve and sign", signer_name="Eve Mallory", consent=True)
    for name, value in changes.items():
        sent.poplist(name)
        if value is not None:
            sent.add(name, value)
    answer = Page(client.post(f"/quote/{token}/approval", data=sent, headers={"Referer": page.url}))
    assert answer.status == status, answer
    assert answer.all(".tier")
    everywhere(answer, "Standard", PICK)
    assert signature(acme) is None
    with acme.scope():
        assert db.session.scalars(select(Estimate)).one().status.value == "sent"


@pytest.mark.parametrize("name", ["unit_price_cents", "price", "discount_cents", "quantity", "deposit_cents"])
def test_prices_from_a_browser_are_not_read(
    acme: Company, client: PillarClient, token: str, name: str
) -> None:
    page = client.page(f"/quote/{token}")
    sent = page.form("#sign form").filled("Approve and sign", signer_name="John Mitchell", consent=True)
    sent.add(name, "-1")
    assert (
        client.post(f"/quote/{token}/approval", data=sent, headers={"Referer": page.url}).status_code == 303
    )
    signed = signature(acme)
    assert signed is not None
    assert signed["total"] == 1_622_50


def test_an_option_of_another_estimate_is_not_taken(acme: Company, client: PillarClient, token: str) -> None:
    other = choices.make(
        acme, options=(choices.OPTIONS[0], OptionInput("Deluxe", [LineInput("Gold", 1000, 5)]))
    )
    page, theirs = client.page(f"/quote/{token}"), client.page(f"/quote/{other}")
    sent = theirs.form("#sign form").filled("Approve and sign", signer_name="John Mitchell", consent=True)
    answer = client.post(f"/quote/{token}/approval", data=sent, headers={"Referer": page.url})
    assert answer.status_code == 409
    assert signature(acme) is None


def test_a_plain_estimate_reads_no_choice(acme: Company, client: PillarClient) -> None:
    token = making.make_sent(acme)
    page = client.page(f"/quote/{token}")
    assert not page.all("#choose, [name=option], [name=addon], [name=total_cents]")
    sent = page.form("#sign form").filled(signer_name="John Mitchell", consent=True)
    for name, value in (("option", "9"), ("addon", "1"), ("total_cents", "1")):
        sent.add(name, value)
    assert (
        client.post(f"/quote/{token}/approval", data=sent, headers={"Referer": page.url}).status_code == 303
    )
    signed = signature(acme)
    assert signed is not None
    assert signed["total"] == making.TOTAL_CENTS


def test_add_ons_alone_are_a_choice(acme: Company, client: PillarClient) -> None:
    token = choices.make(acme, options=(), lines=[choices.TANK], deposit_cents=0)
    page = client.page(f"/quote/{token}")
    assert not page.all(".tier")
    assert page.texts("#choose legend") == ["1. Add what you like"]
    assert page.texts("aside .amount") == ["$1,122.50"]
    without = choices.choose(client, token, addon=[])
    assert without.texts("aside .amount") == ["$1,072.50"]
    assert choices.sign(client, without).status == 303
    signed = signature(acme)
    assert signed is not None
    assert (signed["addons"], signed["total"]) == ([], 1_072_50)


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        (
            {"deposit_cents": 500_00},
            "$500.00 deposit when you approve. The rest is due when the work is done.",
        ),
        (
            {"deposit_cents": 0, "deposit_ppm": 300_000},
            "$486.75 deposit when you approve. The rest is due when the work is done.",
        ),
        ({"deposit_cents": 9_999_00}, f"{PICK} deposit when you approve."),
        ({"deposit_cents": 0}, ""),
    ],
)
def test_the_deposit_stands_under_the_total(
    acme: Company, client: PillarClient, rule: dict[str, int], sentence: str
) -> None:
    page = client.page(f"/quote/{choices.make(acme, **rule)}")
    if sentence:
        assert sentence in page.text
        assert page.texts("aside dt") == ["Deposit", "When the work is done"]
    assert ("deposit" in page.text) == bool(sentence)
    assert ("The rest is due" in page.text) == sentence.endswith("done.")


def test_the_office_changed_it_meanwhile(acme: Company, client: PillarClient, token: str) -> None:
    page = choices.choose(client, token, option="1", addon=[SENSOR])
    with acme.scope() as tenant:
        estimate = db.session.scalars(select(Estimate)).one()
        estimates.start_revision(estimate)
        content = estimates.EstimateInput(
            customer=estimate.customer,
            contact=estimate.contact,
            title=estimate.title,
            options=(OptionInput("Basic", [choices.TANK]), *choices.OPTIONS[1:]),
            add_ons=choices.ADD_ONS[:1],
            terms="New terms.",
            tax_rate_ppm=making.TAX_PPM,
            change_note="The permit office asked for less.",
        )
        estimates.edit_draft(tenant, estimate, content)
        estimates.send_estimate(tenant, estimate)
        db.session.commit()
    again = choices.sign(client, page)
    assert again.status == 409
    assert "We changed this estimate while you had it open." in again.text
    assert "The permit office asked for less." in again.text
    changed = again.texts("section[aria-labelledby=changed] li")
    assert "Taken out: Labor (Basic)." in changed
    assert "Taken out: Haul away (add-on)." in changed
    assert signature(acme) is None
    assert client.page(f"/quote/{token}?option=1&addon=2", status=422).all(".tier")


def test_every_choice_on_the_page_costs_what_the_document_says(
    acme: Company, client: PillarClient, token: str
) -> None:
    with acme.scope():
        document = db.session.scalars(select(Estimate)).one().revision.content
    for option in ("1", "2", "3"):
        for addons in ([], [SENSOR], [HAUL], [SENSOR, HAUL]):
            page = client.page(f"/quote/{token}", query_string={"option": option, "addon": addons})
            choice = price(document, option, addons)
            everywhere(page, choice.label, f"${choice.total_cents / 100:,.2f}")


def test_the_page_takes_few_queries(client: PillarClient, token: str) -> None:
    client.page(f"/quote/{token}")
    with making.counting() as seen:
        client.page(f"/quote/{token}?option=3&addon=1")
    assert len(seen) <= 4, seen
