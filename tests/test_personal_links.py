"""Personal portal links: four digits, then a session; and what helps when that is not to be (1.5, 1.11, 1.12)."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from flask import Flask

from pillar import clock
from pillar.models.customer import PortalAccess
from pillar.models.message import FailureCategory, MessageStatus
from pillar.models.tenant import LastFour
from pillar.services import personal_links, portal_mail
from pillar.services.failures import NotSendable
from tests.support.bed import Bed
from tests.support.cast import Company
from tests.support.client import PillarClient
from tests.support.furnished import writing
from tests.support.mail import FakeMail
from tests.support.office import limits_on
from tests.support.personal_links import (
    RIGHT,
    change_contact,
    change_portal,
    deliver_all,
    is_in,
    links_of,
    make_link,
    messages_of,
    open_link,
    portal_sessions,
    senders_alive,
    try_digits,
)
from tests.support.portal import signed_in_customer
from tests.support.site import dump

NewClient = Callable[[], PillarClient]
MASKED = "j•••@acme.example"


def ago(**span: float) -> object:
    return clock.now() - timedelta(**span)


def test_four_digits_open_the_portal(client: PillarClient, acme: Company) -> None:
    path = make_link(acme)
    before = dump()
    for method in ("GET", "HEAD", "OPTIONS"):
        looked = client.open(path, method=method)
        assert path not in looked.headers.get("Location", "")
    page = open_link(client, path)
    assert dump() == before
    assert "Type the last four digits of your phone number" in page.text
    assert RIGHT not in page.html
    assert "937" not in page.one("main").get_text().replace("(937) 555-0100", "")
    assert page.one('[name="digits"]')["inputmode"] == "numeric"
    answer = try_digits(client, page, f" {RIGHT} ")
    assert answer.location == f"/portal/{acme.slug}/estimates"
    assert is_in(client, acme)
    assert "pillar-link=;" in "".join(answer.response.headers.getlist("Set-Cookie"))
    # It can be used again; right answers do not count as tries.
    assert [link.tries for link in links_of(acme)] == [0]
    assert client.page(client.page(path, status=303).location, status=303).location.endswith("/estimates")


def test_five_wrong_tries_leave_only_the_one_time_link(client: PillarClient, acme: Company) -> None:
    senders_alive()
    page = open_link(client, make_link(acme))
    for left in (4, 3, 2, 1):
        answer = try_digits(client, page, "9999")
        assert answer.status == 422
        assert f"You have {left} more" in answer.text
    assert try_digits(client, page, "12").status == 422
    assert [link.tries for link in links_of(acme)] == [4]
    assert "last try" in try_digits(client, page, "9998").text
    assert try_digits(client, page, RIGHT).location == f"/portal/{acme.slug}/link"
    page = client.page(f"/portal/{acme.slug}/link")
    assert not page.all('[name="digits"]')
    assert not is_in(client, acme)
    sent = client.submit(page)
    assert sent.location == f"/portal/{acme.slug}/sent"
    assert MASKED in client.page(sent.location).text


@pytest.mark.parametrize(
    ("phones", "asks", "opens"),
    [
        (("(937) 555-0142",), True, ("0142",)),
        (("(937) 555-0142", "937-555-7777"), True, ("0142", "7777")),
        (("911", "(937) 555-0142"), True, ("0142",)),
        (("call Mary",), False, ()),
        (("",), False, ()),
    ],
)
def test_which_digits_open_it(
    new_client: NewClient, acme: Company, phones: tuple[str, ...], asks: bool, opens: tuple[str, ...]
) -> None:
    change_contact(acme, *phones)
    path = make_link(acme)
    page = open_link(new_client(), path)
    assert bool(page.all('[name="digits"]')) is asks
    assert MASKED in page.text
    for digits in opens:
        visitor = new_client()
        try_digits(visitor, open_link(visitor, path), digits)
        assert is_in(visitor, acme)


def test_switched_off_it_offers_a_one_time_link(client: PillarClient, acme: Company) -> None:
    path = make_link(acme)
    page = open_link(client, path)
    change_portal(acme, signin_last4=LastFour.OFF)
    assert not open_link(client, path).all('[name="digits"]')
    assert try_digits(client, page, RIGHT).status == 303
    assert not is_in(client, acme)


def test_tries_beside_each_other_are_all_counted(new_client: NewClient, acme: Company) -> None:
    path = make_link(acme)
    visitors = [new_client() for _ in range(12)]
    pages = [open_link(visitor, path) for visitor in visitors]
    with ThreadPoolExecutor(12) as pool:
        answers = list(
            pool.map(
                lambda pair: try_digits(pair[0], pair[1], "9999").status, zip(visitors, pages, strict=True)
            )
        )
    assert answers.count(422) == 5
    assert [link.tries for link in links_of(acme)] == [5]


def test_what_is_no_link_of_ours_is_not_found(
    database: Bed, client: PillarClient, acme: Company, rival: Company
) -> None:
    path = make_link(acme)
    forged = [path[:-1] + ("A" if path[-1] != "A" else "B"), path.replace(".", ".A", 1), "/link/short"]
    theirs = make_link(rival).split("/")[2].split(".")
    forged.append(f"/link/{theirs[0]}.{'.'.join(path.split('/')[2].split('.')[1:])}")
    for each in forged:
        assert client.get(each).status_code == 404, each
        assert client.post(f"{each}/fresh").status_code in (400, 404)
    with database.another_app(customer_token_secrets=("another-key-" + "k" * 32,)) as app:
        assert app.test_client().get(path).status_code == 404
    with database.another_app(
        customer_token_secrets=("new" * 12, *database.config.customer_token_secrets)
    ) as app:
        assert app.test_client().get(path).status_code == 303


def test_another_companys_portal_does_not_take_it(
    client: PillarClient, acme: Company, rival: Company
) -> None:
    client.page(make_link(acme), status=303)
    assert client.page(f"/portal/{rival.slug}/link", status=303).location == f"/portal/{rival.slug}/sign-in"
    page = client.page(f"/portal/{acme.slug}/link")
    answer = client.submit(page.form('form[action$="/link"]'), to=f"/portal/{rival.slug}/link", digits=RIGHT)
    assert answer.location == f"/portal/{rival.slug}/link"
    assert portal_sessions() == 0


@pytest.mark.parametrize("access", [PortalAccess.DOCUMENTS, PortalAccess.NONE])
def test_who_may_not_come_in_does_not(client: PillarClient, acme: Company, access: PortalAccess) -> None:
    path = make_link(acme)
    page = open_link(client, path)
    change_contact(acme, portal_access=access)
    assert client.get(path).status_code == 404
    try_digits(client, page, RIGHT)
    assert portal_sessions() == 0


@pytest.mark.parametrize("over", ["expires_at", "revoked_at"])
def test_a_link_that_is_over_sends_a_fresh_one(
    client: PillarClient, acme: Company, mail: FakeMail, over: str
) -> None:
    page = open_link(client, make_link(acme))
    path = make_link(acme, **{over: ago(seconds=1)})
    over_page = client.page(path, status=410)
    assert f"Send a new link to {MASKED}" in over_page.text
    assert acme.contact.email not in over_page.html
    # Nobody is there who would send it, and it says so.
    assert "could not send" in client.page(client.submit(over_page).location, status=410).text
    assert messages_of(acme, portal_mail.TEMPLATE) == []
    senders_alive()
    answer = client.page(client.submit(client.page(path, status=410)).location, status=410)
    assert f"We sent a new link to {MASKED}" in answer.text
    deliver_all(acme)
    assert [sent.to for sent in mail.sent] == [acme.contact.email]
    assert mail.sent[0].text.count("/link/") == 1
    fresh = "/link/" + mail.sent[0].text.split("/link/")[1].split()[0]
    assert try_digits(client, open_link(client, fresh), RIGHT).status == 303
    # A link in hand that ends while the page is open says so too.
    assert page.status == 200


def test_the_database_holds_no_link_that_works(client: PillarClient, acme: Company, mail: FakeMail) -> None:
    with writing(), acme.scope() as tenant:
        portal_mail.send_link(tenant, acme.contact_row())
    deliver_all(acme)
    link = mail.sent[0].text.split("/link/")[1].split()[0]
    assert link in mail.sent[0].html
    kept = repr(dump())
    assert link not in kept
    assert link.rpartition(".")[0] in kept
    blank = f"{link.rpartition('.')[0]}.{'0' * 24}"
    assert client.get(f"/link/{blank}").status_code == 404
    assert client.get(f"/link/{link}").status_code == 303


def test_nobody_gets_a_link_signed_by_writing_one(acme: Company, mail: FakeMail) -> None:
    """A blank link in words that somebody typed stays blank: only the message's own is signed."""
    make_link(acme)
    with writing(), acme.scope() as tenant:
        victim = personal_links.blank_address(personal_links.live_links([acme.contact_row()])[0])
        contact = acme.contact_row()
        contact.name = victim
        portal_mail.send_link(tenant, contact)
    deliver_all(acme)
    assert victim.rsplit("/", 1)[1] in mail.sent[0].text
    assert mail.sent[0].text.count("0" * 24) == 1


def test_without_a_key_portal_links_fail_and_say_why(
    database: Bed, acme: Company, signed_in: Callable[..., PillarClient]
) -> None:
    with database.another_app(customer_token_secrets=()) as app:
        office = app.test_client().sign_in(acme.staff[next(iter(acme.staff))].email)
        page = office.page(f"/admin/customers/{acme.customer.public_id}")
        answer = office.submit(page.form('form[action$="/send"]:has([value="email"])'))
        shown = office.page(answer.location).text
        assert "Links are not set up" in shown
        assert "CUSTOMER_TOKEN_SECRET" in shown
    [message] = messages_of(acme, portal_mail.TEMPLATE)
    assert (message.status, message.failure_category) == (MessageStatus.FAILED, FailureCategory.LINK_SETUP)
    # With the key there, the office sends the same message again.
    office = signed_in(acme)
    page = office.page(f"/admin/outbox/{message.public_id}")
    office.submit(page.form('form[action*="send"]'))
    deliver_all(acme)
    assert messages_of(acme, portal_mail.TEMPLATE)[0].status is MessageStatus.SENT
    with database.another_app(customer_token_secrets=()) as app, app.app_context(), acme.scope():
        link = personal_links.of_message(messages_of(acme, portal_mail.TEMPLATE)[0])
        assert link is not None
        with pytest.raises(NotSendable):
            personal_links.address(link)


def test_fresh_links_are_limited(database: Bed, acme: Company) -> None:
    path = make_link(acme, revoked_at=ago(seconds=1))
    senders_alive()
    with limits_on(database) as app:
        answers = []
        for n in range(5):
            visitor = app.test_client()
            page = visitor.page(path, status=410)
            data = page.form().filled()
            answers.append(
                visitor.post(
                    f"{path}/fresh", data=data, environ_overrides={"REMOTE_ADDR": f"198.51.100.{n + 1}"}
                ).status_code
            )
    assert answers == [303, 303, 303, 429, 429]


def test_whoever_is_in_already_goes_on(client: PillarClient, acme: Company, app: Flask) -> None:
    signed_in_customer(client, acme)
    assert client.page(client.page(make_link(acme), status=303).location, status=303).location.endswith(
        "/estimates"
    )
