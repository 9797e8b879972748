"""Random estimates: page, mail and paper show the cents of the document, before and after the signature (2.13)."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable
from html import unescape
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from pillar.extensions import db
from pillar.models import Message
from pillar.models.signature import SignatureMethod
from pillar.offer import Choice, choose
from pillar.services import acceptance, estimate_pdf
from pillar.services.branding import profile_of
from pillar.services.quotes import Selection
from tests.support import estimates as making
from tests.support.cast import Company
from tests.support.client import PillarClient
from tests.support.drafts import DRAFTS
from tests.support.pdf import ReadPdf

_AMOUNT = re.compile(r"−?\$[\d,]+\.\d\d")
_TAG = re.compile(r"<[^>]*>")
# Most papers are compared by what they are set from; of these the finished file is read as well.
_EVERY = 6


@pytest.mark.parametrize(
    "examples",
    [9, pytest.param(100 * int(os.environ.get("PILLAR_FUZZ", "100")), marks=pytest.mark.soak)],
)
def test_page_mail_and_paper_show_the_documents_cents(
    acme: Company, client: PillarClient, examples: int
) -> None:
    seen = []

    # Making an example smaller would take minutes: each one is an estimate sent and signed.
    @settings(max_examples=examples, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(drafted=DRAFTS, data=st.data(), signs=st.booleans())
    def compare(drafted: dict[str, Any], data: st.DataObject, signs: bool) -> None:
        shown = _Estimate(acme, drafted)
        option = data.draw(st.sampled_from([each["key"] for each in shown.document["options"]]))
        keys = [line["key"] for line in shown.document["addons"]]
        ticked = tuple(key for key in keys if data.draw(st.booleans()))
        choice = choose(shown.document, option, ticked)
        _compare_offer(client, shown, choice, keys)
        if signs:
            shown.sign(choice)
            _compare_signed(client, shown, choice)
        seen.append(shown)
        if len(seen) % _EVERY == 1:
            _compare_file(client, shown, choice, is_signed=signs)

    compare()


class _Estimate:
    """One estimate that was sent, as it is stored."""

    def __init__(self, company: Company, drafted: dict[str, Any]) -> None:
        self.company = company
        with company.scope() as tenant:
            tenant.tax_rounding = drafted["rounding"]
            estimate = making.sent(
                company,
                tenant,
                lines=(),
                terms="",
                options=drafted["options"],
                add_ons=drafted["add_ons"],
                tax_rate_ppm=drafted["tax_rate_ppm"],
                deposit_cents=drafted["deposit"][0],
                deposit_ppm=drafted["deposit"][1],
            )
            db.session.commit()
            self.row_id, self.token, self.about = (
                estimate.id,
                estimate.public_token,
                f"estimate:{estimate.public_id}",
            )
            self.document = estimate.revision.content
            self.revision = (estimate.revision.n, estimate.revision.content_hash)
            db.session.rollback()

    def paper(self, choice: Choice) -> dict[str, Any]:
        """What is given to typesetting."""
        with self.company.scope() as tenant:
            estimate = estimate_pdf.quotes.load(db.session(), self.row_id)
            selection = Selection(choice.option_key, choice.addon_keys)
            values = estimate_pdf.describe(estimate, profile_of(tenant), selection).values
            db.session.rollback()
            return values

    def mails(self, template: str) -> list[tuple[str, str]]:
        """(plain text, HTML) of the mails of a kind."""
        with self.company.scope():
            query = select(Message.body_text, Message.body_html)
            rows = db.session.execute(query.where(Message.about == self.about, Message.template == template))
            return [(text, html) for text, html in rows]

    def sign(self, choice: Choice) -> None:
        """Sign it as it was shown."""
        signing = acceptance.Signing(
            *self.revision,
            method=SignatureMethod.TYPE,
            signer_name="John Mitchell",
            ip="198.51.100.24",
            user_agent="test",
            option_key=choice.option_key,
            addon_keys=choice.addon_keys,
            shown_total_cents=choice.total_cents,
        )
        with self.company.scope() as tenant:
            acceptance.accept_estimate(tenant, self.row_id, signing)
            db.session.commit()


def _compare_offer(client: PillarClient, shown: _Estimate, choice: Choice, keys: list[str]) -> None:
    query = [("option", choice.option_key), *(("addon", key) for key in choice.addon_keys)]
    html = client.get(f"/quote/{shown.token}", query_string=query).get_data(as_text=True)
    total, document = _money(choice.total_cents), shown.document
    totals = {
        each["key"]: _money(choose(document, each["key"], choice.addon_keys).total_cents)
        for each in document["options"]
    }
    assert dict(re.findall(r'data-live="price-(\w+)">([^<]+)<', html)) == totals
    assert Counter(_amounts(_part(html, 'data-live="included"', "</section>"))) == _lines_and_sums(choice)
    assert _amounts(_part(html, 'data-live="bar"', "</div>")) == [total]
    assert _amounts(_part(html, 'data-live="said"', "</p>")) == [total]
    assert _amounts(_part(html, 'data-live="side"', "</aside>"))[0] == total
    assert re.findall(r'name="total_cents" value="(\d+)"', html) == [str(choice.total_cents)]
    assert f" option for {total}" in html
    added = [_money(line["amount_cents"]) for line in document["addons"]]
    assert _amounts(_part(html, "Add what you like", "</fieldset>")) == added
    pick = _money(choose(document).total_cents)
    for text, page in shown.mails("estimate_sent"):
        assert set(_amounts(text)) == set(_amounts(page)) == {pick}
    paper = shown.paper(choice)
    (section,) = paper["sections"]
    assert _section(section) == _lines_and_sums(choice)
    assert [each["total"] for each in paper["others"]] == [
        cents for key, cents in totals.items() if key != choice.option_key
    ]
    assert [each["amount"] for each in paper["addons"]] == [
        cents for key, cents in zip(keys, added, strict=True) if key not in choice.addon_keys
    ]


def _compare_signed(client: PillarClient, shown: _Estimate, choice: Choice) -> None:
    html = client.get(f"/quote/{shown.token}").get_data(as_text=True)
    assert Counter(_amounts(_part(html, 'data-live="included"', "</section>"))) == _lines_and_sums(choice)
    without_deposit = _lines_and_sums(choice, has_deposit=False)
    total = Counter([_money(choice.total_cents)])
    ((text, page),) = shown.mails("estimate_accepted_customer")
    # The sentence on top says the total once more; the preheader of the HTML does so a third time.
    assert Counter(_amounts(text)) == without_deposit + total
    assert Counter(_amounts(page)) == without_deposit + total + total
    for text, page in shown.mails("estimate_accepted_office"):
        assert set(_amounts(text)) == set(_amounts(page)) == set(total)
    paper = shown.paper(choice)
    (section,) = paper["sections"]
    assert _section(section) == _lines_and_sums(choice)
    assert dict(paper["certificate"]["facts"])["Amount"] == _money(choice.total_cents)


def _compare_file(client: PillarClient, shown: _Estimate, choice: Choice, *, is_signed: bool) -> None:
    """The finished PDF; a signed one that no worker made yet is set here."""
    if is_signed:
        with shown.company.scope() as tenant:
            estimate = estimate_pdf.quotes.load(db.session(), shown.row_id)
            paper = estimate_pdf.describe(estimate, profile_of(tenant))
            db.session.rollback()
        text = ReadPdf(paper.typeset()).text.partition("Certificate of signature")[0]
    else:
        query = [("option", choice.option_key), *(("addon", key) for key in choice.addon_keys)]
        text = ReadPdf(client.get(f"/quote/{shown.token}/estimate.pdf", query_string=query).get_data()).text
        text = re.split("Other options|Add-ons you can choose", text)[0]
    assert Counter(_amounts(text)) == _lines_and_sums(choice)


def _lines_and_sums(choice: Choice, *, has_deposit: bool = True) -> Counter[str]:
    """Every amount that a customer must find: of each line price and amount, then the sums."""
    sums, cents = choice.totals, []
    for line in choice.lines:
        cents += [line["unit_price_cents"], line["amount_cents"]]
    cents += [sums.subtotal_cents, sums.total_cents]
    cents += [-sums.discount_cents] if sums.discount_cents else []
    cents += [sums.tax_cents] if choice.tax_rate_ppm else []
    cents += [choice.deposit_cents] if has_deposit and choice.deposit_cents else []
    assert sums.total_cents == sums.subtotal_cents - sums.discount_cents + sums.tax_cents
    assert sums.subtotal_cents == sum(line["amount_cents"] for line in choice.lines)
    return Counter(map(_money, cents))


def _section(section: dict[str, Any]) -> Counter[str]:
    lines: Iterable[str] = (line[name] for line in section["lines"] for name in ("price", "amount"))
    return Counter([*lines, *(row["amount"] for row in section["totals"])])


def _part(html: str, start: str, end: str) -> str:
    """From a mark to the end of its part; nothing where the mark is not there."""
    return html.partition(start)[2].partition(end)[0]


def _amounts(text: str) -> list[str]:
    """The amounts that a person reads in it."""
    return _AMOUNT.findall(unescape(_TAG.sub(" ", text)))


def _money(cents: int) -> str:
    """Written once more: `−$1,234.50`."""
    whole, rest = divmod(abs(cents), 100)
    return f"{'−' if cents < 0 else ''}${whole:,}.{rest:02}"
